//! Series as a row of blocks.

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A series in at most `width` characters, as high as its share of `full`. Where there are more values than characters, each
/// shows the largest of those it stands for: a peak is never lost.
pub(crate) fn spark(values: &[u64], full: u64, width: usize) -> String {
    squeezed(values, width).map(|value| block(value, full)).collect()
}

/// The largest values of as many neighbours as fit one character each.
pub(crate) fn squeezed(values: &[u64], width: usize) -> impl Iterator<Item = u64> {
    let cells = width.min(values.len());
    let edge = move |cell: usize| cell * values.len() / cells.max(1);
    (0..cells).map(move |cell| values[edge(cell)..edge(cell + 1)].iter().copied().max().unwrap_or(0))
}

/// A block as high as the share; the lowest for next to nothing.
#[must_use]
pub fn block(value: u64, full: u64) -> char {
    let share = if full == 0 { 0.0 } else { value as f64 / full as f64 };
    let top = LEVELS.len() - 1;
    LEVELS[((share * top as f64).round() as usize).min(top)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn heights_are_shares() {
        assert_eq!(spark(&[0, 1, 50, 100, 200], 100, 10), "▁▁▅██");
        assert_eq!(spark(&[0, 0], 0, 10), "▁▁");
        assert_eq!(spark(&[], 10, 10), "");
        assert_eq!(spark(&[0, 0, 0, 9, 0, 0], 9, 2), "▁█");
    }

    proptest! {
        #[test]
        fn the_peak_is_always_seen(values in prop::collection::vec(0u64..u64::MAX, 1..400), width in 1usize..100) {
            let full = values.iter().copied().max().unwrap_or(0);
            let text = spark(&values, full, width);
            prop_assert_eq!(text.chars().count(), width.min(values.len()));
            prop_assert!(full == 0 || text.contains('█'), "{}", text);
        }
    }
}
