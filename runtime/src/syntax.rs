//! Why a script does not compile, in words for people who know another language.
//!
//! The parser says what it was waiting for. What was meant is in the words around the place.

use rhai::Position;

use crate::description::lower_first;
use crate::other_languages::word_here;

/// The words around a place.
struct Around<'a> {
    /// The line up to the place.
    before: String,
    /// The rest of the line.
    rest: String,
    /// The line above that has something in it.
    above: Option<&'a str>,
    /// Nothing but white space follows.
    is_end: bool,
}

impl<'a> Around<'a> {
    fn of(source: &'a str, position: Position) -> Option<Self> {
        let line = position.line()?;
        let column = position.position().unwrap_or(1).saturating_sub(1);
        let text = source.lines().nth(line - 1).unwrap_or_default();
        let above = source.lines().take(line - 1).filter(|line| !line.trim().is_empty()).last();
        let rest: String = text.chars().skip(column).collect();
        let is_last = source.lines().skip(line).all(|line| line.trim().is_empty());
        let is_end = rest.trim().is_empty() && is_last;
        Some(Self { before: text.chars().take(column).collect(), rest, above, is_end })
    }

    /// The word that begins here.
    fn word(&self) -> &str {
        let end = self.rest.find(|letter: char| !is_of_word(letter)).unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    /// The word that ends before here.
    fn last_word(&self) -> &str {
        let text = self.before.trim_end();
        let begin = text.char_indices().rev().find(|(_, letter)| !is_of_word(*letter));
        &text[begin.map_or(0, |(at, letter)| at + letter.len_utf8())..]
    }

    fn begins_with(&self, symbol: &str) -> bool {
        self.rest.starts_with(symbol)
    }

    fn comes_after(&self, symbol: &str) -> bool {
        self.before.trim_end().ends_with(symbol)
    }

    /// The word of another language that stands here or just before.
    fn brought_along(&self) -> Option<(&str, &'static str)> {
        [self.word(), self.last_word()].into_iter().find_map(|word| Some((word, word_here(word)?)))
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

const CLOSURE: &str = "a function without a name is `|x| x + 1`";
const TEMPLATE: &str = "text with values in it stands in back-ticks: `Hello, ${name}!`";

/// Says why a script does not compile: what the parser said, and, where it can be seen, what to write
/// instead.
#[must_use]
pub fn told(said: &str, source: Option<&str>, position: Position) -> String {
    let said = said.trim();
    let around = source.and_then(|source| Around::of(source, position));
    let (what, way) = match &around {
        Some(around) => explained(said, around),
        None => (lower_first(said), None),
    };
    match way {
        Some(way) => format!("{what}; {way}"),
        None => what,
    }
}

/// What is wrong, and the way out.
fn explained(said: &str, around: &Around) -> (String, Option<String>) {
    let plain = || lower_first(said);
    let quoted = said.split('\'').nth(1).unwrap_or_default();
    let some = |way: &str| Some(way.to_owned());
    if said.ends_with("is a reserved keyword") {
        return reserved(quoted, around);
    }
    if said.starts_with("Unknown operator") || said.ends_with("is a reserved symbol") {
        if let Some((what, way)) = symbol(quoted, around) {
            return (what.to_owned(), some(way));
        }
    }
    if said.contains("is not a valid") || said.contains("This is not") {
        if let Some((what, way)) = symbol(quoted, around) {
            return (what.to_owned(), some(way));
        }
        // The engine names the other language.
        return (plain(), None);
    }
    if said.starts_with("Invalid character: ") {
        let text = said["Invalid character: ".len()..].trim_matches('\'');
        let what = format!("`'{text}'` is not one character");
        return (what, Some(format!("text stands in double quotes, {text:?}, or in back-ticks")));
    }
    if said.starts_with("Invalid escape sequence") {
        let way = "in \"…\" a backslash is written twice, `\\\\`; text in back-ticks is taken as it stands";
        return (plain(), some(way));
    }
    if said.contains("string is not terminated") {
        let way = "text in \"…\" ends on its line; what has several lines stands in back-ticks";
        return (plain(), some(way));
    }
    if said.contains("expecting a boolean expression")
        || said.contains("Expecting a boolean expression")
    {
        return (plain(), some("`&&` and `||` join conditions; a default is `x ?? other`"));
    }
    if said.starts_with("Function definitions must be at global level") {
        let way = "write it outside, or give a variable a function: `let inner = |x| x + 1;`";
        return ("a function cannot be defined within another one".to_owned(), some(way));
    }
    if said.starts_with("Expecting name of") {
        return named(said, around);
    }
    if around.begins_with("=>") && !around.before.contains("switch") {
        return ("`=>` stands only in `switch`".to_owned(), some(CLOSURE));
    }
    if around.begins_with("\"")
        && matches!(around.last_word(), "f" | "r" | "b" | "u" | "F")
        && !around.before.ends_with(' ')
    {
        let letter = around.last_word();
        return (
            format!("text has no letter such as `{letter}` before its quotes"),
            some(TEMPLATE),
        );
    }
    if let Some((word, way)) = around.brought_along() {
        return (format!("`{word}` is no word of Rhai"), some(way));
    }
    (plain(), expected(said, around))
}

/// What is said of a word that the language keeps for itself.
fn reserved(word: &str, around: &Around) -> (String, Option<String>) {
    let what = format!("`{word}` is a word that Rhai keeps for itself");
    let way = if around.comes_after(".") {
        let object = around.before.trim_end().trim_end_matches(['.', '?']);
        let begin = object.rfind(|letter: char| !(is_of_word(letter) || ".[]\"".contains(letter)));
        let object = &object
            [begin.map_or(0, |at| at + object[at..].chars().next().map_or(1, char::len_utf8))..];
        format!("a property of that name is `{object}[\"{word}\"]`")
    } else if matches!(around.last_word(), "let" | "const" | "fn" | "in" | "as")
        || around.comes_after("|")
        || around.rest.trim_start_matches(is_of_word).trim_start().starts_with(':')
    {
        let is_key = around.rest.trim_start_matches(is_of_word).trim_start().starts_with(':');
        match is_key {
            true => format!("the name of such a property stands in quotes: `\"{word}\": …`"),
            false => format!("take another name, such as `{word}_` or `my_{word}`"),
        }
    } else {
        match word_here(word) {
            Some(way) => way.to_owned(),
            None => {
                format!("as a property it is `value[\"{word}\"]`, and a variable has another name")
            }
        }
    };
    (what, Some(way))
}

/// What is said of a symbol that is none of the language.
fn symbol(symbol: &str, around: &Around) -> Option<(&'static str, &'static str)> {
    let in_template = around.before.contains("\\`");
    Some(match symbol {
        _ if in_template => (
            "`\\` means nothing in text in back-ticks, so that this text ends too early",
            "a back-tick in it is written twice: ``",
        ),
        "$" => (
            "`$` stands only in text in back-ticks",
            "a variable is named without a sign: `let x = 1; x`",
        ),
        "?" => {
            ("there is no `condition ? one : other`", "write `if condition { one } else { other }`")
        }
        "++" => ("there is no `++`", "write `i += 1`"),
        "--" => ("there is no `--`", "write `i -= 1`"),
        "===" => ("there is no `===`", "write `==`, which compares without changing types"),
        "!==" => ("there is no `!==`", "write `!=`, which compares without changing types"),
        "->" => (
            "there is no `->`",
            "a property is `value.name`, and functions do not declare what they return",
        ),
        ":=" => (
            "there is no `:=`",
            "write `let x = 1;` for a new variable, `x = 1;` for one that is there",
        ),
        "<>" => ("there is no `<>`", "write `!=`"),
        "#" => ("`#` stands only before a `{`, for a map", "a comment begins with `//`"),
        "@" => ("there is no `@`", "functions have no decorations: leave it out"),
        "~" => ("there is no `~`", "text is put together by `+`, and `!x` turns a condition round"),
        "..." => (
            "there is no `...`",
            "a function takes as many arguments as it names: give it an array; `one + other` joins arrays",
        ),
        "(*" | "*)" => ("a comment is no `(* … *)`", "write `/* … */` or `// …`"),
        _ => return None,
    })
}

/// What is said where a name has to be.
fn named(said: &str, around: &Around) -> (String, Option<String>) {
    let some = |way: &str| Some(way.to_owned());
    let word = around.word();
    if around.comes_after("let") && (around.begins_with("{") || around.begins_with("[")) {
        let way = "take the parts one by one: `let name = event.name;`";
        return ("`let` makes one variable at a time".to_owned(), some(way));
    }
    if around.comes_after("(") && around.before.trim_start().contains("for") {
        let way = "write `for i in 0..3 { … }`, or `for item in list { … }`";
        return ("there is no `for (…; …; …)`".to_owned(), some(way));
    }
    if word == "fn" && around.last_word() == "export" {
        return (
            "`export` is for constants".to_owned(),
            some("functions are seen by those that import the file: leave it out"),
        );
    }
    if !word.is_empty() {
        if said.contains("property") {
            return reserved(word, around);
        }
        return (
            format!("`{word}` is a word of the language, and no name"),
            some("take another name"),
        );
    }
    (lower_first(said), None)
}

/// What to write where the parser was waiting for something.
fn expected(said: &str, around: &Around) -> Option<String> {
    let way = if said.contains("to terminate this statement") {
        if around.is_end {
            "the script ends within a block: a `}` is missing, or a `)` or `]` above"
        } else if around.begins_with(":")
            && around.before.contains('{')
            && !around.before.contains("let ")
        {
            "a map begins with `#{`: `#{ name: value }`"
        } else if around.begins_with(":") && around.comes_after_map() {
            "a map begins with `#{`: `#{ name: value }`"
        } else if around.begins_with(":") {
            "variables do not declare their type: `let x = 1;`"
        } else if around.before.trim().is_empty() {
            return Some(match around.above {
                Some(above) => format!("it is missing behind `{}`", shortened(above)),
                None => "statements are divided by `;`".to_owned(),
            });
        } else {
            "two statements, or a word too many: statements are divided by `;`"
        }
    } else if said.contains("'{' to start a statement block") {
        if around.begins_with(":") {
            "blocks stand in braces: `if condition { … }`"
        } else {
            "what follows a condition stands in braces, a single statement too: `if x > 0 { return 1 }`"
        }
    } else if said.contains("to follow the property") {
        "name and value are divided by `:`, as in `#{ name: value }`"
    } else if said.contains("items of this array") && around.word() == "for" {
        "an array is made of another one by `list.map(|item| …)` and `list.filter(|item| …)`"
    } else if said.contains("the parameters of function") && around.begins_with("=") {
        "parameters have no defaults: define the function again with fewer parameters, or write `x ?? 1` in it"
    } else if said.contains("the parameters of function") && around.begins_with(":") {
        "parameters do not declare their type: `fn f(a, b)`"
    } else if said.contains("')' for a matching (") && around.begins_with(",") {
        "several values stand in an array: `[1, 2]`"
    } else if said.contains("']' for a matching [") && around.begins_with(":") {
        "a part of an array is `list.extract(1..3)`, and of text `text.sub_string(1, 2)`"
    } else if said.contains("body statement block") {
        "a function is `fn name(a, b) { … }`, without the type that it returns"
    } else if said.contains("'while' for the do statement") {
        "write `do { … } while condition`, or `loop { … }`"
    } else if said.contains("'}' to terminate this block") {
        if around.is_end {
            "the script ends within a block: a `}` is missing"
        } else {
            "something in it is no statement, or a `}` is missing before this"
        }
    } else if said.starts_with("Expecting ',' to separate the arguments") {
        "a `,` or the `)` of this call is missing before this"
    } else {
        return None;
    };
    Some(way.to_owned())
}

impl Around<'_> {
    /// Whether a `{` that cannot begin a block opens what this stands in.
    fn comes_after_map(&self) -> bool {
        let Some(open) = self.before.rfind('{') else { return false };
        let before = self.before[..open].trim_end();
        before.ends_with(['=', '(', ',', '[', ':']) || before.ends_with("return")
    }
}

fn shortened(line: &str) -> String {
    const LONGEST: usize = 60;
    let line = line.trim();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> String {
        let error = rhai::Engine::new().compile(source).expect_err("the script is wrong");
        told(&error.err_type().to_string(), Some(source), error.position())
    }

    #[test]
    fn a_reserved_word_is_named_with_the_way_out() {
        assert!(of("let x = event.default;").contains("`event[\"default\"]`"));
        assert!(of("let x = a.b.match;").contains("`a.b[\"match\"]`"));
        assert!(of("let new = 1;").contains("take another name"));
        assert!(of("let x = null;").contains("`()`"));
        assert!(
            of("let x = #{ default: 1 };").contains("in quotes"),
            "{}",
            of("let x = #{ default: 1 };")
        );
        assert!(of("let x = event.if;").contains("`event[\"if\"]`"), "{}", of("let x = event.if;"));
    }

    #[test]
    fn what_another_language_has_is_said_to_be_something_else_here() {
        for (source, part) in [
            ("let s = `a \\` ${b} c`;", "written twice"),
            ("if a == 1 and b == 2 { }", "`&&`"),
            ("if not a { }", "`!condition`"),
            ("if a { } elif b { }", "`else if`"),
            ("let x = a ? b : c;", "`if condition { one } else { other }`"),
            ("for (let i = 0; i < 3; i++) { }", "`for i in 0..3 { … }`"),
            ("i++;", "`i += 1`"),
            ("function f() { }", "`fn name(x) { … }`"),
            ("let f = lambda x: x;", "`|x| x + 1`"),
            ("let f = (x) => x;", "`|x| x + 1`"),
            ("let s = 'hello';", "double quotes, \"hello\""),
            ("let s = f\"hello\";", "back-ticks"),
            ("let x = { a: 1 };", "`#{ name: value }`"),
            ("return { a: 1 };", "`#{ name: value }`"),
            ("let x: i64 = 1;", "do not declare their type"),
            ("let {a, b} = c;", "one by one"),
            ("if a return 1;", "braces"),
            ("# a comment", "`//`"),
            ("let x = (1, 2);", "`[1, 2]`"),
            ("let x = a === b;", "`==`"),
            ("let x = a[1:2];", "extract"),
            ("try { } except { }", "catch (error)"),
        ] {
            let message = of(source);
            assert!(message.contains(part), "{source}: {message}");
        }
    }
}
