//! A value to group by, small enough for a million groups.

use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// One value of a grouping column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Not known.
    Null,
    /// A number.
    Number(u64),
    /// A truth value.
    Truth(bool),
    /// An address.
    Address(IpAddr),
    /// An instant.
    Time(netrig_model::Timestamp),
    /// A word, by its number among the [`Words`].
    Word(u32),
}

/// Texts, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Words {
    numbers: FxHashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Words {
    /// The number of `text`. The four billion that fit are never reached: groups are bounded far below.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |t| t)
    }
}
