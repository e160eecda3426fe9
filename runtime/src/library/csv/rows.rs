//! CSV row by row, from bytes that come piece by piece: in memory there is one row, and what came with
//! it.

use std::rc::Rc;

use rhai::{Array, Blob, Dynamic, EvalAltResult, INT, ImmutableString, Map, Position};

use super::shape::{Header, Shape};
use super::{Options, Reader};
use crate::bounds::{self, Bounded};
use crate::effects::{Failure, world};
use crate::library::decoder::{Decoder, Encoding, Held, longest};
use crate::library::{http, thrown};

/// The names of the options.
pub(super) const OPTIONS: [&str; 5] = ["header", "delimiter", "ragged", "duplicates", "encoding"];

/// Where CSV comes from, and how it is read, as `for` goes through its rows. Cheap to copy.
#[derive(Clone)]
pub(in crate::library) struct CsvRows(Rc<Source>);

struct Source {
    from: From,
    options: Options,
}

enum From {
    Text(ImmutableString),
    Bytes(Rc<Blob>),
    File(ImmutableString),
    /// The options of a request.
    Http(Map),
}

impl CsvRows {
    /// CSV as text or a blob, or a map of where it is.
    pub(super) fn of(source: Dynamic, options: Options) -> Bounded<Self> {
        let wrong = |why: &str| {
            let message = format!(
                "the CSV is text or a blob, `#{{ file: \"/tmp/a.csv\" }}`, or a request as for \
                 `http::request`, such as `#{{ url: \"https://…\" }}`; {why}"
            );
            Failure::new("Csv.InvalidSource", message)
        };
        let source = source.flatten();
        let kind = source.type_name();
        let from = if let Ok(text) = source.as_immutable_string_ref() {
            // It would be one row of names, and nothing would say so.
            let is_place = ["/tmp/", "http://", "https://"].iter().any(|it| text.starts_with(it));
            if is_place && !text.contains(['\n', '\r']) {
                return Err(wrong(&format!("this text is a place: {:?}", shortened(&text))).into());
            }
            From::Text(text.clone())
        } else if source.is_blob() {
            From::Bytes(Rc::new(source.cast()))
        } else if let Some(mut map) = source.read_lock::<Map>().map(|map| map.clone()) {
            match (map.remove("file"), map.contains_key("url")) {
                (None, true) => From::Http(map),
                (Some(path), false) if map.is_empty() => From::File(
                    path.into_immutable_string()
                        .map_err(|kind| wrong(&format!("`file` is a path as text, not {kind}")))?,
                ),
                _ => return Err(wrong("this map has not just one of `file` and `url`").into()),
            }
        } else {
            return Err(wrong(&format!("it is {kind}")).into());
        };
        Ok(Self(Rc::new(Source { from, options })))
    }

    /// Begins to read.
    pub(in crate::library) fn open(&self) -> Bounded<Rows> {
        let Source { from, options } = &*self.0;
        let mut encoding = options.encoding;
        let source: Box<dyn std::io::Read> = match from {
            From::Text(text) => Box::new(Held { bytes: TextBytes(text.clone()), at: 0 }),
            From::Bytes(bytes) => Box::new(Held { bytes: BlobBytes(bytes.clone()), at: 0 }),
            From::File(path) => world().read_file(path)?,
            From::Http(request) => {
                let (content_type, body) = http::open(request.clone())?;
                encoding = encoding.or_else(|| charset(&content_type));
                body
            }
        };
        // Text is UTF-8 already, whatever the option says of bytes.
        let is_text = matches!(from, From::Text(_));
        let encoding = encoding.filter(|_| !is_text).unwrap_or(Encoding::Utf8);
        let shape = match &options.header {
            Header::Given(names) => {
                Some(Shape::of(names.clone(), options.ragged, options.duplicates)?)
            }
            Header::First | Header::None => None,
        };
        Ok(Rows {
            decoder: Decoder::new(source, encoding, "Csv.NotText"),
            options: options.clone(),
            shape,
            text: String::new(),
            start: 0,
            scan: Scan::default(),
            may_have_more: true,
            line: 1,
            row: 0,
        })
    }
}

struct TextBytes(ImmutableString);

impl AsRef<[u8]> for TextBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

struct BlobBytes(Rc<Blob>);

impl AsRef<[u8]> for BlobBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The encoding that a content type names.
fn charset(content_type: &str) -> Option<Encoding> {
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })?;
    Encoding::of(charset)
}

/// How far a row has been looked through for its end.
#[derive(Default)]
struct Scan {
    /// Bytes of the row that were looked at.
    at: usize,
    is_in_field: bool,
    is_quoted: bool,
    /// A quote came that ends the field, or is one of two.
    is_at_quote: bool,
}

