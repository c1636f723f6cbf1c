//! A writer of next-generation captures.

use super::Order;

/// A capture in the making.
#[derive(Clone, Debug)]
pub(crate) struct PcapngBuilder {
    pub(crate) bytes: Vec<u8>,
    order: Order,
}

/// An option's code and value.
pub(crate) type Opt<'a> = (u16, &'a [u8]);

impl PcapngBuilder {
    pub(crate) fn new(order: Order) -> Self {
        Self { bytes: Vec::new(), order }.section(order)
    }

    pub(crate) fn section(mut self, order: Order) -> Self {
        self.order = order;
        let mut body = Vec::new();
        body.extend(order.u32(0x1a2b_3c4d));
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        body.extend(order.i64(-1));
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let length = 12 + body.len().next_multiple_of(4);
        let length = self.order.u32(length as u32);
        self.bytes.extend(self.order.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(padded(body));
        self.bytes.extend(length);
        self
    }

    pub(crate) fn options(&self, options: &[Opt<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        for (code, value) in options {
            out.extend(self.order.u16(*code));
            out.extend(self.order.u16(value.len() as u16));
            out.extend(padded(value));
        }
        if !options.is_empty() {
            out.extend([0; 4]);
        }
        out
    }

    pub(crate) fn interface(self, link: u16, snap_len: u32, options: &[Opt<'_>]) -> Self {
        let mut body = Vec::new();
        body.extend(self.order.u16(link));
        body.extend([0; 2]);
        body.extend(self.order.u32(snap_len));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    pub(crate) fn enhanced(self, interface: u32, ticks: u64, data: &[u8], wire_len: u32, options: &[Opt<'_>]) -> Self {
        let mut body = self.order.u32(interface).to_vec();
        body.extend(self.timed(ticks, data, wire_len, options));
        self.block(6, &body)
    }

    pub(crate) fn obsolete(self, interface: u16, ticks: u64, data: &[u8], wire_len: u32, options: &[Opt<'_>]) -> Self {
        let mut body = self.order.u16(interface).to_vec();
        body.extend(self.order.u16(0xffff));
        body.extend(self.timed(ticks, data, wire_len, options));
        self.block(2, &body)
    }

    pub(crate) fn simple(self, data: &[u8], wire_len: u32) -> Self {
        let body = [&self.order.u32(wire_len), data].concat();
        self.block(3, &body)
    }

    fn timed(&self, ticks: u64, data: &[u8], wire_len: u32, options: &[Opt<'_>]) -> Vec<u8> {
        let mut body = Vec::new();
        for word in [(ticks >> 32) as u32, ticks as u32, data.len() as u32, wire_len] {
            body.extend(self.order.u32(word));
        }
        body.extend(padded(data));
        body.extend(self.options(options));
        body
    }
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.resize(bytes.len().next_multiple_of(4), 0);
    out
}
