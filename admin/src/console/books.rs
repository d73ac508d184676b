//! The answer to `book`: one venue's book, or all trusted books side by side.
//!
//! A line belongs here if it shapes that answer. Keeping the books is `book_set`.

use serde_json::{Value, json};

use super::verb;

/// Levels of each side that are shown if the request names no depth.
pub const DEPTH_DEFAULT: usize = 10;

/// Most levels of each side that are shown.
pub const DEPTH_MAX: usize = verb::DEPTH_MAX as usize;

/// One venue's book of one instrument, with prices and quantities as integers and as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookRow {
    /// The venue's name.
    pub venue: String,
    /// Why the book is not trusted; `None` if it is.
    pub distrust: Option<String>,
    /// When the book last changed, nanoseconds since the Unix epoch; zero if never.
    pub changed_ns: u64,
    /// The bids, highest price first.
    pub bids: Vec<LevelRow>,
    /// The asks, lowest price first.
    pub asks: Vec<LevelRow>,
}

/// One price level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelRow {
    /// The price as an integer in the instrument's units, to sort by.
    pub units: i64,
    /// The price as a decimal number.
    pub price: String,
    /// The quantity as a decimal number.
    pub qty: String,
}

/// The answer to `book`: the levels of all trusted books side by side, or of one venue's book.
pub fn answer(
    symbol: &str,
    books: &[BookRow],
    venue: Option<&str>,
    depth: usize,
    now_ns: u64,
) -> Value {
    let meant = |book: &&BookRow| venue.is_none_or(|venue| book.venue == venue);
    let state = |book: &BookRow| {
        let age_ns = (book.changed_ns > 0).then(|| now_ns.saturating_sub(book.changed_ns));
        json!({
            "venue": book.venue, "trusted": book.distrust.is_none(),
            "why": book.distrust, "age_ns": age_ns,
        })
    };
    let used: Vec<&BookRow> = books
        .iter()
        .filter(meant)
        .filter(|book| venue.is_some() || book.distrust.is_none())
        .collect();
    let side = |of: fn(&BookRow) -> &Vec<LevelRow>, best_is_high: bool| {
        let mut levels: Vec<(&LevelRow, &str)> = used
            .iter()
            .flat_map(|book| of(book).iter().map(|level| (level, book.venue.as_str())))
            .collect();
        levels.sort_by_key(|(level, _)| if best_is_high { -level.units } else { level.units });
        let row = |(level, venue): &(&LevelRow, &str)| json!({"price": level.price, "qty": level.qty, "venue": venue});
        levels.iter().take(depth).map(row).collect::<Vec<_>>()
    };
    json!({
        "symbol": symbol,
        "venues": books.iter().filter(meant).map(state).collect::<Vec<_>>(),
        "bids": side(|book| &book.bids, true),
        "asks": side(|book| &book.asks, false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(venue: &str, bid: i64, ask: i64, distrust: Option<&str>) -> BookRow {
        let level = |units: i64| LevelRow { units, price: units.to_string(), qty: "1".to_owned() };
        BookRow {
            venue: venue.to_owned(),
            distrust: distrust.map(str::to_owned),
            changed_ns: 5,
            bids: vec![level(bid), level(bid - 1)],
            asks: vec![level(ask), level(ask + 1)],
        }
    }

    #[test]
    fn trusted_books_are_merged_best_first_and_others_are_only_named() {
        let books =
            [book("a", 10, 20, None), book("b", 11, 19, None), book("c", 90, 1, Some("Gap"))];
        let shown = answer("X", &books, None, 3, 9);
        let prices = |side: &str| -> Vec<String> {
            let rows = shown[side].as_array().expect("rows");
            let text = |row: &Value| format!("{}{}", row["price"], row["venue"]).replace('"', "");
            rows.iter().map(text).collect()
        };
        assert_eq!(prices("bids"), ["11b", "10a", "10b"]);
        assert_eq!(prices("asks"), ["19b", "20a", "20b"]);
        assert_eq!(shown["venues"][2]["why"], "Gap");
        assert_eq!(shown["venues"][0]["age_ns"], 4);
        let one = answer("X", &books, Some("c"), 1, 9);
        assert_eq!(one["bids"][0]["price"], "90");
        assert_eq!(one["venues"].as_array().map(Vec::len), Some(1));
    }
}
