//! From sums since the start to a window's records of latency.

use netrig_model::{LatencyRecord, LatencyService, QueueCause, Stage, StageSums, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Tells what each place gained, window by window.
#[derive(Debug)]
pub struct LatencyTeller {
    /// Host name in the records.
    pub host: Option<String>,
    told: BTreeMap<u32, LatencyService>,
}

impl LatencyTeller {
    /// Nothing is told yet.
    #[must_use]
    pub fn new(host: Option<String>) -> Self {
        Self { host, told: BTreeMap::new() }
    }

    /// The records of what was gained since the last closed window, one for each stage that gained anything. Where a place was
    /// handed on, it comes several times: who has it now comes last.
    #[must_use]
    pub fn open(
        &self,
        services: &[LatencyService],
        window: (Timestamp, Timestamp),
        sampling: u32,
    ) -> Vec<LatencyRecord> {
        let (mut records, mut seen) = (Vec::new(), BTreeSet::new());
        for service in services {
            let before = if seen.insert(service.place) { self.before(service) } else { None };
            let gained = service.stages.iter().filter_map(|sums| Gained::of(sums, before));
            records.extend(gained.map(|gained| self.record(service, before, &gained, window, sampling)));
        }
        records
    }

    /// The same, and closes the window.
    #[must_use]
    pub fn close(
        &mut self,
        services: Vec<LatencyService>,
        window: (Timestamp, Timestamp),
        sampling: u32,
    ) -> Vec<LatencyRecord> {
        let records = self.open(&services, window, sampling);
        let mut told = BTreeMap::<u32, LatencyService>::new();
        for mut service in services {
            // Who had the place before in this window has been told, and is not what the next one is compared with.
            if !told.contains_key(&service.place)
                && let Some(before) = self.before(&service)
            {
                keep_untold(&mut service, before);
            }
            told.insert(service.place, service);
        }
        self.told = told;
        records
    }

    /// What was told of this one; none if its place was another's.
    fn before(&self, service: &LatencyService) -> Option<&LatencyService> {
        // Names of control groups and containers may come later than the rest.
        fn who(s: &LatencyService) -> impl PartialEq + '_ {
            (&s.transport, s.role, s.addr, s.port, &s.process, s.slow_client)
        }
        self.told.get(&service.place).filter(|before| who(before) == who(service))
    }

    fn record(
        &self,
        service: &LatencyService,
        before: Option<&LatencyService>,
        gained: &Gained,
        window: (Timestamp, Timestamp),
        sampling: u32,
    ) -> LatencyRecord {
        let StageSums { stage, histogram, eligible, censored } = &gained.0;
        let quantile_ns = |share: f64| histogram.quantile_s(share).map(|s| (s * 1e9).round() as u64);
        let cause = if *stage == Stage::TcpQueue { main_cause(service, before) } else { None };
        LatencyRecord {
            window_start: window.0,
            window_end: window.1,
            host: self.host.clone(),
            service: service.name(),
            transport: service.transport.clone(),
            role: service.role,
            service_addr: service.addr,
            service_port: service.port,
            slow_client_addr: service.slow_client.map(|client| client.ip()),
            slow_client_port: service.slow_client.map(|client| client.port()),
            stage: *stage,
            samples: histogram.count(),
            eligible: *eligible,
            censored: *censored,
            sampling_rate: sampling,
            latency_ns_sum: histogram.sum_ns,
            latency_ns_p50: quantile_ns(0.5),
            latency_ns_p90: quantile_ns(0.9),
            latency_ns_p99: quantile_ns(0.99),
            latency_ns_p999: quantile_ns(0.999),
            latency_ns_max: quantile_ns(1.0),
            histogram: histogram.to_text(),
            cause: cause.map(|(cause, _)| cause),
            cause_ns_sum: cause.map(|(_, ns)| ns),
            iface: service.iface.clone().filter(|_| *stage == Stage::Qdisc),
            process: service.process.clone(),
            cgroup: service.cgroup.clone(),
            container: service.container.clone(),
        }
    }
}

