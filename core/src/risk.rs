//! The checks of a new order and of a replace, in one fixed order, each with its [`Refusal`].
//!
//! A line belongs here if it refuses what would put quantity at risk. Cancels are not checked
//! here: a cancel lessens risk. What finds no venue after its acceptance is `routing`'s to say.
//!
//! The order of the checks is what clients see: a request that fails several checks is refused by
//! the first of them. A check reads, and changes nothing except that [`@R3`](CHECKS) counts the
//! request.

use crate::client_ids::{ClientIds, HashedId};
use crate::id::AccountId;
use crate::input::{
    AccountDef, AccountLimits, CharSet, Choice, Instructions, NewOrder, NoReference, Refusal, Side,
    TimeInForce,
};
use crate::number::{Amount, Notional, Price, Qty, UnixNanos};
use crate::order::{Order, OrderState};
use crate::rate::RateWindow;
use crate::reference::amount_of;
use crate::reference_price::{Found, ReferencePrice};
use crate::routing::{RoutingView, best_price, worse_by};
use crate::scopes::Scopes;
use crate::strategy::{
    self, BY_COST, BY_SCORE, REST_AT_BEST, REST_BY_SHARE, Strategy, StrategyTerms,
};
use crate::table::{Ring, Slot};
use crate::venue_set::VenueSet;

/// One second: the window of the accounts' request rate.
const RATE_WINDOW_NS: u64 = 1_000_000_000;

/// Execution instructions (FIX 18) that are carried out, or that hold for every order anyway.
const EXEC_INSTS: &[u8] = b"1HKQo";

/// Usage of an account's limits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AccountUsage {
    requests: RateWindow,
    /// Orders that are not over.
    pub open_orders: u32,
}

impl AccountUsage {
    /// Counts a new order, a replace or a cancel; false when it is beyond the limit per second.
    pub const fn count_request(&mut self, now: UnixNanos, rate_per_s: u32) -> bool {
        self.requests.count(now.0, RATE_WINDOW_NS) <= rate_per_s
    }
}

/// Which requests a check is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedFor {
    /// New orders and replaces.
    Both,
    /// New orders.
    New,
    /// Replaces.
    Replace,
}

impl CheckedFor {
    /// Whether a request is checked, by whether it is a replace.
    pub const fn includes(self, is_replace: bool) -> bool {
        match self {
            Self::Both => true,
            Self::New => !is_replace,
            Self::Replace => is_replace,
        }
    }
}

/// One row of [`CHECKS`].
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Names the row, such as `@R4`; rows are numbered in the order of the checks.
    pub label: &'static str,
    /// What has to be so for the request to pass.
    pub name: &'static str,
    /// Which requests are checked.
    pub checked_for: CheckedFor,
    /// The answers that the check gives to what it refuses.
    pub refusals: &'static [Refusal],
    /// Why the check is made, or why it is made at this place.
    pub reason: &'static str,
}

/// Writes the table of checks and the function that makes them, so that neither can be without the
/// other. The calls are direct: this is the path of every order.
macro_rules! checks {
    ($($label:literal $for:ident $name:ident: $($refusal:ident)|+, $reason:literal;)+) => {
        /// All checks in their order.
        pub const CHECKS: &[Check] = &[$(Check {
            label: $label,
            name: stringify!($name),
            checked_for: CheckedFor::$for,
            refusals: &[$(Refusal::$refusal),+],
            reason: $reason,
        }),+];

        /// Makes all checks of a request in their order.
        ///
        /// Returns [`Order::worst`].
        ///
        /// # Errors
        /// The refusal of the first check that fails.
        pub(crate) fn check(request: &mut Request<'_>) -> Result<Price, Refusal> {
            let is_replace = request.replaced.is_some();
            $(if CheckedFor::$for.includes(is_replace) {
                $name(request)?;
            })+
            Ok(request.worst)
        }
    };
}

