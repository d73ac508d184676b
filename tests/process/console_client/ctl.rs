//! `rutter ctl`: the request of each command line, the exit code of each answer, and the questions
//! to the operator.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use clap::Parser;
use rutter_cli::Exit;
use rutter_cli::client::{Client, ClientError, LINE_BYTES_MAX, Lost};
use rutter_cli::ctl::{Arguments, Terminal, run};
use serde_json::{Map, Value, json};

use super::fake::{Does, FakeNode, GREETING, dead_socket};

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");

#[derive(Debug, Parser)]
struct Ctl {
    #[command(flatten)]
    arguments: Arguments,
}

fn parsed(line: &str) -> Result<Arguments, clap::Error> {
    let words = std::iter::once("ctl").chain(line.split_whitespace());
    Ctl::try_parse_from(words).map(|ctl| ctl.arguments)
}

/// The output on a terminal, and the exit status.
struct Seen {
    exit: Exit,
    out: String,
    err: String,
    questions: Vec<String>,
}

/// Types `line`, then `answers`, one to each question.
fn at_a_terminal(node: &FakeNode, line: &str, answers: &str) -> Seen {
    with_a_terminal(node, line, answers, true)
}

fn with_a_terminal(node: &FakeNode, line: &str, answers: &str, interactive: bool) -> Seen {
    let arguments = parsed(line).expect(line);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (mut lines, mut questions) = (answers.lines(), Vec::new());
    let mut terminal = Terminal {
        interactive,
        out_is_terminal: interactive,
        width: 80,
        color: false,
        ask: &mut |question| {
            questions.push(question.to_owned());
            lines.next().map(str::to_owned)
        },
        out: &mut out,
        err: &mut err,
    };
    let connect = || Client::connect(&node.socket, Duration::from_secs(5));
    let exit = run(&arguments.request, &arguments.options, &mut terminal, connect);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Seen { exit, out: text(out), err: text(err), questions }
}

