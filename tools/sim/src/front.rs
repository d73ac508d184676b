//! The interface between a venue's dialect and the carrier of its bytes.
//!
//! A line belongs here if both sides need it. A front speaks one venue's protocols (HTTP,
//! WebSocket, FIX) over one [`Exchange`]; it owns no socket and reads no clock. `server` carries a
//! front over real sockets, the seeded simulation test carries it in memory.
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
    /// Value of the first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Headers other than Content-Length and Content-Type, which is always JSON.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

/// What a front asks its carrier to do.
#[derive(Clone, Debug)]
pub enum FrontAction {
    /// Send one WebSocket text message.
    Text(ConnId, String),
    /// Send raw bytes (FIX).
    Bytes(ConnId, Vec<u8>),
    /// Send a WebSocket ping frame.
    Ping(ConnId),
    /// Close the connection after everything queued before.
    Close(ConnId),
    /// Send the answer to the connection's HTTP request.
    Http(ConnId, HttpReply),
}

impl FrontAction {
    /// The connection of the action.
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
    /// Bytes arrived on a raw connection.
    fn on_raw(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>);
    /// An HTTP request arrived; the front answers now or later with [`FrontAction::Http`].
    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    );
    /// A WebSocket was opened on this path and query.
    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>);
    /// One WebSocket text message arrived.
    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>);
    /// A WebSocket pong arrived.
    fn on_ws_pong(&mut self, now_ns: u64, conn: ConnId);
    /// The connection was closed.
    fn on_closed(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>);
    /// Called at or after `next_timer_ns`, for heartbeats, pings, conflated books and order flow.
    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>);
    /// When `on_timer` is due next.
    fn next_timer_ns(&self) -> Option<u64>;
    /// Injects a fault that only a dialect can make, such as a wrong checksum or a reject.
    fn inject(&mut self, now_ns: u64, fault: &super::fault::Fault, out: &mut Vec<FrontAction>);
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

    fn inject(&mut self, now_ns: u64, fault: &super::fault::Fault, out: &mut Vec<FrontAction>) {
        (**self).inject(now_ns, fault, out);
    }
}
