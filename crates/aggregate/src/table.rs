//! The flows remembered: entries side by side in one slab, and an index of them that never grows.
//!
//! Both are reserved once, for the capacity: nothing is allocated or moved per delta, and pages that no flow has used
//! are never resident. The index is open addressing with linear probing, at most half full; a slot holds
//! the hash beside the entry's number, so a probe touches an entry only when it is almost certainly the one.

use crate::entry::{Entry, Life};
use crate::hash::Seed;
use crate::key::PairKey;
use std::hint::black_box;

/// A slot of the index: hash in the high half, entry number + 1 in the low half; 0 is empty.
type Slot = u64;

/// Half full at most: probing and removing walk over runs of slots, which are two long then and eight at 3/4.
pub(crate) const INDEX_SLOTS_PER_FLOW: usize = 2;

#[derive(Debug)]
pub(crate) struct Table {
    seed: Seed,
    index: Vec<Slot>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    capacity: usize,
}

impl Table {
    pub(crate) fn new(capacity: usize) -> Self {
        let slots = capacity * INDEX_SLOTS_PER_FLOW;
        Self {
            seed: Seed::random(),
            index: vec![0; slots],
            entries: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Numbers up to which entries exist, free ones among them.
    pub(crate) fn bound(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn hash(&self, key: &PairKey) -> u32 {
        self.seed.hash(key.words())
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn entry_mut(&mut self, number: usize) -> &mut Entry {
        &mut self.entries[number]
    }

    /// Brings what these hashes lead to into the cache: first all of the index, then all of the entries, so that the
    /// misses of each round overlap.
    pub(crate) fn touch(&self, hashes: impl Iterator<Item = u32> + Clone) {
        let mut sum = 0;
        for hash in hashes.clone() {
            sum ^= self.index[self.home(hash)];
        }
        black_box(sum);
        for hash in hashes {
            if let Some(number) = self.candidate(hash) {
                let entry = &self.entries[number];
                sum ^= entry.key.words()[0] ^ entry.last_seen_ns as u64;
            }
        }
        black_box(sum);
    }

    /// The first entry whose hash is this; almost certainly the one.
    fn candidate(&self, hash: u32) -> Option<usize> {
        let mut at = self.home(hash);
        loop {
            let slot = self.index[at];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == hash {
                return Some(entry_number(slot));
            }
            at = self.next(at);
        }
    }

    pub(crate) fn find(&self, key: &PairKey, hash: u32) -> Option<usize> {
        let mut at = self.home(hash);
        loop {
            let slot = self.index[at];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == hash {
                let number = entry_number(slot);
                if self.entries[number].key == *key {
                    return Some(number);
                }
            }
            at = self.next(at);
        }
    }

    /// Puts in a flow that [`Self::find`] did not find; the table is not full.
    pub(crate) fn insert(&mut self, key: PairKey, hash: u32) -> usize {
        debug_assert!(!self.is_full(), "the caller makes room first");
        let entry = Entry::new(key);
        let number = if let Some(number) = self.free.pop() {
            self.entries[number as usize] = entry;
            number as usize
        } else {
            self.entries.push(entry);
            self.entries.len() - 1
        };
        let mut at = self.home(hash);
        while self.index[at] != 0 {
            at = self.next(at);
        }
        self.index[at] = u64::from(hash) << 32 | (number as u64 + 1);
        number
    }

    /// Forgets an entry. Later slots of the same run move up, so that no tombstones are left.
    pub(crate) fn remove(&mut self, number: usize) {
        let hash = self.hash(&self.entries[number].key);
        let mut hole = self.home(hash);
        while entry_number_or_none(self.index[hole]) != Some(number) {
            hole = self.next(hole);
        }
        let mut at = hole;
        loop {
            at = self.next(at);
            let slot = self.index[at];
            if slot == 0 {
                break;
            }
            let home = self.home((slot >> 32) as u32);
            if self.distance(home, at) >= self.distance(hole, at) {
                self.index[hole] = slot;
                hole = at;
            }
        }
        self.index[hole] = 0;
        self.entries[number].life = Life::Free;
        self.free.push(number as u32);
    }

    /// Forgets everything at once, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.index.fill(0);
        self.entries.clear();
        self.free.clear();
    }

    /// Where a hash's run begins: the hash scaled to the index, so that its size need not be a power of two.
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.index.len() as u64) >> 32) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.index.len() { 0 } else { at + 1 }
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.index.len() - from }
    }
}

fn entry_number(slot: Slot) -> usize {
    (slot as u32 - 1) as usize
}

fn entry_number_or_none(slot: Slot) -> Option<usize> {
    (slot != 0).then(|| entry_number(slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::{Address, Direction, FlowKey, FlowKind, InterfaceId};
    use std::collections::HashMap;

    fn key(n: u32) -> PairKey {
        let key = FlowKey {
            src: Address::v4(n.to_be_bytes()),
            dst: Address::v4([255; 4]),
            src_port: 0,
            dst_port: 0,
            iface: InterfaceId(1),
            protocol: 17,
            kind: FlowKind::Ipv4,
            direction: Direction::Ingress,
            vlan: None,
            vlan_inner: None,
            tunnel: None,
        };
        PairKey::of(&key).0
    }

    #[test]
    fn full_and_churning_it_finds_what_it_holds_and_nothing_else() {
        const CAPACITY: usize = 300;
        let mut table = Table::new(CAPACITY);
        let mut model: HashMap<u32, usize> = HashMap::new();
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let n = (state >> 33) as u32 % 450;
            let found = table.find(&key(n), table.hash(&key(n)));
            assert_eq!(found, model.get(&n).copied());
            match found {
                Some(number) if state >> 20 & 1 == 0 || table.is_full() => {
                    table.remove(number);
                    model.remove(&n);
                }
                None if !table.is_full() => {
                    model.insert(n, table.insert(key(n), table.hash(&key(n))));
                }
                _ => {}
            }
            assert_eq!(table.len(), model.len());
        }
        assert!(table.bound() <= CAPACITY);
    }
}
