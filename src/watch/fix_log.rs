//! The raw FIX messages of each session, in files: `[log] fix = "dir"`.
//!
//! A line is `2026-11-30T13:06:29.123456789Z in 8=FIX.4.4|9=..|..|10=123|`: the time (UTC), the
//! direction as the node sees it, and the message with `|` for SOH. Other control bytes, and bytes
//! that are not ASCII, are written as `\xNN`. Values of secret fields are written as `***`.
//!
//! The session's thread only copies bytes into a bounded queue. What finds no room there is counted
//! and told, in the file and in the log of the node; no session ever waits.
//!
//! A line belongs here if it is about these files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rutter_clients::message_log::{Direction, MessageTap};
use rutter_fix::codec::{FieldIndex, Status, decode};
use rutter_fix::store::folder_name;

/// Pieces that wait to be written.
const QUEUE_PIECES_MAX: usize = 16_384;

/// Bytes that wait to be written.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// A file that is longer is closed, and a new one begun.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Files of a session, the one being written included; the oldest is removed.
pub const FILES_MAX: u32 = 8;

/// Longest time until the thread notices that the node ends.
const LOOK: Duration = Duration::from_millis(50);

/// Fields whose values are masked: `Password`, `NewPassword`, and data fields that may hold a
/// password or a key, with the field that has their length.
const SECRETS: [(&[u8], Option<&[u8]>); 6] = [
    (b"554", None),
    (b"925", None),
    (b"96", Some(b"95")),
    (b"91", Some(b"90")),
    (b"1402", Some(b"1401")),
    (b"1404", Some(b"1403")),
];

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("FIX log {path}: {source}")]
pub struct FixLogError {
    path: PathBuf,
    source: std::io::Error,
}

struct Piece {
    place: usize,
    direction: Direction,
    at_ns: u64,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
    over: AtomicBool,
}

impl Shared {
    /// Tells how many pieces are missing besides those that were told; returns all.
    fn tell_missing(&self, told: u64) -> u64 {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > told {
            let missing = dropped - told;
            tracing::warn!(missing, "the FIX log has no room: messages are missing in it");
        }
        dropped
    }
}

/// The thread that writes. Dropping it writes what waits.
#[derive(Debug)]
pub struct FixLog {
    shared: Arc<Shared>,
    names: LoggedNames,
    queue: Option<SyncSender<Piece>>,
    thread: Option<JoinHandle<()>>,
}

impl FixLog {
    /// Starts the log of the sessions, in the order of their configuration. The file of a session
    /// is opened for its first message.
    ///
    /// # Errors
    /// The folder cannot be made, a file that is there cannot be opened, or there is no thread.
    pub fn start(folder: &Path, comp_ids: &[&str]) -> Result<Self, FixLogError> {
        Self::start_with(folder, comp_ids, FILE_BYTES_MAX)
    }

    fn start_with(folder: &Path, comp_ids: &[&str], bytes_max: u64) -> Result<Self, FixLogError> {
        let failed = |source| FixLogError { path: folder.to_owned(), source };
        rutter_files::make_folder(folder).map_err(failed)?;
        // What is in the place of a file is looked at now, so that a start refuses a link there.
        for comp_id in comp_ids {
            let path = path_of(folder, comp_id);
            if path.symlink_metadata().is_ok() {
                open_file(&path).map_err(|source| FixLogError { path, source })?;
            }
        }
        let names: Vec<String> = comp_ids.iter().map(|one| (*one).to_owned()).collect();
        let names = LoggedNames(Arc::new(Mutex::new(names)));
        let files = Files {
            folder: folder.to_owned(),
            names: names.clone(),
            bytes_max,
            open: BTreeMap::new(),
        };
        let (queue, pieces) = sync_channel(QUEUE_PIECES_MAX);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("fix-log".to_owned())
            .spawn(move || run(&pieces, &of_thread, files))
            .map_err(failed)?;
        Ok(Self { shared, names, queue: Some(queue), thread: Some(thread) })
    }

    /// The names of the sessions, to add further ones.
    pub fn names(&self) -> LoggedNames {
        self.names.clone()
    }

