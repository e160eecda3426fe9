//! What a script asks for, checked.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Blob, Dynamic, INT, Map};

use super::encoding::{Space, no_plain, pairs, percent_decoded};
use super::multipart::{self, Written};
use crate::effects::{Failure, Url, world};
use crate::library::plain_text;
use crate::{aws, json, suggest};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const NAMES: [&str; 12] = [
    "headers",
    "query",
    "json",
    "form",
    "multipart",
    "body",
    "timeout_ms",
    "retries",
    "redirects",
    "max_bytes",
    "save_to",
    "throw_on_error",
];

/// Headers that say how the message itself is sent.
const CLIENTS_OWN: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
];

/// More than common servers take.
const LONGEST_URL: usize = 64 << 10;

const DEFAULT_RETRIES: u32 = 2;
const DEFAULT_REDIRECTS: u32 = 10;
const MOST_RETRIES: INT = 10;
const MOST_REDIRECTS: INT = 50;

/// A call as it was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    pub method: String,
    pub url: Url,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Rc<Vec<u8>>,
    pub timeout: Duration,
    pub retries: u32,
    pub redirects: u32,
    pub max_bytes: Option<u64>,
    pub save_to: Option<String>,
    pub throws_on_error: bool,
    /// What it is to AWS, and what it is about there, if that is known.
    pub aws: Option<(Rc<aws::Call>, Option<Vec<String>>)>,
    has_body: bool,
}

/// A call that cannot be made: why, and where it would have gone as far as that is known.
#[derive(Debug)]
pub struct Refused {
    pub failure: Failure,
    pub method: String,
    pub url: String,
}

impl Options {
    /// Checks the options of a call.
    pub fn of(method: &str, url: &str, map: Map) -> Result<Self, Refused> {
        let parsed = match url.len() <= LONGEST_URL {
            true => Url::parse(url).map_err(|why| format!("the URL cannot be used: {why}")),
            false => Err(format!("the URL has more than {LONGEST_URL} bytes")),
        };
        // Nothing of a URL that cannot be read is shown: its secrets cannot be told from the rest.
        let shown = parsed.as_ref().map(Url::shown).unwrap_or_default();
        parsed
            .and_then(|url| Self::checked(method, url, map))
            .map_err(|why| refused(method, shown, &why))
    }

    /// Checks the options of `http::request`, which has method and URL among them.
    pub fn of_request(mut map: Map) -> Result<Self, Refused> {
        let method = match map.remove("method") {
            None => "GET".to_owned(),
            Some(method) => plain_text(&method).unwrap_or_default().to_ascii_uppercase(),
        };
        if !METHODS.contains(&method.as_str()) {
            let shown: String = method.chars().take(20).collect();
            let why = format!("the method is `{shown}`; it takes {}", METHODS.join(", "));
            return Err(refused("", String::new(), &why));
        }
        match map.remove("url").map(Dynamic::into_immutable_string) {
            Some(Ok(url)) => Self::of(&method, &url, map),
            Some(Err(kind)) => {
                Err(refused(&method, String::new(), &format!("`url` is text, not {kind}")))
            }
            None => Err(refused(&method, String::new(), "`url` is missing")),
        }
    }

    /// A request to AWS with headers and a body that are right already, once and without redirects.
    pub fn to_aws(
        method: &str,
        url: Url,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        call: aws::Call,
        resources: Option<Vec<String>>,
    ) -> Self {
        Self {
            method: method.to_owned(),
            url,
            headers,
            has_body: !body.is_empty(),
            body: Rc::new(body),
            timeout: world().patience(),
            retries: 0,
            redirects: 0,
            max_bytes: None,
            save_to: None,
            throws_on_error: false,
            aws: Some((Rc::new(call), resources)),
        }
    }

    /// Has the body that was given beside the options.
    pub fn with_body(mut self, body: &Dynamic) -> Result<Self, Refused> {
        let done = match body.is_unit() {
            true => Ok(()),
            false if self.has_body => {
                Err("a body is given both by itself and among the options".to_owned())
            }
            false => self.set_body(body, true),
        };
        match done {
            Ok(()) => Ok(self),
            Err(why) => Err(refused(&self.method, self.url.shown(), &why)),
        }
    }

