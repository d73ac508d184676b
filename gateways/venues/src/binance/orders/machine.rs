//! The order-entry machine: one FIX link, its life, and the core's commands.
//!
//! A line belongs here if it branches on an event or on the state of the link. Reading and writing
//! messages is `report` and `encode`; REST is `rest` and `reconcile`.

use rutter_core::id::{AssetId, ChildId};
use rutter_core::input::{Doubt, Ending, Input, VenueDownReason, VenueReject};
use rutter_core::number::{Qty, Text};
use rutter_core::output::SendNew;
use rutter_fix::codec::Message;
use rutter_fix::tags::{self, msg_type};
use rutter_transport::machine::{CloseReason, Endpoint, Event, Framing, Machine, Outbox};
use rutter_transport::refusals::Refusals;
use rutter_transport::standing::{Standing, Why};
use rutter_transport::unread::Unread;

use super::encode;
use super::reconcile::{BinanceDialect, PACE};
use super::report::{self, News, ORDER_AMEND_REJECT, Reader};
use super::status::{Counters, Status};
use crate::VenueCommand;
use crate::backoff::Backoff;
use crate::binance::config::{BinanceConfig, ConfigError};
use crate::binance::feed::rest::note;
use crate::binance::ids;
use crate::binance::reject;
use crate::fix_children::{Children, Request};
use crate::fix_session::{Due, FIX_LINK, Inbound, Session, SessionError};
use crate::inquiry::{Inquiry, Looks, One, Pace, Phase, Steps};
use crate::life::{self, CLOSE_TIMEOUT_NS, CONNECT_TIMEOUT_NS, Life, Stage};
use crate::listing::{Assets, Listings};
use crate::signing::Ed25519Signer;

mod change;
mod refused;
mod unread;

const SECOND_NS: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
/// Longest time from the connection to the venue's Logon.
const LOGON_TIMEOUT_NS: u64 = 10 * SECOND_NS;
/// Longest time from our Logout to the venue's.
const LOGOUT_TIMEOUT_NS: u64 = 2 * SECOND_NS;
/// Characters of a venue's text that are kept for the log.
const TEXT_KEPT: usize = 96;

/// The state of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// No link; connects at `retry_ns`.
    Idle {
        retry_ns: u64,
    },
    Connecting {
        deadline_ns: u64,
    },
    LoggingOn {
        deadline_ns: u64,
    },
    /// Logged on; reconciling or up.
    On,
    /// Our Logout was sent. Reports that still arrive count if the session is `trusted`.
    LoggingOut {
        deadline_ns: u64,
        trusted: bool,
    },
    /// The carrier was asked to close.
    Closing {
        deadline_ns: u64,
    },
}

/// Why a message ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("message type not allowed now")]
    MessageType,
    #[error("the venue has lost count of our messages")]
    OutOfStep,
}

/// Binance order entry as a machine.
#[derive(Debug)]
pub struct BinanceOrders {
    config: BinanceConfig,
    signer: Ed25519Signer,
    listings: Listings,
    assets: Assets,
    fallback_asset: AssetId,
    link: Link,
    session: Session,
    /// `None` while the messages in it are being handled.
    inbound: Option<Inbound>,
    children: Children,
    inquiry: Inquiry<One, Steps>,
    /// What lists of orders have shown, for the inquiry.
    looks: Looks,
    backoff: Backoff,
    /// Connections that ended without the venue's Logout. The number is part of the next comp id.
    unclean: u32,
    /// The session is logged on, so an unclean end leaves our comp id locked at the venue.
    logged_on: bool,
    connected_ns: u64,
    /// The newest child sent. Ids rise, so no child up to this one is sent again.
    newest_sent: ChildId,
    counters: Counters,
    last_text: Text<TEXT_KEPT>,
    refusals: Refusals,
    /// What could not be read.
    unread: Unread,
    life: Life,
}

