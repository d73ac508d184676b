//! Tests of FIX order entry against the venue reference.

use super::super::super::faults::CutPoint;
use super::super::super::random::Random;
use super::*;

const SIGNATURE: &str = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3Cvs\
                         RURC1oj73j8gCA==";

/// The documented Logon, with length and checksum.
fn doc_logon() -> Vec<u8> {
    format!(
        "8=FIX.4.4|9=247|35=A|34=1|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|95=88|96={SIGNATURE}\
         |98=0|108=30|141=Y|553={ED_KEY}|25035=2|10=227|"
    )
    .replace('|', "\x01")
    .into_bytes()
}

/// A message with length and checksum; `fields` follow `MsgType` (35).
fn frame(kind: &str, fields: &str) -> Vec<u8> {
    let body = format!("35={kind}|{fields}").replace('|', "\x01");
    let head = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum: u32 = head.bytes().map(u32::from).sum();
    format!("{head}10={:03}\x01", sum % 256).into_bytes()
}

/// A logged-on session that counts its sequence numbers.
struct Client {
    conn: ConnId,
    name: String,
    next: u64,
}

impl Client {
    fn logon(desk: &mut Desk, name: &str, extra: &str) -> Self {
        let conn = desk.fix_open();
        let mut client = Self { conn, name: name.to_owned(), next: 1 };
        let time = Self::time(desk);
        let signature = ed_sign(&format!("A\x01{name}\x01SPOT\x011\x01{time}"));
        let fields = format!("95=88|96={signature}|98=0|108=30|141=Y|553={ED_KEY}|25035=2|{extra}");
        client.send(desk, "A", &fields);
        client
    }

    fn ready(desk: &mut Desk, name: &str, extra: &str) -> Self {
        let client = Self::logon(desk, name, extra);
        let frames = desk.frames(client.conn);
        assert_eq!(get(&frames[0], 35), "A", "{frames:?}");
        client
    }

    fn time(desk: &Desk) -> String {
        let mut text = Vec::new();
        let precision = rutter_fix::codec::TimePrecision::Micros;
        rutter_fix::codec::write_timestamp(&mut text, desk.now, precision);
        String::from_utf8(text).unwrap()
    }

    fn send(&mut self, desk: &mut Desk, kind: &str, fields: &str) {
        let (name, seq, time) = (&self.name, self.next, Self::time(desk));
        let header = format!("34={seq}|49={name}|52={time}|56=SPOT|");
        self.next += 1;
        desk.fix_send(self.conn, &frame(kind, &format!("{header}{fields}")));
    }

    /// Sends a message and returns the answers.
    fn ask(&mut self, desk: &mut Desk, kind: &str, fields: &str) -> Vec<Vec<(u32, String)>> {
        self.send(desk, kind, fields);
        desk.frames(self.conn)
    }
}

fn get(frame: &[(u32, String)], tag: u32) -> &str {
    frame.iter().find(|(t, _)| *t == tag).map_or("", |(_, value)| value.as_str())
}

fn tags(frame: &[(u32, String)]) -> Vec<u32> {
    let mut tags: Vec<u32> = frame.iter().map(|(tag, _)| *tag).collect();
    tags.sort_unstable();
    tags
}

/// The tags of header and trailer, and these.
fn with_header(body: &[u32]) -> Vec<u32> {
    let mut tags = [&[8, 9, 35, 34, 49, 52, 56, 10], body].concat();
    tags.sort_unstable();
    tags
}

const ORDER: &str = "11=rt-000001|38=0.5|40=2|44=60000.00|54=1|55=BTCUSDT|59=1|";
const TERMS: [u32; 18] =
    [11, 14, 17, 32, 37, 38, 39, 40, 44, 54, 55, 59, 60, 150, 151, 25001, 25017, 25018];
const WORKING: [u32; 2] = [636, 25023];
const TRADE: [u32; 7] = [31, 136, 137, 138, 139, 1003, 1057];

#[test]
fn the_documented_logon_is_accepted_byte_for_byte() {
    let mut desk = Desk::new();
    let conn = desk.fix_open();
    let bytes = doc_logon();
    desk.fix_send(conn, &bytes[..100]);
    assert!(desk.frames(conn).is_empty(), "a half frame waits");
    desk.fix_send(conn, &bytes[100..]);
    let frames = desk.frames(conn);
    assert_eq!(tags(&frames[0]), with_header(&[98, 108, 25037]));
    assert_eq!(get(&frames[0], 49), "SPOT");
    assert_eq!(get(&frames[0], 56), "EXAMPLE");
    assert_eq!(get(&frames[0], 52), "20240627-11:17:25.223000");
    assert_eq!(get(&frames[0], 25037).len(), 36);
}

