//! Reads the files that scripts and tests are made of. Only regular ones: a pipe or a device of that
//! name would keep us waiting, or never end.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The bytes of a regular file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(io::Error::other("it is a pipe or a device, not a file"));
    }
    if metadata.len() > MAX_BYTES {
        let message = format!("it has {} bytes, and may have {MAX_BYTES} (32 MB)", metadata.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    // It may grow meanwhile.
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// More than any script of a person, and what the checks of one hold in memory is twenty times that.
const MAX_BYTES: u64 = 32 << 20;

/// The text of a regular file.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read(path)?).map_err(not_text)
}
