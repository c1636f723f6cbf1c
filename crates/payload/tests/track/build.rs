//! Packets as the kernel hands them over, and messages of each protocol.

use netrig_model::{
    Address, Direction, Exchange, FlowKey, FlowKind, HttpExchange, InterfaceId, KernelOwner, PayloadSegment, Request,
    RequestOutcome, Timestamp, TlsExchange,
};
use netrig_payload::track::{Tracker, TrackerConfig};

pub(crate) const MS: i64 = 1_000_000;
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;

/// One packet's payload.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) time_ns: i64,
    pub(crate) iface: u16,
    pub(crate) direction: Direction,
    pub(crate) protocol: u8,
    pub(crate) from: (u8, u16),
    pub(crate) to: (u8, u16),
    pub(crate) sequence: u32,
    pub(crate) flags: u8,
    pub(crate) length: Option<u32>,
    pub(crate) octets: Vec<u8>,
    pub(crate) pid: Option<u32>,
}

/// A datagram from host `from` to host `to`, of which the first sent it on its interface 1.
pub(crate) fn datagram(time_ns: i64, from: (u8, u16), to: (u8, u16), octets: &[u8]) -> Packet {
    let direction = Direction::Egress;
    let (sequence, flags, length, pid) = (0, 0, None, None);
    Packet {
        time_ns,
        iface: 1,
        direction,
        protocol: 17,
        from,
        to,
        sequence,
        flags,
        length,
        octets: octets.to_vec(),
        pid,
    }
}

/// A segment of TCP.
pub(crate) fn segment(time_ns: i64, from: (u8, u16), to: (u8, u16), sequence: u32, octets: &[u8]) -> Packet {
    Packet { protocol: 6, sequence, ..datagram(time_ns, from, to, octets) }
}

impl Packet {
    pub(crate) fn at(mut self, iface: u16, direction: Direction) -> Self {
        (self.iface, self.direction) = (iface, direction);
        self
    }

    pub(crate) fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) fn of_length(mut self, length: u32) -> Self {
        self.length = Some(length);
        self
    }

    pub(crate) fn by(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self
    }

    pub(crate) fn later(mut self, ns: i64) -> Self {
        self.time_ns += ns;
        self
    }

    pub(crate) fn key(&self) -> FlowKey {
        FlowKey {
            src: Address::v4(address(self.from.0)),
            dst: Address::v4(address(self.to.0)),
            src_port: self.from.1,
            dst_port: self.to.1,
            iface: InterfaceId(self.iface),
            protocol: self.protocol,
            kind: FlowKind::Ipv4,
            direction: self.direction,
            vlan: None,
            vlan_inner: None,
            tunnel: None,
        }
    }
}

/// Hosts from 224 on are groups.
fn address(host: u8) -> [u8; 4] {
    if host >= 224 { [host, 0, 0, 251] } else { [10, 0, 0, host] }
}

/// A tracker and what it told.
pub(crate) struct Road {
    pub(crate) tracker: Tracker,
    pub(crate) told: Vec<Request>,
}

impl Road {
    pub(crate) fn new() -> Self {
        Self::with(TrackerConfig::default())
    }

    pub(crate) fn with(config: TrackerConfig) -> Self {
        Self { tracker: Tracker::new(config), told: Vec::new() }
    }

    /// A tracker that tells paths.
    pub(crate) fn telling_all() -> Self {
        let mut config = TrackerConfig::default();
        config.privacy.paths = netrig_payload::track::Paths::Keep;
        Self::with(config)
    }

    pub(crate) fn see(&mut self, packet: &Packet) -> &mut Self {
        let told = &mut self.told;
        let owner = packet.pid.map(|pid| KernelOwner { pid, ..KernelOwner::default() });
        let segment = PayloadSegment {
            time: Timestamp(packet.time_ns),
            key: packet.key(),
            sequence: packet.sequence,
            tcp_flags: packet.flags,
            length: packet.length.unwrap_or(packet.octets.len() as u32),
            octets: &packet.octets,
            owner,
        };
        self.tracker.take(&segment, &mut |request| told.push(request));
        self
    }

    pub(crate) fn tick(&mut self, time_ns: i64) -> &mut Self {
        let told = &mut self.told;
        self.tracker.tick(Timestamp(time_ns), &mut |request| told.push(request));
        self
    }

