//! `rutter console`: completion, history and the prompt. The keys themselves are the library's.

use std::os::unix::fs::PermissionsExt;

use rutter_cli::complete::{Names, candidates, split};
use rutter_cli::history;
use rutter_cli::interactive::{Before, Understood, grammar, understand};
use serde_json::json;

use super::answers::{of, status};

fn names() -> Names {
    let of = |verb| of(verb, &json!({})).expect(verb);
    Names::from(&status(), &of("instruments"), &of("limits"))
}

/// What Tab offers at the end of `line`.
fn offered(line: &str) -> Vec<String> {
    candidates(&grammar(), &names(), line, line.len()).1
}

fn words(line: &str) -> Vec<String> {
    split(line).expect(line)
}

#[test]
fn tab_offers_verbs_options_and_the_nodes_own_names() {
    for (line, wanted) in [
        ("ven", &["venue", "venues"][..]),
        ("venue ", &["drain", "enable"]),
        ("venue drain ", &["BINANCE", "KRAKEN"]),
        ("venue drain K", &["KRAKEN"]),
        ("halt --venue B", &["BINANCE"]),
        ("halt --reason \"two words\" --symbol ", &["BTC/USDT"]),
        ("session logout ", &["DESK-1", "DESK-2"]),
        ("limits show ", &["DESK"]),
        ("limits set DESK --not", &["--notional-max"]),
        ("orders --state p", &["pending"]),
        ("reduce-only ", &["off", "on"]),
        ("log-level d", &["debug"]),
        ("halt --dry", &["--dry-run"]),
        ("book BTC/USDT --de", &["--depth"]),
        ("halt --reason ", &[]),
        ("nonsense", &[]),
        ("halt \"open ", &[]),
    ] {
        assert_eq!(offered(line), wanted, "{line}");
    }
    let status = offered("status --");
    assert!(!status.contains(&"--venue".to_owned()) && status.contains(&"--json".to_owned()));
    // The cursor stands in the middle, and not on a character's border.
    assert_eq!(candidates(&grammar(), &names(), "ven drain", 3).0, 0);
    candidates(&grammar(), &names(), "é", 1);
}

#[test]
fn a_line_is_split_and_understood_as_a_shell_would() {
    assert_eq!(
        words(" halt  --reason 'fat finger' \"\" a\"b c\" "),
        ["halt", "--reason", "fat finger", "", "ab c"]
    );
    assert!(split("halt 'x").is_err());
    assert!(matches!(understand(&words("")), Understood::Nothing));
    assert!(matches!(understand(&words("quit")), Understood::Leave));
    let Understood::Verb(typed) = understand(&words("halt --venue K --reason 'a b'")) else {
        panic!("not understood");
    };
    assert_eq!(typed.request.args["venue"], "K");
    assert_eq!(typed.options.reason.as_deref(), Some("a b"));
    for (line, says) in [
        ("help halt", "The kill switch"),
        ("help venue drain", "Nothing new goes there"),
        ("--help", "cancel-all"),
        ("halt --nonsense", "unexpected argument"),
    ] {
        let Understood::Told(text) = understand(&words(line)) else { panic!("{line}") };
        assert!(text.contains(says), "{line}: {text}");
    }
}

#[test]
fn reasons_codes_and_news_are_not_kept() {
    for (line, kept) in [
        ("halt --reason canary --venue K", Some("halt --venue K")),
        ("--reason=canary resume --totp 123456", Some("resume")),
        ("resume --totp=123456 --symbol 'B T'", Some("resume --symbol \"B T\"")),
        ("news canary --json", Some("news")),
        ("--reason canary", None),
    ] {
        assert_eq!(history::keepable(&words(line)).as_deref(), kept, "{line}");
    }
}

#[test]
fn the_history_is_its_owners_only_and_does_not_grow_without_end() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("rutter/console_history");
    assert!(history::load(&file).is_empty());
    let lines: Vec<String> = (0..history::LINES_MAX + 5).map(|n| format!("order {n}")).collect();
    history::save(&file, &lines).expect("saved");
    let mode = |path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&*file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
    assert_eq!(history::load(&file), lines[5..]);
    std::fs::write(&file, b"status\n\x1b[2J\n\xff\n").expect("written");
    assert_eq!(history::load(&file)[0], "status");
    assert!(history::load(&file).iter().all(|line| !line.contains('\u{1b}')));
    // A planted link is not read, and is replaced and not followed.
    let target = dir.path().join("target");
    std::fs::write(&target, "status\n").expect("written");
    std::fs::remove_file(&file).expect("removed");
    std::os::unix::fs::symlink(&target, &file).expect("linked");
    assert!(history::load(&file).is_empty());
    history::save(&file, &lines[..1]).expect("saved");
    assert_eq!(std::fs::read_to_string(&target).expect("read"), "status\n");
}

#[test]
fn the_prompt_tells_node_and_role_and_a_halt_in_red() {
    assert_eq!(Before::new(Some(("RUTTER", "viewer", false)), true).styled(), "RUTTER viewer> ");
    let halted = Before::new(Some(("RUTTER", "admin", true)), true);
    assert_eq!(halted.raw(), "RUTTER admin HALTED> ");
    assert_eq!(halted.styled(), "RUTTER admin \u{1b}[1;31mHALTED\u{1b}[0m> ");
    assert_eq!(Before::new(Some(("R", "admin", true)), false).styled(), "R admin HALTED> ");
    assert_eq!(Before::new(None, true).raw(), "no node> ");
    assert!(!Before::new(Some(("\u{1b}[2J", "", true)), false).raw().contains('\u{1b}'));
}
