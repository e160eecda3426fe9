//! The module `env`: the function's environment variables.

use rhai::plugin::*;
use rhai::{Dynamic, Engine, EvalAltResult, INT, ImmutableString};

use super::aws::parameters::resolved;
use super::native::exported;
use super::{Fallible, Part};
use crate::effects::{Failure, world};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["env"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("env", "Env.Invalid", engine, vocabulary);
}

/// The value of a variable; one that is empty counts as not set. One such as `ssm:/shop/token` or
/// `secret:shop/token#key` stands for the parameter or the secret.
fn set(name: &str) -> Fallible<Option<String>> {
    let Some(value) = world().variable(name)?.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match resolved(&value) {
        None => Ok(Some(value)),
        Some(found) => Ok(Some(found?.to_string())),
    }
}

fn required(name: &str) -> Fallible<String> {
    set(name)?.ok_or_else(|| {
        let message = format!("the variable `{name}` is not set; set it on the function");
        Failure::new("Env.Missing", message).into()
    })
}

/// The value is not shown: it may be a secret.
fn invalid(name: &str, wanted: &str) -> Box<EvalAltResult> {
    Failure::new("Env.Invalid", format!("the variable `{name}` is not {wanted}")).into()
}

fn int(name: &str, value: &str) -> Fallible<INT> {
    value.trim().parse().map_err(|_| invalid(name, "a whole number"))
}

fn bool(name: &str, value: &str) -> Fallible<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(invalid(name, "one of true, 1, yes, on, false, 0, no and off")),
    }
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// The value of a variable; `()` where it is not set or empty.
    ///
    /// ```rhai
    /// env::get("AWS_REGION"); // => "eu-west-1"
    /// env::get("NO_SUCH_VARIABLE"); // => ()
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(name: Text) -> Fallible<Dynamic> {
        let value = set(&name)?;
        Ok(value.map_or(Dynamic::UNIT, Dynamic::from))
    }

    /// The value of a variable, or this where it is not set or empty.
    ///
    /// ```rhai
    /// env::get("NO_SUCH_VARIABLE", "blue"); // => "blue"
    /// ```
    #[rhai_fn(name = "get", volatile, return_raw)]
    pub fn get_or(name: Text, default: Dynamic) -> Fallible<Dynamic> {
        let value = set(&name)?;
        Ok(value.map_or(default, Dynamic::from))
    }

    /// The value of a variable that has to be set and not empty; otherwise an error of type
    /// `Env.Missing` that names it.
    ///
    /// ```rhai
    /// env::require("AWS_REGION"); // => "eu-west-1"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn require(name: Text) -> Fallible<String> {
        required(&name)
    }

    /// The whole number that a variable has. Not set, it is an error of type `Env.Missing`;
    /// anything else, one of type `Env.Invalid`.
    ///
    /// ```rhai
    /// env::int("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"); // => 128
    /// ```
    #[rhai_fn(name = "int", volatile, return_raw)]
    pub fn required_int(name: Text) -> Fallible<INT> {
        required(&name).and_then(|value| int(&name, &value))
    }

    /// The whole number that a variable has, or this where it is not set or empty.
    ///
    /// ```rhai
    /// env::int("NO_SUCH_VARIABLE", 5); // => 5
    /// ```
    #[rhai_fn(name = "int", volatile, return_raw)]
    pub fn int_or(name: Text, default: INT) -> Fallible<INT> {
        set(&name).and_then(|value| value.map_or(Ok(default), |value| int(&name, &value)))
    }

    /// Whether a variable is one of true, 1, yes and on; false, 0, no and off are `false`. Not set,
    /// it is an error of type `Env.Missing`; anything else, one of type `Env.Invalid`.
    ///
    /// ```rhai
    /// let caught = ();
    /// try { env::bool("NO_SUCH_VARIABLE"); } catch (error) { caught = error.type; }
    /// caught; // => "Env.Missing"
    /// ```
    #[rhai_fn(name = "bool", volatile, return_raw)]
    pub fn required_bool(name: Text) -> Fallible<bool> {
        required(&name).and_then(|value| bool(&name, &value))
    }

    /// Whether a variable is one of true, 1, yes and on, or this where it is not set or empty.
    ///
    /// ```rhai
    /// env::bool("NO_SUCH_VARIABLE", false); // => false
    /// ```
    #[rhai_fn(name = "bool", volatile, return_raw)]
    pub fn bool_or(name: Text, default: bool) -> Fallible<bool> {
        set(&name).and_then(|value| value.map_or(Ok(default), |value| bool(&name, &value)))
    }
}
