//! All sources of the house, in memory.

use std::fs;
use std::io;
use std::path::Path;

/// Endings of files that people write here, and names of those without one.
const TEXT: [&str; 7] = [".rs", ".c", ".h", ".toml", ".md", ".sh", "dev"];
/// Folders that hold no sources.
const NOT_SOURCES: [&str; 3] = ["target", ".git", "node_modules"];

/// One file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path from the root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All files that people write.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// In order of their paths.
    pub files: Vec<SourceFile>,
    /// Every path there is, folders and binary files too: what links may lead to.
    pub paths: Vec<String>,
}

impl Tree {
    /// Reads the house.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.add_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A house of these files, for tests.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        Self { files: files.iter().map(file).collect(), paths }
    }

    /// Files with this ending.
    pub fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if !NOT_SOURCES.contains(&name.as_str()) {
                    self.add_folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if TEXT.iter().any(|end| name.ends_with(end)) {
                self.files.push(SourceFile { path: path.clone(), text: fs::read_to_string(entry.path())? });
            }
            self.paths.push(path);
        }
        Ok(())
    }
}
