//! What the kernel tells of a hook, its program and its link.

use super::processes::{Wanted, processes};
use super::{AttachedBy, XdpHolder, XdpMode};
use crate::{check, object, print};
use libbpf_rs::libbpf_sys;
use std::fs;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// `IFLA_XDP_ATTACHED` (`linux/if_link.h`): none, in the driver, in the stack, in the device, several of them.
const XDP_ATTACHED_DRV: u8 = 1;
const XDP_ATTACHED_SKB: u8 = 2;
const XDP_ATTACHED_HW: u8 = 3;
/// That a driver takes programs and obeys their verdicts (`linux/netdev.h`).
const NETDEV_XDP_ACT_BASIC: u64 = 1;
/// The first kernel whose drivers tell.
const FEATURES_SINCE: (u32, u32) = (6, 3);
/// How long links and processes are looked through at most, all in all.
const PATIENCE: Duration = Duration::from_millis(500);

/// The program at an interface's XDP hook, in the network namespace of the calling thread; none where it is free. Where there
/// are several (in the device and in the driver), it is the one that is in the way of another.
///
/// # Errors
/// When netlink does not answer. What else cannot be found out is left out.
pub fn xdp_holder(ifindex: u32) -> io::Result<Option<XdpHolder>> {
    let until = Instant::now() + PATIENCE;
    let Some((program, mode)) = program_at(&query(ifindex, false)?) else { return Ok(None) };
    let mut holder = XdpHolder {
        program,
        name: None,
        tag: None,
        loaded_ago: None,
        mode,
        by: link_of(program, ifindex, until),
        processes: Vec::new(),
        all_seen: false,
    };
    if let Some(info) = info_of(program) {
        let name: Vec<u8> = info.name.iter().map(|c| *c as u8).take_while(|octet| *octet != 0).collect();
        holder.name = Some(String::from_utf8_lossy(&name).into_owned()).filter(|name| !name.is_empty());
        holder.tag = Some(info.tag.iter().map(|octet| format!("{octet:02x}")).collect());
        holder.loaded_ago = up_time().map(|up| up.saturating_sub(Duration::from_nanos(info.load_time)));
    }
    let wanted = match holder.by {
        AttachedBy::Link(id) => Wanted::Link(id),
        AttachedBy::Netlink | AttachedBy::Unknown => Wanted::Program(program),
    };
    (holder.processes, holder.all_seen) = processes(Path::new("/proc"), wanted, until);
    Ok(Some(holder))
}

/// Whether an interface's driver says that it takes XDP programs; none on kernels that do not tell (before Linux 6.3). One that
/// does may still refuse: for the packets' length, or for want of queues.
///
/// # Errors
/// When netlink does not answer.
pub fn driver_takes_xdp(ifindex: u32) -> io::Result<Option<bool>> {
    let told = query(ifindex, true)?.feature_flags;
    let tells = told != 0 || check::release().is_some_and(|release| release >= FEATURES_SINCE);
    Ok(tells.then_some(told & NETDEV_XDP_ACT_BASIC != 0))
}

#[expect(unsafe_code, reason = "libbpf-rs' query leaves out features, and takes no whole structure")]
fn query(ifindex: u32, with_features: bool) -> io::Result<libbpf_sys::bpf_xdp_query_opts> {
    print::install();
    // libbpf asks for as much as the structure is long.
    let without = offset_of!(libbpf_sys::bpf_xdp_query_opts, feature_flags);
    let whole = size_of::<libbpf_sys::bpf_xdp_query_opts>();
    let mut options =
        libbpf_sys::bpf_xdp_query_opts { sz: if with_features { whole } else { without } as _, ..Default::default() };
    // SAFETY: `options` is at least as long as it states, and outlives the call.
    let done = unsafe { libbpf_sys::bpf_xdp_query(ifindex.cast_signed(), 0, &raw mut options) };
    if done < 0 { Err(io::Error::from_raw_os_error(-done)) } else { Ok(options) }
}

