//! The core's outputs on their way to clients: reports, their copies, and operators' commands.
//!
//! A line belongs here if it starts with an output of the core. The fields of a message are
//! `report`.

use rutter_core::id::SessionId;
use rutter_core::input::{NodeCommand, OperatorCommand, SessionCommand};
use rutter_core::output::{OperatorReport, Output, Report, ReportKind};
use rutter_fix::codec::Encoder;
use rutter_fix::session::Sent;
use rutter_fix::store::MessageStore;
use rutter_fix::tags::msg_type;

use super::ClientGateway;
use crate::config::SessionKind;
use crate::notice::{CloseReason, Notice, OutputError};
use crate::report::{
    Passport, write_cancel_reject, write_copy_of, write_mass_cancel_report, write_passport,
    write_report,
};

/// `Text` (58) of a Logout that an operator asked for.
const OPERATOR_LOGOUT: &str = "Logged out by an operator";

impl<S: MessageStore> ClientGateway<S> {
    /// Takes an output of the core. Outputs that are not for clients have no effect.
    ///
    /// # Errors
    /// [`OutputError`]: the session is stopped (its client cut off) until a restart repeats the
    /// output; further outputs for it are only counted.
    pub fn on_output(&mut self, now_ns: u64, output: &Output) -> Result<(), OutputError> {
        self.on_output_from(now_ns, output, None)
    }

    /// As [`on_output`](Self::on_output), for an output whose origin is known: sessions that want
    /// it are told. Reports repeated after a restart have no origin.
    ///
    /// # Errors
    /// As [`on_output`](Self::on_output).
    pub fn on_output_from(
        &mut self,
        now_ns: u64,
        output: &Output,
        passport: Option<&Passport>,
    ) -> Result<(), OutputError> {
        let (session, event, client_seq, kind) = match output {
            Output::Report(report) => {
                (report.session, report.event, report.client_seq, msg_type::EXECUTION_REPORT)
            }
            Output::CancelReject(reject) => {
                (reject.session, reject.event, reject.client_seq, msg_type::ORDER_CANCEL_REJECT)
            }
            Output::MassCancelReport(report) => {
                let kind = msg_type::ORDER_MASS_CANCEL_REPORT;
                (report.session, report.event, report.client_seq, kind)
            }
            Output::Command(..)
            | Output::Notice(_)
            | Output::Operator(_)
            | Output::ClientPreview(_)
            | Output::SendNew(_)
            | Output::SendCancel(_)
            | Output::SendReduce(_)
            | Output::Query(_)
            | Output::AskBalances(_)
            | Output::Preview(..) => {
                self.on_unnumbered(now_ns, output);
                return Ok(());
            }
        };
        let place = self.clients.by_session(session);
        let place = place.ok_or(OutputError::UnknownSession(session))?;
        let client = &self.clients[place];
        let (owner, passport) = (client.owner, passport.filter(|_| client.passport));
        let told = self.tell(now_ns, place, event, kind, |message, terms| match output {
            Output::Report(report) => {
                write_report(message, report, &owner, &owner, terms);
                if let Some(passport) = passport {
                    write_passport(message, passport);
                }
            }
            Output::CancelReject(reject) => write_cancel_reject(message, reject, &owner, terms),
            Output::MassCancelReport(report) => {
                write_mass_cancel_report(message, report, &owner, terms);
            }
            Output::Command(..)
            | Output::Operator(_)
            | Output::Preview(..)
            | Output::ClientPreview(_)
            | Output::SendNew(_)
            | Output::SendCancel(_)
            | Output::SendReduce(_)
            | Output::Query(_)
            | Output::AskBalances(_)
            | Output::Notice(_) => {}
        });
        let client = &mut self.clients[place];
        if told.is_ok() && !client.failed {
            client.confirm(client_seq, self.recovered);
        }
        match output {
            Output::Report(report) if self.clients.copies() > 0 => {
                told.and(self.copy(now_ns, place, report))
            }
            _ => told,
        }
    }

    /// Takes an output that has no event number, and so is not stored under one.
    fn on_unnumbered(&mut self, now_ns: u64, output: &Output) {
        match output {
            Output::Command(session, command) => self.on_command(now_ns, *session, *command),
            Output::Notice(notice) => self.on_notice(now_ns, notice),
            Output::Operator(report) => self.on_operator(now_ns, report),
            Output::ClientPreview(told) => self.on_preview_part(now_ns, told),
            Output::Report(_)
            | Output::CancelReject(_)
            | Output::MassCancelReport(_)
            | Output::SendNew(_)
            | Output::SendCancel(_)
            | Output::SendReduce(_)
            | Output::Query(_)
            | Output::AskBalances(_)
            | Output::Preview(..) => {}
        }
    }

