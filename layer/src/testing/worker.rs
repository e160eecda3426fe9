//! One case in a process of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext};
use rhambda_runtime::config::{Config, Environment, Logging, stack_bytes};
use rhambda_runtime::effects::{self, TaskFiles, World};
use rhambda_runtime::engine::Script;
use rhambda_runtime::error::{ErrorType, InitError, InvocationError, Report};
use rhambda_runtime::invocation::Invocation;
use rhambda_runtime::invoke_loop::{guarded, keep_panics_quiet};
use rhambda_runtime::json;
use rhambda_runtime::logging;
use rhambda_runtime::sink::{Broken, Sink};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cases::{Case, Expected, Kind};
use super::coverage::{self, Coverage, Seen};
use super::difference::{self, By, shown};
use super::functions::{self, Snapshots};
use super::mocks;
use super::recorded::{self, Recorded};
use crate::bundle::Bundle;
use crate::environment::Function;
use crate::event::MAX_EVENT;
use crate::recording::Recording;
use crate::source_file;

/// Where nobody listens.
const RUNTIME_API: &str = "127.0.0.1:9";

/// The same in each run, for snapshots.
const LOG_STREAM: &str = "2026/01/01/[$LATEST]00000000000000000000000000000000";

/// What a worker is told, on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) case: Case,
    /// The process that waits for the verdict.
    pub(crate) parent: u32,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) variables: Vec<(String, String)>,
    /// Patterns of files that are packaged besides those that scripts name.
    pub(crate) include: Vec<String>,
    /// What stands for `/tmp`.
    pub(crate) folder: PathBuf,
    /// Where the verdict goes.
    pub(crate) verdict: PathBuf,
    /// The snapshots that there are.
    pub(crate) snapshots: Snapshots,
    /// Whether values of snapshots are taken as they are.
    pub(crate) updates: bool,
    pub(crate) covers: bool,
}

impl Job {
    /// The script as a function of Lambda.
    fn function(&self) -> Function {
        let handler = format!("{}.handler", self.case.script);
        let mut function = Function::new("bootstrap", &self.case.folder, handler);
        function.memory_mb = self.memory_mb;
        function.timeout = self.timeout;
        function.variables.clone_from(&self.variables);
        function
    }

    /// What the package of the script would have, if there is a script.
    fn task_files(&self) -> Option<TaskFiles> {
        let root = self.case.folder.canonicalize().ok()?;
        let script = format!("{}.rhai", self.case.script);
        let bundle = Bundle::of_run(&root, &script, &self.include);
        let names: Vec<&str> = bundle.names().into_iter().collect();
        (!names.is_empty()).then(|| TaskFiles::of_lines(&names.join("\n")))
    }
}

/// How a case ended.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// The body of the error that it failed with, as Lambda would get it.
    pub(crate) error: Option<Value>,
    /// The error of the script that was behind it.
    pub(crate) cause: Option<Value>,
    /// Snapshots that are new or other.
    pub(crate) snapshots: Snapshots,
    pub(crate) coverage: Coverage,
    /// How long it took, in ms.
    pub(crate) ms: f64,
    /// The response to a recorded event, in base64.
    pub(crate) response: Option<String>,
    pub(crate) streamed: bool,
    /// The requests of a recording that were not made again.
    pub(crate) unused: Vec<String>,
    /// The variables that a recording does not have.
    pub(crate) unknown: Vec<String>,
}

/// What there is of a snapshot.
pub(super) enum Snapshot {
    Same,
    /// The value is the snapshot from now on.
    Taken,
    Missing,
    Other(Value),
}

/// The script with one of its functions as its handler: an environment of Lambda, which stays warm.
#[derive(Clone)]
struct Warm {
    script: Rc<Script>,
    /// What the script may reach. Between its invocations the test has its own world.
    world: Rc<World>,
    is_cold: Rc<Cell<bool>>,
}

