//! Checks one message against a dictionary.
//!
//! A line belongs here if it compares a message with definitions. Reading definitions is `load`.

use super::{
    Block, Dictionary, FieldDef, FieldId, FieldSet, Group, MessageDef, USER_DEFINED_MIN, Values,
    WORDS, group_of, layer,
};
use crate::codec::{Defect, Fields, Message};
use crate::dictionary::FieldType;
use crate::session::SessionRejectReason as Reason;
use crate::tags;

/// Checks of a session; all are on by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own, set by name")]
pub struct Checks {
    /// Reject a `MsgType` that the version does not have.
    pub message_types: bool,
    /// Reject tags that the version, or the message, does not have.
    pub unknown_fields: bool,
    /// The same for tags from [`USER_DEFINED_MIN`] on.
    pub user_defined_fields: bool,
    /// Reject a message without one of its required fields.
    pub required_fields: bool,
    /// Reject a field without a value.
    pub empty_values: bool,
    /// Reject a value that has not the form of its type.
    pub formats: bool,
    /// Reject a value that is not in the field's enumeration, if it has one.
    pub enumerations: bool,
    /// Reject header, body and trailer fields in another order.
    pub order: bool,
    /// Reject a tag that appears twice outside repeating groups.
    pub repeated_tags: bool,
    /// Reject a repeating group with more or fewer entries than it counts.
    pub group_counts: bool,
    /// Reject an entry whose fields are not in the order of the definition.
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
    /// Whether a defect of the message's form is overlooked.
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
pub struct ValidationFault {
    /// `SessionRejectReason` (373).
    pub reason: Reason,
    /// `RefTagID` (371).
    pub tag: Option<u32>,
}

const fn fault(reason: Reason, tag: u32) -> ValidationFault {
    ValidationFault { reason, tag: Some(tag) }
}

/// Fields seen in a message, or in an entry of a group.
struct Seen([u64; WORDS]);

impl Seen {
    /// Notes a field; false when it was there before.
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
    /// Whether the field's enumeration has this value, or the field has no enumeration.
    pub fn allows(&self, tag: u32, value: &[u8]) -> bool {
        let Some((_, field)) = self.field(tag) else { return false };
        field.values.as_ref().is_none_or(|values| values.contain(field.kind, value))
    }

    /// Checks a message whose form (tags, length, sum) is right. If only the name of the message's
    /// type is known, only the header is checked: the application will refuse the message.
    ///
    /// # Errors
    /// The first fault; a missing field comes before faults of fields that are present.
    pub fn check(&self, message: &Message<'_>, checks: &Checks) -> Result<(), ValidationFault> {
        let Some(def) = self.message(message.msg_type()) else {
            return if checks.message_types {
                Err(ValidationFault { reason: Reason::InvalidMsgType, tag: None })
            } else {
                Ok(())
            };
        };
        let mut seen = Seen([0; WORDS]);
        let walked = Walk { dictionary: self, def, checks }.walk(message, &mut seen);
        if checks.required_fields {
            // The set of fields seen is incomplete after a fault.
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

/// The state of one message's check.
struct Walk<'d> {
    dictionary: &'d Dictionary,
    def: &'d MessageDef,
    checks: &'d Checks,
}

impl Walk<'_> {
    fn walk(&self, message: &Message<'_>, seen: &mut Seen) -> Result<(), ValidationFault> {
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

    /// The definition of a tag; none for an unknown tag that is overlooked.
    fn known(&self, tag: u32) -> Result<Option<(FieldId, &FieldDef)>, ValidationFault> {
        if let Some(found) = self.dictionary.field(tag) {
            return Ok(Some(found));
        }
        if self.demands(tag) { Err(fault(Reason::InvalidTagNumber, tag)) } else { Ok(None) }
    }

    /// Whether a tag in a place where it does not belong is refused.
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

    /// A field that the version has and the message has not. A field of the application layer does
    /// not exist in a message of the transport layer.
    fn foreign(&self, tag: u32, field: &FieldDef) -> Result<(), ValidationFault> {
        if self.def.body.is_none() || !self.demands(tag) {
            return Ok(());
        }
        let transport_only = self.def.layers == layer::TRANSPORT;
        if transport_only && field.layers & layer::TRANSPORT == 0 {
            return Err(fault(Reason::InvalidTagNumber, tag));
        }
        Err(fault(Reason::TagNotDefinedForMessage, tag))
    }

    fn value(&self, field: &FieldDef, value: &[u8]) -> Result<(), ValidationFault> {
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

    /// Checks the entries after the field that counts them. The depth is bounded by the definition.
    fn group(
        &self,
        group: &Group,
        count_tag: u32,
        count: &[u8],
        rest: &mut Fields<'_>,
    ) -> Result<(), ValidationFault> {
        let mut entries = 0_u64;
        loop {
            let mut ahead = rest.clone();
            let next = ahead.next().and_then(|(tag, value)| {
                let (id, field) = self.dictionary.field(tag)?;
                Some((id, field, value, group.member(id)?))
            });
            // Any tag that is no member ends the group.
            let Some((id, field, value, _)) = next else { break };
            if id != group.first {
                // Without its first field an entry cannot be told from the one before.
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

    /// Checks the fields of an entry after its first.
    fn entry(&self, group: &Group, rest: &mut Fields<'_>) -> Result<(), ValidationFault> {
        // Members of the definition that were seen; the first always was.
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
