//! Which flows of an hour are the largest: a first look at all rows, before they are added up.

use super::key::{Key, Names};
use super::{Level, WHOLE_ROWS_MAX};
use netrig_model::{ReducedFlowRecord, Told};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};

/// Flows counted at once; beyond it the smaller half is forgotten, and what comes again begins anew. Some 12 MiB.
const COUNTED_MAX: usize = 262_144;

/// Rows kept whole in all, however many interfaces there are.
const WHOLE_TOTAL_MAX: usize = 16_384;

/// Bytes of each flow, by a number made of its key.
#[derive(Default)]
pub(crate) struct Census {
    names: Names,
    /// To which interface and hour it belongs, and its bytes in both directions.
    bytes: HashMap<u64, (u32, u64)>,
    groups: HashMap<(i64, Option<u32>, Option<u32>), u32>,
}

impl Census {
    pub(crate) fn count(&mut self, row: &ReducedFlowRecord) {
        if row.told != Told::Addresses {
            return;
        }
        let key = Key::whole(Level::Hour, row, &mut self.names);
        let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let group = *self.groups.entry((key.period, key.host, key.iface)).or_insert(next);
        let (_, bytes) = self.bytes.entry(number(row, &key)).or_insert((group, 0));
        *bytes = bytes.saturating_add(row.bytes.saturating_add(row.reverse_bytes));
        if self.bytes.len() > COUNTED_MAX {
            self.forget_half();
        }
    }

    fn forget_half(&mut self) {
        let mut sizes: Vec<_> = self.bytes.iter().map(|(number, (_, bytes))| (*bytes, *number)).collect();
        let (_, &mut middle, _) = sizes.select_nth_unstable(COUNTED_MAX / 2);
        self.bytes.retain(|number, (_, bytes)| (*bytes, *number) > middle);
    }

    /// The numbers of those that stay whole.
    pub(super) fn largest(&self) -> HashSet<u64> {
        let mut of_groups = BTreeMap::<u32, Vec<(u64, u64)>>::new();
        for (number, (group, bytes)) in &self.bytes {
            of_groups.entry(*group).or_default().push((*bytes, *number));
        }
        let mut all = Vec::new();
        for mut flows in of_groups.into_values() {
            flows.sort_unstable_by(|a, b| b.cmp(a));
            flows.truncate(WHOLE_ROWS_MAX);
            all.extend(flows);
        }
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(WHOLE_TOTAL_MAX);
        all.into_iter().map(|(_, number)| number).collect()
    }
}

/// The same for the same flow in every pass and process: texts count, not their numbers.
pub(super) fn number(row: &ReducedFlowRecord, key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&row.host, &row.iface, &row.transport).hash(&mut hasher);
    Key { host: None, iface: None, transport: None, ..*key }.hash(&mut hasher);
    hasher.finish()
}
