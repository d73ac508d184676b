//! Why a venue is not up: one list of reasons, from the socket to every screen.
//!
//! A line belongs here if a machine, its carrier and those who look at both must agree on it. How
//! an error of a socket becomes a reason is `fault`.

use core::fmt;

use crate::unread::Unread;

/// Most bytes of a reason's detail; a longer text is cut.
pub const DETAIL_BYTES_MAX: usize = 160;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $help:literal;)+) => {
        /// Why a venue is not up, or what goes wrong while it is up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Why {
            $(#[doc = $help] $(#[$doc])* $name,)+
        }

        impl Why {
            /// All reasons, in the order of the documents.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The reason in one word, which logs, screens, metrics and documents share.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The reason in a sentence without full stop.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)+ }
            }
        }
    };
}

reasons! {
    Connecting = "connecting", "the connection is being made, and nothing has failed yet";
    LoggingOn = "logging_on", "connected; the logon or the subscriptions are not confirmed yet";
    Reconciling = "reconciling", "logged on; orders, balances or books are still being asked for";
    NameNotResolved = "name_not_resolved", "the name service does not know the host, or is silent";
    ConnectionRefused = "connection_refused", "nobody listens at the address";
    Unreachable = "unreachable", "no route to the address";
    ConnectTimeout = "connect_timeout", "the connection was not established in time";
    ConnectFailed = "connect_failed", "the connection was not established for another reason";
    TlsUntrusted = "tls_untrusted", "the certificate is not of an authority that we trust";
    TlsWrongName = "tls_wrong_name", "the certificate is for another host";
    TlsExpired = "tls_expired", "the certificate is expired, or not valid yet by our clock";
    TlsFailed = "tls_failed", "the TLS handshake failed for another reason";
    UpgradeRefused = "upgrade_refused", "the answer to the WebSocket upgrade was not a consent";
    ClosedByPeer = "closed_by_peer", "the venue closed the connection without a word";
    LinkFailed = "link_failed", "reading or writing failed";
    WriteBufferFull = "write_buffer_full", "the venue does not read: our write buffer is full";
    TooLong = "too_long", "a frame or an answer of the venue is longer than we read";
    Protocol = "protocol_error", "a message of the venue breaks the protocol";
    SequenceGap = "sequence_gap", "a message of the venue is missing";
    Silent = "silent", "the venue said nothing for too long, and did not answer a ping";
    LogonTimeout = "logon_timeout", "the venue did not answer the logon";
    LogonRefused = "logon_refused", "the venue refused the logon";
    WrongKey = "wrong_key", "the venue does not know the API key, or not from this address";
    WrongSignature = "wrong_signature", "the secret does not belong to the API key";
    NonceRefused = "nonce_refused", "the nonce is not above the last one used with this key";
    ClockOff = "clock_off", "the venue finds our timestamp too old or too new";
    NoPermission = "no_permission", "the API key may not do this";
    SubscriptionRefused = "subscription_refused", "the venue refused a subscription";
    SubscribeTimeout = "subscribe_timeout", "a subscription was not answered in time";
    VenueLeaves = "venue_leaves", "the venue ended the session, or announced that it will";
    VenueClosed = "venue_closed", "the venue takes no orders: maintenance, cancel-only, post-only";
    Renewing = "renewing", "we renew the connection before the venue ends it for its age";
    UnlistedSymbol = "unlisted_symbol", "the venue does not list a symbol of our configuration";
    SnapshotFailing = "snapshot_failing", "the snapshot of a book cannot be used";
    DepthPaced = "depth_paced", "deep levels come late: they change too often for their rate limit";
    TradesMissing = "trades_missing", "some public trades are missing; books and orders are whole";
    OrdersUnclear = "orders_unclear", "the venue does not say what became of some of our orders";
    RestFailing = "rest_failing", "a REST call brought no answer";
    RestUnreadable = "rest_unreadable", "the answer to a REST call is not as documented";
    RestRefused = "rest_refused", "the venue refused a REST call";
    RestPaced = "rest_paced", "the venue wants fewer REST calls: we pause";
    RestBanned = "rest_banned", "the venue has banned our address from REST for a while";
    RestBusy = "rest_busy", "too many REST calls wait at once on our side";
}

