//! The relations between the values of a configuration: names that are declared, addresses and
//! paths that differ, terms of a listing that allow an order.
//!
//! A line belongs here if two values, or a value and the machine's secrets, decide. What one value
//! may be stands at its key and is checked in `shape`. All findings are collected.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use rust_decimal::Decimal;
use rustls::pki_types::ServerName;
use rutter_core::number::AMOUNT_DECIMALS;
use rutter_core::ticks::TICK_BANDS_MAX;

use super::decimal::mantissa;
use super::finding::{Fault, Findings};
use super::url::Url;
use super::{Config, InstrumentConfig, ListingConfig, VenueConfig, comp_id, proof};
use crate::watch::logs::check_level;

/// Longest name of an asset, account, session or venue, in characters.
pub(super) const NAME_CHARS_MAX: usize = 12;

/// Longest symbol of an instrument, in characters.
const SYMBOL_CHARS_MAX: usize = 20;

/// Schemes of a market-data address.
const FEED_SCHEMES: &[&str] = &["wss", "ws"];

/// Schemes of an order-entry address while the kind of the venue is not known.
const ANY_SCHEME: &[&str] = &["tls", "tcp", "wss", "ws", "https", "http"];

/// Schemes of a REST address.
const REST_SCHEMES: &[&str] = &["https", "http"];

impl Config {
    /// Adds everything that is wrong with values that can be read.
    pub(super) fn check(&self, findings: &mut Findings) {
        self.check_node(findings);
        self.check_names(findings);
        let accounts: BTreeSet<&str> = self.account.iter().map(|one| one.name.as_str()).collect();
        let trading = self.session.iter().filter(|one| !one.is_drop_copy());
        let trading: BTreeSet<&str> = trading.map(|one| one.comp_id.as_str()).collect();
        for (at, session) in self.session.iter().enumerate() {
            session.check(findings, &format!("session[{at}]"), &accounts, &trading);
        }
        let owners = self.account.iter().map(|one| (one.name.as_str(), one.owner())).collect();
        for (at, account) in self.account.iter().enumerate() {
            account.routing.check(findings, &format!("account[{at}].routing"), &self.venue);
            account.check_owner(findings, at, &owners);
        }
        proof::check(findings, &self.fix, &self.session);
        if let Some(alerts) = &self.alerts {
            alerts.check(findings);
        }
        if let Some(console) = &self.console {
            console.check(findings);
        }
        for (at, instrument) in self.instrument.iter().enumerate() {
            self.check_instrument(findings, &format!("instrument[{at}]"), instrument);
        }
        let places = self.instrument.iter().enumerate().rev();
        let places = places.map(|(place, one)| (one.symbol.as_str(), place)).collect();
        for (at, venue) in self.venue.iter().enumerate() {
            self.check_venue(findings, &format!("venue[{at}]"), venue, &places);
        }
        self.check_venue_accounts(findings);
        self.check_account_fees(findings);
        self.check_bridges(findings);
        self.check_keys_of_venues(findings);
        self.check_addresses(findings);
        self.check_paths(findings);
    }

    fn check_node(&self, findings: &mut Findings) {
        let node = &self.node;
        for (path, slots) in [
            ("node.input_ring_slots", node.input_ring_slots),
            ("node.output_ring_slots", node.output_ring_slots),
        ] {
            if !slots.is_power_of_two() {
                let reason = format!("{slots} is not a power of two from 1024 to 4194304");
                findings.add(path, Fault::OutOfRange, reason);
            }
        }
        if let Err(error) = node.readers() {
            findings.add_key("node", error);
        }
        if let Some(level) = &self.log.level
            && let Err(error) = check_level(level)
        {
            findings.add("log.level", Fault::BadLevel, error.to_string());
        }
    }

