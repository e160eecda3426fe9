//! A local Lambda for a folder of scripts.
//!
//! ```text
//! server          requests and replies ──► Dev::answer
//!   places        the connections, and which makes room for the next
//!   callers       whose requests are answered
//!   console       a page for people, with its own API
//!   invoke_api    Lambda's API: Invoke, streamed too (event_stream), and what describes functions
//!   front         a request as an event      proxy_response  a response as a reply
//!   live          streamed responses while they come
//!   schedule      events by the clock
//!     registry    which scripts are functions
//!     workers     a warm process and more for each, renewed when watch sees a dependency change
//!       journal   what the terminal shows of it, and the console: feed, history
//! ```

use std::sync::Arc;

use serde_json::{Value, json};

use crate::stream_view;

mod calendar;
pub(crate) mod callers;
mod console;
mod dependencies;
mod event_stream;
mod feed;
pub(crate) mod front;
mod history;
mod invoke_api;
pub(crate) mod journal;
mod live;
mod places;
mod proxy_response;
pub(crate) mod registry;
mod samples;
pub(crate) mod schedule;
pub(crate) mod server;
mod trace;
pub(crate) mod workers;

use callers::Callers;
use console::Console;
use front::Front;
use invoke_api::InvokeApi;
use journal::Journal;
use live::Part;
use registry::{Found, Registry};
use server::{CutOff, Reply, Request, Rest};
use workers::{Done, Event, Refusal, Via, WhenBusy, Workers};

/// Everything that is served.
#[derive(Debug)]
pub(crate) struct Dev {
    registry: Arc<Registry>,
    workers: Arc<Workers>,
    journal: Journal,
    front: Front,
    callers: Callers,
    api: InvokeApi,
    console: Console,
}

impl Dev {
    pub(crate) fn new(
        registry: Arc<Registry>,
        workers: Arc<Workers>,
        journal: Journal,
        front: Front,
        callers: Callers,
    ) -> Dev {
        let api = InvokeApi::new(Arc::clone(&registry), Arc::clone(&workers), journal.clone());
        let console = Console::new(Arc::clone(&registry), Arc::clone(&workers), journal.clone());
        Dev { registry, workers, journal, front, callers, api, console }
    }

    /// The reply to any request.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let refusal = self.callers.refusal(request, |why| self.journal.refused(why));
        refusal.unwrap_or_else(|| self.callers.lets_in(request, self.answer_caller(request)))
    }

    fn answer_caller(&self, request: &Request) -> Reply {
        if request.path == "/" {
            return self.overview(request);
        }
        if let Some(reply) = self.console.answer(request) {
            return reply;
        }
        if let Some(reply) = self.api.answer(request) {
            return reply;
        }
        match self.registry.find_in_path(&request.path) {
            Some((found, path)) => self.through_front(&found, path, request),
            None => {
                let name = request.path.trim_matches('/').split('/').next().unwrap_or_default();
                let why = self.registry.find(name).err().unwrap_or_default();
                Reply::json(404, &json!({ "message": format!("Not Found: {why}") }))
            }
        }
    }

    fn through_front(&self, found: &Found, path: &str, request: &Request) -> Reply {
        if request.body.len() > self.front.max_body() {
            return self.front.too_large();
        }
        let mut event = Event::new(Via::Http, "");
        event.payload = self.front.event(request, path, &event.request_id).to_string().into_bytes();
        if !self.front.can_stream() {
            return self.finished(found, self.workers.invoke(found, event, WhenBusy::Refuse));
        }
        let id = event.request_id.clone();
        let parts = live::begin(&self.workers, found.clone(), event);
        let mut begun = Vec::new();
        while let Ok(part) = parts.recv() {
            let (content_type, bytes) = match part {
                Part::Done(done) => return self.finished(found, *done),
                Part::Data { content_type, bytes } => (content_type, bytes),
            };
            begun.extend_from_slice(&bytes);
            let content_type = content_type.as_deref();
            let reply = match stream_view::split(content_type, &begun) {
                Some((prelude, data)) => self
                    .front
                    .reply_to_prelude(prelude)
                    .map(|reply| Reply { body: data.to_vec(), ..reply }),
                None if content_type == Some(stream_view::WITH_PRELUDE) => continue,
                None => {
                    Ok(Reply::new(200, content_type.unwrap_or("application/octet-stream"), begun))
                }
            };
            let rest = parts.into_iter().filter_map(|part| match part {
                Part::Data { bytes, .. } => Some(Ok(bytes)),
                Part::Done(done) => match *done {
                    Ok(Done { result: Ok(response), .. }) if response.stream_error.is_none() => {
                        None
                    }
                    _ => Some(Err(CutOff)),
                },
            });
            let reply = match reply {
                Ok(reply) => Reply { rest: Some(Rest(Box::new(rest))), ..reply },
                Err(why) => self.malformed(&found.name, &why),
            };
            return reply.with("x-amzn-RequestId", id);
        }
        self.front.bad_gateway()
    }

    /// The reply to an invocation that is over.
    fn finished(&self, found: &Found, done: Result<Done, Refusal>) -> Reply {
        let done = match done {
            Ok(done) => done,
            Err(Refusal::Throttled) => {
                self.journal.problem(&found.name, "all environments are busy; see --concurrency");
                return self.front.throttled();
            }
            Err(Refusal::Broken(why)) => {
                self.journal.problem(&found.name, &why);
                return Reply::json(502, &json!({ "message": why }));
            }
        };
        self.reply(&done).with("x-amzn-RequestId", done.request_id.clone())
    }

    fn reply(&self, done: &Done) -> Reply {
        match &done.result {
            Ok(response) => {
                let reply = self.front.reply(&response.body);
                reply.unwrap_or_else(|why| self.malformed(&done.name, &why))
            }
            // AWS hides this, too. At a desk whoever broke the script is whoever looks at the page.
            Err(error) if done.failed_at_init => {
                Reply::new(502, "application/json", error.body.clone())
            }
            Err(_) => self.front.bad_gateway(),
        }
    }

    fn malformed(&self, name: &str, why: &str) -> Reply {
        self.journal.problem(name, &format!("malformed proxy response: {why}"));
        self.front.bad_gateway()
    }

    /// What there is: for browsers the console, for other people text, for programs JSON.
    fn overview(&self, request: &Request) -> Reply {
        if request.header("accept").is_some_and(|accept| accept.contains("text/html")) {
            return self.console.page(request);
        }
        let host = request.header("host").map_or_else(|| request.server.to_string(), str::to_owned);
        let all = self.registry.all();
        let url = |found: &Found| format!("http://{host}/{}", found.name);
        if request.header("accept").is_some_and(|accept| accept.contains("application/json")) {
            let function = |found: &Found| -> Value {
                json!({ "name": found.name, "handler": found.handler, "url": url(found) })
            };
            let functions: Vec<Value> = all.iter().map(function).collect();
            return Reply::json(200, &json!({ "functions": functions }));
        }
        let mut text = format!("{}\n\n", self.registry.root().display());
        for found in &all {
            text.push_str(&format!("{}\n", url(found)));
        }
        if all.is_empty() {
            text.push_str("No script here has an `fn handler(event)` yet.\n");
        }
        text.push_str(&format!("\naws lambda invoke --endpoint-url http://{host} ...\n"));
        Reply::new(200, "text/plain; charset=utf-8", text)
    }
}
