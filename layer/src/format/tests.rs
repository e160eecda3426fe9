//! All scripts there are, formatted whatever white space is in them, and cut beside the engine.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use rhai::{Engine, Token as EngineToken};

use super::Formatter;
use super::tokens::{Kind, Token, tokens, without_documentation};

/// What other scripts seldom have.
const TRAPS: &str = r##"#!/usr/bin/rhai
//! allow: env X
import "x" as y;
export const X = 1;
/// documentation
fn int.method(x) { this + x }
fn "a.b".m() {}
private fn f(a, b)
{
    let x = if a { 1 } else { 2 };
    let z = - 1; let w = -x; let q = !x; let t = - -x; -2 ** 2; - 2 ** 2;
    if x == 1 { return -1; } else if y { return - 1 }
    else { throw #{ a: 1, "b c": #{}, } }
    switch x { 1 => {}, 2 if y => print(3), 4 | 5 => -1, 6..9 => - 1, _ => |x| -x }
    do { x += 1; } until x > 10;
    do { x += 1; }
    while x < 3;
    for (x, i) in arr {}
    for x in 0..10 { break; }
    loop { break 42; };;
    x?.y; x?["a"]; 1.0.floor(); 1 .abs(); 1..=5; a ?? b; a ?? throw x; a - -1; a -1; a * -b;
    `a ${ `b ${c /* } */}` } d \${e} ``f``
        ${g}`;
    x.map(|v| v * 2).filter(|v| v > 3); let e = || expr; let m = |a, b| { a || b }; | | 3;
    { let y = 1; }
    eval("x"); Fn("name").curry(1).call(); foo!(x); global::X; b !in c; !(a in b); !inner;
    try {} catch (e) {}
    try {} catch {}
    let s = "abc\tdef""g" + #"raw "x
        y"# + 'c' + '\'' + 0xff + 1_000.5e-3;
    let r = if a { 1 } else { 2 } | 3; #{ a: [1, 2] }["a"]; /* a /* b */ c */
    return

}
fn g() {
    if a { b(); }
    |x| x + 1
} // the end"##;

/// Strings that go on after `\\`, of which the engine counts the columns.
const CONTINUED: &str = r#"
let a = "b \
         c\
   d" + `${ "e \
      f" + "g \
     h" } i
  j`; let k = "l \
    m";
"#;

/// Every script of the repository and every one in its documentation that compiles.
fn corpus(formatter: &Formatter) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let mut corpus = Vec::new();
    for folder in ["scripts", "layer/templates", "tests/bench/scripts"] {
        let below = crate::scripts::scripts_below(&root.join(folder), "", Path::new(folder));
        for script in below.expect("there are scripts") {
            let path = root.join(folder).join(&script);
            corpus.push((script, fs::read_to_string(path).expect("it is text")));
        }
    }
    for page in ["README.md", "runtime/docs/library.md", "scripts/README.md"] {
        let text = fs::read_to_string(root.join(PathBuf::from(page))).expect("it is text");
        for (number, rest) in text.split("```rhai\n").skip(1).enumerate() {
            let snippet = rest.split("```").next().unwrap_or_default();
            corpus.push((format!("{page} {number}"), snippet.to_owned()));
        }
    }
    corpus.push(("traps".to_owned(), TRAPS.to_owned()));
    corpus.retain(|(_, source)| formatter.format(source).is_ok());
    assert!(corpus.len() > 200, "{}", corpus.len());
    assert_eq!(corpus.last().map(|(name, _)| name.as_str()), Some("traps"));
    corpus
}

fn formatter() -> Formatter {
    Formatter::new().expect("the engine can be set up")
}

#[test]
fn what_is_formatted_stays_as_it_is() {
    let formatter = formatter();
    for (name, source) in corpus(&formatter) {
        let once = formatter.format(&source).expect(&name);
        assert_eq!(formatter.format(&once).expect(&name), once, "{name}");
    }
}

#[test]
fn other_white_space_makes_no_difference() {
    let formatter = formatter();
    let mut random = Rng::with_seed(7);
    for (name, source) in corpus(&formatter) {
        let expected = formatter.format(&source).expect(&name);
        for _ in 0..8 {
            let scattered = scattered(&tokens(&source), &mut random);
            let result = formatter.format(&scattered);
            assert_eq!(result.expect(&scattered), expected, "{name}:\n{scattered}");
        }
    }
}

