//! The tables, looked into plainly: what the kernel does with each packet.

use crate::tables::{AddressClasses, PortClasses, Ranges4, Ranges6, Tables};
use std::net::IpAddr;

/// What the dimensions look at of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Family and protocol, as [`Tables::kinds`] has them.
    pub kind: usize,
    /// Source address; only IP has one.
    pub src: Option<IpAddr>,
    /// Destination address.
    pub dst: Option<IpAddr>,
    /// Source port, or [`PortClasses::NONE`] or [`PortClasses::UNREADABLE`].
    pub src_port: usize,
    /// Destination port.
    pub dst_port: usize,
}

impl Tables {
    /// The rows a packet may match, in order: those whose criterion holds in each dimension. Their checks are left.
    #[must_use]
    pub fn candidates(&self, key: &Key) -> Vec<usize> {
        let mut rows = self.kinds[key.kind * self.words..][..self.words].to_vec();
        let mut both = |set: Option<&[u64]>| {
            for (word, other) in rows.iter_mut().zip(set.unwrap_or_default()) {
                *word &= other;
            }
        };
        both(self.src.rows(key.src, self.words));
        both(self.dst.rows(key.dst, self.words));
        both(self.src_port.rows(key.src_port, self.words));
        both(self.dst_port.rows(key.dst_port, self.words));
        (0..self.rows.len()).filter(|row| rows[row / 64] >> (row % 64) & 1 != 0).collect()
    }
}

impl AddressClasses {
    /// An address's class.
    #[must_use]
    pub fn class(&self, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(address) => self.v4.class(address.into()),
            IpAddr::V6(address) => self.v6.class(address.into()),
        }
    }

    /// The rows that hold for an address. `None`: all, nobody asks; what has no address is kept out by its kind.
    fn rows(&self, address: Option<IpAddr>, words: usize) -> Option<&[u64]> {
        let address = address.filter(|_| self.used)?;
        Some(&self.sets[self.class(address) as usize * words..][..words])
    }
}

impl PortClasses {
    /// The rows that hold for a port, or what stands for none. `None`: all, nobody asks.
    fn rows(&self, port: usize, words: usize) -> Option<&[u64]> {
        self.used.then(|| &self.sets[usize::from(self.classes[port]) * words..][..words])
    }
}

impl Ranges4 {
    /// An address's class.
    #[must_use]
    pub fn class(&self, address: u32) -> u32 {
        if self.index.is_empty() {
            return 0;
        }
        let lower_bits = 32 - u32::from(self.index_bits);
        let part = (address >> lower_bits) as usize;
        let lower = address & ((1 << lower_bits) - 1);
        let entries = &self.entries[self.index[part] as usize..self.index[part + 1] as usize];
        entries[entries.partition_point(|entry| entry >> 16 <= lower) - 1] & 0xffff
    }
}

impl Ranges6 {
    /// An address's class.
    #[must_use]
    pub fn class(&self, address: u128) -> u32 {
        if self.index.is_empty() {
            return 0;
        }
        let (upper, lower) = ((address >> 64) as u64, address as u64);
        let part = (upper >> 48) as usize;
        let (begin, end) = (self.index[part] as usize, self.index[part + 1] as usize);
        let class = self.upper_class[begin + self.upper[begin..end].partition_point(|first| *first <= upper) - 1];
        if class & Self::DEEPER == 0 {
            return class;
        }
        let place = (class & !Self::DEEPER) as usize;
        let (begin, end) = (self.deeper[place] as usize, self.deeper[place + 1] as usize);
        self.lower_class[begin + self.lower[begin..end].partition_point(|first| *first <= lower) - 1]
    }
}
