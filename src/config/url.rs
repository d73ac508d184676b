//! An address as the configuration writes it.

/// An address as the configuration writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// True if the connection uses TLS.
    pub tls: bool,
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query, `/` if none.
    pub target: String,
}

/// The schemes, each with whether the connection uses TLS.
const SCHEMES: [(&str, bool); 6] =
    [("tcp", false), ("tls", true), ("ws", false), ("wss", true), ("http", false), ("https", true)];

impl Url {
    /// Reads `scheme://host:port[/path]`, where the scheme is `tcp`, `tls`, `ws`, `wss`, `http` or
    /// `https`.
    ///
    /// # Errors
    /// The fault in the text, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("no scheme, as in wss://host:port")?;
        let Some((_, tls)) = SCHEMES.into_iter().find(|(known, _)| *known == scheme) else {
            let known = SCHEMES.map(|(known, _)| known).join(", ");
            return Err(format!("unknown scheme {scheme:?}, expected one of {known}"));
        };
        let (authority, target) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        let (host, port) = authority.rsplit_once(':').ok_or("no port, as in wss://host:port")?;
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or("the port is not from 1 to 65535")?;
        // A host is part of the requests' text.
        if host.is_empty() || !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            return Err("no host, or a character that no address has".to_owned());
        }
        Ok(Self { tls, host: host.to_owned(), port, target: target.to_owned() })
    }

    /// Reads an address that must have one of some schemes.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub(super) fn with_scheme(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let url = Self::parse(text)?;
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if schemes.contains(&scheme) {
            return Ok(url);
        }
        Err(format!("scheme {scheme:?} is none of {}", schemes.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_known_scheme_a_host_and_a_port() {
        let url = Url::parse("wss://ws.example:443/v2?a=b").expect("sound");
        assert_eq!((url.tls, url.host.as_str(), url.port), (true, "ws.example", 443));
        assert_eq!(url.target, "/v2?a=b");
        for text in ["h:1", "gopher://h:1", "ws://h", "ws://h:0", "ws://h:70000", "ws://:1", ""] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        assert!(Url::parse("ws://h\r\nX: y:1").is_err());
        assert!(Url::with_scheme("https://h:1", &["ws", "wss"]).is_err());
        assert!(Url::with_scheme("ws://h:1", &["ws", "wss"]).is_ok());
    }
}
