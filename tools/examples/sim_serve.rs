//! Serves a simulated Kraken with background order flow on fixed ports, for a cross-check from
//! outside: `sim_serve <base port> <CA file>` listens on the base port (plain) and the two above
//! (plain, for the private endpoint; TLS).

use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rutter_tools::sim::faults::{FaultPlan, FaultyFront};
use rutter_tools::sim::flow::{Flow, FlowConfig, FlowInstrument};
use rutter_tools::sim::kraken::Kraken;
use rutter_tools::sim::kraken::config::{BACKGROUND, BACKGROUND_TAKER, KrakenConfig};
use rutter_tools::sim::server::{ListenerConfig, ListenerKind, VenueConfig, certificates, start};

fn clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let base: u16 = arguments.next().context("base port")?.parse()?;
    let ca_file = arguments.next().context("CA file")?;
    let tls = certificates::self_made(Path::new(&ca_file))?;
    let kraken = Kraken::new(KrakenConfig::standard("K", "c2VjcmV0"))?;
    let background = kraken.exchange().account(BACKGROUND).context("background account")?;
    let taker = kraken.exchange().account(BACKGROUND_TAKER).context("taker account")?;
    let starts_e8 = [60_000i64, 3_000, 150].map(|dollars| dollars * 100_000_000);
    let instruments = kraken
        .exchange()
        .instruments()
        .zip(starts_e8)
        .map(|((instrument, _), start_price_e8)| FlowInstrument {
            instrument,
            fundamental: u64::from(instrument.0),
            start_price_e8,
            volatility_ppm: 20,
            half_spread_ticks: 5,
            noise_ticks: 3,
            levels: 20,
            level_gap_ticks: 5,
            quote_lots: (1_000_000, 300_000_000),
            refresh_ppm: 50_000,
            taker_ppm: 200_000,
            taker_lots: (1_000_000, 20_000_000),
        })
        .collect();
    let flow = Flow::new(FlowConfig {
        seed: 1,
        venue_salt: 2,
        start_ns: clock(),
        step_ns: 50_000_000,
        maker: background,
        taker,
        instruments,
    });
    let listeners = [(0, false), (1, false), (2, true)]
        .map(|(offset, tls)| ListenerConfig {
            address: SocketAddr::from(([127, 0, 0, 1], base + offset)),
            tls,
            kind: ListenerKind::Web,
        })
        .to_vec();
    let front = Box::new(FaultyFront::new(kraken.with_flow(flow), FaultPlan::default()));
    let venue = VenueConfig { name: "kraken".to_owned(), front, listeners };
    let server = start(vec![venue], Some(&tls), clock)?;
    for at in server.addresses() {
        println!("{} {} {}", at.venue, at.address, if at.tls { "tls" } else { "plain" });
    }
    server.wait()?;
    Ok(())
}
