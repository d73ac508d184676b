//! A routing decision of a journal as a scenario and its answer, so that it can be asked again.
//!
//! A line belongs here if it writes what the router saw.

use rutter_admin::model::decimal;
use rutter_core::book::TOP_LEVELS;
use rutter_core::input::{FeeTaken, Level, ListingDef, OrdType, ScoreWeights, Side, TimeInForce};
use rutter_core::number::AMOUNT_DECIMALS;
use rutter_core::output::{Decision, VenueLine, Verdict};
use rutter_core::strategy::Posting;
use serde_json::{Map, Value, json};

use super::answer::{Told, price, qty};
use super::scenario::Decimals;

/// The decision as `scenario`, which `rutter route` reads, and `answer`, which it then gives.
pub fn record(decision: &Decision<'_>) -> Value {
    let Decision { market, request, plan, bridges, .. } = *decision;
    let reference = market.reference;
    let name = json!({ "order": decision.order.0, "round": decision.round });
    let told = Told { name: &name, reference, request, plan, bridges };
    json!({
        "scenario": {
            "name": name,
            "venues": plan.lines().iter().map(|line| venue(decision, &told, line)).collect::<Value>(),
            "order": order(decision, &told),
        },
        "answer": told.answer(),
    })
}

fn order(decision: &Decision<'_>, told: &Told<'_>) -> Value {
    let (request, decimals) = (decision.request, told.decimals());
    let kind = if request.limit.is_some() { OrdType::Limit } else { OrdType::Market };
    let tif = match request.tif {
        TimeInForce::Day => "day",
        TimeInForce::Gtc => "gtc",
        TimeInForce::Gtd => "gtd",
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
    };
    let mut order = json!({
        "side": side(request.side),
        "qty": qty(request.qty, decimals),
        "type": if kind == OrdType::Limit { "limit" } else { "market" },
        "tif": tif,
        "price_slack_ppm": request.slack_ppm.to_string(),
    });
    if !request.min_fill.is_zero() {
        order["min_qty"] = json!(qty(request.min_fill, decimals));
    }
    match request.posting {
        Posting::No => {}
        Posting::Always => order["strategy"] = json!("post"),
        Posting::WhileItSaves => order["strategy"] = json!("smart"),
    }
    if let Some(shares) = &request.rest_shares {
        order["rest"] = super::rests::record(shares, told.reference);
    }
    let terms = match request.limit {
        Some(limit) => ("price", price(limit, decimals)),
        None => ("worst", price(request.worst, decimals)),
    };
    order[terms.0] = json!(terms.1);
    if let Some(ScoreWeights { price, latency, reliability, liquidity }) = request.score {
        order["mode"] = json!("score");
        order["weights"] = json!({
            "price": price, "latency": latency, "reliability": reliability, "liquidity": liquidity,
        });
    }
    order
}

fn venue(decision: &Decision<'_>, told: &Told<'_>, line: &VenueLine) -> Value {
    let Decision { market, request, .. } = decision;
    let (id, decimals) = (line.venue, told.decimals());
    let mut venue = Map::new();
    let name = market.reference.venues[id.index()].name;
    venue.insert("name".to_owned(), json!(name.as_str()));
    // With the fees that held for the account.
    let Some(listing) = market.reference.terms(request.account, request.instrument, id) else {
        venue.insert("state".to_owned(), json!("NotListed"));
        return Value::Object(venue);
    };
    insert_terms(&mut venue, &listing, decimals);
    if request.backup.has(id) {
        venue.insert("tier".to_owned(), json!("backup"));
    }
    if line.behaviour_ppm > 0 {
        venue.insert("behaviour_ppm".to_owned(), json!(line.behaviour_ppm.to_string()));
    }
    let known = market.venues[id.index()].behaviour.measured();
    if request.score.is_some() && known.is_known(market.now) {
        let terms = [
            ("latency_us", known.expected_us()),
            ("rejects_ppm", u64::from(known.rejects_ppm)),
            ("faded_ppm", u64::from(known.faded_ppm)),
        ];
        venue.extend(terms.map(|(key, value)| (key.to_owned(), json!(value.to_string()))));
    }
    let book = &market.books[market.reference.book_at(request.instrument, id)];
    let (levels, joined, own) = match request.side {
        Side::Buy => ("asks", "bids", Side::Sell),
        Side::Sell => ("bids", "asks", Side::Buy),
    };
    let mut gone = book.gone(request.side);
    let available = book.opposite(request.side).iter().filter_map(|level| {
        let left = level.qty.saturating_sub(gone);
        gone = gone.saturating_sub(level.qty);
        (!left.is_zero()).then_some(Level { price: level.price, qty: left })
    });
    let row = |l: Level| json!([price(l.price, decimals), qty(l.qty, decimals)]);
    venue.insert(levels.to_owned(), available.map(row).collect());
    let beside = book.own(request.side).iter().take(TOP_LEVELS).copied().map(row);
    venue.insert(joined.to_owned(), beside.collect());
    if let Some(traded) = book.traded(request.side).lately(market.now) {
        venue.insert(format!("{joined}_traded"), json!(qty(traded, decimals)));
    }
    if let Some(best) = book.own_best(own) {
        let order = json!([{ "side": side(own), "price": price(best, decimals) }]);
        venue.insert("own".to_owned(), order);
    }
    let def = &market.reference.instruments[request.instrument.index()];
    for (key, asset) in [("base", def.base), ("quote", def.quote)] {
        let funds = market.ledger.funds(id, asset).available(market.now).0.max(0);
        venue.insert(key.to_owned(), json!(decimal(funds, AMOUNT_DECIMALS)));
    }
    venue.insert("fok".to_owned(), json!(market.reference.venues[id.index()].fok));
    if is_state(line.verdict) {
        venue.insert("state".to_owned(), json!(format!("{:?}", line.verdict)));
    } else {
        venue.insert(
            "orders_left".to_owned(),
            json!(market.room(id, request.instrument).to_string()),
        );
    }
    Value::Object(venue)
}

