//! What operators did, in words: those of the console's verbs.

use rutter_core::input::{
    Extension, LIMITS, NodeCommand, OperatorCommand, Refusal, Resolution, Scope, SessionCommand,
};

use crate::model::filter::ROWS_MAX;
use crate::model::number::{decimal, limit_text};
use crate::model::rows::{ChangeRow, CommandRow};
use crate::model::{KeptCommand, ReadModel};

/// The log level until an operator sets another one.
pub const LOG_LEVEL_CONFIGURED: &str = "configured";

/// The log level that a command sets.
pub const fn log_level(command: NodeCommand) -> Option<&'static str> {
    match command {
        NodeCommand::LogError => Some("error"),
        NodeCommand::LogWarn => Some("warn"),
        NodeCommand::LogInfo => Some("info"),
        NodeCommand::LogDebug => Some("debug"),
        NodeCommand::LogTrace => Some("trace"),
        NodeCommand::Shutdown
        | NodeCommand::ShutdownFlat
        | NodeCommand::News
        | NodeCommand::LiftCodeLock => None,
    }
}

impl ReadModel {
    /// The newest commands, newest first; zero stands for [`ROWS_MAX`].
    pub fn commands(&self, limit: usize) -> Vec<CommandRow> {
        let limit = if limit == 0 { ROWS_MAX } else { limit.min(ROWS_MAX) };
        let row = |kept: &KeptCommand| {
            let KeptCommand { seq, report, changes } = kept;
            CommandRow {
                seq: *seq,
                time_ns: report.time.0,
                by: report.operator.by.as_str().to_owned(),
                reason: report.operator.reason.as_str().to_owned(),
                command: self.command_words(&report.operator.command),
                affected: report.affected,
                refusal: (report.refusal != Refusal::None).then(|| format!("{:?}", report.refusal)),
                changes: changes.clone(),
            }
        };
        self.commands.iter().rev().take(limit).map(row).collect()
    }

    /// What a command changes, before it is carried out here.
    pub(in crate::model) fn changes_of(&self, command: &OperatorCommand) -> Vec<ChangeRow> {
        let flag = |name, old: bool, new: bool| {
            let row = ChangeRow { name, old: old.to_string(), new: new.to_string() };
            if old == new { Vec::new() } else { vec![row] }
        };
        match *command {
            OperatorCommand::Halt(scope) => flag("halted", self.is_halted(scope), true),
            OperatorCommand::Resume(scope) => flag("halted", self.is_halted(scope), false),
            OperatorCommand::Node(NodeCommand::ShutdownFlat) => {
                flag("halted", self.is_halted(Scope::All), true)
            }
            OperatorCommand::ReduceOnly(scope) => {
                flag("reduce_only", self.reduce_only.contains(&scope), true)
            }
            OperatorCommand::ReduceOnlyOff(scope) => {
                flag("reduce_only", self.reduce_only.contains(&scope), false)
            }
            OperatorCommand::DrainVenue(venue) => {
                let drained = self.drained.get(venue.index()).copied().unwrap_or(false);
                flag("drained", drained, true)
            }
            OperatorCommand::EnableVenue(venue) => {
                let drained = self.drained.get(venue.index()).copied().unwrap_or(false);
                flag("drained", drained, false)
            }
            OperatorCommand::SetLimits(account, limits) => {
                let Some(account) = self.reference.accounts.get(account.index()) else {
                    return Vec::new();
                };
                let texts = LIMITS.iter().map(|limit| {
                    let text = |limits| limit_text(limit.get(limits));
                    ChangeRow { name: limit.name, old: text(&account.limits), new: text(&limits) }
                });
                texts.filter(|row| row.old != row.new).collect()
            }
            OperatorCommand::Session(session, command)
            | OperatorCommand::LogOut(session, command) => match (command, self.disabled_before) {
                (SessionCommand::Disable, Some((of, old))) if of == session => {
                    flag("disabled", old, true)
                }
                (SessionCommand::Enable, Some((of, old))) if of == session => {
                    flag("disabled", old, false)
                }
                _ => Vec::new(),
            },
            OperatorCommand::Node(command) => match log_level(command) {
                Some(new) if new != self.log_level => {
                    let (old, new) = (self.log_level.to_owned(), new.to_owned());
                    vec![ChangeRow { name: "log_level", old, new }]
                }
                _ => Vec::new(),
            },
            OperatorCommand::Cancel(_)
            | OperatorCommand::CancelAll(_)
            | OperatorCommand::Resolve(_)
            | OperatorCommand::Extend(_)
            | OperatorCommand::KeepExposure(_)
            | OperatorCommand::Preview(_)
            | OperatorCommand::PreviewBy(..) => Vec::new(),
        }
    }

