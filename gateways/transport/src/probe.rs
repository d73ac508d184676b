//! One blocking connection to an address, to see whether the address can be reached: TCP, and TLS
//! where the address uses TLS. Nothing is said on the connection.
//!
//! A line belongs here if a person waits for the result. The driver's connections are `driver`.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::machine::CloseReason;
use crate::standing::Why;
use crate::tls::{ClientTls, server_name};

/// Most addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;

/// How long the connection took. `tls`: the trusted certificates, if the address uses TLS.
///
/// # Errors
/// Why the address cannot be reached, in the words of [`Why`].
pub fn reach(
    host: &str,
    port: u16,
    tls: Option<&ClientTls>,
    timeout: Duration,
) -> Result<Duration, Fault> {
    let unresolved = |text: &str| {
        let (reason, why) = (CloseReason::ConnectFailed, Why::NameNotResolved);
        Fault::new(reason, why, text)
    };
    let addresses = (host, port).to_socket_addrs();
    let addresses = addresses.map_err(|error| unresolved(&error.to_string()))?;
    let mut fault = unresolved("the name has no address");
    for address in addresses.take(ADDRESSES_MAX) {
        let before = Instant::now();
        let connected = TcpStream::connect_timeout(&address, timeout)
            .and_then(|socket| tls.map_or(Ok(()), |tls| shake_hands(socket, host, tls, timeout)));
        match connected {
            Ok(()) => return Ok(before.elapsed()),
            Err(error) => fault = Fault::of_connect(&error),
        }
    }
    Err(fault)
}

fn shake_hands(
    mut socket: TcpStream,
    host: &str,
    tls: &ClientTls,
    timeout: Duration,
) -> io::Result<()> {
    socket.set_read_timeout(Some(timeout))?;
    socket.set_write_timeout(Some(timeout))?;
    let name = server_name(host).map_err(io::Error::other)?;
    let connection = rustls::ClientConnection::new(tls.config(), name);
    let mut connection = connection.map_err(io::Error::other)?;
    while connection.is_handshaking() {
        match connection.complete_io(&mut socket) {
            Ok((0, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let text = "TLS handshake not done in time";
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
