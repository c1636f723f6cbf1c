//! `[remote_write]`: where metrics are pushed to, for hosts that nobody can scrape.

use crate::errors::{ConfigError, Place};
use crate::sections::Config;
use crate::settings::{Setting, restart};
use crate::units::ByteSize;
use crate::value::{Field, Found, FoundValue, Mismatch, quoted, toml_string};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

/// `[remote_write]`: metrics are sent to a server that takes Prometheus remote write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWriteConfig {
    /// Where to; `None`: nothing is sent.
    pub url: Option<String>,
    /// Time from one picture to the next.
    pub interval: Duration,
    /// How long the server may take for one request.
    pub timeout: Duration,
    /// Labels that every series gets beside its own.
    pub external_labels: BTreeMap<String, String>,
    /// Whether distributions are sent as native histograms instead of classic ones.
    pub native_histograms: bool,
    /// File whose content is sent as a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// Name for basic authentication.
    pub basic_auth_user: Option<String>,
    /// File whose content is its password.
    pub basic_auth_password_file: Option<PathBuf>,
    /// Certificates that are trusted instead of the host's own.
    pub tls_ca_file: Option<PathBuf>,
    /// Bytes that may wait, compressed.
    pub queue: ByteSize,
    /// The most samples of one request.
    pub samples_per_request: u32,
}

impl Default for RemoteWriteConfig {
    fn default() -> Self {
        Self {
            url: None,
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            external_labels: BTreeMap::new(),
            native_histograms: false,
            bearer_token_file: None,
            basic_auth_user: None,
            basic_auth_password_file: None,
            tls_ca_file: None,
            queue: ByteSize::mib(8),
            samples_per_request: 2_000,
        }
    }
}

const fn path(
    path: &'static str,
    at: fn(&mut Config) -> &mut Option<PathBuf>,
    example: &'static str,
    help: &'static str,
) -> Setting {
    restart(path, Field::OptionalPath { at, example }, help)
}

pub(crate) const URL: Setting = restart(
    "remote_write.url",
    Field::OptionalUrl(|c| &mut c.remote_write.url),
    "Where metrics are sent by Prometheus remote write 1.0; without it nothing is sent.",
);
pub(crate) const INTERVAL: Setting = restart(
    "remote_write.interval",
    Field::Duration {
        at: |c| &mut c.remote_write.interval,
        min: Duration::from_secs(1),
        max: Duration::from_secs(3_600),
    },
    "How often all metrics are sent.",
);
pub(crate) const TIMEOUT: Setting = restart(
    "remote_write.timeout",
    Field::Duration {
        at: |c| &mut c.remote_write.timeout,
        min: Duration::from_millis(100),
        max: Duration::from_secs(300),
    },
    "A request that takes longer is made again.",
);
pub(crate) const EXTERNAL_LABELS: Setting = restart(
    "remote_write.external_labels",
    Field::Labels(|c| &mut c.remote_write.external_labels),
    "Labels that every series gets beside its own, which win. There are `job = \"netrig\"` and `instance`, the host's name, unless \
     they are given here.",
);
pub(crate) const NATIVE_HISTOGRAMS: Setting = restart(
    "remote_write.native_histograms",
    Field::Bool(|c| &mut c.remote_write.native_histograms),
    "Whether distributions are sent as native histograms. Else as classic ones, which every server takes.",
);
pub(crate) const BEARER_TOKEN_FILE: Setting = path(
    "remote_write.bearer_token_file",
    |c| &mut c.remote_write.bearer_token_file,
    "/etc/netrig/token",
    "File with a token that each request carries; read each time, so that it can be replaced. Not with `basic_auth_user`.",
);
pub(crate) const BASIC_AUTH_USER: Setting = restart(
    "remote_write.basic_auth_user",
    Field::OptionalText { at: |c| &mut c.remote_write.basic_auth_user, example: "netrig" },
    "Name for basic authentication. Needs `basic_auth_password_file`.",
);
pub(crate) const BASIC_AUTH_PASSWORD_FILE: Setting = path(
    "remote_write.basic_auth_password_file",
    |c| &mut c.remote_write.basic_auth_password_file,
    "/etc/netrig/password",
    "File with its password; read each time.",
);
pub(crate) const TLS_CA_FILE: Setting = path(
    "remote_write.tls_ca_file",
    |c| &mut c.remote_write.tls_ca_file,
    "/etc/netrig/ca.pem",
    "Certificates (PEM) that the server's must come from. Without it, those that the host trusts.",
);
pub(crate) const QUEUE: Setting = restart(
    "remote_write.queue",
    Field::Size { at: |c| &mut c.remote_write.queue, min: ByteSize(64 << 10), max: ByteSize::gib(1) },
    "Memory for what the server has not taken yet, compressed. When it is full the oldest is dropped, and counted.",
);
pub(crate) const SAMPLES_PER_REQUEST: Setting = restart(
    "remote_write.samples_per_request",
    Field::Count { at: |c| &mut c.remote_write.samples_per_request, min: 100, max: 100_000 },
    "The most samples of one request.",
);

