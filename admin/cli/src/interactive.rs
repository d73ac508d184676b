//! `rutter console`: the verbs of `ctl` at a prompt, with history, completion and help.
//!
//! A line belongs here if it is about the prompt. `ctl` carries out each line on a new connection,
//! so a restarted node is reached with the next line.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::{CommandFactory, Parser};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper, Prompt};
use rutter_admin::console::verb::{Args, Verb};
use serde_json::Value;

use super::Exit;
use super::client::{Answer, Client, ClientError};
use super::complete::{Names, candidates, split};
use super::ctl::{self, RunOptions, Terminal};
use super::history;
use super::location::NodeLocation;
use super::render::state;
use super::request::Request;
use super::text::clean;
use super::tty::{self, Mode};

/// Longest wait of the prompt for the node's status.
const PROMPT_PATIENCE: Duration = Duration::from_secs(1);

/// How long names are good for.
const NAMES_AGE: Duration = Duration::from_secs(30);

/// `rutter console …`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// How to reach the node.
    #[command(flatten)]
    pub place: NodeLocation,
}

/// A line at the prompt.
#[derive(Debug, Parser)]
#[command(
    name = "",
    no_binary_name = true,
    disable_help_subcommand = true,
    about = "Verbs of the console; Tab completes, VERB --help explains, Ctrl-D leaves"
)]
pub struct Typed {
    /// In which way.
    #[command(flatten)]
    pub options: RunOptions,
    /// The verb and its arguments.
    #[command(subcommand)]
    pub request: Request,
}

/// A parsed line.
#[derive(Debug)]
pub enum Understood {
    /// Nothing was typed.
    Nothing,
    /// Leave the prompt.
    Leave,
    /// Carry out this verb.
    Verb(Box<Typed>),
    /// Help, or what makes no sense.
    Told(String),
}

/// Parses a line. `help VERB` means `VERB --help`.
pub fn understand(words: &[String]) -> Understood {
    let mut words = words.to_vec();
    match words.first().map(String::as_str) {
        None => return Understood::Nothing,
        Some("quit" | "exit") if words.len() == 1 => return Understood::Leave,
        Some("help") if words.len() > 1 => {
            words.remove(0);
            words.push("--help".to_owned());
        }
        Some(_) => {}
    }
    match Typed::try_parse_from(words) {
        Ok(typed) => Understood::Verb(Box::new(typed)),
        Err(error) => Understood::Told(error.to_string()),
    }
}

/// What stands before the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    raw: String,
    styled: String,
}

impl Before {
    /// Node, role, and whether anything is halted; `None` where no node is heard.
    pub fn new(heard: Option<(&str, &str, bool)>, color: bool) -> Self {
        let Some((node, role, halted)) = heard else { return Self::plain("no node> ".to_owned()) };
        let name = format!("{} {}", clean(node), clean(role));
        if !halted {
            return Self::plain(format!("{name}> "));
        }
        let raw = format!("{name} HALTED> ");
        let styled = if color { format!("{name} \x1b[1;31mHALTED\x1b[0m> ") } else { raw.clone() };
        Self { raw, styled }
    }

    fn plain(raw: String) -> Self {
        Self { styled: raw.clone(), raw }
    }

    /// The prompt without colours.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The prompt as a terminal shows it.
    pub fn styled(&self) -> &str {
        &self.styled
    }
}

impl Prompt for Before {
    fn raw(&self) -> &str {
        &self.raw
    }

    fn styled(&self) -> &str {
        &self.styled
    }
}

/// Data for completion.
struct Completion {
    grammar: clap::Command,
    names: Names,
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(&self.grammar, &self.names, line, pos))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

/// The grammar that Tab completes.
pub fn grammar() -> clap::Command {
    let mut grammar = Typed::command();
    // Options that every verb has are known to each only then.
    grammar.build();
    grammar
}

/// Runs the command.
pub fn command(arguments: &Arguments) -> Exit {
    let path = match arguments.place.here() {
        Ok(path) => path,
        Err(message) => return usage(&message),
    };
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return usage("console needs a terminal; `rutter ctl` is for scripts");
    }
    match prompt(&path) {
        Ok(()) => Exit::Done,
        Err(error) => usage(&format!("the terminal: {error}")),
    }
}

