//! Relays of raw bytes over the node's hops: the cost of the machine without any decision.
//!
//! A line belongs here if it moves frames without reading them. Each relay carries frames of
//! [`FRAME_BYTES`] from a client's socket to a venue's socket. There an echo stamps the time of
//! arrival and returns the frame the same way.
//!
//! - [`Shape::Rings`]: the node's own layout. Gateway, core and sender have a thread each, with a
//!   disruptor before and behind the core, and wait as the node's threads wait.
//! - [`Shape::Spinning`]: one thread that polls both sockets without pause.
//! - [`Shape::Blocking`]: three threads that block in their calls, connected by channels of the
//!   standard library. One reads the client, one reads the venue, the third writes to both.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use disruptor::{
    BusySpin, EventPoller, MultiConsumerBarrier, MultiProducer, MultiProducerBarrier, Producer,
    SingleConsumerBarrier, SingleProducer, SingleProducerBarrier,
};
use rutter_transport::wait::{Idle, PARK_MAX, Profile, Waiter};
use rutter_transport::wake::{Parked, WakeHandle, sleep_unless};

use crate::clock::unix_ns;

/// Bytes of a frame: about the length of a FIX order.
pub const FRAME_BYTES: usize = 256;

/// A frame. Bytes 0 to 7 hold its number, bytes 8 to 15 the time of its arrival at the venue in
/// nanoseconds, both little-endian.
pub type Frame = [u8; FRAME_BYTES];

/// Slots of each ring.
const RING_SLOTS: usize = 1_024;

/// Most messages that wait between two blocking threads.
const CHANNEL_MAX: usize = 1_024;

/// The layout of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Gateway, ring, core, ring, sender.
    Rings,
    /// One spinning thread.
    Spinning,
    /// Three blocking threads.
    Blocking,
}

impl Shape {
    /// All layouts.
    pub const ALL: [Self; 3] = [Self::Rings, Self::Spinning, Self::Blocking];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rings => "floor_rings",
            Self::Spinning => "floor_spinning",
            Self::Blocking => "floor_blocking",
        }
    }
}

/// A running relay with its echo.
#[derive(Debug)]
pub struct Floor {
    stream: TcpStream,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Floor {
    /// Starts a relay; [`Floor::stream`] is the client's end.
    ///
    /// # Errors
    /// The system's.
    pub fn start(shape: Shape, profile: Profile) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (client, gateway) = pair()?;
        let (sender, venue) = pair()?;
        let mut threads = vec![spawn("venue", move || echo(venue))?];
        match shape {
            Shape::Rings => rings(gateway, sender, profile, &stop, &mut threads)?,
            Shape::Spinning => {
                let stop = Arc::clone(&stop);
                threads.push(spawn("relay", move || spin(gateway, sender, &stop))?);
            }
            Shape::Blocking => block(gateway, sender, &mut threads)?,
        }
        client.set_nonblocking(true)?;
        Ok(Self { stream: client, stop, threads })
    }

    /// The client's end, which does not block.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Stops the relay and waits for its threads.
    ///
    /// # Errors
    /// Why a thread had ended by itself.
    pub fn stop(mut self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        // The blocking threads end one after the other once the client's stream ends.
        let _ = self.stream.shutdown(Shutdown::Both);
        for thread in self.threads.drain(..) {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a relay thread panicked")))?;
        }
        Ok(())
    }
}

