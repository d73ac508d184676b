//! Typed views of what a client may send: `NewOrderSingle`, `OrderCancelRequest` and
//! `OrderStatusRequest`.
//!
//! A view is made in one pass over a decoded message and borrows its text. It says that the fields
//! are there and well formed; whether the instrument exists or the order is wise is the core's. A
//! field that changes what an order means, and that is not carried out, is never ignored: the view
//! names it in `unsupported` and the caller refuses the order.

use crate::codec::{Decimal, Message, parse_decimal, parse_timestamp_ns};
use crate::session::{BusinessRejectReason, SessionRejectReason};
use crate::tags;

/// Longest `ClOrdID`, `OrigClOrdID` or `OrdStatusReqID`, in bytes.
pub const CL_ORD_ID_BYTES_MAX: usize = 36;
/// Longest `OrderID`, in bytes.
pub const ORDER_ID_BYTES_MAX: usize = 36;
/// Longest `Symbol`, in bytes.
pub const SYMBOL_BYTES_MAX: usize = 32;
/// Longest `Account`, in bytes.
pub const ACCOUNT_BYTES_MAX: usize = 32;

/// Fields that change what a `NewOrderSingle` means and are not carried out. Ascending.
pub const UNSUPPORTED_TAGS: &[u32] = &[
    18, 77, 78, 81, 99, 100, 110, 111, 114, 126, 152, 168, 203, 210, 211, 386, 388, 389, 423, 427,
    432, 468, 469, 480, 516, 529, 544, 635, 640, 835, 836, 837, 838, 840, 841, 842, 843, 844, 846,
    847, 848, 849, 854, 1028, 1031, 1079, 1080, 1082, 1083, 1084, 1085, 1086, 1087, 1088, 1089,
    1090, 1091, 1092, 1094, 1096, 1097, 1098, 1099, 1100, 1101, 1102, 1103, 1104, 1105, 1106, 1107,
    1108, 1109, 1110, 1111, 1112, 1113, 1138,
];

/// Why a message of the application cannot be taken, and which answer it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// A Reject (35=3).
    Session(SessionRejectReason),
    /// A `BusinessMessageReject` (35=j).
    Business(BusinessRejectReason),
}

/// A message of the application that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("tag {ref_tag}: {}", self.text())]
pub struct AppError {
    /// The field at fault.
    pub ref_tag: u32,
    /// The answer it gets.
    pub rejection: Rejection,
}

impl AppError {
    const fn session(ref_tag: u32, reason: SessionRejectReason) -> Self {
        Self { ref_tag, rejection: Rejection::Session(reason) }
    }

    const fn missing(ref_tag: u32) -> Self {
        Self::session(ref_tag, SessionRejectReason::RequiredTagMissing)
    }

    const fn range(ref_tag: u32) -> Self {
        Self::session(ref_tag, SessionRejectReason::ValueOutOfRange)
    }

    const fn format(ref_tag: u32) -> Self {
        Self::session(ref_tag, SessionRejectReason::IncorrectDataFormat)
    }

    /// Text (58) of the answer: the words of the specification.
    pub const fn text(&self) -> &'static str {
        match self.rejection {
            Rejection::Session(reason) => reason.text(),
            Rejection::Business(reason) => reason.text(),
        }
    }
}

/// Side (54).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// 1.
    Buy,
    /// 2.
    Sell,
    /// Another one of FIX 4.4; unsupported.
    Other(u8),
}

/// `OrdType` (40).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrdType {
    /// 1.
    Market,
    /// 2.
    Limit,
    /// 3.
    Stop,
    /// 4.
    StopLimit,
    /// Another one of FIX 4.4; unsupported.
    Other(u8),
}

