//! The machines a filter runs on.

use libbpf_rs::{MapHandle, MapType, libbpf_sys};
use netrig_filter::{Classic, Instruction, MEMORY_OCTETS, Operator, Register, Source, When, convert};
use netrig_probes::program::{RawKind, RawProgram};
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixDatagram;

const HELPER_XDP_LENGTH: i32 = 188;
const HELPER_XDP_LOAD: i32 = 189;
/// The verifier must know so many octets behind what is captured.
const SLACK: u32 = 8;

/// Test runs at tcx take every packet as long as an Ethernet and an IPv6 header, and some as long as a page.
const USUAL: RangeInclusive<usize> = 54..=3000;

/// A converted filter in a program of its own, which returns what the filter does.
pub(crate) struct Converted {
    program: RawProgram,
    /// What Memory's program reads from.
    _memory: Option<MapHandle>,
}

impl Converted {
    pub(crate) fn at_xdp(classic: &Classic) -> Self {
        Self::at(RawKind::Xdp { frags: false }, Source::Xdp, classic, &[])
    }

    pub(crate) fn at_xdp_in_buffers(classic: &Classic) -> Self {
        Self::at(RawKind::Xdp { frags: true }, Source::Xdp, classic, &[])
    }

    pub(crate) fn at_tcx(classic: &Classic) -> Self {
        Self::at(RawKind::SchedCls, Source::Skb, classic, &[])
    }

    /// Behind instructions that find the context in R6 and leave it there.
    pub(crate) fn at(kind: RawKind<'_>, source: Source, classic: &Classic, before: &[Instruction]) -> Self {
        let mut code = vec![Instruction::mov(Register::R6, Register::R1)];
        code.extend_from_slice(before);
        code.extend(convert(classic, source).expect("it is converted").instructions);
        code.push(Instruction::exit());
        Self { program: load(kind, &code, classic), _memory: None }
    }

    /// On a copy of the packet's first octets.
    pub(crate) fn on_memory(classic: &Classic) -> Self {
        let memory = memory(MEMORY_OCTETS + SLACK);
        let (wire, captured, value) = (Register::R8, Register::R7, Register::R9);
        let mut code = vec![
            Instruction::mov(Register::R6, Register::R1),
            Instruction::call(HELPER_XDP_LENGTH),
            Instruction::alu32(Operator::Move, wire, Register::R0),
            Instruction::mov(captured, wire),
            Instruction::jump_if_imm(When::LessOrEqual, captured, MEMORY_OCTETS as i32, 1),
            Instruction::mov_imm(captured, MEMORY_OCTETS as i32),
            Instruction::jump_if_imm(When::GreaterOrEqual, captured, 1, 1),
            Instruction::mov_imm(captured, 1),
        ];
        code.extend(Instruction::load_map_value(value, memory.as_fd().as_raw_fd(), 0));
        code.extend([
            Instruction::mov(Register::R1, Register::R6),
            Instruction::mov_imm(Register::R2, 0),
            Instruction::mov(Register::R3, value),
            Instruction::mov(Register::R4, captured),
            Instruction::call(HELPER_XDP_LOAD),
            Instruction::mov(Register::R6, value),
        ]);
        code.extend(convert(classic, Source::Memory).expect("it is converted").instructions);
        code.push(Instruction::exit());
        Self { program: load(RawKind::Xdp { frags: true }, &code, classic), _memory: Some(memory) }
    }

    /// None where the kernel takes no such packet in a test run: one that ends before the IP header it says to have, or is longer
    /// than a page.
    pub(crate) fn run(&self, packet: &[u8]) -> Option<u32> {
        match self.program.test_run(packet) {
            Ok(told) => Some(told),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && !USUAL.contains(&packet.len()) => None,
            Err(error) => panic!("a test run with {} octets: {error}", packet.len()),
        }
    }
}

/// Memory that a program has an address of.
pub(crate) fn memory(octets: u32) -> MapHandle {
    let options =
        libbpf_sys::bpf_map_create_opts { sz: size_of::<libbpf_sys::bpf_map_create_opts>() as _, ..Default::default() };
    MapHandle::create(MapType::Array, Some("memory"), 4, octets, 1, &options).expect("a map")
}

fn load(kind: RawKind<'_>, code: &[Instruction], classic: &Classic) -> RawProgram {
    match RawProgram::load("filter", kind, code) {
        Ok(program) => program,
        Err(error) => panic!("{error}\n{kind:?}\n{classic}"),
    }
}

/// The kernel's classic machine, behind a socket: a packet's answer is how much of it arrives.
pub(crate) struct KernelClassic {
    from: UnixDatagram,
    to: UnixDatagram,
}

impl KernelClassic {
    pub(crate) fn new() -> Self {
        let (from, to) = UnixDatagram::pair().expect("a pair of sockets");
        to.set_nonblocking(true).expect("it does not block");
        Self { from, to }
    }

    /// From now on packets are judged by this one. Not so if the kernel does not take it: one that reads memory it may not have
    /// written, of which there is no harm here.
    #[expect(unsafe_code, reason = "no safe crate has this option")]
    pub(crate) fn attach(&self, classic: &Classic) -> bool {
        let mut instructions: Vec<libc::sock_filter> = classic
            .instructions()
            .iter()
            .map(|i| libc::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k })
            .collect();
        let program = libc::sock_fprog { len: instructions.len() as u16, filter: instructions.as_mut_ptr() };
        // SAFETY: the option's value is a whole `sock_fprog` whose instructions are as many as it says; the kernel copies them.
        let done = unsafe {
            libc::setsockopt(
                self.to.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of::<libc::sock_fprog>() as u32,
            )
        };
        done == 0
    }

    /// How many of the packet's octets are wanted.
    pub(crate) fn run(&self, packet: &[u8]) -> u32 {
        self.from.send(packet).expect("it is sent");
        let mut arrived = [0; 1 << 16];
        match self.to.recv(&mut arrived) {
            Ok(octets) => octets as u32,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }
}