impl BinanceOrders {
    /// A machine that is not started.
    ///
    /// # Errors
    /// The setting that the venue would refuse, or the key that cannot be used.
    pub fn new(config: BinanceConfig) -> Result<Self, ConfigError> {
        let signer = config.check()?;
        let assets = Assets::new(config.assets.clone());
        let fallback_asset = assets.ids().first().copied().ok_or(ConfigError::NoAssets)?;
        Ok(Self {
            signer,
            listings: Listings::new(config.listings.clone()),
            assets,
            fallback_asset,
            link: Link::Idle { retry_ns: 0 },
            session: Session::new(encode::FRAME, &config.target_comp_id, config.heartbeat_s),
            inbound: Some(Inbound::default()),
            children: Children::default(),
            inquiry: Inquiry::new(
                Pace { limit: PACE.limit.of_one(config.accounts_at_address), ..PACE },
                config.seed ^ 0x0042_494e_414e_4345,
            ),
            looks: Looks::default(),
            backoff: Backoff::new(config.backoff_base_ns, config.backoff_max_ns, config.seed),
            unclean: 0,
            logged_on: false,
            connected_ns: 0,
            newest_sent: ChildId(0),
            counters: Counters::default(),
            last_text: Text::default(),
            refusals: Refusals::default(),
            unread: Unread::default(),
            life: Life::default(),
            config,
        })
    }

    /// The state of the adapter.
    pub fn status(&self) -> Status {
        match self.link {
            Link::On if self.inquiry.is_up() => Status::Up,
            Link::On => Status::Reconciling,
            Link::LoggingOn { .. } => Status::LoggingOn,
            Link::Idle { .. }
            | Link::Connecting { .. }
            | Link::LoggingOut { .. }
            | Link::Closing { .. } => Status::Disconnected,
        }
    }

    /// Counts since the start.
    pub fn counters(&self) -> Counters {
        let tally = self.inquiry.tally();
        Counters {
            not_ours: self.counters.not_ours + tally.others,
            unlisted: self.counters.unlisted + tally.unlisted,
            unknown_fee_assets: self.counters.unknown_fee_assets + tally.unknown_fee_assets,
            rest_failures: tally.failures,
            questions_dropped: tally.dropped,
            never_arrived: tally.never_arrived,
            ..self.counters
        }
    }

    /// The last text with which the venue refused a request, cut to 96 characters.
    pub fn last_text(&self) -> &str {
        self.last_text.as_str()
    }

    /// The last REST failure, in words.
    pub fn last_rest_error(&self) -> Option<&str> {
        self.inquiry.last_error()
    }

    /// Number of children remembered, and of children in doubt.
    pub fn load(&self) -> (usize, usize) {
        (self.children.len(), self.inquiry.pending())
    }

