//! Orders over FIX: D, F, q, XAK, XCN and XLQ.
//!
//! A line belongs here if it turns a client's application message into a request of `orders`, or
//! the result into an answer. Source: venue reference (Binance), sections 3.3 and 3.5.

use super::super::super::engine::{
    AccountId, CancelOnly, InstrumentId, OrderKind, OrderRef, Side, Stp, Tif,
};
use super::super::super::front::{ConnId, FrontAction};
use super::super::orders::OrderRequest;
use super::super::{ApiError, BinanceFront};
use super::SlowOrder;
use super::fields::{Fault, Inbound};
use super::render::{Outbound, rejected};

/// Error codes (engine, filters, rates) that are sent as `ExecutionReport` with 150=8. All others
/// are sent as Reject.
const REJECTED_BY_ENGINE: [i32; 4] = [-1013, -2010, -1015, -1008];

/// After this time the venue's gateway gives up waiting for the engine, and says -1007.
const ENGINE_TIMEOUT_NS: u64 = 10_000_000_000;

impl BinanceFront {
    pub(super) fn fix_application(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let session = self.fix.by_conn.get(&conn);
        let Some(account) = session.and_then(|s| s.logon.as_ref()).map(|l| l.account) else {
            return Ok(());
        };
        match message.kind.as_str() {
            "D" => self.fix_new_order(now_ns, conn, account, message, out),
            "F" => self.fix_cancel(now_ns, conn, account, message, out),
            "q" => self.fix_mass_cancel(now_ns, conn, account, message, out),
            "XAK" => self.fix_amend(now_ns, conn, account, message, out),
            "XCN" => self.fix_cancel_replace(now_ns, conn, account, message, out),
            "XLQ" => {
                let answer = self.limit_report(now_ns, conn, account, message);
                self.fix_send(now_ns, conn, &answer, out);
                Ok(())
            }
            _ => Err(Fault::unsupported("This MsgType<35> is not supported.")),
        }
    }

    fn fix_new_order(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        account: AccountId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let request = order_request(message)?;
        if let Some(for_ns) = self.faults.slow_next_ns.take() {
            let due_ns = now_ns.saturating_add(for_ns);
            let told_ns = now_ns.saturating_add(ENGINE_TIMEOUT_NS);
            let unknown_ns = Some(told_ns).filter(|told_ns| *told_ns <= due_ns);
            let message = message.clone();
            self.fix.slow.push(SlowOrder { conn, account, message, unknown_ns, due_ns });
            return Ok(());
        }
        match self.place(now_ns, account, &request) {
            Ok(_) => Ok(()),
            Err(error) => self.fix_order_error(now_ns, conn, message, &error, out),
        }
    }

    /// Tells of orders that wait for too long, and places those that are due.
    pub(in crate::binance) fn run_slow_orders(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        for at in 0..self.fix.slow.len() {
            let Some(slow) = self.fix.slow.get_mut(at) else { break };
            if slow.unknown_ns.take_if(|told_ns| *told_ns <= now_ns).is_some() {
                let text = "Timeout waiting for response from backend server.";
                let answer = rejected(now_ns, &slow.message, -1007, text);
                let conn = slow.conn;
                self.fix_send(now_ns, conn, &answer, out);
            }
        }
        let is_due = |slow: &mut SlowOrder| slow.due_ns <= now_ns;
        let due: Vec<SlowOrder> = self.fix.slow.extract_if(.., is_due).collect();
        for slow in due {
            // What the engine refuses now is refused to nobody: its sender was told enough.
            if let Ok(request) = order_request(&slow.message) {
                let _ = self.place(now_ns, slow.account, &request);
            }
        }
    }

    fn fix_order_error(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        error: &ApiError,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let syntax = (-1199..=-1100).contains(&error.code);
        if syntax && !REJECTED_BY_ENGINE.contains(&error.code) {
            return Err(Fault::from_api(error, tag_of(error)));
        }
        let answer = rejected(now_ns, message, error.code, &error.text);
        self.fix_send(now_ns, conn, &answer, out);
        Ok(())
    }

    fn fix_symbol(&self, message: &Inbound) -> Result<InstrumentId, Fault> {
        self.symbol(message.need(55)?).map_err(|error| Fault::from_api(&error, Some(55)))
    }

