//! The list of instruments, whether trading is on, and the operator's news.

use rutter_clients::InstrumentConfig;
use rutter_clients::market::ListingTerms;
use rutter_clients::reference::{LIST_ENTRIES_PER_MESSAGE, NewsError, NewsSent};
use rutter_core::id::InstrumentId;
use rutter_core::input::{OperatorCommand, Scope};
use rutter_core::output::{Notice, Output};

use crate::desk::{Desk, operator, text};
use crate::market::{BINANCE, desk, market};

#[test]
fn the_list_tells_the_steps_and_sizes_of_each_instrument() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA").send(1, "35=x|320=q1|559=4|").saw(
        1,
        &["35=y|34=2|320=q1|322=2|560=0|393=2|893=Y|146=2|\
            55=BTC/USDT|870=2|871=99|872=MinPriceIncrement=0.01|871=99|872=MaxTradeVol=1000.0000|\
            15=USDT|561=0.0010|562=0.0020|\
            55=ETH/USDT|870=2|871=99|872=MinPriceIncrement=0.01|871=99|872=MaxTradeVol=1000.0000|\
            15=USDT|561=0.0010|562=0.0020|"],
    );
    desk.send(1, "35=x|320=q2|559=0|55=BTC/USDT|207=kraken|").saw(
        1,
        &["35=y|34=3|320=q2|322=3|560=0|393=1|893=Y|146=1|55=BTC/USDT|207=kraken|870=2|\
            871=99|872=MinPriceIncrement=0.10|871=99|872=MaxTradeVol=9000.0000|\
            15=USDT|561=0.0011|562=0.0021|"],
    );
}

#[test]
fn a_list_that_there_is_not_is_answered_with_its_result() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA");
    for (request, answer) in [
        ("35=x|320=q|559=0|55=DOGE/USDT|", "35=y 320=q 560=2"),
        ("35=x|320=q|559=0|55=ETH/USDT|207=kraken|", "35=y 560=2"),
        ("35=x|320=q|559=4|207=nasdaq|", "35=y 560=2"),
        ("35=x|320=q|559=1|", "35=y 560=1"),
        ("35=x|320=q|559=4|263=1|", "35=y 560=1"),
        ("35=x|559=4|", "35=3 371=320 373=1"),
        ("35=x|320=q|", "35=3 371=559 373=1"),
        ("35=x|320=q|559=0|", "35=3 371=55 373=1"),
    ] {
        desk.send(1, request).saw_like(1, &[answer]);
    }
    assert_eq!(desk.published().len(), 1, "the core has heard of the logon only");
}

#[test]
fn a_long_list_comes_in_fragments_and_a_client_that_does_not_read_gets_none() {
    const COUNT: u16 = 120;
    let instrument = |id: u16| InstrumentConfig {
        id: InstrumentId(id),
        symbol: text(&format!("C{id:03}/USDT")),
        price_decimals: 2,
        qty_decimals: 4,
    };
    let mut desk = Desk::with(|config| config.instruments = (0..COUNT).map(instrument).collect());
    let mut config = market();
    let one = config.listings[0];
    config.instruments.clear();
    config.listings = (0..COUNT)
        .map(|id| ListingTerms { instrument: InstrumentId(id), venue: BINANCE, ..one })
        .collect();
    config.limits.backlog_bytes_max = 4_000;
    desk.gateway.set_market(&config).expect("sound");
    desk.logon(1, "ALPHA").reads = false;
    desk.send(1, "35=x|320=a|559=4|").send(1, "35=x|320=b|559=4|").reads = true;
    desk.read_all();
    let seen = desk.seen(1);
    let parts: Vec<(usize, bool)> = seen
        .iter()
        .map(|message| (message.matches("|55=").count(), message.contains("|893=Y|")))
        .collect();
    let most = LIST_ENTRIES_PER_MESSAGE;
    assert_eq!(parts, [(most, false), (most, false), (20, true), (0, false)]);
    assert!(seen.iter().take(3).all(|message| message.contains("|393=120|")), "{seen:#?}");
    assert!(seen[3].contains("320=b|322=3|560=4|"), "{}", seen[3]);
}