fn insert_terms(venue: &mut Map<String, Value>, listing: &ListingDef, decimals: Decimals) {
    let terms = [
        ("tick", price(listing.ticks.least(), decimals)),
        ("lot", qty(listing.lot, decimals)),
        ("qty_min", qty(listing.qty_min, decimals)),
        ("qty_max", qty(listing.qty_max, decimals)),
        ("notional_min", decimal(listing.notional_min.0, AMOUNT_DECIMALS)),
        ("maker_fee_ppm", listing.maker_fee.0.to_string()),
        ("taker_fee_ppm", listing.taker_fee.0.to_string()),
    ];
    venue.extend(terms.map(|(key, value)| (key.to_owned(), json!(value))));
    if !listing.ticks.above().is_empty() {
        let bands = listing.ticks.above().iter();
        let pairs = bands.map(|band| [price(band.above, decimals), price(band.tick, decimals)]);
        venue.insert("ticks".to_owned(), json!(pairs.collect::<Vec<_>>()));
    }
    if listing.ticks.digits() > 0 {
        venue.insert("price_digits".to_owned(), json!(listing.ticks.digits().to_string()));
    }
    let fee_taken = match listing.fee_taken {
        FeeTaken::Quote => "quote",
        FeeTaken::Received => "received",
        FeeTaken::Other => "other",
    };
    venue.insert("fee_taken".to_owned(), json!(fee_taken));
}

