//! What a rule does.

use super::fields::{Field, Fields, unsigned};
use super::keys::KeyTable;
use super::notes::Notes;
use crate::words::{Action, Limit, LimitPer, LimitUnit, Target};
use netrig_config::{ByteSize, nearest};
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// Rates and bursts: beyond all links, and far from where the kernel's sums would wrap.
const RATE_MAX: u64 = 1_000_000_000_000;
/// The least burst of a limit in bytes: a full Ethernet frame, or the largest packets never pass.
const BURST_BYTES_MIN: u64 = 1_514;
/// A burst nobody asked for is at least this.
const BURST_BYTES_DEFAULT_MIN: u64 = 64 << 10;
const SOURCES_DEFAULT: u32 = 65_536;
const SOURCES_MAX: u64 = 1 << 22;
const CPU_MAX: u64 = 8_191;
const SYN_GUARD_DEFAULT: u64 = 1_000;

/// Reads an `action`.
pub(super) fn action(notes: &mut Notes<'_>, field: Field<'_>) -> Option<Action> {
    if let DeValue::String(text) = field.value() {
        return simple(notes, field, text);
    }
    let fields = field.table(notes, KeyTable::Action)?;
    let known: Vec<_> = KeyTable::Action.keys().filter_map(|key| fields.get(key.name)).collect();
    match known[..] {
        [one] => one_of(notes, one),
        [] => {
            if fields.is_empty() {
                field.refuse_kind(notes);
            }
            None
        }
        [_, second, ..] => {
            second.refuse(notes, "`action` is more than one: a rule does one thing".to_owned());
            None
        }
    }
}

fn simple(notes: &mut Notes<'_>, field: Field<'_>, text: &str) -> Option<Action> {
    const WORDS: [&str; 7] = ["drop", "pass", "count", "sample", "limit", "redirect", "syn-guard"];
    match text {
        "drop" => Some(Action::Drop),
        "pass" => Some(Action::Pass),
        "count" => Some(Action::Count),
        "sample" => Some(Action::Sample { one_in: 1 }),
        "syn-guard" => Some(Action::SynGuard { above_per_second: SYN_GUARD_DEFAULT }),
        "limit" => {
            field.refuse_value(notes, "of how much? write { limit = { packets_per_second = 1000 } }");
            None
        }
        "redirect" => {
            field.refuse_value(notes, "to where? write { redirect = { interface = \"eth1\" } }");
            None
        }
        other => {
            match nearest(other, WORDS) {
                Some(near) => field.refuse_value(notes, &format!("did you mean \"{near}\"?")),
                None => field.refuse_kind(notes),
            }
            None
        }
    }
}

fn one_of(notes: &mut Notes<'_>, field: Field<'_>) -> Option<Action> {
    match field.name() {
        "limit" => {
            let fields = field.table(notes, KeyTable::Limit)?;
            limit(notes, &fields).map(Action::Limit)
        }
        "redirect" => {
            let fields = field.table(notes, KeyTable::Redirect)?;
            let target = fields.either(notes, "interface", "cpu")?;
            let target = if target.name() == "cpu" {
                Target::Cpu(narrow(target.number(notes, 0..=CPU_MAX))?)
            } else {
                Target::Interface(target.interface(notes)?)
            };
            Some(Action::Redirect(target))
        }
        "sample" => {
            let fields = field.table(notes, KeyTable::Sample)?;
            let one_in = fields.get("one_in").map_or(Some(1), |f| f.number(notes, 1..=u32::MAX.into()));
            Some(Action::Sample { one_in: narrow(one_in)? })
        }
        _ => {
            let fields = field.table(notes, KeyTable::SynGuard)?;
            let above = fields.get("above_per_second");
            let above = above.map_or(Some(SYN_GUARD_DEFAULT), |f| f.number(notes, 0..=RATE_MAX));
            Some(Action::SynGuard { above_per_second: above? })
        }
    }
}

