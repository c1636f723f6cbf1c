//! Fine buckets, as the kernel's side would write them: what is read, what waits, and what is lost. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::bursts::{Bursts, SampledFlows};
use netrig_model::{BurstBucket, BurstRing, BurstSample, Direction, FlowKey, InterfaceId};
use netrig_probes::burst::{BurstMemory, BurstOptions, BurstSizes};
use netrig_probes::flow::{FlowMemory, FlowOptions, FlowProbe};
use netrig_probes::wire::{burst_bucket, burst_cpu, bursts, flow_slot4};
use netrig_testkit::require_root;
use std::collections::BTreeMap;
use std::mem::offset_of;
use std::sync::Arc;

const MS: u64 = 1_000_000;
const EGRESS: BurstRing = (InterfaceId(1), Direction::Egress);
const SIZES: BurstSizes = BurstSizes { cpus: 2, ifaces: 4, buckets: 2048, samples: 1024 };

/// The flow programs are loaded and attached to nothing: the test is all that writes.
struct Kernel {
    _probe: FlowProbe,
    flow: Arc<FlowMemory>,
    memory: Arc<BurstMemory>,
}

fn kernel() -> Kernel {
    kernel_of(SIZES.buckets)
}

/// With rings of so many buckets.
fn kernel_of(buckets: u32) -> Kernel {
    let mut options = FlowOptions::live(8 << 20);
    let sizes = BurstSizes { cpus: options.sizes.cpus, buckets, ..SIZES };
    options.burst = Some(BurstOptions { sizes, bucket_ns: MS, netns: 0 });
    let probe = FlowProbe::load(&options).expect("load");
    let memory = probe.burst_memory().expect("it is asked for");
    Kernel { flow: probe.memory(), memory, _probe: probe }
}

fn two(low: u32, high: u32) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (low.to_ne_bytes(), high.to_ne_bytes());
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

impl Kernel {
    fn cpu_word(cpu: usize, offset: usize) -> usize {
        (cpu * size_of::<burst_cpu>() + offset) / 8
    }

    /// What `count_in_bucket` does with a packet.
    fn count(&self, cpu: usize, ring: BurstRing, number: u64, bytes: u32, flow: u8) {
        let way = usize::from(ring.1 == Direction::Egress);
        let row = (cpu * SIZES.ifaces as usize + usize::from(ring.0.0) - 1) * 2 + way;
        let ring_buckets = self.memory.sizes.buckets as usize;
        let at = (row * ring_buckets + number as usize % ring_buckets) * size_of::<burst_bucket>() / 8;
        let buckets = &self.memory.buckets;
        let [kept, counted] = {
            let word = buckets.load(at).to_ne_bytes();
            [0, 4].map(|n| u32::from_ne_bytes([word[n], word[n + 1], word[n + 2], word[n + 3]]))
        };
        let same = kept == number as u32;
        let old = |word: usize| if same { buckets.load(at + word) } else { 0 };
        let (counts, flows) = (old(1), [old(2), old(3)]);
        buckets.publish(at + 1, counts + two(1, 1));
        buckets.publish(at + 2, flows[0] | if flow < 64 { 1 << flow } else { 0 });
        buckets.publish(at + 3, flows[1] | if flow < 64 { 0 } else { 1 << (flow - 64) });
        buckets.publish(at, two(number as u32, bytes + if same { counted } else { 0 }));
        self.memory.cpus.publish(Self::cpu_word(cpu, offset_of!(burst_cpu, number)), two(number as u32, 0));
    }

    fn put(&self, cpu: usize, offset: usize) -> u64 {
        self.memory.cpus.load(Self::cpu_word(cpu, offset))
    }

    fn sample(&self, cpu: usize, ring: BurstRing, number: u64, (slot, generation): (u32, u16), bytes: u32) {
        let put = self.put(cpu, offset_of!(burst_cpu, samples));
        let at = (cpu * SIZES.samples as usize + put as usize % SIZES.samples as usize) * 2;
        let egress = if ring.1 == Direction::Egress { bursts::IFACE_EGRESS } else { 0 };
        self.memory.samples.publish(at, two(number as u32, slot));
        self.memory.samples.publish(at + 1, two(bytes, u32::from(ring.0.0 | egress) | u32::from(generation) << 16));
        self.memory.cpus.publish(Self::cpu_word(cpu, offset_of!(burst_cpu, samples)), put + 1);
    }

