//! The engine's errors -> one [`Report`]: type, message, place, source excerpt, call chain, hint.

use std::time::Duration;

use rhai::{Dynamic, Engine, EvalAltResult, Map, ParseError, Position};

use crate::bounds::Stop;
use crate::compile;
use crate::config::Limits;
use crate::error::{
    ErrorType, Frame, LONGEST_DATA, LONGEST_MESSAGE, LONGEST_TYPE, Location, Report,
};
use crate::frames::Trace;
use crate::json;
use crate::modules::Roots;
use crate::names::NATIVE_FUNCTIONS;
use crate::{closures, frames, loans, suggest};

/// What is known about the script when an error is explained.
pub struct Diagnosis<'a> {
    /// Where the texts of scripts are read again for an excerpt.
    pub roots: &'a Roots,
    /// Knows what scripts call the types of values.
    pub engine: &'a Engine,
    /// The names of the script's own functions.
    pub functions: &'a [String],
    /// The names of `let` variables at the top level, which functions cannot see.
    pub top_level_variables: &'a [String],
    /// Why the script was stopped, if it was.
    pub stopped: Option<Stop>,
    /// How long it ran.
    pub elapsed: Duration,
    /// Levels that a value may have.
    pub deepest: usize,
    /// The bounds' numbers, to name them.
    pub limits: &'a Limits,
    /// What was seen of the error on its way.
    pub trace: &'a Trace,
}

