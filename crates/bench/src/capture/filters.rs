//! What a filter adds to the program in front of a packet, by test run.

use crate::packet;
use crate::report::{Figure, verdict};
use crate::rounds::Samples;
use crate::sys;
use anyhow::Result;
use netrig_filter::{Classic, Link, compile};
use netrig_probes::capture::{CaptureOptions, CaptureProbe, Hook, SNAPLEN_MAX};
use serde::Serialize;

/// Nanoseconds that a filter of twenty terms may add.
const NS_MAX: f64 = 15.0;
const TERMS: usize = 20;
const REPEAT: u32 = 2_000_000;

/// One filter's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FilterResult {
    pub(crate) hook: String,
    pub(crate) filter: String,
    pub(crate) terms: usize,
    /// Nanoseconds a packet beyond a program whose filter asks for nothing and takes nothing.
    pub(crate) added_ns: Figure,
    pub(crate) added_error: f64,
}

pub(crate) const FILTERS_HEAD: &str = "\
What a filter that takes nothing adds to the program that is attached, by test run, ns

hook     terms   added     ±   bar        filter";

impl FilterResult {
    pub(crate) fn line(&self) -> String {
        let shown: String = self.filter.chars().take(70).collect();
        format!(
            "{:<8} {:>5} {:>7.1} {:>5.1} {:>5} {:<6} {shown}",
            self.hook,
            self.terms,
            self.added_ns.median,
            self.added_error,
            NS_MAX,
            verdict(self.added_ns.median, self.added_error, NS_MAX),
        )
    }
}

fn any(terms: impl Iterator<Item = String>) -> String {
    terms.collect::<Vec<_>>().join(" or ")
}

fn filters() -> Vec<(String, usize)> {
    let hosts = any((1..=TERMS).map(|n| format!("host 10.0.7.{n}")));
    let ports = any((1..=TERMS).map(|n| format!("port {}", 7000 + n)));
    let sources = any((1..=TERMS).map(|n| format!("src net 10.{n}.0.0/16")));
    let octets = (0..TERMS).map(|n| format!("udp[{}] = 0", n + 8)).collect::<Vec<_>>().join(" and ");
    vec![
        ("tcp port 443 and host 10.0.0.2".to_owned(), 3),
        (hosts, TERMS),
        (ports, TERMS),
        (sources, TERMS),
        (format!("{octets} and len > 9000"), TERMS + 1),
    ]
}

pub(super) fn measure(rounds: usize, each: &mut dyn FnMut(FilterResult)) -> Result<()> {
    let options = CaptureOptions {
        hooks: vec![Hook::Xdp, Hook::Ingress],
        snaplen: SNAPLEN_MAX,
        sampling: 1,
        rate: None,
        owners: false,
        process: None,
        cgroups: None,
        ifaces: None,
        netns: 0,
        ring_octets: 1 << 20,
        cgroup_root: None,
    };
    let probe = CaptureProbe::load(&options)?;
    let nothing = Classic::new(vec![netrig_filter::ClassicInstruction { code: 6, jt: 0, jf: 0, k: 0 }])?;
    let frame = packet::udp(false);
    for hook in [Hook::Xdp, Hook::Ingress] {
        for (expression, terms) in filters() {
            let filter = compile(&expression, Link::Ethernet)?;
            let mut added = Samples::default();
            for _ in 0..rounds {
                let ns = |filter: &Classic| -> Result<f64> {
                    let before = sys::thread_cpu_ns();
                    probe.measure(filter, hook, &frame, REPEAT)?;
                    Ok((sys::thread_cpu_ns() - before) as f64 / f64::from(REPEAT))
                };
                let base = ns(&nothing)?;
                added.push(ns(&filter)? - base);
            }
            each(FilterResult {
                hook: hook.name().to_owned(),
                filter: expression,
                terms,
                added_ns: Figure::of(&added),
                added_error: added.error_of_median(),
            });
        }
    }
    Ok(())
}
