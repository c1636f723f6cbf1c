//! A value to group by, and how a million of them are kept small.

use netrig_model::Timestamp;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::net::IpAddr;

/// One value of a grouping column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    Time(Timestamp),
    /// A word, by its number among the [`Words`].
    Word(u32),
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const V4: u8 = 3;
const V6: u8 = 4;
const TIME: u8 = 5;
const WORD: u8 = 6;
/// Plus the number's bytes that are not leading zeros.
const NUMBER: u8 = 16;

impl Field {
    /// Appends the field to a key: a flow of IPv4 takes 40 bytes so, where fields side by side take 336.
    pub(crate) fn encode(self, key: &mut Vec<u8>) {
        match self {
            Self::Null => key.push(NULL),
            Self::Truth(truth) => key.push(if truth { TRUE } else { FALSE }),
            Self::Address(IpAddr::V4(ip)) => tagged(key, V4, &ip.octets()),
            Self::Address(IpAddr::V6(ip)) => tagged(key, V6, &ip.octets()),
            Self::Time(at) => tagged(key, TIME, &at.0.to_be_bytes()),
            Self::Word(word) => tagged(key, WORD, &word.to_be_bytes()),
            Self::Number(number) => {
                let zeros = (number.leading_zeros() / 8) as u8;
                tagged(key, NUMBER + 8 - zeros, &number.to_be_bytes()[usize::from(zeros)..]);
            }
        }
    }
}

fn tagged(key: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    key.push(tag);
    key.extend_from_slice(bytes);
}

/// The fields of a key, in order.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(key: &'a [u8]) -> Self {
        Self(key)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }
}

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        let [tag] = self.take()?;
        Some(match tag {
            NULL => Field::Null,
            FALSE | TRUE => Field::Truth(tag == TRUE),
            V4 => Field::Address(IpAddr::from(self.take::<4>()?)),
            V6 => Field::Address(IpAddr::from(self.take::<16>()?)),
            TIME => Field::Time(Timestamp(i64::from_be_bytes(self.take()?))),
            WORD => Field::Word(u32::from_be_bytes(self.take()?)),
            _ => {
                let (bytes, rest) = self.0.split_at_checked(usize::from(tag.checked_sub(NUMBER)?))?;
                self.0 = rest;
                Field::Number(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
        })
    }
}

/// Orders keys as people would: numbers by size, words by the alphabet, what is not known first.
pub(crate) fn compare(a: &[u8], b: &[u8], words: &Words) -> Ordering {
    let rank = |field: Field| match field {
        Field::Null => (0, 0, None, ""),
        Field::Number(n) => (1, i128::from(n), None, ""),
        Field::Truth(t) => (2, i128::from(t), None, ""),
        Field::Time(t) => (3, i128::from(t.0), None, ""),
        Field::Address(ip) => (4, 0, Some(ip), ""),
        Field::Word(w) => (5, 0, None, words.text(w)),
    };
    Fields::of(a).map(rank).cmp(Fields::of(b).map(rank))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_field() -> impl Strategy<Value = Field> {
        prop_oneof![
            Just(Field::Null),
            any::<u64>().prop_map(Field::Number),
            (0..70_000u64).prop_map(Field::Number),
            any::<bool>().prop_map(Field::Truth),
            any::<u32>().prop_map(|n| Field::Address(IpAddr::from(n.to_be_bytes()))),
            any::<u128>().prop_map(|n| Field::Address(IpAddr::from(n.to_be_bytes()))),
            any::<i64>().prop_map(|n| Field::Time(Timestamp(n))),
            any::<u32>().prop_map(Field::Word),
        ]
    }

    proptest! {
        #[test]
        fn keys_give_back_their_fields(fields in prop::collection::vec(any_field(), 0..20)) {
            let mut key = Vec::new();
            fields.iter().for_each(|f| f.encode(&mut key));
            prop_assert_eq!(Fields::of(&key).collect::<Vec<_>>(), fields);
        }
    }
}
