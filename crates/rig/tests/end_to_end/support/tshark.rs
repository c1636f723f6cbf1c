//! What tshark tells of a capture's requests, and the same of what a replay told: the two accounts have one form.

use netrig_model::{RequestKind, RequestRecord};
use netrig_testkit::report_skipped;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

/// The client's end.
type Client = (IpAddr, u16);

/// Requests of a capture, as far as both tell them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Who asked, name, type, and the answer's code; none where there was no answer.
    pub(crate) dns: BTreeSet<(Client, String, String, Option<String>)>,
    /// Who sent a hello, by TCP or QUIC, and the server's name in it.
    pub(crate) sni: BTreeSet<(Client, Option<String>)>,
    /// Who asked, method and host; and how often.
    pub(crate) http: BTreeMap<(Client, String, Option<String>), u64>,
    /// Who was answered, with which status; and how often.
    pub(crate) statuses: BTreeMap<(Client, u16), u64>,
}

impl Account {
    /// Of a replay's requests.
    pub(crate) fn of(rows: &[RequestRecord]) -> Self {
        let mut account = Self::default();
        for row in rows {
            let client = (row.src_addr.expect("a client"), row.src_port.expect("its port"));
            match row.kind {
                RequestKind::Dns => {
                    let name = row.dns_name.clone().expect("a name");
                    let kind = row.dns_type.clone().expect("a type");
                    account.dns.insert((client, name, kind, row.dns_rcode.clone()));
                }
                RequestKind::Tls | RequestKind::Quic => drop(account.sni.insert((client, row.tls_sni.clone()))),
                RequestKind::Http => {
                    let method = row.http_method.clone().unwrap_or_default();
                    *account.http.entry((client, method, row.http_host.clone())).or_default() += row.requests;
                    if let Some(status) = row.http_status {
                        *account.statuses.entry((client, status)).or_default() += row.requests;
                    }
                }
                RequestKind::Http2 => panic!("not compared here: {row:?}"),
            }
        }
        account
    }

    /// By tshark; none, and the test is reported as skipped, where it is not installed.
    pub(crate) fn by_tshark(capture: &Path) -> Option<Self> {
        let mut command = Command::new("tshark");
        command.args([
            "-n",
            "-o",
            "tcp.reassemble_out_of_order:TRUE",
            "-T",
            "fields",
            "-E",
            "separator=|",
            "-E",
            "occurrence=a",
        ]);
        command.args(["-Y", "dns || tls.handshake.type == 1 || http.request || http.response", "-r"]).arg(capture);
        command.args(FIELDS.iter().flat_map(|field| ["-e", field]));
        let Ok(out) = command.output() else {
            report_skipped("tshark is not installed");
            return None;
        };
        assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
        let mut reading = Reading::default();
        String::from_utf8_lossy(&out.stdout).lines().for_each(|line| reading.packet(line));
        Some(reading.account())
    }

    /// How many requests it has.
    pub(crate) fn requests(&self) -> u64 {
        self.dns.len() as u64 + self.sni.len() as u64 + self.http.values().sum::<u64>()
    }
}

const FIELDS: [&str; 18] = [
    "ip.src",
    "ipv6.src",
    "ip.dst",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "dns.id",
    "dns.flags.response",
    "dns.qry.name",
    "dns.qry.type",
    "dns.flags.rcode",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "http.request.method",
    "http.host",
    "http.response.code",
];

/// A packet's fields; each as often as it is in the packet, that of inner headers last.
struct Packet<'a>(Vec<Vec<&'a str>>);

impl<'a> Packet<'a> {
    fn new(line: &'a str) -> Self {
        let values = |field: &'a str| field.split(',').filter(|value| !value.is_empty()).collect();
        Self(line.split('|').map(values).collect())
    }

    fn field(&self, name: &str) -> &[&'a str] {
        &self.0[FIELDS.iter().position(|field| *field == name).expect("a field that was asked for")]
    }

