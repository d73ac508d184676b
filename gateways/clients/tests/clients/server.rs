//! The server over loopback sockets: the client is a plain blocking socket, the server is turned
//! by the test itself.

use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use rutter_core::id::SessionId;
use rutter_core::input::Input;
use rutter_core::output::Output;

use crate::desk::{ORDER, numbered, report, unframe};
use crate::hall::{Hall, PATIENCE, clock};

#[test]
fn an_order_goes_in_and_its_report_comes_out_over_a_socket() {
    let mut hall = Hall::new(|_| {});
    hall.server.recovered();
    let before = clock();
    let mut client = hall.logon("ALPHA", 1);
    let order = numbered("ALPHA", 2, clock(), &format!("35=D|11=a1|{ORDER}"));
    let (head, tail) = order.split_at(40);
    client.write_all(head).expect("sent");
    hall.turn();
    client.write_all(tail).expect("sent");
    hall.turn_until("the order", |hall| hall.inputs.len() == 2);
    let (input, arrived_ns) = hall.inputs[1];
    assert!(matches!(input, Input::NewOrder(order) if order.cl_ord_id.as_str() == "a1"));
    assert!((before..=clock()).contains(&arrived_ns));
    hall.outputs.extend([Output::Report(report(1)), Output::Report(report(2))]);
    let seen = hall.read(&mut client, "|17=000000a1-2|");
    assert_eq!(seen.len(), 2);
    drop(client);
    hall.turn_until("it is told", |hall| hall.inputs.len() == 3);
    assert_eq!(hall.inputs[2].0, Input::SessionDown(SessionId(0)));
}

#[test]
fn nothing_is_accepted_before_recovery() {
    let mut hall = Hall::new(|_| {});
    let mut client = hall.connect();
    let logon = numbered("ALPHA", 1, clock(), "35=A|98=0|108=30|554=pw-ALPHA|");
    client.write_all(&logon).expect("sent");
    for _ in 0..20 {
        hall.turn();
    }
    assert_eq!(hall.server.counters().accepted, 0);
    hall.server.recovered();
    let seen = hall.read(&mut client, "35=A");
    assert_eq!(seen.len(), 1);
}

#[test]
fn connections_beyond_the_limit_are_closed_and_counted() {
    let mut hall = Hall::new(|config| config.limits.unbound_max = 2);
    hall.server.recovered();
    let (_first, _second) = (hall.connect(), hall.connect());
    hall.turn_until("two", |hall| hall.server.counters().accepted == 2);
    let mut third = hall.connect();
    hall.is_closed(&mut third);
    assert_eq!(hall.server.counters().refused, 1);
}

#[test]
fn a_refused_logon_is_answered_and_closed_and_its_place_is_free_again() {
    let mut hall = Hall::new(|config| config.limits.connections_max = 1);
    hall.server.recovered();
    for number in 1..=4 {
        let mut client = hall.connect();
        let logon = numbered("ALPHA", 1, clock(), "35=A|98=0|108=30|554=no|");
        client.write_all(&logon).expect("sent");
        let seen = hall.read(&mut client, "35=5");
        assert_eq!(seen, [format!("35=5|34={number}|58=Invalid credentials|")]);
        hall.is_closed(&mut client);
    }
    hall.logon("ALPHA", 1);
}

/// Ten thousand orders against a ring that is mostly full: all arrive once, in order.
#[test]
fn a_full_ring_stops_the_socket_and_loses_nothing() {
    const ORDERS: usize = 10_000;
    let mut hall = Hall::new(|_| {});
    hall.server.recovered();
    let client = hall.logon("ALPHA", 1);
    hall.inputs.clear();
    client.set_nonblocking(false).expect("blocking");
    let sender = std::thread::spawn(move || {
        let mut client = client;
        for at in 0..ORDERS {
            let body = format!("35=D|11=o{at}|{ORDER}");
            client.write_all(&numbered("ALPHA", at as u64 + 2, clock(), &body)).expect("sent");
        }
        client
    });
    let mut turns = 0_u32;
    hall.turn_until("all orders", |hall| {
        turns += 1;
        hall.room = !turns.is_multiple_of(3);
        hall.inputs.len() == ORDERS
    });
    for (at, (input, _)) in hall.inputs.iter().enumerate() {
        let Input::NewOrder(order) = input else { panic!("{input:?}") };
        assert_eq!(order.cl_ord_id.as_str(), format!("o{at}"));
    }
    drop(sender.join().expect("the sender"));
}

