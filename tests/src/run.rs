//! What a function did, and the ways of saying what it should have done.
//!
//! The checks walk through the calls in their order: each `responded`, `failed` or `init_failed`
//! takes the next POST, and `kept_serving` or `exited` says that there was none after it.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use crate::runtime_api::Call;

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was still polling when the script was over.
    Serving,
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It did nothing until the test's deadline.
    Hanging,
}

/// What a function did.
#[derive(Debug)]
pub struct Run {
    calls: Vec<Call>,
    stdout: String,
    stderr: String,
    ended: Ended,
    duration: Duration,
    /// The most memory it had, where it was still there to be asked.
    peak_memory_kb: Option<u64>,
    /// The index of the first call that no check has looked at.
    cursor: usize,
    /// The index of the error that the last check found.
    error: Option<usize>,
}

impl Run {
    pub(crate) fn new(
        calls: Vec<Call>,
        stdout: String,
        stderr: String,
        ended: Ended,
        duration: Duration,
        peak_memory_kb: Option<u64>,
    ) -> Self {
        Self { calls, stdout, stderr, ended, duration, peak_memory_kb, cursor: 0, error: None }
    }

    /// Fails the test with everything that was seen.
    #[track_caller]
    pub fn fail(&self, expectation: &str) -> ! {
        panic!("{expectation}\n\n{}", self.transcript())
    }

    fn transcript(&self) -> String {
        let mut text = String::from("calls:\n");
        for call in &self.calls {
            let body: String = call.text().chars().take(3000).collect();
            let event = call.gave.as_ref().map_or(String::new(), |id| format!(" -> event {id}"));
            writeln!(text, "  #{} {} {}{event}", call.connection, call.method, call.path).ok();
            for (name, value) in &call.headers {
                if name.starts_with("lambda-") {
                    writeln!(text, "     {name}: {}", String::from_utf8_lossy(value)).ok();
                }
            }
            if !body.is_empty() {
                writeln!(text, "     {body}").ok();
            }
        }
        let (stdout, stderr): (String, String) =
            (self.stdout.chars().take(5000).collect(), self.stderr.chars().take(5000).collect());
        write!(
            text,
            "stdout:\n{stdout}\nstderr:\n{stderr}\nended: {:?} after {:?}",
            self.ended, self.duration
        )
        .ok();
        text
    }

    #[track_caller]
    fn check(&self, holds: bool, expectation: impl FnOnce() -> String) {
        if !holds {
            self.fail(&expectation());
        }
    }

    /// The next POST, and the request id of the event it should be about.
    #[track_caller]
    fn next_post(&mut self, expected: &str) -> (usize, Option<String>) {
        let found = self.calls[self.cursor..].iter().position(|call| call.method == "POST");
        let Some(offset) = found else { self.fail(&format!("no {expected} was posted")) };
        let index = self.cursor + offset;
        let event = self.calls[..index].iter().rev().find(|call| call.gave.is_some());
        let id = event.and_then(|event| event.gave.clone());
        let asked = event.and_then(|event| event.gave_invocation_id.clone());
        let call = self.calls[index].clone();
        if !call.path.ends_with("/init/error") {
            let echoed = call.header("Lambda-Runtime-Invocation-Id");
            let asked = asked.filter(|asked| !asked.is_empty());
            self.check(echoed == asked, || {
                format!("the invocation id should be {asked:?}, was {echoed:?}")
            });
        }
        let content_type = call.header("Content-Type");
        let is_stream = expected == "stream";
        self.check(is_stream || content_type.as_deref() == Some("application/json"), || {
            format!("Content-Type should be application/json, was {content_type:?}")
        });
        self.check(
            call.header("User-Agent").is_some_and(|agent| agent.starts_with("rhambda/")),
            || "User-Agent should begin with rhambda/".to_owned(),
        );
        self.cursor = index + 1;
        (index, id)
    }

    /// The next POST was a response with exactly these bytes.
    #[track_caller]
    pub fn responded(mut self, body: &str) -> Self {
        let sent = self.response();
        self.check(sent == body, || format!("the response should be {body}, was {sent}"));
        self
    }

