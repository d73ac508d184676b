//! `rutter top` and `rutter console` at a real terminal: a pseudo-terminal of the system.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::fake::FakeNode;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");

/// What `top` writes first, and last: the other screen of the terminal, and back (xterm).
const ENTERS: &[u8] = b"\x1b[?1049h";
const LEAVES: &[u8] = b"\x1b[?1049l";

/// How long a program may take for anything, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(1);

/// Whose terminal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The program leads the terminal's session: a hang-up sends SIGHUP.
    Program,
    /// Nobody: a hang-up sends no signal, as after `nohup`.
    Nobody,
}

/// A program at a terminal of its own.
struct AtTerminal {
    master: Option<Arc<File>>,
    slave: OwnedFd,
    child: Child,
    hung_up: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    written: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl AtTerminal {
    fn start(owner: Owner, arguments: &[&str], node: &FakeNode) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let master = master.expect("a pseudo-terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(&name, flags, Mode::empty()).expect("the terminal");
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("a size");
        // The program takes the terminal as its own by `setsid --ctty`, which becomes the program.
        let mut command = match owner {
            Owner::Program => Command::new("setsid"),
            Owner::Nobody => Command::new(RUTTER),
        };
        if owner == Owner::Program {
            command.args(["--ctty", RUTTER]);
        }
        let end = || Stdio::from(slave.try_clone().expect("cloned"));
        let child = command
            .args(arguments)
            .arg("--socket")
            .arg(&node.socket)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .env("XDG_STATE_HOME", node.socket.parent().expect("a folder"))
            .spawn()
            .expect("starts");
        let (master, hung_up) = (Arc::new(File::from(master)), Arc::<AtomicBool>::default());
        let (send, written) = channel();
        let (from, until) = (Arc::clone(&master), Arc::clone(&hung_up));
        let reader = Some(std::thread::spawn(move || reads(&from, &until, &send)));
        Self { master: Some(master), slave, child, hung_up, reader, written, seen: Vec::new() }
    }

    /// Takes the other end of the terminal away, as a closed window or a lost connection does.
    fn hang_up(&mut self) {
        self.hung_up.store(true, Ordering::SeqCst);
        let reader = self.reader.take().expect("it reads");
        reader.join().expect("it read");
        self.master = None;
    }

    /// Waits until the program has written this.
    fn wait_for(&mut self, wanted: &[u8]) {
        let until = Instant::now() + PATIENCE;
        while !self.seen.windows(wanted.len()).any(|part| part == wanted) {
            match self.written.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let seen = String::from_utf8_lossy(&self.seen);
                    panic!("{:?} was not written: {seen}", String::from_utf8_lossy(wanted));
                }
            }
        }
    }

    fn presses(&mut self, keys: &str) {
        let mut master = self.master.as_deref().expect("the terminal is there");
        master.write_all(keys.as_bytes()).expect("typed");
    }

    fn signals(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for the end of the program.
    fn ends(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status,
                Ok(None) if Instant::now() < until => std::thread::yield_now(),
                Ok(None) => panic!("it goes on without its terminal"),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Lines are edited and echoed by the terminal, as before a program changed that.
    fn is_as_before(&self) -> bool {
        let modes = tcgetattr(&self.slave).expect("the mode").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands on what the program writes, until the terminal is hung up.
fn reads(mut master: &File, until: &AtomicBool, written: &Sender<Vec<u8>>) {
    let mut bytes = [0; 4_096];
    let a_moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    while !until.load(Ordering::SeqCst) {
        let mut polled = [PollFd::new(master, PollFlags::IN)];
        match poll(&mut polled, Some(&a_moment)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
        let Ok(count @ 1..) = master.read(&mut bytes) else { return };
        if written.send(bytes[..count].to_vec()).is_err() {
            return;
        }
    }
}

fn top(owner: Owner, node: &FakeNode) -> AtTerminal {
    let mut top = AtTerminal::start(owner, &["top"], node);
    top.wait_for(ENTERS);
    top.wait_for(b"KRAKEN");
    top
}

#[test]
fn top_leaves_by_its_key_and_by_each_signal_and_gives_the_terminal_back() {
    let ways = [None, Some(Signal::TERM), Some(Signal::INT), Some(Signal::HUP)];
    for (owner, way) in ways.map(|way| (Owner::Program, way)) {
        let node = FakeNode::calm();
        let mut top = top(owner, &node);
        assert!(!top.is_as_before(), "keys come one by one");
        match way {
            None => top.presses("q"),
            Some(signal) => top.signals(signal),
        }
        assert_eq!(top.ends().code(), Some(0), "{way:?}");
        top.wait_for(LEAVES);
        assert!(top.is_as_before(), "{way:?}");
    }
}

#[test]
fn top_ends_with_its_terminal_with_a_signal_or_without() {
    for owner in [Owner::Program, Owner::Nobody] {
        let node = FakeNode::calm();
        let mut top = top(owner, &node);
        top.hang_up();
        top.ends();
    }
}

/// A terminal that takes no bytes (a link that hangs) holds a screen up; a signal ends it even so.
#[test]
fn top_ends_by_a_signal_while_its_terminal_takes_nothing() {
    let node = FakeNode::calm();
    let mut top = top(Owner::Program, &node);
    rustix::termios::tcflow(&top.slave, rustix::termios::Action::OOff).expect("stopped");
    // More than a terminal holds: each opens or closes the help, and draws.
    top.presses(&"?".repeat(2_000));
    top.signals(Signal::TERM);
    top.ends();
}

#[test]
fn the_prompt_gives_the_terminal_back_at_a_signal_and_ends_with_it() {
    for owner in [Owner::Program, Owner::Nobody] {
        let node = FakeNode::calm();
        let mut console = AtTerminal::start(owner, &["console"], &node);
        console.wait_for(b"operator> ");
        console.signals(Signal::TERM);
        console.ends();
        assert!(console.is_as_before());
        let mut console = AtTerminal::start(owner, &["console"], &node);
        console.wait_for(b"operator> ");
        console.hang_up();
        console.ends();
    }
}
