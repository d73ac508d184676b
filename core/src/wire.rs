//! Inputs as bytes, for the journal: little endian, no padding, one tag byte in front.
//!
//! A change of any layout here is a new [`SCHEMA`]; the journal keeps the schema with each record.

use crate::id::{AccountId, AssetId, ChildId, ExecId, InstrumentId, OrderId, SessionId, VenueId};
use crate::input::{
    AccountDef, AccountLimits, AssetDef, BookUpdate, CancelOnDisconnect, CancelOrder, CharSet,
    ChildFill, Distrust, Doubt, Fate, Genesis, Input, Instructions, InstrumentDef,
    LEVELS_PER_UPDATE, Level, Liquidity, ListingDef, MassCancel, MassScope, MassStatus, NewOrder,
    NodeCommand, Operator, OperatorCommand, OrdType, OrderStatus, Refusal, ReplaceOrder, Scope,
    SessionCommand, SessionDef, Side, TimeInForce, Unacceptable, VenueDef, VenueDownReason,
    VenueReject,
};
use crate::number::{Amount, FeePpm, Price, Qty, Text, UnixNanos};

/// Version of all layouts in this module.
pub const SCHEMA: u16 = 4;

/// No encoded input is longer (asserted by a test over all of them).
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

/// Writes into a buffer that is long enough.
struct Writer<'a> {
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

struct Reader<'a> {
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

trait Wire: Sized {
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

macro_rules! wire_enum {
    ($name:ident { $($variant:ident),* $(,)? }) => {
        impl Wire for $name {
            #[inline]
            fn put(&self, w: &mut Writer<'_>) {
                (*self as u8).put(w);
            }
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                let value = u8::get(r)?;
                $(if value == Self::$variant as u8 { return Ok(Self::$variant); })*
                Err(WireError::Value)
            }
        }
    };
}
wire_enum!(Side { Buy, Sell });
wire_enum!(OrdType { Market, Limit });
wire_enum!(TimeInForce { Day, Gtc, Ioc, Fok, Gtd });
wire_enum!(Liquidity { Maker, Taker });
wire_enum!(VenueDownReason { LinkLost, NoAnswer, LogonRefused, Closed, Protocol, NodeStarted });
wire_enum!(VenueReject {
    NotSent,
    InsufficientFunds,
    Filter,
    RateLimit,
    DuplicateId,
    UnknownOrder,
    MarketClosed,
    Late,
    Other
});
wire_enum!(Fate { Open, Closed, Expired, NeverArrived, Rejected });
wire_enum!(Doubt { NoAnswer, VenueUnsure });
wire_enum!(Distrust { NoSnapshot, Gap, Checksum, Disconnected, Protocol });
wire_enum!(SessionCommand { Logout, Disconnect, ResetSequence, Disable, Enable });
wire_enum!(NodeCommand {
    Shutdown,
    LogError,
    LogWarn,
    LogInfo,
    LogDebug,
    LogTrace,
    News,
    ShutdownFlat
});

impl Wire for Refusal {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        (*self as u8).put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::ALL.get(usize::from(u8::get(r)?)).copied().ok_or(WireError::Value)
    }
}

/// One byte that says whether, then the value.
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

/// One byte for what most orders say: nothing.
impl Wire for Instructions {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        let any = *self != Self::default();
        any.put(w);
        if any {
            self.put_all(w);
        }
    }
    #[inline]
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        if !bool::get(r)? {
            return Ok(Self::default());
        }
        let read = Self::get_all(r)?;
        if read == Self::default() { Err(WireError::Value) } else { Ok(read) }
    }
}

macro_rules! wire_instructions {
    ($($field:ident),*) => {
        impl Instructions {
            fn put_all(&self, w: &mut Writer<'_>) {
                $(self.$field.put(w);)*
            }
            fn get_all(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self { $($field: Wire::get(r)?),* })
            }
        }
    };
}
wire_instructions!(
    only,
    exec_inst,
    expire_at,
    effective_at,
    strategy,
    strategy_parameters,
    min_qty,
    display_qty,
    cash_qty
);

macro_rules! wire_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl Wire for $name {
            #[inline]
            fn put(&self, w: &mut Writer<'_>) {
                $(self.$field.put(w);)*
            }
            #[inline]
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self { $($field: Wire::get(r)?),* })
            }
        }
    };
}
wire_struct!(Genesis {
    node_tag,
    orders_log2,
    children_log2,
    executions_log2,
    day_roll_s,
    hash_seed
});
wire_struct!(AssetDef { id, name });
wire_struct!(InstrumentDef {
    id,
    symbol,
    base,
    quote,
    price_decimals,
    qty_decimals,
    order_qty_max
});
wire_struct!(VenueDef {
    id,
    name,
    stale_after_ns,
    rate_orders,
    rate_window_ns,
    unanswered_max,
    fok
});
wire_struct!(ListingDef {
    instrument,
    venue,
    enabled,
    tick,
    lot,
    qty_min,
    qty_max,
    notional_min,
    maker_fee,
    taker_fee
});
wire_struct!(AccountDef {
    id,
    name,
    notional_max,
    collar_ppm,
    slack_ppm,
    rate_per_s,
    open_orders_max
});
wire_struct!(SessionDef { id, name, account });
wire_struct!(NewOrder {
    session,
    client_seq,
    cl_ord_id,
    instrument,
    side,
    ord_type,
    tif,
    qty,
    price,
    instructions,
    poss_resend,
    trace
});
wire_struct!(ReplaceOrder { orig_cl_ord_id, order });
wire_struct!(Unacceptable {
    session,
    client_seq,
    cl_ord_id,
    symbol,
    side,
    orig_cl_ord_id,
    refusal,
    trace
});
wire_struct!(CancelOrder { session, client_seq, cl_ord_id, orig_cl_ord_id });
wire_struct!(OrderStatus { session, client_seq, cl_ord_id, request });
wire_struct!(MassScope { instrument, side });
wire_struct!(MassCancel { session, client_seq, cl_ord_id, asked, scope, refusal });
wire_struct!(MassStatus { session, client_seq, request, scope, refusal });
wire_struct!(CancelOnDisconnect { all, grace_ns });
wire_struct!(ChildFill {
    venue,
    child,
    instrument,
    side,
    exec,
    qty,
    price,
    fee,
    fee_asset,
    liquidity
});
wire_struct!(Level { price, qty });
wire_struct!(AccountLimits { notional_max, collar_ppm, rate_per_s, open_orders_max });
wire_struct!(Operator { request, by, reason, command });

