//! Writes a capture of an hour of made-up traffic, the same for the same seed: what levels of the store are compared on.
//!
//! Who talks to whom is Zipf's, as in offices and data centres: few servers have most of it. Clients' ports are as Linux hands them
//! out; lengths of flows are log-normal with a heavy tail; one flow in fifty is a scan that nobody answers.
//!
//! `cargo run --release -p netrig-store --example traffic FILE [FLOWS [SEED]]`
#![allow(clippy::expect_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an example")]

use std::fs::File;
use std::io::{BufWriter, Write};

const START_S: u64 = 1_700_002_800;
const HOUR_S: f64 = 3600.0;
const SNAPLEN: usize = 54;
const CLIENTS: usize = 3000;
const SERVERS: usize = 800;
/// Port, protocol, and how many servers in a hundred have it.
const SERVICES: [(u16, u8, usize); 8] =
    [(443, 6, 60), (80, 6, 8), (53, 17, 20), (22, 6, 1), (5432, 6, 4), (6379, 6, 3), (123, 17, 2), (8080, 6, 2)];

struct Random(u64);

impl Random {
    /// From 0 to 1, without 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, limit: u32) -> u32 {
        (self.share() * f64::from(limit)) as u32
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[(self.share() * all.len() as f64) as usize]
    }

    /// By Box and Muller.
    fn log_normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        (mean + deviation * radius * (std::f64::consts::TAU * self.share()).cos()).exp()
    }
}

/// A way to draw one of so many, the first most often.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let add = |n: usize| {
            sum += (n as f64).powf(-exponent);
            sum
        };
        Self((1..=count).map(add).collect())
    }

    fn draw(&self, random: &mut Random) -> usize {
        let at = random.share() * self.0.last().copied().unwrap_or(0.0);
        self.0.partition_point(|sum| *sum <= at)
    }
}

/// The ends of a packet.
#[derive(Clone, Copy)]
struct Ends {
    src: u32,
    dst: u32,
    src_port: u16,
    dst_port: u16,
}

struct Packet {
    at_s: f64,
    head: Vec<u8>,
    length: u32,
}

/// An Ethernet frame's first octets; only lengths and headers count.
fn packet(at_s: f64, ends: Ends, protocol: u8, tcp_flags: u8, length: u16) -> Packet {
    let mut head = vec![2; 12];
    head.extend([8, 0, 0x45, 0]);
    head.extend((length - 14).to_be_bytes());
    head.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    head.extend(ends.src.to_be_bytes());
    head.extend(ends.dst.to_be_bytes());
    head.extend(ends.src_port.to_be_bytes());
    head.extend(ends.dst_port.to_be_bytes());
    if protocol == 6 {
        head.extend([0; 8]);
        head.extend([0x50, tcp_flags, 0, 0, 0, 0, 0, 0]);
    } else {
        head.extend((length - 34).to_be_bytes());
        head.extend([0, 0]);
    }
    head.truncate(SNAPLEN);
    Packet { at_s, head, length: length.into() }
}

/// Each server has one service, by its number.
fn service_of(server: usize) -> (u16, u8) {
    let mut place = (server * 37 + 11) % SERVICES.iter().map(|(.., share)| share).sum::<usize>();
    for (port, protocol, share) in SERVICES {
        if place < share {
            return (port, protocol);
        }
        place -= share;
    }
    (443, 6)
}

fn flow(random: &mut Random, clients: &Zipf, servers: &Zipf, all: &mut Vec<Packet>) {
    let began_s = random.share() * (HOUR_S - 60.0);
    let src = 0x0a00_0001 + clients.draw(random) as u32 * 3;
    let src_port = 32_768 + random.below(28_232) as u16;
    if random.share() < 0.02 {
        let (dst, dst_port) = (0x0b00_0000 + random.below(0xd400_0000), 1 + random.below(65_535) as u16);
        all.push(packet(began_s, Ends { src, dst, src_port, dst_port }, 6, 2, 74));
        return;
    }
    let server = servers.draw(random);
    let (dst_port, protocol) = service_of(server);
    let there = Ends { src, dst: 0xc0a8_0000 + server as u32 * 7, src_port, dst_port };
    let back = Ends { src: there.dst, dst: src, src_port: dst_port, dst_port: src_port };
    let question = matches!(dst_port, 53 | 123);
    let count = if question { 2 } else { (6 + random.log_normal(0.9, 1.3) as u32).min(400) };
    let lasts_s = if question { 0.02 } else { -4.0 * (1.0 - random.share()).ln() };
    for n in 0..count {
        let out = n % 2 == 0 || protocol == 6 && random.share() < 0.2;
        let tcp_flags = match n {
            0 => 0x02,
            1 => 0x12,
            n if n + 2 >= count => 0x11,
            _ => 0x10,
        };
        let length = if out { random.of(&[66, 66, 120, 300]) } else { random.of(&[66, 200, 1514, 1514]) };
        let at_s = began_s + lasts_s * f64::from(n) / f64::from(count);
        all.push(packet(at_s, if out { there } else { back }, protocol, tcp_flags, length));
    }
}

/// In pcap's form with nanoseconds.
fn write(path: &str, packets: &[Packet]) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for word in [0xa1b2_3c4d_u32, 4 << 16 | 2, 0, 0, 65_535, 1] {
        out.write_all(&word.to_le_bytes())?;
    }
    for packet in packets {
        let ns = (packet.at_s * 1e9) as u64;
        let seconds = (START_S + ns / 1_000_000_000) as u32;
        for word in [seconds, (ns % 1_000_000_000) as u32, packet.head.len() as u32, packet.length] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&packet.head)?;
    }
    out.flush()
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: traffic FILE [FLOWS [SEED]]");
    let flows: u32 = arguments.next().map_or(250_000, |text| text.parse().expect("FLOWS is a number"));
    let seed: u64 = arguments.next().map_or(1, |text| text.parse().expect("SEED is a number"));
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (clients, servers) = (Zipf::new(CLIENTS, 1.0), Zipf::new(SERVERS, 1.1));
    let mut all = Vec::new();
    for _ in 0..flows {
        flow(&mut random, &clients, &servers, &mut all);
    }
    all.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    write(&path, &all).expect("write the capture");
}
