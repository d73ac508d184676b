//! What the Logon of each session must prove, with the secrets read.
//!
//! A line belongs here if it makes a session's part of the configuration into what the client
//! gateway checks a Logon against.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rutter_clients::{CertificatePin, Proof};
use rutter_transport::secret::Secret;
use rutter_transport::tls::{ClientTls, ServerTls};

use super::finding::{Fault, Findings, KeyError};
use super::fix::{FixConfig, TlsConfig};
use super::secret::read_secret;
use super::session::{LogonProof, SessionConfig};

/// Shortest password, in bytes.
const PASSWORD_BYTES_MIN: usize = 8;

/// Shortest secret of `hmac-sha256`, in bytes: nobody has to type it.
const HMAC_SECRET_BYTES_MIN: usize = 32;

/// The 12 bytes before an Ed25519 public key in its DER form (RFC 8410).
const ED25519_DER_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Checks `[fix]`, the certificates included.
pub(super) fn check(findings: &mut Findings, fix: &FixConfig, sessions: &[SessionConfig]) {
    if fix.listen.is_none() && fix.tls_listen.is_none() {
        let reason = "neither listen nor tls_listen is there";
        findings.add("fix.listen", Fault::MissingKey, reason);
    }
    if fix.tls_listen.is_some() != fix.tls.is_some() {
        let reason = "tls_listen and [fix.tls] go together";
        findings.add("fix.tls_listen", Fault::Conflict, reason);
    }
    if fix.logon.lockout_max_s < fix.logon.lockout_s {
        findings.add("fix.logon.lockout_max_s", Fault::Conflict, "less than lockout_s");
    }
    if let Err(error) = fix.logon.known() {
        findings.add_key("fix.logon", error);
    }
    for (at, session) in sessions.iter().enumerate() {
        if let Err(error) = Access::of(session) {
            findings.add_key(&format!("session[{at}]"), error);
        }
    }
    let authority = fix.tls.as_ref().and_then(|tls| tls.client_ca_file.as_ref());
    for (at, session) in sessions.iter().enumerate().filter(|_| authority.is_none()) {
        let keys = [
            ("certificate_sha256", &session.certificate_sha256),
            ("certificate_name", &session.certificate_name),
        ];
        for (key, _) in keys.into_iter().filter(|(_, value)| value.is_some()) {
            let path = format!("session[{at}].{key}");
            findings.add(&path, Fault::Conflict, "needs fix.tls.client_ca_file");
        }
    }
    if let Some(tls) = &fix.tls {
        check_tls(findings, tls);
    }
}

fn check_tls(findings: &mut Findings, tls: &TlsConfig) {
    if tls.require_client_cert && tls.client_ca_file.is_none() {
        let reason = "needs client_ca_file";
        findings.add("fix.tls.require_client_cert", Fault::Conflict, reason);
        return;
    }
    if let Some(path) = &tls.client_ca_file
        && let Err(error) = ClientTls::load(Some(path))
    {
        findings.add("fix.tls.client_ca_file", Fault::BadCertificate, error.to_string());
    }
    // One identity at a time, so that each wrong file is a finding.
    for (at, identity) in tls.identity.iter().enumerate() {
        let path = format!("fix.tls.identity[{at}]");
        let certificate = CertificateDer::from_pem_file(&identity.cert_file).map(drop);
        let key = PrivateKeyDer::from_pem_file(&identity.key_file).map(drop);
        for (name, file, read) in
            [("cert_file", &identity.cert_file, certificate), ("key_file", &identity.key_file, key)]
        {
            let Err(error) = read else { continue };
            let is_io = matches!(error, rustls::pki_types::pem::Error::Io(_));
            let fault = if is_io { Fault::Unreadable } else { Fault::BadCertificate };
            let reason = format!("cannot read {}: {error}", file.display());
            findings.add(&format!("{path}.{name}"), fault, reason);
        }
        let alone = TlsConfig {
            identity: vec![identity.clone()],
            client_ca_file: None,
            require_client_cert: false,
        };
        if findings.is_clean(&path)
            && let Err(error) = ServerTls::load(alone.files())
        {
            findings.add(&path, Fault::BadCertificate, error.to_string());
        }
    }
    if findings.is_clean("fix.tls")
        && let Err(error) = ServerTls::load(tls.files())
    {
        findings.add("fix.tls", Fault::BadCertificate, error.to_string());
    }
}

/// The credentials that a session must present, with all secrets read.
#[derive(Clone, Debug)]
pub struct Access {
    /// What the Logon must prove.
    pub proof: Proof,
    /// What the client's certificate must be, if one is demanded.
    pub certificate: Option<CertificatePin>,
}

