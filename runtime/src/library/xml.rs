//! `xml`: elements as maps and back (XML 1.0).
//!
//! There is nothing here that fetches or expands: a document that declares entities of its own is
//! refused, and only the five that XML itself has, and characters by number, are known.

use std::collections::BTreeMap;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::grow::{self, MAP};
use super::native::exported;
use super::{Part, counted, malformed};
use crate::bounds::{self, Bounded, room_for};
use crate::json::MAX_DEPTH;
use crate::vocabulary::Vocabulary;

/// The type of what a text throws that is no XML.
const MALFORMED: &str = "Xml.Malformed";

pub(super) const PART: Part = Part { words: &["xml"], register };

/// The key of an element's text; keys of attributes start with `@`.
const TEXT: &str = "#text";

/// The key of the order in which an element's elements stand.
const ORDER: &str = "#order";

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("xml", "Xml.Invalid", engine, vocabulary);
}

/// Elements as maps and back. Nothing is fetched or expanded: a document that declares entities of its
/// own is refused.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// A map with the name of the root element. An element is its text; where it has attributes or
    /// other elements it is a map with `@name` for an attribute, `#text` for its text and the name of
    /// each element in it, with an array where that is there several times. Names keep their prefix;
    /// comments and processing instructions are left out, as is white space between elements.
    ///
    /// ```rhai
    /// let d = xml::parse("<order id='7'><item>a</item><item>b &amp; c</item><paid/></order>");
    /// d; // => {"order": {"@id": "7", "item": ["a", "b & c"], "paid": ""}}
    /// xml::parse("<p lang='en'>Hi <b>you</b></p>").p; // => {"@lang": "en", "#text": "Hi", "b": "you"}
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse(text: &str) -> Bounded<Map> {
        super::parse(text, &Options::default())
    }

    /// The same with options: `arrays`, the names of elements that are arrays even where one is there
    /// alone, and `order`, which is `true` where each element that has others shall also have
    /// `#order`, their names as they stand in the text.
    ///
    /// ```rhai
    /// xml::parse("<o><i>1</i></o>", #{arrays: ["i"]}); // => {"o": {"i": ["1"]}}
    /// xml::parse("<o><b/><a/><b/></o>", #{order: true}).o["#order"]; // => ["b", "a", "b"]
    /// ```
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_with(text: &str, options: Map) -> Bounded<Map> {
        super::parse(text, &Options::of(&options)?)
    }

    /// The XML of a map as `xml::parse` gives it: one key for the root element, `@name` for
    /// attributes, `#text` for text, an array for an element that is there several times. Text may
    /// also be a number, a bool or a char; `()` is an element with nothing in it.
    ///
    /// Elements stand in the order of their names, as the keys of a map do. Where another order is
    /// wanted, `#order` has the names in that order; a name that is not there is skipped, and an
    /// element that it does not name comes after those that it names.
    ///
    /// ```rhai
    /// xml::write(#{order: #{"@id": 7, item: ["a", "b & c"], paid: ()}}); // => "<order id=\"7\"><item>a</item><item>b &amp; c</item><paid/></order>"
    /// xml::write(#{p: #{"@lang": "en", "#text": "Hi"}}); // => "<p lang=\"en\">Hi</p>"
    /// xml::write(#{p: #{"#order": ["to", "from"], from: 1, to: 2}}); // => "<p><to>2</to><from>1</from></p>"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn write(map: &mut Map) -> Bounded<ImmutableString> {
        super::write(map)
    }
}

/// How elements become maps.
#[derive(Default)]
struct Options {
    /// Names of elements that are arrays even where one is there alone.
    arrays: Vec<ImmutableString>,
    /// Whether the order of elements is told.
    order: bool,
}

