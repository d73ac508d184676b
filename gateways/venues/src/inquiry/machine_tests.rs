//! The inquiry with a made-up venue, whose answers are plain words.

use core::cell::Cell;
use std::collections::BTreeMap;

use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueId, VenueOrderId};
use rutter_core::input::{Fate, Input, Liquidity, Side};
use rutter_core::number::{Amount, Price, Qty};
use rutter_transport::machine::{Action, HttpMethod, HttpRequest, HttpResponse, Outbox};

use rutter_transport::standing::Why;

use super::{
    Ask, Dialect, Inquiry, Limit, One, OneByOne, OpenOrders, OrderPage, OrderState, Pace, Phase,
    Refused, Retry, Round, Steps, Trade, TradePage,
};

const SECOND: u64 = 1_000_000_000;
const VENUE: VenueId = VenueId(9);
const LISTED: InstrumentId = InstrumentId(1);
const PACE: Pace = Pace {
    questions_max: 3,
    round_children_max: 1,
    in_flight_max: 2,
    lists_open_orders: true,
    answer_timeout_ns: 10 * SECOND,
    limit: Limit::Rate { burst: 1_000, call_ns: SECOND },
    pause_ns: (SECOND, SECOND),
    retry: Retry { first_ns: SECOND, longest_ns: 4 * SECOND, proof_wait_max_ns: None },
};

/// Answers are `none`, `FILLED` for an open order, `over FILLED`, or quantities of trades.
#[derive(Default)]
struct Words {
    certain_ns: u64,
    shown: Vec<ChildId>,
    /// Open orders whose state cannot be read.
    unclear: Vec<ChildId>,
    concluded: Vec<(ChildId, Fate)>,
    open: BTreeMap<u64, i64>,
    trades: Cell<u128>,
}

fn text(response: Option<&HttpResponse>) -> Result<&str, Refused<&'static str>> {
    let refused =
        Refused { error: "refused", pause_ns: None, why: Why::RestRefused, is_of_child: false };
    let Some(response) = response else {
        return Err(Refused { error: "nothing", ..refused });
    };
    let pause_ns = Some(60 * SECOND);
    match response.status {
        200 => Ok(&response.body),
        400 => Err(Refused { error: "odd", is_of_child: true, ..refused }),
        401 => Err(Refused { error: "a key", why: Why::WrongKey, ..refused }),
        429 => Err(Refused { error: "too often", pause_ns, why: Why::RestPaced, ..refused }),
        _ => Err(refused),
    }
}

fn state(fate: Fate, filled: i64) -> OrderState {
    let order = VenueOrderId::new(b"O1").expect("an id");
    OrderState { order, fate, filled: Qty(filled), qty: Qty::ZERO }
}

impl OneByOne for Words {
    type Error = &'static str;

    fn venue(&self) -> VenueId {
        VENUE
    }

    fn is_listed(&self, instrument: InstrumentId) -> bool {
        instrument == LISTED
    }

    fn request(&self, ask: &Ask<One>, id: u64, _now_ns: u64) -> HttpRequest {
        let target = match ask {
            Ask::OpenOrders => "open".to_owned(),
            Ask::Children(One::Order { child, .. }) => format!("order {}", child.0),
            Ask::Children(One::Trades { order, from, .. }) => format!("trades {order} {from:?}"),
            Ask::Children(One::Open { child, .. }) => format!("open of {}", child.0),
            Ask::Children(One::History { child, from, .. }) => {
                format!("history {} {from:?}", child.0)
            }
            Ask::Balances => "balances".to_owned(),
        };
        let (headers, body) = (Vec::new(), String::new());
        HttpRequest { id, method: HttpMethod::Get, target, headers, body }
    }

    fn open_orders(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<OpenOrders, Refused<&'static str>> {
        text(response)?;
        let ours = self.open.iter().map(|(child, filled)| {
            let state = state(Fate::Open, *filled);
            (ChildId(*child), LISTED, state)
        });
        let unclear = self.unclear.iter().map(|child| (*child, LISTED)).collect();
        Ok(OpenOrders { ours: ours.collect(), unclear, others: 1, unlisted: 0 })
    }

