//! `rutter-tools client`: a FIX client that a person drives, line by line.
//!
//! A line belongs here if it reads a command or words a report. The session is the parent module,
//! the keyboard `keyboard`, the orders and their ids `known`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use anyhow::{Context, bail};
use rutter_fix::codec::Message;
use rutter_fix::store::{MemStore, MessageStore, MmapConfig, MmapStore};
use rutter_fix::tags::{self, msg_type};
use rutter_sim::market::e8_text;

use super::keyboard::{Keyboard, QUIT};
use super::known::{Known, Orders};
use crate::causes::with_causes;
use crate::client::{
    ClientConfig, ClientPoll, FixClient, Instructions, KEPT_BYTES_MAX, Order, Report, Side, Terms,
    Tif, Told, parse_e8,
};
use crate::clock::unix_ns;

/// Longest sleep between two checks of the keyboard, nanoseconds.
const LOOK_NS: u64 = 20_000_000;

/// Reports are still shown for this long after the end of input, nanoseconds.
const LINGER_NS: u64 = 2_000_000_000;

const LOGON_PATIENCE: Duration = Duration::from_secs(10);

const HELP: &str = "\
  buy QTY SYMBOL [at PRICE] [day|gtc|ioc|fok] [MORE ...]
  sell QTY SYMBOL [at PRICE] [day|gtc|ioc|fok] [MORE ...]
                         with a price gtc if nothing is said; without: market, and ioc
    MORE is one of       on VENUE (100), min QTY (110), as STRATEGY (847), weights TEXT (848),
                         until TIME (Deadline, such as 20261201-12:00:00)
    STRATEGY is          all, post, cross, smart, score, cost, share, best, or a number
  amend ID [qty QTY] [at PRICE]                  QTY is the total, the filled part included
  cancel ID
  status ID
  orders                                         the open orders
  help
  quit
ID is the client's (ClOrdID) or the node's (OrderID), also of an earlier run.";

/// `rutter-tools client`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The node's FIX address, `host:port`.
    pub address: String,
    /// `CompID` of the client.
    #[arg(long, default_value = "DESK1")]
    pub comp_id: String,
    /// Password of the client.
    #[arg(long)]
    pub password: String,
    /// `CompID` of the node.
    #[arg(long, default_value = "RUTTER")]
    pub target: String,
    /// Log on with sequence number 1 but without a reset: right only for the first logon of a
    /// session. By default the Logon resets both numbers (141=Y).
    #[arg(long)]
    pub no_reset: bool,
    /// Keep sequence numbers and messages in this folder. The next run with the folder goes on with
    /// the session: no reset, and the node sends what was missed.
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_reset")]
    pub session: Option<PathBuf>,
}

/// The first address of `host:port`.
///
/// # Errors
/// The name cannot be resolved.
pub fn resolve(text: &str) -> anyhow::Result<SocketAddr> {
    let mut found = text.to_socket_addrs().with_context(|| format!("address {text}"))?;
    found.next().with_context(|| format!("address {text}"))
}

/// Runs until `quit`, the end of input, or the end of the connection.
///
/// # Errors
/// No connection, no logon; the session's folder cannot be used.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut config = ClientConfig {
        address: resolve(&arguments.address)?,
        comp_id: arguments.comp_id.clone(),
        target: arguments.target.clone(),
        password: arguments.password.clone(),
        reset: !arguments.no_reset,
    };
    match &arguments.session {
        None => talk(FixClient::connect_with(&config, MemStore::new(KEPT_BYTES_MAX))?, &config),
        Some(folder) => {
            let store = kept(folder, &config)?;
            // Numbers that nothing has used yet have nothing to go on from.
            config.reset = (store.next_in(), store.next_out()) == (1, 1);
            talk(FixClient::connect_with(&config, store)?, &config)
        }
    }
}

/// The store of a session in a folder.
fn kept(folder: &Path, config: &ClientConfig) -> anyhow::Result<MmapStore> {
    // FNV-1a: a folder that another session began is refused.
    let names = [config.comp_id.as_bytes(), &[0], config.target.as_bytes()].concat();
    let owner = names.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let settings = MmapConfig { owner, ..MmapConfig::default() };
    MmapStore::open(folder, settings).with_context(|| format!("session in {}", folder.display()))
}

