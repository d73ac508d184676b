//! Scenarios at the socket: admission, limits and disconnection.

use super::super::admission::CONNECTIONS_OF_ONE_MAX;
use super::super::directory::LOOK_UPS_MAX;
use super::*;

use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tempfile::TempDir;

/// Answers with how often it was asked; `big` with two megabytes.
#[derive(Default)]
struct Counter(AtomicU64);

impl Service for Counter {
    fn hello(&self, peer: &Peer, role: Role) -> Value {
        json!({"hello": peer.uid, "role": role.word()})
    }

    fn answer(&self, _: &Peer, _: Role, request: &RawRequest) -> Result<Value, Failure> {
        let asked = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        match request.verb.as_str() {
            "big" => Ok(json!("x".repeat(2 << 20))),
            _ => Ok(json!(asked)),
        }
    }
}

struct Room {
    dir: TempDir,
    service: Arc<Counter>,
}

impl Room {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("folder"), service: Arc::default() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("console").join("c.sock")
    }

    fn listen(&self) -> Result<Console, SocketError> {
        self.listen_for(RoleTable::own(geteuid().as_raw()))
    }

    fn listen_for(&self, people: RoleTable) -> Result<Console, SocketError> {
        Console::listen(&self.path(), people, Arc::<Counter>::clone(&self.service))
    }

    fn visit(&self) -> Visitor {
        let stream = UnixStream::connect(self.path()).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        Visitor(BufReader::new(stream))
    }
}

struct Visitor(BufReader<UnixStream>);

impl Visitor {
    fn say(&mut self, bytes: &[u8]) -> &mut Self {
        // A client that is disconnected meanwhile notices when it reads.
        let _ = self.0.get_mut().write_all(bytes);
        self
    }

