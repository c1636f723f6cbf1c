//! `netrig policy show`: what is in force, and what it did.

use super::ask_rig;
use crate::cli::PolicyShowArgs;
use crate::control::Ask;
use crate::output::{Output, say, table_style};
use netrig_view::{list_policy, policy_rule_line};
use std::time::Duration;

/// Between the two readings that rates are made of.
const SPAN: Duration = Duration::from_secs(1);

pub(super) fn run(args: &PolicyShowArgs) -> anyhow::Result<()> {
    let mut before = None;
    if args.rates {
        before = ask_rig(&args.config, &Ask::Show)?;
        std::thread::sleep(SPAN);
    }
    let Some(status) = ask_rig(&args.config, &Ask::Show)?.filter(|status| status.in_force.is_some()) else {
        say("netrig: no policy is in force");
        return Ok(());
    };
    let mut out = Output::stdout();
    if args.json {
        for rule in &status.rules {
            out.line(&policy_rule_line(rule)?);
        }
    } else {
        list_policy(&status, before.as_ref(), table_style(), &mut |line| out.line(line));
    }
    out.finish()?;
    Ok(())
}
