//! What cannot match, and what another rule takes first.

use super::relations::Relations;
use super::space::Space;
use super::{Finding, FindingKind, Severity, decides, outlives, word};
use crate::Ranges;
use crate::compile::{ALWAYS, MANAGEMENT, acts};
use crate::words::{Action, Addresses, Family, LimitUnit, Match, Policy, Protocol, Rule, Unreadable};
use std::sync::Arc;
use std::time::Duration;

/// A frame of the usual greatest size, its header included.
const FRAME_BYTES: u64 = 1514;

/// What is to be said of a policy whose management allow-list is `management`, in its order.
///
/// What is said not to match does not. The reverse is not promised: a rule may be taken by several others together, and
/// nothing is said of it.
#[must_use]
pub fn findings(policy: &Policy, management: &Arc<Addresses>) -> Vec<Finding> {
    let mut before = before_all(management);
    let rules: Vec<Looked<'_>> = policy.rules.iter().map(Looked::at).collect();
    let relations = Relations::between(rules.iter().chain(&before).flat_map(|rule| &rule.spaces));
    let mut all = Vec::new();
    for rule in rules {
        let Some(own) = rule.rule else { continue };
        all.extend(too_low(own));
        all.extend(match never(own, &rule.spaces, policy.fragments) {
            Some(finding) => Some(finding),
            None => taken(own, &rule, &before, &relations, policy.fragments),
        });
        before.push(rule);
    }
    all
}

/// A rule, and what its alternatives hold for.
struct Looked<'a> {
    /// None: it is built in.
    rule: Option<&'a Rule>,
    id: &'a str,
    spaces: Vec<Space>,
}

impl<'a> Looked<'a> {
    fn at(rule: &'a Rule) -> Self {
        Self { rule: Some(rule), id: &rule.id, spaces: rule.alternatives.iter().map(Space::of).collect() }
    }

    fn decides(&self) -> bool {
        self.rule.is_none_or(decides)
    }

    fn acts(&self) -> bool {
        self.rule.is_some_and(|rule| acts(&rule.action))
    }

    fn ttl(&self) -> Option<Duration> {
        self.rule.and_then(|rule| rule.ttl)
    }

    /// With its line, for people.
    fn name(&self) -> String {
        let line = self.rule.map(|rule| format!(" (line {})", rule.line)).unwrap_or_default();
        format!("`{}`{line}", self.id)
    }
}

/// What passes before any rule.
fn before_all(management: &Arc<Addresses>) -> Vec<Looked<'static>> {
    let protocol = |number, family| Some(vec![Protocol { number, family }]);
    let ports = Arc::new(Ranges::of(vec![(67, 68), (546, 547)]));
    let always = [
        Match { ethertype: Some(vec![0x0806]), ..Match::default() },
        Match { protocol: protocol(58, Family::V6), icmp_type: Some(vec![133..=137]), ..Match::default() },
        Match { protocol: protocol(17, Family::Any), dst_port: Some(ports), ..Match::default() },
    ];
    let management = Match { src: Some(Arc::clone(management)), ..Match::default() };
    vec![
        Looked { rule: None, id: ALWAYS, spaces: always.iter().map(Space::of).collect() },
        Looked { rule: None, id: MANAGEMENT, spaces: vec![Space::of(&management)] },
    ]
}

/// Whether no packet can match, whatever other rules do.
fn never(rule: &Rule, spaces: &[Space], fragments: Unreadable) -> Option<Finding> {
    let finding = |kind, message: String| Some(finding(rule, Severity::Warning, kind, None, message));
    if rule.ttl == Some(Duration::ZERO) {
        return finding(FindingKind::NeverMatches, "it never matches: its ttl is over as it is applied".to_owned());
    }
    let unread = |space: &Space| {
        let read = fragments == Unreadable::Drop && acts(&rule.action);
        space.needs_transport && space.is_of_later_fragments() && !read
    };
    if !spaces.iter().all(|space| space.is_empty() || unread(space)) {
        return None;
    }
    if let Some(name) = rule.alternatives.iter().find_map(empty_set) {
        let message = format!("it never matches: its {name} has no entries");
        return finding(FindingKind::EmptySet, message);
    }
    let message = if spaces.iter().any(unread) {
        "it never matches: later fragments have neither ports nor ICMP type nor TCP flags, and it asks for some"
    } else {
        "it never matches: no packet is all that it asks for (ports are of TCP, UDP, SCTP, DCCP and UDP-Lite, flags of \
         TCP, types of ICMP, and addresses of both sides of one family)"
    };
    finding(FindingKind::NeverMatches, message.to_owned())
}

fn empty_set(criteria: &Match) -> Option<&'static str> {
    let addresses = [(&criteria.src, "src"), (&criteria.dst, "dst")];
    let addresses = addresses.into_iter().find(|(set, _)| set.as_ref().is_some_and(|set| set.is_empty()));
    let ports = [(&criteria.src_port, "src_port"), (&criteria.dst_port, "dst_port")];
    let ports = ports.into_iter().find(|(set, _)| set.as_ref().is_some_and(|set| set.is_empty()));
    addresses.map(|(_, name)| name).or(ports.map(|(_, name)| name))
}

