//! Data dictionaries: which fields a message may have, which it must have, and which values they
//! may have.
//!
//! A dictionary is read from XML in the form that `QuickFIX` made customary, so a client's engine
//! can load the very files that we publish under `docs/fix/`. A line belongs here if it needs one
//! message and a dictionary, and no session. The answer to a fault is `session`.
//!
//! A field is found by its tag in a dense table, and the fields of a message are a set of bits. So
//! checking a message costs a few nanoseconds a field and allocates nothing.

mod builtin;
mod check;
mod format;
mod load;

pub use builtin::Version;
pub use check::{Checks, ValidationFault};
pub use format::FieldType;
pub use load::LoadError;

/// Most fields of one dictionary.
pub const DICTIONARY_FIELDS_MAX: usize = 4_096;

/// Most members of one repeating group, without the members of nested groups.
pub const GROUP_MEMBERS_MAX: usize = 256;

/// Lowest tag that is free for agreements between two parties (FIX 4.4 volume 1, "User Defined
/// Fields").
pub const USER_DEFINED_MIN: u32 = 5_000;

/// Tags up to here are found in one table look-up.
const DENSE_TAGS: usize = 4_096;

const WORDS: usize = DICTIONARY_FIELDS_MAX / 64;

/// Position of a field in its dictionary.
type FieldId = u16;

/// A set of fields.
#[derive(Clone, Debug)]
struct FieldSet(Box<[u64; WORDS]>);

impl FieldSet {
    fn new() -> Self {
        Self(Box::new([0; WORDS]))
    }

    /// Adds a field; false when it was there before.
    fn insert(&mut self, id: FieldId) -> bool {
        let word = &mut self.0[usize::from(id) / 64];
        let bit = 1 << (id % 64);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    fn contains(&self, id: FieldId) -> bool {
        self.0.get(usize::from(id) / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }
}

/// The layer that defines a field or a message, as bits.
mod layer {
    /// FIXT.1.1, or a version in which both layers are one.
    pub const TRANSPORT: u8 = 1;
    /// FIX 5.0 and its service packs, or a version in which both layers are one.
    pub const APPLICATION: u8 = 2;
}

/// Type and allowed values of a field.
#[derive(Clone, Debug)]
struct FieldDef {
    tag: u32,
    kind: FieldType,
    layers: u8,
    values: Option<Values>,
}

/// The values of an enumeration.
#[derive(Clone, Debug, Default)]
struct Values {
    /// Values of one byte, as bits.
    single: [u64; 4],
    /// Longer values, sorted.
    long: Vec<Box<[u8]>>,
}

/// A part of a message: header, trailer, body.
#[derive(Clone, Debug)]
struct Block {
    allowed: FieldSet,
    required: Vec<FieldId>,
    /// Sorted by the field that counts the entries.
    groups: Vec<Group>,
}

/// A repeating group.
#[derive(Clone, Debug)]
struct Group {
    count: FieldId,
    /// In the order of the definition; the first one starts every entry. Sorted by field.
    members: Vec<Member>,
    /// The field that starts every entry.
    first: FieldId,
    /// Sorted by the field that counts the entries.
    groups: Vec<Group>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    field: FieldId,
    /// Position in the definition.
    place: u16,
    required: bool,
}

#[derive(Clone, Debug)]
struct MessageDef {
    msg_type: Box<[u8]>,
    layers: u8,
    /// The body; none for a message of which only the name is known, and which the application
    /// refuses.
    body: Option<Block>,
}

/// All messages and fields of one version.
#[derive(Debug)]
pub struct Dictionary {
    begin_string: String,
    fields: Vec<FieldDef>,
    /// Position of a field plus one, by tag; 0 for an unknown tag.
    dense: Vec<FieldId>,
    /// The same for tags beyond the table, sorted by tag.
    sparse: Vec<(u32, FieldId)>,
    header: Block,
    trailer: Block,
    /// Sorted by type.
    messages: Vec<MessageDef>,
    /// Position of a message with a type of one letter, plus one.
    letters: [u16; 128],
}

impl Dictionary {
    /// `BeginString` (8) of the dictionary's messages.
    pub fn begin_string(&self) -> &str {
        &self.begin_string
    }

    /// Whether the version has this message type.
    pub fn knows_type(&self, msg_type: &[u8]) -> bool {
        self.message(msg_type).is_some()
    }

    /// Whether the version has this tag.
    pub fn knows_tag(&self, tag: u32) -> bool {
        self.field(tag).is_some()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether it has no fields at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    #[inline]
    fn field(&self, tag: u32) -> Option<(FieldId, &FieldDef)> {
        let id = if let Some(place) = self.dense.get(tag as usize) {
            place.checked_sub(1)?
        } else {
            let at = self.sparse.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
            self.sparse.get(at)?.1
        };
        Some((id, self.fields.get(usize::from(id))?))
    }

    fn message(&self, msg_type: &[u8]) -> Option<&MessageDef> {
        let at = match msg_type {
            [letter] => usize::from(*self.letters.get(usize::from(*letter))?).checked_sub(1)?,
            longer => self.messages.binary_search_by(|one| (*one.msg_type).cmp(longer)).ok()?,
        };
        self.messages.get(at)
    }
}

impl Group {
    fn member(&self, id: FieldId) -> Option<Member> {
        let at = self.members.binary_search_by_key(&id, |member| member.field).ok()?;
        self.members.get(at).copied()
    }
}

/// The group that the field `id` counts.
fn group_of(groups: &[Group], id: FieldId) -> Option<&Group> {
    groups.get(groups.binary_search_by_key(&id, |group| group.count).ok()?)
}
