//! A writer of classic captures.

use super::Order;

/// A capture in the making.
#[derive(Clone, Debug)]
pub(crate) struct PcapBuilder {
    pub(crate) bytes: Vec<u8>,
    order: Order,
    modified: bool,
}

impl PcapBuilder {
    /// Microseconds, little endian, Ethernet.
    pub(crate) fn ethernet() -> Self {
        Self::new(Order::Little, 0xa1b2_c3d4, 1)
    }

    pub(crate) fn new(order: Order, magic: u32, link: u32) -> Self {
        Self::with_version(order, magic, link, (2, 4))
    }

    pub(crate) fn with_version(order: Order, magic: u32, link: u32, (major, minor): (u16, u16)) -> Self {
        let mut bytes = Vec::new();
        bytes.extend(order.u32(magic));
        bytes.extend(order.u16(major));
        bytes.extend(order.u16(minor));
        bytes.extend([0; 8]);
        bytes.extend(order.u32(0));
        bytes.extend(order.u32(link));
        Self { bytes, order, modified: magic == 0xa1b2_cd34 }
    }

    /// Adds a whole packet.
    pub(crate) fn packet(self, seconds: u32, fraction: u32, data: &[u8]) -> Self {
        let wire_len = data.len() as u32;
        self.cut_packet(seconds, fraction, data, wire_len)
    }

    /// Adds one of which only `data` were kept.
    pub(crate) fn cut_packet(mut self, seconds: u32, fraction: u32, data: &[u8], wire_len: u32) -> Self {
        for word in [seconds, fraction, data.len() as u32, wire_len] {
            self.bytes.extend(self.order.u32(word));
        }
        if self.modified {
            self.bytes.extend(self.order.u32(3));
            self.bytes.extend(self.order.u16(0x0800));
            self.bytes.extend([4, 0]);
        }
        self.bytes.extend(data);
        self
    }
}
