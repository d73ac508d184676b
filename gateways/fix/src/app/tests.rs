//! Messages that the views accept and refuse.

use super::*;
use crate::codec::{Decimal, Encoder, FieldIndex, Message, decode};

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
fn instructions_are_carried_on_and_their_form_is_checked() {
    let said = "100=kraken|18=o Q|126=20240628-00:00:00|168=20240627-12:00:00|110=0.1|210=0.2|\
                152=9|847=1|848=price=100|957=1|958=Urgency|959=1|960=5|";
    let checked = with("D", &format!("{ORDER}{said}"), |message| {
        let order = NewOrderSingle::read(message)?;
        let decimal = |mantissa, scale| Some(Decimal { mantissa, scale });
        let expected = Instructions {
            ex_destination: Some(b"kraken"),
            exec_inst: Some(b"o Q"),
            expire_time_ns: Some(1_719_532_800_000_000_000),
            effective_time_ns: Some(1_719_489_600_000_000_000),
            min_qty: decimal(1, 1),
            display_qty: decimal(2, 1),
            cash_order_qty: decimal(9, 0),
            target_strategy: Some(1),
            target_strategy_parameters: Some(b"price=100"),
            strategy_parameters: Some(1),
            strategy_parameter: Some((b"Urgency", b"5")),
        };
        assert_eq!((order.instructions, order.unsupported), (expected, None));
        Ok(())
    });
    assert_eq!(checked, Ok(()));
    for (field, error) in [
        ("18=oQ", AppError::range(18)),
        ("18=o  Q", AppError::range(18)),
        ("110=-1", AppError::range(110)),
        ("111=-1", AppError::range(111)),
        ("126=20240628", AppError::format(126)),
        ("152=-1", AppError::range(152)),
        ("847=-1", AppError::range(847)),
        ("847=x", AppError::format(847)),
        ("957=99999999999", AppError::range(957)),
    ] {
        assert_eq!(unsupported(&format!("{ORDER}{field}|")), Err(error), "{field}");
    }
    let by_amount = ORDER.replace("38=0.50", "152=100");
    assert_eq!(unsupported(&by_amount), Ok(None), "an amount stands for the quantity");
}

#[test]
fn a_replace_names_the_order_and_says_it_anew() {
    let body = format!("41=rt-0|37=7|{ORDER}");
    let checked = with("G", &body, |message| {
        let replace = OrderCancelReplaceRequest::read(message)?;
        assert_eq!((replace.orig_cl_ord_id, replace.order.cl_ord_id), (&b"rt-0"[..], &b"rt-1"[..]));
        assert_eq!(replace.order_id, Some(&b"7"[..]));
        Ok(())
    });
    assert_eq!(checked, Ok(()));
    let read = |body: &str| with("G", body, |m| OrderCancelReplaceRequest::read(m).map(|_| ()));
    assert_eq!(read(ORDER), Err(AppError::missing(41)));
}

#[test]
fn mass_requests_name_what_they_mean() {
    let cancel = |body: &str| {
        with("q", body, |m| OrderMassCancelRequest::read(m).map(|q| (q.request_type, q.side)))
    };
    let time = "60=20240627-11:17:26|";
    assert_eq!(cancel(&format!("11=m|530=7|{time}")), Ok((MassRequestType::All, None)));
    let some = cancel(&format!("11=m|530=1|55=X|54=2|{time}"));
    assert_eq!(some, Ok((MassRequestType::Security, Some(Side::Sell))));
    assert_eq!(cancel(&format!("11=m|530=1|{time}")), Err(AppError::missing(55)));
    assert_eq!(cancel(&format!("11=m|530=0|{time}")), Err(AppError::range(530)));
    assert_eq!(cancel("11=m|530=7|"), Err(AppError::missing(60)));
    let status =
        |body: &str| with("AF", body, |m| OrderMassStatusRequest::read(m).map(|q| q.request_type));
    assert_eq!(status("584=m|585=8|"), Ok(MassRequestType::Other(b'8')));
    assert_eq!(status("585=7|"), Err(AppError::missing(584)));
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