impl Diagnosis<'_> {
    /// Explains an error that came out of `function` of the script `file`; the function is empty
    /// for the top level.
    #[must_use]
    pub fn explain(&self, error: &EvalAltResult, file: &str, function: &str) -> Report {
        let (innermost, mut frames) = unwound(error, file, function);
        // The engine takes the place of text that a native function could not read for that of a
        // stop.
        let is_unread = frames.len() == 1 && matches!(innermost, EvalAltResult::ErrorParsing(..));
        if (error_is_stopping(innermost) || is_unread) && !self.trace.frames.is_empty() {
            // The chain of an error that stops a script is what the functions saw of it; the
            // engine's own positions are those of calls by then.
            let top_level = frames.pop().filter(|frame| frame.function.is_empty());
            frames = self.trace.frames.clone();
            frames.extend(top_level);
        }
        // What has no place happened in a native function, which was called at the next one.
        if let Some(known) = frames.iter().position(|frame| frame.location.line > 0) {
            frames.drain(..known);
        }
        let place = frames.first().map_or(file, |frame| frame.location.file.as_str());
        let mut report = self.described(innermost, place);
        frames.retain(|frame| frame.location.line > 0 || frames_matter(frame));
        report.frames = frames;
        report.excerpt = self.excerpt(report.location());
        report
    }

    /// Explains why a script does not compile.
    #[must_use]
    pub fn explain_syntax(&self, error: &ParseError, file: &str) -> Report {
        let mut report = match self.stopped {
            // The script ends for the compiler where the memory does.
            Some(Stop::Memory) => Report::new(ErrorType::UserCodeInitError, self.why_stopped().1),
            Some(Stop::Deadline) => {
                Report::new(ErrorType::InitTimeout, compile::too_late(self.limits))
            }
            _ => Report::new(
                ErrorType::UserCodeSyntaxError,
                lower_first(&error.err_type().to_string()),
            ),
        };
        let mut position = error.position();
        if position.is_none() {
            // A text that is not closed ends with the script, and the compiler gives it no place.
            let opened = self.roots.text_of(file).and_then(|text| open_text(&text));
            position = opened.unwrap_or(position);
        }
        report.frames = vec![Frame { function: String::new(), location: at(file, position) }];
        report.excerpt = self.excerpt(report.location());
        report
    }

    /// Explains why what a script declares at its top cannot be meant.
    #[must_use]
    pub fn explain_declaration(
        &self,
        file: &str,
        line: usize,
        column: usize,
        message: &str,
    ) -> Report {
        let mut report = Report::new(ErrorType::UserCodeSyntaxError, message);
        let location = Location { file: file.to_owned(), line, column };
        report.frames = vec![Frame { function: String::new(), location }];
        report.excerpt = self.excerpt(report.location());
        report
    }

    fn described(&self, error: &EvalAltResult, file: &str) -> Report {
        use EvalAltResult as E;
        if self.stopped == Some(Stop::Deadline) {
            // What a native function says that had no time left is not the reason.
            let (error_type, message) = self.why_stopped();
            return Report::new(error_type, message);
        }
        let (error_type, message) = match error {
            E::ErrorRuntime(value, _) => return thrown(value),
            E::ErrorTerminated(..) | E::ErrorTooManyOperations(_) => self.why_stopped(),
            E::ErrorStackOverflow(_) => self.told(Stop::Calls),
            E::ErrorDataTooLarge(what, _) if self.stopped == Some(Stop::Memory) => (
                ErrorType::MemoryLimit,
                format!("{} too large: {}", lower_first(what), self.why_stopped().1),
            ),
            E::ErrorDataTooLarge(what, _) => {
                let setting = match what.to_lowercase() {
                    what if what.contains("string") => "RHAMBDA_MAX_STRING_SIZE",
                    what if what.contains("map") => "RHAMBDA_MAX_MAP_SIZE",
                    _ => "RHAMBDA_MAX_ARRAY_SIZE",
                };
                let message = format!("{} too large ({setting})", lower_first(what));
                (ErrorType::DataTooLarge, message)
            }
            E::ErrorParsing(..) if self.stopped == Some(Stop::Memory) => self.why_stopped(),
            E::ErrorParsing(kind, _) => (ErrorType::SyntaxError, lower_first(&kind.to_string())),
            E::ErrorModuleNotFound(message, _) => (
                ErrorType::ModuleNotFound,
                if message.contains(' ') {
                    message.clone()
                } else {
                    format!(
                        "module `{message}` is not imported; write `import \"…\" as {message};`"
                    )
                },
            ),
            E::ErrorVariableNotFound(name, _) => {
                (ErrorType::VariableNotFound, self.missing_variable(name, file))
            }
            E::ErrorFunctionNotFound(signature, _) => {
                (ErrorType::FunctionNotFound, self.missing_function(signature))
            }
            E::ErrorPropertyNotFound(name, _) => (
                ErrorType::PropertyNotFound,
                if name.contains(' ') {
                    format!("there is no property {name}")
                } else {
                    format!("there is no property `{name}`")
                },
            ),
            E::ErrorDotExpr(text, position) | E::ErrorIndexingType(text, position) => {
                (ErrorType::PropertyNotFound, self.missing_property(text, *position))
            }
            E::ErrorArrayBounds(..)
            | E::ErrorStringBounds(..)
            | E::ErrorBitFieldBounds(..)
            | E::ErrorIndexNotFound(..) => (ErrorType::IndexNotFound, plain(error)),
            E::ErrorMismatchDataType(wanted, actual, position) => {
                // The engine gives the type that is wanted the name that scripts know, and the other
                // one the name that Rust knows.
                let actual = self.engine.map_type_name(actual).to_owned();
                let named = E::ErrorMismatchDataType(wanted.clone(), actual, *position);
                (ErrorType::TypeMismatch, plain(&named))
            }
            E::ErrorMismatchOutputType(..) | E::ErrorFor(_) => {
                (ErrorType::TypeMismatch, plain(error))
            }
            E::ErrorArithmetic(..) => (ErrorType::ArithmeticError, plain(error)),
            E::ErrorDataRace(..) => (
                ErrorType::RuntimeError,
                format!(
                    "{}; a closure uses the very value that it is called on: give it a copy",
                    plain(error)
                ),
            ),
            _ => (ErrorType::RuntimeError, plain(error)),
        };
        Report::new(error_type, message)
    }

    fn why_stopped(&self) -> (ErrorType, String) {
        self.told(self.stopped.unwrap_or(Stop::Deadline))
    }

    fn told(&self, stop: Stop) -> (ErrorType, String) {
        match stop {
            Stop::Memory => (
                ErrorType::MemoryLimit,
                format!(
                    "the script may hold {} MB and needs more (RHAMBDA_MAX_MEMORY_MB, or a larger \
                     memory size of the function)",
                    self.limits.memory_bytes >> 20
                ),
            ),
            Stop::Stack => {
                (ErrorType::StackOverflow, "calls are nested until the stack is full".into())
            }
            Stop::Calls => (
                ErrorType::StackOverflow,
                format!(
                    "calls are nested more than {} deep (RHAMBDA_MAX_CALL_LEVELS)",
                    self.limits.call_levels
                ),
            ),
            Stop::Depth => (
                ErrorType::DataTooLarge,
                format!("a value is nested more than {} levels deep", self.deepest),
            ),
            Stop::Size => (
                ErrorType::DataTooLarge,
                "a value is larger than RHAMBDA_MAX_STRING_SIZE, RHAMBDA_MAX_ARRAY_SIZE or \
                 RHAMBDA_MAX_MAP_SIZE allows"
                    .into(),
            ),
            Stop::Operations => (
                ErrorType::OperationLimit,
                format!(
                    "the script used more than {} operations (RHAMBDA_MAX_OPERATIONS)",
                    self.limits.operations
                ),
            ),
            Stop::Deadline => (
                ErrorType::DeadlineExceeded,
                format!(
                    "the script was still running after {} ms and was stopped shortly before the \
                     deadline",
                    self.elapsed.as_millis()
                ),
            ),
        }
    }

    fn missing_variable(&self, name: &str, file: &str) -> String {
        let name = frames::as_written(name);
        let mut message = format!("variable `{name}` not found");
        if let Some((namespace, constant)) = name.rsplit_once("::") {
            message.push_str(&format!("; module `{namespace}` has no constant `{constant}`"));
        } else if self.top_level_variables.iter().any(|variable| **variable == name) {
            message.push_str(&format!(
                "; functions see a `const` of the top level, not a `let`: write \
                 `const {name} = …`, or keep a value that changes in `this.{name}`"
            ));
        } else if let Some(near) = self.nearest_word(&name, file) {
            message.push_str(&format!("; did you mean `{near}`?"));
        } else if name
            .chars()
            .all(|letter| letter.is_ascii_uppercase() || "_0123456789".contains(letter))
        {
            message.push_str("; a file sees its own constants, and what it imports");
        }
        message
    }

    fn missing_function(&self, signature: &str) -> String {
        let signature = &frames::as_written(signature);
        let name = signature.split([' ', '(']).next().unwrap_or(signature);
        let arguments = signature[name.len()..].trim();
        let name = name.rsplit("::").next().unwrap_or(name);
        let mut message = format!("function `{name}` not found for {}", shown(arguments));
        if arguments.contains("bigint") {
            message.push_str(
                "; a bigint is a whole number beyond 64 bits, which is not computed with: `to_string()` gives \
                 its text, `to_float()` the nearest float",
            );
            return message;
        }
        if NATIVE_FUNCTIONS.contains(&name) {
            message.push_str("; it takes other arguments");
        } else if self.functions.iter().any(|other| other == name) {
            message.push_str(
                "; the script's own takes other arguments, or is no method, which it is if it names `this`",
            );
        } else {
            let all = self.functions.iter().map(String::as_str);
            let all = all.chain(NATIVE_FUNCTIONS);
            if let Some(near) = suggest::nearest(name, all) {
                message.push_str(&format!("; did you mean `{near}`?"));
            }
        }
        message
    }

    /// What is said of a property that a value of some type does not have.
    fn missing_property(&self, text: &str, position: Position) -> String {
        let mut message = reworded(text);
        if let Some(hint) = self.hint(position) {
            message.push_str(&format!("; {hint}"));
        }
        message
    }

    /// The word of a script's text that is nearest to a name which means nothing.
    fn nearest_word(&self, name: &str, file: &str) -> Option<String> {
        const KEYWORDS: [&str; 12] = [
            "let", "const", "for", "while", "loop", "if", "else", "fn", "return", "throw", "this",
            "true",
        ];
        let text = self.roots.text_of(file)?;
        let words = text
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .filter(|word| !KEYWORDS.contains(word));
        suggest::nearest(name, words).map(str::to_owned)
    }

    fn hint(&self, position: Position) -> Option<&str> {
        self.trace
            .hint
            .as_ref()
            .filter(|hint| hint.position == position)
            .map(|hint| hint.text.as_str())
    }

    /// The line of the error with its neighbours above, and a caret under the column.
    fn excerpt(&self, location: Option<&Location>) -> Vec<String> {
        const ABOVE: usize = 2;
        const WIDEST: usize = 160;
        let Some(location) = location.filter(|location| location.line > 0) else {
            return Vec::new();
        };
        let Some(text) = self.roots.text_of(&location.file) else { return Vec::new() };
        let width = location.line.to_string().len();
        let mut lines = Vec::new();
        let first = location.line.saturating_sub(ABOVE).max(1);
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
            if (first..=location.line).contains(&number) {
                let line: String = line.replace('\t', " ").chars().take(WIDEST).collect();
                lines.push(format!("{number:>width$} | {line}").trim_end().to_owned());
            }
        }
        if (1..=WIDEST).contains(&location.column) {
            lines.push(format!("{:width$} | {}^", "", " ".repeat(location.column - 1)));
        }
        lines
    }
}

