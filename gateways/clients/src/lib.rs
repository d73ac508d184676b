//! Client gateways: FIX orders in, execution reports out.
//!
//! [`gateway`] is the whole of it without a socket: bytes, outputs of the core and the time go in;
//! bytes, inputs for the core and requests to close come out. [`server`] carries it over TCP.
//! [`order`] turns a client's message into the core's terms, [`report`] the core's answer into
//! fields, [`refusal`] is the one table of words for "no". [`market`] and [`reference`] are what a
//! client may ask beside orders.
//!
//! [`credentials`], [`lockout`] and [`quiet`] keep the door.
//!
//! A line belongs here if it is about a client: who may log on, what its message means to the core,
//! how it is told. Sequence numbers and resending are `rutter-fix`; whether an order is good is the
//! core's; nothing here decides about an order.

pub mod config;
mod connection;
pub mod credentials;
pub mod gateway;
pub mod lockout;
pub mod market;
pub mod notice;
pub mod number;
pub mod order;
pub mod quiet;
pub mod reference;
pub mod refusal;
pub mod report;
pub mod server;
pub mod terms;
pub mod trace;

pub use config::{
    ConfigError, GatewayConfig, InstrumentConfig, Limits, SessionConfig, SessionKind,
};
pub use credentials::{CertificatePin, LogonFault, Proof};
pub use gateway::{ClientGateway, ClientInput};
pub use notice::{CloseReason, Counters, Notice, NoticeKind, OutputError, RecoveryError};
pub use report::Passport;
pub use server::{GatewayServer, Publish, ServerCounters, ServerError};
