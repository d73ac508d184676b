//! How a thread waits when it has nothing to do, and which core it runs on.
//!
//! The numbers behind the choices were measured on a small cloud machine. A yield costs 0.5 to 2.3
//! µs. When more threads spin than there are processors, a hop costs a scheduler slice of about 4
//! ms. A system call that moves a small message costs about 8 µs. Reading a clock costs 16 to 40
//! ns.
//!
//! A line belongs here if it decides how to wait. Waking a sleeper is `wake`.

use std::time::Duration;

/// Empty turns after which a [`Profile::Shared`] thread begins to yield.
const SPINS_BEFORE_YIELD: u32 = 8;

/// Empty turns after which it sleeps.
const TURNS_BEFORE_PARK: u32 = 12;

/// Longest sleep. A publisher wakes the sleeper. The limit bounds the harm of an event that wakes
/// nobody, such as a signal flag.
pub const PARK_MAX: Duration = Duration::from_millis(100);

/// A way of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Busy spin, for a thread that has a core to itself.
    Pinned,
    /// Spin a little, yield a little, then sleep.
    Shared,
}

/// Why a profile's name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("waiting profile {name:?} is none of pinned, shared, auto")]
pub struct UnknownProfile {
    /// The name as given.
    pub name: String,
}

/// Why a thread was not pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The process may not run on that core, or the core does not exist.
    #[error("core {0} is not among the cores this process may use")]
    NoSuchCore(usize),
    /// The operating system refused the affinity.
    #[error("the system refused to pin the thread to core {0}")]
    Refused(usize),
}

impl Profile {
    /// The profile's name, as the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Shared => "shared",
        }
    }

    /// Busy spin only if each of `spinning_threads` has a processor and one is left for the rest.
    /// On a smaller machine spinning threads take each other's processor.
    pub fn auto(spinning_threads: usize) -> Self {
        Self::for_processors(processors(), spinning_threads)
    }

    /// [`Profile::auto`] for a given number of processors.
    pub fn for_processors(processors: usize, spinning_threads: usize) -> Self {
        if processors > spinning_threads { Self::Pinned } else { Self::Shared }
    }

    /// Reads `pinned`, `shared` or `auto` (see [`Profile::auto`]).
    ///
    /// # Errors
    /// [`UnknownProfile`] for anything else.
    pub fn from_name(name: &str, spinning_threads: usize) -> Result<Self, UnknownProfile> {
        match name {
            "pinned" => Ok(Self::Pinned),
            "shared" => Ok(Self::Shared),
            "auto" => Ok(Self::auto(spinning_threads)),
            other => Err(UnknownProfile { name: other.to_owned() }),
        }
    }
}

/// What a thread does after an empty turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Try again. The waiter has already paused or yielded.
    Again,
    /// Sleep, by the protocol of [`crate::wake`].
    Park,
}

/// Counts the empty turns of one thread.
#[derive(Clone, Debug)]
pub struct Waiter {
    profile: Profile,
    empty_turns: u32,
}

impl Waiter {
    /// A waiter after a turn that found work.
    pub fn new(profile: Profile) -> Self {
        Self { profile, empty_turns: 0 }
    }

    /// The profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The turn found something.
    pub fn worked(&mut self) {
        self.empty_turns = 0;
    }

    /// The turn was empty: pauses, yields, or says that it is time to sleep.
    pub fn idle(&mut self) -> Idle {
        match self.profile {
            Profile::Pinned => {
                std::hint::spin_loop();
                Idle::Again
            }
            Profile::Shared => {
                self.empty_turns = self.empty_turns.saturating_add(1);
                if self.empty_turns <= SPINS_BEFORE_YIELD {
                    std::hint::spin_loop();
                    Idle::Again
                } else if self.empty_turns <= TURNS_BEFORE_PARK {
                    std::thread::yield_now();
                    Idle::Again
                } else {
                    self.empty_turns = 0;
                    Idle::Park
                }
            }
        }
    }
}

/// Processors that this process may use, at least 1.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Pins the calling thread to one core.
///
/// A thread inherits the affinity of the thread that starts it. Start helper threads first and pin
/// after, or they share the core with the spinning thread and hardly run.
///
/// # Errors
/// [`PinError`]; the thread then runs as before.
pub fn pin_current_thread(core: usize) -> Result<(), PinError> {
    let allowed = core_affinity::get_core_ids().unwrap_or_default();
    let id = allowed.into_iter().find(|id| id.id == core).ok_or(PinError::NoSuchCore(core))?;
    if core_affinity::set_for_current(id) { Ok(()) } else { Err(PinError::Refused(core)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processors_never_spin_two_threads() {
        assert_eq!(Profile::for_processors(2, 2), Profile::Shared);
        assert_eq!(Profile::for_processors(2, 1), Profile::Pinned);
        assert_eq!(Profile::for_processors(8, 5), Profile::Pinned);
        assert_eq!(Profile::for_processors(1, 1), Profile::Shared);
    }

    #[test]
    fn a_shared_thread_sleeps_after_a_bounded_number_of_empty_turns() {
        let mut waiter = Waiter::new(Profile::Shared);
        let turns = (1..1000).find(|_| waiter.idle() == Idle::Park);
        assert_eq!(turns, Some(TURNS_BEFORE_PARK as usize + 1));
        assert_eq!(waiter.idle(), Idle::Again, "it counts from zero after a sleep");
        waiter.worked();
        let turns = (1..1000).find(|_| waiter.idle() == Idle::Park);
        assert_eq!(turns, Some(TURNS_BEFORE_PARK as usize + 1));
    }

    #[test]
    fn a_pinned_thread_never_sleeps() {
        let mut waiter = Waiter::new(Profile::Pinned);
        assert!((0..10_000).all(|_| waiter.idle() == Idle::Again));
    }

    #[test]
    fn a_core_that_is_not_there_is_refused_and_a_profile_name_too() {
        assert_eq!(pin_current_thread(100_000), Err(PinError::NoSuchCore(100_000)));
        assert!(Profile::from_name("busy", 1).is_err());
        assert_eq!(Profile::from_name("shared", 1), Ok(Profile::Shared));
    }

    #[test]
    fn a_child_thread_inherits_the_core_of_its_parent() {
        let Some(first) = core_affinity::get_core_ids().and_then(|ids| ids.first().copied()) else {
            println!("skipped: the system does not tell its cores");
            return;
        };
        let cores = std::thread::spawn(move || {
            pin_current_thread(first.id).expect("pinned");
            std::thread::spawn(|| core_affinity::get_core_ids().unwrap_or_default().len())
                .join()
                .expect("child")
        })
        .join()
        .expect("parent");
        assert_eq!(cores, 1);
    }
}
