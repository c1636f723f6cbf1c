//! What latency can be grouped by.

use super::LatencySums;
use crate::columns::{GroupBy, GroupColumn, Groupable, columns, number, word};
use crate::field::Field;
use netrig_model::{Column, LATENCY_COLUMNS, LatencyRecord, QueueCause, Role};
use std::hash::{Hash, Hasher};

impl Groupable for LatencyRecord {
    type Sums = LatencySums;
    const WORD: &'static str = "latency";
    const ALL_COLUMNS: &'static [Column] = LATENCY_COLUMNS;
    const COLUMNS: &'static [GroupColumn<Self>] = COLUMNS;
    const IDENTITY: &'static [&'static str] = &[];
    const ALIASES: &'static [(&'static str, &'static [&'static str])] =
        &[("slow_client", &["slow_client_addr", "slow_client_port"])];
    const EXAMPLES: [&'static str; 2] = ["service", "stage"];

    /// What is counted are the messages in it.
    fn sums(&self, _members: u64) -> LatencySums {
        LatencySums::of(self)
    }

    fn identify<H: Hasher>(&self, hasher: &mut H) {
        (&self.service, self.stage, &self.process, &self.cgroup).hash(hasher);
    }
}

/// The columns that tell one stage of one service, as one process has it, from another.
const STAGE: [&str; 7] = ["service", "role", "process", "container", "slow_client_addr", "slow_client_port", "stage"];

impl GroupBy<LatencyRecord> {
    /// A line for each stage of each service as one process has it, slow connections apart.
    #[must_use]
    pub fn stages() -> Self {
        Self::named(&STAGE)
    }

    /// Whether slow connections are told apart from their service: else their rows, which are of each of their messages,
    /// would bend its distribution.
    #[must_use]
    pub fn keeps_slow_apart(&self) -> bool {
        self.names().any(|name| name.starts_with("slow_client"))
    }
}

/// In the order of the records' own columns, but who it is before the circumstances.
const COLUMNS: &[GroupColumn<LatencyRecord>] = columns! {
    service = |r, w| word(Some(&r.service), w),
    role = |r, w| word(r.role.map(Role::as_str), w),
    process = |r, w| word(r.process.as_deref(), w),
    container = |r, w| word(r.container.as_deref(), w),
    cgroup = |r, w| word(r.cgroup.as_deref(), w),
    transport = |r, w| word(r.transport.as_deref(), w),
    service_addr = |r, _| r.service_addr.map_or(Field::Null, Field::Address),
    service_port = |r, _| number(r.service_port),
    slow_client_addr = |r, _| r.slow_client_addr.map_or(Field::Null, Field::Address),
    slow_client_port = |r, _| number(r.slow_client_port),
    stage = |r, w| word(Some(r.stage.as_str()), w),
    cause = |r, w| word(r.cause.map(QueueCause::as_str), w),
    iface = |r, w| word(r.iface.as_deref(), w),
    host = |r, w| word(r.host.as_deref(), w),
    sampling_rate = |r, _| number(Some(r.sampling_rate)),
    window_start = |r, _| Field::Time(r.window_start),
    window_end = |r, _| Field::Time(r.window_end),
};
