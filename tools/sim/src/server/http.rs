//! The part of HTTP/1.1 that the fronts need: requests with a length, answers in JSON, and the
//! WebSocket upgrade.
//!
//! A line belongs here if it turns bytes into a request or an answer into bytes. No socket.

use crate::front::{HttpReply, HttpRequest};

/// Longest head of a request, in bytes.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Most headers of a request.
const HEADERS_MAX: usize = 64;

/// Why a request was refused; the connection closes after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The bytes are not an HTTP/1.1 request.
    #[error("malformed request")]
    Malformed,
    /// The head exceeds [`HEAD_BYTES_MAX`] or has more than 64 headers.
    #[error("request head too large")]
    HeadTooLarge,
    /// The body exceeds [`BODY_BYTES_MAX`].
    #[error("request body too large")]
    BodyTooLarge,
    /// The body is chunked, which is not supported.
    #[error("a body needs a Content-Length")]
    LengthRequired,
}

impl HttpError {
    /// The status code of the answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::HeadTooLarge => 431,
            Self::BodyTooLarge => 413,
            Self::LengthRequired => 411,
        }
    }
}

/// A whole request.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The request.
    pub request: HttpRequest,
    /// Length of the request in bytes.
    pub length: usize,
    /// Whether to close the connection after the answer.
    pub close: bool,
    /// `Sec-WebSocket-Key`, if the request asks for a WebSocket.
    pub upgrade_key: Option<String>,
}

/// Reads the first whole request of `bytes`; `None` while it is incomplete.
///
/// # Errors
/// [`HttpError`].
pub fn parse(bytes: &[u8]) -> Result<Option<Parsed>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(HttpError::HeadTooLarge),
        Err(_) => return Err(HttpError::Malformed),
    };
    let target = head.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = HttpRequest {
        method: head.method.unwrap_or("").to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::with_capacity(head.headers.len()),
        body: String::new(),
    };
    for header in head.headers.iter() {
        let value = std::str::from_utf8(header.value).map_err(|_| HttpError::Malformed)?;
        request.headers.push((header.name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let has = |name: &str, word: &str| {
        request.header(name).is_some_and(|value| {
            value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
        })
    };
    if request.header("transfer-encoding").is_some() {
        return Err(HttpError::LengthRequired);
    }
    let body_length = match request.header("content-length") {
        Some(text) => text.parse::<usize>().map_err(|_| HttpError::Malformed)?,
        None => 0,
    };
    if body_length > BODY_BYTES_MAX {
        return Err(HttpError::BodyTooLarge);
    }
    let Some(body) = bytes.get(length..length + body_length) else { return Ok(None) };
    let close = has("connection", "close") || head.version == Some(0);
    let upgrade = has("connection", "upgrade")
        && has("upgrade", "websocket")
        && request.header("sec-websocket-version") == Some("13");
    let upgrade_key =
        upgrade.then(|| request.header("sec-websocket-key").map(str::to_owned)).flatten();
    std::str::from_utf8(body).map_err(|_| HttpError::Malformed)?.clone_into(&mut request.body);
    Ok(Some(Parsed { request, length: length + body_length, close, upgrade_key }))
}

/// Renders an answer.
pub fn write(reply: &HttpReply, close: bool) -> Vec<u8> {
    use std::fmt::Write as _;
    let reason = match reply.status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Answer",
    };
    let mut head = String::with_capacity(192 + reply.body.len());
    let _ = write!(
        head,
        "HTTP/1.1 {} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if close {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    head.push_str(&reply.body);
    head.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_once_it_is_whole_and_what_follows_is_left() {
        let text = b"POST /0/private/Balance?a=b HTTP/1.1\r\nHost: h\r\nAPI-Key: K\r\n\
            Content-Length: 7\r\n\r\nnonce=1GET / HTTP/1.1\r\n\r\n";
        let whole = text.len() - 18;
        for cut in 0..whole {
            assert!(parse(&text[..cut]).expect("no error yet").is_none(), "cut at {cut}");
        }
        let parsed = parse(text).expect("no error").expect("whole");
        assert_eq!(parsed.length, whole);
        assert_eq!(parsed.request.path, "/0/private/Balance");
        assert_eq!(parsed.request.query, "a=b");
        assert_eq!(parsed.request.header("api-key"), Some("K"));
        assert_eq!(parsed.request.body, "nonce=1");
        assert!(!parsed.close && parsed.upgrade_key.is_none());
    }

    #[test]
    fn an_upgrade_is_recognized_whatever_the_case_and_lists() {
        let text = b"GET /v2 HTTP/1.1\r\nConnection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: abc=\r\n\r\n";
        let parsed = parse(text).expect("no error").expect("whole");
        assert_eq!(parsed.upgrade_key.as_deref(), Some("abc="));
    }

    #[test]
    fn what_is_too_large_or_no_http_is_refused() {
        let refused = |text: &[u8]| parse(text).expect_err("refused");
        assert_eq!(refused(b"\x16\x03\x01 garbage\r\n\r\n"), HttpError::Malformed);
        let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'x'; HEAD_BYTES_MAX]].concat();
        assert_eq!(refused(&long), HttpError::HeadTooLarge);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(refused(many.as_bytes()), HttpError::HeadTooLarge);
        assert_eq!(
            refused(b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"),
            HttpError::BodyTooLarge
        );
        assert_eq!(
            refused(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            HttpError::LengthRequired
        );
        assert_eq!(refused(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), HttpError::Malformed);
    }
}
