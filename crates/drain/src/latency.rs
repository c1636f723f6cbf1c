//! The latency probe's shared memory: places of services become distributions.
//!
//! A place is written by programs only, and its counts only grow. What changed since the last look is found by one word of
//! each stage, so places at rest cost next to nothing; of the others only buckets with something in them are remembered.

use netrig_model::{Histogram, LatencyService, QueueCause, Role, Stage, StageSums};
use netrig_probes::SharedWords;
use netrig_probes::latency::LatencyMemory;
use netrig_probes::wire::{latency_key, latency_service, time_histogram};
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

const WORDS: usize = size_of::<latency_service>() / 8;
/// Two to a word.
const BUCKET_WORDS: usize = (size_of::<time_histogram>() - offset_of!(time_histogram, counts)) / 8;
/// Number of the bucket that the kernel's first one is, in Prometheus' numbering: its upper bound is 2^(this / 16) s.
const BUCKET_FIRST: i32 = -25 * 16 + 1;
const PLACES_FIXED: usize = 2;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const AF_INET: u8 = 2;

/// A place, but for its control group's name.
#[derive(Clone, Debug)]
pub struct LatencyReading {
    /// Everything else.
    pub service: LatencyService,
    /// The control group's id on the v2 hierarchy; 0: none.
    pub cgroup_id: u64,
}

/// All places, as they were last read.
#[derive(Debug)]
pub struct Latencies {
    memory: Arc<LatencyMemory>,
    kept: Vec<Kept>,
}

/// What is remembered of a place: its stages, in order.
#[derive(Clone, Debug, Default)]
struct Kept {
    stages: Vec<KeptStage>,
}

#[derive(Clone, Debug, Default)]
struct KeptStage {
    sum_ns: u64,
    eligible: u64,
    /// Bucket, the kernel's count when it was last read, and the count in all, without wrapping. Ascending.
    buckets: Vec<(u32, u32, u64)>,
}

impl Latencies {
    /// For a probe's memory.
    #[must_use]
    pub fn new(memory: Arc<LatencyMemory>) -> Self {
        let kept = vec![Kept::default(); memory.sizes.places as usize];
        Self { memory, kept }
    }

    /// Takes in what has been counted. Call it more often than a bucket can wrap, which takes four thousand million
    /// sampled messages.
    pub fn scan(&mut self) {
        for (place, kept) in self.kept.iter_mut().enumerate() {
            if place >= PLACES_FIXED && Key::of(&self.memory.latencies, place).protocol() == 0 {
                continue;
            }
            kept.stages.resize_with(Stage::ALL.len(), KeptStage::default);
            for (number, stage) in kept.stages.iter_mut().enumerate() {
                stage.scan(&self.memory.latencies, place * WORDS, number);
            }
        }
    }

    /// Every place with anything to tell, as it was at the last scan.
    pub fn all(&self) -> impl Iterator<Item = LatencyReading> + '_ {
        let taken = self.kept.iter().enumerate().filter(|(_, kept)| !kept.stages.is_empty());
        taken.filter_map(|(place, kept)| self.reading(place, kept))
    }

    fn reading(&self, place: usize, kept: &Kept) -> Option<LatencyReading> {
        let words = &self.memory.latencies;
        let stages: Vec<_> = Stage::ALL
            .iter()
            .zip(&kept.stages)
            .enumerate()
            .map(|(number, (stage, kept))| kept.sums(*stage, words.load(place * WORDS + censored(number))))
            .filter(|sums| sums.eligible + sums.censored > 0)
            .collect();
        if stages.is_empty() {
            return None;
        }
        let key = Key::of(words, place);
        let role = key.role();
        let client = role == Some(Role::Client);
        let named = key.protocol() != 0;
        let service = LatencyService {
            place: u32::try_from(place).unwrap_or(u32::MAX),
            transport: match key.protocol() {
                PROTOCOL_TCP => Some("tcp".to_owned()),
                PROTOCOL_UDP => Some("udp".to_owned()),
                _ => None,
            },
            role,
            addr: (named && client).then(|| key.address(offset_of!(latency_key, addr))),
            port: named.then(|| key.half_word(offset_of!(latency_key, port))),
            process: key.process(),
            cgroup: None,
            container: None,
            slow_client: key.slow_client(),
            stages,
            causes: causes(words, place),
            iface: text(words, place * WORDS + offset_of!(latency_service, qdisc_iface) / 8),
        };
        Some(LatencyReading { service, cgroup_id: key.word(offset_of!(latency_key, cgroup)) })
    }
}

impl KeptStage {
    fn scan(&mut self, words: &SharedWords, place: usize, number: usize) {
        let first = place + offset_of!(latency_service, stages) / 8 + number * size_of::<time_histogram>() / 8;
        let eligible = words.load(place + offset_of!(latency_service, eligible) / 8 + number);
        let sum_ns = words.load(first);
        if (sum_ns, eligible) == (self.sum_ns, self.eligible) {
            return;
        }
        (self.sum_ns, self.eligible) = (sum_ns, eligible);
        let counts = (first + 1..).take(BUCKET_WORDS).flat_map(|word| halves(words.load(word)));
        for (bucket, now) in (0..).zip(counts).filter(|(_, now)| *now != 0) {
            self.take_in(bucket, now);
        }
    }

