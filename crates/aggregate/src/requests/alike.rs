//! Which requests are alike, and what those have in common that are.

use netrig_model::{Address, DnsExchange, Exchange, HttpExchange, Request, RequestKind, RequestOutcome, TlsExchange};
use std::borrow::Cow;

/// What a row's requests are alike in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Alike<'a> {
    kind: RequestKind,
    outcome: RequestOutcome,
    failed: bool,
    is_ipv6: bool,
    src: Address,
    dst: Address,
    dst_port: u16,
    protocol: u8,
    /// Process id and name.
    owner: Option<(u32, [u8; 16])>,
    texts: [Option<&'a str>; 4],
    status: Option<u16>,
    grpc: bool,
}

impl<'a> Alike<'a> {
    pub(super) fn of(request: &'a Request, failed: bool) -> Self {
        let key = &request.key;
        let (texts, status, grpc) = match &request.what {
            Exchange::Dns(dns) => {
                ([Some(dns.name.as_str()), Some(&dns.qtype), dns.rcode.as_deref(), None], None, false)
            }
            Exchange::Tls(tls) | Exchange::Quic(tls) => {
                ([tls.sni.as_deref(), tls.version.as_deref(), tls.alert.as_deref(), None], None, false)
            }
            Exchange::Http(http) | Exchange::Http2(http) => {
                let texts = [http.host.as_deref(), http.method.as_deref(), http.path.as_deref(), None];
                (texts, http.status, http.grpc)
            }
        };
        Self {
            kind: request.what.kind(),
            outcome: request.outcome,
            failed,
            is_ipv6: key.kind.is_ipv6(),
            src: key.src,
            dst: key.dst,
            dst_port: key.dst_port,
            protocol: key.protocol,
            owner: request.owner.map(|owner| (owner.pid, owner.process)),
            texts,
            status,
            grpc,
        }
    }
}

/// Leaves of what was asked and answered what is the same in another that is alike.
pub(super) fn keep_common(mine: &mut Exchange, other: &Exchange) {
    match (mine, other) {
        (Exchange::Dns(mine), Exchange::Dns(other)) => keep_common_dns(mine, other),
        (Exchange::Tls(mine), Exchange::Tls(other)) | (Exchange::Quic(mine), Exchange::Quic(other)) => {
            keep_common_tls(mine, other);
        }
        (Exchange::Http(mine), Exchange::Http(other)) | (Exchange::Http2(mine), Exchange::Http2(other)) => {
            keep(&mut mine.version, &other.version);
        }
        (mine, other) => debug_assert!(false, "{mine:?} and {other:?} are not alike"),
    }
}

fn keep_common_dns(mine: &mut DnsExchange, other: &DnsExchange) {
    keep(&mut mine.answers, &other.answers);
    // How long they may be remembered is not told.
    if !mine.addresses.iter().map(|(address, _)| address).eq(other.addresses.iter().map(|(address, _)| address)) {
        mine.addresses.clear();
    }
}

fn keep_common_tls(mine: &mut TlsExchange, other: &TlsExchange) {
    keep(&mut mine.alpn, &other.alpn);
    keep(&mut mine.cipher, &other.cipher);
    keep(&mut mine.ja4, &other.ja4);
    keep(&mut mine.resumed, &other.resumed);
    keep(&mut mine.ech, &other.ech);
}

/// Once two differ it stays unknown: none is not the same as any.
pub(super) fn keep<T: PartialEq>(mine: &mut Option<T>, other: &Option<T>) {
    if mine != other {
        *mine = None;
    }
}

/// Octets that a request has beside its own size.
pub(super) fn octets_beside(request: &Request) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
    match &request.what {
        Exchange::Dns(DnsExchange { name, qtype, rcode, addresses, .. }) => {
            name.capacity() + qtype.capacity() + of(rcode) + size_of_val(addresses.as_slice())
        }
        Exchange::Tls(tls) | Exchange::Quic(tls) => {
            let TlsExchange { sni, alpn, version, cipher, ja4, alert, .. } = tls;
            [sni, alpn, version, cipher, ja4, alert].into_iter().map(of).sum()
        }
        Exchange::Http(http) | Exchange::Http2(http) => {
            let HttpExchange { method, host, path, .. } = http;
            let method = match method {
                Some(Cow::Owned(method)) => method.capacity(),
                Some(Cow::Borrowed(_)) | None => 0,
            };
            method + of(host) + of(path)
        }
    }
}
