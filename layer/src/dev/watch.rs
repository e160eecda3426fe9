//! Whether files are still what they were, as of the last look.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock of a file system may tick this slowly.
const TICK: Duration = Duration::from_millis(20);

/// What tells two states of a file apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    length: u64,
    changed: SystemTime,
    /// Another change within the same tick of the clock would look the same.
    is_too_fresh: bool,
}

impl Stamp {
    /// Looks at a file now; nothing where there is none.
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok()?;
        // Unlike the time of modification it cannot be set back, as some copying tools do.
        let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
        let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        let age = SystemTime::now().duration_since(changed);
        Some(Stamp {
            inode: metadata.ino(),
            length: metadata.len(),
            changed,
            is_too_fresh: age.is_ok_and(|age| age < TICK),
        })
    }

    /// Whether a file that had this stamp can be taken for unchanged.
    pub(super) fn still_holds(before: Option<Stamp>, path: &Path) -> bool {
        match (before, Stamp::of(path)) {
            (None, None) => true,
            (Some(before), Some(now)) => {
                !before.is_too_fresh && before == Stamp { is_too_fresh: false, ..now }
            }
            _ => false,
        }
    }
}

/// Files, present or missing, as they were at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    files: BTreeMap<PathBuf, Option<Stamp>>,
}

impl Watched {
    /// Notes how a file is now, unless it has been noted; says whether that is new.
    pub(super) fn note(&mut self, path: PathBuf) -> bool {
        if self.files.contains_key(&path) {
            return false;
        }
        let stamp = Stamp::of(&path);
        self.files.insert(path, stamp);
        true
    }

    /// Whether each file is as it was.
    pub(super) fn still_holds(&self) -> bool {
        self.files.iter().all(|(path, stamp)| Stamp::still_holds(*stamp, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file, and waits for the tick of its clock.
    fn settled(path: &Path, text: &str) {
        fs::write(path, text).expect("a file can be written");
        while Stamp::of(path).expect("it is there").is_too_fresh {
            std::thread::park_timeout(TICK);
        }
    }

    #[test]
    fn changes_of_contents_and_of_existence_are_seen() {
        let folder = std::env::temp_dir().join(format!("watch-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let (here, missing) = (folder.join("here"), folder.join("missing"));
        settled(&here, "one");
        let mut watched = Watched::default();
        assert!(watched.note(here.clone()) && watched.note(missing.clone()));
        assert!(!watched.note(here.clone()));
        assert!(watched.still_holds());
        settled(&here, "two");
        assert!(!watched.still_holds(), "same length, other contents");
        let mut watched = Watched::default();
        watched.note(missing.clone());
        settled(&missing, "");
        assert!(!watched.still_holds(), "a file appeared");
        let mut watched = Watched::default();
        fs::write(&here, "new").expect("a file can be written");
        watched.note(here);
        assert!(!watched.still_holds(), "it may change again before its clock ticks");
        fs::remove_dir_all(&folder).expect("the folder can be removed");
    }
}
