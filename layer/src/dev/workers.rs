//! Execution environments for each function: warm ones first, more when several events come at
//! once, new ones when the sources have changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rhambda_runtime::config::OPERATIONS_PER_MB;
use serde_json::{Value, json};

use crate::commands::settings::Resolved;
use crate::dev::dependencies;
use crate::dev::history::{Record, Streamed};
use crate::dev::journal::Journal;
use crate::dev::registry::Found;
use crate::dev::trace::{self, Call, Trace};
use crate::emulator::{Emulator, FunctionError, Invocation, Outcome, Response, new_request_id};
use crate::environment::{Environment, Invoked};
use crate::recording::Key;
use crate::watch::Watched;

/// The environments of all functions. Dropping it ends their processes.
#[derive(Debug)]
pub(crate) struct Workers {
    root: PathBuf,
    settings: Resolved,
    concurrency: usize,
    journal: Journal,
    /// Opens the recordings from which the console makes tests.
    key: Option<Arc<Key>>,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
}

/// The environments of one function.
#[derive(Debug, Default)]
struct Pool {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The sources that the environments of this generation run.
    sources: Option<Watched>,
    generation: u64,
    idle: Vec<Worker>,
    running: usize,
}

#[derive(Debug)]
struct Worker {
    environment: Environment,
    counts_operations: bool,
    written: Arc<Mutex<Written>>,
    generation: u64,
}

/// What a process has written since somebody last looked.
#[derive(Debug, Default)]
struct Written {
    lines: Vec<String>,
    calls: Vec<Call>,
    operations: Option<u64>,
    recording: Option<String>,
}

/// The way by which an event comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Api,
    Http,
    Schedule,
    Console,
}

impl Via {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Via::Api => "api",
            Via::Http => "http",
            Via::Schedule => "schedule",
            Via::Console => "console",
        }
    }
}

/// An event with what its caller says about it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) via: Via,
    pub(crate) payload: Vec<u8>,
    pub(crate) request_id: String,
    pub(crate) client_context: Option<String>,
    pub(crate) trace_id: Option<String>,
    /// It goes to an environment that counts operations, and is slower for it.
    pub(crate) counts_operations: bool,
}

impl Event {
    pub(crate) fn new(via: Via, payload: impl Into<Vec<u8>>) -> Event {
        Event {
            via,
            payload: payload.into(),
            request_id: new_request_id(),
            client_context: None,
            trace_id: None,
            counts_operations: false,
        }
    }
}

/// What to do when a function has all the environments it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenBusy {
    Refuse,
    Wait,
}

/// Why an event was not delivered.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// All environments are busy.
    Throttled,
    /// None can be started.
    Broken(String),
}

/// An invocation that is over.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) name: String,
    pub(crate) request_id: String,
    pub(crate) result: Result<Response, FunctionError>,
    /// The function never got as far as its handler.
    pub(crate) failed_at_init: bool,
    /// What Lambda rather than the function has to say of it.
    pub(crate) by_lambda: Option<String>,
    pub(crate) lines: Vec<String>,
    pub(crate) calls: Vec<Call>,
    /// Where they are counted.
    pub(crate) operations: Option<u64>,
    /// As it stood in the log, if the event alone does not make the invocation the same again.
    pub(crate) recording: Option<String>,
    invoked: Invoked,
    memory_mb: u32,
}

impl Workers {
    pub(crate) fn new(
        root: PathBuf,
        settings: Resolved,
        concurrency: usize,
        journal: Journal,
    ) -> Workers {
        // Without a key there are no recordings; everything else works.
        let key = Key::new().ok().map(Arc::new);
        Workers { root, settings, concurrency, journal, key, pools: Mutex::default() }
    }

    /// The configuration that all functions share.
    pub(crate) fn settings(&self) -> &Resolved {
        &self.settings
    }

    /// Sends an event to a function and waits for what comes of it.
    pub(crate) fn invoke(
        &self,
        found: &Found,
        event: Event,
        when_busy: WhenBusy,
    ) -> Result<Done, Refusal> {
        self.invoke_on(found, event, when_busy, None, |_| {})
    }

    /// The same, with the data of a streamed response handed to `watch` while it comes, and not in
    /// the result.
    pub(crate) fn invoke_live(
        &self,
        found: &Found,
        event: Event,
        when_busy: WhenBusy,
        watch: impl Fn(Option<&str>, &[u8]) + Send + Sync + 'static,
    ) -> Result<Done, Refusal> {
        let streamed: Arc<Mutex<Streamed>> = Arc::default();
        let kept = Arc::clone(&streamed);
        let watch = move |content_type: Option<&str>, bytes: &[u8]| {
            locked(&kept).take(bytes);
            watch(content_type, bytes);
        };
        let prepare = |emulator: &Emulator| emulator.watch_streams(watch);
        self.invoke_on(found, event, when_busy, Some(&streamed), prepare)
    }

