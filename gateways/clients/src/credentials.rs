//! What a client's Logon must prove, and the secrets it is checked with.
//!
//! A line belongs here if it judges one Logon of one session. How often somebody may be wrong is
//! `lockout`; which connection a Logon came on is the gateway's. What a refused client is told is
//! always the same; the operator is told the [`LogonFault`].
//!
//! The comparisons are `ring`'s: their time does not depend on where two texts differ. Every part
//! is looked at whatever the others were.

use core::fmt;

use ring::hmac;
use ring::signature::{ED25519, UnparsedPublicKey};
use rutter_fix::codec::{Encoder, Message};
use rutter_fix::session::{LogonContext, Policy};
use rutter_fix::tags;
use rutter_transport::secret::Secret;
use rutter_transport::tls::TlsFacts;

mod signature;

use signature::{Replays, Signature, signed_text};

pub use signature::{REPLAYS_MAX, SIGNATURE_BYTES_MAX};

/// All that a client is told when its Logon is refused for what it proves.
pub const REFUSED_TEXT: &str = "Invalid credentials";

/// How a client proves that it is who its `CompID` says.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Not at all in the Logon: its certificate, or the network, has to do.
    Nothing,
    /// `Password` (554), or `RawData` (96) when there is none (FIX 4.2 has no 554), is this.
    Password(Secret),
    /// HMAC-SHA256 under this shared secret, over the signed text (`docs/fix/logon.md`).
    HmacSha256(Secret),
    /// Ed25519 (RFC 8032) over the same text; the client's public key.
    Ed25519([u8; 32]),
}

/// What a client's certificate must be, besides signed by a configured authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificatePin {
    /// SHA-256 of its DER form.
    Sha256([u8; 32]),
    /// One of its `subjectAltName`s.
    Name(String),
}

impl CertificatePin {
    fn is_met_by(&self, facts: Option<&TlsFacts>) -> bool {
        let Some(certificate) = facts.and_then(|facts| facts.certificate.as_ref()) else {
            return false;
        };
        match self {
            Self::Sha256(fingerprint) => certificate.fingerprint() == fingerprint,
            Self::Name(name) => certificate.has_name(name),
        }
    }
}

/// Why a Logon is refused for what it proves. The client is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum LogonFault {
    /// Too many failures before; whatever the Logon says.
    #[error("locked out")]
    LockedOut,
    /// The connection has no certificate, or not the one of this session.
    #[error("wrong certificate")]
    Certificate,
    /// `Username` (553) is not that of this session.
    #[error("wrong username")]
    Username,
    /// `Password` (554, or 96) is absent or wrong.
    #[error("wrong password")]
    Password,
    /// The signature is absent, malformed, or not that of this session over this Logon.
    #[error("wrong signature")]
    Signature,
    /// The signature is good; `SendingTime` (52) is too far from our clock.
    #[error("signed time outside the window")]
    Window,
    /// The signature is good and has been used before.
    #[error("replayed signature")]
    Replayed,
    /// The signature is good, and of a time before we let clients in: it may have been used before
    /// a restart.
    #[error("signed before the start")]
    BeforeStart,
    /// The signature is good; more than [`REPLAYS_MAX`] of them came within the window.
    #[error("too many signed logons")]
    TooMany,
}

impl LogonFault {
    /// Whether it may be a guess, which counts towards a lock-out. Who signs well does not guess.
    pub const fn is_guess(self) -> bool {
        match self {
            Self::Certificate | Self::Username | Self::Password | Self::Signature => true,
            Self::LockedOut | Self::Window | Self::Replayed | Self::BeforeStart | Self::TooMany => {
                false
            }
        }
    }
}

/// A [`Proof`], ready to check. A password is kept as its HMAC only.
enum Check {
    Nothing,
    Password(Matcher),
    HmacSha256(hmac::Key),
    Ed25519(UnparsedPublicKey<[u8; 32]>),
}

/// Compares with a text without keeping it.
struct Matcher {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Matcher {
    fn new(expected: &[u8]) -> Self {
        // The key only has to be the same on both sides: what it does is hide lengths.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"rutter credentials");
        let tag = hmac::sign(&key, expected);
        Self { key, tag }
    }

