//! The venue's messages as inputs of the core.
//!
//! A line belongs here if it turns a message into inputs, or keeps facts that this needs. The life
//! of the link is `machine`; questions over REST are `reconcile`.
//!
//! Merging is monotone: every fill is told; acceptance and end are told at most once; after the end
//! only fills are told.

use std::collections::BTreeMap;

use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueOrderId};
use rutter_core::input::{ChildFill, Doubt, Ending, Input, Liquidity, Side, VenueReject};
use rutter_core::number::{Amount, Qty};
use rutter_transport::machine::Outbox;
use rutter_transport::refusals::{Refusals, Refused};
use rutter_transport::secret::Secret;
use rutter_transport::unread::Unread;
use serde_json::value::RawValue;

use super::children::{Children, End, Request, Wait, Waits};
use super::message::{self, AssetOnly, Balance, Envelope, Execution, OrderResult, Owner, digits};
use super::status::Counters;
use crate::answers::Verdict;
use crate::decimal::DecimalError;
use crate::kraken::config::KrakenConfig;
use crate::kraken::ids;
use crate::kraken::reject::{cancel_verdict, retry_after_ns, verdict};
use crate::listing::{Assets, Listing, Listings, amount};

/// Why the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The message is not JSON, or has another shape than documented.
    #[error("message of another shape than documented")]
    Shape,
    /// A number does not fit the instrument's decimals.
    #[error(transparent)]
    Number(#[from] DecimalError),
    /// A message of the `executions` channel is missing.
    #[error("gap in the executions")]
    Gap,
    /// The venue refuses our token or key. The text is in the ledger.
    #[error("session refused")]
    Session,
}

impl From<serde_json::Error> for Broken {
    fn from(_: serde_json::Error) -> Self {
        Self::Shape
    }
}

/// Everything known of orders and balances. The state of the link is the machine's.
#[derive(Debug)]
pub(super) struct Ledger {
    pub config: KrakenConfig,
    pub listings: Listings,
    pub assets: Assets,
    /// The asset of a zero fee when the venue names no listed asset.
    pub fallback_asset: AssetId,
    pub children: Children,
    pub waits: Waits,
    pub counters: Counters,
    /// The venue's text with which it refused our session or a subscription.
    pub refusal: String,
    /// What the venue said about the orders and cancels that it refused.
    pub refusals: Refusals,
    /// What could not be read.
    pub unread: Unread,
    /// The WebSocket token; empty before the first one.
    pub token: Secret,
    /// Balances that the stream has told since all balances were last asked for.
    pub balances: BTreeMap<AssetId, Amount>,
    /// The venue has taken an order since this was last looked at.
    pub has_taken: bool,
}

/// The name of the asset that an instrument is priced in.
fn quote_name(symbol: &str) -> &str {
    symbol.split_once('/').map_or("", |(_, quote)| quote)
}

impl Ledger {
    /// The child of a client id: 32 hex digits, with or without the hyphens of a UUID.
    pub fn child(&self, cl_ord_id: &str) -> Option<ChildId> {
        let tag = self.config.node_tag;
        if cl_ord_id.len() == 36 {
            let bare: Vec<u8> = cl_ord_id.bytes().filter(|b| *b != b'-').collect();
            return ids::parse(tag, &bare);
        }
        ids::parse(tag, cl_ord_id.as_bytes())
    }

    /// The asset in which an instrument is priced.
    pub fn quote(&self, listing: &Listing) -> AssetId {
        self.assets.name(quote_name(&listing.symbol).as_bytes()).unwrap_or(self.fallback_asset)
    }

    /// The entries of one message of the `executions` channel.
    pub fn executions(
        &mut self,
        envelope: &Envelope<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        let data = envelope.data.ok_or(Broken::Shape)?;
        let entries: Vec<&RawValue> = serde_json::from_str(data.get())?;
        for raw in entries {
            let entry = serde_json::from_str::<Execution<'_>>(raw.get()).map_err(Broken::from);
            let is_snapshot = envelope.kind == "snapshot";
            let read = entry.and_then(|entry| self.execution(&entry, is_snapshot, out));
            if let Err(broken) = read {
                self.unreadable(raw, broken, out);
            }
        }
        Ok(())
    }

