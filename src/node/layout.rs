//! How the stations are spread over threads: alone on a thread each, or fused on one.
//!
//! A line belongs here if it decides which station has its turn and when a thread sleeps. `station`
//! says what a station does in its turn.
//!
//! Two layouts. In `threads` every station has a thread. In `fused` the client gateway, the core
//! and the senders take turns on one: on a machine with few processors a hop between threads costs
//! more than the whole work on an order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rutter_journal::Storage;
use rutter_transport::wait::{Idle, PARK_MAX, Waiter};
use rutter_transport::wake::{Parked, WakeHandle};

use crate::node::station::Station;
use crate::node::station::core::Core;

/// How the node's stations are spread over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Each station has its own thread.
    Threads,
    /// Gateway, core and senders on one thread; feeds have their own.
    Fused,
}

/// Why a layout's name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layout {name:?} is none of threads, fused, auto")]
pub struct UnknownLayout {
    /// The name as given.
    pub name: String,
}

impl Layout {
    /// The layout's name, as the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Fused => "fused",
        }
    }

    /// Reads `threads`, `fused` or `auto`: threads only if each of the core, the gateway and the
    /// senders can have a processor and one is left for the rest.
    ///
    /// # Errors
    /// [`UnknownLayout`] for anything else.
    pub fn from_name(name: &str, venues: usize, processors: usize) -> Result<Self, UnknownLayout> {
        match name {
            "threads" => Ok(Self::Threads),
            "fused" => Ok(Self::Fused),
            "auto" => Ok(if processors > 2 + venues { Self::Threads } else { Self::Fused }),
            other => Err(UnknownLayout { name: other.to_owned() }),
        }
    }

    /// Threads that carry orders, and spin when they have a processor each.
    pub const fn order_threads(self, venues: usize) -> usize {
        match self {
            Self::Threads => 2 + venues,
            Self::Fused => 1,
        }
    }
}

/// Carries one station until asked to end.
///
/// # Errors
/// The errors of [`Station::turn`].
pub fn run_alone(
    mut station: Box<dyn Station>,
    mut waiter: Waiter,
    stop: &AtomicBool,
) -> Result<(), String> {
    while !stop.load(Ordering::Relaxed) {
        if station.turn()? {
            waiter.worked();
        } else if waiter.idle() == Idle::Park {
            station.park()?;
        }
    }
    Ok(())
}

/// Where the core's thread sleeps and is woken, alone or fused.
#[derive(Debug)]
pub struct CoreSleeper {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    parked: Arc<Parked>,
}

/// Token of the sleeper's own waker; a station's is its place.
const WAKER: Token = Token(usize::MAX);

impl CoreSleeper {
    /// A sleeper for whoever owns it.
    ///
    /// # Errors
    /// Error of the operating system.
    pub fn new() -> std::io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let parked = Arc::new(Parked::default());
        Ok(Self { poll, events: Events::with_capacity(64), waker, parked })
    }

    /// Handle with which a producer wakes this thread.
    pub fn wake_handle(&self) -> WakeHandle {
        WakeHandle::for_poll(Arc::clone(&self.parked), Arc::clone(&self.waker))
    }

    fn watch(&self, station: &dyn Station, place: usize) -> Result<(), String> {
        let mut source = SourceFd(&station.poll_fd());
        let registry = self.poll.registry();
        registry.register(&mut source, Token(place), Interest::READABLE).map_err(|e| e.to_string())
    }

    /// Sleeps until a station's sockets are ready, somebody wakes it, or for as long as `idle_for`
    /// says after the sleep was announced.
    fn sleep(&mut self, idle_for: impl FnOnce() -> Duration) -> Result<(), String> {
        self.parked.prepare();
        let longest = idle_for().min(PARK_MAX);
        let slept = if longest.is_zero() {
            Ok(())
        } else {
            self.poll.poll(&mut self.events, Some(longest))
        };
        self.parked.leave();
        match slept {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

/// The core's thread: the core alone, or fused with the gateway and the senders.
pub struct CoreThread<S: Storage> {
    /// The core.
    pub core: Core<S>,
    /// Where orders come from; its turn is before the core's. None when it has its own thread.
    pub gateway: Option<Box<dyn Station>>,
    /// Where children go: their turn is after the core's, which then has another.
    pub senders: Vec<Box<dyn Station>>,
    /// How long the thread spins and yields before it sleeps.
    pub waiter: Waiter,
    /// Puts the thread to sleep, and lets others wake it.
    pub sleeper: CoreSleeper,
}

impl<S: Storage> std::fmt::Debug for CoreThread<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreThread").field("fused", &self.gateway.is_some()).finish_non_exhaustive()
    }
}

impl<S: Storage> CoreThread<S> {
    /// Runs until asked to end; gives the core back for its own end.
    ///
    /// # Errors
    /// The errors of [`Station::turn`].
    pub fn run(mut self, stop: &AtomicBool) -> Result<Core<S>, String> {
        for (place, station) in self.gateway.iter().chain(&self.senders).enumerate() {
            self.sleeper.watch(&**station, place)?;
        }
        while !stop.load(Ordering::Relaxed) {
            if self.turn()? {
                self.waiter.worked();
            } else if self.waiter.idle() == Idle::Park {
                let Self { core, gateway, senders, sleeper, .. } = &mut self;
                sleeper.sleep(|| {
                    if stop.load(Ordering::Relaxed) {
                        return Duration::ZERO;
                    }
                    let stations = gateway.iter().chain(senders.iter());
                    stations.map(|s| s.idle_for()).fold(core.idle_for(), Duration::min)
                })?;
            }
        }
        Ok(self.core)
    }

    fn turn(&mut self) -> Result<bool, String> {
        let mut worked = false;
        if let Some(gateway) = &mut self.gateway {
            worked |= gateway.turn()?;
        }
        worked |= self.core.turn().map_err(|error| error.to_string())?;
        if self.senders.is_empty() {
            return Ok(worked);
        }
        for sender in &mut self.senders {
            worked |= sender.turn()?;
        }
        worked |= self.core.turn().map_err(|error| error.to_string())?;
        Ok(worked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_is_fused_and_a_large_one_has_a_thread_for_each_station() {
        assert_eq!(Layout::from_name("auto", 2, 2), Ok(Layout::Fused));
        assert_eq!(Layout::from_name("auto", 2, 4), Ok(Layout::Fused));
        assert_eq!(Layout::from_name("auto", 2, 5), Ok(Layout::Threads));
        assert_eq!(Layout::from_name("threads", 2, 1), Ok(Layout::Threads));
        assert!(Layout::from_name("fibers", 2, 8).is_err());
    }
}
