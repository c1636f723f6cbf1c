//! Whatever a file holds, reading it ends, with a policy or with errors that can be shown.

use netrig_policy::{SetFile, read};
use proptest::prelude::*;

/// Pieces of policies, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[[rule]]\n".to_owned()),
        Just("[[set]]\n".to_owned()),
        Just("[management]\n".to_owned()),
        Just("id = \"a\"\n".to_owned()),
        Just("name = \"s\"\n".to_owned()),
        Just("file = \"ports.txt\"\n".to_owned()),
        Just("match = {}\n".to_owned()),
        Just("match = { any = [ { src = \"@s\" }, { dst_port = \"!@s\" } ] }\n".to_owned()),
        Just("match = { icmp_type = \"echo-request\", any = [{ any = [{}] }] }\n".to_owned()),
        Just("action = \"drop\"\n".to_owned()),
        Just("action = { limit = { packets_per_second = 5 } }\n".to_owned()),
        "[a-z_]{1,10} = [\\[{\"]{0,2}[-0-9a-z.:/@!<>, ]{0,12}[\\]}\"]{0,2}\n",
        "\\PC{0,20}\n",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn holds(text: &str) -> Result<(), TestCaseError> {
    match read(text, "policy.toml", &mut super::files) {
        Ok(read) => {
            prop_assert!(read.policy.rules.iter().all(|rule| !rule.alternatives.is_empty()));
        }
        Err(errors) => {
            prop_assert!(!errors.0.is_empty());
            let escapes = errors.to_string().contains('\u{1b}');
            prop_assert!(!escapes);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        holds(&String::from_utf8_lossy(&bytes))?;
        let _ = SetFile::parse(&bytes);
    }

    #[test]
    fn no_pieces_of_policies_make_reading_panic(text in pieces()) {
        holds(&text)?;
    }
}

#[test]
fn what_is_nested_without_end_is_refused() {
    let deep = format!(
        "[[rule]]\nid = \"a\"\naction = \"drop\"\nmatch = {}{}",
        "{ any = [".repeat(10_000),
        "] }".repeat(10_000)
    );
    assert!(super::errors(&deep).contains("not TOML"));
    let deep = format!("rule = {}", "[".repeat(100_000));
    assert!(super::errors(&deep).contains("not TOML"));
}

#[test]
fn errors_without_end_are_counted() {
    let many = format!("[[set]]\nname = \"a\"\nentries = [{}]\n", "\"foo\",\n".repeat(5_000));
    let errors = super::errors(&many);
    assert_eq!(errors.matches("not an address").count(), 200);
    assert!(errors.ends_with("policy.toml: and 4800 more errors"));
}
