//! What a policy is prepared for, as this machine is now.

use super::Surroundings;
use netrig_host::{SshSession, gateways_towards, session_of_environment, ssh_sessions};
use netrig_policy::Slots;
use netrig_policy::explain::ManagementPeer;

impl Surroundings {
    /// Of this network namespace. `session`: `SSH_CONNECTION` of whoever asks. What cannot be found out of sessions is said.
    pub(crate) fn look(session: Option<&str>, slots: &Slots, memory_max: u64) -> anyhow::Result<(Self, Vec<String>)> {
        let interfaces = netrig_host::list()?.into_iter().map(|each| (each.name, each.index)).collect();
        let mut notes = Vec::new();
        let mut sessions = ssh_sessions().unwrap_or_else(|error| {
            notes.push(format!("who is logged in is not to be known: {error}"));
            Vec::new()
        });
        sessions.extend(session.and_then(session_of_environment));
        sessions.sort();
        sessions.dedup();
        let mut gateways: Vec<_> = sessions.iter().filter_map(|s| gateways_towards(s.peer).ok()).flatten().collect();
        gateways.sort();
        gateways.dedup();
        let surroundings = Self {
            interfaces,
            cpus: u32::try_from(netrig_host::cpus()?.possible)?,
            slots: slots.clone(),
            sessions: sessions.iter().map(peer_of).collect(),
            gateways,
            memory_max,
        };
        Ok((surroundings, notes))
    }
}

fn peer_of(session: &SshSession) -> ManagementPeer {
    ManagementPeer {
        peer: session.peer,
        peer_port: Some(session.peer_port),
        local: Some(session.local),
        local_port: Some(session.local_port),
    }
}
