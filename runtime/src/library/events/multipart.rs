//! Forms with files: `multipart/form-data` (RFC 7578).

use rhai::{Array, Dynamic, Map};

use crate::bounds::room_for;
use crate::effects::Failure;
use crate::library::{Fallible, thrown};

/// More parts than any form has.
const MOST_PARTS: usize = 1000;

/// The fields of a form by their names: text, or for a file a map of `filename`, `type` and `body`,
/// a blob. What is there more than once is an array.
pub(super) fn parse(content_type: &str, body: &[u8]) -> Fallible<Map> {
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
    let boundary = boundary.ok_or_else(|| malformed("its content type names no boundary"))?;
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    // The first delimiter may stand at the very start, without a new line before it.
    let start = match body.starts_with(&delimiter[2..]) {
        true => delimiter.len() - 2,
        false => match find(body, &delimiter) {
            Some(at) => at + delimiter.len(),
            None => return Err(malformed("it has no part that begins with its boundary")),
        },
    };
    let mut fields = Map::new();
    let mut rest = &body[start..];
    for _ in 0..MOST_PARTS {
        if rest.starts_with(b"--") {
            return Ok(fields);
        }
        let Some(end) = find(rest, &delimiter) else {
            return Err(malformed("its last part has no end"));
        };
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let part = rest.get(blank..end).and_then(|part| part.strip_prefix(b"\r\n"));
        let part = part.ok_or_else(|| malformed("a boundary does not end its line"))?;
        add(&mut fields, part)?;
        rest = &rest[end + delimiter.len()..];
    }
    Err(malformed(&format!("it has more than {MOST_PARTS} parts")))
}

fn malformed(what: &str) -> Box<rhai::EvalAltResult> {
    let message = format!("the body is no `multipart/form-data`: {what}");
    thrown(&Failure::new("Request.NotForm", message), [])
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn add(fields: &mut Map, part: &[u8]) -> Fallible<()> {
    let (head, content) = match part.strip_prefix(b"\r\n") {
        Some(content) => (&[][..], content),
        None => {
            let end = find(part, b"\r\n\r\n").ok_or_else(|| malformed("a part has no headers"))?;
            (&part[..end], &part[end + 4..])
        }
    };
    let head = String::from_utf8_lossy(head);
    let header = |name: &str| {
        head.split("\r\n").find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let name = parameter(disposition, "name").ok_or_else(|| malformed("a part has no name"))?;
    room_for(content.len(), 1)?;
    let value = match parameter(disposition, "filename") {
        Some(filename) => {
            let kind = header("content-type").unwrap_or("application/octet-stream");
            let file: Map = [
                ("filename".into(), filename.into()),
                ("type".into(), kind.to_owned().into()),
                ("body".into(), Dynamic::from_blob(content.to_vec())),
            ]
            .into();
            file.into()
        }
        None => match std::str::from_utf8(content) {
            Ok(text) => text.to_owned().into(),
            Err(_) => Dynamic::from_blob(content.to_vec()),
        },
    };
    match fields.get_mut(name.as_str()) {
        None => {
            fields.insert(name.into(), value);
        }
        Some(values) => {
            if !values.is_array() {
                *values = Dynamic::from_array(vec![values.take()]);
            }
            if let Some(mut values) = values.write_lock::<Array>() {
                values.push(value);
            }
        }
    }
    Ok(())
}

/// A parameter of a header's value: `name=token` or `name="text"`, in which browsers write a quote as
/// `%22` and others as `\"`.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (known, after) = rest.split_once('=')?;
        let is_it = known.trim().eq_ignore_ascii_case(name);
        let after = after.trim_start();
        let (text, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (mut text, mut end, mut is_escaped) = (String::new(), quoted.len(), false);
                for (at, character) in quoted.char_indices() {
                    match character {
                        '\\' if !is_escaped && quoted[at + 1..].starts_with(['"', '\\']) => {
                            is_escaped = true;
                            continue;
                        }
                        '"' if !is_escaped => {
                            end = at + 1;
                            break;
                        }
                        _ => text.push(character),
                    }
                    is_escaped = false;
                }
                (text.replace("%22", "\""), quoted.get(end..).unwrap_or_default())
            }
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if is_it {
            return Some(text);
        }
        rest = next.split_once(';')?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(content_type: &str, body: &str) -> String {
        match parse(content_type, body.as_bytes()) {
            Ok(fields) => {
                let mut out = Vec::new();
                crate::json::write(&fields.into(), &mut out).unwrap();
                String::from_utf8(out).unwrap()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn fields_and_files_are_told_apart() {
        let body = "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA \
            \"b\"\r\nc\r\n--XX  \r\ncontent-type: text/plain\r\ncontent-disposition: form-data; \
            name=file; filename=\"a%22 \\\"b;.txt\"\r\n\r\nhi\r\n--XX\r\nContent-Disposition: \
            form-data; name=\"title\"\r\n\r\n\r\n--XX--\r\nepilogue";
        assert_eq!(
            fields("multipart/form-data; charset=utf-8; boundary=\"XX\"", body),
            r#"{"file":{"body":"aGk=","filename":"a\" \"b;.txt","type":"text/plain"},"title":["A \"b\"\r\nc",""]}"#
        );
        assert_eq!(fields("multipart/form-data; boundary=XX", "--XX--"), "{}");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let head = "Content-Disposition: form-data; name=\"a\"";
        for (content_type, body, says) in [
            ("multipart/form-data", "--XX--".to_owned(), "names no boundary"),
            ("multipart/form-data; boundary=", "--XX--".to_owned(), "names no boundary"),
            ("multipart/form-data; boundary=XX", String::new(), "no part"),
            ("multipart/form-data; boundary=XX", format!("--XX\r\n{head}\r\n\r\n1"), "no end"),
            ("multipart/form-data; boundary=XX", "--XXY\r\n--XX--".into(), "end its line"),
            ("multipart/form-data; boundary=XX", "--XX\r\nfoo\r\n--XX--".into(), "no headers"),
            ("multipart/form-data; boundary=XX", "--XX\r\n\r\n1\r\n--XX--".into(), "no name"),
            (
                "multipart/form-data; boundary=XX",
                format!("{}--XX--", format!("--XX\r\n{head}\r\n\r\n1\r\n").repeat(1001)),
                "more than 1000 parts",
            ),
        ] {
            let said = fields(content_type, &body);
            assert!(said.contains(says), "{said} for {body:.60}");
        }
    }
}
