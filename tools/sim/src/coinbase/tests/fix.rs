//! FIX: the logon, the session's rules, orders and their reports.

use super::*;

const ID: &str = "1985ca2d-61ef-49f1-bfce-6c39d8462914";
const OTHER: &str = "0f8c3a52-4b5e-4a6b-8a57-0a4a2d2f6b11";
/// The Logon of the reference, from its `MsgType` on.
const LOGON: &str = "35=A|49=my-api-key|56=Coinbase|34=1|52=20240627-11:17:25.223|95=44|\
    96=/wCWyr7T4G5Rt7J8U77HjX/k/vTD7/WJULhK0lWkdmg=|98=0|108=30|141=Y|553=my-api-key|\
    554=my-pass|1137=9|";
const BUY: &str = "|38=0.5|40=2|44=60000.00|54=1|55=BTC-USD|59=1|";

fn buy(id: &str) -> String {
    format!("11={id}{BUY}")
}

#[test]
fn the_logon_of_the_reference_is_taken_and_answered_with_its_acknowledgement() {
    let mut desk = Desk::new();
    let conn = desk.open();
    desk.now += 17 * MS;
    let told = desk.raw(conn, LOGON);
    let wanted = "8=FIXT.1.1|9=101|35=A|49=Coinbase|56=my-api-key|34=1|52=20240627-11:17:25.240|\
        98=0|108=30|141=Y|553=my-api-key|1137=9|10=105|";
    assert_eq!(told, [wanted]);
}

#[test]
fn a_logon_that_breaks_a_rule_is_refused_with_its_reason_and_the_connection_ends() {
    for (from, to, reason) in [
        ("96=/wC", "96=/wD", "8"),
        ("34=1|", "34=01|", "8"),
        ("25.223|", "25.223000|", "8"),
        ("25.223|", "24.223|", "8"),
        ("554=my-pass", "554=another", "8"),
        ("553=my-api-key", "553=other", "9"),
        ("56=Coinbase", "56=COIN", "9"),
        ("108=30", "108=31", "5"),
        ("1137=9", "1137=7", "5"),
        ("|1137=9", "", "1"),
        ("|98=0", "|98=0|5=1", "2"),
        ("20240627-11:17:25.223", "20240627-11:10:25.223", "10"),
    ] {
        let mut desk = Desk::new();
        let conn = desk.open();
        let told = desk.raw(conn, &LOGON.replacen(from, to, 1));
        assert_eq!(field(&told[0], 373), Some(reason), "{to}: {told:?}");
        assert!(told[1].contains("|35=5|") && desk.is_closed(conn), "{to}: {told:?}");
    }
}

#[test]
fn a_key_has_one_session_until_that_ends() {
    let mut desk = Desk::new();
    let first = desk.logged_on("");
    desk.wait_ms(1_000);
    let second = desk.open();
    let time = "20240627-11:17:26.223";
    let signature = sign(&format!("{time}\x01A\x011\x01{KEY}\x01Coinbase\x01{PASSPHRASE}"));
    let logon = LOGON.replace("20240627-11:17:25.223", time);
    let logon = logon.replace("/wCWyr7T4G5Rt7J8U77HjX/k/vTD7/WJULhK0lWkdmg=", &signature);
    let told = desk.raw(second, &logon);
    assert_eq!(field(&told[0], 58), Some("API key is in use"));
    let told = desk.fix(first, 2, "5", "");
    assert!(told[0].contains("|35=5|") && desk.is_closed(first));
    desk.wait_ms(1_000);
    desk.logged_on("");
}

