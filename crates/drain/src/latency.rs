//! The latency probe's shared memory: places of services become distributions.
//!
//! A place is written by programs only, and its counts only grow. What changed since the last look is found by three words of
//! each stage, so places at rest cost next to nothing; of the others only buckets with something in them are remembered.
//!
//! A place of a slow connection is handed on when that has been fast again for a while. Its counts go on; here they begin anew,
//! for they are another's.

use crate::shared::{self, AF_INET, BUCKET_FIRST, halves, name, text};
use netrig_model::{Histogram, LatencyService, QueueCause, Role, Stage, StageSums};
use netrig_probes::SharedWords;
use netrig_probes::latency::LatencyMemory;
use netrig_probes::wire::{latency_key, latency_service, time_histogram};
use std::collections::VecDeque;
use std::mem::{self, offset_of};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const WORDS: usize = size_of::<latency_service>() / 8;
/// Two to a word.
const BUCKET_WORDS: usize = (size_of::<time_histogram>() - offset_of!(time_histogram, counts)) / 8;
const PLACES_FIXED: usize = 2;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
/// Slow connections whose place was handed on, kept until they are taken. Their messages are beside the sample: with more of
/// them the oldest are let go, and no service's distribution lacks anything.
const GONE_MAX: usize = 256;

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
    gone: VecDeque<LatencyReading>,
}

/// What is remembered of a place.
#[derive(Clone, Debug, Default)]
struct Kept {
    key: Key,
    /// In order; none of a place that nobody has had.
    stages: Vec<KeptStage>,
    /// By cause: messages and nanoseconds.
    causes: [Since<2>; QueueCause::ALL.len()],
    iface: Since<1>,
}

#[derive(Clone, Debug, Default)]
struct KeptStage {
    /// Sum of the times, eligible, censored.
    counts: Since<3>,
    /// Bucket, the kernel's count when it was last read, and the count in all, without wrapping. Ascending.
    buckets: Vec<(u32, u32, u64)>,
}

/// Counts that only grow.
#[derive(Clone, Copy, Debug)]
struct Since<const N: usize> {
    /// When whoever has the place got it.
    before: [u64; N],
    /// When they were last read.
    now: [u64; N],
}

impl<const N: usize> Default for Since<N> {
    fn default() -> Self {
        Self { before: [0; N], now: [0; N] }
    }
}

impl<const N: usize> Since<N> {
    fn gained(&self) -> [u64; N] {
        std::array::from_fn(|n| self.now[n].saturating_sub(self.before[n]))
    }

    fn begin_anew(&mut self) {
        self.before = self.now;
    }
}

impl Latencies {
    /// For a probe's memory.
    #[must_use]
    pub fn new(memory: Arc<LatencyMemory>) -> Self {
        let kept = vec![Kept::default(); memory.sizes.places as usize];
        Self { memory, kept, gone: VecDeque::new() }
    }

    /// Takes in what has been counted. Call it more often than a bucket can wrap, which takes four thousand million
    /// sampled messages, and every 10 s at least: a slow connection's place rests longer before it is handed on.
    pub fn scan(&mut self) {
        let Self { memory, kept, gone } = self;
        for (place, kept) in kept.iter_mut().enumerate() {
            let key = Key::of(&memory.latencies, place);
            if place >= PLACES_FIXED && key.protocol() == 0 {
                continue;
            }
            if kept.stages.is_empty() {
                kept.stages.resize_with(Stage::ALL.len(), KeptStage::default);
            } else if kept.key != key {
                gone.extend(reading(&memory.latencies, place, kept));
                if gone.len() > GONE_MAX {
                    gone.pop_front();
                }
                kept.begin_anew();
            }
            kept.key = key;
            kept.scan(&memory.latencies, place * WORDS);
        }
    }

    /// Every place with anything to tell, as it was at the last scan.
    pub fn all(&self) -> impl Iterator<Item = LatencyReading> + '_ {
        self.kept.iter().enumerate().filter_map(|(place, kept)| reading(&self.memory.latencies, place, kept))
    }

    /// The last of slow connections whose place was handed on since this was last asked, the oldest first.
    pub fn take_gone(&mut self) -> Vec<LatencyReading> {
        mem::take(&mut self.gone).into()
    }

    /// The same, to be asked again.
    pub fn gone(&self) -> impl Iterator<Item = &LatencyReading> {
        self.gone.iter()
    }
}