/// What a stage gained.
struct Gained(StageSums);

impl Gained {
    /// None: nothing.
    fn of(now: &StageSums, before: Option<&LatencyService>) -> Option<Self> {
        let before = before.and_then(|service| service.stages.iter().find(|sums| sums.stage == now.stage));
        let Some(before) = before else { return Some(Self(now.clone())) };
        let gained = StageSums {
            stage: now.stage,
            histogram: now.histogram.since(&before.histogram),
            eligible: now.eligible.saturating_sub(before.eligible),
            censored: now.censored.saturating_sub(before.censored),
        };
        let any = gained.eligible + gained.censored > 0 || !gained.histogram.buckets.is_empty();
        any.then_some(Self(gained))
    }
}

/// A time is counted a moment ahead of its sum, and a cause ahead of both: what came without a record waits for the next one.
fn keep_untold(service: &mut LatencyService, before: &LatencyService) {
    let untold: Vec<_> =
        service.stages.iter().filter(|sums| Gained::of(sums, Some(before)).is_none()).map(|sums| sums.stage).collect();
    for sums in before.stages.iter().filter(|sums| untold.contains(&sums.stage)) {
        if let Some(now) = service.stages.iter_mut().find(|now| now.stage == sums.stage) {
            *now = sums.clone();
        }
    }
    if untold.contains(&Stage::TcpQueue) {
        service.causes.clone_from(&before.causes);
    }
}

