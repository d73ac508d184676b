//! Messages of Coinbase's WebSocket feed, read and written.
//!
//! A line belongs here if it reads or writes one message. The consequences of a message are
//! `machine`. Numbers stay text until the instrument's decimals are known.

use rutter_core::id::Symbol;
use rutter_core::input::Side;

use crate::coinbase::signer::Signer;
use crate::json::{ScanError, Scanner};

/// Most levels of one message. A snapshot holds the whole book.
pub const LEVELS_MAX: usize = 500_000;

/// Why a message cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The text is not JSON, or has another shape than documented.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The message holds more levels than this program reads.
    #[error("more than {LEVELS_MAX} levels")]
    TooMany,
    /// A documented field is missing.
    #[error("no field {0}")]
    Missing(&'static str),
    /// The side of a change is neither `buy` nor `sell`.
    #[error("a change of no side")]
    Side,
}

/// One level as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelText<'a> {
    /// Side of the book.
    pub side: Side,
    /// The price.
    pub price: &'a str,
    /// The quantity; zero removes the level.
    pub qty: &'a str,
}

/// A parsed message. Levels are read from the message by [`Message::levels`].
#[derive(Clone, Debug)]
pub enum Message<'a> {
    /// All levels of a book.
    Snapshot(BookText<'a>),
    /// Levels that have changed, with their new quantities.
    Update(BookText<'a>),
    /// A sign of life of one product, each second.
    Heartbeat(Symbol),
    /// The answer to a request: how many products each channel has is not read.
    Subscriptions,
    /// A request was refused.
    Error {
        /// What was refused.
        message: &'a str,
        /// Why; the text is indicative.
        reason: &'a str,
    },
    /// A message of another kind.
    Other,
}

/// The lists of a book's message.
#[derive(Clone, Debug)]
pub struct BookText<'a> {
    /// The product; empty when its name cannot be a listed one.
    pub product: Symbol,
    bids: Option<Scanner<'a>>,
    asks: Option<Scanner<'a>>,
    changes: Option<Scanner<'a>>,
}

#[derive(Default)]
struct Envelope<'a> {
    kind: &'a str,
    product: Symbol,
    message: &'a str,
    reason: &'a str,
    bids: Option<Scanner<'a>>,
    asks: Option<Scanner<'a>>,
    changes: Option<Scanner<'a>>,
}

/// Reads one message.
///
/// # Errors
/// [`MessageError`].
pub fn parse(text: &str) -> Result<Message<'_>, MessageError> {
    let mut envelope = Envelope::default();
    let mut scanner = Scanner::new(text);
    scanner.object(|key, value| field(key, value, &mut envelope))?;
    scanner.end()?;
    let Envelope { kind, product, message, reason, bids, asks, changes } = envelope;
    Ok(match kind {
        "snapshot" if bids.is_none() => return Err(MessageError::Missing("bids")),
        "snapshot" if asks.is_none() => return Err(MessageError::Missing("asks")),
        "l2update" if changes.is_none() => return Err(MessageError::Missing("changes")),
        "snapshot" => Message::Snapshot(BookText { product, bids, asks, changes: None }),
        "l2update" => Message::Update(BookText { product, bids: None, asks: None, changes }),
        "heartbeat" => Message::Heartbeat(product),
        "subscriptions" => Message::Subscriptions,
        "error" => Message::Error { message, reason },
        "" => return Err(MessageError::Missing("type")),
        _ => Message::Other,
    })
}

fn field<'a>(
    key: &str,
    value: &mut Scanner<'a>,
    envelope: &mut Envelope<'a>,
) -> Result<(), MessageError> {
    let list = match key {
        "bids" => &mut envelope.bids,
        "asks" => &mut envelope.asks,
        "changes" => &mut envelope.changes,
        "type" => {
            envelope.kind = value.string()?;
            return Ok(());
        }
        "product_id" => {
            envelope.product = Symbol::new(value.string()?.as_bytes()).unwrap_or_default();
            return Ok(());
        }
        "message" if value.peek()? == b'"' => {
            envelope.message = value.string()?;
            return Ok(());
        }
        "reason" if value.peek()? == b'"' => {
            envelope.reason = value.string()?;
            return Ok(());
        }
        _ => return Ok(value.skip()?),
    };
    *list = Some(value.clone());
    Ok(value.skip()?)
}

