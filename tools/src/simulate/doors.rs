//! Where lines of commands come in: standard input and a Unix socket.
//!
//! A line belongs here if it reads or writes such a line. What a line means is `command`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Longest accepted line, in bytes.
pub const LINE_BYTES_MAX: usize = 4_096;

/// Most commands that wait for an answer. Further ones wait at their door.
const WAITING_MAX: usize = 64;

/// Most connections to the socket at a time.
const CONNECTIONS_MAX: usize = 16;

/// The answer when nobody answers any more.
const ENDED: &str = "the simulated venues have ended";

/// A command that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// The command.
    pub line: String,
    /// Takes one answer.
    pub answer: SyncSender<String>,
}

/// A door's way to the commands.
#[derive(Clone, Debug)]
pub struct Ask(SyncSender<Asked>);

/// The way of commands from all doors to the one who answers.
pub fn line() -> (Ask, Receiver<Asked>) {
    let (ask, asked) = sync_channel(WAITING_MAX);
    (Ask(ask), asked)
}

impl Ask {
    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The venues have ended.
    pub fn ask(&self, line: String) -> io::Result<String> {
        let ended = || io::Error::new(io::ErrorKind::BrokenPipe, ENDED);
        let (answer, answered) = sync_channel(1);
        self.0.send(Asked { line, answer }).map_err(|_| ended())?;
        answered.recv().map_err(|_| ended())
    }
}

/// Answers each line of `input` on `output` until the end of input.
fn serve(input: impl Read, mut output: impl Write, ask: &Ask) -> io::Result<()> {
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        let most = LINE_BYTES_MAX as u64 + 1;
        if input.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() > LINE_BYTES_MAX {
            // The rest of the line would be read as commands.
            writeln!(output, "error: a line has at most {LINE_BYTES_MAX} bytes")?;
            return output.flush();
        }
        let answer = ask.ask(String::from_utf8_lossy(&line).into_owned())?;
        if !answer.is_empty() {
            writeln!(output, "{answer}")?;
        }
        output.flush()?;
    }
}

/// Serves standard input in a thread of its own. Its end ends the thread only.
///
/// # Errors
/// The system refuses a thread.
pub fn standard_input(ask: Ask) -> io::Result<()> {
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        if let Err(error) = serve(io::stdin(), io::stdout(), &ask) {
            eprintln!("standard input: {error}");
        }
    })?;
    Ok(())
}

/// The listening socket. Dropping it removes the file.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Listens at `path`, for this user only, and serves connections until the process ends.
    ///
    /// # Errors
    /// Another process answers at the path; the socket cannot be made.
    pub fn open(path: &Path, ask: &Ask) -> io::Result<Self> {
        if UnixStream::connect(path).is_ok() {
            let taken = format!("{} is in use: another sim runs in this folder", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, taken));
        }
        // A socket that nobody answers is a dead process's.
        if std::fs::symlink_metadata(path).is_ok_and(|found| is_socket(&found)) {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let ask = ask.clone();
        std::thread::Builder::new()
            .name("socket".to_owned())
            .spawn(move || accept(&listener, &ask))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where the socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A file that is gone already is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_socket(found: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
}

fn accept(listener: &UnixListener, ask: &Ask) {
    let connections = Arc::new(());
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        if Arc::strong_count(&connections) > CONNECTIONS_MAX {
            // The refused side may have gone already.
            let _ = writeln!(stream, "error: more than {CONNECTIONS_MAX} connections");
            continue;
        }
        let (counted, ask) = (Arc::clone(&connections), ask.clone());
        let serving = move || {
            // A connection that breaks concerns its other side only.
            let _ = stream.try_clone().and_then(|output| serve(&stream, output, &ask));
            drop(counted);
        };
        let thread = std::thread::Builder::new().name("command".to_owned());
        if let Err(error) = thread.spawn(serving) {
            eprintln!("commands' socket: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every command with itself, in upper case.
    fn echo() -> Ask {
        let (ask, asked) = line();
        std::thread::spawn(move || {
            for Asked { line, answer } in asked {
                let _ = answer.send(line.trim().to_uppercase());
            }
        });
        ask
    }

    #[test]
    fn each_line_on_the_socket_has_its_answer_and_the_file_is_the_users_only() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("sim.sock");
        let socket = Socket::open(&path, &echo()).expect("socket");
        let mode = std::fs::metadata(socket.path()).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut stream = UnixStream::connect(&path).expect("connected");
        let mut answers = BufReader::new(stream.try_clone().expect("clone")).lines();
        for word in ["heal all", "counters"] {
            writeln!(stream, "{word}").expect("written");
            let answer = answers.next().expect("an answer").expect("read");
            assert_eq!(answer, word.to_uppercase());
        }
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_sim_in_the_folder_is_refused_and_a_dead_ones_socket_is_replaced() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("sim.sock");
        drop(UnixListener::bind(&path).expect("a socket whose process has died"));
        let _first = Socket::open(&path, &echo()).expect("replaced");
        let second = Socket::open(&path, &echo()).expect_err("taken");
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut output = Vec::new();
        serve(&[b'x'; 3 * LINE_BYTES_MAX][..], &mut output, &echo()).expect("served");
        let said = String::from_utf8(output).expect("text");
        assert!(said.starts_with("error: a line has at most"), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
}
