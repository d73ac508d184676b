//! One order drawn over the books of all venues.
//!
//! A line belongs here if it turns one priced order into lines of text. What it cost is `savings`.

use std::fmt::Write as _;

use rutter_sim::Venue;
use rutter_sim::market::{E8_DECIMALS, MARKETS};

use super::pricing::{Ended, Priced};
use crate::client::Side;
use crate::harness::{Arrival, USUAL};

/// Most price levels of a book that are drawn.
const RUNGS_MAX: usize = 4;

/// Columns of a screen.
const COLUMNS: usize = 80;

/// Columns of a price, a quantity and the spaces around them.
const NUMBERS: usize = 19;

/// Decimals of amounts in 10^-18.
const E18_DECIMALS: u32 = 18;

/// A price level that the order could take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "the unit belongs in each name")]
pub struct Rung {
    /// Price, in 10^-8.
    pub price_e8: i64,
    /// Quantity in the book, in 10^-8.
    pub qty_e8: i64,
    /// Part of it that the order took, in 10^-8. More than the quantity if the level grew while
    /// the order was on its way to this venue.
    pub taken_e8: i64,
}

/// One venue's part of the drawing.
#[derive(Clone, Debug)]
pub struct DrawnVenue {
    /// The venue.
    pub name: &'static str,
    /// Taker fee, in parts per million.
    pub fee_ppm: u32,
    /// The best levels, best first.
    pub rungs: Vec<Rung>,
    /// Best price of the node's own orders on that side, in 10^-8: the order does not go there or
    /// beyond, unless their owners let it.
    pub own_e8: Option<i64>,
    /// Quantity taken, in 10^-8, drawn levels or not.
    pub taken_e8: i64,
    /// Amount for the whole quantity at this venue alone, fees included, in 10^-18; `None` if the
    /// book did not hold the quantity.
    pub alone_e18: Option<i128>,
    /// Cost above our own, in basis points of value.
    pub dearer_bps: Option<f64>,
}

/// An order over the books that it met.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// `ClOrdID` (11).
    pub id: String,
    /// Index into the markets.
    pub market: usize,
    /// Side.
    pub side: Side,
    /// Filled quantity, in 10^-8.
    pub qty_e8: i64,
    /// Limit price, in 10^-8.
    pub limit_e8: Option<i64>,
    /// Amount paid or received, fees included, in 10^-18.
    pub routed_e18: i128,
    /// By [`Venue::index`].
    pub venues: Vec<DrawnVenue>,
}

impl DrawnVenue {
    /// `, own 60001.00`: the node's own order on that side; empty if there is none.
    pub fn own_text(&self) -> String {
        let price = |price| fixed(i128::from(price), E8_DECIMALS, 2);
        self.own_e8.map_or_else(String::new, |own| format!(", own {}", price(own)))
    }

    /// `alone: 110641.20 (+3.18 bps)`.
    pub fn alone_text(&self) -> String {
        match (self.alone_e18, self.dearer_bps) {
            (Some(alone), Some(dearer)) => format!("alone: {} ({dearer:+.2} bps)", amount(alone)),
            _ => "alone: not enough in the book".to_owned(),
        }
    }
}

impl Drawn {
    /// The drawing of a priced order.
    pub fn new(
        order: &Ended<'_>,
        arrival: &Arrival,
        priced: &Priced,
        fees_ppm: [u32; USUAL.len()],
    ) -> Self {
        let own = priced.cost(order.side, priced.routed);
        let venue = |venue: Venue| {
            let book = &arrival.books[venue.index()];
            let levels = if order.side == Side::Buy { &book.asks } else { &book.bids };
            let alone = priced.alone[venue.index()];
            let dearer = |all_in| priced.cost(order.side, all_in) - own;
            DrawnVenue {
                name: venue.name(),
                fee_ppm: fees_ppm[venue.index()],
                rungs: rungs(order, venue, levels),
                own_e8: book.own[usize::from(order.side == Side::Buy)],
                taken_e8: taken(order, venue, None),
                alone_e18: alone,
                dearer_bps: alone.map(|all_in| bps(dearer(all_in), priced.middle)),
            }
        };
        Self {
            id: order.id.to_owned(),
            market: order.market,
            side: order.side,
            qty_e8: order.paid.qty_e8,
            limit_e8: order.limit_e8,
            routed_e18: priced.routed,
            venues: USUAL.into_iter().map(venue).collect(),
        }
    }

