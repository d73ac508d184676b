//! Nothing is allocated on the decision path once it is warm: a counting allocator proves it.

use crate::desk::Desk;
use rutter_test_support::counting::allocations;

#[test]
fn a_thousand_orders_to_their_last_fill_allocate_nothing() {
    let mut desk = Desk::with_venues(2);
    desk.outputs.reserve(100_000);
    let mut inputs = 0;
    let mut allocated = 0;
    for round in 0..1_200_u64 {
        let order = format!("o{round} buy 9 market ioc");
        desk.now.0 += 10_000_000; // Slow enough for the venues' order rate.
        let before = allocations();
        desk.book(0, &[(9_900, 10)], &[(10_000, 4), (10_020, 9)]);
        desk.book(1, &[(9_900, 10)], &[(10_010, 3), (10_030, 9)]);
        let books = allocations() - before;
        let spoken = allocations();
        drop(order.split_whitespace().collect::<Vec<_>>());
        let words = allocations() - spoken;
        let before = allocations();
        desk.client(&order);
        let order_allocations = allocations() - before - words;
        for (child, fill) in [(2 * round + 1, "fill 6 @ 10000"), (2 * round + 2, "fill 3 @ 10010")]
        {
            let spoken = allocations();
            drop(fill.split_whitespace().collect::<Vec<_>>());
            let words = allocations() - spoken;
            let before = allocations();
            desk.venue(child, fill);
            if round >= 100 {
                allocated += allocations() - before - words;
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