fn is_others(input: &Input) -> bool {
    matches!(input, Input::NewOrder(order) if order.session == SessionId(1))
}

/// A thousand orders wait in one client's socket when another one sends its only order.
#[test]
fn a_flood_of_one_client_does_not_hold_up_the_order_of_another() {
    let mut hall = Hall::new(|config| config.limits.input_bytes_max = 1 << 20);
    hall.server.recovered();
    let mut flood = hall.logon("ALPHA", 1);
    let mut other = hall.logon("BETA", 1);
    hall.inputs.clear();
    let orders =
        (2..1_000).map(|seq| numbered("ALPHA", seq, clock(), &format!("35=D|11=a{seq}|{ORDER}")));
    flood.set_nonblocking(false).expect("blocking");
    flood.write_all(&orders.collect::<Vec<_>>().concat()).expect("fits the socket");
    hall.turn_until("the flood begins", |hall| !hall.inputs.is_empty());
    let ahead = hall.inputs.len();
    other.write_all(&numbered("BETA", 2, clock(), &format!("35=D|11=b|{ORDER}"))).expect("sent");
    hall.turn_until("the other's order", |hall| {
        hall.inputs.iter().any(|(input, _)| is_others(input))
    });
    let before = hall.inputs.iter().position(|(input, _)| is_others(input)).expect("there") - ahead;
    assert!(before <= 200, "{before} orders of the flood went first");
}

/// A client that reads nothing is cut off; another one is served all the while.
#[test]
fn a_client_that_does_not_read_is_cut_off_and_others_do_not_notice() {
    let mut hall = Hall::new(|_| {});
    hall.server.recovered();
    let _deaf = hall.logon("ALPHA", 1);
    let mut other = hall.logon("BETA", 1);
    let mut event = 0;
    hall.turn_until("cut off", |hall| {
        for _ in 0..256 {
            event += 1;
            hall.outputs.push(Output::Report(report(event)));
        }
        hall.server.gateway().counters().slow_consumers == 1
    });
    let mut mine = report(1);
    mine.session = SessionId(1);
    hall.outputs.push(Output::Report(mine));
    let seen = hall.read(&mut other, "35=8");
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_publisher_wakes_the_sleeping_server() {
    let mut hall = Hall::new(|_| {});
    hall.server.recovered();
    hall.turn();
    let waker = hall.server.waker();
    let publisher = std::thread::spawn(move || {
        let started = Instant::now();
        while !waker.notify() {
            assert!(started.elapsed() < PATIENCE, "it never slept");
            std::thread::yield_now();
        }
    });
    let started = Instant::now();
    while !publisher.is_finished() {
        assert!(started.elapsed() < PATIENCE, "it was never woken");
        hall.server.park(|| false, PATIENCE, &mut |_, _| true).expect("it sleeps");
    }
    publisher.join().expect("the publisher");
}

/// To check a signature costs as much as hundreds of orders.
#[test]
fn a_crowd_of_logons_leaves_turns_for_those_who_are_there() {
    const CROWD: usize = 30;
    let mut hall = Hall::new(|config| {
        config.limits.unbound_per_address_max = CROWD;
        config.sessions[0].proof = rutter_clients::Proof::Ed25519([7; 32]);
    });
    hall.server.recovered();
    let mut neighbour = hall.logon("BETA", 1);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| hall.connect()).collect();
    hall.turn_until("all have come", |hall| hall.server.counters().accepted as usize > CROWD);
    let signature = format!("{}==", "A".repeat(86));
    let logon = format!("35=A|98=0|108=30|95=88|96={signature}|");
    for stranger in &mut crowd {
        stranger.write_all(&numbered("ALPHA", 1, clock(), &logon)).expect("sent");
    }
    let order = numbered("BETA", 2, clock(), &format!("35=D|11=b1|{ORDER}"));
    neighbour.write_all(&order).expect("sent");
    hall.turn_until("the order", |hall| hall.inputs.len() == 2);
    let refused = |hall: &Hall| hall.server.gateway().counters().credentials_refused;
    let before = refused(&hall);
    assert!(before < CROWD as u64 / 2, "{before} of them before the order");
    hall.turn_until("all are refused", |hall| refused(hall) == CROWD as u64);
}

