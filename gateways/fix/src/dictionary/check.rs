//! Checks one message against a dictionary.

use super::{
    Block, Dictionary, FieldDef, FieldId, FieldSet, Group, MessageDef, USER_DEFINED_MIN, Values,
    WORDS, group_of, layer,
};
use crate::codec::{Defect, Fields, Message};
use crate::dictionary::FieldType;
use crate::session::SessionRejectReason as Reason;
use crate::tags;

/// Which checks a session makes. All of them by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own, set by name")]
pub struct Checks {
    /// A `MsgType` that the version does not have is refused.
    pub message_types: bool,
    /// Tags that the version or the message does not have are refused.
    pub unknown_fields: bool,
    /// The same for tags from [`USER_DEFINED_MIN`] on.
    pub user_defined_fields: bool,
    /// Fields that the message must have are demanded.
    pub required_fields: bool,
    /// A field without a value is refused.
    pub empty_values: bool,
    /// Values must have the form of their type.
    pub formats: bool,
    /// Values must be of the enumeration, where there is one.
    pub enumerations: bool,
    /// Header, body and trailer must follow each other.
    pub order: bool,
    /// A tag outside a repeating group may appear once only.
    pub repeated_tags: bool,
    /// Repeating groups must have the entries that they count.
    pub group_counts: bool,
    /// Within an entry fields must have the order of the definition.
    pub group_order: bool,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            message_types: true,
            unknown_fields: true,
            user_defined_fields: true,
            required_fields: true,
            empty_values: true,
            formats: true,
            enumerations: true,
            order: true,
            repeated_tags: true,
            group_counts: true,
            group_order: true,
        }
    }
}

impl Checks {
    /// Whether a defect of the message's form is to be overlooked.
    pub const fn tolerates(&self, defect: Defect) -> bool {
        match defect {
            Defect::EmptyValue { .. } => !self.empty_values,
            Defect::OutOfOrder { tag } => {
                !self.order
                    && !matches!(tag, tags::BEGIN_STRING | tags::BODY_LENGTH | tags::CHECK_SUM)
            }
            _ => false,
        }
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `SessionRejectReason` (373).
    pub reason: Reason,
    /// `RefTagID` (371).
    pub tag: Option<u32>,
}

const fn fault(reason: Reason, tag: u32) -> Fault {
    Fault { reason, tag: Some(tag) }
}

/// Fields seen in a message, or in an entry of a group.
struct Seen([u64; WORDS]);

impl Seen {
    /// Notes a field; false when it had been seen.
    fn insert(&mut self, id: FieldId) -> bool {
        let word = &mut self.0[usize::from(id) / 64 % WORDS];
        let bit = 1 << (id % 64);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    fn contains(&self, id: FieldId) -> bool {
        self.0.get(usize::from(id) / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }
}

impl Dictionary {
    /// Checks a message whose form (tags, length, sum) is right. A message whose type is known
    /// by name alone passes with its header checked: the application will refuse it.
    ///
    /// # Errors
    /// The first fault; a missing field goes before faults of fields that are there.
    pub fn check(&self, message: &Message<'_>, checks: &Checks) -> Result<(), Fault> {
        let Some(def) = self.message(message.msg_type()) else {
            return if checks.message_types {
                Err(Fault { reason: Reason::InvalidMsgType, tag: None })
            } else {
                Ok(())
            };
        };
        let mut seen = Seen([0; WORDS]);
        let walked = Walk { dictionary: self, def, checks }.walk(message, &mut seen);
        if checks.required_fields {
            // What was seen is not complete after a fault.
            let whole = walked.is_ok();
            let blocks = [Some(&self.header), def.body.as_ref(), Some(&self.trailer)];
            for id in blocks.into_iter().flatten().flat_map(|block| &block.required) {
                let tag = self.fields.get(usize::from(*id)).map_or(0, |field| field.tag);
                if !seen.contains(*id) && (whole || message.get(tag).is_none()) {
                    return Err(fault(Reason::RequiredTagMissing, tag));
                }
            }
        }
        walked
    }
}

/// One message on its way through the dictionary.
struct Walk<'d> {
    dictionary: &'d Dictionary,
    def: &'d MessageDef,
    checks: &'d Checks,
}

impl Walk<'_> {
    fn walk(&self, message: &Message<'_>, seen: &mut Seen) -> Result<(), Fault> {
        let mut rest = message.fields();
        let mut in_trailer = false;
        while let Some((tag, value)) = rest.next() {
            let Some((id, field)) = self.known(tag)? else { continue };
            if !seen.insert(id) && self.checks.repeated_tags {
                return Err(fault(Reason::TagRepeated, tag));
            }
            self.value(field, value)?;
            let Some(block) = self.block(id) else {
                self.foreign(tag, field)?;
                continue;
            };
            let trailing = core::ptr::eq(block, &raw const self.dictionary.trailer);
            if in_trailer && !trailing && self.checks.order {
                return Err(fault(Reason::TagOutOfOrder, tag));
            }
            in_trailer |= trailing;
            if field.kind.counts()
                && let Some(group) = group_of(&block.groups, id)
            {
                self.group(group, tag, value, &mut rest)?;
            }
        }
        Ok(())
    }

    /// The definition of a tag; none when an unknown one is to be overlooked.
    fn known(&self, tag: u32) -> Result<Option<(FieldId, &FieldDef)>, Fault> {
        if let Some(found) = self.dictionary.field(tag) {
            return Ok(Some(found));
        }
        if self.demands(tag) { Err(fault(Reason::InvalidTagNumber, tag)) } else { Ok(None) }
    }

