//! The codec from outside: documented frames of venues, bytes cut anywhere, arbitrary bytes.

use proptest::prelude::*;
use rutter_fix::codec::{
    Decimal, DecodeError, Defect, Encoder, FieldErrorKind, FieldIndex, Garbled, MESSAGE_BYTES_MAX,
    Message, Status, TimePrecision, checksum, decode,
};
use rutter_fix::tags;

fn wire(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| if byte == b'|' { 1 } else { byte }).collect()
}

/// Puts the right 9 and 10 around `body` (`35=0|...|`).
fn frame(body: &str) -> Vec<u8> {
    let mut bytes = wire(&format!("8=FIX.4.4|9={}|{body}", body.len()));
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&wire(&format!("10={sum:03}|")));
    bytes
}

/// Frames of the venues' documents, or computed apart from this code.
fn documented() -> Vec<Vec<u8>> {
    include_str!("data/frames.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| wire(line.split_once(' ').expect("venue and frame").1))
        .collect()
}

fn one(bytes: &[u8], index: &mut FieldIndex) -> Result<Status, DecodeError> {
    decode(bytes, index)
}

/// Everything a stream holds: whole messages as text, garbled stretches by kind.
fn stream(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<Garbled>) {
    let mut index = FieldIndex::new();
    let (mut messages, mut garbled) = (Vec::new(), Vec::new());
    let mut buffer: Vec<u8> = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decode(&buffer, &mut index) {
                Ok(Status::Incomplete) => break,
                Ok(Status::Complete { consumed }) => {
                    messages.push(buffer.drain(..consumed).collect());
                }
                Err(error) => {
                    assert!(error.skip > 0 && error.skip <= buffer.len(), "{error:?}");
                    garbled.push(error.kind);
                    buffer.drain(..error.skip);
                }
            }
        }
    }
    (messages, garbled)
}

#[test]
fn documented_frames_are_read_and_written_back_to_the_byte() {
    let frames = documented();
    assert!(frames.len() >= 25, "the data file lost frames: {}", frames.len());
    let mut index = FieldIndex::new();
    for bytes in frames {
        let status = one(&bytes, &mut index);
        assert_eq!(status, Ok(Status::Complete { consumed: bytes.len() }));
        let message = Message::new(&bytes, &index);
        assert_eq!(message.defect(), None, "{message}");
        let mut out = b"already there".to_vec();
        let mut encoder = Encoder::begin(&mut out, message.begin_string(), message.msg_type());
        for (tag, value) in message.fields().skip(1) {
            encoder.field(tag, value);
        }
        assert_eq!(encoder.finish(), Ok(bytes.len()));
        assert_eq!(out, [&b"already there"[..], &bytes].concat());
    }
}

#[test]
fn a_message_is_incomplete_at_every_cut_and_complete_with_its_last_byte() {
    let mut index = FieldIndex::new();
    for bytes in documented() {
        for cut in 0..bytes.len() {
            assert_eq!(one(&bytes[..cut], &mut index), Ok(Status::Incomplete), "cut at {cut}");
        }
    }
}

