//! What a capture says for itself: what became of packets, and why some were dropped.

use netrig_host::KernelSymbols;
use netrig_probes::capture::Counts;
use netrig_probes::drop::reasons::ReasonNames;
use netrig_view::units;
use std::collections::BTreeMap;
use std::path::Path;

/// Packets: `matched = written + lost`, by reason.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) counts: Counts,
    pub(super) written: u64,
    pub(super) lost_write: u64,
    pub(super) beyond: u64,
}

impl Totals {
    /// Those that were wanted and are not written, by reason.
    fn lost(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (self.counts.lost, "lost for want of room in the ring (see -B and -s)"),
            (self.counts.limited, "beyond --rate"),
            (self.counts.sampled_out, "left out by --sample"),
            (self.lost_write, "that could not be written"),
            (self.beyond, "after the end"),
        ];
        all.into_iter().filter(|(packets, _)| *packets > 0).collect()
    }

    /// In a sentence.
    pub(super) fn sentence(&self, target: Option<&Path>) -> String {
        let target = target.filter(|path| path.as_os_str() != "-").map(|path| format!(" to {}", path.display()));
        let mut said = format!(
            "netrig: {} packets written{}; {} matched of {} that came by",
            units::count(self.written),
            target.unwrap_or_default(),
            units::count(self.counts.wanted()),
            units::count(self.counts.seen),
        );
        for (packets, why) in self.lost() {
            said.push_str(&format!(", {} {why}", units::count(packets)));
        }
        if self.counts.truncated > 0 {
            said.push_str(&format!("; {} are not whole", units::count(self.counts.truncated)));
        }
        said
    }
}

/// Why packets were dropped and where, in words.
pub(super) struct Reasons {
    names: Option<(ReasonNames, Option<KernelSymbols>)>,
    said: BTreeMap<(u32, u64), String>,
}

impl Reasons {
    /// The kernel's words take a tenth of a second to read: only where they are wanted.
    pub(super) fn read(wanted: bool) -> Self {
        let names = wanted.then(|| (ReasonNames::read(), KernelSymbols::open().ok()));
        Self { names, said: BTreeMap::new() }
    }

    /// Such as `NO_SOCKET at udp_queue_rcv_one_skb+0x437`.
    pub(super) fn of(&mut self, reason: u32, place: u64) -> String {
        if let Some(said) = self.said.get(&(reason, place)) {
            return said.clone();
        }
        let Some((names, symbols)) = &mut self.names else { return format!("#{reason}") };
        let found = symbols.as_mut().and_then(|symbols| symbols.resolve(&[place]).ok()?.remove(&place));
        let said = match found {
            Some(function) => format!("{} at {function}", names.name(reason)),
            None => names.name(reason),
        };
        self.said.insert((reason, place), said.clone());
        said
    }
}