    fn checked(method: &str, url: Url, mut map: Map) -> Result<Self, String> {
        if let Some(unknown) = map.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let hint = match suggest::nearest(unknown, NAMES) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", NAMES.join(", ")),
            };
            return Err(format!("there is no option `{unknown}`; {hint}"));
        }
        let mut take = |name| map.remove(name).filter(|value| !value.is_unit());
        let longest = world().patience();
        let is_repeatable = !["POST", "PATCH"].contains(&method);
        let mut options = Self {
            method: method.to_owned(),
            url,
            headers: Vec::new(),
            body: Rc::default(),
            timeout: match number("timeout_ms", take("timeout_ms"), 1, INT::MAX)? {
                Some(asked) => longest.min(Duration::from_millis(asked)),
                None => longest,
            },
            retries: number("retries", take("retries"), 0, MOST_RETRIES)?
                .map_or(if is_repeatable { DEFAULT_RETRIES } else { 0 }, |asked| asked as u32),
            redirects: number("redirects", take("redirects"), 0, MOST_REDIRECTS)?
                .map_or(DEFAULT_REDIRECTS, |asked| asked as u32),
            max_bytes: number("max_bytes", take("max_bytes"), 0, INT::MAX)?,
            save_to: match take("save_to").map(Dynamic::into_string) {
                None => None,
                Some(Ok(path)) => Some(path),
                Some(Err(kind)) => return Err(format!("`save_to` is a path as text, not {kind}")),
            },
            throws_on_error: match take("throw_on_error").map(|value| value.as_bool()) {
                None => false,
                Some(Ok(throws)) => throws,
                Some(Err(kind)) => {
                    return Err(format!("`throw_on_error` is true or false, not {kind}"));
                }
            },
            aws: None,
            has_body: false,
        };
        if let Some(headers) = take("headers") {
            options.headers = checked_headers(&headers)?;
        }
        if let Some(query) = take("query") {
            let query = map_of("query", &query)?;
            options.url.push_query(&pairs("query", &query, Space::Percent)?);
        }
        let bodies = ["json", "form", "multipart", "body"].map(|kind| (kind, take(kind)));
        for (kind, value) in bodies.into_iter().filter_map(|(kind, value)| Some((kind, value?))) {
            if options.has_body {
                return Err("only one of `json`, `form`, `multipart` and `body` can be sent".into());
            }
            match kind {
                "json" => options.set_json(&value)?,
                "form" => {
                    let form = map_of("form", &value)?;
                    let form = pairs("form", &form, Space::Plus)?;
                    options.set(form.into_bytes(), "application/x-www-form-urlencoded");
                }
                "multipart" => {
                    let Written { bytes, content_type } = multipart::write(&value)?;
                    // The parts are told apart by what this header says.
                    options.headers.retain(|(name, _)| name != "content-type");
                    options.set(bytes, &content_type);
                }
                _ => options.set_body(&value, false)?,
            }
        }
        options.authorize();
        Ok(options)
    }

    fn set_body(&mut self, value: &Dynamic, allows_json: bool) -> Result<(), String> {
        if let Some(bytes) = value.read_lock::<Blob>() {
            self.set(bytes.to_vec(), "application/octet-stream");
            return Ok(());
        }
        if value.is_string() || value.is_char() {
            self.set(value.to_string().into_bytes(), "text/plain; charset=utf-8");
            return Ok(());
        }
        match allows_json && (value.is_map() || value.is_array()) {
            true => self.set_json(value),
            false => Err(format!(
                "a body is text or a blob, not {}; other values go as `json`",
                value.type_name()
            )),
        }
    }

    fn set_json(&mut self, value: &Dynamic) -> Result<(), String> {
        let mut bytes = Vec::new();
        json::write(value, &mut bytes).map_err(|error| format!("the body has {error}"))?;
        self.set(bytes, "application/json");
        Ok(())
    }

    fn set(&mut self, bytes: Vec<u8>, content_type: &str) {
        self.body = Rc::new(bytes);
        self.has_body = true;
        if !self.has_header("content-type") {
            self.headers.push(("content-type".into(), content_type.into()));
        }
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    /// User and password of the URL go as a header.
    fn authorize(&mut self) {
        let Some(user) = self.url.user.take() else { return };
        if !self.has_header("authorization") {
            let (name, password) = user.split_once(':').unwrap_or((&user, ""));
            let mut plain = percent_decoded(name);
            plain.push(b':');
            plain.extend(percent_decoded(password));
            let value = format!("Basic {}", BASE64_STANDARD.encode(plain));
            self.headers.push(("authorization".into(), value));
        }
    }
}

fn refused(method: &str, url: String, why: &str) -> Refused {
    let what = [method, &url].map(str::to_owned).join(" ");
    let message = match what.trim() {
        "" => why.to_owned(),
        what => format!("{what}: {why}"),
    };
    let failure = Failure::new("Http.InvalidRequest", message);
    Refused { failure, method: method.to_owned(), url }
}

/// A whole number among these.
pub(super) fn number(
    name: &str,
    value: Option<Dynamic>,
    least: INT,
    most: INT,
) -> Result<Option<u64>, String> {
    let Some(value) = value else { return Ok(None) };
    match value.as_int() {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number as u64)),
        Ok(number) if most == INT::MAX => Err(format!("`{name}` is {number}; it takes {least} up")),
        Ok(number) => Err(format!("`{name}` is {number}; it takes {least} to {most}")),
        Err(kind) => Err(format!("`{name}` is a whole number, not {kind}")),
    }
}

fn map_of(name: &str, value: &Dynamic) -> Result<Map, String> {
    match value.read_lock::<Map>() {
        Some(map) => Ok(map.clone()),
        None => Err(format!("`{name}` is a map, not {}", value.type_name())),
    }
}

fn checked_headers(headers: &Dynamic) -> Result<Vec<(String, String)>, String> {
    let mut checked = Vec::new();
    for (name, value) in &map_of("headers", headers)? {
        let name = name.to_ascii_lowercase();
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("`{name}` cannot be the name of a header"));
        }
        if CLIENTS_OWN.contains(&name.as_str()) {
            return Err(format!("the header `{name}` is the client's own; leave it out"));
        }
        let mut push = |value: &Dynamic| match plain_text(value) {
            _ if value.is_unit() => Ok(()),
            // The value itself is not shown, since it may be a secret.
            Some(text)
                if text.chars().any(|letter| letter.is_ascii_control() && letter != '\t') =>
            {
                Err(format!("the value of the header `{name}` has a control character"))
            }
            Some(text) => {
                checked.push((name.clone(), text.trim().to_owned()));
                Ok(())
            }
            None => Err(no_plain("headers", &name)),
        };
        match value.read_lock::<Array>() {
            Some(values) => values.iter().try_for_each(push)?,
            None => push(value)?,
        }
    }
    Ok(checked)
}
