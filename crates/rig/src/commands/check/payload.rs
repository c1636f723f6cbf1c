//! What `netrig check` says of payload.

use super::Line;
use crate::daemon::{memory_for_payload, probe_options};
use netrig_config::Config;
use netrig_view::units;

/// The flow programs copy for it: it needs their hooks, and memory.
pub(super) fn payload(config: &Config) -> Vec<Line> {
    let line = |fine, detail: String| vec![(fine, "payload".to_owned(), detail)];
    if !config.flow.enabled {
        return line(true, "off: the flow probe copies for it, which is off by [flow] enabled = false".to_owned());
    }
    let (options, _) = probe_options(config);
    let cpus = options.sizes.cpus;
    let Some(payload) = options.payload else {
        let (memory, enough) = (config.rig.memory, memory_for_payload(cpus));
        let why =
            format!("{memory} of memory have no room for the rings of {cpus} CPUs: set [rig] memory = \"{enough}MiB\"");
        return line(false, why + " or more");
    };
    let ports: Vec<String> = payload.dns_ports.iter().map(u16::to_string).collect();
    line(
        true,
        format!(
            "copied by the flow programs: up to {} of each direction, DNS at {}; {} of memory",
            config.payload.copy,
            ports.join(", "),
            units::bytes(payload.bytes(cpus))
        ),
    )
}
