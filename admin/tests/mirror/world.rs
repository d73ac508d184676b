//! A core that is told anything at random, and a model that follows it.
//!
//! The news is meant to be bad: doubled, late, beyond the order, of the wrong instrument, of
//! children that are over. The tables are small, so that they come round many times.

use rutter_admin::model::{EventRow, Judged, ReadModel, Sizes};
use rutter_core::Engine;
use rutter_core::child::{Child, ChildState};
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::{ChildEnd, Notice, Output};
use rutter_test_support::random::Random;
use rutter_test_support::reference;
pub use rutter_test_support::reference::text;

pub const VENUES: u8 = 3;
pub const INSTRUMENTS: u16 = 2;
pub const ACCOUNTS: u16 = 2;
pub const ASSETS: u16 = 3;
/// The last one only listens.
pub const SESSIONS: u16 = 4;
const UNIT: i128 = 1_000_000_000_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// What happened in a run, to see that it tested something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub fills: u64,
    pub overfills: u64,
    pub orphans: u64,
    pub unknown: u64,
    pub called_back: u64,
    pub commands: u64,
    pub replaced: u64,
    pub stuck: u64,
    pub restarts: u64,
    pub resolved: u64,
    pub reconciled: u64,
}

pub struct World {
    pub engine: Engine,
    pub model: ReadModel,
    pub journal: Vec<(Header, Input)>,
    pub outputs: Vec<Output>,
    pub seen: Seen,
    /// How orders were judged, in the order of their ends.
    pub judged: Vec<Judged>,
    /// What the core had counted when the node last started.
    pub before: rutter_core::engine::Counts,
    random: Random,
    seq: u64,
    pub now: u64,
    ids: u64,
    execs: Vec<ChildFill>,
}

pub fn genesis() -> Genesis {
    Genesis { orders_log2: 5, children_log2: 6, executions_log2: 6, ..reference::genesis() }
}

pub fn sizes() -> Sizes {
    Sizes { events_log2: 8, ..Sizes::of(&genesis()) }
}

fn account(id: u16, rate: u32) -> Input {
    let limits = AccountLimits { rate_per_s: rate, open_orders_max: 12, ..reference::limits() };
    Input::Account(AccountDef {
        slack_ppm: 100,
        limits,
        ..reference::account(id, &format!("fund{id}"))
    })
}

fn session(id: u16, account: u16) -> Input {
    let account = (id + 1 < SESSIONS).then_some(AccountId(account));
    Input::Session(reference::session(id, &format!("S{id}"), account))
}

fn venue(id: u8) -> Input {
    Input::Venue(VenueDef {
        stale_after_ns: 500 * SECOND_NS,
        unanswered_max: 100,
        fok: id == 0,
        ..reference::venue(id, &format!("v{id}"))
    })
}

fn listing(venue: u8, instrument: u16, fee: i32) -> Input {
    Input::Listing(ListingDef {
        taker_fee: FeePpm(fee),
        fee_taken: FeeTaken::ALL[usize::from(venue) % FeeTaken::ALL.len()],
        ..reference::listing(VenueId(venue), InstrumentId(instrument))
    })
}

pub fn definitions() -> Vec<Input> {
    let asset = |id, name| Input::Asset(reference::asset(id, name));
    let instrument = |id: u16, symbol: &str| {
        Input::Instrument(InstrumentDef {
            qty_decimals: 3 + id as u8,
            ..reference::instrument(id, symbol, AssetId(id), AssetId(2))
        })
    };
    let mut all = vec![asset(0, "BTC"), asset(1, "ETH"), asset(2, "USD")];
    all.extend([instrument(0, "BTC/USD"), instrument(1, "ETH/USD")]);
    all.extend((0..ACCOUNTS).map(|id| account(id, 10_000)));
    all.extend((0..SESSIONS).map(|id| session(id, u16::from(id == 2))));
    all.extend((0..VENUES).map(venue));
    let (venue, amending) = (VenueId(0), Amending::ReduceKeepsPriority);
    all.push(Input::Amend(AmendDef { amending, ..AmendDef::none(venue) }));
    for id in 0..VENUES {
        all.extend((0..INSTRUMENTS).map(|instrument| listing(id, instrument, 2_000)));
    }
    all.extend(fees(1));
    all.push(Input::NodeStarted);
    all
}

