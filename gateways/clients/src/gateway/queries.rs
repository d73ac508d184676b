//! Requests that the gateway answers without the core: market data, the list of instruments, the
//! trading status; and the operator's news.
//!
//! Market data takes sequence numbers and is not stored, because an old book is worth nothing. It
//! is sent only to a client that reads, and at most [`STREAMS_PER_TURN`] messages a turn, so
//! reports never wait behind much of it.

use rutter_core::output::Notice as CoreNotice;
use rutter_fix::codec::Message;
use rutter_fix::dictionary::Version;
use rutter_fix::session::{AppMessage, BusinessRejectReason, SendError, Sent};
use rutter_fix::store::MessageStore;
use rutter_fix::tags;
use rutter_transport::acceptor::ConnId;

use super::ClientGateway;
use crate::connection::Connection;
use crate::market::fields::{INCREMENT, MARKET_DATA_REQUEST, REQUEST_REJECT, SNAPSHOT};
use crate::market::request::{self, MarketRequest, MdRefusal, RequestFault};
use crate::market::streams::DueMessage;
use crate::market::write::write_reject;
use crate::market::{BookNews, Market, MarketConfig, MarketConfigError, MarketCounters, MdReqId};
use crate::notice::{CloseReason, Notice};
use crate::reference::security_list::{LIST, LIST_REQUEST, ListResult};
use crate::reference::session_status::{
    STATUS, STATUS_REQUEST, StatusRequest, TRAD_SES_REQ_ID, write_refusal, write_status,
};
use crate::reference::{
    NEWS_REFUSALS_MAX, News, NewsError, NewsSent, RequestId, SecurityList, SessionStatus,
};

/// Market data messages written in one turn, over all clients; the rest follow in the next turn.
pub const STREAMS_PER_TURN: usize = 64;

/// Streams looked at in one turn, whether a message is due for them or not.
const LOOKS_PER_TURN: usize = 4 * STREAMS_PER_TURN;

/// Sessions that are shown in one look, whether they have a connection or not.
pub const SESSIONS_SHOWN_PER_LOOK: usize = 1_024;

/// One session, as an operator sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionShown {
    /// The client is logged on.
    pub connected: bool,
    /// `MsgSeqNum` that is expected next.
    pub next_in: u64,
    /// `MsgSeqNum` that is sent next.
    pub next_out: u64,
    /// When the newest bytes came, nanoseconds since the Unix epoch; zero without a connection.
    pub last_in_ns: u64,
    /// Bytes that wait for the socket.
    pub backlog_bytes: u64,
    /// Why the session is cut off until a restart.
    pub failure: Option<CloseReason>,
}

impl<S: MessageStore> ClientGateway<S> {
    /// Sets the listings, for market data and the list of instruments. Call it before clients come;
    /// without it there is no market data.
    ///
    /// # Errors
    /// [`MarketConfigError`].
    pub fn set_market(&mut self, config: &MarketConfig) -> Result<(), MarketConfigError> {
        let terms = &self.terms;
        let known = |instrument, venue| {
            terms.instrument(instrument).is_some() && terms.venue(venue).is_some()
        };
        config.check(known, self.limits.output_bytes_max)?;
        let venues = terms.venues().to_vec();
        self.market = Market::new(config, venues.clone(), self.clients.len());
        self.securities = SecurityList::new(config, venues);
        self.status = SessionStatus::new(self.clients.len());
        Ok(())
    }

    /// Takes a feed's update; the next timer sends it to clients. Without subscribers only the book
    /// changes.
    #[inline]
    pub fn on_book_news(&mut self, now_ns: u64, news: &BookNews) {
        self.market.take(now_ns, news);
    }

    /// Whether any client has asked for market data. If none has, updates need not wake the
    /// gateway.
    pub fn wants_books(&self) -> bool {
        !self.market.is_empty()
    }

    /// Counters of market data.
    pub const fn market_counters(&self) -> MarketCounters {
        self.market.counters()
    }

    /// Active streams of market data.
    pub fn market_streams(&self) -> usize {
        self.market.len()
    }

    /// Shows sessions, by their places in the configuration: [`SESSIONS_SHOWN_PER_LOOK`] in turn,
    /// and where there are more, also each that has a connection.
    pub fn each_session(&mut self, mut see: impl FnMut(usize, &SessionShown)) {
        let count = self.clients.len();
        for _ in 0..count.min(SESSIONS_SHOWN_PER_LOOK) {
            let place = self.shown % count;
            see(place, &self.session_shown(place));
            self.shown = (place + 1) % count;
        }
        for conn in self.connections.ids().filter(|_| count > SESSIONS_SHOWN_PER_LOOK) {
            if let Some(place) = self.connections.get(conn).and_then(Connection::client) {
                see(place, &self.session_shown(place));
            }
        }
    }

