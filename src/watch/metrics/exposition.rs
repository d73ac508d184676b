//! The names of the metrics, and their text.
//!
//! A line belongs here if it names a metric or a label. Prometheus' own conventions hold: base
//! units (seconds, bytes), `_total` behind what only grows, and no id, price or address in a label.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use rutter_admin::model::ExposureRow;
use rutter_journal::{SYNC_BUCKET_NS_MIN, SYNC_BUCKETS};

use crate::watch::buckets::{BUCKETS_NS, Buckets};
use crate::watch::gateway_counters::GATEWAY;
use crate::watch::logs::counts;
use crate::watch::monitor::Monitor;
use crate::watch::snapshot::{OTHER_SYMBOLS, Snapshot};

/// The labels of an exposure.
fn labels_of(of: &ExposureRow) -> Labels<'_> {
    vec![("account", of.account.as_str()), ("asset", of.asset.as_str())]
}

/// What each metric of ours begins with.
pub const PREFIX: &str = "rutter";

/// The media type of the text: `OpenMetrics` 1.0.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const NS_PER_S: f64 = 1e9;

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// All metrics as text.
///
/// # Errors
/// Never in practice: a string takes everything.
pub fn text(monitor: &Arc<Monitor>, now_ns: u64) -> Result<String, fmt::Error> {
    let page = MetricsPage {
        shown: monitor.shown(),
        config_hash: monitor.config_hash().to_owned(),
        started_ns: monitor.started_ns(),
        free_bytes: monitor.health.journal_free_bytes(),
        clock_offset: monitor.clock.seconds(now_ns),
        now_ns,
    };
    let page = Arc::new(page);
    let mut ours = Registry::with_prefix(PREFIX);
    ours.register_collector(Box::new(PrefixedMetrics(Arc::clone(&page))));
    ours.register_collector(Box::new(AlertMetrics(Arc::clone(monitor))));
    let mut shared = Registry::default();
    shared.register_collector(Box::new(CommonMetrics(page)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode_registry(&mut text, &ours)?;
    // The end mark comes with the last one.
    encode(&mut text, &shared)?;
    Ok(text)
}

#[derive(Debug)]
struct MetricsPage {
    shown: Arc<Snapshot>,
    config_hash: String,
    started_ns: u64,
    free_bytes: Option<u64>,
    clock_offset: Option<f64>,
    now_ns: u64,
}

/// Metrics with the prefix `rutter_`.
#[derive(Debug)]
struct PrefixedMetrics(Arc<MetricsPage>);

/// The metrics of alerts.
#[derive(Debug)]
struct AlertMetrics(Arc<Monitor>);

/// Metrics under the names that a trading desk uses for all its systems, without prefix.
#[derive(Debug)]
struct CommonMetrics(Arc<MetricsPage>);

/// Writes metric families.
struct FamilyWriter<'a>(DescriptorEncoder<'a>);

impl FamilyWriter<'_> {
    fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            } else {
                let mut one = family.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, help, [(Vec::new(), value)])
    }

    fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                family.encode_gauge(&value)?;
            } else {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.gauges(name, help, [(Vec::new(), value)])
    }

    fn histograms<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, f64, Vec<(f64, u64)>)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, sum, buckets) in samples {
            let count = buckets.iter().map(|(_, count)| count).sum();
            if labels.is_empty() {
                family.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            } else {
                let mut one = family.encode_family(&labels)?;
                one.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / NS_PER_S
}

fn stage_buckets(times: &Buckets) -> Vec<(f64, u64)> {
    let bounds = BUCKETS_NS.iter().map(|ns| seconds(*ns)).chain([f64::INFINITY]);
    bounds.zip(times.counts).collect()
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// `NoVenue` as `no_venue`: label values are written like everything else in a metric.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// Counts by reason, with the reasons in snake case.
fn by_reason<'a>(counts: impl IntoIterator<Item = (&'a String, &'a u64)>) -> Vec<(String, u64)> {
    counts.into_iter().map(|(reason, count)| (snake(reason), *count)).collect()
}

fn reasons(counts: &[(String, u64)]) -> impl Iterator<Item = (Labels<'_>, u64)> {
    counts.iter().map(|(reason, count)| (vec![("reason", reason.as_str())], *count))
}

impl Collector for PrefixedMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = FamilyWriter(encoder);
        let page = &*self.0;
        page.process(&mut out)?;
        page.core(&mut out)?;
        page.journal(&mut out)?;
        page.orders(&mut out)?;
        page.venues(&mut out)?;
        for (counter, value) in GATEWAY.iter().zip(page.shown.gateway) {
            out.counter(counter.name, counter.help, value)?;
        }
        Ok(())
    }
}

