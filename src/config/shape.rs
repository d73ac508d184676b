//! Holds a parsed file to the schema: keys, types, ranges and enumerated values, all findings at
//! once.
//!
//! A line belongs here if the schema alone decides about a value. A relation between two values is
//! checked in `check`.
//!
//! A value with a finding is taken out, or replaced by a stand-in where it is required, so that the
//! rest of the file can be checked too.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::decimal::{amount, is_plain};
use super::finding::{Fault, Findings};
use super::places::segment;
use super::schema::{AMOUNT, DECIMAL, SOCKET_ADDRESS};

/// Most edits between a key and the key that is suggested for it.
const EDITS_MAX: usize = 3;

type Wrong = (Fault, String);

/// Checks a table, and makes it one that can be read.
pub(super) fn mend_table(
    findings: &mut Findings,
    table: &mut DeTable<'_>,
    schema: &Value,
    path: &str,
) {
    if let Some(each) = schema.get("additionalProperties").filter(|each| each.is_object()) {
        return mend_map(findings, table, each, path);
    }
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    mend_names(findings, table, properties, path);
    for (key, property) in properties {
        let path = below(path, key);
        let is_required = requires(schema, key);
        let wrong = match table.get_mut(key.as_str()) {
            Some(value) => mend_value(findings, value, property, &path).err(),
            None if is_required => {
                Some((Fault::MissingKey, format!("needed: {}", expected(property))))
            }
            None => None,
        };
        let Some((fault, reason)) = wrong else { continue };
        findings.add_damage(&path, fault, reason);
        table.remove(key.as_str());
        if is_required {
            let value = Spanned::new(0..0, stand_in(property));
            table.insert(Spanned::new(0..0, Cow::Owned(key.clone())), value);
        }
    }
}

/// A table whose keys are names that the file chooses.
fn mend_map(findings: &mut Findings, table: &mut DeTable<'_>, each: &Value, path: &str) {
    let keys: Vec<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
    for key in keys {
        let Some(value) = table.get_mut(key.as_str()) else { continue };
        let path = below(path, &segment(&key));
        if let Err((fault, reason)) = mend_value(findings, value, each, &path) {
            findings.add_damage(&path, fault, reason);
            table.remove(key.as_str());
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn requires(schema: &Value, key: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|one| one == key))
}

/// Gives a misspelt key its name, and takes out keys that are nothing like one.
fn mend_names(
    findings: &mut Findings,
    table: &mut DeTable<'_>,
    properties: &Map<String, Value>,
    path: &str,
) {
    let unknown: Vec<String> = table
        .keys()
        .map(|key| key.get_ref().to_string())
        .filter(|key| !properties.contains_key(key))
        .collect();
    for key in unknown {
        if findings.is_full() {
            table.remove(key.as_str());
            continue;
        }
        let free = |known: &&String| !table.contains_key(known.as_str());
        let near = nearest(&key, properties.keys().filter(free));
        let at = below(path, &segment(&key));
        let value = table.remove(key.as_str());
        if let (Some(near), Some(value)) = (near, value) {
            let reason = format!("no such key; did you mean {near}?");
            findings.add(&at, Fault::UnknownKey, reason);
            table.insert(Spanned::new(0..0, Cow::Owned(near.clone())), value);
        } else {
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            let reason = format!("no such key; the keys here are {}", known.join(", "));
            findings.add(&at, Fault::UnknownKey, reason);
        }
    }
}

/// The key that somebody may have meant.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let edits_max = EDITS_MAX.min(key.len() / 3);
    let known = known.filter(|known| known.len().abs_diff(key.len()) <= edits_max);
    known
        .map(|known| (strsim::damerau_levenshtein(key, known), known))
        .filter(|(edits, _)| *edits <= edits_max)
        .min()
        .map(|(_, known)| known)
}

fn mend_value(
    findings: &mut Findings,
    value: &mut Spanned<DeValue<'_>>,
    schema: &Value,
    path: &str,
) -> Result<(), Wrong> {
    match value.get_mut() {
        DeValue::Table(table) if has_type(schema, "object") => {
            mend_table(findings, table, schema, path);
            Ok(())
        }
        DeValue::Array(items) if has_type(schema, "array") => {
            let count = items.len() as i64;
            in_range(count, schema, ["minItems", "maxItems"], "elements")?;
            for (at, item) in items.iter_mut().enumerate() {
                let item_schema = item_schema(schema, at);
                let path = format!("{path}[{at}]");
                if let Err((fault, reason)) = mend_value(findings, item, item_schema, &path) {
                    findings.add_damage(&path, fault, reason);
                    *item.get_mut() = stand_in(item_schema);
                }
            }
            Ok(())
        }
        _ => scalar(value, schema),
    }
}

