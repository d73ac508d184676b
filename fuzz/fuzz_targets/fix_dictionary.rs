//! A data dictionary of any text, and a message of any fields checked against it and against ours.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rutter_fix::codec::{Encoder, FieldIndex, Message, decode};
use rutter_fix::dictionary::{Checks, Dictionary, Version};

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (xml, fields) = data.split_at(cut);
    let mut bytes = Vec::new();
    let mut message = Encoder::begin(&mut bytes, b"FIX.4.4", b"D");
    let mut body = fields.to_vec();
    body.push(1);
    message.raw(&body);
    let mut index = FieldIndex::new();
    if message.finish().is_err() || decode(&bytes, &mut index).is_err() {
        return;
    }
    let message = Message::new(&bytes, &index);
    for version in Version::ALL {
        let _ = version.dictionary().check(&message, &Checks::default());
    }
    let Ok(xml) = core::str::from_utf8(xml) else { return };
    if let Ok(dictionary) = Dictionary::read(xml) {
        let _ = dictionary.check(&message, &Checks::default());
    }
});
