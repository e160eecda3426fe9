//! What a test can call beside the library.
//!
//! The docs of the functions are the reference in `layer/docs/testing.md` and what editors show, both
//! written by `make docs`. Their examples stand in a test of `example.rhai`, and are run as such.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, INT, Map, NativeCallContext};
use rhambda_runtime::effects;
use rhambda_runtime::json;
use serde_json::Value;

use super::difference::{self, By, shown};
use super::mocks::{self, Answer};
use super::worker;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// The type of what a failed assertion throws.
pub(super) const ASSERTION: &str = "Assertion";

/// How far numbers may be apart that are about the same.
const TOLERANCE: f64 = 1e-9;

/// Gives an engine everything.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_global_module(exported_module!(global).into());
    engine.register_static_module("mock", exported_module!(mock).into());
}

/// An engine with what a test can call and nothing else, to be described.
#[must_use]
pub fn documented_engine() -> Engine {
    let mut engine = Engine::new();
    register(&mut engine);
    engine
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

/// What stands beside the library in a test, without a module.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module]
mod global {
    /// Fails the test unless the condition holds.
    ///
    /// ```rhai
    /// assert(invoke(#{ id: 7 }).id == 7);
    /// assert(1 > 2); // => error: it does not hold
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert(context: NativeCallContext, condition: bool) -> Fallible<()> {
        if condition { Ok(()) } else { Err(failed(&context, "it does not hold")) }
    }

    /// Fails the test with the message unless the condition holds.
    ///
    /// ```rhai
    /// assert(1 > 2, "the order is wrong"); // => error: the order is wrong
    /// ```
    #[rhai_fn(name = "assert", return_raw)]
    pub fn assert_or_say(
        context: NativeCallContext,
        condition: bool,
        message: &str,
    ) -> Fallible<()> {
        if condition { Ok(()) } else { Err(failed(&context, message)) }
    }

    /// Fails the test unless two numbers are the same but for 0.000000001, as what was reckoned with
    /// floats seldom is to the last digit.
    ///
    /// ```rhai
    /// assert_approx(0.1 + 0.2, 0.3);
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert_approx(context: NativeCallContext, one: Dynamic, other: Dynamic) -> Fallible<()> {
        approximate(&context, &one, &other, TOLERANCE)
    }

    /// Fails the test unless two numbers are the same but for the tolerance, which is a float.
    ///
    /// ```rhai
    /// assert_approx(100, 99.8, 0.5);
    /// assert_approx(100, 99, 0.5); // => error: 100 is not 99, give or take 0.5
    /// ```
    #[rhai_fn(name = "assert_approx", return_raw)]
    pub fn assert_within(
        context: NativeCallContext,
        one: Dynamic,
        other: Dynamic,
        tolerance: f64,
    ) -> Fallible<()> {
        approximate(&context, &one, &other, tolerance)
    }

    /// Fails the test unless a text has this part, an array this item, or a map a property of this
    /// name.
    ///
    /// ```rhai
    /// assert_contains("an order has an id", "order");
    /// assert_contains([1, #{ a: 2 }], #{ a: 2 });
    /// assert_contains(invoke(#{ id: 7 }), "at");
    /// assert_contains([1, 2], 3); // => error: 3 is not in [1,2]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert_contains(
        context: NativeCallContext,
        whole: Dynamic,
        part: Dynamic,
    ) -> Fallible<()> {
        contains(&context, &whole, &part)
    }

    /// Fails the test unless two values are the same as JSON, and says each difference with its
    /// path.
    ///
    /// ```rhai
    /// assert_eq(#{ a: [1, ()], b: "x" }, #{ b: "x", a: [1, ()] });
    /// assert_eq(#{ items: [#{ n: 1 }] }, #{ items: [#{ n: 2 }] }); // => error: $.items[0].n: expected 2, found 1
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert_eq(
        context: NativeCallContext,
        found: Dynamic,
        expected: Dynamic,
    ) -> Fallible<()> {
        equal(&context, &found, &expected, By::Everything, "")
    }

    /// The same, with a message before the differences.
    ///
    /// ```rhai
    /// assert_eq(1 + 1, 3, "the sum"); // => error: the sum: expected 3, found 2
    /// ```
    #[rhai_fn(name = "assert_eq", return_raw)]
    pub fn assert_eq_or_say(
        context: NativeCallContext,
        found: Dynamic,
        expected: Dynamic,
        message: &str,
    ) -> Fallible<()> {
        equal(&context, &found, &expected, By::Everything, message)
    }

    /// Fails the test unless a value is as the pattern says. Of a map only the properties that the
    /// pattern has are looked at, at any depth; everything else has to be the same.
    ///
    /// ```rhai
    /// let found = #{ id: 7, lines: [#{ sku: "a", n: 1 }] };
    /// assert_matches(found, #{ lines: [#{ sku: "a" }] });
    /// assert_matches(found, #{ total: 1 }); // => error: $.total: missing, expected 1
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert_matches(
        context: NativeCallContext,
        found: Dynamic,
        pattern: Dynamic,
    ) -> Fallible<()> {
        equal(&context, &found, &pattern, By::Pattern, "")
    }

    /// Fails the test if two values are the same as JSON.
    ///
    /// ```rhai
    /// assert_ne(uuid::v4(), uuid::v4());
    /// assert_ne("a", "a"); // => error: both are "a"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert_ne(context: NativeCallContext, one: Dynamic, other: Dynamic) -> Fallible<()> {
        let (one, other) = (json::to_value(&one, usize::MAX), json::to_value(&other, usize::MAX));
        if one == other {
            return Err(failed(&context, format!("both are {}", shown(&one))));
        }
        Ok(())
    }

    /// Compares a value with the snapshot of this test in `NAME.test.snap`, beside the test file.
    /// `rhambda test --update` writes what is found there; without it a snapshot that is missing or
    /// differs fails the test.
    ///
    /// ```rhai
    /// mock::time("2026-01-31T12:00:00Z");
    /// assert_snapshot(invoke(#{ id: 7 }));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert_snapshot(context: NativeCallContext, value: Dynamic) -> Fallible<()> {
        snapshot(&context, "", &value)
    }

    /// The same, where a test has several snapshots: each by its own name.
    ///
    /// ```rhai
    /// mock::time("2026-01-31T12:00:00Z");
    /// assert_snapshot("small", invoke(#{ id: 7 }));
    /// assert_snapshot("large", invoke(#{ id: 700 }));
    /// ```
    #[rhai_fn(name = "assert_snapshot", return_raw)]
    pub fn assert_named_snapshot(
        context: NativeCallContext,
        name: &str,
        value: Dynamic,
    ) -> Fallible<()> {
        snapshot(&context, name, &value)
    }

    /// Calls a closure, fails the test unless it throws, and returns what was thrown: a map with
    /// `type` and `message` at the least.
    ///
    /// ```rhai
    /// assert_throws(|| invoke(#{})).message; // => "an order has an id"
    /// assert_throws(|| 1 + 1); // => error: nothing was thrown; it returned 2
    /// ```
    #[rhai_fn(return_raw)]
    pub fn assert_throws(context: NativeCallContext, function: FnPtr) -> Fallible<Map> {
        throws(&context, &function, "")
    }

    /// The same, where what is thrown has to be of this type, or its message has to have this part.
    ///
    /// ```rhai
    /// assert_throws(|| invoke(#{}), "NoId").type; // => "NoId"
    /// assert_throws(|| invoke(#{}), "has an id");
    /// assert_throws(|| invoke(#{}), "NoStock"); // => error: "NoStock" was to be thrown, and it was NoId
    /// ```
    #[rhai_fn(name = "assert_throws", return_raw)]
    pub fn assert_throws_this(
        context: NativeCallContext,
        function: FnPtr,
        expected: &str,
    ) -> Fallible<Map> {
        throws(&context, &function, expected)
    }

    /// What the script's `handler` responds to an event. Both go by way of JSON, as in Lambda, and
    /// what the script fails with is thrown, with `type` and `message`. Within one test the
    /// environment stays warm.
    ///
    /// ```rhai
    /// mock::time("2026-01-31T12:00:00Z");
    /// invoke(#{ id: 7 }); // => #{ id: 7, at: "2026-01-31" }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn invoke(context: NativeCallContext, event: Dynamic) -> Fallible<Dynamic> {
        worker::invoke(&context, "handler", &event)
    }

    /// The same for another function of the script.
    ///
    /// ```rhai
    /// mock::http("GET", "https://prices.example.com/7", #{ json: #{ price: 12 } });
    /// invoke("price", #{ id: 7 }); // => 12
    /// ```
    #[rhai_fn(name = "invoke", return_raw)]
    pub fn invoke_function(
        context: NativeCallContext,
        function: &str,
        event: Dynamic,
    ) -> Fallible<Dynamic> {
        worker::invoke(&context, function, &event)
    }
}

