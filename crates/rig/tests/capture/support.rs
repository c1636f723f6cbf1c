//! A capture that runs, and what other tools read in its file.

use netrig_testkit::NetNs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn netrig() -> &'static str {
    env!("CARGO_BIN_EXE_netrig")
}

/// Calls `look` until it gives something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + END_LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {END_LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A program that captures in a namespace; killed when dropped.
pub(crate) struct Capture {
    child: Child,
    said: BufReader<ChildStderr>,
    words: String,
}

/// How it has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) said: String,
}

impl Capture {
    /// `netrig capture` with these arguments, begun.
    pub(crate) fn start(ns: &NetNs, arguments: &[&str]) -> Self {
        let mut command = Command::new(netrig());
        command.arg("capture").args(arguments);
        Self::begin(ns, command, "capturing on")
    }

    /// The other opinion.
    pub(crate) fn tcpdump(ns: &NetNs, arguments: &[&str]) -> Self {
        let mut command = Command::new("tcpdump");
        // At once, each packet takes as much room as the longest: the usual two mebibytes are full after eight.
        command.args(["-Z", "root", "-n", "-U", "--immediate-mode", "-B", "65536"]).args(arguments);
        let capture = Self::begin(ns, command, "listening on");
        // It says so a moment before it is.
        std::thread::sleep(Duration::from_millis(200));
        capture
    }

    fn begin(ns: &NetNs, mut command: Command, ready: &str) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ns.inside(|| command.spawn()).unwrap_or_else(|e| panic!("start {command:?}: {e}"));
        let said = BufReader::new(child.stderr.take().expect("standard error"));
        let mut capture = Self { child, said, words: String::new() };
        let deadline = Instant::now() + START_LIMIT;
        while !capture.words.contains(ready) {
            let read = capture.said.read_line(&mut capture.words).expect("read standard error");
            assert!(read > 0 && Instant::now() < deadline, "{command:?} did not begin: {}", capture.words);
        }
        capture
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes its standard output away.
    pub(crate) fn close_output(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Asks it to end as Ctrl-C does, and waits.
    pub(crate) fn stop(self) -> Ended {
        self.signal("INT");
        self.wait()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.expect("run kill").success(), "kill -{name}");
    }

    /// Waits until it ends by itself. What it writes to its pipes has to fit into them.
    pub(crate) fn wait(mut self) -> Ended {
        let status = wait_for("the capture ends", || self.child.try_wait().expect("ask for it"));
        let mut out = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut out).expect("read standard output");
        }
        self.said.read_to_string(&mut self.words).expect("read standard error");
        Ended { status, out, said: std::mem::take(&mut self.words) }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        assert!(self.status.success(), "ended with {}: {}", self.status, self.said);
        self
    }

    /// `N packets written …; N matched of N that came by, N …`
    #[track_caller]
    pub(crate) fn account(&self) -> Account {
        let line = self.said.lines().rev().find(|line| line.contains(" packets written")).expect("an account");
        let number = |text: &str| {
            let word = text.trim_start_matches("netrig: ").split_whitespace().next()?;
            word.replace(',', "").parse::<u64>().ok()
        };
        let (written, rest) = line.split_once("; ").expect("two parts");
        let mut parts = rest.split("; ").next().expect("one").split(", ");
        let first = parts.next().expect("what matched");
        let lost: Vec<(u64, String)> = parts.map(|part| (number(part).expect("a count"), part.to_owned())).collect();
        Account {
            written: number(written).expect("a count"),
            matched: number(first).expect("a count"),
            seen: first.split(" of ").nth(1).and_then(number).expect("a count"),
            lost,
        }
    }
}

/// What a capture says of packets.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) written: u64,
    pub(crate) matched: u64,
    pub(crate) seen: u64,
    pub(crate) lost: Vec<(u64, String)>,
}

impl Account {
    /// What matched is written or lost, by reason.
    #[track_caller]
    pub(crate) fn assert_adds_up(&self) {
        let lost: u64 = self.lost.iter().map(|(packets, _)| packets).sum();
        assert_eq!(self.matched, self.written + lost, "{self:?}");
        assert!(self.seen >= self.matched, "{self:?}");
    }

    pub(crate) fn lost_to(&self, why: &str) -> u64 {
        self.lost.iter().filter(|(_, said)| said.contains(why)).map(|(packets, _)| packets).sum()
    }
}

/// A folder for files of captures.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Names of all files, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("list the folder");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// What a tool prints; it has to like the file.
#[track_caller]
pub(crate) fn ask(tool: &str, arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(tool);
    match tool {
        "capinfos" => command.args(arguments).arg(file),
        _ => command.arg("-r").arg(file).args(arguments),
    };
    let out = command.output().unwrap_or_else(|e| panic!("run {tool} (./dev setup test installs it): {e}"));
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{command:?} ended with {}: {words}", out.status);
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// One line for each packet, these fields between tabs, as tshark reads them.
#[track_caller]
pub(crate) fn fields(file: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let mut arguments = vec!["-T", "fields", "-E", "separator=/t", "-E", "aggregator=;"];
    names.iter().for_each(|name| arguments.extend(["-e", name]));
    let printed = ask("tshark", &arguments, file);
    printed.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// Packets in a file, as tcpdump counts them.
#[track_caller]
pub(crate) fn count(file: &Path, filter: &str) -> u64 {
    let printed = ask("tcpdump", &["--count", filter], file);
    printed.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("a count: {printed}"))
}

/// Packets as they are in a file: nanoseconds and octets in hexadecimal, in the file's order, as tshark reads them.
#[track_caller]
pub(crate) fn packets(file: &Path) -> Vec<(i128, String)> {
    let printed = ask("tshark", &["-t", "e", "-x"], file);
    drop(printed);
    let rows = fields(file, &["frame.time_epoch", "frame.len", "frame.cap_len"]);
    let times = rows.iter().map(|row| nanoseconds(&row[0]));
    times.zip(octets(file)).collect()
}

fn nanoseconds(seconds: &str) -> i128 {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let part = format!("{part:0<9}");
    whole.parse::<i128>().expect("seconds") * 1_000_000_000 + part[..9].parse::<i128>().expect("a part")
}

/// Each packet's octets, by tcpdump's own dump of them.
fn octets(file: &Path) -> Vec<String> {
    let printed = ask("tcpdump", &["-t", "-n", "-xx"], file);
    let mut all: Vec<String> = Vec::new();
    for line in printed.lines() {
        match line.trim_start().strip_prefix("0x").and_then(|rest| rest.split_once(':')) {
            Some((_, hex)) => all.last_mut().expect("a packet").extend(hex.split_whitespace()),
            // A summary may have several lines; only the first is not set in.
            None if !line.starts_with(char::is_whitespace) => all.push(String::new()),
            None => {}
        }
    }
    all
}
