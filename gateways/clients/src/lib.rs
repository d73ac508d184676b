//! Client gateways: FIX orders in, execution reports out.
//!
//! [`gateway`] is all of it without a socket: connections, bytes, outputs of the core and the time
//! go in; bytes, inputs for the core and connections to close come out. [`server`] carries it over
//! TCP and TLS. [`order`] turns a client's message into an input for the core, [`report`] turns the
//! core's answer into FIX fields, and [`refusal`] is the one table of refusals. [`market`] and
//! [`reference`] answer what a client may ask besides orders. [`credentials`], [`lockout`] and
//! [`notice_limiter`] judge peers that are not logged on.
//!
//! A line belongs here if it is about a client: who may log on, what a message means to the core,
//! how an answer is written. Sequence numbers and resending are `rutter-fix`. Nothing here decides
//! about an order.

pub mod config;
mod connection;
pub mod credentials;
pub mod gateway;
pub mod known;
pub mod lockout;
pub mod market;
pub mod message_log;
pub mod notice;
pub mod notice_limiter;
pub mod number;
pub mod order;
mod preview;
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
pub use notice::{
    CloseReason, Counters, MaintainError, Notice, NoticeKind, NoticeLevel, OutputError,
};
pub use report::Passport;
pub use server::{GatewayServer, Publish, ServerCounters, ServerError};