    /// The next line; null at the end.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        let _ = self.0.read_line(&mut line);
        serde_json::from_str(&line).unwrap_or_default()
    }

    fn code(&mut self) -> String {
        let heard = self.hear();
        heard["error"]["code"].as_str().unwrap_or("none").to_owned()
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn the_socket_is_ours_alone_and_gone_afterwards() {
    let room = Room::new();
    let console = room.listen().expect("listens");
    assert_eq!(mode(&room.path()), 0o600);
    assert_eq!(mode(room.path().parent().expect("folder")), 0o700);
    let mut visitor = room.visit();
    assert_eq!(visitor.hear()["hello"], geteuid().as_raw());
    assert_eq!(visitor.say(b"{\"id\":5,\"verb\":\"x\"}\n").hear(), json!({"id": 5, "ok": 1}));
    drop(console);
    assert_eq!(visitor.hear(), Value::Null, "who is connected is cut off");
    assert!(!room.path().exists());
}

#[test]
fn others_who_are_named_can_reach_it_and_who_has_no_role_is_told_so() {
    let room = Room::new();
    let mut people = RoleTable::default();
    people.give("4242", Role::Viewer).expect("a number");
    let console = room.listen_for(people).expect("listens");
    assert_eq!(mode(&room.path()), 0o666);
    assert_eq!(mode(room.path().parent().expect("folder")), 0o711);
    let mut visitor = room.visit();
    assert_eq!(visitor.code(), "forbidden");
    assert_eq!(visitor.hear(), Value::Null);
    drop(console);
    assert_eq!(room.service.0.load(Ordering::Relaxed), 0);
}

#[test]
fn what_lies_in_the_way_is_left_alone_unless_it_is_a_dead_socket_of_ours() {
    let room = Room::new();
    let folder = room.dir.path().join("console");
    std::fs::create_dir(&folder).expect("made");
    let secret = room.dir.path().join("secret");
    std::fs::write(&secret, "kept").expect("written");
    std::os::unix::fs::symlink(&secret, room.path()).expect("planted");
    assert!(matches!(room.listen(), Err(SocketError::InTheWay { .. })));
    assert_eq!(std::fs::read_to_string(&secret).expect("there"), "kept");
    std::fs::remove_file(room.path()).expect("removed");
    std::fs::write(room.path(), "a file").expect("written");
    assert!(matches!(room.listen(), Err(SocketError::InTheWay { .. })));
    assert!(room.path().exists());
    std::fs::remove_file(room.path()).expect("removed");
    drop(UnixListener::bind(room.path()).expect("bound"));
    let console = room.listen().expect("in place of the dead one");
    assert!(matches!(room.listen(), Err(SocketError::InUse { .. })));
    assert_eq!(room.visit().hear()["hello"], geteuid().as_raw(), "the first one still answers");
    drop(console);
}

#[test]
fn a_folder_that_is_a_link_or_open_to_others_is_refused() {
    let room = Room::new();
    let folder = room.dir.path().join("console");
    let elsewhere = room.dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("made");
    std::os::unix::fs::symlink(&elsewhere, &folder).expect("planted");
    assert!(matches!(room.listen(), Err(SocketError::Folder { .. })));
    std::fs::remove_file(&folder).expect("removed");
    std::fs::create_dir(&folder).expect("made");
    std::fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("set");
    assert!(matches!(room.listen(), Err(SocketError::Folder { .. })));
    assert_eq!(std::fs::read_dir(&elsewhere).expect("there").count(), 0);
}

#[test]
fn nonsense_is_refused_line_by_line_and_the_conversation_goes_on() {
    let room = Room::new();
    let _console = room.listen().expect("listens");
    let mut visitor = room.visit();
    visitor.hear();
    assert_eq!(visitor.say(b"\x00\xff\xfe\n").code(), "bad_json");
    assert_eq!(visitor.say(b"\n").code(), "bad_json");
    assert_eq!(visitor.say(b"{\"id\":1}\n").code(), "bad_request");
    assert_eq!(visitor.say(b"{\"id\":2,").say(b"\"verb\":\"x\"}\n").hear()["ok"], 1);
}

#[test]
fn a_line_without_end_is_cut_off_at_its_limit() {
    let room = Room::new();
    let _console = room.listen().expect("listens");
    let mut visitor = room.visit();
    visitor.hear();
    visitor.say(&vec![b'x'; LINE_BYTES_MAX + 4_096]);
    assert_eq!(visitor.code(), "line_too_long");
    assert_eq!(visitor.hear(), Value::Null);
}

#[test]
fn one_connection_too_many_of_a_user_takes_the_place_of_his_longest_idle_one() {
    let room = Room::new();
    let _console = room.listen().expect("listens");
    // One after the other, so that they came in that order.
    let enter = |_| {
        let mut visitor = room.visit();
        assert_eq!(visitor.hear()["role"], "admin");
        visitor
    };
    let mut inside: Vec<Visitor> = (0..CONNECTIONS_OF_ONE_MAX).map(enter).collect();
    let ask = b"{\"id\":1,\"verb\":\"x\"}\n";
    for visitor in inside.iter_mut().take(3) {
        assert_eq!(visitor.say(ask).hear()["id"], 1);
    }
    assert_eq!(room.visit().hear()["role"], "admin");
    assert_eq!(inside[3].code(), "displaced", "the first of those who asked nothing");
    assert_eq!(inside[3].hear(), Value::Null);
    assert_eq!(inside[0].say(ask).hear()["id"], 1, "who asks stays");
}

#[test]
fn a_thousand_connections_of_one_user_leave_him_room_for_one_more() {
    let room = Room::new();
    let _console = room.listen().expect("listens");
    let crowd: Vec<Option<UnixStream>> =
        (0..1_000).map(|_| UnixStream::connect(room.path()).ok()).collect();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let mut visitor = room.visit();
        if visitor.hear()["role"] == "admin" {
            assert_eq!(visitor.say(b"{\"id\":1,\"verb\":\"x\"}\n").hear()["ok"], 1);
            break;
        }
        assert!(Instant::now() < until, "those who are cut off make room");
    }
    drop(crowd);
}