impl Access {
    /// Reads the secrets of one session from wherever they are.
    ///
    /// # Errors
    /// The key, never the value.
    pub fn of(session: &SessionConfig) -> Result<Self, KeyError> {
        use Fault::{BadSecret, Conflict, MissingKey};
        let wrong = |key, fault, reason| Err(KeyError::new(key, fault, reason));
        let certificate = certificate_of(session)?;
        if session.logon != LogonProof::Ed25519 && session.public_key.is_some() {
            return wrong("public_key", Conflict, "is for logon = \"ed25519\"");
        }
        let proof = match session.logon {
            LogonProof::Password => Proof::Password(password_of(session, PASSWORD_BYTES_MIN)?),
            LogonProof::HmacSha256 => {
                Proof::HmacSha256(password_of(session, HMAC_SECRET_BYTES_MIN)?)
            }
            LogonProof::Ed25519 | LogonProof::Certificate if has_password(session) => {
                return wrong("password", Conflict, "is for other kinds of logon");
            }
            LogonProof::Ed25519 => {
                let text = session.public_key.as_deref().unwrap_or_default();
                let Some(public) = public_key(text) else {
                    return wrong("public_key", BadSecret, "not an Ed25519 public key in base64");
                };
                Proof::Ed25519(public)
            }
            LogonProof::Certificate if certificate.is_none() => {
                return wrong("logon", MissingKey, "needs certificate_sha256 or certificate_name");
            }
            LogonProof::Certificate => Proof::Nothing,
        };
        Ok(Self { proof, certificate })
    }
}

fn has_password(session: &SessionConfig) -> bool {
    session.password.is_some() || session.password_file.is_some() || session.password_env.is_some()
}

fn password_of(session: &SessionConfig, bytes_min: usize) -> Result<Secret, KeyError> {
    let keys = ["password", "password_file", "password_env"];
    let (key, secret) = match (&session.password, &session.password_file, &session.password_env) {
        (Some(secret), None, None) => (keys[0], secret.clone()),
        (None, Some(path), None) => {
            let unreadable = |reason| KeyError::new(keys[1], Fault::Unreadable, reason);
            (keys[1], read_secret(path).map_err(unreadable)?)
        }
        (None, None, Some(name)) => {
            // Not even the name: it may be the value, by mistake.
            let unset = "no environment variable of this name is set";
            let unset = |_| KeyError::new(keys[2], Fault::Unreadable, unset);
            (keys[2], Secret::new(std::env::var(name).map_err(unset)?))
        }
        (None, None, None) => {
            let reason = "one of password, password_file and password_env must be there";
            return Err(KeyError::new(keys[0], Fault::MissingKey, reason));
        }
        _ => {
            let reason = "only one of password, password_file and password_env can be there";
            return Err(KeyError::new(keys[0], Fault::Conflict, reason));
        }
    };
    if secret.len() < bytes_min {
        let reason = format!("shorter than {bytes_min} characters");
        return Err(KeyError::new(key, Fault::BadSecret, reason));
    }
    Ok(secret)
}

fn public_key(text: &str) -> Option<[u8; 32]> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    bytes.strip_prefix(&ED25519_DER_PREFIX).unwrap_or(&bytes).try_into().ok()
}

fn certificate_of(session: &SessionConfig) -> Result<Option<CertificatePin>, KeyError> {
    const SHA256: &str = "certificate_sha256";
    match (&session.certificate_sha256, &session.certificate_name) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(KeyError::new("certificate_name", Fault::Conflict, "not beside certificate_sha256"))
        }
        (None, Some(name)) => Ok(Some(CertificatePin::Name(name.clone()))),
        (Some(hex), None) => match fingerprint(hex) {
            Some(bytes) => Ok(Some(CertificatePin::Sha256(bytes))),
            None => Err(KeyError::new(SHA256, Fault::BadSecret, "not 64 hexadecimal digits")),
        },
    }
}

