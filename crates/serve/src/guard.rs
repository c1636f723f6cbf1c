//! Only loopback's own names are answered.
//!
//! A page from anywhere can make a browser send requests to 127.0.0.1 under a name of its own (DNS rebinding) and read
//! the answers. The name then stands in the `Host` header.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

pub(crate) async fn loopback_names_only(request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(|a| a.as_str());
    if may_answer(request.version(), request.headers(), authority) {
        return next.run(request).await;
    }
    let why =
        "The rig answers to localhost, 127.0.0.1 and [::1] only, not to the name in this request's Host header.\n";
    (StatusCode::FORBIDDEN, why).into_response()
}

fn may_answer(version: Version, headers: &HeaderMap, authority: Option<&str>) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter().peekable();
    // Before HTTP/1.1 there was no Host header; no browser speaks that any more.
    let anonymous = hosts.peek().is_none() && version <= Version::HTTP_10;
    let named = hosts.peek().is_some();
    let all_loopback = hosts.all(|host| host.to_str().is_ok_and(is_loopback));
    (anonymous || named) && all_loopback && authority.is_none_or(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ipv6, port)) if port.is_empty() || port.starts_with(':') => ipv6,
        Some(_) => return false,
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn answers(version: Version, hosts: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        may_answer(version, &headers, None)
    }

    #[test]
    fn loopback_by_its_names() {
        for host in ["localhost", "LOCALHOST:9798", "127.0.0.1:9798", "127.9.9.9", "[::1]:9798", "[::1]"] {
            assert!(answers(Version::HTTP_11, &[host]), "{host}");
        }
    }

    #[test]
    fn nothing_else() {
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9798", "10.0.0.1", "", "[::1]x"]
        {
            assert!(!answers(Version::HTTP_11, &[host]), "{host}");
        }
        assert!(!answers(Version::HTTP_11, &[]));
        assert!(!answers(Version::HTTP_11, &["localhost", "evil.example"]));
        assert!(answers(Version::HTTP_10, &[]));
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(!may_answer(Version::HTTP_11, &headers, Some("evil.example")));
    }
}