/// `TimeInForce` (59); a day order when absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// 0.
    Day,
    /// 1, good till cancelled.
    Gtc,
    /// 3, immediate or cancel.
    Ioc,
    /// 4, fill or kill.
    Fok,
    /// 6, good till date.
    Gtd,
    /// Another one of FIX 4.4; unsupported.
    Other(u8),
}

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
    /// `TransactTime` (60) in nanoseconds since the Unix epoch.
    pub transact_time_ns: u64,
    /// `HandlInst` (21), `1` to `3`.
    pub handl_inst: Option<u8>,
    /// The first field (in order of the message, else by tag) that we would have to obey and do
    /// not: the order must be refused, naming it.
    pub unsupported: Option<u32>,
}

/// `OrderCancelRequest` (35=F).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCancelRequest<'a> {
    /// `ClOrdID` (11) of this request.
    pub cl_ord_id: &'a [u8],
    /// `OrigClOrdID` (41): the order to cancel.
    pub orig_cl_ord_id: &'a [u8],
    /// `OrderID` (37): ours, of the order to cancel.
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
    /// `ClOrdID` (11): the order asked about.
    pub cl_ord_id: &'a [u8],
    /// `OrderID` (37): ours, of the order asked about.
    pub order_id: Option<&'a [u8]>,
    /// `OrdStatusReqID` (790): to be repeated in the answer.
    pub ord_status_req_id: Option<&'a [u8]>,
    /// Account (1).
    pub account: Option<&'a [u8]>,
    /// Symbol (55).
    pub symbol: &'a [u8],
    /// Side (54).
    pub side: Side,
}

/// The fields that the views know.
const KNOWN: [u32; 13] = [
    tags::ACCOUNT,
    tags::CL_ORD_ID,
    tags::HANDL_INST,
    tags::ORDER_ID,
    tags::ORDER_QTY,
    tags::ORD_TYPE,
    tags::ORIG_CL_ORD_ID,
    tags::PRICE,
    tags::SIDE,
    tags::SYMBOL,
    tags::TIME_IN_FORCE,
    tags::TRANSACT_TIME,
    tags::ORD_STATUS_REQ_ID,
];

const SMALL_TAGS: usize = 1_152;
const UNKNOWN: u8 = 0xff;
const REFUSED: u8 = 0xfe;

