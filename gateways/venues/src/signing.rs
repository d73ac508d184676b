//! Signatures and digests that venues ask for.
//!
//! A line belongs here if it computes a signature or digest of bytes. The choice of the bytes is
//! each venue's own rule.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::Ed25519KeyPair;
use ring::{digest, hmac};

use rutter_transport::secret::Secret;

/// Longest PEM text that is read, in bytes.
const PEM_BYTES_MAX: usize = 8 << 10;

/// Why a key cannot be used. The message never contains the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text has no `-----BEGIN PRIVATE KEY-----` block.
    #[error("not a PKCS#8 PEM private key")]
    NotPem,
    /// The text is not base64.
    #[error("key is not valid base64")]
    NotBase64,
    /// The key is not an Ed25519 key.
    #[error("not an Ed25519 private key")]
    NotEd25519,
}

/// Signs with an Ed25519 private key (pure, no prehash).
pub struct Ed25519Signer {
    pair: Ed25519KeyPair,
}

impl core::fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ed25519Signer(***)")
    }
}

impl Ed25519Signer {
    /// Reads a PKCS#8 PEM text: version 1, as `openssl genpkey` writes it, or version 2 with the
    /// public key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &Secret) -> Result<Self, KeyError> {
        let text = pem.expose();
        if text.len() > PEM_BYTES_MAX {
            return Err(KeyError::NotPem);
        }
        let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----").ok_or(KeyError::NotPem)?;
        let (body, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or(KeyError::NotPem)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| KeyError::NotBase64)?;
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| KeyError::NotEd25519)?;
        Ok(Self { pair })
    }

    /// The signature of `payload` in base64 (standard alphabet, padded): 88 characters.
    pub fn sign_base64(&self, payload: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(payload).as_ref())
    }
}

/// Base64, standard alphabet, padded.
pub fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a base64 text.
///
/// # Errors
/// [`KeyError::NotBase64`].
pub fn base64_decode(text: &str) -> Result<Vec<u8>, KeyError> {
    STANDARD.decode(text.trim()).map_err(|_| KeyError::NotBase64)
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// HMAC-SHA-256.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref());
    out
}

/// HMAC-SHA-512.
pub fn hmac_sha512(key: &[u8], bytes: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, key), bytes).as_ref());
    out
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Appends `text` percent-encoded: all but the unreserved characters of RFC 3986, section 2.3.
pub fn percent_encode(out: &mut String, text: &str) {
    use core::fmt::Write as _;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published by Binance for its FIX logon; verified independently.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn the_published_logon_signature_comes_out() {
        let signer = Ed25519Signer::from_pem(&Secret::from(PEM)).expect("key");
        let payload = b"A\x01EXAMPLE\x01SPOT\x011\x0120240627-11:17:25.223";
        assert_eq!(
            signer.sign_base64(payload),
            "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8\
             AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
        );
        assert_eq!(format!("{signer:?}"), "Ed25519Signer(***)");
    }

    #[test]
    fn our_own_websocket_logon_signature_comes_out() {
        let signer = Ed25519Signer::from_pem(&Secret::from(PEM)).expect("key");
        let payload = "apiKey=sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb\
            &timestamp=1649729878532";
        assert_eq!(
            signer.sign_base64(payload.as_bytes()),
            "QkxRSX10rV71REvvMibSfvHCKvHoDFDweKdzKXhHhcKI\
             GkHoZPXAPVNsZYgJtf0CuKIm+cVrCqO07JHjZCVpAg=="
        );
    }

    #[test]
    fn published_hmac_vectors_come_out() {
        let secret = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
        let rest = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
            &recvWindow=5000&timestamp=1499827319559";
        assert_eq!(
            hex(&hmac_sha256(secret, rest)),
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
        );
        let wide = b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY\
            &type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000\
            &timestamp=1499827319559";
        assert_eq!(
            hex(&hmac_sha256(secret, wide)),
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"
        );
    }

    #[test]
    fn digests_match_their_standards() {
        // FIPS 180-4 example "abc"; RFC 4231 test case 2.
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex(&hmac_sha512(b"Jefe", b"what do ya want for nothing?")),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
        assert_eq!(base64_decode(&base64_encode(b"\x00\xff")), Ok(vec![0, 255]));
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for (pem, error) in [
            ("", KeyError::NotPem),
            ("-----BEGIN PRIVATE KEY-----", KeyError::NotPem),
            ("-----BEGIN PRIVATE KEY-----!!-----END PRIVATE KEY-----", KeyError::NotBase64),
            ("-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----", KeyError::NotEd25519),
        ] {
            assert_eq!(Ed25519Signer::from_pem(&Secret::from(pem)).err(), Some(error));
        }
    }

    #[test]
    fn base64_is_percent_encoded_for_a_query() {
        let mut out = String::new();
        percent_encode(&mut out, "a+b/c==é-_.~");
        assert_eq!(out, "a%2Bb%2Fc%3D%3D%C3%A9-_.~");
    }
}
