//! Whatever happens in between, applying every X to the last W gives the book that the feeds told.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rutter_clients::market::BookNews;
use rutter_core::id::VenueId;
use rutter_core::input::Distrust;
use rutter_transport::acceptor::Acceptor;

use crate::desk::{BTC, Desk};
use crate::market::{BINANCE, Feed, KRAKEN, desk, update};

const SEEDS: u64 = 60;
const STEPS: usize = 500;
const MS: u64 = 1_000_000;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// Side (`b` or `a`) and price in cents to size, of one venue; `None` while it is not trusted.
type Levels = Option<BTreeMap<(char, i64), i64>>;

/// What a client asked for.
struct Wish {
    id: String,
    depth: usize,
    aggregated: bool,
    venue: Option<VenueId>,
    request: String,
}

impl Wish {
    fn random(random: &mut Random, number: usize) -> Self {
        let (id, depth) = (format!("r{number}"), random.one_of(&[0, 1, 3, 7]));
        let aggregated = random.below(2) == 0;
        let venue = random.one_of(&[None, None, Some(BINANCE), Some(KRAKEN)]);
        let exchange = match venue {
            None => "",
            Some(BINANCE) => "207=binance|",
            Some(_) => "207=kraken|",
        };
        let request = format!(
            "35=V|262={id}|263=1|264={depth}|265={}|266={}|267=2|269=0|269=1|146=1|55=BTC/USDT|{exchange}",
            random.below(2),
            if aggregated { 'Y' } else { 'N' },
        );
        let depth = if depth == 0 { 32 } else { depth };
        Self { id, depth, aggregated, venue, request }
    }

    /// What it must end with: side, price, size and venue as a client reads them.
    fn expected(&self, books: &[Levels; 2]) -> Shown {
        let mut shown = Shown::new();
        for (side, entry_type) in [('b', '0'), ('a', '1')] {
            let mut prices: Vec<i64> = Vec::new();
            for (venue, levels) in books.iter().enumerate() {
                if self.venue.is_none_or(|only| only.index() == venue) {
                    let here = levels.iter().flatten().filter(|((on, _), _)| *on == side);
                    prices.extend(here.map(|((_, price), _)| *price));
                }
            }
            prices.sort_unstable_by_key(|price| if side == 'b' { -*price } else { *price });
            prices.dedup();
            for price in prices.into_iter().take(self.depth) {
                for (venue, levels) in books.iter().enumerate() {
                    let size = levels.as_ref().and_then(|levels| levels.get(&(side, price)));
                    let wanted = self.venue.is_none_or(|only| only.index() == venue);
                    if let Some(size) = size.filter(|_| wanted) {
                        let name = ["binance", "kraken"][venue];
                        let name = if self.aggregated { "" } else { name };
                        let price = format!("{}.{:02}", price / 100, price % 100);
                        *shown.entry((entry_type, price, name.to_owned())).or_default() += size;
                    }
                }
            }
        }
        shown
    }
}

/// What a client has: side, price and venue to size.
type Shown = BTreeMap<(char, String, String), i64>;

/// Applies a W or X as strictly as a client could.
fn apply(books: &mut BTreeMap<String, Shown>, message: &str) {
    let field = |part: &str, tag: &str| {
        let found = part.split('|').find_map(|field| field.strip_prefix(tag)?.strip_prefix('='));
        found.unwrap_or("").to_owned()
    };
    let (id, snapshot) = (field(message, "262"), message.starts_with("35=W|"));
    let first = if snapshot { "|269=" } else { "|279=" };
    if snapshot {
        books.insert(id.clone(), Shown::new());
    }
    let book = books.get_mut(&id).expect("a W comes before any X");
    let mut entries = message.split(first);
    let count: usize = field(entries.next().expect("a header"), "268").parse().expect("a count");
    let mut found = 0;
    for entry in entries {
        found += 1;
        let (action, side) = if snapshot {
            ('0', entry.chars().next().expect("a side"))
        } else {
            let side = field(entry, "269").chars().next().expect("a side");
            (entry.chars().next().expect("an action"), side)
        };
        let key = (side, field(entry, "270"), field(entry, "275"));
        let size = || field(entry, "271").replace('.', "").parse().expect("a size");
        let known = match action {
            '2' => book.remove(&key).is_some(),
            '0' => book.insert(key, size()).is_none(),
            _ => book.insert(key, size()).is_some_and(|before| before != size()),
        };
        assert!(known, "{message}");
    }
    assert_eq!(found, count, "{message}");
}

/// Something happens at a feed; the gateway may or may not have its turn.
fn happen(random: &mut Random, desk: &mut Desk, books: &mut [Levels; 2]) {
    let venue = random.one_of(&[BINANCE, KRAKEN]);
    let levels = &mut books[venue.index()];
    let mut text = String::new();
    let fresh = levels.is_none() || random.below(40) == 0;
    match random.below(60) {
        0 => {
            *levels = None;
            desk.gateway.on_book_news(desk.now, &BookNews::Lost(venue));
            return;
        }
        1 => {
            *levels = None;
            let news = BookNews::Distrusted(venue, BTC, Distrust::Gap);
            desk.gateway.on_book_news(desk.now, &news);
            return;
        }
        2 => {
            desk.gateway.on_book_news(desk.now, &BookNews::Alive(venue));
            return;
        }
        _ => {}
    }
    if fresh {
        *levels = Some(BTreeMap::new());
    }
    let levels = levels.get_or_insert_default();
    for _ in 0..=random.below(7) {
        let side = random.one_of(&['b', 'a']);
        let price = 10_000 + random.below(20) as i64 + if side == 'a' { 20 } else { 0 };
        let size = if random.below(3) == 0 { 0 } else { 1 + random.below(3) as i64 };
        write!(text, "{side}{price}@{size} ").expect("a string takes all");
        if size == 0 {
            levels.remove(&(side, price));
        } else {
            levels.insert((side, price), size);
        }
    }
    // Now and then in two parts, with a turn between them.
    let cut = text.trim_end().rfind(' ').filter(|_| random.below(4) == 0);
    if let Some(cut) = cut {
        desk.gateway.on_book_news(desk.now, &update(venue, fresh, false, &text[..cut]));
        desk.wait(0);
        desk.news(&update(venue, false, true, &text[cut..]));
    } else {
        desk.gateway.on_book_news(desk.now, &update(venue, fresh, true, &text));
    }
}

