//! Reading, overriding, writing and comparing settings.

use netrig_config::{
    ByteSize, Config, ConfigErrors, Hook, PathRule, PayloadContent, Percent, Place, SECTIONS, SETTINGS, Trigger,
    TriggerOn,
};
use netrig_model::Stage;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::from_toml(text, "rig.toml", environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

#[test]
fn nothing_gives_the_defaults() {
    assert_eq!(read("", &[]), Ok(Config::default()));
    assert_eq!(Config::load(None, std::iter::empty()), Ok(Config::default()));
}

#[test]
fn the_default_file_is_the_default_commented_out_or_not() {
    let text = Config::default_toml();
    assert_eq!(read(&text, &[]), Ok(Config::default()));
    let keys = |line: &str| line.strip_prefix('#').is_some_and(|l| l.starts_with(|c: char| c.is_ascii_lowercase()));
    // Two kinds of credentials cannot be had at once.
    let other = |line: &&str| !line.starts_with("#basic_auth_");
    let active: Vec<_> = text.lines().filter(other).map(|l| if keys(l) { &l[1..] } else { l }).collect();
    let mut read = read(&active.join("\n"), &[]).expect("the default file, uncommented");
    assert_eq!(read.rig.host.take().as_deref(), Some("web-1"), "a key without a default shows an example");
    assert_eq!(read.policy.file.take().as_deref(), Some(Path::new("/etc/netrig/policy.toml")));
    assert_eq!(read.recorder.dir.take().as_deref(), Some(Path::new("/var/lib/netrig/captures")));
    assert!(read.remote_write.url.take().is_some_and(|url| url.ends_with("/api/v1/write")));
    assert_eq!(read.remote_write.bearer_token_file.take().as_deref(), Some(Path::new("/etc/netrig/token")));
    assert_eq!(read.remote_write.tls_ca_file.take().as_deref(), Some(Path::new("/etc/netrig/ca.pem")));
    assert_eq!(read, Config::default());
}

#[test]
fn every_key_is_read() {
    let text = r#"
        [rig]
        interfaces = ["eth0", "veth*", "!docker0"]
        window = "1m"
        idle_timeout = "2m"
        cpu = "2.5%"
        memory = "1GiB"
        host = "web-7"
        [flow]
        enabled = false
        hook = "xdp"
        tunnels = true
        sampling = 32
        [tcp]
        enabled = false
        reads = true
        [latency]
        enabled = false
        sampling = 1_000
        slow = "1s"
        receive_stamps = false
        [drop]
        enabled = false
        examples = 5
        [burst]
        enabled = false
        bucket = "250us"
        link_share = "50%"
        times_mean = 20
        min_bytes = "1MiB"
        [queue]
        enabled = false
        [payload]
        enabled = false
        content = "full"
        path = "hash"
        hash_key = "a key that is long enough"
        dns_ports = [53, "5300"]
        copy = "4KiB"
        timeout = "2s"
        slow = "20ms"
        records = 500
        [policy]
        enabled = false
        file = "/etc/netrig/edge.toml"
        socket = "/run/edge.sock"
        pins = "/sys/fs/bpf/edge"
        examples = 0
        [recorder]
        enabled = false
        memory = "8MiB"
        snaplen = 224
rate = 1000
        before = "30s"
        after = "1s"
        dir = "/data/captures"
        files = 3
        bytes = "1GiB"
        cooldown = "5m"
        automatic = false
        [[recorder.trigger]]
        name = "slow-disk"
        on = "latency"
        stage = "run_queue"
        above = "20ms"
        [[recorder.trigger]]
        on = "burst"
        iface = "eth0"
        above = "95%"
        [store]
        enabled = false
        dir = "/data/netrig"
        retain = "30d"
        budget = "500MB"
        detail_retain = "2d"
        [serve]
        enabled = false
        listen = "[::1]:80"
        [metrics]
        enabled = false
        [remote_write]
        url = "http://10.0.0.9:8428/api/v1/write"
        interval = "30s"
        timeout = "2s"
        external_labels = { site = "lab", job = "edge" }
        native_histograms = true
        basic_auth_user = "rig"
        basic_auth_password_file = "/etc/netrig/password"
        tls_ca_file = "/etc/netrig/ca.pem"
        queue = "1MiB"
        samples_per_request = 500
    "#;
    let config = read(text, &[]).expect("a valid file");
    assert_eq!(config.rig.interfaces, ["eth0", "veth*", "!docker0"]);
    assert_eq!(config.rig.window, Duration::from_secs(60));
    assert_eq!(config.rig.idle_timeout, Duration::from_secs(120));
    assert_eq!(config.rig.cpu, Percent::from_thousandths(2_500));
    assert_eq!(config.rig.memory, ByteSize::gib(1));
    assert_eq!(config.rig.host.as_deref(), Some("web-7"));
    assert_eq!((config.flow.hook, config.flow.sampling), (Hook::Xdp, 32));
    assert_eq!((config.latency.sampling, config.latency.slow), (1_000, Duration::from_secs(1)));
    assert_eq!((config.drop.examples, config.burst.bucket), (5, Duration::from_micros(250)));
    assert_eq!((config.burst.times_mean, config.burst.min_bytes), (20, ByteSize::mib(1)));
    assert_eq!((config.payload.content, config.payload.path), (PayloadContent::Full, PathRule::Hash));
    assert_eq!((config.payload.dns_ports.as_slice(), config.payload.copy), (&[53, 5300][..], ByteSize(4 << 10)));
    assert_eq!((config.payload.timeout, config.payload.slow), (Duration::from_secs(2), Duration::from_millis(20)));
    assert!(!format!("{config:?}").contains("long enough"), "a key that is logged is no secret");
    assert_eq!(config.policy.file.as_deref(), Some(Path::new("/etc/netrig/edge.toml")));
    assert_eq!(config.policy.socket, Path::new("/run/edge.sock"));
    assert_eq!((config.recorder.snaplen, config.recorder.cooldown), (224, Duration::from_secs(300)));
    let latency = TriggerOn::Latency { stage: Stage::RunQueue, above: Duration::from_millis(20) };
    let burst = TriggerOn::Burst { iface: Some("eth0".into()), link_share: Some(Percent::whole(95)) };
    assert_eq!(
        config.recorder.triggers,
        [Trigger { name: "slow-disk".into(), on: latency }, Trigger { name: "burst".into(), on: burst }]
    );
    assert_eq!(config.recorder.triggers(), [], "`automatic` is off");
    assert_eq!(read(&config.to_toml(), &[]), Ok(config.clone()), "what is written is read again");
    assert_eq!(config.store.dir.to_str(), Some("/data/netrig"));
    assert_eq!(config.store.budget, ByteSize(500_000_000));
    assert_eq!(config.store.detail_retain, Duration::from_secs(2 * 86_400));
    assert_eq!(config.serve.listen.to_string(), "[::1]:80");
    let remote = &config.remote_write;
    assert_eq!(remote.url.as_deref(), Some("http://10.0.0.9:8428/api/v1/write"));
    assert_eq!((remote.interval, remote.timeout), (Duration::from_secs(30), Duration::from_secs(2)));
    assert_eq!((remote.external_labels["site"].as_str(), remote.external_labels["job"].as_str()), ("lab", "edge"));
    assert_eq!((remote.queue, remote.samples_per_request), (ByteSize::mib(1), 500));
    let changed = Config::changed(&Config::default(), &config);
    // Credentials are of one kind; the other is read below.
    let unread = SETTINGS.iter().map(|s| s.path).filter(|path| !changed.contains(path));
    assert_eq!(unread.collect::<Vec<_>>(), ["remote_write.bearer_token_file"]);
    let token = read("[remote_write]\nbearer_token_file = \"/run/token\"\n", &[]).expect("valid").remote_write;
    assert_eq!(token.bearer_token_file.as_deref(), Some(Path::new("/run/token")));
}

#[test]
fn the_environment_beats_the_file() {
    let config = read(
        "[rig]\nwindow = \"20s\"\n",
        &[
            ("NETRIG_RIG__WINDOW", "5s"),
            ("NETRIG_RIG__INTERFACES", "eth0, veth*"),
            ("NETRIG_FLOW__TUNNELS", "true"),
            ("NETRIG_LATENCY__SAMPLING", " 64 "),
            ("NETRIG_BURST__BUCKET", "100µs"),
            ("NETRIG_PAYLOAD__DNS_PORTS", "53,5300"),
            ("NETRIG_PAYLOAD__HASH_KEY", "0123456789012345"),
            ("NETRIG_STORE__DIR", "\"/data\""),
            ("NETRIG_REMOTE_WRITE__EXTERNAL_LABELS", "{ site = \"lab\" }"),
            ("NETRIG_LOG", "debug"),
            ("PATH__X", "/bin"),
        ],
    )
    .expect("valid");
    assert_eq!(config.rig.window, Duration::from_secs(5));
    assert_eq!(config.rig.interfaces, ["eth0", "veth*"]);
    assert!(config.flow.tunnels);
    assert_eq!(config.latency.sampling, 64);
    assert_eq!(config.burst.bucket, Duration::from_micros(100));
    assert_eq!(config.payload.dns_ports, [53, 5300]);
    assert_eq!(config.payload.hash_key, "0123456789012345");
    assert_eq!(config.store.dir.to_str(), Some("/data"));
    assert_eq!(config.remote_write.external_labels["site"], "lab");
    let config = read("", &[("NETRIG_RIG__INTERFACES", "[\"a\", 'b']")]).expect("a TOML array");
    assert_eq!(config.rig.interfaces, ["a", "b"]);
    for (text, ports) in [("53", &[53][..]), ("[53, 5353]", &[53, 5353]), ("", &[]), ("53, 53 ,1", &[53, 1])] {
        let config = read("", &[("NETRIG_PAYLOAD__DNS_PORTS", text)]).expect("ports");
        assert_eq!(config.payload.dns_ports, ports, "{text}");
    }
}

#[test]
fn a_long_window_takes_the_idle_timeout_along_unless_that_was_set() {
    let config = read("[rig]\nwindow = \"5m\"\n", &[]).expect("valid");
    assert_eq!(config.rig.idle_timeout, Duration::from_secs(300));
    let errors = read("[rig]\nwindow = \"5m\"\nidle_timeout = \"30s\"\n", &[]).expect_err("a contradiction");
    assert_eq!(errors.0[0].place.line(), Some(3));
    let errors = read("[rig]\nwindow = \"5m\"\n", &[("NETRIG_RIG__IDLE_TIMEOUT", "30s")]).expect_err("likewise");
    assert_eq!(errors.0[0].place, Place::Variable("NETRIG_RIG__IDLE_TIMEOUT".to_owned()));
}

#[test]
fn all_errors_are_told_in_one_pass_and_in_order() {
    let errors = read("[rig]\nwindw = \"1s\"\ncpu = 1\n[store]\ndir = \"data\"\n", &[("NETRIG_STOR__DIR", "/x")]);
    let errors = errors.expect_err("four errors").0;
    let lines: Vec<_> = errors.iter().map(|e| e.place.line()).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(5), None]);
}

