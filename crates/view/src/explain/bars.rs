//! The bars of a waterfall.

use crate::bar::eighths_long;

/// What a bar that goes on beyond the edge ends with.
const BEYOND: char = '→';

/// A scale of time over so many characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) ns: f64,
    pub(super) width: usize,
}

impl Scale {
    /// A bar from `from_ns` on for `ns`: whatever took time can be seen, and nothing reaches over the edge.
    pub(super) fn bar(self, from_ns: f64, ns: f64) -> String {
        if self.ns <= 0.0 || self.width == 0 || ns <= 0.0 {
            return String::new();
        }
        let eighths = |ns: f64| (ns / self.ns * self.width as f64 * 8.0).round() as usize;
        let edge = self.width * 8;
        // Blocks begin at whole characters.
        let start = (eighths(from_ns) / 8).min(self.width - 1);
        let end = eighths(from_ns + ns).max(start * 8 + 1);
        let mut bar = format!("{}{}", " ".repeat(start), eighths_long(end.min(edge) - start * 8));
        if end > edge + 8 {
            bar.pop();
            bar.push(BEYOND);
        }
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bars_begin_where_the_one_before_ended() {
        let scale = Scale { ns: 100.0, width: 10 };
        assert_eq!(scale.bar(0.0, 50.0), "█████");
        assert_eq!(scale.bar(50.0, 25.0), "     ██▌");
        assert_eq!(scale.bar(50.0, 0.1), "     ▏");
        assert_eq!(scale.bar(99.9, 0.1), "         █");
        assert_eq!(scale.bar(80.0, 400.0), "        █→");
        assert_eq!(scale.bar(10.0, 0.0), "");
    }

    proptest! {
        #[test]
        fn no_bar_leaves_its_place(from in 0.0..1e12f64, ns in 0.0..1e12f64, whole in 0.0..1e12f64, width in 0..200usize) {
            let bar = Scale { ns: whole, width }.bar(from, ns);
            prop_assert!(bar.chars().count() <= width, "{bar}");
            prop_assert!(bar.is_empty() == (ns <= 0.0 || whole <= 0.0 || width == 0), "{bar}");
        }
    }
}
