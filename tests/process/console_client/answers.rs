//! One answer of each verb, with every member that `docs/console.md` names.

use serde_json::{Value, json};

/// 2025-11-21 13:46:27.123 UTC.
pub const NOW_NS: u64 = 1_763_732_787_123_000_000;

/// Seconds before [`NOW_NS`].
pub fn ago(seconds: u64) -> u64 {
    NOW_NS - seconds * 1_000_000_000
}

pub fn venue(name: &str) -> Value {
    json!({
        "name": name, "up": true, "drained": false, "halted": false, "books": 4,
        "books_trusted": 4, "distrusted": {}, "distrusts": 2, "children": 1_204, "open_children": 7, "unknown": 0,
        "rejects": {"insufficient_funds": 3}, "fills": 1_100, "filled_notional": "1234567.50",
        "feed_age_ns": 12_400_000,
        "latency_ns": {"p50": 812_000, "p99": 3_420_000, "p999": 9_100_000, "max": 20_000_000,
                       "count": 1_204},
    })
}

pub fn session(name: &str, connected: bool) -> Value {
    json!({
        "name": name, "kind": "client", "account": "DESK", "events": 9, "connected": connected,
        "in_hours": connected, "disabled": false, "next_in": 1_201, "next_out": 2_402, "last_in_ns": ago(2),
        "backlog_bytes": 0, "open_orders": 12,
    })
}

pub fn stages() -> Value {
    json!([
        {"path": "order", "stage": "decode", "p50": 900, "p99": 2_100, "p999": 9_000,
         "max": 80_000, "count": 41_000},
        {"path": "order", "stage": "apply", "p50": 1_400, "p99": 4_300, "p999": 14_260,
         "max": 120_000, "count": 41_000},
    ])
}

pub fn status() -> Value {
    json!({
        "node": "RUTTER", "version": "0.1.0", "started_ns": ago(11_520), "now_ns": NOW_NS,
        "inputs": 120_345, "journal_seq": 120_345, "released_seq": 120_345,
        "durable_seq": 120_300, "unsynced_bytes": 4_608, "halted": false, "halts": [],
        "reduce_only": [], "wrong": [], "orders": 41_000, "orders_replayed": 52_000,
        "fills_replayed": 3_100, "open_orders": 12, "pending_orders": 1,
        "open_children": 14, "unknown_children": 0, "fills": 2_200, "reports": 84_000,
        "refused": {"rate": 12, "collar": 3}, "ended": {"filled": 40_000, "canceled": 988},
        "succeeded": 40_010, "failed": {"venue_busy": 30, "no_liquidity": 2},
        "cancels_stuck": 0, "odd_fills": 0, "illegal_events": 0, "found_after_end": 0,
        "bad_reference": 0, "output_stalls": 0,
        "rings": [{"ring": "input", "slots": 32_768, "used": 3},
                  {"ring": "output", "slots": 32_768, "used": 0}],
        "venues": [venue("BINANCE"), venue("KRAKEN")],
        "sessions": [session("DESK-1", true), session("DESK-2", false)],
        "stages": stages(),
    })
}

pub fn order(id: u64) -> Value {
    json!({
        "id": id, "session": "DESK-1", "account": "DESK", "cl_ord_id": format!("c-{id}"),
        "symbol": "BTC/USDT", "side": "buy", "type": "limit", "tif": "gtc", "qty": "1.500",
        "price": "65000.10", "filled": "0.500", "leaves": "1.000", "avg_px": "64999.90",
        "state": "working", "reason": null, "venues": ["BINANCE", "KRAKEN"], "unknown": 0,
        "time_ns": ago(61),
    })
}

fn story() -> Value {
    json!({
        "order": order(41_000),
        "children": [
            {"id": 7, "venue": "BINANCE", "side": "buy", "qty": "1.000", "price": "65000.10",
             "tif": "gtc", "state": "working", "filled": "0.500", "sent_ns": ago(60),
             "venue_order": "90071", "reason": null},
        ],
        "events": [
            {"seq": 120_001, "time_ns": ago(61), "what": "submitted", "child": null, "text": ""},
            {"seq": 120_009, "time_ns": ago(60), "what": "sent", "child": 7,
             "text": "BINANCE buy 1.000 at 65000.10"},
        ],
        "events_forgotten": 3,
    })
}

fn book() -> Value {
    json!({
        "symbol": "BTC/USDT",
        "venues": [
            {"venue": "BINANCE", "trusted": true, "age_ns": 12_400_000},
            {"venue": "KRAKEN", "trusted": false, "why": "a gap", "age_ns": 3_000_000_000_u64},
        ],
        "bids": [{"price": "64999.90", "qty": "2.000", "venue": "BINANCE"}],
        "asks": [{"price": "65000.10", "qty": "0.750", "venue": "BINANCE"},
                 {"price": "65000.20", "qty": "1.000", "venue": "BINANCE"}],
    })
}

fn instruments() -> Value {
    json!({"instruments": [
        {"symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "price_decimals": 2,
         "qty_decimals": 3, "halted": false, "reduce_only": true, "listings": [
            {"venue": "BINANCE", "enabled": true, "tick": "0.01", "lot": "0.001",
             "qty_min": "0.001", "notional_min": "5", "taker_fee_ppm": 1_000,
             "maker_fee_ppm": -50, "trusted": true},
            {"venue": "KRAKEN", "enabled": true, "tick": "0.1", "lot": "0.001",
             "qty_min": "0.001", "notional_min": "5", "taker_fee_ppm": 2_600,
             "maker_fee_ppm": 1_600, "trusted": false},
         ]},
    ]})
}

