//! What is wrong is said: what, where, and what to do.

use crate::support::{Folder, netrig};
use netrig_testkit::{NetNs, require_root};
use std::process::{Command, Output, Stdio};

fn capture(ns: &NetNs, arguments: &[&str]) -> Output {
    let mut command = Command::new(netrig());
    command.arg("capture").args(arguments).stdin(Stdio::null());
    ns.inside(|| command.output()).expect("start netrig")
}

#[track_caller]
fn refused(ns: &NetNs, arguments: &[&str], words: &[&str]) {
    let out = capture(ns, arguments);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(out.stdout.is_empty(), "{arguments:?}");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: `{word}` in {said}");
    }
}

#[test]
fn wrong_words_are_refused_with_what_is_wrong() {
    require_root!();
    let ns = NetNs::new("cap-bad");
    refused(&ns, &["-i", "lo", "tcp prot 80"], &["syntax error"]);
    refused(&ns, &["-i", "lo", "host"], &["host"]);
    refused(&ns, &["-i", "lo", "port 99999"], &["99999"]);
    refused(&ns, &["-i", "nowhere0"], &["nowhere0", "lo"]);
    refused(&ns, &["-i", "lo", "--hook", "sideways"], &["sideways", "ingress"]);
    refused(&ns, &["-i", "lo", "--hook", "xdp", "--process", "nginx"], &["XDP"]);
    refused(&ns, &["-i", "lo", "--sample", "2/3"], &["1/N"]);
    refused(&ns, &["-i", "lo", "-c", "0"], &["-c"]);
    refused(&ns, &["-i", "lo", "-C", "1"], &["--write"]);
    refused(&ns, &["-i", "lo", "-w", "x", "-W", "3"], &["-C", "-G"]);
    refused(&ns, &["-i", "lo", "-w", "-", "-C", "3"], &["standard output"]);
    refused(&ns, &["-i", "lo", "--container", "no-such-thing"], &["no-such-thing"]);
    refused(&ns, &["-i", "lo", "-F", "/no/such/file"], &["/no/such/file"]);
    refused(&ns, &["--dump", "-w", "x"], &["--dump"]);
}

#[test]
fn hostile_filters_do_not_hurt() {
    require_root!();
    let ns = NetNs::new("cap-hostile");
    let deep = format!("{}tcp{}", "(".repeat(20_000), ")".repeat(20_000));
    let many = (0..10_000).map(|n| format!("host 10.{}.{}.7", n / 256, n % 256)).collect::<Vec<_>>().join(" or ");
    let long = "tcp and ".repeat(20_000) + "udp";
    let folder = Folder::new();
    let file = folder.file("filter");
    for filter in [&deep, &many, &long] {
        std::fs::write(&file, filter).expect("write the filter");
        // It is refused by name, or the interface is.
        let out = capture(&ns, &["-i", "nowhere0", "-F", file.to_str().expect("text")]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{}", &said[..said.len().min(500)]);
        assert!(!said.contains("panicked") && !said.is_empty(), "{}", &said[..said.len().min(500)]);
        assert!(said.len() < 2_000, "{} octets are no sentence", said.len());
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_said() {
    require_root!();
    let ns = NetNs::new("cap-place");
    for (place, word) in [("/no/such/folder/x.pcapng", "No such file"), ("/tmp", "folder")] {
        let out = capture(&ns, &["-i", "lo", "-w", place]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_ne!(out.status.code(), Some(0), "{said}");
        assert!(said.contains(place) && said.contains(word), "{said}");
    }
}
