//! Opening and loading the object file.

use super::{FlowHook, FlowOptions};
use crate::wire::{
    burst_bucket, burst_cpu, bursts, flow_sampler, flow_sampling, flow_slot4, flow_slot6, iface_counts, iface_entry,
    payload_ends,
};
use crate::{ProbeError, object};
use libbpf_rs::{ErrorExt, MapCore, Object, OpenObject};
use std::os::fd::BorrowedFd;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/flow.bpf.o"));

/// `senders`: the TCP probe's map of sockets, where that probe is on.
pub(super) fn load(options: &FlowOptions, senders: Option<BorrowedFd<'_>>) -> Result<Object, ProbeError> {
    let mut open = object::open("flow", OBJECT)?;
    size_maps(&mut open, options).map_err(|e| object::refused("flow", &e))?;
    object::share_senders(&mut open, senders).map_err(|e| object::refused("flow", &e))?;
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        program.set_autoload(wanted(&name, options));
    }
    let object = open.load().map_err(|e| object::refused("flow", &e))?;
    let_go_of_second_mappings(&object, options);
    Ok(object)
}

/// libbpf maps every data section for itself, whole. It has no use for the areas once they are made, and this process has
/// a mapping of its own: without this, resident memory would count them twice.
#[expect(unsafe_code, reason = "libbpf-rs does not tell where libbpf has mapped a section")]
fn let_go_of_second_mappings(object: &Object, options: &FlowOptions) {
    use libbpf_rs::{AsRawLibbpf, libbpf_sys};
    for map in object.maps() {
        if area_bytes(&map.name().to_string_lossy(), options).is_none() {
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
        "burst_retransmit" => options.burst.is_some(),
        "flow_xdp" => !options.replay_only && options.hook == FlowHook::Xdp,
        _ => !options.replay_only,
    }
}

fn size_maps(open: &mut OpenObject, options: &FlowOptions) -> libbpf_rs::Result<()> {
    let sizes = options.sizes;
    let mut settings = sizes.settings(options.seed);
    settings.tunnels = options.tunnels.into();
    settings.no_fast_path = options.no_fast_path.into();
    let burst = options.burst.map(|burst| burst.settings()).unwrap_or_default();
    let payload = options.payload.as_ref().map(|payload| payload.settings(sizes.cpus)).unwrap_or_default();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if let Some(bytes) = area_bytes(&name, options) {
            map.set_value_size(bytes).with_context(|| format!("cannot size the area {name}"))?;
            continue;
        }
        let entries = match name.as_str() {
            "outbox4" => sizes.cpus * sizes.outbox4,
            "outbox6" => sizes.cpus * sizes.outbox6,
            "ends" | "scratch" | "passed" => sizes.cpus,
            "burst_samples" if burst.samples > 0 => sizes.cpus * burst.samples,
            "burst_retransmits" if options.burst.is_some() => sizes.cpus * bursts::RETRANSMITS as u32,
            "replay" | "clock" => 1,
            _ => {
                if name.ends_with(".rodata.settings") {
                    map.set_initial_value(object::bytes_of(&settings))?;
                } else if name.ends_with(".rodata.burst") {
                    map.set_initial_value(object::bytes_of(&burst))?;
                } else if name.ends_with(".rodata.payload") {
                    map.set_initial_value(object::bytes_of(&payload))?;
                }
                continue;
            }
        };
        map.set_max_entries(entries).with_context(|| format!("cannot size the map {name}"))?;
    }
    Ok(())
}

/// Bytes of a data section that is an area, by its map's name (of which libbpf makes `PREFIX.data.NAME`).
fn area_bytes(map_name: &str, options: &FlowOptions) -> Option<u32> {
    let sizes = options.sizes;
    let (_, area) = map_name.split_once(".data.")?;
    let entries = |count: u32, bytes: usize| count * bytes as u32;
    Some(match area {
        "table4" => entries(sizes.cpus * sizes.slots4, size_of::<flow_slot4>()),
        "table6" => entries(sizes.cpus * sizes.slots6, size_of::<flow_slot6>()),
        "counts" => entries((sizes.cpus + 1) * sizes.interfaces * 2, size_of::<iface_counts>()),
        "sampling" => entries(1, size_of::<flow_sampling>()),
        "samplers" => entries(sizes.cpus, size_of::<flow_sampler>()),
        "burst_cpus" => entries(sizes.cpus, size_of::<burst_cpu>()),
        "bursts" => entries(options.burst.map_or(1, |burst| burst.sizes.all_buckets()), size_of::<burst_bucket>()),
        "payload_rings" => options.payload.as_ref().map_or(8, |payload| payload.area_octets(sizes.cpus) as u32),
        "payload_ends" => entries(sizes.cpus, size_of::<payload_ends>()),
        "ifaces" => entries(sizes.iface_entries(), size_of::<iface_entry>()),
        _ => return None,
    })
}
