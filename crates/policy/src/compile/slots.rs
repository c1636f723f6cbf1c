//! Where rules are counted.

use super::{ALWAYS, MANAGEMENT};
use crate::tables::RULES_MAX;
use std::collections::BTreeMap;

/// Which rule is counted where. A rule keeps its place by its id, whatever policy replaces its own, so its counters go on.
/// The place of a rule that is gone stays taken until [`Slots::release`]: the policy that is being replaced may still count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots(BTreeMap<String, u16>);

impl Default for Slots {
    fn default() -> Self {
        Self(BTreeMap::from([(ALWAYS.to_owned(), Self::ALWAYS), (MANAGEMENT.to_owned(), Self::MANAGEMENT)]))
    }
}

impl Slots {
    /// Where [`ALWAYS`] is counted.
    pub const ALWAYS: u16 = 0;
    /// Where [`MANAGEMENT`] is counted.
    pub const MANAGEMENT: u16 = 1;

    /// As they were found with a policy that outlived the rig. Places that cannot be, or are named twice, are left out.
    #[must_use]
    pub fn restored(known: impl IntoIterator<Item = (String, u16)>) -> Self {
        let mut slots = Self::default();
        for (id, slot) in known {
            let free = !slots.0.contains_key(&id) && slots.iter().all(|(_, taken)| taken != slot);
            if free && usize::from(slot) < RULES_MAX {
                slots.0.insert(id, slot);
            }
        }
        slots
    }

    /// Where the rule with this id is counted.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<u16> {
        self.0.get(id).copied()
    }

    /// All rules that have a place, and it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u16)> {
        self.0.iter().map(|(id, slot)| (id.as_str(), *slot))
    }

    /// Gives the place of an id that has one, else the first that is free. `None`: all are taken.
    pub fn assign(&mut self, id: &str) -> Option<u16> {
        if let Some(slot) = self.get(id) {
            return Some(slot);
        }
        let mut taken = [false; RULES_MAX];
        for (_, slot) in self.iter() {
            taken[usize::from(slot)] = true;
        }
        let free = u16::try_from(taken.iter().position(|taken| !taken)?).ok()?;
        self.0.insert(id.to_owned(), free);
        Some(free)
    }

    /// Gives back the places of all rules but those whose id is `kept`, and tells which: call it when nothing counts there any
    /// more, and clear their counters before they are given to others.
    pub fn release(&mut self, kept: impl Fn(&str) -> bool) -> Vec<(String, u16)> {
        let keep = |id: &str| id == ALWAYS || id == MANAGEMENT || kept(id);
        let gone: Vec<_> = self.0.iter().filter(|(id, _)| !keep(id)).map(|(id, slot)| (id.clone(), *slot)).collect();
        for (id, _) in &gone {
            self.0.remove(id);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stays_with_its_id_and_is_free_only_when_said() {
        let mut slots = Slots::default();
        assert_eq!((slots.get(ALWAYS), slots.get(MANAGEMENT)), (Some(0), Some(1)));
        assert_eq!((slots.assign("a"), slots.assign("b"), slots.assign("a")), (Some(2), Some(3), Some(2)));
        assert_eq!(slots.assign("c"), Some(4));
        assert_eq!(slots.release(|_| false).len(), 3);
        assert_eq!((slots.get("a"), slots.get(ALWAYS), slots.assign("d")), (None, Some(0), Some(2)));
    }

    #[test]
    fn there_are_only_so_many_places() {
        let mut slots = Slots::default();
        for i in 2..RULES_MAX {
            assert_eq!(slots.assign(&format!("r{i}")).map(usize::from), Some(i));
        }
        assert_eq!((slots.assign("one-more"), slots.assign("r7")), (None, Some(7)));
    }

    #[test]
    fn what_was_found_is_taken_on_but_not_what_cannot_be() {
        let found = [("a", 9), ("b", 9), ("c", 0), ("d", 5000), ("netrig:always", 12)];
        let slots = Slots::restored(found.map(|(id, slot)| (id.to_owned(), slot)));
        assert_eq!((slots.get("a"), slots.get("b"), slots.get("c"), slots.get("d")), (Some(9), None, None, None));
        assert_eq!(slots.get(ALWAYS), Some(0));
    }
}