    /// Keeps what could not be read.
    pub fn keep_unread(&mut self, what: &str, raw: &str) {
        let secrets = [self.config.api_key.expose(), self.token.expose()];
        self.unread.add(what, raw, &secrets);
    }

    /// An entry cannot be read. It may be an execution, so the order is in doubt until the venue
    /// has answered about it. If the entry does not even say whose it is, all our open orders are.
    fn unreadable(&mut self, raw: &RawValue, broken: Broken, out: &mut Outbox<Input>) {
        self.keep_unread(&broken.to_string(), raw.get());
        let owner = serde_json::from_str::<Owner<'_>>(raw.get()).unwrap_or_default();
        let order = message::order_id(&owner.order_id);
        let (venue, doubt) = (self.config.venue, Doubt::VenueUnsure);
        let known = match order {
            _ if !owner.cl_ord_id.is_empty() => self.child(&owner.cl_ord_id),
            Some(order) => self.children.of_order(order),
            None => {
                for (child, _) in self.children.live() {
                    out.emit(Input::ChildInDoubt { venue, child, doubt });
                }
                return;
            }
        };
        match known {
            Some(child) => {
                if let Some(order) = order {
                    self.children.join(child, order);
                }
                out.emit(Input::ChildInDoubt { venue, child, doubt });
            }
            None => self.counters.not_ours += 1,
        }
    }

    fn execution(
        &mut self,
        execution: &Execution<'_>,
        snapshot: bool,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        let order = message::order_id(&execution.order_id).ok_or(Broken::Shape)?;
        let child = if execution.cl_ord_id.is_empty() {
            self.children.of_order(order)
        } else {
            self.child(&execution.cl_ord_id)
        };
        let Some(child) = child else {
            self.counters.not_ours += 1;
            return Ok(());
        };
        let listing = if execution.symbol.is_empty() {
            let entry = self.children.get(child);
            entry.and_then(|entry| self.listings.instrument(entry.instrument))
        } else {
            self.listings.symbol(execution.symbol.as_bytes())
        };
        let Some(listing) = listing.cloned() else {
            self.counters.unlisted += 1;
            return Ok(());
        };
        self.note(execution, child, order, &listing)?;
        match execution.exec_type.as_ref() {
            "trade" => {
                self.accepted(child, out);
                let fill = self.fill(execution, child, &listing)?;
                out.emit(Input::ChildFill(fill));
                if execution.order_status == "filled" {
                    self.ended(child, Ending::Canceled, out);
                }
            }
            "filled" => self.ended(child, Ending::Canceled, out),
            "canceled" => {
                let ioc = self.children.get(child).is_some_and(|e| e.ioc && !e.cancel_asked);
                self.ended(child, canceled(ioc, &execution.reason), out);
            }
            "expired" => self.ended(child, Ending::Expired, out),
            // The venue's matching engine may still refuse the order.
            "pending_new" => {}
            _ if snapshot => self.set_accepted(child),
            "new" => self.accepted(child, out),
            "amended" | "restated" => self.amended(child, out),
            "iceberg_refill" | "status" => {}
            _ => self.counters.ignored += 1,
        }
        Ok(())
    }

    /// Keeps the facts that any entry may tell of a child.
    fn note(
        &mut self,
        execution: &Execution<'_>,
        child: ChildId,
        order: VenueOrderId,
        listing: &Listing,
    ) -> Result<(), Broken> {
        let cumulative = match execution.cum_qty {
            Some(raw) => listing.qty(digits(raw))?,
            None => Qty::ZERO,
        };
        let ordered = match execution.order_qty {
            Some(raw) => listing.qty(digits(raw))?,
            None => Qty::ZERO,
        };
        let Some(entry) = self.children.known(child, listing.instrument) else {
            self.counters.children_dropped += 1;
            return Ok(());
        };
        entry.filled = entry.filled.max(cumulative);
        if ordered > Qty::ZERO {
            entry.shown_qty = ordered;
        }
        entry.ioc |= execution.time_in_force.eq_ignore_ascii_case("ioc");
        match execution.side.as_ref() {
            "buy" => entry.side = Some(Side::Buy),
            "sell" => entry.side = Some(Side::Sell),
            _ => {}
        }
        self.children.join(child, order);
        Ok(())
    }

