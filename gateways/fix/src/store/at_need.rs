//! A store whose files are made when its session is first used.
//!
//! Most sessions of a large node are at rest, and a message store takes a folder, a mapped page and
//! a preallocated segment. A session that has never logged on has none of them.
//!
//! Until then the store answers as a new one: both numbers are 1, and there are no messages. The
//! period that its numbers belong to is kept in memory; a new store does not know one either.
//!
//! A line belongs here if it is about the time before the files are there.

use std::path::{Path, PathBuf};

use super::prepare::Preparer;
use super::{
    Entry, HistoryCursor, MessageStore, MmapConfig, MmapStore, StoreError, StoreFault,
    StoredMessage, Told, check,
};

/// What a store is made with.
#[derive(Clone, Debug)]
struct Wanted {
    folder: PathBuf,
    config: MmapConfig,
    retention_ns: u64,
    preparer: Option<Preparer>,
    /// The journal's events are being repeated: see [`MmapStore::repeats_follow`].
    repeating: bool,
    /// The period that the numbers will belong to; 0 for none.
    period_ns: u64,
    /// The files could not be made: the store takes no message.
    fault: Option<StoreFault>,
}

/// Before and after the files are made.
#[derive(Debug)]
enum Files {
    NotYet(Box<Wanted>),
    There(Box<MmapStore>),
}

/// See the module's text.
#[derive(Debug)]
pub struct AtNeedStore(Files);

impl From<MmapStore> for AtNeedStore {
    fn from(store: MmapStore) -> Self {
        Self(Files::There(Box::new(store)))
    }
}

impl AtNeedStore {
    /// A store for a folder that is not there yet; `None` if something is there, which has to be
    /// opened. See [`MmapStore::keeping_ns`], [`MmapStore::prepared_by`] and
    /// [`MmapStore::repeats_follow`] for the settings.
    pub fn for_new(
        folder: &Path,
        config: MmapConfig,
        retention_ns: u64,
        preparer: &Preparer,
        repeating: bool,
    ) -> Option<Self> {
        // What cannot be looked at is opened too, so that the error is found at the start.
        if std::fs::symlink_metadata(folder).map_or_else(|error| !is_absent(&error), |_| true) {
            return None;
        }
        let preparer = Some(preparer.clone());
        let folder = folder.to_owned();
        let (period_ns, fault) = (0, None);
        let wanted = Wanted { folder, config, retention_ns, preparer, repeating, period_ns, fault };
        Some(Self(Files::NotYet(Box::new(wanted))))
    }

    /// Whether the store has files.
    pub const fn has_files(&self) -> bool {
        matches!(self.0, Files::There(_))
    }

    /// The store in its files, which are made if they are not there.
    fn made(&mut self) -> Result<&mut MmapStore, StoreError> {
        if let Files::NotYet(wanted) = &mut self.0 {
            if let Some(fault) = wanted.fault {
                return Err(StoreError::Refused(fault));
            }
            let made = make(wanted).inspect_err(|error| {
                wanted.fault = Some(error.fault().unwrap_or(StoreFault::Unreadable));
            })?;
            self.0 = Files::There(Box::new(made));
        }
        match &mut self.0 {
            Files::There(store) => Ok(store),
            Files::NotYet(_) => Err(StoreError::Refused(StoreFault::Unreadable)),
        }
    }

    /// Changes a number. If the files cannot be made, the fault stays, and the next message is
    /// refused with it.
    fn change(&mut self, change: impl FnOnce(&mut MmapStore)) {
        if let Ok(store) = self.made() {
            change(store);
        }
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

fn make(wanted: &Wanted) -> Result<MmapStore, StoreError> {
    let store = MmapStore::open(&wanted.folder, wanted.config)?;
    let mut store = store.keeping_ns(wanted.retention_ns);
    if let Some(preparer) = &wanted.preparer {
        store = store.prepared_by(preparer);
    }
    if wanted.repeating {
        store = store.repeats_follow();
    } else {
        // Nothing was told before the files were made, so nothing is in doubt.
        store.replay_ends();
    }
    if wanted.period_ns > 0 {
        store.set_period_ns(wanted.period_ns);
    }
    Ok(store)
}

/// The first number of a new store.
const FIRST: u64 = 1;

impl MessageStore for AtNeedStore {
    fn next_in(&self) -> u64 {
        match &self.0 {
            Files::There(store) => store.next_in(),
            Files::NotYet(_) => FIRST,
        }
    }

    fn next_out(&self) -> u64 {
        match &self.0 {
            Files::There(store) => store.next_out(),
            Files::NotYet(_) => FIRST,
        }
    }

    fn last_event_no(&self) -> u64 {
        match &self.0 {
            Files::There(store) => store.last_event_no(),
            Files::NotYet(_) => 0,
        }
    }

    fn told(&self, event_no: u64) -> Told {
        match &self.0 {
            Files::There(store) => store.told(event_no),
            // As a store that was just made: the one before it may be lost.
            Files::NotYet(wanted) if wanted.repeating && event_no > 0 => Told::Perhaps,
            Files::NotYet(_) => Told::Never,
        }
    }

    fn replay_ends(&mut self) -> u64 {
        match &mut self.0 {
            Files::There(store) => store.replay_ends(),
            Files::NotYet(wanted) => {
                wanted.repeating = false;
                0
            }
        }
    }

    fn fault(&self) -> Option<StoreFault> {
        match &self.0 {
            Files::There(store) => store.fault(),
            Files::NotYet(wanted) => wanted.fault,
        }
    }

    fn damaged(&self) -> u64 {
        match &self.0 {
            Files::There(store) => store.damaged(),
            Files::NotYet(_) => 0,
        }
    }

    fn dropped_upto(&self) -> u64 {
        match &self.0 {
            Files::There(store) => store.dropped_upto(),
            Files::NotYet(_) => 0,
        }
    }

    fn epoch(&self) -> u64 {
        match &self.0 {
            Files::There(store) => store.epoch(),
            Files::NotYet(wanted) => wanted.config.first_epoch & super::state::VALUE_MAX,
        }
    }

    fn set_next_in(&mut self, next: u64) {
        if next != self.next_in() || self.has_files() {
            self.change(|store| store.set_next_in(next));
        }
    }

    fn set_next_out(&mut self, next: u64) {
        if next != self.next_out() || self.has_files() {
            self.change(|store| store.set_next_out(next));
        }
    }

    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        check(entry, self.next_out())?;
        self.made()?.append(entry)
    }

    fn get(&self, seq: u64) -> Option<Entry<'_>> {
        match &self.0 {
            Files::There(store) => store.get(seq),
            Files::NotYet(_) => None,
        }
    }

