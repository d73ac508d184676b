//! Connections that we close while their peer may still send: our last message must arrive.
//!
//! A socket that is closed with unread bytes sends a reset, and the reset may overtake bytes
//! written before it, such as a Logout. So only the writing side is closed at first. The peer's
//! bytes are read and thrown away, up to a limit of time and bytes. The session is free meanwhile;
//! the connection's slot is not.

use std::io::{ErrorKind, Read};

use rutter_fix::store::MessageStore;
use rutter_transport::acceptor::{Acceptor, ConnId};

use super::{GatewayServer, READ_BYTES_IN_COMPANY};

/// Longest time that a connection lingers, in nanoseconds.
pub const LEAVE_NS: u64 = 1_000_000_000;

/// Most bytes that are thrown away; a peer that sends more gets a reset.
pub const LEAVE_BYTES_MAX: usize = 1 << 20;

/// Most connections that linger; one more is closed at once.
pub const LEAVING_MAX: usize = 32;

/// A connection that is closed for writing and still read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lingering {
    due_ns: u64,
    bytes_left: usize,
    /// The writing side is closed.
    said: bool,
}

impl<S: MessageStore> GatewayServer<S> {
    /// Lets a connection linger whose last message waits to be written, or was just written.
    pub(super) fn leave(&mut self, now_ns: u64, number: u32) {
        let room = self.leaving.len() < LEAVING_MAX;
        let Some(Some(slot)) = self.slots.get_mut(number as usize) else { return };
        if !room || !slot.ready {
            return self.drop_slot(number);
        }
        let due_ns = now_ns.saturating_add(LEAVE_NS);
        slot.leaving = Some(Lingering { due_ns, bytes_left: LEAVE_BYTES_MAX, said: false });
        self.leaving.push_back((due_ns, number));
        self.say_last(number);
        self.drain(number);
    }

    /// Closes the writing side of a lingering connection, once all bytes are written.
    pub(super) fn say_last(&mut self, number: u32) {
        let written = self.gateway.pending(ConnId(number)).is_empty();
        let Some(Some(slot)) = self.slots.get_mut(number as usize) else { return };
        let Some(leaving) = slot.leaving.as_mut().filter(|leaving| written && !leaving.said) else {
            return;
        };
        match slot.stream.close_write() {
            Ok(()) => leaving.said = true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.drop_slot(number),
        }
    }

    /// Whether a connection lingers.
    pub(super) fn is_leaving(&self, number: u32) -> bool {
        let slot = self.slots.get(number as usize).and_then(Option::as_ref);
        slot.is_some_and(|slot| slot.leaving.is_some())
    }

    /// Throws away a lingering peer's bytes, within the budget of a turn. The connection is closed
    /// at the peer's end, or at the limit of bytes.
    pub(super) fn drain(&mut self, number: u32) {
        let Self { slots, readable, buffer, .. } = self;
        let Some(Some(slot)) = slots.get_mut(number as usize) else { return };
        let Some(leaving) = &mut slot.leaving else { return };
        slot.stream.set_read_budget(READ_BYTES_IN_COMPANY);
        loop {
            match slot.stream.read(buffer) {
                Ok(count) if count > 0 && count < leaving.bytes_left => leaving.bytes_left -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => return self.drop_slot(number),
            }
        }
        if slot.stream.is_readable() {
            super::mark_readable(slot, number, readable);
        }
    }

    /// Closes lingering connections whose time is over; true if there were any.
    pub(super) fn end_leaving(&mut self, now_ns: u64) -> bool {
        let mut worked = false;
        while let Some((due_ns, number)) = self.leaving.front().copied() {
            let slot = self.slots.get(number as usize).and_then(Option::as_ref);
            let leaving = slot.and_then(|slot| slot.leaving);
            let is_it = leaving.is_some_and(|leaving| leaving.due_ns == due_ns);
            if is_it && due_ns > now_ns {
                break;
            }
            self.leaving.pop_front();
            worked = true;
            if is_it {
                self.drop_slot(number);
            }
        }
        worked
    }
}
