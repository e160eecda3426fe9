//! Makes Rhai programs by chance, for comparisons: each is valid, ends, and does what scripts seldom do
//! but may.
//!
//! A program is a file with a public function `run()`, and a module that it imports as `q`. Both have functions
//! that are called as methods of the library are. The same seed makes the same program, on every machine.

use std::fmt::Write;

/// The program of a seed, which imports its module by this name.
#[must_use]
pub fn program(seed: u64, module: &str) -> Program {
    let mut imported = Generator::new(seed ^ 0x0123_4567_89ab_cdef);
    imported.module();
    let mut generator = Generator::new(seed);
    generator.imported.clone_from(&imported.functions);
    let _ = writeln!(generator.text, "import \"{module}\" as q;");
    generator.write();
    Program { text: generator.text, module: imported.text }
}

/// A program and the module that it imports.
pub struct Program {
    /// The program.
    pub text: String,
    /// The module.
    pub module: String,
}

/// A sequence of numbers that look drawn by lot (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap_or_default()
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

/// What a value is meant to be. A variable's first letter tells.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Text,
    List,
    Map,
    Bool,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Number, Self::Text, Self::List, Self::Map, Self::Bool];

    fn letter(self) -> char {
        match self {
            Self::Number => 'n',
            Self::Text => 't',
            Self::List => 'l',
            Self::Map => 'm',
            Self::Bool => 'b',
        }
    }
}

struct Generator {
    chance: Chance,
    text: String,
    /// The variables that can be seen.
    variables: Vec<String>,
    /// The functions that can be called, and how many parameters they have.
    functions: Vec<(String, usize)>,
    /// The same for those of the module.
    imported: Vec<(String, usize)>,
    /// Constants of the top level.
    constants: Vec<String>,
    /// How many loops the next statement is in.
    loops: usize,
    /// How deep the next expression is nested.
    depth: usize,
    indent: usize,
    next: usize,
}

/// What a script may call its own functions although a method is called so.
const LIKE_METHODS: [&str; 16] = [
    "len",
    "push",
    "contains",
    "map",
    "double",
    "is_empty",
    "to_upper",
    "filter",
    "remove",
    "sum",
    "sort",
    "get",
    "index_of",
    "to_string",
    "reduce",
    "unique",
];

/// Numbers that are written in more digits than one holds, or differ by less than a float can tell.
const ODD_NUMBERS: [&str; 7] = [
    "parse_json(\"29.949999999999999\")",
    "parse_json(\"3.14159265358979323846264338327950288\")",
    "parse_json(\"18446744073709551615\")",
    "parse_json(\"1e400\")",
    "9007199254740993",
    "9007199254740992.0",
    "29.95",
];

