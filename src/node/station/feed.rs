//! The station of a venue's market data: gives its books to the core and to those who watch.
//!
//! A line belongs here if it concerns one venue's market data, whatever the venue's protocol.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rutter_core::input::Input;
use rutter_feeds::FeedCommand;
use rutter_transport::arrival::{Arrival, ArrivalCell};
use rutter_transport::driver::Driver;
use rutter_transport::machine::Machine;
use rutter_transport::wait::PARK_MAX;

use super::{Station, publish_news};
use crate::node::link_watch::{LinkGauge, LinkWatch};
use crate::node::rings::InputWriter;
use crate::node::tap::Tap;

/// A venue's market data.
#[derive(Debug)]
pub struct Feed<M: Machine<Command = FeedCommand, Emission = Input>> {
    name: String,
    driver: Driver<M>,
    inputs: InputWriter,
    tap: Tap,
    arrival: Arc<ArrivalCell>,
    link: LinkWatch,
}

/// Publishes a book event to the core and to the readers of market data.
fn publish_book(
    inputs: &mut InputWriter,
    tap: &mut Tap,
    name: &str,
    input: Input,
    arrival: Arrival,
) {
    tap.offer(&input);
    publish_news(inputs, name, input, arrival);
}

impl<M: Machine<Command = FeedCommand, Emission = Input>> Feed<M> {
    /// A feed that begins to connect.
    pub fn start(
        name: String,
        mut driver: Driver<M>,
        mut inputs: InputWriter,
        mut tap: Tap,
        gauge: LinkGauge,
    ) -> Self {
        driver.start(&mut |input| {
            publish_book(&mut inputs, &mut tap, &name, input, Arrival::default());
        });
        let arrival = driver.arrival();
        let link = LinkWatch::new(name.clone(), "feed", gauge);
        Self { name, driver, inputs, tap, arrival, link }
    }

    /// Book changes are emitted only while the ring has room; meanwhile the machine keeps the
    /// newest state.
    fn emit_books(&mut self) {
        if self.inputs.has_room_for_books() {
            let (inputs, tap, name) = (&mut self.inputs, &mut self.tap, self.name.as_str());
            self.driver
                .emit_held(&mut |input| publish_book(inputs, tap, name, input, Arrival::default()));
        }
        self.tap.flush();
        self.link.look(&self.driver);
        self.inputs.notify();
    }
}

impl<M: Machine<Command = FeedCommand, Emission = Input> + Send> Station for Feed<M> {
    fn turn(&mut self) -> Result<bool, String> {
        self.inputs.flush();
        let (inputs, tap) = (&mut self.inputs, &mut self.tap);
        let (name, arrival) = (&self.name, &self.arrival);
        let mut emit = |input| publish_book(inputs, tap, name, input, arrival.load());
        let worked = self.driver.turn(|| None, &mut emit).map_err(|e| e.to_string())?;
        self.emit_books();
        Ok(worked)
    }

    fn park(&mut self) -> Result<(), String> {
        let (inputs, tap) = (&mut self.inputs, &mut self.tap);
        let (name, arrival) = (&self.name, &self.arrival);
        let waiting = inputs.pending() > 0;
        let mut emit = |input| publish_book(inputs, tap, name, input, arrival.load());
        self.driver.park(|| waiting, PARK_MAX, &mut emit).map_err(|e| e.to_string())?;
        self.emit_books();
        Ok(())
    }

    fn idle_for(&self) -> Duration {
        if self.inputs.pending() > 0 { Duration::ZERO } else { self.driver.idle_for() }
    }

    fn poll_fd(&self) -> RawFd {
        self.driver.poll_fd()
    }
}
