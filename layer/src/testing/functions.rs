//! What a test can call beside the library.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, INT, Map, Module,
    NativeCallContext,
};
use rhambda_runtime::json;
use serde_json::Value;

use super::difference::{self, By, shown};
use super::mocks::{self, Answer};
use super::worker;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// The type of what a failed assertion throws.
pub(super) const ASSERTION: &str = "Assertion";

/// Gives an engine everything.
pub(crate) fn register(engine: &mut Engine) {
    invoke(engine);
    assertions(engine);
    snapshots(engine);
    engine.register_static_module("mock", mock().into());
}

fn thrown(context: &NativeCallContext, kind: &str, message: String) -> Box<EvalAltResult> {
    let mut map = Map::new();
    map.insert("type".into(), kind.to_owned().into());
    map.insert("message".into(), message.into());
    Box::new(EvalAltResult::ErrorRuntime(map.into(), context.call_position()))
}

fn failed(context: &NativeCallContext, message: impl Into<String>) -> Box<EvalAltResult> {
    thrown(context, ASSERTION, message.into())
}

/// What was said by the test, before what is wrong.
fn said(message: &str, wrong: &str) -> String {
    if message.is_empty() { wrong.to_owned() } else { format!("{message}: {wrong}") }
}

fn invoke(engine: &mut Engine) {
    // What the script's `handler` responds to an event, as JSON brings it there and back. What it
    // fails with is thrown, with `type` and `message`.
    engine.register_fn("invoke", |context: NativeCallContext, event: Dynamic| {
        worker::invoke(&context, "handler", &event)
    });
    // The same for another function of the script.
    engine.register_fn("invoke", |context: NativeCallContext, function: &str, event: Dynamic| {
        worker::invoke(&context, function, &event)
    });
}

fn assertions(engine: &mut Engine) {
    engine.register_fn("assert", |context: NativeCallContext, holds: bool| {
        if holds { Ok(()) } else { Err(failed(&context, "it does not hold")) }
    });
    engine.register_fn(
        "assert",
        |context: NativeCallContext, holds: bool, message: &str| {
            if holds { Ok(()) } else { Err(failed(&context, message)) }
        },
    );
    engine.register_fn(
        "assert_eq",
        |context: NativeCallContext, found: Dynamic, expected: Dynamic| {
            equal(&context, &found, &expected, By::Everything, "")
        },
    );
    engine.register_fn(
        "assert_eq",
        |context: NativeCallContext, found: Dynamic, expected: Dynamic, message: &str| {
            equal(&context, &found, &expected, By::Everything, message)
        },
    );
    engine.register_fn(
        "assert_matches",
        |context: NativeCallContext, found: Dynamic, pattern: Dynamic| {
            equal(&context, &found, &pattern, By::Pattern, "")
        },
    );
    engine.register_fn("assert_ne", |context: NativeCallContext, one: Dynamic, other: Dynamic| {
        let (one, other) = (json::to_value(&one), json::to_value(&other));
        if one == other {
            Err(failed(&context, format!("both are {}", shown(&one))))
        } else {
            Ok(())
        }
    });
    engine.register_fn("assert_contains", contains);
    engine.register_fn(
        "assert_approx",
        |context: NativeCallContext, one: Dynamic, other: Dynamic| {
            approximate(&context, &one, &other, 1e-9)
        },
    );
    engine.register_fn(
        "assert_approx",
        |context: NativeCallContext, one: Dynamic, other: Dynamic, tolerance: f64| {
            approximate(&context, &one, &other, tolerance)
        },
    );
    engine.register_fn("assert_throws", |context: NativeCallContext, function: FnPtr| {
        throws(&context, &function, "")
    });
    engine.register_fn(
        "assert_throws",
        |context: NativeCallContext, function: FnPtr, expected: &str| {
            throws(&context, &function, expected)
        },
    );
}