checks! {
    "@R1" Both nothing_halts_it: Halted,
        "A halt comes before everything, also before the request is counted.";
    "@R2" Both session_may_trade: SessionDisabled | LoggedOut,
        "Who is shut out can neither see nor cancel what would be accepted now.";
    "@R3" Both rate_is_within_limit: RateExceeded,
        "Every other request counts, whatever becomes of it.";
    "@R4" Both id_is_unused: DuplicateClOrdId,
        "A repeated message must not become a second order, whatever else is wrong with it.";
    "@R5" Replace nothing_is_pending: AlreadyPending,
        "One request to change an order is under way at a time.";
    "@R6" Replace order_is_open: TooLateToCancel,
        "An order that is over cannot be changed.";
    "@R7" Replace only_quantity_and_price_change: NotReplaceable | WrongAccount,
        "Everything else would be another order, also one of the account that its session has now.";
    "@R8" Replace quantity_is_above_filled: BelowFilled,
        "What is filled cannot be taken back.";
    "@R9" New type_and_time_in_force_fit: UnsupportedType,
        "A market order has no price to wait at, so it does not outlive the day.";
    "@R10" New named_venue_is_known: UnknownVenue | VenueNotAllowed,
        "An instruction that cannot be followed is refused by name, never passed over.";
    "@R11" New exec_insts_are_carried_out: UnsupportedExecInst, "As @R10.";
    "@R12" New strategy_is_carried_out: UnsupportedStrategy | BadDeadline, "As @R10.";
    "@R13" New no_later_start_is_asked: UnsupportedSchedule, "As @R10.";
    "@R14" New expiry_fits_time_in_force: BadExpireTime,
        "A good-till-date order has an end in the future, and no other order has one.";
    "@R15" New minimum_quantity_fits: UnsupportedMinQty | BadQuantity,
        "Only an order that takes at once, or never, can keep a minimum.";
    "@R16" New no_display_quantity_is_asked: UnsupportedDisplayQty, "As @R10.";
    "@R17" New no_cash_quantity_is_asked: UnsupportedCashQty, "As @R10.";
    "@R18" Both instrument_is_known: UnknownSymbol,
        "The checks below look the instrument up.";
    "@R19" Both instrument_is_listed: NoVenue,
        "No venue lists the instrument, or none that is enabled.";
    "@R20" Both quantity_is_positive: BadQuantity,
        "The checks below multiply and divide by it.";
    "@R21" Both quantity_is_within_limit: QuantityTooLarge,
        "The instrument's largest single order.";
    "@R22" Both price_fits_type: BadPrice,
        "A limit order has a price above zero, and a market order has none.";
    "@R23" Both some_listing_takes_it: BadQuantity | BelowMinimum | BadPrice,
        "Lot, minimum and tick of one enabled listing; the refusal names the nearest miss.";
    "@R24" Both value_is_within_limit: NoVenue | NoReference | NotionalTooLarge,
        "A market order is valued at the reference price, so it needs one.";
    "@R25" Both price_is_within_collar: NoVenue | NoReference | PriceCollar,
        "A collar is measured from the reference price; without one, what takes nothing passes.";
    "@R26" New open_orders_are_within_limit: TooManyOpenOrders,
        "A replace opens no further order.";
    "@R27" Both position_only_shrinks: ReduceOnly,
        "Looks at all open orders while an operator allows reducing only, so it comes late.";
    "@R28" New a_slot_is_free: CapacityReached,
        "The last check: whatever passes it takes the slot.";
}

/// A new order, or an order as its replace wants it, with everything that the checks look at.
pub(crate) struct Request<'a> {
    /// The order as it is to be.
    pub new: &'a NewOrder,
    /// Its client's id.
    pub id: &'a HashedId,
    /// The account of its session.
    pub account: AccountId,
    /// Why its session may not trade now; [`Refusal::None`] if it may.
    pub shut_out: Refusal,
    /// The order that it replaces; `None` for a new order.
    pub replaced: Option<&'a Order>,
    /// What that order's strategy has to remember.
    pub replaced_terms: StrategyTerms,
    /// Reference data, books, venues, funds and the time.
    pub market: RoutingView<'a>,
    /// Where trading is halted.
    pub halts: &'a Scopes,
    /// Where only what reduces a position is taken.
    pub reduce_only: &'a Scopes,
    /// All orders.
    pub orders: &'a Ring<Order>,
    /// Their ids.
    pub ids: &'a ClientIds,
    /// What the account has used of its limits.
    pub usage: &'a mut AccountUsage,
    /// Venues that an operator has drained or halted.
    pub closed: VenueSet,
    /// Venues that are up and not silent.
    pub heard: VenueSet,
    /// Reference prices, by instrument.
    pub prices: &'a mut [ReferencePrice],
    /// What collar and value are measured from, once a check has asked for it.
    pub base: Option<Base>,
    /// The worst price at which the order may trade; zero until it is known.
    pub worst: Price,
}