impl Collector for AlertMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = FamilyWriter(encoder);
        let alerts = &self.0.alerts;
        let firing = alerts.firing();
        let each = firing.iter().map(|(of, count)| (vec![("severity", of.name())], *count as f64));
        out.gauges("alerts_firing", "Alerts that fire, if somebody is told", each)?;
        let fates = alerts.sinks().iter().flat_map(|sink| {
            let labels = move |fate| vec![("sink", sink.name()), ("result", fate)];
            sink.fates().map(move |(fate, count)| (labels(fate), count))
        });
        out.counters("alert_deliveries", "Messages to sinks, by what became of them", fates)?;
        let of = |sink| vec![("sink", sink)];
        let failures = alerts.sinks().iter().map(|sink| (of(sink.name()), sink.failures()));
        let help = "Attempts that failed and may be made again";
        out.counters("alert_attempts_failed", help, failures)?;
        let waiting = alerts.sinks().iter().map(|sink| (of(sink.name()), sink.waiting() as f64));
        out.gauges("alerts_waiting", "Messages that wait for their sink", waiting)
    }
}

impl Collector for CommonMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = FamilyWriter(encoder);
        let counted = &self.0.shown.counted;
        let each = counted.venues.iter().zip(&counted.orders).flat_map(|(venue, at)| {
            let each = [
                ("sent", at.sent),
                ("filled", at.filled),
                ("rejected", at.rejected),
                ("cancel_sent", at.cancel_sent),
                ("amend_sent", at.amend_sent),
                ("unknown", at.unknown),
            ];
            each.map(|(status, n)| (vec![("status", status), ("exchange", venue.as_str())], n))
        });
        out.counters("orders", "Orders at exchanges, by what became of them", each)?;
        let each = counted.execution_latency.iter().filter_map(|((venue, instrument), times)| {
            let symbol = match *instrument {
                OTHER_SYMBOLS => "other",
                instrument => counted.instruments.get(instrument)?.as_str(),
            };
            let labels =
                vec![("exchange", counted.venues.get(*venue)?.as_str()), ("symbol", symbol)];
            Some((labels, seconds(times.sum_ns), stage_buckets(times)))
        });
        let help = "From the decision to send an order until its first execution arrived";
        out.histograms("order_execution_latency_seconds", help, each)
    }
}

impl MetricsPage {
    fn process(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let labels = vec![
            ("version", env!("CARGO_PKG_VERSION")),
            ("config_hash", self.config_hash.as_str()),
        ];
        out.gauges("build_info", "What runs: always 1", [(labels, 1.0)])?;
        let help = "When the process began, since the Unix epoch";
        out.gauge("start_time_seconds", help, seconds(self.started_ns))?;
        let help = "How far the clock is off, as chrony knows it";
        let offset = self.clock_offset.map(|offset| (Vec::new(), offset));
        out.gauges("clock_offset_seconds", help, offset)?;
        let lines = counts();
        let left_out = [("queue_full", &lines.dropped), ("repeated", &lines.repeated)]
            .map(|(reason, count)| (vec![("reason", reason)], count.load(Ordering::Relaxed)));
        out.counters("log_lines_left_out", "Lines of the log that were not written", left_out)?;
        let age = self.now_ns.saturating_sub(self.shown.made_ns);
        let age = if self.shown.made_ns == 0 { f64::INFINITY } else { seconds(age) };
        out.gauge("snapshot_age_seconds", "Since these numbers were copied", age)
    }

