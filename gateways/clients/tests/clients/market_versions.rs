//! The same answers in each version of FIX: each message is one that the published dictionary of
//! that version allows.

use rutter_clients::market::BookNews;
use rutter_clients::market::books::Books;
use rutter_clients::market::ladder::{ALL_VENUES, Action, BookView, Change, Entry, Ladder};
use rutter_clients::market::request::MdRefusal;
use rutter_clients::market::write::{StreamHeader, write_increment, write_reject, write_snapshot};
use rutter_clients::reference::security_list::SecurityList;
use rutter_clients::reference::session_status::{write_refusal, write_status};
use rutter_clients::reference::{News, RequestId};
use rutter_clients::terms::Terms;
use rutter_clients::{InstrumentConfig, SessionConfig, SessionKind};
use rutter_core::id::{InstrumentId, Name, SessionId};
use rutter_core::input::Side;
use rutter_core::number::{Price, Qty};
use rutter_fix::codec::{Encoder, FieldIndex, Message, Status, TimePrecision, decode};
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::tags;
use rutter_test_support::published::assert_allowed;

use crate::desk::{BTC, Desk, START, config, text};
use crate::market::{BINANCE, Feed, market, update, with_eth};

/// The message's own fields, once its dictionary has allowed it.
pub fn written(version: Version, kind: &str, write: impl FnOnce(&mut Encoder<'_>)) -> String {
    let mut bytes = Vec::new();
    let begin = version.begin_string().as_bytes();
    let mut out = Encoder::begin(&mut bytes, begin, kind.as_bytes());
    out.uint(tags::MSG_SEQ_NUM, 2).field(tags::SENDER_COMP_ID, b"RUTTER");
    out.timestamp(tags::SENDING_TIME, START, TimePrecision::Millis);
    out.field(tags::TARGET_COMP_ID, b"DESK");
    write(&mut out);
    let length = out.finish().expect("short");
    let mut index = FieldIndex::new();
    assert_eq!(decode(&bytes, &mut index), Ok(Status::Complete { consumed: length }));
    let message = Message::new(&bytes, &index);
    assert_eq!(message.defect(), None, "{message}");
    assert_allowed(&bytes, |_| false);
    let shown = message.to_string();
    let body = shown.split_once("|56=DESK|").expect("a header").1;
    body.split_once("|10=").expect("a trailer").0.to_owned()
}

fn instrument() -> InstrumentConfig {
    config().instruments[0]
}

pub fn ladders() -> [Ladder; 2] {
    let mut books = Books::new(&market());
    books.take(START, &update(BINANCE, true, true, "b9990@5 a10010@4"), |_, _| {});
    let view = BookView { instrument: BTC, venues: 1, depth: 5, aggregated: false };
    [Side::Buy, Side::Sell].map(|side| {
        let mut ladder = Ladder::new(side, 8);
        ladder.fill(&books, &view);
        ladder
    })
}

fn with_heading(write: impl FnOnce(&StreamHeader<'_>)) {
    let (id, instrument) = (text("m1"), instrument());
    let venues: [Name; 2] = [text("binance"), text("kraken")];
    let exchange = Some(&venues[0]);
    write(&StreamHeader { id: &id, instrument: &instrument, exchange, depth: 5, venues: &venues });
}

#[test]
fn market_data_is_written_in_every_version() {
    let empty = [Side::Buy, Side::Sell].map(|side| Ladder::new(side, 0));
    let entry = |venue| Entry { price: Price(9_990), qty: Qty(5), venue };
    let changes = [
        Change { action: Action::Delete, side: Side::Buy, entry: entry(0) },
        Change { action: Action::New, side: Side::Sell, entry: entry(ALL_VENUES) },
        Change { action: Action::Change, side: Side::Sell, entry: entry(1) },
    ];
    for version in Version::ALL {
        let of_5 = version == Version::Fix50Sp2;
        let kind = if of_5 { "1021=2|" } else { "" };
        with_heading(|heading| {
            let image = written(version, "W", |out| {
                write_snapshot(out, heading, &ladders(), None, version);
            });
            assert_eq!(
                image,
                format!(
                    "{kind}262=m1|55=BTC/USDT|207=binance|268=2|\
                     269=0|270=99.90|271=0.0005|275=binance|\
                     269=1|270=100.10|271=0.0004|275=binance"
                )
            );
            let none =
                written(version, "W", |out| write_snapshot(out, heading, &empty, None, version));
            let entries = if of_5 { "268=1|269=J" } else { "268=0" };
            assert_eq!(none, format!("{kind}262=m1|55=BTC/USDT|207=binance|{entries}"));
            let more =
                written(version, "X", |out| write_increment(out, heading, &changes, version));
            assert_eq!(
                more,
                format!(
                    "{kind}262=m1|268=3|\
                     279=2|269=0|55=BTC/USDT|207=binance|270=99.90|275=binance|\
                     279=0|269=1|55=BTC/USDT|207=binance|270=99.90|271=0.0005|\
                     279=1|269=1|55=BTC/USDT|207=binance|270=99.90|271=0.0005|275=kraken"
                )
            );
        });
        for refusal in MdRefusal::ALL {
            let told =
                written(version, "Y", |out| write_reject(out, &text("m1"), refusal, version));
            let code = refusal.code(version).map(|code| format!("281={}|", char::from(code)));
            let code = code.unwrap_or_default();
            assert_eq!(told, format!("262=m1|{code}58={}", refusal.text()));
        }
    }
}

#[test]
fn the_longest_messages_can_be_written() {
    use rutter_clients::market::INCREMENT_ENTRIES_MAX;
    let longest: Name = text("LONGESTVENUE");
    let venues = [longest; 8];
    let instrument = InstrumentConfig {
        id: InstrumentId(0),
        symbol: text("LONGEST-SYMBOL/THERE"),
        price_decimals: 9,
        qty_decimals: 9,
    };
    let id = text(&"i".repeat(64));
    let exchange = Some(&longest);
    let heading =
        StreamHeader { id: &id, instrument: &instrument, exchange, depth: 32, venues: &venues };
    let entry = Entry { price: Price(i64::MAX), qty: Qty(i64::MAX), venue: 7 };
    let change = Change { action: Action::Change, side: Side::Buy, entry };
    for version in Version::ALL {
        let body = written(version, "X", |out| {
            write_increment(out, &heading, &[change; INCREMENT_ENTRIES_MAX], version);
        });
        assert_eq!(body.matches("279=1").count(), INCREMENT_ENTRIES_MAX);
    }
}

#[test]
fn lists_statuses_and_news_are_written_in_every_version_that_has_them() {
    let mut config = config();
    with_eth(&mut config);
    let (terms, market) = (Terms::new(&config), market());
    let list = SecurityList::new(&market, config.venues.clone());
    for version in [Version::Fix44, Version::Fix50Sp2] {
        let mut bytes = Vec::new();
        let begin = version.begin_string().as_bytes();
        let mut request = Encoder::begin(&mut bytes, begin, b"x");
        request.text(320, "q").text(559, "0").text(55, "BTC/USDT");
        request.finish().expect("short");
        let mut index = FieldIndex::new();
        decode(&bytes, &mut index).expect("whole");
        let asked = list.read(&Message::new(&bytes, &index), &terms).expect("well formed");
        assert_eq!(list.messages(&asked, &terms), 1);
        let body = written(version, "y", |out| list.write(out, &asked, (0, 7), &terms, version));
        let row = if version == Version::Fix44 {
            "55=BTC/USDT|870=2|871=99|872=MinPriceIncrement=0.01|871=99|\
             872=MaxTradeVol=1000.0000|15=USDT|561=0.0010|562=0.0020"
        } else {
            "55=BTC/USDT|969=0.01|562=0.0020|1140=1000.0000|561=0.0010|15=USDT"
        };
        assert_eq!(body, format!("320=q|322=7|560=0|393=1|893=Y|146=1|{row}"));
    }
    let id: RequestId = text("s");
    let news = News::new("one\ntwo").expect("sound");
    for version in Version::ALL {
        let open = written(version, "h", |out| write_status(out, &id, false, true));
        assert_eq!(open, "335=s|336=24X7|338=1|325=Y|340=2");
        if version != Version::Fix42 {
            let refused = written(version, "h", |out| write_refusal(out, &id));
            assert!(refused.contains("|340=6|567=1|"), "{refused}");
        }
        let told = written(version, "B", |out| news.write(out, START, TimePrecision::Millis));
        assert_eq!(told, "42=20240627-11:17:26.000|61=0|148=one|33=2|58=one|58=two");
    }
}

/// Sessions of all versions, checked with their dictionaries on both sides.
fn all_versions() -> Desk {
    let mut desk = Desk::with(|config| {
        with_eth(config);
        let session = |id, name: &str, version| SessionConfig {
            version,
            checks: Some(Checks::default()),
            requests_per_s_max: 8,
            ..SessionConfig::trading(SessionId(id), name, text(&format!("ACC-{name}")))
        };
        config.sessions.push(session(2, "OLD", Version::Fix42));
        config.sessions.push(session(3, "NEW", Version::Fix50Sp2));
        let kind = SessionKind::DropCopy(vec![SessionId(0)]);
        let copy = SessionConfig::trading(SessionId(4), "COPY", text("none"));
        config.sessions.push(SessionConfig { kind, ..copy });
    });
    desk.gateway.set_market(&market()).expect("sound");
    desk
}

const ASK: &str = "35=V|262=m1|263=1|264=1|265=1|267=2|269=0|269=1|146=1|55=BTC/USDT|";

#[test]
fn sessions_of_every_version_are_told_in_their_own_words() {
    let mut desk = all_versions();
    desk.book(BINANCE, "b9990@5 a10010@4");
    for (conn, name, kind, none) in
        [(1, "OLD", "", "268=0|"), (2, "NEW", "1021=1|", "268=1|269=J|")]
    {
        desk.logon(conn, name).send(conn, ASK).wait(0);
        desk.saw(
            conn,
            &[&format!(
                "35=W|34=2|{kind}262=m1|55=BTC/USDT|268=2|269=0|270=99.90|271=0.0005|275=binance|\
                 269=1|270=100.10|271=0.0004|275=binance|"
            )],
        );
        desk.change(BINANCE, "b9991@1");
        let entry = "269=0|55=BTC/USDT|270=99.9";
        desk.saw(
            conn,
            &[&format!(
                "35=X|34=3|{kind}262=m1|268=2|279=2|{entry}0|275=binance|\
                 279=0|{entry}1|271=0.0001|275=binance|"
            )],
        );
        desk.news(&BookNews::Lost(BINANCE));
        desk.saw(conn, &[&format!("35=W|34=4|{kind}262=m1|55=BTC/USDT|{none}")]);
        desk.send(conn, "35=g|335=s|336=NIGHT|263=1|").send(conn, "35=x|320=q|559=4|");
        let refused = if name == "OLD" {
            ["35=j 379=s 380=1 372=g", "35=3 372=x 373=11"]
        } else {
            ["35=h 335=s 340=6 567=1", "35=y 560=0 969=0.01 1140="]
        };
        desk.saw_like(conn, &refused);
        desk.peer_closes(conn).book(BINANCE, "b9990@5 a10010@4");
    }
}

#[test]
fn a_drop_copy_asks_for_nothing_and_questions_count_as_requests() {
    let mut desk = all_versions();
    desk.logon(1, "COPY").send(1, ASK).wait(0).saw_like(1, &["35=j 380=6 58=ReadOnlySession"]);
    desk.logon(2, "NEW");
    for number in 0..9 {
        desk.send(2, &ASK.replace("m1", &format!("m{number}"))).wait(0);
    }
    let seen = desk.seen(2);
    assert_eq!(seen.iter().filter(|message| message.starts_with("35=W|")).count(), 8);
    assert!(seen[8].contains("58=ThrottleExceeded|"), "{}", seen[8]);
}
