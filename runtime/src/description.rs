//! What the engine throws, in words: a type, a message, and what is known besides.
//!
//! The same words go to whoever catches an error and to whoever is told of one that nobody caught.

use rhai::{Dynamic, Engine, EvalAltResult, INT};

use crate::absent::Asked;
use crate::error::ErrorType;
use crate::frames::{self, Trace};
use crate::{names, other_languages, suggest, syntax};

/// An error of the engine that a script can catch.
#[derive(Debug)]
pub struct Description {
    /// What Lambda counts it as.
    pub error_type: ErrorType,
    /// What happened, and the way out.
    pub message: String,
    /// What else is known, by the names that a script has it under.
    pub fields: Vec<(&'static str, Dynamic)>,
}

/// A call that found no function, as the engine tells it: `money::gross (i64, ())`.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// `money`.
    pub namespace: Option<&'a str>,
    /// `gross`.
    pub name: &'a str,
    /// The types of the arguments, in script words.
    pub types: Vec<String>,
}

impl<'a> Signature<'a> {
    /// Takes a signature apart; `None` for text that is none.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        let (name, arguments) = text.split_once(" (")?;
        let arguments = arguments.strip_suffix(')')?;
        let (namespace, name) = match name.rsplit_once("::") {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, name),
        };
        let is_name = !name.is_empty() && !name.contains(' ');
        is_name.then(|| Self { namespace, name, types: types_in(arguments) })
    }

    /// `(string, i64)`.
    fn shown(types: &[String]) -> String {
        if types.is_empty() { "no arguments".into() } else { format!("({})", types.join(", ")) }
    }
}