/// The error at the heart of a nest of calls, and the chain that leads to it, innermost first.
fn unwound<'e>(
    error: &'e EvalAltResult,
    file: &str,
    function: &str,
) -> (&'e EvalAltResult, Vec<Frame>) {
    let (mut error, mut file, mut function) = (error, file.to_owned(), function.to_owned());
    let mut frames = Vec::new();
    loop {
        let (inner, inner_file, inner_function) = match error {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, _) => {
                // The engine tells the file that a closure was called from.
                let its_own = loans::file_of(name).filter(|file| !file.is_empty());
                let source = its_own.as_ref().map_or(source.as_str(), |file| file.as_str());
                let is_closure = name.starts_with(closures::PREFIX);
                let name = match closures::function_of(name) {
                    None if is_closure => "a closure",
                    function => function.unwrap_or(name),
                };
                // Text that was made at run time belongs to no file.
                let source = match (name, source) {
                    ("eval", _) => "the text given to eval",
                    (_, "") => file.as_str(),
                    (_, source) => source,
                };
                (inner, source.to_owned(), name.to_owned())
            }
            // A module that could not be loaded has no place of its own.
            EvalAltResult::ErrorInModule(path, inner, _) if path.is_empty() => {
                frames.push(Frame { function, location: at(&file, error.position()) });
                frames.reverse();
                return (inner, frames);
            }
            EvalAltResult::ErrorInModule(path, inner, _) => (inner, path.clone(), String::new()),
            _ => break,
        };
        frames.push(Frame { function, location: at(&file, error.position()) });
        (error, file, function) = (inner, inner_file, inner_function);
    }
    frames.push(Frame { function, location: at(&file, error.position()) });
    frames.reverse();
    (error, frames)
}

