//! What each key does: a pure state machine from keys and answers to actions.

use rutter_admin::console::verb::{OrderArg, Verb};
use serde_json::Value;

use super::super::render::{number, rows, word};
use super::super::request::Request;
use super::sample::{Rates, Sample};

/// A node without an answer for longer is shown as silent, nanoseconds: answers come each second.
const SILENCE_NS_MAX: u64 = 2_500_000_000;

/// Rows that Page Up and Page Down go.
const PAGE: usize = 10;

/// Longest text that is typed into a field.
const FIELD_CHARS_MAX: usize = 64;

/// A key, whatever terminal it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Opens, or goes on.
    Enter,
    /// The Escape key: back.
    Esc,
    /// The next list.
    Tab,
    /// The list before.
    BackTab,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// Many rows up.
    PageUp,
    /// Many rows down.
    PageDown,
    /// Takes a character back.
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// Action for the main loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave the program.
    Quit,
    /// Send new requests: another panel or item is shown.
    Refresh,
    /// Send this; the answer comes back with the ticket.
    Send {
        /// The number that the answer comes back with.
        ticket: u64,
        /// The request.
        request: Request,
    },
}

/// A list that rows can be chosen in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// Venues.
    #[default]
    Venues,
    /// Sessions.
    Sessions,
    /// Orders.
    Orders,
}

/// What the screen shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Everything.
    #[default]
    Overview,
    /// One order.
    Order(OrderArg),
    /// One venue, and the orders there.
    Venue(String),
}

/// What the keys act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The lists.
    #[default]
    Lists,
    /// The filter is typed.
    Filter,
    /// The id of an order is typed, to open the order.
    Name(String),
    /// The keys are explained.
    Help,
    /// A halt or a resume is prepared.
    Dialog(Dialog),
}

/// Which field of a dialog is typed into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The reason.
    Reason,
    /// The authenticator's code; only to resume.
    Code,
    /// The word that confirms.
    Word,
}

/// A scope: what kind and which; `None` is everything.
pub type Chosen = Option<(&'static str, String)>;

/// A halt or a resume in preparation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// A halt or a resume.
    pub verb: Verb,
    /// The scopes that may be chosen.
    pub scopes: Vec<Chosen>,
    /// The index of the chosen scope.
    pub at: usize,
    /// The field that is typed into.
    pub field: Field,
    /// The reason as typed so far.
    pub reason: String,
    /// The authenticator's code, or nothing.
    pub code: String,
    /// The confirming word as typed so far.
    pub word: String,
    /// The node's answer to the dry run.
    pub would: String,
    /// The answer to the request.
    pub outcome: String,
    /// It is with the node.
    pub sent: bool,
}

impl Dialog {
    fn new(verb: Verb, scopes: Vec<Chosen>) -> Self {
        Self {
            verb,
            scopes,
            at: 0,
            field: Field::Reason,
            reason: String::new(),
            code: String::new(),
            word: String::new(),
            would: String::new(),
            outcome: String::new(),
            sent: false,
        }
    }

    /// The word that confirms.
    pub fn confirmation(&self) -> String {
        self.verb.name().to_ascii_uppercase()
    }

    fn request(&self, dry: bool) -> Request {
        let reason = if dry { "dry run" } else { self.reason.as_str() };
        let mut request = Request::new(self.verb).with("reason", Some(reason));
        if let Some(Some((kind, name))) = self.scopes.get(self.at) {
            request = request.with(kind, Some(name.clone()));
        }
        let code = (!dry && !self.code.is_empty()).then(|| self.code.clone());
        request.with("totp", code).with("dry_run", dry.then_some(true))
    }

    fn typed(&mut self) -> &mut String {
        match self.field {
            Field::Reason => &mut self.reason,
            Field::Code => &mut self.code,
            Field::Word => &mut self.word,
        }
    }
}

/// Everything that is shown.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// The last answers; none before the first.
    pub sample: Option<Sample>,
    /// How fast it goes; none before the second answers.
    pub rates: Option<Rates>,
    /// Why the node is not heard, and since when there is no connection.
    pub lost: Option<(String, u64)>,
    /// What fills the screen.
    pub view: View,
    /// Who gets the keys.
    pub mode: Mode,
    /// The list with the marked row.
    pub focus: Panel,
    /// The marked row of each list, and the first line of an order's story.
    pub marked: [usize; 4],
    /// Only rows with this in them.
    pub filter: String,
    /// Four times a second and not once.
    pub fast: bool,
    ticket: u64,
}

impl App {
    /// Takes new answers.
    pub fn heard(&mut self, sample: Sample) {
        let before = self.sample.as_ref().map(|before| &before.status);
        let rates = before.and_then(|before| Rates::between(before, &sample.status));
        // Two answers of one moment tell nothing new.
        let moved = self.sample.as_ref().is_none_or(|before| before.now_ns() != sample.now_ns());
        if moved {
            self.rates = rates;
        }
        self.sample = Some(sample);
        self.lost = None;
        for panel in [Panel::Venues, Panel::Sessions, Panel::Orders] {
            let last = self.rows(panel).len().saturating_sub(1);
            let mark = &mut self.marked[panel as usize];
            *mark = (*mark).min(last);
        }
    }

