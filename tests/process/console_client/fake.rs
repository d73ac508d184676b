//! A fake node: a Unix socket that greets, and answers each request as the test says.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

pub const GREETING: &str = r#"{"rutter":"console","version":1,"node":"RUTTER","user":"alice","uid":1000,"role":"operator"}"#;

/// The fake node's reaction to a request.
pub enum Does {
    /// Answers with this `ok`.
    Ok(Value),
    /// Answers with this `error`.
    Error(Value),
    /// Writes exactly this.
    Raw(Vec<u8>),
    /// Closes.
    Closes,
    /// Sends nothing until the client closes.
    Hangs,
}

pub struct FakeNode {
    pub socket: PathBuf,
    requests: Receiver<Value>,
    _dir: tempfile::TempDir,
    thread: Option<JoinHandle<()>>,
}

impl FakeNode {
    /// Greets with `greeting` and does as `does` says, on one connection after the other.
    pub fn new(greeting: &str, does: impl FnMut(&Value) -> Does + Send + 'static) -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let socket = dir.path().join("console.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let (sender, requests) = channel();
        let greeting = greeting.to_owned();
        let thread = std::thread::spawn(move || serve(&listener, &greeting, &sender, does));
        Self { socket, requests, _dir: dir, thread: Some(thread) }
    }

    /// Answers every verb from the table of calm answers.
    pub fn calm() -> Self {
        Self::new(GREETING, |request| {
            let verb = request["verb"].as_str().unwrap_or_default();
            super::answers::of(verb, request).map_or_else(
                || Does::Error(json!({"code": "unknown_verb", "message": verb})),
                Does::Ok,
            )
        })
    }

    /// The same for every request.
    pub fn always(mut does: impl FnMut() -> Does + Send + 'static) -> Self {
        Self::new(GREETING, move |_| does())
    }

    /// The requests so far, without their ids.
    pub fn asked(&self) -> Vec<Value> {
        self.requests
            .try_iter()
            .map(|mut request| {
                assert!(request["id"].is_u64(), "{request}");
                request.as_object_mut().expect("an object").remove("id");
                request
            })
            .collect()
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        // A connection that says so ends the thread.
        if let Ok(mut stream) = UnixStream::connect(&self.socket) {
            let _ = stream.write_all(b"\"end\"\n");
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the fake node failed");
        }
    }
}

fn serve(
    listener: &UnixListener,
    greeting: &str,
    sender: &Sender<Value>,
    mut does: impl FnMut(&Value) -> Does,
) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
        if !greeting.is_empty() {
            // The client may have closed.
            let _ = writeln!(stream, "{greeting}");
        }
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
            let request: Value = serde_json::from_str(&line).expect("a request is JSON");
            line.clear();
            if request == "end" {
                return;
            }
            let id = request["id"].clone();
            // Kept before the answer is sent, so that a test that has the answer finds the request.
            let does = does(&request);
            let _ = sender.send(request);
            let written = match does {
                Does::Ok(ok) => writeln!(stream, "{}", json!({"id": id, "ok": ok})),
                Does::Error(error) => writeln!(stream, "{}", json!({"id": id, "error": error})),
                Does::Raw(bytes) => stream.write_all(&bytes),
                Does::Closes => break,
                Does::Hangs => Ok(()),
            };
            if written.is_err() {
                break;
            }
        }
    }
}

/// The path of a socket without a listener.
pub fn dead_socket(dir: &Path) -> PathBuf {
    let socket = dir.join("dead.sock");
    drop(UnixListener::bind(&socket).expect("bound"));
    socket
}
