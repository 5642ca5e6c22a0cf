//! Output files that appear whole or not at all.
//!
//! All files are opened before the first run, under temporary names in the folder they belong to, so
//! that a folder that cannot be written is found at once. They get their names when all of them are
//! complete; if that fails half way, the files that were there before are put back.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::failure::Failure;

/// Files that are being written.
#[derive(Debug)]
pub(crate) struct Outputs {
    files: Vec<Pending>,
    /// Folders that were made for them, outermost first.
    folders: Vec<PathBuf>,
}

#[derive(Debug)]
struct Pending {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl Outputs {
    /// No files yet.
    pub(crate) fn new() -> Self {
        Self {
            files: Vec::new(),
            folders: Vec::new(),
        }
    }

    /// Makes a folder, if it is not there, and opens files in it.
    pub(crate) fn open_in(&mut self, folder: &Path, names: &[&str]) -> Result<(), Failure> {
        self.make_folder(folder)
            .map_err(|error| cannot_write(folder, &error, "choose another one with --out"))?;
        names
            .iter()
            .try_for_each(|name| self.open(&folder.join(name)))
    }

    /// Opens a file; its folder must be there.
    pub(crate) fn open(&mut self, target: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| cannot_write(target, &error, "choose another place");
        if target.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let folder = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ecsnet-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(folder).map_err(failed)?;
        self.files.push(Pending {
            temporary,
            target: target.to_owned(),
        });
        Ok(())
    }

    fn make_folder(&mut self, folder: &Path) -> io::Result<()> {
        let mut missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|f| !f.as_os_str().is_empty() && !f.exists())
            .collect();
        missing.reverse();
        for folder in missing {
            fs::create_dir(folder)?;
            self.folders.push(folder.to_owned());
        }
        if folder.is_dir() {
            Ok(())
        } else {
            Err(io::Error::from(io::ErrorKind::NotADirectory))
        }
    }

    /// Writes one of the files, by its place in the order of opening.
    pub(crate) fn write(
        &mut self,
        index: usize,
        content: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let Pending { temporary, target } = &mut self.files[index];
        let mut writer = BufWriter::new(temporary.as_file_mut());
        content(&mut writer)
            .and_then(|()| writer.flush())
            .map_err(|error| cannot_write(target, &error, "is the disk full?"))
    }

    /// Gives all files their names.
    pub(crate) fn commit(mut self) -> Result<Vec<PathBuf>, Failure> {
        let mut done: Vec<(PathBuf, Option<TempPath>)> = Vec::new();
        for Pending { temporary, target } in std::mem::take(&mut self.files) {
            let result = set_aside(&target).and_then(|old| {
                temporary.persist(&target).map_err(|error| error.error)?;
                Ok(old)
            });
            match result {
                Ok(old) => done.push((target, old)),
                Err(error) => {
                    roll_back(done);
                    return Err(cannot_write(&target, &error, "nothing was written"));
                }
            }
        }
        self.folders.clear();
        Ok(done.into_iter().map(|(target, _)| target).collect())
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // The temporary files first: a folder is removed only if it is empty.
        self.files.clear();
        for folder in self.folders.drain(..).rev() {
            // Somebody may have put something there meanwhile; then it stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Keeps a second name for a file that is about to be replaced. The copy vanishes when dropped.
fn set_aside(target: &Path) -> io::Result<Option<TempPath>> {
    if !target.exists() {
        return Ok(None);
    }
    let folder = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let spare = tempfile::Builder::new()
        .prefix(".ecsnet-old-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?
        .into_temp_path();
    fs::copy(target, &spare)?;
    Ok(Some(spare))
}

fn roll_back(done: Vec<(PathBuf, Option<TempPath>)>) {
    for (target, old) in done {
        // The first failure is being reported; what can be put back is put back.
        let _ = match old {
            Some(old) => old.persist(&target).map_err(|error| error.error),
            None => fs::remove_file(&target),
        };
    }
}

fn cannot_write(path: &Path, error: &io::Error, help: &str) -> Failure {
    Failure::with_help(format!("cannot write `{}`: {error}", path.display()), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_appear_together_and_replace_old_ones() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        let mut outputs = Outputs::new();
        outputs.open_in(&folder, &["x", "y"]).unwrap();
        outputs.write(0, |w| w.write_all(b"new x")).unwrap();
        assert!(!folder.join("x").exists());
        outputs.commit().unwrap();
        assert_eq!(names(&folder), ["x", "y"]);
        let mut outputs = Outputs::new();
        outputs.open_in(&folder, &["x"]).unwrap();
        outputs.write(0, |w| w.write_all(b"newer x")).unwrap();
        outputs.commit().unwrap();
        assert_eq!(fs::read(folder.join("x")).unwrap(), b"newer x");
        assert_eq!(names(&folder), ["x", "y"]);
    }

    #[test]
    fn what_is_not_committed_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let mut outputs = Outputs::new();
        outputs.open_in(&home.path().join("a/b"), &["x"]).unwrap();
        drop(outputs);
        assert_eq!(names(home.path()), Vec::<String>::new());
    }

    #[test]
    fn a_failed_commit_puts_the_old_files_back() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("x"), "old x").unwrap();
        let mut outputs = Outputs::new();
        outputs.open_in(home.path(), &["w", "x", "y"]).unwrap();
        // The last target becomes a folder while the files are being written.
        fs::create_dir(home.path().join("y")).unwrap();
        outputs.write(1, |w| w.write_all(b"new x")).unwrap();
        assert!(outputs.commit().is_err());
        assert_eq!(names(home.path()), ["x", "y"]);
        assert_eq!(fs::read(home.path().join("x")).unwrap(), b"old x");
    }

    #[test]
    fn a_folder_that_cannot_be_is_found_at_once() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let mut outputs = Outputs::new();
        assert!(
            outputs
                .open_in(&home.path().join("file/out"), &["x"])
                .is_err()
        );
        assert!(outputs.open_in(&home.path().join("file"), &["x"]).is_err());
        drop(outputs);
        assert_eq!(names(home.path()), ["file"]);
    }
}
