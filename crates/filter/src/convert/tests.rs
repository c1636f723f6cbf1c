//! What holds of every body, without a kernel.

use super::{STACK_OCTETS, Source, convert};
use crate::{Classic, ClassicInstruction, INSTRUCTIONS_MAX, Instruction, Link, compile};

const SOURCES: [Source; 3] = [Source::Xdp, Source::Skb, Source::Memory];
const FRAME: u8 = 10;
const EXIT: u8 = 0x95;

fn program(instructions: &[(u16, u32)]) -> Classic {
    let instructions = instructions.iter().map(|&(code, k)| ClassicInstruction { code, jt: 0, jf: 0, k });
    Classic::new(instructions.collect()).expect("a program")
}

fn body(expression: &str, source: Source) -> Vec<Instruction> {
    let classic = compile(expression, Link::Ethernet).expect("it compiles");
    convert(&classic, source).expect("it is converted").instructions
}

#[test]
fn a_body_ends_by_its_end_and_keeps_to_its_stack() {
    for source in SOURCES {
        for expression in
            ["", "ip", "len > 7", "tcp[tcp[12] >> 2] = 7", "ether[13:4] + ether[11:4] = ether[0:4]", "host ::1"]
        {
            let body = body(expression, source);
            for (at, instruction) in body.iter().enumerate() {
                assert_ne!(instruction.code, EXIT, "`{expression}`");
                let class = instruction.code & 7;
                let (dst, src) = (instruction.registers & 15, instruction.registers >> 4);
                let is_on_stack = (class == 2 || class == 3) && dst == FRAME || class == 1 && src == FRAME;
                assert!(
                    !is_on_stack || (-STACK_OCTETS..0).contains(&instruction.offset),
                    "`{expression}`: {instruction:?}"
                );
                // The context is left where it was.
                assert!(
                    dst != 6 || class == 2 || class == 3 || class == 5 || class == 6,
                    "`{expression}`: {instruction:?}"
                );
                if (class == 5 || class == 6) && instruction.code != 0x85 {
                    let target = at as i64 + 1 + i64::from(instruction.offset);
                    assert!((0..=body.len() as i64).contains(&target), "`{expression}`: {instruction:?}");
                }
            }
        }
    }
}

#[test]
fn what_takes_everything_costs_nothing() {
    for source in SOURCES {
        assert!(body("", source).len() <= 5, "{:?}", body("", source));
    }
}

#[test]
fn a_row_of_ports_is_searched_and_the_end_looked_at_once() {
    let ports = (1..=64).map(|n| format!("tcp dst port {n}")).collect::<Vec<_>>().join(" or ");
    let classic = compile(&ports, Link::Ethernet).expect("it compiles");
    let whole = convert(&classic, Source::Memory).expect("it is converted").instructions;
    // Each constant once for each of two families, and what halves them.
    assert!(whole.len() < classic.instructions().len() * 2 + 64, "{} {}", whole.len(), classic.instructions().len());
    let four = program(&[(0x20, 26), (0x20, 30), (0x20, 34), (0x30, 60), (0x16, 0)]);
    let looks = |i: &&Instruction| i.code == 0x2d;
    let body = convert(&four, Source::Xdp).expect("it is converted").instructions;
    assert_eq!(body.iter().filter(looks).count(), 1, "{body:?}");
}

#[test]
fn what_jumps_do_not_reach_over_is_refused_by_its_size() {
    let mut instructions = vec![(0x50, 7); INSTRUCTIONS_MAX - 1];
    instructions.push((0x16, 0));
    let error = convert(&program(&instructions), Source::Skb).expect_err("it is too large").to_string();
    assert!(error.contains("too large") && error.contains("fewer terms"), "{error}");
    assert!(convert(&program(&instructions[INSTRUCTIONS_MAX - 500..]), Source::Skb).is_ok());
}
