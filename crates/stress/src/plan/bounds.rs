//! What a plan may not ask for: all is bounded, so that no run is more than the machine bears.

use super::{Draw, Plan};
use crate::StressError;
use crate::generate::frame_bytes_max;
use std::time::Duration;

/// Wires.
pub(crate) const INTERFACES_MAX: u16 = 128;
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
const SOCKETS_MAX: u16 = 256;
const FLOODS_MAX: usize = 64;

impl Plan {
    /// The plan, if it keeps within what there is.
    ///
    /// # Errors
    /// With the first key that does not, and what it may be.
    pub fn checked(self, file: &str) -> Result<Self, StressError> {
        let refused = |what: String| Err(StressError::Asked(format!("{file}: {what}")));
        if self.duration < Duration::from_secs(1) || self.duration > DURATION_MAX {
            return refused("duration: 1s to 1d".into());
        }
        if self.interfaces == 0 || self.interfaces > INTERFACES_MAX {
            return refused(format!("interfaces: 1 to {INTERFACES_MAX}"));
        }
        if !(1280..=9000).contains(&self.mtu) {
            return refused("mtu: 1280 to 9000".into());
        }
        if self.rate == Some(0) || self.link_mbit == Some(0) {
            return refused("rate and link_mbit: not 0; leave it out for as much as there is room for".into());
        }
        if self.flood.len() > FLOODS_MAX {
            return refused(format!("flood: at most {FLOODS_MAX} kinds"));
        }
        if self.sockets.bulk > SOCKETS_MAX || self.sockets.connecting > SOCKETS_MAX {
            return refused(format!("sockets: at most {SOCKETS_MAX} of each kind"));
        }
        if self.flood.is_empty() && self.capture.is_none() && self.sockets == super::Sockets::default() {
            return refused("there is no traffic: give it a [[flood]], a capture or [sockets]".into());
        }
        if let Some(error) = self.flood_error().or_else(|| self.time_error()) {
            return refused(error);
        }
        Ok(self)
    }

    fn flood_error(&self) -> Option<String> {
        let max = frame_bytes_max();
        for flood in &self.flood {
            if flood.flows == 0 || flood.packets_per_flow == 0 || flood.weight == 0 {
                return Some("flood: flows, packets_per_flow and weight are at least 1".into());
            }
            if flood.bytes > max || flood.bytes > self.mtu + 18 {
                return Some(format!("flood: bytes: at most {max}, and no more than the mtu and 18"));
            }
            if flood.weight > 1000 {
                return Some("flood: weight: at most 1000".into());
            }
            if flood.draw != Draw::New && flood.packets_per_flow != 1 {
                return Some("flood: packets_per_flow is for draw = \"new\" alone".into());
            }
        }
        None
    }

    fn time_error(&self) -> Option<String> {
        if let Some(bursts) = &self.bursts {
            let longest = bursts.lengths.iter().max().copied().unwrap_or_default();
            if bursts.lengths.iter().any(Duration::is_zero) || longest.is_zero() || longest > bursts.every {
                return Some("bursts: lengths: at least one, none of them 0 or longer than `every`".into());
            }
        }
        let stop = self.fault.stop.as_ref()?;
        let percent = u16::from(stop.after_percent) + u16::from(stop.for_percent);
        (percent > 90 || stop.for_percent == 0)
            .then(|| "fault: stop: for_percent at least 1, and both together at most 90".to_owned())
    }
}