/// What is known while a case runs.
struct Running {
    job: Job,
    /// By the names of their functions.
    warm: BTreeMap<String, Warm>,
    cause: Option<Value>,
    response: Option<String>,
    streamed: bool,
    snapshots: Snapshots,
    /// How many snapshots without a name there were.
    unnamed: usize,
    seen: Seen,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
    static INVOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn running<T>(act: impl FnOnce(&mut Running) -> T) -> Option<T> {
    RUNNING.with_borrow_mut(|running| running.as_mut().map(act))
}

/// Runs the job and writes its verdict. What the script logs goes to standard output and error.
pub(crate) fn work(job: Job) -> std::io::Result<()> {
    outlive_nobody(job.parent);
    let path = job.verdict.clone();
    // A script that is invoked begins with what its test has left of the stack.
    let memory_bytes = (job.memory_mb as usize) << 20;
    let stack = (2 * stack_bytes(memory_bytes / 5 * 2)).min(1 << 30);
    let worker = thread::Builder::new().stack_size(stack).spawn(move || run(job))?;
    let verdict = worker.join().unwrap_or_else(|_| Verdict {
        error: Some(
            json!({ "errorType": "Runtime.Panic", "errorMessage": "the runtime panicked" }),
        ),
        ..Verdict::default()
    });
    fs::write(path, serde_json::to_vec(&verdict)?)
}

/// Ends this process with its parent, and lets it have some memory, but not all.
fn outlive_nobody(parent: u32) {
    const MOST: libc::rlim_t = 4 << 30;
    let limit = libc::rlimit { rlim_cur: MOST, rlim_max: MOST };
    // SAFETY: the calls take numbers and a value that lives as long as they do.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
    }
    // It may have gone before.
    if std::os::unix::process::parent_id() != parent {
        std::process::exit(1);
    }
}

fn run(job: Job) -> Verdict {
    let recording = match &job.case.kind {
        Kind::Recording { text, .. } => match Recording::read(text.clone()) {
            Ok(recording) => Some(recording),
            Err(why) => return Verdict { error: Some(failed(&why)), ..Verdict::default() },
        },
        _ => None,
    };
    let environment = environment(&job, recording.as_ref());
    logging::start(Logging::from_environment(&environment));
    keep_panics_quiet();
    effects::stand_in(mocks::effects);
    mocks::with(|mocks| {
        mocks.random.seed(0);
        mocks.folder.clone_from(&job.folder);
        if recording.is_none() {
            mocks.task_root = task_root(&job);
        }
        match &recording {
            Some(recording) => {
                mocks.recorded = Some(Recorded::new(&recording.init, recording.started_ms));
            }
            // The script asks for the same variables as on Lambda.
            None => mocks.variables.extend(variables(&job)),
        }
        mocks.variables.extend(job.variables.iter().cloned());
    });
    let case = job.case.clone();
    RUNNING.set(Some(Running {
        job,
        warm: BTreeMap::new(),
        cause: None,
        response: None,
        streamed: false,
        snapshots: Snapshots::new(),
        unnamed: 0,
        seen: Seen::default(),
    }));
    let begun = Instant::now();
    let failed = match &case.kind {
        Kind::Function(name) => run_function(&case, name),
        Kind::Event { function, event, expected } => run_event(function, event, expected),
        Kind::Recording { timeout, expected, .. } => match &recording {
            Some(recording) => run_recording(recording, *timeout, expected.as_ref()),
            None => Err(failed("there is no recording")),
        },
    };
    let ms = begun.elapsed().as_secs_f64() * 1000.0;
    let (missing, unused, unknown) = mocks::with(|mocks| {
        let recorded = mocks.recorded.as_ref();
        let unused = recorded.map(Recorded::unused).unwrap_or_default();
        let unknown = recorded.map(Recorded::unknown).unwrap_or_default();
        (std::mem::take(&mut mocks.missing), unused, unknown)
    });
    // Whether the script went on after it or not.
    let error = match (missing.as_slice(), &recording) {
        ([], _) => failed.err(),
        (lines, None) => Some(unmocked(lines, failed.err())),
        (lines, Some(_)) => Some(unrecorded(lines, failed.err())),
    };
    let Some(running) = RUNNING.take() else { return Verdict::default() };
    let is_thrown_on = |error: &Value| {
        running.cause.as_ref().is_some_and(|cause| cause["errorMessage"] == error["errorMessage"])
    };
    let coverage = running.coverage();
    Verdict {
        cause: error.as_ref().filter(|error| is_thrown_on(error)).and(running.cause),
        error,
        snapshots: running.snapshots,
        coverage,
        ms,
        response: running.response,
        streamed: running.streamed,
        unused,
        unknown,
    }
}

