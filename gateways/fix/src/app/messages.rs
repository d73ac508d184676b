//! The views: the fields of each request, read and checked in one pass.
//!
//! A line belongs here if it is about the fields of one message type.

use super::known::Known;
use super::{
    ACCOUNT_BYTES_MAX, AppError, CL_ORD_ID_BYTES_MAX, ORDER_ID_BYTES_MAX, OrdType, Rejection,
    STRATEGY_PARAMETERS_BYTES_MAX, SYMBOL_BYTES_MAX, Side, TimeInForce,
};
use crate::codec::{Decimal, Message};
use crate::session::BusinessRejectReason;
use crate::tags;

/// Longest `ExDestination`, in bytes.
const EX_DESTINATION_BYTES_MAX: usize = 20;

/// `NewOrderSingle` (35=D).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrderSingle<'a> {
    /// `ClOrdID` (11), 1 to [`CL_ORD_ID_BYTES_MAX`] printable bytes.
    pub cl_ord_id: &'a [u8],
    /// Account (1).
    pub account: Option<&'a [u8]>,
    /// Symbol (55).
    pub symbol: &'a [u8],
    /// Side (54).
    pub side: Side,
    /// `OrdType` (40).
    pub ord_type: OrdType,
    /// `TimeInForce` (59).
    pub time_in_force: TimeInForce,
    /// `OrderQty` (38), above zero.
    pub order_qty: Decimal,
    /// Price (44), above zero; always there for a limit or stop-limit order.
    pub price: Option<Decimal>,
    /// `StopPx` (99), above zero.
    pub stop_px: Option<Decimal>,
    /// `TransactTime` (60) in nanoseconds since the Unix epoch.
    pub transact_time_ns: u64,
    /// `HandlInst` (21), `1` to `3`.
    pub handl_inst: Option<u8>,
    /// Instructions: how the order is to be executed.
    pub instructions: Instructions<'a>,
    /// The first unsupported field, in the order of the message, else by tag: the order must be
    /// refused, naming it.
    pub unsupported: Option<u32>,
}

/// How an order is to be executed, besides its quantity, price, type and time in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions<'a> {
    /// `ExDestination` (100).
    pub ex_destination: Option<&'a [u8]>,
    /// `ExecInst` (18): single letters or digits with one space between.
    pub exec_inst: Option<&'a [u8]>,
    /// `ExpireTime` (126) in nanoseconds since the Unix epoch.
    pub expire_time_ns: Option<u64>,
    /// `EffectiveTime` (168) in nanoseconds since the Unix epoch.
    pub effective_time_ns: Option<u64>,
    /// `MinQty` (110), above zero.
    pub min_qty: Option<Decimal>,
    /// The first of `DisplayQty` (1138), `MaxFloor` (111) and `MaxShow` (210), above zero.
    pub display_qty: Option<Decimal>,
    /// `CashOrderQty` (152), above zero.
    pub cash_order_qty: Option<Decimal>,
    /// `TargetStrategy` (847).
    pub target_strategy: Option<u32>,
    /// `TargetStrategyParameters` (848).
    pub target_strategy_parameters: Option<&'a [u8]>,
    /// `NoStrategyParameters` (957).
    pub strategy_parameters: Option<u32>,
    /// `StrategyParameterName` (958) and `StrategyParameterValue` (960), if there is one parameter.
    pub strategy_parameter: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Instructions<'a> {
    fn read(message: &Message<'a>, known: &Known<'a>) -> Result<Self, AppError> {
        let mut display_qty = None;
        for tag in [tags::DISPLAY_QTY, tags::MAX_FLOOR, tags::MAX_SHOW] {
            display_qty = display_qty.or(known.positive_or_none(tag)?);
        }
        let strategy_parameters = known.number(tags::NO_STRATEGY_PARAMETERS)?;
        let parameter = || {
            let name = message.get(tags::STRATEGY_PARAMETER_NAME)?;
            Some((name, message.get(tags::STRATEGY_PARAMETER_VALUE)?))
        };
        let strategy_parameter = if strategy_parameters == Some(1) { parameter() } else { None };
        Ok(Self {
            ex_destination: known.text(tags::EX_DESTINATION, EX_DESTINATION_BYTES_MAX)?,
            exec_inst: known.letters(tags::EXEC_INST)?,
            expire_time_ns: known.time_ns(tags::EXPIRE_TIME)?,
            effective_time_ns: known.time_ns(tags::EFFECTIVE_TIME)?,
            min_qty: known.positive_or_none(tags::MIN_QTY)?,
            display_qty,
            cash_order_qty: known.positive(tags::CASH_ORDER_QTY)?,
            target_strategy: known.number(tags::TARGET_STRATEGY)?,
            target_strategy_parameters: known
                .text(tags::TARGET_STRATEGY_PARAMETERS, STRATEGY_PARAMETERS_BYTES_MAX)?,
            strategy_parameters,
            strategy_parameter,
        })
    }
}

