//! The process of one whose turn it is: started, waited for until it sees packets, asked what it used, and ended.

use super::contender::Contender;
use super::ground::{Ground, IFACE};
use super::stop;
use crate::sys;
use anyhow::{Context, Result, bail};
use netrig_testkit::NetNs;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Where the rig listens: a namespace has a loopback of its own.
const LISTEN: &str = "127.0.0.1:9798";

/// A running process, and those it started; they end when this does.
pub(crate) struct Tool {
    contender: Contender,
    child: Child,
    log: PathBuf,
}

/// Whether its program is there.
pub(crate) fn is_installed(contender: Contender) -> bool {
    contender.foreign_program().is_none_or(|program| find(program).is_some())
}

impl Tool {
    /// Starts it in the server's namespace; `None` for what is no process. It sees packets on return.
    pub(crate) fn start(contender: Contender, ground: &Ground) -> Result<Option<Self>> {
        ground.empty_folder()?;
        let Some(mut command) = command(contender, &ground.folder)? else { return Ok(None) };
        let log = ground.folder.join("log");
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        sys::start_inside(&mut command, &ground.server.path())?;
        let child = command.spawn().with_context(|| format!("cannot start {}", contender.name()))?;
        let mut tool = Self { contender, child, log };
        tool.wait_until_ready(&ground.server)?;
        Ok(Some(tool))
    }

    fn wait_until_ready(&mut self, server: &NetNs) -> Result<()> {
        let ready = stop::wait_for(START_LIMIT, || {
            self.check()?;
            if self.contender.is_rig() { Ok(server.inside(rig_answers)) } else { has_packet_socket(self.child.id()) }
        })?;
        if !ready {
            bail!("{} saw no packets {START_LIMIT:?} after its start: {}", self.contender.name(), self.last_words());
        }
        Ok(())
    }

    /// An error if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): {}", self.contender.name(), self.last_words()),
        }
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(2)..].join(" / ")
    }

    pub(crate) fn cpu_ns(&self) -> u64 {
        self.pids().into_iter().map(cpu_ns_of).sum()
    }

    /// Nanoseconds and runs of its kernel programs so far, by the kernel's own statistics.
    pub(crate) fn kernel_runs(&self) -> Result<BTreeMap<String, (u64, u64)>> {
        crate::hooks::runs_of(self.child.id())
    }

    /// Its own, and those of its process group.
    fn pids(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| group_of(*pid) == Some(self.child.id())).collect()
    }

    /// Ends it as its user would.
    pub(crate) fn end(mut self) -> Result<()> {
        self.check()?;
        sys::signal_group(self.child.id(), libc::SIGINT);
        let ended = stop::wait_for(STOP_LIMIT, || Ok(self.child.try_wait()?.is_some()))?;
        if !ended {
            bail!("{} did not end {STOP_LIMIT:?} after SIGINT", self.contender.name());
        }
        Ok(())
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // Those it started have its group, also when it is gone.
        sys::signal_group(self.child.id(), libc::SIGKILL);
        let _ = self.child.wait();
    }
}

fn command(contender: Contender, folder: &Path) -> Result<Option<Command>> {
    if let Some((name, text)) = contender.configuration(IFACE, folder) {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    let mut command = match contender.foreign_program() {
        Some(program) => {
            let path = find(program).with_context(|| format!("{program} is not installed"))?;
            let mut command = Command::new(path);
            command.args(contender.foreign_arguments(IFACE, folder));
            command
        }
        None if contender.is_rig() => {
            let mut command = Command::new(netrig()?);
            command.arg("run").arg("-c").arg(folder.join("rig.toml"));
            command
        }
        None => return Ok(None),
    };
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("NETRIG_")) {
        command.env_remove(key);
    }
    if contender.is_rig() {
        command.env("NETRIG_STORE__DIR", folder.join("store"));
        command.env("NETRIG_POLICY__SOCKET", folder.join("control.sock"));
    }
    Ok(Some(command))
}

fn netrig() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("netrig");
    if !path.is_file() {
        bail!("there is no {}: build it first, by `cargo build --release -p netrig`", path.display());
    }
    Ok(path)
}

/// On the PATH, or where Debian has what only root runs.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// It answers for its health while it still attaches; its live records it tells once it has.
fn rig_answers() -> bool {
    ["/healthz", "/api/v1/flows"]
        .into_iter()
        .all(|path| get(path).is_some_and(|status| status.starts_with(b"HTTP/1.1 200")))
}

/// How the answer begins.
fn get(path: &str) -> Option<[u8; 12]> {
    let mut stream = TcpStream::connect(LISTEN).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {LISTEN}\r\nConnection: close\r\n\r\n").ok()?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).ok()?;
    Some(status)
}

/// Whether anybody in the process' network namespace has a socket for packets: nobody else there has one.
fn has_packet_socket(pid: u32) -> Result<bool> {
    // Below the heading.
    Ok(fs::read_to_string(format!("/proc/{pid}/net/packet")).is_ok_and(|text| text.lines().count() > 1))
}

/// From the kernel's line about a process, in which the name may hold anything.
fn group_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // State, parent, group.
    text.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

fn cpu_ns_of(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let of_task = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.into_iter().flatten().flatten().filter_map(of_task).sum()
}
