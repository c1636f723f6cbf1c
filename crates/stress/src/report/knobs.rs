//! Keys of rig.toml that move a bottleneck, their values in a run, and what to try instead.

use super::model::SettingChange;
use netrig_config::{ByteSize, Config, Percent, format_duration};
use std::time::Duration;

/// No more memory than the configuration takes, and no less disk.
const MEMORY_MAX: ByteSize = ByteSize::gib(64);
const RECORDER_MEMORY_MAX: ByteSize = ByteSize::gib(1);
const BUDGET_MIN: ByteSize = ByteSize::mib(16);
const BUDGET_MAX: ByteSize = ByteSize(100 << 40);
const WINDOW_MAX: Duration = Duration::from_secs(3_600);
const SAMPLING_MAX: u32 = 65_536;
/// So much of a disk that is full may be the store's: the rest is room to write the next files in.
const DISK_SHARE: f64 = 0.75;
/// Stands for a folder that only the reader knows.
const LARGER_DISK: &str = "/a/folder/on/a/larger/disk";

/// The settings of a run. All that is proposed is a value that the configuration takes, and another than there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knobs {
    config: Config,
}

impl Knobs {
    /// Of a run's configuration; the defaults, where it cannot be read.
    pub(crate) fn of(toml: &str) -> Self {
        Self { config: Config::from_toml(toml, "rig.toml", std::iter::empty()).unwrap_or_default() }
    }

    /// The settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// More memory for tables, outboxes and rings.
    pub(crate) fn more_memory(&self, times: u64) -> Option<SettingChange> {
        let now = self.config.rig.memory;
        larger("rig.memory", now, ByteSize(now.0.saturating_mul(times).min(MEMORY_MAX.0)))
    }

    /// More memory for the flight recorder's rings, and for what they are a part of if need be.
    pub(crate) fn more_for_the_recorder(&self) -> Option<SettingChange> {
        let now = self.config.recorder.memory;
        let more = ByteSize((now.0 * 2).min(RECORDER_MEMORY_MAX.0));
        if more.0 > self.config.rig.memory.0 / 2 { self.more_memory(2) } else { larger("recorder.memory", now, more) }
    }

    /// A larger share of the machine, up to a quarter of it: more than that is no price for being watched.
    pub(crate) fn more_cpu(&self) -> Option<SettingChange> {
        let quarter = Percent::whole(25);
        let now = self.config.rig.cpu;
        let doubled = Percent::from_thousandths((now.fraction() * 2.0 * 100_000.0).round() as u32).min(quarter);
        (doubled > now).then(|| change("rig.cpu", format!("\"{now}\""), format!("\"{doubled}\"")))
    }

    /// Fewer packets that are added to flows.
    pub(crate) fn sample_flows(&self) -> Option<SettingChange> {
        let now = self.config.flow.sampling;
        let rarer = now.saturating_mul(4).min(SAMPLING_MAX);
        (rarer > now).then(|| change("flow.sampling", now.to_string(), rarer.to_string()))
    }

    /// Records less often.
    pub(crate) fn longer_windows(&self) -> Option<SettingChange> {
        let now = self.config.rig.window;
        let longer = now.saturating_mul(3).min(WINDOW_MAX);
        let quoted = |window| format!("\"{}\"", format_duration(window));
        (longer > now).then(|| change("rig.window", quoted(now), quoted(longer)))
    }

    /// More room for files.
    pub(crate) fn more_disk(&self) -> Option<SettingChange> {
        let now = self.config.store.budget;
        larger("store.budget", now, ByteSize(now.0.saturating_mul(2).min(BUDGET_MAX.0)))
    }

    /// A budget that makes room before a disk is full on which there were `held` bytes of files; another disk, where that
    /// would be less than a store needs.
    pub(crate) fn fit_the_disk(&self, held: Option<u64>) -> Option<SettingChange> {
        let fits = held.map(|bytes| (bytes as f64 * DISK_SHARE) as u64 & !((1 << 20) - 1));
        let now = self.config.store.budget;
        match fits.map(ByteSize) {
            Some(fits) if fits >= BUDGET_MIN && fits < now => {
                Some(change("store.budget", format!("\"{now}\""), format!("\"{fits}\"")))
            }
            _ => {
                let dir = toml::Value::String(self.config.store.dir.display().to_string()).to_string();
                Some(change("store.dir", dir, format!("\"{LARGER_DISK}\"")))
            }
        }
    }

    /// Less of what one probe does; `None` where it is off, or no setting of it helps.
    pub(crate) fn less_of(&self, probe: &str) -> Option<SettingChange> {
        let c = &self.config;
        let off = |key, on: bool| on.then(|| change(key, "true".to_owned(), "false".to_owned()));
        match probe {
            "flow" => self.sample_flows(),
            "tcp" if c.tcp.reads => off("tcp.reads", true),
            "latency" => {
                let (now, rarer) = (c.latency.sampling, c.latency.sampling.saturating_mul(4).min(SAMPLING_MAX));
                (rarer > now).then(|| change("latency.sampling", now.to_string(), rarer.to_string()))
            }
            "drop" => off("drop.enabled", c.drop.enabled),
            "burst" => off("burst.enabled", c.burst.enabled),
            "payload" => off("payload.enabled", c.payload.enabled),
            "recorder" if c.recorder.rate > 10_000 || c.recorder.rate == 0 => {
                Some(change("recorder.rate", c.recorder.rate.to_string(), "10000".to_owned()))
            }
            "recorder" => off("recorder.enabled", c.recorder.enabled),
            _ => None,
        }
    }
}

