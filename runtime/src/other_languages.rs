//! Words that people bring along from other languages, and what each is in Rhai.

use crate::names;

/// What a function of another language is here.
struct Function {
    /// Its names there.
    names: &'static [&'static str],
    /// The functions that do it here, best first: the first that there is, is told.
    here: &'static [&'static str],
    /// What else to write, where none of them is there or more has to be said.
    otherwise: &'static str,
}

const fn function(
    names: &'static [&'static str],
    here: &'static [&'static str],
    otherwise: &'static str,
) -> Function {
    Function { names, here, otherwise }
}

#[rustfmt::skip]
const FUNCTIONS: &[Function] = &[
    function(&["includes", "include", "contain", "has_item", "hasItem"], &["contains"], ""),
    function(
        &["has", "hasOwnProperty", "has_key", "hasKey", "containsKey", "contains_key", "has_own"],
        &[],
        "write `\"name\" in map`, or `map.contains(\"name\")`",
    ),
    function(&["upper", "toUpperCase", "upcase", "to_uppercase", "uppercase", "ToUpper"], &["to_upper"], ""),
    function(&["lower", "toLowerCase", "downcase", "to_lowercase", "lowercase", "ToLower"], &["to_lower"], ""),
    function(
        &["str", "String", "toString", "to_s", "tostring", "text", "repr"],
        &[],
        "write `value.to_string()`, or `${value}` in back-ticks",
    ),
    function(
        &["int", "Int", "parseInt", "Integer", "to_i", "toInt", "atoi", "Number", "number"],
        &["parse_int"],
        "of a number with decimals `to_int` gives the whole one",
    ),
    function(
        &["float", "Float", "parseFloat", "double", "to_f", "toFloat", "atof"],
        &["parse_float"],
        "of a whole number `to_float` gives one with decimals",
    ),
    function(&["bool", "Boolean"], &[], "compare: `value == true`, `value != ()`"),
    function(&["length", "size", "count", "strlen", "sizeof"], &["len"], ""),
    function(&["typeof", "type", "isinstance", "is_a", "gettype", "classof"], &[], "write `type_of(value)`, which gives text such as \"string\", \"i64\", \"map\" or \"()\""),
    function(&["isArray", "is_array", "isList", "is_list"], &[], "write `type_of(value) == \"array\"`"),
    function(&["is_string", "isString", "is_str"], &[], "write `type_of(value) == \"string\"`"),
    function(&["is_map", "isObject", "is_object", "is_dict", "isMap"], &[], "write `type_of(value) == \"map\"`"),
    function(&["is_number", "isNumber", "is_int", "isInteger", "is_float"], &[], "write `type_of(value) == \"i64\"`; one with decimals is \"f64\""),
    function(&["is_null", "isNull", "is_none", "isNone", "isset", "defined", "is_nil", "isUndefined", "exists"], &[], "write `value == ()`, or `value != ()`"),
    function(&["isNaN"], &["is_nan"], ""),
    function(&["forEach", "each", "foreach"], &[], "write `for item in list { … }`, or `list.for_each(|| …)`, where `this` is the item"),
    function(&["indexOf", "find_index", "findIndex", "strpos", "position"], &["index_of"], ""),
    function(&["lastIndexOf", "rfind"], &["last_index_of"], "use `text.split(…)` and take the last part"),
    function(&["startsWith", "startswith", "hasPrefix", "start_with", "StartsWith"], &["starts_with"], ""),
    function(&["endsWith", "endswith", "hasSuffix", "end_with", "EndsWith"], &["ends_with"], ""),
    function(&["substring", "substr", "Substring"], &["sub_string"], ""),
    function(&["slice", "subList", "sublist"], &["extract"], "of text it is `sub_string`"),
    function(&["charAt", "char_at"], &[], "write `text[0]`"),
    function(&["add", "append_item", "push_back", "put_last"], &["push"], ""),
    function(&["concat", "extend"], &[], "write `one + other`"),
    function(&["unshift", "prepend", "push_front"], &["insert"], "`list.insert(0, item)` puts it first"),
    function(&["strip", "chomp"], &["trimmed", "trim"], ""),
    function(&["replaceAll", "gsub", "str_replace", "replace_all", "sub"], &["replaced", "replace"], ""),
    function(&["sorted", "toSorted"], &["sorted", "to_sorted", "sort"], ""),
    function(&["reversed", "toReversed"], &["reversed", "to_reversed", "reverse"], ""),
    function(&["join", "implode"], &["join"], "write `list.reduce(|all, item, i| if i == 0 { `${item}` } else { `${all}, ${item}` })`"),
    function(&["any"], &["any", "some"], ""),
    function(&["every"], &["all"], ""),
    function(&["flatMap", "flat"], &["flat_map", "flatten"], "use two `for` loops and `push`"),
    function(&["fold", "foldl", "inject", "accumulate"], &["reduce"], ""),
    function(&["select", "where", "findAll", "find_all", "grep"], &["filter"], ""),
    function(&["collect"], &["map"], ""),
    function(&["entries", "items", "iteritems"], &["entries"], "go through `map.keys()`"),
    function(&["delete", "unset", "del", "pop_key"], &["remove"], "`map.remove(\"name\")` gives back what was there"),
    function(&["setdefault", "getOrDefault", "get_or", "getOrElse", "fetch_or"], &[], "write `map.name ?? default`"),
    function(&["format", "sprintf", "printf", "fmt"], &[], "write `Hello, ${name}` in back-ticks"),
    function(&["println", "puts", "echo", "console_log", "print_r", "var_dump", "dump", "pprint"], &[], "write `print(value)`, or `log::info(value)`"),
    function(&["Error", "Exception", "raise", "panic", "TypeError", "ValueError", "RuntimeError", "err", "fail"], &[], "write `throw \"what is wrong\"`, or `throw #{ type: \"NoStock\", message: \"…\" }`"),
    function(&["require", "include_once", "load", "require_once"], &[], "write `import \"lib/money\" as money;`"),
    function(&["fetch", "axios", "urlopen", "requests", "curl"], &[], "write `http::get(url)`"),
    function(&["setTimeout", "usleep", "delay", "wait"], &["sleep"], "it takes seconds"),
    function(&["enumerate", "each_with_index"], &[], "write `for (item, index) in list { … }`"),
    function(&["open", "read_file", "readFile", "file_get_contents", "readFileSync"], &[], "write `fs::read_text(path)`"),
    function(&["getenv", "environ"], &[], "write `env::get(\"NAME\")`"),
    function(&["json_encode", "dumps", "stringify", "to_json_string"], &[], "write `value.to_json()`, or `json::stringify(value)`"),
    function(&["json_decode", "loads", "parse", "from_json", "JSON"], &[], "write `json::parse(text)`"),
    function(&["Date", "now", "datetime", "strftime", "Datetime"], &[], "write `time::now()`, which has `format`"),
    function(&["dict", "Map", "Object", "HashMap", "new_map"], &[], "write `#{ name: value }`"),
    function(&["list", "Array", "List", "vec", "Vec", "tuple"], &[], "write `[one, other]`"),
    function(&["Set", "set_of"], &["unique"], "a map serves as a set: `seen[name] = true`"),
    function(&["md5", "sha1", "sha256", "sha512"], &[], "write `crypto::sha256(data)` and the like"),
    function(&["atob", "b64decode", "base64_decode"], &[], "write `base64::decode_text(text)`"),
    function(&["btoa", "b64encode", "base64_encode"], &[], "write `base64::encode(data)`"),
    function(&["encodeURIComponent", "urlencode", "quote"], &[], "write `url::encode(text)`"),
    function(&["decodeURIComponent", "urldecode", "unquote"], &[], "write `url::decode(text)`"),
    function(&["match", "matches", "test", "re_match"], &[], "write `regex::test(text, pattern)`"),
    function(&["ceil"], &["ceiling"], ""),
    function(&["pow", "power"], &[], "write `x ** y`"),
    function(&["mod", "fmod"], &[], "write `x % y`"),
    function(&["uuid", "uuid4", "randomUUID", "uuidv4"], &[], "write `uuid::v4()`"),
    function(&["rand", "randint", "random"], &[], "write `random::int(1, 6)`, or `random::float()`"),
    function(&["capitalize", "title", "titlecase", "ucfirst"], &[], "write `text::title(text)`"),
    function(&["repeat", "times"], &[], "write `text::repeat(text, count)`"),
    function(&["padStart", "ljust", "lpad", "zfill", "pad_left"], &[], "write `text::pad_start(text, width, \"0\")`"),
    function(&["padEnd", "rjust", "rpad", "pad_right"], &[], "write `text::pad_end(text, width)`"),
    function(&["not"], &[], "write `!condition`"),
    function(&["equals", "eq", "isEqual"], &[], "write `one == other`"),
    function(&["super", "await", "async", "lambda"], &[], "write `|x| x + 1` for a function without a name"),
];