impl Scan {
    /// Where the row ends that begins here, its line end included; none as long as that has not come.
    fn end(&mut self, text: &[u8], delimiter: &[u8], is_all: bool) -> Option<usize> {
        while let Some(&byte) = text.get(self.at) {
            if self.is_quoted {
                self.is_quoted = byte != b'"';
                self.is_at_quote = byte == b'"';
                self.at += 1;
                continue;
            }
            if std::mem::take(&mut self.is_at_quote) && byte == b'"' {
                self.is_quoted = true;
                self.at += 1;
                continue;
            }
            match byte {
                b'\n' => return Some(self.at + 1),
                b'\r' => match text.get(self.at + 1) {
                    Some(b'\n') => return Some(self.at + 2),
                    Some(_) => return Some(self.at + 1),
                    None if is_all => return Some(self.at + 1),
                    None => return None,
                },
                b'"' if !self.is_in_field => {
                    self.is_quoted = true;
                    self.is_in_field = true;
                    self.at += 1;
                }
                _ if byte == delimiter[0] && text[self.at..].starts_with(delimiter) => {
                    self.is_in_field = false;
                    self.at += delimiter.len();
                }
                _ => {
                    self.is_in_field = true;
                    self.at += 1;
                }
            }
        }
        is_all.then_some(text.len())
    }
}

/// The rows that are still to be read.
pub(in crate::library) struct Rows {
    decoder: Decoder,
    options: Options,
    shape: Option<Shape>,
    /// Decoded text, the first bytes of which are read already.
    text: String,
    start: usize,
    scan: Scan,
    may_have_more: bool,
    line: usize,
    /// How many rows were given, the header not among them.
    row: usize,
}

impl Rows {
    /// How many rows were given.
    pub(super) fn count(&self) -> usize {
        self.row
    }

    /// The next row.
    pub(in crate::library) fn next(&mut self) -> Bounded<Option<Dynamic>> {
        let (line, row) = (self.line, self.row + 1);
        match self.next_row() {
            Ok(Some(row)) => {
                self.row += 1;
                Ok(Some(row))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                // Nothing comes after an error.
                self.may_have_more = false;
                self.text = String::new();
                self.start = 0;
                Err(placed(error, row, line))
            }
        }
    }

    fn next_row(&mut self) -> Bounded<Option<Dynamic>> {
        while let Some((line, fields)) = self.fields()? {
            if self.options.header == Header::None {
                return Ok(Some(fields.into()));
            }
            match &self.shape {
                Some(shape) => match shape.row(line, fields)? {
                    Some(row) => return Ok(Some(row)),
                    None => continue,
                },
                None => {
                    let names = fields.into_iter();
                    let names = names.filter_map(Dynamic::try_cast::<ImmutableString>).collect();
                    let (ragged, duplicates) = (self.options.ragged, self.options.duplicates);
                    self.shape = Some(Shape::of(names, ragged, duplicates)?);
                }
            }
        }
        Ok(None)
    }

    /// The fields of the next row that is not empty, with the line in which it starts.
    fn fields(&mut self) -> Bounded<Option<(usize, Array)>> {
        let mut delimiter = [0; 4];
        let delimiter = self.options.delimiter.encode_utf8(&mut delimiter).as_bytes();
        loop {
            let rest = &self.text.as_bytes()[self.start..];
            let before = self.scan.at;
            let end = self.scan.end(rest, delimiter, !self.may_have_more);
            bounds::step(self.scan.at - before)?;
            let Some(end) = end else {
                self.more()?;
                continue;
            };
            self.scan = Scan::default();
            if end == 0 {
                return Ok(None);
            }
            let rest = &self.text[self.start..self.start + end];
            let mut reader = Reader { rest, line: self.line, delimiter: self.options.delimiter };
            let row = reader.row()?;
            self.line = reader.line;
            self.start += end;
            if row.is_some() {
                return Ok(row);
            }
        }
    }

    fn more(&mut self) -> Bounded<()> {
        let rest = self.text.len() - self.start;
        let most = longest();
        if rest > most {
            let message = format!(
                "a row of the CSV has more than {most} bytes; if there is a quote without its end, \
                 this row has it"
            );
            return Err(Failure::new("Csv.RowTooLong", message).into());
        }
        if self.start > rest {
            self.text.drain(..self.start);
            self.start = 0;
        }
        self.may_have_more = self.decoder.read(&mut self.text)?;
        Ok(())
    }
}

/// An error as a script catches it, with the row and the line it happened in.
fn placed(error: Box<EvalAltResult>, row: usize, line: usize) -> Box<EvalAltResult> {
    let number = |number: usize| Dynamic::from_int(INT::try_from(number).unwrap_or(INT::MAX));
    let mut map = match *error {
        EvalAltResult::ErrorRuntime(thrown_value, _) => {
            match thrown_value.try_cast_result::<Map>() {
                Ok(map) => map,
                Err(text) => {
                    let failure = Failure::new("Csv.Malformed", text.to_string());
                    let place = [("row", number(row)), ("line", number(line))];
                    return thrown(&failure, place);
                }
            }
        }
        other => return Box::new(other),
    };
    map.entry("row".into()).or_insert_with(|| number(row));
    map.entry("line".into()).or_insert_with(|| number(line));
    Box::new(EvalAltResult::ErrorRuntime(map.into(), Position::NONE))
}
