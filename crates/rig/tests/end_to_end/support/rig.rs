//! A running rig.

use super::alone::{Beside, beside};
use super::{BpfObjects, Stored, wait_for};
use netrig_model::Snapshot;
use netrig_testkit::NetNs;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Where the rig of a test listens: every namespace has a loopback of its own.
pub(crate) const LISTEN: &str = "127.0.0.1:9798";
/// The rig tells all connections of the machine, also those of tests that make very many.
const BODY_BYTES_MAX: u64 = 1 << 30;
const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// The binary.
pub(crate) fn netrig() -> &'static str {
    env!("CARGO_BIN_EXE_netrig")
}

/// `netrig run` in a namespace, with a store of its own; killed when dropped.
pub(crate) struct Rig<'a> {
    ns: &'a NetNs,
    child: Child,
    folder: TempDir,
    listen: &'static str,
    _beside: Beside,
}

impl<'a> Rig<'a> {
    /// Watching `interfaces`, a window of one second, everything else as it comes.
    pub(crate) fn start(ns: &'a NetNs, interfaces: &[&str]) -> Self {
        Self::start_with(ns, &format!("[rig]\ninterfaces = {interfaces:?}\nwindow = \"1s\"\nidle_timeout = \"5s\"\n"))
    }

    /// With this configuration; the store's folder is added.
    pub(crate) fn start_with(ns: &'a NetNs, config: &str) -> Self {
        Self::start_with_listen(ns, config, LISTEN)
    }

    /// The same for a configuration that says where to listen.
    pub(crate) fn start_with_listen(ns: &'a NetNs, config: &str, listen: &'static str) -> Self {
        Self::start_in(ns, folder_with(config), listen, true)
    }

    /// The same for one that cannot do all that it should, and says so.
    pub(crate) fn start_unwell(ns: &'a NetNs, config: &str) -> Self {
        Self::start_in(ns, folder_with(config), LISTEN, false)
    }

    fn start_in(ns: &'a NetNs, folder: TempDir, listen: &'static str, healthy: bool) -> Self {
        let _beside = beside();
        let log = File::options().create(true).append(true).open(folder.path().join("log")).expect("open the log");
        // Not by `ip netns exec`, which hides the control groups that a host has under /sys.
        let mut command = Command::new(netrig());
        command.arg("run").arg("-c").arg(folder.path().join("rig.toml"));
        command.env("NETRIG_STORE__DIR", folder.path().join("store"));
        for (key, value) in policy_places(folder.path()) {
            command.env(key, value);
        }
        // What a test looks for must not be turned down because the machine is busy with others.
        let config = fs::read_to_string(folder.path().join("rig.toml")).expect("read rig.toml");
        if !config.contains("cpu = ") {
            command.env("NETRIG_RIG__CPU", "100%");
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("the log twice")).stderr(log);
        let child = ns.inside(|| command.spawn()).expect("start netrig");
        let mut rig = Self { ns, child, folder, listen, _beside };
        rig.wait_until_it_answers(healthy);
        rig
    }

    fn wait_until_it_answers(&mut self, healthy: bool) {
        wait_for("the rig answers", START_LIMIT, || {
            let ended = self.child.try_wait().expect("ask for the rig");
            assert!(ended.is_none(), "the rig ended at its start ({ended:?}): {}", self.log());
            // It answers for its health while it still attaches; what is open it tells once it has.
            let well = self.try_get("/healthz").is_ok();
            (well == healthy).then(|| self.try_get("/api/v1/connections").ok()).flatten()
        });
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its store.
    pub(crate) fn store_dir(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The body of a page it serves.
    pub(crate) fn get(&self, path: &str) -> String {
        self.try_get(path).unwrap_or_else(|e| panic!("GET {path}: {e}; the rig's log: {}", self.log()))
    }

    fn try_get(&self, path: &str) -> Result<String, ureq::Error> {
        let url = format!("http://{}{path}", self.listen);
        self.ns.inside(|| ureq::get(&url).call()?.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_string())
    }

    /// How it fares.
    pub(crate) fn status(&self) -> Snapshot {
        serde_json::from_str(&self.get("/api/v1/status")).expect("the status is a snapshot")
    }

    /// Runs `netrig` beside it with these arguments, and returns what it wrote to standard output.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments);
        let words = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "netrig {arguments:?} ended with {}: {words}", out.status);
        String::from_utf8(out.stdout).expect("text")
    }

    /// The same, however it ends.
    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        // As the rig itself: `ip netns exec` would hide what is pinned under /sys.
        let mut command = Command::new(netrig());
        command.args(arguments).env("NETRIG_STORE__DIR", self.store_dir()).stdin(Stdio::null());
        for (key, value) in policy_places(self.folder.path()) {
            command.env(key, value);
        }
        // Whoever runs the tests may be logged in by SSH.
        command.env_remove("SSH_CONNECTION");
        self.ns.inside(|| command.output()).expect("start netrig")
    }

    /// Its folder: what lies there goes with it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `netrig` where no rig is, and returns what it wrote to standard output.
    pub(crate) fn ask_alone(arguments: &[&str]) -> String {
        let out = Command::new(netrig()).args(arguments).stdin(Stdio::null()).output().expect("start netrig");
        assert!(out.status.success(), "netrig {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text")
    }

    /// What it holds in the kernel.
    pub(crate) fn bpf_objects(&self) -> BpfObjects {
        BpfObjects::of_process(self.pid())
    }

    /// Ends it as a service manager would, and reads what it left.
    pub(crate) fn stop(mut self) -> Stored {
        let status = self.signal("TERM");
        assert!(status.success(), "the rig ended with {status}: {}", self.log());
        Stored::read(&self.store_dir())
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal(&mut self, name: &str) -> ExitStatus {
        self.send(name);
        wait_for("the rig ends", STOP_LIMIT, || self.child.try_wait().expect("ask for the rig"))
    }

    /// Rewrites its configuration and asks it to read it again.
    pub(crate) fn reload(&self, config: &str) {
        fs::write(self.folder.path().join("rig.toml"), config).expect("write rig.toml");
        self.send("HUP");
    }

    /// Sends a signal that it lives on after.
    pub(crate) fn send(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("run kill").success(), "kill -{name} {}", self.pid());
    }

    /// Starts it again on the same store and configuration, after it ended.
    pub(crate) fn again(mut self) -> Self {
        let ended = self.child.try_wait().expect("ask for the rig");
        assert!(ended.is_some(), "only a rig that has ended can start again");
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        Self::start_in(self.ns, folder, self.listen, true)
    }
}

fn folder_with(config: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the rig");
    fs::write(folder.path().join("rig.toml"), config).expect("write rig.toml");
    folder
}

/// Where a rig takes policies, and where those lie that outlive it: its own, that tests may run side by side.
fn policy_places(folder: &Path) -> [(&'static str, PathBuf); 2] {
    let name = folder.file_name().expect("a folder's name").to_string_lossy().replace('.', "");
    let pins = Path::new("/sys/fs/bpf").join(format!("netrig-test-{name}"));
    [("NETRIG_POLICY__SOCKET", folder.join("control.sock")), ("NETRIG_POLICY__PINS", pins)]
}

impl Drop for Rig<'_> {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let [_, (_, pins)] = policy_places(self.folder.path());
        if pins.exists() {
            let _ = netrig_probes::policy::remove_pinned(&pins);
        }
    }
}

/// `netrig` with these arguments, without a namespace.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(netrig()).current_dir(folder).args(arguments).stdin(Stdio::null()).output().expect("start netrig")
}
