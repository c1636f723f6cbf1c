//! The writer's thread: a recording becomes a file.

use super::dump::{Dump, Story};
use super::owners::Ends;
use super::shared::Handle;
use super::{Interface, Interfaces, Settings};
use crate::control::Answer;
use anyhow::Context;
use netrig_capture as capture;
use netrig_capture::{Files, InterfaceNumber, Packet, Quota, Rotation, Section, Statistics, Zone, dump_path};
use netrig_drain::recorder::{Reach, Recorded};
use netrig_host::realtime_offset_ns;
use netrig_model::{Direction, DumpOutcome, Timestamp};
use netrig_probes::recorder::RecorderSizes;
use netrig_view::units;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

/// Of a VLAN tag: type and control information, where the addresses end.
const ADDRESSES_BYTES: usize = 12;
const TAG_BYTES: usize = 4;

/// What is to be written.
pub(super) struct Job {
    pub(super) dump: Dump,
    pub(super) settings: Settings,
    pub(super) interfaces: Interfaces,
    pub(super) sizes: RecorderSizes,
}

/// What was written.
struct Written {
    path: PathBuf,
    packets: u64,
    removed: u64,
}

/// Writes one after the other until nobody brings more.
pub(super) fn run(jobs: &Receiver<Job>, host: &str, shared: &Handle) {
    for job in jobs {
        let overwritten: u64 = job.dump.reaches.values().map(|reach| reach.overwritten).sum();
        let written = write(&job, host);
        let mut shared = shared.lock();
        shared.overwritten_packets += overwritten;
        let trigger = &job.dump.stories[0].trigger;
        let answer = match written {
            Ok(written) => {
                let path = written.path.display().to_string();
                tracing::info!(file = %path, packets = written.packets, trigger = %trigger, "The flight recorder has written a file.");
                shared.count(trigger, DumpOutcome::Written);
                shared.dumped_packets += written.packets;
                shared.files_removed += written.removed;
                shared.last_file = Some((path.clone(), crate::daemon::snapshot::now()));
                shared.failed = None;
                Answer::Dumped { file: path, packets: written.packets, overwritten }
            }
            Err(error) => {
                let why = format!("{error:#}");
                tracing::error!(error = %why, trigger = %trigger, "The flight recorder could not write its file.");
                shared.count(trigger, DumpOutcome::Failed);
                shared.failed = Some(why.clone());
                Answer::Refused { why, wrong: false }
            }
        };
        for waiter in job.dump.waiters {
            let _ = waiter.send(answer.clone());
        }
    }
}

fn write(job: &Job, host: &str) -> anyhow::Result<Written> {
    let Settings { dir, quota, .. } = &job.settings;
    let clock = Clock { lag_ns: realtime_offset_ns() };
    let first = &job.dump.stories[0];
    let mut folder = DirBuilder::new();
    folder.recursive(true).mode(0o700).create(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let at = clock.time(first.at_ns);
    // Room is made first: where the disk is full, old files are what it is full of.
    let before = Quota { files: quota.files.saturating_sub(1), ..*quota };
    let mut removed = keep(before, dir, None);
    let path = dump_path(dir, host, at, &first.trigger);
    let section = Section {
        hardware: Some(std::env::consts::ARCH.to_owned()),
        os: Some(format!("Linux {}", netrig_host::kernel_release())),
        application: Some(format!("netrig {}", env!("CARGO_PKG_VERSION"))),
        comment: Some(comment(job, host, clock)),
    };
    let files = Files::create(&path, Rotation::default(), section, at, Zone::utc())?;
    let mut file = DumpFile { files, job, clock, numbers: BTreeMap::new(), tagged: Vec::new() };
    file.packets()?;
    file.statistics()?;
    let (counts, _) = file.files.finish()?;
    removed += keep(*quota, dir, Some(&path));
    Ok(Written { path, packets: counts.written, removed })
}

/// How many files had to go. A folder that cannot be cleared is no reason not to write.
fn keep(quota: Quota, dir: &Path, current: Option<&Path>) -> u64 {
    match quota.keep(dir, current) {
        Ok(removed) => removed.len() as u64,
        Err(error) => {
            tracing::warn!(%error, "Old files of the flight recorder could not be removed.");
            0
        }
    }
}

/// From the monotonic clock to the time of day.
#[derive(Clone, Copy)]
struct Clock {
    lag_ns: i64,
}

impl Clock {
    fn time(self, monotonic_ns: u64) -> Timestamp {
        Timestamp(monotonic_ns.cast_signed()).plus_ns(self.lag_ns)
    }
}

/// The file while it is being written.
struct DumpFile<'a> {
    files: Files,
    job: &'a Job,
    clock: Clock,
    numbers: BTreeMap<(u32, Direction), InterfaceNumber>,
    /// A packet with its tag put back.
    tagged: Vec<u8>,
}

