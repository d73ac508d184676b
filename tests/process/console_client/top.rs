//! `rutter top`: the effect of each key, and frames compared with kept text files.

use std::process::Command;

use rutter_admin::console::verb::{OrderArg, Verb};
use rutter_cli::request::Request;
use rutter_cli::top::frame;
use rutter_cli::top::keys::{Action, App, Key, Mode, Panel, View};
use rutter_cli::top::sample::{Rates, Sample};
use rutter_cli::top::view::allot;
use serde_json::{Value, json};

use super::answers::{NOW_NS, of, order, session, status, venue};
use super::fake::{Does, FakeNode};

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");

fn sample(status: Value) -> Sample {
    let orders = json!({"orders": [order(41_000), order(40_999)]});
    let (user, role) = ("alice".into(), "operator".into());
    Sample { heard_ns: NOW_NS, user, role, status, orders, ..Sample::default() }
}

/// A second before.
fn earlier() -> Value {
    let mut status = status();
    status["now_ns"] = json!(NOW_NS - 1_000_000_000);
    status["orders"] = json!(41_000 - 1_234);
    status["fills"] = json!(2_200 - 22);
    status["reports"] = json!(84_000 - 2_400);
    status["journal_seq"] = json!(120_345 - 3_600);
    status
}

fn app(status: Value) -> App {
    let mut app = App::default();
    app.heard(sample(earlier()));
    app.heard(sample(status));
    app
}

fn press(app: &mut App, keys: &str) -> Option<Action> {
    let mut last = None;
    for c in keys.chars() {
        last = app.key(match c {
            '\n' => Key::Enter,
            '\t' => Key::Tab,
            '\u{1b}' => Key::Esc,
            '\u{8}' => Key::Backspace,
            'v' => Key::Down,
            '^' => Key::Up,
            c => Key::Char(c),
        });
    }
    last
}

/// What is sent, without the ticket.
fn sent(action: Option<Action>) -> Option<Request> {
    match action {
        Some(Action::Send { request, .. }) => Some(request),
        _ => None,
    }
}

