//! Claims about messages: every sample of the venue's documentation is read, and nothing else is.

use super::*;

const STATUS: &str = r#"{"channel":"status","data":[{"api_version":"v2","connection_id":12393906104898154338,"system":"online","version":"2.0.0"}],"type":"update"}"#;
const SNAPSHOT: &str = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"MATIC/USD","bids":[{"price":0.5666,"qty":4831.75496356}],"asks":[{"price":0.5668,"qty":4410.79769741}],"checksum":2439117997,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
const UPDATE: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"MATIC/USD","bids":[{"price":0.5657,"qty":1098.3947558}],"asks":[],"checksum":2114181697,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
const INSTRUMENT: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"BTC","status":"enabled","precision":10,"precision_display":5,"borrowable":true,"collateral_value":1.0,"margin_rate":0.01}],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":1e-08,"price_precision":1,"cost_precision":5,"marginable":true,"has_index":true,"cost_min":0.5,"margin_initial":0.2,"position_limit_long":250,"position_limit_short":200,"tick_size":0.1,"price_increment":0.1,"qty_min":0.0001}]}}"#;
const TRADE: &str = r#"{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}"#;
const PONG: &str = r#"{"method":"pong","req_id":101,"time_in":"2023-09-24T14:10:23.799685Z","time_out":"2023-09-24T14:10:23.799703Z"}"#;
const ACK: &str = r#"{"method":"subscribe","req_id":7,"result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC\/USD"},"success":true,"time_in":"2023-09-24T14:10:23.799685Z","time_out":"2023-09-24T14:10:23.799703Z"}"#;
const REFUSAL: &str = r#"{"error":"Currency pair not supported XXX/USD","method":"subscribe","req_id":8,"success":false,"symbol":"XXX/USD","time_in":"2023-09-24T14:10:23.799685Z","time_out":"2023-09-24T14:10:23.799703Z"}"#;
const HEARTBEAT: &str = r#"{"channel":"heartbeat"}"#;

fn name(text: &str) -> Symbol {
    Symbol::new(text.as_bytes()).expect("a pair's name")
}

fn levels(text: &str, levels: &[LevelText]) -> Vec<(String, String)> {
    let part = |span: Span| String::from_utf8_lossy(span.of(text)).into_owned();
    levels.iter().map(|level| (part(level.price), part(level.qty))).collect()
}

#[test]
fn book_messages_keep_the_digits_as_they_came() {
    let mut content = Content::default();
    assert_eq!(parse(SNAPSHOT, &mut content), Ok(Message::Book { snapshot: true }));
    let [entry] = content.books() else { panic!("one entry") };
    assert_eq!((entry.symbol, entry.checksum), (name("MATIC/USD"), 2_439_117_997));
    assert_eq!(levels(SNAPSHOT, &entry.asks), [("0.5668".to_owned(), "4410.79769741".to_owned())]);
    assert_eq!(parse(UPDATE, &mut content), Ok(Message::Book { snapshot: false }));
    let [entry] = content.books() else { panic!("one entry") };
    assert_eq!(levels(UPDATE, &entry.bids), [("0.5657".to_owned(), "1098.3947558".to_owned())]);
    assert!(entry.asks.is_empty(), "nothing is left of the message before");
}

#[test]
fn the_order_of_fields_does_not_matter() {
    let text = r#"{"data":[{"checksum":5,"asks":[{"qty":2e-3,"price":1}],"bids":[],"symbol":"A/B"},{"checksum":6,"asks":[],"bids":[],"symbol":"C\/D"}],"type":"update","channel":"book"}"#;
    let mut content = Content::default();
    assert_eq!(parse(text, &mut content), Ok(Message::Book { snapshot: false }));
    let [first, second] = content.books() else { panic!("two entries") };
    assert_eq!(levels(text, &first.asks), [("1".to_owned(), "2e-3".to_owned())]);
    assert_eq!((first.symbol, second.symbol), (name("A/B"), name("C/D")));
}

