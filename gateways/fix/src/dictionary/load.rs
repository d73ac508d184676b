//! Reads a dictionary from XML.
//!
//! A file is `<fix major minor>` with `<header>`, `<trailer>`, `<messages>`, `<components>` and
//! `<fields>`. A component is inserted wherever it is named. Of a `<message>` without content only
//! the name is known. Anything unexpected is an error that names its line; nothing is guessed.
//!
//! A line belongs here if it reads definitions. Checking messages with them is `check`.

use std::collections::HashMap;

use roxmltree::{Document, Node, ParsingOptions};

use super::{
    Block, DENSE_TAGS, DICTIONARY_FIELDS_MAX, Dictionary, FieldDef, FieldId, FieldType,
    GROUP_MEMBERS_MAX, Group, Member, MessageDef, Values, layer,
};
use crate::store::MSG_TYPE_BYTES_MAX;
use crate::tags;

/// Longest file, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// Longest element with its attributes and the text after it, in bytes: the parser compares every
/// attribute of an element with all its others.
const ELEMENT_BYTES_MAX: usize = 4 << 10;

/// Most elements, attributes and texts of a file together.
const NODES_MAX: u32 = 1_000_000;

/// Most members of all messages together, with components inserted: bounds files whose components
/// multiply.
const MEMBERS_MAX: usize = 500_000;

/// Deepest nesting of components and groups.
const DEPTH_MAX: usize = 16;

/// Most messages in a dictionary.
const MESSAGES_MAX: usize = 4_096;

/// Why a file is not a dictionary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is longer than [`FILE_BYTES_MAX`].
    #[error("file of {bytes} bytes is longer than {FILE_BYTES_MAX}")]
    TooLong {
        /// Length of the file, in bytes.
        bytes: usize,
    },
    /// The file is not XML, has a document type, or has too many elements.
    #[error("not well-formed: {0}")]
    Xml(String),
    /// An element is longer than four kilobytes.
    #[error("line {line}: element is too long")]
    LongElement {
        /// Line of the element.
        line: u32,
    },
    /// The root is not `<fix>` or `<fixt>`.
    #[error("the root element is not fix")]
    Root,
    /// A part such as `<messages>` is missing.
    #[error("no {0} section")]
    Section(&'static str),
    /// An attribute is missing or cannot be read.
    #[error("line {line}: attribute {name} is missing or wrong")]
    Attribute {
        /// Line of the element.
        line: u32,
        /// Name of the attribute.
        name: &'static str,
    },
    /// An element stands where it does not belong.
    #[error("line {line}: unexpected element")]
    Element {
        /// Line of the element.
        line: u32,
    },
    /// A field that `<fields>` does not define.
    #[error("line {line}: unknown field {name}")]
    UnknownField {
        /// Line of the element.
        line: u32,
        /// Name of the field.
        name: String,
    },
    /// A component that `<components>` does not define.
    #[error("line {line}: unknown component {name}")]
    UnknownComponent {
        /// Line of the element.
        line: u32,
        /// Name of the component.
        name: String,
    },
    /// A type of field that does not exist.
    #[error("line {line}: unknown type {name}")]
    UnknownType {
        /// Line of the element.
        line: u32,
        /// Name of the type.
        name: String,
    },
    /// A field, message, component or member that is defined twice.
    #[error("line {line}: {name} is there twice")]
    Twice {
        /// Line of the second definition.
        line: u32,
        /// What is defined twice.
        name: String,
    },
    /// A group has no members.
    #[error("line {line}: group without members")]
    EmptyGroup {
        /// Line of the group.
        line: u32,
    },
    /// A group is counted by a field that is not a whole number.
    #[error("line {line}: group is not counted by a number")]
    GroupCount {
        /// Line of the group.
        line: u32,
    },
    /// Components or groups are nested too deeply, or a component contains itself.
    #[error("line {line}: nested too deeply")]
    TooDeep {
        /// Line of the element.
        line: u32,
    },
    /// More fields or members than allowed.
    #[error("line {line}: too many fields or members")]
    TooMany {
        /// Line at which the limit was reached.
        line: u32,
    },
}

