//! Conjunctions as rows: what no dimension decides is spelt out, one row for each combination.

use super::kinds::{KINDS, Kinds};
use super::sweep::Overflow;
use super::{Problem, World, addresses, ports};
use crate::Ranges;
use crate::tables::{Checks, ROWS_MAX, Row, Rule, Tables};
use crate::words::{Addresses, Match, Unreadable, VlanTest};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Rows, and what each asks of the dimensions.
#[derive(Debug, Default)]
pub(super) struct Drafts(Vec<Draft>);

#[derive(Debug)]
struct Draft {
    row: Row,
    /// Its rule may end packets.
    acts: bool,
    kinds: Kinds,
    src: Option<Arc<Addresses>>,
    dst: Option<Arc<Addresses>>,
    src_port: Option<Arc<Ranges<u16>>>,
    dst_port: Option<Arc<Ranges<u16>>>,
}

/// More classes of a dimension than a table can tell apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooManyClasses {
    /// The rule with which it came to that.
    pub(super) rule: usize,
    /// Which dimension.
    pub(super) dimension: &'static str,
}

impl Drafts {
    /// Adds the rows of one alternative of the rule at this place.
    pub(super) fn add(&mut self, rule: usize, acts: bool, criteria: &Match, world: &World) -> Result<(), Problem> {
        let kinds = Kinds::of(criteria);
        let checks = spelt_out(criteria, world);
        if kinds.is_empty() {
            // No packet is all of that. What it names must be there all the same.
            return checks.map(|_| ()).or_else(|problem| match problem {
                Stop::Problem(problem) => Err(problem),
                Stop::TooMany(_) => Ok(()),
            });
        }
        let own = self.0.iter().rev().take_while(|draft| usize::from(draft.row.rule) == rule).count();
        let too_many = |rows: usize| Problem::TooManyRows { rows: own + rows, before: self.0.len() - own };
        let checks = checks.map_err(|stop| match stop {
            Stop::Problem(problem) => problem,
            Stop::TooMany(rows) => too_many(rows),
        })?;
        if self.0.len() + checks.len() > ROWS_MAX {
            return Err(too_many(checks.len()));
        }
        let needs_transport = needs_transport(criteria);
        let rule = u16::try_from(rule).unwrap_or(u16::MAX);
        self.0.extend(checks.into_iter().map(|checks| Draft {
            row: Row { rule, needs_transport, checks },
            acts,
            kinds,
            src: criteria.src.clone().filter(|set| !addresses::goes_without_saying(set)),
            dst: criteria.dst.clone().filter(|set| !addresses::goes_without_saying(set)),
            src_port: criteria.src_port.clone().filter(|set| !ports::goes_without_saying(set)),
            dst_port: criteria.dst_port.clone().filter(|set| !ports::goes_without_saying(set)),
        }));
        Ok(())
    }

    /// All of it, as tables.
    pub(super) fn into_tables(self, rules: Vec<Rule>, unreadable: Unreadable) -> Result<Tables, TooManyClasses> {
        let drafts = &self.0;
        let words = drafts.len().div_ceil(64).max(1);
        let named = |dimension: &'static str| {
            move |(row, _): (usize, Overflow)| TooManyClasses { rule: drafts[row].row.rule.into(), dimension }
        };
        // Under `drop`, what cannot be read is a candidate of rows that ask for ports, if they end packets.
        let unread: Vec<bool> = drafts.iter().map(|draft| draft.acts && unreadable == Unreadable::Drop).collect();
        Ok(Tables {
            words,
            kinds: kinds(drafts, words),
            src: addresses::classes(&of(drafts, |draft| draft.src.as_ref()), words)
                .map_err(named("source addresses"))?,
            dst: addresses::classes(&of(drafts, |draft| draft.dst.as_ref()), words)
                .map_err(named("destination addresses"))?,
            src_port: ports::classes(&of(drafts, |draft| draft.src_port.as_ref()), &unread, words)
                .map_err(named("source ports"))?,
            dst_port: ports::classes(&of(drafts, |draft| draft.dst_port.as_ref()), &unread, words)
                .map_err(named("destination ports"))?,
            rows: self.0.into_iter().map(|draft| draft.row).collect(),
            rules,
            unreadable,
        })
    }
}

