//! One request to the server, and what its answer means.

use super::{Credentials, RemoteWriteOptions};
use crate::error::ExportError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

/// As much of an answer is read: what is wrong stands at its beginning.
const ANSWER_BYTES_MAX: u64 = 512;

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The server has it.
    Taken,
    /// Nobody answered, or the server is not ready: the same again, not before what it asked for.
    Later { asked: Option<Duration>, why: String },
    /// The server will not have it, now or ever; `kind` is its status.
    Refused { kind: u16, why: String },
}

/// A connection, kept open from one request to the next.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    credentials: Credentials,
}

impl Client {
    /// Reads certificates and credentials once, to find out that they can be.
    pub(super) fn new(options: &RemoteWriteOptions) -> Result<Self, ExportError> {
        let url = options.url.clone();
        let uri: Uri = url.parse().map_err(|e| ExportError::Url { url: url.clone(), why: format!("{e}") })?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(ExportError::Url { url, why: "it names no host".to_owned() });
        }
        let mut config = Agent::config_builder()
            // A redirected write is a server that moved: better told than followed with credentials.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("netrig/", env!("CARGO_PKG_VERSION")));
        if uri.scheme_str() == Some("https") {
            config = config.tls_config(tls(options)?);
        }
        let client = Self { agent: config.build().new_agent(), url, credentials: options.credentials.clone() };
        client.authorization()?;
        Ok(client)
    }

    /// Sends a compressed request; takes no longer than `timeout`.
    pub(super) fn send(&self, body: &[u8], timeout: Duration) -> Answer {
        let mut request = self
            .agent
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONTENT_ENCODING, "snappy")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0");
        match self.authorization() {
            Ok(None) => {}
            Ok(Some(value)) => request = request.header(header::AUTHORIZATION, value),
            // Somebody is replacing it, perhaps.
            Err(error) => return Answer::Later { asked: None, why: error.to_string() },
        }
        match request.config().timeout_global(Some(timeout)).build().send(body) {
            Ok(response) => answer(response),
            Err(error) => Answer::Later { asked: None, why: format!("no answer: {error}") },
        }
    }

    fn authorization(&self) -> Result<Option<String>, ExportError> {
        Ok(match &self.credentials {
            Credentials::None => None,
            Credentials::Bearer(path) => Some(format!("Bearer {}", secret("the bearer token", path)?)),
            Credentials::Basic(user, path) => {
                let password = secret("the password", path)?;
                Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
            }
        })
    }
}

/// The one line of a file.
fn secret(what: &'static str, path: &Path) -> Result<String, ExportError> {
    let text = read(what, path).map(String::from_utf8)?;
    let fits = |text: &String| !text.is_empty() && !text.chars().any(char::is_control);
    let line = text.ok().map(|text| text.trim().to_owned()).filter(fits);
    line.ok_or_else(|| ExportError::Secret { what, path: path.to_owned() })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ExportError> {
    fs::read(path).map_err(|source| ExportError::File { what, path: path.to_owned(), source })
}

fn tls(options: &RemoteWriteOptions) -> Result<TlsConfig, ExportError> {
    let none = |why: String| ExportError::Certificates { url: options.url.clone(), why };
    let roots = match &options.ca_file {
        Some(path) => {
            let pem = read("certificates", path)?;
            let found: Result<Vec<_>, _> = parse_pem(&pem).collect();
            let found = found.map_err(|e| none(format!("{}: {e}", path.display())))?;
            let certificates = found.into_iter().filter_map(|item| match item {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            });
            let certificates: Vec<_> = certificates.collect();
            if certificates.is_empty() {
                return Err(none(format!("there are none in {}, which should have some in PEM", path.display())));
            }
            certificates
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
                let why = format!(
                    "this host has none ({}): install ca-certificates, or set `tls_ca_file`",
                    errors.join("; ")
                );
                return Err(none(why));
            }
            found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCerts::new_with_certs(&roots);
    Ok(TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build())
}

fn answer(mut response: Response<Body>) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Answer::Taken;
    }
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(retry_after);
    let mut body = Vec::new();
    // What it says is for people: without it the status has to do.
    let _ = response.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut body);
    let said = String::from_utf8_lossy(&body);
    let said = said.trim().replace(|c: char| c.is_control(), " ");
    let why = if said.is_empty() { format!("status {status}") } else { format!("status {status}: {said}") };
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Answer::Later { asked, why }
    } else {
        Answer::Refused { kind: status.as_u16(), why }
    }
}

/// Seconds, or a date.
fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: Timestamp =
        jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO), "what is over");
        let later = retry_after("Fri, 31 Dec 2199 23:59:59 GMT").expect("a date");
        assert!(later > Duration::from_secs(86_400), "{later:?}");
        assert_eq!(retry_after("soon"), None);
    }
}
