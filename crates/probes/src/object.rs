//! What every probe's object file needs on its way into the kernel, and afterwards.

use crate::error::load_advice;
use crate::{ProbeError, check, print};
use libbpf_rs::btf::types::{FuncProto, Typedef};
use libbpf_rs::btf::{Btf, ReferencesType};
use libbpf_rs::{ErrorExt, Map, MapCore, Object, ObjectBuilder, OpenObject, libbpf_sys};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Opens an object file that is part of this binary; libbpf's words are kept from here on, for an error that may follow.
pub(crate) fn open(probe: &'static str, bytes: &[u8]) -> Result<OpenObject, ProbeError> {
    print::begin();
    ObjectBuilder::default().open_memory(bytes).map_err(|e| refused(probe, &e))
}

/// The kernel's refusal of a probe's object, in words.
pub(crate) fn refused(probe: &'static str, error: &libbpf_rs::Error) -> ProbeError {
    use std::error::Error as _;
    let mut errno = None;
    let mut cause: Option<&dyn std::error::Error> = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            errno = io.raw_os_error();
        }
        cause = inner.source();
    }
    let errno = errno.or(match error.kind() {
        libbpf_rs::ErrorKind::OutOfMemory => Some(libc::ENOMEM),
        // The verifier's refusals come under the same word; only missing rights are mended by rights.
        libbpf_rs::ErrorKind::PermissionDenied if !check::rights().fine => Some(libc::EPERM),
        _ => None,
    });
    let reason = match (errno, print::reason()) {
        (Some(libc::EPERM), _) | (_, None) => format!("{error:#}"),
        (_, Some(words)) => format!("{error:#}: {words}"),
    };
    ProbeError::Load { probe, reason, advice: load_advice(errno) }
}

/// The bytes of a plain C struct, for the kernel.
#[expect(unsafe_code, reason = "a plain C struct becomes the bytes the kernel gets")]
pub(crate) fn bytes_of<T: Copy>(settings: &T) -> &[u8] {
    // SAFETY: wire.h's structs are repr(C) without padding, only integers; borrowed for as long.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(settings).cast(), size_of::<T>()) }
}

/// A plain C struct from the kernel's bytes; none where they are too few.
#[expect(unsafe_code, reason = "bytes from the kernel become a plain C struct")]
pub(crate) fn from_bytes<T: Copy>(bytes: &[u8]) -> Option<T> {
    // SAFETY: wire.h's structs are repr(C), only integers, valid whatever their bits; there are enough bytes.
    (bytes.len() >= size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// How many arguments a tracepoint of the running kernel has; none where there is no such tracepoint.
pub(crate) fn arguments(kernel: &Btf<'_>, tracepoint: &str) -> Option<usize> {
    let pointer = kernel.type_by_name::<Typedef<'_>>(&format!("btf_trace_{tracepoint}"))?.referenced_type();
    // The first is the tracepoint's own.
    FuncProto::try_from(pointer.next_type()?).ok().map(|function| function.len().saturating_sub(1))
}

/// Lets an object use the TCP probe's map of sockets, where that probe is on.
pub(crate) fn share_senders(open: &mut OpenObject, senders: Option<BorrowedFd<'_>>) -> libbpf_rs::Result<()> {
    let Some(senders) = senders else { return Ok(()) };
    for mut map in open.maps_mut().filter(|map| map.name() == "other_sockets") {
        map.reuse_fd(senders).context("cannot share the map of sockets")?;
    }
    Ok(())
}

/// A loaded program's descriptor.
pub(crate) fn program_fd<'a>(object: &'a Object, name: &'static str) -> Result<BorrowedFd<'a>, ProbeError> {
    let program = object.progs().find(|p| p.name() == name);
    let fd = program.map(|p| p.as_fd().as_raw_fd());
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

/// A map by its name, or an area by the name it has in C.
pub(crate) fn map<'a>(object: &'a Object, name: &str) -> Result<Map<'a>, ProbeError> {
    object
        .maps()
        .find(|m| m.name() == name || m.name().to_string_lossy().ends_with(&format!(".data.{name}")))
        .ok_or_else(|| ProbeError::Missing { what: "map", name: name.to_owned() })
}

/// Instructions the verifier looked at, by program.
pub(crate) fn verified_instructions(object: &Object) -> Vec<(String, u32)> {
    let told = object.progs().filter_map(|program| {
        let info = info_of(program.as_fd())?;
        Some((program.name().to_string_lossy().into_owned(), info.verified_insns))
    });
    told.collect()
}

/// Times a program was left out as it ran on the CPU already.
pub(crate) fn recursion_misses(object: &Object, name: &'static str) -> u64 {
    program_fd(object, name).ok().and_then(info_of).map_or(0, |info| info.recursion_misses)
}

/// The kernel's number of a program.
pub(crate) fn program_id(program: BorrowedFd<'_>) -> Option<u32> {
    info_of(program).map(|info| info.id)
}

#[expect(unsafe_code, reason = "libbpf-rs tells only a part of what the kernel knows of a program")]
pub(crate) fn info_of(program: BorrowedFd<'_>) -> Option<libbpf_sys::bpf_prog_info> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut bytes = size_of::<libbpf_sys::bpf_prog_info>() as u32;
    // SAFETY: `info` is a whole structure of `bytes` bytes, alive during the call.
    let done = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut bytes) };
    (done == 0).then_some(info)
}

