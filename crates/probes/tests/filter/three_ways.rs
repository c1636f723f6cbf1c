//! Many expressions on real packets, cut ones and changed ones.

use crate::expressions::{EXPRESSIONS, REFUSED};
use crate::machines::{Converted, KernelClassic};
use crate::packets::{Packet, Random, SHORTEST, file, real, shapes, spoilt};
use netrig_filter::{Classic, Link, compile};
use netrig_testkit::{report_skipped, require_root};
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

/// Of real packets, for each expression; what they were made of goes to all of them.
const SHAPES: usize = 120;
/// Longer programs may be more than a socket has memory for.
const SURE_OF_A_PLACE: usize = 400;

#[test]
fn every_machine_judges_every_packet_as_the_interpreter_does() {
    require_root!();
    let packets = real();
    let shapes = shapes(&packets, SHAPES);
    println!("{} expressions, {} packets, {} shapes", EXPRESSIONS.len(), packets.len(), shapes.len());
    // One of two CPUs each.
    let halves = EXPRESSIONS.split_at(EXPRESSIONS.len() / 2);
    let counted = thread::scope(|scope| {
        let run = |half: &'static [&'static str]| {
            let shapes = &shapes;
            scope.spawn(move || half.iter().map(|expression| on_all_machines(expression, shapes)).sum::<usize>())
        };
        let (one, other) = (run(halves.0), run(halves.1));
        one.join().expect("one half") + other.join().expect("the other")
    });
    println!("{counted} verdicts compared");
    assert!(counted > 100_000, "{counted}");
}

fn on_all_machines(expression: &str, packets: &[&Packet]) -> usize {
    let classic = compile(expression, Link::Ethernet).unwrap_or_else(|error| panic!("{error}"));
    let kernel = KernelClassic::new();
    let is_attached = kernel.attach(&classic);
    assert!(is_attached || classic.instructions().len() > SURE_OF_A_PLACE, "`{expression}`\n{classic}");
    let machines = [
        ("xdp", Converted::at_xdp_in_buffers(&classic)),
        ("tcx", Converted::at_tcx(&classic)),
        ("memory", Converted::on_memory(&classic)),
    ];
    // Single buffers are verified with the same instructions; that they load is what is to be seen.
    drop(Converted::at_xdp(&classic));
    let mut random = Random(expression.len() as u64 * 0x9e37_79b9 + 1);
    let mut counted = 0;
    for packet in packets {
        let [cut, changed] = spoilt(&packet.data, &mut random);
        for data in [&packet.data, &cut, &changed] {
            if data.len() < SHORTEST {
                continue;
            }
            let verdict = classic.judge(data, data.len() as u32);
            for (name, machine) in &machines {
                let Some(told) = machine.run(data) else { continue };
                counted += 1;
                assert_eq!(told, verdict.value, "{name}: `{expression}` on {data:02x?}\n{classic}");
            }
            if is_attached && !verdict.is_machine_dependent {
                let wanted = verdict.value.min(data.len() as u32);
                assert_eq!(kernel.run(data), wanted, "classic: `{expression}` on {data:02x?}\n{classic}");
                counted += 1;
            }
        }
    }
    counted
}

/// How many packets of a file tcpdump prints; none where it is not installed.
fn counted_by_tcpdump(file: &[u8], options: &[&str], expression: &str) -> Option<usize> {
    let mut command = Command::new("tcpdump");
    command
        .args(options)
        .args(["-r", "-", "--count", "--", expression])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    thread::scope(|scope| {
        // It may have ended for what it does not like.
        scope.spawn(move || stdin.write_all(file).is_ok());
        let output = child.wait_with_output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let words = String::from_utf8_lossy(&output.stderr);
        if words.contains("expression rejects all packets") {
            return Some(0);
        }
        let count = text.split_whitespace().next().and_then(|count| count.parse().ok());
        Some(count.unwrap_or_else(|| panic!("`{expression}`: {text}{words}")))
    })
}

#[test]
fn tcpdump_counts_as_many() {
    let packets = real();
    let file = file(&packets);
    if counted_by_tcpdump(&file, &[], "").is_none() {
        return report_skipped("tcpdump is not installed");
    }
    let wanted = |classic: &Classic| packets.iter().filter(|p| classic.run(&p.data, p.wire_length) > 0).count();
    let mut differing = Vec::new();
    let (mut matched, mut miscompiled) = (0, 0);
    for expression in EXPRESSIONS {
        let classic = compile(expression, Link::Ethernet).unwrap_or_else(|error| panic!("{error}"));
        let ours = wanted(&classic);
        matched += usize::from(ours > 0);
        let theirs = |options: &[&str]| {
            counted_by_tcpdump(&file, options, expression).unwrap_or_else(|| panic!("`{expression}`: no count"))
        };
        let optimised = theirs(&[]);
        if optimised == ours {
            continue;
        }
        // libpcap's optimiser is asked here whatever it makes of the expression.
        if theirs(&["-O"]) == ours {
            println!("`{expression}`: {ours}, by libpcap's optimiser {optimised}");
            miscompiled += 1;
        } else {
            differing.push(format!("`{expression}`: {ours}, tcpdump {optimised}"));
        }
    }
    println!("{} expressions, {matched} of them take some packet", EXPRESSIONS.len());
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(miscompiled < 4, "{miscompiled}");
    assert!(matched * 2 > EXPRESSIONS.len(), "{matched}");
}

#[test]
fn what_cannot_be_compiled_says_why() {
    for (expression, words) in REFUSED {
        let error = compile(expression, Link::Ethernet).expect_err(expression).to_string();
        assert!(error.contains(words), "`{expression}`: {error}");
        println!("{error}");
    }
}

#[test]
fn long_lists_are_taken_by_the_verifier_and_judged_alike() {
    require_root!();
    let list = |count: u32, term: &dyn Fn(u32) -> String| (1..=count).map(term).collect::<Vec<_>>().join(" or ");
    let lists = [
        list(250, &|n| format!("host 10.0.{}.{}", n / 200, n)),
        list(100, &|n| format!("host 2001:db8::{n:x}")),
        list(100, &|n| format!("host 2001:{n:x}::{n:x}")),
        list(150, &|n| format!("net 10.{n}.0.0/16")),
        list(150, &|n| format!("port {}", 400 + n)),
        list(60, &|n| format!("tcp[{n}] = {n}")),
        list(80, &|n| format!("(vlan {n} and tcp port {n})")),
        list(100, &|n| format!("udp[{}:2] = {n}", n * 3)),
    ];
    let packets = real();
    let shapes = shapes(&packets, 30);
    for expression in lists {
        let counted = on_all_machines(&expression, &shapes);
        println!("{}…: {counted} verdicts compared", &expression[..30]);
    }
}