/// What the collar and the value of an order are measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The reference price.
    Reference(Price),
    /// There is no reference price, and the order needs none: it takes nothing, or it reduces the
    /// position. The best price that the order would take.
    Best(Option<Price>),
    /// There is no reference price, and the order waits for one.
    Awaited,
}

impl<'a> Request<'a> {
    fn limits(&self) -> &'a AccountLimits {
        &self.market.reference.accounts[self.account.index()].limits
    }

    fn instructions(&self) -> &'a Instructions {
        &self.new.instructions
    }

    fn account_def(&self) -> &'a AccountDef {
        &self.market.reference.accounts[self.account.index()]
    }

    /// Venues that the account leaves out.
    fn denied(&self) -> VenueSet {
        self.market.reference.routing_of(self.account).denied
    }

    /// Venues that the order does not go to.
    fn barred(&self) -> VenueSet {
        let excluded = match self.replaced {
            Some(order) => order.excluded,
            None => self.instructions().only.map_or(VenueSet::EMPTY, VenueSet::all_but),
        };
        self.closed.union(excluded).union(self.denied())
    }

    /// What the order is measured from.
    fn base(&mut self) -> Result<Base, Refusal> {
        if let Some(base) = self.base {
            return Ok(base);
        }
        let (instrument, barred) = (self.new.instrument, self.barred());
        let price = &mut self.prices[instrument.index()];
        let counted = price.counted(self.market.reference, self.heard, instrument, barred);
        let terms = &self.market.reference.instrument_of(instrument).reference;
        let found = price.find(counted, terms, self.market.now);
        if barred == self.closed {
            price.remember(found, self.market.now);
        }
        let base = match found.price() {
            Some(price) => Base::Reference(price),
            None => self.without_reference(found, barred)?,
        };
        self.base = Some(base);
        Ok(base)
    }

    /// Whether the order can only shrink the position. The account's other open orders on that side
    /// count as if they were filled.
    fn only_reduces(&self) -> bool {
        let NewOrder { instrument, side, qty, .. } = *self.new;
        let (mut slot, mut open) = (0, 0);
        // Ends: each turn goes to a later slot.
        while let Some((next, order)) = self.orders.living_after(slot) {
            slot = next;
            let alike =
                (order.account, order.instrument, order.side) == (self.account, instrument, side);
            if alike && self.replaced.is_none_or(|replaced| replaced.id != order.id) {
                let becomes = match order.state() {
                    OrderState::PendingReplace => order.replacement.0.saturating_sub(order.filled),
                    _ => Qty::ZERO,
                };
                open += i128::from(order.leaves().0.max(becomes.0));
            }
        }
        let filled = self.replaced.map_or(0, |order| order.filled.0);
        let wanted = i128::from(qty.0) - i128::from(filled) + open;
        wanted <= self.market.ledger.reducible(self.account, instrument, side)
    }

    /// What becomes of an order while there is no reference price.
    fn without_reference(&self, found: Found, barred: VenueSet) -> Result<Base, Refusal> {
        let NewOrder { instrument, side, ord_type, price, tif, .. } = *self.new;
        let best = best_price(&self.market, instrument, side, barred);
        let nowhere = found == Found::NoVenue;
        if nowhere && best_price(&self.market, instrument, side, VenueSet::EMPTY).is_none() {
            return Err(Refusal::NoVenue);
        }
        let takes = !ord_type.has_limit() || best.is_some_and(|best| reaches(price, best, side));
        if !takes || best.is_some() && self.only_reduces() {
            return Ok(Base::Best(best));
        }
        let may_wait = self.account_def().no_reference == NoReference::Wait;
        if may_wait && tif.waits() && self.replaced.is_none() {
            return Ok(Base::Awaited);
        }
        Err(if nowhere { Refusal::NoVenue } else { Refusal::NoReference })
    }
}

