//! What the kernel programs cost: the kernel's run-time statistics of each, and the memory of their maps.
//!
//! No hook, no map of its own: it reads what the kernel tells of programs that are loaded anyway. Metrics:
//! `netrig_probe_cpu_seconds_total`, `netrig_probe_memory_bytes`. The statistics cost each program of the host some tens of
//! nanoseconds a run while they are on, so they are on for slices of time only ([`Statistics`]); and they count a part of their own
//! cost as the program's, which a [`Yardstick`] tells.

mod yardstick;

pub use yardstick::{Weight, Yardstick};

use crate::object::info_of;
use libbpf_rs::{Object, ProgramAttachType, libbpf_sys};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::AddAssign;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The host's own switch of run-time statistics.
const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
/// A test run of it tells the kernel's clock: it runs on the caller's time, which is metered as such.
const CLOCK: &str = "clock_now";

/// What programs have done while statistics were on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// How often they ran.
    pub runs: u64,
    /// How long that took, nanoseconds, as the kernel has it: what statistics overstate is in it.
    pub time_ns: u64,
}

impl Runs {
    /// What has come since an earlier reading; never less than nothing.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { runs: self.runs.saturating_sub(earlier.runs), time_ns: self.time_ns.saturating_sub(earlier.time_ns) }
    }
}

impl AddAssign for Runs {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.time_ns += other.time_ns;
    }
}

/// The programs and maps of one probe, held by descriptors of their own: they can be read whoever owns the probe.
#[derive(Debug, Default)]
pub struct Parts {
    programs: Vec<OwnedFd>,
    maps: Vec<OwnedFd>,
}

impl Parts {
    /// Of a loaded object. What runs on behalf of the process itself is left out: it is in its own CPU time.
    pub(crate) fn of(object: &Object) -> io::Result<Self> {
        let mut parts = Self::default();
        for program in object.progs().filter(|program| program.autoload()) {
            let own = program.name() == CLOCK || matches!(program.attach_type(), ProgramAttachType::TraceIter);
            if !own {
                parts.programs.push(program.as_fd().try_clone_to_owned()?);
            }
        }
        for map in object.maps() {
            parts.maps.push(map.as_fd().try_clone_to_owned()?);
        }
        Ok(parts)
    }

    /// What all programs have done so far.
    #[must_use]
    pub fn runs(&self) -> Runs {
        let mut sum = Runs::default();
        for info in self.programs.iter().filter_map(|program| info_of(program.as_fd())) {
            sum += Runs { runs: info.run_cnt, time_ns: info.run_time_ns };
        }
        sum
    }

    /// The memory of each map as the kernel accounts it, bytes, by the map's number: probes share some.
    #[must_use]
    pub fn map_bytes(&self) -> BTreeMap<u32, u64> {
        self.maps.iter().filter_map(|map| memory_of(map.as_fd())).collect()
    }
}

fn memory_of(map: BorrowedFd<'_>) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", map.as_raw_fd())).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((field("map_id:")?.parse().ok()?, field("memlock:")?.parse().ok()?))
}

/// Statistics that are on for as long as this lives, and longer where others want them.
#[derive(Debug)]
pub struct Statistics {
    _held: OwnedFd,
}

impl Statistics {
    /// Switches them on, on the whole host. Needs CAP_SYS_ADMIN; letting go does not.
    ///
    /// # Errors
    /// What the kernel says.
    #[expect(unsafe_code, reason = "libbpf-rs has no such call")]
    pub fn switch_on() -> io::Result<Self> {
        // SAFETY: the call takes a number and gives a new descriptor or an error.
        let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
        if fd < 0 {
            return Err(io::Error::from_raw_os_error(-fd));
        }
        // SAFETY: the descriptor is new, and nobody else's.
        Ok(Self { _held: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Whether the host has them on by `kernel.bpf_stats_enabled`, whoever else wants them.
    #[must_use]
    pub fn always_on() -> bool {
        fs::read_to_string(SWITCH).is_ok_and(|text| text.trim() == "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::{RecorderProbe, RecorderSizes};
    use netrig_model::Direction;
    use netrig_testkit::require_root;

    #[test]
    fn an_empty_programs_time_is_statistics_own() {
        require_root!();
        let weight = Yardstick::load().and_then(|empty| {
            empty
                .weigh(Statistics::switch_on)
                .map_err(|source| crate::ProbeError::TestRun { program: "netrig_empty", source })
        });
        let weight = weight.expect("weighed");
        assert!(weight.bias_ns > 0.0 && weight.bias_ns < 10_000.0, "{weight:?}");
    }

    #[test]
    fn runs_are_counted_while_statistics_are_on_and_only_then() {
        require_root!();
        let sizes = RecorderSizes::within(1 << 20, 8, 1, 96).expect("room");
        let mut probe = RecorderProbe::load(sizes).expect("loaded");
        probe.admit(1).expect("a ring");
        let parts = probe.parts().expect("descriptors");
        let run = |times| {
            let before = parts.runs();
            probe.try_on(Direction::Ingress, &[0; 100], times).expect("a run");
            parts.runs().since(before)
        };
        let statistics = Statistics::switch_on().expect("statistics");
        let on = run(1000);
        assert_eq!(on.runs, 1000);
        assert!(on.time_ns > 0);
        drop(statistics);
        let bytes: u64 = parts.map_bytes().values().sum();
        assert!(bytes >= sizes.bytes(), "{bytes} of maps for {}", sizes.bytes());
    }
}
