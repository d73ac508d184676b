//! The language of the core's scenarios: a desk with venues, one client, and what each of them saw.
//!
//! One helper touches the API; the scenarios only speak. Prices are in ticks of 0.01, quantities
//! in units of 0.001; every venue lists the one instrument.

use rutter_core::Engine;
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::*;
use rutter_test_support::reference;
pub use rutter_test_support::reference::{UNIT, text};

pub const BTC: AssetId = AssetId(0);
pub const USD: AssetId = AssetId(1);
pub const PAIR: InstrumentId = InstrumentId(0);
pub const CLIENT: SessionId = SessionId(0);

pub const HALT: OperatorCommand = OperatorCommand::Halt(Scope::All);
pub const RESUME: OperatorCommand = OperatorCommand::Resume(Scope::All);

/// A refusal by its name.
fn reason_of(word: &str) -> VenueReject {
    let all = [
        VenueReject::NotSent,
        VenueReject::InsufficientFunds,
        VenueReject::Filter,
        VenueReject::RateLimit,
        VenueReject::DuplicateId,
        VenueReject::UnknownOrder,
        VenueReject::MarketClosed,
        VenueReject::Late,
        VenueReject::Other,
        VenueReject::WouldMatch,
        VenueReject::PriceBand,
        VenueReject::SelfMatch,
        VenueReject::PairFull,
    ];
    let named = all.into_iter().find(|reason| format!("{reason:?}") == word);
    named.unwrap_or_else(|| panic!("no such reason: {word}"))
}

/// A venue's own id of an order.
pub fn venue_order(id: &str) -> VenueOrderId {
    VenueOrderId::new(id.as_bytes()).expect("short")
}

pub struct Desk {
    pub engine: Engine,
    pub outputs: Vec<Output>,
    seq: u64,
    pub now: UnixNanos,
    /// The session that the client speaks through.
    pub session: SessionId,
    client_seq: u64,
    next_exec: u128,
}

impl Desk {
    /// So many venues, all up, funded, with maker fee 1000 and taker fee 2000 ppm, no book yet.
    pub fn with_venues(count: u8) -> Self {
        Self::with_tables(count, &reference::genesis())
    }

    /// As [`Desk::with_venues`], with tables of other sizes.
    pub fn with_tables(count: u8, genesis: &Genesis) -> Self {
        let mut desk = Self {
            engine: Engine::new(genesis).expect("sound genesis"),
            outputs: Vec::new(),
            seq: 0,
            now: UnixNanos(1_700_000_000_000_000_000),
            session: CLIENT,
            client_seq: 0,
            next_exec: 1,
        };
        desk.input(Input::Asset(reference::asset(BTC.0, "BTC")));
        desk.input(Input::Asset(reference::asset(USD.0, "USD")));
        desk.input(Input::Instrument(reference::instrument(PAIR.0, "BTC/USD", BTC, USD)));
        desk.account(|_| {});
        let client = reference::session(CLIENT.0, "DESK", Some(AccountId(0)));
        desk.input(Input::Session(client));
        for index in 0..count {
            desk.add_venue(VenueId(index));
        }
        desk.input(Input::NodeStarted);
        for index in 0..count {
            desk.input(Input::VenueUp(VenueId(index)));
        }
        desk.outputs.clear();
        desk
    }

    /// Sets the account's limits, changed from the usual ones.
    pub fn account(&mut self, change: impl FnOnce(&mut AccountDef)) -> &mut Self {
        let mut account = reference::account(0, "fund");
        change(&mut account);
        self.input(Input::Account(account))
    }

    /// Sets how the account's orders choose between venues, changed from the usual terms.
    pub fn routing(&mut self, change: impl FnOnce(&mut RoutingDef)) -> &mut Self {
        let mut terms = RoutingDef::usual(AccountId(0));
        change(&mut terms);
        self.input(Input::Routing(terms))
    }

