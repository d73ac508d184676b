//! The rules of this project that neither the compiler nor clippy holds, over every source file.
//!
//! A line belongs here if it checks text of the tree. Each rule has a test beside it that shows it
//! a defect, so that no rule can pass by finding nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 800;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Columns of a line; a literal that is longer by itself is not broken up.
const COLUMNS_MAX: usize = 100;
/// Pages that are read as a whole, and the columns of their lines.
const PAGES: &[&str] = &["README.md", "docs/architecture.md", "docs/changing.md"];
const PAGE_COLUMNS_MAX: usize = 120;
/// How far above an `unsafe` its `SAFETY:` comment may begin.
const SAFETY_LINES_MAX: usize = 8;

/// Words that must not be in code, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("todo!", "write it"),
    ("unimplemented!", "write it"),
    ("dbg!", "take it out"),
    ("#[ignore", "a test that does not run holds nothing: mend it or delete it"),
    ("thread::sleep", "wait for the event itself"),
];

/// Words that must not be in comments either. Spelled in halves, for this file is read as well.
const BANNED_MARKS: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X:")];

/// (file, word, reason) that may be nevertheless.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("tools/src/harness/node.rs", "thread::sleep", "another process tells no event"),
    ("tools/src/client/mod.rs", "thread::sleep", "a refused connect is tried again"),
    ("tests/process/crash/desk.rs", "thread::sleep", "another process tells no event"),
    ("tests/process/crash/run.rs", "thread::sleep", "another process tells no event"),
    ("tests/process/crash/damage.rs", "thread::sleep", "another process tells no event"),
    ("tests/process/amend.rs", "thread::sleep", "a simulated venue tells no event of a fault"),
    ("tests/process/quickfix.rs", "thread::sleep", "chooses the moment of a kill"),
    ("tests/process/layouts.rs", "thread::sleep", "lets the node's threads go to sleep"),
    ("tests/process/bad_input.rs", "thread::sleep", "plays a peer that writes slowly"),
];

/// The folders of `gateways/venues/src` that are a venue, by name: each has its row of the table.
static VENUES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folders = fs::read_dir(project().join("gateways/venues/src")).expect("a folder");
    let is_venue = |folder: &Path| {
        fs::read_to_string(folder.join("mod.rs"))
            .is_ok_and(|text| text.contains("pub const VENUE: Venue"))
    };
    let venues = folders.map(|entry| entry.expect("readable").path()).filter(|at| is_venue(at));
    venues.map(|at| at.file_name().expect("a name").to_string_lossy().into_owned()).collect()
});

/// Folders whose code knows no venue by name; their tests and comments may.
const WITHOUT_VENUES: &[&str] = &[
    "core/",
    "journal/",
    "feeds/",
    "gateways/transport/",
    "gateways/fix/",
    "gateways/clients/",
    "admin/",
    "src/",
];

/// What each crate of ours may link of ours. A new arrow is a design change: say why in its commit.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("files", &[]),
    ("journal", &["files"]),
    ("gateways/transport", &[]),
    ("gateways/fix", &["files"]),
    ("gateways/clients", &["core", "fix", "transport"]),
    ("gateways/venues", &["core", "feeds", "fix", "transport"]),
    ("feeds", &["core"]),
    ("admin", &["core", "files"]),
    ("admin/cli", &["admin"]),
    ("program", &[]),
    // The simulated venues judge the adapters, so the two share nothing but the FIX codec.
    ("tools/sim", &["fix"]),
    // The demo in virtual time runs the node itself, through the world; recordings are made and
    // played with the feeds themselves.
    ("tools", &["sim", "core", "feeds", "fix", "program", "transport", "venues", "world"]),
    // Runs the node itself, without threads, so it links most of the node.
    ("tools/world", &["rutter", "clients", "core", "fix", "journal", "sim", "transport", "venues"]),
    ("tests/support", &["core", "fix"]),
    ("tests/fefix", &[]),
    (
        ".",
        &[
            "core",
            "files",
            "journal",
            "transport",
            "fix",
            "clients",
            "venues",
            "feeds",
            "admin",
            "cli",
            "program",
        ],
    ),
];

/// One source file: as it is, and with comments and the insides of literals blanked out.
struct Source {
    /// From the root of the project.
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    /// All of it is test or measurement.
    fn is_test(&self) -> bool {
        let dirs = ["tests/", "benches/", "fuzz/"];
        dirs.iter().any(|dir| self.path.starts_with(dir) || self.path.contains(&format!("/{dir}")))
            || self.path.ends_with("tests.rs")
    }

