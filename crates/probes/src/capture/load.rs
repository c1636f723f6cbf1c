//! Opening and loading the object file, and filling its maps.

use super::count::Partitions;
use super::rings::{RingSizes, Rings};
use super::{CaptureOptions, Hook, Process};
use crate::object::{self, map};
use crate::wire::{capture_cpu, capture_ends, capture_frame, capture_gate, capture_lately, capture_settings, captures};
use crate::{ProbeError, SharedWords};
use libbpf_rs::btf::Btf;
use libbpf_rs::{ErrorExt, MapCore, MapFlags, Object, OpenObject};
use std::hash::{BuildHasher, RandomState};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/capture.bpf.o"));

pub(super) const TRACEPOINT: &str = "kfree_skb";
pub(super) const PROGRAMS_XDP: &str = "programs_xdp";
pub(super) const PROGRAMS_TC: &str = "programs_tc";
pub(super) const PROGRAMS_DROP: &str = "programs_drop";
/// Where what a filter takes goes on; of tcx that of what is received, with that of what is sent behind it.
pub(super) const SLOT_RECORDER: u32 = 0;
/// Where the filter of drops is.
pub(super) const SLOT_FILTER: u32 = 1;

/// Hooks of interfaces that are counted apart, at most.
const SOURCES: u32 = 512;
/// User space is woken where one part in so many of a ring is full.
const WAKE_PART: u64 = 8;

pub(super) struct Loaded {
    pub(super) object: Object,
    pub(super) partitions: Partitions,
    pub(super) rings: Rings,
}

impl Loaded {
    pub(super) fn counts(&self) -> Result<SharedWords, ProbeError> {
        let counts = map(&self.object, "counts")?;
        SharedWords::map(counts.as_fd(), "counts", self.partitions.octets())
    }
}

pub(super) fn load(options: &CaptureOptions) -> Result<Loaded, ProbeError> {
    let cpus = u32::try_from(libbpf_rs::num_possible_cpus().unwrap_or(1)).unwrap_or(1).next_power_of_two();
    let partitions = Partitions { cpus, sources: SOURCES };
    let rings = RingSizes::within(options.ring_octets, cpus, options.hooks.contains(&Hook::Drop));
    let mut open = object::open("capture", OBJECT)?;
    let settings = settings(options, partitions, rings);
    size(&mut open, partitions, &settings, rings).map_err(|e| object::refused("capture", &e))?;
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        program.set_autoload(wanted(&name, options));
    }
    let object = open.load().map_err(|e| object::refused("capture", &e))?;
    let rings = Rings::of(&object, rings)?;
    let loaded = Loaded { object, partitions, rings };
    for (name, keys) in [("cgroups", cgroup_keys(options)), ("ifaces", iface_keys(options))] {
        keys.iter().try_for_each(|key| add_key(&loaded.object, name, key))?;
    }
    Ok(loaded)
}

fn wanted(program: &str, options: &CaptureOptions) -> bool {
    let hook = |hook| options.hooks.contains(&hook);
    match program {
        "capture_xdp" => hook(Hook::Xdp),
        "capture_ingress" => hook(Hook::Ingress),
        "capture_egress" => hook(Hook::Egress),
        "capture_dropped" | "capture_taken" => hook(Hook::Drop),
        _ => options.owners,
    }
}

fn settings(options: &CaptureOptions, partitions: Partitions, rings: RingSizes) -> capture_settings {
    let rx_socket = Btf::from_vmlinux().ok().and_then(|btf| object::arguments(&btf, TRACEPOINT)) >= Some(4);
    let mut settings = capture_settings {
        seed: RandomState::new().hash_one(0_u8),
        wake_octets: (1 << rings.shift) / WAKE_PART,
        rate: options.rate.unwrap_or(0),
        cpu_mask: partitions.cpus - 1,
        source_shift: partitions.sources.ilog2(),
        ring_shift: rings.shift,
        drop_rings: partitions.cpus,
        snaplen: options.snaplen,
        sampling: options.sampling,
        netns: options.netns,
        owners: options.owners.into(),
        some_cgroups: options.cgroups.is_some().into(),
        some_ifaces: options.ifaces.is_some().into(),
        rx_socket: rx_socket.into(),
        ..Default::default()
    };
    match &options.process {
        None => {}
        Some(Process::Pid(pid)) => settings.pid = *pid,
        Some(Process::Name(name)) => {
            // The kernel keeps fifteen octets of a name, and a NUL behind them.
            for (to, from) in settings.process.iter_mut().zip(name.bytes().take(15)) {
                *to = from.cast_signed();
            }
        }
    }
    settings
}

fn size(
    open: &mut OpenObject,
    partitions: Partitions,
    settings: &capture_settings,
    rings: RingSizes,
) -> libbpf_rs::Result<()> {
    let each = |octets: usize| partitions.cpus * octets as u32;
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let octets = match name.split_once(".data.").map(|(_, area)| area) {
            Some("rings") => rings.octets() as u32,
            Some("ends") => rings.rings * size_of::<capture_ends>() as u32,
            Some("counts") => partitions.octets() as u32,
            Some("cpus") => each(size_of::<capture_cpu>()),
            Some("frames") => each(size_of::<capture_frame>()),
            Some("lately") => each(size_of::<capture_lately>() * captures::LATELY),
            Some("gate") => size_of::<capture_gate>() as u32,
            _ => {
                if name.ends_with(".rodata.settings") {
                    map.set_initial_value(object::bytes_of(settings))?;
                }
                continue;
            }
        };
        map.set_value_size(octets).with_context(|| format!("cannot size the area {name}"))?;
    }
    Ok(())
}

fn cgroup_keys(options: &CaptureOptions) -> Vec<Vec<u8>> {
    options.cgroups.iter().flatten().map(|id| id.to_ne_bytes().to_vec()).collect()
}

fn iface_keys(options: &CaptureOptions) -> Vec<Vec<u8>> {
    options.ifaces.iter().flatten().map(|index| index.to_ne_bytes().to_vec()).collect()
}

/// Adds a key to a map that is a set.
pub(super) fn add_key(object: &Object, name: &str, key: &[u8]) -> Result<(), ProbeError> {
    let failed = |error: libbpf_rs::Error| object::refused("capture", &error);
    map(object, name)?.update(key, &[1], MapFlags::ANY).map_err(failed)
}

/// Puts a program into a slot.
pub(super) fn set_program(object: &Object, array: &str, slot: u32, program: BorrowedFd<'_>) -> Result<(), ProbeError> {
    set_descriptor(object, array, slot, program)
}

fn set_descriptor(object: &Object, array: &str, slot: u32, fd: BorrowedFd<'_>) -> Result<(), ProbeError> {
    let failed = |error: libbpf_rs::Error| object::refused("capture", &error);
    map(object, array)?.update(&slot.to_ne_bytes(), &fd.as_raw_fd().to_ne_bytes(), MapFlags::ANY).map_err(failed)
}
