//! `csv`: rows of fields as text (RFC 4180), with any delimiter.

mod rows;
mod shape;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, FnPtr, INT, ImmutableString, Map, NativeCallContext};

use super::decoder::{Encoding, KNOWN};
use super::grow;
use super::native::exported;
use super::{Part, counted, in_row, malformed};
use crate::bounds::{self, Bounded, room_for};
use crate::callbacks::Callback;
use crate::vocabulary::Vocabulary;
pub(super) use rows::CsvRows;
use shape::{DUPLICATES, Duplicates, Header, RAGGED, Ragged, Shape};

pub(super) const PART: Part = Part { words: &["csv"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("csv", "Csv.Invalid", engine, vocabulary);
    if vocabulary.has("rows") {
        engine.register_type_with_name::<CsvRows>("CsvRows");
        super::register_iterable(engine);
    }
}

/// Rows of fields as text.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// The rows, each a map of text by the names in the first row. Lines end in `\n`, `\r\n` or
    /// `\r`; empty ones are skipped.
    ///
    /// ```rhai
    /// csv::parse("id,name\n1,\"a, \"\"b\"\"\"\n"); // => [{"id": "1", "name": "a, \"b\""}]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse(text: &str) -> Bounded<Array> {
        super::parse(text, &Options::default())
    }

    /// The same with options: `delimiter`, one character instead of the comma; `header`, which is
    /// `false` where the first row has no names, so that each row is an array, or an array of the names;
    /// `ragged`, what becomes of a row with more or fewer fields than names: `"error"`, `"pad"` (what is
    /// missing is `()`, what is too much an array `_rest`) or `"skip"`; and `duplicates`, what becomes
    /// of names that are there twice: `"error"`, `"number"` (`name`, `name_2`), `"first"` or `"last"`.
    ///
    /// ```rhai
    /// csv::parse("1;2\n3;4", #{header: false, delimiter: ";"}); // => [["1", "2"], ["3", "4"]]
    /// csv::parse("1,2", #{header: ["a", "b"]}); // => [{"a": "1", "b": "2"}]
    /// csv::parse("a,b\n1\n1,2,3", #{ragged: "pad"}); // => [#{ a: "1", b: () }, #{ a: "1", b: "2", _rest: ["3"] }]
    /// csv::parse("a,a\n1,2", #{duplicates: "number"}); // => [{"a": "1", "a_2": "2"}]
    /// ```
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_with(text: &str, options: Map) -> Bounded<Array> {
        super::parse(text, &Options::of(&options, &rows::OPTIONS[..4])?)
    }

    /// Calls a function with each row, and with its index if it takes two; gives how many rows there
    /// were. Only one row is in memory, so that the CSV may have gigabytes.
    ///
    /// The CSV is text or a blob; a file, as `#{ file: "/tmp/orders.csv" }`; or a download, as a
    /// map as for `http::request`, such as `#{ url: "https://…" }`. A byte order mark and the charset of
    /// the download say how it is written. What the function gives is not looked at: to stop early, use
    /// `for` and `csv::rows`. An error has `row`, the number of the row from one, and in the CSV itself
    /// `line`.
    ///
    /// ```rhai
    /// let total = 0;
    /// csv::each("id,total\n1,20\n2,22\n", |row| total += parse_int(row.total)); // => 2
    /// total; // => 42
    /// csv::each(#{ file: "/tmp/not-there.csv" }, |row| ()); // => error: not-there
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn each(context: NativeCallContext, source: Dynamic, function: FnPtr) -> Bounded<INT> {
        super::each(&context, source, Options::default(), &function)
    }

    /// The same with the options of `csv::parse`, and `encoding`, how the bytes are written that have
    /// no byte order mark: `"utf-8"`, `"latin1"`, `"windows-1252"`, `"utf-16"`, `"utf-16le"` or
    /// `"utf-16be"`.
    ///
    /// ```rhai
    /// let names = [];
    /// let source = hex::decode("6e616d650aa455fc0a"); // "name" and "¤Uü" in Latin-1
    /// csv::each(source, #{ encoding: "latin1" }, |row| names.push(row.name)); // => 1
    /// names; // => ["¤Uü"]
    /// ```
    #[rhai_fn(name = "each", volatile, return_raw)]
    pub fn each_with(
        context: NativeCallContext,
        source: Dynamic,
        options: Map,
        function: FnPtr,
    ) -> Bounded<INT> {
        super::each(&context, source, Options::of(&options, &rows::OPTIONS)?, &function)
    }

    /// The rows for a `for` loop, which reads them one by one from the same sources as `csv::each`, and
    /// no further when it is left.
    ///
    /// ```rhai
    /// let first = ();
    /// for row in csv::rows("id\n1\n2\n\"3") { // what follows is not read
    ///     first = row.id;
    ///     break;
    /// }
    /// first; // => "1"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn rows(source: Dynamic) -> Bounded<CsvRows> {
        CsvRows::of(source, Options::default())
    }

    /// The same with the options of `csv::each`.
    ///
    /// ```rhai
    /// let rows = [];
    /// for row in csv::rows("1;2\n3;4", #{ header: false, delimiter: ";" }) { rows.push(row); }
    /// rows; // => [["1", "2"], ["3", "4"]]
    /// ```
    #[rhai_fn(name = "rows", volatile, return_raw)]
    pub fn rows_with(source: Dynamic, options: Map) -> Bounded<CsvRows> {
        CsvRows::of(source, Options::of(&options, &rows::OPTIONS)?)
    }

    /// The rows as text, each a map or an array of text, chars, numbers, bools and `()`. Maps have a
    /// first row of all keys there are. Lines end in `\r\n`.
    ///
    /// ```rhai
    /// csv::write([#{id: 1, name: "a, b"}, #{id: 2}]); // => "id,name\r\n1,\"a, b\"\r\n2,\r\n"
    /// csv::write([[1, true], ["x", 2.5]]); // => "1,true\r\nx,2.5\r\n"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn write(rows: &mut Array) -> Bounded<ImmutableString> {
        super::write(rows, &Options::default())
    }

    /// The same with options: `columns`, the keys in their order, `delimiter`, and `header`, which is
    /// `false` where no row of names is wanted.
    ///
    /// ```rhai
    /// csv::write([#{a: 1, b: 2}], #{columns: ["b", "a"], delimiter: ";"}); // => "b;a\r\n2;1\r\n"
    /// ```
    #[rhai_fn(name = "write", pure, return_raw)]
    pub fn write_with(rows: &mut Array, options: Map) -> Bounded<ImmutableString> {
        super::write(rows, &Options::of(&options, &["header", "delimiter", "columns"])?)
    }
}

