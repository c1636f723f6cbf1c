//! Rounds: the programs take turns, so that whatever else the machine does falls on all alike.

use crate::sys;
use anyhow::{Result, anyhow};
use std::os::fd::BorrowedFd;

/// One figure of each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// Half of the samples lie between these.
    pub(crate) fn quartiles(&self) -> (f64, f64) {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| sorted.get(sorted.len().saturating_sub(1) * quarter / 4).copied().unwrap_or(f64::NAN);
        (at(1), at(3))
    }

    /// How far off the median may be, as far as the samples tell: its standard error.
    pub(crate) fn error_of_median(&self) -> f64 {
        /// Of a normal distribution, in distances between quartiles over the root of the count.
        const ERROR_OF_MEDIAN: f64 = 0.93;
        let (low, high) = self.quartiles();
        ERROR_OF_MEDIAN * (high - low) / (self.0.len() as f64).sqrt()
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Round by round, this and the other made one figure.
    pub(crate) fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| combine(*a, *b)).collect())
    }

    /// Round by round, what this has beyond `base`.
    pub(crate) fn beyond(&self, base: &Self) -> Self {
        self.with(base, |a, b| a - b)
    }
}

/// What takes turns at the same hooks, by number; 0 is nothing at all.
pub(crate) trait Contenders {
    /// Takes off what is attached and attaches this.
    fn attach(&mut self, which: usize) -> Result<()>;
    /// Gives back what has ended: what the rig does all the time.
    fn drain(&mut self);
}

/// Has each of `which` attached once a round, and takes the figures of each turn. In the end nothing is attached.
pub(crate) fn contest<C: Contenders + ?Sized, const FIGURES: usize>(
    rounds: usize,
    which: &[usize],
    contenders: &mut C,
    turn: &mut dyn FnMut(&mut C) -> Result<[f64; FIGURES]>,
) -> Result<Vec<[Samples; FIGURES]>> {
    let mut samples = vec![[const { Samples(Vec::new()) }; FIGURES]; which.len()];
    for round in 0..=rounds {
        for place in 0..which.len() {
            // Each comes after each of the others equally often.
            let place = if round % 2 == 0 { place } else { which.len() - 1 - place };
            contenders.attach(which[place])?;
            let figures = turn(contenders)?;
            contenders.drain();
            // The first round warms up.
            if round > 0 {
                samples[place].iter_mut().zip(figures).for_each(|(samples, figure)| samples.push(figure));
            }
        }
    }
    contenders.attach(0)?;
    Ok(samples)
}

/// Runs a program `packets` times on each of `cpus` CPUs at once; mean CPU nanoseconds a packet.
pub(crate) fn run(program: BorrowedFd<'_>, packet: &[u8], packets: u32, cpus: usize) -> Result<f64> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cpus)
            .map(|cpu| {
                scope.spawn(move || -> Result<f64> {
                    sys::measure_on(cpu)?;
                    let before = sys::thread_cpu_ns();
                    sys::test_run(program, packet, packets, 0)?;
                    Ok((sys::thread_cpu_ns() - before) as f64 / f64::from(packets))
                })
            })
            .collect();
        let mut sum = 0.0;
        for thread in threads {
            sum += thread.join().map_err(|_| anyhow!("a measuring thread panicked"))??;
        }
        Ok(sum / cpus as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(Samples(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(Samples(vec![5.0, 1.0, 2.0, 4.0, 3.0]).quartiles(), (2.0, 4.0));
        assert!((Samples(vec![5.0, 1.0, 2.0, 4.0]).error_of_median() - 1.395).abs() < 1e-9);
        let beyond = Samples(vec![5.0, 7.0]).beyond(&Samples(vec![1.0, 2.0]));
        assert_eq!((beyond.min(), beyond.max()), (4.0, 5.0));
    }

    /// Who was attached, one after the other.
    #[derive(Default)]
    struct Three(Vec<usize>);

    impl Contenders for Three {
        fn attach(&mut self, which: usize) -> Result<()> {
            self.0.push(which);
            Ok(())
        }

        fn drain(&mut self) {}
    }

    #[test]
    fn contenders_take_turns_and_nothing_stays() -> Result<()> {
        let mut three = Three::default();
        let samples = contest(2, &[0, 4, 2], &mut three, &mut |three| {
            let which = three.0.last().map_or(f64::NAN, |which| *which as f64);
            Ok([which, -which])
        })?;
        assert_eq!(three.0, [0, 4, 2, 2, 4, 0, 0, 4, 2, 0]);
        let told: Vec<_> = samples.iter().map(|[first, second]| (first.0.clone(), second.0.clone())).collect();
        assert_eq!(told, [0.0, 4.0, 2.0].map(|which| (vec![which; 2], vec![-which; 2])));
        Ok(())
    }
}
