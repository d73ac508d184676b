//! Inputs as bytes, for the journal: little endian, no padding, one tag byte in front.
//!
//! A line belongs here if it is true of every layout, or if it numbers the inputs. A type's own
//! layout stands beside the type, in the words of the macros below.
//!
//! A change of any layout is a new [`SCHEMA`]; the journal keeps the schema with each record.

use crate::id::{AccountId, AssetId, ChildId, ExecId, InstrumentId, OrderId, SessionId, VenueId};
use crate::input::{CharSet, Input, LIMITS};
use crate::number::{Amount, FeePpm, Price, Qty, Text, UnixNanos};

/// Version of all layouts.
///
/// Each limit in [`LIMITS`] counts one, for a new limit changes two layouts.
pub const SCHEMA: u16 = LAYOUT_CHANGES + LIMITS.len() as u16;

/// Layout changes other than a new limit, beyond the four of the first limits.
const LAYOUT_CHANGES: u16 = 10;

/// Longest encoding of an input, bytes; a test asserts this for all inputs.
pub const INPUT_BYTES_MAX: usize = 256;

/// Why bytes are not an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The bytes end too early.
    Short,
    /// Bytes are left over.
    Long,
    /// No input has this tag.
    Tag(u8),
    /// A field has a value that its type does not allow.
    Value,
}

impl core::fmt::Display for WireError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Short => f.write_str("input record is too short"),
            Self::Long => f.write_str("input record has bytes left over"),
            Self::Tag(tag) => write!(f, "input record has the unknown tag {tag}"),
            Self::Value => f.write_str("input record has a field out of its range"),
        }
    }
}

impl core::error::Error for WireError {}

/// Writes into a buffer that the caller made long enough.
pub(crate) struct Writer<'a> {
    buf: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.buf[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

pub(crate) struct Reader<'a> {
    buf: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (head, tail) = self.buf.split_at_checked(len).ok_or(WireError::Short)?;
        self.buf = tail;
        Ok(head)
    }
}

pub(crate) trait Wire: Sized {
    fn put(&self, w: &mut Writer<'_>);
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError>;
}

macro_rules! wire_int {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            #[inline]
            fn put(&self, w: &mut Writer<'_>) {
                w.bytes(&self.to_le_bytes());
            }
            #[inline]
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                let mut bytes = [0; size_of::<$int>()];
                bytes.copy_from_slice(r.bytes(size_of::<$int>())?);
                Ok(<$int>::from_le_bytes(bytes))
            }
        }
    )*};
}
wire_int!(u8, u16, u32, i32, u64, i64, u128, i128);

impl Wire for bool {
    fn put(&self, w: &mut Writer<'_>) {
        u8::from(*self).put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        match u8::get(r)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Value),
        }
    }
}

impl<const N: usize> Wire for Text<N> {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        (self.as_bytes().len() as u8).put(w);
        w.bytes(self.as_bytes());
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = u8::get(r)?;
        Self::new(r.bytes(usize::from(len))?).ok_or(WireError::Value)
    }
}

macro_rules! wire_newtype {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            #[inline]
            fn put(&self, w: &mut Writer<'_>) {
                self.0.put(w);
            }
            #[inline]
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self(Wire::get(r)?))
            }
        }
    )*};
}
wire_newtype!(
    AssetId,
    InstrumentId,
    VenueId,
    AccountId,
    SessionId,
    OrderId,
    ChildId,
    ExecId,
    UnixNanos,
    Price,
    Qty,
    Amount,
    FeePpm,
    CharSet
);

/// An enum without values: one byte, the variant's number.
macro_rules! wire_enum {
    ($name:ident { $($variant:ident),* $(,)? }) => {
        impl $crate::wire::Wire for $name {
            #[inline]
            fn put(&self, w: &mut $crate::wire::Writer<'_>) {
                $crate::wire::Wire::put(&(*self as u8), w);
            }
            fn get(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                let value = <u8 as $crate::wire::Wire>::get(r)?;
                $(if value == Self::$variant as u8 { return Ok(Self::$variant); })*
                Err($crate::wire::WireError::Value)
            }
        }
    };
}
pub(crate) use wire_enum;

