//! A flood of SYNs whose senders do not exist.

use crate::NetNs;
use crate::syscalls::enter_namespace;
use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// SYNs from addresses of 10.99.0.0/16, some thousands a second, until it is dropped. Who is flooded needs a route there: what has
/// nowhere to go is not answered.
#[derive(Debug)]
pub struct SynFlood {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

const IPV4: usize = 20;
const TCP: usize = 20;
const BETWEEN: Duration = Duration::from_micros(100);

impl SynFlood {
    /// Out of a namespace.
    ///
    /// # Panics
    /// Without root's rights: ask [`crate::require_root!`] first.
    #[must_use]
    pub fn start(from: &NetNs, to: SocketAddrV4) -> Self {
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (path, until, count) = (from.path(), Arc::clone(&over), Arc::clone(&sent));
        let run = move || {
            enter_namespace(&path);
            let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW)).expect("a raw socket");
            for number in 1_u32.. {
                if until.load(Ordering::Relaxed) {
                    break;
                }
                // A device whose queue is full just now takes the next one.
                let _ = sendto(&raw, &syn(number, to), SendFlags::empty(), &to);
                count.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(BETWEEN);
            }
        };
        let thread = std::thread::Builder::new().name("syn flood".to_owned()).spawn(run).expect("start a thread");
        Self { over, sent, thread: Some(thread) }
    }

    /// How many it has sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for SynFlood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if let (Some(Err(panic)), false) = (ended, std::thread::panicking()) {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Length, identification and checksum of the IP header are the kernel's to fill in.
fn syn(number: u32, to: SocketAddrV4) -> [u8; IPV4 + TCP] {
    let from = Ipv4Addr::from(0x0a63_0000 | (number.wrapping_mul(0x9e37_79b1) >> 16));
    let mut packet = [0; IPV4 + TCP];
    packet[0] = 0x45;
    packet[8] = 64;
    packet[9] = 6;
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.ip().octets());
    packet[20..22].copy_from_slice(&(1024 + number as u16 % 60_000).to_be_bytes());
    packet[22..24].copy_from_slice(&to.port().to_be_bytes());
    packet[24..28].copy_from_slice(&number.to_be_bytes());
    packet[32] = 5 << 4;
    packet[33] = 2;
    packet[34..36].copy_from_slice(&1000_u16.to_be_bytes());
    let words = packet[12..].chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum = words.sum::<u32>() + 6 + TCP as u32;
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[36..38].copy_from_slice(&(!(folded + (folded >> 16)) as u16).to_be_bytes());
    packet
}
