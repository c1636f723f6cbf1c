//! `netrig policy check` and `test`, which need no rig.

use crate::fixture::netrig;
use netrig_testkit::require_root;
use std::fs;
use std::path::Path;
use std::process::Output;

const POLICY: &str = r#"
[[set]]
name = "feed"
file = "feed.txt"
[[rule]]
id = "feed"
match = { src = "@feed" }
action = "drop"
[[rule]]
id = "dns"
match = { protocol = "udp", dst_port = 53 }
action = "count"
[[rule]]
id = "never"
match = { src = "192.0.2.7" }
action = "drop"
"#;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    netrig().current_dir(folder).env_remove("SSH_CONNECTION").args(arguments).output().expect("start netrig")
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("policy.toml"), POLICY).expect("write");
    fs::write(folder.path().join("feed.txt"), "192.0.2.0/24 # lab\n2001:db8::/32\n").expect("write");
    folder
}

#[test]
fn a_policy_is_explained() {
    let folder = folder();
    let done = run(folder.path(), &["policy", "check", "policy.toml"]);
    let told = words(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{told}{}", words(&done.stderr));
    assert!(told.starts_with("policy.toml: 3 rules; 1 warning"), "{told}");
    for part in ["netrig:always", "netrig:management", "`feed` (line 5)", "in all", "ns a packet"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
}

#[test]
fn what_is_wrong_is_said_all_at_once_with_its_place() {
    let folder = folder();
    fs::write(folder.path().join("policy.toml"), POLICY.replace("\"count\"", "\"cuont\"").replace("53", "530000"))
        .expect("write");
    fs::write(folder.path().join("feed.txt"), "192.0.2.0/24\nnonsense\n").expect("write");
    let done = run(folder.path(), &["policy", "check", "policy.toml"]);
    let said = words(&done.stderr);
    assert_eq!((done.status.code(), done.stdout.len()), (Some(2), 0), "{said}");
    for part in ["line 11", "530000", "line 12", "cuont", "feed.txt", "nonsense"] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
}

/// A capture of one datagram to port 53 from each of these addresses.
fn capture(sources: &[[u8; 4]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0xa1b2_c3d4_u32.to_le_bytes());
    bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(65_535_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    for source in sources {
        let mut frame = vec![0; 46];
        frame[12..15].copy_from_slice(&[8, 0, 0x45]);
        frame[17] = 32;
        frame[22..24].copy_from_slice(&[64, 17]);
        frame[26..30].copy_from_slice(source);
        frame[30..34].copy_from_slice(&[10, 0, 0, 1]);
        frame[36..39].copy_from_slice(&[0, 53, 0]);
        frame[39] = 12;
        bytes.extend([0; 8]);
        bytes.extend([46, 0, 0, 0, 46, 0, 0, 0]);
        bytes.extend(frame);
    }
    bytes
}

#[test]
fn a_capture_is_judged_by_the_real_program() {
    require_root!();
    let folder = folder();
    let packets = [[192, 0, 2, 7], [192, 0, 2, 9], [198, 51, 100, 1]];
    fs::write(folder.path().join("x.pcap"), capture(&packets)).expect("write");
    let done = run(folder.path(), &["policy", "test", "policy.toml", "x.pcap"]);
    let (told, said) = (words(&done.stdout), words(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{told}{said}");
    let row = |id: &str| {
        let line = told.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("no {id} in:\n{told}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("feed")[3], "2", "{told}");
    assert_eq!(row("dns")[3], "1", "{told}");
    assert_eq!(row("never")[3], "0", "{told}");
    assert!(said.contains("3 packets: 1 passed, 2 dropped, 0 redirected"), "{said}");
    let lines = run(folder.path(), &["policy", "test", "policy.toml", "x.pcap", "--json"]);
    assert_eq!(words(&lines.stdout).lines().filter(|line| line.contains("\"record\":\"policy_rules\"")).count(), 5);
}

#[test]
fn without_a_rig_the_next_step_is_said() {
    let folder = folder();
    let socket = folder.path().join("none.sock");
    let mut command = netrig();
    command.current_dir(folder.path()).env("NETRIG_POLICY__SOCKET", &socket);
    command.env("NETRIG_POLICY__PINS", folder.path().join("nothing"));
    let done = command.args(["policy", "show"]).output().expect("start netrig");
    let said = words(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("netrig run"), "{said}");
}
