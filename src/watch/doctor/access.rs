//! Checks the permissions of configuration, secrets, keys and data, and the validity of
//! certificates.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certificate::{Validity, validity};
use super::finding::Finding;
use crate::clock::unix_ns;
use crate::config::{AlertsConfig, Config};

/// A certificate that lasts less is warned of.
const DAYS_WARN: i64 = 14;

/// Certificates of one file that are looked at.
const CERTIFICATES_MAX: usize = 1_024;

const DAY_S: i64 = 86_400;

/// Checks permissions and certificates.
pub fn examine(config_file: &Path, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let in_text = config.session.iter().any(|session| session.password.is_some())
        || config.alerts.as_ref().is_some_and(AlertsConfig::has_secrets_in_text);
    findings.push(private(config_file, if in_text { 0o077 } else { 0o022 }));
    if config.node.data_dir.exists() {
        findings.push(private(&config.node.data_dir, 0o077));
    }
    for session in &config.session {
        findings.extend(session.password_file.as_deref().map(|path| private(path, 0o077)));
    }
    if let Some(alerts) = &config.alerts {
        findings.extend(alerts.secret_files().map(|path| private(path, 0o077)));
        let ca_files = alerts.webhook.iter().filter_map(|webhook| webhook.ca_file.as_deref());
        findings.extend(ca_files.map(|path| lasts(path, unix_s())));
    }
    for venue in &config.venue {
        findings.push(private(&venue.secret_file, 0o077));
        findings.extend(venue.ca_file.as_deref().map(|path| lasts(path, unix_s())));
    }
    if let Some(tls) = &config.fix.tls {
        for identity in &tls.identity {
            findings.push(private(&identity.key_file, 0o077));
            findings.push(lasts(&identity.cert_file, unix_s()));
        }
        findings.extend(tls.client_ca_file.as_deref().map(|path| lasts(path, unix_s())));
    }
    findings
}

fn unix_s() -> i64 {
    (unix_ns() / 1_000_000_000) as i64
}

/// A file with a bit of `forbidden` is open to others. Readable by the group is only a warning,
/// because a service may have its own group.
fn private(path: &Path, forbidden: u32) -> Finding {
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            let found = format!("{shown}: {error}");
            return Finding::fail("permissions", found, "the node's user must be able to read it");
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    let found = format!("{shown} is {mode:04o}");
    let closed = mode & !forbidden;
    let advice = format!("chmod {closed:o} {shown}");
    match mode & forbidden {
        0 => Finding::ok("permissions", found),
        open if open & 0o027 == 0 => Finding::warn("permissions", found, advice),
        _ => Finding::fail("permissions", found, advice),
    }
}

/// Remaining validity of the certificate in a file that ends first.
fn lasts(path: &Path, now_s: i64) -> Finding {
    let shown = path.display();
    let unreadable = |why: String| {
        Finding::fail("certificate", format!("{shown}: {why}"), "put a PEM certificate there")
    };
    let certificates = match CertificateDer::pem_file_iter(path) {
        Ok(certificates) => certificates,
        Err(error) => return unreadable(error.to_string()),
    };
    let mut first_end: Option<Validity> = None;
    for certificate in certificates.take(CERTIFICATES_MAX) {
        let Some(validity) = certificate.ok().and_then(|der| validity(&der)) else {
            return unreadable("not a certificate".to_owned());
        };
        if first_end.is_none_or(|first| validity.until_s < first.until_s) {
            first_end = Some(validity);
        }
    }
    let Some(Validity { from_s, until_s }) = first_end else {
        return unreadable("no certificate in it".to_owned());
    };
    let days = (until_s - now_s).div_euclid(DAY_S);
    let found = format!("{shown} lasts {days} days");
    if now_s < from_s {
        return Finding::fail("certificate", format!("{shown} is not valid yet"), "see the clock");
    }
    match days {
        days if days < 0 => {
            Finding::fail("certificate", format!("{shown} has ended"), "put a new one there")
        }
        days if days < DAYS_WARN => {
            Finding::warn("certificate", found, "put a new one there; it is read without a restart")
        }
        _ => Finding::ok("certificate", found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn file(dir: &Path, text: &str, mode: u32) -> std::path::PathBuf {
        let path = dir.join("file");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        path
    }

    #[test]
    fn a_secret_that_others_can_read_is_a_failure_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().expect("folder");
        for (mode, level) in [
            (0o600, Level::Ok),
            (0o400, Level::Ok),
            (0o640, Level::Warn),
            (0o644, Level::Fail),
            (0o660, Level::Fail),
        ] {
            let found = private(&file(dir.path(), "secret", mode), 0o077);
            assert_eq!(found.level, level, "{mode:o}: {found}");
        }
        let found = private(&file(dir.path(), "secret", 0o644), 0o077);
        assert!(found.advice.starts_with("chmod 600 "), "{found}");
        assert_eq!(private(&dir.path().join("absent"), 0o077).level, Level::Fail);
    }

    #[test]
    fn a_certificate_is_warned_of_two_weeks_before_it_ends() {
        let dir = tempfile::tempdir().expect("folder");
        let names = vec!["fix.example".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 7, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        let path = file(dir.path(), &pem, 0o644);
        // 2026-07-01T00:00:00Z.
        let end_s = 1_782_864_000;
        for (now_s, level) in [
            (end_s - 200 * DAY_S, Level::Fail),
            (end_s - 20 * DAY_S, Level::Ok),
            (end_s - 13 * DAY_S, Level::Warn),
            (end_s + 1, Level::Fail),
        ] {
            assert_eq!(lasts(&path, now_s).level, level, "{}", end_s - now_s);
        }
        let garbage = file(dir.path(), "nothing", 0o644);
        assert_eq!(lasts(&garbage, end_s).level, Level::Fail);
    }
}
