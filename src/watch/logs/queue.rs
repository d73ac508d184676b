//! The queue between the logging threads and the writing thread, and the limit of repeated lines.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rutter_admin::printable::Escape;
use rutter_core::hash::Rolling;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::trace::TARGET;

/// Most lines that wait to be written; further lines are dropped and counted.
pub const LINES_MAX: usize = 8_192;

/// Most writings of the same line in one [`WINDOW`].
pub const REPEATS_MAX: u64 = 20;

/// Length of a window. At its end the left-out lines are reported, and counting starts again.
pub const WINDOW: Duration = Duration::from_secs(10);

/// Most different lines that are counted in one window; further ones are written without a limit.
pub const DIFFERENT_MAX: usize = 4_096;

/// Characters of a left-out line that the report shows.
const SHOWN_CHARS: usize = 200;

/// Longest wait for the last lines when logging ends.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Longest wait of the writing thread between two checks of the window.
const POLL_PERIOD: Duration = Duration::from_millis(100);

/// Lines that were not written, since the process began.
#[derive(Debug, Default)]
pub struct LogCounts {
    /// Lines dropped because the queue was full.
    pub dropped: AtomicU64,
    /// Lines left out because they repeated another line.
    pub repeated: AtomicU64,
}

static COUNTS: LogCounts = LogCounts { dropped: AtomicU64::new(0), repeated: AtomicU64::new(0) };

/// Lines of this process's log that were not written.
pub fn counts() -> &'static LogCounts {
    &COUNTS
}

/// The writer for logging threads; never waits.
#[derive(Clone, Debug)]
pub struct LineWriter {
    lines: SyncSender<Line>,
    counts: &'static LogCounts,
    is_limited: bool,
}

/// A line in the queue.
#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    /// True if repetitions of this line are limited.
    is_limited: bool,
}

impl Write for LineWriter {
    /// Each call writes one line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = Line { bytes: bytes.to_vec(), is_limited: self.is_limited };
        if self.lines.try_send(line).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LineWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }

    /// Lines about single orders are not limited: each fill is a separate event.
    fn make_writer_for(&self, about: &Metadata<'_>) -> Self {
        Self { is_limited: about.target() != TARGET, ..self.clone() }
    }
}

/// Dropped at the end: what waits is written first, if that takes no longer than a second.
#[derive(Debug)]
pub struct LogGuard {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        let Some(thread) = self.thread.take() else { return };
        let began = Instant::now();
        // A pipe that nobody reads must not keep a process that wants to end.
        while !thread.is_finished() && began.elapsed() < END_TIMEOUT {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
}

/// Starts the thread. Unprintable characters are written as `escape` does.
///
/// # Errors
/// Error of the operating system.
pub fn start(
    out: impl Write + Send + 'static,
    escape: Escape,
) -> io::Result<(LineWriter, LogGuard)> {
    start_counting(out, escape, &COUNTS)
}

fn start_counting(
    out: impl Write + Send + 'static,
    escape: Escape,
    counts: &'static LogCounts,
) -> io::Result<(LineWriter, LogGuard)> {
    let (lines, waiting) = sync_channel(LINES_MAX);
    let end = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&end);
    let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        let writer = Writer { out, escape, limiter: Limiter::default(), counts, dropped_told: 0 };
        writer.run(&waiting, &ending);
    })?;
    Ok((LineWriter { lines, counts, is_limited: true }, LogGuard { end, thread: Some(thread) }))
}

/// The writing thread's state.
struct Writer<W> {
    out: W,
    escape: Escape,
    limiter: Limiter,
    counts: &'static LogCounts,
    dropped_told: u64,
}

impl<W: Write> Writer<W> {
    fn run(mut self, lines: &Receiver<Line>, end: &AtomicBool) {
        let mut window_ends = Instant::now() + WINDOW;
        loop {
            let ending = end.load(Ordering::SeqCst);
            match lines.recv_timeout(if ending { Duration::ZERO } else { POLL_PERIOD }) {
                Ok(line) => self.line(&line),
                Err(RecvTimeoutError::Timeout) if !ending => {}
                Err(_) => break,
            }
            if Instant::now() >= window_ends {
                self.close_window();
                window_ends = Instant::now() + WINDOW;
            }
        }
        self.close_window();
    }