    /// The next POST was a response that is this JSON, however it is laid out.
    #[track_caller]
    pub fn responded_json(mut self, body: &str) -> Self {
        let sent = self.response();
        let value = |text: &str| serde_json::from_str::<Value>(text).ok();
        self.check(value(&sent).is_some() && value(&sent) == value(body), || {
            format!("the response should be {body}, was {sent}")
        });
        self
    }

    /// The next POST was a response; its body.
    #[track_caller]
    pub fn response(&mut self) -> String {
        let (index, id) = self.next_post("response");
        let path = format!("/2018-06-01/runtime/invocation/{}/response", id.unwrap_or_default());
        let call = &self.calls[index];
        self.check(call.path.ends_with(&path), || {
            format!("this call should be POST {path}, was {}", call.path)
        });
        call.text()
    }

    /// The next POST was a response in streaming mode, of this type and with these bytes after its
    /// head: chunks, their sizes, trailers.
    #[track_caller]
    pub fn streamed(mut self, content_type: &str, wire: impl AsRef<[u8]>) -> Self {
        let call = self.stream();
        let sent = call.header("Content-Type").unwrap_or_default();
        self.check(sent == content_type, || {
            format!("Content-Type should be {content_type}, was {sent}")
        });
        let (sent, wire) = (call.wire.escape_ascii(), wire.as_ref().escape_ascii());
        let (sent, wire) = (sent.to_string(), wire.to_string());
        self.check(sent == wire, || format!("the body should be\n{wire}\nwas\n{sent}"));
        self
    }

    /// The next POST was a response in streaming mode.
    #[track_caller]
    pub fn stream(&mut self) -> Call {
        let (index, id) = self.next_post("stream");
        let path = format!("/2018-06-01/runtime/invocation/{}/response", id.unwrap_or_default());
        let call = self.calls[index].clone();
        self.check(call.path.ends_with(&path), || {
            format!("this call should be POST {path}, was {}", call.path)
        });
        let mut headers: Vec<String> = call
            .headers
            .iter()
            .filter(|(name, _)| !["user-agent", "content-type"].contains(&name.as_str()))
            .filter(|(name, _)| name != "host" && name != "lambda-runtime-invocation-id")
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
            .collect();
        headers.sort();
        let expected = [
            "lambda-runtime-function-response-mode: streaming",
            "trailer: Lambda-Runtime-Function-Error-Body",
            "trailer: Lambda-Runtime-Function-Error-Type",
            "transfer-encoding: chunked",
        ];
        self.check(headers == expected, || format!("unexpected headers {headers:#?}"));
        call
    }

    /// How the process ended.
    #[must_use]
    pub fn ended(&self) -> Ended {
        self.ended
    }

    /// The most memory that the process had, in KiB.
    #[track_caller]
    pub fn peak_memory_kb(&self) -> u64 {
        self.peak_memory_kb.unwrap_or_else(|| self.fail("its memory is not known"))
    }

    /// The next POST was the error of this type, in the header and in the body.
    #[track_caller]
    pub fn failed(self, error_type: &str) -> Self {
        self.failed_as(error_type, error_type)
    }

    /// The next POST was an error, of one type in the header and another in the body.
    #[track_caller]
    pub fn failed_as(mut self, header_type: &str, body_type: &str) -> Self {
        let (index, id) = self.next_post("error");
        let path = format!("/2018-06-01/runtime/invocation/{}/error", id.unwrap_or_default());
        self.check_error(index, &path, header_type, body_type);
        self
    }

    /// The next POST was this error of init.
    #[track_caller]
    pub fn init_failed(self, error_type: &str) -> Self {
        self.init_failed_as(error_type, error_type)
    }

    /// The next POST was an error of init, of one type in the header and another in the body.
    #[track_caller]
    pub fn init_failed_as(mut self, header_type: &str, body_type: &str) -> Self {
        let (index, _) = self.next_post("init error");
        self.check_error(index, "/2018-06-01/runtime/init/error", header_type, body_type);
        self
    }