#[derive(Clone)]
struct Options {
    header: Header,
    delimiter: char,
    columns: Option<Vec<ImmutableString>>,
    ragged: Ragged,
    duplicates: Duplicates,
    encoding: Option<Encoding>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            header: Header::First,
            delimiter: ',',
            columns: None,
            ragged: Ragged::Error,
            duplicates: Duplicates::Error,
            encoding: None,
        }
    }
}

impl Options {
    fn of(map: &Map, known: &[&str]) -> Bounded<Self> {
        let mut options = Self::default();
        for (name, value) in map {
            if !known.contains(&name.as_str()) {
                return Err(format!(
                    "there is no option `{name}` here; the options are {}",
                    known.join(", ")
                )
                .into());
            }
            let wrong = |wanted: &str| format!("the option `{name}` is {wanted}, not {value:?}");
            match name.as_str() {
                // Names are for reading; a writer has `columns`.
                "header" if value.is_array() && known.contains(&"ragged") => {
                    let names = texts(value).ok_or_else(|| wrong("a bool or an array of text"))?;
                    options.header = Header::Given(names);
                }
                "header" => {
                    options.header = match value.as_bool().map_err(|_| wrong("a bool"))? {
                        true => Header::First,
                        false => Header::None,
                    };
                }
                "ragged" => options.ragged = word(value, &RAGGED).map_err(|known| wrong(&known))?,
                "duplicates" => {
                    options.duplicates = word(value, &DUPLICATES).map_err(|known| wrong(&known))?;
                }
                "encoding" => {
                    let name = value.clone().into_immutable_string().unwrap_or_default();
                    options.encoding = Some(Encoding::of(&name).ok_or_else(|| wrong(KNOWN))?);
                }
                "delimiter" => {
                    let text = grow::scalar(value).ok().flatten().unwrap_or_default();
                    let mut characters = text.chars();
                    options.delimiter = match (characters.next(), characters.next()) {
                        (Some(one), None) if !matches!(one, '"' | '\r' | '\n') => one,
                        _ => return Err(wrong("one character, such as \";\"").into()),
                    };
                }
                _ => {
                    options.columns = Some(texts(value).ok_or_else(|| wrong("an array of text"))?);
                }
            }
        }
        Ok(options)
    }
}

