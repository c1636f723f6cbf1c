//! What hellos say, by `tls-parser`. Extensions are walked one by one, for one that is malformed shall not hide the others.

use super::ja4::{self, Transport, is_grease};
use super::{ClientHello, ServerAnswer, words};
use crate::parse::text::text;
use tls_parser::{
    TlsCipherSuite, TlsClientHelloContents, TlsExtension, parse_tls_extension_alpn_content,
    parse_tls_extension_signature_algorithms_content, parse_tls_extension_sni_content,
    parse_tls_extension_supported_versions, parse_tls_extension_unknown, parse_tls_handshake_client_hello,
    parse_tls_handshake_server_hello,
};

pub(super) const SNI: u16 = 0;
pub(super) const ALPN: u16 = 16;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const SUPPORTED_VERSIONS: u16 = 43;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
const TLS_1_3: u16 = 0x0304;

/// What a ServerHello has for its random when it is a HelloRetryRequest (RFC 8446, 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What of a hello's extensions is of use.
#[derive(Default)]
pub(super) struct Extensions<'a> {
    /// Their types, as they come.
    pub(super) types: Vec<u16>,
    pub(super) sni: Option<&'a [u8]>,
    /// The first protocol.
    pub(super) alpn: Option<&'a [u8]>,
    /// The highest of the versions.
    pub(super) version: Option<u16>,
    pub(super) signature_algorithms: Vec<u16>,
    pub(super) has_ticket: bool,
}

impl<'a> Extensions<'a> {
    fn read(mut octets: &'a [u8]) -> Self {
        let mut found = Self::default();
        while let Ok((rest, TlsExtension::Unknown(kind, body))) = parse_tls_extension_unknown(octets) {
            found.take(kind.0, body, &octets[..octets.len() - rest.len()]);
            octets = rest;
        }
        found
    }

    fn take(&mut self, kind: u16, body: &'a [u8], whole: &'a [u8]) {
        self.types.push(kind);
        match kind {
            SNI => {
                let Ok((_, TlsExtension::SNI(names))) = parse_tls_extension_sni_content(body) else { return };
                self.sni = names.into_iter().find(|(kind, name)| kind.0 == 0 && !name.is_empty()).map(|(_, name)| name);
            }
            ALPN => {
                let Ok((_, TlsExtension::ALPN(protocols))) = parse_tls_extension_alpn_content(body) else { return };
                self.alpn = protocols.into_iter().next();
            }
            SIGNATURE_ALGORITHMS => {
                let read = parse_tls_extension_signature_algorithms_content(body);
                let Ok((_, TlsExtension::SignatureAlgorithms(algorithms))) = read else { return };
                self.signature_algorithms = algorithms;
            }
            SUPPORTED_VERSIONS => {
                let read = parse_tls_extension_supported_versions(whole);
                let Ok((_, TlsExtension::SupportedVersions(versions))) = read else { return };
                self.version = versions.iter().map(|version| version.0).filter(|version| !is_grease(*version)).max();
            }
            SESSION_TICKET => self.has_ticket = !body.is_empty(),
            _ => {}
        }
    }

    fn has(&self, kind: u16) -> bool {
        self.types.contains(&kind)
    }
}

/// Reads a ClientHello, without the handshake's header.
pub(in crate::parse) fn client_body(body: &[u8], transport: Transport) -> Option<ClientHello> {
    let (_, hello) = parse_tls_handshake_client_hello(body).ok()?;
    let extensions = Extensions::read(hello.ext.unwrap_or_default());
    let version = extensions.version.unwrap_or(hello.version.0);
    let ciphers: Vec<u16> = hello.ciphers.iter().map(|cipher| cipher.0).collect();
    let ja4 = ja4::ja4(transport, version, &ciphers, &extensions);
    Some(ClientHello { ja4, ..describe(&hello, &extensions) })
}

/// Reads what there is of a ClientHello that is cut.
pub(super) fn client_body_cut(body: &[u8]) -> Option<ClientHello> {
    let (rest, hello) = parse_tls_handshake_client_hello(body).ok()?;
    // Extensions that are not whole are left behind, after their length.
    let extensions = Extensions::read(hello.ext.or_else(|| rest.get(2..)).unwrap_or_default());
    Some(describe(&hello, &extensions))
}

fn describe(hello: &TlsClientHelloContents<'_>, extensions: &Extensions<'_>) -> ClientHello {
    let version = extensions.version.unwrap_or(hello.version.0);
    let session_id = hello.session_id.unwrap_or_default().to_vec();
    // From TLS 1.3 on a session id is there to please middle boxes.
    let offers_id = version < TLS_1_3 && !session_id.is_empty();
    ClientHello {
        sni: extensions.sni.map(|name| text(name).to_ascii_lowercase()),
        alpn: extensions.alpn.map(text),
        version: Some(words::version(version)),
        ja4: String::new(),
        ech: extensions.has(ENCRYPTED_CLIENT_HELLO),
        session_id,
        offers_resumption: offers_id || extensions.has_ticket || extensions.has(PRE_SHARED_KEY),
    }
}

/// Reads a ServerHello, without the handshake's header.
pub(in crate::parse) fn server_body(body: &[u8]) -> Option<ServerAnswer> {
    let (_, hello) = parse_tls_handshake_server_hello(body).ok()?;
    let extensions = Extensions::read(hello.ext.unwrap_or_default());
    let cipher = TlsCipherSuite::from_id(hello.cipher.0);
    Some(ServerAnswer {
        version: Some(words::version(extensions.version.unwrap_or(hello.version.0))),
        cipher: Some(cipher.map_or_else(|| format!("0x{:04x}", hello.cipher.0), |cipher| cipher.name.to_owned())),
        alpn: extensions.alpn.map(text),
        session_id: hello.session_id.unwrap_or_default().to_vec(),
        took_psk: extensions.has(PRE_SHARED_KEY),
        is_retry: hello.random == RETRY_RANDOM,
        alert: None,
    })
}
