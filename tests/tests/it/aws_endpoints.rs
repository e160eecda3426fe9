//! The table of services and the hosts made from it, against botocore's own models.

use std::collections::BTreeSet;

use rhambda_runtime::aws::{self, Protocol, Settings};
use rhambda_tests::{aws_client, output_of, repository};
use serde_json::Value;

/// What botocore knows, one service each; `None` where it is not installed.
fn facts() -> Option<Vec<Value>> {
    let home = tempfile::tempdir().expect("a folder");
    let mut python = aws_client("python", home.path())?;
    let printed = output_of(python.arg(repository().join("tests/aws/facts.py")));
    let facts = printed.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    Some(facts.collect())
}

/// Where the table follows something else than botocore's rule sets, and why.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("geo-maps", "cn-north-1 eusc-de-east-1 us-iso-east-1", "it is not there"),
    ("geo-places", "cn-north-1 eusc-de-east-1 us-iso-east-1", "it is not there"),
    ("geo-routes", "cn-north-1 eusc-de-east-1 us-iso-east-1", "it is not there"),
    ("codecatalyst", "*", "it takes bearer tokens, no signatures"),
    ("signin", "*", "its one operation is for browsers, and is not signed"),
    ("importexport", "*", "it takes no new jobs since 2021, and signs as no other service does"),
    ("sustainability", "*", "it is in the partition aws only"),
    (
        "health",
        "eu-west-1 cn-north-1",
        "the rule set does not say so, botocore's older data does; the other SDKs sign for the host's region",
    ),
    (
        "route53-recovery-control-config",
        "fips",
        "the rule set names a region where the service is not",
    ),
];

fn is_otherwise(service: &str, variant: &str) -> bool {
    OTHERWISE.iter().any(|(name, variants, _)| {
        *name == service && variants.split(' ').any(|it| it == "*" || it == variant)
    })
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn every_line_of_the_table_is_what_the_models_of_aws_say() {
    let Some(facts) = facts() else { return };
    assert!(facts.len() > 400, "{} services", facts.len());
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for fact in &facts {
        let name = text(fact, "name");
        known.insert(name);
        let service = aws::service(name);
        let protocols: Vec<&str> =
            fact["protocols"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let expected = if protocols.contains(&"json") {
            format!("json {} {}", text(fact, "json"), text(fact, "target"))
        } else if protocols.contains(&"query") {
            format!("query {}", text(fact, "version"))
        } else if protocols.contains(&"ec2") {
            format!("ec2 {}", text(fact, "version"))
        } else {
            "rest".to_owned()
        };
        let found = match service.protocol {
            Protocol::Json { version, target } => format!("json {version} {target}"),
            Protocol::Query { version, is_ec2: false } => format!("query {version}"),
            Protocol::Query { version, is_ec2: true } => format!("ec2 {version}"),
            Protocol::Rest => "rest".to_owned(),
        };
        let id = text(fact, "id").replace([' ', '-'], "_").to_uppercase();
        for (what, found, expected) in [
            ("protocol", found.as_str(), expected.as_str()),
            ("signing name", &service.signing_name, text(fact, "signing")),
            ("id", &service.id, &id),
            ("name", &service.name, name),
        ] {
            if found != expected {
                wrong.push(format!("{name}: the {what} is {found}, should be {expected}"));
            }
        }
        let unsigned = fact["unsigned"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for operation in unsigned.filter(|_| !is_otherwise(name, "*")) {
            if service.signs(operation) {
                wrong.push(format!("{name}: {operation} is signed"));
            }
        }
        if service.protocol != Protocol::Rest {
            let operations = fact["operations"].as_array().into_iter().flatten();
            for operation in operations.filter_map(Value::as_str) {
                let mut tokens = fact["tokens"].as_array().into_iter().flatten();
                let expected = tokens.find(|it| it[0] == operation).and_then(|it| it[1].as_str());
                if service.token(operation) != expected {
                    wrong.push(format!("{name}: the token of {operation} should be {expected:?}"));
                }
            }
        }
        if !service.signs("ListTags") {
            wrong.push(format!("{name}: nothing is signed"));
        }
        let hosts = fact["hosts"].as_object().expect("hosts");
        for (variant, expected) in hosts {
            if expected.get("error").is_some() || is_otherwise(name, variant) {
                continue;
            }
            let asked = |name: &str| match (name, variant.as_str()) {
                ("AWS_USE_FIPS_ENDPOINT", "fips") | ("AWS_USE_DUALSTACK_ENDPOINT", "dualstack") => {
                    Some("true".to_owned())
                }
                _ => None,
            };
            let region = if variant.contains('-') { variant } else { "us-east-1" };
            let settings = Settings { region: Some(region), endpoint: None, variable: &asked };
            let found = aws::resolve(&service, &settings).expect("an endpoint");
            let url = found.url.to_string();
            let found = format!(
                "{} {} {}",
                url.trim_end_matches('/'),
                found.scope.region,
                found.scope.service
            );
            let expected = format!(
                "{} {} {}",
                text(expected, "url"),
                text(expected, "region"),
                text(expected, "name")
            );
            if found != expected {
                wrong.push(format!("{name} {variant}: {found}, should be {expected}"));
            }
        }
    }
    for name in aws::names().filter(|name| !known.contains(name)) {
        wrong.push(format!("{name}: botocore knows no such service"));
    }
    assert!(wrong.is_empty(), "{} lines:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn services_are_known_by_their_other_names() {
    for (name, expected) in [
        ("sfn", "stepfunctions"),
        ("eventbridge", "events"),
        ("cloudwatch-logs", "logs"),
        ("secrets-manager", "secretsmanager"),
    ] {
        assert_eq!(aws::service(name).name, expected);
    }
}