    fn finding(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// Replaces comments and the insides of string and character literals by blanks, line by line.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let Some(end) = literal_end(bytes, at) else {
            let next = text[at..].chars().next().map_or(1, char::len_utf8);
            code.push_str(&text[at..at + next]);
            at += next;
            continue;
        };
        for c in text[at..end].chars() {
            code.push(if c == '\n' { '\n' } else { ' ' });
        }
        at = end;
    }
    code
}

/// Where the comment or literal that starts at `at` ends, if one does.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let before_is_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        let end = rest.windows(2).position(|two| two == b"*/").map_or(rest.len(), |n| n + 2);
        return Some(at + end);
    }
    if rest[0] == b'"' {
        return Some(at + quoted_end(rest, 1));
    }
    if rest[0] == b'r' && (!before_is_word || bytes[at - 1] == b'b') {
        let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            let close = [&b"\""[..], &b"#".repeat(hashes)].concat();
            let body = 2 + hashes;
            let found = rest[body..].windows(close.len()).position(|w| w == close);
            return Some(at + found.map_or(rest.len(), |n| body + n + close.len()));
        }
    }
    // A lifetime has no second quote so near.
    if rest[0] == b'\'' {
        if rest.get(1) == Some(&b'\\') {
            let end = rest[3..].iter().position(|b| *b == b'\'')?;
            return Some(at + 3 + end + 1);
        }
        let c = std::str::from_utf8(&rest[1..rest.len().min(5)]);
        let len = match c {
            Ok(text) => text.chars().next()?.len_utf8(),
            Err(error) if error.valid_up_to() > 0 => {
                std::str::from_utf8(&rest[1..=error.valid_up_to()]).ok()?.chars().next()?.len_utf8()
            }
            Err(_) => return None,
        };
        if rest.get(1 + len) == Some(&b'\'') {
            return Some(at + 2 + len);
        }
    }
    None
}

/// Length up to and with the quote that closes what was opened before `from`.
fn quoted_end(rest: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `word` as a whole word in `line`.
fn has_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word)
    })
}

fn lines_before_tests(file: &Source) -> usize {
    let lines: Vec<&str> = file.code.lines().collect();
    let tests = lines.windows(2).position(|two| {
        two[0].trim() == "#[cfg(test)]" && two[1].contains("mod ") && two[1].contains('{')
    });
    tests.unwrap_or(lines.len())
}

fn file_length(file: &Source) -> Vec<String> {
    let lines = lines_before_tests(file);
    if file.is_test() || lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![file.finding(lines, &format!("{lines} lines without tests, at most {FILE_LINES_MAX}"))]
}

fn function_length(file: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let code = &file.code;
    for (at, _) in code.match_indices("fn ") {
        let named = code[at + 3..].starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !named || code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(length) = body_end(&code[at..]) else { continue };
        let lines = code[at..at + length].lines().count();
        if lines > FUNCTION_LINES_MAX {
            let line = code[..at].lines().count();
            let what = format!("a function of {lines} lines, at most {FUNCTION_LINES_MAX}");
            findings.push(file.finding(line.max(1), &what));
        }
    }
    findings
}

/// Length of a function up to its closing brace; `None` for a declaration without a body.
fn body_end(code: &str) -> Option<usize> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn line_width(file: &Source) -> Vec<String> {
    let wide = |(raw, code): &(&str, &str)| {
        let comment = raw.trim_start().starts_with("//");
        let literal = !comment && (raw.contains('"') || code.trim().is_empty());
        let without_literals: usize = code.split_whitespace().map(|word| word.len() + 1).sum();
        raw.chars().count() > COLUMNS_MAX && (!literal || without_literals > COLUMNS_MAX)
    };
    let pairs = file.text.lines().zip(file.code.lines()).enumerate();
    let lines = pairs.filter(|(_, pair)| wide(pair)).map(|(n, _)| n + 1);
    lines.map(|n| file.finding(n, &format!("wider than {COLUMNS_MAX} columns"))).collect()
}

fn banned_words(file: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (n, (raw, code)) in file.text.lines().zip(file.code.lines()).enumerate() {
        for (word, instead) in BANNED {
            let allowed = ALLOWED.iter().any(|(path, w, _)| *path == file.path && w == word);
            if code.contains(word) && !allowed {
                findings.push(file.finding(n + 1, &format!("{word}: {instead}")));
            }
        }
        for mark in BANNED_MARKS {
            if raw.contains(mark) {
                findings.push(file.finding(n + 1, &format!("{mark}: do it, or write an issue")));
            }
        }
    }
    findings
}

