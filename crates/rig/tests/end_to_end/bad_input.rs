//! Bad input gets a clear error: what, where, what to do, and the exit code that says whose fault it is.

use crate::support::{Rig, Street, netrig, rig::run_in};
use netrig_testkit::{NetNs, Pair, XdpDrop, XdpMode, require_root};
use std::fs;
use std::process::{Command, Output};

const FAILED: Option<i32> = Some(1);
const WRONG_INPUT: Option<i32> = Some(2);

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_says(output: &Output, code: Option<i32>, parts: &[&str]) {
    let words = words(output);
    assert_eq!(output.status.code(), code, "{words}");
    assert!(
        output.stdout.is_empty(),
        "errors go to standard error, not: {:?}",
        String::from_utf8_lossy(&output.stdout)
    );
    for part in parts {
        assert!(words.contains(part), "`{part}` is missing in: {words}");
    }
    assert!(!words.contains("panicked"), "{words}");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_key() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rig.toml"), "[rig]\nwindow = \"5s\"\ninterface = [\"eth0\"]\n").expect("write");
    for verb in [&["run", "-c", "rig.toml"][..], &["config", "check", "-c", "rig.toml"], &["check", "-c", "rig.toml"]] {
        assert_says(&run_in(folder.path(), verb), WRONG_INPUT, &["interface", "3", "interfaces"]);
    }
}

#[test]
fn a_cpu_budget_that_cannot_be_kept_is_refused_with_the_least_that_can() {
    require_root!();
    if std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() >= 30) {
        netrig_testkit::report_skipped("the least budget that can be written is enough on so many CPUs");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rig.toml"), "[rig]\ncpu = \"0.01%\"\n[store]\nenabled = false\n").expect("write");
    let out = run_in(folder.path(), &["run", "-c", "rig.toml"]);
    assert_says(&out, FAILED, &["[rig] cpu = \"0.01%\"", "CPUs", "set it to", "or more"]);
}

#[test]
fn an_ill_typed_value_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rig.toml"), "[rig]\n\nwindow = 10\n").expect("write");
    assert_says(&run_in(folder.path(), &["run", "-c", "rig.toml"]), WRONG_INPUT, &["window", "3"]);
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = run_in(folder.path(), &["run", "-c", "nowhere.toml"]);
    assert_says(&out, WRONG_INPUT, &["nowhere.toml"]);
}

#[test]
fn an_unknown_command_or_option_is_wrong_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_says(&run_in(folder.path(), &["fly"]), WRONG_INPUT, &["fly"]);
    assert_says(&run_in(folder.path(), &["flows", "--by", "colour"]), WRONG_INPUT, &["colour"]);
    assert_says(&run_in(folder.path(), &["flows", "--since", "soon"]), WRONG_INPUT, &["soon"]);
}

#[test]
fn a_capture_that_is_not_there_or_none_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("note.pcap"), "this is a letter, not a capture").expect("write");
    for file in ["gone.pcap", "note.pcap"] {
        let out = run_in(folder.path(), &["replay", file]);
        assert!(matches!(out.status.code(), FAILED | WRONG_INPUT), "{}", words(&out));
        assert!(words(&out).contains(file), "{}", words(&out));
    }
}

/// `netrig run` inside, expected to end by itself.
fn run_inside(ns: &NetNs, arguments: &[&str], store: &std::path::Path) -> Output {
    let mut command = ns.command("timeout");
    command.args(["20", netrig(), "run"]).args(arguments).env("NETRIG_STORE__DIR", store);
    command.output().expect("start netrig")
}

#[test]
fn an_interface_that_does_not_exist_is_named() {
    require_root!();
    let ns = NetNs::new("missing");
    let folder = tempfile::tempdir().expect("a folder");
    assert_says(&run_inside(&ns, &["-i", "nosuch0"], folder.path()), FAILED, &["nosuch0"]);
}