fn equal(
    context: &NativeCallContext,
    found: &Dynamic,
    expected: &Dynamic,
    by: By,
    message: &str,
) -> Fallible<()> {
    let (found, expected) = (json::to_value(found), json::to_value(expected));
    let lines = difference::of(&found, &expected, by);
    match lines.as_slice() {
        [] => Ok(()),
        [line] => Err(failed(context, said(message, line.strip_prefix("$: ").unwrap_or(line)))),
        lines => {
            let wrong = format!("{} differences\n{}", lines.len(), lines.join("\n"));
            Err(failed(context, said(message, &wrong)))
        }
    }
}

fn contains(context: NativeCallContext, whole: Dynamic, part: Dynamic) -> Fallible<()> {
    let (whole, part) = (json::to_value(&whole), json::to_value(&part));
    let has = match (&whole, &part) {
        (Value::String(whole), Value::String(part)) => whole.contains(part.as_str()),
        (Value::Array(items), part) => items.contains(part),
        (Value::Object(map), Value::String(name)) => map.contains_key(name),
        _ => false,
    };
    if has {
        return Ok(());
    }
    Err(failed(&context, format!("{} is not in {}", shown(&part), shown(&whole))))
}

fn approximate(
    context: &NativeCallContext,
    one: &Dynamic,
    other: &Dynamic,
    tolerance: f64,
) -> Fallible<()> {
    let number = |value: &Dynamic| json::to_value(value).as_f64();
    match (number(one), number(other)) {
        (Some(one), Some(other)) if (one - other).abs() <= tolerance => Ok(()),
        _ => Err(failed(context, format!("{one} is not {other}, give or take {tolerance}"))),
    }
}

/// What a function throws, as a map of `type` and `message`.
fn throws(context: &NativeCallContext, function: &FnPtr, expected: &str) -> Fallible<Map> {
    let error = match function.call_within_context::<Dynamic>(context, ()) {
        Ok(value) => {
            let value = shown(&json::to_value(&value));
            return Err(failed(context, format!("nothing was thrown; it returned {value}")));
        }
        Err(error) => error,
    };
    let mut innermost = &*error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = innermost {
        innermost = inner;
    }
    if innermost.is_system_exception() {
        return Err(error);
    }
    let map = match innermost {
        EvalAltResult::ErrorRuntime(value, _) => {
            value.clone().try_cast::<Map>().unwrap_or_else(|| {
                Map::from([
                    ("type".into(), "".into()),
                    ("message".into(), value.to_string().into()),
                ])
            })
        }
        other => {
            let text = other.to_string();
            Map::from([("type".into(), "".into()), ("message".into(), text.into())])
        }
    };
    let text = |name: &str| map.get(name).map(ToString::to_string).unwrap_or_default();
    if text("type") == expected || text("message").contains(expected) {
        return Ok(map);
    }
    let found = format!("{} {:?}", text("type"), text("message"));
    Err(failed(context, format!("{expected:?} was to be thrown, and it was {}", found.trim())))
}

fn snapshots(engine: &mut Engine) {
    engine.register_fn("assert_snapshot", |context: NativeCallContext, value: Dynamic| {
        snapshot(&context, "", &value)
    });
    engine.register_fn(
        "assert_snapshot",
        |context: NativeCallContext, name: &str, value: Dynamic| snapshot(&context, name, &value),
    );
}

fn snapshot(context: &NativeCallContext, name: &str, value: &Dynamic) -> Fallible<()> {
    let value = json::to_value(value);
    match worker::snapshot(name, &value) {
        worker::Snapshot::Same | worker::Snapshot::Taken => Ok(()),
        worker::Snapshot::Missing => Err(failed(
            context,
            "there is no snapshot yet; run `rhambda test --update` and look at what it writes",
        )),
        worker::Snapshot::Other(expected) => {
            let lines = difference::of(&value, &expected, By::Everything).join("\n");
            let way_out = "`rhambda test --update` takes the new value";
            Err(failed(context, format!("the snapshot differs; {way_out}\n{lines}")))
        }
    }
}

