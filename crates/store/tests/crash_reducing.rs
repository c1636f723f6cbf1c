//! Killed at any moment of making flows coarser, the store has every record at exactly one level.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{HOUR, HOUR_0, WINDOW, config, flows};
use netrig_model::{FlowRecord, Timestamp};
use netrig_store::{LeveledFlow, StoreConfig, StoreReader, StoreWriter, Table};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CHILD_DIR: &str = "NETRIG_TEST_CRASH_REDUCING_DIR";
const CHILD_FROM: &str = "NETRIG_TEST_CRASH_REDUCING_FROM";
const CHILD_BUDGET: &str = "NETRIG_TEST_CRASH_REDUCING_BUDGET";
const KILLS: u64 = 30;
const SEED: u64 = 0x5eed_0f1e_55ed;

const WINDOWS_PER_HOUR: i64 = 12;
const ROWS: u64 = 1500;
/// No more than this is written.
const HOURS_MAX: i64 = 12;
const WINDOWS_MAX: i64 = HOURS_MAX * WINDOWS_PER_HOUR;

fn window_of(i: i64) -> (Timestamp, Timestamp) {
    let start = HOUR_0 + i * HOUR / WINDOWS_PER_HOUR;
    (Timestamp(start), Timestamp(start + WINDOW))
}

/// Every window has sums of its own, so that none can stand for another.
fn rows_of(i: i64) -> Vec<FlowRecord> {
    let first = i.unsigned_abs() % 1000;
    flows(window_of(i), first, first + ROWS)
}

/// Flow records, packets and bytes of both ways, by hour.
type Sums = BTreeMap<i64, [u64; 5]>;

fn add(sums: &mut Sums, start: Timestamp, values: [u64; 5]) {
    let of_hour = sums.entry((start.0 - HOUR_0).div_euclid(HOUR)).or_default();
    of_hour.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn of_detail(f: &FlowRecord) -> [u64; 5] {
    [1, f.packets, f.bytes, f.reverse_packets, f.reverse_bytes]
}

/// What is there once so many windows were written.
fn sums_of_windows(count: i64) -> Sums {
    let mut sums = Sums::new();
    for i in 0..count {
        rows_of(i).iter().for_each(|f| add(&mut sums, f.window_start, of_detail(f)));
    }
    sums
}

fn sums_there(dir: &Path) -> Sums {
    let mut sums = Sums::new();
    let reader = StoreReader::open(dir).unwrap();
    reader
        .flows_of_all_levels(None, None, &mut |row| match row {
            LeveledFlow::Detail(f) => add(&mut sums, f.window_start, of_detail(&f)),
            LeveledFlow::Reduced(_, r) => {
                add(&mut sums, r.window_start, [r.records, r.packets, r.bytes, r.reverse_packets, r.reverse_bytes]);
            }
        })
        .unwrap();
    sums
}

fn open(dir: &Path, budget_bytes: u64) -> StoreWriter {
    let mut writer = StoreWriter::open(StoreConfig { budget_bytes, ..config(dir) }).unwrap();
    writer.keep_detail(Some(Duration::from_secs(3600)));
    writer
}

fn append(writer: &mut StoreWriter, i: i64) {
    writer.append_flows(window_of(i), &rows_of(i)).unwrap();
}

/// Makes coarser what is to be by now; `piece` is called ahead of every piece of work.
fn settle(writer: &mut StoreWriter, now: Timestamp, piece: &mut dyn FnMut()) {
    loop {
        piece();
        let done = writer.maintain(now).unwrap();
        if !done.unfinished && done.hours_reduced == 0 {
            return;
        }
    }
}

/// What the child does until it is killed: append, say so, and make coarser what is old, from one hour to the next.
fn write_and_reduce(dir: &Path) {
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (from, mut writer) = (number(CHILD_FROM) as i64, open(dir, number(CHILD_BUDGET)));
    let mut out = std::io::stdout().lock();
    // Not println: the test harness would capture it.
    let mut say = |text: String| {
        out.write_all(text.as_bytes()).unwrap();
        out.flush().unwrap();
    };
    for i in from..=WINDOWS_MAX {
        if i == from || i % WINDOWS_PER_HOUR == 0 {
            settle(&mut writer, window_of(i).0, &mut || say("upkeep\n".to_owned()));
        }
        if i < WINDOWS_MAX {
            append(&mut writer, i);
            say(format!("stored {i}\n"));
        }
    }
    say("idle\n".to_owned());
    std::thread::sleep(Duration::from_secs(600));
}

/// What is to be seen in the folder while a level is made of a finer one.
#[derive(Clone, Copy, Debug)]
enum Sight {
    /// The unfinished file.
    Draft,
    /// The file, whole.
    Published,
    /// Files that it was made of have gone.
    Removed,
}

impl Sight {
    const ALL: [Self; 3] = [Self::Draft, Self::Published, Self::Removed];

    fn is_seen(self, dir: &Path, level: Table, before: &[usize; 3]) -> bool {
        let now = counts(dir, level);
        match self {
            Self::Draft => now[0] > before[0],
            Self::Published => now[1] > before[1],
            Self::Removed => now[2] < before[2],
        }
    }
}

/// Unfinished and whole files of a level, and whole ones of the next finer.
fn counts(dir: &Path, level: Table) -> [usize; 3] {
    let finer = if level == Table::FlowsHour { Table::FlowsMinute } else { Table::Flows };
    let of = |table: Table, unfinished: bool| {
        files(&dir.join(table.name())).iter().filter(|path| is_unfinished(path) == unfinished).count()
    };
    [of(level, true), of(level, false), of(finer, false)]
}

/// The moment of a child's end: after so many pieces of upkeep, when this is seen if it is to be waited for, and some microseconds
/// later.
struct Moment {
    upkeeps: usize,
    sight: Option<(Sight, Table)>,
    then_us: u64,
}

impl Moment {
    /// Every other one is by what is seen, the rest fall anywhere.
    fn of(kill: u64, upkeeps: u64, level: Table, seeded: &mut Seeded) -> Self {
        let sight = Sight::ALL[(kill / 2 % 3) as usize];
        let by_sight = !kill.is_multiple_of(2);
        Self {
            upkeeps: 1 + seeded.below(upkeeps) as usize,
            sight: by_sight.then_some((sight, level)),
            then_us: seeded.below(if by_sight { 300 } else { 20_000 }),
        }
    }

    /// Waits for it. What is not seen for a while does not come: this piece of upkeep had nothing to do.
    fn wait(&self, dir: &Path) {
        if let Some((sight, level)) = self.sight {
            let (begun, before) = (Instant::now(), counts(dir, level));
            while !sight.is_seen(dir, level, &before) && begun.elapsed() < Duration::from_millis(400) {}
        }
        std::thread::sleep(Duration::from_micros(self.then_us));
    }
}

/// Starts a child that goes on from this window, and kills it. Gives the last window it acknowledged, if any.
fn run_and_kill(test: &str, dir: &Path, (from, budget_bytes): (i64, u64), moment: &Moment) -> Option<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(CHILD_DIR, dir)
        .env(CHILD_FROM, from.to_string())
        .env(CHILD_BUDGET, budget_bytes.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = None;
    let mut note = |line: &str| {
        if let Some((_, n)) = line.split_once("stored ") {
            acknowledged = n.parse().ok();
        }
    };
    let mut left = moment.upkeeps;
    for line in lines.by_ref() {
        note(&line);
        left = left.saturating_sub(usize::from(line.ends_with("upkeep")));
        if left == 0 || line.ends_with("idle") {
            break;
        }
    }
    moment.wait(dir);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.for_each(|line| note(&line));
    acknowledged
}

/// All files in a folder. What goes meanwhile is passed over.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|x| x == "tmp")
}

