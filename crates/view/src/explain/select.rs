//! Which service somebody asks about.

use super::picture::Picture;
use std::net::{IpAddr, SocketAddr};

/// A service, as people write it: `:8080`, `10.0.0.1:5432`, `8080`, `:53/udp`, an address, or the name of a process, container
/// or unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    text: String,
    /// Without the transport.
    rest: String,
    transport: Option<String>,
}

impl Subject {
    /// Whatever the words mean, it is seen only among the services that there are.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let (rest, transport) = match text.rsplit_once('/') {
            Some((rest, transport @ ("udp" | "tcp"))) => (rest, Some(transport.to_owned())),
            _ => (text, None),
        };
        Self { text: text.to_owned(), rest: rest.to_owned(), transport }
    }

    /// Whether it is this one.
    #[must_use]
    pub fn is(&self, picture: &Picture) -> bool {
        let key = &picture.key;
        let named = [&key.process, &key.container].into_iter().flatten().any(|name| *name == self.text);
        named || key.service == self.text || self.transport_fits(picture) && self.place_fits(picture)
    }

    fn transport_fits(&self, picture: &Picture) -> bool {
        self.transport.is_none() || self.transport == picture.transport
    }

    fn place_fits(&self, picture: &Picture) -> bool {
        if let Ok(at) = self.rest.parse::<SocketAddr>() {
            return picture.addr == Some(at.ip()) && picture.port == Some(at.port());
        }
        if let Ok(addr) = self.rest.parse::<IpAddr>() {
            return picture.addr == Some(addr);
        }
        match (self.rest.strip_prefix(':'), self.rest.parse::<u16>()) {
            // With a colon: this host's own.
            (Some(port), _) => picture.addr.is_none() && picture.port.is_some() && port.parse().ok() == picture.port,
            (None, Ok(port)) => picture.port == Some(port),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::PictureKey;

    fn picture(service: &str, transport: &str, process: &str) -> Picture {
        let rest = service.trim_end_matches("/udp");
        let at = rest.parse::<SocketAddr>().ok();
        Picture {
            key: PictureKey { service: service.to_owned(), process: Some(process.to_owned()), ..PictureKey::default() },
            transport: Some(transport.to_owned()),
            addr: at.map(|a| a.ip()),
            port: at.map(|a| a.port()).or_else(|| rest.strip_prefix(':')?.parse().ok()),
            ..Picture::default()
        }
    }

    #[test]
    fn a_service_is_known_by_its_port_its_address_and_its_process() {
        let all = [
            picture(":8080", "tcp", "nginx"),
            picture(":53", "tcp", "named"),
            picture(":53/udp", "udp", "named"),
            picture("10.0.0.1:8080", "tcp", "curl"),
            picture("[2001:db8::1]:443", "tcp", "curl"),
        ];
        let found = |text: &str| {
            let subject = Subject::new(text);
            all.iter().filter(|p| subject.is(p)).map(|p| p.key.service.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(found(":8080"), [":8080"]);
        assert_eq!(found("8080"), [":8080", "10.0.0.1:8080"]);
        assert_eq!(found("10.0.0.1:8080"), ["10.0.0.1:8080"]);
        assert_eq!(found("10.0.0.1"), ["10.0.0.1:8080"]);
        assert_eq!(found("[2001:db8:0:0::1]:443"), ["[2001:db8::1]:443"]);
        assert_eq!(found("2001:db8::1"), ["[2001:db8::1]:443"]);
        assert_eq!(found(":53"), [":53", ":53/udp"]);
        assert_eq!(found(":53/udp"), [":53/udp"]);
        assert_eq!(found("53/tcp"), [":53"]);
        assert_eq!(found("named"), [":53", ":53/udp"]);
        for unknown in ["", ":", ":99999", "8081", "curl2", "10.0.0.2:8080", "/udp"] {
            assert!(found(unknown).is_empty(), "{unknown}");
        }
    }
}
