//! Which tier of its fees a venue charges by now, and whether it takes them in its token.
//!
//! A line belongs here if it counts what we trade at a venue, or says when fees change. Which fees
//! follow is `reference::fees`; the window of 30 days is `volume`.

use super::{Engine, Out};
use crate::id::{AssetId, VenueId};
use crate::input::{ChildFill, Input};
use crate::number::{Amount, Notional, Price, UnixNanos};
use crate::output::{FeeState, Notice, Sink};
use crate::reference::{amount_of, base_amount, ten_to};
use crate::volume::{DAY_NS, Volume, day_of};

/// A changed volume is told so often at most, in nanoseconds.
pub const VOLUME_TOLD_EVERY_NS: u64 = 1_000_000_000;

/// A discount that has ended begins again at so many per cent of the token's least balance. A
/// balance near the least would otherwise end it and begin it again with each execution.
pub const TOKEN_BACK_PERCENT: i128 = 110;

/// The engine's state of one venue's fees.
#[derive(Clone, Debug, Default)]
pub(super) struct FeeCount {
    /// The asset that the volume is in; `None` while the fees do not depend on the volume.
    asset: Option<AssetId>,
    volume: Volume,
    not_counted: u64,
    /// The discount for the token has held and has ended.
    has_ended: bool,
    /// What was told last; `None` if nothing was.
    told: Option<FeeState>,
    told_at: UnixNanos,
}

impl Engine {
    /// Takes a definition that fees depend on. The reference data has taken it already.
    pub(super) fn on_fees_defined<S: Sink>(&mut self, input: &Input, out: &mut Out<'_, S>) {
        self.fee_counts.resize(self.reference.venues.len(), FeeCount::default());
        let venue = match input {
            Input::FeeSchedule(def) => def.venue,
            Input::FeeTier(def) => def.venue,
            _ => return,
        };
        let Some(fees) = self.reference.fees_at(venue) else { return };
        let count = &mut self.fee_counts[venue.index()];
        let schedule = fees.schedule;
        if schedule.is_none() {
            *count = FeeCount::default();
            self.fees_watched.remove(venue);
            return;
        }
        if !fees.is_whole() {
            return;
        }
        let asset = (schedule.tiers > 0).then_some(schedule.asset);
        if count.asset != asset {
            // What was counted in another asset says nothing in this one.
            *count = FeeCount { asset, ..FeeCount::default() };
        }
        count.volume.state(schedule.volume, u64::from(schedule.from_day));
        // The terms may be others.
        count.has_ended = false;
        self.fees_watched.insert(venue);
        self.judge_fees(venue, out);
    }

    /// Tells what a fee is worth in the quote asset that a venue with a token has taken in neither
    /// of the instrument's assets.
    pub(super) fn tell_fee_value<S: Sink>(&self, fill: &ChildFill, out: &mut Out<'_, S>) {
        let def = self.reference.instrument_of(fill.instrument);
        let schedule = self.reference.fees_at(fill.venue).map(|fees| &fees.schedule);
        let has_token = schedule.is_some_and(|schedule| schedule.token.is_some());
        if !has_token || fill.fee_asset == def.quote || fill.fee_asset == def.base {
            return;
        }
        if let Some(value) = self.converted(fill.fee, fill.fee_asset, def.quote) {
            out.notice(Notice::FeeValue(fill.exec, value));
        }
    }

    /// Counts an execution that has been booked.
    pub(super) fn count_volume<S: Sink>(&mut self, fill: &ChildFill, out: &mut Out<'_, S>) {
        if let Some(asset) = self.fee_counts[fill.venue.index()].asset {
            let value = self.value_in(fill, asset);
            let count = &mut self.fee_counts[fill.venue.index()];
            match value {
                Some(value) => count.volume.add(day_of(self.now), value),
                None => count.not_counted += 1,
            }
        }
        self.judge_fees(fill.venue, out);
    }

    /// The value of an execution in an asset: that of the quote asset, or else that of the base
    /// asset, by the reference price between the two at this moment.
    fn value_in(&self, fill: &ChildFill, asset: AssetId) -> Option<Amount> {
        let def = self.reference.instrument_of(fill.instrument);
        let value = amount_of(def, Notional::of(fill.price, fill.qty));
        let by_quote = self.converted(value, def.quote, asset);
        by_quote.or_else(|| self.converted(base_amount(def, fill.qty), def.base, asset))
    }