/// A socket that is closed with unread bytes resets the connection, and the reason may be lost.
#[test]
fn who_is_let_go_while_it_is_sending_learns_why_and_sees_an_orderly_end() {
    let mut hall = Hall::new(|_| {});
    hall.server.recovered();
    let mut client = hall.connect();
    let mut bytes = numbered("ALPHA", 1, clock(), "35=A|98=0|108=30|554=no|");
    bytes.extend(vec![b'x'; 400 << 10]);
    let mut sent = 0;
    let mut seen = Vec::new();
    let mut over = false;
    hall.turn_until("the end", |_| {
        if let Ok(count) = client.write(&bytes[sent..]) {
            sent += count;
        }
        let mut buffer = [0; 4_096];
        match client.read(&mut buffer) {
            Ok(0) => over = true,
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        over && sent == bytes.len()
    });
    assert_eq!(unframe(&seen), ["35=5|34=1|58=Invalid credentials|"]);
    assert_eq!(hall.server.gateway().connections(), 1, "it may still send");
    drop(client);
    hall.turn_until("it is gone", |hall| hall.server.gateway().connections() == 0);
}

/// Whoever is let go and does not go is closed on all the same.
#[test]
fn who_is_let_go_does_not_keep_its_place_for_long() {
    let mut hall = Hall::new(|config| config.limits.connections_max = 1);
    hall.server.recovered();
    let mut client = hall.connect();
    client.write_all(&numbered("ALPHA", 1, clock(), "35=A|98=0|108=30|554=no|")).expect("sent");
    hall.is_closed(&mut client);
    let started = Instant::now();
    hall.turn_until("its time is over", |hall| hall.server.gateway().connections() == 0);
    assert!(started.elapsed().as_nanos() < 4 * u128::from(rutter_clients::server::LEAVE_NS));
    hall.logon("ALPHA", 1);
    drop(client);
}

/// Nobody is dropped without a word: a connection for which no place is free is counted and told.
/// A crowd of them is counted, and told a few times.
#[test]
fn a_connection_that_finds_no_place_is_told() {
    let mut hall = Hall::new(|config| config.limits.connections_max = 2);
    hall.server.recovered();
    let (_one, _two) = (hall.logon("ALPHA", 1), hall.logon("BETA", 1));
    while hall.server.gateway_mut().take_notice().is_some() {}
    let mut crowd = Vec::new();
    for count in 1..=20 {
        crowd.push(hall.connect());
        hall.turn_until("refused", |hall| hall.server.counters().refused == count);
    }
    let counters = hall.server.gateway().counters();
    assert_eq!((counters.connections_full, counters.connections_refused), (20, 20));
    let told = std::iter::from_fn(|| hall.server.gateway_mut().take_notice());
    let told: Vec<String> = told.map(|notice| notice.words(|_| "nobody")).collect();
    assert!((1..=5).contains(&told.len()), "{told:?}");
    assert!(told.iter().all(|words| words.contains("127.0.0.1")), "{told:?}");
    assert!(told.iter().all(|words| words.contains("too many connections")), "{told:?}");
}
