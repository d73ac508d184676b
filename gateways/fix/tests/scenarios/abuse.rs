//! A peer that means harm, or has lost its mind: each thing is refused with a reason that has a
//! name, costs a bounded amount of memory, and leaves the session as it was where it can go on.

use crate::desk::{Desk, SECOND, START, frame, logon, memory, time_text};
use rutter_fix::codec::{FIELDS_MAX, MESSAGE_BYTES_MAX, checksum};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{
    Config, FRAME_TIMEOUT_NS, GARBLED_MAX, HELD_MAX_NS, NoCredentials, PasswordPolicy,
    REFUSALS_MAX, REFUSALS_NS, REPLAY_BYTES_MAX, SAME_RESENDS_MAX, State, UNCONFIRMED_MAX,
};
use rutter_fix::store::{MemStore, MessageStore};

type Plain = Desk<MemStore, NoCredentials>;

fn desk() -> Plain {
    let config = Config::acceptor("RUTTER", "CLIENT").validated(Version::Fix44);
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.connect();
    desk
}

fn logged_on() -> Plain {
    let mut desk = desk();
    desk.gets(&logon(1)).wrote();
    desk.events.clear();
    desk
}

const ORDER: &str = "11=a|21=1|55=X|54=1|60=20240627-11:17:26|38=1|40=1|";

/// The session still does what it should.
#[track_caller]
fn is_well(desk: &mut Plain) {
    desk.wrote();
    desk.events.clear();
    let seq = desk.session.next_in();
    desk.gets(&format!("35=1|34={seq}|112=well|"));
    let out = desk.session.next_out() - 1;
    desk.says([&format!("35=0|34={out}|112=well|")]).sees([]);
}

#[test]
fn no_message_goes_before_the_logon() {
    for kind in ["0", "1", "2", "3", "4", "5", "8", "D", "zz"] {
        let mut desk = desk();
        desk.gets(&format!("35={kind}|34=1|7=1|16=0|36=900|112=x|"));
        desk.says([]).sees(["gone: first message is no logon"]);
        assert_eq!((desk.session.next_in(), desk.session.next_out()), (1, 1));
    }
}

#[test]
fn a_stranger_gets_no_answer_and_moves_nothing() {
    let now = time_text(START);
    for (sender, target) in [("OTHER", "RUTTER"), ("CLIENT", "OTHER"), ("client", "RUTTER")] {
        let mut desk = desk();
        desk.gets_raw(&format!("35=A|34=1|49={sender}|52={now}|56={target}|98=0|108=30|141=Y|"));
        desk.says([]).sees(["gone: CompID problem"]);
        assert_eq!((desk.session.next_in(), desk.session.store().epoch()), (1, 0));
    }
}

/// `SequenceReset` cannot lead back, nor a gap fill over what was not reached.
#[test]
fn numbers_are_not_led_astray() {
    let mut desk = logged_on();
    (2..10).for_each(|seq| {
        desk.gets(&format!("35=0|34={seq}|"));
    });
    for (fields, answer) in [
        ("34=10|36=1|", "rejected 10 ValueOutOfRange None"),
        ("34=10|36=9|123=N|", "rejected 10 ValueOutOfRange None"),
        ("34=10|36=281474976710656|", "rejected 10 ValueOutOfRange None"),
        ("34=10|36=18446744073709551617|", "rejected 10 IncorrectDataFormat Some(36)"),
    ] {
        desk.gets(&format!("35=4|{fields}"));
        assert_eq!(desk.session.next_in(), 10, "{fields}");
        desk.sees([answer]);
    }
    desk.gets("35=4|34=10|36=5|123=Y|").sees(["rejected 10 ValueOutOfRange Some(36)"]);
    desk.gets("35=4|34=90|36=95|123=Y|").sees(["gap 11..90"]);
    assert_eq!(desk.session.next_in(), 11, "nothing is skipped by a fill that is not due");
    desk.gets("35=4|34=3|43=Y|36=99|123=Y|").sees([]);
    assert_eq!(desk.session.next_in(), 11, "a fill that has been is no news");
    desk.gets("35=4|34=3|36=99|123=Y|").sees(["gone: MsgSeqNum too low"]);
}

