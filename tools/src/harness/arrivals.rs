//! What every venue's book held just before an order of the node took liquidity.
//!
//! A line belongs here if it records such a moment. The books show what another client's order
//! would have found, had it travelled as long. Pricing an order is `demo`'s.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rutter_sim::Venue;
use rutter_sim::engine::Exchange;
use rutter_sim::market::{CLIENT, MARKETS};

use super::front::{Book, Inner, VenueFill, book, lock, venue_fill};

/// Most executions whose moment is kept until somebody takes them. Further ones are counted.
pub const ARRIVALS_MAX: usize = 100_000;

/// Most levels on each side of a recorded book.
const LEVELS_MAX: usize = 40;

/// The books of one market at all venues, by [`Venue::index`].
pub type Books = [Book; Venue::ALL.len()];

/// The moment at which an order of the node arrived at a venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Time of the venue, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// The books of the order's market just before, without the node's own orders.
    pub books: Books,
}

/// Arrivals by the execution that followed. `trade_id` is 0 in the keys: a client's report does not
/// tell it. Equal executions are queued in the order of time.
pub type Arrivals = BTreeMap<VenueFill, VecDeque<Arc<Arrival>>>;

#[derive(Debug, Default)]
struct Kept {
    arrivals: Arrivals,
    count: usize,
    beyond: u64,
}

/// Looks at all venues around each message of the node. The server's one thread drives all venues,
/// so no book changes between the look and the message.
#[derive(Debug, Default)]
pub(super) struct Witness {
    on: AtomicBool,
    fronts: OnceLock<Vec<Inner>>,
    kept: Mutex<Kept>,
}

impl Witness {
    /// Gives the witness the venues, by [`Venue::index`].
    pub(super) fn meet(&self, fronts: Vec<Inner>) {
        // A second call would name the same venues.
        let _ = self.fronts.set(fronts);
    }

    /// Starts to record.
    pub(super) fn start(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    /// Whether arrivals are recorded.
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Runs `act`, which hands one message of the node to `venue`, and records the arrival if the
    /// message took liquidity.
    pub(super) fn around(&self, venue: Venue, now_ns: u64, act: impl FnOnce()) {
        let fronts = self.fronts.get().filter(|_| self.is_on());
        let Some(fronts) = fronts else { return act() };
        let before: Vec<Books> = (0..MARKETS.len())
            .map(|market| {
                Venue::ALL.map(|venue| {
                    let front = lock(&fronts[venue.index()]);
                    book(front.inner().exchange(), market, LEVELS_MAX)
                })
            })
            .collect();
        let last = last_trade(lock(&fronts[venue.index()]).inner().exchange());
        act();
        let front = lock(&fronts[venue.index()]);
        let exchange = front.inner().exchange();
        let new = exchange.fills(CLIENT).rev().take_while(|fill| fill.trade_id > last);
        let taken: Vec<VenueFill> =
            new.map(|fill| venue_fill(venue, exchange, fill)).filter(|fill| !fill.maker).collect();
        drop(front);
        self.keep(now_ns, &before, &taken);
    }

    fn keep(&self, time_ns: u64, before: &[Books], taken: &[VenueFill]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(market) = taken.first().map(|fill| fill.market) else { return };
        // A message is one order, so its executions share market and books.
        debug_assert!(taken.iter().all(|fill| fill.market == market), "one order, one market");
        let Some(books) = before.get(market) else { return };
        let arrival = Arc::new(Arrival { time_ns, books: books.clone() });
        for fill in taken.iter().rev() {
            if kept.count >= ARRIVALS_MAX {
                kept.beyond += 1;
                continue;
            }
            kept.count += 1;
            let key = VenueFill { trade_id: 0, ..*fill };
            kept.arrivals.entry(key).or_default().push_back(Arc::clone(&arrival));
        }
    }

    /// Takes the arrivals since the last call, and the number of executions that found no room.
    pub(super) fn take(&self) -> (Arrivals, u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { arrivals, beyond, .. } = std::mem::take(&mut *kept);
        (arrivals, beyond)
    }
}

/// Splits bytes of FIX behind each whole message, so that each order is looked at by itself. A
/// part of a message at the end is a piece too.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // The checksum (10) is the last field and has three digits.
        let field = rest.windows(CHECK_SUM.len()).position(|window| window == CHECK_SUM);
        let end = field.map_or(rest.len(), |at| (at + CHECK_SUM.len() + 4).min(rest.len()));
        let (message, behind) = rest.split_at(end);
        rest = behind;
        Some(message)
    })
}

/// The start of a FIX checksum field, behind the end of the field before.
const CHECK_SUM: &[u8] = b"\x0110=";

fn last_trade(exchange: &Exchange) -> u64 {
    exchange.fills(CLIENT).next_back().map_or(0, |fill| fill.trade_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fix_is_split_behind_each_checksum_and_no_byte_is_lost() {
        let stream = b"8=FIX.4.4\x0135=D\x0110=001\x018=FIX.4.4\x0135=F\x0110=254\x018=FIX.4";
        let pieces: Vec<&[u8]> = messages(stream).collect();
        assert_eq!(pieces.concat(), stream);
        assert_eq!(pieces.len(), 3);
        assert!(pieces[1].starts_with(b"8=FIX.4.4\x0135=F"));
        assert_eq!(messages(b"\x0110=0").collect::<Vec<_>>(), [b"\x0110=0"]);
    }
}
