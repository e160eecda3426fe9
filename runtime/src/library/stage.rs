//! The world of this library's own tests: a service, a few variables, chance that may be loaded.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::effects::{Effects, Failure, FileInfo, Request, Response, System};
use crate::sink::{Broken, Sink};

thread_local! {
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

/// Puts this thread's clock forward.
pub fn pass(time: Duration) {
    PASSED.set(PASSED.get() + time);
}

/// How many requests this thread made.
pub fn asked() -> usize {
    ASKED.get()
}

/// Files are real, and so is the clock but for the time that a test lets pass.
#[derive(Debug, Default)]
pub struct Stage {
    system: System,
    /// The byte that is drawn again and again; without it, chance is real.
    seed: Option<u8>,
}

impl Stage {
    /// One whose chance is this byte, over and over.
    pub fn loaded(seed: u8) -> Self {
        Self { seed: Some(seed), ..Self::default() }
    }
}

/// What `https://api.example.com` answers: the status and the body.
fn answer(method: &str, path: &str) -> (u16, &'static str) {
    match (method, path) {
        ("GET" | "HEAD", "/orders/7") => (200, r#"{"total":42}"#),
        ("POST", "/orders") => (201, r#"{"id":8}"#),
        ("PUT" | "PATCH" | "DELETE", "/orders/7") | ("POST", "/login") => (200, "{}"),
        ("GET", "/hello" | "/new") => (200, "hello"),
        ("GET", "/search?page=2&q=two%20words") => (200, "[]"),
        // The key of RFC 8037, A.1.
        ("GET", "/jwks.json") => (
            200,
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
        ),
        ("GET", "/old") => (301, ""),
        _ => (404, ""),
    }
}

/// What the services of AWS answer.
fn aws_response(call: &str, target: &str) -> Response {
    let etag = "\"9a0364b9e99bb480dd25e1f0284c8555\"";
    let mut status = 200;
    let body = match call {
        "s3:HeadObject" if target.ends_with("/none") => {
            status = 404;
            ""
        }
        "s3:GetObject" if target.ends_with(".json") => r#"{"retries":3}"#,
        "s3:GetObject" => "a,b\n1,2\n",
        "s3:HeadObject" | "s3:PutObject" | "s3:DeleteObject" => "",
        "s3:CopyObject" => "<CopyObjectResult><ETag>x</ETag></CopyObjectResult>",
        "s3:ListBucket" => {
            "<ListBucketResult><Contents><Key>2026/may.csv</Key><Size>8</Size></Contents></ListBucketResult>"
        }
        "sts:GetCallerIdentity" => {
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        }
        "dynamodb:GetItem" => r#"{"Item":{"id":{"S":"7"},"total":{"N":"42"}}}"#,
        "dynamodb:PutItem" | "dynamodb:BatchWriteItem" | "dynamodb:TransactWriteItems" => "{}",
        "dynamodb:UpdateItem" | "dynamodb:DeleteItem" => {
            r#"{"Attributes":{"id":{"S":"7"},"total":{"N":"42"},"tries":{"N":"1"}}}"#
        }
        "dynamodb:Query" | "dynamodb:Scan" => r#"{"Items":[{"id":{"S":"7"},"total":{"N":"42"}}]}"#,
        "dynamodb:BatchGetItem" => r#"{"Responses":{"orders":[{"id":{"S":"7"}}]}}"#,
        "sqs:SendMessage" => r#"{"MessageId":"m-1"}"#,
        "sqs:SendMessageBatch" => {
            r#"{"Successful":[{"Id":"0","MessageId":"m-0"},{"Id":"1","MessageId":"m-1"}]}"#
        }
        "sqs:ReceiveMessage" => {
            r#"{"Messages":[{"MessageId":"m-1","Body":"hello","ReceiptHandle":"r"}]}"#
        }
        "sqs:DeleteMessage" => "{}",
        "sns:Publish" => {
            "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"
        }
        "events:PutEvents" => r#"{"FailedEntryCount":0,"Entries":[{"EventId":"e-1"}]}"#,
        "stepfunctions:StartExecution" => {
            r#"{"executionArn":"arn:aws:states:eu-west-1:1:execution:orders:x"}"#
        }
        "stepfunctions:SendTaskSuccess"
        | "stepfunctions:SendTaskFailure"
        | "stepfunctions:SendTaskHeartbeat" => "{}",
        "lambda:Invoke" => r#"{"price":12}"#,
        "lambda:GetFunction" => r#"{"Configuration":{"MemorySize":128}}"#,
        "ssm:GetParameter" => r#"{"Parameter":{"Name":"/shop/currency","Value":"EUR"}}"#,
        "ssm:GetParameters" | "ssm:GetParametersByPath" => {
            r#"{"Parameters":[{"Name":"/shop/currency","Value":"EUR"}]}"#
        }
        "ssm:PutParameter" => r#"{"Version":2}"#,
        "secretsmanager:GetSecretValue" => r#"{"SecretString":"{\"key\":\"abc\"}"}"#,
        "kms:Encrypt" => r#"{"CiphertextBlob":"AAE="}"#,
        "kms:Decrypt" => r#"{"Plaintext":"c2VjcmV0"}"#,
        "sesv2:SendEmail" => r#"{"MessageId":"m-1"}"#,
        "bedrock-runtime:Converse" => {
            r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello!"}]}}}"#
        }
        "ce:GetCostAndUsage" => r#"{"ResultsByTime":[]}"#,
        other => panic!("nothing is known of {other}"),
    };
    let headers =
        vec![("etag".to_owned(), etag.to_owned()), ("content-length".to_owned(), "8".to_owned())];
    let body = body.as_bytes();
    Response { status, headers, body: Box::new(body) }
}

impl Effects for Stage {
    fn now(&self) -> SystemTime {
        self.system.now() + PASSED.get()
    }

    fn sleep(&self, _: Duration) {}

    fn random(&self, bytes: &mut [u8]) {
        match self.seed {
            Some(byte) => bytes.fill(byte),
            None => self.system.random(bytes),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        let known = [("AWS_REGION", "eu-west-1"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")];
        known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        self.system.real_path(path)
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        self.system.read(path)
    }

    fn write(&self, path: &Path, append: bool) -> io::Result<Box<dyn Write>> {
        self.system.write(path, append)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.system.list(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.system.remove(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.system.make_folder(path)
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        self.system.info(path)
    }

    fn presign(&self, _: &Request, _: Duration) -> Result<String, Failure> {
        Ok("X-Amz-Signature=0".into())
    }

    fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        ASKED.set(ASKED.get() + 1);
        if let Some(call) = &request.aws {
            return Ok(aws_response(&call.to_string(), &request.url.target));
        }
        assert_eq!(request.url.host, "api.example.com", "nothing else is asked in an example");
        let (status, body) = answer(&request.method, &request.url.target);
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if status == 301 {
            headers.push(("location".into(), "/new".into()));
        }
        let body = if request.method == "HEAD" { "" } else { body };
        Ok(Response { status, headers, body: Box::new(body.as_bytes()) })
    }
}

/// A reader of a streamed response that takes everything.
#[derive(Debug, Default)]
pub struct Drain {
    has_begun: bool,
}

impl Sink for Drain {
    fn has_begun(&self) -> bool {
        self.has_begun
    }

    fn begin(&mut self, _: &str, _: &[u8], _: Option<Instant>) -> Result<(), Broken> {
        self.has_begun = true;
        Ok(())
    }

    fn write(&mut self, _: &[u8], _: Option<Instant>) -> Result<(), Broken> {
        Ok(())
    }

    fn flush(&mut self, _: Option<Instant>) -> Result<(), Broken> {
        Ok(())
    }

    fn is_open(&mut self) -> bool {
        true
    }
}
