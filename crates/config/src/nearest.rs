//! The known word nearest to one that is not known.

/// The one of `known` that `word` most likely meant; `None` when nothing is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Jaro–Winkler favours a common beginning, which is how keys are mistyped or half remembered; 0.75 keeps `windw` and
    // `interface` and lets go of words that merely share letters.
    const LIKENESS_MIN: f64 = 0.75;
    let lower = word.to_lowercase();
    let scored = known.into_iter().map(|k| (strsim::jaro_winkler(&lower, &k.to_lowercase()), k));
    scored.filter(|(score, _)| *score >= LIKENESS_MIN).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_errors_find_their_word_and_strangers_none() {
        let known = ["interfaces", "window", "idle_timeout", "cpu", "memory", "host"];
        assert_eq!(nearest("windw", known), Some("window"));
        assert_eq!(nearest("Interface", known), Some("interfaces"));
        assert_eq!(nearest("idle-timeout", known), Some("idle_timeout"));
        assert_eq!(nearest("mem", known), Some("memory"));
        assert_eq!(nearest("colour", known), None);
    }
}
