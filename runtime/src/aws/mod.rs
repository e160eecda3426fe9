//! How AWS is spoken to: which service is where, who asks, and the signature of a request.
//!
//! Nothing here knows of scripts, and nothing is read or made before the first request.

mod credentials;
mod endpoint;
mod services;
pub mod sigv4;

pub use credentials::{Credentials, Keeper};
pub use endpoint::{Endpoint, Settings, resolve};
pub use services::{Protocol, Service, names, service};

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::effects::{Failure, Request, Url};
use sigv4::{Scope, Unsigned};

/// What a request to AWS is, beside its bytes: for the signature, the policy, and those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// As scripts name it, such as `dynamodb`.
    pub service: String,
    /// As the service names it, such as `GetItem`; empty where that is not known.
    pub operation: String,
    /// Whom the signature is for.
    pub scope: Scope,
    /// Whether it goes without a signature, as `AssumeRoleWithWebIdentity` does.
    pub is_anonymous: bool,
    /// Whether the script says where it goes: to a host that need not be one of AWS.
    pub is_elsewhere: bool,
}

impl fmt::Display for Call {
    /// Such as `dynamodb:GetItem`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

/// The action that a policy of IAM has to allow for an operation. It is called like the operation but for
/// some.
#[must_use]
pub fn action_of<'a>(signing_name: &str, operation: &'a str) -> &'a str {
    match (signing_name, operation) {
        ("s3", "HeadObject" | "SelectObjectContent") => "GetObject",
        ("s3", "HeadBucket" | "ListObjects" | "ListObjectsV2") => "ListBucket",
        (
            "s3",
            "CopyObject"
            | "CreateMultipartUpload"
            | "UploadPart"
            | "UploadPartCopy"
            | "CompleteMultipartUpload",
        ) => "PutObject",
        ("lambda", "Invoke" | "InvokeAsync" | "InvokeWithResponseStream") => "InvokeFunction",
        ("sqs", "SendMessageBatch") => "SendMessage",
        ("sqs", "DeleteMessageBatch") => "DeleteMessage",
        ("sqs", "ChangeMessageVisibilityBatch") => "ChangeMessageVisibility",
        ("sns", "PublishBatch") => "Publish",
        ("bedrock", "Converse") => "InvokeModel",
        ("bedrock", "ConverseStream") => "InvokeModelWithResponseStream",
        _ => operation,
    }
}

/// The host of a URL as the header has it.
#[must_use]
pub fn host_header(url: &Url) -> String {
    let host = match url.host.contains(':') {
        true => format!("[{}]", url.host),
        false => url.host.clone(),
    };
    match url.port == url.default_port() {
        true => host,
        false => format!("{host}:{}", url.port),
    }
}

/// What a signature adds. Of a request's own headers only the hash of its body counts, as
/// `UNSIGNED-PAYLOAD` is one.
const OF_SIGNATURE: [&str; 4] =
    ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// Adds the signature to a request.
pub fn sign(request: &mut Request, scope: &Scope, credentials: &Credentials, now: SystemTime) {
    let is_added = |name: &str| OF_SIGNATURE.iter().any(|it| it.eq_ignore_ascii_case(name));
    let said = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amz-content-sha256"))
        .map(|(_, value)| value.trim().to_owned());
    request.headers.retain(|(name, _)| !is_added(name));
    let mut style = scope.style();
    style.has_hash |= said.is_some();
    let body_hash = said.unwrap_or_else(|| sigv4::hash(&request.body));
    let unsigned = Unsigned {
        method: &request.method,
        host: &host_header(&request.url),
        target: &request.url.target,
        headers: &request.headers,
        body_hash: &body_hash,
        style,
    };
    let added = sigv4::sign(unsigned, credentials, scope, &sigv4::stamp(now));
    request.headers.extend(added);
}

/// The query, without `?`, that makes a URL good for so long. A request that is none for AWS
/// has an empty one.
#[must_use]
pub fn presign(
    request: &Request,
    credentials: &Credentials,
    now: SystemTime,
    good_for: Duration,
) -> String {
    let Some(call) = &request.aws else { return String::new() };
    let unsigned = Unsigned {
        method: &request.method,
        host: &host_header(&request.url),
        target: &request.url.target,
        headers: &request.headers,
        body_hash: if call.scope.is_s3() { sigv4::UNSIGNED } else { sigv4::HASH_OF_NOTHING },
        style: call.scope.style(),
    };
    sigv4::presigned_query(unsigned, credentials, &call.scope, &sigv4::stamp(now), good_for)
}

/// What a script is told where no credentials can be found.
pub(crate) fn no_credentials(why: &str) -> Failure {
    Failure::new(
        "Aws.NoCredentials",
        format!(
            "there are no AWS credentials: {why}; on Lambda the execution role gives them, elsewhere set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ),
    )
}
