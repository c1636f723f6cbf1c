//! Services' distributions: the kernel counts in 32 bits, which wrap; this side keeps the sums.

use crate::shared::{self, AF_INET, BUCKET_FIRST, halves};
use netrig_model::{Histogram, Role};
use netrig_probes::SharedWords;
use netrig_probes::tcp::TcpMemory;
use netrig_probes::wire::{tcp_ends, tcp_service, time_histogram};
use std::mem::offset_of;
use std::net::IpAddr;
use std::sync::Arc;

const WORDS: usize = size_of::<tcp_service>() / 8;
/// Of the C struct, which is generated with this length.
const BUCKETS: usize = (size_of::<time_histogram>() - offset_of!(time_histogram, counts)) / 4;

/// One service's sums since the start.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// This host's part; none for all beyond the cap.
    pub role: Option<Role>,
    /// The remote address, for clients.
    pub addr: Option<IpAddr>,
    /// Its port; the local one for servers.
    pub port: u16,
    /// Connections established.
    pub connections: u64,
    /// Round trips, all; pure; and what connecting took.
    pub distributions: [Histogram; 3],
}

/// All services, with what was counted when they were last read.
#[derive(Debug)]
pub struct Services {
    memory: Arc<TcpMemory>,
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    counts: [Vec<(u32, u64)>; 3],
}

impl Services {
    /// For a probe's memory.
    #[must_use]
    pub fn new(memory: Arc<TcpMemory>) -> Self {
        Self { memory, kept: Vec::new() }
    }

    /// Takes in what has been counted. Call it more often than a bucket can wrap, which takes four thousand million
    /// connections or round trips.
    pub fn scan(&mut self) {
        let given = self.memory.ends.load(offset_of!(tcp_ends, services) / 8);
        let services = (given as usize + 1).min(self.memory.sizes.services as usize);
        while self.kept.len() < services {
            self.kept.push(Kept { counts: std::array::from_fn(|_| vec![(0, 0); BUCKETS]) });
        }
        for (number, kept) in self.kept.iter_mut().enumerate() {
            for (which, counts) in kept.counts.iter_mut().enumerate() {
                let first = number * WORDS + histogram_offset(which) / 8 + 1;
                for (pair, word) in counts.chunks_mut(2).zip(first..) {
                    take_in(pair, halves(self.memory.services.load(word)));
                }
            }
        }
    }

    /// Every service as it was at the last scan: number 0, for all beyond the cap, comes first.
    pub fn all(&self) -> impl Iterator<Item = Service> + '_ {
        self.kept.iter().enumerate().map(|(number, kept)| self.service(number, kept))
    }

    fn service(&self, number: usize, kept: &Kept) -> Service {
        let words = &self.memory.services;
        let first = number * WORDS;
        let tail = words.load(first + 2).to_ne_bytes();
        let role = match tail[2] {
            1 => Some(Role::Client),
            2 => Some(Role::Server),
            _ => None,
        };
        let distributions = std::array::from_fn(|which| Histogram {
            buckets: kept.counts[which]
                .iter()
                .zip(BUCKET_FIRST..)
                .filter(|((_, sum), _)| *sum > 0)
                .map(|((_, sum), bucket)| (bucket, *sum))
                .collect(),
            sum_ns: words.load(first + histogram_offset(which) / 8),
        });
        Service {
            role,
            addr: (role == Some(Role::Client)).then(|| address(words, first, tail[3] == AF_INET)),
            port: u16::from_ne_bytes([tail[0], tail[1]]),
            connections: words.load(first + offset_of!(tcp_service, connections) / 8),
            distributions,
        }
    }
}

fn histogram_offset(which: usize) -> usize {
    [offset_of!(tcp_service, rtt), offset_of!(tcp_service, rtt_pure), offset_of!(tcp_service, connect)][which]
}

fn take_in(pair: &mut [(u32, u64)], now: [u32; 2]) {
    for ((before, sum), now) in pair.iter_mut().zip(now) {
        *sum += u64::from(now.wrapping_sub(*before));
        *before = now;
    }
}

fn address(words: &SharedWords, first: usize, ipv4: bool) -> IpAddr {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&words.load(first).to_ne_bytes());
    bytes[8..].copy_from_slice(&words.load(first + 1).to_ne_bytes());
    shared::address(bytes, ipv4)
}