#[test]
fn one_changed_character_of_the_logon_is_refused() {
    for (from, to, code) in [
        ("4MHX", "5MHX", "-1022"),
        ("49=EXAMPLE", "49=EXAMPLF", "-1022"),
        ("25.223", "25.224", "-1022"),
        ("553=sBRX", "553=sBRY", "-2015"),
        ("141=Y", "141=N", "-1175"),
        ("34=1", "34=2", "-1179"),
        ("108=30", "108=61", "-1102"),
    ] {
        let mut desk = Desk::new();
        let conn = desk.fix_open();
        let text = String::from_utf8(doc_logon()).unwrap().replace('\x01', "|");
        let body = text.split_once("35=A|").unwrap().1.split_once("10=").unwrap().0;
        desk.fix_send(conn, &frame("A", &body.replacen(from, to, 1)));
        let frames = desk.frames(conn);
        assert_eq!((get(&frames[0], 35), get(&frames[0], 25016)), ("3", code), "{from}");
        assert!(desk.closed(conn));
    }
}

#[test]
fn a_stale_logon_and_a_first_message_that_is_none_are_refused() {
    let mut desk = Desk::new();
    desk.now += 5_001_000_000;
    let conn = desk.fix_open();
    desk.fix_send(conn, &doc_logon());
    assert_eq!(get(&desk.frames(conn)[0], 25016), "-1021");
    let conn = desk.fix_open();
    desk.fix_send(conn, &frame("0", "34=1|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|"));
    assert_eq!(get(&desk.frames(conn)[0], 25016), "-1180");
    assert!(desk.closed(conn));
}

/// The field sets of the reference's own samples, message by message.
#[test]
fn reports_carry_the_tags_of_the_samples() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    let new = c.ask(&mut desk, "D", &format!("25000=5000|{ORDER}")).remove(0);
    assert_eq!(tags(&new), with_header(&[&TERMS[..], &WORKING, &[1057]].concat()));
    assert_eq!((get(&new, 150), get(&new, 39), get(&new, 37)), ("0", "0", "76"));
    desk.bob_limit("SELL", "0.2", "60000");
    let trade = desk.frames(c.conn).remove(0);
    assert_eq!(tags(&trade), with_header(&[&TERMS[..], &WORKING, &TRADE].concat()));
    for (tag, value) in [
        (14, "0.20000000"),
        (31, "60000.00000000"),
        (32, "0.20000000"),
        (39, "1"),
        (137, "0.00020000"),
        (138, "BTC"),
        (150, "F"),
        (151, "0.30000000"),
        (1003, "9001"),
        (1057, "N"),
        (25017, "12000.00000000"),
    ] {
        assert_eq!(get(&trade, tag), value, "tag {tag}");
    }
    let canceled = c.ask(&mut desk, "F", "11=rt-000001-c|37=76|55=BTCUSDT|").remove(0);
    assert_eq!(tags(&canceled), with_header(&[&TERMS[..], &WORKING, &[41]].concat()));
    assert_eq!((get(&canceled, 11), get(&canceled, 41)), ("rt-000001-c", "rt-000001"));
    assert_eq!((get(&canceled, 150), get(&canceled, 151)), ("4", "0.00000000"));
    let order = "11=rt-000002|38=50|40=2|44=60000.00|54=1|55=BTCUSDT|59=1|";
    let rejected = c.ask(&mut desk, "D", order).remove(0);
    let sample = [11, 14, 32, 38, 39, 40, 44, 54, 55, 59, 60, 150, 151, 25016, 58];
    assert_eq!(tags(&rejected), with_header(&sample));
    assert_eq!((get(&rejected, 25016), get(&rejected, 150)), ("-2010", "8"));
    let order = ORDER.replace("59=1", "59=3").replace("000001", "000005");
    let ioc = c.ask(&mut desk, "D", &order);
    assert_eq!((get(&ioc[0], 150), get(&ioc[1], 150)), ("0", "C"));
    assert_eq!(tags(&ioc[1]), with_header(&[&TERMS[..], &[25056]].concat()));
    assert_eq!((get(&ioc[1], 39), get(&ioc[1], 25056)), ("C", "5"));
    // An order that would match our own says how much was prevented.
    let rests = ORDER.replace("000001", "000006").replace("60000.00", "59000.00");
    c.ask(&mut desk, "D", &rests);
    let meets = ORDER.replace("000001", "000007").replace("60000.00", "59000.00");
    let meets = meets.replace("54=1", "54=2").replace("59=1", "59=3") + "25001=2|";
    let ended = c.ask(&mut desk, "D", &meets);
    let last = ended.last().expect("an end");
    assert_eq!((get(last, 150), get(last, 39), get(last, 25030)), ("C", "C", "0.50000000"));
}

