//! What a packet costs, beside an empty program and the textbook.

mod account;
mod cases;
mod object;
mod packet;
mod rounds;
mod sys;

use account::Books;
use anyhow::Result;
use cases::{CASES, Case, Draw, IPV6_FACTOR};
use clap::Parser;
use object::{Loaded, Sizes};
use rounds::Samples;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a packet costs, beside an empty program and the textbook.
#[derive(Parser)]
struct Options {
    /// Fewer rounds: a minute instead of ten
    #[arg(long)]
    quick: bool,
    /// Rounds of each case
    #[arg(long)]
    rounds: Option<usize>,
    /// Packets of a round
    #[arg(long, default_value_t = 1 << 20)]
    packets: u32,
    /// Only cases whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Address families: 4, 6 or 46
    #[arg(long, default_value = "46")]
    family: String,
    /// CPUs at once: 1, 2 or 12
    #[arg(long, default_value = "12")]
    cpus: String,
    /// IPv4 slots of one CPU
    #[arg(long, default_value_t = 65_536)]
    slots: u32,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let rounds = options.rounds.unwrap_or(if options.quick { 3 } else { 11 });
    println!(
        "{:<6}{:<20}{:>5}{:>8}{:>10}{:>16}{:>9}{:>16}{:>8}{:>6}  ledger",
        "family", "case", "cpus", "empty", "textbook", "min–max", "netrig", "min–max", "ratio", "bar"
    );
    for is_ipv6 in [false, true] {
        if !options.family.contains(if is_ipv6 { '6' } else { '4' }) {
            continue;
        }
        for case in CASES.iter().filter(|c| options.only.as_ref().is_none_or(|o| c.name.contains(o.as_str()))) {
            for cpus in [1, 2] {
                if options.cpus.contains(if cpus == 1 { '1' } else { '2' }) {
                    measure(&options, case, is_ipv6, cpus, rounds)?;
                }
            }
        }
    }
    Ok(())
}

fn measure(options: &Options, case: &Case, is_ipv6: bool, cpus: usize, rounds: usize) -> Result<()> {
    let sizes = Sizes {
        cpus: 2,
        slots4: options.slots,
        slots6: options.slots,
        outbox4: options.slots / 2,
        outbox6: options.slots / 2,
        textbook: case.flows * 2 + 64,
    };
    let loaded = Loaded::new(sizes, 0)?;
    loaded.set_sequence(&case.sequence(), case.draw == Draw::AllNew)?;
    let books = Books::of(&loaded)?;
    let packet = packet::udp(is_ipv6);
    let family = if is_ipv6 { 6 } else { 4 };
    let programs = ["empty", "textbook", "netrig"]
        .map(|what| loaded.program(&format!("bench_{what}{family}")))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let stop = AtomicBool::new(false);
    let mut samples = [Samples::default(), Samples::default(), Samples::default()];
    std::thread::scope(|scope| -> Result<()> {
        scope.spawn(|| {
            let _ = sys::pin_to(1);
            books.drain(&stop);
        });
        for round in 0..=rounds {
            for (program, samples) in programs.iter().zip(&mut samples) {
                let ns = rounds::run(*program, &packet, options.packets, cpus)?;
                if round > 0 {
                    samples.push(ns);
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        Ok(())
    })?;
    let [empty, textbook, netrig] = samples;
    let (textbook, netrig) = (textbook.beyond(&empty), netrig.beyond(&empty));
    let account = books.account();
    let ran = (rounds as u64 + 1) * u64::from(options.packets) * cpus as u64;
    let bar = case.ratio_max * if is_ipv6 { IPV6_FACTOR } else { 1.0 };
    println!(
        "{:<6}{:<20}{:>5}{:>8.1}{:>10.1}{:>16}{:>9.1}{:>16}{:>8.3}{:>6.2}  {} imbalance {}{}, {} evictions, {} overflow",
        if is_ipv6 { "ipv6" } else { "ipv4" },
        case.name,
        cpus,
        empty.median(),
        textbook.median(),
        format!("{:.0}–{:.0}", textbook.min(), textbook.max()),
        netrig.median(),
        format!("{:.1}–{:.1}", netrig.min(), netrig.max()),
        netrig.median() / textbook.median(),
        bar,
        if netrig.median() <= bar * textbook.median() { "ok" } else { "OVER" },
        account.imbalance(),
        if account.seen == ran { "" } else { " (and packets not seen!)" },
        account.evictions,
        account.overflow,
    );
    Ok(())
}
