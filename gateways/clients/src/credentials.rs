//! What a client's Logon must prove, and the secrets that it is checked with.
//!
//! A line belongs here if it judges one Logon of one session. Counting wrong Logons is `lockout`. A
//! refused client is always told the same text; the operator is told the [`LogonFault`].
//!
//! The comparisons are `ring`'s: their time does not depend on where two texts differ. Every part
//! of a Logon is checked, whatever the result of the other parts.

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

/// `Text` (58) of the Logout after a failed proof.
pub const REFUSED_TEXT: &str = "Invalid credentials";

/// How a client proves that it owns its `CompID`.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The Logon proves nothing: the client's certificate, or the network, has to be enough.
    Nothing,
    /// `Password` (554) has to be this secret, or `RawData` (96) where there is no 554, as in FIX
    /// 4.2.
    Password(Secret),
    /// HMAC-SHA256 under this shared secret, over the signed text (`docs/fix/logon.md`).
    HmacSha256(Secret),
    /// Ed25519 (RFC 8032) over the same text, with this public key of the client.
    Ed25519([u8; 32]),
}

/// Which certificate a client must show; a configured authority must have signed it in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificatePin {
    /// SHA-256 of the certificate's DER form.
    Sha256([u8; 32]),
    /// A name in the certificate's `subjectAltName`.
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

/// Why a Logon fails its proof. The client is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum LogonFault {
    /// The address is locked out of this session, whatever the Logon says.
    #[error("locked out")]
    LockedOut,
    /// The connection has no certificate, or another one than this session's.
    #[error("wrong certificate")]
    Certificate,
    /// `Username` (553) is not this session's.
    #[error("wrong username")]
    Username,
    /// `Password` (554, or 96) is absent or wrong.
    #[error("wrong password")]
    Password,
    /// The signature is absent, malformed, or not this session's over this Logon.
    #[error("wrong signature")]
    Signature,
    /// The signature is right; `SendingTime` (52) is too far from our clock.
    #[error("signed time outside the window")]
    Window,
    /// The signature is right and was used before.
    #[error("replayed signature")]
    Replayed,
    /// The signature is right, and older than the gateway's start: it may have been used before a
    /// restart.
    #[error("signed before the start")]
    BeforeStart,
    /// The signature is right; more than [`REPLAYS_MAX`] were used within the window.
    #[error("too many signed logons")]
    TooMany,
}

impl LogonFault {
    /// Whether the Logon may be a guess, which counts towards a lock-out. A right signature is no
    /// guess.
    pub const fn is_guess(self) -> bool {
        match self {
            Self::Certificate | Self::Username | Self::Password | Self::Signature => true,
            Self::LockedOut | Self::Window | Self::Replayed | Self::BeforeStart | Self::TooMany => {
                false
            }
        }
    }
}

/// A [`Proof`] in the form that checks need. Of a password only the HMAC is kept.
enum Check {
    Nothing,
    Password(Matcher),
    HmacSha256(hmac::Key),
    Ed25519(UnparsedPublicKey<[u8; 32]>),
}

/// Compares a text with an expected one of which only the HMAC is kept.
struct Matcher {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Matcher {
    fn new(expected: &[u8]) -> Self {
        // Both texts get the same key. It needs no secrecy: the HMAC only makes their lengths
        // equal.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"rutter credentials");
        let tag = hmac::sign(&key, expected);
        Self { key, tag }
    }

    fn matches(&self, given: &[u8]) -> bool {
        hmac::verify(&self.key, given, self.tag.as_ref()).is_ok()
    }
}

/// Judges the Logons of one session, over all its connections.
pub struct Credentials {
    username: Option<Matcher>,
    check: Check,
    pin: Option<CertificatePin>,
    window_ns: u64,
    replays: Replays,
    /// The signed text of the current Logon; kept to reuse its memory.
    text: Vec<u8>,
    /// When the gateway began to let clients in. Signatures used before that time are not known.
    since_ns: u64,
    now_ns: u64,
    locked: bool,
    certified: bool,
    verdict: Option<Result<(), LogonFault>>,
}

/// Prints nothing that helps to log on.
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

    /// Clients are let in since `now_ns`. An older signature may have been used with an earlier
    /// process, whose memory is lost.
    pub(crate) const fn opened(&mut self, now_ns: u64) {
        self.since_ns = now_ns;
    }

    /// A connection names this session. `locked`: the Logon is refused, whatever it says.
    pub(crate) fn arrives(&mut self, locked: bool, facts: Option<&TlsFacts>) {
        self.locked = locked;
        self.certified = self.pin.as_ref().is_none_or(|pin| pin.is_met_by(facts));
        self.verdict = None;
    }

    /// Sets the time, before bytes are given to the session.
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

    /// The signature is checked first. Only a right one has its time believed and takes a place in
    /// the memory of used signatures, so nobody but the client can fill that memory.
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
