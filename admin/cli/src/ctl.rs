//! `rutter ctl`: one verb, one answer, one exit code.
//!
//! A line belongs here if it is between a parsed command line and the exit code: the questions that
//! a person at a terminal is asked, and where the answer is printed. `rutter console` carries its
//! lines out by the same function.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rutter_admin::console::verb::Verb;
use rutter_admin::printable::json_line;
use serde_json::Value;

use super::Exit;
use super::client::{Answer, Client, ClientError, NodeError};
use super::location::NodeLocation;
use super::render::{self, Look};
use super::request::Request;
use super::text::{Line, clean, painted};

/// Time for the connection, and for the answer, if no other is given, seconds.
const TIMEOUT_S: u64 = 10;

/// Width of a table that goes to a file or a pipe.
const WIDTH_WITHOUT_TERMINAL: usize = 160;

/// Longest line that is taken as the answer to a question.
const ANSWER_BYTES_MAX: u64 = 1_024;

/// `rutter ctl …`
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_subcommand = true)]
pub struct Arguments {
    /// How to reach the node.
    #[command(flatten)]
    pub place: NodeLocation,
    /// In which way.
    #[command(flatten)]
    pub options: RunOptions,
    /// The verb and its arguments.
    #[command(subcommand)]
    pub request: Request,
}

impl Arguments {
    /// Those of a verb that reads and is given no option.
    pub fn look(verb: Verb, place: NodeLocation) -> Self {
        let options = RunOptions { timeout: TIMEOUT_S, ..RunOptions::default() };
        Self { place, options, request: Request::new(verb) }
    }
}

/// In which way a verb is carried out.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RunOptions {
    /// The node's answer as one line of JSON, unchanged; an error too, on the standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Of a change: only say what would be done.
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Of a change: why. 1 to 64 bytes of printable ASCII; of a halt any text of up to 1,024 bytes,
    /// of which the journal keeps 64 characters. Asked for at a terminal.
    #[arg(long, global = true, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Seconds to wait for the connection, and for the answer.
    #[arg(long, global = true, value_name = "S", default_value_t = TIMEOUT_S,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub timeout: u64,
    /// Do not ask before a wide change: everything halted, all orders cancelled, a shutdown.
    #[arg(long, global = true)]
    pub yes: bool,
}

impl RunOptions {
    /// How long is waited.
    pub const fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// Who reads and types.
pub struct Terminal<'a> {
    /// Somebody can be asked.
    pub interactive: bool,
    /// Control sequences reach a screen.
    pub out_is_terminal: bool,
    /// Columns, and whether in colour.
    pub width: usize,
    /// True if the terminal shows colours.
    pub color: bool,
    /// Asks one question; `None` at the end of the input.
    pub ask: &'a mut dyn FnMut(&str) -> Option<String>,
    /// Standard output, for answers.
    pub out: &'a mut dyn Write,
    /// Standard error, for messages.
    pub err: &'a mut dyn Write,
}

impl Terminal<'_> {
    /// Nobody is left to tell where these fail: the pipe's reader has gone.
    pub fn say(&mut self, lines: &[Line]) {
        let _ = self.out.write_all(painted(lines, self.color).as_bytes());
        let _ = self.out.flush();
    }

    fn complain(&mut self, message: &str) {
        let _ = writeln!(self.err, "rutter: {}", clean(message));
    }

    fn ask(&mut self, question: &str) -> Option<String> {
        (self.ask)(question).map(|answer| answer.trim().to_owned())
    }
}

/// Asks on the standard error, so that the standard output is the answer alone.
fn ask(question: &str) -> Option<String> {
    let mut err = std::io::stderr().lock();
    // Where it cannot be asked, nobody answers.
    err.write_all(question.as_bytes()).and_then(|()| err.flush()).ok()?;
    let mut line = String::new();
    let read = std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut line).ok()?;
    (read > 0).then_some(line)
}

/// Time for the ages in an answer.
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Columns of the terminal, or of a table that goes elsewhere.
pub fn width() -> usize {
    if !std::io::stdout().is_terminal() {
        return WIDTH_WITHOUT_TERMINAL;
    }
    crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns).max(20))
}