#[test]
fn an_order_lives_as_the_samples_of_the_reference_have_it() {
    let mut desk = Desk::new();
    let conn = desk.logged_on("");
    let told = desk.fix(conn, 2, "D", &buy(ID));
    let order = field(&told[0], 37).unwrap().to_owned();
    for (tag, value) in
        [(11, ID), (39, "0"), (150, "0"), (44, "60000.00"), (38, "0.5"), (14, "0"), (151, "0.5")]
    {
        assert_eq!(field(&told[0], tag), Some(value), "{tag}");
    }
    desk.bob(Side::Sell, 6_000_000, 20_000_000);
    let told = desk.told(conn);
    for (tag, value) in [
        (150, "F"),
        (39, "1"),
        (32, "0.2"),
        (31, "60000.00"),
        (1057, "N"),
        (137, "48.0000000000000000"),
        (138, "USD"),
        (891, "0"),
        (151, "0.3"),
    ] {
        assert_eq!(field(&told[0], tag), Some(value), "{tag}");
    }
    let change = format!("11={OTHER}|37={order}|41={ID}|38=0.4|40=2|44=60000.00|55=BTC-USD|");
    let told = desk.fix(conn, 3, "G", &change);
    for (tag, value) in [(11, OTHER), (41, ID), (37, &order), (150, "5"), (38, "0.4"), (151, "0.2")]
    {
        assert_eq!(field(&told[0], tag), Some(value), "{tag}");
    }
    // The order is known by its new id alone.
    let cancel = |id: &str| format!("11=7b1a2c9e-4b2f-4d0a-9a7e-1c1d2e3f4a5b|41={id}|55=BTC-USD|");
    let told = desk.fix(conn, 4, "F", &cancel(ID));
    assert_eq!((field(&told[0], 35), field(&told[0], 102)), (Some("9"), Some("1")));
    let told = desk.fix(conn, 5, "F", &cancel(OTHER));
    assert_eq!((field(&told[0], 150), field(&told[0], 151)), (Some("4"), Some("0")));
    let told = desk.fix(conn, 6, "F", &cancel(OTHER));
    assert_eq!(field(&told[0], 58), Some("Order already done"));
}

#[test]
fn orders_are_refused_with_the_texts_of_rest() {
    let mut desk = Desk::new();
    let conn = desk.logged_on("");
    desk.bob(Side::Sell, 6_100_000, 100_000_000);
    let base = buy(ID);
    for (n, (from, to, reason, text)) in [
        ("44=60000.00", "44=60000.001", "0", "price is too accurate. Smallest unit is 0.01"),
        ("38=0.5", "38=0.000000001", "0", "size is too accurate. Smallest unit is 0.00000001"),
        ("38=0.5", "38=0.00001", "0", "funds is too small. Minimum size is 1"),
        ("38=0.5", "38=100", "0", "Insufficient funds"),
        ("BTC-USD", "BTC-EUR", "1", "Product not found"),
        ("40=2|44=60000.00", "18=A|40=2|44=61000.00", "0", "post only"),
    ]
    .into_iter()
    .enumerate()
    {
        let told = desk.fix(conn, n as u64 + 2, "D", &base.replace(from, to));
        assert_eq!(field(&told[0], 150), Some("8"), "{told:?}");
        assert_eq!((field(&told[0], 103), field(&told[0], 58)), (Some(reason), Some(text)));
    }
    let told = desk.fix(conn, 8, "D", &base.replace("11=1985", "11=X985"));
    assert_eq!((field(&told[0], 35), field(&told[0], 371)), (Some("3"), Some("11")));
    desk.fix(conn, 9, "D", &base);
    let told = desk.fix(conn, 10, "D", &base);
    assert_eq!(field(&told[0], 58), Some("duplicate client_oid"));
}

