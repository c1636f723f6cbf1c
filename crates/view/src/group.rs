//! Grouping while the records stream by, in bounded memory.

use crate::columns::{GroupBy, Groupable};
use crate::field::{Field, Fields, Words, compare};
use crate::table::{Column, Table};
use crate::units;
use netrig_model::FlowRecord;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::fmt;
use std::hash::{Hash, Hasher};

/// What is summed for a group.
pub trait Sum: Clone + Default + fmt::Debug {
    /// Names of the sums, as JSON has them.
    const NAMES: &'static [&'static str];

    /// Adds another's sums.
    fn add(&mut self, other: &Self);
    /// What groups are ordered by unless somebody asks for another order, and which go when they are too many. Adding adds
    /// it.
    fn size(&self) -> u64;
    /// Sets how many things it is the sum of.
    fn set_members(&mut self, members: u64);
    /// The sums, by [`Sum::NAMES`].
    fn values(&self) -> Vec<Option<u64>>;
    /// Columns of a table.
    fn table_columns() -> Vec<Column>;
    /// A row of it.
    fn table_cells(&self) -> Vec<String>;
    /// What it comes to, in a few words.
    fn in_words(&self) -> String;
}

/// What bounds the memory of a [`Grouper`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Groups kept at once.
    pub groups_max: usize,
    /// Things with many records remembered to count each once: flows.
    pub members_max: usize,
}

impl Default for Limits {
    /// Some 150 MB at the very most while grouping (just below where the tables would double), and as much again for an
    /// answer of a million lines.
    fn default() -> Self {
        Self { groups_max: 900_000, members_max: 1_800_000 }
    }
}

/// What was given up to stay within the bound; counted in `rest`, so the sums still add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Groups whose lines were folded into the rest.
    pub groups: u64,
    /// No group that is shown lacks more than this of what groups are ordered by: bytes of flows.
    pub size_max: u64,
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<S> {
    key: Box<[u8]>,
    /// Its sums.
    pub sums: S,
}

/// The answer.
#[derive(Debug)]
pub struct Grouped<R: Groupable = FlowRecord> {
    /// The columns it was grouped by.
    pub by: GroupBy<R>,
    /// The groups, the largest first.
    pub groups: Vec<Group<R::Sums>>,
    /// Sums of the groups that are not shown.
    pub rest: R::Sums,
    /// How many those are.
    pub rest_groups: u64,
    /// Set when the bound on groups was reached.
    pub pruned: Option<Pruned>,
    /// Whether there were too many things to remember, so that one with records in many windows counts again.
    pub members_approximate: bool,
    words: Words,
}

impl<R: Groupable> Grouped<R> {
    /// The values of a group's columns, in order.
    pub fn fields(&self, group: &Group<R::Sums>) -> impl Iterator<Item = Field> {
        Fields::of(&group.key)
    }

    /// A field as text; empty when not known.
    #[must_use]
    pub fn text(&self, field: Field) -> String {
        match field {
            Field::Null => String::new(),
            Field::Number(n) => n.to_string(),
            Field::Truth(t) => t.to_string(),
            Field::Address(ip) => ip.to_string(),
            Field::Time(t) => t.to_string(),
            Field::Word(w) => self.words.text(w).to_owned(),
        }
    }

    /// A table of the columns asked for, and the sums.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut columns: Vec<Column> = self.by.names().enumerate().map(|(i, name)| self.key_column(i, name)).collect();
        columns.extend(R::Sums::table_columns());
        let mut table = Table::new(columns);
        for group in &self.groups {
            let mut row: Vec<String> = self.fields(group).map(|field| dashed(self.text(field))).collect();
            row.extend(group.sums.table_cells());
            table.push(&row);
        }
        self.set_footer(&mut table, "groups");
        table
    }

    /// Says under a table what it does not show.
    pub(crate) fn set_footer(&self, table: &mut Table, what: &str) {
        if self.rest_groups > 0 {
            let rest = self.rest.in_words();
            table.set_footer(format!("… and {} more {what}: {rest}", units::count(self.rest_groups)));
        }
    }

    fn key_column(&self, position: usize, name: &str) -> Column {
        let number = |field: Option<Field>| matches!(field, Some(Field::Number(_) | Field::Null));
        let numeric = self.groups.iter().all(|g| number(self.fields(g).nth(position)));
        let title = name.to_uppercase();
        if numeric { Column::number(&title) } else { Column::text(&title, 12) }
    }
}