/// None of a place with nothing to tell.
fn reading(words: &SharedWords, place: usize, kept: &Kept) -> Option<LatencyReading> {
    let sums = Stage::ALL.iter().zip(&kept.stages).map(|(stage, kept)| kept.sums(*stage));
    let stages: Vec<_> = sums.filter(|sums| sums.eligible + sums.censored > 0).collect();
    if stages.is_empty() {
        return None;
    }
    let key = &kept.key;
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
        causes: kept.causes(),
        // The longest wait may be that of whoever had the place before.
        iface: (kept.iface.gained() != [0])
            .then(|| text(words, place * WORDS + offset_of!(latency_service, qdisc_iface) / 8))
            .flatten(),
    };
    Some(LatencyReading { service, cgroup_id: key.word(offset_of!(latency_key, cgroup)) })
}

impl Kept {
    fn scan(&mut self, words: &SharedWords, place: usize) {
        for (number, stage) in self.stages.iter_mut().enumerate() {
            stage.scan(words, place, number);
        }
        let at = |offset: usize| words.load(place + offset / 8);
        for (number, cause) in self.causes.iter_mut().enumerate() {
            cause.now = [offset_of!(latency_service, cause_messages), offset_of!(latency_service, cause_ns)]
                .map(|o| at(o + 8 * number));
        }
        self.iface.now = [at(offset_of!(latency_service, qdisc_ns_max))];
    }

    /// Another has the place now: what was counted until the last scan is not its own.
    fn begin_anew(&mut self) {
        for stage in &mut self.stages {
            stage.counts.begin_anew();
            for (_, _, sum) in &mut stage.buckets {
                *sum = 0;
            }
        }
        self.causes.iter_mut().for_each(Since::begin_anew);
        self.iface.begin_anew();
    }

    fn causes(&self) -> Vec<(QueueCause, u64, u64)> {
        let all = QueueCause::ALL.iter().zip(&self.causes).map(|(cause, since)| (*cause, since.gained()));
        all.filter(|(_, [messages, _])| *messages > 0).map(|(cause, [messages, ns])| (cause, messages, ns)).collect()
    }
}

impl KeptStage {
    fn scan(&mut self, words: &SharedWords, place: usize, number: usize) {
        let first = place + offset_of!(latency_service, stages) / 8 + number * size_of::<time_histogram>() / 8;
        let beside = |offset: usize| words.load(place + offset / 8 + number);
        let [eligible, censored] =
            [offset_of!(latency_service, eligible), offset_of!(latency_service, censored)].map(beside);
        let now = [words.load(first), eligible, censored];
        if now == self.counts.now {
            return;
        }
        self.counts.now = now;
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

    fn sums(&self, stage: Stage) -> StageSums {
        let some = self.buckets.iter().filter(|(_, _, sum)| *sum > 0);
        let buckets = some.map(|(bucket, _, sum)| (BUCKET_FIRST + bucket.cast_signed(), *sum)).collect();
        let [sum_ns, eligible, censored] = self.counts.gained();
        StageSums { stage, histogram: Histogram { buckets, sum_ns }, eligible, censored }
    }
}

/// `latency_key` of a place. It is written once, but for those of slow connections.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key([u8; size_of::<latency_key>()]);

impl Default for Key {
    fn default() -> Self {
        Self([0; size_of::<latency_key>()])
    }
}

impl Key {
    fn of(words: &SharedWords, place: usize) -> Self {
        let mut key = Self::default();
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
        shared::address(self.bytes(offset), self.0[offset_of!(latency_key, family)] == AF_INET)
    }

    fn slow_client(&self) -> Option<SocketAddr> {
        let port = self.half_word(offset_of!(latency_key, client_port));
        (port != 0).then(|| SocketAddr::new(self.address(offset_of!(latency_key, client_addr)), port))
    }

    fn process(&self) -> Option<String> {
        name(&self.bytes::<16>(offset_of!(latency_key, process)))
    }
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