    fn order(
        &self,
        _child: ChildId,
        _instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<Option<OrderState>, Refused<&'static str>> {
        let number = |text: &str| text.parse().expect("a number");
        Ok(match text(response)? {
            "none" => None,
            words => Some(match words.strip_prefix("over ") {
                Some(filled) => state(Fate::Closed, number(filled)),
                None => state(Fate::Open, number(words)),
            }),
        })
    }

    fn trades(
        &self,
        _instrument: InstrumentId,
        _order: VenueOrderId,
        response: Option<&HttpResponse>,
    ) -> Result<TradePage, Refused<&'static str>> {
        let words = text(response)?;
        let next = words.ends_with('+').then_some(7);
        let trade = |word: &str| Trade {
            exec: {
                self.trades.set(self.trades.get() + 1);
                ExecId(self.trades.get())
            },
            side: Side::Buy,
            qty: Qty(word.parse().expect("a number")),
            price: Price(1),
            fee: Amount::ZERO,
            fee_asset: AssetId(0),
            is_fee_known: true,
            liquidity: Liquidity::Taker,
        };
        let words = words.trim_end_matches('+').split_ascii_whitespace();
        Ok(TradePage { trades: words.map(trade).collect(), next })
    }

    fn lists_orders(&self) -> bool {
        true
    }

    /// As for an order; a plus behind it: there is a further page.
    fn orders(
        &self,
        child: ChildId,
        instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<OrderPage, Refused<&'static str>> {
        if text(response)? == "+" {
            return Ok(OrderPage { next: Some(7), ..OrderPage::default() });
        }
        self.order(child, instrument, response)
            .map(|found| OrderPage { found, ..OrderPage::default() })
    }

    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<&'static str>> {
        text(response)?;
        Ok(vec![(AssetId(0), Amount(5))])
    }

    fn certain_ns(&self, _child: ChildId) -> u64 {
        self.certain_ns
    }

    fn is_shown(&self, child: ChildId) -> bool {
        self.shown.contains(&child)
    }

    fn settle(&mut self, child: ChildId, _instrument: InstrumentId, state: &mut OrderState) {
        self.concluded.push((child, state.fate));
    }
}

struct Bench {
    inquiry: Inquiry<One, Steps>,
    words: Words,
    now: u64,
    out: Outbox<Input>,
    requests: Vec<HttpRequest>,
    told: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        Self {
            inquiry: Inquiry::new(PACE, 1),
            words: Words::default(),
            now: 1_000 * SECOND,
            out: Outbox::default(),
            requests: Vec::new(),
            told: Vec::new(),
        }
    }

    fn up() -> Self {
        let mut bench = Self::new();
        bench.inquiry.start();
        bench.pump().answer("open", "").answer("balances", "").told(&["balance 5", "up"]);
        bench
    }

    fn drain(&mut self) -> &mut Self {
        for action in self.out.actions.drain(..) {
            match action {
                Action::Http(request) => self.requests.push(request),
                other => panic!("not a request: {other:?}"),
            }
        }
        for input in self.out.emissions.drain(..) {
            self.told.push(match input {
                Input::ChildFill(fill) => format!("fill {} {}", fill.child.0, fill.qty.0),
                Input::ChildFate { child, fate, filled, .. } => {
                    format!("fate {} {fate:?} {}", child.0, filled.0)
                }
                Input::Balance { total, .. } => format!("balance {}", total.0),
                Input::VenueQueried { outcome, .. } => format!("query {outcome:?}"),
                Input::VenueUp(VENUE) => "up".to_owned(),
                other => format!("{other:?}"),
            });
        }
        self
    }

    fn pump(&mut self) -> &mut Self {
        self.inquiry.pump(self.now, &mut self.words, &mut self.out);
        self.drain()
    }

    fn ask(&mut self, child: u64) -> &mut Self {
        self.inquiry.ask(ChildId(child), LISTED);
        self.pump()
    }

    fn respond(&mut self, target: &str, status: u16, body: &str) -> &mut Self {
        let at = self.requests.iter().position(|request| request.target == target);
        let at = at.unwrap_or_else(|| panic!("{target} not among {:?}", self.requests));
        let request = self.requests.remove(at);
        let response = HttpResponse::new(status, body.to_owned());
        let (words, out) = (&mut self.words, &mut self.out);
        self.inquiry.on_http(self.now, request.id, Some(&response), words, out);
        self.drain()
    }

    fn answer(&mut self, target: &str, body: &str) -> &mut Self {
        self.respond(target, 200, body)
    }

    /// Passes to the next timer, which must be this many seconds away.
    fn pass(&mut self, seconds: u64) -> &mut Self {
        let due = self.inquiry.next_timer_ns().expect("a timer");
        assert_eq!(due.saturating_sub(self.now), seconds * SECOND);
        self.now = self.now.max(due);
        self.pump()
    }

    fn told(&mut self, expected: &[&str]) -> &mut Self {
        assert_eq!(self.told, expected);
        self.told.clear();
        self
    }
}

