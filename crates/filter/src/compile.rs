//! From an expression to a classic program, by libpcap.

use crate::classic::{Classic, ClassicInstruction};
use crate::compare::differ;
use crate::error::{FilterError, shown};
use pcap::{Capture, Linktype};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// The longest expression, in octets: some five hundred addresses. libpcap's time grows with the square of it and more, to a minute for
/// twice as much.
pub const EXPRESSION_OCTETS_MAX: usize = 1 << 13;
/// Before libpcap optimises, its programs repeat what each term asks for: sixty instructions for a port. Longer ones are not given
/// to its optimiser, which takes two seconds for one of this length, and eight times that for twice as much.
const UNOPTIMISED_MAX: usize = 1 << 14;
/// libpcap's generator and optimiser call themselves once for each term and more. The memory is only reserved.
const STACK_OCTETS: usize = 256 << 20;
/// How long one waits for libpcap: names of hosts are looked up, and that takes as long as the resolver tries.
const SECONDS: u64 = 30;

/// What a packet begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// An Ethernet header.
    Ethernet,
    /// An IPv4 or IPv6 header.
    RawIp,
}

impl Link {
    fn linktype(self) -> Linktype {
        // As libpcap numbers them inside: for IP that is not the number that files have.
        match self {
            Self::Ethernet => Linktype(1),
            Self::RawIp => Linktype(12),
        }
    }
}

/// Compiles an expression of the pcap filter language. An empty one takes every packet.
///
/// libpcap's optimiser has been wrong before, and its programs are several times smaller and faster than what it starts from.
/// So an expression is compiled both ways and both programs are given packets that take them to each of their ends, by
/// every comparison in them; where they differ on any the one that nobody has optimised is taken.
///
/// # Errors
/// For what is no filter, in libpcap's words, and for what is none that can be used.
pub fn compile(expression: &str, link: Link) -> Result<Classic, FilterError> {
    if expression.len() > EXPRESSION_OCTETS_MAX {
        let (octets, max) = (expression.len(), EXPRESSION_OCTETS_MAX);
        return Err(FilterError::TooLong { expression: shown(expression), octets, max });
    }
    if let Some(at) = expression.bytes().position(|octet| octet == 0) {
        return Err(FilterError::Nul { expression: shown(expression), at });
    }
    let (told, tells) = sync_channel(1);
    let owned = expression.to_owned();
    let work = move || {
        // Nobody listens any more if it took too long.
        let _ = told.send(both(&owned, link));
    };
    let builder = thread::Builder::new().name("filter".into()).stack_size(STACK_OCTETS);
    builder.spawn(work).map_err(|source| FilterError::Thread { expression: shown(expression), source })?;
    match tells.recv_timeout(Duration::from_secs(SECONDS)) {
        Ok(compiled) => compiled,
        Err(RecvTimeoutError::Timeout) => Err(FilterError::TooSlow { expression: shown(expression), seconds: SECONDS }),
        Err(RecvTimeoutError::Disconnected) => Err(FilterError::Failed { expression: shown(expression) }),
    }
}

fn both(expression: &str, link: Link) -> Result<Classic, FilterError> {
    let unusable = |why| FilterError::Unusable { expression: shown(expression), why };
    let plain = by_libpcap(expression, link, false)?;
    let plain = Classic::with_room(plain, UNOPTIMISED_MAX).map_err(unusable)?;
    // The same program would have to be taken again, with less room, if it is the better one.
    let plain_alone = || Classic::new(plain.instructions().to_vec()).map_err(unusable);
    // It refuses what no packet can match, which is no reason to refuse it here.
    let Ok(optimised) = by_libpcap(expression, link, true) else { return plain_alone() };
    match Classic::new(optimised) {
        Ok(optimised) if !differ(&plain, &optimised) => Ok(optimised),
        Ok(_) => plain_alone(),
        Err(why) => plain_alone().map_err(|_| unusable(why)),
    }
}

