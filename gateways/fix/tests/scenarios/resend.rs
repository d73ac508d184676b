//! Long resends: what is sent again says when it was sent first, live messages are not held up,
//! and a peer of ours gets everything once and in order.

use std::collections::BTreeMap;

use crate::desk::{Desk, SECOND, START, frame, logon, time_text};
use rutter_fix::codec::{FieldIndex, Message, Status, decode};
use rutter_fix::session::{BusinessRejectReason, Config, NoCredentials, REPLAY_BYTES_MAX};
use rutter_fix::store::{MemStore, MessageStore};

type Plain = Desk<MemStore, NoCredentials>;

/// The same numbers for the same seed (a linear congruential generator of Knuth's).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Header and text of one message that a session wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    kind: String,
    seq: u64,
    again: bool,
    sent: String,
    first_sent: String,
    next: Option<u64>,
    text: String,
}

fn read(bytes: &[u8]) -> Vec<Said> {
    let mut index = FieldIndex::new();
    let (mut rest, mut said) = (bytes, Vec::new());
    while !rest.is_empty() {
        let Ok(Status::Complete { consumed }) = decode(rest, &mut index) else { panic!("garbage") };
        let message = Message::new(&rest[..consumed], &index);
        let text = |tag| String::from_utf8_lossy(message.get(tag).unwrap_or(b"")).into_owned();
        said.push(Said {
            kind: text(35),
            seq: message.uint(34).expect("a number").expect("there"),
            again: message.get(43) == Some(b"Y"),
            sent: text(52),
            first_sent: text(122),
            next: message.uint(36).expect("a number"),
            text: text(58),
        });
        rest = &rest[consumed..];
    }
    said
}

fn acceptor() -> Plain {
    Desk::new(Config::acceptor("RUTTER", "CLIENT"), MemStore::new(1 << 30), NoCredentials)
}

/// Sends reports, market data and heartbeats in any order at any times; what was sent, by number.
fn trade(desk: &mut Plain, dice: &mut Dice, messages: u64) -> BTreeMap<u64, Said> {
    let mut said = BTreeMap::new();
    for number in 0..messages {
        desk.now += dice.roll(3) * SECOND / 7;
        match dice.roll(10) {
            0 => {
                let size = dice.roll(200) as usize;
                let sent = desk.session.send_transient(desk.now, b"W", &mut desk.out, |tick| {
                    tick.text(58, &"w".repeat(size));
                });
                assert!(sent.is_ok());
            }
            1 => {
                let request = format!("35=1|34={}|112=t|", desk.session.next_in());
                desk.gets(&request);
            }
            _ => {
                let text = format!("{number} {}", "x".repeat(dice.roll(300) as usize));
                let sent = desk.session.send_unnumbered(desk.now, b"8", &mut desk.out, |report| {
                    report.text(58, &text);
                });
                assert!(sent.is_ok());
            }
        }
        let bytes = std::mem::take(&mut desk.out);
        said.extend(read(&bytes).into_iter().map(|one| (one.seq, one)));
    }
    said
}

#[test]
fn everything_that_is_sent_again_says_so_and_when_it_was_sent_first() {
    for seed in 1..=8 {
        let mut dice = Dice(seed);
        let mut desk = acceptor();
        desk.connect().gets(&logon(1)).wrote();
        let first = trade(&mut desk, &mut dice, 3_000);
        let last = desk.session.next_out() - 1;
        for _ in 0..20 {
            let begin = 2 + dice.roll(last - 1);
            let end = begin + dice.roll(last - begin + 1);
            desk.now += SECOND;
            let now = time_text(desk.now);
            desk.gets(&format!("35=2|34={}|7={begin}|16={end}|", desk.session.next_in()));
            let mut again = read(&std::mem::take(&mut desk.out));
            while desk.session.replay_pending() {
                desk.bytes(b"");
                again.extend(read(&std::mem::take(&mut desk.out)));
            }
            let mut expected = begin;
            for one in again {
                assert_eq!((one.seq, one.again), (expected, true), "seed {seed}");
                assert_eq!(one.sent, now, "seed {seed}");
                expected = if one.kind == "4" {
                    let next = one.next.expect("36");
                    let kept = first.range(expected..next).filter(|(_, one)| one.kind == "8");
                    assert_eq!(kept.count(), 0, "seed {seed}: a report was filled over");
                    next
                } else {
                    let before = &first[&one.seq];
                    assert_eq!((&one.kind, &one.text), (&before.kind, &before.text), "seed {seed}");
                    assert_eq!(one.first_sent, before.sent, "seed {seed}");
                    one.seq + 1
                };
            }
            assert_eq!(expected, end + 1, "seed {seed}");
        }
    }
}