fn talk<S: MessageStore>(mut client: FixClient<S>, config: &ClientConfig) -> anyhow::Result<()> {
    client.wait_logon(LOGON_PATIENCE)?;
    let goes_on = if config.reset { "a new session" } else { "the session goes on" };
    println!("logged on as {}, {goes_on}; help shows the commands", config.comp_id);
    let mut poll = ClientPoll::new()?;
    client.register(poll.registry(), mio::Token(0))?;
    let mut keyboard = Keyboard::start()?;
    // Ids must differ from those of earlier runs.
    let mut desk = Desk {
        prefix: format!("k{:x}", unix_ns() / 1_000_000),
        sent: 0,
        orders: Orders::default(),
    };
    // Orders of earlier runs become known.
    client.mass_status(unix_ns(), &format!("{}-open", desk.prefix))?;
    let mut ends_ns = None;
    let mut gone = None;
    while gone.is_none() && ends_ns.is_none_or(|end_ns| unix_ns() < end_ns) {
        let now_ns = unix_ns();
        match keyboard.lines.try_recv() {
            Ok(line) if line.trim() == QUIT => ends_ns = Some(now_ns),
            Ok(line) => match desk.command(&line, &mut client) {
                Ok(said) if said.is_empty() => {}
                Ok(said) => keyboard.print(said),
                Err(error) => keyboard.print(format!("? {}", with_causes(&error))),
            },
            Err(TryRecvError::Disconnected) => {
                ends_ns.get_or_insert(now_ns + LINGER_NS);
            }
            Err(TryRecvError::Empty) => {}
        }
        client.turn(now_ns, &mut |told| match told {
            // The answer to a mass status without open orders names no order.
            Told::App(message, _) if message.get(tags::TOT_NUM_REPORTS) == Some(b"0") => {
                keyboard.print("no open orders");
            }
            Told::App(message, poss_dup) => match Report::read(&message, poss_dup) {
                Some(report) => {
                    desk.orders.told(&report);
                    keyboard.print(words(&report));
                }
                None => keyboard.print(desk.other(&message)),
            },
            Told::Rejected(message) => keyboard.print(desk.rejected(&message)),
            Told::Odd(warning) => keyboard.print(format!("odd: {warning}")),
            Told::Disconnected(why) => gone = Some(why),
            Told::LoggedOn => {}
        })?;
        poll.wait(now_ns + LOOK_NS)?;
    }
    if let Some(why) = gone {
        keyboard.print(format!("disconnected: {why}"));
        keyboard.end();
        bail!("disconnected: {why}");
    }
    client.logout(unix_ns())?;
    keyboard.end();
    Ok(())
}

/// The orders of the person at the keyboard.
struct Desk {
    /// Start of every id of this run.
    prefix: String,
    /// Number of requests sent, for their ids.
    sent: u64,
    orders: Orders,
}

impl Desk {
    fn id(&mut self) -> String {
        self.sent += 1;
        format!("{}-{}", self.prefix, self.sent)
    }

    fn known(&self, id: &str) -> anyhow::Result<Known> {
        self.orders.find(id).cloned().with_context(|| format!("no order has the id {id}"))
    }

