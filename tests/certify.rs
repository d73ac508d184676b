//! The certification kit against the node, and against an engine that does nothing right: what
//! passes for the one must not pass for the other.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

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
    let all = ["certify", &host, &port].into_iter().chain(words.iter().copied());
    let words = Words::try_parse_from(all).expect("arguments");
    certify::certify(&words.arguments, &mut |_| ()).expect("played")
}

/// `case: verdict` of what did not pass.
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
    let played = play(settings.listen, &[&words[..], &["--symbol", "BTC/USDT"]].concat());
    let odd = not_passed(&played);
    // Skipped: how cancel-on-disconnect is asked for is not said here.
    assert!(odd.iter().all(|one| one.contains("Skip")), "{}", odd.join("\n\n"));
    assert!(odd.len() <= 1 && played.len() > 40, "{} cases, odd: {odd:#?}", played.len());
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
