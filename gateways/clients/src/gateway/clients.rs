//! The configured sessions: one client each, found by its place, its session id or its `CompID`.
//!
//! A place is a position in the configuration; sessions that are added later follow. Places are
//! made here only and no client ever goes, so indexing by a place asserts that the client is there.
//!
//! A line belongs here if it needs one client and no connection.

use core::cmp::Ordering;
use core::ops::{Index, IndexMut, Range};
use std::collections::BTreeMap;

use rutter_core::id::SessionId;
use rutter_core::input::CancelOnDisconnect;
use rutter_fix::codec::{Encoder, Message};
use rutter_fix::session::{DisconnectReason, Sent, Session};
use rutter_fix::store::{MessageStore, StoreFault};
use rutter_fix::tags::{self, msg_type};
use rutter_transport::acceptor::ConnId;

use super::throttle::{RequestRefusal, Throttle};
use crate::config::{GatewayConfig, KnownSessions, Limits, SessionConfig, SessionKind};
use crate::credentials::Credentials;
use crate::notice::{CloseReason, OutputError};
use crate::preview::PendingPreview;
use crate::reference::history::History;
use crate::terms::Owner;

/// All clients. See the module's text.
#[derive(Debug)]
pub(super) struct Clients<S> {
    all: Vec<Client<S>>,
    /// Places by session id.
    by_session: Vec<Option<usize>>,
    /// Places by the client's `CompID`.
    by_comp_id: BTreeMap<Vec<u8>, usize>,
    /// Places of the drop copies.
    copies: Vec<usize>,
}

impl<S: MessageStore> Clients<S> {
    /// One client for each configured session; `stores` are in the same order, and as many.
    pub fn new(config: &GatewayConfig, stores: Vec<S>) -> Self {
        let mut clients = Self {
            all: Vec::with_capacity(stores.len()),
            by_session: Vec::new(),
            by_comp_id: BTreeMap::new(),
            copies: Vec::new(),
        };
        for (session, store) in config.sessions.iter().zip(stores) {
            clients.add(&config.sender_comp_id, &config.limits, session, store);
        }
        clients
    }

    /// Adds a session, which has been checked. Returns its place.
    pub fn add(
        &mut self,
        sender_comp_id: &str,
        limits: &Limits,
        session: &SessionConfig,
        store: S,
    ) -> usize {
        let place = self.all.len();
        let slots = self.by_session.len().max(session.id.index() + 1);
        self.by_session.resize(slots, None);
        self.by_session[session.id.index()] = Some(place);
        self.by_comp_id.insert(session.comp_id.clone().into_bytes(), place);
        let credentials = Credentials::new(
            session.username.as_deref(),
            &session.proof,
            session.certificate.clone(),
            limits.logon_window_ns,
        );
        let fix = Session::new(session.fix_session(sender_comp_id, limits), store, credentials);
        let client = Client::new(fix, session);
        if client.is_drop_copy() {
            self.copies.push(place);
        }
        self.all.push(client);
        place
    }

    /// Gives the stores back, in the order of the configured sessions.
    pub fn into_stores(self) -> Vec<S> {
        self.all.into_iter().map(|client| client.session.into_store()).collect()
    }
}

impl<S> Clients<S> {
    /// Configured sessions.
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Number of drop copies.
    pub const fn copies(&self) -> usize {
        self.copies.len()
    }

    /// The place of the nth drop copy.
    pub fn copy(&self, nth: usize) -> Option<usize> {
        self.copies.get(nth).copied()
    }

    /// The sessions, for a check of further ones.
    pub fn known(&self) -> KnownSessions<'_> {
        self.all
            .iter()
            .map(|one| (one.owner.session, (one.comp_id.as_str(), !one.is_drop_copy())))
            .collect()
    }

    /// Every place.
    pub const fn places(&self) -> Range<usize> {
        0..self.all.len()
    }

    /// The clients, by place.
    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, Client<S>> {
        self.all.iter_mut()
    }

    /// The place of a session of the core's; `None` if it is not configured here.
    pub fn by_session(&self, session: SessionId) -> Option<usize> {
        self.by_session.get(session.index()).copied().flatten()
    }

    /// The place of the client with that `CompID`.
    pub fn by_comp_id(&self, comp_id: &[u8]) -> Option<usize> {
        self.by_comp_id.get(comp_id).copied()
    }
}

/// Every place comes from [`Clients`].
const CONFIGURED: &str = "a place is the position of a configured session";

impl<S> Index<usize> for Clients<S> {
    type Output = Client<S>;

    fn index(&self, place: usize) -> &Client<S> {
        self.all.get(place).expect(CONFIGURED)
    }
}

impl<S> IndexMut<usize> for Clients<S> {
    fn index_mut(&mut self, place: usize) -> &mut Client<S> {
        self.all.get_mut(place).expect(CONFIGURED)
    }
}

