//! Checks the permissions of configuration, secrets, keys and data, and the validity of
//! certificates.

use std::net::IpAddr;
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

/// Most folders and files of the data folder that are told of.
const FOUND_MAX: usize = 20;

/// Checks permissions and certificates.
pub fn examine(config_file: &Path, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let in_text = config.session.iter().any(|session| session.password.is_some())
        || config.alerts.as_ref().is_some_and(AlertsConfig::has_secrets_in_text);
    findings.push(private(config_file, if in_text { 0o077 } else { 0o022 }));
    findings.extend(data(config));
    let totp = config.console.as_ref().and_then(|console| console.totp_secret_file.as_deref());
    findings.extend(totp.map(|path| private(path, 0o077)));
    findings.extend(addresses(config));
    for session in &config.session {
        findings.extend(session.password_file.as_deref().map(|path| private(path, 0o077)));
    }
    if let Some(alerts) = &config.alerts {
        findings.extend(alerts.secret_files().map(|path| private(path, 0o077)));
        let ca_files = alerts.webhook.iter().filter_map(|webhook| webhook.ca_file.as_deref());
        findings.extend(ca_files.map(|path| authorities(path, unix_s())));
    }
    for venue in &config.venue {
        findings.push(private(&venue.secret_file, 0o077));
        findings.extend(venue.ca_file.as_deref().map(|path| authorities(path, unix_s())));
    }
    if let Some(tls) = &config.fix.tls {
        for identity in &tls.identity {
            findings.push(private(&identity.key_file, 0o077));
            findings.push(lasts(&identity.cert_file, unix_s()));
        }
        findings.extend(tls.client_ca_file.as_deref().map(|path| authorities(path, unix_s())));
    }
    findings
}

/// The data folder and everything in it, as a node makes them.
fn data(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "permissions";
    let folder = &config.node.data_dir;
    if std::fs::symlink_metadata(folder).is_err() {
        return Vec::new();
    }
    let readers = match config.node.readers() {
        Ok(readers) => readers,
        Err(error) => return vec![Finding::fail(CHECK, error.to_string(), "see /etc/group")],
    };
    let found = rutter_files::look(folder, readers, FOUND_MAX);
    if found.is_empty() {
        let found = format!("{} is closed to others", folder.display());
        return vec![Finding::ok(CHECK, found)];
    }
    let advice = "take what is not the node's away; the owner's chmod mends a mode";
    found.into_iter().map(|found| Finding::fail(CHECK, found, advice)).collect()
}

/// Where the node listens without encryption.
fn addresses(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "address";
    let mut findings = Vec::new();
    if let Some(at) = config.fix.listen {
        let found = format!("fix.listen {at} is not encrypted");
        let advice = "use fix.tls_listen, or an address of a private line";
        findings.push(match reach_of(at.ip()) {
            Reach::Machine => Finding::ok(CHECK, found),
            Reach::Private => Finding::warn(CHECK, found, advice),
            Reach::Public => Finding::fail(CHECK, format!("{found}, and public"), advice),
        });
    }
    if let Some(metrics) = config.metrics {
        let at = metrics.listen;
        let found = format!("metrics.listen {at} asks for no password");
        let advice = "use a loopback address, or one of a private network";
        findings.push(match reach_of(at.ip()) {
            Reach::Machine | Reach::Private => Finding::ok(CHECK, found),
            Reach::Public => Finding::fail(CHECK, format!("{found}, and is public"), advice),
        });
    }
    findings
}

/// Who may reach an address that the node listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// This machine.
    Machine,
    /// A private network: RFC 1918, RFC 4193 (`fc00::/7`), link-local addresses.
    Private,
    /// Everybody; also an address that stands for all of the machine's addresses.
    Public,
}

fn reach_of(address: IpAddr) -> Reach {
    match address.to_canonical() {
        address if address.is_loopback() => Reach::Machine,
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => Reach::Private,
        IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Reach::Private,
        _ => Reach::Public,
    }
}

