//! Execution environments: a real process, started and ended as Lambda does.

#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rhambda_layer::emulator::Outcome;
use rhambda_layer::environment::{Environment, Function, Stream};

use crate::fake;

fn function(handler: &str) -> Function {
    let mut function = Function::new(fake::bootstrap(), env!("CARGO_MANIFEST_DIR"), handler);
    function.variables.push(fake::variable());
    function
}

fn started(function: &Function) -> Environment {
    Environment::start(function, |_| {}).unwrap()
}

#[test]
fn an_environment_serves_one_event_after_another() {
    let function = function("f.echo");
    let mut environment = started(&function);
    for (event, is_first) in [("1", true), ("[2]", false)] {
        let invoked = environment.invoke(function.invocation(event));
        let Outcome::Response(response) = &invoked.outcome else { panic!("{invoked:?}") };
        assert_eq!(response.body, event.as_bytes());
        assert_eq!(invoked.init.is_some(), is_first);
        assert!(invoked.max_memory > 100_000, "{}", invoked.max_memory);
        assert!(invoked.billed_ms() >= 1);
    }
}

#[test]
fn what_the_process_writes_arrives_line_by_line() {
    let function = function("f.echo");
    let (sender, lines) = mpsc::channel();
    let mut environment = Environment::start(&function, move |line| {
        sender.send(line).unwrap();
    })
    .unwrap();
    environment.invoke(function.invocation("1"));
    environment.stop();
    let lines: Vec<_> = lines.try_iter().filter(|line| line.stream == Stream::Stderr).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].text.ends_with("\tINFO\tone line\rand another"));
}

#[test]
fn the_process_has_lambdas_variables_and_no_others() {
    let function = function("f.environment");
    let invoked = started(&function).invoke(function.invocation("{}"));
    let Outcome::Response(response) = invoked.outcome else { panic!("{invoked:?}") };
    let mut names: Vec<String> = serde_json::from_slice(&response.body).unwrap();
    names.sort();
    // The shell that starts the test program adds these.
    names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(&name.as_str()));
    let expected = [
        "AWS_DEFAULT_REGION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "LD_LIBRARY_PATH",
        "PATH",
        "TEST_PROGRAM",
        "TZ",
        "_HANDLER",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_function_that_takes_too_long_is_killed() {
    let mut function = function("f.hang");
    let watcher = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = watcher.local_addr().unwrap().to_string();
    function.variables.push(("WATCHER".to_owned(), address));
    function.timeout = Duration::from_secs(1);
    let mut environment = started(&function);

    let invoked = environment.invoke(function.invocation("{}"));

    assert_eq!(invoked.outcome, Outcome::TimedOut { after: Duration::from_secs(1) });
    assert_eq!(invoked.duration, Duration::from_secs(1));
    let (mut stream, _) = watcher.accept().unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    let after = environment.invoke(function.invocation("{}"));
    assert_eq!(after.outcome, Outcome::RuntimeExited { status: "signal: killed".to_owned() });
    assert_eq!(after.duration, Duration::ZERO);
}

#[test]
fn dropping_an_environment_kills_its_process() {
    let mut function = function("f.hang");
    let watcher = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = watcher.local_addr().unwrap().to_string();
    function.variables.push(("WATCHER".to_owned(), address));
    let environment = started(&function);
    let _pending = environment.emulator().invoke(function.invocation("{}"));
    let (mut stream, _) = watcher.accept().unwrap();

    drop(environment);

    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn an_init_error_is_the_outcome_of_the_first_invocation() {
    let function = function("f.init_error");
    let invoked = started(&function).invoke(function.invocation("{}"));
    let Outcome::InitError(error) = invoked.outcome else { panic!("{invoked:?}") };
    assert_eq!(error.recorded_type(), "Runtime.HandlerNotFound");
}

#[test]
fn a_process_that_exits_says_how() {
    let function = function("f.exit");
    let invoked = started(&function).invoke(function.invocation("{}"));
    let status = "exit status 7".to_owned();
    assert_eq!(invoked.outcome, Outcome::RuntimeExited { status });
}

#[test]
fn a_file_that_cannot_be_run_is_named_with_the_reason() {
    let start = |bootstrap: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let function = Function::new(folder.join(bootstrap), folder, "f.handler");
        Environment::start(&function, |_| {}).unwrap_err().to_string()
    };
    assert!(start("Cargo.toml").contains("it is not executable; try `chmod +x "));
    assert!(start("missing").contains("No such file"));
}