    fn fill(
        &mut self,
        execution: &Execution<'_>,
        child: ChildId,
        listing: &Listing,
    ) -> Result<ChildFill, Broken> {
        let (Some(qty), Some(price)) = (execution.last_qty, execution.last_price) else {
            return Err(Broken::Shape);
        };
        let side = self.children.get(child).and_then(|entry| entry.side).ok_or(Broken::Shape)?;
        let (fee, fee_asset) = self.fee(execution, listing)?;
        let liquidity = match execution.liquidity_ind.as_ref() {
            "m" => Liquidity::Maker,
            "t" => Liquidity::Taker,
            other => {
                // Only the comparison of fees needs it, and the taker's fee is the larger.
                self.keep_unread("a trade without maker or taker counts as taker", other);
                Liquidity::Taker
            }
        };
        Ok(ChildFill {
            venue: self.config.venue,
            child,
            instrument: listing.instrument,
            side,
            exec: ExecId::from_text(execution.exec_id.as_bytes()).ok_or(Broken::Shape)?,
            qty: listing.qty(digits(qty))?,
            price: listing.price(digits(price))?,
            fee,
            fee_asset,
            liquidity,
        })
    }

    /// The fee of a trade. Several fees in one asset are added. The core books one asset a fill, so
    /// of fees in several assets the first asset counts, and the others go into a counter.
    fn fee(
        &mut self,
        execution: &Execution<'_>,
        listing: &Listing,
    ) -> Result<(Amount, AssetId), Broken> {
        let mut total: Option<(Amount, AssetId)> = None;
        for fee in &execution.fees {
            let part = amount(digits(fee.qty))?;
            let Some(asset) = self.assets.name(fee.asset.as_bytes()) else {
                self.counters.unknown_fee_assets += 1;
                continue;
            };
            match &mut total {
                None => total = Some((part, asset)),
                Some((sum, of)) if *of == asset => *sum = sum.plus(part),
                Some(_) => {
                    self.counters.unknown_fee_assets += 1;
                    let raw = format!("{} {}", fee.qty.get(), fee.asset);
                    self.keep_unread("a fee in a second asset is not booked", &raw);
                }
            }
        }
        Ok(total.unwrap_or((Amount::ZERO, self.quote(listing))))
    }

    fn set_accepted(&mut self, child: ChildId) {
        if let Some(entry) = self.children.get_mut(child) {
            entry.accepted = true;
        }
    }

    /// The venue has the order. Tells the core if that is new, and awaits the answer no longer.
    fn accepted(&mut self, child: ChildId, out: &mut Outbox<Input>) {
        let Some(entry) = self.children.get_mut(child) else { return };
        let answer = entry.new_req.take();
        let news = !entry.accepted && entry.end.is_none();
        entry.accepted |= news;
        let venue_order = entry.order;
        if let Some(req_id) = answer {
            self.waits.take(req_id);
        }
        if news {
            self.has_taken = true;
            out.emit(Input::ChildAccepted { venue: self.config.venue, child, venue_order });
        }
    }

    /// The stream tells that the order has another quantity. Tells the core if that is new, and
    /// awaits the answer no longer if it is the quantity that was asked for.
    fn amended(&mut self, child: ChildId, out: &mut Outbox<Input>) {
        let Some(entry) = self.children.get_mut(child) else { return };
        // A larger quantity than ours is the answer to an amend of somebody else.
        let shows_ours = !entry.shown_qty.is_zero() && entry.shown_qty <= entry.amend_to;
        if let Some(req_id) = entry.amend_req.take_if(|_| shows_ours) {
            self.waits.take(req_id);
        }
        let qty = entry.news_of_qty();
        if !qty.is_zero() && entry.end.is_none() {
            entry.qty = qty;
            out.emit(Input::ChildAmended { venue: self.config.venue, child, qty });
        }
    }

