//! Files: scripts read below the task root, `/opt` and `/tmp`, and write below `/tmp`.
//!
//! A path is followed to where it really leads before it is used, so that neither `..` nor a link
//! leaves those folders. Nothing but a script could change a link in between, and it waits.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use super::policy::Folder;
use super::{Failure, FileInfo, World};

const TMP: &str = "/tmp";
/// As Linux takes at most.
const LONGEST_PATH: usize = 4096;
const LAYERS: &str = "/opt";

/// The files of a task root that a script may read, and so the folders that it sees: on a desk, those
/// that its package would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFiles(BTreeSet<String>);

impl TaskFiles {
    /// Those whose paths below the task root are these lines.
    #[must_use]
    pub fn of_lines(lines: &str) -> Self {
        Self(lines.lines().map(str::to_owned).collect())
    }

    /// The same, or behind an empty line the file that has the lines, where they are too many for a
    /// variable.
    #[must_use]
    pub fn of_setting(setting: &str) -> Self {
        match setting.strip_prefix('\n') {
            // Of a list that is gone nothing is left to read, which is said at the first file.
            Some(list) => Self::of_lines(&std::fs::read_to_string(list).unwrap_or_default()),
            None => Self::of_lines(setting),
        }
    }

    /// Whether this is one of them, or a folder with one of them in it.
    fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let mut inside = self.0.range(below.clone()..);
        path.is_empty()
            || self.0.contains(path)
            || inside.next().is_some_and(|file| file.starts_with(&below))
    }
}

/// A path below a folder as [`TaskFiles`] has it.
fn below(folder: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(folder).ok()?.components();
    let names = parts.filter(|part| *part != Component::CurDir);
    let names: Vec<&str> = names.map(|part| part.as_os_str().to_str()).collect::<Option<_>>()?;
    Some(names.join("/"))
}

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// It stays as it is.
    Read,
    /// It is changed, made or removed.
    Write,
}

impl World {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// `Policy.Refused`, `Fs.Outside`, `Fs.NotFound` or `Fs.Failed`.
    pub fn read_file(&self, path: &str) -> Result<Box<dyn Read>, Failure> {
        let real = self.confined(path, Access::Read)?;
        self.effects.read(&real).map_err(|error| failed(path, &error))
    }

    /// Creates a file and the folders above it, or adds to the file that is there.
    ///
    /// # Errors
    /// `Policy.Refused`, `Fs.Outside` or `Fs.Failed`.
    pub fn write_file(&self, path: &str, append: bool) -> Result<Box<dyn Write>, Failure> {
        let real = self.confined(path, Access::Write)?;
        if let Some(folder) = real.parent().filter(|folder| self.effects.info(folder).is_err()) {
            self.effects.make_folder(folder).map_err(|error| failed(path, &error))?;
        }
        self.effects.write(&real, append).map_err(|error| failed(path, &error))
    }