/// `OrderCancelReplaceRequest` (35=G): the order with its new terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCancelReplaceRequest<'a> {
    /// `OrigClOrdID` (41): the order to change.
    pub orig_cl_ord_id: &'a [u8],
    /// `OrderID` (37) of the order to change, as we gave it.
    pub order_id: Option<&'a [u8]>,
    /// The new terms; `cl_ord_id` is the request's own.
    pub order: NewOrderSingle<'a>,
}

/// Which orders a mass request means: the supported values of 530 and 585.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MassRequestType {
    /// 1: the orders of `Symbol` (55).
    Security,
    /// 7: all orders.
    All,
    /// Another one of FIX 5.0 SP2; not supported.
    Other(u8),
}

/// `OrderMassCancelRequest` (35=q).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderMassCancelRequest<'a> {
    /// `ClOrdID` (11) of this request.
    pub cl_ord_id: &'a [u8],
    /// `MassCancelRequestType` (530).
    pub request_type: MassRequestType,
    /// Account (1).
    pub account: Option<&'a [u8]>,
    /// Symbol (55); always there for [`MassRequestType::Security`].
    pub symbol: Option<&'a [u8]>,
    /// Side (54).
    pub side: Option<Side>,
}

/// `OrderMassStatusRequest` (35=AF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderMassStatusRequest<'a> {
    /// `MassStatusReqID` (584) of this request.
    pub request_id: &'a [u8],
    /// `MassStatusReqType` (585).
    pub request_type: MassRequestType,
    /// Account (1).
    pub account: Option<&'a [u8]>,
    /// Symbol (55); always there for [`MassRequestType::Security`].
    pub symbol: Option<&'a [u8]>,
    /// Side (54).
    pub side: Option<Side>,
}

/// `OrderCancelRequest` (35=F).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCancelRequest<'a> {
    /// `ClOrdID` (11) of this request.
    pub cl_ord_id: &'a [u8],
    /// `OrigClOrdID` (41): the order to cancel.
    pub orig_cl_ord_id: &'a [u8],
    /// `OrderID` (37) of the order to cancel, as we gave it.
    pub order_id: Option<&'a [u8]>,
    /// Account (1).
    pub account: Option<&'a [u8]>,
    /// Symbol (55).
    pub symbol: &'a [u8],
    /// Side (54).
    pub side: Side,
    /// `OrderQty` (38), above zero.
    pub order_qty: Option<Decimal>,
    /// `TransactTime` (60) in nanoseconds since the Unix epoch.
    pub transact_time_ns: u64,
}

/// `OrderStatusRequest` (35=H).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderStatusRequest<'a> {
    /// `ClOrdID` (11) of the order.
    pub cl_ord_id: &'a [u8],
    /// `OrderID` (37) of the order, as we gave it.
    pub order_id: Option<&'a [u8]>,
    /// `OrdStatusReqID` (790), repeated in the answer.
    pub ord_status_req_id: Option<&'a [u8]>,
    /// Account (1).
    pub account: Option<&'a [u8]>,
    /// Symbol (55).
    pub symbol: &'a [u8],
    /// Side (54).
    pub side: Side,
}