    #[track_caller]
    fn check_error(&mut self, index: usize, path: &str, header_type: &str, body_type: &str) {
        self.error = Some(index);
        let call = &self.calls[index];
        self.check(call.path.ends_with(path), || {
            format!("this call should be POST {path}, was {}", call.path)
        });
        let header = call.header("Lambda-Runtime-Function-Error-Type").unwrap_or_default();
        self.check(header == header_type, || {
            format!("the error type in the header should be {header_type}, was {header}")
        });
        let legal = header.split_once('.').is_some_and(|(category, reason)| {
            ["Runtime", "Function"].contains(&category)
                && reason.len() > 1
                && reason.starts_with(|letter: char| letter.is_ascii_uppercase())
                && reason.chars().all(|letter| letter.is_ascii_alphabetic())
        });
        self.check(legal, || format!("{header} is not a type that Lambda takes"));
        let body = self.body();
        let in_body = body["errorType"].as_str().unwrap_or_default();
        self.check(in_body == body_type, || {
            format!("the error type in the body should be {body_type}, was {in_body}")
        });
        self.check(body["errorMessage"].is_string(), || "errorMessage should be text".to_owned());
        let lines = body["stackTrace"].as_array();
        self.check(lines.is_some_and(|lines| lines.iter().all(Value::is_string)), || {
            "stackTrace should be an array of strings".to_owned()
        });
        let known = ["errorMessage", "errorType", "stackTrace", "errorData"];
        let odd = body
            .as_object()
            .and_then(|body| body.keys().find(|key| !known.contains(&key.as_str())));
        self.check(odd.is_none(), || format!("unknown field {odd:?} in the error"));
        self.check_cause(index, body_type);
    }

    /// What X-Ray is told fits in a header and says the same.
    #[track_caller]
    fn check_cause(&self, index: usize, body_type: &str) {
        let name = "Lambda-Runtime-Function-XRay-Error-Cause";
        let cause = self.calls[index].header(name);
        let Some(cause) = cause else { self.fail(&format!("no {name}")) };
        self.check(cause.len() <= 32 * 1024, || format!("{name} has {} bytes", cause.len()));
        self.check(cause.bytes().all(|byte| (0x20..0x7f).contains(&byte)), || {
            format!("{name} should be printable ASCII: {cause}")
        });
        let parsed: Value = serde_json::from_str(&cause).unwrap_or_default();
        let exception = &parsed["exceptions"][0];
        let frames = exception["stack"].as_array();
        let whole = parsed["working_directory"].is_string()
            && parsed["paths"].is_array()
            && exception["message"].is_string()
            && exception["type"] == body_type
            && frames.is_some_and(|frames| {
                frames.iter().all(|frame| {
                    frame["path"].is_string()
                        && frame["line"].is_u64()
                        && frame["label"].is_string()
                })
            });
        self.check(whole, || format!("{name} should have the fields X-Ray reads: {cause}"));
    }

    /// The body of the error that the last check found.
    #[track_caller]
    #[must_use]
    pub fn body(&self) -> Value {
        let Some(index) = self.error else { self.fail("no error was looked at yet") };
        serde_json::from_slice(&self.calls[index].body).unwrap_or_default()
    }

    /// The X-Ray cause of the error that the last check found.
    #[track_caller]
    #[must_use]
    pub fn cause(&self) -> Value {
        let Some(index) = self.error else { self.fail("no error was looked at yet") };
        let cause = self.calls[index].header("Lambda-Runtime-Function-XRay-Error-Cause");
        serde_json::from_str(&cause.unwrap_or_default()).unwrap_or_default()
    }

    /// The error's message has this in it.
    #[track_caller]
    pub fn saying(self, part: &str) -> Self {
        let body = self.body();
        let message = body["errorMessage"].as_str().unwrap_or_default();
        self.check(message.contains(part), || {
            format!("the error should say `{part}`, said `{message}`")
        });
        self
    }

    /// The error's message does not have this in it.
    #[track_caller]
    pub fn not_saying(self, part: &str) -> Self {
        let body = self.body();
        let message = body["errorMessage"].as_str().unwrap_or_default();
        self.check(!message.contains(part), || format!("the error should not say `{part}`"));
        self
    }

    /// The error's message is this.
    #[track_caller]
    pub fn saying_exactly(self, text: &str) -> Self {
        let message = self.body()["errorMessage"].clone();
        self.check(message == text, || format!("the message should be `{text}`, was {message}"));
        self
    }

