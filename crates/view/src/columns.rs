//! Columns that records can be grouped by.

use crate::field::{Field, Words};
use crate::group::Sum;
use netrig_model::FlowRecord;
use std::fmt;
use std::hash::Hasher;
use thiserror::Error;

/// A kind of record that can be grouped.
pub trait Groupable: Clone + PartialEq + fmt::Debug + 'static {
    /// What is summed of it.
    type Sums: Sum;
    /// Its word: `flows`.
    const WORD: &'static str;
    /// The columns it can be grouped by. Whatever else is a column of the record is a measure.
    const COLUMNS: &'static [GroupColumn<Self>];
    /// The record's own columns.
    const ALL_COLUMNS: &'static [netrig_model::Column];
    /// Columns that together tell one of its things from another, in the order of [`Groupable::COLUMNS`]; empty where every record is of
    /// another thing.
    const IDENTITY: &'static [&'static str];
    /// Words that stand for several columns.
    const ALIASES: &'static [(&'static str, &'static [&'static str])] =
        &[("src", &["src_addr", "src_port"]), ("dst", &["dst_addr", "dst_port"])];
    /// Two columns that many will want.
    const EXAMPLES: [&'static str; 2] = ["src_addr", "dst_port"];

    /// The record's own sums; it stands for `members` things.
    fn sums(&self, members: u64) -> Self::Sums;

    /// Feeds what [`Groupable::IDENTITY`] is about, for things that have many records.
    fn identify<H: Hasher>(&self, hasher: &mut H);
}

/// A column to group by.
pub struct GroupColumn<R> {
    /// Its name, as in the records.
    pub name: &'static str,
    pub(crate) read: fn(&R, &mut Words) -> Field,
}

impl<R> Clone for GroupColumn<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for GroupColumn<R> {}

impl<R> PartialEq for GroupColumn<R> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<R> fmt::Debug for GroupColumn<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Why a list of columns cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ColumnError {
    /// No such column.
    #[error("there is no column `{0}`")]
    Unknown(String),
    /// A column that is a measure; the words are of what has it, and columns that are none.
    #[error("`{0}` is a measure, which is summed or left out; group by what tells {1} apart, such as {2} or {3}")]
    Measure(String, &'static str, &'static str, &'static str),
    /// Nothing named; the word is a column.
    #[error("no column named: give at least one, such as {0}")]
    Empty(&'static str),
}

/// The columns of one answer, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupBy<R: Groupable>(pub(crate) Vec<GroupColumn<R>>);

/// Columns of flows.
pub type By = GroupBy<FlowRecord>;

impl<R: Groupable> GroupBy<R> {
    /// Reads `src_addr,dst_port`, and [`Groupable::ALIASES`].
    ///
    /// # Errors
    /// On a name that is no column, or one that is a measure.
    pub fn parse(text: &str) -> Result<Self, ColumnError> {
        let mut columns: Vec<GroupColumn<R>> = Vec::new();
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            let itself = [word];
            let alias = R::ALIASES.iter().find(|(alias, _)| *alias == word);
            let names: &[&str] = alias.map_or(&itself, |(_, names)| names);
            for name in names {
                let column = find(name)?;
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        if columns.is_empty() { Err(ColumnError::Empty(R::EXAMPLES[0])) } else { Ok(Self(columns)) }
    }

    /// What tells one thing from another.
    pub(crate) fn identity() -> Self {
        Self::named(R::IDENTITY)
    }

    /// The columns of these names, in the order of [`Groupable::COLUMNS`].
    pub(crate) fn named(names: &[&str]) -> Self {
        Self(R::COLUMNS.iter().filter(|c| names.contains(&c.name)).copied().collect())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|c| c.name)
    }

    /// Every name [`GroupBy::parse`] knows.
    pub fn known() -> impl Iterator<Item = &'static str> {
        R::COLUMNS.iter().map(|c| c.name).chain(R::ALIASES.iter().map(|(alias, _)| *alias))
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|c| c.name == name)
    }
}

impl By {
    /// What tells one flow from another.
    #[must_use]
    pub fn flow() -> Self {
        Self::identity()
    }
}

