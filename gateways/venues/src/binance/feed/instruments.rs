//! Rounds of `exchangeInfo`: what the venue says of our symbols, asked for at the start and again
//! and again.
//!
//! A line belongs here if it asks for instrument data or reads it. What the core is told is
//! `metadata`. Source: binance-spot-api-docs, `rest-api.md` (Exchange information), `filters.md`,
//! `enums.md` (symbol status).

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::Write as _;

use rutter_core::id::VenueId;
use rutter_core::input::{Input, MarketStatus};
use rutter_transport::machine::{HttpMethod, HttpRequest, HttpResponse, Outbox};
use rutter_transport::standing::Why;
use serde::Deserialize;

use crate::backoff::Backoff;
use crate::listing::FeedListing;
use crate::metadata::{Filters, Metadata};

const SECOND_NS: u64 = 1_000_000_000;
/// Time between two rounds. A request weighs 20 of the 6,000 a minute.
pub(super) const ROUND_NS: u64 = 30 * SECOND_NS;
/// Symbols of one request.
const SYMBOLS_PER_REQUEST: usize = 100;
/// Longest time from a request to its answer.
const ANSWER_TIMEOUT_NS: u64 = 15 * SECOND_NS;
/// First and longest wait before a request is made again that has failed.
const RETRY_NS: (u64, u64) = (SECOND_NS, 60 * SECOND_NS);
/// The venue's answer when one of the symbols does not exist.
const INVALID_SYMBOL: i64 = -1121;

/// Why the venue did not tell its instruments: a word for people, and more words.
pub(super) type Failure = (Why, String);

/// Asks for instrument data, one request at a time.
#[derive(Debug)]
pub(super) struct Instruments {
    metadata: Metadata,
    /// Sorted.
    symbols: Vec<String>,
    /// What the present round has still to ask for: places of symbols, from and before.
    rest: VecDeque<(usize, usize)>,
    asked: Option<Asked>,
    /// When the next request may go.
    due_ns: u64,
    backoff: Backoff,
    weight_limit: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: u64,
    symbols: (usize, usize),
    until_ns: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InfoJson<'a> {
    #[serde(borrow, default)]
    rate_limits: Vec<RateLimitJson<'a>>,
    #[serde(borrow)]
    symbols: Vec<SymbolJson<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimitJson<'a> {
    #[serde(borrow)]
    rate_limit_type: Cow<'a, str>,
    #[serde(borrow)]
    interval: Cow<'a, str>,
    interval_num: u32,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SymbolJson<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default = "yes")]
    is_spot_trading_allowed: bool,
    #[serde(borrow, default)]
    filters: Vec<FilterJson<'a>>,
}

const fn yes() -> bool {
    true
}

/// The members of the filters that are followed. A filter has some of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterJson<'a> {
    #[serde(borrow)]
    filter_type: Cow<'a, str>,
    #[serde(borrow, default)]
    tick_size: Cow<'a, str>,
    #[serde(borrow, default)]
    step_size: Cow<'a, str>,
    #[serde(borrow, default)]
    min_qty: Cow<'a, str>,
    #[serde(borrow, default)]
    max_qty: Cow<'a, str>,
    #[serde(borrow, default)]
    min_notional: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct ErrorJson {
    #[serde(default)]
    code: i64,
}

/// What a symbol's status means for our orders. The venue documents the names alone: new orders go
/// only to a symbol that is `TRADING`.
fn market_status(row: &SymbolJson<'_>) -> MarketStatus {
    match &*row.status {
        "TRADING" if !row.is_spot_trading_allowed => MarketStatus::Halted,
        "TRADING" => MarketStatus::Open,
        "CANCEL_ONLY" => MarketStatus::CancelOnly,
        "HALT" | "BREAK" | "END_OF_DAY" | "PRE_TRADING" | "POST_TRADING" | "AUCTION_MATCH" => {
            MarketStatus::Halted
        }
        _ => MarketStatus::Unknown,
    }
}

/// The filters of a row that hold for limit orders. Both names of the smallest value are in use.
fn filters<'a>(row: &'a SymbolJson<'_>) -> Filters<'a> {
    let mut found = Filters::default();
    for filter in &row.filters {
        match &*filter.filter_type {
            "PRICE_FILTER" => found.tick = &filter.tick_size,
            "LOT_SIZE" => {
                found.lot = &filter.step_size;
                (found.qty_min, found.qty_max) = (&filter.min_qty, &filter.max_qty);
            }
            "NOTIONAL" | "MIN_NOTIONAL" => found.notional_min = &filter.min_notional,
            _ => {}
        }
    }
    found
}

impl Instruments {
    pub(super) fn new(venue: VenueId, listings: &[FeedListing], seed: u64) -> Self {
        let metadata = Metadata::new(venue, listings);
        let symbols = metadata.symbols().map(ToOwned::to_owned).collect();
        Self {
            metadata,
            symbols,
            rest: VecDeque::new(),
            asked: None,
            due_ns: 0,
            backoff: Backoff::new(RETRY_NS.0, RETRY_NS.1, seed.rotate_left(17)),
            weight_limit: None,
        }
    }

    /// When a request is due, or an answer is late; `None` if nothing is to be asked for.
    pub(super) fn next_ns(&self) -> Option<u64> {
        let due_ns = self.asked.map_or(self.due_ns, |asked| asked.until_ns);
        (!self.symbols.is_empty()).then_some(due_ns)
    }