#[test]
fn every_documented_message_is_what_it_is() {
    let mut content = Content::default();
    assert_eq!(parse(STATUS, &mut content), Ok(Message::Status("online")));
    assert_eq!(parse(HEARTBEAT, &mut content), Ok(Message::Heartbeat));
    assert_eq!(parse(PONG, &mut content), Ok(Message::Pong));
    assert_eq!(parse(TRADE, &mut content), Ok(Message::Trade { snapshot: false }));
    assert_eq!(parse(INSTRUMENT, &mut content), Ok(Message::Instrument));
    let terms = PairTerms { symbol: name("BTC/USD"), price_precision: 1, qty_precision: 8 };
    assert_eq!(content.pairs(), [terms]);
    let ack = Answer {
        method: "subscribe",
        success: true,
        channel: "book",
        symbol: name("BTC/USD"),
        req_id: Some(7),
        error: "",
    };
    assert_eq!(parse(ACK, &mut content), Ok(Message::Answer(ack)));
    let refusal = Answer {
        success: false,
        channel: "",
        symbol: name("XXX/USD"),
        req_id: Some(8),
        error: "Currency pair not supported XXX/USD",
        ..ack
    };
    assert_eq!(parse(REFUSAL, &mut content), Ok(Message::Answer(refusal)));
}

#[test]
fn a_cut_message_is_never_taken_for_a_whole_one() {
    let mut content = Content::default();
    for text in [STATUS, SNAPSHOT, UPDATE, INSTRUMENT, TRADE, PONG, ACK, REFUSAL, HEARTBEAT] {
        for end in 0..text.len() {
            assert!(parse(&text[..end], &mut content).is_err(), "{}", &text[..end]);
        }
    }
}

#[test]
fn wrong_types_and_missing_fields_are_errors() {
    let mut content = Content::default();
    for text in [
        "",
        "[]",
        "null",
        "{}x",
        r#"{"channel":1}"#,
        r#"{"channel":"book","data":[]}"#,
        r#"{"channel":"book","type":"other","data":[]}"#,
        r#"{"channel":"book","type":"update","data":{}}"#,
        r#"{"channel":"book","type":"update","data":[[]]}"#,
        r#"{"channel":"book","type":"update","data":[{"symbol":"A/B","bids":[],"asks":[]}]}"#,
        r#"{"channel":"book","type":"update","data":[{"checksum":4294967296}]}"#,
        r#"{"channel":"book","type":"update","data":[{"checksum":-1}]}"#,
        r#"{"channel":"book","type":"update","data":[{"checksum":1,"bids":[{"price":1}]}]}"#,
        r#"{"channel":"book","type":"update","data":[{"checksum":1,"bids":[{"price":"1","qty":1}]}]}"#,
        r#"{"channel":"instrument","type":"update","data":[]}"#,
    ] {
        assert!(parse(text, &mut content).is_err(), "{text}");
    }
    assert_eq!(parse("{}", &mut content), Ok(Message::Other));
}

