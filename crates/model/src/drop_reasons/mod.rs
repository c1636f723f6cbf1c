//! What each reason for a drop means, and what to look at: one table for every reader.
//!
//! Names are those of Linux 5.17 to 6.18. A kernel that knows a newer reason is shown with its name, without a class.

mod counters;
mod places;
mod stack;
mod subsystems;
mod tcp;

use crate::{Direction, DropClass, DropSource};

/// Names that mean the same, what they mean, and one sentence of advice.
type Entry = (&'static [&'static str], DropClass, &'static str);

/// What is known of a reason.
#[derive(Clone, Copy, Debug)]
struct Meaning {
    class: Option<DropClass>,
    advice: &'static str,
}

/// What a reason means; none for a reason that netrig does not know. `place` is the function in the kernel, `tcp_v4_rcv+0x12`:
/// where the kernel gives no reason of its own, the place says what it means.
#[must_use]
pub fn drop_class(source: DropSource, reason: &str, place: Option<&str>) -> Option<DropClass> {
    meaning(source, reason, place)?.class
}

/// What to look at or to do: one sentence.
#[must_use]
pub fn drop_advice(source: DropSource, reason: &str, place: Option<&str>) -> Option<&'static str> {
    meaning(source, reason, place).map(|meaning| meaning.advice)
}

/// Which way a packet went that was dropped at this place, where only one way leads there: between the link and the stack a packet
/// itself may not show it.
#[must_use]
pub fn drop_way(place: &str) -> Option<Direction> {
    places::receives(function(place)).then_some(Direction::Ingress)
}

fn meaning(source: DropSource, reason: &str, place: Option<&str>) -> Option<Meaning> {
    match source {
        DropSource::Skb | DropSource::Socket | DropSource::Xdp => {
            of_place(reason, place).or_else(|| named(reason)).or_else(|| subsystems::by_family(reason))
        }
        DropSource::Device => counters::device(reason),
        DropSource::Qdisc => Some(counters::QDISC),
        DropSource::Softnet => counters::softnet(reason),
        DropSource::Table => counters::table(reason),
        DropSource::Refused => counters::refused(reason),
    }
}

/// Only for what says nothing of itself.
fn of_place(reason: &str, place: Option<&str>) -> Option<Meaning> {
    if reason == "NOT_SPECIFIED" { places::meaning(function(place?)) } else { None }
}

/// `tcp_v4_rcv.isra.0+0x12 [module]` → `tcp_v4_rcv`.
fn function(place: &str) -> &str {
    place.split(['+', '.', ' ']).next().unwrap_or_default()
}

fn named(reason: &str) -> Option<Meaning> {
    let tables = [stack::REASONS, tcp::REASONS, subsystems::REASONS];
    let mut entries = tables.into_iter().flatten();
    let (_, class, advice) = entries.find(|(names, ..)| names.contains(&reason))?;
    // It has a sentence, but means nothing without its place.
    let class = Some(*class).filter(|_| !stack::WITHOUT_CLASS.contains(&reason));
    Some(Meaning { class, advice })
}

