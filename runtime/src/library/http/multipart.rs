//! Forms with files, to be sent: `multipart/form-data` (RFC 7578).

use rhai::{Array, Blob, Dynamic, ImmutableString, Map};

use crate::effects::world;
use crate::library::{fs, plain_text};
use crate::memory;
use crate::suggest;

/// More parts than any form has.
const MOST_PARTS: usize = 1000;

/// A body, and the type that tells its parts apart.
pub(super) struct Written {
    pub bytes: Vec<u8>,
    pub content_type: String,
}

const OF_FILE: [&str; 4] = ["name", "content", "path", "content_type"];

/// The parts of a form: a map of fields, or an array of maps with a `field` each.
///
/// # Errors
/// Which part cannot be sent, and why.
pub(super) fn write(form: &Dynamic) -> Result<Written, String> {
    let mut form_data = FormData::new();
    if let Some(fields) = form.read_lock::<Map>() {
        // Some services take what comes after a file for a part of it, or leave it out.
        for files in [false, true] {
            for (field, value) in fields.iter() {
                form_data.add_each(field, value, Some(files))?;
            }
        }
    } else if let Some(parts) = form.read_lock::<Array>() {
        for (at, part) in parts.iter().enumerate() {
            let Some(part) = part.read_lock::<Map>() else {
                let kind = part.type_name();
                return Err(format!("part {at} of `multipart` is a map with `field`, not {kind}"));
            };
            let field =
                part.get("field").and_then(|field| field.clone().into_immutable_string().ok());
            let Some(field) = field else {
                return Err(format!("part {at} of `multipart` has no text `field`, its name"));
            };
            let mut value = part.clone();
            value.remove("field");
            // One that says nothing of a file is a field.
            let is_plain =
                value.len() == 1 && value.get("content").is_some_and(|content| !content.is_blob());
            let value = match value.remove("content").filter(|_| is_plain) {
                Some(content) => content,
                None => {
                    let mut value = part.clone();
                    value.remove("field");
                    value.into()
                }
            };
            form_data.add_each(&field, &value, None)?;
        }
    } else {
        return Err(format!(
            "`multipart` is a map of fields, or an array of maps, not {}",
            form.type_name()
        ));
    }
    form_data.end()
}

struct FormData {
    boundary: String,
    bytes: Vec<u8>,
    parts: usize,
}

impl FormData {
    fn new() -> Self {
        // No content has 128 bits that nobody could guess in it.
        let boundary = world().draw(|random| format!("rhambda-{:032x}", random.u128(..)));
        Self { boundary, bytes: Vec::new(), parts: 0 }
    }

    /// Adds a field, or each of several of one name: all of them, or only those that are files or not.
    fn add_each(
        &mut self,
        field: &str,
        value: &Dynamic,
        only_files: Option<bool>,
    ) -> Result<(), String> {
        if let Some(values) = value.read_lock::<Array>() {
            return values.iter().try_for_each(|value| self.add_one(field, value, only_files));
        }
        self.add_one(field, value, only_files)
    }

    fn add_one(
        &mut self,
        field: &str,
        value: &Dynamic,
        only_files: Option<bool>,
    ) -> Result<(), String> {
        let is_file = value.is_blob() || value.is_map();
        if value.is_unit() || only_files.is_some_and(|files| files != is_file) {
            return Ok(());
        }
        if let Some(text) = plain_text(value) {
            return self.part(field, None, None, text.as_bytes());
        }
        if let Some(bytes) = value.read_lock::<Blob>() {
            return self.part(field, Some(field), None, &bytes);
        }
        let Some(file) = value.read_lock::<Map>() else {
            return Err(format!(
                "`{field}` of `multipart` is text, a number, a boolean, a blob or a map of a file, \
                 not {}",
                value.type_name()
            ));
        };
        self.file(field, &file)
    }

    fn file(&mut self, field: &str, file: &Map) -> Result<(), String> {
        let wrong = |why: String| format!("the file `{field}` of `multipart` {why}");
        if let Some(other) = file.keys().find(|name| !OF_FILE.contains(&name.as_str())) {
            let hint = match suggest::nearest(other, OF_FILE) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", OF_FILE.join(", ")),
            };
            return Err(wrong(format!("has no `{other}`; {hint}")));
        }
        let text = |name: &str| match file.get(name).filter(|value| !value.is_unit()) {
            None => Ok(None),
            Some(value) => match value.as_immutable_string_ref() {
                Ok(text) => Ok(Some(text.clone())),
                Err(kind) => Err(wrong(format!("has a `{name}` that is {kind}, not text"))),
            },
        };
        let (name, path, content_type) = (text("name")?, text("path")?, text("content_type")?);
        let is_clean = |text: &ImmutableString| !text.chars().any(char::is_control);
        if !content_type.as_ref().is_none_or(is_clean) {
            return Err(wrong("has a control character in its `content_type`".into()));
        }
        let content = file.get("content").filter(|value| !value.is_unit());
        let content_type = content_type.as_deref();
        match (content, &path) {
            (Some(content), None) => {
                let name = name.as_deref().unwrap_or(field);
                if let Some(bytes) = content.read_lock::<Blob>() {
                    return self.part(field, Some(name), content_type, &bytes);
                }
                let Ok(text) = content.as_immutable_string_ref() else {
                    let kind = content.type_name();
                    return Err(wrong(format!(
                        "has a `content` that is {kind}, not text or a blob"
                    )));
                };
                let kind = content_type.or(Some("text/plain; charset=utf-8"));
                self.part(field, Some(name), kind, text.as_bytes())
            }
            (None, Some(path)) => {
                let bytes = fs::bytes(path)
                    .map_err(|failure| wrong(format!("cannot be read: {failure}")))?;
                let last = path.rsplit('/').next().unwrap_or(path);
                self.part(field, Some(name.as_deref().unwrap_or(last)), content_type, &bytes)
            }
            (Some(_), Some(_)) => {
                Err(wrong("has both `content` and `path`; leave one away".into()))
            }
            (None, None) => Err(wrong("has neither `content` nor `path`".into())),
        }
    }

    fn part(
        &mut self,
        field: &str,
        filename: Option<&str>,
        content_type: Option<&str>,
        content: &[u8],
    ) -> Result<(), String> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(format!("`multipart` has more than {MOST_PARTS} parts"));
        }
        let mut head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"",
            self.boundary,
            quoted(field)
        );
        if let Some(filename) = filename {
            let content_type = content_type.unwrap_or("application/octet-stream");
            head.push_str(&format!(
                "; filename=\"{}\"\r\nContent-Type: {content_type}",
                quoted(filename)
            ));
        }
        head.push_str("\r\n\r\n");
        // It moves once as it grows.
        let wanted = self.bytes.len() + head.len() + content.len() + 128;
        if !memory::has_room_for(wanted.saturating_mul(2)) {
            return Err("`multipart` is too large for the memory that is left".into());
        }
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn end(mut self) -> Result<Written, String> {
        self.bytes.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        Ok(Written { bytes: self.bytes, content_type })
    }
}

/// A name in quotes, as browsers write it:
/// <https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
