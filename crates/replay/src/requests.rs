//! What the kernel programs copied of a capture's payload, on its way to requests.

use crate::here::{Here, Names};
use crate::summary::ReplaySummary;
use netrig_aggregate::{AddressBounds, AddressNames, RequestConfig, Requests as Teller};
use netrig_drain::payload::PayloadDrain;
use netrig_model::{RequestRecord, Timestamp};
use netrig_payload::track::{Tracker, TrackerConfig};
use netrig_probes::payload::{PayloadMemory, PayloadOptions};
use std::sync::Arc;

/// How payload is looked at in a replay.
#[derive(Clone, Debug, Default)]
pub struct PayloadReplay {
    /// What is copied.
    pub copy: PayloadOptions,
    /// How requests are made of it.
    pub tracking: TrackerConfig,
    /// Requests of a window that are told one by one.
    pub records: usize,
    /// Slower ones always are.
    pub slow_ns: u64,
}

pub(crate) struct Requests {
    drain: PayloadDrain,
    tracker: Tracker,
    teller: Teller,
    names: AddressNames,
}

impl Requests {
    pub(crate) fn new(options: &PayloadReplay, host: Option<String>, memory: Arc<PayloadMemory>) -> Self {
        let (records, slow_ns) = (options.records, options.slow_ns);
        Self {
            drain: PayloadDrain::new(memory),
            tracker: Tracker::new(options.tracking.clone()),
            teller: Teller::new(RequestConfig { host, netns: None, records, slow_ns, sampling_rate: 1 }),
            names: AddressNames::new(AddressBounds::default()),
        }
    }

    /// Takes what a packet of this time has brought.
    pub(crate) fn take(&mut self, time: Timestamp) {
        let Self { drain, tracker, teller, names } = self;
        let mut told = |request| {
            names.learn(&request);
            teller.add(request);
        };
        drain.take_all(time, &mut |segment| tracker.take(segment, &mut told));
        tracker.tick(time, &mut told);
    }

    /// The capture has no more.
    pub(crate) fn end(&mut self) {
        let Self { tracker, teller, names, .. } = self;
        tracker.finish(&mut |request| {
            names.learn(&request);
            teller.add(request);
        });
    }

    pub(crate) fn close(
        &mut self,
        window: (Timestamp, Timestamp),
        interfaces: &Names,
        sink: &mut dyn FnMut(RequestRecord),
    ) {
        self.teller.close(window, &Here { interfaces, addresses: Some(&self.names) }, sink);
    }

    pub(crate) fn names(&self) -> &AddressNames {
        &self.names
    }

    pub(crate) fn count_into(&self, summary: &mut ReplaySummary) {
        let kernel = self.drain.counts();
        let copies = &mut summary.copies;
        *copies = *self.tracker.counts();
        (copies.wanted, copies.copied, copies.lost) = (kernel.wanted, kernel.copied, kernel.lost);
    }
}
