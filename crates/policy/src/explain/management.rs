//! Rules against those who must not be cut off.

use super::space::{Space, common, covers};
use super::{Finding, FindingKind, Severity, decides, outlives, word};
use crate::Ranges;
use crate::compile::acts;
use crate::words::{Action, Addresses, Family, Match, Policy, Protocol, Rule, Unreadable};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const TCP: u8 = 6;

/// Who manages this machine now, or a router on the way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagementPeer {
    /// Its address.
    pub peer: IpAddr,
    /// Its end of a TCP connection. Without either end's port, all it sends is meant.
    pub peer_port: Option<u16>,
    /// The address here it is connected to.
    pub local: Option<IpAddr>,
    /// And the port.
    pub local_port: Option<u16>,
}

/// Rules that would stop, slow down or lead astray those who manage this machine, were they not let pass before: a policy
/// with such a rule does not say what it does, so it is not applied.
///
/// It is a rule that enforces `drop`, `limit`, `redirect` or `syn-guard`, and of what it matches no `pass` before it takes
/// all that is of
/// - a peer's connection, as far as its packets are whole;
/// - an address that is allowed, or of a peer without ports, if the rule names source addresses or takes all TCP. One that
///   is about other things (a port, say) from everywhere is no mistake: the allow-list is its exception.
#[must_use]
pub fn shadows_management(policy: &Policy, peers: &[ManagementPeer], allow: &Addresses) -> Vec<Finding> {
    let connections = peers.iter().map(Protected::peer);
    let protected: Vec<_> = connections.chain(Protected::allowed(allow)).collect();
    let spaces: Vec<Vec<Space>> =
        policy.rules.iter().map(|rule| rule.alternatives.iter().map(Space::of).collect()).collect();
    let mut all = Vec::new();
    for (place, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| decides(rule) && acts(&rule.action)) {
        let before: Vec<_> = policy.rules[..place]
            .iter()
            .zip(&spaces)
            .filter(|(earlier, _)| {
                decides(earlier) && earlier.action == Action::Pass && outlives(earlier.ttl, rule.ttl)
            })
            .flat_map(|(_, spaces)| spaces)
            .collect();
        for who in &protected {
            let cut_off = spaces[place].iter().find_map(|space| who.cut_off(space, &before, policy.fragments));
            all.extend(cut_off.map(|addresses| who.finding(rule, &addresses)));
        }
    }
    all
}

/// One that must not be cut off: all of one family.
struct Protected<'a> {
    peer: Option<&'a ManagementPeer>,
    family: Family,
    space: Space,
    /// A connection, of which all that matters is known.
    is_connection: bool,
}

impl<'a> Protected<'a> {
    fn peer(peer: &'a ManagementPeer) -> Self {
        let port = |port: Option<u16>| port.map(|port| Arc::new(Ranges::of(vec![(port, port)])));
        let is_connection = peer.peer_port.is_some() || peer.local_port.is_some();
        // Sockets of IPv6 that take IPv4 too name it as IPv6.
        let address = peer.peer.to_canonical();
        let criteria = Match {
            src: Some(Arc::new(only(address))),
            dst: peer.local.map(|local| Arc::new(only(local.to_canonical()))),
            src_port: port(peer.peer_port),
            dst_port: port(peer.local_port),
            protocol: is_connection.then(|| vec![Protocol { number: TCP, family: Family::Any }]),
            ..Match::default()
        };
        let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
        Self { peer: Some(peer), family, space: Space::of(&criteria), is_connection }
    }

    fn allowed(allow: &Addresses) -> impl Iterator<Item = Self> {
        let v4 = Addresses { v4: allow.v4.clone(), ..Addresses::default() };
        let v6 = Addresses { v6: allow.v6.clone(), ..Addresses::default() };
        [(v4, Family::V4), (v6, Family::V6)].into_iter().filter(|(set, _)| !set.is_empty()).map(|(set, family)| {
            let space = Space::of(&Match { src: Some(Arc::new(set)), ..Match::default() });
            Self { peer: None, family, space, is_connection: false }
        })
    }

    /// Its addresses whose packets a rule takes that no `pass` before it has taken.
    fn cut_off(&self, rule: &Space, passes: &[&Space], fragments: Unreadable) -> Option<Addresses> {
        if !self.is_connection && rule.src.is_none() && !self.is_all_tcp(rule) {
            return None;
        }
        let mut cut = rule.both_beside_addresses(&self.space);
        cut.dst = in_both(rule.dst.as_ref(), self.space.dst.as_ref());
        let mut left = in_both(rule.src.as_ref(), self.space.src.as_ref())?;
        if cut.is_empty() || cut.dst.as_ref().is_some_and(|set| set.is_empty()) {
            return None;
        }
        for pass in passes {
            // What has no readable ports is not for a rule that asks for them, and is dropped at the next that acts.
            let unread = !self.is_connection && pass.needs_transport && fragments == Unreadable::Drop;
            let dst = all_in(pass.dst.as_deref(), cut.dst.as_deref(), self.family);
            if !unread && dst && pass.covers_beside_addresses(&cut) {
                left = Arc::new(without(&left, pass.src.as_deref()));
            }
        }
        (!left.is_empty()).then(|| Arc::unwrap_or_clone(left))
    }

