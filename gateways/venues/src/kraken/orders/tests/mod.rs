//! Scenarios: the venue on one side, the core on the other, the adapter between them.

mod amends;
mod clock;
mod hostile;
mod orders;
mod reasons;
mod recovery;

use rutter_core::id::{AssetId, ChildId, InstrumentId, OrderId, VenueId};
use rutter_core::input::{ChildFill, Ending, Fate, Input, Liquidity, Side, TimeInForce};
use rutter_core::number::{Amount, Price, Qty};
use rutter_core::output::{ChildRef, SendNew};
use rutter_transport::machine::{
    Action, CloseReason, Event, HttpRequest, HttpResponse, Machine, Outbox,
};
use rutter_transport::refusals::{Refusal, Refused};
use rutter_transport::secret::Secret;

use super::*;
use crate::VenueCommand;
use crate::kraken::ids;
use crate::kraken::{ConfigError, KrakenConfig};
use crate::listing::{AssetNames, Listing};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
/// 2026-01-10T10:00:00Z.
const START: u64 = 1_768_039_200 * S;
const VENUE: VenueId = VenueId(3);
const BTC_USD: InstrumentId = InstrumentId(4);
const TAG: u32 = 0xab;
const ORDER: &str = "OK4GJX-KSTLS-7DZZO5";
const EXEC: &str = "TGBB7L-HT5LX-J3BZ4A";
const TOKEN: &str = r#"{"token":"TOKEN","expires":900}"#;
const FUNDS: &str = r#"{"ZUSD":{"balance":"1000.5","hold_trade":"3"},"XXBT":{"balance":"1.25"},"DOT":{"balance":"7"}}"#;

fn config() -> KrakenConfig {
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    KrakenConfig {
        api_key: Secret::from("KEY"),
        api_secret: Secret::from("c2VjcmV0"),
        listings: vec![Listing {
            instrument: BTC_USD,
            symbol: "BTC/USD".to_owned(),
            price_decimals: 2,
            qty_decimals: 8,
            venue_price_decimals: 1,
            venue_qty_decimals: 8,
        }],
        assets: vec![
            AssetNames { asset: AssetId(0), names: names(&["BTC", "XXBT", "XBT"]) },
            AssetNames { asset: AssetId(1), names: names(&["USD", "ZUSD"]) },
        ],
        ..KrakenConfig::new(VENUE, TAG)
    }
}

/// The venue's name for a child of ours.
fn id(child: u64) -> String {
    ids::order(TAG, ChildId(child)).as_str().to_owned()
}

/// Short words for inputs, in the order in which the core gets them.
fn word(input: &Input) -> String {
    match input {
        Input::VenueUp(VENUE) => "up".to_owned(),
        Input::VenueDown(VENUE, reason) => format!("down {reason:?}"),
        Input::ChildAccepted { child, venue_order, .. } => {
            format!("accepted {} {venue_order}", child.0)
        }
        Input::ChildRejected { child, reason, retry_after_ns: 0, .. } => {
            format!("rejected {} {reason:?}", child.0)
        }
        Input::ChildRejected { child, reason, retry_after_ns, .. } => {
            format!("rejected {} {reason:?} for {retry_after_ns}", child.0)
        }
        Input::ChildFill(fill) => format!("fill {} {}@{}", fill.child.0, fill.qty.0, fill.price.0),
        Input::ChildDone { child, how, filled, .. } => {
            let how = match how {
                Ending::Canceled => "done",
                Ending::Expired => "expired",
                Ending::SelfMatch => "self-matched",
            };
            format!("{how} {} {}", child.0, filled.0)
        }
        Input::ChildAmended { child, qty, .. } => format!("amended {} {}", child.0, qty.0),
        Input::AmendRejected { child, reason, .. } => {
            format!("amend rejected {} {reason:?}", child.0)
        }
        Input::CancelRejected { child, reason, .. } => {
            format!("cancel rejected {} {reason:?}", child.0)
        }
        Input::ChildInDoubt { child, doubt, .. } => format!("doubt {} {doubt:?}", child.0),
        Input::ChildFate { child, fate, filled, .. } => {
            format!("fate {} {fate:?} {}", child.0, filled.0)
        }
        Input::VenueQueried { outcome, .. } => format!("query {outcome:?}"),
        Input::Balance { asset, total, .. } => format!("balance {} {}", asset.0, total.0),
        other => panic!("not an adapter's: {other:?}"),
    }
}