#[test]
fn a_port_in_use_is_named() {
    require_root!();
    let street = Street::new("port");
    let _first = Rig::start(&street.near, &["near0"]);
    let folder = tempfile::tempdir().expect("a folder");
    assert_says(&run_inside(&street.near, &["-i", "near0"], folder.path()), FAILED, &["127.0.0.1:9798", "in use"]);
}

#[test]
fn a_second_rig_may_share_the_interface_but_not_the_store() {
    require_root!();
    let street = Street::new("second");
    let first = Rig::start(&street.near, &["near0"]);
    let mut second = street.near.command("timeout");
    second.args(["20", netrig(), "run", "-i", "near0"]);
    second.env("NETRIG_STORE__DIR", first.store_dir()).env("NETRIG_SERVE__LISTEN", "127.0.0.1:9799");
    let out = second.output().expect("start netrig");
    let (pid, dir) = (first.pid().to_string(), first.store_dir().display().to_string());
    assert_says(&out, FAILED, &[&dir, &pid]);

    let shared = "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\n[serve]\nlisten = \"127.0.0.1:9800\"\n";
    let third = Rig::start_with_listen(&street.near, shared, "127.0.0.1:9800");
    street.near.run("ping -q -c 3 -i 0.2 10.77.0.2");
    let (a, b) = (first.stop(), third.stop());
    let icmp = |f: &netrig_model::FlowRecord| f.protocol == 1;
    assert_eq!(a.sum("near0", icmp), b.sum("near0", icmp));
    assert_eq!(a.sum("near0", icmp).0, 6);
}

#[test]
fn a_store_that_cannot_be_written_is_named() {
    require_root!();
    let street = Street::new("readonly");
    // A file where the folder should be: root writes anywhere else.
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    fs::write(&store, "in the way").expect("write");
    let out = run_inside(&street.near, &["-i", "near0"], &store);
    assert_says(&out, FAILED, &[&store.display().to_string()]);
}

#[test]
fn without_rights_it_says_which_are_missing() {
    require_root!();
    let folder = tempfile::tempdir().expect("a folder");
    let without = |verb: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--", netrig()]).args(verb);
        command.env("NETRIG_STORE__DIR", folder.path().join("store")).output().expect("start setpriv")
    };
    assert_says(&without(&["run", "-i", "lo"]), FAILED, &["root"]);
    let check = without(&["check"]);
    assert_eq!(check.status.code(), FAILED, "{}", words(&check));
    let all = format!("{}{}", String::from_utf8_lossy(&check.stdout), words(&check));
    assert!(all.contains("CAP_") || all.contains("root"), "{all}");
}

#[test]
fn check_with_rights_says_that_all_can_run() {
    require_root!();
    let out = run_in(std::path::Path::new("/"), &["check"]);
    assert_eq!(out.status.code(), Some(0), "{}{}", String::from_utf8_lossy(&out.stdout), words(&out));
    assert!(String::from_utf8_lossy(&out.stdout).contains("flow"));
}

#[test]
fn check_says_where_a_policy_could_be_attached_and_attaches_none() {
    require_root!();
    let pair = Pair::new("checked");
    let check = || {
        let mut command = pair.right.command(netrig());
        command.arg("check").env("NETRIG_RIG__INTERFACES", "eth0,lo").current_dir("/");
        let out = command.output().expect("start netrig");
        let told = String::from_utf8_lossy(&out.stdout).into_owned();
        // What else is missing in a namespace is another's business.
        assert!(!told.lines().any(|line| line.starts_with("no ") && line.contains("policy")), "{told}{}", words(&out));
        told
    };
    let told = check();
    assert!(told.contains("a policy without rules is loaded, verified and put in force"), "{told}");
    assert!(told.contains("policy: the XDP hook is free"), "{told}");
    assert!(!pair.right.run("ip link show dev eth0").contains("xdp"));
    let held = XdpDrop::attach(&pair.right, Pair::IFACE, XdpMode::Native);
    let told = check();
    for part in
        ["no policy: eth0's XDP hook is held by program", "`drop_udp4` (native", "ip link set dev eth0 xdpdrv off"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    drop(held);
}
