//! Any bytes to the FIX codec: it makes progress, keeps its bounds, and writes back each message it
//! has read.
#![cfg_attr(fuzzing, no_main)]

use rutter_fix::app::{NewOrderSingle, OrderCancelRequest, OrderStatusRequest};
use rutter_fix::codec::{Encoder, FieldIndex, Message, SOH, Status, checksum, decode};

/// Puts the right length and sum around a body, for the fuzzer cannot guess a sum.
fn framed(begin_string: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("8={begin_string}\x019={}\x01", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    let sum = checksum(&bytes);
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    bytes
}

fn read(bytes: &[u8]) {
    let mut index = FieldIndex::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        match decode(rest, &mut index) {
            Ok(Status::Incomplete) => return,
            Err(error) => {
                assert!(error.skip > 0 && error.skip <= rest.len());
                rest = &rest[error.skip..];
            }
            Ok(Status::Complete { consumed }) => {
                assert!(consumed > 0 && consumed <= rest.len());
                look(&rest[..consumed], &index);
                rest = &rest[consumed..];
            }
        }
    }
}

fn look(bytes: &[u8], index: &FieldIndex) {
    let message = Message::new(bytes, index);
    let _ = NewOrderSingle::read(&message);
    let _ = OrderCancelRequest::read(&message);
    let _ = OrderStatusRequest::read(&message);
    for (tag, value) in message.fields() {
        let _ = (message.int(tag), message.uint(tag), message.decimal(tag), message.bool(tag));
        let _ = (message.timestamp_ns(tag), message.char(tag), value);
    }
    if let Ok(group) = message.group(453, &[448, 447, 452]) {
        assert_eq!(group.entries().count(), group.len());
        let _ = group.entries().map(|entry| entry.fields().count()).sum::<usize>();
    }
    let _ = format!("{message}");
    // A data field that holds the separator is written by another function.
    let plain = message.fields().all(|(_, value)| !value.contains(&SOH));
    if message.defect().is_none() && plain {
        let mut out = Vec::new();
        let mut encoder = Encoder::begin(&mut out, message.begin_string(), message.msg_type());
        for (tag, value) in message.fields().skip(1) {
            encoder.field(tag, value);
        }
        assert!(encoder.finish().is_ok());
        let mut again = FieldIndex::new();
        assert_eq!(decode(&out, &mut again), Ok(Status::Complete { consumed: out.len() }));
        let second = Message::new(&out, &again);
        assert!(second.fields().eq(message.fields()));
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    read(data);
    for begin_string in ["FIX.4.2", "FIX.4.4", "FIXT.1.1"] {
        read(&framed(begin_string, data));
    }
}