    /// What the gateway calls for each piece of a connection.
    pub fn tap(&self) -> MessageTap {
        let (shared, queue) = (Arc::clone(&self.shared), self.queue.clone());
        MessageTap::new(move |place, direction, at_ns, bytes| {
            let waiting = shared.waiting_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
            let fits = waiting + bytes.len() <= QUEUE_BYTES_MAX;
            let taken = fits
                && queue.as_ref().is_some_and(|queue| {
                    queue.try_send(Piece { place, direction, at_ns, bytes: bytes.to_vec() }).is_ok()
                });
            if !taken {
                shared.waiting_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            taken
        })
    }
}

impl Drop for FixLog {
    fn drop(&mut self) {
        self.queue = None;
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told by the panic itself.
            let _ = thread.join();
        }
    }
}

fn run(pieces: &Receiver<Piece>, shared: &Shared, mut files: Files) {
    // Missing pieces that the node's log, and the files, have been told of.
    let (mut told, mut noted) = (0, 0);
    let mut flushed = Instant::now();
    // Ends when the node has ended and everything that waited is written.
    loop {
        // A busy session must not keep the lines of a quiet one from the disk.
        if flushed.elapsed() >= LOOK {
            files.flush();
            flushed = Instant::now();
        }
        match pieces.recv_timeout(LOOK) {
            Ok(piece) => {
                shared.waiting_bytes.fetch_sub(piece.bytes.len(), Ordering::Relaxed);
                let Some(file) = files.get(piece.place) else { continue };
                file.write_piece(&piece);
                told = shared.tell_missing(told);
                let missing = told - std::mem::replace(&mut noted, told);
                if missing > 0 {
                    file.note(&format!(
                        "# {missing} pieces of any session are missing before this"
                    ));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                told = shared.tell_missing(told);
                files.flush();
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return files.flush();
            }
        }
    }
}

/// The `CompID`s of the sessions by place.
#[derive(Clone, Debug, Default)]
pub struct LoggedNames(Arc<Mutex<Vec<String>>>);

impl LoggedNames {
    /// Adds sessions behind those that are there.
    pub fn add(&self, comp_ids: impl IntoIterator<Item = String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(comp_ids);
    }

    fn get(&self, place: usize) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }
}

/// The files of the sessions that have sent or received something since the start.
struct Files {
    folder: PathBuf,
    names: LoggedNames,
    bytes_max: u64,
    /// By place; `None` for a file that could not be opened, which was told.
    open: BTreeMap<usize, Option<LogFile>>,
}

impl Files {
    fn get(&mut self, place: usize) -> Option<&mut LogFile> {
        if !self.open.contains_key(&place) {
            let comp_id = self.names.get(place)?;
            let opened = LogFile::open(&self.folder, &comp_id, self.bytes_max);
            let opened = opened.inspect_err(|error| {
                let file = path_of(&self.folder, &comp_id);
                let file = file.display();
                tracing::error!(%file, %error, "the FIX log of a session cannot be opened");
            });
            self.open.insert(place, opened.ok());
        }
        self.open.get_mut(&place)?.as_mut()
    }

    fn flush(&mut self) {
        for file in self.open.values_mut().flatten() {
            file.flush();
        }
    }
}

/// The newest file of a session.
struct LogFile {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    bytes_max: u64,
    /// Writing has failed, and that was told.
    failed: bool,
    index: FieldIndex,
    line: Vec<u8>,
}

/// The file of a session.
pub fn path_of(folder: &Path, comp_id: &str) -> PathBuf {
    folder.join(format!("{}.fix.log", folder_name(comp_id)))
}

