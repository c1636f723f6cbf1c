//! Lists of addresses and of ports: entries, `@set`s, and `!` before what is taken out.

use super::fields::Field;
use super::named::NamedSets;
use super::notes::Notes;
use crate::Ranges;
use crate::sets::{Entry, SetEntries, parse_entry};
use crate::words::Addresses;
use std::collections::HashMap;
use std::sync::Arc;
use toml::de::DeValue;

/// What lists become. Lists of the same words are the same allocation: the compiler takes them for one set without
/// looking, and a million prefixes are there once.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) sets: NamedSets,
    addresses: HashMap<Vec<String>, Arc<Addresses>>,
    ports: HashMap<Vec<String>, Arc<Ranges<u16>>>,
}

/// Which kind a key takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Addresses,
    Ports,
}

/// One side of a list: what it takes in, or what it takes out.
#[derive(Default)]
struct Side {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    ports: Vec<(u16, u16)>,
    /// The latest word, if it is a set.
    whole: Option<SetEntries>,
    words: usize,
}

impl Side {
    fn add(&mut self, entry: Entry) {
        self.unfold();
        self.words += 1;
        match entry {
            Entry::V4(first, last) => self.v4.push((first, last)),
            Entry::V6(first, last) => self.v6.push((first, last)),
            Entry::Ports(first, last) => self.ports.push((first, last)),
        }
    }

    fn add_set(&mut self, entries: SetEntries) {
        self.unfold();
        self.words += 1;
        self.whole = Some(entries);
    }

    /// The set, if it is all there is.
    fn sole(&self) -> Option<&SetEntries> {
        self.whole.as_ref().filter(|_| self.words == 1)
    }

    /// Takes a set that does not stand alone apart.
    fn unfold(&mut self) {
        match self.whole.take() {
            Some(SetEntries::Addresses(set)) => {
                self.v4.extend(set.v4.as_slice());
                self.v6.extend(set.v6.as_slice());
            }
            Some(SetEntries::Ports(set)) => self.ports.extend(set.as_slice()),
            Some(SetEntries::Empty) | None => {}
        }
    }

    fn addresses(mut self) -> Addresses {
        self.unfold();
        Addresses { v4: Ranges::of(self.v4), v6: Ranges::of(self.v6) }
    }

    fn ports(mut self) -> Ranges<u16> {
        self.unfold();
        Ranges::of(self.ports)
    }
}

/// A list as read: its words, what it takes in and what it takes out.
struct Sides {
    words: Vec<String>,
    taken: Side,
    out: Side,
}

impl Lists {
    /// The addresses that `field` lists.
    pub(super) fn addresses(&mut self, notes: &mut Notes<'_>, field: Field<'_>) -> Option<Arc<Addresses>> {
        let sides = self.sides(notes, field, Kind::Addresses)?;
        shared(&mut self.addresses, sides, notes, field, |Sides { mut taken, out, .. }| {
            if let (Some(SetEntries::Addresses(set)), 0) = (taken.sole(), out.words) {
                return (set.clone(), set.is_empty());
            }
            let set = if out.words == 0 {
                taken.addresses()
            } else {
                if taken.words == 0 {
                    taken.v4.push((0, u32::MAX));
                    taken.v6.push((0, u128::MAX));
                }
                let (taken, out) = (taken.addresses(), out.addresses());
                Addresses { v4: taken.v4.without(&out.v4), v6: taken.v6.without(&out.v6) }
            };
            let empty = set.is_empty();
            (Arc::new(set), empty)
        })
    }

