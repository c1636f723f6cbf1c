//! All keys of the policy file: what is unknown, what a message calls expected, and the tables of `docs/policy.md`.

/// A table of the policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTable {
    /// The file itself, above its first table.
    File,
    /// `[management]`
    Management,
    /// `[[set]]`
    Set,
    /// `[[rule]]`
    Rule,
    /// `match` of a rule, and each of `any`.
    Match,
    /// `action` of a rule, where it is a table.
    Action,
    /// `limit` of an action.
    Limit,
    /// `per` of a limit, where it is a table.
    Per,
    /// `redirect` of an action.
    Redirect,
    /// `sample` of an action.
    Sample,
    /// `syn-guard` of an action.
    SynGuard,
}

impl KeyTable {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::File,
        Self::Management,
        Self::Set,
        Self::Rule,
        Self::Match,
        Self::Action,
        Self::Limit,
        Self::Per,
        Self::Redirect,
        Self::Sample,
        Self::SynGuard,
    ];

    /// Its place in the file: `rule.action.limit`; empty for the file itself.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::File => "",
            Self::Management => "management",
            Self::Set => "set",
            Self::Rule => "rule",
            Self::Match => "rule.match",
            Self::Action => "rule.action",
            Self::Limit => "rule.action.limit",
            Self::Per => "rule.action.limit.per",
            Self::Redirect => "rule.action.redirect",
            Self::Sample => "rule.action.sample",
            Self::SynGuard => "rule.action.syn-guard",
        }
    }

    /// As messages call it: `[[rule]]`, `` `match` ``.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::File => "the file",
            Self::Management => "[management]",
            Self::Set => "[[set]]",
            Self::Rule => "[[rule]]",
            Self::Match => "`match`",
            Self::Action => "`action`",
            Self::Limit => "`limit`",
            Self::Per => "`per`",
            Self::Redirect => "`redirect`",
            Self::Sample => "`sample`",
            Self::SynGuard => "`syn-guard`",
        }
    }

    /// Its keys.
    pub fn keys(self) -> impl Iterator<Item = &'static PolicyKey> {
        KEYS.iter().filter(move |key| key.table == self)
    }
}

/// A key of the policy file.
#[derive(Clone, Copy, Debug)]
pub struct PolicyKey {
    /// Where it stands.
    pub table: KeyTable,
    /// What it is called.
    pub name: &'static str,
    /// What it takes, with its bounds, so that "expected" can stand before it.
    pub kind: &'static str,
    /// What holds without it, as TOML; or a word on what that means.
    pub default: &'static str,
    /// A value, as TOML.
    pub example: &'static str,
    /// What it is for.
    pub help: &'static str,
}

impl PolicyKey {
    /// `rule.match.src`
    #[must_use]
    pub fn path(&self) -> String {
        path(self.table, self.name)
    }
}

/// `rule.match` and `src`: `rule.match.src`
pub(super) fn path(table: KeyTable, name: &str) -> String {
    if table == File { name.to_owned() } else { format!("{}.{name}", table.path()) }
}

/// The key of that name; the code asks for no other than those in the list.
pub(super) fn key(table: KeyTable, name: &str) -> Option<&'static PolicyKey> {
    table.keys().find(|key| key.name == name)
}

