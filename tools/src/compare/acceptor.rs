//! A thread that serves one connection after the other until it is stopped.
//!
//! A line belongs here if the minimal acceptor and the minimal venue share it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A running acceptor of one connection at a time.
#[derive(Debug)]
pub struct Acceptor {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Acceptor {
    /// Starts the acceptor on a free port, on a thread of this name. An error of `serve` ends its
    /// connection only; the other side of the connection reports it.
    ///
    /// # Errors
    /// The system's.
    pub fn start(
        name: &str,
        mut serve: impl FnMut(TcpStream) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let body = move || {
            while !until.load(Ordering::Relaxed) {
                let _ = serve(listener.accept()?.0);
            }
            Ok(())
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { address, stop, thread })
    }

    /// The address to connect to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the acceptor once its connection has ended.
    ///
    /// # Errors
    /// Why the thread had ended by itself.
    pub fn stop(self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread. A thread that has seen the flag closes its listener meanwhile, which
        // only makes this connection fail.
        drop(TcpStream::connect(self.address));
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the acceptor panicked")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_without_error_however_soon_after_its_last_connection() {
        for _ in 0..2_000 {
            let acceptor = Acceptor::start("briefly", |_| Ok(())).expect("started");
            drop(TcpStream::connect(acceptor.address()).expect("connected"));
            acceptor.stop().expect("stopped");
        }
    }
}
