//! Policies for tests, and where they are pinned.

use netrig_policy::words::{Action, Addresses, Management, Match, Mode, Policy, Rule, Unreadable};
use netrig_policy::{Ranges, World, compile};
use netrig_probes::policy::{PolicyProbe, remove_pinned};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A policy of one rule.
pub(crate) fn policy_of(matching: Match, action: Action, mode: Mode) -> Policy {
    let (comment, owner, ttl) = (None, None, None);
    let rule = Rule { id: "one".into(), comment, owner, ttl, mode, action, alternatives: vec![matching], line: 1 };
    Policy {
        rules: vec![rule],
        fragments: Unreadable::Pass,
        persist: true,
        management: Management { auto: false, allow: Arc::default() },
        interfaces: Vec::new(),
    }
}

/// Packets from these addresses.
pub(crate) fn from(sources: &[Ipv4Addr]) -> Match {
    let v4 = sources.iter().map(|address| (u32::from(*address), u32::from(*address)));
    let addresses = Addresses { v4: Ranges::of(v4.collect()), v6: Ranges::default() };
    Match { src: Some(Arc::new(addresses)), ..Match::default() }
}

/// Puts it in force.
pub(crate) fn put(probe: &mut PolicyProbe, policy: &Policy, confirm: Option<Duration>) {
    let compiled = compile(policy, &World { cpus: 2, ..World::default() }).expect("it compiles");
    probe.put(&compiled.tables, confirm).expect("it is put in force");
}

/// Packets and, of them, those removed, of the policy's first own rule.
pub(crate) fn counts(probe: &PolicyProbe) -> (u64, u64) {
    const SLOT: usize = 2;
    const WORDS: usize = 8;
    const RULES: usize = 1024;
    let memory = probe.memory();
    let of = |word: usize| (0..memory.cpus).map(|cpu| memory.counts.load((cpu * RULES + SLOT) * WORDS + word)).sum();
    (of(0), of(2))
}

/// A folder of a test's own on the kernel's file system of programs; it goes with all in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(label: &str) -> Self {
        Self(Path::new("/sys/fs/bpf").join(format!("netrig-test-{}-{label}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove_pinned(&self.0) {
            eprintln!("{} is left: {error}", self.0.display());
        }
    }
}
