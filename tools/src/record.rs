//! `rutter-tools record`: public books and trades of a venue, written to files as they come.
//!
//! A line belongs here if it decides what is recorded and in which file. The connection is the
//! adapter's own feed and carrier, so a recording has what the node would have seen; the format is
//! `recording`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::Input;
use rutter_feeds::FeedCommand;
use rutter_transport::driver::{Driver, DriverConfig};
use rutter_transport::machine::{Action, Endpoint, Event, Framing, LinkId, Machine, Outbox};
use rutter_transport::standing::Standing;
use rutter_transport::tls::ClientTls;
use rutter_venues::listing::FeedListing;
use rutter_venues::venue::Feed;
use rutter_venues::{binance, kraken};

use crate::clock::unix_ns;
use crate::interrupt;
use crate::recording::{Line, write};

/// Decimals of prices and quantities. A level that has more is not recorded as unreadable: texts
/// are written as they come.
const DECIMALS: u8 = 8;

/// How often what was written is given to the system.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Least size of a file, in megabytes.
const ROTATE_MB_MIN: u64 = 1;

const VENUE: VenueId = VenueId(0);
const MEGABYTE: u64 = 1_000_000;

/// Arguments of `record`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The venue: binance or kraken.
    #[arg(long)]
    venue: String,
    /// An instrument as the venue names it, such as BTCUSDT or BTC/USD; give the option once for
    /// each.
    #[arg(long = "symbol", required = true)]
    symbols: Vec<String>,
    /// Folder of the files; made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Address of the market data, in place of the venue's own.
    #[arg(long)]
    market_data: Option<String>,
    /// Base address of REST, in place of the venue's own.
    #[arg(long)]
    rest: Option<String>,
    /// File with certificates to trust, in place of the usual authorities.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Ends after so many seconds; without it, at Ctrl-C or SIGTERM.
    #[arg(long)]
    seconds: Option<u64>,
    /// A new file is begun when one has so many megabytes.
    #[arg(long, default_value_t = 1_000)]
    rotate_mb: u64,
}

/// The files of a recording, one after another.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    venue: String,
    url: String,
    limit: u64,
    written: u64,
    to: Option<BufWriter<File>>,
    /// Bytes of all files.
    total: u64,
    last_ns: u64,
}

impl Files {
    /// Writes a line. A new file begins with a connection, so that each can be played alone.
    fn line(&mut self, now_ns: u64, line: &Line) -> io::Result<()> {
        // The clock may be set back; times of a recording never go back.
        self.last_ns = self.last_ns.max(now_ns);
        let now_ns = self.last_ns;
        let begins = self.to.is_none();
        if begins {
            let name = format!("{}.{now_ns}.rec", self.venue);
            let path = self.folder.join(name);
            let file = OpenOptions::new().write(true).create_new(true).open(path)?;
            self.to = Some(BufWriter::new(file));
            self.written = 0;
        }
        let Some(to) = &mut self.to else { return Ok(()) };
        let mut bytes = Vec::new();
        if begins && !matches!(line, Line::Opened { .. }) {
            write(&mut bytes, now_ns, &Line::Opened { url: self.url.clone() })?;
        }
        write(&mut bytes, now_ns, line)?;
        to.write_all(&bytes)?;
        self.written += bytes.len() as u64;
        self.total += bytes.len() as u64;
        Ok(())
    }

    const fn is_full(&self) -> bool {
        self.written >= self.limit
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }

    fn end(&mut self) -> io::Result<()> {
        self.flush()?;
        self.to = None;
        Ok(())
    }
}

/// A feed whose messages are written as they come and go.
struct Recorder {
    feed: Feed,
    rest: String,
    files: Files,
    asked: Vec<(u64, String)>,
    messages: u64,
    connections: u64,
    fault: Option<io::Error>,
}

impl Recorder {
    fn write(&mut self, now_ns: u64, line: &Line) {
        if self.fault.is_none() {
            self.fault = self.files.line(now_ns, line).err();
        }
    }

    /// Writes what the feed wants to send, and remembers what it asks for.
    fn follow(&mut self, now_ns: u64, from: usize, out: &Outbox<Input>) {
        for action in out.actions.get(from..).unwrap_or_default() {
            match action {
                Action::Send(_, range) => {
                    let text = out.bytes.get(range.clone()).unwrap_or_default();
                    let text = String::from_utf8_lossy(text).into_owned();
                    self.write(now_ns, &Line::Sent { url: self.files.url.clone(), text });
                }
                Action::Http(request) => self.asked.push((request.id, request.target.clone())),
                Action::Connect(_) | Action::Close(_) => {}
            }
        }
    }
}

impl Machine for Recorder {
    type Command = FeedCommand;
    type Emission = Input;

    fn endpoints(&self) -> Vec<Endpoint> {
        self.feed.endpoints()
    }

    fn rest_base(&self) -> String {
        self.feed.rest_base()
    }

    fn start(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.feed.start(now_ns, out);
    }

    fn on_event(&mut self, now_ns: u64, event: Event<'_>, out: &mut Outbox<Input>) {
        match &event {
            Event::Connected(_) => {
                self.connections += 1;
                self.write(now_ns, &Line::Opened { url: self.files.url.clone() });
            }
            Event::Text(_, text) => {
                self.messages += 1;
                self.write(now_ns, &Line::Text((*text).to_owned()));
            }
            Event::Http(id, response) => {
                let at = self.asked.iter().position(|(asked, _)| asked == id);
                let asked = at.map(|at| self.asked.swap_remove(at));
                if let (Some((_, target)), Some(response)) = (asked, response)
                    && response.status == 200
                {
                    let url = format!("{}{target}", self.rest);
                    self.write(now_ns, &Line::Http { url, body: response.body.clone() });
                }
            }
            Event::Bytes(..) | Event::Alive(_) | Event::Closed(..) => {}
        }
        let from = out.actions.len();
        self.feed.on_event(now_ns, event, out);
        self.follow(now_ns, from, out);
    }

