//! `rutter top`: the node on one screen, again and again.
//!
//! A line belongs here if it uses the terminal, a thread or the socket. `keys` handles keys and
//! `view` draws frames; both are pure. One thread reads the status, another sends changes, each on
//! its own connection, and a third reads the keys. So neither a slow node nor a slow answer delays
//! the keys, and nothing that hangs keeps the screen from ending with its terminal or by a signal.

pub mod keys;
pub mod sample;
pub mod view;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, terminal};
use ratatui::Terminal;
use ratatui::backend::{CrosstermBackend, TestBackend};
use rutter_admin::console::verb::{OrderArg, Verb};
use serde_json::{Map, Value};

use super::Exit;
use super::client::{Answer, Client, ClientError};
use super::ctl::{now_ns, refusal};
use super::location::NodeLocation;
use super::render::{self, Look};
use super::request::Request;
use super::text::clean;
use super::tty::{self, Mode};
use keys::{Action, App, Key, View};
use sample::Sample;

/// Time between two requests.
const PERIOD: Duration = Duration::from_secs(1);
/// The same, when more is wanted.
const PERIOD_FAST: Duration = Duration::from_millis(250);
/// Longest wait for a key or an answer until the next frame, and until signals and the terminal
/// are looked at.
const FRAME_PERIOD: Duration = Duration::from_millis(50);
/// How long a screen that was told to end may take: a terminal that takes no bytes holds it up.
const END_GRACE: Duration = Duration::from_secs(1);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// A change may wait for the core, which has 5 s.
const PATIENCE_CHANGE: Duration = Duration::from_secs(10);
/// Number of requested orders.
const ORDERS_MAX: u64 = 200;
/// Keys, answers and changes that wait to be taken.
const WAITING_MAX: usize = 16;

/// `rutter top …`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// How to reach the node.
    #[command(flatten)]
    pub place: NodeLocation,
    /// One frame as plain text, after a second of looking, and end.
    #[arg(long)]
    pub once: bool,
    /// Width of the printed frame, columns.
    #[arg(long, default_value_t = 120, requires = "once",
          value_parser = clap::value_parser!(u16).range(1..=500))]
    pub width: u16,
    /// Height of the printed frame, lines.
    #[arg(long, default_value_t = 40, requires = "once",
          value_parser = clap::value_parser!(u16).range(1..=500))]
    pub height: u16,
}

/// Requests beside `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PanelQuery {
    order: Option<OrderArg>,
    venue: Option<String>,
    fast: bool,
}

enum TopEvent {
    Key(Key),
    /// The terminal cannot be read.
    Unreadable(std::io::Error),
    Sample(Box<Sample>),
    Lost(String),
    Answer {
        ticket: u64,
        said: String,
    },
}

/// Runs the command.
pub fn command(arguments: &Arguments) -> Exit {
    let path = match arguments.place.here() {
        Ok(path) => path,
        Err(message) => {
            complain(&message);
            return Exit::Usage;
        }
    };
    if arguments.once {
        return once(&path, arguments.width, arguments.height);
    }
    if !stdout().is_terminal() || !std::io::stdin().is_terminal() {
        complain("top needs a terminal; `top --once` prints one frame");
        return Exit::Usage;
    }
    match live(&path) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&format!("the terminal: {error}"));
            Exit::Usage
        }
    }
}

/// Nobody is left to tell where this fails.
fn complain(message: &str) {
    let _ = writeln!(stderr(), "rutter: {}", clean(message));
}

/// Asks twice, a second apart, for there are rates in the frame.
fn once(path: &Path, width: u16, height: u16) -> Exit {
    let mut app = App::default();
    let interest = PanelQuery::default();
    // Nobody wakes it: the second question waits its period.
    let (_wake, woken) = sync_channel::<()>(1);
    let asked = Client::connect(path, PATIENCE).and_then(|mut client| {
        app.heard(sample(&mut client, &interest)?);
        let _ = woken.recv_timeout(PERIOD);
        app.heard(sample(&mut client, &interest)?);
        Ok(())
    });
    if let Err(error) = asked {
        complain(&error.to_string());
        let lost = matches!(error, ClientError::Lost(_));
        return if lost { Exit::Unknown } else { Exit::Unreachable };
    }
    if let Some(refused) = app.sample.as_ref().and_then(|sample| sample.refused.as_ref()) {
        complain(refused);
        return Exit::Refused;
    }
    let _ = stdout().lock().write_all(frame(&app, width, height, now_ns()).as_bytes());
    Exit::Done
}

