//! Several accounts at one venue: `books_of` of `[[venue]]`, and by which of them an account's
//! orders go.
//!
//! A line belongs here if it is about venue accounts that share the books of a venue. What the core
//! makes of them is in `docs/routing.md`.

use super::finding::{Fault, Findings};
use super::{Config, ListingConfig, VenueConfig};

/// The venue that owns the books which a venue account uses: mostly the account itself. `None` if
/// there is no such venue.
pub(super) fn book_owner<'a>(
    venues: &'a [VenueConfig],
    venue: &'a VenueConfig,
) -> Option<&'a VenueConfig> {
    let Some(owner) = &venue.books_of else { return Some(venue) };
    venues.iter().find(|one| one.name == *owner && one.books_of.is_none())
}

/// The venue accounts by which an account's orders go, where it names those.
pub(super) fn chosen<'a>(
    venues: &'a [VenueConfig],
    named: &[String],
    owner: &'a VenueConfig,
) -> &'a VenueConfig {
    let of_owner = |name: &String| {
        let named = venues.iter().find(|one| one.name == *name)?;
        let its_owner = book_owner(venues, named)?;
        (its_owner.name == owner.name).then_some(named)
    };
    named.iter().find_map(of_owner).unwrap_or(owner)
}

impl Config {
    /// The venue that owns the books which a venue account uses: mostly the account itself. `None`
    /// if there is no such venue; the check lets none pass.
    pub fn book_owner<'a>(&'a self, venue: &'a VenueConfig) -> Option<&'a VenueConfig> {
        book_owner(&self.venue, venue)
    }

    /// Venue accounts whose calls the venue counts together with those of this one, which is among
    /// them. The venue counts some requests by the address that they come from, whatever host name
    /// of the venue they go to: so over all accounts of one venue, and over equal addresses.
    pub fn accounts_at_address(&self, venue: &VenueConfig) -> u32 {
        let name = |one: &VenueConfig| self.book_owner(one).map(|owner| owner.name.clone());
        let of_venue = name(venue);
        let same = self.venue.iter().filter(|one| {
            one.rest_url == venue.rest_url || of_venue.is_some() && name(one) == of_venue
        });
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    }

    /// Adds what is wrong with the keys that tell a venue with books of its own from a further
    /// account.
    pub(super) fn check_venue_accounts(&self, findings: &mut Findings) {
        for (at, venue) in self.venue.iter().enumerate() {
            let at = format!("venue[{at}]");
            match &venue.books_of {
                None => check_feed(findings, &at, venue),
                Some(name) => {
                    check_without_feed(findings, &at, venue);
                    self.check_owner(findings, &at, venue, name);
                }
            }
        }
    }

    fn check_owner(&self, findings: &mut Findings, at: &str, venue: &VenueConfig, name: &str) {
        let path = format!("{at}.books_of");
        let Some(owner) = self.venue.iter().find(|one| one.name == name) else {
            if !findings.is_damaged("venue") {
                let known: Vec<&str> = self.venue.iter().map(|one| one.name.as_str()).collect();
                let reason = format!("{name:?} is no venue; there are {}", known.join(", "));
                findings.add(&path, Fault::NotDeclared, reason);
            }
            return;
        };
        if owner.name == venue.name {
            return findings.add(&path, Fault::Conflict, "the venue itself; leave the key out");
        }
        if let Some(first) = &owner.books_of {
            let reason = format!("{name:?} uses the books of {first:?}: name the one with a feed");
            return findings.add(&path, Fault::Conflict, reason);
        }
        if owner.kind != venue.kind && findings.is_clean(&format!("{at}.kind")) {
            let reason = format!("{name:?} is of kind {}", owner.kind.kind);
            return findings.add(&path, Fault::Conflict, reason);
        }
        for (n, listing) in venue.listing.iter().enumerate() {
            check_listing(findings, &format!("{at}.listing[{n}]"), listing, owner);
        }
    }
}

/// Adds what a venue with a feed of its own lacks.
fn check_feed(findings: &mut Findings, at: &str, venue: &VenueConfig) {
    let keys = [
        ("feed_url", venue.feed_url.is_some()),
        ("stale_after_ms", venue.stale_after_ms.is_some()),
    ];
    for (key, _) in keys.into_iter().filter(|(_, is_there)| !is_there) {
        let path = format!("{at}.{key}");
        // A value that cannot be read has its finding.
        if findings.is_clean(&path) {
            findings.add(&path, Fault::MissingKey, "needed by a venue without books_of");
        }
    }
}

