//! The verbs as an operator types them, and the requests that they are.
//!
//! A line belongs here if it is about one verb's words. The other side of the table is
//! `docs/console.md`.

use clap::{Args, Subcommand, ValueEnum};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 64;

/// What can be asked of a node.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// What the node is doing, most important first.
    Status,
    /// The venues: state, trust, latency, rejects.
    Venues,
    /// Drain or enable a venue.
    #[command(subcommand)]
    Venue(VenueVerb),
    /// What can be traded, and where.
    Instruments,
    /// The book of a symbol over all trusted venues, or of one.
    Book(BookArguments),
    /// Orders, newest first.
    Orders(OrdersArguments),
    /// One order: its children and everything that happened to it.
    Order {
        /// The node's number of it.
        id: u64,
    },
    /// Cancel one order.
    Cancel {
        /// The node's number of it.
        id: u64,
    },
    /// Cancel all open orders in a scope; without one, all.
    CancelAll(Scope),
    /// The kill switch: nothing new in the scope, and what is open is cancelled.
    Halt(Scope),
    /// End the halt of exactly that scope.
    Resume {
        /// What was halted.
        #[command(flatten)]
        scope: Scope,
        /// Code of the authenticator, if the node demands one.
        #[arg(long, value_name = "CODE")]
        totp: Option<String>,
    },
    /// Take only what reduces a position.
    ReduceOnly {
        /// On or off.
        on: Switch,
        /// Where.
        #[command(flatten)]
        scope: ScopeWithoutVenue,
    },
    /// Show or set the limits of accounts.
    #[command(subcommand)]
    Limits(LimitsVerb),
    /// The client sessions.
    Sessions,
    /// Log out, disconnect, enable, disable a session, or reset its numbers.
    #[command(subcommand)]
    Session(SessionVerb),
    /// Positions and fees.
    Positions {
        /// Only this account's.
        #[arg(long)]
        account: Option<String>,
    },
    /// Balances at the venues.
    Balances {
        /// Only there.
        #[arg(long)]
        venue: Option<String>,
    },
    /// How long each stage takes.
    Latency {
        /// Only this stage.
        #[arg(long)]
        stage: Option<String>,
        /// Only this path.
        #[arg(long)]
        path: Option<String>,
    },
    /// The journal: what is written, released and on the disk.
    Journal,
    /// The node's configuration, without secrets.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// What operators did, newest first.
    Commands {
        /// Rows.
        #[arg(long)]
        limit: Option<u64>,
    },
    /// What waits for a second person.
    Pending,
    /// Approve, as a second person, what another asked for.
    Approve {
        /// Its number in `pending`.
        pending: u64,
    },
    /// Take away what waits for a second person.
    Reject {
        /// Its number in `pending`.
        pending: u64,
    },
    /// Tell all clients, as News (B).
    News {
        /// What: 1 to 64 bytes of printable ASCII.
        text: String,
    },
    /// How much the node logs, until its next start.
    LogLevel {
        /// From least to most.
        level: LogLevel,
    },
    /// End the node in an orderly way.
    Shutdown {
        /// Only once all open orders are cancelled, or after 10 s.
        #[arg(long)]
        cancel_orders: bool,
    },
    /// What the node knows, and what each verb needs.
    Help,
}

/// `venue …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum VenueVerb {
    /// Nothing new goes there; what is there stays.
    Drain {
        /// Its name.
        venue: String,
    },
    /// End a drain.
    Enable {
        /// Its name.
        venue: String,
    },
}

/// `limits …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum LimitsVerb {
    /// What each account may.
    Show {
        /// Only this one's.
        account: Option<String>,
    },
    /// Change them; what is not given stays.
    Set(LimitsArguments),
}

/// `session …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum SessionVerb {
    /// Log it out in order.
    Logout {
        /// Its name.
        session: String,
    },
    /// Close its connection.
    Disconnect {
        /// Its name.
        session: String,
    },
    /// Both its numbers begin at 1 with its next Logon.
    ResetSeq {
        /// Its name.
        session: String,
    },
    /// Take its Logons again.
    Enable {
        /// Its name.
        session: String,
    },
    /// Take no more Logons of it.
    Disable {
        /// Its name.
        session: String,
    },
}

/// `config …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigVerb {
    /// As it is used.
    Show,
}

