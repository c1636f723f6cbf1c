//! The match of a rule, and all its alternatives.

use super::criteria::{Clash, Criteria, IcmpTypes, Vlans};
use super::fields::{Field, Fields};
use super::keys::KeyTable;
use super::lists::Lists;
use super::notes::Notes;
use super::values;
use crate::Ranges;
use crate::tables::ROWS_MAX;
use crate::words::Match;

/// Reads `match`: the alternatives of which one must hold.
pub(super) fn alternatives(notes: &mut Notes<'_>, lists: &mut Lists, field: Field<'_>) -> Vec<Match> {
    let mut found = Vec::new();
    if let Some(fields) = field.table(notes, KeyTable::Match) {
        expand(notes, lists, &fields, &Criteria::default(), &mut found);
        if found.len() > ROWS_MAX {
            let message = format!("`match` has more than {ROWS_MAX} alternatives: write several rules, or a set");
            field.refuse(notes, message);
        }
    }
    found
}

/// Adds what `fields` demands together with what stands `around` it; `any` makes several of it.
fn expand(notes: &mut Notes<'_>, lists: &mut Lists, fields: &Fields<'_>, around: &Criteria, found: &mut Vec<Match>) {
    let own = criteria(notes, lists, fields);
    let both = match around.and(&own) {
        Ok(both) => Some(both),
        Err(clashes) => {
            for (field, clash) in clashes.iter().filter_map(|(key, clash)| Some((fields.get(key)?, clash))) {
                let problem = match clash {
                    Clash::Nothing => "has nothing in common with",
                    Clash::TooMany => "makes too many combinations with",
                };
                field.refuse(notes, format!("`{}` {problem} that of the match around it", field.name()));
            }
            None
        }
    };
    if let Some(both) = &both {
        let before: Vec<_> = around.empty_sets().chain(own.empty_sets()).collect();
        for field in both.empty_sets().filter(|key| !before.contains(key)).filter_map(|key| fields.get(key)) {
            let name = field.name();
            field.warn(
                notes,
                format!("`{name}` has nothing in common with that of the match around it: nothing matches"),
            );
        }
    }
    if let Some(any) = fields.get("any") {
        if !any.value().is_array() {
            any.refuse_kind(notes);
            return;
        }
        for item in any.some_items(notes).unwrap_or_default() {
            // What is beyond the bound is not even looked at: it may be without end.
            if found.len() <= ROWS_MAX
                && let Some(fields) = item.table(notes, KeyTable::Match)
            {
                expand(notes, lists, &fields, both.as_ref().unwrap_or(&own), found);
            }
        }
        return;
    }
    match both.map(Criteria::into_matches) {
        Some(Ok(matches)) => found.extend(matches),
        Some(Err(problem)) => notes.refuse(fields.span.clone(), Some(KeyTable::Match.path().to_owned()), problem),
        None => {}
    }
}

/// What the keys of one table demand; `any` is another matter.
fn criteria(notes: &mut Notes<'_>, lists: &mut Lists, fields: &Fields<'_>) -> Criteria {
    let mut addresses = |notes: &mut Notes<'_>, name| fields.get(name).and_then(|f| lists.addresses(notes, f));
    let (src, dst) = (addresses(notes, "src"), addresses(notes, "dst"));
    let mut ports = |notes: &mut Notes<'_>, name| fields.get(name).and_then(|f| lists.ports(notes, f));
    let (src_port, dst_port) = (ports(notes, "src_port"), ports(notes, "dst_port"));
    let get = |name| fields.get(name);
    Criteria {
        src,
        dst,
        src_port,
        dst_port,
        protocol: get("protocol").and_then(|f| Some(sorted(f.each(notes, values::protocol)?))),
        tcp_flags: get("tcp_flags").and_then(|f| {
            let mut tests = f.each(notes, values::tcp_flags)?;
            tests.sort_unstable_by_key(|test| (test.mask, test.value));
            tests.dedup();
            Some(tests)
        }),
        length: get("length").and_then(|f| f.each(notes, values::length).map(Ranges::of)),
        vlan: get("vlan").and_then(|f| {
            let found = f.each(notes, values::vlan)?;
            let untagged = found.contains(&None);
            Some(Vlans { untagged, ids: Ranges::of(found.into_iter().flatten().collect()) })
        }),
        icmp_type: get("icmp_type").and_then(|f| {
            let found = f.each(notes, values::icmp_type)?;
            Some(found.iter().fold(IcmpTypes::default(), |all, one| all.union(one)))
        }),
        fragment: get("fragment").and_then(|f| values::fragment(f, notes)),
        iface: get("iface").and_then(|f| Some(sorted(f.each(notes, Field::interface)?))),
        ethertype: get("ethertype").and_then(|f| Some(sorted(f.each(notes, values::ethertype)?))),
        src_mac: get("src_mac").and_then(|f| Some(sorted(f.each(notes, values::mac)?))),
        dst_mac: get("dst_mac").and_then(|f| Some(sorted(f.each(notes, values::mac)?))),
    }
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}