    /// Sets how many orders a venue takes, changed from the usual numbers.
    pub fn venue_terms(&mut self, venue: u8, change: impl FnOnce(&mut VenueDef)) -> &mut Self {
        let mut terms = VenueDef {
            stale_after_ns: 5_000_000_000,
            unanswered_max: 4,
            fok: venue == 0,
            ..reference::venue(venue, &format!("v{venue}"))
        };
        change(&mut terms);
        self.input(Input::Venue(terms))
    }

    /// Adds a venue account that uses the books of another one; it is up.
    pub fn further_account(&mut self, venue: u8, owner: u8) -> &mut Self {
        self.venue_terms(venue, |_| {});
        let (id, owner) = (VenueId(venue), VenueId(owner));
        self.input(Input::BooksOf(BooksOfDef { venue: id, owner })).fund(id);
        self.input(Input::VenueUp(id))
    }

    fn add_venue(&mut self, venue: VenueId) {
        self.venue_terms(venue.0, |_| {});
        self.fund(venue);
    }

    /// Lists the instrument at a venue, which holds much of both assets.
    fn fund(&mut self, venue: VenueId) {
        self.listing(venue, |_| {});
        for asset in [BTC, USD] {
            let total = Amount(1_000_000 * UNIT);
            self.input(Input::Balance { venue, asset, total });
        }
    }

    /// Sets a venue's terms, changed from the usual ones.
    pub fn listing(&mut self, venue: VenueId, change: impl FnOnce(&mut ListingDef)) -> &mut Self {
        let mut listing = reference::listing(venue, PAIR);
        change(&mut listing);
        self.input(Input::Listing(listing))
    }

    /// Applies one input; what comes out is added to `outputs`.
    pub fn input(&mut self, input: Input) -> &mut Self {
        self.seq += 1;
        self.now.0 += 1_000;
        let header = Header { seq: self.seq, time: self.now };
        self.engine.apply(header, &input, &mut self.outputs);
        self
    }

    /// An operator's command.
    pub fn operator(&mut self, command: OperatorCommand) -> &mut Self {
        let (by, reason) = (text("ops"), text("drill"));
        self.input(Input::Operator(Operator { request: 1, by, reason, command }))
    }

    /// What became of the operator's commands since the last look: affected, and why not.
    pub fn operator_saw(&mut self, expected: &[(u32, Refusal)]) -> &mut Self {
        let saw = |output: &Output| match output {
            Output::Operator(report) => Some((report.affected, report.refusal)),
            _ => None,
        };
        assert_eq!(self.outputs.iter().filter_map(saw).collect::<Vec<_>>(), expected);
        self.outputs.retain(|output| saw(output).is_none());
        self
    }

    /// Lets time pass and the timer fire.
    pub fn wait_ns(&mut self, ns: u64) -> &mut Self {
        self.now.0 += ns;
        self.input(Input::Tick)
    }

