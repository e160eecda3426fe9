//! The engine's errors -> one [`Report`]: type, message, place, source excerpt, call chain, hint.

use std::time::Duration;

use rhai::{Dynamic, Engine, EvalAltResult, Map, NativeCallContext, ParseError, Position};

use crate::bounds::Stop;
use crate::config::Limits;
use crate::description::{self, Description, lower_first, plain};
use crate::error::{
    ErrorType, Frame, LONGEST_DATA, LONGEST_MESSAGE, LONGEST_TYPE, Location, Report,
};
use crate::frames::{self, Trace};
use crate::json;
use crate::modules::Roots;
use crate::{caught, closures, compile, loans, syntax};

/// What is known about the script when an error is explained.
pub struct Diagnosis<'a> {
    /// Where the texts of scripts are read again for an excerpt.
    pub roots: &'a Roots,
    /// Knows what scripts call the types of values.
    pub engine: &'a Engine,
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
        let (innermost, mut frames) = caught::chain(error, file, function, self.trace);
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
            _ => Report::new(ErrorType::UserCodeSyntaxError, ""),
        };
        let text = self.roots.text_of(file);
        let mut position = error.position();
        if position.is_none() {
            // A text that is not closed ends with the script, and the compiler gives it no place.
            let opened = text.as_deref().and_then(open_text);
            position = opened.unwrap_or(position);
        }
        if report.error_type == ErrorType::UserCodeSyntaxError {
            let said = error.err_type().to_string();
            report.message = syntax::told(&said, text.as_deref(), position);
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
            E::ErrorRuntime(value, position) => {
                let mut report = thrown(value, self.trace);
                let asked = self.trace.asked_at(file, *position);
                let is_new = caught::thrown_again(value, self.trace).is_none();
                if let (Some(absent), true) =
                    (asked.and_then(|asked| asked.absent.as_deref()), is_new)
                {
                    report.message.push_str(&format!("; {absent}"));
                }
                return report;
            }
            E::ErrorTerminated(..) | E::ErrorTooManyOperations(_) => self.why_stopped(),
            E::ErrorStackOverflow(_) => self.told(Stop::Calls),
            E::ErrorDataTooLarge(what, _) if self.stopped == Some(Stop::Memory) => (
                ErrorType::MemoryLimit,
                match what.strip_prefix("a value of ").and_then(|size| size.strip_suffix(" is")) {
                    Some(size) => {
                        format!("there is no room left for {size} more: {}", self.why_stopped().1)
                    }
                    None => format!("{} too large: {}", lower_first(what), self.why_stopped().1),
                },
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
            other => {
                let Description { error_type, message, .. } =
                    description::describe(other, file, self.engine, self.trace);
                (error_type, message)
            }
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
#[must_use]
pub fn unwound<'e>(
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

/// An error that a script goes on after, for its log: its type, if it has one of its own, and what
/// happened where. A thrown map says no more than its message.
#[must_use]
pub fn survived(
    error: &EvalAltResult,
    context: &NativeCallContext,
    file: &str,
) -> (Option<String>, String) {
    let trace = frames::trace_of(context.engine());
    let trace = trace.as_ref().map(|trace| trace.borrow());
    let (innermost, frames) = match &trace {
        Some(trace) => caught::chain(error, file, "", trace),
        None => unwound(error, file, ""),
    };
    let place = frames.iter().find(|frame| frame.location.line > 0);
    let (thrown_type, mut message) = match (innermost, &trace) {
        (EvalAltResult::ErrorRuntime(value, _), Some(trace)) => {
            let has_message = value
                .read_lock::<Map>()
                .is_none_or(|map| map.contains_key("message") || map.contains_key("errorMessage"));
            let report = thrown(value, trace);
            let own_type = report.error_type != ErrorType::ScriptError;
            let error_type = own_type.then(|| report.error_type.as_str().to_owned());
            let message = if has_message { report.message } else { "a map was thrown".into() };
            (report.thrown_type.or(error_type), message)
        }
        (error, Some(trace)) => {
            let file = place.map_or(file, |frame| frame.location.file.as_str());
            let described = description::describe(error, file, context.engine(), trace);
            (Some(described.error_type.as_str().to_owned()), described.message)
        }
        (error, None) => (None, plain(error)),
    };
    if let Some(frame) = place {
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
fn thrown(value: &Dynamic, trace: &Trace) -> Report {
    let mut report = Report::new(ErrorType::ScriptError, "");
    report.is_thrown = true;
    let of_engine = caught::thrown_again(value, trace).and_then(|again| again.error_type);
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
        report.message = message
            .map(|(_, text)| text)
            .unwrap_or_else(|| json::to_value(value, LONGEST_MESSAGE).to_string());
        report.data = data_of(&map, |name| {
            !taken.contains(&Some(name)) && (of_engine.is_none() || !caught::is_known_field(name))
        });
        if let Some(error_type) = of_engine {
            // The same error as if it had not been caught.
            report.error_type = error_type;
            (report.thrown_type, report.is_thrown) = (None, false);
        }
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

/// The fields of a thrown map that are left, if there are any.
fn data_of(map: &Map, is_left: impl Fn(&str) -> bool) -> Option<serde_json::Value> {
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