    /// Whether a request is due.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        !self.symbols.is_empty() && self.asked.is_none() && now_ns >= self.due_ns
    }

    /// The request weight that the venue allows an address in a minute, once it has told that.
    pub(super) const fn weight_limit(&self) -> Option<u32> {
        self.weight_limit
    }

    /// Makes the next request, which is due. `id` is its number.
    pub(super) fn ask(&mut self, now_ns: u64, id: u64, out: &mut Outbox<Input>) {
        if self.rest.is_empty() {
            for from in (0..self.symbols.len()).step_by(SYMBOLS_PER_REQUEST) {
                let before = self.symbols.len().min(from + SYMBOLS_PER_REQUEST);
                self.rest.push_back((from, before));
            }
        }
        let Some(symbols @ (from, before)) = self.rest.front().copied() else { return };
        let mut target = "/api/v3/exchangeInfo?symbols=%5B".to_owned();
        for (n, symbol) in self.symbols.iter().take(before).skip(from).enumerate() {
            // Writing into a string cannot fail.
            let _ = write!(target, "{}%22{symbol}%22", if n == 0 { "" } else { "%2C" });
        }
        target.push_str("%5D");
        out.http(HttpRequest {
            id,
            method: HttpMethod::Get,
            target,
            headers: Vec::new(),
            body: String::new(),
        });
        self.asked =
            Some(Asked { id, symbols, until_ns: now_ns.saturating_add(ANSWER_TIMEOUT_NS) });
    }

    /// An answer is late: the request counts as failed.
    pub(super) fn is_late(&mut self, now_ns: u64) -> Option<Failure> {
        let late = self.asked.is_some_and(|asked| now_ns >= asked.until_ns);
        late.then(|| self.failed(now_ns, (Why::MetadataFailing, "no answer in time".to_owned())))
    }

    /// No request may go before this time.
    pub(super) fn not_before(&mut self, until_ns: u64) {
        self.due_ns = self.due_ns.max(until_ns);
    }

    fn failed(&mut self, now_ns: u64, failure: Failure) -> Failure {
        self.asked = None;
        self.due_ns = now_ns.saturating_add(self.backoff.next_ns());
        failure
    }

    /// An answer came. `None` if it answers none of our requests.
    pub(super) fn answered(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        out: &mut Outbox<Input>,
    ) -> Option<Result<(), Failure>> {
        let Asked { symbols: (from, before), .. } = self.asked.filter(|asked| asked.id == id)?;
        let Some(response) = response else {
            return Some(Err(self.failed(now_ns, (Why::RestFailing, String::new()))));
        };
        if response.status != 200 {
            let error: ErrorJson = serde_json::from_str(&response.body).unwrap_or_default();
            if error.code != INVALID_SYMBOL {
                return Some(Err(
                    self.failed(now_ns, super::rest::refused(response, Why::MetadataFailing))
                ));
            }
            self.rest.pop_front();
            if before - from == 1 {
                let symbol = self.symbols.get(from).map(String::as_str).unwrap_or_default();
                self.metadata.unlisted(symbol, |input| out.emit(input));
            } else {
                // One of these symbols does not exist: each half is asked for by itself.
                let middle = from + (before - from) / 2;
                self.rest.push_front((middle, before));
                self.rest.push_front((from, middle));
            }
            self.goes_on(now_ns);
            return Some(Ok(()));
        }
        let Ok(info) = serde_json::from_str::<InfoJson<'_>>(&response.body) else {
            let failure = (Why::MetadataFailing, "not as documented".to_owned());
            return Some(Err(self.failed(now_ns, failure)));
        };
        let result = self.take(&info, (from, before), out);
        self.rest.pop_front();
        self.goes_on(now_ns);
        Some(result)
    }

    /// The request is done: the next one of the round goes at once, the next round later.
    fn goes_on(&mut self, now_ns: u64) {
        self.asked = None;
        self.backoff.reset();
        let wait_ns = if self.rest.is_empty() { ROUND_NS } else { 0 };
        self.due_ns = now_ns.saturating_add(wait_ns);
    }

    fn take(
        &mut self,
        info: &InfoJson<'_>,
        (from, before): (usize, usize),
        out: &mut Outbox<Input>,
    ) -> Result<(), Failure> {
        let weight = info.rate_limits.iter().find(|limit| {
            limit.rate_limit_type == "REQUEST_WEIGHT"
                && (&*limit.interval, limit.interval_num) == ("MINUTE", 1)
        });
        self.weight_limit = weight.map(|weight| weight.limit).or(self.weight_limit);
        let mut result = Ok(());
        for row in &info.symbols {
            let (status, filters) = (market_status(row), filters(row));
            let emit = |input| out.emit(input);
            let told = self.metadata.told(&row.symbol, Some(status), Some(&filters), emit);
            if let Err(error) = told {
                let text = format!("{}: filters: {error}", row.symbol);
                result = Err((Why::FiltersUnreadable, text));
            }
        }
        let asked = self.symbols.get(from..before).unwrap_or_default();
        let is_told = |symbol: &&String| info.symbols.iter().any(|row| row.symbol == ***symbol);
        for symbol in asked.iter().filter(|symbol| !is_told(symbol)) {
            self.metadata.unlisted(symbol, |input| out.emit(input));
        }
        result
    }
}
