//! The helper threads of a driver: one makes HTTP requests, one resolves host names. Both are off
//! the latency path. Both answer through a channel and wake the driver's poll.
//!
//! A line belongs here if it runs on such a thread.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use mio::Waker;

use crate::fault::Fault;
use crate::machine::{
    CloseReason, HTTP_BODY_BYTES_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADERS_MAX, HttpMethod,
    HttpRequest, HttpResponse, LinkId,
};
use crate::standing::Why;
use crate::tls::ClientTls;

/// Most HTTP requests that wait for the worker; one more fails at once.
pub const HTTP_QUEUE_MAX: usize = 256;

/// Most host names that wait for the resolver.
const RESOLVE_QUEUE_MAX: usize = 64;

/// Most addresses of one host that are tried.
const ADDRESSES_MAX: usize = 16;

/// The answer to an HTTP request.
pub(super) type HttpAnswer = (u64, Result<HttpResponse, Fault>);

/// The addresses of a link's attempt.
pub(super) type Resolution = (LinkId, u32, Result<Vec<SocketAddr>, Fault>);

/// A thread that turns jobs into answers.
#[derive(Debug)]
pub(super) struct Worker<J, A> {
    jobs: SyncSender<J>,
    answers: Receiver<A>,
}

impl<J: Send + 'static, A: Send + 'static> Worker<J, A> {
    fn start(
        name: String,
        queue_max: usize,
        waker: Arc<Waker>,
        mut work: impl FnMut(J) -> A + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel::<J>(queue_max);
        let (done, answers): (Sender<A>, Receiver<A>) = channel();
        std::thread::Builder::new().name(name).spawn(move || {
            for job in waiting {
                let answer = work(job);
                if done.send(answer).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, answers })
    }

    /// False when the queue is full, or the thread has died.
    pub(super) fn submit(&self, job: J) -> bool {
        match self.jobs.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    pub(super) fn answer(&self) -> Option<A> {
        self.answers.try_recv().ok()
    }
}

/// Starts the thread that makes the HTTP requests of one machine, one after the other.
pub(super) fn http_worker(
    name: &str,
    base: String,
    tls: &ClientTls,
    timeout: Duration,
    waker: Arc<Waker>,
) -> io::Result<Worker<HttpRequest, HttpAnswer>> {
    let agent = crate::http::agent(tls, timeout);
    Worker::start(format!("{name}-http"), HTTP_QUEUE_MAX, waker, move |request: HttpRequest| {
        (request.id, perform(&agent, &base, &request).map_err(|error| Fault::of_http(&error)))
    })
}

/// Starts the thread that resolves the host names of one machine's links.
pub(super) fn resolver(
    name: &str,
    waker: Arc<Waker>,
) -> io::Result<Worker<(LinkId, u32, String, u16), Resolution>> {
    Worker::start(
        format!("{name}-dns"),
        RESOLVE_QUEUE_MAX,
        waker,
        |(link, attempt, host, port): (LinkId, u32, String, u16)| {
            let found = (host.as_str(), port).to_socket_addrs();
            let addresses = found.map(|all| all.take(ADDRESSES_MAX).collect()).map_err(|error| {
                let text = format!("{host}: {error}");
                Fault::new(CloseReason::ConnectFailed, Why::NameNotResolved, &text)
            });
            (link, attempt, addresses)
        },
    )
}

fn perform(
    agent: &ureq::Agent,
    base: &str,
    request: &HttpRequest,
) -> Result<HttpResponse, ureq::Error> {
    let url = format!("{base}{}", request.target);
    let headers = &request.headers;
    let mut response = match request.method {
        HttpMethod::Get => {
            headers.iter().fold(agent.get(&url), |call, (n, v)| call.header(n, v)).call()?
        }
        HttpMethod::Delete => {
            headers.iter().fold(agent.delete(&url), |call, (n, v)| call.header(n, v)).call()?
        }
        HttpMethod::Post => {
            let mut call = headers.iter().fold(agent.post(&url), |call, (n, v)| call.header(n, v));
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                call = call.header("Content-Type", "application/x-www-form-urlencoded");
            }
            call.send(request.body.as_str())?
        }
    };
    let status = response.status().as_u16();
    let text = |value: &ureq::http::HeaderValue| value.to_str().ok().map(ToOwned::to_owned);
    let short = |value: &String| value.len() <= HTTP_HEADER_BYTES_MAX;
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value).filter(short)?)));
    let headers = headers.take(HTTP_HEADERS_MAX).collect();
    let body = response
        .body_mut()
        .with_config()
        .limit(HTTP_BODY_BYTES_MAX as u64)
        .lossy_utf8(true)
        .read_to_string()?;
    Ok(HttpResponse { status, headers, body })
}
