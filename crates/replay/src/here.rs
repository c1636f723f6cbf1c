//! What a replay knows of the world: names of interfaces, and of addresses that were looked up.

use netrig_aggregate::{AddressNames, FlowEnds, World};
use netrig_model::{InterfaceId, Owner, Timestamp};
use std::net::IpAddr;

pub(crate) struct Here<'a> {
    pub(crate) interfaces: &'a Names,
    pub(crate) addresses: Option<&'a AddressNames>,
}

impl World for Here<'_> {
    fn iface_name(&self, iface: InterfaceId) -> Option<String> {
        self.interfaces.of(iface)
    }

    fn owner(&self, _: &FlowEnds) -> Option<Owner> {
        None
    }

    fn name_of(&self, client: IpAddr, address: IpAddr, at: Timestamp) -> Option<String> {
        self.addresses?.name(client, address, at).map(str::to_owned)
    }

    fn knows_as(&self, client: IpAddr, address: IpAddr, at: Timestamp, name: &str) -> bool {
        self.addresses.is_some_and(|addresses| addresses.knows_as(client, address, at, name))
    }
}

/// Names of the interfaces met, as many as the tables can count apart; those beyond share number 0, the unknown one.
pub(crate) struct Names {
    known: Vec<Option<String>>,
    max: usize,
}

impl Names {
    pub(crate) fn new(max: usize) -> Self {
        Self { known: vec![None], max }
    }

    /// The number to count an interface under.
    pub(crate) fn learn(&mut self, id: InterfaceId, name: Option<&str>) -> InterfaceId {
        let at = usize::from(id.0);
        if at >= self.max {
            return InterfaceId(0);
        }
        if at >= self.known.len() {
            self.known.resize(at + 1, None);
        }
        if self.known[at].is_none() {
            self.known[at] = name.map(str::to_owned);
        }
        id
    }

    pub(crate) fn of(&self, id: InterfaceId) -> Option<String> {
        self.known.get(usize::from(id.0)).cloned().flatten()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = InterfaceId> + use<> {
        (0..self.known.len()).filter_map(|at| u16::try_from(at).ok()).map(InterfaceId)
    }
}
