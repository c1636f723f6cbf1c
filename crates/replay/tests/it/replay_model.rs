//! The kernel programs against the model, on packets of all kinds.

use crate::model::{Reading, read_packet};
use crate::packets::{frame, raw_ip};
use crate::replayed::{options, replayed_bytes};
use crate::sums::{Sums, add_reading};
use crate::written::Order;
use crate::written::pcap::PcapBuilder;
use netrig_replay::ReplayOptions;
use proptest::collection::vec;
use proptest::prelude::*;

const ETHERNET: u32 = 1;
const RAW: u32 = 101;

/// Packets that show as hexadecimal, and only a few of them.
struct Packets(Vec<Vec<u8>>);

impl std::fmt::Debug for Packets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(3).try_for_each(|packet| writeln!(f, "{packet:02x?}"))?;
        write!(f, "{} packets", self.0.len())
    }
}

fn packets(one: BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Packets> {
    vec(one, 1..300).prop_map(Packets)
}

/// The model's account of packets, in the form of a replay's.
fn account(readings: &[Reading], packets: &[Vec<u8>]) -> (Sums, u64, [u64; 3]) {
    let (mut sums, mut not_ip, mut faults) = (Sums::new(), 0, [0; 3]);
    for (reading, packet) in readings.iter().zip(packets) {
        add_reading(&mut sums, reading, packet.len() as u32);
        not_ip += u64::from(reading.levels.is_empty());
        if let Some(fault) = reading.fault {
            faults[fault as usize] += 1;
        }
    }
    (sums, not_ip, faults)
}

fn agree(packets: &[Vec<u8>], link: u32, tunnels: bool) -> Result<(), TestCaseError> {
    let builder = PcapBuilder::new(Order::Little, 0xa1b2_c3d4, link);
    let bytes = packets.iter().enumerate().fold(builder, |b, (n, p)| b.packet(n as u32 / 7, 0, p)).bytes;
    let readings: Vec<_> = packets.iter().map(|p| read_packet(p, link == RAW, tunnels)).collect();
    let got = replayed_bytes(&bytes, &ReplayOptions { tunnels, ..options() });
    let (sums, not_ip, faults) = account(&readings, packets);
    let told = got.sums();
    let missing: Vec<_> = sums.iter().filter(|(way, sent)| told.get(way) != Some(sent)).collect();
    let beyond: Vec<_> = told.iter().filter(|(way, sent)| sums.get(way) != Some(sent)).collect();
    if let Some((way, _)) = missing.first() {
        // The packets that the first difference came from.
        let of_way = packets.iter().zip(&readings).filter(|(packet, reading)| {
            let mut alone = Sums::new();
            add_reading(&mut alone, reading, packet.len() as u32);
            alone.contains_key(way)
        });
        let shown: Vec<_> = of_way.take(2).map(|(packet, reading)| format!("{packet:02x?}\n{reading:#?}")).collect();
        prop_assert!(false, "model: {missing:#?}\nkernel: {beyond:#?}\npackets: {}", shown.join("\n"));
    }
    prop_assert!(beyond.is_empty(), "told beyond the model: {beyond:#?}");
    prop_assert_eq!(got.summary.faults, faults);
    prop_assert_eq!(got.summary.not_ip.packets, not_ip);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn frames_are_told_as_the_model_reads_them(packets in packets(frame()), tunnels: bool) {
        if netrig_testkit::missing_rights().is_some() {
            return Ok(());
        }
        agree(&packets.0, ETHERNET, tunnels)?;
    }

    #[test]
    fn bare_ip_packets_are_told_as_the_model_reads_them(packets in packets(raw_ip()), tunnels: bool) {
        if netrig_testkit::missing_rights().is_some() {
            return Ok(());
        }
        agree(&packets.0, RAW, tunnels)?;
    }
}
