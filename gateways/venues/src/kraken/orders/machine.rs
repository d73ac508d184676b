//! The order-entry machine: one private WebSocket link, its life, and the core's commands.
//!
//! A line belongs here if it branches on an event or on the state of the link. The meaning of a
//! message is `report`; questions over REST are `reconcile`.
//!
//! The life of the link: a token over REST, connect, subscribe `executions` and `balances`, both
//! snapshots, all questions answered, up. Any loss tells the core `VenueDown` once, and the life
//! begins again after a wait.

use rutter_core::id::{AssetId, ChildId};
use rutter_core::input::{Input, TimeInForce, VenueDownReason, VenueReject};
use rutter_core::number::UnixNanos;
use rutter_core::output::{ChildRef, SendNew, SendReduce};
use rutter_transport::machine::{
    CloseReason, Endpoint, Event, HttpResponse, LinkId, Machine, Outbox,
};
use rutter_transport::refusals::Refusals;
use rutter_transport::secret::Secret;
use rutter_transport::standing::{Standing, Why};
use rutter_transport::unread::Unread;

use super::children::{Children, Entry, Request, Waits};
use super::message::{self, AddOrder, Envelope, System};
use super::nonce::Nonce;
use super::reconcile::{self, KrakenDialect, Plan};
use super::report::{Broken, Ledger};
use super::rest::{self, Call};
use super::status::{Counters, Status};
use super::time::read_rfc3339;
use crate::VenueCommand;
use crate::address::AddressBudget;
use crate::backoff::Backoff;
use crate::clock::VenueClock;
use crate::inquiry::Inquiry;
use crate::kraken::config::{ConfigError, KrakenConfig};
use crate::kraken::ids;
use crate::kraken::reject;
use crate::life::{self, CLOSE_TIMEOUT_NS, CONNECT_TIMEOUT_NS, Life, Stage};
use crate::listing::{Assets, Listings};
use crate::silence::{Due, Silence};

/// The only link of the adapter.
pub const PRIVATE_LINK: LinkId = LinkId(0);

const SECOND_NS: u64 = 1_000_000_000;
/// Longest time from the connection to both snapshots.
const SUBSCRIBE_TIMEOUT_NS: u64 = 10 * SECOND_NS;
/// Longest time from the call for the token to its answer.
const TOKEN_TIMEOUT_NS: u64 = 30 * SECOND_NS;
/// A link that was up for this long starts its waits from the first again.
const STABLE_NS: u64 = 60 * SECOND_NS;

/// The state of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// No link; begins at `retry_ns`.
    Idle { retry_ns: u64 },
    /// The token is asked for over REST, by the call with this number.
    Token { id: u64, deadline_ns: u64 },
    /// The carrier was asked to connect.
    Connecting { deadline_ns: u64 },
    /// The subscriptions were sent; both snapshots are due at this time.
    Subscribing { deadline_ns: u64 },
    /// Both snapshots have arrived: questions are open, or the venue is up.
    On,
    /// The carrier was asked to close.
    Closing { deadline_ns: u64 },
}

/// The decoded API secret; never printed.
struct Key(Vec<u8>);

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("***")
    }
}

/// Kraken order entry as a machine.
#[derive(Debug)]
pub struct KrakenOrders {
    address: AddressBudget,
    key: Key,
    ledger: Ledger,
    inquiry: Inquiry<Call, Plan>,
    link: Link,
    /// When the core was told that the venue is up; `None` while it is not up.
    up_since_ns: Option<u64>,
    /// The questions of this link have begun, so the core may have been told what became of
    /// children.
    tells: bool,
    /// The venue takes orders. The venue tells its state first of all on each connection.
    online: bool,
    connected_ns: u64,
    /// Sequence number of the last message of the `executions` channel.
    executions: Option<u64>,
    /// Sequence number of the last message of the `balances` channel.
    balances: Option<u64>,
    backoff: Backoff,
    nonce: Nonce,
    req_id: u64,
    silence: Silence,
    /// The venue's clock, as far as its answers have told.
    clock: VenueClock,
    life: Life,
}

