//! REST: routing, signatures, headers.
//!
//! A line belongs here if only HTTP needs it. Answers come from `ops`. Source: venue reference
//! (Binance), sections 2.1, 5 and 7.

use super::super::front::{ConnId, FrontAction, HttpReply, HttpRequest};
use super::error::ApiError;
use super::ops::{Caller, Endpoint, Op};
use super::params::{Params, split_signature};
use super::render::TimeUnit;
use super::{BinanceFront, auth, bad_key};

const PREFIX: &str = "/api/v3";

impl BinanceFront {
    /// Answers one HTTP request.
    pub(super) fn rest(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        let path = request.path.strip_prefix(PREFIX);
        let endpoint = path.and_then(|path| Endpoint::rest(&request.method, path));
        let Some(endpoint) = endpoint else {
            let known = path.is_some_and(Endpoint::path_exists);
            let status = if known { 405 } else { 404 };
            let body = "{\"code\":-1000,\"msg\":\"No such endpoint.\"}".to_owned();
            out.push(FrontAction::Http(conn, HttpReply { status, headers: Vec::new(), body }));
            return;
        };
        self.cut_around(now_ns, conn, endpoint.is_order(), out, |front, out| {
            let mut account = None;
            let answer = front.rest_answer(now_ns, endpoint, request, &mut account);
            let reply = front.reply(now_ns, account, answer);
            out.push(FrontAction::Http(conn, reply));
        });
    }

    fn rest_answer(
        &mut self,
        now_ns: u64,
        endpoint: &'static Endpoint,
        request: &HttpRequest,
        account: &mut Option<super::AccountId>,
    ) -> Result<String, ApiError> {
        self.check_maintenance(now_ns)?;
        let mut params = Params::default();
        params.add_encoded(&request.query)?;
        params.add_encoded(&request.body)?;
        let weight = endpoint.weight(&params);
        self.limits.charge(now_ns, weight)?;
        if endpoint.signed {
            *account = Some(self.rest_account(now_ns, request, &params)?);
        }
        if self.config.reject_unknown_parameters {
            endpoint.check_known(&params, &[])?;
        }
        let unit = TimeUnit::parse(request.header("x-mbx-time-unit"));
        let caller = Caller { now_ns, account: *account, unit };
        let answer = self.answer(endpoint.op, &caller, &params);
        if endpoint.op == Op::OrderPlace && answer.is_ok() {
            self.limits.refund(now_ns, weight);
        }
        answer
    }

    /// Checks key, signature and time, in this order.
    fn rest_account(
        &self,
        now_ns: u64,
        request: &HttpRequest,
        params: &Params,
    ) -> Result<super::AccountId, ApiError> {
        let key = request.header("x-mbx-apikey").unwrap_or("");
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ApiError::new(-2014, "API-key format invalid.").with_status(401));
        }
        let key = self.config.keys.iter().find(|k| k.key == key).ok_or_else(bad_key)?;
        params.need("timestamp")?;
        params.need("signature")?;
        let wrong = || ApiError::new(-1022, "Signature for this request is not valid.");
        let (payload, signature) =
            split_signature(&request.query, &request.body).ok_or_else(wrong)?;
        // Values must be percent-encoded before signing.
        if !payload.is_ascii() || !key.verifies(payload.as_bytes(), &signature) {
            return Err(wrong());
        }
        auth::check_time(now_ns, params.get("timestamp"), params.get("recvWindow"))?;
        Ok(key.account)
    }

    fn reply(
        &mut self,
        now_ns: u64,
        account: Option<super::AccountId>,
        answer: Result<String, ApiError>,
    ) -> HttpReply {
        let mut headers = Vec::new();
        let used = self.limits.weight_used(now_ns);
        headers.push(("X-MBX-USED-WEIGHT-1M".to_owned(), used.to_string()));
        if let Some(account) = account {
            let (ten, day) = self.limits.order_counts(now_ns, account);
            headers.push(("X-MBX-ORDER-COUNT-10S".to_owned(), ten.to_string()));
            headers.push(("X-MBX-ORDER-COUNT-1D".to_owned(), day.to_string()));
        }
        match answer {
            Ok(body) => HttpReply { status: 200, headers, body },
            Err(error) => {
                if matches!(error.status, 418 | 429) {
                    let seconds = self.limits.retry_after_s(now_ns);
                    headers.push(("Retry-After".to_owned(), seconds.to_string()));
                }
                HttpReply { status: error.status, headers, body: error.body() }
            }
        }
    }
}
