//! The thread that asks the node's console and draws the screen, so that the client's thread waits
//! for neither.
//!
//! A line belongs here if it crosses between the two threads.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use anyhow::anyhow;
use rutter_sim::Venue;
use serde_json::Value;

use super::screen::Screen;
use super::trader::Wait;
use super::view::{VenueView, View, Watched};
use crate::harness::{Console, USUAL, stages};

/// Most states that wait to be shown. Beyond this the client's thread drops a state, but keeps the
/// times in it.
const VIEWS_MAX: usize = 4;

/// The client thread's end of the channel.
#[derive(Debug)]
pub struct Watcher {
    views: Option<SyncSender<View>>,
    thread: Option<JoinHandle<io::Result<Watched>>>,
}

impl Watcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(console: Console, screen: Screen) -> io::Result<Self> {
        let (views, received) = sync_channel(VIEWS_MAX);
        let thread = std::thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || watch(&received, &console, screen))?;
        Ok(Self { views: Some(views), thread: Some(thread) })
    }

    /// Hands over a state without waiting. Returns the times that the next state has to carry
    /// because this one found no room.
    ///
    /// # Errors
    /// The output is closed.
    pub fn show(&mut self, view: View) -> anyhow::Result<Vec<Wait>> {
        let Some(views) = &self.views else { return Ok(view.waits) };
        match views.try_send(view) {
            Ok(()) => Ok(Vec::new()),
            Err(TrySendError::Full(view)) => Ok(view.waits),
            Err(TrySendError::Disconnected(_)) => {
                self.end()?;
                Err(anyhow!("the screen's thread has ended"))
            }
        }
    }

    /// Ends the thread and takes what it has gathered.
    ///
    /// # Errors
    /// The output is closed.
    pub fn end(&mut self) -> anyhow::Result<Watched> {
        self.views = None;
        let thread = self.thread.take().ok_or_else(|| anyhow!("the screen has ended"))?;
        let watched = thread.join().map_err(|_| anyhow!("the screen's thread failed"))?;
        Ok(watched?)
    }
}

fn watch(views: &Receiver<View>, console: &Console, mut screen: Screen) -> io::Result<Watched> {
    let mut watched = Watched::default();
    for view in views {
        watched.add(&view);
        // A killed node does not answer. Its last answer stands until the next node's first.
        if let Ok(status) = console.status() {
            watched.venues = USUAL.map(|venue| venue_view(&status, venue));
            watched.stages = stages(&status);
        }
        screen.show(&view, &watched)?;
    }
    screen.end()?;
    Ok(watched)
}

/// A venue in the console's answer to `status`; down without a row.
fn venue_view(status: &Value, venue: Venue) -> VenueView {
    let rows = status["venues"].as_array().map_or(&[][..], Vec::as_slice);
    let row = rows.iter().find(|row| row["name"] == venue.name()).unwrap_or(&Value::Null);
    VenueView { up: row["up"] == true, books: row["books_trusted"].as_u64().unwrap_or(0) }
}
