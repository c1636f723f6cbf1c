//! A kernel program that comes from raw instructions rather than from an object file.

use crate::error::load_advice;
use crate::{ProbeError, check, object, print};
use libbpf_rs::libbpf_sys;
use netrig_filter::Instruction;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The kernel lets programs under licences compatible with the GPL call all helpers.
const LICENSE: &CStr = c"Dual BSD/GPL";
/// A name's octets that the kernel keeps.
const NAME_OCTETS: usize = 15;
/// The verifier's words end with why; of more than this it keeps the end, or refuses with another word.
const LOG_OCTETS: usize = 16 << 20;
/// What the verifier saw at each instruction, and its refusal.
const LOG_LEVEL: u32 = 1;

/// What a program is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawKind<'a> {
    /// XDP.
    Xdp {
        /// Whether packets in more than one buffer are taken.
        frags: bool,
    },
    /// tcx and clsact.
    SchedCls,
    /// A tracepoint with types.
    TpBtf {
        /// Its name.
        tracepoint: &'a str,
    },
}

/// A loaded program; it goes when this and what it is attached by have gone.
#[derive(Debug)]
pub struct RawProgram {
    fd: OwnedFd,
}

impl RawProgram {
    /// Loads instructions. `name` is how bpftool shows the program; the kernel keeps fifteen characters.
    ///
    /// # Errors
    /// With the verifier's last words where it refused.
    pub fn load(name: &str, kind: RawKind<'_>, instructions: &[Instruction]) -> Result<Self, ProbeError> {
        print::install();
        let refused = |reason: String, errno| ProbeError::Load { probe: "raw", reason, advice: load_advice(errno) };
        let short: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(NAME_OCTETS).collect();
        let short = CString::new(short).unwrap_or_default();
        let (program, mut options) = options(kind).map_err(|e| refused(e.to_string(), e.raw_os_error()))?;
        let first = match load(program, &short, instructions, &mut options) {
            Ok(fd) => return Ok(Self { fd }),
            Err(error) => error,
        };
        let mut log = vec![0u8; LOG_OCTETS];
        options.log_level = LOG_LEVEL;
        options.log_buf = log.as_mut_ptr().cast();
        options.log_size = LOG_OCTETS as u32;
        match load(program, &short, instructions, &mut options) {
            // What was refused for want of something for a moment is taken now.
            Ok(fd) => Ok(Self { fd }),
            Err(_) => {
                let words = last_words(&log).map_or_else(String::new, |words| format!(": {words}"));
                let errno = first.raw_os_error();
                // The verifier's own refusals may come under the word for missing rights.
                let errno = errno.filter(|errno| *errno != libc::EPERM || !check::rights().fine);
                Err(refused(format!("`{name}`: {first}{words}"), errno))
            }
        }
    }

    /// Its descriptor.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// One run on `data`: what the program returned.
    ///
    /// # Errors
    /// As the kernel has them.
    pub fn test_run(&self, data: &[u8]) -> io::Result<u32> {
        object::test_run(self.fd.as_fd(), data)
    }

    /// Runs `repeat` times on `data`: what the program returned last, and what one run took on the mean, in whole nanoseconds.
    ///
    /// # Errors
    /// As the kernel has them.
    #[expect(unsafe_code, reason = "libbpf-rs' test run allocates an output for every call")]
    pub fn measure(&self, data: &[u8], repeat: u32) -> io::Result<(u32, Duration)> {
        let mut options = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
            data_in: data.as_ptr().cast(),
            data_size_in: data.len() as u32,
            repeat: repeat.try_into().unwrap_or(i32::MAX),
            ..Default::default()
        };
        // SAFETY: `options` is a whole structure of the size it states; `data` outlives the call, which only reads it.
        let done = unsafe { libbpf_sys::bpf_prog_test_run_opts(self.fd.as_raw_fd(), &raw mut options) };
        if done < 0 {
            return Err(io::Error::from_raw_os_error(-done));
        }
        Ok((options.retval, Duration::from_nanos(options.duration.into())))
    }
}