    /// The node is not heard.
    pub fn lost(&mut self, why: String, now_ns: u64) {
        let since = self.lost.as_ref().map_or(now_ns, |(_, since)| *since);
        self.lost = Some((why, since));
        self.rates = None;
    }

    /// How long there has been no answer, nanoseconds; `None` while the node answers.
    pub fn silence_ns(&self, now_ns: u64) -> Option<u64> {
        let heard_ns = self.sample.as_ref().map(|sample| sample.heard_ns);
        let lost_ns = self.lost.as_ref().map(|(_, since_ns)| *since_ns);
        let silence_ns = now_ns.saturating_sub(heard_ns.or(lost_ns)?);
        (self.lost.is_some() || silence_ns > SILENCE_NS_MAX).then_some(silence_ns)
    }

    /// A request was answered: in words, and whether it was done.
    pub fn answered(&mut self, ticket: u64, said: String) {
        let current = self.ticket;
        if let Mode::Dialog(dialog) = &mut self.mode
            && ticket == current
        {
            if dialog.sent {
                dialog.outcome = said;
                dialog.sent = false;
                dialog.word.clear();
            } else {
                dialog.would = said;
            }
        }
    }

    /// The rows of a list that the filter leaves.
    pub fn rows(&self, panel: Panel) -> Vec<&Value> {
        let Some(sample) = &self.sample else { return Vec::new() };
        let rows = match panel {
            Panel::Venues => sample.venues(),
            Panel::Sessions => rows(&sample.status, "sessions"),
            Panel::Orders => rows(&sample.orders, "orders"),
        };
        let needle = self.filter.to_lowercase();
        rows.iter().filter(|row| needle.is_empty() || holds(row, &needle)).collect()
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key) -> Option<Action> {
        if key == Key::Interrupt {
            return Some(Action::Quit);
        }
        match &self.mode {
            Mode::Lists => self.list_key(key),
            Mode::Filter => self.filter_key(key),
            Mode::Name(_) => self.name_key(key),
            Mode::Help => {
                self.mode = Mode::Lists;
                None
            }
            Mode::Dialog(_) => self.dialog_key(key),
        }
    }

    fn list_key(&mut self, key: Key) -> Option<Action> {
        match key {
            Key::Char('q') => return Some(Action::Quit),
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Char('o') => self.mode = Mode::Name(String::new()),
            Key::Char('f') => {
                self.fast = !self.fast;
                return Some(Action::Refresh);
            }
            Key::Char('h') => return self.open_dialog(Verb::Halt, self.scopes_to_halt()),
            Key::Char('r') => return self.open_dialog(Verb::Resume, self.scopes_to_resume()),
            Key::Tab => self.focus = next(self.focus),
            Key::BackTab => self.focus = next(next(self.focus)),
            Key::Up | Key::Char('k') => self.go(false, 1),
            Key::Down | Key::Char('j') => self.go(true, 1),
            Key::PageUp => self.go(false, PAGE),
            Key::PageDown => self.go(true, PAGE),
            Key::Enter => return self.open(),
            Key::Esc => return self.back(),
            _ => {}
        }
        None
    }

    fn go(&mut self, down: bool, by: usize) {
        let slot = if matches!(self.view, View::Order(_)) { 3 } else { self.list() as usize };
        let last = if slot == 3 { usize::MAX } else { self.rows(self.list()).len() };
        let mark = &mut self.marked[slot];
        *mark = if down { mark.saturating_add(by) } else { mark.saturating_sub(by) };
        *mark = (*mark).min(last.saturating_sub(1));
    }

    /// The list that is on the screen and has the marked row.
    pub fn list(&self) -> Panel {
        if self.view == View::Overview { self.focus } else { Panel::Orders }
    }

    fn marked_row(&self) -> Option<&Value> {
        let panel = self.list();
        self.rows(panel).get(self.marked[panel as usize]).copied()
    }

    fn open(&mut self) -> Option<Action> {
        if matches!(self.view, View::Order(_)) {
            return None;
        }
        let row = self.marked_row()?;
        self.view = match self.list() {
            Panel::Venues => View::Venue(word(row, "name")),
            Panel::Orders => View::Order(OrderArg::Number(number(row, "id")?)),
            Panel::Sessions => return None,
        };
        self.marked[3] = 0;
        if matches!(self.view, View::Venue(_)) {
            self.marked[Panel::Orders as usize] = 0;
        }
        Some(Action::Refresh)
    }

    fn back(&mut self) -> Option<Action> {
        if self.view == View::Overview {
            self.filter.clear();
            return None;
        }
        self.view = View::Overview;
        Some(Action::Refresh)
    }

    fn filter_key(&mut self, key: Key) -> Option<Action> {
        match key {
            Key::Char(c) if self.filter.chars().count() < FIELD_CHARS_MAX => self.filter.push(c),
            Key::Backspace => _ = self.filter.pop(),
            Key::Enter => self.mode = Mode::Lists,
            Key::Esc => {
                self.filter.clear();
                self.mode = Mode::Lists;
            }
            _ => {}
        }
        self.marked = [0; 4];
        None
    }