#[test]
fn other_spellings_of_toml_are_the_same_settings() {
    let expected = read("[rig]\nwindow = \"5s\"\n", &[]);
    assert!(expected.is_ok());
    assert_eq!(read("rig.window = \"5s\"", &[]), expected);
    assert_eq!(read("rig = { window = '5s' }", &[]), expected);
    assert_eq!(read("\u{feff}[rig]\r\n\"window\" = \"\"\"5s\"\"\"\r\n", &[]), expected);
}

#[test]
fn a_reload_names_what_needs_a_restart() {
    let old = Config::default();
    let mut new = old.clone();
    assert_eq!(Config::changed(&old, &new), [""; 0]);
    new.rig.interfaces = vec!["eth0".to_owned()];
    new.flow.hook = Hook::Xdp;
    new.latency.sampling = 1;
    new.latency.receive_stamps = false;
    new.drop.examples = 0;
    new.burst.bucket = Duration::from_micros(100);
    new.burst.times_mean = 20;
    let changed = [
        "rig.interfaces",
        "flow.hook",
        "latency.sampling",
        "latency.receive_stamps",
        "drop.examples",
        "burst.bucket",
        "burst.times_mean",
    ];
    assert_eq!(Config::changed(&old, &new), changed);
    let restart = ["flow.hook", "latency.receive_stamps", "burst.bucket"];
    assert_eq!(Config::changed_requires_restart(&old, &new), restart);
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let message =
        |path: &Path| Config::load(Some(path), std::iter::empty()).expect_err("unreadable").0.remove(0).message;
    assert!(message(&dir.path().join("none.toml")).starts_with("cannot be opened: No such file"));
    assert!(message(dir.path()).starts_with("cannot be read: Is a directory"));
    assert_eq!(message(Path::new("/dev/zero")), "is larger than 1 MiB: no configuration");
    let latin1 = dir.path().join("latin1.toml");
    std::fs::write(&latin1, b"[rig]\nhost = \"caf\xe9\"\n").expect("write");
    assert_eq!(message(&latin1), "line 2 is not UTF-8 text");
}

