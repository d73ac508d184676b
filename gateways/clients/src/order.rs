//! A client's request as an input for the core.
//!
//! A line belongs here if it turns one message into one input: `NewOrderSingle` (D),
//! `OrderCancelReplaceRequest` (G), `OrderCancelRequest` (F), `OrderStatusRequest` (H),
//! `OrderMassCancelRequest` (q), `OrderMassStatusRequest` (AF), and our own `RoutePreviewRequest`
//! (U3), which has the fields of D. Which fields these need, and their
//! formats, is `rutter_fix::app`. Whether an order is accepted is the core's.
//!
//! Three answers to a request that cannot be accepted. A required field is missing or malformed:
//! Reject (35=3). The message is well formed and not supported: `BusinessMessageReject` (35=j). The
//! order can be read but asks for something that the core has no field for: the core refuses it
//! with a numbered report like any other ([`Unacceptable`]).
//!
//! A cancel or a status request is passed on whatever its account, symbol, side or quantity. The
//! order is found by session and id, and a cancel lessens risk.

use rutter_core::id::{ClOrdId, Name, Symbol};
use rutter_core::input::{
    CancelOrder, CharSet, Input, Instructions, MassCancel, MassScope, MassStatus, NewOrder,
    OrdType, OrderStatus, Refusal, ReplaceOrder, ScoreWeights, Side, TimeInForce, Unacceptable,
    WrittenNumber, WrittenTerms,
};
use rutter_core::number::{AMOUNT_DECIMALS, Amount, Price, Qty, UnixNanos};
use rutter_core::reference::ten_to;
use rutter_fix::app::{
    self, AppError, MassRequestType, NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest,
    OrderMassCancelRequest, OrderMassStatusRequest, OrderStatusRequest, Rejection,
};
use rutter_fix::codec::{Decimal, Message, parse_timestamp_ns};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{BusinessRejectReason, SessionRejectReason as Reason};
use rutter_fix::tags::{self, msg_type};

use crate::config::InstrumentConfig;
use crate::number::is_number;
use crate::terms::{Owner, Terms};

/// Longest `Symbol` that is passed on, in bytes. A longer one is unknown in any case, and is cut.
const SYMBOL_BYTES_MAX: usize = 20;

/// The result of reading a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "it lives for one call")]
pub enum ParsedRequest {
    /// An input for the core.
    Input(Input),
    /// A preview that the core has no fields for is answered with this refusal.
    NoPreview(Unacceptable),
    /// A required field is missing or malformed.
    Reject {
        /// `SessionRejectReason` (373).
        reason: Reason,
        /// The field at fault.
        tag: u32,
    },
    /// The message is well formed and not supported.
    BusinessReject {
        /// `BusinessRejectReason` (380).
        reason: BusinessRejectReason,
    },
}

/// Reads a message. `id` is the session's [`AppMessage::id`](rutter_fix::session::AppMessage::id)
/// and becomes the input's `client_seq`. It has the sequence number and the reset count in one, so
/// the answer confirms this very message, also after a restart or a sequence reset.
pub fn read(message: &Message<'_>, id: u64, owner: &Owner, terms: &Terms) -> ParsedRequest {
    let later = owner.version != Version::Fix42;
    if message.msg_type() == msg_type::PREVIEW_REQUEST {
        return preview(message, id, owner, terms).unwrap_or_else(ParsedRequest::fault);
    }
    let read = match message.msg_type() {
        msg_type::NEW_ORDER_SINGLE => new_order(message, id, owner, terms),
        msg_type::ORDER_CANCEL_REPLACE_REQUEST => replace(message, id, owner, terms),
        msg_type::ORDER_CANCEL_REQUEST => cancel(message, id, owner),
        msg_type::ORDER_STATUS_REQUEST => status(message, id, owner),
        // Mass requests exist from FIX 4.3 on.
        msg_type::ORDER_MASS_CANCEL_REQUEST if later => mass_cancel(message, id, owner, terms),
        msg_type::ORDER_MASS_STATUS_REQUEST if later => mass_status(message, id, owner, terms),
        _ => Err(AppError {
            ref_tag: tags::MSG_TYPE,
            rejection: Rejection::Business(BusinessRejectReason::UnsupportedMessageType),
        }),
    };
    read.map_or_else(ParsedRequest::fault, ParsedRequest::Input)
}

