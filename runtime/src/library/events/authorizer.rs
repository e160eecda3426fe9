//! The answers of authorizers: API Gateway's (REST, WebSocket, HTTP), AppSync's and IoT's.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html>

use rhai::{Dynamic, INT, Map};

use super::{field, source};
use crate::effects::Failure;
use crate::json::BigInteger;
use crate::library::Fallible;
use crate::library::grow::put;

/// How long a connection of IoT lasts, and how often its policies are asked for again, in seconds.
const CONNECTED_S: INT = 86_400;
const REFRESHED_S: INT = 300;

/// An answer that lets somebody in, or not.
pub(super) fn answer(event: &Dynamic, principal: Option<&str>, context: Map) -> Fallible<Map> {
    let is_allowed = principal.is_some();
    match source::of(event) {
        Some("authorizer_v1_token" | "authorizer_v1_request" | "authorizer_websocket") => {
            let arn = field::text(event, "methodArn").unwrap_or_default();
            let effect = if is_allowed { "Allow" } else { "Deny" };
            let mut answer = with_principal(principal.unwrap_or("nobody"));
            put(&mut answer, "policyDocument", policy(effect, &whole_stage(&arn)).into());
            if is_allowed {
                put(&mut answer, "context", checked(context)?.into());
            }
            Ok(answer)
        }
        Some("authorizer_v2") => simple(principal, context, "context"),
        Some("authorizer_appsync") => simple(principal, context, "resolverContext"),
        Some("authorizer_iot") => iot(principal, context),
        other => Err(Failure::new(
            "Events.NoAuthorizer",
            format!(
                "only authorizers are answered so; this event is {}",
                match other {
                    Some(source) => format!("of `{source}`"),
                    None => source::describe(event),
                }
            ),
        )
        .into()),
    }
}

fn with_principal(principal: &str) -> Map {
    let mut answer = Map::new();
    put(&mut answer, "principalId", principal.into());
    answer
}

/// All methods and routes of the stage that a method is of: API Gateway keeps an answer for the
/// same caller, who may ask for another method next.
fn whole_stage(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(3, '/').take(2).collect();
    format!("{}/*", parts.join("/"))
}

fn policy(effect: &str, resource: &str) -> Map {
    let (mut policy, mut statement) = (Map::new(), Map::new());
    put(&mut statement, "Action", "execute-api:Invoke".into());
    put(&mut statement, "Effect", effect.into());
    put(&mut statement, "Resource", resource.into());
    put(&mut policy, "Version", "2012-10-17".into());
    put(&mut policy, "Statement", Dynamic::from_array(vec![statement.into()]));
    policy
}

/// What is passed on to the function behind, which takes no nested values.
fn checked(context: Map) -> Fallible<Map> {
    let mut checked = Map::new();
    for (name, value) in context {
        let is_plain = value.is_string()
            || value.is_bool()
            || value.is_int()
            || value.is::<BigInteger>()
            || value.as_float().is_ok_and(f64::is_finite);
        if is_plain {
            put(&mut checked, &name, value);
        } else if !value.is_unit() {
            return Err(invalid(format!(
                "`{name}` of the context is of type {}; it takes text, numbers and booleans",
                value.type_name()
            )));
        }
    }
    Ok(checked)
}

fn invalid(message: String) -> Box<rhai::EvalAltResult> {
    Failure::new("Events.InvalidAnswer", message).into()
}

/// An answer without a policy. The principal, which has no place of its own in it, is in the
/// context.
fn simple(principal: Option<&str>, context: Map, context_name: &str) -> Fallible<Map> {
    let mut answer = Map::new();
    put(&mut answer, "isAuthorized", principal.is_some().into());
    if let Some(principal) = principal {
        let mut context = checked(context)?;
        if !context.contains_key("principalId") {
            put(&mut context, "principalId", principal.into());
        }
        put(&mut answer, context_name, context.into());
    }
    Ok(answer)
}

