//! Certificates, made anew for each test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rutter_transport::tls::{Identity, ServerTls, ServerTlsConfig};
use tempfile::TempDir;

/// A certificate and its key.
pub struct Issued {
    pub certificate_pem: String,
    pub key_pem: String,
}

impl Issued {
    pub fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).expect("PEM")
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("PEM")
    }

    pub fn sha256(&self) -> [u8; 32] {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate());
        digest.as_ref().try_into().expect("32 bytes")
    }
}

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, "Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("key");
        let pem = params.self_signed(&key).expect("certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().expect("key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        Issued { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}

/// The files of a server, and who signed what.
pub struct Pki {
    pub folder: TempDir,
    /// Of servers.
    pub authority: Authority,
    /// Of clients.
    pub clients: Authority,
}

impl Pki {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (authority, clients) = (Authority::new(), Authority::new());
        std::fs::write(folder.path().join("clients.pem"), &clients.pem).expect("written");
        Self { folder, authority, clients }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a new certificate for `name`, as a tool does: into place by a rename.
    pub fn renew(&self, name: &str) -> Issued {
        let issued = self.authority.issue(name);
        put(&self.path(&format!("{name}.key")), &issued.key_pem);
        put(&self.path(&format!("{name}.pem")), &issued.certificate_pem);
        issued
    }

    /// What a server shows: certificates for these names.
    pub fn server(&self, names: &[&str], client_ca: bool, required: bool) -> ServerTls {
        let identity = |name: &&str| {
            self.renew(name);
            Identity {
                certificate_file: self.path(&format!("{name}.pem")),
                key_file: self.path(&format!("{name}.key")),
            }
        };
        ServerTls::load(ServerTlsConfig {
            identities: names.iter().map(identity).collect(),
            client_ca_file: client_ca.then(|| self.path("clients.pem")),
            require_client_certificate: required,
        })
        .expect("sound")
    }

    /// A client that trusts our authority, and shows `identity` if asked.
    pub fn client(
        &self,
        identity: Option<&Issued>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some(issued) => builder
                .with_client_auth_cert(vec![issued.certificate()], issued.key())
                .expect("an identity"),
        })
    }
}

pub fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(&new, path).expect("in place");
}
