//! Who is let in at the console's socket, and whose connection ends for it.
//!
//! A line belongs here if it decides about a connection by its user alone. Lines are `socket`.
//!
//! The kernel names the user of a connection (`SO_PEERCRED`) before a place is given. Each role has
//! places of its own, so no role takes a place of another. A user without a role takes no place and
//! no thread. When the places of a role are taken, the connection that has been idle for longest of
//! the user with the most connections is displaced, and told so.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::{SendFlags, send};
use rutter_core::rate::TokenBucket;

use super::frame::{Code, Failure, answer};
use super::people::{Peer, Role, RoleTable};

/// Most connections of the users of one role.
pub const CONNECTIONS_OF_A_ROLE_MAX: usize = 32;

/// Most connections of one user.
pub const CONNECTIONS_OF_ONE_MAX: usize = 16;

/// Most threads that serve one role. A connection that is displaced in the middle of an answer
/// keeps its thread until the answer is made.
pub const THREADS_OF_A_ROLE_MAX: usize = 2 * CONNECTIONS_OF_A_ROLE_MAX;

/// Connections a second that one user may make; as many at once.
pub const CONNECTS_PER_S: u32 = 200;

/// How long a user's name and role are remembered: a crowd of connections must not ask the
/// system's user database for each.
pub const PEER_KEPT: Duration = Duration::from_secs(1);

/// Most users that are remembered.
pub const PEERS_KEPT_MAX: usize = 1_024;

/// How often refusals are logged; those between are counted.
const REFUSALS_LOGGED: Duration = Duration::from_secs(1);

/// A user, as remembered.
#[derive(Debug)]
struct Known {
    peer: Peer,
    role: Option<Role>,
    since: Instant,
    connects: TokenBucket,
}

/// The users who connected lately.
#[derive(Debug)]
pub(super) struct Visitors {
    started: Instant,
    known: BTreeMap<(u32, u32), Known>,
    refusals_logged: Option<Instant>,
    /// Refusals that were not logged.
    refusals: u64,
}

impl Default for Visitors {
    fn default() -> Self {
        Self { started: Instant::now(), known: BTreeMap::new(), refusals_logged: None, refusals: 0 }
    }
}

impl Visitors {
    /// The user and role of a new connection; `None` if the user must be looked up.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Code::TooManyConnections`].
    pub(super) fn arrive(
        &mut self,
        (uid, gid): (u32, u32),
        people: &RoleTable,
        now: Instant,
    ) -> Result<Option<(Peer, Role)>, Failure> {
        let since_ns = now.saturating_duration_since(self.started).as_nanos();
        let since_ns = u64::try_from(since_ns).unwrap_or(u64::MAX);
        let is_old = |known: &mut Known| now.saturating_duration_since(known.since) >= PEER_KEPT;
        if self.known.get_mut(&(uid, gid)).is_none_or(is_old) {
            let Some(peer) = people.without_look_up(uid, gid) else { return Ok(None) };
            self.learn((uid, gid), peer, people, now);
        }
        let Some(known) = self.known.get_mut(&(uid, gid)) else { return Ok(None) };
        let role = known.role.ok_or_else(|| {
            let message = format!("user {} has no role here", known.peer.name);
            Failure::new(Code::Forbidden, message)
        })?;
        if !known.connects.take(since_ns) {
            let message = format!("more than {CONNECTS_PER_S} connections a second of one user");
            return Err(Failure::new(Code::TooManyConnections, message));
        }
        Ok(Some((known.peer.clone(), role)))
    }

    /// Remembers a user.
    pub(super) fn learn(
        &mut self,
        (uid, gid): (u32, u32),
        peer: Peer,
        people: &RoleTable,
        now: Instant,
    ) {
        let is_old = |known: &Known| now.saturating_duration_since(known.since) >= PEER_KEPT;
        if self.known.len() >= PEERS_KEPT_MAX && !self.known.contains_key(&(uid, gid)) {
            // Who has no role and who has been away for a while are looked up again.
            self.known.retain(|_, known| known.role.is_some() && !is_old(known));
            if self.known.len() >= PEERS_KEPT_MAX {
                self.known.clear();
            }
        }
        let role = people.role(&peer);
        let before = self.known.remove(&(uid, gid)).map(|known| known.connects);
        let connects = before.unwrap_or_else(|| {
            let connects_ns = 1_000_000_000 / u64::from(CONNECTS_PER_S);
            TokenBucket::new(u64::from(CONNECTS_PER_S), connects_ns)
        });
        self.known.insert((uid, gid), Known { peer, role, since: now, connects });
    }

