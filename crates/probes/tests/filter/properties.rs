//! Programs and expressions that nobody wrote, on packets that nobody sent.

use crate::machines::{Converted, KernelClassic};
use crate::packets::{SHORTEST, real, shapes};
use crate::vlan::{TAGS, behind_a_tag, with_tag};
use netrig_filter::{Classic, ClassicInstruction, Link, compile};
use netrig_testkit::require_root;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const PROGRAMS: u32 = 250;
const REPETITIONS: u32 = 400;
const EXPRESSIONS: u32 = 150;
/// What a test run has of a packet in its first buffer ends about here.
const FIRST_BUFFER: u32 = 3520;

/// Where a load may be.
fn offset() -> impl Strategy<Value = u32> {
    prop_oneof![
        12 => 0..40u32,
        4 => 30..80u32,
        1 => 100..300u32,
        1 => FIRST_BUFFER - 8..FIRST_BUFFER + 8,
        1 => prop_oneof![Just(32_766), Just(32_767), Just(65_535), Just(0x7fff_ffff), Just(0xffdf_ffff)],
    ]
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..64u32, 2 => 0..0x1_0000u32, 1 => any::<u32>(), 1 => Just(u32::MAX), 1 => Just(1 << 31)]
}

/// One instruction; jumps are cut to what lies ahead.
fn instruction() -> impl Strategy<Value = ClassicInstruction> {
    let made = |code: u16, k: u32| ClassicInstruction { code, jt: 0, jf: 0, k };
    let by_k = prop::sample::select(vec![0x04u16, 0x14, 0x24, 0x44, 0x54, 0xa4]);
    let by_x = prop::sample::select(vec![0x0cu16, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x9c, 0xac]);
    let jumps = prop::sample::select(vec![0x15u16, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d]);
    prop_oneof![
        6 => (prop::sample::select(vec![0x20u16, 0x28, 0x30]), offset()).prop_map(move |(code, k)| made(code, k)),
        5 => (prop::sample::select(vec![0x40u16, 0x48, 0x50]), offset()).prop_map(move |(code, k)| made(code, k)),
        2 => offset().prop_map(move |k| made(0xb1, k)),
        1 => number().prop_map(move |k| made(0, k)),
        2 => number().prop_map(move |k| made(1, k)),
        1 => prop::sample::select(vec![0x80u16, 0x81]).prop_map(move |code| made(code, 0)),
        2 => (prop::sample::select(vec![0x60u16, 0x61, 2, 3]), 0..16u32).prop_map(move |(code, k)| made(code, k)),
        2 => (by_k, number()).prop_map(move |(code, k)| made(code, k)),
        1 => (prop::sample::select(vec![0x34u16, 0x94]), 1..u32::MAX).prop_map(move |(code, k)| made(code, k)),
        1 => (prop::sample::select(vec![0x64u16, 0x74]), 0..32u32).prop_map(move |(code, k)| made(code, k)),
        2 => by_x.prop_map(move |code| made(code, 0)),
        2 => prop::sample::select(vec![0x84u16, 0x07, 0x87]).prop_map(move |code| made(code, 0)),
        5 => (jumps, any::<u8>(), any::<u8>(), number())
            .prop_map(|(code, jt, jf, k)| ClassicInstruction { code, jt, jf, k }),
        1 => (0..5u32).prop_map(move |k| made(0x05, k)),
        1 => (prop::sample::select(vec![0x06u16, 0x16]), number()).prop_map(move |(code, k)| made(code, k)),
    ]
}

