//! Policies: what is in force, what its rules did; and the records of packets that were looked at.

use crate::record::{opt, req};
use crate::words::words;
use crate::{Column, ColumnType, PolicySource, Timestamp, TrafficCounts};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

words! {
    /// What a rule does, as its file has it.
    PolicyAction {
        /// The packet ends here.
        Drop = "drop",
        /// It goes to the stack.
        Pass = "pass",
        /// Counted; it goes on to the next rule.
        Count = "count",
        /// Counted, and one in so many looked at; it goes on to the next rule.
        Sample = "sample",
        /// What is within the limit passes, what is beyond is dropped.
        Limit = "limit",
        /// It leaves by another interface, or is taken on by another CPU.
        Redirect = "redirect",
        /// TCP connections are opened by SYN cookies while SYNs come too fast.
        SynGuard = "syn-guard",
    }
}

words! {
    /// Whether a rule decides.
    PolicyMode {
        /// It does.
        Enforce = "enforce",
        /// It only tells what it would have done.
        Shadow = "shadow",
    }
}

words! {
    /// What a rule made of one packet.
    PolicyVerdict {
        /// It ended here.
        Dropped = "dropped",
        /// It went to the stack.
        Passed = "passed",
        /// It was sent elsewhere.
        Redirected = "redirected",
        /// Looked at only: it went on to the next rule.
        Observed = "observed",
        /// In shadow mode: it would have ended.
        WouldDrop = "would_drop",
        /// In shadow mode: it would have passed, whatever the rules after it say.
        WouldPass = "would_pass",
        /// In shadow mode: it would have been sent elsewhere.
        WouldRedirect = "would_redirect",
    }
}

impl PolicyVerdict {
    /// What a rule makes of a packet that matches; `over`: of those that it removes.
    #[must_use]
    pub fn of(action: PolicyAction, mode: PolicyMode, over: bool) -> Self {
        let (done, would) = match (action, over) {
            (PolicyAction::Count | PolicyAction::Sample, _) => return Self::Observed,
            (PolicyAction::Redirect, true) => (Self::Redirected, Self::WouldRedirect),
            (_, true) => (Self::Dropped, Self::WouldDrop),
            (_, false) => (Self::Passed, Self::WouldPass),
        };
        if mode == PolicyMode::Shadow { would } else { done }
    }
}

/// A policy's picture. Counts never go backwards as long as a rule is in the policy, whatever file replaces its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// When this was read.
    pub taken: Timestamp,
    /// What is in force; absent where nothing is.
    pub in_force: Option<PolicyInForce>,
    /// Where it stands.
    pub interfaces: Vec<PolicyInterface>,
    /// In the order in which they are asked: `netrig:always` and `netrig:management`, then those of the file.
    pub rules: Vec<PolicyRuleStatus>,
    /// What has gone wrong beside, a sentence each: a set's file that vanished, a hook that was not to be had.
    pub warnings: Vec<String>,
    /// Packets looked at that found their ring full.
    pub events_lost: u64,
    /// Sources whose bucket was taken from them before it was full again, as a limit had more sources than it remembers.
    pub limit_sources_lost: u64,
    /// Packets that met no policy and passed: before one was in force, or after one that waited was not confirmed.
    pub fell_back_packets: u64,
}

/// The policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInForce {
    /// Its file.
    pub file: String,
    /// A hash of the file's text, which tells one version of it from another.
    pub hash: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether it outlives the rig.
    pub persist: bool,
    /// Until when it waits to be confirmed; then what was in force before comes back. Absent: nothing waits.
    pub confirm_until: Option<Timestamp>,
    /// Rows of the kernel's tables: conjunctions of all rules.
    pub rows: u64,
    /// Kernel memory, bytes.
    pub bytes: u64,
}

/// An interface that a policy was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInterface {
    /// Its name.
    pub iface: String,
    /// The kernel's index.
    pub ifindex: u32,
    /// The hook that was asked for.
    pub asked: String,
    /// The hook that it has: `xdp-native` or `xdp-generic`; empty where it has none.
    pub hook: String,
    /// Why it is not the one that was asked for, in the kernel's words; empty where it is.
    pub detail: String,
    /// Packets dropped there.
    pub dropped: TrafficCounts,
    /// Packets sent elsewhere.
    pub redirected: TrafficCounts,
}

