//! A thread that accepts, and a short-lived thread for each connection, of which there are only so
//! many: for those who look at the node now and then. Nothing here carries orders.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What looks gives way to what carries orders, where both want one processor. On Linux a thread
/// has a niceness of its own.
const NICENESS: i32 = 10;

/// How often the listener looks whether it is to end.
const LISTEN_PAUSE: Duration = Duration::from_millis(20);

/// The accepting thread; it ends when dropped.
#[derive(Debug)]
pub struct Door {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What becomes of connections.
pub trait Host<S>: Send + Sync + 'static {
    /// Name of each connection's thread.
    const GUEST: &'static str;
    /// Connections at once.
    const CONNECTIONS_MAX: usize;

    /// Serves one, on a thread of its own.
    fn serve(&self, stream: S);

    /// There is no room for this one. Must not wait: the next one does.
    fn refuse(&self, stream: S);
}

impl Door {
    /// Lets in whom `next` gives, which does not wait.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn open<S: Send + 'static>(
        name: &str,
        mut next: impl FnMut() -> io::Result<S> + Send + 'static,
        host: Arc<impl Host<S>>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let body = move || {
            let open = Arc::new(AtomicUsize::new(0));
            while !stopped.load(Ordering::Relaxed) {
                match next() {
                    Ok(stream) => let_in(stream, &host, &open),
                    Err(_) => std::thread::park_timeout(LISTEN_PAUSE),
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn let_in<S: Send + 'static, H: Host<S>>(stream: S, host: &Arc<H>, open: &Arc<AtomicUsize>) {
    if open.fetch_add(1, Ordering::Relaxed) >= H::CONNECTIONS_MAX {
        open.fetch_sub(1, Ordering::Relaxed);
        return host.refuse(stream);
    }
    let (host, still_open) = (Arc::clone(host), Arc::clone(open));
    let serve = move || {
        // Where this is not allowed they are equals.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        host.serve(stream);
        still_open.fetch_sub(1, Ordering::Relaxed);
    };
    if std::thread::Builder::new().name(H::GUEST.to_owned()).spawn(serve).is_err() {
        open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panicked listener has nothing left to clean up.
            drop(thread.join());
        }
    }
}
