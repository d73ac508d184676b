//! Dictionaries: what a file must be, and what each check finds in a message.

use std::fmt::Write as _;

use rutter_fix::codec::{Encoder, FieldIndex, Message, decode};
use rutter_fix::dictionary::{Checks, Dictionary, LoadError, ValidationFault, Version};
use rutter_fix::session::SessionRejectReason as Reason;

/// A version of four fields of a header and one message, to be damaged.
const SMALL: &str = r#"<fix major="4" minor="4">
<header><field name="BeginString" required="Y"/><field name="MsgType" required="Y"/></header>
<trailer><field name="CheckSum" required="Y"/></trailer>
<messages>
<message name="Order" msgtype="D"><field name="ClOrdID" required="Y"/><component name="Who"/></message>
</messages>
<components>
<component name="Who"><group name="NoWho"><field name="Who" required="Y"/></group></component>
</components>
<fields>
<field number="8" name="BeginString" type="STRING"/>
<field number="10" name="CheckSum" type="STRING"/>
<field number="11" name="ClOrdID" type="STRING"/>
<field number="35" name="MsgType" type="STRING"/>
<field number="453" name="NoWho" type="NUMINGROUP"/>
<field number="20000" name="Who" type="CHAR"><value enum="a"/></field>
</fields>
</fix>"#;

/// Reads the file with one place changed.
fn damaged(from: &str, to: &str) -> LoadError {
    assert!(SMALL.contains(from), "{from}");
    Dictionary::read(&SMALL.replacen(from, to, 1)).expect_err(to)
}

#[test]
fn a_small_file_is_a_dictionary() {
    let dictionary = Dictionary::read(SMALL).expect("a dictionary");
    assert_eq!(dictionary.begin_string(), "FIX.4.4");
    assert_eq!(dictionary.len(), 6);
    assert!(dictionary.knows_type(b"D") && !dictionary.knows_type(b"F"));
    assert!(dictionary.knows_tag(20_000) && !dictionary.knows_tag(20_001));
}

