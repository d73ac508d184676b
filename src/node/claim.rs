//! One node for one journal: locks that keep a second process, or a copy of the data folder, from
//! trading beside the first.
//!
//! Three means, each with its limit:
//! - a lock on the data folder: no second process in the same folder;
//! - an abstract Unix socket for each venue account and journal: no copy of the folder beside the
//!   original on this machine. Another machine, or a container with a network of its own, is not
//!   seen;
//! - the file `identity`: where the folder was, so that a moved or copied folder is told in a
//!   warning before the first order.
//!
//! A line belongs here if it tells one running node, or one data folder, from another.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rutter_core::hash::Rolling;
use rutter_core::input::Genesis;
use serde::{Deserialize, Serialize};

use crate::config::{Config, VenueConfig};

/// Longest file `identity` that is read, in bytes.
const IDENTITY_BYTES_MAX: u64 = 16 << 10;

/// How long a start waits for the lock of a process that is ending. Measured: 0.06 s after the kill
/// of a process with 500 MB in memory, 0.12 s with 1,500 MB.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Why a node may not use a data folder.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another process uses the folder.
    #[error("data folder is in use by another process: {path}")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Another process trades with the same journal and the same key: one of the two data folders
    /// is a copy of the other.
    #[error(
        "data folder is a copy: process {pid} trades at {venue} with this journal and this key; \
         end one of the two nodes for good"
    )]
    Copy {
        /// The venue's name.
        venue: String,
        /// The other process; 0 when unknown.
        pid: i32,
    },
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ClaimError {
    let path = path.to_owned();
    move |source| ClaimError::Io { what, path, source }
}

/// Held for as long as the node runs.
#[derive(Debug)]
pub struct Claim {
    _folder: File,
    _accounts: Vec<UnixListener>,
}

/// Locks the data folder.
///
/// # Errors
/// [`ClaimError::InUse`] or [`ClaimError::Io`].
pub fn lock(data_dir: &Path) -> Result<File, ClaimError> {
    let path = data_dir.join("lock");
    let file = rutter_files::open_or_create(&path).map_err(io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ClaimError::InUse { path: data_dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io("lock", &path)(error)),
    }
}

/// As [`lock`], but waits for up to [`LOCK_WAIT`] while another process has the folder, and says
/// so: a process that was killed gives its memory back before its locks.
///
/// # Errors
/// As [`lock`].
pub fn lock_soon(data_dir: &Path) -> Result<File, ClaimError> {
    match lock(data_dir) {
        Err(ClaimError::InUse { .. }) => {}
        locked => return locked,
    }
    tracing::warn!(
        path = %data_dir.display(),
        wait_ms = LOCK_WAIT.as_millis(),
        "data folder is in use by another process; waiting for its end"
    );
    let path = data_dir.join("lock");
    let file = rutter_files::open_or_create(&path).map_err(io("open", &path))?;
    let (sender, locked) = mpsc::channel();
    // A lock that comes too late is let go: nobody takes the file.
    let wait = move || drop(sender.send(file.lock().map(|()| file)));
    thread::Builder::new().name("lock".to_owned()).spawn(wait).map_err(io("wait for", &path))?;
    match locked.recv_timeout(LOCK_WAIT) {
        Ok(locked) => locked.map_err(io("lock", &path)),
        Err(_) => Err(ClaimError::InUse { path: data_dir.to_owned() }),
    }
}

/// Claims every venue account of the configuration for this journal.
///
/// # Errors
/// [`ClaimError::Copy`].
pub fn accounts(config: &Config, genesis: &Genesis, folder: File) -> Result<Claim, ClaimError> {
    let mut held = Vec::with_capacity(config.venue.len());
    let own = rustix::process::geteuid().as_raw();
    for venue in &config.venue {
        let name = account_name(venue, genesis);
        let bound = SocketAddr::from_abstract_name(&name)
            .and_then(|address| UnixListener::bind_addr(&address));
        match bound {
            Ok(listener) => held.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let venue = venue.name.clone();
                match holder(&name) {
                    // Two venues of one file may share an account; that is no copy.
                    Some((pid, _)) if pid.cast_unsigned() == std::process::id() => {}
                    // The name can be seen and taken by any user of the machine.
                    Some((pid, uid)) if uid != own && uid != 0 => tracing::error!(
                        venue,
                        pid,
                        uid,
                        "another user holds the account's name: a copy would not be noticed"
                    ),
                    other => {
                        let pid = other.map_or(0, |(pid, _)| pid);
                        return Err(ClaimError::Copy { venue, pid });
                    }
                }
            }
            Err(error) => {
                let venue = venue.name.as_str();
                tracing::warn!(venue, %error, "a copy of the data folder would not be noticed");
            }
        }
    }
    Ok(Claim { _folder: folder, _accounts: held })
}

