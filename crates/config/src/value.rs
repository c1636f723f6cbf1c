//! The types of settings: how a value as found becomes a value as used, and back.

use crate::interface_pattern::InterfacePattern;
use crate::ports::{PORTS_MAX, format_ports, ports};
use crate::remote_write::{labels, labels_to_toml, url};
use crate::sections::Config;
use crate::units::{ByteSize, Percent, format_duration, parse_duration};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// A setting's type, its bounds, and where its value lives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    Bool(fn(&mut Config) -> &mut bool),
    /// A whole number, which has no unit.
    Count {
        at: fn(&mut Config) -> &mut u32,
        min: u32,
        max: u32,
    },
    Duration {
        at: fn(&mut Config) -> &mut Duration,
        min: Duration,
        max: Duration,
    },
    Size {
        at: fn(&mut Config) -> &mut ByteSize,
        min: ByteSize,
        max: ByteSize,
    },
    Percent {
        at: fn(&mut Config) -> &mut Percent,
        min: Percent,
        max: Percent,
    },
    Interfaces(fn(&mut Config) -> &mut Vec<String>),
    HostName(fn(&mut Config) -> &mut Option<String>),
    AbsolutePath(fn(&mut Config) -> &mut PathBuf),
    OptionalPath {
        at: fn(&mut Config) -> &mut Option<PathBuf>,
        example: &'static str,
    },
    OptionalText {
        at: fn(&mut Config) -> &mut Option<String>,
        example: &'static str,
    },
    OptionalUrl(fn(&mut Config) -> &mut Option<String>),
    Labels(fn(&mut Config) -> &mut BTreeMap<String, String>),
    Loopback(fn(&mut Config) -> &mut SocketAddr),
    Ports(fn(&mut Config) -> &mut Vec<u16>),
    /// Empty where there is none; no message shows it.
    Key(fn(&mut Config) -> &mut String),
    Choice {
        words: &'static [&'static str],
        get: fn(&Config) -> &'static str,
        set: fn(&mut Config, &str),
    },
}

/// A value as it stands in a file or in the environment, with its place there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) value: FoundValue,
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum FoundValue {
    Text(String),
    Bool(bool),
    /// Numbers stay as written, so that messages can show them so.
    Number(String),
    List(Vec<Found>),
    /// Keys with their values.
    Table(Vec<(String, Found)>),
    /// What no setting takes: its kind, and how it is shown.
    Other(&'static str, String),
}

/// Why a value does not fit: `` `rig.window` `` + problem.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    pub(crate) problem: String,
    pub(crate) span: Range<usize>,
}

impl Found {
    /// `"10" (text)`, as it is named in a message.
    fn shown(&self) -> String {
        match &self.value {
            FoundValue::Text(text) => quoted(text),
            FoundValue::Bool(b) => format!("{b} (a truth value)"),
            FoundValue::Number(n) => format!("{n} (a number)"),
            FoundValue::List(_) => "a list".to_owned(),
            FoundValue::Table(_) => "a section".to_owned(),
            FoundValue::Other(kind, shown) if shown.is_empty() => (*kind).to_owned(),
            FoundValue::Other(kind, shown) => format!("{shown} ({kind})"),
        }
    }

    /// `10` or `"10"`
    fn bare_number(&self) -> Option<&str> {
        match &self.value {
            FoundValue::Number(number) => Some(number),
            FoundValue::Text(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => Some(text),
            _ => None,
        }
    }

    pub(crate) fn mismatch(&self, problem: impl Display) -> Mismatch {
        Mismatch { problem: problem.to_string(), span: self.span.clone() }
    }

    /// `is 10 (a number): expected …`
    pub(crate) fn unexpected(&self, expected: impl Display) -> Mismatch {
        self.mismatch(format_args!("is {}: expected {expected}", self.shown()))
    }

    fn text(&self, field: &Field) -> Result<&str, Mismatch> {
        match &self.value {
            FoundValue::Text(text) => Ok(text),
            _ => Err(self.unexpected(field.expected())),
        }
    }
}

/// Text as TOML writes it, on one line.
pub(crate) fn toml_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text as a message shows it: quoted, and cut when it is long.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => toml_string(text),
        Some((end, _)) => toml_string(&format!("{}…", &text[..end])),
    }
}

