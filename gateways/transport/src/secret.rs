//! Texts that must not be printed: passwords, API keys, private keys, shared secrets.
//!
//! A line belongs here if it stores such a text. Signing with a key, or comparing with a password,
//! belongs to the gateway that does it.

use core::fmt;

use zeroize::Zeroizing;

/// A password, API key, private key or shared secret. `Debug` prints `***`. The memory is
/// overwritten when the value is dropped.
///
/// `==` takes a time that depends on the text. Never compare a peer's text by it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for signing, comparing, or the bytes that go to the peer. Never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length of the text in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(***)");
        assert_eq!(secret.expose(), "hunter2");
    }
}
