//! Opening and loading the object file: what the running kernel has is taken, what it lacks is named.

use super::DropOptions;
use crate::{Missing, ProbeError, object};
use libbpf_rs::btf::Btf;
use libbpf_rs::{ErrorExt, Object, OpenObject};
use std::hash::{BuildHasher, RandomState};
use std::os::fd::BorrowedFd;

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/drop.bpf.o"));

/// Without this there is no probe.
pub(super) const ESSENTIAL: &str = "drop_skb";

/// Programs, their tracepoints, and what is not known without them.
pub(super) const TRACEPOINTS: &[(&str, &str, &str)] = &[
    (ESSENTIAL, "kfree_skb", "dropped packets"),
    ("drop_rcvqueue", "sock_rcvqueue_full", "full receive queues"),
    ("drop_udp", "udp_fail_queue_rcv_skb", "UDP's full receive buffers"),
    ("drop_limit", "sock_exceed_buf_limit", "sockets over their limit of memory"),
    ("drop_xdp_exception", "xdp_exception", "XDP programs that failed"),
    ("drop_xdp_redirect", "xdp_redirect_err", "XDP redirects that failed"),
    ("drop_xdp_devmap", "xdp_devmap_xmit", "XDP redirects that a device had no room for"),
    ("drop_xdp_cpumap", "xdp_cpumap_enqueue", "XDP redirects that a CPU had no room for"),
    ("drop_xdp_bulk_tx", "xdp_bulk_tx", "XDP frames that a device did not send back"),
];

/// Loads the programs that this kernel can have.
pub(super) fn load(
    options: &DropOptions,
    senders: Option<BorrowedFd<'_>>,
    missing: &mut Vec<Missing>,
) -> Result<Object, ProbeError> {
    let mut open = object::open("drop", OBJECT)?;
    let kernel = Btf::from_vmlinux().ok();
    let arguments = |tracepoint: &str| kernel.as_ref().and_then(|btf| object::arguments(btf, tracepoint));
    size_maps(&mut open, options, &arguments).map_err(|e| object::refused("drop", &e))?;
    object::share_senders(&mut open, senders).map_err(|e| object::refused("drop", &e))?;
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let Some((_, tracepoint, what)) = TRACEPOINTS.iter().find(|(each, ..)| *each == name) else { continue };
        if kernel.is_some() && arguments(tracepoint).is_none() {
            missing.push(Missing { what, why: format!("this kernel has no tracepoint {tracepoint}") });
            program.set_autoload(false);
        }
    }
    open.load().map_err(|e| object::refused("drop", &e))
}

fn size_maps(
    open: &mut OpenObject,
    options: &DropOptions,
    arguments: &dyn Fn(&str) -> Option<usize>,
) -> libbpf_rs::Result<()> {
    let sizes = options.sizes;
    let mut settings = sizes.settings(RandomState::new().hash_one(0) | 1);
    settings.rx_socket = arguments("kfree_skb").is_some_and(|count| count > 3).into();
    settings.udp_packet = arguments("udp_fail_queue_rcv_skb").is_some_and(|count| count > 2).into();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let entries = match name.as_str() {
            "groups" => sizes.cpus * crate::wire::drops::GROUPS as u32,
            "flows" => sizes.cpus * sizes.flows / crate::wire::drops::FLOW_WAYS as u32,
            _ => {
                if name.ends_with(".rodata.settings") {
                    map.set_initial_value(object::bytes_of(&settings))?;
                }
                continue;
            }
        };
        map.set_max_entries(entries).with_context(|| format!("cannot size the map {name}"))?;
    }
    Ok(())
}
