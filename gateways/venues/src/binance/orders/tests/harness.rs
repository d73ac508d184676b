//! A desk with one adapter: a venue that speaks FIX and REST by hand, a core, and a clock.

use rutter_core::id::{AssetId, ChildId, InstrumentId, OrderId, VenueId};
use rutter_core::input::{Ending, Input, Side, TimeInForce};
use rutter_core::number::{Price, Qty};
use rutter_core::output::{ChildRef, SendNew};
use rutter_fix::codec::{TimePrecision, write_timestamp};
use rutter_transport::machine::{
    Action, CloseReason, Event, HttpRequest, HttpResponse, Machine, Outbox,
};
use rutter_transport::secret::Secret;

use crate::VenueCommand;
use crate::binance::{BinanceConfig, BinanceOrders, FIX_LINK, MessageHandling};
use crate::listing::{AssetNames, Listing};

pub const SECOND: u64 = 1_000_000_000;
pub const VENUE: VenueId = VenueId(4);
/// 2024-06-27 11:17:25.223, the time of the published logon.
pub const START: u64 = 1_719_487_045_223_000_000;

/// Published by Binance, with this API key.
pub const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n\
    -----END PRIVATE KEY-----\n";
pub const API_KEY: &str = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb";

pub fn config() -> BinanceConfig {
    let listing = |instrument, symbol: &str| Listing {
        instrument: InstrumentId(instrument),
        symbol: symbol.to_owned(),
        price_decimals: 2,
        qty_decimals: 8,
        venue_price_decimals: 2,
        venue_qty_decimals: 1,
    };
    let asset = |asset, name: &str| AssetNames { asset: AssetId(asset), names: vec![name.into()] };
    BinanceConfig {
        sender_comp_id: "EXAMPLE".to_owned(),
        api_key: Secret::from(API_KEY),
        private_key: Secret::from(PEM),
        message_handling: MessageHandling::Sequential,
        heartbeat_s: 30,
        seed: 7,
        listings: vec![listing(1, "BTCUSDT"), listing(2, "ETHUSDT")],
        assets: vec![asset(0, "BTC"), asset(1, "USDT")],
        ..BinanceConfig::new(VENUE, 0xab)
    }
}

/// A whole FIX message from its fields behind 9, with `|` for SOH.
pub fn frame(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = rutter_fix::codec::checksum(head.as_bytes());
    format!("{head}10={sum:03}\x01").into_bytes()
}

pub struct Desk {
    pub machine: BinanceOrders,
    pub now: u64,
    pub out: Outbox<Input>,
    /// Messages that we sent, with `|` for SOH.
    pub sent: Vec<String>,
    pub requests: Vec<HttpRequest>,
    pub connects: usize,
    pub closes: usize,
    pub seen: Vec<String>,
    pub venue_seq: u64,
    pub sender: String,
    /// How far our clock is ahead of the venue's.
    pub clock_ahead_ns: i64,
}

impl Desk {
    pub fn with(config: BinanceConfig) -> Self {
        let mut desk = Self {
            machine: BinanceOrders::new(config).expect("configuration"),
            now: START,
            out: Outbox::default(),
            sent: Vec::new(),
            requests: Vec::new(),
            connects: 0,
            closes: 0,
            seen: Vec::new(),
            venue_seq: 0,
            sender: String::new(),
            clock_ahead_ns: 0,
        };
        desk.machine.start(desk.now, &mut desk.out);
        desk.drain();
        desk
    }

    pub fn new() -> Self {
        Self::with(config())
    }

    /// Up, with nothing pending.
    pub fn up() -> Self {
        Self::up_with(config())
    }

    /// As [`Desk::up`], with other settings.
    pub fn up_with(config: BinanceConfig) -> Self {
        let mut desk = Self::with(config);
        desk.connect().log_on().reconcile_nothing();
        desk.saw(&["balance 0 1500000000000000000", "balance 1 0", "up"]);
        desk.sent.clear();
        desk
    }

    pub fn drain(&mut self) {
        for action in &self.out.actions {
            match action {
                Action::Connect(_) => self.connects += 1,
                Action::Close(_) => self.closes += 1,
                Action::Send(_, range) => {
                    let text = String::from_utf8_lossy(&self.out.bytes[range.clone()]);
                    self.sent.push(text.replace('\x01', "|"));
                }
                Action::Http(request) => self.requests.push(request.clone()),
            }
        }
        self.seen.extend(self.out.emissions.iter().map(tell));
        self.out.clear();
    }

    pub fn event(&mut self, event: Event<'_>) -> &mut Self {
        self.machine.on_event(self.now, event, &mut self.out);
        self.drain();
        self
    }

    pub fn connect(&mut self) -> &mut Self {
        self.venue_seq = 0;
        self.event(Event::Connected(FIX_LINK));
        let logon = self.sent.last().expect("a logon").clone();
        self.sender = field(&logon, "49").to_owned();
        self
    }

