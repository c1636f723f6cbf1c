//! A run from its plan to its report.

mod limit;
mod machine;
mod part;
mod rounds;

pub use limit::find_limit;

use crate::StressError;
use crate::generate;
use crate::plan::Plan;
use crate::report::model::{Bottleneck, Report, Traffic};
use crate::report::verdict;
use crate::victims::{Turn, victim};
use crate::watch::rig_config;
use crate::world::{BpfObjects, World};
use netrig_config::Config;
use part::Part;
use rounds::rounds;
use rustix::thread::{CapabilitySet, capabilities};
use std::path::PathBuf;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The scenario.
    pub plan: Plan,
    /// Where randomness comes from.
    pub seed: u64,
    /// The program that is the rig: `run -c FILE` is told to it.
    pub executable: PathBuf,
    /// Settings of the rig that the scenario's go over.
    pub base: Option<toml::Table>,
    /// Whether somebody else's traffic is measured too, without the rig and with it in turns.
    pub victim: bool,
}

/// Whoever wanted the run.
pub struct Asker<'a> {
    /// Is told what is being done, a line each.
    pub say: &'a mut dyn FnMut(&str),
    /// Whether it shall end now.
    pub is_told_to_stop: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Asker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

/// Runs it, on the calling thread: the rig ends with that.
///
/// # Errors
/// When the world cannot be made, traffic cannot be sent, the rig does not run, or somebody wanted it to end.
pub fn run(asked: &Asked, asker: &mut Asker<'_>) -> Result<Report, StressError> {
    let plan = &asked.plan;
    generate::check(plan)?;
    if !may_make_worlds() {
        return Err(StressError::Rights);
    }
    let (started, machine) = (machine::now(), machine::this()?);
    (asker.say)(&format!("making {} of the stress's own", if plan.interfaces > 1 { "wires" } else { "a wire" }));
    let world = World::make(plan)?;
    let config = rig_config(asked.base.as_ref(), plan, &world)?;
    let rig_config = toml::to_string(&config).map_err(|error| StressError::Asked(error.to_string()))?;
    let window = read(&rig_config)?.rig.window;
    let mut all = Part::default();
    let mut turns = Vec::new();
    let mut objects = BpfObjects::default();
    let mut odd = Vec::new();
    let made = rounds(plan.duration, asked.victim);
    for (number, round) in made.iter().enumerate() {
        let seed = asked.seed.wrapping_add(number as u64 * 1000);
        let mut off = Vec::new();
        if !round.off.is_zero() {
            (asker.say)(&format!("round {} of {}: {:.0?} without the rig", number + 1, made.len(), round.off));
            off = part::without_the_rig(&world, plan, round.off, seed, asker)?;
        }
        (asker.say)(&format!("round {} of {}: starting the rig", number + 1, made.len()));
        let given = part::Given { asked, config: &config, window, length: round.on, seed, offset_s: all.duration_s };
        let mut part = part::with_the_rig(&world, &given, asker)?;
        turns.push(Turn { off, on: std::mem::take(&mut part.round_trips) });
        objects.add(std::mem::take(&mut part.objects));
        odd.append(&mut part.odd);
        all.add(part);
    }
    (asker.say)("taking all down");
    let mut left_behind = world.unmake();
    left_behind.extend(objects.left());
    left_behind.append(&mut odd);
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: plan.name.clone(),
        seed: asked.seed,
        started,
        duration_s: all.duration_s,
        machine,
        rate_asked_pps: plan.rate,
        rig_config,
        traffic: traffic(&all),
        ledger: all.account.rows,
        losses: all.account.losses,
        samples: all.samples,
        victim: victim(turns),
        bottleneck: Bottleneck::default(),
        limit: None,
        left_behind,
    };
    report.bottleneck = verdict::judge(&report);
    Ok(report)
}

/// Root in a container may lack what it takes.
fn may_make_worlds() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// The rig's own reading of its configuration, so that what is wrong in it is told before anything is run.
fn read(config: &str) -> Result<Config, StressError> {
    let read = Config::from_toml(config, "the rig's configuration", std::iter::empty());
    read.map_err(|errors| StressError::Asked(errors.to_string()))
}

fn traffic(all: &Part) -> Traffic {
    let rows = &all.account.rows;
    if !all.is_told {
        return Traffic { offered_packets: all.offered, sent_packets: all.sent, ..Traffic::default() };
    }
    let told = rows.iter().map(|row| row.told_packets + row.not_ip_packets).sum::<u64>();
    let extrapolated: u64 = rows.iter().map(|row| row.extrapolated_packets).sum();
    Traffic {
        offered_packets: all.offered,
        sent_packets: all.sent,
        seen_packets: Some(rows.iter().map(|row| row.seen_packets).sum()),
        told_packets: Some(told.saturating_sub(extrapolated)),
        lost_packets: Some(rows.iter().map(|row| row.overflow_packets + row.sampled_out_packets).sum()),
        unaccounted_packets: rows.iter().map(|row| row.unaccounted_packets).sum(),
    }
}
