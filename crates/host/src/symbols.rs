//! Names of the kernel's functions, from /proc/kallsyms.

use crate::error::HostError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

const PATH: &str = "/proc/kallsyms";
/// Places without a name that are remembered as such.
const NAMELESS_MAX: usize = 1024;

fn failed(source: io::Error) -> HostError {
    HostError::File { path: PATH, source }
}

/// The kernel's functions, read once: reading them takes a tenth of a second, which nobody has to spare later on. Addresses are shown
/// by the right of whoever opened the list: it stays open, so that a rig that has dropped its rights can read it again when a
/// module has come.
#[derive(Debug)]
pub struct KernelSymbols {
    file: File,
    functions: Functions,
    /// No reading of the list had these: for them it is not read again.
    nameless: BTreeSet<u64>,
}

impl KernelSymbols {
    /// Opens and reads the list.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn open() -> Result<Self, HostError> {
        let file = File::open(PATH).map_err(failed)?;
        let mut symbols = Self { file, functions: Functions::default(), nameless: BTreeSet::new() };
        symbols.read()?;
        Ok(symbols)
    }

    fn read(&mut self) -> Result<(), HostError> {
        self.file.rewind().map_err(failed)?;
        self.functions = Functions::read(BufReader::with_capacity(1 << 16, &self.file)).map_err(failed)?;
        Ok(())
    }

    /// The functions that `addresses` lie in, as `udp_queue_rcv_one_skb+0x437`, with a module's name behind it where it is a module's:
    /// `ovs_vport_receive+0x1f [openvswitch]`. Addresses far from all functions, or all of them where the kernel shows none, have no
    /// name.
    ///
    /// # Errors
    /// When the list has to be read again, for a module that has come, and cannot be.
    pub fn resolve(&mut self, addresses: &[u64]) -> Result<BTreeMap<u64, String>, HostError> {
        let known = |functions: &Functions| -> BTreeMap<u64, String> {
            addresses.iter().filter_map(|address| Some((*address, functions.name(*address)?))).collect()
        };
        let named = known(&self.functions);
        let is_new = |address: &u64| !named.contains_key(address) && !self.nameless.contains(address);
        if !addresses.iter().any(is_new) || self.functions.starts.is_empty() {
            return Ok(named);
        }
        self.read()?;
        let named = known(&self.functions);
        let room = NAMELESS_MAX.saturating_sub(self.nameless.len());
        self.nameless.extend(addresses.iter().filter(|address| !named.contains_key(address)).take(room));
        Ok(named)
    }
}

/// No function is longer: what lies further from the one before it is of a module that has come since.
const FUNCTION_BYTES_MAX: u64 = 1 << 18;

/// Functions by their starts, ascending; their names one after the other.
#[derive(Debug, Default)]
struct Functions {
    starts: Vec<(u64, u32)>,
    names: String,
}

impl Functions {
    fn read(mut list: impl BufRead) -> io::Result<Self> {
        let mut functions = Self::default();
        let mut line = Vec::new();
        while list.read_until(b'\n', &mut line)? > 0 {
            if let (Some((start, name)), Ok(at)) = (function(&line), u32::try_from(functions.names.len())) {
                functions.starts.push((start, at));
                functions.names.push_str(name);
                functions.names.push('\n');
            }
            line.clear();
        }
        // Of several names for one place the first is kept, as the kernel does.
        functions.starts.sort_by_key(|(start, at)| (*start, *at));
        functions.starts.dedup_by_key(|(start, _)| *start);
        functions.starts.shrink_to_fit();
        functions.names.shrink_to_fit();
        Ok(functions)
    }

    fn name(&self, address: u64) -> Option<String> {
        let after = self.starts.partition_point(|(start, _)| *start <= address);
        let (start, at) = *self.starts.get(after.checked_sub(1)?)?;
        let offset = address - start;
        if offset > FUNCTION_BYTES_MAX {
            return None;
        }
        let name = self.names.get(at as usize..)?.lines().next()?;
        Some(match name.split_once('\t') {
            Some((name, module)) => format!("{name}+{offset:#x} {module}"),
            None => format!("{name}+{offset:#x}"),
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = "ffffffff81000000 T _stext\nffffffff81000000 T _text\nffffffff81000100 t udp_rcv\n\
        ffffffff81000200 D jiffies\nffffffff81000180 W weak_one\nffffffffc0000000 t ovs_receive\t[openvswitch]\n";

    fn names(list: &str, addresses: &[u64]) -> Vec<(u64, String)> {
        let functions = Functions::read(list.as_bytes()).expect("bytes can be read");
        addresses.iter().filter_map(|address| Some((*address, functions.name(*address)?))).collect()
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

    #[test]
    fn for_a_place_that_has_no_name_the_list_is_read_once() {
        let mut list = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut list, LIST.as_bytes()).expect("written");
        let mut symbols = KernelSymbols { file: list, functions: Functions::default(), nameless: BTreeSet::new() };
        symbols.read().expect("can be read");
        let (named, nowhere) = (0xffff_ffff_8100_0150, 0xffff_ffff_d000_0000);
        assert_eq!(symbols.resolve(&[named, nowhere]).expect("can be read").len(), 1);
        // Whoever reads it again finds another list.
        symbols.file.set_len(0).expect("cut off");
        assert_eq!(symbols.resolve(&[named, nowhere]).expect("it need not be read").len(), 1);
        assert_eq!(
            symbols.resolve(&[named, nowhere + (1 << 20)]).expect("can be read").len(),
            0,
            "another place may be a new module's"
        );
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(list in "[0-9a-fTt \t\n\\[\\]x]{0,200}", addresses in prop::collection::vec(any::<u64>(), 0..5)) {
            prop_assert!(names(&list, &addresses).len() <= addresses.len());
        }
    }
}