    /// Whether the order took from several venues, and only what is drawn: no book moved between
    /// the arrival and the last execution.
    pub fn is_telling(&self) -> bool {
        let as_drawn = |venue: &DrawnVenue| {
            let within = venue.rungs.iter().all(|rung| rung.taken_e8 <= rung.qty_e8);
            within && venue.rungs.iter().map(|rung| rung.taken_e8).sum::<i64>() == venue.taken_e8
        };
        let takers = self.venues.iter().filter(|venue| venue.taken_e8 > 0);
        takers.count() > 1 && self.venues.iter().all(as_drawn)
    }

    /// `Buy 1.5 BTC/USDT at market`.
    pub fn title(&self) -> String {
        let side = if self.side == Side::Buy { "Buy" } else { "Sell" };
        let limit = self.limit_e8.map_or_else(
            || "market".to_owned(),
            |limit| format!("limit {}", fixed(i128::from(limit), E8_DECIMALS, 2)),
        );
        let qty = fixed(i128::from(self.qty_e8), E8_DECIMALS, 4);
        format!("{side} {qty} {} at {limit}", MARKETS[self.market].symbol)
    }

    /// `paid 110606.02 USDT`, or `got`.
    pub fn routed_text(&self) -> String {
        let paid = if self.side == Side::Buy { "paid" } else { "got" };
        format!("{paid} {} {}", amount(self.routed_e18), MARKETS[self.market].quote)
    }

    /// At most seven lines of at most 80 columns: the last one says what each venue alone would
    /// have cost.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.books();
        let width = self.width();
        let mut line = String::new();
        for venue in &self.venues {
            let _ = write!(line, "{:<width$}", venue.alone_text());
        }
        lines.push(line.trim_end().to_owned());
        lines
    }

    /// Columns of one venue.
    fn width(&self) -> usize {
        COLUMNS / self.venues.len().max(1)
    }

    /// At most six lines: the order, and what it took of each book.
    pub fn books(&self) -> Vec<String> {
        let width = self.width();
        let bar = width.saturating_sub(NUMBERS + 2).max(1);
        let side = if self.side == Side::Buy { "asks" } else { "bids" };
        let mut lines = vec![format!("{}: {}, █ taken ░ left", self.title(), self.routed_text())];
        let mut columns: Vec<Vec<String>> = Vec::new();
        let largest = self.venues.iter().flat_map(|venue| &venue.rungs).map(|rung| rung.qty_e8);
        let largest = largest.max().unwrap_or(1).max(1);
        for venue in &self.venues {
            let fee = f64::from(venue.fee_ppm) / 1e4;
            let own = venue.own_text();
            let mut column = vec![format!("{} {side}, fee {fee:.2} %{own}", venue.name)];
            column.extend(venue.rungs.iter().map(|rung| rung_text(rung, largest, bar)));
            column.resize(RUNGS_MAX + 1, String::new());
            columns.push(column);
        }
        for row in 0..columns.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = String::new();
            for column in &columns {
                let _ = write!(line, "{:<width$}", column.get(row).map_or("", String::as_str));
            }
            lines.push(line.trim_end().to_owned());
        }
        lines
    }
}

fn rungs(order: &Ended<'_>, venue: Venue, levels: &[(i64, i64)]) -> Vec<Rung> {
    let rung = |(price_e8, qty_e8): &(i64, i64)| Rung {
        price_e8: *price_e8,
        qty_e8: *qty_e8,
        taken_e8: taken(order, venue, Some(*price_e8)),
    };
    levels.iter().take(RUNGS_MAX).map(rung).collect()
}

fn taken(order: &Ended<'_>, venue: Venue, price_e8: Option<i64>) -> i64 {
    let fills = order.paid.fills.iter().filter(|fill| fill.venue == venue);
    let fills = fills.filter(|fill| price_e8.is_none_or(|price| price == fill.price_e8));
    fills.map(|fill| fill.qty_e8).sum()
}

fn rung_text(rung: &Rung, largest_e8: i64, bar: usize) -> String {
    let cells = |qty: i64| {
        let exact = i128::from(qty.clamp(0, largest_e8)) * bar as i128;
        usize::try_from((exact + i128::from(largest_e8) - 1) / i128::from(largest_e8)).unwrap_or(0)
    };
    let whole = cells(rung.qty_e8);
    let taken = cells(rung.taken_e8).min(whole);
    format!(
        "{:>10} {:>7} {}{}",
        fixed(i128::from(rung.price_e8), E8_DECIMALS, 2),
        fixed(i128::from(rung.qty_e8), E8_DECIMALS, 4),
        "█".repeat(taken),
        "░".repeat(whole - taken),
    )
}

