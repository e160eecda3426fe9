//! The second argument a script sees: what Lambda says about this function and this invocation.

use std::fmt;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};

use crate::config::Function;
use crate::invocation::Invocation;
use crate::vocabulary::Vocabulary;
use crate::{json, suggest};

/// What `context` is in a script. Cheap to make and to copy: a property is looked up when it is
/// asked for.
#[derive(Clone)]
pub struct Context(Rc<Inner>);

struct Inner {
    function: Rc<Function>,
    request_id: String,
    function_arn: Option<String>,
    deadline_ms: Option<u64>,
    trace_id: Option<String>,
    client_context: Option<String>,
    cognito_identity: Option<String>,
    tenant_id: Option<String>,
    cold_start: bool,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.0.request_id)
    }
}

impl Context {
    /// The names of the properties, in the order of the README's table.
    pub const PROPERTIES: [&'static str; 13] = [
        "function_name",
        "function_version",
        "invoked_function_arn",
        "memory_limit_mb",
        "log_group_name",
        "log_stream_name",
        "request_id",
        "deadline_ms",
        "trace_id",
        "client_context",
        "identity",
        "tenant_id",
        "cold_start",
    ];

    /// The context of one invocation.
    #[must_use]
    pub fn new(function: &Rc<Function>, invocation: &Invocation, cold_start: bool) -> Self {
        Self(Rc::new(Inner {
            function: function.clone(),
            request_id: invocation.request_id.clone(),
            function_arn: invocation.function_arn.clone(),
            deadline_ms: invocation.deadline_ms,
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            cognito_identity: invocation.cognito_identity.clone(),
            tenant_id: invocation.tenant_id.clone(),
            cold_start,
        }))
    }

    /// Teaches an engine what `context.name` and `context.remaining_ms()` are.
    pub(crate) fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
        engine.register_type_with_name::<Self>("Context").register_indexer_get(
            |context: &mut Self, name: ImmutableString| context.property(&name),
        );
        if vocabulary.has("remaining_ms") {
            engine.register_fn("remaining_ms", |context: &mut Self| context.remaining_ms());
        }
        if vocabulary.has("to_map") {
            engine.register_fn("to_map", |context: &mut Self| context.to_map());
        }
        for name in ["to_string", "to_debug"] {
            if vocabulary.has(name) {
                engine.register_fn(name, |context: &mut Self| Self::text(context));
            }
        }
    }

    /// Milliseconds until the deadline, never less than zero; without a deadline, the largest
    /// integer.
    #[must_use]
    pub fn remaining_ms(&self) -> i64 {
        self.0.deadline_ms.map_or(i64::MAX, |deadline| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(u128::from(deadline).saturating_sub(now.as_millis())).unwrap_or(i64::MAX)
        })
    }

    /// All properties at once.
    #[must_use]
    pub fn to_map(&self) -> Map {
        Self::PROPERTIES
            .iter()
            .map(|&name| (name.into(), self.property(name).unwrap_or(Dynamic::UNIT)))
            .collect()
    }

    fn text(context: &Self) -> String {
        Dynamic::from_map(context.to_map()).to_string()
    }

    fn property(&self, name: &str) -> Result<Dynamic, Box<EvalAltResult>> {
        let text = |value: &Option<String>| {
            value.as_ref().map_or(Dynamic::UNIT, |value| Dynamic::from(value.clone()))
        };
        let number = |value: Option<u64>| {
            value.map_or(Dynamic::UNIT, |value| {
                Dynamic::from_int(i64::try_from(value).unwrap_or(i64::MAX))
            })
        };
        let function = &self.0.function;
        Ok(match name {
            "function_name" => text(&function.name),
            "function_version" => text(&function.version),
            "invoked_function_arn" => text(&self.0.function_arn),
            "memory_limit_mb" => number(function.memory_mb),
            "log_group_name" => text(&function.log_group),
            "log_stream_name" => text(&function.log_stream),
            "request_id" => self.0.request_id.clone().into(),
            "deadline_ms" => number(self.0.deadline_ms),
            "trace_id" => text(&self.0.trace_id),
            "client_context" => parsed(self.0.client_context.as_deref(), "client context"),
            "identity" => identity(self.0.cognito_identity.as_deref()),
            "tenant_id" => text(&self.0.tenant_id),
            "cold_start" => self.0.cold_start.into(),
            _ => {
                let near = suggest::nearest(name, Self::PROPERTIES)
                    .map(|near| format!("did you mean `{near}`?"))
                    .unwrap_or_else(|| format!("it has {}", Self::PROPERTIES.join(", ")));
                return Err(Box::new(EvalAltResult::ErrorPropertyNotFound(
                    format!("`{name}` of the context; {near}"),
                    Position::NONE,
                )));
            }
        })
    }
}

/// A header's JSON; one that cannot be read counts as absent, and the log says so.
fn parsed(text: Option<&str>, what: &str) -> Dynamic {
    let Some(text) = text else { return Dynamic::UNIT };
    json::read(text.as_bytes()).unwrap_or_else(|error| {
        log::warn!("the {what} of this invocation is not JSON and is left out: {error}");
        Dynamic::UNIT
    })
}

/// The Cognito identity under names of the script's own style.
fn identity(text: Option<&str>) -> Dynamic {
    let mut value = parsed(text, "Cognito identity");
    let Some(mut map) = value.write_lock::<Map>() else { return Dynamic::UNIT };
    let mut take =
        |names: [&str; 2]| names.iter().find_map(|&name| map.remove(name)).unwrap_or(Dynamic::UNIT);
    let identity: Map = [
        ("cognito_identity_id".into(), take(["cognitoIdentityId", "cognito_identity_id"])),
        (
            "cognito_identity_pool_id".into(),
            take(["cognitoIdentityPoolId", "cognito_identity_pool_id"]),
        ),
    ]
    .into();
    Dynamic::from_map(identity)
}