#[test]
fn depth_without_end_is_refused() {
    let depth = 50_000;
    let brackets = format!("[rig]\ninterfaces = {}", "[".repeat(depth));
    let braces = format!("rig = {}", "{a=".repeat(depth));
    let dots = format!("{}b = 1", "a.".repeat(depth));
    let header = format!("[{}b]", "rig.".repeat(depth));
    for text in [brackets, braces, dots, header] {
        assert!(read(&text, &[]).is_err());
    }
    assert!(read("", &[("NETRIG_RIG__INTERFACES", &"[".repeat(depth))]).is_err());
}

#[test]
fn the_list_of_settings_is_in_order() {
    let mut sections: Vec<_> = SETTINGS.iter().map(netrig_config::Setting::section).collect();
    sections.dedup();
    assert_eq!(sections, SECTIONS.iter().map(|s| s.name).collect::<Vec<_>>(), "each section once, in the same order");
    assert!(SETTINGS.iter().all(|s| s.help.ends_with('.')), "help is sentences");
}

prop_compose! {
    fn any_config()(
        interfaces in prop::collection::vec("auto|[a-z]{1,8}[0-9*?]{0,3}", 1..4),
        excluded in prop::option::of("![a-z]{1,8}"),
        window_s in 1u64..=3_600,
        idle_s in 0u64..=80_000,
        cpu in 10u32..=100_000,
        memory in (16u64 << 20)..=(64 << 30),
        host in prop::option::of("[^\\s\\p{C}]{1,60}"),
        (hook, tunnels) in (prop::sample::select(&[Hook::Tcx, Hook::Xdp]), any::<bool>()),
        dir in "/[^\\x00]{0,40}",
        (retain_h, budget) in (1u64..=87_600, (16u64 << 20)..=(100 << 40)),
        (sampling, slow_ms) in (1u32..=65_536, 1u64..=3_600_000),
        (examples, bucket_us, link_share) in (0u32..=1_000, 100u64..=10_000, 1_000u32..=100_000),
        (times_mean, min_bytes) in (2u32..=10_000, (1u64 << 10)..=(1 << 30)),
        (content, path) in (prop::sample::select(&[PayloadContent::Names, PayloadContent::Full]), any::<bool>()),
        hash_key in "\\PC{16,40}",
        dns_ports in prop::collection::btree_set(1u16.., 0..=8),
        switches in any::<[bool; 11]>(),
        port in any::<u16>(),
    ) -> Config {
        let mut c = Config::default();
        c.rig.interfaces = interfaces.into_iter().chain(excluded.filter(|e| e != "!auto")).collect();
        c.rig.window = Duration::from_secs(window_s);
        c.rig.idle_timeout = Duration::from_secs(window_s + idle_s);
        c.rig.cpu = Percent::from_thousandths(cpu);
        c.rig.memory = ByteSize(memory);
        c.rig.host = host;
        c.flow.hook = hook;
        c.flow.tunnels = tunnels;
        c.tcp.reads = tunnels;
        c.store.dir = dir.into();
        c.store.retain = Duration::from_secs(retain_h * 3_600);
        c.store.budget = ByteSize(budget);
        c.latency.sampling = sampling;
        c.latency.slow = Duration::from_millis(slow_ms);
        c.drop.examples = examples;
        c.burst.bucket = Duration::from_micros(bucket_us);
        c.burst.link_share = Percent::from_thousandths(link_share);
        c.burst.times_mean = times_mean;
        c.burst.min_bytes = ByteSize(min_bytes);
        c.payload.content = content;
        c.payload.path = if path { PathRule::Hash } else { PathRule::Keep };
        c.payload.hash_key = hash_key;
        c.payload.dns_ports = dns_ports.into_iter().rev().collect();
        let probes = [&mut c.flow.enabled, &mut c.tcp.enabled, &mut c.latency.enabled, &mut c.latency.receive_stamps];
        let counters = [&mut c.drop.enabled, &mut c.burst.enabled, &mut c.queue.enabled, &mut c.payload.enabled];
        let outlets = [&mut c.store.enabled, &mut c.serve.enabled, &mut c.metrics.enabled];
        for (switch, on) in probes.into_iter().chain(counters).chain(outlets).zip(switches) {
            *switch = on;
        }
        c.serve.listen.set_port(port);
        c
    }
}

