//! Orders over FIX: D, F, G, H and q.
//!
//! A line belongs here if it turns a client's application message into a request of `orders`, or
//! the result into an answer. Source: venue reference (Coinbase Exchange), sections 3.2 and 3.3.

use std::sync::Arc;

use super::super::error::ApiError;
use super::super::orders::{OrderRequest, Wanted};
use super::super::{CoinbaseFront, ids};
use super::fields::{Fault, Inbound};
use super::render::{self, Outbound};
use crate::engine::{AccountId, OrderKind, Side, Stp, Tif};
use crate::front::{ConnId, FrontAction};

/// 434=1: answer to a cancel. 434=2: answer to a replace.
const CANCEL: u32 = 1;
const REPLACE: u32 = 2;

impl CoinbaseFront {
    pub(super) fn fix_application(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        let session = self.fix.by_conn.get(&conn);
        let Some(logon) = session.and_then(|s| s.logon.as_ref()) else { return Ok(()) };
        let (account, stp) = (logon.account, logon.stp);
        let answer = match message.kind.as_str() {
            "D" => self.fix_new_order(now_ns, (conn, account, stp), message)?,
            "F" => self.fix_cancel(now_ns, account, message)?,
            "G" => self.fix_replace(now_ns, (conn, account), message)?,
            "H" => Some(self.fix_status(now_ns, account, message)?),
            "q" => Some(self.fix_mass_cancel(now_ns, (conn, account), message)?),
            _ => return Err(Fault::unsupported()),
        };
        if let Some(answer) = answer {
            self.fix_send(now_ns, conn, &answer, out);
        }
        Ok(())
    }

    fn fix_new_order(
        &mut self,
        now_ns: u64,
        (conn, account, stp): (ConnId, AccountId, Stp),
        message: &Inbound,
    ) -> Result<Option<Outbound>, Fault> {
        let request = order_request(message, conn, stp)?;
        let placed = self.place(now_ns, account, &request);
        Ok(placed.err().map(|error| render::rejected(now_ns, message, &error)))
    }

    fn fix_cancel(
        &mut self,
        now_ns: u64,
        account: AccountId,
        message: &Inbound,
    ) -> Result<Option<Outbound>, Fault> {
        message.client_id()?;
        let wanted = wanted(message)?;
        let done =
            self.product(message.need(55)?).and_then(|_| self.cancel(now_ns, account, wanted));
        Ok(done.err().map(|error| cancel_reject(message, CANCEL, &error)))
    }

    fn fix_replace(
        &mut self,
        now_ns: u64,
        (conn, account): (ConnId, AccountId),
        message: &Inbound,
    ) -> Result<Option<Outbound>, Fault> {
        let id = message.client_id()?;
        if message.need(40)? != "2" {
            return Err(Fault::value(40));
        }
        let (price, size) = (message.need(44)?, message.need(38)?);
        let wanted = wanted(message)?;
        let done = self
            .product(message.need(55)?)
            .and_then(|_| self.replace(now_ns, account, wanted, (conn.0, id), (price, size)));
        Ok(done.err().map(|error| cancel_reject(message, REPLACE, &error)))
    }

    fn fix_status(
        &self,
        now_ns: u64,
        account: AccountId,
        message: &Inbound,
    ) -> Result<Outbound, Fault> {
        let wanted = Wanted { id: message.get(37), client_id: Some(message.client_id()?) };
        Ok(match self.find(account, wanted) {
            Ok(order) => render::status(&self.exchange, now_ns, order),
            Err(error) => render::rejected(now_ns, message, &error),
        })
    }

    /// Ends the orders that this connection has placed. The summary comes first.
    fn fix_mass_cancel(
        &mut self,
        now_ns: u64,
        (conn, account): (ConnId, AccountId),
        message: &Inbound,
    ) -> Result<Outbound, Fault> {
        let id = message.client_id()?;
        if message.need(530)? != "6" {
            return Err(Fault::value(530));
        }
        let open = self.exchange.open_orders(account, None);
        let own: Vec<u64> = open.filter(|o| o.tag == conn.0).map(|order| order.id).collect();
        for order in own {
            let wanted = ids::order(order);
            // Each order was open a moment ago.
            let _ = self.cancel(now_ns, account, Wanted { id: Some(&wanted), client_id: None });
        }
        Ok(Outbound::new("r").add(11, id).add(530, 6).add(531, 6))
    }
}

fn cancel_reject(message: &Inbound, to: u32, error: &ApiError) -> Outbound {
    let reason = if error.reason == super::super::error::UNKNOWN_ORDER { 1 } else { 2 };
    Outbound::new("9")
        .add_some(11, message.get(11))
        .add_some(37, message.get(37))
        .add_some(41, message.get(41))
        .add(39, 8)
        .add(102, reason)
        .add(434, to)
        .add(58, &error.text)
}

/// The order that `OrderID` (37) and `OrigClOrdID` (41) name.
fn wanted(message: &Inbound) -> Result<Wanted<'_>, Fault> {
    let (id, client_id) = (message.get(37), message.get(41));
    match (id, client_id) {
        (None, None) => Err(Fault::missing(37)),
        (Some(id), _) if !ids::is_uuid(id) => Err(Fault::format(37)),
        (_, Some(client)) if !ids::is_client_id(client) => Err(Fault::format(41)),
        _ => Ok(Wanted { id, client_id }),
    }
}

/// The new order in a D message.
fn order_request(message: &Inbound, conn: ConnId, stp: Stp) -> Result<OrderRequest, Fault> {
    let kind = match message.need(40)? {
        "1" => OrderKind::Market,
        "2" => OrderKind::Limit,
        // Stop orders are not simulated.
        _ => return Err(Fault::value(40)),
    };
    let is_limit = kind == OrderKind::Limit;
    let tif = match message.get(59) {
        None if is_limit => return Err(Fault::missing(59)),
        None | Some("1") => Tif::Gtc,
        Some("3") => Tif::Ioc,
        Some("4") => Tif::Fok,
        // Orders with an end date are not simulated.
        Some(_) => return Err(Fault::value(59)),
    };
    let post_only = match message.get(18) {
        None => false,
        Some("A") if is_limit && tif == Tif::Gtc => true,
        Some(_) => return Err(Fault::value(18)),
    };
    if message.get(44).is_some() != is_limit {
        return Err(if is_limit { Fault::missing(44) } else { Fault::value(44) });
    }
    let stp = match message.get(7928) {
        None => stp,
        // The decrement is not simulated.
        Some("D" | "B") => Stp::ExpireBoth,
        Some("O") => Stp::ExpireMaker,
        Some("N") => Stp::ExpireTaker,
        Some(_) => return Err(Fault::value(7928)),
    };
    match (message.get(38), message.get(152)) {
        (Some(_), Some(_)) => return Err(Fault::value(152)),
        (None, Some(_)) if is_limit => return Err(Fault::missing(38)),
        (None, None) => return Err(Fault::missing(38)),
        _ => {}
    }
    let owned = |tag: u32| message.get(tag).map(str::to_owned);
    Ok(OrderRequest {
        product: message.need(55)?.to_owned(),
        client_id: Arc::from(message.client_id()?),
        side: match message.need(54)? {
            "1" => Side::Buy,
            "2" => Side::Sell,
            _ => return Err(Fault::value(54)),
        },
        kind,
        tif,
        post_only,
        price: owned(44),
        size: owned(38),
        funds: owned(152),
        stp,
        tag: conn.0,
    })
}