    /// Whether a rule takes all TCP of this family, from and to everywhere.
    fn is_all_tcp(&self, rule: &Space) -> bool {
        let criteria =
            Match { protocol: Some(vec![Protocol { number: TCP, family: self.family }]), ..Match::default() };
        rule.covers_beside_addresses(&Space::of(&criteria)) && all_in(rule.dst.as_deref(), None, self.family)
    }

    fn finding(&self, rule: &Rule, addresses: &Addresses) -> Finding {
        let (first, more) = shown(addresses);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let port = |name: &str, port: Option<u16>| port.map(|port| format!(" {name} {port}")).unwrap_or_default();
        let who = match self.peer {
            Some(peer) if self.is_connection => {
                let (theirs, ours) = (port("port", peer.peer_port), port("to port", peer.local_port));
                format!("{first}{theirs}{ours}: this machine is being managed over that connection")
            }
            Some(_) => format!("{first}: this machine is being managed through it"),
            None => format!("{first}{more}, which the management allow-list lets pass"),
        };
        let does = match word(&rule.action) {
            "syn-guard" => "guard against",
            word => word,
        };
        let message = format!(
            "it would {does} packets of {who}. Take that out of the rule with \"!{first}\" in its src, or put a rule with \
             action \"pass\" for it before this one"
        );
        let (id, line) = (rule.id.clone(), rule.line);
        Finding { severity: Severity::Refused, kind: FindingKind::ShadowsManagement, rule: id, line, by: None, message }
    }
}

fn only(address: IpAddr) -> Addresses {
    let mut set = Addresses::default();
    match address {
        IpAddr::V4(address) => set.v4 = Ranges::of(vec![(address.into(), address.into())]),
        IpAddr::V6(address) => set.v6 = Ranges::of(vec![(address.into(), address.into())]),
    }
    set
}

/// What is in both; `None` is everything.
fn in_both(a: Option<&Arc<Addresses>>, b: Option<&Arc<Addresses>>) -> Option<Arc<Addresses>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Arc::new(Addresses { v4: common(&a.v4, &b.v4), v6: common(&a.v6, &b.v6) })),
        (a, b) => a.or(b).cloned(),
    }
}

/// Whether one set has all of the other, as far as a family goes; `None` is everything.
fn all_in(set: Option<&Addresses>, other: Option<&Addresses>, family: Family) -> bool {
    let Some(set) = set else { return true };
    match (other, family) {
        (Some(other), Family::V6) => covers(&set.v6, &other.v6),
        (Some(other), _) => covers(&set.v4, &other.v4),
        (None, Family::V6) => set.v6.as_slice() == [(0, u128::MAX)],
        (None, _) => set.v4.as_slice() == [(0, u32::MAX)],
    }
}

fn without(set: &Addresses, other: Option<&Addresses>) -> Addresses {
    let Some(other) = other else { return Addresses::default() };
    Addresses { v4: set.v4.without(&other.v4), v6: set.v6.without(&other.v6) }
}

/// The first of a set's ranges, as a file has it, and how many more there are.
fn shown(set: &Addresses) -> (String, usize) {
    let more = (set.v4.as_slice().len() + set.v6.as_slice().len()).saturating_sub(1);
    let first4 = set.v4.as_slice().first().map(|(first, last)| {
        let name = |address: u32| Ipv4Addr::from(address).to_string();
        range(name(*first), name(*last), prefix_bits((*first).into(), (*last).into(), 32))
    });
    let first6 = set.v6.as_slice().first().map(|(first, last)| {
        let name = |address: u128| Ipv6Addr::from(address).to_string();
        range(name(*first), name(*last), prefix_bits(*first, *last, 128))
    });
    (first4.or(first6).unwrap_or_default(), more)
}

fn range(first: String, last: String, prefix: Option<u32>) -> String {
    match prefix {
        _ if first == last => first,
        Some(bits) => format!("{first}/{bits}"),
        None => format!("{first}-{last}"),
    }
}

/// Of how many bits the prefix is that these are all of; `None`: they are of none.
fn prefix_bits(first: u128, last: u128, of: u32) -> Option<u32> {
    let differ = first ^ last;
    let free = 128 - differ.leading_zeros();
    (differ & first == 0 && differ.count_ones() == free).then(|| of - free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_named_as_files_have_them() {
        let v4 = |first: [u8; 4], last: [u8; 4]| {
            let ranges = vec![(u32::from_be_bytes(first), u32::from_be_bytes(last))];
            shown(&Addresses { v4: Ranges::of(ranges), v6: Ranges::default() }).0
        };
        assert_eq!(v4([10, 0, 0, 0], [10, 255, 255, 255]), "10.0.0.0/8");
        assert_eq!(v4([10, 0, 0, 1], [10, 0, 0, 1]), "10.0.0.1");
        assert_eq!(v4([10, 0, 0, 1], [10, 0, 0, 2]), "10.0.0.1-10.0.0.2");
        assert_eq!(v4([0, 0, 0, 0], [255, 255, 255, 255]), "0.0.0.0/0");
        let v6 = Addresses { v4: Ranges::default(), v6: Ranges::of(vec![(0, u128::MAX)]) };
        assert_eq!(shown(&v6), ("::/0".to_owned(), 0));
    }
}
