//! Reading, compiling and judging a policy.

use super::SetFiles;
use netrig_config::ConfigErrors;
use netrig_policy::explain::{Finding, ManagementPeer, Severity, findings, shadows_management};
use netrig_policy::words::{Addresses, Policy};
use netrig_policy::{CompileErrors, Compiled, Ranges, Read, Slots, World, compile, read};
use netrig_probes::policy::kernel_bytes;
use netrig_view::units;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What a policy is prepared for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Interfaces by name.
    pub(crate) interfaces: BTreeMap<String, u32>,
    pub(crate) cpus: u32,
    /// Where rules are counted that were in force before.
    pub(crate) slots: Slots,
    /// Who manages this machine now.
    pub(crate) sessions: Vec<ManagementPeer>,
    /// The routers on the way to them.
    pub(crate) gateways: Vec<IpAddr>,
    /// What the tables may take.
    pub(crate) memory_max: u64,
}

/// A policy that may be put in force.
pub(crate) struct Prepared {
    pub(crate) read: Read,
    pub(crate) compiled: Compiled,
    /// What it takes of the kernel's memory.
    pub(crate) kernel_bytes: u64,
    /// What is to be said of it; nothing that it would be refused for.
    pub(crate) findings: Vec<Finding>,
}

/// Why a policy is not put in force. Nothing has changed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The text, or a set's file.
    File(ConfigErrors),
    /// It does not fit this machine.
    Machine { file: String, errors: CompileErrors },
    /// It is against those who manage this machine.
    Management { file: String, findings: Vec<Finding> },
    /// It is too large.
    Memory { needs: u64, max: u64 },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(errors) => errors.fmt(f),
            Self::Machine { file, errors } => {
                let lines: Vec<_> = errors.0.iter().map(|error| format!("{file}, {error}")).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Management { file, findings } => {
                let lines: Vec<_> = findings.iter().map(|finding| format!("{file}, {finding}")).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Memory { needs, max } => write!(
                f,
                "the policy needs {} of the kernel's memory, and may take {}, half of [rig] memory: raise that, or use \
                 shorter lists of addresses and fewer limits per source",
                units::bytes(*needs),
                units::bytes(*max)
            ),
        }
    }
}

impl std::error::Error for Refused {}

/// What a policy's tables may take of so much `[rig] memory`.
pub(crate) fn memory_max(rig_memory: u64) -> u64 {
    rig_memory / 2
}

/// All of it; nothing in the kernel is touched.
pub(crate) fn prepare(
    text: &str,
    file: &str,
    sets: &mut SetFiles,
    surroundings: &Surroundings,
) -> Result<Prepared, Refused> {
    let read = read(text, file, sets).map_err(Refused::File)?;
    prepare_read(read, file, surroundings)
}

fn prepare_read(read: Read, file: &str, surroundings: &Surroundings) -> Result<Prepared, Refused> {
    let policy = &read.policy;
    let (peers, management) = management(policy, surroundings);
    let world = World {
        interfaces: surroundings.interfaces.clone(),
        cpus: surroundings.cpus,
        management: Arc::clone(&management),
        slots: surroundings.slots.clone(),
    };
    let compiled = compile(policy, &world).map_err(|errors| Refused::Machine { file: file.to_owned(), errors })?;
    let shadowing = shadows_management(policy, &peers, &policy.management.allow);
    if !shadowing.is_empty() {
        return Err(Refused::Management { file: file.to_owned(), findings: shadowing });
    }
    let needs = kernel_bytes(&compiled.tables);
    if needs > surroundings.memory_max {
        return Err(Refused::Memory { needs, max: surroundings.memory_max });
    }
    let findings = findings(policy, &management).into_iter().filter(|found| found.severity != Severity::Refused);
    let findings = findings.collect();
    Ok(Prepared { findings, kernel_bytes: needs, compiled, read })
}

/// Whose packets pass before any rule, and whom of them rules are held against.
fn management(policy: &Policy, surroundings: &Surroundings) -> (Vec<ManagementPeer>, Arc<Addresses>) {
    if !policy.management.auto {
        return (Vec::new(), Arc::clone(&policy.management.allow));
    }
    let router = |peer: &IpAddr| ManagementPeer { peer: *peer, peer_port: None, local: None, local_port: None };
    let routers = surroundings.gateways.iter().map(router);
    let peers: Vec<_> = surroundings.sessions.iter().copied().chain(routers).collect();
    let v4 = peers.iter().filter_map(|peer| match peer.peer {
        IpAddr::V4(address) => Some(u32::from(address)),
        IpAddr::V6(_) => None,
    });
    let v6 = peers.iter().filter_map(|peer| match peer.peer {
        IpAddr::V6(address) => Some(u128::from(address)),
        IpAddr::V4(_) => None,
    });
    let allow = &policy.management.allow;
    let all = Addresses {
        v4: allow.v4.union(&Ranges::of(v4.map(|address| (address, address)).collect())),
        v6: allow.v6.union(&Ranges::of(v6.map(|address| (address, address)).collect())),
    };
    (peers, Arc::new(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn prepared(text: &str, change: impl FnOnce(&mut Surroundings)) -> Result<Prepared, String> {
        let mut surroundings = Surroundings { cpus: 2, memory_max: 32 << 20, ..Surroundings::default() };
        surroundings.interfaces.insert("eth0".into(), 2);
        change(&mut surroundings);
        let mut files = SetFiles::beside(Path::new("/nowhere/policy.toml"));
        prepare(text, "policy.toml", &mut files, &surroundings).map_err(|refused| refused.to_string())
    }

    const DROP_ALL_FROM_LAB: &str = "[[rule]]\nid = \"lab\"\nmatch = { src = \"192.0.2.0/24\" }\naction = \"drop\"\n";

    fn session(peer: [u8; 4]) -> ManagementPeer {
        let local = Some(IpAddr::from([10, 0, 0, 1]));
        ManagementPeer { peer: peer.into(), peer_port: Some(50_000), local, local_port: Some(22) }
    }

    #[test]
    fn who_manages_the_machine_is_not_cut_off() {
        assert!(prepared(DROP_ALL_FROM_LAB, |_| ()).is_ok());
        assert!(prepared(DROP_ALL_FROM_LAB, |around| around.sessions = vec![session([198, 51, 100, 1])]).is_ok());
        let refused = prepared(DROP_ALL_FROM_LAB, |around| around.sessions = vec![session([192, 0, 2, 7])]);
        let refused = refused.err().expect("the SSH peer would be cut off");
        assert!(refused.contains("lab") && refused.contains("192.0.2.7"), "{refused}");
        let refused = prepared(DROP_ALL_FROM_LAB, |around| around.gateways = vec![[192, 0, 2, 1].into()]);
        assert!(refused.is_err(), "the router towards it would be cut off");
        let by_hand = format!("[management]\nauto = false\n{DROP_ALL_FROM_LAB}");
        assert!(prepared(&by_hand, |around| around.sessions = vec![session([192, 0, 2, 7])]).is_ok());
    }

    #[test]
    fn what_is_too_large_is_refused_with_its_size() {
        let refused = prepared(DROP_ALL_FROM_LAB, |around| around.memory_max = 1000).err().expect("too large");
        assert!(refused.contains("[rig] memory"), "{refused}");
    }
}
