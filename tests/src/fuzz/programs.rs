//! Programs with a grammar: calls of every native function, and scripts that both ways to evaluate
//! them have to agree on.

use std::fmt::Write;
use std::time::Duration;

use rhambda_runtime::config::Limits;
use rhambda_runtime::engine;
use rhambda_runtime::error::Report;
use serde_json::json;

use super::Look;
use super::choices::Choices;
use super::scripts::{SLACK, Task, call, is_bound, is_fair, processor_time};

/// Each native function with a few values of any kind: it answers or fails, in time.
pub(super) fn natives() -> Look {
    let natives = all_natives();
    let task = Task::new();
    let timeout = Duration::from_millis(60);
    Box::new(move |input| {
        let mut choices = Choices(input);
        let native = &natives[choices.wide(natives.len())];
        let mut values = String::new();
        for index in 0..native.parameters {
            let _ = writeln!(values, "let x{index} = {};", value(&mut choices, 2));
        }
        let what = native.call();
        let source = format!(
            "fn handler(event) {{\n{values}let r = ();\n\
             try {{ r = {what}; }} catch (e) {{ r = e; }}\n[r, `${{r}}`, r == r]\n}}"
        );
        let text = String::from_utf8_lossy(choices.0);
        let event = json!({ "text": text, "n": text.len() }).to_string();
        let started = processor_time();
        match task.load(source.as_bytes(), &[("RHAMBDA_MAX_MEMORY_MB", "32")]) {
            Ok(script) => {
                if let Err(report) = call(&script, event.as_bytes(), timeout) {
                    is_fair(&report);
                }
            }
            Err(report) => is_fair(&report),
        }
        let spent = processor_time() - started;
        assert!(spent < SLACK + timeout, "{spent:?} for\n{source}");
    })
}

/// A native function as a script calls it.
struct Native {
    name: String,
    parameters: usize,
}

impl Native {
    fn call(&self) -> String {
        let name = self.name.as_str();
        let all: Vec<String> = (0..self.parameters).map(|index| format!("x{index}")).collect();
        let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic());
        match (name.strip_prefix("get$"), name.strip_prefix("set$")) {
            (Some(property), _) => format!("x0.{property}"),
            (_, Some(property)) => format!("{{ x0.{property} = x1; x0 }}"),
            _ if name == "index$get$" => "x0[x1]".to_owned(),
            _ if name == "index$set$" => "{ x0[x1] = x2; x0 }".to_owned(),
            _ if !is_word && self.parameters == 2 => format!("x0 {name} x1"),
            _ if !is_word => format!("{name}x0"),
            _ => format!("{name}({})", all.join(", ")),
        }
    }
}

/// All native functions, by their names and numbers of parameters.
fn all_natives() -> Vec<Native> {
    let limits = Limits::standard().unwrap_or_else(|_| panic!("the limits are in range"));
    let mut all: Vec<(String, usize)> = Vec::new();
    for signature in engine::whole(&limits).gen_fn_signatures(true) {
        let Some(open) = signature.find('(') else { continue };
        let Some(close) = signature.rfind(')').filter(|&close| close > open) else { continue };
        let (mut depth, mut count) = (0, usize::from(close > open + 1));
        for letter in signature[open + 1..close].chars() {
            match letter {
                '<' | '(' | '[' => depth += 1,
                '>' | ')' | ']' => depth -= 1,
                ',' if depth == 0 => count += 1,
                _ => {}
            }
        }
        let name = signature[..open].trim().trim_start_matches("get ").to_owned();
        all.push((name, count));
    }
    all.sort();
    all.dedup();
    let plain = |(name, parameters)| Native { name, parameters };
    let all: Vec<Native> = all.into_iter().map(plain).collect();
    assert!(all.len() > 300, "only {} native functions were found", all.len());
    all
}

