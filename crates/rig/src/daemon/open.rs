//! Records that are not stored yet: those on their way to the disk, then those of the open window as they stand.

use super::storing::{Chunks, Storing};
use netrig_model::Timestamp;
use netrig_serve::Open;

/// Those of one table: what is pending before the open window's `start`, and what `add` tells of that window. None while a
/// large window is on its way to the disk.
pub(super) fn open<R: Clone>(
    storing: Option<&Storing>,
    pending: fn(&Storing, Timestamp) -> Option<Chunks<R>>,
    start: Timestamp,
    add: impl FnOnce(&mut Vec<R>),
) -> Option<Open<R>> {
    let (mut records, mut stored_before) = (Vec::new(), start);
    if let Some(storing) = storing {
        let (chunks, first) = pending(storing, start)?;
        stored_before = first;
        records.extend(chunks.iter().flat_map(|rows| rows.iter().cloned()));
    }
    add(&mut records);
    Some(Open { records, stored_before })
}
