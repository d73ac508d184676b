//! A certificate authority that lives as long as one run of the simulated venues.
//!
//! A line belongs here if it makes a certificate or the TLS configuration around it.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::ServerError;

/// Names in the server's certificate.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Makes an authority and a server certificate for `localhost` and 127.0.0.1, and returns the TLS
/// configuration of the listeners. Writes the authority's certificate as PEM to `ca_file`, for
/// clients to trust.
///
/// # Errors
/// [`ServerError`] if a certificate cannot be made or the file cannot be written.
pub fn self_made(ca_file: &Path) -> Result<Arc<ServerConfig>, ServerError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority.distinguished_name.push(DnType::CommonName, "Simulated venues, test authority");
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, NAMES[0]);
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &issuer)?;
    std::fs::write(ca_file, authority_certificate.pem())?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| ServerError::Key(error.to_owned()))?;
    // The provider is named, so that nothing depends on a default of the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(Arc::new(config))
}
