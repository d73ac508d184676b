//! The WebSocket API: requests by id, sessions, user data subscriptions.
//!
//! A line belongs here if only the WebSocket API needs it. Answers come from `ops`. Source: venue
//! reference (Binance), sections 2.2 and 4.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::engine::{AccountId, Event};
use super::super::front::{ConnId, FrontAction};
use super::auth::{self, ApiKey};
use super::error::ApiError;
use super::json::Object;
use super::ops::{Caller, Endpoint, Op};
use super::params::Params;
use super::render::{Renderer, TimeUnit};
use super::{BinanceFront, bad_key};

/// Most subscriptions of one connection.
pub const SUBSCRIPTIONS_MAX: usize = 16;
/// Longest text id of a request, in characters.
pub const REQUEST_ID_CHARS_MAX: usize = 36;

/// A WebSocket API connection.
#[derive(Clone, Debug)]
pub(super) struct ApiConn {
    session: Option<Session>,
    /// Account of each user data subscription.
    subscriptions: BTreeMap<u64, AccountId>,
    next_subscription: u64,
    unit: TimeUnit,
    rate_limits: bool,
    pub pinged_ns: u64,
    pub ponged_ns: u64,
    pub opened_ns: u64,
}

#[derive(Clone, Debug)]
struct Session {
    key: String,
    account: AccountId,
    since_ns: u64,
    /// Id of the subscription that the session made.
    subscription: Option<u64>,
}

impl ApiConn {
    pub fn new(now_ns: u64, query: &str) -> Self {
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|part| part.split_once('='));
            pairs.filter(|(n, _)| *n == name).map(|(_, v)| v).next_back()
        };
        Self {
            session: None,
            subscriptions: BTreeMap::new(),
            next_subscription: 0,
            unit: TimeUnit::parse(value("timeUnit")),
            rate_limits: value("returnRateLimits") != Some("false"),
            pinged_ns: now_ns,
            ponged_ns: now_ns,
            opened_ns: now_ns,
        }
    }

    fn subscribe(&mut self, account: AccountId) -> Result<u64, ApiError> {
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(ApiError::new(-1034, "Too many concurrent subscriptions."));
        }
        let id = self.next_subscription;
        self.next_subscription += 1;
        self.subscriptions.insert(id, account);
        Ok(id)
    }
}

#[derive(serde::Deserialize)]
struct Request<'a> {
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(default)]
    params: BTreeMap<String, Box<RawValue>>,
}

