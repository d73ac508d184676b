//! When bytes came in: by the kernel's receive timestamp, and by the read.
//!
//! A line belongs here if it measures how long bytes waited in a socket.

use std::io::{self, IoSliceMut};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

/// Bytes of one receive timestamp with its header (`CMSG_SPACE`), with room to spare.
const CONTROL_BYTES: usize = 4 * size_of::<TimeSpec>();

/// When bytes came in, nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// When the kernel took the newest of the bytes from the network (`SO_TIMESTAMPNS`); the time
    /// of the read where the kernel does not say.
    pub received_ns: u64,
    /// When the bytes were read.
    pub read_ns: u64,
}

impl Arrival {
    /// Bytes read at `read_ns`, with the kernel's timestamp if there is one. A clock that was set
    /// between the two makes no bytes come in after their read.
    pub fn new(received_ns: Option<u64>, read_ns: u64) -> Self {
        Self { received_ns: received_ns.map_or(read_ns, |at| at.min(read_ns)), read_ns }
    }
}

/// The arrival of the bytes behind a driver's emissions, for the closure that takes the emissions.
#[derive(Debug, Default)]
pub struct ArrivalCell {
    received_ns: AtomicU64,
    read_ns: AtomicU64,
}

impl ArrivalCell {
    /// The newest arrival. Written and read on one thread.
    pub fn load(&self) -> Arrival {
        Arrival {
            received_ns: self.received_ns.load(Ordering::Relaxed),
            read_ns: self.read_ns.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn store(&self, arrival: Arrival) {
        self.received_ns.store(arrival.received_ns, Ordering::Relaxed);
        self.read_ns.store(arrival.read_ns, Ordering::Relaxed);
    }
}

/// Asks the kernel for receive timestamps. Without them a read's own time counts.
pub(crate) fn ask_for_timestamps(socket: &impl AsFd) {
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
}

/// Reads once from a socket: the number of bytes, and the kernel's timestamp of the newest of them.
///
/// # Errors
/// As `recvmsg(2)`.
pub(crate) fn read_stamped(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
) -> io::Result<(usize, Option<u64>)> {
    let mut control = [0; CONTROL_BYTES];
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::empty();
    let read = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let stamp = read.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(at) => {
            let (seconds, ns) = (u64::try_from(at.tv_sec()), u64::try_from(at.tv_nsec()));
            seconds.ok()?.checked_mul(1_000_000_000)?.checked_add(ns.ok()?)
        }
        _ => None,
    });
    Ok((read.bytes, stamp))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    fn now_ns() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        u64::try_from(now.as_nanos()).expect("before 2554")
    }

    /// On the loopback the bytes are in the socket when the write returns. The kernel begins to
    /// take timestamps a moment after the first socket has asked; until then there is none.
    #[test]
    fn bytes_that_wait_in_the_socket_show_when_they_came_not_when_they_were_read() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut peer = TcpStream::connect(listener.local_addr().expect("bound")).expect("taken");
        let (socket, _) = listener.accept().expect("taken");
        ask_for_timestamps(&socket);
        let mut buffer = [0; 16];
        let came_before_the_read = (0..10_000).any(|_| {
            let before = now_ns();
            peer.write_all(b"8=FIX").expect("written");
            let written = now_ns();
            let (count, stamp) = read_stamped(&socket, &mut buffer).expect("read");
            assert_eq!(&buffer[..count], b"8=FIX");
            let Some(stamp) = stamp else { return false };
            assert!((before..=now_ns()).contains(&stamp), "{before} {stamp}");
            stamp <= written
        });
        assert!(came_before_the_read);
        drop(peer);
        assert_eq!(read_stamped(&socket, &mut buffer).expect("the end"), (0, None));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_bytes_arrive_after_their_read() {
        assert_eq!(Arrival::new(Some(9), 5), Arrival { received_ns: 5, read_ns: 5 });
        assert_eq!(Arrival::new(Some(3), 5), Arrival { received_ns: 3, read_ns: 5 });
        assert_eq!(Arrival::new(None, 5), Arrival { received_ns: 5, read_ns: 5 });
    }
}
