//! Attaching to XDP: what was asked for, and what was got.

use crate::holder::{XdpHolder, XdpMode, xdp_holder};
use crate::link::{Attached, create_link};
use crate::{ProbeError, print};
use libbpf_rs::libbpf_sys;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// XDP flags of the kernel's UAPI (`linux/if_link.h`).
const XDP_FLAGS_UPDATE_IF_NOEXIST: u32 = 1 << 0;
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
const NATIVE: &str = "xdp-native";
const GENERIC: &str = "xdp-generic";

/// Attaches to XDP: in the driver, or in its generic form where the driver refuses. [`Attached::hook`] says which,
/// [`Attached::why_not_native`] why. What another program holds is left to it.
///
/// # Errors
/// What the kernel says of the generic form, with what it said of the driver's; or who holds the hook.
pub fn attach_xdp(program: BorrowedFd<'_>, iface: &str, ifindex: u32) -> Result<Attached, ProbeError> {
    let attached = |link, hook| Attached::from_link(link, hook);
    let refused = match create_link(program, ifindex, libbpf_sys::BPF_XDP, XDP_FLAGS_DRV_MODE) {
        Ok(link) => return Ok(attached(link, NATIVE)),
        // The other form would be refused for the same.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENODEV)) => {
            return Err(ProbeError::attach(iface, NATIVE, error));
        }
        Err(error) => error,
    };
    if let Some(holder) = in_the_way(ifindex, &refused) {
        return Err(held(iface, NATIVE, refused, &holder));
    }
    let why = match why_refused(program, ifindex) {
        Refusal::Words(words) => words,
        Refusal::Silent => refused.to_string(),
        Refusal::Over => match create_link(program, ifindex, libbpf_sys::BPF_XDP, XDP_FLAGS_DRV_MODE) {
            Ok(link) => return Ok(attached(link, NATIVE)),
            Err(error) => error.to_string(),
        },
    };
    match generic(program, ifindex) {
        Ok(link) => {
            tracing::info!(iface, asked = NATIVE, got = GENERIC, why, "The driver takes no XDP program of this kind.");
            Ok(attached(link, GENERIC).instead_of_native(why))
        }
        Err(error) => Err(match in_the_way(ifindex, &error) {
            Some(holder) => held(iface, GENERIC, error, &holder),
            None => ProbeError::Attach {
                iface: iface.into(),
                hook: "xdp-generic, nor in the driver",
                source: error,
                advice: format!("; in the driver: {why}"),
            },
        }),
    }
}

fn generic(program: BorrowedFd<'_>, ifindex: u32) -> io::Result<OwnedFd> {
    create_link(program, ifindex, libbpf_sys::BPF_XDP, XDP_FLAGS_SKB_MODE)
}

/// Who holds the hook, if that is why it was refused.
fn in_the_way(ifindex: u32, refused: &io::Error) -> Option<XdpHolder> {
    let says_so = matches!(refused.raw_os_error(), Some(libc::EBUSY | libc::EEXIST));
    let holder = xdp_holder(ifindex).unwrap_or_else(|error| {
        tracing::debug!(ifindex, %error, "Cannot find out who holds the XDP hook.");
        None
    });
    // A program in the device stands in the way of none but another there.
    holder.filter(|holder| says_so || holder.mode != XdpMode::Offload)
}

fn held(iface: &str, hook: &'static str, source: io::Error, holder: &XdpHolder) -> ProbeError {
    let advice = format!("; {}; {}", holder.text(iface), holder.advice(iface));
    ProbeError::Attach { iface: iface.into(), hook, source, advice }
}

/// What came of asking the kernel for its words.
enum Refusal {
    Words(String),
    /// It has none.
    Silent,
    /// It refuses no more.
    Over,
}

/// Asks again by netlink, where the kernel answers in words: of a link it gives a number only.
#[expect(unsafe_code, reason = "libbpf-rs' netlink calls do not take off only what is one's own")]
fn why_refused(program: BorrowedFd<'_>, ifindex: u32) -> Refusal {
    let (ifindex, program) = (ifindex.cast_signed(), program.as_raw_fd());
    let flags = XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST;
    let ask = || {
        // SAFETY: numbers, an open descriptor, and no options.
        unsafe { libbpf_sys::bpf_xdp_attach(ifindex, program, flags, std::ptr::null()) }
    };
    let (done, words) = print::words_of_kernel(ask);
    if done < 0 {
        return words.map_or(Refusal::Silent, Refusal::Words);
    }
    // It would stay when this process ends. Taken off only if it still is this one.
    let own = libbpf_sys::bpf_xdp_attach_opts {
        sz: size_of::<libbpf_sys::bpf_xdp_attach_opts>() as _,
        old_prog_fd: program,
        ..Default::default()
    };
    // SAFETY: `own` is a whole structure of the size it states, and outlives the call.
    let done = unsafe { libbpf_sys::bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, &raw const own) };
    if done < 0 {
        tracing::warn!(ifindex, error = -done, "Cannot take off again what was attached for a moment.");
    }
    Refusal::Over
}
