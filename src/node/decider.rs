//! Journal and engine together: an input is appended before it acts, and the journal can be
//! replayed.
//!
//! A line belongs here if it ties the two together. No thread and no clock: the core thread, the
//! seeded simulation and the replay all run this code.

use rutter_core::Engine;
use rutter_core::engine::BadGenesis;
use rutter_core::input::{Genesis, Header, Input};
use rutter_core::number::UnixNanos;
use rutter_core::output::Sink;
use rutter_core::wire::{INPUT_BYTES_MAX, SCHEMA, WireError, decode, encode};
use rutter_journal::{AppendError, Config, Journal, OpenError, Record, Recovery, Storage};

/// Kind of a journal record that holds an input.
pub const RECORD_INPUT: u16 = 1;

/// Kind of a journal record that holds the digest over all outputs up to it.
pub const RECORD_DIGEST: u16 = 2;

/// Inputs between two digest records.
pub const INPUTS_PER_DIGEST: u32 = 4_096;

const DIGEST_BYTES: usize = 8;

/// Why a record of the journal cannot be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The first record is no genesis.
    #[error("record {seq}: the first record is not a genesis")]
    NoGenesis {
        /// Sequence of the record.
        seq: u64,
    },
    /// The genesis asks for tables of a size that this build refuses.
    #[error("record {seq}: the genesis has table sizes out of range")]
    BadGenesis {
        /// Sequence of the record.
        seq: u64,
    },
    /// Written by another version of the core.
    #[error("record {seq}: schema {found}, this build reads {SCHEMA}")]
    Schema {
        /// Sequence of the record.
        seq: u64,
        /// Schema of the record.
        found: u16,
    },
    /// No such kind of record.
    #[error("record {seq}: unknown kind {kind}")]
    Kind {
        /// Sequence of the record.
        seq: u64,
        /// Kind of the record.
        kind: u16,
    },
    /// The body is no input.
    #[error("record {seq}: {source}")]
    Input {
        /// Sequence of the record.
        seq: u64,
        /// What is wrong with the body.
        source: WireError,
    },
    /// The outputs of the replay differ from those at the time of writing.
    #[error("digest differs at record {seq}: journal {journaled:016x}, replay {replayed:016x}")]
    Diverged {
        /// Journal sequence of the digest record.
        seq: u64,
        /// The digest in the journal.
        journaled: u64,
        /// The digest of the replay.
        replayed: u64,
    },
}

/// Makes an engine again from the records of a journal.
#[derive(Debug, Default)]
pub struct Replayer {
    engine: Option<Engine>,
    since_digest: u32,
    /// Digest records that were compared.
    pub digests: u64,
    /// Number of replayed inputs.
    pub inputs: u64,
}

impl Replayer {
    /// Replays one record.
    ///
    /// # Errors
    /// [`ReplayError`]; the replay cannot go on then.
    #[inline]
    pub fn record<S: Sink>(
        &mut self,
        record: &Record<'_>,
        sink: &mut S,
    ) -> Result<(), ReplayError> {
        let seq = record.sequence;
        if record.schema != SCHEMA {
            return Err(ReplayError::Schema { seq, found: record.schema });
        }
        match record.kind {
            RECORD_INPUT => {
                let input =
                    decode(record.body).map_err(|source| ReplayError::Input { seq, source })?;
                self.input(Header { seq, time: UnixNanos(record.time_ns) }, &input, sink)
            }
            RECORD_DIGEST => self.digest(seq, record.body),
            kind => Err(ReplayError::Kind { seq, kind }),
        }
    }

    fn input<S: Sink>(
        &mut self,
        header: Header,
        input: &Input,
        sink: &mut S,
    ) -> Result<(), ReplayError> {
        self.inputs += 1;
        if let Some(engine) = &mut self.engine {
            engine.apply(header, input, sink);
            self.since_digest += 1;
            return Ok(());
        }
        let seq = header.seq;
        let Input::Genesis(genesis) = input else { return Err(ReplayError::NoGenesis { seq }) };
        let engine = Engine::new(genesis).map_err(|BadGenesis| ReplayError::BadGenesis { seq })?;
        self.engine = Some(engine);
        sink.input(header, input);
        Ok(())
    }

    fn digest(&mut self, seq: u64, body: &[u8]) -> Result<(), ReplayError> {
        let engine = self.engine.as_ref().ok_or(ReplayError::NoGenesis { seq })?;
        let short = ReplayError::Input { seq, source: WireError::Short };
        let journaled = u64::from_le_bytes(body.try_into().map_err(|_| short)?);
        let replayed = engine.digest();
        self.since_digest = 0;
        self.digests += 1;
        if journaled == replayed {
            Ok(())
        } else {
            Err(ReplayError::Diverged { seq, journaled, replayed })
        }
    }

    /// The engine so far; `None` before the genesis.
    pub const fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }
}

/// Why a node cannot go on from its journal.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal refuses to open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The first record cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// The engine behind its journal.
#[derive(Debug)]
pub struct Decider<S: Storage> {
    engine: Engine,
    journal: Journal<S>,
    since_digest: u32,
}