fn unrecorded(lines: &[String], failed: Option<Value>) -> Value {
    let all = mocks::with(|mocks| mocks.recorded.as_ref().map(Recorded::all).unwrap_or_default());
    let has = match all.as_slice() {
        [] => "it has no requests at all".to_owned(),
        all => format!("it has\n{}", all.join("\n")),
    };
    let message = format!(
        "the recording has no answer to what the script asks for now:\n{}\n{has}",
        lines.join("\n")
    );
    instead("Replay.NotRecorded", message, failed)
}

/// The error that a case fails with, in place of the one that came of it.
fn instead(error_type: &str, message: String, failed: Option<Value>) -> Value {
    let mut error = failed.unwrap_or_else(|| json!({}));
    error["errorType"] = error_type.into();
    error["errorMessage"] = message.into();
    error
}

fn unmocked(lines: &[String], failed: Option<Value>) -> Value {
    let message = format!(
        "{} without a mock; add to the test:\n{}",
        if lines.len() == 1 { "a request".to_owned() } else { format!("{} requests", lines.len()) },
        lines.join("\n")
    );
    instead("Mock.Missing", message, failed)
}

impl Running {
    fn coverage(&self) -> Coverage {
        let mut files = BTreeMap::new();
        if self.job.covers {
            for (file, times) in self.seen.borrow().iter() {
                let source = fs::read_to_string(self.job.case.folder.join(file));
                let lines = coverage::lines_of(&source.unwrap_or_default());
                let times = |line: usize| (line, times.get(&line).copied().unwrap_or(0));
                files.insert(file.clone(), lines.into_iter().map(times).collect());
            }
        }
        Coverage(files)
    }
}

fn task_root(job: &Job) -> PathBuf {
    job.case.folder.canonicalize().unwrap_or_else(|_| job.case.folder.clone())
}

/// The variables that Lambda sets, and those of the case.
fn variables(job: &Job) -> Vec<(String, String)> {
    job.function().all_variables_in(RUNTIME_API, &task_root(job).to_string_lossy(), LOG_STREAM)
}

fn environment(job: &Job, recording: Option<&Recording>) -> Environment {
    let Some(recording) = recording else {
        let pairs = variables(job).into_iter().map(|(name, value)| (name.into(), value.into()));
        return Environment::read(pairs);
    };
    let function = recording.function.clone();
    let memory = function.memory_mb.unwrap_or(job.memory_mb).to_string();
    let root = job.case.folder.to_string_lossy();
    let lambda = [
        ("AWS_LAMBDA_RUNTIME_API", RUNTIME_API),
        ("LAMBDA_TASK_ROOT", &root),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_deref().unwrap_or(&job.case.script)),
        ("AWS_LAMBDA_FUNCTION_VERSION", function.version.as_deref().unwrap_or("$LATEST")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.as_deref().unwrap_or_default()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", function.log_stream.as_deref().unwrap_or_default()),
    ];
    let all = lambda.into_iter().map(|(name, value)| (name.into(), value.into()));
    let pair = |(name, value): (&String, &String)| (name.into(), value.into());
    let settings = recording.settings.iter().map(pair);
    let own = job.variables.iter().map(|(name, value)| (name.into(), value.into()));
    Environment::read(all.chain(settings).chain(own))
}

fn config(job: &Job, recording: Option<&Recording>, handler: String) -> Result<Config, InitError> {
    let environment = environment(job, recording);
    let environment = environment.with("_HANDLER", &handler);
    let mut config = Config::from_environment(&environment, RUNTIME_API)?;
    if job.covers {
        // The engine has to come by each line itself.
        config.limits.counts_each_operation = true;
    }
    Ok(config)
}