    /// A line of the stack trace has this in it.
    #[track_caller]
    pub fn at(self, part: &str) -> Self {
        let body = self.body();
        let mut lines = body["stackTrace"].as_array().into_iter().flatten();
        let found = lines.any(|line| line.as_str().is_some_and(|line| line.contains(part)));
        self.check(found, || format!("a line of the stack trace should have `{part}`"));
        self
    }

    /// The message, or a line of the stack trace, has this in it.
    #[track_caller]
    pub fn mentioning(self, part: &str) -> Self {
        let body = self.body();
        let mut texts =
            body["stackTrace"].as_array().into_iter().flatten().chain([&body["errorMessage"]]);
        let found = texts.any(|text| text.as_str().is_some_and(|text| text.contains(part)));
        self.check(found, || format!("the error should mention `{part}`"));
        self
    }

    /// The error carries these other fields of what was thrown.
    #[track_caller]
    pub fn with_data(self, data: &str) -> Self {
        let sent = self.body()["errorData"].clone();
        self.check(serde_json::from_str::<Value>(data).is_ok_and(|data| data == sent), || {
            format!("errorData should be {data}, was {sent}")
        });
        self
    }

    /// The error carries no other fields.
    #[track_caller]
    pub fn without_data(self) -> Self {
        let sent = self.body().get("errorData").cloned();
        self.check(sent.is_none(), || format!("there should be no errorData, was {sent:?}"));
        self
    }

    /// Nothing more was posted, and the process polls on.
    #[track_caller]
    pub fn kept_serving(self) -> Self {
        self.check(self.ended == Ended::Serving, || "it should still be serving".to_owned());
        self.nothing_more()
    }

    /// Nothing more was posted, and the process exited with this code.
    #[track_caller]
    pub fn exited(self, code: i32) -> Self {
        self.check(self.ended == Ended::Exited(code), || format!("it should exit with {code}"));
        self.nothing_more()
    }

    #[track_caller]
    fn nothing_more(self) -> Self {
        let more = self.calls[self.cursor..].iter().find(|call| call.method == "POST");
        self.check(more.is_none(), || "there was another POST".to_owned());
        self
    }

    /// Nothing was called after the POST that was looked at last.
    #[track_caller]
    pub fn then_silence(self) -> Self {
        self.check(self.cursor == self.calls.len(), || "nothing more should be called".to_owned());
        self
    }

    /// `/next` was polled this often.
    #[track_caller]
    pub fn polled(self, times: usize) -> Self {
        let polls = self.calls.iter().filter(|call| call.method == "GET").count();
        self.check(polls == times, || format!("{times} polls expected, were {polls}"));
        self
    }

    /// Not a byte was logged.
    #[track_caller]
    pub fn quietly(self) -> Self {
        self.check(self.stdout.is_empty() && self.stderr.is_empty(), || {
            "nothing should be logged".to_owned()
        });
        self
    }

    /// The standard output has this in it.
    #[track_caller]
    pub fn printed(self, part: &str) -> Self {
        self.check(self.stdout.contains(part), || format!("stdout should have `{part}`"));
        self
    }

    /// The standard error has this in it.
    #[track_caller]
    pub fn logged(self, part: &str) -> Self {
        self.check(self.stderr.contains(part), || format!("stderr should have `{part}`"));
        self
    }

    /// The standard error has this in exactly so many of its lines.
    #[track_caller]
    pub fn logged_times(self, times: usize, part: &str) -> Self {
        let found = self.stderr.lines().filter(|line| line.contains(part)).count();
        self.check(found == times, || {
            format!("{times} lines of stderr should have `{part}`, {found} have")
        });
        self
    }

    /// Neither stream has this in it.
    #[track_caller]
    pub fn never_logged(self, part: &str) -> Self {
        self.check(!self.stderr.contains(part) && !self.stdout.contains(part), || {
            format!("`{part}` should not be logged")
        });
        self
    }

    /// It took less than this, from start to end.
    #[track_caller]
    pub fn within(self, limit: Duration) -> Self {
        self.check(self.duration < limit, || format!("it should take less than {limit:?}"));
        self
    }

    /// The standard output.
    #[must_use]
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// The standard error.
    #[must_use]
    pub fn stderr(&self) -> &str {
        &self.stderr
    }

    /// Every call, in the order in which they came.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}