    /// A count that has wrapped to exactly 0 is taken in with what follows.
    fn take_in(&mut self, bucket: u32, now: u32) {
        match self.buckets.binary_search_by_key(&bucket, |(each, ..)| *each) {
            Ok(at) => {
                let (_, before, sum) = &mut self.buckets[at];
                *sum += u64::from(now.wrapping_sub(*before));
                *before = now;
            }
            Err(at) => self.buckets.insert(at, (bucket, now, now.into())),
        }
    }

    fn sums(&self, stage: Stage, censored: u64) -> StageSums {
        let buckets = self.buckets.iter().map(|(bucket, _, sum)| (BUCKET_FIRST + bucket.cast_signed(), *sum));
        let histogram = Histogram { buckets: buckets.collect(), sum_ns: self.sum_ns };
        StageSums { stage, histogram, eligible: self.eligible, censored }
    }
}

fn censored(number: usize) -> usize {
    offset_of!(latency_service, censored) / 8 + number
}

fn causes(words: &SharedWords, place: usize) -> Vec<(QueueCause, u64, u64)> {
    let at = |offset: usize, number: usize| words.load(place * WORDS + offset / 8 + number);
    let all = QueueCause::ALL.iter().enumerate().map(|(number, cause)| {
        let messages = at(offset_of!(latency_service, cause_messages), number);
        (*cause, messages, at(offset_of!(latency_service, cause_ns), number))
    });
    all.filter(|(_, messages, _)| *messages > 0).collect()
}

/// `latency_key` of a place. It is written once, but for those of slow connections.
struct Key([u8; size_of::<latency_key>()]);

impl Key {
    fn of(words: &SharedWords, place: usize) -> Self {
        let mut key = Self([0; size_of::<latency_key>()]);
        for (bytes, word) in key.0.chunks_exact_mut(8).zip(place * WORDS + offset_of!(latency_service, key) / 8..) {
            bytes.copy_from_slice(&words.load(word).to_ne_bytes());
        }
        key
    }

    fn bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        std::array::from_fn(|n| self.0[offset + n])
    }

    fn word(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.bytes(offset))
    }

    fn half_word(&self, offset: usize) -> u16 {
        u16::from_ne_bytes(self.bytes(offset))
    }

    fn protocol(&self) -> u8 {
        self.0[offset_of!(latency_key, protocol)]
    }

    fn role(&self) -> Option<Role> {
        match self.0[offset_of!(latency_key, role)] {
            1 => Some(Role::Client),
            2 => Some(Role::Server),
            _ => None,
        }
    }

    fn address(&self, offset: usize) -> IpAddr {
        let bytes: [u8; 16] = self.bytes(offset);
        if self.0[offset_of!(latency_key, family)] == AF_INET {
            return Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]).into();
        }
        Ipv6Addr::from(bytes).to_canonical()
    }

    fn slow_client(&self) -> Option<SocketAddr> {
        let port = self.half_word(offset_of!(latency_key, client_port));
        (port != 0).then(|| SocketAddr::new(self.address(offset_of!(latency_key, client_addr)), port))
    }

    fn process(&self) -> Option<String> {
        name(&self.bytes::<16>(offset_of!(latency_key, process)))
    }
}

fn text(words: &SharedWords, first: usize) -> Option<String> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&words.load(first).to_ne_bytes());
    bytes[8..].copy_from_slice(&words.load(first + 1).to_ne_bytes());
    name(&bytes)
}

fn name(bytes: &[u8; 16]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (end > 0).then(|| String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn halves(word: u64) -> [u32; 2] {
    let b = word.to_ne_bytes();
    [u32::from_ne_bytes([b[0], b[1], b[2], b[3]]), u32::from_ne_bytes([b[4], b[5], b[6], b[7]])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_that_wrap_are_summed(gains in prop::collection::vec((0_u32..4, 1_u32..u32::MAX), 1..40)) {
            let mut kept = KeptStage::default();
            let (mut kernel, mut truth) = ([0_u32; 4], [0_u64; 4]);
            for (bucket, gain) in gains {
                let now = &mut kernel[bucket as usize];
                *now = now.wrapping_add(gain);
                truth[bucket as usize] += u64::from(gain);
                if *now != 0 {
                    kept.take_in(bucket, *now);
                }
            }
            for (bucket, _, sum) in kept.buckets {
                // What wrapped to 0 last is still to come.
                if kernel[bucket as usize] != 0 {
                    prop_assert_eq!(sum, truth[bucket as usize]);
                }
            }
        }
    }

    #[test]
    fn the_kernels_stages_and_causes_are_the_models() {
        let service = latency_service::default();
        assert_eq!(service.stages.len(), Stage::ALL.len());
        assert_eq!(service.cause_ns.len(), QueueCause::ALL.len());
        assert_eq!(WORDS * 8, size_of::<latency_service>());
    }
}
