//! Drivers' statistics: the old ethtool calls, as netlink has only the standard ones. They need no right.
//!
//! The only `unsafe` of this crate. The kernel writes to the buffers it is given without being told how long they are.

use rustix::ioctl::{Opcode, Updater, ioctl};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::ffi::c_void;
use std::io;
use std::os::fd::OwnedFd;

const SIOCETHTOOL: Opcode = 0x8946;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSTATS: u32 = 0x1d;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETH_SS_STATS: u32 = 1;
const NAME_BYTES: usize = 32;
const IFACE_BYTES: usize = 16;
/// Statistics of one driver, at most; one with more is passed over.
const STATISTICS_MAX: usize = 4096;

/// A counter's name and value.
pub(super) type Statistic = (String, u64);

/// Asks drivers.
pub(super) struct Ethtool {
    socket: OwnedFd,
}

/// `struct ifreq`: 40 octets, of which the kernel reads the pointer behind the name.
#[repr(C)]
struct Request {
    iface: [u8; IFACE_BYTES],
    data: *mut c_void,
    rest: [u64; 2],
}

impl Ethtool {
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// The statistics of an interface in this thread's network namespace; none where its driver has none, or too many.
    pub(super) fn statistics(&self, iface: &str) -> Vec<Statistic> {
        self.ask_for_statistics(iface).unwrap_or_default()
    }

    fn ask_for_statistics(&self, iface: &str) -> Option<Vec<Statistic>> {
        let count = self.count(iface)?;
        let mut names = Buffer::for_statistics(NAME_BYTES);
        names.set_word(0, ETHTOOL_GSTRINGS);
        names.set_word(1, ETH_SS_STATS);
        self.call(iface, &mut names).ok()?;
        let mut values = Buffer::for_statistics(size_of::<u64>());
        values.set_word(0, ETHTOOL_GSTATS);
        self.call(iface, &mut values).ok()?;
        // A driver that was given queues in between has other numbers of both.
        let same = names.word(2) as usize == count && values.word(1) as usize == count;
        same.then(|| pairs(&names.bytes(), &values.bytes(), count))
    }

    /// How many there are; none where there are none, or too many.
    fn count(&self, iface: &str) -> Option<usize> {
        let mut info = Buffer::for_statistics(size_of::<u64>());
        info.set_word(0, ETHTOOL_GSSET_INFO);
        // A mask of 64 bits of the sets that are asked for, which comes back with those that there are.
        info.words[1] = 1 << ETH_SS_STATS;
        self.call(iface, &mut info).ok()?;
        let count = if info.words[1] == 0 { 0 } else { info.word(4) as usize };
        (1..=STATISTICS_MAX).contains(&count).then_some(count)
    }

    fn call(&self, iface: &str, buffer: &mut Buffer) -> io::Result<()> {
        let mut request = Request { iface: [0; IFACE_BYTES], data: buffer.words.as_mut_ptr().cast(), rest: [0; 2] };
        let name = iface.as_bytes();
        // The last byte stays 0.
        if name.len() >= IFACE_BYTES {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        request.iface[..name.len()].copy_from_slice(name);
        // SAFETY: SIOCETHTOOL takes a struct ifreq, as which `Request` is laid out and at least as long. Of the three commands
        // asked with here the kernel writes a header and one entry for each statistic of the driver to `data`; that has room
        // for twice as many as the driver was found to have at most, and is alive and borrowed for the whole call.
        #[expect(unsafe_code, reason = "netlink has no drivers' statistics, and the standard library no ioctl")]
        unsafe { ioctl(&self.socket, Updater::<SIOCETHTOOL, _>::new(&mut request)) }?;
        Ok(())
    }
}

/// Memory for an answer, in words that are aligned as the kernel's structures want it.
struct Buffer {
    words: Vec<u64>,
}

impl Buffer {
    /// For a header and twice as many entries as are ever asked for: a driver's number may grow between two calls.
    fn for_statistics(entry_bytes: usize) -> Self {
        const HEADER_WORDS: usize = 4;
        Self { words: vec![0; HEADER_WORDS + 2 * STATISTICS_MAX * entry_bytes / size_of::<u64>()] }
    }

    fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// A header's 32-bit word.
    fn word(&self, at: usize) -> u32 {
        let bytes = self.words[at / 2].to_ne_bytes();
        let half = if at.is_multiple_of(2) { &bytes[..4] } else { &bytes[4..] };
        half.try_into().map_or(0, u32::from_ne_bytes)
    }

    fn set_word(&mut self, at: usize, value: u32) {
        let mut bytes = self.words[at / 2].to_ne_bytes();
        let from = at % 2 * 4;
        bytes[from..from + 4].copy_from_slice(&value.to_ne_bytes());
        self.words[at / 2] = u64::from_ne_bytes(bytes);
    }
}

/// Names begin behind three words of 32 bits, values behind two.
fn pairs(names: &[u8], values: &[u8], count: usize) -> Vec<Statistic> {
    let names = names.get(12..).unwrap_or_default().chunks_exact(NAME_BYTES);
    let values = values.get(8..).unwrap_or_default().chunks_exact(size_of::<u64>());
    let pairs = names.zip(values).take(count);
    let read =
        |(name, value): (&[u8], &[u8])| Some((crate::netlink::read_text(name), crate::netlink::read_u64(value, 0)?));
    pairs.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_interface_that_is_not_there_and_a_name_that_is_none_have_no_statistics() {
        let ethtool = Ethtool::open().expect("a socket");
        for name in ["", "lo", "no-such-iface", "a-name-that-is-far-too-long-for-an-interface"] {
            assert_eq!(ethtool.statistics(name), [], "{name}");
        }
    }

    #[test]
    fn words_of_a_header_lie_where_the_kernel_has_them() {
        let mut buffer = Buffer::for_statistics(8);
        buffer.set_word(0, 7);
        buffer.set_word(3, 9);
        assert_eq!(buffer.bytes()[..16], [7u32, 0, 0, 9].map(u32::to_ne_bytes).concat());
        assert_eq!((buffer.word(0), buffer.word(1), buffer.word(3)), (7, 0, 9));
        assert_eq!(size_of::<Request>().max(40), size_of::<Request>(), "not shorter than struct ifreq");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            names in prop::collection::vec(any::<u8>(), 0..200),
            values in prop::collection::vec(any::<u8>(), 0..60),
            count in any::<usize>()
        ) {
            prop_assert!(pairs(&names, &values, count).len() <= count);
        }
    }
}