/// The authorities in a file. A certificate that has ended vouches for nobody, and the others go
/// on: a bundle of many authorities always has some that end. So the last one counts.
fn authorities(path: &Path, now_s: i64) -> Finding {
    const CHECK: &str = "certificate";
    let shown = path.display();
    let all = match validities(path) {
        Ok(all) => all,
        Err(finding) => return finding,
    };
    let is_valid = |one: &&Validity| (one.from_s..=one.until_s).contains(&now_s);
    let valid = all.iter().filter(is_valid).count();
    let last_s = all.iter().filter(is_valid).map(|one| one.until_s).max();
    let Some(last_s) = last_s else {
        let found = format!("{shown}: none of {} authorities is valid", all.len());
        return Finding::fail(CHECK, found, "put a new one there");
    };
    let days = (last_s - now_s).div_euclid(DAY_S);
    let found = format!("{shown}: {valid} of {} authorities are valid, for {days} days", all.len());
    if days < DAYS_WARN {
        return Finding::warn(CHECK, found, "put a new one there");
    }
    Finding::ok(CHECK, found)
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

/// The validity of each certificate in a file; a finding if that cannot be read.
fn validities(path: &Path) -> Result<Vec<Validity>, Finding> {
    let unreadable = |why: String| {
        let found = format!("{}: {why}", path.display());
        Finding::fail("certificate", found, "put a PEM certificate there")
    };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    let each = certificates.take(CERTIFICATES_MAX).map(|one| validity(&one.ok()?));
    let all: Option<Vec<Validity>> = each.collect();
    let all = all.ok_or_else(|| unreadable("not a certificate".to_owned()))?;
    if all.is_empty() {
        return Err(unreadable("no certificate in it".to_owned()));
    }
    Ok(all)
}

/// Remaining validity of the certificate in a file that ends first.
fn lasts(path: &Path, now_s: i64) -> Finding {
    let shown = path.display();
    let all = match validities(path) {
        Ok(all) => all,
        Err(finding) => return finding,
    };
    let until_s = all.iter().map(|one| one.until_s).min().unwrap_or_default();
    let from_s = all.iter().map(|one| one.from_s).max().unwrap_or_default();
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
    use crate::config::MetricsConfig;

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
    fn what_is_not_encrypted_may_not_be_public() {
        let example = include_str!("../../../deploy/example.toml");
        let mut config = Config::parse(example).expect("sound");
        for (fix, metrics, levels) in [
            ("127.0.0.1:1", "[::1]:2", [Level::Ok, Level::Ok]),
            ("10.1.2.3:1", "192.168.1.1:2", [Level::Warn, Level::Ok]),
            ("[fd00::1]:1", "[fe80::1]:2", [Level::Warn, Level::Ok]),
            ("0.0.0.0:1", "[::]:2", [Level::Fail, Level::Fail]),
            ("203.0.113.9:1", "[2001:db8::1]:2", [Level::Fail, Level::Fail]),
            ("[::ffff:203.0.113.9]:1", "8.8.8.8:2", [Level::Fail, Level::Fail]),
        ] {
            config.fix.listen = Some(fix.parse().expect("an address"));
            config.metrics = Some(MetricsConfig { listen: metrics.parse().expect("an address") });
            let found: Vec<Level> = addresses(&config).iter().map(|one| one.level).collect();
            assert_eq!(found, levels, "{fix} {metrics}");
        }
    }

    #[test]
    fn what_the_product_made_passes_and_what_somebody_opened_or_planted_fails() {
        let dir = tempfile::tempdir().expect("folder");
        let mut config =
            Config::parse(include_str!("../../../deploy/example.toml")).expect("sound");
        config.node.data_dir = dir.path().join("data");
        assert!(data(&config).is_empty(), "a node makes it");
        rutter_files::make_passage(&config.node.data_dir).expect("made");
        rutter_files::make_folder(&config.node.data_dir.join("journal")).expect("made");
        let file = config.node.data_dir.join("journal/mark");
        drop(rutter_files::create_new(&file).expect("made"));
        assert_eq!(data(&config)[0].level, Level::Ok);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("set");
        std::os::unix::fs::symlink("/etc/passwd", config.node.data_dir.join("next.new"))
            .expect("planted");
        let found = data(&config);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|one| one.level == Level::Fail));
    }

    #[test]
    fn a_bundle_of_authorities_is_judged_by_those_that_still_vouch() {
        let dir = tempfile::tempdir().expect("folder");
        let pem = |until_year| {
            let names = vec!["ca.example".to_owned()];
            let mut params = rcgen::CertificateParams::new(names).expect("names");
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(until_year, 7, 1);
            let key = rcgen::KeyPair::generate().expect("a key");
            params.self_signed(&key).expect("signed").pem()
        };
        // 2026-07-01T00:00:00Z.
        let now_s = 1_782_864_000;
        let bundle = file(dir.path(), &format!("{}{}", pem(2024), pem(2030)), 0o644);
        let found = authorities(&bundle, now_s);
        assert_eq!(found.level, Level::Ok, "{found}");
        assert!(found.found.contains("1 of 2"), "{found}");
        assert_eq!(lasts(&bundle, now_s).level, Level::Fail, "a chain needs each of its own");
        let ended = file(dir.path(), &pem(2024), 0o644);
        assert_eq!(authorities(&ended, now_s).level, Level::Fail);
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
