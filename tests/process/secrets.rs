//! No secret leaks: a node gets canaries as passwords, keys and wrong guesses, and is used,
//! attacked, killed and terminated with every log on. Then every file that it wrote is searched for
//! them.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rutter_fix::codec::{Encoder, TimePrecision, write_timestamp};
use rutter_fix::tags;
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    ClientSession, Flowing, NodeSettings, Venues, VenuesConfig, free_address, write_node_config,
};

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
const PATIENCE: Duration = Duration::from_secs(20);

/// In the configuration's text, in a file of its own, in the environment.
const PASSWORD: &str = "canary-of-the-password-61c9";
const SHARED: &str = "canary-of-the-shared-secret-a7d2-and-more";
const FROM_ENV: &str = "canary-of-the-environment-90be";
/// An attacker's guess, which may have been the password on another day.
const GUESS: &str = "canary-of-a-guess-3f58";

/// A secret, and every encoding in which it could appear.
struct Canary {
    name: String,
    needles: Vec<Vec<u8>>,
}

impl Canary {
    fn new(name: &str, secret: &[u8]) -> Self {
        let hex = hex(secret);
        let decimal = format!("{secret:?}");
        let mut needles = vec![
            secret.to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            decimal.trim_matches(['[', ']']).as_bytes().to_vec(),
        ];
        // In base64 the text depends on the bytes in front, and its first and last digits on both
        // sides.
        for before in 0..3 {
            let text = STANDARD.encode([&vec![0; before], secret].concat());
            let digits = text.trim_end_matches('=').as_bytes();
            needles.push(digits[4..digits.len() - 2].to_vec());
        }
        Self { name: name.to_owned(), needles }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.needles.iter().any(|needle| contains(bytes, needle))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return true;
        }
        from += at + 1;
    }
    false
}

/// A node whose output is kept.
struct Scene {
    dir: tempfile::TempDir,
    _venues: Venues,
    config: PathBuf,
    plain: SocketAddr,
    secure: SocketAddr,
    root: CertificateDer<'static>,
    canaries: Vec<Canary>,
    child: Option<Child>,
    runs: usize,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("rutter-secrets-").tempdir().expect("folder");
        let venues = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
        let venues = Venues::start(&venues, &dir.path().join("venues")).expect("venues");
        let (plain, secure) = (free_address().expect("port"), free_address().expect("port"));
        let mut settings = NodeSettings::new(plain);
        settings.sessions = ClientSession::desks(3);
        settings.orders_log2 = 10;
        let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
        let tls = rcgen::generate_simple_self_signed(["fix.example".to_owned()]).expect("made");
        let (cert_file, key_file) = (dir.path().join("fix.pem"), dir.path().join("fix.key"));
        let secret_file = dir.path().join("desk2.secret");
        std::fs::write(&cert_file, tls.cert.pem()).expect("written");
        std::fs::write(&key_file, tls.signing_key.serialize_pem()).expect("written");
        std::fs::write(&secret_file, format!("{SHARED}\n")).expect("written");
        let text = std::fs::read_to_string(&config).expect("text");
        let text = text
            .replace(
                "[[account]]",
                &format!(
                    "tls_listen = \"{secure}\"\n[[fix.tls.identity]]\ncert_file = \"{}\"\n\
                     key_file = \"{}\"\n\n[[account]]",
                    cert_file.display(),
                    key_file.display()
                ),
            )
            .replace("\"password-1\"", &format!("\"{PASSWORD}\"\nvalidate_messages = true"))
            .replace(
                "password = \"password-2\"",
                &format!("logon = \"hmac-sha256\"\npassword_file = \"{}\"", secret_file.display()),
            )
            .replace("password = \"password-3\"", "password_env = \"RUTTER_DESK3\"");
        std::fs::write(&config, text).expect("written");
        let der = PrivateKeyDer::from_pem_file(&key_file).expect("a key");
        // The private number of a P-256 key in its PKCS#8 form.
        let number = &der.secret_der()[36..68];
        let mut canaries = vec![
            Canary::new("password", PASSWORD.as_bytes()),
            Canary::new("shared secret", SHARED.as_bytes()),
            Canary::new("secret of the environment", FROM_ENV.as_bytes()),
            Canary::new("guess", GUESS.as_bytes()),
            Canary::new("key of the certificate", number),
        ];
        for file in ["binance.pem", "kraken.secret"] {
            let key = std::fs::read_to_string(venues.dir().join(file)).expect("a key");
            let line = key.lines().find(|line| !line.contains("---")).expect("a line");
            canaries.push(Canary::new(file, &line.as_bytes()[line.len() / 2..]));
        }
        let root = CertificateDer::from_pem_file(&cert_file).expect("a certificate");
        let (child, runs) = (None, 0);
        Self { dir, _venues: venues, config, plain, secure, root, canaries, child, runs }
    }

    fn start(&mut self) {
        self.runs += 1;
        let log = |name: &str| {
            let path = self.dir.path().join(format!("{name}-{}.log", self.runs));
            File::create(path).expect("a log")
        };
        let child = Command::new(RUTTER)
            .args(["run", "--with-parent", "--config"])
            .arg(&self.config)
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("RUTTER_DESK3", FROM_ENV)
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .expect("it starts");
        self.child = Some(child);
    }

    fn end(&mut self, signal: rustix::process::Signal) {
        let mut child = self.child.take().expect("it runs");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).expect("it is there");
        child.wait().expect("it ends");
    }

    /// Sends one message over a new connection; returns the answer, empty if there is none.
    fn say(&self, bytes: &[u8]) -> String {
        say_over(&mut reach(self.plain), bytes)
    }

    fn say_over_tls(&self, bytes: &[u8]) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "fix.example".try_into().expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        say_over(&mut StreamOwned::new(tls, reach(self.secure)), bytes)
    }

    /// The files that the node wrote: all below the folder except those the test put there.
    fn written(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let given = ["node.toml", "fix.key", "desk2.secret"];
        let mut files = Vec::new();
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if path.is_dir() {
                    if name != "venues" {
                        folders.push(path);
                    }
                } else if path.is_file() && !given.contains(&name) {
                    files.push((path.clone(), std::fs::read(&path).expect("readable")));
                }
            }
        }
        files
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Connects, as soon as the node listens.
fn reach(address: SocketAddr) -> TcpStream {
    let started = Instant::now();
    let stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) => assert!(started.elapsed() < PATIENCE, "not there: {error}"),
        }
    };
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

