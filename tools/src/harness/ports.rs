//! Ports for processes that are started later.
//!
//! A line belongs here if it chooses a port before its listener exists.
//!
//! A port that the system chooses is one of those that outgoing connections get: any program may
//! take it before the listener does. The ports here are below that range. A datagram socket of the
//! same number stands for a port that is given away, till the process ends. So no two of our
//! processes get the same one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::Mutex;

use super::HarnessError;

/// Ports that are given away; the range for outgoing connections begins at 32,768.
const PORTS: Range<u16> = 12_000..32_000;

/// Sockets that stand for the ports that this process has given away, and the next port.
static GIVEN: Mutex<(Vec<UdpSocket>, Option<u16>)> = Mutex::new((Vec::new(), None));

/// A loopback address without a listener, that nobody else gets while this process runs.
///
/// # Errors
/// [`HarnessError::Io`]: every port is taken.
pub fn free_address() -> Result<SocketAddr, HarnessError> {
    let mut given = GIVEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = PORTS.end - PORTS.start;
    // Processes begin at places of their own, so that they seldom meet.
    let first = (std::process::id().wrapping_mul(61) % u32::from(count)) as u16;
    let first = given.1.unwrap_or(PORTS.start + first);
    for nth in 0..count {
        let port = PORTS.start + (first - PORTS.start + nth) % count;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(lock) = UdpSocket::bind(address) else { continue };
        if TcpListener::bind(address).is_ok() {
            given.0.push(lock);
            given.1 = Some(PORTS.start + (port + 1 - PORTS.start) % count);
            return Ok(address);
        }
    }
    Err(super::io("find a free port")(io::ErrorKind::AddrInUse.into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice_nor_one_that_another_has_and_none_is_one_of_the_systems() {
        let given: BTreeSet<_> = (0..50).map(|_| free_address().expect("a port")).collect();
        assert_eq!(given.len(), 50);
        assert!(given.iter().all(|address| PORTS.contains(&address.port())));
        // The next ones are taken: by a listener, and by another process that has given it away.
        let last = given.last().expect("ports").port();
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(at(last + 1));
        let lock = UdpSocket::bind(at(last + 2));
        let next = free_address().expect("a port").port();
        assert!(listener.is_err() || next != last + 1, "{next}");
        assert!(lock.is_err() || next != last + 2, "{next}");
    }
}
