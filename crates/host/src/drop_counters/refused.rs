//! What sockets had no room for where no packet is dropped for it: a SYN at a full accept queue ends as any other packet that was
//! looked at, the copy for a raw socket is never made, a netlink message is not delivered.
//!
//! Listeners' counters are the network namespace's own, for good. Those of raw and netlink sockets are each socket's and go with it:
//! what a socket gains is added up from reading to reading, and what one gained after the last reading before its end is not known.

use netrig_model::{DropSource, DropTally};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

const NETSTAT: &str = "/proc/thread-self/net/netstat";
/// Octets read of a file of sockets: some 4,000 of them, which take the kernel 8 ms to write. More are not looked at.
const FILE_MAX: u64 = 512 << 10;
const OVERFLOWS: &str = "TcpExtListenOverflows";
const QUEUE_FULL: &str = "TcpExtTCPReqQFullDrop";
const OTHERS: &str = "TcpExtListenDrops";

/// Files of sockets, and the name under which their sum is told.
const FILES: [(&str, &str); 3] = [
    ("/proc/thread-self/net/raw", "raw_drops"),
    ("/proc/thread-self/net/raw6", "raw6_drops"),
    ("/proc/thread-self/net/netlink", "netlink_drops"),
];

/// Remembers sockets' counters.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Of `ListenDrops` that which is in no other counter, at most so far: the three are not read at one moment.
    others: u64,
    sockets: [Sockets; 3],
}

/// Of one file.
#[derive(Debug, Default)]
struct Sockets {
    /// By inode.
    last: HashMap<u64, u64>,
    /// All that sockets have gained since the first reading, those included that are gone.
    all: u64,
    /// Whether the last reading had all sockets.
    whole: bool,
}

pub(super) fn tally(name: &str, packets: u64) -> DropTally {
    DropTally { source: DropSource::Refused, reason: name.to_owned(), place: None, iface: None, packets }
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [OVERFLOWS, QUEUE_FULL, OTHERS].into_iter().chain(FILES.map(|(_, name)| name))
}

impl Refused {
    /// None of them counts what another does.
    pub(super) fn tallies(&mut self) -> Vec<DropTally> {
        let mut tallies = read(NETSTAT).map(|(text, _)| self.listeners(&text)).unwrap_or_default();
        for ((path, name), sockets) in FILES.iter().zip(&mut self.sockets) {
            // Without IPv6 there is no raw6.
            let Some((text, whole)) = read(path) else { continue };
            sockets.take(&text, whole);
            tallies.push(tally(name, sockets.all));
        }
        tallies
    }

    /// `ListenDrops` has all of them: what it has beyond the others is told under its name.
    fn listeners(&mut self, netstat: &str) -> Vec<DropTally> {
        let of = |name: &str| value(netstat, "TcpExt", name);
        let (Some(overflows), Some(all)) = (of("ListenOverflows"), of("ListenDrops")) else { return Vec::new() };
        let queue_full = of("TCPReqQFullDrop").unwrap_or(0);
        self.others = self.others.max(all.saturating_sub(overflows + queue_full));
        vec![tally(OVERFLOWS, overflows), tally(QUEUE_FULL, queue_full), tally(OTHERS, self.others)]
    }
}

impl Sockets {
    /// A socket that is new began at 0, and so did one whose count has gone backwards, for it is another with that inode. Of one that
    /// may have been there all the time nothing is known but what it gains from now on.
    fn take(&mut self, text: &str, whole: bool) {
        let mut now = HashMap::new();
        for (inode, drops) in rows(text) {
            let before = match self.last.get(&inode) {
                Some(before) if *before <= drops => *before,
                None if !(whole && self.whole) => drops,
                _ => 0,
            };
            self.all += drops - before;
            now.insert(inode, drops);
        }
        (self.last, self.whole) = (now, whole);
    }
}

/// What a file says, and whether that is all of it.
fn read(path: &str) -> Option<(String, bool)> {
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut text)).ok()?;
    let whole = (text.len() as u64) < FILE_MAX;
    if !whole {
        // The last line is not whole.
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0));
        tracing::debug!(path, "There are more sockets than are looked at for what they had no room for.");
    }
    Some((String::from_utf8(text).ok()?, whole))
}

