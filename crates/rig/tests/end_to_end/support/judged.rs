//! A rig that a real Prometheus judges by the alert rules people are given.

use super::rig::Rig;
use super::scraped::{scraping, wait_scraped};
use netrig_dashboards::rules;
use netrig_testkit::{Alert, AlertState, NetNs, Prometheus, PrometheusSetup};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);
/// Once what is expected fires, whatever else the fault would make fire has as long to do so.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// A rig that is held up for seconds, as on a machine that has much else to do, loses buckets of bursts, and rightly says so.
pub(crate) const NO_BURSTS: &str = "[burst]\nenabled = false\n";
/// What rigs see of the whole machine is switched off, too, where the fault is not of that kind: others drop and connect meanwhile.
pub(crate) const OF_ONE: &str =
    "[burst]\nenabled = false\n[tcp]\nenabled = false\n[drop]\nenabled = false\n[latency]\nenabled = false\n";

/// Connections are seen, of the whole machine; drops and messages are not.
pub(crate) const TCP_ALONE: &str = "[burst]\nenabled = false\n[drop]\nenabled = false\n[latency]\nenabled = false\n";
/// Drops are seen, of the whole machine; connections and messages are not.
pub(crate) const DROPS_ALONE: &str = "[burst]\nenabled = false\n[tcp]\nenabled = false\n[latency]\nenabled = false\n";
/// What somebody else on this machine may make fire, where the rig sees all of it.
pub(crate) const OF_THE_MACHINE: [&str; 4] =
    ["NetrigResourceDropsRising", "NetrigDropRatioHigh", "NetrigRetransmitsHigh", "NetrigTableFull"];
/// The port of a listener that is to be told of: those of all others on this machine are theirs.
pub(crate) const LISTENER: u16 = 20_901;

/// A rig that watches one interface; `more` are further keys of `[rig]`, and sections.
pub(crate) fn judged_config(interface: &str, more: &str) -> String {
    format!("[rig]\ninterfaces = [\"{interface}\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n{more}")
}

/// Times that stand in a rule itself, and for how long they stand here.
const HURRIED: [(&str, &str, &str); 1] = [("NetrigRemoteWriteStalled", "> 300", "> 20")];

/// A rig on a machine that has much else to do may miss some scrapes: what a missed one makes true is given longer.
const PATIENT: [&str; 2] = ["NetrigDown", "NetrigAbsent"];

/// The rules as they are, but for time: judged every second, and three seconds are enough, so that one scrape alone is not.
fn hurried(yaml: &str) -> String {
    let yaml = HURRIED.iter().fold(yaml.to_owned(), |yaml, (alert, time, shorter)| {
        let Some((before, rest)) = yaml.split_once(&format!("alert: \"{alert}\"")) else { return yaml };
        let (expr, after) = rest.split_once("for:").expect("it lasts");
        assert!(expr.contains(time), "{alert} has another time: {expr}");
        format!("{before}alert: \"{alert}\"{}for:{after}", expr.replace(time, shorter))
    });
    let mut lasts = "3s";
    let line = |line: &str| match line.trim_start().split_once(':') {
        Some(("interval", _)) => "    interval: 1s\n".to_owned(),
        Some(("- alert", name)) => {
            lasts = if PATIENT.iter().any(|patient| name.contains(patient)) { "20s" } else { "3s" };
            format!("{line}\n")
        }
        Some(("for", _)) => format!("        for: {lasts}\n"),
        _ => format!("{line}\n"),
    };
    yaml.lines().map(line).collect()
}

/// A rig, and who judges it.
pub(crate) struct Judged<'a> {
    /// The rig, while there is one.
    pub(crate) rig: Option<Rig<'a>>,
    /// The judge.
    pub(crate) prometheus: Prometheus,
}

impl<'a> Judged<'a> {
    /// A rig that is well, and so say the rules; what others on the machine do is theirs. None, and the test is reported as skipped, where Prometheus is not installed.
    pub(crate) fn start(ns: &'a NetNs, config: &str) -> Option<Self> {
        let judged = Self::of(Rig::start_with(ns, config), ns)?;
        judged.wait_until_calm_but(&OF_THE_MACHINE);
        Some(judged)
    }