fn rutter(socket: &Path, line: &str) -> Output {
    let mut command = Command::new(RUTTER);
    command.arg("ctl").arg("--socket").arg(socket).args(line.split_whitespace());
    command.env_remove("RUTTER_CONSOLE").output().expect("runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("not killed")
}

/// Each verb's command line and the request on the socket.
fn table() -> Vec<(&'static str, &'static str, Value)> {
    [scoped(), named()].concat()
}

/// Verbs that read, and verbs that act on a scope.
fn scoped() -> Vec<(&'static str, &'static str, Value)> {
    let r = "why";
    vec![
        ("status", "status", json!({})),
        ("venues", "venues", json!({})),
        ("venue drain KRAKEN --reason why", "venue-drain", json!({"venue": "KRAKEN", "reason": r})),
        ("venue enable X --reason why", "venue-enable", json!({"venue": "X", "reason": r})),
        ("instruments", "instruments", json!({})),
        ("book BTC/USDT", "book", json!({"symbol": "BTC/USDT"})),
        ("book B --venue K --depth 50", "book", json!({"symbol": "B", "venue": "K", "depth": 50})),
        ("orders", "orders", json!({})),
        (
            "orders --session S --account A --venue V --symbol B --state all --limit 5 --before 9",
            "orders",
            json!({"session": "S", "account": "A", "venue": "V", "symbol": "B", "state": "all",
                   "limit": 5, "before": 9}),
        ),
        ("orders --client S", "orders", json!({"session": "S"})),
        ("orders --id S/c-1", "orders", json!({"id": "S/c-1"})),
        ("order 41", "order", json!({"id": "41"})),
        ("order c-41", "order", json!({"id": "c-41"})),
        ("cancel 41 --reason why", "cancel", json!({"order": "41", "reason": r})),
        (
            "resolve 7 0.25 --price 60000.5 --reason why",
            "resolve",
            json!({"child": 7, "filled": "0.25", "price": "60000.5", "reason": r}),
        ),
        ("resolve 7 0 --reason why", "resolve", json!({"child": 7, "filled": "0", "reason": r})),
        ("cancel-all --reason why", "cancel-all", json!({"reason": r})),
        ("cancel-all --venue V --reason why", "cancel-all", json!({"venue": "V", "reason": r})),
        ("halt --reason why", "halt", json!({"reason": r})),
        ("--reason why halt --symbol B", "halt", json!({"symbol": "B", "reason": r})),
        ("halt --session S --reason why", "halt", json!({"session": "S", "reason": r})),
        (
            "resume --account A --totp 123456 --reason why",
            "resume",
            json!({"account": "A", "totp": "123456", "reason": r}),
        ),
        ("reduce-only on --reason why", "reduce-only", json!({"on": true, "reason": r})),
        (
            "reduce-only off --account A --reason why",
            "reduce-only",
            json!({"on": false, "account": "A", "reason": r}),
        ),
    ]
}

/// Verbs about accounts, sessions and the node.
fn named() -> Vec<(&'static str, &'static str, Value)> {
    let r = "why";
    vec![
        ("limits show", "limits", json!({})),
        ("limits show A", "limits", json!({"account": "A"})),
        (
            "limits set A --notional-max 1000.50 --collar-ppm 5 --rate-per-s 6 --open-orders-max 7 \
             --reason why",
            "limits-set",
            json!({"account": "A", "notional_max": "1000.50", "collar_ppm": 5, "rate_per_s": 6,
                   "open_orders_max": 7, "reason": r}),
        ),
        ("sessions", "sessions", json!({})),
        ("session logout S --reason why", "session-logout", json!({"session": "S", "reason": r})),
        (
            "session disconnect S --reason why",
            "session-disconnect",
            json!({"session": "S", "reason": r}),
        ),
        (
            "session reset-seq S --reason why",
            "session-reset-seq",
            json!({"session": "S", "reason": r}),
        ),
        ("session enable S --reason why", "session-enable", json!({"session": "S", "reason": r})),
        ("session disable S --reason why", "session-disable", json!({"session": "S", "reason": r})),
        ("positions", "positions", json!({})),
        ("positions --account A", "positions", json!({"account": "A"})),
        ("bridges", "bridges", json!({})),
        ("bridge keep 7 --reason why", "bridge-keep", json!({"exposure": 7, "reason": r})),
        ("balances --venue V", "balances", json!({"venue": "V"})),
        ("latency --stage s --path p", "latency", json!({"stage": "s", "path": "p"})),
        ("journal", "journal", json!({})),
        ("config show", "config", json!({})),
        ("commands --limit 3", "commands", json!({"limit": 3})),
        ("pending", "pending", json!({})),
        ("lockouts", "lockouts", json!({})),
        (
            "route-preview --client S --symbol B --side sell --qty 1.50 --price 7 --tif ioc --strategy post",
            "route-preview",
            json!({"session": "S", "symbol": "B", "side": "sell", "qty": "1.50", "price": "7",
                   "tif": "ioc", "strategy": "post"}),
        ),
        (
            "lockout lift --session S --reason why",
            "lockout-lift",
            json!({"session": "S", "reason": r}),
        ),
        ("lockout lift --codes --reason why", "lockout-lift", json!({"codes": true, "reason": r})),
        (
            "approve 4 --command c --reason why",
            "approve",
            json!({"pending": 4, "command": "c", "reason": r}),
        ),
        ("approve 4 --reason why", "approve", json!({"pending": 4, "reason": r})),
        ("reject 4 --reason why", "reject", json!({"pending": 4, "reason": r})),
        ("news maintenance", "news", json!({"reason": "maintenance"})),
        ("log-level debug --reason why", "log-level", json!({"level": "debug", "reason": r})),
        ("shutdown --reason why", "shutdown", json!({"reason": r})),
        (
            "shutdown --cancel-orders --reason why",
            "shutdown",
            json!({"cancel_orders": true, "reason": r}),
        ),
        ("help", "help", json!({})),
    ]
}

#[test]
fn every_verb_goes_over_the_socket_as_the_contract_has_it() {
    let node = FakeNode::calm();
    for (line, verb, args) in table() {
        let seen = with_a_terminal(&node, line, "", false);
        assert_eq!(seen.exit, Exit::Done, "{line}: {}", seen.err);
        assert_eq!(node.asked(), [json!({"verb": verb, "args": args})], "{line}");
        assert!(!seen.out.is_empty(), "{line} shows nothing");
    }
}

#[test]
fn a_dry_run_says_so_to_the_node_and_needs_no_reason() {
    let node = FakeNode::calm();
    for (line, verb, mut args) in table() {
        if args.get("reason").is_none() || verb == "news" {
            continue;
        }
        let line = format!("{} --dry-run", line.replace("--reason why", ""));
        let seen = with_a_terminal(&node, &line, "", false);
        args["reason"] = json!("dry run");
        args["dry_run"] = json!(true);
        assert_eq!(node.asked(), [json!({"verb": verb, "args": args})], "{line}");
        assert!(seen.out.starts_with("dry run, nothing is changed: "), "{}", seen.out);
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error_before_anything_is_asked() {
    for line in [
        "halt --venue A --symbol B",
        "reduce-only on --venue A",
        "reduce-only maybe",
        "limits set A",
        "limits set A --notional-max many",
        "book B --depth 51",
        "cancel -1",
        "log-level loud",
        "venue",
        "session kick S",
        "config",
        "nonsense",
        "",
    ] {
        let error = parsed(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    let node = FakeNode::calm();
    let long = format!("cancel-all --reason {}", "x".repeat(65));
    for line in [
        "halt",
        "status --dry-run",
        "status --reason x",
        "news a --reason b",
        "cancel-all --reason é",
        &long,
    ] {
        let seen = with_a_terminal(&node, line, "yes\n", false);
        assert_eq!((seen.exit, seen.questions.len()), (Exit::Usage, 0), "{line}");
    }
    assert_eq!(node.asked(), Vec::<Value>::new());
    assert_eq!(code(&rutter(&node.socket, "nonsense")), 2);
    assert_eq!(code(&rutter(&node.socket, "cancel 4")), 2);
}

#[test]
fn every_error_of_the_contract_has_its_exit_code_and_its_words() {
    let refused = [
        "bad_json",
        "bad_request",
        "unknown_verb",
        "bad_argument",
        "unknown_venue",
        "unknown_symbol",
        "unknown_session",
        "unknown_account",
        "unknown_order",
        "forbidden",
        "reason_required",
        "totp_required",
        "totp_wrong",
        "totp_locked",
        "unknown_pending",
        "same_person",
        "pending_changed",
        "not_locked",
        "not_additions",
        "refused",
        "busy",
        "line_too_long",
        "too_many_requests",
        "too_many_connections",
        "displaced",
        "stopping",
        "internal",
        "of_a_later_version",
    ];
    let codes = refused.iter().map(|code| (*code, Exit::Refused));
    let others = [("needs_second_person", Exit::SecondPerson), ("timeout", Exit::Unknown)];
    for (code, exit) in codes.chain(others) {
        let error = json!({"code": code, "message": "the node's words", "pending": 4,
                           "refusal": "limit", "seq": 120_346});
        let told = error.clone();
        let node = FakeNode::always(move || Does::Error(told.clone()));
        let seen = with_a_terminal(&node, "resume --reason why", "", false);
        assert_eq!(seen.exit, exit, "{code}");
        assert!(seen.err.starts_with("rutter: the node's words (") && seen.out.is_empty());
        assert!(seen.err.contains(code) && seen.err.contains("120346"), "{}", seen.err);
        assert_eq!(seen.err.contains("approve 4"), exit == Exit::SecondPerson, "{}", seen.err);
        let seen = with_a_terminal(&node, "resume --reason why --json", "", false);
        assert_eq!((seen.exit, seen.err.as_str()), (exit, ""), "{code}");
        assert_eq!(seen.out.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&seen.out).expect("JSON"), error);
    }
    // A verb that only reads cannot leave its outcome unknown.
    let node = FakeNode::always(|| Does::Error(json!({"code": "timeout"})));
    assert_eq!(with_a_terminal(&node, "status", "", false).exit, Exit::Refused);
}

#[test]
fn json_is_the_nodes_object_byte_by_byte_on_one_line() {
    let odd = r#"{"z":1.0,"a":"\u001b[2J","big":18446744073709551615}"#;
    let node = FakeNode::new(GREETING, move |request| {
        Does::Raw(format!("{{\"id\":{},\"ok\":{odd}}}\n", request["id"]).into_bytes())
    });
    let output = rutter(&node.socket, "status --json");
    assert_eq!(code(&output), 0);
    assert_eq!(String::from_utf8(output.stdout).expect("text"), format!("{odd}\n"));
}

#[test]
fn where_no_node_is_asked_the_exit_code_says_so() {
    let dir = tempfile::tempdir().expect("folder");
    let said = |socket: &Path| {
        let output = rutter(socket, "--timeout 5 halt --reason why");
        assert_eq!(code(&output), 3);
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(said(&dir.path().join("none.sock")).contains("is the node running"));
    assert!(said(&dead_socket(dir.path())).contains("the node is not running"));
    for (greeting, words) in [
        (r#"{"id":null,"error":{"code":"forbidden","message":"mallory"}}"#, "mallory (forbidden)"),
        (r#"{"error":{"code":"too_many_connections"}}"#, "too_many_connections"),
        (r#"{"rutter":"console","version":2,"node":"A"}"#, "version 2"),
        (r#"{"rutter":"status"}"#, "no console"),
        ("SSH-2.0", "no console"),
    ] {
        let node = FakeNode::new(greeting, |_| Does::Hangs);
        let words_said = said(&node.socket);
        assert!(words_said.contains(words), "{words_said}");
        assert!(!words_said.contains("may have been carried out"), "{words_said}");
        assert_eq!(node.asked(), Vec::<Value>::new());
    }
}

#[test]
fn a_node_that_does_not_greet_is_given_up_in_time() {
    let node = FakeNode::new("", |_| Does::Hangs);
    let error = Client::connect(&node.socket, Duration::from_millis(50)).expect_err("nothing said");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

/// The error that the client reports when a node answers so and the outcome stays unknown.
fn lost(does: impl FnMut() -> Does + Send + 'static, timeout: Duration) -> Lost {
    let node = FakeNode::always(does);
    let mut client = Client::connect(&node.socket, Duration::from_secs(5)).expect("connected");
    match client.ask("halt", &Map::new(), timeout) {
        Err(ClientError::Lost(lost)) => lost,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_that_misbehaves_leaves_the_outcome_unknown() {
    let long = Duration::from_secs(30);
    assert!(matches!(lost(|| Does::Closes, long), Lost::Closed));
    assert!(matches!(lost(|| Does::Hangs, Duration::from_millis(50)), Lost::Timeout(_)));
    let raw = |text: &'static str| lost(move || Does::Raw(text.as_bytes().to_vec()), long);
    assert!(matches!(raw("{\"id\":77,\"ok\":{}}\n"), Lost::OtherId));
    assert!(matches!(raw("{\"id\":77,\"error\":{\"code\":\"busy\"}}\n"), Lost::OtherId));
    assert!(matches!(raw("{\"ok\":{}}\n"), Lost::OtherId));
    for text in [
        "\n",
        "\u{0}\u{1}\u{2}\n",
        "[]\n",
        "{\"id\":1}\n",
        "{\"id\":1,\"ok\":[]}\n",
        "{\"id\":1,\"ok\":{},\"error\":{\"code\":\"busy\"}}\n",
        "{\"id\":1,\"error\":{}}\n",
        "{\"id\":-1,\"ok\":{}}\n",
    ] {
        assert!(matches!(raw(text), Lost::Nonsense(_)), "{text:?}");
    }
    assert!(matches!(lost(|| Does::Raw(vec![0xff, b'\n']), long), Lost::Nonsense(_)));
    let endless = || Does::Raw(vec![b'x'; LINE_BYTES_MAX + 2]);
    assert!(matches!(lost(endless, long), Lost::Endless));
}

#[test]
fn an_answer_as_long_as_the_limit_is_taken_and_so_is_the_next_one() {
    let long = "x".repeat(LINE_BYTES_MAX - 64);
    let node = FakeNode::new(GREETING, move |_| Does::Ok(json!({"long": long})));
    let mut client = Client::connect(&node.socket, Duration::from_secs(5)).expect("connected");
    for _ in 0..2 {
        client.ask("status", &Map::new(), Duration::from_secs(30)).expect("taken");
    }
}

#[test]
fn a_change_whose_outcome_is_unknown_says_that_it_may_have_been_carried_out() {
    let node = FakeNode::always(|| Does::Closes);
    let output = rutter(&node.socket, "halt --reason why");
    assert_eq!(code(&output), 4);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("may have been carried out"), "{said}");
    let output = rutter(&node.socket, "halt --reason why --json");
    let error: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((code(&output), &error["code"]), (4, &json!("outcome_unknown")));
    for line in ["status", "halt --dry-run"] {
        let output = rutter(&node.socket, line);
        assert_eq!(code(&output), 4);
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(!said.contains("carried out"), "{said}");
    }
}

#[test]
fn at_a_terminal_a_wide_change_is_shown_and_asked_and_a_reason_is_asked_for() {
    let node = FakeNode::calm();
    let dry = json!({"verb": "halt", "args": {"reason": "stop", "dry_run": true}});
    let real = json!({"verb": "halt", "args": {"reason": "stop"}});
    let seen = at_a_terminal(&node, "halt", "stop\nyes\n");
    assert_eq!(seen.exit, Exit::Done);
    assert!(seen.err.starts_with("dry run, nothing is changed: halt everything; 12 would"));
    assert_eq!(seen.questions, ["reason: ", "type yes to do it: "]);
    assert_eq!(node.asked(), [dry.clone(), real.clone()]);
    for answer in ["stop\ny\n", "stop\n\n", "stop\n"] {
        let seen = at_a_terminal(&node, "halt", answer);
        assert_eq!(seen.exit, Exit::Refused);
        assert!(seen.err.ends_with("not confirmed: nothing was done\n"), "{}", seen.err);
        assert_eq!(node.asked(), std::slice::from_ref(&dry), "only the dry run");
    }
    let seen = at_a_terminal(&node, "halt --yes --reason stop", "");
    assert_eq!((seen.exit, seen.err.as_str()), (Exit::Done, ""));
    assert!(seen.questions.is_empty());
    assert_eq!(node.asked(), [real]);
    // A single venue needs no confirmation. Without a reason nothing is sent.
    assert_eq!(at_a_terminal(&node, "halt --venue A", "stop\n").exit, Exit::Done);
    assert_eq!(at_a_terminal(&node, "halt --venue A", "\n").exit, Exit::Usage);
    assert_eq!(at_a_terminal(&node, "halt --venue A", "").exit, Exit::Usage);
    assert_eq!(node.asked().len(), 1);
}

#[test]
fn a_code_is_asked_for_when_the_node_wants_one() {
    let node = FakeNode::new(GREETING, |request| match request["args"]["totp"].as_str() {
        Some("123456") => Does::Ok(json!({"seq": 1, "time_ns": 1, "affected": 0})),
        Some(_) => Does::Error(json!({"code": "totp_wrong"})),
        None => Does::Error(json!({"code": "totp_required"})),
    });
    assert_eq!(at_a_terminal(&node, "resume --reason x", "123456\n").exit, Exit::Done);
    assert_eq!(at_a_terminal(&node, "resume --reason x", "1\n").exit, Exit::Refused);
    assert_eq!(with_a_terminal(&node, "resume --reason x", "123456\n", false).exit, Exit::Refused);
}

#[test]
fn what_a_node_sends_cannot_command_the_terminal() {
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J";
    let node = FakeNode::new(GREETING, move |request| match request["verb"].as_str() {
        Some("orders") => Does::Ok(json!({"orders": [{"id": 1, "symbol": evil}]})),
        Some("config") => Does::Ok(json!({"text": evil, "hash": evil})),
        Some("status") => Does::Ok(json!({"node": evil, "halts": [evil], "refused": {evil: 1}})),
        Some("venues") => Does::Raw("{\"id\":1,\"ok\":{\"a\":\"\u{9b}\"}}\n".into()),
        _ => Does::Error(json!({"code": evil, "message": evil, "refusal": evil})),
    });
    for line in
        ["orders", "config show", "status", "journal", "halt", "status --json", "venues --json"]
    {
        let seen = at_a_terminal(&node, line, "why\nyes\n");
        let raw = |c: char| c.is_control() && c != '\n';
        assert!(!seen.out.contains(raw) && !seen.err.contains(raw), "{line}: {:?}", seen.out);
    }
}

#[test]
fn the_socket_is_found_by_variable_and_configuration() {
    let node = FakeNode::calm();
    let by = |configure: &dyn Fn(&mut Command)| {
        let mut command = Command::new(RUTTER);
        command.args(["ctl", "status"]).env_remove("RUTTER_CONSOLE");
        configure(&mut command);
        code(&command.output().expect("runs"))
    };
    assert_eq!(by(&|command| _ = command.env("RUTTER_CONSOLE", &node.socket)), 0);
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("node.toml");
    std::fs::write(&file, format!("[console]\nsocket = {:?}\n", node.socket)).expect("written");
    assert_eq!(by(&|command| _ = command.arg("--config").arg(&file)), 0);
    assert_eq!(by(&|command| _ = command.current_dir(dir.path())), 3);
    assert_eq!(by(&|command| _ = command.arg("--config").arg(dir.path().join("no.toml"))), 2);
}
