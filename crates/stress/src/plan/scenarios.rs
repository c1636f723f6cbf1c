//! The scenarios that there are. Each is a file like one's own would be.

use super::Plan;
use crate::StressError;

/// Names and files, in the order in which they are told.
const FILES: [(&str, &str); 14] = [
    ("steady", include_str!("../../scenarios/steady.toml")),
    ("microburst", include_str!("../../scenarios/microburst.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("elephant-mice", include_str!("../../scenarios/elephant-mice.toml")),
    ("syn-flood", include_str!("../../scenarios/syn-flood.toml")),
    ("fragments", include_str!("../../scenarios/fragments.toml")),
    ("tiny-packets", include_str!("../../scenarios/tiny-packets.toml")),
    ("jumbo", include_str!("../../scenarios/jumbo.toml")),
    ("tunnels", include_str!("../../scenarios/tunnels.toml")),
    ("many-interfaces", include_str!("../../scenarios/many-interfaces.toml")),
    ("ring-starved", include_str!("../../scenarios/ring-starved.toml")),
    ("disk-full", include_str!("../../scenarios/disk-full.toml")),
    ("congestion", include_str!("../../scenarios/congestion.toml")),
    ("mixed", include_str!("../../scenarios/mixed.toml")),
];

/// The names.
pub const NAMES: [&str; FILES.len()] = {
    let mut names = [""; FILES.len()];
    let mut at = 0;
    while at < FILES.len() {
        names[at] = FILES[at].0;
        at += 1;
    }
    names
};

/// The scenario of this name.
///
/// # Errors
/// When there is none; the sentence has the nearest.
pub fn named(name: &str) -> Result<Plan, StressError> {
    let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) else {
        let nearest = netrig_config::nearest(name, NAMES).map(|near| format!("; did you mean {near}?"));
        let hint = nearest.unwrap_or_else(|| format!("; there are {}.", NAMES.join(", ")));
        return Err(StressError::Asked(format!(
            "there is no scenario `{name}`{hint} A file of your own is given by its path"
        )));
    };
    Plan::read(name, text)
}

/// A sentence for each scenario, in the order of [`NAMES`].
///
/// # Errors
/// None, as long as the files are as their test has them.
pub fn about() -> Result<Vec<(String, String)>, StressError> {
    FILES.iter().map(|(name, text)| Ok(((*name).to_owned(), Plan::read(name, text)?.about))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_reads_is_called_what_it_is_and_says_what_it_is_for() {
        for name in NAMES {
            let plan = named(name).expect("a scenario");
            assert_eq!(plan.name, name);
            assert!(plan.about.ends_with('.'), "{name}: {}", plan.about);
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_told_with_the_nearest() {
        let said = named("microbursts").expect_err("no scenario").to_string();
        assert!(said.contains("did you mean microburst?"), "{said}");
    }

    #[test]
    fn a_file_of_ones_own_is_bounded() {
        let cases = [
            ("interfaces = 0\n[sockets]\nbulk = 1", "interfaces: 1 to 128"),
            ("duration = \"2d\"\n[sockets]\nbulk = 1", "duration: 1s to 1d"),
            ("[sockets]\nbulk = 1000", "at most 256"),
            ("", "there is no traffic"),
            ("rate = 0\n[sockets]\nbulk = 1", "not 0"),
            ("[[flood]]\nbytes = 9000", "bytes: at most"),
            ("[[flood]]\nflows = 0", "at least 1"),
            ("[[flood]]\n[bursts]\nlengths = [\"20ms\"]\nevery = \"10ms\"", "longer than `every`"),
            ("[[flood]]\n[fault.stop]\nafter_percent = 80\nfor_percent = 20", "at most 90"),
            ("[[flood]]\nspeed = 1", "unknown field"),
        ];
        for (text, why) in cases {
            let said = Plan::read("own.toml", text).expect_err(text).to_string();
            assert!(said.starts_with("own.toml: ") && said.contains(why), "{text}: {said}");
        }
        assert!(Plan::read("own.toml", "[[flood]]\n[fault]\ndisk = \"1MiB\"").is_ok());
    }
}
