//! The demo, as a stranger runs it first.
//!
//! A line belongs here if it judges the result of `rutter-tools demo`.

use std::sync::atomic::AtomicBool;

use rutter_tools::demo::{Arguments, trade};

/// All counts are the client's and the venues'; only the digest is the node's.
#[test]
fn a_node_that_is_killed_twice_in_the_demo_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().expect("folder");
    let arguments =
        Arguments { seconds: 3, rate: 50, kills: 2, seed: 7, json: true, ..Arguments::default() };
    let summary = trade(&arguments, dir.path(), &AtomicBool::new(false)).expect("a whole run");
    assert_eq!((summary.lost, summary.doubled), (0, 0), "{:?}", summary.lost_by);
    assert_eq!((summary.kills, summary.crashes.len()), (2, 2));
    assert!(summary.down_ms > 0, "a kill takes time");
    for crash in &summary.crashes {
        let after = crash.after.expect("trading goes on after each kill");
        assert!(after.fills_booked >= crash.before.fills_booked, "{crash:?}");
        let fates = crash.fates.open + crash.fates.filled + crash.fates.ended;
        assert_eq!(fates, crash.before.open_by_client, "each open order has a fate");
    }
    assert!(summary.orders > 0 && summary.saved_orders > 0, "orders were sent and compared");
    let explained = summary.explained.expect("one order is explained");
    let venues: Vec<&str> = explained.venues.iter().map(|one| one.venue.as_str()).collect();
    assert_eq!(venues, ["binance", "kraken"], "each venue has its reason");
    assert_eq!((explained.seen.len(), explained.chosen.is_empty()), (2, false));
    let gets = explained.venues.iter().filter(|one| one.got.is_some()).count();
    assert_eq!(gets, explained.chosen.len(), "who has a child has a share");
    let best_alone = explained.venues.iter().filter_map(|one| one.alone_dearer_bps);
    assert!(best_alone.clone().all(|bps| bps >= 0.0), "no venue alone was expected to be better");
    assert!(summary.looked_best.orders > 0, "orders were compared with what looked best");
    assert!(summary.journal_verified && summary.digest_equal, "digest {}", summary.digest);
}