#[test]
fn the_venue_is_up_after_open_orders_questions_and_balances() {
    let mut bench = Bench::new();
    bench.ask(1).told(&[]);
    assert!(bench.requests.is_empty(), "nothing is asked while the link is down");
    bench.words.open = BTreeMap::from([(2, 0), (3, 4)]);
    bench.inquiry.start();
    bench.pump().answer("open", "").told(&["fate 2 Open 0"]);
    bench.answer("order 1", "over 0").told(&["fate 1 Closed 0"]);
    bench.answer("trades O1 None", "4").told(&["fill 3 4", "fate 3 Open 4"]);
    bench.answer("balances", "").told(&["balance 5", "up"]);
    assert_eq!(bench.inquiry.phase(), Phase::Up);
    assert_eq!(bench.inquiry.tally().others, 1);

    assert_eq!(
        bench.words.concluded,
        [(ChildId(2), Fate::Open), (ChildId(1), Fate::Closed), (ChildId(3), Fate::Open)]
    );
}

/// Found by a review: a slow order was bought twice, because one answer "not found" was believed.
#[test]
fn an_absence_is_proved_by_all_sources_twice_and_not_before_the_venue_must_be_done() {
    let mut bench = Bench::up();
    bench.words.certain_ns = bench.now + 4 * SECOND;
    bench.ask(1).answer("order 1", "none").pass(1).answer("order 1", "none").pass(2);
    bench.answer("order 1", "none").pass(1).told(&[]);
    for _ in 0..2 {
        bench.answer("order 1", "none").told(&[]);
        bench.answer("open of 1", "none").told(&[]);
        bench.answer("history 1 None", "+").told(&[]);
        bench.answer("history 1 Some(7)", "none");
        if bench.told.is_empty() {
            bench.pass(3).told(&[]);
        }
    }
    // The venue came up without the child, so the balances are asked for anew.
    bench.told(&["fate 1 NeverArrived 0"]).answer("balances", "");
    assert_eq!((bench.inquiry.pending(), bench.inquiry.tally().never_arrived), (0, 1));
}

#[test]
fn a_child_that_one_source_knows_has_arrived_whatever_the_others_say() {
    for (open, history, told) in
        [("2", "none", "fate 1 Open 2"), ("none", "over 0", "fate 1 Closed 0")]
    {
        let mut bench = Bench::up();
        bench.ask(1).answer("order 1", "none").answer("open of 1", open);
        if open == "none" {
            bench.answer("history 1 None", history);
        } else {
            bench.answer("trades O1 None", "2");
            assert_eq!(bench.told.remove(0), "fill 1 2");
        }
        bench.told(&[told]);
    }
}

