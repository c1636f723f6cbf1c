//! What makes each of the latency probe's programs run.

use super::contenders::{EACH, IN_SLICE, LatencyContenders, NOTHING};
use crate::echo::{SERVER_CPU, Server};
use crate::empty::Empty;
use crate::hooks::{HookPlan, HookResult, Hooks};
use crate::loads;
use crate::rounds::Contenders;
use anyhow::Result;
use netrig_testkit::NetNs;

/// With hooks that are there for a slice of every period: their runs are those of a slice.
const MANNERS: [(usize, &str); 2] = [(IN_SLICE, "1/16"), (EACH, "1/1")];

pub(crate) fn measure(plan: HookPlan, contenders: &mut LatencyContenders, near: &NetNs) -> Result<Vec<HookResult>> {
    let mut empty = Empty::load()?;
    contenders.attach(NOTHING)?;
    empty.attach()?;
    let mut hooks = Hooks::measure_empty(near, plan.requests)?;
    empty.detach();
    let HookPlan { requests, connections } = plan;
    for (which, name) in MANNERS {
        contenders.attach(which)?;
        let echo = &mut || loads::echo(&Server::start(SERVER_CPU)?, requests);
        hooks.under(&format!("echo {name}"), requests, echo)?;
        hooks.under(&format!("datagrams {name}"), requests, &mut || loads::datagrams(requests))?;
        let churn = &mut || loads::churn(&Server::start(SERVER_CPU)?, connections);
        hooks.under(&format!("connections {name}"), connections, churn)?;
    }
    contenders.attach(NOTHING)?;
    Ok(hooks.results)
}