fn floats_in_core(file: &Source) -> Vec<String> {
    if !file.path.starts_with("core/") {
        return Vec::new();
    }
    let lines = file.code.lines().enumerate();
    let bad = lines.filter(|(_, line)| has_word(line, "f32") || has_word(line, "f64"));
    bad.map(|(n, _)| file.finding(n + 1, "a float in the core")).collect()
}

/// Only `gateways/venues` and the tools know a venue, so that a new one changes nothing else.
fn venue_names(file: &Source) -> Vec<String> {
    let may = file.is_test() || file.path.contains("/examples/");
    if may || !WITHOUT_VENUES.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let lines = file.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    let named = code.filter_map(|(n, line)| {
        let line = line.to_lowercase();
        VENUES.iter().find(|venue| line.contains(venue.as_str())).map(|venue| (n + 1, venue))
    });
    named.map(|(n, venue)| file.finding(n, &format!("the venue's name {venue}"))).collect()
}

/// The crates are built without documentation tests (`doctest = false`), so a code block in a
/// documentation comment is `text`.
fn doc_examples(file: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let mut inside = false;
    for (n, line) in file.text.lines().map(str::trim_start).enumerate() {
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(kind) = doc.and_then(|text| text.trim_start().strip_prefix("```")) else {
            continue;
        };
        if !inside && kind != "text" {
            findings.push(file.finding(n + 1, "an example that is not run: write a test"));
        }
        inside = !inside;
    }
    findings
}

fn page_width(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let wide = lines.filter(|(_, line)| line.chars().count() > PAGE_COLUMNS_MAX);
    wide.map(|(n, _)| format!("{path}:{}: wider than {PAGE_COLUMNS_MAX} columns", n + 1)).collect()
}

fn module_names(file: &Source) -> Vec<String> {
    let vague = ["utils", "util", "helpers", "misc", "common"];
    let path = Path::new(&file.path);
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("");
    let folder = path.parent().and_then(|p| p.file_name()).and_then(|s| s.to_str()).unwrap_or("");
    let in_tests = file.is_test();
    if vague[..4].contains(&stem) || (!in_tests && (stem == "common" || vague.contains(&folder))) {
        return vec![file.finding(1, "a module's name says what is in it")];
    }
    Vec::new()
}

fn reasons(file: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
        for (at, _) in file.code.match_indices(opening) {
            let end = file.code[at..].find(")]").map_or(file.code.len(), |n| at + n);
            if !file.code[at..end].contains("reason") {
                let line = file.code[..=at].lines().count();
                findings.push(file.finding(line, "an exception from a lint without a reason"));
            }
        }
    }
    findings
}

fn opening_words(file: &Source) -> Vec<String> {
    if file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![file.finding(1, "a module opens by telling where a line belongs (`//!`)")]
}

fn safety(file: &Source) -> Vec<String> {
    let raw: Vec<&str> = file.text.lines().collect();
    let mut findings = Vec::new();
    for (n, code) in file.code.lines().enumerate() {
        let next = file.code.lines().nth(n + 1).unwrap_or("").trim_start();
        let opens = ["unsafe {", "unsafe impl"].iter().any(|o| has_word_start(code, o))
            || (code.trim_end().ends_with("unsafe") && next.starts_with('{'));
        let above = &raw[n.saturating_sub(SAFETY_LINES_MAX)..=n];
        if opens && !above.iter().any(|line| line.contains("SAFETY:")) {
            findings.push(file.finding(n + 1, "unsafe without a SAFETY: comment"));
        }
    }
    findings
}

fn has_word_start(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Paths that exist on one machine only. Spelled in halves, for this file is read as well.
fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let roots = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut findings = Vec::new();
    for (n, line) in text.lines().enumerate() {
        for root in roots {
            let starts = line.match_indices(root).any(|(at, _)| {
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || "./_-}".contains(c))
            });
            if starts {
                findings.push(format!("{path}:{}: a path of one machine: {root}", n + 1));
            }
        }
    }
    findings
}

/// Names in the sections of a manifest whose title is `title`, in order.
fn section<'a>(manifest: &'a str, title: &str) -> Vec<&'a str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(name) = line.trim().strip_prefix('[') {
            inside = name.trim_end_matches(']') == title;
            if let Some(dotted) = name.strip_prefix(&format!("{title}.")) {
                names.push(dotted.trim_end_matches(']'));
            }
        } else if inside && !line.trim_start().starts_with('#') {
            let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
            names.extend(Some(line[..end].trim()).filter(|name| !name.is_empty()));
        }
    }
    names
}

