//! This build's rig at work in a namespace, as it comes but for the interface.

use crate::process;
use anyhow::{Context, Result, bail};
use netrig_model::Snapshot;
use netrig_testkit::NetNs;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where it listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:9798";

/// A rig that runs; ended when dropped.
pub(super) struct Watched<'a> {
    ns: &'a NetNs,
    child: Child,
    folder: PathBuf,
}

impl<'a> Watched<'a> {
    /// It is ready on return.
    pub(super) fn start(ns: &'a NetNs, payload: bool) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("netrig-bench-{}-{payload}", std::process::id()));
        fs::create_dir_all(&folder)?;
        // What it costs to see all of them; by its own budget it would stop looking.
        let config = format!("[rig]\ninterfaces = [\"near0\"]\ncpu = \"100%\"\n[payload]\nenabled = {payload}\n");
        fs::write(folder.join("rig.toml"), config)?;
        // As the load does, it goes before what else runs: measured is what it takes, not whether it may.
        let mut command = Command::new("nice");
        command.args(["-n", "-20"]).arg(process::netrig()?).arg("run").arg("-c").arg(folder.join("rig.toml"));
        for (key, place) in [("STORE__DIR", "store"), ("POLICY__SOCKET", "control.sock")] {
            command.env(format!("NETRIG_{key}"), folder.join(place));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(folder.join("log"))?);
        let child = ns.inside(|| command.spawn()).context("cannot start netrig")?;
        let mut watched = Self { ns, child, folder };
        watched.wait_until_ready()?;
        Ok(watched)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        for _ in 0..200 {
            if let Some(ended) = self.child.try_wait()? {
                bail!("netrig ended at its start ({ended}): {}", fs::read_to_string(self.folder.join("log"))?);
            }
            // It answers for its health while it still attaches; what is open it tells once it has.
            if self.get("/api/v1/connections").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("netrig does not answer: {}", fs::read_to_string(self.folder.join("log"))?)
    }

    /// CPU time of all its threads.
    pub(super) fn cpu_ns(&self) -> u64 {
        process::cpu_ns(self.child.id())
    }

    /// How it fares.
    pub(super) fn status(&self) -> Result<Snapshot> {
        serde_json::from_str(&self.get("/api/v1/status")?).context("the rig's status is no snapshot")
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut answer = String::new();
        self.ns.inside(|| -> Result<()> {
            let mut stream = TcpStream::connect(LISTEN)?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {LISTEN}\r\nConnection: close\r\n\r\n")?;
            stream.read_to_string(&mut answer)?;
            Ok(())
        })?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the rig's answer has no end of its head")?;
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "the rig answers {head}");
        Ok(body.to_owned())
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        // What fails here fails because it has ended, or is gone, already.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
