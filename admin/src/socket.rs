//! A Unix socket that answers each line it gets with the status as one line of JSON.
//!
//! The socket is 0600 in a folder that must not be writable by others. Every connection has its
//! own short-lived thread, at most [`CONNECTIONS_MAX`]; a client that does not read or write within
//! [`PATIENCE`] is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::model::Status;

/// Connections at once; one more is closed at once.
pub const CONNECTIONS_MAX: usize = 16;

/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 1_024;

/// How long a client may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the listener looks whether it is to end.
const LISTEN_PAUSE: Duration = Duration::from_millis(20);

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("status socket {path}: {source}")]
pub struct SocketError {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// The listening socket and its thread; removed when dropped.
#[derive(Debug)]
pub struct StatusSocket {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StatusSocket {
    /// Listens at `path`, in place of what an earlier process left there.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn listen(path: &Path, status: Arc<Mutex<Status>>) -> Result<Self, SocketError> {
        let fail = |source| SocketError { path: path.to_owned(), source };
        if path.symlink_metadata().is_ok() {
            std::fs::remove_file(path).map_err(fail)?;
        }
        let listener = UnixListener::bind(path).map_err(fail)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("status".to_owned())
            .spawn(move || accept(&listener, &status, &stopped))
            .map_err(fail)?;
        Ok(Self { path: path.to_owned(), stop, thread: Some(thread) })
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panicked listener has nothing left to clean up.
            drop(thread.join());
        }
        drop(std::fs::remove_file(&self.path));
    }
}

fn accept(listener: &UnixListener, status: &Arc<Mutex<Status>>, stop: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    while !stop.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::park_timeout(LISTEN_PAUSE);
            continue;
        };
        if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (status, still_open) = (Arc::clone(status), Arc::clone(&open));
        let serve = move || {
            // A client that goes away in the middle is no news.
            drop(answer(stream, &status));
            still_open.fetch_sub(1, Ordering::Relaxed);
        };
        if std::thread::Builder::new().spawn(serve).is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn answer(stream: UnixStream, status: &Mutex<Status>) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let mut text = {
            let status = status.lock().unwrap_or_else(PoisonError::into_inner);
            serde_json::to_vec(&*status)?
        };
        text.push(b'\n');
        writer.write_all(&text)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_answered_with_the_status_and_a_long_one_ends_it() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("status.sock");
        let status = Arc::new(Mutex::new(Status { orders: 7, ..Status::default() }));
        let socket = StatusSocket::listen(&path, Arc::clone(&status)).expect("listens");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut stream = UnixStream::connect(&path).expect("connects");
        stream.write_all(b"status\nstatus\n").expect("written");
        let mut lines = BufReader::new(stream.try_clone().expect("clone")).lines();
        for _ in 0..2 {
            let line = lines.next().expect("a line").expect("read");
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(value["orders"], 7);
        }
        stream.write_all(&[b'x'; 5_000]).expect("written");
        assert!(lines.next().is_none_or(|line| line.is_err()));
        drop(socket);
        assert!(!path.exists());
    }
}