    /// Runs the inquiry with Binance's dialect.
    fn inquire(
        &mut self,
        now_ns: u64,
        act: impl FnOnce(&mut Inquiry<One, Steps>, &mut BinanceDialect<'_>),
    ) {
        self.inquiry.hold_until(self.config.address.paused_until_ns());
        let mut dialect = BinanceDialect {
            venue: self.config.venue,
            node_tag: self.config.node_tag,
            listings: &self.listings,
            assets: &self.assets,
            fallback_asset: self.fallback_asset,
            signer: &self.signer,
            api_key: &self.config.api_key,
            recv_window_ns: u64::from(self.config.recv_window_ms) * MS,
            now_ns,
            connected_ns: self.connected_ns,
            children: &mut self.children,
            looks: &mut self.looks,
            clock: self.session.clock(),
        };
        act(&mut self.inquiry, &mut dialect);
        self.life.follow(now_ns, &self.inquiry);
        if self.inquiry.is_up() {
            self.backoff.reset();
        }
    }

    fn connect(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.life.begins(now_ns);
        out.connect(FIX_LINK);
        self.link = Link::Connecting { deadline_ns: now_ns.saturating_add(CONNECT_TIMEOUT_NS) };
    }

    /// The comp id of the next connection; see [`BinanceConfig::sender_comp_id`].
    fn sender_comp_id(&self) -> String {
        let base = &self.config.sender_comp_id;
        if self.unclean == 0 {
            return base.clone();
        }
        // `check` has made sure that the id is ASCII.
        let head = base.get(..base.len().min(6)).unwrap_or(base);
        format!("{head}{:02}", self.unclean % 100)
    }

    fn on_connected(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        if !matches!(self.link, Link::Connecting { .. }) {
            return;
        }
        self.connected_ns = now_ns;
        self.life.reached(now_ns, Stage::Session);
        let sender = self.sender_comp_id();
        self.session.restart(now_ns, sender.as_bytes());
        if let Some(inbound) = &mut self.inbound {
            inbound.clear();
        }
        encode::send_logon(&mut self.session, now_ns, &self.config, &self.signer, out);
        self.link = Link::LoggingOn { deadline_ns: now_ns.saturating_add(LOGON_TIMEOUT_NS) };
    }

    /// The session is over. Tells the core that the venue is down if the session was logged on.
    fn down(&mut self, reason: VenueDownReason, out: &mut Outbox<Input>) {
        if self.link == Link::On {
            out.emit(Input::VenueDown(self.config.venue, reason));
        }
        self.inquiry.stop();
        self.children.forget_answers();
    }

    /// Ends the session with a Logout, so that the venue frees our comp id.
    fn log_out(
        &mut self,
        now_ns: u64,
        reason: VenueDownReason,
        trusted: bool,
        out: &mut Outbox<Input>,
    ) {
        self.down(reason, out);
        self.session.send_admin(now_ns, out, msg_type::LOGOUT, |_| {});
        let deadline_ns = now_ns.saturating_add(LOGOUT_TIMEOUT_NS);
        self.link = Link::LoggingOut { deadline_ns, trusted };
    }

    fn close(&mut self, now_ns: u64, reason: VenueDownReason, out: &mut Outbox<Input>) {
        self.down(reason, out);
        out.close(FIX_LINK);
        self.link = Link::Closing { deadline_ns: now_ns.saturating_add(CLOSE_TIMEOUT_NS) };
    }

    fn on_closed(&mut self, now_ns: u64, reason: CloseReason, out: &mut Outbox<Input>) {
        match self.link {
            Link::Idle { .. } => return,
            Link::Connecting { .. } | Link::LoggingOn { .. } | Link::On => {
                self.life.failed(now_ns, life::why_closed(reason), "");
            }
            // The reason was told when we began to leave.
            Link::LoggingOut { .. } | Link::Closing { .. } => {}
        }
        self.down(life::down_reason(reason), out);
        if core::mem::take(&mut self.logged_on) {
            self.unclean = self.unclean.wrapping_add(1);
        }
        let retry_ns = self.life.retries_after(now_ns, self.backoff.next_ns());
        self.link = Link::Idle { retry_ns };
    }

    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8], out: &mut Outbox<Input>) {
        let Some(mut inbound) = self.inbound.take() else { return };
        inbound.push(bytes);
        loop {
            let listening = match self.link {
                Link::LoggingOn { .. } | Link::On => true,
                Link::LoggingOut { trusted, .. } => trusted,
                Link::Idle { .. } | Link::Connecting { .. } | Link::Closing { .. } => false,
            };
            if !listening {
                inbound.clear();
                break;
            }
            let result = match inbound.next() {
                Ok(None) => break,
                Ok(Some(message)) => self.on_message(now_ns, &message, out),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = result {
                self.on_broken(now_ns, error, out);
            }
        }
        self.inbound = Some(inbound);
    }

    fn on_broken(&mut self, now_ns: u64, error: Broken, out: &mut Outbox<Input>) {
        self.counters.protocol_errors += 1;
        let text = error.to_string();
        self.keep_text(text.as_bytes());
        let why = match error {
            Broken::Session(SessionError::Sequence) | Broken::OutOfStep => Why::SequenceGap,
            Broken::Session(_) | Broken::MessageType => Why::Protocol,
        };
        self.life.failed(now_ns, why, &text);
        if self.link == Link::On {
            self.log_out(now_ns, VenueDownReason::Protocol, false, out);
        } else {
            self.close(now_ns, VenueDownReason::Protocol, out);
        }
    }

    fn keep_text(&mut self, text: &[u8]) {
        let cut = text.get(..TEXT_KEPT).unwrap_or(text);
        self.last_text = Text::new(cut).unwrap_or_default();
    }

    fn on_message(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        self.session.accept(now_ns, message)?;
        self.life.follow_clock(self.session.clock());
        if let Link::LoggingOn { .. } = self.link {
            return self.on_logon_answer(now_ns, message, out);
        }
        match message.msg_type() {
            msg_type::EXECUTION_REPORT => self.on_report(now_ns, message, out),
            msg_type::ORDER_CANCEL_REJECT => {
                self.keep_text(message.get(tags::TEXT).unwrap_or_default());
                let news = self.reader(now_ns).cancel_reject(message);
                self.on_news(now_ns, news, out);
            }
            ORDER_AMEND_REJECT => {
                self.keep_text(message.get(tags::TEXT).unwrap_or_default());
                let news = self.reader(now_ns).amend_reject(message);
                self.on_news(now_ns, news, out);
            }
            msg_type::HEARTBEAT => {}
            msg_type::TEST_REQUEST => {
                let id = message.get(tags::TEST_REQ_ID).filter(|id| !id.is_empty());
                self.session.send_admin(now_ns, out, msg_type::HEARTBEAT, |encoder| {
                    if let Some(id) = id {
                        encoder.field(tags::TEST_REQ_ID, id);
                    }
                });
            }
            msg_type::REJECT => return self.on_reject(now_ns, message, out),
            msg_type::NEWS => self.on_news_message(now_ns, message, out),
            msg_type::LOGOUT => self.on_logout(now_ns, message, out),
            msg_type::LOGON | msg_type::RESEND_REQUEST | msg_type::SEQUENCE_RESET => {
                return Err(Broken::MessageType);
            }
            _ => self.counters.ignored += 1,
        }
        Ok(())
    }

    fn on_logon_answer(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        match message.msg_type() {
            msg_type::LOGON => {
                self.counters.logons += 1;
                self.logged_on = true;
                self.link = Link::On;
                self.life.reached(now_ns, Stage::Questions);
                self.inquiry.start();
                self.inquire(now_ns, |inquiry, dialect| inquiry.pump(now_ns, dialect, out));
            }
            msg_type::REJECT | msg_type::LOGOUT => {
                self.counters.logons_refused += 1;
                self.note_refused_time(now_ns, message);
                self.keep_text(message.get(tags::TEXT).unwrap_or_default());
                let code = report::code_of(message);
                let why = reject::why(code, self.last_text.as_str()).unwrap_or(Why::LogonRefused);
                self.life.failed(now_ns, why, &format!("{} {code}", self.last_text.as_str()));
                // Perhaps the venue still has our last session locked: the next try has another id.
                self.unclean = self.unclean.wrapping_add(1);
                self.close(now_ns, VenueDownReason::LogonRefused, out);
            }
            _ => return Err(Broken::MessageType),
        }
        Ok(())
    }

    /// The venue announces that it will disconnect. Logs out first, so that no report is lost.
    fn on_news_message(&mut self, now_ns: u64, message: &Message<'_>, out: &mut Outbox<Input>) {
        let headline = message.get(tags::HEADLINE).unwrap_or_default();
        let leaving = headline.starts_with(b"You'll be disconnected")
            || headline.starts_with(b"Your connection is about to be closed");
        if leaving && self.link == Link::On {
            self.keep_text(headline);
            self.life.failed(now_ns, Why::VenueLeaves, self.last_text.as_str());
            self.log_out(now_ns, VenueDownReason::Closed, true, out);
        } else {
            self.counters.ignored += 1;
        }
    }

    fn on_logout(&mut self, now_ns: u64, message: &Message<'_>, out: &mut Outbox<Input>) {
        self.logged_on = false;
        if self.link == Link::On {
            self.keep_text(message.get(tags::TEXT).unwrap_or_default());
            self.life.failed(now_ns, Why::VenueLeaves, self.last_text.as_str());
            self.session.send_admin(now_ns, out, msg_type::LOGOUT, |_| {});
        }
        self.close(now_ns, VenueDownReason::Closed, out);
    }

    fn reader(&self, now_ns: u64) -> Reader<'_> {
        Reader {
            venue: self.config.venue,
            node_tag: self.config.node_tag,
            listings: &self.listings,
            assets: &self.assets,
            fallback_asset: self.fallback_asset,
            now_ns,
        }
    }

    fn on_report(&mut self, now_ns: u64, message: &Message<'_>, out: &mut Outbox<Input>) {
        self.note_refused_time(now_ns, message);
        match self.reader(now_ns).execution(message) {
            Ok(news) => {
                if let News::Refused { .. } = news {
                    self.keep_text(message.get(tags::TEXT).unwrap_or_default());
                }
                self.on_news(now_ns, news, out);
            }
            Err(error) => self.on_unreadable(now_ns, message, error, out),
        }
    }

    /// A Reject names our message by its number. When the venue expects another number than ours,
    /// it would reject every message that we send, so the session is over.
    fn on_reject(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        self.keep_text(message.get(tags::TEXT).unwrap_or_default());
        self.note_refused_time(now_ns, message);
        let seq = message.uint(tags::REF_SEQ_NUM).ok().flatten().unwrap_or_default();
        match self.children.by_seq(seq) {
            Some((child, Request::New)) => {
                let refused = report::error_of(message, now_ns, reject::verdict);
                self.on_news(now_ns, News::Refused { child, refused }, out);
            }
            Some((child, Request::Cancel(attempt))) => {
                let refused = report::error_of(message, now_ns, reject::cancel_verdict);
                let attempt = Some(attempt);
                self.on_news(now_ns, News::CancelRefused { child, attempt, refused }, out);
            }
            Some((child, Request::Amend)) => {
                let refused = report::error_of(message, now_ns, reject::amend_verdict);
                self.on_news(now_ns, News::AmendRefused { child, refused }, out);
            }
            None => self.counters.ignored += 1,
        }
        match report::code_of(message) {
            reject::OUT_OF_STEP => Err(Broken::OutOfStep),
            _ => Ok(()),
        }
    }

    fn on_news(&mut self, now_ns: u64, news: News, out: &mut Outbox<Input>) {
        let venue = self.config.venue;
        match news {
            News::Accepted { child, venue_order } => {
                self.life.key_accepted();
                if let Some(entry) = self.children.get_mut(child) {
                    entry.seen = true;
                    entry.new_seq = None;
                    entry.venue_order = venue_order;
                }
                out.emit(Input::ChildAccepted { venue, child, venue_order });
            }
            News::Refused { child, refused } => self.on_refused(now_ns, child, refused, out),
            News::Fill { fill, whole, fee_known } => {
                self.counters.unknown_fee_assets += u64::from(!fee_known);
                let mut known = Qty::ZERO;
                if let Some(entry) = self.children.get_mut(fill.child) {
                    entry.seen = true;
                    entry.new_seq = None;
                    known = entry.qty;
                }
                out.emit(Input::ChildFill(fill));
                if let Some(filled) = whole {
                    self.on_filled(fill.child, filled, known, out);
                }
            }
            News::Done { child, how, filled } => {
                self.children.end(child);
                out.emit(Input::ChildDone { venue, child, how, filled });
            }
            News::Unusual { child } => {
                self.counters.ignored += 1;
                out.emit(Input::ChildInDoubt { venue, child, doubt: Doubt::VenueUnsure });
            }
            News::CancelRefused { child, attempt, refused } => {
                self.on_cancel_refused(now_ns, (child, attempt), refused, out);
            }
            News::Amended { child, qty } => {
                if let Some(entry) = self.children.get_mut(child) {
                    entry.qty = qty;
                    // A larger quantity is the answer to an amend of somebody else.
                    entry.amend_seq.take_if(|_| qty <= entry.amend_to);
                }
                out.emit(Input::ChildAmended { venue, child, qty });
            }
            News::AmendRefused { child, refused } => {
                self.on_amend_refused(now_ns, child, refused, out);
            }
            News::NotOurs => self.counters.not_ours += 1,
            News::Unlisted => self.counters.unlisted += 1,
        }
    }

    /// The order is filled. Where the core knows another quantity of the order, for an amend whose
    /// report was lost, the fills alone would leave the rest open for ever.
    fn on_filled(&mut self, child: ChildId, filled: Qty, known: Qty, out: &mut Outbox<Input>) {
        self.children.end(child);
        if filled != known {
            let (venue, how) = (self.config.venue, Ending::Canceled);
            out.emit(Input::ChildDone { venue, child, how, filled });
        }
    }

    fn on_new(&mut self, now_ns: u64, new: &SendNew, out: &mut Outbox<Input>) {
        let (venue, child) = (self.config.venue, new.child);
        if child <= self.newest_sent {
            // The order sent first may be open at the venue: its fate is asked for, never guessed.
            self.counters.repeated += 1;
            out.emit(Input::ChildInDoubt { venue, child, doubt: Doubt::VenueUnsure });
            return;
        }
        if self.status() != Status::Up || self.send_new(now_ns, new, out).is_none() {
            self.counters.not_sent += 1;
            self.children.end(child);
            let (reason, retry_after_ns) = (VenueReject::NotSent, 0);
            out.emit(Input::ChildRejected { venue, child, reason, retry_after_ns });
            return;
        }
        self.newest_sent = child;
    }

    /// `None` when the order cannot be written or remembered. Nothing has then been sent.
    fn send_new(&mut self, now_ns: u64, new: &SendNew, out: &mut Outbox<Input>) -> Option<()> {
        let listing = self.listings.instrument(new.instrument)?;
        let entry = self.children.ensure(new.child).ok()?;
        let id = ids::order(self.config.node_tag, new.child);
        let window = self.config.recv_window_ms;
        let seq = self
            .session
            .send(now_ns, out, msg_type::NEW_ORDER_SINGLE, |encoder| {
                encode::new_order(encoder, new, &id, listing, window)
            })
            .ok()?;
        (entry.sent_ns, entry.qty) = (Some(now_ns), new.qty);
        entry.new_seq = Some(seq);
        let deadline_ns = now_ns.saturating_add(self.config.answer_timeout_ns);
        self.children.await_answer(new.child, Request::New, seq, deadline_ns);
        Some(())
    }

    fn on_overdue(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let venue = self.config.venue;
        while let Some((child, _)) = self.children.take_overdue(now_ns) {
            self.counters.unanswered += 1;
            out.emit(Input::ChildInDoubt { venue, child, doubt: Doubt::NoAnswer });
        }
    }

    fn on_link_timer(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        match self.link {
            Link::Idle { retry_ns } if now_ns >= retry_ns => self.connect(now_ns, out),
            Link::Connecting { deadline_ns } if now_ns >= deadline_ns => {
                self.life.failed(now_ns, Why::ConnectTimeout, "");
                self.close(now_ns, VenueDownReason::LinkLost, out);
            }
            Link::LoggingOn { deadline_ns } if now_ns >= deadline_ns => {
                self.life.failed(now_ns, Why::LogonTimeout, "");
                self.close(now_ns, VenueDownReason::NoAnswer, out);
            }
            Link::LoggingOut { deadline_ns, .. } if now_ns >= deadline_ns => {
                self.close(now_ns, VenueDownReason::NoAnswer, out);
            }
            Link::Closing { deadline_ns } if now_ns >= deadline_ns => {
                self.on_closed(now_ns, CloseReason::Requested, out);
            }
            Link::On => {
                if self.session.on_timer(now_ns, out) == Due::Dead {
                    self.life.failed(now_ns, Why::Silent, "no answer to the TestRequest");
                    self.close(now_ns, VenueDownReason::NoAnswer, out);
                }
            }
            Link::Idle { .. }
            | Link::Connecting { .. }
            | Link::LoggingOn { .. }
            | Link::LoggingOut { .. }
            | Link::Closing { .. } => {}
        }
    }
}