fn spawn(
    name: &str,
    body: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<JoinHandle<io::Result<()>>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// Both ends of a loopback connection.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// Reads one frame from a blocking socket; `None` at the end of the stream.
fn read_frame(stream: &mut TcpStream) -> io::Result<Option<Frame>> {
    let mut frame = [0; FRAME_BYTES];
    match stream.read_exact(&mut frame) {
        Ok(()) => Ok(Some(frame)),
        Err(error) if is_end(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

fn write_frame(stream: &mut TcpStream, frame: &Frame) -> io::Result<()> {
    match stream.write_all(frame) {
        Err(error) if is_end(&error) => Ok(()),
        result => result,
    }
}

/// The venue: stamps each frame and returns it.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    while let Some(mut frame) = read_frame(&mut stream)? {
        frame[8..16].copy_from_slice(&unix_ns().to_le_bytes());
        write_frame(&mut stream, &frame)?;
    }
    Ok(())
}

/// Frames over one non-blocking socket.
pub struct Frames<S> {
    stream: S,
    input: Vec<u8>,
    ended: bool,
}

impl<S: Read + Write> Frames<S> {
    /// Frames over a stream that is set not to block.
    pub fn new(stream: S) -> Self {
        Self { stream, input: Vec::with_capacity(FRAME_BYTES * 64), ended: false }
    }

    /// Passes on every frame that has arrived and returns their number.
    ///
    /// # Errors
    /// The system's.
    pub fn read(&mut self, mut see: impl FnMut(&Frame)) -> io::Result<usize> {
        let mut chunk = [0; FRAME_BYTES * 16];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.input.extend_from_slice(&chunk[..count]);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if is_end(&error) => self.ended = true,
                Err(error) => return Err(error),
            }
            break;
        }
        let (frames, _) = self.input.as_chunks::<FRAME_BYTES>();
        let count = frames.len();
        frames.iter().for_each(&mut see);
        self.input.drain(..count * FRAME_BYTES);
        Ok(count)
    }

    /// Writes one frame, spinning until the socket has taken all of it.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let mut rest = &frame[..];
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) =>
                {
                    std::hint::spin_loop();
                }
                Err(error) if is_end(&error) => {
                    self.ended = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn spin(gateway: TcpStream, sender: TcpStream, stop: &AtomicBool) -> io::Result<()> {
    gateway.set_nonblocking(true)?;
    sender.set_nonblocking(true)?;
    let (mut client, mut venue) = (Frames::new(gateway), Frames::new(sender));
    let mut held: Vec<Frame> = Vec::with_capacity(64);
    while !stop.load(Ordering::Relaxed) && !client.ended {
        client.read(|frame| held.push(*frame))?;
        for frame in held.drain(..) {
            venue.write(&frame)?;
        }
        venue.read(|frame| held.push(*frame))?;
        for frame in held.drain(..) {
            client.write(&frame)?;
        }
        std::hint::spin_loop();
    }
    Ok(())
}

/// A message between blocking threads: a frame and its direction, or the end.
enum Way {
    ToVenue(Box<Frame>),
    ToClient(Box<Frame>),
    End,
}

fn block(
    gateway: TcpStream,
    sender: TcpStream,
    threads: &mut Vec<JoinHandle<io::Result<()>>>,
) -> io::Result<()> {
    let (send, core) = mpsc::sync_channel(CHANNEL_MAX);
    let (mut client_in, mut client_out) = (gateway.try_clone()?, gateway);
    let (mut venue_in, mut venue_out) = (sender.try_clone()?, sender);
    let to_core = send.clone();
    // A closed channel means that the core has ended, and with it the relay.
    threads.push(spawn("client", move || {
        while let Some(frame) = read_frame(&mut client_in)? {
            if to_core.send(Way::ToVenue(Box::new(frame))).is_err() {
                break;
            }
        }
        let _ = to_core.send(Way::End);
        Ok(())
    })?);
    threads.push(spawn("venue-in", move || {
        while let Some(frame) = read_frame(&mut venue_in)? {
            if send.send(Way::ToClient(Box::new(frame))).is_err() {
                break;
            }
        }
        Ok(())
    })?);
    threads.push(spawn("core", move || {
        for way in core {
            match way {
                Way::ToVenue(frame) => write_frame(&mut venue_out, &frame)?,
                Way::ToClient(frame) => write_frame(&mut client_out, &frame)?,
                Way::End => break,
            }
        }
        let _ = venue_out.shutdown(Shutdown::Both);
        Ok(())
    })?);
    Ok(())
}

/// An entry of the rings.
#[derive(Clone, Copy)]
struct Slot {
    to_venue: bool,
    frame: Frame,
}

const EMPTY: Slot = Slot { to_venue: false, frame: [0; FRAME_BYTES] };

type Inputs = MultiProducer<Slot, SingleConsumerBarrier>;
type InputPoller = EventPoller<Slot, MultiProducerBarrier>;
type Outputs = SingleProducer<Slot, MultiConsumerBarrier>;
type OutputPoller = EventPoller<Slot, SingleProducerBarrier>;

/// The thread at one socket. Gateway and sender differ only in direction.
struct Edge {
    /// Whether the socket is the venue's.
    is_sender: bool,
    frames: Frames<mio::net::TcpStream>,
    poll: mio::Poll,
    parked: Arc<Parked>,
    inputs: Inputs,
    outputs: OutputPoller,
    core: WakeHandle,
    waiter: Waiter,
    stop: Arc<AtomicBool>,
}

/// Token of an edge's socket.
const SOCKET: mio::Token = mio::Token(0);
const WAKER: mio::Token = mio::Token(1);

impl Edge {
    fn run(mut self) -> io::Result<()> {
        let mut events = mio::Events::with_capacity(4);
        while !self.stop.load(Ordering::Relaxed) && !self.frames.ended {
            let (inputs, to_venue) = (&mut self.inputs, !self.is_sender);
            let arrived = self.frames.read(|frame| {
                inputs.publish(|slot| *slot = Slot { to_venue, frame: *frame });
            })?;
            if arrived > 0 {
                self.core.notify();
            }
            let mut left = 0;
            if let Ok(mut guard) = self.outputs.poll() {
                for slot in &mut guard {
                    if slot.to_venue == self.is_sender {
                        self.frames.write(&slot.frame)?;
                        left += 1;
                    }
                }
            }
            if arrived + left > 0 {
                self.waiter.worked();
            } else if self.waiter.idle() == Idle::Park {
                self.parked.prepare();
                if !self.outputs.has_available() {
                    match self.poll.poll(&mut events, Some(PARK_MAX)) {
                        Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                            return Err(error);
                        }
                        _ => {}
                    }
                }
                self.parked.leave();
            }
        }
        Ok(())
    }
}

