//! What a script may ask of AWS: what it declares, and nothing else.

use rhambda_tests::{Function, Server, answer};
use serde_json::{Value, json};

/// What an expression gives under these lines, and how many requests came.
#[track_caller]
fn under(lines: &str, expression: &str, variables: &[(&str, &str)]) -> (Value, usize) {
    let server = Server::saying(|_| answer(200, &[], "{}"));
    let expression = expression.replace("HERE", &server.url());
    let script = format!(
        "{lines}\nfn handler(event) {{ try {{ {expression}; return \"done\"; }} catch (error) {{ return [error.type, error.message]; }} }}"
    );
    let function = Function::of(&script)
        .env("AWS_ENDPOINT_URL", &server.url())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    let function =
        variables.iter().fold(function, |function, (name, value)| function.env(name, value));
    let mut run = function.event("{}").run();
    (serde_json::from_str(&run.response()).expect("JSON"), server.seen().len())
}

const GET: &str = "aws::call(\"dynamodb\", \"GetItem\", #{ TableName: \"orders\" })";

#[test]
fn what_is_declared_may_be_called() {
    for (lines, expression) in [
        ("", GET),
        ("//! allow: aws dynamodb:GetItem", GET),
        ("//! allow: aws dynamodb:GetItem table/orders", GET),
        ("//! allow: aws dynamodb:* table/ord*", GET),
        ("//! allow: env A, aws dynamodb:Get*\n//! allow: aws sqs:*", GET),
        ("//! allow: aws sfn:StartExecution", "aws::call(\"stepfunctions\", \"StartExecution\")"),
        (
            "//! allow: aws sqs:SendMessage jobs",
            "aws::call(\"sqs\", \"SendMessage\", #{ QueueUrl: \"https://sqs.eu-west-1.amazonaws.com/1/jobs\" })",
        ),
        (
            "//! allow: aws ssm:GetParameter parameter/app/*",
            "aws::call(\"ssm\", \"GetParameter\", #{ Name: \"/app/key\" })",
        ),
        (
            "//! allow: aws dynamodb:BatchGetItem table/*",
            "aws::call(\"dynamodb\", \"BatchGetItem\", #{ RequestItems: #{ a: #{}, b: #{} } })",
        ),
        (
            "//! allow: aws lambda:Invoke function:hello",
            "aws::request(#{ service: \"lambda\", operation: \"Invoke\", method: \"POST\", path: \"/x\", resource: \"function:hello\" })",
        ),
        ("//! allow: aws lambda:*", "aws::request(#{ service: \"lambda\", path: \"/x\" })"),
        (
            "//! allow: aws dynamodb:GetItem, http 127.0.0.1:*",
            "aws::call(\"dynamodb\", \"GetItem\", #{}, #{ endpoint: \"HERE\" })",
        ),
    ] {
        assert_eq!(under(lines, expression, &[]), (json!("done"), 1), "{lines} {expression}");
    }
}

#[test]
fn what_is_not_declared_is_refused_with_the_line_to_add() {
    let none = "//! allow: nothing";
    for (lines, expression, line) in [
        (none, GET, "aws dynamodb:GetItem table/orders"),
        ("//! allow: http *:*, env *, fs tmp", GET, "aws dynamodb:GetItem table/orders"),
        ("//! allow: aws dynamodb:PutItem table/orders", GET, "aws dynamodb:GetItem table/orders"),
        ("//! allow: aws dynamodb:GetItem table/others", GET, "aws dynamodb:GetItem table/orders"),
        (
            "//! allow: aws dynamodb:* table/a",
            "aws::call(\"dynamodb\", \"TransactWriteItems\", #{ TransactItems: [#{ Put: #{ TableName: \"a\" } }, #{ Put: #{ TableName: \"b\" } }] })",
            "aws dynamodb:TransactWriteItems table/b",
        ),
        (
            "//! allow: aws ssm:GetParameters parameter/a",
            "aws::call(\"ssm\", \"GetParameters\", #{ Names: [\"/a\", \"/b\"] })",
            "aws ssm:GetParameters parameter/b",
        ),
        (none, "aws::call(\"sts\", \"GetCallerIdentity\")", "aws sts:GetCallerIdentity"),
        (
            none,
            "aws::presign(#{ service: \"s3\", operation: \"GetObject\", path: \"/b/k\" })",
            "aws s3:GetObject",
        ),
        (
            "//! allow: aws lambda:Get*",
            "aws::request(#{ service: \"lambda\", path: \"/x\" })",
            "aws lambda:*",
        ),
        // One way to AWS is none to the web, and the other way round.
        ("//! allow: aws dynamodb:*", "http::get(\"HERE/\")", "http 127.0.0.1:"),
        (
            "//! allow: aws dynamodb:*",
            "aws::call(\"dynamodb\", \"GetItem\", #{}, #{ endpoint: \"HERE\" })",
            "http 127.0.0.1:",
        ),
        (
            "//! allow: aws s3:*",
            "aws::request(#{ service: \"s3\", endpoint: \"http://evil.example.com\" })",
            "http evil.example.com",
        ),
        // What a request is called is not what counts.
        (
            "//! allow: aws dynamodb:GetItem",
            "aws::request(#{ service: \"dynamodb\", operation: \"GetItem\", method: \"POST\", headers: #{ \"x-amz-target\": \"DynamoDB_20120810.DeleteTable\" }, body: \"{}\" })",
            "aws dynamodb:DeleteTable",
        ),
        (
            "//! allow: aws iam:GetUser",
            "aws::request(#{ service: \"iam\", operation: \"GetUser\", method: \"POST\", form: #{ Action: \"DeleteUser\" } })",
            "aws iam:DeleteUser",
        ),
        (
            "//! allow: aws iam:GetUser",
            "aws::request(#{ service: \"iam\", operation: \"GetUser\", query: #{ Action: \"DeleteUser\" } })",
            "aws iam:DeleteUser",
        ),
    ] {
        let (said, asked) = under(lines, expression, &[]);
        assert_eq!(said[0], "Policy.Refused", "{lines} {expression}: {said}");
        let message = said[1].as_str().unwrap_or_default();
        assert!(
            message.contains(&format!("write at its top: //! allow: {line}")),
            "{expression}: {message}"
        );
        assert_eq!(asked, 0, "{expression}");
    }
    let (said, asked) = under("", GET, &[("RHAMBDA_POLICY", "strict")]);
    assert_eq!((&said[0], asked), (&json!("Policy.Refused"), 0));
}

#[test]
fn a_line_that_is_malformed_is_told_at_its_place() {
    for (line, expected) in [
        ("aws", "`aws` does not say what is allowed"),
        (
            "aws dynamodb",
            "`aws dynamodb` is not a service and an action, as in `aws dynamodb:GetItem table/orders`",
        ),
        ("aws dynamodb:GetItem table/a table/b", "has more than an action and a resource"),
        ("aws *:*", "is not a service and an action"),
    ] {
        let script = format!("// Ours.\n//! allow: env A, {line}\nfn handler(event) {{ }}");
        let run = Function::of(&script).event("{}").run();
        let said: String = run.calls().iter().map(|call| call.text()).collect();
        assert!(said.contains(expected) && said.contains("2:19"), "{line}: {said}");
    }
}