    /// Logs a refusal, unless one was logged a moment ago.
    pub(super) fn refused(&mut self, uid: u32, failure: &Failure, now: Instant) {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REFUSALS_LOGGED;
        if self.refusals_logged.is_some_and(is_recent) {
            self.refusals += 1;
            return;
        }
        let others = std::mem::take(&mut self.refusals);
        self.refusals_logged = Some(now);
        let (code, message) = (failure.code.word(), &failure.message);
        tracing::warn!(uid, code, message, others, "console refuses a connection");
    }
}

/// One connection.
struct Connection {
    uid: u32,
    role: Role,
    stream: UnixStream,
    /// When the last answer was made; before the first one: when the user connected.
    idle_since: Instant,
    /// A request is being answered.
    busy: bool,
}

/// The open connections, by number.
#[derive(Default)]
pub(super) struct Open {
    last: u64,
    connections: BTreeMap<u64, Connection>,
    /// Threads that serve each role, displaced connections included.
    threads: BTreeMap<Role, usize>,
}

impl Open {
    /// The number of a new connection. Displaces another one if there is no place.
    ///
    /// # Errors
    /// [`Code::TooManyConnections`]: too many threads of the role have not ended yet.
    pub(super) fn enter(
        &mut self,
        uid: u32,
        role: Role,
        stream: UnixStream,
        now: Instant,
    ) -> Result<u64, Failure> {
        let threads = self.threads.entry(role).or_default();
        if *threads >= THREADS_OF_A_ROLE_MAX {
            let message =
                format!("more than {THREADS_OF_A_ROLE_MAX} threads serve {}s", role.word());
            return Err(Failure::new(Code::TooManyConnections, message));
        }
        *threads += 1;
        let of_role = || self.connections.values().filter(|one| one.role == role);
        let of_one = self.connections.values().filter(|one| one.uid == uid).count();
        if of_one >= CONNECTIONS_OF_ONE_MAX {
            self.displace(|one| one.uid == uid);
        } else if of_role().count() >= CONNECTIONS_OF_A_ROLE_MAX {
            let mut counts = BTreeMap::<u32, usize>::new();
            of_role().for_each(|one| *counts.entry(one.uid).or_default() += 1);
            let most = counts.values().copied().max().unwrap_or(0);
            self.displace(|one| one.role == role && counts.get(&one.uid) == Some(&most));
        }
        self.last += 1;
        let connection = Connection { uid, role, stream, idle_since: now, busy: false };
        self.connections.insert(self.last, connection);
        Ok(self.last)
    }

    /// Ends the connection that has been idle for longest, of those that are meant.
    fn displace(&mut self, is_meant: impl Fn(&Connection) -> bool) {
        let meant = self.connections.iter().filter(|(_, one)| is_meant(one));
        let idlest = meant.min_by_key(|(_, one)| (one.busy, one.idle_since));
        let Some(number) = idlest.map(|(number, _)| *number) else { return };
        let Some(displaced) = self.connections.remove(&number) else { return };
        tracing::warn!(uid = displaced.uid, busy = displaced.busy, "console: displaced");
        if !displaced.busy {
            let message = "a newer connection took this place; this one was idle for longest";
            let line = answer(None, Err(Failure::new(Code::Displaced, message)));
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            // Who does not read learns it by the end of the connection.
            let _ = send(&displaced.stream, line.as_bytes(), flags);
        }
        // Gone already, if this fails.
        let _ = displaced.stream.shutdown(std::net::Shutdown::Both);
    }

    /// A request has come. False if the connection was displaced: the request is not carried out.
    pub(super) fn asked(&mut self, number: u64) -> bool {
        let found = self.connections.get_mut(&number);
        found.map(|connection| connection.busy = true).is_some()
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, number: u64, now: Instant) {
        if let Some(connection) = self.connections.get_mut(&number) {
            (connection.busy, connection.idle_since) = (false, now);
        }
    }

    /// The thread of a connection ends.
    pub(super) fn leave(&mut self, number: u64, role: Role) {
        self.connections.remove(&number);
        if let Some(threads) = self.threads.get_mut(&role) {
            *threads = threads.saturating_sub(1);
        }
    }

