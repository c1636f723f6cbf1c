//! Which sockets SSH servers hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What SSH servers' processes are called. `sshd-session` and `sshd-auth` are parts of OpenSSH since 9.8 and 10.0.
const SERVERS: [&str; 4] = ["sshd", "sshd-session", "sshd-auth", "dropbear"];

/// Sockets, by inode, that processes of SSH servers hold.
#[derive(Debug, Default)]
pub(super) struct Held {
    by_any: BTreeSet<u64>,
    /// Of those, what a process holds that no other server has started. A session's process may listen too, for whom its client
    /// lets in from outside: those are not the machine's managers.
    by_daemons: BTreeSet<u64>,
    before_login: BTreeSet<u64>,
}

impl Held {
    pub(super) fn by_any(&self, inode: u64) -> bool {
        self.by_any.contains(&inode)
    }

    pub(super) fn by_daemons(&self, inode: u64) -> bool {
        self.by_daemons.contains(&inode)
    }

    /// Whether a process holds it that is there until its client is let in.
    pub(super) fn before_login(&self, inode: u64) -> bool {
        self.before_login.contains(&inode)
    }
}

/// What is held now; processes that may not be looked at hold nothing.
pub(super) fn held(proc: &Path) -> Held {
    let mut servers: BTreeMap<u32, (String, u32)> = BTreeMap::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some((name, parent)) = name_and_parent(&stat).filter(|(name, _)| SERVERS.contains(name)) {
            servers.insert(pid, (name.to_owned(), parent));
        }
    }
    let mut held = Held::default();
    for (pid, (name, parent)) in &servers {
        let folder = proc.join(pid.to_string());
        let title = fs::read_to_string(folder.join("cmdline")).unwrap_or_default();
        let before_login = is_before_login(name, &title);
        for entry in fs::read_dir(folder.join("fd")).into_iter().flatten().flatten() {
            let Some(inode) = fs::read_link(entry.path()).ok().and_then(|to| socket_inode(to.to_str()?)) else {
                continue;
            };
            held.by_any.insert(inode);
            if !servers.contains_key(parent) {
                held.by_daemons.insert(inode);
            }
            if before_login {
                held.before_login.insert(inode);
            }
        }
    }
    held
}

/// `812 (sshd) S 1 …`. A name may have blanks and parentheses; the last one is the kernel's.
fn name_and_parent(stat: &str) -> Option<(&str, u32)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    Some((name, after.split_whitespace().nth(1)?.parse().ok()?))
}

/// OpenSSH's processes say in their title what they are at; dropbear's do not.
fn is_before_login(name: &str, title: &str) -> bool {
    let title = title.trim_end_matches(['\0', ' ']);
    name == "sshd-auth" || title.ends_with("[accepted]") || title.ends_with("[net]")
}

/// `socket:[103]`.
fn socket_inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
impl Held {
    pub(super) fn of(by_daemons: &[u64], by_others: &[u64], before_login: &[u64]) -> Self {
        let by_any = by_daemons.iter().chain(by_others).copied().collect();
        let set = |inodes: &[u64]| inodes.iter().copied().collect();
        Self { by_any, by_daemons: set(by_daemons), before_login: set(before_login) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn process(proc: &Path, pid: u32, stat: &str, title: &str, sockets: &[u64]) {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).expect("a folder");
        fs::write(folder.join("stat"), format!("{pid} {stat}")).expect("write");
        fs::write(folder.join("cmdline"), title).expect("write");
        for (fd, inode) in sockets.iter().enumerate() {
            symlink(format!("socket:[{inode}]"), folder.join("fd").join(fd.to_string())).expect("a link");
        }
        symlink("/dev/null", folder.join("fd/99")).expect("a link");
    }

    #[test]
    fn a_server_and_its_sessions_are_told_apart() {
        let proc = tempfile::tempdir().expect("a folder");
        let proc = proc.path();
        process(proc, 1, "(systemd) S 0 1", "/sbin/init", &[9]);
        process(proc, 10, "(sshd) S 1 10", "sshd: /usr/sbin/sshd -D [listener] 1 of 10-100 startups\0", &[100]);
        process(proc, 11, "(sshd) S 10 11", "sshd: ann [priv]\0\0\0", &[101]);
        process(proc, 12, "(sshd) S 11 11", "sshd: ann@pts/0\0\0", &[101, 102]);
        process(proc, 13, "(sshd) S 10 13", "sshd: root [priv]\0", &[103]);
        process(proc, 14, "(sshd) S 13 13", "sshd: root [net]\0", &[103]);
        process(proc, 15, "(sshd-auth) S 10 13", "sshd-auth: unknown", &[104]);
        process(proc, 16, "(not) sshd) S 10 13", "", &[105]);
        fs::create_dir_all(proc.join("irq")).expect("a folder");
        let held = held(proc);
        let of = |has: fn(&Held, u64) -> bool| (0..200).filter(|inode| has(&held, *inode)).collect::<Vec<_>>();
        assert_eq!(of(Held::by_any), [100, 101, 102, 103, 104]);
        assert_eq!(of(Held::by_daemons), [100]);
        assert_eq!(of(Held::before_login), [103, 104]);
    }
}
