//! The picture of the host's TCP that others are shown.

use super::Connections;
use netrig_aggregate::error_name;
use netrig_drain::tcp::totals;
use netrig_model::{
    ConnectionEnd, KernelTcp, ListenerStatus, ProbeState, ProbeStatus, ServiceStatus, SocketReading, SocketRole,
    TcpState, TcpStatus, TcpTableStatus,
};
use std::collections::BTreeMap;

/// By the kernel side's number (`enum tcp_retransmit_cause`).
const CAUSES: [&str; 6] = ["timeout", "fast", "tlp", "syn", "syn_ack", "other"];

impl Connections {
    /// Segments sent again since the start.
    pub(in crate::daemon) fn retransmits(&self) -> u64 {
        totals(&self.probe.memory()).retransmits.iter().sum()
    }

    /// Round trips of each service as they are now.
    pub(in crate::daemon) fn services_now(&mut self) -> Vec<ServiceStatus> {
        self.services.scan();
        self.services.all().map(service).collect()
    }

    /// Everything there is to show.
    pub(in crate::daemon) fn status(&self) -> TcpStatus {
        let sums = totals(&self.probe.memory());
        let (mut open, mut listeners) = (BTreeMap::<TcpState, u64>::new(), Vec::new());
        for reading in self.places.open().filter_map(|number| self.places.read(number, &self.clock)) {
            if reading.role == SocketRole::Listener {
                listeners.push(self.listener(&reading));
            } else {
                *open.entry(reading.state).or_default() += 1;
            }
        }
        let named = |counts: &[(usize, u64)], name: &dyn Fn(usize) -> String| -> Vec<(String, u64)> {
            let mut by_name = BTreeMap::<String, u64>::new();
            for (number, count) in counts {
                *by_name.entry(name(*number)).or_default() += count;
            }
            by_name.into_iter().collect()
        };
        let reason = |number: usize| self.teller.reset_reason(number).unwrap_or("unknown").to_owned();
        let error = |number: usize| error_name(u16::try_from(number).unwrap_or(0));
        let ended = |end: &ConnectionEnd| (end.as_str().to_owned(), self.ends.get(end).copied().unwrap_or(0));
        TcpStatus {
            opened: sums.opened,
            established: sums.established,
            ended: ConnectionEnd::ALL.iter().filter(|end| **end != ConnectionEnd::Open).map(ended).collect(),
            errors: named(&sums.errors, &error),
            resets_sent: named(&sums.resets_sent, &reason),
            resets_received: sums.resets_received,
            retransmits: CAUSES.iter().map(|cause| (*cause).to_owned()).zip(sums.retransmits).collect(),
            open: open.into_iter().collect(),
            half_open: listeners.iter().map(|listener| u64::from(listener.syn_queue)).sum(),
            kernel: self.kernel(),
            listeners,
            services: self.services.all().map(service).collect(),
            table: self.table(&sums),
        }
    }

    fn kernel(&self) -> Option<KernelTcp> {
        netrig_host::kernel_tcp().inspect_err(|error| tracing::debug!(%error, "No TCP counts of the kernel.")).ok()
    }

    fn listener(&self, reading: &SocketReading) -> ListenerStatus {
        let owner = self.owners.of(&reading.owner);
        let [accept_queue, accept_queue_max, syn_queue, drops] = reading.queue;
        ListenerStatus {
            addr: reading.local.0,
            port: reading.local.1,
            netns: reading.netns.into(),
            accept_queue,
            accept_queue_max,
            syn_queue,
            drops: drops.into(),
            syn_ack_retransmits: reading.retransmits_by_cause[4].into(),
            process: owner.process.clone(),
            pid: owner.pid,
            container: owner.container.clone(),
        }
    }

    fn table(&self, sums: &netrig_drain::tcp::Totals) -> TcpTableStatus {
        let (free, capacity) = self.places.free();
        TcpTableStatus {
            entries: capacity - free,
            capacity,
            bytes: self.probe.memory().sizes.bytes(),
            adopted: sums.adopted,
            evicted: self.evicted,
            untracked: sums.untracked,
            lost: self.lost,
            walks: self.walks.count,
            walk_cpu_ns: self.walks.cpu_ns,
        }
    }

    /// How the probe fares.
    pub(in crate::daemon) fn probe_status(&self) -> ProbeStatus {
        if !self.probe.is_attached() {
            let detail = "starting: nothing is attached yet".to_owned();
            return ProbeStatus { name: "tcp".into(), state: ProbeState::Failed, detail };
        }
        let missing = self.probe.missing();
        let sizes = self.probe.memory().sizes;
        let (state, detail) = if missing.is_empty() {
            (ProbeState::Running, format!("every connection of this host; room for {} at once", sizes.slots))
        } else {
            let parts: Vec<String> = missing.iter().map(|part| format!("{} ({})", part.what, part.why)).collect();
            (ProbeState::Degraded, format!("without {}", parts.join("; without ")))
        };
        ProbeStatus { name: "tcp".into(), state, detail }
    }
}

fn service(of: netrig_drain::tcp::Service) -> ServiceStatus {
    let [rtt, rtt_pure, connect] = of.distributions;
    ServiceStatus { role: of.role, addr: of.addr, port: of.port, connections: of.connections, rtt, rtt_pure, connect }
}
