//! When a trigger fires: looks at what the rig knows, compared.

use netrig_config::{Trigger, TriggerOn};
use netrig_model::{BurstInterface, Direction, DropClass, Histogram, Stage};
use netrig_view::units;
use std::collections::{BTreeMap, VecDeque};

/// Looks that are remembered, one a second: TCP measures one round trip at a time on each connection, so that a second has too few of
/// them for a percentile.
const LOOKS: usize = 5;
/// From fewer values no percentile is taken.
const VALUES_MIN: u64 = 20;

/// What the rig knows at one moment, as far as triggers ask. All counts are cumulative.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Monotonic time.
    pub(super) at_ns: u64,
    /// Segments that TCP sent again.
    pub(super) retransmits: Option<u64>,
    /// Dropped packets by reason.
    pub(super) drops: BTreeMap<String, (Option<DropClass>, u64)>,
    /// Round trips by service.
    pub(super) round_trips: BTreeMap<String, (u16, Histogram)>,
    /// Times by stage, of all services.
    pub(super) stages: BTreeMap<Stage, Histogram>,
    /// Bursts by interface and direction.
    pub(super) bursts: BTreeMap<(String, Direction), Bursts>,
    /// Packets that matched, by rule.
    pub(super) rules: BTreeMap<String, u64>,
}

/// Bursts of an interface in a direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bursts {
    count: u64,
    /// The busiest bucket of the last seconds.
    peak_bits_per_second: u64,
    link_bits_per_second: Option<u64>,
}

impl Bursts {
    /// By the picture of the last 60 s.
    pub(super) fn of(interface: &BurstInterface) -> Self {
        const SECONDS: usize = 3;
        let latest = interface.peaks.iter().rev().take(SECONDS).max();
        Self {
            count: interface.bursts,
            peak_bits_per_second: latest.copied().unwrap_or(0),
            link_bits_per_second: interface.link_bits_per_second,
        }
    }
}

/// What was gained between two looks.
struct Gain<'a> {
    before: &'a Evidence,
    now: &'a Evidence,
    seconds: f64,
}

/// The last looks, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Looks(VecDeque<Evidence>);

impl Looks {
    /// Remembers a look.
    pub(super) fn push(&mut self, evidence: Evidence) {
        if self.0.len() == LOOKS {
            self.0.pop_front();
        }
        self.0.push_back(evidence);
    }

    /// The sentence that tells why a trigger fires now; none where it does not. Rates are of the time since the last look, percentiles
    /// of all that are remembered.
    pub(super) fn story(&self, trigger: &Trigger, now: &Evidence) -> Option<String> {
        let before = match trigger.on {
            TriggerOn::Rtt { .. } | TriggerOn::Latency { .. } => self.0.front(),
            _ => self.0.back(),
        };
        story(trigger, before?, now)
    }
}

fn story(trigger: &Trigger, before: &Evidence, now: &Evidence) -> Option<String> {
    let seconds = now.at_ns.saturating_sub(before.at_ns) as f64 / 1e9;
    if seconds <= 0.0 {
        return None;
    }
    let gain = Gain { before, now, seconds };
    match &trigger.on {
        TriggerOn::Retransmits { per_second } => gain.retransmits(*per_second),
        TriggerOn::Drops { reason, class, per_second } => gain.drops(reason.as_deref(), *class, *per_second),
        TriggerOn::Rtt { above, port } => gain.round_trips(above.as_secs_f64(), *port),
        TriggerOn::Latency { stage, above } => gain.stage(*stage, above.as_secs_f64()),
        TriggerOn::Burst { iface, link_share } => {
            gain.bursts(iface.as_deref(), link_share.map(|share| share.fraction()))
        }
        TriggerOn::Policy { rule, per_second } => gain.rule(rule, *per_second),
    }
}

