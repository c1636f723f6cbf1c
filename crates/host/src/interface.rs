//! Interfaces as the kernel describes them.

use crate::error::HostError;
use crate::netlink::{Message, Socket, attributes, attributes_after, read_text, read_u16, read_u32};

/// What stands in front of the network layer on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkLayer {
    /// An Ethernet header (loopback has one too).
    Ethernet,
    /// Nothing: packets begin with IP (tun, wireguard, ppp, ipip, …).
    None,
    /// Another, by its `ARPHRD_` number: InfiniBand, CAN, …
    Other(u16),
}

/// One network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Other names it goes by.
    pub alternative_names: Vec<String>,
    /// What the kernel calls its kind: `veth`, `bridge`, `bond`, `vlan`, `tun`, `wireguard`, …; hardware (and loopback) has none.
    pub kind: Option<String>,
    /// What stands in front of the network layer.
    pub link_layer: LinkLayer,
    /// Largest packet, in bytes, without link layer.
    pub mtu: u32,
    /// Switched on.
    pub up: bool,
    /// Has a carrier.
    pub carrier: bool,
    /// Is the loopback device.
    pub is_loopback: bool,
    /// Index of the bond, bridge or such that it is a port of.
    pub master: Option<u32>,
    /// Index of the interface below (of a VLAN: the one that carries it; of a veth: its peer), when in the same namespace.
    pub lower: Option<u32>,
    /// Whether the interface below is in another network namespace.
    pub lower_is_elsewhere: bool,
}

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
/// Length of `struct ifinfomsg`.
const IFINFOMSG_BYTES: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 1 << 3;
const IFF_LOWER_UP: u32 = 1 << 16;

/// All interfaces, by index.
///
/// # Errors
/// When netlink does not answer.
pub fn list() -> Result<Vec<Interface>, HostError> {
    let mut socket = Socket::open().map_err(HostError::netlink("list interfaces"))?;
    list_by(&mut socket)
}

pub(crate) fn list_by(socket: &mut Socket) -> Result<Vec<Interface>, HostError> {
    let mut request = vec![0; IFINFOMSG_BYTES];
    request.extend(8u16.to_ne_bytes());
    request.extend(IFLA_EXT_MASK.to_ne_bytes());
    request.extend(RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    let dump = socket.dump(RTM_GETLINK, &request, Interface::from_message);
    let mut interfaces = dump.map_err(HostError::netlink("list interfaces"))?;
    interfaces.sort_by_key(|i| i.index);
    Ok(interfaces)
}

impl Interface {
    /// Reads a message about a link; `None` when it is no description of one.
    pub(crate) fn from_message(message: &Message<'_>) -> Option<Self> {
        let body = message.body;
        // Another family than "unspecified" is a bridge speaking of its ports.
        if message.kind != RTM_NEWLINK || body.first() != Some(&0) {
            return None;
        }
        let flags = read_u32(body, 8)?;
        let mut link_layer = LinkLayer::from_arphrd(read_u16(body, 2)?);
        if flags & IFF_LOOPBACK != 0 {
            link_layer = LinkLayer::Ethernet;
        }
        let mut interface = Self {
            index: read_u32(body, 4)?,
            name: String::new(),
            alternative_names: Vec::new(),
            kind: None,
            link_layer,
            mtu: 0,
            up: flags & IFF_UP != 0,
            carrier: flags & IFF_LOWER_UP != 0,
            is_loopback: flags & IFF_LOOPBACK != 0,
            master: None,
            lower: None,
            lower_is_elsewhere: false,
        };
        for (kind, value) in attributes_after(body, IFINFOMSG_BYTES) {
            interface.set_attribute(kind, value);
        }
        if interface.lower_is_elsewhere {
            interface.lower = None;
        }
        // Wireless events come as link messages of little but a name; a description always has an MTU.
        (interface.mtu != 0 && !interface.name.is_empty()).then_some(interface)
    }

    fn set_attribute(&mut self, kind: u16, value: &[u8]) {
        match kind {
            IFLA_IFNAME => self.name = read_text(value),
            IFLA_MTU => self.mtu = read_u32(value, 0).unwrap_or(0),
            // An interface may be "below itself" (ipip without a device): that is none.
            IFLA_LINK => self.lower = read_u32(value, 0).filter(|lower| *lower != 0 && *lower != self.index),
            IFLA_LINK_NETNSID => self.lower_is_elsewhere = true,
            IFLA_MASTER => self.master = read_u32(value, 0).filter(|master| *master != 0),
            IFLA_LINKINFO => {
                let kind = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                self.kind = kind.map(|(_, value)| read_text(value)).filter(|kind| !kind.is_empty());
            }
            IFLA_PROP_LIST => {
                let names = attributes(value).filter(|(kind, _)| *kind == IFLA_ALT_IFNAME);
                self.alternative_names = names.map(|(_, value)| read_text(value)).collect();
            }
            _ => {}
        }
    }

    /// Whether `name` is its name or one of its alternative names.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|n| n == name)
    }

    /// Its name, then its alternative names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.alternative_names.iter().map(String::as_str))
    }
}

impl LinkLayer {
    fn from_arphrd(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            // PPP, RAWIP, TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE, NONE
            512 | 519 | 768 | 769 | 776 | 778 | 823 | 65534 => Self::None,
            other => Self::Other(other),
        }
    }
}