/// A value of any kind.
fn value(choices: &mut Choices, depth: usize) -> String {
    const PLAIN: [&str; 52] = [
        "()",
        "0",
        "1",
        "-1",
        "2",
        "3",
        "7",
        "64",
        "255",
        "1000",
        "65536",
        "100000",
        "9223372036854775807",
        "(-9223372036854775807 - 1)",
        "0.0",
        "-0.0",
        "1.5",
        "1e300",
        "(0.0 / 0.0)",
        "(1.0 / 0.0)",
        "true",
        "false",
        "'a'",
        "'ü'",
        "\"\"",
        "\"a\"",
        "\"a b, c\"",
        "\"äöü→😀\"",
        "\"2024-02-30T23:59:60Z\"",
        "\"(a|b)*c\"",
        "\"%Y-%m-%d\"",
        "\"SHA-256\"",
        "\"1d\"",
        "\"Europe/Berlin\"",
        "\"x\\r\\ny\"",
        "event",
        "event.text",
        "event.n",
        "blob()",
        "blob(3, 200)",
        "(0..5)",
        "(3..=1)",
        "|x| x",
        "|a, b| a",
        "|| 1",
        "Fn(\"handler\")",
        "time::from_ms(event.n)",
        "json::parse(\"123456789012345678901234567890\")",
        "json::parse(\"-1e400\")",
        "timestamp()",
        "text::repeat(event.text, 100)",
        "range(0, 10)",
    ];
    match choices.below(8) {
        0 if depth > 0 => {
            let count = choices.below(4);
            let items: Vec<String> = (0..count).map(|_| value(choices, depth - 1)).collect();
            format!("[{}]", items.join(", "))
        }
        1 if depth > 0 => {
            const KEYS: [&str; 12] = [
                "a", "b", "type", "message", "name", "body", "headers", "status", "alg", "path",
                "query", "method",
            ];
            let mut map = String::from("#{");
            let start = choices.below(KEYS.len());
            for index in 0..choices.below(4) {
                let key = KEYS[(start + index) % KEYS.len()];
                let _ = write!(map, " {key}: {},", value(choices, depth - 1));
            }
            map.push_str(" }");
            map
        }
        _ => choices.of(&PLAIN).to_owned(),
    }
}

/// Scripts give the same by the compiled form that `bootstrap` runs as by Rhai's own evaluator, which
/// runs them where operations are counted.
pub(super) fn program() -> Look {
    let task = Task::new();
    let timeout = Duration::from_millis(400);
    Box::new(move |input| {
        let source = Program::of(input);
        let event = br#"{"a": 1, "b": [1, 2.5, "x", null], "c": {"d": "e"}}"#;
        let outcome = |settings: &[(&str, &str)]| -> Result<String, Box<Report>> {
            let script = task.load(source.as_bytes(), settings)?;
            let mut both = String::new();
            for _ in 0..2 {
                let answer = call(&script, event, timeout)?;
                both.push_str(&String::from_utf8_lossy(&answer));
            }
            Ok(both)
        };
        let ours = outcome(&[("RHAMBDA_MAX_MEMORY_MB", "32")]);
        let theirs =
            outcome(&[("RHAMBDA_MAX_MEMORY_MB", "32"), ("RHAMBDA_MAX_OPERATIONS", "20000000")]);
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "in\n{source}"),
            (Err(report), _) | (_, Err(report)) if is_bound(report) => {}
            (Err(ours), Err(theirs)) => {
                let said = |report: &Report| {
                    (report.error_type, report.message.clone(), report.data.clone())
                };
                assert_eq!(said(ours), said(theirs), "in\n{source}");
            }
            (ours, theirs) => panic!("{ours:?}\n{theirs:?}\nin\n{source}"),
        }
    })
}

/// A program that is being made of choices.
struct Program<'a> {
    choices: Choices<'a>,
    text: String,
    /// Names that are in scope, which a name that is not there is chosen from too, now and then.
    names: Vec<String>,
    made: usize,
    in_loop: usize,
    in_function: bool,
}

