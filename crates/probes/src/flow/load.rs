//! Opening and loading the object file.

use super::{FlowHook, FlowOptions, FlowSizes};
use crate::error::load_advice;
use crate::wire::{flow_slot4, flow_slot6, iface_counts, iface_entry};
use crate::{ProbeError, print};
use libbpf_rs::{ErrorExt, Map, MapCore, Object, ObjectBuilder, OpenObject};
use std::os::fd::{AsFd, BorrowedFd};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/flow.bpf.o"));

fn refused(error: &libbpf_rs::Error) -> ProbeError {
    use std::error::Error as _;
    let mut errno = None;
    let mut cause: Option<&dyn std::error::Error> = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            errno = io.raw_os_error();
        }
        cause = inner.source();
    }
    let errno = errno.or(match error.kind() {
        libbpf_rs::ErrorKind::OutOfMemory => Some(libc::ENOMEM),
        // The verifier's refusals come under the same word; only missing rights are mended by rights.
        libbpf_rs::ErrorKind::PermissionDenied if !crate::check::rights().fine => Some(libc::EPERM),
        _ => None,
    });
    let reason = match (errno, print::reason()) {
        (Some(libc::EPERM), _) | (_, None) => format!("{error:#}"),
        (_, Some(words)) => format!("{error:#}: {words}"),
    };
    ProbeError::Load { probe: "flow", reason, advice: load_advice(errno) }
}

pub(super) fn load(options: &FlowOptions) -> Result<Object, ProbeError> {
    print::begin();
    let mut open = ObjectBuilder::default().open_memory(OBJECT).map_err(|e| refused(&e))?;
    size_maps(&mut open, options).map_err(|e| refused(&e))?;
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        program.set_autoload(wanted(&name, options));
    }
    let object = open.load().map_err(|e| refused(&e))?;
    let_go_of_second_mappings(&object, &options.sizes);
    Ok(object)
}

/// libbpf maps every data section for itself, whole. It has no use for the areas once they are made, and this process has
/// a mapping of its own: without this, resident memory would count them twice.
#[expect(unsafe_code, reason = "libbpf-rs does not tell where libbpf has mapped a section")]
fn let_go_of_second_mappings(object: &Object, sizes: &FlowSizes) {
    use libbpf_rs::{AsRawLibbpf, libbpf_sys};
    for map in object.maps() {
        if area_bytes(&map.name().to_string_lossy(), sizes).is_none() {
            continue;
        }
        let mut bytes = 0;
        // SAFETY: the map belongs to `object`, which is loaded. What is told is a mapping of `bytes` bytes, rounded up to
        // pages, that only libbpf knows and does not touch again before it unmaps it.
        unsafe {
            let at = libbpf_sys::bpf_map__initial_value(map.as_libbpf_object().as_ptr(), &raw mut bytes);
            if !at.is_null() {
                libc::madvise(at, bytes as usize, libc::MADV_DONTNEED);
            }
        }
    }
}

/// Only what will be used is verified: each program takes the verifier tens of milliseconds.
fn wanted(name: &str, options: &FlowOptions) -> bool {
    match name {
        "flow_replay_ethernet" | "flow_replay_raw" => options.replay_only,
        "flow_xdp" => !options.replay_only && options.hook == FlowHook::Xdp,
        _ => !options.replay_only,
    }
}

fn size_maps(open: &mut OpenObject, options: &FlowOptions) -> libbpf_rs::Result<()> {
    let sizes = options.sizes;
    let mut settings = sizes.settings(options.seed);
    settings.tunnels = options.tunnels.into();
    settings.no_fast_path = options.no_fast_path.into();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if let Some(bytes) = area_bytes(&name, &sizes) {
            map.set_value_size(bytes).with_context(|| format!("cannot size the area {name}"))?;
            continue;
        }
        let entries = match name.as_str() {
            "outbox4" => sizes.cpus * sizes.outbox4,
            "outbox6" => sizes.cpus * sizes.outbox6,
            "ends" | "scratch" => sizes.cpus,
            "replay" | "clock" => 1,
            _ => {
                if name.ends_with(".rodata.settings") {
                    map.set_initial_value(settings_bytes(&settings))?;
                }
                continue;
            }
        };
        map.set_max_entries(entries).with_context(|| format!("cannot size the map {name}"))?;
    }
    Ok(())
}

/// Bytes of a data section that is an area, by its map's name (of which libbpf makes `PREFIX.data.NAME`).
fn area_bytes(map_name: &str, sizes: &FlowSizes) -> Option<u32> {
    let (_, area) = map_name.split_once(".data.")?;
    let entries = |count: u32, bytes: usize| count * bytes as u32;
    Some(match area {
        "table4" => entries(sizes.cpus * sizes.slots4, size_of::<flow_slot4>()),
        "table6" => entries(sizes.cpus * sizes.slots6, size_of::<flow_slot6>()),
        "counts" => entries((sizes.cpus + 1) * sizes.interfaces * 2, size_of::<iface_counts>()),
        "ifaces" => entries(sizes.iface_entries(), size_of::<iface_entry>()),
        _ => return None,
    })
}

#[expect(unsafe_code, reason = "a plain C struct becomes the bytes the kernel gets")]
fn settings_bytes(settings: &crate::wire::flow_settings) -> &[u8] {
    // SAFETY: repr(C) without padding (its size is the sum of its fields), only integers, borrowed for as long.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(settings).cast(), size_of_val(settings)) }
}

pub(super) fn program_fd<'a>(object: &'a Object, name: &'static str) -> Result<BorrowedFd<'a>, ProbeError> {
    let program = object.progs().find(|p| p.name() == name);
    let fd = program.map(|p| {
        use std::os::fd::AsRawFd;
        p.as_fd().as_raw_fd()
    });
    match fd {
        Some(raw) if raw >= 0 => Ok(borrow(object, raw)),
        _ => Err(ProbeError::Missing { what: "program", name: name.to_owned() }),
    }
}

#[expect(unsafe_code, reason = "libbpf-rs ties a program's fd to a temporary instead of to the object that owns it")]
fn borrow(_owner: &Object, raw: i32) -> BorrowedFd<'_> {
    // SAFETY: the object owns the descriptor and keeps it open while it is borrowed.
    unsafe { BorrowedFd::borrow_raw(raw) }
}

pub(super) fn map<'a>(object: &'a Object, name: &str) -> Result<Map<'a>, ProbeError> {
    object
        .maps()
        .find(|m| m.name() == name || m.name().to_string_lossy().ends_with(&format!(".data.{name}")))
        .ok_or_else(|| ProbeError::Missing { what: "map", name: name.to_owned() })
}

#[expect(unsafe_code, reason = "libbpf-rs does not tell verified_insns")]
pub(super) fn verified_instructions(object: &Object) -> Vec<(String, u32)> {
    use libbpf_rs::libbpf_sys;
    use std::os::fd::AsRawFd;
    let mut told = Vec::new();
    for program in object.progs() {
        let mut info = libbpf_sys::bpf_prog_info::default();
        let mut bytes = size_of::<libbpf_sys::bpf_prog_info>() as u32;
        let fd = program.as_fd().as_raw_fd();
        // SAFETY: `info` is a whole structure of `bytes` bytes, alive during the call.
        let done = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(fd, &raw mut info, &raw mut bytes) };
        if done == 0 {
            told.push((program.name().to_string_lossy().into_owned(), info.verified_insns));
        }
    }
    told
}
