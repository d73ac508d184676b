//! Finds orders by the ids that clients gave them (`ClOrdID`, FIX 11).
//!
//! A line belongs here if it maps a session and one of its ids to an order. Whether an id may be
//! used is checked in `risk`.
//!
//! An order is found by its own id and by the id of the last request to cancel or replace it. The
//! ids that replaced orders had before are remembered too, the newest of them, so that they are
//! refused for another order. Nothing here allocates after [`ClientIds::new`].

use crate::hash::Rolling;
use crate::id::{ClOrdId, OrderId, SessionId};
use crate::order::Order;
use crate::table::{Index, Key, Recent, Ring, Slot};

/// Base-2 logarithm of the earlier ids of replaced orders that are remembered at most.
pub const EARLIER_IDS_LOG2_MAX: u8 = 16;

/// A client's id of an order or of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClientKey {
    session: SessionId,
    cl_ord_id: ClOrdId,
}

impl ClientKey {
    /// An even entry is an order's own id, an odd one the id of a request to change the order.
    #[inline]
    fn is_at(&self, orders: &Ring<Order>, entry: u32) -> bool {
        let order = orders.in_slot(entry >> 1);
        let id = if entry & 1 == 0 { &order.cl_ord_id } else { &order.request_id };
        order.session == self.session && *id == self.cl_ord_id
    }
}

impl Key for ClientKey {
    fn mix(&self, hash: &mut Rolling) {
        hash.word(u64::from(self.session.0));
        hash.text(&self.cl_ord_id);
    }
}

/// A client's id with its hash, which is made once per request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashedId {
    key: ClientKey,
    /// Hash of the session and the id.
    pub hash: u64,
}

/// The ids of all orders in the table of orders.
#[derive(Debug)]
pub(crate) struct ClientIds {
    seed: u64,
    /// Entries are twice an order's slot, plus one for the id of a request.
    index: Index,
    /// Earlier ids of replaced orders.
    earlier: Recent<ClientKey, OrderId>,
}

impl ClientIds {
    /// Room for the ids of `2^orders_log2` orders.
    pub fn new(orders_log2: u8, seed: u64) -> Self {
        Self {
            seed,
            // An order has its own id and that of its last request.
            index: Index::new(orders_log2 + 1),
            earlier: Recent::new(orders_log2.min(EARLIER_IDS_LOG2_MAX), seed),
        }
    }

    /// The id with its hash.
    #[inline]
    pub fn hashed(&self, session: SessionId, cl_ord_id: ClOrdId) -> HashedId {
        let key = ClientKey { session, cl_ord_id };
        let mut hash = Rolling::new(self.seed);
        key.mix(&mut hash);
        HashedId { key, hash: hash.value() }
    }

    /// The order whose own id or last request has this id.
    #[inline]
    pub fn find<'a>(&self, orders: &'a Ring<Order>, id: &HashedId) -> Option<&'a Order> {
        let entry = self.index.get(id.hash, |entry| id.key.is_at(orders, entry))?;
        Some(orders.in_slot(entry >> 1))
    }

    /// As [`find`](Self::find), also by an id that the order had before it was replaced.
    pub fn find_ever(&self, orders: &Ring<Order>, id: &HashedId) -> Option<Order> {
        let found = self.find(orders, id).copied();
        found.or_else(|| self.earlier.get(id.key).and_then(|id| orders.get(id.0).copied()))
    }

    /// Whether an order or a request has this id, or a replaced order had it.
    #[inline]
    pub fn is_used(&self, orders: &Ring<Order>, id: &HashedId) -> bool {
        self.find(orders, id).is_some() || self.earlier.has(id.key)
    }

    /// Adds an order's own id.
    #[inline]
    pub fn add_order(&mut self, hash: u64, slot: u32) {
        self.add(hash, slot << 1);
    }

    /// Makes `request` the id of the order's last request; the one before is free again.
    pub fn set_request(&mut self, order: &mut Order, slot: u32, request: ClOrdId) {
        self.remove_request(order, slot);
        order.request_id = request;
        let hash = self.hashed(order.session, request).hash;
        self.add(hash, slot << 1 | 1);
    }

    /// Makes the id of the last request the order's own id. The id before it is remembered.
    pub fn rename(&mut self, order: &mut Order, slot: u32) {
        self.index.remove(order.key_hash, |entry| entry == slot << 1);
        self.remove_request(order, slot);
        let earlier = ClientKey { session: order.session, cl_ord_id: order.cl_ord_id };
        self.earlier.remember(earlier, order.id);
        order.cl_ord_id = order.request_id;
        order.request_id = ClOrdId::EMPTY;
        order.key_hash = self.hashed(order.session, order.cl_ord_id).hash;
        self.add_order(order.key_hash, slot);
    }

    /// Frees the ids of an order whose slot is about to be used again.
    pub fn forget(&mut self, order: &Order, slot: u32) {
        if order.id() == 0 {
            return;
        }
        self.index.remove(order.key_hash, |entry| entry == slot << 1);
        self.remove_request(order, slot);
    }

    fn remove_request(&mut self, order: &Order, slot: u32) {
        if !order.request_id.is_empty() {
            let hash = self.hashed(order.session, order.request_id).hash;
            self.index.remove(hash, |entry| entry == slot << 1 | 1);
        }
    }

    fn add(&mut self, hash: u64, entry: u32) {
        let added = self.index.insert(hash, entry);
        assert!(added, "two ids per order always fit");
    }
}