    fn check_names(&self, findings: &mut Findings) {
        let assets = self.assets.iter().enumerate();
        let assets = assets.map(|(at, name)| (format!("assets[{at}]"), name));
        check_unique(findings, NAME_CHARS_MAX, assets);
        let at = |list: &str, at: usize, key: &str| format!("{list}[{at}].{key}");
        let names = self.account.iter().enumerate();
        let names = names.map(|(n, one)| (at("account", n, "name"), &one.name));
        check_unique(findings, NAME_CHARS_MAX, names);
        let names = self.session.iter().map(|one| one.comp_id.as_str());
        comp_id::check_all(findings, &self.fix.sender_comp_id, names);
        let names = self.instrument.iter().enumerate();
        let names = names.map(|(n, one)| (at("instrument", n, "symbol"), &one.symbol));
        check_unique(findings, SYMBOL_CHARS_MAX, names);
        let names = self.venue.iter().enumerate();
        let names = names.map(|(n, one)| (at("venue", n, "name"), &one.name));
        check_unique(findings, NAME_CHARS_MAX, names);
    }

    fn check_instrument(&self, findings: &mut Findings, at: &str, instrument: &InstrumentConfig) {
        for (key, asset) in [("base", &instrument.base), ("quote", &instrument.quote)] {
            if !self.assets.contains(asset) && !findings.is_damaged("assets") {
                let names = self.assets.join(", ");
                let reason = format!("{asset:?} is not among assets; there are {names}");
                findings.add(&format!("{at}.{key}"), Fault::NotDeclared, reason);
            }
        }
        if instrument.base == instrument.quote {
            findings.add(&format!("{at}.quote"), Fault::Impossible, "the same asset as base");
        }
        let decimals = u32::from(instrument.price_decimals) + u32::from(instrument.qty_decimals);
        if decimals > AMOUNT_DECIMALS {
            let reason =
                format!("with qty_decimals {decimals} decimals, at most {AMOUNT_DECIMALS}");
            findings.add(&format!("{at}.price_decimals"), Fault::Conflict, reason);
        }
        let decimals = ("qty_decimals", instrument.qty_decimals);
        check_decimals(
            findings,
            &format!("{at}.order_qty_max"),
            instrument.order_qty_max,
            decimals,
        );
    }

    fn check_venue(
        &self,
        findings: &mut Findings,
        at: &str,
        venue: &VenueConfig,
        places: &BTreeMap<&str, usize>,
    ) {
        let kind_is_known = findings.is_clean(&format!("{at}.kind"));
        for error in venue.own_keys.faults(venue.kind).iter().filter(|_| kind_is_known) {
            let is_there = venue.own_keys.has(&error.key);
            let fault = if is_there { Fault::WrongType } else { Fault::MissingKey };
            findings.add(&format!("{at}.{}", error.key), fault, error.reason.as_str());
        }
        let order_schemes = if kind_is_known { venue.kind.order_schemes } else { ANY_SCHEME };
        for (key, url, schemes) in [
            ("order_url", Some(&venue.order_url), order_schemes),
            ("feed_url", venue.feed_url.as_ref(), FEED_SCHEMES),
            ("rest_url", Some(&venue.rest_url), REST_SCHEMES),
        ] {
            let Some(url) = url else { continue };
            let reason = match Url::with_scheme(url, schemes) {
                Ok(url) if url.tls && ServerName::try_from(url.host.as_str()).is_err() => {
                    format!("{:?} is no name that a certificate can have", url.host)
                }
                Ok(_) => continue,
                Err(reason) => reason,
            };
            findings.add(&format!("{at}.{key}"), Fault::BadAddress, reason);
        }
        if let Err(error) = venue.windows()
            && kind_is_known
        {
            findings.add(&format!("{at}.{}", error.key), Fault::UnknownValue, error.reason);
        }
        venue.check_limits(findings, at);
        venue.check_fees(findings, at, &self.assets);
        if venue.breaker_open_max_ms < venue.breaker_open_ms {
            let reason = format!("less than breaker_open_ms ({})", venue.breaker_open_ms);
            findings.add(&format!("{at}.breaker_open_max_ms"), Fault::Conflict, reason);
        }
        let mut symbols = BTreeMap::new();
        let mut instruments = BTreeMap::new();
        for (n, listing) in venue.listing.iter().enumerate() {
            let at = format!("{at}.listing[{n}]");
            self.check_listing(findings, &at, listing, places);
            for (key, seen, name) in [
                ("instrument", &mut instruments, &listing.instrument),
                ("symbol", &mut symbols, &listing.symbol),
            ] {
                if seen.insert(name, n).is_some() {
                    let reason = format!("{name:?} is listed twice at this venue");
                    findings.add(&format!("{at}.{key}"), Fault::Duplicate, reason);
                }
            }
        }
    }

