//! Places of the latency probe: as real round trips fill them, and as the kernel hands them on. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

use netrig_drain::latency::{Latencies, LatencyReading};
use netrig_model::{Role, Stage};
use netrig_probes::latency::{LatencyMemory, LatencyOptions, LatencyProbe};
use netrig_probes::wire::{latency_key, latency_service, time_histogram};
use netrig_testkit::require_root;
use std::io::{Read, Write};
use std::mem::offset_of;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const KERNEL_BYTES: u64 = 4 << 20;
/// The first of those for connections flagged slow.
const SLOW_PLACE: usize = 2;

fn cgroup_root() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, path, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })
}

fn load(sampling: u32) -> LatencyProbe {
    let options = LatencyOptions { sampling, ..LatencyOptions::live(KERNEL_BYTES, cgroup_root()) };
    LatencyProbe::load(&options).expect("load")
}

/// What the kernel's side would write.
struct Place<'a>(&'a LatencyMemory, usize);

impl Place<'_> {
    fn word(&self, offset: usize) -> usize {
        (self.1 * size_of::<latency_service>() + offset) / 8
    }

    /// Gives the place to a slow connection of the service `:80` with this client.
    fn give_to(&self, client: [u8; 4], client_port: u16) {
        let mut key = [0_u8; size_of::<latency_key>()];
        key[offset_of!(latency_key, client_addr) + 12..][..4].copy_from_slice(&client);
        key[offset_of!(latency_key, client_port)..][..2].copy_from_slice(&client_port.to_ne_bytes());
        key[offset_of!(latency_key, port)..][..2].copy_from_slice(&80_u16.to_ne_bytes());
        key[offset_of!(latency_key, process)..][..5].copy_from_slice(b"nginx");
        (key[offset_of!(latency_key, role)], key[offset_of!(latency_key, protocol)]) = (2, 6);
        key[offset_of!(latency_key, family)] = 2;
        for (n, word) in key.as_chunks::<8>().0.iter().enumerate() {
            self.0.latencies.publish(self.word(offset_of!(latency_service, key)) + n, u64::from_ne_bytes(*word));
        }
    }

    fn add(&self, word: usize, gained: u64) {
        self.0.latencies.publish(word, self.0.latencies.load(word) + gained);
    }

    /// One message took so long in a stage. The bucket is not looked at here.
    fn tell(&self, stage: Stage, ns: u64) {
        let number = Stage::ALL.iter().position(|each| *each == stage).expect("a stage");
        let histogram = offset_of!(latency_service, stages) + number * size_of::<time_histogram>();
        self.add(self.word(offset_of!(latency_service, eligible)) + number, 1);
        self.add(self.word(histogram + offset_of!(time_histogram, counts)) + 100, 1);
        self.add(self.word(histogram), ns);
    }
}

/// Questions and answers without a pause, until it is dropped.
struct ManyMessages(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl ManyMessages {
    fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (mut client, mut server) = pair_of(&TcpListener::bind("127.0.0.1:0").expect("listen"));
        let seen = Arc::clone(&over);
        let go_on = move || {
            // By one thread, that messages come as fast as they can.
            let mut message = [7; 100];
            while !seen.load(Ordering::Relaxed) {
                client.write_all(&message).expect("ask");
                server.read_exact(&mut message).expect("question");
                server.write_all(&message).expect("answer");
                client.read_exact(&mut message).expect("answer");
            }
        };
        Self(over, Some(std::thread::spawn(go_on)))
    }
}

impl Drop for ManyMessages {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().map(JoinHandle::join);
    }
}

fn pair_of(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    (client, listener.accept().expect("accept").0)
}

/// Whether this process has a program where messages are written, as the kernel tells of its files.
fn is_hooked() -> bool {
    let files = std::fs::read_dir("/proc/self/fdinfo").expect("files").flatten();
    let mut told = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    told.any(|file| file.lines().any(|line| line.starts_with("tp_name:") && line.ends_with("tcp_sendmsg_locked")))
}

/// Gives the probe its turns until its hooks are attached, or away.
fn turn_until(probe: &mut LatencyProbe, hooked: bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_hooked() != hooked {
        assert!(Instant::now() < deadline, "hooks are {}", if hooked { "away" } else { "attached" });
        std::thread::sleep(Duration::from_millis(5));
        probe.turn();
    }
}

