//! The rig as a process of its own: this very program, told to run.

use super::status::fetch;
use crate::StressError;
use crate::world::{BpfObjects, World, bpf_objects_of};
use netrig_model::{ProbeState, Snapshot};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A hundred interfaces on a busy machine take their time.
const START_PATIENCE: Duration = Duration::from_secs(120);
const END_PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// Lines of its log that are told when it fails.
const LOG_LINES: usize = 5;

/// A rig that runs; killed when dropped.
#[derive(Debug)]
pub(crate) struct Rig {
    child: Child,
    log: PathBuf,
    /// What it was seen to hold in the kernel.
    pub(crate) objects: BpfObjects,
}

impl Rig {
    /// Starts it in right's namespace, and waits until it watches all its interfaces. Has to be called by a thread that lives as
    /// long as the rig shall.
    pub(crate) fn start(
        world: &World,
        executable: &Path,
        config: &toml::Table,
        is_told_to_stop: &dyn Fn() -> bool,
    ) -> Result<Self, StressError> {
        let file = world.folder().join("rig.toml");
        let text =
            toml::to_string(config).map_err(|error| StressError::Asked(format!("the rig's configuration: {error}")))?;
        std::fs::write(&file, text).map_err(StressError::doing(format!("write {}", file.display())))?;
        let log = world.folder().join("rig.log");
        let log_file = File::create(&log).map_err(StressError::doing(format!("write {}", log.display())))?;
        let mut command = Command::new(executable);
        command.args(["run", "-c"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log_file);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NETRIG_")) {
            command.env_remove(name);
        }
        // A group of its own: what the terminal sends to this process is not for it.
        command.process_group(0);
        start_inside(&mut command, world.right.door().open()?);
        let child = command.spawn().map_err(StressError::doing(format!("start {}", executable.display())))?;
        let mut rig = Self { child, log, objects: BpfObjects::default() };
        rig.wait_until_it_watches(world, is_told_to_stop)?;
        rig.objects = bpf_objects_of(rig.pid());
        Ok(rig)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has its process stand still, or go on.
    pub(crate) fn set_stopped(&self, is_stopped: bool) -> Result<(), StressError> {
        self.signal(if is_stopped { Signal::STOP } else { Signal::CONT })
    }

    /// An error if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), StressError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                Err(StressError::Rig(format!("the rig ended by itself ({status}): {}", self.last_words())))
            }
            Err(error) => Err(StressError::doing("ask for the rig's end")(error)),
        }
    }

    /// Tells it to end, and waits: a sentence if it had to be killed, or failed, and what it held in the kernel at last.
    pub(crate) fn end(mut self) -> Result<(Option<String>, BpfObjects), StressError> {
        self.check()?;
        let objects = bpf_objects_of(self.pid());
        self.signal(Signal::TERM)?;
        Ok((self.wait()?, objects))
    }

    fn wait(&mut self) -> Result<Option<String>, StressError> {
        let begun = Instant::now();
        while begun.elapsed() < END_PATIENCE {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(PAUSE),
                Ok(Some(status)) if status.success() => return Ok(None),
                Ok(Some(status)) => return Ok(Some(format!("the rig ended with {status}: {}", self.last_words()))),
                Err(error) => return Err(StressError::doing("wait for the rig's end")(error)),
            }
        }
        Ok(Some(format!("the rig did not end within {} s of SIGTERM and was killed", END_PATIENCE.as_secs())))
    }

    fn signal(&self, signal: Signal) -> Result<(), StressError> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(()) };
        kill_process(pid, signal).map_err(|errno| StressError::doing("signal the rig")(errno.into()))
    }

    fn wait_until_it_watches(&mut self, world: &World, is_told_to_stop: &dyn Fn() -> bool) -> Result<(), StressError> {
        let interfaces: BTreeSet<String> = world.interfaces().into_iter().collect();
        let begun = Instant::now();
        loop {
            self.check()?;
            if is_told_to_stop() {
                return Err(StressError::Stopped);
            }
            let status = fetch(world).ok();
            if status.as_ref().is_some_and(|status| watches(status, &interfaces)) {
                return Ok(());
            }
            if begun.elapsed() > START_PATIENCE {
                let after = START_PATIENCE.as_secs();
                let said = self.last_words();
                return Err(StressError::Rig(format!(
                    "the rig does not watch all its interfaces after {after} s: {said}"
                )));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        if last.is_empty() { "it said nothing".to_owned() } else { last }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether each interface has a hook in both directions (one that is at XDP has but one), and the flow probe does its work.
fn watches(status: &Snapshot, interfaces: &BTreeSet<String>) -> bool {
    let watched: BTreeSet<String> =
        status.interfaces.iter().filter(|side| !side.hook.is_empty()).map(|side| side.iface.clone()).collect();
    let flow = status.probes.iter().find(|probe| probe.name == "flow").map(|probe| probe.state);
    interfaces.is_subset(&watched) && matches!(flow, Some(ProbeState::Running | ProbeState::Degraded))
}

/// Has a command's process start in a network namespace, and be killed when the calling thread ends, also when that is killed itself.
/// Only the network is another: `ip netns exec` would hide the host's control groups too, and with them whose sockets are.
#[expect(unsafe_code, reason = "what is to be done between fork and exec has no safe form")]
fn start_inside(command: &mut Command, namespace: File) {
    let enter = move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: between fork and exec it makes two system calls, of integers, and takes neither lock nor memory.
    unsafe { command.pre_exec(enter) };
}
