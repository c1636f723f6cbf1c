//! What the host tells of processes, cgroups, namespaces and TCP, held against what other tools read.

use netrig_host::{Cgroups, kernel_tcp, network_namespaces, owner_of_process};
use netrig_testkit::{NetNs, report_skipped, require_root};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

/// A cgroup of the test's own, removed with its guard.
struct TestCgroup(PathBuf);

impl TestCgroup {
    /// None where cgroup v2 cannot be written.
    fn new(cgroups: &Cgroups, name: &str) -> Option<Self> {
        let path = cgroups.mount()?.join(format!("netrig-test-{}-{name}.service", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    fn id(&self) -> u64 {
        fs::metadata(&self.0).expect("the cgroup").ino()
    }
}

impl Drop for TestCgroup {
    fn drop(&mut self) {
        // It fails when the test has removed it.
        let _ = fs::remove_dir(self.0.join("worker"));
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_real_cgroup_is_known_by_its_number_while_it_lives_and_after() {
    require_root!();
    let mut cgroups = Cgroups::find().expect("/proc");
    let Some(cgroup) = TestCgroup::new(&cgroups, "lives") else {
        return report_skipped("cgroup v2 is not mounted here, or cannot be written");
    };
    fs::create_dir(cgroup.0.join("worker")).expect("create");
    let path = format!("/{}", cgroup.0.file_name().expect("a name").to_string_lossy());
    let worker = fs::metadata(cgroup.0.join("worker")).expect("the cgroup").ino();
    assert_eq!(cgroups.path(cgroup.id(), 0), Some(path.as_str()));
    assert_eq!(cgroups.path(worker, 0), Some(format!("{path}/worker").as_str()));

    let mut child = Command::new("sleep").arg("60").spawn().expect("start");
    fs::write(cgroup.0.join("cgroup.procs"), child.id().to_string()).expect("move a process");
    let owner = owner_of_process(child.id(), None);
    child.kill().expect("kill");
    child.wait().expect("wait");
    assert_eq!(owner.process.as_deref(), Some("sleep"));
    // On a host with v1, too, this process may be in a container there, which goes before.
    if owner.cgroup.as_deref() == Some(path.as_str()) {
        assert_eq!(owner.container.as_deref(), path.strip_prefix('/'));
    } else {
        assert_eq!(owner.container, owner.cgroup.as_deref().and_then(netrig_host::container_of));
    }

    let id = cgroup.id();
    drop(cgroup);
    assert_eq!(cgroups.path(u64::MAX, 2_000_000_000), None, "a number nobody has makes it walk again");
    assert_eq!(cgroups.path(id, 2_000_000_000), Some(path.as_str()));
    assert_eq!(cgroups.status().removed, 2);
}

#[test]
fn every_cgroup_of_this_host_is_found_under_its_inode() {
    let mut cgroups = Cgroups::find().expect("/proc");
    let Some(mount) = cgroups.mount().map(PathBuf::from) else {
        return report_skipped("cgroup v2 is not mounted here");
    };
    let find = Command::new("find").arg(&mount).args(["-type", "d", "-printf", "%i /%P\n"]).output().expect("find");
    let mut checked = 0;
    for line in String::from_utf8_lossy(&find.stdout).lines() {
        let (id, path) = line.split_once(' ').expect("two words");
        // Other tests' cgroups come and go.
        if !path.contains("netrig-test-") {
            assert_eq!(cgroups.path(id.parse().expect("a number"), 0), Some(path));
            checked += 1;
        }
    }
    assert!(checked >= 1 && cgroups.status().walks == 1, "{checked} checked, {:?}", cgroups.status());
}

/// Makes the counts something else than 0: a listener that accepts nothing, and connections in TIME_WAIT.
fn tcp_with_troubles(ns: &NetNs) {
    ns.inside(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        for _ in 0..5 {
            let client = TcpStream::connect(address).expect("connect");
            let (server, _) = listener.accept().expect("accept");
            drop(client);
            drop(server);
        }
    });
    // Nobody answers, so that the SYN is sent again.
    ns.veth("a", "b");
    ns.address("a", "10.9.0.1/24");
    ns.run("ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev a nud permanent");
    ns.inside(|| {
        let nobody = "10.9.0.2:9".parse().expect("an address");
        TcpStream::connect_timeout(&nobody, std::time::Duration::from_millis(1_300)).expect_err("nobody answers");
    });
}

#[test]
fn the_kernels_counts_are_those_of_nstat_and_ss() {
    require_root!();
    let ns = NetNs::new("kernel-tcp");
    tcp_with_troubles(&ns);
    let counts = ns.inside(kernel_tcp).expect("/proc");
    // All counters there are, since the namespace was made.
    let nstat = ns.run("nstat -asz");
    let by_nstat = |name: &str| -> u64 {
        let line = nstat.lines().find(|line| line.split_whitespace().next() == Some(name)).expect(name);
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
    };
    assert_eq!(counts.listen_overflows, by_nstat("TcpExtListenOverflows"));
    assert_eq!(counts.listen_drops, by_nstat("TcpExtListenDrops"));
    assert_eq!(counts.syn_queue_drops, by_nstat("TcpExtTCPReqQFullDrop"));
    assert_eq!(counts.syn_cookies, by_nstat("TcpExtSyncookiesSent"));
    assert_eq!(counts.retransmits, by_nstat("TcpRetransSegs"));
    assert!(counts.retransmits >= 1, "the SYN to nobody was sent again: {counts:?}");
    let waiting = ns.run("ss -tanH state time-wait").lines().count();
    assert_eq!(usize::try_from(counts.time_wait), Ok(waiting));
    assert_eq!(waiting, 5);
}

#[test]
fn memory_is_in_bytes_and_orphans_are_the_hosts() {
    let counts = kernel_tcp().expect("/proc");
    let page = Command::new("getconf").arg("PAGESIZE").output().expect("getconf").stdout;
    let page: u64 = String::from_utf8_lossy(&page).trim().parse().expect("a number");
    assert_eq!(counts.memory_bytes % page, 0, "whole pages");
}

#[test]
fn namespaces_are_found_by_mount_and_by_process() {
    require_root!();
    let (mounted, unmounted) = (NetNs::new("mounted"), NetNs::new("unmounted"));
    let mut sleeper = unmounted.spawn("sleep 60");
    let inode = |ns: &NetNs| fs::metadata(ns.path()).expect("the namespace").ino();
    let (first, second) = (inode(&mounted), inode(&unmounted));
    let at = |inode: u64| {
        let all = network_namespaces().expect("/proc");
        assert_eq!(all.turned_away, 0);
        all.found.into_iter().find(|namespace| namespace.inode == inode).map(|namespace| namespace.path)
    };
    assert_eq!(at(first), Some(mounted.path()));
    assert_eq!(at(second), Some(unmounted.path()), "a mount stays, a process goes");
    while fs::metadata(format!("/proc/{}/ns/net", sleeper.id())).map_or(0, |meta| meta.ino()) != second {
        assert!(sleeper.is_running());
    }
    // Unmounted behind the guard's back, it lives with its process only.
    let unmount = Command::new("umount").arg(unmounted.path()).status().expect("umount");
    assert!(unmount.success());
    assert_eq!(at(second), Some(PathBuf::from(format!("/proc/{}/ns/net", sleeper.id()))));
    drop(sleeper);
    assert_eq!(at(second), None);
}
