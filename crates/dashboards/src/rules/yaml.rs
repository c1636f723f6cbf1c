//! The little of YAML that files of rules need. Scalars are written as JSON strings, which YAML reads as they are, and
//! expressions as literal blocks, for people read those: a library for YAML would be larger than all rules.

use std::fmt::Write;

pub(super) fn head() -> String {
    "# Written by `netrig dashboards`: change it there, or in a file of your own beside this one.\ngroups:\n".to_owned()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn group(out: &mut String, name: &str, interval: &str) {
    let _ = write!(out, "  - name: {}\n    interval: {}\n    rules:\n", quoted(name), quoted(interval));
}

/// The first key of a rule.
pub(super) fn first(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "      - {key}: {}", quoted(value));
}

/// One of its other keys.
pub(super) fn more(out: &mut String, key: &str, value: &str) {
    if !value.contains('\n') {
        let _ = writeln!(out, "        {key}: {}", quoted(value));
        return;
    }
    let _ = writeln!(out, "        {key}: |-");
    for line in value.lines() {
        let _ = writeln!(out, "          {line}");
    }
}

/// Names and values under a key; nothing if there are none.
pub(super) fn map<'a>(out: &mut String, key: &str, pairs: impl IntoIterator<Item = (&'a str, String)>) {
    let mut pairs = pairs.into_iter().peekable();
    if pairs.peek().is_some() {
        let _ = writeln!(out, "        {key}:");
    }
    for (name, value) in pairs {
        let _ = writeln!(out, "          {name}: {}", quoted(&value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_what_it_is_whatever_is_in_it() {
        let mut out = String::new();
        more(&mut out, "for", "no: \"yes\" # {{ $value }} \\d");
        assert_eq!(out, "        for: \"no: \\\"yes\\\" # {{ $value }} \\\\d\"\n");
    }

    #[test]
    fn lines_stay_lines() {
        let mut out = String::new();
        more(&mut out, "expr", "(a)\nor\n(b)");
        assert_eq!(out, "        expr: |-\n          (a)\n          or\n          (b)\n");
    }
}