    /// An amount of one asset in another one, by the reference price of the instrument between them
    /// at this moment, rounded toward zero. `None` if there is no such instrument or price.
    fn converted(&self, amount: Amount, from: AssetId, to: AssetId) -> Option<Amount> {
        if from == to {
            return Some(amount);
        }
        let (instrument, is_inverse) = self.reference.pair(from, to)?;
        let price = self.reference_price(instrument).filter(|price| price.0 > 0)?;
        let def = self.reference.instrument_of(instrument);
        by_price(amount, price, u32::from(def.price_decimals), is_inverse)
    }

    /// Finds the tier and the discount that hold at a venue now, and tells what has changed.
    pub(super) fn judge_fees<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        let Some(fees) = self.reference.fees_at(venue).filter(|fees| fees.is_whole()) else {
            return;
        };
        let count = &mut self.fee_counts[venue.index()];
        let volume = match count.asset {
            Some(_) => count.volume.total(day_of(self.now)),
            None => Amount::ZERO,
        };
        let in_token = fees.schedule.token.is_some_and(|token| {
            let percent = if count.has_ended { TOKEN_BACK_PERCENT } else { 100 };
            let total = self.ledger.funds(venue, token.asset).total;
            total >= percent_of(token.least, percent)
        });
        count.has_ended = !in_token && (count.has_ended || fees.in_token);
        let state = FeeState {
            tier: fees.tier_for(volume),
            in_token,
            volume,
            not_counted: count.not_counted,
        };
        let held = |of: FeeState| (of.tier, of.in_token);
        let changed = count.told.map(held) != Some(held(state));
        if changed || (count.told != Some(state) && self.now >= tell_at(count)) {
            (count.told, count.told_at) = (Some(state), self.now);
            out.notice(Notice::Fees(venue, state));
        }
        let due = if count.told == Some(state) { next_day(self.now) } else { tell_at(count) };
        self.fees_due = self.fees_due.min(due);
        if changed {
            self.reference.hold_fees(venue, state.tier, state.in_token);
            // Plans that sent nothing may send something now. Where orders rest is looked at by
            // time.
            self.wake_for_venues();
        }
    }

    /// A day has begun, or a changed volume is to be told.
    #[inline]
    pub(super) fn look_at_fees<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.now >= self.fees_due {
            self.judge_all_fees(out);
        }
    }

    fn judge_all_fees<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        self.fees_due = UnixNanos(u64::MAX);
        for index in 0..self.venues.len() {
            let venue = VenueId(index as u8);
            if self.fees_watched.has(venue) {
                self.judge_fees(venue, out);
            }
        }
    }
}

/// So many per cent of an amount, rounded up.
const fn percent_of(amount: Amount, percent: i128) -> Amount {
    // In two parts, so that no product overflows: an amount is far below a hundredth of the type.
    Amount((amount.0 / 100).saturating_mul(percent) + ((amount.0 % 100) * percent + 99) / 100)
}

/// When a changed volume may be told.
const fn tell_at(count: &FeeCount) -> UnixNanos {
    UnixNanos(count.told_at.0.saturating_add(VOLUME_TOLD_EVERY_NS))
}

/// The begin of the day after a time.
const fn next_day(time: UnixNanos) -> UnixNanos {
    UnixNanos((day_of(time) + 1) * DAY_NS)
}

/// An amount times a price, or through it, rounded toward zero. `None` if the result does not fit.
fn by_price(amount: Amount, price: Price, decimals: u32, is_inverse: bool) -> Option<Amount> {
    let (price, unit) = (i128::from(price.0), ten_to(decimals));
    let (by, through) = if is_inverse { (unit, price) } else { (price, unit) };
    // In two parts: the rest is below the divisor, so that its product fits.
    let (whole, rest) = (amount.0 / through, amount.0 % through);
    whole.checked_mul(by)?.checked_add(rest * by / through).map(Amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: i128 = 1_000_000_000_000_000_000;

    #[test]
    fn an_amount_is_turned_by_a_price_both_ways_and_never_overflows() {
        let amount = Amount(3 * UNIT);
        assert_eq!(by_price(amount, Price(25_050), 2, false), Some(Amount(UNIT * 7_515 / 10)));
        assert_eq!(by_price(Amount(501 * UNIT), Price(25_050), 2, true), Some(Amount(2 * UNIT)));
        assert_eq!(by_price(Amount(-UNIT), Price(3), 0, true), Some(Amount(-UNIT / 3)));
        let (most, price) = (Amount(i128::MAX), Price(i64::MAX));
        assert_eq!(by_price(most, price, 0, false), None);
        assert!(by_price(most, price, 18, false).is_none());
        assert!(by_price(Amount(i128::MAX / 4), Price(1), 18, false).is_some());
        assert!(by_price(Amount(i64::MAX.into()), price, 18, false).is_some());
    }
}