fn arrows(folder: &str, manifest: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
        return vec![format!("{folder}/Cargo.toml: not in the table of arrows")];
    };
    for name in section(manifest, "dependencies") {
        let ours = name.strip_prefix("rutter-").or((name == "rutter").then_some(name));
        if ours.is_some_and(|ours| !allowed.contains(&ours)) {
            findings.push(format!("{folder}/Cargo.toml: may not depend on {name}"));
        }
        if name == "fefix" {
            findings.push(format!("{folder}/Cargo.toml: fefix is never linked into a binary"));
        }
    }
    if folder != "tests/fefix" && section(manifest, "dev-dependencies").contains(&"fefix") {
        findings.push(format!("{folder}/Cargo.toml: only tests/fefix depends on fefix"));
    }
    findings
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` but what is built or hidden, sorted.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder of the project")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("").to_owned();
        let built = ["target", "corpus", "corpus-local"].contains(&name.as_str());
        let hidden = name.starts_with('.') && name != ".ci";
        if built || hidden {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(project()).unwrap_or(path).to_string_lossy().into_owned()
}

fn all_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&project(), &mut found);
    found
}

fn sources() -> Vec<Source> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|e| e == "rs");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("UTF-8 source");
        Source::new(&relative(&path), &text)
    };
    all_files().into_iter().filter(rust).map(read).collect()
}

/// Fails with all findings at once.
fn hold(findings: &[String]) {
    let mut message = String::new();
    for finding in findings {
        let _ = writeln!(message, "  {finding}");
    }
    assert!(findings.is_empty(), "{} findings:\n{message}", findings.len());
}

const RULES: &[fn(&Source) -> Vec<String>] = &[
    file_length,
    function_length,
    line_width,
    banned_words,
    floats_in_core,
    venue_names,
    doc_examples,
    module_names,
    reasons,
    opening_words,
    safety,
];

#[test]
fn every_source_file_keeps_the_rules() {
    let sources = sources();
    assert!(sources.len() > 50, "only {} source files were found", sources.len());
    let findings: Vec<String> =
        sources.iter().flat_map(|file| RULES.iter().flat_map(|rule| rule(file))).collect();
    hold(&findings);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let mut findings = Vec::new();
    for path in all_files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        findings.extend(machine_paths(&relative(&path), &text));
    }
    hold(&findings);
}

#[test]
fn pages_that_are_read_as_a_whole_have_narrow_lines() {
    let mut findings = Vec::new();
    for path in all_files() {
        let page = relative(&path);
        if PAGES.contains(&page.as_str()) {
            let text = fs::read_to_string(&path).expect("UTF-8 text");
            findings.extend(page_width(&page, &text));
        }
    }
    hold(&findings);
}

#[test]
fn the_venues_are_found_by_their_folders() {
    assert!(VENUES.len() >= 2, "{:?}", *VENUES);
    assert!(VENUES.iter().any(|venue| venue == "kraken"), "{:?}", *VENUES);
}

/// Links of a page to files that are not there; `#anchors` and addresses are not followed.
fn dead_links(page: &Path, text: &str) -> Vec<String> {
    let folder = page.parent().expect("a page is in a folder");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let local = targets.filter(|link| !link.is_empty() && !link.contains(':'));
    let dead = local.filter(|link| !folder.join(link).exists());
    dead.map(|link| format!("{}: nothing is at {link}", relative(page))).collect()
}

#[test]
fn pages_exist_and_link_to_what_exists() {
    for page in PAGES {
        assert!(project().join(page).is_file(), "{page}");
    }
    let mut findings = Vec::new();
    for path in all_files().iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        findings.extend(dead_links(path, &fs::read_to_string(path).expect("UTF-8 text")));
    }
    hold(&findings);
    let page = project().join("README.md");
    assert_eq!(dead_links(&page, "[a](docs/nothing.md#x) [b](#c) [d](https://e.org)").len(), 1);
}