    fn core(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let shown = &*self.shown;
        out.counter("core_inputs", "Inputs that the core has decided", shown.status.inputs)?;
        let idle = match shown.turned_ns {
            0 => f64::INFINITY,
            turned_ns => seconds(shown.made_ns.saturating_sub(turned_ns)),
        };
        let help = "Since the core last had a turn; infinite before its first";
        out.gauge("core_turn_age_seconds", help, idle)?;
        out.gauge("halted", "1 while the kill switch is on", flag(shown.status.halted))?;
        let exposures = &shown.status.exposures;
        let ages =
            exposures.iter().map(|of| (labels_of(of), of.age_ns(shown.made_ns) as f64 / 1e9));
        let help = "Since when something that went over a bridge is not converted";
        out.gauges("bridge_exposure_age_seconds", help, ages)?;
        let amounts = exposures.iter().map(|of| (labels_of(of), of.counted.parse().unwrap_or(0.0)));
        let help = "Bridge asset that is not converted or may come, against the legging limit";
        out.gauges("bridge_exposure", help, amounts)?;
        let scopes = |rows: &[rutter_admin::model::ScopeRow]| {
            SCOPES.map(|scope| {
                let count = rows.iter().filter(|row| scope_name(row) == scope).count();
                (vec![("scope", scope)], count as f64)
            })
        };
        let help = "Halts that are on, by what they are about";
        out.gauges("halts", help, scopes(&shown.status.halts))?;
        let help = "Where only what reduces a position is taken";
        out.gauges("reduce_only", help, scopes(&shown.status.reduce_only))?;
        let stages = shown.stages.iter().map(|(path, stage, times)| {
            let labels = vec![("path", *path), ("stage", *stage)];
            (labels, seconds(times.sum_ns), stage_buckets(times))
        });
        out.histograms(
            "stage_duration_seconds",
            "Time of an order or a report in each stage",
            stages,
        )?;
        out.counter(
            "stage_samples_dropped",
            "Times that were not counted because too many waited",
            shown.stage_samples_dropped,
        )?;
        let rings = [("input", &shown.input), ("output", &shown.output)];
        let labeled = |name| vec![("ring", name)];
        out.gauges(
            "ring_depth",
            "Envelopes in the ring",
            rings.map(|(name, ring)| (labeled(name), ring.depth as f64)),
        )?;
        out.gauges(
            "ring_slots",
            "Slots of the ring",
            rings.map(|(name, ring)| (labeled(name), ring.slots as f64)),
        )?;
        out.counters(
            "ring_stalls",
            "Times that the ring was found full",
            rings.map(|(name, ring)| (labeled(name), ring.stalls)),
        )
    }

    fn journal(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let journal = &self.shown.journal;
        let sequence = [("written", journal.written), ("durable", journal.durable)];
        out.gauges(
            "journal_sequence",
            "The last record, written and on disk",
            sequence.map(|(mark, n)| (vec![("mark", mark)], n as f64)),
        )?;
        let unsynced = journal.unsynced_bytes as f64;
        out.counter("journal_written_bytes", "Bytes appended", journal.written_bytes)?;
        out.gauge("journal_unsynced_bytes", "Bytes appended and not on disk", unsynced)?;
        let lag = seconds(journal.sync_lag_ns);
        out.gauge("journal_sync_lag_seconds", "Age of the oldest record not on disk", lag)?;
        let stalls = journal.stalls;
        out.counter("journal_append_stalls", "Appends that waited for a segment", stalls)?;
        out.gauge("journal_failed", "1 after a sync has failed", flag(journal.failed))?;
        let bounds = (0..SYNC_BUCKETS).map(|at| match at {
            at if at + 1 == SYNC_BUCKETS => f64::INFINITY,
            at => seconds(SYNC_BUCKET_NS_MIN << at),
        });
        let buckets = bounds.zip(journal.sync_times.buckets).collect();
        let sum = seconds(journal.sync_times.sum_ns);
        let help = "Time of one group of records to the disk";
        out.histograms("journal_sync_duration_seconds", help, [(Vec::new(), sum, buckets)])?;
        let free = self.free_bytes.map_or(f64::NAN, |bytes| bytes as f64);
        out.gauge("journal_disk_free_bytes", "Room on the journal's file system", free)
    }