/// What stands in for the world: each test begins without mocks, with the real time, without variables
/// but those of `NAME.env`, and with an empty `/tmp`.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module]
mod mock {
    /// Puts the clock forward by a length of time such as `"90s"`, `"1h 30m"` or `"2d"`. Pauses of the
    /// script do so too, and take no time.
    ///
    /// ```rhai
    /// mock::time("2026-01-31T23:00:00Z");
    /// mock::advance("2h");
    /// invoke(#{ id: 7 }).at; // => "2026-02-01"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn advance(context: NativeCallContext, length: &str) -> Fallible<()> {
        let given = length;
        let length = jiff::SignedDuration::from_str(given).ok();
        let length = length.and_then(|length| Duration::try_from(length).ok());
        let Some(length) = length else {
            let why = format!("{given:?} is no length of time as in \"1h 30m\"");
            return Err(thrown(&context, "Mock.Invalid", why));
        };
        mocks::with(|mocks| mocks.passed += length);
        Ok(())
    }

    /// The requests of the test so far, in their order: maps of `method`, `url`, `headers`, whose
    /// names are in lower case, and `body`.
    ///
    /// ```rhai
    /// mock::http("*", "*", #{ json: #{ price: 12 } });
    /// invoke("price", #{ id: 7 });
    /// mock::calls().len(); // => 1
    /// mock::calls()[0].url; // => "https://prices.example.com/7"
    /// ```
    pub fn calls() -> Array {
        calls_like("*", "*")
    }

    /// Those with this method and address, in which `*` stands for anything.
    ///
    /// ```rhai
    /// mock::http("*", "*", #{ json: #{ price: 12 } });
    /// invoke("price", #{ id: 7 });
    /// mock::calls("GET", "*/7").len(); // => 1
    /// mock::calls("POST", "*").len(); // => 0
    /// ```
    #[rhai_fn(name = "calls")]
    pub fn calls_of(method: &str, url: &str) -> Array {
        calls_like(method, url)
    }

    /// Gives the script an environment variable, or takes it away where the value is `()`.
    ///
    /// ```rhai
    /// mock::env("PRICES", "https://other.example.com");
    /// mock::http("GET", "https://other.example.com/7", #{ json: #{ price: 9 } });
    /// invoke("price", #{ id: 7 }); // => 9
    /// ```
    pub fn env(name: &str, value: Dynamic) {
        mocks::with(|mocks| match value.is_unit() {
            true => mocks.variables.remove(name),
            false => mocks.variables.insert(name.to_owned(), value.to_string()),
        });
    }

    /// Answers the requests of a method to an address; in both `*` stands for anything. Of several
    /// mocks that fit the last one answers; a request that none fits fails the test.
    ///
    /// An answer is a map of `status` (200), `headers`, and `json` or `body`, which is text or a blob;
    /// or of `error`, a type such as `"Http.Timeout"`, and `message`, where the request is to fail.
    /// It may also be an array of such maps, which answer in turn, the last of them again and again,
    /// or a function of the request, which is a map as in [calls](#mockcalls--array).
    ///
    /// ```rhai
    /// mock::http("GET", "https://prices.example.com/*", [#{ json: #{ price: 12 } }, #{ status: 500 }]);
    /// invoke("price", #{ id: 7 }); // => 12
    /// invoke("price", #{ id: 7 }); // => error: no price
    /// mock::http("*", "*", |request| #{ json: #{ price: request.url.len() } });
    /// invoke("price", #{ id: 7 }); // => 28
    /// mock::http("GET", "*", #{ error: "Http.Timeout", message: "too slow" });
    /// assert_throws(|| invoke("price", #{ id: 7 }), "Http.Timeout");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn http(
        context: NativeCallContext,
        method: &str,
        url: &str,
        answer: Dynamic,
    ) -> Fallible<()> {
        let answer = answer_of(answer).map_err(|why| thrown(&context, "Mock.Invalid", why))?;
        mocks::with(|mocks| mocks.answer(method, url, answer));
        Ok(())
    }

    /// Answers calls to AWS: service and operation as in `aws::call`, in both `*` stands for anything. A
    /// call that nothing answers fails the test.
    ///
    /// An answer is the map that the service answers, or `error`, the type that is to be thrown, with
    /// `message` and `status` (400). For a service with a REST API it is an answer as for `mock::http`.
    /// It may also be an array of such maps, which answer in turn, or a function of the call: a map as in
    /// [calls](#mockcalls--array) with `service`, `operation` and `parameters` besides; those of a query
    /// service, such as SNS, have the names that they have in its form.
    ///
    /// ```rhai
    /// mock::aws("sts", "GetCallerIdentity", #{ Account: "123456789012" });
    /// mock::aws("dynamodb", "PutItem", #{ error: "ConditionalCheckFailedException" });
    /// mock::aws("sqs", "*", |asked| #{ MessageId: asked.parameters.MessageBody });
    /// ```
    #[rhai_fn(return_raw)]
    pub fn aws(
        context: NativeCallContext,
        service: &str,
        operation: &str,
        answer: Dynamic,
    ) -> Fallible<()> {
        let protocol = rhambda_runtime::aws::service(service).protocol;
        let is_rest = protocol == rhambda_runtime::aws::Protocol::Rest && !service.contains('*');
        let answer = match answer {
            map if map.is_map() && !is_rest => {
                mocks::Answer::InTurn(vec![map.try_cast().unwrap_or_default()])
            }
            items if items.is_array() && !is_rest => {
                let items: Array = items.try_cast().unwrap_or_default();
                let maps: Option<Vec<Map>> =
                    items.into_iter().map(|item| item.try_cast::<Map>()).collect();
                let wrong = || thrown(&context, "Mock.Invalid", "each answer is a map".into());
                mocks::Answer::InTurn(maps.ok_or_else(wrong)?)
            }
            other => answer_of(other).map_err(|why| thrown(&context, "Mock.Invalid", why))?,
        };
        mocks::with(|mocks| mocks.answer_aws(service, operation, answer));
        Ok(())
    }

    /// Makes chance another one. It is always the same in a test, by this seed or without one.
    ///
    /// ```rhai
    /// mock::random(1);
    /// let one = uuid::v4();
    /// mock::random(1);
    /// assert_eq(uuid::v4(), one);
    /// mock::random(2);
    /// assert_ne(uuid::v4(), one);
    /// ```
    pub fn random(seed: INT) {
        mocks::with(|mocks| mocks.random.seed(seed as u64));
    }

    /// Lets the clock stand still at a time.
    ///
    /// ```rhai
    /// mock::time("2026-01-31T12:00:00Z");
    /// invoke(#{ id: 7 }).at; // => "2026-01-31"
    /// mock::time("noon"); // => error: "noon" is no time since 1970
    /// ```
    #[rhai_fn(return_raw)]
    pub fn time(context: NativeCallContext, time: &str) -> Fallible<()> {
        let given = time;
        let time = jiff::Timestamp::from_str(given).ok();
        let since_1970 = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        let Some(ms) = since_1970 else {
            let why = format!("{given:?} is no time since 1970 as in \"2026-01-31T12:00:00Z\"");
            return Err(thrown(&context, "Mock.Invalid", why));
        };
        mocks::with(|mocks| {
            mocks.frozen = Some(UNIX_EPOCH + Duration::from_millis(ms));
            mocks.passed = Duration::ZERO;
        });
        Ok(())
    }
}

