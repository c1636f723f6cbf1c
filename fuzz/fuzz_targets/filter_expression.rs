//! Any text at all as a filter: it compiles and is converted for every source, or is refused in words, and never panics. What is
//! compiled judges any packet.
//!
//!     cargo +nightly fuzz run filter_expression -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_filter::{INSTRUCTIONS_MAX, Link, Source, compile, convert};

/// What the language is made of.
const WORDS: &str = "ip ip6 arp rarp tcp udp sctp icmp icmp6 igmp ah esp pim vrrp vlan mpls pppoes pppoed geneve llc iso isis \
    stp host net port portrange proto protochain src dst and or not ether multicast broadcast less greater len mask inbound \
    outbound ifindex l1 l2 iih lsp rr xid atalk decnet tcpflags tcp-syn tcp-ack icmptype icmp-echo icmp6type link wlan type lane \
    0 1 2 4 6 17 80 255 443 4095 65535 65536 0x0800 0xffffffff 4294967296 10.0.0.1 10.0.0.0/8 192.168 ::1 2001:db8::/32 \
    00:11:22:33:44:55 1-1023 ( ) [ ] : + - * / % & | ^ << >> = == != > < >= <= ! && || ~ \\tcp \\ip \\ . , ;";

/// The first octet says whether the others are words' numbers or the text itself.
fn text(bytes: &[u8]) -> Option<String> {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let (first, rest) = bytes.split_first()?;
    if first & 3 > 0 {
        let words: Vec<&str> = rest.iter().map(|number| words[usize::from(*number) % words.len()]).collect();
        return Some(words.join(" "));
    }
    let text = str::from_utf8(rest).ok()?;
    // What else there is of letters may be a host's name, for which libpcap would ask the resolver.
    let is_name = |word: &str| word.bytes().any(|octet| octet.is_ascii_alphabetic()) && !words.contains(&word);
    let has_name = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(is_name);
    (!has_name && text.chars().all(|c| c.is_ascii() || !c.is_alphanumeric())).then(|| text.to_owned())
}

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = text(bytes) else { return };
    for link in [Link::Ethernet, Link::RawIp] {
        match compile(&text, link) {
            Ok(classic) => {
                assert!((1..=INSTRUCTIONS_MAX).contains(&classic.instructions().len()));
                let _ = classic.run(bytes, bytes.len() as u32);
                for source in [Source::Xdp, Source::Skb, Source::Memory] {
                    if let Err(error) = convert(&classic, source) {
                        assert!(error.to_string().contains("too large"), "{error}");
                    }
                }
            }
            Err(error) => {
                let words = error.to_string();
                assert!(words.len() < 4096 && !words.contains('\u{1b}'), "{words}");
            }
        }
    }
});
