//! The configuration's JSON schema: types, ranges, defaults and meanings of all keys, taken from
//! the code.
//!
//! A line belongs here if it describes a value for the schema. The schema is what `shape` holds a
//! file to, what `reference` prints, and what `rutter config schema` gives to editors. The keys of
//! a venue come from the table of venues, those of an account's limits from the core's table.

use rutter_core::input::{LIMITS, LimitKind};
use rutter_venues::VENUES;
use rutter_venues::venue::{OwnKey, OwnValue};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::Config;

/// `format` of a socket address.
pub(super) const SOCKET_ADDRESS: &str = "socket-address";
/// `format` of a decimal.
pub(super) const DECIMAL: &str = "decimal";
/// `format` of a decimal with at most 18 decimals.
pub(super) const AMOUNT: &str = "amount";

/// The schema of the whole file.
pub fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<Config>());
    plain(&mut schema);
    schema
}

/// Takes out `null`, which TOML has not, and says the range of each type of integer.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            without_null(object);
            integer_range(object);
            if let Some(Value::String(text)) = object.get_mut("description") {
                // Links of the code's documentation.
                *text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
            }
            object.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

fn without_null(object: &mut Map<String, Value>) {
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(all)) = object.get_mut("enum") {
        all.retain(|one| !one.is_null());
    }
    let Some(Value::Array(choices)) = object.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|one| one != "null"));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

fn integer_range(object: &mut Map<String, Value>) {
    let (min, max) = match object.get("format").and_then(Value::as_str) {
        Some("uint8") => (0, i64::from(u8::MAX)),
        Some("uint16") => (0, i64::from(u16::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("uint" | "uint64") => (0, i64::MAX),
        _ => return,
    };
    object.entry("minimum").or_insert(min.into());
    object.entry("maximum").or_insert(max.into());
}

/// An address to listen on.
pub(super) fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": SOCKET_ADDRESS })
}

/// Per cents by name.
pub(super) fn percents(_: &mut SchemaGenerator) -> Schema {
    let percent = json!({ "type": "integer", "format": "uint8", "minimum": 0, "maximum": 100 });
    json_schema!({ "type": "object", "additionalProperties": percent })
}

/// A decimal above zero.
pub(super) fn above_zero(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number"], "format": DECIMAL, "exclusiveMinimum": 0 })
}

/// A decimal that is not negative.
pub(super) fn not_negative(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number"], "format": AMOUNT, "minimum": 0 })
}

/// A text that no message shows.
pub(super) fn secret(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "writeOnly": true })
}

/// The kinds of venues.
pub(super) fn venue_kind(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": VENUES.map(|venue| venue.kind) })
}

/// End of the keys that are a share in parts per million.
const PPM_SUFFIX: &str = "_ppm";
/// The whole, in parts per million.
const PPM: u32 = 1_000_000;

/// Adds a key to the schema of a table.
fn add(schema: &mut Schema, key: &str, value: Value, is_required: bool) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(key.to_owned(), value);
    }
    if is_required && let Some(Value::Array(required)) = schema.get_mut("required") {
        required.push(key.into());
    }
}

/// The keys of an account's limits.
pub(super) fn add_limits(schema: &mut Schema) {
    for limit in LIMITS {
        let value = match limit.kind {
            LimitKind::Amount => json!({
                "type": ["string", "number"], "format": AMOUNT, "exclusiveMinimum": 0,
                "description": limit.help,
            }),
            // With 0 the account could never trade.
            LimitKind::Whole => {
                let most = if limit.key.ends_with(PPM_SUFFIX) { PPM } else { u32::MAX };
                json!({
                    "type": "integer", "format": "uint32", "minimum": 1, "maximum": most,
                    "description": limit.help,
                })
            }
        };
        add(schema, limit.key, value, limit.is_required);
    }
    schema.insert("additionalProperties".to_owned(), false.into());
}

/// The keys that only some venues read, and which kind of venue needs which of them.
pub(super) fn add_own_keys(schema: &mut Schema) {
    let mut needs = Vec::new();
    for venue in VENUES {
        for key in venue.own_keys {
            add(schema, key.name, own_key(venue.kind, key), false);
        }
        let needed: Vec<&str> =
            venue.own_keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
        if !needed.is_empty() {
            needs.push(json!({
                "if": { "properties": { "kind": { "const": venue.kind } } },
                "then": { "required": needed },
            }));
        }
    }
    schema.insert("allOf".to_owned(), needs.into());
    schema.insert("additionalProperties".to_owned(), false.into());
}

fn own_key(kind: &str, key: &OwnKey) -> Value {
    let use_of = if key.is_required { "needs" } else { "reads" };
    let description = format!("{} Only kind `{kind}` {use_of} the key.", key.help);
    match key.value {
        OwnValue::Text => json!({ "type": "string", "description": description }),
        OwnValue::Count => {
            let mut value = json!({
                "type": "integer", "format": "uint32", "description": description,
            });
            if let (Some(default), Some(object)) = (key.default, value.as_object_mut()) {
                object.insert("default".to_owned(), default.into());
            }
            value
        }
    }
}