/// Colours are for a terminal, and only if `NO_COLOR` is not set (no-color.org).
pub fn wants_color() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

/// The command, on this process's own input and output.
pub fn command(arguments: &Arguments) -> Exit {
    let interactive = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut terminal = Terminal {
        interactive,
        out_is_terminal: std::io::stdout().is_terminal(),
        width: width(),
        color: wants_color(),
        ask: &mut ask,
        out: &mut std::io::stdout().lock(),
        err: &mut std::io::stderr().lock(),
    };
    let path = match arguments.place.here() {
        Ok(path) => path,
        Err(message) => {
            return told(&mut terminal, &arguments.options, "usage", Exit::Usage, &message);
        }
    };
    let connect = || Client::connect(&path, arguments.options.patience());
    run(&arguments.request, &arguments.options, &mut terminal, connect)
}

/// Checks what needs no node, connects, and carries it out.
pub fn run(
    request: &Request,
    options: &RunOptions,
    terminal: &mut Terminal<'_>,
    connect: impl FnOnce() -> Result<Client, ClientError>,
) -> Exit {
    let request = match prepared(request, options, terminal) {
        Ok(request) => request,
        Err(message) => return told(terminal, options, "usage", Exit::Usage, &message),
    };
    match connect() {
        Ok(mut client) => carry_out(request, options, terminal, &mut client),
        Err(error) => failed(&error, &request, terminal, options),
    }
}

/// Builds the request with its reason. Typing errors are found before anything is sent.
fn prepared(
    request: &Request,
    options: &RunOptions,
    terminal: &mut Terminal<'_>,
) -> Result<Request, String> {
    let (request, verb) = (request.clone(), request.verb);
    if !verb.changes() {
        return match (options.dry_run, &options.reason) {
            (false, None) => Ok(request),
            _ => Err(format!("`{}` changes nothing: no --dry-run, no --reason", verb.name())),
        };
    }
    let reason = match request.args.get("reason").and_then(Value::as_str) {
        Some(_) if options.reason.is_some() => return Err("the text is the reason".to_owned()),
        Some(text) => text.to_owned(),
        None => reason(options, terminal)?,
    };
    verb.check_reason(&reason).map_err(|failure| failure.message)?;
    Ok(request.with("reason", Some(reason)))
}

fn reason(options: &RunOptions, terminal: &mut Terminal<'_>) -> Result<String, String> {
    if let Some(reason) = &options.reason {
        return Ok(reason.clone());
    }
    if options.dry_run {
        return Ok("dry run".to_owned());
    }
    let missing = || "a change needs --reason TEXT".to_owned();
    if !terminal.interactive {
        return Err(missing());
    }
    terminal.ask("reason: ").filter(|reason| !reason.is_empty()).ok_or_else(missing)
}

/// Asks the necessary questions, sends the request, and prints the answer.
pub fn carry_out(
    mut request: Request,
    options: &RunOptions,
    terminal: &mut Terminal<'_>,
    client: &mut Client,
) -> Exit {
    if options.dry_run {
        request.args.insert("dry_run".to_owned(), Value::from(true));
    } else if request.needs_confirmation()
        && terminal.interactive
        && !options.yes
        && let Err(exit) = confirmed(&request, options, terminal, client)
    {
        return exit;
    }
    let mut answer = client.ask(request.verb.name(), &request.args, options.patience());
    if let Ok(Answer::Error(error, _)) = &answer
        && error.code == "totp_required"
        && terminal.interactive
        && let Some(code) = terminal.ask("code: ")
    {
        request.args.insert("totp".to_owned(), Value::from(code));
        answer = client.ask(request.verb.name(), &request.args, options.patience());
    }
    match answer {
        Ok(answer) => answered(&answer, &request, options, terminal),
        Err(error) => failed(&error, &request, terminal, options),
    }
}

