//! Which processes hold a program or a link, by what `/proc` tells of their descriptors.

use super::Process;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Program(u32),
    Link(u32),
}

impl Wanted {
    /// What the kernel calls such a descriptor. (Links have an underscore; other objects do not.)
    fn is_kind(self, target: &str) -> bool {
        match self {
            Self::Program(_) => target == "anon_inode:bpf-prog",
            Self::Link(_) => target == "anon_inode:bpf_link",
        }
    }

    fn is_in(self, info: &str) -> bool {
        let (key, id) = match self {
            Self::Program(id) => ("prog_id:", id),
            Self::Link(id) => ("link_id:", id),
        };
        info.lines().filter_map(|line| line.strip_prefix(key)).any(|value| value.trim().parse() == Ok(id))
    }
}

/// Who holds it, and whether all processes could be looked at by then.
pub(super) fn processes(proc: &Path, wanted: Wanted, until: Instant) -> (Vec<Process>, bool) {
    let Ok(entries) = fs::read_dir(proc) else { return (Vec::new(), false) };
    let (mut found, mut all) = (Vec::new(), true);
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if Instant::now() >= until {
            return (found, false);
        }
        match holds(&entry.path(), wanted) {
            Some(true) => {
                let name = fs::read(entry.path().join("comm")).unwrap_or_default();
                let name = String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned();
                found.push(Process { pid, name });
            }
            Some(false) => {}
            // It may have ended in the meantime.
            None => all &= !entry.path().exists(),
        }
    }
    found.sort_by_key(|process| process.pid);
    (found, all)
}

fn holds(process: &Path, wanted: Wanted) -> Option<bool> {
    for entry in fs::read_dir(process.join("fd")).ok()?.flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        if !target.to_str().is_some_and(|target| wanted.is_kind(target)) {
            continue;
        }
        let info = fs::read_to_string(process.join("fdinfo").join(entry.file_name())).unwrap_or_default();
        if wanted.is_in(&info) {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::time::Duration;

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("netrig-holder-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const LINK: &str = "pos:\t0\nlink_type:\txdp\nlink_id:\t5\nprog_tag:\td5\nprog_id:\t41\nifindex:\t3\n";
    const PROGRAM: &str = "pos:\t0\nprog_type:\t6\nprog_tag:\td5\nmemlock:\t4096\nprog_id:\t41\n";

    fn process(proc: &Path, pid: u32, name: &str, held: &[(&str, &str)]) {
        let folder = proc.join(pid.to_string());
        for part in ["fd", "fdinfo"] {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        fs::write(folder.join("comm"), format!("{name}\n")).expect("write");
        for (fd, (target, info)) in held.iter().enumerate() {
            symlink(target, folder.join("fd").join(fd.to_string())).expect("a link");
            fs::write(folder.join("fdinfo").join(fd.to_string()), info).expect("write");
        }
    }

    #[test]
    fn who_holds_a_link_is_not_who_holds_its_program() {
        let folder = Folder::new("links");
        let proc = folder.0.as_path();
        process(proc, 7, "loader", &[("/dev/null", ""), ("anon_inode:bpf_link", LINK)]);
        process(proc, 8, "other one", &[("anon_inode:bpf-prog", PROGRAM)]);
        process(proc, 9, "none", &[("anon_inode:bpf-prog", &PROGRAM.replace("41", "411")), ("/dev/null", LINK)]);
        fs::create_dir_all(proc.join("irq")).expect("a folder");
        let of = |wanted| processes(proc, wanted, Instant::now() + Duration::from_secs(60));
        assert_eq!(of(Wanted::Link(5)), (vec![Process { pid: 7, name: "loader".into() }], true));
        assert_eq!(of(Wanted::Program(41)), (vec![Process { pid: 8, name: "other one".into() }], true));
        assert_eq!(of(Wanted::Link(41)), (vec![], true));
        assert_eq!(processes(proc, Wanted::Link(5), Instant::now()), (vec![], false), "there was no time");
    }

    #[test]
    fn who_may_not_be_looked_at_is_not_nobody() {
        let folder = Folder::new("closed");
        fs::create_dir_all(folder.0.join("7")).expect("a folder");
        let all = processes(&folder.0, Wanted::Link(5), Instant::now() + Duration::from_secs(60));
        assert_eq!(all, (vec![], false));
    }
}
