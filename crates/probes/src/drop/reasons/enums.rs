//! Enumerators of BTF types as the kernel shows them under /sys/kernel/btf.
//!
//! libbpf-rs reads only types that stand by themselves; a module's go on where the kernel's end, and of those only the strings are
//! needed here. Layout: the kernel's Documentation/bpf/btf.rst.

const MAGIC: u32 = 0xeb9f;
const HEADER_BYTES: usize = 24;
const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_ENUM64: u32 = 19;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_ne_bytes)
}

/// The sections that a header names.
fn section(bytes: &[u8], offset_at: usize) -> Option<&[u8]> {
    if word(bytes, 0)? & 0xffff != MAGIC {
        return None;
    }
    let header_bytes = word(bytes, 4)? as usize;
    let (offset, length) = (word(bytes, offset_at)? as usize, word(bytes, offset_at + 4)? as usize);
    let start = header_bytes.max(HEADER_BYTES).checked_add(offset)?;
    bytes.get(start..start.checked_add(length)?)
}

/// A section of strings; those of a module go on where the kernel's end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    pub(super) fn of(btf: &'a [u8]) -> Option<Self> {
        section(btf, 16).map(Self)
    }

    fn at(&self, offset: usize) -> Option<&'a str> {
        let text = self.0.get(offset..)?.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(text).ok()
    }
}

/// Bytes behind a type's three words.
fn bytes_behind(kind: u32, count: usize) -> usize {
    match kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * count,
        KIND_ENUM | KIND_FUNC_PROTO => 8 * count,
        _ => 0,
    }
}

/// Calls `take` with enum, name and number of each enumerator of 32 bits. What is not BTF, or ends early, has no more of them.
pub(super) fn each_enumerator(btf: &[u8], base: &Strings<'_>, take: &mut dyn FnMut(&str, &str, u32)) {
    let (Some(types), Some(own)) = (section(btf, 8), Strings::of(btf)) else { return };
    let text = |offset: u32| {
        let offset = offset as usize;
        if offset < base.0.len() { base.at(offset) } else { own.at(offset - base.0.len()) }
    };
    let mut at = 0;
    while let (Some(name), Some(info)) = (word(types, at), word(types, at + 4)) {
        let (kind, count) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
        at += 12;
        if kind == KIND_ENUM
            && let Some(of) = text(name)
        {
            for member in (0..count).map(|member| at + 8 * member) {
                let (Some(name), Some(number)) = (word(types, member), word(types, member + 4)) else { return };
                if let Some(name) = text(name) {
                    take(of, name, number);
                }
            }
        }
        at += bytes_behind(kind, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// BTF with one enum, whose strings go on after `base` bytes of others.
    fn one_enum(base: usize, of: &str, members: &[(&str, u32)]) -> Vec<u8> {
        let mut strings = if base == 0 { vec![0] } else { Vec::new() };
        let mut add = |text: &str| {
            let at = base + strings.len();
            strings.extend(text.as_bytes());
            strings.push(0);
            at as u32
        };
        let mut types = vec![add(of), (KIND_ENUM << 24) | members.len() as u32, 4];
        for (name, number) in members {
            types.extend([add(name), *number]);
        }
        let types: Vec<u8> = types.into_iter().flat_map(u32::to_ne_bytes).collect();
        let header =
            [MAGIC | 1 << 16, HEADER_BYTES as u32, 0, types.len() as u32, types.len() as u32, strings.len() as u32];
        let mut btf: Vec<u8> = header.into_iter().flat_map(u32::to_ne_bytes).collect();
        btf.extend(types);
        btf.extend(strings);
        btf
    }

    fn read(btf: &[u8], base: &Strings<'_>) -> Vec<(String, String, u32)> {
        let mut all = Vec::new();
        each_enumerator(btf, base, &mut |of, name, number| all.push((of.to_owned(), name.to_owned(), number)));
        all
    }

    #[test]
    fn a_modules_strings_go_on_where_the_kernels_end() {
        let kernel = one_enum(0, "skb_drop_reason", &[("SKB_CONSUMED", 1)]);
        let base = Strings::of(&kernel).expect("strings");
        let module = one_enum(base.0.len(), "ovs_drop_reason", &[("OVS_DROP_LAST_ACTION", 0x2_0001)]);
        assert_eq!(read(&kernel, &Strings::default()), [("skb_drop_reason".into(), "SKB_CONSUMED".into(), 1)]);
        assert_eq!(read(&module, &base), [("ovs_drop_reason".into(), "OVS_DROP_LAST_ACTION".into(), 0x2_0001)]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..80) {
            read(&bytes, &Strings::default());
            let whole = one_enum(0, "skb_drop_reason", &[("SKB_CONSUMED", 1), ("SKB_OTHER", 2)]);
            let cut = &whole[..whole.len().saturating_sub(cut)];
            prop_assert!(read(cut, &Strings::default()).len() <= 2);
        }
    }
}