#[test]
fn every_single_flipped_byte_is_noticed() {
    let bytes = frame("35=D|34=2|49=A|52=20240627-11:17:26.100|56=B|11=id|54=1|55=X|38=10|");
    let mut index = FieldIndex::new();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            let status = one(&bad, &mut index);
            assert!(!matches!(status, Ok(Status::Complete { .. })), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn zero_padded_body_length_is_read() {
    let plain = frame("35=0|34=2|49=A|52=20240627-11:17:26.100|56=B|");
    let text = String::from_utf8(plain).expect("ascii").replace("9=4", "9=00000004");
    let mut bytes = text.into_bytes();
    let end = bytes.len() - 7;
    let sum = checksum(&bytes[..end]);
    bytes.truncate(end);
    bytes.extend_from_slice(&wire(&format!("10={sum:03}|")));
    let status = one(&bytes, &mut FieldIndex::new());
    assert_eq!(status, Ok(Status::Complete { consumed: bytes.len() }));
}

#[test]
fn garbled_messages_are_skipped_and_the_next_one_is_found() {
    let good = frame("35=0|34=2|49=A|52=20240627-11:17:26.100|56=B|58=FIX it|");
    let text = String::from_utf8(good.clone()).expect("ascii");
    let sum_off = {
        let mut bytes = good.clone();
        let at = bytes.len() - 2;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        bytes
    };
    let cases: [(&[u8], Garbled); 8] = [
        (b"garbage", Garbled::BeginString),
        (&sum_off, Garbled::CheckSum),
        (&text.replace("35=0", "34=0").into_bytes(), Garbled::MsgType),
        (&text.replace("9=5", "9=1").into_bytes(), Garbled::Trailer),
        (&text.replace("9=5", "9=x").into_bytes(), Garbled::BodyLength),
        (b"8=FIX.4.4\x019=99999999\x01", Garbled::TooLong),
        (b"8=FIX.4.4\x019=\x01", Garbled::BodyLength),
        (b"8=FIX-WITH-A-LONG-VERSION\x01", Garbled::BeginString),
    ];
    for (bad, kind) in cases {
        let (messages, garbled) = stream(&[bad, &good, &good]);
        assert_eq!(messages, [good.clone(), good.clone()], "{kind}");
        assert_eq!(garbled.first(), Some(&kind));
    }
}

#[test]
fn a_body_length_too_large_costs_its_message_but_not_the_next() {
    let good = frame("35=0|34=2|49=A|52=20240627-11:17:26.100|56=B|");
    let long = String::from_utf8(good.clone()).expect("ascii").replace("9=4", "9=7");
    let (messages, garbled) = stream(&[long.as_bytes(), &good, &good]);
    assert_eq!(messages, [good.clone(), good.clone()]);
    assert_eq!(garbled, [Garbled::Trailer]);
}

#[test]
fn data_fields_may_hold_any_byte() {
    let data = b"a\x01b=c\x0110=000\x018=FIX.4.4\x01";
    let mut out = Vec::new();
    let mut encoder = Encoder::begin(&mut out, b"FIX.4.4", b"B");
    encoder.data(tags::RAW_DATA_LENGTH, tags::RAW_DATA, data).field(tags::TEXT, b"after");
    let length = encoder.finish().expect("short");
    let mut index = FieldIndex::new();
    assert_eq!(one(&out, &mut index), Ok(Status::Complete { consumed: length }));
    let message = Message::new(&out, &index);
    assert_eq!(message.defect(), None);
    assert_eq!(message.get(tags::RAW_DATA), Some(&data[..]));
    assert_eq!(message.get(tags::TEXT), Some(&b"after"[..]));
}

#[test]
fn what_is_wrong_inside_a_whole_message_is_told_apart() {
    let mut index = FieldIndex::new();
    let mut defect = |body: &str| {
        let bytes = frame(body);
        let status = decode(&bytes, &mut index);
        assert_eq!(status, Ok(Status::Complete { consumed: bytes.len() }), "{body}");
        let message = Message::new(&bytes, &index);
        (message.defect(), message.invalid_tag().map(<[u8]>::to_vec))
    };
    for tag in ["-1", "0", "x", "035", "99999999999", ""] {
        let (found, text) = defect(&format!("35=0|34=2|{tag}=HI|58=t|"));
        assert!(matches!(found, Some(Defect::InvalidTag { .. })), "{tag}");
        assert_eq!(text, Some(tag.as_bytes().to_vec()));
    }
    assert_eq!(defect("35=0|34=2|HI|").0, Some(Defect::NoTag));
    assert_eq!(defect("35=0|34=2||58=x|").0, Some(Defect::NoTag));
    assert_eq!(defect("35=0|34=|").0, Some(Defect::EmptyValue { tag: 34 }));
    assert_eq!(defect("35=D|11=id|34=2|").0, Some(Defect::OutOfOrder { tag: 34 }));
    assert_eq!(defect("35=D|11=id|8=FIX.4.4|").0, Some(Defect::OutOfOrder { tag: 8 }));
    assert_eq!(defect("35=D|95=9|96=abc|").0, Some(Defect::DataLength { tag: 96 }));
    assert_eq!(defect("35=D|95=x|96=abc|").0, Some(Defect::DataLength { tag: 95 }));
    assert_eq!(
        defect("35=D|95=18446744073709551615|96=abc|").0,
        Some(Defect::DataLength { tag: 96 })
    );
    let many = format!("35=D|{}", "58=x|".repeat(2_000));
    assert_eq!(defect(&many).0, Some(Defect::TooManyFields));
}

#[test]
fn typed_values_say_what_is_wrong_with_them() {
    let bytes = frame("35=D|34=2|43=Y|54=1|38=0.50|44=x|60=20240627-11:17:26.100|54=2|");
    let mut index = FieldIndex::new();
    decode(&bytes, &mut index).expect("whole");
    let message = Message::new(&bytes, &index);
    assert_eq!(message.uint(34), Ok(Some(2)));
    assert_eq!(message.bool(43), Ok(Some(true)));
    assert_eq!(message.char(54), Ok(Some(b'1')));
    assert_eq!(message.decimal(38), Ok(Some(Decimal { mantissa: 50, scale: 2 })));
    assert_eq!(message.decimal(44).map_err(|e| (e.tag, e.kind)), Err((44, FieldErrorKind::Format)));
    assert_eq!(message.timestamp_ns(60), Ok(Some(1_719_487_046_100_000_000)));
    assert_eq!(message.decimal(99), Ok(None));
    assert_eq!(message.required(99).map_err(|e| e.kind), Err(FieldErrorKind::Missing));
}

#[test]
fn groups_are_walked_entry_by_entry_and_counted() {
    let bytes = frame("35=W|55=X|268=2|269=0|270=1.5|271=3|269=1|270=1.6|58=after|");
    let mut index = FieldIndex::new();
    decode(&bytes, &mut index).expect("whole");
    let message = Message::new(&bytes, &index);
    let book = message.group(268, &[269, 270, 271]).expect("two entries");
    let entries: Vec<_> = book.entries().map(|e| (e.get(269), e.get(270), e.get(271))).collect();
    assert_eq!(
        entries,
        [
            (Some(&b"0"[..]), Some(&b"1.5"[..]), Some(&b"3"[..])),
            (Some(&b"1"[..]), Some(&b"1.6"[..]), None),
        ]
    );
    assert!(message.group(146, &[55]).expect("absent is empty").is_empty());
    for bad in ["268=3|269=0|269=1|", "268=1|269=0|269=1|", "268=1|270=1|269=0|", "268=1|58=x|"] {
        let bytes = frame(&format!("35=W|{bad}"));
        decode(&bytes, &mut index).expect("whole");
        let result = Message::new(&bytes, &index).group(268, &[269, 270]).map(|g| g.len());
        assert_eq!(result.map_err(|e| e.kind), Err(FieldErrorKind::GroupCount), "{bad}");
    }
}

#[test]
fn nested_groups_are_walked_within_their_entry() {
    let bytes = frame("35=x|453=2|448=A|802=2|523=a|523=b|448=B|802=0|");
    let mut index = FieldIndex::new();
    decode(&bytes, &mut index).expect("whole");
    let parties = Message::new(&bytes, &index).group(453, &[448, 802, 523]).expect("two");
    let subs: Vec<usize> =
        parties.entries().map(|party| party.group(802, &[523]).map_or(99, |g| g.len())).collect();
    assert_eq!(subs, [2, 0]);
}

#[test]
fn body_lengths_of_one_to_five_digits_are_written_without_padding() {
    for text in [0, 1, 80, 86, 87, 88, 980, 990, 991, 9_980, 9_990, 9_991, 60_000] {
        let mut out = vec![b'x'; 3];
        let mut encoder = Encoder::begin(&mut out, b"FIX.4.4", b"B");
        if text > 0 {
            encoder.field(tags::TEXT, &vec![b't'; text]);
        }
        let body = encoder.body_len();
        let length = encoder.finish().expect("below the limit");
        assert_eq!(&out[..3], b"xxx");
        assert!(out[3..].starts_with(format!("8=FIX.4.4\u{1}9={body}\u{1}35=B\u{1}").as_bytes()));
        let status = one(&out[3..], &mut FieldIndex::new());
        assert_eq!(status, Ok(Status::Complete { consumed: length }));
    }
}

#[test]
fn a_message_over_the_limit_is_refused_and_leaves_no_trace() {
    let mut out = b"before".to_vec();
    let mut encoder = Encoder::begin(&mut out, b"FIX.4.4", b"B");
    encoder.field(tags::TEXT, &vec![b't'; MESSAGE_BYTES_MAX]);
    assert!(encoder.finish().is_err());
    assert_eq!(out, b"before");
}

#[test]
fn text_of_any_origin_cannot_break_a_message() {
    let mut out = Vec::new();
    let mut encoder = Encoder::begin(&mut out, b"FIX.4.4", b"5");
    encoder.text(tags::TEXT, "a\u{1}10=000\u{1}é\n").text(372, "");
    encoder.finish().expect("short");
    let mut index = FieldIndex::new();
    assert_eq!(one(&out, &mut index), Ok(Status::Complete { consumed: out.len() }));
    let message = Message::new(&out, &index);
    assert_eq!(message.get(tags::TEXT), Some(&b"a?10=000????"[..]));
    assert_eq!(message.get(372), Some(&b"?"[..]));
}

#[test]
fn a_printed_message_hides_the_password() {
    let bytes = frame("35=A|34=1|553=me|554=secret|");
    let mut index = FieldIndex::new();
    decode(&bytes, &mut index).expect("whole");
    let text = Message::new(&bytes, &index).to_string();
    assert!(text.starts_with("8=FIX.4.4|9=28|35=A|34=1|553=me|554=***|10="), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_bytes_never_panic_and_always_move_on(
        noise in proptest::collection::vec(prop_oneof![
            any::<u8>().prop_map(|b| vec![b]),
            Just(b"8=FIX.4.4\x019=".to_vec()),
            Just(b"20\x0135=0\x01".to_vec()),
            Just(b"\x0110=123\x01".to_vec()),
            Just(b"95=3\x0196=".to_vec()),
        ], 0..60)
    ) {
        let bytes = noise.concat();
        let (messages, _) = stream(&[&bytes]);
        prop_assert!(messages.len() <= bytes.len());
    }

    #[test]
    fn arbitrary_bodies_in_a_right_frame_never_panic(
        body in proptest::collection::vec(prop_oneof![
            3 => any::<u8>(), 3 => Just(1_u8), 3 => Just(b'='), 3 => b'0'..=b'9',
        ], 0..200)
    ) {
        let mut bytes = format!("8=FIX.4.4\u{1}9={}\u{1}35=", body.len() + 4).into_bytes();
        bytes.extend_from_slice(&body);
        bytes.push(1);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
        let mut index = FieldIndex::new();
        prop_assert_eq!(decode(&bytes, &mut index), Ok(Status::Complete { consumed: bytes.len() }));
        let message = Message::new(&bytes, &index);
        for (tag, value) in message.fields() {
            prop_assert!(tag > 0 && value.len() < bytes.len());
            let _ = (message.int(tag), message.decimal(tag), message.timestamp_ns(tag));
            let _ = message.group(tag, &[tag, 55]).map(|g| g.entries().count());
        }
        prop_assert!(!message.to_string().is_empty());
    }

    #[test]
    fn cut_anywhere_gives_the_same_messages(
        picks in proptest::collection::vec((0_usize..40, 0_u8..8), 1..6),
        cuts in proptest::collection::vec(0_usize..2_000, 0..12),
    ) {
        let frames = documented();
        let mut bytes = Vec::new();
        for (pick, damage) in &picks {
            let mut one = frames[pick % frames.len()].clone();
            let at = pick * 7 % one.len();
            match damage { 0 => one[at] ^= 4, 1 => { one.truncate(at); } _ => {} }
            bytes.extend_from_slice(&one);
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.push(0);
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(stream(&pieces).0, stream(&[&bytes]).0);
    }

    #[test]
    fn what_is_encoded_is_decoded_again(
        fields in proptest::collection::vec((300_u32..40_000, "[ -~]{1,40}"), 0..40),
        mantissa in any::<i64>(), scale in 0_u8..=18, ns in 0_u64..18_000_000_000_000_000_000,
        number in any::<i64>(),
    ) {
        let mut out = Vec::new();
        let mut encoder = Encoder::begin(&mut out, b"FIXT.1.1", b"XCN");
        encoder.decimal(44, mantissa, scale).int(14, number);
        encoder.timestamp(60, ns, TimePrecision::Nanos);
        // Length fields would rule the field behind them.
        let plain: Vec<_> = fields.iter().filter(|(tag, _)| *tag > 1_700).collect();
        for (tag, value) in &plain {
            encoder.text(*tag, value);
        }
        let length = encoder.finish().expect("short");
        let mut index = FieldIndex::new();
        prop_assert_eq!(decode(&out, &mut index), Ok(Status::Complete { consumed: length }));
        let message = Message::new(&out, &index);
        prop_assert_eq!(message.begin_string(), b"FIXT.1.1");
        prop_assert_eq!(message.msg_type(), b"XCN");
        prop_assert_eq!(message.timestamp_ns(60), Ok(Some(ns)));
        prop_assert_eq!(message.int(14), Ok(Some(number)));
        if mantissa != i64::MIN {
            prop_assert_eq!(message.decimal(44), Ok(Some(Decimal { mantissa, scale })));
        }
        let read: Vec<_> = message.fields().skip(4).map(|(tag, v)| (tag, v.to_vec())).collect();
        let wrote: Vec<_> = plain.iter().map(|(tag, v)| (*tag, v.clone().into_bytes())).collect();
        prop_assert_eq!(read, wrote);
    }
}