/// A rule, and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRuleStatus {
    /// Its id.
    pub id: String,
    /// What it does.
    pub action: PolicyAction,
    /// Whether it decides.
    pub mode: PolicyMode,
    /// For people.
    pub comment: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it stops matching; none: never.
    pub expires: Option<Timestamp>,
    /// Packets that matched.
    pub packets: u64,
    /// Their octets, as frames without FCS.
    pub bytes: u64,
    /// Of these, packets that it removed (dropped, or sent elsewhere), or in shadow mode would have.
    pub over_packets: u64,
    /// Their octets.
    pub over_bytes: u64,
    /// When a packet matched last.
    pub last_hit: Option<Timestamp>,
    /// Whose packets matched most, estimated from samples.
    pub top_sources: Vec<PolicySource>,
}

impl Default for PolicyRuleStatus {
    fn default() -> Self {
        Self {
            id: String::new(),
            action: PolicyAction::Count,
            mode: PolicyMode::Enforce,
            comment: None,
            owner: None,
            expires: None,
            packets: 0,
            bytes: 0,
            over_packets: 0,
            over_bytes: 0,
            last_hit: None,
            top_sources: Vec::new(),
        }
    }
}

/// A packet that matched a rule and was looked at. Unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "POLICY_EVENT_COLUMNS says what each means, once, for every reader")]
pub struct PolicyEventRecord {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub time: Timestamp,
    pub host: Option<String>,
    pub iface: Option<String>,
    pub rule: String,
    pub action: PolicyAction,
    pub mode: PolicyMode,
    pub verdict: PolicyVerdict,
    pub src_addr: Option<IpAddr>,
    pub src_port: Option<u16>,
    pub dst_addr: Option<IpAddr>,
    pub dst_port: Option<u16>,
    pub protocol: Option<u8>,
    pub transport: Option<String>,
    pub ethertype: Option<u16>,
    pub length: u32,
    pub octets: Option<String>,
}

use ColumnType::{Text, TimestampNs, U8, U16, U32};

/// The columns of `policy_events`, in order.
pub const POLICY_EVENT_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the window in which it was told"),
    req("window_end", TimestampNs, "end of that window"),
    req("time", TimestampNs, "when the packet came"),
    opt("host", Text, "host name"),
    opt("iface", Text, "the interface that received it"),
    req("rule", Text, "the rule's id; netrig:always and netrig:management are the built-in ones"),
    req("action", Text, "what the rule does: drop, pass, count, sample, limit, redirect, syn-guard"),
    req("mode", Text, "enforce or shadow"),
    req(
        "verdict",
        Text,
        "what it made of this packet: dropped, passed, redirected, observed (it went on to the next rule); in shadow mode would_drop, would_pass, would_redirect (it went on)",
    ),
    opt("src_addr", Text, "source address; null for what is not IP"),
    opt("src_port", U16, "source port; null where the protocol, or a later fragment, has none"),
    opt("dst_addr", Text, "destination address"),
    opt("dst_port", U16, "destination port"),
    opt("protocol", U8, "IP protocol number; null for what is not IP"),
    opt("transport", Text, "its name: tcp, udp, icmp, …"),
    opt("ethertype", U16, "EtherType, after VLAN tags"),
    req("length", U32, "octets of the frame, Ethernet header included, without FCS"),
    opt("octets", Text, "the first of them, from the Ethernet header on, in hexadecimal"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_list_of_policy_events_is_the_struct() {
        let text = r#"{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z",
            "time":"2023-11-14T22:13:21Z","rule":"no-ping","action":"drop","mode":"shadow","verdict":"would_drop",
            "length":98}"#;
        let record: PolicyEventRecord = serde_json::from_str(text).expect("required columns are enough");
        let json = serde_json::to_value(record).expect("serialise");
        let mut got: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        let mut columns: Vec<_> = POLICY_EVENT_COLUMNS.iter().map(|c| c.name.to_owned()).collect();
        got.sort();
        columns.sort();
        assert_eq!(got, columns);
    }

    #[test]
    fn what_a_rule_makes_of_a_packet_is_told_as_it_is() {
        use PolicyAction::{Count, Drop, Limit, Pass, Redirect, Sample};
        let verdict = |action, over| {
            [PolicyMode::Enforce, PolicyMode::Shadow].map(|mode| PolicyVerdict::of(action, mode, over).as_str())
        };
        assert_eq!(verdict(Drop, true), ["dropped", "would_drop"]);
        assert_eq!(verdict(Limit, true), ["dropped", "would_drop"]);
        assert_eq!(verdict(Limit, false), ["passed", "would_pass"]);
        assert_eq!(verdict(Pass, false), ["passed", "would_pass"]);
        assert_eq!(verdict(Redirect, true), ["redirected", "would_redirect"]);
        assert_eq!([verdict(Count, false), verdict(Sample, false)], [["observed"; 2]; 2]);
    }
}