impl Gain<'_> {
    /// `312 segments were sent again in 1.0 s, more than 50 a second`, where it is more.
    fn many(&self, count: u64, what: &str, per_second: u32) -> Option<String> {
        let more = count as f64 / self.seconds > f64::from(per_second);
        more.then(|| format!("{count} {what} in {:.1} s, more than {per_second} a second", self.seconds))
    }

    fn retransmits(&self, per_second: u32) -> Option<String> {
        let count = self.now.retransmits?.saturating_sub(self.before.retransmits?);
        self.many(count, "segments were sent again", per_second)
    }

    fn drops(&self, reason: Option<&str>, class: Option<DropClass>, per_second: u32) -> Option<String> {
        let asked =
            self.now.drops.iter().filter(|(name, (of, _))| {
                reason.is_none_or(|reason| reason == *name) && (class.is_none() || class == *of)
            });
        let gained = |(name, (_, count)): (&String, &(_, u64))| {
            let before = self.before.drops.get(name).map_or(0, |(_, count)| *count);
            (name.clone(), count.saturating_sub(before))
        };
        let mut gained: Vec<_> = asked.map(gained).filter(|(_, count)| *count > 0).collect();
        gained.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let reasons: Vec<_> = gained.iter().take(3).map(|(name, count)| format!("{name} {count}")).collect();
        let what = format!("packets were dropped ({})", reasons.join(", "));
        self.many(gained.iter().map(|(_, count)| count).sum(), &what, per_second)
    }

    fn round_trips(&self, above_s: f64, port: Option<u16>) -> Option<String> {
        let none = Histogram::default();
        let mut slow: Vec<(f64, String)> = Vec::new();
        for (name, (of_port, now)) in &self.now.round_trips {
            if port.is_some_and(|port| port != *of_port) {
                continue;
            }
            let before = self.before.round_trips.get(name).map_or(&none, |(_, before)| before);
            slow.extend(percentile(&now.since(before), above_s).map(|p99| (p99, name.clone())));
        }
        let (p99, name) = slow.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let (p99, above) = (time(p99), time(above_s));
        Some(format!("the 99th percentile of round trips of {name} was {p99}, longer than {above}"))
    }

    fn stage(&self, stage: Stage, above_s: f64) -> Option<String> {
        let none = Histogram::default();
        let before = self.before.stages.get(&stage).unwrap_or(&none);
        let p99 = percentile(&self.now.stages.get(&stage)?.since(before), above_s)?;
        let (p99, above) = (time(p99), time(above_s));
        Some(format!("the 99th percentile of the stage {} was {p99}, longer than {above}", stage.as_str()))
    }

    fn bursts(&self, iface: Option<&str>, link_share: Option<f64>) -> Option<String> {
        for ((name, way), now) in &self.now.bursts {
            let before = self.before.bursts.get(&(name.clone(), *way)).map_or(0, |before| before.count);
            if iface.is_some_and(|iface| iface != name) || now.count <= before {
                continue;
            }
            let peak = now.peak_bits_per_second;
            let share = now.link_bits_per_second.map(|link| peak as f64 / link.max(1) as f64);
            if link_share.is_some_and(|above| share.is_none_or(|share| share <= above)) {
                continue;
            }
            let share = share.map_or_else(String::new, |share| format!(", {:.0}% of the link", share * 100.0));
            let bursts = now.count - before;
            let peak = units::bits_per_second(peak as f64);
            return Some(format!("{bursts} bursts on {name} ({}), peak {peak}{share}", way.as_str()));
        }
        None
    }

    fn rule(&self, rule: &str, per_second: u32) -> Option<String> {
        // A rule that was not in force before has begun with nothing.
        let count = self.now.rules.get(rule)?.saturating_sub(self.before.rules.get(rule).copied().unwrap_or(0));
        self.many(count, &format!("packets matched the rule {rule}"), per_second)
    }
}

fn percentile(gained: &Histogram, above_s: f64) -> Option<f64> {
    if gained.count() < VALUES_MIN {
        return None;
    }
    gained.quantile_s(0.99).filter(|p99| *p99 > above_s)
}

