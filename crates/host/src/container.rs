//! Which container, or else which systemd unit, a cgroup's path names.
//!
//! No runtime is asked: each writes its container's id or name into the path, in one of a few ways. A container within a
//! container is the inner one. Systemd within a container has units of its own, which say less than the container they run
//! in: a container goes before a unit, wherever in the path they are.

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A container's id or name.
    Container(String),
    /// A systemd unit.
    Unit(String),
}

/// The container's id (or name, where the runtime knows names only: LXC, systemd-nspawn) or the systemd unit that a cgroup
/// path names; none for slices and the root.
///
/// ```
/// # use netrig_host::container_of;
/// assert_eq!(container_of("/system.slice/nginx.service").as_deref(), Some("nginx.service"));
/// assert_eq!(container_of("/lxc.payload.web/system.slice/nginx.service").as_deref(), Some("web"));
/// assert_eq!(container_of("/user.slice"), None);
/// ```
#[must_use]
pub fn container_of(path: &str) -> Option<String> {
    identity(path).map(|(Identity::Container(name) | Identity::Unit(name))| name)
}

pub(crate) fn identity(path: &str) -> Option<Identity> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let innermost = (0..segments.len()).rev().find_map(|at| {
        let above = at.checked_sub(1).map_or("", |above| segments[above]);
        container(segments[at], above)
    });
    innermost.map(Identity::Container).or_else(|| unit(&segments).map(Identity::Unit))
}

/// Runtimes that name a systemd scope `RUNTIME-ID.scope`, with ids that need not have 64 digits.
const RUNTIMES: [&str; 6] = ["docker-", "cri-containerd-", "crio-", "libpod-", "nerdctl-", "libpod-payload-"];
/// The programs that watch over a container, in a cgroup that carries its id: host processes, not the container's.
const WATCHERS: [&str; 4] = ["crio-conmon-", "libpod-conmon-", "lxc.monitor.", "conmon-"];

fn container(segment: &str, above: &str) -> Option<String> {
    if WATCHERS.iter().any(|watcher| segment.starts_with(watcher)) {
        return None;
    }
    named_container(segment, above).or_else(|| container_by_id(segment)).map(str::to_owned).or_else(|| machine(segment))
}

/// LXC: `lxc.payload.NAME`, and as a folder `lxc/NAME` and `lxc.payload/NAME`.
fn named_container<'a>(segment: &'a str, above: &str) -> Option<&'a str> {
    if matches!(above, "lxc" | "lxc.payload") {
        return Some(segment);
    }
    segment.strip_prefix("lxc.payload.").filter(|name| !name.is_empty())
}

/// An id by itself (Docker, containerd and others without systemd), after its runtime's name, or after the slice and the
/// runtime's name: `kubepods-…slice:cri-containerd:ID`, which is containerd being told of systemd by the kubelet only.
fn container_by_id(segment: &str) -> Option<&str> {
    let name = segment.strip_suffix(".scope").unwrap_or(segment);
    let known = RUNTIMES.iter().find_map(|runtime| name.strip_prefix(runtime)).filter(|id| is_id(id, 12));
    let last = name.rsplit([':', '-']).next().filter(|id| is_id(id, 64));
    known.or(last).or_else(|| is_ecs_id(name).then_some(name))
}

fn is_id(text: &str, digits_min: usize) -> bool {
    (digits_min..=64).contains(&text.len()) && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Amazon's Fargate: the task's 32 digits and a number, `/ecs/TASK/TASK-1234567890`.
fn is_ecs_id(name: &str) -> bool {
    let parts = name.split_once('-');
    parts.is_some_and(|(task, number)| {
        task.len() == 32 && is_hex(task) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// systemd-nspawn and libvirt, by the name their machine is registered under.
fn machine(segment: &str) -> Option<String> {
    let scope = segment.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope"));
    let service = segment.strip_prefix("systemd-nspawn@").and_then(|name| name.strip_suffix(".service"));
    scope.or(service).filter(|name| !name.is_empty()).map(unescaped)
}

/// A name out of a unit's name: systemd writes what may not stand there as `\x2d`.
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.strip_prefix(b"x").and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok());
        match hex.filter(|_| first == b'\\').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The innermost unit, under the name by which `systemctl` takes it. Slices only group units; `init.scope` is the manager
/// itself, of the user when it is in `user@1000.service`.
fn unit(segments: &[&str]) -> Option<String> {
    const KINDS: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];
    // A unit that would be taken for one of the kernel's files has an underscore put in front.
    let names = segments.iter().map(|segment| segment.strip_prefix('_').unwrap_or(segment));
    let is_unit = |name: &&str| KINDS.iter().any(|kind| name.strip_suffix(kind).is_some_and(|name| !name.is_empty()));
    let units: Vec<_> = names.filter(is_unit).collect();
    let innermost = units.iter().rev().find(|name| **name != "init.scope").or(units.first());
    innermost.map(|name| (*name).to_owned())
}
