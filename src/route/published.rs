//! The worked examples of `docs/routing.md`, run.
//!
//! A line belongs here if it compares the page with the router.

use serde_json::Value;

use super::answer_all;

/// The blocks of that kind, in their order.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let opening = format!("```json {kind}\n");
    let blocks = page.split(&opening).skip(1);
    blocks.filter_map(|block| block.split("```").next()).collect()
}

/// Whether each key of `part` is in `whole`, with that value.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| holds(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| holds(a, b))
        }
        (whole, part) => whole == part,
    }
}

#[test]
fn the_router_gives_the_answers_of_the_page() {
    let page = include_str!("../../docs/routing.md");
    let (routes, answers) = (blocks(page, "route"), blocks(page, "answer"));
    assert!(routes.len() == answers.len() && routes.len() >= 3);
    for (route, answer) in routes.into_iter().zip(answers) {
        let scenario: Value = serde_json::from_str(route).expect("a scenario");
        let part: Value = serde_json::from_str(answer).expect("an answer");
        let mut out = Vec::new();
        assert!(
            answer_all("test", &mut scenario.to_string().as_bytes(), &mut out).expect("answered")
        );
        let told: Value = serde_json::from_slice(&out).expect("one line");
        assert!(holds(&told, &part), "{route}\n{told:#}");
    }
}