fn find<R: Groupable>(name: &str) -> Result<GroupColumn<R>, ColumnError> {
    let measured = || R::ALL_COLUMNS.iter().any(|c| c.name == name) || R::Sums::NAMES.contains(&name);
    match R::COLUMNS.iter().find(|c| c.name == name) {
        Some(column) => Ok(*column),
        None if measured() => Err(ColumnError::Measure(name.to_owned(), R::WORD, R::EXAMPLES[0], R::EXAMPLES[1])),
        None => Err(ColumnError::Unknown(name.to_owned())),
    }
}

pub(crate) fn number<T: Into<u64>>(value: Option<T>) -> Field {
    value.map_or(Field::Null, |v| Field::Number(v.into()))
}

pub(crate) fn word(value: Option<&str>, words: &mut Words) -> Field {
    value.map_or(Field::Null, |v| Field::Word(words.number(v)))
}

macro_rules! columns {
    ($($name:ident = $read:expr),* $(,)?) => {
        &[$($crate::columns::GroupColumn { name: stringify!($name), read: $read }),*]
    };
}
pub(crate) use columns;

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::{BurstRecord, ConnectionRecord, DropRecord, LatencyRecord, RequestRecord};

    fn every_group_column_is_one_of_the_record<R: Groupable>() {
        for column in R::COLUMNS {
            assert!(R::ALL_COLUMNS.iter().any(|c| c.name == column.name), "{}", column.name);
        }
        for name in R::IDENTITY {
            assert!(R::COLUMNS.iter().any(|c| c.name == *name), "{name}");
        }
        for column in R::ALL_COLUMNS {
            assert!(!matches!(find::<R>(column.name), Err(ColumnError::Unknown(_))), "{}", column.name);
        }
    }

    #[test]
    fn every_column_of_a_record_can_be_grouped_by_or_is_a_measure() {
        every_group_column_is_one_of_the_record::<FlowRecord>();
        every_group_column_is_one_of_the_record::<ConnectionRecord>();
        every_group_column_is_one_of_the_record::<LatencyRecord>();
        every_group_column_is_one_of_the_record::<DropRecord>();
        every_group_column_is_one_of_the_record::<BurstRecord>();
        every_group_column_is_one_of_the_record::<RequestRecord>();
        assert_eq!(By::flow().names().count(), FlowRecord::IDENTITY.len());
    }

    #[test]
    fn lists_are_read() {
        let names = |text| By::parse(text).map(|by| by.names().collect::<Vec<_>>());
        assert_eq!(names("src_addr, dst_port,"), Ok(vec!["src_addr", "dst_port"]));
        assert_eq!(names("dst,dst_port"), Ok(vec!["dst_addr", "dst_port"]));
        assert_eq!(names("src_adr"), Err(ColumnError::Unknown("src_adr".to_owned())));
        let measure = |name: &str, word, [a, b]: [_; 2]| Err(ColumnError::Measure(name.to_owned(), word, a, b));
        assert_eq!(names("bytes"), measure("bytes", "flows", ["src_addr", "dst_port"]));
        assert_eq!(names("flows"), measure("flows", "flows", ["src_addr", "dst_port"]));
        assert_eq!(names(" , "), Err(ColumnError::Empty("src_addr")));
        let of_connections = GroupBy::<ConnectionRecord>::parse("process,end_reason");
        assert!(of_connections.is_ok_and(|by| by.names().eq(["process", "end_reason"])));
        let of_connections = GroupBy::<ConnectionRecord>::parse("rtt_us_mean").map(|by| by.names().collect());
        assert_eq!(of_connections, measure("rtt_us_mean", "connections", ["src_addr", "dst_port"]));
        let of_latency = |text| GroupBy::<LatencyRecord>::parse(text).map(|by| by.names().collect::<Vec<_>>());
        assert_eq!(of_latency("slow_client"), Ok(vec!["slow_client_addr", "slow_client_port"]));
        assert_eq!(of_latency("src"), Err(ColumnError::Unknown("src".to_owned())));
        assert_eq!(of_latency("latency_ns_p50"), measure("latency_ns_p50", "latency", ["service", "stage"]));
    }
}