#[test]
fn amend_cancel_reject_and_mass_cancel_answer_as_in_the_samples() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    c.ask(&mut desk, "D", ORDER);
    let amended = c.ask(&mut desk, "XAK", "11=rt-000001-a|37=76|38=0.4|55=BTCUSDT|").remove(0);
    assert_eq!(tags(&amended), with_header(&[&TERMS[..], &WORKING, &[41]].concat()));
    assert_eq!((get(&amended, 150), get(&amended, 151)), ("5", "0.40000000"));
    assert_eq!((get(&amended, 11), get(&amended, 41)), ("rt-000001-a", "rt-000001"));
    let refused = c.ask(&mut desk, "XAK", "11=x|37=76|38=0.9|55=BTCUSDT|").remove(0);
    assert_eq!((get(&refused, 35), get(&refused, 25016)), ("XAR", "-2038"));
    let unknown = c.ask(&mut desk, "F", "11=rt-000003-c|37=77|55=BTCUSDT|").remove(0);
    assert_eq!(tags(&unknown), with_header(&[11, 37, 55, 434, 25016, 58]));
    assert_eq!((get(&unknown, 35), get(&unknown, 25016)), ("9", "-2011"));
    c.ask(&mut desk, "D", &ORDER.replace("000001", "000002"));
    let mass = c.ask(&mut desk, "q", "11=mc-1|55=BTCUSDT|530=1|");
    let kinds: Vec<_> = mass.iter().map(|f| get(f, 35)).collect();
    assert_eq!(kinds, ["8", "8", "r"]);
    assert_eq!(tags(&mass[2]), with_header(&[11, 55, 530, 531, 533]));
    assert_eq!((get(&mass[2], 531), get(&mass[2], 533)), ("1", "2"));
    let empty = c.ask(&mut desk, "q", "11=mc-2|55=BTCUSDT|530=1|").remove(0);
    assert_eq!((get(&empty, 531), get(&empty, 532)), ("0", "99"));
}

#[test]
fn cancel_and_new_stops_or_goes_on_as_its_mode_says() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    c.ask(&mut desk, "D", ORDER);
    let xcn = |mode: u32, id: u64, new: &str| {
        let order = ORDER.replace("rt-000001", new).replace("60000.00", "59990");
        format!("25033={mode}|25034=c-{new}|37={id}|{order}")
    };
    let both = c.ask(&mut desk, "XCN", &xcn(1, 76, "n1"));
    let seen: Vec<_> = both.iter().map(|f| (get(f, 150), get(f, 11))).collect();
    assert_eq!(seen, [("4", "c-n1"), ("0", "n1")]);
    let stopped = c.ask(&mut desk, "XCN", &xcn(1, 76, "n2"));
    let seen: Vec<_> = stopped.iter().map(|f| (get(f, 35), get(f, 11))).collect();
    assert_eq!(seen, [("9", "c-n2")]);
    let went_on = c.ask(&mut desk, "XCN", &xcn(2, 76, "n3"));
    let seen: Vec<_> = went_on.iter().map(|f| get(f, 35)).collect();
    assert_eq!(seen, ["9", "8"]);
}

