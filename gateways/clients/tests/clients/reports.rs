//! What clients are codes.

use rutter_clients::refusal;
use rutter_clients::{CloseReason, OutputError};
use rutter_core::id::{AssetId, ChildId, ExecId, OrderId, SessionId, VenueId, VenueOrderId};
use rutter_core::input::{Liquidity, Refusal};
use rutter_core::number::{Amount, Notional, Price, Qty, UnixNanos};
use rutter_core::output::*;
use rutter_fix::dictionary::Version;
use rutter_fix::store::StoreFault;

use crate::desk::{Desk, ORDER, START, TIME, report, text};

fn alpha() -> Desk {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk
}

#[test]
fn a_new_order_is_told_in_full() {
    let mut desk = alpha();
    desk.output(&Output::Report(report(1)));
    desk.saw(
        1,
        &["35=8|34=2|37=000000a1-7|17=000000a1-1|150=0|39=0|11=a1|1=ACC-ALPHA|55=BTC/USDT|54=1|\
           40=2|59=1|38=0.5000|44=60000.25|14=0.0000|151=0.5000|6=0|60=20240627-11:17:26.001|"],
    );
}

#[test]
fn a_trade_is_told_with_venue_price_average_and_fee() {
    let mut desk = alpha();
    let last = LastFill {
        venue: VenueId(1),
        liquidity: Liquidity::Taker,
        qty: Qty(2_000),
        price: Price(6_000_010),
        fee: Amount(1_234_500_000_000_000_000),
        fee_asset: AssetId(1),
        child: ChildId(12),
        exec: ExecId::from_text(b"T-1").expect("packs"),
        venue_order: VenueOrderId::new(b"O-9").expect("short"),
    };
    let trade = Report {
        kind: ReportKind::Trade,
        status: OrdStatus::PartiallyFilled,
        filled: Qty(3_000),
        leaves: Qty(2_000),
        // 1000 at 60 000.20 and 2000 at 60 000.10: 60 000.13333..
        filled_notional: Notional(1_000 * 6_000_020 + 2_000 * 6_000_010),
        last: Some(last),
        ..report(1)
    };
    desk.output(&Output::Report(trade));
    desk.saw(
        1,
        &["35=8|34=2|37=000000a1-7|17=000000a1-1|150=F|39=1|11=a1|1=ACC-ALPHA|55=BTC/USDT|54=1|\
           40=2|59=1|38=0.5000|44=60000.25|14=0.3000|151=0.2000|6=60000.133333|32=0.2000|\
           31=60000.10|30=kraken|198=O-9|526=000000a1-c12|527=T-1|851=2|60=20240627-11:17:26.001|\
           12=1.2345|13=3|479=USDT|136=1|137=1.2345|138=USDT|139=4|"],
    );
    let rebate = LastFill { fee: Amount(-5), liquidity: Liquidity::Maker, ..last };
    desk.output(&Output::Report(Report { last: Some(rebate), event: 2, exec: 2, ..trade }));
    desk.saw_like(1, &["851=1| 137=-0.000000000000000005| 138=USDT|"]);
}

#[test]
fn a_cancel_is_told_with_both_ids_and_its_reason() {
    let mut desk = alpha();
    desk.output(&Output::Report(Report {
        kind: ReportKind::Canceled,
        status: OrdStatus::Canceled,
        cl_ord_id: text("c1"),
        orig_cl_ord_id: text("a1"),
        leaves: Qty(0),
        reason: Refusal::ClientRequest,
        ..report(1)
    }));
    let seen = desk.seen(1).join("");
    assert!(seen.contains("|150=4|39=4|11=c1|41=a1|1=ACC-ALPHA|"), "{seen}");
    assert!(seen.ends_with("|60=20240627-11:17:26.001|58=ClientRequest|"), "no 103: {seen}");
}

#[test]
fn an_order_that_we_change_is_restated_with_the_reason_of_the_standard() {
    for (reason, restated) in [
        (Refusal::PlaceLost, "|378=4|58=PlaceLost|"),
        (Refusal::SelfMatchReduced, "|378=5|58=SelfMatchReduced|"),
        (Refusal::SelfMatch, "|378=5|58=SelfMatch|"),
    ] {
        let mut desk = alpha();
        let kind = ReportKind::Restated;
        desk.output(&Output::Report(Report { kind, reason, ..report(1) }));
        let seen = desk.seen(1).join("");
        assert!(seen.contains("|150=D|39=0|11=a1|1=ACC-ALPHA|"), "{seen}");
        assert!(seen.ends_with(restated) && !seen.contains("|103="), "{seen}");
    }
}

#[test]
fn a_market_order_has_no_price() {
    let mut desk = alpha();
    desk.output(&Output::Report(Report { price: Price(0), ..report(1) }));
    let seen = desk.seen(1).join("");
    assert!(!seen.contains("|44="), "{seen}");
}

#[test]
fn an_order_that_could_not_be_read_is_refused_without_invented_fields() {
    let mut desk = alpha();
    desk.send(1, &format!("35=D|11=x|{}", ORDER.replace("BTC/USDT", "DOGE")));
    desk.decide();
    let seen = desk.seen(1);
    assert_eq!(
        seen,
        ["35=8|34=2|37=NONE|17=000000a1-1|150=8|39=8|11=x|1=ACC-ALPHA|55=DOGE|54=1|40=2|\
          59=1|38=0.5|44=60000.25|14=0|151=0|6=0|60=20240627-11:17:26.000|103=1|58=UnknownSymbol|"]
    );
}

