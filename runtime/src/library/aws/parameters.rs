//! Parameters of SSM and secrets of Secrets Manager: `param` and `secret`, kept for some minutes, and the
//! modules `ssm` and `secrets`, which always ask.

use std::time::Duration;

use rhai::plugin::*;
use rhai::{Array, Dynamic, INT, ImmutableString, Map};

use super::exchange::refused;
use super::take::Take;
use super::{call, field, invalid, text_in};
use crate::bounds::in_time;
use crate::effects::{Failure, world};
use crate::json;
use crate::library::native::exported;
use crate::library::{Fallible, Part, grow};

pub(in crate::library) const KEPT: Part = Part {
    words: &["param", "params", "secret"],
    register: |engine, vocabulary| exported!(kept).register_globally(engine, vocabulary),
};
pub(in crate::library) const SSM: Part = Part {
    words: &["ssm"],
    register: |engine, vocabulary| exported!(ssm).register_in("ssm", engine, vocabulary),
};
pub(in crate::library) const SECRETS: Part = Part {
    words: &["secrets"],
    register: |engine, vocabulary| exported!(secrets).register_in("secrets", engine, vocabulary),
};

/// How long a value is kept where nothing is said.
const USUAL_TTL: Duration = Duration::from_secs(300);

/// The most parameters that one call is for.
const MOST_NAMES: usize = 1000;

/// The most parameters that one request asks for.
const MOST: usize = 10;

/// Parameters and secrets that are kept across invocations, so that a warm function asks for each once in
/// five minutes.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod kept {
    type Text = ImmutableString;

    /// The value of a parameter of SSM, decrypted. It is kept for five minutes.
    ///
    /// ```rhai
    /// param("/shop/currency"); // => "EUR"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn param(name: Text) -> Fallible<Text> {
        super::kept_parameter(&name, super::USUAL_TTL)
    }

    /// The value of a parameter, kept for so many seconds; with 0 it is always asked for.
    ///
    /// ```rhai
    /// param("/shop/currency", 60); // => "EUR"
    /// ```
    #[rhai_fn(name = "param", volatile, return_raw)]
    pub fn param_for(name: Text, seconds: INT) -> Fallible<Text> {
        super::kept_parameter(&name, super::ttl(seconds)?)
    }

    /// The values of several parameters by their names; those that are not kept are asked for together.
    ///
    /// ```rhai
    /// params(["/shop/currency"]); // => {"/shop/currency": "EUR"}
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn params(names: Array) -> Fallible<Map> {
        super::kept_parameters(&names, super::USUAL_TTL)
    }

    /// The value of a secret of Secrets Manager, kept for five minutes: text, or a blob.
    ///
    /// ```rhai
    /// secret("shop/token"); // => "{\"key\":\"abc\"}"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn secret(name: Text) -> Fallible<Text> {
        super::kept_secret(&name, super::USUAL_TTL)
    }

    /// The value that a secret, which is a JSON object, has for this key.
    ///
    /// ```rhai
    /// secret("shop/token", "key"); // => "abc"
    /// ```
    #[rhai_fn(name = "secret", volatile, return_raw)]
    pub fn secret_key(name: Text, key: Text) -> Fallible<Dynamic> {
        super::key_of(&name, &super::kept_secret(&name, super::USUAL_TTL)?, &key)
    }

    /// The same, kept for so many seconds; with 0 it is always asked for.
    ///
    /// ```rhai
    /// secret("shop/token", "key", 60); // => "abc"
    /// ```
    #[rhai_fn(name = "secret", volatile, return_raw)]
    pub fn secret_key_for(name: Text, key: Text, seconds: INT) -> Fallible<Dynamic> {
        super::key_of(&name, &super::kept_secret(&name, super::ttl(seconds)?)?, &key)
    }
}

/// Parameters of SSM, asked for each time.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod ssm {
    type Text = ImmutableString;

    /// The value of a parameter, decrypted.
    ///
    /// ```rhai
    /// ssm::get("/shop/currency"); // => "EUR"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(name: Text) -> Fallible<Text> {
        super::kept_parameter(&name, super::Duration::ZERO)
    }

    /// All parameters below a path, decrypted, from all pages: values by what follows the path in their
    /// names.
    ///
    /// ```rhai
    /// ssm::get_all("/shop"); // => {"currency": "EUR"}
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get_all(path: Text) -> Fallible<Map> {
        super::below(&path)
    }

    /// Writes a parameter as plain text, in place of the one that is there, and gives its version.
    ///
    /// ```rhai
    /// ssm::put("/shop/currency", "USD"); // => 2
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn put(name: Text, value: Text) -> Fallible<Dynamic> {
        super::put(&name, &value, &Map::new())
    }

    /// The same with options: `secure: true` for an encrypted one; `key`, the KMS key; `unless_exists`,
    /// with which one that is there is an error; `description`.
    ///
    /// ```rhai
    /// ssm::put("/shop/token", "abc", #{ secure: true }); // => 2
    /// ```
    #[rhai_fn(name = "put", volatile, return_raw)]
    pub fn put_with(name: Text, value: Text, options: Map) -> Fallible<Dynamic> {
        super::put(&name, &value, &options)
    }
}