/// The table of `table`'s keys for `docs/policy.md`.
#[must_use]
pub fn keys_table(table: KeyTable) -> String {
    let mut text = "| key | type | default | example | meaning |\n|---|---|---|---|---|\n".to_owned();
    for key in table.keys() {
        let kind = key.kind.strip_prefix("a ").or(key.kind.strip_prefix("an ")).unwrap_or(key.kind);
        let default = if key.default.starts_with(|c: char| c.is_ascii_digit() || "\"[".contains(c))
            || matches!(key.default, "true" | "false")
        {
            format!("`{}`", key.default)
        } else {
            key.default.to_owned()
        };
        // A bar would end the cell.
        let cells = [&format!("`{}`", key.name), kind, &default, &format!("`{}`", key.example), key.help];
        text += &format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    text
}

const fn new(
    table: KeyTable,
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    example: &'static str,
    help: &'static str,
) -> PolicyKey {
    PolicyKey { table, name, kind, default, example, help }
}

use KeyTable::{Action, File, Limit, Management, Match, Per, Redirect, Rule, Sample, Set, SynGuard};

const NAME: &str = "a name of 1 to 63 letters, digits, `_`, `.` and `-`";
const ADDRESSES: &str = "addresses, prefixes, ranges and `@set`s; `!` before one takes it out";
const PORTS: &str = "ports, ranges and `@set`s; `!` before one takes it out";
const MACS: &str = "MAC addresses";
const NONE: &str = "none";
const REQUIRED: &str = "required";
const ALL: &str = "all packets";

/// Every key, table by table, in the order of the documentation.
pub const KEYS: &[PolicyKey] = &[
    new(
        File,
        "interfaces",
        "names of interfaces",
        NONE,
        r#"["eth0"]"#,
        "Where the policy is applied, unless the command line says.",
    ),
    new(
        File,
        "fragments",
        r#"`"pass"` or `"drop"`"#,
        r#""pass""#,
        r#""drop""#,
        "What becomes of packets whose ports, ICMP type or TCP flags cannot be read (later fragments, packets cut short) at rules that ask for them: `pass`, such a rule does not match; `drop`, a rule that acts and matches in all else drops them.",
    ),
    new(File, "persist", "`true` or `false`", "false", "true", "Whether the policy goes on when the rig dies."),
    new(File, "management", "a table", "`auto = true`", "{ auto = false }", "Whom no rule cuts off."),
    new(
        File,
        "set",
        "tables",
        NONE,
        r#"[{ name = "web", entries = [80, 443] }]"#,
        "Named sets of addresses or of ports.",
    ),
    new(
        File,
        "rule",
        "tables, at most 1022",
        NONE,
        r#"[{ id = "no-telnet", match = { dst_port = 23 }, action = "drop" }]"#,
        "The rules, in order: the first that decides wins.",
    ),
    new(
        Management,
        "auto",
        "`true` or `false`",
        "true",
        "false",
        "Whether the live SSH peers, and the routers towards them, are on the list by themselves.",
    ),
    new(
        Management,
        "allow",
        "addresses, prefixes, ranges and `@set`s",
        "[]",
        r#"["10.0.0.0/8", "2001:db8::/32"]"#,
        "Sources whose packets always pass, before all rules.",
    ),
    new(Set, "name", NAME, REQUIRED, r#""blocklist""#, "How rules call it: `@blocklist`. Unique."),
    new(
        Set,
        "file",
        "the path of a file",
        "`entries`",
        r#""blocklist.txt""#,
        "Where its entries are, one a line; relative to the policy file. Read again when it changes.",
    ),
    new(
        Set,
        "entries",
        "addresses, prefixes and ranges; or ports and their ranges",
        "`file`",
        r#"[80, 443, "8000-8080"]"#,
        "Its entries, here. Either `file` or `entries`.",
    ),
    new(
        Rule,
        "id",
        NAME,
        REQUIRED,
        r#""no-ping-from-lab""#,
        "Unique and stable: counters live by it, also when the rule changes.",
    ),
    new(
        Rule,
        "match",
        "a table",
        REQUIRED,
        r#"{ protocol = "icmp" }"#,
        "Which packets: every key must hold. `{}` is every packet.",
    ),
    new(
        Rule,
        "action",
        r#"`"drop"`, `"pass"`, `"count"`, `"sample"`, `"syn-guard"`, or a table"#,
        REQUIRED,
        r#""drop""#,
        "What becomes of them.",
    ),
    new(
        Rule,
        "mode",
        r#"`"enforce"` or `"shadow"`"#,
        r#""enforce""#,
        r#""shadow""#,
        "A rule in shadow mode counts what it would have done, and the packet goes on to the next rule.",
    ),
    new(
        Rule,
        "ttl",
        "a duration with its unit, 1s to 3650d",
        "no end",
        r#""1h""#,
        "How long the rule holds from when it is applied. A hit does not extend it.",
    ),
    new(Rule, "comment", "text of 1 to 512 characters, on one line", NONE, r#""noise from the lab""#, "For people."),
    new(Rule, "owner", "text of 1 to 128 characters, on one line", NONE, r#""netops""#, "Who answers for it."),
    new(Match, "src", ADDRESSES, ALL, r#"["10.77.0.0/16", "@blocklist", "!10.77.0.1"]"#, "Source address."),
    new(Match, "dst", ADDRESSES, ALL, r#""192.0.2.1-192.0.2.9""#, "Destination address."),
    new(Match, "src_port", PORTS, ALL, r#""!1024-65535""#, "Source port of TCP, UDP, SCTP, DCCP or UDP-Lite."),
    new(Match, "dst_port", PORTS, ALL, r#"[53, "5353-5354", "@web"]"#, "Destination port."),
    new(
        Match,
        "protocol",
        "protocols by name or number, 0 to 255",
        ALL,
        r#"["tcp", 47]"#,
        "IP protocol, after IPv6 extension headers.",
    ),
    new(
        Match,
        "tcp_flags",
        "TCP flags with commas between them, `!` before those that are not to be set",
        ALL,
        r#"["syn,!ack", "fin,rst"]"#,
        "TCP flags: `fin`, `syn`, `rst`, `psh`, `ack`, `urg`, `ece`, `cwr`. Those not named may be either.",
    ),
    new(
        Match,
        "length",
        "lengths, 0 to 4294967295, or their ranges",
        ALL,
        r#"["64-128", ">1500"]"#,
        "Octets of the frame with its Ethernet header, without FCS: `64`, `\"64-128\"`, `\">1500\"`, `\"<=60\"`.",
    ),
    new(
        Match,
        "vlan",
        r#"VLAN ids, 0 to 4095, their ranges, or `"none"`"#,
        ALL,
        r#"["none", 5, "100-199"]"#,
        "Outer VLAN id, as far as the tag is in the data; `none` is untagged.",
    ),
    new(
        Match,
        "icmp_type",
        "ICMP types by name or number, 0 to 255, or their ranges",
        ALL,
        r#"["echo-request", 13]"#,
        "Type of ICMP or ICMPv6. A name is of both families unless `protocol` says which; a number is of either.",
    ),
    new(
        Match,
        "fragment",
        r#"`true`, `false`, `"first"` or `"later"`"#,
        ALL,
        r#""later""#,
        "`true`: any fragment; `false`: whole packets; `first` has ports, `later` has none.",
    ),
    new(Match, "iface", "names of interfaces", ALL, r#"["eth0", "eth1"]"#, "The interface that received it."),
    new(
        Match,
        "ethertype",
        "EtherTypes by name or number, 0x0600 to 0xffff",
        ALL,
        r#"["lldp", 0x88f7]"#,
        "EtherType, after VLAN tags.",
    ),
    new(Match, "src_mac", MACS, ALL, r#""02:00:00:aa:bb:cc""#, "Source MAC address."),
    new(Match, "dst_mac", MACS, ALL, r#"["ff:ff:ff:ff:ff:ff"]"#, "Destination MAC address."),
    new(
        Match,
        "any",
        "a list of tables such as `match`",
        ALL,
        r#"[{ src = "10.0.0.1" }, { tcp_flags = "syn,!ack" }]"#,
        "One of these holds, together with the keys beside it. May be nested; a rule has 1024 alternatives at most.",
    ),
    new(
        Action,
        "limit",
        "a table",
        NONE,
        "{ packets_per_second = 1000 }",
        "Within the limit they pass, beyond it they are dropped.",
    ),
    new(
        Action,
        "redirect",
        "a table",
        NONE,
        r#"{ interface = "eth1" }"#,
        "They leave by another interface, or another CPU takes them on.",
    ),
    new(
        Action,
        "sample",
        "a table",
        NONE,
        "{ one_in = 100 }",
        "They are counted, one in so many is told with its first octets, and all go on to the next rule.",
    ),
    new(
        Action,
        "syn-guard",
        "a table",
        NONE,
        "{ above_per_second = 5000 }",
        "TCP connections are opened by SYN cookies while SYNs come faster; all else passes.",
    ),
    new(
        Limit,
        "packets_per_second",
        "a whole number, 1 to 1000000000000",
        "`bytes_per_second`",
        "1000",
        "How many packets a second. Either this or `bytes_per_second`.",
    ),
    new(
        Limit,
        "bytes_per_second",
        "a whole number, 1 to 1000000000000, or a size with its unit",
        "`packets_per_second`",
        r#""1MiB""#,
        "How many octets of frames a second.",
    ),
    new(
        Limit,
        "burst",
        "a whole number, 1 to 1000000000000, or, of bytes, a size from 1514B",
        "a tenth of a second's worth; at least 1 packet or 64KiB",
        "200",
        "How many at once, at most. A frame larger than the burst never passes.",
    ),
    new(
        Limit,
        "per",
        r#"`"rule"`, `"src_addr"`, `"src/24"` (1 to 32 bits of IPv4) or a table"#,
        r#""rule""#,
        r#""src_addr""#,
        "What has a bucket of its own: the rule, each source address, or each source prefix. `\"src/24\"` takes 64 bits of IPv6.",
    ),
    new(
        Limit,
        "sources",
        "a whole number, 1 to 4194304",
        "65536",
        "100000",
        "How many sources are remembered at once; one that had to make room begins with a full bucket. Not with `per = \"rule\"`.",
    ),
    new(Per, "v4", "a whole number, 1 to 32", "32", "24", "Bits of IPv4 source addresses."),
    new(Per, "v6", "a whole number, 1 to 128", "64", "56", "Bits of IPv6 source addresses."),
    new(
        Redirect,
        "interface",
        "the name of an interface",
        "`cpu`",
        r#""eth1""#,
        "Out of which interface. Either `interface` or `cpu`.",
    ),
    new(Redirect, "cpu", "a whole number, 0 to 8191", "`interface`", "2", "To which CPU, which hands it to the stack."),
    new(Sample, "one_in", "a whole number, 1 to 4294967295", "1", "100", "One in how many is told."),
    new(
        SynGuard,
        "above_per_second",
        "a whole number, 0 to 1000000000000",
        "1000",
        "5000",
        "SYNs a second above which it is engaged; 0 is always.",
    ),
];
