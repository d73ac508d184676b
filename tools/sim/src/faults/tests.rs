//! Tests of each fault's effect on the frames of a wire.

use super::super::front::HttpReply;
use super::*;

const CONN: ConnId = ConnId(1);
const OTHER: ConnId = ConnId(2);

/// A front that echoes its input.
#[derive(Debug, Default)]
struct Echo {
    injected: Vec<Fault>,
    heard: usize,
    /// Its time at the last timer.
    time_ns: u64,
    /// Its next timer, by its own clock.
    due_ns: Option<u64>,
}

impl Front for Echo {
    fn on_raw_open(&mut self, _: u64, _: ConnId, _: &mut Vec<FrontAction>) {}
    fn on_raw(&mut self, _: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>) {
        out.push(FrontAction::Bytes(conn, bytes.to_vec()));
    }
    fn on_http(&mut self, _: u64, conn: ConnId, r: &HttpRequest, out: &mut Vec<FrontAction>) {
        let body = r.path.clone();
        out.push(FrontAction::Http(conn, HttpReply { status: 200, headers: Vec::new(), body }));
    }
    fn on_ws_open(&mut self, _: u64, _: ConnId, _: &str, _: &mut Vec<FrontAction>) {}
    fn on_ws_text(&mut self, _: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        self.heard += 1;
        out.push(FrontAction::Text(conn, text.to_owned()));
    }
    fn on_ws_pong(&mut self, _: u64, _: ConnId) {}
    fn on_closed(&mut self, _: u64, _: ConnId, _: &mut Vec<FrontAction>) {}
    fn on_timer(&mut self, now_ns: u64, _: &mut Vec<FrontAction>) {
        self.time_ns = now_ns;
    }
    fn next_timer_ns(&self) -> Option<u64> {
        self.due_ns
    }
    fn inject(&mut self, _: u64, fault: &Fault, _: &mut Vec<FrontAction>) {
        self.injected.push(fault.clone());
    }
}

#[test]
fn a_venue_whose_clock_is_behind_lives_in_its_own_time() {
    let mut front = front();
    for (by_ns, time_ns) in [(30, 170), (-30, 230), (0, 200)] {
        front.inject(200, &Fault::ClockBehind { by_ns }, &mut Vec::new());
        front.inner_mut().due_ns = Some(time_ns);
        assert_eq!(front.next_timer_ns(), Some(200), "{by_ns}");
        tick(&mut front, 200);
        assert_eq!(front.inner().time_ns, time_ns, "{by_ns}");
    }
}

fn front() -> FaultyFront<Echo> {
    let mut front = FaultyFront::new(Echo::default(), FaultPlan::default());
    let mut out = Vec::new();
    front.on_ws_open(0, CONN, "/ws/a", &mut out);
    front.on_ws_open(0, OTHER, "/ws-api/v3", &mut out);
    front
}

/// Sends `text` at `now` and returns the frames that leave at that time.
fn say(front: &mut FaultyFront<Echo>, now: u64, conn: ConnId, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    front.on_ws_text(now, conn, text, &mut out);
    words(out)
}

fn tick(front: &mut FaultyFront<Echo>, now: u64) -> Vec<String> {
    let mut out = Vec::new();
    front.on_timer(now, &mut out);
    words(out)
}

fn words(out: Vec<FrontAction>) -> Vec<String> {
    out.into_iter()
        .map(|action| match action {
            FrontAction::Text(_, text) => text,
            FrontAction::Close(conn) => format!("close {}", conn.0),
            other => format!("{other:?}"),
        })
        .collect()
}

fn arm(front: &mut FaultyFront<Echo>, scope: Scope, fault: Fault) -> Vec<String> {
    let mut out = Vec::new();
    front.inject_scoped(0, scope, fault, &mut out);
    words(out)
}

#[test]
fn without_faults_everything_passes_at_once() {
    let mut f = front();
    assert_eq!(say(&mut f, 1, CONN, "a"), ["a"]);
    assert_eq!(f.next_timer_ns(), None);
}

#[test]
fn dropped_frames_never_arrive_and_the_next_does() {
    let mut f = front();
    arm(&mut f, Scope::Any, Fault::Drop { frames: 2 });
    assert!(say(&mut f, 1, CONN, "a").is_empty());
    assert!(say(&mut f, 1, CONN, "b").is_empty());
    assert_eq!(say(&mut f, 1, CONN, "c"), ["c"]);
}

#[test]
fn a_delayed_frame_holds_up_those_behind_it() {
    let mut f = front();
    arm(&mut f, Scope::Conn(CONN), Fault::Delay { delay_ns: 50, frames: 1 });
    assert!(say(&mut f, 100, CONN, "a").is_empty());
    assert!(say(&mut f, 110, CONN, "b").is_empty());
    assert_eq!(say(&mut f, 110, OTHER, "x"), ["x"], "another connection is not concerned");
    assert_eq!(f.next_timer_ns(), Some(150));
    assert!(tick(&mut f, 149).is_empty());
    assert_eq!(tick(&mut f, 150), ["a", "b"]);
}

#[test]
fn duplicate_and_reorder_do_what_they_say_once() {
    let mut f = front();
    arm(&mut f, Scope::Any, Fault::Duplicate);
    assert_eq!(say(&mut f, 1, CONN, "a"), ["a", "a"]);
    arm(&mut f, Scope::Label("/ws/".to_owned()), Fault::Reorder);
    assert_eq!(say(&mut f, 1, OTHER, "x"), ["x"], "its label is another");
    assert!(say(&mut f, 1, CONN, "a").is_empty());
    assert_eq!(say(&mut f, 1, CONN, "b"), ["b", "a"]);
    assert_eq!(say(&mut f, 1, CONN, "c"), ["c"]);
}

#[test]
fn a_half_open_connection_hears_and_says_nothing_until_healed() {
    let mut f = front();
    arm(&mut f, Scope::Conn(CONN), Fault::HalfOpen);
    assert!(say(&mut f, 1, CONN, "a").is_empty());
    assert_eq!(f.inner().heard, 0);
    assert_eq!(say(&mut f, 1, OTHER, "x"), ["x"]);
    arm(&mut f, Scope::Any, Fault::Heal);
    assert_eq!(say(&mut f, 1, CONN, "b"), ["b"]);
}

#[test]
fn disconnect_closes_whom_it_concerns() {
    let mut f = front();
    assert_eq!(arm(&mut f, Scope::Label("/ws-api".to_owned()), Fault::Disconnect), ["close 2"]);
}

#[test]
fn planned_faults_come_in_time_order_and_dialect_faults_reach_the_front() {
    let mut f = front();
    let plan = |at_ns, fault| Planned { at_ns, scope: Scope::Any, fault };
    f.schedule(plan(20, Fault::CorruptBook)).unwrap();
    f.schedule(plan(10, Fault::RateLimit { for_ns: 5 })).unwrap();
    f.schedule(plan(30, Fault::Drop { frames: 1 })).unwrap();
    assert_eq!(f.next_timer_ns(), Some(10));
    tick(&mut f, 25);
    assert_eq!(f.inner().injected, [Fault::RateLimit { for_ns: 5 }, Fault::CorruptBook]);
    assert_eq!(say(&mut f, 26, CONN, "a"), ["a"]);
    tick(&mut f, 30);
    assert!(say(&mut f, 31, CONN, "b").is_empty());
}
