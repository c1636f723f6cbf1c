//! What two polls say of drops.

use crate::drops::badness;
use netrig_model::{DropClass, DropSource, DropStatus};

/// Packets that the kernel dropped, a second, by class: the worst first, and only those that come now.
#[derive(Debug, Default)]
pub(crate) struct DropRates(pub(crate) Vec<(Option<DropClass>, f64)>);

impl DropRates {
    /// What came between `before` and `now`, `seconds` later.
    pub(crate) fn between(before: &DropStatus, now: &DropStatus, seconds: f64) -> Self {
        let of = |status: &DropStatus, class| {
            // Others count the same packets again.
            let own = status.groups.iter().filter(|g| g.source == DropSource::Skb && g.class == class);
            own.fold(0u64, |sum, group| sum.saturating_add(group.packets))
        };
        let classes = DropClass::ALL.iter().copied().map(Some).chain([None]);
        let gained = classes.map(|class| (class, of(now, class).saturating_sub(of(before, class)) as f64 / seconds));
        let mut rates: Vec<_> = gained.filter(|(_, rate)| *rate > 0.0).collect();
        rates.sort_by_key(|(class, _)| badness(*class));
        Self(rates)
    }
}
