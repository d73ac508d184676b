//! Looking users up in the system's database, on a thread of its own: the database may be a
//! directory in the network that is slow or away, and nobody else at the console waits for it.
//!
//! A line belongs here if it is about waiting for the database. What a user may do is `people`.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{Code, Failure};
use super::people::Peer;

/// Most connections whose user is being looked up.
pub const LOOK_UPS_MAX: usize = 64;

/// A look-up that takes longer than this refuses those that come meanwhile.
pub const LOOK_UP_PATIENCE: Duration = Duration::from_secs(2);

/// Looks up a user and group id.
pub(super) type LookUp = fn(u32, u32) -> Peer;

/// A connection whose user is not known yet.
#[derive(Debug)]
pub(super) struct Arrival {
    pub stream: UnixStream,
    pub uid: u32,
    pub gid: u32,
}

/// The handle of the thread, which ends when the handle is dropped and the look-up under way is
/// done.
#[derive(Debug)]
pub(super) struct Directory {
    arrivals: SyncSender<Arrival>,
    /// When the look-up under way has begun.
    since: Arc<Mutex<Option<Instant>>>,
}

impl Directory {
    /// Starts the thread. `found` is called on it with each connection and its user.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        look_up: LookUp,
        found: impl Fn(Arrival, Peer) + Send + 'static,
    ) -> io::Result<Self> {
        let (arrivals, waiting): (_, Receiver<Arrival>) = sync_channel(LOOK_UPS_MAX);
        let since = Arc::new(Mutex::new(None));
        let begun = Arc::clone(&since);
        let set = move |at| *begun.lock().unwrap_or_else(PoisonError::into_inner) = at;
        std::thread::Builder::new().name("console-users".to_owned()).spawn(move || {
            for arrival in waiting {
                set(Some(Instant::now()));
                let peer = look_up(arrival.uid, arrival.gid);
                set(None);
                found(arrival, peer);
            }
        })?;
        Ok(Self { arrivals, since })
    }

    /// Has a connection's user looked up.
    ///
    /// # Errors
    /// [`Code::UsersUnknown`], with the connection: the database does not answer.
    pub fn ask(&self, arrival: Arrival, now: Instant) -> Result<(), (Arrival, Failure)> {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let is_late = |since| now.saturating_duration_since(since) > LOOK_UP_PATIENCE;
        let failure = || {
            let message = "the system's database of users does not answer; named admins get in";
            Failure::new(Code::UsersUnknown, message)
        };
        if since.is_some_and(is_late) {
            return Err((arrival, failure()));
        }
        self.arrivals.try_send(arrival).map_err(|error| match error {
            TrySendError::Full(arrival) | TrySendError::Disconnected(arrival) => {
                (arrival, failure())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static STANDS: Mutex<()> = Mutex::new(());

    fn stands_still(uid: u32, gid: u32) -> Peer {
        drop(STANDS.lock().unwrap_or_else(PoisonError::into_inner));
        Peer { uid, name: "x".to_owned(), gids: [gid].into() }
    }

    fn arrival(uid: u32) -> Arrival {
        let (stream, _) = UnixStream::pair().expect("a pair");
        Arrival { stream, uid, gid: 7 }
    }

    #[test]
    fn who_comes_while_a_look_up_takes_too_long_is_told_at_once() {
        let held = STANDS.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, uids) = std::sync::mpsc::channel();
        let directory = Directory::start(stands_still, move |arrival, peer| {
            found.send((arrival.uid, peer.gids)).expect("listened to");
        });
        let directory = directory.expect("a thread");
        let now = Instant::now();
        directory.ask(arrival(1), now).expect("waits");
        directory.ask(arrival(2), now).expect("waits behind");
        while directory.since.lock().expect("free").is_none() {
            std::thread::yield_now();
        }
        let late = Instant::now() + LOOK_UP_PATIENCE + Duration::from_millis(1);
        let (refused, failure) = directory.ask(arrival(3), late).expect_err("refused");
        assert_eq!((refused.uid, failure.code), (3, Code::UsersUnknown));
        drop(held);
        let expected = |uid| Ok((uid, [7].into()));
        assert_eq!([uids.recv(), uids.recv()], [expected(1), expected(2)]);
    }
}