impl Why {
    /// The reason is a stage of coming up, and nothing has failed.
    pub const fn is_progress(self) -> bool {
        matches!(self, Self::Connecting | Self::LoggingOn | Self::Reconciling)
    }

    /// The reason is about our key. A venue that hears the same again and again locks the key, the
    /// account or the address.
    pub const fn may_lock(self) -> bool {
        matches!(self, Self::WrongKey | Self::WrongSignature | Self::NoPermission)
    }

    /// The reason is about REST calls, which need no link.
    pub const fn is_rest(self) -> bool {
        matches!(
            self,
            Self::RestFailing
                | Self::RestUnreadable
                | Self::RestRefused
                | Self::RestPaced
                | Self::RestBanned
                | Self::RestBusy
        )
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether a machine's venue is up, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Everything that the machine needs of the venue is there. A reason while up is a trouble that
    /// has not taken the venue down.
    pub is_up: bool,
    /// The reason; `None` while nothing is wrong.
    pub why: Option<Why>,
    /// More words about the reason, such as the venue's own text; may be empty, never secret.
    pub detail: String,
    /// Since when the venue is up or not up, in nanoseconds since the Unix epoch; 0 before the
    /// start.
    pub since_ns: u64,
    /// Attempts that have failed since the venue was last up.
    pub attempts: u32,
    /// When the next attempt is made, in nanoseconds since the Unix epoch; `None` while an attempt
    /// is under way.
    pub next_ns: Option<u64>,
    /// How far our clock is ahead of the venue's, in nanoseconds; negative: behind. `None` before
    /// the venue has told a time.
    pub clock_ahead_ns: Option<i64>,
    /// What could not be read of the venue's messages since the start.
    pub unread: Unread,
    /// Counts the changes, so that a looker finds a change without comparing texts.
    pub revision: u64,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            is_up: false,
            why: Some(Why::Connecting),
            detail: String::new(),
            since_ns: 0,
            attempts: 0,
            next_ns: None,
            clock_ahead_ns: None,
            unread: Unread::default(),
            revision: 0,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            None => f.write_str(if self.is_up { "up" } else { "not up" }),
            Some(why) if self.detail.is_empty() => f.write_str(why.word()),
            Some(why) => write!(f, "{why}: {}", self.detail),
        }
    }
}

/// A text for a person, of bounded length and without control characters: part of a peer's message.
pub fn detail(text: &str) -> String {
    one_line(text, DETAIL_BYTES_MAX)
}

/// A text as one line of at most so many bytes, without control characters.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(bytes_max));
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if kept.len() + c.len_utf8() > bytes_max {
            break;
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_fit_a_metric_label() {
        for (at, why) in Why::ALL.iter().enumerate() {
            let word = why.word();
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{word}");
            assert!(Why::ALL.iter().skip(at + 1).all(|other| other.word() != word), "{word}");
            assert!(!why.help().ends_with('.'), "{word}");
        }
    }

    #[test]
    fn a_detail_is_one_short_line_whatever_the_peer_says() {
        assert_eq!(detail("  a\nb\u{1b}[2Jc\u{85}d "), "a b [2Jc d");
        let long = "é".repeat(500);
        assert_eq!(detail(&long).len(), DETAIL_BYTES_MAX);
    }

    #[test]
    fn a_standing_is_told_in_a_line() {
        let mut standing = Standing::default();
        assert_eq!(standing.to_string(), "connecting");
        standing.why = Some(Why::TlsUntrusted);
        standing.detail = "UnknownIssuer".to_owned();
        assert_eq!(standing.to_string(), "tls_untrusted: UnknownIssuer");
        standing.why = None;
        standing.is_up = true;
        assert_eq!(standing.to_string(), "up");
    }
}