    fn name_key(&mut self, key: Key) -> Option<Action> {
        let Mode::Name(name) = &mut self.mode else { return None };
        match key {
            Key::Char(c) if name.chars().count() < FIELD_CHARS_MAX => name.push(c),
            Key::Backspace => _ = name.pop(),
            Key::Enter if !name.is_empty() => {
                self.view = View::Order(OrderArg::Text(std::mem::take(name)));
                self.marked[3] = 0;
                self.mode = Mode::Lists;
                if let Some(sample) = &mut self.sample {
                    sample.order = None;
                }
                return Some(Action::Refresh);
            }
            Key::Enter | Key::Esc => self.mode = Mode::Lists,
            _ => {}
        }
        None
    }

    /// Scopes that can be halted: everything, and the marked item.
    fn scopes_to_halt(&self) -> Vec<Chosen> {
        let mut scopes = vec![None];
        if let View::Venue(venue) = &self.view {
            scopes.push(Some(("venue", venue.clone())));
        }
        if let Some(row) = self.marked_row() {
            match self.list() {
                Panel::Venues => scopes.push(Some(("venue", word(row, "name")))),
                Panel::Sessions => scopes.push(Some(("session", word(row, "name")))),
                Panel::Orders => {
                    for kind in ["symbol", "session", "account"] {
                        scopes.push(Some((kind, word(row, kind))));
                    }
                }
            }
        }
        scopes
    }

    /// Scopes that are halted.
    fn scopes_to_resume(&self) -> Vec<Chosen> {
        let Some(sample) = &self.sample else { return vec![None] };
        let kinds = ["venue", "symbol", "session", "account"];
        let scopes = rows(&sample.status, "halts").iter().map(|halt| {
            kinds.into_iter().find_map(|kind| Some((kind, halt.get(kind)?.as_str()?.to_owned())))
        });
        let scopes: Vec<Chosen> = scopes.collect();
        if scopes.is_empty() { vec![None] } else { scopes }
    }

    fn open_dialog(&mut self, verb: Verb, scopes: Vec<Chosen>) -> Option<Action> {
        self.mode = Mode::Dialog(Dialog::new(verb, scopes));
        self.ask_what_would_be()
    }

    fn ask_what_would_be(&mut self) -> Option<Action> {
        self.ticket += 1;
        let ticket = self.ticket;
        let Mode::Dialog(dialog) = &mut self.mode else { return None };
        dialog.would.clear();
        Some(Action::Send { ticket, request: dialog.request(true) })
    }

    fn dialog_key(&mut self, key: Key) -> Option<Action> {
        let Mode::Dialog(dialog) = &mut self.mode else { return None };
        match key {
            Key::Esc => self.mode = Mode::Lists,
            // It is with the node: only leaving is left.
            _ if dialog.sent => {}
            Key::Up | Key::Down if dialog.scopes.len() > 1 => {
                let by = if key == Key::Down { 1 } else { dialog.scopes.len() - 1 };
                dialog.at = (dialog.at + by) % dialog.scopes.len();
                dialog.word.clear();
                return self.ask_what_would_be();
            }
            Key::Char(c) if dialog.typed().chars().count() < FIELD_CHARS_MAX => {
                dialog.typed().push(c);
            }
            Key::Backspace => _ = dialog.typed().pop(),
            Key::BackTab => dialog.field = Field::Reason,
            Key::Enter | Key::Tab => return self.go_on(key == Key::Enter),
            _ => {}
        }
        None
    }

    /// The next field; from the last, with the right word, the node.
    fn go_on(&mut self, enter: bool) -> Option<Action> {
        let ticket = self.ticket + 1;
        let Mode::Dialog(dialog) = &mut self.mode else { return None };
        dialog.outcome.clear();
        if dialog.field == Field::Reason {
            if let Err(failure) = dialog.verb.check_reason(&dialog.reason) {
                dialog.outcome = failure.message;
                return None;
            }
            dialog.field = if dialog.verb == Verb::Resume { Field::Code } else { Field::Word };
            return None;
        }
        if dialog.field == Field::Code || !enter {
            dialog.field = Field::Word;
            return None;
        }
        if dialog.word != dialog.confirmation() {
            dialog.outcome = format!("type {} to do it", dialog.confirmation());
            dialog.word.clear();
            return None;
        }
        dialog.sent = true;
        self.ticket = ticket;
        Some(Action::Send { ticket, request: dialog.request(false) })
    }
}

const fn next(panel: Panel) -> Panel {
    match panel {
        Panel::Venues => Panel::Sessions,
        Panel::Sessions => Panel::Orders,
        Panel::Orders => Panel::Venues,
    }
}

/// Some value in `value` has `needle`, which is in small letters, in it.
fn holds(value: &Value, needle: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(needle),
        Value::Number(number) => number.to_string().contains(needle),
        Value::Array(values) => values.iter().any(|value| holds(value, needle)),
        Value::Object(members) => members.values().any(|value| holds(value, needle)),
        Value::Null | Value::Bool(_) => false,
    }
}
