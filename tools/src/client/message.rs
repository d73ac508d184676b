//! What a client sends and what it is told: orders, and the fields of reports.
//!
//! A line belongs here if it is the content of a message. When a message is sent, and what follows
//! from a report, is the caller's.

use rutter_fix::codec::Message;
use rutter_fix::tags::{self, msg_type};
use rutter_sim::market::E8;

/// Decimals of prices and quantities in this module.
pub(super) const SCALE: u8 = 8;

/// Decimals of fees in this module.
const FEE_SCALE: u8 = 18;

/// Side of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// 54=1.
    #[default]
    Buy,
    /// 54=2.
    Sell,
}

/// `TimeInForce` (59).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tif {
    /// 0.
    #[default]
    Day,
    /// 1.
    Gtc,
    /// 3.
    Ioc,
    /// 4.
    Fok,
}

impl Tif {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Day => b'0',
            Self::Gtc => b'1',
            Self::Ioc => b'3',
            Self::Fok => b'4',
        }
    }

    /// `None` for a time in force that the client does not send.
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'0' => Some(Self::Day),
            b'1' => Some(Self::Gtc),
            b'3' => Some(Self::Ioc),
            b'4' => Some(Self::Fok),
            _ => None,
        }
    }
}

/// A new order, or the new terms of one.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// `ClOrdID`.
    pub cl_ord_id: &'a str,
    /// Such as `BTC/USDT`.
    pub symbol: &'a str,
    /// Side.
    pub side: Side,
    /// Quantity, in 10^-8.
    pub qty_e8: i64,
    /// Limit price, in 10^-8; `None` for a market order.
    pub limit_e8: Option<i64>,
    /// `TimeInForce` (59).
    pub tif: Tif,
}

/// An execution within a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// `LastQty` (32), in 10^-8.
    pub qty_e8: i64,
    /// `LastPx` (31), in 10^-8.
    pub price_e8: i64,
    /// `LastMkt` (30).
    pub venue: String,
    /// Whether `LastLiquidityInd` (851) is 1 (added liquidity).
    pub maker: bool,
    /// `MiscFeeAmt` (137), in 10^-18; negative for a rebate.
    pub fee_e18: i128,
    /// `MiscFeeCurr` (138).
    pub fee_asset: String,
}

/// An order's terms within a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Side.
    pub side: Side,
    /// `OrderQty` (38), in 10^-8.
    pub qty_e8: i64,
    /// `Price` (44), in 10^-8; `None` for a market order.
    pub limit_e8: Option<i64>,
    /// `TimeInForce` (59).
    pub tif: Tif,
}

impl Terms {
    fn read(message: &Message<'_>) -> Option<Self> {
        let char_of = |tag| message.char(tag).ok().flatten();
        Some(Self {
            side: match char_of(tags::SIDE)? {
                b'1' => Side::Buy,
                b'2' => Side::Sell,
                _ => return None,
            },
            qty_e8: e8(message, tags::ORDER_QTY)?,
            limit_e8: match char_of(tags::ORD_TYPE)? {
                b'1' => None,
                _ => Some(e8(message, tags::PRICE)?),
            },
            tif: char_of(tags::TIME_IN_FORCE).map_or(Some(Tif::Day), Tif::from_byte)?,
        })
    }
}

/// An `ExecutionReport` or `OrderCancelReject`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// `ExecType` (150); `x` for an `OrderCancelReject`.
    pub kind: char,
    /// `OrdStatus` (39).
    pub status: char,
    /// `ClOrdID` (11).
    pub cl_ord_id: String,
    /// `OrigClOrdID` (41), empty if absent.
    pub orig_cl_ord_id: String,
    /// `OrderID` (37).
    pub order_id: String,
    /// `ExecID` (17), empty in an `OrderCancelReject`.
    pub exec_id: String,
    /// `Symbol` (55).
    pub symbol: String,
    /// The order's terms; `None` if the report does not have them all.
    pub terms: Option<Terms>,
    /// `CumQty` (14), in 10^-8.
    pub cum_e8: i64,
    /// `LeavesQty` (151), in 10^-8.
    pub leaves_e8: i64,
    /// The execution; `None` in a report without one.
    pub last: Option<Execution>,
    /// `Text` (58): the word of a refusal, empty if absent.
    pub text: String,
    /// `PossDupFlag` (43): the node resends a report.
    pub poss_dup: bool,
}

