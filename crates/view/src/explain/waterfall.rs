//! One service, stage by stage.

use super::bars::Scale;
use super::overview::messages;
use super::picture::Picture;
use super::shares::{expected, way};
use super::verdict::{time, verdict};
use super::words::cause_words;
use crate::group::dashed;
use crate::table::{Column, Style, Table, printable};
use crate::units::{count, nanoseconds, percent};
use netrig_model::{Role, Stage};

/// A line's length where nobody says how long it may be.
const WIDTH: usize = 80;
const WIDTH_MIN: usize = 60;
/// A bar of more is no easier to read.
const BAR_MAX: usize = 60;
const NAME: usize = 9;
const TIME: usize = 8;
const GAP: &str = "  ";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PART: &str = "\x1b[36m";
const LARGEST: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// A bar for each stage in the order of the way, each beginning where those before it end, with the numbers beside and below;
/// beside `was`, the same service at another time. `unseen` are the stages that the host cannot show, and why.
#[must_use]
pub fn waterfall(picture: &Picture, was: Option<&Picture>, unseen: &[(Stage, String)], style: Style) -> String {
    let width = style.width.unwrap_or(WIDTH).max(WIDTH_MIN);
    let mut page = Page { picture, was, color: style.color, width, out: String::new() };
    page.head();
    page.bars();
    page.numbers();
    page.remarks(unseen);
    page.out
}

