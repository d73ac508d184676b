//! Nothing is allocated for an order and its report once the gateway is warm: a counting allocator
//! proves it.

#![allow(unsafe_code, reason = "a global allocator that counts")]

#[path = "clients/desk.rs"]
#[allow(dead_code, reason = "speaks a part of the language")]
mod desk;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rutter_clients::{ClientGateway, ConnId};
use rutter_core::input::Input;
use rutter_core::output::{Output, Report};
use rutter_fix::store::MemStore;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator unchanged; the count is a thread-local
// without a destructor, so it can be touched at any time.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as promised to us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as promised to us.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_gateway_allocates_nothing_for_orders_and_reports() {
    // While warm all numbers have four digits, so the store's buffers have found their sizes.
    const ROUNDS: u64 = 3_000;
    const WARM: u64 = 2_000;
    let config = desk::config();
    let stores = (0..2).map(|_| MemStore::new(64 << 10)).collect();
    let mut gateway = ClientGateway::new(&config, stores).expect("sound");
    gateway.recovered().expect("nothing to recover");
    let (conn, now) = (ConnId(0), desk::START);
    let frames: Vec<Vec<u8>> = (0..ROUNDS)
        .map(|at| match at {
            0 => desk::numbered("ALPHA", 1, now, "35=A|98=0|108=30|554=pw-ALPHA|"),
            at => {
                let body = format!("35=D|11=o{at}|{}", desk::ORDER);
                desk::numbered("ALPHA", at + 1, now, &body)
            }
        })
        .collect();
    let before_all = ALLOCATIONS.with(Cell::get);
    gateway.on_connect(now, conn, &rutter_clients::Peer::default()).expect("room");
    let (mut orders, mut written) = (0, 0);
    for (round, frame) in (0..).zip(&frames) {
        if round == WARM {
            ALLOCATIONS.with(|count| count.set(0));
        }
        let mut client_seq = 0;
        // Every other message comes in two pieces.
        let cut = if round % 2 == 0 { frame.len() } else { frame.len() / 2 };
        for bytes in [&frame[..cut], &frame[cut..]] {
            gateway.on_bytes(now + round, conn, bytes, &mut |input, _| {
                if let Input::NewOrder(order) = input {
                    orders += 1;
                    client_seq = order.client_seq;
                }
                true
            });
        }
        if round > 0 {
            let report = Report { client_seq, ..desk::report(round) };
            gateway.on_output(now + round, &Output::Report(report)).expect("sent");
        }
        while let Some(conn) = gateway.take_dirty() {
            let count = gateway.pending(conn).len();
            written += count;
            gateway.wrote(now + round, conn, count);
        }
        gateway.resume(now + round, &mut |_, _| true);
        gateway.on_timer(now + round, &mut |_, _| true);
    }
    let allocated = ALLOCATIONS.with(Cell::get);
    assert_eq!((orders, allocated), (ROUNDS - 1, 0));
    assert!(written > 200 * ROUNDS as usize && before_all > 0, "it did work and it was counted");
}