    /// Carries out a line; returns what to print.
    fn command<S: MessageStore>(
        &mut self,
        line: &str,
        client: &mut FixClient<S>,
    ) -> anyhow::Result<String> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let now_ns = unix_ns();
        match words.as_slice() {
            [] => Ok(String::new()),
            ["help"] => Ok(HELP.to_owned()),
            ["orders"] => Ok(self.open()),
            ["buy" | "sell", ..] => {
                let Wanted { terms, symbol, instructions } = wanted(&words)?;
                let id = self.id();
                let seq = client.next_out();
                let order = order(&id, &symbol, terms);
                client.new_order_with(now_ns, &order, &instructions)?;
                self.orders.sent(seq, &id, &symbol, (terms, instructions));
                Ok(format!("{id} sent"))
            }
            ["amend", id, changes @ ..] => {
                let known = self.known(id)?;
                let terms = amended(known.terms, changes)?;
                let id = self.id();
                let order = order(&id, &known.symbol, terms);
                client.replace_with(now_ns, &known.cl_ord_id, &order, &known.instructions)?;
                Ok(format!("{} is to become {id}", known.cl_ord_id))
            }
            ["cancel", id] => {
                let known = self.known(id)?;
                let (orig, side) = (&known.cl_ord_id, known.terms.side);
                client.cancel(now_ns, &self.id(), orig, &known.symbol, side)?;
                Ok(String::new())
            }
            ["status", id] => {
                let known = self.known(id)?;
                client.status(now_ns, &known.cl_ord_id, &known.symbol, known.terms.side)?;
                Ok(String::new())
            }
            _ => bail!("not understood; help shows the commands"),
        }
    }

    /// A Reject (35=3) as a sentence. It names the number of the message and no order.
    fn rejected(&mut self, message: &Message<'_>) -> String {
        let seq = message.uint(tags::REF_SEQ_NUM).ok().flatten();
        let order = seq.and_then(|seq| self.orders.rejected(seq));
        let id = order.map_or_else(|| "a message".to_owned(), |order| order.cl_ord_id.clone());
        format!("{id} rejected as malformed: {}", why(message))
    }

    /// A message that is no report. A `BusinessMessageReject` (35=j) may end an order.
    fn other(&mut self, message: &Message<'_>) -> String {
        if message.msg_type() != msg_type::BUSINESS_MESSAGE_REJECT {
            return message.to_string();
        }
        let id = message.get(tags::BUSINESS_REJECT_REF_ID).unwrap_or_default();
        let id = String::from_utf8_lossy(id);
        self.orders.refused(&id);
        format!("{id} refused: {}", why(message))
    }

    fn open(&self) -> String {
        let line = |order: &Known| {
            let side = if order.terms.side == Side::Buy { "buy" } else { "sell" };
            let limit = order.terms.limit_e8.map_or("market".to_owned(), e8_text);
            let (qty, left) = (e8_text(order.terms.qty_e8), e8_text(order.leaves_e8));
            let ids = format!("{} ({})", order.cl_ord_id, order.order_id);
            format!("{ids} {side} {qty} {} at {limit}, {left} left", order.symbol)
        };
        let lines: Vec<String> = self.orders.open().map(line).collect();
        if lines.is_empty() { "no open orders".to_owned() } else { lines.join("\n") }
    }
}

/// The `Text` (58) of a message with the field that it is about, or the whole message without one.
fn why(message: &Message<'_>) -> String {
    let Some(text) = message.get(tags::TEXT) else { return message.to_string() };
    let text = String::from_utf8_lossy(text);
    match message.uint(tags::REF_TAG_ID) {
        Ok(Some(tag)) => format!("{text} (tag {tag})"),
        _ => text.into_owned(),
    }
}

fn order<'a>(cl_ord_id: &'a str, symbol: &'a str, terms: Terms) -> Order<'a> {
    let Terms { side, qty_e8, limit_e8, tif } = terms;
    Order { cl_ord_id, symbol, side, qty_e8, limit_e8, tif }
}

/// Terms with the changes of an `amend`.
fn amended(mut terms: Terms, changes: &[&str]) -> anyhow::Result<Terms> {
    let mut rest = changes;
    if rest.is_empty() {
        bail!("amend what? qty QTY, at PRICE, or both");
    }
    while let [word, value, behind @ ..] = rest {
        match *word {
            "qty" => terms.qty_e8 = parse_e8(value).context("not a quantity")?,
            "at" => terms.limit_e8 = Some(parse_e8(value).context("not a price")?),
            other => bail!("{other} cannot be amended; qty QTY, at PRICE, or both"),
        }
        rest = behind;
    }
    if let [word] = rest {
        bail!("{word} needs a value");
    }
    Ok(terms)
}

/// An order as read from a line, without an id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    terms: Terms,
    symbol: String,
    instructions: Instructions,
}