impl Field {
    /// The type, in a word or two, as the reference shows it.
    pub(crate) fn type_name(&self) -> String {
        match self {
            Self::Bool(_) => "boolean".to_owned(),
            Self::Count { .. } => "whole number".to_owned(),
            Self::Duration { .. } => "duration".to_owned(),
            Self::Size { .. } => "size".to_owned(),
            Self::Percent { .. } => "percentage".to_owned(),
            Self::Interfaces(_) => "list of interfaces".to_owned(),
            Self::HostName(_) | Self::OptionalText { .. } => "text".to_owned(),
            Self::OptionalUrl(_) => "URL".to_owned(),
            Self::Labels(_) => "table of labels".to_owned(),
            Self::AbsolutePath(_) | Self::OptionalPath { .. } => "absolute path".to_owned(),
            Self::Loopback(_) => "address and port".to_owned(),
            Self::Ports(_) => "list of ports".to_owned(),
            Self::Key(_) => "text".to_owned(),
            Self::Choice { words, .. } => words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(" or "),
        }
    }

    /// Its bounds, as the reference shows them; empty where the type says it all.
    pub(crate) fn bounds(&self) -> String {
        match self {
            Self::Count { min, max, .. } => format!("{min} to {max}"),
            Self::Duration { min, max, .. } => format!("{} to {}", format_duration(*min), format_duration(*max)),
            Self::Size { min, max, .. } => format!("{min} to {max}"),
            Self::Percent { min, max, .. } => format!("{min} to {max}"),
            Self::HostName(_) => format!("1 to {HOST_NAME_LENGTH_MAX} characters"),
            Self::Ports(_) => format!("at most {PORTS_MAX}"),
            Self::Key(_) => format!("empty, or {KEY_LENGTH_MIN} to {KEY_LENGTH_MAX} characters"),
            _ => String::new(),
        }
    }

