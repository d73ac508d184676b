//! What the core tells of venues, and of events that should not occur, as lines of the log.
//!
//! A line belongs here if it makes a line of the log from a notice, at level `info` or above. The
//! read model's thread calls it; a replay at a start makes no lines.

use std::collections::{BTreeMap, BTreeSet};

use rutter_admin::model::{decimal, kind_word, pause_row, state_word, terms_text};
use rutter_admin::{PauseRow, ReadModel, VenueStatus};
use rutter_core::breaker::BreakerState;
use rutter_core::id::VenueId;
use rutter_core::number::{AMOUNT_DECIMALS, UnixNanos};
use rutter_core::output::{FeeState, Notice, Output};
use tracing::{info, warn};

/// Writes the lines, and remembers which pauses last.
#[derive(Debug, Default)]
pub struct NoticeLog {
    /// Venue, what, and of which listing or asset. At most one each: bounded by the reference data.
    paused: BTreeSet<(String, &'static str, Option<String>)>,
    /// The tier of each venue, whether its fees are taken in its token, and executions whose value
    /// was not known.
    fees: BTreeMap<VenueId, (u8, bool, u64)>,
}

impl NoticeLog {
    /// Tells of one output, which the model has taken already.
    pub fn tell(&mut self, output: &Output, now_ns: u64, model: &ReadModel) {
        let Output::Notice(notice) = output else { return };
        if let Some(row) = model.anomaly(notice) {
            warn!(
                kind = row.kind,
                venue = row.venue,
                order_id = row.order,
                trace_id =
                    row.trace.filter(|trace| *trace != 0).map(|trace| format!("{trace:016x}")),
                child_id = row.child,
                detail = row.text,
                "anomaly"
            );
        }
        match *notice {
            Notice::Breaker(venue, kind, state, until) => {
                let (venue, kind) = (model.venue_name(venue), kind_word(kind));
                let (word, for_ms) = (state_word(state), left_ms(until, now_ns));
                if state == BreakerState::Open {
                    warn!(venue, kind, state = word, for_ms, "circuit breaker");
                } else {
                    info!(venue, kind, state = word, for_ms, "circuit breaker");
                }
            }
            Notice::Fees(venue, state) => self.tell_fees(venue, state, model),
            Notice::Market(venue, instrument, status) => {
                let (venue, symbol) = (model.venue_name(venue), model.symbol_of(instrument));
                let status_word = status.word();
                if status.is_open() {
                    info!(venue, symbol, status = status_word, "market");
                } else {
                    warn!(venue, symbol, status = status_word, "market");
                }
            }
            Notice::Terms(terms) => {
                let (venue, symbol) =
                    (model.venue_name(terms.venue), model.symbol_of(terms.instrument));
                let differs = terms_text(terms.instrument, terms.venue, model.reference());
                if differs.is_empty() {
                    info!(venue, symbol, "the venue's filters are within the configuration");
                } else {
                    warn!(venue, symbol, differs, "the venue's filters are not as configured");
                }
            }
            // The end of a pause shows itself to `look`, like one that time ends.
            Notice::Paused(venue, what, until) if until > UnixNanos(0) => {
                let (venue, for_ms) = (model.venue_name(venue), left_ms(until, now_ns));
                let PauseRow { what, of, .. } = pause_row(what, until, model.reference());
                warn!(venue, what, of, for_ms, "venue paused");
                self.paused.insert((venue.to_owned(), what, of));
            }
            _ => {}
        }
    }

    /// Tells when a tier or a discount begins, and when executions begin not to be counted.
    fn tell_fees(&mut self, id: VenueId, state: FeeState, model: &ReadModel) {
        let FeeState { tier, in_token, volume, not_counted } = state;
        let before = self.fees.insert(id, (tier, in_token, not_counted));
        let (venue, volume) = (model.venue_name(id), decimal(volume.0, AMOUNT_DECIMALS));
        if before.map(|(tier, in_token, _)| (tier, in_token)) != Some((tier, in_token)) {
            info!(venue, tier, in_token, volume, "fees");
        }
        let was_counted = before.is_none_or(|(_, _, before)| before == 0);
        if not_counted > 0 && was_counted {
            warn!(venue, not_counted, "executions are not in the volume of the fee tiers");
        }
    }

