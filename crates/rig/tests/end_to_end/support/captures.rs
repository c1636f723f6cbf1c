//! Capture files, read by an independent reader.

use pcap_parser::{Block, PcapBlockOwned, create_reader};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A packet of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// What was captured of it.
    pub(crate) octets: Vec<u8>,
    /// How long it was.
    pub(crate) len: u32,
    /// When it passed, nanoseconds since 1970.
    pub(crate) time_ns: i64,
    /// On which of the file's interfaces.
    pub(crate) iface: String,
}

/// Files of a folder that the flight recorder wrote, the oldest first.
pub(crate) fn dumps(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.map(|entry| entry.expect("an entry").path()));
    let mut files: Vec<_> = entries.into_iter().flatten().collect();
    files.sort_by_key(|file| (std::fs::metadata(file).and_then(|about| about.modified()).ok(), file.clone()));
    files
}

/// All packets of a file in its order; times of pcap files must be nanoseconds.
pub(crate) fn packets(file: &Path) -> Vec<Seen> {
    let mut reader = create_reader(1 << 20, File::open(file).expect("open the capture")).expect("a capture");
    let (mut seen, mut names) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok((size, block)) => {
                take(&block, &mut seen, &mut names);
                reader.consume(size);
            }
            Err(pcap_parser::PcapError::Eof) => return seen,
            Err(pcap_parser::PcapError::Incomplete(_)) => reader.refill().expect("read on"),
            Err(error) => panic!("{}: {error:?}", file.display()),
        }
    }
}

fn take(block: &PcapBlockOwned<'_>, seen: &mut Vec<Seen>, names: &mut Vec<String>) {
    match block {
        PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
            assert_eq!(interface.if_tsresol, 9, "nanoseconds");
            let name = interface.options.iter().find(|option| option.code.0 == 2).map(|option| option.value.to_vec());
            names.push(String::from_utf8(name.expect("a name")).expect("text"));
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => seen.push(Seen {
            octets: packet.data[..packet.caplen as usize].to_vec(),
            len: packet.origlen,
            time_ns: (i64::from(packet.ts_high) << 32) | i64::from(packet.ts_low),
            iface: names[packet.if_id as usize].clone(),
        }),
        PcapBlockOwned::Legacy(packet) => seen.push(Seen {
            octets: packet.data.to_vec(),
            len: packet.origlen,
            time_ns: i64::from(packet.ts_sec) * 1_000_000_000 + i64::from(packet.ts_usec),
            iface: String::new(),
        }),
        _ => {}
    }
}

/// All text that stands in a file.
pub(crate) fn text(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).expect("read the capture")).into_owned()
}
