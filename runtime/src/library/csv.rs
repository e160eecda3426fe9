//! `csv`: rows of fields as text (RFC 4180), with any delimiter.

use std::collections::HashSet;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::grow::{self, MAP};
use super::native::exported;
use super::{Part, counted, malformed};
use crate::bounds::{self, Bounded, room_for};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["csv"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("csv", "Csv.Invalid", engine, vocabulary);
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

    /// The same with options: `delimiter`, one character instead of the comma, and `header`, which
    /// is `false` where the first row has no names; each row is an array then.
    ///
    /// ```rhai
    /// csv::parse("1;2\n3;4", #{header: false, delimiter: ";"}); // => [["1", "2"], ["3", "4"]]
    /// ```
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_with(text: &str, options: Map) -> Bounded<Array> {
        super::parse(text, &Options::of(&options, &["header", "delimiter"])?)
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

struct Options {
    header: bool,
    delimiter: char,
    columns: Option<Vec<ImmutableString>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { header: true, delimiter: ',', columns: None }
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
                "header" => options.header = value.as_bool().map_err(|_| wrong("a bool"))?,
                "delimiter" => {
                    let text = grow::scalar(value).ok().flatten().unwrap_or_default();
                    let mut characters = text.chars();
                    options.delimiter = match (characters.next(), characters.next()) {
                        (Some(one), None) if !matches!(one, '"' | '\r' | '\n') => one,
                        _ => return Err(wrong("one character, such as \";\"").into()),
                    };
                }
                _ => {
                    let names = value.as_array_ref().map_err(|_| wrong("an array of text"))?;
                    let names = names.iter().map(|name| name.as_immutable_string_ref());
                    let names = names.map(|name| name.map(|name| name.clone()));
                    let names: Result<Vec<_>, _> = names.collect();
                    options.columns = Some(names.map_err(|_| wrong("an array of text"))?);
                }
            }
        }
        Ok(options)
    }
}

fn parse(text: &str, options: &Options) -> Bounded<Array> {
    let mut reader = Reader {
        // A table program's mark of UTF-8.
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        delimiter: options.delimiter,
    };
    let mut rows = Array::new();
    if !options.header {
        while let Some((_, row)) = reader.row()? {
            grow::push(&mut rows, row.into())?;
        }
        return Ok(rows);
    }
    let Some((_, header)) = reader.row()? else { return Ok(rows) };
    let header: Vec<ImmutableString> =
        header.into_iter().filter_map(Dynamic::try_cast::<ImmutableString>).collect();
    let mut seen = HashSet::new();
    for name in &header {
        if !seen.insert(name) {
            let message = format!(
                "the header of the CSV has {name:?} twice; `#{{header: false}}` gives arrays"
            );
            return Err(malformed("Csv.Malformed", message, [("line", counted(1))]));
        }
    }
    while let Some((line, row)) = reader.row()? {
        if row.len() != header.len() {
            let message = format!(
                "line {line} of the CSV has {}, the header has {}; `#{{header: false}}` takes rows \
                 of any length",
                fields(row.len()),
                header.len()
            );
            return Err(malformed("Csv.Malformed", message, [("line", counted(line))]));
        }
        room_for(header.len() / 6 + 1, MAP)?;
        let row: Map = header.iter().map(|name| name.as_str().into()).zip(row).collect();
        grow::push(&mut rows, row.into())?;
    }
    Ok(rows)
}

fn fields(count: usize) -> String {
    format!("{count} field{}", if count == 1 { "" } else { "s" })
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
    if of_maps && options.header {
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
        fails("csv::parse(\"a,a\\n\")", "has \"a\" twice");
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