    fn on_command(&mut self, _now_ns: u64, command: &FeedCommand, _out: &mut Outbox<Input>) {
        match *command {}
    }

    fn flush(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.feed.flush(now_ns, out);
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let from = out.actions.len();
        self.feed.on_timer(now_ns, out);
        // A file begins with a snapshot of each book, so a full file ends with its connection.
        if self.files.is_full() {
            self.fault = self.fault.take().or_else(|| self.files.end().err());
            out.close(LinkId(0));
        }
        self.follow(now_ns, from, out);
    }

    fn next_timer_ns(&self) -> Option<u64> {
        self.feed.next_timer_ns()
    }

    fn standing(&self) -> Option<&Standing> {
        self.feed.standing()
    }
}

/// The endpoint of a WebSocket address.
fn endpoint(url: &str) -> anyhow::Result<Endpoint> {
    let (scheme, rest) =
        url.split_once("://").context("an address such as wss://host:port/path")?;
    let tls = match scheme {
        "wss" => true,
        "ws" => false,
        other => bail!("{other} is neither ws nor wss"),
    };
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let (host, port) = match host.split_once(':') {
        Some((host, port)) => (host, port.parse().context("the port")?),
        None => (host, if tls { 443 } else { 80 }),
    };
    let framing = Framing::WebSocket { target: format!("/{path}") };
    Ok(Endpoint { host: host.to_owned(), port, tls, framing })
}

/// The address of an endpoint.
fn address(endpoint: &Endpoint) -> String {
    let scheme = if endpoint.tls { "wss" } else { "ws" };
    let target = match &endpoint.framing {
        Framing::WebSocket { target } => target.as_str(),
        Framing::Raw => "",
    };
    format!("{scheme}://{}:{}{target}", endpoint.host, endpoint.port)
}

fn feed(arguments: &Arguments) -> anyhow::Result<Feed> {
    let listing = |(n, symbol): (usize, &String)| FeedListing {
        instrument: InstrumentId(n as u16),
        symbol: symbol.clone(),
        price_decimals: DECIMALS,
        qty_decimals: DECIMALS,
    };
    let listings = arguments.symbols.iter().enumerate().map(listing).collect();
    let market_data = arguments.market_data.as_deref().map(endpoint).transpose()?;
    Ok(match arguments.venue.as_str() {
        "binance" => {
            let usual = binance::feed::Config::new(VENUE);
            Box::new(binance::feed::BinanceFeed::new(binance::feed::Config {
                listings,
                endpoint: market_data.unwrap_or_else(|| usual.endpoint.clone()),
                rest_base: arguments.rest.clone().unwrap_or_else(|| usual.rest_base.clone()),
                ..usual
            })?)
        }
        "kraken" => {
            let usual = kraken::feed::Config::new(VENUE);
            Box::new(kraken::feed::KrakenFeed::new(kraken::feed::Config {
                listings,
                endpoint: market_data.unwrap_or_else(|| usual.endpoint.clone()),
                rest_base: arguments.rest.clone().unwrap_or_else(|| usual.rest_base.clone()),
                ..usual
            })?)
        }
        other => bail!("unknown venue {other}, expected binance or kraken"),
    })
}

/// Records until the time is over or a signal comes. Prints what was written.
///
/// # Errors
/// A setting that cannot be used, or a file that cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rotate_mb >= ROTATE_MB_MIN, "--rotate-mb: at least {ROTATE_MB_MIN}");
    fs::create_dir_all(&arguments.out).context("the folder of --out")?;
    let feed = feed(arguments)?;
    let url = feed.endpoints().first().map(address).context("the feed has a link")?;
    let files = Files {
        folder: arguments.out.clone(),
        venue: arguments.venue.clone(),
        url,
        limit: arguments.rotate_mb.saturating_mul(MEGABYTE),
        written: 0,
        to: None,
        total: 0,
        last_ns: 0,
    };
    let recorder = Recorder {
        rest: feed.rest_base(),
        feed,
        files,
        asked: Vec::new(),
        messages: 0,
        connections: 0,
        fault: None,
    };
    let config = DriverConfig {
        name: "record".to_owned(),
        tls: ClientTls::load(arguments.ca_file.as_deref())?,
        connect_timeout: Duration::from_secs(10),
        http_timeout: Duration::from_secs(10),
    };
    let stop = interrupt::flag()?;
    let mut driver = Driver::new(recorder, config, unix_ns)?;
    let started = Instant::now();
    let mut flushed = Instant::now();
    driver.start(&mut |_| ());
    let is_over = |started: Instant| {
        arguments.seconds.is_some_and(|seconds| started.elapsed() >= Duration::from_secs(seconds))
    };
    while !stop.load(Ordering::Relaxed) && !is_over(started) {
        driver.turn(|| None, &mut |_| ())?;
        driver.emit_held(&mut |_| ());
        driver.park(|| false, Duration::from_millis(100), &mut |_| ())?;
        if flushed.elapsed() >= FLUSH_EVERY {
            flushed = Instant::now();
            driver.machine_mut().files.flush()?;
        }
        if let Some(fault) = driver.machine_mut().fault.take() {
            return Err(fault).context("the recording cannot be written");
        }
    }
    let recorder = driver.machine_mut();
    recorder.files.end()?;
    let Recorder { messages, connections, files, .. } = recorder;
    println!("{messages} messages on {connections} connections, {} bytes", files.total);
    if let Some(why) = recorder.standing().and_then(|standing| standing.why) {
        println!("at the end: {}", why.help());
    }
    Ok(())
}
