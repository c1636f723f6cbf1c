//! Heads of HTTP/1 that were read lately: what is sent over a connection is mostly sent again, and what is the same octet by octet says the
//! same.

use super::heads::Head;

/// Heads that are remembered.
const PLACES: usize = 128;
/// A longer one is not.
const OCTETS_MAX: usize = 1024;
/// After so many others in a row one makes room: where all are different, hardly any is remembered in vain.
const OTHERS: u8 = 4;

pub(super) struct Lately {
    places: Vec<Place>,
}

/// Where connections that have the same ports remember one head.
#[derive(Default)]
pub(super) struct Place {
    octets: Vec<u8>,
    head: Option<Head>,
    others: u8,
}

impl Lately {
    pub(super) fn new() -> Self {
        Self { places: (0..PLACES).map(|_| Place::default()).collect() }
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Place {
        &mut self.places[place % PLACES]
    }
}

impl Place {
    /// The head at the beginning of these octets, if it is the one that is remembered. Its own octets say all that it says: what follows
    /// changes nothing.
    pub(super) fn find(&self, octets: &[u8]) -> Option<Head> {
        self.head.as_ref().filter(|_| octets.starts_with(&self.octets)).cloned()
    }

    /// Remembers a whole head, which is at the beginning of these octets, if it is another's turn.
    pub(super) fn learn(&mut self, octets: &[u8], head: &Head) {
        self.others += 1;
        if head.octets > OCTETS_MAX || (self.head.is_some() && self.others < OTHERS) {
            self.others = self.others.min(OTHERS);
            return;
        }
        self.others = 0;
        self.octets.clear();
        self.octets.extend_from_slice(&octets[..head.octets]);
        self.head = Some(head.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::super::heads::{Reading, read_request};
    use super::*;

    fn path(octets: &[u8], place: &mut Place) -> Option<String> {
        match read_request(octets, false, true, place) {
            Reading::Head(head) => head.exchange.path,
            Reading::More | Reading::No => None,
        }
    }

    #[test]
    fn only_what_is_the_same_octet_by_octet_says_the_same() {
        let mut lately = Lately::new();
        let place = lately.at(PLACES + 1);
        let (a, b) = (b"GET /a HTTP/1.1\r\n\r\n", b"GET /b HTTP/1.1\r\n\r\n");
        assert_eq!((path(a, place).as_deref(), place.find(a).is_some()), (Some("/a"), true));
        assert_eq!((path(b, place).as_deref(), place.find(b).is_some()), (Some("/b"), false));
        assert!(place.find(&a[..a.len() - 1]).is_none() && path(&a[..a.len() - 1], place).is_none());
        let followed = [&a[..], b"body"].concat();
        assert_eq!(place.find(&followed).map(|head| head.octets), Some(a.len()));
        for _ in 0..OTHERS {
            assert_eq!(path(b, place).as_deref(), Some("/b"));
        }
        assert!(place.find(b).is_some() && place.find(a).is_none(), "what is sent now makes room for itself");
    }

    #[test]
    fn a_long_head_is_not_remembered() {
        let mut place = Place::default();
        let long = [&b"GET /long HTTP/1.1\r\nX: "[..], &[b'x'; OCTETS_MAX], b"\r\n\r\n"].concat();
        for _ in 0..1000 {
            assert_eq!(path(&long, &mut place).as_deref(), Some("/long"));
        }
        assert!(place.find(&long).is_none());
    }
}
