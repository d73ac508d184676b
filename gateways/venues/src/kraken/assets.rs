//! Kraken's names of assets.
//!
//! A line belongs here if it is about a name that only Kraken uses.

/// All names under which Kraken tells of an asset. The first is the name of WebSocket v2, which is
/// also ours; REST has older names for some assets.
pub(super) fn names(asset: &str) -> Vec<String> {
    let mut names = vec![asset.to_owned()];
    match asset {
        "BTC" => names.extend(["XBT".to_owned(), "XXBT".to_owned()]),
        "DOGE" => names.extend(["XDG".to_owned(), "XXDG".to_owned()]),
        "ETH" | "LTC" | "XRP" | "XLM" => names.push(format!("X{asset}")),
        "USD" | "EUR" | "GBP" | "JPY" | "CAD" => names.push(format!("Z{asset}")),
        _ => {}
    }
    names
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn an_asset_has_its_own_name_first_and_the_old_names_of_rest_behind_it() {
        assert_eq!(names("BTC"), ["BTC", "XBT", "XXBT"]);
        assert_eq!(names("EUR"), ["EUR", "ZEUR"]);
        assert_eq!(names("USDT"), ["USDT"]);
    }
}