/// Reads `http://host:9090/path`. A name and password in it would be in every log.
pub(crate) fn url(found: &Found, text: &str, expected: &str) -> Result<String, Mismatch> {
    let refuse = |why: &str| Err(found.mismatch(format_args!("is {}, {why}: expected {expected}", quoted(text))));
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return refuse("which begins with neither `http://` nor `https://`");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(found.mismatch(
            "has a user in it, which would be logged: set `basic_auth_user` and `basic_auth_password_file` instead",
        ));
    }
    if authority.is_empty() || authority.starts_with(':') {
        return refuse("which names no host");
    }
    if text.contains('#') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("which has a blank or a `#` in it");
    }
    Ok(text.to_owned())
}

/// `{ site = "lab" }`
pub(crate) fn labels_to_toml(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "{}".to_owned();
    }
    let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name} = {}", toml_string(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Reads a table of label names and values.
pub(crate) fn labels(found: &Found, expected: &str) -> Result<BTreeMap<String, String>, Mismatch> {
    let FoundValue::Table(pairs) = &found.value else { return Err(found.unexpected(expected)) };
    let mut labels = BTreeMap::new();
    for (name, value) in pairs {
        if !is_label_name(name) {
            return Err(value.mismatch(format_args!(
                "has the label {}, which is no name: letters, digits and `_`, no digit first, and not `__` first",
                quoted(name)
            )));
        }
        let FoundValue::Text(text) = &value.value else {
            return Err(
                value.mismatch(format_args!("has the label {}, whose value is no text in quotes", quoted(name)))
            );
        };
        labels.insert(name.clone(), text.clone());
    }
    Ok(labels)
}

fn is_label_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty()
        && name.chars().all(plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("__")
}

/// A server takes one kind of credentials, and a name is none without its password.
pub(crate) fn check(config: &Config, set_at: &HashMap<&str, Place>, errors: &mut Vec<ConfigError>) {
    const USER: &str = "remote_write.basic_auth_user";
    const PASSWORD: &str = "remote_write.basic_auth_password_file";
    let remote = &config.remote_write;
    let mut refuse = |key: &str, why: String| {
        if let Some(place) = set_at.get(key) {
            errors.push(ConfigError {
                place: place.clone(),
                key: Some(key.to_owned()),
                message: format!("`{key}` {why}"),
            });
        }
    };
    match (&remote.basic_auth_user, &remote.basic_auth_password_file) {
        (Some(_), None) => refuse(USER, format!("needs a password: set `{PASSWORD}`")),
        (None, Some(_)) => refuse(PASSWORD, format!("needs a name: set `{USER}`")),
        (Some(_), Some(_)) if remote.bearer_token_file.is_some() => {
            refuse(USER, "and `remote_write.bearer_token_file` are both set: a request carries one of them".to_owned());
        }
        _ => {}
    }
}
