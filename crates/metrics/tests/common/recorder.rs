//! A flight recorder that has written.

use netrig_model::{DumpOutcome, RecordedInterface, RecorderStatus};

pub(crate) fn status() -> RecorderStatus {
    RecorderStatus {
        interfaces: vec![
            RecordedInterface { iface: "eth0".into(), reach_ns: Some(12_500_000_000) },
            RecordedInterface { iface: "wg0".into(), reach_ns: None },
        ],
        without: vec!["veth7".into()],
        packets: 1_000_000,
        held_packets: 8_190,
        capacity_packets: 32_760,
        snaplen: 96,
        left_out_packets: 77,
        bytes: 4_194_048,
        recording: true,
        dumps: vec![
            ("command".into(), DumpOutcome::Written, 1),
            ("storm".into(), DumpOutcome::Written, 2),
            ("storm".into(), DumpOutcome::CooledDown, 7),
        ],
        dumped_packets: 24_000,
        overwritten_packets: 120,
        files_removed: 3,
        last_file: None,
        detail: String::new(),
    }
}
