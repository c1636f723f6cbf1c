//! How requests went since the start, by kind, server and answer.
//!
//! Servers, answers and versions are named in the order in which they came, up to a bound; later ones are summed as others as long as
//! the rig runs. So no sum ever goes backwards, and no name goes from one sum to another.

use super::slow::Slow;
use netrig_model::{Exchange, Request, RequestKind, RequestOutcome, RequestSums, RequestTally};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::hash::BuildHasher;

/// Servers of a kind that have sums of their own.
const SERVERS_MAX: usize = 256;
/// Answers of a kind likewise.
const CODES_MAX: usize = 32;
/// Versions likewise.
const VERSIONS_MAX: usize = 8;
/// Sums of a kind; with so many, servers share those there are for all others.
const SUMS_MAX: usize = 1024;
/// A longer name is none that a server has.
const SERVER_OCTETS_MAX: usize = 255;
/// A longer word is none that a parser made.
const WORD_OCTETS_MAX: usize = 32;
/// Names that are found without a seeded hash.
const LATELY: usize = 32;
/// What answers and versions beyond the bounds are called.
const OTHER: &str = "other";
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// All sums.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    kinds: BTreeMap<RequestKind, OfKind>,
    scratch: String,
}

#[derive(Debug)]
struct OfKind {
    servers: Names,
    codes: Names,
    versions: Names,
    /// Nobody chooses numbers of names, so the hash needs no seed.
    sums: FxHashMap<Key, Sums>,
}

/// Of one key.
#[derive(Debug, Default)]
struct Sums {
    all: RequestSums,
    slow: Slow,
}

/// What names are known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    server: Name,
    code: Name,
    version: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    None,
    Known(u16),
    Other,
}

/// Names, in the order in which they came.
#[derive(Debug)]
struct Names {
    /// Strangers choose names, so the map is seeded.
    numbers: HashMap<Box<str>, u16>,
    /// Those asked for lately, by a hash that is found sooner.
    lately: [u16; LATELY],
    names: Vec<Box<str>>,
    max: usize,
    octets_max: usize,
}

impl Names {
    fn new(max: usize, octets_max: usize) -> Self {
        Self { numbers: HashMap::new(), lately: [u16::MAX; LATELY], names: Vec::new(), max, octets_max }
    }

    fn get(&mut self, name: Option<&str>) -> Name {
        let Some(name) = name else { return Name::None };
        let lately = &mut self.lately[FxBuildHasher.hash_one(name) as usize % LATELY];
        if self.names.get(usize::from(*lately)).is_some_and(|known| **known == *name) {
            return Name::Known(*lately);
        }
        if let Some(number) = self.numbers.get(name) {
            *lately = *number;
            return Name::Known(*number);
        }
        if self.names.len() >= self.max || name.len() > self.octets_max {
            return Name::Other;
        }
        let number = self.names.len() as u16;
        self.numbers.insert(name.into(), number);
        self.names.push(name.into());
        Name::Known(number)
    }

    fn text(&self, name: Name) -> Option<&str> {
        match name {
            Name::None => None,
            Name::Known(number) => self.names.get(usize::from(number)).map(AsRef::as_ref),
            Name::Other => Some(OTHER),
        }
    }

    fn bytes(&self) -> usize {
        let text: usize = self.names.iter().map(|name| name.len()).sum();
        2 * text + self.numbers.capacity() * size_of::<(Box<str>, u16)>()
    }
}

impl OfKind {
    fn new() -> Self {
        Self {
            servers: Names::new(SERVERS_MAX, SERVER_OCTETS_MAX),
            codes: Names::new(CODES_MAX, WORD_OCTETS_MAX),
            versions: Names::new(VERSIONS_MAX, WORD_OCTETS_MAX),
            sums: FxHashMap::default(),
        }
    }