fn body(report: &Report) -> Value {
    serde_json::from_slice(&report.to_json()).unwrap_or_default()
}

fn run_function(case: &Case, name: &str) -> Result<(), Value> {
    let (config, timeout) = running(|running| {
        (config(&running.job, None, format!("{}.test.{name}", case.script)), running.job.timeout)
    })
    .unwrap_or_else(|| (Err(lost()), Duration::ZERO));
    let load = || {
        let config = config?;
        Script::load_with(&config, false, functions::register)
    };
    let tests = Rc::new(load().map_err(|InitError(report)| body(&report))?);
    mocks::keep(tests.clone());
    tests.call_function(name, timeout).map_err(|InvocationError(report)| body(&report))
}

fn lost() -> InitError {
    InitError(Box::new(Report::new(ErrorType::Panic, "no case is running")))
}

/// The script with this function as its handler, loaded once for a case, in the world that it declares.
fn script(function: &str, recording: Option<&Recording>) -> Result<Warm, InitError> {
    let warm = running(|running| running.warm.get(function).cloned()).flatten();
    if let Some(warm) = warm {
        effects::reinstall(warm.world.clone());
        return Ok(warm);
    }
    let (config, seen) = running(|running| {
        let handler = format!("{}.{function}", running.job.case.script);
        (config(&running.job, recording, handler), running.job.covers.then(|| running.seen.clone()))
    })
    .ok_or_else(lost)?;
    let mut config = config?;
    if recording.is_none() {
        // A test may read what it likes; the script sees what its package would have.
        config.task_files = running(|running| running.job.task_files()).flatten();
    }
    let script = Rc::new(Script::load_with(&config, true, |engine| {
        if let Some(seen) = &seen {
            coverage::watch(engine, seen);
        }
    })?);
    let warm = Warm { script, world: effects::world(), is_cold: Rc::new(Cell::new(true)) };
    running(|running| running.warm.insert(function.to_owned(), warm.clone()));
    Ok(warm)
}

/// What came of an event.
enum Came {
    Response(Vec<u8>),
    Stream(Collected),
}

fn send(function: &str, event: Vec<u8>) -> Result<Came, Box<Report>> {
    let warm = script(function, None).map_err(|InitError(report)| report)?;
    let timeout = running(|running| running.job.timeout).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let count = INVOCATIONS.get();
    INVOCATIONS.set(count + 1);
    let arn = running(|running| running.job.function().arn());
    let request_id = format!("00000000-0000-4000-8000-{count:012}");
    let invocation = Invocation {
        request_path: request_id.clone(),
        request_id,
        deadline_ms: u64::try_from((now + timeout).as_millis()).ok(),
        function_arn: arn,
        trace_id: Some(format!("Root=1-00000000-{count:024};Parent={count:016};Sampled=0")),
        payload: event,
        ..Invocation::default()
    };
    deliver(function, &warm, invocation, warm.is_cold.replace(false))
}

/// Does what the runtime's loop does with an event.
fn deliver(
    function: &str,
    Warm { script, .. }: &Warm,
    mut invocation: Invocation,
    is_cold_start: bool,
) -> Result<Came, Box<Report>> {
    logging::set_request(&invocation.request_id, invocation.tenant_id.as_deref());
    let sink = Rc::new(RefCell::new(Collected::default()));
    let offered: Option<Rc<RefCell<dyn Sink>>> =
        script.may_stream().then(|| sink.clone() as Rc<RefCell<dyn Sink>>);
    script.leave_out_what_others_hold(&invocation.payload);
    let response = guarded(|| script.invoke(&mut invocation, is_cold_start, offered))
        .unwrap_or_else(|report| Err(InvocationError(report)));
    if let Err(InvocationError(report)) = &response {
        logging::error_report(report);
    }
    let ran_out_of_memory = response.as_ref().is_err_and(InvocationError::is_out_of_memory);
    if script.end_invocation(ran_out_of_memory).is_some() {
        // Lambda would start another environment, too.
        script.write_off();
        running(|running| running.warm.remove(function));
    }
    logging::set_request("", None);
    let response = response.map_err(|InvocationError(report)| report)?;
    let collected = sink.take();
    Ok(if collected.has_begun { Came::Stream(collected) } else { Came::Response(response) })
}