fn text(message: &Message<'_>, tag: u32) -> String {
    String::from_utf8_lossy(message.get(tag).unwrap_or(b"")).into_owned()
}

fn e8(message: &Message<'_>, tag: u32) -> Option<i64> {
    message.decimal(tag).ok().flatten()?.at_scale(SCALE)
}

/// A decimal text in units of 10^-18, exactly.
fn e18(text: &[u8]) -> Option<i128> {
    let text = core::str::from_utf8(text).ok()?;
    let value: rust_decimal::Decimal = text.parse().ok()?;
    let factor = 10_i128.checked_pow(u32::from(FEE_SCALE).checked_sub(value.scale())?)?;
    value.mantissa().checked_mul(factor)
}

impl Report {
    /// Reads an `ExecutionReport` (8) or `OrderCancelReject` (9). `None` for any other message, and
    /// for a report with a number that is malformed or out of range.
    pub fn read(message: &Message<'_>, poss_dup: bool) -> Option<Self> {
        let char_of = |tag| message.char(tag).ok().flatten().map(char::from);
        let cancel_reject = match message.msg_type() {
            msg_type::EXECUTION_REPORT => false,
            msg_type::ORDER_CANCEL_REJECT => true,
            _ => return None,
        };
        let last = match message.get(tags::LAST_QTY) {
            None => None,
            Some(_) => Some(Execution {
                qty_e8: e8(message, tags::LAST_QTY)?,
                price_e8: e8(message, tags::LAST_PX)?,
                venue: text(message, tags::LAST_MKT),
                maker: char_of(tags::LAST_LIQUIDITY_IND) == Some('1'),
                fee_e18: match message.get(tags::MISC_FEE_AMT) {
                    None => 0,
                    Some(amount) => e18(amount)?,
                },
                fee_asset: text(message, tags::MISC_FEE_CURR),
            }),
        };
        Some(Self {
            kind: if cancel_reject { 'x' } else { char_of(tags::EXEC_TYPE)? },
            status: char_of(tags::ORD_STATUS)?,
            cl_ord_id: text(message, tags::CL_ORD_ID),
            orig_cl_ord_id: text(message, tags::ORIG_CL_ORD_ID),
            order_id: text(message, tags::ORDER_ID),
            exec_id: text(message, tags::EXEC_ID),
            symbol: text(message, tags::SYMBOL),
            terms: Terms::read(message),
            cum_e8: if cancel_reject { 0 } else { e8(message, tags::CUM_QTY)? },
            leaves_e8: if cancel_reject { 0 } else { e8(message, tags::LEAVES_QTY)? },
            last,
            text: text(message, tags::TEXT),
            poss_dup,
        })
    }

    /// Whether the order is over.
    pub fn is_final(&self) -> bool {
        self.kind != 'x' && matches!(self.status, '2' | '3' | '4' | '8' | 'C')
    }
}

/// Reads a decimal such as `0.25` into 10^-8; `None` for anything else.
pub fn parse_e8(text: &str) -> Option<i64> {
    rutter_fix::codec::parse_decimal(text.as_bytes())?.at_scale(SCALE)
}

const _: () = assert!(E8 == 10i64.pow(SCALE as u32), "all tools count in units of 10^-8");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_read_exactly_to_the_eighteenth_digit() {
        assert_eq!(e18(b"0.000000000000000001"), Some(1));
        assert_eq!(e18(b"-2.5"), Some(-2_500_000_000_000_000_000));
        assert_eq!(e18(b"0.0000000000000000001"), None);
        assert_eq!(e18(b"x"), None);
    }

    #[test]
    fn prices_are_read_to_the_eighth_digit_and_no_further() {
        assert_eq!(parse_e8("60000.01"), Some(6_000_001_000_000));
        assert_eq!(parse_e8("0.000000001"), None);
        assert_eq!(parse_e8("1e3"), None);
    }
}