impl Generator {
    fn new(seed: u64) -> Self {
        Self {
            chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d),
            text: String::new(),
            variables: Vec::new(),
            functions: Vec::new(),
            imported: Vec::new(),
            constants: Vec::new(),
            loops: 0,
            depth: 0,
            indent: 1,
            next: 0,
        }
    }

    /// Functions that are called, handed on and given back by those who import them.
    fn module(&mut self) {
        self.constants();
        self.functions(2);
        for (head, body) in [
            ("apply(l0, x0)", "l0.map(x0)"),
            ("pick(l0, x0)", "l0.filter(x0)"),
            ("give()", "Fn(\"f0\")"),
            ("named(t0)", "Fn(t0)"),
            ("methods(l0)", "l0.push(2); [l0.len(), l0.contains(2), 2 in l0, l0.map(|x| x)]"),
        ] {
            let _ = writeln!(self.text, "fn {head} {{ {body} }}");
        }
        self.functions.extend(
            [("apply", 2), ("pick", 2), ("give", 0), ("named", 1), ("methods", 1)]
                .map(|(name, parameters)| (name.to_owned(), parameters)),
        );
    }

    fn constants(&mut self) {
        for index in 0..self.chance.below(3) {
            let value = self.literal();
            let _ = writeln!(self.text, "const K{index} = {value};");
            self.constants.push(format!("K{index}"));
        }
    }

    fn functions(&mut self, least: usize) {
        for index in 0..least + self.chance.below(3) {
            let like = self.chance.one_of(&LIKE_METHODS);
            let name = match self.chance.below(3) {
                0 if index > 0 && self.functions.iter().all(|(known, _)| known != like) => {
                    like.to_owned()
                }
                _ => format!("f{index}"),
            };
            let of = match self.chance.below(9) {
                0 => self.chance.one_of(&["\"array\".", "\"map\".", "\"string\".", "int."]),
                _ => "",
            };
            let mut parameters = self.parameters(3);
            let _ = writeln!(self.text, "fn {of}{name}({}) {{", parameters.join(", "));
            self.functions.push((name, parameters.len()));
            if self.chance.below(3) == 0 {
                parameters.push("this".to_owned());
            }
            self.body(parameters);
            self.text.push_str("}\n");
        }
    }

    fn write(&mut self) {
        self.constants();
        self.functions(2);
        let mut run = String::from("fn run() {\n  let told = [];\n");
        for (kind, values) in [
            ("n", ["3", "0", "2.5"]),
            ("t", ["\"abc\"", "\"äöü x\"", "\"\""]),
            ("l", ["[1, 2, 3]", "[3, 1, 2]", "[[1], [2, 3], 4]"]),
            ("m", ["#{ a: 1, b: [1, 2], c: #{ d: 3 } }", "#{ a: [#{ b: 1 }], d: 2 }", "#{}"]),
            ("x", ["()", "1..4", "|x| x + 1"]),
        ] {
            let _ = writeln!(run, "  let {kind}0 = {};", self.chance.one_of(&values));
        }
        // Each step is a function of its own: what fails in one is told, and the next one is tried.
        for step in 0..6 {
            let known = ["n0", "t0", "l0", "m0", "x0"].map(str::to_owned);
            let _ = writeln!(self.text, "fn step{step}({}) {{", known.join(", "));
            let is_method = self.chance.below(4) == 0;
            if is_method {
                self.text.push_str("  this.seen = true;\n");
            }
            self.body(known.to_vec());
            self.text.push_str("}\n");
            let call = match is_method {
                true => format!("m0.step{step}(n0, t0, l0, m0, x0)"),
                false => format!("step{step}(n0, t0, l0, m0, x0)"),
            };
            let _ = writeln!(
                run,
                "  try {{ told.push({call}); }} catch (e) {{ told.push(`${{e}}`); }}"
            );
        }
        self.text.push_str(&run);
        self.text.push_str("  told.push([n0, t0, l0, m0]);\n  told\n}\n");
    }

    /// Parameters of kinds, at most so many.
    fn parameters(&mut self, most: usize) -> Vec<String> {
        let count = self.chance.below(most + 1);
        (0..count)
            .map(|index| format!("{}{index}", Kind::ALL[self.chance.below(5)].letter()))
            .collect()
    }

    fn body(&mut self, parameters: Vec<String>) {
        self.variables = parameters;
        let count = 1 + self.chance.below(4);
        self.statements(count);
        if self.chance.below(4) > 0 {
            let last = self.expression();
            let line = match self.chance.below(4) {
                0 => format!("return {last};"),
                1 => format!("({last})"),
                _ => format!("[{last}]"),
            };
            self.line(&line);
        }
        self.variables.clear();
    }

    fn line(&mut self, text: &str) {
        for _ in 0..self.indent {
            self.text.push_str("  ");
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A new variable, and a value for it.
    fn declared(&mut self) -> (String, String) {
        let kind = Kind::ALL[self.chance.below(5)];
        let value = self.of(kind);
        self.next += 1;
        let name = format!("{}{}", kind.letter(), self.next);
        self.variables.push(name.clone());
        (name, value)
    }

    fn declare(&mut self) -> String {
        // Sometimes a name that is there is used again.
        let known = self.variables.len();
        let name = match self.chance.below(5) {
            0 if known > 0 && !self.variables.iter().any(|name| name == "this") => {
                self.variables[self.chance.below(known)].clone()
            }
            _ => {
                self.next += 1;
                format!("v{}", self.next)
            }
        };
        self.variables.push(name.clone());
        name
    }

    fn variable(&mut self) -> String {
        match self.variables.len() {
            0 => "nothing".to_owned(),
            count => match self.chance.below(60) {
                0 => "unknown".to_owned(),
                1 => "this".to_owned(),
                2..=4 if !self.constants.is_empty() => {
                    let name = self.constants[self.chance.below(self.constants.len())].clone();
                    match self.chance.below(4) {
                        0 => format!("global::{name}"),
                        _ => name,
                    }
                }
                5 => self.chance.one_of(&["f0", "f1", "q::K0"]).to_owned(),
                _ => self.variables[self.chance.below(count)].clone(),
            },
        }
    }

    fn literal(&mut self) -> String {
        if self.chance.below(12) == 0 {
            return self.chance.one_of(&ODD_NUMBERS).to_owned();
        }
        self.chance
            .one_of(&[
                "0",
                "1",
                "2",
                "3",
                "7",
                "-1",
                "9223372036854775807",
                "0.0",
                "1.5",
                "1e300",
                "\"\"",
                "\"a\"",
                "\"abc\"",
                "\"äö\"",
                "'c'",
                "true",
                "false",
                "()",
                "[]",
                "[1, 2]",
                "#{ a: 1 }",
                "#{}",
                "(1..3)",
                "(0..=2)",
                "[1, [2]]",
            ])
            .to_owned()
    }

    /// Most often what fits, so that programs come to something.
    fn expression(&mut self) -> String {
        match self.chance.below(10) {
            0..=2 => self.of(Kind::Number),
            3 => self.of(Kind::Text),
            4..=5 => self.of(Kind::List),
            6 => self.of(Kind::Map),
            7 => self.of(Kind::Bool),
            _ => self.any(),
        }
    }

    /// A variable of a kind, if there is one.
    fn variable_of(&mut self, kind: Kind) -> Option<String> {
        let fitting: Vec<&String> =
            self.variables.iter().filter(|name| name.starts_with(kind.letter())).collect();
        match fitting.len() {
            0 => None,
            count => Some(fitting[self.chance.below(count)].clone()),
        }
    }

    /// An expression whose value is of a kind, as long as nothing else has become of its variables.
    fn of(&mut self, kind: Kind) -> String {
        if self.chance.below(14) == 0 {
            // A condition that can be seen to be none is no program.
            return match kind {
                Kind::Bool => self.variable(),
                _ => self.any(),
            };
        }
        let variable = self.variable_of(kind);
        if let Some(variable) = variable.filter(|_| self.chance.below(5) < 2) {
            return variable;
        }
        if self.depth >= 4 {
            return self.simple(kind);
        }
        self.depth += 1;
        let text = match kind {
            Kind::Number => match self.chance.below(9) {
                0..=1 => self.simple(kind),
                2..=3 => {
                    let (left, right) = (self.of(kind), self.of(kind));
                    format!("({left} {} {right})", self.chance.one_of(&["+", "-", "*", "%", "/"]))
                }
                4 => format!("{}.len()", self.of(Kind::List)),
                5 => format!("{}.len()", self.of(Kind::Text)),
                6 => format!("{}[{}]", self.of(Kind::List), self.chance.one_of(&["0", "1", "-1"])),
                7 => format!("{}.a", self.of(Kind::Map)),
                _ => format!("{}.reduce(|s, x| s + x, 0)", self.of(Kind::List)),
            },
            Kind::Text => match self.chance.below(5) {
                0 => self.simple(kind),
                1 => format!("({} + {})", self.of(kind), self.expression()),
                2 => format!("`<${{{}}}>`", self.expression()),
                3 => format!("{}.to_upper()", self.of(kind)),
                _ => format!("type_of({})", self.expression()),
            },
            Kind::List => match self.chance.below(8) {
                0 => self.simple(kind),
                1 => format!("[{}, {}]", self.of(Kind::Number), self.of(Kind::Number)),
                2..=3 => format!("{}.map({})", self.of(kind), self.closure(1)),
                4 => format!("{}.filter(|x| {})", self.of(kind), self.of(Kind::Bool)),
                5 => {
                    let test = self.of(Kind::Bool);
                    format!("{}.filter(|x| {test}).map({})", self.of(kind), self.closure(1))
                }
                6 => format!("({} + {})", self.of(kind), self.of(kind)),
                _ => format!("{}.keys()", self.of(Kind::Map)),
            },
            Kind::Map => match self.chance.below(3) {
                0 => self.simple(kind),
                1 => format!("#{{ a: {}, b: {} }}", self.of(Kind::Number), self.of(Kind::List)),
                _ => format!("({} + {})", self.of(kind), self.of(kind)),
            },
            Kind::Bool => match self.chance.below(7) {
                0..=2 => {
                    let (left, right) = (self.of(Kind::Number), self.of(Kind::Number));
                    format!("({left} {} {right})", self.chance.one_of(&["==", "<", ">=", "!="]))
                }
                3 => format!("({} && {})", self.of(kind), self.of(kind)),
                4 => format!("({} || {})", self.of(kind), self.of(kind)),
                5 => format!("(!{})", self.of(kind)),
                _ => format!("({} in {})", self.of(Kind::Number), self.of(Kind::List)),
            },
        };
        self.depth -= 1;
        text
    }

    fn simple(&mut self, kind: Kind) -> String {
        if kind == Kind::Number && self.chance.below(8) == 0 {
            return self.chance.one_of(&ODD_NUMBERS).to_owned();
        }
        if kind == Kind::List && self.chance.below(8) == 0 {
            let numbers = [(); 3].map(|()| self.chance.one_of(&ODD_NUMBERS));
            return format!("[{}, 2]", numbers.join(", "));
        }
        let all: &[&str] = match kind {
            Kind::Number => &["0", "1", "2", "3", "7", "2.5", "(-1)"],
            Kind::Text => &["\"\"", "\"a\"", "\"abc\"", "\"äö\""],
            Kind::List => &["[]", "[1]", "[1, 2, 3]", "[3, 1]"],
            Kind::Map => &["#{ a: 1, b: [2] }", "#{ a: 2 }", "#{ a: 0, b: [], c: #{ d: 1 } }"],
            Kind::Bool => &["(1 < 2)", "(2 < 1)"],
        };
        self.chance.one_of(all).to_owned()
    }

    fn any(&mut self) -> String {
        if self.depth >= 4 {
            return match self.chance.below(3) {
                0 => self.literal(),
                _ => self.variable(),
            };
        }
        self.depth += 1;
        let text = match self.chance.below(40) {
            0..=4 => self.literal(),
            5..=10 => self.variable(),
            11..=15 => {
                let (left, right) = (self.expression(), self.expression());
                let operator = self.chance.one_of(&[
                    "+", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "??", "&",
                    "<<", "**", "in", "..",
                ]);
                format!("({left} {operator} {right})")
            }
            16 => self.of(Kind::Bool),
            17 => format!("(-({}))", self.expression()),
            18..=21 => self.path(),
            22..=25 => self.method(),
            26..=28 => self.call(),
            29 => {
                let (one, two) = (self.expression(), self.expression());
                format!("[{one}, {two}]")
            }
            30 => {
                let (one, two) = (self.expression(), self.expression());
                format!("#{{ a: {one}, b: {two} }}")
            }
            31 => {
                let (one, two) = (self.expression(), self.expression());
                format!("`<${{{one}}}|${{{two}}}>`")
            }
            32 => {
                let (test, one, two) = (self.of(Kind::Bool), self.expression(), self.expression());
                format!("(if {test} {{ {one} }} else {{ {two} }})")
            }
            33 => {
                let (on, one, two) = (self.expression(), self.expression(), self.expression());
                let cases = self.chance.one_of(&["1", "\"a\"", "1..3", "true", "()", "0 | 2"]);
                format!("(switch {on} {{ {cases} => {one}, _ => {two} }})")
            }
            34 => {
                let (target, value) = (self.target(), self.expression());
                let result = self.variable();
                format!("{{ {target} = {value}; {result} }}")
            }
            35 => {
                let value = self.expression();
                format!("{{ let q = {value}; [q, q] }}")
            }
            36 => {
                let value = self.expression();
                format!("(loop {{ break {value}; }})")
            }
            37 => {
                let (list, value) = (self.list(), self.expression());
                format!("(for q in {list} {{ if q == 2 {{ break {value}; }} }})")
            }
            _ => self.closure(1),
        };
        self.depth -= 1;
        text
    }

    fn closure(&mut self, parameters: usize) -> String {
        match self.chance.below(16) {
            0 => return self.chance.one_of(&["f0", "f1", "f2"]).to_owned(),
            1 => return format!("Fn(\"{}\")", self.function().0),
            2 => return "Fn(\"f\" + \"0\")".to_owned(),
            3 if !self.imported.is_empty() => return "q::give()".to_owned(),
            _ => {}
        }
        let names = &["x", "y", "z"][..parameters.min(3)];
        let outside = self.variables.len();
        self.variables.extend(names.iter().map(|&name| name.to_owned()));
        let body = match self.chance.below(4) {
            0 => {
                let (target, value) = (self.target(), self.expression());
                let result = self.expression();
                format!("{{ {target} = {value}; {result} }}")
            }
            1 => {
                let (test, one, two) = (self.of(Kind::Bool), self.expression(), self.expression());
                format!("{{ if {test} {{ return {one}; }} {two} }}")
            }
            _ => self.expression(),
        };
        self.variables.truncate(outside);
        format!("(|{}| {body})", names.join(", "))
    }

    fn path(&mut self) -> String {
        let mut path = self.variable();
        for _ in 0..1 + self.chance.below(3) {
            let step = match self.chance.below(12) {
                0..=3 => format!(".{}", self.chance.one_of(&["a", "b", "c", "d", "len"])),
                4 => format!("?.{}", self.chance.one_of(&["a", "b", "z"])),
                5..=7 => format!("[{}]", self.chance.one_of(&["0", "1", "-1", "2", "9", "\"a\""])),
                8 => format!("?[{}]", self.chance.one_of(&["0", "\"b\""])),
                9 => format!("[{}]", self.variable()),
                10 => format!("[{} + 1]", self.variable()),
                _ => format!("[{}]", self.expression()),
            };
            path.push_str(&step);
        }
        path
    }

    fn target(&mut self) -> String {
        let target = match self.chance.below(3) {
            0 => self.path(),
            _ => self.variable(),
        };
        // A constant is assigned to in no program.
        let is_own = !target.starts_with(['K', 'g', 'q', 'f']);
        let target = if is_own { target } else { "unknown".to_owned() };
        // An assignment to what may not be there has no form.
        target.replace("?.", ".").replace("?[", "[")
    }

    fn method(&mut self) -> String {
        let on = match self.chance.below(3) {
            0 => self.path(),
            1 => self.variable(),
            _ => self.expression(),
        };
        let on = if on.starts_with(['-', '|', '{', '#']) { format!("({on})") } else { on };
        let call = match self.chance.below(39) {
            0..=2 => "len()".to_owned(),
            3 => "is_empty()".to_owned(),
            4..=5 => format!("push({})", self.expression()),
            6 => "pop()".to_owned(),
            7..=8 => format!("contains({})", self.expression()),
            9 => "keys()".to_owned(),
            10..=12 => format!("map({})", self.closure(1)),
            13..=14 => format!("filter({})", self.closure(1)),
            15 => {
                let closure = self.closure(1);
                format!("filter({closure}).map({})", self.closure(1))
            }
            16 => format!("reduce({}, {})", self.closure(2), self.literal()),
            17 => format!("some({})", self.closure(1)),
            18 => format!("all({})", self.closure(2)),
            19 => format!("index_of({})", self.expression()),
            20 => "to_string()".to_owned(),
            21 => format!("call({})", self.expression()),
            22 => format!("for_each({})", self.closure(0)),
            23 => format!("insert({}, {})", self.literal(), self.expression()),
            24 => format!("remove({})", self.literal()),
            25 => "reverse()".to_owned(),
            26 => format!("split({})", self.chance.one_of(&["\"b\"", "'b'", "1", "\"\""])),
            27 => format!("{}({})", self.chance.one_of(&LIKE_METHODS), self.expression()),
            28 => format!("find({})", self.closure(1)),
            29 => format!("any({})", self.closure(1)),
            30 => format!("sorted_by({})", self.closure(1)),
            31 => format!("count({})", self.expression()),
            32 => self.chance.one_of(&["entries()", "first()", "last()", "reversed()"]).to_owned(),
            33 => self.chance.one_of(&["sorted()", "max()", "average()", "join(\"-\")"]).to_owned(),
            34 => format!("flat_map({})", self.closure(1)),
            35 => format!("take_while({})", self.closure(1)),
            36 => format!("get({}, {})", self.literal(), self.expression()),
            37 => self
                .chance
                .one_of(&[
                    "sort()",
                    "sum()",
                    "unique()",
                    "to_int()",
                    "to_float()",
                    "round()",
                    "abs()",
                    "sort_by(\"a\")",
                    "to_json()",
                    "type_of()",
                    "name",
                    "remove(\"a\")",
                ])
                .to_owned(),
            _ => {
                let (name, parameters) = self.function();
                let arguments: Vec<String> =
                    (0..parameters.saturating_sub(1)).map(|_| self.expression()).collect();
                format!("{name}({})", arguments.join(", "))
            }
        };
        format!("{on}.{call}")
    }

    fn function(&mut self) -> (String, usize) {
        match self.functions.len() {
            0 => ("absent".to_owned(), 1),
            count => self.functions[self.chance.below(count)].clone(),
        }
    }

    fn call(&mut self) -> String {
        let (name, parameters) = match self.imported.len() {
            0 => self.function(),
            count => match self.chance.below(4) {
                0 => {
                    let (name, parameters) = self.imported[self.chance.below(count)].clone();
                    (format!("q::{name}"), parameters)
                }
                _ => self.function(),
            },
        };
        let count = match self.chance.below(12) {
            0 => parameters + 1,
            _ => parameters,
        };
        let arguments: Vec<String> = (0..count).map(|_| self.expression()).collect();
        match self.chance.below(14) {
            0 if !name.starts_with("q::") => format!("{name}!({})", arguments.join(", ")),
            1 => format!("Fn(\"{name}\").call({})", arguments.join(", ")),
            2 => format!("type_of({})", self.expression()),
            3 => {
                let value = self.expression();
                format!("call({}, {value})", self.closure(1))
            }
            4 => format!("max({}, {})", self.expression(), self.expression()),
            5 => format!("{}({})", self.chance.one_of(&["len", "to_string"]), self.expression()),
            _ => format!("{name}({})", arguments.join(", ")),
        }
    }

    fn list(&mut self) -> String {
        match self.chance.below(14) {
            0..=2 => self.chance.one_of(&["0..3", "1..=2", "(3..0)"]).to_owned(),
            3..=6 => self.variable(),
            7 => self.path(),
            8 => self
                .chance
                .one_of(&["range(0, 6, 2)", "range(3, 0, -1)", "range(0.0, 1.0, 0.5)"])
                .to_owned(),
            9 => self.chance.one_of(&["\"añb\"", "\"abc\".chars()", "5.bits(0..3)"]).to_owned(),
            10 => format!("0..{}", self.literal()),
            11 => format!("{}.keys()", self.variable()),
            12 => self.of(Kind::Map),
            _ => format!("[{}, {}]", self.expression(), self.expression()),
        }
    }

    fn statements(&mut self, count: usize) {
        for _ in 0..count {
            self.statement();
        }
    }

    fn block(&mut self, head: &str, count: usize) {
        let outside = self.variables.len();
        self.line(&format!("{head} {{"));
        self.indent += 1;
        self.statements(count);
        self.indent -= 1;
        self.variables.truncate(outside);
    }

    fn statement(&mut self) {
        self.depth = 1;
        let is_deep = self.indent > 3;
        match self.chance.below(if is_deep { 16 } else { 30 }) {
            0..=2 => {
                let (name, value) = self.declared();
                self.line(&format!("let {name} = {value};"));
            }
            3 => {
                let value = self.expression();
                let name = self.declare();
                self.line(&format!("let {name} = {value};"));
            }
            4..=6 => {
                let (target, value) = (self.target(), self.expression());
                self.line(&format!("{target} = {value};"));
            }
            7..=8 => {
                let kind = Kind::ALL[self.chance.below(5)];
                if let Some(variable) = self.variable_of(kind) {
                    let place = match kind {
                        Kind::List => self.chance.one_of(&["", "[0]", "[-1]", "[n0]", "[1]"]),
                        Kind::Map => self.chance.one_of(&["", ".a", ".b[0]", ".c.d", "[\"a\"]"]),
                        _ => "",
                    };
                    let operator = self.chance.one_of(&["=", "+=", "+=", "-=", "*="]);
                    let value = match kind {
                        Kind::Number | Kind::Bool => self.simple(Kind::Number),
                        kind => self.simple(kind),
                    };
                    self.line(&format!("{variable}{place} {operator} {value};"));
                }
            }
            9 => {
                let (target, value) = (self.target(), self.literal());
                let operator = self.chance.one_of(&["+=", "-=", "*=", "/=", "%=", "<<="]);
                self.line(&format!("{target} {operator} {value};"));
            }
            10..=11 => {
                let value = self.method();
                self.line(&format!("({value});"));
            }
            12 => {
                let value = self.call();
                self.line(&format!("{value};"));
            }
            13 => {
                let test = self.of(Kind::Number);
                let what = match (self.loops, self.chance.below(5)) {
                    (0, _) | (_, 0) => format!("return {};", self.expression()),
                    (_, 1) => format!("break {};", self.expression()),
                    (_, 2) => "break;".to_owned(),
                    (_, 3) => "continue;".to_owned(),
                    _ => format!("throw {};", self.expression()),
                };
                self.line(&format!("if {test} == 1 {{ {what} }}"));
            }
            14 => {
                let value = self.closure(1);
                let name = self.declare();
                self.line(&format!("let {name} = {value};"));
            }
            15 => {
                let value = self.expression();
                self.line(&format!("({value});"));
            }
            16..=17 => {
                let test = self.of(Kind::Bool);
                self.block(&format!("if {test}"), 1);
                self.block("} else", 1);
                self.line("}");
            }
            18..=20 => {
                let list = self.list();
                let outside = self.variables.len();
                let item = self.declare();
                let head = match self.chance.below(3) {
                    0 => {
                        self.variables.push("n".to_owned());
                        format!("for ({item}, n) in {list}")
                    }
                    _ => format!("for {item} in {list}"),
                };
                self.in_loop(&head);
                self.line("}");
                self.variables.truncate(outside);
            }
            21..=22 => {
                self.next += 1;
                let counter = format!("i{}", self.next);
                let more = self.chance.one_of(&["", " && true", " && 1 == 1"]);
                self.line(&format!("let {counter} = 0;"));
                match self.chance.below(3) {
                    0 => {
                        self.line(&format!("do {{ {counter} += 1;"));
                        self.in_loop("");
                        self.line(&format!("}} }} while {counter} < 3;"));
                    }
                    1 => {
                        self.line(&format!(
                            "loop {{ {counter} += 1; if {counter} > 3 {{ break; }}"
                        ));
                        self.in_loop("");
                        self.line("} }");
                    }
                    _ => {
                        self.line(&format!("while {counter} < 3{more} {{ {counter} += 1;"));
                        self.in_loop("");
                        self.line("} }");
                    }
                }
            }
            23..=25 => {
                self.block("try", 2);
                self.block("} catch (e)", 1);
                self.line("}");
            }
            26 => {
                let on = self.expression();
                self.line(&format!("switch {on} {{"));
                self.indent += 1;
                for case in ["1", "\"abc\" if 1 < 2", "0..=3", "_"] {
                    self.block(&format!("{case} =>"), 1);
                    self.line("}");
                }
                self.indent -= 1;
                self.line("}");
            }
            27 => {
                let value = self.expression();
                self.line(&format!("if {value} == () {{ throw {}; }}", value));
            }
            _ => {
                self.block("", 2);
                self.line("}");
            }
        }
    }

    /// A block in which `break` and `continue` have a loop.
    fn in_loop(&mut self, head: &str) {
        self.loops += 1;
        self.block(head, 2);
        self.loops -= 1;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_same_seed_makes_the_same_program() {
        let program = |seed| {
            let made = super::program(seed, "q");
            made.text + made.module.as_str()
        };
        assert_eq!(program(7), program(7));
        assert_ne!(program(7), program(8));
    }
}
