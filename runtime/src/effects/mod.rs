//! Everything that reaches outside the script: one small interface, and a policy in front of it.
//!
//! The library never touches the clock, the network, the environment or a file by itself: it asks
//! [`world`], which asks the script's [`Policy`] and then the [`Effects`] behind it. Those can be
//! replaced, so that a test freezes the clock and a recorder notes what was answered.

mod client;
mod declaration;
mod dns;
mod files;
mod forward;
mod policy;
mod reach;
mod system;
mod tls;
mod url;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

#[cfg(feature = "tool")]
pub use client::Uri;
pub(crate) use client::{Client, Names};
pub use declaration::{Declaration, Item, Malformed};
pub(crate) use dns::Dns;
#[cfg(feature = "tool")]
pub use dns::parsers as dns_parsers;
pub use files::failed;
pub use policy::{Folder, Policy, is_credential, is_like};
pub use reach::OutOfReach;
pub use system::System;
pub use url::Url;

use crate::aws;
use crate::bounds::Bounds;
use crate::logging;

/// An effect that did not come about: a type for scripts to match, and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Such as `Http.Timeout`.
    pub error_type: &'static str,
    /// What happened, and the way out.
    pub message: String,
}

impl Failure {
    /// A failure of this type.
    #[must_use]
    pub fn new(error_type: &'static str, message: impl Into<String>) -> Self {
        Self { error_type, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// One HTTP request, without redirects and retries.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` and so on, in capitals.
    pub method: String,
    /// Where it goes.
    pub url: Url,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Rc<Vec<u8>>,
    /// How long the exchange may take, reading the answer's body included.
    pub timeout: Duration,
    /// What it is to AWS, if it goes there: it is signed where it is sent.
    pub aws: Option<Rc<aws::Call>>,
}

impl Request {
    /// Whether sending it twice is the same as once (RFC 9110, 9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(&self.method.as_str())
    }
}

/// Where an event of CloudFormation wants its answer, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// `ResponseURL`.
    pub url: String,
    /// `RequestId`.
    pub request_id: String,
    /// `StackId`.
    pub stack_id: String,
}

/// The answer to a [`Request`].
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The body as it came; a failure to read is the [`Failure`] inside the error.
    pub body: Box<dyn Read>,
}