/// A part of a whole in basis points, with four decimals.
fn bps(part: i128, whole: i128) -> f64 {
    (part * 100_000_000 / whole.max(1)) as f64 / 1e4
}

fn amount(e18: i128) -> String {
    fixed(e18, E18_DECIMALS, 2)
}

/// A decimal with `shown` decimals, cut and not rounded.
pub fn fixed(mantissa: i128, decimals: u32, shown: u32) -> String {
    let kept = mantissa / 10_i128.pow(decimals.saturating_sub(shown));
    let one = 10_i128.pow(shown);
    let sign = if kept < 0 { "-" } else { "" };
    let (whole, part) = (kept.abs() / one, kept.abs() % one);
    format!("{sign}{whole}.{part:0places$}", places = shown as usize)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A drawing with as many and as wide numbers as a run can have.
    pub fn wide() -> Drawn {
        let rung = |price, qty, taken| Rung { price_e8: price, qty_e8: qty, taken_e8: taken };
        let venue = |venue: Venue| DrawnVenue {
            name: venue.name(),
            fee_ppm: 2_500,
            rungs: vec![
                rung(6_000_123_000_000, 30_000_000, 30_000_000),
                rung(6_000_223_000_000, 15_000_000, 5_000_000),
                rung(6_000_323_000_000, 10_000, 0),
                rung(6_000_423_000_000, 29_999_999, 0),
            ],
            own_e8: Some(6_000_323_000_000),
            taken_e8: 35_000_000,
            alone_e18: Some(210_000_420_000_000_000_000_000),
            dearer_bps: Some(12.34),
        };
        Drawn {
            id: "d1".to_owned(),
            market: 0,
            side: Side::Buy,
            qty_e8: 350_000_000,
            limit_e8: Some(6_003_000_000_000),
            routed_e18: 209_900_420_000_000_000_000_000,
            venues: USUAL.map(venue).into(),
        }
    }

    #[test]
    fn a_drawing_fits_seven_lines_of_eighty_columns() {
        let lines = wide().lines();
        assert!(lines.len() <= 7, "{lines:#?}");
        for line in &lines {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn an_order_is_drawn_only_where_the_drawing_tells_the_whole_order() {
        let whole = wide();
        assert!(whole.is_telling());
        let mut one_venue = whole.clone();
        one_venue.venues.truncate(1);
        assert!(!one_venue.is_telling());
        let mut deeper = whole.clone();
        deeper.venues[0].taken_e8 += 1;
        assert!(!deeper.is_telling(), "a part was taken at a level that is not drawn");
        let mut moved = whole;
        moved.venues[0].rungs[2].taken_e8 += 20_000;
        moved.venues[0].taken_e8 += 20_000;
        assert!(!moved.is_telling(), "more was taken than the book held");
    }

    #[test]
    fn an_own_order_on_the_side_that_is_taken_is_named_with_its_price() {
        let mut drawn = wide();
        assert!(
            drawn.books()[1].contains(" asks, fee 0.25 %, own 60003.23"),
            "{:?}",
            drawn.books()
        );
        drawn.venues[0].own_e8 = None;
        assert!(!drawn.books()[1].trim_start().split("fee").nth(1).expect("a fee").contains("own"));
    }

    #[test]
    fn the_bars_show_what_was_taken_of_each_level() {
        let bars = rung_text(&Rung { price_e8: 100, qty_e8: 50, taken_e8: 25 }, 100, 10);
        assert!(bars.ends_with(" ███░░"), "{bars}");
        let untouched = rung_text(&Rung { price_e8: 100, qty_e8: 100, taken_e8: 0 }, 100, 10);
        assert!(untouched.ends_with(&format!(" {}", "░".repeat(10))), "{untouched}");
    }

    #[test]
    fn a_difference_is_rounded_to_hundredths_of_a_basis_point_and_not_cut() {
        assert_eq!(format!("{:+.2}", bps(847, 10_000_000)), "+0.85");
        assert_eq!(format!("{:+.2}", bps(-847, 10_000_000)), "-0.85");
        assert_eq!(format!("{:+.2}", bps(844, 10_000_000)), "+0.84");
    }

    #[test]
    fn amounts_are_cut_to_the_decimals_shown() {
        assert_eq!(fixed(6_000_012_999_999, 8, 2), "60000.12");
        assert_eq!(fixed(-5, 1, 1), "-0.5");
        assert_eq!(fixed(7, 8, 2), "0.00");
    }
}