/// What each small tag is here: a position in [`KNOWN`], refused, or nothing to us.
static ROLE: [u8; SMALL_TAGS] = {
    let mut table = [UNKNOWN; SMALL_TAGS];
    let mut i = 0;
    while i < UNSUPPORTED_TAGS.len() {
        table[UNSUPPORTED_TAGS[i] as usize] = REFUSED;
        i += 1;
    }
    i = 0;
    while i < KNOWN.len() {
        table[KNOWN[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// One pass over a message: the values of the known fields and the first refused one.
struct Known<'a> {
    values: [Option<&'a [u8]>; KNOWN.len()],
    refused: Option<u32>,
}

impl<'a> Known<'a> {
    fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let mut known = Self { values: [None; KNOWN.len()], refused: None };
        for (tag, value) in message.fields() {
            let role = ROLE.get(tag as usize).copied().unwrap_or(UNKNOWN);
            if let Some(place) = known.values.get_mut(usize::from(role)) {
                if place.replace(value).is_some() {
                    return Err(AppError::session(tag, SessionRejectReason::TagRepeated));
                }
            } else if role == REFUSED {
                known.refused.get_or_insert(tag);
            }
        }
        Ok(known)
    }

    fn get(&self, tag: u32) -> Option<&'a [u8]> {
        let role = ROLE.get(tag as usize).copied().unwrap_or(UNKNOWN);
        self.values.get(usize::from(role)).copied().flatten()
    }

    /// Fails for the first of `required` that is absent.
    fn demand(&self, required: &[u32]) -> Result<(), AppError> {
        match required.iter().find(|tag| self.get(**tag).is_none()) {
            Some(tag) => Err(AppError::missing(*tag)),
            None => Ok(()),
        }
    }

    fn text(&self, tag: u32, bytes_max: usize) -> Result<Option<&'a [u8]>, AppError> {
        match self.get(tag) {
            None => Ok(None),
            Some(text) if text.is_empty() || text.len() > bytes_max => Err(AppError::range(tag)),
            Some(text) if text.iter().all(|byte| (0x20..0x7f).contains(byte)) => Ok(Some(text)),
            Some(_) => Err(AppError::format(tag)),
        }
    }

    fn required_text(&self, tag: u32, bytes_max: usize) -> Result<&'a [u8], AppError> {
        self.text(tag, bytes_max)?.ok_or(AppError::missing(tag))
    }

    fn char(&self, tag: u32) -> Result<Option<u8>, AppError> {
        match self.get(tag) {
            None => Ok(None),
            Some([one]) => Ok(Some(*one)),
            Some(_) => Err(AppError::range(tag)),
        }
    }

    fn required_char(&self, tag: u32) -> Result<u8, AppError> {
        self.char(tag)?.ok_or(AppError::missing(tag))
    }

    fn positive(&self, tag: u32) -> Result<Option<Decimal>, AppError> {
        let Some(text) = self.get(tag) else { return Ok(None) };
        match parse_decimal(text) {
            Some(number) if number.is_positive() => Ok(Some(number)),
            Some(_) => Err(AppError::range(tag)),
            None => Err(AppError::format(tag)),
        }
    }

    fn transact_time(&self) -> Result<u64, AppError> {
        let tag = tags::TRANSACT_TIME;
        let text = self.get(tag).ok_or(AppError::missing(tag))?;
        parse_timestamp_ns(text).ok_or(AppError::format(tag))
    }

    /// Sides of FIX 4.4 (volume 6, tag 54).
    fn side(&self) -> Result<Side, AppError> {
        match self.required_char(tags::SIDE)? {
            b'1' => Ok(Side::Buy),
            b'2' => Ok(Side::Sell),
            other @ (b'3'..=b'9' | b'A'..=b'G') => Ok(Side::Other(other)),
            _ => Err(AppError::range(tags::SIDE)),
        }
    }

    /// Order types of FIX 4.4 (volume 6, tag 40), the deprecated ones included.
    fn ord_type(&self) -> Result<OrdType, AppError> {
        match self.required_char(tags::ORD_TYPE)? {
            b'1' => Ok(OrdType::Market),
            b'2' => Ok(OrdType::Limit),
            b'3' => Ok(OrdType::Stop),
            b'4' => Ok(OrdType::StopLimit),
            other @ (b'5'..=b'9' | b'A'..=b'M' | b'P') => Ok(OrdType::Other(other)),
            _ => Err(AppError::range(tags::ORD_TYPE)),
        }
    }

    /// Times in force of FIX 4.4 (volume 6, tag 59).
    fn time_in_force(&self) -> Result<TimeInForce, AppError> {
        match self.char(tags::TIME_IN_FORCE)? {
            None | Some(b'0') => Ok(TimeInForce::Day),
            Some(b'1') => Ok(TimeInForce::Gtc),
            Some(b'3') => Ok(TimeInForce::Ioc),
            Some(b'4') => Ok(TimeInForce::Fok),
            Some(b'6') => Ok(TimeInForce::Gtd),
            Some(other @ (b'2' | b'5' | b'7')) => Ok(TimeInForce::Other(other)),
            Some(_) => Err(AppError::range(tags::TIME_IN_FORCE)),
        }
    }

    fn handl_inst(&self) -> Result<Option<u8>, AppError> {
        match self.char(tags::HANDL_INST)? {
            Some(b'1'..=b'3') | None => self.char(tags::HANDL_INST),
            Some(_) => Err(AppError::range(tags::HANDL_INST)),
        }
    }
}

