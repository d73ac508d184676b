//! A thread that accepts connections, and a short-lived thread for each of them.
//!
//! A line belongs here if consoles and scrapes need it alike. The number of connections is bounded.
//! Nothing here carries orders.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Niceness of the threads that serve connections: threads that carry orders go first where both
/// want one processor. On Linux each thread has its own niceness.
const NICENESS: i32 = 10;

/// How long the accepting thread sleeps when nobody connects.
const LISTEN_PAUSE: Duration = Duration::from_millis(20);

/// The accepting thread; ends when dropped.
#[derive(Debug)]
pub struct Acceptor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is done with connections.
pub trait ConnectionHandler<S>: Send + Sync + 'static {
    /// The name of each connection's thread.
    const THREAD_NAME: &'static str;
    /// Most connections at once.
    const CONNECTIONS_MAX: usize;

    /// Serves one connection, on a thread of its own.
    fn serve(&self, stream: S);

    /// Refuses a connection that has no room. Must not wait: the next connection does.
    fn refuse(&self, stream: S);
}

impl Acceptor {
    /// Starts to accept. `next` gives the next connection, and does not wait for one.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start<S: Send + 'static>(
        name: &str,
        mut next: impl FnMut() -> io::Result<S> + Send + 'static,
        handler: Arc<impl ConnectionHandler<S>>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let body = move || {
            let open = Arc::new(AtomicUsize::new(0));
            while !stopped.load(Ordering::Relaxed) {
                match next() {
                    Ok(stream) => serve_or_refuse(stream, &handler, &open),
                    Err(_) => std::thread::park_timeout(LISTEN_PAUSE),
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn serve_or_refuse<S: Send + 'static, H: ConnectionHandler<S>>(
    stream: S,
    handler: &Arc<H>,
    open: &Arc<AtomicUsize>,
) {
    if open.fetch_add(1, Ordering::Relaxed) >= H::CONNECTIONS_MAX {
        open.fetch_sub(1, Ordering::Relaxed);
        return handler.refuse(stream);
    }
    let (handler, still_open) = (Arc::clone(handler), Arc::clone(open));
    let serve = move || {
        // Without the right to do this, all threads are equals.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        handler.serve(stream);
        still_open.fetch_sub(1, Ordering::Relaxed);
    };
    if std::thread::Builder::new().name(H::THREAD_NAME.to_owned()).spawn(serve).is_err() {
        open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to clean up.
            drop(thread.join());
        }
    }
}
