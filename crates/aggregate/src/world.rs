//! What the aggregator asks of the world when it tells a flow or a request: names of interfaces and addresses, owners of sockets.

use crate::drops::Dropped;
use netrig_model::{InterfaceId, KernelOwner, Owner, Timestamp};
use std::net::IpAddr;

/// A flow, as far as it tells whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowEnds {
    /// IP protocol number.
    pub protocol: u8,
    /// The initiator's address and port.
    pub src: (IpAddr, Option<u16>),
    /// The responder's.
    pub dst: (IpAddr, Option<u16>),
    /// The process whose socket sent a packet of it, where the kernel said.
    pub pid: Option<u32>,
}

/// Answers, when records are made. A function from interfaces to names is a world that knows no owners.
pub trait World {
    /// An interface's name.
    fn iface_name(&self, iface: InterfaceId) -> Option<String>;

    /// Whose a flow is on this host.
    fn owner(&self, flow: &FlowEnds) -> Option<Owner>;

    /// What people know an owner by; of itself the kernel knows process and name.
    fn owner_known(&self, owner: &KernelOwner) -> Owner {
        owner.bare()
    }

    /// The name by which `client` had looked `address` up at that time; none where nobody looks at names.
    fn name_of(&self, _client: IpAddr, _address: IpAddr, _at: Timestamp) -> Option<String> {
        None
    }

    /// Whether this is one of the names by which `client` had looked `address` up at that time.
    fn knows_as(&self, _client: IpAddr, _address: IpAddr, _at: Timestamp, _name: &str) -> bool {
        false
    }

    /// What was dropped in the window of a flow seen on this interface; none where nobody looks at drops.
    fn dropped(&self, _flow: &FlowEnds, _iface: InterfaceId) -> Option<Dropped> {
        None
    }
}

impl<F: Fn(InterfaceId) -> Option<String>> World for F {
    fn iface_name(&self, iface: InterfaceId) -> Option<String> {
        self(iface)
    }

    fn owner(&self, _: &FlowEnds) -> Option<Owner> {
        None
    }
}