    fn retransmit(&self, cpu: usize, iface: InterfaceId, number: u64, segments: u16, further: bool) {
        let put = self.put(cpu, offset_of!(burst_cpu, retransmits)) - u64::from(further);
        let at = cpu * bursts::RETRANSMITS + put as usize % bursts::RETRANSMITS;
        self.memory.retransmits.publish(at, two(number as u32, u32::from(iface.0) | u32::from(segments) << 16));
        self.memory.cpus.publish(Self::cpu_word(cpu, offset_of!(burst_cpu, retransmits)), put + 1);
    }
}

#[derive(Debug, Default)]
struct Read {
    buckets: Vec<BurstBucket>,
    lost: u64,
    samples: Vec<BurstSample>,
}

impl Read {
    fn bytes(&self) -> Vec<(u64, u64)> {
        self.buckets.iter().filter(|b| b.bytes > 0).map(|b| (b.number, b.bytes)).collect()
    }
}

fn read(bursts: &mut Bursts, now_ns: u64) -> BTreeMap<BurstRing, Read> {
    let mut all = BTreeMap::new();
    bursts.read(now_ns, &[InterfaceId(1), InterfaceId(2)], &mut |ring, read| {
        let read = Read { buckets: read.buckets.to_vec(), lost: read.lost, samples: read.samples.to_vec() };
        assert!(all.insert(ring, read).is_none());
    });
    all
}

/// Where the monotonic clock stands in these tests: the lower half of a bucket's number is about to wrap.
const START: u64 = (1 << 32) - 50;

fn begun(kernel: &Kernel) -> Bursts {
    let mut bursts = Bursts::new(Arc::clone(&kernel.memory));
    assert!(read(&mut bursts, START * MS).is_empty(), "there is nothing before the first reading");
    bursts
}

#[test]
fn buckets_of_all_processors_are_one_row_across_the_wrap() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    kernel.count(0, EGRESS, START + 10, 1500, 3);
    kernel.count(0, EGRESS, START + 10, 500, 3);
    kernel.count(1, EGRESS, START + 10, 1000, 100);
    kernel.count(0, EGRESS, START + 60, 70, 0);
    kernel.count(0, (InterfaceId(2), Direction::Ingress), START + 11, 60, 0);
    // The last that has rings is nobody else's neighbour.
    kernel.count(0, (InterfaceId(4), Direction::Egress), START + 11, 60, 0);
    let all = read(&mut bursts, (START + 100) * MS);
    assert_eq!(all.keys().count(), 4, "two interfaces, both ways");
    let row = &all[&EGRESS];
    assert_eq!(row.buckets[0].number, START - 25);
    assert_eq!(row.buckets.len(), 100);
    assert_eq!((row.bytes(), row.lost), (vec![(START + 10, 3000), (START + 60, 70)], 0));
    let full = row.buckets[35];
    assert_eq!((full.packets, full.ce_packets, full.flows), (3, 3, 1 << 3 | 1 << 100));
    assert_eq!(all[&(InterfaceId(2), Direction::Ingress)].bytes(), [(START + 11, 60)]);
}

#[test]
fn what_the_kernels_late_clock_may_still_add_to_is_left_for_the_next_reading() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    kernel.count(0, EGRESS, START + 50, 100, 0);
    let first = read(&mut bursts, (START + 75) * MS);
    assert!(first[&EGRESS].bytes().is_empty() && first[&EGRESS].buckets.last().expect("some").number == START + 49);
    kernel.count(0, EGRESS, START + 50, 100, 0);
    assert_eq!(read(&mut bursts, (START + 76) * MS)[&EGRESS].bytes(), [(START + 50, 200)]);
    assert!(read(&mut bursts, (START + 76) * MS).is_empty(), "nothing new");
}