fn preview() -> Value {
    json!({
        "seq": 120_347, "time_ns": NOW_NS, "symbol": "BTC/USDT", "side": "buy", "qty": "3",
        "price": "65000.2", "tif": "ioc", "refusal": null,
        "legs": [{"venue": "BINANCE", "kind": "take", "qty": "1.75", "limit": "65000.2",
                  "fills": "1.75", "total": "113750.275", "total_all_in": "113864.025275"}],
        "filled": "1.75", "total": "113750.275", "total_all_in": "113864.025275",
        "average": "65000.157142857", "average_all_in": "65065.157300000",
        "left": "1.25", "left_why": "NoLiquidity", "left_waits": false,
        "venues": [
            {"venue": "BINANCE", "verdict": "Taken", "got": "1.75", "best": "65000.1",
             "best_all_in": "65065.1001"},
            {"venue": "KRAKEN", "verdict": "Untrusted", "got": null, "best": null,
             "best_all_in": null},
        ],
        "search": {"nodes": 0, "bounded": false},
    })
}

/// Answers to verbs that read.
pub fn of(verb: &str, request: &Value) -> Option<Value> {
    let answer = match verb {
        "status" => status(),
        "venues" => json!({"venues": status()["venues"]}),
        "sessions" => json!({"sessions": status()["sessions"]}),
        "latency" => json!({"stages": stages()}),
        "orders" => json!({"orders": [order(41_000), order(40_999)], "more": true}),
        "order" => story(),
        "book" => book(),
        "instruments" => instruments(),
        "positions" => json!({
            "positions": [{"account": "DESK", "symbol": "BTC/USDT", "base": "-1.500",
                           "cash": "97500.15"}],
            "fees": [{"account": "DESK", "asset": "USDT", "paid": "97.50"}],
        }),
        "bridges" => json!({
            "exposures": [{"id": 7, "account": "DESK", "desk": "HOUSE", "conversion": "USDT/USD",
                "asset": "USDT", "side": "buy", "amount": "9.90", "pending": "0",
                "counted": "9.90", "since_ns": ago(3), "order": null, "why": "BasisTooWide"}],
            "bridges": [{"account": "DESK", "instrument": "BTC/USD", "via": "BTC/USDT",
                "conversion": "USDT/USD", "desk": "HOUSE", "basis_bps": "20",
                "legging_max": "1000"}],
        }),
        "balances" => json!({"balances": [{"venue": "KRAKEN", "asset": "USDT",
            "total": "1000000", "in_orders": "32500.05", "told_ns": ago(3)}]}),
        "limits" => json!({"limits": [{"account": "DESK", "notional_max": "1000000",
            "collar_ppm": 50_000, "rate_per_s": 100, "open_orders_max": 12, "open_orders": 12}]}),
        "journal" => json!({"seq": 120_345, "released_seq": 120_345, "durable_seq": 120_300,
            "unsynced_bytes": 4_608, "segments": 3, "bytes": 201_326_592_u64,
            "free_bytes": 53_687_091_200_u64, "folder": "data/journal", "durability": "process",
            "sync_lag_ns": 4_000_000, "sync_mean_ns": 900_000}),
        "config" => json!({"text": "[node]\ndata_dir = \"data\"\n", "hash": "9f2c"}),
        "commands" => json!({"commands": [{"seq": 119_000, "time_ns": ago(100_000),
            "by": "alice+bob", "reason": "drill", "command": "halt venue KRAKEN", "affected": 7,
            "changes": [{"name": "halted", "old": "false", "new": "true"}], "refusal": null}],
            "attempts": [{"time_ns": ago(90_000), "by": "eve", "uid": 1_007, "verb": "resume",
            "args": {"reason": "why not"}, "code": "totp_wrong"}]}),
        "lockouts" => json!({"lockouts": [{"what": "codes", "session": null, "address": null,
            "failures": 5, "until_ns": NOW_NS + 60_000_000_000_u64}, {"what": "logon",
            "session": "DESK-1", "address": "192.0.2.7", "failures": 6,
            "until_ns": NOW_NS + 60_000_000_000_u64}]}),
        "pending" => json!({"pending": [{"pending": 4, "by": "bob", "verb": "cancel-all",
            "command": "cancel-all everything", "reason": "fat finger", "args": {},
            "expires_ns": NOW_NS + 60_000_000_000}]}),
        "route-preview" => preview(),
        "help" => json!({"verbs": [
            {"verb": "status", "role": "viewer", "changes": false, "args": [],
             "help": "what the node is doing"},
            {"verb": "venue-drain", "role": "operator", "changes": true,
             "args": [{"name": "venue", "type": "text", "required": true}],
             "help": "nothing new goes there"},
        ]}),
        _ => return changed(request),
    };
    Some(answer)
}

/// Answers to verbs that change something.
fn changed(request: &Value) -> Option<Value> {
    request["args"].get("reason")?;
    if request["args"]["dry_run"] == true {
        let verb = request["verb"].as_str()?;
        return Some(
            json!({"dry_run": true, "would": format!("{verb} everything"), "affected": 12}),
        );
    }
    Some(json!({"seq": 120_346, "time_ns": NOW_NS, "affected": 12}))
}