impl KrakenOrders {
    /// An adapter that is not started.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(config: KrakenConfig) -> Result<Self, ConfigError> {
        let key = Key(config.check()?);
        let assets = Assets::new(config.assets.clone());
        let fallback_asset: AssetId = assets.ids().first().copied().ok_or(ConfigError::NoAssets)?;
        let (base, max) = (config.backoff_base_ns, config.backoff_max_ns);
        let pace = reconcile::pace(config.rest_limit, (base, max));
        Ok(Self {
            key,
            inquiry: Inquiry::new(pace, config.seed.rotate_left(32)),
            link: Link::Idle { retry_ns: 0 },
            up_since_ns: None,
            tells: false,
            online: true,
            connected_ns: 0,
            executions: None,
            balances: None,
            backoff: Backoff::new(base, max, config.seed),
            silence: Silence::new(config.silence_ns),
            clock: VenueClock::default(),
            life: Life::default(),
            nonce: Nonce::default(),
            req_id: 0,
            address: config.address.clone(),
            ledger: Ledger {
                listings: Listings::new(config.listings.clone()),
                assets,
                fallback_asset,
                children: Children::default(),
                waits: Waits::default(),
                counters: Counters::default(),
                refusal: String::new(),
                refusals: Refusals::default(),
                unread: Unread::default(),
                token: Secret::from(""),
                balances: std::collections::BTreeMap::new(),
                has_taken: false,
                config,
            },
        })
    }

    /// The state of the adapter.
    pub fn status(&self) -> Status {
        match self.link {
            Link::Idle { .. }
            | Link::Token { .. }
            | Link::Connecting { .. }
            | Link::Closing { .. } => Status::Disconnected,
            Link::Subscribing { .. } => Status::Subscribing,
            Link::On if self.inquiry.is_up() => Status::Up,
            Link::On if !self.online => Status::Closed,
            Link::On => Status::Reconciling,
        }
    }

    /// Counts since the start.
    pub const fn counters(&self) -> Counters {
        let (own, tally) = (self.ledger.counters, self.inquiry.tally());
        Counters {
            rest_failures: own.rest_failures + tally.failures,
            questions_dropped: tally.dropped,
            never_arrived: tally.never_arrived,
            ..own
        }
    }

    /// Runs the inquiry with Kraken's dialect.
    fn inquire(
        &mut self,
        now_ns: u64,
        act: impl FnOnce(&mut Inquiry<Call, Plan>, &mut KrakenDialect<'_>),
    ) {
        self.inquiry.hold_until(self.address.paused_until_ns());
        let mut dialect = KrakenDialect {
            ledger: &mut self.ledger,
            secret: &self.key.0,
            nonce: &mut self.nonce,
            now_ns,
            connected_ns: self.connected_ns,
            is_online: self.online,
            clock: &self.clock,
        };
        act(&mut self.inquiry, &mut dialect);
        self.life.follow(now_ns, &self.inquiry);
        if self.inquiry.is_up() {
            self.up_since_ns.get_or_insert(now_ns);
        }
    }

    const fn next_req_id(&mut self) -> u64 {
        self.req_id += 1;
        self.req_id
    }

    /// The venue takes no orders any more. Tells the core once.
    fn down(&mut self, now_ns: u64, reason: VenueDownReason, out: &mut Outbox<Input>) {
        if let Some(since_ns) = self.up_since_ns.take() {
            if now_ns.saturating_sub(since_ns) >= STABLE_NS {
                self.backoff.reset();
            }
            self.tell_down(reason, out);
        }
    }

    fn tell_down(&mut self, reason: VenueDownReason, out: &mut Outbox<Input>) {
        // The core takes all its children at this venue as unknown and asks about each.
        self.ledger.waits.clear();
        self.ledger.children.forget_requests();
        out.emit(Input::VenueDown(self.ledger.config.venue, reason));
    }

    /// The link is of no use any more. Closes the link unless it is `closed` already.
    fn lost(
        &mut self,
        now_ns: u64,
        reason: VenueDownReason,
        closed: bool,
        out: &mut Outbox<Input>,
    ) {
        let was_up = self.up_since_ns.is_some();
        self.down(now_ns, reason, out);
        if core::mem::take(&mut self.tells) && !was_up {
            // What happens from here on to a child that was told as open is not seen.
            self.tell_down(reason, out);
        }
        self.inquiry.stop();
        self.executions = None;
        self.balances = None;
        self.ledger.balances.clear();
        if !matches!(self.link, Link::Closing { .. }) {
            self.ledger.counters.links_lost += 1;
        }
        if closed {
            self.wait(now_ns, 0);
        } else {
            self.link = Link::Closing { deadline_ns: now_ns + CLOSE_TIMEOUT_NS };
            out.close(PRIVATE_LINK);
        }
    }

    /// The link is tried again after a wait, which is not shorter than `told_ns`.
    fn wait(&mut self, now_ns: u64, told_ns: u64) {
        let retry_ns = self.life.retries_after(now_ns, self.backoff.next_ns().max(told_ns));
        self.link = Link::Idle { retry_ns };
    }

    fn broken(&mut self, now_ns: u64, broken: Broken, out: &mut Outbox<Input>) {
        let counters = &mut self.ledger.counters;
        let (reason, why, text) = match broken {
            Broken::Shape | Broken::Number(_) => {
                counters.protocol_errors += 1;
                (VenueDownReason::Protocol, Why::Protocol, broken.to_string())
            }
            Broken::Gap => {
                counters.gaps += 1;
                (VenueDownReason::Protocol, Why::SequenceGap, broken.to_string())
            }
            Broken::Session => {
                counters.logons_refused += 1;
                let text = std::mem::take(&mut self.ledger.refusal);
                let why = reject::why(&text).unwrap_or(Why::SubscriptionRefused);
                (VenueDownReason::LogonRefused, why, text)
            }
        };
        self.life.failed(now_ns, why, &text);
        self.lost(now_ns, reason, false, out);
    }

    /// Asks for the token.
    fn begin(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.life.begins(now_ns);
        let id = self.inquiry.take_id();
        self.inquiry.count_call(Call::Token.cost(), now_ns);
        let key = (&self.ledger.config.api_key, self.key.0.as_slice());
        out.http(reconcile::signed(&Call::Token, id, now_ns, &mut self.nonce, key));
        self.link = Link::Token { id, deadline_ns: now_ns + TOKEN_TIMEOUT_NS };
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        out: &mut Outbox<Input>,
    ) {
        if let Some(response) = response {
            self.address.obey(now_ns, response, None);
        }
        if matches!(self.link, Link::Token { id: asked, .. } if asked == id) {
            self.on_token(now_ns, response, out);
        } else {
            let failures = self.inquiry.tally().failures;
            self.inquire(now_ns, |inquiry, dialect| {
                inquiry.on_http(now_ns, id, response, dialect, out);
            });
            self.after_answer(failures, response);
        }
    }

    /// The inquiry has taken an answer. Keeps the answer if it could not be read, and goes ahead
    /// with the nonce if that is what was refused.
    fn after_answer(&mut self, failures: u64, response: Option<&HttpResponse>) {
        let trouble = self.inquiry.trouble();
        let is_new = self.inquiry.tally().failures != failures;
        let trouble = trouble.filter(|_| is_new);
        self.nonce.answered(trouble.is_some_and(|(why, _)| why == Why::NonceRefused));
        if let (Some((Why::RestUnreadable, error)), Some(response)) = (trouble, response) {
            self.ledger.keep_unread(error, &response.body);
            self.life.follow_unread(&self.ledger.unread);
        }
    }

    fn on_token(&mut self, now_ns: u64, response: Option<&HttpResponse>, out: &mut Outbox<Input>) {
        match rest::token(response) {
            Ok(token) => {
                self.nonce.answered(false);
                self.ledger.token = Secret::new(token);
                self.link = Link::Connecting { deadline_ns: now_ns + CONNECT_TIMEOUT_NS };
                out.connect(PRIVATE_LINK);
            }
            Err(error) => {
                let counters = &mut self.ledger.counters;
                match error {
                    rest::RestError::Venue(_) => counters.logons_refused += 1,
                    rest::RestError::NoAnswer
                    | rest::RestError::Status(_)
                    | rest::RestError::Shape
                    | rest::RestError::TooMany => counters.rest_failures += 1,
                }
                let text = match error {
                    // Only the carrier knows why there was no answer.
                    rest::RestError::NoAnswer => String::new(),
                    _ => error.to_string(),
                };
                self.nonce.answered(error.why() == Why::NonceRefused);
                self.life.failed(now_ns, error.why(), &text);
                self.wait(now_ns, error.pause_ns(now_ns).unwrap_or_default());
            }
        }
    }

    fn on_connected(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        if !matches!(self.link, Link::Connecting { .. }) {
            return;
        }
        self.link = Link::Subscribing { deadline_ns: now_ns + SUBSCRIBE_TIMEOUT_NS };
        self.connected_ns = now_ns;
        self.life.reached(now_ns, Stage::Session);
        self.online = true;
        self.silence.heard(now_ns);
        let (executions, balances) = (self.next_req_id(), self.next_req_id());
        let token = self.ledger.token.expose();
        out.send(PRIVATE_LINK, |bytes| {
            message::write_subscribe_executions(bytes, token, executions);
        });
        out.send(PRIVATE_LINK, |bytes| message::write_subscribe_balances(bytes, token, balances));
    }

    const fn is_connected(&self) -> bool {
        matches!(self.link, Link::Subscribing { .. } | Link::On)
    }

    fn on_text(&mut self, now_ns: u64, text: &str, out: &mut Outbox<Input>) {
        if !self.is_connected() {
            return;
        }
        self.silence.heard(now_ns);
        // The deserializer would accept an array for a structure as well.
        let object = text.trim_start().starts_with('{');
        let read = match serde_json::from_str::<Envelope<'_>>(text) {
            Ok(envelope) if object => {
                self.tell_clock(now_ns, &envelope);
                self.on_message(now_ns, &envelope, out)
            }
            Ok(_) | Err(_) => Err(Broken::Shape),
        };
        if let Err(broken) = read {
            if matches!(broken, Broken::Shape | Broken::Number(_)) {
                self.ledger.keep_unread(&broken.to_string(), text);
            }
            self.broken(now_ns, broken, out);
        }
        self.life.follow_unread(&self.ledger.unread);
    }

    fn tell_clock(&mut self, now_ns: u64, envelope: &Envelope<'_>) {
        let Some(venue_ns) = read_rfc3339(&envelope.time_out) else { return };
        // The subscriptions are sent as soon as the link is there.
        match envelope.method.as_ref() {
            "subscribe" => self.clock.answered(self.connected_ns, now_ns, venue_ns),
            _ => self.clock.heard(now_ns, venue_ns),
        }
        self.life.follow_clock(&self.clock);
    }

    fn on_message(
        &mut self,
        now_ns: u64,
        envelope: &Envelope<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        match (envelope.channel.as_ref(), envelope.method.as_ref()) {
            ("executions", _) => self.on_executions(now_ns, envelope, out)?,
            ("balances", _) => self.on_balances(now_ns, envelope, out)?,
            ("status", _) => self.on_status(now_ns, envelope, out)?,
            ("", "add_order" | "cancel_order" | "amend_order") => {
                self.ledger.answer(now_ns, envelope, out)?;
            }
            ("", "") if !envelope.error.is_empty() => {
                self.ledger.answer(now_ns, envelope, out)?;
            }
            ("", "subscribe") if envelope.success == Some(false) => {
                self.ledger.refusal = envelope.error.to_string();
                return Err(Broken::Session);
            }
            ("heartbeat", _) | ("", "pong" | "subscribe") => {}
            _ => self.ledger.counters.ignored += 1,
        }
        Ok(())
    }

    /// Checks that no message of the channel is missing, then takes the message.
    fn on_executions(
        &mut self,
        now_ns: u64,
        envelope: &Envelope<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        let sequence = envelope.sequence.ok_or(Broken::Shape)?;
        match (envelope.kind.as_ref(), self.executions) {
            ("snapshot", _) => {}
            ("update", Some(last)) if sequence <= last => {
                self.ledger.counters.repeats += 1;
                return Ok(());
            }
            ("update", Some(last)) if sequence == last + 1 => {}
            ("update", _) => return Err(Broken::Gap),
            _ => return Err(Broken::Shape),
        }
        self.ledger.executions(envelope, out)?;
        self.executions = Some(sequence);
        self.on_snapshots(now_ns);
        Ok(())
    }

    fn on_balances(
        &mut self,
        now_ns: u64,
        envelope: &Envelope<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        let sequence = envelope.sequence.ok_or(Broken::Shape)?;
        match (envelope.kind.as_ref(), self.balances) {
            ("snapshot", _) => {}
            ("update", Some(last)) if sequence <= last => {
                self.ledger.counters.repeats += 1;
                return Ok(());
            }
            // Balances are totals, so asking for all of them makes up for the gap.
            ("update", last) => {
                if last.is_none_or(|last| sequence != last + 1) {
                    self.inquiry.ask_balances();
                }
            }
            _ => return Err(Broken::Shape),
        }
        if !self.ledger.balances(envelope, self.inquiry.is_up(), out)? {
            self.inquiry.ask_balances();
        }
        self.balances = Some(sequence);
        self.on_snapshots(now_ns);
        Ok(())
    }

    /// Begins with the questions once both snapshots have arrived.
    fn on_snapshots(&mut self, now_ns: u64) {
        let waiting = matches!(self.link, Link::Subscribing { .. });
        if waiting && self.executions.is_some() && self.balances.is_some() {
            self.link = Link::On;
            self.ledger.counters.logons += 1;
            self.life.reached(now_ns, Stage::Questions);
            self.tells = true;
            self.inquiry.start();
        }
    }

    fn on_status(
        &mut self,
        now_ns: u64,
        envelope: &Envelope<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        let data = envelope.data.ok_or(Broken::Shape)?;
        let entries: Vec<System<'_>> = serde_json::from_str(data.get())?;
        let Some(entry) = entries.last() else { return Ok(()) };
        let online = entry.system == "online";
        if online && !self.online && self.link == Link::On {
            self.life.reached(now_ns, Stage::Questions);
            self.tells = true;
            self.inquiry.start();
        }
        self.online = online;
        if !online {
            self.life.closed(now_ns, &format!("the venue is in {}", entry.system));
            self.inquiry.close();
            self.down(now_ns, VenueDownReason::Closed, out);
        }
        Ok(())
    }

    /// Does what needs no event: makes the next REST call.
    fn drive(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        if core::mem::take(&mut self.ledger.has_taken) {
            self.life.key_accepted();
        }
        if self.link == Link::On {
            self.inquire(now_ns, |inquiry, dialect| inquiry.pump(now_ns, dialect, out));
        }
    }

    fn reject(&mut self, child: ChildId, out: &mut Outbox<Input>) {
        self.ledger.counters.not_sent += 1;
        let (venue, reason) = (self.ledger.config.venue, VenueReject::NotSent);
        out.emit(Input::ChildRejected { venue, child, reason, retry_after_ns: 0 });
    }

    fn on_new(&mut self, now_ns: u64, new: &SendNew, out: &mut Outbox<Input>) {
        let child = new.child;
        if self.ledger.children.was_sent(child) {
            // The fate of the order sent first counts, and the venue is asked for that fate.
            self.ledger.counters.repeated += 1;
            self.on_query(
                &ChildRef {
                    venue: new.venue,
                    child,
                    order: new.order,
                    trace: new.trace,
                    instrument: new.instrument,
                },
                now_ns,
                out,
            );
            return;
        }
        let supported = new.tif != TimeInForce::Fok;
        let full = self.ledger.children.is_full() || self.ledger.waits.is_full();
        if !self.inquiry.is_up() || !supported || full || new.qty.is_zero() || new.price.0 <= 0 {
            return self.reject(child, out);
        }
        let req_id = self.next_req_id();
        let Some(listing) = self.ledger.listings.instrument(new.instrument) else {
            return self.reject(child, out);
        };
        let config = &self.ledger.config;
        let id = ids::order(config.node_tag, child);
        let order_deadline_ns = self.clock.at_venue(now_ns).saturating_add(config.validity_ns);
        let order = AddOrder {
            listing,
            cl_ord_id: id.as_str(),
            side: new.side,
            tif: new.tif,
            post_only: new.post_only,
            qty: new.qty,
            price: new.price,
            deadline: UnixNanos(order_deadline_ns),
            token: self.ledger.token.expose(),
            req_id,
        };
        let start = out.bytes.len();
        if message::write_add_order(&mut out.bytes, &order).is_err() {
            out.bytes.truncate(start);
            return self.reject(child, out);
        }
        let action = rutter_transport::machine::Action::Send(PRIVATE_LINK, start..out.bytes.len());
        out.actions.push(action);
        let mut entry = Entry::new(new.instrument);
        (entry.side, entry.qty) = (Some(new.side), new.qty);
        (entry.sent_ns, entry.deadline_ns) = (Some(now_ns), order_deadline_ns);
        entry.ioc = new.tif == TimeInForce::Ioc;
        entry.new_req = Some(req_id);
        let deadline_ns = now_ns.saturating_add(config.answer_timeout_ns);
        self.ledger.children.sent(child, entry);
        self.ledger.waits.push(req_id, child, Request::New, deadline_ns);
    }

    fn on_cancel(&mut self, now_ns: u64, cancel: &ChildRef, out: &mut Outbox<Input>) {
        let child = cancel.child;
        // Also while questions are open: an order that the core no longer wants should not wait.
        if !matches!(self.link, Link::On) || self.ledger.waits.is_full() {
            self.ledger.counters.not_sent += 1;
            let (venue, reason) = (self.ledger.config.venue, VenueReject::NotSent);
            out.emit(Input::CancelRejected { venue, child, reason, retry_after_ns: 0 });
            return;
        }
        let req_id = self.next_req_id();
        let mut order = rutter_core::id::VenueOrderId::default();
        if let Some(entry) = self.ledger.children.known(child, cancel.instrument) {
            entry.cancel_asked = true;
            entry.cancel_req = Some(req_id);
            order = entry.order;
        }
        let config = &self.ledger.config;
        let id = ids::order(config.node_tag, child);
        let token = self.ledger.token.expose();
        out.send(PRIVATE_LINK, |bytes| {
            message::write_cancel_order(bytes, order, id.as_str(), token, req_id);
        });
        let deadline_ns = now_ns.saturating_add(config.answer_timeout_ns);
        self.ledger.waits.push(req_id, child, Request::Cancel, deadline_ns);
    }

    fn on_reduce(&mut self, now_ns: u64, reduce: &SendReduce, out: &mut Outbox<Input>) {
        if self.send_reduce(now_ns, reduce, out).is_none() {
            self.ledger.counters.not_sent += 1;
            let (venue, child) = (self.ledger.config.venue, reduce.of.child);
            out.emit(Input::AmendRejected { venue, child, reason: VenueReject::NotSent });
        }
    }

    /// `None` when the amend cannot be written, or its answer not be awaited. Nothing is then sent.
    fn send_reduce(
        &mut self,
        now_ns: u64,
        reduce: &SendReduce,
        out: &mut Outbox<Input>,
    ) -> Option<()> {
        let child = reduce.of.child;
        if !matches!(self.link, Link::On) || self.ledger.waits.is_full() {
            return None;
        }
        let req_id = self.next_req_id();
        let entry = self.ledger.children.known(child, reduce.of.instrument)?;
        let order = entry.order;
        let config = &self.ledger.config;
        let listing = self.ledger.listings.instrument(reduce.of.instrument)?;
        let id = ids::order(config.node_tag, child);
        let request = (self.ledger.token.expose(), req_id);
        let (named, wanted) = ((order, id.as_str()), (listing, reduce.qty));
        let start = out.bytes.len();
        if message::write_amend_order(&mut out.bytes, named, wanted, request).is_err() {
            out.bytes.truncate(start);
            return None;
        }
        let action = rutter_transport::machine::Action::Send(PRIVATE_LINK, start..out.bytes.len());
        out.actions.push(action);
        let deadline_ns = now_ns.saturating_add(config.answer_timeout_ns);
        if let Some(entry) = self.ledger.children.get_mut(child) {
            (entry.amend_req, entry.amend_to) = (Some(req_id), reduce.qty);
        }
        self.ledger.waits.push(req_id, child, Request::Amend, deadline_ns);
        Some(())
    }

    fn on_query(&mut self, query: &ChildRef, now_ns: u64, out: &mut Outbox<Input>) {
        self.inquiry.ask(query.child, query.instrument);
        self.drive(now_ns, out);
    }

    fn on_closed(&mut self, now_ns: u64, reason: CloseReason, out: &mut Outbox<Input>) {
        // The reason of a close of ours was told when we asked for the close.
        if !matches!(self.link, Link::Closing { .. }) {
            self.life.failed(now_ns, life::why_closed(reason), "");
        }
        self.lost(now_ns, life::down_reason(reason), true, out);
    }

    fn on_link_timers(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        match self.link {
            Link::Idle { retry_ns } if retry_ns <= now_ns => self.begin(now_ns, out),
            Link::Token { deadline_ns, .. } if deadline_ns <= now_ns => {
                self.on_token(now_ns, None, out);
            }
            Link::Connecting { deadline_ns } if deadline_ns <= now_ns => {
                self.life.failed(now_ns, Why::ConnectTimeout, "");
                self.lost(now_ns, VenueDownReason::NoAnswer, false, out);
            }
            Link::Subscribing { deadline_ns } if deadline_ns <= now_ns => {
                self.life.failed(now_ns, Why::SubscribeTimeout, "both snapshots are due");
                self.lost(now_ns, VenueDownReason::NoAnswer, false, out);
            }
            Link::Closing { deadline_ns } if deadline_ns <= now_ns => {
                self.lost(now_ns, VenueDownReason::LinkLost, true, out);
            }
            Link::Subscribing { .. } | Link::On => match self.silence.due(now_ns) {
                Due::Nothing => {}
                Due::Ping => {
                    let req_id = self.next_req_id();
                    out.send(PRIVATE_LINK, |bytes| message::write_ping(bytes, req_id));
                }
                Due::Dead => {
                    self.life.failed(now_ns, Why::Silent, "no answer to the ping");
                    self.lost(now_ns, VenueDownReason::NoAnswer, false, out);
                }
            },
            Link::Idle { .. }
            | Link::Token { .. }
            | Link::Connecting { .. }
            | Link::Closing { .. } => {}
        }
    }
}

