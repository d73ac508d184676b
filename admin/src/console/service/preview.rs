//! The answer to `route-preview`: what the core would do with an order now.
//!
//! A line belongs here if it asks the core for a preview, or makes an answer of the core's parts.

use rutter_core::id::SessionId;
use rutter_core::input::{
    InstrumentDef, Operator, OperatorCommand, Preview, Refusal, Side, TimeInForce,
};
use rutter_core::number::{Price, Qty, Text};
use rutter_core::output::Previewed;
use rutter_core::routing::Search;
use rutter_core::strategy::{BY_COST, BY_SCORE, REST_AT_BEST, REST_BY_SHARE, Strategy};
use rutter_core::waiting::Waiting;
use serde_json::{Value, json};

use super::super::commands::Decided;
use super::super::frame::{Code, Failure};
use super::super::verb::{Question, bad_argument, decimal_of};
use super::{
    Answer, ConsoleService, account_id, instrument_id, refused, session_id, unknown, venue_id,
};
use crate::model::{ReadModel, decimal};
use crate::plan::PlanShown;

/// A preview from its names, its instrument, and the number of its strategy.
type Understood = (Preview, InstrumentDef, Option<u32>);

/// Words of strategies that are no strategy of their own.
const CHOICES: [(&str, u32); 4] = [
    ("by-score", BY_SCORE),
    ("by-cost", BY_COST),
    ("by-share", REST_BY_SHARE),
    ("at-best", REST_AT_BEST),
];

/// The number of a strategy in FIX 847, by a word or by the number.
fn strategy_of(text: &str) -> Result<u32, Failure> {
    let named = Strategy::ALL.map(|strategy| (strategy.word(), strategy.number()));
    let mut words = named.into_iter().chain(CHOICES);
    let found = words.find(|(word, _)| *word == text).map(|(_, number)| number);
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = found.or_else(|| text.parse().ok().filter(|_| digits));
    number.ok_or_else(|| {
        let named = named.iter().chain(&CHOICES).map(|(word, _)| *word);
        let words: Vec<&str> = named.collect();
        bad_argument("strategy", &format!("{}, or a number of FIX 847", words.join(", ")))
    })
}

fn understood(model: &ReadModel, question: &Question) -> Result<Understood, Failure> {
    let Question::RoutePreview { session, account, symbol, .. } = question;
    let Question::RoutePreview { side, qty, price, tif, venue, strategy, .. } = question;
    let session = match (session, account) {
        (Some(name), None) => session_id(model, name)?,
        (None, Some(name)) => session_of(model, name)?,
        _ => return Err(bad_argument("session", "give either a session or an account")),
    };
    let instrument = instrument_id(model, symbol)?;
    let def = model.reference().instruments.get(instrument.index());
    let def = *def.ok_or_else(|| unknown(Code::UnknownSymbol, "instrument", symbol))?;
    let price = price.as_deref().map(|text| units("price", text, def.price_decimals));
    let price = price.transpose()?;
    let preview = Preview {
        session,
        instrument,
        side: *side,
        tif: tif.unwrap_or(TimeInForce::Day),
        qty: Qty(units("qty", qty, def.qty_decimals)?),
        price: Price(price.unwrap_or(0)),
        only: venue.as_deref().map(|name| venue_id(model, name)).transpose()?,
    };
    let strategy = strategy.as_deref().map(strategy_of).transpose()?;
    Ok((preview, def, strategy))
}

/// The first session of an account that sends orders.
fn session_of(model: &ReadModel, name: &str) -> Result<SessionId, Failure> {
    let account = account_id(model, name)?;
    let mut sessions = model.reference().sessions.iter();
    let found = sessions.find(|session| session.account == Some(account));
    let session = found.ok_or_else(|| unknown(Code::UnknownSession, "session of account", name))?;
    Ok(session.id)
}