    fn check_listing(
        &self,
        findings: &mut Findings,
        at: &str,
        listing: &ListingConfig,
        places: &BTreeMap<&str, usize>,
    ) {
        check_quantities(findings, at, listing);
        let found = places.get(listing.instrument.as_str());
        let found = found.and_then(|place| Some((*place, self.instrument.get(*place)?)));
        let Some((place, instrument)) = found else {
            if !findings.is_damaged("instrument") {
                let known = few_of(self.instrument.iter().map(|one| one.symbol.as_str()));
                let name = &listing.instrument;
                let reason = format!("no instrument is called {name:?}; there are {known}");
                findings.add(&format!("{at}.instrument"), Fault::NotDeclared, reason);
            }
            return;
        };
        // Decimals that are out of range have their own finding, and nothing can be judged by them.
        let is_clean = |one: usize| {
            let decimals = ["price_decimals", "qty_decimals"];
            decimals.iter().all(|key| findings.is_clean(&format!("instrument[{one}].{key}")))
        };
        if !is_clean(place) {
            return;
        }
        let key = |name: &str| format!("{at}.{name}");
        let (price, qty) = (instrument.price_decimals, instrument.qty_decimals);
        let (venue_price, venue_qty) = (listing.venue_price_decimals, listing.venue_qty_decimals);
        for (name, value, most) in
            [("venue_price_decimals", venue_price, price), ("venue_qty_decimals", venue_qty, qty)]
        {
            if value > most {
                let reason = format!("{value} is more than the instrument's {most}");
                findings.add(&key(name), Fault::Conflict, reason);
            }
        }
        let price = ("the instrument's price_decimals", price);
        let qty = ("the instrument's qty_decimals", qty);
        check_decimals(findings, &key("tick"), listing.tick, price);
        check_decimals(findings, &key("tick"), listing.tick, ("venue_price_decimals", venue_price));
        for (band, at) in listing.ticks.iter().zip(0..) {
            for (name, value) in [("above", band.above), ("tick", band.tick)] {
                let key = key(&format!("ticks[{at}].{name}"));
                check_decimals(findings, &key, value, price);
                check_decimals(findings, &key, value, ("venue_price_decimals", venue_price));
            }
        }
        check_ticks(findings, at, listing, instrument.price_decimals);
        check_decimals(findings, &key("lot"), listing.lot, qty);
        check_decimals(findings, &key("lot"), listing.lot, ("venue_qty_decimals", venue_qty));
        check_decimals(findings, &key("qty_min"), listing.qty_min, qty);
        check_decimals(findings, &key("qty_max"), listing.qty_max, qty);
    }

    /// One account at a venue has one sequence of messages, so two connections would disturb each
    /// other.
    fn check_keys_of_venues(&self, findings: &mut Findings) {
        for (at, venue) in self.venue.iter().enumerate() {
            let same = |one: &&VenueConfig| one.kind == venue.kind && one.api_key == venue.api_key;
            if let Some(other) = self.venue[..at].iter().find(same)
                && findings.is_clean(&format!("venue[{at}].kind"))
            {
                let reason = format!("the same key as venue {}", other.name);
                findings.add(&format!("venue[{at}].api_key"), Fault::Duplicate, reason);
            }
        }
    }

    fn check_addresses(&self, findings: &mut Findings) {
        let all = self.listeners();
        for (n, (path, address)) in all.iter().enumerate() {
            for (other, taken) in &all[..n] {
                if overlap(*address, *taken) {
                    let reason = format!("{address} is taken by {other}, which is {taken}");
                    findings.add(path, Fault::Duplicate, reason);
                }
            }
        }
    }

    /// The addresses that the node listens on, each by the path of its key.
    pub fn listeners(&self) -> Vec<(&'static str, SocketAddr)> {
        [
            ("fix.listen", self.fix.listen),
            ("fix.tls_listen", self.fix.tls_listen),
            ("metrics.listen", self.metrics.map(|metrics| metrics.listen)),
        ]
        .into_iter()
        .filter_map(|(path, address)| Some((path, address?)))
        .collect()
    }

