//! When somebody should be called. Each alert lasts longer than a scrape or two, and none is for one packet, but for the
//! ledger's imbalance, of which one is too many.

mod remote;
mod rig;
mod traffic;

use super::Alert;

/// All of them: first what the host's network does, then how the rig fares, and what it sends.
#[must_use]
pub fn alerts() -> Vec<Alert> {
    traffic::alerts().into_iter().chain(rig::alerts()).chain(remote::alerts()).collect()
}
