//! Our dictionaries beside those that `QuickFIX` publishes (`../shared/fix-acceptance/spec`).
//!
//! `docs/fix/dictionaries.md` lists every difference with its reason. A difference that the page
//! does not list fails, and so does a line of the page without a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

const PAGE: &str = include_str!("../../../../docs/fix/dictionaries.md");

const FILES: [&str; 4] = ["FIX42", "FIX44", "FIX50SP2", "FIXT11"];

/// A member of a message by its tag behind those of its groups.
type Place = Vec<u32>;

/// A field: name, type and enumeration.
struct Field {
    name: String,
    kind: String,
    values: BTreeSet<String>,
}

#[derive(Default)]
struct Members {
    /// Whether the member is required.
    required: BTreeMap<Place, bool>,
    /// In the order of the definition.
    order: Vec<Place>,
}

struct File {
    fields: BTreeMap<u32, Field>,
    messages: BTreeMap<String, Members>,
}

struct Names<'x> {
    tags: BTreeMap<&'x str, u32>,
    components: BTreeMap<&'x str, Node<'x, 'x>>,
}

fn elements<'x>(node: Node<'x, 'x>) -> impl Iterator<Item = Node<'x, 'x>> {
    node.children().filter(Node::is_element)
}

fn name<'x>(node: Node<'x, 'x>) -> &'x str {
    node.attribute("name").expect("a name")
}

impl Members {
    fn collect<'x>(&mut self, node: Node<'x, 'x>, names: &Names<'x>, at: &[u32], required: bool) {
        for child in elements(node) {
            let required = required && child.attribute("required") == Some("Y");
            if child.has_tag_name("component") {
                self.collect(names.components[name(child)], names, at, required);
                continue;
            }
            let mut path = at.to_vec();
            path.push(names.tags[name(child)]);
            self.required.insert(path.clone(), required);
            self.order.push(path.clone());
            if child.has_tag_name("group") {
                self.collect(child, names, &path, true);
            }
        }
    }

    /// The members of a group that the other definition has too.
    fn shared<'m>(&'m self, group: &'m [u32], other: &'m Self) -> impl Iterator<Item = u32> + 'm {
        let own = self
            .order
            .iter()
            .filter(move |path| path.split_last().is_some_and(|(_, at)| at == group));
        own.filter(|path| other.required.contains_key(*path))
            .filter_map(|path| path.last().copied())
    }
}

fn read(path: &Path) -> File {
    let text = std::fs::read_to_string(path).expect("readable");
    let document = Document::parse(&text).expect("XML");
    let root = document.root_element();
    let section = |tag: &str| elements(root).find(|node| node.has_tag_name(tag));
    let (mut fields, mut tags) = (BTreeMap::new(), BTreeMap::new());
    for node in section("fields").into_iter().flat_map(elements) {
        let tag = node.attribute("number").and_then(|text| text.parse().ok()).expect("a tag");
        let values = elements(node).filter_map(|value| value.attribute("enum"));
        let values = values.map(str::to_owned).collect();
        let kind = node.attribute("type").expect("a type").to_owned();
        fields.insert(tag, Field { name: name(node).to_owned(), kind, values });
        tags.insert(name(node), tag);
    }
    let components = section("components").into_iter().flat_map(elements);
    let names = Names { tags, components: components.map(|node| (name(node), node)).collect() };
    let parts = ["header", "trailer"].into_iter().filter_map(section);
    let messages = section("messages").into_iter().flat_map(elements).chain(parts).map(|node| {
        let mut members = Members::default();
        members.collect(node, &names, &[], true);
        (node.attribute("msgtype").unwrap_or(node.tag_name().name()).to_owned(), members)
    });
    let messages = messages.collect();
    File { fields, messages }
}