/// The worst price within a collar, which is above zero.
pub fn collared(base: Price, side: Side, collar_ppm: u32) -> Price {
    worse_by(base, side, collar_ppm).max(Price(1))
}

/// Whether an order of that side and price would take a level at `best`.
pub(crate) fn reaches(price: Price, best: Price, side: Side) -> bool {
    match side {
        Side::Buy => price >= best,
        Side::Sell => price <= best,
    }
}

fn pass_if(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}

fn nothing_halts_it(r: &mut Request<'_>) -> Result<(), Refusal> {
    let (session, account, instrument) = match r.replaced {
        Some(order) => (order.session, order.account, order.instrument),
        None => (r.new.session, r.account, r.new.instrument),
    };
    pass_if(!r.halts.cover(session, account, instrument), Refusal::Halted)
}

fn session_may_trade(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(r.shut_out == Refusal::None, r.shut_out)
}

fn rate_is_within_limit(r: &mut Request<'_>) -> Result<(), Refusal> {
    let rate_per_s = r.limits().rate_per_s;
    pass_if(r.usage.count_request(r.market.now, rate_per_s), Refusal::RateExceeded)
}

fn id_is_unused(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(!r.ids.is_used(r.orders, r.id), Refusal::DuplicateClOrdId)
}

fn nothing_is_pending(r: &mut Request<'_>) -> Result<(), Refusal> {
    let pending = |order: &Order| {
        matches!(order.state(), OrderState::PendingCancel | OrderState::PendingReplace)
    };
    pass_if(!r.replaced.is_some_and(pending), Refusal::AlreadyPending)
}

fn order_is_open(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(!r.replaced.is_some_and(Slot::is_over), Refusal::TooLateToCancel)
}

fn only_quantity_and_price_change(r: &mut Request<'_>) -> Result<(), Refusal> {
    let Some(order) = r.replaced else { return Ok(()) };
    pass_if(order.account == r.account, Refusal::WrongAccount)?;
    pass_if(keeps_the_rest(r.new, order, r.replaced_terms), Refusal::NotReplaceable)
}

/// Whether a replace names the order's strategy. How an order chooses is compared apart.
fn is_same_strategy(number: u32, order: &Order) -> bool {
    matches!(number, BY_SCORE | BY_COST | REST_BY_SHARE | REST_AT_BEST)
        || Strategy::of_number(number) == Some(order.strategy)
}

/// True if a replace changes only quantity and price. A field that the replace leaves out stays
/// unchanged.
fn keeps_the_rest(new: &NewOrder, order: &Order, terms: StrategyTerms) -> bool {
    let instructions = &new.instructions;
    let same_expiry =
        instructions.expire_at == UnixNanos(0) || instructions.expire_at == order.expire_at;
    let same_venue =
        instructions.only.is_none_or(|venue| order.excluded == VenueSet::all_but(venue));
    let exec_inst = instructions.exec_inst;
    let same_exec_inst = exec_inst == CharSet::EMPTY
        || (exec_inst.has(b'o'), exec_inst.has(b'Q'))
            == (order.ends_with_connection, order.ends_with_failure);
    let same_choice = match (strategy::choice_asked(instructions), order.choice) {
        (Choice::ByScore, Choice::ByOwnScore) => true,
        (Choice::ByOwnScore, Choice::ByOwnScore) => instructions.weights == terms.weights,
        (asked, kept) => asked == kept,
    };
    let same_strategy = (instructions.strategy == 0 && instructions.weights.is_none()
        || is_same_strategy(instructions.strategy, order) && same_choice)
        && (instructions.min_qty == Qty::ZERO || instructions.min_qty == terms.min_qty)
        && (instructions.deadline == UnixNanos(0) || instructions.deadline == terms.deadline);
    // Every other instruction is absent, as it is from each order that was accepted.
    let only_these = Instructions {
        expire_at: instructions.expire_at,
        only: instructions.only,
        exec_inst,
        strategy: instructions.strategy,
        strategy_parameters: u8::from(instructions.deadline != UnixNanos(0)),
        deadline: instructions.deadline,
        weights: instructions.weights,
        min_qty: instructions.min_qty,
        ..Instructions::default()
    };
    new.instrument == order.instrument
        && new.side == order.side
        && new.ord_type == order.ord_type
        && new.tif == order.tif
        && same_expiry
        && same_venue
        && same_exec_inst
        && same_strategy
        && *instructions == only_these
}

