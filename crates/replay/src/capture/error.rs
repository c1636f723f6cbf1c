//! What can be wrong with a capture, where, and what to do about it.

use super::{CAPTURED_BYTES_MAX, LinkType};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a capture could not be read (on).
#[derive(Debug, thiserror::Error)]
#[error("{}: {}{fault}", path.display(), Prefix(*place))]
pub struct CaptureError {
    /// The file.
    pub path: PathBuf,
    /// Where it breaks; none when it cannot be read at all.
    pub place: Option<Place>,
    /// What is wrong.
    #[source]
    pub fault: CaptureFault,
}

/// A place in a capture: all packets before this one were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of the packet that could not be read, from 1.
    pub packet: u64,
    /// Where its record begins: bytes from the start of the capture, unpacked.
    pub offset: u64,
}

struct Prefix(Option<Place>);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Place { packet, offset }) => write!(f, "packet {packet}, at byte {offset}: "),
            None => Ok(()),
        }
    }
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureFault {
    /// The file cannot be opened.
    #[error("cannot be opened: {0}; give the path of a pcap or pcapng file that you may read")]
    Open(#[source] io::Error),
    /// A folder.
    #[error("is a directory; give a pcap or pcapng file")]
    Directory,
    /// No byte in it.
    #[error("is empty: not even a capture's header was written; capture again")]
    Empty,
    /// Neither pcap nor pcapng, nor packed in a way that is read.
    #[error("is not a pcap or pcapng capture{}; captures may also be packed with gzip or zstd", Seen(.head))]
    NotACapture {
        /// Its first bytes.
        head: Vec<u8>,
    },
    /// A file of another kind, which can be turned into one that is read.
    #[error("is {kind}, which is not read; {advice}")]
    OtherFormat {
        /// What it is.
        kind: &'static str,
        /// How to turn it into a capture.
        advice: &'static str,
    },
    /// Packed within packed within packed …
    #[error("is packed more than {0} times over; unpack it")]
    PackedTooDeep(usize),
    /// A version of the format that nobody defined.
    #[error("claims {format} version {major}.{minor}, which is not known; the file is damaged")]
    Version {
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// The disk or pipe failed.
    #[error("cannot be read on: {0}")]
    Read(#[source] io::Error),
    /// The packed stream is damaged or ends early.
    #[error("the {format} data are damaged or end early ({source}); what comes after is lost, fetch the file again")]
    Packed {
        /// `gzip` or `zstd`.
        format: &'static str,
        /// What the unpacker says.
        #[source]
        source: io::Error,
    },
    /// The file ends inside a record.
    #[error(
        "the file ends inside {what}: {wanted} bytes should follow, {there} do; it was cut short (or is still being written), what comes after is lost"
    )]
    CutShort {
        /// What the file ends in.
        what: &'static str,
        /// Bytes it should have.
        wanted: u64,
        /// Bytes it has.
        there: u64,
    },
    /// A packet longer than any can be.
    #[error(
        "it claims {0} captured bytes, more than the {CAPTURED_BYTES_MAX} of any packet; the file is damaged from here on (try `editcap` or `pcapfix`)"
    )]
    PacketTooLong(u32),
    /// A pcapng block that contradicts itself.
    #[error("{0}; the file is damaged from here on (try `editcap` or `pcapfix`)")]
    Malformed(String),
    /// Packets begin with headers that are not read.
    #[error(
        "its link type is {0}, which is not read; what is: Ethernet, raw IP, loopback, Linux cooked (SLL, SLL2), PPP, PPPoE, Cisco HDLC, MPLS"
    )]
    LinkType(LinkType),
}

/// The first bytes of a file, for people.
struct Seen<'a>(&'a [u8]);

impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" (it begins with")?;
        if self.0.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
            write!(f, " {:?})", String::from_utf8_lossy(self.0))
        } else {
            self.0.iter().try_for_each(|b| write!(f, " {b:02x}"))?;
            f.write_str(")")
        }
    }
}

/// A fault that was found while a record was read.
pub(super) type Found<T> = Result<T, CaptureFault>;
