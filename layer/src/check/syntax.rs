//! What was meant where a script does not parse: words and signs that people bring along.

use rhai::Position;

use crate::format::{TokenKind, each_token};

/// What is said of a syntax error beside, or instead of, the engine's own words.
pub(super) struct Meant {
    pub(super) rule: &'static str,
    pub(super) message: Option<String>,
    pub(super) help: String,
    pub(super) length: usize,
}

/// The tokens around a place.
#[derive(Default)]
struct Around<'a> {
    /// The three before, the last one last.
    before: [&'a str; 3],
    at: &'a str,
    after: &'a str,
}

/// What was meant at the place of a syntax error, if that is known.
pub(super) fn meant(source: &str, position: Position, message: &str) -> Option<Meant> {
    let around = around(source, position)?;
    let help = |text: &str| {
        Some(Meant {
            rule: "syntax",
            message: None,
            help: text.to_owned(),
            length: around.at.chars().count(),
        })
    };
    if let Some(meant) = reserved(&around, message) {
        return Some(meant);
    }
    let [third, second, first] = around.before;
    match (around.at, first) {
        ("?", _) => help("a choice is `if a { b } else { c }`, which gives a value"),
        ("++", _) => help("write `+= 1`"),
        ("--", _) => help("write `-= 1`"),
        ("and", _) | (_, "and") => help("`and` is `&&`"),
        ("or", _) | (_, "or") => {
            help("`or` is `||`, for true and false; a default for what is missing is `??`")
        }
        (_, "not") | ("not", _) => help("`not` is `!`"),
        ("is", _) => help("`is` is `==`"),
        ("elif", _) | (_, "elif") => help("`elif` is `else if`"),
        (_, "def" | "function" | "func") => help("a function is `fn name(a, b) { … }`"),
        (_, "lambda") => help("a function without a name is `|x| x + 1`"),
        (_, "raise") => help("an error is thrown by `throw`: `throw \"what is wrong\";`"),
        (_, "del" | "delete") => help("a key is taken out by `map.remove(\"key\");`"),
        (_, "typeof") => help("the type of a value is `type_of(value)`"),
        (_, "json" | "os" | "re" | "time" | "math" | "sys") if second == "import" => help(
            "the library needs no import; a module is imported by `import \"lib/name\" as name;`",
        ),
        (_, "from") => help(
            "a module is imported by `import \"lib/name\" as name;`; the library needs no import",
        ),
        ("except" | "finally", _) | (_, "except" | "finally") => {
            help("errors are caught by `try { … } catch (error) { … }`; there is no `finally`")
        }
        ("of", _) => help("write `for x in items { … }`"),
        ("(", "for") | (_, "(") if first == "for" || second == "for" => {
            help("write `for x in items { … }`, or `for i in 0..n { … }`")
        }
        ("[" | "{", "let" | "const") => help("take the parts one by one: `let a = value.a;`"),
        ("=>", _) => help("a function without a name is `|x| x + 1`"),
        (":", _) if matches!(second, "{") => help("a map is `#{ a: 1 }`"),
        (":", _) if matches!(second, "let" | "const") => {
            help("a variable has no type: `let x = 1;`")
        }
        (":", _) if matches!(second, "[") || matches!(third, "[") => {
            help("a part is `items.extract(1..3)`, of a text `text.sub_string(1..3)`")
        }
        (":", _) if message.contains("'{'") => help("a block has braces: `if a { … }`"),
        ("...", _) => help("arrays are joined by `+`, maps by `merge`: `a + b`, `a.merge(b)`"),
        ("#", _) => help("a comment begins with `//`"),
        ("if", _) => help("a choice is `if a { b } else { c }`, which gives a value"),
        ("for", _) if message.contains("array literal") => help(
            "an array is made of another by `items.map(|x| x + 1)` and `items.filter(|x| x > 1)`",
        ),
        (text, _) if text.starts_with('\'') => {
            help("text has double quotes, `\"…\"`, or back-ticks; `'…'` is one character")
        }
        (text, "f" | "r" | "b") if text.starts_with(['"', '\'']) => {
            help("values go into text in back-ticks: `` `Hello, ${name}!` ``")
        }
        (_, "||") if message.contains("boolean") => {
            help("a default for what is missing is `??`: `event.name ?? \"nobody\"`")
        }
        ("=", _) if message.contains("'=='") => help("`==` compares, `=` sets"),
        ("fn", _) if message.contains("global level") => help(
            "put the function beside the others; one inside of another is a closure, `let double = |x| x * 2;`, called by `double.call(3)`",
        ),
        _ if message.contains("expecting '{'") => {
            help("a block has braces, one line, too: `if a { b }`")
        }
        _ => None,
    }
}

