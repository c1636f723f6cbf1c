//! Datagrams in bursts, and evenly: what a sender did by its own clock, packet by packet.

use crate::syscalls::go_first;
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// A datagram's octets on an Ethernet beyond its payload, over IPv4: Ethernet without its checksum, IP, UDP.
const HEADERS: u64 = 14 + 20 + 8;
/// Below this a sleeping sender would be late: it spins.
const SPIN_NS: u64 = 2_000_000;

/// So many datagrams at even distances, again and again.
#[derive(Clone, Debug)]
pub struct Datagrams {
    to: SocketAddr,
    payload: usize,
    count: u32,
    length: Duration,
    every: Duration,
    times: u32,
    shares: Vec<u32>,
}

/// One of these, by the sender's clock.
#[derive(Clone, Debug)]
pub struct SentDatagrams {
    /// When each was sent: the monotonic clock, nanoseconds.
    pub times_ns: Vec<u64>,
    /// Octets of each, layer 2 without FCS.
    pub frame_bytes: u64,
    /// Source of each flow, and how many of them it sent.
    pub flows: Vec<(SocketAddr, u32)>,
}

impl Datagrams {
    /// 250 of 1400 octets within 5 ms, once.
    #[must_use]
    pub fn to(to: SocketAddr) -> Self {
        let (length, every) = (Duration::from_millis(5), Duration::from_secs(1));
        Self { to, payload: 1400, count: 250, length, every, times: 1, shares: vec![1] }
    }

    /// So many each time.
    #[must_use]
    pub fn count(self, count: u32) -> Self {
        Self { count, ..self }
    }

    /// Within this time.
    #[must_use]
    pub fn within(self, length: Duration) -> Self {
        Self { length, ..self }
    }

    /// So many times, one beginning so long after the other.
    #[must_use]
    pub fn times(self, times: u32, every: Duration) -> Self {
        Self { times, every, ..self }
    }

    /// Of as many flows as there are shares, new ones each time: of those of 3 and 1 one sends three times as much.
    #[must_use]
    pub fn of_flows(self, shares: &[u32]) -> Self {
        Self { shares: shares.to_vec(), ..self }
    }

