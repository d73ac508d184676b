//! Silence on a link that has a ping: when to ping, and when the link is dead.
//!
//! A line belongs here if it needs only the time at which the venue last said something.

/// What is due on a silent link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// The venue was silent for half of the limit: a ping.
    Ping,
    /// The venue was silent for the whole limit: the link is dead.
    Dead,
}

/// When the venue last said something on a link.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    limit_ns: u64,
    heard_ns: u64,
    is_pinged: bool,
}

impl Silence {
    /// A link that is dead after a silence of `limit_ns`.
    pub const fn new(limit_ns: u64) -> Self {
        Self { limit_ns, heard_ns: 0, is_pinged: false }
    }

    /// The venue has said something.
    pub const fn heard(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
        self.is_pinged = false;
    }

    /// When the venue last said something.
    pub const fn heard_ns(&self) -> u64 {
        self.heard_ns
    }

    /// What is due now. A ping is due once in a silence.
    pub const fn due(&mut self, now_ns: u64) -> Due {
        if now_ns < self.next_ns() {
            return Due::Nothing;
        }
        if now_ns >= self.heard_ns.saturating_add(self.limit_ns) {
            return Due::Dead;
        }
        self.is_pinged = true;
        Due::Ping
    }

    /// When something is due next.
    pub const fn next_ns(&self) -> u64 {
        let wait_ns = if self.is_pinged { self.limit_ns } else { self.limit_ns / 2 };
        self.heard_ns.saturating_add(wait_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_link_is_pinged_once_and_then_dead() {
        let mut silence = Silence::new(10);
        silence.heard(100);
        assert_eq!((silence.due(104), silence.next_ns()), (Due::Nothing, 105));
        assert_eq!((silence.due(105), silence.next_ns()), (Due::Ping, 110));
        assert_eq!(silence.due(109), Due::Nothing, "one ping a silence");
        assert_eq!(silence.due(110), Due::Dead);
        silence.heard(109);
        assert_eq!((silence.due(110), silence.heard_ns()), (Due::Nothing, 109));
    }

    #[test]
    fn a_late_timer_does_not_ping_a_dead_link() {
        let mut silence = Silence::new(10);
        silence.heard(100);
        assert_eq!(silence.due(200), Due::Dead);
    }
}