/// Adds the keys of a feed that a further account has.
fn check_without_feed(findings: &mut Findings, at: &str, venue: &VenueConfig) {
    let keys = [
        ("feed_url", venue.feed_url.is_some()),
        ("stale_after_ms", venue.stale_after_ms.is_some()),
        ("depth", venue.depth.is_some()),
        ("depth_every_ms", venue.depth_every_ms != super::depth_every()),
        ("depth_updates_per_s_max", venue.depth_updates_per_s_max != super::depth_updates()),
    ];
    for (key, _) in keys.into_iter().filter(|(_, is_there)| *is_there) {
        let reason = "of no use with books_of: there is no feed";
        findings.add(&format!("{at}.{key}"), Fault::Conflict, reason);
    }
}

/// The venue has one market for an instrument: its symbol, prices and lots are those of all
/// accounts. Fees, minimums and maximums may differ.
fn check_listing(findings: &mut Findings, at: &str, listing: &ListingConfig, owner: &VenueConfig) {
    let same = owner.listing.iter().find(|one| one.instrument == listing.instrument);
    let Some(same) = same else {
        let reason = format!("{} does not list it, so there is no book", owner.name);
        return findings.add(&format!("{at}.instrument"), Fault::Conflict, reason);
    };
    let bands = |one: &ListingConfig| {
        one.ticks.iter().map(|band| (band.above, band.tick)).collect::<Vec<_>>()
    };
    let keys = [
        ("symbol", listing.symbol == same.symbol),
        ("venue_price_decimals", listing.venue_price_decimals == same.venue_price_decimals),
        ("venue_qty_decimals", listing.venue_qty_decimals == same.venue_qty_decimals),
        ("tick", listing.tick == same.tick),
        ("ticks", bands(listing) == bands(same)),
        ("price_digits", listing.price_digits == same.price_digits),
        ("lot", listing.lot == same.lot),
    ];
    for (key, _) in keys.into_iter().filter(|(_, is_same)| !is_same) {
        let reason = format!("not as at {}: the venue has one market for it", owner.name);
        findings.add(&format!("{at}.{key}"), Fault::Conflict, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = include_str!("../../deploy/example.toml");

    /// A further account at Binance, as a part of a file.
    const FURTHER: &str = r#"
[[venue]]
name = "binance-b"
kind = "binance"
books_of = "binance"
order_url = "tls://fix-oe.binance.com:9000"
rest_url = "https://api.binance.com:443"
api_key = "your-other-key"
secret_file = "secrets/other.pem"
comp_id = "RUTTER2"

[[venue.listing]]
instrument = "BTC/USDT"
symbol = "BTCUSDT"
venue_price_decimals = 2
venue_qty_decimals = 8
tick = "0.01"
lot = "0.00001"
qty_min = "0.00001"
qty_max = "9000"
notional_min = "5"
maker_fee_ppm = 900
taker_fee_ppm = 900
"#;

    fn file(from: &str, to: &str) -> String {
        assert!(FURTHER.contains(from), "{from}");
        format!("{SOUND}{}", FURTHER.replacen(from, to, 1))
    }

    #[test]
    fn a_further_account_has_no_feed_and_the_venue_has_one_market_for_all_accounts() {
        let config = Config::parse(&file("", "")).unwrap_or_else(|error| panic!("{error}"));
        let further = config.venue.last().expect("there");
        assert_eq!(config.book_owner(further).map(|one| one.name.as_str()), Some("binance"));
        let shared = config.venue.iter().map(|venue| config.accounts_at_address(venue));
        assert_eq!(shared.collect::<Vec<_>>(), [2, 1, 2]);
        let cases = [
            ("books_of = \"binance\"", "books_of = \"mars\"", "not-declared", "books_of"),
            ("books_of = \"binance\"", "books_of = \"binance-b\"", "conflict", "books_of"),
            ("books_of = \"binance\"", "books_of = \"kraken\"", "conflict", "books_of"),
            ("order_url", "feed_url = \"wss://x:1/y\"\norder_url", "conflict", "feed_url"),
            ("order_url", "stale_after_ms = 5\norder_url", "conflict", "stale_after_ms"),
            ("order_url", "depth = 100\norder_url", "conflict", "depth"),
            ("order_url", "depth_every_ms = 7\norder_url", "conflict", "depth_every_ms"),
            ("BTCUSDT", "BTCUSDC", "conflict", "listing.BTC/USDT.symbol"),
            ("tick = \"0.01\"", "tick = \"0.02\"", "conflict", "listing.BTC/USDT.tick"),
            ("lot = \"0.00001\"", "lot = \"0.00002\"", "conflict", "listing.BTC/USDT.lot"),
        ];
        for (from, to, fault, key) in cases {
            let refused = Config::parse(&file(from, to)).expect_err(to);
            let said = refused.to_string();
            assert_eq!(refused.findings.len(), 1, "{said}");
            assert!(said.contains(&format!("{fault}: venue.binance-b.{key}")), "{said}");
        }
    }

    #[test]
    fn a_further_account_of_a_further_account_is_refused() {
        let third = FURTHER
            .replacen("binance-b", "binance-c", 1)
            .replacen("books_of = \"binance\"", "books_of = \"binance-b\"", 1)
            .replacen("your-other-key", "your-third-key", 1);
        let refused = Config::parse(&format!("{}{third}", file("", ""))).expect_err("a chain");
        let said = refused.to_string();
        assert!(said.contains("conflict: venue.binance-c.books_of: \"binance-b\" uses"), "{said}");
    }

    #[test]
    fn a_venue_without_books_of_needs_the_keys_of_a_feed() {
        for key in ["feed_url", "stale_after_ms"] {
            let said = Config::parse(&SOUND.replacen(key, &format!("# {key}"), 1));
            let said = said.expect_err(key).to_string();
            assert!(said.contains(&format!("missing-key: venue.binance.{key}")), "{said}");
        }
    }

    /// A fee at a venue account by which no order of the account goes has no effect.
    #[test]
    fn a_fee_of_an_account_is_one_at_the_venue_account_that_its_orders_go_by() {
        let with = |keys: &str, venue: &str| {
            let fee = format!(
                "{keys}[[account.fee]]\nvenue = \"{venue}\"\nmaker_fee_ppm = 1\n\
                 taker_fee_ppm = 2\n[[session]]"
            );
            Config::parse(&file("", "").replacen("[[session]]", &fee, 1))
        };
        let by_further = "[account.routing]\nvenue_accounts = [\"binance-b\"]\n";
        for (keys, venue, other) in
            [("", "binance-b", "binance"), (by_further, "binance", "binance-b")]
        {
            let said = with(keys, venue).expect_err(venue).to_string();
            let words = format!(".venue: the account's orders go by \"{other}\"");
            assert!(said.contains("conflict: account.fund.fee") && said.contains(&words), "{said}");
            assert!(with(keys, other).is_ok());
        }
    }

    #[test]
    fn an_account_names_one_venue_account_of_a_venue_and_lists_name_venues() {
        let with = |keys: &str| {
            let text = file("", "");
            Config::parse(&text.replacen(
                "[[session]]",
                &format!("[account.routing]\n{keys}\n[[session]]"),
                1,
            ))
        };
        for keys in [
            "venue_accounts = [\"binance-b\"]",
            "venue_accounts = [\"binance-b\"]\ninclude = [\"binance\"]",
            "venue_accounts = [\"binance-b\", \"kraken\"]\nbackup = [\"binance\"]",
        ] {
            assert!(with(keys).is_ok(), "{keys}");
        }
        let cases = [
            ("venue_accounts = [\"mars\"]", "not-declared: account.fund.routing.venue_accounts"),
            (
                "venue_accounts = [\"binance\", \"binance-b\"]",
                "conflict: account.fund.routing.venue_accounts",
            ),
            ("include = [\"binance-b\"]", "conflict: account.fund.routing.include"),
            (
                "venue_accounts = [\"binance-b\"]\nexclude = [\"binance\"]",
                "conflict: account.fund.routing.venue_accounts",
            ),
        ];
        for (keys, words) in cases {
            let refused = with(keys).expect_err(keys);
            let said = refused.to_string();
            assert_eq!(refused.findings.len(), 1, "{said}");
            assert!(said.contains(words), "{said}");
        }
    }
}