    /// Sends them from the calling thread's network namespace. What a sender that was held up did not send in its time is sent
    /// later, never faster.
    ///
    /// # Panics
    /// When there are no sockets to be had.
    #[must_use]
    pub fn send(&self) -> Vec<SentDatagrams> {
        thread::scope(|scope| {
            let sender = || {
                go_first();
                let begun = now_ns() + SPIN_NS;
                let each = |n| self.send_once(begun + u64::from(n) * nanoseconds(self.every));
                (0..self.times).map(each).collect()
            };
            scope.spawn(sender).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn send_once(&self, at_ns: u64) -> SentDatagrams {
        let payload = vec![0; self.payload];
        let sockets: Vec<_> = self.shares.iter().map(|_| self.socket()).collect();
        let turns: Vec<_> = self.shares.iter().enumerate().flat_map(|(n, share)| vec![n; *share as usize]).collect();
        let distance_ns = nanoseconds(self.length) / u64::from(self.count.max(1));
        let mut flows: Vec<_> = sockets.iter().map(|socket| (address_of(socket), 0)).collect();
        let mut times_ns = Vec::with_capacity(self.count as usize);
        let mut next_ns = at_ns;
        // Flows by turns, but not always in the same order: what looks at one in so many would see one of them.
        for (n, turn) in (0..self.count as usize).zip(mixed(turns.len())) {
            wait_until(next_ns);
            let now = now_ns();
            let flow = turns[turn];
            // What is refused further on is told to who sends: it has been sent all the same.
            let _ = sockets[flow].send(&payload);
            flows[flow].1 += 1;
            times_ns.push(now);
            next_ns = now.max(at_ns + n as u64 * distance_ns) + distance_ns;
        }
        SentDatagrams { times_ns, frame_bytes: HEADERS + self.payload as u64, flows }
    }

    fn socket(&self) -> UdpSocket {
        let any: SocketAddr = if self.to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
        let socket = UdpSocket::bind(any).expect("a socket");
        socket.connect(self.to).unwrap_or_else(|e| panic!("no way to {}: {e}", self.to));
        socket
    }
}

impl SentDatagrams {
    /// Octets, layer 2 without FCS.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.frame_bytes * self.times_ns.len() as u64
    }

    /// From the first to the last, and as long as one of them takes.
    #[must_use]
    pub fn length_ns(&self) -> u64 {
        let (first, last) = (self.first_ns(), self.times_ns.last().copied().unwrap_or(0));
        let between = (last - first) as f64 / (self.times_ns.len().max(2) - 1) as f64;
        last - first + between.round() as u64
    }

    /// When the first was sent.
    #[must_use]
    pub fn first_ns(&self) -> u64 {
        self.times_ns.first().copied().unwrap_or(0)
    }

    /// The longest time in which nothing was sent: a sender that was held up makes two bursts of one.
    #[must_use]
    pub fn longest_pause_ns(&self) -> u64 {
        self.times_ns.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    /// Octets of the busiest bucket of this length, where buckets begin when the clock is a multiple of it.
    #[must_use]
    pub fn peak_bytes(&self, bucket_ns: u64) -> u64 {
        self.buckets(bucket_ns).max().unwrap_or(0)
    }

    /// Octets of all such buckets that have more than this each.
    #[must_use]
    pub fn bytes_of_buckets(&self, bucket_ns: u64, least: u64) -> u64 {
        self.buckets(bucket_ns).filter(|bytes| *bytes > least).sum()
    }

    fn buckets(&self, bucket_ns: u64) -> impl Iterator<Item = u64> {
        let buckets = self.times_ns.chunk_by(move |a, b| a / bucket_ns == b / bucket_ns);
        buckets.map(|bucket| bucket.len() as u64 * self.frame_bytes)
    }
}

/// 0 up to `count`, in an order that changes from round to round and visits each as often as any other.
fn mixed(count: usize) -> impl Iterator<Item = usize> {
    let mut state = 1_u64;
    let round = move || {
        let mut order: Vec<_> = (0..count).collect();
        for last in (1..count).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(last, (state >> 33) as usize % (last + 1));
        }
        order
    };
    std::iter::repeat_with(round).flatten()
}

fn address_of(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("a socket has an address")
}

fn wait_until(at_ns: u64) {
    loop {
        let left = at_ns.saturating_sub(now_ns());
        if left == 0 {
            return;
        }
        if left > SPIN_NS {
            thread::sleep(Duration::from_nanos(left - SPIN_NS));
        } else {
            std::hint::spin_loop();
        }
    }
}

fn now_ns() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    tv_sec.cast_unsigned() * 1_000_000_000 + tv_nsec.cast_unsigned()
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("a test is shorter than five hundred years")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_told_by_the_senders_own_clock() {
        let sink = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = Datagrams::to(address_of(&sink)).within(Duration::from_millis(2)).of_flows(&[3, 1]);
        let sent = to.count(40).times(2, Duration::from_millis(20)).send();
        assert_eq!(sent.len(), 2);
        for burst in &sent {
            assert_eq!(burst.bytes(), 40 * 1442);
            assert!(burst.length_ns() >= 1_990_000, "never faster than asked: {}", burst.length_ns());
            assert_eq!(burst.flows.iter().map(|(_, sent)| *sent).collect::<Vec<_>>(), [30, 10]);
            assert!(burst.peak_bytes(1_000_000) <= 21 * 1442);
            assert_eq!(burst.bytes_of_buckets(1_000_000, 0), burst.bytes());
            assert_eq!(burst.bytes_of_buckets(1_000_000, burst.peak_bytes(1_000_000)), 0);
        }
        assert!(sent[1].first_ns() - sent[0].first_ns() > 15_000_000);
    }
}