    fn session_shown(&self, place: usize) -> SessionShown {
        let client = &self.clients[place];
        let connection = client.conn.map(|conn| &self.connections[conn]);
        SessionShown {
            connected: client.up,
            next_in: client.session.next_in(),
            next_out: client.session.next_out(),
            last_in_ns: connection.map_or(0, |connection| connection.arrived_ns),
            backlog_bytes: connection.map_or(0, |connection| connection.out.len() as u64),
            failure: client.failed.then(|| client.failure()),
        }
    }

    /// Sends the operator's text to every session. A session that is not logged on gets it when it
    /// asks for the messages that it missed. A client that refuses News is sent none.
    ///
    /// # Errors
    /// [`NewsError`]: the text was sent to no session.
    pub fn news(&mut self, now_ns: u64, text: &str) -> Result<NewsSent, NewsError> {
        let news = News::new(text)?;
        let mut told = NewsSent::default();
        for place in self.clients.places() {
            let client = &self.clients[place];
            if client.news_refused >= NEWS_REFUSALS_MAX {
                told.refused += 1;
                continue;
            }
            let precision = client.owner.precision;
            let sent = self.send_stored(now_ns, place, tags::msg_type::NEWS, |out| {
                news.write(out, now_ns, precision);
            });
            match sent {
                Some(Sent::Written { .. }) => told.written += 1,
                Some(Sent::Held { .. } | Sent::AlreadyStored | Sent::Unanswered) => told.held += 1,
                None => told.failed += 1,
            }
        }
        Ok(told)
    }