struct Desk {
    machine: KrakenOrders,
    now_ns: u64,
    out: Outbox<Input>,
    sent: Vec<String>,
    calls: Vec<HttpRequest>,
    told: Vec<String>,
    fills: Vec<ChildFill>,
    /// Of the next message of the executions.
    sequence: u64,
}

impl Desk {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: KrakenConfig) -> Self {
        let machine = KrakenOrders::new(config).expect("configuration");
        let mut desk = Self {
            machine,
            now_ns: START,
            out: Outbox::default(),
            sent: Vec::new(),
            calls: Vec::new(),
            told: Vec::new(),
            fills: Vec::new(),
            sequence: 1,
        };
        desk.machine.start(START, &mut desk.out);
        desk.drain();
        desk
    }

    /// Up, with nothing open.
    fn up() -> Self {
        let mut desk = Self::new();
        desk.link().snapshots("").answer("BalanceEx", FUNDS);
        desk.told(&["balance 0 1250000000000000000", "balance 1 1000500000000000000000", "up"]);
        assert_eq!(desk.machine.status(), Status::Up);
        desk
    }

    /// Token and connection; both subscriptions are out.
    fn link(&mut self) -> &mut Self {
        self.answer("GetWebSocketsToken", TOKEN).sent(&["connect"]);
        self.event(Event::Connected(PRIVATE_LINK));
        self.sent(&[r#""channel":"executions","snap_orders":true"#, r#""channel":"balances""#]);
        self.text(r#"{"channel":"status","data":[{"api_version":"v2","connection_id":12393906104898154338,"system":"online","version":"2.0.0"}],"type":"update"}"#)
    }

    fn snapshots(&mut self, orders: &str) -> &mut Self {
        self.sequence = 1;
        self.stream_as("snapshot", orders);
        self.text(r#"{"channel":"balances","data":[{"asset":"BTC","asset_class":"currency","balance":1.2,"wallets":[{"type":"spot","id":"main","balance":1.2}]}],"type":"snapshot","sequence":1}"#)
    }

    fn drain(&mut self) {
        for action in self.out.actions.drain(..) {
            match action {
                Action::Connect(PRIVATE_LINK) => self.sent.push("connect".to_owned()),
                Action::Close(PRIVATE_LINK) => self.sent.push("close".to_owned()),
                Action::Send(PRIVATE_LINK, range) => {
                    let text = self.out.bytes[range].to_vec();
                    let text = String::from_utf8(text).expect("text");
                    serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
                    self.sent.push(text);
                }
                Action::Http(request) => self.calls.push(request),
                other => panic!("not this machine's: {other:?}"),
            }
        }
        for emission in &self.out.emissions {
            self.told.push(word(emission));
            if let Input::ChildFill(fill) = emission {
                self.fills.push(*fill);
            }
        }
        self.out.clear();
    }

    fn event(&mut self, event: Event<'_>) -> &mut Self {
        self.machine.on_event(self.now_ns, event, &mut self.out);
        self.drain();
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.event(Event::Text(PRIVATE_LINK, text))
    }

    fn closed(&mut self) -> &mut Self {
        self.event(Event::Closed(PRIVATE_LINK, CloseReason::Peer))
    }

    /// A message of the executions, numbered on.
    fn stream(&mut self, entries: &str) -> &mut Self {
        self.stream_as("update", entries)
    }

    fn stream_as(&mut self, kind: &str, entries: &str) -> &mut Self {
        let sequence = self.sequence;
        self.sequence += 1;
        self.text(&format!(
            r#"{{"channel":"executions","type":"{kind}","data":[{entries}],"sequence":{sequence}}}"#
        ))
    }

    /// Answers the only REST call that is out.
    fn answer(&mut self, method: &str, result: &str) -> &mut Self {
        self.respond(method, Some(&format!(r#"{{"error":[],"result":{result}}}"#)))
    }

    fn respond(&mut self, method: &str, body: Option<&str>) -> &mut Self {
        assert_eq!(self.calls.len(), 1, "one call at a time: {:#?}", self.calls);
        let call = self.calls.remove(0);
        assert_eq!(call.target, format!("/0/private/{method}"));
        let response = body.map(|body| HttpResponse::new(200, body.to_owned()));
        self.event(Event::Http(call.id, response.as_ref()))
    }

    /// The body of the call that is out holds that text.
    fn asked(&mut self, text: &str) -> &mut Self {
        let body = &self.calls.first().expect("a call").body;
        assert!(body.contains(text), "{body} without {text}");
        self
    }

    fn command(&mut self, command: VenueCommand) -> &mut Self {
        self.machine.on_command(self.now_ns, &command, &mut self.out);
        self.drain();
        self
    }

    fn send(&mut self, child: u64, tif: TimeInForce) -> &mut Self {
        self.command(VenueCommand::New(SendNew {
            venue: VENUE,
            child: ChildId(child),
            order: OrderId(1),
            trace: 1,
            instrument: BTC_USD,
            side: Side::Sell,
            tif,
            post_only: false,
            qty: Qty(500_000),
            price: Price(2_650_000),
        }))
    }

    /// A resting order that the venue has acknowledged.
    fn rests(&mut self, child: u64) -> &mut Self {
        self.send(child, TimeInForce::Gtc);
        self.ack(child, ORDER)
            .stream(&small("new", 0))
            .told(&[&format!("accepted {child} {ORDER}")]);
        self.sent.clear();
        self
    }

    fn child(child: u64) -> ChildRef {
        ChildRef {
            venue: VENUE,
            child: ChildId(child),
            order: OrderId(1),
            trace: 1,
            instrument: BTC_USD,
        }
    }

    fn cancel(&mut self, child: u64) -> &mut Self {
        self.command(VenueCommand::Cancel(Self::child(child)))
    }

    fn query(&mut self, child: u64) -> &mut Self {
        self.command(VenueCommand::Query(Self::child(child)))
    }

    /// The number of the last request.
    fn last_request(&self) -> u64 {
        let text = self.sent.last().expect("a request");
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        value["req_id"].as_u64().expect("a number")
    }

    /// Acknowledges the last request, an order.
    fn ack(&mut self, child: u64, order: &str) -> &mut Self {
        let (request, id) = (self.last_request(), id(child));
        self.text(&format!(r#"{{"method":"add_order","req_id":{request},"result":{{"order_id":"{order}","cl_ord_id":"{id}"}},"success":true,"time_in":"2023-09-21T14:15:07.197274Z","time_out":"2023-09-21T14:15:07.205301Z"}}"#))
    }

    /// Refuses the last request.
    fn refuse(&mut self, method: &str, error: &str) -> &mut Self {
        let request = self.last_request();
        self.text(&format!(r#"{{"error":"{error}","method":"{method}","req_id":{request},"success":false,"time_in":"2023-09-21T14:15:07.197274Z","time_out":"2023-09-21T14:15:07.205301Z"}}"#))
    }

    /// Lets time pass, timer by timer; the venue beats every second.
    fn pass(&mut self, span_ns: u64) -> &mut Self {
        for _ in 0..span_ns / S {
            self.silence(S).text(r#"{"channel":"heartbeat"}"#);
        }
        self.silence(span_ns % S)
    }

    fn silence(&mut self, span_ns: u64) -> &mut Self {
        let end = self.now_ns + span_ns;
        for _ in 0..1_000 {
            match self.machine.next_timer_ns() {
                Some(due) if due <= end => {
                    self.now_ns = self.now_ns.max(due);
                    self.machine.on_timer(self.now_ns, &mut self.out);
                    self.drain();
                }
                _ => {
                    self.now_ns = end;
                    return self;
                }
            }
        }
        panic!("the timer does not move on");
    }

    fn told(&mut self, wanted: &[&str]) -> &mut Self {
        assert_eq!(self.told, wanted);
        self.told.clear();
        self
    }

    /// The words of the last refusal, which are kept for the log.
    fn refused(&self, order: u64, request: Refused, text: &str) {
        let kept = self.machine.refusals().and_then(|refusals| refusals.after(0).last());
        assert_eq!(kept, Some(&Refusal { order, request, text: text.to_owned() }));
    }

    fn sent(&mut self, wanted: &[&str]) -> &mut Self {
        assert_eq!(self.sent.len(), wanted.len(), "{:#?}", self.sent);
        for (sent, wanted) in self.sent.iter().zip(wanted) {
            assert!(sent.contains(wanted), "{sent} is not {wanted}");
        }
        self.sent.clear();
        self
    }
}

/// The first message of an order.
fn pending_new(child: u64) -> String {
    let id = id(child);
    format!(
        r#"{{"order_id":"{ORDER}","cl_ord_id":"{id}","symbol":"BTC/USD","order_qty":0.005,"cum_cost":0.0,"time_in_force":"GTC","exec_type":"pending_new","side":"sell","order_type":"limit","limit_price_type":"static","limit_price":26500.0,"stop_price":0.0,"order_status":"pending_new","fee_usd_equiv":0.0,"fee_ccy_pref":"fciq","timestamp":"2023-09-22T10:33:05.709950Z"}}"#
    )
}

/// A small update: nothing in it but the venue's order id names the order. `cum` in 10^-8.
fn small(exec_type: &str, cum: u64) -> String {
    let qty = format!("{}.{:08}", cum / 100_000_000, cum % 100_000_000);
    format!(
        r#"{{"timestamp":"2023-09-22T10:33:05.709982Z","order_status":"{exec_type}","exec_type":"{exec_type}","order_userref":0,"order_id":"{ORDER}","cum_qty":{qty},"cum_cost":132.9995,"fee_usd_equiv":0.3458,"avg_price":26599.9,"reason":"User requested"}}"#
    )
}

/// A trade of 0.005, the whole order; as documented, its state is still partial.
fn trade(exec: &str) -> String {
    format!(
        r#"{{"order_id":"{ORDER}","order_userref":3,"exec_id":"{exec}","exec_type":"trade","trade_id":62887576,"symbol":"BTC/USD","side":"sell","last_qty":0.005,"last_price":26599.9,"liquidity_ind":"t","cost":132.9995,"order_type":"limit","timestamp":"2023-09-22T10:33:05.709993Z","order_status":"partially_filled","cum_qty":0.005,"cum_cost":132.9995,"avg_price":26599.9,"fee_usd_equiv":0.3458,"fees":[{{"asset":"USD","qty":0.3458}}]}}"#
    )
}

/// The fill that [`trade`] tells.
fn fill(child: u64) -> ChildFill {
    ChildFill {
        venue: VENUE,
        child: ChildId(child),
        instrument: BTC_USD,
        side: Side::Sell,
        exec: rutter_core::id::ExecId::from_text(EXEC.as_bytes()).expect("an execution id"),
        qty: Qty(500_000),
        price: Price(2_659_990),
        fee: Amount(345_800_000_000_000_000),
        fee_asset: AssetId(1),
        liquidity: Liquidity::Taker,
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let refuse = |change: fn(&mut KrakenConfig)| {
        let mut config = config();
        change(&mut config);
        KrakenOrders::new(config).expect_err("refused")
    };
    assert_eq!(refuse(|c| c.validity_ns = 0), ConfigError::Validity(0));
    assert_eq!(refuse(|c| c.validity_ns = 61 * S), ConfigError::Validity(61 * S));
    assert_eq!(refuse(|c| c.answer_timeout_ns = 0), ConfigError::Timeout);
    assert_eq!(refuse(|c| c.rest_limit.counter_max = 1), ConfigError::RestLimit);
    assert_eq!(refuse(|c| c.api_key = Secret::from("")), ConfigError::ApiKey);
    assert!(matches!(refuse(|c| c.api_secret = Secret::from("!")), ConfigError::Key(_)));
    assert!(matches!(refuse(|c| c.listings[0].symbol.push('"')), ConfigError::Symbol(_)));
    assert!(matches!(refuse(|c| c.listings[0].qty_decimals = 19), ConfigError::Decimals(_)));
    assert_eq!(refuse(|c| c.assets.clear()), ConfigError::NoAssets);
}

#[test]
fn nothing_secret_prints() {
    let desk = Desk::up();
    let text = format!("{:?}", desk.machine);
    for secret in ["c2VjcmV0", "TOKEN", "115, 101, 99", "KEY"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