    /// Writes one line. A text within it cannot begin a line of its own.
    fn write(&mut self, line: &str, escape: Escape) {
        let mut line = escape.apply(line.strip_suffix('\n').unwrap_or(line)).into_owned();
        line.push('\n');
        // Where standard error goes is not ours to mend, so its errors are passed over.
        let _ = self.out.write_all(line.as_bytes());
    }

    fn line(&mut self, line: &Line) {
        if !line.is_limited || self.limiter.takes(&line.bytes) {
            let text = String::from_utf8_lossy(&line.bytes);
            self.write(&text, self.escape);
        } else {
            self.counts.repeated.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reports the left-out lines, always as JSON, so that a program can find them.
    fn close_window(&mut self) {
        for (count, shown) in self.limiter.close() {
            let line = serde_json::json!({
                "level": "warn", "event": "repeated lines left out", "count": count, "like": shown,
            });
            self.write(&line.to_string(), Escape::Json);
        }
        let dropped = self.counts.dropped.load(Ordering::Relaxed);
        if dropped > self.dropped_told {
            let count = dropped - self.dropped_told;
            let line = serde_json::json!({
                "level": "warn", "event": "log lines dropped", "count": count,
            });
            self.write(&line.to_string(), Escape::Json);
            self.dropped_told = dropped;
        }
    }
}

/// Counts lines that say the same but for their numbers.
#[derive(Debug, Default)]
struct Limiter {
    /// How often, and how the first one looked.
    seen: BTreeMap<u64, (u64, String)>,
}

impl Limiter {
    /// Whether a line is to be written.
    fn takes(&mut self, line: &[u8]) -> bool {
        let key = key(line);
        if let Some((count, _)) = self.seen.get_mut(&key) {
            *count += 1;
            return *count <= REPEATS_MAX;
        }
        if self.seen.len() < DIFFERENT_MAX {
            let text = String::from_utf8_lossy(line);
            let shown = text.trim_end().chars().take(SHOWN_CHARS).collect();
            self.seen.insert(key, (1, shown));
        }
        true
    }

    /// Ends the window. Returns each left-out line with its count.
    fn close(&mut self) -> Vec<(u64, String)> {
        let seen = std::mem::take(&mut self.seen);
        let over = seen.into_values().filter(|(count, _)| *count > REPEATS_MAX);
        over.map(|(count, shown)| (count - REPEATS_MAX, shown)).collect()
    }
}

/// A hash of a line without its digits.
fn key(line: &[u8]) -> u64 {
    let mut hash = Rolling::new(0);
    let (mut word, mut filled) = (0_u64, 0);
    for byte in line.iter().filter(|byte| !byte.is_ascii_digit()) {
        word = word << 8 | u64::from(*byte);
        filled += 1;
        if filled == 8 {
            hash.word(word);
            (word, filled) = (0, 0);
        }
    }
    hash.pair(word, filled);
    hash.value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_admin::printable::is_printable;
    use std::sync::Mutex;
    use std::sync::mpsc::Sender;

    fn fresh() -> &'static LogCounts {
        Box::leak(Box::default())
    }

    #[derive(Clone, Default)]
    struct CapturedLogs(Arc<Mutex<Vec<u8>>>);

    impl CapturedLogs {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("held by one").clone()).expect("text")
        }
    }

    impl Write for CapturedLogs {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("held by one").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Says that it is asked to write, and then writes nothing until it may.
    struct Stuck(Sender<()>, Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(());
            let _ = self.1.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_says_the_same_again_is_written_so_often_and_then_counted() {
        let (kept, counts) = (CapturedLogs::default(), fresh());
        let (mut writer, guard) =
            start_counting(kept.clone(), Escape::Text, counts).expect("starts");
        for number in 0..REPEATS_MAX + 5 {
            writer
                .write_all(format!("12:00:{number} refused {number}\n").as_bytes())
                .expect("taken");
        }
        writer.write_all(b"12:00:99 something else\n").expect("taken");
        drop((writer, guard));
        let text = kept.text();
        assert_eq!(text.matches(" refused ").count() as u64, REPEATS_MAX + 1, "{text}");
        assert!(text.contains("something else"));
        let told = text.lines().last().expect("a line");
        let told: serde_json::Value = serde_json::from_str(told).expect("JSON");
        assert_eq!(
            (&told["count"], &told["event"]),
            (&5.into(), &"repeated lines left out".into())
        );
        assert_eq!(counts.repeated.load(Ordering::Relaxed), 5);
    }

    /// A client's text with a line of its own, and with commands for the reader's terminal.
    #[test]
    fn a_text_within_a_line_begins_no_line_and_commands_no_terminal() {
        let evil = "x\n2026-01-01 INFO all is well\u{9b}2J\u{202e}\u{2028}";
        for escape in [Escape::Text, Escape::Json] {
            let (kept, counts) = (CapturedLogs::default(), fresh());
            let (writer, guard) = start_counting(kept.clone(), escape, counts).expect("starts");
            let lines = tracing_subscriber::fmt().with_writer(writer);
            if escape == Escape::Text {
                let subscriber = lines.finish();
                tracing::subscriber::with_default(subscriber, || tracing::info!("{evil}"));
            } else {
                let subscriber = lines.event_format(super::super::json::JsonLine).finish();
                tracing::subscriber::with_default(subscriber, || tracing::info!(said = evil, "x"));
            }
            drop(guard);
            let text = kept.text();
            assert!(text.trim_end_matches('\n').chars().all(is_printable), "{text:?}");
            if escape == Escape::Json {
                let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(line["said"], evil, "a program reads what was said");
            }
        }
    }

    #[test]
    fn lines_about_orders_are_written_however_alike_they_are() {
        let (kept, counts) = (CapturedLogs::default(), fresh());
        let (writer, guard) = start_counting(kept.clone(), Escape::Text, counts).expect("starts");
        let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..REPEATS_MAX + 5 {
                tracing::info!(target: TARGET, number, "fill");
                tracing::info!(number, "other");
            }
        });
        drop(guard);
        let text = kept.text();
        assert_eq!(text.matches("order: fill").count() as u64, REPEATS_MAX + 5, "{text}");
        assert_eq!(counts.repeated.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_nobody_waits() {
        let (asked, is_asked) = std::sync::mpsc::channel();
        let (let_go, may_go) = std::sync::mpsc::channel();
        let counts = fresh();
        let (mut writer, guard) =
            start_counting(Stuck(asked, may_go), Escape::Text, counts).expect("starts");
        writer.write_all(b"first\n").expect("taken");
        // The thread has the first line in its hand; the queue is empty.
        is_asked.recv().expect("asked");
        for _ in 0..LINES_MAX + 7 {
            writer.write_all(b"more\n").expect("taken or dropped, at once");
        }
        assert_eq!(counts.dropped.load(Ordering::Relaxed), 7);
        drop(let_go);
        drop((writer, guard));
    }

    #[test]
    fn an_end_does_not_wait_for_a_pipe_that_nobody_reads() {
        let (asked, is_asked) = std::sync::mpsc::channel();
        let (_let_go, may_go) = std::sync::mpsc::channel();
        let (mut writer, guard) =
            start_counting(Stuck(asked, may_go), Escape::Text, fresh()).expect("starts");
        writer.write_all(b"first\n").expect("taken");
        is_asked.recv().expect("asked");
        let began = Instant::now();
        drop(guard);
        assert!(began.elapsed() < 2 * END_TIMEOUT);
    }

    #[test]
    fn so_many_different_lines_do_not_take_more_and_more_memory() {
        let mut limiter = Limiter::default();
        let letters = |n: usize| -> String {
            n.to_string().bytes().map(|digit| char::from(digit + (b'a' - b'0'))).collect()
        };
        for n in 0..2 * DIFFERENT_MAX {
            assert!(limiter.takes(letters(n).as_bytes()));
        }
        assert_eq!(limiter.seen.len(), DIFFERENT_MAX);
    }
}