    fn matches(&self, given: &[u8]) -> bool {
        hmac::verify(&self.key, given, self.tag.as_ref()).is_ok()
    }
}

/// Judges the Logons of one session; lives as long as the session, over all its connections.
pub struct Credentials {
    username: Option<Matcher>,
    check: Check,
    pin: Option<CertificatePin>,
    window_ns: u64,
    replays: Replays,
    /// The signed text of the Logon at hand; kept for its room.
    text: Vec<u8>,
    /// The process lets clients in since then: what was used before it is not known.
    since_ns: u64,
    now_ns: u64,
    locked: bool,
    certified: bool,
    verdict: Option<Result<(), LogonFault>>,
}

/// Shows nothing that helps to log on.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = match self.check {
            Check::Nothing => "nothing",
            Check::Password(_) => "password",
            Check::HmacSha256(_) => "hmac-sha256",
            Check::Ed25519(_) => "ed25519",
        };
        let pinned = self.pin.is_some();
        f.debug_struct("Credentials")
            .field("proof", &proof)
            .field("pinned", &pinned)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// The credentials of one session: the `Username` (553), proof and certificate that its Logon
    /// must show. A signed time may be off by `window_ns` nanoseconds either way.
    pub fn new(
        username: Option<&str>,
        proof: &Proof,
        certificate: Option<CertificatePin>,
        window_ns: u64,
    ) -> Self {
        let check = match proof {
            Proof::Nothing => Check::Nothing,
            Proof::Password(secret) => Check::Password(Matcher::new(secret.expose().as_bytes())),
            Proof::HmacSha256(secret) => {
                Check::HmacSha256(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
            }
            Proof::Ed25519(key) => Check::Ed25519(UnparsedPublicKey::new(&ED25519, *key)),
        };
        Self {
            username: username.map(|name| Matcher::new(name.as_bytes())),
            check,
            pin: certificate,
            window_ns,
            replays: Replays::default(),
            text: Vec::new(),
            since_ns: 0,
            now_ns: 0,
            locked: false,
            certified: false,
            verdict: None,
        }
    }

    /// Clients are let in since `now_ns`. A Logon that was signed before may have been used with
    /// another process, whose memory is lost.
    pub(crate) const fn opened(&mut self, now_ns: u64) {
        self.since_ns = now_ns;
    }

    /// A connection names this session. `locked`: whatever it says, it is refused.
    pub(crate) fn arrives(&mut self, locked: bool, facts: Option<&TlsFacts>) {
        self.locked = locked;
        self.certified = self.pin.as_ref().is_none_or(|pin| pin.is_met_by(facts));
        self.verdict = None;
    }

    /// The time, before bytes are looked at.
    pub(crate) const fn at(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    /// How the newest Logon was judged, once.
    pub(crate) const fn take_verdict(&mut self) -> Option<Result<(), LogonFault>> {
        self.verdict.take()
    }

    fn judge(&mut self, logon: &Message<'_>) -> Result<(), LogonFault> {
        let given = |tag| logon.get(tag).unwrap_or(b"");
        let named = self.username.as_ref().is_none_or(|name| name.matches(given(tags::USERNAME)));
        let proved = match &self.check {
            Check::Nothing => Ok(()),
            Check::Password(password) => {
                let told = logon.get(tags::PASSWORD).unwrap_or_else(|| given(tags::RAW_DATA));
                let good = password.matches(told);
                if good { Ok(()) } else { Err(LogonFault::Password) }
            }
            Check::HmacSha256(_) | Check::Ed25519(_) => self.signed(logon),
        };
        if self.locked {
            Err(LogonFault::LockedOut)
        } else if !self.certified {
            Err(LogonFault::Certificate)
        } else if !named {
            Err(LogonFault::Username)
        } else {
            proved
        }
    }

    /// The signature first: its time is believed, and its place in the memory taken, only when it
    /// is good. So nobody but the client can fill that.
    fn signed(&mut self, logon: &Message<'_>) -> Result<(), LogonFault> {
        let signature = Signature::of(logon).ok_or(LogonFault::Signature)?;
        signed_text(logon, &mut self.text).ok_or(LogonFault::Signature)?;
        let good = match &self.check {
            Check::HmacSha256(key) => hmac::verify(key, &self.text, signature.bytes()).is_ok(),
            Check::Ed25519(key) => key.verify(&self.text, signature.bytes()).is_ok(),
            Check::Nothing | Check::Password(_) => false,
        };
        let sent_ns = logon.timestamp_ns(tags::SENDING_TIME).ok().flatten();
        let sent_ns = sent_ns.filter(|_| good).ok_or(LogonFault::Signature)?;
        if sent_ns.abs_diff(self.now_ns) > self.window_ns {
            return Err(LogonFault::Window);
        }
        if sent_ns < self.since_ns {
            return Err(LogonFault::BeforeStart);
        }
        let void_ns = sent_ns.saturating_add(self.window_ns);
        self.replays.take(self.now_ns, void_ns, &signature)
    }
}

impl Policy for Credentials {
    fn authenticate(&mut self, logon: &Message<'_>) -> Result<(), &'static str> {
        let verdict = self.judge(logon);
        self.verdict = Some(verdict);
        verdict.map_err(|_| REFUSED_TEXT)
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, _: &mut Encoder<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_secret_nor_what_is_made_from_one_prints() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        for proof in [Proof::Password(secret.clone()), Proof::HmacSha256(secret)] {
            let pin = CertificatePin::Sha256([7; 32]);
            let credentials = Credentials::new(Some("hunter3"), &proof, Some(pin), 1);
            let said = format!("{proof:?} {credentials:?}");
            assert!(!said.contains("hunter") && !said.contains("104, 117"), "{said}");
        }
    }
}
