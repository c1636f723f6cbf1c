//! Ports by class.

use super::addresses::Distinct;
use super::sweep::{Classes, Overflow};
use crate::Ranges;
use crate::tables::{CLASSES_MAX, PortClasses};
use std::sync::Arc;

/// Whether any port will do: rows' kinds have in them that there must be one.
pub(super) fn goes_without_saying(set: &Ranges<u16>) -> bool {
    set.as_slice() == [(0, u16::MAX)]
}

/// Of what each row asks for, and which rows take a packet whose ports cannot be read for one of theirs.
pub(super) fn classes(
    asked: &[Option<&Arc<Ranges<u16>>>],
    unread: &[bool],
    words: usize,
) -> Result<PortClasses, (usize, Overflow)> {
    let distinct = Distinct::of(asked);
    if distinct.sets.is_empty() {
        return Ok(PortClasses::default());
    }
    let mut classes = Classes::of_sets(distinct.sets.len());
    let sets: Vec<_> = distinct.sets.iter().map(|set| set.as_slice()).collect();
    let begins = classes.sweep(&sets).map_err(|overflow| distinct.blamed(overflow))?;
    let mut sets = distinct.row_sets(&classes, words);

    let mut by_port = vec![0; PortClasses::UNREADABLE + 1];
    let ends = begins.iter().skip(1).map(|(begin, _)| usize::from(*begin)).chain([PortClasses::NONE]);
    for ((begin, class), end) in begins.iter().zip(ends) {
        by_port[usize::from(*begin)..end].fill(*class as u16);
    }
    // No ports: class 0, the rows that ask for none. Not readable: those, and who takes them for his.
    let mut set = sets[..words].to_vec();
    for (row, unread) in unread.iter().enumerate() {
        set[row / 64] |= u64::from(*unread) << (row % 64);
    }
    let class = sets.chunks(words).position(|known| known == set).unwrap_or(sets.len() / words);
    if class == CLASSES_MAX {
        return Err((distinct.rows[0][0], Overflow { set: 0 }));
    }
    if class == sets.len() / words {
        sets.extend(set);
    }
    by_port[PortClasses::UNREADABLE] = class as u16;
    Ok(PortClasses { used: true, classes: by_port, sets })
}