fn texts(value: &Dynamic) -> Option<Vec<ImmutableString>> {
    let values = value.as_array_ref().ok()?;
    values.iter().map(|text| Some(text.as_immutable_string_ref().ok()?.clone())).collect()
}

/// What a word of an option says; an error has the words that there are.
fn word<T: Copy>(value: &Dynamic, words: &[(&str, T)]) -> Result<T, String> {
    let said = value.clone().into_immutable_string().unwrap_or_default();
    let known = words.iter().find(|(word, _)| *word == said.as_str());
    known.map(|&(_, meant)| meant).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        format!("one of {}", words.join(", "))
    })
}

fn each(
    context: &NativeCallContext,
    source: Dynamic,
    options: Options,
    function: &FnPtr,
) -> Bounded<INT> {
    let mut rows = CsvRows::of(source, options)?.open()?;
    let mut callback = Callback::new("each", context, function, 0);
    while let Some(mut row) = rows.next()? {
        let number = rows.count();
        let given = callback.call(&mut row, number - 1, None);
        drop(given.map_err(|error| in_row(error, "row of the CSV", "row", number))?);
    }
    Ok(INT::try_from(rows.count()).unwrap_or(INT::MAX))
}

fn parse(text: &str, options: &Options) -> Bounded<Array> {
    let mut reader = Reader {
        // A table program's mark of UTF-8.
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        delimiter: options.delimiter,
    };
    let mut rows = Array::new();
    if options.header == Header::None {
        while let Some((_, row)) = reader.row()? {
            grow::push(&mut rows, row.into())?;
        }
        return Ok(rows);
    }
    let names = match &options.header {
        Header::Given(names) => names.clone(),
        _ => {
            let Some((_, header)) = reader.row()? else { return Ok(rows) };
            header.into_iter().filter_map(Dynamic::try_cast::<ImmutableString>).collect()
        }
    };
    let shape = Shape::of(names, options.ragged, options.duplicates)?;
    while let Some((line, row)) = reader.row()? {
        if let Some(row) = shape.row(line, row)? {
            grow::push(&mut rows, row)?;
        }
    }
    Ok(rows)
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
    delimiter: char,
}

impl Reader<'_> {
    /// The next row that is not empty, with the number of the line it starts in.
    fn row(&mut self) -> Bounded<Option<(usize, Array)>> {
        while self.end_of_line() {}
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut row = Array::new();
        loop {
            let field = self.field()?;
            grow::push(&mut row, field)?;
            match self.rest.strip_prefix(self.delimiter) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.end_of_line();
        Ok(Some((line, row)))
    }

    fn end_of_line(&mut self) -> bool {
        let rest = self.rest.strip_prefix("\r\n").or(self.rest.strip_prefix(['\n', '\r']));
        if let Some(rest) = rest {
            self.rest = rest;
            self.line += 1;
        }
        rest.is_some()
    }

    fn field(&mut self) -> Bounded<Dynamic> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return self.quoted(quoted);
        }
        let end = self.rest.find([self.delimiter, '\n', '\r']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        grow::text(field)
    }

    fn quoted(&mut self, mut rest: &str) -> Bounded<Dynamic> {
        let line = self.line;
        let mut field = String::new();
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                let message =
                    format!("the quoted field that starts in line {line} of the CSV has no end");
                return Err(malformed("Csv.Malformed", message, [("line", counted(line))]));
            };
            grow::add(&mut field, part)?;
            self.line += lines_in(part);
            match after.strip_prefix('"') {
                Some(after) => {
                    grow::add(&mut field, "\"")?;
                    rest = after;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        let ends = rest.is_empty() || rest.starts_with([self.delimiter, '\n', '\r']);
        if !ends {
            let message = format!(
                "after the quoted field in line {} of the CSV comes {:?}, not {:?} or the end of \
                 the line; a quote within quotes is written twice",
                self.line,
                rest.chars().next().unwrap_or_default(),
                self.delimiter
            );
            return Err(malformed("Csv.Malformed", message, [("line", counted(self.line))]));
        }
        // The end lies within what is still to be read.
        self.rest = &self.rest[self.rest.len() - rest.len()..];
        grow::text(&field)
    }
}