fn fingerprint(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let pairs: Vec<u8> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect::<Option<_>>()?;
    pairs.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError, LogonConfig};

    const SOUND: &str = include_str!("../../deploy/example.toml");
    const CANARY: &str = "canary-7f3a";

    fn with_session(lines: &str) -> Result<Config, ConfigError> {
        let text = SOUND.replacen("password = \"change-me-please\"", lines, 1);
        assert_ne!(text, SOUND);
        Config::parse(&text)
    }

    #[test]
    fn no_error_shows_a_secret() {
        for lines in [
            format!("pasword = \"{CANARY}\""),
            format!("password = [\"{CANARY}\"]"),
            format!("password = {{ is = \"{CANARY}\" }}"),
            format!("password = \"{CANARY}"),
            format!("password = {CANARY}"),
            format!("password = \"{CANARY}\" account"),
            format!("password = \"{CANARY}\"\npassword = \"{CANARY}\""),
            format!("password = \"{CANARY}\"\nlogon = \"hmac-sha256\""),
            format!("password = \"{CANARY}\"\nlogon = \"ed25519\""),
            format!("password = \"{CANARY}\"\npassword_env = \"HOME\""),
            format!("password = \"\\q{CANARY}\""),
        ] {
            let said = with_session(&lines).expect_err(&lines).to_string();
            assert!(!said.contains("canary"), "{said}");
        }
        let config = with_session(&format!("password = \"{CANARY}\"")).expect("sound");
        assert!(!format!("{config:?}").contains(CANARY));
    }

    #[test]
    fn a_secret_comes_from_the_file_an_environment_variable_or_a_file_of_its_own() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "from-a-file\n").expect("written");
        let length = |lines: &str| {
            let config = with_session(lines).expect("sound");
            match Access::of(&config.session[0]).expect("sound").proof {
                Proof::Password(secret) => secret.len(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(length(&format!("password_file = {path:?}")), "from-a-file".len());
        assert_eq!(length("password = \"from-the-text\""), "from-the-text".len());
        // Every test runs with this one.
        let manifest = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
        assert_eq!(length("password_env = \"CARGO_MANIFEST_DIR\""), manifest.len());
        assert!(with_session("password_env = \"NOT_SET_ANYWHERE\"").is_err());
        assert!(with_session("password_file = \"/nowhere\"").is_err());
        assert!(with_session("# none").is_err());
    }

    #[test]
    fn a_public_key_is_read_bare_and_as_openssl_writes_it() {
        let bare = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let wrapped = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert_eq!(public_key(bare), public_key(wrapped));
        assert!(public_key(bare).is_some());
        assert_eq!(public_key("AAAA"), None);
        assert!(with_session(&format!("logon = \"ed25519\"\npublic_key = \"{bare}\"")).is_ok());
        assert!(with_session("logon = \"ed25519\"\npublic_key = \"AAAA\"").is_err());
    }

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let hex = "0A:".repeat(31) + "ff";
        let bytes = fingerprint(&hex).expect("32 bytes");
        assert_eq!((bytes[0], bytes[31]), (10, 255));
        assert_eq!(fingerprint("0a0"), None);
        assert_eq!(fingerprint("zz"), None);
    }

    /// Its files are not there, so it is read and not checked.
    #[test]
    fn the_documented_configuration_is_one() {
        let document = include_str!("../../docs/fix/logon.md");
        let block = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let block = block.expect("a block");
        let (fix, session) = block.split_at(block.find("[[session]]").expect("a session"));
        let rest = SOUND.split_once("[[account]]").expect("an account");
        let head = rest.0.split_once("[fix]").expect("FIX").0;
        let session_from = rest.1.find("[[session]]").expect("a session");
        let session_to = rest.1.find("[[instrument]]").expect("an instrument");
        let (account, others) = (&rest.1[..session_from], &rest.1[session_to..]);
        let text = format!("{head}{fix}[[account]]{account}{session}{others}");
        let config: Config = toml::from_str(&text).expect("as documented");
        assert_eq!(config.session[0].logon, LogonProof::HmacSha256);
        let default = LogonConfig::default();
        assert_eq!(format!("{:?}", config.fix.logon), format!("{default:?}"));
        assert_eq!(config.fix.tls.map(|tls| tls.identity.len()), Some(1));
    }

    #[test]
    fn tls_is_configured_whole_or_not_at_all() {
        let refused = |from: &str, to: &str| {
            Config::parse(&SOUND.replacen(from, to, 1)).expect_err(to).to_string()
        };
        let listen = "listen = \"127.0.0.1:9878\"";
        assert!(refused(listen, "").contains("fix.listen"));
        assert!(refused(listen, "tls_listen = \"127.0.0.1:9879\"").contains("fix.tls"));
        let nowhere = format!(
            "{listen}\ntls_listen = \"127.0.0.1:9879\"\ntls.identity = [{{ \
             cert_file = \"/nowhere.pem\", key_file = \"/nowhere.key\" }}]"
        );
        assert!(refused(listen, &nowhere).contains("/nowhere.pem"));
        let pinned = "password = \"change-me-please\"\ncertificate_name = \"desk1.example\"";
        let said = with_session(pinned).expect_err("no authority").to_string();
        assert!(said.contains("client_ca_file"), "{said}");
    }
}