    /// Cuts everybody off.
    pub(super) fn cut_off(&self) {
        for connection in self.connections.values() {
            // Gone already, if this fails.
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Connections without a socket behind them, by user.
    #[derive(Default)]
    struct Hall {
        open: Open,
        ends: BTreeMap<u64, UnixStream>,
        now: Option<Instant>,
    }

    impl Hall {
        fn enter(&mut self, uid: u32, role: Role) -> u64 {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            let now = *self.now.get_or_insert_with(Instant::now) + Duration::from_millis(1);
            self.now = Some(now);
            let number = self.open.enter(uid, role, ours, now).expect("a place");
            self.ends.insert(number, theirs);
            number
        }

        fn is_in(&self, number: u64) -> bool {
            self.open.connections.contains_key(&number)
        }

        fn of(&self, uid: u32) -> usize {
            self.open.connections.values().filter(|one| one.uid == uid).count()
        }

        /// What a connection reads until its end.
        fn heard(&mut self, number: u64) -> String {
            let mut text = String::new();
            let mut end = self.ends.remove(&number).expect("entered");
            end.read_to_string(&mut text).expect("ends");
            text
        }
    }

    #[test]
    fn users_who_fill_all_places_of_their_role_take_none_of_another_role() {
        let mut hall = Hall::default();
        for uid in [1, 2] {
            (0..CONNECTIONS_OF_ONE_MAX).for_each(|_| {
                hall.enter(uid, Role::Operator);
            });
        }
        (0..40).for_each(|uid| {
            hall.enter(1_000 + uid, Role::Viewer);
        });
        let root = hall.enter(0, Role::Admin);
        assert!(hall.open.asked(root), "nobody displaces an administrator");
        assert_eq!((hall.of(1), hall.of(2)), (CONNECTIONS_OF_ONE_MAX, CONNECTIONS_OF_ONE_MAX));
    }

    #[test]
    fn an_operator_without_a_place_gets_that_of_the_user_with_the_most() {
        let mut hall = Hall::default();
        let first = hall.enter(1, Role::Operator);
        (1..CONNECTIONS_OF_ONE_MAX).for_each(|_| {
            hall.enter(1, Role::Operator);
        });
        (0..CONNECTIONS_OF_A_ROLE_MAX - CONNECTIONS_OF_ONE_MAX).for_each(|uid| {
            hall.enter(100 + uid as u32, Role::Operator);
        });
        let third = hall.enter(3, Role::Operator);
        assert!(hall.is_in(third) && !hall.is_in(first));
        assert!(hall.heard(first).contains("\"displaced\""), "the displaced one is told");
        assert_eq!(hall.of(100), 1, "who has one connection keeps it");
    }

    #[test]
    fn who_is_being_answered_is_displaced_last_and_a_displaced_request_is_not_carried_out() {
        let mut hall = Hall::default();
        let first = hall.enter(1, Role::Admin);
        assert!(hall.open.asked(first));
        let second = hall.enter(1, Role::Admin);
        (0..CONNECTIONS_OF_ONE_MAX - 1).for_each(|_| {
            hall.enter(1, Role::Admin);
        });
        assert!(hall.is_in(first) && !hall.is_in(second));
        assert!(!hall.open.asked(second), "its request came too late");
    }

    #[test]
    fn displaced_threads_are_bounded_and_those_that_end_make_room() {
        let mut hall = Hall::default();
        let all: Vec<u64> =
            (0..THREADS_OF_A_ROLE_MAX).map(|_| hall.enter(1, Role::Viewer)).collect();
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let refused = hall.open.enter(1, Role::Viewer, ours, Instant::now()).expect_err("full");
        assert_eq!(refused.code, Code::TooManyConnections);
        assert!(hall.enter(2, Role::Operator) > 0, "of another role");
        hall.open.leave(all[0], Role::Viewer);
        hall.enter(1, Role::Viewer);
    }

    #[test]
    fn a_crowd_of_one_user_is_refused_by_rate_and_the_next_user_is_not() {
        let (mut visitors, now) = (Visitors::default(), Instant::now());
        let mut people = RoleTable::own(0);
        people.give("4242", Role::Viewer).expect("a number");
        let mut code = |uid: u32| {
            let arrived = visitors.arrive((uid, uid), &people, now);
            let role = |known: Option<(Peer, Role)>| known.expect("no group").1.word();
            arrived.map_or_else(|failure| failure.code.word(), role)
        };
        for _ in 0..CONNECTS_PER_S {
            assert_eq!(code(4_242), "viewer");
        }
        assert_eq!(code(4_242), "too_many_connections");
        assert_eq!((code(0), code(4_243)), ("admin", "forbidden"));
    }

    #[test]
    fn strangers_are_remembered_within_a_bound_and_known_users_are_kept() {
        let (mut visitors, now) = (Visitors::default(), Instant::now());
        let people = RoleTable::own(0);
        visitors.arrive((0, 0), &people, now).expect("an admin");
        for uid in 0..2 * PEERS_KEPT_MAX as u32 {
            let _ = visitors.arrive((3_000_000 + uid, 0), &people, now);
        }
        assert!(visitors.known.len() <= PEERS_KEPT_MAX && visitors.known.contains_key(&(0, 0)));
    }
}
