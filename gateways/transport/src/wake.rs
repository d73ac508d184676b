//! Waking a thread that may sleep, without a system call if it does not sleep.
//!
//! The protocol: a sleeper calls [`Parked::prepare`], looks at its ring once more, sleeps only if
//! the ring is empty, and then calls [`Parked::leave`]. A publisher publishes, and then calls
//! [`WakeHandle::notify`]. Both sides put a sequentially consistent fence between their write and
//! their read, so at least one of them sees the other's write: either the sleeper finds the
//! message, or the publisher finds the flag.
//!
//! A line belongs here if it is about that protocol. When to sleep is `wait`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::Thread;

/// The flag of one thread: "I sleep, or am about to".
#[derive(Debug, Default)]
pub struct Parked(AtomicBool);

impl Parked {
    /// Announces sleep. The caller must look for work once more before it sleeps.
    pub fn prepare(&self) {
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Withdraws the announcement, after sleep or when work was found.
    pub fn leave(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// For a publisher, after it has published: whether it must wake the sleeper. Only one of many
    /// publishers is told so.
    pub fn take(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::AcqRel)
    }
}

/// How the thread sleeps.
#[derive(Clone, Debug)]
enum SleepMethod {
    /// The thread sleeps in `mio::Poll::poll`.
    Poll(Arc<mio::Waker>),
    /// The thread sleeps in [`std::thread::park_timeout`].
    Thread(Thread),
}

/// The handle by which a publisher wakes one sleeping thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WakeHandle {
    parked: Arc<Parked>,
    method: SleepMethod,
}

impl WakeHandle {
    /// For a thread that sleeps in `mio::Poll::poll`.
    pub fn for_poll(parked: Arc<Parked>, waker: Arc<mio::Waker>) -> Self {
        Self { parked, method: SleepMethod::Poll(waker) }
    }

    /// For the calling thread, which sleeps in [`sleep_unless`].
    pub fn for_current_thread(parked: Arc<Parked>) -> Self {
        Self { parked, method: SleepMethod::Thread(std::thread::current()) }
    }

    /// Call it after publishing. Makes a system call, and returns true, only if the reader sleeps.
    pub fn notify(&self) -> bool {
        let asleep = self.parked.take();
        if asleep {
            self.wake();
        }
        asleep
    }

    /// Wakes without looking at the flag; for shutdown.
    pub fn wake(&self) {
        match &self.method {
            // This fails only when the descriptor is gone, and then the sleeper is gone too.
            SleepMethod::Poll(waker) => drop(waker.wake()),
            SleepMethod::Thread(thread) => thread.unpark(),
        }
    }
}

/// Sleeps in [`std::thread::park_timeout`] until notified, unless `has_work` is true after the
/// sleep was announced. May return early.
pub fn sleep_unless(
    parked: &Parked,
    has_work: impl FnOnce() -> bool,
    longest: std::time::Duration,
) {
    parked.prepare();
    if !has_work() {
        std::thread::park_timeout(longest);
    }
    parked.leave();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, Instant};

    /// Longer than the whole test may take: a single lost wake-up fails it.
    const FOREVER: Duration = Duration::from_mins(1);

    #[test]
    fn no_wake_up_is_lost_when_publishing_races_with_going_to_sleep() {
        const MESSAGES: u64 = 20_000;
        let ring = Arc::new(AtomicU64::new(0));
        let seen = Arc::new(AtomicU64::new(0));
        let parked = Arc::new(Parked::default());
        let mut poll = mio::Poll::new().expect("poll");
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).expect("waker"));
        let handle = WakeHandle::for_poll(Arc::clone(&parked), waker);
        let publisher = {
            let (ring, seen) = (Arc::clone(&ring), Arc::clone(&seen));
            std::thread::spawn(move || {
                for message in 1..=MESSAGES {
                    ring.store(message, Ordering::Relaxed);
                    handle.notify();
                    while seen.load(Ordering::Relaxed) < message {
                        std::thread::yield_now();
                    }
                }
            })
        };
        let mut events = mio::Events::with_capacity(8);
        let started = Instant::now();
        let mut last = 0;
        while last < MESSAGES {
            parked.prepare();
            if ring.load(Ordering::Relaxed) == last {
                poll.poll(&mut events, Some(FOREVER)).expect("poll");
            }
            parked.leave();
            last = ring.load(Ordering::Relaxed);
            seen.store(last, Ordering::Relaxed);
        }
        publisher.join().expect("publisher");
        assert!(started.elapsed() < FOREVER, "a wake-up was lost");
    }

    #[test]
    fn a_publisher_makes_no_system_call_for_a_reader_that_is_awake() {
        let parked = Arc::new(Parked::default());
        let handle = WakeHandle::for_current_thread(Arc::clone(&parked));
        assert!(!handle.notify());
        parked.prepare();
        assert!(handle.notify());
        assert!(!handle.notify(), "only one of many publishers wakes");
        parked.prepare();
        parked.leave();
        assert!(!handle.notify());
    }

    #[test]
    fn sleep_is_refused_when_there_is_work() {
        let parked = Parked::default();
        let started = Instant::now();
        sleep_unless(&parked, || true, FOREVER);
        assert!(started.elapsed() < FOREVER);
    }
}