impl Response {
    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What is known about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Bytes.
    pub size: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// What can be done to the world. [`System`] does it for real.
///
/// Paths are absolute and already confined; variables and hosts are already allowed.
pub trait Effects {
    /// The wall clock.
    fn now(&self) -> SystemTime;
    /// Waits.
    fn sleep(&self, length: Duration);
    /// Fills the buffer with bytes that nobody can guess.
    fn random(&self, bytes: &mut [u8]);
    /// The value of an environment variable; one that is not UTF-8 is lossily text.
    fn variable(&self, name: &str) -> Option<String>;
    /// The path with all links followed.
    ///
    /// # Errors
    /// As the system says, such as that nothing is there.
    fn real_path(&self, path: &Path) -> io::Result<PathBuf>;
    /// Opens a file for reading.
    ///
    /// # Errors
    /// As the system says.
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>>;
    /// Creates a file, or adds to the one that is there.
    ///
    /// # Errors
    /// As the system says.
    fn write(&self, path: &Path, append: bool) -> io::Result<Box<dyn Write>>;
    /// The names in a folder, in no order.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Removes a file, or a folder that is empty.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder and those above it.
    ///
    /// # Errors
    /// As the system says.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// What is known about a file, with links followed.
    ///
    /// # Errors
    /// As the system says.
    fn info(&self, path: &Path) -> io::Result<FileInfo>;
    /// Sends a request, and returns when the head of the answer is there.
    ///
    /// # Errors
    /// A [`Failure`] of type `Http.…`; of `Aws.…` where a signature cannot be made.
    fn exchange(&self, request: &Request) -> Result<Response, Failure>;
    /// The query that makes a URL of AWS good for so long without a signature of its own; the request's
    /// headers have to be sent with it.
    ///
    /// # Errors
    /// `Aws.NoCredentials`.
    fn presign(&self, request: &Request, good_for: Duration) -> Result<String, Failure>;
    /// Has the credentials of AWS looked up again before the next request, for they are too old.
    fn renew_credentials(&self) {}
}

/// The effects a script may have: the policy, then the effects themselves, within its bounds.
pub struct World {
    effects: Box<dyn Effects>,
    policy: Policy,
    /// The task root and the layers' root.
    roots: Vec<PathBuf>,
    out_of_reach: Arc<OutOfReach>,
    /// Where the event of this invocation wants its answer.
    reply_to: RefCell<Option<ReplyTo>>,
    bounds: Option<Rc<Bounds>>,
    random: RefCell<fastrand::Rng>,
    is_seeded: Cell<bool>,
    is_traced: bool,
    /// What retries of calls to AWS are paid with.
    retry_tokens: Cell<u32>,
    /// Parameters and secrets, and until when they are good.
    kept_values: RefCell<BTreeMap<String, (SystemTime, String)>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("policy", &self.policy).finish_non_exhaustive()
    }
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// The world of the script on this thread; an open one where none was installed.
#[must_use]
pub fn world() -> Rc<World> {
    WORLD.with_borrow_mut(|world| {
        world.get_or_insert_with(|| Rc::new(World::new(Policy::open()))).clone()
    })
}

/// Makes this the world of the script on this thread.
pub fn install(world: World) {
    WORLD.set(Some(Rc::new(world)));
}

/// Brings back a world that was left for another one, with the bounds of its script.
#[cfg(feature = "tool")]
pub fn reinstall(world: Rc<World>) {
    if let Some(bounds) = &world.bounds {
        bounds.resume();
    }
    WORLD.set(Some(world));
}

#[cfg(feature = "tool")]
type MakeEffects = fn() -> Box<dyn Effects>;

#[cfg(feature = "tool")]
thread_local! {
    static STAND_IN: Cell<Option<MakeEffects>> = const { Cell::new(None) };
}

/// Has these stand in for the real effects of every script that this thread loads from now on.
#[cfg(feature = "tool")]
pub fn stand_in(make: MakeEffects) {
    STAND_IN.set(Some(make));
}

/// How much of the remaining time a script keeps to react when something took all the rest: a tenth,
/// and at most this.
const LONGEST_KEPT: Duration = Duration::from_secs(1);

/// How long anything may take where there is no deadline.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(60);

/// What there is to pay retries with (the standard retry mode of the SDKs).
const MOST_RETRY_TOKENS: u32 = 500;

/// The most parameters and secrets that are kept, and the most bytes of each, as Secrets Manager has them.
const MOST_KEPT: usize = 100;
const LARGEST_KEPT: usize = 66_000;

/// More than the name of any variable has.
const LONGEST_NAME: usize = 4096;

impl World {
    /// The real world under a policy, without files of a task root and without a deadline.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            effects: Box::new(System::default()),
            policy,
            roots: Vec::new(),
            out_of_reach: Arc::default(),
            reply_to: RefCell::default(),
            bounds: None,
            random: RefCell::new(fastrand::Rng::with_seed(0)),
            is_seeded: Cell::new(false),
            is_traced: false,
            retry_tokens: Cell::new(MOST_RETRY_TOKENS),
            kept_values: RefCell::default(),
        }
    }

    /// Has other effects than the real ones.
    #[must_use]
    pub fn with_effects(self, effects: Box<dyn Effects>) -> Self {
        Self { effects, ..self }
    }

    /// Has these effects by way of others that stand before them.
    #[must_use]
    pub fn through(self, wrap: impl FnOnce(Box<dyn Effects>) -> Box<dyn Effects>) -> Self {
        Self { effects: wrap(self.effects), ..self }
    }

    /// Lets files be read below these folders.
    #[must_use]
    pub fn with_roots(self, roots: Vec<PathBuf>) -> Self {
        Self { roots, ..self }
    }

    /// Ends waiting before the script's deadline.
    #[must_use]
    pub fn with_bounds(self, bounds: Rc<Bounds>) -> Self {
        Self { bounds: Some(bounds), ..self }
    }

    /// Has the effects that stand in for the real ones on this thread, if there are any.
    #[cfg(feature = "tool")]
    #[must_use]
    pub fn with_stand_in(self) -> Self {
        match STAND_IN.get() {
            Some(make) => self.with_effects(make()),
            None => self,
        }
    }

    /// Keeps scripts away from the Runtime API at `host:port`, which may be followed by a path.
    #[must_use]
    pub fn without_runtime_api(self, runtime_api: &str) -> Self {
        let out_of_reach = Arc::new(OutOfReach::with_runtime_api(runtime_api));
        let effects = Box::new(System::without(out_of_reach.clone()));
        Self { effects, out_of_reach, ..self }
    }

    /// Tells the tool of each exchange.
    #[must_use]
    pub fn traced(self, is_traced: bool) -> Self {
        Self { is_traced, ..self }
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.effects.now()
    }

    /// Fills the buffer with bytes that nobody can guess.
    pub fn random_bytes(&self, bytes: &mut [u8]) {
        self.effects.random(bytes);
    }

    /// Draws from a fast generator that was seeded once by [`World::random_bytes`].
    pub fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        let mut random = self.random.borrow_mut();
        if !self.is_seeded.replace(true) {
            let mut seed = [0; 8];
            self.effects.random(&mut seed);
            random.seed(u64::from_ne_bytes(seed));
        }
        draw(&mut random)
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    /// `Policy.Refused`.
    pub fn variable(&self, name: &str) -> Result<Option<String>, Failure> {
        if name.len() > LONGEST_NAME {
            return Ok(None);
        }
        self.policy.check_env(name)?;
        Ok(self.effects.variable(name))
    }

    /// The function's name, which is no secret.
    #[must_use]
    pub fn function_name(&self) -> String {
        let name = self.effects.variable("AWS_LAMBDA_FUNCTION_NAME");
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".into())
    }

    /// Sends a request if the policy lets it.
    ///
    /// # Errors
    /// `Policy.Refused`, or a [`Failure`] of type `Http.…`.
    pub fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        self.policy.check_http(&request.url)?;
        self.send(request)
    }

    /// Sends a request to AWS if the policy lets it; `resources` are what it is about, if that is known.
    ///
    /// # Errors
    /// `Policy.Refused`, or a [`Failure`] of type `Http.…` or `Aws.…`.
    pub fn exchange_aws(
        &self,
        request: &Request,
        resources: Option<&[String]>,
    ) -> Result<Response, Failure> {
        self.check_request(request, resources)?;
        self.send(request)
    }

    /// The query that makes a URL of AWS good for so long.
    ///
    /// # Errors
    /// `Policy.Refused`, `Aws.NoCredentials`.
    pub fn presign(
        &self,
        request: &Request,
        resources: Option<&[String]>,
        good_for: Duration,
    ) -> Result<String, Failure> {
        self.check_request(request, resources)?;
        self.effects.presign(request, good_for)
    }

    fn check_request(
        &self,
        request: &Request,
        resources: Option<&[String]>,
    ) -> Result<(), Failure> {
        match &request.aws {
            Some(call) => {
                self.check_aws(&call.scope.service, &call.operation, resources)?;
                // A signed request to a host that the script names is one to anybody.
                match call.is_elsewhere {
                    true => self.policy.check_http(&request.url),
                    false => Ok(()),
                }
            }
            None => self.policy.check_http(&request.url),
        }
    }

    /// Whether the policy lets an operation of a service of AWS, which is named as in signatures.
    ///
    /// # Errors
    /// `Policy.Refused`.
    pub fn check_aws(
        &self,
        service: &str,
        operation: &str,
        resources: Option<&[String]>,
    ) -> Result<(), Failure> {
        self.policy.check_aws(service, aws::action_of(service, operation), resources)
    }

    /// Pays for a retry of a call to AWS; false where so many failed that it would only do harm.
    #[must_use]
    pub fn pay_retry(&self, price: u32) -> bool {
        let left = self.retry_tokens.get().checked_sub(price);
        self.retry_tokens.set(left.unwrap_or(self.retry_tokens.get()));
        left.is_some()
    }

    /// Gives back what a retry was paid with, or a little for a call that needed none.
    pub fn refund_retry(&self, price: u32) {
        self.retry_tokens.set((self.retry_tokens.get() + price).min(MOST_RETRY_TOKENS));
    }

    /// A parameter or a secret that was looked up not so long ago.
    #[must_use]
    pub fn kept_value(&self, name: &str, ttl: Duration) -> Option<String> {
        let now = self.now();
        let kept = self.kept_values.borrow();
        let (until, value) = kept.get(name)?;
        (!ttl.is_zero() && now < *until && *until <= now + ttl).then(|| value.clone())
    }

    /// Keeps one for so long, if it is not too large.
    pub fn keep_value(&self, name: String, value: &str, ttl: Duration) {
        if ttl.is_zero() || name.len() + value.len() > LARGEST_KEPT {
            return;
        }
        let now = self.now();
        let mut kept = self.kept_values.borrow_mut();
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (until, _)| now < *until);
        }
        if kept.len() < MOST_KEPT {
            kept.insert(name, (now + ttl, value.to_owned()));
        }
    }

    /// Forgets one.
    pub fn forget_value(&self, name: &str) {
        self.kept_values.borrow_mut().remove(name);
    }

    /// Has the credentials of AWS looked up again.
    pub fn renew_credentials(&self) {
        self.effects.renew_credentials();
    }

    /// A variable that the runtime itself needs, such as the region. No credential is one.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        self.effects.variable(name).filter(|value| !value.is_empty() && !is_credential(name))
    }

    /// Notes where the event that the runtime was handed wants its answer.
    pub fn expect_reply(&self, to: Option<ReplyTo>) {
        self.reply_to.replace(to);
    }

    /// Sends the answer to an event. To where the event of this invocation wants it is not the script's
    /// choice, so its policy is not asked; for an event that the script made up, it is.
    ///
    /// # Errors
    /// `Policy.Refused`, or a [`Failure`] of type `Http.…`.
    pub fn reply(&self, request: &Request, to: &ReplyTo) -> Result<Response, Failure> {
        match self.reply_to.borrow().as_ref() == Some(to) {
            true => self.send(request),
            false => self.exchange(request),
        }
    }

    fn send(&self, request: &Request) -> Result<Response, Failure> {
        if let Ok(ip) = request.url.host.parse() {
            let deadline = Instant::now() + request.timeout;
            self.out_of_reach.check(SocketAddr::new(ip, request.url.port), deadline)?;
        }
        let started = self.is_traced.then(Instant::now);
        let answer = self.effects.exchange(request);
        if let Some(started) = started {
            trace_exchange(request, &answer, started.elapsed());
        }
        self.took_long();
        answer
    }

    /// What stops the script; none outside a function.
    #[must_use]
    pub fn bounds(&self) -> Option<Rc<Bounds>> {
        self.bounds.clone()
    }

    /// How long something may take so that the script can still react to its failure.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match self.bounds.as_ref().and_then(|bounds| bounds.deadline()) {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                left - (left / 10).min(LONGEST_KEPT)
            }
            None => WITHOUT_DEADLINE,
        }
    }

    /// Waits.
    pub fn sleep(&self, length: Duration) {
        self.effects.sleep(length);
    }

    /// Draws differently from now on, as after a snapshot that many environments start from.
    pub fn forget_seed(&self) {
        self.is_seeded.set(false);
    }

    /// Waits, but not past the script's patience.
    pub fn pause(&self, length: Duration) {
        self.effects.sleep(length.min(self.patience()));
        self.took_long();
    }

    /// Has the deadline looked at before the script's next operation.
    pub fn took_long(&self) {
        if let Some(bounds) = &self.bounds {
            bounds.look_soon();
        }
    }
}

#[cold]
fn trace_exchange(request: &Request, answer: &Result<Response, Failure>, took: Duration) {
    let outcome = match answer {
        Ok(response) => response.status.to_string(),
        Err(failure) => failure.error_type.to_owned(),
    };
    let took = took.as_micros();
    logging::trace(&match &request.aws {
        Some(call) => format!("http\taws\t{call}\t{outcome}\t{took}"),
        None => {
            let url = request.url.shown();
            format!("http\t{}\t{url}\t{outcome}\t{took}", request.method)
        }
    });
}
