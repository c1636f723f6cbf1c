//! `[[recorder.trigger]]`: what makes the flight recorder write its packets down.

use crate::nearest::nearest;
use crate::read::found_of;
use crate::units::{Percent, format_duration, parse_duration};
use crate::value::{Found, FoundValue, Mismatch, quoted, toml_string};
use netrig_model::{DropClass, Stage};
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;
use toml::de::DeTable;

/// What fires, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Part of the file's name; each has one of its own.
    pub name: String,
    /// When it fires.
    pub on: TriggerOn,
}

/// When a trigger fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerOn {
    /// This host's TCP sent more segments again in a second.
    Retransmits {
        /// Than so many.
        per_second: u32,
    },
    /// More packets were dropped in a second.
    Drops {
        /// For this reason, as the kernel names it; none: for any.
        reason: Option<String>,
        /// Of this class of reasons; none: of any.
        class: Option<DropClass>,
        /// Than so many.
        per_second: u32,
    },
    /// The 99th percentile of the last seconds' round trips was longer.
    Rtt {
        /// Than this.
        above: Duration,
        /// Of services at this port; none: of any service.
        port: Option<u16>,
    },
    /// The 99th percentile of what the last seconds' messages spent in a stage was longer.
    Latency {
        /// Which.
        stage: Stage,
        /// Than this.
        above: Duration,
    },
    /// A burst, as `[burst]` says what one is.
    Burst {
        /// On this interface; none: on any.
        iface: Option<String>,
        /// With a peak over this share of the link; none: any burst.
        link_share: Option<Percent>,
    },
    /// More packets matched a policy's rule in a second.
    Policy {
        /// Its id.
        rule: String,
        /// Than so many.
        per_second: u32,
    },
}

/// More would be no choice any more.
const TRIGGERS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 32;
const PORT_MAX: u32 = 65_535;

/// Words of `on`, and the keys that each takes beside `name`, `on` and `above`.
const KINDS: [(&str, &[&str]); 6] = [
    ("retransmits", &[]),
    ("drops", &["reason", "class"]),
    ("rtt", &["port"]),
    ("latency", &["stage"]),
    ("burst", &["iface"]),
    ("policy", &["rule"]),
];

/// The words of `on`.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(word, _)| *word)
}

impl TriggerOn {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Retransmits { .. } => "retransmits",
            Self::Drops { .. } => "drops",
            Self::Rtt { .. } => "rtt",
            Self::Latency { .. } => "latency",
            Self::Burst { .. } => "burst",
            Self::Policy { .. } => "policy",
        }
    }
}

impl Trigger {
    /// Those that are looked for where none is declared: what a host should not do, whatever it does.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        let drops = TriggerOn::Drops { reason: None, class: Some(DropClass::Resource), per_second: 100 };
        vec![
            Self { name: "retransmits".into(), on: TriggerOn::Retransmits { per_second: 100 } },
            Self { name: "drops".into(), on: drops },
        ]
    }
}

/// As a file has them.
pub(crate) fn to_toml(triggers: &[Trigger]) -> String {
    let mut out = String::new();
    for Trigger { name, on } in triggers {
        let _ = writeln!(out, "\n[[recorder.trigger]]\nname = {}\non = \"{}\"", toml_string(name), on.as_str());
        let mut line = |key: &str, value: String| _ = writeln!(out, "{key} = {value}");
        match on {
            TriggerOn::Retransmits { per_second } => line("above", per_second.to_string()),
            TriggerOn::Drops { reason, class, per_second } => {
                reason.iter().for_each(|reason| line("reason", toml_string(reason)));
                class.iter().for_each(|class| line("class", quoted(class.as_str())));
                line("above", per_second.to_string());
            }
            TriggerOn::Rtt { above, port } => {
                port.iter().for_each(|port| line("port", port.to_string()));
                line("above", quoted(&format_duration(*above)));
            }
            TriggerOn::Latency { stage, above } => {
                line("stage", quoted(stage.as_str()));
                line("above", quoted(&format_duration(*above)));
            }
            TriggerOn::Burst { iface, link_share } => {
                iface.iter().for_each(|iface| line("iface", toml_string(iface)));
                link_share.iter().for_each(|share| line("above", quoted(&share.to_string())));
            }
            TriggerOn::Policy { rule, per_second } => {
                line("rule", toml_string(rule));
                line("above", per_second.to_string());
            }
        }
    }
    out
}

