//! What may leave: names as they are or hashed, paths whole, cut, hashed or not at all.

use super::config::{Paths, Privacy};
use hmac::{Hmac, KeyInit, Mac};
use netrig_model::{Exchange, HttpExchange, Request};
use sha2::Sha256;
use std::fmt::Write as _;

/// Octets of a hash that are told: 16 hex digits.
const TOLD: usize = 8;

/// A [`Privacy`], made ready.
pub(super) struct Veil {
    paths: Paths,
    keyed: Option<Hmac<Sha256>>,
}

impl Veil {
    pub(super) fn new(privacy: &Privacy) -> Self {
        // HMAC takes keys of any length.
        let keyed = privacy.key.as_deref().and_then(|key| Hmac::new_from_slice(key).ok());
        Self { paths: privacy.paths, keyed }
    }

    /// Whether anything is told of paths.
    pub(super) fn tells_paths(&self) -> bool {
        self.paths != Paths::Off
    }

    /// Leaves of a request what may be told.
    pub(super) fn draw(&self, request: &mut Request) {
        match &mut request.what {
            Exchange::Dns(dns) => self.name(&mut dns.name),
            Exchange::Tls(tls) | Exchange::Quic(tls) => tls.sni.iter_mut().for_each(|name| self.name(name)),
            Exchange::Http(http) | Exchange::Http2(http) => self.http(http),
        }
    }

    fn http(&self, http: &mut HttpExchange) {
        http.host.iter_mut().for_each(|host| self.host(host));
        let Some(path) = http.path.take() else { return };
        let cut = path.split(['?', '#']).next().unwrap_or_default();
        http.path = match self.paths {
            Paths::Off => None,
            Paths::Keep => Some(path),
            Paths::Cut => Some(cut.to_owned()),
            Paths::Hash => self.keyed.as_ref().map(|keyed| hashed(keyed, cut)),
        };
    }

    /// A name's hash is the same wherever the name is found: as asked for in DNS, in TLS, or with a port behind it.
    fn name(&self, name: &mut String) {
        if let Some(keyed) = &self.keyed
            && !name.is_empty()
        {
            *name = hashed(keyed, &name.trim_end_matches('.').to_ascii_lowercase());
        }
    }

    fn host(&self, host: &mut String) {
        if self.keyed.is_none() {
            return;
        }
        let port_at = host.rfind(':').filter(|at| host[at + 1..].bytes().all(|b| b.is_ascii_digit()));
        let port = port_at.map(|at| host.split_off(at)).unwrap_or_default();
        self.name(host);
        host.push_str(&port);
    }
}

fn hashed(keyed: &Hmac<Sha256>, text: &str) -> String {
    let mut mac = keyed.clone();
    mac.update(text.as_bytes());
    let digest = mac.finalize().into_bytes();
    digest[..TOLD].iter().fold(String::with_capacity(2 * TOLD), |mut told, octet| {
        // Writing to a string does not fail.
        let _ = write!(told, "{octet:02x}");
        told
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil(paths: Paths, key: Option<&[u8]>) -> Veil {
        Veil::new(&Privacy { paths, key: key.map(<[u8]>::to_vec) })
    }

    fn http_through(veil: &Veil, host: &str, path: &str) -> (String, Option<String>) {
        let mut http =
            HttpExchange { host: Some(host.to_owned()), path: Some(path.to_owned()), ..HttpExchange::default() };
        veil.http(&mut http);
        (http.host.expect("a host stays"), http.path)
    }

    #[test]
    fn paths_are_told_as_far_as_wanted() {
        let path = |paths, key: Option<&[u8]>| http_through(&veil(paths, key), "h", "/a/b?token=secret").1;
        assert_eq!(path(Paths::Off, None), None);
        assert_eq!(path(Paths::Cut, None).as_deref(), Some("/a/b"));
        assert_eq!(path(Paths::Keep, None).as_deref(), Some("/a/b?token=secret"));
        assert_eq!(path(Paths::Hash, None), None, "a hash that anyone can make again hides nothing");
        assert_eq!(path(Paths::Hash, Some(b"k")).map(|p| p.len()), Some(16));
    }

    #[test]
    fn a_name_has_one_hash_wherever_it_is_found() {
        let veil = veil(Paths::Off, Some(b"secret"));
        let mut dns = "example.org".to_owned();
        veil.name(&mut dns);
        // printf example.org | openssl dgst -sha256 -hmac secret
        assert_eq!(dns, "1d1e7e283e1e1740");
        assert_eq!(http_through(&veil, "Example.org:8080", "/").0, format!("{dns}:8080"));
        assert_eq!(http_through(&veil, "example.org", "/").0, dns);
        assert!(!http_through(&veil, "[2001:db8::1]:80", "/").0.contains("2001"));
        assert_ne!(http_through(&veil, "example.com", "/").0, dns);
    }

    #[test]
    fn without_a_key_names_are_told() {
        assert_eq!(http_through(&veil(Paths::Off, None), "Example.org", "/").0, "Example.org");
    }
}
