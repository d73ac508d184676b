//! One long run: eight clients trade, and the node is killed again and again.

use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::random::Random;
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{Node, VenueFill, Venues, VenuesConfig};

use super::desk::{Desk, Market};
use super::{number, program, proof, settings, write_config};

/// Clients.
const SESSIONS: usize = 8;

/// Kills in a plain test run.
const KILLS_DEFAULT: u64 = 200;

/// Small, so that segments end, and are being made, when the node dies.
const SEGMENT_BYTES: u64 = 1 << 20;

/// Within this both venues are up in the end, or the node hangs: at Kraken's pace of REST calls,
/// which the node keeps to, it takes a while to ask about everything that was on its way.
const READY_MAX: Duration = Duration::from_secs(170);

/// Longest wait for both venues before a kill, in turn: every fourth is enough for both, the others
/// let the node die with a venue down.
const READY_PATIENCE: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_millis(300),
    Duration::from_millis(300),
    Duration::from_millis(300),
];

/// Longest wait beyond [`READY_PATIENCE`] for every client to be logged on before a kill. Without
/// it, a node on a busy machine always dies before a client is back.
const LOGON_PATIENCE: Duration = Duration::from_secs(5);

/// From the last order until nothing is open and every client has its answers.
const SETTLE_MAX: Duration = Duration::from_secs(170);

/// After this long without a report to any client, no further report is expected.
const QUIET: Duration = Duration::from_secs(1);

/// Sleep of a turn in which nothing came.
const PAUSE: Duration = Duration::from_millis(1);

/// The venues' books and fills are looked at this often.
const LOOK_NS: u64 = 20_000_000;

/// What belongs to a run.
pub struct Run {
    pub venues: Venues,
    pub node: Node,
    pub desks: Vec<Desk>,
    /// Every execution at a venue.
    pub booked: Vec<VenueFill>,
    market: Market,
    next_look_ns: u64,
}

impl Run {
    fn new(seed: u64, dir: &std::path::Path) -> Self {
        let config = VenuesConfig { seed, ..VenuesConfig::default() };
        let venues = Venues::start(&config, dir).expect("venues");
        let settings = settings(SESSIONS, 14);
        let path = write_config(dir, &venues, &settings, SEGMENT_BYTES);
        let node = Node::start(program(), &path, dir).expect("node");
        let desks = settings.sessions.iter().enumerate();
        let desks = desks.map(|(at, session)| Desk::new(seed, at, settings.listen, session));
        let desks = desks.collect();
        Self { venues, node, desks, booked: Vec::new(), market: Market::default(), next_look_ns: 0 }
    }

    /// A turn of every client.
    fn turn(&mut self, trading: bool) {
        let now_ns = unix_ns();
        if now_ns >= self.next_look_ns {
            self.next_look_ns = now_ns + LOOK_NS;
            self.market.look(&self.venues);
            for venue in Venue::ALL {
                self.booked.extend(self.venues.take_fills(venue));
            }
        }
        let mut arrived = false;
        for desk in &mut self.desks {
            arrived |= desk.turn(now_ns, trading.then_some(&self.market));
        }
        if !arrived {
            std::thread::sleep(PAUSE);
        }
    }