fn program_at(told: &libbpf_sys::bpf_xdp_query_opts) -> Option<(u32, XdpMode)> {
    let of_mode = match told.attach_mode {
        XDP_ATTACHED_DRV => (told.prog_id, XdpMode::Native),
        XDP_ATTACHED_SKB => (told.prog_id, XdpMode::Generic),
        XDP_ATTACHED_HW => (told.prog_id, XdpMode::Offload),
        _ => (0, XdpMode::Native),
    };
    let all = [
        (told.drv_prog_id, XdpMode::Native),
        (told.skb_prog_id, XdpMode::Generic),
        of_mode,
        (told.hw_prog_id, XdpMode::Offload),
    ];
    all.into_iter().find(|(program, _)| *program != 0)
}

/// How long this machine has been up, suspended or not: it is what the kernel notes of a program.
fn up_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    Duration::try_from_secs_f64(text.split_whitespace().next()?.parse().ok()?).ok()
}

/// A descriptor that libbpf gives, or minus an error's number.
#[expect(unsafe_code, reason = "a number from the kernel becomes the descriptor that it is")]
fn owned(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: the kernel has just given us this descriptor, and nobody else has it.
    if fd < 0 { Err(io::Error::from_raw_os_error(-fd)) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) }
}

#[expect(unsafe_code, reason = "libbpf-rs asks for all programs of the host only")]
fn info_of(program: u32) -> Option<libbpf_sys::bpf_prog_info> {
    // SAFETY: a number goes in, a descriptor comes out.
    let fd = owned(unsafe { libbpf_sys::bpf_prog_get_fd_by_id(program) }).ok()?;
    object::info_of(fd.as_fd())
}

/// How a program came to an interface: a link of XDP has both numbers. Interfaces of other network namespaces may have the same.
fn link_of(program: u32, ifindex: u32, until: Instant) -> AttachedBy {
    let mut id = 0;
    loop {
        match next_link(id) {
            Ok(Some(next)) if Instant::now() < until => id = next,
            Ok(None) => return AttachedBy::Netlink,
            Ok(Some(_)) | Err(_) => return AttachedBy::Unknown,
        }
        if is_link_of(id, program, ifindex) {
            return AttachedBy::Link(id);
        }
    }
}

#[expect(unsafe_code, reason = "libbpf-rs' walk over links hides that it may not be walked")]
fn next_link(id: u32) -> io::Result<Option<u32>> {
    let mut next = 0;
    // SAFETY: a number that is alive during the call.
    match unsafe { libbpf_sys::bpf_link_get_next_id(id, &raw mut next) } {
        0 => Ok(Some(next)),
        done if done == -libc::ENOENT => Ok(None),
        done => Err(io::Error::from_raw_os_error(-done)),
    }
}

#[expect(unsafe_code, reason = "libbpf-rs asks for all links of the host only")]
fn is_link_of(id: u32, program: u32, ifindex: u32) -> bool {
    // SAFETY: a number goes in, a descriptor comes out.
    let Ok(link) = owned(unsafe { libbpf_sys::bpf_link_get_fd_by_id(id) }) else { return false };
    let mut info = libbpf_sys::bpf_link_info::default();
    let mut bytes = size_of::<libbpf_sys::bpf_link_info>() as u32;
    // SAFETY: `info` is a whole structure of `bytes` bytes, alive during the call.
    let done = unsafe { libbpf_sys::bpf_link_get_info_by_fd(link.as_raw_fd(), &raw mut info, &raw mut bytes) };
    let is_xdp = done == 0 && info.type_ == libbpf_sys::BPF_LINK_TYPE_XDP && info.prog_id == program;
    // SAFETY: of a link of XDP it is this part, and an integer whatever its bits.
    is_xdp && unsafe { info.__bindgen_anon_1.xdp.ifindex } == ifindex
}