/// So many runs on `data`: how long one took, on the average.
#[expect(unsafe_code, reason = "libbpf-rs' test run does not tell the duration of repeated runs")]
pub(crate) fn test_run_times(program: BorrowedFd<'_>, data: &[u8], times: u32) -> io::Result<Duration> {
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
        data_in: data.as_ptr().cast(),
        data_size_in: data.len() as u32,
        repeat: i32::try_from(times).unwrap_or(i32::MAX),
        ..Default::default()
    };
    // SAFETY: `options` is a whole structure of the size it states; `data` outlives the call, which only reads it.
    let done = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) };
    if done < 0 {
        return Err(io::Error::from_raw_os_error(-done));
    }
    Ok(Duration::from_nanos(options.duration.into()))
}

/// One run on `data`; empty for programs that take none.
pub(crate) fn test_run(program: BorrowedFd<'_>, data: &[u8]) -> io::Result<u32> {
    test_run_out(program, data, &mut []).map(|(told, _)| told)
}

/// The same, with what has become of the data: as much of it as there is room for, and how much that is.
pub(crate) fn test_run_out(program: BorrowedFd<'_>, data: &[u8], out: &mut [u8]) -> io::Result<(u32, usize)> {
    test_run_in(program, data, &[], out)
}

/// Words of the kernel's `__sk_buff`, and where in it a super-packet's segments are told.
const SK_BUFF_WORDS: usize = 48;
const GSO_SEGMENTS_AT: usize = 41;
const GSO_BYTES_AT: usize = 44;

/// One run on a super-packet of tc's, of so many segments (0: that is not known) of so many octets of payload.
pub(crate) fn test_run_super(program: BorrowedFd<'_>, data: &[u8], segments: u32, bytes: u32) -> io::Result<()> {
    let mut context = [0; SK_BUFF_WORDS];
    (context[GSO_SEGMENTS_AT], context[GSO_BYTES_AT]) = (segments, bytes);
    test_run_in(program, data, &context, &mut []).map(drop)
}

#[expect(unsafe_code, reason = "libbpf-rs' test run allocates an output for every call")]
fn test_run_in(program: BorrowedFd<'_>, data: &[u8], context: &[u32], out: &mut [u8]) -> io::Result<(u32, usize)> {
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
        data_in: if data.is_empty() { std::ptr::null() } else { data.as_ptr().cast() },
        data_size_in: data.len() as u32,
        ..Default::default()
    };
    if !data.is_empty() {
        options.repeat = 1;
    }
    if !context.is_empty() {
        options.ctx_in = context.as_ptr().cast();
        options.ctx_size_in = size_of_val(context) as u32;
    }
    if !out.is_empty() {
        options.data_out = out.as_mut_ptr().cast();
        options.data_size_out = out.len() as u32;
    }
    // SAFETY: `options` is a whole structure of the size it states; `data` and `context` outlive the call, which only reads
    // them, and so does `out`, which is written no further than its length.
    let done = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) };
    if done < 0 {
        return Err(io::Error::from_raw_os_error(-done));
    }
    Ok((options.retval, (options.data_size_out as usize).min(out.len())))
}