    fn invoke_on(
        &self,
        found: &Found,
        event: Event,
        when_busy: WhenBusy,
        streamed: Option<&Mutex<Streamed>>,
        prepare: impl FnOnce(&Emulator),
    ) -> Result<Done, Refusal> {
        let pool = Arc::clone(locked(&self.pools).entry(found.handler.clone()).or_default());
        let slot = pool.enter(self.concurrency, when_busy).ok_or(Refusal::Throttled)?;
        let counts = event.counts_operations;
        let (worker, generation, outdated) = pool.take_idle(counts, || {
            let env_file = self.settings.env_file().map(PathBuf::from);
            let include = self.settings.include();
            dependencies::watch(&self.root, &found.path, env_file.as_slice(), include)
        });
        if !outdated.is_empty() {
            self.journal.note(&found.name, "changed, starting anew");
        }
        drop(outdated);
        let mut worker = match worker {
            Some(worker) => worker,
            None => self.start(found, generation, counts).map_err(Refusal::Broken)?,
        };
        prepare(worker.environment.emulator());
        let (payload, via) = (event.payload.clone(), event.via);
        let done = worker.invoke(found, event);
        worker.environment.emulator().stop_watching_streams();
        let has_streamed = done.result.as_ref().is_ok_and(|response| response.streamed);
        let streamed = streamed.filter(|_| has_streamed).map(|kept| locked(kept).clone());
        let record = Record::of(&done, payload, via, streamed);
        self.journal.done(&done, record.opened_by(self.key.clone()));
        let is_alive = done.by_lambda.is_none() && !done.failed_at_init;
        if is_alive {
            pool.put_back(worker);
        }
        drop(slot);
        Ok(done)
    }

    fn start(&self, found: &Found, generation: u64, counts: bool) -> Result<Worker, String> {
        let function = self.settings.function(&self.root, found.handler.clone());
        let mut function = function.map_err(|failure| failure.message)?;
        function.name = found.lambda_name();
        for warning in self.settings.as_packaged(&mut function, &found.path) {
            self.journal.note(&found.name, &warning);
        }
        function.variables.push((trace::VARIABLE.to_owned(), "1".to_owned()));
        if counts && !function.variables.iter().any(|(name, _)| name == trace::LIMIT) {
            let usual = u64::from(function.memory_mb).saturating_mul(OPERATIONS_PER_MB);
            function.variables.push((trace::LIMIT.to_owned(), usual.to_string()));
        }
        let key = self.key.as_ref().filter(|_| {
            // Who has a key of their own wants to see the recordings.
            !function.variables.iter().any(|(name, _)| name == trace::RECORD)
        });
        if let Some(key) = key {
            let setting = format!("asking:{}", key.setting());
            function.variables.push((trace::RECORD.to_owned(), setting));
        }
        let records = key.is_some();
        let written: Arc<Mutex<Written>> = Arc::default();
        let environment = Environment::start(&function, {
            let (written, journal) = (Arc::clone(&written), self.journal.clone());
            let name = found.name.clone();
            move |line| match Trace::of(&line) {
                Some(Trace::Call(call)) => locked(&written).calls.push(call),
                Some(Trace::Operations(count)) => locked(&written).operations = Some(count),
                Some(Trace::Recording(text)) if records => locked(&written).recording = Some(text),
                Some(Trace::Unrecorded) if records => {}
                _ => {
                    journal.line(&name, &line);
                    locked(&written).lines.push(line.text);
                }
            }
        });
        let environment = environment.map_err(|error| error.to_string())?;
        Ok(Worker { environment, counts_operations: counts, written, generation })
    }
}

impl Pool {
    /// A place to run in; nothing if all are taken and waiting is not wanted.
    fn enter(&self, concurrency: usize, when_busy: WhenBusy) -> Option<Slot<'_>> {
        let mut state = locked(&self.state);
        while state.running >= concurrency {
            if when_busy == WhenBusy::Refuse {
                return None;
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.running += 1;
        Some(Slot { pool: self })
    }

    /// A warm environment of that kind if there is one, the generation to start one for, and the
    /// environments whose sources have changed.
    fn take_idle(
        &self,
        counts_operations: bool,
        look: impl FnOnce() -> Watched,
    ) -> (Option<Worker>, u64, Vec<Worker>) {
        let mut state = locked(&self.state);
        let mut outdated = Vec::new();
        if !state.sources.as_mut().is_some_and(Watched::still_holds) {
            state.sources = Some(look());
            state.generation += 1;
            outdated = std::mem::take(&mut state.idle);
        }
        // A process that somebody else ended is no environment any more.
        state.idle.retain(|worker| worker.environment.emulator().ending().is_none());
        let fits = |worker: &Worker| worker.counts_operations == counts_operations;
        let fitting = state.idle.iter().rposition(fits).map(|index| state.idle.remove(index));
        (fitting, state.generation, outdated)
    }

    fn put_back(&self, worker: Worker) {
        let mut state = locked(&self.state);
        if worker.generation == state.generation {
            state.idle.push(worker);
        } else {
            drop(state);
            drop(worker);
        }
    }
}

/// One of the events that a function has at a time.
struct Slot<'a> {
    pool: &'a Pool,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        locked(&self.pool.state).running -= 1;
        self.pool.freed.notify_one();
    }
}

