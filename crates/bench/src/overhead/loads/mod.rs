//! The traffic that whoever has its turn looks at.

mod bulk;
mod connections;
mod flood;
mod paced;
mod servers;

pub(crate) use paced::PACE;

use super::ground::Ground;
use super::stop;
use anyhow::Result;
use std::time::Duration;

/// CPU of whoever sends; whoever receives has the last one.
const CLIENT_CPU: usize = 0;

/// One kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Rest,
    Bulk,
    FloodForwarded,
    FloodRefused,
    Http,
    Opaque,
    Connections,
}

/// What one turn of a load came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// In the load's own unit.
    pub(crate) rate: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
}

/// Traffic that can be had for a while, again and again.
pub(crate) trait Load {
    /// Makes it for about so long.
    fn run(&mut self, time: Duration) -> Result<Measured>;

    /// The same, if that is any time at all; what it came to does not count.
    fn run_if_any(&mut self, time: Duration) -> Result<()> {
        if time.is_zero() { Ok(()) } else { self.run(time).map(|_| ()) }
    }

    /// Puts a program that does nothing where the rig counts packets, or takes it away.
    fn set_empty_program(&mut self, _is_attached: bool) -> Result<()> {
        anyhow::bail!("this load has no empty program")
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "at rest",
            Self::Bulk => "bulk TCP",
            Self::FloodForwarded => "flood, forwarded",
            Self::FloodRefused => "flood, thrown away",
            Self::Http => "requests, HTTP in the clear",
            Self::Opaque => "requests, opaque",
            Self::Connections => "new connections",
        }
    }

    /// What its rate is counted in, and by what that is divided for people.
    pub(crate) fn unit(self) -> Option<(&'static str, f64)> {
        match self {
            Self::Rest => None,
            Self::Bulk => Some(("Gbit/s", 1e9)),
            Self::FloodForwarded | Self::FloodRefused => Some(("million packets/s", 1e6)),
            Self::Http | Self::Opaque | Self::Connections => Some(("1,000/s", 1e3)),
        }
    }

    /// Whether a turn is preceded by a short one that does not count.
    pub(crate) fn warms_up(self) -> bool {
        !matches!(self, Self::Rest | Self::Bulk)
    }

    /// Whether frames are sent that need a receiver of their own kind, and an empty program can be in their way.
    pub(crate) fn is_flood(self) -> bool {
        matches!(self, Self::FloodForwarded | Self::FloodRefused)
    }

    /// Whether it is as much as there is room for.
    pub(crate) fn fills_a_cpu(self) -> bool {
        !matches!(self, Self::Rest) && !self.is_paced()
    }

    /// Whether it is sent when it is due: of these it is told what they leave of the machine.
    pub(crate) fn is_paced(self) -> bool {
        matches!(self, Self::Http | Self::Opaque)
    }

    pub(crate) fn has_latency(self) -> bool {
        matches!(self, Self::Http | Self::Opaque | Self::Connections)
    }

    /// Servers and programs for it, in namespaces that are there.
    pub(crate) fn begin(self, ground: &Ground) -> Result<Box<dyn Load + '_>> {
        Ok(match self {
            Self::Rest => Box::new(Rest),
            Self::Bulk => Box::new(bulk::Bulk::begin(ground)?),
            Self::FloodForwarded => Box::new(flood::Flood::begin(ground, flood::Fate::Forwarded)?),
            Self::FloodRefused => Box::new(flood::Flood::begin(ground, flood::Fate::ThrownAway)?),
            Self::Http => Box::new(paced::Requests::begin(ground, servers::Speech::Http)?),
            Self::Opaque => Box::new(paced::Requests::begin(ground, servers::Speech::Opaque)?),
            Self::Connections => Box::new(connections::Connections::begin(ground)?),
        })
    }
}

/// Nothing happens.
struct Rest;

impl Load for Rest {
    fn run(&mut self, time: Duration) -> Result<Measured> {
        stop::pause(time)?;
        Ok(Measured::default())
    }
}

fn server_cpu() -> usize {
    super::machine::cpus() - 1
}

/// Of sorted latencies, nanoseconds: that of which `share` are not longer, in microseconds.
fn quantile_us(sorted_ns: &[u64], share: f64) -> Option<f64> {
    let rank = (sorted_ns.len() as f64 * share).ceil() as usize;
    sorted_ns.get(rank.saturating_sub(1)).map(|ns| *ns as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<u64> = (1..=200).map(|n| n * 1000).collect();
        assert_eq!((quantile_us(&sorted, 0.5), quantile_us(&sorted, 0.99)), (Some(100.0), Some(198.0)));
        assert_eq!((quantile_us(&[7000], 0.99), quantile_us(&[], 0.99)), (Some(7.0), None));
    }
}
