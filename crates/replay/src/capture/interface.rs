//! The interfaces a capture tells of, numbered as the kernel programs want them.

use netrig_model::InterfaceId;
use std::collections::HashMap;

/// What makes two interfaces of a capture the same one: sections of one file may describe an interface again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// Its name.
    Named(String),
    /// Nameless: its place among its section's interfaces.
    Numbered(u32),
    /// One of many that a single capture interface stands for (`any`): the kernel's number of it.
    Within(InterfaceId, u32),
}

/// All interfaces that packets came from so far.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    ids: HashMap<Identity, InterfaceId>,
    names: Vec<Option<String>>,
}

impl Interfaces {
    /// The name of an interface, where the capture tells one.
    pub(super) fn name(&self, id: InterfaceId) -> Option<&str> {
        let index = usize::from(id.0).checked_sub(1)?;
        self.names.get(index)?.as_deref()
    }

    /// The interface with index `ifindex` that a capture on `parent` (one like Linux's `any`) saw a packet on.
    pub(super) fn within(&mut self, parent: InterfaceId, ifindex: u32) -> InterfaceId {
        self.id(Identity::Within(parent, ifindex))
    }

    /// The number of an interface: dense, from 1; 0, the unknown one, for those beyond what numbers there are.
    pub(super) fn id(&mut self, identity: Identity) -> InterfaceId {
        if let Some(known) = self.ids.get(&identity) {
            return *known;
        }
        let Ok(id) = u16::try_from(self.names.len() + 1).map(InterfaceId) else { return InterfaceId(0) };
        self.names.push(match &identity {
            Identity::Named(name) => Some(name.clone()),
            Identity::Numbered(_) | Identity::Within(..) => None,
        });
        self.ids.insert(identity, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_keeps_its_number_and_name() {
        let mut all = Interfaces::default();
        let eth0 = all.id(Identity::Named("eth0".into()));
        let bare = all.id(Identity::Numbered(0));
        assert_eq!((eth0, bare), (InterfaceId(1), InterfaceId(2)));
        assert_eq!(all.id(Identity::Named("eth0".into())), eth0);
        assert_eq!(all.within(bare, 7), InterfaceId(3));
        assert_eq!(all.name(eth0), Some("eth0"));
        assert_eq!(all.name(bare), None);
        assert_eq!(all.name(InterfaceId(0)), None);
    }

    #[test]
    fn those_beyond_all_numbers_share_the_unknown_one() {
        let mut all = Interfaces::default();
        for number in 0..70_000 {
            all.id(Identity::Numbered(number));
        }
        assert_eq!(all.id(Identity::Numbered(65_534)), InterfaceId(65_535));
        assert_eq!(all.id(Identity::Numbered(69_999)), InterfaceId(0));
    }
}
