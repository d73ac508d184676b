//! Missing trades: the request for them, and its answer.
//!
//! A line belongs here if it asks for trades over REST. Which ones are missing is
//! `rutter_feeds::trades`.

use rutter_core::input::Input;
use rutter_transport::machine::{HttpMethod, HttpRequest, HttpResponse, Outbox};
use rutter_transport::standing::Why;

use super::super::message::parse_trades;
use super::{BinanceFeed, refused};

/// After a 403 or 418 no trades are asked for so long, in nanoseconds.
const BAN_PAUSE_NS: u64 = 120_000_000_000;
/// After a 429 no trades are asked for so long, in nanoseconds.
const BUSY_PAUSE_NS: u64 = 10_000_000_000;

impl BinanceFeed {
    /// Asks for missing trades when they are due.
    pub(super) fn ask_trades(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let Some((id, at, gap)) = self.trades.question(now_ns) else { return };
        let Some(slot) = self.slots.get(at) else { return };
        let (symbol, from, limit) = (&slot.symbol, gap.from, gap.len());
        out.http(HttpRequest {
            id,
            method: HttpMethod::Get,
            target: format!("/api/v3/aggTrades?symbol={symbol}&fromId={from}&limit={limit}"),
            headers: Vec::new(),
            body: String::new(),
        });
    }

    /// The answer about the book at `at`.
    pub(super) fn on_trades(
        &mut self,
        now_ns: u64,
        at: usize,
        response: Option<&HttpResponse>,
        out: &mut Outbox<Input>,
    ) {
        let Some(slot) = self.slots.get(at) else { return };
        let (trades, decimals) = (&mut self.trades, slot.decimals);
        let read = match response {
            None => Err((Why::RestFailing, String::new())),
            Some(response) if response.status != 200 => Err(refused(response)),
            Some(response) => {
                let each = |trade: Option<_>| match trade {
                    Some(trade) => trades.recover(at, &trade),
                    None => trades.unreadable(),
                };
                parse_trades(&response.body, decimals, each)
                    .map_err(|error| (Why::RestUnreadable, error.to_string()))
            }
        };
        if let Err((why, text)) = read {
            let pause_ns = match why {
                Why::RestBanned => BAN_PAUSE_NS,
                Why::RestPaced => BUSY_PAUSE_NS,
                _ => 0,
            };
            trades.pause(now_ns.saturating_add(pause_ns));
            let text = format!("trades of {}: {text}", slot.symbol);
            self.life.troubled(why, &text, None);
            self.trades_troubled = true;
        } else if core::mem::take(&mut self.trades_troubled) && self.troubled.is_none() {
            self.life.untroubled();
        }
        self.trades.answered(now_ns);
        self.ask_trades(now_ns, out);
    }
}
