//! From the drop probe's picture to samples.

use crate::bound::{Bound, OTHER};
use crate::exporter::Caps;
use crate::families::Families;
use crate::names;
use netrig_model::{DropClass, DropGroup, DropSource, DropStatus};

/// The most of the kernel's reasons that get series of their own: more than any host was seen to use, fewer than its list.
pub const REASONS_MAX: usize = 128;

/// The class of a reason that netrig does not know.
const CLASS_UNKNOWN: &str = "unknown";

/// What is remembered between scrapes: names that are settled.
#[derive(Debug)]
pub(crate) struct DropMemory {
    reasons: Bound,
    counters: Bound,
}

impl DropMemory {
    pub(crate) fn new(caps: &Caps) -> Self {
        Self { reasons: Bound::new(REASONS_MAX, &[]), counters: Bound::new(caps.drop_counters, &[]) }
    }

    /// Its bounds, by what they give names to.
    pub(crate) fn bounds(&self) -> [(&'static str, &Bound); 2] {
        [("drop_reason", &self.reasons), ("drop_counter", &self.counters)]
    }

    /// To be called with every picture before [`gather`].
    pub(crate) fn admit(&mut self, drops: &DropStatus, interfaces: &mut Bound) {
        let kernel = drops.groups.iter().filter(|group| is_kernel(group));
        self.reasons.admit(kernel.map(|group| (group.reason.as_str(), group.packets)));
        let others = || drops.groups.iter().filter(|group| !is_kernel(group));
        interfaces.admit(others().filter_map(|group| Some((group.iface.as_deref()?, group.packets))));
        let counters: Vec<_> = others().map(|group| (counter(group, interfaces), group.packets)).collect();
        self.counters.admit(counters.iter().map(|(counter, packets)| (counter.as_str(), *packets)));
    }
}

/// Of the kernel's own end of dropped packets: those add up to all it dropped.
fn is_kernel(group: &DropGroup) -> bool {
    group.source == DropSource::Skb
}

/// The label value of an interface; empty, which is the same as none, for what is counted for the host.
fn interface<'a>(group: &'a DropGroup, interfaces: &Bound) -> &'a str {
    group.iface.as_deref().map_or("", |iface| interfaces.label(iface))
}

/// What the bound knows a counter by. No name of an interface has a slash in it.
fn counter(group: &DropGroup, interfaces: &Bound) -> String {
    format!("{}/{}/{}", group.source.as_str(), interface(group, interfaces), group.reason)
}

/// Everything the picture holds, with the labels that the memory allows. Places and ways of one reason add up.
pub(crate) fn gather(out: &mut Families, drops: &DropStatus, memory: &DropMemory, interfaces: &Bound) {
    // At 0 too: sums by class see the first drop of a class only if there was a sum before it.
    for class in DropClass::ALL.iter().map(|class| class.as_str()).chain([CLASS_UNKNOWN]) {
        out.count(&names::DROPS, &[OTHER, class], 0);
    }
    for group in &drops.groups {
        if is_kernel(group) {
            let class = group.class.map_or(CLASS_UNKNOWN, DropClass::as_str);
            out.count(&names::DROPS, &[memory.reasons.label(&group.reason), class], group.packets);
        } else {
            let named = memory.counters.is_named(&counter(group, interfaces));
            let reason = if named { &group.reason } else { OTHER };
            let labels = [group.source.as_str(), reason, interface(group, interfaces)];
            out.count(&names::DROP_EVENTS, &labels, group.packets);
        }
    }
    probe(out, drops);
}

fn probe(out: &mut Families, drops: &DropStatus) {
    for (metric, value) in [
        (&names::DROPS_UNCOUNTED, drops.uncounted),
        (&names::DROP_EXAMPLES_LOST, drops.examples_lost),
        (&names::DROP_PLACES, drops.places),
        (&names::DROP_PLACES_MAX, drops.places_max),
        (&names::DROP_MEMORY, drops.bytes),
    ] {
        out.count(metric, &[], value);
    }
}