/// What is wrong in a table, of which key (none: of the table), and where.
pub(crate) struct Wrong {
    pub(crate) key: Option<String>,
    pub(crate) message: String,
    pub(crate) span: Range<usize>,
}

/// Reads one more table. `span`: where it stands.
pub(crate) fn read(table: &DeTable<'_>, span: Range<usize>, known: &[Trigger]) -> Result<Trigger, Wrong> {
    let keys = Keys { table, span };
    if known.len() == TRIGGERS_MAX {
        return Err(keys.wrong(format!("more than {TRIGGERS_MAX} triggers")));
    }
    let kind = keys.kind()?;
    keys.no_others(kind)?;
    let on = keys.on(kind.0)?;
    let name = match keys.get("name") {
        Some(found) => keys.checked("name", name(&found))?,
        None => kind.0.to_owned(),
    };
    if known.iter().any(|other| other.name == name) {
        let span = keys.get("name").map_or(keys.span.clone(), |found| found.span);
        let message = format!("another trigger has the name \"{name}\": give each a `name` of its own");
        return Err(Wrong { key: None, message, span });
    }
    Ok(Trigger { name, on })
}

struct Keys<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
}

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<Found> {
        self.table.get(key).map(found_of)
    }

    fn wrong(&self, message: String) -> Wrong {
        Wrong { key: None, message, span: self.span.clone() }
    }

    fn checked<T>(&self, key: &str, read: Result<T, Mismatch>) -> Result<T, Wrong> {
        let key = format!("recorder.trigger.{key}");
        read.map_err(|m| Wrong { message: format!("`{key}` {}", m.problem), key: Some(key), span: m.span })
    }

    fn kind(&self) -> Result<(&'static str, &'static [&'static str]), Wrong> {
        let Some(found) = self.get("on") else {
            let known = words().map(quoted).collect::<Vec<_>>().join(", ");
            return Err(self.wrong(format!("the trigger lacks `on`, which says what it waits for: {known}")));
        };
        self.checked("on", one_of(&found, words()).map(|at| KINDS[at]))
    }

    fn no_others(&self, (kind, own): (&str, &[&str])) -> Result<(), Wrong> {
        let known = || ["name", "on", "above"].into_iter().chain(own.iter().copied());
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if known().any(|key| key == name) {
                continue;
            }
            let hint = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
            };
            let shown = quoted(name);
            let message = format!("unknown key `{}` in a trigger on \"{kind}\": {hint}", shown.trim_matches('"'));
            return Err(Wrong { key: Some(format!("recorder.trigger.{name}")), message, span: key.span() });
        }
        Ok(())
    }

    fn required(&self, key: &str, what: &str) -> Result<Found, Wrong> {
        self.get(key).ok_or_else(|| self.wrong(format!("the trigger lacks `{key}`, {what}")))
    }

    fn per_second(&self) -> Result<u32, Wrong> {
        let found = self.required("above", "the number a second from which on it fires, such as above = 100")?;
        self.checked("above", number(&found, 1, u32::MAX, "how many a second, such as 100"))
    }

    fn duration(&self) -> Result<Duration, Wrong> {
        let found = self.required("above", "the time from which on it fires, such as above = \"50ms\"")?;
        self.checked("above", duration(&found))
    }

    fn text(&self, key: &str, found: &Found) -> Result<String, Wrong> {
        let read = match &found.value {
            FoundValue::Text(text) if !text.is_empty() => Ok(text.clone()),
            _ => Err(found.unexpected("text that is not empty")),
        };
        self.checked(key, read)
    }

    fn optional_text(&self, key: &str) -> Result<Option<String>, Wrong> {
        self.get(key).map(|found| self.text(key, &found)).transpose()
    }

    fn on(&self, kind: &str) -> Result<TriggerOn, Wrong> {
        Ok(match kind {
            "retransmits" => TriggerOn::Retransmits { per_second: self.per_second()? },
            "drops" => {
                let words = || DropClass::ALL.iter().map(|class| class.as_str());
                let class =
                    self.get("class").map(|found| self.checked("class", one_of(&found, words()))).transpose()?;
                let class = class.map(|at| DropClass::ALL[at]);
                TriggerOn::Drops { reason: self.optional_text("reason")?, class, per_second: self.per_second()? }
            }
            "rtt" => {
                let port = self
                    .get("port")
                    .map(|found| self.checked("port", number(&found, 1, PORT_MAX, "a service's port, such as 443")));
                let port = port.transpose()?.and_then(|port| u16::try_from(port).ok());
                TriggerOn::Rtt { above: self.duration()?, port }
            }
            "latency" => {
                let found = self.required("stage", "the stage that it looks at, such as stage = \"run_queue\"")?;
                let words = Stage::ALL.iter().map(|stage| stage.as_str());
                let at = self.checked("stage", one_of(&found, words))?;
                TriggerOn::Latency { stage: Stage::ALL[at], above: self.duration()? }
            }
            "burst" => {
                let share = self.get("above").map(|found| self.checked("above", share(&found))).transpose()?;
                TriggerOn::Burst { iface: self.optional_text("iface")?, link_share: share }
            }
            _ => {
                let found = self.required("rule", "the id of the policy's rule, such as rule = \"dns-limit\"")?;
                TriggerOn::Policy { rule: self.text("rule", &found)?, per_second: self.per_second()? }
            }
        })
    }
}