impl<'a> BookText<'a> {
    /// Reads each level in turn.
    ///
    /// # Errors
    /// The list is not as documented, or `level` fails.
    pub fn levels<E: From<MessageError>>(
        self,
        mut level: impl FnMut(LevelText<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut read = 0usize;
        let lists =
            [(Some(Side::Buy), self.bids), (Some(Side::Sell), self.asks), (None, self.changes)];
        for (side, list) in lists {
            let Some(mut list) = list else { continue };
            list.array(|item| {
                read += 1;
                if read > LEVELS_MAX {
                    return Err(Failed::Own(MessageError::TooMany));
                }
                let text = read_level(item, side).map_err(Failed::Own)?;
                level(text).map_err(Failed::Theirs)
            })
            .map_err(|failed| match failed {
                Failed::Own(error) => error.into(),
                Failed::Theirs(error) => error,
            })?;
        }
        Ok(())
    }
}

/// Whether reading a level failed, or the caller.
enum Failed<E> {
    Own(MessageError),
    Theirs(E),
}

impl<E> From<ScanError> for Failed<E> {
    fn from(error: ScanError) -> Self {
        Self::Own(error.into())
    }
}

/// `[price, size]` in a snapshot, `[side, price, size]` in an update.
fn read_level<'a>(
    item: &mut Scanner<'a>,
    side: Option<Side>,
) -> Result<LevelText<'a>, MessageError> {
    let mut texts = [""; 3];
    let mut count = 0usize;
    item.array(|value| {
        // A later column is not documented, and not needed.
        match texts.get_mut(count) {
            Some(text) => *text = value.string()?,
            None => value.skip()?,
        }
        count += 1;
        Ok::<_, ScanError>(())
    })?;
    let [first, second, third] = texts;
    let (side, price, qty, wanted) = match (side, first) {
        (Some(side), price) => (side, price, second, 2),
        (None, "buy") => (Side::Buy, second, third, 3),
        (None, "sell") => (Side::Sell, second, third, 3),
        (None, _) => return Err(MessageError::Side),
    };
    if count < wanted {
        Err(MessageError::Missing("size"))
    } else {
        Ok(LevelText { side, price, qty })
    }
}

/// Appends a signed request for the book and the heartbeat of one product. The product and the key
/// are free of quotes and backslashes.
pub(in crate::coinbase) fn write_request(
    out: &mut Vec<u8>,
    kind: &str,
    product: &str,
    signer: &Signer,
    now_ns: u64,
) {
    let (timestamp, signature) = signer.feed(now_ns);
    let (key, passphrase) = (signer.api_key.expose(), signer.passphrase.expose());
    let passphrase = passphrase.replace('\\', "\\\\");
    let text = format!(
        "{{\"type\":\"{kind}\",\"product_ids\":[\"{product}\"],\"channels\":[\"level2\",\
         \"heartbeat\"],\"signature\":\"{signature}\",\"key\":\"{key}\",\
         \"passphrase\":\"{passphrase}\",\"timestamp\":\"{timestamp}\"}}"
    );
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a book's message says: a letter for the side, the price, the quantity.
    fn levels(book: BookText<'_>) -> Result<Vec<String>, MessageError> {
        let mut told = Vec::new();
        book.levels(|level| {
            let side = if level.side == Side::Buy { 'b' } else { 'a' };
            told.push(format!("{side} {} {}", level.price, level.qty));
            Ok::<_, MessageError>(())
        })?;
        Ok(told)
    }

    #[test]
    fn the_samples_of_the_documents_are_read() {
        let text = r#"{"type":"snapshot","product_id":"BTC-USD","bids":[["10101.10","0.45054140"]],"asks":[["10102.55","0.57753524"]]}"#;
        let Ok(Message::Snapshot(book)) = parse(text) else { panic!("a snapshot") };
        assert_eq!(book.product.as_str(), "BTC-USD");
        let wanted = ["b 10101.10 0.45054140", "a 10102.55 0.57753524"];
        assert_eq!(levels(book).expect("read"), wanted);
        let text = r#"{"type":"l2update","product_id":"BTC-USD","time":"2022-08-04T15:25:05.010758Z","changes":[["buy","22356.270000","0.00000000"],["sell","22356.300000","1.00000000"]]}"#;
        let Ok(Message::Update(book)) = parse(text) else { panic!("an update") };
        let wanted = ["b 22356.270000 0.00000000", "a 22356.300000 1.00000000"];
        assert_eq!(levels(book).expect("read"), wanted);
        let text = r#"{"type":"error","message":"Failed to subscribe","reason":"user channel requires authentication"}"#;
        let Ok(Message::Error { message, reason }) = parse(text) else { panic!("an error") };
        assert_eq!(
            (message, reason),
            ("Failed to subscribe", "user channel requires authentication")
        );
        let text = r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#;
        let Ok(Message::Heartbeat(product)) = parse(text) else { panic!("a heartbeat") };
        assert_eq!(product.as_str(), "BTC-USD");
    }

    #[test]
    fn a_message_of_another_shape_is_an_error() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type":"snapshot","bids":[]}"#,
            r#"{"type":"l2update","product_id":"BTC-USD"}"#,
            r#"{"type":7}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for list in [r#"[["1"]]"#, r#"[["up","1","2"]]"#, "[[1,2,3]]", "[7]", r#"[["buy","1"]]"#] {
            let text = format!(r#"{{"type":"l2update","product_id":"A-B","changes":{list}}}"#);
            let Ok(Message::Update(book)) = parse(&text) else { panic!("{text}") };
            assert!(levels(book).is_err(), "{text}");
        }
    }
}
