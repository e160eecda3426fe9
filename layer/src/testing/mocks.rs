//! What stands in for the world while a test runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use rhai::{Dynamic, FnPtr, Map};
use rhambda_runtime::aws;
use rhambda_runtime::effects::{Effects, Failure, FileInfo, Request, Response, System, is_like};
use rhambda_runtime::engine::Script;
use rhambda_runtime::json;

use super::recorded::Recorded;

/// What a mock answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// One after the other; the last again and again.
    InTurn(Vec<Map>),
    /// What the function says to a request.
    By(FnPtr),
}

/// Requests that have an answer.
#[derive(Debug)]
struct Mock {
    method: String,
    /// With `*` for anything.
    url: String,
    answer: Answer,
    asked: usize,
}

/// The world of one test.
#[derive(Debug, Default)]
pub(super) struct Mocks {
    http: Vec<Mock>,
    /// What was asked, in its order, as maps.
    pub(super) calls: Vec<Map>,
    /// What was asked without a mock: lines to paste.
    pub(super) missing: Vec<String>,
    /// Where the clock stands still, if it does.
    pub(super) frozen: Option<SystemTime>,
    /// How far the clock was put forward.
    pub(super) passed: Duration,
    pub(super) random: fastrand::Rng,
    pub(super) variables: BTreeMap<String, String>,
    /// What is `/tmp` to the script.
    pub(super) folder: PathBuf,
    /// A world that was recorded, which answers instead.
    pub(super) recorded: Option<Recorded>,
}

thread_local! {
    static MOCKS: RefCell<Mocks> = RefCell::default();
    static TESTS: RefCell<Option<Rc<Script>>> = const { RefCell::new(None) };
}

/// Changes or asks the world of this thread's test.
pub(super) fn with<T>(act: impl FnOnce(&mut Mocks) -> T) -> T {
    MOCKS.with_borrow_mut(act)
}

/// Keeps the test file, whose closures may be asked for answers.
pub(super) fn keep(tests: Rc<Script>) {
    TESTS.set(Some(tests));
}

impl Mocks {
    /// Answers requests; a later mock goes before an earlier one.
    pub(super) fn answer(&mut self, method: &str, url: &str, answer: Answer) {
        let (method, url) = (method.to_uppercase(), url.to_owned());
        self.http.insert(0, Mock { method, url, answer, asked: 0 });
    }

    /// Answers calls to AWS; service and operation may have `*` for anything.
    pub(super) fn answer_aws(&mut self, service: &str, operation: &str, answer: Answer) {
        let service = match service.contains('*') {
            true => service.to_owned(),
            false => aws::service(service).name,
        };
        let url = format!("{service}:{operation}");
        self.http.insert(0, Mock { method: AWS.into(), url, answer, asked: 0 });
    }

    /// What was answered in the recording, if one is run again.
    fn recorded_answer(&mut self, request: &Request) -> Option<Result<Response, Failure>> {
        let answer = self.recorded.as_mut()?.answer(request);
        Some(answer.unwrap_or_else(|line| {
            let message = format!("the recording has no answer to {line}");
            self.missing.push(line);
            Err(Failure::new("Replay.NotRecorded", message))
        }))
    }

    /// The answer to a request, and whether it is one of a service of AWS.
    fn answer_to(&mut self, request: &Request, url: &str) -> Option<(Answer, bool)> {
        // A service may also be named as its permissions name it: `ses` is `sesv2`, too.
        let calls = request
            .aws
            .as_ref()
            .map(|call| [call.to_string(), format!("{}:{}", call.scope.service, call.operation)]);
        let is_of_aws = |mock: &Mock| {
            let mut calls = calls.iter().flatten();
            mock.method == AWS && calls.any(|call| is_like(&mock.url, call))
        };
        let is_of_http = |mock: &Mock| {
            mock.method != AWS
                && (mock.method == "*" || mock.method == request.method)
                && is_like(&mock.url, url)
        };
        // What answers everything is not meant for AWS where something else is.
        let index = self.http.iter().position(is_of_aws);
        let index = index.or_else(|| self.http.iter().position(is_of_http))?;
        let mock = &mut self.http[index];
        mock.asked += 1;
        let is_aws = mock.method == AWS;
        let answer = match &mock.answer {
            Answer::InTurn(answers) => {
                let index = (mock.asked - 1).min(answers.len().saturating_sub(1));
                Answer::InTurn(answers.get(index).cloned().into_iter().collect())
            }
            by => by.clone(),
        };
        Some((answer, is_aws))
    }
}

/// The method of a mock that answers calls to AWS.
const AWS: &str = "aws";

/// The effects that scripts have in a test.
#[derive(Debug, Default)]
pub(super) struct Mocked {
    system: System,
}

/// For the runtime, which makes them for each script.
pub(super) fn effects() -> Box<dyn Effects> {
    Box::new(Mocked::default())
}

const TMP: &str = "/tmp";

/// Where a path below `/tmp` really is.
fn inside(path: &Path) -> PathBuf {
    match path.strip_prefix(TMP) {
        Ok(rest) => with(|mocks| mocks.folder.join(rest)),
        Err(_) => path.to_owned(),
    }
}

