//! Single values of a match: protocols, flags, lengths, VLANs, ICMP types, EtherTypes, MAC addresses.

use super::criteria::IcmpTypes;
use super::fields::{Field, Word};
use super::names::{ETHERTYPES, ICMP_TYPES, PROTOCOLS, TCP_FLAGS};
use super::notes::Notes;
use crate::Ranges;
use crate::words::{Family, FlagTest, FragmentTest, Protocol};
use netrig_config::nearest;
use toml::de::DeValue;

pub(super) fn protocol(field: Field<'_>, notes: &mut Notes<'_>) -> Option<Protocol> {
    let of_number = |number: u8| Protocol { number, family: Family::Any };
    let found = match field.word(notes)? {
        Word::Number(number) => u8::try_from(number).ok().map(of_number),
        Word::Text(text) => match PROTOCOLS.iter().find(|(name, _)| *name == text) {
            Some((_, protocol)) => Some(*protocol),
            None => text.parse().ok().map(of_number),
        },
    };
    known(field, notes, found, PROTOCOLS.iter().map(|(name, _)| *name))
}

/// What was found, or a refusal that names the nearest of `names`, or all.
fn known<T>(
    field: Field<'_>,
    notes: &mut Notes<'_>,
    found: Option<T>,
    names: impl Iterator<Item = &'static str> + Clone,
) -> Option<T> {
    if found.is_none() {
        match field.value().as_str().filter(|text| !text.starts_with(|c: char| c.is_ascii_digit())) {
            Some(text) => match nearest(text, names.clone()) {
                Some(near) => field.refuse_value(notes, &format!("did you mean \"{near}\"?")),
                None => {
                    let names: Vec<_> = names.collect();
                    field.refuse_value(notes, &format!("known are numbers and {}", names.join(", ")));
                }
            },
            None => field.refuse_kind(notes),
        }
    }
    found
}

/// `syn,!ack`
pub(super) fn tcp_flags(field: Field<'_>, notes: &mut Notes<'_>) -> Option<FlagTest> {
    let text = field.text(notes)?;
    if text.contains('|') {
        let advice =
            "`|` would be read either way: write \"syn,ack\" for both flags, [\"syn\", \"ack\"] for one of them";
        field.refuse_value(notes, advice);
        return None;
    }
    let mut test = FlagTest { mask: 0, value: 0 };
    for word in text.split(',').map(str::trim) {
        let (name, set) = word.strip_prefix('!').map_or((word, true), |name| (name.trim_start(), false));
        let Some((_, bit)) = TCP_FLAGS.iter().find(|(flag, _)| *flag == name) else {
            match nearest(name, TCP_FLAGS.iter().map(|(flag, _)| *flag)) {
                Some(near) => field.refuse_value(notes, &format!("did you mean \"{near}\"?")),
                None => field.refuse_kind(notes),
            }
            return None;
        };
        let value = if set { *bit } else { 0 };
        if test.mask & bit != 0 && test.value & bit != value {
            field.refuse_value(notes, &format!("`{name}` cannot be set and not set"));
            return None;
        }
        test.mask |= bit;
        test.value |= value;
    }
    Some(test)
}

/// `64`, `"64-128"`, `">1500"`, `"<=60"`
pub(super) fn length(field: Field<'_>, notes: &mut Notes<'_>) -> Option<(u32, u32)> {
    let compared = |text: &str| {
        let of = |rest: &str| rest.trim().parse::<u32>().ok();
        if let Some(rest) = text.strip_prefix(">=") {
            return Some((of(rest)?, u32::MAX));
        }
        if let Some(rest) = text.strip_prefix("<=") {
            return Some((0, of(rest)?));
        }
        if let Some(rest) = text.strip_prefix('>') {
            return Some((of(rest)?.checked_add(1)?, u32::MAX));
        }
        Some((0, of(text.strip_prefix('<')?)?.checked_sub(1)?))
    };
    match field.value().as_str().and_then(compared) {
        Some(found) => Some(found),
        None => range(field, notes, u32::MAX),
    }
}

/// Nothing is untagged.
pub(super) fn vlan(field: Field<'_>, notes: &mut Notes<'_>) -> Option<Option<(u16, u16)>> {
    if field.value().as_str() == Some("none") {
        return Some(None);
    }
    let (first, last) = range(field, notes, 4_095)?;
    Some(Some((u16::try_from(first).ok()?, u16::try_from(last).ok()?)))
}

pub(super) fn icmp_type(field: Field<'_>, notes: &mut Notes<'_>) -> Option<IcmpTypes> {
    let of = |range: Option<(u8, u8)>| Ranges::of(range.into_iter().collect());
    let text = field.value().as_str().unwrap_or("0");
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        let found = ICMP_TYPES.iter().find(|(name, ..)| *name == text);
        let one = |number: &Option<u8>| of(number.map(|number| (number, number)));
        let found = found.map(|(_, v4, v6)| IcmpTypes { v4: one(v4), v6: one(v6) });
        return known(field, notes, found, ICMP_TYPES.iter().map(|(name, ..)| *name));
    }
    let (first, last) = range(field, notes, u8::MAX.into())?;
    let either = of(Some((u8::try_from(first).ok()?, u8::try_from(last).ok()?)));
    Some(IcmpTypes { v4: either.clone(), v6: either })
}

/// A number, or two with `-` between them.
fn range(field: Field<'_>, notes: &mut Notes<'_>, max: u32) -> Option<(u32, u32)> {
    let found = match field.word(notes)? {
        Word::Number(number) => u32::try_from(number).ok().map(|number| (number, number)),
        Word::Text(text) => {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            first.trim().parse().ok().zip(last.trim().parse().ok())
        }
    };
    match found {
        Some((first, last)) if first > last => field.refuse_value(notes, "the range ends before it begins"),
        Some((first, last)) if last <= max => return Some((first, last)),
        _ => field.refuse_kind(notes),
    }
    None
}

pub(super) fn fragment(field: Field<'_>, notes: &mut Notes<'_>) -> Option<FragmentTest> {
    match field.value() {
        DeValue::Boolean(true) => Some(FragmentTest::Any),
        DeValue::Boolean(false) => Some(FragmentTest::Whole),
        DeValue::String(_) => field.choice(notes, &[("first", FragmentTest::First), ("later", FragmentTest::Later)]),
        _ => {
            field.refuse_kind(notes);
            None
        }
    }
}

pub(super) fn ethertype(field: Field<'_>, notes: &mut Notes<'_>) -> Option<u16> {
    /// What is less is a length of IEEE 802.3.
    const MIN: u16 = 0x0600;
    let number = match field.word(notes)? {
        Word::Number(number) => u16::try_from(number).ok(),
        Word::Text(text) => match ETHERTYPES.iter().find(|(name, _)| *name == text) {
            Some((_, number)) => Some(*number),
            None => text.strip_prefix("0x").and_then(|digits| u16::from_str_radix(digits, 16).ok()),
        },
    };
    known(field, notes, number.filter(|number| *number >= MIN), ETHERTYPES.iter().map(|(name, _)| *name))
}

/// `aa:bb:cc:dd:ee:ff`
pub(super) fn mac(field: Field<'_>, notes: &mut Notes<'_>) -> Option<[u8; 6]> {
    let text = field.text(notes)?;
    let octet = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| u8::from_str_radix(part, 16).ok()).flatten()
    };
    let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
    let found = octets.and_then(|octets| octets.try_into().ok());
    if found.is_none() {
        field.refuse_kind(notes);
    }
    found
}
