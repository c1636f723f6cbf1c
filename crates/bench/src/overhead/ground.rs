//! Where it is measured: two network namespaces with a wire between them, and a folder for files.

use anyhow::{Context, Result};
use netrig_testkit::NetNs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};

/// The watched interface, and the other end of the wire.
pub(crate) const IFACE: &str = "eth0";
/// Where servers are, and the one whose turn it is.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 1);
/// The watched interface's, to which the flood's frames are addressed.
const SERVER_MAC: &str = "02:00:00:00:00:01";
/// Begins the names of folders; the id of the process that made them follows.
const FOLDER_PREFIX: &str = "netrig-overhead-";

/// Both namespaces and the folder; they go when it does, and what a killed bench left goes when the next one begins.
pub(crate) struct Ground {
    pub(crate) client: NetNs,
    pub(crate) server: NetNs,
    pub(crate) folder: PathBuf,
    /// Where flows are sent to by those that export them.
    _collector: UdpSocket,
}

impl Ground {
    pub(crate) fn new() -> Result<Self> {
        remove_orphans();
        let folder = std::env::temp_dir().join(format!("{FOLDER_PREFIX}{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (client, server) = (NetNs::new("overhead-client"), NetNs::new("overhead-server"));
        for ns in [&client, &server] {
            // Only what is sent shall be seen: no router solicitations, no discovery of neighbours.
            ns.sysctl("net.ipv6.conf.default.disable_ipv6", "1");
            // Whoever connects ten thousand times a second runs out of ports that are not waiting.
            ns.sysctl("net.ipv4.tcp_max_tw_buckets", "1000");
            ns.sysctl("net.ipv4.ip_local_port_range", "1024 65000");
            ns.sysctl("net.core.somaxconn", "4096");
        }
        client.veth_to(IFACE, &server, IFACE);
        client.address(IFACE, &format!("{CLIENT}/24"));
        server.address(IFACE, &format!("{SERVER}/24"));
        server.run(&format!("ip link set dev {IFACE} address {SERVER_MAC}"));
        // GRO gives the receiving end a NAPI of its own, as network cards have it. Without that a veth takes no XDP frames, and what two CPUs
        // send at once (a writer, and whoever handles acknowledgements) arrives out of order, which TCP takes for loss.
        for ns in [&client, &server] {
            ns.run(&format!("ethtool -K {IFACE} gro on"));
        }
        let collector = server.inside(|| UdpSocket::bind(super::contender::COLLECTOR))?;
        Ok(Self { client, server, folder, _collector: collector })
    }

    /// Makes the server's host one that forwards what is sent to the documentation's network, to a device that swallows it.
    pub(crate) fn forward_to_nowhere(&self) {
        self.server.sysctl("net.ipv4.ip_forward", "1");
        for iface in ["all", IFACE] {
            self.server.sysctl(&format!("net.ipv4.conf.{iface}.rp_filter"), "0");
        }
        // Both give back what they are sent without a word, so that it is no dropped packet; not every kernel has both.
        self.server.run_script(
            "ip link add name nowhere type dummy 2>/dev/null || ip link add name nowhere type ifb
             ip link set dev nowhere txqueuelen 0 up; ip address add 192.0.2.254/24 dev nowhere",
        );
    }

    /// Files of the turn before are gone.
    pub(crate) fn empty_folder(&self) -> Result<()> {
        let _ = std::fs::remove_dir_all(&self.folder);
        std::fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // What is left is removed by the next bench.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn remove_orphans() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(FOLDER_PREFIX).and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