fn leftovers(dir: &Path) -> Vec<PathBuf> {
    files(dir).into_iter().filter(|path| is_unfinished(path)).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Numbers that look random and are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A killed child's store: sums are `there`, and stay so when the next process opens it, which clears up. Whether a file of
/// `level` was being made.
fn check(dir: &Path, there: &Sums, level: Table) -> bool {
    let half_made = leftovers(dir).iter().any(|path| path.starts_with(dir.join(level.name())));
    drop(open(dir, u64::MAX));
    assert_eq!(leftovers(dir), [] as [PathBuf; 0]);
    assert_eq!(sums_there(dir), *there, "opened again");
    half_made
}

#[test]
fn killed_while_it_makes_minutes_every_record_is_there_at_one_level() {
    if let Ok(dir) = std::env::var(CHILD_DIR) {
        return write_and_reduce(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut seeded = Seeded(SEED);
    let (mut next, mut half_made) = (0, 0);
    for kill in 0..KILLS {
        let moment = Moment::of(kill, 3, Table::FlowsMinute, &mut seeded);
        let test = "killed_while_it_makes_minutes_every_record_is_there_at_one_level";
        let acknowledged = run_and_kill(test, dir.path(), (next, u64::MAX), &moment);
        let there = sums_there(dir.path());
        // The window after the last acknowledged one may be there too: killed between the rename and the word.
        let at_least = acknowledged.map_or(next, |last| last + 1);
        let found = (at_least..=at_least + 1).find(|count| there == sums_of_windows(*count));
        next = found.unwrap_or_else(|| panic!("kill {kill}: {there:?}, not {:?}", sums_of_windows(at_least)));
        half_made += u32::from(check(dir.path(), &there, Table::FlowsMinute));
    }
    assert!(half_made > 0, "no kill fell into the making of minutes, of {next} windows");
}

/// Nothing is written meanwhile: there is room for what is there, but some of it is to be made hours so that it stays like that.
#[test]
fn killed_while_it_makes_hours_every_record_is_there_at_one_level() {
    if let Ok(dir) = std::env::var(CHILD_DIR) {
        return write_and_reduce(Path::new(&dir));
    }
    let minutes = tempfile::tempdir().unwrap();
    let mut writer = open(minutes.path(), u64::MAX);
    (0..WINDOWS_MAX).for_each(|i| append(&mut writer, i));
    settle(&mut writer, window_of(WINDOWS_MAX + WINDOWS_PER_HOUR).0, &mut || ());
    // A quarter of a small budget is kept free; an eighth of the rest is what makes the store begin early.
    let budget_bytes = writer.status().bytes * 107 / 100 * 4 / 3;
    drop(writer);
    let all = sums_of_windows(WINDOWS_MAX);
    let mut seeded = Seeded(SEED);
    let (mut half_made, mut made) = (0, 0);
    for kill in 0..KILLS {
        let dir = tempfile::tempdir().unwrap();
        copy(minutes.path(), dir.path());
        let moment = Moment::of(kill, 2, Table::FlowsHour, &mut seeded);
        let test = "killed_while_it_makes_hours_every_record_is_there_at_one_level";
        run_and_kill(test, dir.path(), (WINDOWS_MAX, budget_bytes), &moment);
        assert_eq!(sums_there(dir.path()), all, "kill {kill}");
        half_made += u32::from(check(dir.path(), &all, Table::FlowsHour));
        let reader = StoreReader::open(dir.path()).unwrap();
        made += u32::from(!reader.files(Table::FlowsHour, None, None).unwrap().is_empty());
    }
    assert!(half_made > 0 && made > 0, "{half_made} kills fell into the making of an hour, {made} came after one");
}
