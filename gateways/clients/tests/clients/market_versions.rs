//! The same answers in each version of FIX: each message is one that the published dictionary of
//! that version allows.

use rutter_clients::InstrumentConfig;
use rutter_clients::market::books::Books;
use rutter_clients::market::ladder::{ALL_VENUES, Action, Change, Entry, Ladder, View};
use rutter_clients::market::request::MdRefusal;
use rutter_clients::market::write::{Heading, write_increment, write_reject, write_snapshot};
use rutter_clients::reference::security_list::SecurityList;
use rutter_clients::reference::session_status::{write_refusal, write_status};
use rutter_clients::reference::{News, RequestId};
use rutter_clients::terms::Terms;
use rutter_core::id::{InstrumentId, Name};
use rutter_core::input::Side;
use rutter_core::number::{Price, Qty};
use rutter_fix::codec::{Encoder, FieldIndex, Message, Status, TimePrecision, decode};
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::tags;

use crate::desk::{BTC, START, config, text};
use crate::market::{BINANCE, market, update, with_eth};

/// The message's own fields, once its dictionary has allowed it.
fn written(version: Version, kind: &str, write: impl FnOnce(&mut Encoder<'_>)) -> String {
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
    let checked = version.dictionary().check(&message, &Checks::default());
    assert_eq!(checked, Ok(()), "{version:?}: {message}");
    let shown = message.to_string();
    let body = shown.split_once("|56=DESK|").expect("a header").1;
    body.split_once("|10=").expect("a trailer").0.to_owned()
}

fn instrument() -> InstrumentConfig {
    config().instruments[0]
}

fn ladders() -> [Ladder; 2] {
    let mut books = Books::new(&market());
    books.take(START, &update(BINANCE, true, true, "b9990@5 a10010@4"), |_, _| {});
    let view = View { instrument: BTC, venues: 1, depth: 5, aggregated: false };
    [Side::Buy, Side::Sell].map(|side| {
        let mut ladder = Ladder::new(side, 8);
        ladder.fill(&books, &view);
        ladder
    })
}

fn with_heading(write: impl FnOnce(&Heading<'_>)) {
    let (id, instrument) = (text("m1"), instrument());
    let venues: [Name; 2] = [text("binance"), text("kraken")];
    let exchange = Some(&venues[0]);
    write(&Heading { id: &id, instrument: &instrument, exchange, depth: 5, venues: &venues });
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
            let image =
                written(version, "W", |out| write_snapshot(out, heading, &ladders(), version));
            assert_eq!(
                image,
                format!(
                    "{kind}262=m1|55=BTC/USDT|207=binance|268=2|\
                     269=0|270=99.90|271=0.0005|275=binance|\
                     269=1|270=100.10|271=0.0004|275=binance"
                )
            );
            let none = written(version, "W", |out| write_snapshot(out, heading, &empty, version));
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
        Heading { id: &id, instrument: &instrument, exchange, depth: 32, venues: &venues };
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
            "55=BTC/USDT|969=0.01|15=USDT|561=0.0010|562=0.0020|1140=1000.0000"
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