#[test]
fn a_huge_gap_is_one_request_and_no_memory() {
    let mut desk = logged_on();
    desk.gets("35=0|34=281474976710654|").says(["35=2|34=2|7=2|16=0|"]);
    desk.gets("35=0|34=281474976710655|");
    desk.says(["35=5|34=3|58=MsgSeqNum missing or malformed|"]);
    desk.sees(["gap 2..281474976710654", "gone: no MsgSeqNum"]);
    // The peer's number may not run out either.
    let mut desk = logged_on();
    desk.gets("35=4|34=2|36=281474976710655|").gets("35=0|34=281474976710655|");
    desk.gets("35=0|34=281474976710655|");
    assert_eq!(desk.events.len(), 2, "{:?}", desk.events);
}

/// Thousands of requests for everything: each is served in parts, and soon none is.
#[test]
fn a_resend_bomb_goes_off_once() {
    for alternate in [false, true] {
        let mut desk =
            Desk::new(Config::acceptor("RUTTER", "CLIENT"), MemStore::new(64 << 20), NoCredentials);
        desk.connect().gets(&logon(1)).wrote();
        for event_no in 1..=20_000 {
            desk.reports(event_no);
        }
        desk.wrote();
        let (mut written, mut most) = (0, 0);
        for request in 0..5_000_u64 {
            let begin = if alternate { 1 + request % 7 } else { 1 };
            desk.gets(&format!("35=2|34={}|7={begin}|16=0|", request + 2));
            most = most.max(desk.out.len());
            written += std::mem::take(&mut desk.out).len();
        }
        assert!(most < 3 * REPLAY_BYTES_MAX, "{most}");
        // Bytes of one whole resend, times as many as are allowed.
        let bound = 20_000 * 130 * (SAME_RESENDS_MAX as usize + 1);
        assert!(written < bound, "{written}");
        let reason = desk.events.iter().find(|event| event.starts_with("gone"));
        assert_eq!(reason.map(String::as_str), Some("gone: too many resend requests"));
        assert!(desk.input.len() < 5_000 * 120);
    }
}

#[test]
fn a_peer_that_repeats_its_request_now_and_then_is_no_bomb() {
    let mut desk = logged_on();
    desk.reports(1).wrote();
    for ask in 0..200 {
        desk.now += 10 * SECOND;
        desk.gets(&format!("35=2|34={}|7=2|16=2|", ask + 2));
        assert_eq!(desk.wrote().len(), 1, "{ask}");
    }
}

#[test]
fn a_length_beyond_all_messages_is_garbage_at_once() {
    for length in ["1000000000", "65537", "18446744073709551616", "-1", "1e9", "0x10", "+5", ""] {
        let mut desk = logged_on();
        desk.bytes(format!("8=FIX.4.4\u{1}9={length}\u{1}35=0\u{1}34=2\u{1}").as_bytes());
        assert!(desk.input.is_empty(), "{length}: {} bytes wait", desk.input.len());
        assert!(desk.events[0].starts_with("Garbled("), "{length}: {:?}", desk.events);
        is_well(&mut desk);
    }
}

/// A length that is too long, but possible: what follows is not swallowed, and waits for seconds.
#[test]
fn a_message_that_does_not_end_is_given_up() {
    let mut desk = logged_on();
    let good =
        frame("FIX.4.4", &format!("35=1|34=3|49=CLIENT|52={}|56=RUTTER|112=x|", time_text(START)));
    desk.bytes(b"8=FIX.4.4\x019=60000\x0135=0\x0134=2\x01").bytes(&good).says([]).sees([]);
    assert_eq!(desk.session.next_deadline_ns(), Some(START + FRAME_TIMEOUT_NS));
    desk.waits(FRAME_TIMEOUT_NS - 1).bytes(b"").sees([]);
    desk.waits(1).bytes(b"").sees(["Garbled(Unfinished)", "gap 2..3"]);
    desk.says(["35=2|34=2|7=2|16=0|"]);
    assert!(desk.input.is_empty());
    assert_ne!(desk.session.next_deadline_ns(), Some(START + FRAME_TIMEOUT_NS));
}

/// One byte a second: a message must be whole in seconds, and a Logon in the logon's time.
#[test]
fn a_trickle_is_not_waited_for() {
    let message =
        frame("FIX.4.4", &format!("35=1|34=2|49=CLIENT|52={}|56=RUTTER|112=x|", time_text(START)));
    let mut desk = logged_on();
    for byte in &message {
        desk.waits(SECOND).bytes(&[*byte]);
        assert!(desk.input.len() <= 8, "{}", desk.input.len());
    }
    assert_eq!(desk.events[0], "Garbled(Unfinished)");
    assert_eq!(desk.events.last().map(String::as_str), Some("gone: too much garbage"));
    let mut desk = self::desk();
    for byte in &message {
        desk.waits(SECOND).bytes(&[*byte]);
    }
    assert_eq!(desk.events[0], "gone: garbled logon");
}

