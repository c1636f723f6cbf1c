//! DNS messages, by the `domain` crate, which reads them in place: of a message that is cut we have what comes before.

use domain::base::iana::{Class, OptRcode, Rtype};
use domain::base::message::{Message, QuestionSection, RecordSection};
use domain::base::{ParsedName, ParsedRecord};
use domain::rdata::{A, Aaaa};
use netrig_model::DnsExchange;
use std::fmt::Write as _;

/// The longest message; a header that announces more than has room in it is none.
const MESSAGE_MAX: usize = 65_535;
const HEADER: usize = 12;
const QUESTION_MIN: usize = 5;
const RECORD_MIN: usize = 11;
/// In multicast DNS the class' highest bit says something else: answer me alone, or forget what you know.
const MULTICAST_BIT: u16 = 0x8000;
/// DNS stateful operations have no question.
const OPCODE_MAX: u8 = 5;

/// One message. `exchange` has what its kind can say: of a query the question alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsMessage {
    /// Its number.
    pub id: u16,
    /// Whether it is an answer.
    pub is_response: bool,
    /// Question and answer; of a message that is cut, what there is of it. A server that refuses to read a question may
    /// leave it out: then name and type are empty.
    pub exchange: DnsExchange,
}

/// Reads a message (over TCP: without its length). A message that is cut is read as far as it goes, if its question is whole.
#[must_use]
pub fn dns(octets: &[u8]) -> Option<DnsMessage> {
    let message = Message::from_slice(octets).ok()?;
    let (header, counts) = (message.header(), message.header_counts());
    let records = usize::from(counts.ancount()) + usize::from(counts.nscount()) + usize::from(counts.arcount());
    let least = HEADER + usize::from(counts.qdcount()) * QUESTION_MIN + records * RECORD_MIN;
    if least > MESSAGE_MAX || header.opcode().to_int() > OPCODE_MAX {
        return None;
    }
    let mut exchange = DnsExchange { truncated: header.tc(), ..DnsExchange::default() };
    let question = message.question();
    let has_question = counts.qdcount() > 0;
    if has_question {
        let first = { question }.next()?.ok()?;
        exchange.name = name_text(first.qname());
        exchange.qtype = type_word(first.qtype());
    } else if !header.qr() {
        return None;
    }
    if header.qr() {
        let extended = read_records(question, has_question, &mut exchange);
        if exchange.name.is_empty() && (header.rcode().to_int() == 0 || records > 1) {
            return None;
        }
        exchange.answers = Some(counts.ancount());
        exchange.rcode = Some(code_word(OptRcode::from_parts(header.rcode(), extended)));
    }
    Some(DnsMessage { id: header.id(), is_response: header.qr(), exchange })
}

/// Reads addresses and, of a message without a question, the first answer's name in its stead; then the upper octet of the
/// answer's code, which EDNS keeps among the additional records.
fn read_records(question: QuestionSection<'_, [u8]>, has_question: bool, exchange: &mut DnsExchange) -> u8 {
    let Ok(mut section) = question.answer() else { return 0 };
    let mut asked = None;
    for record in section.by_ref() {
        let Ok(record) = record else { return 0 };
        if !has_question {
            let owner = record.owner();
            if *asked.get_or_insert(owner) != owner {
                continue;
            }
            if exchange.name.is_empty() {
                exchange.name = name_text(&owner);
                exchange.qtype = type_word(record.rtype());
            }
        }
        exchange.addresses.extend(address(&record).map(|address| (address, record.ttl().as_secs())));
    }
    extended_code(section).unwrap_or(0)
}

fn address(record: &ParsedRecord<'_, [u8]>) -> Option<std::net::IpAddr> {
    if record.class().to_int() & !MULTICAST_BIT != Class::IN.to_int() {
        return None;
    }
    match record.rtype() {
        Rtype::A => Some(record.to_record::<A>().ok()??.data().addr().into()),
        Rtype::AAAA => Some(record.to_record::<Aaaa>().ok()??.data().addr().into()),
        _ => None,
    }
}

fn extended_code(answers: RecordSection<'_, [u8]>) -> Option<u8> {
    let authority = answers.next_section().ok()??;
    let additional = authority.next_section().ok()??;
    let options = additional.map_while(Result::ok).find(|record| record.rtype() == Rtype::OPT)?;
    Some(options.ttl().as_secs().to_be_bytes()[0])
}

/// A name as people write it, lower case, without the last dot; what would be read wrong is escaped as in zone files.
fn name_text(name: &ParsedName<&[u8]>) -> String {
    if name.is_root() {
        return ".".to_owned();
    }
    let mut text = String::with_capacity(256);
    for label in name.iter().filter(|label| !label.is_root()) {
        if !text.is_empty() {
            text.push('.');
        }
        for &octet in label.as_slice() {
            match octet {
                b'.' | b'\\' => text.extend(['\\', char::from(octet)]),
                0x21..=0x7e => text.push(char::from(octet.to_ascii_lowercase())),
                _ => _ = write!(text, "\\{octet:03}"),
            }
        }
    }
    text.shrink_to_fit();
    text
}

/// `A`, or `TYPE123`.
fn type_word(rtype: Rtype) -> String {
    rtype.to_mnemonic_str().map_or_else(|| format!("TYPE{}", rtype.to_int()), str::to_owned)
}

/// `NXDOMAIN`, or `RCODE12`.
fn code_word(code: OptRcode) -> String {
    code.to_mnemonic_str().map_or_else(|| format!("RCODE{}", code.to_int()), str::to_owned)
}
