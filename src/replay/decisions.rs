//! Every routing decision of a journal, as JSON lines.
//!
//! A line belongs here if it writes what a program reads that looks at all orders. What a person
//! asks about one order is `story`.

use rutter_admin::ReadModel;
use rutter_core::input::{Header, Input};
use rutter_core::output::{Decision, Output, Report, ReportKind, Sink};
use serde_json::json;

use super::story::names;

/// Writes a line for each accepted order and for each routing decision.
#[derive(Debug)]
pub struct Decisions {
    /// For the names of sessions alone.
    names: ReadModel,
    at: Header,
    lines: Vec<String>,
}

impl Decisions {
    /// Nothing was decided yet.
    pub fn new() -> Self {
        Self { names: names(), at: Header::default(), lines: Vec::new() }
    }

    /// The lines since the last call.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + '_ {
        self.lines.drain(..)
    }

    fn accepted(&mut self, report: &Report) {
        let session = self.names.session_name(report.session);
        let client = format!("{session}/{}", report.cl_ord_id.as_str());
        let (time, seq) = (super::time(self.at.time), self.at.seq);
        let order = report.order.0;
        let line = json!({ "time": time, "record": seq, "order": order, "client": client });
        self.lines.push(line.to_string());
    }
}

impl Sink for Decisions {
    fn input(&mut self, header: Header, input: &Input) {
        self.at = header;
        self.names.define(input);
    }

    fn output(&mut self, output: &Output) {
        if let Output::Report(report) = output
            && report.kind == ReportKind::New
        {
            self.accepted(report);
        }
    }

    fn wants_decisions(&self) -> bool {
        true
    }

    fn decision(&mut self, decision: &Decision<'_>) {
        let (time, seq) = (super::time(self.at.time), self.at.seq);
        let (order, round) = (decision.order.0, decision.round);
        let decided = crate::route::record(decision);
        let line = json!({
            "time": time, "record": seq, "order": order, "round": round, "decision": decided,
        });
        self.lines.push(line.to_string());
    }
}
