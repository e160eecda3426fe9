//! The answer to a request, as a script sees it.

use std::fmt;
use std::rc::Rc;

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, INT, ImmutableString, Map};

use crate::bounds::room_for;
use crate::effects::Failure;
use crate::json;
use crate::library::grow::unmarked;
use crate::library::native::exported;
use crate::library::{Fallible, thrown};
use crate::vocabulary::Vocabulary;

/// What an answer is in a script. Cheap to copy.
#[derive(Clone)]
pub struct HttpResponse(pub(in crate::library) Rc<Answer>);

/// The parts of an answer.
pub struct Answer {
    pub status: u16,
    /// Where it came from, after redirects, with and without what must not be logged.
    pub url: String,
    pub shown: String,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// A body is text wherever it can be.
pub enum Body {
    Text(ImmutableString),
    Bytes(Blob),
    /// Its size; it was written to a file.
    Saved(u64),
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse({} from {})", self.0.status, self.0.shown)
    }
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn headers(&self) -> Map {
        let mut map = Map::new();
        for (name, value) in &self.headers {
            let slot = map.entry(name.as_str().into()).or_insert_with(|| match name.as_str() {
                // The values of this header have commas of their own.
                "set-cookie" => Dynamic::from_array(Array::new()),
                _ => Dynamic::UNIT,
            });
            if let Some(mut values) = slot.write_lock::<Array>() {
                values.push(value.clone().into());
                continue;
            }
            let joined = match slot.as_immutable_string_ref() {
                Ok(known) => format!("{}, {value}", known.as_str()),
                Err(_) => value.clone(),
            };
            *slot = joined.into();
        }
        map
    }

    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
            Body::Saved(_) => &[],
        }
    }

    fn body(&self) -> Fallible<Dynamic> {
        Ok(match &self.body {
            Body::Text(text) => text.clone().into(),
            Body::Bytes(_) => Dynamic::from_blob(self.blob()?),
            Body::Saved(_) => Dynamic::UNIT,
        })
    }

    fn blob(&self) -> Fallible<Blob> {
        room_for(self.bytes().len(), 1)?;
        Ok(self.bytes().to_vec())
    }
}

/// The value that the body says in JSON.
pub(super) fn json_of(answer: &HttpResponse) -> Fallible<Dynamic> {
    let answer = &answer.0;
    json::read_marked(answer.bytes()).map_err(|error| {
        let message = format!("the body of {} is not JSON: {error}", answer.shown);
        let fields =
            [("url", answer.shown.clone().into()), ("status", INT::from(answer.status).into())];
        thrown(&Failure::new("Http.NotJson", message), fields)
    })
}

pub(super) fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    engine.register_type_with_name::<HttpResponse>("HttpResponse");
    exported!(methods).register_globally(engine, vocabulary);
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    /// The status code.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/nothing").status; // => 404
    /// ```
    #[rhai_fn(get = "status", pure)]
    pub fn status(answer: &mut HttpResponse) -> INT {
        answer.0.status.into()
    }

    /// Whether the status is one of 200 to 299.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/nothing").ok; // => false
    /// ```
    #[rhai_fn(get = "ok", pure)]
    pub fn ok(answer: &mut HttpResponse) -> bool {
        answer.0.is_ok()
    }

    /// Where the answer came from, after redirects.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/old").url == "https://api.example.com/new"; // => true
    /// ```
    #[rhai_fn(get = "url", pure)]
    pub fn url(answer: &mut HttpResponse) -> String {
        answer.0.url.clone()
    }

    /// The headers by their names in lower case. Values of one name are joined by commas;
    /// `set-cookie` is always an array.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/orders/7").headers["content-type"]; // => "application/json"
    /// ```
    #[rhai_fn(get = "headers", pure)]
    pub fn headers(answer: &mut HttpResponse) -> Map {
        answer.0.headers()
    }

    /// The first value of a header, in whatever letters its name is written; `()` without one.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/orders/7").header("X-Nothing"); // => ()
    /// ```
    #[rhai_fn(pure)]
    pub fn header(answer: &mut HttpResponse, name: &str) -> Dynamic {
        let mut headers = answer.0.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Dynamic::UNIT, |(_, value)| value.clone().into())
    }

    /// The body: text, or a blob where it is not UTF-8; `()` where it was saved to a file.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/hello").body; // => "hello"
    /// ```
    #[rhai_fn(get = "body", pure, return_raw)]
    pub fn body(answer: &mut HttpResponse) -> Fallible<Dynamic> {
        answer.0.body()
    }

    /// The bytes of the body, also of one that was saved to a file.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/hello").size; // => 5
    /// ```
    #[rhai_fn(get = "size", pure)]
    pub fn size(answer: &mut HttpResponse) -> INT {
        match answer.0.body {
            Body::Saved(size) => INT::try_from(size).unwrap_or(INT::MAX),
            _ => answer.0.bytes().len() as INT,
        }
    }

    /// The body as text without a byte order mark; what is not UTF-8 in it is replaced by `\u{FFFD}`.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/hello").text(); // => "hello"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn text(answer: &mut HttpResponse) -> Fallible<ImmutableString> {
        match &answer.0.body {
            Body::Text(text) => Ok(unmarked(text)),
            _ => {
                room_for(answer.0.bytes().len(), 3)?;
                Ok(unmarked(&String::from_utf8_lossy(answer.0.bytes()).into_owned().into()))
            }
        }
    }

    /// The body as a blob.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/hello").blob().len; // => 5
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn blob(answer: &mut HttpResponse) -> Fallible<Blob> {
        answer.0.blob()
    }

    /// The value that the body says in JSON. Another body is an error of type `Http.NotJson`.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/orders/7").json().total; // => 42
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn json(answer: &mut HttpResponse) -> Fallible<Dynamic> {
        json_of(answer)
    }

    /// `status`, `ok`, `headers`, `url` and `body` as a map.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/hello").to_map().body; // => "hello"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn to_map(answer: &mut HttpResponse) -> Fallible<Map> {
        let answer = &answer.0;
        Ok([
            ("status".into(), INT::from(answer.status).into()),
            ("ok".into(), answer.is_ok().into()),
            ("headers".into(), answer.headers().into()),
            ("url".into(), answer.url.clone().into()),
            ("body".into(), answer.body()?),
        ]
        .into())
    }

    /// Such as `HttpResponse(200 from https://example.com/orders)`, without anything secret.
    ///
    /// ```rhai
    /// http::get("https://api.example.com/hello").to_string().starts_with("HttpResponse(200"); // => true
    /// ```
    #[rhai_fn(name = "to_string", name = "to_debug", name = "print", name = "debug", pure)]
    pub fn to_string(answer: &mut HttpResponse) -> String {
        format!("{answer:?}")
    }
}