    /// The innermost of an end's addresses, and its port.
    fn end(&self, way: &str) -> Client {
        let last =
            |layers: [&str; 2]| layers.iter().find_map(|layer| self.field(&format!("{layer}.{way}")).last().copied());
        let port = |layer: &str| self.field(&format!("{layer}.{way}port")).last().copied();
        let address = last(["ipv6", "ip"]).expect("an address");
        let port = port("tcp").or_else(|| port("udp")).expect("a port");
        (address.parse().expect("an address"), port.parse().expect("a port"))
    }
}

/// Of DNS: who asked, the message's id, name and type.
type Question = (Client, String, String, String);

#[derive(Default)]
struct Reading {
    questions: BTreeMap<Question, Option<String>>,
    account: Account,
}

impl Reading {
    fn packet(&mut self, line: &str) {
        let packet = Packet::new(line);
        self.dns(&packet);
        self.tls(&packet);
        self.http(&packet);
    }

    /// One packet may have several messages.
    fn dns(&mut self, packet: &Packet<'_>) {
        let mut rcodes = packet.field("dns.flags.rcode").iter();
        let ids = packet.field("dns.id").iter().zip(packet.field("dns.flags.response"));
        let asked = packet.field("dns.qry.name").iter().zip(packet.field("dns.qry.type"));
        for ((id, is_answer), (name, kind)) in ids.zip(asked) {
            let is_answer = *is_answer == "1";
            let client = packet.end(if is_answer { "dst" } else { "src" });
            let name = if *name == "<Root>" { ".".to_owned() } else { name.to_lowercase() };
            let told = self.questions.entry((client, (*id).to_owned(), name, type_word(kind))).or_default();
            if is_answer {
                told.get_or_insert(rcode_word(rcodes.next().expect("an answer has a code")));
            }
        }
    }

    fn tls(&mut self, packet: &Packet<'_>) {
        if packet.field("tls.handshake.type").contains(&"1") {
            let name = packet.field("tls.handshake.extensions_server_name").first();
            self.account.sni.insert((packet.end("src"), name.map(|name| (*name).to_owned())));
        }
    }

    fn http(&mut self, packet: &Packet<'_>) {
        let (methods, hosts) = (packet.field("http.request.method"), packet.field("http.host"));
        assert!(methods.len() <= 1 || methods.len() == hosts.len(), "whose host is whose? {hosts:?}");
        for (index, method) in methods.iter().enumerate() {
            let host = hosts.get(index).map(|host| (*host).to_owned());
            *self.account.http.entry((packet.end("src"), (*method).to_owned(), host)).or_default() += 1;
        }
        for status in packet.field("http.response.code") {
            *self.account.statuses.entry((packet.end("dst"), status.parse().expect("a status"))).or_default() += 1;
        }
    }

    fn account(mut self) -> Account {
        let questions = self.questions.into_iter();
        self.account.dns = questions.map(|((client, _, name, kind), rcode)| (client, name, kind, rcode)).collect();
        self.account
    }
}

/// The words of IANA's registries for the numbers that the captures have.
fn type_word(number: &str) -> String {
    match number {
        "1" => "A",
        "2" => "NS",
        "5" => "CNAME",
        "6" => "SOA",
        "12" => "PTR",
        "13" => "HINFO",
        "15" => "MX",
        "16" => "TXT",
        "28" => "AAAA",
        "33" => "SRV",
        "41" => "OPT",
        "43" => "DS",
        "46" => "RRSIG",
        "48" => "DNSKEY",
        "65" => "HTTPS",
        "255" => "ANY",
        other => return format!("TYPE{other}"),
    }
    .to_owned()
}

fn rcode_word(number: &str) -> String {
    match number {
        "0" => "NOERROR",
        "1" => "FORMERR",
        "2" => "SERVFAIL",
        "3" => "NXDOMAIN",
        "4" => "NOTIMP",
        "5" => "REFUSED",
        other => panic!("a code that no capture has had: {other}"),
    }
    .to_owned()
}