    fn orders(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let (status, counted) = (&self.shown.status, &self.shown.counted);
        out.counter("orders_accepted", "Client orders accepted", status.orders)?;
        let refused = by_reason(&status.refused);
        out.counters("orders_refused", "Client orders refused", reasons(&refused))?;
        let refused = by_reason(&counted.cancels_refused);
        let help = "Client cancels and replaces refused";
        out.counters("cancels_refused", help, reasons(&refused))?;
        let waiting = by_reason(&status.waiting);
        let each = waiting.iter().map(|(why, n)| (vec![("reason", why.as_str())], *n as f64));
        out.gauges("orders_waiting", "Client orders of which a part is at no venue", each)?;
        let ended = by_reason(&status.ended);
        out.counters("orders_ended", "Client orders that are over", reasons(&ended))?;
        self.execution(out)?;
        out.counter("reports", "Reports to clients, cancel rejects among them", status.reports)?;
        out.counter("fills", "Executions reported to clients", status.fills)?;
        let anomalies = self.shown.anomalies();
        out.counters(
            "anomalies",
            "What should not happen, and was dealt with",
            anomalies.map(|(kind, count)| (vec![("kind", kind)], count)),
        )
    }

    /// Whether orders were carried out, and how long that took.
    fn execution(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let (status, counted) = (&self.shown.status, &self.shown.counted);
        let results = [("success", status.succeeded), ("failure", status.failed.values().sum())];
        out.counters(
            "orders_judged",
            "Client orders that count for execution success",
            results.map(|(result, count)| (vec![("result", result)], count)),
        )?;
        let failed = by_reason(&status.failed);
        let help = "Client orders that were not carried out";
        out.counters("orders_failed", help, reasons(&failed))?;
        let times = &counted.order_duration;
        let took = (Vec::new(), seconds(times.sum_ns), stage_buckets(times));
        let help = "From the acceptance of a client order to its end, if nothing of it rested";
        out.histograms("order_duration_seconds", help, [took])
    }

    fn venues(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let shown = &*self.shown;
        let venues = &shown.status.venues;
        let of = |value: fn(&rutter_admin::VenueStatus) -> f64| {
            venues.iter().map(move |v| (vec![("exchange", v.name.as_str())], value(v)))
        };
        // A venue that has left the configuration has no series: nobody misses its link.
        let used = venues.iter().filter(|venue| venue.is_used());
        let up = used.map(|venue| (vec![("exchange", venue.name.as_str())], flag(venue.up)));
        out.gauges("venue_up", "1 while logged on and reconciled", up)?;
        let help = "1 for the reason why a link of the venue is not up";
        out.gauges("venue_down", help, self.reasons(false))?;
        let help = "1 for what goes wrong on a link of the venue that is up";
        out.gauges("venue_trouble", help, self.reasons(true))?;
        let attempts = shown.links.iter().flat_map(|links| {
            let venue = shown.counted.venues.get(links.venue).map_or("?", String::as_str);
            links.named().map(move |(link, standing)| {
                (vec![("exchange", venue), ("link", link)], f64::from(standing.attempts))
            })
        });
        let help = "Attempts that have failed since a link of the venue was last up";
        out.gauges("venue_failed_attempts", help, attempts)?;
        self.told_by_links(out)?;
        let help = "1 while an operator lets nothing new go there";
        out.gauges("venue_drained", help, of(|v| flag(v.drained)))?;
        let help = "1 while an operator has halted it";
        out.gauges("venue_halted", help, of(|v| flag(v.halted)))?;
        let help = "Books that are trusted";
        out.gauges("venue_books_trusted", help, of(|v| v.books_trusted as f64))?;
        let help = "Orders whose fate is unknown at present";
        out.gauges("venue_unknown_orders", help, of(|v| v.unknown as f64))?;
        let fills = venues.iter().map(|v| (vec![("exchange", v.name.as_str())], v.fills));
        out.counters("venue_fills", "Executions", fills)?;
        let rejects: Vec<(&str, String, u64)> = venues
            .iter()
            .flat_map(|v| v.rejects.iter().map(|(why, n)| (v.name.as_str(), snake(why), *n)))
            .collect();
        let each = rejects
            .iter()
            .map(|(venue, why, n)| (vec![("exchange", *venue), ("reason", why.as_str())], *n));
        out.counters("venue_rejects", "Orders that the venue refused", each)?;
        let breakers = || {
            venues.iter().flat_map(|v| {
                let labels = |kind| vec![("exchange", v.name.as_str()), ("kind", kind)];
                v.breakers.iter().map(move |(kind, breaker)| (labels(*kind), breaker))
            })
        };
        let help = "1 while a circuit breaker is open or half-open";
        let open = breakers().map(|(labels, breaker)| (labels, flag(breaker.is_shut())));
        out.gauges("venue_breaker_open", help, open)?;
        let help = "Times that a circuit breaker has opened";
        let openings = breakers().map(|(labels, breaker)| (labels, breaker.openings));
        out.counters("venue_breaker_openings", help, openings)?;
        let help = "What the venue's refusals keep from being used at present";
        let pauses = venues.iter().flat_map(|v| {
            PAUSES.map(move |what| {
                let count = v.pauses.iter().filter(|pause| pause.what == what).count();
                (vec![("exchange", v.name.as_str()), ("what", what)], count as f64)
            })
        });
        out.gauges("venue_pauses", help, pauses)?;
        self.behaviour(out)?;
        self.fees(out)?;
        self.answers(out)?;
        self.books(out)
    }