/// A word that the engine keeps for itself.
fn reserved(around: &Around, message: &str) -> Option<Meant> {
    let word = around.at;
    let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !word.is_empty();
    let [_, second, first] = around.before;
    let is_told = message.contains("is a reserved keyword");
    let is_property = matches!(first, "." | "?.") && message.contains("name of a property");
    let is_key =
        matches!(first, "#{" | ",") && around.after == ":" && message.contains("object map");
    let is_name = matches!(first, "let" | "const" | "for" | "fn" | "|" | "(" | ",")
        && message.contains("expecting name");
    let is_loop_of_others = first == "(" && second == "for";
    if !is_word || is_loop_of_others || !(is_told || is_property || is_key || is_name) {
        return None;
    }
    let meant = |message: String, help: String| {
        let length = word.chars().count();
        Some(Meant { rule: "reserved-word", message: Some(message), help, length })
    };
    let kept = format!("`{word}` is a word of the language");
    if matches!(first, "." | "?.") {
        let of = if second.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !second.is_empty()
        {
            second
        } else {
            "…"
        };
        let open = if first == "?." { "?[" } else { "[" };
        return meant(
            format!("{kept}, and no property can be written so"),
            format!("write `{of}{open}\"{word}\"]`"),
        );
    }
    if matches!(first, "#{" | ",") && around.after == ":" {
        return meant(
            format!("{kept}, and no key can be written so"),
            format!("write `\"{word}\": …`"),
        );
    }
    let help = match word {
        "null" | "nil" | "void" => "nothing is `()`: `value == ()`".to_owned(),
        "var" => "a variable is `let name = …;`".to_owned(),
        "new" => "a map is `#{ … }`, an error is thrown by `throw \"what is wrong\";`".to_owned(),
        "async" | "await" => "take it away: a call waits until it is done".to_owned(),
        "match" | "case" => "write `switch value { 1 => …, _ => … }`".to_owned(),
        "is" => "`is` is `==`".to_owned(),
        "yield" | "go" | "spawn" | "thread" => {
            "there is nothing of that kind: one event is handled at a time".to_owned()
        }
        _ if matches!(first, "let" | "const" | "for" | "fn" | "|" | "(" | ",") => {
            format!("call it otherwise, such as `{word}_`")
        }
        _ => return None,
    };
    meant(kept, help)
}

fn around(source: &str, position: Position) -> Option<Around<'_>> {
    let (line, column) = (position.line()?, position.position()?);
    // The byte where the place begins.
    let mut start = 0;
    for _ in 1..line {
        start += source[start..].find('\n')? + 1;
    }
    let in_line = source[start..].char_indices().nth(column.saturating_sub(1))?.0;
    let wanted = start + in_line;
    let mut around = Around::default();
    each_token(source, |kind, text| {
        if kind == TokenKind::Comment {
            return true;
        }
        let at = text.as_ptr() as usize - source.as_ptr() as usize;
        if at + text.len() <= wanted {
            around.before = [around.before[1], around.before[2], text];
            return true;
        }
        if around.at.is_empty() {
            around.at = text;
            return true;
        }
        around.after = text;
        false
    });
    (!around.at.is_empty()).then_some(around)
}

/// What a name is here that people know from elsewhere.
pub(super) fn brought(name: &str) -> Option<&'static str> {
    Some(match name {
        "None" | "undefined" => "nothing is `()`",
        "True" => "write `true`",
        "False" => "write `false`",
        "self" => "the value that a method is called on is `this`",
        "console" => "write `print(…)`, or `log::info(…)`",
        "JSON" => "write `parse_json(text)`, or `json::stringify(value)`",
        "Math" => "functions of numbers stand alone: `max(a, b)`, `x.floor()`",
        "Object" => "a map has `keys()` and `values()`",
        "process" | "os" => "a variable of the environment is `env::get(\"NAME\")`",
        "pass" => "a block may be empty: `{ }`",
        _ => return None,
    })
}