fn time(seconds: f64) -> String {
    units::nanoseconds((seconds * 1e9) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_config::Percent;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    fn fires(on: TriggerOn, before: &Evidence, now: &Evidence) -> Option<String> {
        story(&Trigger { name: "t".into(), on }, before, now)
    }

    fn pair() -> (Evidence, Evidence) {
        (Evidence { at_ns: 5 * SECOND, ..Evidence::default() }, Evidence { at_ns: 7 * SECOND, ..Evidence::default() })
    }

    #[test]
    fn a_rate_is_what_was_gained_in_the_time_between() {
        let (mut before, mut now) = pair();
        (before.retransmits, now.retransmits) = (Some(1_000), Some(1_100));
        let on = |per_second| TriggerOn::Retransmits { per_second };
        assert_eq!(fires(on(50), &before, &now), None, "50 a second are not more than 50");
        let told = fires(on(49), &before, &now).expect("it fires");
        assert_eq!(told, "100 segments were sent again in 2.0 s, more than 49 a second");
        before.retransmits = None;
        assert_eq!(fires(on(1), &before, &now), None, "what was not known before is no gain");
        now.at_ns = before.at_ns;
        assert_eq!(fires(on(1), &now.clone(), &now), None);
    }

    #[test]
    fn drops_are_asked_for_by_reason_and_by_class() {
        let (mut before, mut now) = pair();
        before.drops.insert("SOCKET_RCVBUFF".into(), (Some(DropClass::Resource), 10));
        now.drops.insert("SOCKET_RCVBUFF".into(), (Some(DropClass::Resource), 250));
        now.drops.insert("QDISC_DROP".into(), (Some(DropClass::Resource), 60));
        now.drops.insert("NO_SOCKET".into(), (Some(DropClass::Protocol), 999));
        let on = |reason: Option<&str>, class, per_second| TriggerOn::Drops {
            reason: reason.map(str::to_owned),
            class,
            per_second,
        };
        let told = fires(on(None, Some(DropClass::Resource), 149), &before, &now).expect("it fires");
        assert_eq!(
            told,
            "300 packets were dropped (SOCKET_RCVBUFF 240, QDISC_DROP 60) in 2.0 s, more than 149 a second"
        );
        assert_eq!(fires(on(None, Some(DropClass::Resource), 150), &before, &now), None);
        assert!(fires(on(Some("NO_SOCKET"), None, 400), &before, &now).is_some());
        assert_eq!(fires(on(Some("NO_SOCKET"), Some(DropClass::Policy), 1), &before, &now), None);
        assert!(fires(on(None, None, 600), &before, &now).is_some());
    }

    #[test]
    fn a_percentile_is_taken_of_what_is_new_and_enough() {
        let (mut before, mut now) = pair();
        let slow = Histogram { buckets: vec![(-48, 19)], sum_ns: 0 };
        before.round_trips.insert(":443".into(), (443, slow.clone()));
        now.round_trips.insert(":443".into(), (443, Histogram { buckets: vec![(-48, 38)], sum_ns: 0 }));
        let on = |port| TriggerOn::Rtt { above: Duration::from_millis(100), port };
        assert_eq!(fires(on(None), &before, &now), None, "19 are too few");
        before.round_trips.clear();
        let told = fires(on(Some(443)), &before, &now).expect("an eighth of a second");
        assert!(told.starts_with("the 99th percentile of round trips of :443 was 12"), "{told}");
        assert_eq!(fires(on(Some(80)), &before, &now), None);
        now.stages.insert(Stage::RunQueue, Histogram { buckets: vec![(-48, 30)], sum_ns: 0 });
        let on = |stage| TriggerOn::Latency { stage, above: Duration::from_millis(50) };
        assert!(fires(on(Stage::RunQueue), &before, &now).is_some());
        assert_eq!(fires(on(Stage::Think), &before, &now), None);
    }

    #[test]
    fn rates_are_of_the_last_look_and_percentiles_of_some() {
        let mut looks = Looks::default();
        let of = |second: u64| Evidence {
            at_ns: second * SECOND,
            retransmits: Some(second * 10),
            stages: BTreeMap::from([(Stage::Wire, Histogram { buckets: vec![(-48, second * 5)], sum_ns: 0 })]),
            ..Evidence::default()
        };
        let rate = Trigger { name: "t".into(), on: TriggerOn::Retransmits { per_second: 9 } };
        let slow = TriggerOn::Latency { stage: Stage::Wire, above: Duration::from_millis(50) };
        let slow = Trigger { name: "t".into(), on: slow };
        assert_eq!(looks.story(&rate, &of(0)), None, "there is nothing to compare with");
        for second in 0..4 {
            looks.push(of(second));
        }
        let told = looks.story(&rate, &of(4)).expect("it fires");
        assert!(told.starts_with("10 segments were sent again in 1.0 s"), "{told}");
        assert!(looks.story(&slow, &of(4)).is_some(), "20 in four seconds");
        looks = Looks(looks.0.into_iter().skip(1).collect());
        assert_eq!(looks.story(&slow, &of(4)), None, "15 in three");
    }

    #[test]
    fn a_burst_fires_once_and_by_its_share_of_the_link() {
        let (mut before, mut now) = pair();
        let of = |count| Bursts { count, peak_bits_per_second: 900, link_bits_per_second: Some(1000) };
        let key = ("eth0".to_owned(), Direction::Egress);
        before.bursts.insert(key.clone(), of(3));
        now.bursts.insert(key, of(4));
        let on = |iface: Option<&str>, percent: Option<u32>| TriggerOn::Burst {
            iface: iface.map(str::to_owned),
            link_share: percent.map(Percent::whole),
        };
        assert!(fires(on(None, None), &before, &now).is_some());
        assert!(fires(on(Some("eth0"), Some(89)), &before, &now).is_some());
        assert_eq!(fires(on(None, Some(90)), &before, &now), None);
        assert_eq!(fires(on(Some("eth1"), None), &before, &now), None);
        assert_eq!(fires(on(None, None), &now, &now.clone()), None);
    }

    #[test]
    fn a_rule_fires_by_what_it_matched() {
        let (before, mut now) = pair();
        now.rules.insert("dns-limit".into(), 21);
        let on = |rule: &str| TriggerOn::Policy { rule: rule.into(), per_second: 10 };
        assert!(fires(on("dns-limit"), &before, &now).is_some(), "it was not in force before");
        assert_eq!(fires(on("another"), &before, &now), None);
    }
}