    pub fn log_on(&mut self) -> &mut Self {
        self.venue("35=A|98=0|108=30|25037=4392a152-3481-4499-921a-6d42c50702e2|")
    }

    pub fn reconcile_nothing(&mut self) -> &mut Self {
        self.rest("/api/v3/openOrders?", 200, "[]");
        self.account()
    }

    pub fn account(&mut self) -> &mut Self {
        let body = concat!(
            r#"{"makerCommission":10,"balances":[{"asset":"BTC","free":"1.20000000","#,
            r#""locked":"0.30000000"},{"asset":"XYZ","free":"1","locked":"0"}]}"#,
        );
        self.rest("/api/v3/account?", 200, body)
    }

    pub fn lose_link(&mut self) -> &mut Self {
        self.event(Event::Closed(FIX_LINK, CloseReason::Peer))
    }

    /// A message of the venue: 35 and what is behind the header.
    pub fn venue(&mut self, body: &str) -> &mut Self {
        self.venue_seq += 1;
        let (kind, rest) = body.split_once('|').expect("35 first");
        let mut time = Vec::new();
        let venue_ns = self.now.saturating_add_signed(-self.clock_ahead_ns);
        write_timestamp(&mut time, venue_ns, TimePrecision::Micros);
        let time = String::from_utf8_lossy(&time).into_owned();
        let header =
            format!("{kind}|34={}|49=SPOT|52={time}|56={}|{rest}", self.venue_seq, self.sender);
        self.event(Event::Bytes(FIX_LINK, &frame(&header)))
    }

    /// Answers the first request whose target starts so.
    pub fn rest(&mut self, target: &str, status: u16, body: &str) -> &mut Self {
        let request = self.take_request(target);
        let response = HttpResponse::new(status, body.to_owned());
        self.event(Event::Http(request.id, Some(&response)))
    }

    pub fn rest_fails(&mut self, target: &str) -> &mut Self {
        let request = self.take_request(target);
        self.event(Event::Http(request.id, None))
    }

    pub fn take_request(&mut self, target: &str) -> HttpRequest {
        let at = self.requests.iter().position(|request| request.target.starts_with(target));
        let targets: Vec<&str> = self.requests.iter().map(|r| r.target.as_str()).collect();
        self.requests.remove(at.unwrap_or_else(|| panic!("{target} not among {targets:?}")))
    }

    pub fn command(&mut self, command: &VenueCommand) -> &mut Self {
        self.machine.on_command(self.now, command, &mut self.out);
        self.drain();
        self
    }

    /// Buys 0.5 at 60000.00, good till cancelled.
    pub fn new_order(&mut self, child: u64) -> &mut Self {
        self.command(&VenueCommand::New(order(child)))
    }

    pub fn cancel(&mut self, child: u64) -> &mut Self {
        self.command(&VenueCommand::Cancel(child_ref(child)))
    }

    pub fn query(&mut self, child: u64) -> &mut Self {
        self.command(&VenueCommand::Query(child_ref(child)))
    }

    /// Lets time pass, timer by timer.
    pub fn wait(&mut self, ns: u64) -> &mut Self {
        let end = self.now + ns;
        for _ in 0..10_000 {
            let Some(due) = self.machine.next_timer_ns().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.machine.on_timer(self.now, &mut self.out);
            self.drain();
        }
        let next = self.machine.next_timer_ns();
        assert!(next.is_none_or(|due| due > end), "a timer spins");
        self.now = end;
        self
    }

    /// Lets time pass on a living link until something is asked over REST.
    pub fn wait_for_request(&mut self) -> &mut Self {
        for _ in 0..3_000 {
            if !self.requests.is_empty() {
                return self;
            }
            self.wait(SECOND / 10).venue("35=0|");
        }
        panic!("nothing was asked in five minutes");
    }

    pub fn saw(&mut self, expected: &[&str]) -> &mut Self {
        assert_eq!(self.seen, expected);
        self.seen.clear();
        self
    }

    /// What we sent, without header, trailer and signature.
    pub fn wrote(&mut self, expected: &[&str]) -> &mut Self {
        let short: Vec<String> = self.sent.iter().map(|text| shorten(text)).collect();
        assert_eq!(short, expected);
        self.sent.clear();
        self
    }
}

pub fn order(child: u64) -> SendNew {
    SendNew {
        venue: VENUE,
        child: ChildId(child),
        order: OrderId(1),
        trace: 1,
        instrument: InstrumentId(1),
        side: Side::Buy,
        tif: TimeInForce::Gtc,
        post_only: false,
        qty: Qty(50_000_000),
        price: Price(6_000_000),
    }
}

pub fn child_ref(child: u64) -> ChildRef {
    ChildRef {
        venue: VENUE,
        child: ChildId(child),
        order: OrderId(1),
        trace: 1,
        instrument: InstrumentId(1),
    }
}