/// Words that stand by themselves, and what they are here.
#[rustfmt::skip]
const WORDS: &[(&[&str], &str)] = &[
    (&["null", "undefined", "None", "nil", "NULL", "nullptr", "Null", "void", "Nil"], "Rhai's word for nothing is `()`: `x == ()`"),
    (&["True", "TRUE", "YES", "Yes"], "write `true`"),
    (&["False", "FALSE"], "write `false`"),
    (&["NaN", "Infinity", "Inf", "inf", "nan"], "write `0.0 / 0.0` or `1.0 / 0.0`; JSON has neither"),
    (&["self", "Self", "me"], "write `this`"),
    (&["console", "logger", "logging", "System", "stdout"], "write `print(value)`, or `log::info(value)`"),
    (&["JSON"], "write `json::parse(text)`, and `json::stringify(value)` or `value.to_json()`"),
    (&["Math", "math"], "functions of numbers stand by themselves: `max(a, b)`, `x.floor()`, `x.abs()`, `PI()`"),
    (&["Object"], "write `map.keys()`, `map.values()`, `map.merge(other)`"),
    (&["Array", "List"], "write `type_of(value) == \"array\"`; arrays have methods: `list.map(|x| …)`"),
    (&["String", "Number", "Boolean"], "write `value.to_string()`, `parse_int(text)`, `parse_float(text)`"),
    (&["Date", "datetime", "Time", "DateTime", "moment"], "write `time::now()`, or `time::parse(text)`"),
    (&["process", "os", "sys", "ENV"], "write `env::get(\"NAME\")`"),
    (&["requests", "axios", "urllib", "fetch"], "write `http::get(url)`"),
    (&["re", "RegExp", "Regex"], "write `regex::test(text, pattern)` and the like"),
    (&["Buffer", "btoa", "atob"], "write `base64::encode(data)`, `base64::decode_text(text)`"),
    (&["crypto_js", "hashlib", "hmac"], "write `crypto::sha256(data)`, `crypto::hmac_sha256(key, data)`"),
    (&["module", "exports", "require", "__name__"], "functions of a file are seen by those that import it: `import \"lib/money\" as money;`"),
    (&["and"], "write `&&`"),
    (&["or"], "write `||`, and for a default `x ?? other`"),
    (&["not"], "write `!condition`"),
    (&["elif", "elsif", "elseif", "elsseif"], "write `else if`"),
    (&["function", "def", "func", "fun", "sub", "proc"], "write `fn name(x) { … }`, and without a name `|x| …`"),
    (&["lambda"], "write `|x| x + 1`"),
    (&["var", "val", "auto"], "write `let`"),
    (&["pass", "noop"], "leave it out: `{ }` does nothing"),
    (&["del", "delete"], "write `map.remove(\"name\")`"),
    (&["except", "rescue"], "write `try { … } catch (error) { … }`"),
    (&["finally", "ensure"], "there is no such part of `try`; write it behind `try { … } catch (error) { … }`"),
    (&["raise"], "write `throw \"what is wrong\"`"),
    (&["foreach", "until", "unless", "repeat"], "write `for item in list { … }`, `while condition { … }`, `loop { … }`"),
    (&["new"], "there are no classes: write `#{ name: value }` for a map, `throw \"…\"` for an error"),
    (&["class", "struct", "interface", "type", "enum", "trait", "impl"], "there are no classes: data are maps, `#{ name: value }`"),
    (&["async", "await", "spawn", "go", "thread", "sync", "yield"], "calls wait for their results by themselves: leave it out"),
    (&["match", "case", "default", "when"], "write `switch value { 1 => …, \"a\" | \"b\" => …, _ => … }`"),
    (&["is", "instanceof", "typeof"], "write `type_of(value) == \"map\"`"),
    (&["use", "using", "include", "package", "namespace", "from"], "write `import \"lib/money\" as money;`"),
    (&["static", "final", "readonly"], "write `const NAME = 1;`"),
    (&["public", "protected"], "functions are public unless they begin with `private`"),
    (&["goto", "exit"], "use `return`, `break` or `throw`"),
    (&["with"], "files and connections are closed by themselves: leave it out"),
    (&["shared", "super"], "a closure shares the variables that it uses"),
    (&["then", "begin", "end", "do"], "blocks stand in braces: `if condition { … }`"),
];

