//! The orders that the node's reports told of, found by any of their ids.
//!
//! A line belongs here if it concerns what the client knows of its orders. All of it comes from
//! reports, so orders of earlier runs are known as soon as the node reports them.

use super::{Instructions, Report, Terms};

/// Most orders that are remembered. Beyond this the oldest ended one is forgotten, or the oldest.
const ORDERS_MAX: usize = 10_000;

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The client's id of the order now, `ClOrdID` (11).
    pub cl_ord_id: String,
    /// The node's id, `OrderID` (37); empty before the first report.
    pub order_id: String,
    /// The client's ids before replaces.
    earlier: Vec<String>,
    /// Such as `BTC/USDT`.
    pub symbol: String,
    /// Terms.
    pub terms: Terms,
    /// What the order said beside them; nothing for an order of an earlier run.
    pub instructions: Instructions,
    /// Quantity that is still open, in 10^-8.
    pub leaves_e8: i64,
    /// Whether the order has ended.
    pub over: bool,
    /// `MsgSeqNum` (34) of the order as it was sent; `None` if an earlier run sent it.
    sent_as: Option<u64>,
}

/// All orders, oldest first.
#[derive(Debug, Default)]
pub struct Orders(Vec<Known>);

impl Orders {
    /// Remembers an order that was sent with that `MsgSeqNum` (34).
    pub fn sent(
        &mut self,
        seq: u64,
        cl_ord_id: &str,
        symbol: &str,
        (terms, instructions): (Terms, Instructions),
    ) {
        self.begin(Some(seq), cl_ord_id, symbol, (terms, instructions));
    }

    fn begin(
        &mut self,
        sent_as: Option<u64>,
        cl_ord_id: &str,
        symbol: &str,
        (terms, instructions): (Terms, Instructions),
    ) {
        self.add(Known {
            cl_ord_id: cl_ord_id.to_owned(),
            order_id: String::new(),
            earlier: Vec::new(),
            symbol: symbol.to_owned(),
            terms,
            instructions,
            leaves_e8: terms.qty_e8,
            over: false,
            sent_as,
        });
    }

    /// The node rejected the message of that number (`RefSeqNum` of 35=3). If it was an order, the
    /// order has ended.
    pub fn rejected(&mut self, seq: u64) -> Option<&Known> {
        let at = self.0.iter().rposition(|order| order.sent_as == Some(seq))?;
        self.end(at)
    }

    /// The node refused the message with that id (`BusinessRejectRefID` of 35=j). If it was an
    /// order, the order has ended.
    pub fn refused(&mut self, cl_ord_id: &str) -> Option<&Known> {
        let is = |order: &Known| order.sent_as.is_some() && order.cl_ord_id == cl_ord_id;
        let at = self.0.iter().rposition(is)?;
        self.end(at)
    }

    fn end(&mut self, at: usize) -> Option<&Known> {
        let order = self.0.get_mut(at)?;
        (order.over, order.leaves_e8) = (true, 0);
        Some(order)
    }

    fn add(&mut self, order: Known) {
        if self.0.len() >= ORDERS_MAX {
            let ended = self.0.iter().position(|order| order.over).unwrap_or(0);
            self.0.remove(ended);
        }
        self.0.push(order);
    }

    /// The newest order with this id: the client's, an earlier one of the client's, or the node's.
    pub fn find(&self, id: &str) -> Option<&Known> {
        self.place(id).and_then(|at| self.0.get(at))
    }

    fn place(&self, id: &str) -> Option<usize> {
        let is = |order: &Known| {
            order.cl_ord_id == id || order.order_id == id || order.earlier.iter().any(|e| e == id)
        };
        if id.is_empty() { None } else { self.0.iter().rposition(is) }
    }

