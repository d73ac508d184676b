//! The machine: clock, processors, memory and limits, as the system shows them.

use std::path::PathBuf;

use rustix::process::{Resource, getrlimit};
use rutter_transport::wait::processors;

use super::finding::Finding;
use crate::config::Config;
use crate::watch::clock_offset::chrony_offset;

/// A clock further off makes signatures and timestamps doubtful, nanoseconds.
const OFFSET_NS_WARN: u64 = 50_000_000;

/// Clock error from which exchanges refuse signed requests, nanoseconds.
const OFFSET_NS_FAIL: u64 = 500_000_000;

/// Open files that a node of many sessions wants.
const FILES_WANTED: u64 = 16_384;

/// Open files without which a small one does not start.
const FILES_NEEDED: u64 = 256;

/// Looks at the machine.
#[derive(Debug)]
pub struct Machine {
    /// `/`, or a stand-in for it.
    pub root: PathBuf,
}

impl Machine {
    /// Checks the machine.
    pub fn examine(&mut self, config: Option<&Config>) -> Vec<Finding> {
        let mut findings = vec![self.clock_source(), clock_offset()];
        findings.push(processors_for(config));
        findings.push(self.isolation(config));
        findings.extend([self.governor(), self.huge_pages(), file_limit()]);
        findings
    }

    fn read(&self, path: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    fn clock_source(&self) -> Finding {
        let path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        match self.read(path).as_deref() {
            // These are read without a call into the kernel.
            Some(
                name @ ("tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" | "arch_sys_counter"),
            ) => Finding::ok("clock_source", name),
            Some(name) => Finding::warn(
                "clock_source",
                format!("{name}: each look at the clock is a call into the kernel"),
                "boot with clocksource=tsc if the processor's counter is steady",
            ),
            None => {
                Finding::warn("clock_source", "cannot be read", "look at dmesg for clocksource")
            }
        }
    }

    fn isolation(&self, config: Option<&Config>) -> Finding {
        let isolated = self.read("sys/devices/system/cpu/isolated").unwrap_or_default();
        let Some(cpu) = config.and_then(|config| config.node.core_cpu) else {
            return Finding::warn(
                "isolation",
                "the core is not pinned",
                "set node.core_cpu to a processor that nothing else uses, where there are enough",
            );
        };
        if cpu_list(&isolated).contains(&cpu) {
            return Finding::ok("isolation", format!("processor {cpu} is isolated"));
        }
        Finding::warn(
            "isolation",
            format!("processor {cpu} of node.core_cpu is not isolated"),
            format!("boot with isolcpus={cpu} nohz_full={cpu} rcu_nocbs={cpu}"),
        )
    }

    fn governor(&self) -> Finding {
        match self.read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").as_deref() {
            None => Finding::ok("governor", "the system does not change the frequency"),
            Some("performance") => Finding::ok("governor", "performance"),
            Some(name) => Finding::warn(
                "governor",
                format!("{name}: the first order after a quiet time is slow"),
                "cpupower frequency-set -g performance",
            ),
        }
    }

    fn huge_pages(&self) -> Finding {
        let text = self.read("sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
        let chosen = text.split(['[', ']']).nth(1).unwrap_or("not there");
        if chosen == "always" {
            return Finding::warn(
                "huge_pages",
                "always: the kernel may stop a thread to make one",
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            );
        }
        Finding::ok("huge_pages", chosen)
    }
}

/// `0-2,5` as 0, 1, 2, 5. At most a few thousand processors.
fn cpu_list(text: &str) -> Vec<usize> {
    const CPUS_MAX: usize = 4_096;
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse::<usize>()) {
            cpus.extend((first..=last).take(CPUS_MAX));
        }
    }
    cpus
}

/// What `chronyd` knows of the clock; without it, whether `systemd-timesyncd` keeps it.
fn clock_offset() -> Finding {
    let advice = "run chrony: exchanges refuse what is signed at a wrong time";
    match chrony_offset() {
        Ok(Some(offset_ns)) => return judge_offset(offset_ns),
        Ok(None) => return Finding::warn("clock_offset", "chrony has no source", advice),
        Err(_) => {}
    }
    if std::path::Path::new("/run/systemd/timesync/synchronized").exists() {
        return Finding::ok("clock_offset", "kept by systemd-timesyncd; how well is not known");
    }
    Finding::warn("clock_offset", "nothing is known to keep the clock", advice)
}

