//! Whose a process is, from `/proc`.

use crate::container::{Identity, identity};
use netrig_model::Owner;
use std::fs;
use std::path::Path;

/// Controllers of cgroup v1 in the order in which they are asked: container runtimes use the first ones always, and systemd
/// its own at least.
const V1_ORDER: [&str; 5] = ["memory", "cpu", "pids", "devices", "name=systemd"];

/// The owner of what process `pid` does: its name, its cgroup, and the container or unit that this names. Of a process that
/// is gone no name is known, and the cgroup is the hint.
///
/// `cgroup_path_hint` is what else is known of its cgroup (v2), such as the path of its socket's. A living process's own
/// word goes before it: a socket keeps the cgroup in which it was made, which with socket activation is systemd's.
#[must_use]
pub fn owner_of_process(pid: u32, cgroup_path_hint: Option<&str>) -> Owner {
    owner_in(Path::new("/proc"), pid, cgroup_path_hint)
}

fn owner_in(proc: &Path, pid: u32, hint: Option<&str>) -> Owner {
    let folder = proc.join(pid.to_string());
    let read = |file: &str| fs::read(folder.join(file)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // A name may have any bytes, line ends too; only the last one is the kernel's.
    let process = read("comm").map(|name| name.strip_suffix('\n').unwrap_or(&name).to_owned());
    let cgroup = process_cgroup(&read("cgroup").unwrap_or_default(), hint);
    let container = cgroup.as_deref().and_then(crate::container_of);
    Owner { process: process.filter(|name| !name.is_empty()), pid: (pid != 0).then_some(pid), cgroup, container }
}

/// The cgroup path to tell of a process, from the text of its `/proc/PID/cgroup` and what else is known of its cgroup.
///
/// That is the v2 path where it says something. Hosts with cgroup v1, or both, may keep all processes in v2's root and the
/// containers in v1's hierarchies, or leave the containers in v2 where their runtime is: there a v1 path that names a
/// container is the better answer.
#[must_use]
pub fn process_cgroup(text: &str, hint: Option<&str>) -> Option<String> {
    let lines: Vec<Line<'_>> = text.lines().filter_map(Line::parse).collect();
    let v2 = lines.iter().find(|line| line.is_v2()).map(|line| line.path);
    let telling = [v2, hint.map(clean)].into_iter().flatten().find(|path| *path != "/");
    let is_container = |path: &str| matches!(identity(path), Some(Identity::Container(_)));
    let is_unit = |path: &str| matches!(identity(path), Some(Identity::Unit(_)));

    let v1 = || {
        let mut v1: Vec<_> = lines.iter().filter(|line| !line.is_v2()).collect();
        v1.sort_by_key(|line| line.rank());
        v1.into_iter().map(|line| line.path)
    };
    let found = (telling.filter(|path| is_container(path)))
        .or_else(|| v1().find(|path| is_container(path)))
        .or(telling)
        .or_else(|| v1().find(|path| is_unit(path)))
        .or(v2)
        .or_else(|| v1().next())
        .or(hint.map(clean));
    found.map(str::to_owned)
}

/// A line of `/proc/PID/cgroup`: hierarchy, its controllers, the path in it (which may have colons).
#[derive(Clone, Copy)]
struct Line<'a> {
    controllers: &'a str,
    path: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?.parse::<u32>().ok()?, parts.next()?, parts.next()?);
        path.starts_with('/').then(|| Self { controllers, path: clean(path) })
    }

    fn is_v2(self) -> bool {
        self.controllers.is_empty()
    }

    fn rank(self) -> usize {
        let of = |name: &str| V1_ORDER.iter().position(|each| *each == name).unwrap_or(V1_ORDER.len());
        self.controllers.split(',').map(of).min().unwrap_or(V1_ORDER.len())
    }
}