fn ticket(action: Option<Action>) -> u64 {
    match action {
        Some(Action::Send { ticket, .. }) => ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rates_are_differences_and_never_of_two_runs() {
    let rates = Rates::between(&earlier(), &status()).expect("rates");
    assert_eq!(rates, Rates { orders: 12_340, fills: 220, reports: 24_000, journal: 36_000 });
    let mut restarted = status();
    restarted["started_ns"] = json!(NOW_NS);
    assert_eq!(Rates::between(&earlier(), &restarted), None);
    assert_eq!(Rates::between(&status(), &status()), None);
    assert_eq!(Rates::between(&status(), &earlier()), None);
    assert_eq!(Rates::between(&json!({}), &status()), None);
}

#[test]
fn rows_are_chosen_opened_filtered_and_left() {
    let mut app = app(status());
    assert_eq!(press(&mut app, "v\n"), Some(Action::Refresh));
    assert_eq!(app.view, View::Venue("KRAKEN".into()));
    assert_eq!(press(&mut app, "v\n"), Some(Action::Refresh), "an order there");
    assert_eq!(app.view, View::Order(OrderArg::Number(40_999)));
    assert_eq!(press(&mut app, "\u{1b}"), Some(Action::Refresh));
    assert_eq!(app.view, View::Overview);
    assert_eq!(press(&mut app, "\t\n"), None, "a session has no page");
    assert_eq!(app.focus, Panel::Sessions);
    press(&mut app, "/desk-2");
    assert_eq!(app.mode, Mode::Filter);
    assert_eq!(app.rows(Panel::Sessions).len(), 1);
    press(&mut app, "\u{8}\u{8}\n");
    assert_eq!((app.mode.clone(), app.filter.as_str()), (Mode::Lists, "desk"));
    assert_eq!(app.rows(Panel::Sessions).len(), 2);
    press(&mut app, "\u{1b}");
    assert_eq!(app.filter, "");
    assert_eq!(press(&mut app, "?q"), None, "any key closes the help");
    assert_eq!(app.mode, Mode::Lists);
    assert_eq!(press(&mut app, "f"), Some(Action::Refresh));
    assert!(app.fast);
    assert_eq!(press(&mut app, "q"), Some(Action::Quit));
    press(&mut app, "h");
    assert_eq!(app.key(Key::Interrupt), Some(Action::Quit), "from everywhere");
}

#[test]
fn an_order_is_opened_by_any_id_that_is_typed() {
    let mut app = app(status());
    assert_eq!(press(&mut app, "oDESK-1/q7"), None, "q is a letter here");
    assert!(frame(&app, 80, 24, NOW_NS).contains("order, by any id: DESK-1/q7_"));
    assert_eq!(press(&mut app, "\n"), Some(Action::Refresh));
    assert_eq!(app.view, View::Order(OrderArg::Text("DESK-1/q7".into())));
    assert!(frame(&app, 80, 24, NOW_NS).contains("order DESK-1/q7: no answer yet"));
    press(&mut app, "\u{1b}o\n");
    assert_eq!((app.mode.clone(), app.view.clone()), (Mode::Lists, View::Overview));
    press(&mut app, "ox\u{1b}");
    assert_eq!(app.mode, Mode::Lists);
}

#[test]
fn a_mark_never_leaves_its_list() {
    let mut app = app(status());
    press(&mut app, "^^vvvvvvvv");
    assert_eq!(app.marked[0], 1);
    let mut fewer = status();
    fewer["venues"] = json!([venue("BINANCE")]);
    app.heard(sample(fewer));
    assert_eq!(app.marked[0], 0);
    app.heard(sample(json!({})));
    assert_eq!(press(&mut app, "v\n"), None);
}

#[test]
fn a_halt_is_shown_reasoned_and_spelled_before_it_is_sent() {
    let mut app = app(status());
    let dry = press(&mut app, "h");
    let asked =
        Request::new(Verb::Halt).with("reason", Some("dry run")).with("dry_run", Some(true));
    assert_eq!(sent(dry.clone()), Some(asked));
    app.answered(ticket(dry), "dry run: halt everything".into());
    assert!(frame(&app, 80, 24, NOW_NS).contains("dry run: halt everything"));
    for keys in ["\n", "why\n", "halt\n", "HAL\n", "L\u{8}"] {
        assert_eq!(press(&mut app, keys), None, "{keys:?} sends nothing");
    }
    let real = press(&mut app, "HALT\n");
    assert_eq!(sent(real.clone()), Some(Request::new(Verb::Halt).with("reason", Some("why"))));
    assert_eq!(press(&mut app, "\nHALT\n"), None, "it is not sent twice");
    app.answered(ticket(real), "done: journaled as 5".into());
    assert!(frame(&app, 80, 24, NOW_NS).contains("done: journaled as 5"));
    assert_eq!(press(&mut app, "\n"), None, "the word is wanted again");
    press(&mut app, "\u{1b}");
    assert_eq!(app.mode, Mode::Lists);
}

#[test]
fn another_scope_is_another_dry_run_and_an_old_answer_is_not_taken() {
    let mut app = app(status());
    let first = ticket(press(&mut app, "h"));
    let second = press(&mut app, "v");
    let request = sent(second).expect("a dry run");
    assert_eq!(request.args["venue"], "BINANCE");
    app.answered(first, "everything".into());
    assert!(!frame(&app, 80, 24, NOW_NS).contains(" everything"));
    let real = press(&mut app, "why\nHALT\n").and_then(|action| sent(Some(action)));
    assert_eq!(real.expect("sent").args["venue"], "BINANCE");
}

#[test]
fn a_resume_offers_what_is_halted_and_takes_a_code() {
    let mut halted = status();
    halted["halts"] = json!([{"venue": "KRAKEN"}, {}]);
    let mut app = app(halted);
    assert_eq!(sent(press(&mut app, "r")).expect("a dry run").args["venue"], "KRAKEN");
    press(&mut app, "calm\n123456");
    assert!(!frame(&app, 80, 24, NOW_NS).contains("123456"), "a code is not shown");
    let real = sent(press(&mut app, "\nRESUME\n")).expect("sent");
    assert_eq!(real.verb, Verb::Resume);
    assert_eq!(
        Value::from(real.args),
        json!({"venue": "KRAKEN", "reason": "calm", "totp": "123456"})
    );
}

#[test]
fn the_list_with_the_mark_has_room_first_and_each_keeps_a_little() {
    assert_eq!(allot([3, 3, 101, 201], 0, 18), [3, 3, 9, 3]);
    assert_eq!(allot([3, 3, 101, 201], 3, 18), [3, 3, 3, 9]);
    assert_eq!(allot([1, 1, 1, 1], 0, 40), [1, 1, 1, 1]);
}

fn hundred_sessions() -> Value {
    let mut status = status();
    let sessions = (1..=100).map(|n| session(&format!("DESK-{n}"), n % 7 != 0));
    status["sessions"] = sessions.collect();
    status
}

fn halted() -> Value {
    let mut status = status();
    status["halted"] = json!(true);
    status["halts"] = json!([{}]);
    status["wrong"] = json!([trouble("warn", "halted: everything")]);
    status["open_orders"] = json!(0);
    status
}

fn down() -> Value {
    let mut status = status();
    status["venues"][1]["up"] = json!(false);
    status["venues"][1]["books_trusted"] = json!(0);
    status["venues"][1]["unknown"] = json!(3);
    status["unknown_children"] = json!(3);
    status["wrong"] = json!([
        trouble("page", "KRAKEN has orders of unknown outcome: 3 orders"),
        trouble("warn", "KRAKEN is down: not up"),
        trouble("warn", "KRAKEN has 0 trusted books of 4: Disconnected 4"),
    ]);
    status
}

fn trouble(severity: &str, text: &str) -> Value {
    json!({"word": "a_word", "severity": severity, "text": text})
}

/// The kept frames: the node's state and the keys pressed before each.
fn scenes() -> Vec<(&'static str, App)> {
    let mut many = app(hundred_sessions());
    press(&mut many, &format!("\t{}", "v".repeat(50)));
    let mut venue = app(down());
    press(&mut venue, "v\n");
    let mut dialog = app(status());
    press(&mut dialog, "h");
    vec![
        ("calm", app(status())),
        ("halted", app(halted())),
        ("down", app(down())),
        ("sessions", many),
        ("venue", venue),
        ("dialog", dialog),
    ]
}

/// With `RUTTER_WRITE_FRAMES=1` in the environment the files are written, to be read in the diff.
#[test]
fn frames_are_as_they_are_held() {
    let writes = std::env::var_os("RUTTER_WRITE_FRAMES").is_some();
    let held = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/process/console_client/frames");
    for (name, app) in scenes() {
        for (width, height) in [(80, 24), (120, 40)] {
            let file = held.join(format!("{name}-{width}x{height}.txt"));
            let found = frame(&app, width, height, NOW_NS);
            if writes {
                std::fs::write(&file, &found).expect("written");
            }
            let wanted = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(found == wanted, "{} is not this:\n{found}", file.display());
        }
    }
}

#[test]
fn a_node_that_went_away_is_shown_with_what_was_known_and_since_when() {
    let mut app = app(status());
    app.lost("nobody listens".into(), NOW_NS);
    app.lost("no such socket".into(), NOW_NS + 5_000_000_000);
    let shown = frame(&app, 80, 24, NOW_NS + 65_000_000_000);
    assert!(shown.contains("DISCONNECTED"), "{shown}");
    assert!(shown.contains("not heard for 1 min 5 s: no such socket"), "{shown}");
    assert!(shown.contains("BINANCE") && shown.contains("orders -, fills -"), "{shown}");
    assert!(!shown.contains("nothing is wrong"), "{shown}");
    app.heard(sample(status()));
    let shown = frame(&app, 80, 24, NOW_NS);
    assert!(shown.contains("running") && shown.contains("nothing is wrong"), "{shown}");
}

/// A frozen process keeps its socket: the connection is there, and no answer comes.
#[test]
fn a_node_that_does_not_answer_does_not_look_healthy() {
    let app = app(status());
    let shown = frame(&app, 80, 24, NOW_NS + 2_000_000_000);
    assert!(shown.contains("running") && shown.contains("nothing is wrong"), "{shown}");
    let shown = frame(&app, 80, 24, NOW_NS + 3_000_000_000);
    assert!(shown.contains("NO ANSWER") && !shown.contains("running"), "{shown}");
    assert!(shown.contains("not heard for 3.00 s: the node does not answer"), "{shown}");
    assert!(!shown.contains("nothing is wrong"), "{shown}");
}

#[test]
fn the_worst_faults_are_shown_and_the_others_counted() {
    let mut status = status();
    let faults = (1..=9).map(|n| trouble("page", &format!("fault {n}")));
    status["wrong"] = faults.collect();
    let shown = frame(&app(status), 80, 24, NOW_NS);
    assert!(shown.contains("! fault 3\n! 6 more: rutter ctl status\n"), "{shown}");
}

#[test]
fn what_the_node_does_not_tell_is_said() {
    let mut app = app(status());
    let refused = Some("no such order (unknown_order)".to_owned());
    app.heard(Sample { refused, ..sample(status()) });
    let shown = frame(&app, 80, 24, NOW_NS);
    assert!(shown.contains("the node does not tell: no such order (unknown_order)"), "{shown}");
    let node = FakeNode::always(|| Does::Error(json!({"code": "too_many_requests"})));
    let mut command = Command::new(RUTTER);
    let output = command.args(["top", "--once", "--socket"]).arg(&node.socket).output();
    assert_eq!(output.expect("runs").status.code(), Some(1));
}

#[test]
fn every_frame_fits_and_says_when_the_terminal_is_too_small() {
    let empty = App::default();
    assert!(frame(&empty, 80, 24, 0).contains("no answer yet"));
    assert_eq!(frame(&empty, 40, 2, 0), "40x2 is too small: 80x24 is needed\n\n");
    let mut big = app(hundred_sessions());
    big.view = View::Order(OrderArg::Number(41_000));
    if let Some(sample) = &mut big.sample {
        sample.order = of("order", &json!({}));
    }
    for (width, height) in [(1, 1), (80, 24), (81, 25), (200, 60), (500, 200)] {
        for mode in ["", "?", "h"] {
            let mut app = big.clone();
            press(&mut app, mode);
            let shown = frame(&app, width, height, NOW_NS);
            assert_eq!(shown.lines().count(), usize::from(height));
        }
    }
}

#[test]
fn once_prints_one_frame_of_a_node_or_says_that_there_is_none() {
    let node = FakeNode::calm();
    let run = |socket: &std::path::Path, arguments: &[&str]| {
        let mut command = Command::new(RUTTER);
        command.arg("top").arg("--socket").arg(socket).args(arguments);
        command.output().expect("runs")
    };
    let output = run(&node.socket, &["--once", "--width", "80", "--height", "24"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8(output.stdout).expect("text");
    assert_eq!(shown.lines().count(), 24, "{shown}");
    assert!(shown.starts_with("RUTTER 0.1.0  running") && shown.contains("KRAKEN"), "{shown}");
    let dir = tempfile::tempdir().expect("folder");
    let none = dir.path().join("none.sock");
    assert_eq!(run(&none, &["--once"]).status.code(), Some(3));
    assert_eq!(run(&none, &[]).status.code(), Some(2), "no terminal");
}
