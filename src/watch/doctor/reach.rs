//! Whether the exchanges' and the webhooks' addresses can be reached: a TCP connection each, with a
//! TLS handshake where the address uses TLS. Nothing is said on it.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use rutter_transport::fault::Fault;
use rutter_transport::probe::reach;
use rutter_transport::tls::ClientTls;

use super::finding::Finding;
use crate::config::{Config, Url, Webhook};

const VENUE: &str = "venue";
const WEBHOOK: &str = "webhook";

/// How long one address may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Longest time of all connection checks, name service included.
const PATIENCE: Duration = Duration::from_secs(8);

/// A connection to each address, all at once.
pub fn examine(config: &Config) -> Vec<Finding> {
    let mut targets = Vec::new();
    let webhooks = config.alerts.as_ref().and_then(|alerts| alerts.webhooks().ok());
    for webhook in webhooks.into_iter().flatten() {
        let Webhook { name, host, port, tls, ca_file, .. } = webhook;
        let url = Url { tls, host, port, target: String::new() };
        targets.push((WEBHOOK, name, url, ca_file));
    }
    for venue in &config.venue {
        let feed = venue.feed_url.iter().map(|url| ("feed", url));
        let urls = [("orders", &venue.order_url)].into_iter().chain(feed);
        for (what, url) in urls.chain([("rest", &venue.rest_url)]) {
            if let Ok(url) = Url::parse(url) {
                let name = format!("{} {what}", venue.name);
                targets.push((VENUE, name, url, venue.ca_file.clone()));
            }
        }
    }
    let (sender, receiver) = mpsc::channel();
    let mut results: Vec<Option<Result<Duration, String>>> = vec![None; targets.len()];
    for (at, (_, _, url, ca_file)) in targets.iter().enumerate() {
        let (sender, host, port) = (sender.clone(), url.host.clone(), url.port);
        let tls = url.tls.then(|| ClientTls::load(ca_file.as_deref())).transpose();
        let tls = match tls {
            Ok(tls) => tls,
            Err(error) => {
                results[at] = Some(Err(error.to_string()));
                continue;
            }
        };
        // A name service that hangs keeps its thread, not us.
        let look = move || {
            // After the timeout nobody receives the result.
            let reached = reach(&host, port, tls.as_ref(), CONNECT_PATIENCE);
            let _ = sender.send((at, reached.map_err(told)));
        };
        if let Err(error) = std::thread::Builder::new().name("reach".to_owned()).spawn(look) {
            results[at] = Some(Err(error.to_string()));
        }
    }
    drop(sender);
    let until = Instant::now() + PATIENCE;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        let Ok((at, result)) = receiver.recv_timeout(left) else { break };
        results[at] = Some(result);
    }
    let each = targets.iter().zip(results);
    each.map(|((check, name, url, _), result)| finding(check, name, url, result)).collect()
}

/// The reason in the words that log, console and runbook use.
fn told(fault: Fault) -> String {
    let Fault { why, text, .. } = fault;
    format!("{why}: {} ({text})", why.help())
}

fn finding(
    check: &'static str,
    name: &str,
    url: &Url,
    result: Option<Result<Duration, String>>,
) -> Finding {
    let place = format!("{name} at {}:{}", url.host, url.port);
    let advice = "look at routes, firewall and name service, and at its own status page";
    match result {
        Some(Ok(took)) => {
            let ms = took.as_micros() as f64 / 1_000.0;
            Finding::ok(check, format!("{place}: connected in {ms:.1} ms"))
        }
        Some(Err(why)) => Finding::fail(check, format!("{place}: {why}"), advice),
        None => Finding::fail(check, format!("{place}: no answer in time"), advice),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn webhooks_are_reached_too_and_their_tokens_are_not_shown() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let at = listener.local_addr().expect("bound");
        let example = include_str!("../../../deploy/example.toml");
        let mut config = Config::parse(&format!(
            "{example}\n[[alerts.webhook]]\nname = \"desk\"\nseverities = [\"page\"]\n\
             url = \"http://{at}/token-x\"\n"
        ))
        .expect("sound");
        config.venue.clear();
        let findings = examine(&config);
        assert_eq!((findings.len(), findings[0].check), (1, WEBHOOK));
        assert_eq!(findings[0].level, Level::Ok, "{}", findings[0]);
        assert!(!findings[0].to_string().contains("token-x"));
    }

    #[test]
    fn an_address_where_nobody_listens_is_a_failure_and_one_where_somebody_does_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let open = listener.local_addr().expect("bound");
        let closed = {
            let gone = TcpListener::bind("127.0.0.1:0").expect("listens");
            gone.local_addr().expect("bound")
        };
        let mut config =
            Config::parse(include_str!("../../../deploy/example.toml")).expect("sound");
        for venue in &mut config.venue {
            venue.order_url = format!("tcp://{open}");
            venue.feed_url = Some(format!("ws://{closed}/x"));
            venue.rest_url = format!("http://{open}");
        }
        let findings = examine(&config);
        assert!(
            findings[1].found.contains("connection_refused: nobody listens"),
            "{}",
            findings[1]
        );
        let levels: Vec<Level> = findings.iter().map(|finding| finding.level).collect();
        let each = [Level::Ok, Level::Fail, Level::Ok];
        assert_eq!(levels, [each, each].concat());
    }
}
