//! What lies in the store: the folder is the catalogue.

use crate::publish::Draft;
use crate::segment::split_superseded;
use crate::{Range, Segment, StoreError, Table};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a walk through the folder found.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) segments: Vec<Segment>,
    pub(crate) leftovers: Vec<PathBuf>,
}

/// Walks one table's folder. Names that this store did not give are passed over.
pub(crate) fn scan(dir: &Path, table: Table) -> Result<Found, StoreError> {
    let mut found = Found::default();
    for date in entries(&dir.join(table.name()))? {
        for hour in entries(&date)? {
            for path in entries(&hour)? {
                let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
                if Draft::is_leftover(name) {
                    found.leftovers.push(path);
                } else if let Some(range) = Segment::range_of(table, name) {
                    // Gone since the folder was read: joined or retired, which is no error.
                    let Ok(meta) = fs::metadata(&path) else { continue };
                    found.segments.push(Segment { table, range, path, bytes: meta.len() });
                }
            }
        }
    }
    found.segments.sort_by(|a, b| (a.range, &a.path).cmp(&(b.range, &b.path)));
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = match fs::read_dir(folder) {
        Ok(list) => list,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io("list", folder, e)),
    };
    list.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>().map_err(|e| StoreError::io("list", folder, e))
}

/// The writer's own account of its files.
pub(crate) struct Catalog {
    /// Segments that count. None of them lies within another of its table.
    live: Vec<Segment>,
    /// Segments that no longer count and could not be removed yet.
    doomed: Vec<Segment>,
}

impl Catalog {
    /// Takes stock, and clears away what a killed writer left.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let mut catalog = Self { live: Vec::new(), doomed: Vec::new() };
        let mut segments = Vec::new();
        for table in Table::ALL {
            let found = scan(dir, table)?;
            for path in found.leftovers {
                fs::remove_file(&path).map_err(|e| StoreError::io("remove", &path, e))?;
            }
            segments.extend(found.segments);
        }
        (catalog.live, catalog.doomed) = split_superseded(segments);
        catalog.sweep();
        Ok(catalog)
    }

    pub(crate) fn live(&self) -> &[Segment] {
        &self.live
    }

    pub(crate) fn of(&self, table: Table) -> impl Iterator<Item = &Segment> {
        self.live.iter().filter(move |s| s.table == table)
    }

    /// The live segments of that table, and of those it stands for, that lie within `range`.
    pub(crate) fn held_by(&self, table: Table, range: Range) -> impl Iterator<Item = &Segment> {
        self.live.iter().filter(move |s| table.stands_for(s.table) && range.contains(&s.range))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.live.iter().chain(&self.doomed).map(|s| s.bytes).sum()
    }

    pub(crate) fn files(&self) -> u64 {
        (self.live.len() + self.doomed.len()) as u64
    }

    /// A segment was published; those it holds no longer count.
    pub(crate) fn add(&mut self, segment: Segment) {
        let held = |s: &Segment| segment.table.stands_for(s.table) && segment.range.contains(&s.range);
        let superseded: Vec<_> = self.live.extract_if(.., |s| held(s)).collect();
        // Under the same name the old file is gone already, replaced by the rename.
        self.doomed.extend(superseded.into_iter().filter(|s| s.path != segment.path));
        self.live.push(segment);
        self.sweep();
    }

    /// Takes every live segment that `which` picks out of the account and off the disk; says how many.
    pub(crate) fn retire(&mut self, mut which: impl FnMut(&Segment) -> bool) -> u64 {
        let retired: Vec<_> = self.live.extract_if(.., |s| which(s)).collect();
        let count = retired.len() as u64;
        self.doomed.extend(retired);
        if count > 0 {
            self.sweep();
        }
        count
    }

    /// Removes what no longer counts; what resists stays on the list and in the sum of bytes.
    pub(crate) fn sweep(&mut self) {
        self.doomed.retain(|segment| {
            let removed = match fs::remove_file(&segment.path) {
                Ok(()) => true,
                Err(e) => e.kind() == ErrorKind::NotFound,
            };
            if removed {
                // Refused while other files are there, as it should be.
                let mut folders = segment.path.ancestors().skip(1).take(2);
                let _ = folders.try_for_each(fs::remove_dir);
            }
            !removed
        });
    }
}