    fn sums(&mut self, server: Option<&str>, code: Option<&str>, version: Option<&str>) -> &mut Sums {
        // Whom nobody named is among the others.
        let server = server.map_or(Name::Other, |server| self.servers.get(Some(server)));
        let key = Key { server, code: self.codes.get(code), version: self.versions.get(version) };
        let has_room = self.sums.len() < SUMS_MAX || self.sums.contains_key(&key);
        self.sums.entry(if has_room { key } else { Key { server: Name::Other, ..key } }).or_default()
    }
}

impl Tallies {
    /// Takes in a request; of a slow one is kept who asked whom.
    pub(super) fn add(&mut self, request: &Request, failed: bool, slow: bool) {
        let of_kind = self.kinds.entry(request.what.kind()).or_insert_with(OfKind::new);
        self.scratch.clear();
        let server = server(request, &mut self.scratch).then_some(self.scratch.as_str());
        let Sums { all: sums, slow: slow_ones } = match &request.what {
            Exchange::Dns(dns) => of_kind.sums(server, dns.rcode.as_deref(), None),
            Exchange::Tls(tls) | Exchange::Quic(tls) => {
                of_kind.sums(server, tls.alert.as_deref(), tls.version.as_deref())
            }
            Exchange::Http(http) | Exchange::Http2(http) => of_kind.sums(server, http.status.map(class), None),
        };
        sums.requests += 1;
        sums.failed += u64::from(failed);
        sums.unanswered += u64::from(request.outcome == RequestOutcome::Unanswered);
        sums.retries += u64::from(request.retries);
        if let Some(ns) = request.latency_ns {
            sums.latency.observe(ns);
        }
        if slow {
            slow_ones.add(request);
        }
    }

    pub(super) fn all(&self) -> Vec<RequestTally> {
        let mut all: Vec<RequestTally> = Vec::new();
        for (kind, of) in &self.kinds {
            let tally = |(key, sums): (&Key, &Sums)| RequestTally {
                kind: *kind,
                code: of.codes.text(key.code).map(str::to_owned),
                version: of.versions.text(key.version).map(str::to_owned),
                // A server may be called so, and is another one.
                server: of.servers.text(key.server).filter(|_| key.server != Name::Other).map(str::to_owned),
                sums: sums.all.clone(),
                slow: sums.slow.all(),
            };
            all.extend(of.sums.iter().map(tally));
        }
        all.sort_by(|a, b| order(a).cmp(&order(b)));
        all
    }

    pub(super) fn bytes(&self) -> usize {
        let of_kind = |of: &OfKind| {
            let beside = |sums: &Sums| size_of_val(sums.all.latency.buckets.as_slice()) + sums.slow.bytes();
            let beside: usize = of.sums.values().map(beside).sum();
            let names = of.servers.bytes() + of.codes.bytes() + of.versions.bytes();
            names + beside + of.sums.capacity() * size_of::<(Key, Sums)>()
        };
        self.kinds.values().map(of_kind).sum()
    }
}

/// Most first; those with as many by name, so that a picture is the same each time.
fn order(tally: &RequestTally) -> impl Ord + '_ {
    (u64::MAX - tally.sums.requests, tally.kind, &tally.server, &tally.code, &tally.version)
}

/// Writes who was asked, as it has sums of its own. Whether that is known.
fn server(request: &Request, text: &mut String) -> bool {
    let name = match &request.what {
        Exchange::Dns(_) => {
            let key = &request.key;
            return write!(text, "{}", key.dst.to_ip(key.kind.is_ipv6())).is_ok();
        }
        Exchange::Tls(tls) | Exchange::Quic(tls) => &tls.sni,
        Exchange::Http(http) | Exchange::Http2(http) => &http.host,
    };
    let Some(name) = name.as_deref().filter(|name| !name.is_empty()) else { return false };
    text.push_str(name);
    // A host's name is the same in any case.
    text.make_ascii_lowercase();
    true
}

