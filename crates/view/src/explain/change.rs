//! What has changed since another time.

use super::overview::messages;
use super::picture::{Picture, PictureKey};
use super::shares::FEW;
use super::verdict::time;
use crate::group::dashed;
use crate::table::{Column, Table};
use crate::units::nanoseconds;
use netrig_model::{Role, Stage};
use std::collections::BTreeMap;

/// Less is no change: distributions are known within 3 %.
const CHANGE_SHARE: f64 = 0.05;

/// One service at two times.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Now; none where it is gone.
    pub now: Option<&'a Picture>,
    /// As it was; none where it is new.
    pub was: Option<&'a Picture>,
}

impl Change<'_> {
    /// How much longer a message takes on average than it took, nanoseconds; none where it is new, or gone.
    #[must_use]
    pub fn change_ns(&self) -> Option<f64> {
        let (now, was) = (self.now?, self.was?);
        Some(match (now.whole_ns(), was.whole_ns()) {
            (Some(now), Some(was)) => now - was,
            _ => now.sum_of_parts_ns() - was.sum_of_parts_ns(),
        })
    }

    /// The part that moved most, and by how much, nanoseconds a message.
    #[must_use]
    pub fn moved(&self) -> Option<(Stage, f64)> {
        let (now, was) = (self.now?, self.was?);
        let role = now.key.role;
        let parts = Stage::ALL.iter().copied().filter(|stage| stage.is_part_of_total(role));
        let moved = parts.map(|stage| (stage, now.share_ns(stage) - was.share_ns(stage)));
        moved.filter(|(_, ns)| *ns != 0.0).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    }

    /// Whichever there is, the present one first.
    fn either(&self) -> Option<&Picture> {
        self.now.or(self.was)
    }

    fn sentence(&self) -> String {
        let (now, was) = match (self.now, self.was) {
            (Some(now), Some(was)) => (now, was),
            (Some(_), None) => return "new: it was not there".to_owned(),
            _ => return "gone".to_owned(),
        };
        if now.is_host() {
            return of_host(now, was);
        }
        let before_ns = was.whole_ns().unwrap_or_else(|| was.sum_of_parts_ns());
        let few = if now.measured() < FEW || was.measured() < FEW { "few samples: " } else { "" };
        match (self.change_ns(), self.moved()) {
            (Some(change_ns), Some((stage, moved_ns)))
                if change_ns.abs() >= before_ns * CHANGE_SHARE || moved_ns.abs() >= before_ns * CHANGE_SHARE =>
            {
                format!("{few}{} {} of {}", stage.as_str(), signed(moved_ns), signed(change_ns))
            }
            _ => format!("{few}as it was"),
        }
    }
}

/// Both times of every service, what changed most first, then what is new and what is gone; the host's own last. Slow connections are left
/// out: none is there twice.
#[must_use]
pub fn changes<'a>(now: &'a [Picture], was: &'a [Picture]) -> Vec<Change<'a>> {
    let mut all: BTreeMap<&PictureKey, Change<'a>> = BTreeMap::new();
    let services = |pictures: &'a [Picture]| pictures.iter().filter(|p| p.key.slow_client.is_none());
    for picture in services(now) {
        all.entry(&picture.key).or_insert(Change { now: None, was: None }).now = Some(picture);
    }
    for picture in services(was) {
        all.entry(&picture.key).or_insert(Change { now: None, was: None }).was = Some(picture);
    }
    let mut all: Vec<Change<'a>> = all.into_values().collect();
    let is_host = |change: &Change<'_>| change.either().is_some_and(Picture::is_host);
    all.sort_by(|a, b| {
        let size = |change: &Change<'_>| change.change_ns().map_or(-1.0, f64::abs);
        is_host(a).cmp(&is_host(b)).then(size(b).total_cmp(&size(a))).then(b.now.is_some().cmp(&a.now.is_some()))
    });
    all
}

/// One line for each service.
#[must_use]
pub fn changes_table(changes: &[Change<'_>]) -> Table {
    let mut table = Table::new(vec![
        Column::text("SERVICE", 10).good_at(22),
        Column::text("ROLE", 0).optional_before(1),
        Column::text("PROCESS", 6).good_at(16).optional_before(0),
        Column::number("MESSAGES").optional_before(2),
        Column::number("P50 WAS"),
        Column::number("P50"),
        Column::number("P99 WAS"),
        Column::number("P99"),
        Column::text("MOVED MOST", 20).good_at(40).sentence(),
    ]);
    for change in changes {
        let Some(either) = change.either() else { continue };
        let whole = if either.is_host() { Stage::Softirq } else { Stage::Total };
        let quantile = |picture: Option<&Picture>, share| {
            let ns = picture.and_then(|p| p.stage(whole)).and_then(|s| s.quantile_ns(share));
            dashed(ns.map(nanoseconds).unwrap_or_default())
        };
        table.push(&[
            either.key.service.clone(),
            dashed(either.key.role.map(Role::as_str).unwrap_or_default().to_owned()),
            dashed(either.owner()),
            dashed(change.now.map(messages).unwrap_or_default()),
            quantile(change.was, 0.5),
            quantile(change.now, 0.5),
            quantile(change.was, 0.99),
            quantile(change.now, 0.99),
            change.sentence(),
        ]);
    }
    table
}

fn of_host(now: &Picture, was: &Picture) -> String {
    let mean_ns = |picture: &Picture| picture.stage(Stage::Softirq).and_then(|s| s.mean_ns()).unwrap_or(0.0);
    let (change_ns, before_ns) = (mean_ns(now) - mean_ns(was), mean_ns(was));
    if change_ns.abs() < before_ns * CHANGE_SHARE {
        return "as it was".to_owned();
    }
    format!("softirq {}", signed(change_ns))
}

fn signed(ns: f64) -> String {
    if ns > 0.0 { format!("+{}", time(ns)) } else { time(ns) }
}