impl Effects for Mocked {
    fn now(&self) -> SystemTime {
        with(|mocks| match &mut mocks.recorded {
            Some(recorded) => recorded.now(),
            None => mocks.frozen.unwrap_or_else(SystemTime::now) + mocks.passed,
        })
    }

    fn sleep(&self, length: Duration) {
        with(|mocks| mocks.passed += length);
    }

    fn random(&self, bytes: &mut [u8]) {
        with(|mocks| match &mut mocks.recorded {
            Some(recorded) => recorded.fill(bytes),
            None => mocks.random.fill(bytes),
        });
    }

    fn variable(&self, name: &str) -> Option<String> {
        with(|mocks| match (mocks.variables.get(name), &mut mocks.recorded) {
            (Some(value), _) => Some(value.clone()),
            (None, recorded) => recorded.as_mut()?.variable(name),
        })
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        let real = self.system.real_path(&inside(path))?;
        let folder = with(|mocks| mocks.folder.clone());
        let folder = self.system.real_path(&folder).unwrap_or(folder);
        Ok(match real.strip_prefix(&folder) {
            Ok(rest) if path.starts_with(TMP) => Path::new(TMP).join(rest),
            _ => real,
        })
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        self.system.read(&inside(path))
    }

    fn write(&self, path: &Path, append: bool) -> io::Result<Box<dyn Write>> {
        self.system.write(&inside(path), append)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.system.list(&inside(path))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.system.remove(&inside(path))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.system.make_folder(&inside(path))
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.system.info(&inside(path))
    }

    fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        if let Some(answer) = with(|mocks| mocks.recorded_answer(request)) {
            return answer;
        }
        let url = request.url.to_string();
        let call = told(request, &url);
        let answer = with(|mocks| {
            mocks.calls.push(call.clone());
            mocks.answer_to(request, &url)
        });
        let (answer, is_aws) = match answer {
            Some((Answer::InTurn(answers), is_aws)) => {
                (answers.into_iter().next().unwrap_or_default(), is_aws)
            }
            Some((Answer::By(function), is_aws)) => (asked(&function, call, is_aws)?, is_aws),
            None => {
                let line = match &request.aws {
                    Some(call) => {
                        format!("mock::aws({:?}, {:?}, #{{}});", call.service, call.operation)
                    }
                    None => format!(
                        "mock::http({:?}, {url:?}, #{{ status: 200, json: #{{}} }});",
                        request.method
                    ),
                };
                with(|mocks| mocks.missing.push(line.clone()));
                return Err(Failure::new("Mock.Missing", format!("nothing answers; add {line}")));
            }
        };
        match &request.aws {
            Some(call) if is_aws => response(aws_answer(call, answer)?),
            _ => response(answer),
        }
    }

    fn presign(&self, request: &Request, good_for: Duration) -> Result<String, Failure> {
        let credentials = aws::Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
            expires: None,
        };
        Ok(aws::presign(request, &credentials, self.now(), good_for))
    }
}

/// What a service says, as its protocol says it. A service with a REST API is mocked as HTTP is.
fn aws_answer(call: &aws::Call, answer: Map) -> Result<Map, Failure> {
    let text = |name: &str| {
        answer
            .get(name)
            .and_then(|value| value.as_immutable_string_ref().ok().map(|it| it.to_string()))
    };
    let protocol = aws::service(&call.service).protocol;
    if let Some(kind) = text("error") {
        // What the network does is no answer of the service.
        if kind.contains('.') {
            return Ok(answer);
        }
        let message = text("message").unwrap_or_else(|| "the mock says so".into());
        let mut said = answer.clone();
        said.remove("error");
        let status = said.remove("status").unwrap_or_else(|| Dynamic::from_int(400));
        said.insert("__type".into(), kind.into());
        said.insert("message".into(), message.into());
        let fields = [("status", status), ("json", said.into())];
        return Ok(fields.into_iter().map(|(name, value)| (name.into(), value)).collect());
    }
    let field = match protocol {
        aws::Protocol::Rest => return Ok(answer),
        aws::Protocol::Json { .. } => ("json", answer.into()),
        aws::Protocol::Query { .. } => {
            let mut xml = String::new();
            let result = Dynamic::from_map(answer);
            push_xml(&format!("{}Result", call.operation), &result, &mut xml);
            ("body", format!("<{0}Response>{xml}</{0}Response>", call.operation).into())
        }
    };
    Ok([(field.0.into(), field.1)].into())
}

fn push_xml(name: &str, value: &Dynamic, out: &mut String) {
    out.push_str(&format!("<{name}>"));
    if let Some(map) = value.read_lock::<Map>() {
        map.iter().for_each(|(name, value)| push_xml(name, value, out));
    } else if let Some(items) = value.read_lock::<rhai::Array>() {
        items.iter().for_each(|item| push_xml("member", item, out));
    } else if !value.is_unit() {
        let text = value.to_string();
        out.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
    }
    out.push_str(&format!("</{name}>"));
}

