//! When each packet was captured, by its number: the flow table keeps numbers, for they fit where times do not.

use netrig_drain::Clock;
use netrig_model::Timestamp;
use std::collections::VecDeque;

/// Packets whose exact times are kept; 32 MiB.
const EXACT_MAX: usize = 1 << 22;
/// Of older packets, one in this many.
const STRIDE: u64 = 1024;

/// Times of packets by number. Exact for the last four million; before that, the time of a packet at most 1,023 later,
/// which only a flow's beginning is ever asked for and which whoever remembers that flow knows better.
#[derive(Debug, Default)]
pub(crate) struct PacketTimes {
    exact: VecDeque<Timestamp>,
    /// Time of every packet whose number divides by `STRIDE`.
    coarse: Vec<Timestamp>,
    packets: u64,
}

impl PacketTimes {
    /// Adds the next packet; gives its tick.
    pub(crate) fn push(&mut self, at: Timestamp) -> u32 {
        let number = self.packets;
        if number.is_multiple_of(STRIDE) {
            self.coarse.push(at);
        }
        if self.exact.len() == EXACT_MAX {
            self.exact.pop_front();
        }
        self.exact.push_back(at);
        self.packets += 1;
        number as u32
    }

    /// The packet a tick stands for: the latest whose number ends in these 32 bits.
    fn number(&self, tick: u32) -> u64 {
        let latest = self.packets.saturating_sub(1);
        latest.saturating_sub(u64::from((latest as u32).wrapping_sub(tick)))
    }
}

impl Clock for PacketTimes {
    fn timestamp(&self, tick: u32) -> Timestamp {
        let number = self.number(tick);
        let first_exact = self.packets - self.exact.len() as u64;
        let known = match number.checked_sub(first_exact) {
            Some(at) => self.exact.get(at as usize),
            None => self.coarse.get(number.div_ceil(STRIDE) as usize).or(self.exact.front()),
        };
        known.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_times_are_exact_and_old_ones_near() {
        let mut times = PacketTimes::default();
        let packets = EXACT_MAX as i64 + 5_000;
        for number in 0..packets {
            assert_eq!(times.push(Timestamp(number * 10)), number as u32);
        }
        assert_eq!(times.timestamp(packets as u32 - 1), Timestamp((packets - 1) * 10));
        assert_eq!(times.timestamp(5_000), Timestamp(50_000));
        assert_eq!(times.timestamp(1025), Timestamp(20_480));
        assert_eq!(times.timestamp(0), Timestamp(0));
    }

    #[test]
    fn ticks_wrap() {
        let times = PacketTimes { packets: (1 << 32) + 3, ..PacketTimes::default() };
        assert_eq!(times.number(2), (1 << 32) + 2);
        assert_eq!(times.number(3), 3);
        assert_eq!(times.number(u32::MAX), u64::from(u32::MAX));
    }

    #[test]
    fn without_packets_there_is_no_time_and_no_harm() {
        assert_eq!(PacketTimes::default().timestamp(7), Timestamp(0));
    }
}