impl<'a> NewOrderSingle<'a> {
    /// Reads and checks the fields of a 35=D.
    ///
    /// # Errors
    /// The first field at fault. Missing fields come first, in order of their tags.
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        Self::from_known(message, &Known::read(message)?)
    }

    fn from_known(message: &Message<'a>, known: &Known<'a>) -> Result<Self, AppError> {
        known.demand(&[tags::CL_ORD_ID])?;
        // An order by amount (152) has no quantity.
        if known.get(tags::CASH_ORDER_QTY).is_none() {
            known.demand(&[tags::ORDER_QTY])?;
        }
        known.demand(&[tags::ORD_TYPE, tags::SIDE, tags::SYMBOL, tags::TRANSACT_TIME])?;
        let side = known.side()?;
        let ord_type = known.ord_type()?;
        let time_in_force = known.time_in_force()?;
        let price = known.positive(tags::PRICE)?;
        let limited = matches!(ord_type, OrdType::Limit | OrdType::StopLimit);
        if limited && price.is_none() {
            let reason = BusinessRejectReason::ConditionallyRequiredFieldMissing;
            let rejection = Rejection::Business(reason);
            return Err(AppError { ref_tag: tags::PRICE, rejection });
        }
        // A price on a market order is a contradiction, so it is not ignored.
        let stray_price = ord_type == OrdType::Market && price.is_some();
        let unsupported = known
            .refused
            .or(stray_price.then_some(tags::PRICE))
            .or(matches!(ord_type, OrdType::Other(_)).then_some(tags::ORD_TYPE))
            .or(matches!(side, Side::Other(_)).then_some(tags::SIDE))
            .or(matches!(time_in_force, TimeInForce::Other(_)).then_some(tags::TIME_IN_FORCE));
        Ok(Self {
            cl_ord_id: known.required_text(tags::CL_ORD_ID, CL_ORD_ID_BYTES_MAX)?,
            account: known.text(tags::ACCOUNT, ACCOUNT_BYTES_MAX)?,
            symbol: known.required_text(tags::SYMBOL, SYMBOL_BYTES_MAX)?,
            side,
            ord_type,
            time_in_force,
            order_qty: known.positive(tags::ORDER_QTY)?.unwrap_or_default(),
            price,
            stop_px: known.positive(tags::STOP_PX)?,
            transact_time_ns: known.transact_time()?,
            handl_inst: known.handl_inst()?,
            instructions: Instructions::read(message, known)?,
            unsupported,
        })
    }
}

impl<'a> OrderCancelReplaceRequest<'a> {
    /// Reads and checks the fields of a 35=G.
    ///
    /// # Errors
    /// The first field at fault. Missing fields come first, in order of their tags.
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let known = Known::read(message)?;
        known.demand(&[tags::CL_ORD_ID, tags::ORIG_CL_ORD_ID])?;
        Ok(Self {
            orig_cl_ord_id: known.required_text(tags::ORIG_CL_ORD_ID, CL_ORD_ID_BYTES_MAX)?,
            order_id: known.text(tags::ORDER_ID, ORDER_ID_BYTES_MAX)?,
            order: NewOrderSingle::from_known(message, &known)?,
        })
    }
}

impl MassRequestType {
    /// Types of FIX 5.0 SP2 (530 and 585: 1 to 9, A to F).
    fn read(known: &Known<'_>, tag: u32) -> Result<Self, AppError> {
        match known.required_char(tag)? {
            b'1' if known.get(tags::SYMBOL).is_none() => Err(AppError::missing(tags::SYMBOL)),
            b'1' => Ok(Self::Security),
            b'7' => Ok(Self::All),
            other @ (b'2'..=b'9' | b'A'..=b'F') => Ok(Self::Other(other)),
            _ => Err(AppError::range(tag)),
        }
    }
}