/// Sends an event to the script for a test; the world of the test comes back afterwards.
pub(super) fn invoke(
    context: &NativeCallContext,
    function: &str,
    event: &Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let thrown = |kind: &str, message: String, data: Option<&Value>| {
        let mut map = Map::new();
        for (name, value) in data.and_then(Value::as_object).into_iter().flatten() {
            map.insert(name.as_str().into(), dynamic(value));
        }
        map.insert("type".into(), kind.to_owned().into());
        map.insert("message".into(), message.into());
        Box::new(EvalAltResult::ErrorRuntime(map.into(), context.call_position()))
    };
    let mut text = Vec::new();
    json::write(event, &mut text)
        .map_err(|error| thrown("Test.Event", format!("the event has {error}"), None))?;
    if text.len() > MAX_EVENT {
        let length = text.len();
        let message = format!("the event has {length} bytes, and Lambda takes {MAX_EVENT} (6 MiB)");
        return Err(thrown("Test.Event", message, None));
    }
    let world = effects::world();
    let came = send(function, text);
    effects::reinstall(world);
    match came {
        Ok(Came::Response(text)) => json::read(&text)
            .map_err(|error| thrown("Test.Response", format!("the response: {error}"), None)),
        Ok(Came::Stream(stream)) => Ok(stream.to_dynamic()),
        Err(report) => {
            let cause = body(&report);
            let error = thrown(report.type_name(), report.error_message(), report.data.as_ref());
            running(|running| running.cause = Some(cause));
            Err(error)
        }
    }
}

fn dynamic(value: &Value) -> Dynamic {
    json::read(value.to_string().as_bytes()).unwrap_or_default()
}

fn run_event(function: &str, event: &Path, expected: &Expected) -> Result<(), Value> {
    let came = send(function, read(event)?);
    compare(expected, came)
}

/// Runs an invocation again as it was, with a deadline as far away as it was.
fn run_recording(
    recording: &Recording,
    timeout: Duration,
    expected: Option<&Expected>,
) -> Result<(), Value> {
    let folder = mocks::with(|mocks| mocks.folder.clone());
    let lay_out = |files| {
        recorded::lay_out(files, &folder)
            .map_err(|error| failed(&format!("the recorded files cannot be laid out: {error}")))
    };
    lay_out(&recording.init.files)?;
    let (_, function) = recording.script_and_function();
    let warm = script(function, Some(recording)).map_err(|InitError(report)| body(&report))?;
    lay_out(&recording.answers.files)?;
    mocks::with(|mocks| {
        if let Some(recorded) = &mut mocks.recorded {
            recorded.go_on(&recording.answers);
        }
    });
    warm.script.restore(&recording.values());
    let facts = recording.invocation.clone();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let invocation = Invocation {
        request_path: facts.request_id.clone(),
        request_id: facts.request_id,
        deadline_ms: u64::try_from((now + timeout).as_millis()).ok(),
        function_arn: facts.function_arn,
        trace_id: facts.trace_id,
        client_context: facts.client_context,
        cognito_identity: facts.cognito_identity,
        tenant_id: facts.tenant_id,
        payload: recording.event(),
        ..Invocation::default()
    };
    let came = deliver(function, &warm, invocation, facts.cold_start);
    if let Ok(came) = &came {
        let (response, streamed) = match came {
            Came::Response(text) => (text, false),
            Came::Stream(stream) => (&stream.data, true),
        };
        running(|running| {
            running.response = Some(BASE64_STANDARD.encode(response));
            running.streamed = streamed;
        });
    }
    match expected {
        Some(expected) => compare(expected, came),
        None => came.map(drop).map_err(|report| body(&report)),
    }
}

fn failed(message: &str) -> Value {
    json!({ "errorType": functions::ASSERTION, "errorMessage": message })
}

fn read(path: &Path) -> Result<Vec<u8>, Value> {
    source_file::read(path)
        .map_err(|error| failed(&format!("cannot read {}: {error}", path.display())))
}