#[test]
fn a_status_request_is_answered_for_known_and_unknown_orders() {
    let mut desk = alpha();
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide();
    desk.saw_like(1, &["150=0| 39=0| 11=a1|"]);
    desk.send(1, "35=H|11=a1|54=1|55=BTC/USDT|").decide();
    desk.saw_like(1, &["150=I| 39=0| 11=a1| 151=0.5000|"]);
    desk.send(1, "35=H|11=no|54=1|55=BTC/USDT|").decide();
    desk.saw_like(1, &["37=NONE| 150=I| 39=8| 11=no| 55=[N/A]| 54=7| 103=5| 58=UnknownOrder|"]);
}

#[test]
fn a_cancel_reject_names_request_and_order() {
    let mut desk = alpha();
    desk.send(1, &format!("35=F|11=c1|41=no|54=1|55=BTC/USDT|{TIME}")).decide();
    desk.saw(
        1,
        &["35=9|34=2|37=NONE|11=c1|41=no|39=8|1=ACC-ALPHA|60=20240627-11:17:26.000|434=1|102=1|\
           58=UnknownOrder|"],
    );
}

/// 39=8 carries 103 and the word, a cancel reject 102 and the word, for every refusal there is.
#[test]
fn every_refusal_goes_out_by_its_name() {
    let mut desk = alpha();
    let mut event = 0;
    for refusal in Refusal::ALL.into_iter().filter(|one| *one != Refusal::None) {
        event += 1;
        desk.output(&Output::Report(Report {
            kind: ReportKind::Rejected,
            status: OrdStatus::Rejected,
            reason: refusal,
            ..report(event)
        }));
        event += 1;
        desk.output(&Output::CancelReject(CancelReject {
            session: SessionId(0),
            event,
            client_seq: 0,
            time: UnixNanos(START),
            order: OrderId(7),
            trace: 1,
            cl_ord_id: text("c1"),
            orig_cl_ord_id: text("a1"),
            status: OrdStatus::New,
            of_replace: false,
            reason: refusal,
        }));
        let codes = refusal::codes(refusal);
        let order = format!("|103={}|58={refusal:?}|", codes.order_code(Version::Fix44));
        let cancel = format!("|102={}|58={refusal:?}|", codes.cancel_code(Version::Fix44));
        let seen = desk.seen(1);
        assert!(seen[0].ends_with(&order), "{} {order}", seen[0]);
        assert!(seen[1].ends_with(&cancel), "{} {cancel}", seen[1]);
    }
}

#[test]
fn reports_for_a_client_that_is_away_wait_for_its_resend_request() {
    let mut desk = alpha();
    desk.peer_closes(1).output(&Output::Report(report(1))).output(&Output::Report(report(2)));
    desk.logon(2, "ALPHA");
    desk.send(2, "35=2|7=2|16=0|");
    desk.saw_like(
        2,
        &[
            "35=8|34=2|43=Y| 17=000000a1-1|",
            "35=8|34=3|43=Y| 17=000000a1-2|",
            "35=4|34=4|43=Y| 36=5| 123=Y|",
        ],
    );
    let counters = desk.gateway.counters();
    assert_eq!((counters.resends, counters.gaps), (1, 0));
}

#[test]
fn a_gap_in_what_a_client_sends_is_asked_for_and_counted_once() {
    let mut desk = alpha();
    desk.send_again(1, 5, "35=0|").send_again(1, 6, "35=0|");
    desk.saw_like(1, &["35=2| 7=2|"]);
    let counters = desk.gateway.counters();
    assert_eq!((counters.resends, counters.gaps), (0, 1));
}

#[test]
fn each_client_sees_only_its_own() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").logon(2, "BETA");
    desk.output(&Output::Report(Report { session: SessionId(1), ..report(1) }));
    desk.saw(1, &[]).saw_like(2, &["1=ACC-BETA|"]);
}

#[test]
fn a_report_for_nobody_is_an_error_and_a_missing_event_stops_the_session() {
    let mut desk = alpha();
    let stranger = Output::Report(Report { session: SessionId(9), ..report(1) });
    let error = desk.gateway.on_output(desk.now, &stranger);
    assert!(matches!(error, Err(OutputError::UnknownSession(SessionId(9)))));
    desk.output(&Output::Report(report(1)));
    let error = desk.gateway.on_output(desk.now, &Output::Report(report(3)));
    assert!(matches!(error, Err(OutputError::EventGap { expected: 2, got: 3, .. })), "{error:?}");
    assert_eq!(desk.closes(), [(1, CloseReason::Store(StoreFault::Behind))]);
    desk.output(&Output::Report(report(2)));
    assert_eq!(desk.gateway.counters().outputs_dropped, 1);
    desk.try_logon(3, "ALPHA").saw(3, &[]);
    assert_eq!(desk.closes(), [(3, CloseReason::Store(StoreFault::Behind))]);
}