    fn fix_cancel(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        account: AccountId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let instrument = self.fix_symbol(message)?;
        let order = order_ref(message)?;
        let only = cancel_only(message)?;
        let id = message.client_id(11)?;
        let done = self.cancel(now_ns, account, instrument, order, only, id);
        if let Err(error) = done {
            let answer = cancel_reject(message, id, &error);
            self.fix_send(now_ns, conn, &answer, out);
        }
        Ok(())
    }

    fn fix_mass_cancel(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        account: AccountId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let instrument = self.fix_symbol(message)?;
        let id = message.client_id(11)?.unwrap_or("");
        if message.need(530)? != "1" {
            return Err(Fault::value(530));
        }
        let request_id = std::sync::Arc::from(id);
        let ended = self.exchange.cancel_all(now_ns, account, Some(instrument), Some(&request_id));
        // The reports of the orders are sent before the summary.
        self.pump(now_ns, out);
        let symbol = message.get(55);
        let answer = Outbound::new("r").add(11, id).add_some(55, symbol).add(530, 1);
        let answer = if ended.is_empty() {
            let error = ApiError::unknown_order();
            answer.add(531, 0).add(532, 99).add(25016, error.code).add(58, error.text)
        } else {
            answer.add(531, 1).add(533, ended.len())
        };
        self.fix_send(now_ns, conn, &answer, out);
        Ok(())
    }

    fn fix_amend(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        account: AccountId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let instrument = self.fix_symbol(message)?;
        let order = order_ref(message)?;
        let quantity = message.need(38)?;
        let id = message.client_id(11)?;
        let done = self.amend_quantity(now_ns, account, instrument, order, quantity, id);
        if let Err(error) = done {
            let answer = Outbound::new("XAR")
                .add_some(11, id)
                .add_some(37, message.get(37))
                .add_some(41, message.get(41))
                .add_some(55, message.get(55))
                .add(38, quantity)
                .add(25016, error.code)
                .add(58, error.text);
            self.fix_send(now_ns, conn, &answer, out);
        }
        Ok(())
    }

    fn fix_cancel_replace(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        account: AccountId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let stop = match message.need(25033)? {
            "1" => true,
            "2" => false,
            _ => return Err(Fault::value(25033)),
        };
        let over_rate_cancels = match message.get(25038) {
            None | Some("1") => false,
            Some("2") => true,
            Some(_) => return Err(Fault::value(25038)),
        };
        let instrument = self.fix_symbol(message)?;
        let order = order_ref(message)?;
        let only = cancel_only(message)?;
        let cancel_id = message.client_id(25034)?;
        let request = order_request(message)?;
        if !over_rate_cancels && let Err(error) = self.limits.check_order(now_ns, account) {
            return self.fix_order_error(now_ns, conn, message, &error, out);
        }
        let canceled = self.cancel(now_ns, account, instrument, order, only, cancel_id);
        self.pump(now_ns, out);
        if let Err(error) = &canceled {
            let id = cancel_id.or_else(|| message.get(11));
            self.fix_send(now_ns, conn, &cancel_reject(message, id, error), out);
            if stop {
                return Ok(());
            }
        }
        match self.place(now_ns, account, &request) {
            Ok(_) => Ok(()),
            Err(error) => self.fix_order_error(now_ns, conn, message, &error, out),
        }
    }

    fn limit_report(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        account: AccountId,
        message: &Inbound,
    ) -> Outbound {
        let (ten, day) = self.limits.order_counts(now_ns, account);
        let used = self.fix.by_conn.get(&conn).map_or(0, |session| session.messages.count);
        let limits = &self.limits.config;
        let row = |out: Outbound, kind: u32, used: u32, max: u32, interval: u32, unit: &str| {
            out.add(25004, kind)
                .add(25005, used)
                .add(25006, max)
                .add(25007, interval)
                .add(25008, unit)
        };
        let answer = Outbound::new("XLR").add_some(6136, message.get(6136)).add(25003, 3);
        let answer = row(answer, 2, used, limits.fix_messages_per_10s, 10, "s");
        let answer = row(answer, 1, ten, limits.orders_per_10s, 10, "s");
        row(answer, 1, day, limits.orders_per_day, 1, "d")
    }
}