/// One byte that says whether there is a value, then the value.
impl<T: Wire> Wire for Option<T> {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        self.is_some().put(w);
        if let Some(value) = self {
            value.put(w);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(if bool::get(r)? { Some(T::get(r)?) } else { None })
    }
}

/// The fields of a struct with a layout of its own around them: `put_all` and `get_all`.
macro_rules! wire_fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $name {
            fn put_all(&self, w: &mut $crate::wire::Writer<'_>) {
                $($crate::wire::Wire::put(&self.$field, w);)*
            }
            fn get_all(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                Ok(Self { $($field: $crate::wire::Wire::get(r)?),* })
            }
        }
    };
}
pub(crate) use wire_fields;

/// A struct: its fields in the order of the list.
macro_rules! wire_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::wire::Wire for $name {
            #[inline]
            fn put(&self, w: &mut $crate::wire::Writer<'_>) {
                $($crate::wire::Wire::put(&self.$field, w);)*
            }
            #[inline]
            fn get(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                Ok(Self { $($field: $crate::wire::Wire::get(r)?),* })
            }
        }
    };
}
pub(crate) use wire_struct;

/// An enum whose variants hold values: one tag byte, then the values.
macro_rules! wire_variants {
    ($name:ident { $($tag:literal $variant:ident $(($($arg:ident),+))?),* $(,)? }) => {
        impl $crate::wire::Wire for $name {
            fn put(&self, w: &mut $crate::wire::Writer<'_>) {
                match self {
                    $(Self::$variant $(($($arg),+))? => {
                        $crate::wire::Wire::put(&($tag as u8), w);
                        $($($crate::wire::Wire::put($arg, w);)+)?
                    })*
                }
            }
            fn get(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                Ok(match <u8 as $crate::wire::Wire>::get(r)? {
                    $($tag => {
                        $($(let $arg = $crate::wire::Wire::get(r)?;)+)?
                        Self::$variant $(($($arg),+))?
                    })*
                    _ => return Err($crate::wire::WireError::Value),
                })
            }
        }
    };
}
pub(crate) use wire_variants;

/// The tags, in one place for both directions.
macro_rules! wire_input {
    (
        unit { $($utag:literal $unit:ident),* $(,)? }
        tuple { $($ttag:literal $tuple:ident($($arg:ident),*)),* $(,)? }
        named { $($ntag:literal $named:ident { $($field:ident),* }),* $(,)? }
    ) => {
        /// Encodes into `buf`, at least [`INPUT_BYTES_MAX`] long; returns the length.
        #[inline]
        pub fn encode(input: &Input, buf: &mut [u8]) -> usize {
            let mut w = Writer { buf, at: 0 };
            match input {
                $(Input::$unit => ($utag as u8).put(&mut w),)*
                $(Input::$tuple($($arg),*) => {
                    ($ttag as u8).put(&mut w);
                    $($arg.put(&mut w);)*
                })*
                $(Input::$named { $($field),* } => {
                    ($ntag as u8).put(&mut w);
                    $($field.put(&mut w);)*
                })*
            }
            w.at
        }

        /// Decodes what [`encode`] wrote.
        ///
        /// # Errors
        /// A [`WireError`] for anything that `encode` cannot have written.
        pub fn decode(bytes: &[u8]) -> Result<Input, WireError> {
            let mut r = Reader { buf: bytes };
            let r = &mut r;
            let input = match u8::get(r)? {
                $($utag => Input::$unit,)*
                $($ttag => { $(let $arg = Wire::get(r)?;)* Input::$tuple($($arg),*) })*
                $($ntag => { $(let $field = Wire::get(r)?;)* Input::$named { $($field),* } })*
                tag => return Err(WireError::Tag(tag)),
            };
            if r.buf.is_empty() { Ok(input) } else { Err(WireError::Long) }
        }
    };
}

