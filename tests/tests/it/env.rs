//! `env`: what a script reads of its environment, and what it never does.

use rhambda_tests::Function;

fn evaluated(declaration: &str, expression: &str) -> Function {
    let script = format!(
        "{declaration}\nfn handler(event) {{
             try {{ return {expression}; }} catch (error) {{ return [error.type, error.message]; }}
         }}"
    );
    Function::of(&script).event("{}")
}

#[test]
fn values_are_read_as_what_they_are_meant_to_be() {
    for (expression, answer) in [
        ("env::get(\"GREETING\")", "\"Grüße\""),
        ("env::get(\"ABSENT\")", "null"),
        ("env::get(\"ABSENT\", 7)", "7"),
        ("env::get(\"BLANK\", \"default\")", "\" \""),
        ("env::require(\"GREETING\")", "\"Grüße\""),
        ("env::int(\"COUNT\")", "-42"),
        ("env::int(\"COUNT\", 1)", "-42"),
        ("env::int(\"ABSENT\", 1)", "1"),
        (
            "[env::bool(\"YES\"), env::bool(\"NO\"), env::bool(\"ABSENT\", true)]",
            "[true,false,true]",
        ),
        ("env::get(\"A=B\")", "null"),
        ("env::get(\"\")", "null"),
        ("env::get(\"NUL\\x00\")", "null"),
    ] {
        evaluated("", expression)
            .env("GREETING", "Grüße")
            .env("BLANK", " ")
            .env("COUNT", " -42 ")
            .env("YES", "On")
            .env("NO", "0")
            .run()
            .responded(answer)
            .kept_serving();
    }
}

#[test]
fn what_is_missing_or_of_the_wrong_kind_is_named_without_its_value() {
    for (expression, kind, said) in [
        ("env::require(\"ABSENT\")", "Env.Missing", "the variable `ABSENT` is not set"),
        ("env::int(\"ABSENT\")", "Env.Missing", "`ABSENT`"),
        ("env::bool(\"ABSENT\")", "Env.Missing", "`ABSENT`"),
        ("env::int(\"KEY\")", "Env.Invalid", "`KEY` is not a whole number"),
        ("env::int(\"KEY\", 1)", "Env.Invalid", "`KEY` is not a whole number"),
        ("env::bool(\"KEY\", true)", "Env.Invalid", "`KEY` is not one of true, 1"),
    ] {
        let mut run = evaluated("", expression).env("KEY", "s3cret").run();
        let answer = run.response();
        assert!(answer.contains(kind) && answer.contains(said), "{expression}: {answer}");
        assert!(!answer.contains("s3cret"), "{answer}");
        run.kept_serving();
    }
}

#[test]
fn an_error_that_nobody_catches_says_where_it_was() {
    Function::of("fn handler(event) {\n    let x = 1;\n    env::require(\"ABSENT\")\n}\n")
        .event("{}")
        .run()
        .failed_as("Function.ScriptError", "Env.Missing")
        .at("main.rhai:3:")
        .kept_serving();
}

const CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

#[test]
fn credentials_of_the_role_are_read_by_nobody_who_does_not_mean_them() {
    for name in CREDENTIALS {
        for declaration in ["", "//! allow: env *", "//! allow: env STRIPE_KEY"] {
            for function in ["get", "require"] {
                let expression = format!("env::{function}({name:?})");
                let mut run = evaluated(declaration, &expression).env(name, "s3cret").run();
                let answer = run.response();
                assert!(answer.contains("Policy.Refused"), "{declaration} {name}: {answer}");
                assert!(answer.contains("//! allow: env AWS_*"), "{answer}");
                assert!(!answer.contains("s3cret"), "{answer}");
                run.kept_serving();
            }
        }
        evaluated("//! allow: env AWS_*", &format!("env::get({name:?})"))
            .env(name, "s3cret")
            .run()
            .responded("\"s3cret\"")
            .kept_serving();
    }
}

#[test]
fn a_declaration_or_a_strict_policy_refuses_every_other_variable() {
    let stripe = "//! allow: env STRIPE_KEY, env APP_*";
    let read = |declaration: &str, name: &str| {
        evaluated(declaration, &format!("env::get({name:?})"))
            .env("STRIPE_KEY", "key")
            .env("APP_COLOUR", "blue")
            .env("OTHER", "other")
    };
    read(stripe, "STRIPE_KEY").run().responded("\"key\"").kept_serving();
    read(stripe, "APP_COLOUR").run().responded("\"blue\"").kept_serving();
    for function in [read(stripe, "OTHER"), read("", "OTHER").env("RHAMBDA_POLICY", "strict")] {
        let mut run = function.run();
        let answer = run.response();
        assert!(answer.contains("write at its top: //! allow: env OTHER\""), "{answer}");
        run.kept_serving();
    }
    read("", "OTHER").env("RHAMBDA_POLICY", "open").run().responded("\"other\"").kept_serving();
}