    /// How long the exchanges take to answer.
    fn answers(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let counted = &self.shown.counted;
        let answers = counted.venues.iter().zip(&counted.answer_latency).map(|(venue, times)| {
            let labels = vec![("exchange", venue.as_str())];
            (labels, seconds(times.sum_ns), stage_buckets(times))
        });
        let help = "From the decision to send an order until the exchange's first answer arrived";
        out.histograms("venue_answer_latency_seconds", help, answers)
    }

    /// How fees compare, and what they depend on; nothing of that for a venue whose fees are those
    /// of its listings.
    fn fees(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let venues = &self.shown.status.venues;
        let fees = venues.iter().flat_map(|v| {
            v.fees.counts().map(|(result, count)| {
                (vec![("exchange", v.name.as_str()), ("result", result.word())], count)
            })
        });
        out.counters("venue_fees_compared", "Executions, by how their fee compares", fees)?;
        let known: Vec<_> =
            venues.iter().filter_map(|v| Some((v.name.as_str(), v.fee_terms.as_ref()?))).collect();
        let tiered = || {
            known.iter().filter_map(|(venue, row)| {
                let asset = row.volume_asset.as_deref()?;
                Some((*venue, asset, *row))
            })
        };
        let tiers = tiered().map(|(venue, _, row)| {
            (vec![("exchange", venue)], f64::from(row.tier.unwrap_or_default()))
        });
        out.gauges("venue_fee_tier", "Place of the fee tier that holds, from 0", tiers)?;
        let volumes = tiered().map(|(venue, asset, row)| {
            let volume = row.volume.as_deref().and_then(|text| text.parse().ok());
            (vec![("exchange", venue), ("asset", asset)], volume.unwrap_or_default())
        });
        let help = "What was traded there in 30 days, as the fee tiers count it";
        out.gauges("venue_fee_volume", help, volumes)?;
        let not_counted =
            tiered().map(|(venue, _, row)| (vec![("exchange", venue)], row.not_counted));
        let help = "Executions that are not in that volume: their value was not known";
        out.counters("venue_fee_volume_not_counted", help, not_counted)?;
        let tokens = known.iter().filter_map(|(venue, row)| {
            let token = row.token.as_ref()?;
            let labels = vec![("exchange", *venue), ("asset", token.asset.as_str())];
            Some((labels, flag(token.in_use)))
        });
        let help = "1 while fees are expected in the venue's token, at its discount";
        out.gauges("venue_fees_in_token", help, tokens)
    }

    /// What is known of the venues' behaviour; nothing of a venue of which nothing is known.
    fn behaviour(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let venues = self.shown.status.venues.iter();
        let known: Vec<_> =
            venues.filter_map(|v| Some((v.name.as_str(), v.behaviour.as_ref()?))).collect();
        let ratios = known.iter().flat_map(|(venue, row)| {
            let shares = [
                ("rejects", row.rejects_ppm),
                ("faded", row.faded_ppm),
                ("partial", row.partial_ppm),
            ];
            let labels = |what| vec![("exchange", *venue), ("what", what)];
            shares.map(|(what, ppm)| (labels(what), f64::from(ppm) / 1e6))
        });
        let help = "Share of orders refused, of quantity not there, of children filled in part";
        out.gauges("venue_behaviour_ratio", help, ratios)?;
        let latency = known.iter().flat_map(|(venue, row)| {
            let times = [("50", row.p50_us), ("99", row.p99_us)];
            let labels = |percentile| vec![("exchange", *venue), ("percentile", percentile)];
            times.map(|(percentile, us)| (labels(percentile), f64::from(us) / 1e6))
        });
        let help = "From the decision to send an order to the first answer, lately";
        out.gauges("venue_behaviour_latency_seconds", help, latency)?;
        let costs = known
            .iter()
            .map(|(venue, row)| (vec![("exchange", *venue)], f64::from(row.cost_ppm) / 1e6));
        let help = "What that costs an order of an account with the usual costs, of its value";
        out.gauges("venue_behaviour_cost_ratio", help, costs)
    }