    /// The ports that `field` lists.
    pub(super) fn ports(&mut self, notes: &mut Notes<'_>, field: Field<'_>) -> Option<Arc<Ranges<u16>>> {
        let sides = self.sides(notes, field, Kind::Ports)?;
        shared(&mut self.ports, sides, notes, field, |Sides { mut taken, out, .. }| {
            if let (Some(SetEntries::Ports(set)), 0) = (taken.sole(), out.words) {
                return (set.clone(), set.is_empty());
            }
            let set = if out.words == 0 {
                taken.ports()
            } else {
                if taken.words == 0 {
                    taken.ports.push((0, u16::MAX));
                }
                taken.ports().without(&out.ports())
            };
            let empty = set.is_empty();
            (Arc::new(set), empty)
        })
    }

    fn sides(&mut self, notes: &mut Notes<'_>, field: Field<'_>, kind: Kind) -> Option<Sides> {
        let mut sides = Sides { words: Vec::new(), taken: Side::default(), out: Side::default() };
        let items = field.some_items(notes)?;
        let mut sound = true;
        for item in items {
            let text = match item.value() {
                DeValue::String(text) => text.trim().to_owned(),
                DeValue::Integer(number) => number.to_string(),
                _ => {
                    item.refuse_kind(notes);
                    sound = false;
                    continue;
                }
            };
            let (rest, side) = match text.strip_prefix('!') {
                Some(rest) => (rest.trim_start(), &mut sides.out),
                None => (text.as_str(), &mut sides.taken),
            };
            let added = match rest.strip_prefix('@') {
                Some(name) => set(&mut self.sets, notes, item, name, kind).map(|entries| side.add_set(entries)),
                None => entry(notes, item, rest, kind).map(|entry| side.add(entry)),
            };
            sound &= added.is_some();
            sides.words.push(text);
        }
        sound.then_some(sides)
    }
}

/// What was made of the same words before, or what `make` makes of them; whether that is empty is warned of.
fn shared<T>(
    made: &mut HashMap<Vec<String>, Arc<T>>,
    sides: Sides,
    notes: &mut Notes<'_>,
    field: Field<'_>,
    make: impl FnOnce(Sides) -> (Arc<T>, bool),
) -> Option<Arc<T>> {
    if let Some(set) = made.get(&sides.words) {
        return Some(set.clone());
    }
    let words = sides.words.clone();
    let (set, empty) = make(sides);
    if empty {
        field.warn(notes, format!("`{}` is empty: nothing matches it", field.name()));
    }
    made.insert(words, set.clone());
    Some(set)
}

/// The entries of `@name`, of the kind that is asked for.
fn set(sets: &mut NamedSets, notes: &mut Notes<'_>, item: Field<'_>, name: &str, kind: Kind) -> Option<SetEntries> {
    let Some(found) = sets.used(name) else {
        let problem = sets.unknown(name);
        item.refuse_value_if_whole(notes, &problem);
        return None;
    };
    let found = found?;
    let fits = match &found.entries {
        SetEntries::Empty => true,
        SetEntries::Addresses(_) => kind == Kind::Addresses,
        SetEntries::Ports(_) => kind == Kind::Ports,
    };
    if !fits {
        let (is, takes) = if kind == Kind::Addresses { ("ports", "addresses") } else { ("addresses", "ports") };
        let problem = format!("a set of {is} (line {}), where {takes} are asked for", found.line);
        item.refuse_value(notes, &problem);
        return None;
    }
    Some(found.entries.clone())
}

fn entry(notes: &mut Notes<'_>, item: Field<'_>, text: &str, kind: Kind) -> Option<Entry> {
    let problem = match parse_entry(text) {
        Ok(parsed) => match (parsed.entry, kind) {
            (Entry::Ports(..), Kind::Addresses) => "a port, where addresses are asked for".to_owned(),
            (Entry::V4(..) | Entry::V6(..), Kind::Ports) => "an address, where ports are asked for".to_owned(),
            (entry, _) => {
                if parsed.masked {
                    item.warn(notes, format!("`{text}` has bits set beyond its prefix, which are left out"));
                }
                return Some(entry);
            }
        },
        Err(problem) => problem.to_string(),
    };
    item.refuse_value(notes, &problem);
    None
}
