//! The certification kit against the node, against `QuickFIX` in both roles, and against an engine
//! that does everything wrong and must fail the cases that the node passes.
//!
//! The Makefile builds the programs with `QuickFIX`. Without them their scenarios are skipped, with
//! a notice.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::Parser;
use rutter_tools::certify::{self, Played, Verdict};
use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};

#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    arguments: certify::Arguments,
}

fn play(address: SocketAddr, words: &[&str]) -> Vec<Played> {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    play_with(&[&[host.as_str(), &port], words].concat())
}

fn play_with(words: &[&str]) -> Vec<Played> {
    let words = Words::try_parse_from(["certify"].iter().chain(words)).expect("arguments");
    certify::certify(&words.arguments, &mut |_| ()).expect("played")
}

/// Names of the cases that failed, with their transcripts printed.
fn failed(played: &[Played]) -> Vec<&str> {
    let failed = played.iter().filter(|one| matches!(one.verdict, Verdict::Fail { .. }));
    failed
        .map(|one| {
            println!("{}: {:?}\n{}\n", one.case, one.verdict, one.transcript.join("\n"));
            one.case
        })
        .collect()
}

/// A program with `QuickFIX`; ended when dropped.
struct Program(Child);

impl Program {
    fn start(variable: &str, words: &[&str], output: Stdio) -> Option<Self> {
        let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file());
        let Some(path) = path else {
            println!("notice: no program at {variable} (make builds it): skipped");
            return None;
        };
        let piped = Command::new(path).args(words).stdin(Stdio::piped()).stdout(output).spawn();
        Some(Self(piped.expect("the program starts")))
    }

    fn until_it_speaks(&mut self) {
        let mut byte = [0];
        let output = self.0.stdout.as_mut().expect("piped");
        output.read_exact(&mut byte).expect("it says that it listens");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both calls fail only if the process has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn dictionaries() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fix").display().to_string()
}

/// `QuickFIX` 1.15 takes a negative `HeartBtInt`. The other failed cases are its application's,
/// which ignores `PossResend`.
#[test]
fn quickfix_as_acceptor_passes_what_it_is_known_to_do_right() {
    let address = free_address().expect("a port");
    let dictionary = format!("{}/FIX44.xml", dictionaries());
    let port = address.port().to_string();
    let words = [&port, "memory", "fill", "threads", &dictionary];
    let Some(mut program) = Program::start("RUTTER_QUICKFIX_ACCEPTOR", &words, Stdio::piped())
    else {
        return;
    };
    program.until_it_speaks();
    let words = ["--sender", "DESK1", "--symbol", "BTC/USDT"];
    let played = play(address, &words);
    assert_eq!(failed(&played), ["logon-heartbeat-negative", "order-poss-resend"]);
    let passed = played.iter().filter(|one| one.verdict == Verdict::Pass).count();
    assert!(passed > 35, "{passed} passed");
}

#[test]
fn quickfix_as_initiator_passes_all_that_can_be_asked_of_one() {
    let port = free_address().expect("a port").port().to_string();
    let folder = tempfile::Builder::new().prefix("rutter-certify-").tempdir().expect("folder");
    let (store, dictionaries) = (folder.path().join("store"), dictionaries());
    let store = store.display().to_string();
    let words =
        ["127.0.0.1", &port, "DESK1", "CERT", "password-1", &store, "FIX.4.4", &dictionaries];
    let Some(_program) = Program::start("RUTTER_FIX_CLIENT", &words, Stdio::null()) else {
        return;
    };
    // The program's HeartBtInt is five seconds.
    let words = ["--listen", &port, "--target", "DESK1", "--patience", "16"];
    let played = play_with(&words);
    assert_eq!(failed(&played), Vec::<&str>::new());
    let passed = played.iter().filter(|one| one.verdict == Verdict::Pass).count();
    assert!(passed >= 28, "{passed} passed");
}

/// `case: verdict` of each case that did not pass.
fn not_passed(played: &[Played]) -> Vec<String> {
    let odd = played.iter().filter(|one| one.verdict != Verdict::Pass);
    odd.map(|one| format!("{}: {:?}\n{}", one.case, one.verdict, one.transcript.join("\n")))
        .collect()
}

#[test]
fn the_node_passes_every_case() {
    let dir = tempfile::Builder::new().prefix("rutter-certify-").tempdir().expect("folder");
    let venues = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&venues, dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    settings.validate_messages = true;
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    let program = Path::new(env!("CARGO_BIN_EXE_rutter"));
    let mut node = Node::start(program, &config, dir.path()).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    let session = &settings.sessions[0];
    let words = ["--sender", &session.comp_id, "--password", &session.password];
    let loss = ["--symbol", "BTC/USDT", "--cancel-on-disconnect", "20001=Y", "--grace-ms", "1000"];
    let played = play(settings.listen, &[&words[..], &loss].concat());
    let odd = not_passed(&played);
    assert!(odd.is_empty() && played.len() > 40, "{} cases, odd: {}", played.len(), odd.join("\n"));
}

/// Takes every Logon and answers everything else with the same Logon again.
fn parrot(listener: &TcpListener) {
    while let Ok((stream, _)) = listener.accept() {
        std::thread::spawn(move || repeat(stream));
    }
}

fn repeat(mut stream: TcpStream) {
    let body = "35=A|34=1|49=RUTTER|52=20240627-11:17:26.100|56=CERT|98=0|108=2|141=Y|";
    let body = body.replace('|', "\x01");
    let text = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum = text.bytes().fold(0_u8, u8::wrapping_add);
    let logon = format!("{text}10={sum:03}\x01");
    let mut chunk = [0; 4096];
    while matches!(stream.read(&mut chunk), Ok(1..)) {
        if stream.write_all(logon.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn an_engine_that_answers_everything_with_a_logon_passes_nothing() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || parrot(&listener));
    let played = play(address, &["--patience", "1", "--symbol", "BTC/USDT"]);
    let passed: Vec<&str> =
        played.iter().filter(|one| one.verdict == Verdict::Pass).map(|one| one.case).collect();
    assert_eq!(passed, Vec::<&str>::new());
    assert!(played.len() > 40);
}
