//! What a Lambda function needs inside its execution environment: the runtime for Rhai scripts.
