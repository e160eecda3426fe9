//! The module `stream`: a response that is sent while the script still makes it.
//!
//! Nothing is sent before the first byte is known, so that what fails until then is an error like
//! any other.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, INT, Map};

use super::crypto::with_bytes;
use super::native::exported;
use super::{Fallible, Part, events, plain_text};
use crate::bounds::{self, Bounded};
use crate::effects::Failure;
use crate::json;
use crate::sink::{Broken, CLOSED, Sink};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["stream"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("stream", "Stream.Invalid", engine, vocabulary);
}

/// A response whose status and headers stand before its data, as JSON that ends with eight NULs.
const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";

/// What the headers are where the script does not say.
type Defaults = [(&'static str, &'static str)];

const NOTHING: &Defaults = &[];
const TEXT: &Defaults = &[("content-type", "text/plain; charset=utf-8")];
const BYTES: &Defaults = &[("content-type", "application/octet-stream")];
const EVENTS: &Defaults = &[("content-type", "text/event-stream"), ("cache-control", "no-cache")];

/// The response of the invocation on this thread.
struct Stream {
    sink: Rc<RefCell<dyn Sink>>,
    /// The event came over HTTP by a front that can stream.
    is_http: bool,
    /// What the script said with `start` and has not been sent.
    head: Option<Head>,
}

