//! One event and what Lambda says about it: plain data.

/// An invocation as the Runtime API handed it out.
///
/// Every header but the request id is optional, and an empty one counts as absent: emulators and
/// some regions leave them out.
#[derive(Debug, Default)]
pub struct Invocation {
    /// `Lambda-Runtime-Aws-Request-Id`, decoded lossily for people to read.
    pub request_id: String,
    /// The request id as it stands in a URL path, percent-encoded.
    pub request_path: String,
    /// `Lambda-Runtime-Deadline-Ms`: ms since the epoch.
    pub deadline_ms: Option<u64>,
    /// `Lambda-Runtime-Invoked-Function-Arn`, with the version or alias that was asked for.
    pub function_arn: Option<String>,
    /// `Lambda-Runtime-Trace-Id`: `Root=…;Parent=…;Sampled=…`.
    pub trace_id: Option<String>,
    /// `Lambda-Runtime-Client-Context`: JSON text.
    pub client_context: Option<String>,
    /// `Lambda-Runtime-Cognito-Identity`: JSON text.
    pub cognito_identity: Option<String>,
    /// `Lambda-Runtime-Aws-Tenant-Id`.
    pub tenant_id: Option<String>,
    /// `Lambda-Runtime-Invocation-Id`: opaque, to be sent back byte for byte.
    pub invocation_id: Option<Vec<u8>>,
    /// The event, as bytes nobody has parsed.
    pub payload: Vec<u8>,
}