#[test]
fn a_nul_or_a_delimiter_inside_a_value_hurts_nobody() {
    let mut desk = logged_on();
    desk.gets(&format!("35=D|34=2|{ORDER}58=a\0b|")).sees(["app D 2"]);
    // A delimiter ends the value; what is behind it is no field.
    desk.gets(&format!("35=D|34=3|{ORDER}58=a|b|"));
    desk.sees(["rejected 3 ValueContainsDelimiter None"]);
    desk.gets(&format!("35=D|34=4|{ORDER}\0=1|")).sees(["rejected 4 InvalidTagNumber Some(0)"]);
    // In data it is data, as long as the length says, and not a byte more.
    desk.gets(&format!("35=D|34=5|{ORDER}354=7|355=a|\0=b|c|")).sees(["app D 5"]);
    for length in ["6", "8", "0", "60000", "4294967303", "-1", ""] {
        let seq = desk.session.next_in();
        desk.gets(&format!("35=D|34={seq}|{ORDER}354={length}|355=a|\0=b|c|"));
        let told = desk.events.pop().unwrap_or_default();
        assert!(told.starts_with(&format!("rejected {seq} ")), "{length}: {told}");
        desk.events.clear();
    }
    is_well(&mut desk);
}

/// A whole message inside a data field is data.
#[test]
fn a_message_hidden_in_data_is_not_read() {
    let mut desk = logged_on();
    let hidden =
        frame("FIX.4.4", &format!("35=D|34=3|49=CLIENT|52={}|56=RUTTER|{ORDER}", time_text(START)));
    let hidden = String::from_utf8(hidden).expect("ascii").replace('\u{1}', "|");
    desk.gets(&format!("35=D|34=2|{ORDER}354={}|355={hidden}|", hidden.len())).sees(["app D 2"]);
    // Not even when the message around it comes in two pieces.
    let whole = frame(
        "FIX.4.4",
        &format!(
            "35=D|34=3|49=CLIENT|52={}|56=RUTTER|{ORDER}354={}|355={hidden}|",
            time_text(START),
            hidden.len()
        ),
    );
    let (first, second) = whole.split_at(whole.len() - 3);
    desk.bytes(first).sees([]).bytes(second).sees(["app D 3"]);
}

#[test]
fn a_heartbeat_interval_that_is_none_is_refused() {
    for interval in ["-1", "-9223372036854775808", "99999", "4294967326", "18446744073709551646"] {
        let mut desk = desk();
        desk.gets(&format!("35=A|34=1|98=0|108={interval}|"));
        desk.sees(["gone: logon refused: HeartBtInt"]);
    }
    for interval in ["", "x", "3e1", "30.0", "+30"] {
        let mut desk = desk();
        desk.gets(&format!("35=A|34=1|98=0|108={interval}|"));
        desk.sees(["gone: logon refused: invalid field"]);
    }
}

/// 4294967409 is 113 in 32 bits, 18446744073709551729 in 64.
#[test]
fn a_tag_that_overflows_is_not_another_tag() {
    let mut desk = logged_on();
    for (seq, tag) in ["4294967408", "18446744073709551728", "0112", "00", "-112", "+112", "1e2"]
        .iter()
        .enumerate()
        .map(|(at, tag)| (at + 2, tag))
    {
        desk.gets(&format!("35=1|34={seq}|{tag}=x|"));
        desk.sees([&format!("rejected {seq} InvalidTagNumber Some(0)")]);
    }
    is_well(&mut desk);
}

#[test]
fn leading_zeros_are_read_as_numbers_and_no_further() {
    let mut desk = logged_on();
    desk.gets("35=1|34=00000000000000000000000000002|112=a|").says(["35=0|34=2|112=a|"]);
    let body = format!(
        "35=1\u{1}34=3\u{1}49=CLIENT\u{1}52={}\u{1}56=RUTTER\u{1}112=b\u{1}",
        time_text(START)
    );
    for zeros in [4, 10] {
        let mut bytes = format!("8=FIX.4.4\u{1}9={:0zeros$}\u{1}{body}", body.len()).into_bytes();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
        desk.bytes(&bytes);
        if zeros == 4 {
            desk.says(["35=0|34=3|112=b|"]);
        }
    }
    desk.sees(["gone: MsgSeqNum too low"]);
}

