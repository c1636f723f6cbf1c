//! Messages made by hand, to be put into captures.

/// A DNS message with one question and no record: what `flags` says it is.
pub(crate) fn dns(id: u16, flags: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut octets = [id, flags, 1, 0, 0, 0].map(u16::to_be_bytes).concat();
    for label in name.split('.') {
        octets.push(label.len() as u8);
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets.extend([kind, 1].map(u16::to_be_bytes).concat());
    octets
}

/// The same as it goes over TCP.
pub(crate) fn dns_over_tcp(id: u16, flags: u16, name: &str, kind: u16) -> Vec<u8> {
    with_length(&dns(id, flags, name, kind))
}

/// A client's hello for a name, with a key share of so many octets.
pub(crate) fn client_hello(name: &str, share: usize) -> Vec<u8> {
    record(&client_message(name, share))
}

/// The same hello in records of at most so many octets.
pub(crate) fn client_hello_in_records(name: &str, share: usize, most: usize) -> Vec<u8> {
    client_message(name, share).chunks(most).flat_map(record).collect()
}

/// A server's hello of TLS 1.3, and enciphered octets behind it.
pub(crate) fn server_hello() -> Vec<u8> {
    let share = [&[0, 29][..], &with_length(&[6; 32])].concat();
    let extensions = [extension(43, &[3, 4]), extension(51, &share)].concat();
    let body = [&[3, 3][..], &[8; 32], &[0, 0x13, 0x01, 0], &with_length(&extensions)].concat();
    [record(&message(2, &body)), vec![0x14, 3, 3, 0, 1, 1], [&[0x17, 3, 3][..], &with_length(&[0x5a; 300])].concat()]
        .concat()
}

fn client_message(name: &str, share: usize) -> Vec<u8> {
    let host = [&[0][..], &with_length(name.as_bytes())].concat();
    let shares = with_length(&[&[0, 29][..], &with_length(&vec![5; share])].concat());
    let extensions = [
        extension(0, &with_length(&host)),
        extension(16, &with_length(b"\x08http/1.1")),
        extension(10, &with_length(&[0, 29])),
        extension(13, &with_length(&[4, 3, 8, 4])),
        extension(43, &[2, 3, 4]),
        extension(51, &shares),
    ]
    .concat();
    let ciphers = with_length(&[0x13, 0x01, 0x13, 0x02]);
    message(1, &[&[3, 3][..], &[7; 32], &[0], &ciphers, &[1, 0], &with_length(&extensions)].concat())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn record(fragment: &[u8]) -> Vec<u8> {
    [&[0x16, 3, 1][..], &with_length(fragment)].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length(body)].concat()
}

fn with_length(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}
