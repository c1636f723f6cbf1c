//! The columns that records can be grouped by.

use crate::field::{Field, Words};
use netrig_model::FlowRecord;
use thiserror::Error;

/// A column to group by.
#[derive(Clone, Copy)]
pub struct GroupColumn {
    /// Its name, as in the records.
    pub name: &'static str,
    pub(crate) read: fn(&FlowRecord, &mut Words) -> Field,
}

impl PartialEq for GroupColumn {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for GroupColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Why a list of columns cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ColumnError {
    /// No such column.
    #[error("there is no column `{0}`")]
    Unknown(String),
    /// A column that is summed.
    #[error("`{0}` is summed for every group; group by what tells flows apart, such as src_addr or dst_port")]
    Sum(String),
    /// Nothing named.
    #[error("no column named: give at least one, such as src_addr")]
    Empty,
}

/// The columns of one answer, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct By(pub(crate) Vec<GroupColumn>);

impl By {
    /// Reads `src_addr,dst_port`. `src` and `dst` stand for address and port.
    ///
    /// # Errors
    /// On a name that is no column, or one that is a sum.
    pub fn parse(text: &str) -> Result<Self, ColumnError> {
        let mut columns: Vec<GroupColumn> = Vec::new();
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            let names: &[&str] = match word {
                "src" => &["src_addr", "src_port"],
                "dst" => &["dst_addr", "dst_port"],
                _ => &[word],
            };
            for name in names {
                let column = find(name)?;
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        if columns.is_empty() { Err(ColumnError::Empty) } else { Ok(Self(columns)) }
    }

    /// What tells one flow from another.
    #[must_use]
    pub fn flow() -> Self {
        const NAMES: [&str; 14] = [
            "src_addr",
            "src_port",
            "dst_addr",
            "dst_port",
            "protocol",
            "transport",
            "iface",
            "vlan",
            "vlan_inner",
            "icmp_type",
            "icmp_code",
            "fragment",
            "tunnel",
            "tunnel_id",
        ];
        Self(COLUMNS.iter().filter(|c| NAMES.contains(&c.name)).copied().collect())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|c| c.name)
    }

    /// Every name [`By::parse`] knows.
    pub fn known() -> impl Iterator<Item = &'static str> {
        COLUMNS.iter().map(|c| c.name).chain(["src", "dst"])
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|c| c.name == name)
    }
}

fn find(name: &str) -> Result<GroupColumn, ColumnError> {
    const SUMS: [&str; 5] = ["packets", "bytes", "reverse_packets", "reverse_bytes", "flows"];
    match COLUMNS.iter().find(|c| c.name == name) {
        Some(column) => Ok(*column),
        None if SUMS.contains(&name) => Err(ColumnError::Sum(name.to_owned())),
        None => Err(ColumnError::Unknown(name.to_owned())),
    }
}

fn number<T: Into<u64>>(value: Option<T>) -> Field {
    value.map_or(Field::Null, |v| Field::Number(v.into()))
}

fn word(value: Option<&str>, words: &mut Words) -> Field {
    value.map_or(Field::Null, |v| Field::Word(words.number(v)))
}

macro_rules! columns {
    ($($name:ident = $read:expr),* $(,)?) => {
        &[$(GroupColumn { name: stringify!($name), read: $read }),*]
    };
}

/// In the order of the records' own columns, but sources and destinations before their circumstances.
static COLUMNS: &[GroupColumn] = columns! {
    src_addr = |r, _| r.src_addr.map_or(Field::Null, Field::Address),
    src_port = |r, _| number(r.src_port),
    dst_addr = |r, _| r.dst_addr.map_or(Field::Null, Field::Address),
    dst_port = |r, _| number(r.dst_port),
    protocol = |r, _| number(Some(r.protocol)),
    transport = |r, w| word(r.transport.as_deref(), w),
    iface = |r, w| word(r.iface.as_deref(), w),
    host = |r, w| word(r.host.as_deref(), w),
    netns = |r, _| number(r.netns),
    vlan = |r, _| number(r.vlan),
    vlan_inner = |r, _| number(r.vlan_inner),
    tcp_flags = |r, _| number(r.tcp_flags),
    reverse_tcp_flags = |r, _| number(r.reverse_tcp_flags),
    icmp_type = |r, _| number(r.icmp_type),
    icmp_code = |r, _| number(r.icmp_code),
    dscp = |r, _| number(r.dscp),
    fragment = |r, _| r.fragment.map_or(Field::Null, Field::Truth),
    tunnel = |r, w| word(r.tunnel.map(netrig_model::TunnelKind::as_str), w),
    tunnel_id = |r, _| number(r.tunnel_id),
    sampling_rate = |r, _| number(Some(r.sampling_rate)),
    end_reason = |r, w| word(Some(r.end_reason.as_str()), w),
    process = |r, w| word(r.process.as_deref(), w),
    pid = |r, _| number(r.pid),
    cgroup = |r, w| word(r.cgroup.as_deref(), w),
    container = |r, w| word(r.container.as_deref(), w),
    src_name = |r, w| word(r.src_name.as_deref(), w),
    dst_name = |r, w| word(r.dst_name.as_deref(), w),
    window_start = |r, _| Field::Time(r.window_start),
    window_end = |r, _| Field::Time(r.window_end),
    first_seen = |r, _| Field::Time(r.first_seen),
    last_seen = |r, _| Field::Time(r.last_seen),
};

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::FLOW_COLUMNS;

    #[test]
    fn every_column_of_the_record_can_be_grouped_by_or_is_a_sum() {
        for column in FLOW_COLUMNS {
            assert!(!matches!(find(column.name), Err(ColumnError::Unknown(_))), "{}", column.name);
        }
        for column in COLUMNS {
            assert!(FLOW_COLUMNS.iter().any(|c| c.name == column.name), "{}", column.name);
        }
    }

    #[test]
    fn lists_are_read() {
        let names = |text| By::parse(text).map(|by| by.names().collect::<Vec<_>>());
        assert_eq!(names("src_addr, dst_port,"), Ok(vec!["src_addr", "dst_port"]));
        assert_eq!(names("dst,dst_port"), Ok(vec!["dst_addr", "dst_port"]));
        assert_eq!(names("src_adr"), Err(ColumnError::Unknown("src_adr".to_owned())));
        assert_eq!(names("bytes"), Err(ColumnError::Sum("bytes".to_owned())));
        assert_eq!(names(" , "), Err(ColumnError::Empty));
    }
}
