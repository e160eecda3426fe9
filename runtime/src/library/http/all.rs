//! Several calls at once, some of them at a time.

use std::time::{Duration, Instant};

use rhai::{Array, Dynamic, EvalAltResult, INT, Map, Position};

use super::exchange::{Call, Fields, PIECE, Step};
use super::options::{Options, Refused, number};
use crate::bounds::in_time;
use crate::effects::{Failure, world};
use crate::library::{Fallible, grow, thrown};
use crate::{memory, suggest};

const DEFAULT_CONCURRENCY: usize = 10;
/// Each of them has a thread, and buffers of some 100 KB.
const MOST_CONCURRENCY: INT = 50;

/// What one of them may take at least, in bytes.
const MEMORY_OF_ONE: usize = 1 << 20;

const NAMES: [&str; 3] = ["concurrency", "timeout_ms", "throw_on_error"];

/// What is asked of all calls together.
struct Terms {
    concurrency: usize,
    latest: Option<Instant>,
    throws_on_error: bool,
}

impl Terms {
    fn of(map: &Map) -> Fallible<Self> {
        let wrong = |why: String| Failure::new("Http.InvalidRequest", format!("http::all: {why}"));
        if let Some(other) = map.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let hint = match suggest::nearest(other, NAMES) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", NAMES.join(", ")),
            };
            return Err(wrong(format!("there is no option `{other}`; {hint}")).into());
        }
        let get = |name: &str| map.get(name).map(|value| value.clone().flatten());
        let concurrency = number("concurrency", get("concurrency"), 1, MOST_CONCURRENCY);
        let timeout = number("timeout_ms", get("timeout_ms"), 1, INT::MAX).map_err(wrong)?;
        let throws_on_error = match get("throw_on_error").map(|value| value.as_bool()) {
            None => false,
            Some(Ok(throws)) => throws,
            Some(Err(kind)) => {
                return Err(wrong(format!("`throw_on_error` is true or false, not {kind}")).into());
            }
        };
        Ok(Self {
            concurrency: concurrency
                .map_err(wrong)?
                .map_or(DEFAULT_CONCURRENCY, |asked| asked as usize),
            latest: timeout.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms))),
            throws_on_error,
        })
    }
}

/// One of the calls, which may wait for its next attempt.
struct Running {
    index: usize,
    call: Call,
    paused_until: Option<Instant>,
}

/// Makes the calls; what they give, in their order.
pub(super) fn all(requests: &Array, terms: &Map) -> Fallible<Array> {
    let terms = Terms::of(terms)?;
    let calls = checked(requests, &terms)?;
    let mut results: Vec<Result<Dynamic, Map>> = Vec::new();
    results.resize_with(calls.len(), || Ok(Dynamic::UNIT));
    let mut waiting = calls.into_iter().enumerate();
    let mut running: Vec<Running> = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        // What is under way may leave no memory for another.
        while running.is_empty()
            || running.len() < terms.concurrency && memory::has_room_for(MEMORY_OF_ONE)
        {
            let Some((index, options)) = waiting.next() else { break };
            let call = Call::new(options, index as u32 + 1, terms.latest);
            running.push(Running { index, call, paused_until: None });
        }
        if running.is_empty() {
            break;
        }
        in_time()?;
        let mut goes_on = false;
        let mut at = 0;
        while let Some(one) = running.get_mut(at) {
            if one.paused_until.is_some_and(|until| Instant::now() < until) {
                at += 1;
                continue;
            }
            one.paused_until = None;
            match one.call.step(&mut piece) {
                Step::Waits | Step::Opened(_) => at += 1,
                Step::GoesOn => {
                    goes_on = true;
                    at += 1;
                }
                Step::Pauses(length) => {
                    one.paused_until = Some(Instant::now() + length);
                    at += 1;
                }
                Step::Done(outcome) => {
                    let Running { index, call, .. } = running.remove(at);
                    results[index] = call
                        .settled(outcome)
                        .map(Dynamic::from)
                        .map_err(|(failure, fields)| failed(&failure, index, fields));
                    goes_on = true;
                }
            }
        }
        if !goes_on {
            wait(&mut running);
        }
    }
    world().took_long();
    let mut out = Array::new();
    for result in results {
        match result {
            Err(error) if terms.throws_on_error => {
                let error = EvalAltResult::ErrorRuntime(error.into(), Position::NONE);
                return Err(Box::new(error));
            }
            result => grow::push(&mut out, result.unwrap_or_else(Dynamic::from_map))?,
        }
    }
    Ok(out)
}

/// Waits until one of them can go on.
fn wait(running: &mut [Running]) {
    let now = Instant::now();
    let left = |until: Instant| until.saturating_duration_since(now);
    if running.iter().all(|one| one.paused_until.is_some()) {
        let Some(first) = running.iter_mut().min_by_key(|one| one.paused_until) else { return };
        // In a test another clock has the pauses.
        world().pause(first.paused_until.take().map_or(Duration::ZERO, left));
        return;
    }
    let until = |one: &Running| one.paused_until.unwrap_or_else(|| one.call.given_up_at());
    let longest = running.iter().map(|one| left(until(one))).min().unwrap_or_default();
    world().wait(longest);
}

/// The calls that are asked for. Nothing is sent before all of them can be.
fn checked(requests: &Array, terms: &Terms) -> Fallible<Vec<Options>> {
    let mut calls: Vec<Options> = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        let refused = |refused: Refused| {
            let Refused { failure, method, url } = refused;
            let message = format!("request {index} of http::all: {}", failure.message);
            let failure = Failure::new(failure.error_type, message);
            let index = INT::try_from(index).unwrap_or(INT::MAX).into();
            thrown(&failure, [("index", index), ("method", method.into()), ("url", url.into())])
        };
        let wrong = |method: &str, url: String, why: String| {
            refused(Refused {
                failure: Failure::new("Http.InvalidRequest", why),
                method: method.to_owned(),
                url,
            })
        };
        let options = if let Some(map) = request.read_lock::<Map>() {
            Options::of_request(map.clone())
        } else if let Ok(url) = request.as_immutable_string_ref() {
            Options::of("GET", &url, Map::new())
        } else {
            let why = format!(
                "it is a URL as text, or a map as for `http::request`, not {}",
                request.type_name()
            );
            return Err(wrong("", String::new(), why));
        };
        let mut options = options.map_err(refused)?;
        options.throws_on_error |= terms.throws_on_error;
        let shown = options.url.shown();
        if let Err(failure) = world().check_http(&options.url) {
            return Err(refused(Refused { failure, method: options.method, url: shown }));
        }
        let same = calls
            .iter()
            .position(|call| options.save_to.is_some() && call.save_to == options.save_to);
        if let Some(same) = same {
            let why = format!("it has the `save_to` of request {same}");
            return Err(wrong(&options.method, shown, why));
        }
        calls.push(options);
    }
    Ok(calls)
}

/// What stands in the place of an answer that did not come.
fn failed(failure: &Failure, index: usize, fields: Fields) -> Map {
    let mut map = Map::new();
    grow::put(&mut map, "ok", false.into());
    grow::put(&mut map, "type", failure.error_type.into());
    grow::put(&mut map, "message", failure.message.clone().into());
    grow::put(&mut map, "index", INT::try_from(index).unwrap_or(INT::MAX).into());
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_unit()) {
        grow::put(&mut map, name, value);
    }
    map
}
