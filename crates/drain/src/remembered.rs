//! What was told of each slot, in sixteen bytes.

/// Bits of `told`: bytes (mod 2^48, differences are what counts), then where they belong, then whether the record that
/// ended this generation has been read already.
const BYTES_BITS: u32 = 48;
const BYTES_MASK: u64 = (1 << BYTES_BITS) - 1;
const FINISHED: u64 = 1 << 63;

/// Where a slot's traffic belongs in the ledger: interface, direction, and whether it stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub iface: u16,
    pub egress: bool,
    pub inner: bool,
}

/// One slot's memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remembered {
    generation: u32,
    packets: u32,
    told: u64,
}

impl Remembered {
    /// Nothing told of this generation yet.
    pub(crate) fn new(generation: u32, place: Place) -> Self {
        let place = u64::from(place.iface & 0xfff) | u64::from(place.egress) << 12 | u64::from(place.inner) << 13;
        Self { generation, packets: 0, told: place << BYTES_BITS }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    pub(crate) fn packets(&self) -> u32 {
        self.packets
    }

    /// Whether something was told of a flow whose end has not been read.
    pub(crate) fn is_open(&self) -> bool {
        self.generation != 0 && self.told & FINISHED == 0
    }

    pub(crate) fn finish(&mut self) {
        self.told |= FINISHED;
    }

    /// What the new reading adds; remembers it.
    pub(crate) fn advance(&mut self, packets: u32, bytes: u64) -> (u64, u64) {
        let more_packets = packets.wrapping_sub(self.packets);
        let more_bytes = bytes.wrapping_sub(self.told) & BYTES_MASK;
        self.packets = packets;
        self.told = (self.told & !BYTES_MASK) | (bytes & BYTES_MASK);
        (more_packets.into(), more_bytes)
    }

    /// All that was told, and where.
    pub(crate) fn told(&self) -> (Place, u64, u64) {
        let place = (self.told >> BYTES_BITS) as u16;
        let place = Place { iface: place & 0xfff, egress: place >> 12 & 1 == 1, inner: place >> 13 & 1 == 1 };
        (place, self.packets.into(), self.told & BYTES_MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_sixteen_bytes() {
        assert_eq!(size_of::<Remembered>(), 16);
    }

    proptest! {
        #[test]
        fn differences_add_up_across_the_wrap_of_either_counter(
            start in any::<u32>(),
            steps in prop::collection::vec((1_u32..1_000_000, 60_u64..1 << 40), 1..20),
            iface in 0_u16..4096, egress: bool, inner: bool,
        ) {
            let place = Place { iface, egress, inner };
            let mut slot = Remembered::new(2, place);
            let mut bytes = (1_u64 << 54) - 5_000;
            let mut packets = start;
            slot.advance(packets, bytes);
            for (p, b) in steps {
                packets = packets.wrapping_add(p);
                bytes = (bytes + b) & ((1 << 54) - 1);
                prop_assert_eq!(slot.advance(packets, bytes), (p.into(), b));
            }
            prop_assert_eq!(slot.told().0, place);
            prop_assert!(slot.is_open());
            slot.finish();
            prop_assert!(!slot.is_open());
            prop_assert_eq!(slot.told().0, place);
        }
    }
}