/// A bucket that cannot hold one frame lets none of that size pass.
fn too_low(rule: &Rule) -> Option<Finding> {
    let Action::Limit(limit) = &rule.action else { return None };
    (limit.unit == LimitUnit::Bytes && limit.burst < FRAME_BYTES).then(|| {
        let burst = limit.burst;
        let message = format!(
            "its burst of {burst} bytes holds no frame of {FRAME_BYTES}: longer ones than {burst} never pass; set \
             `burst` to at least {FRAME_BYTES}"
        );
        finding(rule, Severity::Warning, FindingKind::LimitTooLow, None, message)
    })
}

/// What rules before it take.
fn taken(
    own: &Rule,
    rule: &Looked<'_>,
    before: &[Looked<'_>],
    relations: &Relations,
    fragments: Unreadable,
) -> Option<Finding> {
    // What cannot be read passes a rule that does not act, and is still there for one that does.
    let unread = |earlier: &Looked<'_>| fragments == Unreadable::Drop && rule.acts() && !earlier.acts();
    let is_covered = |space: &Space, earlier: &Looked<'_>| {
        let mut wider = earlier.spaces.iter().filter(|wider| !(wider.needs_transport && unread(earlier)));
        earlier.decides() && wider.any(|wider| covers(wider, space, relations))
    };
    let stays = |earlier: &Looked<'_>| outlives(earlier.ttl(), own.ttl);
    let covered_by = |space: &Space| {
        let covering = || before.iter().filter(|earlier| is_covered(space, earlier));
        covering().find(|earlier| stays(earlier)).or_else(|| covering().next())
    };
    let spaces: Vec<&Space> = rule.spaces.iter().filter(|space| !space.is_empty()).collect();
    let covering: Vec<_> = spaces.iter().filter_map(|space| covered_by(space)).collect();
    if !covering.is_empty() {
        return Some(covered(own, &covering, spaces.len()));
    }
    let differs = |earlier: &&Looked<'_>| {
        let other = |theirs: &Rule| decides(theirs) && !(decides(own) && theirs.action == own.action);
        earlier.rule.is_some_and(other) && earlier.spaces.iter().any(|a| spaces.iter().any(|b| meet(a, b, relations)))
    };
    let mut overlapping = before.iter().filter(differs);
    let first = overlapping.next()?;
    let more = match overlapping.count() {
        0 => String::new(),
        1 => ", and so does one more rule".to_owned(),
        many => format!(", and so do {many} more rules"),
    };
    let does = first.rule.map_or("pass", |rule| word(&rule.action));
    let message = format!("{} decides first about some of what it asks for: {does}{more}", first.name());
    Some(finding(own, Severity::Notice, FindingKind::Shadowed, Some(first.id), message))
}

/// Some of a rule's alternatives are covered, each by one of these.
fn covered(own: &Rule, by: &[&Looked<'_>], alternatives: usize) -> Finding {
    let names = |rules: &mut dyn Iterator<Item = &&Looked<'_>>| {
        let mut names: Vec<_> = rules.map(|rule| rule.name()).collect();
        names.dedup();
        names.join(" and ")
    };
    let takers = names(&mut by.iter());
    let brief = || by.iter().filter(|rule| !outlives(rule.ttl(), own.ttl));
    let (severity, kind, message) = if by.len() < alternatives {
        let message = format!("{} of its {alternatives} alternatives do not match: {takers} decides first", by.len());
        (Severity::Notice, FindingKind::Shadowed, message)
    } else if let Some(ttl) = brief().filter_map(|rule| rule.ttl()).min() {
        let (names, seconds) = (names(&mut brief()), ttl.as_secs_f64());
        let message = format!("it does not match until {names} expires, {seconds} s after it is applied");
        (Severity::Notice, FindingKind::Shadowed, message)
    } else {
        let message = format!("it never matches: {takers} decides first about all that it asks for");
        (Severity::Warning, FindingKind::Unreachable, message)
    };
    finding(own, severity, kind, Some(by[0].id), message)
}

/// Whether all that one holds for, the other does too.
fn covers(wider: &Space, space: &Space, relations: &Relations) -> bool {
    wider.covers_beside_addresses(space)
        && [Family::V4, Family::V6].into_iter().all(|family| {
            !space.kinds.any_of(family)
                || relations.covers(wider.src.as_ref(), space.src.as_ref(), family)
                    && relations.covers(wider.dst.as_ref(), space.dst.as_ref(), family)
        })
}

/// Whether there is a packet that both hold for.
fn meet(a: &Space, b: &Space, relations: &Relations) -> bool {
    let kinds = a.kinds.both(&b.kinds);
    let addresses = |family| {
        relations.meet(a.src.as_ref(), b.src.as_ref(), family) && relations.meet(a.dst.as_ref(), b.dst.as_ref(), family)
    };
    let some = kinds.any_of(Family::Any)
        || [Family::V4, Family::V6].into_iter().any(|family| kinds.any_of(family) && addresses(family));
    some && !a.is_empty() && !a.both_beside_addresses(b).is_empty()
}

fn finding(rule: &Rule, severity: Severity, kind: FindingKind, by: Option<&str>, message: String) -> Finding {
    Finding { severity, kind, rule: rule.id.clone(), line: rule.line, by: by.map(str::to_owned), message }
}