impl DumpFile<'_> {
    fn packets(&mut self) -> anyhow::Result<()> {
        let dump = &self.job.dump;
        for at in dump.in_order() {
            self.packet(&dump.recording.packets[at])?;
        }
        Ok(())
    }

    fn packet(&mut self, recorded: &Recorded) -> anyhow::Result<()> {
        let dump = &self.job.dump;
        let octets = dump.recording.octets(recorded);
        let direction = if recorded.is_egress { Direction::Egress } else { Direction::Ingress };
        let interface = self.number(recorded.ifindex, direction);
        let link = self.job.interfaces.get(&recorded.ifindex).map_or(capture::LinkType::Ethernet, |known| known.link);
        let owner = dump.owners.as_ref().and_then(|owners| owners.get(&Ends::of(octets, link)?));
        let owner = owner.and_then(|owner| {
            Some(capture::Owner {
                pid: owner.pid?,
                process: owner.process.as_deref().unwrap_or(""),
                container: owner.container.as_deref(),
            })
        });
        let mut original = recorded.len;
        let octets = match recorded.tag {
            Some(tag) if octets.len() >= ADDRESSES_BYTES => {
                original += TAG_BYTES as u32;
                put_tag_back(&mut self.tagged, octets, tag, recorded.is_service_tag);
                &self.tagged
            }
            _ => octets,
        };
        // One file, which does not rotate, is never finished.
        let _going = self.files.packet(&Packet {
            original,
            direction: Some(direction),
            queue: recorded.queue.map(u32::from),
            lost_before: recorded.left_out.into(),
            owner,
            ..Packet::whole(self.clock.time(recorded.time_ns), interface, octets)
        })?;
        Ok(())
    }

    fn number(&mut self, ifindex: u32, direction: Direction) -> InterfaceNumber {
        if let Some(number) = self.numbers.get(&(ifindex, direction)) {
            return *number;
        }
        let unknown = Interface::unknown(ifindex);
        let known = self.job.interfaces.get(&ifindex).unwrap_or(&unknown);
        let hook = known.hooks[direction.index()];
        let number = self.files.declare(capture::Interface {
            name: known.name.clone(),
            hook: format!("{hook}/{}", direction.as_str()),
            link: known.link,
            snaplen: self.job.sizes.snaplen,
            ..capture::Interface::default()
        });
        self.numbers.insert((ifindex, direction), number);
        number
    }

    /// What was overwritten is told once for each interface: of which direction it was nobody knows any more.
    fn statistics(&mut self) -> anyhow::Result<()> {
        let dump = &self.job.dump;
        let (start, end) = (self.clock.time(dump.since_ns), self.clock.time(dump.until_ns));
        for (ifindex, reach) in &dump.reaches {
            let ways = Direction::BOTH.into_iter().filter(|way| self.numbers.contains_key(&(*ifindex, *way)));
            let way = ways.into_iter().next().unwrap_or(Direction::Ingress);
            let number = self.number(*ifindex, way);
            let statistics = Statistics { start, end, dropped_by_us: Some(reach.overwritten), ..Statistics::default() };
            self.files.statistics(number, statistics)?;
        }
        Ok(())
    }
}

/// The driver had taken it out of the data.
fn put_tag_back(into: &mut Vec<u8>, octets: &[u8], tag: u16, is_service_tag: bool) {
    let kind: u16 = if is_service_tag { 0x88a8 } else { 0x8100 };
    into.clear();
    into.extend_from_slice(&octets[..ADDRESSES_BYTES]);
    into.extend_from_slice(&kind.to_be_bytes());
    into.extend_from_slice(&tag.to_be_bytes());
    into.extend_from_slice(&octets[ADDRESSES_BYTES..]);
}

/// The story of a file, for whoever opens it.
fn comment(job: &Job, host: &str, clock: Clock) -> String {
    let Job { dump, interfaces, sizes, .. } = job;
    let mut out = format!("Flight recorder of {host}.\n");
    for Story { trigger, at_ns, told } in &dump.stories {
        let _ = writeln!(out, "{trigger} at {}: {told}.", clock.time(*at_ns));
    }
    if dump.more_stories > 0 {
        let _ = writeln!(out, "{} more triggers fired meanwhile.", dump.more_stories);
    }
    let (since, until) = (clock.time(dump.since_ns), clock.time(dump.until_ns));
    let _ = writeln!(out, "Packets from {since} to {until}, {} octets of each at most.", sizes.snaplen);
    if let Some(full_ns) = dump.full_since_ns {
        let _ = writeln!(out, "From {} on there was no memory for more.", clock.time(full_ns));
    }
    for (ifindex, reach) in &dump.reaches {
        let name = interfaces.get(ifindex).map_or_else(|| format!("interface {ifindex}"), |known| known.name.clone());
        let _ = writeln!(out, "{name}: {}", whole(reach, clock));
    }
    out
}

/// How whole the packets of an interface are.
fn whole(reach: &Reach, clock: Clock) -> String {
    let mut out = format!("{} packets", units::count(reach.packets));
    if reach.left_out > 0 {
        let _ = write!(out, ", an even part of a flood: {} between them were left out", units::count(reach.left_out));
    }
    let _ = match (reach.overwritten, reach.whole_since_ns) {
        (0, _) if reach.left_out == 0 => write!(out, ", every one that passed."),
        (0, _) => write!(out, "."),
        (many, None) => write!(out, "; {} more were overwritten before they could be read.", units::count(many)),
        (many, Some(since_ns)) => write!(
            out,
            "; about {} more were overwritten before they could be read, none since {}.",
            units::count(many),
            clock.time(since_ns)
        ),
    };
    out
}
