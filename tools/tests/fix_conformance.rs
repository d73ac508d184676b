//! The acceptor against the conformance cases: those given beside this repository
//! (`../shared/fix-acceptance`), and ours under `tests/conformance`, played by the same runner.
//!
//! Ours are written with `|` for the byte that ends a field.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The acceptor, ended with the test.
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
        // It may have ended by itself, which the runner has told by then.
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
        .args(["--port", &acceptor.port, "--compare", "semantic", "--jobs", "3", "-v"])
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

#[test]
fn every_version_does_what_our_own_cases_demand() {
    let Some(runner) = runner() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    for version in std::fs::read_dir(&ours).expect("our cases") {
        let version = version.expect("a folder");
        let target = folder.path().join(version.file_name());
        std::fs::create_dir(&target).expect("a folder");
        for case in std::fs::read_dir(version.path()).expect("our cases") {
            let case = case.expect("a case");
            let text = std::fs::read_to_string(case.path()).expect("text");
            let text = text.replace('|', "\u{1}");
            std::fs::write(target.join(case.file_name()), text).expect("written");
        }
    }
    play(&runner, &Acceptor::start(&["--echo"]), folder.path(), "all");
}
