//! What tests need of the real kernel: network namespaces of their own, faults made on purpose, second opinions, and an honest
//! word when they may not have them.
//!
//! ```no_run
//! // A test begins by asking for its rights; without them it is reported as skipped, with the reason, and ends.
//! netrig_testkit::require_root!();
//! let ns = netrig_testkit::NetNs::new("flows");
//! ns.veth("a", "b");
//! ns.run("ping -c 1 -W 1 127.0.0.1");
//! let table = ns.inside(|| std::fs::read_to_string("/proc/thread-self/net/dev"));
//! // The namespace goes when `ns` does, also when the test panics.
//! ```
//!
//! Faults are made between two namespaces ([`Pair`]): on the wire, by a [`DelayRelay`], and by the other end, by a [`Server`].
//! Nothing is left to chance; what is lost is what the test says.
//!
//! ```no_run
//! use netrig_testkit::{Connect, Fate, Fates, Pair, Server, TcpInfo};
//! use std::io::Write;
//! use std::time::Duration;
//!
//! let pair = Pair::with_relay("lossy", Duration::from_millis(20));
//! let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
//! pair.relay().set(Fates::nth(&[3], Fate::Drop, |packet| packet.has_data()));
//! let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
//! client.write_all(&[0; 100_000]).expect("send");
//! server.wait_received(100_000);
//! assert_eq!(TcpInfo::of(&client).expect("a TCP socket").retransmits, 1);
//! ```
//!
//! Time is lost on purpose at a known place of a question's way ([`Answers`], [`Questions`], [`Spinners`], a rate limit), and the
//! asker's own clock says how much it was.
//!
//! ```no_run
//! use netrig_testkit::{Answers, Pair, Questions, Server};
//! use std::time::Duration;
//!
//! let pair = Pair::new("late");
//! let late = Answers::default().read_late(Duration::from_millis(3));
//! let server = Server::answering(&pair.right, (Pair::RIGHT, 0), late);
//! let asked = Questions::to(server.address(), 300).ask(&pair.left);
//! assert!(asked.mean_ns() > 3e6);
//! ```
//!
//! A real [`Prometheus`] scrapes what a test shows it, and is asked what it has of it, and which alerts fire.
//!
//! Everything here panics with a sentence when it fails: it serves tests, where that is the report.

mod asking;
mod background;
mod bursts;
mod client;
mod drops;
mod injector;
mod namespace;
mod nstat;
mod pair;
mod prometheus;
mod relay;
mod rights;
mod server;
mod spinners;
mod spoofed;
mod syns;
mod syscalls;
mod tcp_info;

pub use asking::{Answers, Asked, DatagramServer, Questions, ReadBy, WaitBy, WriteBy};
pub use background::Background;
pub use bursts::{Datagrams, SentDatagrams};
pub use client::{BriefClient, Connect};
pub use drops::{DropCounter, XdpDrop, XdpMode, send_with_bad_checksum};
pub use injector::{Injector, send_frame};
pub use namespace::NetNs;
pub use nstat::Nstat;
pub use pair::Pair;
pub use prometheus::{Alert, AlertState, Exemplar, Prometheus, PrometheusSetup, Series, StandingStill};
pub use relay::{DelayRelay, End, Fate, Fates, Packet, RelayCounts, TcpHeader};
pub use rights::{missing_rights, report_skipped, report_without_rights};
pub use server::{ResetBy, Server};
pub use spinners::Spinners;
pub use spoofed::Spoofed;
pub use syns::SynFlood;
pub use tcp_info::TcpInfo;

/// Ends the calling test, reported as skipped with the reason, unless it may create network namespaces and load BPF.
///
/// With `NETRIG_TEST_NO_SKIP=1` in the environment a skip is a failure: for machines that are known to have the rights.
#[macro_export]
macro_rules! require_root {
    () => {
        if let Some(reason) = $crate::missing_rights() {
            $crate::report_without_rights(&reason);
            return;
        }
    };
}