/// One configured session.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(super) struct Client<S> {
    /// Session id, account and FIX version.
    pub owner: Owner,
    pub session: Session<S, Credentials>,
    /// The client's connection, from the arrival of its Logon until its end. The table of
    /// connections holds it for all that time.
    pub conn: Option<ConnId>,
    /// The core has been told that the client is logged on.
    pub up: bool,
    /// The session cannot go on before a restart.
    pub failed: bool,
    /// Why, if the store is at fault.
    pub fault: Option<StoreFault>,
    /// Damaged places of the store that were told.
    pub damaged: u64,
    /// Why our Logout was sent.
    pub logout_reason: Option<DisconnectReason>,
    /// Highest event number that the core has given to the session; of a drop copy, the highest
    /// number of a report, whether the report was copied or not.
    pub journal_event: u64,
    /// Rights of the session; the sources of a drop copy are in order.
    pub kind: SessionKind,
    /// The client's `CompID`.
    pub comp_id: String,
    /// What becomes of the session's orders when its connection is lost, as configured.
    pub configured: CancelOnDisconnect,
    /// The same, as the newest Logon chose.
    pub chosen: CancelOnDisconnect,
    /// How many requests the session may make.
    pub throttle: Throttle,
    /// The session's reports carry a [`Passport`](crate::report::Passport).
    pub passport: bool,
    /// News that the client has refused since its Logon.
    pub news_refused: u32,
    /// The history that the client is being sent.
    pub history: Option<History>,
    /// The preview that the core is asked for.
    pub preview: Option<PendingPreview>,
    /// An operator has shut the session out.
    pub disabled: bool,
    /// An operator wants both sequence numbers to start at 1 once the connection is gone.
    pub reset_wanted: bool,
    /// The journal has such a command.
    pub reset_replayed: bool,
}

/// The kind with the sources of a drop copy in order, so that one of many is found at once.
fn sorted(kind: &SessionKind) -> SessionKind {
    match kind {
        SessionKind::Trading => SessionKind::Trading,
        SessionKind::DropCopy(sources) => {
            let mut sources = sources.clone();
            sources.sort_unstable();
            SessionKind::DropCopy(sources)
        }
    }
}

impl<S: MessageStore> Client<S> {
    fn new(session: Session<S, Credentials>, config: &SessionConfig) -> Self {
        let (account, version) = (config.account, config.version);
        Self {
            owner: Owner { session: config.id, account, version, precision: config.time_precision },
            session,
            kind: sorted(&config.kind),
            comp_id: config.comp_id.clone(),
            configured: config.cancel_on_disconnect,
            chosen: config.cancel_on_disconnect,
            throttle: Throttle::new(config.requests_per_s_max),
            passport: config.passport,
            news_refused: 0,
            history: None,
            preview: None,
            disabled: false,
            reset_wanted: false,
            reset_replayed: false,
            conn: None,
            up: false,
            failed: false,
            fault: None,
            damaged: 0,
            logout_reason: None,
            journal_event: 0,
        }
    }

    /// Stores an output under its event number and, if the client is logged on, writes it.
    pub fn send(
        &mut self,
        now_ns: u64,
        event: u64,
        kind: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Sent, OutputError> {
        let session = self.owner.session;
        let expected = self.session.last_event_no() + 1;
        if event > expected && !self.is_drop_copy() {
            return Err(OutputError::EventGap { session, expected, got: event });
        }
        let sent = self.session.send_app(now_ns, event, kind, out, write);
        sent.map_err(|source| OutputError::Send { session, source })
    }

    /// Starts both sequence numbers at 1 if an operator asked for it. Nobody is connected.
    pub fn reset_if_wanted(&mut self) {
        if core::mem::take(&mut self.reset_wanted) {
            self.session.reset();
        }
    }

    /// Whether a refusal by the client is about News.
    pub fn refuses_news(&self, refusal: &Message<'_>) -> bool {
        if let Some(kind) = refusal.get(tags::REF_MSG_TYPE) {
            return kind == msg_type::NEWS;
        }
        let seq = refusal.uint(tags::REF_SEQ_NUM).ok().flatten();
        let refused = seq.and_then(|seq| self.session.store().get(seq));
        refused.is_some_and(|entry| entry.msg_type == msg_type::NEWS)
    }

    /// The journal holds the message that an output answers; 0 for none.
    pub fn confirm(&mut self, client_seq: u64, recovered: bool) {
        if client_seq == 0 {
            return;
        }
        if recovered {
            self.session.confirm_in(client_seq);
        } else {
            self.session.recover_in(client_seq);
        }
    }

    /// How the store differs from the journal in the events that the client has been sent.
    pub fn differs(&self) -> Option<StoreFault> {
        match self.session.last_event_no().cmp(&self.journal_event) {
            Ordering::Greater => Some(StoreFault::Ahead),
            Ordering::Less if self.is_drop_copy() => None,
            Ordering::Less => Some(StoreFault::Behind),
            Ordering::Equal => None,
        }
    }
}

impl<S> Client<S> {
    /// Why the session is refused after it has failed.
    pub fn failure(&self) -> CloseReason {
        self.fault.map_or(CloseReason::SessionFailed, CloseReason::Store)
    }

    /// Whether the session gets copies of other sessions' reports. Its event numbers are those of
    /// all reports, of which it is sent some.
    pub const fn is_drop_copy(&self) -> bool {
        matches!(self.kind, SessionKind::DropCopy(_))
    }

    /// Whether the session may not make this request. Cancels are counted and never refused: a
    /// cancel lessens risk.
    pub fn may_not(&mut self, now_ns: u64, message: &Message<'_>) -> Option<RequestRefusal> {
        let asks_for_reports = message.msg_type() == msg_type::HISTORY_REQUEST;
        if self.kind != SessionKind::Trading && !asks_for_reports {
            return Some(RequestRefusal::ReadOnly);
        }
        let cancels = [msg_type::ORDER_CANCEL_REQUEST, msg_type::ORDER_MASS_CANCEL_REQUEST];
        let passes = self.throttle.may_pass(now_ns) || cancels.contains(&message.msg_type());
        (!passes).then_some(RequestRefusal::Throttled)
    }
}