    /// What is expected, with an example.
    fn expected(&self) -> String {
        let bounds = self.bounds();
        let example = self.example();
        match self {
            Self::Bool(_) => "true or false".to_owned(),
            Self::Count { .. } => format!("a whole number ({bounds}), such as {example}"),
            Self::Duration { .. } => format!("a duration with its unit ({bounds}), such as {example}"),
            Self::Size { .. } => format!("a size with its unit ({bounds}), such as {example}"),
            Self::Percent { .. } => format!("a percentage ({bounds}), such as {example}"),
            Self::Interfaces(_) => format!("a list of interfaces, such as {example}"),
            Self::HostName(_) => format!("a host name, such as {example}"),
            Self::AbsolutePath(_) | Self::OptionalPath { .. } => format!("an absolute path, such as {example}"),
            Self::OptionalText { .. } => format!("text, such as {example}"),
            Self::OptionalUrl(_) => format!("a URL, such as {example}"),
            Self::Labels(_) => format!("a table of labels, such as {example}"),
            Self::Loopback(_) => format!("an address and port on loopback, such as {example}"),
            Self::Ports(_) => format!("a list of ports ({bounds}), such as {example}"),
            Self::Key(_) => format!("text, {bounds}"),
            Self::Choice { words, .. } => words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" or "),
        }
    }

    /// A value to copy: the default, or what one might write where there is none.
    pub(crate) fn example(&self) -> String {
        match self {
            Self::Interfaces(_) => "[\"eth0\", \"veth*\", \"!docker0\"]".to_owned(),
            Self::OptionalPath { example, .. } | Self::OptionalText { example, .. } => quoted(example),
            Self::OptionalUrl(_) => quoted("https://prometheus.example:9090/api/v1/write"),
            Self::Labels(_) => "{ site = \"lab\" }".to_owned(),
            _ => self.to_toml(&Config::default()).unwrap_or_else(|| "\"web-1\"".to_owned()),
        }
    }

    /// The value in `config` as TOML; `None` when it is not set.
    pub(crate) fn to_toml(self, config: &Config) -> Option<String> {
        // The accessors lend mutably, so that one serves both ways; reading then works on a copy.
        let c = &mut config.clone();
        Some(match self {
            Self::Bool(at) => at(c).to_string(),
            Self::Count { at, .. } => at(c).to_string(),
            Self::Duration { at, .. } => quoted(&format_duration(*at(c))),
            Self::Size { at, .. } => quoted(&at(c).to_string()),
            Self::Percent { at, .. } => quoted(&at(c).to_string()),
            Self::Interfaces(at) => {
                let names: Vec<_> = at(c).iter().map(|name| toml_string(name)).collect();
                format!("[{}]", names.join(", "))
            }
            Self::HostName(at) => toml_string(at(c).as_ref()?),
            Self::AbsolutePath(at) => toml_string(&at(c).to_string_lossy()),
            Self::OptionalPath { at, .. } => toml_string(&at(c).as_ref()?.to_string_lossy()),
            Self::OptionalText { at, .. } | Self::OptionalUrl(at) => toml_string(at(c).as_ref()?),
            Self::Labels(at) => labels_to_toml(at(c)),
            Self::Loopback(at) => quoted(&at(c).to_string()),
            Self::Ports(at) => toml_string(&format_ports(at(c))),
            Self::Key(at) => toml_string(at(c)),
            Self::Choice { get, .. } => quoted(get(c)),
        })
    }

    /// Puts a value as found into `config`.
    pub(crate) fn assign(self, config: &mut Config, found: &Found) -> Result<(), Mismatch> {
        match self {
            Self::Bool(at) => match found.value {
                FoundValue::Bool(value) => *at(config) = value,
                _ => return Err(found.unexpected(self.expected())),
            },
            Self::Count { at, min, max } => *at(config) = self.count(found, min, max)?,
            Self::Duration { at, min, max } => {
                *at(config) = self.quantity(found, min, max, parse_duration, |n| format!("{n}s"))?;
            }
            Self::Size { at, min, max } => {
                let fix = |n: &str| n.parse().map_or_else(|_| n.to_owned(), |n| ByteSize(n).to_string());
                *at(config) = self.quantity(found, min, max, str::parse, fix)?;
            }
            Self::Percent { at, min, max } => {
                *at(config) = self.quantity(found, min, max, str::parse, |n| format!("{n}%"))?;
            }
            Self::Interfaces(at) => *at(config) = interfaces(found, &self)?,
            Self::HostName(at) => *at(config) = Some(host_name(found, &self)?),
            Self::AbsolutePath(at) => *at(config) = absolute_path(found, &self)?,
            Self::OptionalPath { at, .. } => *at(config) = Some(absolute_path(found, &self)?),
            Self::OptionalText { at, .. } => *at(config) = Some(found.text(&self)?.to_owned()),
            Self::OptionalUrl(at) => *at(config) = Some(url(found, found.text(&self)?, &self.expected())?),
            Self::Labels(at) => *at(config) = labels(found, &self.expected())?,
            Self::Loopback(at) => *at(config) = loopback(found, &self)?,
            Self::Ports(at) => *at(config) = ports(found, &self.expected())?,
            Self::Key(at) => *at(config) = key(found, &self)?,
            Self::Choice { words, set, .. } => {
                let text = found.text(&self)?;
                if !words.contains(&text) {
                    return Err(found.unexpected(self.expected()));
                }
                set(config, text);
            }
        }
        Ok(())
    }

    /// A whole number within its bounds.
    fn count(&self, found: &Found, min: u32, max: u32) -> Result<u32, Mismatch> {
        let allowed = |number: &str| number.parse().ok().filter(|n| (min..=max).contains(n));
        match &found.value {
            FoundValue::Number(number) => allowed(number).ok_or_else(|| {
                // A whole number of any length, or one that is none.
                if number.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit()) {
                    found.mismatch(format_args!("is {number}, out of bounds: expected {}", self.expected()))
                } else {
                    found.unexpected(self.expected())
                }
            }),
            FoundValue::Text(text) if allowed(text).is_some() => {
                Err(found.mismatch(format_args!("is {}, in quotes: write {text}", found.shown())))
            }
            _ => Err(found.unexpected(self.expected())),
        }
    }

    /// A quantity within its bounds; `fix` gives a bare number its likely unit.
    fn quantity<T: PartialOrd, E: Display>(
        &self,
        found: &Found,
        min: T,
        max: T,
        parse: impl Fn(&str) -> Result<T, E>,
        fix: impl Fn(&str) -> String,
    ) -> Result<T, Mismatch> {
        let allowed = |value: &T| (&min..=&max).contains(&value);
        if let Some(fixed) = found.bare_number().map(fix).filter(|fixed| parse(fixed).is_ok_and(|v| allowed(&v))) {
            return Err(found.mismatch(format_args!("is {}, without a unit: write {}", found.shown(), quoted(&fixed))));
        }
        let text = found.text(self)?;
        match parse(text) {
            Ok(value) if allowed(&value) => Ok(value),
            Ok(_) => {
                Err(found.mismatch(format_args!("is {}, out of bounds: expected {}", quoted(text), self.expected())))
            }
            Err(_) if found.bare_number().is_some() => Err(found.unexpected(self.expected())),
            Err(e) => Err(found.mismatch(format_args!("is {}, which {e}; expected {}", quoted(text), self.expected()))),
        }
    }
}