    fn trade_for(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.turn(true);
        }
    }

    /// Goes on until the node is ready, at most for `patience`. Whether it is ready.
    fn wait_ready(&mut self, trading: bool, patience: Duration) -> bool {
        let started = Instant::now();
        let mut next = started;
        loop {
            self.turn(trading);
            let now = Instant::now();
            if now < next {
                continue;
            }
            next = now + Duration::from_millis(10);
            self.node.check_alive().expect("the node lives");
            let ready = self.node.wait_ready(Duration::ZERO).is_ok();
            let waited = started.elapsed();
            let logged_on = self.desks.iter().all(Desk::is_up);
            let give_up = waited > patience && (logged_on || waited > patience + LOGON_PATIENCE);
            if ready || give_up {
                return ready;
            }
        }
    }

    fn kill(&mut self) {
        self.node.check_alive().expect("nothing but us ends the node");
        self.node.kill().expect("killed");
        self.node.restart().expect("started");
    }

    fn open_at_venues(&self) -> usize {
        Venue::ALL.into_iter().map(|venue| self.venues.open_orders(venue)).sum()
    }

    /// Cancels all orders and waits until each is over and reported.
    fn settle(&mut self) {
        let started = Instant::now();
        let mut heard = (0, Instant::now());
        loop {
            self.turn(false);
            for desk in &mut self.desks {
                desk.cancel_open(unix_ns());
            }
            let told = self.desks.iter().map(|desk| desk.told.len()).sum();
            if told != heard.0 {
                heard = (told, Instant::now());
            }
            let open: usize = self.desks.iter().map(Desk::open).sum();
            let at_venues = self.open_at_venues();
            let up = self.desks.iter().all(Desk::is_up);
            if up && open == 0 && at_venues == 0 && heard.1.elapsed() > QUIET {
                return;
            }
            if started.elapsed() > SETTLE_MAX {
                let open: Vec<String> = self.desks.iter().flat_map(Desk::open_shown).collect();
                let log = self.node.log_end();
                panic!("unsettled: up {up}, {at_venues} open at venues, open {open:?}\n{log}");
            }
        }
    }
}

fn run(seed: u64, kills: u64) {
    let dir = tempfile::Builder::new().prefix("rutter-crash-").tempdir().expect("folder");
    let mut random = Random::salted(seed, 99);
    let mut run = Run::new(seed, dir.path());
    assert!(run.wait_ready(false, READY_MAX), "{}", run.node.log_end());
    let (started, mut whole) = (Instant::now(), 0);
    for kill in 1..=kills {
        // One in eight dies while it starts: recovery has to bear that too.
        if random.below(8) == 0 {
            run.trade_for(Duration::from_millis(random.below(300)));
        } else {
            let patience = READY_PATIENCE[kill as usize % READY_PATIENCE.len()];
            whole += u64::from(run.wait_ready(true, patience));
            run.trade_for(Duration::from_micros(5_000 + random.below(145_000)));
        }
        run.kill();
        if kill % 25 == 0 {
            let seconds = started.elapsed().as_secs_f64();
            println!("{kill} kills in {seconds:.1} s, {whole} of them with both venues up");
        }
    }
    assert!(kills < 20 || whole > kills / 8, "only {whole} kills with both venues up");
    let ended = Instant::now();
    run.trade_for(Duration::from_secs(1));
    assert!(run.wait_ready(false, READY_MAX), "{}", run.node.log_end());
    run.settle();
    println!("caught up in {:.1} s", ended.elapsed().as_secs_f64());
    // And business as usual.
    run.trade_for(Duration::from_secs(1));
    run.settle();
    for venue in Venue::ALL {
        let fills = run.venues.take_fills(venue);
        run.booked.extend(fills);
    }
    for desk in &mut run.desks {
        desk.log_out();
    }
    let status = run.node.terminate(Duration::from_secs(10)).expect("ended");
    assert!(status.success(), "{status}:\n{}", run.node.log_end());
    proof::all(&run, kills);
}

#[test]
fn nothing_is_lost_doubled_or_invented_when_the_node_is_killed_at_random_moments() {
    let seed = number("RUTTER_SEED").unwrap_or_else(unix_ns);
    let kills = number("RUTTER_KILLS").unwrap_or(KILLS_DEFAULT);
    println!("seed {seed}, {kills} kills");
    if let Err(panic) = std::panic::catch_unwind(|| run(seed, kills)) {
        eprintln!(
            "again with: RUTTER_SEED={seed} RUTTER_KILLS={kills} cargo test --test process crash"
        );
        std::panic::resume_unwind(panic);
    }
}
