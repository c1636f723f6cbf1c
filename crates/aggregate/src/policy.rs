//! Packets that policies' rules matched and that were looked at, as records.

use netrig_model::{
    PolicyAction, PolicyEventRecord, PolicyFlow, PolicySighting, PolicyVerdict, Timestamp, transport_name,
};
use std::fmt::Write;

/// Records kept for a window, some 5 MB. The probe bounds how many there are of each rule; this bounds them all.
const RECORDS_MAX: usize = 8192;

/// Keeps the packets of the open window.
#[derive(Debug)]
pub struct PolicyEventTeller {
    host: Option<String>,
    seen: Vec<PolicyEventRecord>,
    not_kept: u64,
}

impl PolicyEventTeller {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(host: Option<String>) -> Self {
        Self { host, seen: Vec::new(), not_kept: 0 }
    }

    /// Takes in a packet, with the names that its rule and its interface have now: either may soon be another's.
    pub fn take(&mut self, seen: PolicySighting, rule: Option<&str>, iface: Option<&str>) {
        if self.seen.len() >= RECORDS_MAX {
            self.not_kept += 1;
            return;
        }
        let unknown = || format!("#{}", seen.slot);
        let (src, dst) = seen.ip.map_or((None, None), |ip: PolicyFlow| (Some(ip.src), Some(ip.dst)));
        // The probe and this crate are built together: an action without a word would be a bug, and is shown as watching.
        let action = seen.action.unwrap_or(PolicyAction::Count);
        self.seen.push(PolicyEventRecord {
            window_start: Timestamp(0),
            window_end: Timestamp(0),
            time: seen.time,
            host: self.host.clone(),
            iface: iface.map(str::to_owned),
            rule: rule.map_or_else(unknown, str::to_owned),
            action,
            mode: seen.mode,
            verdict: PolicyVerdict::of(action, seen.mode, seen.over),
            src_addr: src.map(|src| src.0),
            src_port: src.and_then(|src| src.1),
            dst_addr: dst.map(|dst| dst.0),
            dst_port: dst.and_then(|dst| dst.1),
            protocol: seen.ip.map(|ip| ip.protocol),
            transport: seen.ip.and_then(|ip| transport_name(ip.protocol)).map(str::to_owned),
            ethertype: (seen.ethertype != 0).then_some(seen.ethertype),
            length: seen.length,
            octets: (!seen.octets.is_empty()).then(|| hex(&seen.octets)),
        });
    }

    /// The records of the packets seen since the last closed window, in the order of their times.
    #[must_use]
    pub fn open(&self, window: (Timestamp, Timestamp)) -> Vec<PolicyEventRecord> {
        in_window(self.seen.clone(), window)
    }

    /// The same, and closes the window.
    #[must_use]
    pub fn close(&mut self, window: (Timestamp, Timestamp)) -> Vec<PolicyEventRecord> {
        in_window(std::mem::take(&mut self.seen), window)
    }

    /// Packets looked at for which there was no room in their window, since the start.
    #[must_use]
    pub fn not_kept(&self) -> u64 {
        self.not_kept
    }
}

fn in_window(mut records: Vec<PolicyEventRecord>, window: (Timestamp, Timestamp)) -> Vec<PolicyEventRecord> {
    // Each CPU has written its own in order, and the ring has them as they were begun.
    records.sort_by_key(|record| record.time);
    for record in &mut records {
        (record.window_start, record.window_end) = window;
    }
    records
}

fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        let _ = write!(text, "{octet:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::PolicyMode;
    use std::net::Ipv4Addr;

    const WINDOW: (Timestamp, Timestamp) = (Timestamp(100), Timestamp(200));

    fn seen(time: i64) -> PolicySighting {
        let end = |last, port| (Ipv4Addr::new(10, 0, 0, last).into(), Some(port));
        PolicySighting {
            time: Timestamp(time),
            slot: 4,
            ifindex: 2,
            action: Some(PolicyAction::Drop),
            mode: PolicyMode::Shadow,
            over: true,
            ethertype: 0x0800,
            ip: Some(PolicyFlow { protocol: 17, src: end(1, 4000), dst: end(2, 53) }),
            length: 98,
            octets: vec![0x00, 0xff, 0x0a],
        }
    }

    #[test]
    fn a_packet_becomes_a_record_with_the_names_it_had() {
        let mut teller = PolicyEventTeller::new(Some("h".into()));
        teller.take(seen(150), Some("no-ping"), Some("eth0"));
        teller.take(PolicySighting { ip: None, octets: Vec::new(), ethertype: 0, ..seen(120) }, None, None);
        assert_eq!(teller.open(WINDOW), teller.open(WINDOW));
        let records = teller.close(WINDOW);
        assert!(teller.close(WINDOW).is_empty());
        let [other, first] = &records[..] else { panic!("two records, not {}", records.len()) };
        assert_eq!((first.window_start, first.window_end, first.time), (WINDOW.0, WINDOW.1, Timestamp(150)));
        assert_eq!(
            (first.rule.as_str(), first.iface.as_deref(), first.host.as_deref()),
            ("no-ping", Some("eth0"), Some("h"))
        );
        assert_eq!((first.verdict, first.transport.as_deref()), (PolicyVerdict::WouldDrop, Some("udp")));
        assert_eq!((first.src_port, first.dst_port, first.octets.as_deref()), (Some(4000), Some(53), Some("00ff0a")));
        assert_eq!((other.time, other.rule.as_str(), &other.iface), (Timestamp(120), "#4", &None));
        assert_eq!((other.protocol, other.src_addr, other.ethertype, &other.octets), (None, None, None, &None));
    }

    #[test]
    fn there_is_room_for_so_many_and_the_rest_is_counted() {
        let mut teller = PolicyEventTeller::new(None);
        for time in 0..RECORDS_MAX as i64 + 3 {
            teller.take(seen(time), Some("r"), None);
        }
        assert_eq!((teller.close(WINDOW).len(), teller.not_kept()), (RECORDS_MAX, 3));
        teller.take(seen(0), Some("r"), None);
        assert_eq!((teller.close(WINDOW).len(), teller.not_kept()), (1, 3));
    }
}