/// What is not known, for people.
pub(crate) fn dashed(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Sums records by their columns.
#[derive(Debug)]
pub struct Grouper<R: Groupable = FlowRecord> {
    by: GroupBy<R>,
    limits: Limits,
    size: fn(&R::Sums) -> u64,
    words: Words,
    groups: FxHashMap<Box<[u8]>, R::Sums>,
    /// Whether every group is one thing: then none need be remembered.
    groups_are_members: bool,
    members: FxHashSet<u64>,
    members_approximate: bool,
    rest: R::Sums,
    pruned: Pruned,
    key: Vec<u8>,
}

impl<R: Groupable> Grouper<R> {
    /// Groups by `by` within `limits`.
    #[must_use]
    pub fn new(by: GroupBy<R>, limits: Limits) -> Self {
        Self {
            groups_are_members: by == GroupBy::identity(),
            by,
            limits,
            size: Sum::size,
            words: Words::default(),
            groups: FxHashMap::default(),
            members: FxHashSet::default(),
            members_approximate: false,
            rest: R::Sums::default(),
            pruned: Pruned::default(),
            key: Vec::new(),
        }
    }

    /// Orders groups by another sum; adding sums must add it.
    #[must_use]
    pub fn ordered_by(self, size: fn(&R::Sums) -> u64) -> Self {
        Self { size, ..self }
    }

    /// Adds one record.
    pub fn add(&mut self, record: &R) {
        self.key.clear();
        for column in &self.by.0 {
            (column.read)(record, &mut self.words).encode(&mut self.key);
        }
        let mut sums = record.sums(if self.groups_are_members { 0 } else { self.new_members(record) });
        match self.groups.get_mut(self.key.as_slice()) {
            Some(group) => group.add(&sums),
            None => {
                if self.groups_are_members {
                    sums.set_members(1);
                }
                self.groups.insert(self.key.as_slice().into(), sums);
                if self.groups.len() > self.limits.groups_max {
                    self.prune();
                }
            }
        }
    }

    /// The groups, the largest first; all, or the `top` of them.
    #[must_use]
    pub fn finish(self, top: Option<usize>) -> Grouped<R> {
        let mut groups: Vec<Group<R::Sums>> = self.groups.into_iter().map(|(key, sums)| Group { key, sums }).collect();
        let (words, size) = (&self.words, self.size);
        groups.sort_unstable_by(|a, b| size(&b.sums).cmp(&size(&a.sums)).then_with(|| compare(&a.key, &b.key, words)));
        let mut rest = self.rest;
        let kept = top.unwrap_or(usize::MAX).min(groups.len());
        let rest_groups = self.pruned.groups + (groups.len() - kept) as u64;
        groups.drain(kept..).for_each(|g| rest.add(&g.sums));
        Grouped {
            by: self.by,
            groups,
            rest,
            rest_groups,
            pruned: (self.pruned.groups > 0).then_some(self.pruned),
            members_approximate: self.members_approximate,
            words: self.words,
        }
    }

    /// 1 for the first record of a thing that comes by, 0 for those of its other windows.
    fn new_members(&mut self, record: &R) -> u64 {
        if R::IDENTITY.is_empty() {
            return 1;
        }
        let mut hasher = FxHasher::default();
        record.identify(&mut hasher);
        // The same thing in two groups is one of each.
        self.key.hash(&mut hasher);
        let hash = hasher.finish();
        if self.members.len() >= self.limits.members_max {
            self.members_approximate = true;
            return u64::from(!self.members.contains(&hash));
        }
        u64::from(self.members.insert(hash))
    }

    /// Folds the smaller half of the groups into the rest.
    fn prune(&mut self) {
        let size = self.size;
        let mut sizes: Vec<u64> = self.groups.values().map(size).collect();
        let middle = sizes.len() / 2;
        let (_, &mut median, _) = sizes.select_nth_unstable(middle);
        let (rest, pruned) = (&mut self.rest, &mut self.pruned);
        // At most half are larger than the median; those equal to it go too, however many they are.
        self.groups.retain(|_, sums| {
            let keep = size(sums) > median;
            if !keep {
                rest.add(sums);
                pruned.groups += 1;
            }
            keep
        });
        // A group can be folded once at every pruning, each time with at most the median.
        self.pruned.size_max = self.pruned.size_max.saturating_add(median);
    }
}
