//! The folder in which a policy is pinned, and what lies in it.
//!
//! Maps by their names; of each generation its program, buckets and layout, by the program's number, which the array of
//! generations tells; links by their interface. Links come last and go first: whoever is killed on the way leaves a whole
//! policy, or one that is attached nowhere.

use super::bpffs;
use super::generation::{Generation, SHARED};
use crate::{ProbeError, object};
use libbpf_rs::query::{LinkInfo, LinkTypeInfo};
use libbpf_rs::{Link, MapHandle, Object, Program};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The array that says which generations decide: without a pin the kernel would empty it as its last user goes.
pub(super) const GENERATIONS: &str = "generations";
const LINK: &str = "link_";

/// Says by what layout the pinned maps are written: all of `wire.h` but for comments and blanks.
pub(super) const LAYOUT: u64 = fingerprint(include_bytes!("wire.h"));

const fn fingerprint(text: &[u8]) -> u64 {
    let (mut hash, mut at, mut comment) = (0xcbf2_9ce4_8422_2325_u64, 0, false);
    while at + 1 < text.len() {
        let (this, next) = (text[at], text[at + 1]);
        if comment {
            comment = !(this == b'*' && next == b'/');
            at += if comment { 1 } else { 2 };
        } else if this == b'/' && next == b'*' {
            comment = true;
            at += 2;
        } else {
            if !this.is_ascii_whitespace() {
                hash = (hash ^ this as u64).wrapping_mul(0x0100_0000_01b3);
            }
            at += 1;
        }
    }
    hash
}

/// A folder of pins.
#[derive(Debug)]
pub(super) struct Pins {
    dir: PathBuf,
}

/// A link that was found.
pub(super) struct FoundLink {
    pub(super) link: Link,
    pub(super) path: PathBuf,
    /// None: its interface has gone.
    pub(super) ifindex: Option<u32>,
}

impl FoundLink {
    /// Its own descriptor, for this process to hold.
    pub(super) fn held(&self) -> Result<OwnedFd, ProbeError> {
        self.link.as_fd().try_clone_to_owned().map_err(|e| failed("hold the link", &self.path, &e))
    }

    /// Takes its pin away.
    pub(super) fn remove(&self) -> Result<(), ProbeError> {
        remove_file(&self.path)
    }
}

/// Maps that must be there.
pub(super) fn map_names() -> impl Iterator<Item = &'static str> {
    SHARED.into_iter().chain([GENERATIONS])
}

