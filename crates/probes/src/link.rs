//! Attaching a program to an interface: tcx, clsact where tcx is missing, XDP. A link is a file descriptor: when the
//! process ends, however it ends, the kernel takes the program off. (clsact has no such link; see [`Attached`].)

pub use crate::xdp::attach_xdp;

use crate::ProbeError;
use libbpf_rs::libbpf_sys;
use netrig_model::Direction;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Order among tcx programs (`linux/bpf.h`): without a relative, first or last of all.
const BPF_F_BEFORE: u32 = 1 << 3;
const BPF_F_AFTER: u32 = 1 << 4;
/// How netrig's filters can be told from others' on a clsact hook, and those of a capture and of the recorder from the rig's.
const CLSACT_RIG: ClsactPlace = ClsactPlace { handle: 0x6e74, priority: 0x6e };
const CLSACT_CAPTURE: ClsactPlace = ClsactPlace { handle: 0x6e63, priority: 0x6d };
const CLSACT_RECORDER: ClsactPlace = ClsactPlace { handle: 0x6e72, priority: 0x6c };

/// A program on an interface; taken off when dropped.
#[derive(Debug)]
pub struct Attached {
    kind: Kind,
    why_not_native: Option<String>,
}

#[derive(Debug)]
enum Kind {
    Link { fd: OwnedFd, hook: &'static str },
    Clsact { ifindex: u32, direction: Direction, place: ClsactPlace, made_qdisc: bool },
}

/// One program at a clsact hook: who attaches there again takes its place.
#[derive(Clone, Copy, Debug)]
struct ClsactPlace {
    handle: u32,
    priority: u32,
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

    /// Where the generic form of XDP was got instead of the driver's, why: in the kernel's words, or its error's.
    #[must_use]
    pub fn why_not_native(&self) -> Option<&str> {
        self.why_not_native.as_deref()
    }

    pub(crate) fn instead_of_native(mut self, why: String) -> Self {
        self.why_not_native = Some(why);
        self
    }

    /// By a link.
    pub(crate) fn from_link(fd: OwnedFd, hook: &'static str) -> Self {
        Self { kind: Kind::Link { fd, hook }, why_not_native: None }
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
        if let Kind::Clsact { ifindex, direction, place, made_qdisc } = self.kind {
            clsact_detach(ifindex, direction, place, made_qdisc);
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
    attach_tc_at(program, iface, ifindex, direction, CLSACT_RIG)
}

/// The same for a capture, which leaves the rig's own programs where they are.
///
/// # Errors
/// As [`attach_tc`].
pub(crate) fn attach_tc_beside(
    program: BorrowedFd<'_>,
    iface: &str,
    ifindex: u32,
    direction: Direction,
) -> Result<Attached, ProbeError> {
    attach_tc_at(program, iface, ifindex, direction, CLSACT_CAPTURE)
}

/// The same for the flight recorder.
///
/// # Errors
/// As [`attach_tc`].
pub(crate) fn attach_tc_recorder(
    program: BorrowedFd<'_>,
    iface: &str,
    ifindex: u32,
    direction: Direction,
) -> Result<Attached, ProbeError> {
    attach_tc_at(program, iface, ifindex, direction, CLSACT_RECORDER)
}

fn attach_tc_at(
    program: BorrowedFd<'_>,
    iface: &str,
    ifindex: u32,
    direction: Direction,
    place: ClsactPlace,
) -> Result<Attached, ProbeError> {
    let (kind, order) = match direction {
        Direction::Ingress => (libbpf_sys::BPF_TCX_INGRESS, BPF_F_BEFORE),
        Direction::Egress => (libbpf_sys::BPF_TCX_EGRESS, BPF_F_AFTER),
    };
    match create_link(program, ifindex, kind, order) {
        Ok(fd) => Ok(Attached::from_link(fd, "tcx")),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP)) => {
            clsact_attach(program, ifindex, direction, place)
                .map_err(|source| ProbeError::attach(iface, "tcx and clsact", source))
        }
        Err(source) => Err(ProbeError::attach(iface, "tcx", source)),
    }
}

#[expect(unsafe_code, reason = "libbpf-rs has no call for tcx links, nor for XDP flags")]
pub(crate) fn create_link(program: BorrowedFd<'_>, ifindex: u32, kind: u32, flags: u32) -> io::Result<OwnedFd> {
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
fn clsact_attach(
    program: BorrowedFd<'_>,
    ifindex: u32,
    direction: Direction,
    place: ClsactPlace,
) -> io::Result<Attached> {
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
        handle: place.handle,
        priority: place.priority,
        ..Default::default()
    };
    // SAFETY: as above.
    let done = unsafe { libbpf_sys::bpf_tc_attach(&raw const hook, &raw mut options) };
    if done < 0 {
        return Err(io::Error::from_raw_os_error(-done));
    }
    // A rig that came after a capture would lose its programs with a hook that the capture takes off: an empty one is left instead.
    let made_qdisc = made == 0 && place.handle != CLSACT_CAPTURE.handle;
    let kind = Kind::Clsact { ifindex, direction, place, made_qdisc };
    Ok(Attached { kind, why_not_native: None })
}

#[expect(unsafe_code, reason = "the counterpart of clsact_attach")]
fn clsact_detach(ifindex: u32, direction: Direction, place: ClsactPlace, made_qdisc: bool) {
    let mut hook = clsact_hook(ifindex, direction);
    let options = libbpf_sys::bpf_tc_opts {
        sz: size_of::<libbpf_sys::bpf_tc_opts>() as _,
        handle: place.handle,
        priority: place.priority,
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
