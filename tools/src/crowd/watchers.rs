//! Watching operators: ten consoles that each ask ten times a second, and a scrape of the metrics
//! every second.
//!
//! A line belongs here if it asks the console or the metrics.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::stage::Stage;
use crate::harness::CONSOLE;

const CONSOLES: usize = 10;
const ASK_PERIOD: Duration = Duration::from_millis(100);
const SCRAPE_PERIOD: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
/// The metrics are a copy made ten times a second, so they are up to date after this time.
const SNAPSHOT_LAG: Duration = Duration::from_millis(300);
/// The questions of `rutter top`, asked in turn.
const QUESTIONS: [&str; 5] = [
    r#"{"id":1,"verb":"status"}"#,
    r#"{"id":2,"verb":"venues"}"#,
    r#"{"id":3,"verb":"orders","args":{"limit":50}}"#,
    r#"{"id":4,"verb":"sessions"}"#,
    r#"{"id":5,"verb":"latency"}"#,
];

/// The node to watch.
#[derive(Debug)]
pub struct Watchers {
    /// The node's folder.
    pub folder: PathBuf,
    /// Address of the node's metrics.
    pub metrics: Option<SocketAddr>,
}

/// Operators that are watching.
#[derive(Debug)]
pub struct Looking {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Watchers {
    /// Starts to watch.
    pub fn start(&self) -> Looking {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for nth in 0..CONSOLES {
            let (path, stop) = (self.folder.join(CONSOLE), Arc::clone(&stop));
            // Spread over the period, like operators that start independently.
            let first = ASK_PERIOD * nth as u32 / CONSOLES as u32;
            threads.push(std::thread::spawn(move || ask(&path, first, &stop)));
        }
        if let Some(address) = self.metrics {
            let stop = Arc::clone(&stop);
            threads.push(std::thread::spawn(move || scrape(address, &stop)));
        }
        Looking { stop, threads }
    }
}

impl Looking {
    /// Stops watching.
    ///
    /// # Errors
    /// A question was not answered.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a watcher panicked"))??;
        }
        Ok(())
    }
}

impl Watchers {
    /// The core's stage of all orders so far. Waits until the metrics include the last order.
    ///
    /// # Errors
    /// The metrics do not answer, or have no such stage.
    pub fn core_stage(&self) -> anyhow::Result<Stage> {
        std::thread::park_timeout(SNAPSHOT_LAG);
        let address = self.metrics.context("no metrics")?;
        Stage::read(&page(address)?).context("no stage of the core in the metrics")
    }
}

/// Calls `look` once a period until `stop` is set.
fn each(
    period: Duration,
    first: Duration,
    stop: &AtomicBool,
    mut look: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut due = Instant::now() + first;
    while !stop.load(Ordering::Relaxed) {
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(early);
            continue;
        }
        look()?;
        due += period;
    }
    Ok(())
}

fn ask(path: &Path, first: Duration, stop: &AtomicBool) -> anyhow::Result<()> {
    let stream = UnixStream::connect(path).context("console")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(&stream).lines();
    lines.next().context("no hello")??;
    let mut questions = QUESTIONS.iter().cycle();
    each(ASK_PERIOD, first, stop, || {
        let question = questions.next().context("questions go round")?;
        (&stream).write_all(format!("{question}\n").as_bytes())?;
        let answer = lines.next().context("the console hung up")??;
        ensure!(answer.contains("\"ok\""), "{answer}");
        Ok(())
    })
}

fn scrape(address: SocketAddr, stop: &AtomicBool) -> anyhow::Result<()> {
    each(SCRAPE_PERIOD, Duration::ZERO, stop, || page(address).map(drop))
}

fn page(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).context("metrics")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: rutter\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(answer)
}
