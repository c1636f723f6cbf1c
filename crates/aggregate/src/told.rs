//! Sums of what was told, and of what is not IP: cumulative, never going backwards.

use netrig_model::{Direction, InterfaceId, TrafficCounts, transport_name};

/// EtherTypes counted by name on each interface and direction; what more there are share one sum.
pub(crate) const ETHERTYPES_MAX: usize = 64;
/// Below this the field is a length (802.3 with an LLC header), not an EtherType.
const ETHERTYPE_MIN: u16 = 0x0600;
/// The transport of protocols without a name.
const OTHER: &str = "other";

/// Told traffic by interface, direction and transport.
#[derive(Debug)]
pub(crate) struct Told {
    /// Slot of each protocol number.
    slot_of: [u8; 256],
    names: Vec<&'static str>,
    /// By interface, direction and slot.
    sums: Vec<[Vec<TrafficCounts>; 2]>,
}

impl Told {
    pub(crate) fn new() -> Self {
        let mut names = vec![OTHER];
        let mut slot_of = [0; 256];
        for protocol in 0..=255 {
            if let Some(name) = transport_name(protocol) {
                slot_of[usize::from(protocol)] = names.len() as u8;
                names.push(name);
            }
        }
        Self { slot_of, names, sums: Vec::new() }
    }

    pub(crate) fn add(&mut self, iface: InterfaceId, direction: Direction, protocol: u8, counts: TrafficCounts) {
        let transports = self.names.len();
        let sums = grown(&mut self.sums, iface, || std::array::from_fn(|_| vec![TrafficCounts::default(); transports]));
        sums[direction.index()][usize::from(self.slot_of[usize::from(protocol)])].add(counts);
    }

    pub(crate) fn sum(&self, iface: InterfaceId, direction: Direction) -> TrafficCounts {
        let mut sum = TrafficCounts::default();
        if let Some(by_direction) = self.sums.get(usize::from(iface.0)) {
            by_direction[direction.index()].iter().for_each(|counts| sum.add(*counts));
        }
        sum
    }

    pub(crate) fn by_transport(
        &self,
    ) -> impl Iterator<Item = (InterfaceId, Direction, &'static str, TrafficCounts)> + '_ {
        self.sums.iter().enumerate().flat_map(move |(iface, by_direction)| {
            Direction::BOTH.into_iter().flat_map(move |direction| {
                let sums = &by_direction[direction.index()];
                sums.iter()
                    .zip(&self.names)
                    .filter(|(counts, _)| counts.packets > 0)
                    .map(move |(counts, name)| (InterfaceId(iface as u16), direction, *name, *counts))
            })
        })
    }
}

/// What is not IP on one interface in one direction.
#[derive(Clone, Debug, Default)]
struct EtherTypes {
    sum: TrafficCounts,
    named: Vec<(u16, TrafficCounts)>,
    rest: TrafficCounts,
}

/// Traffic that is not IP, by interface, direction and EtherType.
#[derive(Debug, Default)]
pub(crate) struct NotIp {
    sums: Vec<[EtherTypes; 2]>,
}

impl NotIp {
    pub(crate) fn add(&mut self, iface: InterfaceId, direction: Direction, ethertype: u16, counts: TrafficCounts) {
        let of = &mut grown(&mut self.sums, iface, Default::default)[direction.index()];
        of.sum.add(counts);
        let ethertype = if ethertype < ETHERTYPE_MIN { 0 } else { ethertype };
        if let Some((_, sum)) = of.named.iter_mut().find(|(t, _)| *t == ethertype) {
            sum.add(counts);
        } else if of.named.len() < ETHERTYPES_MAX {
            of.named.push((ethertype, counts));
        } else {
            of.rest.add(counts);
        }
    }

    pub(crate) fn sum(&self, iface: InterfaceId, direction: Direction) -> TrafficCounts {
        self.of(iface, direction).map(|of| of.sum).unwrap_or_default()
    }

    /// By EtherType; 0 stands for 802.3 frames with a length, `None` for all beyond the bound.
    pub(crate) fn by_ethertype(&self, iface: InterfaceId, direction: Direction) -> Vec<(Option<u16>, TrafficCounts)> {
        let Some(of) = self.of(iface, direction) else { return Vec::new() };
        let mut list: Vec<_> = of.named.iter().map(|(t, counts)| (Some(*t), *counts)).collect();
        list.sort_unstable_by_key(|(t, _)| *t);
        if of.rest.packets > 0 {
            list.push((None, of.rest));
        }
        list
    }

    fn of(&self, iface: InterfaceId, direction: Direction) -> Option<&EtherTypes> {
        self.sums.get(usize::from(iface.0)).map(|by_direction| &by_direction[direction.index()])
    }
}

/// The element of an interface, the list grown to hold it.
fn grown<T>(list: &mut Vec<T>, iface: InterfaceId, new: impl FnMut() -> T) -> &mut T {
    let at = usize::from(iface.0);
    if list.len() <= at {
        list.resize_with(at + 1, new);
    }
    &mut list[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TrafficCounts = TrafficCounts { packets: 1, bytes: 60 };

    #[test]
    fn ethertypes_are_bounded_and_none_is_lost() {
        let mut not_ip = NotIp::default();
        let iface = InterfaceId(2);
        for ethertype in 0x0600..0x0700 {
            not_ip.add(iface, Direction::Egress, ethertype, ONE);
        }
        let list = not_ip.by_ethertype(iface, Direction::Egress);
        assert_eq!(list.len(), ETHERTYPES_MAX + 1);
        assert_eq!(list.iter().map(|(_, counts)| counts.packets).sum::<u64>(), 256);
        assert_eq!(not_ip.sum(iface, Direction::Egress).packets, 256);
        assert_eq!(not_ip.sum(iface, Direction::Ingress), TrafficCounts::default());
    }

    #[test]
    fn lengths_of_802_3_frames_are_one_kind() {
        let mut not_ip = NotIp::default();
        for length in 3..200 {
            not_ip.add(InterfaceId(0), Direction::Ingress, length, ONE);
        }
        let list = not_ip.by_ethertype(InterfaceId(0), Direction::Ingress);
        assert_eq!(list, [(Some(0), TrafficCounts { packets: 197, bytes: 197 * 60 })]);
    }

    #[test]
    fn told_is_kept_by_transport() {
        let mut told = Told::new();
        let iface = InterfaceId(1);
        told.add(iface, Direction::Ingress, 6, ONE);
        told.add(iface, Direction::Ingress, 254, ONE);
        told.add(iface, Direction::Ingress, 253, ONE);
        let list: Vec<_> = told.by_transport().collect();
        let two = TrafficCounts { packets: 2, bytes: 120 };
        assert_eq!(list, [(iface, Direction::Ingress, "other", two), (iface, Direction::Ingress, "tcp", ONE)]);
        assert_eq!(told.sum(iface, Direction::Ingress).packets, 3);
    }
}
