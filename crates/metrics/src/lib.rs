//! The rig's state as Prometheus metrics.
//!
//! A [`Snapshot`](netrig_model::Snapshot) goes in, text or protobuf comes out; nothing here counts, listens or knows the
//! time. Counters never go backwards and labels stay bounded: which interfaces, services and the like are named is settled
//! once, by an [`Exporter`] that lives as long as the rig, and everything beyond the caps is summed under `other`, so that
//! the sum over a label is the same truth with and without the cap.

mod accept;
mod bound;
mod buckets;
mod bursts;
mod drops;
mod exemplars;
mod exporter;
mod families;
mod gather;
mod latency;
mod listeners;
pub mod names;
mod overhead;
mod policy;
pub mod protobuf;
mod queues;
mod recorder;
mod remote;
pub mod remote_write;
mod requests;
mod tcp;
mod text;

pub use accept::Exposition;
pub use buckets::Classic;
pub use drops::REASONS_MAX;
pub use exporter::{Caps, ETHERTYPES_MAX, Exporter};
pub use queues::CPUS_MAX;
pub use tcp::WORDS_MAX;

use netrig_model::Snapshot;

/// One snapshot as Prometheus text, by an exporter without a past. A rig that is scraped keeps an [`Exporter`].
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    text::encode(Exporter::default().gather(snapshot), false)
}
