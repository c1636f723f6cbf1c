//! pcapng as an independent reader understands it.

use pcap_parser::traits::PcapNGPacketBlock as _;
use pcap_parser::{Block, OptionCode, PcapNGOption, PcapNGReader, traits::PcapReaderIterator};
use std::fmt::Write as _;

/// An option's code and value, without what fills it up.
pub(crate) type Told = Vec<(u16, Vec<u8>)>;

/// A block, in its own memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Section { options: Told },
    Interface { link: i32, snaplen: u32, options: Told },
    Packet { interface: u32, ns: u64, original: u32, octets: Vec<u8>, options: Told },
    Statistics { interface: u32, ns: u64, options: Told },
}

impl Read {
    pub(crate) fn options(&self) -> &Told {
        let (Self::Section { options }
        | Self::Interface { options, .. }
        | Self::Packet { options, .. }
        | Self::Statistics { options, .. }) = self;
        options
    }

    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        self.options().iter().find(|(of, _)| *of == code).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn number(&self, code: u16) -> Option<u64> {
        self.option(code).map(|value| value.iter().rev().fold(0, |sum, octet| sum << 8 | u64::from(*octet)))
    }

    pub(crate) fn text(&self, code: u16) -> Option<String> {
        self.option(code).map(|value| String::from_utf8(value.to_vec()).expect("UTF-8"))
    }

    /// All comments, in their order.
    pub(crate) fn comments(&self) -> String {
        let comments = self.options().iter().filter(|(code, _)| *code == 1);
        comments.fold(String::new(), |mut all, (_, value)| {
            let _ = write!(all, "({})", String::from_utf8_lossy(value));
            all
        })
    }
}

fn told(options: &[PcapNGOption<'_>]) -> Told {
    let told = options.iter().filter(|option| option.code != OptionCode::EndOfOpt);
    told.map(|option| (option.code.0, option.value()[..usize::from(option.len)].to_vec())).collect()
}

/// All blocks; panics if there is anything else in between or behind.
pub(crate) fn read(octets: &[u8]) -> Vec<Read> {
    let mut reader = PcapNGReader::new(1 << 20, octets).expect("a section's header");
    let mut blocks = Vec::new();
    let mut seen = 0;
    loop {
        match reader.next() {
            Ok((length, block)) => {
                if let pcap_parser::PcapBlockOwned::NG(block) = block {
                    blocks.push(own(&block));
                }
                seen += length;
                reader.consume(length);
            }
            Err(pcap_parser::PcapError::Eof) => break,
            Err(pcap_parser::PcapError::Incomplete(_)) => reader.refill().expect("more octets"),
            Err(error) => panic!("{error:?} after {seen} octets"),
        }
    }
    assert_eq!(seen, octets.len(), "a torn block at the end");
    blocks
}

fn own(block: &Block<'_>) -> Read {
    match block {
        Block::SectionHeader(b) => Read::Section { options: told(&b.options) },
        Block::InterfaceDescription(b) => {
            Read::Interface { link: b.linktype.0, snaplen: b.snaplen, options: told(&b.options) }
        }
        Block::EnhancedPacket(b) => Read::Packet {
            interface: b.if_id,
            ns: u64::from(b.ts_high) << 32 | u64::from(b.ts_low),
            original: b.origlen,
            octets: b.packet_data().to_vec(),
            options: told(&b.options),
        },
        Block::InterfaceStatistics(b) => Read::Statistics {
            interface: b.if_id,
            ns: u64::from(b.ts_high) << 32 | u64::from(b.ts_low),
            options: told(&b.options),
        },
        other => panic!("a block nobody wrote: {other:?}"),
    }
}
