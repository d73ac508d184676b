//! The server side of TLS: several certificates chosen by SNI, an optional authority for client
//! certificates, and files that are read again when they change.
//!
//! A line belongs here if it needs a certificate and no socket. TLS is at least 1.2. No session is
//! resumed and no early data is taken, so every connection is checked anew.

use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert,
    VerifierBuilderError, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::{TlsError, provider, read_certificates};

/// Most certificates of one server.
pub const IDENTITIES_MAX: usize = 64;

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM file: the certificate, then the certificates that lead to its authority.
    pub certificate_file: PathBuf,
    /// PEM file: the private key.
    pub key_file: PathBuf,
}

/// The files of a server's TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTlsConfig {
    /// The certificates. The first whose names cover the client's request (SNI) is shown, or else
    /// the first of all. At most [`IDENTITIES_MAX`].
    pub identities: Vec<Identity>,
    /// PEM file: authorities of client certificates. Without it no client certificate is requested.
    pub client_ca_file: Option<PathBuf>,
    /// A client without a certificate is refused. Otherwise it may have none, but not a bad one.
    pub require_client_certificate: bool,
}

/// Size, time and identity of a file: tells whether it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// A server's TLS configuration, and the state of the files that it was made from.
#[derive(Debug)]
pub struct ServerTls {
    files: ServerTlsConfig,
    config: Arc<ServerConfig>,
    marks: Vec<Option<Mark>>,
}

impl ServerTls {
    /// Reads and checks all files.
    ///
    /// # Errors
    /// [`TlsError`]; it names the file if one file is at fault.
    pub fn load(files: ServerTlsConfig) -> Result<Self, TlsError> {
        let marks = marks(&files);
        let config = make(&files)?;
        Ok(Self { files, config, marks })
    }

    /// The configuration of new connections.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Reads the files again if one has changed since the last look; true if the new contents are
    /// in use. Connections that exist keep their configuration.
    ///
    /// # Errors
    /// [`TlsError`], once for each change: the old configuration stays in use.
    pub fn reload(&mut self) -> Result<bool, TlsError> {
        // Taken before the files are read: a change during the reading counts as another change.
        let marks = marks(&self.files);
        if marks == self.marks {
            return Ok(false);
        }
        self.marks = marks;
        self.config = make(&self.files)?;
        Ok(true)
    }
}

fn marks(files: &ServerTlsConfig) -> Vec<Option<Mark>> {
    let identities = files.identities.iter();
    let paths = identities.flat_map(|one| [&one.certificate_file, &one.key_file]);
    paths.chain(&files.client_ca_file).map(|path| mark(path)).collect()
}

fn mark(path: &Path) -> Option<Mark> {
    let of = std::fs::metadata(path).ok()?;
    let changed = (of.ctime(), of.ctime_nsec());
    Some(Mark { device: of.dev(), inode: of.ino(), bytes: of.size(), changed })
}

fn make(files: &ServerTlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    if files.identities.is_empty() || files.identities.len() > IDENTITIES_MAX {
        return Err(TlsError::Identities { count: files.identities.len() });
    }
    let identities =
        files.identities.iter().map(read_identity).collect::<Result<Vec<_>, TlsError>>()?;
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let builder =
        ServerConfig::builder_with_provider(provider()).with_protocol_versions(&versions)?;
    let builder = match &files.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in read_certificates(path)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            let verifier = if files.require_client_certificate {
                verifier
            } else {
                verifier.allow_unauthenticated()
            };
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Choice(identities)));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn read_identity(identity: &Identity) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = read_certificates(&identity.certificate_file)?;
    let path = &identity.key_file;
    let key = PrivateKeyDer::from_pem_file(path)
        .map_err(|source| TlsError::Pem { path: path.clone(), source })?;
    CertifiedKey::from_der(chain, key, &provider())
        .map(Arc::new)
        .map_err(|source| TlsError::Identity { path: identity.certificate_file.clone(), source })
}

/// Chooses a certificate by the name that a client requests.
#[derive(Debug)]
struct Choice(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let usable = || self.0.iter().filter(|one| one.key.choose_scheme(schemes).is_some());
        let asked = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let named = asked.and_then(|name| {
            usable().find(|one| one.cert.first().is_some_and(|leaf| is_for(leaf, &name)))
        });
        named.or_else(|| usable().next()).cloned()
    }
}

fn is_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    ParsedCertificate::try_from(certificate)
        .is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

/// A certificate that a client has shown and proved to own. A configured authority has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    certificate: CertificateDer<'static>,
    fingerprint: [u8; 32],
}

impl PeerCertificate {
    fn new(certificate: CertificateDer<'static>) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, &certificate);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest.as_ref());
        Self { certificate, fingerprint }
    }

    /// SHA-256 of its DER form, as `openssl x509 -fingerprint -sha256` prints it.
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Whether `name` is among its `subjectAltName`s (DNS names or IP addresses). A common name
    /// does not count (RFC 9525).
    pub fn has_name(&self, name: &str) -> bool {
        ServerName::try_from(name).is_ok_and(|name| is_for(&self.certificate, &name))
    }
}

/// What a finished handshake shows about a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// The requested name (SNI).
    pub server_name: Option<String>,
    /// The client's certificate.
    pub certificate: Option<PeerCertificate>,
}