/// Shows what would be done, and asks.
fn confirmed(
    request: &Request,
    options: &RunOptions,
    terminal: &mut Terminal<'_>,
    client: &mut Client,
) -> Result<(), Exit> {
    let mut dry = request.clone();
    dry.args.insert("dry_run".to_owned(), Value::from(true));
    let answer = client
        .ask(dry.verb.name(), &dry.args, options.patience())
        .map_err(|error| failed(&error, &Request::new(dry.verb), terminal, options))?;
    let Answer::Ok(raw) = &answer else {
        return Err(answered(&answer, request, options, terminal));
    };
    let ok = serde_json::from_str(raw.get()).unwrap_or_default();
    let lines = render::answer(dry.verb, &ok, &Look { width: terminal.width, now_ns: now_ns() });
    let _ = terminal.err.write_all(painted(&lines, terminal.color).as_bytes());
    if terminal.ask("type yes to do it: ").as_deref() == Some("yes") {
        return Ok(());
    }
    terminal.complain("not confirmed: nothing was done");
    Err(Exit::Refused)
}

fn answered(
    answer: &Answer,
    request: &Request,
    options: &RunOptions,
    terminal: &mut Terminal<'_>,
) -> Exit {
    match answer {
        Answer::Ok(raw) => {
            if options.json {
                print_json(raw.get(), terminal);
                return Exit::Done;
            }
            let Ok(ok) = serde_json::from_str::<Value>(raw.get()) else {
                terminal.complain("the node's answer cannot be shown; --json has it as it is");
                return Exit::Unknown;
            };
            let look = Look { width: terminal.width, now_ns: now_ns() };
            terminal.say(&render::answer(request.verb, &ok, &look));
            Exit::Done
        }
        Answer::Error(error, raw) => {
            if options.json {
                print_json(raw.get(), terminal);
            } else {
                terminal.complain(&refusal(error));
            }
            exit_of(error, request)
        }
    }
}

/// The contract's `timeout` leaves open what became of a change.
pub fn exit_of(error: &NodeError, request: &Request) -> Exit {
    match error.code.as_str() {
        "needs_second_person" => Exit::SecondPerson,
        "timeout" if request.verb.changes() => Exit::Unknown,
        _ => Exit::Refused,
    }
}

/// A refusal as a sentence.
pub fn refusal(error: &NodeError) -> String {
    let mut said = match error.message.as_str() {
        "" => error.code.clone(),
        message => format!("{message} ({})", error.code),
    };
    // Writing to a String cannot fail.
    if let Some(refusal) = &error.refusal {
        let _ = write!(said, "; the core says: {refusal}");
    }
    if let Some(seq) = error.seq {
        let _ = write!(said, "; journaled as {seq}");
    }
    if error.code == "needs_second_person"
        && let Some(pending) = error.pending
    {
        let _ = write!(said, "; another person may type: approve {pending}");
    }
    if error.code == "timeout" {
        said.push_str("; it may be carried out all the same: look at `commands` and `journal`");
    }
    said
}

fn failed(
    error: &ClientError,
    request: &Request,
    terminal: &mut Terminal<'_>,
    options: &RunOptions,
) -> Exit {
    let dry = request.args.get("dry_run").is_some_and(|dry| dry == true);
    let unreachable = Exit::Unreachable;
    match error {
        ClientError::Unreachable { .. } | ClientError::NotSent(_) => {
            told(terminal, options, "unreachable", unreachable, &error.to_string())
        }
        ClientError::TurnedAway { code, .. } => {
            told(terminal, options, code, unreachable, &error.to_string())
        }
        ClientError::Lost(_) => {
            let mut message = error.to_string();
            if request.verb.changes() && !dry {
                message.push_str("; the command may have been carried out: look at `commands`");
            }
            told(terminal, options, "outcome_unknown", Exit::Unknown, &message)
        }
    }
}

/// Prints an error of this side.
fn told(
    terminal: &mut Terminal<'_>,
    options: &RunOptions,
    code: &str,
    exit: Exit,
    message: &str,
) -> Exit {
    if options.json {
        let error = serde_json::json!({"code": code, "message": message});
        print_json(&error.to_string(), terminal);
    } else {
        terminal.complain(message);
    }
    exit
}

fn print_json(json: &str, terminal: &mut Terminal<'_>) {
    let line = if terminal.out_is_terminal { json_line(json) } else { json.to_owned() };
    let _ = writeln!(terminal.out, "{line}");
}