impl<'a> NewOrderSingle<'a> {
    /// Reads and checks the fields of a 35=D.
    ///
    /// # Errors
    /// The first field at fault. Missing fields come first, in order of their tags.
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let known = Known::read(message)?;
        known.demand(&[tags::CL_ORD_ID])?;
        // An order by amount has no quantity, and is refused for that, not as malformed.
        if known.refused != Some(tags::CASH_ORDER_QTY) {
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
        // A price on an order that takes any price is a contradiction, not a detail.
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
            transact_time_ns: known.transact_time()?,
            handl_inst: known.handl_inst()?,
            unsupported,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoder, FieldIndex, decode};

    const ORDER: &str = "11=rt-1|1=fund|21=1|38=0.50|40=2|44=60000.00|54=1|55=BTC/USD|59=1|\
                         60=20240627-11:17:26.100|";

    fn with<T>(
        kind: &str,
        body: &str,
        read: impl FnOnce(&Message<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        let mut bytes = Vec::new();
        let mut message = Encoder::begin(&mut bytes, b"FIX.4.4", kind.as_bytes());
        message.raw(body.replace('|', "\u{1}").as_bytes());
        message.finish().expect("short");
        let mut index = FieldIndex::new();
        decode(&bytes, &mut index).expect("whole");
        read(&Message::new(&bytes, &index))
    }

    fn unsupported(body: &str) -> Result<Option<u32>, AppError> {
        with("D", body, |message| NewOrderSingle::read(message).map(|order| order.unsupported))
    }

    #[test]
    fn every_field_of_an_order_is_read() {
        let checked = with("D", ORDER, |message| {
            let order = NewOrderSingle::read(message)?;
            assert_eq!(order.cl_ord_id, b"rt-1");
            assert_eq!(order.account, Some(&b"fund"[..]));
            assert_eq!(order.symbol, b"BTC/USD");
            assert_eq!((order.side, order.ord_type), (Side::Buy, OrdType::Limit));
            assert_eq!(order.time_in_force, TimeInForce::Gtc);
            assert_eq!(order.order_qty, Decimal { mantissa: 50, scale: 2 });
            assert_eq!(order.price, Some(Decimal { mantissa: 6_000_000, scale: 2 }));
            assert_eq!(order.transact_time_ns, 1_719_487_046_100_000_000);
            assert_eq!(order.handl_inst, Some(b'1'));
            assert_eq!(order.unsupported, None);
            Ok(())
        });
        assert_eq!(checked, Ok(()));
    }

    #[test]
    fn missing_fields_are_named_lowest_tag_first() {
        for tag in [11, 38, 40, 54, 55, 60] {
            let body: String = ORDER
                .split_inclusive('|')
                .filter(|field| !field.starts_with(&format!("{tag}=")))
                .collect();
            assert_eq!(unsupported(&body), Err(AppError::missing(tag)));
        }
        assert_eq!(unsupported("40=1|60=20240627-11:17:26|54=1|21=3|"), Err(AppError::missing(11)));
    }

    #[test]
    fn values_outside_their_range_are_refused_with_their_tag() {
        for (from, to, error) in [
            ("54=1", "54=0", AppError::range(54)),
            ("54=1", "54=12", AppError::range(54)),
            ("40=2", "40=w", AppError::range(40)),
            ("59=1", "59=8", AppError::range(59)),
            ("21=1", "21=4", AppError::range(21)),
            ("38=0.50", "38=0", AppError::range(38)),
            ("38=0.50", "38=-1", AppError::range(38)),
            ("38=0.50", "38=1e3", AppError::format(38)),
            ("44=60000.00", "44=0.0", AppError::range(44)),
            ("60=20240627-", "60=20240631-", AppError::format(60)),
            ("11=rt-1", "11=0123456789012345678901234567890123456", AppError::range(11)),
            ("11=rt-1", "11=r\u{7f}", AppError::format(11)),
            ("1=fund", "1=0123456789012345678901234567890123456", AppError::range(1)),
        ] {
            assert_eq!(unsupported(&ORDER.replacen(from, to, 1)), Err(error), "{to}");
        }
        let longest = ORDER.replace("rt-1", "012345678901234567890123456789012345");
        assert_eq!(unsupported(&longest), Ok(None));
    }

    #[test]
    fn a_limit_order_without_a_price_lacks_a_conditional_field() {
        let error = unsupported(&ORDER.replace("44=60000.00|", "")).err();
        let reason = BusinessRejectReason::ConditionallyRequiredFieldMissing;
        let expected = AppError { ref_tag: 44, rejection: Rejection::Business(reason) };
        assert_eq!(error, Some(expected));
        assert_eq!(expected.to_string(), "tag 44: Conditionally required field missing");
    }

    #[test]
    fn a_repeated_field_is_refused() {
        let repeated = AppError::session(40, SessionRejectReason::TagRepeated);
        assert_eq!(unsupported(&format!("{ORDER}40=1|")), Err(repeated));
    }

    #[test]
    fn what_changes_an_order_is_never_ignored() {
        assert!(UNSUPPORTED_TAGS.is_sorted());
        for tag in UNSUPPORTED_TAGS {
            assert_eq!(unsupported(&format!("{ORDER}{tag}=1|")), Ok(Some(*tag)));
        }
        let cash = ORDER.replace("38=0.50", "152=100");
        assert_eq!(unsupported(&cash), Ok(Some(152)));
        assert_eq!(unsupported(&ORDER.replace("40=2", "40=1")), Ok(Some(44)), "market with price");
        assert_eq!(unsupported(&ORDER.replace("40=2", "40=P")), Ok(Some(40)));
        assert_eq!(unsupported(&ORDER.replace("54=1", "54=5")), Ok(Some(54)));
        assert_eq!(unsupported(&ORDER.replace("59=1", "59=2")), Ok(Some(59)));
        assert_eq!(unsupported(&ORDER.replace("59=1", "59=6")), Ok(None), "recognised");
        assert_eq!(unsupported(&format!("{ORDER}58=hello|9999=x|")), Ok(None), "free text");
    }

    #[test]
    fn a_market_order_needs_no_price_and_is_for_the_day() {
        let body = "11=a|38=1|40=1|54=2|55=X|60=20240627-11:17:26|";
        let checked = with("D", body, |message| {
            let order = NewOrderSingle::read(message)?;
            assert_eq!((order.price, order.time_in_force), (None, TimeInForce::Day));
            assert_eq!((order.side, order.unsupported), (Side::Sell, None));
            Ok(())
        });
        assert_eq!(checked, Ok(()));
    }

    #[test]
    fn a_cancel_names_the_order_and_itself() {
        let body = "11=c-1|41=rt-1|37=77|54=2|55=X|60=20240627-11:17:26|";
        let checked = with("F", body, |message| {
            let cancel = OrderCancelRequest::read(message)?;
            assert_eq!((cancel.cl_ord_id, cancel.orig_cl_ord_id), (&b"c-1"[..], &b"rt-1"[..]));
            assert_eq!((cancel.order_id, cancel.order_qty), (Some(&b"77"[..]), None));
            Ok(())
        });
        assert_eq!(checked, Ok(()));
        let read = |body: &str| with("F", body, |m| OrderCancelRequest::read(m).map(|_| ()));
        assert_eq!(read(&body.replace("41=rt-1|", "")), Err(AppError::missing(41)));
        assert_eq!(read(&body.replace("11=c-1|", "")), Err(AppError::missing(11)));
    }

    #[test]
    fn a_status_request_names_the_order() {
        let body = "11=rt-1|37=77|54=2|55=X|790=q|";
        let checked = with("H", body, |message| {
            let request = OrderStatusRequest::read(message)?;
            assert_eq!(request.cl_ord_id, b"rt-1");
            assert_eq!(request.ord_status_req_id, Some(&b"q"[..]));
            Ok(())
        });
        assert_eq!(checked, Ok(()));
        let read = |body: &str| with("H", body, |m| OrderStatusRequest::read(m).map(|_| ()));
        assert_eq!(read(&body.replace("54=2|", "")), Err(AppError::missing(54)));
    }
}