/// `book …`
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BookArguments {
    /// Such as BTC/USDT.
    pub symbol: String,
    /// Its book, trusted or not.
    #[arg(long)]
    pub venue: Option<String>,
    /// Levels of each side.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub depth: Option<u64>,
}

/// `orders …`
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct OrdersArguments {
    /// Of this client session.
    #[arg(long, visible_alias = "client")]
    pub session: Option<String>,
    /// Of this account.
    #[arg(long)]
    pub account: Option<String>,
    /// With a child there that is not over.
    #[arg(long)]
    pub venue: Option<String>,
    /// Of this symbol.
    #[arg(long)]
    pub symbol: Option<String>,
    /// open (the default), over, all, pending, unknown, or a state by name.
    #[arg(long)]
    pub state: Option<String>,
    /// Rows.
    #[arg(long)]
    pub limit: Option<u64>,
    /// Older than this order: the next page.
    #[arg(long, value_name = "ID")]
    pub before: Option<u64>,
}

/// `limits set …`
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct LimitsArguments {
    /// Whose.
    pub account: String,
    /// To what.
    #[command(flatten)]
    pub values: LimitValues,
}

/// At least one of these.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[group(required = true, multiple = true)]
pub struct LimitValues {
    /// Largest value of one order, in the quote asset.
    #[arg(long, value_name = "AMOUNT")]
    pub notional_max: Option<Decimal>,
    /// How far from the market a price may be.
    #[arg(long, value_name = "PPM")]
    pub collar_ppm: Option<u64>,
    /// Orders a second.
    #[arg(long, value_name = "N")]
    pub rate_per_s: Option<u64>,
    /// Open orders at once.
    #[arg(long, value_name = "N")]
    pub open_orders_max: Option<u64>,
}

/// At most one of these; none is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(multiple = false)]
pub struct Scope {
    /// Only at this venue.
    #[arg(long)]
    pub venue: Option<String>,
    /// Only this symbol.
    #[arg(long)]
    pub symbol: Option<String>,
    /// Only this client session.
    #[arg(long, visible_alias = "client")]
    pub session: Option<String>,
    /// Only this account.
    #[arg(long)]
    pub account: Option<String>,
}

/// At most one of these; none is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(multiple = false)]
pub struct ScopeWithoutVenue {
    /// Only this symbol.
    #[arg(long)]
    pub symbol: Option<String>,
    /// Only this client session.
    #[arg(long, visible_alias = "client")]
    pub session: Option<String>,
    /// Only this account.
    #[arg(long)]
    pub account: Option<String>,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// From now on.
    On,
    /// No more.
    Off,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Least.
    Error,
    /// And warnings.
    Warn,
    /// And what happens.
    Info,
    /// And how.
    Debug,
    /// And every step.
    Trace,
}

/// One request, as it goes over the socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The contract's word.
    pub verb: &'static str,
    /// Without `reason` and `dry_run`.
    pub args: Map<String, Value>,
    /// It needs a reason.
    pub changes: bool,
    /// It reaches so far that a person at a terminal is asked first.
    pub wide: bool,
}

impl Request {
    /// What only reads.
    pub fn look(verb: &'static str) -> Self {
        Self { verb, ..Self::default() }
    }

    /// What changes something.
    pub fn change(verb: &'static str) -> Self {
        Self { verb, changes: true, ..Self::default() }
    }

    /// With an argument, if it is there.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.args.insert(name.to_owned(), value.into());
        }
        self
    }

    fn within(self, scope: &Scope) -> Self {
        self.with("venue", scope.venue.clone())
            .with("symbol", scope.symbol.clone())
            .with("session", scope.session.clone())
            .with("account", scope.account.clone())
    }

    fn asked_first(mut self, wide: bool) -> Self {
        self.wide = wide;
        self
    }
}

