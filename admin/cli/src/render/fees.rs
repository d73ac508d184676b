//! What the fees of venues depend on: the second table of `venues`.

use serde_json::Value;

use super::super::text::{Line, Paint, Span, Table, numbers, words};
use super::{Look, amount, counted, number, rows, word};

/// The lines of the venues, and a table of those whose fees depend on our volume or on a token.
pub fn with_terms(mut lines: Vec<Line>, ok: &Value, look: &Look) -> Vec<Line> {
    let table = terms(ok);
    if !table.is_empty() {
        lines.push(Line::default());
        lines.extend(table.lines(look.width));
    }
    lines
}

fn terms(ok: &Value) -> Table {
    let mut table = Table::new(&[
        words("fees of", 0),
        numbers("tier", 0),
        numbers("maker ppm", 0),
        numbers("taker ppm", 0),
        numbers("volume of 30 days", 0),
        numbers("next tier from", 1),
        words("asset", 0),
        numbers("not counted", 2),
        words("token", 0),
    ]);
    for venue in rows(ok, "venues") {
        let Some(terms) = venue.get("fee_terms").filter(|terms| terms.is_object()) else {
            continue;
        };
        let is_missing = number(terms, "not_counted").is_some_and(|count| count > 0);
        let paint = if is_missing { Paint::Warn } else { Paint::Plain };
        table.row(vec![
            word(venue, "name").into(),
            word(terms, "tier").into(),
            word(terms, "maker_fee_ppm").into(),
            word(terms, "taker_fee_ppm").into(),
            amount(terms, "volume").into(),
            amount(terms, "next_tier_from").into(),
            word(terms, "volume_asset").into(),
            Span::new(counted(terms, "not_counted"), paint),
            token(terms),
        ]);
    }
    table
}

/// The token and its discount, and whether there is enough of it.
fn token(terms: &Value) -> Span {
    let Some(token) = terms.get("token").filter(|token| token.is_object()) else {
        return Span::from("-".to_owned());
    };
    let (asset, discount) = (word(token, "asset"), word(token, "discount_ppm"));
    if token.get("in_use") == Some(&Value::Bool(true)) {
        return Span::from(format!("{asset} less {discount} ppm"));
    }
    let least = amount(token, "least");
    Span::new(format!("less than {least} {asset}: no discount"), Paint::Warn)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(ok: &Value) -> Vec<String> {
        let lines = terms(ok).lines(200);
        lines
            .iter()
            .map(|line| line.text().split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn tiers_and_tokens_are_shown_and_venues_without_them_are_not() {
        let token =
            json!({ "asset": "BNB", "discount_ppm": 250_000, "least": "0.1", "in_use": true });
        let tiers = json!({
            "tier": 1, "tiers": 3, "maker_fee_ppm": 900, "taker_fee_ppm": 1_000,
            "volume": "1234567.5", "volume_asset": "USDT", "next_tier_from": "5000000",
            "not_counted": 0, "token": token,
        });
        let mut alone = json!({ "tier": null, "tiers": 0, "not_counted": 2, "token": token });
        alone["token"]["in_use"] = json!(false);
        let venue = |name: &str, terms: Value| json!({ "name": name, "fee_terms": terms });
        let ok = json!({
            "venues": [venue("a", tiers), venue("b", alone), venue("c", Value::Null)],
        });
        let expected = [
            "fees of tier maker ppm taker ppm volume of 30 days next tier from asset not counted \
             token",
            "a 1 900 1000 1,234,567.5 5,000,000 USDT 0 BNB less 250000 ppm",
            "b - - - - - - 2 less than 0.1 BNB: no discount",
        ];
        assert_eq!(told(&ok), expected);
        assert_eq!(told(&json!({ "venues": [venue("c", Value::Null)] })), Vec::<String>::new());
    }
}
