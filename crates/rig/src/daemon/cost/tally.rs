//! From what programs did in a slice to what they cost in all.
//!
//! Between slices nothing is measured. Of programs that run for every packet it is known all the same how often they ran, for the flow
//! probe counts packets; of others a slice stands for the time around it.

use netrig_probes::meter::Runs;

/// What a slice's weight falls to with the next, where it stands for packets: programs' time a packet changes slowly.
const FADE: f64 = 0.7;
/// Rates that are shown are those of about so much time.
const SHOWN_NS: f64 = 10e9;

/// A slice in which statistics were on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slice {
    pub(super) span_ns: u64,
    /// Packets in it, in the stack's units.
    pub(super) frames: u64,
}

/// One probe's account.
#[derive(Debug)]
pub(super) struct Tally {
    by_packets: bool,
    /// Of the latest slices, fading: time, runs, packets.
    time_ns: f64,
    runs: f64,
    frames: f64,
    /// Since the start.
    total_ns: f64,
    total_runs: f64,
    /// Of the latest seconds, fading: time, runs, and the time they were measured over.
    shown: [f64; 3],
}

impl Tally {
    /// `by_packets`: its programs run for every packet that the flow probe counts.
    pub(super) fn new(by_packets: bool) -> Self {
        Self { by_packets, time_ns: 0.0, runs: 0.0, frames: 0.0, total_ns: 0.0, total_runs: 0.0, shown: [0.0; 3] }
    }

    /// What its programs did in a slice, of which `whole` is what it stands for. Returns the cost of that, nanoseconds.
    pub(super) fn add(&mut self, did: Runs, slice: Slice, whole: Slice, bias_ns: f64) -> f64 {
        let runs = did.runs as f64;
        let time_ns = (did.time_ns as f64 - runs * bias_ns).max(0.0);
        let (cost_ns, all_runs) = if self.by_packets && slice.span_ns < whole.span_ns {
            self.time_ns = self.time_ns * FADE + time_ns;
            self.runs = self.runs * FADE + runs;
            self.frames = self.frames * FADE + slice.frames as f64;
            let times = share(whole.frames as f64, self.frames);
            (self.time_ns * times, self.runs * times)
        } else {
            let times = share(whole.span_ns as f64, slice.span_ns as f64);
            (time_ns * times, runs * times)
        };
        self.total_ns += cost_ns;
        self.total_runs += all_runs;
        self.show([cost_ns, all_runs, whole.span_ns as f64]);
        cost_ns
    }

    fn show(&mut self, new: [f64; 3]) {
        let fade = (-new[2] / SHOWN_NS).exp();
        for (shown, new) in self.shown.iter_mut().zip(new) {
            *shown = *shown * fade + new;
        }
    }

    /// Something was changed: what was learnt of a packet's cost is no longer so.
    pub(super) fn forget(&mut self) {
        (self.time_ns, self.runs, self.frames) = (0.0, 0.0, 0.0);
        self.shown = [0.0; 3];
    }

    pub(super) fn by_packets(&self) -> bool {
        self.by_packets
    }

    /// Time and runs since the start.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.total_ns as u64, self.total_runs as u64)
    }

    /// Runs a second, nanoseconds a run, share of a core.
    pub(super) fn rates(&self) -> (f64, f64, f64) {
        let [cost_ns, runs, span_ns] = self.shown;
        (share(runs * 1e9, span_ns), share(cost_ns, runs), share(cost_ns, span_ns))
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLICE: Slice = Slice { span_ns: 100_000_000, frames: 1000 };
    const WHOLE: Slice = Slice { span_ns: 5_000_000_000, frames: 200_000 };

    #[test]
    fn packets_that_were_counted_tell_how_often_a_program_ran() {
        let mut tally = Tally::new(true);
        let cost_ns = tally.add(Runs { runs: 1000, time_ns: 150_000 }, SLICE, WHOLE, 50.0);
        assert!((cost_ns - 20e6).abs() < 1.0, "{cost_ns}: 100 ns for each of 200,000 packets");
        assert_eq!(tally.totals().1, 200_000);
        // A slice without a packet takes nothing from what is known.
        let quiet = Slice { frames: 0, ..SLICE };
        let cost_ns = tally.add(Runs::default(), quiet, WHOLE, 50.0);
        assert!((cost_ns - 20e6).abs() < 1.0, "{cost_ns}");
        let (runs_per_second, ns_per_run, core) = tally.rates();
        assert!((runs_per_second - 40_000.0).abs() < 1.0 && (ns_per_run - 100.0).abs() < 1e-6, "{tally:?}");
        assert!((core - 0.004).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_follow_packets_is_extrapolated_by_time() {
        let mut tally = Tally::new(false);
        let cost_ns = tally.add(Runs { runs: 10, time_ns: 1500 }, SLICE, WHOLE, 50.0);
        assert!((cost_ns - 50_000.0).abs() < 1e-6, "{cost_ns}");
        assert_eq!(tally.totals(), (50_000, 500));
    }

    #[test]
    fn where_all_is_measured_nothing_is_extrapolated() {
        for by_packets in [false, true] {
            let mut tally = Tally::new(by_packets);
            tally.add(Runs { runs: 7, time_ns: 1000 }, WHOLE, WHOLE, 100.0);
            assert_eq!(tally.totals(), (300, 7));
        }
    }

    proptest! {
        #[test]
        fn totals_never_go_backwards_nor_is_any_time_less_than_none(
            slices in prop::collection::vec((any::<u32>(), any::<u32>(), 0_u64..10_000, 1_u64..1_000_000_000), 1..50),
            bias_ns in 0.0_f64..500.0, by_packets: bool,
        ) {
            let mut tally = Tally::new(by_packets);
            let mut last = (0, 0);
            for (runs, time_ns, frames, span_ns) in slices {
                let did = Runs { runs: runs.into(), time_ns: time_ns.into() };
                let whole = Slice { span_ns: span_ns * 50, frames: frames * 60 };
                let cost_ns = tally.add(did, Slice { span_ns, frames }, whole, bias_ns);
                prop_assert!(cost_ns >= 0.0 && cost_ns.is_finite());
                let totals = tally.totals();
                prop_assert!(totals.0 >= last.0 && totals.1 >= last.1);
                last = totals;
            }
        }
    }
}