/// The path without what is no part of it: the way up to a cgroup outside the reader's cgroup namespace (`/../..`), and the
/// mark of a removed one.
fn clean(path: &str) -> &str {
    let mut path = path.strip_suffix(" (deleted)").unwrap_or(path);
    while let Some(rest) = path.strip_prefix("/..").filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        path = rest;
    }
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn cgroup(text: &str) -> Option<String> {
        process_cgroup(&text.replace("ID", ID), None)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(cgroup(text), Some(expected.replace("ID", ID)), "{text}");
    }

    #[test]
    fn v2_alone_has_one_line() {
        check("0::/system.slice/nginx.service\n", "/system.slice/nginx.service");
        check("0::/\n", "/");
        check("0::/system.slice/gone.service (deleted)\n", "/system.slice/gone.service");
        check("0::/a:b/c\n", "/a:b/c");
    }

    #[test]
    fn from_within_a_cgroup_namespace_the_way_up_is_left_out() {
        check("0::/../../system.slice/docker-ID.scope\n", "/system.slice/docker-ID.scope");
        check("0::/../cri-containerd-ID.scope\n", "/cri-containerd-ID.scope");
        check("0::/..\n", "/");
        check("0::/..hidden\n", "/..hidden");
    }

    #[test]
    fn v1_alone_is_asked_controller_by_controller() {
        let docker =
            "12:cpuset:/docker/ID\n11:memory:/docker/ID\n4:cpu,cpuacct:/docker/ID\n1:name=systemd:/docker/ID\n";
        check(docker, "/docker/ID");
        check("9:perf_event:/\n5:pids:/\n3:freezer:/lxc/web\n1:name=systemd:/init.scope\n", "/lxc/web");
        // A unit is systemd's word, unless a container is named anywhere.
        let unit = "9:perf_event:/\n4:memory:/user.slice\n1:name=systemd:/system.slice/ssh.service\n";
        check(unit, "/system.slice/ssh.service");
        check("7:blkio:/x\n4:memory:/user.slice\n", "/user.slice");
    }

    #[test]
    fn in_a_hybrid_the_container_is_where_its_runtime_put_it() {
        check(
            "4:memory:/\n1:name=systemd:/system.slice/a.service\n0::/system.slice/a.service\n",
            "/system.slice/a.service",
        );
        check("4:memory:/docker/ID\n1:name=systemd:/docker/ID\n0::/\n", "/docker/ID");
        // The runtime knows v1 only, so in v2 the container is still where the runtime is.
        check("4:memory:/docker/ID\n1:name=systemd:/docker/ID\n0::/system.slice/containerd.service\n", "/docker/ID");
        check("4:memory:/agent/1348ae2f\n1:name=systemd:/\n0::/\n", "/");
    }

    #[test]
    fn a_hint_serves_where_proc_says_nothing() {
        assert_eq!(process_cgroup("", Some("/a.service")).as_deref(), Some("/a.service"));
        assert_eq!(process_cgroup("0::/\n", Some("/a.service")).as_deref(), Some("/a.service"));
        assert_eq!(process_cgroup("0::/cups.service\n", Some("/init.scope")).as_deref(), Some("/cups.service"));
        let container = process_cgroup("2:memory:/lxc/web\n0::/\n", Some("/init.scope"));
        assert_eq!(container.as_deref(), Some("/lxc/web"));
        assert_eq!(process_cgroup("0::/\n", Some("/")).as_deref(), Some("/"));
        assert_eq!(process_cgroup("", None), None);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        assert_eq!(cgroup("0::no path\nx:memory:/a\n1:only two\n\n"), None);
    }

    #[test]
    fn an_owner_is_read_from_proc() {
        let proc = tempfile::tempdir().expect("a folder");
        let folder = proc.path().join("42");
        fs::create_dir(&folder).expect("create");
        fs::write(folder.join("comm"), b"odd\xff\nname\n").expect("write");
        fs::write(folder.join("cgroup"), "0::/system.slice/odd.service/sub\n").expect("write");
        let owner = owner_in(proc.path(), 42, None);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(owner.process, text("odd\u{fffd}\nname"));
        assert_eq!(owner.cgroup, text("/system.slice/odd.service/sub"));
        assert_eq!((owner.pid, owner.container), (Some(42), text("odd.service")));
        let gone = owner_in(proc.path(), 43, Some("/lxc/web"));
        let expected = Owner { process: None, pid: Some(43), cgroup: text("/lxc/web"), container: text("web") };
        assert_eq!(gone, expected);
        assert_eq!(owner_in(proc.path(), 0, None), Owner::default());
    }

    #[test]
    fn this_process_owns_itself() {
        let owner = owner_of_process(std::process::id(), None);
        let name = fs::read_to_string("/proc/self/comm").expect("/proc");
        assert_eq!(owner.process.as_deref(), Some(name.trim_end()));
        let text = fs::read_to_string("/proc/self/cgroup").expect("/proc");
        let cgroup = owner.cgroup.expect("every process has a cgroup");
        assert!(text.lines().any(|line| line.ends_with(&format!(":{cgroup}"))), "{cgroup} is not in {text}");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_path_of_it_or_none(text in ".*", likely in r"([0-9]{1,2}:[a-z,=]{0,9}:(/[a-z.]{0,3}){0,4}( \(deleted\))?\n){0,5}") {
            for text in [text, likely] {
                if let Some(path) = process_cgroup(&text, None) {
                    prop_assert!(path.starts_with('/') && (path == "/" || text.contains(&path)));
                }
            }
        }
    }
}