/// Whether what came is what was expected, or why not.
fn compare(expected: &Expected, came: Result<Came, Box<Report>>) -> Result<(), Value> {
    let parse = |path: &Path| {
        let text = read(path)?;
        serde_json::from_slice::<Value>(&text)
            .map_err(|error| failed(&format!("{} is not JSON: {error}", path.display())))
    };
    let compared =
        |found: &Value, expected: &Value, by: By| match difference::of(found, expected, by)
            .as_slice()
        {
            [] => Ok(()),
            [line] => Err(failed(line.strip_prefix("$: ").unwrap_or(line))),
            lines => Err(failed(&format!("{} differences\n{}", lines.len(), lines.join("\n")))),
        };
    match (expected, came) {
        (Expected::Response(path), Ok(Came::Response(text))) => compared(
            &serde_json::from_slice(&text).unwrap_or_default(),
            &parse(path)?,
            By::Everything,
        ),
        (Expected::Text(path), Ok(came)) => {
            let found = match came {
                Came::Response(text) => text,
                Came::Stream(stream) => stream.data,
            };
            let (found, expected) = (text(&found), text(&read(path)?));
            compared(&found.into(), &expected.into(), By::Everything)
        }
        (Expected::Response(path), Ok(Came::Stream(stream))) => {
            let found = json::to_value(&stream.to_dynamic(), usize::MAX);
            compared(&found, &parse(path)?, By::Everything)
        }
        (Expected::Error(path), Err(report)) => {
            compared(&body(&report), &parse(path)?, By::Pattern)
        }
        (Expected::Error(_), Ok(came)) => {
            let found = match came {
                Came::Response(text) => serde_json::from_slice(&text).unwrap_or_default(),
                Came::Stream(stream) => text(&stream.data).into(),
            };
            Err(failed(&format!("an error was expected, and the response is {}", shown(&found))))
        }
        (_, Err(report)) => Err(body(&report)),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Compares a value with its snapshot, and takes the value where that is wanted.
pub(super) fn snapshot(name: &str, value: &Value) -> Snapshot {
    running(|running| {
        let Kind::Function(test) = &running.job.case.kind else { return Snapshot::Missing };
        let key = match name {
            "" => {
                running.unnamed += 1;
                format!("{test} {}", running.unnamed)
            }
            name => format!("{test} {name}"),
        };
        match running.job.snapshots.get(&key) {
            Some(known) if known == value => Snapshot::Same,
            _ if running.job.updates => {
                running.snapshots.insert(key, value.clone());
                Snapshot::Taken
            }
            Some(known) => Snapshot::Other(known.clone()),
            None => Snapshot::Missing,
        }
    })
    .unwrap_or(Snapshot::Missing)
}

/// A streamed response, all of it.
#[derive(Debug, Default)]
struct Collected {
    has_begun: bool,
    prelude: Vec<u8>,
    data: Vec<u8>,
}

impl Collected {
    /// The status and the headers, where there are any, and the body.
    fn to_dynamic(&self) -> Dynamic {
        let prelude = self.prelude.strip_suffix(&[0; 8]).unwrap_or(&self.prelude);
        let mut map: Map = json::read(prelude).unwrap_or_default().try_cast().unwrap_or_default();
        let body = match std::str::from_utf8(&self.data) {
            Ok(text) => text.to_owned().into(),
            Err(_) => Dynamic::from_blob(self.data.clone()),
        };
        map.insert("body".into(), body);
        map.into()
    }
}

impl Sink for Collected {
    fn has_begun(&self) -> bool {
        self.has_begun
    }

    fn begin(&mut self, _: &str, prelude: &[u8], _: Option<Instant>) -> Result<(), Broken> {
        self.has_begun = true;
        self.prelude = prelude.to_vec();
        Ok(())
    }

    fn write(&mut self, data: &[u8], _: Option<Instant>) -> Result<(), Broken> {
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn flush(&mut self, _: Option<Instant>) -> Result<(), Broken> {
        Ok(())
    }

    fn is_open(&mut self) -> bool {
        true
    }
}
