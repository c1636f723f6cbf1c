//! How much each flow of a burst sent, from samples: no more is told than they are good for.
//!
//! Where a burst has hundreds of flows, a few of them were met by chance twice or three times, and would be told as several times as
//! large as they are: the largest estimate is the luckiest. So a flow is told by its own samples if it has more of them than the
//! luckiest of so many equal flows would have. The others are told by what they have in common: as the mean of them, or as much of the
//! way from there to their own estimates as these differ more than chance makes them differ.

/// All samples of a burst, so scaled that they add up to its octets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sampled {
    /// The flows with most, by number, the largest first.
    pub(super) largest: Vec<(u64, f64)>,
    /// Flows that were met at all.
    pub(super) flows: usize,
    /// Sum of the squares of what each sample stands for.
    pub(super) sample_squares: f64,
    /// Sum of the squares of what each flow has.
    pub(super) flow_squares: f64,
}

/// The sums over all flows of a burst that [`shrink`] needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    /// Octets.
    pub(super) bytes: f64,
    /// Distinct flows, met by a sample or not.
    pub(super) flows: f64,
    /// As in [`Sampled`].
    pub(super) sample_squares: f64,
    /// As in [`Sampled`].
    pub(super) flow_squares: f64,
}

/// Chance has its way with one burst in so many, of all of its flows together, as a natural logarithm.
const CONFIDENCE: f64 = 2.0;

/// With fewer samples than this for each flow estimates must differ clearly to be told as different.
const FEW: f64 = 3.0;

/// Makes estimates of flows, the largest first, what they are good for. Their order stays.
pub(super) fn shrink(estimates: &mut [f64], whole: Whole) {
    let Whole { mut bytes, mut flows, sample_squares, mut flow_squares } = whole;
    // What a sample stands for: the mean one as octets meet it.
    let weight = sample_squares / bytes.max(1.0);
    let mut rest = estimates;
    while let Some((largest, smaller)) = std::mem::take(&mut rest).split_first_mut() {
        if flows < 1.5 || *largest > luckiest(bytes / flows, flows, weight) {
            // The last one there is has what is left.
            *largest = largest.min(bytes);
            bytes -= *largest;
            flow_squares -= *largest * *largest;
            flows = (flows - 1.0).max(1.0);
            rest = smaller;
            continue;
        }
        let mean = bytes / flows;
        let mut by_chance = weight * bytes;
        if mean < FEW * weight {
            // How much chance itself varies matters where there is little else.
            by_chance *= 1.0 + 2.0 * (2.0 / flows + weight / bytes.max(1.0)).sqrt();
        }
        let differ = flow_squares - bytes * mean;
        let own = if differ > 0.0 { (1.0 - by_chance / differ).clamp(0.0, 1.0) } else { 0.0 };
        for estimate in std::iter::once(largest).chain(smaller) {
            *estimate = mean + own * (*estimate - mean);
        }
        return;
    }
}

/// The most that the samples of one of so many flows of this mean say, but for rare chance (Bernstein's bound).
fn luckiest(mean: f64, flows: f64, weight: f64) -> f64 {
    let chance = flows.max(1.0).ln() + CONFIDENCE;
    let third = weight * chance / 3.0;
    mean + third + (third * third + 2.0 * weight * chance * mean).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn generator(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed | 1;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// Flows of these octets, met by so many samples of the same weight: what is told of each that was met, the largest first.
    fn told(truth: &[f64], samples: u32, seed: u64) -> Vec<(usize, f64)> {
        let mut random = generator(seed);
        let bytes: f64 = truth.iter().sum();
        let weight = bytes / f64::from(samples);
        let mut met = vec![0.0; truth.len()];
        for _ in 0..samples {
            let mut at = random() * bytes;
            let flow = truth.iter().position(|its| {
                at -= its;
                at < 0.0
            });
            met[flow.unwrap_or(0)] += weight;
        }
        let mut flows: Vec<_> = met.into_iter().enumerate().filter(|(_, its)| *its > 0.0).collect();
        flows.sort_by(|a, b| b.1.total_cmp(&a.1));
        let flow_squares = flows.iter().map(|(_, its)| its * its).sum();
        let mut estimates: Vec<_> = flows.iter().take(32).map(|(_, its)| *its).collect();
        let sample_squares = weight * weight * f64::from(samples);
        shrink(&mut estimates, Whole { bytes, flows: truth.len() as f64, sample_squares, flow_squares });
        flows.iter().map(|(flow, _)| *flow).zip(estimates).collect()
    }

    #[test]
    fn many_equal_flows_are_told_as_equal_ones() {
        for (flows, samples) in [(20, 90), (100, 90), (200, 90), (500, 90), (100, 400)] {
            let truth = vec![6_000.0; flows];
            let mut far = 0;
            for seed in 0..200 {
                let largest = told(&truth, samples, seed)[0].1;
                far += u32::from(largest > 2.0 * 6_000.0);
            }
            assert!(far <= 20, "{flows} flows, {samples} samples: {far} of 200 are told as twice as large");
        }
    }

    #[test]
    fn a_flow_that_is_larger_than_the_others_is_told_by_its_own_samples() {
        for others in [9, 99, 400] {
            let mut truth = vec![10_000.0; others];
            let largest = 10_000.0 * others as f64;
            truth.push(largest);
            let all: Vec<_> = (0..200).map(|seed| told(&truth, 120, seed)[0]).collect();
            assert!(all.iter().all(|(flow, _)| *flow == others));
            let mean = all.iter().map(|(_, its)| its).sum::<f64>() / all.len() as f64;
            assert!((mean / largest - 1.0).abs() < 0.05, "{mean} of {largest} beside {others}");
        }
    }

    #[test]
    fn a_few_flows_are_told_within_a_tenth_on_the_average() {
        for truth in [vec![500.0, 500.0], vec![900.0, 100.0], vec![370.0, 320.0, 310.0], vec![600.0, 200.0, 200.0]] {
            let all: Vec<_> = (0..300).map(|seed| told(&truth, 150, seed)).collect();
            for (flow, its) in truth.iter().enumerate() {
                let of_flow = all.iter().flatten().filter(|(each, _)| *each == flow).map(|(_, told)| told);
                let mean = of_flow.sum::<f64>() / all.len() as f64;
                assert!((mean / its - 1.0).abs() < 0.1, "{mean} for {its} of {truth:?}");
            }
        }
    }

    #[test]
    fn one_flow_has_all_of_it() {
        assert_eq!(told(&[70_000.0], 5, 1), [(0, 70_000.0)]);
        assert_eq!(told(&[70_000.0], 1, 1), [(0, 70_000.0)]);
    }

    proptest! {
        #[test]
        fn what_is_told_keeps_its_order_and_is_no_more_than_there_is(
            truth in prop::collection::vec(1.0_f64..1e6, 1..300), samples in 1_u32..300, seed: u64,
        ) {
            let told = told(&truth, samples, seed);
            let all: f64 = told.iter().map(|(_, its)| its).sum();
            let bytes: f64 = truth.iter().sum();
            prop_assert!(all <= bytes * 1.000_001, "{} of {}", all, bytes);
            prop_assert!(told.iter().all(|(_, its)| *its > 0.0));
            prop_assert!(told.windows(2).all(|pair| pair[0].1 >= pair[1].1 * 0.999_999), "{:?}", told);
        }
    }
}