/// As many fields, entries and levels as fit into a message.
#[test]
fn a_repeating_group_bomb_is_one_reject() {
    let mut desk = logged_on();
    let entries = "448=a|447=D|452=3|802=1|523=b|803=1|".repeat(FIELDS_MAX / 3);
    desk.gets(&format!("35=D|34=2|{ORDER}453={}|{entries}", FIELDS_MAX / 3));
    desk.sees(["rejected 2 Other None"]);
    for count in ["4294967297", "18446744073709551617", "999999999", "-1"] {
        let seq = desk.session.next_in();
        desk.gets(&format!("35=D|34={seq}|{ORDER}453={count}|448=a|447=D|452=3|"));
        let told = desk.events.pop().unwrap_or_default();
        assert!(told.starts_with(&format!("rejected {seq} ")), "{count}: {told}");
    }
    let tiny = "1=|".repeat((MESSAGE_BYTES_MAX - 200) / 3);
    let seq = desk.session.next_in();
    desk.gets(&format!("35=D|34={seq}|{tiny}")).sees([&format!("rejected {seq} Other None")]);
    is_well(&mut desk);
}

#[test]
fn wrong_sums_in_mid_stream_cost_their_message_only_and_an_endless_row_ends_it() {
    let mut desk = logged_on();
    let now = time_text(START);
    let test =
        |seq: u64| frame("FIX.4.4", &format!("35=1|34={seq}|49=CLIENT|52={now}|56=RUTTER|112=t|"));
    let broken = |seq: u64| {
        let mut bytes = test(seq);
        let at = bytes.len() - 12;
        bytes[at] ^= 1;
        bytes
    };
    let stream = [test(2), broken(3), test(4), broken(3), test(3)].concat();
    desk.bytes(&stream);
    assert_eq!(desk.session.next_in(), 5, "the fourth was kept while the third was asked for");
    desk.says(["35=0|34=2|112=t|", "35=2|34=3|7=3|16=0|", "35=0|34=4|112=t|", "35=0|34=5|112=t|"]);
    desk.events.clear();
    for _ in 0..GARBLED_MAX {
        desk.bytes(&broken(5));
    }
    assert_eq!(desk.events.len() as u32, GARBLED_MAX, "told of once each");
    assert_eq!(desk.events.pop().as_deref(), Some("gone: too much garbage"));
}

/// What a peer may make us keep: nothing of it grows with what it sends.
#[test]
fn a_flood_ahead_of_a_gap_is_bounded() {
    let mut desk = logged_on();
    let text = "z".repeat(50_000);
    for seq in 3..4_000 {
        desk.gets(&format!("35=D|34={seq}|{ORDER}58={text}|"));
    }
    assert_eq!(desk.wrote(), ["35=2|34=2|7=2|16=0|"], "one request");
    desk.gets("35=0|34=2|");
    let delivered = desk.events.iter().filter(|event| event.starts_with("app D")).count();
    assert!(delivered * 50_000 <= 1 << 20, "{delivered}");
}

/// Numbers and times that nobody means.
#[test]
fn a_clock_of_another_century_ends_the_session_only() {
    for time in ["19700101-00:00:00", "25531231-23:59:59.999", "20240627-11:19:27"] {
        let mut desk = logged_on();
        desk.gets_raw(&format!("35=0|34=2|49=CLIENT|52={time}|56=RUTTER|"));
        desk.sees(["logout sent: SendingTime accuracy problem"]);
        desk.gets("35=5|34=3|").sees(["gone: logged out"]);
        desk.connect().gets(&logon(4)).sees(["logged on, 30 s"]);
    }
}

/// A peer that alternates a small new range with the whole old one is a loop as well.
#[test]
fn new_messages_do_not_end_the_count_of_old_ones_that_are_asked_for_again() {
    let mut desk =
        Desk::new(Config::acceptor("RUTTER", "CLIENT"), MemStore::new(1 << 20), NoCredentials);
    desk.connect().gets(&logon(1));
    for event in 1..=100 {
        desk.reports(event);
    }
    let asks = u64::from(SAME_RESENDS_MAX);
    for ask in 0..=asks {
        let seq = 2 + 3 * ask;
        desk.gets(&format!("35=2|34={seq}|7=1|16={}|", desk.session.next_out() - 1));
        if ask == asks {
            break;
        }
        assert_eq!(desk.session.state(), State::LoggedOn, "after {ask}");
        // The answer is a number that has never been asked for.
        desk.gets(&format!("35=1|34={}|112=x|", seq + 1));
        let last = desk.session.next_out() - 1;
        desk.gets(&format!("35=2|34={}|7={last}|16={last}|", seq + 2)).wrote();
    }
    assert_eq!(desk.events.last().map(String::as_str), Some("gone: too many resend requests"));
}