impl AsFd for RawProgram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn options(kind: RawKind<'_>) -> io::Result<(libbpf_sys::bpf_prog_type, libbpf_sys::bpf_prog_load_opts)> {
    let mut options =
        libbpf_sys::bpf_prog_load_opts { sz: size_of::<libbpf_sys::bpf_prog_load_opts>() as _, ..Default::default() };
    let program = match kind {
        RawKind::Xdp { frags } => {
            options.expected_attach_type = libbpf_sys::BPF_XDP;
            options.prog_flags = if frags { libbpf_sys::BPF_F_XDP_HAS_FRAGS } else { 0 };
            libbpf_sys::BPF_PROG_TYPE_XDP
        }
        RawKind::SchedCls => libbpf_sys::BPF_PROG_TYPE_SCHED_CLS,
        RawKind::TpBtf { tracepoint } => {
            options.expected_attach_type = libbpf_sys::BPF_TRACE_RAW_TP;
            options.attach_btf_id = tracepoint_type(tracepoint)?;
            libbpf_sys::BPF_PROG_TYPE_TRACING
        }
    };
    Ok((program, options))
}

/// The number of the running kernel's type `btf_trace_NAME`.
#[expect(unsafe_code, reason = "libbpf-rs has no such call")]
fn tracepoint_type(tracepoint: &str) -> io::Result<u32> {
    let name = CString::new(tracepoint)?;
    // SAFETY: `name` is a string that ends with a NUL and outlives the call.
    let id = unsafe { libbpf_sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), libbpf_sys::BPF_TRACE_RAW_TP) };
    match u32::try_from(id) {
        Ok(id) if id > 0 => Ok(id),
        _ if id == -libc::ENOENT => Err(io::Error::other(format!("this kernel has no tracepoint {tracepoint}"))),
        _ => Err(io::Error::from_raw_os_error(-id)),
    }
}

#[expect(unsafe_code, reason = "libbpf-rs loads object files only")]
fn load(
    program: libbpf_sys::bpf_prog_type,
    name: &CStr,
    instructions: &[Instruction],
    options: &mut libbpf_sys::bpf_prog_load_opts,
) -> io::Result<OwnedFd> {
    // SAFETY: both strings end with a NUL; an `Instruction` is laid out as a `bpf_insn`, and there are as many as is said;
    // `options` is a whole structure of the size it states, with a log of the length it states or none. All outlive the call.
    let fd = unsafe {
        libbpf_sys::bpf_prog_load(
            program,
            name.as_ptr(),
            LICENSE.as_ptr(),
            instructions.as_ptr().cast(),
            instructions.len() as _,
            options,
        )
    };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call has just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Of the verifier's words the last that say why.
fn last_words(log: &[u8]) -> Option<String> {
    let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(&log[..end]);
    let told =
        |line: &&str| !line.is_empty() && !line.starts_with("processed ") && !line.starts_with("verification time");
    let lines: Vec<&str> = text.lines().rev().map(str::trim).filter(told).take(2).collect();
    (!lines.is_empty()).then(|| lines.into_iter().rev().collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_filter::{Register, Size};
    use netrig_testkit::require_root;

    #[test]
    fn a_program_of_two_instructions_runs_and_is_measured() {
        require_root!();
        let two = [Instruction::mov_imm(Register::R0, 2), Instruction::exit()];
        for kind in [RawKind::Xdp { frags: false }, RawKind::Xdp { frags: true }, RawKind::SchedCls] {
            let program = RawProgram::load("two", kind, &two).expect("it is loaded");
            assert_eq!(program.test_run(&[0; 60]).expect("a run"), 2);
            let (told, took) = program.measure(&[0; 60], 1000).expect("a run");
            assert_eq!(told, 2);
            assert!(took < Duration::from_micros(100), "{took:?}");
        }
    }

    #[test]
    fn a_tracepoint_is_found_by_its_name_and_one_that_is_none_is_named() {
        require_root!();
        let zero = [Instruction::mov_imm(Register::R0, 0), Instruction::exit()];
        RawProgram::load("zero", RawKind::TpBtf { tracepoint: "kfree_skb" }, &zero).expect("it is loaded");
        let error = RawProgram::load("zero", RawKind::TpBtf { tracepoint: "no_such_point" }, &zero);
        let error = error.expect_err("there is none").to_string();
        assert!(error.contains("this kernel has no tracepoint no_such_point"), "{error}");
    }

    #[test]
    fn a_refusal_carries_the_verifiers_last_words() {
        require_root!();
        let unread = [Instruction::load(Size::Word, Register::R0, Register::R7, 0), Instruction::exit()];
        let error = RawProgram::load("unread", RawKind::SchedCls, &unread).expect_err("R7 holds nothing").to_string();
        assert!(error.contains("`unread`") && error.contains("R7 !read_ok"), "{error}");
        assert!(!error.contains("CAP_BPF"), "{error}");
        let none = RawProgram::load("none", RawKind::SchedCls, &[]).expect_err("no instructions").to_string();
        assert!(none.contains("Argument list too long"), "{none}");
    }
}