impl Scope {
    fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

impl Verb {
    /// What is asked of the node.
    pub fn request(&self) -> Request {
        match self {
            Self::Status => Request::look("status"),
            Self::Venues => Request::look("venues"),
            Self::Instruments => Request::look("instruments"),
            Self::Sessions => Request::look("sessions"),
            Self::Journal => Request::look("journal"),
            Self::Config(ConfigVerb::Show) => Request::look("config"),
            Self::Pending => Request::look("pending"),
            Self::Help => Request::look("help"),
            Self::Venue(verb) => verb.request(),
            Self::Session(verb) => verb.request(),
            Self::Limits(verb) => verb.request(),
            Self::Book(arguments) => arguments.request(),
            Self::Orders(arguments) => arguments.request(),
            Self::Order { id } => Request::look("order").with("id", Some(*id)),
            Self::Positions { account } => {
                Request::look("positions").with("account", account.clone())
            }
            Self::Balances { venue } => Request::look("balances").with("venue", venue.clone()),
            Self::Latency { stage, path } => {
                Request::look("latency").with("stage", stage.clone()).with("path", path.clone())
            }
            Self::Commands { limit } => Request::look("commands").with("limit", *limit),
            Self::Cancel { id } => Request::change("cancel").with("order", Some(*id)),
            Self::CancelAll(scope) => Request::change("cancel-all").within(scope).asked_first(true),
            Self::Halt(scope) => {
                Request::change("halt").within(scope).asked_first(scope.is_everything())
            }
            Self::Resume { scope, totp } => {
                Request::change("resume").within(scope).with("totp", totp.clone())
            }
            Self::ReduceOnly { on, scope } => Request::change("reduce-only")
                .with("on", Some(*on == Switch::On))
                .within(&scope.wide()),
            Self::Approve { pending } => Request::change("approve").with("pending", Some(*pending)),
            Self::Reject { pending } => Request::change("reject").with("pending", Some(*pending)),
            // What is told is the reason.
            Self::News { text } => Request::change("news").with("reason", Some(text.clone())),
            Self::LogLevel { level } => {
                Request::change("log-level").with("level", Some(level.name()))
            }
            Self::Shutdown { cancel_orders } => Request::change("shutdown")
                .with("cancel_orders", cancel_orders.then_some(true))
                .asked_first(true),
        }
    }
}

impl LogLevel {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl ScopeWithoutVenue {
    fn wide(&self) -> Scope {
        let Self { symbol, session, account } = self.clone();
        Scope { venue: None, symbol, session, account }
    }
}

impl BookArguments {
    fn request(&self) -> Request {
        Request::look("book")
            .with("symbol", Some(self.symbol.clone()))
            .with("venue", self.venue.clone())
            .with("depth", self.depth)
    }
}

impl LimitsVerb {
    fn request(&self) -> Request {
        match self {
            Self::Show { account } => Request::look("limits").with("account", account.clone()),
            Self::Set(arguments) => arguments.request(),
        }
    }
}

impl OrdersArguments {
    fn request(&self) -> Request {
        Request::look("orders")
            .with("session", self.session.clone())
            .with("account", self.account.clone())
            .with("venue", self.venue.clone())
            .with("symbol", self.symbol.clone())
            .with("state", self.state.clone())
            .with("limit", self.limit)
            .with("before", self.before)
    }
}

impl LimitsArguments {
    fn request(&self) -> Request {
        Request::change("limits-set")
            .with("account", Some(self.account.clone()))
            .with("notional_max", self.values.notional_max.map(|amount| amount.to_string()))
            .with("collar_ppm", self.values.collar_ppm)
            .with("rate_per_s", self.values.rate_per_s)
            .with("open_orders_max", self.values.open_orders_max)
    }
}

impl VenueVerb {
    fn request(&self) -> Request {
        let (verb, venue) = match self {
            Self::Drain { venue } => ("venue-drain", venue),
            Self::Enable { venue } => ("venue-enable", venue),
        };
        Request::change(verb).with("venue", Some(venue.clone()))
    }
}

impl SessionVerb {
    fn request(&self) -> Request {
        let (verb, session) = match self {
            Self::Logout { session } => ("session-logout", session),
            Self::Disconnect { session } => ("session-disconnect", session),
            Self::ResetSeq { session } => ("session-reset-seq", session),
            Self::Enable { session } => ("session-enable", session),
            Self::Disable { session } => ("session-disable", session),
        };
        Request::change(verb).with("session", Some(session.clone()))
    }
}

/// A reason that every node takes.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn sound_reason(verb: &str, reason: &str) -> Result<(), String> {
    // Nothing that was pasted into its reason keeps a halt up: the node takes what it can.
    if verb == "halt" && !reason.trim().is_empty() {
        return Ok(());
    }
    let printable = reason.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !printable || reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(format!("a reason is 1 to {REASON_BYTES_MAX} bytes of printable ASCII"));
    }
    Ok(())
}