    /// Whether a tag that is not where it belongs is refused.
    const fn demands(&self, tag: u32) -> bool {
        if tag >= USER_DEFINED_MIN {
            self.checks.user_defined_fields
        } else {
            self.checks.unknown_fields
        }
    }

    /// The part of the message that may have this field.
    fn block(&self, id: FieldId) -> Option<&Block> {
        if let Some(body) = &self.def.body
            && body.allowed.contains(id)
        {
            return Some(body);
        }
        let header = &self.dictionary.header;
        if header.allowed.contains(id) {
            return Some(header);
        }
        let trailer = &self.dictionary.trailer;
        trailer.allowed.contains(id).then_some(trailer)
    }

    /// A field that the version has and the message has not. What only the application layer
    /// defines does not exist in a message of the transport layer.
    fn foreign(&self, tag: u32, field: &FieldDef) -> Result<(), Fault> {
        if self.def.body.is_none() || !self.demands(tag) {
            return Ok(());
        }
        let transport_only = self.def.layers == layer::TRANSPORT;
        if transport_only && field.layers & layer::TRANSPORT == 0 {
            return Err(fault(Reason::InvalidTagNumber, tag));
        }
        Err(fault(Reason::TagNotDefinedForMessage, tag))
    }

    fn value(&self, field: &FieldDef, value: &[u8]) -> Result<(), Fault> {
        if value.is_empty() {
            return if self.checks.empty_values {
                Err(fault(Reason::TagWithoutValue, field.tag))
            } else {
                Ok(())
            };
        }
        if self.checks.formats && !field.kind.fits(value) {
            return Err(fault(Reason::IncorrectDataFormat, field.tag));
        }
        match &field.values {
            Some(values) if self.checks.enumerations && !values.contain(field.kind, value) => {
                Err(fault(Reason::ValueOutOfRange, field.tag))
            }
            _ => Ok(()),
        }
    }

    /// The entries behind the field that counts them. Depth is bounded by the definition.
    fn group(
        &self,
        group: &Group,
        count_tag: u32,
        count: &[u8],
        rest: &mut Fields<'_>,
    ) -> Result<(), Fault> {
        let mut entries = 0_u64;
        loop {
            let mut ahead = rest.clone();
            let next = ahead.next().and_then(|(tag, value)| {
                let (id, field) = self.dictionary.field(tag)?;
                Some((id, field, value, group.member(id)?))
            });
            // Whatever is no member ends the group.
            let Some((id, field, value, _)) = next else { break };
            if id != group.first {
                // Without its first field the entry cannot be told from the one before.
                if self.checks.group_order {
                    return Err(fault(Reason::GroupOutOfOrder, field.tag));
                }
                break;
            }
            *rest = ahead;
            self.value(field, value)?;
            self.entry(group, rest)?;
            entries += 1;
        }
        if self.checks.group_counts && crate::codec::parse_u64(count) != Some(entries) {
            return Err(fault(Reason::GroupCount, count_tag));
        }
        Ok(())
    }

    /// The fields of an entry behind its first.
    fn entry(&self, group: &Group, rest: &mut Fields<'_>) -> Result<(), Fault> {
        // Places of the definition that have been seen; the first always has.
        let mut seen = [1_u64, 0, 0, 0];
        let mut last = 0;
        loop {
            let mut ahead = rest.clone();
            let Some((tag, value)) = ahead.next() else { break };
            let Some((id, field)) = self.dictionary.field(tag) else { break };
            let Some(member) = group.member(id).filter(|_| id != group.first) else { break };
            let word = &mut seen[usize::from(member.place) / 64 % 4];
            let bit = 1 << (member.place % 64);
            if *word & bit != 0 && self.checks.repeated_tags {
                return Err(fault(Reason::TagRepeated, tag));
            }
            *word |= bit;
            if member.place < last && self.checks.group_order {
                return Err(fault(Reason::GroupOutOfOrder, tag));
            }
            last = member.place;
            self.value(field, value)?;
            *rest = ahead;
            if let Some(nested) = group_of(&group.groups, id) {
                self.group(nested, tag, value, rest)?;
            }
        }
        let missing = group.members.iter().find(|member| {
            let word = seen[usize::from(member.place) / 64 % 4];
            member.required && word & (1 << (member.place % 64)) == 0
        });
        match missing {
            Some(member) if self.checks.required_fields => {
                let field = self.dictionary.fields.get(usize::from(member.field));
                Err(fault(Reason::RequiredTagMissing, field.map_or(0, |field| field.tag)))
            }
            _ => Ok(()),
        }
    }
}

impl Values {
    fn contain(&self, kind: FieldType, value: &[u8]) -> bool {
        let one = |value: &[u8]| match value {
            [byte] => self.single[usize::from(byte / 64)] & (1 << (byte % 64)) != 0,
            longer => self.long.binary_search_by(|known| (**known).cmp(longer)).is_ok(),
        };
        if kind == FieldType::Values {
            value.split(|byte| *byte == b' ').all(one)
        } else {
            one(value)
        }
    }

    pub(super) fn add(&mut self, value: &[u8]) {
        match value {
            [byte] => self.single[usize::from(byte / 64)] |= 1 << (byte % 64),
            longer => {
                if let Err(at) = self.long.binary_search_by(|known| (**known).cmp(longer)) {
                    self.long.insert(at, longer.into());
                }
            }
        }
    }
}

impl Block {
    pub(super) fn new() -> Self {
        Self { allowed: FieldSet::new(), required: Vec::new(), groups: Vec::new() }
    }
}
