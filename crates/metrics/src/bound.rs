//! A bound on the values of a label.

use std::collections::{BTreeMap, BTreeSet};

/// The label value under which everything without a name of its own is summed.
pub(crate) const OTHER: &str = "other";

/// Decides which values of a label get a series of their own.
///
/// A name once given is kept: were it taken back for a busier one, `other` would jump and every counter under it would
/// look as if it had been reset. So the busiest at the first scrape are named, and later ones while room is left.
#[derive(Debug)]
pub(crate) struct Bound {
    max: usize,
    named: BTreeSet<String>,
    reserved: &'static [&'static str],
}

impl Bound {
    /// At most `max` names; `reserved` are always among them, so that no flood of junk takes their place.
    pub(crate) fn new(max: usize, reserved: &'static [&'static str]) -> Self {
        debug_assert!(reserved.len() <= max);
        Self { max: max - reserved.len(), named: BTreeSet::new(), reserved }
    }

    /// Names the busiest of `weights` while room is left.
    pub(crate) fn admit<'a>(&mut self, weights: impl IntoIterator<Item = (&'a str, u64)>) {
        if self.named.len() >= self.max {
            return;
        }
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, weight) in weights {
            if !self.is_named(name) && name != OTHER {
                let sum = sums.entry(name).or_default();
                *sum = sum.saturating_add(weight);
            }
        }
        let mut order: Vec<(&str, u64)> = sums.into_iter().collect();
        order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let room = self.max - self.named.len();
        self.named.extend(order.into_iter().take(room).map(|(name, _)| name.to_owned()));
    }

    /// How many names it has given, those that are reserved among them.
    pub(crate) fn given(&self) -> usize {
        self.named.len() + self.reserved.len()
    }

    /// The most names it can give.
    pub(crate) fn most(&self) -> usize {
        self.max + self.reserved.len()
    }

    /// The label value for `name`: itself, or `other`.
    pub(crate) fn label<'a>(&self, name: &'a str) -> &'a str {
        if self.is_named(name) { name } else { OTHER }
    }

    /// Whether `name` has a series of its own.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.reserved.contains(&name) || self.named.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_are_named_and_names_are_kept() {
        let mut bound = Bound::new(3, &["arp"]);
        bound.admit([("a", 1), ("b", 5), ("c", 3)]);
        assert_eq!(["a", "b", "c", "arp"].map(|n| bound.label(n)), ["other", "b", "c", "arp"]);
        assert_eq!((bound.given(), bound.most()), (3, 3));
        bound.admit([("a", 1000)]);
        assert_eq!(bound.label("a"), "other", "a later flood takes no name away");
    }

    #[test]
    fn something_really_called_other_is_summed_with_the_rest() {
        let mut bound = Bound::new(8, &[]);
        bound.admit([("other", 9)]);
        assert_eq!(bound.label("other"), "other");
        assert!(bound.named.is_empty());
    }
}