#[test]
fn bad_messages_are_rejected_by_tag_and_the_session_stays() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    for (fields, code, tag, reason) in [
        (ORDER.replace("44=60000.00|", ""), "-1102", "44", "1"),
        (ORDER.replace("44=60000.00", "44="), "-1102", "44", "4"),
        (ORDER.replace("54=1", "54=7"), "-1102", "54", "5"),
        (ORDER.replace("BTCUSDT", "NOPE"), "-1121", "55", "5"),
        (ORDER.replace("38=0.5", "38=abc"), "-1100", "38", "5"),
        (ORDER.replace("38=0.5", "38=0.123456789"), "-1111", "38", "5"),
        (format!("{ORDER}11=again|"), "-1171", "11", "13"),
        (format!("{ORDER}9999=1|"), "-1170", "9999", "2"),
        (format!("{ORDER}0=1|"), "-1169", "", "0"),
        (format!("{ORDER}25000=5000|34=9|"), "-1171", "34", "13"),
        (format!("{ORDER}25000=5000|50=A|"), "-1172", "50", "14"),
        (ORDER.replace("rt-000001", "rt.1"), "-1102", "11", "6"),
        (format!("25000=60001|{ORDER}"), "-1102", "25000", "5"),
    ] {
        let answer = c.ask(&mut desk, "D", &fields).remove(0);
        assert_eq!(get(&answer, 35), "3", "{fields} {answer:?}");
        let seen = (get(&answer, 25016), get(&answer, 371), get(&answer, 373));
        assert_eq!(seen, (code, tag, reason), "{fields}");
        assert_eq!(get(&answer, 45), (c.next - 1).to_string());
    }
    assert_eq!(get(&c.ask(&mut desk, "V", "262=1|")[0], 25016), "-1183");
    assert_eq!(get(&c.ask(&mut desk, "2", "7=1|16=0|")[0], 25016), "-1020");
    assert_eq!(get(&c.ask(&mut desk, "D", ORDER)[0], 150), "0");
}

#[test]
fn wrong_sequence_comp_id_sums_and_times_have_codes_of_their_own() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    c.next = 5;
    assert_eq!(get(&c.ask(&mut desk, "D", ORDER)[0], 25016), "-1179");
    c.next = 2;
    c.name = "OTHER".to_owned();
    assert_eq!(get(&c.ask(&mut desk, "D", ORDER)[0], 25016), "-1178");
    c.name = "EXAMPLE".to_owned();
    let mut broken = frame("0", "34=3|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|");
    let last = broken.len() - 2;
    broken[last] = if broken[last] == b'0' { b'1' } else { b'0' };
    desk.fix_send(c.conn, &broken);
    assert_eq!(get(&desk.frames(c.conn)[0], 25016), "-1177");
    let late = format!("34=3|49=EXAMPLE|52=20240627-11:17:20.222|56=SPOT|25000=5000|{ORDER}");
    desk.fix_send(c.conn, &frame("D", &late));
    assert_eq!(get(&desk.frames(c.conn)[0], 25016), "-1021");
    c.next = 4;
    assert_eq!(get(&c.ask(&mut desk, "D", ORDER)[0], 150), "0");
    assert_eq!(
        get(&c.ask(&mut desk, "A", "98=0|108=30|95=1|96=x|141=Y|553=k|25035=1|")[0], 25016),
        "-1176"
    );
}

#[test]
fn heartbeats_test_requests_and_silence() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    desk.wait_ms(10_000);
    let answer = c.ask(&mut desk, "1", "112=ping|").remove(0);
    assert_eq!((get(&answer, 35), get(&answer, 112)), ("0", "ping"));
    desk.wait_ms(30_100);
    let frames = desk.frames(c.conn);
    assert_eq!(get(&frames[0], 35), "1", "{frames:?}");
    let id = get(&frames[0], 112).to_owned();
    c.send(&mut desk, "0", &format!("112={id}|"));
    desk.wait_ms(30_100);
    assert!(desk.frames(c.conn).iter().any(|f| get(f, 35) == "1"));
    desk.wait_ms(30_100);
    let kinds: Vec<_> = desk.frames(c.conn).iter().map(|f| get(f, 35).to_owned()).collect();
    assert_eq!(kinds.last().map(String::as_str), Some("5"), "{kinds:?}");
    assert!(desk.closed(c.conn));
}

#[test]
fn logout_is_acknowledged_and_frees_the_comp_id_while_a_cut_locks_it() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    let second = Client::logon(&mut desk, "EXAMPLE", "");
    assert_eq!(get(&desk.frames(second.conn)[0], 25016), "-1033");
    let answer = c.ask(&mut desk, "5", "").remove(0);
    assert_eq!(get(&answer, 58), "Logout acknowledgment.");
    assert!(desk.closed(c.conn));
    let c = Client::ready(&mut desk, "EXAMPLE", "");
    desk.front.on_closed(desk.now, c.conn, &mut Vec::new());
    let locked = Client::logon(&mut desk, "EXAMPLE", "");
    assert_eq!(get(&desk.frames(locked.conn)[0], 25016), "-1033");
    desk.wait_ms(60_100);
    Client::ready(&mut desk, "EXAMPLE", "");
}

