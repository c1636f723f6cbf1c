//! A million prefixes from a text file into the kernel, and policies swapped under traffic.

use super::cases;
use super::contenders::{NETRIG, PolicyContenders};
use super::frame;
use super::live::{CPU, LIVE_FRAMES, Pair};
use super::sources::Listed;
use crate::report::Figure;
use crate::rounds::{Contenders, Samples};
use crate::sys;
use anyhow::{Context, Result, anyhow};
use netrig_probes::policy::PolicyProbe;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Seconds from the file to a policy in force, at most.
pub(crate) const SECONDS_MAX: f64 = 2.0;
const PACKETS_OF_A_BURST: u32 = 1 << 16;
/// The CPU that swaps.
const SWAP_CPU: usize = 1;

/// How long it takes until a policy of a million prefixes is in force.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadingResult {
    pub(crate) prefixes: usize,
    pub(crate) file_bytes: usize,
    pub(crate) read_ms: Figure,
    pub(crate) compile_ms: Figure,
    pub(crate) put_ms: Figure,
    pub(crate) in_all_ms: Figure,
    pub(crate) error_ms: f64,
}

/// What packets saw of swaps.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SwapResult {
    pub(crate) swaps: u32,
    pub(crate) put_ms: Figure,
    /// Packets of sources that every one of the policies drops, and of such that none does, in turns.
    pub(crate) sent: u64,
    pub(crate) seen: u64,
    pub(crate) dropped: u64,
    /// Packets that met no policy, or another verdict than the one that all policies have for them.
    pub(crate) wrong: u64,
}

pub(crate) fn measure(listed: &Listed, rounds: usize) -> Result<LoadingResult> {
    let folder = std::env::temp_dir().join(format!("netrig-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("list.txt");
    let text = listed.text();
    std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    let policy = format!(
        "[management]\nauto = false\n[[set]]\nname = \"list\"\nfile = {:?}\n[[rule]]\nid = \"list\"\nmatch = {{ src = \"@list\" }}\naction = \"drop\"\n",
        file.display()
    );
    let mut probe = PolicyProbe::load(1)?;
    let mut samples = [const { Vec::new() }; 4];
    for _ in 0..rounds.clamp(3, 11) {
        for (samples, ms) in samples.iter_mut().zip(load(&policy, &mut probe)?) {
            samples.push(ms);
        }
    }
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    let [read, compile, put, all] = samples.map(|figures| {
        let mut samples = Samples::default();
        figures.into_iter().for_each(|figure| samples.push(figure));
        samples
    });
    Ok(LoadingResult {
        prefixes: listed.prefixes.len(),
        file_bytes: text.len(),
        read_ms: Figure::of(&read),
        compile_ms: Figure::of(&compile),
        put_ms: Figure::of(&put),
        error_ms: all.error_of_median(),
        in_all_ms: Figure::of(&all),
    })
}

/// Milliseconds: reading, compiling, putting in force, all of it.
fn load(policy: &str, probe: &mut PolicyProbe) -> Result<[f64; 4]> {
    let begun = Instant::now();
    let read = netrig_policy::read(policy, "policy.toml", &mut |path: &str| std::fs::read(path))?;
    let read_at = begun.elapsed();
    let compiled = netrig_policy::compile(&read.policy, &cases::world())?;
    let compiled_at = begun.elapsed();
    probe.put(&compiled.tables, None)?;
    let put_at = begun.elapsed();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    Ok([ms(read_at), ms(compiled_at - read_at), ms(put_at - compiled_at), ms(put_at)])
}

/// Packets come all the time while two policies take turns, which agree about those that come.
pub(crate) fn swap(listed: &Listed, rounds: usize, pair: Pair) -> Result<SwapResult> {
    let mut contenders = PolicyContenders::load(&Listed::new(1, false, true), pair.receiver, pair.sender)?;
    let mut sources = listed.sequence(super::Draw::All, true);
    let clean = listed.sequence(super::Draw::All, false);
    sources.iter_mut().zip(clean).skip(1).step_by(2).for_each(|(source, clean)| *source = clean);
    contenders.set_sources(&sources, false)?;
    // Another policy, not the same again: half of the other list is in none of the packets.
    let policies = [cases::counting(&listed.set), cases::counting(&listed.with_more())];
    contenders.put(&policies[0])?;
    contenders.attach(NETRIG)?;
    let before = contenders.counted();
    let swaps = rounds.clamp(3, 20) as u32;
    let ends = AtomicBool::new(false);
    let program = contenders.program("policy_send4")?.try_clone_to_owned()?;
    let (sent, put_ms) = std::thread::scope(|scope| -> Result<_> {
        let sending = scope.spawn(|| -> Result<u64> {
            use std::os::fd::AsFd;
            sys::pin_to(CPU)?;
            let frame = frame(false, sources[0]);
            let mut sent = 0;
            while !ends.load(Ordering::Relaxed) {
                sys::test_run(program.as_fd(), &frame, PACKETS_OF_A_BURST, LIVE_FRAMES)?;
                sent += u64::from(PACKETS_OF_A_BURST);
            }
            Ok(sent)
        });
        let put_ms = put_in_turns(&mut contenders, &policies, swaps);
        ends.store(true, Ordering::Relaxed);
        let sent = sending.join().map_err(|_| anyhow!("the sending thread panicked"))??;
        Ok((sent, put_ms?))
    })?;
    let after = contenders.counted();
    let (seen, dropped) = (after.0 - before.0, after.1 - before.1);
    Ok(SwapResult {
        swaps,
        put_ms: Figure::of(&put_ms),
        sent,
        seen,
        dropped,
        wrong: sent.abs_diff(seen) + (sent / 2).abs_diff(dropped),
    })
}

fn put_in_turns(
    contenders: &mut PolicyContenders,
    policies: &[netrig_policy::Policy; 2],
    swaps: u32,
) -> Result<Samples> {
    sys::pin_to(SWAP_CPU)?;
    let mut samples = Samples::default();
    for (_, policy) in (0..swaps).zip(policies.iter().cycle().skip(1)) {
        let compiled = netrig_policy::compile(policy, &cases::world())?;
        let begun = Instant::now();
        contenders.probe.put(&compiled.tables, None)?;
        samples.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(samples)
}