/// One frame as plain text, without blanks at the ends of lines.
pub fn frame(app: &App, width: u16, height: u16, now_ns: u64) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| view::draw(frame, app, now_ns));
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for row in 0..height {
        let cells = (0..width).filter_map(|column| buffer.cell((column, row)));
        let line: String = cells.map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Asks for everything that a frame needs.
fn sample(client: &mut Client, interest: &PanelQuery) -> Result<Sample, ClientError> {
    let greeting = client.greeting();
    let (user, role) = (greeting.user.clone(), greeting.role.clone());
    let mut sample = Sample { user, role, ..Sample::default() };
    let orders = Request::new(Verb::Orders)
        .with("venue", interest.venue.clone())
        .with("limit", Some(ORDERS_MAX));
    let refused = &mut sample.refused;
    sample.status = look(client, &Request::new(Verb::Status), refused)?.unwrap_or_default();
    sample.orders = look(client, &orders, refused)?.unwrap_or_default();
    if let Some(id) = interest.order.clone() {
        sample.order = look(client, &Request::new(Verb::Order).with("id", Some(id)), refused)?;
    }
    sample.heard_ns = now_ns();
    Ok(sample)
}

/// `None` where the node refuses; why is in `refused` then.
fn look(
    client: &mut Client,
    request: &Request,
    refused: &mut Option<String>,
) -> Result<Option<Value>, ClientError> {
    match client.ask(request.verb.name(), &request.args, PATIENCE)? {
        Answer::Ok(raw) => Ok(serde_json::from_str(raw.get()).ok()),
        Answer::Error(error, _) => {
            refused.get_or_insert_with(|| refusal(&error));
            Ok(None)
        }
    }
}

/// The terminal as `top` needs it; as it was when this is dropped, or the process panics.
struct Screen;

impl Screen {
    fn enter() -> std::io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            Self::restore();
            before(panic);
        }));
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }

    fn restore() {
        // There is nobody to tell when the terminal is gone.
        let _ = execute!(stdout(), terminal::LeaveAlternateScreen, cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        Self::restore();
    }
}

