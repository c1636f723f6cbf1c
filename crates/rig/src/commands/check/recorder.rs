//! The flight recorder: loaded, attached for a moment, and what a packet pays for it, measured here and now.

use super::Line;
use crate::daemon::{probe_options, recorder_sizes, targets};
use netrig_config::Config;
use netrig_model::Direction;
use netrig_probes::recorder::RecorderProbe;
use netrig_view::units;

/// Test runs are of the loopback interface, whichever namespace this is.
const LOOPBACK: u32 = 1;
/// Runs that are timed, each time.
const RUNS: u32 = 100_000;
/// The quietest of some counts: a busy machine makes others longer.
const TRIES: usize = 5;
/// As long as an acknowledgement.
const FRAME_BYTES: usize = 66;

pub(super) fn recorder(config: &Config) -> Vec<Line> {
    let line = |fine, detail| vec![(fine, "recorder".to_owned(), detail)];
    if !config.flow.enabled {
        return line(true, "off: the flow probe follows the interfaces for it".to_owned());
    }
    match tried(config) {
        Ok(detail) => line(true, detail),
        Err(error) => line(false, format!("{error:#}")),
    }
}

fn tried(config: &Config) -> anyhow::Result<String> {
    let (options, budget) = probe_options(config);
    let sizes = recorder_sizes(config, &budget, options.sizes.cpus)?;
    let mut probe = RecorderProbe::load(sizes)?;
    let costs = cost_ns(&mut probe);
    probe.unwatch(LOOPBACK);
    for interface in targets(&config.rig.interfaces).map(|(chosen, _)| chosen).unwrap_or_default() {
        probe.watch(&interface.name, interface.index, [""; 2])?;
    }
    let cost =
        costs.map_or_else(|| "what a packet pays could not be measured".to_owned(), |ns| format!("{ns} ns a packet"));
    let verified: u32 = probe.verified_instructions().iter().map(|(_, instructions)| instructions).sum();
    let (slots, snaplen) = (units::count(sizes.slots.into()), sizes.snaplen);
    Ok(format!(
        "attaches; {verified} instructions verified; the last {slots} packets on each CPU and interface, {snaplen} octets of each; {cost}"
    ))
}

/// What a packet pays beyond one of an interface that has no ring.
fn cost_ns(probe: &mut RecorderProbe) -> Option<u128> {
    let fastest = |probe: &RecorderProbe| {
        let run = |_| probe.try_on(Direction::Ingress, &[0x55; FRAME_BYTES], RUNS).ok();
        (0..TRIES).map(run).collect::<Option<Vec<_>>>()?.into_iter().min()
    };
    let without = fastest(probe)?;
    probe.admit(LOOPBACK)?;
    Some(fastest(probe)?.saturating_sub(without).as_nanos())
}
