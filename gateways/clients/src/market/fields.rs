//! Tags and message types of market data (FIX 4.4 volumes 3 and 6; FIX 5.0 SP2 for 1021).
//!
//! A line belongs here if only market data messages have the field; all other tags are
//! `rutter_fix::tags`.

/// `MarketDataRequest`.
pub const MARKET_DATA_REQUEST: &[u8] = b"V";
/// `MarketDataSnapshotFullRefresh`.
pub const SNAPSHOT: &[u8] = b"W";
/// `MarketDataIncrementalRefresh`.
pub const INCREMENT: &[u8] = b"X";
/// `MarketDataRequestReject`.
pub const REQUEST_REJECT: &[u8] = b"Y";

/// `SecurityExchange`: the venue of a request or of an answer.
pub const SECURITY_EXCHANGE: u32 = 207;
/// `SubscriptionRequestType`.
pub const SUBSCRIPTION_REQUEST_TYPE: u32 = 263;
/// `MarketDepth`.
pub const MARKET_DEPTH: u32 = 264;
/// `MDUpdateType`.
pub const MD_UPDATE_TYPE: u32 = 265;
/// `AggregatedBook`.
pub const AGGREGATED_BOOK: u32 = 266;
/// `NoMDEntryTypes`.
pub const NO_MD_ENTRY_TYPES: u32 = 267;
/// `MDEntryDate`.
pub const MD_ENTRY_DATE: u32 = 272;
/// `MDEntryTime`.
pub const MD_ENTRY_TIME: u32 = 273;
/// `MDMkt`: the venue of an entry.
pub const MD_MKT: u32 = 275;
/// `MDEntryID`: the venue's number of a trade, before FIX 5.0.
pub const MD_ENTRY_ID: u32 = 278;
/// `MDUpdateAction`.
pub const MD_UPDATE_ACTION: u32 = 279;
/// `MDReqRejReason`.
pub const MD_REQ_REJ_REASON: u32 = 281;
/// `OpenCloseSettlFlag`.
pub const OPEN_CLOSE_SETTL_FLAG: u32 = 286;
/// `TradingSessionID`.
pub const TRADING_SESSION_ID: u32 = 336;
/// `Scope`.
pub const SCOPE: u32 = 546;
/// `MDImplicitDelete`.
pub const MD_IMPLICIT_DELETE: u32 = 547;
/// `ApplQueueMax`.
pub const APPL_QUEUE_MAX: u32 = 812;
/// `ApplQueueAction`.
pub const APPL_QUEUE_ACTION: u32 = 815;
/// `TradeID`: the venue's number of a trade, from FIX 5.0 on.
pub const TRADE_ID: u32 = 1003;
/// `MDBookType`.
pub const MD_BOOK_TYPE: u32 = 1021;
/// `AggressorSide`: the side that took, of FIX Latest (EP239).
pub const AGGRESSOR_SIDE: u32 = 2446;
