//! From the payload probe's picture to samples.

use crate::bound::{Bound, OTHER};
use crate::exporter::Caps;
use crate::families::Families;
use crate::names::{self, Metric};
use netrig_model::{PayloadStatus, RequestKind, RequestTally};

/// What is remembered between scrapes: names that are settled.
#[derive(Debug)]
pub(crate) struct RequestMemory {
    resolvers: Bound,
    hosts: Bound,
    tls_servers: Bound,
}

impl RequestMemory {
    pub(crate) fn new(caps: &Caps) -> Self {
        let bound = || Bound::new(caps.request_servers, &[]);
        Self { resolvers: bound(), hosts: bound(), tls_servers: bound() }
    }

    /// Its bounds, by what they give names to.
    pub(crate) fn bounds(&self) -> [(&'static str, &Bound); 3] {
        [("dns_server", &self.resolvers), ("http_host", &self.hosts), ("tls_server", &self.tls_servers)]
    }

    /// To be called with every picture before [`gather`].
    pub(crate) fn admit(&mut self, payload: &PayloadStatus) {
        use RequestKind::{Dns, Http, Http2, Quic, Tls};
        let of = |kinds: &'static [RequestKind]| {
            let tallies = payload.tallies.iter().filter(|tally| kinds.contains(&tally.kind));
            tallies.filter_map(|tally| Some((tally.server.as_deref()?, tally.sums.requests)))
        };
        self.resolvers.admit(of(&[Dns]));
        self.hosts.admit(of(&[Http, Http2]));
        self.tls_servers.admit(of(&[Tls, Quic]));
    }

    /// The label value of who was asked.
    fn server<'a>(&self, tally: &'a RequestTally) -> &'a str {
        let bound = match tally.kind {
            RequestKind::Dns => &self.resolvers,
            RequestKind::Http | RequestKind::Http2 => &self.hosts,
            RequestKind::Tls | RequestKind::Quic => &self.tls_servers,
        };
        tally.server.as_deref().map_or(OTHER, |server| bound.label(server))
    }
}

/// Everything the picture holds, with the labels that the memory allows. A label is empty, which is the same as none, where it
/// does not apply: an alert where there was none, a status where nobody answered.
pub(crate) fn gather(out: &mut Families, payload: &PayloadStatus, memory: &RequestMemory) {
    sums(out, payload);
    for tally in &payload.tallies {
        let (kind, server) = (tally.kind.as_str(), memory.server(tally));
        let code = tally.code.as_deref().unwrap_or("");
        let requests = tally.sums.requests;
        match tally.kind {
            RequestKind::Dns => {
                out.count(&names::DNS_REQUESTS, &[server], requests);
                if !code.is_empty() {
                    out.count(&names::DNS_RESPONSES, &[server, code], requests);
                }
                times(out, &names::DNS_TIME, &[server], tally);
            }
            RequestKind::Tls | RequestKind::Quic => {
                let version = tally.version.as_deref().unwrap_or("");
                out.count(&names::TLS_HANDSHAKES, &[kind, server, version, code], requests);
                times(out, &names::TLS_TIME, &[kind, server], tally);
            }
            RequestKind::Http | RequestKind::Http2 => {
                out.count(&names::HTTP_REQUESTS, &[kind, server, code], requests);
                times(out, &names::HTTP_TIME, &[kind, server, code], tally);
            }
        }
    }
    probe(out, payload);
}

/// A distribution without values has no series, for each would cost 16 lines.
fn times(out: &mut Families, metric: &'static Metric, labels: &[&str], tally: &RequestTally) {
    if !tally.sums.latency.buckets.is_empty() {
        out.distribution(metric, labels, &tally.sums.latency);
        out.exemplars(metric, labels, &tally.slow);
    }
}

/// By kind alone; at 0 too, for who asks for an increase sees the first one only if there was a count before it.
fn sums(out: &mut Families, payload: &PayloadStatus) {
    for kind in RequestKind::ALL {
        let of_kind = || payload.tallies.iter().filter(|tally| tally.kind == *kind).map(|tally| &tally.sums);
        for (metric, count) in [
            (&names::REQUESTS, of_kind().map(|sums| sums.requests).fold(0, u64::saturating_add)),
            (&names::REQUESTS_FAILED, of_kind().map(|sums| sums.failed).fold(0, u64::saturating_add)),
            (&names::REQUESTS_UNANSWERED, of_kind().map(|sums| sums.unanswered).fold(0, u64::saturating_add)),
            (&names::REQUEST_RETRIES, of_kind().map(|sums| sums.retries).fold(0, u64::saturating_add)),
        ] {
            out.count(metric, &[kind.as_str()], count);
        }
    }
}

fn probe(out: &mut Families, payload: &PayloadStatus) {
    let counts = &payload.counts;
    for (fate, packets) in [("copied", counts.copied), ("lost", counts.lost)] {
        out.count(&names::PAYLOAD_PACKETS, &[fate], packets);
    }
    for (outcome, segments) in [
        ("unknown", counts.unknown),
        ("again", counts.again),
        ("malformed", counts.malformed),
        ("no_room", counts.no_room),
    ] {
        out.count(&names::PAYLOAD_SEGMENTS, &[outcome], segments);
    }
    for (metric, value) in [
        (&names::PAYLOAD_FLOWS, payload.flows),
        (&names::REQUESTS_PENDING, payload.pending),
        (&names::ADDRESS_NAMES, payload.names),
        (&names::PAYLOAD_MEMORY, payload.bytes),
    ] {
        out.count(metric, &[], value);
    }
}