    /// A command in words.
    pub fn command_words(&self, command: &OperatorCommand) -> String {
        let scoped = |verb: &str, scope: Scope| format!("{verb} {}", self.scope_words(scope));
        match *command {
            OperatorCommand::Halt(scope) => scoped("halt", scope),
            OperatorCommand::Resume(scope) => scoped("resume", scope),
            OperatorCommand::CancelAll(scope) => scoped("cancel-all", scope),
            OperatorCommand::ReduceOnly(scope) => scoped("reduce-only on", scope),
            OperatorCommand::ReduceOnlyOff(scope) => scoped("reduce-only off", scope),
            OperatorCommand::DrainVenue(venue) => format!("venue-drain {}", self.venue_name(venue)),
            OperatorCommand::EnableVenue(venue) => {
                format!("venue-enable {}", self.venue_name(venue))
            }
            OperatorCommand::Cancel(order) => format!("cancel {}", order.0),
            OperatorCommand::KeepExposure(exposure) => format!("bridge keep {exposure}"),
            OperatorCommand::Resolve(resolution) => self.resolution_words(&resolution),
            OperatorCommand::SetLimits(account, limits) => {
                let mut words = format!("limits-set account {}", self.account_name(account));
                for limit in LIMITS {
                    let value = limit_text(limit.get(&limits));
                    words.extend([" ", limit.name, " ", &value]);
                }
                words
            }
            OperatorCommand::Session(session, command)
            | OperatorCommand::LogOut(session, command) => {
                let verb = match command {
                    SessionCommand::Logout => "session-logout",
                    SessionCommand::Disconnect => "session-disconnect",
                    SessionCommand::ResetSequence => "session-reset-seq",
                    SessionCommand::Disable => "session-disable",
                    SessionCommand::Enable => "session-enable",
                    SessionCommand::LiftLockouts => "lockout-lift session",
                };
                format!("{verb} {}", self.session_name(session))
            }
            OperatorCommand::Node(command) => match command {
                NodeCommand::Shutdown => "shutdown",
                NodeCommand::ShutdownFlat => "shutdown cancel_orders",
                NodeCommand::LogError => "log-level error",
                NodeCommand::LogWarn => "log-level warn",
                NodeCommand::LogInfo => "log-level info",
                NodeCommand::LogDebug => "log-level debug",
                NodeCommand::LogTrace => "log-level trace",
                NodeCommand::News => "news",
                NodeCommand::LiftCodeLock => "lockout-lift codes",
            }
            .to_owned(),
            OperatorCommand::Preview(asked) | OperatorCommand::PreviewBy(asked, _) => {
                let (session, symbol) =
                    (self.session_name(asked.session), self.symbol_of(asked.instrument));
                format!("route-preview session {session} symbol {symbol}")
            }
            OperatorCommand::Extend(Extension { accounts, sessions, digest }) => {
                format!(
                    "reload: {accounts} accounts, {sessions} sessions in all, additions {digest:016x}"
                )
            }
        }
    }

    fn resolution_words(&self, resolution: &Resolution) -> String {
        let Resolution { child, filled, price } = *resolution;
        let (price_decimals, qty_decimals) = self.decimals_of_child(child).unwrap_or_default();
        let filled = decimal(i128::from(filled.0), qty_decimals);
        let price = decimal(i128::from(price.0), price_decimals);
        format!("resolve {} filled {filled} price {price}", child.0)
    }

    fn scope_words(&self, scope: Scope) -> String {
        match scope {
            Scope::All => "everything".to_owned(),
            Scope::Venue(id) => format!("venue {}", self.venue_name(id)),
            Scope::Instrument(id) => format!("symbol {}", self.symbol_of(id)),
            Scope::Session(id) => format!("session {}", self.session_name(id)),
            Scope::Account(id) => format!("account {}", self.account_name(id)),
        }
    }
}
