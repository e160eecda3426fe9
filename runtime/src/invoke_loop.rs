//! next -> call -> response | error, again.

use std::cell::RefCell;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use crate::api::Api;
use crate::engine::Script;
use crate::error::{ApiError, ErrorType, InvocationError, Report};
use crate::invocation::Invocation;
use crate::response_stream::ResponseStream;
use crate::sink::{self, Sink};
use crate::{logging, memory};

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Serves invocations until the environment has to be replaced, since an invocation left too much behind.
///
/// Every invocation ends in exactly one response or error, also through a panic.
///
/// # Errors
/// The [`ApiError`] that ended the loop: the Runtime API cannot be talked to any more.
pub fn serve(api: &Api, script: &Script, working_directory: &str) -> Result<(), ApiError> {
    let mut is_cold_start = true;
    loop {
        let mut invocation = api.next_invocation()?;
        if is_cold_start {
            memory::settle();
        }
        logging::set_request(&invocation.request_id, invocation.tenant_id.as_deref());
        set_trace_id(invocation.trace_id.as_deref());
        log::debug!("invocation {} begins", invocation.request_id);
        let stream =
            script.may_stream().then(|| Rc::new(RefCell::new(api.response_stream(&invocation))));
        let sink = stream.clone().map(|stream| stream as Rc<RefCell<dyn Sink>>);
        let outcome = guarded(|| script.invoke(&mut invocation, is_cold_start, sink))
            .unwrap_or_else(|report| Err(InvocationError(report)));
        match stream.filter(|stream| stream.borrow().has_begun()) {
            Some(stream) => end_stream(&mut stream.borrow_mut(), &outcome)?,
            None => deliver(api, &invocation, &outcome, working_directory)?,
        }
        // The caller has waited long enough.
        script.keep_recording(&outcome);
        let ran_out_of_memory = outcome.as_ref().is_err_and(InvocationError::is_out_of_memory);
        drop(outcome);
        let lost = guarded(|| script.end_invocation(ran_out_of_memory))
            .unwrap_or_else(|report| Some(report.error_message()));
        if let Some(why) = lost {
            // The answer has been taken, so that Lambda sees this end between two invocations.
            log::warn!("{why}");
            return Ok(());
        }
        logging::set_request("", None);
        is_cold_start = false;
    }
}

fn deliver(
    api: &Api,
    invocation: &Invocation,
    outcome: &Result<Vec<u8>, InvocationError>,
    working_directory: &str,
) -> Result<(), ApiError> {
    match outcome {
        Ok(response) => api.send_response(invocation, response)?,
        Err(InvocationError(report)) => {
            // Lambda does not print what it is told at `/error`.
            logging::error_report(report);
            api.send_error(invocation, report, working_directory)?
        }
    };
    Ok(())
}

/// Ends a response that has begun: what went wrong can only be told behind it.
fn end_stream(
    stream: &mut ResponseStream,
    outcome: &Result<Vec<u8>, InvocationError>,
) -> Result<(), ApiError> {
    let report = outcome.as_ref().err().map(|InvocationError(report)| &**report);
    if let Some(report) = report {
        // That nobody reads any more is no failure of the script.
        if !stream.is_closed() || report.type_name() != sink::CLOSED {
            logging::error_report(report);
        }
    }
    stream.end(report)?;
    Ok(())
}

/// Runs `work`; a panic in it becomes a report.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Box<Report>> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        let what = PANIC.take().unwrap_or_else(|| "for an unknown reason".into());
        Box::new(Report::new(
            ErrorType::Panic,
            format!("native code panicked {what}; this is a defect of rhambda, please report it"),
        ))
    })
}

/// Keeps what a panic says for the report, instead of printing it.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let said = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("without a message");
        // A second panic on the same way down is not more telling than the first.
        PANIC.with_borrow_mut(|kept| {
            kept.get_or_insert_with(|| format!("at {place}: {said}"));
        });
    }));
}

/// Sets what tracing libraries read; removed where the invocation has no trace.
fn set_trace_id(trace_id: Option<&str>) {
    const NAME: &str = "_X_AMZN_TRACE_ID";
    // What `set_var` sets is copied by glibc and never freed, which is a leak with each invocation;
    // what `putenv` is given stays ours.
    static ENTRY: Mutex<Option<CString>> = Mutex::new(None);
    let entry = trace_id.and_then(|value| CString::new(format!("{NAME}={value}")).ok());
    let mut kept = ENTRY.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: this process has this one thread only. The entry lives in `ENTRY` until the
    // environment has another one, or none, of its name.
    unsafe {
        match &entry {
            Some(entry) => drop(libc::putenv(entry.as_ptr().cast_mut())),
            None => std::env::remove_var(NAME),
        }
    }
    *kept = entry;
}
