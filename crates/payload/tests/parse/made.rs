//! Messages made by hand.

/// A DNS name's labels, uncompressed.
pub(crate) fn labels(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        octets.push(label.len() as u8);
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets
}

/// A DNS message: flags, then questions and three sections of records, each whole.
pub(crate) fn dns_message(id: u16, flags: u16, questions: &[Vec<u8>], sections: [&[Vec<u8>]; 3]) -> Vec<u8> {
    let counts = [questions.len(), sections[0].len(), sections[1].len(), sections[2].len()];
    let mut octets = [id.to_be_bytes(), flags.to_be_bytes()].concat();
    octets.extend(counts.iter().flat_map(|count| (*count as u16).to_be_bytes()));
    octets.extend(questions.concat());
    octets.extend(sections.iter().flat_map(|records| records.concat()));
    octets
}

pub(crate) fn question(name: &[u8], qtype: u16, class: u16) -> Vec<u8> {
    [name, &qtype.to_be_bytes(), &class.to_be_bytes()].concat()
}

pub(crate) fn record(name: &[u8], rtype: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let numbers = [&rtype.to_be_bytes()[..], &class.to_be_bytes(), &ttl.to_be_bytes()].concat();
    [name, &numbers, &(data.len() as u16).to_be_bytes(), data].concat()
}

/// Points to the question's name.
pub(crate) const ASKED: [u8; 2] = [0xc0, 12];

/// A browser's hello: GREASE, name, protocols, versions, key share; without the record's and the handshake's headers.
pub(crate) fn hello_body(name: &str) -> Vec<u8> {
    let ciphers: [u16; 4] = [0x2a2a, 0x1301, 0x1302, 0xc02b];
    let sni = [&[0], &(name.len() as u16).to_be_bytes()[..], name.as_bytes()].concat();
    let extensions = [
        extension(0x1a1a, &[]),
        extension(0, &with_length(&sni)),
        extension(16, &with_length(b"\x02h2\x08http/1.1")),
        extension(13, &with_length(&[0x04, 0x03, 0x08, 0x04, 0x04, 0x01])),
        extension(43, &[6, 0x3a, 0x3a, 0x03, 0x04, 0x03, 0x03]),
        extension(51, &[0; 1200]),
    ]
    .concat();
    let ciphers: Vec<u8> = ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()).collect();
    let session_id = [&[32][..], &[7; 32]].concat();
    [&[3, 3][..], &[9; 32], &session_id, &with_length(&ciphers), &[1, 0], &with_length(&extensions)].concat()
}

/// A server's hello, with what it chose; without headers.
pub(crate) fn server_body(random: [u8; 32], cipher: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let tail = [&cipher.to_be_bytes()[..], &[0], &with_length(&extensions.concat())].concat();
    [&[3, 3][..], &random, &[2, 5, 6], &tail].concat()
}

pub(crate) fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length(body)].concat()
}

pub(crate) fn with_length(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

/// A handshake message with its header.
pub(crate) fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind][..], &length[1..], body].concat()
}

pub(crate) fn record_of(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &with_length(body)].concat()
}