/// The functions that each program has, by their numbers of parameters.
const FUNCTIONS: [(&str, usize); 4] = [("f0", 0), ("f1", 1), ("f2", 2), ("f3", 2)];

impl Program<'_> {
    fn of(input: &[u8]) -> String {
        let mut program = Program {
            choices: Choices(input),
            text: String::new(),
            names: Vec::new(),
            made: 0,
            in_loop: 0,
            in_function: false,
        };
        program.text.push_str("const K = 7;\n");
        program.function("handler", &["event"], 5);
        program.in_function = true;
        program.function("f0", &[], 1);
        program.function("f1", &["p"], 2);
        program.function("f2", &["p", "q"], 2);
        program.text.push_str("fn f3(n, acc) { if n <= 0 { return acc; } f3(n - 1, acc + n) }\n");
        program.text
    }

    fn function(&mut self, name: &str, parameters: &[&str], statements: usize) {
        let _ = writeln!(self.text, "fn {name}({}) {{", parameters.join(", "));
        self.names = parameters.iter().map(|&name| name.to_owned()).collect();
        for _ in 0..=statements {
            self.statement(3);
            if self.choices.is_over() {
                break;
            }
        }
        let last = self.expression(2);
        let all = self.names.join(", ");
        if name == "handler" {
            let _ = writeln!(self.text, "[{last}, {all}]\n}}");
        } else {
            let _ = writeln!(self.text, "{last}\n}}");
        }
    }

    fn block(&mut self, depth: usize) {
        let before = self.names.len();
        self.text.push_str(" {\n");
        for _ in 0..=self.choices.below(3) {
            self.statement(depth.saturating_sub(1));
        }
        if self.choices.below(3) == 0 {
            let last = self.expression(1);
            let _ = writeln!(self.text, "{last}");
        }
        self.text.push('}');
        self.names.truncate(before);
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn new_name(&mut self) -> String {
        self.made += 1;
        // Some names are there already, and are shadowed.
        if self.made.is_multiple_of(3) && !self.names.is_empty() {
            return self.name();
        }
        format!("v{}", self.made)
    }

    fn name(&mut self) -> String {
        if self.names.is_empty() {
            return "K".to_owned();
        }
        let index = self.choices.below(self.names.len());
        self.names[index].clone()
    }

    fn place(&mut self) -> String {
        let name = self.name();
        match self.choices.below(8) {
            0 => format!("{name}.a"),
            1 => format!("{name}[0]"),
            2 => format!("{name}.b[1]"),
            3 => {
                let index = self.expression(0);
                format!("{name}[{index}]")
            }
            4 => format!("{name}.c.d"),
            _ => name,
        }
    }

    fn statement(&mut self, depth: usize) {
        let kind = if self.choices.is_over() { 0 } else { self.choices.below(16) };
        match kind {
            0..=2 => {
                let value = self.expression(2);
                let name = self.new_name();
                let word = if self.choices.below(6) == 5 { "const" } else { "let" };
                self.line(&format!("{word} {name} = {value};"));
                self.names.push(name);
            }
            3 | 4 => {
                const OPERATORS: [&str; 12] =
                    ["=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "|=", "^=", "**="];
                let operator = self.choices.of(&OPERATORS);
                let (place, value) = (self.place(), self.expression(1));
                self.line(&format!("{place} {operator} {value};"));
            }
            5 if depth > 0 => {
                let condition = self.expression(1);
                let _ = write!(self.text, "if {condition}");
                self.block(depth);
                if self.choices.below(2) == 1 {
                    self.text.push_str(" else");
                    self.block(depth);
                }
                self.text.push('\n');
            }
            6 if depth > 0 => {
                const RANGES: [&str; 6] = [
                    "0..4",
                    "0..=3",
                    "range(0, 9, 3)",
                    "[1, \"b\", 2.5]",
                    "event.b",
                    "\"aü\".chars()",
                ];
                let range = self.choices.of(&RANGES);
                let name = format!("i{}", self.made);
                self.made += 1;
                let both = self.choices.below(3) == 0;
                let head = if both { format!("({name}, j)") } else { name.clone() };
                let _ = write!(self.text, "for {head} in {range}");
                let before = self.names.len();
                self.names.push(name);
                if both {
                    self.names.push("j".to_owned());
                }
                self.in_loop += 1;
                self.block(depth);
                self.in_loop -= 1;
                self.names.truncate(before);
                self.text.push('\n');
            }
            7 if depth > 0 => {
                let name = format!("w{}", self.made);
                self.made += 1;
                let condition = self.expression(1);
                let word = self.choices.of(&["while", "loop", "do", "until"]);
                self.line(&format!("let {name} = 0;"));
                match word {
                    "while" => {
                        let _ = write!(self.text, "while {name} < 5 && ({condition})");
                    }
                    "loop" => self.text.push_str("loop"),
                    _ => self.text.push_str("do"),
                }
                let _ = write!(self.text, " {{ {name} += 1; if {name} > 4 {{ break; }}");
                self.in_loop += 1;
                self.block(depth);
                self.in_loop -= 1;
                self.text.push('}');
                match word {
                    "do" => {
                        let _ = write!(self.text, " while {condition};");
                    }
                    "until" => {
                        let _ = write!(self.text, " until {condition};");
                    }
                    _ => {}
                }
                self.text.push('\n');
                self.names.push(name);
            }
            8 if depth > 0 => {
                let value = self.expression(1);
                let _ = write!(self.text, "switch {value} {{ 1 =>");
                self.block(depth);
                let condition = self.expression(0);
                let _ = write!(self.text, ", \"a\" | 2.5 if {condition} =>");
                self.block(depth);
                self.text.push_str(", 2..=9 =>");
                self.block(depth);
                self.text.push_str(", _ =>");
                self.block(depth);
                self.text.push_str(" }\n");
            }
            9 if depth > 0 => {
                self.text.push_str("try");
                self.block(depth);
                self.text.push_str(" catch (e)");
                let before = self.names.len();
                self.names.push("e".to_owned());
                self.block(depth);
                self.names.truncate(before);
                self.text.push('\n');
            }
            10 if self.in_loop > 0 => {
                let word = self.choices.of(&["break;", "continue;"]);
                let condition = self.expression(1);
                self.line(&format!("if {condition} {{ {word} }}"));
            }
            11 => {
                let (condition, value) = (self.expression(1), self.expression(1));
                let word = self.choices.of(&["return", "throw"]);
                self.line(&format!("if {condition} {{ {word} {value}; }}"));
            }
            12 => {
                const CHANGES: [&str; 10] = [
                    "push(1)",
                    "pop()",
                    "insert(0, 2)",
                    "clear()",
                    "remove(0)",
                    "truncate(1)",
                    "reverse()",
                    "set(\"a\", 3)",
                    "mixin(#{ z: 1 })",
                    "append(\"t\")",
                ];
                let (place, change) = (self.place(), self.choices.of(&CHANGES));
                self.line(&format!("{place}.{change};"));
            }
            _ => {
                let value = self.expression(2);
                self.line(&format!("{value};"));
            }
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        if self.choices.is_over() || depth == 0 {
            return self.plain();
        }
        match self.choices.below(16) {
            0..=3 => {
                const OPERATORS: [&str; 22] = [
                    "+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^", "==", "!=", "<",
                    "<=", ">", ">=", "&&", "||", "??", "in", "!in",
                ];
                let left = self.expression(depth - 1);
                let operator = self.choices.of(&OPERATORS);
                let right = self.expression(depth - 1);
                format!("({left} {operator} {right})")
            }
            4 => {
                let operator = self.choices.of(&["-", "!", "+"]);
                let value = self.expression(depth - 1);
                format!("{operator}({value})")
            }
            5 => {
                let items: Vec<String> =
                    (0..self.choices.below(4)).map(|_| self.expression(depth - 1)).collect();
                format!("[{}]", items.join(", "))
            }
            6 => {
                let (one, other) = (self.expression(depth - 1), self.expression(depth - 1));
                format!("#{{ a: {one}, b: {other} }}")
            }
            7 => {
                let (one, other) = (self.expression(depth - 1), self.expression(depth - 1));
                format!("`t${{{one}}}u${{{other}}}`")
            }
            8 => {
                let (name, parameters) = self.choices.of(&FUNCTIONS);
                if self.in_function && name != "f3" {
                    return self.plain();
                }
                if name == "f3" {
                    return "f3(3, 1)".to_owned();
                }
                let given: Vec<String> =
                    (0..parameters).map(|_| self.expression(depth - 1)).collect();
                format!("{name}({})", given.join(", "))
            }
            9 => {
                const PROPERTIES: [&str; 14] = [
                    "len",
                    "a",
                    "b[0]",
                    "a.a",
                    "b",
                    "len()",
                    "to_string()",
                    "type_of()",
                    "keys()",
                    "values()",
                    "is_empty()",
                    "abs()",
                    "chars",
                    "to_upper()",
                ];
                let value = self.expression(depth - 1);
                let dot = self.choices.of(&[".", "?."]);
                format!("({value}){dot}{}", self.choices.of(&PROPERTIES))
            }
            10 => {
                let (value, index) = (self.expression(depth - 1), self.expression(depth - 1));
                let bracket = self.choices.of(&["[", "?["]);
                format!("({value}){bracket}{index}]")
            }
            11 => {
                let (one, other) = (self.expression(depth - 1), self.expression(depth - 1));
                let condition = self.expression(depth - 1);
                format!("(if {condition} {{ {one} }} else {{ {other} }})")
            }
            12 => {
                let before = self.names.len();
                self.names.push("x".to_owned());
                let body = self.expression(depth - 1);
                let body = if self.choices.below(3) == 0 {
                    let place = self.name();
                    format!("{{ {place} += 1; {body} }}")
                } else {
                    body
                };
                self.names.truncate(before);
                const CALLS: [&str; 6] = [
                    "[1, 2, 3].map(|x| BODY)",
                    "[3, 1].filter(|x| BODY)",
                    "(|x| BODY).call(2)",
                    "[1, 2].reduce(|x, it| BODY, 0)",
                    "[2, 1, 3].sort_by(|x| BODY)",
                    "[1, 2].some(|x| BODY)",
                ];
                self.choices.of(&CALLS).replace("BODY", &body)
            }
            13 => {
                let name = self.name();
                format!("({name} ?? 1)")
            }
            14 => {
                let before = self.names.len();
                let value = self.expression(depth - 1);
                let name = format!("b{}", self.made);
                self.made += 1;
                self.names.push(name.clone());
                let last = self.expression(depth - 1);
                self.names.truncate(before);
                format!("{{ let {name} = {value}; {last} }}")
            }
            _ => self.plain(),
        }
    }

    fn plain(&mut self) -> String {
        const PLAIN: [&str; 24] = [
            "0",
            "1",
            "2",
            "-1",
            "9223372036854775807",
            "2.5",
            "0.0",
            "1e300",
            "true",
            "false",
            "()",
            "\"a\"",
            "\"\"",
            "'c'",
            "K",
            "event",
            "[]",
            "#{}",
            "[1, 2]",
            "#{ a: 1 }",
            "64",
            "\"äb\"",
            "`t`",
            "(0..3)",
        ];
        match self.choices.below(3) {
            0 => {
                let plain = self.choices.of(&PLAIN);
                if plain == "event" && self.in_function { "K".to_owned() } else { plain.to_owned() }
            }
            _ => self.name(),
        }
    }
}
