//! Every verb of the console: its name, who may use it, its arguments and what it does.
//!
//! A line belongs here if it says what an operator may ask for. The table at the end of this file
//! is the only list of verbs: the server reads requests by it (`service` carries them out), the
//! command line is built from it, and a test compares `docs/console.md` with it. A new verb is a
//! row here; the compiler then names every `match` that has to answer it.

mod argument;

use rutter_core::input::{Side, TimeInForce};
use serde_json::{Value, json};

use super::frame::{Code, Failure};
use super::people::Role;
use crate::model::StateFilter;

pub use argument::{
    Arg, Args, DEPTH_MAX, Kind, LimitsGiven, LogLevel, OrderArg, ScopeName, Shape, Typed,
    bad_argument, decimal_of, units_of,
};
use argument::{Field, LIMIT_ARGS, SCOPE, SCOPE_WITHOUT_VENUE, at, maybe_at, must, option};

/// Longest reason of a change, bytes: the journal has room for that many.
pub const REASON_BYTES_MAX: usize = 64;

/// When the command line asks for a confirmation before it sends a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Never.
    Never,
    /// When the scope is everything.
    WithoutScope,
    /// Always.
    Always,
}

/// The terms on which a verb may be used.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The weakest role that may use it.
    pub role: Role,
    /// When the command line asks for a confirmation first.
    pub confirm: Confirm,
    /// The reason is what the verb is about, and is typed as its argument.
    pub reason_is_typed: bool,
}

impl Terms {
    const fn of(role: Role) -> Self {
        Self { role, confirm: Confirm::Never, reason_is_typed: false }
    }

    const fn confirmed(self, confirm: Confirm) -> Self {
        Self { confirm, ..self }
    }

    const fn with_typed_reason(self) -> Self {
        Self { reason_is_typed: true, ..self }
    }
}

/// For everyone who has a role.
const VIEWER: Terms = Terms::of(Role::Viewer);
/// For operators and administrators.
const OPERATOR: Terms = Terms::of(Role::Operator);
/// For administrators.
const ADMIN: Terms = Terms::of(Role::Admin);

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The verb's name on the wire.
    pub name: &'static str,
    /// The verb as an operator types it: one word, or a noun and a word.
    pub typed: &'static str,
    /// The terms on which it may be used.
    pub terms: Terms,
    /// It changes something: it takes `reason` and `dry_run` as well.
    pub changes: bool,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// Its own arguments, in groups.
    pub args: &'static [&'static [Arg]],
}

/// What every change takes beside its own arguments.
const ARGS_OF_CHANGES: [Arg; 2] = [
    option(
        "reason",
        Kind::Reason,
        "Why: 1 to 64 bytes of printable ASCII, for the journal; of a halt any text.",
    ),
    option("dry_run", Kind::Flag, "Only say what would be done."),
];

/// Makes the enums of verbs and requests, the table, and the reader of a request. A row is: the
/// verb, its name on the wire (and how it is typed, where that differs), its terms, its help, and
/// its arguments with their types.
macro_rules! verbs {
    (@typed $name:literal) => { $name };
    (@typed $name:literal $typed:literal) => { $typed };
    ($(
        $(#[$doc:meta])*
        $group:ident, changes: $changes:literal {
            $(
                $verb:ident = $name:literal $(as $typed:literal)?, $terms:expr, $help:literal {
                    $( $field:ident: $type:ty = $args:expr ),* $(,)?
                }
            )*
        }
    )*) => {
        /// A verb, without its arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Verb { $($( #[doc = $help] $verb, )*)* }

        /// The table, in the order of [`Verb`].
        const ROWS: &[Row] = &[$($(
            Row {
                name: $name,
                typed: verbs!(@typed $name $($typed)?),
                terms: $terms,
                changes: $changes,
                help: $help,
                args: &[ $( $args ),* ],
            },
        )*)*];

        impl Verb {
            /// All verbs.
            pub const ALL: &'static [Self] = &[ $($( Self::$verb, )*)* ];

            /// Reads the arguments of a request; [`Self::check`] has let them through.
            #[allow(unused_variables, reason = "a verb may have no arguments")]
            fn read(self, args: &Args) -> Result<Request, Failure> {
                Ok(match self { $($(
                    Self::$verb => Request::$group($group::$verb {
                        $( $field: Field::read(args, stringify!($field))? ),*
                    }),
                )*)* })
            }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq)]
            pub enum $group { $(
                #[doc = $help]
                $verb {
                    $(
                        #[doc = concat!("The argument `", stringify!($field), "`.")]
                        $field: $type
                    ),*
                },
            )* }
        )*

        /// A request that was understood.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request { $( $(#[$doc])* $group($group), )* }
    };
}