    /// Sends a message that is stored for a resend. `None` if the session has failed.
    fn send_stored(
        &mut self,
        now_ns: u64,
        place: usize,
        kind: &[u8],
        write: impl FnOnce(&mut rutter_fix::codec::Encoder<'_>),
    ) -> Option<Sent> {
        let client = &mut self.clients[place];
        if client.failed {
            return None;
        }
        let conn = client.conn;
        self.scratch.clear();
        let out = match conn {
            Some(conn) => &mut self.connections[conn].out,
            None => &mut self.scratch,
        };
        let sent = match client.session.send_unnumbered(now_ns, kind, out, write) {
            Ok(sent) => sent,
            Err(error) => {
                self.fail(place, error.fault());
                return None;
            }
        };
        if let Some(conn) = conn {
            self.after_write(now_ns, conn);
        }
        Some(sent)
    }

    /// Trading was halted or goes on: subscribers are told.
    pub(super) fn on_notice(&mut self, now_ns: u64, notice: &CoreNotice) {
        if !self.status.on_notice(notice) {
            return;
        }
        for place in self.clients.places() {
            if let Some(id) = self.status.subscribed(place) {
                self.tell_status(now_ns, place, &id, true);
            }
        }
    }

    fn tell_status(&mut self, now_ns: u64, place: usize, id: &RequestId, unasked: bool) {
        let halted = self.status.is_halted();
        self.send_stored(now_ns, place, STATUS, |out| write_status(out, id, halted, unasked));
    }

    /// Answers a request that is not the core's; false if the message is none.
    pub(super) fn on_query(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
    ) -> bool {
        let version = self.clients[place].owner.version;
        let message = &app.message;
        if message.msg_type() == tags::msg_type::HISTORY_REQUEST {
            self.on_history_request(now_ns, conn, place, app);
            return true;
        }
        let answered = match message.msg_type() {
            MARKET_DATA_REQUEST => self.on_market_data_request(place, message),
            LIST_REQUEST if version != Version::Fix42 => {
                self.on_list_request(now_ns, conn, place, app, version)
            }
            STATUS_REQUEST => self.on_status_request(now_ns, place, message, version),
            _ => return false,
        };
        if let Err(fault) = answered {
            self.answer_fault(now_ns, conn, place, app, fault);
        }
        self.clients[place].session.confirm_in(app.id);
        true
    }

    fn on_market_data_request(
        &mut self,
        place: usize,
        message: &Message<'_>,
    ) -> Result<(), RequestFault> {
        let (id, asked) = request::read(message)?;
        let done = match asked {
            MarketRequest::End => self.market.end(place, &id),
            MarketRequest::Show(show) => {
                let symbols = request::symbols(message)?;
                self.market.begin(place, &id, show, &symbols, &self.terms)
            }
        };
        done.map_err(|refusal| RequestFault::Refused(id, refusal))
    }

    fn on_list_request(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
        version: Version,
    ) -> Result<(), RequestFault> {
        let mut asked = self.securities.read(&app.message, &self.terms)?;
        if !self.has_room_for_market(conn) || self.is_replaying(place) {
            asked.result = ListResult::Unavailable;
        }
        let (client, connection) = (&mut self.clients[place], &mut self.connections[conn]);
        let (list, terms) = (&self.securities, &self.terms);
        for number in 0..list.messages(&asked, terms) {
            let out = &mut connection.out;
            // A client that is logging out needs no list.
            let sent = client.session.send_transient(now_ns, LIST, out, |out| {
                list.write(out, &asked, (number, app.seq), terms, version);
            });
            if sent.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn on_status_request(
        &mut self,
        now_ns: u64,
        place: usize,
        message: &Message<'_>,
        version: Version,
    ) -> Result<(), RequestFault> {
        match self.status.read(place, message)? {
            StatusRequest::Report(id) => self.tell_status(now_ns, place, &id, false),
            // FIX 4.2 has no status for a refusal.
            StatusRequest::Refuse(_) if version == Version::Fix42 => {
                return Err(RequestFault::Business(BusinessRejectReason::UnknownId));
            }
            StatusRequest::Refuse(id) => {
                self.send_stored(now_ns, place, STATUS, |out| write_refusal(out, &id));
            }
            StatusRequest::End => {}
        }
        Ok(())
    }

    fn answer_fault(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
        fault: RequestFault,
    ) {
        self.counters.messages_rejected += 1;
        let message = &app.message;
        let (reason, tag) = match fault {
            RequestFault::Refused(id, refusal) => {
                return self.refuse_request(now_ns, place, &id, refusal);
            }
            RequestFault::Session { reason, tag } => (Ok(reason), Some(tag)),
            RequestFault::Business(reason) => (Err(reason), None),
        };
        let (client, connection) = (&mut self.clients[place], &mut self.connections[conn]);
        let out = &mut connection.out;
        match reason {
            Ok(reason) => {
                let session = client.owner.session;
                client.session.reject(now_ns, message, reason, tag, out);
                self.note(Notice::Rejected { session, seq: app.seq, reason, tag });
            }
            Err(reason) => {
                let id = message.get(tags::MD_REQ_ID).or(message.get(TRAD_SES_REQ_ID));
                let sent =
                    client.session.business_reject(now_ns, message, reason, id, reason.text(), out);
                if let Err(error) = sent {
                    self.fail(place, error.fault());
                }
            }
        }
    }

    fn refuse_request(&mut self, now_ns: u64, place: usize, id: &MdReqId, refusal: MdRefusal) {
        self.market.refused();
        let version = self.clients[place].owner.version;
        self.send_stored(now_ns, place, REQUEST_REJECT, |out| {
            write_reject(out, id, refusal, version);
        });
    }

    /// Whether a client has read nearly everything that was written to it.
    pub(super) fn has_room_for_market(&self, conn: ConnId) -> bool {
        self.connections[conn].out.len() < self.market.limits().backlog_bytes_max
    }

    /// Sends the market data that is due, to clients that read; true if any was sent.
    pub(super) fn serve_market(&mut self, now_ns: u64) -> bool {
        if !self.market.has_work() && now_ns < self.market.next_due_ns() {
            return false;
        }
        self.market.advance(now_ns);
        let mut sent = 0;
        for _ in 0..LOOKS_PER_TURN {
            let Some((slot, place)) = self.market.take_next() else { break };
            sent += usize::from(self.serve_stream(now_ns, slot, place));
            if sent >= STREAMS_PER_TURN {
                break;
            }
        }
        sent > 0
    }

    fn serve_stream(&mut self, now_ns: u64, slot: u32, place: usize) -> bool {
        let client = &self.clients[place];
        let Some(conn) = client.conn else {
            self.market.client_gone(place);
            return false;
        };
        if client.session.replay_pending() || !self.has_room_for_market(conn) {
            self.market.wait(slot);
            return false;
        }
        let owed = self.market.prepare(slot);
        let kind = match owed {
            DueMessage::Nothing => return false,
            DueMessage::Snapshot => SNAPSHOT,
            DueMessage::Increment | DueMessage::Trades => INCREMENT,
        };
        let (client, connection) = (&mut self.clients[place], &mut self.connections[conn]);
        let version = client.owner.version;
        let market = &self.market;
        let sent = client.session.send_transient(now_ns, kind, &mut connection.out, |out| {
            market.write(slot, owed, version, out);
        });
        match sent {
            Ok(_) => {
                self.market.sent(now_ns, slot, owed);
                self.after_write(now_ns, conn);
                true
            }
            // The client is logging out.
            Err(SendError::NotLoggedOn) => {
                self.market.client_gone(place);
                false
            }
            Err(error) => {
                self.fail(place, error.fault());
                false
            }
        }
    }
}