fn open_file(path: &Path) -> std::io::Result<File> {
    let mut file = rutter_files::open_or_create(path)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

impl LogFile {
    fn open(folder: &Path, comp_id: &str, bytes_max: u64) -> std::io::Result<Self> {
        let path = path_of(folder, comp_id);
        let file = open_file(&path)?;
        let bytes = file.metadata()?.len();
        let (file, index) = (BufWriter::new(file), FieldIndex::new());
        Ok(Self { path, file, bytes, bytes_max, failed: false, index, line: Vec::new() })
    }

    /// Writes the messages of a piece, each in a line. Bytes that are no message have lines, too.
    fn write_piece(&mut self, piece: &Piece) {
        let mut rest = piece.bytes.as_slice();
        // Ends: each turn takes at least one byte.
        while !rest.is_empty() {
            let length = match decode(rest, &mut self.index) {
                Ok(Status::Complete { consumed }) => consumed,
                Err(error) => error.skip,
                Ok(Status::Incomplete) => rest.len(),
            };
            let (message, behind) = rest.split_at(length.clamp(1, rest.len()));
            rest = behind;
            self.line.clear();
            let way = match piece.direction {
                Direction::In => "in",
                Direction::Out => "out",
            };
            let time = jiff_text(piece.at_ns);
            self.line.extend_from_slice(format!("{time} {way} ").as_bytes());
            write_masked(message, &mut self.line);
            self.line.push(b'\n');
            self.write_line();
        }
    }

    fn note(&mut self, text: &str) {
        self.line.clear();
        self.line.extend_from_slice(text.as_bytes());
        self.line.push(b'\n');
        self.write_line();
    }

    fn write_line(&mut self) {
        let written = self.roll_if_full().and_then(|()| self.file.write_all(&self.line));
        match written {
            Ok(()) => {
                self.bytes += self.line.len() as u64;
                self.failed = false;
            }
            Err(error) => self.tell(&error),
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            self.tell(&error);
        }
    }

    fn tell(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            let file = self.path.display();
            tracing::error!(%file, %error, "the FIX log cannot be written: messages are missing");
        }
    }

    /// Renames a full file to `*.1`, and the older ones to the next higher number.
    fn roll_if_full(&mut self) -> std::io::Result<()> {
        if self.bytes < self.bytes_max {
            return Ok(());
        }
        self.file.flush()?;
        // After a failed roll the full file may have its number already.
        if self.path.exists() {
            for number in (1..FILES_MAX - 1).rev() {
                if numbered(&self.path, number).exists() {
                    let next = numbered(&self.path, number + 1);
                    std::fs::rename(numbered(&self.path, number), next)?;
                }
            }
            std::fs::rename(&self.path, numbered(&self.path, 1))?;
        }
        self.file = BufWriter::new(open_file(&self.path)?);
        self.bytes = 0;
        Ok(())
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn jiff_text(at_ns: u64) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at_ns)).unwrap_or_default();
    format!("{at:.9}")
}

/// Writes a message, field by field, with `|` for SOH and without the values of secret fields.
fn write_masked(message: &[u8], line: &mut Vec<u8>) {
    let mut rest = message;
    let (mut length_tag, mut length): (&[u8], usize) = (b"", 0);
    // Ends: each turn takes at least one byte.
    while !rest.is_empty() {
        let soh = rest.iter().position(|byte| *byte == 1);
        let equals = rest.iter().position(|byte| *byte == b'=');
        let tag = equals.and_then(|at| rest.get(..at)).unwrap_or(b"");
        let value_at = equals.map_or(0, |at| at + 1);
        let secret = SECRETS.iter().find(|secret| secret.0 == tag);
        let mut end = soh.unwrap_or(rest.len());
        if let Some((_, Some(of_length))) = secret
            && *of_length == length_tag
        {
            // A secret may have SOH in it. One of a wrong length is masked up to the later end.
            let told = value_at.saturating_add(length);
            let next = rest.get(told.min(rest.len())..).unwrap_or(&[]);
            let behind = next.iter().position(|byte| *byte == 1).unwrap_or(next.len());
            end = end.max(told.saturating_add(behind).min(rest.len()));
        }
        let field = rest.get(..end).unwrap_or(rest);
        let value = field.get(value_at..).unwrap_or(&[]);
        if secret.is_some() {
            write_escaped(tag, line);
            line.extend_from_slice(b"=***");
        } else {
            write_escaped(field, line);
        }
        let digits = std::str::from_utf8(value).ok();
        (length_tag, length) = (tag, digits.and_then(|text| text.parse().ok()).unwrap_or(0));
        if end < rest.len() {
            line.push(b'|');
        }
        rest = rest.get(end + 1..).unwrap_or(&[]);
    }
}