    /// Open orders, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Known> {
        self.0.iter().filter(|order| !order.over)
    }

    /// Takes in a report.
    pub fn told(&mut self, report: &Report) {
        // A refused cancel or replace changes nothing, and its ids are the request's.
        if report.kind == 'x' {
            return;
        }
        let about = [&report.order_id, &report.orig_cl_ord_id, &report.cl_ord_id];
        let Some(at) = about.into_iter().find_map(|id| self.place(id)) else {
            if let Some(terms) = report.terms.filter(|_| !report.is_final()) {
                let said = (terms, Instructions::NONE);
                self.begin(None, &report.cl_ord_id, &report.symbol, said);
                self.told(report);
            }
            return;
        };
        let Some(order) = self.0.get_mut(at) else { return };
        if report.order_id != "NONE" {
            order.order_id.clone_from(&report.order_id);
        }
        // Only a replace (150=5) gives the order a new id; a cancel's id is the request's.
        if report.kind == '5' && order.cl_ord_id != report.cl_ord_id {
            let earlier = std::mem::replace(&mut order.cl_ord_id, report.cl_ord_id.clone());
            order.earlier.push(earlier);
        }
        if let Some(terms) = report.terms.filter(|_| report.kind != 'E') {
            order.terms = terms;
        }
        order.leaves_e8 = report.leaves_e8;
        order.over |= report.is_final();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: char, status: char, cl_ord_id: &str, orig: &str) -> Report {
        Report {
            kind,
            status,
            cl_ord_id: cl_ord_id.to_owned(),
            orig_cl_ord_id: orig.to_owned(),
            order_id: "7".to_owned(),
            symbol: "BTC/USDT".to_owned(),
            terms: Some(Terms { qty_e8: 5, limit_e8: Some(9), ..Terms::default() }),
            leaves_e8: 5,
            ..Report::default()
        }
    }

    #[test]
    fn an_order_of_an_earlier_run_is_found_by_every_id_once_the_node_reports_it() {
        let mut orders = Orders::default();
        orders.told(&report('I', '0', "old-1", ""));
        for id in ["old-1", "7"] {
            assert_eq!(
                orders.find(id).map(|order| order.cl_ord_id.as_str()),
                Some("old-1"),
                "{id}"
            );
        }
        assert_eq!(orders.find(""), None);
        assert_eq!(orders.find("8"), None);
    }

    #[test]
    fn a_replaced_order_is_found_by_its_old_ids_and_asked_about_by_the_new_one() {
        let mut orders = Orders::default();
        orders.told(&report('0', '0', "a", ""));
        orders.told(&report('5', '0', "b", "a"));
        assert_eq!(orders.find("a").map(|order| order.cl_ord_id.as_str()), Some("b"));
        assert_eq!(orders.find("7").map(|order| order.cl_ord_id.as_str()), Some("b"));
    }

    #[test]
    fn the_id_of_a_cancel_is_no_id_of_the_order() {
        let mut orders = Orders::default();
        orders.told(&report('0', '0', "a", ""));
        orders.told(&report('6', '6', "c", "a"));
        assert_eq!(orders.find("7").map(|order| order.cl_ord_id.as_str()), Some("a"));
        orders.told(&report('4', '4', "c", "a"));
        assert_eq!(orders.open().count(), 0);
    }

    #[test]
    fn an_order_whose_message_the_node_rejects_is_no_longer_open() {
        let mut orders = Orders::default();
        let begun = ["a", "b", "c"];
        for (seq, id) in (5..).zip(begun) {
            orders.sent(seq, id, "BTC/USDT", <_>::default());
        }
        assert_eq!(orders.rejected(4), None, "a message that was no order");
        assert_eq!(orders.rejected(6).map(|order| order.cl_ord_id.as_str()), Some("b"));
        assert_eq!(orders.refused("x"), None);
        assert_eq!(orders.refused("c").map(|order| order.cl_ord_id.as_str()), Some("c"));
        let open: Vec<&str> = orders.open().map(|order| order.cl_ord_id.as_str()).collect();
        assert_eq!(open, ["a"]);
    }

    #[test]
    fn what_is_remembered_has_a_limit_and_open_orders_outlast_ended_ones() {
        let mut orders = Orders::default();
        orders.sent(1, "open", "BTC/USDT", <_>::default());
        orders.sent(2, "ended", "BTC/USDT", <_>::default());
        orders.0[1].over = true;
        for number in 2..=ORDERS_MAX {
            orders.sent(9, &number.to_string(), "BTC/USDT", <_>::default());
        }
        assert_eq!(orders.0.len(), ORDERS_MAX);
        assert!(orders.find("open").is_some() && orders.find("ended").is_none());
    }
}
