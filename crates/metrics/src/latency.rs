//! From the latency probe's picture to samples.

use crate::bound::{Bound, OTHER};
use crate::exporter::Caps;
use crate::families::{Families, Value};
use crate::names;
use netrig_model::{LatencyService, LatencyStatus, Stage};

/// The service that is the whole host's. Its name is its own whatever else comes by.
const HOST: &str = "host";

/// The role of the host, and of a sum over services: of either part.
const ROLE_ANY: &str = "any";

/// The role of a service whose part is not known.
const ROLE_UNKNOWN: &str = "unknown";

/// What is remembered between scrapes: names that are settled.
#[derive(Debug)]
pub(crate) struct LatencyMemory {
    services: Bound,
}

impl LatencyMemory {
    pub(crate) fn new(caps: &Caps) -> Self {
        // The host is beside the services, not one of them.
        Self { services: Bound::new(caps.latency_services + 1, &[HOST]) }
    }

    /// Its bounds, by what they give names to.
    pub(crate) fn bounds(&self) -> [(&'static str, &Bound); 1] {
        [("latency_service", &self.services)]
    }

    /// To be called with every picture before [`gather`].
    pub(crate) fn admit(&mut self, latency: &LatencyStatus) {
        let services: Vec<_> = told(latency).map(|s| (s.name(), messages(s))).collect();
        self.services.admit(services.iter().map(|(name, messages)| (name.as_str(), *messages)));
    }
}

/// What is told: slow connections are looked at beyond the sample, and in their services' distributions they would weigh
/// more than they do.
fn told(latency: &LatencyStatus) -> impl Iterator<Item = &LatencyService> {
    latency.services.iter().filter(|service| service.slow_client.is_none())
}

/// Sampled messages: those of the stage that most of them should have passed.
fn messages(service: &LatencyService) -> u64 {
    service.stages.iter().map(|stage| stage.eligible).max().unwrap_or(0)
}

/// Everything the picture holds, with the labels that the memory allows. Processes of one service add up.
pub(crate) fn gather(out: &mut Families, latency: &LatencyStatus, memory: &LatencyMemory) {
    for service in told(latency) {
        let name = service.name();
        let name = memory.services.label(&name);
        let role = match service.role {
            _ if name == OTHER || name == HOST => ROLE_ANY,
            Some(role) => role.as_str(),
            None => ROLE_UNKNOWN,
        };
        stages(out, service, [role, name]);
        causes(out, service, [role, name]);
    }
    probe(out, latency);
}

/// A distribution without values has no series, for each would cost 16 lines; that nothing was seen, coverage tells.
fn stages(out: &mut Families, service: &LatencyService, [role, name]: [&str; 2]) {
    for sums in &service.stages {
        let labels = [role, name, sums.stage.as_str()];
        if !sums.histogram.buckets.is_empty() {
            out.distribution(&names::LATENCY_STAGE, &labels, &sums.histogram);
        }
        out.count(&names::LATENCY_ELIGIBLE, &labels, sums.eligible);
        out.count(&names::LATENCY_CENSORED, &labels, sums.censored);
    }
}

fn causes(out: &mut Families, service: &LatencyService, [role, name]: [&str; 2]) {
    for (cause, messages, ns) in &service.causes {
        let labels = [role, name, cause.as_str()];
        out.add(&names::LATENCY_TCP_QUEUE, &labels, Value::Time(*ns));
        out.count(&names::LATENCY_TCP_QUEUE_MESSAGES, &labels, *messages);
    }
}

fn probe(out: &mut Families, latency: &LatencyStatus) {
    if latency.sampling_rate > 0 {
        out.add(&names::LATENCY_SAMPLING, &[], Value::Real(1.0 / f64::from(latency.sampling_rate)));
    }
    for stage in Stage::ALL {
        let unseen = latency.unseen.iter().any(|(unseen, _)| unseen == stage);
        out.count(&names::LATENCY_UNSEEN, &[stage.as_str()], u64::from(unseen));
    }
    out.count(&names::LATENCY_PLACES, &[], latency.places);
    out.count(&names::LATENCY_PLACES_MAX, &[], latency.places_max);
    out.count(&names::LATENCY_MEMORY, &[], latency.bytes);
}
