//! How long everything takes: loads in groups, with who takes part, rounds and the length of a turn.

use super::OverheadPlan;
use super::contender::{ALL, Contender};
use super::loads::Kind;
pub(crate) use super::turns::Group;
use std::time::Duration;

/// What starting and ending somebody takes about.
const START: Duration = Duration::from_millis(2500);
const SETTLE: Duration = Duration::from_millis(500);
/// At rest, what a start brings with it would be all that there is.
const SETTLE_AT_REST: Duration = Duration::from_millis(1500);

/// netrig looks more rarely at what goes on once it has seen that next to nothing does: it is at rest after so many turns, 25 s of whole ones.
const TURNS_UNTIL_AT_REST: f64 = 2.5;

/// The part of a turn that the one before it takes, which does not count.
const WARM_UP_PART: u32 = 8;
/// So long a load lasts before who is to be settled is measured: the governor has taken all its steps by then.
const SETTLED_AFTER: Duration = Duration::from_secs(20);

/// Loads, rounds, and milliseconds of a turn; in a hurry, and not.
struct Part {
    loads: &'static [Kind],
    rounds: [usize; 2],
    turn_ms: [u64; 2],
}

const PARTS: [Part; 5] = [
    // A window of the rig is as long.
    Part { loads: &[Kind::Rest], rounds: [1, 3], turn_ms: [3000, 10_000] },
    Part { loads: &[Kind::Bulk], rounds: [1, 5], turn_ms: [1000, 2000] },
    Part { loads: &[Kind::FloodForwarded, Kind::FloodRefused], rounds: [1, 5], turn_ms: [300, 1000] },
    Part { loads: &[Kind::Opaque, Kind::Http], rounds: [1, 4], turn_ms: [1000, 2000] },
    Part { loads: &[Kind::Connections], rounds: [1, 3], turn_ms: [500, 2000] },
];

pub(crate) fn groups(plan: &OverheadPlan, missing: &[Contender]) -> Vec<Group> {
    let way = usize::from(!plan.quick);
    let wanted = |load: &Kind| plan.only.as_ref().is_none_or(|only| load.name().contains(only.as_str()));
    let groups = PARTS.iter().map(|part| {
        let rest = part.loads == [Kind::Rest];
        let takes_part = |contender: &Contender| !missing.contains(contender) && takes_part(*contender, part.loads);
        Group {
            loads: part.loads.iter().copied().filter(wanted).collect(),
            contenders: ALL.into_iter().filter(takes_part).collect(),
            rounds: plan.rounds.unwrap_or(part.rounds[way]),
            turn: Duration::from_millis(part.turn_ms[way]),
            settle: if rest { SETTLE_AT_REST } else { SETTLE },
        }
    });
    groups.filter(|group| !group.loads.is_empty()).collect()
}

/// An empty program is for packets alone, and at rest it makes no difference where a file lies.
pub(crate) fn takes_part(contender: Contender, loads: &[Kind]) -> bool {
    let is_flood = loads.iter().any(|load| load.is_flood());
    let is_rest = loads.contains(&Kind::Rest);
    match contender {
        Contender::Empty => is_flood,
        // Nothing is turned down where nothing happens.
        Contender::OffAgain | Contender::TcpdumpFile | Contender::Settled => !is_rest,
        _ => true,
    }
}

impl Group {
    /// Its loads.
    pub(crate) fn name(&self) -> String {
        self.loads.iter().map(|load| load.name()).collect::<Vec<_>>().join("; ")
    }

    /// How long a load lasts before a turn under it counts.
    pub(crate) fn warm_up(&self, load: Kind, contender: Contender) -> Duration {
        match contender {
            Contender::Settled => SETTLED_AFTER,
            _ if load == Kind::Rest && contender.is_rig() => self.turn.mul_f64(TURNS_UNTIL_AT_REST),
            _ if load.warms_up() => self.turn / WARM_UP_PART,
            _ => Duration::ZERO,
        }
    }

    /// What it takes about.
    pub(crate) fn about(&self) -> Duration {
        let turn = |contender: &Contender| {
            let start = if contender.is_rig() { START } else { Duration::ZERO };
            let of_load = |load: &Kind| self.warm_up(*load, *contender) + self.turn;
            start + self.settle + self.loads.iter().map(of_load).sum::<Duration>()
        };
        let round = self.contenders.iter().map(turn).sum::<Duration>();
        let kernel = self.contenders.iter().filter(|contender| contender.is_rig()).map(turn).sum::<Duration>();
        round * self.rounds as u32 + kernel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(quick: bool) -> OverheadPlan {
        OverheadPlan { quick, rounds: None, only: None, document: "/x".into() }
    }

    #[test]
    fn all_of_it_ends_in_about_half_an_hour() {
        let about = |quick| groups(&plan(quick), &[]).iter().map(Group::about).sum::<Duration>();
        assert!(about(false) < Duration::from_secs(35 * 60), "{:?}", about(false));
        assert!(about(true) < Duration::from_secs(9 * 60), "{:?}", about(true));
    }

    #[test]
    fn what_is_missing_or_not_wanted_has_no_turn() {
        let only = OverheadPlan { only: Some("HTTP".to_owned()), ..plan(true) };
        let groups = groups(&only, &[Contender::Pmacctd]);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].loads, [Kind::Http]);
        assert!(
            !groups[0].contenders.contains(&Contender::Pmacctd) && !groups[0].contenders.contains(&Contender::Empty)
        );
        assert!(groups[0].contenders.contains(&Contender::OffAgain));
    }
}
