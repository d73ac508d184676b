//! A thread that makes the segment files which stores need next, and removes the oldest ones.
//! Reserving, mapping and touching some megabytes takes milliseconds, and no session should wait
//! for that.
//!
//! A line belongs here if it is about the thread. The files themselves are `segment`.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::StoreError;
use super::segment::{Segment, create_segment};

/// Files that wait to be made or removed. With more, a store does the work itself.
pub const JOBS_MAX: usize = 1_024;

/// Where the thread sends a segment that it has made, or the error.
type Made = SyncSender<Result<Segment, StoreError>>;

#[derive(Debug)]
enum Job {
    Make {
        folder: PathBuf,
        number: u64,
        bytes: u32,
        owner: u64,
        made: Made,
    },
    /// The sender is dropped once the file is gone.
    LetGo(Segment, SyncSender<()>),
}

/// The handle of the thread. The thread ends when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Preparer {
    jobs: SyncSender<Job>,
}

impl Preparer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's error.
    pub fn start() -> std::io::Result<Self> {
        let (jobs, work) = sync_channel(JOBS_MAX);
        std::thread::Builder::new().name("fix-stores".to_owned()).spawn(move || run(&work))?;
        Ok(Self { jobs })
    }

    /// Asks for a segment; `None` when too many wait to be made.
    pub(super) fn make(
        &self,
        folder: PathBuf,
        number: u64,
        bytes: u32,
        owner: u64,
    ) -> Option<Coming> {
        let (made, segment) = sync_channel(1);
        self.jobs.try_send(Job::Make { folder, number, bytes, owner, made }).ok()?;
        Some(Coming { segment })
    }

    /// Removes a segment's file; on the calling thread if too much work waits.
    pub(super) fn let_go(&self, segment: Segment) -> Option<Going> {
        let (gone, removed) = sync_channel(1);
        match self.jobs.try_send(Job::LetGo(segment, gone)) {
            Ok(()) => return Some(Going { removed }),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job.run(),
        }
        None
    }
}

/// A segment that the thread is making.
#[derive(Debug)]
pub(super) struct Coming {
    segment: Receiver<Result<Segment, StoreError>>,
}

impl Coming {
    /// Waits for the segment; `None` when the thread is gone.
    pub fn wait(self) -> Option<Result<Segment, StoreError>> {
        self.segment.recv().ok()
    }
}

/// A segment file that the thread is removing. The thread works in order, so the removal asked for
/// last is also the last one to be done.
#[derive(Debug)]
pub(super) struct Going {
    removed: Receiver<()>,
}

impl Going {
    /// Waits until the file is gone.
    pub fn wait(self) {
        let _ = self.removed.recv();
    }
}

impl Job {
    fn run(self) {
        match self {
            Self::Make { folder, number, bytes, owner, made } => {
                // The store may be gone. The next open makes an unwritten file anew.
                let _ = made.send(create_segment(&folder, number, bytes, owner));
            }
            Self::LetGo(segment, _gone) => segment.remove(),
        }
    }
}

fn run(work: &Receiver<Job>) {
    // Ends when every handle is gone.
    while let Ok(job) = work.recv() {
        job.run();
    }
}