#[test]
fn a_doubt_that_comes_between_two_absences_begins_the_proof_anew() {
    let mut bench = Bench::up();
    let nowhere = |bench: &mut Bench| {
        bench.answer("order 1", "none").answer("open of 1", "none");
        bench.answer("history 1 None", "none");
    };
    nowhere(bench.ask(1));
    // The venue says that it does not know the outcome: the core asks again.
    bench.now += 2 * SECOND;
    nowhere(bench.ask(1));
    nowhere(bench.pass(3).told(&[]));
    bench.told(&["fate 1 NeverArrived 0"]);
}

#[test]
fn a_child_without_a_clear_answer_does_not_keep_the_venue_down() {
    let mut bench = Bench::new();
    bench.words.unclear = vec![ChildId(5)];
    bench.ask(1).ask(2);
    bench.inquiry.start();
    bench.pump().answer("open", "");
    // 1 cannot be read, the trades of 5 are missing, and 2 is what it should be.
    for wait in [1, 2] {
        bench.respond("order 1", 400, "");
        if wait == 1 {
            bench.answer("order 2", "over 0").told(&["fate 2 Closed 0"]);
        }
        bench.answer("order 5", "over 3").answer("trades O1 None", "").told(&[]);
        bench.pass(wait).told(&[]);
    }
    bench.respond("order 1", 400, "").answer("order 5", "over 3").answer("trades O1 None", "");
    assert_eq!(bench.inquiry.unclear(), Some((2, ChildId(1))));
    bench.answer("balances", "").told(&["balance 5", "up"]);
    // Both are asked about further, and what is found then is followed by the balances.
    bench.pass(4).respond("order 1", 400, "").answer("order 5", "over 3");
    bench.answer("trades O1 None", "3").told(&["fill 5 3", "fate 5 Closed 3"]);
    bench.answer("balances", "").told(&["balance 5", "query Answered"]);
    assert_eq!(bench.inquiry.unclear(), Some((1, ChildId(1))));
    bench.pass(4).answer("order 1", "0").told(&["fate 1 Open 0"]);
    assert_eq!(bench.inquiry.unclear(), None);
}

#[test]
fn a_venue_that_keeps_refusing_our_key_is_asked_again_after_five_minutes() {
    let mut bench = Bench::up();
    bench.ask(1);
    for wait in [1, 1, 300] {
        bench.respond("order 1", 401, "").told(&["query Refused"]);
        let due = bench.inquiry.next_timer_ns().expect("a timer") - bench.now;
        assert!((wait * SECOND / 2..=wait * SECOND).contains(&due), "{due}");
        bench.now += due;
        bench.pump();
    }
    bench.answer("order 1", "0").told(&["fate 1 Open 0"]);
}

#[test]
fn a_child_that_the_venue_has_shown_is_asked_about_for_ever() {
    let mut bench = Bench::up();
    bench.words.shown = vec![ChildId(1)];
    bench.ask(1);
    for wait in [1, 2, 4, 4, 4] {
        bench.answer("order 1", "none").pass(wait).told(&[]);
    }
    bench.answer("order 1", "0").told(&["fate 1 Open 0"]);
    bench.answer("balances", "").told(&["balance 5", "query Answered"]);
}

#[test]
fn a_fate_waits_for_all_fills_and_pages_are_read_to_the_end() {
    let mut bench = Bench::up();
    bench.ask(1).answer("order 1", "over 6").answer("trades O1 None", "2 1+");
    bench.answer("trades O1 Some(7)", "1").told(&["fill 1 2", "fill 1 1", "fill 1 1"]);
    bench.pass(1).answer("order 1", "over 6").answer("trades O1 None", "6");
    bench.told(&["fill 1 6", "fate 1 Closed 6"]);
}