/// A price or a quantity in the instrument's units.
fn units(name: &str, text: &str, decimals: u8) -> Result<i64, Failure> {
    let units = decimal_of(text, u32::from(decimals)).and_then(|units| i64::try_from(units).ok());
    let why = || {
        let most = i64::MAX / 10_i64.checked_pow(u32::from(decimals)).unwrap_or(i64::MAX);
        format!("a decimal number above zero with at most {decimals} decimals, and at most {most}")
    };
    units.ok_or_else(|| bad_argument(name, &why()))
}

impl ConsoleService {
    /// Asks the core what would become of an order, and prints its plan.
    pub(super) fn route_preview(&self, by: &str, question: &Question) -> Answer {
        let (preview, def, strategy) = understood(&self.node.model(), question)?;
        let by = Text::new(by.as_bytes()).unwrap_or_default();
        let (request, reason) = (self.next_request(), Text::default());
        let command = match strategy {
            None => OperatorCommand::Preview(preview),
            Some(strategy) => OperatorCommand::PreviewBy(preview, strategy),
        };
        let decided = self.node.commands.send(Operator { request, by, reason, command })?;
        if decided.report.refusal != Refusal::None {
            return Err(refused(&decided));
        }
        let mut answer = printed(&self.node.model(), (&preview, &def), &decided);
        answer["strategy"] = json!(strategy);
        Ok(answer)
    }
}

/// The core's parts as one JSON object, with the order as the core has understood it.
fn printed(
    model: &ReadModel,
    (preview, def): (&Preview, &InstrumentDef),
    decided: &Decided,
) -> Value {
    let (mut takes, mut lines, mut rested) = (Vec::new(), Vec::new(), Vec::new());
    let mut bridges = Vec::new();
    let (mut refused, mut given_back, mut waits) = (Refusal::None, Refusal::None, Waiting::Nothing);
    let mut work = Search::default();
    for part in &decided.preview {
        match *part {
            Previewed::Order { refusal, given_back: back, waits: why, search } => {
                (refused, given_back, waits, work) = (refusal, back, why, search);
            }
            Previewed::Venue { line, take, rest } => {
                lines.push(line);
                takes.extend(take);
                rested.extend(rest);
            }
            Previewed::Bridge(line) => bridges.push(line),
        }
    }
    let is_refused = refused != Refusal::None;
    let left_why = match waits {
        _ if is_refused => format!("{refused:?}"),
        Waiting::Nothing => format!("{given_back:?}"),
        why => format!("{why:?}"),
    };
    let shown = PlanShown {
        // The core refuses a preview of a session without an account.
        account: model.reference().account_of(preview.session).unwrap_or_default(),
        reference: model.reference(),
        instrument: preview.instrument,
        side: preview.side,
        qty: preview.qty,
        takes: &takes,
        rests: &rested,
        lines: &lines,
        bridges: &bridges,
        search: work,
        left_why: &left_why,
    };
    let price = decimal(i128::from(preview.price.0), u32::from(def.price_decimals));
    let mut answer = shown.answer();
    let order = json!({
        "seq": decided.seq,
        "time_ns": decided.report.time.0,
        "symbol": def.symbol.as_str(),
        "side": if preview.side == Side::Buy { "buy" } else { "sell" },
        "qty": decimal(i128::from(preview.qty.0), u32::from(def.qty_decimals)),
        "price": (preview.price != Price(0)).then_some(price),
        "tif": format!("{:?}", preview.tif).to_ascii_lowercase(),
        "refusal": is_refused.then(|| format!("{refused:?}")),
        "left_waits": waits != Waiting::Nothing,
    });
    if let (Value::Object(answer), Value::Object(order)) = (&mut answer, order) {
        answer.extend(order);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_too_large_is_told_what_the_most_is() {
        assert_eq!(units("qty", "92233720368.54775807", 8).ok(), Some(i64::MAX));
        let refused = units("qty", "99999999999999999999999", 8).expect_err("too large");
        assert!(refused.message.ends_with("and at most 92233720368"), "{}", refused.message);
    }
}
