//! The result of a run as one HTML page that needs nothing else: no script, no style, no font and
//! no picture from outside.
//!
//! A line belongs here if it says what the page shows. Drawing is `chart`. Writing to a string
//! cannot fail, so the results are dropped.

use std::fmt::Write as _;

use super::chart::{self, Bar, COLOURS, Series, escaped};
use super::crash::Crash;
use super::drawing::{Drawn, fixed};
use super::explained::{Explained, cut};
use super::{Summary, Time};
use crate::harness::USUAL;
use crate::quantiles::Quantiles;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;\
max-width:760px;margin:2em auto;padding:0 1em}h1{margin-bottom:0}h2{margin-top:1.8em}\
svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#444}.grid{stroke:#ddd}\
.down{fill:#f4c7c3}.cards{display:flex;flex-wrap:wrap;gap:.6em;margin:1em 0}\
.cards div{border:1px solid #ccc;border-radius:6px;padding:.5em .9em}.cards b{display:block;\
font-size:1.5em}.bad b{color:#b00020}.legend{margin:.2em 0}table{border-collapse:collapse;\
width:100%}th,td{padding:.25em .5em;border-bottom:1px solid #ddd;text-align:right}\
th:first-child,td:first-child{text-align:left}code{background:#f2f2f2;padding:.1em .3em}";

/// The whole page. `next` is a command to try.
pub fn page(summary: &Summary, next: &str) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Rutter: one run</title><style>{STYLE}</style></head><body>\n\
         <h1>Rutter: one run</h1>\n<p>One FIX client, one node, {} simulated exchanges: {} orders \
         in {:.1} s{}, seed {}.</p>\n",
        USUAL.len(),
        summary.orders,
        summary.seconds,
        match summary.time {
            Time::Real => "",
            Time::Virtual => " of virtual time",
        },
        summary.seed
    );
    cards(&mut html, summary);
    crashes(&mut html, &summary.crashes);
    over_time(&mut html, summary);
    if let Some(drawn) = &summary.drawn {
        drawing(&mut html, drawn);
    }
    if let Some(explained) = &summary.explained {
        explanation(&mut html, explained);
    }
    costs(&mut html, summary);
    latencies(&mut html, summary);
    let _ = writeln!(html, "<h2>Try next</h2><p><code>{}</code></p></body></html>", escaped(next));
    html
}

fn card(html: &mut String, good: bool, value: &str, label: &str) {
    let class = if good { "" } else { " class=\"bad\"" };
    let _ = write!(html, "<div{class}><b>{}</b>{}</div>", escaped(value), escaped(label));
}

fn cards(html: &mut String, summary: &Summary) {
    html.push_str("<div class=\"cards\">");
    card(html, summary.lost == 0, &summary.lost.to_string(), "orders or executions lost");
    card(html, summary.doubled == 0, &summary.doubled.to_string(), "sent or booked twice");
    if summary.kills > 0 {
        let down = format!("{:.2} s", summary.down_ms as f64 / 1e3);
        let back = summary.crashes.iter().all(|crash| crash.after.is_some());
        let label = if back { "from SIGKILL to trading again" } else { "DOWN UNTIL THE END" };
        card(html, back, &down, label);
    }
    card(html, true, &format!("{:+.2} bps", summary.saved_bps), "saved against one exchange");
    let same = if summary.digest_equal { "identical" } else { "NOT IDENTICAL" };
    let label = format!("decided again, {} records", summary.journal_records);
    card(html, summary.digest_equal && summary.journal_verified, same, &label);
    html.push_str("</div>\n");
    if summary.lost > 0 {
        let lost = serde_json::to_value(summary.lost_by).unwrap_or_default();
        let _ = writeln!(html, "<p class=\"bad\">{}</p>", escaped(&lost.to_string()));
    }
}

fn row(html: &mut String, cell: &str, cells: &[String]) {
    html.push_str("<tr>");
    for text in cells {
        let _ = write!(html, "<{cell}>{}</{cell}>", escaped(text));
    }
    html.push_str("</tr>\n");
}

fn crashes(html: &mut String, crashes: &[Crash]) {
    for crash in crashes {
        let at = crash.at_ms as f64 / 1e3;
        let _ = writeln!(html, "<h2>SIGKILL at {at:.1} s, started again at once</h2><table>");
        let after = crash.after.unwrap_or_default();
        let back = |count: u64| if crash.after.is_some() { count.to_string() } else { "-".into() };
        let down = format!("trading again after {:.2} s", crash.down_ms as f64 / 1e3);
        let heads = ["counted by client and exchanges", "at the kill", &down];
        row(html, "th", &heads.map(str::to_owned));
        let before = crash.before;
        for (what, one, two) in [
            ("orders open, as the client knows", before.open_by_client, after.open_by_client),
            ("orders open, as the exchanges know", before.open_by_venues, after.open_by_venues),
            ("executions that the exchanges booked", before.fills_booked, after.fills_booked),
            ("executions that the client was told", before.fills_told, after.fills_told),
        ] {
            row(html, "td", &[what.to_owned(), one.to_string(), back(two)]);
        }
        let fates = crash.fates;
        let _ = writeln!(
            html,
            "</table><p>Of the {} orders open at the kill, {} were still open when trading went \
             on, {} were filled, {} had ended otherwise.</p>",
            before.open_by_client, fates.open, fates.filled, fates.ended
        );
    }
}

fn over_time(html: &mut String, summary: &Summary) {
    let samples = &summary.samples;
    let seconds = |ns: u64| ns as f64 / 1e9;
    let rates = USUAL.into_iter().map(|venue| Series {
        name: venue.name().to_owned(),
        points: samples
            .windows(2)
            .map(|pair| {
                let count = |at: usize| pair[at].fills[venue.index()];
                let span = seconds(pair[1].elapsed_ns) - seconds(pair[0].elapsed_ns);
                let new = count(1).saturating_sub(count(0)) as f64;
                (seconds(pair[1].elapsed_ns), new / span.max(0.001))
            })
            .collect(),
    });
    let down: Vec<(f64, f64)> = summary
        .crashes
        .iter()
        .map(|crash| (crash.at_ms as f64 / 1e3, (crash.at_ms + crash.down_ms) as f64 / 1e3))
        .collect();
    html.push_str("<h2>Executions</h2>\n");
    html.push_str(&chart::lines("executions a second", &rates.collect::<Vec<_>>(), &down));
    let line = |name: &str, value: &dyn Fn(&super::view::Sample) -> f64| Series {
        name: name.to_owned(),
        points: samples.iter().map(|sample| (seconds(sample.elapsed_ns), value(sample))).collect(),
    };
    html.push_str("<h2>Open orders of the client</h2>\n");
    let open = line("open orders", &|sample| sample.open as f64);
    html.push_str(&chart::lines("orders; red: the node is down", &[open], &down));
    html.push_str("<h2>From order to first answer</h2>\n");
    let median = line("median", &|sample| sample.median_ns as f64 / 1e6);
    html.push_str(&chart::lines("milliseconds in each interval", &[median], &down));
}

fn drawing(html: &mut String, drawn: &Drawn) {
    let _ = writeln!(
        html,
        "<h2>One order over both books</h2><p>{}, {}. It took the full colour; the rest was left. \
         Of all orders that the drawing can show whole, this one saved the most. The bars are the \
         exchanges' own books when the order arrived. What an exchange alone would have cost is told \
         for a client without other orders there, in basis points of the value at the middle \
         price.</p>",
        escaped(&drawn.title()),
        escaped(&drawn.routed_text())
    );
    let quantity = |e8: i64| e8 as f64 / 1e8;
    let rungs = || drawn.venues.iter().flat_map(|venue| &venue.rungs);
    let longest = rungs().map(|rung| quantity(rung.qty_e8)).fold(0.0, f64::max);
    for (venue, colour) in drawn.venues.iter().zip(COLOURS.iter().cycle()) {
        let fee = f64::from(venue.fee_ppm) / 1e4;
        let _ = writeln!(
            html,
            "<p class=\"legend\"><b style=\"color:{colour}\">{}</b>, fee {fee:.2} %{}; {}</p>",
            venue.name,
            venue.own_text(),
            escaped(&venue.alone_text())
        );
        let bar = |rung: &super::drawing::Rung| Bar {
            label: fixed(i128::from(rung.price_e8), 8, 2),
            whole: quantity(rung.qty_e8),
            full: quantity(rung.taken_e8),
            value: format!(
                "{} of {}",
                fixed(i128::from(rung.taken_e8), 8, 4),
                fixed(i128::from(rung.qty_e8), 8, 4)
            ),
        };
        let bars: Vec<Bar> = venue.rungs.iter().map(bar).collect();
        html.push_str(&chart::bars(&bars, longest, colour));
    }
}

/// Why one order went where it went.
fn explanation(html: &mut String, explained: &Explained) {
    let word = |key: &str| explained.expected[key].as_str().unwrap_or("-").to_owned();
    let _ = writeln!(
        html,
        "<h2>Why it went there</h2><p>The node's record of its decision about order {}, made again \
         by the replay: record {} of the journal, {}. Asked: {}. Expected: {} filled, {} in all \
         with fees, {} on average. The decision is made from the books that the node held at that \
         moment, without the levels behind its own resting orders, so that an exchange can fill less \
         here than in the drawing, which names their best price (own). Basis points are of the expected amount.</p><table>",
        escaped(&explained.order),
        explained.record,
        escaped(&explained.time),
        escaped(&explained.asked_text()),
        escaped(&word("filled")),
        escaped(cut(&word("total_all_in"))),
        escaped(cut(&word("average_all_in"))),
    );
    let heads = ["exchange", "best price", "with fee", "decision"];
    row(html, "th", &heads.map(str::to_owned));
    for venue in &explained.venues {
        let best = venue.best.as_deref().unwrap_or("-");
        let all_in = venue.best_all_in.as_deref().unwrap_or("-");
        let cells = [venue.venue.as_str(), best, cut(all_in), &venue.words()].map(str::to_owned);
        row(html, "td", &cells);
    }
    html.push_str("</table>\n");
}

fn costs(html: &mut String, summary: &Summary) {
    html.push_str(
        "<h2>What taking cost</h2><p>Basis points above the middle price of both books when the \
         order arrived, fees included. A client of one exchange is given the same orders, the same \
         time of arrival and the same fees. Its own earlier orders do not move the book that it finds, \
         which favours it.</p><table>\n",
    );
    let heads = [
        "against",
        "routed bps",
        "alone bps",
        "saved bps",
        "lower quartile bps",
        "upper quartile bps",
        "95 % confidence ± bps",
        "orders",
    ];
    row(html, "th", &heads.map(str::to_owned));
    let looked_best = ("what looked best when the order was routed", summary.looked_best);
    let hindsight = ("the cheapest for each order, known afterwards", summary.hindsight);
    let alone = summary.alone.iter().map(|(name, alone)| (name.as_str(), *alone));
    for (name, one) in alone.chain([looked_best, hindsight]) {
        let numbers = [
            Some(one.routed_bps),
            Some(one.single_bps),
            Some(one.saved_bps),
            one.spread.map(|spread| spread.lower_quartile),
            one.spread.map(|spread| spread.upper_quartile),
            one.confidence_bps,
        ];
        let mut cells = vec![name.to_owned()];
        cells.extend(
            numbers.map(|bps| bps.map_or_else(|| "-".to_owned(), |bps| format!("{bps:.2}"))),
        );
        cells.push(one.orders.to_string());
        row(html, "td", &cells);
    }
    html.push_str("</table>\n");
}

fn latencies(html: &mut String, summary: &Summary) {
    let words = summary.latency_note.as_deref().unwrap_or(
        "stages of the node count from its last start; client late is how late the client itself \
         was",
    );
    let _ = writeln!(html, "<h2>Latency</h2><p>Milliseconds; {}.</p><table>", escaped(words));
    let heads = ["stage", "p50", "p99", "p99.9", "max", "count"];
    row(html, "th", &heads.map(str::to_owned));
    for (stage, Quantiles { p50, p99, p999, max, count }) in &summary.latency_ns {
        let mut cells = vec![stage.replace('.', " ")];
        cells.extend([p50, p99, p999, max].map(|ns| format!("{:.3}", *ns as f64 / 1e6)));
        cells.push(count.to_string());
        row(html, "td", &cells);
    }
    html.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::drawing::tests::wide;
    use super::super::view::Sample;
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_outside() {
        let sample = |second: u64| Sample {
            elapsed_ns: second * 1_000_000_000,
            fills: [second * 10; USUAL.len()],
            open: second,
            median_ns: 1_000_000,
        };
        let mut summary = Summary { drawn: Some(Arc::new(wide())), ..Summary::default() };
        summary.explained = Some(super::super::explained::tests::wide(&["<venue>"]));
        summary.samples = (0..5).map(sample).collect();
        summary.alone = [("<venue>".to_owned(), super::super::Comparison::default())].into();
        let html = page(&summary, "rutter <next>");
        for outside in ["http:", "https:", "<script", "src=", "@import", "url(", "<link"] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("rutter &lt;next&gt;") && html.contains("&lt;venue&gt;"));
        assert!(!html.contains("NaN") && !html.contains("inf\""));
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    }

    #[test]
    fn a_loss_is_marked_and_named() {
        let mut summary = Summary { lost: 1, ..Summary::default() };
        summary.lost_by.invented_fills = 1;
        let html = page(&summary, "");
        assert!(html.contains("class=\"bad\"") && html.contains("invented_fills&quot;:1"));
    }
}