    /// The console's socket and the data folder are paths that nothing else may have.
    fn check_paths(&self, findings: &mut Findings) {
        let files = self.files();
        let own = [
            Some(("node.data_dir", self.node.data_dir.as_path())),
            self.console.as_ref().map(|console| ("console.socket", console.socket.as_path())),
        ];
        let own: Vec<(&str, &Path)> = own.into_iter().flatten().collect();
        for (n, (path, one)) in own.iter().enumerate() {
            for (other, taken) in &own[..n] {
                if one == taken {
                    findings.add(path, Fault::Duplicate, format!("the same path as {other}"));
                }
            }
        }
        for (path, file) in files {
            if let Some((other, _)) = own.iter().find(|(_, own)| *own == file) {
                findings.add(&path, Fault::Duplicate, format!("the same path as {other}"));
            }
        }
    }

    /// The files that the configuration names, each by the path of its key.
    fn files(&self) -> Vec<(String, &Path)> {
        let sessions = self.session.iter().enumerate().map(|(at, session)| {
            (format!("session[{at}].password_file"), session.password_file.as_deref())
        });
        let venues = self.venue.iter().enumerate().flat_map(|(at, venue)| {
            [
                (format!("venue[{at}].secret_file"), Some(venue.secret_file.as_path())),
                (format!("venue[{at}].ca_file"), venue.ca_file.as_deref()),
            ]
        });
        let console = self.console.iter().map(|console| {
            ("console.totp_secret_file".to_owned(), console.totp_secret_file.as_deref())
        });
        let identities = self.fix.tls.iter().flat_map(|tls| &tls.identity).enumerate();
        let identities = identities.flat_map(|(at, identity)| {
            [
                (format!("fix.tls.identity[{at}].cert_file"), Some(identity.cert_file.as_path())),
                (format!("fix.tls.identity[{at}].key_file"), Some(identity.key_file.as_path())),
            ]
        });
        let all = sessions.chain(venues).chain(console).chain(identities);
        all.filter_map(|(path, file)| Some((path, file?))).collect()
    }
}

/// Whether a socket on one address keeps a socket off the other. Port 0 is any free port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (any || one.ip() == other.ip())
}

/// Names that a finding lists at most; the others are counted.
const NAMES_LISTED_MAX: usize = 16;

/// Names for a finding.
pub(super) fn few_of<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(NAMES_LISTED_MAX);
    let text = names.take(NAMES_LISTED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

/// Checks the characters of a name.
pub(super) fn check_name(findings: &mut Findings, chars_max: usize, path: &str, name: &str) {
    let fits = (1..=chars_max).contains(&name.len());
    if !fits || !name.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        let reason = format!("{name:?} is not 1 to {chars_max} printable ASCII characters");
        findings.add(path, Fault::BadName, reason);
    }
}

/// Checks the characters of names, and that no name is there twice.
fn check_unique<'a>(
    findings: &mut Findings,
    chars_max: usize,
    names: impl Iterator<Item = (String, &'a String)>,
) {
    let mut seen: BTreeMap<&String, String> = BTreeMap::new();
    for (path, name) in names {
        if findings.is_damaged(&path) {
            continue;
        }
        check_name(findings, chars_max, &path, name);
        match seen.get(name) {
            Some(first) => {
                let (line, _) = findings.place(first);
                let reason = format!("{name:?} is there twice, first in line {line}");
                findings.add(&path, Fault::Duplicate, reason);
            }
            None => _ = seen.insert(name, path),
        }
    }
}

/// Checks that a value is a whole number of units of the last decimal.
fn check_decimals(
    findings: &mut Findings,
    path: &str,
    value: Decimal,
    (name, decimals): (&str, u8),
) {
    if mantissa(value, u32::from(decimals)).is_none() && findings.is_clean(path) {
        let reason = format!("{value} has more decimals than {name} ({decimals}), or is too large");
        findings.add(path, Fault::OutOfRange, reason);
    }
}

/// Checks that the price steps do not contradict each other.
fn check_ticks(findings: &mut Findings, at: &str, listing: &ListingConfig, price_decimals: u8) {
    let stepped = !listing.ticks.is_empty() || listing.price_digits.is_some();
    if stepped && findings.is_clean(at) && listing.price_steps(price_decimals).is_none() {
        let (key, reason) = match (&listing.ticks[..], listing.price_digits) {
            ([], _) => ("price_digits", "with price_digits the tick is a power of ten".to_owned()),
            (_, Some(_)) => ("price_digits", "not beside ticks".to_owned()),
            ([..], None) => {
                let rule = "each tick is a multiple of the one before, and each price of its tick";
                ("ticks", format!("at most {TICK_BANDS_MAX}, prices ascending; {rule}"))
            }
        };
        findings.add(&format!("{at}.{key}"), Fault::Impossible, reason);
    }
}

