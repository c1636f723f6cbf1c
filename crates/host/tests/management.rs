//! Who manages a machine, with a real kernel's connections and routes.

use netrig_host::{SshSession, gateways_towards, ssh_sessions};
use netrig_testkit::{Background, Pair, require_root};
use std::fs;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// Where a copy of this test, under another name, is a server.
const LISTEN: &str = "NETRIG_TEST_LISTEN";

/// No test: what a server does that [`who_is_connected_to_a_server_of_ssh`] starts.
#[test]
#[ignore = "a server that another test starts"]
fn serve() {
    let Ok(address) = std::env::var(LISTEN) else { return };
    let listener = TcpListener::bind(address).expect("bind");
    let _connections: Vec<TcpStream> = listener.incoming().map_while(Result::ok).collect();
}

fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_is_connected_to_a_server_of_ssh() {
    require_root!();
    let pair = Pair::new("managed");
    let folder = tempfile::tempdir().expect("a folder");
    let server = folder.path().join("sshd");
    fs::copy(std::env::current_exe().expect("this test"), &server).expect("copy");
    // Taken in by IPv6's socket, as OpenSSH has it.
    let mut command: Command = pair.right.command(server.to_str().expect("a path"));
    command.args(["--exact", "serve", "--ignored", "--nocapture"]).env(LISTEN, "[::]:2222");
    let _server = Background::start(&mut command);
    let other = pair.right.inside(|| TcpListener::bind("10.55.0.2:22").expect("bind"));
    let connect = |address: &str| pair.left.inside(|| TcpStream::connect(address).ok());
    let four = wait_for("the server takes connections", || connect("10.55.0.2:2222"));
    let six = connect("[fd55::2]:2222").expect("connect");
    let itself = pair.right.inside(|| TcpStream::connect("10.55.0.2:2222")).expect("connect");
    let elsewhere = connect("10.55.0.2:22").expect("connect");
    let expected = [&four, &six].map(|stream| SshSession {
        peer: stream.local_addr().expect("an address").ip(),
        peer_port: stream.local_addr().expect("an address").port(),
        local: stream.peer_addr().expect("an address").ip(),
        local_port: 2222,
    });
    let found = wait_for("both are accepted", || {
        let found = pair.right.inside(ssh_sessions).expect("the kernel's table");
        (found.len() == 2).then_some(found)
    });
    assert_eq!(found, expected);
    assert_eq!(pair.left.inside(ssh_sessions).expect("the kernel's table"), []);
    drop((four, six, itself, elsewhere, other));
}

#[test]
fn the_router_on_the_way() {
    require_root!();
    let pair = Pair::new("routers");
    pair.left.run_script(&format!(
        "ip route add default via {} metric 100; ip route add 10.57.0.128/25 dev {}; ip -6 route add default via fd55::2",
        Pair::RIGHT,
        Pair::IFACE
    ));
    let towards = |to: &str| {
        let to: IpAddr = to.parse().expect("an address");
        pair.left.inside(|| gateways_towards(to)).expect("the kernel's routes")
    };
    let (right, right6): (IpAddr, IpAddr) = (Pair::RIGHT.into(), Pair::RIGHT6.into());
    let neighbours: [IpAddr; 0] = [];
    assert_eq!(towards("192.0.2.1"), [right]);
    assert_eq!(towards("::ffff:192.0.2.1"), [right]);
    assert_eq!(towards("10.57.0.1"), [right]);
    assert_eq!(towards("10.57.0.129"), neighbours);
    assert_eq!(towards("10.55.0.9"), neighbours);
    assert_eq!(towards("2001:db8::1"), [right6]);
    assert_eq!(towards("fd55::9"), neighbours);
}