impl Options {
    fn of(map: &Map) -> Bounded<Self> {
        let mut options = Self::default();
        for (name, value) in map {
            let wrong = |wanted: &str| format!("the option `{name}` is {wanted}, not {value:?}");
            match name.as_str() {
                "arrays" => {
                    options.arrays =
                        names_of(value).ok_or_else(|| wrong("an array of names, as text"))?;
                }
                "order" => options.order = value.as_bool().map_err(|_| wrong("a bool"))?,
                _ => {
                    return Err(format!(
                        "there is no option `{name}` here; the options are arrays, order"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }

    fn is_array(&self, name: &str) -> bool {
        self.arrays.iter().any(|known| known == name)
    }
}

/// The texts of an array of nothing else.
fn names_of(value: &Dynamic) -> Option<Vec<ImmutableString>> {
    let names = value.as_array_ref().ok()?;
    names.iter().map(|name| name.as_immutable_string_ref().ok().map(|name| name.clone())).collect()
}

/// Elements as maps, as `xml::parse` gives them.
pub(super) fn parse_plainly(text: &str) -> Bounded<Map> {
    parse(text, &Options::default())
}

fn parse(text: &str, options: &Options) -> Bounded<Map> {
    let mut reader = Reader { text, at: text.len() - text.trim_start_matches('\u{feff}').len() };
    if let Some((at, stray)) = text.char_indices().find(|&(_, character)| !is_allowed(character)) {
        return Err(reader.error_at(at, &format!("{stray:?}, a character that XML cannot hold")));
    }
    let mut root: Option<(&str, Dynamic)> = None;
    let mut open: Vec<Element> = Vec::new();
    while !reader.rest().is_empty() {
        bounds::step(64)?;
        if !reader.rest().starts_with('<') {
            let start = reader.at;
            let content = reader.until_markup();
            match open.last_mut() {
                Some(element) => {
                    let content = reader.resolved(content, start)?;
                    element.add_text(&content)?;
                }
                None if content.trim_matches(WHITE).is_empty() => {}
                None => return Err(reader.error_at(start, "text outside of the root element")),
            }
        } else if let Some(content) = reader.section("<![CDATA[", "]]>")? {
            match open.last_mut() {
                Some(element) => element.add_text(content)?,
                None => return Err(reader.error("CDATA outside of the root element")),
            }
        } else if reader.section("<!--", "-->")?.is_some() || reader.section("<?", "?>")?.is_some()
        {
        } else if reader.rest().starts_with("<!DOCTYPE") {
            let start = reader.at;
            let declaration = reader.section("<!DOCTYPE", ">")?.unwrap_or_default();
            if declaration.contains('[') {
                return Err(reader.error_at(start, "a DOCTYPE with declarations, which is refused"));
            }
        } else if reader.rest().starts_with("</") {
            let start = reader.at;
            reader.at += 2;
            let name = reader.name()?;
            reader.skip_white();
            reader.expect(">")?;
            let Some(element) = open.pop().filter(|element| element.name == name) else {
                let problem = format!("an end tag `</{name}>` without its start tag");
                return Err(reader.error_at(start, &problem));
            };
            close(element, &mut open, &mut root, options)?;
        } else {
            let start = reader.at;
            if root.is_some() {
                return Err(reader.error("a second root element"));
            }
            if open.len() == MAX_DEPTH {
                let problem = format!("elements nested more than {MAX_DEPTH} deep");
                return Err(reader.error(&problem));
            }
            room_for(MAP, 1)?;
            let (element, is_empty) = reader.start_tag(start)?;
            match is_empty {
                true => close(element, &mut open, &mut root, options)?,
                false => open.push(element),
            }
        }
    }
    if let Some(element) = open.last() {
        let problem = format!("the element `{}`, which has no end tag", element.name);
        return Err(reader.error_at(element.start, &problem));
    }
    match root {
        Some((name, value)) => Ok(Map::from_iter([(name.into(), value)])),
        None => Err(malformed(MALFORMED, "this is not XML: it has no element", [])),
    }
}

/// What XML calls white space.
const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

/// An element whose end has not come yet.
struct Element<'a> {
    name: &'a str,
    start: usize,
    /// Attributes and elements.
    map: Map,
    text: String,
    has_elements: bool,
    /// The names of its elements as they come, where that is wanted.
    order: Array,
}

impl Element<'_> {
    fn add_text(&mut self, text: &str) -> Bounded<()> {
        grow::add(&mut self.text, text)
    }

    fn add_element(&mut self, name: &str, value: Dynamic, options: &Options) -> Bounded<()> {
        self.has_elements = true;
        if options.order {
            grow::push(&mut self.order, grow::text(name)?)?;
        }
        let Some(known) = self.map.get_mut(name) else {
            room_for(name.len() + MAP / 4, 1)?;
            let value = match options.is_array(name) {
                true => Dynamic::from_array(vec![value]),
                false => value,
            };
            self.map.insert(name.into(), value);
            return Ok(());
        };
        if !known.is_array() {
            *known = Dynamic::from_array(vec![known.take()]);
        }
        match known.as_array_mut() {
            Ok(mut all) => grow::push(&mut all, value),
            Err(_) => Ok(()),
        }
    }

    fn value(mut self) -> Bounded<Dynamic> {
        if self.map.is_empty() {
            return grow::text(&self.text);
        }
        let text = if self.has_elements { self.text.trim_matches(WHITE) } else { &self.text };
        if !text.is_empty() {
            self.map.insert(TEXT.into(), grow::text(text)?);
        }
        if !self.order.is_empty() {
            self.map.insert(ORDER.into(), self.order.into());
        }
        Ok(self.map.into())
    }
}

/// Hands a complete element to the one it is in, or makes it the root.
fn close<'a>(
    element: Element<'a>,
    open: &mut [Element<'a>],
    root: &mut Option<(&'a str, Dynamic)>,
    options: &Options,
) -> Bounded<()> {
    let name = element.name;
    let value = element.value()?;
    match open.last_mut() {
        Some(parent) => parent.add_element(name, value, options),
        None => {
            *root = Some((name, value));
            Ok(())
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, what: &str) -> Box<rhai::EvalAltResult> {
        self.error_at(self.at, what)
    }

    fn error_at(&self, at: usize, what: &str) -> Box<rhai::EvalAltResult> {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&character| character != '\n').count() + 1;
        let message =
            format!("this is not XML that can be read: at line {line}, column {column}: {what}");
        malformed(MALFORMED, message, [("line", counted(line)), ("column", counted(column))])
    }

    fn skip_white(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(WHITE).len();
    }

    fn expect(&mut self, wanted: &str) -> Bounded<()> {
        if !self.rest().starts_with(wanted) {
            let found = match self.rest().chars().next() {
                Some(found) => format!("{found:?} where `{wanted}` is due"),
                None => format!("the end where `{wanted}` is due"),
            };
            return Err(self.error(&found));
        }
        self.at += wanted.len();
        Ok(())
    }

    fn until_markup(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find('<').unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// What is between a start and an end, where the start is here.
    fn section(&mut self, start: &str, end: &str) -> Bounded<Option<&'a str>> {
        let Some(content) = self.rest().strip_prefix(start) else { return Ok(None) };
        let Some((content, _)) = content.split_once(end) else {
            return Err(self.error(&format!("`{start}` without `{end}`")));
        };
        self.at += start.len() + content.len() + end.len();
        Ok(Some(content))
    }

    fn name(&mut self) -> Bounded<&'a str> {
        let rest = self.rest();
        let length = rest.find(|character| !is_of_name(character)).unwrap_or(rest.len());
        let name = &rest[..length];
        if !is_name(name) {
            return Err(self.error("no name; a `<` in text is written `&lt;`"));
        }
        self.at += length;
        Ok(name)
    }

    /// The element of the start tag here, and whether it ends there too.
    fn start_tag(&mut self, start: usize) -> Bounded<(Element<'a>, bool)> {
        self.at += 1;
        let name = self.name()?;
        let mut map = Map::new();
        loop {
            let before = self.at;
            self.skip_white();
            let is_empty = self.rest().starts_with('/');
            if is_empty || self.rest().starts_with('>') {
                self.expect(if is_empty { "/>" } else { ">" })?;
                let element = Element {
                    name,
                    start,
                    map,
                    text: String::new(),
                    has_elements: false,
                    order: Array::new(),
                };
                return Ok((element, is_empty));
            }
            if self.at == before {
                self.expect(">")?;
            }
            let (name, value) = self.attribute()?;
            room_for(name.len() + MAP / 4, 1)?;
            if map.insert(format!("@{name}").into(), value).is_some() {
                return Err(self.error_at(start, &format!("an element with two `{name}`")));
            }
        }
    }

    fn attribute(&mut self) -> Bounded<(&'a str, Dynamic)> {
        let name = self.name()?;
        self.skip_white();
        self.expect("=")?;
        self.skip_white();
        let quote = if self.rest().starts_with('\'') { "'" } else { "\"" };
        self.expect(quote)?;
        let start = self.at;
        let Some((value, _)) = self.rest().split_once(quote) else {
            return Err(self.error(&format!("the value of `{name}`, which has no end")));
        };
        if let Some(stray) = value.find('<') {
            return Err(self.error_at(start + stray, "a `<` in a value, written `&lt;`"));
        }
        self.at += value.len() + quote.len();
        // XML 1.0, section 3.3.3: white space within a value is a space.
        room_for(value.len(), 3)?;
        let value = value.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
        let value = self.resolved(&value, start)?;
        Ok((name, grow::text(&value)?))
    }

    /// The text with its references replaced; ends of lines are `\n`.
    fn resolved(&self, text: &str, start: usize) -> Bounded<String> {
        room_for(text.len(), 3)?;
        let text = if text.contains('\r') {
            &text.replace("\r\n", "\n").replace('\r', "\n")
        } else {
            text
        };
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('&') {
            bounds::step(16 + before.len())?;
            out.push_str(before);
            let end = after.bytes().take(64).position(|byte| byte == b';');
            let Some((end, character)) = end.and_then(|end| Some((end, entity(&after[..end])?)))
            else {
                let name: String =
                    after.chars().take_while(|&c| is_of_name(c) || c == '#').collect();
                let problem = format!(
                    "the reference `&{name}` that nothing declares; a `&` in text is written `&amp;`"
                );
                return Err(self.error_at(start, &problem));
            };
            out.push(character);
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// The character that stands between `&` and `;`.
fn entity(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let is_number = digits.chars().all(|digit| digit.is_digit(radix));
        let number = u32::from_str_radix(digits, radix).ok().filter(|_| is_number)?;
        char::from_u32(number).filter(|&character| is_allowed(character))
    };
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, ':' | '_' | '-' | '.' | '\u{b7}')
}

fn is_name(text: &str) -> bool {
    text.chars().all(is_of_name)
        && text.starts_with(|first: char| first.is_alphabetic() || matches!(first, ':' | '_'))
}

/// XML 1.0, section 2.2: no control characters but these.
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..) && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

fn write(map: &Map) -> Bounded<ImmutableString> {
    let mut out = String::new();
    match (map.len(), map.first_key_value()) {
        (1, Some((name, value))) if !value.is_array() => {
            write_element(&mut out, name, value, MAX_DEPTH)?;
            Ok(out.into())
        }
        _ => Err(format!(
            "XML has one root element: the map is to have one key with no array, not {} keys",
            map.len()
        )
        .into()),
    }
}

fn write_element(out: &mut String, name: &str, value: &Dynamic, depth: usize) -> Bounded<()> {
    if depth == 0 {
        return Err(format!("the map is nested more than {MAX_DEPTH} deep").into());
    }
    if !is_name(name) {
        return Err(format!("{name:?} cannot be the name of an element of XML").into());
    }
    grow::reserve(out, name.len() * 2 + 5)?;
    out.push('<');
    out.push_str(name);
    let has_content = match value.read_lock::<Map>() {
        Some(map) => write_content(out, name, &map, depth)?,
        None => {
            let text = text_of(name, value)?;
            if !text.is_empty() {
                grow::add(out, ">")?;
                escape(out, name, &text)?;
            }
            !text.is_empty()
        }
    };
    if !has_content {
        return grow::add(out, "/>");
    }
    grow::add(out, "</")?;
    grow::add(out, name)?;
    grow::add(out, ">")
}

/// Attributes, and where anything follows, the end of the start tag and what follows; says whether
/// anything does.
fn write_content(out: &mut String, name: &str, map: &Map, depth: usize) -> Bounded<bool> {
    for (key, value) in map {
        let Some(attribute) = key.strip_prefix('@') else { continue };
        if !is_name(attribute) {
            return Err(format!("{key:?} of `{name}` cannot be an attribute of XML").into());
        }
        if value.is_unit() {
            continue;
        }
        let text = text_of(key, value)?;
        grow::add(out, " ")?;
        grow::add(out, attribute)?;
        grow::add(out, "=\"")?;
        escape(out, key, &text)?;
        grow::add(out, "\"")?;
    }
    if map.keys().all(|key| key.starts_with('@') || key == ORDER) {
        return Ok(false);
    }
    grow::add(out, ">")?;
    if let Some(value) = map.get(TEXT) {
        escape(out, name, &text_of(name, value)?)?;
    }
    // How many of each have been written.
    let mut written: BTreeMap<&str, usize> = BTreeMap::new();
    let order = match map.get(ORDER) {
        Some(order) => names_of(order).ok_or_else(|| {
            format!("`{ORDER}` of `{name}` is an array of the names of its elements, as text")
        })?,
        None => Vec::new(),
    };
    for wanted in &order {
        let Some((key, value)) = map.get_key_value(wanted.as_str()) else { continue };
        if key.starts_with(['@', '#']) {
            return Err(format!("`{ORDER}` of `{name}` names `{key}`, which is no element").into());
        }
        let count = written.entry(key.as_str()).or_default();
        let one = match value.read_lock::<Array>() {
            Some(all) => all.get(*count).cloned(),
            None => (*count == 0).then(|| value.clone()),
        };
        *count += 1;
        if let Some(one) = one {
            write_element(out, key, &one, depth - 1)?;
        }
    }
    for (key, value) in map {
        if key.starts_with('@') || key == TEXT || key == ORDER {
            continue;
        }
        let count = written.get(key.as_str()).copied().unwrap_or_default();
        match value.read_lock::<Array>() {
            Some(all) => {
                let rest = all.iter().skip(count);
                rest.into_iter().try_for_each(|one| write_element(out, key, one, depth - 1))?;
            }
            None if count == 0 => write_element(out, key, value, depth - 1)?,
            None => {}
        }
    }
    Ok(true)
}

fn text_of(name: &str, value: &Dynamic) -> Bounded<ImmutableString> {
    match grow::scalar(value) {
        Ok(text) => Ok(text.unwrap_or_default()),
        Err(kind) => Err(format!(
            "`{name}` is text, a number, a bool, a map of attributes and elements or an array of \
             these, not {kind}"
        )
        .into()),
    }
}

/// Adds text so that it reads the same in an element and in quotes.
fn escape(out: &mut String, name: &str, text: &str) -> Bounded<()> {
    if let Some(stray) = text.chars().find(|&character| !is_allowed(character)) {
        return Err(format!(
            "`{name}` has the character {stray:?}, which XML cannot hold; bytes fit in as \
             `base64::encode(text)`"
        )
        .into());
    }
    grow::reserve(out, text.len())?;
    let mut buffer = [0; 4];
    for character in text.chars() {
        let escaped = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\t' => "&#9;",
            '\n' => "&#10;",
            '\r' => "&#13;",
            other => other.encode_utf8(&mut buffer),
        };
        grow::add(out, escaped)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    #[track_caller]
    fn reads(text: &str, value: &str) {
        gives(&format!("xml::parse({text:?})"), value);
    }

    #[track_caller]
    fn refuses(text: &str, problem: &str) {
        fails(&format!("xml::parse({text:?})"), problem);
    }

    #[test]
    fn elements_attributes_and_text_are_read() {
        reads("<a/>", r#"{"a":""}"#);
        reads("<a></a >", r#"{"a":""}"#);
        reads("<a> x </a>", r#"{"a":" x "}"#);
        reads("<a b = \"1\"\n c='&quot;'/>", r#"{"a":{"@b":"1","@c":"\""}}"#);
        reads("<a b='1'> x </a>", r##"{"a":{"@b":"1","#text":" x "}}"##);
        reads("<a>\n <b/>\n <b/>\n <c/></a>", r#"{"a":{"b":["",""],"c":""}}"#);
        reads("<a><b>1</b><c/><b>2</b></a>", r#"{"a":{"b":["1","2"],"c":""}}"#);
        reads("<s:a xmlns:s='u'><s:b/></s:a>", r#"{"s:a":{"@xmlns:s":"u","s:b":""}}"#);
        reads("<ü-1.x/>", r#"{"ü-1.x":""}"#);
    }

    #[test]
    fn what_is_around_and_between_is_left_out() {
        reads(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE a>\n<!-- <x> --><a><!-- & --><?p <?>t</a>\n<!-- -->",
            r#"{"a":"t"}"#,
        );
        gives("xml::parse(\"\\ufeff<a/>\")", r#"{"a":""}"#);
        reads("<a>1<![CDATA[<&]]]]>2</a>", r#"{"a":"1<&]]2"}"#);
        reads("<a>x\r\ny\rz</a>", r#"{"a":"x\ny\nz"}"#);
        reads("<a b='x\r\ny\tz&#10;'/>", r#"{"a":{"@b":"x y z\n"}}"#);
        reads("<a>&#65;&#x20ac;&lt;&gt;&amp;&apos;&quot;</a>", r#"{"a":"A€<>&'\""}"#);
    }

    #[test]
    fn what_is_read_can_be_written() {
        fails("xml::parse(\"<a>\\x01</a>\")", "line 1, column 4: '\\u{1}', a character");
        fails("xml::parse(\"<a b='\\x00'/>\")", "line 1, column 7: '\\0', a character");
        fails("xml::parse(\"<a>\\n<![CDATA[\\uffff]]></a>\")", "line 2, column 10");
        fails("xml::parse(\"<!-- \\x1f --><a/>\")", "line 1, column 6");
        gives(
            "let m = xml::parse(\"<a b='\\t&#9;&#13;'>\\r\\n\\x7f&#x85;</a>\"); xml::parse(xml::write(m)) == m",
            "true",
        );
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_the_place() {
        refuses("", "it has no element");
        refuses("  <!-- -->", "it has no element");
        refuses("<a>\n<b>\n</a>", "line 3, column 1: an end tag `</a>` without its start tag");
        refuses("<a>\n <b>", "line 2, column 2: the element `b`, which has no end tag");
        refuses("</a>", "an end tag `</a>`");
        refuses("<a/><b/>", "line 1, column 5: a second root element");
        refuses("x<a/>", "line 1, column 1: text outside");
        refuses("<a/><![CDATA[x]]>", "CDATA outside");
        refuses("<a", "the end where `>` is due");
        refuses("<a b/>", "'/' where `=` is due");
        refuses("<a b=1/>", "'1' where `\"` is due");
        refuses("<a b='1'c='2'/>", "'c' where `>` is due");
        refuses("<a b='1' b='2'/>", "two `b`");
        refuses("<a b='1/>", "the value of `b`");
        refuses("<a b='<'/>", "a `<` in a value");
        refuses("<a>1 < 2</a>", "written `&lt;`");
        refuses("<a>ü & b</a>", "line 1, column 4: the reference `&` that nothing declares");
        refuses("<a>&#0;</a>", "the reference `&#0`");
        refuses("<a>&#xD800;&#-1;</a>", "the reference `&#xD800`");
        refuses("<!-- x", "`<!--` without `-->`");
        refuses("<a>\u{20ac}<![CDATA[</a>", "line 1, column 5: `<![CDATA[` without `]]>`");
        refuses("<1a/>", "no name");
        refuses("<>", "no name");
        refuses("<", "no name");
    }

    #[test]
    fn no_entity_is_declared_or_fetched() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>";
        refuses(bomb, "a DOCTYPE with declarations, which is refused");
        let external = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
        refuses(external, "a DOCTYPE with declarations, which is refused");
        refuses("<a>&x;</a>", "the reference `&x` that nothing declares");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = "xml::parse(text::repeat(\"<a>\", 512) + text::repeat(\"</a>\", 512))";
        gives(&format!("xml::write({deep}).len"), "3581");
        fails("xml::parse(text::repeat(\"<a>\", 513))", "nested more than 512 deep");
        fails("let m = (); for i in 0..513 { m = #{a: m} } xml::write(m)", "nested more than 512");
        is_too_large("xml::parse(`<a>${text::repeat(\"b\", 400000)}</a>`)");
        is_too_large("let t = text::repeat(\"b\", 300000); xml::write(#{a: #{b: [t, t, t]}})");
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let script = "let m = #{\"r:r\": #{\"@a\": \"<>&\\\"' \\t\\n\", \"#text\": \"x\", b: [\"\", \" ü\\r\\n\", #{\"@c\": \">\"}]}};
            [xml::parse(xml::write(m)) == m, xml::write(m)]";
        gives(
            script,
            r#"[true, "<r:r a=\"&lt;&gt;&amp;&quot;' &#9;&#10;\">x<b/><b> ü&#13;&#10;</b><b c=\"&gt;\"/></r:r>"]"#,
        );
        gives(
            "xml::write(#{a: #{\"@b\": (), c: true, d: 1.5, e: 'x', f: []}})",
            "\"<a><c>true</c><d>1.5</d><e>x</e></a>\"",
        );
        gives("const M = #{a: 1}; [xml::write(M), M.a]", r#"["<a>1</a>", 1]"#);
    }

    #[test]
    fn elements_stand_in_the_order_that_is_wanted() {
        gives(
            "xml::write(#{e: #{\"@a\": 1, \"#order\": [\"h\", \"x\", \"b\"], b: 1, a: 2, h: 3}})",
            r#""<e a=\"1\"><h>3</h><b>1</b><a>2</a></e>""#,
        );
        gives(
            "xml::write(#{e: #{\"#order\": [\"b\", \"a\", \"b\", \"b\", \"a\"], b: [1, 2], a: [3, 4, 5]}})",
            r#""<e><b>1</b><a>3</a><b>2</b><a>4</a><a>5</a></e>""#,
        );
        gives("xml::write(#{e: #{\"#order\": []}})", r#""<e/>""#);
        let text = "<s:E><s:H><T>t</T></s:H><s:B><I>7</I><C>E</C><I>8</I></s:B></s:E>";
        gives(&format!("xml::write(xml::parse({text:?}, #{{order: true}}))"), &format!("{text:?}"));
        fails("xml::write(#{e: #{\"#order\": \"a\", a: 1}})", "`#order` of `e` is an array");
        fails("xml::write(#{e: #{\"#order\": [1], a: 1}})", "`#order` of `e` is an array");
        fails(
            "xml::write(#{e: #{\"#order\": [\"@a\"], \"@a\": 1, b: 1}})",
            "names `@a`, which is no",
        );
    }

    #[test]
    fn what_may_be_there_several_times_is_an_array_where_that_is_wanted() {
        let one = "<o><i>1</i><p><i>2</i></p></o>";
        gives(
            &format!("xml::parse({one:?}, #{{arrays: [\"i\", \"none\"]}})"),
            r#"{"o":{"i":["1"],"p":{"i":["2"]}}}"#,
        );
        gives("xml::parse(\"<i>1</i>\", #{arrays: [\"i\"]})", r#"{"i":"1"}"#);
        fails("xml::parse(\"<a/>\", #{arrays: \"i\"})", "`arrays` is an array of names");
        fails("xml::parse(\"<a/>\", #{order: 1})", "`order` is a bool");
        fails("xml::parse(\"<a/>\", #{ordered: true})", "no option `ordered` here");
    }

    #[test]
    fn what_xml_cannot_hold_is_not_written() {
        fails("xml::write(#{})", "not 0 keys");
        fails("xml::write(#{a: 1, b: 2})", "not 2 keys");
        fails("xml::write(#{a: [1]})", "one root element");
        fails("xml::write(#{\"a b\": 1})", "\"a b\" cannot be the name");
        fails("xml::write(#{a: #{\"@\": 1}})", "\"@\" of `a`");
        fails("xml::write(#{a: #{\"@b\": []}})", "`@b` is text");
        fails("xml::write(#{a: blob(1)})", "`a` is text");
        fails("xml::write(#{a: \"\\x01\"})", "which XML cannot hold");
        fails("xml::write(#{a: #{b: [[1]]}})", "`b` is text");
    }
}