#[test]
fn what_was_overwritten_is_lost_and_counted() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    for number in START..START + 5_000 {
        kernel.count(0, EGRESS, number, 100, 0);
    }
    let row = &read(&mut bursts, (START + 5_000) * MS)[&EGRESS];
    assert_eq!(row.lost + row.buckets.len() as u64, 5_000);
    assert!(row.buckets.iter().all(|bucket| bucket.bytes == 100));
    assert!(row.buckets.len() > 2_000);
    // One that is ahead of its time: its place is not the looked-for bucket's any more.
    kernel.count(0, EGRESS, START + 5_010 + 2_048, 100, 0);
    let row = &read(&mut bursts, (START + 5_100) * MS)[&EGRESS];
    assert_eq!((row.lost, row.buckets.len()), (1, 100));
}

#[test]
fn of_the_shortest_ring_every_bucket_is_read_or_counted_as_lost_however_late_the_reader_is() {
    require_root!();
    const BUCKETS: u64 = 512;
    for late in [100, 400, BUCKETS - 2, BUCKETS - 1, BUCKETS + 1, BUCKETS + 300, 3 * BUCKETS, 20 * BUCKETS + 7] {
        let kernel = kernel_of(BUCKETS as u32);
        let mut bursts = begun(&kernel);
        // One processor counts up to now, the other has stopped long ago.
        for number in START..=START + late {
            kernel.count(0, EGRESS, number, 100, 0);
        }
        kernel.count(1, EGRESS, START + 1, 100, 0);
        let row = &read(&mut bursts, (START + late) * MS)[&EGRESS];
        assert_eq!(row.lost + row.buckets.len() as u64, late, "{late}");
        let empty = row.buckets.iter().filter(|bucket| bucket.number >= START && bucket.bytes == 0).count();
        assert_eq!(empty, 0, "{late}: what was overwritten is not told as silence");
        // A ring remembers its length, less what is not settled and what is being written.
        assert_eq!(row.lost == 0, late + 25 + 2 <= BUCKETS, "{late}: {} lost", row.lost);
        assert!(row.lost == 0 || row.buckets.len() as u64 >= BUCKETS - 25 - 2, "{late}: only {}", row.buckets.len());
    }
}

#[test]
fn samples_wait_for_their_bucket_and_stand_for_a_flow_while_it_has_its_place() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    let flows = SampledFlows::new(Arc::clone(&kernel.flow));
    let word = 7 * size_of::<flow_slot4>() / 8;
    let facts = [0x14, 0x51, 0, 80, 1, 0, 17, 1];
    for (n, value) in [u64::from_ne_bytes([10, 0, 0, 1, 10, 0, 0, 2]), u64::from_ne_bytes(facts), 0].iter().enumerate()
    {
        kernel.flow.table4.publish(word + n, *value);
    }
    let cold = word + (3 * 8 + 16) / 8;
    kernel.flow.table4.publish(cold, two(0x1_0004, 0));
    kernel.flow.table4.publish(cold + 2, two(1234, 0));

    kernel.count(0, EGRESS, START + 10, 9_000, 0);
    for (number, bytes) in [(START + 90, 4_096), (START + 10, 8_192)] {
        kernel.sample(0, EGRESS, number, (7, 4), bytes);
    }
    kernel.sample(1, (InterfaceId(1), Direction::Ingress), START + 10, (8, 4), 100);
    bursts.collect((START + 95) * MS);
    let first = read(&mut bursts, (START + 100) * MS);
    let samples = &first[&EGRESS].samples;
    assert_eq!(samples.iter().map(|s| (s.number, s.bytes)).collect::<Vec<_>>(), [(START + 10, 8_192)]);
    assert_eq!(first[&(InterfaceId(1), Direction::Ingress)].samples.len(), 1);
    let (FlowKey { src_port, dst_port, direction, .. }, pid) = flows.get(samples[0].flow).expect("it has its place");
    assert_eq!((src_port, dst_port, direction, pid), (0x1451, 80, Direction::Egress, Some(1234)));
    let later = read(&mut bursts, (START + 200) * MS);
    assert_eq!(later[&EGRESS].samples.len(), 1, "it came ahead of its bucket's reading");
    kernel.flow.table4.publish(cold, two(0x1_0006, 0));
    assert_eq!(flows.get(samples[0].flow), None, "the place is another's");
    assert_eq!(flows.get(u64::MAX), None, "a place that is not there");
}