/// Inode and drops of each socket that has both. Columns are found by name from the end: the ones before them are written with
/// more words than they have names.
fn rows(text: &str) -> impl Iterator<Item = (u64, u64)> {
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split_whitespace().rev().collect();
    let at = |column: &str| names.iter().position(|name| name.eq_ignore_ascii_case(column));
    let places = at("inode").zip(at("drops"));
    lines.filter_map(move |line| {
        let (inode, drops) = places?;
        let word = |place| line.split_whitespace().rev().nth(place)?.parse().ok();
        word(inode).zip(word(drops)).filter(|(inode, _)| *inode != 0)
    })
}

/// Of pairs of lines that begin with the group's name, of which the first has the names and the second the values.
fn value(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':')).filter(|(of, _)| *of == group);
    let ((_, names), (_, values)) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|each| each == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RAW: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
        1: 00000000:0001 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 109482 2 0000000043760a7e 17\n \
        1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 109483 2 0000000043760a7f 0\n";
    const NETLINK: &str = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n\
        00000000ef6a44a4 0   0          00000000 0        0        0     2        5        0\n\
        00000000ef6a44a4 0   77         00000001 0        0        0     2        9        4321      \n";

    #[test]
    fn sockets_are_found_in_every_file_by_the_names_of_its_columns() {
        assert_eq!(rows(RAW).collect::<Vec<_>>(), [(109_482, 17), (109_483, 0)]);
        assert_eq!(rows(NETLINK).collect::<Vec<_>>(), [(4321, 9)], "the kernel's own ends have no inode");
        assert_eq!(rows("sl inode\n1 2\n").count(), 0, "a kernel that does not tell");
    }

    #[test]
    fn what_sockets_gained_stays_when_they_are_gone() {
        let mut sockets = Sockets::default();
        let mut all = |rows: &[(u64, u64)], whole| {
            let lines: String = rows.iter().map(|(inode, drops)| format!("{inode} {drops}\n")).collect();
            sockets.take(&format!("inode drops\n{lines}"), whole);
            sockets.all
        };
        assert_eq!(all(&[(1, 5), (2, 0)], true), 0, "what was before is not the rig's");
        assert_eq!(all(&[(1, 7), (2, 1)], true), 3);
        assert_eq!(all(&[(2, 1)], true), 3);
        assert_eq!(all(&[(1, 3), (2, 1)], true), 6, "another socket with that inode");
        assert_eq!(all(&[(1, 2)], true), 8, "and one more");
        assert_eq!(all(&[(1, 3), (7, 100)], false), 9, "there are more than are looked at: 7 may be old");
        assert_eq!(all(&[(1, 3), (7, 101), (8, 50)], true), 10, "and so may 8");
        assert_eq!(all(&[(9, 5)], true), 15);
    }

    #[test]
    fn what_listeners_refused_is_told_once_by_reason() {
        let netstat = |overflows: u64, full: u64, all: u64| {
            format!(
                "TcpExt: A ListenOverflows ListenDrops TCPReqQFullDrop\nTcpExt: 9 {overflows} {all} {full}\nIpExt: A\nIpExt: 1\n"
            )
        };
        let mut refused = Refused::default();
        let mut told = |text: &str| refused.listeners(text).into_iter().map(|tally| tally.packets).collect::<Vec<_>>();
        assert_eq!(told(&netstat(10, 2, 15)), [10, 2, 3]);
        assert_eq!(
            told(&netstat(12, 2, 16)),
            [12, 2, 3],
            "read between two of the kernel's own steps: never backwards"
        );
        assert_eq!(told(&netstat(12, 2, 18)), [12, 2, 4]);
        assert_eq!(told("TcpExt: ListenDrops\nTcpExt: 1\n"), [0_u64; 0]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(inode|drops|TcpExt:|ListenDrops|ListenOverflows|[0-9a-f: \n-]){0,60}") {
            let mut refused = Refused::default();
            refused.listeners(&text);
            refused.sockets[0].take(&text, true);
        }
    }
}
