//! A network namespace of a test's own.

use crate::Background;
use crate::syscalls::enter_namespace;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// All namespaces of tests begin with this; the id of the process that made them follows.
const PREFIX: &str = "netrig-test-";
const NETNS_DIR: &str = "/run/netns";

static SERIAL: AtomicU32 = AtomicU32::new(0);
static SWEEP: Once = Once::new();

/// A network namespace, deleted with everything in it when dropped.
#[derive(Debug)]
pub struct NetNs {
    name: String,
}

impl NetNs {
    /// Creates one, loopback up; `label` makes its name readable. Namespaces that killed test processes left are removed.
    ///
    /// # Panics
    /// When it cannot be created: ask [`crate::require_root!`] first.
    #[must_use]
    pub fn new(label: &str) -> Self {
        SWEEP.call_once(remove_orphans);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let ns = Self { name: format!("{PREFIX}{}-{serial}-{label}", std::process::id()) };
        checked(Command::new("ip").args(["netns", "add", &ns.name]));
        ns.run("ip link set lo up");
        ns
    }

    /// Its name, as `ip netns` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(NETNS_DIR).join(&self.name)
    }

    /// A command to be run inside, for when it needs more than [`NetNs::run`] gives.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs a command inside (words split at blanks, no shell) and returns its standard output.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, line: &str) -> String {
        let out = checked(&mut self.words(line));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Runs a script by `sh -ec` inside and returns its standard output: for many commands at the price of one.
    ///
    /// # Panics
    /// When it fails.
    pub fn run_script(&self, script: &str) -> String {
        let out = checked(self.command("sh").args(["-ec", script]));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Starts a command inside that ends with the guard it returns.
    #[must_use]
    pub fn spawn(&self, line: &str) -> Background {
        Background::start(&mut self.words(line))
    }

    /// Runs `work` in a thread that has entered the namespace, and returns its result; a panic goes on in the caller.
    ///
    /// Only the network is another: sockets, netlink and `/proc/thread-self/net` are the namespace's, `/sys` is not.
    ///
    /// # Panics
    /// When the namespace cannot be entered, or `work` panics.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        Self::inside_of(Some(&self.path()), work)
    }

    /// The same for a namespace known by its file; without one `work` runs where the caller is.
    pub(crate) fn inside_of<T: Send>(path: Option<&Path>, work: impl FnOnce() -> T + Send) -> T {
        let Some(path) = path else { return work() };
        let run = || {
            enter_namespace(path);
            work()
        };
        let name = std::thread::current().name().unwrap_or("inside").to_owned();
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, run).expect("start a thread");
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A veth pair, both ends in this namespace, both up.
    pub fn veth(&self, a: &str, b: &str) {
        self.run(&format!("ip link add name {a} type veth peer name {b}"));
        self.run(&format!("ip link set dev {a} up"));
        self.run(&format!("ip link set dev {b} up"));
    }

    /// A veth pair between this namespace (`a`) and `other` (`b`), both ends up.
    pub fn veth_to(&self, a: &str, other: &Self, b: &str) {
        self.run(&format!("ip link add name {a} type veth peer name {b} netns {}", other.name));
        self.run(&format!("ip link set dev {a} up"));
        other.run(&format!("ip link set dev {b} up"));
    }

    /// Gives an interface an address such as `10.0.0.1/24` or `fd00::1/64` (usable at once: no duplicate detection).
    pub fn address(&self, iface: &str, cidr: &str) {
        let nodad = if cidr.contains(':') { " nodad" } else { "" };
        self.run(&format!("ip address add {cidr} dev {iface}{nodad}"));
    }

    /// Sets one of its own sysctls, such as `net.ipv4.tcp_syn_retries`.
    ///
    /// # Panics
    /// When there is none of this name, or it does not take the value.
    pub fn sysctl(&self, name: &str, value: &str) {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        let written = self.inside(|| std::fs::write(&path, value));
        written.unwrap_or_else(|e| panic!("cannot set {name} to {value}: {e}"));
    }

    /// Lets an interface send no faster than this, by a token bucket: what is more waits in its queueing discipline, which has
    /// room for half a second. The first 70 kB after a rest pass at once (more than the largest segment before it is cut).
    pub fn limit_rate(&self, iface: &str, megabits_per_second: u32) {
        self.run(&format!(
            "tc qdisc replace dev {iface} root tbf rate {megabits_per_second}mbit burst 70kb latency 500ms"
        ));
    }

    fn words(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = self.command(words.next().expect("a command has a first word"));
        command.args(words);
        command
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        // Named deletion unmounts; the namespace itself ends with its last process, so those a test forgot are told.
        delete(&self.name);
    }
}

fn checked(command: &mut Command) -> Output {
    let out = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    let text = || format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?} ended with {}: {}", out.status, text());
    out
}

/// Deletes a namespace and ends what still runs in it; failures are told, not raised, since this also runs in panics.
fn delete(name: &str) {
    let pids = Command::new("ip").args(["netns", "pids", name]).output();
    for pid in pids.iter().flat_map(|out| out.stdout.split(u8::is_ascii_whitespace)).filter(|word| !word.is_empty()) {
        let pid = String::from_utf8_lossy(pid).into_owned();
        eprintln!("process {pid} was left in the namespace {name}: ended");
        let _ = Command::new("kill").args(["-KILL", &pid]).status();
    }
    match Command::new("ip").args(["netns", "delete", name]).output() {
        Ok(out) if out.status.success() => {}
        Ok(out) => eprintln!("the namespace {name} is left: {}", String::from_utf8_lossy(&out.stderr).trim()),
        Err(e) => eprintln!("the namespace {name} is left: {e}"),
    }
}

/// Removes what killed test processes left: namespaces whose name carries the id of a process that is no more.
fn remove_orphans() {
    for entry in std::fs::read_dir(NETNS_DIR).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid: u32| !Path::new("/proc").join(pid.to_string()).exists()) {
            delete(&name);
        }
    }
}
