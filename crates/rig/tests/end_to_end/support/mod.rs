//! What these tests share: a street of two houses, a rig, traffic, and second opinions.

mod alone;
mod bpf;
pub(crate) mod bursts;
pub(crate) mod captures;
mod counters;
pub(crate) mod drops;
pub(crate) mod frames;
pub(crate) mod judged;
pub(crate) mod latency;
pub(crate) mod messages;
pub(crate) mod mix;
pub(crate) mod panels;
pub(crate) mod receiver;
pub(crate) mod rig;
pub(crate) mod scraped;
pub(crate) mod servers;
mod stored;
pub(crate) mod street;
mod told;
pub(crate) mod traffic;
pub(crate) mod tshark;

pub(crate) use alone::alone;
pub(crate) use bpf::{BpfObjects, change_area};
pub(crate) use counters::Counters;
pub(crate) use rig::{Rig, netrig};
pub(crate) use stored::Stored;
pub(crate) use street::Street;
pub(crate) use told::{Since, Socket, inode_of, this_process};
pub(crate) use traffic::{udp_churn, udp_flood, udp_steady};

use std::time::{Duration, Instant};

/// Calls `look` until it gives something; for what other processes do in their own time.
///
/// # Panics
/// When it gives nothing within `limit`; `what` says what was waited for.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