fn iot(principal: Option<&str>, mut context: Map) -> Fallible<Map> {
    let mut answer = principal.map(with_principal).unwrap_or_default();
    put(&mut answer, "isAuthenticated", principal.is_some().into());
    let Some(principal) = principal else { return Ok(answer) };
    let is_name = principal.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_name || !(1..=128).contains(&principal.len()) {
        return Err(invalid(
            "a principal of IoT is 1 to 128 letters and digits, nothing else".into(),
        ));
    }
    let policies = context.remove("policies").filter(Dynamic::is_array).ok_or_else(|| {
        invalid(
            "IoT needs `policies`, an array of policy documents, in the third argument: its event \
             does not say what the device may do"
                .into(),
        )
    })?;
    let mut seconds = |name: &str, default: INT| {
        context.remove(name).and_then(|value| value.as_int().ok()).unwrap_or(default)
    };
    let connected = seconds("disconnect_after_s", CONNECTED_S);
    let refreshed = seconds("refresh_after_s", REFRESHED_S);
    put(&mut answer, "disconnectAfterInSeconds", connected.into());
    put(&mut answer, "refreshAfterInSeconds", refreshed.into());
    put(&mut answer, "policyDocuments", policies);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use crate::library::probe::{fails, gives};

    const TOKEN: &str = r#"let event = #{ type: "TOKEN", authorizationToken: "t",
        methodArn: "arn:aws:execute-api:eu-west-1:1:abc/prod/GET/orders/7" };"#;
    const HTTP: &str = r#"let event = #{ version: "2.0", type: "REQUEST", routeArn: "arn", routeKey: "k",
        rawPath: "/", requestContext: #{ http: #{ method: "GET" } } };"#;
    const APPSYNC: &str = r#"let event = #{ authorizationToken: "t",
        requestContext: #{ apiId: "a", queryString: "{}" } };"#;
    const IOT: &str = r#"let event = #{ signatureVerified: true, protocols: ["mqtt"], protocolData: #{},
        connectionMetadata: #{ id: "i" } };"#;

    fn answers(event: &str, call: &str, expected: &str) {
        gives(&format!("{event} {call}"), expected);
    }

    #[test]
    fn a_policy_is_for_the_whole_stage() {
        let policy = |effect: &str| {
            format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Action": "execute-api:Invoke",
                "Effect": "{effect}", "Resource": "arn:aws:execute-api:eu-west-1:1:abc/prod/*"}}]}}"#
            )
        };
        let allowed = format!(
            r#"{{"principalId": "ann", "policyDocument": {}, "context": {{"tier": "gold", "age": 7}}}}"#,
            policy("Allow")
        );
        answers(
            TOKEN,
            r#"events::allow(event, "ann", #{ tier: "gold", age: 7, none: () })"#,
            &allowed,
        );
        let denied =
            format!(r#"{{"principalId": "nobody", "policyDocument": {}}}"#, policy("Deny"));
        answers(TOKEN, "events::deny(event)", &denied);
    }

    #[test]
    fn apis_without_policies_get_a_simple_answer() {
        let allow = r#"events::allow(event, "ann", #{ tier: "gold" })"#;
        answers(
            HTTP,
            allow,
            r#"{"isAuthorized": true, "context": {"principalId": "ann", "tier": "gold"}}"#,
        );
        answers(HTTP, "events::deny(event)", r#"{"isAuthorized": false}"#);
        answers(
            APPSYNC,
            allow,
            r#"{"isAuthorized": true, "resolverContext": {"principalId": "ann", "tier": "gold"}}"#,
        );
        answers(APPSYNC, "events::deny(event)", r#"{"isAuthorized": false}"#);
    }

    #[test]
    fn iot_gets_the_policies_that_it_is_given() {
        answers(
            IOT,
            r#"events::allow(event, "ann7", #{ policies: [#{ Version: "2012-10-17" }], refresh_after_s: 600 })"#,
            r#"{"isAuthenticated": true, "principalId": "ann7", "disconnectAfterInSeconds": 86400,
                "refreshAfterInSeconds": 600, "policyDocuments": [{"Version": "2012-10-17"}]}"#,
        );
        answers(IOT, "events::deny(event)", r#"{"isAuthenticated": false}"#);
        fails(&format!("{IOT} events::allow(event, \"ann\")"), "IoT needs `policies`");
        fails(&format!("{IOT} events::allow(event, \"a b\")"), "letters and digits");
    }

    #[test]
    fn what_no_authorizer_may_say_is_refused() {
        fails(
            &format!("{TOKEN} events::allow(event, \"ann\", #{{ tags: [1] }})"),
            "`tags` of the context is of type array",
        );
        fails("events::allow(#{ secret: 1 }, \"ann\")", "this event is a map with `secret`");
        fails(
            "events::deny(#{ serialNumber: \"1\", clickType: \"S\", batteryVoltage: \"2\" })",
            "of `iot_button`",
        );
    }
}
