//! The rules of `payload/state.h` once more, in plain Rust.

use crate::packets::{FIN, PSH, Packet, RST, SYN};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    #[default]
    Undecided,
    Tls,
    Http,
    Http2,
    Dns,
    Quic,
}

/// One direction of one flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    kind: Kind,
    looked: u32,
    budget: usize,
    begun: bool,
    done: bool,
    packets: u64,
}

const LOOKS: u32 = 8;
const METHODS: [&[u8]; 9] =
    [b"GET ", b"PUT ", b"HEAD ", b"POST ", b"PATCH ", b"TRACE ", b"DELETE ", b"OPTIONS ", b"CONNECT "];
const PREFACE: &[u8] = b"PRI * HT";

fn begins_http(payload: &[u8]) -> bool {
    METHODS.iter().chain([&&b"HTTP/1."[..]]).any(|line| payload.starts_with(line))
}

fn begins_tls(p: &[u8], content: u8) -> bool {
    p.len() >= 2 && p[..2] == [content, 3] && p.get(2).is_none_or(|minor| *minor <= 4)
}

/// What a payload is by its first packet, or a later one.
fn kind_of(payload: &[u8], first: bool) -> Kind {
    let eight = &payload[..payload.len().min(8)];
    let alert = begins_tls(eight, 0x15) && eight.get(3..5) == Some(&[0, 2]);
    let settings =
        eight.len() == 8 && eight[..2] == [0, 0] && eight[2].is_multiple_of(6) && eight[3..] == [4, 0, 0, 0, 0];
    let may_begin = |line: &[u8]| first && eight.len() < 8 && line.starts_with(eight);
    if begins_http(eight) || METHODS.iter().any(|line| may_begin(line)) || may_begin(b"HTTP/1.") {
        Kind::Http
    } else if begins_tls(eight, 0x16) || alert || may_begin(&[0x16]) {
        Kind::Tls
    } else if eight == PREFACE || may_begin(PREFACE) || (first && settings) {
        Kind::Http2
    } else {
        Kind::Undecided
    }
}

fn begins_quic(payload: &[u8]) -> bool {
    let Some(head) = payload.first_chunk::<5>() else { return false };
    let version = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let initial = match version {
        1 | 0xff00_001d..=0xff00_0022 => 0xc0,
        0x6b33_43cf => 0xd0,
        _ => return false,
    };
    head[0] & 0xf0 == initial
}

impl Flow {
    /// Octets that are copied of a packet; none where it is not told of.
    pub(crate) fn see(&mut self, packet: &Packet, copy: usize) -> Option<usize> {
        self.packets += 1;
        match packet.tcp {
            Some((_, flags)) => self.see_tcp(packet, flags, copy),
            None => self.see_udp(packet, copy),
        }
    }

    fn is_dns(&self, packet: &Packet) -> bool {
        let is_dns = |port| port == 53 || port == 5353;
        self.kind == Kind::Undecided && self.looked == 0 && (is_dns(packet.ports.0) || is_dns(packet.ports.1))
    }

    fn see_udp(&mut self, packet: &Packet, copy: usize) -> Option<usize> {
        let payload = &packet.payload;
        if self.done || payload.is_empty() {
            return None;
        }
        if self.kind == Kind::Dns || self.is_dns(packet) {
            self.kind = Kind::Dns;
            return Some(payload.len().min(copy));
        }
        self.looked += 1;
        self.done = self.looked >= LOOKS;
        if begins_quic(payload) {
            self.kind = Kind::Quic;
            return Some(payload.len().min(copy.max(1536)));
        }
        self.done |= self.kind == Kind::Quic && payload[0] & 0xc0 == 0x40;
        None
    }

    fn see_tcp(&mut self, packet: &Packet, flags: u8, copy: usize) -> Option<usize> {
        if flags & SYN != 0 {
            *self = Self { packets: self.packets, begun: true, ..Self::default() };
        }
        if self.done {
            return None;
        }
        let told = if packet.payload.is_empty() { None } else { self.look(packet, flags, copy) };
        let ends = flags & (FIN | RST) != 0;
        self.done |= ends;
        let expected = self.kind != Kind::Undecided || (self.looked == 0 && self.packets > 1);
        told.or((ends && expected).then_some(0))
    }

    fn look(&mut self, packet: &Packet, flags: u8, copy: usize) -> Option<usize> {
        let payload = &packet.payload;
        let fresh = self.kind == Kind::Undecided;
        if fresh {
            self.kind = if self.is_dns(packet) { Kind::Dns } else { kind_of(payload, self.looked == 0) };
            self.looked = (self.looked + 1).min(LOOKS);
            if self.kind != Kind::Undecided || self.looked == 1 {
                self.budget = copy;
            }
        }
        let is_hello = payload.len() >= 8 && begins_tls(payload, 0x16) && matches!(payload.get(5..7), Some([1 | 2, 0]));
        let fresh = fresh || (self.kind == Kind::Http && is_hello);
        if fresh && self.kind == Kind::Http && is_hello {
            (self.kind, self.budget) = (Kind::Tls, copy);
        }
        match self.kind {
            Kind::Undecided if self.begun => {
                self.done = self.looked >= LOOKS;
                None
            }
            Kind::Undecided => {
                self.done = begins_tls(payload, 0x17);
                if self.done || flags & PSH == 0 {
                    return None;
                }
                if payload.len() > self.budget {
                    self.budget = 0;
                }
                self.used(payload.len())
            }
            Kind::Http => {
                if begins_http(payload) {
                    self.budget = copy;
                }
                let used = self.used(payload.len())?;
                if payload.ends_with(b"\r\n\r\n") {
                    self.budget = 0;
                }
                Some(used)
            }
            Kind::Tls if !fresh && begins_tls(payload, 0x17) => {
                self.done = true;
                None
            }
            Kind::Tls | Kind::Http2 => {
                let used = self.used(payload.len());
                self.done = self.budget == 0;
                used
            }
            Kind::Dns => {
                let used = self.used(payload.len());
                if flags & PSH != 0 {
                    self.budget = copy;
                }
                used
            }
            Kind::Quic => None,
        }
    }

    fn used(&mut self, length: usize) -> Option<usize> {
        let used = length.min(self.budget);
        self.budget -= used;
        (used > 0).then_some(used)
    }
}