/// The schema of an element of a list. A list of fixed length has one for each place.
fn item_schema(list: &Value, at: usize) -> &Value {
    let of_place = list.get("prefixItems").and_then(|places| places.get(at));
    of_place.or_else(|| list.get("items")).unwrap_or(&Value::Null)
}

fn has_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(all)) => all.iter().any(|one| one == wanted),
        // The choices of an enumeration, or a list's element without a schema.
        _ => wanted == "string" && choices(schema).is_some(),
    }
}

fn text(schema: &Value, key: &str) -> Option<String> {
    schema.get(key)?.as_str().map(str::to_owned)
}

fn scalar(value: &Spanned<DeValue<'_>>, schema: &Value) -> Result<(), Wrong> {
    let wrong_type = || (Fault::WrongType, format!("not {}", expected(schema)));
    match text(schema, "format").as_deref() {
        Some(DECIMAL | AMOUNT) => return decimal(value, schema),
        Some(SOCKET_ADDRESS) => {
            let text = value.get_ref().as_str().ok_or_else(wrong_type)?;
            let read = text.parse::<SocketAddr>();
            let fault = (Fault::BadAddress, format!("{text:?} is not {}", expected(schema)));
            return read.map(drop).map_err(|_| fault);
        }
        _ => {}
    }
    match value.get_ref() {
        DeValue::String(text) if has_type(schema, "string") => string(text, schema),
        DeValue::Boolean(_) if has_type(schema, "boolean") => Ok(()),
        DeValue::Integer(number) if has_type(schema, "integer") => {
            let read = i64::from_str_radix(number.as_str(), number.radix());
            let fault = (Fault::OutOfRange, format!("not {}", expected(schema)));
            integer(read.map_err(|_| fault)?, schema)
        }
        _ => Err(wrong_type()),
    }
}

fn string(text: &str, schema: &Value) -> Result<(), Wrong> {
    let length = text.len() as i64;
    in_range(length, schema, ["minLength", "maxLength"], "characters")?;
    match choices(schema) {
        Some(all) if !all.iter().any(|(one, _)| one == text) => {
            Err((Fault::UnknownValue, format!("{text:?} is not {}", expected(schema))))
        }
        _ => Ok(()),
    }
}

/// The values of an enumeration, each with its meaning, if it has one.
pub(super) fn choices(schema: &Value) -> Option<Vec<(String, Option<String>)>> {
    if let Some(Value::Array(all)) = schema.get("enum") {
        return Some(all.iter().filter_map(|v| Some((v.as_str()?.to_owned(), None))).collect());
    }
    let mut found = Vec::new();
    for choice in schema.get("oneOf")?.as_array()? {
        match text(choice, "const") {
            Some(value) => found.push((value, text(choice, "description"))),
            None => found.extend(choices(choice)?),
        }
    }
    Some(found)
}

fn integer(value: i64, schema: &Value) -> Result<(), Wrong> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    let below = bound("minimum").is_some_and(|min| value < min);
    let above = bound("maximum").is_some_and(|max| value > max);
    let step = bound("multipleOf").unwrap_or(1);
    if below || above || value % step != 0 {
        return Err((Fault::OutOfRange, format!("{value} is not {}", expected(schema))));
    }
    Ok(())
}

fn in_range(count: i64, schema: &Value, keys: [&str; 2], unit: &str) -> Result<(), Wrong> {
    let [min, max] = keys.map(|key| schema.get(key).and_then(Value::as_i64));
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(i64::MAX));
    if (min..=max).contains(&count) {
        return Ok(());
    }
    let allowed = match (min, max) {
        (min, i64::MAX) => format!("at least {min}"),
        (min, max) if min == max => min.to_string(),
        (min, max) => format!("{min} to {max}"),
    };
    Err((Fault::OutOfRange, format!("{count} {unit}, not {allowed}")))
}