#[test]
fn what_is_new_may_be_asked_for_as_often_as_it_comes_about() {
    let mut desk =
        Desk::new(Config::acceptor("RUTTER", "CLIENT"), MemStore::new(1 << 20), NoCredentials);
    desk.connect().gets(&logon(1));
    for event in 1..=4 * u64::from(SAME_RESENDS_MAX) {
        desk.reports(event);
        desk.gets(&format!("35=2|34={}|7={1}|16={1}|", event + 1, event + 1));
    }
    assert_eq!(desk.session.state(), State::LoggedOn);
}

#[test]
fn who_knows_the_name_only_moves_the_numbers_a_few_times_and_a_good_logon_ends_the_count() {
    let policy = PasswordPolicy::new("me", "secret");
    let config = Config::acceptor("RUTTER", "CLIENT");
    let mut desk = Desk::new(config, MemStore::new(1 << 20), policy);
    let most = u64::from(REFUSALS_MAX);
    for _ in 0..3 {
        let first = desk.session.next_out();
        for number in first..first + most {
            desk.connect().gets(&logon(1));
            desk.says([&format!("35=5|34={number}|58=Invalid credentials|")]);
        }
        for _ in 0..100 {
            desk.connect().gets(&logon(1)).says([]);
        }
        assert_eq!(desk.session.next_out(), first + most);
        desk.now += REFUSALS_NS;
    }
    let seq = desk.session.next_out();
    desk.connect().gets(&logon(1)).wrote();
    desk.connect().gets("35=A|34=1|98=0|108=30|553=me|554=secret|");
    desk.says([&format!("35=A|34={}|98=0|108=30|", seq + 1)]);
    desk.session.disconnected();
    for number in seq + 2..seq + 2 + most {
        desk.connect().gets(&logon(2));
        desk.says([&format!("35=5|34={number}|58=Invalid credentials|")]);
    }
}

/// A desk whose core has confirmed nothing of as much as may be unconfirmed, and one order more,
/// with a question behind it.
fn overloaded() -> Desk<MemStore, NoCredentials> {
    let mut desk =
        Desk::new(Config::acceptor("RUTTER", "CLIENT"), MemStore::new(1 << 20), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=10|");
    for seq in 2..UNCONFIRMED_MAX as u64 + 3 {
        desk.gets(&format!("35=D|34={seq}|{ORDER}"));
    }
    desk.gets(&format!("35=1|34={}|112=x|", UNCONFIRMED_MAX + 3));
    assert_eq!((desk.ids.len(), desk.session.is_held()), (UNCONFIRMED_MAX, true));
    desk.out.clear();
    desk.events.clear();
    desk
}

#[test]
fn a_peer_that_is_faster_than_the_core_is_held_back_and_loses_nothing() {
    let mut desk = overloaded();
    // Heartbeats go on, and its silence is our doing.
    desk.waits(HELD_MAX_NS - 1).says(["35=0|34=2|"]).sees([]);
    let due = desk.session.next_deadline_ns().expect("it does not wait for ever");
    assert!(due > desk.now, "no turning in circles: {due}");
    let first = desk.ids.remove(0);
    desk.session.confirm_in(first);
    assert!(!desk.session.is_held());
    desk.bytes(b"").says(["35=0|34=3|112=x|"]);
    desk.sees([&format!("app D {}", UNCONFIRMED_MAX + 2)]);
    desk.confirm().waits(SECOND).sees([]);
}

#[test]
fn a_peer_that_is_held_back_for_too_long_is_told_to_come_again() {
    let mut desk = overloaded();
    desk.waits(HELD_MAX_NS - 1).wrote();
    desk.waits(1).says(["35=5|34=3|58=Overloaded, please log on again|"]);
    desk.sees(["gone: too many unconfirmed messages"]);
    assert_eq!(desk.session.next_in(), UNCONFIRMED_MAX as u64 + 2);
}
