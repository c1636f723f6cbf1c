//! A real Prometheus, which scrapes what a test shows it.

mod answers;
mod past;
mod setup;

pub use answers::{Alert, AlertState, Exemplar, Series};
pub use setup::PrometheusSetup;

use crate::{NetNs, report_skipped};
use serde_json::Value;
use setup::installed_version;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a test waits for comes within this time, or not at all.
const PATIENCE: Duration = Duration::from_secs(90);
const BETWEEN: Duration = Duration::from_millis(100);
/// Of its log, what is shown when a test fails: as much as one reads.
const LOG_LINES_SHOWN: usize = 60;
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// A running Prometheus with a store of its own. It ends when it is dropped; where a test fails, the end of its log is told.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    setup: PrometheusSetup,
    /// The namespace it is in.
    ns: Option<PathBuf>,
    dir: TempDir,
}

impl PrometheusSetup {
    /// Starts it, in a namespace or in the test's own, and waits until it is ready. None, and the test is reported as skipped,
    /// where Prometheus is not installed.
    ///
    /// # Panics
    /// When it does not start: its log says why.
    #[must_use]
    pub fn start(&self, ns: Option<&NetNs>) -> Option<Prometheus> {
        let Some(version) = installed_version() else {
            report_skipped("prometheus is not installed");
            return None;
        };
        let dir = tempfile::tempdir().expect("a folder for prometheus");
        self.write(dir.path(), version);
        let ns = ns.map(NetNs::path);
        let mut made = Prometheus::spawn(self.clone(), dir, ns);
        // Between the choice of a port and its bind somebody else may take it; then it ends, and another is tried.
        for _ in 0..5 {
            if made.wait_until_ready() {
                return Some(made);
            }
            made.end();
            made.address = free_address(made.ns.as_deref());
            made.child = spawned(self, made.dir.path(), made.ns.as_deref(), made.address);
        }
        panic!("prometheus does not start: {}", made.log());
    }
}

impl Prometheus {
    fn spawn(setup: PrometheusSetup, dir: TempDir, ns: Option<PathBuf>) -> Self {
        let address = free_address(ns.as_deref());
        let child = spawned(&setup, dir.path(), ns.as_deref(), address);
        Self { child, address, setup, ns, dir }
    }

    /// Where it listens, in its namespace.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once, as if its machine had. What it has stored stays for [`Prometheus::again`].
    pub fn end(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it anew after its end, on what it has stored and where it was.
    ///
    /// # Panics
    /// When it does not start: its log says why.
    pub fn again(&mut self) {
        self.child = spawned(&self.setup, self.dir.path(), self.ns.as_deref(), self.address);
        assert!(self.wait_until_ready(), "prometheus does not start again: {}", self.log());
    }

    /// Has it stand still: it takes connections, and says nothing. It goes on when what is returned is dropped.
    ///
    /// # Panics
    /// When it cannot be stopped.
    #[must_use]
    pub fn standing_still(&self) -> StandingStill {
        assert!(signal(self.child.id(), "STOP"), "prometheus cannot be stopped: {}", self.log());
        StandingStill(self.child.id())
    }

    fn wait_until_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("ask for prometheus").is_none() && Instant::now() < deadline {
            if self.get("/-/ready", &[]).is_ok_and(|(status, _)| status == 200) {
                return true;
            }
            std::thread::sleep(BETWEEN);
        }
        false
    }

    /// All it has said.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Why scrapes failed, and all else that it warns of: a line of its log each.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.log();
        let is_complaint = |line: &&str| {
            let level = line.split_once("level=").map_or("", |(_, rest)| rest.split(' ').next().unwrap_or_default());
            ["warn", "error"].contains(&level.to_lowercase().as_str())
                || ["Scrape failed", "Append failed", "Duplicate sample", "Out of order sample"]
                    .iter()
                    .any(|words| line.contains(words))
        };
        log.lines().filter(is_complaint).map(str::to_owned).collect()
    }

    /// A page of its own, such as `/metrics`.
    ///
    /// # Panics
    /// When it has none of this name.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        match self.get(path, &[]) {
            Ok((200, body)) => body,
            other => panic!("GET {path} of prometheus: {other:?}"),
        }
    }

    /// `data` of an answer of its API; what it says is wrong where it refuses.
    fn ask(&self, path: &str, arguments: &[(&str, &str)]) -> Result<Value, String> {
        let (status, body) = self.get(path, arguments)?;
        let answer: Value = serde_json::from_str(&body).map_err(|e| format!("{path}: {status}, {e}: {body}"))?;
        if answer["status"] == "success" {
            return Ok(answer["data"].clone());
        }
        Err(answer["error"].as_str().unwrap_or(&body).to_owned())
    }

    fn get(&self, path: &str, arguments: &[(&str, &str)]) -> Result<(u16, String), String> {
        let url = format!("http://{}{path}", self.address);
        let ask = || {
            let request = ureq::get(&url).config().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
            let request = request.query_pairs(arguments.iter().copied());
            let mut answer = request.call().map_err(|e| format!("GET {url}: {e}"))?;
            let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
            Ok((answer.status().as_u16(), body.map_err(|e| format!("GET {url}: {e}"))?))
        };
        NetNs::inside_of(self.ns.as_deref(), ask)
    }
}

/// A Prometheus that stands still as long as this lives.
#[derive(Debug)]
pub struct StandingStill(u32);

impl Drop for StandingStill {
    fn drop(&mut self) {
        // It fails only where it has ended meanwhile.
        let _ = signal(self.0, "CONT");
    }
}

/// Whether it was sent.
fn signal(pid: u32, name: &str) -> bool {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    sent.is_ok_and(|status| status.success())
}

/// Where it will listen.
fn free_address(ns: Option<&Path>) -> SocketAddr {
    let free = NetNs::inside_of(ns, || TcpListener::bind("127.0.0.1:0")).expect("a free port");
    free.local_addr().expect("its address")
}

fn spawned(setup: &PrometheusSetup, dir: &Path, ns: Option<&Path>, address: SocketAddr) -> Child {
    let log = File::options().create(true).append(true).open(dir.join("log")).expect("a log file");
    NetNs::inside_of(ns, || {
        let mut command = Command::new("prometheus");
        command.args(setup.arguments(dir, address)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().expect("start prometheus")
    })
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("the end of prometheus' log:\n{}", end.join("\n"));
        }
    }
}