/// What the fees of the last venue depend on, and a fee of one account there.
fn fees(at: i128) -> Vec<Input> {
    let venue = VenueId(VENUES - 1);
    let token = FeeTokenDef { asset: AssetId(1), discount_ppm: 250_000, least: Amount(1) };
    let (asset, volume) = (AssetId(2), Amount(at * UNIT));
    let (tiers, from_day) = (3, 1_700_000_000 / 86_400);
    let schedule = FeeScheduleDef { venue, asset, tiers, volume, from_day, token: Some(token) };
    let mut all = vec![Input::FeeSchedule(schedule)];
    for (place, from) in (0..).zip([0, at, 3 * at]) {
        let (maker, taker) = (FeePpm(0), FeePpm(2_500 - 500 * i32::from(place)));
        let from = Amount(from * UNIT);
        all.push(Input::FeeTier(FeeTierDef { venue, place, from, maker, taker }));
    }
    all.push(Input::FeeByTier { venue, instrument: InstrumentId(1) });
    let (account, maker, taker) = (AccountId(1), FeePpm(10), FeePpm(20));
    for venue in [venue, VenueId(0)] {
        let fee = AccountFeeDef { account, venue, instrument: None, maker, taker };
        all.push(Input::AccountFee(fee));
    }
    all
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            engine: Engine::new(&genesis()).expect("sound"),
            model: ReadModel::new(sizes()),
            journal: Vec::new(),
            outputs: Vec::new(),
            seen: Seen::default(),
            judged: Vec::new(),
            before: rutter_core::engine::Counts::default(),
            random: Random::new(seed),
            seq: 0,
            now: 1_700_000_000 * SECOND_NS,
            ids: 0,
            execs: Vec::new(),
        };
        for input in definitions() {
            world.input(input);
        }
        for id in 0..VENUES {
            for asset in 0..ASSETS {
                let (venue, asset) = (VenueId(id), AssetId(asset));
                world.input(Input::Balance { venue, asset, total: Amount(1_000_000 * UNIT) });
            }
            world.input(Input::VenueUp(VenueId(id)));
        }
        for session in 0..SESSIONS {
            world.input(Input::SessionUp(SessionId(session), CancelOnDisconnect::default()));
        }
        world
    }

    /// Tells the core, and the model what came of it: as the ring does, one output after another.
    pub fn input(&mut self, input: Input) {
        self.seq += 1;
        self.now += 1_000;
        let header = Header { seq: self.seq, time: UnixNanos(self.now) };
        self.journal.push((header, input));
        self.outputs.clear();
        self.engine.apply(header, &input, &mut self.outputs);
        match input {
            // The node's launch says both to the model.
            Input::NodeStarted => {
                self.before = self.engine.counts();
                self.judged.clear();
                self.model.start_counting();
            }
            definition => self.model.define(&definition),
        }
        for output in &self.outputs {
            self.model.apply(self.seq, self.now, output);
            self.judged.extend(self.model.take_judged());
            match output {
                Output::Notice(Notice::Overfill(..)) => self.seen.overfills += 1,
                Output::Notice(Notice::OrphanFill(_)) => self.seen.orphans += 1,
                Output::Notice(Notice::ChildUnknown(..)) => self.seen.unknown += 1,
                Output::Notice(Notice::CalledBack(..)) => self.seen.called_back += 1,
                Output::Notice(Notice::ChildEnded(_, _, ChildEnd::Resolved)) => {
                    self.seen.resolved += 1;
                }
                Output::Notice(Notice::Reconciled(..)) => self.seen.reconciled += 1,
                Output::Notice(Notice::CancelStuck(_)) => self.seen.stuck += 1,
                Output::Operator(_) => self.seen.commands += 1,
                Output::Report(report) if report.last.is_some() => self.seen.fills += 1,
                Output::Report(report) if report.replaced => self.seen.replaced += 1,
                _ => {}
            }
        }
    }

    /// Lets time pass, and the timer fire.
    pub fn wait(&mut self, ns: u64) {
        self.now += ns;
        self.input(Input::Tick);
    }

    /// Something happens.
    pub fn step(&mut self) {
        match self.random.below(1_000) {
            0..220 => self.new_order(),
            220..600 => self.venue_news(),
            600..605 => self.refuse_cancels(),
            605..660 => self.change(true),
            660..720 => self.change(false),
            720..850 => self.book(),
            850..900 => self.operator(),
            900..915 => self.mass(),
            915..930 => self.session(),
            930..950 => self.venue_link(),
            950..970 => self.balance(),
            970..985 => {
                // Far enough for the day's end now and then.
                let ahead = self.random.pick(&[1, 30, 3_600, 40_000]);
                self.now += ahead * SECOND_NS;
                self.input(Input::Tick);
            }
            985..993 => self.redefine(),
            993..996 => {
                self.seen.restarts += 1;
                self.input(Input::NodeStarted);
                (0..VENUES).for_each(|id| self.input(Input::VenueUp(VenueId(id))));
            }
            _ => {
                let (venue, instrument) = (self.any_venue(), self.any_instrument());
                let reason = Distrust::Gap;
                self.input(Input::BookDistrusted { venue, instrument, reason });
            }
        }
    }

    fn any_venue(&mut self) -> VenueId {
        VenueId(self.random.below(u64::from(VENUES)) as u8)
    }

    fn any_instrument(&mut self) -> InstrumentId {
        InstrumentId(self.random.below(u64::from(INSTRUMENTS)) as u16)
    }

    fn any_side(&mut self) -> Side {
        self.random.pick(&[Side::Buy, Side::Sell])
    }

    fn any_session(&mut self) -> SessionId {
        SessionId(self.random.below(u64::from(SESSIONS)) as u16)
    }

    fn price(&mut self) -> Price {
        Price(10_000 - 20 + self.random.below(40) as i64)
    }

    fn order(&mut self) -> NewOrder {
        self.ids += 1;
        let is_market = self.random.in_100(20);
        let tifs = [
            TimeInForce::Day,
            TimeInForce::Gtc,
            TimeInForce::Gtd,
            TimeInForce::Ioc,
            TimeInForce::Fok,
        ];
        let tif = if is_market { TimeInForce::Ioc } else { self.random.pick(&tifs) };
        let mut instructions = Instructions::default();
        if tif == TimeInForce::Gtd {
            instructions.expire_at = UnixNanos(self.now + self.random.below(100) * SECOND_NS);
        }
        if self.random.in_100(20) {
            let letter = self.random.pick(b"oQ");
            instructions.exec_inst = CharSet::EMPTY.with(letter).expect("allowed");
        }
        NewOrder {
            session: self.any_session(),
            client_seq: self.ids,
            instrument: self.any_instrument(),
            side: self.any_side(),
            ord_type: if is_market { OrdType::Market } else { OrdType::Limit },
            tif,
            qty: Qty(1 + self.random.below(30) as i64),
            price: if is_market { Price(0) } else { self.price() },
            instructions,
            trace: self.random.below(u64::MAX),
            ..reference::buy(&format!("o{}", self.ids))
        }
    }

    fn new_order(&mut self) {
        let order = self.order();
        self.input(Input::NewOrder(order));
    }

    /// An order of the core: mostly one that lives.
    fn any_order(&mut self) -> Option<rutter_core::order::Order> {
        let all: Vec<_> = self.engine.orders().copied().collect();
        let living: Vec<_> = all.iter().filter(|o| !o.state().is_over()).copied().collect();
        let from = if living.is_empty() || self.random.in_100(10) { all } else { living };
        (!from.is_empty()).then(|| self.random.pick(&from))
    }

    fn change(&mut self, cancels: bool) {
        let Some(order) = self.any_order() else { return };
        self.ids += 1;
        let (session, client_seq, orig_cl_ord_id) = (order.session, self.ids, order.cl_ord_id);
        let cl_ord_id = text(&format!("c{}", self.ids));
        if cancels {
            let request = CancelOrder { session, client_seq, cl_ord_id, orig_cl_ord_id };
            return self.input(Input::Cancel(request));
        }
        let price =
            if order.price.0 == 0 || self.random.in_100(50) { order.price } else { self.price() };
        let order = NewOrder {
            session,
            client_seq,
            cl_ord_id,
            instrument: order.instrument,
            side: order.side,
            ord_type: order.ord_type,
            tif: order.tif,
            qty: Qty(1 + self.random.below(40) as i64),
            price,
            trace: 0,
            ..reference::buy("")
        };
        self.input(Input::Replace(ReplaceOrder { orig_cl_ord_id, order }));
    }

    /// A child of the core: mostly one that lives.
    fn any_child(&mut self) -> Option<Child> {
        let all: Vec<_> = self.engine.children().copied().collect();
        let living: Vec<_> = all.iter().filter(|c| !c.state().is_over()).copied().collect();
        let from = if living.is_empty() || self.random.in_100(15) { all } else { living };
        (!from.is_empty()).then(|| self.random.pick(&from))
    }

    fn venue_news(&mut self) {
        let Some(known) = self.any_child() else { return };
        let child = if self.random.in_100(2) { ChildId(9_999_999) } else { known.id };
        let venue = if self.random.in_100(2) { self.any_venue() } else { known.venue };
        let filled = self.random.pick(&[known.filled, known.filled, known.qty, Qty(3)]);
        let fates = [Fate::Open, Fate::Closed, Fate::Expired, Fate::NeverArrived, Fate::Rejected];
        let how = self.random.pick(&[Ending::Canceled, Ending::Expired, Ending::SelfMatch]);
        let input = match self.random.below(100) {
            0..25 => Input::ChildAccepted {
                venue,
                child,
                venue_order: VenueOrderId::new(b"X1").expect("short"),
            },
            25..30 => self.refusal(venue, child),
            30..70 => return self.fill(&known),
            70..80 => Input::ChildDone { venue, child, how, filled },
            80..84 => Input::CancelRejected {
                venue,
                child,
                reason: VenueReject::UnknownOrder,
                retry_after_ns: 0,
            },
            _ if self.random.in_100(8) => {
                Input::AmendRejected { venue, child, reason: VenueReject::Filter }
            }
            _ if self.random.in_100(8) => {
                let qty =
                    self.random.pick(&[known.qty, known.filled, Qty(3), Qty(known.qty.0 / 2)]);
                Input::ChildAmended { venue, child, qty }
            }
            84..88 => Input::ChildInDoubt { venue, child, doubt: Doubt::NoAnswer },
            88..94 => Input::ChildFate { venue, child, fate: Fate::Open, filled },
            _ => Input::ChildFate { venue, child, fate: self.random.pick(&fates), filled },
        };
        self.input(input);
    }

    fn refusal(&mut self, venue: VenueId, child: ChildId) -> Input {
        let reasons = [
            VenueReject::Filter,
            VenueReject::Other,
            VenueReject::RateLimit,
            VenueReject::MarketClosed,
            VenueReject::InsufficientFunds,
        ];
        let reason = self.random.pick(&reasons);
        Input::ChildRejected { venue, child, reason, retry_after_ns: 0 }
    }

    /// A venue refuses a cancel again and again, and says that the child is there.
    fn refuse_cancels(&mut self) {
        let wanted = |child: &&Child| child.cancel_wanted && !child.state().is_over();
        let Some(child) = self.engine.children().find(wanted).copied() else { return };
        let (venue, child, filled) = (child.venue, child.id, child.filled);
        self.input(Input::VenueUp(venue));
        for _ in 0..=rutter_core::engine::CANCELS_MAX {
            let reason = VenueReject::Other;
            let retry_after_ns = 0;
            self.input(Input::CancelRejected { venue, child, reason, retry_after_ns });
            self.input(Input::ChildFate { venue, child, fate: Fate::Open, filled });
        }
    }

    fn fill(&mut self, child: &Child) {
        self.ids += 1;
        if self.random.in_100(5) && !self.execs.is_empty() {
            let again = self.random.pick(&self.execs);
            return self.input(Input::ChildFill(again));
        }
        let leaves = child.leaves().0.max(1);
        let qty = match self.random.below(10) {
            0..4 => leaves,
            4 => leaves + 1 + self.random.below(5) as i64,
            _ => 1 + self.random.below(leaves as u64) as i64,
        };
        let wrong = self.random.in_100(2);
        let fill = ChildFill {
            venue: if self.random.in_100(1) { self.any_venue() } else { child.venue },
            child: child.id,
            instrument: child.instrument,
            side: if wrong { child.side.opposite() } else { child.side },
            exec: ExecId(u128::from(self.ids)),
            qty: Qty(qty),
            price: self.price(),
            fee: Amount(i128::from(self.random.below(1_000)) - 200),
            fee_asset: AssetId(self.random.below(u64::from(ASSETS)) as u16),
            liquidity: Liquidity::Taker,
        };
        if self.execs.len() < 64 {
            self.execs.push(fill);
        }
        self.input(Input::ChildFill(fill));
    }

    fn book(&mut self) {
        let mut update = BookUpdate {
            venue: self.any_venue(),
            instrument: self.any_instrument(),
            clear: true,
            last: true,
            ..BookUpdate::default()
        };
        for step in 1..=3 {
            let away = step * (1 + self.random.below(5) as i64);
            for (side, price) in [(Side::Buy, 10_000 - away), (Side::Sell, 10_000 + away)] {
                let qty = Qty(1 + self.random.below(15) as i64);
                update.push(side, Level { price: Price(price), qty });
            }
        }
        self.input(Input::Book(update));
    }

    fn any_scope(&mut self) -> Scope {
        match self.random.below(8) {
            0 => Scope::All,
            1 | 2 => Scope::Venue(self.any_venue()),
            3 | 4 => Scope::Instrument(self.any_instrument()),
            5 => Scope::Session(self.any_session()),
            6 => Scope::Account(AccountId(self.random.below(u64::from(ACCOUNTS)) as u16)),
            _ => Scope::Account(AccountId(99)),
        }
    }

    fn operator(&mut self) {
        let scope = self.any_scope();
        let limits = AccountLimits {
            notional_max: Amount(i128::from(self.random.below(4)) * 250_000 * UNIT),
            rate_per_s: 10_000,
            open_orders_max: 4 + self.random.below(10) as u32,
            ..reference::limits()
        };
        let target = self.any_order().map_or(OrderId(7), |order| order.id);
        let account = AccountId(self.random.below(u64::from(ACCOUNTS) + 1) as u16);
        let command = match self.random.below(20) {
            0 => OperatorCommand::Halt(scope),
            1..5 => OperatorCommand::Resume(scope),
            5 => OperatorCommand::DrainVenue(self.any_venue()),
            6..8 => OperatorCommand::EnableVenue(self.any_venue()),
            8..11 => OperatorCommand::Cancel(target),
            11..13 => OperatorCommand::CancelAll(scope),
            13 => OperatorCommand::SetLimits(account, limits),
            14 => OperatorCommand::ReduceOnly(scope),
            15..17 => OperatorCommand::ReduceOnlyOff(scope),
            17 => self.resolution(),
            18 => {
                let all = [SessionCommand::Disable, SessionCommand::Enable, SessionCommand::Logout];
                OperatorCommand::about_session(self.any_session(), self.random.pick(&all))
            }
            _ => OperatorCommand::Node(NodeCommand::News),
        };
        self.command(command);
        // Little happens then: most end soon.
        if let OperatorCommand::LogOut(session, _) = command
            && self.random.in_100(80)
        {
            self.command(OperatorCommand::about_session(session, SessionCommand::Enable));
            self.input(Input::SessionUp(session, CancelOnDisconnect::default()));
        }
        if self.random.in_100(80) {
            let halts: Vec<Scope> = self.engine.halts().collect();
            for scope in halts {
                self.command(OperatorCommand::Resume(scope));
            }
        }
        if self.random.in_100(50) {
            let scopes: Vec<Scope> = self.engine.reduce_only_scopes().collect();
            for scope in scopes {
                self.command(OperatorCommand::ReduceOnlyOff(scope));
            }
        }
    }

    /// A statement about a child of unknown outcome, which may be too early or too much.
    fn resolution(&mut self) -> OperatorCommand {
        let unknown = |child: &&Child| child.state() == ChildState::Unknown;
        let unknown: Vec<Child> = self.engine.children().filter(unknown).copied().collect();
        let child = if unknown.is_empty() { None } else { Some(self.random.pick(&unknown)) };
        let Some(child) = child else {
            return OperatorCommand::Resolve(Resolution {
                child: ChildId(1),
                filled: Qty(1),
                price: Price(1),
            });
        };
        self.now += self.random.pick(&[1, 70]) * SECOND_NS;
        let beyond = child.leaves().0 + 1;
        let filled = Qty(child.filled.0 + self.random.below(beyond.unsigned_abs() + 1) as i64);
        let resolution = Resolution { child: child.id, filled, price: child.price };
        OperatorCommand::Resolve(resolution)
    }

    /// Gives a command, and sees that the model knew how much it would call back.
    fn command(&mut self, command: OperatorCommand) {
        let expected = match command {
            OperatorCommand::Halt(scope @ Scope::Venue(_)) => {
                Some(self.model.open_in(scope).children)
            }
            OperatorCommand::Halt(scope) | OperatorCommand::CancelAll(scope) => {
                Some(self.model.open_in(scope).orders)
            }
            OperatorCommand::ReduceOnly(scope) => Some(self.model.raising_in(scope)),
            _ => None,
        };
        let (by, reason) = (text("ops"), text("drill"));
        self.input(Input::Operator(Operator { request: 1, by, reason, command }));
        let report = self.outputs.iter().find_map(|output| match output {
            Output::Operator(report) => Some(*report),
            _ => None,
        });
        let report = report.expect("each command is answered");
        if let Some(expected) = expected.filter(|_| report.refusal == Refusal::None) {
            assert_eq!(report.affected, expected, "{command:?}");
        }
    }

    fn mass(&mut self) {
        self.ids += 1;
        let scope = MassScope {
            instrument: self.random.in_100(50).then(|| self.any_instrument()),
            side: self.random.in_100(50).then(|| self.any_side()),
        };
        let (session, client_seq) = (self.any_session(), self.ids);
        let (id, refusal) = (text(&format!("m{}", self.ids)), Refusal::None);
        let input = if self.random.in_100(50) {
            Input::MassStatus(MassStatus { session, client_seq, request: id, scope, refusal })
        } else {
            let cl_ord_id = id;
            Input::MassCancel(MassCancel {
                session,
                client_seq,
                cl_ord_id,
                asked: 7,
                scope,
                refusal,
            })
        };
        self.input(input);
    }

    fn session(&mut self) {
        let session = self.any_session();
        let choice =
            CancelOnDisconnect { all: self.random.in_100(30), grace_ns: self.random.below(2) };
        self.input(Input::SessionDown(session));
        self.input(Input::SessionUp(session, choice));
    }

    fn venue_link(&mut self) {
        let venue = self.any_venue();
        if self.random.in_100(50) {
            self.input(Input::VenueDown(venue, VenueDownReason::LinkLost));
        }
        if self.random.in_100(80) {
            self.input(Input::VenueUp(venue));
        }
    }

    fn balance(&mut self) {
        let asset = AssetId(self.random.below(u64::from(ASSETS) + 1) as u16);
        let total = Amount(i128::from(self.random.below(1_000)) * 1_000 * UNIT);
        let venue = self.any_venue();
        self.input(Input::Balance { venue, asset, total });
    }

    /// Another fee, another rate, another account of a session, or what cannot be taken.
    fn redefine(&mut self) {
        let fee = self.random.below(5_000) as i32;
        if self.random.in_100(30) {
            let at = 1 + i128::from(self.random.below(20));
            for input in fees(at) {
                self.input(input);
            }
        }
        let input = match self.random.below(5) {
            0 => listing(self.any_venue().0, self.any_instrument().0, fee),
            1 => account(self.random.below(u64::from(ACCOUNTS)) as u16, 10_000 + fee as u32),
            2 => session(2, self.random.below(2) as u16),
            3 => account(0, 10_000),
            _ => Input::Asset(AssetDef { id: AssetId(0), name: text("WRONG") }),
        };
        self.input(input);
    }
}

/// Events in words, with their children.
pub fn words(events: &[EventRow]) -> Vec<String> {
    let word = |event: &EventRow| match event.child {
        Some(child) => format!("{} #{child} {}", event.what, event.text),
        None => format!("{} {}", event.what, event.text).trim_end().to_owned(),
    };
    events.iter().map(word).collect()
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.fills += other.fills;
        self.overfills += other.overfills;
        self.orphans += other.orphans;
        self.unknown += other.unknown;
        self.called_back += other.called_back;
        self.commands += other.commands;
        self.replaced += other.replaced;
        self.stuck += other.stuck;
        self.restarts += other.restarts;
        self.resolved += other.resolved;
        self.reconciled += other.reconciled;
    }

    /// A run that tests nothing must not pass.
    pub fn check(&self) {
        let all = [
            self.fills,
            self.overfills,
            self.orphans,
            self.unknown,
            self.called_back,
            self.commands,
            self.replaced,
            self.stuck,
            self.restarts,
            self.resolved,
            self.reconciled,
        ];
        assert!(all.iter().all(|count| *count > 0), "{self:?}");
    }
}