impl Dictionary {
    /// Reads a version in which session and application are one layer, up to FIX 4.4.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn read(xml: &str) -> Result<Self, LoadError> {
        let mut reading = Reading::default();
        reading.layer(xml, layer::TRANSPORT | layer::APPLICATION)?;
        reading.finish()
    }

    /// Reads a version of two layers: FIXT for header, trailer and session messages, FIX 5.0 and
    /// later for application messages.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn read_layers(transport: &str, application: &str) -> Result<Self, LoadError> {
        let mut reading = Reading::default();
        reading.layer(transport, layer::TRANSPORT)?;
        reading.layer(application, layer::APPLICATION)?;
        reading.finish()
    }
}

/// Whether no element is longer than [`ELEMENT_BYTES_MAX`]. Within an element there is no `<`.
fn check_elements(xml: &str) -> Result<(), LoadError> {
    let mut lines = 1;
    for part in xml.split('<') {
        if part.len() > ELEMENT_BYTES_MAX && !part.starts_with("!--") {
            return Err(LoadError::LongElement { line: lines });
        }
        lines += part.bytes().filter(|byte| *byte == b'\n').count() as u32;
    }
    Ok(())
}

/// The definitions that have been read so far.
#[derive(Default)]
struct Reading {
    begin_string: Option<String>,
    fields: Vec<FieldDef>,
    by_tag: HashMap<u32, FieldId>,
    header: Option<Block>,
    trailer: Option<Block>,
    messages: Vec<MessageDef>,
    members: usize,
}

/// A member of a message, component or group.
struct Found<'i> {
    field: FieldId,
    node: Node<'i, 'i>,
    required: bool,
    group: Option<Group>,
}

/// The names that one file defines.
struct Names<'i> {
    fields: HashMap<&'i str, FieldId>,
    components: HashMap<&'i str, Node<'i, 'i>>,
}

/// Line of an element, counted from the start of the file: only for an error.
#[cold]
fn line(node: Node<'_, '_>) -> u32 {
    node.document().text_pos_at(node.range().start).row
}

fn attribute<'i>(node: Node<'i, 'i>, name: &'static str) -> Result<&'i str, LoadError> {
    node.attribute(name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| LoadError::Attribute { line: line(node), name })
}

fn is_required(node: Node<'_, '_>) -> Result<bool, LoadError> {
    match node.attribute("required") {
        Some("Y" | "y") => Ok(true),
        None | Some("N" | "n") => Ok(false),
        Some(_) => Err(LoadError::Attribute { line: line(node), name: "required" }),
    }
}

fn elements<'i>(node: Node<'i, 'i>) -> impl Iterator<Item = Node<'i, 'i>> {
    node.children().filter(Node::is_element)
}

fn section<'i>(root: Node<'i, 'i>, name: &'static str) -> Result<Node<'i, 'i>, LoadError> {
    elements(root).find(|node| node.has_tag_name(name)).ok_or(LoadError::Section(name))
}

impl Reading {
    fn layer(&mut self, xml: &str, layers: u8) -> Result<(), LoadError> {
        if xml.len() > FILE_BYTES_MAX {
            return Err(LoadError::TooLong { bytes: xml.len() });
        }
        check_elements(xml)?;
        let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let document = Document::parse_with_options(xml, options)
            .map_err(|error| LoadError::Xml(error.to_string()))?;
        let root = document.root_element();
        if !matches!(root.tag_name().name(), "fix" | "fixt") {
            return Err(LoadError::Root);
        }
        let mut names = Names { fields: HashMap::new(), components: HashMap::new() };
        for node in elements(section(root, "fields")?) {
            self.field(node, layers, &mut names)?;
        }
        for node in elements(section(root, "components")?) {
            let name = attribute(node, "name")?;
            if names.components.insert(name, node).is_some() {
                return Err(LoadError::Twice { line: line(node), name: name.to_owned() });
            }
        }
        if layers & layer::TRANSPORT != 0 {
            let family = root.attribute("type").unwrap_or("FIX");
            let (major, minor) = (attribute(root, "major")?, attribute(root, "minor")?);
            self.begin_string = Some(format!("{family}.{major}.{minor}"));
            self.header = Some(self.block(section(root, "header")?, &names)?);
            self.trailer = Some(self.block(section(root, "trailer")?, &names)?);
        }
        for node in elements(section(root, "messages")?) {
            self.message(node, layers, &names)?;
        }
        Ok(())
    }