    /// A book snapshot: bids and asks as (price, quantity).
    pub fn book(&mut self, venue: u8, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> &mut Self {
        let sides = [(Side::Buy, bids), (Side::Sell, asks)];
        let mut update = BookUpdate {
            venue: VenueId(venue),
            instrument: PAIR,
            clear: true,
            last: true,
            ..BookUpdate::default()
        };
        for (side, levels) in sides {
            for &(price, qty) in levels {
                let level = Level { price: Price(price), qty: Qty(qty) };
                assert!(update.push(side, level), "at most eight levels");
            }
        }
        self.input(Input::Book(update))
    }

    /// An order in words: `a buy 10 @ 10000 gtc`, `b sell 5 market`.
    pub fn client(&mut self, words: &str) -> &mut Self {
        self.client_seq += 1;
        let words: Vec<&str> = words.split_whitespace().collect();
        if words[0] == "cancel" {
            return self.input(Input::Cancel(CancelOrder {
                session: self.session,
                client_seq: self.client_seq,
                cl_ord_id: self.next_id(words[1], 'c'),
                orig_cl_ord_id: text(words[1]),
            }));
        }
        if words[0] == "status" {
            return self.input(Input::Status(OrderStatus {
                session: self.session,
                client_seq: self.client_seq,
                cl_ord_id: text(words[1]),
                request: ClOrdId::EMPTY,
            }));
        }
        if words[0] == "replace" {
            let order = self.order_of(&words[1..]);
            let order = NewOrder { cl_ord_id: self.next_id(words[1], 'r'), ..order };
            let orig_cl_ord_id = text(words[1]);
            return self.input(Input::Replace(ReplaceOrder { orig_cl_ord_id, order }));
        }
        let order = self.order_of(&words);
        self.input(Input::NewOrder(order))
    }

    /// As [`Desk::client`], with more to say.
    pub fn instructed(&mut self, words: &str, say: impl FnOnce(&mut NewOrder)) -> &mut Self {
        self.client_seq += 1;
        let mut order = self.order_of(&words.split_whitespace().collect::<Vec<_>>());
        say(&mut order);
        self.input(Input::NewOrder(order))
    }

    /// The order of [`Desk::instructed`], which is not sent but asked about: what the client is
    /// told. The question leaves no trace.
    pub fn asked_about(&mut self, words: &str, say: impl FnOnce(&mut NewOrder)) -> Vec<Previewed> {
        let mut order = self.order_of(&words.split_whitespace().collect::<Vec<_>>());
        say(&mut order);
        let (before, state) = (self.outputs.len(), self.engine.state_digest());
        self.input(Input::Preview(order));
        assert_eq!(self.engine.state_digest(), state, "a preview changes nothing");
        let told = self.outputs.split_off(before);
        let parts = told.iter().filter_map(|output| match output {
            Output::ClientPreview(told) => told.part,
            _ => None,
        });
        parts.collect()
    }

    /// A replace of the order that the words begin with, with more to say.
    pub fn replaced(&mut self, words: &str, say: impl FnOnce(&mut NewOrder)) -> &mut Self {
        self.client_seq += 1;
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut order = self.order_of(&words);
        order.cl_ord_id = self.next_id(words[0], 'r');
        say(&mut order);
        self.input(Input::Replace(ReplaceOrder { orig_cl_ord_id: text(words[0]), order }))
    }

    /// The id of a further request about an order. The id does not grow with each request.
    fn next_id(&self, id: &str, letter: char) -> ClOrdId {
        let first = id.split_once('-').map_or(id, |(first, _)| first);
        text(&format!("{first}-{letter}{}", self.client_seq))
    }

    fn order_of(&self, words: &[&str]) -> NewOrder {
        let market = words[3] == "market";
        let tif = match words.last() {
            Some(&"ioc") => TimeInForce::Ioc,
            Some(&"fok") => TimeInForce::Fok,
            Some(&"gtc") => TimeInForce::Gtc,
            _ => TimeInForce::Day,
        };
        NewOrder {
            session: self.session,
            client_seq: self.client_seq,
            instrument: PAIR,
            side: if words[1] == "buy" { Side::Buy } else { Side::Sell },
            ord_type: if market { OrdType::Market } else { OrdType::Limit },
            tif,
            qty: Qty(words[2].parse().expect("quantity")),
            price: Price(if market { 0 } else { words[4].parse().expect("price") }),
            trace: self.client_seq,
            ..reference::buy(words[0])
        }
    }

    /// What is known of a child.
    pub fn child(&self, child: u64) -> rutter_core::child::Child {
        *self.engine.child(ChildId(child)).expect("a child of this desk")
    }

    /// News in words: `accepted`, `rejected`, `rejected RateLimit 5`, `fill 4 @ 100 exec 7`,
    /// `done 4`, `expired 0`,
    /// `unsure`, `open`, `gone 4`, `never`, `cancel-rejected`, `amended 6`, `amend-rejected`.
    pub fn venue(&mut self, child: u64, words: &str) -> &mut Self {
        let known = self.child(child);
        let (venue, id) = (known.venue, ChildId(child));
        let words: Vec<&str> = words.split_whitespace().collect();
        let qty = |at: usize| Qty(words.get(at).map_or(0, |w| w.parse().expect("quantity")));
        let input = match words[0] {
            "accepted" => Input::ChildAccepted { venue, child: id, venue_order: venue_order("X1") },
            "rejected" => Input::ChildRejected {
                venue,
                child: id,
                reason: words.get(1).map_or(VenueReject::Filter, |word| reason_of(word)),
                retry_after_ns: words.get(2).map_or(0, |w| w.parse().expect("nanoseconds")),
            },
            "fill" => {
                let exec = match words.get(5) {
                    Some(exec) => exec.parse().expect("exec"),
                    None => self.next_exec + 1_000,
                };
                self.next_exec += 1;
                Input::ChildFill(ChildFill {
                    venue,
                    child: id,
                    instrument: PAIR,
                    side: known.side,
                    exec: ExecId(exec),
                    qty: qty(1),
                    price: Price(words[3].parse().expect("price")),
                    fee: Amount(7),
                    fee_asset: USD,
                    liquidity: Liquidity::Taker,
                })
            }
            "done" => Input::ChildDone { venue, child: id, how: Ending::Canceled, filled: qty(1) },
            "expired" => {
                Input::ChildDone { venue, child: id, how: Ending::Expired, filled: qty(1) }
            }
            "self-matched" => {
                Input::ChildDone { venue, child: id, how: Ending::SelfMatch, filled: qty(1) }
            }
            "found-self-matched" => {
                Input::ChildFate { venue, child: id, fate: Fate::SelfMatch, filled: qty(1) }
            }
            "unsure" => Input::ChildInDoubt { venue, child: id, doubt: Doubt::NoAnswer },
            "open" => Input::ChildFate { venue, child: id, fate: Fate::Open, filled: qty(1) },
            "gone" => Input::ChildFate { venue, child: id, fate: Fate::Closed, filled: qty(1) },
            "never" => {
                Input::ChildFate { venue, child: id, fate: Fate::NeverArrived, filled: Qty(0) }
            }
            "amended" => Input::ChildAmended { venue, child: id, qty: qty(1) },
            "amend-rejected" => {
                let reason = words.get(1).map_or(VenueReject::Other, |word| reason_of(word));
                Input::AmendRejected { venue, child: id, reason }
            }
            "cancel-rejected" => {
                let reason = words.get(1).map_or(VenueReject::UnknownOrder, |word| reason_of(word));
                let retry_after_ns = words.get(2).map_or(0, |w| w.parse().expect("nanoseconds"));
                Input::CancelRejected { venue, child: id, reason, retry_after_ns }
            }
            other => panic!("no such news: {other}"),
        };
        self.input(input)
    }

    /// What was sent to venues since the last look, in words, in order.
    pub fn sent(&mut self, expected: &[&str]) -> &mut Self {
        let words = |output: &Output| match output {
            Output::SendNew(s) => Some(format!(
                "v{} new {} {} @ {} {:?}{} #{}",
                s.venue.0,
                if s.side == Side::Buy { "buy" } else { "sell" },
                s.qty.0,
                s.price.0,
                s.tif,
                if s.post_only { " post" } else { "" },
                s.child.0
            )),
            Output::SendCancel(c) => Some(format!("v{} cancel #{}", c.venue.0, c.child.0)),
            Output::SendReduce(r) => {
                Some(format!("v{} reduce #{} to {}", r.of.venue.0, r.of.child.0, r.qty.0))
            }
            Output::Query(c) => Some(format!("v{} query #{}", c.venue.0, c.child.0)),
            Output::AskBalances(venue) => Some(format!("v{} balances?", venue.0)),
            Output::Report(_)
            | Output::CancelReject(_)
            | Output::MassCancelReport(_)
            | Output::Command(..)
            | Output::Operator(_)
            | Output::Preview(..)
            | Output::ClientPreview(_)
            | Output::Notice(_) => None,
        };
        let sent: Vec<String> = self.outputs.iter().filter_map(words).collect();
        assert_eq!(sent, expected);
        self.outputs.retain(|output| words(output).is_none());
        self
    }

    /// What the client saw since the last look, in words, in order.
    pub fn client_saw(&mut self, expected: &[&str]) -> &mut Self {
        let words = |output: &Output| match output {
            Output::Report(r) => Some(match r.kind {
                ReportKind::Trade => {
                    let last = r.last.expect("a trade has an execution");
                    let (qty, price) = (last.qty.0, last.price.0);
                    format!("{} trade {qty} @ {price} leaves {}", r.cl_ord_id, r.leaves.0)
                }
                ReportKind::New => format!("{} new", r.cl_ord_id),
                ReportKind::Restated => {
                    format!(
                        "{} restated {:?} {} leaves {}",
                        r.cl_ord_id, r.reason, r.qty.0, r.leaves.0
                    )
                }
                ReportKind::Rejected => format!("{} refused {:?}", r.cl_ord_id, r.reason),
                ReportKind::PendingCancel => format!("{} canceling", r.orig_cl_ord_id),
                ReportKind::PendingReplace => format!("{} replacing", r.orig_cl_ord_id),
                ReportKind::Replaced => {
                    let (old, new) = (r.orig_cl_ord_id, r.cl_ord_id);
                    format!("{old} is {new} {} @ {} leaves {}", r.qty.0, r.price.0, r.leaves.0)
                }
                ReportKind::Canceled | ReportKind::Expired => {
                    let order = [r.orig_cl_ord_id, r.cl_ord_id];
                    let order = order[usize::from(r.orig_cl_ord_id.is_empty())];
                    format!("{order} {:?} {:?} filled {}", r.status, r.reason, r.filled.0)
                }
                ReportKind::OrderStatus if r.mass_total > 0 => {
                    let nth = r.mass_total - r.mass_left;
                    format!("{} is {:?} {nth}/{}", r.cl_ord_id, r.status, r.mass_total)
                }
                ReportKind::OrderStatus => format!("{} is {:?}", r.cl_ord_id, r.status),
            }),
            Output::CancelReject(r) => {
                let word = if r.of_replace { "replaced" } else { "canceled" };
                Some(format!("{} not {word} {:?}", r.orig_cl_ord_id, r.reason))
            }
            Output::MassCancelReport(r) => {
                Some(format!("mass cancel of {} {:?}", r.affected, r.reason))
            }
            Output::Command(..)
            | Output::Operator(_)
            | Output::Preview(..)
            | Output::SendNew(_)
            | Output::SendCancel(_)
            | Output::SendReduce(_)
            | Output::Query(_)
            | Output::ClientPreview(_)
            | Output::AskBalances(_)
            | Output::Notice(_) => None,
        };
        let saw: Vec<String> = self.outputs.iter().filter_map(words).collect();
        assert_eq!(saw, expected);
        self.outputs.retain(|output| words(output).is_none());
        self
    }

    /// The last thing that the client saw; what came before is dropped.
    pub fn client_saw_last(&mut self, expected: &str) -> &mut Self {
        let of_client = |output: &Output| matches!(output, Output::Report(_));
        let last = self.outputs.iter().rposition(of_client).expect("a report");
        self.outputs.drain(..last);
        self.client_saw(&[expected])
    }

    /// The last thing that was sent to venues since the last look.
    pub fn sent_last(&mut self, expected: &str) -> &mut Self {
        let to_venue = |output: &Output| {
            matches!(output, Output::SendNew(_) | Output::SendCancel(_) | Output::SendReduce(_))
        };
        let last = self.outputs.iter().rposition(to_venue).expect("something sent");
        self.outputs.drain(..last);
        self.sent(&[expected])
    }

    /// Notices since the last look.
    pub fn notices(&mut self) -> Vec<Notice> {
        let notices = self.outputs.iter().filter_map(|output| match output {
            Output::Notice(notice) => Some(*notice),
            _ => None,
        });
        let notices = notices.collect();
        self.outputs.retain(|output| !matches!(output, Output::Notice(_)));
        notices
    }

    /// The account's position in the pair, in quantity units.
    pub fn position(&mut self, base: i128) -> &mut Self {
        assert_eq!(self.engine.ledger().position(AccountId(0), PAIR).base, base);
        self
    }
}
