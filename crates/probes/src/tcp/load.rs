//! Opening and loading the object file: what the running kernel has is taken, what it lacks is named.

use super::TcpOptions;
use crate::{Missing, ProbeError, object};
use libbpf_rs::btf::Btf;
use libbpf_rs::{ErrorExt, Object, OpenObject};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tcp.bpf.o"));

/// The program that is loaded only where every read is to be looked at.
const READS: &str = "tcp_read";

/// Programs at tracepoints: the tracepoint, and what is not known without it.
pub(super) const TRACEPOINTS: &[(&str, &str, &str)] = &[
    ("tcp_state", "inet_sock_set_state", "connections"),
    ("tcp_error", "inet_sk_error_report", "errors"),
    ("tcp_retransmit", "tcp_retransmit_skb", "retransmits"),
    ("tcp_retransmit_syn_ack", "tcp_retransmit_synack", "retransmits of SYN-ACKs"),
    ("tcp_reset_sent", "tcp_send_reset", "resets sent"),
    ("tcp_reset_received", "tcp_receive_reset", "resets received"),
    (READS, "tcp_rcv_space_adjust", "every read"),
];

/// Programs at the root of the v2 control groups: what is not known without them.
pub(super) const CGROUP: &[(&str, &str)] = &[
    ("tcp_operations", "round trips"),
    ("other_made", "owners of sockets other than TCP's"),
    ("other_bound4", "owners of bound ports"),
    ("other_bound6", "owners of bound ports"),
    ("tcp_accepted4", "owners of accepted connections while they are open"),
    ("tcp_accepted6", "owners of accepted connections while they are open"),
    ("tcp_connect4", "connections that fail before a SYN is sent"),
    ("tcp_connect6", "connections that fail before a SYN is sent"),
    ("socket_released", "owners of sockets other than TCP's, connections that fail before a SYN is sent"),
];

/// Loads the programs that this kernel can have.
pub(super) fn load(options: &TcpOptions, missing: &mut Vec<Missing>) -> Result<Object, ProbeError> {
    let mut open = object::open("tcp", OBJECT)?;
    let Tracepoints { absent, retransmit_tells_error } = Tracepoints::of_kernel();
    size_maps(&mut open, options, retransmit_tells_error).map_err(|e| object::refused("tcp", &e))?;
    let asked = TRACEPOINTS.iter().filter(|(program, ..)| *program != READS || options.reads);
    for (_, tracepoint, what) in asked.filter(|(_, tracepoint, _)| absent.contains(tracepoint)) {
        missing.push(Missing { what, why: format!("this kernel has no tracepoint {tracepoint}") });
    }
    for mut program in open.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let tracepoint = TRACEPOINTS.iter().find(|(each, ..)| *each == name).map(|(_, tracepoint, _)| *tracepoint);
        let of_cgroup = CGROUP.iter().any(|(each, _)| *each == name);
        let wanted = tracepoint.is_none_or(|t| !absent.contains(&t)) && (!of_cgroup || options.cgroup_root.is_some());
        program.set_autoload(wanted && (name != READS || options.reads));
    }
    open.load().map_err(|e| object::refused("tcp", &e))
}

/// What the running kernel's types say of its tracepoints. Where they cannot be read, loading will say why.
#[derive(Default)]
struct Tracepoints {
    absent: Vec<&'static str>,
    /// Newer kernels tell of retransmits that came to nothing too, with the error in a third argument.
    retransmit_tells_error: bool,
}

impl Tracepoints {
    fn of_kernel() -> Self {
        let Ok(kernel) = Btf::from_vmlinux() else { return Self::default() };
        let arguments = |name: &str| object::arguments(&kernel, name);
        let names = TRACEPOINTS.iter().map(|(_, tracepoint, _)| *tracepoint);
        Self {
            absent: names.filter(|name| arguments(name).is_none()).collect(),
            retransmit_tells_error: arguments("tcp_retransmit_skb") >= Some(3),
        }
    }
}

fn size_maps(open: &mut OpenObject, options: &TcpOptions, retransmit_tells_error: bool) -> libbpf_rs::Result<()> {
    let sizes = options.sizes;
    let mut settings = sizes.settings();
    settings.retransmit_tells_error = retransmit_tells_error.into();
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let entries = match name.as_str() {
            "slots" => sizes.slots,
            "free_ring" | "done_ring" => sizes.ring,
            "totals" => sizes.cpus,
            "services" | "service_places" => sizes.services,
            "processes" => sizes.processes,
            _ => {
                if name.ends_with(".rodata.settings") {
                    map.set_initial_value(object::bytes_of(&settings))?;
                }
                continue;
            }
        };
        map.set_max_entries(entries).with_context(|| format!("cannot size the map {name}"))?;
    }
    Ok(())
}

/// The running kernel's names for why it sends resets, by number; empty before Linux 6.10.
pub(super) fn reset_reasons() -> Vec<String> {
    use libbpf_rs::btf::types::Enum;
    let Ok(kernel) = Btf::from_vmlinux() else { return Vec::new() };
    let Some(reasons) = kernel.type_by_name::<Enum<'_>>("sk_rst_reason") else { return Vec::new() };
    let mut names = Vec::new();
    for member in reasons.iter() {
        let (Some(name), Ok(number)) = (member.name, usize::try_from(member.value)) else { continue };
        if number < 256 {
            names.resize(names.len().max(number + 1), String::new());
            let name = name.to_string_lossy();
            names[number] = name.strip_prefix("SK_RST_REASON_").unwrap_or(&name).to_lowercase();
        }
    }
    names
}
