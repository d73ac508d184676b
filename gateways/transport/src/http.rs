//! How this product makes HTTP requests: trusted roots, no redirects, no proxy, one time limit for
//! everything.
//!
//! A line belongs here if it holds for every HTTP client of the product. Calls block, so they are
//! made on threads of their own.

use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::tls::{ClientTls, provider};

/// A client that gives up after `timeout`, even if bytes still come. A status is an answer, not an
/// error; a redirect is an answer that is not followed.
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