/// Differences of one file: what differs, and where.
#[derive(Default)]
struct Differences(BTreeSet<(&'static str, String)>);

impl Differences {
    fn add(&mut self, what: &'static str, place: &impl ToString) {
        self.0.insert((what, place.to_string()));
    }

    fn between(ours: &File, theirs: &File) -> Self {
        let mut found = Self::default();
        found.fields(ours, theirs);
        for (kind, members) in &ours.messages {
            match theirs.messages.get(kind) {
                None => found.add("message added", kind),
                Some(known) if members.order.is_empty() != known.order.is_empty() => {
                    found.add("content missing", kind);
                }
                Some(known) => found.members(kind, members, known),
            }
        }
        for kind in theirs.messages.keys().filter(|kind| !ours.messages.contains_key(*kind)) {
            found.add("message missing", kind);
        }
        found
    }

    fn fields(&mut self, ours: &File, theirs: &File) {
        for tag in theirs.fields.keys().filter(|tag| !ours.fields.contains_key(tag)) {
            self.add("field missing", tag);
        }
        for (tag, field) in &ours.fields {
            let Some(known) = theirs.fields.get(tag) else {
                self.add("field added", tag);
                continue;
            };
            if field.name != known.name {
                self.add("name", tag);
            }
            if field.kind != known.kind {
                self.add("type", tag);
            }
            // The messages define the types of messages, and the type defines Y and N.
            if *tag == 35 || field.kind == "BOOLEAN" {
                continue;
            }
            match (field.values.is_empty(), known.values.is_empty()) {
                (true, false) => self.add("enumeration missing", tag),
                (false, true) => self.add("enumeration added", tag),
                (true, true) => {}
                (false, false) => {
                    for value in field.values.difference(&known.values) {
                        self.add("value added", &format!("{tag}={value}"));
                    }
                    for value in known.values.difference(&field.values) {
                        self.add("value missing", &format!("{tag}={value}"));
                    }
                }
            }
        }
    }

    fn members(&mut self, kind: &str, ours: &Members, theirs: &Members) {
        let place = |path: &[u32]| {
            let tags: Vec<String> = path.iter().map(ToString::to_string).collect();
            format!("{kind}/{}", tags.join("/"))
        };
        // A group that only one of both has stands for its members.
        let alone = |path: &[u32], other: &Members| {
            let parent = path.split_last().map_or(&[][..], |(_, at)| at);
            !other.required.contains_key(path)
                && (parent.is_empty() || other.required.contains_key(parent))
        };
        for path in ours.order.iter().filter(|path| alone(path, theirs)) {
            self.add("member added", &place(path));
        }
        for path in theirs.order.iter().filter(|path| alone(path, ours)) {
            self.add("member missing", &place(path));
        }
        for (path, required) in &ours.required {
            match theirs.required.get(path) {
                Some(known) if *known && !required => self.add("optional", &place(path)),
                Some(known) if !*known && *required => self.add("required", &place(path)),
                _ => {}
            }
            if path.len() > 1
                && ours.required.contains_key(path)
                && !ours.shared(path, theirs).eq(theirs.shared(path, ours))
            {
                self.add("order", &place(path));
            }
        }
    }
}

/// One line of the page's table.
struct Row<'p> {
    file: &'p str,
    what: &'p str,
    places: Vec<&'p str>,
}

fn rows() -> Vec<Row<'static>> {
    let lines = PAGE.lines().filter(|line| line.starts_with("| FIX"));
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [file, what, places, reason] = cells[..] else { panic!("four columns: {line}") };
        assert!(reason.len() > 10, "a reason: {line}");
        Row { file, what, places: places.split(", ").collect() }
    });
    rows.collect()
}

/// Whether a place of the page means that of a difference: itself; `*`, all of this kind; `*/58`,
/// in every message; `above 1504`, a tag above it.
fn means(said: &str, place: &str) -> bool {
    let last = place.rsplit('/').next().unwrap_or(place);
    match (said.strip_prefix("above "), said.strip_prefix("*/")) {
        (Some(limit), _) => {
            let limit: u32 = limit.parse().expect("a tag");
            last.parse().is_ok_and(|tag: u32| tag > limit)
        }
        (None, Some(tag)) => place.split_once('/').is_some_and(|(_, rest)| rest == tag),
        (None, None) => said == "*" || said == place,
    }
}

fn published(file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fix");
    folder.join(format!("{file}.xml"))
}

#[test]
fn every_difference_to_the_public_dictionaries_is_on_the_page_with_its_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fix-acceptance/spec");
    if !folder.exists() {
        println!("notice: no {}: the dictionaries are not compared", folder.display());
        return;
    }
    let rows = rows();
    let mut wrong = Vec::new();
    for file in FILES {
        let theirs = read(&folder.join(format!("{file}.xml")));
        let found = Differences::between(&read(&published(file)), &theirs).0;
        let listed = || rows.iter().filter(|row| row.file == file);
        for (what, place) in &found {
            let is_listed = listed()
                .any(|row| row.what == *what && row.places.iter().any(|said| means(said, place)));
            if !is_listed {
                wrong.push(format!("{file}: {what} {place} is not on the page"));
            }
        }
        for row in listed() {
            for said in &row.places {
                if !found.iter().any(|(what, place)| row.what == *what && means(said, place)) {
                    wrong.push(format!("{file}: {} {said} is no difference", row.what));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_names_only_our_files_and_kinds_of_differences() {
    let kinds = [
        "field added",
        "field missing",
        "name",
        "type",
        "enumeration missing",
        "enumeration added",
        "value added",
        "value missing",
        "message added",
        "message missing",
        "content missing",
        "member added",
        "member missing",
        "required",
        "optional",
        "order",
    ];
    for Row { file, what, places } in rows() {
        assert!(FILES.contains(&file), "{file}");
        assert!(kinds.contains(&what), "{what}");
        assert!(!places.is_empty());
    }
}