/// Secrets of Secrets Manager, asked for each time.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod secrets {
    type Text = ImmutableString;

    /// The value of a secret.
    ///
    /// ```rhai
    /// secrets::get("shop/token"); // => "{\"key\":\"abc\"}"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(name: Text) -> Fallible<Text> {
        super::kept_secret(&name, super::Duration::ZERO)
    }

    /// The value that a secret, which is a JSON object, has for this key.
    ///
    /// ```rhai
    /// secrets::get("shop/token", "key"); // => "abc"
    /// ```
    #[rhai_fn(name = "get", volatile, return_raw)]
    pub fn get_key(name: Text, key: Text) -> Fallible<Dynamic> {
        super::key_of(&name, &super::kept_secret(&name, super::Duration::ZERO)?, &key)
    }
}

fn ttl(seconds: INT) -> Fallible<Duration> {
    match u64::try_from(seconds) {
        Ok(seconds) if seconds <= 86_400 => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid(format!("a value is kept for 0 to 86400 seconds, not {seconds}")).into()),
    }
}

/// What a variable's value such as `ssm:/shop/token` or `secret:shop/token#key` stands for; `None` where it
/// stands for itself.
pub(in crate::library) fn resolved(value: &str) -> Option<Fallible<Dynamic>> {
    if let Some(name) = value.strip_prefix("ssm:") {
        return Some(kept_parameter(name, USUAL_TTL).map(Dynamic::from));
    }
    let name = value.strip_prefix("secret:")?;
    Some(match name.rsplit_once('#') {
        Some((name, key)) => kept_secret(name, USUAL_TTL).and_then(|text| key_of(name, &text, key)),
        None => kept_secret(name, USUAL_TTL).map(Dynamic::from),
    })
}

fn kept_parameter(name: &str, ttl: Duration) -> Fallible<ImmutableString> {
    let slot = format!("ssm:{name}");
    if let Some(value) = world().kept_value(&slot, ttl) {
        return Ok(value.into());
    }
    let mut parameters = Map::new();
    grow::put(&mut parameters, "Name", name.to_owned().into());
    grow::put(&mut parameters, "WithDecryption", true.into());
    let answer = call("ssm", "GetParameter", &parameters, &Map::new())?;
    let value = field(&answer, "Parameter").and_then(|parameter| text_in(&parameter, "Value"));
    let value = value.ok_or_else(|| no_value("ssm", "GetParameter"))?;
    world().keep_value(slot, &value, ttl);
    Ok(value)
}

fn no_value(service: &str, operation: &str) -> Box<EvalAltResult> {
    let message = format!("{service}:{operation}: the answer has no value");
    refused(&Failure::new("Aws.InvalidResponse", message), service, operation)
}

fn kept_parameters(names: &Array, ttl: Duration) -> Fallible<Map> {
    const OPERATION: &str = "GetParameters";
    let refuse = |failure: Failure| refused(&failure, "ssm", OPERATION);
    if names.len() > MOST_NAMES {
        let message = format!("`params` takes at most {MOST_NAMES} names, not {}", names.len());
        return Err(refuse(invalid(message)));
    }
    let mut found = Map::new();
    let mut wanted: Vec<ImmutableString> = Vec::new();
    for name in names {
        let name = name.as_immutable_string_ref();
        let name = name.map_err(|kind| refuse(invalid(format!("a name is text, not {kind}"))))?;
        match world().kept_value(&format!("ssm:{}", name.as_str()), ttl) {
            Some(value) => grow::put(&mut found, &name, value.into()),
            None if !wanted.contains(&name) => wanted.push(name.clone()),
            None => {}
        }
    }
    for names in wanted.chunks(MOST) {
        in_time()?;
        let mut parameters = Map::new();
        let names: Array = names.iter().map(|name| name.clone().into()).collect();
        grow::put(&mut parameters, "Names", names.into());
        grow::put(&mut parameters, "WithDecryption", true.into());
        let answer = call("ssm", OPERATION, &parameters, &Map::new())?;
        let missing = field(&answer, "InvalidParameters").and_then(Dynamic::try_cast::<Array>);
        if let Some(name) = missing.unwrap_or_default().first() {
            let message = format!("ssm:{OPERATION}: there is no parameter `{name}`");
            return Err(refuse(Failure::new("ParameterNotFound", message)));
        }
        let values = field(&answer, "Parameters").and_then(Dynamic::try_cast::<Array>);
        for value in values.unwrap_or_default() {
            let (Some(name), Some(text)) = (text_in(&value, "Name"), text_in(&value, "Value"))
            else {
                continue;
            };
            world().keep_value(format!("ssm:{name}"), &text, ttl);
            grow::put(&mut found, &name, text.into());
        }
    }
    Ok(found)
}