/// The name says nothing about the key: the journal's seed is in it.
fn account_name(venue: &VenueConfig, genesis: &Genesis) -> String {
    let mut mixed = Rolling::new(genesis.hash_seed);
    mixed.word(u64::from(genesis.node_tag));
    for byte in venue.kind.kind.bytes().chain([0]).chain(venue.api_key.bytes()) {
        mixed.word(u64::from(byte));
    }
    format!("rutter-account-{:016x}", mixed.value())
}

/// The process and the user that have bound a name; `None` if the system does not tell. Does not
/// wait: nobody accepts connections there, so only a few fit.
fn holder(name: &str) -> Option<(i32, u32)> {
    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None).ok()?;
    let address = UnixAddr::new_abstract(name.as_bytes()).ok()?;
    connect(stream.as_raw_fd(), &address).ok()?;
    let peer = getsockopt(&stream, sockopt::PeerCredentials).ok()?;
    Some((peer.pid(), peer.uid()))
}

/// Where a data folder is, and whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    /// Node tag and seed of the journal.
    journal: String,
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// What a start finds out about its data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// It is where it was.
    Same,
    /// It had no `identity` yet.
    New,
    /// It was moved here, or restored in the place of another.
    Moved {
        /// Where it was.
        from: PathBuf,
    },
    /// It is a copy: the original is still in its place.
    Copied {
        /// The original.
        from: PathBuf,
    },
}

/// Compares the data folder with its file `identity`, and brings the file up to date.
///
/// # Errors
/// [`ClaimError::Io`].
pub fn identify(data_dir: &Path, genesis: &Genesis) -> Result<Whereabouts, ClaimError> {
    let path = data_dir.canonicalize().map_err(io("find", data_dir))?;
    let about = std::fs::metadata(&path).map_err(io("look at", data_dir))?;
    let journal = format!("{:08x}-{:016x}", genesis.node_tag, genesis.hash_seed);
    let here = Identity { journal, path, device: about.dev(), inode: about.ino() };
    let found = match read(data_dir) {
        None => Whereabouts::New,
        Some(known) if known == here => return Ok(Whereabouts::Same),
        // The number of a device may change with each start of the machine.
        Some(known) if Identity { device: here.device, ..known.clone() } == here => {
            Whereabouts::Same
        }
        Some(known) => {
            let other = read(&known.path).filter(|_| known.path != here.path);
            let is_there = other.is_some_and(|other| other.journal == here.journal);
            if is_there {
                Whereabouts::Copied { from: known.path }
            } else {
                Whereabouts::Moved { from: known.path }
            }
        }
    };
    write(data_dir, &here)?;
    Ok(found)
}

/// Tells where a folder comes from.
pub fn tell(found: &Whereabouts) {
    match found {
        Whereabouts::Same => {}
        Whereabouts::New => tracing::info!("data folder has its identity from now on"),
        Whereabouts::Moved { from } => {
            tracing::warn!(from = %from.display(), "data folder was moved or restored");
        }
        Whereabouts::Copied { from } => tracing::error!(
            original = %from.display(),
            "data folder is a copy, and the original is still there: start only one of them"
        ),
    }
}