impl Pins {
    /// The folder as it is, if there is one.
    pub(super) fn find(dir: &Path) -> Result<Option<Self>, ProbeError> {
        match fs::metadata(dir) {
            Ok(_) => Ok(Some(Self { dir: dir.into() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("look for", dir, &error)),
        }
    }

    /// A new folder. What a process that was killed left is removed; what is attached is not.
    pub(super) fn make(dir: &Path) -> Result<Self, ProbeError> {
        bpffs::make_folder(dir)?;
        let this = Self { dir: dir.into() };
        if this.paths(LINK)?.is_empty() {
            this.remove(&[])?;
            return bpffs::make_folder(dir).map(|()| this);
        }
        Err(this.unfit("is there already"))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Why one cannot go on with what lies here.
    pub(super) fn unfit(&self, why: impl Into<String>) -> ProbeError {
        ProbeError::Pinned { dir: self.dir.clone(), why: why.into() }
    }

    /// Pins the maps that outlive generations.
    pub(super) fn put_maps(&self, entry: &Object) -> Result<(), ProbeError> {
        map_names().try_for_each(|name| bpffs::pin(object::map(entry, name)?.as_fd(), &self.dir.join(name)))
    }

    /// Whether all maps are there.
    pub(super) fn is_whole(&self) -> bool {
        map_names().all(|name| self.dir.join(name).exists())
    }

    /// A map by its name.
    pub(super) fn map(&self, name: &str) -> Result<MapHandle, ProbeError> {
        let path = self.dir.join(name);
        MapHandle::from_pinned_path(&path).map_err(|e| failed("open the pinned map", &path, &e))
    }

    /// Pins a generation, before it is put in force.
    pub(super) fn put_generation(&self, generation: &Generation) -> Result<(), ProbeError> {
        for (name, fd) in [
            (of("buckets", generation.id), generation.buckets.map.as_fd()),
            (of("layout", generation.id), generation.layout.as_fd()),
            (of("program", generation.id), generation.program.as_fd()),
        ] {
            bpffs::pin(fd, &self.dir.join(name))?;
        }
        Ok(())
    }

    /// A generation by its program's number.
    pub(super) fn generation(&self, id: u32) -> Result<Generation, ProbeError> {
        let path = self.dir.join(of("program", id));
        let program = Program::fd_from_pinned_path(&path).map_err(|e| failed("open the pinned program", &path, &e))?;
        let (buckets, layout) = (self.map(&of("buckets", id))?, self.map(&of("layout", id))?);
        Generation::found(program, buckets, layout)?.ok_or_else(|| self.unfit("is of another version of netrig"))
    }

    /// Removes all generations but these.
    pub(super) fn keep_generations(&self, ids: &[u32]) -> Result<(), ProbeError> {
        for kind in ["program", "layout", "buckets"] {
            let kept: Vec<_> = ids.iter().map(|id| self.dir.join(of(kind, *id))).collect();
            let gone = self.paths(&format!("{kind}_"))?.into_iter().filter(|path| !kept.contains(path));
            gone.into_iter().try_for_each(|path| remove_file(&path))?;
        }
        Ok(())
    }

    /// From now on the door stays on the interface.
    pub(super) fn put_link(&self, ifindex: u32, link: BorrowedFd<'_>) -> Result<(), ProbeError> {
        bpffs::pin(link, &self.link(ifindex))
    }

    /// From now on it goes with the process.
    pub(super) fn remove_link(&self, ifindex: u32) -> Result<(), ProbeError> {
        remove_file(&self.link(ifindex))
    }

    fn link(&self, ifindex: u32) -> PathBuf {
        self.dir.join(format!("{LINK}{ifindex}"))
    }

    pub(super) fn links(&self) -> Result<Vec<FoundLink>, ProbeError> {
        let found = self.paths(LINK)?.into_iter().map(|path| {
            let link = Link::open(&path).map_err(|e| failed("open the pinned link", &path, &e))?;
            let info = link.info().map_err(|e| failed("read the pinned link", &path, &e))?;
            let ifindex = interface_of(&info);
            Ok(FoundLink { link, path, ifindex })
        });
        found.collect()
    }

    /// Removes the folder with all in it, links first.
    pub(super) fn remove(&self, links: &[FoundLink]) -> Result<(), ProbeError> {
        links.iter().try_for_each(FoundLink::remove)?;
        self.paths("")?.iter().try_for_each(|path| remove_file(path))?;
        match fs::remove_dir(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove the folder", &self.dir, &error))
            }
            _ => Ok(()),
        }
    }

    /// What lies here and begins so.
    fn paths(&self, beginning: &str) -> Result<Vec<PathBuf>, ProbeError> {
        let entries = fs::read_dir(&self.dir).map_err(|e| failed("list", &self.dir, &e))?;
        let paths = entries.map(|entry| entry.map(|entry| (entry.file_name(), entry.path())));
        let paths: Vec<_> = paths.collect::<io::Result<_>>().map_err(|e| failed("list", &self.dir, &e))?;
        let those = paths.into_iter().filter(|(name, _)| name.to_string_lossy().starts_with(beginning));
        Ok(those.map(|(_, path)| path).collect())
    }
}

fn interface_of(info: &LinkInfo) -> Option<u32> {
    match &info.info {
        LinkTypeInfo::Xdp(xdp) if xdp.ifindex != 0 => Some(xdp.ifindex),
        _ => None,
    }
}

fn of(kind: &str, id: u32) -> String {
    format!("{kind}_{id}")
}

fn remove_file(path: &Path) -> Result<(), ProbeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

pub(super) fn failed(what: &'static str, path: &Path, error: &dyn std::fmt::Display) -> ProbeError {
    ProbeError::Pin { what, path: path.into(), reason: format!("{error:#}") }
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn a_layout_is_what_it_says_and_not_how_it_is_written() {
        let layout = fingerprint(b"struct a { int b; }; \n");
        assert_eq!(layout, fingerprint(b"struct a {\n\tint b; /* a word **/ };\n"));
        assert_ne!(layout, fingerprint(b"struct a { int c; };\n"));
    }
}
