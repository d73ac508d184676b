//! The border between a simulated exchange's dialect and whatever carries its bytes.
//!
//! A front speaks one venue's protocols (HTTP, WebSocket, FIX) over one [`Exchange`]; it owns no
//! socket and reads no clock. `server` carries it over real sockets, the seeded simulation test in
//! memory.
//!
//! [`Exchange`]: super::engine::Exchange

/// One accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// An HTTP request as a front sees it.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `GET`, `POST`, `DELETE`, `PUT`.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Raw query text without `?`; empty if none.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Raw body.
    pub body: String,
}

impl HttpRequest {
    /// First header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Headers beside Content-Length and Content-Type (always JSON).
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

/// What a front wants done on its connections.
#[derive(Clone, Debug)]
pub enum FrontAction {
    /// One WebSocket text message.
    Text(ConnId, String),
    /// Raw bytes (FIX).
    Bytes(ConnId, Vec<u8>),
    /// A WebSocket ping frame.
    Ping(ConnId),
    /// Close after what was queued before.
    Close(ConnId),
    /// The answer to the HTTP request that this connection sent.
    Http(ConnId, HttpReply),
}

impl FrontAction {
    /// The connection it concerns.
    pub fn conn(&self) -> ConnId {
        match self {
            Self::Text(conn, _)
            | Self::Bytes(conn, _)
            | Self::Ping(conn)
            | Self::Close(conn)
            | Self::Http(conn, _) => *conn,
        }
    }
}

/// One venue's dialect over one simulated exchange. Times are Unix nanoseconds.
pub trait Front {
    /// A raw (FIX) connection was accepted.
    fn on_raw_open(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>);
    /// Bytes on a raw connection.
    fn on_raw(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>);
    /// An HTTP request; answered at once or later with [`FrontAction::Http`].
    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    );
    /// A WebSocket was upgraded on this path and query.
    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>);
    /// One WebSocket text message.
    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>);
    /// A pong came back.
    fn on_ws_pong(&mut self, now_ns: u64, conn: ConnId);
    /// The connection is gone.
    fn on_closed(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>);
    /// Called at or after `next_timer_ns`: heartbeats, pings, conflated books, order flow.
    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>);
    /// When `on_timer` is due next.
    fn next_timer_ns(&self) -> Option<u64>;
    /// A fault on command, see `faults`: what only a dialect can do (wrong checksum, reject).
    fn inject(&mut self, now_ns: u64, fault: &super::faults::Fault, out: &mut Vec<FrontAction>);
}

impl<F: Front + ?Sized> Front for Box<F> {
    fn on_raw_open(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        (**self).on_raw_open(now_ns, conn, out);
    }

    fn on_raw(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>) {
        (**self).on_raw(now_ns, conn, bytes, out);
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        (**self).on_http(now_ns, conn, request, out);
    }

    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>) {
        (**self).on_ws_open(now_ns, conn, target, out);
    }

    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        (**self).on_ws_text(now_ns, conn, text, out);
    }

    fn on_ws_pong(&mut self, now_ns: u64, conn: ConnId) {
        (**self).on_ws_pong(now_ns, conn);
    }

    fn on_closed(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        (**self).on_closed(now_ns, conn, out);
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        (**self).on_timer(now_ns, out);
    }

    fn next_timer_ns(&self) -> Option<u64> {
        (**self).next_timer_ns()
    }

    fn inject(&mut self, now_ns: u64, fault: &super::faults::Fault, out: &mut Vec<FrontAction>) {
        (**self).inject(now_ns, fault, out);
    }
}