fn equal(
    context: &NativeCallContext,
    found: &Dynamic,
    expected: &Dynamic,
    by: By,
    message: &str,
) -> Fallible<()> {
    let (found, expected) =
        (json::to_value(found, usize::MAX), json::to_value(expected, usize::MAX));
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

fn contains(context: &NativeCallContext, whole: &Dynamic, part: &Dynamic) -> Fallible<()> {
    let (whole, part) = (json::to_value(whole, usize::MAX), json::to_value(part, usize::MAX));
    let has = match (&whole, &part) {
        (Value::String(whole), Value::String(part)) => whole.contains(part.as_str()),
        (Value::Array(items), part) => items.contains(part),
        (Value::Object(map), Value::String(name)) => map.contains_key(name),
        _ => false,
    };
    if has {
        return Ok(());
    }
    Err(failed(context, format!("{} is not in {}", shown(&part), shown(&whole))))
}

fn approximate(
    context: &NativeCallContext,
    one: &Dynamic,
    other: &Dynamic,
    tolerance: f64,
) -> Fallible<()> {
    let number = |value: &Dynamic| json::to_value(value, usize::MAX).as_f64();
    match (number(one), number(other)) {
        (Some(one), Some(other)) if (one - other).abs() <= tolerance => Ok(()),
        _ => Err(failed(context, format!("{one} is not {other}, give or take {tolerance}"))),
    }
}

/// What a function throws, as a map of `type` and `message`.
fn throws(context: &NativeCallContext, function: &FnPtr, expected: &str) -> Fallible<Map> {
    let error = match function.call_within_context::<Dynamic>(context, ()) {
        Ok(value) => {
            let value = shown(&json::to_value(&value, usize::MAX));
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

fn snapshot(context: &NativeCallContext, name: &str, value: &Dynamic) -> Fallible<()> {
    let value = json::to_value(value, usize::MAX);
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

fn calls_like(method: &str, url: &str) -> Array {
    let is_like = |call: &&Map, name: &str, pattern: &str| {
        call.get(name).is_some_and(|value| effects::is_like(pattern, &value.to_string()))
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
