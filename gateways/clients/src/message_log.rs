//! The hook by which every byte of a session, in and out, can be kept as it was.
//!
//! A line belongs here if it takes bytes out of the gateway for somebody who keeps them. Where they
//! are kept is the business of whoever gives the hook.

use core::fmt;

/// The direction of bytes, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    In,
    /// To the client.
    Out,
}

type Tell = dyn FnMut(usize, Direction, u64, &[u8]) -> bool + Send;

/// Takes whole messages, or bytes that are none, of one session.
pub struct MessageTap(Box<Tell>);

impl MessageTap {
    /// Calls a function with the session's place in the configuration, the direction, the time
    /// (nanoseconds since the Unix epoch) and the bytes. The function must not wait. It returns
    /// false if the bytes are not kept.
    pub fn new(tell: impl FnMut(usize, Direction, u64, &[u8]) -> bool + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Gives bytes to the function; false if they are not kept.
    pub fn tell(&mut self, place: usize, direction: Direction, at_ns: u64, bytes: &[u8]) -> bool {
        (self.0)(place, direction, at_ns, bytes)
    }
}

impl fmt::Debug for MessageTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageTap")
    }
}