    /// The venues' clocks, and what could not be read of their messages.
    fn told_by_links(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let shown = &*self.shown;
        let links = || {
            shown.links.iter().flat_map(|links| {
                let venue = shown.counted.venues.get(links.venue).map_or("?", String::as_str);
                links
                    .named()
                    .map(move |(link, told)| (vec![("exchange", venue), ("link", link)], told))
            })
        };
        let clocks =
            links().filter_map(|(labels, told)| Some((labels, told.clock_ahead_ns? as f64 / 1e9)));
        let help = "How far our clock is ahead of the venue's; negative: behind";
        out.gauges("venue_clock_ahead_seconds", help, clocks)?;
        let unread = links().map(|(labels, told)| (labels, told.unread.count()));
        out.counters("venue_unread", "Messages, or parts of them, that could not be read", unread)
    }

    /// Why links are not up, or what goes wrong while they are.
    fn reasons(&self, is_up: bool) -> impl Iterator<Item = (Labels<'_>, f64)> {
        let shown = &*self.shown;
        shown.links.iter().flat_map(move |links| {
            let venue = shown.counted.venues.get(links.venue).map_or("?", String::as_str);
            let told = links.named().filter(move |(_, s)| s.is_up == is_up);
            told.filter_map(move |(link, standing)| {
                let reason = standing.why?.word();
                Some((vec![("exchange", venue), ("link", link), ("reason", reason)], 1.0))
            })
        })
    }

    fn books(&self, out: &mut FamilyWriter<'_>) -> fmt::Result {
        let shown = &*self.shown;
        let venue = |at: usize| shown.counted.venues.get(at).map_or("?", String::as_str);
        let feeds = || shown.feeds.iter().map(|feed| (vec![("exchange", venue(feed.venue))], feed));
        out.gauges(
            "book_age_seconds",
            "Since the feed last told anything of its books; infinite if it never did",
            feeds().map(|(labels, feed)| (labels, feed.age_ns.map_or(f64::INFINITY, seconds))),
        )?;
        out.counters(
            "book_updates",
            "News of books that the feed has told",
            feeds().map(|(labels, feed)| (labels, feed.news)),
        )?;
        let distrusts = shown.counted.distrusts.iter().map(|((at, reason), count)| {
            (vec![("exchange", venue(*at)), ("reason", *reason)], *count)
        });
        out.counters("book_distrusts", "Times that a book lost its trust", distrusts)?;
        let missing = shown.status.no_reference.iter();
        let missing = missing.map(|symbol| (vec![("symbol", symbol.as_str())], 1.0));
        out.gauges("reference_price_missing", "1 while there is no reference price", missing)
    }
}

/// What may be paused at a venue, as label values.
const PAUSES: [&str; 6] =
    ["new_orders", "cancels", "cancel_budget", "listing", "open_orders", "funds"];

/// Scopes of a halt, as label values.
const SCOPES: [&str; 5] = ["all", "venue", "symbol", "session", "account"];

const fn scope_name(row: &rutter_admin::model::ScopeRow) -> &'static str {
    if row.venue.is_some() {
        "venue"
    } else if row.symbol.is_some() {
        "symbol"
    } else if row.session.is_some() {
        "session"
    } else if row.account.is_some() {
        "account"
    } else {
        "all"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_written_in_snake_case() {
        assert_eq!(snake("NoVenue"), "no_venue");
        assert_eq!(snake("DuplicateClOrdId"), "duplicate_cl_ord_id");
        assert_eq!(snake("Halted"), "halted");
    }
}