fn say_over(stream: &mut (impl Read + Write), bytes: &[u8]) -> String {
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    let mut heard = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&heard).replace('\u{1}', "|");
        if text.contains("|10=") && text.ends_with('|') {
            return text;
        }
        match stream.read(&mut chunk) {
            Ok(0) => return text,
            Ok(count) => heard.extend_from_slice(&chunk[..count]),
            Err(error) => {
                let waits = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!waits, "neither answer nor close: {text}");
                return text;
            }
        }
    }
}

fn message(kind: &str, sender: &str, seq: u64, body: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    message_at(unix_ns(), kind, sender, seq, body)
}

fn message_at(
    now_ns: u64,
    kind: &str,
    sender: &str,
    seq: u64,
    body: impl FnOnce(&mut Encoder<'_>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Encoder::begin(&mut bytes, b"FIX.4.4", kind.as_bytes());
    out.uint(tags::MSG_SEQ_NUM, seq);
    out.text(tags::SENDER_COMP_ID, sender).text(tags::TARGET_COMP_ID, "RUTTER");
    out.timestamp(tags::SENDING_TIME, now_ns, TimePrecision::Micros);
    body(&mut out);
    out.finish().expect("encodes");
    bytes
}

fn logon(sender: &str, more: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    logon_at(unix_ns(), sender, more)
}

fn logon_at(now_ns: u64, sender: &str, more: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    message_at(now_ns, "A", sender, 1, |out| {
        out.uint(tags::ENCRYPT_METHOD, 0).uint(tags::HEART_BT_INT, 30);
        out.bool(tags::RESET_SEQ_NUM_FLAG, true);
        more(out);
    })
}

fn with_password(password: &str) -> impl FnOnce(&mut Encoder<'_>) {
    move |out| {
        out.text(tags::PASSWORD, password);
    }
}

/// A Logon of the second desk's, signed as `docs/fix/logon.md` says.
fn signed() -> Vec<u8> {
    let now_ns = unix_ns();
    let mut text = Vec::new();
    write_timestamp(&mut text, now_ns, TimePrecision::Micros);
    text.extend_from_slice(b"\x011\x01DESK2\x01RUTTER");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SHARED.as_bytes());
    let signature = STANDARD.encode(ring::hmac::sign(&key, &text));
    logon_at(now_ns, "DESK2", |out| {
        out.uint(tags::RAW_DATA_LENGTH, signature.len() as u64);
        out.text(tags::RAW_DATA, &signature);
    })
}

fn is_on(answer: &str) -> bool {
    answer.contains("|35=A|")
}

/// Every wrong way to use a secret in a Logon.
fn abuse(scene: &Scene) {
    for guess in [GUESS, PASSWORD, SHARED, FROM_ENV] {
        let in_raw_data = logon("DESK2", |out| {
            out.uint(tags::RAW_DATA_LENGTH, guess.len() as u64).text(tags::RAW_DATA, guess);
        });
        let as_name = logon("DESK1", |out| {
            out.text(tags::USERNAME, guess).text(tags::PASSWORD, "other-password");
        });
        let in_text = logon("DESK1", |out| {
            out.text(tags::TEXT, guess).text(tags::PASSWORD, GUESS);
        });
        let mut garbled = logon("DESK1", with_password(guess));
        let sum = garbled.len() - 3;
        garbled[sum] = if garbled[sum] == b'0' { b'1' } else { b'0' };
        let half = logon("DESK1", with_password(guess));
        let not_logon = message("D", "DESK1", 1, |out| {
            out.text(tags::PASSWORD, guess);
        });
        for bytes in [
            logon("NOBODY", with_password(guess)),
            logon(guess, with_password(guess)),
            logon("DESK2", with_password(guess)),
            in_raw_data,
            as_name,
            in_text,
            garbled,
            [half.as_slice(), guess.repeat(200).as_bytes()].concat(),
            not_logon,
            guess.as_bytes().repeat(300),
        ] {
            let answer = scene.say(&bytes);
            assert!(!answer.contains("canary"), "{answer}");
            assert!(!is_on(&answer) || contains(&bytes, PASSWORD.as_bytes()), "{answer}");
        }
    }
}