#[test]
fn of_a_ring_of_samples_that_went_round_the_latest_are_read() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    for n in 0..SIZES.samples + 10 {
        kernel.sample(0, EGRESS, START + 5, (n, 2), 4_096);
    }
    let all = read(&mut bursts, (START + 100) * MS);
    assert_eq!(all[&EGRESS].samples.len(), SIZES.samples as usize);
}

#[test]
fn what_is_sent_again_belongs_to_its_bucket_and_may_still_grow() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    kernel.retransmit(0, EGRESS.0, START + 10, 3, false);
    kernel.retransmit(1, EGRESS.0, START + 10, 4, false);
    kernel.retransmit(0, EGRESS.0, START + 80, 1, false);
    let told = |bursts: &mut Bursts, now: u64| -> Vec<_> {
        let row = read(bursts, now * MS).remove(&EGRESS).unwrap_or_default();
        row.buckets.iter().filter(|b| b.retransmits > 0).map(|b| (b.number - START, b.retransmits)).collect()
    };
    assert_eq!(told(&mut bursts, START + 100), [(10, 7)]);
    kernel.retransmit(0, EGRESS.0, START + 80, 9, true);
    assert_eq!(told(&mut bursts, START + 200), [(80, 9)]);
}

#[test]
fn what_is_told_is_what_was_counted_at_any_load() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    let mut state = 7_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut truth, mut told) = (BTreeMap::<(BurstRing, u64), u64>::new(), BTreeMap::new());
    let mut now = START;
    for _ in 0..400 {
        for _ in 0..random(60) {
            let ring = (InterfaceId(1 + random(2) as u16), Direction::BOTH[random(2) as usize]);
            // Up to two jiffies late.
            let (number, bytes) = (now - random(20), 60 + random(1_440) as u32);
            kernel.count(random(2) as usize, ring, number, bytes, random(128) as u8);
            *truth.entry((ring, number)).or_default() += u64::from(bytes);
        }
        now += 1 + random(3);
        if random(20) == 0 {
            now += random(150);
            for (ring, row) in read(&mut bursts, now * MS) {
                told.extend(row.bytes().into_iter().map(|(number, bytes)| ((ring, number), bytes)));
                assert_eq!(row.lost, 0);
            }
        }
    }
    for (ring, row) in read(&mut bursts, (now + 100) * MS) {
        told.extend(row.bytes().into_iter().map(|(number, bytes)| ((ring, number), bytes)));
    }
    assert!(told.len() > 1_000);
    assert_eq!(told, truth);
}

#[test]
fn how_much_of_a_ring_waited_is_told_and_nothing_while_nobody_is_watched() {
    require_root!();
    let kernel = kernel();
    let mut bursts = begun(&kernel);
    let fullest = |bursts: &Bursts| bursts.fullest().map(|ring| (ring.ring.clone(), ring.fullest, ring.capacity));
    for number in 0..30 {
        kernel.sample(0, EGRESS, START + number, (1, 1), 100);
    }
    read(&mut bursts, (START + 99) * MS);
    let told = [("burst_samples".to_owned(), 30, 1024), ("burst_buckets".to_owned(), 125, 2048)];
    // What is not settled yet, 25 buckets, was left to this reading.
    assert_eq!(fullest(&bursts), told);
    bursts.read((START + 5_000) * MS, &[], &mut |_, _| {});
    assert_eq!(fullest(&bursts), told, "buckets that nobody reads are not waited for");
    bursts.end_window();
    read(&mut bursts, (START + 9_000) * MS);
    assert_eq!(fullest(&bursts), [("burst_samples".to_owned(), 30, 1024), ("burst_buckets".to_owned(), 2048, 2048)]);
}
