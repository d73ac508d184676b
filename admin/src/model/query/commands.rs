//! What operators did, in words: those of the console's verbs.

use rutter_core::input::{LIMITS, NodeCommand, OperatorCommand, Refusal, Scope, SessionCommand};

use crate::model::ReadModel;
use crate::model::filter::ROWS_MAX;
use crate::model::number::limit_text;
use crate::model::rows::CommandRow;

impl ReadModel {
    /// The newest commands, newest first; zero stands for [`ROWS_MAX`].
    pub fn commands(&self, limit: usize) -> Vec<CommandRow> {
        let limit = if limit == 0 { ROWS_MAX } else { limit.min(ROWS_MAX) };
        let row = |(seq, report): &(u64, rutter_core::output::OperatorReport)| CommandRow {
            seq: *seq,
            time_ns: report.time.0,
            by: report.operator.by.as_str().to_owned(),
            reason: report.operator.reason.as_str().to_owned(),
            command: self.command_words(&report.operator.command),
            affected: report.affected,
            refusal: (report.refusal != Refusal::None).then(|| format!("{:?}", report.refusal)),
        };
        self.commands.iter().rev().take(limit).map(row).collect()
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
            }
            .to_owned(),
        }
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
