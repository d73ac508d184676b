//! How this workspace asks by HTTP: which roots, no redirects, no proxy, a time limit for all.
//!
//! A line belongs here if it holds for every HTTP client of ours. Calls block: they are made on
//! threads of their own.

use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::tls::{ClientTls, provider};

/// A client that gives up after `timeout`, however little the other side says by then. A status is
/// an answer, not an error; a redirect is one that is not followed.
pub fn agent(tls: &ClientTls, timeout: Duration) -> ureq::Agent {
    let roots = tls.roots().map_or(RootCerts::WebPki, |certificates| {
        certificates
            .iter()
            .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
            .collect::<Vec<_>>()
            .into()
    });
    ureq::Agent::config_builder()
        .tls_config(
            TlsConfig::builder()
                .root_certs(roots)
                .unversioned_rustls_crypto_provider(provider())
                .build(),
        )
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(timeout))
        .user_agent("rutter")
        .proxy(None)
        .build()
        .new_agent()
}