fn change(key: &str, now: String, proposal: String) -> SettingChange {
    SettingChange { key: key.to_owned(), now, proposal }
}

fn larger(key: &str, now: ByteSize, proposal: ByteSize) -> Option<SettingChange> {
    (proposal > now).then(|| change(key, format!("\"{now}\""), format!("\"{proposal}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_config::SETTINGS;
    use proptest::prelude::*;

    const PROBES: [&str; 9] = ["flow", "tcp", "latency", "drop", "burst", "payload", "recorder", "queue", "policy"];

    fn all(knobs: &Knobs, held: Option<u64>) -> Vec<SettingChange> {
        let each = [
            knobs.more_memory(2),
            knobs.more_memory(4),
            knobs.more_for_the_recorder(),
            knobs.more_cpu(),
            knobs.sample_flows(),
            knobs.longer_windows(),
            knobs.more_disk(),
            knobs.fit_the_disk(held),
        ];
        let probes = PROBES.iter().map(|probe| knobs.less_of(probe));
        each.into_iter().chain(probes).flatten().collect()
    }

    /// The configuration with one key set to what was proposed.
    fn with(toml: &str, setting: &SettingChange) -> Result<Config, String> {
        let mut table: toml::Table = toml.parse().map_err(|error| format!("{error}"))?;
        let (section, key) = setting.key.split_once('.').ok_or("no section")?;
        let line: toml::Table = format!("{key} = {}", setting.proposal).parse().map_err(|e| format!("{e}"))?;
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        section.as_table_mut().ok_or("no table")?.extend(line);
        Config::from_toml(&table.to_string(), "rig.toml", std::iter::empty()).map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn every_key_that_is_named_is_a_setting() {
        let named = all(&Knobs::default(), None);
        assert!(named.len() >= 12, "{named:?}");
        for setting in named {
            assert!(SETTINGS.iter().any(|known| known.path == setting.key), "{} is no setting", setting.key);
            assert!(Config::default_toml().contains(&format!("\n#{} = ", setting.key.split_once('.').expect("dot").1)));
        }
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_taken_for_the_default() {
        assert_eq!(Knobs::of("memory = [").config(), &Config::default());
        assert_eq!(Knobs::of("").more_memory(2).expect("a change").now, "\"64MiB\"");
    }

    #[test]
    fn what_cannot_be_more_is_not_proposed() {
        let most = Knobs::of("[rig]\nmemory = \"64GiB\"\ncpu = \"25%\"\n[flow]\nsampling = 65536\n");
        assert_eq!((most.more_memory(2), most.more_cpu(), most.sample_flows()), (None, None, None));
    }

    #[test]
    fn a_full_disk_asks_for_a_budget_that_fits_or_for_another_disk() {
        let knobs = Knobs::default();
        let fits = knobs.fit_the_disk(Some(200 << 20)).expect("a change");
        assert_eq!((fits.key.as_str(), fits.proposal.as_str()), ("store.budget", "\"150MiB\""));
        for held in [Some(4 << 20), None] {
            assert_eq!(knobs.fit_the_disk(held).expect("a change").key, "store.dir");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_proposed_is_valid_and_another_value(
            memory in 16_u64..5000, recorder in 1_u64..8, cpu in 1_u32..=100, window in 1_u64..3600, budget in 16_u64..5000,
            sampling in 1_u32..=65536, rate in 0_u32..100_000, held in prop::option::of(0_u64..10_000),
        ) {
            let toml = format!(
                "[rig]\nmemory = \"{memory}MiB\"\ncpu = \"{cpu}%\"\nwindow = \"{window}s\"\n[recorder]\nmemory = \"{recorder}MiB\"\n\
                 rate = {rate}\n[store]\nbudget = \"{budget}MiB\"\n[flow]\nsampling = {sampling}\n[latency]\nsampling = {sampling}\n"
            );
            let knobs = Knobs::of(&toml);
            prop_assert_eq!(knobs.config().rig.memory, ByteSize::mib(memory));
            for setting in all(&knobs, held.map(|mib| mib << 20)) {
                let changed = with(&toml, &setting);
                prop_assert!(changed.is_ok(), "{:?}: {:?}", setting, changed);
                let differing = Config::changed(knobs.config(), &changed.expect("valid"));
                // An idle timeout that was left out follows the window.
                prop_assert!(differing.contains(&setting.key.as_str()), "{:?} {:?}", setting, differing);
            }
        }
    }
}