/// The types in a list, which have commas and brackets of their own.
fn types_in(list: &str) -> Vec<String> {
    let mut types = Vec::new();
    let (mut depth, mut begin) = (0_i32, 0);
    for (at, letter) in list.char_indices() {
        match letter {
            '(' | '<' | '[' => depth += 1,
            ')' | '>' | ']' => depth -= 1,
            ',' if depth == 0 => {
                types.push(type_word(&list[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
    }
    if !list[begin..].trim().is_empty() {
        types.push(type_word(&list[begin..]));
    }
    types
}

/// A type as `type_of` says it, whatever Rust calls it.
#[must_use]
pub fn type_word(name: &str) -> String {
    let name = name.trim().trim_start_matches('&').trim_start_matches("mut ").trim();
    let word = match name {
        "" | "()" => "()",
        "i64" | "INT" => "i64",
        "f64" | "FLOAT" => "f64",
        _ if name.contains("ImmutableString") || name == "str" || name.ends_with("String") => {
            "string"
        }
        _ if name.contains("RangeInclusive") => "range=",
        _ if name.contains("ops::range") || name.starts_with("Range<") => "range",
        _ if name.contains("Vec<u8>") || name == "Blob" => "blob",
        _ if name.contains("Vec<") || name == "Array" => "array",
        _ if name.contains("BTreeMap") || name == "Map" => "map",
        _ if name.contains("fn_ptr") || name == "FnPtr" => "Fn",
        _ if name.ends_with("Instant") => "timestamp",
        _ if name.contains("Dynamic") => "any value",
        _ => name.split('<').next().and_then(|name| name.rsplit("::").next()).unwrap_or(name),
    };
    word.to_owned()
}

/// A message without the paths that Rust has before the names of its types.
#[must_use]
pub fn without_paths(message: &str) -> String {
    const ROOTS: [&str; 5] = ["rhambda_runtime::", "rhai::", "core::", "alloc::", "std::"];
    let mut text = message.to_owned();
    for root in ROOTS {
        while let Some(begin) = text.find(root) {
            let of_path = |letter: char| letter.is_alphanumeric() || "_:<>".contains(letter);
            let rest = &text[begin..];
            let end = begin + rest.find(|letter| !of_path(letter)).unwrap_or(rest.len());
            let word = type_word(text[begin..end].trim_end_matches(':'));
            if word.contains("::") || text[begin..end] == *word {
                return text;
            }
            text.replace_range(begin..end, &word);
        }
    }
    text
}

/// `a`, `b` and `c`.
fn listed(items: &[String], between: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} {between} {last}", before.join(", ")),
    }
}

/// Describes an error that a script can catch, and that is no value thrown.
#[must_use]
pub fn describe(error: &EvalAltResult, file: &str, engine: &Engine, trace: &Trace) -> Description {
    use EvalAltResult as E;
    let asked = trace.asked_at(file, error.position());
    let absent = asked.and_then(|asked| asked.absent.as_deref());
    let length = |count: usize| Dynamic::from_int(INT::try_from(count).unwrap_or(INT::MAX));
    let mut fields: Vec<(&'static str, Dynamic)> = Vec::new();
    let (error_type, message) = match error {
        E::ErrorParsing(kind, position) => {
            let text = trace.roots().text_of(file);
            (ErrorType::SyntaxError, syntax::told(&kind.to_string(), text.as_deref(), *position))
        }
        E::ErrorModuleNotFound(message, _) => {
            let told = match message.contains(' ') {
                true => message.clone(),
                false => missing_module(message),
            };
            (ErrorType::ModuleNotFound, told)
        }
        E::ErrorVariableNotFound(name, _) => {
            let name = frames::as_written(name);
            let message = missing_variable(&name, file, trace);
            fields.push(("variable", name.into()));
            (ErrorType::VariableNotFound, message)
        }
        E::ErrorFunctionNotFound(text, _) => {
            let text = &frames::as_written(text);
            match Signature::of(text) {
                Some(signature) => {
                    fields.push(("function", signature.name.to_owned().into()));
                    let message = missing_function(&signature, file, trace, asked);
                    (ErrorType::FunctionNotFound, with(message, absent))
                }
                // Said by the library's own.
                None => (ErrorType::TypeMismatch, lower_first(text)),
            }
        }
        E::ErrorPropertyNotFound(name, _) => (
            ErrorType::PropertyNotFound,
            match name.contains(' ') {
                true => format!("there is no property {name}"),
                false => format!("there is no property `{name}`"),
            },
        ),
        E::ErrorDotExpr(text, _) => {
            (ErrorType::PropertyNotFound, with(missing_property(text), absent))
        }
        E::ErrorIndexingType(text, _) => {
            (ErrorType::PropertyNotFound, with(missing_element(text), absent))
        }
        E::ErrorArrayBounds(count, index, _)
        | E::ErrorStringBounds(count, index, _)
        | E::ErrorBitFieldBounds(count, index, _) => {
            fields.push(("index", Dynamic::from_int(*index)));
            fields.push(("length", length(*count)));
            (ErrorType::IndexNotFound, plain(error))
        }
        E::ErrorIndexNotFound(index, _) => {
            fields.push(("index", index.clone()));
            (ErrorType::IndexNotFound, plain(error))
        }
        E::ErrorMismatchDataType(wanted, actual, _)
        | E::ErrorMismatchOutputType(wanted, actual, _) => {
            // The engine gives one of them the name that scripts know, and the other one Rust's.
            let [wanted, actual] = [wanted, actual].map(|name| type_word(engine.map_type_name(name)));
            fields.push(("expected", wanted.clone().into()));
            fields.push(("found", actual.clone().into()));
            let is_index = asked.is_some_and(|asked| asked.is_index);
            let message = match is_index && wanted == "i64" {
                true => with(
                    format!("an element is taken by its number, as in `list[0]`, and this is {actual}"),
                    absent,
                ),
                false => mismatch(&wanted, &actual, absent),
            };
            (ErrorType::TypeMismatch, message)
        }
        E::ErrorFor(_) => (ErrorType::TypeMismatch, nothing_to_go_through(absent)),
        E::ErrorArithmetic(..) => (ErrorType::ArithmeticError, arithmetic(&plain(error))),
        E::ErrorDataRace(text, _) => (ErrorType::RuntimeError, in_use(text)),
        E::ErrorUnboundThis(_) => (
            ErrorType::RuntimeError,
            "there is no `this` here: the handler has one, and a function that is called as a method, \
             `this.helper()` or `value.helper()`"
                .to_owned(),
        ),
        E::ErrorRuntime(value, _) => (ErrorType::ScriptError, value.to_string()),
        _ => (ErrorType::RuntimeError, plain(error)),
    };
    Description { error_type, message, fields }
}

fn with(mut message: String, clause: Option<&str>) -> String {
    if let Some(clause) = clause {
        message.push_str("; ");
        message.push_str(clause);
    }
    message
}

fn nothing_to_go_through(absent: Option<&str>) -> String {
    match absent {
        Some(absent) => format!(
            "`for` cannot go through `()`; {absent}; behind `??` stands what is taken then: `for item in \
             list ?? [] {{ … }}`"
        ),
        None => "`for` goes through arrays, ranges such as `0..10`, text and blobs, and this is none; what \
                 may not be there has a default, `list ?? []`, and of a map it goes through `map.keys()` \
                 or `map.values()`"
            .to_owned(),
    }
}

fn mismatch(wanted: &str, actual: &str, absent: Option<&str>) -> String {
    match (wanted, actual) {
        ("bool", "()") => {
            let what = "a condition has to be true or false, and this is `()`".to_owned();
            with(what, absent)
                + "; compare it, as in `x != ()`, and write a default as `x ?? other`"
        }
        ("bool", actual) => format!(
            "a condition has to be true or false, and this is of type {actual}; compare it, as in `x > 0` \
             or `x != \"\"`"
        ),
        (wanted, "") => with(format!("a value of type {wanted} is needed"), absent),
        ("", actual) => with(format!("a value of type {actual} cannot be used here"), absent),
        (wanted, actual) => {
            with(format!("a value of type {wanted} is needed, and this is {actual}"), absent)
        }
    }
}

/// What the engine says of numbers, where that can be clearer.
fn arithmetic(text: &str) -> String {
    match text.strip_prefix("error parsing ") {
        Some(rest) => match rest.split_once('\'').and_then(|(_, rest)| rest.rsplit_once("':")) {
            Some((number, why)) => format!("{number:?} is no number:{why}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

/// What is said of a value that is used while something changes it.
fn in_use(text: &str) -> String {
    let function = text.split('\'').nth(1).filter(|name| !name.is_empty());
    match function {
        Some(function) => format!(
            "`{function}` works on a value that its closure uses too; give the closure a copy: `let copy = \
             value;` before the call, and `copy` in the closure"
        ),
        None => "a value is used while it is being changed; a closure that is called on it gets a copy: \
                 `let copy = value;` before the call, and `copy` in the closure"
            .to_owned(),
    }
}

fn missing_module(name: &str) -> String {
    let near = suggest::plausible(name, names::modules());
    match near.filter(|_| !names::is_module(name)) {
        Some(near) => format!("there is no module `{name}`; did you mean `{near}`?"),
        None => format!("module `{name}` is not imported; write `import \"…\" as {name};`"),
    }
}

fn missing_variable(name: &str, file: &str, trace: &Trace) -> String {
    let mut message = format!("variable `{name}` not found");
    let known = trace.known_of(file);
    if let Some((namespace, constant)) = name.rsplit_once("::") {
        if names::is_module(namespace) {
            message
                .push_str(&format!("; it is a function, or none of `{namespace}` has that name"));
            if names::in_module(namespace).any(|function| function == constant) {
                message = format!("`{name}` is a function: write `{name}(…)`");
            }
        } else {
            message.push_str(&format!("; module `{namespace}` has no constant `{constant}`"));
        }
    } else if known.is_some_and(|known| known.variables.iter().any(|other| other == name)) {
        message.push_str(&format!(
            "; functions see a `const` of the top level, not a `let`: write `const {name} = …`, or keep a \
             value that changes in `this.{name}`"
        ));
    } else if names::is_module(name) {
        message = format!("`{name}` is a module, no variable: write `{name}::…` with two colons");
    } else if let Some(here) = other_languages::word_here(name) {
        message.push_str(&format!("; {here}"));
    } else if known.is_some_and(|known| known.functions.iter().any(|(other, _)| other == name)) {
        message.push_str(&format!(
            "; there is a function of that name: `{name}(…)` calls it, and `Fn(\"{name}\")` is the \
             function as a value"
        ));
    } else if let Some(near) = nearest_word(name, file, trace) {
        message.push_str(&format!("; did you mean `{near}`?"));
    } else if name
        .chars()
        .all(|letter| letter.is_ascii_uppercase() || "_0123456789".contains(letter))
    {
        message.push_str(&format!(
            "; for a constant of an imported module's own top level write `global::{name}`"
        ));
    } else {
        message.push_str(&format!("; a new one is made with `let {name} = …;`"));
    }
    message
}

/// The word of a script's text that is nearest to a name which means nothing.
fn nearest_word(name: &str, file: &str, trace: &Trace) -> Option<String> {
    const KEYWORDS: [&str; 12] = [
        "let", "const", "for", "while", "loop", "if", "else", "fn", "return", "throw", "this",
        "true",
    ];
    let text = trace.roots().text_of(file)?;
    let words = text
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !KEYWORDS.contains(word));
    suggest::nearest(name, words).map(str::to_owned)
}

fn missing_function(
    signature: &Signature,
    file: &str,
    trace: &Trace,
    asked: Option<&Asked>,
) -> String {
    let Signature { namespace, name, types } = signature;
    let is_word = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    if !is_word || asked.is_some_and(|asked| asked.operator.is_some()) {
        return match asked.and_then(|asked| asked.operator) {
            // The engine calls `contains(whole, part)`.
            Some(operator) => {
                let operands: Vec<String> = types.iter().rev().cloned().collect();
                missing_operator(operator, &operands)
            }
            None => missing_operator(name, types),
        };
    }
    if let Some((kind, member)) = name.split_once('$') {
        let of = types.first().map_or("this", String::as_str);
        return match kind {
            "get" | "set" => format!("there is no property `{member}` of {of}"),
            _ => format!("a value of type {of} has no elements in brackets"),
        };
    }
    if let Some(namespace) = namespace {
        return missing_in_module(namespace, name, types, trace);
    }
    let is_method = asked.is_some_and(|asked| asked.is_method);
    let known = trace.known_of(file);
    let own: Vec<usize> = known
        .into_iter()
        .flat_map(|known| &known.functions)
        .filter(|(other, _)| other == name)
        .map(|(_, parameters)| *parameters)
        .collect();
    let here = names::ways(name);
    if !own.is_empty() && here.is_none() {
        return own_function(name, &own, types.len(), is_method);
    }
    if let Some(ways) = here {
        return takes_others(name, &ways, types, is_method);
    }
    let mut message = format!("function `{name}` not found for {}", Signature::shown(types));
    if types.iter().any(|word| word == "bigint") {
        message.push_str(BIGINT);
        return message;
    }
    if let Some(here) = other_languages::function_here(name) {
        message.push_str(&format!("; {here}"));
        return message;
    }
    let modules: Vec<String> =
        names::modules_with(name).map(|module| format!("`{module}::{name}(…)`")).collect();
    if !modules.is_empty() {
        message.push_str(&format!("; there is {}", listed(&modules, "and")));
        return message;
    }
    // `f(x)` and `x.f()` are the same.
    let receiver = types.first().map(String::as_str);
    let functions =
        known.into_iter().flat_map(|known| known.functions.iter().map(|(name, _)| name.as_str()));
    if let Some(near) = suggest::plausible(name, functions.chain(fitting(receiver))) {
        let in_place = other_languages::in_place(near);
        message.push_str(&format!("; did you mean `{near}`{in_place}?"));
    } else if names::is_module(name) {
        message.push_str(&format!("; `{name}` is a module: write `{name}::…`"));
    }
    message
}

/// The names of native functions that can be called on a value of this type.
fn fitting(receiver: Option<&str>) -> Vec<&'static str> {
    let fits = |way: &names::Way| {
        receiver.is_none_or(|receiver| {
            way.parameters.first().is_some_and(|first| *first == receiver || *first == "any value")
        })
    };
    let known = names::globals().filter(|(_, ways)| ways.iter().any(fits)).map(|(name, _)| name);
    known.chain(names::built_in()).collect()
}

fn own_function(name: &str, own: &[usize], given: usize, is_method: bool) -> String {
    let mut own = own.to_vec();
    own.sort_unstable();
    own.dedup();
    let takes: Vec<String> = own.iter().map(usize::to_string).collect();
    let s = if own == [1] { "" } else { "s" };
    let given = if is_method { given.saturating_sub(1) } else { given };
    if own.contains(&given) {
        return format!(
            "function `{name}` cannot be called so: it is private, or a method of another type"
        );
    }
    format!(
        "function `{name}` takes {} argument{s}, and is called with {given}",
        listed(&takes, "or")
    )
}

/// What is said of a native function that takes something else.
fn takes_others(name: &str, ways: &[names::Way], types: &[String], is_method: bool) -> String {
    const MOST: usize = 4;
    let (receiver, given) = match types.split_first() {
        Some((receiver, given)) if is_method => (Some(receiver.as_str()), given),
        _ => (None, types),
    };
    let mut receivers: Vec<String> = ways
        .iter()
        .filter_map(|way| way.parameters.first())
        .map(|receiver| (*receiver).to_owned())
        .collect();
    receivers.sort_unstable();
    receivers.dedup();
    if let Some(receiver) = receiver
        && !receivers.is_empty()
        && !receivers.iter().any(|other| other == receiver || other == "any value")
    {
        return format!(
            "`{name}` is a function of {}, and is called on {receiver}",
            listed(&receivers, "and")
        );
    }
    let fits = |way: &&names::Way| {
        receiver.is_none_or(|receiver| {
            way.parameters.first().is_some_and(|first| *first == receiver || *first == "any value")
        })
    };
    let mut all: Vec<String> = ways
        .iter()
        .filter(fits)
        .map(|way| {
            let skipped = usize::from(is_method);
            match way.parameters.get(skipped..).unwrap_or_default() {
                [] => "no arguments".to_owned(),
                parameters => format!("({})", parameters.join(", ")),
            }
        })
        .collect();
    all.dedup();
    all.sort_by_key(String::len);
    all.dedup();
    let more = if all.len() > MOST { " and others" } else { "" };
    all.truncate(MOST);
    let called = match receiver {
        Some(receiver) => format!("`{name}` of {receiver}"),
        None => format!("function `{name}`"),
    };
    match all.is_empty() {
        true => format!("{called} does not take {}", Signature::shown(given)),
        false => {
            format!("{called} takes {}{more}, not {}", listed(&all, "or"), Signature::shown(given))
        }
    }
}

fn missing_in_module(namespace: &str, name: &str, types: &[String], trace: &Trace) -> String {
    let whole = format!("{namespace}::{name}");
    if let Some(ways) = names::ways(&whole) {
        return takes_others(&whole, &ways, types, false);
    }
    let mut message = format!("function `{whole}` not found for {}", Signature::shown(types));
    let of_files = trace.all_functions();
    let near = match names::is_module(namespace) {
        true => suggest::nearest(name, names::in_module(namespace)),
        false => {
            let same: Vec<usize> = of_files
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, parameters)| *parameters)
                .collect();
            if !same.is_empty() && !same.contains(&types.len()) {
                return own_function(&whole, &same, types.len(), false);
            }
            suggest::plausible(name, of_files.iter().map(|(name, _)| name.as_str()))
        }
    };
    if let Some(near) = near {
        message.push_str(&format!("; did you mean `{namespace}::{near}`?"));
    }
    message
}

/// What is said where one was to be computed with.
const BIGINT: &str = "; a bigint is a whole number beyond 64 bits, which is not computed with: `to_string()` \
     gives its text, `to_float()` the nearest float";

/// What is said of an operator that does not work on what it is given.
fn missing_operator(operator: &str, types: &[String]) -> String {
    let shown: Vec<String> = types
        .iter()
        .map(|word| if word == "()" { "`()`".to_owned() } else { word.clone() })
        .collect();
    let mut message = format!("`{operator}` does not work on {}", listed(&shown, "and"));
    if types.iter().any(|word| word == "bigint") {
        message.push_str(BIGINT);
        return message;
    }
    let has = |word: &str| types.iter().any(|other| other == word);
    let is_number = |word: &str| word == "i64" || word == "f64";
    if has("string") && types.iter().any(|word| is_number(word)) {
        message.push_str("; `parse_int(text)` and `parse_float(text)` make numbers of text");
    } else if operator == "+" && has("map") && !has("()") {
        message.push_str("; `one.merge(other)` puts maps together");
    } else if operator == ".." || operator == "..=" {
        message.push_str("; both ends of a range are whole numbers");
    }
    message
}

/// What is said of a property that a value of some type does not have.
fn missing_property(text: &str) -> String {
    // The engine says: Unknown property 'x' - a getter is not registered for type 'y'.
    let quoted: Vec<&str> = text.split('\'').skip(1).step_by(2).collect();
    let [property, kind, value @ ..] = quoted.as_slice() else { return lower_first(text) };
    let kind = type_word(kind);
    if !value.is_empty() {
        // No writable property 'x' - a setter is not registered for type 'y' to handle 'z'.
        return format!("`{kind}` has no property `{property}` that can be set");
    }
    let mut message = format!("there is no property `{property}` of `{kind}`");
    let can = |name: &str| {
        names::ways(name).unwrap_or_default().iter().any(|way| {
            way.parameters.as_slice() == [kind.as_str()]
                || way.parameters.as_slice() == ["any value"]
        })
    };
    if kind == "()" {
        return message;
    }
    if ["length", "size", "count", "length()"].contains(property) && can("len") {
        message.push_str("; it is `.len()`");
    } else if can(property) {
        message.push_str(&format!("; it is a function: `.{property}()`"));
    }
    message
}

/// What is said of brackets behind a value that has no elements.
fn missing_element(text: &str) -> String {
    // The engine says: i64 [string].
    match text.rsplit_once(" [") {
        Some((kind, index)) => {
            let (kind, index) = (type_word(kind), type_word(index.trim_end_matches(']')));
            match kind.as_str() {
                "()" => "`()` has no elements that brackets could take".to_owned(),
                "array" | "string" | "blob" => {
                    format!(
                        "an element of {kind} is taken by its number, not by a value of type {index}"
                    )
                }
                "map" => format!(
                    "a property of a map is taken by its name, not by a value of type {index}"
                ),
                kind => format!("a value of type {kind} has no elements that brackets could take"),
            }
        }
        None => lower_first(text),
    }
}

/// The engine's own wording, without the position it appends.
#[must_use]
pub fn plain(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let place = format!(" ({})", error.position());
    lower_first(text.strip_suffix(&place).unwrap_or(&text))
}

/// A sentence of the engine as all messages begin.
#[must_use]
pub fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        // A name in capitals stays as it is.
        Some(first) if !characters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_taken_apart_with_what_is_in_brackets() {
        let of = |text: &'static str| {
            let signature = Signature::of(text).unwrap();
            (signature.namespace, signature.name, signature.types.join("|"))
        };
        assert_eq!(of("f ()"), (None, "f", String::new()));
        assert_eq!(of("f (())"), (None, "f", "()".into()));
        assert_eq!(of("+ ((), i64)"), (None, "+", "()|i64".into()));
        assert_eq!(
            of("a::b::f (&str | ImmutableString | String, core::ops::range::Range<i64>)"),
            (Some("a::b"), "f", "string|range".into())
        );
        assert_eq!(of("f (rhambda_runtime::x::Odd<a, b>, map)"), (None, "f", "Odd|map".into()));
        assert_eq!(Signature::of("elements of different types cannot be sorted"), None);
    }

    #[test]
    fn messages_have_no_paths_of_rust() {
        let message = "`key` is text, not rhambda_runtime::json::number::BigInteger; see core::ops::range::Range<i64>";
        assert_eq!(without_paths(message), "`key` is text, not bigint; see range");
        assert_eq!(without_paths("webhook::github: `a`"), "webhook::github: `a`");
    }

    #[test]
    fn types_are_told_in_the_words_of_scripts() {
        for (name, word) in [
            ("&str | ImmutableString | String", "string"),
            ("alloc::string::String", "string"),
            ("core::ops::range::RangeInclusive<i64>", "range="),
            ("alloc::vec::Vec<rhai::types::dynamic::Dynamic>", "array"),
            ("rhambda_runtime::json::number::BigInteger", "bigint"),
            ("&mut Array", "array"),
            ("()", "()"),
        ] {
            assert_eq!(type_word(name), word);
        }
    }
}