struct Page<'a> {
    picture: &'a Picture,
    was: Option<&'a Picture>,
    color: bool,
    width: usize,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn colored(&self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{code}{text}{PLAIN}") } else { text.to_owned() }
    }

    /// A sentence in as many lines as it takes.
    fn sentence(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > self.width {
                self.line(&line);
                line = " ".to_owned();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line);
    }

    fn head(&mut self) {
        let p = self.picture;
        let from = p.key.slow_client.map(|client| format!("← {client}")).unwrap_or_default();
        let role = p.key.role.map(Role::as_str).unwrap_or_default();
        let words = [p.key.service.as_str(), &from, role, &p.owner()].map(str::to_owned);
        let name: Vec<String> = words.into_iter().filter(|w| !w.is_empty()).collect();
        let name: String = name.join(GAP).chars().map(printable).collect();
        self.line(&self.colored(BOLD, &name));
        self.sentence(&verdict(p).sentence);
        self.sentence(&format!("{} messages, {} measured: {}", messages(p), count(p.measured()), sampling(p)));
        self.line("");
    }

    fn bars(&mut self) {
        let p = self.picture;
        let softirq_ns = p.stage(Stage::Softirq).and_then(|s| s.mean_ns()).unwrap_or(0.0);
        let whole_ns = p.whole_ns().unwrap_or(0.0).max(p.sum_of_parts_ns()).max(softirq_ns);
        let others = [Stage::Wire, Stage::WirePeer].iter().any(|s| is_beside(p, *s) && p.stage(*s).is_some());
        let width = self.bar_width();
        let room = if others && p.key.role != Some(Role::Client) { 4.0 / 3.0 } else { 1.0 };
        let alone_ns = if whole_ns > 0.0 { whole_ns } else { longest_beside_ns(p) };
        let scale = Scale { ns: alone_ns * room, width };
        let was = if self.was.is_some() { format!("{GAP}{:>TIME$}", "WAS") } else { String::new() };
        let title = format!(
            "{:<NAME$}{GAP}{:>TIME$}{was}{GAP}{:<width$}{GAP}{:>TIME$}{GAP}{:>TIME$}",
            "STAGE", "MEAN", "", "P50", "P99"
        );
        self.line(&self.colored(BOLD, &title));
        let mut at_ns = 0.0;
        let mut told_total = false;
        for stage in way(p.key.role) {
            let beside = is_beside(p, *stage);
            if beside && p.key.role != Some(Role::Client) && !told_total {
                told_total = true;
                self.total(scale);
            }
            if p.stage(*stage).is_none() && self.was.is_none_or(|was| was.stage(*stage).is_none()) {
                continue;
            }
            let ns = mean_ns(p, *stage);
            self.row(*stage, scale.bar(at_ns, ns.unwrap_or(0.0)), beside);
            if !beside {
                at_ns += ns.unwrap_or(0.0);
            }
        }
        if !told_total {
            self.total(scale);
        }
        self.line("");
    }

    /// What the numbers leave of a line.
    fn bar_width(&self) -> usize {
        let numbers = if self.was.is_some() { 4 } else { 3 };
        (self.width - NAME - numbers * (GAP.len() + TIME) - GAP.len()).min(BAR_MAX)
    }

    fn total(&mut self, scale: Scale) {
        let p = self.picture;
        if p.stage(Stage::Total).is_some() || self.was.is_some_and(|was| was.stage(Stage::Total).is_some()) {
            self.row(Stage::Total, scale.bar(0.0, p.whole_ns().unwrap_or(0.0)), false);
        }
    }

    fn row(&mut self, stage: Stage, bar: String, beside: bool) {
        let p = self.picture;
        let quantile =
            |share| dashed(p.stage(stage).and_then(|s| s.quantile_ns(share)).map(nanoseconds).unwrap_or_default());
        let mean = |p: &Picture| dashed(mean_ns(p, stage).map(time).unwrap_or_default());
        let was = self.was.map(|was| format!("{GAP}{:>TIME$}", mean(was))).unwrap_or_default();
        let bar = if beside { bar.chars().map(faint).collect() } else { bar };
        let rest = " ".repeat(self.bar_width().saturating_sub(bar.chars().count()));
        let code = match stage {
            _ if beside => DIM,
            Stage::Total => BOLD,
            _ if verdict(p).stage == Some(stage) => LARGEST,
            _ => PART,
        };
        let bar = self.colored(code, &bar);
        let (name, mean) = (stage.as_str(), mean(p));
        let (median, slow) = (quantile(0.5), quantile(0.99));
        self.line(&format!(
            "{name:<NAME$}{GAP}{mean:>TIME$}{was}{GAP}{bar}{rest}{GAP}{median:>TIME$}{GAP}{slow:>TIME$}"
        ));
    }

    fn numbers(&mut self) {
        let p = self.picture;
        let numbers = ["SHARE", "P90", "P99.9", "MAX", "SAMPLES", "COVERAGE", "CENSORED"].map(Column::number);
        let mut table = Table::new([vec![Column::text("STAGE", 0)], numbers.to_vec()].concat());
        let ordered = way(p.key.role).iter().chain(&[Stage::Total]);
        for (stage, sums) in ordered.filter_map(|stage| Some((stage, p.stages.get(stage)?))) {
            let time = |ns: Option<u64>| dashed(ns.map(nanoseconds).unwrap_or_default());
            table.push(&[
                stage.as_str().to_owned(),
                dashed(p.share(*stage).map(percent).unwrap_or_default()),
                time(sums.quantile_ns(0.9)),
                time(sums.quantile_ns(0.999)),
                time(sums.max_ns),
                count(sums.samples),
                dashed(sums.coverage().map(percent).unwrap_or_default()),
                count(sums.censored),
            ]);
        }
        let style = Style { width: Some(self.width), color: self.color };
        table.render_lines(style, &mut |line| self.line(line));
        self.line("");
    }

    fn remarks(&mut self, unseen: &[(Stage, String)]) {
        let p = self.picture;
        self.sum();
        if let Some(stack) = p.stage(Stage::Stack).filter(|s| p.unstamped_ns() > 0.0 && s.samples < p.measured()) {
            let each = time(p.weight_of_ns(Stage::Stack));
            let (of, all) = (count(stack.samples), count(p.measured()));
            self.sentence(&format!(
                "stack: seen of {of} of {all} messages (receive stamps are on in slices), {each} each"
            ));
        }
        self.causes();
        if let Some((ns, iface)) = &p.iface {
            self.sentence(&format!("qdisc: the longest wait, {}, was on {iface}", nanoseconds(*ns)));
        }
        for (stages, why) in not_seen(p, unseen) {
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            self.sentence(&format!("not seen: {}{why}", stages.join(", ")));
        }
    }

    /// The whole, its parts, and what they leave.
    fn sum(&mut self) {
        let p = self.picture;
        if p.is_host() {
            return;
        }
        let sum = time(p.sum_of_parts_ns());
        let text = match (p.whole_ns(), p.residual_ns()) {
            (Some(whole_ns), Some(residual_ns)) => {
                let share = if whole_ns > 0.0 { percent(residual_ns / whole_ns) } else { "0 %".to_owned() };
                let (whole, residual) = (time(whole_ns), time(residual_ns));
                format!("whole: {whole} measured by itself, {sum} the sum of its parts, {residual} residual ({share})")
            }
            _ => format!("whole: not measured; its parts add up to {sum}"),
        };
        self.sentence(&text);
    }

    /// What held messages in TCP's queue.
    fn causes(&mut self) {
        let p = self.picture;
        let sum_ns = p.stage(Stage::TcpQueue).map_or(0, |s| s.sum_ns());
        if sum_ns == 0 || p.causes.is_empty() {
            return;
        }
        let mut causes: Vec<_> = p.causes.iter().collect();
        causes.sort_by_key(|(cause, ns)| (std::cmp::Reverse(**ns), **cause));
        let share = |ns: u64| percent((ns as f64 / sum_ns as f64).min(1.0));
        let told: Vec<_> =
            causes.iter().map(|(cause, ns)| format!("{} {}", cause_words(**cause), share(**ns))).collect();
        self.sentence(&format!("tcp_queue: held by {}", told.join(", ")));
    }
}

