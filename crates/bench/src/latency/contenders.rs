//! What takes turns at the hooks: nothing, the TCP probe, and the latency probe in its manners.

use crate::empty::cgroup_root;
use crate::rounds::Contenders;
use crate::tcp::{Tcp, sizes};
use anyhow::{Result, anyhow};
use netrig_probes::latency::{LatencyOptions, LatencyProbe};
use netrig_probes::wire::latency_gate;
use std::mem::offset_of;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How the latency probe is attached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) sampling: u32,
    stamps: bool,
    /// With what is there for a slice of every period; else without.
    in_slice: bool,
}

/// One that takes turns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    tcp: bool,
    pub(crate) latency: Option<Manner>,
}

const fn latency(sampling: u32) -> Option<Manner> {
    Some(Manner { sampling, stamps: true, in_slice: false })
}

const fn in_slice(sampling: u32, stamps: bool) -> Option<Manner> {
    Some(Manner { sampling, stamps, in_slice: true })
}

pub(crate) const NOTHING: usize = 0;
pub(crate) const TCP: usize = 1;
pub(crate) const EACH: usize = 2;
pub(crate) const SIXTEENTH: usize = 3;
pub(crate) const IN_SLICE: usize = 4;
pub(crate) const IN_SLICE_NO_STAMPS: usize = 5;
pub(crate) const SIXTY_FOURTH: usize = 6;
pub(crate) const BESIDE_TCP: usize = 7;

/// By the numbers above.
pub(crate) const CONTENDERS: [Contender; 8] = [
    Contender { name: "nothing", tcp: false, latency: None },
    Contender { name: "tcp", tcp: true, latency: None },
    // Here the slice never ends.
    Contender { name: "1/1", tcp: false, latency: in_slice(1, true) },
    Contender { name: "1/16", tcp: false, latency: latency(16) },
    Contender { name: "1/16 in a slice", tcp: false, latency: in_slice(16, true) },
    Contender { name: "1/16 without stamps", tcp: false, latency: in_slice(16, false) },
    Contender { name: "1/64", tcp: false, latency: latency(64) },
    Contender { name: "1/16 beside tcp", tcp: true, latency: latency(16) },
];

/// What attaching and taking off have set in motion, the kernel's workers have done by then.
const SETTLED: Duration = Duration::from_millis(5);
/// With 1 in 1 the next slice begins no later than this.
const SLICE_BEGINS: Duration = Duration::from_secs(1);

/// The probes, loaded; one contender attached at a time.
pub(crate) struct LatencyContenders {
    tcp: Tcp,
    with_stamps: LatencyProbe,
    without_stamps: LatencyProbe,
    attached: usize,
}

impl LatencyContenders {
    pub(crate) fn load(kernel_bytes: u64) -> Result<Self> {
        let with_stamps = options(kernel_bytes)?;
        let without_stamps = LatencyOptions { receive_stamps: false, ..with_stamps.clone() };
        Ok(Self {
            tcp: Tcp::load(sizes(kernel_bytes)?)?,
            with_stamps: LatencyProbe::load(&with_stamps)?,
            without_stamps: LatencyProbe::load(&without_stamps)?,
            attached: NOTHING,
        })
    }

    /// What the rig has the probe do all the time: begin slices and end them.
    pub(crate) fn turn(&mut self) {
        self.with_stamps.turn();
        self.without_stamps.turn();
    }

    fn attach_latency(&mut self, manner: Manner) -> Result<()> {
        let probe = if manner.stamps { &mut self.with_stamps } else { &mut self.without_stamps };
        probe.attach()?;
        if let Some(missing) = probe.missing().first() {
            return Err(anyhow!("the latency probe is not whole: no {}: {}", missing.what, missing.why));
        }
        if manner.in_slice {
            begin_slice(probe)?;
        }
        probe.set_sampling(manner.sampling);
        Ok(())
    }
}

/// It lasts until a turn ends it.
fn begin_slice(probe: &mut LatencyProbe) -> Result<()> {
    let memory = probe.memory();
    let begun = Instant::now();
    probe.set_sampling(1);
    loop {
        probe.turn();
        if memory.gate.load(offset_of!(latency_gate, slice) / size_of::<u64>()) != 0 {
            return Ok(());
        }
        anyhow::ensure!(begun.elapsed() < SLICE_BEGINS, "the latency probe begins no slice");
        sleep(SETTLED);
    }
}

impl Contenders for LatencyContenders {
    fn attach(&mut self, which: usize) -> Result<()> {
        if which == self.attached {
            return Ok(());
        }
        self.tcp.detach();
        self.with_stamps.detach();
        self.without_stamps.detach();
        let contender = &CONTENDERS[which];
        if contender.tcp {
            self.tcp.attach()?;
        }
        if let Some(manner) = contender.latency {
            self.attach_latency(manner)?;
        }
        self.attached = which;
        sleep(SETTLED);
        Ok(())
    }

    fn drain(&mut self) {
        self.tcp.drain();
    }
}

/// The probe as the rig loads it.
pub(crate) fn options(kernel_bytes: u64) -> Result<LatencyOptions> {
    Ok(LatencyOptions::live(kernel_bytes, Some(cgroup_root()?)))
}
