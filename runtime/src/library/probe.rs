//! What the library's own tests ask of small scripts.

use rhai::{Dynamic, Engine, EvalAltResult, Scope};
use serde_json::Value;

use crate::modules::Roots;
use crate::vocabulary::Vocabulary;
use crate::{json, memory};

fn engine(script: &str) -> Engine {
    let vocabulary = Vocabulary::of(script, &Roots::new(Vec::new()));
    let mut engine = Engine::new();
    crate::natives::register(&mut engine, &vocabulary);
    super::register(&mut engine, &vocabulary);
    engine
}

fn evaluate(engine: &Engine, scope: &mut Scope, script: &str) -> Result<Value, Box<EvalAltResult>> {
    let value = engine.eval_with_scope::<Dynamic>(scope, script)?;
    let mut text = Vec::new();
    json::write(&value, &mut text).expect("an example gives what JSON can say");
    Ok(serde_json::from_slice(&text).expect("we write JSON"))
}

/// The script gives this JSON.
#[track_caller]
pub(super) fn gives(script: &str, expected: &str) {
    let expected: Value = serde_json::from_str(expected).expect("the expectation is JSON");
    match evaluate(&engine(script), &mut Scope::new(), script) {
        Ok(value) => assert_eq!(value, expected, "{script}"),
        Err(error) => panic!("{script}: {error}"),
    }
}

/// The script fails with a message that has this part.
#[track_caller]
pub(super) fn fails(script: &str, part: &str) {
    match evaluate(&engine(script), &mut Scope::new(), script) {
        Ok(value) => panic!("{script} gave {value}"),
        Err(error) => {
            let said = match error.unwrap_inner() {
                EvalAltResult::ErrorRuntime(value, _) => super::said(value),
                other => other.to_string(),
            };
            assert!(said.contains(part), "{script}: {said}");
        }
    }
}

/// With little memory, the script is refused what it asks for.
#[track_caller]
pub(super) fn is_too_large(script: &str) {
    let engine = engine(script);
    memory::set_limit(1 << 20);
    let result = evaluate(&engine, &mut Scope::new(), script);
    memory::set_limit(usize::MAX);
    match result.map_err(|error| *error) {
        Err(EvalAltResult::ErrorDataTooLarge(..)) => {}
        other => panic!("{script}: {other:?}"),
    }
}
