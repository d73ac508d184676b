//! One-time codes of an authenticator (RFC 6238).
//!
//! A line belongs here if it checks such a code. Each code is taken once, and wrong codes are
//! limited.

use std::collections::BTreeSet;

use totp_rs::{Builder, Secret, Totp};

use super::frame::{Code, Failure};

/// Wrong codes in a row after which no code is taken for [`LOCK_S`].
pub const TRIES_MAX: u32 = 5;

/// How long no code is taken then, seconds.
pub const LOCK_S: u64 = 300;

/// Length of a step, seconds.
const STEP_S: u64 = 30;

/// Checks codes. It holds the secret, so it has no `Debug`.
pub struct TotpVerifier {
    totp: Totp,
    /// The newest step whose code was taken.
    used: u64,
    wrong: u32,
    locked_until_s: u64,
    /// The users whose codes were wrong since the last good one.
    guessers: BTreeSet<u32>,
}

impl TotpVerifier {
    /// Reads the secret in base32, as an authenticator gets it. Codes up to the step of `now_s`
    /// (seconds since the Unix epoch) count as used: an earlier process may have taken them.
    ///
    /// # Errors
    /// What is wrong with the secret, in words that do not show it.
    pub fn new(secret: &str, now_s: u64) -> Result<Self, String> {
        let secret = Secret::try_from_base32(secret.trim())
            .map_err(|_| "the TOTP secret is not base32".to_owned())?;
        // As authenticator apps have it: SHA-1, six digits, 30 s, one step to either side.
        let totp = Builder::new().with_secret(secret).build().map_err(|error| error.to_string())?;
        let used = now_s / STEP_S;
        Ok(Self { totp, used, wrong: 0, locked_until_s: 0, guessers: BTreeSet::new() })
    }

    /// Takes a code of a user (uid), at a time in seconds.
    ///
    /// # Errors
    /// [`Code::TotpRequired`], [`Code::TotpWrong`], [`Code::TotpLocked`].
    pub fn take(&mut self, uid: u32, code: Option<&str>, now_s: u64) -> Result<(), Failure> {
        if now_s < self.locked_until_s {
            let left = self.locked_until_s - now_s;
            let message = format!("too many wrong codes: none is taken for {left} s");
            return Err(Failure::new(Code::TotpLocked, message).with("seconds", left));
        }
        let Some(code) = code else {
            return Err(Failure::new(Code::TotpRequired, "totp: the authenticator's code"));
        };
        let found = self.totp.check(code, now_s);
        if let Some(step) = found.filter(|step| *step > self.used) {
            (self.used, self.wrong) = (step, 0);
            self.guessers.clear();
            return Ok(());
        }
        self.wrong += 1;
        self.guessers.insert(uid);
        if self.wrong >= TRIES_MAX {
            (self.wrong, self.locked_until_s) = (0, now_s + LOCK_S);
        }
        Err(Failure::new(Code::TotpWrong, "the code is wrong, or was used"))
    }

    /// Until when no code is taken, seconds since the Unix epoch; `None` if codes are taken.
    pub fn locked_until_s(&self, now_s: u64) -> Option<u64> {
        (now_s < self.locked_until_s).then_some(self.locked_until_s)
    }

    /// Whether somebody may lift the lock: not who caused it, because he could guess on.
    ///
    /// # Errors
    /// [`Code::NotLocked`], [`Code::SamePerson`].
    pub fn may_lift(&self, uid: u32, now_s: u64) -> Result<(), Failure> {
        if self.locked_until_s(now_s).is_none() {
            return Err(Failure::new(Code::NotLocked, "one-time codes are not locked"));
        }
        if self.guessers.contains(&uid) {
            let message = "whose codes were wrong cannot lift the lock himself";
            return Err(Failure::new(Code::SamePerson, message));
        }
        Ok(())
    }

    /// Codes are taken again.
    pub fn lift(&mut self) {
        (self.wrong, self.locked_until_s) = (0, 0);
        self.guessers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B: "12345678901234567890".
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    const UID: u32 = 1_000;

    fn codes() -> TotpVerifier {
        TotpVerifier::new(SECRET, 0).unwrap_or_else(|error| panic!("{error}"))
    }

    fn code(result: Result<(), Failure>) -> Option<Code> {
        result.err().map(|failure| failure.code)
    }

    #[test]
    fn the_published_codes_are_taken() {
        // The last six digits of the RFC's eight.
        for (now_s, text) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(codes().take(UID, Some(text), now_s), Ok(()), "{now_s}");
        }
    }

    #[test]
    fn a_code_is_taken_once_and_from_a_neighbouring_step_only() {
        let mut codes = codes();
        assert_eq!(codes.take(UID, Some("287082"), 59 + 30), Ok(()));
        assert_eq!(code(codes.take(UID, Some("287082"), 59)), Some(Code::TotpWrong));
        let mut codes = self::codes();
        assert_eq!(code(codes.take(UID, Some("287082"), 59 + 61)), Some(Code::TotpWrong));
        assert_eq!(code(codes.take(UID, None, 59)), Some(Code::TotpRequired));
    }

    #[test]
    fn wrong_codes_lock_it_for_a_while_even_for_the_right_one() {
        let mut codes = codes();
        for _ in 0..TRIES_MAX {
            assert_eq!(code(codes.take(UID, Some("000000"), 1_111_111_000)), Some(Code::TotpWrong));
        }
        assert_eq!(code(codes.take(UID, Some("081804"), 1_111_111_109)), Some(Code::TotpLocked));
        assert_eq!(codes.take(UID, Some("005924"), 1_234_567_890), Ok(()));
    }

    #[test]
    fn another_user_lifts_the_lock_and_who_guessed_does_not() {
        let (mut codes, now_s) = (codes(), 1_111_111_000);
        assert_eq!(code(codes.may_lift(9, now_s)), Some(Code::NotLocked));
        for _ in 0..TRIES_MAX {
            assert_eq!(code(codes.take(UID, Some("000000"), now_s)), Some(Code::TotpWrong));
        }
        assert_eq!(codes.locked_until_s(now_s), Some(now_s + LOCK_S));
        assert_eq!(code(codes.may_lift(UID, now_s)), Some(Code::SamePerson));
        assert_eq!(codes.may_lift(9, now_s), Ok(()));
        codes.lift();
        assert_eq!(codes.take(UID, Some("081804"), 1_111_111_109), Ok(()));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_without_being_shown() {
        for secret in ["", "not base32!", "GEZDGNBV"] {
            let error = TotpVerifier::new(secret, 0).err().expect("refused");
            assert!(secret.is_empty() || !error.contains(secret));
        }
    }
}