thread_local! {
    static STREAM: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

/// Lets the script of this thread answer an event by a stream.
pub fn offer(sink: Rc<RefCell<dyn Sink>>, event: &Dynamic) {
    STREAM.set(Some(Stream { sink, is_http: events::can_stream(event), head: None }));
}

/// Ends what `offer` began.
pub fn end() {
    drop(STREAM.take());
}

/// Whether the script has begun to stream its response, if only with `start`.
pub fn is_used() -> bool {
    STREAM.with_borrow(|stream| {
        stream
            .as_ref()
            .is_some_and(|stream| stream.head.is_some() || stream.sink.borrow().has_begun())
    })
}

/// Appends what the handler returned; false where that is nothing that can be appended.
pub fn finish(result: &Dynamic) -> Fallible<bool> {
    if result.is_unit() {
        with(|stream| stream.begin(NOTHING))?;
        return Ok(true);
    }
    let is_data = result.is_string() || result.is_blob();
    if is_data {
        functions::write(&mut result.clone())?;
    }
    Ok(is_data)
}

fn with<T>(act: impl FnOnce(&mut Stream) -> Bounded<T>) -> Bounded<T> {
    STREAM.with_borrow_mut(|stream| match stream {
        Some(stream) => act(stream),
        None => Err(Failure::new(
            "Stream.Unavailable",
            "there is no response to stream before an event has come; call this in the handler",
        )
        .into()),
    })
}

impl Stream {
    /// Sends what stands before the data, once.
    fn begin(&mut self, defaults: &Defaults) -> Bounded<()> {
        if self.sink.borrow().has_begun() {
            return Ok(());
        }
        let (content_type, prelude) = match self.head.take() {
            Some(head) => (WITH_PRELUDE, head.prelude(defaults)),
            None if self.is_http => (WITH_PRELUDE, Head::default().prelude(defaults)),
            None if defaults == EVENTS => (EVENTS[0].1, Vec::new()),
            None => (BYTES[0].1, Vec::new()),
        };
        let begun = self.sink.borrow_mut().begin(content_type, &prelude, bounds::deadline());
        outcome(begun)
    }

    fn write(&mut self, data: &[u8], defaults: &Defaults) -> Bounded<()> {
        self.begin(defaults)?;
        let written = self.sink.borrow_mut().write(data, bounds::deadline());
        outcome(written)
    }

    fn flush(&mut self) -> Bounded<()> {
        self.begin(NOTHING)?;
        let flushed = self.sink.borrow_mut().flush(bounds::deadline());
        outcome(flushed)
    }
}

fn outcome(sent: Result<(), Broken>) -> Bounded<()> {
    match sent {
        Ok(()) => Ok(()),
        Err(Broken::Late) => bounds::in_time(),
        Err(Broken::Closed) => {
            Err(Failure::new(CLOSED, "nobody reads the response any more").into())
        }
    }
}

/// What a script says of its response before the data.
struct Head {
    status: INT,
    headers: Map,
    cookies: Array,
}

impl Default for Head {
    fn default() -> Self {
        Self { status: 200, headers: Map::new(), cookies: Array::new() }
    }
}

impl Head {
    fn of(fields: Map) -> Result<Self, Failure> {
        let mut head = Self::default();
        for (name, value) in fields {
            let value = value.flatten();
            let kind = value.type_name();
            match name.as_str() {
                "status" => {
                    let status = value.as_int().ok().filter(|status| (100..=999).contains(status));
                    let status = status.ok_or_else(|| {
                        let given = plain_text(&value).unwrap_or_else(|| kind.to_owned());
                        invalid(format!("`status` is a number of three digits, not {given}"))
                    });
                    head.status = status?;
                }
                "headers" => {
                    let headers = value.try_cast::<Map>();
                    let headers = headers
                        .ok_or_else(|| invalid(format!("`headers` is a map, not {kind}")))?;
                    for (name, value) in headers {
                        let value = header(&name, &value)?;
                        head.headers.insert(name, value);
                    }
                }
                "cookies" => {
                    let cookies = value.try_cast::<Array>();
                    let cookies = cookies
                        .ok_or_else(|| invalid(format!("`cookies` is an array, not {kind}")))?;
                    for (index, cookie) in cookies.iter().enumerate() {
                        head.cookies.push(one_line(&format!("cookies[{index}]"), cookie)?);
                    }
                }
                other => {
                    return Err(invalid(format!(
                        "`{other}` is no field of a response's start; those are `status`, \
                         `headers` and `cookies`"
                    )));
                }
            }
        }
        Ok(head)
    }

    /// The JSON that fronts of HTTP take for the head of a response, and the NULs after it.
    fn prelude(mut self, defaults: &Defaults) -> Vec<u8> {
        for &(name, value) in defaults {
            if !self.headers.keys().any(|known| known.eq_ignore_ascii_case(name)) {
                self.headers.insert(name.into(), value.into());
            }
        }
        let mut prelude = format!("{{\"statusCode\":{}", self.status).into_bytes();
        let mut add = |name: &str, value: Dynamic| {
            prelude.extend_from_slice(name.as_bytes());
            // Maps and arrays of text are JSON.
            let _ = json::write(&value, &mut prelude);
        };
        add(",\"headers\":", self.headers.into());
        if !self.cookies.is_empty() {
            add(",\"cookies\":", self.cookies.into());
        }
        prelude.extend_from_slice(b"}\0\0\0\0\0\0\0\0");
        prelude
    }
}

fn header(name: &str, value: &Dynamic) -> Result<Dynamic, Failure> {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if !is_name {
        return Err(invalid(format!("{name:?} is not the name of a header")));
    }
    one_line(&format!("headers[\"{name}\"]"), value)
}

/// A value as text of one line.
fn one_line(place: &str, value: &Dynamic) -> Result<Dynamic, Failure> {
    let text = plain_text(value)
        .ok_or_else(|| invalid(format!("`{place}` is text, not {}", value.type_name())))?;
    match text.contains(['\r', '\n', '\0']) {
        false => Ok(text.into()),
        true => Err(invalid(format!("`{place}` has a line end or a NUL in it"))),
    }
}

fn invalid(message: String) -> Failure {
    Failure::new("Stream.Invalid", message)
}

/// A server-sent event as it goes over the wire.
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
fn frame(mut fields: Map) -> Bounded<String> {
    let mut take = |name: &str| fields.remove(name).map_or(Dynamic::UNIT, Dynamic::flatten);
    let (event, id, retry, data) = (take("event"), take("id"), take("retry"), take("data"));
    if let Some(other) = fields.keys().next() {
        let known = "those are `event`, `data`, `id` and `retry`";
        return Err(invalid(format!("`{other}` is no field of an event; {known}")).into());
    }
    if [&event, &id, &retry, &data].iter().all(|value| value.is_unit()) {
        return Err(invalid("an event has at least one of `event`, `data`, `id`".into()).into());
    }
    let mut frame = String::new();
    for (name, value) in [("event", event), ("id", id)] {
        if !value.is_unit() {
            let value = one_line(name, &value)?.to_string();
            frame.extend([name, ": ", &value, "\n"]);
        }
    }
    if !retry.is_unit() {
        let ms = retry.as_int().ok().filter(|ms| *ms >= 0);
        let ms = ms.ok_or_else(|| invalid("`retry` is whole milliseconds".into()))?;
        frame.extend(["retry: ", &ms.to_string(), "\n"]);
    }
    if !data.is_unit() {
        let text = data_text(&data)?;
        bounds::room_for(text.len(), 3)?;
        for line in text.replace("\r\n", "\n").split(['\r', '\n']) {
            frame.extend(["data: ", line, "\n"]);
        }
    }
    frame.push('\n');
    Ok(frame)
}

fn data_text(data: &Dynamic) -> Result<String, Failure> {
    if let Some(text) = plain_text(data) {
        return Ok(text);
    }
    if !data.is_map() && !data.is_array() {
        let kind = data.type_name();
        return Err(invalid(format!("`data` is text, a number, a map or an array, not {kind}")));
    }
    let mut text = Vec::new();
    json::write(data, &mut text).map_err(|error| invalid(format!("`data` has {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A response that is sent while the script still makes it: reports row by row, server-sent events,
/// more than 6 MB. It reaches its reader so through a function URL whose invoke mode is
/// `RESPONSE_STREAM`, a REST API whose response transfer mode is `STREAM`, and
/// `InvokeWithResponseStream`; anyone else gets it whole.
///
/// Text or a blob that the handler returns is appended; otherwise it returns `()`. An error before
/// the first byte is one like any other; a later one ends the stream.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Sets the status, the headers and the cookies of an HTTP response; what is left out is
    /// `#{ status: 200, headers: #{}, cookies: [] }`. It has to come before the first byte; nothing
    /// is sent yet.
    ///
    /// A response to a function URL or a REST API can do without it. For any other event, it makes
    /// the response one that those fronts understand.
    ///
    /// ```rhai
    /// stream::start(#{ status: 201, headers: #{ "content-type": "text/csv" }, cookies: ["seen=1"] });
    /// stream::start(#{ code: 200 }); // => error: `code` is no field of a response's start
    /// stream::start(#{ status: "ok" }); // => error: `status` is a number of three digits, not ok
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn start(head: Map) -> Fallible<()> {
        let head = Head::of(head)?;
        with(|stream| {
            if stream.sink.borrow().has_begun() {
                let message = "the response has begun; its status and headers are sent";
                return Err(Failure::new("Stream.Begun", message).into());
            }
            stream.head = Some(head);
            Ok(())
        })
    }

    /// Sends text, as UTF-8, or a blob. What is small is collected until it is worth sending;
    /// `stream::flush()` sends it at once.
    ///
    /// Waits while the reader is slower than the script, until the deadline. Where the reader has
    /// gone, the error has the type `Stream.Closed`.
    ///
    /// ```rhai
    /// stream::write("id,total\n");
    /// stream::write(blob(2, 0x0a));
    /// stream::write(7); // => error: stream::write: `data` has to be text or a blob, not i64
    /// ```
    #[rhai_fn(pure, volatile, return_raw)]
    pub fn write(data: &mut Dynamic) -> Fallible<()> {
        let defaults = if data.is_string() { TEXT } else { BYTES };
        with_bytes("stream::write", "data", data, |bytes| {
            with(|stream| stream.write(bytes, defaults))
        })
    }

    /// Sends what is collected, and the status and headers if nothing has been sent before.
    ///
    /// ```rhai
    /// stream::write("42 %\n");
    /// stream::flush();
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn flush() -> Fallible<()> {
        with(Stream::flush)
    }

    /// Sends a server-sent event at once. `data` is text of any number of lines, or a map or an
    /// array, which becomes JSON. The other fields are optional: the name of the event, its id, and
    /// after how many milliseconds the browser connects again.
    ///
    /// The first one sets the headers `content-type: text/event-stream` and `cache-control: no-cache`,
    /// unless `stream::start` said otherwise.
    /// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
    ///
    /// ```rhai
    /// stream::event(#{ event: "progress", data: #{ done: 42 }, id: 7, retry: 3000 });
    /// stream::event(#{ data: "first line\nsecond line" });
    /// stream::event(#{ date: "today" }); // => error: `date` is no field of an event
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn event(event: Map) -> Fallible<()> {
        let frame = frame(event)?;
        with(|stream| {
            stream.write(frame.as_bytes(), EVENTS)?;
            stream.flush()
        })
    }

    /// Whether somebody still reads; `false` once the reader is known to have gone.
    ///
    /// ```rhai
    /// stream::is_open(); // => true
    /// ```
    #[rhai_fn(volatile)]
    pub fn is_open() -> bool {
        with(|stream| Ok(stream.sink.borrow_mut().is_open())).unwrap_or(false)
    }
}
