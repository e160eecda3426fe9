//! Zip files that are the same, byte for byte, whenever and wherever they are made from the same
//! contents.

use std::fs::{self, OpenOptions};
use std::io::{Cursor, Write};
use std::path::Path;

use base64::Engine as _;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::failure::Failure;

/// The largest zip file that Lambda takes in an upload, in bytes.
const MAX_ZIPPED: usize = 50 * 1024 * 1024;
/// The largest contents that Lambda takes, in bytes.
const MAX_UNZIPPED: usize = 250 * 1024 * 1024;

/// A file to be zipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path within the zip, with `/` between folders.
    pub(crate) name: String,
    pub(crate) contents: Vec<u8>,
    pub(crate) is_executable: bool,
}

/// A zip file in memory.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) names: Vec<String>,
    pub(crate) unzipped: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Archive {
    /// Zips the entries in the order of their names, all dated 1980-01-01.
    pub(crate) fn of(mut entries: Vec<Entry>) -> Result<Archive, Failure> {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let sizes: Vec<(String, usize)> =
            entries.iter().map(|entry| (entry.name.clone(), entry.contents.len())).collect();
        let unzipped = check_unzipped(&sizes)?;
        let bytes = zipped(&entries);
        let bytes = bytes.map_err(|error| Failure::broken(format!("cannot zip: {error}")))?;
        if bytes.len() > MAX_ZIPPED {
            return Err(Failure::usage(format!(
                "the zip file would have {} bytes, and Lambda takes {MAX_ZIPPED} (50 MB); the \
                 largest files are {}",
                bytes.len(),
                largest(&sizes)
            )));
        }
        let names = entries.into_iter().map(|entry| entry.name).collect();
        Ok(Archive { names, unzipped, bytes })
    }

    /// The SHA-256 in base64, as Lambda's `CodeSha256` has it.
    pub(crate) fn sha256(&self) -> String {
        base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&self.bytes))
    }

    /// Whether a file can be there: better known before the zipping, which may take a while.
    pub(crate) fn check_target(path: &Path) -> Result<(), Failure> {
        if path.is_dir() {
            return Err(Failure::usage(format!(
                "`{}` is a folder; name the zip file in it: -o {}",
                path.display(),
                path.join("NAME.zip").display()
            )));
        }
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) if !folder.is_dir() => Err(Failure::usage(format!(
                "cannot write `{}`: there is no folder `{}`",
                path.display(),
                folder.display()
            ))),
            _ => Ok(()),
        }
    }

    /// Writes the file: all of it or nothing.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::usage(format!("cannot write `{}`: {error}", path.display()));
        // A device or a pipe is written to; only a file may be replaced.
        if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return fs::write(path, &self.bytes).map_err(failed);
        }
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        // What is there under that name may be a link to any file, and is not written through.
        drop(fs::remove_file(&unfinished));
        let file = OpenOptions::new().write(true).create_new(true).open(&unfinished);
        let written = file.and_then(|mut file| file.write_all(&self.bytes));
        written.and_then(|()| fs::rename(&unfinished, path)).map_err(|error| {
            // The reason for the failure is worth more than a second one.
            drop(fs::remove_file(&unfinished));
            failed(error)
        })
    }
}

/// How many bytes files have, if Lambda takes so many.
pub(crate) fn check_unzipped(sizes: &[(String, usize)]) -> Result<usize, Failure> {
    let unzipped = sizes.iter().fold(0, |sum: usize, (_, size)| sum.saturating_add(*size));
    if unzipped <= MAX_UNZIPPED {
        return Ok(unzipped);
    }
    Err(Failure::usage(format!(
        "the contents have {unzipped} bytes, and Lambda takes {MAX_UNZIPPED} (250 MB); the largest \
         files are {}",
        largest(sizes)
    )))
}

/// The three largest files, for a message.
fn largest(sizes: &[(String, usize)]) -> String {
    let mut sizes: Vec<&(String, usize)> = sizes.iter().collect();
    sizes.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let shown = sizes.iter().take(3).map(|(name, size)| format!("`{name}` ({size} bytes)"));
    shown.collect::<Vec<_>>().join(", ")
}

/// The level from which the `zip` crate searches for the shortest form (Zopfli) instead of a short one:
/// seconds for a large file, and 4 % less for every cold start to load.
const THOROUGH: i64 = 14;

fn zipped(entries: &[Entry]) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(if entry.is_executable { THOROUGH } else { 9 }))
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(if entry.is_executable { 0o755 } else { 0o644 });
        zip.start_file(entry.name.as_str(), options)?;
        zip.write_all(&entry.contents)?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, contents: &[u8]) -> Entry {
        Entry { name: name.to_owned(), contents: contents.to_vec(), is_executable: name == "run" }
    }

    #[test]
    fn the_order_of_the_entries_makes_no_difference() {
        let one = Archive::of(vec![entry("b", b"2"), entry("a/x", b"1")]).expect("zips");
        let other = Archive::of(vec![entry("a/x", b"1"), entry("b", b"2")]).expect("zips");
        assert_eq!(one.bytes, other.bytes);
        assert_eq!(one.names, ["a/x", "b"]);
        assert_eq!(one.unzipped, 2);
    }

    #[test]
    fn no_link_is_written_through() {
        let folder = std::env::temp_dir().join(format!("rhambda-archive-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = |name: &str| folder.join(name);
        fs::write(path("precious"), "mine").expect("written");
        std::os::unix::fs::symlink(path("precious"), path("a.zip.unfinished")).expect("a link");
        std::os::unix::fs::symlink(path("precious"), path("a.zip")).expect("a link");
        let archive = Archive::of(vec![entry("a", b"1")]).expect("zips");
        archive.write(&path("a.zip")).expect("written");
        assert_eq!(fs::read(path("precious")).expect("there"), b"mine");
        assert_eq!(fs::read(path("a.zip")).expect("there"), archive.bytes);
        assert!(!path("a.zip.unfinished").exists());
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn the_bytes_are_the_same_on_every_machine() {
        let text = b"fn handler(event) { event }\n".repeat(20);
        let archive = Archive::of(vec![entry("hello.rhai", &text), entry("run", b"")]);
        let sha256 = archive.expect("zips").sha256();
        assert_eq!(sha256, "lM6j9wVGmgtvlZjcmjRtPkzmtceTRECzYphUuole6Gs=");
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let archive = Archive::of(vec![entry("run", b"x")]).expect("zips");
        let full = Path::new("/dev/full");
        let failure = archive.write(full).expect_err("the device is always full");
        assert!(failure.to_string().contains("/dev/full"), "{failure}");
        assert!(!fs::metadata(full).expect("it is still there").is_file());
    }

    #[test]
    fn what_was_zipped_can_be_read_back_with_its_mode_and_date() {
        let archive = Archive::of(vec![entry("run", b"x"), entry("übung.rhai", b"y")]);
        let bytes = archive.expect("zips").bytes;
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip file");
        for (name, mode) in [("run", 0o100_755), ("übung.rhai", 0o100_644)] {
            let file = zip.by_name(name).expect("the entry");
            assert_eq!(file.unix_mode(), Some(mode));
            assert_eq!(file.last_modified(), Some(DateTime::DEFAULT));
        }
    }
}