#[test]
fn an_immediate_order_expires_and_an_own_order_is_never_met() {
    let mut desk = Desk::new();
    let conn = desk.logged_on("");
    let told = desk.fix(conn, 2, "D", &buy(ID).replace("59=1", "59=3"));
    assert_eq!(field(&told[1], 150), Some("C"));
    desk.fix(conn, 3, "D", &buy(ID));
    let sell = buy(OTHER).replace("54=1", "54=2") + "7928=N|";
    let told = desk.fix(conn, 4, "D", &sell);
    assert_eq!((field(&told[1], 150), field(&told[1], 39)), (Some("4"), Some("4")));
    assert_eq!(field(&told[1], 58), Some("102:Self Trade Prevention"));
    let told = desk.fix(conn, 5, "H", &format!("11={ID}|55=BTC-USD|"));
    assert_eq!((field(&told[0], 150), field(&told[0], 39)), (Some("I"), Some("0")));
    let told = desk.fix(conn, 6, "H", "11=7b1a2c9e-4b2f-4d0a-9a7e-1c1d2e3f4a5b|55=BTC-USD|");
    assert_eq!((field(&told[0], 39), field(&told[0], 103)), (Some("8"), Some("5")));
}

#[test]
fn a_mass_cancel_ends_the_orders_of_this_connection_only() {
    let mut desk = Desk::new();
    desk.buy("50000.00", "0.1", "");
    let conn = desk.logged_on("");
    desk.fix(conn, 2, "D", &buy(ID));
    let mass = format!("11={OTHER}|530=6|60=20240627-11:17:30.000|");
    let told = desk.fix(conn, 3, "q", &mass);
    assert_eq!((field(&told[0], 35), field(&told[0], 531)), (Some("r"), Some("6")));
    assert_eq!((told.len(), field(&told[1], 150)), (2, Some("4")));
    assert_eq!(desk.front.exchange().open_orders(ALICE, None).count(), 1);
}

#[test]
fn the_orders_of_a_session_end_with_it_only_if_the_logon_asks_for_that() {
    for (more, left) in [("", 2), ("8013=S|", 1), ("8013=Y|", 0)] {
        let mut desk = Desk::new();
        desk.buy("50000.00", "0.1", "");
        let conn = desk.logged_on(more);
        desk.fix(conn, 2, "D", &buy(ID));
        desk.front.on_closed(desk.now, conn, &mut desk.out);
        assert_eq!(desk.front.exchange().open_orders(ALICE, None).count(), left, "{more}");
    }
}

#[test]
fn another_connection_than_the_orders_own_cannot_replace_it() {
    let mut desk = Desk::new();
    let conn = desk.logged_on("");
    let told = desk.fix(conn, 2, "D", &buy(ID));
    let order = field(&told[0], 37).unwrap().to_owned();
    desk.front.on_closed(desk.now, conn, &mut desk.out);
    desk.wait_ms(1_000);
    let conn = desk.logged_on("");
    let change = format!("11={OTHER}|37={order}|41={ID}|38=0.4|40=2|44=60000.00|55=BTC-USD|");
    let told = desk.fix(conn, 2, "G", &change);
    assert_eq!((field(&told[0], 434), field(&told[0], 102)), (Some("2"), Some("1")));
}

#[test]
fn a_wrong_number_too_many_messages_and_silence_end_the_session() {
    let mut desk = Desk::new();
    let conn = desk.logged_on("");
    let told = desk.fix(conn, 3, "0", "");
    assert_eq!(field(&told[0], 58), Some("Invalid MsgSeqNum, expecting 2"));
    assert!(desk.is_closed(conn));

    let mut desk = Desk::new();
    let conn = desk.logged_on("");
    let told: Vec<String> = (2..=202).flat_map(|n| desk.fix(conn, n, "0", "")).collect();
    assert!(told.len() == 1 && desk.is_closed(conn), "200 at once: {told:?}");

    let mut desk = Desk::new();
    let conn = desk.logged_on("108=10|");
    desk.wait_ms(15_050);
    let told = desk.told(conn);
    assert!(told.iter().any(|message| message.contains("|35=1|")), "{told:?}");
    desk.wait_ms(5_000);
    assert!(desk.is_closed(conn) && desk.told(conn).last().unwrap().contains("|35=5|"));
}