    /// Stores a message for a session under its event number, and writes it if the client is logged
    /// on.
    fn tell(
        &mut self,
        now_ns: u64,
        place: usize,
        event: u64,
        kind: &[u8],
        write: impl FnOnce(&mut Encoder<'_>, &crate::terms::Terms),
    ) -> Result<(), OutputError> {
        let client = &mut self.clients[place];
        if client.failed {
            self.counters.outputs_dropped += 1;
            return Ok(());
        }
        client.journal_event = client.journal_event.max(event);
        let conn = client.conn;
        self.scratch.clear();
        let out = match conn {
            Some(conn) => &mut self.connections[conn].out,
            None => &mut self.scratch,
        };
        let terms = &self.terms;
        let sent = client.send(now_ns, event, kind, out, |message| write(message, terms));
        match sent {
            Ok(sent) => {
                match sent {
                    Sent::AlreadyStored | Sent::Unanswered => self.counters.outputs_repeated += 1,
                    Sent::Written { .. } | Sent::Held { .. } => self.counters.outputs += 1,
                }
                if let Some(conn) = conn {
                    self.after_write(now_ns, conn);
                }
                Ok(())
            }
            Err(error) => {
                self.fail(place, error.fault());
                Err(error)
            }
        }
    }

    /// Gives a report to every drop copy of its session. The copy is stored under the report's
    /// number, which the journal yields again after every start. So a drop copy may get and lose
    /// source sessions without being told anything twice. Reports of a new source that are older
    /// than the copy's newest report are not copied.
    fn copy(&mut self, now_ns: u64, source: usize, report: &Report) -> Result<(), OutputError> {
        if report.kind == ReportKind::OrderStatus {
            return Ok(());
        }
        let mut told = Ok(());
        for nth in 0..self.clients.copies() {
            let Some(place) = self.clients.copy(nth) else { continue };
            let client = &mut self.clients[place];
            let SessionKind::DropCopy(sources) = &client.kind else { continue };
            client.journal_event = client.journal_event.max(report.exec);
            if sources.binary_search(&report.session).is_err() {
                continue;
            }
            let reader = client.owner;
            let from = &self.clients[source];
            let (owner, comp_id) = (from.owner, from.comp_id.clone());
            let kind = msg_type::EXECUTION_REPORT;
            let copied = self.tell(now_ns, place, report.exec, kind, |message, terms| {
                write_report(message, report, &owner, &reader, terms);
                write_copy_of(message, &comp_id, reader.version);
            });
            told = told.and(copied);
        }
        told
    }

    /// Sends an operator's news to clients. A replay sends none.
    fn on_operator(&mut self, now_ns: u64, report: &OperatorReport) {
        let is_news = report.operator.command == OperatorCommand::Node(NodeCommand::News);
        if is_news && self.recovered {
            // The console has refused a text that is not UTF-8, and nobody waits for this result.
            let text = String::from_utf8_lossy(report.operator.reason.as_bytes());
            let _ = self.news(now_ns, &text);
        }
    }

    /// Carries out an operator's command. While the journal is read, only lasting effects are
    /// repeated.
    fn on_command(&mut self, now_ns: u64, session: SessionId, command: SessionCommand) {
        let Some(place) = self.clients.by_session(session) else { return };
        let client = &mut self.clients[place];
        match command {
            SessionCommand::Enable => client.disabled = false,
            SessionCommand::Disable => client.disabled = true,
            SessionCommand::Logout | SessionCommand::Disconnect => {}
            SessionCommand::LiftLockouts => self.lift_lockouts(place),
            SessionCommand::ResetSequence => {
                client.reset_wanted = self.recovered;
                client.reset_replayed |= !self.recovered;
            }
        }
        if !self.recovered {
            return;
        }
        let client = &mut self.clients[place];
        let Some(conn) = client.conn else {
            client.reset_if_wanted();
            return self.note(Notice::Commanded { session, command });
        };
        match command {
            SessionCommand::Enable | SessionCommand::LiftLockouts => {}
            SessionCommand::Disconnect => {
                self.close(conn, CloseReason::Operator);
            }
            SessionCommand::Logout | SessionCommand::Disable | SessionCommand::ResetSequence => {
                let out = &mut self.connections[conn].out;
                client.session.logout(now_ns, OPERATOR_LOGOUT, out);
                self.tell_logout(now_ns, place);
                self.after_write(now_ns, conn);
            }
        }
        self.note(Notice::Commanded { session, command });
    }
}
