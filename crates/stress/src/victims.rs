//! Round trips of others, without the rig and with it, as figures.

use crate::report::model::{Percentiles, Round, Victim};

/// Round trips in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    /// Of a turn without the rig.
    pub(crate) off: Vec<u64>,
    /// Of the turn with it that followed.
    pub(crate) on: Vec<u64>,
}

/// What the turns say; `None` where no round has both.
pub(crate) fn victim(mut turns: Vec<Turn>) -> Option<Victim> {
    turns.retain(|turn| !turn.off.is_empty() && !turn.on.is_empty());
    if turns.is_empty() {
        return None;
    }
    let all = |of: fn(&Turn) -> &[u64]| percentiles(turns.iter().flat_map(of).copied().collect());
    let p99_us = |took_ns: &[u64]| percentiles(took_ns.to_vec()).p99_us;
    let rounds: Vec<Round> =
        turns.iter().map(|turn| Round { off_p99_us: p99_us(&turn.off), on_p99_us: p99_us(&turn.on) }).collect();
    let measured = rounds.iter().filter(|round| round.off_p99_us > 0.0);
    let mut ratios: Vec<f64> = measured.map(|round| round.on_p99_us / round.off_p99_us).collect();
    let p99_ratio_median = median(&mut ratios);
    Some(Victim { off: all(|turn| &turn.off), on: all(|turn| &turn.on), rounds, p99_ratio_median })
}

fn percentiles(mut took_ns: Vec<u64>) -> Percentiles {
    took_ns.sort_unstable();
    // The smallest that so many of a thousand do not exceed.
    let at = |per_mille: usize| {
        let rank = (took_ns.len() * per_mille).div_ceil(1000).max(1);
        took_ns.get(rank - 1).map_or(0.0, |ns| *ns as f64 / 1e3)
    };
    Percentiles { count: took_ns.len() as u64, p50_us: at(500), p99_us: at(990), p999_us: at(999) }
}

fn median(of: &mut [f64]) -> Option<f64> {
    of.sort_by(f64::total_cmp);
    let middle = of.len().checked_sub(1)? / 2;
    Some((of[middle] + of[of.len() / 2]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted() {
        let figures = percentiles((1..=1000).rev().map(|us| us * 1000).collect());
        assert_eq!((figures.count, figures.p50_us, figures.p99_us, figures.p999_us), (1000, 500.0, 990.0, 999.0));
        assert_eq!(percentiles(vec![7000]).p50_us, 7.0);
    }

    #[test]
    fn the_ratio_is_the_median_over_rounds_that_have_both() {
        let of = |us: u64| vec![us * 1000; 10];
        let turn = |off, on| Turn { off: of(off), on: of(on) };
        let unpaired = Turn { off: Vec::new(), on: of(900) };
        let told = victim(vec![turn(100, 110), turn(100, 300), turn(100, 105), unpaired.clone()]).expect("rounds");
        assert_eq!((told.rounds.len(), told.p99_ratio_median), (3, Some(1.1)));
        assert_eq!(told.on.count, 30);
        assert!(victim(vec![unpaired]).is_none());
        assert_eq!(median(&mut [1.0, 2.0]), Some(1.5));
    }
}