fn by_libpcap(expression: &str, link: Link, optimise: bool) -> Result<Vec<ClassicInstruction>, FilterError> {
    let refused = |reason: String| FilterError::Refused { expression: shown(expression), reason };
    let words = |error: pcap::Error| match error {
        pcap::Error::PcapError(words) => refused(shown(&words)),
        other => refused(other.to_string()),
    };
    let handle = Capture::dead(link.linktype()).map_err(words)?;
    let program = handle.compile(expression, optimise).map_err(words)?;
    let instructions = program.get_instructions().iter().map(|instruction| parse(&instruction.to_string()));
    instructions.collect::<Option<_>>().ok_or_else(|| FilterError::Failed { expression: shown(expression) })
}

/// The crate shows an instruction's fields only as text.
fn parse(text: &str) -> Option<ClassicInstruction> {
    let mut fields = text.split(' ');
    let code = fields.next()?.parse().ok()?;
    let jt = fields.next()?.parse().ok()?;
    let jf = fields.next()?.parse().ok()?;
    let k = fields.next()?.parse().ok()?;
    Some(ClassicInstruction { code, jt, jf, k })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(expression: &str) -> String {
        compile(expression, Link::Ethernet).expect_err("it does not compile").to_string()
    }

    #[test]
    fn nothing_takes_everything() {
        for link in [Link::Ethernet, Link::RawIp] {
            for empty in ["", " ", "\t\n"] {
                assert!(compile(empty, link).expect("it compiles").run(&[], 0) > 0);
            }
        }
    }

    #[test]
    fn links_begin_differently() {
        let ethernet = compile("ip", Link::Ethernet).expect("it compiles");
        let raw = compile("ip", Link::RawIp).expect("it compiles");
        let mut packet = [0; 34];
        packet[0] = 0x45;
        packet[12] = 8;
        assert!(ethernet.run(&packet, 34) > 0 && raw.run(&packet, 34) > 0);
        assert_eq!(ethernet.run(&packet[14..], 20) + raw.run(&packet[14..], 20), 0);
    }

    #[test]
    fn what_is_wrong_is_said_in_libpcaps_words() {
        let text = error("tcp prot 80");
        assert!(text.contains("`tcp prot 80`") && text.contains("syntax error"), "{text}");
        assert!(error("port 99999").contains("illegal port"), "{}", error("port 99999"));
        assert!(error("ip host ::1").contains("`ip host ::1`"), "{}", error("ip host ::1"));
        let text = error("inbound");
        assert!(text.contains("direction or interface") && text.contains("name the interface"), "{text}");
    }

    #[test]
    fn what_no_text_in_c_is_and_what_is_too_long_is_named() {
        assert!(error("tcp\0port 80").contains("NUL octet at position 3"));
        let text = error(&"ip or ".repeat(1 << 18));
        assert!(text.contains("1572864 octets") && text.len() < 500, "{text}");
        let terms = |count: u32| (1..=count).map(|n| format!("port {n}")).collect::<Vec<_>>().join(" or ");
        let text = error(&terms(10_000));
        assert!(text.contains("`port 1 or port 2") && text.contains("at most 8192"), "{text}");
        let text = error(&terms(300));
        assert!(text.contains("instructions, at most") && text.contains("fewer terms"), "{text}");
        let ports = compile(&terms(100), Link::Ethernet).expect("it compiles");
        assert!(ports.instructions().len() < 400, "{}", ports.instructions().len());
    }

    #[test]
    fn depth_is_no_matter_of_life_and_death() {
        let nested = |count: usize| format!("{}ip{}", "(".repeat(count), ")".repeat(count));
        assert!(compile(&nested(1000), Link::Ethernet).is_ok());
        assert!(compile(&format!("{}ip", "not ".repeat(1000)), Link::Ethernet).is_ok());
        let deep = [
            nested(4000),
            "(".repeat(8000),
            "not ".repeat(2000),
            format!("{}ip", "! ".repeat(4000)),
            format!("{}1 = 1", "1 + ".repeat(2000)),
            format!("{}1 = 1", "-".repeat(8000)),
            format!("ether[{}0{}] = 1", "ether[".repeat(1000), "]".repeat(1000)),
            "vlan and ".repeat(900),
            format!("{}ip", "mpls and ".repeat(900)),
            format!("{}ip", "ip or ".repeat(1300)),
        ];
        for expression in deep {
            if let Err(error) = compile(&expression, Link::Ethernet) {
                assert!(error.to_string().contains(&expression[..20]), "{error}");
            }
        }
    }
}