/// Linux's own bound is 64; a fully qualified name may have 253.
const HOST_NAME_LENGTH_MAX: usize = 253;

fn host_name(found: &Found, field: &Field) -> Result<String, Mismatch> {
    let text = found.text(field)?;
    let fits = (1..=HOST_NAME_LENGTH_MAX).contains(&text.len());
    if !fits || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(found.mismatch(format_args!(
            "is {}: expected 1 to {HOST_NAME_LENGTH_MAX} characters without blanks, such as {}",
            quoted(text),
            field.example()
        )));
    }
    Ok(text.to_owned())
}

/// What is shorter can be guessed, and with it every name that is hashed.
const KEY_LENGTH_MIN: usize = 16;
const KEY_LENGTH_MAX: usize = 256;

fn key(found: &Found, field: &Field) -> Result<String, Mismatch> {
    let FoundValue::Text(text) = &found.value else {
        return Err(found.mismatch(format_args!("is no text in quotes: expected {}", field.expected())));
    };
    let length = text.chars().count();
    if length != 0 && !(KEY_LENGTH_MIN..=KEY_LENGTH_MAX).contains(&length) {
        return Err(found.mismatch(format_args!("has {length} characters: expected {}", field.expected())));
    }
    Ok(text.clone())
}

fn absolute_path(found: &Found, field: &Field) -> Result<PathBuf, Mismatch> {
    let text = found.text(field)?;
    if !text.starts_with('/') || text.contains('\0') {
        return Err(found.unexpected(field.expected()));
    }
    Ok(PathBuf::from(text))
}

fn loopback(found: &Found, field: &Field) -> Result<SocketAddr, Mismatch> {
    let text = found.text(field)?;
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address: SocketAddr =
        numeric.as_deref().unwrap_or(text).parse().map_err(|_| found.unexpected(field.expected()))?;
    if !address.ip().is_loopback() {
        return Err(found.mismatch(format_args!(
            "is {}, which other hosts can reach: that would need a token and TLS, which are not built yet; listen on {}",
            quoted(text),
            quoted(&format!("127.0.0.1:{}", address.port()))
        )));
    }
    Ok(address)
}

fn interfaces(found: &Found, field: &Field) -> Result<Vec<String>, Mismatch> {
    let FoundValue::List(items) = &found.value else {
        let fix = if let FoundValue::Text(text) = &found.value {
            format!(" (write [{}])", quoted(text))
        } else {
            String::new()
        };
        return Err(found.unexpected(format_args!("{}{fix}", field.expected())));
    };
    let mut names = Vec::with_capacity(items.len());
    let mut watches_any = false;
    for item in items {
        let text =
            item.text(field).map_err(|m| Mismatch { problem: format!("has an entry that {}", m.problem), ..m })?;
        let pattern = InterfacePattern::parse(text)
            .map_err(|e| item.mismatch(format_args!("has the entry {}, which {e}", quoted(text))))?;
        watches_any |= !matches!(pattern, InterfacePattern::Exclude(_));
        names.push(text.to_owned());
    }
    if !watches_any {
        return Err(found.mismatch("names nothing to watch: add \"auto\", a name or a pattern"));
    }
    Ok(names)
}