/// What it takes of each message; of what is beside the whole, of each that it was measured of.
fn mean_ns(p: &Picture, stage: Stage) -> Option<f64> {
    let measured = p.stage(stage)?;
    if stage.is_part_of_total(p.key.role) { Some(p.share_ns(stage)) } else { measured.mean_ns() }
}

/// Whether it is no part of the whole, but after it or at the same time.
fn is_beside(p: &Picture, stage: Stage) -> bool {
    matches!(stage, Stage::Wire | Stage::WirePeer) && !stage.is_part_of_total(p.key.role)
}

/// Stages that messages of such a service have and of which there is nothing, by the reason for it.
fn not_seen<'a>(p: &Picture, unseen: &'a [(Stage, String)]) -> Vec<(Vec<&'static str>, Option<&'a str>)> {
    let has_whole = !p.is_host() && p.transport.as_deref() != Some("udp");
    // Acknowledgements come with data or without: of one kind there may be none.
    let acknowledged = [Stage::Wire, Stage::WirePeer].iter().any(|s| p.stage(*s).is_some());
    let missing = expected(p).chain(has_whole.then_some(Stage::Total));
    let missing = missing.filter(|s| p.stage(*s).is_none() && !(acknowledged && is_beside(p, *s)));
    let mut told: Vec<(Vec<&'static str>, Option<&str>)> = Vec::new();
    for stage in missing {
        let slept = matches!(stage, Stage::Wakeup | Stage::RunQueue) && p.stage(Stage::Read).is_some();
        let known = unseen.iter().find(|(each, _)| *each == stage).map(|(_, why)| why.as_str());
        let why = known.or(slept.then_some("the reader never slept"));
        match told.iter_mut().find(|(_, reason)| *reason == why) {
            Some((stages, _)) => stages.push(stage.as_str()),
            None => told.push((vec![stage.as_str()], why)),
        }
    }
    told
}

fn longest_beside_ns(p: &Picture) -> f64 {
    [Stage::Wire, Stage::WirePeer].into_iter().filter_map(|stage| mean_ns(p, stage)).fold(0.0, f64::max)
}

fn faint(c: char) -> char {
    if matches!(c, ' ' | '→') { c } else { '░' }
}

fn sampling(p: &Picture) -> String {
    if p.key.slow_client.is_some() {
        return "each of a slow connection".to_owned();
    }
    let rates: std::collections::BTreeSet<u32> = p.stages.values().flat_map(|s| &s.rates).copied().collect();
    match (rates.first(), rates.last()) {
        (Some(1), Some(1)) => "each one".to_owned(),
        (Some(low), Some(high)) if low == high => format!("1 in {}", count((*low).into())),
        (Some(low), Some(high)) => format!("1 in {} to 1 in {}", count((*low).into()), count((*high).into())),
        _ => "no sampling rate was told".to_owned(),
    }
}