fn quantity_is_above_filled(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(r.replaced.is_none_or(|order| r.new.qty > order.filled), Refusal::BelowFilled)
}

fn type_and_time_in_force_fit(r: &mut Request<'_>) -> Result<(), Refusal> {
    let outlives_the_day = matches!(r.new.tif, TimeInForce::Gtc | TimeInForce::Gtd);
    let fits = r.new.ord_type.has_limit() || !outlives_the_day;
    pass_if(fits, Refusal::UnsupportedType)
}

fn named_venue_is_known(r: &mut Request<'_>) -> Result<(), Refusal> {
    let venues = r.market.reference.venues.len();
    let known = r.instructions().only.is_none_or(|venue| venue.index() < venues);
    pass_if(known, Refusal::UnknownVenue)?;
    let denied = r.instructions().only.is_some_and(|venue| r.denied().has(venue));
    pass_if(!denied, Refusal::VenueNotAllowed)
}

fn exec_insts_are_carried_out(r: &mut Request<'_>) -> Result<(), Refusal> {
    let carried_out = r.instructions().exec_inst.is_within(EXEC_INSTS);
    pass_if(carried_out, Refusal::UnsupportedExecInst)
}

fn strategy_is_carried_out(r: &mut Request<'_>) -> Result<(), Refusal> {
    let i = r.instructions();
    // Nearly every order names none.
    if i.strategy == 0
        && i.strategy_parameters == 0
        && i.weights.is_none()
        && i.deadline == UnixNanos(0)
    {
        return Ok(());
    }
    let sound = i.weights.is_none_or(|all| i.strategy == BY_SCORE && all.is_whole());
    let strategy = Strategy::of_number(i.strategy);
    let can_rest = r.new.tif.waits() && r.new.ord_type.has_limit();
    let fits = match strategy {
        None => false,
        // It says where the order rests.
        Some(Strategy::Cross) if matches!(i.strategy, REST_BY_SHARE | REST_AT_BEST) => can_rest,
        Some(Strategy::Cross) => true,
        Some(Strategy::NearlyAll) => r.new.tif == TimeInForce::Ioc,
        Some(Strategy::Post | Strategy::Smart) => can_rest,
    };
    let parameters = u8::from(i.deadline != UnixNanos(0));
    let known = fits && sound && i.strategy_parameters == parameters;
    pass_if(known, Refusal::UnsupportedStrategy)?;
    let may = i.deadline == UnixNanos(0)
        || strategy == Some(Strategy::Smart) && i.deadline > r.market.now;
    pass_if(may, Refusal::BadDeadline)
}

fn no_later_start_is_asked(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(r.instructions().effective_at == UnixNanos(0), Refusal::UnsupportedSchedule)
}

fn expiry_fits_time_in_force(r: &mut Request<'_>) -> Result<(), Refusal> {
    let expire_at = r.instructions().expire_at;
    let fits = match r.new.tif {
        TimeInForce::Gtd => expire_at > r.market.now,
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => {
            expire_at == UnixNanos(0)
        }
    };
    pass_if(fits, Refusal::BadExpireTime)
}

fn minimum_quantity_fits(r: &mut Request<'_>) -> Result<(), Refusal> {
    let min_qty = r.instructions().min_qty;
    if min_qty == Qty::ZERO {
        return Ok(());
    }
    pass_if(r.new.tif == TimeInForce::Ioc, Refusal::UnsupportedMinQty)?;
    pass_if(min_qty > Qty::ZERO && min_qty <= r.new.qty, Refusal::BadQuantity)
}

fn no_display_quantity_is_asked(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(r.instructions().display_qty == Qty::ZERO, Refusal::UnsupportedDisplayQty)
}

