//! What makes each of the TCP probe's programs run.

use super::contenders::{EMPTY, NETRIG, NOTHING, TcpContenders};
use crate::echo::{SERVER_CPU, Server};
use crate::hooks::{HookPlan, HookResult, Hooks};
use crate::loads;
use crate::rounds::Contenders;
use anyhow::Result;
use netrig_testkit::NetNs;

/// No hook may cost more.
pub(crate) const HOOK_NS_MAX: f64 = 150.0;
const RETRANSMITTING: u32 = 200;

pub(crate) fn measure(plan: HookPlan, contenders: &mut TcpContenders, near: &NetNs) -> Result<Vec<HookResult>> {
    let far = NetNs::new("bench-far");
    contenders.attach(EMPTY)?;
    let mut hooks = Hooks::measure_empty(near, plan.requests)?;
    contenders.attach(NETRIG)?;
    let HookPlan { requests, connections } = plan;
    let few = connections / 5;
    let mut under = |load: &str, operations: u32, work: &mut (dyn FnMut() -> Result<()> + Send)| {
        let told = hooks.under(load, operations, work);
        contenders.drain();
        told
    };
    under("echo", requests, &mut || loads::echo(&Server::start(SERVER_CPU)?, requests))?;
    under("connections", connections, &mut || loads::churn(&Server::start(SERVER_CPU)?, connections))?;
    under("refused", few, &mut || loads::refused(few))?;
    under("UDP sockets", few, &mut || loads::datagram_sockets(few))?;
    under("retransmits", RETRANSMITTING, &mut || loads::retransmits(near, &far, RETRANSMITTING))?;
    contenders.attach(NOTHING)?;
    Ok(hooks.results)
}
