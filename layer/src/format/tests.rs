//! All scripts there are, formatted whatever white space is in them, and cut beside the engine.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use rhai::{Engine, Token as EngineToken};

use super::Formatter;
use super::tokens::{Kind, Token, tokens};

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
    corpus.retain(|(_, source)| formatter.format(source).is_ok());
    assert!(corpus.len() > 200, "{}", corpus.len());
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
        || (left.text == "!" && right.kind == Kind::Word)
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
        let sources = [&soup];
        let mut is_refused = false;
        for (token, position) in engine.lex(sources).0 {
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