fn wanted(words: &[&str]) -> anyhow::Result<Wanted> {
    let (side, rest) = match words {
        ["buy", rest @ ..] => (Side::Buy, rest),
        ["sell", rest @ ..] => (Side::Sell, rest),
        _ => bail!("buy or sell?"),
    };
    let [qty, symbol, rest @ ..] = rest else { bail!("a quantity and a symbol are needed") };
    let (limit, rest) = match rest {
        ["at", price, rest @ ..] => (Some(*price), rest),
        rest => (None, rest),
    };
    let usual = if limit.is_none() { Tif::Ioc } else { Tif::Gtc };
    let (tif, mut rest) = match rest {
        ["gtc", rest @ ..] => (Tif::Gtc, rest),
        ["day", rest @ ..] => (Tif::Day, rest),
        ["ioc", rest @ ..] => (Tif::Ioc, rest),
        ["fok", rest @ ..] => (Tif::Fok, rest),
        rest => (usual, rest),
    };
    let mut instructions = Instructions::NONE;
    // Ends: each turn takes words off.
    while instructions.read(&mut rest)? {}
    if let [word, ..] = rest {
        bail!("{word}? day, gtc, ioc or fok, and then on, min, as, weights or until");
    }
    let limit_e8 = limit.map(|price| parse_e8(price).context("not a price")).transpose()?;
    let qty_e8 = parse_e8(qty).context("not a quantity")?;
    let terms = Terms { side, qty_e8, limit_e8, tif };
    Ok(Wanted { terms, symbol: (*symbol).to_owned(), instructions })
}

/// A report as a sentence.
fn words(report: &Report) -> String {
    let id =
        if report.orig_cl_ord_id.is_empty() { &report.cl_ord_id } else { &report.orig_cl_ord_id };
    let again = if report.poss_dup { " (sent again)" } else { "" };
    let because = if report.text.is_empty() { String::new() } else { format!(": {}", report.text) };
    let what = match (report.kind, &report.last) {
        ('0', _) => format!("accepted as {}", report.order_id),
        ('4', _) => format!("canceled after {}{because}", e8_text(report.cum_e8)),
        ('5', _) => format!("replaced by {}", report.cl_ord_id),
        ('6', _) => "cancel pending".to_owned(),
        ('E', _) => "replace pending".to_owned(),
        ('D', _) => format!("goes on with {} left{because}", e8_text(report.leaves_e8)),
        ('8', _) => format!("refused{because}"),
        ('C', _) => format!("expired after {}{because}", e8_text(report.cum_e8)),
        ('x', _) => format!("cancel refused{because}"),
        ('I', _) => format!("status {}{because}", status(report.status)),
        ('F', Some(last)) => format!(
            "{} {} at {} on {} as {}, fee {} {}; {} filled, {} left",
            if report.leaves_e8 == 0 { "filled" } else { "partly filled" },
            e8_text(last.qty_e8),
            e8_text(last.price_e8),
            last.venue,
            if last.maker { "maker" } else { "taker" },
            rust_decimal::Decimal::try_from_i128_with_scale(last.fee_e18, 18)
                .map_or_else(|_| "?".to_owned(), |fee| fee.normalize().to_string()),
            last.fee_asset,
            e8_text(report.cum_e8),
            e8_text(report.leaves_e8),
        ),
        (kind, _) => format!("report {kind}, status {}{because}", status(report.status)),
    };
    format!("{id} {what}{again}")
}

