//! The interface through which a simulated venue is started by name.
//!
//! A line belongs here if every venue must answer it. The answers are each venue's `terms`, the
//! table of venues is [`Venue`](crate::Venue).

use crate::decimal;
use crate::engine::{Exchange, ExchangeConfig, InstrumentConfig};
use crate::flow::Flow;
use crate::front::Front;
use crate::order::AMOUNT_DECIMALS;
use crate::server::ListenerKind;
use ring::digest;

/// A venue could not be opened; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

/// One listener of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The key under which `rutter-tools sim` prints the address, such as `web_tls`.
    pub name: &'static str,
    /// What the listener speaks.
    pub kind: ListenerKind,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// HTTP and WebSocket, plain.
pub const WEB: Endpoint = Endpoint { name: "web", kind: ListenerKind::Web, tls: false };
/// HTTP and WebSocket over TLS.
pub const WEB_TLS: Endpoint = Endpoint { name: "web_tls", kind: ListenerKind::Web, tls: true };
/// FIX, plain.
pub const FIX: Endpoint = Endpoint { name: "fix", kind: ListenerKind::Raw, tls: false };
/// FIX over TLS.
pub const FIX_TLS: Endpoint = Endpoint { name: "fix_tls", kind: ListenerKind::Raw, tls: true };

/// The key with which the node logs on to a venue. Keys of a simulated venue are no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The public name of the key.
    pub api_key: String,
    /// Name of the file that the node reads the secret from.
    pub secret_file: &'static str,
    /// Text of that file.
    pub secret: String,
}

/// Where the node finds a venue, as its configuration spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLinks {
    /// `order_url`.
    pub order_url: String,
    /// `feed_url`.
    pub feed_url: String,
    /// Further lines of the venue's table, each with its line feed; empty if there are none.
    pub more: &'static str,
    /// As `more`, for the table of the node's further account.
    pub more_of_further: &'static str,
}

/// Addresses of a venue's listeners as `host:port`; empty where a venue has no such listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The listener of HTTP and WebSocket.
    pub web: String,
    /// The FIX listener.
    pub fix: String,
    /// Whether both speak TLS.
    pub tls: bool,
}

impl Reach {
    /// `ws` or `wss`.
    pub const fn ws(&self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }

    /// `tcp` or `tls`.
    pub const fn tcp(&self) -> &'static str {
        if self.tls { "tls" } else { "tcp" }
    }
}

/// A front that gives access to its exchange.
pub trait VenueFront: Front + std::fmt::Debug + Send {
    /// The exchange behind the front.
    fn exchange(&self) -> &Exchange;
    /// The exchange, for scripted participants; the next timer publishes their actions.
    fn exchange_mut(&mut self) -> &mut Exchange;
    /// Number of connections that market data goes to.
    fn feeds(&self) -> usize;
}

/// One simulated venue as its folder describes it.
pub trait SimulatedVenue: Sync {
    /// The listeners, in the order of their ports.
    fn endpoints(&self) -> &'static [Endpoint];
    /// Instruments, accounts, fees and rules with which the venue trades
    /// [`MARKETS`](crate::market::MARKETS).
    fn exchange_config(&self) -> ExchangeConfig;
    /// The node's key; equal seeds give equal keys.
    fn credentials(&self, seed: u64) -> Credentials;
    /// The key of the node's further account; equal seeds give equal keys.
    fn further_credentials(&self, seed: u64) -> Credentials;
    /// Opens the venue for the keys of that seed.
    ///
    /// # Errors
    /// [`OpenError`]: the terms contradict themselves.
    fn open(&self, seed: u64, flow: Option<Flow>) -> Result<Box<dyn VenueFront>, OpenError>;
    /// Where the node finds the venue.
    fn node_links(&self, reach: &Reach) -> NodeLinks;
}

/// A listing as the node's configuration spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The venue's symbol.
    pub symbol: String,
    /// Price step.
    pub tick: String,
    /// Quantity step.
    pub lot: String,
    /// Smallest quantity.
    pub qty_min: String,
    /// Largest quantity.
    pub qty_max: String,
    /// Smallest price times quantity.
    pub notional_min: String,
    /// Decimals with which the venue writes prices.
    pub price_decimals: usize,
    /// Decimals with which the venue writes quantities.
    pub qty_decimals: u32,
}

impl Listing {
    /// The listing of an instrument.
    pub fn of(config: &InstrumentConfig) -> Self {
        let quantity =
            |mantissa| decimal::format_trimmed(i128::from(mantissa), config.quantity_decimals);
        let tick = decimal::format_trimmed(i128::from(config.tick), config.price_decimals);
        Self {
            symbol: config.symbol.clone(),
            lot: quantity(config.lot),
            qty_min: quantity(config.min_quantity),
            qty_max: quantity(config.max_quantity),
            notional_min: decimal::format_trimmed(config.min_notional, AMOUNT_DECIMALS),
            price_decimals: decimal::written_decimals(&tick),
            qty_decimals: config.quantity_decimals,
            tick,
        }
    }
}

/// 32 bytes that follow from the seed and a name.
pub(crate) fn key_bytes(seed: u64, name: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&seed.to_le_bytes());
    context.update(name.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
