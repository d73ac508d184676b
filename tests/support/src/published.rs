//! Judges messages of our side by the dictionaries that we publish in `docs/fix`: a client's engine
//! loads these files, so they have to allow everything that we send.
//!
//! A line belongs here if it checks bytes with a dictionary of ours. Which bytes are to be checked
//! is the business of the scenarios' own desks.

use rutter_fix::codec::{FieldIndex, Message, Status, decode};
use rutter_fix::dictionary::{Checks, Version};

/// Checks every whole message of `bytes` with the dictionary of its version. Messages that `skip`
/// is true for are passed over, and so are those of a version that we do not speak.
///
/// # Panics
/// When a dictionary of ours does not allow a message.
pub fn assert_allowed(mut bytes: &[u8], skip: impl Fn(&Message<'_>) -> bool) {
    let mut index = FieldIndex::new();
    while let Ok(Status::Complete { consumed }) = decode(bytes, &mut index) {
        let (whole, rest) = bytes.split_at(consumed);
        let message = Message::new(whole, &index);
        if let Some(version) = Version::beginning_with(message.begin_string())
            && !skip(&message)
        {
            assert_eq!(message.defect(), None, "{message}");
            let checked = version.dictionary().check(&message, &Checks::default());
            assert_eq!(checked, Ok(()), "{message}");
        }
        bytes = rest;
    }
}