#[test]
fn requests_are_few_at_once_and_made_again_after_a_failure() {
    let mut bench = Bench::up();
    bench.ask(1).ask(2).ask(3).ask(3).ask(4);
    assert_eq!((bench.inquiry.pending(), bench.inquiry.tally().dropped), (3, 1));
    assert_eq!(bench.requests.len(), 2);
    bench.respond("order 1", 429, "").answer("order 2", "0");
    bench.told(&["query RateLimit", "fate 2 Open 0"]);
    assert!(bench.requests.is_empty(), "the venue has asked for a pause");
    bench.pass(60).answer("order 1", "0").answer("order 3", "0");
    bench.told(&["fate 1 Open 0", "fate 3 Open 0"]);
    assert_eq!(bench.inquiry.last_error(), Some("too often"));
    assert_eq!(bench.inquiry.trouble(), None, "the last call was answered");
}

#[test]
fn a_request_without_an_answer_is_made_again_and_a_lost_link_voids_all() {
    let mut bench = Bench::up();
    bench.ask(1);
    let late = bench.requests.remove(0);
    bench.pass(10);
    assert_eq!(bench.inquiry.tally().failures, 1);
    bench.now += 2 * SECOND;
    bench.pump();
    assert_ne!(bench.requests[0].id, late.id);
    bench.inquiry.stop();
    assert_eq!(bench.inquiry.next_timer_ns(), None);
    bench.answer("order 1", "0").told(&["query NoAnswer"]);
    bench.inquiry.start();
    bench.pump().answer("open", "").answer("order 1", "0").told(&["fate 1 Open 0"]);
}

#[test]
fn balances_that_the_core_asks_for_end_with_the_outcome_of_the_query() {
    let mut bench = Bench::up();
    bench.inquiry.ask_balances();
    bench.pump().respond("balances", 429, "").told(&["query RateLimit"]);
    bench.pass(60).answer("balances", "").told(&["balance 5", "query Answered"]);
    assert!(bench.requests.is_empty());
}

#[test]
fn a_child_of_an_instrument_that_is_not_listed_is_counted_and_dropped() {
    let mut bench = Bench::up();
    bench.inquiry.ask(ChildId(1), InstrumentId(2));
    bench.pump();
    assert_eq!((bench.inquiry.pending(), bench.inquiry.tally().unlisted), (0, 1));
}

#[test]
fn a_doubt_that_is_newer_than_the_question_under_way_is_asked_about_once_more() {
    let mut bench = Bench::up();
    bench.ask(1).ask(1).ask(1);
    assert_eq!((bench.requests.len(), bench.inquiry.pending()), (1, 1));
    bench.answer("order 1", "0").told(&["fate 1 Open 0"]);
    bench.answer("order 1", "over 0").told(&["fate 1 Closed 0"]);
    assert_eq!((bench.requests.len(), bench.inquiry.pending()), (0, 0));
}

/// A made-up venue whose one call answers all children of a round: `known` names their states.
#[derive(Default)]
struct Together {
    is_open: bool,
}

impl Dialect for Together {
    type Error = &'static str;
    type Call = Vec<u64>;
    type Plan = Option<usize>;

    fn venue(&self) -> VenueId {
        VENUE
    }

    fn takes_orders(&self) -> bool {
        self.is_open
    }

    fn next_call(&self, round: &mut Round<Option<usize>>) -> Option<Vec<u64>> {
        let all = || round.members.iter().map(|member| member.child.0).collect();
        round.plan.is_none().then(all)
    }

    fn request(&mut self, ask: &Ask<Vec<u64>>, id: u64, _now_ns: u64) -> HttpRequest {
        let (headers, body) = (Vec::new(), String::new());
        HttpRequest { id, method: HttpMethod::Get, target: format!("{ask:?}"), headers, body }
    }

    fn answer(
        &mut self,
        _call: &Vec<u64>,
        response: Option<&HttpResponse>,
        round: &mut Round<Option<usize>>,
    ) -> Result<(), Refused<&'static str>> {
        let words = text(response)?;
        for word in words.split_ascii_whitespace() {
            let (child, filled) = word.split_once(':').expect("child and quantity");
            let child = ChildId(child.parse().expect("a number"));
            let member = round.members.iter_mut().find(|member| member.child == child);
            member.expect("asked").learn(state(Fate::Open, filled.parse().expect("a number")));
        }
        round.plan = Some(words.len());
        Ok(())
    }

    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<&'static str>> {
        text(response).map(|_| Vec::new())
    }

    fn shown_open(&self) -> Vec<(ChildId, OrderState)> {
        vec![(ChildId(2), state(Fate::Open, 0)), (ChildId(9), state(Fate::Open, 4))]
    }

    fn certain_ns(&self, _child: ChildId) -> u64 {
        0
    }

    fn is_shown(&self, child: ChildId) -> bool {
        child.0 == 3
    }

    fn settle(&mut self, _child: ChildId, _instrument: InstrumentId, _state: &mut OrderState) {}
}