impl ParsedRequest {
    const fn fault(error: AppError) -> Self {
        match error.rejection {
            Rejection::Session(reason) => Self::Reject { reason, tag: error.ref_tag },
            Rejection::Business(reason) => Self::BusinessReject { reason },
        }
    }
}

/// The order that a preview asks about.
fn preview(
    message: &Message<'_>,
    id: u64,
    owner: &Owner,
    terms: &Terms,
) -> Result<ParsedRequest, AppError> {
    let read = NewOrderSingle::read(message);
    Ok(match order(message, &read, id, owner, terms)? {
        Ok(order) => ParsedRequest::Input(Input::Preview(order)),
        Err(order) => ParsedRequest::NoPreview(order),
    })
}

/// The client's own id of a message: `BusinessRejectRefID` (379) of the answer.
pub fn business_id<'m>(message: &Message<'m>) -> Option<&'m [u8]> {
    let tags = [tags::CL_ORD_ID, tags::MASS_STATUS_REQ_ID, tags::MD_REQ_ID];
    tags.into_iter().find_map(|tag| message.get(tag))
}

const fn out_of_range(tag: u32) -> AppError {
    AppError { ref_tag: tag, rejection: Rejection::Session(Reason::ValueOutOfRange) }
}

/// An id that a report can repeat.
fn cl_ord_id(text: &[u8], tag: u32) -> Result<ClOrdId, AppError> {
    ClOrdId::new(text).filter(|id| !id.is_empty()).ok_or(out_of_range(tag))
}

fn new_order(
    message: &Message<'_>,
    id: u64,
    owner: &Owner,
    terms: &Terms,
) -> Result<Input, AppError> {
    let read = NewOrderSingle::read(message);
    Ok(match order(message, &read, id, owner, terms)? {
        Ok(order) => Input::NewOrder(order),
        Err(unacceptable) => Input::Unacceptable(unacceptable),
    })
}

fn replace(
    message: &Message<'_>,
    id: u64,
    owner: &Owner,
    terms: &Terms,
) -> Result<Input, AppError> {
    let read = OrderCancelReplaceRequest::read(message).map(|view| view.order);
    // If the field is missing or malformed, `read` has failed because of it.
    let orig = message.get(tags::ORIG_CL_ORD_ID).unwrap_or(b"");
    let read = order(message, &read, id, owner, terms)?;
    let orig_cl_ord_id = cl_ord_id(orig, tags::ORIG_CL_ORD_ID)?;
    Ok(match read {
        Ok(order) => Input::Replace(ReplaceOrder { orig_cl_ord_id, order }),
        Err(order) => Input::Unacceptable(Unacceptable { orig_cl_ord_id, ..order }),
    })
}

/// The order that a message describes, or what the core is to refuse.
fn order(
    message: &Message<'_>,
    read: &Result<NewOrderSingle<'_>, AppError>,
    id: u64,
    owner: &Owner,
    terms: &Terms,
) -> Result<Result<NewOrder, Unacceptable>, AppError> {
    // FIX 4.2 volume 1: HandlInst (21) is required; later versions made it optional.
    if owner.version == Version::Fix42 && message.get(tags::HANDL_INST).is_none() {
        let rejection = Rejection::Session(Reason::RequiredTagMissing);
        return Err(AppError { ref_tag: tags::HANDL_INST, rejection });
    }
    let (cl_ord_id, symbol, order) = match read {
        Ok(view) => {
            let cl_ord_id = cl_ord_id(view.cl_ord_id, tags::CL_ORD_ID)?;
            (cl_ord_id, view.symbol, in_terms(view, cl_ord_id, id, owner, terms))
        }
        Err(error) => {
            let refusal = too_large(message, *error).ok_or(*error)?;
            let cl_ord_id =
                cl_ord_id(message.get(tags::CL_ORD_ID).unwrap_or(b""), tags::CL_ORD_ID)?;
            (cl_ord_id, message.get(tags::SYMBOL).unwrap_or(b""), Err(refusal))
        }
    };
    // Below the expected number a message with 43=Y is ignored; at it, it was lost before, or the
    // numbers have begun anew since.
    let poss_resend = [tags::POSS_DUP_FLAG, tags::POSS_RESEND]
        .into_iter()
        .any(|tag| message.get(tag) == Some(b"Y"));
    let order = order.map(|order| NewOrder { poss_resend, ..order });
    Ok(order.map_err(|refusal| Unacceptable {
        session: owner.session,
        client_seq: id,
        cl_ord_id,
        symbol: shown_symbol(symbol),
        written: written(message),
        orig_cl_ord_id: ClOrdId::EMPTY,
        refusal,
        trace: 0,
    }))
}

