//! Every word that a client or its operator may meet is in the pages of `docs/fix`, with the codes
//! that go with it. What there is, is read from the sources, so that a new word is missed at once.

use rutter_clients::refusal::codes;
use rutter_core::input::Refusal;
use rutter_core::waiting::Waiting;
use rutter_fix::app::UNSUPPORTED_TAGS;
use rutter_fix::dictionary::Version;

const ORDERS: &str = include_str!("../../../../docs/fix/orders.md");
const SESSION: &str = include_str!("../../../../docs/fix/session.md");
const LOGON: &str = include_str!("../../../../docs/fix/logon.md");
const README: &str = include_str!("../../../../docs/fix/README.md");
const CASES: [&str; 4] = [
    include_str!("../../../../tools/src/certify/cases/logon.rs"),
    include_str!("../../../../tools/src/certify/cases/messages.rs"),
    include_str!("../../../../tools/src/certify/cases/orders.rs"),
    include_str!("../../../../tools/src/certify/cases/recovery.rs"),
];
const TAGS: &str = include_str!("../../../fix/src/tags.rs");
const EVENTS: &str = include_str!("../../../fix/src/session/event.rs");
const NOTICES: &str = include_str!("../../src/notice.rs");

/// The part of a source from one text up to the first line that closes it.
fn part<'s>(source: &'s str, from: &str) -> &'s str {
    let (_, rest) = source.split_once(from).expect("it is there");
    rest.split_once("\n}").expect("it ends").0
}

/// The texts of an enum's errors, but for those that are made of another's.
fn errors<'s>(source: &'s str, name: &str) -> Vec<&'s str> {
    let lines = part(source, &format!("pub enum {name} {{")).lines();
    let texts = lines.filter_map(|line| line.trim().strip_prefix("#[error(\"")?.split('"').next());
    texts.filter(|text| !text.contains('{')).collect()
}

#[test]
fn every_refusal_is_in_the_catalogue_with_its_codes() {
    for refusal in Refusal::ALL.into_iter().filter(|one| *one != Refusal::None) {
        let said = codes(refusal);
        let (new, old) = (Version::Fix44, Version::Fix42);
        let row = format!(
            "| `{}` | {} | {} | {} | {} |",
            said.word,
            said.order_code(new),
            said.order_code(old),
            said.cancel_code(new),
            said.cancel_code(old),
        );
        assert!(ORDERS.contains(&row), "{row}");
        assert_eq!(said.order_code(new), said.order_code(Version::Fix50Sp2), "{row}");
    }
}

#[test]
fn every_tag_of_our_own_is_in_a_table() {
    let own = TAGS.lines().filter_map(|line| line.trim().strip_suffix("\";"));
    let own = own.filter_map(|line| line.split_once(" = ")?.1.split_once(", \""));
    let mut count = 0;
    for (number, text) in own {
        let Ok(number) = number.replace('_', "").parse::<u32>() else { continue };
        if number < 20_000 {
            continue;
        }
        count += 1;
        let name = text.split([' ', ',']).next().expect("a name");
        assert!(ORDERS.contains(&format!("| {number} | {name} |")), "{number} {name}");
    }
    assert!(count >= 9, "{count}");
    for alias in [8_013, 8_674, 9_001] {
        assert!(SESSION.contains(&format!("| {alias} |")), "{alias}");
    }
}

#[test]
fn every_reason_to_lose_a_connection_is_in_a_table() {
    let disconnects = errors(EVENTS, "DisconnectReason");
    let closes = errors(NOTICES, "CloseReason");
    assert!(disconnects.len() > 20 && closes.len() > 10, "the sources are read");
    for word in disconnects.into_iter().chain(closes) {
        let row = format!("| `{word}` |");
        assert!(SESSION.contains(&row) || LOGON.contains(&row), "{word}");
    }
    let refused = errors(EVENTS, "Refusal");
    assert!(refused.len() >= 7, "the sources are read");
    for word in refused {
        assert!(LOGON.contains(&format!("| `logon refused: {word}` |")), "{word}");
    }
}

#[test]
fn every_reason_of_a_reject_is_in_a_table() {
    for (name, column) in [("SessionRejectReason", 5), ("BusinessRejectReason", 4)] {
        let rows = part(EVENTS, &format!("    {name} {{"));
        let mut count = 0;
        for line in rows.lines().filter(|line| line.contains(" = ")) {
            let (_, said) = line.split_once(" = ").expect("a code");
            let (code, text) = said.split_once(", \"").expect("a text");
            let text = text.trim_end_matches("\";").replace("\\\"", "\"");
            let row = format!("| {code} | `{text}` |");
            assert!(SESSION.contains(&row), "{row}");
            count += 1;
        }
        assert!(count > column, "{name}");
    }
}

#[test]
fn every_field_that_is_refused_is_listed() {
    let tags: Vec<String> = UNSUPPORTED_TAGS.iter().map(ToString::to_string).collect();
    let page = ORDERS.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&tags.join(", ")), "{}", tags.join(", "));
}

#[test]
fn what_the_gateway_refuses_by_itself_is_named() {
    for word in ["ReadOnlySession", "ThrottleExceeded", "HistoryBusy"] {
        assert!(SESSION.contains(&format!("`{word}`")), "{word}");
    }
    assert!(ORDERS.contains("`PreviewBusy`"), "PreviewBusy");
}

#[test]
fn every_case_of_the_certification_is_in_its_table() {
    let lines = CASES.iter().flat_map(|cases| cases.lines());
    let names = lines.filter_map(|line| line.trim().strip_prefix("name: \"")?.split('"').next());
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 40, "the sources are read");
    for name in names {
        assert!(README.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn every_word_of_an_order_that_waits_is_explained() {
    let routing = include_str!("../../../../docs/routing.md");
    for word in Waiting::ALL.iter().filter_map(|why| why.word()) {
        assert!(ORDERS.contains(&format!("`{word}`")), "{word}: docs/fix/orders.md");
        assert!(routing.contains(&format!("\n| `{word}` |")), "{word}: docs/routing.md");
    }
}

/// The targets of links within the pages: every page and every heading is there.
#[test]
fn every_link_leads_somewhere() {
    let market = include_str!("../../../../docs/fix/market-data.md");
    let pages = [
        ("README.md", README),
        ("orders.md", ORDERS),
        ("session.md", SESSION),
        ("logon.md", LOGON),
        ("market-data.md", market),
        ("dictionaries.md", include_str!("../../../../docs/fix/dictionaries.md")),
    ];
    let mut links = 0;
    for (name, page) in pages {
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { name } else { file };
            let led = pages.iter().find(|(page, _)| *page == file);
            let (_, led) = led.unwrap_or_else(|| panic!("{name}: {target}"));
            assert!(heading.is_empty() || anchors(led).contains(&heading.to_owned()), "{target}");
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}

/// A page's headings as links name them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}