    fn next_kept(&self, seq: u64) -> Option<u64> {
        match &self.0 {
            Files::There(store) => store.next_kept(seq),
            Files::NotYet(_) => None,
        }
    }

    /// Nothing to do without files: both numbers are 1 already, and no message has left.
    fn reset(&mut self) {
        if let Files::There(store) = &mut self.0 {
            store.reset();
        }
    }

    fn period_ns(&self) -> u64 {
        match &self.0 {
            Files::There(store) => store.period_ns(),
            Files::NotYet(wanted) => wanted.period_ns,
        }
    }

    fn set_period_ns(&mut self, start_ns: u64) {
        match &mut self.0 {
            Files::There(store) => store.set_period_ns(start_ns),
            Files::NotYet(wanted) => wanted.period_ns = start_ns,
        }
    }

    fn reset_for_period(&mut self, start_ns: u64) {
        match &mut self.0 {
            Files::There(store) => store.reset_for_period(start_ns),
            Files::NotYet(wanted) => wanted.period_ns = start_ns,
        }
    }

    fn next_past(&self, cursor: &mut HistoryCursor) -> Option<StoredMessage<'_>> {
        match &self.0 {
            Files::There(store) => store.next_past(cursor),
            Files::NotYet(_) => None,
        }
    }

    fn maintain(&mut self) -> Result<(), StoreError> {
        match &mut self.0 {
            Files::There(store) => store.maintain(),
            Files::NotYet(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path, repeating: bool) -> AtNeedStore {
        let preparer = Preparer::start().expect("a thread");
        let config = MmapConfig { segment_bytes: 1 << 17, first_epoch: 7, ..MmapConfig::default() };
        AtNeedStore::for_new(folder, config, 0, &preparer, repeating).expect("nothing is there")
    }

    fn entry(seq: u64, event_no: u64) -> Entry<'static> {
        Entry { seq, event_no, sending_ns: 1, msg_type: b"8", body: b"11=a\x01" }
    }

    #[test]
    fn looks_and_a_new_period_make_no_files_and_the_first_message_does() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("DESK");
        let mut store = store(&folder, false);
        store.set_next_in(1);
        store.set_next_out(1);
        store.reset();
        store.reset_for_period(5_000_000);
        store.maintain().expect("nothing to do");
        let numbers = (store.next_in(), store.next_out(), store.last_event_no(), store.epoch());
        assert_eq!(numbers, (1, 1, 0, 7));
        assert!(store.get(1).is_none() && store.next_kept(1).is_none());
        assert!(!store.has_files() && !folder.exists());
        store.append(&entry(1, 3)).expect("stored");
        assert!(store.has_files() && folder.join("state").exists());
        let numbers = (store.next_in(), store.next_out(), store.last_event_no(), store.epoch());
        assert_eq!((numbers, store.period_ns()), ((1, 2, 3, 7), 5_000_000));
        assert_eq!((store.told(3), store.told(4)), (Told::Surely, Told::Never));
        drop(store);
        let preparer = Preparer::start().expect("a thread");
        let again = AtNeedStore::for_new(&folder, MmapConfig::default(), 0, &preparer, false);
        assert!(again.is_none(), "files that are there are opened");
    }

    /// A session that the journal knows and whose folder is lost: nobody knows what was told.
    #[test]
    fn a_repeated_event_is_in_doubt_before_and_after_the_files_are_made() {
        let root = tempfile::tempdir().expect("a folder");
        let mut store = store(&root.path().join("DESK"), true);
        assert_eq!(store.told(1), Told::Perhaps);
        store.append(&entry(1, 1)).expect("stored");
        assert_eq!((store.told(1), store.told(2)), (Told::Surely, Told::Perhaps));
        assert_eq!((store.replay_ends(), store.told(2)), (1, Told::Never));
    }

    #[test]
    fn a_store_whose_files_cannot_be_made_says_why_and_takes_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let mut store = store(&root.path().join("DESK"), false);
        // A file in the place of the folder.
        std::fs::write(root.path().join("DESK"), b"x").expect("written");
        assert_eq!(store.fault(), None);
        store.set_next_in(2);
        assert!(store.fault().is_some());
        assert!(matches!(store.append(&entry(1, 1)), Err(StoreError::Refused(_))));
        assert_eq!((store.next_in(), store.next_out()), (1, 1));
    }
}
