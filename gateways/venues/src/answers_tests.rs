//! What the tables of answers say, held to the documents and to the published page.
//!
//! A line belongs here if it judges the classes of answers of all venues.

use super::*;

/// The shared tables of documented answers, and the page that shows ours.
pub(crate) mod published {
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    use rutter_core::input::VenueReject as R;

    use super::super::{Class, Code, Row, Says, Verdict};

    fn project() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// Whole texts that a cell of the shared table stands for: its alternatives, with its variable
    /// parts filled in. An alternative that begins with dots is the rest of another, and left out.
    pub fn samples(cell: &str) -> Vec<String> {
        let cell = match cell.split_once("contains \"") {
            Some((_, words)) => words.split('"').next().unwrap_or_default(),
            None => cell,
        };
        let mut filled = cell.to_owned();
        for (part, value) in [
            ("[:<code>]", ":77"),
            ("[:<REGION>]", ":TX"),
            ("<ASSET>", "STBL"),
            ("<CC>", "NL"),
            ("<unix seconds>", "1790000000"),
            ("<mode>", "unheard"),
            ("<new>", "Nova"),
            ("<SYM>", "BTC/USD"),
            ("%s", "5"),
            ("%d", "5"),
        ] {
            filled = filled.replace(part, value);
        }
        let whole = filled.split(" / ").filter(|text| !text.starts_with("..."));
        whole.map(str::to_owned).collect()
    }

    /// Holds a venue's table to the shared one: each row has its class, and what our table says of
    /// a new order is safe. `not_asked` begins the codes of the rows that are no answer to any
    /// request of the adapter; each of these must still be needed.
    pub fn check(
        venue: &str,
        not_asked: &[&str],
        class: impl Fn(&str, &str) -> Option<Class>,
        order: impl Fn(&str, &str) -> Verdict,
    ) {
        let path = project().join("../shared/venues/errors").join(format!("{venue}.tsv"));
        let Ok(table) = std::fs::read_to_string(&path) else {
            return eprintln!("skipped: no {}", path.display());
        };
        let (mut checked, mut passed_over) = (0, vec![0; not_asked.len()]);
        for line in table.lines().skip(1) {
            let cells: Vec<&str> = line.split('\t').collect();
            let [code, text, _, word, action, ..] = cells[..] else { panic!("a row: {line}") };
            if let Some(at) = not_asked.iter().position(|begin| code.starts_with(begin)) {
                passed_over[at] += 1;
                continue;
            }
            for text in samples(text) {
                let ours = class(code, &text).unwrap_or_else(|| panic!("not classified: {line}"));
                assert_eq!(ours.word(), word, "{line}");
                if !code.starts_with("HTTP") {
                    is_safe(ours, action, order(code, &text), line);
                }
            }
            checked += 1;
        }
        assert!(checked > 60 && !passed_over.contains(&0), "{checked} {passed_over:?}");
        eprintln!("{venue}: {checked} rows agree, {passed_over:?} of {not_asked:?} are not asked");
    }

    /// What a row allows an adapter to make of a new order.
    fn is_safe(class: Class, action: &str, verdict: Verdict, line: &str) {
        let safe: &[Verdict] = match class {
            Class::Other
            | Class::UnknownOrder
            | Class::DuplicateId
            | Class::VenueClosed
            | Class::OutcomeUnknown => &[Verdict::Unsure],
            Class::Session if action.contains("everything in flight") => &[Verdict::Unsure],
            Class::Session if action.contains("resync clock, then") => &[Verdict::Refused(R::Late)],
            Class::Session => &[Verdict::Session],
            Class::InsufficientFunds => &[Verdict::Refused(R::InsufficientFunds)],
            Class::ListingClosed => &[Verdict::Refused(R::MarketClosed)],
            // A cap on the open orders of one pair is no rate.
            Class::RateLimit => {
                &[Verdict::Refused(R::RateLimit), Verdict::Refused(R::PairFull), Verdict::Unsure]
            }
            Class::RefusedStructural => {
                &[Verdict::Refused(R::Filter), Verdict::Refused(R::PriceBand)]
            }
            Class::RefusedOrder => &[
                Verdict::Refused(R::Other),
                Verdict::Refused(R::WouldMatch),
                Verdict::Refused(R::Filter),
                Verdict::Refused(R::Late),
            ],
        };
        assert!(safe.contains(&verdict), "{verdict:?} for {line}");
    }