fn read(data_dir: &Path) -> Option<Identity> {
    use std::io::Read as _;
    let file = rutter_files::open_for_reading(&data_dir.join("identity")).ok()?;
    let mut text = String::new();
    file.take(IDENTITY_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(data_dir: &Path, identity: &Identity) -> Result<(), ClaimError> {
    let (path, new) = (data_dir.join("identity"), data_dir.join("identity.new"));
    let mut file = rutter_files::create_anew(&new).map_err(io("make", &new))?;
    let text = serde_json::to_string(identity).map_err(|error| io("write", &new)(error.into()))?;
    file.write_all(text.as_bytes()).map_err(io("write", &new))?;
    file.sync_all().map_err(io("sync", &new))?;
    std::fs::rename(&new, &path).map_err(io("rename", &new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> (Config, Genesis) {
        let config = Config::parse(include_str!("../../deploy/example.toml")).expect("sound");
        // Its own journal, because tests run side by side.
        let seed = u64::from(std::process::id()) << 32 | 0x5eed;
        let genesis = crate::node::boot::genesis(&config, seed);
        (config, genesis)
    }

    #[test]
    fn a_folder_is_used_once_at_a_time() {
        let dir = tempfile::tempdir().expect("folder");
        let held = lock(dir.path()).expect("free");
        let refused = lock(dir.path()).expect_err("in use").to_string();
        assert!(refused.starts_with("data folder is in use"), "{refused}");
        drop(held);
        lock(dir.path()).expect("free again");
    }

    #[test]
    fn a_start_waits_for_the_lock_of_a_process_that_ends() {
        let dir = tempfile::tempdir().expect("folder");
        let held = lock(dir.path()).expect("free");
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| tell.send(lock_soon(dir.path()).map(drop)));
            let early = told.recv_timeout(Duration::from_millis(50));
            assert!(early.is_err(), "it waits");
            drop(held);
            told.recv().expect("told").expect("free again");
        });
    }

    /// One process stands for two: the holder's own id is what makes it no copy.
    #[test]
    fn an_account_has_one_name_for_each_journal_and_key() {
        let (config, genesis) = config();
        let names = |genesis: &Genesis, key: &str| {
            let mut venue = config.venue[0].clone();
            venue.api_key = key.to_owned();
            account_name(&venue, genesis)
        };
        let name = names(&genesis, "key");
        assert_eq!(name, names(&genesis, "key"));
        assert_ne!(name, names(&genesis, "kez"), "another account is traded by another node");
        let other = Genesis { node_tag: genesis.node_tag + 1, ..genesis };
        assert_ne!(name, names(&other, "key"), "another journal is no copy");
        assert!(!name.contains("key"));
        let dir = tempfile::tempdir().expect("folder");
        let claim = accounts(&config, &genesis, lock(dir.path()).expect("free")).expect("free");
        let name = account_name(&config.venue[0], &genesis);
        let pid = i32::try_from(std::process::id()).expect("a process");
        assert_eq!(holder(&name).map(|(pid, _)| pid), Some(pid));
        drop(claim);
        assert_eq!(holder(&name), None, "let go with the process, and by nothing else");
    }

    #[test]
    fn a_folder_knows_whether_it_was_moved_or_copied() {
        let dir = tempfile::tempdir().expect("folder");
        let (_, genesis) = config();
        let at = |name: &str| dir.path().join(name);
        let here = dir.path().canonicalize().expect("there");
        std::fs::create_dir(at("a")).expect("made");
        assert_eq!(identify(&at("a"), &genesis).expect("written"), Whereabouts::New);
        assert_eq!(identify(&at("a"), &genesis).expect("read"), Whereabouts::Same);
        std::fs::create_dir(at("b")).expect("made");
        std::fs::copy(at("a/identity"), at("b/identity")).expect("copied");
        let copied = Whereabouts::Copied { from: here.join("a") };
        assert_eq!(identify(&at("b"), &genesis).expect("read"), copied);
        assert_eq!(identify(&at("b"), &genesis).expect("read"), Whereabouts::Same, "told once");
        std::fs::rename(at("a"), at("c")).expect("moved");
        let moved = Whereabouts::Moved { from: here.join("a") };
        assert_eq!(identify(&at("c"), &genesis).expect("read"), moved);
        std::fs::write(at("c/identity"), "{").expect("written");
        assert_eq!(identify(&at("c"), &genesis).expect("mended"), Whereabouts::New);
    }
}
