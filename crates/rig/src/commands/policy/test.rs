//! `netrig policy test`: a capture through a policy, in the real kernel programs.

use super::{absolute, text_of};
use crate::cli::PolicyTestArgs;
use crate::failure::Usage;
use crate::output::{Output, say, table_style};
use crate::policy::{Prepared, SetFiles, Surroundings, action_of, memory_max, prepare};
use crate::settings;
use netrig_model::{PolicyAction, PolicyMode, PolicyRuleStatus};
use netrig_policy::compile::{ALWAYS, MANAGEMENT};
use netrig_policy::words::{Action, Mode, Policy, Target};
use netrig_policy::{Slots, read};
use netrig_replay::policy::{PolicyReplay, PolicyReplayError, RECEIVED_AT, verdicts};
use netrig_view::{list_policy_rules, policy_rule_line, units};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn run(args: &PolicyTestArgs) -> anyhow::Result<()> {
    let config = settings::load(args.config.config.as_deref())?;
    let text = text_of(&args.file)?;
    let shown = args.file.display().to_string();
    let mut sets = SetFiles::beside(Path::new(&absolute(&args.file)?));
    let wrong = |said: String| anyhow::Error::from(Usage(said));
    let named = read(&text, &shown, &mut sets).map_err(|errors| wrong(errors.to_string()))?;
    let surroundings = Surroundings {
        interfaces: interfaces_of(&named.policy),
        cpus: u32::try_from(netrig_host::cpus()?.possible)?,
        memory_max: memory_max(config.rig.memory.0),
        ..Surroundings::default()
    };
    let prepared = prepare(&text, &shown, &mut sets, &surroundings).map_err(|refused| wrong(refused.to_string()))?;
    let (replayed, broken) = match verdicts(&args.capture, &prepared.compiled.tables) {
        Ok(replayed) => (replayed, None),
        // Up to where it breaks it is told; of what is no capture there is nothing to tell.
        Err(PolicyReplayError::Capture { error, so_far }) if so_far.packets > 0 => (*so_far, Some(error)),
        Err(error) => return Err(error.into()),
    };
    let rules = rules_of(&prepared, &replayed);
    let mut out = Output::stdout();
    if args.json {
        for rule in &rules {
            out.line(&policy_rule_line(rule)?);
        }
    } else {
        list_policy_rules(&rules, table_style(), &mut |line| out.line(line));
    }
    out.finish()?;
    say(&sentence(&replayed));
    broken.map_or(Ok(()), |error| Err(error.into()))
}

/// All that the policy names are where the packets come in: whether they are here does not matter.
fn interfaces_of(policy: &Policy) -> BTreeMap<String, u32> {
    let of_rules = policy.rules.iter().flat_map(|rule| {
        let matched = rule.alternatives.iter().filter_map(|each| each.iface.as_ref()).flatten();
        let target = match &rule.action {
            Action::Redirect(Target::Interface(name)) => Some(name),
            _ => None,
        };
        matched.chain(target)
    });
    of_rules.chain(&policy.interfaces).map(|name| (name.clone(), RECEIVED_AT)).collect()
}

fn rules_of(prepared: &Prepared, replayed: &PolicyReplay) -> Vec<PolicyRuleStatus> {
    let built_in = [(ALWAYS, Slots::ALWAYS), (MANAGEMENT, Slots::MANAGEMENT)]
        .map(|(id, slot)| (slot, PolicyRuleStatus { id: id.into(), action: PolicyAction::Pass, ..Default::default() }));
    let own = prepared.read.policy.rules.iter().filter_map(|rule| {
        let status = PolicyRuleStatus {
            id: rule.id.clone(),
            action: action_of(&rule.action),
            mode: if rule.mode == Mode::Shadow { PolicyMode::Shadow } else { PolicyMode::Enforce },
            comment: rule.comment.clone(),
            owner: rule.owner.clone(),
            ..PolicyRuleStatus::default()
        };
        Some((prepared.compiled.slots.get(&rule.id)?, status))
    });
    let counted = built_in.into_iter().chain(own).map(|(slot, mut status)| {
        if let Some(counts) = replayed.rules.iter().find(|rule| rule.slot == slot) {
            (status.packets, status.bytes) = (counts.matched.packets, counts.matched.bytes);
            (status.over_packets, status.over_bytes) = (counts.over.packets, counts.over.bytes);
        }
        status
    });
    counted.collect()
}

fn sentence(replayed: &PolicyReplay) -> String {
    let count = |packets: u64| units::count(packets);
    let mut sentence = format!(
        "netrig: {} packets: {} passed, {} dropped, {} redirected",
        count(replayed.packets),
        count(replayed.passed.packets),
        count(replayed.dropped.packets),
        count(replayed.redirected.packets),
    );
    let beside = [
        (replayed.answered.packets, "answered with a SYN cookie"),
        (replayed.too_short, "too short to be judged"),
        (replayed.too_long, "too long to be judged"),
        (replayed.truncated, "judged by a part of them, as the capture has no more"),
        (replayed.sources_forgotten, "sources forgotten by limits that were full"),
    ];
    for (number, what) in beside.into_iter().filter(|(number, _)| *number > 0) {
        sentence.push_str(&format!(", {} {what}", count(number)));
    }
    sentence.push_str("; limits are judged as if all packets had come at once");
    sentence
}