impl Machine for BinanceOrders {
    type Command = VenueCommand;
    type Emission = Input;

    fn endpoints(&self) -> Vec<Endpoint> {
        let fix = &self.config.fix;
        vec![Endpoint {
            host: fix.host.clone(),
            port: fix.port,
            tls: fix.tls,
            framing: Framing::Raw,
        }]
    }

    fn rest_base(&self) -> String {
        self.config.rest_base.clone()
    }

    fn start(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.connect(now_ns, out);
    }

    fn on_event(&mut self, now_ns: u64, event: Event<'_>, out: &mut Outbox<Input>) {
        match event {
            Event::Connected(FIX_LINK) => self.on_connected(now_ns, out),
            Event::Bytes(FIX_LINK, bytes) => self.on_bytes(now_ns, bytes, out),
            Event::Closed(FIX_LINK, reason) => self.on_closed(now_ns, reason, out),
            Event::Http(id, response) => {
                let failures = self.inquiry.tally().failures;
                if let Some(response) = response {
                    note(&self.config.address, now_ns, response);
                }
                self.inquire(now_ns, |inquiry, dialect| {
                    inquiry.on_http(now_ns, id, response, dialect, out);
                });
                self.after_answer(failures, response);
            }
            Event::Connected(_)
            | Event::Bytes(..)
            | Event::Closed(..)
            | Event::Text(..)
            | Event::Alive(_) => {}
        }
    }