    /// The order is over. Tells the core if that is new, and awaits its answers no longer.
    fn ended(&mut self, child: ChildId, how: Ending, out: &mut Outbox<Input>) {
        let Some(entry) = self.children.get_mut(child) else { return };
        let answers = [entry.new_req.take(), entry.cancel_req.take(), entry.amend_req.take()];
        let (filled, news) = (entry.filled, entry.end.is_none());
        for req_id in answers.into_iter().flatten() {
            self.waits.take(req_id);
        }
        if news {
            self.children.end(child, End { how, filled });
            out.emit(Input::ChildDone { venue: self.config.venue, child, how, filled });
        }
    }

    /// The answer to an order, a cancel or an amend.
    pub fn answer(
        &mut self,
        now_ns: u64,
        envelope: &Envelope<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), Broken> {
        if self.is_amended(envelope) {
            // The order has the quantity, or is over. Only the stream tells which, after the fills.
            return Ok(());
        }
        let Some(wait) = envelope.req_id.and_then(|req_id| self.waits.take(req_id)) else {
            // The answer is late or repeated, or the executions have settled the request before.
            self.counters.ignored += 1;
            return Ok(());
        };
        self.answered(&wait);
        if envelope.success.unwrap_or(false) {
            if wait.request == Request::New {
                self.new_taken(wait.child, envelope.result, out);
            }
            return Ok(());
        }
        self.counters.refusals += 1;
        let venue = self.config.venue;
        let child = wait.child;
        let Some(entry) = self.children.get(child) else { return Ok(()) };
        if entry.end.is_some() || (wait.request == Request::New && entry.accepted) {
            return Ok(());
        }
        self.keep_refusal(&wait, &envelope.error);
        let verdict = match wait.request {
            Request::New => verdict(&envelope.error),
            Request::Cancel | Request::Amend => cancel_verdict(&envelope.error),
        };
        let reason = match verdict {
            Verdict::Refused(reason) => reason,
            Verdict::Session => VenueReject::Other,
            Verdict::Unsure => {
                if let Some(entry) = self.children.get_mut(child) {
                    entry.doubted_ns = Some(now_ns);
                }
                let doubt = Doubt::VenueUnsure;
                out.emit(Input::ChildInDoubt { venue, child, doubt });
                return Ok(());
            }
        };
        let retry_after_ns = match reason {
            VenueReject::RateLimit => retry_after_ns(&envelope.error, now_ns),
            _ => 0,
        };
        match wait.request {
            Request::New => {
                self.children.end(child, End { how: Ending::Canceled, filled: Qty::ZERO });
                out.emit(Input::ChildRejected { venue, child, reason, retry_after_ns });
            }
            Request::Cancel => {
                out.emit(Input::CancelRejected { venue, child, reason, retry_after_ns });
            }
            Request::Amend => out.emit(Input::AmendRejected { venue, child, reason }),
        }
        if verdict == Verdict::Session {
            self.refusal = envelope.error.to_string();
            return Err(Broken::Session);
        }
        Ok(())
    }

    /// Keeps the venue's words about a refused request.
    fn keep_refusal(&mut self, wait: &Wait, text: &str) {
        let refused = match wait.request {
            Request::New => Refused::New,
            Request::Cancel => Refused::Cancel,
            Request::Amend => Refused::Amend,
        };
        let secrets = [self.config.api_key.expose(), self.token.expose()];
        self.refusals.add(wait.child.0, refused, text, &secrets);
    }

    /// Whether this is the good answer to an amend that the stream has not told yet.
    fn is_amended(&self, envelope: &Envelope<'_>) -> bool {
        let wait = envelope.req_id.and_then(|req_id| self.waits.get(req_id));
        envelope.success == Some(true) && wait.is_some_and(|wait| wait.request == Request::Amend)
    }

    fn answered(&mut self, wait: &Wait) {
        let Some(entry) = self.children.get_mut(wait.child) else { return };
        let slot = match wait.request {
            Request::New => &mut entry.new_req,
            Request::Cancel => &mut entry.cancel_req,
            Request::Amend => &mut entry.amend_req,
        };
        if *slot == Some(wait.req_id) {
            *slot = None;
        }
    }