fn write_escaped(bytes: &[u8], line: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b' '..=b'~' => line.push(*byte),
            _ => line.extend_from_slice(format!("\\x{byte:02X}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    fn masked(message: &str) -> String {
        let mut line = Vec::new();
        write_masked(message.replace('|', "\u{1}").as_bytes(), &mut line);
        String::from_utf8(line).expect("ASCII")
    }

    #[test]
    fn a_secret_is_never_written_whatever_is_in_it() {
        assert_eq!(masked("35=A|553=me|554=pw|925=new|10=1|"), "35=A|553=me|554=***|925=***|10=1|");
        assert_eq!(masked("95=8|96=a|b=c|d9|108=30|"), "95=8|96=***|108=30|", "SOH in the secret");
        assert_eq!(
            masked("90=1|91=x|1401=2|1402=yz|1403=1|1404=k|58=t"),
            "90=1|91=***|1401=2|1402=***|1403=1|1404=***|58=t"
        );
        for odd in [
            "96=secret|",
            "95=999|96=secret",
            "95=1|96=secret|",
            "95=x|96=secret|",
            "554=secret",
            "96=secret",
        ] {
            assert!(!masked(odd).contains("secret"), "{odd}");
        }
        assert_eq!(masked("58=a\u{7}b\u{e9}\n|"), "58=a\\x07b\\xC3\\xA9\\x0A|");
        assert_eq!(masked("no field||=|x"), "no field||=|x");
    }

    #[test]
    fn each_message_is_a_line_in_a_file_of_its_own_that_only_the_owner_reads() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().join("fix");
        let log = FixLog::start(&folder, &["ALPHA", "a/b"]).expect("started");
        let mut tap = log.tap();
        let one = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01";
        assert!(tap.tell(0, Direction::In, 1_719_487_046_000_000_001, &[&one[..], one].concat()));
        assert!(tap.tell(1, Direction::Out, 0, b"garbage\x01"));
        drop(tap);
        drop(log);
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("readable");
        let line = "2024-06-27T11:17:26.000000001Z in 8=FIX.4.4|9=5|35=0|10=163|\n";
        assert_eq!(read("ALPHA.fix.log"), line.repeat(2));
        assert_eq!(read("a%2Fb.fix.log"), "1970-01-01T00:00:00.000000000Z out garbage|\n");
        let mode = |path: PathBuf| std::fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(folder.join("ALPHA.fix.log")), mode(folder.clone())), (0o600, 0o700));
    }

    #[test]
    fn files_are_rolled_by_size_and_the_oldest_go() {
        let dir = tempfile::tempdir().expect("folder");
        let log = FixLog::start_with(dir.path(), &["A"], 200).expect("started");
        let mut tap = log.tap();
        for number in 0..100 {
            assert!(tap.tell(0, Direction::Out, number, format!("58={number}\u{1}").as_bytes()));
        }
        drop(tap);
        drop(log);
        assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), FILES_MAX as usize);
        let newest = std::fs::read_to_string(dir.path().join("A.fix.log")).expect("readable");
        assert!(newest.contains("58=99|"), "{newest}");
        for file in std::fs::read_dir(dir.path()).expect("folder") {
            let bytes = file.expect("entry").metadata().expect("there").len();
            assert!(bytes <= 250, "{bytes}");
        }
    }

    #[test]
    fn no_link_is_followed_and_what_finds_no_room_is_counted() {
        let dir = tempfile::tempdir().expect("folder");
        std::os::unix::fs::symlink("/dev/null", dir.path().join("A.fix.log")).expect("a link");
        assert!(FixLog::start(dir.path(), &["A"]).is_err());
        let log = FixLog::start(dir.path(), &["B"]).expect("started");
        let mut tap = log.tap();
        assert!(!tap.tell(0, Direction::In, 0, &vec![b'x'; QUEUE_BYTES_MAX + 1]));
        assert!(tap.tell(0, Direction::In, 0, b"58=y\x01"), "later ones find room");
        drop(tap);
        drop(log);
        let text = std::fs::read_to_string(dir.path().join("B.fix.log")).expect("readable");
        assert!(text.contains("# 1 pieces of any session are missing"), "{text}");
    }
}
