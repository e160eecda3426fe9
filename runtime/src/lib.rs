//! What runs inside Lambda: a Rhai script as a function.
//!
//! The story, told once in [`run`]:
//!
//! ```text
//! environment -> config -> handler -> engine (compile once)
//!                                        |
//!                  next -> event -> call -> response | error -> forget
//!                    ^                                            |
//!                    +--------------------------------------------+
//! ```
//!
//! Data flows one way. The engine (rhai) and the client of the Runtime API (ureq) never meet: the
//! loop holds both.

mod absent;
pub mod api;
pub mod aws;
pub mod bounds;
mod callbacks;
mod captured;
mod caught;
mod closures;
mod code;
mod comparing;
mod compile;
pub mod config;
pub mod context;
mod depth;
mod description;
mod diagnosis;
pub mod effects;
pub mod engine;
mod environment_state;
pub mod error;
mod fold;
mod frames;
pub mod handler;
pub mod invocation;
pub mod invoke_loop;
pub mod json;
mod library;
mod loans;
pub mod logging;
mod loops;
mod lowered;
pub mod memory;
pub mod modules;
pub mod names;
mod natives;
mod numbers;
mod origin;
pub mod other_languages;
pub mod pages;
mod pool;
pub mod recording;
pub mod response_stream;
pub mod sink;
pub mod suggest;
pub mod syntax;
mod tail;
mod time;
mod vocabulary;
mod wire;
mod wrapper;

#[cfg(feature = "tool")]
pub use caught::by_native as caught_value;
#[cfg(feature = "tool")]
pub use compile::Words;
#[cfg(feature = "tool")]
pub use library::{aws_resources, whole as documented_engine};

/// What an error of the engine is told as, without its place.
#[cfg(feature = "tool")]
#[must_use]
pub fn error_in_words(error: &rhai::EvalAltResult, engine: &rhai::Engine) -> String {
    match frames::trace_of(engine) {
        Some(trace) => description::describe(error, "", engine, &trace.borrow()).message,
        None => description::plain(error),
    }
}

/// What the library has, as the Rhai language server reads it; written by `make docs`.
#[cfg(feature = "tool")]
pub const DEFINITIONS: &str = include_str!("../docs/rhambda.d.rhai");

use api::Api;
use config::{Config, Environment, Logging};
use engine::Script;
use error::{ApiError, InitError};

/// The exit codes of `bootstrap`; only the text in Lambda's log depends on them.
mod exit {
    /// The environment has to be replaced: Lambda starts another one for the next event.
    pub const REPLACED: u8 = 0;
    /// Init failed, or the Runtime API is gone.
    pub const FAILURE: u8 = 1;
    /// `bootstrap` was started by hand.
    pub const USAGE: u8 = 2;
}

/// Runs the function that the environment describes, until the Runtime API ends it, or memory that was
/// lost does.
///
/// Returns the exit code.
#[must_use]
pub fn run(environment: &Environment) -> u8 {
    logging::start(Logging::from_environment(environment));
    invoke_loop::keep_panics_quiet();
    let Some(runtime_api) = environment.get("AWS_LAMBDA_RUNTIME_API") else {
        eprintln!(
            "bootstrap {} runs a Rhai script as an AWS Lambda function. Lambda starts it and sets \
             AWS_LAMBDA_RUNTIME_API, which is not set here.\n\
             To run a script on this machine: rhambda invoke hello.rhai",
            env!("CARGO_PKG_VERSION")
        );
        return exit::USAGE;
    };
    let api = Api::new(runtime_api);
    let working_directory = environment.get("LAMBDA_TASK_ROOT").unwrap_or("/var/task");
    match serve(environment, runtime_api, &api, working_directory) {
        Ok(()) => return exit::REPLACED,
        Err(End::Init(InitError(report))) => {
            logging::error_report(&report);
            if let Err(error) = api.send_init_error(&report, working_directory) {
                log::error!("the init error could not be reported: {error}");
            }
        }
        Err(End::Api(error)) => log::error!("{error}"),
    }
    exit::FAILURE
}

enum End {
    Init(InitError),
    Api(ApiError),
}

fn serve(
    environment: &Environment,
    runtime_api: &str,
    api: &Api,
    working_directory: &str,
) -> Result<(), End> {
    wrapper::exec(environment).map_err(End::Init)?;
    bounds::look_by_timer();
    let config = Config::from_environment(environment, runtime_api).map_err(End::Init)?;
    let script = invoke_loop::guarded(|| Script::load(&config))
        .unwrap_or_else(|report| Err(InitError(report)))
        .map_err(End::Init)?;
    log::info!("{} is ready", config.handler);
    if config.snap_start {
        api.wait_for_restore().map_err(End::Api)?;
        effects::world().forget_seed();
    }
    invoke_loop::serve(api, &script, working_directory).map_err(End::Api)
}