    /// The venue has taken an order, by its answer.
    fn new_taken(&mut self, child: ChildId, result: Option<&RawValue>, out: &mut Outbox<Input>) {
        let raw = result.map_or("no result", RawValue::get);
        let taken = serde_json::from_str::<OrderResult<'_>>(raw);
        let order = taken.ok().and_then(|taken| message::order_id(&taken.order_id));
        if let Some(order) = order {
            self.children.join(child, order);
            self.accepted(child, out);
            return;
        }
        // An acceptance without the order's id is not believed.
        self.keep_unread("an answer without the order's id", raw);
        let (venue, doubt) = (self.config.venue, Doubt::VenueUnsure);
        out.emit(Input::ChildInDoubt { venue, child, doubt });
    }

    /// An answer did not arrive in time.
    pub fn unanswered(&mut self, wait: &Wait, out: &mut Outbox<Input>) {
        self.answered(wait);
        let entry = self.children.get(wait.child);
        let accepted = wait.request == Request::New && entry.is_some_and(|entry| entry.accepted);
        if accepted || entry.is_some_and(|entry| entry.end.is_some()) {
            return;
        }
        self.counters.unanswered += 1;
        let (venue, child) = (self.config.venue, wait.child);
        out.emit(Input::ChildInDoubt { venue, child, doubt: Doubt::NoAnswer });
    }

    /// The entries of one message of the `balances` channel. `tell`: the core is told at once.
    /// Returns whether all entries could be read; the balances of the others are to be asked for.
    pub fn balances(
        &mut self,
        envelope: &Envelope<'_>,
        tell: bool,
        out: &mut Outbox<Input>,
    ) -> Result<bool, Broken> {
        let data = envelope.data.ok_or(Broken::Shape)?;
        let entries: Vec<&RawValue> = serde_json::from_str(data.get())?;
        let mut are_all_read = true;
        for raw in entries {
            match self.balance(raw) {
                Ok(None) => {}
                Ok(Some((asset, total))) => {
                    self.balances.insert(asset, total);
                    if tell {
                        out.emit(Input::Balance { venue: self.config.venue, asset, total });
                    }
                }
                Err(broken) => {
                    are_all_read = false;
                    self.keep_unread(&broken.to_string(), raw.get());
                }
            }
        }
        Ok(are_all_read)
    }

    /// The balance that an entry tells; `None` if it is of another asset or wallet.
    fn balance(&self, raw: &RawValue) -> Result<Option<(AssetId, Amount)>, Broken> {
        let of: AssetOnly<'_> = serde_json::from_str(raw.get())?;
        let Some(asset) = self.assets.name(of.asset.as_bytes()) else { return Ok(None) };
        let entry: Balance<'_> = serde_json::from_str(raw.get())?;
        if is_spot(&entry.wallet_type) { Ok(Some((asset, spot_total(&entry)?))) } else { Ok(None) }
    }

    /// The listing of an instrument, by the core's id.
    pub fn listing(&self, instrument: InstrumentId) -> Option<&Listing> {
        self.listings.instrument(instrument)
    }
}

fn is_spot(wallet: &str) -> bool {
    wallet.is_empty() || wallet == "spot"
}

/// The sum of the wallets for spot trading; the whole balance when no wallets are told.
fn spot_total(entry: &Balance<'_>) -> Result<Amount, Broken> {
    if entry.wallets.is_empty() {
        return Ok(amount(digits(entry.balance))?);
    }
    let mut total = Amount::ZERO;
    for wallet in entry.wallets.iter().filter(|wallet| is_spot(&wallet.kind)) {
        total = total.plus(amount(digits(wallet.balance))?);
    }
    Ok(total)
}

/// How an order ended that the venue tells as cancelled. Its reasons are not documented. They begin
/// with these words where they are known.
pub(super) fn canceled(ioc: bool, reason: &str) -> Ending {
    if reason.starts_with("Self trade") {
        Ending::SelfMatch
    } else if ioc || reason.starts_with("IOC") {
        Ending::Expired
    } else {
        Ending::Canceled
    }
}