    /// Makes a folder and those above it.
    ///
    /// # Errors
    /// `Policy.Refused`, `Fs.Outside` or `Fs.Failed`.
    pub fn make_folder(&self, path: &str) -> Result<(), Failure> {
        let real = self.confined(path, Access::Write)?;
        self.effects.make_folder(&real).map_err(|error| failed(path, &error))
    }

    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// `Policy.Refused`, `Fs.Outside`, `Fs.NotFound` or `Fs.Failed`.
    pub fn list_folder(&self, path: &str) -> Result<Vec<String>, Failure> {
        let real = self.confined(path, Access::Read)?;
        let mut names = self.effects.list(&real).map_err(|error| failed(path, &error))?;
        if let Some(files) = &self.task_files {
            let (task_root, wanted) = (self.task_root(), self.wanted(path));
            if let Some(folder) =
                below(task_root, &wanted).filter(|_| wanted.starts_with(task_root))
            {
                let whole = |name: &String| match folder.as_str() {
                    "" => name.clone(),
                    folder => format!("{folder}/{name}"),
                };
                names.retain(|name| files.has(&whole(name)));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes a file, or a folder that is empty.
    ///
    /// # Errors
    /// `Policy.Refused`, `Fs.Outside`, `Fs.NotFound` or `Fs.Failed`.
    pub fn remove_file(&self, path: &str) -> Result<(), Failure> {
        let real = self.confined(path, Access::Write)?;
        self.effects.remove(&real).map_err(|error| failed(path, &error))
    }

    /// What is known about a file; `None` where nothing is.
    ///
    /// # Errors
    /// `Policy.Refused`, `Fs.Outside` or `Fs.Failed`.
    pub fn file_info(&self, path: &str) -> Result<Option<FileInfo>, Failure> {
        let real = match self.confined(path, Access::Read) {
            Err(failure) if failure.error_type == "Fs.NotFound" => return Ok(None),
            other => other?,
        };
        match self.effects.info(&real) {
            Ok(info) => Ok(Some(info)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(failed(path, &error)),
        }
    }

    /// Where a script's path really leads, if it may be used so.
    fn confined(&self, path: &str, access: Access) -> Result<PathBuf, Failure> {
        let outside = |why: &str| {
            let message = format!(
                "cannot use `{path}`: {why}; scripts read below the task root, /opt and /tmp, and \
                 write below /tmp"
            );
            Failure::new("Fs.Outside", message)
        };
        if path.len() > LONGEST_PATH {
            return Err(Failure::new("Fs.Failed", "the path is longer than any file has"));
        }
        if path.is_empty() || path.contains('\0') {
            return Err(outside("it is not a path"));
        }
        let given = Path::new(path);
        if given.components().any(|part| part == Component::ParentDir) {
            return Err(outside("it leads upwards by `..`"));
        }
        let wanted = self.wanted(path);
        let roots = self.roots.iter().map(|root| (root.as_path(), Folder::Task));
        // In a test's sandbox the task root is itself below /tmp.
        let (root, folder) = roots
            .chain([(Path::new(TMP), Folder::Tmp)])
            .find(|(root, _)| wanted.starts_with(root))
            .ok_or_else(|| outside("it is outside"))?;
        if access == Access::Write && folder != Folder::Tmp {
            return Err(outside("it cannot be written to"));
        }
        self.policy.check_fs(folder, path)?;
        let real_root = self.effects.real_path(root).map_err(|error| failed(path, &error))?;
        if access == Access::Write && wanted == root {
            return Err(outside("it is the folder itself"));
        }
        let real = match self.effects.real_path(&wanted) {
            Ok(real) => real,
            Err(error) if access == Access::Write && is_absence(&error) => {
                self.to_be_made(&wanted, &real_root, path)?
            }
            Err(error) => return Err(failed(path, &error)),
        };
        if !real.starts_with(&real_root) {
            return Err(outside("a link leads outside"));
        }
        match (&self.task_files, below(self.task_root(), &wanted)) {
            (Some(files), Some(name)) if folder == Folder::Task && !files.has(&name) => {
                let message = format!(
                    "there is no file `{path}` in the package: it is on this machine, but the zip of \
                     the function would not have it; `//! include: {name}` at the top of the script, \
                     or `--include`, takes it along"
                );
                // Whether the script minds or not, on Lambda it would be so.
                log::warn!("{message}");
                Err(Failure::new("Fs.NotFound", message))
            }
            _ => Ok(real),
        }
    }

    fn task_root(&self) -> &Path {
        self.roots.first().map_or(Path::new("/var/task"), PathBuf::as_path)
    }

    /// Where a script's path leads, with its links.
    fn wanted(&self, path: &str) -> PathBuf {
        let layer_root = self.roots.get(1).map_or(Path::new(LAYERS), PathBuf::as_path);
        match Path::new(path).strip_prefix(LAYERS) {
            Ok(below) => layer_root.join(below),
            // A path that is not absolute is one below the task root.
            Err(_) => self.task_root().join(path),
        }
    }

    /// The real path of a file that is not there yet, nor perhaps the folders above it.
    fn to_be_made(&self, wanted: &Path, root: &Path, path: &str) -> Result<PathBuf, Failure> {
        let (Some(folder), Some(name)) = (wanted.parent(), wanted.file_name()) else {
            return Err(failed(path, &io::ErrorKind::InvalidInput.into()));
        };
        // The nearest folder that is there says where the rest would be made.
        let there = folder
            .ancestors()
            .find_map(|above| Some((above, self.effects.real_path(above).ok()?)))
            .filter(|(_, real)| real.starts_with(root));
        let Some((above, real)) = there else {
            let message = format!("cannot use `{path}`: a link leads outside");
            return Err(Failure::new("Fs.Outside", message));
        };
        let missing = folder.strip_prefix(above).unwrap_or(Path::new(""));
        Ok(real.join(missing).join(name))
    }
}

fn is_absence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// What is said of a file that cannot be used.
pub fn failed(path: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new("Fs.NotFound", format!("there is no file `{path}`"))
        }
        _ => Failure::new("Fs.Failed", format!("cannot use `{path}`: {error}")),
    }
}
