//! What can go wrong, by phase, and the JSON and headers that Lambda gets of it.
//!
//! The type of an error says where it goes: an [`InitError`] is posted to init/error and ends the
//! process, an [`InvocationError`] is posted for its request id and the loop goes on, an
//! [`ApiError`] has nobody left to hear it: it is logged, and the process exits.

use std::fmt::{self, Write};

use serde_json::{Value, json};

use crate::json::cut;

macro_rules! error_types {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The error types that this runtime reports, as Lambda's metrics count them.
        ///
        /// The platform takes `(Runtime|Function).[A-Z][a-zA-Z]+` and records anything else as
        /// `Runtime.Unknown`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorType {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorType {
            /// Every type, in the order of the README's table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The type as it goes over the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

error_types! {
    /// A `RHAMBDA_*` setting is unknown or out of range, or `_HANDLER` is missing.
    ConfigInvalid = "Runtime.ConfigInvalid",
    /// The handler setting is not `file.function`.
    MalformedHandlerName = "Runtime.MalformedHandlerName",
    /// A script or a module it imports is missing, unreadable or outside the roots.
    ImportModuleError = "Runtime.ImportModuleError",
    /// A script or a module it imports does not compile.
    UserCodeSyntaxError = "Runtime.UserCodeSyntaxError",
    /// The script has no public function of that name with one or two parameters.
    HandlerNotFound = "Runtime.HandlerNotFound",
    /// The script's top level failed.
    UserCodeInitError = "Runtime.UserCodeInitError",
    /// The script's top level ran too long.
    InitTimeout = "Runtime.InitTimeout",
    /// The event is not JSON.
    UnmarshalError = "Runtime.UnmarshalError",
    /// The result cannot be written as JSON.
    MarshalError = "Runtime.MarshalError",
    /// Native code panicked.
    Panic = "Runtime.Panic",
    /// The script threw a value.
    ScriptError = "Function.ScriptError",
    /// A variable is not there.
    VariableNotFound = "Function.VariableNotFound",
    /// A function is not there, or not for these arguments.
    FunctionNotFound = "Function.FunctionNotFound",
    /// A property is not there.
    PropertyNotFound = "Function.PropertyNotFound",
    /// An index is outside an array, a string or a map.
    IndexNotFound = "Function.IndexNotFound",
    /// A value is not of the type that is needed.
    TypeMismatch = "Function.TypeMismatch",
    /// An overflow, a division by zero and the like.
    ArithmeticError = "Function.ArithmeticError",
    /// Text given to `eval`, or a module imported inside a function, does not compile.
    SyntaxError = "Function.SyntaxError",
    /// An `import` inside a function failed.
    ModuleNotFound = "Function.ModuleNotFound",
    /// Anything else that the engine refuses.
    RuntimeError = "Function.RuntimeError",
    /// The script was stopped shortly before the deadline.
    DeadlineExceeded = "Function.DeadlineExceeded",
    /// The script used more operations than it may.
    OperationLimit = "Function.OperationLimit",
    /// The script's calls are nested too deeply.
    StackOverflow = "Function.StackOverflow",
    /// The script's values need more memory than they may.
    MemoryLimit = "Function.MemoryLimit",
    /// One string, array, blob or map is larger, or nested more deeply, than it may be.
    DataTooLarge = "Function.DataTooLarge",
    /// The response is larger than Lambda takes.
    ResponseSizeTooLarge = "Function.ResponseSizeTooLarge",
}

/// A place in a script. Lines and columns count from one; zero: not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The script, relative to its root: `lib/money.rhai`.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// One step of a script's call chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The function that was running; empty at the top level.
    pub function: String,
    /// Where in it.
    pub location: Location,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function.as_str() {
            "" => write!(f, "at {}", self.location),
            function => write!(f, "at {function} ({})", self.location),
        }
    }
}

