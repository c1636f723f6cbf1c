//! How full the rings between the kernel and the rig were. Each is told by who empties it, and only of windows: what is there at a moment
//! is next to nothing, for it has just been taken.

use super::bursts::Bursts;
use super::connections::Connections;
use super::drops::Drops;
use super::policy::Policies;
use super::probes::Probes;
use super::requests::Requests;
use super::road::Road;
use netrig_model::RingStatus;

/// Of all that are emptied, in the latest window and the one that is open.
pub(super) fn fullest(road: Option<&Road>, probes: &Probes) -> Vec<RingStatus> {
    let mut rings = Vec::new();
    rings.extend(road.map(|road| road.drain.fullest()));
    rings.extend(probes.connections.get().map(Connections::fullest));
    rings.extend(probes.requests.get().map(Requests::fullest));
    rings.extend(probes.bursts.get().map(Bursts::fullest).into_iter().flatten());
    rings.extend(probes.drops.get().map(Drops::fullest));
    rings.extend(probes.policies.get().and_then(Policies::fullest));
    rings
}

/// Another window begins.
pub(super) fn end_window(road: Option<&mut Road>, probes: &mut Probes) {
    if let Some(road) = road {
        road.drain.end_window();
    }
    if let Some(connections) = probes.connections.get_mut() {
        connections.end_window();
    }
    if let Some(requests) = probes.requests.get_mut() {
        requests.end_window();
    }
    if let Some(bursts) = probes.bursts.get_mut() {
        bursts.end_window();
    }
    if let Some(drops) = probes.drops.get_mut() {
        drops.end_window();
    }
    if let Some(policies) = probes.policies.get() {
        policies.end_window();
    }
}
