//! `[payload]`: what of payload is looked at, and what is kept of it.

use crate::units::ByteSize;
use std::fmt;
use std::time::Duration;

/// `[payload]`: requests, as they are read from the first octets of what passes.
#[derive(Clone, PartialEq, Eq)]
pub struct PayloadConfig {
    /// Whether payload is looked at.
    pub enabled: bool,
    /// What of it is kept.
    pub content: PayloadContent,
    /// What is kept of the path of an HTTP request; counts only where `content` is full.
    pub path: PathRule,
    /// The key under which names are hashed; empty: they are told as they are.
    pub hash_key: String,
    /// Ports at which DNS is spoken.
    pub dns_ports: Vec<u16>,
    /// Octets of one direction of a flow that are copied, at most, to find out what it is.
    pub copy: ByteSize,
    /// A request without an answer for this long is unanswered.
    pub timeout: Duration,
    /// Slower ones are always told one by one.
    pub slow: Duration,
    /// So many of a window are told one by one.
    pub records: u32,
}

impl Default for PayloadConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            content: PayloadContent::Names,
            path: PathRule::Cut,
            hash_key: String::new(),
            dns_ports: vec![53, 5353],
            copy: ByteSize(2 << 10),
            timeout: Duration::from_secs(5),
            slow: Duration::from_millis(100),
            records: 10_000,
        }
    }
}

impl fmt::Debug for PayloadConfig {
    /// The key is nobody's to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { enabled, content, path, hash_key, dns_ports, copy, timeout, slow, records } = self;
        f.debug_struct("PayloadConfig")
            .field("enabled", enabled)
            .field("content", content)
            .field("path", path)
            .field("hash_key", &if hash_key.is_empty() { "" } else { "***" })
            .field("dns_ports", dns_ports)
            .field("copy", copy)
            .field("timeout", timeout)
            .field("slow", slow)
            .field("records", records)
            .finish()
    }
}

/// What of requests is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadContent {
    /// Names, types, versions and answers; no path.
    Names,
    /// Paths as well, as [`PathRule`] says.
    Full,
}

impl PayloadContent {
    /// All, with the words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("names", Self::Names), ("full", Self::Full)];

    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Full => "full",
        }
    }
}

/// What of a path is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathRule {
    /// Up to the question mark.
    Cut,
    /// All of it.
    Keep,
    /// Its hash under the key.
    Hash,
}

impl PathRule {
    /// All, with the words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] = [("cut", Self::Cut), ("keep", Self::Keep), ("hash", Self::Hash)];

    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Keep => "keep",
            Self::Hash => "hash",
        }
    }
}
