//! Names of the kernel's functions, from /proc/kallsyms.

use crate::error::HostError;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

const PATH: &str = "/proc/kallsyms";

fn failed(source: io::Error) -> HostError {
    HostError::File { path: PATH, source }
}

/// The kernel's symbols. Addresses are shown by the right of whoever opened the file: it stays open, so that a rig that has dropped its
/// rights goes on reading them.
#[derive(Debug)]
pub struct KernelSymbols {
    file: File,
}

impl KernelSymbols {
    /// Opens the list.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open() -> Result<Self, HostError> {
        let file = File::open(PATH).map_err(failed)?;
        Ok(Self { file })
    }

    /// The functions that `addresses` lie in, as `udp_queue_rcv_one_skb+0x437`, with a module's name behind it where it is a module's:
    /// `ovs_vport_receive+0x1f [openvswitch]`. Addresses below all functions, or all of them where the kernel shows none, have no
    /// name. The list is read once for all and not kept: it has hundreds of thousands of lines.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn resolve(&mut self, addresses: &[u64]) -> Result<BTreeMap<u64, String>, HostError> {
        self.file.rewind().map_err(failed)?;
        resolve_in(BufReader::with_capacity(1 << 16, &self.file), addresses).map_err(failed)
    }
}

/// The nearest function before an address, so far.
#[derive(Clone, Default)]
struct Nearest {
    start: u64,
    name: String,
}

fn resolve_in(mut list: impl BufRead, addresses: &[u64]) -> io::Result<BTreeMap<u64, String>> {
    let mut found: BTreeMap<u64, Nearest> = addresses.iter().map(|address| (*address, Nearest::default())).collect();
    let mut line = Vec::new();
    while !found.is_empty() && list.read_until(b'\n', &mut line)? > 0 {
        if let Some((start, name)) = function(&line) {
            for (_, nearest) in found.range_mut(start..).filter(|(_, nearest)| nearest.start < start) {
                *nearest = Nearest { start, name: name.to_owned() };
            }
        }
        line.clear();
    }
    let named = found.into_iter().filter(|(_, nearest)| nearest.start != 0);
    Ok(named.map(|(address, nearest)| (address, in_function(address, &nearest))).collect())
}

/// Start and name of a line that is a function: `ffffffff81000000 T _stext`, or with a tab and `[module]` behind.
fn function(line: &[u8]) -> Option<(u64, &str)> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let (start, rest) = line.split_once(' ')?;
    let (kind, name) = rest.split_once(' ')?;
    if !matches!(kind, "t" | "T" | "w" | "W") {
        return None;
    }
    u64::from_str_radix(start, 16).ok().filter(|start| *start != 0).map(|start| (start, name))
}

fn in_function(address: u64, nearest: &Nearest) -> String {
    let offset = address - nearest.start;
    match nearest.name.split_once('\t') {
        Some((name, module)) => format!("{name}+{offset:#x} {module}"),
        None => format!("{}+{offset:#x}", nearest.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = "ffffffff81000000 T _stext\nffffffff81000000 T _text\nffffffff81000100 t udp_rcv\n\
        ffffffff81000200 D jiffies\nffffffff81000180 W weak_one\nffffffffc0000000 t ovs_receive\t[openvswitch]\n";

    fn names(list: &str, addresses: &[u64]) -> Vec<(u64, String)> {
        resolve_in(list.as_bytes(), addresses).expect("bytes can be read").into_iter().collect()
    }

    #[test]
    fn an_address_has_the_function_before_it_whatever_the_order_of_the_list() {
        let got = names(LIST, &[0xffff_ffff_8100_0150, 0xffff_ffff_8100_0210, 0xffff_ffff_c000_001f, 0x10]);
        assert_eq!(
            got,
            [
                (0xffff_ffff_8100_0150, "udp_rcv+0x50".to_owned()),
                (0xffff_ffff_8100_0210, "weak_one+0x90".to_owned()),
                (0xffff_ffff_c000_001f, "ovs_receive+0x1f [openvswitch]".to_owned()),
            ]
        );
    }

    #[test]
    fn a_kernel_that_hides_its_addresses_has_no_names() {
        assert_eq!(names("0000000000000000 T _stext\n0000000000000000 t udp_rcv\n", &[0xffff_ffff_8100_0150]), []);
    }

    #[test]
    fn the_running_kernel_has_a_name_for_its_own_functions() {
        let text = std::fs::read_to_string(PATH).unwrap_or_default();
        let Some((start, name)) =
            text.lines().filter_map(|l| function(l.as_bytes())).find(|(_, n)| *n == "kfree_skb_list_reason")
        else {
            return;
        };
        let mut symbols = KernelSymbols::open().expect("can be read");
        for _ in 0..2 {
            let named = symbols.resolve(&[start + 5]).expect("can be read again");
            assert_eq!(named[&(start + 5)], format!("{name}+0x5"));
        }
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(list in "[0-9a-fTt \t\n\\[\\]x]{0,200}", addresses in prop::collection::vec(any::<u64>(), 0..5)) {
            prop_assert!(names(&list, &addresses).len() <= addresses.len());
        }
    }
}