fn at(file: &str, position: Position) -> Location {
    Location {
        file: file.to_owned(),
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(0),
    }
}

/// Where the text in backticks begins that a script does not close.
fn open_text(script: &str) -> Option<Position> {
    /// What the scan is inside of: text, from where on, or the code in one, with so many open braces.
    enum Inside {
        Text(Position),
        Code(usize),
    }
    let mut inside = vec![Inside::Code(0)];
    let (mut line, mut column) = (1_u16, 0_u16);
    let mut letters = script.chars().peekable();
    let mut quote = None;
    let mut is_comment = false;
    while let Some(letter) = letters.next() {
        column = column.saturating_add(1);
        let next = letters.peek().copied();
        let mut takes_two = false;
        let is_in_text = inside.len() > 1;
        match (inside.last_mut()?, letter, next) {
            (Inside::Text(_), '`', Some('`')) => takes_two = true,
            (Inside::Text(_), '`', _) => {
                inside.pop();
            }
            (Inside::Text(_), '$', Some('{')) => {
                takes_two = true;
                inside.push(Inside::Code(0));
            }
            (Inside::Text(_), ..) => {}
            (Inside::Code(_), '\n', _) => (is_comment, quote) = (false, None),
            (Inside::Code(_), ..) if is_comment => {}
            (Inside::Code(_), '\\', Some(_)) if quote.is_some() => takes_two = true,
            (Inside::Code(_), ..) if quote == Some(letter) => quote = None,
            (Inside::Code(_), ..) if quote.is_some() => {}
            (Inside::Code(_), '/', Some('/')) => is_comment = true,
            (Inside::Code(_), '"' | '\'', _) => quote = Some(letter),
            (Inside::Code(_), '`', _) => inside.push(Inside::Text(Position::new(line, column))),
            (Inside::Code(braces), '{', _) => *braces += 1,
            (Inside::Code(0), '}', _) if is_in_text => {
                inside.pop();
            }
            (Inside::Code(braces), '}', _) => *braces = braces.saturating_sub(1),
            _ => {}
        }
        if takes_two {
            letters.next();
            column = column.saturating_add(1);
        }
        if letter == '\n' {
            (line, column) = (line.saturating_add(1), 0);
        }
    }
    inside.into_iter().rev().find_map(|inside| match inside {
        Inside::Text(from) => Some(from),
        Inside::Code(_) => None,
    })
}