    /// A rig as it is.
    pub(crate) fn of(rig: Rig<'a>, ns: &'a NetNs) -> Option<Self> {
        Self::by(scraping(), rig, ns)
    }

    /// The same by one that scrapes in its own way.
    pub(crate) fn by(scraping: PrometheusSetup, rig: Rig<'a>, ns: &'a NetNs) -> Option<Self> {
        let setup = scraping.rules(&hurried(&rules::recording_yaml())).rules(&hurried(&rules::alerts_yaml()));
        let prometheus = setup.start(Some(ns))?;
        // Rates are of two scrapes.
        for _ in 0..2 {
            wait_scraped(&prometheus);
        }
        let wrong: Vec<_> = prometheus.rules().into_iter().filter(|(_, error)| error.is_some()).collect();
        assert_eq!(wrong, [], "rules in error");
        Some(Self { rig: Some(rig), prometheus })
    }

    /// The rig.
    pub(crate) fn rig(&mut self) -> &mut Rig<'a> {
        self.rig.as_mut().expect("it runs")
    }

    /// Those that are true, but for other people's listeners.
    fn alerts(&self) -> Vec<Alert> {
        let ours = format!(":{LISTENER}");
        let mut alerts = self.prometheus.alerts();
        alerts.retain(|alert| alert.labels.get("listener").is_none_or(|listener| listener.ends_with(&ours)));
        alerts
    }

    /// Waits until no alert is true any more.
    pub(crate) fn wait_until_calm(&self) {
        self.wait_until_calm_but(&[]);
    }

    /// The same but for these, which look back for longer.
    pub(crate) fn wait_until_calm_but(&self, these: &[&str]) {
        super::wait_for("no other alert is true", PATIENCE, || {
            self.alerts().iter().all(|alert| these.contains(&alert.name.as_str())).then_some(())
        });
    }

    /// Makes a fault again and again until these alerts fire, and for a while after; no other one does. What they say has no
    /// blank to be filled in.
    #[track_caller]
    pub(crate) fn assert_only(&mut self, expected: &[&str], fault: impl FnMut(&mut Self)) {
        self.assert_only_beside(&[], expected, fault);
    }

    /// The same for a fault that may have consequences: those may fire too, or not.
    #[track_caller]
    pub(crate) fn assert_only_beside(&mut self, maybe: &[&str], expected: &[&str], mut fault: impl FnMut(&mut Self)) {
        let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
        let deadline = Instant::now() + PATIENCE;
        let mut since = None;
        while since.is_none_or(|since: Instant| since.elapsed() < AFTERWARDS) {
            fault(self);
            let alerts = self.alerts();
            let firing =
                alerts.iter().filter(|alert| alert.state == AlertState::Firing).map(|alert| alert.name.clone());
            let firing: BTreeSet<_> = firing.filter(|name| !maybe.contains(&name.as_str())).collect();
            assert!(firing.is_subset(&expected), "only {expected:?}: {alerts:#?}");
            if firing == expected {
                since.get_or_insert_with(Instant::now);
            }
            assert!(
                Instant::now() < deadline,
                "{expected:?} are to fire, {firing:?} do: {alerts:#?}{}",
                self.rig.as_ref().map(|rig| rig.get("/metrics")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        let firing = self.alerts().into_iter().filter(|alert| alert.state == AlertState::Firing);
        firing.for_each(|alert| assert_told(&alert));
    }
}

#[track_caller]
fn assert_told(alert: &Alert) {
    for name in ["summary", "description"] {
        let text = alert.annotations.get(name).map_or("", String::as_str);
        let filled =
            !text.is_empty() && !["<no value>", "<error", "{{", "NaN"].iter().any(|blank| text.contains(blank));
        assert!(filled, "{name} of {alert:#?}");
    }
}