/// What each row asks of one dimension.
fn of<'a, T>(drafts: &'a [Draft], set: impl Fn(&'a Draft) -> Option<&'a Arc<T>>) -> Vec<Option<&'a Arc<T>>> {
    drafts.iter().map(set).collect()
}

fn kinds(drafts: &[Draft], words: usize) -> Vec<u64> {
    let mut sets = vec![0; KINDS * words];
    for (row, draft) in drafts.iter().enumerate() {
        for kind in draft.kinds.iter() {
            sets[kind * words + row / 64] |= 1 << (row % 64);
        }
    }
    sets
}

/// Whether packets that end before their ports, ICMP type or flags are a case of their own.
pub(crate) fn needs_transport(criteria: &Match) -> bool {
    criteria.src_port.is_some()
        || criteria.dst_port.is_some()
        || criteria.icmp_type.is_some()
        || criteria.tcp_flags.is_some()
}

enum Stop {
    Problem(Problem),
    TooMany(usize),
}

/// One entry for each combination of what no dimension decides.
fn spelt_out(criteria: &Match, world: &World) -> Result<Vec<Checks>, Stop> {
    let ifindices = criteria.iface.as_ref().map(|names| {
        names.iter().map(|name| world.ifindex(name)).collect::<Result<Vec<_>, _>>().map_err(Stop::Problem)
    });
    let ifindices = ifindices.transpose()?.map(distinct);
    // A flag that is not looked at and to be set is never found, nor may it be in what cannot be read.
    let flags = criteria.tcp_flags.as_ref().map(|tests| {
        distinct(tests.iter().filter(|test| test.value & !test.mask == 0).map(|test| (test.mask, test.value)).collect())
    });
    let lengths = criteria.length.as_deref().map(merged);
    let types = criteria.icmp_type.as_deref().map(merged);
    let vlans = criteria.vlan.as_deref().map(vlans);
    let ethertypes = criteria.ethertype.clone().map(distinct);
    let (from, to) = (criteria.src_mac.clone().map(distinct), criteria.dst_mac.clone().map(distinct));

    let mut all = vec![Checks { fragment: criteria.fragment, ..Checks::default() }];
    multiply(&mut all, lengths, |checks, length| checks.length = Some(length))?;
    multiply(&mut all, vlans, |checks, vlan| checks.vlan = Some(vlan))?;
    multiply(&mut all, types, |checks, icmp_type| checks.icmp_type = Some(icmp_type))?;
    multiply(&mut all, flags, |checks, flags| checks.tcp_flags = Some(flags))?;
    multiply(&mut all, ifindices, |checks, ifindex| checks.ifindex = Some(ifindex))?;
    multiply(&mut all, ethertypes, |checks, ethertype| checks.ethertype = Some(ethertype))?;
    multiply(&mut all, from, |checks, mac| checks.src_mac = Some(mac))?;
    multiply(&mut all, to, |checks, mac| checks.dst_mac = Some(mac))?;
    Ok(all)
}

fn multiply<T: Clone>(all: &mut Vec<Checks>, values: Option<Vec<T>>, set: impl Fn(&mut Checks, T)) -> Result<(), Stop> {
    let Some(values) = values else { return Ok(()) };
    let rows = all.len().saturating_mul(values.len());
    if rows > ROWS_MAX {
        return Err(Stop::TooMany(rows));
    }
    let with = |checks: &Checks, value: &T| {
        let mut checks = checks.clone();
        set(&mut checks, value.clone());
        checks
    };
    *all = all.iter().flat_map(|checks| values.iter().map(move |value| with(checks, value))).collect();
    Ok(())
}

/// As few ranges as can be.
pub(crate) fn merged<T: crate::Number>(ranges: &[RangeInclusive<T>]) -> Vec<(T, T)> {
    Ranges::of(ranges.iter().map(|range| (*range.start(), *range.end())).collect()).as_slice().to_vec()
}

fn vlans(tests: &[VlanTest]) -> Vec<Option<(u16, u16)>> {
    let untagged = tests.contains(&VlanTest::Untagged).then_some(None);
    let ids = tests.iter().filter_map(|test| match test {
        VlanTest::Ids(ids) => Some(ids.clone()),
        VlanTest::Untagged => None,
    });
    let ids: Vec<_> = ids.collect();
    untagged.into_iter().chain(merged(&ids).into_iter().map(Some)).collect()
}

fn distinct<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}
