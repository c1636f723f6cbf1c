//! The kernel's counters of a namespace, as `nstat` names them.

use crate::NetNs;
use std::collections::HashMap;

/// The counters of `/proc/net/snmp` and `/proc/net/netstat` at one time: `TcpRetransSegs`, `TcpExtListenDrops`, …
#[derive(Clone, Debug)]
pub struct Nstat(HashMap<String, i64>);

impl Nstat {
    /// Reads those of a namespace.
    ///
    /// # Panics
    /// When `/proc` is not there.
    #[must_use]
    pub fn of(ns: &NetNs) -> Self {
        let read = |file: &str| {
            let path = format!("/proc/thread-self/net/{file}");
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {path}: {e}"))
        };
        Self::parse(&ns.inside(|| read("snmp") + &read("netstat")))
    }

    fn parse(text: &str) -> Self {
        let lines: Vec<_> = text.lines().filter_map(|line| line.split_once(':')).collect();
        let pairs = lines.chunks_exact(2).flat_map(|pair| {
            let ((group, names), (_, values)) = (pair[0], pair[1]);
            let values = values.split_whitespace().map(|value| value.parse().expect("a number"));
            names.split_whitespace().map(move |name| format!("{group}{name}")).zip(values)
        });
        Self(pairs.collect())
    }

    /// One counter.
    ///
    /// # Panics
    /// When this kernel has none of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> i64 {
        *self.0.get(name).unwrap_or_else(|| panic!("this kernel has no counter {name}"))
    }

    /// By how much one counter has grown since an earlier reading.
    ///
    /// # Panics
    /// When this kernel has none of this name.
    #[must_use]
    pub fn since(&self, earlier: &Self, name: &str) -> i64 {
        self.get(name) - earlier.get(name)
    }
}
