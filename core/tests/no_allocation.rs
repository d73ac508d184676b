//! Nothing is allocated on the decision path once it is warm: a counting allocator proves it.

#![allow(unsafe_code, reason = "a global allocator that counts")]

mod desk;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

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
fn a_thousand_orders_to_their_last_fill_allocate_nothing() {
    let mut desk = desk::Desk::with_venues(2);
    desk.outputs.reserve(100_000);
    let mut inputs = 0;
    let mut allocated = 0;
    for round in 0..1_200_u64 {
        let order = format!("o{round} buy 9 market ioc");
        desk.now.0 += 10_000_000; // Slow enough for the venues' order rate.
        let before = ALLOCATIONS.with(Cell::get);
        desk.book(0, &[(9_900, 10)], &[(10_000, 4), (10_020, 9)]);
        desk.book(1, &[(9_900, 10)], &[(10_010, 3), (10_030, 9)]);
        let books = ALLOCATIONS.with(Cell::get) - before;
        let spoken = ALLOCATIONS.with(Cell::get);
        drop(order.split_whitespace().collect::<Vec<_>>());
        let words = ALLOCATIONS.with(Cell::get) - spoken;
        let before = ALLOCATIONS.with(Cell::get);
        desk.client(&order);
        let order_allocations = ALLOCATIONS.with(Cell::get) - before - words;
        for (child, fill) in [(2 * round + 1, "fill 6 @ 10000"), (2 * round + 2, "fill 3 @ 10010")]
        {
            let spoken = ALLOCATIONS.with(Cell::get);
            drop(fill.split_whitespace().collect::<Vec<_>>());
            let words = ALLOCATIONS.with(Cell::get) - spoken;
            let before = ALLOCATIONS.with(Cell::get);
            desk.venue(child, fill);
            if round >= 100 {
                allocated += ALLOCATIONS.with(Cell::get) - before - words;
            }
        }
        if round >= 100 {
            allocated += books + order_allocations;
            inputs += 5;
        }
        desk.outputs.clear();
    }
    assert_eq!(allocated, 0, "over {inputs} inputs");
    assert_eq!(desk.engine.counts().fills, 2_400);
}