    /// Tells of pauses that are over.
    pub fn look(&mut self, venues: &[VenueStatus]) {
        self.paused.retain(|(name, what, of)| {
            let venue = venues.iter().find(|venue| venue.name == *name);
            let mut pauses = venue.into_iter().flat_map(|venue| &venue.pauses);
            let lasts = pauses.any(|pause| (pause.what, &pause.of) == (*what, of));
            if !lasts {
                info!(venue = name, what, of, "venue pause over");
            }
            lasts
        });
    }
}

/// Time left, milliseconds; `None` for what has no end in time.
fn left_ms(until: UnixNanos, now_ns: u64) -> Option<u64> {
    (until > UnixNanos(0)).then(|| until.0.saturating_sub(now_ns) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::logs::json::JsonLine;
    use crate::watch::logs::kept::CapturedLogs;

    use rutter_admin::Sizes;
    use rutter_core::breaker::RequestKind;
    use rutter_core::id::{ChildId, ExecId, InstrumentId, OrderId, VenueId};
    use rutter_core::input::{ChildFill, Liquidity, Side};
    use rutter_core::number::{Amount, Price, Qty};
    use rutter_core::output::{ChildRef, Paused};
    use serde_json::Value;

    const NOW_NS: u64 = 1_000_000_000;

    /// The lines of some calls, as level, event and members.
    fn lines(calls: impl FnOnce(&mut NoticeLog, &ReadModel)) -> Vec<Value> {
        let kept = CapturedLogs::default();
        let subscriber =
            tracing_subscriber::fmt().event_format(JsonLine).with_writer(kept.clone()).finish();
        let model = ReadModel::new(Sizes { orders_log2: 0, children_log2: 0, events_log2: 0 });
        tracing::subscriber::with_default(subscriber, || calls(&mut NoticeLog::default(), &model));
        let text = String::from_utf8(kept.0.lock().expect("free").clone()).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn what_contradicts_an_operators_word_is_a_warning_with_order_and_child() {
        let (venue, child, instrument) = (VenueId(0), ChildId(4), InstrumentId(0));
        let of = ChildRef { venue, child, order: OrderId(9), trace: 7, instrument };
        let fill = ChildFill {
            venue,
            child,
            instrument,
            side: Side::Buy,
            exec: ExecId(1),
            qty: Qty(3),
            price: Price(5),
            fee: Amount::ZERO,
            fee_asset: rutter_core::id::AssetId(0),
            liquidity: Liquidity::Taker,
        };
        let told = lines(|log, model| {
            for notice in
                [Notice::Contradicted(of, Qty(2)), Notice::Reconciled(fill, Qty(3), Price(6))]
            {
                log.tell(&Output::Notice(notice), NOW_NS, model);
            }
        });
        let kinds: Vec<_> = told.iter().map(|line| (&line["level"], &line["kind"])).collect();
        let warn = Value::from("warn");
        assert_eq!(kinds, [(&warn, &"contradicted".into()), (&warn, &"reconciled".into())]);
        assert_eq!((&told[0]["order_id"], &told[0]["child_id"]), (&9.into(), &4.into()));
        assert_eq!(told[0]["detail"], "the venue tells 2 filled in all, booked are 0");
        assert_eq!(told[1]["detail"], "filled 3 @ 5: stays booked as stated, 3 @ 6, without fee");
    }

    #[test]
    fn fees_are_told_when_the_tier_or_the_discount_changes_and_not_with_each_volume() {
        let told = lines(|log, model| {
            let mut tell = |tier, in_token, volume: i128, not_counted| {
                let volume = Amount(volume * 1_000_000_000_000_000_000);
                let state = FeeState { tier, in_token, volume, not_counted };
                log.tell(&Output::Notice(Notice::Fees(VenueId(0), state)), NOW_NS, model);
            };
            tell(0, false, 5, 0);
            tell(0, false, 6, 0);
            tell(1, false, 7, 1);
            tell(1, true, 7, 2);
        });
        let shown: Vec<_> = told
            .iter()
            .map(|line| (line["level"].as_str(), line["tier"].as_u64(), line["volume"].as_str()))
            .collect();
        let (info, warn) = (Some("info"), Some("warn"));
        let expected = [
            (info, Some(0), Some("5")),
            (info, Some(1), Some("7")),
            (warn, None, None),
            (info, Some(1), Some("7")),
        ];
        assert_eq!(shown, expected, "{told:?}");
    }

    #[test]
    fn breakers_and_pauses_are_told_when_they_begin_and_when_they_end() {
        let until = UnixNanos(NOW_NS + 30_000_000_000);
        let breaker = |state, until| {
            Output::Notice(Notice::Breaker(VenueId(0), RequestKind::New, state, until))
        };
        let paused = |until| Output::Notice(Notice::Paused(VenueId(0), Paused::NewOrders, until));
        let mut venue = VenueStatus { name: "?".to_owned(), ..VenueStatus::default() };
        let pause = PauseRow { what: "new_orders", of: None, until_ns: until.0 };
        let told = lines(|log, model| {
            log.tell(&breaker(BreakerState::Open, until), NOW_NS, model);
            log.tell(&breaker(BreakerState::Closed, UnixNanos(0)), NOW_NS, model);
            log.tell(&paused(until), NOW_NS, model);
            venue.pauses = vec![pause];
            log.look(std::slice::from_ref(&venue));
            log.tell(&paused(UnixNanos(0)), NOW_NS, model);
            venue.pauses.clear();
            log.look(std::slice::from_ref(&venue));
            log.look(std::slice::from_ref(&venue));
        });
        let shown: Vec<String> = told
            .iter()
            .map(|line| {
                let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
                let (level, event, state) = (text("level"), text("event"), text("state"));
                format!("{level} {event} {} {state} {}", text("what"), line["for_ms"])
            })
            .collect();
        let expected = [
            "warn circuit breaker - open 30000",
            "info circuit breaker - closed null",
            "warn venue paused new_orders - 30000",
            "info venue pause over new_orders - null",
        ];
        assert_eq!(shown, expected);
    }
}
