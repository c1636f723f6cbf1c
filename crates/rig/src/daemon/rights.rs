//! Capabilities: at the start only what loading and attaching need is kept, and later only what hot-plug still needs.

use anyhow::Context;
use caps::{CapSet, Capability, CapsHashSet};

/// Whether programs will still be loaded or attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Programs are loaded and attached, other network namespaces are entered to see what is open in them, and the kernel's list
    /// of its functions is opened.
    Start,
    /// Interfaces may come and go: attaching must stay possible.
    HotPlug,
    /// Policies are loaded and attached; who is logged in is looked up among other processes' descriptors.
    Policies,
    /// The set of interfaces is fixed; tracepoints are attached for slices of time.
    Slices,
    /// Run-time statistics are switched on, and nothing else is done.
    Statistics,
    /// Files that are named in the configuration are read, and nothing else is done.
    Files,
    /// Nothing is attached any more.
    Nothing,
}

/// Drops every capability that is not needed any more, for good: of the calling thread and of those it will start.
///
/// # Errors
/// When the kernel refuses, which a process is always allowed to do.
pub(crate) fn drop_all_but_needed(needs: Needs) -> anyhow::Result<()> {
    let has = caps::read(None, CapSet::Permitted).context("cannot read the capabilities of this process")?;
    let wanted = wanted(needs);
    let keep: CapsHashSet = wanted.into_iter().filter(|c| has.contains(c)).collect();
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).context("cannot drop inheritable capabilities")?;
    caps::set(None, CapSet::Effective, &keep).context("cannot drop effective capabilities")?;
    caps::set(None, CapSet::Permitted, &keep).context("cannot drop permitted capabilities")?;
    tracing::debug!(kept = ?keep, "Dropped capabilities.");
    Ok(())
}

fn wanted(needs: Needs) -> Vec<Capability> {
    if needs == Needs::Statistics {
        return vec![Capability::CAP_SYS_ADMIN];
    }
    if needs == Needs::Files {
        return vec![Capability::CAP_DAC_OVERRIDE];
    }
    // Test runs of the clock program ask for it at every drain.
    let mut wanted = vec![Capability::CAP_BPF];
    if needs != Needs::Nothing {
        wanted.push(Capability::CAP_PERFMON);
    }
    if matches!(needs, Needs::Start | Needs::HotPlug | Needs::Policies) {
        wanted.push(Capability::CAP_NET_ADMIN);
    }
    if needs == Needs::Policies {
        wanted.push(Capability::CAP_SYS_PTRACE);
    }
    if needs == Needs::Start {
        wanted.extend([Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE, Capability::CAP_SYSLOG]);
    }
    // The store's folder may belong to someone else than root.
    wanted.extend([Capability::CAP_DAC_OVERRIDE, Capability::CAP_FOWNER]);
    wanted
}
