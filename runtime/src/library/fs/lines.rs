//! The lines of a file one by one: in memory there is one, and what came with it.

use rhai::{Dynamic, EvalAltResult, INT, ImmutableString, Map, NativeCallContext};

use crate::bounds::{self, Bounded};
use crate::callbacks::Callback;
use crate::effects::{Failure, world};
use crate::library::decoder::{Decoder, Encoding, KNOWN, longest};
use crate::library::{grow, in_row};

/// The lines of a file, as `for` goes through them. Cheap to copy.
#[derive(Clone, Debug)]
pub(in crate::library) struct FileLines {
    path: ImmutableString,
    encoding: Encoding,
}

impl FileLines {
    pub(super) fn of(path: ImmutableString, options: &Map) -> Bounded<Self> {
        let wrong = |why: String| {
            Box::<EvalAltResult>::from(Failure::new(
                "Fs.InvalidOption",
                format!("fs::lines: {why}"),
            ))
        };
        let mut encoding = Encoding::Utf8;
        for (name, value) in options {
            if name != "encoding" {
                return Err(wrong(format!("there is no option `{name}`; there is `encoding`")));
            }
            let said = value.clone().into_immutable_string().unwrap_or_default();
            encoding = Encoding::of(&said)
                .ok_or_else(|| wrong(format!("the option `encoding` is {KNOWN}, not {value:?}")))?;
        }
        Ok(Self { path, encoding })
    }

    /// Begins to read.
    pub(in crate::library) fn open(&self) -> Bounded<Lines> {
        let file = world().read_file(&self.path)?;
        Ok(Lines {
            decoder: Decoder::new(file, self.encoding, "Fs.NotText"),
            path: self.path.clone(),
            text: String::new(),
            start: 0,
            looked: 0,
            may_have_more: true,
            number: 0,
        })
    }

    /// Calls a function with each line; how many there were.
    pub(super) fn each(&self, context: &NativeCallContext, function: &rhai::FnPtr) -> Bounded<INT> {
        let mut lines = self.open()?;
        let mut callback = Callback::new("lines", context, function, 0);
        while let Some(mut line) = lines.next()? {
            let number = lines.number;
            let given = callback.call(&mut line, number - 1, None);
            drop(given.map_err(|error| in_row(error, "line of the file", "file_line", number))?);
        }
        Ok(INT::try_from(lines.number).unwrap_or(INT::MAX))
    }
}

/// The lines that are still to be read.
pub(in crate::library) struct Lines {
    decoder: Decoder,
    path: ImmutableString,
    /// Decoded text, the first bytes of which are read already.
    text: String,
    start: usize,
    /// Bytes of the line that were looked at for its end.
    looked: usize,
    may_have_more: bool,
    number: usize,
}

impl Lines {
    /// The next line, without what ends it: `\n`, `\r\n` or `\r`.
    pub(in crate::library) fn next(&mut self) -> Bounded<Option<Dynamic>> {
        let number = self.number + 1;
        self.next_line().map_err(|error| {
            // Nothing comes after an error.
            self.may_have_more = false;
            self.text = String::new();
            self.start = 0;
            self.looked = 0;
            self.placed(error, number)
        })
    }

    fn next_line(&mut self) -> Bounded<Option<Dynamic>> {
        loop {
            let rest = &self.text[self.start..];
            bounds::step(rest.len() - self.looked)?;
            let found = rest[self.looked..].find(['\n', '\r']).map(|at| self.looked + at);
            // What follows a `\r` may still have to come.
            let is_whole = |end: usize| end + 1 < rest.len() || !self.may_have_more;
            match found {
                Some(end) if rest.as_bytes()[end] == b'\n' || is_whole(end) => {
                    let after = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
                    let line = grow::text(&rest[..end])?;
                    self.start += end + after;
                    self.looked = 0;
                    self.number += 1;
                    return Ok(Some(line));
                }
                None if !self.may_have_more => {
                    let line = match rest {
                        "" => None,
                        rest => Some(grow::text(rest)?),
                    };
                    self.number += usize::from(line.is_some());
                    self.start = self.text.len();
                    self.looked = 0;
                    return Ok(line);
                }
                found => self.looked = found.unwrap_or(rest.len()),
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> Bounded<()> {
        let rest = self.text.len() - self.start;
        let most = longest();
        if rest > most {
            let message = format!("a line of `{}` has more than {most} bytes", self.path);
            return Err(Failure::new("Fs.LineTooLong", message).into());
        }
        if self.start > rest {
            self.text.drain(..self.start);
            self.start = 0;
        }
        self.may_have_more = self.decoder.read(&mut self.text)?;
        Ok(())
    }

    fn placed(&self, mut error: Box<EvalAltResult>, number: usize) -> Box<EvalAltResult> {
        if let EvalAltResult::ErrorRuntime(value, _) = &mut *error {
            if let Some(mut map) = value.write_lock::<Map>() {
                let number = INT::try_from(number).unwrap_or(INT::MAX);
                map.entry("file".into()).or_insert_with(|| self.path.clone().into());
                map.entry("file_line".into()).or_insert_with(|| number.into());
            }
        }
        error
    }
}