/// One error, told once: the log, `/error` and the X-Ray cause are all written from it.
#[derive(Debug, Clone)]
pub struct Report {
    /// What Lambda counts it as.
    pub error_type: ErrorType,
    /// The type that the script itself gave, for callers to match.
    pub thrown_type: Option<String>,
    /// What happened, for people; without the place.
    pub message: String,
    /// Whether the script chose the message, so that it is passed on to the letter.
    pub is_thrown: bool,
    /// The call chain, innermost first. The first frame is the place of the error.
    pub frames: Vec<Frame>,
    /// The source around the place, with a caret.
    pub excerpt: Vec<String>,
    /// The other fields of a thrown map.
    pub data: Option<Value>,
}

/// The longest type that a script can give its error, in bytes.
pub(crate) const LONGEST_TYPE: usize = 256;
/// As much as is taken of the message of an error, in bytes. It is cut before anybody copies it.
pub(crate) const LONGEST_MESSAGE: usize = 256 * 1024;
/// What says that a message was cut comes on top.
const LONGEST_CUT: usize = LONGEST_MESSAGE + 64;
/// As much as is taken of what a thrown map has besides, in bytes.
pub(crate) const LONGEST_DATA: usize = 512 * 1024;
const MOST_FRAMES: usize = 60;
const LONGEST_XRAY_CAUSE: usize = 32 * 1024;

impl Report {
    /// A report without a place in a script.
    #[must_use]
    pub fn new(error_type: ErrorType, message: impl Into<String>) -> Self {
        Self {
            error_type,
            thrown_type: None,
            message: message.into(),
            is_thrown: false,
            frames: Vec::new(),
            excerpt: Vec::new(),
            data: None,
        }
    }

    /// The type that callers match: the script's own, or else what Lambda counts.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.thrown_type.as_deref().unwrap_or(self.error_type.as_str())
    }

    /// The place of the error.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.frames.first().map(|frame| &frame.location)
    }

    /// `errorMessage`: what was thrown, to the letter, or what happened and where.
    #[must_use]
    pub fn error_message(&self) -> String {
        let mut message = cut(&self.message, LONGEST_CUT);
        if let (false, Some(location)) = (self.is_thrown, self.location()) {
            let _ = write!(message, " ({location})");
        }
        message
    }

    /// `stackTrace`: the call chain, innermost first, then the source around the place.
    #[must_use]
    pub fn stack_trace(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.shown_frames();
        lines.extend(self.excerpt.iter().cloned());
        lines
    }

    /// The body that init/error and error take.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut body = json!({
            "errorMessage": self.error_message(),
            "errorType": self.type_name(),
            "stackTrace": self.stack_trace(),
        });
        if let Some(data) = &self.data {
            let bytes = data.to_string().len();
            body["errorData"] = match bytes {
                0..=LONGEST_DATA => data.clone(),
                _ => json!(format!("left out: {bytes} bytes")),
            };
        }
        body.to_string().into_bytes()
    }

    /// The same in at most so many bytes, of which 2000 are enough: what is least needed is left out
    /// first.
    #[must_use]
    pub fn to_json_within(&self, most: usize) -> Vec<u8> {
        let mut shorter = self.clone();
        let steps: [fn(&mut Self); 4] = [
            |report| report.data = None,
            |report| report.excerpt.clear(),
            |report| report.frames.truncate(1),
            |report| report.thrown_type = report.thrown_type.take().filter(|name| name.len() < 256),
        ];
        let mut steps = steps.iter();
        let mut longest_message = most;
        loop {
            let body = shorter.to_json();
            if body.len() <= most {
                return body;
            }
            match steps.next() {
                Some(step) => step(&mut shorter),
                None if longest_message > 0 => {
                    longest_message /= 2;
                    shorter.message = cut(&self.message, longest_message);
                }
                None => shorter.frames.clear(),
            }
        }
    }

    /// The cause that X-Ray shows as an exception: one line of ASCII, or nothing if it is too long
    /// for a header.
    #[must_use]
    pub fn xray_cause(&self, working_directory: &str) -> Option<String> {
        let stack: Vec<Value> = self
            .frames
            .iter()
            .take(MOST_FRAMES)
            .map(|frame| {
                json!({
                    "path": format!("{working_directory}/{}", frame.location.file),
                    "line": frame.location.line,
                    "label": frame.function,
                })
            })
            .collect();
        let mut paths: Vec<String> = Vec::new();
        for frame in &self.frames {
            let path = format!("{working_directory}/{}", frame.location.file);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let cause = json!({
            "working_directory": working_directory,
            "exceptions": [{
                "message": cut(&self.error_message(), 4096),
                "type": self.type_name(),
                "stack": stack,
            }],
            "paths": paths,
        });
        Some(to_ascii(&cause.to_string())).filter(|text| text.len() <= LONGEST_XRAY_CAUSE)
    }

    /// The call chain as lines; the same call again and again is told once.
    fn shown_frames(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let runs = self.frames.chunk_by(|left, right| left == right);
        for run in runs {
            lines.push(match run {
                [frame] => frame.to_string(),
                _ => format!("{} [{} times]", run[0], run.len()),
            });
        }
        if lines.len() > MOST_FRAMES {
            let (inner, outer) = (MOST_FRAMES - 10, lines.len() - 10);
            lines.splice(inner..outer, [format!("... {} calls more", outer - inner)]);
        }
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.type_name(), cut(&self.message, LONGEST_CUT))?;
        if let Some(location) = self.location() {
            write!(f, "\n  --> {location}")?;
        }
        for line in &self.excerpt {
            write!(f, "\n{line}")?;
        }
        for frame in self.shown_frames() {
            write!(f, "\n  {frame}")?;
        }
        Ok(())
    }
}