/// A request as a test sees it.
fn told(request: &Request, url: &str) -> Map {
    let mut headers = Map::new();
    for (name, value) in &request.headers {
        headers.insert(name.to_lowercase().into(), value.clone().into());
    }
    let body = match std::str::from_utf8(&request.body) {
        Ok(text) => text.to_owned().into(),
        Err(_) => Dynamic::from_blob(request.body.to_vec()),
    };
    let aws = request.aws.iter().flat_map(|call| {
        let parameters = match aws::service(&call.service).protocol {
            aws::Protocol::Query { .. } => form(&request.body).into(),
            _ => json::read(&request.body).unwrap_or_default(),
        };
        [
            ("service", Dynamic::from(call.service.clone())),
            ("operation", call.operation.clone().into()),
            ("parameters", parameters),
        ]
    });
    let fields: [(&str, Dynamic); 4] = [
        ("method", request.method.clone().into()),
        ("url", url.to_owned().into()),
        ("headers", headers.into()),
        ("body", body),
    ];
    fields.into_iter().chain(aws).map(|(name, value)| (name.into(), value)).collect()
}

/// The parameters in a form, without those that name the call.
fn form(body: &[u8]) -> Map {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.filter(|(name, _)| !["Action", "Version"].contains(name));
    pairs.map(|(name, value)| (decoded(name).into(), decoded(value).into())).collect()
}

/// Percent-encoded text as it was.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (plain, behind) = match (first, byte) {
            (b'%', Some(byte)) => (byte, &after[2..]),
            (b'+', _) => (b' ', after),
            _ => (*first, after),
        };
        bytes.push(plain);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn asked(function: &FnPtr, call: Map, is_aws: bool) -> Result<Map, Failure> {
    let tests = TESTS.with_borrow(Clone::clone);
    let wrong = |why: String| Failure::new("Mock.Failed", why);
    let tests = tests.ok_or_else(|| wrong("the test file is still being loaded".into()))?;
    let answer = tests
        .call_pointer(function, call.into())
        .map_err(|error| wrong(format!("the mock's function failed: {error}")))?;
    let kind = answer.type_name();
    let answer: Map = answer
        .try_cast()
        .ok_or_else(|| wrong(format!("the mock's function returned {kind}, not a map")))?;
    if !is_aws {
        check(&answer).map_err(wrong)?;
    }
    Ok(answer)
}

/// Whether a map is an answer, or why not.
pub(super) fn check(answer: &Map) -> Result<(), String> {
    const KNOWN: [&str; 6] = ["status", "headers", "body", "json", "error", "message"];
    for (name, value) in answer {
        let fits = match name.as_str() {
            "status" => value.as_int().is_ok_and(|status| (100..600).contains(&status)),
            "headers" => value.is_map(),
            "body" => value.is_string() || value.is_blob(),
            "json" => true,
            "error" | "message" => value.is_string(),
            _ => {
                let known = KNOWN.join("`, `");
                return Err(format!("a mock's answer has no `{name}`; there are `{known}`"));
            }
        };
        if !fits {
            return Err(format!("`{name}` of a mock's answer cannot be {value}"));
        }
    }
    Ok(())
}

fn response(mut answer: Map) -> Result<Response, Failure> {
    let mut take = |name: &str| answer.remove(name).unwrap_or_default();
    if let Ok(kind) = take("error").into_immutable_string() {
        let message = take("message").into_immutable_string();
        let message =
            message.map_or_else(|_| "the mock says so".to_owned(), |text| text.to_string());
        // A test ends soon, and with it what it leaks.
        return Err(Failure::new(Box::leak(kind.to_string().into_boxed_str()), message));
    }
    let status = take("status").as_int().ok().and_then(|status| u16::try_from(status).ok());
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in take("headers").try_cast::<Map>().unwrap_or_default() {
        headers.push((name.to_lowercase(), value.to_string()));
    }
    let json = take("json");
    let body = match take("body") {
        body if body.is_blob() => body.into_blob().unwrap_or_default(),
        body if body.is_string() => body.to_string().into_bytes(),
        _ if json.is_unit() => Vec::new(),
        _ => {
            if !headers.iter().any(|(name, _)| name == "content-type") {
                headers.push(("content-type".into(), "application/json".into()));
            }
            let mut text = Vec::new();
            json::write(&json, &mut text).map_err(|error| {
                Failure::new("Mock.Failed", format!("`json` of a mock's answer has {error}"))
            })?;
            text
        }
    };
    Ok(Response { status: status.unwrap_or(200), headers, body: Box::new(Cursor::new(body)) })
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("https://a/x", "https://a/x", true),
            ("https://a/x", "https://a/xy", false),
            ("https://a/*", "https://a/x?y=1", true),
            ("*/orders/*/lines", "https://a/orders/7/lines", true),
            ("*/orders/*/lines", "https://a/orders/7/line", false),
            ("*", "", true),
        ] {
            assert_eq!(is_like(pattern, text), fits, "{pattern} {text}");
        }
    }
}