    fn field<'i>(
        &mut self,
        node: Node<'i, 'i>,
        layers: u8,
        names: &mut Names<'i>,
    ) -> Result<(), LoadError> {
        if !node.has_tag_name("field") {
            return Err(LoadError::Element { line: line(node) });
        }
        let name = attribute(node, "name")?;
        let number = attribute(node, "number")?.parse::<u32>().ok().filter(|tag| *tag > 0);
        let tag =
            number.ok_or_else(|| LoadError::Attribute { line: line(node), name: "number" })?;
        let type_name = attribute(node, "type")?;
        let kind = FieldType::named(type_name).ok_or_else(|| LoadError::UnknownType {
            line: line(node),
            name: type_name.to_owned(),
        })?;
        let mut values = None;
        for value in elements(node) {
            if !value.has_tag_name("value") {
                return Err(LoadError::Element { line: line(value) });
            }
            let text = attribute(value, "enum")?;
            values.get_or_insert_with(Values::default).add(text.as_bytes());
        }
        // The types of messages are defined by the messages themselves.
        let values = values.filter(|_| tag != tags::MSG_TYPE);
        let id = if let Some(id) = self.by_tag.get(&tag).copied() {
            let known = &mut self.fields[usize::from(id)];
            if known.layers & layers != 0 {
                return Err(LoadError::Twice { line: line(node), name: name.to_owned() });
            }
            *known = FieldDef { tag, kind, layers: known.layers | layers, values };
            id
        } else {
            if self.fields.len() == DICTIONARY_FIELDS_MAX {
                return Err(LoadError::TooMany { line: line(node) });
            }
            let id = self.fields.len() as FieldId;
            self.fields.push(FieldDef { tag, kind, layers, values });
            self.by_tag.insert(tag, id);
            id
        };
        match names.fields.insert(name, id) {
            None => Ok(()),
            Some(_) => Err(LoadError::Twice { line: line(node), name: name.to_owned() }),
        }
    }

    fn message<'i>(
        &mut self,
        node: Node<'i, 'i>,
        layers: u8,
        names: &Names<'i>,
    ) -> Result<(), LoadError> {
        if !node.has_tag_name("message") {
            return Err(LoadError::Element { line: line(node) });
        }
        if self.messages.len() == MESSAGES_MAX {
            return Err(LoadError::TooMany { line: line(node) });
        }
        let msg_type = attribute(node, "msgtype")?;
        if msg_type.len() > MSG_TYPE_BYTES_MAX || !msg_type.is_ascii() {
            return Err(LoadError::Attribute { line: line(node), name: "msgtype" });
        }
        let described = elements(node).next().is_some();
        let body = if described { Some(self.block(node, names)?) } else { None };
        let msg_type: Box<[u8]> = msg_type.as_bytes().into();
        match self.messages.binary_search_by(|one| one.msg_type.cmp(&msg_type)) {
            Ok(_) => {
                let name = String::from_utf8_lossy(&msg_type).into_owned();
                Err(LoadError::Twice { line: line(node), name })
            }
            Err(place) => {
                self.messages.insert(place, MessageDef { msg_type, layers, body });
                Ok(())
            }
        }
    }

    /// Counts a member against [`MEMBERS_MAX`].
    fn count(&mut self, node: Node<'_, '_>) -> Result<(), LoadError> {
        self.members += 1;
        if self.members > MEMBERS_MAX {
            Err(LoadError::TooMany { line: line(node) })
        } else {
            Ok(())
        }
    }

    fn block<'i>(&mut self, node: Node<'i, 'i>, names: &Names<'i>) -> Result<Block, LoadError> {
        let mut block = Block::new();
        let mut found = Vec::new();
        self.collect(node, names, true, 0, &mut found)?;
        for Found { field, node, required, group } in found {
            let tag = self.fields[usize::from(field)].tag;
            if !block.allowed.insert(field) {
                return Err(LoadError::Twice { line: line(node), name: tag.to_string() });
            }
            // Framing has checked 8, 9 and 10 already.
            let framed = matches!(tag, tags::BEGIN_STRING | tags::BODY_LENGTH | tags::CHECK_SUM);
            if required && !framed {
                block.required.push(field);
            }
            block.groups.extend(group);
        }
        block.groups.sort_by_key(|group| group.count);
        Ok(block)
    }

    /// The members of a message, component or group in order, with components inserted.
    fn collect<'i>(
        &mut self,
        node: Node<'i, 'i>,
        names: &Names<'i>,
        all_required: bool,
        depth: usize,
        found: &mut Vec<Found<'i>>,
    ) -> Result<(), LoadError> {
        for child in elements(node) {
            self.count(child)?;
            if depth >= DEPTH_MAX {
                return Err(LoadError::TooDeep { line: line(child) });
            }
            let name = attribute(child, "name")?;
            let required = is_required(child)? && all_required;
            let kind = child.tag_name().name();
            if kind == "component" {
                let inner = names.components.get(name).copied().ok_or_else(|| {
                    LoadError::UnknownComponent { line: line(child), name: name.to_owned() }
                })?;
                self.collect(inner, names, required, depth + 1, found)?;
                continue;
            }
            let field = names.fields.get(name).copied().ok_or_else(|| LoadError::UnknownField {
                line: line(child),
                name: name.to_owned(),
            })?;
            let group = match kind {
                "field" => None,
                "group" => Some(self.group(child, field, names, depth + 1)?),
                _ => return Err(LoadError::Element { line: line(child) }),
            };
            found.push(Found { field, node: child, required, group });
        }
        Ok(())
    }

    fn group<'i>(
        &mut self,
        node: Node<'i, 'i>,
        count: FieldId,
        names: &Names<'i>,
        depth: usize,
    ) -> Result<Group, LoadError> {
        if !self.fields[usize::from(count)].kind.counts() {
            return Err(LoadError::GroupCount { line: line(node) });
        }
        let mut found = Vec::new();
        self.collect(node, names, true, depth, &mut found)?;
        let first = found.first().map(|found| found.field);
        let first = first.ok_or_else(|| LoadError::EmptyGroup { line: line(node) })?;
        if found.len() > GROUP_MEMBERS_MAX {
            return Err(LoadError::TooMany { line: line(node) });
        }
        let (mut members, mut groups) = (Vec::with_capacity(found.len()), Vec::new());
        for (place, Found { field, node, required, group }) in found.into_iter().enumerate() {
            if members.iter().any(|member: &Member| member.field == field) {
                let name = self.fields[usize::from(field)].tag.to_string();
                return Err(LoadError::Twice { line: line(node), name });
            }
            members.push(Member { field, place: place as u16, required });
            groups.extend(group);
        }
        members.sort_by_key(|member| member.field);
        groups.sort_by_key(|group: &Group| group.count);
        Ok(Group { count, members, first, groups })
    }

    fn finish(self) -> Result<Dictionary, LoadError> {
        let mut dense = vec![0; DENSE_TAGS];
        let mut sparse = Vec::new();
        for (id, field) in self.fields.iter().enumerate() {
            match dense.get_mut(field.tag as usize) {
                Some(place) => *place = id as FieldId + 1,
                None => sparse.push((field.tag, id as FieldId)),
            }
        }
        sparse.sort_unstable();
        let mut letters = [0; 128];
        for (place, message) in self.messages.iter().enumerate() {
            if let [letter] = *message.msg_type
                && let Some(slot) = letters.get_mut(usize::from(letter))
            {
                *slot = place as u16 + 1;
            }
        }
        Ok(Dictionary {
            begin_string: self.begin_string.ok_or(LoadError::Root)?,
            fields: self.fields,
            dense,
            sparse,
            header: self.header.ok_or(LoadError::Section("header"))?,
            trailer: self.trailer.ok_or(LoadError::Section("trailer"))?,
            messages: self.messages,
            letters,
        })
    }
}
