//! Which interfaces, now and as they come and go.

use crate::failure::Usage;
use netrig_host::{Interface, Reach, Selector};
use std::collections::BTreeMap;

const ANY: &str = "any";
const UPLINKS: &str = "auto";

/// The choice, and what it has come to so far.
pub(super) struct Interfaces {
    selector: Selector,
    /// Every interface, even one that comes later.
    all: bool,
    waits: bool,
    pub(super) known: BTreeMap<u32, Interface>,
}

/// What has changed.
#[derive(Default)]
pub(super) struct Change {
    pub(super) come: Vec<Interface>,
    pub(super) gone: Vec<Interface>,
}

impl Interfaces {
    pub(super) fn choose(words: &[String]) -> anyhow::Result<Self> {
        let all = words.iter().any(|word| word == ANY);
        let mut entries: Vec<String> =
            words.iter().map(|word| if word == ANY { "*".to_owned() } else { word.clone() }).collect();
        if entries.is_empty() {
            entries.push(UPLINKS.to_owned());
        }
        let selector = Selector::parse(&entries).map_err(|error| Usage(format!("-i: {error}")))?;
        let waits = entries.iter().any(|entry| entry == UPLINKS || entry.contains(['*', '?']));
        let mut chosen = Self { selector, all, waits, known: BTreeMap::new() };
        let interfaces = netrig_host::list()?;
        let selection = chosen.selector.select(&interfaces, &chosen.reach());
        if let Some(error) = selection.start_error() {
            return Err(Usage(format!("-i: {error}")).into());
        }
        chosen.take(interfaces, &selection.indices);
        if chosen.known.is_empty() {
            let problems: Vec<String> = selection.problems.iter().map(ToString::to_string).collect();
            return Err(Usage(format!("-i: {}", problems.join("; "))).into());
        }
        Ok(chosen)
    }

    fn reach(&self) -> Reach {
        if self.selector.needs_reach() { netrig_host::reach().unwrap_or_default() } else { Reach::default() }
    }

    /// The kernel's numbers of those that are chosen; none where all are.
    pub(super) fn restriction(&self) -> Option<Vec<u32>> {
        (!self.all).then(|| self.known.keys().copied().collect())
    }

    /// The name of one by its number.
    pub(super) fn name(&self, index: u32) -> Option<&str> {
        self.known.get(&index).map(|interface| interface.name.as_str())
    }

    /// Whether one may come yet: of patterns, and of all.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Looks again.
    pub(super) fn look(&mut self) -> anyhow::Result<Change> {
        let interfaces = netrig_host::list()?;
        let indices = self.selector.select(&interfaces, &self.reach()).indices;
        Ok(self.take(interfaces, &indices))
    }

    fn take(&mut self, interfaces: Vec<Interface>, indices: &[u32]) -> Change {
        let mut change = Change::default();
        let there: BTreeMap<u32, Interface> = interfaces.into_iter().map(|each| (each.index, each)).collect();
        let left = |index: &u32| !there.contains_key(index);
        for index in self.known.keys().copied().filter(left).collect::<Vec<_>>() {
            change.gone.extend(self.known.remove(&index));
        }
        for (index, interface) in there {
            if indices.contains(&index) && !self.known.contains_key(&index) {
                self.known.insert(index, interface.clone());
                change.come.push(interface);
            }
        }
        change
    }
}
