//! From what a policy says to the tables the kernel decides by.

mod addresses;
mod cost;
mod errors;
pub(crate) mod kinds;
mod lookup;
mod memory;
mod ports;
pub(crate) mod rows;
mod slots;
pub(crate) mod sweep;

pub use cost::Cost;
pub use errors::{CompileError, CompileErrors, Problem};
pub use lookup::Key;
pub use memory::Memory;
pub use slots::Slots;

use crate::tables::{Act, RULES_MAX, Rule, Tables};
use crate::words::{Action, Addresses, Match, Mode, Policy, Target};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Id of the rule in front of all: what a host cannot do without (ARP, neighbour discovery, DHCP) passes.
pub const ALWAYS: &str = "netrig:always";
/// Id of the rule after it: packets from the management allow-list pass.
pub const MANAGEMENT: &str = "netrig:management";

/// What a policy does not say itself: the machine it is for, and what was there before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Interfaces by name: their indices.
    pub interfaces: BTreeMap<String, u32>,
    /// How many CPUs the machine may have, counted from 0.
    pub cpus: u32,
    /// Whose packets pass before any rule: what the policy allows and, with `auto`, who was found to need it.
    pub management: Arc<Addresses>,
    /// Which rules have had counters, and where.
    pub slots: Slots,
}

/// A policy, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What the kernel decides by.
    pub tables: Tables,
    /// Where its rules are counted: [`World::slots`] and those of the new ones. It takes their place once the tables are
    /// in use.
    pub slots: Slots,
}

/// Compiles a policy.
///
/// Rule 0 is [`ALWAYS`], which has no rows; rule 1 is [`MANAGEMENT`], with one row if the allow-list has anybody; the
/// policy's own rules follow in their order, and so do their rows. Of rows of the same rule the first that matches counts:
/// a rule matches a packet once. Rows that no packet could match are left out.
///
/// # Errors
///
/// All that is wrong, each with its rule and line: interfaces and CPUs that are not there, and more rows, rules or classes
/// than the tables hold.
pub fn compile(policy: &Policy, world: &World) -> Result<Compiled, CompileErrors> {
    let mut errors = Vec::new();
    if let Some(beyond) = policy.rules.get(RULES_MAX - 2) {
        return Err(CompileErrors(vec![CompileError::of(beyond, Problem::TooManyRules { rules: policy.rules.len() })]));
    }
    let mut rules = vec![builtin(Slots::ALWAYS), builtin(Slots::MANAGEMENT)];
    let mut slots = world.slots.clone();
    for rule in &policy.rules {
        let act = act(&rule.action, world).map_err(|problem| errors.push(CompileError::of(rule, problem)));
        let slot = slots.assign(&rule.id).ok_or(Problem::NoSlot);
        let slot = slot.map_err(|problem| errors.push(CompileError::of(rule, problem)));
        if let (Ok(act), Ok(slot)) = (act, slot) {
            let ttl_ns = rule.ttl.map(|ttl| u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX));
            rules.push(Rule { slot, act, mode: rule.mode, ttl_ns });
        }
    }
    let mut drafts = rows::Drafts::default();
    let management = Match { src: Some(Arc::clone(&world.management)), ..Match::default() };
    // One row of a match without lists: neither a name nor a bound could be wrong.
    let _ = drafts.add(1, true, &management, world);
    for (place, rule) in policy.rules.iter().enumerate() {
        for alternative in &rule.alternatives {
            if let Err(problem) = drafts.add(place + 2, acts(&rule.action), alternative, world) {
                errors.push(CompileError::of(rule, problem));
                break;
            }
        }
    }
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.line);
        return Err(CompileErrors(errors));
    }
    let tables = drafts.into_tables(rules, policy.fragments).map_err(|overflow| {
        // The rule in front of the policy's own has one set, which cannot have too many classes.
        let rule = &policy.rules[overflow.rule.saturating_sub(2)];
        CompileErrors(vec![CompileError::of(rule, Problem::TooManyClasses { dimension: overflow.dimension })])
    })?;
    Ok(Compiled { tables, slots })
}

fn builtin(slot: u16) -> Rule {
    Rule { slot, act: Act::Pass, mode: Mode::Enforce, ttl_ns: None }
}

fn act(action: &Action, world: &World) -> Result<Act, Problem> {
    Ok(match action {
        Action::Drop => Act::Drop,
        Action::Pass => Act::Pass,
        Action::Count => Act::Count,
        Action::Sample { one_in } => Act::Sample(*one_in),
        Action::Limit(limit) => Act::Limit(*limit),
        Action::Redirect(Target::Interface(name)) => Act::RedirectInterface(world.ifindex(name)?),
        Action::Redirect(Target::Cpu(cpu)) if *cpu >= world.cpus => {
            return Err(Problem::NoSuchCpu { cpu: *cpu, cpus: world.cpus });
        }
        Action::Redirect(Target::Cpu(cpu)) => Act::RedirectCpu(*cpu),
        Action::SynGuard { above_per_second } => Act::SynGuard(*above_per_second),
    })
}

/// Whether packets may end or be sent elsewhere by it.
pub(crate) fn acts(action: &Action) -> bool {
    match action {
        Action::Drop | Action::Limit(_) | Action::Redirect(_) | Action::SynGuard { .. } => true,
        Action::Pass | Action::Count | Action::Sample { .. } => false,
    }
}

impl World {
    fn ifindex(&self, name: &str) -> Result<u32, Problem> {
        self.interfaces.get(name).copied().ok_or_else(|| Problem::UnknownInterface {
            name: name.to_owned(),
            known: self.interfaces.keys().cloned().collect(),
        })
    }
}
