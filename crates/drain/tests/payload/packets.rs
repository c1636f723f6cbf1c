//! Frames of all shapes around a payload.

/// Where an IP packet is inside another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tunnel {
    Vxlan,
    Gre,
    Ipip,
}

/// One frame; [`Packet::bytes`] writes it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) tags: Vec<[u8; 4]>,
    pub(crate) is_ipv6: bool,
    /// Of four octets each.
    pub(crate) ip_options: u8,
    /// IPv6: a header of destination options.
    pub(crate) extension: bool,
    pub(crate) fragment: Option<(u16, bool)>,
    pub(crate) source: u8,
    pub(crate) ports: (u16, u16),
    /// Sequence number and flags; else UDP.
    pub(crate) tcp: Option<(u32, u8)>,
    /// Of four octets each.
    pub(crate) tcp_options: u8,
    pub(crate) payload: Vec<u8>,
    /// Behind the IP packet, as Ethernet has it.
    pub(crate) padding: usize,
    pub(crate) tunnel: Option<Tunnel>,
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

pub(crate) fn udp(ports: (u16, u16), payload: &[u8]) -> Packet {
    Packet {
        tags: vec![],
        is_ipv6: false,
        ip_options: 0,
        extension: false,
        fragment: None,
        source: 1,
        ports,
        tcp: None,
        tcp_options: 0,
        payload: payload.to_vec(),
        padding: 0,
        tunnel: None,
    }
}

pub(crate) fn tcp(ports: (u16, u16), sequence: u32, payload: &[u8]) -> Packet {
    Packet { tcp: Some((sequence, ACK)), ..udp(ports, payload) }
}

impl Packet {
    pub(crate) fn flags(mut self, flags: u8) -> Self {
        self.tcp = self.tcp.map(|(sequence, _)| (sequence, flags));
        self
    }

    pub(crate) fn ipv6(self) -> Self {
        Self { is_ipv6: true, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut frame = ethernet(&self.tags, self.is_ipv6 && self.tunnel.is_none());
        let inner = self.ip();
        match self.tunnel {
            None => frame.extend(inner),
            Some(tunnel) => frame.extend(self.carried(tunnel, &inner)),
        }
        frame.resize(frame.len() + self.padding, 0xee);
        frame
    }

    /// The IP packet, from its first octet.
    pub(crate) fn ip(&self) -> Vec<u8> {
        let transport = self.transport();
        let protocol = if self.tcp.is_some() { 6 } else { 17 };
        if self.is_ipv6 { self.over_ipv6(protocol, &transport) } else { self.over_ipv4(protocol, &transport) }
    }

    fn carried(&self, tunnel: Tunnel, inner: &[u8]) -> Vec<u8> {
        let outer = Self { is_ipv6: false, ip_options: 0, fragment: None, source: 99, ..udp((7000, 4789), &[]) };
        match tunnel {
            Tunnel::Vxlan => {
                let mut payload = vec![8, 0, 0, 0, 0, 0, 7, 0];
                payload.extend(ethernet(&[], self.is_ipv6));
                payload.extend(inner);
                Self { payload, ..outer }.ip()
            }
            Tunnel::Gre => {
                let mut carried = vec![0, 0];
                carried.extend(if self.is_ipv6 { [0x86, 0xdd] } else { [8, 0] });
                carried.extend(inner);
                outer.over_ipv4(47, &carried)
            }
            Tunnel::Ipip => outer.over_ipv4(if self.is_ipv6 { 41 } else { 4 }, inner),
        }
    }

    fn over_ipv4(&self, protocol: u8, transport: &[u8]) -> Vec<u8> {
        let header = 20 + usize::from(self.ip_options) * 4;
        let mut p = vec![0x45 + self.ip_options, 0];
        p.extend(((header + transport.len()) as u16).to_be_bytes());
        let (offset, more) = self.fragment.unwrap_or_default();
        p.extend([0, 0]);
        p.extend((offset | if more { 0x2000 } else { 0 }).to_be_bytes());
        p.extend([64, protocol, 0, 0, 10, 0, 0, self.source, 192, 0, 2, 1]);
        p.resize(header, 1);
        p.extend(transport);
        p
    }

    fn over_ipv6(&self, protocol: u8, transport: &[u8]) -> Vec<u8> {
        let mut extensions = Vec::new();
        if self.extension {
            extensions.extend([protocol, 0, 1, 4, 0, 0, 0, 0]);
        }
        let mut p = vec![0x60, 0, 0, 0];
        p.extend(((extensions.len() + transport.len()) as u16).to_be_bytes());
        p.extend([if self.extension { 60 } else { protocol }, 64]);
        for last in [self.source, 200] {
            p.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        p.extend(extensions);
        p.extend(transport);
        p
    }

    fn transport(&self) -> Vec<u8> {
        let mut t = Vec::new();
        t.extend(self.ports.0.to_be_bytes());
        t.extend(self.ports.1.to_be_bytes());
        match self.tcp {
            Some((sequence, flags)) => {
                t.extend(sequence.to_be_bytes());
                t.extend([0, 0, 0, 0, (5 + self.tcp_options) << 4, flags, 1, 0, 0, 0, 0, 0]);
                t.resize(t.len() + usize::from(self.tcp_options) * 4, 1);
            }
            None => {
                t.extend((8 + self.payload.len() as u16).to_be_bytes());
                t.extend([0, 0]);
            }
        }
        t.extend(&self.payload);
        t
    }
}

fn ethernet(tags: &[[u8; 4]], is_ipv6: bool) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(tags.iter().flatten());
    frame.extend(if is_ipv6 { [0x86, 0xdd] } else { [8, 0] });
    frame
}