#[test]
fn what_ends_while_hooks_are_away_is_not_taken_for_what_ends_later() {
    require_root!();
    let mut probe = load(16);
    let mut latencies = Latencies::new(probe.memory());
    probe.attach().expect("attach");
    let _many = ManyMessages::begin();
    turn_until(&mut probe, false);
    turn_until(&mut probe, true);
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let mut pairs: Vec<_> = (0..100).map(|_| pair_of(&listener)).collect();
    for (client, server) in &mut pairs {
        client.write_all(&[7; 100]).expect("ask");
        server.read_exact(&mut [0; 100]).expect("question");
    }
    turn_until(&mut probe, false);
    turn_until(&mut probe, true);
    for (client, server) in &mut pairs {
        server.write_all(&[7; 100]).expect("answer");
        client.read_exact(&mut [0; 100]).expect("answer");
    }
    std::thread::sleep(Duration::from_millis(100));
    latencies.scan();
    let address = listener.local_addr().expect("address");
    let names = [address.to_string(), format!(":{}", address.port())];
    let of_these: Vec<_> = latencies.all().filter(|r| names.contains(&r.service.name())).collect();
    assert!(!of_these.is_empty(), "some of a hundred questions were looked at");
    let stages = of_these.iter().flat_map(|reading| &reading.service.stages);
    let longest_s = stages.clone().filter_map(|sums| sums.histogram.quantile_s(1.0)).fold(0.0, f64::max);
    assert!(longest_s < 2.0, "nobody saw what came in between: {of_these:#?}");
    let censored: u64 = stages.map(|sums| sums.censored).sum();
    assert!(censored > 0, "whose answers came unseen are counted: {of_these:#?}");
}

fn client_and_sums(reading: &LatencyReading) -> (String, u64, u64) {
    let sums = &reading.service.stages[0];
    let client = reading.service.slow_client.expect("a slow connection").to_string();
    (client, sums.histogram.count(), sums.histogram.sum_ns)
}

#[test]
fn a_place_that_is_handed_on_tells_the_next_connection_nothing_of_the_former() {
    require_root!();
    let probe = load(1);
    let memory = probe.memory();
    let mut latencies = Latencies::new(probe.memory());
    let place = Place(&memory, SLOW_PLACE);
    place.give_to([10, 0, 0, 1], 1111);
    place.tell(Stage::Read, 500);
    place.tell(Stage::Read, 500);
    latencies.scan();
    let told: Vec<_> = latencies.all().map(|r| client_and_sums(&r)).collect();
    assert_eq!(told, [("10.0.0.1:1111".to_owned(), 2, 1000)]);
    place.give_to([10, 0, 0, 2], 2222);
    place.tell(Stage::Read, 7);
    latencies.scan();
    let told: Vec<_> = latencies.all().map(|r| client_and_sums(&r)).collect();
    assert_eq!(told, [("10.0.0.2:2222".to_owned(), 1, 7)]);
    let gone: Vec<_> = latencies.take_gone().iter().map(client_and_sums).collect();
    assert_eq!(gone, [("10.0.0.1:1111".to_owned(), 2, 1000)]);
    assert!(latencies.take_gone().is_empty(), "it is told once");
}

#[test]
fn real_round_trips_are_told_by_their_service() {
    require_root!();
    const COUNT: usize = 200;
    let mut probe = load(1);
    let mut latencies = Latencies::new(probe.memory());
    probe.attach().expect("attach");
    probe.turn();
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("address");
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("accept");
        let mut question = [0; 100];
        while socket.read_exact(&mut question).is_ok() {
            socket.write_all(&question).expect("answer");
        }
    });
    let mut client = TcpStream::connect(address).expect("connect");
    for _ in 0..COUNT {
        client.write_all(&[7; 100]).expect("ask");
        client.read_exact(&mut [0; 100]).expect("answer");
    }
    drop(client);
    server.join().expect("server");
    std::thread::sleep(Duration::from_millis(100));
    latencies.scan();
    let of = |role, name: &str| {
        let found = latencies.all().find(|r| r.service.role == Some(role) && r.service.name() == name);
        found.unwrap_or_else(|| panic!("no {role:?} {name}: {:#?}", latencies.all().collect::<Vec<_>>()))
    };
    for (role, name) in [(Role::Server, format!(":{}", address.port())), (Role::Client, address.to_string())] {
        let reading = of(role, &name);
        let total = reading.service.stages.iter().find(|s| s.stage == Stage::Total).expect("wholes");
        let samples = total.histogram.count();
        assert!(samples > COUNT as u64 / 2 && samples <= COUNT as u64, "{role:?}: {samples} of {COUNT}");
        assert!(samples <= total.eligible, "{total:?}");
        assert!(reading.service.process.is_some() && reading.cgroup_id != 0, "{reading:?}");
    }
}