#[test]
fn comments_and_lines_may_be_anywhere() {
    let formatter = formatter();
    let mut random = Rng::with_seed(23);
    let continued = ("continued".to_owned(), CONTINUED.to_owned());
    for (name, source) in corpus(&formatter).into_iter().chain([continued]) {
        for _ in 0..8 {
            let mut torn = String::new();
            let tokens = tokens(&source);
            for (index, token) in tokens.iter().enumerate() {
                let left = index.checked_sub(1).map(|left| &tokens[left]);
                let is_unit = left.is_none_or(|left| left.text == "(" && token.text == ")");
                torn.push_str(match random.u8(0..12) {
                    _ if is_unit => "",
                    _ if token.line_ends > 0 => "\n",
                    0 => " /* a */ ",
                    1 => " /* a\n   * b */ ",
                    2 => " // a\n",
                    3 => "\n",
                    4 => "\n\n// a\n\n",
                    _ if token.is_apart => " ",
                    _ => "",
                });
                torn.push_str(token.text);
            }
            let once =
                formatter.format(&torn).unwrap_or_else(|it| panic!("{name}: {it:?}\n{torn}"));
            let again = formatter.format(&once).expect(&name);
            assert_eq!(again, once, "{name}:\n{torn}");
        }
    }
}

/// The same tokens in the same lines with any white space between them.
fn scattered(tokens: &[Token], random: &mut Rng) -> String {
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let left = index.checked_sub(1).map(|left| &tokens[left]);
        if token.line_ends > 0 {
            // One blank line is as good as several.
            let count = if token.line_ends > 1 { random.usize(2..5) } else { token.line_ends };
            for _ in 0..count {
                text.push_str(random.choice(["\n", "\r\n", " \n", "\t\r\n"]).unwrap_or("\n"));
            }
            text.push_str(&" ".repeat(random.usize(0..9)));
        } else if let Some(left) = left {
            // To the engine `()` is another token than `( )`.
            let is_unit = left.text == "(" && token.text == ")";
            let is_free = !is_unit && left.kind != Kind::Comment;
            let needs = token.is_apart && joins(left, token);
            if is_unit {
            } else if needs || (is_free && random.bool()) {
                text.push_str(random.choice([" ", "  ", "\t", " \t "]).unwrap_or(" "));
            }
        }
        text.push_str(token.text);
    }
    text
}

/// Whether two tokens may be read as others without white space between them.
fn joins(left: &Token, right: &Token) -> bool {
    let is_word = |kind| matches!(kind, Kind::Word | Kind::Number);
    let is_symbol = |kind| kind == Kind::Symbol;
    (is_word(left.kind) && (is_word(right.kind) || right.text.starts_with('.')))
        || (is_symbol(left.kind) && is_symbol(right.kind) && !"()[]{},;".contains(right.text))
        || (is_symbol(left.kind) && right.kind == Kind::Number)
        || (is_symbol(left.kind) && right.kind == Kind::Comment)
        || (left.text.starts_with('!') && right.kind == Kind::Word)
}

#[test]
fn the_engine_cuts_the_same_tokens() {
    let pieces = [
        "1",
        "0x1f",
        "2.5",
        "1e3",
        "7_",
        ".",
        "..",
        "..=",
        "-",
        "+",
        "!",
        "in",
        "a",
        "_b",
        "e",
        "if",
        "|",
        "||",
        "&",
        "=",
        "=>",
        "<",
        ">",
        "*",
        "/",
        "%",
        "^",
        "?",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "#{",
        ":",
        ",",
        ";",
        "\"a\\\"b\"",
        "\"c\"\"d\"",
        "'e'",
        "'\\''",
        "`f $ g`",
        "#\"h\"i\"#",
        " ",
        " ",
        "\n",
        "// j\n",
        "/* k /* l */ */",
        "return",
        "throw",
        "\r\n",
        "\t",
        "0",
        "9",
    ];
    let mut random = Rng::with_seed(11);
    let mut engine = Engine::new_raw();
    engine.set_max_string_size(0);
    let mut compared = 0;
    for _ in 0..20_000 {
        let soup: String = (0..random.usize(1..9)).filter_map(|_| random.choice(pieces)).collect();
        let mut theirs = Vec::new();
        let sources = [without_documentation(&soup)];
        let mut is_refused = false;
        for (token, position) in engine.lex(&sources).0 {
            match token {
                EngineToken::EOF => break,
                EngineToken::Comment(_) => continue,
                EngineToken::LexError(_) | EngineToken::Reserved(_) => is_refused = true,
                _ => {}
            }
            theirs.push((position.line(), position.position()));
            // Ours are two.
            if token == EngineToken::Unit {
                theirs.push((position.line(), position.position().map(|column| column + 1)));
            }
        }
        if is_refused {
            continue;
        }
        compared += 1;
        let mut line = 1;
        let mut ours = Vec::new();
        for token in tokens(&soup) {
            line += token.line_ends;
            if token.kind != Kind::Comment {
                ours.push((Some(line), Some(token.column + 1)));
            }
            line += token.text.matches('\n').count();
        }
        assert_eq!(ours, theirs, "{soup:?}");
    }
    assert!(compared > 2_000, "{compared}");
}