/// Whether the verdict is about the venue's state and not about its book, terms or funds.
const fn is_state(verdict: Verdict) -> bool {
    match verdict {
        Verdict::VenueDown
        | Verdict::NotListed
        | Verdict::Untrusted
        | Verdict::Stale
        | Verdict::Crossed
        | Verdict::NoRate
        | Verdict::Busy
        | Verdict::Faded
        | Verdict::Avoided
        | Verdict::NotNamed
        | Verdict::NotAllowed
        | Verdict::Drained
        | Verdict::BreakerOpen
        | Verdict::Paused
        | Verdict::MarketClosed
        | Verdict::Outlier => true,
        Verdict::Taken
        | Verdict::Rested
        | Verdict::WorsePrice
        | Verdict::WorseFit
        | Verdict::NoFunds
        | Verdict::BelowMinimum
        | Verdict::AboveMaximum
        | Verdict::BeyondLimit
        | Verdict::NoFok
        | Verdict::TooThin
        | Verdict::OwnOrder
        | Verdict::WouldTake
        | Verdict::Backup
        | Verdict::WorseBehaviour
        | Verdict::LowerScore => false,
    }
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

#[cfg(test)]
mod tests {
    use rutter_core::Engine;
    use rutter_core::id::{AccountId, AssetId, InstrumentId, SessionId, VenueId};
    use rutter_core::input::{
        BookUpdate, Header, Input, NewOrder, PublicTrade, RestBy, RestDef, RoutingDef, RoutingMode,
        VenueDownReason,
    };
    use rutter_core::number::{Amount, Price, Qty, UnixNanos};
    use rutter_core::output::{Output, Sink};
    use rutter_core::ticks::{TickBand, Ticks};
    use rutter_test_support::random::Random;
    use rutter_test_support::{reference, seeds};

    use super::*;

    const VENUES: u8 = 4;
    const CASES: u64 = 100;

    /// Keeps each decision as it is recorded.
    #[derive(Default)]
    struct Recorder(Vec<Value>);

    impl Sink for Recorder {
        fn output(&mut self, _: &Output) {}

        fn wants_decisions(&self) -> bool {
            true
        }

        fn decision(&mut self, decision: &Decision<'_>) {
            self.0.push(record(decision));
        }
    }

    fn trade(random: &mut Random, venue: VenueId) -> Input {
        let taker = Some(random.pick(&[Side::Buy, Side::Sell]));
        let (price, qty) = (Price(10_000), Qty(1 + random.below(500) as i64));
        let instrument = InstrumentId(0);
        let (id, count, time, late) = (1, 1, UnixNanos(u64::MAX), false);
        Input::Trade(PublicTrade { venue, instrument, taker, price, qty, id, count, time, late })
    }

    /// How the account's orders choose venues, and where they rest.
    fn terms(random: &mut Random) -> [Input; 2] {
        let mut some =
            |percent| (0..VENUES).map(VenueId).filter(|_| random.in_100(percent)).collect();
        let (denied, backup) = (some(10), some(25));
        let usual = RoutingDef::usual(AccountId(0));
        let mode = random.pick(&[RoutingMode::Cost, RoutingMode::Score]);
        let terms = RoutingDef { denied, backup, mode, ..usual };
        let routing = Input::Routing(terms);
        let usual = RestDef::usual(AccountId(0));
        let by = random.pick(&[RestBy::Best, RestBy::Share]);
        let mut rest = RestDef { by, places: 1 + random.below(4) as u8, ..usual };
        if random.in_100(25) {
            assert!(rest.percents.set(VenueId(0), 40) && rest.percents.set(VenueId(2), 60));
        }
        [routing, Input::Rest(rest)]
    }

    /// An engine under random books, orders and losses of venues, and what it decided.
    fn decisions(random: &mut Random) -> Vec<Value> {
        let (base, quote, pair) = (AssetId(0), AssetId(1), InstrumentId(0));
        let mut inputs = vec![
            Input::Asset(reference::asset(0, "BTC")),
            Input::Asset(reference::asset(1, "USD")),
            Input::Instrument(reference::instrument(0, "BTC/USD", base, quote)),
            Input::Account(reference::account(0, "fund")),
            Input::Session(reference::session(0, "DESK", Some(AccountId(0)))),
        ];
        for id in 0..VENUES {
            let venue = VenueId(id);
            let mut terms = reference::listing(venue, pair);
            (terms.lot, terms.qty_min) = (Qty(random.pick(&[1, 5])), Qty(random.pick(&[1, 20])));
            let band = TickBand { above: Price(10_005), tick: Price(5) };
            let stepped = Ticks::banded(Price(1), &[band]);
            let steps = [Some(terms.ticks), stepped, Ticks::significant(Price(1), 4)];
            terms.ticks = random.pick(&steps).expect("sound");
            inputs.push(Input::Venue(reference::venue(id, &format!("v{id}"))));
            inputs.push(Input::Listing(terms));
            for asset in [base, quote] {
                let total = Amount(i128::from(random.below(2_000)) * reference::UNIT);
                inputs.push(Input::Balance { venue, asset, total });
            }
        }
        inputs.extend(terms(random));
        inputs.push(Input::NodeStarted);
        inputs.extend((0..VENUES).map(|id| Input::VenueUp(VenueId(id))));
        for client_seq in 1..=12 {
            let venue = VenueId(random.below(u64::from(VENUES)) as u8);
            let mut book = BookUpdate { venue, clear: true, last: true, ..BookUpdate::default() };
            for (side, sign) in [(Side::Buy, -1), (Side::Sell, 1)] {
                for _ in 0..=random.below(2) {
                    let price = Price(10_000 + sign * (1 + random.below(40) as i64));
                    book.push(side, Level { price, qty: Qty(1 + random.below(90) as i64) });
                }
            }
            inputs.push(Input::Book(book));
            if random.in_100(50) {
                inputs.push(trade(random, venue));
            }
            if random.in_100(10) {
                inputs.push(Input::VenueDown(venue, VenueDownReason::LinkLost));
            }
            inputs.push(Input::NewOrder(NewOrder {
                session: SessionId(0),
                client_seq,
                side: random.pick(&[Side::Buy, Side::Sell]),
                tif: random.pick(&[TimeInForce::Ioc, TimeInForce::Gtc, TimeInForce::Fok]),
                qty: Qty(1 + random.below(120) as i64),
                price: Price(9_970 + random.below(60) as i64),
                ..reference::buy(&format!("o{client_seq}"))
            }));
        }
        let mut engine = Engine::new(&reference::genesis()).expect("sound genesis");
        let mut recorder = Recorder::default();
        for (seq, input) in (1..).zip(&inputs) {
            let header = Header { seq, time: UnixNanos(1_700_000_000_000_000_000 + seq) };
            engine.apply(header, input, &mut recorder);
        }
        recorder.0
    }

    #[test]
    fn a_recorded_decision_is_answered_again_word_for_word() {
        let mut count = 0;
        for seed in seeds::chosen(CASES) {
            seeds::run(seed, "rutter --lib record::", || {
                for decision in decisions(&mut Random::new(seed)) {
                    let mut out = Vec::new();
                    let line = decision["scenario"].to_string();
                    super::super::answer_all("test", &mut line.as_bytes(), &mut out)
                        .expect("answered");
                    let again: Value = serde_json::from_slice(&out).expect("JSON");
                    let same = |key: &str| again[key] == decision["answer"][key];
                    let keys = ["legs", "filled", "total_all_in", "left", "left_why", "venues"];
                    assert!(keys.into_iter().all(same), "{decision:#}\nagain: {again:#}");
                    count += 1;
                }
            });
        }
        assert!(count > 0, "something was decided");
    }
}