/// Answers the request that is out, or makes the first; returns what the core is told, and the next
/// request.
fn together(
    now_ns: u64,
    inquiry: &mut Inquiry<Vec<u64>, Option<usize>>,
    venue: &mut Together,
    out: &mut Outbox<Input>,
    answer: &str,
) -> (String, String) {
    let response = HttpResponse::new(200, answer.to_owned());
    match out.actions.pop() {
        Some(Action::Http(request)) => {
            inquiry.on_http(now_ns, request.id, Some(&response), venue, out);
        }
        Some(other) => panic!("not a request: {other:?}"),
        None => inquiry.pump(now_ns, venue, out),
    }
    let told = out.emissions.drain(..).map(|input| match input {
        Input::ChildFate { child, fate, filled, .. } => {
            format!("{} {fate:?} {}", child.0, filled.0)
        }
        other => format!("{other:?}"),
    });
    let told = told.collect::<Vec<_>>().join(", ");
    let asked = out.actions.last().map(|action| match action {
        Action::Http(request) => request.target.clone(),
        other => panic!("not a request: {other:?}"),
    });
    (told, asked.unwrap_or_default())
}

#[test]
fn one_call_answers_all_children_that_are_due_and_a_closed_venue_is_told_everything() {
    let pace = Pace { round_children_max: 3, in_flight_max: 1, lists_open_orders: false, ..PACE };
    let (mut inquiry, mut venue) =
        (Inquiry::new(Pace { questions_max: 9, ..pace }, 1), Together::default());
    let mut out = Outbox::default();
    for child in [4, 1, 2, 3, 5] {
        inquiry.ask(ChildId(child), LISTED);
    }
    inquiry.start();
    for (now_ns, answer, told, asked) in [
        (0, "", "", "Children([1, 2, 3])"),
        // The venue has shown 3 before, so its absence proves nothing. That of 1 does, twice.
        (0, "2:0", "2 Open 0", "Children([4, 5])"),
        (0, "4:0 5:0", "4 Open 0, 5 Open 0", ""),
        (SECOND, "", "", "Children([3])"),
        (SECOND, "3:0", "3 Open 0", ""),
        (3 * SECOND, "", "", "Children([1])"),
        // The stream has shown 2 and 9. The core has been told of 2.
        (3 * SECOND, "", "1 NeverArrived 0, 9 Open 4", "Balances"),
        (3 * SECOND, "", "", ""),
    ] {
        let next = together(now_ns, &mut inquiry, &mut venue, &mut out, answer);
        assert_eq!(next, (told.to_owned(), asked.to_owned()), "after {answer:?}");
    }
    assert_eq!(inquiry.phase(), Phase::Closed, "the venue takes no orders yet");
    venue.is_open = true;
    inquiry.start();
    inquiry.ask_balances();
    let asked = together(SECOND, &mut inquiry, &mut venue, &mut out, "");
    assert_eq!(asked, ("2 Open 0, 9 Open 4".to_owned(), "Balances".to_owned()));
    let (told, _) = together(SECOND, &mut inquiry, &mut venue, &mut out, "");
    assert_eq!((told.as_str(), inquiry.phase()), ("VenueUp(VenueId(9))", Phase::Up));
    inquiry.ask_balances();
    let asked = together(SECOND, &mut inquiry, &mut venue, &mut out, "");
    assert_eq!(asked, (String::new(), "Balances".to_owned()), "also while up");
}