/// A hundred thousand messages to send again, and an order whose report does not wait for them.
#[test]
fn live_traffic_goes_out_after_every_part_of_a_resend() {
    let mut desk = acceptor();
    desk.connect().gets(&logon(1)).wrote();
    let messages = 100_000;
    for event_no in 1..=messages {
        desk.reports(event_no);
        desk.out.clear();
    }
    desk.gets("35=2|34=2|7=2|16=0|");
    let (mut parts, mut live, mut resent) = (0, 0, 0);
    loop {
        let pending = desk.session.replay_pending();
        assert!(desk.out.len() < REPLAY_BYTES_MAX + 1_024, "a part is bounded");
        let said = read(&std::mem::take(&mut desk.out));
        resent += said.iter().filter(|one| one.again).count() as u64;
        live += said.iter().filter(|one| !one.again).count() as u64;
        if !pending {
            break;
        }
        parts += 1;
        // An order arrives, is delivered at once, and its report leaves with the next part.
        let order = format!("35=D|34={}|11=id|", desk.session.next_in());
        desk.gets(&order).reports(messages + parts);
        assert_eq!(desk.events.pop(), Some(format!("app D {}", 2 + parts)));
        desk.events.clear();
    }
    assert!(parts > 20, "{parts}");
    assert_eq!((resent, live), (messages, parts));
}