    pub(crate) fn finish(&mut self) -> &mut Self {
        let told = &mut self.told;
        self.tracker.finish(&mut |request| told.push(request));
        self
    }

    /// The one request that was told.
    pub(crate) fn one(&self) -> &Request {
        assert_eq!(self.told.len(), 1, "{:#?}", self.told);
        &self.told[0]
    }

    /// What was told of HTTP: paths, statuses and outcomes.
    pub(crate) fn http(&self) -> Vec<(String, Option<u16>, RequestOutcome)> {
        let line = |request: &Request| match &request.what {
            Exchange::Http(HttpExchange { path, status, .. }) => {
                (path.clone().unwrap_or_default(), *status, request.outcome)
            }
            other => panic!("not HTTP: {other:?}"),
        };
        self.told.iter().map(line).collect()
    }
}

pub(crate) fn tls_of(request: &Request) -> &TlsExchange {
    match &request.what {
        Exchange::Tls(tls) => tls,
        other => panic!("not TLS: {other:?}"),
    }
}

/// A DNS question for a name's addresses.
pub(crate) fn dns_question(id: u16, name: &str) -> Vec<u8> {
    dns_message(id, 0x0100, name, &[])
}

/// Its answer.
pub(crate) fn dns_answer(id: u16, name: &str, addresses: &[[u8; 4]]) -> Vec<u8> {
    dns_message(id, 0x8180, name, addresses)
}

pub(crate) fn dns_message(id: u16, flags: u16, name: &str, addresses: &[[u8; 4]]) -> Vec<u8> {
    let mut octets = [id, flags, 1, addresses.len() as u16, 0, 0].map(u16::to_be_bytes).concat();
    for label in name.split('.') {
        octets.push(label.len() as u8);
        octets.extend_from_slice(label.as_bytes());
    }
    octets.extend_from_slice(&[0, 0, 1, 0, 1]);
    for address in addresses {
        octets.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        octets.extend_from_slice(address);
    }
    octets
}

/// A hello that asks for a name; `padding` octets make it as long as one likes.
pub(crate) fn client_hello(name: &str, session_id: &[u8], padding: usize) -> Vec<u8> {
    let name = name.as_bytes();
    let mut entry = vec![0];
    entry.extend(with_length_2(name));
    let mut extensions = extension(0, &with_length_2(&entry));
    extensions.extend(extension(43, &[2, 3, 4]));
    if padding > 0 {
        extensions.extend(extension(21, &vec![0; padding]));
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(session_id.len() as u8);
    body.extend_from_slice(session_id);
    body.extend([0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0]);
    body.extend(with_length_2(&extensions));
    record(&handshake(1, &body))
}

/// An answer of TLS 1.3.
pub(crate) fn server_hello(takes_psk: bool) -> Vec<u8> {
    let mut extensions = extension(43, &[3, 4]);
    if takes_psk {
        extensions.extend(extension(41, &[0, 0]));
    }
    hello_of_server(&[8; 32], &[], &extensions)
}

/// An answer of TLS 1.2 with its session id.
pub(crate) fn server_hello_12(session_id: &[u8]) -> Vec<u8> {
    hello_of_server(&[8; 32], session_id, &extension(23, &[]))
}

/// The answer that asks for another hello.
pub(crate) fn hello_retry() -> Vec<u8> {
    const RETRY: [u8; 32] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let mut octets = hello_of_server(&RETRY, &[], &extension(43, &[3, 4]));
    octets.extend([0x14, 3, 3, 0, 1, 1]);
    octets
}

pub(crate) fn alert(description: u8) -> Vec<u8> {
    vec![0x15, 3, 3, 0, 2, 2, description]
}

fn hello_of_server(random: &[u8; 32], session_id: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend_from_slice(random);
    body.push(session_id.len() as u8);
    body.extend_from_slice(session_id);
    body.extend([0x13, 0x01, 0]);
    body.extend(with_length_2(extensions));
    record(&handshake(2, &body))
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

fn record(fragment: &[u8]) -> Vec<u8> {
    [&[0x16, 3, 1], &with_length_2(fragment)[..]].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes(), &with_length_2(body)[..]].concat()
}

fn with_length_2(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}