#[test]
fn what_is_too_much_is_refused_by_name() {
    let entry = r#"{"symbol":"A/B","bids":[],"asks":[],"checksum":0}"#;
    let many = vec![entry; ENTRIES_MAX + 1].join(",");
    let text = format!(r#"{{"channel":"book","type":"update","data":[{many}]}}"#);
    let mut content = Content::default();
    let error = MessageError::TooMany { what: "entries", limit: ENTRIES_MAX };
    assert_eq!(parse(&text, &mut content), Err(error));
    let many = vec![r#"{"price":1,"qty":1}"#; LEVELS_MAX + 1].join(",");
    let text = format!(
        r#"{{"channel":"book","type":"update","data":[{{"symbol":"A/B","bids":[{many}]}}]}}"#
    );
    let error = MessageError::TooMany { what: "levels", limit: LEVELS_MAX };
    assert_eq!(parse(&text, &mut content), Err(error));
    let deep = format!(r#"{{"x":{}"#, "[".repeat(100_000));
    assert_eq!(parse(&deep, &mut content), Err(ScanError::TooDeep.into()));
}

/// Every byte of every sample is damaged in turn: the answer may be anything but a panic.
#[test]
fn damaged_bytes_never_panic() {
    let mut content = Content::default();
    for text in [SNAPSHOT, INSTRUMENT, ACK, STATUS] {
        for at in 0..text.len() {
            for byte in [b'"', b'\\', b'{', b']', b',', b'0', b'-', 0, 0x7f] {
                let mut damaged = text.as_bytes().to_vec();
                damaged[at] = byte;
                let damaged = String::from_utf8(damaged).expect("ASCII");
                let _ = parse(&damaged, &mut content);
            }
        }
    }
}

#[test]
fn requests_are_the_documented_text() {
    let mut out = Vec::new();
    write_book_request(&mut out, "subscribe", ["BTC/USD"].into_iter(), 10, 1);
    assert_eq!(
        String::from_utf8_lossy(&out),
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10,"snapshot":true},"req_id":1}"#
    );
    out.clear();
    write_book_request(&mut out, "unsubscribe", ["A/B", "C/D"].into_iter(), 25, 2);
    assert_eq!(
        String::from_utf8_lossy(&out),
        r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["A/B","C/D"],"depth":25},"req_id":2}"#
    );
    out.clear();
    write_instrument_request(&mut out, 79);
    assert_eq!(
        String::from_utf8_lossy(&out),
        r#"{"method":"subscribe","params":{"channel":"instrument"},"req_id":79}"#
    );
    out.clear();
    write_ping(&mut out, 101);
    assert_eq!(String::from_utf8_lossy(&out), r#"{"method":"ping","req_id":101}"#);
}

/// Each message with a blank in front is read as JSON, and without it by its shape.
#[test]
fn the_usual_shape_of_a_book_says_the_same_as_json() {
    let entry = |bids: &str, asks: &str, more: &str| {
        format!(
            r#"{{"channel":"book","type":"update","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":7{more}}}]}}"#
        )
    };
    let level = r#"{"price":60000.1,"qty":0.00000001}"#;
    let two = format!("{level},{level}");
    let time = r#","timestamp":"2023-10-06T17:35:55.440295Z""#;
    let texts = [
        entry("", "", ""),
        entry(level, "", time),
        entry(&two, &two, time),
        entry("", level, time).replace("update", "snapshot"),
        entry("", r#"{"price":1e3,"qty":0.1}"#, ""),
        entry("", r#"{"qty":2,"price":1}"#, ""),
        entry("", r#"{"price":1,"qty":2,"orders":3}"#, ""),
        entry(level, "", r#","new":{}"#),
        entry(level, "", time).replace("BTC/USD", r"BTC\/USD"),
        SNAPSHOT.to_owned(),
        UPDATE.to_owned(),
    ];
    for text in texts {
        let blank = format!(" {text}");
        let (mut quick, mut json) = (Content::default(), Content::default());
        assert_eq!(parse(&text, &mut quick), parse(&blank, &mut json), "{text}");
        assert_eq!(quick.books().len(), 1, "{text}");
        for (a, b) in quick.books().iter().zip(json.books()) {
            assert_eq!((a.symbol, a.checksum), (b.symbol, b.checksum), "{text}");
            assert_eq!(levels(&text, &a.bids), levels(&blank, &b.bids), "{text}");
            assert_eq!(levels(&text, &a.asks), levels(&blank, &b.asks), "{text}");
        }
    }
    for cut in ["", "}", "]}", "}]}"] {
        let whole = entry(level, level, time);
        let text = whole.strip_suffix(cut).filter(|_| !cut.is_empty());
        let text = text.map_or_else(|| whole.clone() + "x", str::to_owned);
        assert!(parse(&text, &mut Content::default()).is_err(), "{text}");
    }
}