/// A request of an operator: what is asked, and what every change takes beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The verb with its arguments.
    pub request: Request,
    /// Why a change is asked for; empty for a look and perhaps for a dry run.
    pub reason: String,
    /// Only say what would be done.
    pub dry_run: bool,
}

impl Verb {
    /// The verb of that name on the wire.
    ///
    /// # Errors
    /// [`Code::UnknownVerb`].
    pub fn find(name: &str) -> Result<Self, Failure> {
        Self::ALL.iter().copied().find(|verb| verb.name() == name).ok_or_else(|| {
            let shown: String = name.chars().take(40).collect();
            Failure::new(Code::UnknownVerb, format!("no verb {shown:?}; help lists them"))
        })
    }

    /// Its row of the table.
    pub const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether the verb changes something.
    pub const fn changes(self) -> bool {
        self.row().changes
    }

    /// The weakest role that may use it.
    pub const fn role(self) -> Role {
        self.row().terms.role
    }

    /// Its own arguments.
    pub fn own_args(self) -> impl Iterator<Item = &'static Arg> {
        self.row().args.iter().copied().flatten()
    }

    /// All arguments that it takes.
    pub fn args(self) -> impl Iterator<Item = &'static Arg> {
        self.own_args().chain(ARGS_OF_CHANGES.iter().filter(move |_| self.changes()))
    }

    /// Reads a request of somebody in this role.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Code::BadArgument`], [`Code::ReasonRequired`].
    pub fn ask(self, role: Role, args: &Args) -> Result<Asked, Failure> {
        self.check(role, args)?;
        Ok(Asked {
            request: self.read(args)?,
            reason: Field::read(args, "reason").map(Option::unwrap_or_default)?,
            dry_run: Field::read(args, "dry_run")?,
        })
    }

    /// Checks who asks, and the arguments' names and types.
    fn check(self, role: Role, args: &Args) -> Result<(), Failure> {
        if role < self.role() {
            let (verb, has, needs) = (self.name(), role.word(), self.role().word());
            let message = format!("{verb} is for {needs}s; you are {has}");
            return Err(Failure::new(Code::Forbidden, message).with("needs", needs));
        }
        for (name, value) in args {
            let Some(arg) = self.args().find(|arg| arg.name == name) else {
                let shown: String = name.chars().take(40).collect();
                return Err(bad_argument(&shown, &format!("not an argument of {}", self.name())));
            };
            if !arg.kind.shape().fits(value) {
                return Err(bad_argument(arg.name, arg.kind.shape().described()));
            }
        }
        let is_missing = |arg: &&Arg| arg.required && !args.contains_key(arg.name);
        if let Some(arg) = self.own_args().find(is_missing) {
            let why = format!("is missing: {}", arg.kind.shape().described());
            return Err(bad_argument(arg.name, &why));
        }
        if self.changes() && args.get("dry_run") != Some(&Value::Bool(true)) {
            let reason = args.get("reason").and_then(Value::as_str).unwrap_or("");
            self.check_reason(reason)?;
        }
        Ok(())
    }

    /// Checks the reason of a change.
    ///
    /// # Errors
    /// [`Code::ReasonRequired`].
    pub fn check_reason(self, reason: &str) -> Result<(), Failure> {
        let printable = |byte: u8| (b' '..=b'~').contains(&byte);
        let fits = reason.len() <= REASON_BYTES_MAX && reason.bytes().all(printable);
        // A halt must not fail because of a reason that was pasted: the journal keeps what it can.
        let fits = fits || self == Self::Halt;
        if reason.trim().is_empty() || !fits {
            let message = "reason: 1 to 64 printable ASCII characters, for the journal";
            return Err(Failure::new(Code::ReasonRequired, message));
        }
        Ok(())
    }

    /// Its entry in the answer to `help`.
    fn described(self) -> Value {
        let arg = |arg: &Arg| {
            let kind = arg.kind.shape().word();
            json!({"name": arg.name, "type": kind, "required": arg.required})
        };
        json!({
            "verb": self.name(), "role": self.role().word(), "changes": self.changes(),
            "args": self.args().map(arg).collect::<Vec<_>>(), "help": self.row().help,
        })
    }
}