fn play(seed: u64) -> (u64, u64, u64) {
    let random = &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let interval_ms = random.one_of(&[0, 0, 10]);
    let mut desk = desk(|config| {
        config.limits.backlog_bytes_max = 3_000;
        config.limits.update_interval_ns = interval_ms * MS;
        config.stale_after_ns = Vec::new();
    });
    let mut books: [Levels; 2] = [None, None];
    desk.logon(1, "ALPHA");
    let wishes: Vec<Wish> = (0..8).map(|number| Wish::random(random, number)).collect();
    let mut asked = 0;
    let mut client: BTreeMap<String, Shown> = BTreeMap::new();
    let read = |desk: &mut Desk, client: &mut BTreeMap<String, Shown>| {
        desk.read_all();
        for message in desk.seen(1) {
            apply(client, &message);
        }
    };
    for _ in 0..STEPS {
        match random.below(20) {
            0 if asked < wishes.len() => {
                let request = wishes[asked].request.clone();
                desk.send(1, &request);
                asked += 1;
            }
            1 => desk.reads = false,
            2 => {
                desk.reads = true;
                read(&mut desk, &mut client);
            }
            3..8 => {
                desk.wait(random.below(7) * MS);
            }
            _ => happen(random, &mut desk, &mut books),
        }
    }
    desk.reads = true;
    for _ in 0..10 {
        desk.wait(20 * MS);
        read(&mut desk, &mut client);
    }
    assert!(!desk.gateway.has_work(), "seed {seed}");
    for wish in &wishes[..asked] {
        assert_eq!(client[&wish.id], wish.expected(&books), "seed {seed}: {}", wish.request);
    }
    let counters = desk.gateway.market_counters();
    (counters.snapshots, counters.increments, counters.held_back)
}

#[test]
fn applying_every_increment_to_the_image_gives_the_book_that_was_told() {
    let mut sum = (0, 0, 0);
    for seed in 0..SEEDS {
        let (snapshots, increments, held_back) = play(seed);
        sum = (sum.0 + snapshots, sum.1 + increments, sum.2 + held_back);
    }
    println!("{} W, {} X, held back {} times", sum.0, sum.1, sum.2);
    assert!(sum.0 > 1_000 && sum.1 > 1_000 && sum.2 > 100, "every way was taken: {sum:?}");
}

const NONSENSE: usize = 20_000;
const KINDS: [&str; 3] = ["V", "x", "g"];
const TAGS: [u32; 22] = [
    262, 263, 264, 265, 266, 267, 269, 146, 55, 207, 336, 547, 286, 546, 812, 320, 559, 335, 338,
    339, 58, 9_999,
];
const VALUES: [&str; 18] = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "m1",
    "m2",
    "BTC/USDT",
    "ETH/USDT",
    "kraken",
    "binance",
    "-1",
    "99999999999999999999",
    "Y",
    "N",
    "24X7",
    "",
    "x",
];

/// A message that is a good one but for some fields, which are missing, doubled, or say anything.
fn nonsense(random: &mut Random) -> String {
    let good = "262=m1|263=1|264=0|265=1|267=2|269=0|269=1|146=1|55=BTC/USDT|320=q|559=4|335=s|";
    let mut message = format!("35={}|", random.one_of(&KINDS));
    for field in good.split_inclusive('|') {
        match random.below(16) {
            0 => {}
            1 => message += &field.repeat(2),
            2 => {
                let tag = field.split('=').next().expect("a tag");
                write!(message, "{tag}={}|", random.one_of(&VALUES)).expect("a string");
            }
            3 => {
                let (tag, value) = (random.one_of(&TAGS), random.one_of(&VALUES));
                write!(message, "{field}{tag}={value}|").expect("a string");
            }
            _ => message += field,
        }
    }
    message
}

/// Every answer is one that the published dictionary allows (the desk checks that).
#[test]
fn whatever_is_asked_has_an_answer_and_the_session_goes_on() {
    let random = &mut Random(20_240_627);
    let mut desk = desk(|config| config.limits.session_streams_max = 8);
    desk.book(BINANCE, "b9990@5 a10010@4").logon(1, "ALPHA");
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..NONSENSE {
        let message = nonsense(random);
        desk.send(1, &message).wait(0);
        if random.below(10) == 0 {
            desk.change(BINANCE, &format!("b9990@{}", 1 + random.below(9)));
        }
        for answer in desk.seen(1) {
            let kind = answer.split('|').next().expect("35").to_owned();
            *answers.entry(kind).or_default() += 1;
        }
        assert!(desk.gateway.market_streams() <= 8);
    }
    let kinds: Vec<&str> = answers.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["35=3", "35=W", "35=X", "35=Y", "35=h", "35=j", "35=y"], "{answers:?}");
    assert!(desk.closes().is_empty());
    desk.peer_closes(1).wait(0);
    assert_eq!(desk.gateway.market_streams(), 0);
    assert!(!desk.gateway.has_work());
}
