//! Whether files are still what they were, as of the last look.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::source_file;

/// A clock of a file system may tick this slowly.
const TICK: Duration = Duration::from_millis(20);

/// What tells two states of a file apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    length: u64,
    changed: SystemTime,
    /// A digest of the contents, if the clock may not have ticked since the last change: another
    /// one within the tick would look the same.
    contents: Option<u64>,
}

impl Stamp {
    /// Looks at a file now; nothing where there is none.
    pub(crate) fn of(path: &Path) -> Option<Stamp> {
        let stamp = Stamp::without_contents(path)?;
        let contents = if stamp.is_fresh() { digest(path) } else { None };
        Some(Stamp { contents, ..stamp })
    }

    /// Whether a file is as it was.
    pub(crate) fn still_holds(before: &mut Option<Stamp>, path: &Path) -> bool {
        let (before, mut now) = match (before, Stamp::without_contents(path)) {
            (None, None) => return true,
            (Some(before), Some(now)) => (before, now),
            _ => return false,
        };
        if before.contents.is_some() {
            let is_fresh = now.is_fresh();
            now.contents = digest(path);
            let is_same = *before == now;
            if is_same && !is_fresh {
                before.contents = None;
            }
            return is_same;
        }
        *before == now
    }

    fn without_contents(path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok()?;
        // Unlike the time of modification it cannot be set back, as some copying tools do.
        let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
        let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        Some(Stamp {
            inode: metadata.ino(),
            length: metadata.len(),
            changed: UNIX_EPOCH + Duration::new(seconds, nanoseconds),
            contents: None,
        })
    }

    fn is_fresh(&self) -> bool {
        SystemTime::now().duration_since(self.changed).is_ok_and(|age| age < TICK)
    }
}

fn digest(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&source_file::read(path).ok()?);
    Some(hasher.finish())
}

/// Files, present or missing, as they were at one time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    files: BTreeMap<PathBuf, Option<Stamp>>,
}

impl Watched {
    /// Notes how a file is now, unless it has been noted; says whether that is new.
    pub(crate) fn note(&mut self, path: PathBuf) -> bool {
        if self.files.contains_key(&path) {
            return false;
        }
        let stamp = Stamp::of(&path);
        self.files.insert(path, stamp);
        true
    }

    /// Whether each file is as it was.
    pub(crate) fn still_holds(&mut self) -> bool {
        self.files.iter_mut().all(|(path, stamp)| Stamp::still_holds(stamp, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file, and waits for the tick of its clock.
    fn settled(path: &Path, text: &str) {
        fs::write(path, text).expect("a file can be written");
        while Stamp::of(path).expect("it is there").is_fresh() {
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
        for text in ["aaa", "bbb", "ccc", "ddd"] {
            fs::write(&here, text).expect("a file can be written");
            let mut watched = Watched::default();
            watched.note(here.clone());
            assert!(watched.still_holds(), "{text} at once");
            fs::write(&here, text.to_uppercase()).expect("a file can be written");
            assert!(!watched.still_holds(), "{text} changed within a tick");
        }
        fs::remove_dir_all(&folder).expect("the folder can be removed");
    }
}
