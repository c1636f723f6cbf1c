//! The programs made of a filter: what each packet meets first.
//!
//! Such a program counts the packet, lets the filter look at it, and hands on what the filter takes, by a tail call, to the object's own
//! programs, which it tells whose packet it is. What the filter does not take has met nothing else.

use super::count::Partitions;
use super::load::{self, SLOT_RECORDER};
use super::record::Hook;
use super::{Source, recorder};
use crate::ProbeError;
use crate::object::map;
use crate::program::{RawKind, RawProgram};
use crate::wire::{capture_count, capture_cpu, capture_frame, capture_record};
use libbpf_rs::Object;
use netrig_filter::{Classic, Instruction, Operator, Register, Size, Source as From, When, convert};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd};

use Instruction as I;
use Register::{R0, R1, R2, R3, R6, R7, R8, R10};

const HELPER_TAIL_CALL: i32 = 12;
const HELPER_CPU: i32 = 8;
const XDP_PASS: i32 = 2;
const TC_NEXT: i32 = -1;
/// Below what a filter's body uses of the stack.
const SAVED_CONTEXT: i16 = -136;

/// In front of an interface.
pub(super) fn at_interface(
    object: &Object,
    partitions: Partitions,
    filter: &Classic,
    hook: Hook,
    source: Source,
) -> Result<RawProgram, ProbeError> {
    let (from, kind, programs, pass) = match hook {
        Hook::Xdp => (From::Xdp, RawKind::Xdp { frags: true }, load::PROGRAMS_XDP, XDP_PASS),
        _ => (From::Skb, RawKind::SchedCls, load::PROGRAMS_TC, TC_NEXT),
    };
    // The same array serves both directions: each has a slot of its own.
    let slot = if hook == Hook::Egress { SLOT_RECORDER + 1 } else { SLOT_RECORDER };
    load::set_program(object, programs, slot, recorder(object, hook)?)?;
    let mut code = vec![I::mov(R6, R1)];
    code.extend(count_seen(object, partitions, source)?);
    code.extend(body(filter, from)?);
    let hand_on = hand_on(object, partitions, Some(source), programs, slot, &[I::mov(R1, R6)])?;
    code.extend(conclude(&hand_on, pass));
    RawProgram::load("capture_filter", kind, &code)
}

/// In front of what is dropped: its frame has been made already.
pub(super) fn of_drops(object: &Object, partitions: Partitions, filter: &Classic) -> Result<RawProgram, ProbeError> {
    load::set_program(object, load::PROGRAMS_DROP, SLOT_RECORDER, recorder(object, Hook::Drop)?)?;
    let mut code = vec![I::store(Size::Double, R10, SAVED_CONTEXT, R1)];
    code.extend(count_seen(object, partitions, 0)?);
    code.extend(frame(object, partitions)?);
    code.extend(body(filter, From::Memory)?);
    let context = [I::load(Size::Double, R1, R10, SAVED_CONTEXT)];
    let hand_on = hand_on(object, partitions, None, load::PROGRAMS_DROP, SLOT_RECORDER, &context)?;
    code.extend(conclude(&hand_on, 0));
    RawProgram::load("capture_filter", RawKind::TpBtf { tracepoint: load::TRACEPOINT }, &code)
}

fn body(filter: &Classic, from: From) -> Result<Vec<Instruction>, ProbeError> {
    let body = convert(filter, from).map_err(|error| ProbeError::Load {
        probe: "capture",
        reason: error.to_string(),
        advice: String::new(),
    })?;
    Ok(body.instructions)
}

/// `R0 = cpu`, of which the verifier knows the bound.
fn cpu(partitions: Partitions) -> [Instruction; 2] {
    [I::call(HELPER_CPU), I::alu32_imm(Operator::And, R0, mask(partitions.cpus))]
}

fn mask(power_of_two: u32) -> i32 {
    (power_of_two - 1).cast_signed()
}

fn area(object: &Object, name: &str, to: Register, offset: usize) -> Result<[Instruction; 2], ProbeError> {
    let offset = i32::try_from(offset).unwrap_or(i32::MAX);
    Ok(I::load_map_value(to, map(object, name)?.as_fd().as_raw_fd(), offset))
}

/// `counts[cpu][source].seen += 1`
fn count_seen(object: &Object, partitions: Partitions, source: Source) -> Result<Vec<Instruction>, ProbeError> {
    let each = size_of::<capture_count>();
    let partition = (each as u32 * partitions.sources).ilog2().cast_signed();
    let mut code = cpu(partitions).to_vec();
    code.push(I::alu64_imm(Operator::ShiftLeft, R0, partition));
    code.extend(area(object, "counts", R1, usize::from(source) * each + offset_of!(capture_count, seen))?);
    code.extend([
        I::alu64(Operator::Add, R1, R0),
        I::load(Size::Double, R2, R1, 0),
        I::alu64_imm(Operator::Add, R2, 1),
        I::store(Size::Double, R1, 0, R2),
    ]);
    Ok(code)
}

/// `R6`: the frame's octets, `R7`: how many, `R8`: the packet's length.
fn frame(object: &Object, partitions: Partitions) -> Result<Vec<Instruction>, ProbeError> {
    let octets = offset_of!(capture_frame, octets);
    let back = |field: usize| i16::try_from(field.cast_signed() - octets.cast_signed()).unwrap_or(i16::MIN);
    let mut code = cpu(partitions).to_vec();
    code.push(I::alu64_imm(Operator::Multiply, R0, size_of::<capture_frame>() as i32));
    code.extend(area(object, "frames", R6, octets)?);
    code.extend([
        I::alu64(Operator::Add, R6, R0),
        I::load(Size::Word, R7, R6, back(offset_of!(capture_record, captured))),
        I::load(Size::Word, R8, R6, back(offset_of!(capture_record, length))),
        // So the verifier knows the bound; there are never more.
        I::jump_if_imm(When::LessOrEqual, R7, netrig_filter::MEMORY_OCTETS as i32, 2),
        I::mov_imm(R0, 0),
        I::exit(),
    ]);
    Ok(code)
}

/// Tells whose packet it is and goes on with the recorder.
fn hand_on(
    object: &Object,
    partitions: Partitions,
    source: Option<Source>,
    programs: &str,
    slot: u32,
    context: &[Instruction],
) -> Result<Vec<Instruction>, ProbeError> {
    let mut code = Vec::new();
    if let Some(source) = source {
        code.extend(cpu(partitions));
        code.push(I::alu64_imm(Operator::ShiftLeft, R0, size_of::<capture_cpu>().ilog2().cast_signed()));
        code.extend(area(object, "cpus", R1, offset_of!(capture_cpu, source))?);
        code.push(I::alu64(Operator::Add, R1, R0));
        code.push(I::store_imm(Size::Double, R1, 0, source.into()));
    }
    code.extend(context);
    code.extend(I::load_map(R2, map(object, programs)?.as_fd().as_raw_fd()));
    code.extend([I::mov_imm(R3, slot.cast_signed()), I::call(HELPER_TAIL_CALL)]);
    Ok(code)
}

/// What the filter takes is handed on; the rest, and what the kernel would not hand on, passes.
fn conclude(hand_on: &[Instruction], pass: i32) -> Vec<Instruction> {
    let over = i16::try_from(hand_on.len()).unwrap_or(i16::MAX);
    let mut code = vec![I::jump_if_imm(When::Equal, R0, 0, over)];
    code.extend(hand_on);
    code.extend([I::mov_imm(R0, pass), I::exit()]);
    code
}