#[test]
fn a_file_that_does_not_fit_is_refused_with_its_reason_and_line() {
    let twice = |line, name: &str| LoadError::Twice { line, name: name.to_owned() };
    for (from, to, error) in [
        ("<fix ", "<fiz ", None),
        ("<fields>", "<felder>", None),
        ("</fix>", "", None),
        ("<fix ", "<!DOCTYPE fix><fix ", None),
        (r#"major="4""#, "", Some(LoadError::Attribute { line: 1, name: "major" })),
        ("header>", "footer>", None),
        (
            r#"number="11""#,
            r#"number="0""#,
            Some(LoadError::Attribute { line: 13, name: "number" }),
        ),
        (r#"number="11""#, r#"number="-11""#, None),
        (r#"number="11""#, r#"number="10""#, Some(twice(13, "ClOrdID"))),
        (
            r#"type="CHAR""#,
            r#"type="COLOUR""#,
            Some(LoadError::UnknownType { line: 16, name: "COLOUR".to_owned() }),
        ),
        (
            r#"<field name="ClOrdID" required="Y"/>"#,
            r#"<field name="Price"/>"#,
            Some(LoadError::UnknownField { line: 5, name: "Price".to_owned() }),
        ),
        (
            r#"<component name="Who"/>"#,
            r#"<component name="You"/>"#,
            Some(LoadError::UnknownComponent { line: 5, name: "You".to_owned() }),
        ),
        (r#"<component name="Who"/>"#, r#"<field name="ClOrdID"/>"#, Some(twice(5, "11"))),
        (
            r#"<component name="Who"/>"#,
            r#"<thing name="ClOrdID"/>"#,
            Some(LoadError::Element { line: 5 }),
        ),
        (
            r#"required="Y"/><component"#,
            r#"required="?"/><component"#,
            Some(LoadError::Attribute { line: 5, name: "required" }),
        ),
        (r#"type="NUMINGROUP""#, r#"type="STRING""#, Some(LoadError::GroupCount { line: 8 })),
        (r#"<field name="Who" required="Y"/>"#, "", Some(LoadError::EmptyGroup { line: 8 })),
        (
            r#"<field name="Who" required="Y"/>"#,
            r#"<component name="Who"/>"#,
            Some(LoadError::TooDeep { line: 8 }),
        ),
        (
            r#"msgtype="D""#,
            r#"msgtype="""#,
            Some(LoadError::Attribute { line: 5, name: "msgtype" }),
        ),
    ] {
        let found = damaged(from, to);
        assert!(error.is_none_or(|error| error == found), "{to}: {found:?}");
    }
}

#[test]
fn components_that_multiply_are_cut_short() {
    let mut components = r#"<component name="C12"/>"#.to_owned();
    for depth in 0..12 {
        let inner = format!(r#"<component name="C{}"/>"#, depth + 1).repeat(10);
        write!(components, r#"<component name="C{depth}">{inner}</component>"#).expect("text");
    }
    let bomb = SMALL
        .replace(r#"<component name="Who"/>"#, r#"<component name="C0"/>"#)
        .replace("<components>", &format!("<components>{components}"));
    assert!(matches!(Dictionary::read(&bomb), Err(LoadError::TooMany { .. })));
}

#[test]
fn an_element_of_many_attributes_is_not_even_parsed() {
    let mut attributes = String::new();
    for number in 0..2_000 {
        write!(attributes, " a{number}='>'").expect("text");
    }
    let error = damaged("<fields>", &format!("<fields{attributes}>"));
    assert_eq!(error, LoadError::LongElement { line: 10 });
    let deep = format!("<fix>{}", "<a>".repeat(100_000));
    assert!(matches!(Dictionary::read(&deep), Err(LoadError::Xml(_))));
    let long = " ".repeat((4 << 20) + 1);
    assert_eq!(Dictionary::read(&long).map(|_| ()), Err(LoadError::TooLong { bytes: long.len() }));
}

#[test]
fn no_cut_or_changed_byte_of_a_file_panics() {
    for end in 0..SMALL.len() {
        let _ = Dictionary::read(&SMALL[..end]);
        let mut bytes = SMALL.as_bytes().to_vec();
        bytes[end] = bytes[end].wrapping_add(1) & 0x7f;
        let _ = Dictionary::read(std::str::from_utf8(&bytes).expect("ascii"));
    }
}

#[test]
fn the_published_files_are_dictionaries() {
    for (version, kinds) in [
        (Version::Fix42, "0 1 2 3 4 5 A B D F G H 8 9 c d V W X Y g h j"),
        (Version::Fix44, "0 1 2 3 4 5 A B D F G H 8 9 q r AF x y V W X Y j"),
        (Version::Fix50Sp2, "0 1 2 3 4 5 A B D F G H 8 9 q r AF x y V W X Y j"),
    ] {
        let dictionary = version.dictionary();
        assert_eq!(dictionary.begin_string(), version.begin_string());
        for kind in kinds.split(' ') {
            assert!(dictionary.knows_type(kind.as_bytes()), "{version:?} {kind}");
        }
        assert!(!dictionary.knows_type(b"*") && !dictionary.knows_type(b""));
        assert!(
            dictionary.knows_tag(1) && !dictionary.knows_tag(0) && !dictionary.knows_tag(5_000)
        );
    }
}

const HEADER: &str = "34=2|49=C|52=20240627-11:17:26.021|56=R|";
const ORDER: &str = "11=a|55=X|54=1|60=20240627-11:17:26|38=1|40=2|44=1.5|59=3|";

fn check(version: Version, checks: &Checks, kind: &str, body: &str) -> Result<(), ValidationFault> {
    let mut bytes = Vec::new();
    let begin = version.begin_string().as_bytes();
    let mut message = Encoder::begin(&mut bytes, begin, kind.as_bytes());
    message.raw(body.replace('|', "\u{1}").as_bytes());
    message.finish().expect("short");
    let mut index = FieldIndex::new();
    decode(&bytes, &mut index).expect("whole");
    version.dictionary().check(&Message::new(&bytes, &index), checks)
}

/// What FIX 4.4 finds in an order with these fields behind it.
fn finds(fields: &str) -> Option<(Reason, u32)> {
    let body = format!("{HEADER}{ORDER}{fields}");
    let fault = check(Version::Fix44, &Checks::default(), "D", &body).err()?;
    Some((fault.reason, fault.tag.unwrap_or(0)))
}

/// The same with some checks left out.
fn finds_without(fields: &str, leave_out: impl FnOnce(&mut Checks)) -> Option<Reason> {
    let mut checks = Checks::default();
    leave_out(&mut checks);
    let body = format!("{HEADER}{ORDER}{fields}");
    check(Version::Fix44, &checks, "D", &body).err().map(|fault| fault.reason)
}

#[test]
fn an_order_of_each_version_is_right() {
    for version in Version::ALL {
        let order = format!("{HEADER}{ORDER}21=1|");
        assert_eq!(check(version, &Checks::default(), "D", &order), Ok(()), "{version:?}");
    }
}

#[test]
fn every_check_finds_its_fault_and_can_be_switched_off() {
    assert_eq!(finds("4999=x|"), Some((Reason::InvalidTagNumber, 4_999)));
    assert_eq!(finds("20999=x|"), Some((Reason::InvalidTagNumber, 20_999)));
    assert_eq!(finds("7=1|"), Some((Reason::TagNotDefinedForMessage, 7)));
    assert_eq!(finds("18=|"), Some((Reason::TagWithoutValue, 18)));
    assert_eq!(finds("110=1e3|"), Some((Reason::IncorrectDataFormat, 110)));
    assert_eq!(finds("21=4|"), Some((Reason::ValueOutOfRange, 21)));
    assert_eq!(finds("18=1 2 ~|"), Some((Reason::ValueOutOfRange, 18)));
    assert_eq!(finds("18=1 2 G|"), None);
    assert_eq!(finds("44=2|"), Some((Reason::TagRepeated, 44)));
    assert_eq!(finds("93=1|89=x|58=y|"), Some((Reason::TagOutOfOrder, 58)));
    assert_eq!(finds("386=2|336=a|"), Some((Reason::GroupCount, 386)));
    assert_eq!(finds("386=1|625=b|336=a|"), Some((Reason::GroupOutOfOrder, 625)));

    assert_eq!(finds_without("4999=x|7=1|", |c| c.unknown_fields = false), None);
    assert_eq!(finds_without("20999=x|", |c| c.user_defined_fields = false), None);
    assert_eq!(finds_without("18=|", |c| c.empty_values = false), None);
    assert_eq!(finds_without("110=1e3|", |c| c.formats = false), None);
    assert_eq!(finds_without("21=4|", |c| c.enumerations = false), None);
    assert_eq!(finds_without("44=2|", |c| c.repeated_tags = false), None);
    assert_eq!(finds_without("93=1|89=x|58=y|", |c| c.order = false), None);
    assert_eq!(finds_without("386=2|336=a|", |c| c.group_counts = false), None);
}

#[test]
fn an_unknown_type_is_refused_unless_types_are_not_checked() {
    let fault = ValidationFault { reason: Reason::InvalidMsgType, tag: None };
    assert_eq!(check(Version::Fix44, &Checks::default(), "zz", HEADER), Err(fault));
    let checks = Checks { message_types: false, ..Checks::default() };
    assert_eq!(check(Version::Fix44, &checks, "zz", HEADER), Ok(()));
}

#[test]
fn a_missing_field_is_named_first_of_all_faults() {
    let missing = |tag| Err(ValidationFault { reason: Reason::RequiredTagMissing, tag: Some(tag) });
    let checks = Checks::default();
    for (tag, field) in [(11, "11=a|"), (54, "54=1|"), (60, "60=20240627-11:17:26|")] {
        let body = format!("{HEADER}{}4999=x|", ORDER.replacen(field, "", 1));
        assert_eq!(check(Version::Fix44, &checks, "D", &body), missing(tag));
    }
    let body = format!("{}{ORDER}", HEADER.replacen("56=R|", "", 1));
    assert_eq!(check(Version::Fix44, &checks, "D", &body), missing(56));
    let lenient = Checks { required_fields: false, ..checks };
    assert_eq!(check(Version::Fix44, &lenient, "D", &body), Ok(()));
    assert_eq!(check(Version::Fix42, &checks, "D", &format!("{HEADER}{ORDER}")), missing(21));
}

#[test]
fn groups_are_counted_in_order_and_within_each_other() {
    for right in [
        "386=0|",
        "386=2|336=a|625=b|336=c|",
        "453=1|448=me|447=D|452=3|802=2|523=x|803=1|523=y|58=behind|",
        "453=2|448=me|802=1|523=x|448=you|",
    ] {
        assert_eq!(finds(right), None, "{right}");
    }
    for (wrong, reason, tag) in [
        ("386=0|336=a|", Reason::GroupCount, 386),
        ("386=1|336=a|336=b|", Reason::GroupCount, 386),
        ("386=x|336=a|", Reason::IncorrectDataFormat, 386),
        ("453=1|448=me|802=1|523=x|523=y|", Reason::GroupCount, 802),
        ("453=1|448=me|447=D|447=D|", Reason::TagRepeated, 447),
        ("453=1|448=me|452=1|447=D|", Reason::GroupOutOfOrder, 447),
        ("453=1|448=|", Reason::TagWithoutValue, 448),
        ("386=1|58=no entry|", Reason::GroupCount, 386),
        ("336=a|", Reason::TagNotDefinedForMessage, 336),
        ("386=99999999999999999999|", Reason::GroupCount, 386),
    ] {
        assert_eq!(finds(wrong), Some((reason, tag)), "{wrong}");
    }
    assert_eq!(finds_without("453=1|448=me|452=1|447=D|", |c| c.group_order = false), None);
    let list = format!("{HEADER}262=r|263=0|264=0|267=1|269=0|146=1|65=no symbol|");
    let fault = check(Version::Fix42, &Checks::default(), "V", &list).expect_err("no 55");
    assert_eq!((fault.reason, fault.tag), (Reason::GroupOutOfOrder, Some(65)));
}

#[test]
fn the_layers_of_fix_5_0_do_not_know_each_others_fields() {
    let find = |kind: &str, body: &str| {
        let body = format!("{HEADER}{body}");
        check(Version::Fix50Sp2, &Checks::default(), kind, &body).err().map(|f| f.reason)
    };
    assert_eq!(find("0", "112=x|"), None);
    assert_eq!(find("0", "999=x|"), Some(Reason::InvalidTagNumber));
    assert_eq!(find("D", &format!("{ORDER}999=x|")), Some(Reason::TagNotDefinedForMessage));
    assert_eq!(find("A", "98=0|108=30|"), Some(Reason::RequiredTagMissing));
    assert_eq!(find("A", "98=0|108=30|1137=9|"), None);
}

#[test]
fn a_message_known_by_name_alone_is_left_to_the_application() {
    let body = format!("{HEADER}66=x|44=1|");
    assert_eq!(check(Version::Fix44, &Checks::default(), "E", &body), Ok(()));
}