/// Value of a field of a message with `|` for SOH.
pub fn field<'a>(text: &'a str, tag: &str) -> &'a str {
    let found = text.split('|').find_map(|part| part.strip_prefix(tag)?.strip_prefix('='));
    found.unwrap_or_default()
}

fn shorten(text: &str) -> String {
    let hidden = ["8", "9", "34", "49", "52", "56", "10", "95", "96", "553"];
    let kept = text.split('|').filter(|part| {
        let tag = part.split_once('=').map_or("", |(tag, _)| tag);
        !tag.is_empty() && !hidden.contains(&tag)
    });
    kept.collect::<Vec<_>>().join("|")
}

fn tell(input: &Input) -> String {
    match input {
        Input::ChildAccepted { child, venue_order, .. } => {
            format!("accepted {} as {venue_order}", child.0)
        }
        Input::ChildRejected { child, reason, retry_after_ns: 0, .. } => {
            format!("rejected {} {reason:?}", child.0)
        }
        Input::ChildRejected { child, reason, retry_after_ns, .. } => {
            format!("rejected {} {reason:?} for {retry_after_ns}", child.0)
        }
        Input::ChildFill(fill) => format!(
            "fill {} {:?} {}@{} exec {} fee {} of {} {:?}",
            fill.child.0,
            fill.side,
            fill.qty.0,
            fill.price.0,
            fill.exec.0,
            fill.fee.0,
            fill.fee_asset.0,
            fill.liquidity
        ),
        Input::ChildDone { child, how, filled, .. } => {
            let how = match how {
                Ending::Canceled => "done",
                Ending::Expired => "expired",
                Ending::SelfMatch => "self-matched",
            };
            format!("{how} {} filled {}", child.0, filled.0)
        }
        Input::ChildAmended { child, qty, .. } => format!("amended {} to {}", child.0, qty.0),
        Input::AmendRejected { child, reason, .. } => format!("no amend {} {reason:?}", child.0),
        Input::CancelRejected { child, reason, .. } => format!("no cancel {} {reason:?}", child.0),
        Input::ChildInDoubt { child, doubt, .. } => format!("doubt {} {doubt:?}", child.0),
        Input::ChildFate { child, fate, filled, .. } => {
            format!("fate {} {fate:?} filled {}", child.0, filled.0)
        }
        Input::Balance { asset, total, .. } => format!("balance {} {}", asset.0, total.0),
        Input::VenueQueried { outcome, .. } => format!("query {outcome:?}"),
        Input::VenueUp(_) => "up".to_owned(),
        Input::VenueDown(_, reason) => format!("down {reason:?}"),
        other => format!("{other:?}"),
    }
}

/// A report of the venue about a child, as it writes them.
pub fn report(child: u64, kind: &str, more: &str) -> String {
    format!(
        "35=8|11=r000000ab-{child:x}|37=76|38=0.50000000|40=2|44=60000.00000000|54=1|55=BTCUSDT|\
         59=1|60=20240627-11:17:26.101000|150={kind}|{more}"
    )
}

pub fn accepted(child: u64) -> String {
    report(child, "0", "39=0|14=0.00000000|17=101|32=0.00000000|151=0.50000000|636=Y|1057=Y|")
}

/// A maker trade at 60000 with a fee of 0.0002 BTC.
pub fn traded(child: u64, trade: u64, qty: &str, filled: &str, status: char) -> String {
    let more = format!(
        "39={status}|14={filled}|17={trade}1|31=60000.00000000|32={qty}|136=1|137=0.00020000|\
         138=BTC|139=4|151=0.30000000|636=Y|1003={trade}|1057=N|"
    );
    report(child, "F", &more)
}

/// An order as REST tells it.
pub fn rest_order(child: u64, status: &str, filled: &str) -> String {
    format!(
        "{{\"symbol\":\"BTCUSDT\",\"orderId\":76,\"orderListId\":-1,\
         \"clientOrderId\":\"r000000ab-{child:x}\",\"price\":\"60000.00\",\
         \"origQty\":\"0.50000000\",\"executedQty\":\"{filled}\",\
         \"cummulativeQuoteQty\":\"0\",\"status\":\"{status}\",\"timeInForce\":\"GTC\",\
         \"type\":\"LIMIT\",\"side\":\"BUY\",\"time\":1,\"updateTime\":1,\
         \"isWorking\":true}}"
    )
}

/// A trade as REST tells it.
pub fn rest_trade(trade: u64, qty: &str) -> String {
    format!(
        "{{\"symbol\":\"BTCUSDT\",\"id\":{trade},\"orderId\":76,\"orderListId\":-1,\
         \"price\":\"60000.00000000\",\"qty\":\"{qty}\",\"quoteQty\":\"1\",\
         \"commission\":\"0.00020000\",\"commissionAsset\":\"BTC\",\"time\":1,\
         \"isBuyer\":true,\"isMaker\":true,\"isBestMatch\":true}}"
    )
}
