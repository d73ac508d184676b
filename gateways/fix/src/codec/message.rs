//! One decoded message: a reusable index of its fields and typed access by tag.
//!
//! A line belongs here if it reads a decoded message without knowing what the message means.

use super::value::{Decimal, parse_bool, parse_decimal, parse_i64, parse_timestamp_ns, parse_u64};
use super::{FIELDS_MAX, SOH, TRAILER_BYTES};
use crate::tags;

/// One field: its tag, and the offsets of its value in the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub tag: u32,
    pub start: u32,
    pub end: u32,
}

/// The first defect inside a well-framed message. The session answers with a Reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A tag that is not a positive number without leading zeros; the offsets of its text.
    InvalidTag {
        /// Offset of the first byte of the text.
        start: u32,
        /// Offset of the byte after the text.
        end: u32,
    },
    /// A field without `=`: SOH in a value that is not a data field.
    NoTag,
    /// A field with nothing after `=`.
    EmptyValue {
        /// The field.
        tag: u32,
    },
    /// A header field after a body field, or a second 8, 9 or 10.
    OutOfOrder {
        /// The field.
        tag: u32,
    },
    /// A header field that comes twice: nobody can say which of the two is meant.
    Repeated {
        /// The field.
        tag: u32,
    },
    /// A length field that is not a number, or a data field that does not end at that length.
    DataLength {
        /// The field.
        tag: u32,
    },
    /// More than [`FIELDS_MAX`] fields: the rest is not indexed.
    TooManyFields,
}

/// The offsets of the fields of one message. Made once, filled by every [`decode`](super::decode).
#[derive(Debug)]
pub struct FieldIndex {
    fields: Vec<Field>,
    begin_end: usize,
    body: usize,
    /// The first defect that every session rejects, the first empty value, and the first field out
    /// of order: some sessions overlook one of the last two, and must still see the others.
    defects: [Option<Defect>; 3],
    /// The bytes of a message that was kept aside, stored with the index of its fields.
    frame: Vec<u8>,
}

impl Default for FieldIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl FieldIndex {
    /// An index with room for [`FIELDS_MAX`] fields: it never allocates again.
    pub fn new() -> Self {
        Self {
            fields: Vec::with_capacity(FIELDS_MAX),
            begin_end: 0,
            body: 0,
            defects: [None; 3],
            frame: Vec::new(),
        }
    }

    /// Keeps the bytes of a message that this index describes.
    pub(super) fn keep_frame(&mut self, frame: Vec<u8>) {
        self.frame = frame;
    }

    /// The message whose bytes are kept.
    pub(super) fn kept(&self) -> Message<'_> {
        Message { bytes: &self.frame, index: self }
    }

    pub(super) fn clear(&mut self, begin_end: usize, body: usize) {
        self.fields.clear();
        self.begin_end = begin_end;
        self.body = body;
        self.defects = [None; 3];
    }

    /// Number of fields, not counting 8, 9 and 10.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether no message has been indexed yet.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    #[inline]
    pub(super) fn push(&mut self, field: Field) {
        self.fields.push(field);
    }

    /// Notes a defect, if it is the first of its class.
    #[cold]
    pub(super) fn note(&mut self, defect: Defect) {
        let framing = [tags::BEGIN_STRING, tags::BODY_LENGTH, tags::CHECK_SUM];
        let class = match defect {
            Defect::EmptyValue { .. } => 1,
            Defect::OutOfOrder { tag } if !framing.contains(&tag) => 2,
            _ => 0,
        };
        self.defects[class].get_or_insert(defect);
    }
}

/// What is wrong with a requested field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FieldErrorKind {
    /// The field is missing.
    #[error("required tag missing")]
    Missing,
    /// The value has not the format of its type.
    #[error("incorrect data format")]
    Format,
    /// The value has the right format and is not a possible value.
    #[error("value is incorrect (out of range) for this tag")]
    Range,
    /// A repeating group has not as many entries as it counts.
    #[error("incorrect NumInGroup count")]
    GroupCount,
}

/// A requested field that is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("tag {tag}: {kind}")]
pub struct FieldError {
    /// The field.
    pub tag: u32,
    /// The fault.
    pub kind: FieldErrorKind,
}

impl FieldError {
    const fn new(tag: u32, kind: FieldErrorKind) -> Self {
        Self { tag, kind }
    }
}

/// One decoded message. It borrows the bytes and the index.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    index: &'a FieldIndex,
}