/// A client of ours that asks for everything, in chunks or at once, while new messages come.
#[test]
fn a_client_of_ours_gets_every_report_once_and_in_order_while_others_come() {
    for (seed, chunk) in [(1, 0), (2, 0), (3, 1), (4, 7), (5, 500)] {
        let mut dice = Dice(seed);
        let config = Config { resend_chunk: chunk, ..Config::initiator("CLIENT", "RUTTER") };
        let mut client = Desk::new(config, MemStore::new(1 << 20), NoCredentials);
        let mut desk = acceptor();
        for event_no in 1..=5_000 {
            desk.reports(event_no);
        }
        desk.connect();
        client.connect();
        let (mut event_no, mut turns) = (5_000, 0);
        while client.session.next_in() < desk.session.next_out() || turns < 200 {
            turns += 1;
            assert!(turns < 100_000, "seed {seed}: no end");
            if event_no < 6_000 && desk.session.is_logged_on() {
                for _ in 0..dice.roll(20) {
                    event_no += 1;
                    desk.reports(event_no);
                }
            }
            let bytes = std::mem::take(&mut client.out);
            desk.bytes(&bytes);
            // The line carries a part of what is there, cut anywhere.
            let bytes = std::mem::take(&mut desk.out);
            let cut = bytes.len().min(1 + dice.roll(40_000) as usize);
            client.bytes(&bytes[..cut]);
            desk.out = bytes[cut..].to_vec();
        }
        let told: Vec<u64> = client
            .events
            .iter()
            .filter_map(|event| event.strip_prefix("app 8 ")?.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(told.len() as u64, event_no, "seed {seed}: {:?}", client.events.last());
        assert!(told.is_sorted_by(|a, b| a < b), "seed {seed}: in order, each once");
    }
}

/// More comes ahead of a gap than there is room for: it is asked for once the gap is filled.
#[test]
fn what_finds_no_room_ahead_of_a_gap_is_asked_for_again() {
    let mut desk = acceptor();
    desk.connect().gets(&logon(1)).wrote();
    let big = "y".repeat(20_000);
    for seq in 3..=100 {
        desk.gets(&format!("35=B|34={seq}|148={big}|"));
    }
    desk.says(["35=2|34=2|7=2|16=0|"]);
    desk.gets("35=0|34=2|");
    let kept = desk.session.next_in();
    assert!((50..60).contains(&kept), "a megabyte of them: {kept}");
    desk.says([&format!("35=2|34=3|7={kept}|16=0|")]);
    let then = time_text(START);
    for seq in kept..=100 {
        let body =
            format!("35=B|34={seq}|43=Y|49=CLIENT|52={then}|56=RUTTER|122={then}|148={big}|");
        desk.bytes(&frame("FIX.4.4", &body));
    }
    assert_eq!(desk.session.next_in(), 101);
    assert_eq!(desk.events.iter().filter(|event| event.starts_with("app B")).count(), 98);
}

/// The peer asks for a reset while it is still being resent what it asked for.
#[test]
fn a_reset_ends_a_resend() {
    let mut desk = acceptor();
    desk.connect().gets(&logon(1)).wrote();
    for event_no in 1..=10_000 {
        desk.reports(event_no);
    }
    desk.out.clear();
    desk.gets("35=2|34=2|7=1|16=0|");
    assert!(desk.session.replay_pending());
    desk.out.clear();
    desk.gets("35=A|34=1|98=0|108=30|141=Y|");
    let said = read(&std::mem::take(&mut desk.out));
    let last = said.last().expect("an answer");
    assert_eq!((last.kind.as_str(), last.seq, last.again), ("A", 1, false));
    assert!(!desk.session.replay_pending());
    desk.reports(10_001).says(["35=8|34=2|58=event 10001|"]);
    assert_eq!((desk.session.next_in(), desk.session.next_out()), (2, 3));
    // And the other way round: the reset is on its way when the gap is noticed.
    desk.gets("35=0|34=9|").says(["35=2|34=3|7=2|16=0|"]);
    desk.gets("35=A|34=1|98=0|108=30|141=Y|").says(["35=A|34=1|98=0|108=30|141=Y|"]);
    desk.gets("35=1|34=2|112=x|").says(["35=0|34=2|112=x|"]);
}

/// An initiator's orders: what the venue did not get in time it must not get at all.
#[test]
fn an_order_that_is_stale_is_filled_over_and_not_sent_again() {
    let config =
        Config { resend_age_max_ns: Some(2 * SECOND), ..Config::initiator("CLIENT", "VENUE") };
    let mut desk = Desk::new(config, MemStore::new(1 << 24), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=30|").wrote();
    let orders = |desk: &mut Plain, count: u64| {
        for _ in 0..count {
            let sent = desk.session.send_unnumbered(desk.now, b"D", &mut desk.out, |order| {
                order.field(11, b"id");
            });
            assert!(sent.is_ok());
        }
        desk.out.clear();
    };
    orders(&mut desk, 10_000);
    desk.now += SECOND;
    orders(&mut desk, 2);
    desk.now += SECOND;
    desk.gets("35=2|34=2|7=2|16=0|");
    let said = read(&std::mem::take(&mut desk.out));
    let mut expected = 2;
    for fill in said.iter().filter(|one| one.kind == "4") {
        assert_eq!(fill.seq, expected);
        expected = fill.next.expect("36");
    }
    assert_eq!(expected, 10_002, "all the old ones, in a few fills");
    let again: Vec<u64> = said.iter().filter(|one| one.kind == "D").map(|one| one.seq).collect();
    assert_eq!(again, [10_002, 10_003]);
    assert!(said.len() < 10, "{}", said.len());
    desk.now += SECOND;
    let now = time_text(desk.now);
    desk.gets("35=2|34=3|7=2|16=3|").says([&format!("35=4|34=2|43=Y|122={now}|36=4|123=Y|")]);
}

/// 789 below what retention has kept: the operator is told, as with a `ResendRequest`.
#[test]
fn what_is_no_longer_kept_is_told_when_the_logon_asks_for_it_too() {
    let config = Config { next_expected: true, ..Config::acceptor("RUTTER", "CLIENT") };
    let mut desk = Desk::new(config, MemStore::new(100), NoCredentials);
    for event in 1..=50 {
        desk.reports(event);
    }
    desk.connect().gets("35=A|34=1|98=0|108=30|789=1|");
    let upto = desk.session.store().dropped_upto();
    assert!(upto > 1);
    desk.sees(["logged on, 30 s", &format!("ResendTruncated {{ from: 1, upto: {upto} }}")]);
    assert_eq!(desk.session.take_counts().resends, 1);
}

#[test]
fn what_is_no_longer_kept_is_told_when_the_request_for_it_opens_a_gap() {
    let mut desk =
        Desk::new(Config::acceptor("RUTTER", "CLIENT"), MemStore::new(100), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=30|").sees(["logged on, 30 s"]);
    for event in 1..=50 {
        desk.reports(event);
    }
    desk.gets("35=2|34=4|7=2|16=0|");
    let upto = desk.session.store().dropped_upto();
    desk.sees([&format!("ResendTruncated {{ from: 2, upto: {upto} }}"), "gap 2..4"]);
}

/// A Logon that comes again (43=Y) ahead of a gap.
#[test]
fn a_logon_that_was_kept_ahead_of_a_gap_holds_nothing_up() {
    let mut desk =
        Desk::new(Config::acceptor("RUTTER", "CLIENT"), MemStore::new(1 << 20), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=30|").wrote();
    let at = time_text(desk.now);
    let head = |kind: &str, seq: u64| format!("35={kind}|34={seq}|49=CLIENT|52={at}|56=RUTTER|");
    let bytes = [
        format!("{}43=Y|122={at}|98=0|108=30|", head("A", 3)),
        head("0", 2),
        format!("{}112=x|", head("1", 4)),
    ];
    let bytes = bytes.map(|body| frame("FIX.4.4", &body)).concat();
    desk.bytes(&bytes).says(["35=2|34=2|7=2|16=0|", "35=0|34=3|112=x|"]);
    assert!(desk.input.is_empty(), "{} bytes are left", desk.input.len());
}

/// The order in `34=2` was not confirmed when the process died; `34=3` was answered by then.
#[test]
fn what_was_answered_before_a_crash_is_not_delivered_after_it() {
    let config = || Config::acceptor("RUTTER", "CLIENT");
    let order = "11=id|38=1|40=1|54=1|55=X|60=20240627-11:17:26|";
    let mut desk = Desk::new(config(), MemStore::new(1 << 20), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=30|").gets(&format!("35=D|34=2|{order}"));
    let mut index = FieldIndex::new();
    let second = frame("FIX.4.4", &format!("35=D|34=3|49=CLIENT|56=RUTTER|{order}"));
    decode(&second, &mut index).expect("well formed");
    let message = Message::new(&second, &index);
    desk.gets(&format!("35=D|34=3|{order}"));
    let (now, reason) = (desk.now, BusinessRejectReason::Other);
    let out = &mut desk.out;
    desk.session.business_reject(now, &message, reason, None, "no", out).expect("stored");
    desk.session.confirm_in(desk.ids[1]);
    let mut desk = Desk::new(config(), desk.session.into_store(), NoCredentials);
    desk.session.recover_answered();
    assert_eq!(desk.session.next_in(), 2);
    desk.connect().gets("35=A|34=4|98=0|108=30|").wrote();
    desk.events.clear();
    let then = time_text(desk.now);
    for seq in [2, 3] {
        desk.gets(&format!("35=D|34={seq}|43=Y|122={then}|{order}"));
    }
    desk.sees(["app D 2 again"]).gets("35=1|34=5|112=x|").wrote();
    assert_eq!(desk.session.next_in(), 6);
}
