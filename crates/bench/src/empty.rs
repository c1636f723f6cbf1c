//! Programs that do nothing.

use anyhow::{Context, Result};
use libbpf_rs::{Link, Object, ObjectBuilder};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty_tcp.bpf.o"));

/// They are loaded, and attached between [`Empty::attach`] and [`Empty::detach`].
pub(crate) struct Empty {
    object: Object,
    links: Vec<Link>,
}

impl Empty {
    pub(crate) fn load() -> Result<Self> {
        let open = ObjectBuilder::default().open_memory(OBJECT).context("the empty programs do not open")?;
        let object = open.load().context("the kernel refuses the empty programs")?;
        Ok(Self { object, links: Vec::new() })
    }

    pub(crate) fn attach(&mut self) -> Result<()> {
        let root = File::open(cgroup_root()?)?;
        for program in self.object.progs_mut() {
            let link = match program.name().to_str() {
                Some("empty_ops") => program.attach_cgroup(root.as_raw_fd()),
                _ => program.attach(),
            };
            self.links.push(link.context("an empty program does not attach")?);
        }
        Ok(())
    }

    pub(crate) fn detach(&mut self) {
        self.links.clear();
    }
}

/// Where the control groups are whose root programs are attached to.
pub(crate) fn cgroup_root() -> Result<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let path = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, path, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    });
    path.context("no v2 control groups are mounted: `mount -t cgroup2 none /sys/fs/cgroup` mounts them")
}