impl Machine for KrakenOrders {
    type Command = VenueCommand;
    type Emission = Input;

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.ledger.config.endpoint.clone()]
    }

    fn rest_base(&self) -> String {
        self.ledger.config.rest_base.clone()
    }

    fn start(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.begin(now_ns, out);
    }

    fn on_event(&mut self, now_ns: u64, event: Event<'_>, out: &mut Outbox<Input>) {
        match event {
            Event::Connected(PRIVATE_LINK) => self.on_connected(now_ns, out),
            Event::Text(PRIVATE_LINK, text) => self.on_text(now_ns, text, out),
            Event::Alive(PRIVATE_LINK) => self.silence.heard(now_ns),
            Event::Closed(PRIVATE_LINK, reason) => {
                // The end of a link that was given up before changes nothing.
                if !matches!(self.link, Link::Idle { .. } | Link::Token { .. }) {
                    self.on_closed(now_ns, reason, out);
                }
            }
            Event::Http(id, response) => self.on_http(now_ns, id, response, out),
            // Events of links that this machine does not have.
            Event::Connected(_)
            | Event::Text(..)
            | Event::Alive(_)
            | Event::Closed(..)
            | Event::Bytes(..) => self.ledger.counters.ignored += 1,
        }
        self.drive(now_ns, out);
    }

    fn on_command(&mut self, now_ns: u64, command: &VenueCommand, out: &mut Outbox<Input>) {
        match command {
            VenueCommand::New(new) => self.on_new(now_ns, new, out),
            VenueCommand::Cancel(cancel) => self.on_cancel(now_ns, cancel, out),
            VenueCommand::Reduce(reduce) => self.on_reduce(now_ns, reduce, out),
            VenueCommand::Query(query) => self.on_query(query, now_ns, out),
            VenueCommand::AskBalances(_) => {
                self.inquiry.ask_balances();
                self.drive(now_ns, out);
            }
        }
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.on_link_timers(now_ns, out);
        while let Some(wait) = self.ledger.waits.overdue(now_ns) {
            self.ledger.unanswered(&wait, out);
        }
        self.drive(now_ns, out);
    }

    fn standing(&self) -> Option<&Standing> {
        Some(self.life.standing())
    }

    fn refusals(&self) -> Option<&Refusals> {
        Some(&self.ledger.refusals)
    }

    fn next_timer_ns(&self) -> Option<u64> {
        let link = match self.link {
            Link::Idle { retry_ns } => retry_ns,
            Link::Token { deadline_ns, .. }
            | Link::Connecting { deadline_ns }
            | Link::Closing { deadline_ns } => deadline_ns,
            Link::Subscribing { deadline_ns } => self.silence.next_ns().min(deadline_ns),
            Link::On => self.silence.next_ns(),
        };
        [Some(link), self.inquiry.next_timer_ns(), self.ledger.waits.next_ns()]
            .into_iter()
            .flatten()
            .min()
    }
}