impl<'a> OrderMassCancelRequest<'a> {
    /// Reads and checks the fields of a 35=q.
    ///
    /// # Errors
    /// The first field at fault. Missing fields come first, in order of their tags.
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let known = Known::read(message)?;
        let request_type = tags::MASS_CANCEL_REQUEST_TYPE;
        known.demand(&[tags::CL_ORD_ID, tags::TRANSACT_TIME, request_type])?;
        known.transact_time()?;
        Ok(Self {
            cl_ord_id: known.required_text(tags::CL_ORD_ID, CL_ORD_ID_BYTES_MAX)?,
            request_type: MassRequestType::read(&known, request_type)?,
            account: known.text(tags::ACCOUNT, ACCOUNT_BYTES_MAX)?,
            symbol: known.text(tags::SYMBOL, SYMBOL_BYTES_MAX)?,
            side: known.side_if_any()?,
        })
    }
}

impl<'a> OrderMassStatusRequest<'a> {
    /// Reads and checks the fields of a 35=AF.
    ///
    /// # Errors
    /// The first field at fault. Missing fields come first, in order of their tags.
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let known = Known::read(message)?;
        let request_type = tags::MASS_STATUS_REQ_TYPE;
        known.demand(&[tags::MASS_STATUS_REQ_ID, request_type])?;
        Ok(Self {
            request_id: known.required_text(tags::MASS_STATUS_REQ_ID, CL_ORD_ID_BYTES_MAX)?,
            request_type: MassRequestType::read(&known, request_type)?,
            account: known.text(tags::ACCOUNT, ACCOUNT_BYTES_MAX)?,
            symbol: known.text(tags::SYMBOL, SYMBOL_BYTES_MAX)?,
            side: known.side_if_any()?,
        })
    }
}

impl<'a> OrderCancelRequest<'a> {
    /// Reads and checks the fields of a 35=F.
    ///
    /// # Errors
    /// The first field at fault. Missing fields come first, in order of their tags.
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let known = Known::read(message)?;
        known.demand(&[
            tags::CL_ORD_ID,
            tags::ORIG_CL_ORD_ID,
            tags::SIDE,
            tags::SYMBOL,
            tags::TRANSACT_TIME,
        ])?;
        Ok(Self {
            cl_ord_id: known.required_text(tags::CL_ORD_ID, CL_ORD_ID_BYTES_MAX)?,
            orig_cl_ord_id: known.required_text(tags::ORIG_CL_ORD_ID, CL_ORD_ID_BYTES_MAX)?,
            order_id: known.text(tags::ORDER_ID, ORDER_ID_BYTES_MAX)?,
            account: known.text(tags::ACCOUNT, ACCOUNT_BYTES_MAX)?,
            symbol: known.required_text(tags::SYMBOL, SYMBOL_BYTES_MAX)?,
            side: known.side()?,
            order_qty: known.positive(tags::ORDER_QTY)?,
            transact_time_ns: known.transact_time()?,
        })
    }
}

impl<'a> OrderStatusRequest<'a> {
    /// Reads and checks the fields of a 35=H.
    ///
    /// # Errors
    /// The first field at fault. Missing fields come first, in order of their tags.
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let known = Known::read(message)?;
        known.demand(&[tags::CL_ORD_ID, tags::SIDE, tags::SYMBOL])?;
        Ok(Self {
            cl_ord_id: known.required_text(tags::CL_ORD_ID, CL_ORD_ID_BYTES_MAX)?,
            order_id: known.text(tags::ORDER_ID, ORDER_ID_BYTES_MAX)?,
            ord_status_req_id: known.text(tags::ORD_STATUS_REQ_ID, CL_ORD_ID_BYTES_MAX)?,
            account: known.text(tags::ACCOUNT, ACCOUNT_BYTES_MAX)?,
            symbol: known.required_text(tags::SYMBOL, SYMBOL_BYTES_MAX)?,
            side: known.side()?,
        })
    }
}
