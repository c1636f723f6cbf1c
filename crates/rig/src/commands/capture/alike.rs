//! Packets whose blocks differ in nothing but times, lengths and octets: what they have in common is made once.

use netrig_capture::Alike;
use netrig_probes::capture::{Source, Way};

/// Kinds that are remembered, a power of two; one that falls on another's place takes it.
const KINDS: usize = 256;

/// What packets have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) source: Source,
    pub(super) queue: Option<u16>,
    pub(super) way: Option<Way>,
    /// Its number among those that are known by name.
    pub(super) owner: Option<u32>,
}

impl Kind {
    fn place(self) -> usize {
        let queue = self.queue.map_or(0, |queue| usize::from(queue) + 1);
        let owner = self.owner.map_or(0, |owner| owner as usize + 1);
        (usize::from(self.source) * 31 + queue * 7 + owner) & (KINDS - 1)
    }
}

/// Those that have been met lately.
pub(super) struct Alikes {
    known: Vec<Option<(Kind, Alike)>>,
}

impl Alikes {
    pub(super) fn new() -> Self {
        Self { known: vec![None; KINDS] }
    }

    /// That of a kind; `make` makes it of its first packet.
    #[inline]
    pub(super) fn of(&mut self, kind: Kind, make: impl FnOnce() -> Alike) -> &Alike {
        let place = &mut self.known[kind.place()];
        if place.as_ref().is_some_and(|(of, _)| *of != kind) {
            *place = None;
        }
        let (_, alike) = place.get_or_insert_with(|| (kind, make()));
        alike
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_capture::{InterfaceNumber, Packet};
    use netrig_model::Timestamp;

    fn alike(interface: u32) -> Alike {
        Alike::of(&Packet::whole(Timestamp(0), InterfaceNumber(interface), &[]))
    }

    #[test]
    fn kinds_that_share_a_place_are_told_apart() {
        let one = Kind { source: 1, queue: None, way: Some(Way::In), owner: None };
        let other = Kind { owner: Some(KINDS as u32 - 1), ..one };
        assert_eq!(one.place(), other.place());
        let mut alikes = Alikes::new();
        for _ in 0..2 {
            assert_eq!(*alikes.of(one, || alike(1)), alike(1));
            assert_eq!(*alikes.of(other, || alike(2)), alike(2));
            assert_eq!(*alikes.of(other, || alike(3)), alike(2), "made once");
        }
    }
}
