//! What a message's first octets look like.

/// What begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    ClientHello,
    ServerHello,
    /// A TLS alert in the clear.
    Alert,
    HttpRequest,
    HttpAnswer,
    Http2,
    /// Too short to say, but it could be one of these.
    Short,
    Other,
}

const METHODS: [&[u8]; 9] =
    [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE "];
const ANSWER: &[u8] = b"HTTP/1.";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
const HANDSHAKE: u8 = 0x16;
const ALERT: u8 = 0x15;
/// Octets of a record's header, and the handshake message's type behind it.
const RECORD_TYPED: usize = 6;

pub(super) fn beginning(octets: &[u8]) -> Beginning {
    match octets {
        [] => Beginning::Short,
        [HANDSHAKE | ALERT] => Beginning::Short,
        [HANDSHAKE | ALERT, 3, ..] => record(octets),
        _ => text(octets),
    }
}

fn record(octets: &[u8]) -> Beginning {
    match (octets[0], octets.get(RECORD_TYPED - 1)) {
        (_, None) => Beginning::Short,
        (ALERT, _) if octets[3] == 0 && octets[4] == 2 => Beginning::Alert,
        (HANDSHAKE, Some(1)) => Beginning::ClientHello,
        (HANDSHAKE, Some(2)) => Beginning::ServerHello,
        _ => Beginning::Other,
    }
}

fn text(octets: &[u8]) -> Beginning {
    let is = |word: &[u8]| octets.starts_with(word);
    if is(ANSWER) {
        Beginning::HttpAnswer
    } else if is(PREFACE) {
        Beginning::Http2
    } else if METHODS.iter().any(|method| is(method)) {
        Beginning::HttpRequest
    } else if METHODS.iter().chain([&ANSWER, &PREFACE]).any(|word| word.starts_with(octets)) {
        Beginning::Short
    } else {
        Beginning::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_octets_say_what_begins() {
        for (octets, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], Beginning::HttpRequest),
            (b"GE", Beginning::Short),
            (b"GEX", Beginning::Other),
            (b"P", Beginning::Short),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Beginning::Http2),
            (b"HTTP/1.1 200 OK", Beginning::HttpAnswer),
            (b"HTTP/2", Beginning::Other),
            (b"\x16\x03\x01\x02\x00\x01", Beginning::ClientHello),
            (b"\x16\x03\x03\x00\x7a\x02", Beginning::ServerHello),
            (b"\x16\x03\x03\x00\x7a\x0b", Beginning::Other),
            (b"\x16\x03", Beginning::Short),
            (b"\x16\x02", Beginning::Other),
            (b"\x15\x03\x03\x00\x02\x02\x28", Beginning::Alert),
            (b"220 mail", Beginning::Other),
            (b"", Beginning::Short),
        ] {
            assert_eq!(beginning(octets), expected, "{octets:?}");
        }
    }
}