fn mock() -> Module {
    let mut module = Module::new();
    FuncRegistration::new("http").set_into_module(
        &mut module,
        |context: NativeCallContext, method: &str, url: &str, answer: Dynamic| -> Fallible<()> {
            let answer = answer_of(answer).map_err(|why| thrown(&context, "Mock.Invalid", why))?;
            mocks::with(|mocks| mocks.answer(method, url, answer));
            Ok(())
        },
    );
    FuncRegistration::new("calls").set_into_module(&mut module, || calls("*", "*"));
    FuncRegistration::new("calls")
        .set_into_module(&mut module, |method: &str, url: &str| calls(method, url));
    FuncRegistration::new("time").set_into_module(
        &mut module,
        |context: NativeCallContext, text: &str| -> Fallible<()> {
            let time = jiff::Timestamp::from_str(text).ok();
            let since_1970 = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
            let Some(ms) = since_1970 else {
                let why = format!("{text:?} is no time since 1970 as in \"2026-01-31T12:00:00Z\"");
                return Err(thrown(&context, "Mock.Invalid", why));
            };
            mocks::with(|mocks| {
                mocks.frozen = Some(UNIX_EPOCH + Duration::from_millis(ms));
                mocks.passed = Duration::ZERO;
            });
            Ok(())
        },
    );
    FuncRegistration::new("advance").set_into_module(
        &mut module,
        |context: NativeCallContext, text: &str| -> Fallible<()> {
            let length = jiff::SignedDuration::from_str(text).ok();
            let length = length.and_then(|length| Duration::try_from(length).ok());
            let Some(length) = length else {
                let why = format!("{text:?} is no length of time as in \"1h 30m\"");
                return Err(thrown(&context, "Mock.Invalid", why));
            };
            mocks::with(|mocks| mocks.passed += length);
            Ok(())
        },
    );
    FuncRegistration::new("random").set_into_module(&mut module, |seed: INT| {
        mocks::with(|mocks| mocks.random.seed(seed as u64));
    });
    FuncRegistration::new("env").set_into_module(&mut module, |name: &str, value: Dynamic| {
        mocks::with(|mocks| match value.is_unit() {
            true => mocks.variables.remove(name),
            false => mocks.variables.insert(name.to_owned(), value.to_string()),
        });
    });
    module
}

fn answer_of(answer: Dynamic) -> Result<Answer, String> {
    let kind = answer.type_name();
    let map_of = |value: Dynamic| {
        let kind = value.type_name();
        let map: Map = value.try_cast().ok_or_else(|| {
            format!("a mock answers with a map such as #{{ status: 200 }}, not {kind}")
        })?;
        mocks::check(&map).map(|()| map)
    };
    if answer.is_fnptr() {
        return answer.try_cast().map(Answer::By).ok_or_else(|| kind.to_owned());
    }
    if answer.is_array() {
        let answers = answer.into_array().map_err(str::to_owned)?;
        if answers.is_empty() {
            return Err("an empty array answers nothing".to_owned());
        }
        return answers.into_iter().map(map_of).collect::<Result<_, _>>().map(Answer::InTurn);
    }
    Ok(Answer::InTurn(vec![map_of(answer)?]))
}

fn calls(method: &str, url: &str) -> Array {
    let is_like = |call: &&Map, name: &str, pattern: &str| {
        call.get(name).is_some_and(|value| mocks::is_like(pattern, &value.to_string()))
    };
    let method = method.to_uppercase();
    mocks::with(|mocks| {
        mocks
            .calls
            .iter()
            .filter(|call| is_like(call, "method", &method) && is_like(call, "url", url))
            .map(|call| Dynamic::from_map(call.clone()))
            .collect()
    })
}

/// Snapshots by the test's name and their own.
pub(crate) type Snapshots = BTreeMap<String, Value>;