fn decimal(value: &Spanned<DeValue<'_>>, schema: &Value) -> Result<(), Wrong> {
    let read = <Decimal as Deserialize>::deserialize(value.clone().into_deserializer());
    let wrong_type = (Fault::WrongType, format!("not {}", expected(schema)));
    let written = match value.get_ref() {
        DeValue::Float(number) => Some(number.as_str()),
        other => other.as_str(),
    };
    if written.is_some_and(|text| !is_plain(text)) {
        return Err(wrong_type);
    }
    let value = match (read, value.get_ref().as_str()) {
        (Ok(value), _) => value,
        (Err(_), Some(text)) if is_decimal(text) => {
            return Err((Fault::OutOfRange, format!("{text:.40} has too many digits")));
        }
        (Err(_), _) => return Err(wrong_type),
    };
    let above = |key: &str| schema.get(key).is_some().then_some(value);
    let too_low = above("minimum")
        .is_some_and(|value| value.is_sign_negative() && !value.is_zero())
        || above("exclusiveMinimum").is_some_and(|value| value <= Decimal::ZERO);
    if too_low {
        return Err((Fault::OutOfRange, format!("{value} is not {}", expected(schema))));
    }
    if text(schema, "format").as_deref() == Some(AMOUNT) && amount(value).is_none() {
        return Err((Fault::OutOfRange, "more than 18 decimals, or too large".to_owned()));
    }
    Ok(())
}

/// Whether a text is a decimal of any length.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    text.split_once('.').map_or_else(|| digits(text), |(whole, rest)| digits(whole) && digits(rest))
}

/// What a value has to be, as the end of "not ...".
pub(super) fn expected(schema: &Value) -> String {
    match text(schema, "format").as_deref() {
        Some(SOCKET_ADDRESS) => return "an address such as 127.0.0.1:9878".to_owned(),
        Some(DECIMAL | AMOUNT) if schema.get("exclusiveMinimum").is_some() => {
            return "a decimal above 0, such as \"0.01\"".to_owned();
        }
        Some(DECIMAL | AMOUNT) => return "a decimal of at least 0, such as \"0.01\"".to_owned(),
        _ => {}
    }
    if let Some(all) = choices(schema) {
        let all: Vec<String> = all.into_iter().map(|(value, _)| value).collect();
        return format!("one of {}", all.join(", "));
    }
    if has_type(schema, "object") {
        return "a table".to_owned();
    }
    if has_type(schema, "array") {
        return "a list".to_owned();
    }
    if has_type(schema, "boolean") {
        return "true or false".to_owned();
    }
    if !has_type(schema, "integer") {
        return "a string".to_owned();
    }
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    let mut said = match (bound("minimum").unwrap_or(i64::MIN), bound("maximum")) {
        (min, None | Some(i64::MAX)) => format!("a whole number of at least {min}"),
        (min, Some(max)) => format!("a whole number from {min} to {max}"),
    };
    if let Some(step) = bound("multipleOf") {
        let _ = write!(said, ", a multiple of {step}");
    }
    said
}