#[test]
fn the_search_finds_each_form_of_a_canary() {
    let canary = Canary::new("canary", PASSWORD.as_bytes());
    for before in 0..4 {
        let around = [&b"xyzu"[..before], PASSWORD.as_bytes(), b"behind"].concat();
        let hex = hex(&around);
        assert!(canary.is_in(&around));
        assert!(canary.is_in(hex.as_bytes()) && canary.is_in(hex.to_uppercase().as_bytes()));
        assert!(canary.is_in(STANDARD.encode(&around).as_bytes()));
        assert!(canary.is_in(format!("{around:?}").as_bytes()));
    }
    assert!(!canary.is_in(b"canary-of-the-password-61c8"));
}

#[test]
fn no_secret_is_in_anything_that_a_node_writes() {
    let mut scene = Scene::new();
    scene.start();
    assert!(is_on(&scene.say(&logon("DESK1", with_password(PASSWORD)))));
    assert!(is_on(&scene.say(&logon("DESK3", with_password(FROM_ENV)))));
    let by_tls = signed();
    assert!(is_on(&scene.say_over_tls(&by_tls)));
    let again = scene.say_over_tls(&by_tls);
    assert!(again.is_empty() || again.contains("Invalid credentials"), "a replay: {again}");
    abuse(&scene);
    // A good session, with a wrong Logon and a wrong field within it, that is never ended.
    let session = [
        logon("DESK3", with_password(FROM_ENV)),
        message("0", "DESK3", 2, with_password(GUESS)),
        logon("DESK3", with_password(GUESS)),
    ]
    .concat();
    assert!(is_on(&scene.say(&session)));
    scene.end(rustix::process::Signal::KILL);
    scene.start();
    assert!(is_on(&scene.say_over_tls(&logon("DESK1", with_password(PASSWORD)))));
    abuse(&scene);
    scene.end(rustix::process::Signal::ABORT);
    scene.start();
    assert!(is_on(&scene.say(&logon("DESK1", with_password(PASSWORD)))));
    scene.end(rustix::process::Signal::TERM);
    assert_clean(&scene);
}

fn assert_clean(scene: &Scene) {
    // The search finds a canary in a file that holds one.
    let config = std::fs::read(&scene.config).expect("the configuration");
    assert!(scene.canaries[0].is_in(&config));
    let key = std::fs::read(scene.dir.path().join("fix.key")).expect("the key");
    assert!(scene.canaries[4].is_in(&key.into_iter().filter(|b| *b != b'\n').collect::<Vec<_>>()));
    let written = scene.written();
    let has = |part: &str| written.iter().any(|(path, _)| path.to_string_lossy().contains(part));
    assert!(has("/journal/") && has("/sessions/") && has("stderr-3"), "all of it is there");
    let log = |name: &str| {
        let found = written.iter().find(|(path, _)| path.ends_with(name));
        found.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    };
    let told = log("stderr-1.log");
    assert!(told.contains("logon of") && told.contains("refused"), "the operator was told");
    let (mut found, mut searched) = (Vec::new(), 0);
    for (path, bytes) in &written {
        searched += bytes.len();
        for canary in scene.canaries.iter().filter(|canary| canary.is_in(bytes)) {
            found.push(format!("{} in {}", canary.name, path.display()));
        }
    }
    eprintln!("searched {} files, {searched} bytes", written.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A configuration that is wrong beside a secret is refused without the secret.
#[test]
fn a_refused_configuration_shows_no_secret() {
    let scene = Scene::new();
    let sound = std::fs::read_to_string(&scene.config).expect("text");
    let check = |text: &str, path: &Path| {
        std::fs::write(path, text).expect("written");
        let output = Command::new(RUTTER)
            .args(["check-config"])
            .arg(path)
            .env("RUTTER_DESK3", FROM_ENV)
            .output()
            .expect("runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), said)
    };
    let path = scene.dir.path().join("changed.toml");
    assert!(check(&sound, &path).0);
    let quoted = format!("password = \"{PASSWORD}\"");
    for (from, to) in [
        (quoted.as_str(), format!("pasword = \"{PASSWORD}\"")),
        (quoted.as_str(), format!("password = \"{PASSWORD}")),
        (quoted.as_str(), format!("password = {{ is = \"{PASSWORD}\" }}")),
        (quoted.as_str(), format!("{quoted}\nlogon = \"ed25519\"")),
        ("[node]", format!("[node]\npassword = \"{PASSWORD}\"")),
    ] {
        let (good, said) = check(&sound.replacen(from, &to, 1), &path);
        assert!(!good, "{to}");
        for canary in &scene.canaries {
            assert!(!canary.is_in(&said), "{to}: {}", String::from_utf8_lossy(&said));
        }
    }
}
