//! Octets of strangers as text.

use std::fmt::Write as _;

/// UTF-8 as it is, what is not UTF-8 replaced, and what would move a terminal's cursor escaped as in DNS names: `\010`.
pub(super) fn text(octets: &[u8]) -> String {
    // Nearly all is, and then nothing has to be looked for.
    if octets.iter().all(|octet| matches!(octet, b' '..=b'~'))
        && let Ok(plain) = str::from_utf8(octets)
    {
        return plain.to_owned();
    }
    let lossy = String::from_utf8_lossy(octets);
    if !lossy.contains(char::is_control) {
        return lossy.into_owned();
    }
    lossy.chars().fold(String::with_capacity(lossy.len()), |mut text, c| {
        if c.is_control() {
            _ = write!(text, "\\{:03}", u32::from(c));
        } else {
            text.push(c);
        }
        text
    })
}
