//! Attaching a program to an interface: tcx, clsact where tcx is missing, XDP. A link is a file descriptor: when the
//! process ends, however it ends, the kernel takes the program off. (clsact has no such link; see [`Attached`].)

use crate::ProbeError;
use libbpf_rs::libbpf_sys;
use netrig_model::Direction;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// XDP flags of the kernel's UAPI (`linux/if_link.h`).
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
/// Order among tcx programs (`linux/bpf.h`): without a relative, first or last of all.
const BPF_F_BEFORE: u32 = 1 << 3;
const BPF_F_AFTER: u32 = 1 << 4;
/// How netrig's filters can be told from others' on a clsact hook.
const CLSACT_HANDLE: u32 = 0x6e74;
const CLSACT_PRIORITY: u32 = 0x6e;

/// A program on an interface; taken off when dropped.
#[derive(Debug)]
pub struct Attached {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Link { fd: OwnedFd, hook: &'static str },
    Clsact { ifindex: u32, direction: Direction, made_qdisc: bool },
}

impl Attached {
    /// The hook's word: `tcx`, `clsact`, `xdp-native`, `xdp-generic`.
    #[must_use]
    pub fn hook(&self) -> &'static str {
        match &self.kind {
            Kind::Link { hook, .. } => hook,
            Kind::Clsact { .. } => "clsact",
        }
    }

    /// A link that was found pinned.
    pub(crate) fn from_link(fd: OwnedFd, hook: &'static str) -> Self {
        Self { kind: Kind::Link { fd, hook } }
    }

    /// Its link, where the hook has one.
    pub(crate) fn link(&self) -> Option<BorrowedFd<'_>> {
        match &self.kind {
            Kind::Link { fd, .. } => Some(fd.as_fd()),
            Kind::Clsact { .. } => None,
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Kind::Clsact { ifindex, direction, made_qdisc } = self.kind {
            clsact_detach(ifindex, direction, made_qdisc);
        }
    }
}

/// Attaches to tcx, or to clsact on kernels before 6.6. At ingress first of all programs, to see what others would
/// drop or redirect; at egress last, to see what really leaves.
///
/// # Errors
/// What the kernel says of the last hook tried.
pub fn attach_tc(
    program: BorrowedFd<'_>,
    iface: &str,
    ifindex: u32,
    direction: Direction,
) -> Result<Attached, ProbeError> {
    let (kind, order) = match direction {
        Direction::Ingress => (libbpf_sys::BPF_TCX_INGRESS, BPF_F_BEFORE),
        Direction::Egress => (libbpf_sys::BPF_TCX_EGRESS, BPF_F_AFTER),
    };
    match create_link(program, ifindex, kind, order) {
        Ok(fd) => Ok(Attached { kind: Kind::Link { fd, hook: "tcx" } }),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP)) => {
            clsact_attach(program, ifindex, direction).map_err(|source| ProbeError::Attach {
                iface: iface.into(),
                hook: "tcx and clsact",
                source,
            })
        }
        Err(source) => Err(ProbeError::Attach { iface: iface.into(), hook: "tcx", source }),
    }
}

/// Attaches to XDP: in the driver, or in its generic form where the driver has none; [`Attached::hook`] says which.
///
/// # Errors
/// What the kernel says of the generic form, or that another program holds the hook.
pub fn attach_xdp(program: BorrowedFd<'_>, iface: &str, ifindex: u32) -> Result<Attached, ProbeError> {
    let native = create_link(program, ifindex, libbpf_sys::BPF_XDP, XDP_FLAGS_DRV_MODE);
    let (link, hook) = match native {
        Ok(fd) => (Ok(fd), "xdp-native"),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EBUSY | libc::EEXIST | libc::EPERM)) => (Err(e), "xdp-native"),
        Err(e) => {
            tracing::debug!(iface, error = %e, "The driver takes no XDP program; trying the generic form.");
            (create_link(program, ifindex, libbpf_sys::BPF_XDP, XDP_FLAGS_SKB_MODE), "xdp-generic")
        }
    };
    match link {
        Ok(fd) => Ok(Attached { kind: Kind::Link { fd, hook } }),
        Err(source) => Err(ProbeError::Attach { iface: iface.into(), hook, source }),
    }
}

#[expect(unsafe_code, reason = "libbpf-rs has no call for tcx links, nor for XDP flags")]
fn create_link(program: BorrowedFd<'_>, ifindex: u32, kind: u32, flags: u32) -> io::Result<OwnedFd> {
    let mut options = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as _,
        flags,
        ..Default::default()
    };
    // SAFETY: `options` is a whole structure of the size it states, and outlives the call; the fds are open.
    let fd = unsafe { libbpf_sys::bpf_link_create(program.as_raw_fd(), ifindex.cast_signed(), kind, &raw mut options) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the kernel has just given us this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn clsact_hook(ifindex: u32, direction: Direction) -> libbpf_sys::bpf_tc_hook {
    libbpf_sys::bpf_tc_hook {
        sz: size_of::<libbpf_sys::bpf_tc_hook>() as _,
        ifindex: ifindex.cast_signed(),
        attach_point: match direction {
            Direction::Ingress => libbpf_sys::BPF_TC_INGRESS,
            Direction::Egress => libbpf_sys::BPF_TC_EGRESS,
        },
        ..Default::default()
    }
}

/// The filters stay when the process is killed: a fixed handle lets the next start replace them.
#[expect(unsafe_code, reason = "libbpf's tc calls, with the fixed handle that libbpf-rs' builder hides")]
fn clsact_attach(program: BorrowedFd<'_>, ifindex: u32, direction: Direction) -> io::Result<Attached> {
    let mut hook = clsact_hook(ifindex, direction);
    // SAFETY: a whole structure, alive during the call.
    let made = unsafe { libbpf_sys::bpf_tc_hook_create(&raw mut hook) };
    if made < 0 && made != -libc::EEXIST {
        return Err(io::Error::from_raw_os_error(-made));
    }
    let mut options = libbpf_sys::bpf_tc_opts {
        sz: size_of::<libbpf_sys::bpf_tc_opts>() as _,
        prog_fd: program.as_raw_fd(),
        flags: libbpf_sys::BPF_TC_F_REPLACE,
        handle: CLSACT_HANDLE,
        priority: CLSACT_PRIORITY,
        ..Default::default()
    };
    // SAFETY: as above.
    let done = unsafe { libbpf_sys::bpf_tc_attach(&raw const hook, &raw mut options) };
    if done < 0 {
        return Err(io::Error::from_raw_os_error(-done));
    }
    Ok(Attached { kind: Kind::Clsact { ifindex, direction, made_qdisc: made == 0 } })
}

#[expect(unsafe_code, reason = "the counterpart of clsact_attach")]
fn clsact_detach(ifindex: u32, direction: Direction, made_qdisc: bool) {
    let mut hook = clsact_hook(ifindex, direction);
    let options = libbpf_sys::bpf_tc_opts {
        sz: size_of::<libbpf_sys::bpf_tc_opts>() as _,
        handle: CLSACT_HANDLE,
        priority: CLSACT_PRIORITY,
        ..Default::default()
    };
    // SAFETY: whole structures, alive during the calls.
    unsafe {
        libbpf_sys::bpf_tc_detach(&raw const hook, &raw const options);
        if made_qdisc {
            hook.attach_point = libbpf_sys::BPF_TC_INGRESS | libbpf_sys::BPF_TC_EGRESS;
            libbpf_sys::bpf_tc_hook_destroy(&raw mut hook);
        }
    }
}
