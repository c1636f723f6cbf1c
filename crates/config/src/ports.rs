//! A list of ports, as people write one: `"53, 5353"`, or as TOML has lists.

use crate::value::{Found, FoundValue, Mismatch, quoted};

/// The kernel compares a packet's port with each of them.
pub(crate) const PORTS_MAX: usize = 8;

/// `53, 5353`
pub(crate) fn format_ports(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// Reads `"53, 5353"`, `[53, 5353]` and `53`; each port once, in the order in which they stand.
pub(crate) fn ports(found: &Found, expected: &str) -> Result<Vec<u16>, Mismatch> {
    let written: Vec<&str> = match &found.value {
        FoundValue::Text(text) if text.trim().is_empty() => Vec::new(),
        FoundValue::Text(text) => text.split(',').map(str::trim).collect(),
        FoundValue::Number(number) => vec![number],
        FoundValue::List(items) => items.iter().map(|item| entry(item, expected)).collect::<Result<_, _>>()?,
        FoundValue::Bool(_) | FoundValue::Table(_) | FoundValue::Other(..) => return Err(found.unexpected(expected)),
    };
    let mut ports = Vec::new();
    for word in written {
        let Some(port) = word.parse().ok().filter(|port| *port > 0) else {
            return Err(
                found.mismatch(format_args!("has the entry {}, which is no port: expected {expected}", quoted(word)))
            );
        };
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    if ports.len() > PORTS_MAX {
        return Err(found.mismatch(format_args!("has {} ports: expected {expected}", ports.len())));
    }
    Ok(ports)
}

fn entry<'a>(item: &'a Found, expected: &str) -> Result<&'a str, Mismatch> {
    match &item.value {
        FoundValue::Number(word) | FoundValue::Text(word) => Ok(word.trim()),
        _ => {
            let Mismatch { problem, span } = item.unexpected(expected);
            Err(Mismatch { problem: format!("has an entry that {problem}"), span })
        }
    }
}
