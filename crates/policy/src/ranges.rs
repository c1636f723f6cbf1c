//! Sets of numbers.

/// A number of fixed width whose neighbours are known.
pub trait Number: Copy + Ord {
    /// The least.
    const MIN: Self;
    /// The greatest.
    const MAX: Self;
    /// The next one; none after the greatest.
    fn next(self) -> Option<Self>;
    /// The one before; none before the least.
    fn before(self) -> Option<Self>;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            const MIN: Self = <$type>::MIN;
            const MAX: Self = <$type>::MAX;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )*};
}

number!(u8, u16, u32, u64, u128);

/// Numbers, as inclusive ranges in order that neither overlap nor touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges<T>(Vec<(T, T)>);

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Number> Ranges<T> {
    /// Of inclusive ranges in any order, which may overlap; those that end before they begin are empty.
    #[must_use]
    pub fn of(mut ranges: Vec<(T, T)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if end.next().is_none_or(|after| first <= after) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        merged.shrink_to_fit();
        Self(merged)
    }

    /// The ranges.
    #[must_use]
    pub fn as_slice(&self) -> &[(T, T)] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `number` is one of them.
    #[must_use]
    pub fn contains(&self, number: T) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= number);
        after > 0 && number <= self.0[after - 1].1
    }

    /// All numbers that are not among them.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut begin = Some(T::MIN);
        for (first, last) in &self.0 {
            if let (Some(begin), Some(end)) = (begin, first.before())
                && begin <= end
            {
                gaps.push((begin, end));
            }
            begin = last.next();
        }
        gaps.extend(begin.map(|begin| (begin, T::MAX)));
        Self(gaps)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = Vec::new();
        while let (Some(&&(a_first, a_last)), Some(&&(b_first, b_last))) = (a.peek(), b.peek()) {
            let (first, last) = (a_first.max(b_first), a_last.min(b_last));
            if first <= last {
                common.push((first, last));
            }
            if a_last <= b_last {
                a.next()
            } else {
                b.next()
            };
        }
        Self(common)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// Whether all of `other` is in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.without(self).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some() -> impl Strategy<Value = Ranges<u8>> {
        proptest::collection::vec(any::<(u8, u8)>(), 0..8).prop_map(Ranges::of)
    }

    proptest! {
        #[test]
        fn sets_of_ranges_are_sets(a in some(), b in some()) {
            for number in 0..=u8::MAX {
                let (in_a, in_b) = (a.contains(number), b.contains(number));
                prop_assert_eq!(a.complement().contains(number), !in_a);
                prop_assert_eq!(a.union(&b).contains(number), in_a || in_b);
                prop_assert_eq!(a.intersection(&b).contains(number), in_a && in_b);
                prop_assert_eq!(a.without(&b).contains(number), in_a && !in_b);
            }
            prop_assert!(a.union(&b).covers(&a) && a.covers(&a.intersection(&b)));
            for set in [a.complement(), a.union(&b), a.intersection(&b), a.without(&b)] {
                prop_assert_eq!(Ranges::of(set.as_slice().to_vec()), set.clone(), "in order, apart");
            }
        }
    }
}
