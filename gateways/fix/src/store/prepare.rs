//! A thread that makes the files which stores will need next, and lets go of those that they need
//! no longer: reserving, mapping and touching some megabytes takes milliseconds, which no session
//! should wait for.
//!
//! A line belongs here if it is about that thread. The files themselves are `segment`.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::StoreError;
use super::segment::{Segment, create_segment};

/// Files that wait to be made or let go; a store does it itself when there is no room.
pub const JOBS_MAX: usize = 1_024;

/// Where a segment goes that was made, or the reason why not.
type Made = SyncSender<Result<Segment, StoreError>>;

#[derive(Debug)]
enum Job {
    Make { folder: PathBuf, number: u64, bytes: u32, made: Made },
    LetGo(Segment),
}

/// The way to the thread; it ends when the last one of these is gone.
#[derive(Clone, Debug)]
pub struct Preparer {
    jobs: SyncSender<Job>,
}

impl Preparer {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> std::io::Result<Self> {
        let (jobs, work) = sync_channel(JOBS_MAX);
        std::thread::Builder::new().name("fix-stores".to_owned()).spawn(move || run(&work))?;
        Ok(Self { jobs })
    }

    /// Asks for a segment; `None` when there are too many to be made.
    pub(super) fn make(&self, folder: PathBuf, number: u64, bytes: u32) -> Option<Coming> {
        let (made, segment) = sync_channel(1);
        self.jobs.try_send(Job::Make { folder, number, bytes, made }).ok()?;
        Some(Coming { segment })
    }

    /// Removes a segment's file, here if there is too much to do there.
    pub(super) fn let_go(&self, segment: Segment) {
        let refused = match self.jobs.try_send(Job::LetGo(segment)) {
            Ok(()) => return,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job,
        };
        if let Job::LetGo(segment) = refused {
            segment.remove();
        }
    }
}

/// A segment that is being made.
#[derive(Debug)]
pub(super) struct Coming {
    segment: Receiver<Result<Segment, StoreError>>,
}

impl Coming {
    /// The segment, once it is there; `None` when the thread is gone.
    pub fn wait(self) -> Option<Result<Segment, StoreError>> {
        self.segment.recv().ok()
    }
}

fn run(work: &Receiver<Job>) {
    // Ends when every Preparer is gone.
    while let Ok(job) = work.recv() {
        match job {
            Job::Make { folder, number, bytes, made } => {
                // Whoever asked may be gone; an unwritten file is made anew at the next open.
                let _ = made.send(create_segment(&folder, number, bytes));
            }
            Job::LetGo(segment) => segment.remove(),
        }
    }
}
