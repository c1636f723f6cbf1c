//! Policies for tests.

use netrig_policy::words::{Action, Management, Match, Mode, Policy, Rule, Unreadable};
use netrig_policy::{World, compile};
use netrig_probes::policy::PolicyProbe;
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