/// The terms of an order that the core is to refuse, as the client wrote them.
fn written(message: &Message<'_>) -> WrittenTerms {
    let character = |tag| match message.get(tag) {
        Some([byte]) if byte.is_ascii_graphic() => *byte,
        _ => 0,
    };
    let number = |tag| match message.decimal(tag) {
        Ok(Some(Decimal { mantissa, scale })) => {
            WrittenNumber { digits: mantissa, decimals: scale }
        }
        Ok(None) | Err(_) => WrittenNumber::ZERO,
    };
    WrittenTerms {
        side: character(tags::SIDE),
        ord_type: character(tags::ORD_TYPE),
        tif: character(tags::TIME_IN_FORCE),
        qty: number(tags::ORDER_QTY),
        price: number(tags::PRICE),
        account: message.get(tags::ACCOUNT).and_then(Name::new).unwrap_or(Name::EMPTY),
    }
}

/// A number that is larger or longer than a quantity or price can be makes a bad order, not a
/// malformed message.
fn too_large(message: &Message<'_>, error: AppError) -> Option<Refusal> {
    let refusal = match error.ref_tag {
        tags::ORDER_QTY => Refusal::BadQuantity,
        tags::PRICE => Refusal::BadPrice,
        _ => return None,
    };
    let malformed = error.rejection == Rejection::Session(Reason::IncorrectDataFormat);
    (malformed && message.get(error.ref_tag).is_some_and(is_number)).then_some(refusal)
}

/// The order with quantity and price in the instrument's units, or the reason to refuse it.
fn in_terms(
    view: &NewOrderSingle<'_>,
    cl_ord_id: ClOrdId,
    id: u64,
    owner: &Owner,
    terms: &Terms,
) -> Result<NewOrder, Refusal> {
    let instrument = terms.by_symbol(view.symbol).ok_or(Refusal::UnknownSymbol)?;
    if view.account.is_some_and(|account| account != owner.account.as_bytes()) {
        return Err(Refusal::WrongAccount);
    }
    match view.unsupported {
        None => {}
        Some(tags::ORD_TYPE | tags::TIME_IN_FORCE) => return Err(Refusal::UnsupportedType),
        Some(_) => return Err(Refusal::UnsupportedField),
    }
    if view.stop_px.is_some() {
        return Err(Refusal::UnsupportedField);
    }
    let ord_type = match view.ord_type {
        app::OrdType::Market => OrdType::Market,
        app::OrdType::Limit => OrdType::Limit,
        app::OrdType::Stop | app::OrdType::StopLimit | app::OrdType::Other(_) => {
            return Err(Refusal::UnsupportedType);
        }
    };
    let tif = match view.time_in_force {
        app::TimeInForce::Day => TimeInForce::Day,
        app::TimeInForce::Gtc => TimeInForce::Gtc,
        app::TimeInForce::Ioc => TimeInForce::Ioc,
        app::TimeInForce::Fok => TimeInForce::Fok,
        app::TimeInForce::Gtd => TimeInForce::Gtd,
        app::TimeInForce::Other(_) => return Err(Refusal::UnsupportedType),
    };
    let side = match view.side {
        app::Side::Buy => Side::Buy,
        app::Side::Sell => Side::Sell,
        app::Side::Other(_) => return Err(Refusal::UnsupportedField),
    };
    // 3 asks for manual execution, which does not exist here.
    if view.handl_inst == Some(b'3') {
        return Err(Refusal::UnsupportedField);
    }
    let qty = view.order_qty.at_scale(instrument.qty_decimals).ok_or(Refusal::BadQuantity)?;
    let price = match view.price {
        None => 0,
        Some(price) => price.at_scale(instrument.price_decimals).ok_or(Refusal::BadPrice)?,
    };
    Ok(NewOrder {
        session: owner.session,
        client_seq: id,
        cl_ord_id,
        instrument: instrument.id,
        side,
        ord_type,
        tif,
        qty: Qty(qty),
        price: Price(price),
        poss_resend: false,
        trace: 0,
        instructions: instructions(&view.instructions, instrument, terms)?,
    })
}