impl<'a> Message<'a> {
    /// The message that [`decode`](super::decode) has just found at the front of `bytes`.
    pub const fn new(bytes: &'a [u8], index: &'a FieldIndex) -> Self {
        Self { bytes, index }
    }

    /// The whole message, byte for byte.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn value(&self, field: &Field) -> &'a [u8] {
        self.bytes.get(field.start as usize..field.end as usize).unwrap_or(&[])
    }

    /// Value of tag 8, such as `FIX.4.4`.
    pub fn begin_string(&self) -> &'a [u8] {
        self.bytes.get(2..self.index.begin_end).unwrap_or(&[])
    }

    /// Value of tag 35. Framing has checked that it is present.
    pub fn msg_type(&self) -> &'a [u8] {
        self.index.fields.first().map_or(&[], |field| self.value(field))
    }

    /// The gravest defect, if any. The rest of the message can be read all the same.
    pub fn defect(&self) -> Option<Defect> {
        self.defects().next()
    }

    /// The defects, the gravest first: one that every session rejects, an empty value, and a field
    /// out of order.
    pub fn defects(&self) -> impl Iterator<Item = Defect> + use<> {
        self.index.defects.into_iter().flatten()
    }

    /// Text of an invalid tag ([`Defect::InvalidTag`]).
    pub fn invalid_tag(&self) -> Option<&'a [u8]> {
        match self.index.defects[0] {
            Some(Defect::InvalidTag { start, end }) => self.bytes.get(start as usize..end as usize),
            _ => None,
        }
    }

    /// Value of the first field with this tag (not 8, 9 or 10). Only a data field's value may have
    /// SOH.
    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        find(self.bytes, &self.index.fields, tag)
    }

    /// All fields after 9 and before 10, in order.
    pub fn fields(&self) -> Fields<'a> {
        Fields { bytes: self.bytes, fields: &self.index.fields }
    }

    /// Value of a required field.
    ///
    /// # Errors
    /// [`FieldErrorKind::Missing`].
    pub fn required(&self, tag: u32) -> Result<&'a [u8], FieldError> {
        self.get(tag).ok_or(FieldError::new(tag, FieldErrorKind::Missing))
    }

    fn typed<T>(
        &self,
        tag: u32,
        parse: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, FieldError> {
        match self.get(tag) {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or(FieldError::new(tag, FieldErrorKind::Format)),
        }
    }

    /// A signed integer; `None` when absent.
    ///
    /// # Errors
    /// [`FieldErrorKind::Format`], as for the other typed accessors.
    pub fn int(&self, tag: u32) -> Result<Option<i64>, FieldError> {
        self.typed(tag, parse_i64)
    }

    /// An unsigned integer (lengths, sequence numbers); `None` when absent.
    ///
    /// # Errors
    /// [`FieldErrorKind::Format`].
    pub fn uint(&self, tag: u32) -> Result<Option<u64>, FieldError> {
        self.typed(tag, parse_u64)
    }

    /// One character; `None` when absent.
    ///
    /// # Errors
    /// [`FieldErrorKind::Format`].
    pub fn char(&self, tag: u32) -> Result<Option<u8>, FieldError> {
        self.typed(tag, |text| match text {
            [one] => Some(*one),
            _ => None,
        })
    }

    /// `Y` or `N`; `None` when absent.
    ///
    /// # Errors
    /// [`FieldErrorKind::Format`].
    pub fn bool(&self, tag: u32) -> Result<Option<bool>, FieldError> {
        self.typed(tag, parse_bool)
    }

    /// A price, quantity or amount; `None` when absent.
    ///
    /// # Errors
    /// [`FieldErrorKind::Format`].
    pub fn decimal(&self, tag: u32) -> Result<Option<Decimal>, FieldError> {
        self.typed(tag, parse_decimal)
    }

    /// A `UTCTimestamp` in nanoseconds since the Unix epoch; `None` when absent.
    ///
    /// # Errors
    /// [`FieldErrorKind::Format`].
    pub fn timestamp_ns(&self, tag: u32) -> Result<Option<u64>, FieldError> {
        self.typed(tag, parse_timestamp_ns)
    }

    /// Walks the repeating group that `count_tag` counts. `members` are all tags that an entry may
    /// have, nested groups included; the tag that starts each entry comes first. An absent group
    /// has no entries.
    ///
    /// # Errors
    /// [`FieldErrorKind::Format`] for the count, [`FieldErrorKind::GroupCount`] when the entries
    /// that follow are more or fewer.
    pub fn group<'m>(
        &self,
        count_tag: u32,
        members: &'m [u32],
    ) -> Result<Group<'a, 'm>, FieldError> {
        group(self.bytes, &self.index.fields, count_tag, members)
    }
}

