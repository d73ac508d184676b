//! The answer to `book`: one venue's book, or all trusted ones side by side.

use serde_json::{Value, json};

/// Levels of a side where nothing is said.
pub const DEPTH_DEFAULT: usize = 10;

/// Levels of a side at most.
pub const DEPTH_MAX: usize = 50;

/// One venue's book of one instrument, with prices and quantities as integers and as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookShown {
    /// The venue's name.
    pub venue: String,
    /// Whether it is trusted; why not, if not.
    pub distrust: Option<String>,
    /// When it last changed, nanoseconds since the Unix epoch; zero if never.
    pub changed_ns: u64,
    /// Best first.
    pub bids: Vec<LevelShown>,
    /// Best first.
    pub asks: Vec<LevelShown>,
}

/// One level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelShown {
    /// To be sorted by, in the instrument's units.
    pub units: i64,
    /// As text.
    pub price: String,
    /// As text.
    pub qty: String,
}

/// Writes the answer.
pub fn answer(
    symbol: &str,
    books: &[BookShown],
    venue: Option<&str>,
    depth: usize,
    now_ns: u64,
) -> Value {
    let meant = |book: &&BookShown| venue.is_none_or(|venue| book.venue == venue);
    let state = |book: &BookShown| {
        let age_ns = (book.changed_ns > 0).then(|| now_ns.saturating_sub(book.changed_ns));
        json!({
            "venue": book.venue, "trusted": book.distrust.is_none(),
            "why": book.distrust, "age_ns": age_ns,
        })
    };
    let used: Vec<&BookShown> = books
        .iter()
        .filter(meant)
        .filter(|book| venue.is_some() || book.distrust.is_none())
        .collect();
    let side = |of: fn(&BookShown) -> &Vec<LevelShown>, best_is_high: bool| {
        let mut levels: Vec<(&LevelShown, &str)> = used
            .iter()
            .flat_map(|book| of(book).iter().map(|level| (level, book.venue.as_str())))
            .collect();
        levels.sort_by_key(|(level, _)| if best_is_high { -level.units } else { level.units });
        let row = |(level, venue): &(&LevelShown, &str)| json!({"price": level.price, "qty": level.qty, "venue": venue});
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

    fn book(venue: &str, bid: i64, ask: i64, distrust: Option<&str>) -> BookShown {
        let level =
            |units: i64| LevelShown { units, price: units.to_string(), qty: "1".to_owned() };
        BookShown {
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
