//! What the rig knows at this moment, as far as triggers ask for it.

use super::watcher::{Bursts, Evidence};
use crate::daemon::probes::Probes;
use crate::daemon::snapshot::now;
use netrig_config::Trigger;
use netrig_host::monotonic_ns;
use netrig_model::{Direction, DropSource};

/// Looks at the probes that these triggers ask about. One that is off knows nothing, and its triggers never fire.
pub(super) fn gather(triggers: &[Trigger], probes: &mut Probes) -> Evidence {
    let mut evidence = Evidence { at_ns: monotonic_ns(), ..Evidence::default() };
    let mut asked: Vec<&'static str> = triggers.iter().map(|trigger| trigger.on.as_str()).collect();
    asked.sort_unstable();
    asked.dedup();
    for kind in asked {
        match kind {
            "retransmits" => evidence.retransmits = probes.connections.get().map(|c| c.retransmits()),
            "drops" => drops(&mut evidence, probes),
            "rtt" => round_trips(&mut evidence, probes),
            "latency" => stages(&mut evidence, probes),
            "burst" => bursts(&mut evidence, probes),
            _ => rules(&mut evidence, probes),
        }
    }
    evidence
}

/// Of sources that do not count the same packets again.
fn drops(evidence: &mut Evidence, probes: &mut Probes) {
    let Some(drops) = probes.drops.get_mut() else { return };
    drops.look_for_triggers();
    drops.each_count(&mut |source, reason, class, packets| {
        if matches!(source, DropSource::Skb | DropSource::Xdp | DropSource::Device) {
            evidence.drops.entry(reason.to_owned()).or_insert((class, 0)).1 += packets;
        }
    });
}

fn round_trips(evidence: &mut Evidence, probes: &mut Probes) {
    let Some(connections) = probes.connections.get_mut() else { return };
    for service in connections.services_now() {
        evidence.round_trips.insert(service.name(), (service.port, service.rtt));
    }
}

fn stages(evidence: &mut Evidence, probes: &mut Probes) {
    let Some(latency) = probes.latency.get_mut() else { return };
    latency.look();
    for service in latency.status().services {
        for sums in service.stages {
            evidence.stages.entry(sums.stage).or_default().add(&sums.histogram);
        }
    }
}

fn bursts(evidence: &mut Evidence, probes: &mut Probes) {
    let Some(bursts) = probes.bursts.get() else { return };
    for interface in bursts.status().interfaces {
        let way = interface.direction.unwrap_or(Direction::Ingress);
        evidence.bursts.insert((interface.iface.clone(), way), Bursts::of(&interface));
    }
}

fn rules(evidence: &mut Evidence, probes: &mut Probes) {
    let status = probes.policies.get().and_then(|policies| policies.status(now()));
    for rule in status.into_iter().flat_map(|status| status.rules) {
        evidence.rules.insert(rule.id, rule.packets);
    }
}
