//! Policies as people write them: what is read of them, and what is said of those that are wrong.

mod bytes;
mod docs;
mod golden;
mod keys;
mod sets;

use netrig_policy::words::{Match, Rule};
use netrig_policy::{Read, SetSource};
use std::io;

/// Set files that are not on any disk.
pub(crate) fn files(path: &str) -> io::Result<Vec<u8>> {
    let text = match path {
        "blocklist.txt" | "lists/blocklist.txt" => "# a feed\n10.0.0.0/8\n192.0.2.1\n2001:db8::/32\n".to_owned(),
        "more.txt" => "10.1.2.3/8\n10.2.0.0/16\n198.51.100.7\n198.51.100.7\n".to_owned(),
        "ports.txt" => "22\n8000-8080\n".to_owned(),
        "empty.txt" => "# nothing yet\n".to_owned(),
        "broken.txt" => "10.0.0.1\nexample.com\n  10.0.0.0/99 # long\n80\n".to_owned(),
        "very_broken.txt" => format!("10.0.0.1\n{}", "what is this\n".repeat(50)),
        _ => return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such file")),
    };
    Ok(text.into_bytes())
}

/// Of a policy that is right.
pub(crate) fn read(text: &str) -> Read {
    netrig_policy::read(text, "policy.toml", &mut files as &mut dyn SetSource)
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// What is said of one that is wrong.
pub(crate) fn errors(text: &str) -> String {
    netrig_policy::read(text, "policy.toml", &mut files).expect_err("it is wrong on purpose").to_string()
}

/// The rules of a policy.
pub(crate) fn rules(text: &str) -> Vec<Rule> {
    read(text).policy.rules
}

/// The alternatives of one match, as TOML, with some sets to name.
pub(crate) fn alternatives(of: &str) -> Vec<Match> {
    let sets =
        "[[set]]\nname = \"blocklist\"\nfile = \"blocklist.txt\"\n[[set]]\nname = \"web\"\nentries = [80, 443]\n";
    let rule = format!("{sets}[[rule]]\nid = \"r\"\nmatch = {of}\naction = \"drop\"\n");
    rules(&rule).swap_remove(0).alternatives
}

/// The only alternative.
pub(crate) fn one(of: &str) -> Match {
    let mut all = alternatives(of);
    assert_eq!(all.len(), 1, "{of}");
    all.swap_remove(0)
}