#[test]
fn a_session_for_answers_only_hears_no_fills_and_everything_hears_other_apis() {
    let mut desk = Desk::new();
    let mut all = Client::ready(&mut desk, "ALL", "");
    let mut acks = Client::ready(&mut desk, "ACKS", "25036=2|");
    let heard = acks.ask(&mut desk, "D", ORDER);
    assert_eq!(heard.len(), 1);
    desk.bob_limit("SELL", "0.2", "60000");
    assert!(desk.frames(acks.conn).is_empty());
    let kinds: Vec<_> = desk.frames(all.conn).iter().map(|f| get(f, 150).to_owned()).collect();
    assert_eq!(kinds, ["0", "F"]);
    desk.limit("BUY", "0.1", "50000", "rest-1");
    assert_eq!(get(&desk.frames(all.conn)[0], 11), "rest-1");
    assert!(desk.frames(acks.conn).is_empty());
    let limits = all.ask(&mut desk, "XLQ", "6136=q1|").remove(0);
    assert_eq!((get(&limits, 35), get(&limits, 25003)), ("XLR", "3"));
    assert_eq!(limits.iter().filter(|(tag, _)| *tag == 25004).count(), 3);
}

#[test]
fn too_many_messages_log_out_and_close() {
    let mut config = config();
    config.limits.fix_messages_per_10s = 3;
    let mut desk = Desk::with(config);
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    c.ask(&mut desk, "0", "");
    c.ask(&mut desk, "0", "");
    let answer = c.ask(&mut desk, "0", "");
    assert_eq!(get(&answer[0], 35), "5");
    assert!(desk.closed(c.conn));
}

#[test]
fn padded_body_lengths_are_a_switch() {
    let mut config = config();
    config.fix.padded_body_length = true;
    let mut desk = Desk::with(config);
    let conn = desk.fix_open();
    desk.fix_send(conn, &doc_logon());
    assert_eq!(get(&desk.frames(conn)[0], 9).len(), 7);
}

#[test]
fn maintenance_sends_news_then_logout() {
    let mut desk = Desk::new();
    let c = Client::ready(&mut desk, "EXAMPLE", "");
    desk.inject(&Fault::Maintenance { for_ns: 1_000_000_000 });
    assert_eq!(
        get(&desk.frames(c.conn)[0], 148),
        "You'll be disconnected in 10 seconds. Please reconnect."
    );
    desk.wait_ms(10_200);
    let frames = desk.frames(c.conn);
    assert_eq!((get(&frames[0], 35), get(&frames[1], 35)), ("B", "5"));
    assert!(desk.closed(c.conn));
}

/// The gateway gives up after 10 s and says so; the engine places the order all the same.
#[test]
fn a_slow_engine_is_an_unknown_outcome_and_then_an_order() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    desk.inject(&Fault::SlowEngine { for_ns: 12_000_000_000 });
    assert!(c.ask(&mut desk, "D", ORDER).is_empty());
    let query = "symbol=BTCUSDT&origClientOrderId=rt-000001";
    assert_eq!(desk.signed("GET", "/order", query).1["code"], -2013);
    desk.wait_ms(10_100);
    let told = desk.frames(c.conn);
    assert_eq!((get(&told[0], 150), get(&told[0], 25016)), ("8", "-1007"));
    assert_eq!(desk.signed("GET", "/order", query).1["code"], -2013);
    desk.wait_ms(2_000);
    let told = desk.frames(c.conn);
    assert_eq!((get(&told[0], 150), get(&told[0], 11)), ("0", "rt-000001"));
    assert_eq!(desk.signed("GET", "/order", query).1["status"], "NEW");
}

#[test]
fn a_cut_before_the_ack_leaves_a_live_order() {
    let mut desk = Desk::new();
    let mut c = Client::ready(&mut desk, "EXAMPLE", "");
    desk.inject(&Fault::CutOnOrder(CutPoint::BeforeAck));
    assert!(c.ask(&mut desk, "D", ORDER).is_empty());
    assert!(desk.closed(c.conn));
    let (_, order) = desk.signed("GET", "/order", "symbol=BTCUSDT&origClientOrderId=rt-000001");
    assert_eq!(order["status"], "NEW");
}

#[test]
fn random_bytes_never_panic() {
    let mut desk = Desk::new();
    let mut random = Random::new(11);
    let mut good = doc_logon();
    for _ in 0..2_000 {
        let conn = desk.fix_open();
        let place = random.below(good.len() as u64) as usize;
        let old = std::mem::replace(&mut good[place], random.next_u64() as u8);
        desk.fix_send(conn, &good);
        good[place] = old;
        desk.front.on_closed(desk.now, conn, &mut Vec::new());
        desk.now += 30_000_000_000;
        desk.out.clear();
    }
}
