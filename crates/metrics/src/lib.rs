//! The rig's state as Prometheus metrics.
//!
//! A [`Snapshot`](netrig_model::Snapshot) goes in, exposition text comes out; nothing here counts, listens or knows the
//! time. Counters never go backwards and labels stay bounded: which interfaces and EtherTypes are named is settled once,
//! by an [`Exporter`] that lives as long as the rig, and everything beyond the caps is summed under `other`, so that the
//! sum over a label is the same truth with and without the cap.

mod bound;
mod exporter;
mod families;
mod gather;
pub mod names;
mod text;

pub use exporter::{ETHERTYPES_MAX, Exporter, INTERFACES_MAX};
pub use text::Exposition;

use netrig_model::Snapshot;

/// One snapshot as Prometheus text, by an exporter without a past. A rig that is scraped keeps an [`Exporter`].
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    Exporter::default().render(snapshot, Exposition::Prometheus)
}
