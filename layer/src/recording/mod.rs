//! Recordings of invocations: found in logs, opened with their key, read.
//!
//! ```text
//! a log -> found: sealed recordings -> key -> Recording ─► testing: run again
//! a file that is open already ──────────────────┘
//! ```

mod key;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use flate2::read::GzDecoder;
use rhambda_runtime::json;
use rhambda_runtime::recording::MARK;
use serde::{Deserialize, Serialize};

pub(crate) use key::Key;

/// More than any recording has when it is unpacked, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// The form of recordings that this tool reads.
const FORM: u32 = 1;

/// All that an invocation was given, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recording {
    /// The form.
    recording: u32,
    /// The version of rhambda that recorded.
    pub(crate) runtime: String,
    /// `file.function`.
    pub(crate) handler: String,
    /// The script, below the task root.
    pub(crate) file: String,
    /// The SHA-256 of the script, in hex.
    pub(crate) sha256: String,
    pub(crate) function: Function,
    /// The `RHAMBDA_…` settings.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) invocation: Facts,
    /// When the invocation began, in ms since the epoch.
    pub(crate) started_ms: u64,
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    event_base64: Option<String>,
    /// What an invocation of that script depends on and a recording does not have.
    pub(crate) left_out: Vec<String>,
    /// What the world answered to the top level of the script.
    pub(crate) init: Answers,
    /// What the world answered to the invocation.
    pub(crate) answers: Answers,
    #[serde(default)]
    response: Option<String>,
    #[serde(default)]
    response_base64: Option<String>,
    /// The response was streamed, and is not here.
    #[serde(default)]
    pub(crate) streamed: bool,
    /// The body of the error, where it was one: JSON text.
    #[serde(default)]
    pub(crate) error: Option<String>,
    /// All of it to the letter, since numbers may be longer than ours.
    #[serde(skip)]
    pub(crate) text: String,
}

/// What the function was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Function {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) log_group: Option<String>,
    #[serde(default)]
    pub(crate) log_stream: Option<String>,
    #[serde(default)]
    pub(crate) memory_mb: Option<u32>,
}

/// What Lambda said about the invocation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) request_id: String,
    pub(crate) function_arn: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) client_context: Option<String>,
    pub(crate) cognito_identity: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) cold_start: bool,
}

/// What the world answered, in its order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answers {
    /// The clock, in ns since the epoch.
    pub(crate) times: Vec<u64>,
    /// Random bytes, each in base64.
    pub(crate) random: Vec<String>,
    pub(crate) variables: BTreeMap<String, Option<String>>,
    pub(crate) exchanges: Vec<Exchange>,
    /// What there was below `/tmp`.
    pub(crate) files: BTreeMap<String, File>,
}

/// A request, and what was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) url: String,
    /// Which of several requests that were made together it belongs to, from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<u32>,
    /// The service of AWS that was called, and the operation, as `dynamodb:GetItem`.
    #[serde(default)]
    pub(crate) operation: Option<String>,
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_base64: Option<String>,
    /// The type of what went wrong, before the answer or, with a status, while it was read.
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

impl Exchange {
    pub(crate) fn body(&self) -> Vec<u8> {
        bytes(self.body.as_ref(), self.body_base64.as_ref())
    }
}

/// A file or a folder, or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum File {
    /// What has no contents of its own.
    Bare(Bare),
    /// A file of so many bytes, which the script did not read.
    Unread(u64),
    /// What the script read of it.
    Read {
        #[serde(default)]
        text: Option<String>,
        #[serde(default)]
        text_base64: Option<String>,
    },
}

/// What there was at a path without being a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bare {
    Folder,
    Absent,
}

/// What a file has in it.
#[derive(Debug)]
pub(crate) enum Contents {
    Bytes(Vec<u8>),
    /// So many bytes, of which nothing is known.
    Zeros(u64),
}

impl File {
    /// What is in the file, if it is one.
    pub(crate) fn contents(&self) -> Result<Contents, Bare> {
        match self {
            File::Bare(bare) => Err(*bare),
            File::Unread(size) => Ok(Contents::Zeros(*size)),
            File::Read { text, text_base64 } => {
                Ok(Contents::Bytes(bytes(text.as_ref(), text_base64.as_ref())))
            }
        }
    }
}

