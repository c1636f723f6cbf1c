//! What takes turns at the hooks: nothing, programs that do nothing, and the TCP probe.

use anyhow::{Context, Result, anyhow};
use libbpf_rs::{Link, Object, ObjectBuilder};
use netrig_drain::tcp::Places;
use netrig_probes::tcp::{TcpOptions, TcpProbe, TcpSizes};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

static EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty_tcp.bpf.o"));

/// What is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attached {
    Nothing,
    Empty,
    Netrig,
}

/// In the order of [`Attached`].
pub(crate) const CONTENDERS: [Attached; 3] = [Attached::Nothing, Attached::Empty, Attached::Netrig];

/// The programs, loaded; one set of them attached at a time.
pub(crate) struct Contenders {
    pub(crate) probe: TcpProbe,
    places: Places,
    empty: Object,
    links: Vec<Link>,
    attached: Attached,
}

impl Contenders {
    pub(crate) fn load(sizes: TcpSizes) -> Result<Self> {
        let probe = TcpProbe::load(&options(sizes)?)?;
        let places = Places::new(probe.memory());
        let empty = ObjectBuilder::default().open_memory(EMPTY).context("the empty programs do not open")?;
        let empty = empty.load().context("the kernel refuses the empty programs")?;
        Ok(Self { probe, places, empty, links: Vec::new(), attached: Attached::Nothing })
    }

    /// Takes off what is attached and attaches this.
    pub(crate) fn attach(&mut self, what: Attached) -> Result<()> {
        if what == self.attached {
            return Ok(());
        }
        self.probe.detach();
        self.links.clear();
        match what {
            Attached::Nothing => {}
            Attached::Empty => self.attach_empty()?,
            Attached::Netrig => {
                self.probe.attach()?;
                if let Some(missing) = self.probe.missing().first() {
                    return Err(anyhow!("the TCP probe is not whole: no {}: {}", missing.what, missing.why));
                }
            }
        }
        self.attached = what;
        Ok(())
    }

    fn attach_empty(&mut self) -> Result<()> {
        let root = File::open(cgroup_root()?)?;
        for program in self.empty.progs_mut() {
            let link = match program.name().to_str() {
                Some("empty_ops") => program.attach_cgroup(root.as_raw_fd()),
                _ => program.attach(),
            };
            self.links.push(link.context("an empty program does not attach")?);
        }
        Ok(())
    }

    /// Gives back the places of connections that have ended: what the rig does all the time.
    pub(crate) fn drain(&mut self) {
        self.places.ended(true, &mut |places, number| places.release(number));
    }
}

/// Where the control groups are whose root the programs are attached to.
pub(crate) fn cgroup_root() -> Result<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let path = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, path, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    });
    path.context("no v2 control groups are mounted: `mount -t cgroup2 none /sys/fs/cgroup` mounts them")
}

/// The probe as the rig loads it.
pub(crate) fn options(sizes: TcpSizes) -> Result<TcpOptions> {
    Ok(TcpOptions { sizes, cgroup_root: Some(cgroup_root()?), reads: false, first_id: 1 })
}