#[test]
fn dependencies_point_inwards() {
    let manifests: Vec<PathBuf> =
        all_files().into_iter().filter(|path| path.ends_with("Cargo.toml")).collect();
    let mut findings = Vec::new();
    let mut seen = 0;
    for path in manifests {
        let folder = path.parent().map(relative).filter(|f| !f.is_empty());
        let folder = folder.unwrap_or_else(|| ".".to_owned());
        if folder == "fuzz" {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(&path).expect("UTF-8 manifest");
        findings.extend(arrows(&folder, &text));
    }
    assert_eq!(seen, ARROWS.len(), "every crate has its manifest and its arrows");
    hold(&findings);
}

#[test]
fn exceptions_are_still_needed() {
    let sources = sources();
    for (path, word, reason) in ALLOWED {
        assert!(!reason.is_empty());
        let used = sources.iter().any(|file| file.path == *path && file.code.contains(word));
        assert!(used, "{path} has no {word} any more: take it from the list");
    }
}

#[test]
fn each_rule_finds_its_defect_and_nothing_else() {
    let long_function = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(70));
    let wide_code = format!("//! x\nfn f() {{ {} }}\n", "g(); ".repeat(20));
    let wide_comment = format!("//! x\n// {}\n", "word ".repeat(30));
    let sleep = concat!("//! x\nfn f() { std::thread::", "sleep(d); }\n");
    let mark = concat!("//! x\n// FIX", "ME later\n");
    let bad = [
        ("core/src/a.rs", "//! x\n".repeat(801)),
        ("core/src/a.rs", long_function),
        ("core/src/a.rs", wide_code),
        ("core/src/a.rs", wide_comment),
        ("core/src/a.rs", sleep.to_owned()),
        ("core/src/a.rs", mark.to_owned()),
        ("core/src/a.rs", "//! x\nfn f(x: f64) {}\n".to_owned()),
        ("src/a.rs", "//! x\nconst A: &str = \"Kraken\";\n".to_owned()),
        ("feeds/src/a.rs", "//! x\nuse kraken::A;\n".to_owned()),
        ("src/a.rs", "//! x\n/// ```\nfn f() {}\n".to_owned()),
        ("core/src/utils.rs", "//! x\n".to_owned()),
        ("core/src/a.rs", "//! x\n#[allow(dead_code)]\nfn f() {}\n".to_owned()),
        ("core/src/a.rs", "fn f() {}\n".to_owned()),
        ("core/src/a.rs", "//! x\nfn f() { unsafe { g() } }\n".to_owned()),
    ];
    for (path, text) in &bad {
        let file = Source::new(path, text);
        let found: Vec<String> = RULES.iter().flat_map(|rule| rule(&file)).collect();
        assert_eq!(found.len(), 1, "{found:?} in {text}");
    }
}

#[test]
fn literals_comments_and_tests_are_no_defects() {
    let long_literal = format!("//! x\nconst A: &str = r#\"{}\"#;\n", "x\"y ".repeat(40));
    let inline_tests =
        format!("//! x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    // x\n".repeat(900));
    let good = [
        long_literal,
        inline_tests,
        "//! x\nconst A: &str = \"todo! f64 unsafe {\"; // f64, unsafe {\n".to_owned(),
        "//! x\nconst QUOTE: char = '\"'; const B: char = '\\''; fn f<'a>(a: &'a str) {}\n"
            .to_owned(),
        "//! x\n#[allow(dead_code, reason = \"x\")]\nfn f() {}\n".to_owned(),
        "//! x\nfn f() {\n    // SAFETY: x\n    unsafe { g() }\n}\n".to_owned(),
        "//! x\n//! ```text\n//! a picture\n//! ```\n".to_owned(),
        "//! x\n// As Kraken does.\n#[cfg(test)]\nmod tests {\n    use kraken::A;\n}\n".to_owned(),
    ];
    for text in &good {
        let file = Source::new("core/src/a.rs", text);
        let found: Vec<String> = RULES.iter().flat_map(|rule| rule(&file)).collect();
        assert_eq!(found, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn paths_wide_lines_and_arrows_are_found() {
    assert_eq!(page_width("a.md", &"x".repeat(121)).len(), 1);
    assert_eq!(page_width("a.md", &"x".repeat(120)).len(), 0);
    let path = concat!("cd /wo", "rk/here");
    assert_eq!(machine_paths("a.md", path).len(), 1);
    assert_eq!(
        machine_paths("a.md", "https://example.org/work/here ./work/x"),
        Vec::<String>::new()
    );
    let outward = "[dependencies]\nrutter-venues.workspace = true\nfefix = \"0.7\"\n";
    assert_eq!(arrows("core", outward).len(), 2);
    assert_eq!(arrows("feeds", "[dev-dependencies]\nfefix.workspace = true\n").len(), 1);
    assert_eq!(
        arrows("tests/fefix", "[dependencies]\n[dev-dependencies]\nfefix = \"0.7\"\n").len(),
        0
    );
    assert_eq!(arrows("new", "").len(), 1);
}
