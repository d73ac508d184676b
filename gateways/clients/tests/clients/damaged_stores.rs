//! Sessions whose message stores are damaged, missing, full or another's: the operator is told, the
//! other sessions go on, and no report that a client may have goes out as new.

use std::fs;
use std::path::{Path, PathBuf};

use rutter_clients::{ClientGateway, CloseReason, Notice, NoticeLevel};
use rutter_core::id::SessionId;
use rutter_core::output::Output;
use rutter_fix::store::{MmapStore, StoreFault};

use crate::desk::{Desk, ORDER, report, store};

const SESSIONS: &str = include_str!("../../../../docs/fix/session.md");
const LOGON: &str = include_str!("../../../../docs/fix/logon.md");

fn segment(folder: &Path) -> PathBuf {
    folder.join("ALPHA").join("segment-000000000001.fix")
}

fn order(id: &str) -> String {
    format!("35=D|11={id}|{ORDER}")
}

/// Flips a bit of the stored message that has this text.
fn flip(folder: &Path, text: &str) {
    let path = segment(folder);
    let mut bytes = fs::read(&path).expect("readable");
    let at = bytes.windows(text.len()).position(|part| part == text.as_bytes()).expect("there");
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("writable");
}

/// Three orders, each with its report, of which the client has read all.
fn traded() -> Desk {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    for id in ["a1", "a2", "a3"] {
        desk.send(1, &order(id)).decide();
    }
    desk
}

#[test]
fn a_lost_report_comes_again_as_a_possible_resend_and_only_that_one() {
    let mut desk = traded().crash_after(|folder| flip(folder, "\u{1}11=a2\u{1}"));
    let damage: Vec<Notice> = desk
        .notices()
        .into_iter()
        .filter(|notice| matches!(notice, Notice::StoreDamaged { .. }))
        .collect();
    let told = Notice::StoreDamaged { session: SessionId(0), places: 1, repeated: 1 };
    assert_eq!(damage, [told]);
    assert_eq!(damage[0].level(), NoticeLevel::Error);
    let counters = desk.gateway.counters();
    assert_eq!((counters.store_damages, counters.reports_possible_resends), (1, 1));
    desk.logon(9, "ALPHA");
    desk.send(9, "35=2|7=2|16=0|");
    desk.saw_like(
        9,
        &[
            "34=2|43=Y| 11=a1|",
            "35=4|34=3| 36=4|",
            "34=4|43=Y| 11=a3|",
            "34=5|43=Y|97=Y| 11=a2|",
            "35=4|34=6|",
        ],
    );
    desk.published();
    desk.send(9, &order("a4")).decide();
    let seen = desk.seen(9).join("");
    assert!(seen.contains("11=a4|") && !seen.contains("97=Y"), "what is new is new: {seen}");
    let desk = desk.crash();
    assert_eq!(desk.gateway.counters().reports_possible_resends, 0, "repeated once");
}

#[test]
fn a_store_whose_end_is_gone_repeats_what_it_had() {
    for lost in ["cleared", "removed"] {
        let mut desk = traded().crash_after(|folder| {
            if lost == "removed" {
                fs::remove_file(segment(folder)).expect("removed");
            } else {
                let bytes = fs::read(segment(folder)).expect("readable").len();
                fs::write(segment(folder), vec![0; bytes]).expect("writable");
            }
        });
        assert_eq!(desk.gateway.counters().reports_possible_resends, 3, "{lost}");
        desk.logon(9, "ALPHA");
        desk.send(9, "35=2|7=1|16=0|");
        let seen = desk.seen(9);
        let reports = seen.iter().filter(|one| one.starts_with("35=8|"));
        assert!(reports.clone().all(|one| one.contains("|97=Y|")), "{lost}: {seen:#?}");
        assert_eq!(reports.count(), 3, "{lost}: {seen:#?}");
    }
}