fn core(
    mut inputs: InputPoller,
    mut outputs: Outputs,
    [gateway, sender]: &[WakeHandle; 2],
    parked: &Parked,
    profile: Profile,
    stop: &AtomicBool,
) {
    let mut waiter = Waiter::new(profile);
    while !stop.load(Ordering::Relaxed) {
        let mut told = [false; 2];
        if let Ok(mut guard) = inputs.poll() {
            for slot in &mut guard {
                outputs.publish(|out| *out = *slot);
                told[usize::from(slot.to_venue)] = true;
            }
        }
        if told[0] {
            gateway.notify();
        }
        if told[1] {
            sender.notify();
        }
        if told != [false; 2] {
            waiter.worked();
        } else if waiter.idle() == Idle::Park {
            let has_work = || inputs.has_available() || stop.load(Ordering::Relaxed);
            sleep_unless(parked, has_work, PARK_MAX);
        }
    }
}

fn rings(
    gateway: TcpStream,
    sender: TcpStream,
    profile: Profile,
    stop: &Arc<AtomicBool>,
    threads: &mut Vec<JoinHandle<io::Result<()>>>,
) -> io::Result<()> {
    let builder = disruptor::build_multi_producer(RING_SLOTS, || EMPTY, BusySpin);
    let (input_poller, builder) = builder.new_event_poller();
    let inputs = builder.build();
    let builder = disruptor::build_single_producer(RING_SLOTS, || EMPTY, BusySpin);
    let (first, builder) = builder.with_multi_consumer().new_event_poller();
    let (second, builder) = builder.new_event_poller();
    let outputs = builder.build();
    let (tell_wake, core_wakes) = mpsc::channel();
    let (give_edges, take_edges) = mpsc::channel::<[WakeHandle; 2]>();
    let core_stop = Arc::clone(stop);
    threads.push(spawn("core", move || {
        let parked = Arc::new(Parked::default());
        let handle = WakeHandle::for_current_thread(Arc::clone(&parked));
        let gone = |_| io::Error::other("the starter of the relay is gone");
        tell_wake.send(handle).map_err(|_| io::Error::other("the starter is gone"))?;
        let edges = take_edges.recv().map_err(gone)?;
        core(input_poller, outputs, &edges, &parked, profile, &core_stop);
        Ok(())
    })?);
    let core_wake = core_wakes
        .recv_timeout(Duration::from_secs(5))
        .map_err(|_| io::Error::other("the relay's core did not start"))?;
    let mut wakes = Vec::new();
    for (stream, outputs, is_sender) in [(gateway, first, false), (sender, second, true)] {
        stream.set_nonblocking(true)?;
        let poll = mio::Poll::new()?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry().register(&mut stream, SOCKET, mio::Interest::READABLE)?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        let parked = Arc::new(Parked::default());
        wakes.push(WakeHandle::for_poll(Arc::clone(&parked), waker));
        let edge = Edge {
            is_sender,
            frames: Frames::new(stream),
            poll,
            parked,
            inputs: inputs.clone(),
            outputs,
            core: core_wake.clone(),
            waiter: Waiter::new(profile),
            stop: Arc::clone(stop),
        };
        let name = if is_sender { "sender" } else { "gateway" };
        threads.push(spawn(name, move || edge.run())?);
    }
    let wakes: [WakeHandle; 2] =
        wakes.try_into().map_err(|_| io::Error::other("a relay has two edges"))?;
    give_edges.send(wakes).map_err(|_| io::Error::other("the relay's core ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_brings_each_frame_back_once_and_in_order() {
        for shape in Shape::ALL {
            let floor = Floor::start(shape, Profile::Shared).expect("starts");
            let stream = floor.stream().try_clone().expect("clone");
            let mut frames = Frames::new(stream);
            let mut back = Vec::new();
            for number in 0..200_u64 {
                let mut frame = [0; FRAME_BYTES];
                frame[..8].copy_from_slice(&number.to_le_bytes());
                frames.write(&frame).expect("written");
            }
            while back.len() < 200 {
                let see = |frame: &Frame| {
                    let [number, at] = [0, 8].map(|from| {
                        u64::from_le_bytes(frame[from..from + 8].try_into().expect("eight"))
                    });
                    assert!(at > 0, "stamped by the venue");
                    back.push(number);
                };
                frames.read(see).expect("read");
                assert!(!frames.ended, "{shape:?} ended early");
                std::thread::yield_now();
            }
            assert_eq!(back, (0..200).collect::<Vec<_>>(), "{shape:?}");
            drop(frames);
            floor.stop().expect("stops");
        }
    }
}