fn find<'a>(bytes: &'a [u8], fields: &[Field], tag: u32) -> Option<&'a [u8]> {
    let field = fields.iter().find(|field| field.tag == tag)?;
    bytes.get(field.start as usize..field.end as usize)
}

fn group<'a, 'm>(
    bytes: &'a [u8],
    fields: &'a [Field],
    count_tag: u32,
    members: &'m [u32],
) -> Result<Group<'a, 'm>, FieldError> {
    let error = |kind| FieldError::new(count_tag, kind);
    let Some(at) = fields.iter().position(|field| field.tag == count_tag) else {
        return Ok(Group { bytes, fields: &[], members, count: 0 });
    };
    let text = fields.get(at).and_then(|f| bytes.get(f.start as usize..f.end as usize));
    let count = text.and_then(parse_u64).ok_or(error(FieldErrorKind::Format))?;
    let rest = fields.get(at + 1..).unwrap_or(&[]);
    let length = rest.iter().position(|f| !members.contains(&f.tag)).unwrap_or(rest.len());
    let fields = rest.get(..length).unwrap_or(&[]);
    let first = members.first().copied();
    let starts = fields.iter().filter(|f| Some(f.tag) == first).count();
    let in_order = fields.first().is_none_or(|f| Some(f.tag) == first);
    if count != starts as u64 || !in_order {
        return Err(error(FieldErrorKind::GroupCount));
    }
    Ok(Group { bytes, fields, members, count: starts })
}

/// All fields of a message, in order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (field, rest) = self.fields.split_first()?;
        self.fields = rest;
        Some((field.tag, self.bytes.get(field.start as usize..field.end as usize)?))
    }
}

/// A repeating group whose entries have been counted.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a, 'm> {
    bytes: &'a [u8],
    fields: &'a [Field],
    members: &'m [u32],
    count: usize,
}

impl<'a> Group<'a, '_> {
    /// Number of entries.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no entries.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entries in order.
    pub fn entries(&self) -> GroupEntries<'a> {
        GroupEntries {
            bytes: self.bytes,
            fields: self.fields,
            first: self.members.first().copied().unwrap_or(0),
        }
    }
}

/// Iterator over the entries of a [`Group`].
#[derive(Clone, Debug)]
pub struct GroupEntries<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
    first: u32,
}

impl<'a> Iterator for GroupEntries<'a> {
    type Item = GroupEntry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let tail = self.fields.get(1..)?;
        let next = tail.iter().position(|field| field.tag == self.first).unwrap_or(tail.len());
        let (entry, rest) = self.fields.split_at_checked(next + 1)?;
        self.fields = rest;
        Some(GroupEntry { bytes: self.bytes, fields: entry })
    }
}

/// One entry of a repeating group.
#[derive(Clone, Copy, Debug)]
pub struct GroupEntry<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

impl<'a> GroupEntry<'a> {
    /// Value of the first field with this tag in this entry.
    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        find(self.bytes, self.fields, tag)
    }

    /// The entry's fields in order.
    pub fn fields(&self) -> Fields<'a> {
        Fields { bytes: self.bytes, fields: self.fields }
    }

    /// A group within this entry; see [`Message::group`].
    ///
    /// # Errors
    /// As [`Message::group`].
    pub fn group<'m>(
        &self,
        count_tag: u32,
        members: &'m [u32],
    ) -> Result<Group<'a, 'm>, FieldError> {
        group(self.bytes, self.fields, count_tag, members)
    }
}

/// The message with `|` for SOH, for logs and tests. Passwords are masked.
impl core::fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        use core::fmt::Write as _;
        let write_bytes = |f: &mut core::fmt::Formatter<'_>, bytes: &[u8]| {
            bytes.iter().try_for_each(|byte| match byte {
                &SOH => f.write_char('|'),
                0x20..=0x7e => f.write_char(char::from(*byte)),
                _ => f.write_char('?'),
            })
        };
        write_bytes(f, self.bytes.get(..self.index.body).unwrap_or(&[]))?;
        for (tag, value) in self.fields() {
            write!(f, "{tag}=")?;
            if tag == tags::PASSWORD {
                f.write_str("***")?;
            } else {
                write_bytes(f, value)?;
            }
            f.write_char('|')?;
        }
        let trailer = self.bytes.len().saturating_sub(TRAILER_BYTES);
        write_bytes(f, self.bytes.get(trailer..).unwrap_or(&[]))
    }
}
