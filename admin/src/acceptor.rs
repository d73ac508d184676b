//! A thread that accepts connections, and a short-lived thread for each connection that is let in.
//!
//! A line belongs here if consoles and scrapes need it alike. Who is let in, and how many, is the
//! handler's. Nothing here carries orders.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Niceness of the threads that serve connections: threads that carry orders go first where both
/// want one processor. On Linux each thread has its own niceness.
const NICENESS: i32 = 10;

/// How often the accepting thread looks whether it has to end.
const STOP_PERIOD_MS: u8 = 50;

/// Pause in accepting after the system refused, such as for want of descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

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

    /// A connection that was let in, with its place. The place is given up when this is dropped.
    type Guest: Send + 'static;

    /// Lets a connection in, or refuses the connection. Runs on the accepting thread and must not
    /// wait: the next connection waits meanwhile.
    fn admit(self: &Arc<Self>, stream: S) -> Option<Self::Guest>;

    /// Serves a guest, on a thread of its own.
    fn serve(&self, guest: Self::Guest);
}

impl Acceptor {
    /// Starts to accept. `next` gives the next connection of a listener that does not block.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start<L: AsFd + Send + 'static, S: 'static, H: ConnectionHandler<S>>(
        name: &str,
        listener: L,
        next: fn(&L) -> io::Result<S>,
        handler: Arc<H>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let body = move || {
            while !stopped.load(Ordering::Relaxed) {
                match next(&listener) {
                    Ok(stream) => admit(stream, &handler),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&listener),
                    // The peer left before it was accepted, or a signal came.
                    Err(error) if left(error.kind()) => {}
                    Err(error) => {
                        tracing::warn!(%error, thread = H::THREAD_NAME, "no connection accepted");
                        std::thread::park_timeout(REFUSED_PAUSE);
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn left(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

/// Waits until somebody connects, for one period at most.
fn wait(listener: &impl AsFd) {
    let mut listening = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    if poll(&mut listening, PollTimeout::from(STOP_PERIOD_MS)).is_err() {
        // A signal came, or the system cannot poll: the thread must not spin.
        std::thread::park_timeout(REFUSED_PAUSE);
    }
}

fn admit<S, H: ConnectionHandler<S>>(stream: S, handler: &Arc<H>) {
    if let Some(guest) = handler.admit(stream) {
        serve_guest(guest, handler);
    }
}

/// Serves a guest on a thread of its own.
pub(crate) fn serve_guest<S, H: ConnectionHandler<S>>(guest: H::Guest, handler: &Arc<H>) {
    let handler = Arc::clone(handler);
    let serve = move || {
        // Without the right to do this, all threads are equals.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        handler.serve(guest);
    };
    // Without a thread the guest is dropped, and with the guest its place.
    if let Err(error) = std::thread::Builder::new().name(H::THREAD_NAME.to_owned()).spawn(serve) {
        tracing::warn!(%error, thread = H::THREAD_NAME, "no thread for a connection");
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
