//! The module `http`: requests to other services.

mod all;
mod encoding;
mod exchange;
mod multipart;
mod options;
mod response;

use std::io::Read;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::native::exported;
use super::{Fallible, Part};
use crate::effects::Failure;
use crate::vocabulary::Vocabulary;
pub(super) use encoding::percent_decoded;
pub(super) use exchange::attempt_once;
pub(super) use options::Options;
pub use response::HttpResponse;
pub(super) use response::{Answer, Body};

pub(super) const PART: Part = Part { words: &["http"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("http", "Http.InvalidRequest", engine, vocabulary);
    response::register(engine, vocabulary);
}

/// What scripts can do with an answer.
pub(super) fn register_answers(engine: &mut Engine, vocabulary: &Vocabulary) {
    response::register(engine, vocabulary);
}

fn call(method: &str, url: &str, options: Map) -> Fallible<HttpResponse> {
    exchange::call(Options::of(method, url, options))
}

/// The JSON at a URL.
pub(super) fn get_json(url: &str, options: Map) -> Fallible<Dynamic> {
    response::json_of(&call("GET", url, options)?)
}

/// The content type and the body of a good answer, which is read as it comes.
pub(super) fn open(request: Map) -> Fallible<(String, Box<dyn Read>)> {
    exchange::open(Options::of_request(request))
}

/// The text at a URL; none where the server says that the request is wrong, such as that nothing is
/// there.
pub(super) fn get_text(url: &str, options: Map) -> Fallible<Option<ImmutableString>> {
    let answer = call("GET", url, options)?;
    if (400..500).contains(&answer.0.status) {
        return Ok(None);
    }
    if answer.0.is_ok() {
        return response::text_of(&answer).map(Some);
    }
    let (shown, status) = (&answer.0.shown, answer.0.status);
    let message = format!("GET {shown}: the answer has status {status}");
    Err(Failure::new("Http.Status", message).into())
}

fn call_with_body(method: &str, url: &str, body: Dynamic, options: Map) -> Fallible<HttpResponse> {
    let options = Options::of(method, url, options);
    exchange::call(options.and_then(|options| options.with_body(&body)))
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// Gets what is at a URL.
    ///
    /// The answer has `status`, `ok` (200 to 299), `headers` (names in lower case), `url` (after
    /// redirects) and `body` (text, or a blob where it is not UTF-8), and the methods `text()`,
    /// `json()`, `blob()`, `header(name)` and `to_map()`. A status such as 404 is an answer, not an
    /// error; no answer at all is an error that can be caught: a map with `type`, `message`,
    /// `method` and `url`.
    ///
    /// ```rhai
    /// let answer = http::get("https://api.example.com/orders/7");
    /// answer.status; // => 200
    /// answer.json().total; // => 42
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(url: Text) -> Fallible<HttpResponse> {
        call("GET", &url, Map::new())
    }

    /// Gets what is at a URL, with options.
    ///
    /// | option | default |
    /// |---|---|
    /// | `headers` | a map; an array of values is one header for each |
    /// | `query` | a map, added to the URL's query |
    /// | `json`, `form`, `multipart`, `body` | one of them: any value as JSON; a map as a form; fields and files; text or a blob |
    /// | `timeout_ms` | for the whole call; the remaining time of the invocation |
    /// | `retries` | 2, but none for `POST` and `PATCH`: tries more after a lost connection and after 429, 502, 503 and 504, honouring `Retry-After` |
    /// | `redirects` | 10: how many are followed |
    /// | `max_bytes` | of the answer's body; a quarter of the memory that is left |
    /// | `save_to` | a path below `/tmp`, to which the body of a good answer is written piece by piece |
    /// | `throw_on_error` | `false`: whether a status of 400 and above is thrown as `Http.Status` |
    ///
    /// ```rhai
    /// let answer = http::get("https://api.example.com/search", #{
    ///     query: #{ q: "two words", page: 2 },
    ///     headers: #{ accept: "application/json" },
    ///     timeout_ms: 5000,
    /// });
    /// answer.ok; // => true
    /// ```
    #[rhai_fn(name = "get", volatile, return_raw)]
    pub fn get_with_options(url: Text, options: Map) -> Fallible<HttpResponse> {
        call("GET", &url, options)
    }

    /// Posts a body: a map or an array as JSON, text as text, a blob as bytes, `()` as none.
    ///
    /// ```rhai
    /// let answer = http::post("https://api.example.com/orders", #{ item: "book", count: 1 });
    /// answer.status; // => 201
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn post(url: Text, body: Dynamic) -> Fallible<HttpResponse> {
        call_with_body("POST", &url, body, Map::new())
    }

    /// Posts a body with the options of `http::get`. Without a body of its own, write `()`.
    ///
    /// `multipart` is a map of fields, as browsers send forms with files: text, a number or a boolean is
    /// a field; a blob, or a map of `content` (text or a blob) or `path` (of a file), `name` (the
    /// file's) and `content_type`, is a file; an array is several of one name. Fields go before files.
    /// Where the order is another one, it is an array of maps, each with its `field`.
    ///
    /// ```rhai
    /// let answer = http::post("https://api.example.com/login", (), #{ form: #{ user: "ada" } });
    /// answer.ok; // => true
    /// let upload = #{ title: "Notes", file: #{ name: "notes.txt", content: "all well", content_type: "text/plain" } };
    /// http::post("https://api.example.com/orders", (), #{ multipart: upload }).ok; // => true
    /// ```
    #[rhai_fn(name = "post", volatile, return_raw)]
    pub fn post_with_options(url: Text, body: Dynamic, options: Map) -> Fallible<HttpResponse> {
        call_with_body("POST", &url, body, options)
    }

    /// Puts a body at a URL.
    ///
    /// ```rhai
    /// http::put("https://api.example.com/orders/7", #{ count: 2 }).status; // => 200
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn put(url: Text, body: Dynamic) -> Fallible<HttpResponse> {
        call_with_body("PUT", &url, body, Map::new())
    }

    /// Puts a body at a URL with the options of `http::get`.
    ///
    /// ```rhai
    /// http::put("https://api.example.com/orders/7", #{ count: 2 }, #{ retries: 0 }).ok; // => true
    /// ```
    #[rhai_fn(name = "put", volatile, return_raw)]
    pub fn put_with_options(url: Text, body: Dynamic, options: Map) -> Fallible<HttpResponse> {
        call_with_body("PUT", &url, body, options)
    }

    /// Changes what is at a URL.
    ///
    /// ```rhai
    /// http::patch("https://api.example.com/orders/7", #{ count: 3 }).ok; // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn patch(url: Text, body: Dynamic) -> Fallible<HttpResponse> {
        call_with_body("PATCH", &url, body, Map::new())
    }

    /// Changes what is at a URL, with the options of `http::get`.
    ///
    /// ```rhai
    /// http::patch("https://api.example.com/orders/7", #{ count: 3 }, #{ retries: 1 }).ok; // => true
    /// ```
    #[rhai_fn(name = "patch", volatile, return_raw)]
    pub fn patch_with_options(url: Text, body: Dynamic, options: Map) -> Fallible<HttpResponse> {
        call_with_body("PATCH", &url, body, options)
    }

    /// Deletes what is at a URL.
    ///
    /// ```rhai
    /// http::delete("https://api.example.com/orders/7").ok; // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn delete(url: Text) -> Fallible<HttpResponse> {
        call("DELETE", &url, Map::new())
    }

    /// Deletes what is at a URL, with the options of `http::get`.
    ///
    /// ```rhai
    /// http::delete("https://api.example.com/orders/7", #{ headers: #{ "if-match": "abc" } }).ok; // => true
    /// ```
    #[rhai_fn(name = "delete", volatile, return_raw)]
    pub fn delete_with_options(url: Text, options: Map) -> Fallible<HttpResponse> {
        call("DELETE", &url, options)
    }

    /// Asks for the headers that `get` would be answered with.
    ///
    /// ```rhai
    /// http::head("https://api.example.com/orders/7").header("Content-Type"); // => "application/json"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn head(url: Text) -> Fallible<HttpResponse> {
        call("HEAD", &url, Map::new())
    }

    /// Asks for the headers that `get` would be answered with, with the options of `http::get`.
    ///
    /// ```rhai
    /// http::head("https://api.example.com/orders/7", #{ redirects: 0 }).body; // => ""
    /// ```
    #[rhai_fn(name = "head", volatile, return_raw)]
    pub fn head_with_options(url: Text, options: Map) -> Fallible<HttpResponse> {
        call("HEAD", &url, options)
    }

    /// Sends a request of any kind: `url`, `method` (`GET` where it is left out) and the options of
    /// `http::get`.
    ///
    /// ```rhai
    /// let url = "https://api.example.com/orders/7";
    /// http::request(#{ method: "PUT", url: url, json: #{ count: 2 } }).ok; // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn request(options: Map) -> Fallible<HttpResponse> {
        exchange::call(Options::of_request(options))
    }

    /// Makes several calls at once, each a URL as text or a map as for `http::request`; up to ten of
    /// them are under way at a time. What they give comes in their order: each the answer, or, where
    /// there is none, a map with `ok`, which is `false`, `type`, `message`, `method`, `url` and `index`,
    /// its place from zero. Nothing is sent if one of them is asked for wrongly, or may not be made by
    /// what the script declares; that is thrown. Their bodies share the memory that is left.
    ///
    /// ```rhai
    /// let answers = http::all([
    ///     "https://api.example.com/orders/7",
    ///     #{ method: "POST", url: "https://api.example.com/orders", json: #{ item: "book" } },
    /// ]);
    /// answers.map(|answer| answer.status); // => [200, 201]
    /// answers.filter(|answer| !answer.ok); // => []
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn all(requests: Array) -> Fallible<Array> {
        all::all(&requests, &Map::new())
    }

    /// The same with options: `concurrency`, how many calls are under way at a time, 1 to 50 and 10
    /// where it is left out; `timeout_ms`, for all of them together; and `throw_on_error`, which has
    /// the first that failed, a status of 400 and above among them, thrown when all are done.
    ///
    /// ```rhai
    /// let urls = [7, 7, 7].map(|id| `https://api.example.com/orders/${id}`);
    /// http::all(urls, #{ concurrency: 2, throw_on_error: true }).map(|answer| answer.json().total); // => [42, 42, 42]
    /// http::all(["https://api.example.com/nothing"], #{ throw_on_error: true }); // => error: status 404
    /// ```
    #[rhai_fn(name = "all", volatile, return_raw)]
    pub fn all_with_options(requests: Array, options: Map) -> Fallible<Array> {
        all::all(&requests, &options)
    }
}