#[test]
fn who_asks_too_fast_is_refused_and_who_does_not_stop_is_cut_off() {
    let room = Room::new();
    let _console = room.listen().expect("listens");
    let mut visitor = room.visit();
    visitor.hear();
    let asks = 2 * REQUESTS_PER_S + REFUSED_MAX + 500;
    let mut writer = visitor.0.get_ref().try_clone().expect("cloned");
    let flood = std::thread::spawn(move || {
        let line = b"{\"id\":1,\"verb\":\"x\"}\n";
        (0..asks).all(|_| writer.write_all(line).is_ok())
    });
    let (mut answered, mut refused) = (0, 0);
    loop {
        match visitor.hear() {
            Value::Null => break,
            heard if heard["error"]["code"] == "too_many_requests" => refused += 1,
            _ => answered += 1,
        }
    }
    // The requests earned during the test come on top.
    assert!((2 * REQUESTS_PER_S..asks).contains(&answered), "{answered}");
    assert_eq!(refused, REFUSED_MAX);
    flood.join().expect("no panic");
}

#[test]
fn a_console_that_does_not_read_is_cut_off() {
    let room = Room::new();
    let _console = room.listen().expect("listens");
    let mut visitor = room.visit();
    visitor.say(b"{\"id\":1,\"verb\":\"big\"}\n{\"id\":2,\"verb\":\"big\"}\n");
    let until = Instant::now() + WRITE_TIMEOUT * 4;
    // Writing fails once the other side has given up; until then the buffer takes a few bytes.
    while visitor.0.get_mut().write_all(b"\n").is_ok() {
        assert!(Instant::now() < until, "it is cut off");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn an_allowance_grows_back_with_time() {
    let start = Instant::now();
    let mut allowance = RequestRate::new(start);
    assert!((0..2 * REQUESTS_PER_S).all(|_| allowance.take(start).is_ok()));
    assert_eq!(allowance.take(start), Err(1));
    let later = start + Duration::from_millis(50);
    assert!((0..REQUESTS_PER_S / 20).all(|_| allowance.take(later).is_ok()));
    assert_eq!(allowance.take(later), Err(2));
}

/// The look-ups that the test below lets through.
static LET_THROUGH: Mutex<u32> = Mutex::new(0);

/// A directory that answers when the test says so, and then that everybody is in group 3,000.
fn slow(uid: u32, _: u32) -> Peer {
    loop {
        let mut let_through = LET_THROUGH.lock().unwrap_or_else(PoisonError::into_inner);
        if *let_through > 0 {
            *let_through -= 1;
            return Peer { uid, name: "member".to_owned(), gids: [3_000].into() };
        }
        drop(let_through);
        std::thread::yield_now();
    }
}

/// The database of groups stands still. Who needs the database waits or is told so; the admin, who
/// is named, is answered at once.
#[test]
fn a_directory_that_stands_still_keeps_no_named_admin_waiting() {
    let room = Room::new();
    let mut people = RoleTable::own(geteuid().as_raw());
    people.give("@3000", Role::Viewer).expect("a number");
    let service = Arc::<Counter>::clone(&room.service);
    let console = Console::listen_with(&room.path(), people, service, slow).expect("listens");
    let connections = &console.connections;
    let stranger = |uid| {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        theirs.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        assert!(connections.arrive(Arrival { stream: ours, uid, gid: 9 }).is_none());
        Visitor(BufReader::new(theirs))
    };
    let mut waits = stranger(4_242);
    let mut admin = room.visit();
    assert_eq!(admin.hear()["hello"], geteuid().as_raw());
    assert_eq!(admin.say(b"{\"id\":1,\"verb\":\"x\"}\n").hear()["id"], 1);
    let more: Vec<Visitor> = (0..=LOOK_UPS_MAX as u32).map(|one| stranger(5_000 + one)).collect();
    let mut full = stranger(6_000);
    assert_eq!(full.code(), "users_unknown");
    assert_eq!(full.hear(), Value::Null, "closed");
    let let_through = |count| {
        *LET_THROUGH.lock().unwrap_or_else(PoisonError::into_inner) = count;
    };
    // The others are more than a role has places, and would displace the first.
    let_through(1);
    assert_eq!(waits.hear(), json!({"hello": 4_242, "role": "viewer"}), "in the end");
    let_through(u32::MAX);
    drop(more);
}
