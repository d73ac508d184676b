//! A `QuickFIX` client whose Logon is refused: it counts each Logout that tells it so, and what
//! comes after must fit. The client is `tests/fix_client` of the root package; `RUTTER_FIX_CLIENT`
//! says where it is.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::hall::Hall;

struct Client {
    child: Child,
    lines: Receiver<String>,
}

impl Client {
    fn start(program: &Path, port: u16, password: &str, store: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["127.0.0.1", &port.to_string(), "ALPHA", "RUTTER", password])
            .arg(store)
            .arg("FIX.4.4")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (give, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if give.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_quickfix_client_that_was_refused_gets_in_with_its_first_right_logon() {
    let program = std::env::var_os("RUTTER_FIX_CLIENT").map(PathBuf::from);
    let Some(program) = program.filter(|path| path.is_file()) else {
        return println!("notice: no QuickFIX client at RUTTER_FIX_CLIENT: skipped");
    };
    let mut hall = Hall::new(|_| {});
    hall.server.recovered();
    let port = hall.server.local_addr().expect("bound").port();
    let store = tempfile::tempdir().expect("a folder");
    let client = Client::start(&program, port, "wrong", store.path());
    let mut refused = 0;
    hall.turn_until("three refusals", |_| {
        refused += client.lines.try_iter().filter(|line| line.starts_with("down")).count();
        refused >= 3
    });
    drop(client);
    hall.turn_until("its end is noticed", |hall| hall.server.gateway().connections() == 0);
    let client = Client::start(&program, port, "pw-ALPHA", store.path());
    let mut said = Vec::new();
    hall.turn_until("the right one", |_| {
        said.extend(client.lines.try_iter());
        said.iter().any(|line| line.starts_with("up "))
    });
    assert!(!said.iter().any(|line| line.starts_with("down")), "{said:?}");
}
