//! The routes of the console's API, which `openapi.json` describes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Console;
use super::sources::{self, NotSaved};
use crate::dev::feed::{Feed, Message};
use crate::dev::history::Record;
use crate::dev::registry::{Found, RESERVED, Registry};
use crate::dev::samples;
use crate::dev::server::{CutOff, Reply, Request, Rest};
use crate::dev::workers::{Event, Refusal, Via, WhenBusy};
use crate::emulator::percent_decoded;
use crate::event::MAX_EVENT;

const DESCRIPTION: &str = include_str!("openapi.json");

/// How often the folder is looked at for changes while somebody listens.
const LOOK: Duration = Duration::from_millis(500);
/// A silence this long is broken, to learn whether the listener is still there.
const SILENCE: Duration = Duration::from_secs(3);

type Answer = fn(&Console, &Request, &[String]) -> Result<Reply, Problem>;

/// Each route: its method, its path below `/_rhambda`, and what answers it.
const ROUTES: [(&str, &str, Answer); 12] = [
    ("GET", "/openapi.json", |_, _, _| Ok(Reply::new(200, "application/json", DESCRIPTION))),
    ("GET", "/functions", |console, _, _| Ok(console.functions())),
    ("GET", "/functions/{name}/events", |console, _, p| console.events(&p[0])),
    ("GET", "/functions/{name}/events/{event}", |console, _, p| console.event(&p[0], &p[1])),
    ("POST", "/functions/{name}/invocations", |console, request, p| console.send(&p[0], request)),
    ("GET", "/samples", |_, _, _| Ok(sample_list())),
    ("GET", "/samples/{sample}", |_, _, p| sample(&p[0])),
    ("GET", "/source/{file}", |console, _, p| console.source(&p[0])),
    ("GET", "/invocations", |console, _, _| Ok(console.invocations())),
    ("GET", "/invocations/{id}", |console, _, p| {
        Ok(Reply::json(200, &console.record(&p[0])?.json()))
    }),
    ("POST", "/invocations/{id}/test", |console, request, p| console.save(&p[0], &request.body)),
    ("GET", "/live", |console, _, _| console.live()),
];

/// Why a request is not answered as it was meant.
pub(super) struct Problem {
    status: u16,
    body: Value,
}

impl Problem {
    fn new(status: u16, message: impl Into<String>) -> Problem {
        let message: String = message.into();
        Problem { status, body: json!({ "message": message }) }
    }
}

impl Console {
    /// The reply to a request for a path below `/_rhambda`.
    pub(super) fn api(&self, path: &str, request: &Request) -> Reply {
        let matching = ROUTES.iter().filter_map(|(method, template, answer)| {
            Some((*method, answer, parameters(template, path)?))
        });
        let mut allowed = Vec::new();
        for (method, answer, parameters) in matching {
            if method == request.method {
                return answer(self, request, &parameters)
                    .unwrap_or_else(|problem| Reply::json(problem.status, &problem.body));
            }
            allowed.push(method);
        }
        if allowed.is_empty() {
            let message =
                format!("no such path; /{RESERVED}/openapi.json describes those there are");
            return Reply::json(404, &json!({ "message": message }));
        }
        let message = format!("{path} takes {}", allowed.join(", "));
        Reply::json(405, &json!({ "message": message })).with("Allow", allowed.join(", "))
    }

    fn functions(&self) -> Reply {
        let functions: Vec<Value> =
            self.registry.all().iter().map(|found| self.function(found)).collect();
        let root = self.registry.root().display().to_string();
        let settings = self.workers.settings();
        Reply::json(
            200,
            &json!({
                "root": root,
                "version": env!("CARGO_PKG_VERSION"),
                "timeoutMs": settings.timeout().as_millis() as u64,
                "memoryMb": settings.memory_mb(),
                "functions": functions,
            }),
        )
    }

    fn function(&self, found: &Found) -> Value {
        let flaw = self.registry.flaw(found);
        let own = sources::own_events(self.registry.root(), found);
        let first =
            own.first().and_then(|name| sources::own_event(self.registry.root(), found, name));
        json!({
            "name": found.name,
            "file": found.path,
            "handler": found.handler,
            "state": if flaw.is_some() { "broken" } else { "ready" },
            "error": flaw.map(|flaw| json!({
                "message": flaw.message,
                "position": { "file": found.path, "line": flaw.line, "column": flaw.column },
            })),
            "trigger": first.as_deref().and_then(samples::trigger_of),
            "events": own,
        })
    }

