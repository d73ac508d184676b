//! Nothing allocates once warm: orders in, reports out, heartbeats and replays.

use crate::desk::{START, frame, logon, time_text};
use rutter_fix::app::NewOrderSingle;
use rutter_fix::codec::{FieldIndex, TimePrecision};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{Config, Event, NoCredentials, Session};
use rutter_fix::store::{MessageStore, MmapConfig, MmapStore};
use rutter_test_support::counting::allocations;

fn order(seq: u64) -> Vec<u8> {
    let now = time_text(START);
    frame(
        "FIX.4.4",
        &format!(
            "35=D|34={seq}|49=CLIENT|52={now}|56=RUTTER|11=rt-{seq}|38=0.5|40=2|44=60000.00|54=1|\
             55=BTC/USD|59=1|60={now}|"
        ),
    )
}

fn one_order<S: MessageStore>(
    session: &mut Session<S, NoCredentials>,
    bytes: &[u8],
    index: &mut FieldIndex,
    out: &mut Vec<u8>,
    event_no: u64,
) {
    let received = session.receive(START, bytes, index, out);
    assert_eq!(received.consumed, bytes.len());
    let Some(Event::App(app)) = received.event else { panic!("no order") };
    let order = NewOrderSingle::read(&app.message).expect("a good order");
    let sent = session.send_app(START, event_no, b"8", out, |report| {
        report.field(11, order.cl_ord_id).number(38, order.order_qty).char(39, b'0');
        report.timestamp(60, START, TimePrecision::Micros);
    });
    assert!(sent.is_ok());
    session.confirm_in(app.id);
    out.clear();
}

#[test]
fn a_warm_session_allocates_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = MmapStore::open(folder.path(), MmapConfig::default()).expect("opens");
    let config = Config::acceptor("RUTTER", "CLIENT").validated(Version::Fix44);
    let mut session = Session::new(config, store, NoCredentials);
    let (mut index, mut out) = (FieldIndex::new(), Vec::with_capacity(1 << 20));
    session.connected(START, &mut out).expect("connected");
    let now = time_text(START);
    let hello = logon(1).replace("34=1|", &format!("34=1|49=CLIENT|52={now}|56=RUTTER|"));
    session.receive(START, &frame("FIX.4.4", &hello), &mut index, &mut out);
    let orders: Vec<Vec<u8>> = (2..=2_001).map(order).collect();
    let resend =
        frame("FIX.4.4", &format!("35=2|34=2002|49=CLIENT|52={now}|56=RUTTER|7=1000|16=0|"));
    let (warm, measured) = orders.split_at(10);
    for (event_no, bytes) in (1..).zip(warm) {
        one_order(&mut session, bytes, &mut index, &mut out, event_no);
    }
    let before = allocations();
    for (event_no, bytes) in (11..).zip(measured) {
        one_order(&mut session, bytes, &mut index, &mut out, event_no);
    }
    let received = session.receive(START, &resend, &mut index, &mut out);
    let replayed = out.len();
    session.on_timer(START + 30_000_000_000, &mut out);
    let after = allocations();
    assert_eq!(received.consumed, resend.len());
    assert!(replayed > 100_000, "{replayed} bytes were replayed");
    assert_eq!(after - before, 0);
}