/// Ends init: posted to init/error, logged, and the process exits.
#[derive(Debug)]
pub struct InitError(pub Box<Report>);

/// Ends one invocation: posted for its request id, logged, and the loop goes on.
#[derive(Debug)]
pub struct InvocationError(pub Box<Report>);

impl InvocationError {
    /// Whether the script, or what surrounds it, had no memory left.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self.0.error_type, ErrorType::MemoryLimit)
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for InitError {}
impl std::error::Error for InvocationError {}

/// The Runtime API cannot be talked to any more: logged, and the process exits.
#[derive(Debug)]
pub enum ApiError {
    /// The exchange itself failed.
    Transport {
        /// Which call.
        call: &'static str,
        /// What the client said.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API answered with a status after which a runtime has to stop.
    Refused {
        /// Which call.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// The answer's body.
        body: String,
    },
    /// An invocation came without a request id, so that nobody can be answered.
    NoRequestId,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport { call, cause } => {
                write!(f, "the Runtime API cannot be reached at `{call}`: {cause}")
            }
            Self::Refused { call, status, body } => {
                write!(f, "the Runtime API answered `{call}` with {status}: {}", body.trim())
            }
            Self::NoRequestId => f.write_str(
                "the Runtime API handed out an invocation without Lambda-Runtime-Aws-Request-Id",
            ),
        }
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport { cause, .. } => Some(cause.as_ref()),
            _ => None,
        }
    }
}

/// JSON text with everything outside printable ASCII escaped, so that it can be a header.
fn to_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if (' '..='~').contains(&character) {
            ascii.push(character);
        } else {
            let mut units = [0u16; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_one_that_the_platform_counts() {
        for error_type in ErrorType::ALL {
            let (domain, reason) = error_type.as_str().split_once('.').unwrap();
            assert!(["Runtime", "Function"].contains(&domain));
            assert!(reason.starts_with(|first: char| first.is_ascii_uppercase()));
            assert!(reason.chars().all(|letter| letter.is_ascii_alphabetic()));
        }
    }

    #[test]
    fn an_xray_cause_is_one_line_of_ascii_json() {
        let mut report = Report::new(ErrorType::ScriptError, "a\nb \u{7f} é 🚀 \"q\"");
        report.is_thrown = true;
        let cause = report.xray_cause("/var/task").unwrap();
        assert!(cause.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{cause}");
        let parsed: Value = serde_json::from_str(&cause).unwrap();
        assert_eq!(parsed["exceptions"][0]["message"], report.message.as_str());
    }
}
