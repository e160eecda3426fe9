//! A dozen services of AWS, played by a server that looks at each signature; boto3 writes what a script
//! reads, and reads what a script wrote.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rhambda_tests::{Function, aws_client, output_of, repository, skip};
use serde_json::{Value, json};

/// A moto server, until the test ends.
struct Moto {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Moto {
    /// `None`, and a reason on the terminal, where it is not installed.
    fn start() -> Option<Self> {
        // Not by its program `moto_server`, which names the folder that it was installed in.
        let python = repository().join(".cache/moto/bin/python");
        if !python.is_file() {
            skip("no .cache/moto/bin/python; `tests/install` fetches it");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a file");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let process = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            // The first three calls make the user whose keys all others are signed with.
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "3")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the same file"))
            .stderr(log)
            .spawn()
            .expect("moto_server starts");
        let mut moto = Self { process, port, folder };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = moto.process.try_wait().expect("our own child");
            let is_late = began.elapsed() > Duration::from_secs(60);
            assert!(ended.is_none() && !is_late, "moto_server does not serve: {}", moto.log());
            thread::sleep(Duration::from_millis(50));
        }
        Some(moto)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The end of what it wrote.
    fn log(&self) -> String {
        let path = self.folder.path().join("log");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}\n{}", path.display(), lines[lines.len().saturating_sub(40)..].join("\n"))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

const SCRIPT: &str = r#"
// All of a list that comes in pages.
fn pages(service, operation, parameters, list, more, token) {
    let all = [];
    let count = 0;
    loop {
        let page = aws::call(service, operation, parameters);
        count += 1;
        let items = page[list] ?? [];
        if items != "" { all += items; }
        let next = page[more] ?? "";
        if next == "" { break; }
        parameters[token] = next;
    }
    #{ count: all.len(), pages: count }
}
fn error_of(service, operation, parameters) {
    try { aws::call(service, operation, parameters); } catch (error) { return error.type; }
    "none"
}
fn missing_object() {
    try { aws::request(#{ service: "s3", path: "/files/none" }); } catch (error) { return error.type; }
    "none"
}
fn handler(event) {
    let put = #{ id: #{ S: "new" }, total: #{ N: "12345678901234567890.5" }, raw: #{ B: base64::decode("AP8=") } };
    aws::call("dynamodb", "PutItem", #{ TableName: "orders", Item: put });
    aws::call("sns", "Publish", #{ TopicArn: event.topic, Message: "käse & co\n=+", MessageAttributes: #{
        kind: #{ DataType: "String", StringValue: "order" } } });
    aws::call("ssm", "PutParameter", #{ Name: "/app/new", Value: "v", Type: "SecureString" });
    aws::call("secretsmanager", "CreateSecret", #{ Name: "new", SecretString: "s" });
    aws::request(#{ service: "s3", operation: "PutObject", method: "PUT", path: "/files/new/a//b%20%C3%BC%2B.txt", body: "text" });
    let run = aws::call("ec2", "RunInstances", #{ ImageId: event.image, MinCount: 1, MaxCount: 1, TagSpecifications: [
        #{ ResourceType: "instance", Tags: [#{ Key: "Name", Value: "a b & ü" }] }] });
    let id = run.instancesSet[0].instanceId;
    let found = aws::call("ec2", "DescribeInstances", #{ Filters: [#{ Name: "tag:Name", Values: ["a b*"] }] });
    let kept = aws::request(#{ service: "s3", operation: "GetObject", path: "/files/a%20b/n3%2B%C3%BC" }).text();
    let sealed = aws::call("kms", "Encrypt", #{ KeyId: aws::call("kms", "ListKeys").Keys[0].KeyId, Plaintext: base64::decode("c2VjcmV0") });
    #{
        who: aws::call("sts", "GetCallerIdentity").Arn,
        item: aws::call("dynamodb", "GetItem", #{ TableName: "orders", Key: #{ id: #{ S: "n3" } } }).Item.total.N,
        parameter: aws::call("ssm", "GetParameter", #{ Name: "/app/n3", WithDecryption: true }).Parameter.Value,
        secret: aws::call("secretsmanager", "GetSecretValue", #{ SecretId: "n3" }).SecretString,
        instance: found.reservationSet[0].instancesSet[0].instanceId == id,
        object: kept,
        opened: base64::decode_text(aws::call("kms", "Decrypt", #{ CiphertextBlob: sealed.CiphertextBlob }).Plaintext),
        pages: #{
            dynamodb: pages("dynamodb", "Scan", #{ TableName: "orders", Limit: 2 }, "Items", "LastEvaluatedKey", "ExclusiveStartKey"),
            sqs: pages("sqs", "ListQueues", #{ MaxResults: 2 }, "QueueUrls", "NextToken", "NextToken"),
            ssm: pages("ssm", "GetParametersByPath", #{ Path: "/app", MaxResults: 2 }, "Parameters", "NextToken", "NextToken"),
            secretsmanager: pages("secretsmanager", "ListSecrets", #{ MaxResults: 2 }, "SecretList", "NextToken", "NextToken"),
            logs: pages("logs", "DescribeLogGroups", #{ limit: 2 }, "logGroups", "nextToken", "nextToken"),
            events: pages("events", "ListRules", #{ Limit: 2 }, "Rules", "NextToken", "NextToken"),
            iam: pages("iam", "ListRoles", #{ MaxItems: 2 }, "Roles", "Marker", "Marker"),
            ecs: pages("ecs", "ListClusters", #{ maxResults: 2 }, "clusterArns", "nextToken", "nextToken"),
            kms: pages("kms", "ListKeys", #{ Limit: 2 }, "Keys", "NextMarker", "Marker"),
            sns: pages("sns", "ListTopics", #{}, "Topics", "NextToken", "NextToken"),
            ec2: pages("ec2", "DescribeKeyPairs", #{}, "keySet", "nextToken", "NextToken"),
        },
        errors: #{
            dynamodb: error_of("dynamodb", "GetItem", #{ TableName: "nowhere", Key: #{ id: #{ S: "1" } } }),
            condition: error_of("dynamodb", "PutItem", #{ TableName: "orders", Item: put, ConditionExpression: "attribute_not_exists(id)" }),
            sqs: error_of("sqs", "SendMessage", #{ QueueUrl: event.queue + "x", MessageBody: "m" }),
            sns: error_of("sns", "Publish", #{ TopicArn: event.topic + "x", Message: "m" }),
            ssm: error_of("ssm", "GetParameter", #{ Name: "/none" }),
            secretsmanager: error_of("secretsmanager", "GetSecretValue", #{ SecretId: "none" }),
            kms: error_of("kms", "DescribeKey", #{ KeyId: "alias/none" }),
            logs: error_of("logs", "DescribeLogStreams", #{ logGroupName: "none" }),
            events: error_of("events", "DescribeRule", #{ Name: "none" }),
            iam: error_of("iam", "GetRole", #{ RoleName: "none" }),
            ec2: error_of("ec2", "DescribeInstances", #{ InstanceIds: ["i-1234567890abcdef0"] }),
            stepfunctions: error_of("sfn", "DescribeStateMachine", #{ stateMachineArn: "arn:aws:states:us-east-1:123456789012:stateMachine:none" }),
            cloudformation: error_of("cloudformation", "DescribeStacks", #{ StackName: "none" }),
            kinesis: error_of("kinesis", "DescribeStreamSummary", #{ StreamName: "none" }),
            s3: missing_object(),
        },
    }
}
"#;

#[test]
fn scripts_and_boto3_share_what_a_dozen_services_keep() {
    let Some(moto) = Moto::start() else { return };
    let home = tempfile::tempdir().expect("a folder");
    let Some(mut python) = aws_client("python", home.path()) else { return };
    let script = |name: &str| repository().join("tests/aws").join(name);
    let printed = output_of(python.arg(script("moto_first.py")).arg(moto.url()));
    let made: Value = serde_json::from_str(&printed).expect("JSON");
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    let (key, secret) = (text("key"), text("secret"));
    let event = json!({ "topic": made["topic"], "queue": made["queue"], "image": "ami-12c6146b" });
    let with = |secret: &str| {
        Function::of(SCRIPT)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", &moto.url())
            .env("AWS_ACCESS_KEY_ID", &key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .event(event.to_string())
            .run()
    };
    let mut run = with(&secret);
    let said: Value = serde_json::from_str(&run.response()).expect("JSON");
    if said["pages"].is_null() {
        run.fail(&moto.log());
    }
    assert_eq!(said["who"], "arn:aws:iam::123456789012:user/tester");
    for (field, expected) in [
        ("item", "3.50"),
        ("parameter", "n3"),
        ("secret", "n3"),
        ("object", "n3"),
        ("opened", "secret"),
    ] {
        assert_eq!(said[field], expected, "{field}: {said:#}");
    }
    assert_eq!(said["instance"], true, "{said:#}");
    for (service, count, pages) in [
        ("dynamodb", 6, 3),
        ("sqs", 6, 3),
        ("ssm", 6, 3),
        ("secretsmanager", 6, 3),
        ("logs", 5, 3),
        ("events", 5, 3),
        ("iam", 5, 3),
        ("ecs", 5, 1),
        ("kms", 5, 1),
        ("sns", 1, 1),
        ("ec2", 5, 1),
    ] {
        let found = &said["pages"][service];
        assert_eq!(found["count"], count, "{service}: {found}");
        assert!(found["pages"].as_u64() >= Some(pages), "{service}: {found}");
    }
    assert_eq!(
        said["errors"],
        json!({
            "dynamodb": "ResourceNotFoundException",
            "condition": "ConditionalCheckFailedException",
            "sqs": "QueueDoesNotExist",
            "sns": "NotFound",
            "ssm": "ParameterNotFound",
            "secretsmanager": "ResourceNotFoundException",
            "kms": "NotFoundException",
            "logs": "ResourceNotFoundException",
            "events": "ResourceNotFoundException",
            "iam": "NoSuchEntity",
            "ec2": "InvalidInstanceID.NotFound",
            "stepfunctions": "StateMachineDoesNotExist",
            "cloudformation": "ValidationError",
            "kinesis": "ResourceNotFoundException",
            "s3": "NoSuchKey",
        })
    );
    let Some(mut python) = aws_client("python", home.path()) else { return };
    let printed =
        output_of(python.arg(script("moto_then.py")).arg(moto.url()).args([&key, &secret]));
    let left: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(left["item"]["total"]["N"], "12345678901234567890.5");
    assert_eq!(left["item"]["raw"]["B"], "00ff");
    assert_eq!(left["messages"], json!(["käse & co\n=+"]));
    assert_eq!(left["attributes"][0]["kind"], json!({ "Type": "String", "Value": "order" }));
    assert_eq!((&left["parameter"], &left["secret"]), (&json!("v"), &json!("s")));
    assert_eq!(left["object"], "text");
    assert!(left["tags"].as_array().is_some_and(|tags| tags.contains(&json!("a b & ü"))), "{left}");
    // It does look at signatures.
    with("another secret").failed_as("Function.ScriptError", "SignatureDoesNotMatch");
}