/// How many lines end within this text.
fn lines_in(text: &str) -> usize {
    text.matches(['\n', '\r']).count() - text.matches("\r\n").count()
}

fn write(rows: &Array, options: &Options) -> Bounded<ImmutableString> {
    let mut out = String::new();
    let of_maps = rows.first().is_some_and(Dynamic::is_map) || options.columns.is_some();
    let columns = match &options.columns {
        Some(columns) => columns.clone(),
        None => all_keys(rows)?,
    };
    if of_maps && options.header != Header::None {
        write_row(&mut out, options, columns.iter().map(|name| Ok(name.clone())))?;
    }
    for (at, row) in rows.iter().enumerate() {
        let wrong = |field: &str, kind: &str| {
            format!(
                "the field `{field}` of row {at} is text, a number, a bool or `()`, not {kind}; \
                 JSON fits in as `value.to_json()`"
            )
        };
        let field = |name: &str, value: Option<&Dynamic>| match value.map(grow::scalar) {
            None => Ok(ImmutableString::new()),
            Some(Ok(text)) => Ok(text.unwrap_or_default()),
            Some(Err(kind)) => Err(wrong(name, kind).into()),
        };
        match (row.read_lock::<Map>(), row.read_lock::<Array>()) {
            (Some(map), _) if of_maps => {
                let row = columns.iter().map(|name| field(name, map.get(name.as_str())));
                write_row(&mut out, options, row)?;
            }
            (_, Some(array)) if !of_maps => {
                let row = array.iter().enumerate();
                write_row(
                    &mut out,
                    options,
                    row.map(|(at, value)| field(&at.to_string(), Some(value))),
                )?;
            }
            _ => {
                let wanted = if of_maps { "a map" } else { "an array" };
                let kind = grow::scalar(row).err().unwrap_or("a single value");
                return Err(format!(
                    "row {at} is {kind}, not {wanted}: rows are all maps or all arrays"
                )
                .into());
            }
        }
    }
    Ok(out.into())
}

/// The keys of all rows that are maps, sorted.
fn all_keys(rows: &Array) -> Bounded<Vec<ImmutableString>> {
    let mut keys = std::collections::BTreeSet::new();
    for row in rows {
        let Some(row) = row.read_lock::<Map>() else { continue };
        bounds::step(64 * (row.len() + 1))?;
        for key in
            row.keys().filter(|key| !keys.contains(key.as_str())).cloned().collect::<Vec<_>>()
        {
            room_for(key.len() + 128, 2)?;
            keys.insert(ImmutableString::from(key.as_str()));
        }
    }
    Ok(keys.into_iter().collect())
}