impl<S: Storage> Decider<S> {
    /// Opens a journal and replays it, or creates one with `genesis`. `sink` gets the outputs of
    /// the replay. It must deliver reports that a client has not received, and must not send any
    /// order to a venue.
    ///
    /// # Errors
    /// [`StartError`]: nothing was sent and nothing decided.
    pub fn open<K: Sink>(
        storage: S,
        config: Config,
        genesis: &Genesis,
        now_ns: u64,
        sink: &mut K,
    ) -> Result<(Self, Recovery), StartError> {
        let mut replayer = Replayer::default();
        let mut failed = None;
        let (mut journal, recovery) = Journal::open_replaying(storage, config, |record| {
            if failed.is_none() {
                failed = replayer.record(&record, sink).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let since_digest = replayer.since_digest;
        let engine = match replayer.engine {
            Some(engine) => engine,
            None => begin(&mut journal, genesis, now_ns)?,
        };
        Ok((Self { engine, journal, since_digest }, recovery))
    }

    /// Appends an input, then applies it. Returns its sequence.
    ///
    /// # Errors
    /// [`AppendError`]: it was not journaled, so nothing was decided.
    #[inline]
    pub fn decide<K: Sink>(
        &mut self,
        now_ns: u64,
        input: &Input,
        sink: &mut K,
    ) -> Result<u64, AppendError> {
        let seq = append(&mut self.journal, now_ns, input)?;
        self.engine.apply(Header { seq, time: UnixNanos(now_ns) }, input, sink);
        self.since_digest += 1;
        if self.since_digest >= INPUTS_PER_DIGEST {
            self.write_digest(now_ns)?;
        }
        Ok(seq)
    }

    /// Writes the digest over all outputs so far, for replays to compare.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn write_digest(&mut self, now_ns: u64) -> Result<(), AppendError> {
        let digest: [u8; DIGEST_BYTES] = self.engine.digest().to_le_bytes();
        self.journal.append(RECORD_DIGEST, SCHEMA, now_ns, &digest)?;
        self.since_digest = 0;
        Ok(())
    }

    /// The engine, to look at.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The journal.
    pub const fn journal(&self) -> &Journal<S> {
        &self.journal
    }

    /// The journal, to sync it by hand.
    pub const fn journal_mut(&mut self) -> &mut Journal<S> {
        &mut self.journal
    }

    /// The parts, for an orderly end.
    pub fn into_parts(self) -> (Engine, Journal<S>) {
        (self.engine, self.journal)
    }
}

#[inline]
fn append<S: Storage>(
    journal: &mut Journal<S>,
    now_ns: u64,
    input: &Input,
) -> Result<u64, AppendError> {
    journal.append_with(RECORD_INPUT, SCHEMA, now_ns, INPUT_BYTES_MAX, |buf| encode(input, buf))
}

fn begin<S: Storage>(
    journal: &mut Journal<S>,
    genesis: &Genesis,
    now_ns: u64,
) -> Result<Engine, StartError> {
    let engine = Engine::new(genesis).map_err(|BadGenesis| ReplayError::BadGenesis { seq: 1 })?;
    append(journal, now_ns, &Input::Genesis(*genesis))?;
    Ok(engine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::input::{AssetDef, Operator, OperatorCommand, Scope};
    use rutter_core::number::Text;
    use rutter_core::output::Output;
    use rutter_journal::{Durability, MemStorage, Reader};

    fn operator(command: OperatorCommand) -> Input {
        let (by, reason) = (Text::default(), Text::default());
        Input::Operator(Operator { request: 0, by, reason, command })
    }

    fn genesis() -> Genesis {
        Genesis {
            node_tag: 1,
            orders_log2: 4,
            children_log2: 4,
            executions_log2: 4,
            day_roll_s: 0,
            hash_seed: 1,
        }
    }

    fn config() -> Config {
        Config::new(Durability::Process).stepped().segment_bytes(64 << 10)
    }

    fn open(storage: MemStorage) -> Result<Decider<MemStorage>, StartError> {
        let mut outputs: Vec<Output> = Vec::new();
        Decider::open(storage, config(), &genesis(), 1, &mut outputs).map(|(decider, _)| decider)
    }

    #[test]
    fn a_replay_makes_the_same_engine_and_compares_digests() {
        let storage = MemStorage::new(1);
        let mut decider = open(storage.clone()).expect("new");
        let mut outputs: Vec<Output> = Vec::new();
        for step in 0..10_000 {
            let on = step % 2 == 0;
            let command = if on { OperatorCommand::Halt } else { OperatorCommand::Resume };
            let input = operator(command(Scope::All));
            decider.decide(step, &input, &mut outputs).expect("appended");
        }
        let digest = decider.engine().digest();
        let again = open(storage.after_kill()).expect("replayed");
        assert_eq!(again.engine().digest(), digest);
        assert_eq!(again.engine().counts().inputs, 10_000);
    }

    #[test]
    fn a_replay_that_differs_says_where() {
        let storage = MemStorage::new(1);
        let mut decider = open(storage.clone()).expect("new");
        let mut outputs: Vec<Output> = Vec::new();
        let halt = operator(OperatorCommand::Halt(Scope::All));
        decider.decide(1, &halt, &mut outputs).expect("appended");
        let name = Text::new(b"BTC").expect("fits");
        let asset = Input::Asset(AssetDef { id: rutter_core::id::AssetId(0), name });
        decider.decide(2, &asset, &mut outputs).expect("appended");
        let wrong = [7; DIGEST_BYTES];
        decider.journal_mut().append(RECORD_DIGEST, SCHEMA, 3, &wrong).expect("appended");
        match open(storage.after_kill()) {
            Err(StartError::Replay(ReplayError::Diverged { seq: 4, .. })) => {}
            other => panic!("{other:?}"),
        }
        let after = storage.after_kill();
        let mut reader = Reader::open(&after).expect("readable");
        assert_eq!(reader.next().expect("a record").map(|r| r.kind), Some(RECORD_INPUT));
    }

    #[test]
    fn a_record_of_another_schema_or_kind_is_refused() {
        let storage = MemStorage::new(1);
        let mut decider = open(storage.clone()).expect("new");
        decider.journal_mut().append(RECORD_INPUT, SCHEMA + 1, 3, &[2]).expect("appended");
        let error = open(storage.after_kill()).expect_err("refused").to_string();
        assert!(error.contains("schema"), "{error}");
    }
}
