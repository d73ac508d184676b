//! A data dictionary of any text, and a message of any fields checked against that dictionary and
//! against ours.
#![cfg_attr(fuzzing, no_main)]

use rutter_fix::codec::{Encoder, FieldIndex, Message, decode};
use rutter_fix::dictionary::{Checks, Dictionary, Version};

const TYPES: [&[u8]; 16] = [
    b"D", b"8", b"A", b"V", b"W", b"X", b"y", b"G", b"r", b"0", b"5", b"AF", b"d", b"B", b"zz",
    b"q",
];

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let cut = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (xml, fields) = data.split_at(cut);
    // The byte behind the zero chooses the type of the message.
    let kind = TYPES[usize::from(fields.get(1).copied().unwrap_or(0)) % TYPES.len()];
    let mut bytes = Vec::new();
    let mut message = Encoder::begin(&mut bytes, b"FIX.4.4", kind);
    let mut body = fields.get(3..).unwrap_or(&[]).to_vec();
    body.push(1);
    message.raw(&body);
    let mut index = FieldIndex::new();
    if message.finish().is_err() || decode(&bytes, &mut index).is_err() {
        return;
    }
    let message = Message::new(&bytes, &index);
    // Each check may be switched off.
    let off = fields.get(2).copied().unwrap_or(0);
    let some = Checks {
        unknown_fields: off & 1 == 0,
        user_defined_fields: off & 2 == 0,
        required_fields: off & 4 == 0,
        formats: off & 8 == 0,
        repeated_tags: off & 16 == 0,
        group_counts: off & 32 == 0,
        group_order: off & 64 == 0,
        ..Checks::default()
    };
    for version in Version::ALL {
        let dictionary = version.dictionary();
        let strict = dictionary.check(&message, &Checks::default());
        let mild = dictionary.check(&message, &some);
        assert!(strict.is_err() || mild.is_ok(), "fewer checks find more");
    }
    let Ok(xml) = core::str::from_utf8(xml) else { return };
    if let Ok(dictionary) = Dictionary::read(xml) {
        let _ = dictionary.check(&message, &Checks::default());
    }
    let transport = include_str!("../../docs/fix/FIXT11.xml");
    if let Ok(dictionary) = Dictionary::read_layers(transport, xml) {
        let _ = dictionary.check(&message, &some);
    }
}
