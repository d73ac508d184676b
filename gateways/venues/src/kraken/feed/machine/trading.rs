//! Trades: their subscription, their messages, and the request for those that are missing.
//!
//! A line belongs here if it is about public trades alone. Which ones are missing is
//! `rutter_feeds::trades`.

use rutter_core::input::Input;
use rutter_transport::machine::{HttpMethod, HttpRequest, HttpResponse, Outbox};
use rutter_transport::standing::Why;

use super::super::message::{Content, RestFault, parse_trades, write_trade_request};
use super::{KrakenFeed, LINK, NO_REQUESTS, SYMBOLS_PER_REQUEST};

/// After a 429 no trades are asked for so long, in nanoseconds.
const BUSY_PAUSE_NS: u64 = 600_000_000_000;

/// The pair as REST names it: the old names of two assets, and no stroke.
fn rest_pair(symbol: &str) -> String {
    let old = |asset: &str| match asset {
        "BTC" => "XBT".to_owned(),
        "DOGE" => "XDG".to_owned(),
        other => other.to_owned(),
    };
    symbol.split('/').map(old).collect()
}

impl KrakenFeed {
    /// Subscribes the trades that are due, many pairs in one request.
    pub(super) fn subscribe_trades(&mut self, out: &mut Outbox<Input>) {
        loop {
            let req_id = self.req_id + 1;
            let due = self.slots.iter_mut().filter(|slot| slot.trades_due);
            let mut chosen = due.take(SYMBOLS_PER_REQUEST).peekable();
            if chosen.peek().is_none() {
                return;
            }
            let names = chosen.map(|slot| {
                slot.trades_due = false;
                slot.listing.symbol.as_str()
            });
            out.send(LINK, |bytes| write_trade_request(bytes, names, req_id));
            self.req_id = req_id;
            let is_first = self.trade_requests == NO_REQUESTS;
            let first = if is_first { req_id } else { self.trade_requests.0 };
            self.trade_requests = (first, req_id);
        }
    }

    /// A message of the trade channel.
    pub(super) fn on_trades(&mut self, now_ns: u64, text: &str, content: &Content, snapshot: bool) {
        for _ in 0..content.unreadable() {
            self.trades.unreadable();
        }
        for trade in content.trades() {
            let Some(at) = self.find(trade.symbol) else {
                self.counters.ignored += 1;
                continue;
            };
            let listing = &self.slots[at].listing;
            match trade.read(text, (listing.price_decimals, listing.qty_decimals)) {
                Some(trade) => self.trades.take(now_ns, at, &trade, snapshot),
                None => self.trades.unreadable(),
            }
        }
    }

    /// Asks for missing trades when they are due.
    pub(super) fn ask_trades(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let Some((id, at, gap)) = self.trades.question(now_ns) else { return };
        let Some(slot) = self.slots.get(at) else { return };
        let pair = rest_pair(&slot.listing.symbol);
        // Trades after this time are told, and several may have the time of the last one.
        let since = gap.since.0.saturating_sub(1);
        out.http(HttpRequest {
            id,
            method: HttpMethod::Get,
            target: format!("/0/public/Trades?pair={pair}&since={since}"),
            headers: Vec::new(),
            body: String::new(),
        });
    }

    /// The answer to a request for missing trades.
    pub(super) fn on_http(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        out: &mut Outbox<Input>,
    ) {
        let Some(at) = self.trades.answers(id) else {
            self.counters.ignored += 1;
            return;
        };
        let Some(slot) = self.slots.get(at) else { return };
        let decimals = (slot.listing.price_decimals, slot.listing.qty_decimals);
        let trades = &mut self.trades;
        let read = match response {
            None => Err((Why::RestFailing, String::new())),
            Some(response) if response.status == 429 => {
                Err((Why::RestPaced, "HTTP 429".to_owned()))
            }
            Some(response) if response.status != 200 => {
                Err((Why::RestFailing, format!("HTTP {}", response.status)))
            }
            Some(response) => {
                let each = |trade: Option<_>| match trade {
                    Some(trade) => trades.recover(at, &trade),
                    None => trades.unreadable(),
                };
                parse_trades(&response.body, decimals, each).map_err(|fault| match fault {
                    RestFault::Scan(error) => (Why::RestUnreadable, error.to_string()),
                    RestFault::Refused(error) => (Why::RestRefused, error),
                })
            }
        };
        match read {
            Ok(()) if core::mem::take(&mut self.trades_troubled) => self.life.untroubled(),
            Ok(()) => {}
            Err((why, text)) => {
                self.trades_troubled = true;
                if why == Why::RestPaced {
                    trades.pause(now_ns.saturating_add(BUSY_PAUSE_NS));
                }
                let text = format!("trades of {}: {text}", slot.listing.symbol);
                self.life.troubled(why, &text, None);
            }
        }
        self.trades.answered(now_ns);
        self.ask_trades(now_ns, out);
    }
}

#[cfg(test)]
mod tests {
    use super::rest_pair;

    #[test]
    fn rest_has_old_names_of_two_assets() {
        let pairs = ["BTC/USD", "ETH/BTC", "DOGE/EUR", "MATIC/USD"].map(rest_pair);
        assert_eq!(pairs, ["XBTUSD", "ETHXBT", "XDGEUR", "MATICUSD"]);
    }
}