/// Whether the table has an entry for this name of the kernel's or netrig's own.
#[must_use]
pub fn drop_reason_is_known(reason: &str) -> bool {
    named(reason).is_some() || subsystems::by_family(reason).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn entries() -> impl Iterator<Item = &'static Entry> {
        [stack::REASONS, tcp::REASONS, subsystems::REASONS].into_iter().flatten()
    }

    fn sentences() -> impl Iterator<Item = &'static str> {
        entries().map(|(.., advice)| *advice).chain(places::sentences()).chain(counters::sentences())
    }

    #[test]
    fn every_name_stands_once() {
        let mut seen = BTreeSet::new();
        for name in entries().flat_map(|(names, ..)| *names) {
            assert!(seen.insert(*name), "{name} stands twice");
        }
        assert!(seen.len() > 150, "{} names", seen.len());
    }

    #[test]
    fn advice_is_one_sentence_of_one_line() {
        for advice in sentences() {
            assert!(advice.ends_with('.') && !advice.contains(['\n', '\r']), "{advice}");
            assert!((20..=200).contains(&advice.len()), "{} octets: {advice}", advice.len());
            assert!(!advice.contains(". "), "two sentences: {advice}");
        }
    }

    #[test]
    fn a_reason_that_says_nothing_is_judged_by_its_place() {
        let class = |place| drop_class(DropSource::Skb, "NOT_SPECIFIED", place);
        assert_eq!(class(None), None);
        assert_eq!(class(Some("some_driver_poll+0x10 [some]")), None);
        assert_eq!(class(Some("unix_release_sock+0x1a2")), Some(DropClass::Harmless));
        assert_eq!(class(Some("netlink_attachskb+0x8")), Some(DropClass::Resource));
        assert_eq!(class(Some("netlink_broadcast_filtered.isra.0+0x8")), Some(DropClass::Harmless));
        assert_eq!(class(Some("tpacket_rcv+0x7 [af_packet]")), Some(DropClass::Resource));
        assert_eq!(class(Some("tcp_v4_rcv+0x77")), Some(DropClass::Protocol));
        assert_eq!(class(Some("ip_rcv_finish_core.constprop.0+0x1")), Some(DropClass::Protocol));
        assert_eq!(class(Some("__rtnl_unlock+0x4a")), Some(DropClass::Harmless), "a discipline was taken away");
        assert_eq!(class(Some("tun_queue_purge+0x90")), Some(DropClass::Harmless));
        assert_eq!(class(Some("tun_net_xmit+0x2e2")), Some(DropClass::Resource));
        assert_eq!(class(Some("dst_discard_out+0x14")), Some(DropClass::Policy), "a blackhole of IPv6");
        assert_eq!(class(Some("__dev_kfree_skb_any+0x1")), None, "drivers free what was sent this way too");
        assert!(drop_advice(DropSource::Skb, "NOT_SPECIFIED", None).is_some());
        assert!(drop_advice(DropSource::Skb, "NOT_SPECIFIED", Some("dev_kfree_skb_any_reason+0x1")).is_some());
    }

    #[test]
    fn a_place_that_packets_reach_one_way_only_says_which() {
        for place in
            ["veth_xdp_rcv_skb+0x27d", "do_xdp_generic+0x284", "enqueue_to_backlog+0x1", "tun_get_user+0x9 [tun]"]
        {
            assert_eq!(drop_way(place), Some(Direction::Ingress), "{place}");
        }
        for place in ["veth_xmit+0x10 [veth]", "__dev_queue_xmit+0xd01", "nft_do_chain+0x3e8", "tun_net_xmit+0x1", ""] {
            assert_eq!(drop_way(place), None, "{place}");
        }
    }

    #[test]
    fn a_reason_that_names_itself_is_the_same_at_every_place() {
        for place in [None, Some("unix_release_sock+0x1")] {
            assert_eq!(drop_class(DropSource::Skb, "SOCKET_RCVBUFF", place), Some(DropClass::Resource));
        }
        assert_eq!(drop_class(DropSource::Skb, "#123", None), None);
        assert_eq!(drop_advice(DropSource::Skb, "NEVER_HEARD_OF", None), None);
        assert_eq!(drop_class(DropSource::Xdp, "XDP_EXCEPTION", Some("my_filter")), Some(DropClass::Error));
        assert_eq!(drop_class(DropSource::Socket, "SOCK_RCVQUEUE_FULL", None), Some(DropClass::Resource));
    }

    #[test]
    fn subsystems_reasons_newer_than_the_table_have_their_familys_meaning() {
        assert_eq!(drop_class(DropSource::Skb, "RX_DROP_U_REPLAY", None), Some(DropClass::Error));
        assert_eq!(drop_class(DropSource::Skb, "RX_DROP_U_OOM", None), Some(DropClass::Resource));
        assert_eq!(drop_class(DropSource::Skb, "RX_DROP_U_OF_TOMORROW", None), Some(DropClass::Protocol));
        assert_eq!(drop_class(DropSource::Skb, "OVS_DROP_EXPLICIT", None), Some(DropClass::Policy));
        assert_eq!(drop_class(DropSource::Skb, "OVS_DROP_OF_TOMORROW", None), Some(DropClass::Policy));
    }

    #[test]
    fn counters_are_judged_by_name() {
        let class = |source, name| drop_class(source, name, None);
        assert_eq!(class(DropSource::Device, "rx_crc_errors"), Some(DropClass::Error));
        assert_eq!(class(DropSource::Device, "rx_missed_errors"), Some(DropClass::Resource));
        assert_eq!(class(DropSource::Device, "rx_queue_3_xdp_drops"), Some(DropClass::Policy));
        assert_eq!(class(DropSource::Device, "rx_out_of_buffer"), Some(DropClass::Resource));
        assert_eq!(class(DropSource::Device, "pps_allowance_exceeded"), Some(DropClass::Policy));
        assert_eq!(class(DropSource::Device, "tx_timeout"), Some(DropClass::Error));
        assert_eq!(class(DropSource::Device, "surprise"), None);
        assert_eq!(class(DropSource::Softnet, "dropped"), Some(DropClass::Resource));
        assert_eq!(class(DropSource::Table, "nf_conntrack_drop"), Some(DropClass::Resource));
        assert_eq!(class(DropSource::Table, "ndisc_cache_unresolved_discards"), Some(DropClass::Error));
        assert_eq!(class(DropSource::Qdisc, "tbf"), Some(DropClass::Resource));
        assert_eq!(class(DropSource::Table, "surprise"), None);
        assert_eq!(class(DropSource::Refused, "TcpExtListenOverflows"), Some(DropClass::Resource));
        assert_eq!(class(DropSource::Refused, "surprise"), None);
    }
}
