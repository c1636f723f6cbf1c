//! Whose packets are: beside each packet in the file, and as something to ask for.

use crate::support::{Capture, Folder, fields};
use netrig_testkit::{BriefClient, NetNs, Pair, Server, require_root};
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A few clients that live for milliseconds, each called by its number.
fn clients(pair: &Pair, count: usize) -> Vec<BriefClient> {
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    let clients = (0..count).map(|n| BriefClient::run(&pair.left, &format!("brief-{n}"), server.address())).collect();
    std::thread::sleep(Duration::from_millis(300));
    clients
}

#[test]
fn each_packet_of_a_client_that_lived_for_milliseconds_has_its_name() {
    require_root!();
    let pair = Pair::new("cap-owner");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let capture = Capture::start(&pair.left, &["-i", "any", "tcp", "-w", file.to_str().expect("text")]);
    let clients = clients(&pair, 3);
    capture.stop().fine();
    let rows = fields(&file, &["tcp.stream", "frame.comment", "tcp.flags.syn"]);
    for (n, client) in clients.iter().enumerate() {
        let own: Vec<_> = rows.iter().filter(|row| row[0] == n.to_string()).collect();
        assert!(own.len() >= 8, "a whole connection: {own:?}");
        let name = format!("brief-{n}[{}]", client.pid);
        for row in own {
            assert!(row[1].contains(&name), "{row:?} is of {name}");
        }
    }
}

#[test]
fn a_server_is_known_though_it_listened_before() {
    require_root!();
    let pair = Pair::new("cap-server");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let script = folder.file("server.py");
    let code = "import socket\ns = socket.create_server(('10.55.0.2', 4711))\nwhile True:\n    c, _ = s.accept()\n    c.send(c.recv(1))\n    c.close()\n";
    fs::write(&script, code).expect("write the server");
    let server = pair.right.spawn(&format!("python3 {}", script.display()));
    // Its port, in hexadecimal.
    let listens = || pair.right.run("cat /proc/net/tcp").contains(":1267 ").then_some(());
    crate::support::wait_for("the server listens", listens);
    let capture =
        Capture::start(&pair.right, &["-i", Pair::IFACE, "tcp port 4711", "-w", file.to_str().expect("text")]);
    let _ = BriefClient::run(&pair.left, "brief", (Pair::RIGHT, 4711));
    std::thread::sleep(Duration::from_millis(300));
    capture.stop().fine();
    let rows = fields(&file, &["frame.comment"]);
    assert!(rows.len() >= 8, "{rows:?}");
    let name = format!("[{}]", server.id());
    let known = rows.iter().filter(|row| row[0].contains(&name)).count();
    assert_eq!(known, rows.len(), "{rows:?} are of {name}");
}

#[test]
fn one_process_can_be_asked_for() {
    require_root!();
    let pair = Pair::new("cap-process");
    let folder = Folder::new();
    let file = folder.file("out.pcapng");
    let word = file.to_str().expect("text");
    let capture = Capture::start(&pair.left, &["-i", Pair::IFACE, "tcp", "--process", "brief-1", "-w", word]);
    let clients = clients(&pair, 3);
    let account = capture.stop().fine().account();
    account.assert_adds_up();
    let rows = fields(&file, &["frame.comment", "tcp.stream"]);
    assert!(rows.len() >= 5, "{rows:?}");
    let name = format!("brief-1[{}]", clients[1].pid);
    assert!(rows.iter().all(|row| row[0].contains(&name)), "{rows:?} are of {name}");
    assert_eq!(account.written, rows.len() as u64);
}

#[test]
fn owners_can_be_left_out() {
    require_root!();
    let pair = Pair::new("cap-nobody");
    let capture = Capture::start(&pair.left, &["-i", Pair::IFACE, "--no-owners", "tcp"]);
    let clients = clients(&pair, 1);
    let ended = capture.stop().fine();
    assert!(ended.out.lines().count() >= 8, "{}", ended.out);
    assert!(!ended.out.contains(&format!("[{}]", clients[0].pid)), "{}", ended.out);
}

/// A control group as container runtimes name theirs, with a process in it that sends a datagram when told; both go when dropped.
struct Container {
    folder: PathBuf,
    process: Child,
}

impl Container {
    /// None where there are no v2 control groups.
    fn start(ns: &NetNs, id: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        let folder = Path::new(mount.split(' ').nth(1)?).join(format!("docker-{id}.scope"));
        fs::create_dir(&folder).expect("make a control group");
        let script = format!(
            "echo $$ > {}/cgroup.procs && while read -r port; do exec 3<>/dev/udp/{}/$port && echo in >&3; done",
            folder.display(),
            Pair::RIGHT
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::piped());
        let process = ns.inside(|| command.spawn()).expect("start bash");
        let container = Self { folder, process };
        crate::support::wait_for("it is inside", || {
            let inside = fs::read_to_string(container.folder.join("cgroup.procs")).unwrap_or_default();
            inside.contains(&container.process.id().to_string()).then_some(())
        });
        Some(container)
    }

    fn send_to(&mut self, port: u16) {
        writeln!(self.process.stdin.as_mut().expect("its input"), "{port}").expect("tell it");
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir(&self.folder);
    }
}

#[test]
fn one_container_can_be_asked_for_in_its_network_namespace_or_in_another() {
    require_root!();
    let pair = Pair::new("cap-container");
    let id = format!("{:064x}", 0xabcd_0000_u64 + u64::from(std::process::id()));
    let Some(mut container) = Container::start(&pair.left, &id) else {
        netrig_testkit::report_skipped("there are no v2 control groups");
        return;
    };
    // Where it is, its packets are told from others' by its control group.
    let arguments = ["-i", Pair::IFACE, "--container", &id[..], "udp"];
    let capture = Capture::start(&pair.left, &arguments);
    container.send_to(5001);
    pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("a socket");
        socket.send_to(b"out", (Pair::RIGHT, 5002)).expect("send");
    });
    std::thread::sleep(Duration::from_millis(200));
    let ended = capture.stop().fine();
    assert!(ended.out.contains(".5001: UDP") && ended.out.contains(&format!("container={id}")), "{}", ended.out);
    assert!(!ended.out.contains(".5002: UDP"), "{}", ended.out);
    ended.account().assert_adds_up();
    // From elsewhere its namespace is entered, and all that passes there is seen.
    let capture = Capture::start(&pair.right, &arguments);
    container.send_to(5003);
    let ended = capture.stop().fine();
    assert!(ended.out.contains("10.55.0.1") && ended.out.contains(".5003: UDP"), "{}", ended.out);
    assert!(ended.said.contains("a network namespace of its own"), "{}", ended.said);
}