wire_input! {
    unit { 2 NodeStarted, 3 Tick }
    tuple {
        1 Genesis(def), 4 Asset(def), 5 Instrument(def), 6 Venue(def), 7 Listing(def),
        8 Account(def), 9 Session(def), 10 NewOrder(order), 11 Unacceptable(order),
        12 Cancel(request), 13 Status(request), 14 SessionUp(session, choice),
        15 SessionDown(session),
        16 VenueUp(venue), 17 VenueDown(venue, reason), 20 ChildFill(fill), 26 Book(update),
        28 FeedAlive(venue), 32 Replace(request), 33 MassCancel(request), 34 MassStatus(request),
        36 Operator(operator), 37 LogoutSent(session), 39 Budget(def), 40 Routing(def),
        41 Owner(def), 42 Preview(order), 43 Trade(trade), 44 Rest(def), 45 Sharing(def),
        47 BooksOf(def), 48 Amend(def), 60 FeeSchedule(def), 61 FeeTier(def), 63 AccountFee(def),
        70 Bridge(def),
    }
    named {
        18 ChildAccepted { venue, child, venue_order },
        19 ChildRejected { venue, child, reason, retry_after_ns },
        21 ChildDone { venue, child, how, filled },
        22 CancelRejected { venue, child, reason, retry_after_ns },
        23 ChildInDoubt { venue, child, doubt },
        24 ChildFate { venue, child, fate, filled },
        25 Balance { venue, asset, total },
        27 BookDistrusted { venue, instrument, reason },
        38 VenueQueried { venue, outcome },
        49 ChildAmended { venue, child, qty },
        50 AmendRejected { venue, child, reason },
        62 FeeByTier { venue, instrument },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{
        AGE_STEPS_MAX, AccountDef, AccountFeeDef, AccountLimits, AgeStep, AmendDef, Amending,
        BehaviourCosts, BookUpdate, BooksOfDef, BreakerTerms, BridgeDef, BudgetDef,
        CancelOnDisconnect, CancelOrder, ChildFill, Counted, Extension, Fate, FeeScheduleDef,
        FeeTierDef, FeeTokenDef, Genesis, Instructions, InstrumentDef, Level, LimitKind, Liquidity,
        MassCancel, MassScope, Moving, NewOrder, NoReference, NodeCommand, Operator,
        OperatorCommand, OrdType, OtherOwners, OwnerDef, Preview, PublicTrade, QueryOutcome,
        ReferenceTerms, Refusal, ReplaceOrder, Resolution, RestBy, RestDef, RoutingDef,
        RoutingMode, Scope, ScoreWeights, SelfMatchPolicy, SessionCommand, SharingDef, Side,
        TimeInForce, Unacceptable, VenueDef, VenueDownReason, VenuePercents, VenueReject,
        WINDOWS_MAX, WindowDef, WindowKind, WrittenNumber, WrittenTerms,
    };
    use crate::venue_set::VenueSet;

    fn every_instruction(id: Text<36>) -> ReplaceOrder {
        let order = NewOrder {
            session: SessionId(1),
            client_seq: 2,
            cl_ord_id: id,
            instrument: InstrumentId(3),
            side: Side::Sell,
            ord_type: OrdType::Limit,
            tif: TimeInForce::Gtd,
            qty: Qty(4),
            price: Price(5),
            instructions: Instructions {
                only: Some(VenueId(2)),
                exec_inst: CharSet(1 << 61),
                expire_at: UnixNanos(1),
                effective_at: UnixNanos(2),
                strategy: 3,
                weights: Some(ScoreWeights { price: 5, latency: 6, reliability: 7, liquidity: 82 }),
                strategy_parameters: 4,
                deadline: UnixNanos(8),
                min_qty: Qty(5),
                display_qty: Qty(6),
                cash_qty: Amount(7),
            },
            poss_resend: false,
            trace: 0,
        };
        ReplaceOrder { orig_cl_ord_id: id, order }
    }

    fn unacceptable(id: Text<36>) -> Unacceptable {
        Unacceptable {
            session: SessionId(1),
            client_seq: 2,
            cl_ord_id: id,
            symbol: Text::new(&[b's'; 20]).unwrap_or_default(),
            written: WrittenTerms {
                side: b'5',
                ord_type: b'P',
                tif: b'2',
                qty: WrittenNumber { digits: i64::MAX, decimals: 18 },
                price: WrittenNumber { digits: 1, decimals: 2 },
                account: Text::new(&[b'a'; 12]).unwrap_or_default(),
            },
            orig_cl_ord_id: id,
            refusal: Refusal::UnknownSymbol,
            trace: 3,
        }
    }

    fn mass_cancel(id: Text<36>) -> MassCancel {
        MassCancel {
            session: SessionId(1),
            client_seq: 2,
            cl_ord_id: id,
            asked: b'1',
            scope: MassScope { instrument: Some(InstrumentId(3)), side: Some(Side::Buy) },
            refusal: Refusal::VenueRefused,
        }
    }

    fn every_command() -> impl Iterator<Item = Input> {
        let limits = AccountLimits { collar_ppm: 1, rate_per_s: 2, ..AccountLimits::NONE };
        let scopes = [
            Scope::All,
            Scope::Venue(VenueId(1)),
            Scope::Instrument(InstrumentId(2)),
            Scope::Session(SessionId(3)),
            Scope::Account(AccountId(4)),
        ];
        let scoped = scopes.into_iter().flat_map(|scope| {
            [
                OperatorCommand::Halt(scope),
                OperatorCommand::Resume(scope),
                OperatorCommand::CancelAll(scope),
                OperatorCommand::ReduceOnly(scope),
                OperatorCommand::ReduceOnlyOff(scope),
            ]
        });
        let asked = Preview {
            session: SessionId(1),
            instrument: InstrumentId(2),
            side: Side::Sell,
            tif: TimeInForce::Fok,
            qty: Qty(3),
            price: Price(4),
            only: Some(VenueId(5)),
        };
        let others = [
            OperatorCommand::DrainVenue(VenueId(1)),
            OperatorCommand::EnableVenue(VenueId(1)),
            OperatorCommand::Cancel(OrderId(u64::MAX)),
            OperatorCommand::SetLimits(AccountId(1), limits),
            OperatorCommand::Session(SessionId(1), SessionCommand::Disable),
            OperatorCommand::Session(SessionId(1), SessionCommand::LiftLockouts),
            OperatorCommand::LogOut(SessionId(1), SessionCommand::Disable),
            OperatorCommand::Resolve(Resolution {
                child: ChildId(u64::MAX),
                filled: Qty(3),
                price: Price(i64::MAX),
            }),
            OperatorCommand::Extend(Extension { accounts: 65_536, sessions: 3, digest: u64::MAX }),
            OperatorCommand::Node(NodeCommand::News),
            OperatorCommand::Node(NodeCommand::LiftCodeLock),
            OperatorCommand::Node(NodeCommand::ShutdownFlat),
            OperatorCommand::Preview(asked),
            OperatorCommand::PreviewBy(asked, u32::MAX),
        ];
        scoped.chain(others).map(|command| {
            Input::Operator(Operator {
                request: 7,
                by: Text::new(&[b'b'; 36]).unwrap_or_default(),
                reason: Text::new(&[b'r'; 64]).unwrap_or_default(),
                command,
            })
        })
    }

    /// What a venue refuses, and when its breakers open.
    fn refusals() -> Vec<Input> {
        let (venue, child) = (VenueId(3), ChildId(9));
        let window = WindowDef {
            kind: WindowKind::Decay,
            counted: Counted::Messages,
            per_instrument: true,
            young: [AgeStep { below_s: 5, points: 8 }; AGE_STEPS_MAX],
            ..WindowDef::orders(60, 60_000_000_000)
        };
        vec![
            Input::ChildRejected {
                venue,
                child,
                reason: VenueReject::PriceBand,
                retry_after_ns: u64::MAX,
            },
            Input::CancelRejected {
                venue,
                child,
                reason: VenueReject::RateLimit,
                retry_after_ns: 1,
            },
            Input::VenueQueried { venue, outcome: QueryOutcome::Refused },
            Input::Amend(AmendDef {
                venue,
                amending: Amending::ReduceKeepsPriority,
                points: 1,
                young: [AgeStep { below_s: 5, points: 4 }; AGE_STEPS_MAX],
            }),
            Input::ChildAmended { venue, child, qty: Qty(i64::MAX) },
            Input::AmendRejected { venue, child, reason: VenueReject::Filter },
            Input::Venue(VenueDef {
                id: venue,
                name: Text::new(b"v").unwrap_or_default(),
                stale_after_ns: 1,
                rate_orders: 2,
                rate_window_ns: 3,
                unanswered_max: 4,
                fok: true,
                breaker: BreakerTerms::DEFAULT,
            }),
            Input::BooksOf(BooksOfDef { venue, owner: VenueId(2) }),
            Input::Budget(BudgetDef::new(venue, 1, &[window; WINDOWS_MAX]).unwrap_or_default()),
            Input::Balance { venue, asset: AssetId(1), total: Amount(-5) },
        ]
    }

    fn routing() -> RoutingDef {
        RoutingDef {
            account: AccountId(1),
            denied: VenueSet::all_but(VenueId(2)),
            backup: VenueSet::all_but(VenueId(3)),
            costs: BehaviourCosts {
                latency_ppm: 1,
                reject_ppm: 2,
                fade_ppm: 3,
                partial_ppm: u32::MAX,
            },
            mode: RoutingMode::Score,
            weights: ScoreWeights { price: 1, latency: 2, reliability: 3, liquidity: 94 },
            moving: Moving::Better,
            move_gain_ppm: 4,
        }
    }

    fn fees() -> [Input; 5] {
        let (venue, instrument) = (VenueId(3), InstrumentId(4));
        let (maker, taker) = (FeePpm(-999_999), FeePpm(999_999));
        let token = FeeTokenDef { asset: AssetId(5), discount_ppm: 6, least: Amount(7) };
        let schedule = FeeScheduleDef {
            asset: AssetId(1),
            tiers: 2,
            volume: Amount(i128::MAX),
            from_day: u32::MAX,
            token: Some(token),
            ..FeeScheduleDef::none(venue)
        };
        let (account, from) = (AccountId(8), Amount(9));
        [
            Input::FeeSchedule(schedule),
            Input::FeeSchedule(FeeScheduleDef::none(venue)),
            Input::FeeTier(FeeTierDef { venue, place: 1, from, maker, taker }),
            Input::FeeByTier { venue, instrument },
            Input::AccountFee(AccountFeeDef {
                account,
                venue,
                instrument: Some(instrument),
                maker,
                taker,
            }),
        ]
    }

    fn every_input() -> Vec<Input> {
        let text36 = Text::new(&[b'x'; 36]).unwrap_or_default();
        let mut update = BookUpdate { clear: true, last: true, ..BookUpdate::default() };
        while update.push(Side::Sell, Level { price: Price(i64::MAX), qty: Qty(1) }) {}
        vec![
            Input::Genesis(Genesis {
                node_tag: 7,
                orders_log2: 8,
                children_log2: 9,
                executions_log2: 10,
                day_roll_s: 11,
                hash_seed: 12,
            }),
            Input::NodeStarted,
            Input::Tick,
            Input::Instrument(InstrumentDef {
                id: InstrumentId(1),
                symbol: Text::new(b"BTC/USD").unwrap_or_default(),
                base: AssetId(0),
                quote: AssetId(1),
                price_decimals: 2,
                qty_decimals: 8,
                order_qty_max: Qty(i64::MAX),
                reference: ReferenceTerms::DEFAULT,
            }),
            Input::NewOrder(NewOrder {
                session: SessionId(1),
                client_seq: 2,
                cl_ord_id: text36,
                instrument: InstrumentId(3),
                side: Side::Sell,
                ord_type: OrdType::Market,
                tif: TimeInForce::Fok,
                qty: Qty(4),
                price: Price(5),
                instructions: Instructions::default(),
                poss_resend: true,
                trace: u64::MAX,
            }),
            Input::Unacceptable(unacceptable(text36)),
            Input::Replace(every_instruction(text36)),
            Input::Preview(every_instruction(text36).order),
            Input::MassCancel(mass_cancel(text36)),
            Input::SessionUp(SessionId(1), CancelOnDisconnect { all: true, grace_ns: 5 }),
            Input::LogoutSent(SessionId(1)),
            Input::Cancel(CancelOrder {
                session: SessionId(1),
                client_seq: 2,
                cl_ord_id: text36,
                orig_cl_ord_id: text36,
            }),
            Input::Book(update),
        ]
    }

    fn rest() -> RestDef {
        let mut percents = VenuePercents::NONE;
        assert!(percents.set(VenueId(0), 60) && percents.set(VenueId(31), 40));
        assert!(!percents.set(VenueId(32), 1));
        RestDef { account: AccountId(4), by: RestBy::Share, places: 8, percents }
    }

    /// What is told of an account.
    fn accounts() -> Vec<Input> {
        vec![
            Input::Account(AccountDef {
                id: AccountId(1),
                name: Text::new(b"fund").unwrap_or_default(),
                slack_ppm: 2,
                limits: AccountLimits { collar_ppm: 3, rate_per_s: 4, ..AccountLimits::NONE },
                no_reference: NoReference::Wait,
                market_wait_ns: 5,
                busy_wait_ns: 6,
            }),
            Input::Owner(OwnerDef {
                account: AccountId(3),
                owner: Text::new(b"twelve-bytes").unwrap_or_default(),
                self_match: SelfMatchPolicy::Decrement,
                other_owners: OtherOwners::Protect,
            }),
            Input::Routing(routing()),
            Input::Rest(rest()),
            Input::Sharing(SharingDef { account: AccountId(4), consents: true }),
            Input::Bridge(BridgeDef {
                account: AccountId(4),
                desk: AccountId(5),
                instrument: InstrumentId(1),
                via: InstrumentId(2),
                conversion: InstrumentId(3),
                basis_ppm: 2_000,
                legging_max: Amount(1_000),
            }),
        ]
    }

    /// What a venue tells.
    fn answers() -> Vec<Input> {
        let (venue, child) = (VenueId(3), ChildId(9));
        vec![
            Input::VenueDown(venue, VenueDownReason::Closed),
            Input::ChildAccepted {
                venue,
                child,
                venue_order: Text::new(b"OABC").unwrap_or_default(),
            },
            Input::ChildFill(ChildFill {
                venue,
                child,
                instrument: InstrumentId(1),
                side: Side::Buy,
                exec: ExecId(u128::MAX),
                qty: Qty(1),
                price: Price(2),
                fee: Amount(i128::MIN),
                fee_asset: AssetId(4),
                liquidity: Liquidity::Maker,
            }),
            Input::ChildFate { venue, child, fate: Fate::NeverArrived, filled: Qty(0) },
            Input::Trade(PublicTrade {
                venue,
                instrument: InstrumentId(7),
                taker: Some(Side::Buy),
                price: Price(i64::MAX),
                qty: Qty(6),
                id: u64::MAX,
                count: u32::MAX,
                time: UnixNanos(8),
                late: true,
            }),
        ]
    }

    /// `docs/venues.md` counts the journal's growth with this length.
    #[test]
    fn a_public_trade_takes_43_bytes() {
        let mut inputs = answers().into_iter().chain(every_input());
        let trade = inputs.find(|input| matches!(input, Input::Trade(_))).expect("a sample");
        assert_eq!(encode(&trade, &mut [0; INPUT_BYTES_MAX]), 43);
    }

    #[test]
    fn what_is_written_is_read_and_fits() {
        for input in every_input()
            .into_iter()
            .chain(accounts())
            .chain(answers())
            .chain(refusals())
            .chain(fees())
            .chain(every_command())
        {
            let mut buf = [0; INPUT_BYTES_MAX];
            let len = encode(&input, &mut buf);
            assert_eq!(decode(&buf[..len]), Ok(input));
            for cut in 0..len {
                assert!(decode(&buf[..cut]).is_err(), "{input:?} cut at {cut}");
            }
            let mut longer = buf[..len].to_vec();
            longer.push(0);
            assert_eq!(decode(&longer), Err(WireError::Long));
        }
    }

    /// Journals that exist hold these bytes.
    #[test]
    fn the_bytes_of_an_account_and_of_its_limits_stay_as_they_are() {
        let mut limits = AccountLimits::NONE;
        limits.notional_max = Amount(1);
        (limits.collar_ppm, limits.rate_per_s, limits.open_orders_max) = (2, 3, 4);
        let name = Text::new(b"f").unwrap_or_default();
        let no_reference = NoReference::Wait;
        let account = AccountDef {
            id: AccountId(5),
            name,
            slack_ppm: 6,
            limits,
            no_reference,
            market_wait_ns: 7,
            busy_wait_ns: 8,
        };
        let mut buf = [0; INPUT_BYTES_MAX];
        let len = encode(&Input::Account(account), &mut buf);
        let whole = |number: u8| [number, 0, 0, 0];
        // Limits that came later stand behind these four.
        let later: Vec<u8> = LIMITS[4..]
            .iter()
            .flat_map(|limit| match limit.kind {
                LimitKind::Amount => i128::MAX.to_le_bytes().to_vec(),
                LimitKind::Whole => u32::MAX.to_le_bytes().to_vec(),
            })
            .collect();
        let mut notional = [0; 16];
        notional[0] = 1;
        let mut expected = vec![8, 5, 0, 1, b'f'];
        expected.extend(notional);
        expected.extend([whole(2), whole(6), whole(3), whole(4)].concat());
        expected.extend(&later);
        expected.extend([2, 7, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([8, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(buf[..len], expected);
        let command = OperatorCommand::SetLimits(AccountId(5), limits);
        let (by, reason) = (Text::EMPTY, Text::EMPTY);
        let operator = Operator { request: 0, by, reason, command };
        let len = encode(&Input::Operator(operator), &mut buf);
        let expected =
            [&[6, 5, 0][..], &notional, &whole(2), &whole(3), &whole(4), &later].concat();
        assert!(buf[..len].ends_with(&expected));
    }

    #[test]
    fn any_bytes_are_an_error_or_an_input_that_writes_the_same_bytes() {
        let mut state = 5_u64;
        for _ in 0..200_000 {
            let mut bytes = [0_u8; 24];
            for byte in &mut bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99_991);
                *byte = (state >> 56) as u8 & 0x1f;
            }
            if let Ok(input) = decode(&bytes) {
                let mut buf = [0; INPUT_BYTES_MAX];
                let len = encode(&input, &mut buf);
                assert_eq!(&buf[..len], &bytes);
            }
        }
    }
}
