//! The module `fs`: files below the task root and `/opt`, to be read, and below `/tmp`.

mod lines;

use std::io::{Read, Write};

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, FnPtr, INT, ImmutableString, Map, NativeCallContext};

use super::native::exported;
use super::{Fallible, Part};
use crate::bounds::room_for;
use crate::effects::{Failure, FileInfo, failed, world};
use crate::memory;
use crate::vocabulary::Vocabulary;
pub(super) use lines::FileLines;

pub(super) const PART: Part = Part { words: &["fs"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("fs", "Fs.Invalid", engine, vocabulary);
    if vocabulary.has("lines") {
        engine.register_type_with_name::<FileLines>("FileLines");
        super::register_iterable(engine);
    }
}

fn info(path: &str) -> Result<FileInfo, Failure> {
    let info = world().file_info(path)?;
    info.ok_or_else(|| failed(path, &std::io::ErrorKind::NotFound.into()))
}

pub(super) fn bytes(path: &str) -> Result<Vec<u8>, Failure> {
    let size = usize::try_from(info(path)?.size).unwrap_or(usize::MAX);
    // Text may be copied once on its way into the script.
    if !size.checked_mul(2).is_some_and(memory::has_room_for) {
        let message = format!("`{path}` has {size} bytes, for which there is not enough memory");
        return Err(Failure::new("Fs.TooLarge", message));
    }
    let mut bytes = Vec::with_capacity(size);
    let file = world().read_file(path)?;
    file.take(size as u64).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    Ok(bytes)
}

fn put(path: &str, bytes: &[u8], append: bool) -> Result<(), Failure> {
    let mut file = world().write_file(path, append)?;
    file.write_all(bytes).and_then(|()| file.flush()).map_err(|error| failed(path, &error))
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// The text of a file, without a byte order mark. A path that does not begin with `/` is one in the
    /// task root.
    ///
    /// ```rhai
    /// fs::write("/tmp/greeting.txt", "hello");
    /// fs::read_text("/tmp/greeting.txt"); // => "hello"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn read_text(path: Text) -> Fallible<String> {
        Ok(bytes(&path).and_then(|bytes| {
            let text = String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                let message = format!(
                    "`{path}` is not text: byte {at} is not UTF-8; read it by `fs::read_blob`"
                );
                Failure::new("Fs.NotText", message)
            })?;
            Ok(match text.strip_prefix('\u{feff}') {
                Some(text) => text.to_owned(),
                None => text,
            })
        })?)
    }

    /// The bytes of a file.
    ///
    /// ```rhai
    /// fs::write("/tmp/two", blob(2, 7));
    /// fs::read_blob("/tmp/two").len; // => 2
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn read_blob(path: Text) -> Fallible<Blob> {
        Ok(bytes(&path)?)
    }

    /// The lines of a file for a `for` loop, which reads them one by one, and no further when it is left:
    /// the file may be larger than the memory. They come without what ends them, `\n`, `\r\n` or `\r`. A
    /// byte order mark says how the text is written; without one it is UTF-8.
    ///
    /// ```rhai
    /// fs::write("/tmp/log.txt", "one\ntwo\r\nthree");
    /// let seen = [];
    /// for line in fs::lines("/tmp/log.txt") {
    ///     seen.push(line);
    ///     if line == "two" { break; }
    /// }
    /// seen; // => ["one", "two"]
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn lines(path: Text) -> Fallible<FileLines> {
        FileLines::of(path, &Map::new())
    }

    /// The same with an option: `encoding`, how text without a byte order mark is written: `"utf-8"`,
    /// `"latin1"`, `"windows-1252"`, `"utf-16"`, `"utf-16le"` or `"utf-16be"`.
    ///
    /// ```rhai
    /// fs::write("/tmp/latin.txt", hex::decode("fc0ae40a"));
    /// let all = "";
    /// for line in fs::lines("/tmp/latin.txt", #{ encoding: "latin1" }) { all += line; }
    /// all; // => "üä"
    /// ```
    #[rhai_fn(name = "lines", volatile, return_raw)]
    pub fn lines_with(path: Text, options: Map) -> Fallible<FileLines> {
        FileLines::of(path, &options)
    }

    /// Calls a function with each line of a file, and with its index if it takes two; gives how many
    /// lines there were. An error that it throws as a map has `file_line`, the number of the line.
    ///
    /// ```rhai
    /// fs::write("/tmp/log.txt", "one\ntwo\n");
    /// let all = "";
    /// fs::lines("/tmp/log.txt", |line| all += line); // => 2
    /// all; // => "onetwo"
    /// ```
    #[rhai_fn(name = "lines", volatile, return_raw)]
    pub fn each_line(context: NativeCallContext, path: Text, function: FnPtr) -> Fallible<INT> {
        FileLines::of(path, &Map::new())?.each(&context, &function)
    }

    /// The same with the option `encoding`.
    ///
    /// ```rhai
    /// fs::write("/tmp/utf16.txt", hex::decode("68006900"));
    /// let all = "";
    /// fs::lines("/tmp/utf16.txt", #{ encoding: "utf-16le" }, |line| all += line); // => 1
    /// all; // => "hi"
    /// ```
    #[rhai_fn(name = "lines", volatile, return_raw)]
    pub fn each_line_with(
        context: NativeCallContext,
        path: Text,
        options: Map,
        function: FnPtr,
    ) -> Fallible<INT> {
        FileLines::of(path, &options)?.each(&context, &function)
    }

    /// Writes text to a file below `/tmp`, which is made, with the folders above it, or replaced.
    ///
    /// ```rhai
    /// fs::write("/tmp/reports/today.txt", "all well");
    /// fs::size("/tmp/reports/today.txt"); // => 8
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn write(path: Text, text: Text) -> Fallible<()> {
        Ok(put(&path, text.as_bytes(), false)?)
    }

    /// Writes a blob to a file below `/tmp`.
    ///
    /// ```rhai
    /// fs::write("/tmp/zeros", blob(16));
    /// fs::size("/tmp/zeros"); // => 16
    /// ```
    #[rhai_fn(name = "write", volatile, return_raw)]
    pub fn write_blob(path: Text, bytes: Blob) -> Fallible<()> {
        Ok(put(&path, &bytes, false)?)
    }

    /// Adds text to the end of a file below `/tmp`, which is made if need be.
    ///
    /// ```rhai
    /// fs::write("/tmp/lines.txt", "one\n");
    /// fs::append("/tmp/lines.txt", "two\n");
    /// fs::read_text("/tmp/lines.txt"); // => "one\ntwo\n"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn append(path: Text, text: Text) -> Fallible<()> {
        Ok(put(&path, text.as_bytes(), true)?)
    }

    /// Adds a blob to the end of a file below `/tmp`.
    ///
    /// ```rhai
    /// fs::write("/tmp/bytes", blob(2));
    /// fs::append("/tmp/bytes", blob(3));
    /// fs::size("/tmp/bytes"); // => 5
    /// ```
    #[rhai_fn(name = "append", volatile, return_raw)]
    pub fn append_blob(path: Text, bytes: Blob) -> Fallible<()> {
        Ok(put(&path, &bytes, true)?)
    }

    /// The names in a folder, sorted.
    ///
    /// ```rhai
    /// fs::write("/tmp/box/b", "");
    /// fs::write("/tmp/box/a", "");
    /// fs::list("/tmp/box"); // => ["a", "b"]
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn list(path: Text) -> Fallible<Array> {
        let names = world().list_folder(&path)?;
        room_for(names.len(), size_of::<Dynamic>() * 4)?;
        Ok(names.into_iter().map(Dynamic::from).collect())
    }

    /// Whether there is a file or a folder.
    ///
    /// ```rhai
    /// fs::exists("/tmp/nothing/here"); // => false
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn exists(path: Text) -> Fallible<bool> {
        Ok(world().file_info(&path)?.is_some())
    }

    /// The bytes of a file.
    ///
    /// ```rhai
    /// fs::write("/tmp/word", "word");
    /// fs::size("/tmp/word"); // => 4
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn size(path: Text) -> Fallible<INT> {
        let info = info(&path)?;
        Ok(INT::try_from(info.size).unwrap_or(INT::MAX))
    }

    /// Removes a file below `/tmp`, or a folder that is empty; says whether it was there.
    ///
    /// ```rhai
    /// fs::write("/tmp/old", "");
    /// fs::remove("/tmp/old"); // => true
    /// fs::remove("/tmp/old"); // => false
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn remove(path: Text) -> Fallible<bool> {
        match world().remove_file(&path) {
            Err(failure) if failure.error_type == "Fs.NotFound" => Ok(false),
            removed => Ok(removed.map(|()| true)?),
        }
    }

    /// Makes a folder below `/tmp`, and those above it.
    ///
    /// ```rhai
    /// fs::make_folder("/tmp/a/b");
    /// fs::exists("/tmp/a/b"); // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn make_folder(path: Text) -> Fallible<()> {
        Ok(world().make_folder(&path)?)
    }
}