    fn find(&self, name: &str) -> Result<Found, Problem> {
        self.registry.find(name).map_err(|why| Problem::new(404, why))
    }

    fn events(&self, name: &str) -> Result<Reply, Problem> {
        let found = self.find(name)?;
        let own = sources::own_events(self.registry.root(), &found);
        Ok(Reply::json(200, &json!({ "events": own })))
    }

    fn event(&self, name: &str, event: &str) -> Result<Reply, Problem> {
        let found = self.find(name)?;
        let text = sources::own_event(self.registry.root(), &found, event)
            .ok_or_else(|| Problem::new(404, format!("`{name}` has no event `{event}`")))?;
        // What is in the file, JSON or not, is shown as it is.
        Ok(Reply::new(200, "application/json", text))
    }

    fn send(&self, name: &str, request: &Request) -> Result<Reply, Problem> {
        let found = self.find(name)?;
        let counts_operations = is_set(&request.query, "count_operations")?;
        let event = request.body.clone();
        if event.len() > MAX_EVENT {
            return Err(Problem::new(413, format!("an event has at most {MAX_EVENT} bytes")));
        }
        let event = if event.is_empty() { b"{}".to_vec() } else { event };
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&event) {
            let mut problem = Problem::new(400, format!("the event is not JSON: {error}"));
            problem.body["line"] = json!(error.line());
            problem.body["column"] = json!(error.column());
            return Err(problem);
        }
        let event = Event { counts_operations, ..Event::new(Via::Console, event) };
        let id = event.request_id.clone();
        match self.workers.invoke(&found, event, WhenBusy::Refuse) {
            Ok(_) => Ok(Reply::json(200, &self.record(&id)?.json())),
            Err(Refusal::Throttled) => Err(Problem::new(
                429,
                "all environments of this function are busy; see --concurrency",
            )),
            Err(Refusal::Broken(why)) => Err(Problem::new(502, why)),
        }
    }

    fn source(&self, file: &str) -> Result<Reply, Problem> {
        let text = sources::script(self.registry.root(), file)
            .ok_or_else(|| Problem::new(404, format!("there is no script `{file}` to show")))?;
        Ok(Reply::new(200, "text/plain; charset=utf-8", text))
    }

    fn invocations(&self) -> Reply {
        let all: Vec<Value> =
            self.journal.history().all().iter().map(|record| record.summary()).collect();
        Reply::json(200, &json!({ "invocations": all }))
    }

    fn record(&self, id: &str) -> Result<Arc<Record>, Problem> {
        let record = self.journal.history().get(id);
        record.ok_or_else(|| Problem::new(404, "this invocation is not kept, or not any more"))
    }

    fn save(&self, id: &str, body: &[u8]) -> Result<Reply, Problem> {
        let record = self.record(id)?;
        let found = self.find(&record.function)?;
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let case = asked["name"].as_str().unwrap_or_default();
        match sources::save_test(self.registry.root(), &found, case, &record) {
            Ok(files) => Ok(Reply::json(201, &json!({ "files": files }))),
            Err(NotSaved::Exists(file)) => {
                Err(Problem::new(409, format!("`{file}` is there already; choose another name")))
            }
            Err(NotSaved::Unfit(why)) => Err(Problem::new(422, why)),
            Err(NotSaved::Failed(error)) => {
                Err(Problem::new(500, format!("the test cannot be written: {error}")))
            }
        }
    }

    fn live(&self) -> Result<Reply, Problem> {
        let messages = self.journal.feed().listen();
        let messages = messages.ok_or_else(|| {
            Problem::new(503, "too many pages listen already; close some of them")
        })?;
        let live = Live {
            messages: Some(messages),
            feed: Arc::clone(self.journal.feed()),
            registry: Arc::clone(&self.registry),
            fingerprint: sources::fingerprint(self.registry.root()),
            last_sent: Instant::now(),
        };
        let mut reply = Reply::new(200, "text/event-stream", "retry: 1000\n\n");
        reply.rest = Some(Rest(Box::new(live)));
        Ok(reply)
    }
}

