//! TLS configuration of both sides: which roots a client trusts, which certificate a server shows.
//!
//! A line belongs here if it turns files into a `rustls` configuration. Carrying records over a
//! socket is `stream`. The crypto provider is ring, named explicitly, so that nothing depends on a
//! process-wide default that some other crate may have installed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

mod server;

pub use server::{
    IDENTITIES_MAX, Identity, PeerCertificate, ServerTls, ServerTlsConfig, TlsFacts, TlsFault,
};

/// Most certificates that one PEM file may hold.
pub const CERTIFICATES_MAX: usize = 1024;

/// Why a TLS configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or is not PEM.
    #[error("cannot read PEM file {path}: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The error of the PEM reader.
        source: rustls::pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("no certificate in {path}")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds more than [`CERTIFICATES_MAX`] certificates.
    #[error("more than {CERTIFICATES_MAX} certificates in {path}")]
    TooManyCertificates {
        /// The file.
        path: PathBuf,
    },
    /// A certificate, a key, or their combination is not acceptable.
    #[error("TLS configuration refused: {0}")]
    Rustls(#[from] rustls::Error),
    /// A certificate and its key do not belong together, or cannot be used.
    #[error("certificate {path} or its key refused: {source}")]
    Identity {
        /// The certificate's file.
        path: PathBuf,
        /// Why they do not fit.
        source: rustls::Error,
    },
    /// An acceptor has no certificate, or too many.
    #[error("{count} certificates to show, there must be 1 to {IDENTITIES_MAX}")]
    Identities {
        /// Number of certificates.
        count: usize,
    },
    /// The authorities of client certificates are not acceptable.
    #[error("authorities of client certificates refused: {0}")]
    ClientAuthority(String),
    /// The host cannot be a TLS server name.
    #[error("{host:?} is not a TLS server name")]
    ServerName {
        /// The host as configured.
        host: String,
    },
}

/// The client side of TLS, for sockets and for HTTP alike.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    /// The trusted certificates, if they came from a file; `None` for the built-in web roots.
    roots: Option<Arc<Vec<CertificateDer<'static>>>>,
}

impl ClientTls {
    /// Trusts the certificates of `ca_file` and no others, or the built-in web roots when `None`.
    ///
    /// # Errors
    /// Any [`TlsError`] about the file.
    pub fn load(ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        let roots = if let Some(path) = ca_file {
            let certificates = read_certificates(path)?;
            for certificate in &certificates {
                store.add(certificate.clone())?;
            }
            Some(Arc::new(certificates))
        } else {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            None
        };
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), roots })
    }

    /// The configuration for a `rustls` client connection.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The certificates read from the file, or `None` when the built-in web roots are trusted.
    pub(crate) fn roots(&self) -> Option<&[CertificateDer<'static>]> {
        self.roots.as_ref().map(|certificates| certificates.as_slice())
    }
}

/// The configuration of a server that shows the chain in `certificate_file`.
///
/// # Errors
/// Any [`TlsError`] about the files, or about a key that does not fit the certificate.
pub fn server_config(
    certificate_file: &Path,
    key_file: &Path,
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = read_certificates(certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|source| TlsError::Pem { path: key_file.to_owned(), source })?;
    server_config_of(chain, key)
}

/// The configuration of a server from a chain and a key in memory.
///
/// # Errors
/// [`TlsError::Rustls`] when the key does not fit the certificate.
pub fn server_config_of(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// The name that a client requests (SNI) and compares with the certificate.
///
/// # Errors
/// [`TlsError::ServerName`] when `host` is neither a DNS name nor an IP address.
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| TlsError::ServerName { host: host.to_owned() })
}

/// The crypto provider of all TLS in the product.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem_error = |source| TlsError::Pem { path: path.to_owned(), source };
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_file_iter(path).map_err(pem_error)? {
        if certificates.len() == CERTIFICATES_MAX {
            return Err(TlsError::TooManyCertificates { path: path.to_owned() });
        }
        certificates.push(certificate.map_err(pem_error)?);
    }
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file.pem");
        std::fs::write(&path, text).expect("a file");
        (folder, path)
    }

    #[test]
    fn the_web_roots_are_trusted_when_no_file_is_named() {
        let tls = ClientTls::load(None).expect("built-in roots");
        assert!(tls.roots().is_none());
    }

    #[test]
    fn a_missing_file_and_a_file_without_certificates_are_named_in_the_error() {
        let missing = ClientTls::load(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert!(matches!(missing, TlsError::Pem { .. }), "{missing}");
        let (_folder, path) = file_with("not PEM at all\n");
        let empty = ClientTls::load(Some(&path)).unwrap_err();
        assert!(matches!(empty, TlsError::NoCertificate { .. }), "{empty}");
        assert!(empty.to_string().contains("file.pem"));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let one = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("one");
        let two = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("two");
        let key = PrivateKeyDer::try_from(two.signing_key.serialize_der()).expect("a key");
        let refused = server_config_of(vec![one.cert.der().clone()], key).unwrap_err();
        assert!(matches!(refused, TlsError::Rustls(_)), "{refused}");
    }

    #[test]
    fn a_server_name_is_a_host_or_an_address() {
        assert!(server_name("ws.kraken.com").is_ok());
        assert!(server_name("127.0.0.1").is_ok());
        assert!(matches!(server_name("not a host"), Err(TlsError::ServerName { .. })));
    }
}
