//! Entries with a number each, every one of them in one of a few lists ordered by when it was put there: what is oldest is
//! found, and an entry taken out or moved, without a search.

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

struct Node<T> {
    value: Option<T>,
    before: u32,
    after: u32,
    list: usize,
}

#[derive(Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
    length: usize,
}

/// Entries in `LISTS` lists.
pub(super) struct Slab<T, const LISTS: usize> {
    nodes: Vec<Node<T>>,
    free: Vec<u32>,
    lists: [Ends; LISTS],
}

impl<T, const LISTS: usize> Slab<T, LISTS> {
    pub(super) fn new() -> Self {
        let lists = [Ends { first: NONE, last: NONE, length: 0 }; LISTS];
        Self { nodes: Vec::new(), free: Vec::new(), lists }
    }

    /// Puts an entry behind all others of a list.
    pub(super) fn insert(&mut self, list: usize, value: T) -> u32 {
        let node = Node { value: Some(value), before: NONE, after: NONE, list };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.link(id, list);
        id
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<T> {
        let value = self.nodes.get_mut(id as usize)?.value.take()?;
        self.unlink(id);
        self.free.push(id);
        Some(value)
    }

    /// Moves an entry behind all others of a list.
    pub(super) fn shift(&mut self, id: u32, list: usize) {
        self.unlink(id);
        self.link(id, list);
    }

    pub(super) fn get(&self, id: u32) -> Option<&T> {
        self.nodes.get(id as usize)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        self.nodes.get_mut(id as usize)?.value.as_mut()
    }

    /// The entry that has been in a list for longest.
    pub(super) fn first(&self, list: usize) -> Option<u32> {
        Some(self.lists[list].first).filter(|id| *id != NONE)
    }

    pub(super) fn length(&self, list: usize) -> usize {
        self.lists[list].length
    }

    /// Memory, octets: what the entries themselves take.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node<T>>() + self.free.capacity() * size_of::<u32>()
    }

    fn link(&mut self, id: u32, list: usize) {
        let last = self.lists[list].last;
        let node = &mut self.nodes[id as usize];
        (node.list, node.before, node.after) = (list, last, NONE);
        match last {
            NONE => self.lists[list].first = id,
            last => self.nodes[last as usize].after = id,
        }
        self.lists[list].last = id;
        self.lists[list].length += 1;
    }

    fn unlink(&mut self, id: u32) {
        let Node { before, after, list, .. } = self.nodes[id as usize];
        match before {
            NONE => self.lists[list].first = after,
            before => self.nodes[before as usize].after = after,
        }
        match after {
            NONE => self.lists[list].last = before,
            after => self.nodes[after as usize].before = before,
        }
        self.lists[list].length -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(slab: &mut Slab<u8, 2>, list: usize) -> Vec<u8> {
        let mut found = Vec::new();
        while let Some(id) = slab.first(list) {
            found.extend(slab.remove(id));
        }
        found
    }

    #[test]
    fn entries_leave_in_the_order_they_were_put_into_their_list() {
        let mut slab = Slab::new();
        let ids: Vec<u32> = (0..6).map(|n| slab.insert(usize::from(n % 2), n)).collect();
        slab.shift(ids[0], 0);
        slab.shift(ids[3], 0);
        assert_eq!(slab.remove(ids[4]), Some(4));
        assert_eq!(slab.remove(ids[4]), None);
        assert_eq!((slab.length(0), slab.length(1)), (3, 2));
        assert_eq!(drained(&mut slab, 0), [2, 0, 3]);
        assert_eq!(drained(&mut slab, 1), [1, 5]);
    }

    #[test]
    fn a_place_is_used_again() {
        let mut slab = Slab::<u8, 1>::new();
        for n in 0..100 {
            let id = slab.insert(0, n);
            slab.remove(id);
        }
        assert_eq!(slab.nodes.len(), 1);
    }
}