/// `StrategyParameterName` (958) of the time at which a smart order crosses at the latest.
const DEADLINE: &[u8] = b"Deadline";

fn instructions(
    said: &app::Instructions<'_>,
    instrument: &InstrumentConfig,
    terms: &Terms,
) -> Result<Instructions, Refusal> {
    let qty = |said: Option<Decimal>| match said {
        None => Ok(Qty::ZERO),
        Some(said) => said.at_scale(instrument.qty_decimals).map(Qty).ok_or(Refusal::BadQuantity),
    };
    let cash = match said.cash_order_qty {
        None => 0,
        Some(said) => {
            let decimals = instrument.price_decimals;
            let whole = said.at_scale(decimals).ok_or(Refusal::UnsupportedCashQty)?;
            i128::from(whole) * ten_to(AMOUNT_DECIMALS - u32::from(decimals))
        }
    };
    // Another parameter is refused by the core, which is told how many there are.
    let deadline = match said.strategy_parameter {
        Some((DEADLINE, value)) => parse_timestamp_ns(value).ok_or(Refusal::BadDeadline)?,
        Some(_) | None => 0,
    };
    let letters = said.exec_inst.unwrap_or(b"").iter().filter(|byte| **byte != b' ');
    let exec_inst = letters.fold(CharSet::EMPTY, |set, byte| set.with(*byte).unwrap_or(set));
    Ok(Instructions {
        only: match said.ex_destination {
            None => None,
            Some(name) => Some(terms.venue_named(name).ok_or(Refusal::UnknownVenue)?),
        },
        exec_inst,
        expire_at: UnixNanos(said.expire_time_ns.unwrap_or(0)),
        effective_at: UnixNanos(said.effective_time_ns.unwrap_or(0)),
        strategy: said.target_strategy.unwrap_or(0),
        weights: said.target_strategy_parameters.map(score_weights).transpose()?,
        strategy_parameters: said.strategy_parameters.unwrap_or(0).min(u32::from(u8::MAX)) as u8,
        deadline: UnixNanos(deadline),
        min_qty: qty(said.min_qty)?,
        display_qty: qty(said.display_qty)?,
        cash_qty: Amount(cash),
    })
}

/// The weights of a score as FIX 848 writes them: `price=40,latency=20,reliability=30,liquidity=10`
/// in any order. What is left out has no weight.
fn score_weights(text: &[u8]) -> Result<ScoreWeights, Refusal> {
    let names: [&[u8]; 4] = [b"price", b"latency", b"reliability", b"liquidity"];
    let mut weights = [None; 4];
    for part in text.split(|byte| *byte == b',') {
        let (name, number) = part
            .iter()
            .position(|byte| *byte == b'=')
            .map(|at| (&part[..at], &part[at + 1..]))
            .ok_or(Refusal::UnsupportedStrategy)?;
        let place = names.iter().position(|known| *known == name);
        let weight = place.and_then(|at| weights.get_mut(at)).filter(|weight| weight.is_none());
        let number = parse_u8(number).ok_or(Refusal::UnsupportedStrategy)?;
        *weight.ok_or(Refusal::UnsupportedStrategy)? = Some(number);
    }
    let [price, latency, reliability, liquidity] = weights.map(Option::unwrap_or_default);
    Ok(ScoreWeights { price, latency, reliability, liquidity })
}