fn cancel_reject(message: &Inbound, id: Option<&str>, error: &ApiError) -> Outbound {
    Outbound::new("9")
        .add_some(11, id)
        .add_some(37, message.get(37))
        .add_some(41, message.get(41))
        .add_some(55, message.get(55))
        .add(434, 1)
        .add(25016, error.code)
        .add(58, &error.text)
}

/// The order that `OrderID` (37) and `OrigClOrdID` (41) name.
fn order_ref(message: &Inbound) -> Result<OrderRef<'_>, Fault> {
    let id = message.get(37).map(|text| text.parse().map_err(|_| Fault::format(37)));
    match (id.transpose()?, message.client_id(41)?) {
        (Some(id), Some(client)) => Ok(OrderRef::Both(id, client)),
        (Some(id), None) => Ok(OrderRef::Id(id)),
        (None, Some(client)) => Ok(OrderRef::Client(client)),
        (None, None) => Err(Fault::missing(41)),
    }
}

fn cancel_only(message: &Inbound) -> Result<CancelOnly, Fault> {
    match message.get(25002) {
        None => Ok(CancelOnly::Any),
        Some("1") => Ok(CancelOnly::New),
        Some("2") => Ok(CancelOnly::PartiallyFilled),
        Some(_) => Err(Fault::value(25002)),
    }
}

/// The new order in a D or XCN message.
fn order_request(message: &Inbound) -> Result<OrderRequest, Fault> {
    let unsupported = [111, 1100, 1101, 1102, 1107, 1109, 25009, 211, 1094, 835, 836];
    if let Some(tag) = unsupported.into_iter().find(|tag| message.get(*tag).is_some()) {
        return Err(Fault::unsupported("This simulator has no such orders.").at(tag));
    }
    let kind = match message.need(40)? {
        "1" => OrderKind::Market,
        "2" => OrderKind::Limit,
        _ => return Err(Fault::value(40)),
    };
    let post_only = match message.get(18) {
        None => false,
        Some("6") if kind == OrderKind::Limit => true,
        Some(_) => return Err(Fault::value(18)),
    };
    let side = match message.need(54)? {
        "1" => Side::Buy,
        "2" => Side::Sell,
        _ => return Err(Fault::value(54)),
    };
    let limit = kind == OrderKind::Limit;
    let tif = match message.get(59) {
        Some(_) if post_only || !limit => return Err(Fault::value(59)),
        Some("1") => Tif::Gtc,
        Some("3") => Tif::Ioc,
        Some("4") => Tif::Fok,
        Some(_) => return Err(Fault::value(59)),
        None if limit && !post_only => return Err(Fault::missing(59)),
        None => Tif::Gtc,
    };
    let stp = match message.get(25001) {
        None | Some("1") => Stp::Allow,
        Some("2") => Stp::ExpireTaker,
        Some("3") => Stp::ExpireMaker,
        Some("4") => Stp::ExpireBoth,
        Some(_) => return Err(Fault::value(25001)),
    };
    match (message.get(38), message.get(152)) {
        (Some(_), Some(_)) => return Err(Fault::value(152)),
        (None, Some(_)) if limit => return Err(Fault::missing(38)),
        (None, None) => return Err(Fault::missing(38)),
        _ => {}
    }
    match message.get(44) {
        None if limit => return Err(Fault::missing(44)),
        Some(_) if !limit => return Err(Fault::value(44)),
        _ => {}
    }
    let owned = |tag: u32| message.get(tag).map(str::to_owned);
    Ok(OrderRequest {
        symbol: message.need(55)?.to_owned(),
        side,
        kind,
        tif,
        post_only,
        price: owned(44),
        quantity: owned(38),
        quote_quantity: owned(152),
        client_id: message.client_id(11)?.map(str::to_owned),
        stp,
    })
}

/// The tag of the parameter in an error.
fn tag_of(error: &ApiError) -> Option<u32> {
    let names = [("price", 44), ("quoteOrderQty", 152), ("quantity", 38), ("newQty", 38)];
    match error.code {
        -1121 => Some(55),
        _ => names.iter().find(|(name, _)| error.text.contains(name)).map(|(_, tag)| *tag),
    }
}
