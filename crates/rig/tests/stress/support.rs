//! Runs of `netrig stress`.

use netrig_stress::report::{Report, json};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// Packets of the stacks' own that may pass between two looks at counters.
const STRAY_PACKETS: u64 = 10;

/// Runs leave each other alone, so that one may start while another waits for its windows or takes its world down. Those that say what
/// breaks first want the machine for themselves.
static MACHINE: RwLock<()> = RwLock::new(());

pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// The binary, told to stress.
pub(crate) fn stress() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netrig"));
    command.arg("stress");
    command
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a scenario to its end; it has to end well.
#[track_caller]
pub(crate) fn report(args: &[&str]) -> Report {
    let output = stress().args(args).arg("--json").output().expect("start netrig");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{args:?}: {}\n{}\n{out}", output.status, said(&output));
    let value: serde_json::Value = serde_json::from_str(out.trim()).expect("one line of JSON");
    assert_eq!((&value["record"], &value["unaccounted"]), (&"stress".into(), &0.into()), "{args:?}");
    json::read(&out).expect("a report")
}

/// What every run promises.
#[track_caller]
pub(crate) fn assert_accounted(report: &Report) {
    let name = &report.scenario;
    let traffic = &report.traffic;
    assert_eq!(traffic.unaccounted_packets, Some(0), "{name}: {traffic:?}");
    assert!(report.ledger.iter().all(|row| row.imbalance_packets == 0), "{name}: {:?}", report.ledger);
    assert_eq!(report.left_behind, Vec::<String>::new(), "{name}");
    assert!(traffic.sent_packets > 0 && traffic.seen_packets.is_some_and(|seen| seen > 0), "{name}: {traffic:?}");
    let lost_before = report.losses.iter().filter(|loss| loss.what.contains("before any hook"));
    let lost_before: u64 = lost_before.map(|loss| loss.count).sum();
    let seen = traffic.seen_packets.unwrap_or(0);
    // Both are read at nearly the same time; IPv6 announces its groups whenever it likes.
    let differ = traffic.sent_packets.abs_diff(seen + lost_before);
    assert!(differ <= STRAY_PACKETS, "{name}: what was sent was seen, or lost by name: {differ} differ: {report:?}");
}

/// Waits until something is there.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(120) {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("waited two minutes in vain: {what}");
}

/// Namespaces, folders and mounts that carry the id of a process, and other processes that use them.
pub(crate) fn traces_of(pid: u32) -> Vec<String> {
    let name = format!("netrig-stress-{pid}");
    let mut traces = Vec::new();
    for folder in [Path::new("/run/netns"), &std::env::temp_dir()] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        traces.extend(names.filter(|found| *found == name || found.starts_with(&format!("{name}-"))));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("the mounts");
    traces.extend(mounts.lines().filter(|line| line.contains(&format!("{name}/"))).map(str::to_owned));
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&words).contains(&format!("{name}/")) {
            traces.push(format!("process {}", entry.file_name().to_string_lossy()));
        }
    }
    traces
}