proptest! {
    #[test]
    fn settings_written_and_read_are_the_same(config in any_config()) {
        prop_assert_eq!(read(&config.to_toml(), &[]), Ok(config));
    }

    #[test]
    fn settings_given_by_the_environment_are_the_same(config in any_config()) {
        let text = config.to_toml();
        let mut section = "";
        let mut environment = Vec::new();
        for line in text.lines() {
            if let Some((key, value)) = line.split_once(" = ") {
                environment.push((format!("NETRIG_{}__{}", section.to_uppercase(), key.to_uppercase()), value.to_owned()));
            } else if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            }
        }
        prop_assert_eq!(Config::from_toml("", "", environment.into_iter()), Ok(config));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}|[\\[\\]a-z.=\"'#{}, \n0-9]{0,120}") {
        let shown = read(&text, &[]).map_err(|e| e.to_string());
        prop_assert!(shown.is_ok() || shown.is_err_and(|s| s.contains("rig.toml")));
    }

    #[test]
    fn no_value_makes_it_panic(at in 0..SETTINGS.len(), value in "\\PC{0,40}|-?[0-9.]{1,30}|\\[[\", a-z0-9]{0,20}\\]") {
        let setting = &SETTINGS[at];
        let _ = read(&format!("{} = {value}", setting.path), &[]);
        let _ = read("", &[(&setting.variable(), &value)]);
    }
}
