//! The sentences of the page.

use super::super::Measured;
use super::super::loads::Kind;
use std::fmt::Write as _;

pub(super) const HEAD: &str = "\
# What netrig costs

Written by `./dev overhead`, which measures and writes this page, and `./dev stress`, which writes the section *Under stress*; nothing in it is
written by hand. Real binaries take turns at the same
traffic: nothing at all, a program that does nothing, netrig as it comes, with everything on and with flows alone, and what people use
today: tcpdump, softflowd and pmacctd, as Debian has them.

";

pub(super) const QUICK: &str = "\
**This was a run in a hurry (`--quick`): one short round or few of them. Its figures are noise as much as anything.**

";

pub(super) const BUSY: &str = "
**The machine was busy with other things, so these figures are theirs as much as anybody's.** Measure again when it is at rest.
";

pub(super) const BARS: &str = "
## The bars

Medians over rounds, ± the standard error of the median. *Off beside off* is the same figure with nothing attached in both turns of a round:
what noise alone makes. A bar that is nearer than twice the error, or than noise alone makes, is *unsure*, whichever side the median is on, and so
is all of fewer than three rounds.

";

pub(super) const END: &str = "
## The same on your machine

```text
./dev overhead                   half an hour; writes this page
./dev overhead --quick           a few minutes, one round of each; writes target/bench/overhead.md
./dev overhead --only bulk       one load; writes target/bench/overhead.md
./dev overhead --json FILE       the raw figures of every turn as well
```

It needs root, makes two network namespaces of its own and removes them; a run that is stopped leaves nothing behind that the next one
does not remove. Have the machine do nothing else meanwhile.
";

/// How it was done.
pub(super) fn method(measured: &Measured) -> String {
    let mut text = METHOD.to_owned();
    let _ = writeln!(text, "\n| loads | rounds | seconds of a turn |\n|---|---|---|");
    for group in &measured.groups {
        let _ = writeln!(text, "| {} | {} | {:.1} |", group.name(), group.rounds, group.turn.as_secs_f64());
    }
    text
}

const METHOD: &str = "
## How it was measured

Two network namespaces are joined by a veth pair with GRO, so that each end has one queue, and packets stay in order, as with a network card (what
two CPUs send at once is else taken for loss). Clients are in one; servers, and whoever has its turn, in the other. In each round
everyone has a turn under each load: it is started, waited for until it sees packets, left alone for a moment, measured, and ended. Every
second round goes backwards. *Kept*, *times off* and *beyond off* compare turns of the same round; tables tell the median of the rounds
and, in brackets, the least and the most.

- *Machine busy* is `/proc/stat`: all CPUs, interrupts included, without what a hypervisor took, at a resolution of one tick. Under requests
  that are sent when they are due, which fall between ticks or on each, it is what threads that come after everybody else did not get: one
  on each CPU looks at the clock all the time, and between two looks that follow on each other nobody else had the CPU.
- *Its process* is CPU time of all its threads, and of the processes it started, by the scheduler's own clock.
- *Its kernel programs* is the kernel's run-time statistics of BPF programs, in one turn more, as they cost time themselves; what they
  say includes a part of their own clock. What others do in the kernel (packet sockets) is in *machine busy* alone.
- Clients run on the first CPU and servers on the last; whoever is measured runs where the scheduler puts it. Nobody has priority but
  the flood's sender.
- CPUs that wait are kept awake, under loads that fill one, by a request for no latency at `/dev/cpu_dma_latency`: a virtual CPU is else given
  back to the hypervisor, and brought back by way of it, for longer than a packet takes. How often that happens depends on who wakes
  whom; it made bulk TCP half as fast again where tcpdump kept the CPUs busy. What is measured so is work. Under requests the threads above
  keep the CPUs awake; at rest CPUs sleep as they would.
- netrig's probes of sockets see all namespaces. Both ends of every connection are on this machine, so they have twice the work that a
  host with one end has.

| | is |
|---|---|
| off; off, again | nothing attached, twice a round |
| empty program | a program that does nothing, on the watched interface's tcx ingress |
| netrig, default | `netrig run` with the interface named, and nothing else set |
| netrig, default, settled | the same after twenty seconds under the load: its governor has turned down by then what `[rig] cpu` (1 % of the machine) has no room for |
| netrig, flows alone | every other probe, the flight recorder and policies switched off |
| netrig, everything on | tunnels, every read, every message timed, paths of requests, examples of all drops, the recorder with 480 octets of each packet; `[rig] cpu = \"100%\"`, so that nothing is turned down |
| tcpdump -w /dev/null | whole packets, thrown away |
| tcpdump -s 128 -w FILE | 128 octets of each packet, into a file |
| softflowd | NetFlow 9 to a port where nobody reads |
| pmacctd | flows by five fields, to a file every ten seconds |
";

/// A load's heading.
pub(super) fn title(load: Kind) -> &'static str {
    match load {
        Kind::Rest => "At rest",
        Kind::Bulk => "Bulk TCP",
        Kind::FloodForwarded => "A flood of small packets, forwarded",
        Kind::FloodRefused => "A flood of small packets, thrown away",
        Kind::Opaque => "10,000 requests a second, opaque",
        Kind::Http => "10,000 requests a second, HTTP in the clear",
        Kind::Connections => "New connections",
    }
}

/// What it is.
pub(super) fn about(load: Kind) -> &'static str {
    match load {
        Kind::Rest => {
            "Nothing is sent, and netrig started half a minute ago: what it looks at it looks at more rarely by then."
        }
        Kind::Bulk => {
            "One connection of iperf3, client and server each on its CPU, under reno and with socket buffers of 1 MiB: what else ends a window's \
             growth (cubic's reaction to delays, a receiver's queue that runs over) comes by chance, and a turn has then the half or the \
             whole of what there is room for."
        }
        Kind::FloodForwarded => {
            "UDP packets of 60 octets, of 10,000 flows, sent as live frames by the other end of the wire and received on the same CPU, \
             then routed to a device that gives them back unsent. The rate is packets a second of that CPU's time: what the whole path keeps."
        }
        Kind::FloodRefused => {
            "The same packets, addressed to another host: IP throws each of them away, which is a dropped packet, and netrig's default counts \
             dropped packets by reason."
        }
        Kind::Opaque => {
            "Requests and answers of 200 octets that mean nothing to anybody, as encrypted ones do, on eight connections in turn, each \
             sent when it is due. Latency counts from then."
        }
        Kind::Http => {
            "The same with requests and answers of HTTP/1.1 in the clear, each of which netrig's default reads and tells."
        }
        Kind::Connections => {
            "Opened, accepted and closed by both ends, with no octet sent, by four threads of clients for two CPUs (two for each CPU): as many as \
             there is room for."
        }
    }
}
