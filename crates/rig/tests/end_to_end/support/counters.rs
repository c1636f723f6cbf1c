//! The kernel's own interface counters, as `ip` shows them.

use netrig_testkit::NetNs;
use std::ops::Sub;

/// What one interface carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) rx_packets: u64,
    pub(crate) rx_bytes: u64,
    pub(crate) tx_packets: u64,
    pub(crate) tx_bytes: u64,
}

impl Counters {
    pub(crate) fn read(ns: &NetNs, iface: &str) -> Self {
        let text = ns.run(&format!("ip -s -j link show dev {iface}"));
        let json: serde_json::Value = serde_json::from_str(&text).expect("ip prints JSON");
        let get = |way: &str, what: &str| json[0]["stats64"][way][what].as_u64().expect("ip prints stats64");
        Self {
            rx_packets: get("rx", "packets"),
            rx_bytes: get("rx", "bytes"),
            tx_packets: get("tx", "packets"),
            tx_bytes: get("tx", "bytes"),
        }
    }
}

impl Sub for Counters {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            rx_packets: self.rx_packets - earlier.rx_packets,
            rx_bytes: self.rx_bytes - earlier.rx_bytes,
            tx_packets: self.tx_packets - earlier.tx_packets,
            tx_bytes: self.tx_bytes - earlier.tx_bytes,
        }
    }
}