/// A value that can be read, in the place of one that was wrong or absent.
fn stand_in<'i>(schema: &Value) -> DeValue<'i> {
    let string = |text: &str| DeValue::String(Cow::Owned(text.to_owned()));
    match text(schema, "format").as_deref() {
        Some(SOCKET_ADDRESS) => return string("127.0.0.1:0"),
        Some(DECIMAL | AMOUNT) => return string("1"),
        _ => {}
    }
    if let Some((first, _)) = choices(schema).and_then(|all| all.into_iter().next()) {
        return string(&first);
    }
    if has_type(schema, "object") {
        let mut table = DeTable::new();
        // The findings about a stand-in are nobody's business.
        mend_table(&mut Findings::default(), &mut table, schema, "");
        return DeValue::Table(table);
    }
    if has_type(schema, "array") {
        return DeValue::Array(DeArray::new());
    }
    if has_type(schema, "boolean") {
        return DeValue::Boolean(false);
    }
    if has_type(schema, "integer") {
        return DeValue::Integer(DeInteger::default());
    }
    string("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SOUND: &str = include_str!("../../deploy/example.toml");

    /// Everything that is said about the example with each `from` replaced by its `to`.
    fn said(changes: &[(&str, &str)]) -> Vec<String> {
        let mut text = SOUND.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let refused = Config::parse(&text).expect_err("refused");
        refused.lines().collect()
    }

    fn line_of(text: &str, part: &str) -> usize {
        text.lines().position(|line| line.contains(part)).expect("there") + 1
    }

    #[test]
    fn all_findings_come_at_once_each_with_line_word_and_range() {
        let found = said(&[
            ("durability =", "durabilty ="),
            ("data_dir =", "# data_dir ="),
            ("layout = \"auto\"", "layout = \"spread\""),
            ("update_interval_us = 0", "update_interval_us = \"now\""),
            ("streams_max = 8192", "streams_max = 65537"),
            ("listen = \"127.0.0.1:9878\"", "listen = \"localhost\""),
            ("tick = \"0.01\"", "tick = \"-1\""),
            ("price_collar_ppm = 50000", "price_collar_ppm = -1"),
            ("rest_counter_max = 14", "rest_counter_max = 4294967296"),
            ("taker_fee_ppm = 4000", "taker_fee_ppm = 1000000"),
        ]);
        let place = |part| format!("{}:", line_of(SOUND, part));
        for (place, words) in [
            (place("durability ="), "unknown-key: node.durabilty: no such key; did you mean"),
            (place("[node]"), "missing-key: node.data_dir: needed: a string"),
            (place("layout ="), "\"spread\" is not one of auto, threads, fused"),
            (place("update_interval_us"), "wrong-type: fix.market_data.update_interval_us: not a"),
            (place("streams_max = 8192"), "65537 is not a whole number from 1 to 65536"),
            (place("listen ="), "bad-address: fix.listen: \"localhost\" is not an address such as"),
            (place("tick ="), "venue.binance.listing.BTC/USDT.tick: -1 is not a decimal above 0"),
            (place("price_collar_ppm"), "account.fund.price_collar_ppm: -1 is not a whole number"),
            (place("rest_counter_max ="), "venue.kraken.rest_counter_max: 4294967296 is not"),
            (place("taker_fee_ppm = 4000"), "from -999999 to 999999"),
        ] {
            let is_it = |line: &String| line.starts_with(&place) && line.contains(words);
            assert_eq!(found.iter().filter(|line| is_it(line)).count(), 1, "{words}: {found:#?}");
        }
        assert_eq!(found.len(), 10, "{found:#?}");
    }

    #[test]
    fn a_limit_with_which_an_account_never_trades_or_nothing_is_limited_is_out_of_range() {
        for (from, to, words) in [
            ("price_collar_ppm = 50000", "price_collar_ppm = 0", "from 1 to 1000000"),
            ("price_collar_ppm = 50000", "price_collar_ppm = 4294967295", "from 1 to 1000000"),
            ("price_slack_ppm = ", "price_slack_ppm = 1000001 # ", "from 0 to 1000000"),
            ("open_orders_max = ", "open_orders_max = 0 # ", "from 1 to 4294967295"),
            ("orders_per_s_max = ", "orders_per_s_max = 0 # ", "from 1 to 4294967295"),
            (
                "order_notional_max = ",
                "order_notional_max = \"99999999999999999999999999999999\" # ",
                "has too many digits",
            ),
            ("order_notional_max = ", "order_notional_max = \"1.5.5\" # ", "wrong-type"),
        ] {
            let found = said(&[(from, to)]);
            assert_eq!(found.len(), 1, "{to}: {found:#?}");
            assert!(found[0].contains(words), "{to}: {found:#?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_read_under_its_right_name_so_that_nothing_else_seems_to_be_missing() {
        for (from, to) in [
            ("sender_comp_id", "sender_compid"),
            ("[[instrument]]", "[[instruments]]"),
            ("\nsecret_file", "\nsecretfile"),
            ("open_orders_max", "open_order_max"),
            ("[metrics]", "[metric]"),
            ("comp_id = \"RUTTER1\"", "compid = \"RUTTER1\""),
        ] {
            let found = said(&[(from, to)]);
            assert_eq!(found.len(), 1, "{found:#?}");
            assert!(found[0].contains("did you mean"), "{found:#?}");
        }
    }

    #[test]
    fn a_section_that_is_missing_or_of_another_type_is_one_finding() {
        let found = said(&[("[fix]", "[gateway]"), ("[fix.market_data]", "[gateway.market_data]")]);
        assert!(found.iter().any(|line| line.contains("missing-key: fix: needed: a table")));
        assert_eq!(found.len(), 2, "{found:#?}");
        let found = said(&[("assets = [\"BTC\", \"ETH\", \"USDT\"]", "assets = 3")]);
        assert_eq!(found.len(), 1, "{found:#?}");
    }

    /// Whatever the schema lets pass has to be readable.
    #[test]
    fn each_required_value_of_the_schema_has_a_stand_in_that_is_read() {
        let refused = Config::parse("").expect_err("everything is missing");
        let all_missing = refused.findings.iter().all(|one| one.fault == Fault::MissingKey);
        assert!(all_missing, "{refused}");
        for table in ["account", "session", "instrument", "venue", "alerts.webhook"] {
            let refused = Config::parse(&format!("[[{table}]]\n")).expect_err("empty");
            assert!(refused.findings.iter().all(|one| one.fault != Fault::Refused), "{refused}");
        }
    }
}
