//! A capture's own time, cut into windows.

use netrig_model::Timestamp;

/// The open window, aligned to the epoch like a running rig's. Time only goes forward: a packet from before the open
/// window is counted in it, as a late one is in life.
#[derive(Debug)]
pub(crate) struct Windows {
    length_ns: i64,
    end: Option<Timestamp>,
}

impl Windows {
    pub(crate) fn new(length_ns: i64) -> Self {
        Self { length_ns: length_ns.max(1), end: None }
    }

    /// A packet at `now`: gives the end of the window that is over with it, if one is.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        let over = self.end.filter(|end| now >= *end);
        if over.is_some() || self.end.is_none() {
            self.end = Some(now.window_start(self.length_ns).plus_ns(self.length_ns));
        }
        over
    }

    /// How long each is.
    pub(crate) fn length_ns(&self) -> i64 {
        self.length_ns
    }

    /// The end of the open window, once there was a packet.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_over_with_the_first_packet_beyond_it() {
        let mut windows = Windows::new(10);
        assert_eq!(windows.end(), None);
        assert_eq!(windows.advance(Timestamp(25)), None);
        assert_eq!(windows.end(), Some(Timestamp(30)));
        assert_eq!(windows.advance(Timestamp(29)), None);
        assert_eq!(windows.advance(Timestamp(3)), None, "late packets stay in the open window");
        assert_eq!(windows.advance(Timestamp(30)), Some(Timestamp(30)));
        // Windows without packets are passed over.
        assert_eq!(windows.advance(Timestamp(1_005)), Some(Timestamp(40)));
        assert_eq!(windows.end(), Some(Timestamp(1_010)));
    }

    #[test]
    fn times_before_1970_have_windows_too() {
        let mut windows = Windows::new(10);
        assert_eq!(windows.advance(Timestamp(-25)), None);
        assert_eq!(windows.end(), Some(Timestamp(-20)));
    }
}
