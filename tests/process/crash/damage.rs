//! Starts on journals that are damaged, torn, foreign or in use: what can be believed is gone on
//! from, everything else is refused with file, place and reason, and nothing is changed by it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rutter::node::decider::{RECORD_DIGEST, Replayer};
use rutter_core::output::Output as Decided;
use rutter_core::wire::SCHEMA;
use rutter_journal::{
    Config, Durability, FORMAT_VERSION, FileStorage, Journal, RECORD_HEADER_BYTES, Reader,
    SEGMENT_HEADER_BYTES, record_bytes,
};
use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig};

use super::{RUTTER, program, settings, write_config};

const SEGMENT_BYTES: u64 = 256 << 10;

/// Orders in the journal that is then harmed.
const ORDERS: usize = 40;

/// A node that refuses to start says so within this, or the test hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with venues, and copies of the journal of a node that has ended.
struct Shelf {
    dir: tempfile::TempDir,
    venues: Venues,
    settings: NodeSettings,
}

fn trade(settings: &NodeSettings, orders: usize, prefix: &str) {
    let session = &settings.sessions[0];
    let config = ClientConfig {
        reset: true,
        ..ClientConfig::new(settings.listen, &session.comp_id, &session.password)
    };
    let mut client = FixClient::connect(&config).expect("connects");
    client.wait_logon(PATIENCE).expect("logs on");
    let mut over = 0;
    for number in 0..orders {
        let order = Order {
            cl_ord_id: &format!("{prefix}{number}"),
            symbol: MARKETS[0].symbol,
            side: if number % 2 == 0 { Side::Buy } else { Side::Sell },
            qty_e8: E8 / 100,
            limit_e8: None,
            tif: Tif::Ioc,
        };
        client.new_order(unix_ns(), &order).expect("sent");
    }
    let started = std::time::Instant::now();
    while over < orders {
        client
            .turn(unix_ns(), &mut |told| match told {
                Told::App(message, poss_dup) => {
                    let report = Report::read(&message, poss_dup).expect("readable");
                    over += usize::from(report.is_final() && report.cl_ord_id.starts_with(prefix));
                }
                Told::Disconnected(why) => panic!("cut off: {why}"),
                Told::LoggedOn | Told::Rejected(_) | Told::Odd(_) => {}
            })
            .expect("the node reads");
        assert!(started.elapsed() < PATIENCE, "{over} of {orders} orders are over");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Shelf {
    /// A node trades for a while and ends, in order or by SIGKILL.
    fn new(killed: bool) -> Self {
        let dir = tempfile::Builder::new().prefix("rutter-damage-").tempdir().expect("folder");
        let venues = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
        let venues = Venues::start(&venues, dir.path()).expect("venues");
        let shelf = Self { dir, venues, settings: settings(1, 10) };
        let mut node = shelf.start("origin");
        node.wait_ready(READY_DEFAULT).expect("ready");
        trade(&shelf.settings, ORDERS, "a");
        if killed {
            node.kill().expect("killed");
        } else {
            assert!(node.terminate(PATIENCE).expect("ended").success());
        }
        shelf
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn journal(&self, name: &str) -> PathBuf {
        self.folder(name).join("data").join("journal")
    }

    fn config(&self, name: &str) -> PathBuf {
        write_config(&self.folder(name), &self.venues, &self.settings, SEGMENT_BYTES)
    }

    fn start(&self, name: &str) -> Node {
        let config = self.config(name);
        Node::start(program(), &config, &self.folder(name)).expect("started")
    }

    /// A copy of the journal and the clients' stores.
    fn copy(&self, name: &str) -> PathBuf {
        copy_folder(&self.folder("origin").join("data"), &self.folder(name).join("data"));
        self.journal(name)
    }

    /// The node does not start; returns what it says, and holds it to leaving the files alone.
    fn refused(&self, name: &str) -> String {
        let before = contents(&self.journal(name));
        let said = refused(Command::new(RUTTER).arg("run").arg("--config").arg(self.config(name)));
        assert!(before == contents(&self.journal(name)), "a refused journal is left as it was");
        said
    }

    /// The node starts and trades.
    fn goes_on(&self, name: &str) -> String {
        let mut node = self.start(name);
        node.wait_ready(READY_DEFAULT).expect("ready");
        trade(&self.settings, 3, "b");
        assert!(node.terminate(PATIENCE).expect("ended").success(), "{}", node.log_end());
        let replayed = node.journal_command("replay").expect("runs");
        assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
        std::fs::read_to_string(node.log_path()).expect("log")
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("folder") {
        let entry = entry.expect("entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .map(|path| (path.clone(), std::fs::read(path).expect("file")))
        .collect();
    all.sort();
    all
}

/// Runs a command that must end by itself.
fn ended(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("runs");
    let started = std::time::Instant::now();
    while child.try_wait().expect("waits").is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().expect("killed");
            let output = child.wait_with_output().expect("output");
            panic!("it runs on: {}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("output")
}

/// Exit code 1, a reason, no panic. Returns the reason.
fn refused(command: &mut Command) -> String {
    let output = ended(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stdout));
    assert!(!said.contains("panicked") && said.contains("rutter: "), "{said}");
    said
}

fn asked(command: &str, journal: &Path) -> Command {
    let mut asked = Command::new(RUTTER);
    asked.arg(command).arg(journal);
    asked
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Where each record of a segment begins (`journal/FORMAT.md`, section 2), and where they end.
fn records(segment: &[u8]) -> (Vec<usize>, usize) {
    let (mut places, mut at) = (Vec::new(), SEGMENT_HEADER_BYTES);
    while at + RECORD_HEADER_BYTES <= segment.len() && word(segment, at) != 0 {
        places.push(at);
        at += record_bytes(word(segment, at + 4) as usize);
    }
    (places, at)
}

/// The newest segment that holds records.
fn last_segment(journal: &Path) -> PathBuf {
    let mut segments: Vec<PathBuf> = contents(journal)
        .into_iter()
        .filter(|(path, bytes)| {
            path.extension().is_some_and(|end| end == "seg") && bytes.starts_with(b"RUTTERSG")
        })
        .map(|(path, _)| path)
        .collect();
    segments.pop().expect("a segment")
}

#[test]
fn a_second_process_on_the_same_data_is_refused_and_does_no_harm() {
    let shelf = Shelf::new(false);
    let mut first = shelf.start("origin");
    first.wait_ready(READY_DEFAULT).expect("ready");
    // The journal by itself, too: another process that writes is told who is in the way.
    let storage = FileStorage::create(shelf.journal("origin")).expect("storage");
    let held = Journal::open(storage, Config::new(Durability::Process)).expect_err("held");
    assert!(held.to_string().contains("lock is held by another writer"), "{held}");
    // Another address, so that the data are what they fight over.
    let mut second = shelf.settings.clone();
    second.listen = rutter_tools::harness::free_address().expect("a port");
    let text = std::fs::read_to_string(shelf.config("origin")).expect("configuration");
    let text = text.replace(&shelf.settings.listen.to_string(), &second.listen.to_string());
    let path = shelf.folder("second.toml");
    std::fs::write(&path, text.replace("status.sock", "second.sock")).expect("written");
    let said = refused(Command::new(RUTTER).arg("run").arg("--config").arg(&path));
    let wanted =
        format!("data folder is in use by another process: {}", shelf.folder("origin").display());
    assert!(said.contains(&wanted), "{said}");
    trade(&shelf.settings, 3, "b");
    assert!(first.terminate(PATIENCE).expect("ended").success(), "{}", first.log_end());
    let verified = first.journal_command("verify").expect("runs");
    assert!(verified.status.success());
}

/// The original is alive, and the copy has other addresses: only the venue account is the same.
#[test]
fn a_copy_of_the_data_folder_is_refused_beside_the_original_and_told_alone() {
    let shelf = Shelf::new(false);
    let mut first = shelf.start("origin");
    first.wait_ready(READY_DEFAULT).expect("ready");
    shelf.copy("twin");
    let other = rutter_tools::harness::free_address().expect("a port");
    let text = std::fs::read_to_string(shelf.config("twin")).expect("configuration");
    let text = text.replace(&shelf.settings.listen.to_string(), &other.to_string());
    let path = shelf.folder("twin.toml");
    std::fs::write(&path, text.replace("status.sock", "twin.sock")).expect("written");
    let said = refused(Command::new(RUTTER).arg("run").arg("--config").arg(&path));
    assert!(said.contains("data folder is a copy: process "), "{said}");
    trade(&shelf.settings, 3, "b");
    assert!(first.terminate(PATIENCE).expect("ended").success(), "{}", first.log_end());
    shelf.copy("alone");
    let log = shelf.goes_on("alone");
    assert!(log.contains("data folder is a copy, and the original is still there"), "{log}");
}

/// Somebody cuts a file that the node has mapped: the next write to it is a signal.
#[test]
fn a_file_that_is_cut_under_the_node_is_named_with_the_place_and_an_exit_code() {
    let shelf = Shelf::new(false);
    let session = shelf.settings.sessions[0].clone();
    for name in ["journal", "store"] {
        shelf.copy(name);
        let mut node = shelf.start(name);
        node.wait_ready(READY_DEFAULT).expect("ready");
        let path = match name {
            "journal" => last_segment(&shelf.journal(name)),
            _ => shelf
                .folder(name)
                .join("data/sessions")
                .join(&session.comp_id)
                .join("segment-000000000001.fix"),
        };
        std::fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(0))
            .expect("cut");
        let config = ClientConfig {
            reset: true,
            ..ClientConfig::new(shelf.settings.listen, &session.comp_id, &session.password)
        };
        // The node may be gone at any of these steps.
        let _ = FixClient::connect(&config).map(|mut client| {
            let _ = client.wait_logon(PATIENCE);
            let order = Order {
                cl_ord_id: "cut",
                symbol: MARKETS[0].symbol,
                side: Side::Buy,
                qty_e8: E8 / 100,
                limit_e8: None,
                tif: Tif::Ioc,
            };
            let _ = client.new_order(unix_ns(), &order);
            let started = std::time::Instant::now();
            while node.check_alive().is_ok() {
                assert!(started.elapsed() < PATIENCE, "{}", node.log_end());
                let _ = client.turn(unix_ns(), &mut |_| {});
            }
        });
        let status = node.terminate(PATIENCE).expect("ended");
        let said = node.log_end();
        let place = format!("rutter: SIGBUS: {} cannot be read at byte ", path.display());
        assert!(said.contains(&place), "{said}");
        assert_eq!(status.code(), Some(rutter::bus_error::EXIT_CODE), "{said}");
    }
}

#[test]
fn damage_below_the_durable_mark_is_refused_by_file_offset_and_sequence() {
    let shelf = Shelf::new(false);
    let path = shelf.copy("flipped").join("0000000000000000.seg");
    let mut bytes = std::fs::read(&path).expect("segment");
    let (places, _) = records(&bytes);
    let victim = places.len() / 2;
    bytes[places[victim] + RECORD_HEADER_BYTES] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let place = format!("byte {}: record {} of", places[victim], victim + 1);
    for said in [
        shelf.refused("flipped"),
        refused(&mut asked("verify", &shelf.journal("flipped"))),
        refused(&mut asked("replay", &shelf.journal("flipped"))),
    ] {
        assert!(said.contains("0000000000000000.seg") && said.contains(&place), "{said}");
    }
}

#[test]
fn a_torn_tail_is_cut_and_the_node_goes_on() {
    let shelf = Shelf::new(true);
    let path = last_segment(&shelf.copy("torn"));
    let mut bytes = std::fs::read(&path).expect("segment");
    let (places, end) = records(&bytes);
    // The next record, of which only the front had arrived: length and sequence, not the body.
    let last = *places.last().expect("records");
    let sequence = u64::from_le_bytes(bytes[last + 8..last + 16].try_into().expect("eight"));
    bytes[end..end + 4].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
    bytes[end + 4..end + 8].copy_from_slice(&100_u32.to_le_bytes());
    bytes[end + 8..end + 16].copy_from_slice(&(sequence + 1).to_le_bytes());
    bytes[end + 40] = 7;
    std::fs::write(&path, bytes).expect("written");
    let log = shelf.goes_on("torn");
    let line = log.lines().find(|line| line.contains("journal recovered")).expect("a start");
    assert!(
        line.contains(&format!("records={sequence} "))
            && line.contains("cut=\"torn, never promised"),
        "{line}"
    );
}

#[test]
fn a_journal_of_another_version_is_refused_as_such() {
    let shelf = Shelf::new(false);
    let path = shelf.copy("newer").join("0000000000000000.seg");
    let mut bytes = std::fs::read(&path).expect("segment");
    bytes[8..12].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..SEGMENT_HEADER_BYTES - 4]).to_le_bytes();
    bytes[SEGMENT_HEADER_BYTES - 4..SEGMENT_HEADER_BYTES].copy_from_slice(&checksum);
    std::fs::write(&path, bytes).expect("written");
    for said in [shelf.refused("newer"), refused(&mut asked("verify", &shelf.journal("newer")))] {
        let wanted = format!("format version {}, this build reads", FORMAT_VERSION + 1);
        assert!(said.contains("0000000000000000.seg") && said.contains(&wanted), "{said}");
    }
}

/// Appends a record behind the others. Returns its sequence.
fn append(journal: &Path, kind: u16, schema: u16, body: &[u8]) -> u64 {
    let storage = FileStorage::create(journal).expect("storage");
    let config = Config::new(Durability::Process).segment_bytes(SEGMENT_BYTES as usize);
    let (mut writer, _) = Journal::open(storage, config).expect("opens");
    writer.append(kind, schema, unix_ns(), body).expect("appended");
    writer.close().expect("closed")
}

#[test]
fn a_record_of_another_schema_is_refused_by_sequence() {
    let shelf = Shelf::new(false);
    let sequence = append(&shelf.copy("schema"), RECORD_DIGEST, SCHEMA + 1, &[0; 8]);
    for said in [shelf.refused_by_content("schema"), {
        refused(&mut asked("replay", &shelf.journal("schema")))
    }] {
        assert!(said.contains(&format!("record {sequence}: schema {}", SCHEMA + 1)), "{said}");
    }
}

#[test]
fn a_replay_that_decides_otherwise_names_the_first_record_where_it_shows() {
    let shelf = Shelf::new(false);
    let journal = shelf.copy("digest");
    let mut replayer = Replayer::default();
    let mut reader = Reader::open(FileStorage::existing(&journal).expect("files")).expect("opens");
    let mut outputs: Vec<Decided> = Vec::new();
    while let Some(record) = reader.next().expect("sound") {
        replayer.record(&record, &mut outputs).expect("decides as before");
    }
    drop(reader);
    let digest = replayer.engine().expect("an engine").digest();
    let sequence = append(&journal, RECORD_DIGEST, SCHEMA, &(digest ^ 1).to_le_bytes());
    append(&journal, RECORD_DIGEST, SCHEMA, &(digest ^ 2).to_le_bytes());
    assert!(ended(&mut asked("verify", &journal)).status.success(), "every record is sound");
    let wanted = format!("digest differs at record {sequence}: journal {:016x}", digest ^ 1);
    for said in [refused(&mut asked("replay", &journal)), shelf.refused_by_content("digest")] {
        assert!(
            said.contains(&wanted) && said.contains(&format!("replay {digest:016x}")),
            "{said}"
        );
    }
}

impl Shelf {
    /// As [`Shelf::refused`], where the journal is whole and only its content is wrong: opening it
    /// has then rightly counted an epoch in the mark.
    fn refused_by_content(&self, name: &str) -> String {
        refused(Command::new(RUTTER).arg("run").arg("--config").arg(self.config(name)))
    }
}

#[test]
fn folders_that_are_no_journal_are_told_apart_and_refused_without_a_panic() {
    let dir = tempfile::tempdir().expect("folder");
    let (missing, empty, garbage) =
        (dir.path().join("missing"), dir.path().join("empty"), dir.path().join("garbage"));
    std::fs::create_dir(&empty).expect("folder");
    std::fs::create_dir(&garbage).expect("folder");
    let noise: Vec<u8> =
        (0..70_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(garbage.join("0000000000000000.seg"), &noise).expect("written");
    std::fs::write(garbage.join("mark"), &noise[..8_192]).expect("written");
    let file = dir.path().join("file");
    std::fs::write(&file, b"no folder").expect("written");
    for command in ["verify", "replay"] {
        for path in [&missing, &empty, &garbage, &file] {
            let said = refused(&mut asked(command, path));
            assert!(said.matches("os error").count() < 2, "said once: {said}");
            assert!(said.contains(path.to_str().expect("text")), "{command} names it: {said}");
        }
    }
}