    fn on_command(&mut self, now_ns: u64, command: &VenueCommand, out: &mut Outbox<Input>) {
        match command {
            VenueCommand::New(new) => self.on_new(now_ns, new, out),
            VenueCommand::Cancel(cancel) => self.on_cancel(now_ns, cancel, out),
            VenueCommand::Reduce(reduce) => self.on_reduce(now_ns, reduce, out),
            VenueCommand::Query(child) => {
                self.inquiry.ask(child.child, child.instrument);
                if self.inquiry.phase() != Phase::Down {
                    self.inquire(now_ns, |inquiry, dialect| inquiry.pump(now_ns, dialect, out));
                }
            }
            VenueCommand::AskBalances(_) => {
                self.inquiry.ask_balances();
                self.inquire(now_ns, |inquiry, dialect| inquiry.pump(now_ns, dialect, out));
            }
        }
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.on_link_timer(now_ns, out);
        if self.link == Link::On {
            self.on_overdue(now_ns, out);
            self.inquire(now_ns, |inquiry, dialect| inquiry.pump(now_ns, dialect, out));
        }
    }

    fn standing(&self) -> Option<&Standing> {
        Some(self.life.standing())
    }

    fn refusals(&self) -> Option<&Refusals> {
        Some(&self.refusals)
    }

    fn next_timer_ns(&self) -> Option<u64> {
        match self.link {
            Link::Idle { retry_ns } => Some(retry_ns),
            Link::Connecting { deadline_ns }
            | Link::LoggingOn { deadline_ns }
            | Link::LoggingOut { deadline_ns, .. }
            | Link::Closing { deadline_ns } => Some(deadline_ns),
            Link::On => {
                let session = Some(self.session.next_timer_ns());
                let answers = self.children.next_deadline_ns();
                let questions = self.inquiry.next_timer_ns();
                [session, answers, questions].into_iter().flatten().min()
            }
        }
    }
}