fn bytes(text: Option<&String>, base64: Option<&String>) -> Vec<u8> {
    let decoded = base64.and_then(|text| BASE64_STANDARD.decode(text).ok());
    text.map(|text| text.clone().into_bytes()).or(decoded).unwrap_or_default()
}

impl Recording {
    /// Reads what [`Sealed::open`] gave, or a file that had it.
    pub(crate) fn read(text: String) -> Result<Recording, String> {
        #[derive(Deserialize)]
        struct Form {
            recording: u32,
        }
        let not_one = |error: serde_json::Error| format!("it is no recording: {error}");
        let form: Form = serde_json::from_str(&text).map_err(not_one)?;
        if form.recording != FORM {
            return Err(format!(
                "it is a recording of form {}, and this rhambda reads form {FORM}",
                form.recording
            ));
        }
        let recording: Recording = serde_json::from_str(&text).map_err(not_one)?;
        Ok(Recording { text, ..recording })
    }

    /// The event, as it came.
    pub(crate) fn event(&self) -> Vec<u8> {
        bytes(self.event.as_ref(), self.event_base64.as_ref())
    }

    /// The response, where it was one.
    pub(crate) fn response(&self) -> Vec<u8> {
        bytes(self.response.as_ref(), self.response_base64.as_ref())
    }

    /// All of it as values of scripts, with numbers to the letter.
    pub(crate) fn values(&self) -> rhai::Map {
        json::read(self.text.as_bytes()).ok().and_then(rhai::Dynamic::try_cast).unwrap_or_default()
    }

    /// How long the invocation was given: no longer than Lambda gives.
    pub(crate) fn timeout_ms(&self) -> Option<u64> {
        const MOST: u64 = 900_000;
        Some(self.invocation.deadline_ms?.saturating_sub(self.started_ms).min(MOST))
    }

    /// `file` and `function` of the handler.
    pub(crate) fn script_and_function(&self) -> (&str, &str) {
        self.handler.rsplit_once('.').unwrap_or((&self.handler, "handler"))
    }

    /// The path of the script from the task root, without `.rhai`.
    pub(crate) fn script(&self) -> &str {
        self.file.strip_suffix(".rhai").unwrap_or(&self.file)
    }

    /// Whether the script has the path of one: below the task root, whoever wrote the recording.
    pub(crate) fn has_script_path(&self) -> bool {
        let is_plain = |part| matches!(part, Component::Normal(_));
        self.file.ends_with(".rhai") && Path::new(&self.file).components().all(is_plain)
    }

    /// Type and message of the error, where it was one.
    pub(crate) fn error(&self) -> Option<(String, String)> {
        let body: serde_json::Value = serde_json::from_str(self.error.as_deref()?).ok()?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Some((text("errorType"), text("errorMessage")))
    }
}

/// A recording as it stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    sealed: Vec<u8>,
}

impl Sealed {
    /// The recordings in a log, in their order, whatever stands around them. Of each the text may be
    /// cut or spoiled, which is an error in its place.
    pub(crate) fn find_all(log: &str) -> Vec<Result<Sealed, String>> {
        let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (log.split(MARK).skip(1))
            .map(|rest| {
                let text = &rest[..rest.find(|c| !is_inside(c)).unwrap_or(rest.len())];
                let sealed = BASE64_URL_SAFE_NO_PAD.decode(text);
                let sealed = sealed.map_err(|_| "the recording is not whole".to_owned())?;
                Ok(Sealed { sealed })
            })
            .collect()
    }

    /// Opens it with the key that it was sealed for.
    pub(crate) fn open(&self, key: &Key) -> Result<Recording, String> {
        let packed = key.open(&self.sealed)?;
        let mut text = String::new();
        GzDecoder::new(&packed[..])
            .take(MOST_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| format!("the recording cannot be unpacked: {error}"))?;
        Recording::read(text)
    }
}

/// Whether a script is the one that was recorded.
pub(crate) fn is_same_script(recording: &Recording, path: &Path) -> bool {
    use sha2::{Digest, Sha256};
    std::fs::read(path).is_ok_and(|source| {
        let digest = Sha256::digest(source);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        hex == recording.sha256
    })
}