/// Much the same again and again, so that much of it need not be done: few octets, few constants, and rows of comparisons.
fn repetition() -> impl Strategy<Value = ClassicInstruction> {
    let made = |code: u16, k: u32| ClassicInstruction { code, jt: 0, jf: 0, k };
    prop_oneof![
        8 => (0..4u32).prop_map(move |word| made(0x20, 16 + word * 4)),
        2 => (0..4u32).prop_map(move |half| made(0x28, 16 + half * 4)),
        9 => (any::<bool>(), any::<bool>(), 0..3u32).prop_map(|(is_far, is_next, k)| ClassicInstruction {
            code: 0x15,
            jt: if is_next { 0 } else { u8::MAX },
            jf: if is_far { u8::MAX } else { u8::from(is_next) },
            k,
        }),
        2 => (prop::sample::select(vec![0x15u16, 0x45]), any::<u8>(), any::<u8>(), 0..3u32)
            .prop_map(|(code, jt, jf, k)| ClassicInstruction { code, jt, jf, k }),
        1 => prop::sample::select(vec![0x07u16, 0x87]).prop_map(move |code| made(code, 0)),
        1 => (prop::sample::select(vec![0x54u16, 0x44, 0x04]), 0..3u32).prop_map(move |(code, k)| made(code, k)),
        1 => Just(made(0x16, 0)),
    ]
}

fn repetitive() -> impl Strategy<Value = Classic> {
    (prop::collection::vec(repetition(), 2..50), any::<u8>())
        .prop_map(|(instructions, near)| finish(instructions, 1 + usize::from(near % 12)))
}

/// Words that are constants of such programs.
fn few() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(0..3u8, 8), SHORTEST..40usize).prop_map(|(words, length)| {
        words.into_iter().flat_map(|word| [0, 0, 0, word]).chain([0; 8]).take(length).collect()
    })
}