impl TlsFacts {
    pub(crate) fn of(connection: &rustls::Connection) -> Self {
        let leaf = connection.peer_certificates().and_then(|chain| chain.first());
        let server_name = match connection {
            rustls::Connection::Server(server) => server.server_name().map(str::to_owned),
            rustls::Connection::Client(_) => None,
        };
        let certificate = leaf.map(|leaf| PeerCertificate::new(leaf.clone().into_owned()));
        Self { server_name, certificate }
    }
}

/// Why TLS with a peer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum TlsFault {
    /// The peer does not send TLS, but plain FIX, for instance.
    #[error("not TLS")]
    NotTls,
    /// No common version, cipher suite or signature scheme; at least TLS 1.2 is required.
    #[error("incompatible")]
    Incompatible,
    /// The peer shows no certificate where one is required.
    #[error("no client certificate")]
    NoCertificate,
    /// The peer's certificate is expired, of another authority, or otherwise not acceptable.
    #[error("bad client certificate")]
    BadCertificate,
    /// The peer refused us by an alert: it does not trust our certificate, for instance.
    #[error("refused by the peer")]
    RefusedByPeer,
    /// The peer breaks the protocol: damaged or oversized records, renegotiation.
    #[error("protocol violation")]
    Violation,
    /// The peer left during the handshake.
    #[error("left within the handshake")]
    Left,
    /// The handshake was not done in time.
    #[error("handshake timeout")]
    Stalled,
}

impl TlsFault {
    /// The TLS failure behind an error of a [`Stream`](crate::stream::Stream); `None` if the
    /// network failed and not TLS.
    pub fn of(error: &io::Error) -> Option<Self> {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        let Some(cause) = cause else {
            return match error.kind() {
                ErrorKind::UnexpectedEof => Some(Self::Left),
                ErrorKind::InvalidData => Some(Self::Violation),
                _ => None,
            };
        };
        Some(match cause {
            rustls::Error::InvalidMessage(
                rustls::InvalidMessage::InvalidContentType
                | rustls::InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            rustls::Error::PeerIncompatible(_) => Self::Incompatible,
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::InvalidCertificate(_) => Self::BadCertificate,
            rustls::Error::AlertReceived(_) => Self::RefusedByPeer,
            _ => Self::Violation,
        })
    }
}

impl From<VerifierBuilderError> for TlsError {
    fn from(error: VerifierBuilderError) -> Self {
        Self::ClientAuthority(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, of: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Identity {
        let certificate_file = folder.join(format!("{name}.pem"));
        let key_file = folder.join(format!("{name}.key"));
        std::fs::write(&certificate_file, of.cert.pem()).expect("written");
        std::fs::write(&key_file, of.signing_key.serialize_pem()).expect("written");
        Identity { certificate_file, key_file }
    }

    fn made(name: &str) -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate")
    }

    fn config(identities: Vec<Identity>) -> ServerTlsConfig {
        ServerTlsConfig { identities, client_ca_file: None, require_client_certificate: false }
    }

    #[test]
    fn files_that_do_not_fit_are_refused_by_name_and_without_the_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (one, two) = (made("one.example"), made("two.example"));
        let sound = write(folder.path(), "one", &one);
        ServerTls::load(config(vec![sound.clone()])).expect("sound");
        let other = write(folder.path(), "two", &two);
        let mixed = Identity { key_file: other.key_file, ..sound.clone() };
        let said = ServerTls::load(config(vec![mixed])).expect_err("mixed").to_string();
        assert!(said.contains("one.pem"), "{said}");
        let missing = Identity { key_file: folder.path().join("none.key"), ..sound.clone() };
        let said = ServerTls::load(config(vec![missing])).expect_err("missing").to_string();
        assert!(said.contains("none.key"), "{said}");
        let none = ServerTls::load(config(Vec::new())).expect_err("none");
        assert!(matches!(none, TlsError::Identities { count: 0 }), "{none}");
        let many = ServerTls::load(config(vec![sound; IDENTITIES_MAX + 1])).expect_err("many");
        assert!(matches!(many, TlsError::Identities { .. }), "{many}");
    }

    #[test]
    fn a_change_is_read_once_and_a_bad_one_told_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let identity = write(folder.path(), "one", &made("one.example"));
        let mut tls = ServerTls::load(config(vec![identity.clone()])).expect("sound");
        let first = tls.config();
        assert!(!tls.reload().expect("unchanged"));
        std::fs::write(&identity.certificate_file, "no certificate at all").expect("written");
        assert!(tls.reload().is_err());
        assert!(!tls.reload().expect("told already"));
        assert!(Arc::ptr_eq(&tls.config(), &first), "what was in use is in use");
        write(folder.path(), "one", &made("one.example"));
        assert!(tls.reload().expect("sound"));
        assert!(!Arc::ptr_eq(&tls.config(), &first));
        std::fs::remove_file(&identity.key_file).expect("removed");
        assert!(tls.reload().is_err());
    }

    #[test]
    fn a_certificate_has_the_names_in_it_and_no_others() {
        let certificate = PeerCertificate::new(made("desk1.example").cert.der().clone());
        assert!(certificate.has_name("desk1.example"));
        assert!(!certificate.has_name("desk2.example"));
        assert!(!certificate.has_name("rcgen self signed cert"), "a common name does not count");
        assert!(!certificate.has_name(""));
    }
}