fn below(path: &str) -> Fallible<Map> {
    let mut found = Map::new();
    let mut parameters = Map::new();
    grow::put(&mut parameters, "Path", path.to_owned().into());
    grow::put(&mut parameters, "Recursive", true.into());
    grow::put(&mut parameters, "WithDecryption", true.into());
    loop {
        in_time()?;
        let answer = call("ssm", "GetParametersByPath", &parameters, &Map::new())?;
        let values = field(&answer, "Parameters").and_then(Dynamic::try_cast::<Array>);
        for value in values.unwrap_or_default() {
            let (Some(name), Some(text)) = (text_in(&value, "Name"), text_in(&value, "Value"))
            else {
                continue;
            };
            let rest = name.strip_prefix(path).unwrap_or(&name).trim_start_matches('/').to_owned();
            grow::put(&mut found, &rest, text.into());
        }
        match field(&answer, "NextToken").filter(Dynamic::is_string) {
            Some(token) => grow::put(&mut parameters, "NextToken", token),
            None => return Ok(found),
        }
    }
}

fn put(name: &str, value: &str, options: &Map) -> Fallible<Dynamic> {
    const OPERATION: &str = "PutParameter";
    let refuse = |failure: Failure| refused(&failure, "ssm", OPERATION);
    let mut take =
        Take::of(options, &["secure", "key", "unless_exists", "description"]).map_err(refuse)?;
    let is_secure = take.is_on("secure").map_err(refuse)?;
    let mut parameters = Map::new();
    grow::put(&mut parameters, "Name", name.to_owned().into());
    grow::put(&mut parameters, "Value", value.to_owned().into());
    let kind = if is_secure { "SecureString" } else { "String" };
    grow::put(&mut parameters, "Type", kind.into());
    let overwrites = !take.is_on("unless_exists").map_err(refuse)?;
    grow::put(&mut parameters, "Overwrite", overwrites.into());
    for (option, field) in [("key", "KeyId"), ("description", "Description")] {
        if let Some(text) = take.text(option).map_err(refuse)? {
            grow::put(&mut parameters, field, text.into());
        }
    }
    let answer = call("ssm", OPERATION, &parameters, &take.rest())?;
    world().forget_value(&format!("ssm:{name}"));
    Ok(field(&answer, "Version").unwrap_or_default())
}

fn kept_secret(name: &str, ttl: Duration) -> Fallible<ImmutableString> {
    let slot = format!("secret:{name}");
    if let Some(value) = world().kept_value(&slot, ttl) {
        return Ok(value.into());
    }
    let parameters: Map = [("SecretId".into(), name.to_owned().into())].into();
    let answer = call("secretsmanager", "GetSecretValue", &parameters, &Map::new())?;
    let value = text_in(&answer, "SecretString").ok_or_else(|| {
        let message = format!(
            "the secret `{name}` is binary; get it by aws::call(\"secretsmanager\", \"GetSecretValue\", …)"
        );
        refused(&Failure::new("Aws.InvalidResponse", message), "secretsmanager", "GetSecretValue")
    })?;
    world().keep_value(slot, &value, ttl);
    Ok(value)
}

/// What a secret has for a key. Nothing of the secret is shown where it has none.
fn key_of(name: &str, secret: &str, key: &str) -> Fallible<Dynamic> {
    let refuse = |why: String| {
        let failure = Failure::new("Aws.InvalidResponse", format!("the secret `{name}` {why}"));
        refused(&failure, "secretsmanager", "GetSecretValue")
    };
    let value = json::read(secret.as_bytes()).ok().and_then(Dynamic::try_cast::<Map>);
    let mut map = value.ok_or_else(|| refuse("is not a JSON object, so it has no keys".into()))?;
    map.remove(key).ok_or_else(|| refuse(format!("has no key `{key}`")))
}