impl BinanceFront {
    /// Answers one request on a WebSocket API connection.
    pub(super) fn api_text(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        text: &str,
        out: &mut Vec<FrontAction>,
    ) {
        let request: Request<'_> = match serde_json::from_str(text) {
            Ok(request) => request,
            Err(error) => {
                let error = ApiError::new(-1135, format!("Invalid JSON Request: {error}"));
                self.respond(now_ns, conn, "null", Err(error), None, true, out);
                return;
            }
        };
        let id = request.id.map_or("null", RawValue::get);
        if !is_request_id(id) {
            let error = ApiError::new(-1100, "Illegal characters found in parameter 'id'.");
            self.respond(now_ns, conn, "null", Err(error), None, true, out);
            return;
        }
        let endpoint = Endpoint::ws(&request.method);
        let is_order = endpoint.is_some_and(Endpoint::is_order);
        let method = request.method;
        let params = request.params;
        self.cut_around(now_ns, conn, is_order, out, |front, out| {
            let mut account = None;
            let mut wants_limits = true;
            let answer = Params::from_json(params).and_then(|params| {
                wants_limits = params.get("returnRateLimits") != Some("false");
                front.check_maintenance(now_ns)?;
                match endpoint {
                    Some(endpoint) => {
                        front.api_endpoint(now_ns, conn, endpoint, &params, &mut account)
                    }
                    None => front.api_session(now_ns, conn, &method, &params, &mut account),
                }
            });
            front.respond(now_ns, conn, id, answer, account, wants_limits, out);
        });
    }

    fn api_endpoint(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        endpoint: &'static Endpoint,
        params: &Params,
        account: &mut Option<AccountId>,
    ) -> Result<String, ApiError> {
        let weight = endpoint.weight(params);
        self.limits.charge(now_ns, weight)?;
        if endpoint.signed {
            *account = Some(self.api_account(now_ns, conn, params)?);
        }
        if self.config.reject_unknown_parameters {
            endpoint.check_known(params, &["returnRateLimits"])?;
        }
        let unit = self.apis.get(&conn).map(|api| api.unit).unwrap_or_default();
        let caller = Caller { now_ns, account: *account, unit };
        let answer = self.answer(endpoint.op, &caller, params);
        if endpoint.op == Op::OrderPlace && answer.is_ok() {
            self.limits.refund(now_ns, weight);
        }
        answer
    }

    /// The account of a signed request: by its signature, or without one by the session.
    fn api_account(
        &self,
        now_ns: u64,
        conn: ConnId,
        params: &Params,
    ) -> Result<AccountId, ApiError> {
        let session = self.apis.get(&conn).and_then(|api| api.session.as_ref());
        if let Some(session) = session
            && params.get("apiKey").is_none()
            && params.get("signature").is_none()
        {
            auth::check_time(now_ns, params.get("timestamp"), params.get("recvWindow"))?;
            return Ok(session.account);
        }
        self.signed_key(now_ns, params).map(|key| key.account)
    }

    fn signed_key(&self, now_ns: u64, params: &Params) -> Result<&ApiKey, ApiError> {
        let key = params.need("apiKey")?;
        let key = self.config.keys.iter().find(|k| k.key == key).ok_or_else(bad_key)?;
        params.need("timestamp")?;
        let signature = params.need("signature")?;
        if !key.verifies(params.signing_text().as_bytes(), signature) {
            return Err(ApiError::new(-1022, "Signature for this request is not valid."));
        }
        auth::check_time(now_ns, params.get("timestamp"), params.get("recvWindow"))?;
        Ok(key)
    }

    fn api_session(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        method: &str,
        params: &Params,
        account: &mut Option<AccountId>,
    ) -> Result<String, ApiError> {
        self.limits.charge(now_ns, 2)?;
        match method {
            "session.logon" => self.api_logon(now_ns, conn, params, account),
            "session.status" => {
                let api = self.apis.get(&conn).ok_or_else(bad_key)?;
                Ok(session_status(api, now_ns))
            }
            "session.logout" => {
                let api = self.apis.get_mut(&conn).ok_or_else(bad_key)?;
                if let Some(id) = api.session.take().and_then(|s| s.subscription) {
                    api.subscriptions.remove(&id);
                }
                Ok(session_status(api, now_ns))
            }
            "userDataStream.subscribe" => {
                let api = self.apis.get_mut(&conn).ok_or_else(bad_key)?;
                let none = || ApiError::new(-2015, "No session: log on first.").with_status(401);
                let session = api.session.as_ref().ok_or_else(none)?;
                if session.subscription.is_some_and(|id| api.subscriptions.contains_key(&id)) {
                    return Err(ApiError::new(-2035, "Subscription already active."));
                }
                *account = Some(session.account);
                let id = api.subscribe(session.account)?;
                if let Some(session) = &mut api.session {
                    session.subscription = Some(id);
                }
                Ok(Object::new().number("subscriptionId", id).finish())
            }
            "userDataStream.subscribe.signature" => {
                let owner = self.signed_key(now_ns, params)?.account;
                *account = Some(owner);
                let api = self.apis.get_mut(&conn).ok_or_else(bad_key)?;
                let id = api.subscribe(owner)?;
                Ok(Object::new().number("subscriptionId", id).finish())
            }
            "userDataStream.unsubscribe" => self.api_unsubscribe(conn, params),
            other => Err(ApiError::new(-1000, format!("Unknown method '{other}'."))),
        }
    }

    fn api_logon(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        params: &Params,
        account: &mut Option<AccountId>,
    ) -> Result<String, ApiError> {
        let key = self.signed_key(now_ns, params)?;
        if key.ed25519_public.is_none() {
            let text = "Unsupported API key type for session.logon: Ed25519 is required.";
            return Err(ApiError::new(-4056, text));
        }
        let session = Session {
            key: key.key.clone(),
            account: key.account,
            since_ns: now_ns,
            subscription: None,
        };
        *account = Some(session.account);
        let api = self.apis.get_mut(&conn).ok_or_else(bad_key)?;
        api.session = Some(session);
        Ok(session_status(api, now_ns))
    }

    /// Ends one subscription, or all subscriptions of the connection if the request names none.
    fn api_unsubscribe(&mut self, conn: ConnId, params: &Params) -> Result<String, ApiError> {
        let only = params.optional_number("subscriptionId")?;
        let api = self.apis.get_mut(&conn).ok_or_else(bad_key)?;
        let before = api.subscriptions.len();
        api.subscriptions.retain(|id, _| only.is_some_and(|only| only != *id));
        if api.subscriptions.len() == before {
            return Err(ApiError::new(-2036, "Subscription not active."));
        }
        Ok("{}".to_owned())
    }

    #[expect(clippy::too_many_arguments, reason = "one response is made of just these parts")]
    fn respond(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        id: &str,
        answer: Result<String, ApiError>,
        account: Option<AccountId>,
        wants_limits: bool,
        out: &mut Vec<FrontAction>,
    ) {
        let Some(api) = self.apis.get(&conn) else { return };
        let with_limits = api.rate_limits && wants_limits;
        let object = Object::new().raw("id", id);
        let object = match answer {
            Ok(result) => object.number("status", 200).raw("result", &result),
            Err(error) => object.number("status", error.status).raw("error", &error.body()),
        };
        let object = if with_limits {
            object.raw("rateLimits", &self.limits.render(now_ns, account, true))
        } else {
            object
        };
        out.push(FrontAction::Text(conn, object.finish()));
    }

    /// Sends an account's event to its user data subscribers.
    pub(super) fn tell_user_data(&self, now_ns: u64, event: &Event, out: &mut Vec<FrontAction>) {
        let owner = match event {
            Event::Report(report) => report.order.account,
            Event::Deposit { account, .. } => *account,
            Event::Level(_) | Event::Trade(_) => return,
        };
        for (conn, api) in &self.apis {
            for (id, _) in api.subscriptions.iter().filter(|(_, account)| **account == owner) {
                let renderer = Renderer { exchange: &self.exchange, unit: api.unit };
                let wrap = |event: &str| {
                    let text = Object::new().number("subscriptionId", *id).raw("event", event);
                    FrontAction::Text(*conn, text.finish())
                };
                match event {
                    Event::Report(report) => {
                        out.push(wrap(&renderer.execution_report(report, now_ns)));
                        // Every report changes a balance, free or locked.
                        out.push(wrap(&renderer.position(report, now_ns)));
                    }
                    Event::Deposit { asset, amount, time_ns, .. } => {
                        out.push(wrap(&renderer.balance_update(*asset, *amount, *time_ns)));
                    }
                    Event::Level(_) | Event::Trade(_) => {}
                }
            }
        }
    }
}

fn session_status(api: &ApiConn, now_ns: u64) -> String {
    let object = match &api.session {
        Some(session) => Object::new()
            .text("apiKey", &session.key)
            .number("authorizedSince", api.unit.of(session.since_ns)),
        None => Object::new().raw("apiKey", "null").raw("authorizedSince", "null"),
    };
    let session_subscription = api.session.as_ref().and_then(|s| s.subscription);
    object
        .number("connectedSince", api.unit.of(api.opened_ns))
        .flag("returnRateLimits", api.rate_limits)
        .number("serverTime", api.unit.of(now_ns))
        .flag(
            "userDataStream",
            session_subscription.is_some_and(|id| api.subscriptions.contains_key(&id)),
        )
        .finish()
}

/// Whether the id is an integer, `null`, or a text of at most 36 characters.
fn is_request_id(raw: &str) -> bool {
    if raw == "null" {
        return true;
    }
    match raw.strip_prefix('"') {
        Some(_) => serde_json::from_str::<String>(raw)
            .is_ok_and(|text| text.chars().count() <= REQUEST_ID_CHARS_MAX),
        None => raw.parse::<i64>().is_ok(),
    }
}