/// Damage that appears while the node runs: the history goes on behind it, its end tells it to the
/// client, and the operator is told too.
#[test]
fn a_history_with_damage_says_so_and_has_all_that_is_whole() {
    let mut desk = traded();
    desk.seen(1);
    desk.notices();
    flip(desk.folder(), "\u{1}11=a2\u{1}");
    let ask = "35=U1|20020=h|20021=20240627-00:00:00|20022=20240628-00:00:00|";
    desk.send(1, ask).wait(0);
    let end = "35=U2| 20020=h|20025=2|20026=1| 58=HistoryDamaged|";
    desk.saw_like(1, &["97=Y| 11=a1|", "97=Y| 11=a3|", end]);
    let told = Notice::StoreDamaged { session: SessionId(0), places: 1, repeated: 0 };
    assert_eq!(desk.notices(), [told]);
    desk.send(1, "35=2|7=1|16=0|");
    let seen = desk.seen(1).join("");
    assert!(seen.contains("|11=a3|") && !seen.contains("|11=a2|"), "{seen}");
    let mut desk = desk.crash();
    desk.logon(9, "ALPHA").notices();
    desk.send(9, ask).wait(0);
    let seen = desk.seen(9);
    assert!(seen.iter().any(|one| one.contains("|58=HistoryDamaged|")), "also later: {seen:#?}");
}

/// The gateway as a node opens it: a store that cannot be opened is stood in for.
fn open_all(desk: &Desk, folder: &Path) -> ClientGateway<MmapStore> {
    let alpha = MmapStore::refused(StoreFault::Damaged).expect("memory");
    ClientGateway::new(&desk.config, vec![alpha, store(folder, "BETA")]).expect("sound")
}

#[test]
fn a_refused_session_has_its_word_everywhere_and_the_others_go_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut desk = Desk::new();
    desk.gateway = open_all(&desk, folder.path());
    let beta = rutter_core::output::Report { session: SessionId(1), ..report(1) };
    desk.output(&Output::Report(report(1))).output(&Output::Report(beta));
    desk.gateway.recovered();
    let word = CloseReason::Store(StoreFault::Damaged);
    let failed = Notice::Failed { session: SessionId(0), reason: word };
    assert!(desk.notices().contains(&failed));
    assert_eq!(desk.gateway.counters().sessions_failed, 1);
    assert_eq!(desk.gateway.counters().outputs_dropped, 1);
    desk.try_logon(1, "ALPHA").saw(1, &[]);
    assert_eq!(desk.closes(), [(1, word)]);
    desk.logon(2, "BETA");
    let mut shown = Vec::new();
    desk.gateway.each_session(|_, session| shown.push(session.failure.map(|one| one.to_string())));
    assert_eq!(shown, [Some("store damaged".to_owned()), None]);
    for fault in StoreFault::ALL {
        let row = format!("| `{fault}` |");
        assert!(SESSIONS.contains(&row) && LOGON.contains(&row), "{row}");
    }
}

/// The next file cannot be made: the session ends with a word, and after a restart the client gets
/// what it missed.
#[test]
fn a_store_that_can_take_no_more_ends_its_session_and_no_other() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").logon(2, "BETA").published();
    let folder = desk.folder().to_owned();
    fs::rename(folder.join("ALPHA"), folder.join("away")).expect("renamed");
    let mut sent = 0;
    while desk.gateway.counters().sessions_failed == 0 {
        sent += 1;
        assert!(sent < 2_000, "a segment has room for fewer");
        desk.send(1, &order(&format!("a{sent}")));
        let outputs = desk.journal(desk.ring.len());
        for output in &outputs {
            // The error names the session; the gateway has cut it off by then.
            let _ = desk.gateway.on_output(desk.now, output);
        }
        desk.read_all();
    }
    let word = CloseReason::Store(StoreFault::Unreadable);
    assert_eq!(desk.closes(), [(1, word)]);
    desk.send(2, &order("b1")).decide();
    desk.saw_like(2, &["11=b1|"]);
    let mut desk = desk.crash_after(|folder| {
        fs::rename(folder.join("away"), folder.join("ALPHA")).expect("renamed");
    });
    desk.logon(9, "ALPHA");
    desk.send(9, &format!("35=2|7={sent}|16=0|"));
    let seen = desk.seen(9);
    assert!(seen.iter().any(|one| one.contains(&format!("11=a{sent}|"))), "{seen:#?}");
    assert!(!seen.join("").contains("97=Y"), "it was never told");
}
