//! Paths as runtimes write them, and what they name.

use netrig_host::container_of;
use proptest::prelude::*;

/// Stands for an id of 64 digits in the paths below, and another for a container within.
const ID: &str = "7be92808767a667f35c8505cbf40d14e931ef6db5b0210329cf193b15ba9d605";
const INNER: &str = "e37da3b2e8ff8f6a6c2f3c6d3b6ef0c59f2ee15e14c4f56a7e8cb3b5ad6cf4d1";

#[track_caller]
fn check(rows: &[(&str, &str)]) {
    for (path, expected) in rows {
        let full = |text: &str| text.replace("INNER", INNER).replace("ID", ID);
        let found = container_of(&full(path));
        let expected = Some(full(expected)).filter(|name| !name.is_empty());
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn docker() {
    check(&[
        ("/docker/ID", "ID"),
        ("/system.slice/docker-ID.scope", "ID"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope", "ID"),
        // Its own systemd, and a folder that a runtime makes in it.
        ("/system.slice/docker-ID.scope/system.slice/nginx.service", "ID"),
        ("/docker/ID/init.scope", "ID"),
        // Docker in Docker: the inner one.
        ("/docker/ID/docker/INNER", "INNER"),
        ("/system.slice/docker-ID.scope/docker/INNER", "INNER"),
        ("/system.slice/docker.service", "docker.service"),
        ("/docker", ""),
        ("/actions_job/ID", "ID"),
    ]);
}

#[test]
fn kubernetes() {
    const POD: &str = "pod2d3da189_6407_48e3_9ab6_78188d75e609.slice";
    let systemd = format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-{POD}");
    check(&[
        (&format!("{systemd}/cri-containerd-ID.scope"), "ID"),
        (&format!("{systemd}/crio-ID.scope"), "ID"),
        (&format!("{systemd}/crio-ID.scope/container"), "ID"),
        (&format!("{systemd}/docker-ID.scope"), "ID"),
        (&systemd, ""),
        ("/kubepods/besteffort/pod0d5e9c2a-4a5b-11ea-8bd5-0a58a9feac02/ID", "ID"),
        ("/kubepods/burstable/podc54b7a6a1f5d8c1aa4e8e6c4a3c0f5d2/ID", "ID"),
        ("/kubepods/podc54b7a6a-1f5d-8c1a-a4e8-e6c4a3c0f5d2", ""),
        ("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podabc.slice/cri-containerd-ID.scope", "ID"),
        // The kubelet speaks of systemd, containerd does not.
        ("/system.slice/containerd.service/kubepods-burstable-podabc.slice:cri-containerd:ID", "ID"),
        // kind: nodes that are containers, with a kubelet of their own.
        ("/docker/ID/kubelet/kubepods/besteffort/podabc/INNER", "INNER"),
        ("/system.slice/docker-ID.scope/kubelet.slice/kubelet-kubepods.slice/cri-containerd-INNER.scope", "INNER"),
        // What watches over a container is not in it.
        ("/system.slice/crio-conmon-ID.scope", "crio-conmon-ID.scope"),
        ("/kubepods.slice/kubepods-podabc.slice/crio-conmon-ID.scope", "crio-conmon-ID.scope"),
    ]);
}

#[test]
fn podman() {
    check(&[
        ("/machine.slice/libpod-ID.scope", "ID"),
        ("/machine.slice/libpod-ID.scope/container", "ID"),
        ("/machine.slice/libpod-ID.scope/container/system.slice/nginx.service", "ID"),
        ("/machine.slice/libpod-conmon-ID.scope", "libpod-conmon-ID.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container", "ID"),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_ID.slice/libpod-INNER.scope",
            "INNER",
        ),
        ("/libpod_parent/libpod-ID", "ID"),
        ("/libpod_parent/conmon", ""),
        // A service of systemd's with its cgroup split between the container and the rest.
        ("/system.slice/web.service/libpod-payload-ID", "ID"),
        ("/system.slice/web.service/runtime", "web.service"),
    ]);
}

#[test]
fn lxc_nspawn_and_others() {
    check(&[
        ("/lxc.payload.web", "web"),
        ("/lxc.payload.web.example/system.slice/nginx.service", "web.example"),
        ("/lxc.payload.outer/lxc.payload.inner/init.scope", "inner"),
        ("/lxc.monitor.web", ""),
        ("/lxc/101/ns/system.slice/postfix.service", "101"),
        ("/lxc/web", "web"),
        ("/lxc/outer/lxc/inner", "inner"),
        ("/lxc.payload/web/init.scope", "web"),
        ("/lxc.monitor/web", ""),
        ("/lxc.payload.web/docker/ID", "ID"),
        ("/lxc", ""),
        ("/machine.slice/machine-debian.scope", "debian"),
        ("/machine.slice/machine-web\\x2d1.scope/payload/system.slice/nginx.service", "web-1"),
        ("/machine.slice/machine-qemu\\x2d3\\x2dvm.scope/libvirt/emulator", "qemu-3-vm"),
        ("/machine.slice/systemd-nspawn@web\\x2d2.service/payload", "web-2"),
        (
            "/ecs/3627e2a2b2b5420b8c8fbb1e44a1f0b6/3627e2a2b2b5420b8c8fbb1e44a1f0b6-2456183519",
            "3627e2a2b2b5420b8c8fbb1e44a1f0b6-2456183519",
        ),
        ("/ecs/3627e2a2-b2b5-420b-8c8f-bb1e44a1f0b6/ID", "ID"),
    ]);
}

#[test]
fn systemd_units() {
    check(&[
        ("/system.slice/nginx.service", "nginx.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
        ("/system.slice/system-postgresql.slice/postgresql@16-main.service", "postgresql@16-main.service"),
        ("/system.slice/nginx.service/worker/1", "nginx.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service"),
        ("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4242.scope",
            "app-gnome-firefox-4242.scope",
        ),
        ("/init.scope", "init.scope"),
        // A unit's name is what `systemctl status` takes, escapes and all.
        (
            "/system.slice/system-systemd\\x2dfsck.slice/systemd-fsck@dev-disk-by\\x2duuid-1.service",
            "systemd-fsck@dev-disk-by\\x2duuid-1.service",
        ),
        ("/system.slice/dev-hugepages.mount", "dev-hugepages.mount"),
        // systemd puts an underscore before what the kernel could take for a file of its own.
        ("/system.slice/_cpu.service", "cpu.service"),
        ("/system.slice/run-u12.scope", "run-u12.scope"),
    ]);
}

#[test]
fn paths_that_name_nothing() {
    let too_short = format!("/x/{}", &ID[1..]);
    let capital = format!("/docker/{}", ID.to_uppercase());
    for path in
        ["", "/", "//", "/system.slice", "/user.slice/user-1000.slice", "/.service", "/a/b", &too_short, &capital]
    {
        assert_eq!(container_of(path), None, "{path}");
    }
}

proptest! {
    #[test]
    fn any_text_names_something_not_empty_or_nothing(text in ".*", likely in r"(/(docker-|lxc|lxc\.payload\.|machine-|_|libpod-|[a-f0-9]{64}|[a-z:\\-]{0,5})(\\x[0-9a-f]{0,2})?(\.scope|\.service|\.slice)?){0,5}") {
        for path in [text, likely] {
            if let Some(name) = container_of(&path) {
                prop_assert!(!name.is_empty());
                // What is unescaped may be longer by its replacement characters, nothing else is made up.
                prop_assert!(name.len() <= 3 * path.len());
            }
        }
    }

    #[test]
    fn an_id_is_found_whatever_stands_above_it(above in r"(/[a-z.@-]{1,12}){0,4}", id in "[0-9a-f]{64}") {
        prop_assert_eq!(container_of(&format!("{above}/docker-{id}.scope")), Some(id.clone()));
        if !above.ends_with("/lxc") {
            prop_assert_eq!(container_of(&format!("{above}/{id}")), Some(id));
        }
    }
}