/// A whole number of one to three digits.
fn parse_u8(digits: &[u8]) -> Option<u8> {
    let plain = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

fn cancel(message: &Message<'_>, id: u64, owner: &Owner) -> Result<Input, AppError> {
    let view = OrderCancelRequest::read(message)?;
    Ok(Input::Cancel(CancelOrder {
        session: owner.session,
        client_seq: id,
        cl_ord_id: cl_ord_id(view.cl_ord_id, tags::CL_ORD_ID)?,
        orig_cl_ord_id: cl_ord_id(view.orig_cl_ord_id, tags::ORIG_CL_ORD_ID)?,
    }))
}

fn status(message: &Message<'_>, id: u64, owner: &Owner) -> Result<Input, AppError> {
    let view = OrderStatusRequest::read(message)?;
    Ok(Input::Status(OrderStatus {
        session: owner.session,
        client_seq: id,
        cl_ord_id: cl_ord_id(view.cl_ord_id, tags::CL_ORD_ID)?,
        request: match view.ord_status_req_id {
            None => ClOrdId::EMPTY,
            Some(text) => cl_ord_id(text, tags::ORD_STATUS_REQ_ID)?,
        },
    }))
}

/// The scope of a mass request, or the reason to refuse it.
fn scope(
    kind: MassRequestType,
    symbol: Option<&[u8]>,
    side: Option<app::Side>,
    account: Option<&[u8]>,
    owner: &Owner,
    terms: &Terms,
) -> (MassScope, Refusal) {
    let instrument = symbol.and_then(|symbol| terms.by_symbol(symbol)).map(|one| one.id);
    let traded = match side {
        Some(app::Side::Buy) => Some(Side::Buy),
        Some(app::Side::Sell) => Some(Side::Sell),
        Some(app::Side::Other(_)) | None => None,
    };
    let scope = MassScope { instrument, side: traded };
    let refusal = match kind {
        _ if account.is_some_and(|account| account != owner.account.as_bytes()) => {
            Refusal::WrongAccount
        }
        MassRequestType::Other(_) => Refusal::UnsupportedScope,
        // A known symbol narrows the scope, whatever the type.
        _ if symbol.is_some() && instrument.is_none() => Refusal::UnknownSymbol,
        MassRequestType::Security | MassRequestType::All => match side {
            Some(app::Side::Other(_)) => Refusal::UnsupportedScope,
            Some(app::Side::Buy | app::Side::Sell) | None => Refusal::None,
        },
    };
    (scope, refusal)
}

fn mass_cancel(
    message: &Message<'_>,
    id: u64,
    owner: &Owner,
    terms: &Terms,
) -> Result<Input, AppError> {
    let view = OrderMassCancelRequest::read(message)?;
    let (scope, refusal) =
        scope(view.request_type, view.symbol, view.side, view.account, owner, terms);
    // The report repeats the value, so the value has to be one that a report may have.
    if let MassRequestType::Other(other) = view.request_type
        && !owner.version.dictionary().allows(tags::MASS_CANCEL_REQUEST_TYPE, &[other])
    {
        return Err(out_of_range(tags::MASS_CANCEL_REQUEST_TYPE));
    }
    Ok(Input::MassCancel(MassCancel {
        session: owner.session,
        client_seq: id,
        cl_ord_id: cl_ord_id(view.cl_ord_id, tags::CL_ORD_ID)?,
        asked: match view.request_type {
            MassRequestType::Security => b'1',
            MassRequestType::All => b'7',
            MassRequestType::Other(other) => other,
        },
        scope,
        refusal,
    }))
}

fn mass_status(
    message: &Message<'_>,
    id: u64,
    owner: &Owner,
    terms: &Terms,
) -> Result<Input, AppError> {
    let view = OrderMassStatusRequest::read(message)?;
    let (scope, refusal) =
        scope(view.request_type, view.symbol, view.side, view.account, owner, terms);
    Ok(Input::MassStatus(MassStatus {
        session: owner.session,
        client_seq: id,
        request: cl_ord_id(view.request_id, tags::MASS_STATUS_REQ_ID)?,
        scope,
        refusal,
    }))
}

/// The client's text for the instrument, cut and made printable.
fn shown_symbol(symbol: &[u8]) -> Symbol {
    let mut shown = [b'?'; SYMBOL_BYTES_MAX];
    let length = symbol.len().min(SYMBOL_BYTES_MAX);
    for (place, byte) in shown.iter_mut().zip(symbol) {
        if (0x20..0x7f).contains(byte) {
            *place = *byte;
        }
    }
    shown.get(..length).and_then(Symbol::new).unwrap_or(Symbol::EMPTY)
}