#[test]
fn what_need_not_be_done_again_makes_no_difference() {
    require_root!();
    let cases = (repetitive(), prop::collection::vec(few(), 12));
    let run = runner(REPETITIONS).run(&cases, |(classic, packets)| {
        judged_alike(&classic, &packets);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

/// Jumps are cut to what lies ahead, and to `near`; in the end A is returned.
fn finish(mut instructions: Vec<ClassicInstruction>, near: usize) -> Classic {
    instructions.push(ClassicInstruction { code: 0x16, jt: 0, jf: 0, k: 0 });
    let count = instructions.len();
    for (at, instruction) in instructions.iter_mut().enumerate() {
        let ahead = count - at - 1;
        if instruction.code == 0x05 {
            instruction.k %= ahead as u32;
        } else if instruction.code & 7 == 5 {
            let near = ahead.min(near) as u8;
            (instruction.jt, instruction.jf) = (instruction.jt % near, instruction.jf % near);
        }
    }
    Classic::new(instructions).expect("a program")
}

fn program() -> impl Strategy<Value = Classic> {
    (prop::collection::vec(instruction(), 1..40), any::<bool>()).prop_map(|(mut instructions, is_written)| {
        if is_written {
            // All words of memory, without which the kernel takes no program that reads one.
            let keep = (0..16).map(|k| ClassicInstruction { code: 2, jt: 0, jf: 0, k });
            instructions.splice(0..0, keep);
        }
        finish(instructions, 6)
    })
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let octets = || prop_oneof![any::<u8>(), 0..16u8, Just(0)];
    prop_oneof![
        4 => prop::collection::vec(octets(), SHORTEST..40),
        3 => prop::collection::vec(octets(), 34..120),
        1 => (prop::collection::vec(octets(), 100), 3500..9000usize).prop_map(|(some, length)| {
            some.into_iter().cycle().take(length).collect()
        }),
    ]
}

/// Every machine, on every packet.
fn judged_alike(classic: &Classic, packets: &[Vec<u8>]) {
    let kernel = KernelClassic::new();
    let is_attached = kernel.attach(classic);
    let machines = [
        ("xdp", Converted::at_xdp(classic)),
        ("xdp in buffers", Converted::at_xdp_in_buffers(classic)),
        ("tcx", Converted::at_tcx(classic)),
    ];
    let memory = Converted::on_memory(classic);
    let tagged = behind_a_tag(classic, TAGS[0]);
    for data in packets {
        let length = data.len() as u32;
        let verdict = classic.judge(data, length);
        for (name, machine) in &machines {
            if let Some(told) = machine.run(data) {
                assert_eq!(told, verdict.value, "{name}: on {data:02x?}\n{classic}");
            }
        }
        let captured = &data[..data.len().min(netrig_filter::MEMORY_OCTETS as usize)];
        assert_eq!(memory.run(data), Some(classic.run(captured, length)), "memory: on {data:02x?}\n{classic}");
        if let Some(told) = tagged.run(data) {
            let whole = with_tag(data, TAGS[0]);
            assert_eq!(told, classic.run(&whole, length + 4), "tagged: on {whole:02x?}\n{classic}");
        }
        if is_attached && !verdict.is_machine_dependent {
            assert_eq!(kernel.run(data), verdict.value.min(length), "classic: on {data:02x?}\n{classic}");
        }
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() })
}

#[test]
fn programs_that_nobody_wrote_are_judged_alike() {
    require_root!();
    let cases = (program(), prop::collection::vec(packet(), 8));
    let run = runner(PROGRAMS).run(&cases, |(classic, packets)| {
        judged_alike(&classic, &packets);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

/// A term of the language.
fn term() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "ip",
        "ip6",
        "arp",
        "tcp",
        "udp",
        "icmp",
        "icmp6",
        "vlan",
        "mpls",
        "multicast",
        "ether multicast",
        "ip multicast",
        "pppoes",
        "geneve",
        "broadcast",
        "greater 100",
        "less 60",
        "sctp",
        "llc",
    ]);
    let side = || prop::sample::select(vec!["", "src ", "dst "]);
    let relation = || prop::sample::select(vec!["=", "!=", ">", "<", ">=", "<="]);
    let base = || prop::sample::select(vec!["ether", "ip", "ip6", "tcp", "udp", "icmp"]);
    let value = move || {
        let octets = (base(), 0..40u32, prop::sample::select(vec!["", ":2", ":4"]));
        octets.prop_map(|(base, at, size)| format!("{base}[{at}{size}]"))
    };
    let operator = prop::sample::select(vec!["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
    prop_oneof![
        4 => word.prop_map(str::to_owned),
        2 => (side(), any::<[u8; 4]>()).prop_map(|(s, [a, b, c, d])| format!("{s}host {a}.{b}.{c}.{d}")),
        2 => (side(), any::<u8>(), 1..9u32).prop_map(|(s, a, bits)| {
            format!("{s}net {}.0.0.0/{bits}", u32::from(a) & (0xff00 >> bits) & 0xff)
        }),
        2 => (side(), any::<u16>()).prop_map(|(s, port)| format!("{s}port {port}")),
        1 => (side(), any::<[u16; 2]>()).prop_map(|(s, [a, b])| format!("{s}portrange {a}-{b}")),
        1 => (side(), any::<[u16; 3]>()).prop_map(|(s, [a, b, c])| format!("{s}host {a:x}:{b:x}::{c:x}")),
        3 => (value(), relation(), number()).prop_map(|(v, r, n)| format!("{v} {r} {n}")),
        2 => (value(), operator, value(), relation(), number())
            .prop_map(|(a, o, b, r, n)| format!("{a} {o} {b} {r} {n}")),
        1 => (base(), value(), 0..64u32, relation(), number())
            .prop_map(|(base, v, mask, r, n)| format!("{base}[{v} & {mask}] {r} {n}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    term().prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" or "))),
            inner.prop_map(|term| format!("not {term}")),
        ]
    })
}

#[test]
fn expressions_that_nobody_wrote_are_judged_alike() {
    require_root!();
    let packets = real();
    let shapes: Vec<Vec<u8>> = shapes(&packets, 60).iter().map(|packet| packet.data.clone()).collect();
    let compiled = std::cell::Cell::new(0);
    let cases = (expression(), prop::collection::vec(packet(), 4));
    let run = runner(EXPRESSIONS).run(&cases, |(expression, packets)| {
        let Ok(classic) = compile(&expression, Link::Ethernet) else { return Ok(()) };
        compiled.set(compiled.get() + 1);
        judged_alike(&classic, &packets);
        judged_alike(&classic, &shapes);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    println!("{} of {EXPRESSIONS} compiled", compiled.get());
    assert!(compiled.get() * 2 > EXPRESSIONS, "{}", compiled.get());
}