/// Which of the words it is.
fn one_of(found: &Found, words: impl Iterator<Item = &'static str>) -> Result<usize, Mismatch> {
    let words: Vec<_> = words.collect();
    let FoundValue::Text(text) = &found.value else {
        let known = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
        return Err(found.unexpected(format_args!("one of {known}")));
    };
    if let Some(at) = words.iter().position(|word| word == text) {
        return Ok(at);
    }
    let known = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
    let hint = nearest(text, words.iter().copied())
        .map_or_else(|| format!("one of {known}"), |near| format!("one of {known}; did you mean {}?", quoted(near)));
    Err(found.unexpected(hint))
}

fn number(found: &Found, min: u32, max: u32, expected: &str) -> Result<u32, Mismatch> {
    let read = match &found.value {
        FoundValue::Number(number) => number.parse().ok().filter(|n| (min..=max).contains(n)),
        _ => None,
    };
    read.ok_or_else(|| found.unexpected(format_args!("a whole number ({min} to {max}): {expected}")))
}

fn duration(found: &Found) -> Result<Duration, Mismatch> {
    let read = match &found.value {
        FoundValue::Text(text) => parse_duration(text).ok().filter(|span| !span.is_zero()),
        _ => None,
    };
    read.ok_or_else(|| found.unexpected("a duration with its unit, such as \"50ms\""))
}

fn share(found: &Found) -> Result<Percent, Mismatch> {
    let read = match &found.value {
        FoundValue::Text(text) => text.parse::<Percent>().ok().filter(|share| *share <= Percent::whole(100)),
        _ => None,
    };
    read.ok_or_else(|| found.unexpected("a share of the link's speed, such as \"90%\""))
}

/// A name that can stand in a file's name anywhere.
fn name(found: &Found) -> Result<String, Mismatch> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match &found.value {
        FoundValue::Text(text) if (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(fits) => {
            Ok(text.clone())
        }
        _ => Err(found.unexpected(format_args!(
            "1 to {NAME_CHARS_MAX} of a to z, 0 to 9, `-` and `_`, for it becomes part of a file's name"
        ))),
    }
}
