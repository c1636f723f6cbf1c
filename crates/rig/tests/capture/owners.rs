//! Whose packets are: beside each packet in the file, and as something to ask for.

use crate::support::{Capture, Folder, fields};
use netrig_testkit::{BriefClient, Pair, Server, require_root};
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
    std::fs::write(&script, code).expect("write the server");
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