fn no_cash_quantity_is_asked(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(r.instructions().cash_qty == Amount::ZERO, Refusal::UnsupportedCashQty)
}

fn instrument_is_known(r: &mut Request<'_>) -> Result<(), Refusal> {
    let known = r.new.instrument.index() < r.market.reference.instruments.len();
    pass_if(known, Refusal::UnknownSymbol)
}

fn instrument_is_listed(r: &mut Request<'_>) -> Result<(), Refusal> {
    let denied = r.denied();
    let mut listings = r.market.reference.listings(r.new.instrument);
    let listed = listings.any(|listing| listing.enabled && !denied.has(listing.venue));
    pass_if(listed, Refusal::NoVenue)
}

fn quantity_is_positive(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(r.new.qty > Qty::ZERO, Refusal::BadQuantity)
}

fn quantity_is_within_limit(r: &mut Request<'_>) -> Result<(), Refusal> {
    let limit = r.market.reference.instrument_of(r.new.instrument).order_qty_max;
    pass_if(r.new.qty <= limit, Refusal::QuantityTooLarge)
}

fn price_fits_type(r: &mut Request<'_>) -> Result<(), Refusal> {
    let price = r.new.price.0;
    pass_if(if r.new.ord_type.has_limit() { price > 0 } else { price == 0 }, Refusal::BadPrice)
}

fn some_listing_takes_it(r: &mut Request<'_>) -> Result<(), Refusal> {
    let mut refusal = Refusal::BadQuantity;
    let denied = r.denied();
    let listings = r.market.reference.listings(r.new.instrument);
    for listing in listings.filter(|listing| listing.enabled && !denied.has(listing.venue)) {
        if r.new.qty.floor_to(listing.lot) != r.new.qty {
            continue;
        }
        if refusal == Refusal::BadQuantity {
            refusal = Refusal::BelowMinimum;
        }
        if r.new.qty < listing.qty_min {
            continue;
        }
        refusal = Refusal::BadPrice;
        if !r.new.ord_type.has_limit() || listing.ticks.takes(r.new.price) {
            return Ok(());
        }
    }
    Err(refusal)
}

fn value_is_within_limit(r: &mut Request<'_>) -> Result<(), Refusal> {
    let price = if r.new.ord_type.has_limit() {
        r.new.price
    } else {
        match r.base()? {
            Base::Reference(price) | Base::Best(Some(price)) => price,
            // The value is checked when the reference price is there.
            Base::Awaited | Base::Best(None) => return Ok(()),
        }
    };
    let def = r.market.reference.instrument_of(r.new.instrument);
    let value = amount_of(def, Notional::of(price, r.new.qty));
    pass_if(value <= r.limits().notional_max, Refusal::NotionalTooLarge)
}

fn price_is_within_collar(r: &mut Request<'_>) -> Result<(), Refusal> {
    let (side, price, has_limit) = (r.new.side, r.new.price, r.new.ord_type.has_limit());
    let base = match r.base()? {
        Base::Reference(base) => base,
        Base::Awaited => return Ok(()),
        Base::Best(_) if has_limit => {
            r.worst = price;
            return Ok(());
        }
        Base::Best(best) => best.ok_or(Refusal::NoVenue)?,
    };
    let worst = collared(base, side, r.limits().collar_ppm);
    // A replaced market order keeps the limit of its arrival.
    let kept = r.replaced.map(|order| order.worst).filter(|worst| worst.0 > 0);
    r.worst = if has_limit { price } else { kept.unwrap_or(worst) };
    pass_if(!has_limit || reaches(worst, price, side), Refusal::PriceCollar)
}

fn open_orders_are_within_limit(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(r.usage.open_orders < r.limits().open_orders_max, Refusal::TooManyOpenOrders)
}

fn position_only_shrinks(r: &mut Request<'_>) -> Result<(), Refusal> {
    let covered = r.reduce_only.cover(r.new.session, r.account, r.new.instrument);
    pass_if(!covered || r.only_reduces(), Refusal::ReduceOnly)
}

fn a_slot_is_free(r: &mut Request<'_>) -> Result<(), Refusal> {
    pass_if(!r.orders.is_full(), Refusal::CapacityReached)
}