fn narrow(number: Option<u64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

fn limit(notes: &mut Notes<'_>, fields: &Fields<'_>) -> Option<Limit> {
    let rate = fields.either(notes, "packets_per_second", "bytes_per_second");
    let unit = match rate {
        Some(field) if field.name() == "bytes_per_second" => LimitUnit::Bytes,
        _ => LimitUnit::Packets,
    };
    let quantity = |notes: &mut Notes<'_>, field: Field<'_>, bounds: RangeInclusive<u64>| match unit {
        LimitUnit::Packets => field.number(notes, bounds),
        LimitUnit::Bytes => bytes(notes, field, &bounds),
    };
    let per_second = rate.and_then(|field| quantity(notes, field, 1..=RATE_MAX));
    let burst = fields.get("burst").map(|field| {
        let min = if unit == LimitUnit::Bytes { BURST_BYTES_MIN } else { 1 };
        quantity(notes, field, min..=RATE_MAX)
    });
    let per = fields.get("per").map_or(Some(LimitPer::Rule), |field| per(notes, field));
    let sources = fields.get("sources");
    if let (Some(LimitPer::Rule), Some(field)) = (per, sources) {
        field.refuse(
            notes,
            "`sources` is for limits per source, and this one is per rule: write per = \"src_addr\"".to_owned(),
        );
    }
    let sources = sources.map_or(Some(SOURCES_DEFAULT), |field| narrow(field.number(notes, 1..=SOURCES_MAX)));
    let per_second = per_second?;
    let burst = burst.unwrap_or_else(|| Some(default_burst(unit, per_second)))?;
    Some(Limit { unit, per_second, burst, per: per?, sources: sources? })
}

/// A tenth of a second's worth.
fn default_burst(unit: LimitUnit, per_second: u64) -> u64 {
    let least = if unit == LimitUnit::Bytes { BURST_BYTES_DEFAULT_MIN } else { 1 };
    (per_second / 10).max(least)
}

/// A number of bytes, or a size with its unit.
fn bytes(notes: &mut Notes<'_>, field: Field<'_>, bounds: &RangeInclusive<u64>) -> Option<u64> {
    let found = match field.value() {
        DeValue::String(text) => match text.parse::<ByteSize>() {
            Ok(size) => Some(size.0),
            Err(problem) => {
                field.refuse_problem(notes, &problem);
                return None;
            }
        },
        DeValue::Integer(number) => unsigned(number),
        _ => None,
    };
    let found = found.filter(|found| bounds.contains(found));
    if found.is_none() {
        field.refuse_kind(notes);
    }
    found
}

/// `"rule"`, `"src_addr"`, `"src/24"`, `{ v4 = 24, v6 = 56 }`
fn per(notes: &mut Notes<'_>, field: Field<'_>) -> Option<LimitPer> {
    /// What an IPv6 site has at least: who has one address there has all of them.
    const V6_BITS: u8 = 64;
    if let DeValue::Table(_) = field.value() {
        let fields = field.table(notes, KeyTable::Per)?;
        let mut bits = |name, default: u8, max: u8| {
            let found = fields.get(name).map_or(Some(default.into()), |f| f.number(notes, 1..=max.into()));
            found.and_then(|bits| u8::try_from(bits).ok())
        };
        let (v4_bits, v6_bits) = (bits("v4", 32, 32), bits("v6", V6_BITS, 128));
        return Some(LimitPer::Source { v4_bits: v4_bits?, v6_bits: v6_bits? });
    }
    let text = field.text(notes)?;
    let found = match text {
        "rule" => Some(LimitPer::Rule),
        "src_addr" => Some(LimitPer::Source { v4_bits: 32, v6_bits: 128 }),
        prefix => {
            let bits = prefix.strip_prefix("src/").and_then(|bits| bits.parse().ok());
            let bits = bits.filter(|bits| (1..=32).contains(bits));
            bits.map(|v4_bits| LimitPer::Source { v4_bits, v6_bits: V6_BITS })
        }
    };
    if found.is_none() {
        match nearest(text, ["rule", "src_addr"]) {
            Some(near) if !text.starts_with("src/") => field.refuse_value(notes, &format!("did you mean \"{near}\"?")),
            _ => field.refuse_kind(notes),
        }
    }
    found
}