/// An error that a script goes on after, for its log: the type that was thrown, if there is one,
/// and what happened where. A thrown map says no more than its message.
#[must_use]
pub fn survived(error: &EvalAltResult, file: &str) -> (Option<String>, String) {
    let (innermost, frames) = unwound(error, file, "");
    let (thrown_type, mut message) = match innermost {
        EvalAltResult::ErrorRuntime(value, _) => {
            let has_message = value
                .read_lock::<Map>()
                .is_none_or(|map| map.contains_key("message") || map.contains_key("errorMessage"));
            let Report { thrown_type, message, .. } = thrown(value);
            (thrown_type, if has_message { message } else { "a map was thrown".into() })
        }
        error => (None, plain(error)),
    };
    if let Some(frame) = frames.first().filter(|frame| frame.location.line > 0) {
        message.push_str(&format!(" ({})", frame.location));
    }
    (thrown_type, message)
}

fn error_is_stopping(error: &EvalAltResult) -> bool {
    error.is_system_exception() && !matches!(error, EvalAltResult::ErrorParsing(..))
}

fn frames_matter(frame: &Frame) -> bool {
    !frame.function.is_empty()
}

/// What a script threw: text is the message, a map may name its type, anything else is shown.
fn thrown(value: &Dynamic) -> Report {
    let mut report = Report::new(ErrorType::ScriptError, "");
    report.is_thrown = true;
    if let Some(map) = value.read_lock::<Map>() {
        let take = |names: [&'static str; 2], most: usize| {
            names.into_iter().find_map(|name| {
                let text = map.get(name)?.as_immutable_string_ref().ok()?.clone();
                Some((name, json::cut(&text, most)))
            })
        };
        let thrown_type = take(["type", "errorType"], LONGEST_TYPE);
        let message = take(["message", "errorMessage"], LONGEST_MESSAGE);
        let taken = [&thrown_type, &message].map(|taken| taken.as_ref().map(|(name, _)| *name));
        report.thrown_type = thrown_type.map(|(_, name)| name).filter(|name| !name.is_empty());
        // A caught error that is thrown again carries the engine's own fields.
        report.message = message
            .map(|(_, text)| text)
            .unwrap_or_else(|| json::to_value(value, LONGEST_MESSAGE).to_string());
        report.data = data_of(&map, taken);
    } else if value.is_unit() {
        report.message = "an error without a value".into();
    } else if let Ok(text) = value.as_immutable_string_ref() {
        report.message = json::cut(&text, LONGEST_MESSAGE);
    } else {
        report.message = match json::to_value(value, LONGEST_MESSAGE) {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
    }
    report
}

/// The fields of a thrown map but for those that are taken, if there are any.
fn data_of(map: &Map, taken: [Option<&str>; 2]) -> Option<serde_json::Value> {
    let is_left = |name: &str| !taken.contains(&Some(name));
    let mut data = serde_json::Map::new();
    let mut room = LONGEST_DATA;
    for (name, value) in map.iter().filter(|(name, _)| is_left(name)) {
        let mut json = Vec::new();
        match json::write_within(value, &mut json, room) {
            Err(error) if error.is_too_long => {
                return Some(format!("left out: more than {LONGEST_DATA} bytes").into());
            }
            _ => room = room.saturating_sub(json.len() + name.len()),
        }
        drop(json);
        data.insert(name.to_string(), json::to_value(value, LONGEST_DATA));
    }
    (!data.is_empty()).then_some(data.into())
}

/// The engine's own wording, without the position it appends.
fn plain(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let place = format!(" ({})", error.position());
    reworded(text.strip_suffix(&place).unwrap_or(&text))
}

/// What the engine says, in the words of all messages.
fn reworded(text: &str) -> String {
    // The engine says: Unknown property 'x' - a getter is not registered for type 'y'.
    let quoted: Vec<&str> = text.split('\'').skip(1).step_by(2).collect();
    match quoted.as_slice() {
        [property, kind] if text.starts_with("Unknown property") => {
            format!("there is no property `{property}` of `{kind}`")
        }
        _ => lower_first(text),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        // A name in capitals stays as it is.
        Some(first) if !characters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

/// The argument types of a signature as people know them.
fn shown(arguments: &str) -> String {
    let inside = arguments.trim_start_matches('(').trim_end_matches(')');
    match inside.trim() {
        "" => "no arguments".into(),
        types => format!("({types})"),
    }
}