/// Checks that at least one quantity is a multiple of the lot and within minimum and maximum.
fn check_quantities(findings: &mut Findings, at: &str, listing: &ListingConfig) {
    let ListingConfig { lot, qty_min, qty_max, .. } = *listing;
    if listing.enabled && qty_min.is_zero() {
        let reason = "0, but orders are routed here; at least the lot";
        return findings.add(&format!("{at}.qty_min"), Fault::Impossible, reason);
    }
    let keys = ["lot", "qty_min", "qty_max"].map(|key| format!("{at}.{key}"));
    if !keys.iter().all(|key| findings.is_clean(key)) || lot.is_zero() {
        return;
    }
    if qty_min > qty_max {
        let reason = format!("{qty_max} is less than qty_min, {qty_min}");
        findings.add(&keys[2], Fault::Impossible, reason);
    } else if qty_max - qty_max % lot < qty_min || qty_max < lot {
        let reason =
            format!("no multiple of {lot} lies from qty_min {qty_min} to qty_max {qty_max}");
        findings.add(&keys[0], Fault::Impossible, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rest::RestConfig;
    use super::*;

    const SOUND: &str = include_str!("../../deploy/example.toml");

    /// What is said about the example with `from` replaced by `to`: one finding.
    fn said(from: &str, to: &str) -> String {
        assert!(SOUND.contains(from), "{from}");
        let refused = Config::parse(&SOUND.replacen(from, to, 1)).expect_err(to);
        assert_eq!(refused.findings.len(), 1, "{refused}");
        refused.to_string()
    }

    /// Each `from` of the example becomes `to`: one finding with these words and a line.
    fn each_is_said(cases: &[(&str, &str, &str)]) {
        for (from, to, words) in cases {
            let said = said(from, to);
            assert!(said.contains(words), "{said}");
            assert!(said.starts_with(|c: char| c.is_ascii_digit()), "without a line: {said}");
        }
    }

    #[test]
    fn decimals_out_of_range_are_one_finding_and_no_listing_is_judged_by_them() {
        let said = said("price_decimals = 2", "price_decimals = 19");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("out-of-range: instrument.BTC/USDT.price_decimals"), "{said}");
    }

    #[test]
    fn each_listing_that_cannot_hold_is_one_finding_with_line_word_and_key() {
        each_is_said(&[
            (
                "tick = \"0.01\"",
                "tick = \"0.001\"",
                "out-of-range: venue.binance.listing.BTC/USDT.t",
            ),
            (
                "lot = \"0.00001\"",
                "lot = \"1e-5\"",
                "wrong-type: venue.binance.listing.BTC/USDT.lot",
            ),
            ("lot = \"0.00001\"", "lot = 1e-5", "wrong-type: venue.binance.listing.BTC/USDT.lot"),
            (
                "lot = \"0.00001\"",
                "lot = \"10000\"",
                "impossible: venue.binance.listing.BTC/USDT.lot",
            ),
            ("qty_max = \"9000\"", "qty_max = \"0.000001\"", "impossible: venue.binance.listing"),
            ("qty_min = \"0.00001\"", "qty_min = \"0\"", "impossible: venue.binance.listing"),
            ("tick = \"0.1\"", "tick = \"0.05\"", "venue_price_decimals (1)"),
            (
                "tick = \"0.1\"",
                "tick = \"0.1\"\nticks = [{ above = \"10\", tick = \"0.25\" }]",
                "out-of-range: venue.kraken.listing.BTC/USDT.ticks",
            ),
            (
                "tick = \"0.1\"",
                "tick = \"0.1\"\nticks = [{ above = \"10.1\", tick = \"0.5\" }]",
                "impossible: venue.kraken.listing.BTC/USDT.ticks: at most 4, prices ascending; each",
            ),
            (
                "tick = \"0.1\"",
                "tick = \"0.2\"\nprice_digits = 5",
                "impossible: venue.kraken.listing.BTC/USDT.price_digits: with price_digits",
            ),
        ]);
    }

    #[test]
    fn what_is_wrong_with_the_routing_of_an_account_is_one_finding() {
        each_is_said(&[
            (
                "[[session]]",
                "[account.routing]\ninclude = [\"mars\"]\n[[session]]",
                "not-declared: account.fund.routing.include",
            ),
            (
                "[[session]]",
                "[account.routing]\ninclude = [\"kraken\", \"kraken\"]\n[[session]]",
                "duplicate: account.fund.routing.include",
            ),
            (
                "[[session]]",
                "[account.routing.weights]\nprice = 59\nlatency = 20\nreliability = 10\n\
                 liquidity = 10\n[[session]]",
                "out-of-range: account.fund.routing.weights: the four weights make up 100, not 99",
            ),
        ]);
    }

    #[test]
    fn each_relation_that_cannot_hold_is_one_finding_with_line_word_and_key() {
        each_is_said(&[
            ("account = \"fund\"", "account = \"fnd\"", "not-declared: session.DESK1.account"),
            ("account = \"fund\"\n", "", "missing-key: session.DESK1.account"),
            (
                "[[session]]",
                "[account.routing]\nbackup = [\"krakn\"]\n[[session]]",
                "not-declared: account.fund.routing.backup",
            ),
            (
                "[[session]]",
                "[account.routing]\ninclude = [\"kraken\"]\nexclude = [\"kraken\"]\n[[session]]",
                "out-of-range: account.fund.routing.exclude",
            ),
            (
                "name = \"fund\"",
                "name = \"fund\"\nowner = \"thirteen-char\"",
                "bad-name: account.fund.owner: \"thirteen-char\" is not 1 to 12 printable",
            ),
            ("quote = \"USDT\"", "quote = \"USD\"", "not-declared: instrument.BTC/USDT.quote"),
            ("quote = \"USDT\"", "quote = \"BTC\"", "impossible: instrument.BTC/USDT.quote"),
            (
                "instrument = \"BTC/USDT\"",
                "instrument = \"ETH/USDT\"",
                "not-declared: venue.binance",
            ),
            (
                "wss://stream",
                "gopher://stream",
                "bad-address: venue.binance.feed_url: unknown scheme",
            ),
            ("tls://fix", "wss://fix", "bad-address: venue.binance.order_url: scheme"),
            ("tls://fix-oe.binance.com", "tls://fix oe", "bad-address: venue.binance.order_url"),
            (
                "tls://fix-oe.binance.com",
                "tls://-fix_",
                "bad-address: venue.binance.order_url: \"-",
            ),
            ("wss://ws-auth", "https://ws-auth", "bad-address: venue.kraken.order_url: scheme"),
            ("127.0.0.1:9464", "0.0.0.0:9878", "duplicate: metrics.listen: 0.0.0.0:9878 is taken"),
            ("data/console/console.sock", "data", "duplicate: console.socket: the same path as"),
            ("secrets/kraken-secret.txt", "data", "duplicate: venue.kraken.secret_file"),
            ("\"COPY1\"", "\"RUTTER\"", "duplicate: session.RUTTER.comp_id"),
            (
                "name = \"kraken\"",
                "name = \"binance\"",
                "duplicate: venue.binance.name: \"binance\"",
            ),
            (
                "[\"BTC\", \"ETH\"",
                "[\"BTC\", \"BTC\"",
                "duplicate: assets[2]: \"BTC\" is there twice",
            ),
            ("level = \"info\"", "level = \"inof\"", "bad-level: log.level"),
            ("[node]", "[node]\ninput_ring_slots = 5000", "out-of-range: node.input_ring_slots"),
            ("[node]", "[node]\njournal_segment_bytes = 65537", "a multiple of 4096"),
            (
                "price_decimals = 2",
                "price_decimals = 11",
                "conflict: instrument.BTC/USDT.price_dec",
            ),
            ("[\"DESK1\"]", "[\"DESK9\"]", "not-declared: session.COPY1.drop_copy_of"),
            ("kind = \"kraken\"", "kind = \"krakem\"", "is not one of binance, kraken"),
        ]);
    }

    #[test]
    fn an_owner_has_the_name_of_none_but_its_own_accounts() {
        let account = &SOUND[SOUND.find("[[account]]").expect("there")..];
        let account = &account[..account.find("[[session]]").expect("there")];
        let other = |owner: &str, of_fund: &str| {
            let second = account.replace("\"fund\"", &format!("\"other\"\nowner = \"{owner}\""));
            let text = SOUND.replacen("name = \"fund\"", &format!("name = \"fund\"{of_fund}"), 1);
            Config::parse(&text.replacen("[[session]]", &format!("{second}\n[[session]]"), 1))
        };
        assert!(other("fund", "").is_ok() && other("house", "\nowner = \"house\"").is_ok());
        let refused = other("fund", "\nowner = \"house\"").expect_err("of another owner");
        let said = refused.to_string();
        assert!(
            said.contains("conflict: account.other.owner: \"fund\" is an account of"),
            "{said}"
        );
    }

    #[test]
    fn a_breaker_is_open_at_most_for_no_less_than_at_first() {
        let said = said("orders_unanswered_max = 1000", "breaker_open_max_ms = 29999");
        let words =
            "conflict: venue.binance.breaker_open_max_ms: less than breaker_open_ms (30000)";
        assert!(said.contains(words), "{said}");
    }

    #[test]
    fn tiers_that_are_none_are_refused() {
        let cases = [
            (
                "include = [\"kraken\"]\nbackup = [\"binance\"]",
                "conflict: account.fund.routing.backup",
            ),
            (
                "exclude = [\"binance\"]\nbackup = [\"binance\"]",
                "conflict: account.fund.routing.backup",
            ),
            (
                "backup = [\"kraken\", \"binance\"]",
                "conflict: account.fund.routing.backup: every venue of the account is a backup",
            ),
            (
                "include = [\"kraken\"]\nbackup = [\"kraken\"]",
                "conflict: account.fund.routing.backup: every venue of the account is a backup",
            ),
        ];
        for (keys, words) in cases {
            let said = said("[[session]]", &format!("[account.routing]\n{keys}\n[[session]]"));
            assert!(said.contains(words), "{said}");
        }
        let sound = "[account.routing]\nbackup = [\"binance\"]\n[[session]]";
        assert!(Config::parse(&SOUND.replacen("[[session]]", sound, 1)).is_ok());
    }

    #[test]
    fn shares_of_venues_make_a_whole_of_venues_that_there_are() {
        let share =
            |keys: &str| format!("[account.routing]\nrest = \"share\"\n{keys}\n[[session]]");
        for (keys, words) in [
            (
                "rest_percent = { kraken = 60 }",
                "routing.rest_percent: the shares make up 100, not 60",
            ),
            (
                "rest_percent = { nobody = 100 }",
                "routing.rest_percent.nobody: \"nobody\" is no venue",
            ),
            (
                "rest_percent = { kraken = 300 }",
                "routing.rest_percent.kraken: 300 is not a whole number from 0 to 100",
            ),
            (
                "exclude = [\"kraken\"]\nrest_percent = { kraken = 40, binance = 60 }",
                "routing.rest_percent.kraken: include or exclude keeps the account from \"kraken\"",
            ),
            (
                "include = [\"binance\"]\nrest_percent = { kraken = 40, binance = 60 }",
                "routing.rest_percent.kraken: include or exclude keeps the account from \"kraken\"",
            ),
            ("rest_percent = { kraken = \"all\" }", "routing.rest_percent.kraken"),
            ("rest_places = 9", "routing.rest_places"),
            ("rest_places = 0", "routing.rest_places"),
        ] {
            let said = said("[[session]]", &share(keys));
            assert!(said.contains(words), "{keys}: {said}");
        }
        let best = "[account.routing]\nrest_percent = { kraken = 100 }\n[[session]]";
        let said = said("[[session]]", best);
        assert!(said.contains("conflict: account.fund.routing.rest_percent"), "{said}");
        for sound in ["rest_places = 8", "rest_percent = { kraken = 40, binance = 60 }"] {
            let text = SOUND.replacen("[[session]]", &share(sound), 1);
            let config = Config::parse(&text).expect(sound);
            assert_eq!(config.account[0].routing.rest, RestConfig::Share);
        }
    }

    /// Each of these was accepted, and did something else than it says.
    #[test]
    fn limits_of_requests_that_cannot_hold_are_one_finding() {
        let window = |keys: &str| {
            format!(
                "[[venue.budget]]\nwindow = \"sliding\"\nlength_ms = 1000\n{keys}\n[[venue.listing]]"
            )
        };
        let messages = "limit = 5\ncounts = \"messages\"\n";
        for (keys, words) in [
            (
                format!("{messages}cancel_points = 6"),
                "cancel_points: above the limit (5): no cancel would ever fit",
            ),
            ("limit = 5\ncancel_points = 1".to_owned(), "cancel_points: of use only with"),
            ("limit = 5\ncancel_reserve_percent = 9".to_owned(), "cancel_reserve_percent: of use"),
        ] {
            let said = said("[[venue.listing]]", &window(&keys));
            assert!(said.contains(words) && said.contains("conflict: venue.binance."), "{said}");
        }
        let sound = window(&format!("{messages}cancel_points = 5"));
        let config = Config::parse(&SOUND.replacen("[[venue.listing]]", &sound, 1)).expect("sound");
        assert_eq!(config.venue[0].windows().expect("windows")[0].reserved, 4);

        let slack = said(
            "name = \"kraken\"",
            "name = \"kraken\"\nrequest_slack_ms = 60000\n\
                          orders_per_window_max = 10",
        );
        assert!(slack.contains("request_slack_ms: longer than a window of the venue (1000 ms)"));
        let slack = said("name = \"binance\"", "name = \"binance\"\nrequest_slack_ms = 10001");
        assert!(slack.contains("longer than a window of the venue (10000 ms)"), "{slack}");
    }

    /// An old key turned the documented limits off, and with them all room for cancels.
    #[test]
    fn the_examples_keep_the_documented_limits_and_a_rate_alone_does_not() {
        let examples = [
            SOUND,
            include_str!("../../deploy/binance.toml"),
            include_str!("../../deploy/binance-testnet.toml"),
            include_str!("../../deploy/kraken.toml"),
        ];
        for example in examples {
            let config = Config::examine(example).config.expect("readable");
            for venue in &config.venue {
                assert!(!venue.drops_documented_limits(), "{}", venue.name);
                assert!(venue.windows().expect("windows").iter().any(|one| one.reserved > 0));
            }
        }
        let rate = "name = \"kraken\"\norders_per_window_max = 60";
        let rate = SOUND.replacen("name = \"kraken\"", rate, 1);
        let of = |text: &str| -> Vec<bool> {
            let config = Config::parse(text).expect("sound");
            config.venue.iter().map(VenueConfig::drops_documented_limits).collect()
        };
        assert_eq!(of(&rate), [false, true]);
        let window = "[[venue.budget]]\nwindow = \"decay\"\nlimit = 60\nlength_ms = 60000\n";
        let at = rate.rfind("[[venue.listing]]").expect("there");
        assert_eq!(of(&format!("{}{window}{}", &rate[..at], &rate[at..])), [false, false]);
    }

    #[test]
    fn two_venues_of_a_kind_need_two_keys() {
        let kraken = &SOUND[SOUND.find("[[venue]]\nname = \"kraken\"").expect("there")..];
        let kraken = &kraken[..kraken.find("# /metrics").expect("there")];
        let second = kraken.replace("name = \"kraken\"", "name = \"second\"");
        let refused = Config::parse(&format!("{SOUND}\n{second}")).expect_err("one key");
        let said = refused.to_string();
        assert!(said.contains("duplicate: venue.second.api_key: the same key as"), "{said}");
        let second = second.replace("your-api-key", "another-api-key");
        assert!(Config::parse(&format!("{SOUND}\n{second}")).is_ok());
    }

    #[test]
    fn addresses_overlap_by_port_and_interface() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert!(overlap(at("127.0.0.1:1"), at("127.0.0.1:1")));
        assert!(
            overlap(at("127.0.0.1:1"), at("0.0.0.0:1")) && overlap(at("[::]:1"), at("1.2.3.4:1"))
        );
        assert!(!overlap(at("127.0.0.1:1"), at("127.0.0.2:1")));
        assert!(!overlap(at("127.0.0.1:0"), at("127.0.0.1:0")));
    }
}
