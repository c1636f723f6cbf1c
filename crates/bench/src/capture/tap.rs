//! A process that captures: tcpdump, or this build's netrig.

use crate::process;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// The other CPU than the one that sends and receives.
const CPU: &str = "1";
const SNAPLEN: &str = "128";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcpdump,
    Netrig,
}

/// What a capture has come to.
pub(super) struct Ended {
    /// Packets in its file.
    pub(super) kept: u64,
    /// Of those that matched by its own account, those of which it does not say what became of them.
    pub(super) unaccounted: i64,
}

pub(super) struct Tap {
    kind: Kind,
    child: Child,
    said: BufReader<ChildStderr>,
    file: PathBuf,
}

impl Tap {
    /// Starts it in this thread's network namespace; it is ready on return.
    pub(super) fn start(kind: Kind, iface: &str, hook: &str, filter: &str) -> Result<Self> {
        let file = std::env::temp_dir().join(format!("netrig-bench-{}.pcap", std::process::id()));
        let mut command = Command::new("taskset");
        command.args(["-c", CPU]);
        match kind {
            Kind::Tcpdump => command.args(["tcpdump", "-n", "-B", "16384", "-Z", "root"]),
            Kind::Netrig => command.arg(process::netrig()?).args(["capture", "-B", "32768", "--hook", hook]),
        };
        command.args(["-i", iface, "-s", SNAPLEN, "-w"]).arg(&file);
        command.arg(filter).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start taskset, tcpdump or netrig")?;
        let said = child.stderr.take().context("there is no standard error")?;
        let mut tap = Self { kind, child, said: BufReader::new(said), file };
        tap.wait_until_ready()?;
        Ok(tap)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let mut line = String::new();
        while self.said.read_line(&mut line)? > 0 {
            if line.contains("listening on") || line.contains("capturing on") {
                // tcpdump says so a moment before it is.
                std::thread::sleep(Duration::from_millis(100));
                return Ok(());
            }
        }
        bail!("{:?} did not begin: {line}", self.kind)
    }

    /// CPU time of all its threads.
    pub(super) fn cpu_ns(&self) -> u64 {
        process::cpu_ns(self.child.id())
    }

    /// Until it does no more.
    pub(super) fn settle(&self) {
        const QUIET_NS: u64 = 1_000_000;
        let mut before = self.cpu_ns();
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.cpu_ns();
            if now - before < QUIET_NS {
                return;
            }
            before = now;
        }
    }

    pub(super) fn end(mut self) -> Result<Ended> {
        let interrupted = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?;
        let mut said = String::new();
        self.said.read_to_string(&mut said)?;
        self.child.wait()?;
        if !interrupted.success() {
            bail!("{:?} had ended before: {said}", self.kind);
        }
        let kept = packets_in(&self.file)?;
        let unaccounted = if self.kind == Kind::Netrig { unaccounted(&said, kept) } else { 0 };
        Ok(Ended { kept, unaccounted })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.file);
    }
}

fn packets_in(file: &PathBuf) -> Result<u64> {
    let out = Command::new("tcpdump").arg("--count").arg("-r").arg(file).output().context("cannot run tcpdump")?;
    let said = String::from_utf8_lossy(&out.stdout);
    said.split_whitespace().next().and_then(|word| word.parse().ok()).with_context(|| format!("tcpdump says {said}"))
}

/// `N packets written to FILE; N matched of N that came by, N lost …`: what matched, less what is in the file and what is said to
/// be lost.
fn unaccounted(said: &str, kept: u64) -> i64 {
    let Some((_, rest)) = said.lines().rev().find_map(|line| line.split_once("; ")) else { return i64::MIN };
    let number = |text: &str| text.split_whitespace().next().and_then(|word| word.replace(',', "").parse::<i64>().ok());
    let matched = number(rest).unwrap_or(i64::MIN);
    let lost: i64 = rest.split(", ").skip(1).filter_map(number).sum();
    matched - lost - kept.cast_signed()
}