/// What held messages longest since then, and for how long, nanoseconds.
fn main_cause(now: &LatencyService, before: Option<&LatencyService>) -> Option<(QueueCause, u64)> {
    let before = |cause| {
        let known = before.and_then(|service| service.causes.iter().find(|(each, ..)| *each == cause));
        known.map_or(0, |(_, _, ns)| *ns)
    };
    let gained = now.causes.iter().map(|(cause, _, ns)| (*cause, ns.saturating_sub(before(*cause))));
    gained.filter(|(_, ns)| *ns > 0).max_by_key(|(_, ns)| *ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::Histogram;
    use proptest::prelude::*;

    fn service(place: u32, stages: &[(Stage, Histogram)]) -> LatencyService {
        let sums = |(stage, histogram): &(Stage, Histogram)| StageSums {
            stage: *stage,
            eligible: histogram.count() + 1,
            censored: 1,
            histogram: histogram.clone(),
        };
        LatencyService {
            place,
            transport: Some("tcp".to_owned()),
            port: Some(80),
            stages: stages.iter().map(sums).collect(),
            ..LatencyService::default()
        }
    }

    fn window(n: i64) -> (Timestamp, Timestamp) {
        (Timestamp(n * 10), Timestamp(n * 10 + 10))
    }

    proptest! {
        #[test]
        fn windows_sum_to_what_was_counted(
            gains in prop::collection::vec(prop::collection::btree_map(-380..100_i32, 1..1000_u64, 0..6), 1..8)
        ) {
            let mut teller = LatencyTeller::new(None);
            let (mut now, mut told) = (Histogram::default(), Histogram::default());
            for (n, gain) in (0..).zip(gains) {
                now.add(&Histogram { sum_ns: gain.values().sum(), buckets: gain.into_iter().collect() });
                let picture = vec![service(7, &[(Stage::Think, now.clone())])];
                let open = teller.open(&picture, window(n), 16);
                prop_assert_eq!(&open, &teller.open(&picture, window(n), 16), "looking changes nothing");
                let records = teller.close(picture, window(n), 16);
                prop_assert_eq!(&open, &records);
                for record in records {
                    told.add(&Histogram::from_text(&record.histogram, record.latency_ns_sum).expect("a histogram"));
                }
            }
            prop_assert_eq!(told, now);
        }
    }

    #[test]
    fn a_stage_that_gained_nothing_has_no_record() {
        let one = Histogram { buckets: vec![(-100, 3)], sum_ns: 40 };
        let mut teller = LatencyTeller::new(Some("host-a".to_owned()));
        let first = teller.close(vec![service(2, &[(Stage::Read, one.clone())])], window(0), 16);
        assert_eq!(first.len(), 1);
        assert_eq!((first[0].service.as_str(), first[0].samples, first[0].censored), (":80", 3, 1));
        let picture = vec![service(2, &[(Stage::Read, one.clone()), (Stage::Think, one)])];
        let second = teller.close(picture, window(1), 16);
        assert_eq!(second.iter().map(|r| r.stage).collect::<Vec<_>>(), [Stage::Think]);
    }

    #[test]
    fn a_place_that_is_handed_on_has_records_of_each_connection() {
        let slow = |port, n| LatencyService {
            slow_client: Some(([10, 0, 0, 1], port).into()),
            ..service(2, &[(Stage::Read, Histogram { buckets: vec![(-100, n)], sum_ns: 40 * n })])
        };
        let mut teller = LatencyTeller::new(None);
        let mut told = |picture| {
            let records = teller.close(picture, window(0), 1);
            records.iter().map(|r| (r.slow_client_port, r.samples)).collect::<Vec<_>>()
        };
        assert_eq!(told(vec![slow(1, 5)]), [(Some(1), 5)]);
        assert_eq!(told(vec![slow(1, 6), slow(2, 9), slow(1, 2)]), [(Some(1), 1), (Some(2), 9), (Some(1), 2)]);
        assert_eq!(told(vec![slow(1, 2)]), []);
        assert_eq!(told(vec![slow(3, 2)]), [(Some(3), 2)]);
    }

    #[test]
    fn a_control_group_whose_name_comes_late_is_no_other() {
        let one = Histogram { buckets: vec![(-100, 3)], sum_ns: 40 };
        let mut teller = LatencyTeller::new(None);
        let first = service(2, &[(Stage::Read, one)]);
        assert_eq!(teller.close(vec![first.clone()], window(0), 1).len(), 1);
        let named = LatencyService { cgroup: Some("/a".to_owned()), container: Some("b".to_owned()), ..first };
        assert_eq!(teller.close(vec![named], window(1), 1), []);
    }

    #[test]
    fn a_time_that_is_counted_ahead_of_its_sum_takes_it_along_later() {
        let read = |n, sum_ns| service(2, &[(Stage::Read, Histogram { buckets: vec![(-100, n)], sum_ns })]);
        let mut teller = LatencyTeller::new(None);
        let mut sum = 0;
        for (n, sum_ns) in [(3, 80), (3, 120), (4, 160)] {
            sum += teller.close(vec![read(n, sum_ns)], window(0), 1).iter().map(|r| r.latency_ns_sum).sum::<u64>();
        }
        assert_eq!(sum, 160);
    }

    #[test]
    fn the_cause_is_what_held_messages_longest_in_this_window() {
        let one = |n| Histogram { buckets: vec![(-100, n)], sum_ns: 40 * n };
        let with = |n, causes: Vec<(QueueCause, u64, u64)>| LatencyService {
            causes,
            ..service(2, &[(Stage::TcpQueue, one(n)), (Stage::Qdisc, one(n))])
        };
        let mut teller = LatencyTeller::new(None);
        let first = teller.close(vec![with(1, vec![(QueueCause::Pacing, 9, 900)])], window(0), 1);
        assert_eq!(first.iter().map(|r| r.cause).collect::<Vec<_>>(), [Some(QueueCause::Pacing), None]);
        let causes = vec![(QueueCause::Pacing, 9, 910), (QueueCause::Nagle, 1, 50)];
        let second = teller.close(vec![with(2, causes)], window(1), 1);
        assert_eq!((second[0].cause, second[0].cause_ns_sum), (Some(QueueCause::Nagle), Some(50)));
    }
}
