//! The acceptor against two sets of conformance cases: one beside this repository
//! (`../shared/fix-acceptance`), and one under `tests/conformance`. One runner plays both.
//!
//! The cases under `tests/conformance` are written once for all versions; see [`Version::write`].

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running acceptor, which ends with the test.
struct Acceptor {
    process: Child,
    port: String,
}

impl Acceptor {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rutter-tools"))
            .args(["fix-acceptor", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tool starts");
        let mut line = String::new();
        let said = process.stdout.take().expect("piped");
        BufReader::new(said).read_line(&mut line).expect("a line");
        let port = line.trim().rsplit(':').next().expect("an address").to_owned();
        Self { process, port }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        // Both calls fail only if the acceptor has ended by itself; then the runner has failed
        // before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn runner() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fix-acceptance");
    let runner = folder.join("run.py");
    if !runner.exists() {
        println!("notice: no {}: the conformance cases are skipped", runner.display());
        return None;
    }
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        println!("notice: no python3: the conformance cases are skipped");
        return None;
    }
    Some(runner)
}

fn play(runner: &Path, acceptor: &Acceptor, definitions: &Path, layer: &str) {
    let output = Command::new("python3")
        .arg(runner)
        .args(["--port", &acceptor.port, "--compare", "semantic", "--jobs", "5", "-v"])
        .args(["--layer", layer])
        .arg("--defs")
        .arg(definitions)
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{}", said.lines().last().unwrap_or_default());
    let troubles = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{troubles}");
}

#[test]
fn the_session_layer_does_what_the_given_cases_demand() {
    let Some(runner) = runner() else { return };
    let definitions = runner.with_file_name("defs");
    play(&runner, &Acceptor::start(&[]), &definitions, "session");
}

#[test]
fn an_echo_on_the_session_layer_does_what_the_given_cases_demand() {
    let Some(runner) = runner() else { return };
    let definitions = runner.with_file_name("defs");
    play(&runner, &Acceptor::start(&["--echo"]), &definitions, "app");
}

/// A version in which the cases under `tests/conformance` are played.
struct Version {
    name: &'static str,
    begin_string: &'static str,
    /// `CompID` of the initiator.
    peer: &'static str,
    /// Fields of a Logon after `EncryptMethod` (98) and `HeartBtInt` (108).
    logon: &'static str,
    /// The conditions of a case that hold in this version.
    holds: [&'static str; 2],
}

const fn version(
    name: &'static str,
    begin_string: &'static str,
    peer: &'static str,
    logon: &'static str,
    holds: [&'static str; 2],
) -> Version {
    Version { name, begin_string, peer, logon, holds }
}

const VERSIONS: [Version; 5] = [
    version("fix42", "FIX.4.2", "TW42", "", ["FIX42", "FIX4"]),
    version("fix44", "FIX.4.4", "TW44", "", ["NOT42", "FIX4"]),
    version("fix50", "FIXT.1.1", "TW50", "1137=7|", ["NOT42", "FIXT"]),
    version("fix50sp1", "FIXT.1.1", "TW50SP1", "1137=8|", ["NOT42", "FIXT"]),
    version("fix50sp2", "FIXT.1.1", "TW50SP2", "1137=9|", ["NOT42", "FIXT"]),
];

/// Abbreviations in a case, with their texts.
const ORDER: &str = "11=ID|21=1|40=1|54=1|38=200|55=INTC|60=<TIME>|";

impl Version {
    /// Whether a case is for this version: its first line may list versions, such as
    /// `# versions: fix44 fix50`.
    fn plays(&self, case: &str) -> bool {
        let first = case.lines().next().unwrap_or_default();
        let named = first.strip_prefix("# versions:");
        named.is_none_or(|named| named.split_whitespace().any(|name| name == self.name))
    }

    /// A case in the language of the runner. The cases here are shorter:
    ///
    /// - `> 35=..|34=..|` is sent and `< 35=..|34=..|` is expected, with the rest of the header
    ///   added; `|` ends a field.
    /// - `LOGON` is a connection and an answered Logon.
    /// - `<ORDER>` stands for an order, `<VERSION>` for further fields of a Logon.
    /// - `<NOT42:373=13|>` applies only in versions for which the condition holds.
    fn write(&self, case: &str) -> String {
        let logon =
            "iCONNECT\n> 35=A|34=1|98=0|108=30|<VERSION>\n< 35=A|34=1|98=0|108=30|<VERSION>";
        let case: Vec<&str> =
            case.lines().map(|line| if line == "LOGON" { logon } else { line }).collect();
        let lines = case.join("\n");
        let lines: Vec<String> = lines.lines().map(|line| self.line(line)).collect();
        lines.join("\n").replace('|', "\u{1}")
    }

    fn line(&self, line: &str) -> String {
        let (sent, expected) = (line.strip_prefix("> "), line.strip_prefix("< "));
        let full = match (sent, expected) {
            (Some(rest), _) => format!("I8=<BEGIN>|{}", head(rest, "49=<PEER>|52=<TIME>|56=ISLD|")),
            (_, Some(rest)) => format!("E8=<BEGIN>|{}", head(rest, "49=ISLD|52=<TIME>|56=<PEER>|")),
            _ => line.to_owned(),
        };
        let mut full = full
            .replace("<ORDER>", ORDER)
            .replace("<BEGIN>", self.begin_string)
            .replace("<PEER>", self.peer)
            .replace("<VERSION>", self.logon);
        for condition in ["FIX42", "NOT42", "FIX4", "FIXT"] {
            let start = format!("<{condition}:");
            while let Some((before, rest)) = full.split_once(&start) {
                let (inside, behind) = rest.split_once('>').expect("a condition ends");
                let kept = if self.holds.contains(&condition) { inside } else { "" };
                full = format!("{before}{kept}{behind}");
            }
        }
        full
    }
}

/// Inserts the rest of the header after `MsgType` (35) and `MsgSeqNum` (34).
fn head(rest: &str, middle: &str) -> String {
    let second = rest.match_indices('|').nth(1).expect("35 and 34").0 + 1;
    let (first, rest) = rest.split_at(second);
    format!("{first}{middle}{rest}")
}

#[test]
fn every_version_does_what_our_own_cases_demand() {
    let Some(runner) = runner() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    for version in &VERSIONS {
        let target = folder.path().join(version.name);
        std::fs::create_dir(&target).expect("a folder");
        for case in std::fs::read_dir(&ours).expect("our cases") {
            let case = case.expect("a case");
            let text = std::fs::read_to_string(case.path()).expect("text");
            if version.plays(&text) {
                std::fs::write(target.join(case.file_name()), version.write(&text))
                    .expect("written");
            }
        }
    }
    play(&runner, &Acceptor::start(&["--echo"]), folder.path(), "all");
}