/// An enum whose variants hold values: one tag byte, then the values.
macro_rules! wire_variants {
    ($name:ident { $($tag:literal $variant:ident $(($($arg:ident),+))?),* $(,)? }) => {
        impl Wire for $name {
            fn put(&self, w: &mut Writer<'_>) {
                match self {
                    $(Self::$variant $(($($arg),+))? => {
                        ($tag as u8).put(w);
                        $($($arg.put(w);)+)?
                    })*
                }
            }
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(match u8::get(r)? {
                    $($tag => {
                        $($(let $arg = Wire::get(r)?;)+)?
                        Self::$variant $(($($arg),+))?
                    })*
                    _ => return Err(WireError::Value),
                })
            }
        }
    };
}
wire_variants!(Scope {
    0 All, 1 Venue(id), 2 Instrument(id), 3 Session(id), 4 Account(id)
});
wire_variants!(OperatorCommand {
    0 Halt(scope),
    1 Resume(scope),
    2 DrainVenue(venue),
    3 EnableVenue(venue),
    4 Cancel(order),
    5 CancelAll(scope),
    6 SetLimits(account, limits),
    7 Session(session, command),
    8 ReduceOnly(scope),
    9 ReduceOnlyOff(scope),
    10 Node(command),
});

impl Wire for BookUpdate {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        self.venue.put(w);
        self.instrument.put(w);
        (u8::from(self.clear) | u8::from(self.last) << 1).put(w);
        self.asks.put(w);
        self.len.put(w);
        let used = usize::from(self.len).min(LEVELS_PER_UPDATE);
        self.levels[..used].iter().for_each(|level| level.put(w));
    }

    #[inline]
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut update =
            Self { venue: Wire::get(r)?, instrument: Wire::get(r)?, ..Self::default() };
        let flags = u8::get(r)?;
        update.clear = flags & 1 != 0;
        update.last = flags & 2 != 0;
        update.asks = Wire::get(r)?;
        update.len = Wire::get(r)?;
        if flags > 3 || usize::from(update.len) > LEVELS_PER_UPDATE {
            return Err(WireError::Value);
        }
        for level in &mut update.levels[..usize::from(update.len)] {
            *level = Wire::get(r)?;
        }
        Ok(update)
    }
}

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
        36 Operator(operator),
    }
    named {
        18 ChildAccepted { venue, child, venue_order },
        19 ChildRejected { venue, child, reason },
        21 ChildDone { venue, child, expired, filled },
        22 CancelRejected { venue, child, reason },
        23 ChildInDoubt { venue, child, doubt },
        24 ChildFate { venue, child, fate, filled },
        25 Balance { venue, asset, total },
        27 BookDistrusted { venue, instrument, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                strategy_parameters: 4,
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
            side: Side::Buy,
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
        let limits = AccountLimits {
            notional_max: Amount(i128::MAX),
            collar_ppm: 1,
            rate_per_s: 2,
            open_orders_max: u32::MAX,
        };
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
        let others = [
            OperatorCommand::DrainVenue(VenueId(1)),
            OperatorCommand::EnableVenue(VenueId(1)),
            OperatorCommand::Cancel(OrderId(u64::MAX)),
            OperatorCommand::SetLimits(AccountId(1), limits),
            OperatorCommand::Session(SessionId(1), SessionCommand::Disable),
            OperatorCommand::Node(NodeCommand::News),
            OperatorCommand::Node(NodeCommand::ShutdownFlat),
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

    fn every_input() -> Vec<Input> {
        let text36 = Text::new(&[b'x'; 36]).unwrap_or_default();
        let mut update = BookUpdate { clear: true, last: true, ..BookUpdate::default() };
        while update.push(Side::Sell, Level { price: Price(i64::MAX), qty: Qty(1) }) {}
        let (venue, child) = (VenueId(3), ChildId(9));
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
            Input::MassCancel(mass_cancel(text36)),
            Input::SessionUp(SessionId(1), CancelOnDisconnect { all: true, grace_ns: 5 }),
            Input::Cancel(CancelOrder {
                session: SessionId(1),
                client_seq: 2,
                cl_ord_id: text36,
                orig_cl_ord_id: text36,
            }),
            Input::Book(update),
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
            Input::Balance { venue, asset: AssetId(1), total: Amount(-5) },
        ]
    }

    #[test]
    fn what_is_written_is_read_and_fits() {
        for input in every_input().into_iter().chain(every_command()) {
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