fn live(path: &Path) -> std::io::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    tty::end_by_signals(Mode::present()?, END_GRACE, move || {
        stopped.store(true, Ordering::Relaxed);
    })?;
    let interest = Arc::new(Mutex::new(PanelQuery::default()));
    let (heard, events) = sync_channel(WAITING_MAX);
    let (wake, woken) = sync_channel(1);
    let (send, changes) = sync_channel(WAITING_MAX);
    let (socket, shared, sender) = (path.to_owned(), Arc::clone(&interest), heard.clone());
    spawn("top-asks", move || asks(&socket, &shared, &sender, &woken))?;
    let (socket, sender) = (path.to_owned(), heard.clone());
    spawn("top-changes", move || carries_out(&socket, &changes, &sender))?;
    let _screen = Screen::enter()?;
    spawn("top-keys", move || reads_keys(&heard))?;
    let mut terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
    let mut top = Top { app: App::default(), interest, wake, send };
    while !stop.load(Ordering::Relaxed) {
        if let Some(why) = tty::ended() {
            return Err(std::io::Error::other(why));
        }
        terminal.draw(|frame| view::draw(frame, &top.app, now_ns()))?;
        let first = events.recv_timeout(FRAME_PERIOD).ok();
        for event in first.into_iter().chain(events.try_iter().take(WAITING_MAX)) {
            if top.take(event)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// The screen's state, and the threads that it hands work to.
struct Top {
    app: App,
    interest: Arc<Mutex<PanelQuery>>,
    wake: SyncSender<()>,
    send: SyncSender<(u64, Request)>,
}

impl Top {
    /// Takes what happened; breaks where the screen is left.
    fn take(&mut self, event: TopEvent) -> std::io::Result<ControlFlow<()>> {
        match event {
            TopEvent::Key(key) => return Ok(self.key(key)),
            TopEvent::Unreadable(error) => return Err(error),
            TopEvent::Sample(sample) => self.app.heard(*sample),
            TopEvent::Lost(why) => self.app.lost(why, now_ns()),
            TopEvent::Answer { ticket, said } => self.app.answered(ticket, said),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn key(&mut self, key: Key) -> ControlFlow<()> {
        match self.app.key(key) {
            Some(Action::Quit) => return ControlFlow::Break(()),
            Some(Action::Refresh) => {
                let interest = interest_of(&self.app);
                *self.interest.lock().unwrap_or_else(PoisonError::into_inner) = interest;
                // It is awake already where this is full.
                let _ = self.wake.try_send(());
            }
            Some(Action::Send { ticket, request }) => {
                let full = |_| "not sent: others still wait for the node".to_owned();
                if let Err(said) = self.send.try_send((ticket, request)).map_err(full) {
                    self.app.answered(ticket, said);
                }
            }
            None => {}
        }
        ControlFlow::Continue(())
    }
}

/// Reads keys until the terminal cannot be read. The library's reader never returns from a terminal
/// that was hung up, so the reader has a thread of its own, which ends with the process.
fn reads_keys(heard: &SyncSender<TopEvent>) {
    loop {
        let event = match event::read() {
            Ok(event) => key_of(&event).map(TopEvent::Key),
            Err(error) => Some(TopEvent::Unreadable(error)),
        };
        let ends = matches!(event, Some(TopEvent::Unreadable(_)));
        let gone = event.is_some_and(|event| heard.send(event).is_err());
        if ends || gone {
            return;
        }
    }
}

fn interest_of(app: &App) -> PanelQuery {
    let fast = app.fast;
    match &app.view {
        View::Overview => PanelQuery { fast, ..PanelQuery::default() },
        View::Order(id) => PanelQuery { order: Some(id.clone()), venue: None, fast },
        View::Venue(name) => PanelQuery { order: None, venue: Some(name.clone()), fast },
    }
}

fn key_of(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return None };
    if *kind == KeyEventKind::Release {
        return None;
    }
    if modifiers.contains(KeyModifiers::CONTROL) {
        return (*code == KeyCode::Char('c')).then_some(Key::Interrupt);
    }
    Some(match code {
        KeyCode::Char(c) => Key::Char(*c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

/// Sends requests until the receiver is gone; connects again when the connection is lost.
fn asks(
    path: &Path,
    interest: &Mutex<PanelQuery>,
    heard: &SyncSender<TopEvent>,
    woken: &Receiver<()>,
) {
    let mut client: Option<Client> = None;
    loop {
        let now = interest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connected = client.take().map_or_else(|| Client::connect(path, PATIENCE), Ok);
        let asked = connected.and_then(|mut live| {
            let sample = sample(&mut live, &now)?;
            client = Some(live);
            Ok(sample)
        });
        let event = match asked {
            Ok(sample) => TopEvent::Sample(Box::new(sample)),
            Err(error) => TopEvent::Lost(error.to_string()),
        };
        if heard.send(event).is_err() {
            return;
        }
        let period = if now.fast { PERIOD_FAST } else { PERIOD };
        if woken.recv_timeout(period) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Sends changes, each on a new connection.
fn carries_out(path: &Path, changes: &Receiver<(u64, Request)>, heard: &SyncSender<TopEvent>) {
    while let Ok((ticket, request)) = changes.recv() {
        let dry = request.args.contains_key("dry_run");
        let answer = Client::connect(path, PATIENCE)
            .and_then(|mut client| client.ask(request.verb.name(), &request.args, PATIENCE_CHANGE));
        let said = match answer {
            Ok(Answer::Ok(raw)) => {
                let ok = serde_json::from_str(raw.get()).unwrap_or(Value::Object(Map::new()));
                let look = Look { width: 72, now_ns: now_ns() };
                let lines = render::answer(request.verb, &ok, &look);
                lines.iter().map(super::text::Line::text).collect::<Vec<_>>().join("; ")
            }
            Ok(Answer::Error(error, _)) => refusal(&error),
            Err(error @ ClientError::Lost(_)) if !dry => {
                format!("{error}; it may have been carried out")
            }
            Err(error) => error.to_string(),
        };
        if heard.send(TopEvent::Answer { ticket, said }).is_err() {
            return;
        }
    }
}
