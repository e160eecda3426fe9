//! Comments and texts change nothing but themselves: neither what evaluates a script, nor what is registered
//! for it, nor how many operations it takes.

use rhambda_tests::Function;

const SCRIPT: &str = r#"
const RATES = #{ a: 2 };
fn total(orders) {
    let sum = 0;
    for order in orders { if order.n > 1 { sum += order.n * RATES.a; } }
    sum
}
fn handler(event) {
    TEXT
    event.push(#{ n: 4 });
    event.map(|order| order.n).len() + total(event)
}
"#;

/// What is said of a script at init, and of its operations.
fn told(text: &str) -> Vec<String> {
    let run = Function::of(text)
        .env("RHAMBDA_LOG", "debug")
        .event(r#"[{"n":1},{"n":2},{"n":3}]"#)
        .event("[]")
        .run();
    let lines = run
        .stderr()
        .lines()
        .filter(|line| line.contains("are registered") || line.contains(" operations"));
    let lines: Vec<String> = lines
        .map(|line| line.split_once("init:").map_or(line, |(_, told)| told).to_owned())
        .collect();
    let said: Vec<String> = lines
        .iter()
        .map(|line| line.rsplit('\t').next().unwrap_or_default().trim().to_owned())
        .collect();
    let answers: Vec<String> =
        run.calls().iter().filter(|call| call.method == "POST").map(|call| call.text()).collect();
    assert_eq!(answers, ["22", "9"], "{said:?}");
    said
}

/// The words of the whole library and of the engine, with what makes words at run time.
fn words() -> String {
    let definitions = rhambda_runtime::DEFINITIONS;
    let letters = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
    let mut words: Vec<&str> = definitions.split(letters).filter(|word| !word.is_empty()).collect();
    words.extend([
        "eval",
        "Fn",
        "is_def_fn",
        "import",
        "sort",
        "in",
        "for",
        "const",
        "bus",
        "the",
        "sleep",
    ]);
    words.sort_unstable();
    words.dedup();
    assert!(words.len() > 500, "{}", words.len());
    words.join(" ")
}

#[test]
fn any_word_of_the_library_may_stand_in_a_comment_or_a_text() {
    let plain = told(&SCRIPT.replace("TEXT", "let text = \"\";"));
    assert_eq!(plain.len(), 3, "{plain:?}");
    assert!(plain[0].contains("3 of 3 of the script's are run without the engine"), "{plain:?}");
    let words = words();
    for text in [
        format!("let text = \"\"; // {words} + - * / % ** += == < [ ] ` ${{"),
        format!("/* {words} /* eval(x) */ `${{x}} */ let text = \"\";"),
        "let text = \"\"; // import other as x; Fn(name)".to_owned(),
        format!("let text = \"{words} // /* \\\" + ** [] `\";"),
        format!("let text = `{words} // \" + ** $ {{ }}`;"),
        format!("let text = #\"{words} \" // ` ${{eval(x)}} \"#;"),
        "let text = \"sort_by\";".to_owned(),
        "let text = \"eval\";".to_owned(),
    ] {
        assert_eq!(told(&SCRIPT.replace("TEXT", &text)), plain, "{text}");
        // Behind the last function as well.
        let behind =
            format!("{}\n// {words}\n/* import */", SCRIPT.replace("TEXT", "let text = \"\";"));
        assert_eq!(told(&behind), plain);
    }
}

#[test]
fn words_in_code_count_wherever_they_stand() {
    let plain = told(&SCRIPT.replace("TEXT", "let text = \"\";"));
    for text in [
        "let text = `${1.to_string()}`;",
        "let text = eval(\"1\");",
        "let text = Fn(\"abs\").call(1);",
    ] {
        assert_ne!(told(&SCRIPT.replace("TEXT", text)), plain, "{text}");
    }
}

#[test]
fn a_function_that_is_named_in_a_text_is_there() {
    for (body, response) in [
        ("[2, 1].sort(\"cmp\")", "null"),
        ("let l = [2, 1]; l.sort(\"cmp\"); l", "[1,2]"),
        ("[-1].map(Fn(\"abs\"))", "[1]"),
        ("let name = \"a\" + \"bs\"; [-1].map(Fn(name))", "[1]"),
        ("eval(\"[1, 2].\" + \"len()\")", "2"),
        ("`${[1, 2].len()} and ${`${-1.abs()}`}`", "\"2 and 1\""),
    ] {
        Function::of(&format!("fn cmp(a, b) {{ a - b }} fn handler(event) {{ {body} }}"))
            .event("1")
            .run()
            .responded(response)
            .kept_serving();
    }
}
