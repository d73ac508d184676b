//! The disk of the journal: room, and how long it takes to be sure of a record.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::finding::Finding;
use crate::config::{Config, Durability};

/// Writes that are measured, each with its sync.
const SYNCS: usize = 100;

/// Longest time of the whole measurement; a slow disk gets fewer samples.
const MEASURE_TIME_MAX: Duration = Duration::from_secs(3);

/// A record's size, about.
const RECORD_BYTES: usize = 4_096;

/// Below this much room, somebody should be told.
const FREE_BYTES_WARN: u64 = 10 << 30;

/// Segments that must find room.
const SEGMENTS_MIN: u64 = 4;

/// Longest sync, of a hundred, that a node with `durability = "disk"` can live with.
const SYNC_WARN: Duration = Duration::from_millis(10);

/// Checks the room on the disk, and the time of a sync.
pub fn examine(config: &Config) -> Vec<Finding> {
    let folder = existing(&config.node.data_dir);
    vec![space(config, &folder), speed(config, &folder)]
}

/// The folder, or the nearest above it that is there: a node makes the rest.
fn existing(folder: &Path) -> PathBuf {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let found = shown.ancestors().find(|folder| folder.is_dir());
    match found {
        Some(found) if !found.as_os_str().is_empty() => found.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn space(config: &Config, folder: &Path) -> Finding {
    let Ok(found) = rustix::fs::statvfs(folder) else {
        let found = format!("{} cannot be asked", folder.display());
        return Finding::fail("disk_space", found, "look at the mount");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let needed = config.node.journal_segment_bytes.saturating_mul(SEGMENTS_MIN);
    let found = format!("{} MiB are free at {}", free >> 20, folder.display());
    match free {
        free if free < needed => {
            Finding::fail("disk_space", found, format!("make room for {} MiB", needed >> 20))
        }
        free if free < FREE_BYTES_WARN => Finding::warn(
            "disk_space",
            found,
            "a busy day writes gigabytes; see docs/performance.md",
        ),
        _ => Finding::ok("disk_space", found),
    }
}

fn speed(config: &Config, folder: &Path) -> Finding {
    match measure(folder) {
        Ok(mut times) => {
            times.sort_unstable();
            let at = |ppm: usize| times.get(times.len() * ppm / 1_000_000).copied();
            let (p50, p99) = (at(500_000).unwrap_or_default(), at(990_000).unwrap_or_default());
            let found = format!(
                "4 KiB and its sync: median {} µs, p99 {} µs of {}",
                p50.as_micros(),
                p99.as_micros(),
                times.len()
            );
            let waits = config.node.durability == Durability::Disk;
            if waits && p99 > SYNC_WARN {
                let advice = "every order waits for it: a disk with a power-safe cache, or \
                              durability = \"process\"";
                return Finding::warn("disk_speed", found, advice);
            }
            Finding::ok("disk_speed", found)
        }
        Err(error) => {
            let found = format!("{}: {error}", folder.display());
            Finding::fail("disk_speed", found, "the node's user must be able to write here")
        }
    }
}

/// The file that is written; taken away however the measurement ends.
struct ProbeFile(PathBuf);

impl Drop for ProbeFile {
    fn drop(&mut self) {
        // It is not there if it could not be made.
        drop(std::fs::remove_file(&self.0));
    }
}

fn measure(folder: &Path) -> std::io::Result<Vec<Duration>> {
    let path = folder.join(format!(".rutter-doctor-{}", std::process::id()));
    // Never over something that is there, and never through a link.
    // Root tries for the node's user.
    let mut file = rutter_files::create_new_beside(&path, rutter_files::keeper_of(folder))?;
    let _trial = ProbeFile(path);
    let record = [0x5a; RECORD_BYTES];
    let (began, mut times) = (Instant::now(), Vec::with_capacity(SYNCS));
    while times.len() < SYNCS && began.elapsed() < MEASURE_TIME_MAX {
        let before = Instant::now();
        file.write_all(&record)?;
        file.sync_data()?;
        times.push(before.elapsed());
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn config(data_dir: &Path, segment_bytes: u64) -> Config {
        let mut config =
            Config::parse(include_str!("../../../deploy/example.toml")).expect("sound");
        data_dir.clone_into(&mut config.node.data_dir);
        config.node.journal_segment_bytes = segment_bytes;
        config
    }

    #[test]
    fn the_disk_is_measured_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().expect("folder");
        let findings = examine(&config(&dir.path().join("not/made/yet"), 1 << 20));
        assert_eq!(findings[1].check, "disk_speed");
        assert!(findings[1].level < Level::Fail, "{findings:?}");
        assert!(findings[1].found.contains("median"), "{findings:?}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
    }

    #[test]
    fn root_measures_in_the_folder_of_the_nodes_user() {
        let dir = tempfile::tempdir().expect("folder");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(dir.path(), Some(4_242), None).expect("given away");
        }
        let found = speed(&config(dir.path(), 1), dir.path());
        assert!(found.level < Level::Fail, "{found}");
    }

    #[test]
    fn too_little_room_for_the_next_segments_is_a_failure() {
        let dir = tempfile::tempdir().expect("folder");
        assert_eq!(space(&config(dir.path(), u64::MAX / 8), dir.path()).level, Level::Fail);
        assert!(space(&config(dir.path(), 1), dir.path()).level < Level::Fail);
    }

    #[test]
    fn a_folder_that_takes_no_file_is_a_failure() {
        let dir = tempfile::tempdir().expect("folder");
        let file = dir.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(speed(&config(&file, 1), &file).level, Level::Fail);
    }
}