fn status(status: char) -> String {
    match status {
        '0' => "new".to_owned(),
        '1' => "partly filled".to_owned(),
        '2' => "filled".to_owned(),
        '4' => "canceled".to_owned(),
        '6' => "cancel pending".to_owned(),
        '8' => "rejected".to_owned(),
        'C' => "expired".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rutter_fix::codec::{FieldIndex, Status, decode};

    use super::*;
    use crate::client::Execution;

    fn read(line: &str) -> Option<Wanted> {
        wanted(&line.split(' ').collect::<Vec<_>>()).ok()
    }

    #[test]
    fn lines_read_as_orders() {
        let market = read("buy 0.5 BTC/USDT").expect("an order");
        assert_eq!((market.terms.limit_e8, market.terms.tif), (None, Tif::Ioc));
        assert_eq!(market.terms.qty_e8, 50_000_000);
        let limit = read("sell 1 ETH/USDT at 3000.5 fok").expect("an order");
        assert_eq!(limit.terms.limit_e8, Some(300_050_000_000));
        assert_eq!((limit.terms.side, limit.terms.tif), (Side::Sell, Tif::Fok));
        assert_eq!(read("buy BTC/USDT"), None);
        assert_eq!(read("buy 1 BTC/USDT at dawn"), None);
        assert_eq!(read("buy 1 BTC/USDT at 5 maybe"), None);
        let more = read("buy 1 BTC/USDT at 5 ioc min 0.5 on kraken").expect("an order");
        assert_eq!((more.terms.tif, more.terms.limit_e8), (Tif::Ioc, Some(500_000_000)));
        assert_ne!(more.instructions, Instructions::NONE);
        assert_eq!(read("buy 1 BTC/USDT at 5 on"), None);
    }

    fn with_message(fields: &str, see: impl FnOnce(&Message<'_>)) {
        let body = format!("{fields}34=2|49=RUTTER|56=DESK1|52=20260101-00:00:00|");
        let text = format!("8=FIX.4.4|9={}|{body}", body.len()).replace('|', "\u{1}");
        let sum: u32 = text.bytes().map(u32::from).sum();
        let bytes = format!("{text}10={:03}\u{1}", sum % 256);
        let mut index = FieldIndex::new();
        let status = decode(bytes.as_bytes(), &mut index).expect("sound");
        assert_eq!(status, Status::Complete { consumed: bytes.len() });
        see(&Message::new(bytes.as_bytes(), &index));
    }

    #[test]
    fn a_rejected_order_is_told_by_its_id_and_is_no_longer_open() {
        let mut desk = Desk { prefix: "k".to_owned(), sent: 2, orders: Orders::default() };
        desk.orders.sent(7, "k-1", "BTC/USDT", <_>::default());
        desk.orders.sent(8, "k-2", "BTC/USDT", <_>::default());
        with_message("35=3|45=7|371=38|58=OutOfRange|", |message| {
            assert_eq!(desk.rejected(message), "k-1 rejected as malformed: OutOfRange (tag 38)");
        });
        assert!(desk.open().starts_with("k-2 "), "{}", desk.open());
        with_message("35=j|45=8|372=D|379=k-2|380=4|58=NotReady|", |message| {
            assert_eq!(desk.other(message), "k-2 refused: NotReady");
        });
        assert_eq!(desk.open(), "no open orders");
        with_message("35=3|45=9|58=Garbled|", |message| {
            assert_eq!(desk.rejected(message), "a message rejected as malformed: Garbled");
        });
    }

    #[test]
    fn an_amend_changes_what_it_names_and_nothing_else() {
        let terms = Terms { qty_e8: 1, limit_e8: Some(2), side: Side::Sell, tif: Tif::Gtc };
        let changed = amended(terms, &["at", "3"]).expect("a price");
        assert_eq!(changed, Terms { limit_e8: Some(300_000_000), ..terms });
        let changed = amended(terms, &["qty", "4", "at", "5"]).expect("both");
        assert_eq!((changed.qty_e8, changed.limit_e8), (400_000_000, Some(500_000_000)));
        for wrong in [&[][..], &["qty"], &["qty", "many"], &["side", "buy"], &["at", "3", "qty"]] {
            assert!(amended(terms, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_kept_session_goes_on_in_the_next_run_and_belongs_to_its_comp_ids() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().join("session");
        let mut config =
            ClientConfig::new(SocketAddr::from(([127, 0, 0, 1], 1)), "DESK1", "secret");
        let mut first = kept(&folder, &config).expect("new");
        assert_eq!((first.next_in(), first.next_out()), (1, 1));
        first.set_next_in(7);
        first.set_next_out(9);
        drop(first);
        let again = kept(&folder, &config).expect("kept");
        assert_eq!((again.next_in(), again.next_out()), (7, 9));
        drop(again);
        config.comp_id = "DESK2".to_owned();
        assert!(kept(&folder, &config).is_err(), "another session's folder");
    }

    #[test]
    fn a_fill_reads_as_a_sentence() {
        let report = Report {
            kind: 'F',
            status: '1',
            cl_ord_id: "a".to_owned(),
            cum_e8: 50_000_000,
            leaves_e8: 50_000_000,
            last: Some(Execution {
                qty_e8: 50_000_000,
                price_e8: 6_000_000_000_000,
                venue: "kraken".to_owned(),
                maker: false,
                fee_e18: 30_000_000_000_000_000_000,
                fee_asset: "USDT".to_owned(),
            }),
            ..Report::default()
        };
        assert_eq!(
            words(&report),
            "a partly filled 0.5 at 60000 on kraken as taker, fee 30 USDT; 0.5 filled, 0.5 left"
        );
    }
}
