//! Crowds at the door, over loopback sockets: bounded, while clients come and trade. A process of
//! its own, for its memory is measured.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use rutter_clients::notice_limiter::TOLD_MAX;

use desk::{ORDER, numbered};
use hall::{Hall, clock};
use pki::Pki;

#[allow(dead_code, reason = "the other scenarios use the rest")]
#[path = "clients/desk.rs"]
mod desk;
#[allow(dead_code, reason = "the other scenarios use the rest")]
#[path = "clients/hall.rs"]
mod hall;
#[allow(dead_code, reason = "the other scenarios use the rest")]
#[path = "clients/pki.rs"]
mod pki;

/// Connections that may wait for their Logon.
const UNBOUND_MAX: usize = 32;

/// Resident bytes of this process, on Linux.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("a number").parse().expect("a number");
    pages * 4_096
}

/// A connection from another address of this host.
fn connect_from(host: u8, to: SocketAddr) -> TcpStream {
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 1, host), 0));
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .expect("a socket");
    rustix::net::bind(&socket, &from).expect("bound");
    rustix::net::connect(&socket, &to).expect("connected");
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true).expect("non-blocking");
    stream
}

/// What besiegers do with their connection.
fn besiege(hall: &mut Hall, door: SocketAddr, count: usize, half: &[u8]) {
    const HELD: usize = 200;
    let mut held: VecDeque<TcpStream> = VecDeque::new();
    let mut neighbour = hall.logon("BETA", 1);
    let (mut seq, mut longest) = (2, 0);
    let before = resident_bytes();
    let siege = Instant::now();
    for number in 0..count {
        let mut stream = connect_from((number % 50) as u8 + 1, door);
        // Who was refused already cannot be written to.
        let _ = stream.write_all(half);
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front();
        }
        hall.turn();
        // The neighbour, and one that was displaced and is not closed yet.
        assert!(hall.server.gateway().connections() <= UNBOUND_MAX + 2);
        if number % 500 == 0 {
            let started = Instant::now();
            let inputs = hall.inputs.len();
            let order = format!("35=D|11=b{seq}|{ORDER}");
            neighbour.write_all(&numbered("BETA", seq, clock(), &order)).expect("sent");
            hall.turn_until("the neighbour trades", |hall| hall.inputs.len() == inputs + 1);
            seq += 1;
            // Another comes and goes, from an address that is not besieging.
            let client = hall.logon("ALPHA", 1 + number as u64 / 500);
            drop(client);
            let there = |hall: &mut Hall| hall.inputs.len() == inputs + 3;
            hall.turn_until("it comes and goes", there);
            longest = longest.max(started.elapsed().as_micros());
        }
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more for {count} connections");
    hall.turn_until("the door has heard all of them", |hall| {
        let counters = hall.server.counters();
        counters.accepted as usize >= count
    });
    let counters = hall.server.gateway().counters();
    let told = std::iter::from_fn(|| hall.server.gateway_mut().take_notice()).count();
    eprintln!(
        "{count} halves: {} refused, {} displaced or late, {told} notices, {} untold, {grown} bytes \
         more; an order, a logon and a logout among them took at most {longest} us",
        counters.connections_refused, counters.logons_refused, counters.notices_untold
    );
    assert!(counters.logons_refused + counters.connections_refused >= count as u64 - 64);
    // Notices of those who come and go properly: two a round. Of the crowd: a few a period.
    let proper = 2 * count.div_ceil(500) + 1;
    let periods = 1 + siege.elapsed().as_secs() as usize / 10;
    let kinds = 5;
    assert!(told <= proper + periods * kinds * (TOLD_MAX as usize + 1), "{told} notices");
}

/// One test, so that nothing else of the process grows meanwhile.
#[test]
fn ten_thousand_half_logons_and_half_handshakes_are_bounded_and_the_others_come_and_trade() {
    let mut hall = Hall::new(|config| config.limits.unbound_max = UNBOUND_MAX);
    hall.server.recovered();
    let door = hall.server.local_addr().expect("bound");
    let logon = numbered("ALPHA", 1, clock(), "35=A|98=0|108=30|554=pw-ALPHA|");
    besiege(&mut hall, door, 10_000, &logon[..logon.len() / 2]);

    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |config| {
        config.limits.unbound_max = UNBOUND_MAX;
    });
    let door = hall.server.tls_addr().expect("bound");
    besiege(&mut hall, door, 10_000, &[0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3]);
}
