//! An empty program: all that statistics say of its time is their own.

use super::{Runs, Statistics};
use crate::ProbeError;
use crate::object::info_of;
use crate::program::{RawKind, RawProgram};
use netrig_filter::{Instruction, Register};

/// Runs of one weighing: some tens of microseconds.
const RUNS: u32 = 500;
/// Weighings, of which the one in the middle counts: a few are hit by something else.
const WEIGHINGS: usize = 15;
/// A frame that test runs take.
const FRAME: [u8; 64] = [0; 64];

/// What statistics cost on this host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weight {
    /// Of that, what they count as the program's own time, nanoseconds a run.
    pub bias_ns: f64,
    /// What a run takes longer while they are on, nanoseconds.
    pub cost_ns: f64,
}

/// The empty program, loaded; attached nowhere.
#[derive(Debug)]
pub struct Yardstick {
    program: RawProgram,
}

impl Yardstick {
    /// Loads it.
    ///
    /// # Errors
    /// The kernel's reason, with what to do about it.
    pub fn load() -> Result<Self, ProbeError> {
        let empty = [Instruction::mov_imm(Register::R0, 0), Instruction::exit()];
        Ok(Self { program: RawProgram::load("netrig_empty", RawKind::SchedCls, &empty)? })
    }

    /// Weighs statistics, which `switch_on` switches on for a moment.
    ///
    /// # Errors
    /// When they cannot be had, or the kernel refuses a test run.
    pub fn weigh(&self, switch_on: impl FnOnce() -> std::io::Result<Statistics>) -> std::io::Result<Weight> {
        let off_ns = self.run_ns()?;
        let statistics = switch_on()?;
        let mut biases = Vec::new();
        for _ in 0..WEIGHINGS {
            let before = self.runs();
            self.program.measure(&FRAME, RUNS)?;
            let gained = self.runs().since(before);
            if gained.runs > 0 {
                biases.push(gained.time_ns as f64 / gained.runs as f64);
            }
        }
        let on_ns = self.run_ns()?;
        drop(statistics);
        Ok(Weight { bias_ns: middle(&mut biases), cost_ns: (on_ns - off_ns).max(0.0) })
    }

    fn run_ns(&self) -> std::io::Result<f64> {
        let mut times = Vec::new();
        for _ in 0..WEIGHINGS {
            times.push(self.program.measure(&FRAME, RUNS)?.1.as_nanos() as f64);
        }
        Ok(middle(&mut times))
    }

    fn runs(&self) -> Runs {
        info_of(self.program.as_fd())
            .map_or_else(Runs::default, |info| Runs { runs: info.run_cnt, time_ns: info.run_time_ns })
    }
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