fn sample_list() -> Reply {
    let all: Vec<Value> = samples::list()
        .map(|sample| json!({ "name": sample.name, "title": sample.title }))
        .collect();
    Reply::json(200, &json!({ "samples": all }))
}

fn sample(name: &str) -> Result<Reply, Problem> {
    let event = samples::get(name)
        .ok_or_else(|| Problem::new(404, format!("there is no sample event `{name}`")))?;
    Ok(Reply::new(200, "application/json", event))
}

/// Whether a query says `name=true`; without it, it does not.
fn is_set(query: &str, name: &str) -> Result<bool, Problem> {
    let mut values = query.split('&').filter_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    match values.next_back() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            Err(Problem::new(400, format!("`{name}` is `true` or `false`, not `{other}`")))
        }
    }
}

/// The values in a path of that form.
fn parameters(template: &str, path: &str) -> Option<Vec<String>> {
    let (mut expected, mut found) = (template.split('/'), path.split('/'));
    let mut parameters = Vec::new();
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return Some(parameters),
            (Some(name), Some(value)) if name.starts_with('{') && !value.is_empty() => {
                parameters.push(percent_decoded(value));
            }
            (Some(expected), Some(found)) if expected == found => {}
            _ => return None,
        }
    }
}

/// Server-sent events for one listener: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
struct Live {
    /// Until it ends.
    messages: Option<Receiver<Message>>,
    feed: Arc<Feed>,
    registry: Arc<Registry>,
    fingerprint: u64,
    last_sent: Instant,
}

impl Iterator for Live {
    type Item = Result<Vec<u8>, CutOff>;

    fn next(&mut self) -> Option<Self::Item> {
        let messages = self.messages.as_ref()?;
        loop {
            let text = match messages.recv_timeout(LOOK) {
                Ok(message) => format!("event: {}\ndata: {}\n\n", message.0, message.1),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let fingerprint = sources::fingerprint(self.registry.root());
                    if fingerprint != self.fingerprint {
                        self.fingerprint = fingerprint;
                        "event: changed\ndata: {}\n\n".to_owned()
                    } else if self.last_sent.elapsed() > SILENCE {
                        ":\n\n".to_owned()
                    } else {
                        continue;
                    }
                }
            };
            self.last_sent = Instant::now();
            return Some(Ok(text.into_bytes()));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(messages) = self.messages.take() {
            self.feed.forget_gone(messages);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let description: Value = serde_json::from_str(DESCRIPTION).expect("JSON");
        assert_eq!(description["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        for (path, methods) in description["paths"].as_object().expect("paths") {
            for (method, operation) in methods.as_object().expect("methods") {
                described.insert(format!("{} {path}", method.to_uppercase()));
                let named: Vec<&str> = operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|parameter| parameter["in"] == "path")
                    .filter_map(|parameter| parameter["name"].as_str())
                    .collect();
                let expected: Vec<&str> = path
                    .split('/')
                    .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                    .collect();
                assert_eq!(named, expected, "{path}");
                assert!(operation["operationId"].is_string(), "{path}");
                assert!(operation["responses"].is_object(), "{path}");
            }
        }
        let routes: BTreeSet<String> =
            ROUTES.iter().map(|(method, path, _)| format!("{method} /{RESERVED}{path}")).collect();
        assert_eq!(routes, described);
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        let description: Value = serde_json::from_str(DESCRIPTION).expect("JSON");
        for rest in DESCRIPTION.split("\"#/").skip(1) {
            let target = rest.split('"').next().unwrap_or_default();
            assert!(description.pointer(&format!("/{target}")).is_some(), "{target}");
        }
    }

    #[test]
    fn a_path_has_its_values() {
        let values = |path| parameters("/functions/{name}/events", path);
        assert_eq!(
            values("/functions/jobs%2Fnightly/events"),
            Some(vec!["jobs/nightly".to_owned()])
        );
        assert_eq!(values("/functions//events"), None);
        assert_eq!(values("/functions/a/b/events"), None);
        assert_eq!(values("/functions/a"), None);
    }
}