fn usage(message: &str) -> Exit {
    // Nobody is left to tell where this fails.
    let _ = writeln!(std::io::stderr(), "rutter: {}", clean(message));
    Exit::Usage
}

type Editing = Editor<Completion, rustyline::history::MemHistory>;

fn editor() -> rustyline::Result<Editing> {
    let config = rustyline::Config::builder()
        .max_history_size(history::LINES_MAX)?
        .completion_type(rustyline::CompletionType::List)
        .build();
    let mut editor = Editor::with_history(config, rustyline::history::MemHistory::new())?;
    editor.set_helper(Some(Completion { grammar: grammar(), names: Names::default() }));
    Ok(editor)
}

fn prompt(path: &Path) -> rustyline::Result<()> {
    tty::end_by_signals(Mode::present()?, Duration::ZERO, || {})?;
    let mut editor = editor()?;
    let mut questions = rustyline::DefaultEditor::new()?;
    let file = history::file();
    let mut kept = file.as_deref().map(history::load).unwrap_or_default();
    for line in &kept {
        editor.add_history_entry(line)?;
    }
    let mut names_at: Option<Instant> = None;
    loop {
        let stale = names_at.is_none_or(|at| at.elapsed() > NAMES_AGE);
        let heard = listen(path, stale).ok();
        if let Some((_, Some(names))) = &heard
            && let Some(helper) = editor.helper_mut()
        {
            helper.names = names.clone();
            names_at = Some(Instant::now());
        }
        let before = heard.as_ref().map(|((node, role, halted), _)| (&**node, &**role, *halted));
        let line = match editor.readline(&Before::new(before, ctl::wants_color())) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error),
        };
        let words = match split(&line) {
            Ok(words) => words,
            Err(message) => {
                say(&format!("{message}\n"))?;
                continue;
            }
        };
        let understood = understand(&words);
        if let Some(line) = history::keepable(&words) {
            // A word that was typed wrong could hold anything: it is not written to the file.
            if matches!(understood, Understood::Verb(_)) {
                kept.push(line.clone());
                let saved = file.as_deref().map_or(Ok(()), |file| history::save(file, &kept));
                if let Err(error) = saved {
                    say(&format!("the history is not kept: {error}\n"))?;
                }
            }
            editor.add_history_entry(line)?;
        }
        match understood {
            Understood::Nothing => {}
            Understood::Leave => return Ok(()),
            Understood::Told(text) => say(&text)?,
            Understood::Verb(typed) => carry_out(path, &typed, &mut questions),
        }
    }
}

/// A terminal that takes nothing ends the prompt.
fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn carry_out(path: &Path, typed: &Typed, questions: &mut rustyline::DefaultEditor) {
    let mut terminal = Terminal {
        interactive: true,
        out_is_terminal: true,
        width: ctl::width(),
        color: ctl::wants_color(),
        ask: &mut |question| questions.readline(question).ok(),
        out: &mut std::io::stdout().lock(),
        err: &mut std::io::stderr().lock(),
    };
    let connect = || Client::connect(path, typed.options.patience());
    ctl::run(&typed.request, &typed.options, &mut terminal, connect);
}

/// Node, role, and whether anything is halted.
type State = (String, String, bool);

/// Reads the status for the prompt, and the names if requested.
fn listen(path: &Path, names: bool) -> Result<(State, Option<Names>), ClientError> {
    let mut client = Client::connect(path, PROMPT_PATIENCE)?;
    let mut look = |verb: Verb| match client.ask(verb.name(), &Args::new(), PROMPT_PATIENCE)? {
        Answer::Ok(raw) => Ok(serde_json::from_str(raw.get()).unwrap_or_default()),
        Answer::Error(..) => Ok(Value::Null),
    };
    let status = look(Verb::Status)?;
    let names = if names {
        Some(Names::from(&status, &look(Verb::Instruments)?, &look(Verb::Limits)?))
    } else {
        None
    };
    let greeting = client.greeting();
    let halted = state::halted(&status).is_some();
    Ok(((greeting.node.clone(), greeting.role.clone(), halted), names))
}
