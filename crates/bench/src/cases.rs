//! Which flows the packets of a case belong to, and what the case may cost.

/// Packets of the sequence; cases walk through it round and round.
pub(crate) const SEQUENCE_LEN: usize = 1 << 22;
pub(crate) const MILLION: u32 = 1 << 20;
/// Exponent of the Zipf case: rank r is drawn in proportion to r^-s.
const ZIPF_EXPONENT: f64 = 1.05;

/// How flows are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Draw {
    Uniform,
    Zipf,
    /// One after the other, in scattered order.
    InTurn,
    /// Every packet begins a flow.
    AllNew,
}

/// One case of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) flows: u32,
    pub(crate) draw: Draw,
    /// At most this share of what the textbook adds.
    pub(crate) ratio_max: f64,
    /// Where a figure of this machine was promised too: at most so many nanoseconds.
    pub(crate) ns_max: Option<f64>,
}

pub(crate) const CASES: [Case; 6] = [
    Case { name: "one flow", flows: 1, draw: Draw::Uniform, ratio_max: 0.10, ns_max: Some(7.0) },
    Case { name: "10k flows", flows: 10_000, draw: Draw::Uniform, ratio_max: 0.20, ns_max: Some(16.0) },
    Case { name: "64k flows", flows: 65_536, draw: Draw::Uniform, ratio_max: 0.25, ns_max: None },
    Case { name: "Zipf, 1M flows", flows: MILLION, draw: Draw::Zipf, ratio_max: 0.33, ns_max: None },
    Case { name: "uniform, 1M flows", flows: MILLION, draw: Draw::Uniform, ratio_max: 0.35, ns_max: None },
    Case { name: "all new", flows: MILLION, draw: Draw::AllNew, ratio_max: 0.60, ns_max: None },
];

/// For the drain: every flow lives, none is busy.
pub(crate) const MILLION_LIVE: Case =
    Case { name: "1M live flows", flows: MILLION, draw: Draw::InTurn, ratio_max: f64::NAN, ns_max: None };
/// For the live path.
pub(crate) const LIVE_PATH: Case = CASES[1];

/// IPv6 may cost so much more.
pub(crate) const IPV6_FACTOR: f64 = 1.3;

impl Case {
    /// The flow of each packet; the same every time.
    pub(crate) fn sequence(&self) -> Vec<u32> {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        match self.draw {
            Draw::AllNew => Vec::new(),
            Draw::Uniform => (0..SEQUENCE_LEN).map(|_| random.below(self.flows)).collect(),
            Draw::InTurn => (0..SEQUENCE_LEN as u32).map(|at| scatter(at, self.flows)).collect(),
            Draw::Zipf => {
                let ranks = Ranks::new(self.flows);
                (0..SEQUENCE_LEN).map(|_| scatter(ranks.draw(&mut random), self.flows)).collect()
            }
        }
    }
}

/// Keeps popular flows from being neighbours in number: a bijection on powers of two.
fn scatter(rank: u32, flows: u32) -> u32 {
    debug_assert!(flows.is_power_of_two(), "the multiplication is one-to-one only then");
    rank.wrapping_mul(0x9e37_79b1) & (flows - 1)
}

/// xorshift64*: the same numbers on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The cumulative distribution of ranks.
struct Ranks(Vec<f64>);

impl Ranks {
    fn new(flows: u32) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=flows)
            .map(|rank| {
                sum += f64::from(rank).powf(-ZIPF_EXPONENT);
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|c| *c /= sum);
        Self(cumulative)
    }

    fn draw(&self, random: &mut Random) -> u32 {
        let at = random.fraction();
        self.0.partition_point(|c| *c < at).min(self.0.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_stay_in_their_flows_and_use_them() {
        for case in CASES.iter().filter(|c| c.draw != Draw::AllNew) {
            let sequence = case.sequence();
            assert_eq!(sequence.len(), SEQUENCE_LEN);
            assert!(sequence.iter().all(|flow| *flow < case.flows));
        }
    }

    #[test]
    fn zipf_has_a_head_and_a_tail() {
        let sequence = CASES[3].sequence();
        let mut counts = std::collections::HashMap::new();
        sequence.iter().for_each(|flow| *counts.entry(flow).or_insert(0_u32) += 1);
        let head = f64::from(counts.values().copied().max().unwrap_or_default()) / SEQUENCE_LEN as f64;
        assert!((0.05..0.15).contains(&head), "the first flow has {head} of all packets");
        assert!(counts.len() > 300_000, "{} flows appear", counts.len());
    }
}
