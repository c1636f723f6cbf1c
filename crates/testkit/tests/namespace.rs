//! The namespace guard, on the real kernel.

use netrig_testkit::{NetNs, require_root};
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

#[test]
fn a_namespace_goes_with_its_guard_even_when_the_test_panics() {
    require_root!();
    let mut path = std::path::PathBuf::new();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let ns = NetNs::new("panic");
        path = ns.path();
        assert!(path.exists());
        ns.inside(|| panic!("on purpose"));
    }));
    assert!(result.is_err(), "a panic inside goes on in the caller");
    assert!(!path.exists(), "{} is left", path.display());
}

#[test]
fn a_thread_inside_sees_the_namespace_and_the_caller_stays_where_it_was() {
    require_root!();
    let here = std::fs::read_link("/proc/thread-self/ns/net").expect("namespace link");
    let ns = NetNs::new("inside");
    let there = ns.inside(|| std::fs::read_link("/proc/thread-self/ns/net").expect("namespace link"));
    assert_ne!(here, there);
    assert_eq!(here, std::fs::read_link("/proc/thread-self/ns/net").expect("namespace link"));
}

#[test]
fn packets_cross_a_veth_pair_between_two_namespaces() {
    require_root!();
    let (left, right) = (NetNs::new("left"), NetNs::new("right"));
    left.veth_to("l0", &right, "r0");
    left.address("l0", "fd00::1/64");
    right.address("r0", "fd00::2/64");
    let receiver = right.inside(|| UdpSocket::bind("[fd00::2]:4000").expect("bind"));
    receiver.set_read_timeout(Some(Duration::from_secs(2))).expect("timeout");
    left.inside(|| UdpSocket::bind("[fd00::1]:0").expect("bind").send_to(b"hello", "[fd00::2]:4000").expect("send"));
    let mut buffer = [0; 16];
    let (length, _) = receiver.recv_from(&mut buffer).expect("the datagram arrives");
    assert_eq!(&buffer[..length], b"hello");
}

#[test]
fn a_background_command_ends_with_its_guard() {
    require_root!();
    let ns = NetNs::new("background");
    let mut sleeper = ns.spawn("sleep 60");
    assert!(sleeper.is_running());
    let proc = format!("/proc/{}", sleeper.id());
    drop(sleeper);
    assert!(!std::path::Path::new(&proc).exists());
    assert_eq!(ns.spawn("echo done").wait_output(Duration::from_secs(5)), "done\n");
}