#[test]
fn who_asks_is_told_that_trading_is_halted_and_that_it_goes_on() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA").logon(2, "BETA");
    desk.send(1, "35=g|335=s1|263=1|").saw(1, &["35=h|34=2|335=s1|336=24X7|338=1|340=2|"]);
    desk.send(2, "35=g|335=s2|336=24X7|263=0|").saw_like(2, &["35=h 335=s2 340=2"]);
    desk.output(&Output::Notice(Notice::Halted)).output(&Output::Notice(Notice::Halted));
    desk.saw(1, &["35=h|34=3|335=s1|336=24X7|338=1|325=Y|340=1|"]).saw(2, &[]);
    desk.send(2, "35=g|335=s3|263=0|").saw_like(2, &["35=h 335=s3 340=1"]);
    desk.output(&Output::Notice(Notice::Resumed)).saw_like(1, &["335=s1 325=Y 340=2"]);
    desk.send(1, "35=g|335=s1|263=2|").output(&Output::Notice(Notice::Halted)).saw(1, &[]);
}

#[test]
fn the_core_s_kill_switch_is_what_is_told() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA").send(1, "35=g|335=s1|263=1|").decide().seen(1);
    desk.ring.push(operator(OperatorCommand::Halt(Scope::All)));
    desk.decide().saw_like(1, &["35=h 325=Y 340=1"]);
    desk.ring.push(operator(OperatorCommand::Resume(Scope::All)));
    desk.decide().saw_like(1, &["35=h 325=Y 340=2"]);
    // It is known after a restart as well.
    desk.ring.push(operator(OperatorCommand::Halt(Scope::All)));
    desk.decide();
    let mut desk = desk.crash();
    desk.try_logon(1, "ALPHA").seen(1);
    desk.send(1, "35=g|335=s2|263=0|").saw_like(1, &["35=h 335=s2 340=1"]);
}

#[test]
fn a_status_request_that_makes_no_sense_is_refused() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA");
    for (request, answer) in [
        ("35=g|335=s|336=MORNING|263=1|", "35=h 335=s 340=6 567=1 336=24X7"),
        ("35=g|335=s|339=1|263=1|", "35=h 340=6"),
        ("35=g|335=s|263=9|", "35=h 340=6"),
        ("35=g|263=1|", "35=3 371=335 373=1"),
        ("35=g|335=s|", "35=3 371=263 373=1"),
        ("35=g|335=s|263=xx|", "35=3 371=263 373=6"),
    ] {
        desk.send(1, request);
        let seen = desk.seen(1);
        assert_eq!(seen.len(), 1, "{request}");
        for part in answer.split_whitespace() {
            assert!(seen[0].contains(part), "{part} in {}", seen[0]);
        }
    }
    desk.output(&Output::Notice(Notice::Halted)).saw(1, &[]);
}

#[test]
fn news_reach_every_session_and_those_that_are_away_when_they_come_back() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA");
    let told = desk.gateway.news(desk.now, "Maintenance at 22:00 UTC\n\nOrders rest.\u{7}\n");
    assert_eq!(told, Ok(NewsSent { written: 1, held: 1, ..NewsSent::default() }));
    desk.read_all();
    desk.saw(
        1,
        &["35=B|34=2|42=20240627-11:17:26.000|61=0|148=Maintenance at 22:00 UTC|33=2|\
            58=Maintenance at 22:00 UTC|58=Orders rest.?|"],
    );
    desk.logon(2, "BETA").send(2, "35=2|7=1|16=0|");
    let seen = desk.seen(2);
    assert!(seen.iter().any(|message| message.starts_with("35=B|34=1|43=Y|")), "{seen:#?}");
    assert_eq!(desk.gateway.news(desk.now, " \n"), Err(NewsError::Empty));
    assert_eq!(desk.gateway.news(desk.now, &"x".repeat(5_000)), Err(NewsError::TooLong(5_000)));
}