impl Worker {
    fn invoke(&mut self, found: &Found, event: Event) -> Done {
        let function = self.environment.function().clone();
        let invocation = function.invocation(event.payload);
        let request_id = event.request_id;
        let invoked = self.environment.invoke(Invocation {
            request_id: Some(request_id.clone()),
            client_context: event.client_context,
            trace_id: event.trace_id.or(invocation.trace_id),
            ..invocation
        });
        self.environment.emulator().forget_calls();
        self.environment.hand_on_lines();
        let Written { lines, calls, operations, recording } =
            std::mem::take(&mut *locked(&self.written));
        let by_lambda = said_by_lambda(&invoked, function.memory_mb);
        let failed_at_init = matches!(invoked.outcome, Outcome::InitError(_));
        let result = match (&by_lambda, &invoked.outcome) {
            (Some((error_type, message)), _) => {
                let message = format!("RequestId: {request_id} Error: {message}");
                let body = json!({ "errorType": error_type, "errorMessage": message });
                Err(FunctionError {
                    error_type: Some((*error_type).to_owned()),
                    body: body.to_string().into_bytes(),
                    xray_cause: None,
                })
            }
            (None, Outcome::Response(response)) => Ok(response.clone()),
            (None, Outcome::Error(error) | Outcome::InitError(error)) => Err(error.clone()),
            (None, Outcome::TimedOut { .. } | Outcome::RuntimeExited { .. }) => {
                Err(FunctionError::default())
            }
        };
        Done {
            name: found.name.clone(),
            request_id,
            result,
            failed_at_init,
            by_lambda: by_lambda.map(|(_, message)| message),
            lines,
            calls,
            operations,
            recording,
            invoked,
            memory_mb: function.memory_mb,
        }
    }
}

/// The error type and message of those failures that no runtime lives to report.
fn said_by_lambda(invoked: &Invoked, memory_mb: u32) -> Option<(&'static str, String)> {
    match &invoked.outcome {
        Outcome::TimedOut { after } => {
            let seconds = after.as_secs_f64();
            Some(("Sandbox.Timedout", format!("Task timed out after {seconds:.2} seconds")))
        }
        Outcome::RuntimeExited { status } => {
            Some(("Runtime.ExitError", format!("Runtime exited with error: {status}")))
        }
        _ if invoked.max_memory_mb() > u64::from(memory_mb) => {
            Some(("Runtime.OutOfMemory", "Runtime exited with error: signal: killed".to_owned()))
        }
        _ => None,
    }
}

impl Done {
    /// The log that Lambda would have written: the function's own lines between Lambda's.
    pub(crate) fn log(&self) -> String {
        let id = &self.request_id;
        let mut log = format!("START RequestId: {id} Version: $LATEST\n");
        for line in &self.lines {
            log.push_str(line);
            log.push('\n');
        }
        if let Some(message) = &self.by_lambda {
            log.push_str(&format!("RequestId: {id} Error: {message}\n"));
        }
        let invoked = &self.invoked;
        log.push_str(&format!(
            "END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {:.2} ms\t\
             Billed Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            ms(invoked.duration),
            invoked.billed_ms(),
            self.memory_mb,
            invoked.max_memory_mb()
        ));
        if let Some(init) = invoked.init {
            log.push_str(&format!("Init Duration: {:.2} ms\t", ms(init)));
        }
        log.push('\n');
        log
    }

    /// The report as JSON.
    pub(crate) fn report(&self) -> Value {
        let rounded = |duration| (ms(duration) * 1000.0).round() / 1000.0;
        json!({
            "initMs": self.invoked.init.map(rounded),
            "durationMs": rounded(self.invoked.duration),
            "billedMs": self.invoked.billed_ms(),
            "memoryMb": self.memory_mb,
            "maxMemoryMb": self.invoked.max_memory_mb(),
        })
    }

    /// The report in one line.
    pub(crate) fn summary(&self) -> String {
        let invoked = &self.invoked;
        let init = invoked.init.map(|init| format!("init {:.2} ms, ", ms(init)));
        format!(
            "report: {}duration {:.2} ms, billed {} ms, memory {} of {} MB",
            init.unwrap_or_default(),
            ms(invoked.duration),
            invoked.billed_ms(),
            invoked.max_memory_mb(),
            self.memory_mb
        )
    }
}

fn ms(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
