//! The latest slow requests of a sum, by which people find one of those that a bucket of its distribution counts.

use netrig_model::{Address, Histogram, Request, SlowRequest};
use std::net::SocketAddr;

/// Doublings of time of which the latest is kept. From a tenth of a second on, which is slow by default, so many reach beyond ten.
const OCTAVES_MAX: usize = 8;

/// One for each doubling of time at most; the one told longest ago makes room. Most sums have none.
#[derive(Debug, Default)]
pub(super) struct Slow {
    /// In the order in which they were told.
    latest: Vec<SlowRequest>,
}

impl Slow {
    /// Takes in a request that has a latency.
    pub(super) fn add(&mut self, request: &Request) {
        let Some(one) = slow_request(request) else { return };
        let octave = octave(one.latency_ns);
        match self.latest.iter().position(|known| self::octave(known.latency_ns) == octave) {
            Some(at) if !one.replaces(&self.latest[at]) => return,
            Some(at) => _ = self.latest.remove(at),
            None if self.latest.len() >= OCTAVES_MAX => _ = self.latest.remove(0),
            None => {}
        }
        self.latest.push(one);
    }

    pub(super) fn all(&self) -> Vec<SlowRequest> {
        self.latest.clone()
    }

    /// Memory beside the struct, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.latest.capacity() * size_of::<SlowRequest>()
    }
}

/// The classic buckets' bounds are powers of two of a second, so no two of an octave are in different ones.
fn octave(ns: u64) -> i32 {
    let last_of_octave_before = Histogram::BUCKETS_PER_OCTAVE - 1;
    (Histogram::bucket_of(ns) + last_of_octave_before).div_euclid(Histogram::BUCKETS_PER_OCTAVE)
}

fn slow_request(request: &Request) -> Option<SlowRequest> {
    let latency_ns = request.latency_ns?;
    let key = &request.key;
    let end = |address: Address, port| SocketAddr::new(address.to_ip(key.kind.is_ipv6()), port);
    Some(SlowRequest {
        src: end(key.src, key.src_port),
        dst: end(key.dst, key.dst_port),
        protocol: key.protocol,
        answered: request.started.plus_ns(i64::try_from(latency_ns).unwrap_or(i64::MAX)),
        latency_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Requests, tests::dns};
    use super::*;
    use netrig_model::Timestamp;
    use proptest::prelude::*;

    fn asked(port: u16, started: i64, latency_ns: u64) -> Request {
        let mut request = dns("a.example", "NOERROR");
        request.key.src_port = port;
        (request.started, request.latency_ns) = (Timestamp(started), Some(latency_ns));
        request
    }

    fn told(requests: &[Request]) -> Vec<(u16, u64)> {
        let mut slow = Slow::default();
        requests.iter().for_each(|request| slow.add(request));
        slow.all().iter().map(|one| (one.src.port(), one.latency_ns)).collect()
    }

    #[test]
    fn the_latest_of_each_doubling_is_kept() {
        const MS: u64 = 1_000_000;
        let second = 1000 * MS;
        assert_eq!(
            told(&[asked(1, 0, 260 * MS), asked(2, 10, 500 * MS)]),
            [(2, 500 * MS)],
            "one octave, its end included"
        );
        assert_eq!(told(&[asked(1, 0, second), asked(2, 10, second + 1)]), [(1, second), (2, second + 1)]);
        assert_eq!(told(&[asked(1, 50, second), asked(2, 10, second)]), [(1, second)], "told late");
        let set_back = [asked(1, 50_000_000_000, second), asked(2, 10, second)];
        assert_eq!(told(&set_back), [(2, second)], "the clock was set back");
        let mut unanswered = asked(1, 0, 0);
        unanswered.latency_ns = None;
        assert_eq!(told(&[unanswered]), []);
    }

    #[test]
    fn what_is_slow_is_what_the_configuration_says_it_is() {
        let mut requests = super::super::tests::requests(0);
        let told = |requests: &Requests| -> Vec<usize> { requests.tallies().iter().map(|t| t.slow.len()).collect() };
        requests.add(asked(1, 0, 99_999_999));
        assert_eq!(told(&requests), [0]);
        requests.add(asked(1, 0, 100_000_000));
        assert_eq!(told(&requests), [1]);
        requests.configure(0, 1);
        requests.add(asked(1, 0, 1));
        assert_eq!(told(&requests), [2]);
    }

    #[test]
    fn it_is_told_by_its_ends_and_when_it_was_answered() {
        let mut slow = Slow::default();
        slow.add(&asked(40_000, 150, 2_000_000_000));
        let one = SlowRequest {
            src: ([10, 0, 0, 1], 40_000).into(),
            dst: ([192, 0, 2, 1], 53).into(),
            protocol: 17,
            answered: Timestamp(2_000_000_150),
            latency_ns: 2_000_000_000,
        };
        assert_eq!(slow.all(), [one]);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_bounded_and_the_latest_is_there(latencies in prop::collection::vec(any::<u64>(), 1..60)) {
            let requests: Vec<_> = (0_u16..).zip(&latencies).map(|(n, ns)| asked(n, 0, ns >> (n % 64))).collect();
            // Answers in the order of time, as they are seen.
            let mut at = 0_i64;
            let mut slow = Slow::default();
            for mut request in requests {
                at += 1000;
                let ns = request.latency_ns.unwrap_or(0).min(1 << 60);
                (request.latency_ns, request.started) = (Some(ns), Timestamp(at - ns as i64));
                slow.add(&request);
                prop_assert_eq!(slow.all().last().map(|one| one.src.port()), Some(request.key.src_port));
                prop_assert!(slow.all().len() <= OCTAVES_MAX);
                let mut octaves: Vec<_> = slow.all().iter().map(|one| octave(one.latency_ns)).collect();
                octaves.sort_unstable();
                octaves.dedup();
                prop_assert_eq!(octaves.len(), slow.all().len());
            }
        }
    }
}