/// What a function of this name in another language is here. What is in a list of functions stays out.
#[must_use]
pub fn function_here(name: &str) -> Option<String> {
    let known = FUNCTIONS.iter().find(|function| function.names.contains(&name))?;
    let here = known.here.iter().find(|here| **here != name && names::ways(here).is_some());
    let Some(here) = here else {
        return (!known.otherwise.is_empty()).then(|| known.otherwise.to_owned());
    };
    let mut told = format!("in Rhai it is `{here}`{}", in_place(here));
    if !known.otherwise.is_empty() {
        told.push_str(&format!("; {}", known.otherwise));
    }
    Some(told)
}

/// What has to be said beside the name of a function that changes what it is called on.
#[must_use]
pub fn in_place(name: &str) -> &'static str {
    let ways = names::ways(name).unwrap_or_default();
    match !ways.is_empty() && ways.iter().all(|way| way.is_in_place) {
        true => ", which changes the value itself and returns nothing",
        false => "",
    }
}

/// What a word of another language is here.
#[must_use]
pub fn word_here(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_once() {
        let mut seen = std::collections::HashSet::new();
        for name in FUNCTIONS.iter().flat_map(|function| function.names) {
            assert!(seen.insert(*name), "function {name}");
        }
        seen.clear();
        for word in WORDS.iter().flat_map(|(words, _)| *words) {
            assert!(seen.insert(*word), "word {word}");
        }
    }

    #[test]
    fn what_is_told_is_there() {
        for function in FUNCTIONS {
            for name in function.names {
                assert!(function_here(name).is_some(), "{name}");
            }
        }
        assert_eq!(function_here("upper").as_deref(), Some("in Rhai it is `to_upper`"));
        let strip = function_here("strip").unwrap();
        assert!(strip.contains("returns nothing") || strip.contains("trimmed"), "{strip}");
    }
}