/// The answer to `help`.
pub fn help() -> Value {
    json!({"verbs": Verb::ALL.iter().copied().map(Verb::described).collect::<Vec<_>>()})
}

verbs! {
    /// A look: it changes nothing.
    Look, changes: false {
        Help = "help", VIEWER, "All verbs: who may use each, and with which arguments." {}
        Status = "status", VIEWER, "What the node is doing, most important first." {}
        Venues = "venues", VIEWER, "The venues: state, trust, latency, rejects." {}
        Instruments = "instruments", VIEWER, "The instruments, and their terms at each venue." {}
        Book = "book", VIEWER, "The book of a symbol over all trusted venues, or of one venue." {
            symbol: String = &[at("symbol", Kind::Symbol, "The symbol, such as BTC/USDT.")],
            venue: Option<String> =
                &[option("venue", Kind::Venue, "The book of this venue, trusted or not.")],
            depth: Option<u64> =
                &[option("depth", Kind::Depth, "Levels of each side: 1 to 50, else 10.")],
        }
        Orders = "orders", VIEWER, "Orders, newest first." {
            id: Option<OrderArg> = &[option(
                "id",
                Kind::Order,
                "Orders with this id: ours, the client's, or one at a venue; in any state.",
            )],
            session: Option<String> =
                &[option("session", Kind::Session, "Orders of this client session.")],
            account: Option<String> =
                &[option("account", Kind::Account, "Orders of this account.")],
            venue: Option<String> = &[option(
                "venue",
                Kind::Venue,
                "Orders with a child at this venue that is not over.",
            )],
            symbol: Option<String> = &[option("symbol", Kind::Symbol, "Orders in this symbol.")],
            state: Option<StateFilter> = &[option(
                "state",
                Kind::State,
                "open (the default), over, all, pending, unknown, or a state by name.",
            )],
            before: Option<u64> =
                &[option("before", Kind::OrderId, "Orders older than this one: the next page.")],
            limit: Option<u64> =
                &[option("limit", Kind::Whole, "Rows of the answer: 1 to 1,000, else 100.")],
        }
        Order = "order", VIEWER, "One order, its children and its events." {
            id: OrderArg =
                &[at("id", Kind::Order, "The order's number, the client's id, or an id at a venue.")],
        }
        Sessions = "sessions", VIEWER, "The client sessions." {}
        Positions = "positions", VIEWER, "Positions and fees of each account." {
            account: Option<String> =
                &[option("account", Kind::Account, "Only of this account.")],
        }
        Bridges = "bridges", VIEWER, "Bridges, and what went over them and is not converted." {}
        Balances = "balances", VIEWER, "The balances at each venue." {
            venue: Option<String> = &[option("venue", Kind::Venue, "Only at this venue.")],
        }
        Limits = "limits" as "limits show", VIEWER, "The limits of each account." {
            account: Option<String> =
                &[maybe_at("account", Kind::Account, "Only of this account.")],
        }
        Latency = "latency", VIEWER, "How long each stage of an order's path takes." {
            stage: Option<String> = &[option("stage", Kind::Text, "Only this stage.")],
            path: Option<String> =
                &[option("path", Kind::Text, "Only this path: order or report.")],
        }
        Journal = "journal", VIEWER, "The journal: what is written, released and on the disk." {}
        Config = "config" as "config show", VIEWER, "The configuration in use, without secrets." {}
        Commands = "commands", VIEWER, "The commands of operators, newest first." {
            limit: Option<u64> =
                &[option("limit", Kind::Whole, "Rows of the answer: 1 to 1,000, else 100.")],
        }
        Lockouts = "lockouts", VIEWER,
            "The addresses that are locked out after wrong Logons, and the lock of one-time codes." {}
        Pending = "pending", VIEWER, "The commands that wait for a second person." {}
    }

    /// A question that the core answers: it changes nothing.
    Question, changes: false {
        RoutePreview = "route-preview", VIEWER,
            "Where an order would go now, or why it would be refused; nothing is sent." {
            session: Option<String> =
                &[option("session", Kind::Session, "The client session that would send it.")],
            account: Option<String> = &[option(
                "account",
                Kind::Account,
                "The account instead: its first client session.",
            )],
            symbol: String = &[must("symbol", Kind::Symbol, "The symbol, such as BTC/USDT.")],
            side: Side = &[must("side", Kind::Side, "The side of the order.")],
            qty: String = &[must("qty", Kind::Number, "The quantity.")],
            price: Option<String> = &[option(
                "price",
                Kind::Number,
                "The limit; without a limit it is a market order.",
            )],
            tif: Option<TimeInForce> =
                &[option("tif", Kind::Tif, "The time in force: day if it is left out.")],
            venue: Option<String> =
                &[option("venue", Kind::Venue, "Only this venue, as FIX 100 names it.")],
            strategy: Option<String> = &[option(
                "strategy",
                Kind::Strategy,
                "How it is executed: a word, or a number of FIX 847; cross if it is left out.",
            )],
        }
    }

    /// A command to the core.
    Change, changes: true {
        Halt = "halt", OPERATOR.confirmed(Confirm::WithoutScope),
            "The kill switch: nothing new in the scope, and its open orders are cancelled." {
            scope: ScopeName = SCOPE,
        }
        Resume = "resume", OPERATOR, "End the halt of exactly that scope." {
            scope: ScopeName = SCOPE,
            totp: Option<String> = &[option(
                "totp",
                Kind::Code,
                "The code of an authenticator, if the node demands one.",
            )],
        }
        ReduceOnly = "reduce-only", OPERATOR, "Accept only orders that reduce a position." {
            on: bool = &[at("on", Kind::Switch, "Whether the restriction holds from now on.")],
            scope: ScopeName = SCOPE_WITHOUT_VENUE,
        }
        VenueDrain = "venue-drain" as "venue drain", OPERATOR,
            "Nothing new goes there; open orders stay." {
            venue: String = &[at("venue", Kind::Venue, "The venue's name.")],
        }
        VenueEnable = "venue-enable" as "venue enable", OPERATOR,
            "End the drain of a venue, close its breakers, end its pauses." {
            venue: String = &[at("venue", Kind::Venue, "The venue's name.")],
        }
        Cancel = "cancel", OPERATOR, "Cancel one order." {
            order: OrderArg = &[at(
                "order",
                Kind::Order,
                "The order's number, the client's id, or an id at a venue.",
            )],
        }
        CancelAll = "cancel-all", OPERATOR.confirmed(Confirm::Always),
            "Cancel all open orders in the scope." {
            scope: ScopeName = SCOPE,
        }
        Resolve = "resolve", ADMIN,
            "State what became of a child whose outcome is unknown; a second person approves." {
            child: u64 = &[at("child", Kind::Whole, "The child's number, see `order`.")],
            filled: String =
                &[at("filled", Kind::Text, "Its executed quantity in all, as a decimal number.")],
            price: Option<String> = &[option(
                "price",
                Kind::Text,
                "The average price of what is not booked yet.",
            )],
        }
        BridgeKeep = "bridge-keep" as "bridge keep", ADMIN,
            "End an exposure: the desk keeps what is not converted; a second person approves." {
            exposure: u64 = &[at("exposure", Kind::Whole, "Its number, see `bridges`.")],
        }
        LimitsSet = "limits-set" as "limits set", ADMIN,
            "Set limits of an account; a limit that is not given stays." {
            account: String = &[at("account", Kind::Account, "The account's name.")],
            limits: LimitsGiven = LIMIT_ARGS,
        }
        SessionLogout = "session-logout" as "session logout", OPERATOR,
            "Log a client out in order." {
            session: String = &[at("session", Kind::Session, "The session's name.")],
        }
        SessionDisconnect = "session-disconnect" as "session disconnect", OPERATOR,
            "Close the connection of a client." {
            session: String = &[at("session", Kind::Session, "The session's name.")],
        }
        SessionDisable = "session-disable" as "session disable", OPERATOR,
            "Log a client out, and refuse its Logons." {
            session: String = &[at("session", Kind::Session, "The session's name.")],
        }
        SessionEnable = "session-enable" as "session enable", OPERATOR,
            "Accept the Logons of a client again." {
            session: String = &[at("session", Kind::Session, "The session's name.")],
        }
        SessionResetSeq = "session-reset-seq" as "session reset-seq", ADMIN,
            "Begin both sequence numbers at 1 with the client's next Logon." {
            session: String = &[at("session", Kind::Session, "The session's name.")],
        }
        LockoutLift = "lockout-lift" as "lockout lift", ADMIN,
            "Take Logons of a session, or one-time codes, again before the lock-out ends." {
            session: Option<String> = &[option(
                "session",
                Kind::Session,
                "All lock-outs of this client session.",
            )],
            codes: bool = &[option("codes", Kind::Flag, "The lock of one-time codes.")],
        }
        Reload = "reload", ADMIN.confirmed(Confirm::Always),
            "Add the accounts and sessions that the configuration file has and the node has not." {}
        News = "news", OPERATOR.with_typed_reason(), "Tell all clients the reason, as News (B)." {}
        LogLevel = "log-level", ADMIN, "Set how much the node logs, until its next start." {
            level: LogLevel = &[at("level", Kind::Level, "From least to most.")],
        }
        Shutdown = "shutdown", ADMIN.confirmed(Confirm::Always),
            "End the node in an orderly way." {
            cancel_orders: bool = &[option(
                "cancel_orders",
                Kind::Flag,
                "Halt everything, and end once no order is open, or after 10 s.",
            )],
        }
    }

    /// A decision on a command that waits for a second person.
    Decision, changes: true {
        Approve = "approve", OPERATOR, "Approve, as a second person, what another asked for." {
            pending: u64 = &[at("pending", Kind::Whole, "Its number in `pending`.")],
            command: Option<String> = &[option(
                "command",
                Kind::Command,
                "Its words in `pending`: nothing else is approved.",
            )],
        }
        Reject = "reject", OPERATOR, "Drop a command that waits for a second person." {
            pending: u64 = &[at("pending", Kind::Whole, "Its number in `pending`.")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(value: &Value) -> Args {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn every_role_may_say_exactly_the_verbs_of_its_own_and_the_weaker_roles() {
        for verb in Verb::ALL {
            for role in [Role::Viewer, Role::Operator, Role::Admin] {
                let refused = verb.ask(role, &Args::new()).err();
                let forbidden = refused.is_some_and(|failure| failure.code == Code::Forbidden);
                assert_eq!(forbidden, role < verb.role(), "{verb:?} as {role:?}");
            }
            assert!(!verb.changes() || verb.role() > Role::Viewer, "{verb:?}");
        }
    }

    #[test]
    fn every_argument_of_every_verb_is_refused_with_every_wrong_type() {
        let values =
            [json!("x"), json!(7), json!(true), json!(-1), json!(1.5), json!(null), json!([])];
        for verb in Verb::ALL {
            for arg in verb.args() {
                for value in &values {
                    let mut one = Args::new();
                    one.insert(arg.name.to_owned(), value.clone());
                    let misfit = !arg.kind.shape().fits(value);
                    let told = verb.check(Role::Admin, &one);
                    let named = |f: &Failure| f.more.get("argument") == Some(&json!(arg.name));
                    let refused = told.is_err_and(|f| f.code == Code::BadArgument && named(&f));
                    assert_eq!(refused, misfit, "{verb:?} {}={value}", arg.name);
                }
            }
        }
    }

    #[test]
    fn a_change_needs_a_reason_unless_it_is_a_dry_run() {
        let code = |value: &Value| Verb::Halt.ask(Role::Admin, &args(value)).err().map(|f| f.code);
        assert_eq!(code(&json!({})), Some(Code::ReasonRequired));
        assert_eq!(code(&json!({"reason": "  "})), Some(Code::ReasonRequired));
        assert_eq!(code(&json!({"reason": "na\u{ef}ve"})), None);
        let refused = Verb::CancelAll.ask(Role::Admin, &args(&json!({"reason": "na\u{ef}ve"})));
        assert_eq!(refused.expect_err("refused").code, Code::ReasonRequired);
        assert_eq!(code(&json!({"reason": "x".repeat(65)})), None, "nothing keeps a halt up");
        assert_eq!(code(&json!({"reason": "x".repeat(1_025)})), Some(Code::BadArgument));
        assert_eq!(code(&json!({"dry_run": false})), Some(Code::ReasonRequired));
        assert_eq!(code(&json!({"dry_run": true})), None);
        assert_eq!(code(&json!({"reason": "venue fills wrong"})), None);
        assert_eq!(code(&json!({"reason": "x", "size": 1})), Some(Code::BadArgument));
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let order = Verb::Order.ask(Role::Viewer, &Args::new());
        assert_eq!(order.expect_err("refused").more["argument"], "id");
        assert_eq!(Verb::find("hlat").expect_err("refused").code, Code::UnknownVerb);
    }

    #[test]
    fn the_rows_stand_in_the_order_of_the_verbs_and_no_name_is_used_twice() {
        assert_eq!(ROWS.len(), Verb::ALL.len());
        for (at, verb) in Verb::ALL.iter().enumerate() {
            assert_eq!(Verb::find(verb.name()).expect("a verb") as usize, at);
            let same = |other: &&Verb| other.row().typed == verb.row().typed;
            assert_eq!(Verb::ALL.iter().filter(same).count(), 1, "{verb:?}");
        }
    }

    /// The cells of the row of a table in `docs/console.md` that names a verb first.
    fn documented<'a>(section: &'a str, verb: &str) -> Option<Vec<&'a str>> {
        let quoted = format!("`{verb}`");
        let mut rows = section.lines().filter(|line| line.starts_with('|'));
        let cells = rows.find(|row| row.split('|').nth(1).is_some_and(|c| c.contains(&quoted)))?;
        Some(cells.split('|').map(str::trim).collect())
    }

    #[test]
    fn the_document_has_every_verb_with_its_role_and_arguments_and_no_other() {
        let text = include_str!("../../../docs/console.md");
        let section = |title: &str| -> &str {
            let (_, rest) = text.split_once(title).expect("a section");
            rest.split("\n## ").next().unwrap_or(rest)
        };
        let (looks, changes) = (section("## Verbs that read"), section("## Verbs that change"));
        for verb in Verb::ALL {
            let (section, role) =
                if verb.changes() { (changes, Some(verb.role())) } else { (looks, None) };
            let cells = documented(section, verb.name());
            let cells = cells.unwrap_or_else(|| panic!("{verb:?} is not documented"));
            if let Some(role) = role {
                assert!(cells[2].starts_with(role.word()), "{verb:?}: {}", cells[2]);
            }
            let args = cells[if verb.changes() { 3 } else { 2 }];
            for arg in verb.own_args() {
                let within = arg.typed == Typed::Scope && args.contains("[scope");
                assert!(within || args.contains(&format!("`{}`", arg.name)), "{verb:?}: {args}");
            }
        }
        let first = |section: &'static str| {
            section.lines().filter(|line| line.starts_with("| `")).flat_map(|line| {
                let cell = line.split('|').nth(1).unwrap_or_default();
                cell.split('`').skip(1).step_by(2)
            })
        };
        for name in first(looks).chain(first(changes)) {
            assert!(Verb::find(name).is_ok(), "{name} is documented and no verb");
        }
    }

    #[test]
    fn the_document_shows_how_every_verb_is_typed() {
        let text = include_str!("../../../docs/console.md");
        let (_, rest) = text.split_once("## rutter ctl").expect("a section");
        let block = rest.split("```").nth(1).expect("a block of commands");
        for verb in Verb::ALL {
            for word in verb.row().typed.split(' ') {
                let mut words = block.split_whitespace();
                assert!(words.any(|shown| shown == word), "{verb:?}: {word}");
            }
        }
    }
}