fn write_row(
    out: &mut String,
    options: &Options,
    fields: impl ExactSizeIterator<Item = Bounded<ImmutableString>>,
) -> Bounded<()> {
    let is_only = fields.len() == 1;
    for (at, field) in fields.enumerate() {
        let field = field?;
        grow::reserve(out, field.len().saturating_mul(2).saturating_add(8))?;
        if at > 0 {
            out.push(options.delimiter);
        }
        let has_special = field.contains([options.delimiter, '"', '\r', '\n'])
            || field.starts_with([' ', '\u{feff}'])
            || field.ends_with(' ');
        // An empty line would be no row.
        if has_special || is_only && field.is_empty() {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&field);
        }
    }
    grow::add(out, "\r\n")
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    /// Rows without a header.
    #[track_caller]
    fn reads(text: &str, rows: &str) {
        gives(&format!("csv::parse({text:?}, #{{header: false}})"), rows);
    }

    // The rules of RFC 4180, section 2, by number.
    #[test]
    fn the_rules_of_rfc_4180_hold() {
        let plain = r#"[["aaa","bbb","ccc"],["zzz","yyy","xxx"]]"#;
        reads("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", plain); // 1
        reads("aaa,bbb,ccc\r\nzzz,yyy,xxx", plain); // 2
        gives(
            "csv::parse(\"field_name,b\\r\\naaa,bbb\\r\\n\")",
            r#"[{"field_name":"aaa","b":"bbb"}]"#,
        ); // 3
        reads("a b, c ", r#"[["a b"," c "]]"#); // 4
        reads("\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx", plain); // 5
        reads("\"aaa\",\"b\r\nbb\",\"ccc\"", r#"[["aaa","b\r\nbb","ccc"]]"#); // 6
        reads("\"aaa\",\"b\"\"bb\",\"ccc\"", r#"[["aaa","b\"bb","ccc"]]"#); // 7
    }

    #[test]
    fn corners_of_fields_and_lines_are_kept() {
        reads("", "[]");
        reads("\n\r\n\n", "[]");
        reads("a\n\nb", r#"[["a"],["b"]]"#);
        reads(",", r#"[["",""]]"#);
        reads("\"\"", r#"[[""]]"#);
        reads("a,\n", r#"[["a",""]]"#);
        reads("a\rb,c\r", r#"[["a"],["b","c"]]"#);
        reads("a,\"x\ry\"\r\r\rb,c", r#"[["a","x\ry"],["b","c"]]"#);
        gives("csv::parse(\"id,name\\r1,Ann\\r\")", r#"[{"id":"1","name":"Ann"}]"#);
        gives("csv::parse(\"\\ufeffü\\n→\")", r#"[{"ü":"→"}]"#);
        reads("a\"b,c", r#"[["a\"b","c"]]"#);
        gives("csv::parse(\"\")", "[]");
        gives("csv::parse(\"a,b\")", "[]");
        gives("csv::parse(\"a→b\", #{delimiter: '→', header: false})", r#"[["a","b"]]"#);
    }

    #[test]
    fn errors_name_the_line_and_the_way_out() {
        fails(
            "csv::parse(\"a,b\\n1,2\\n\\n3\")",
            "line 4 of the CSV has 1 field, the header has 2",
        );
        fails("csv::parse(\"a\\r\\\"x\\r\\ny\\rz\\\"z\")", "in line 4 of the CSV comes 'z'");
        fails("csv::parse(\"a\\n\\\"x\\ny\")", "starts in line 2 of the CSV has no end");
        fails("csv::parse(\"a\\n\\\"x\\ny\\\"z\")", "in line 3 of the CSV comes 'z'");
        fails("csv::parse(\"a,a\\n\")", "Csv.DuplicateName");
        fails("csv::parse(\"a\", #{headers: true})", "no option `headers`");
        fails("csv::parse(\"a\", #{delimiter: \"ab\"})", "one character");
        fails("csv::parse(\"a\", #{delimiter: \"\"})", "one character");
        fails("csv::parse(\"a\", #{header: 1})", "a bool");
        fails("csv::write([], #{columns: [1]})", "an array of text");
        fails("csv::write([#{a: [1]}])", "the field `a` of row 0");
        fails("csv::write([[1], #{}])", "row 1 is map, not an array");
        fails("csv::write([#{}, 1])", "row 1 is a single value, not a map");
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let script = "let rows = [[\"a,b\", \"\\\"\", \"x\\r\\ny\", \" \", \"\"], [\"\"], [\"ü\"]];
            let text = csv::write(rows);
            [csv::parse(text, #{header: false}) == rows, text]";
        gives(script, r#"[true, "\"a,b\",\"\"\"\",\"x\r\ny\",\" \",\r\n\"\"\r\nü\r\n"]"#);
        gives("csv::write([])", "\"\"");
        gives("csv::write([], #{columns: [\"a\"]})", "\"a\\r\\n\"");
        gives("csv::write([#{a: 1}, #{b: 2}], #{header: false})", "\"1,\\r\\n,2\\r\\n\"");
        gives("const R = [[1]]; [csv::write(R), R.len]", r#"["1\r\n", 1]"#);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        is_too_large("csv::parse(text::repeat(\",\", 200000), #{header: false})");
        is_too_large("let t = text::repeat(\"x\", 100000); csv::write([[t, t, t, t, t, t, t, t]])");
    }
}