    fn says(says: Says) -> String {
        match says {
            Says::Anything => "any".to_owned(),
            Says::Begins(words) => format!("`{words}` …"),
            Says::Has(words) => format!("… `{words}` …"),
            Says::Both(first, then) => format!("`{first}` … `{then}` …"),
        }
    }

    fn codes(code: Code) -> String {
        match code {
            Code::Any => "any".to_owned(),
            Code::Is(code) => code.to_string(),
            Code::Among(codes) => {
                codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Code::Span(first, last) => format!("{last} to {first}"),
        }
    }

    fn table(rows: &[Row]) -> String {
        let has_codes = rows.iter().any(|row| row.code != Code::Any);
        let mut page = String::from("| text | class | a new order |\n|---|---|---|\n");
        if has_codes {
            page = String::from("| code | text | class | a new order |\n|---|---|---|---|\n");
        }
        for row in rows {
            let order = match row.verdict() {
                Verdict::Refused(reason) => format!("`{reason:?}`"),
                Verdict::Unsure => "asked about".to_owned(),
                Verdict::Session => "`Other`; session ends".to_owned(),
            };
            if has_codes {
                let _ = write!(page, "| {} ", codes(row.code));
            }
            let _ = writeln!(page, "| {} | {} | {order} |", says(row.says), row.class.word());
        }
        page
    }

    /// Holds the table in `docs/venues.md` to the venue's rows.
    pub fn page(venue: &str, rows: &[Row]) {
        let path = project().join("docs/venues.md");
        let page = std::fs::read_to_string(path).expect("the page is there");
        let title = format!("\n## Answers of {venue}\n");
        let section = page.split_once(&title).map_or("", |(_, rest)| rest);
        let section = section.split("\n## ").next().unwrap_or_default();
        let shown = section.lines().filter(|line| line.starts_with('|'));
        let wanted = table(rows);
        assert!(shown.eq(wanted.lines()), "docs/venues.md should show of {venue}:\n{wanted}");
    }
}

const TABLE: &[Row] = &[
    row(Code::Is(1), Says::Begins("EOrder:Rate"), Class::RateLimit),
    row(Code::Is(1), Says::Both("EAccount:", "restricted"), Class::ListingClosed),
    row(Code::Span(-9, -5), Says::Anything, Class::Session).why(Why::WrongKey),
    row(Code::Among(&[2, 4]), Says::Has("no funds"), Class::InsufficientFunds),
    row(Code::Any, Says::Has("maintenance"), Class::VenueClosed),
];

#[test]
fn the_first_row_that_fits_code_and_text_counts_and_case_does_not() {
    for (code, text, class_wanted) in [
        (1, "EORDER: rate limit exceeded", Class::RateLimit),
        (1, "x EOrder:Rate", Class::OutcomeUnknown),
        (1, "EAccount:X trading restricted.", Class::ListingClosed),
        (1, "EAccount:X", Class::OutcomeUnknown),
        (-5, "", Class::Session),
        (-10, "", Class::OutcomeUnknown),
        (4, "there are No Funds left", Class::InsufficientFunds),
        (3, "there are no funds left", Class::OutcomeUnknown),
        (77, "under maintenance — soon", Class::VenueClosed),
    ] {
        assert_eq!(class(find(TABLE, code, text)), class_wanted, "{code} {text}");
    }
    assert_eq!(why(find(TABLE, -7, "")), Some(Why::WrongKey));
    assert_eq!(why(find(TABLE, 2, "no funds")), None);
}

#[test]
fn only_a_listed_answer_refuses_and_a_cancel_may_hear_that_its_order_is_unknown() {
    assert_eq!((of_new(None), of_cancel(None)), (Verdict::Unsure, Verdict::Unsure));
    let unknown = row(Code::Any, Says::Anything, Class::UnknownOrder);
    assert_eq!(of_new(Some(&unknown)), Verdict::Unsure);
    assert_eq!(of_cancel(Some(&unknown)), Verdict::Refused(VenueReject::UnknownOrder));
    let limit = row(Code::Any, Says::Anything, Class::RateLimit);
    assert_eq!(of_cancel(Some(&limit)), Verdict::Refused(VenueReject::RateLimit));
    assert_eq!(of_new(Some(&limit.unsure())), Verdict::Unsure);
    let late = row(Code::Any, Says::Anything, Class::RefusedOrder).of(VenueReject::Late);
    assert_eq!(of_new(Some(&late)), Verdict::Refused(VenueReject::Late));
}
