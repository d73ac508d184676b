//! The node's own latencies, out of its status.
//!
//! A line belongs here if it reads the `stages` of the answer to the console's verb `status`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::quantiles::Quantiles;

/// Latencies of both paths through the node, keyed by path and stage, such as `order.core`. A
/// number that is missing in the status counts as zero.
pub fn stages(status: &Value) -> BTreeMap<String, Quantiles> {
    let rows = status["stages"].as_array().map_or(&[][..], Vec::as_slice);
    let stage = |row: &Value| {
        let word = |key: &str| row[key].as_str().unwrap_or("?").to_owned();
        let count = |key: &str| row[key].as_u64().unwrap_or(0);
        let quantiles = Quantiles {
            p50: count("p50"),
            p99: count("p99"),
            p999: count("p999"),
            max: count("max"),
            count: count("count"),
        };
        (format!("{}.{}", word("path"), word("stage")), quantiles)
    };
    rows.iter().map(stage).collect()
}
