//! The kernel's words for its reasons to drop a packet. Numbers differ from kernel to kernel; its own types tell which is which.

mod enums;

use crate::wire::drops;
use enums::{Strings, each_enumerator};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const BTF_DIR: &str = "/sys/kernel/btf";
const CORE: &str = "skb_drop_reason";
/// Subsystems' reasons have their number in the upper half; each subsystem has an enum of its own.
const SUBSYSTEM_SUFFIX: &str = "_drop_reason";
const SUBSYSTEM_SHIFT: u32 = 16;

/// Names of reasons by their numbers.
#[derive(Clone, Debug, Default)]
pub struct ReasonNames(BTreeMap<u32, String>);

impl ReasonNames {
    /// As the running kernel and its modules have them. What cannot be read has no names; numbers are told then.
    #[must_use]
    pub fn read() -> Self {
        Self::read_in(Path::new(BTF_DIR))
    }

    fn read_in(dir: &Path) -> Self {
        let mut names = Self::default();
        let Ok(kernel) = fs::read(dir.join("vmlinux")) else { return names };
        let Some(strings) = Strings::of(&kernel) else { return names };
        names.take(&kernel, &Strings::default());
        for module in fs::read_dir(dir).into_iter().flatten().flatten().filter(|file| file.file_name() != "vmlinux") {
            if let Ok(types) = fs::read(module.path()) {
                names.take(&types, &strings);
            }
        }
        names
    }

    /// Takes the reasons among `types`, whose strings go on where `base` ends.
    fn take(&mut self, types: &[u8], base: &Strings<'_>) {
        each_enumerator(types, base, &mut |of, name, number| {
            let subsystem = number >> SUBSYSTEM_SHIFT != 0;
            let wanted = if subsystem { of.ends_with(SUBSYSTEM_SUFFIX) && of != CORE } else { of == CORE };
            if wanted {
                let name = name.strip_prefix("SKB_DROP_REASON_").or_else(|| name.strip_prefix("SKB_")).unwrap_or(name);
                self.0.entry(number).or_insert_with(|| name.to_owned());
            }
        });
    }

    /// The word for a reason: the kernel's own without its prefix, netrig's for what has no number there, `#n` for what nobody knows.
    #[must_use]
    pub fn name(&self, number: u32) -> String {
        let own = match number {
            drops::REASON_OTHER => "OTHER",
            drops::REASON_RCVQUEUE_FULL => "SOCK_RCVQUEUE_FULL",
            drops::REASON_UDP_FAIL_QUEUE => "UDP_FAIL_QUEUE_RCV_SKB",
            drops::REASON_EXCEED_BUF_LIMIT => "SOCK_EXCEED_BUF_LIMIT",
            drops::REASON_XDP_EXCEPTION => "XDP_EXCEPTION",
            drops::REASON_XDP_REDIRECT => "XDP_REDIRECT_ERR",
            drops::REASON_XDP_DEVMAP => "XDP_DEVMAP_XMIT",
            drops::REASON_XDP_CPUMAP => "XDP_CPUMAP_ENQUEUE",
            drops::REASON_XDP_BULK_TX => "XDP_BULK_TX",
            _ => return self.0.get(&number).cloned().unwrap_or_else(|| format!("#{number}")),
        };
        own.to_owned()
    }

    /// All of the running kernel's, by number.
    pub fn all(&self) -> impl Iterator<Item = (u32, &str)> {
        self.0.iter().map(|(number, name)| (*number, name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libbpf_rs::btf::Btf;
    use libbpf_rs::btf::types::Enum;

    #[test]
    fn the_running_kernels_reasons_are_those_that_libbpf_reads() {
        let Ok(btf) = Btf::from_vmlinux() else { return };
        let Some(core) = btf.type_by_name::<Enum<'_>>(CORE) else { return };
        let names = ReasonNames::read();
        let mut count = 0;
        for member in core.iter() {
            let (Some(name), Ok(number)) = (member.name, u32::try_from(member.value)) else { continue };
            if number < 1 << SUBSYSTEM_SHIFT {
                let (name, told) = (name.to_string_lossy(), names.name(number));
                assert!(name.ends_with(&told), "{number} is {name}, not {told}");
                count += 1;
            }
        }
        assert!(count > 50, "only {count} reasons were compared");
        assert_eq!(names.name(2), "NOT_SPECIFIED");
        assert_eq!(names.name(65_000), "#65000");
        assert_eq!(names.name(drops::REASON_OTHER), "OTHER");
    }

    #[test]
    fn every_reason_of_the_running_kernel_has_a_meaning() {
        let names = ReasonNames::read();
        let unknown: Vec<_> = names.all().filter(|(_, name)| !netrig_model::drop_reason_is_known(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for own in drops::REASON_OTHER..=drops::REASON_XDP_BULK_TX {
            assert!(netrig_model::drop_reason_is_known(&names.name(own)), "{}", names.name(own));
        }
    }
}
