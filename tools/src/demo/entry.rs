//! How the demo's client sends its orders.
//!
//! A line belongs here if a trader needs it to send. Who carries the bytes is `live` or
//! `virtual_time`.

use crate::client::{ClientError, Order, Side};

/// A client's session, with the time that holds for it.
pub trait OrderEntry {
    /// The time, nanoseconds since the epoch.
    fn now_ns(&self) -> u64;

    /// Whether the session is logged on, so that orders are sent at once.
    fn is_logged_on(&self) -> bool;

    /// Sends an order at once.
    ///
    /// # Errors
    /// [`ClientError`].
    fn new_order(&mut self, now_ns: u64, order: &Order<'_>) -> Result<(), ClientError>;

    /// Asks at once to cancel an order.
    ///
    /// # Errors
    /// [`ClientError`].
    fn cancel(
        &mut self,
        now_ns: u64,
        cl_ord_id: &str,
        orig_cl_ord_id: &str,
        symbol: &str,
        side: Side,
    ) -> Result<(), ClientError>;
}