fn class(status: u16) -> &'static str {
    let class = usize::from(status / 100).checked_sub(1);
    class.and_then(|class| CLASSES.get(class)).copied().unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{dns, http, request, tls};
    use super::*;
    use netrig_model::HttpExchange;

    fn shown(tally: RequestTally) -> (Option<String>, Option<String>, u64) {
        (tally.server, tally.code, tally.sums.requests)
    }

    #[test]
    fn what_has_the_server_and_the_answer_in_common_is_one_sum() {
        let mut tallies = Tallies::default();
        let (mut example, mut other) = (http("Example.org:80", 204), http("example.org:80", 200));
        example.latency_ns = Some(1_000_000);
        other.latency_ns = Some(3_000_000);
        tallies.add(&example, false, false);
        tallies.add(&other, false, false);
        tallies.add(&http("example.org:80", 404), true, false);
        tallies.add(&http("example.org:80", 999), true, false);
        let some = |text: &str| Some(text.to_owned());
        let host = some("example.org:80");
        let expected = [("2xx", 2), ("4xx", 1), ("other", 1)].map(|(code, n)| (host.clone(), some(code), n));
        assert_eq!(tallies.all().into_iter().map(shown).collect::<Vec<_>>(), expected);
        let sums = tallies.all().swap_remove(0).sums;
        assert_eq!((sums.latency.count(), sums.latency.sum_ns, sums.failed), (2, 4_000_000, 0));
    }

    #[test]
    fn a_resolver_is_known_by_its_address_and_a_session_by_name_and_version() {
        let mut tallies = Tallies::default();
        tallies.add(&dns("a.example", "NOERROR"), false, false);
        tallies.add(&tls("b.example", None), false, false);
        tallies.add(&tls("b.example", Some("handshake_failure")), true, false);
        let text = |t: &RequestTally| format!("{:?} {:?} {:?} {:?}", t.kind, t.server, t.code, t.version);
        let all: Vec<_> = tallies.all().iter().map(text).collect();
        let expected = [
            r#"Dns Some("192.0.2.1") Some("NOERROR") None"#,
            r#"Tls Some("b.example") None Some("TLS 1.3")"#,
            r#"Tls Some("b.example") Some("handshake_failure") Some("TLS 1.3")"#,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_flood_of_names_is_bounded_and_all_of_them_are_counted() {
        let mut tallies = Tallies::default();
        for n in 0..5000_u32 {
            let mut one = http(&format!("{n}.example"), (n % 600) as u16);
            one.retries = 1;
            tallies.add(&one, false, false);
            let rcode = format!("RCODE{n}");
            tallies.add(&dns("a.example", &rcode), true, false);
        }
        let long = "x".repeat(300);
        tallies.add(
            &request(Exchange::Http(HttpExchange { host: Some(long), ..HttpExchange::default() })),
            false,
            false,
        );
        let all = tallies.all();
        let of = |kind| all.iter().filter(move |tally| tally.kind == kind);
        assert_eq!(of(RequestKind::Http).map(|tally| tally.sums.requests).sum::<u64>(), 5001);
        assert_eq!(of(RequestKind::Dns).map(|tally| tally.sums.requests).sum::<u64>(), 5000);
        let servers: std::collections::BTreeSet<_> = of(RequestKind::Http).filter_map(|t| t.server.as_ref()).collect();
        assert_eq!(servers.len(), SERVERS_MAX);
        assert_eq!(of(RequestKind::Dns).count(), CODES_MAX + 1);
        assert!(of(RequestKind::Http).count() <= SUMS_MAX + CODES_MAX + 1);
    }

    #[test]
    fn no_sum_is_lost_when_all_of_them_are_taken() {
        let mut tallies = Tallies::default();
        for server in 0..SERVERS_MAX {
            for code in 0..CODES_MAX as u16 + 5 {
                let mut one = dns("a.example", &format!("R{code}"));
                one.key.dst = netrig_model::Address::v4([10, 0, 0, server as u8]);
                tallies.add(&one, false, false);
            }
        }
        let all = tallies.all();
        assert!(all.len() <= SUMS_MAX + CODES_MAX + 1, "{}", all.len());
        let sum: u64 = all.iter().map(|tally| tally.sums.requests).sum();
        assert_eq!(sum, (SERVERS_MAX * (CODES_MAX + 5)) as u64);
    }
}
