//! Text that came from outside, for HTML and XML.

use std::borrow::Cow;

/// The text with what means something to HTML or XML made harmless, inside elements and inside quoted attributes; control
/// characters, which XML takes in no form, are replaced.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !matches!(c, '<' | '>' | '&' | '"' | '\'') && (!c.is_control() || c == '\n');
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if harmless(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escape("plain text, µs\n"), "plain text, µs\n");
        assert_eq!(escape("<a href=\"x\" b='y'>&\u{1b}"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\u{fffd}");
    }

    proptest! {
        #[test]
        fn nothing_is_left_that_means_something(text in any::<String>()) {
            let safe = escape(&text);
            let meaning = safe.contains(['<', '>', '"', '\'', '\u{0}', '\u{1b}']);
            prop_assert!(!meaning, "{}", safe);
            let unknown = safe.split('&').skip(1).find(|rest| !["lt;", "gt;", "amp;", "quot;", "#39;"].iter().any(|e| rest.starts_with(e)));
            prop_assert_eq!(unknown, None);
        }
    }
}