fn judge_offset(offset_ns: u64) -> Finding {
    let found = format!("{} µs off", offset_ns / 1_000);
    let advice = "see chronyc sources; let the clock settle before trading";
    match offset_ns {
        ns if ns >= OFFSET_NS_FAIL => Finding::fail("clock_offset", found, advice),
        ns if ns >= OFFSET_NS_WARN => Finding::warn("clock_offset", found, advice),
        _ => Finding::ok("clock_offset", found),
    }
}

fn processors_for(config: Option<&Config>) -> Finding {
    let there = processors();
    let Some(venues) = config.map(|config| config.venue.len()) else {
        return Finding::ok("processors", format!("{there} processors; venues are not known"));
    };
    let wanted = venues + 3;
    let found = format!("{there} processors, {venues} venues");
    match there {
        1 => Finding::warn("processors", found, "two are the fewest that run well"),
        n if n < wanted => {
            let advice = format!("all stations share a thread; with {wanted} each has its own");
            Finding::ok("processors", format!("{found}: {advice}"))
        }
        _ => Finding::ok("processors", found),
    }
}

fn file_limit() -> Finding {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let found = format!("{limit} open files");
    match limit {
        n if n < FILES_NEEDED => Finding::fail("file_limit", found, "ulimit -n 16384"),
        n if n < FILES_WANTED => Finding::warn(
            "file_limit",
            found,
            format!("LimitNOFILE={FILES_WANTED} in the unit, for many sessions"),
        ),
        _ => Finding::ok("file_limit", found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().expect("folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let root = dir.path().to_owned();
        (dir, Machine { root })
    }

    #[test]
    fn a_clock_that_is_read_through_the_kernel_is_warned_of() {
        let path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        for (name, level) in [("tsc\n", Level::Ok), ("hpet\n", Level::Warn)] {
            let (_dir, machine) = machine(&[(path, name)]);
            assert_eq!(machine.clock_source().level, level, "{name}");
        }
        assert_eq!(machine(&[]).1.clock_source().level, Level::Warn);
    }

    #[test]
    fn without_a_configuration_no_number_of_venues_is_claimed() {
        let found = processors_for(None).found;
        assert!(found.ends_with("processors; venues are not known"), "{found}");
    }

    #[test]
    fn huge_pages_that_the_kernel_makes_by_itself_are_warned_of() {
        let path = "sys/kernel/mm/transparent_hugepage/enabled";
        for (text, level) in [
            ("[always] madvise never", Level::Warn),
            ("always [madvise] never", Level::Ok),
            ("always madvise [never]", Level::Ok),
        ] {
            let (_dir, machine) = machine(&[(path, text)]);
            assert_eq!(machine.huge_pages().level, level, "{text}");
        }
    }

    #[test]
    fn a_pinned_core_wants_its_processor_isolated() {
        let text = include_str!("../../../deploy/example.toml");
        let text = text.replacen("[node]", "[node]\ncore_cpu = 3", 1);
        let config = Config::parse(&text).expect("sound");
        for (isolated, level) in [("2-3\n", Level::Ok), ("1,5\n", Level::Warn), ("", Level::Warn)] {
            let (_dir, machine) = machine(&[("sys/devices/system/cpu/isolated", isolated)]);
            assert_eq!(machine.isolation(Some(&config)).level, level, "{isolated}");
        }
        assert_eq!(cpu_list("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(cpu_list("nonsense,"), [0; 0]);
    }

    #[test]
    fn a_clock_that_is_far_off_is_a_failure() {
        assert_eq!(judge_offset(12_345).level, Level::Ok);
        assert_eq!(judge_offset(OFFSET_NS_WARN).level, Level::Warn);
        assert_eq!(judge_offset(OFFSET_NS_FAIL).level, Level::Fail);
    }
}
