//! Functions that the runtime evaluates itself answer as the engine does.
//!
//! Where the owner limits the operations, the engine evaluates everything; each script here runs both
//! ways.

use std::fmt::Write;

use rhambda_tests::Function;

/// What is posted for an event that is sent twice.
fn posted(script: &str, event: &str, by_engine: bool) -> Vec<String> {
    let mut function = Function::of(script).event(event).event(event);
    if by_engine {
        function = function.env("RHAMBDA_MAX_OPERATIONS", "1000000000");
    }
    let run = function.run();
    run.calls().iter().filter(|call| call.method == "POST").map(|call| call.text()).collect()
}

#[track_caller]
fn same(script: &str, event: &str) {
    let ours = posted(script, event, false);
    assert_eq!(ours.len(), 2, "{script}: {ours:?}");
    assert_eq!(ours, posted(script, event, true), "{script}");
}

const EVENT: &str = r#"{"n":7,"f":1.5,"text":"abc","list":[1,2,3],"map":{"a":{"b":[10,20]},"z":null},
    "yes":true}"#;

/// Functions that the bodies may call.
const AROUND: &str = "const LIMIT = 3;
    fn twice(x) { x * 2 }
    fn fails(x) { x.nothing.more }
    fn bump(list) { list.push(1); list }
";

/// Each body as a function of its own, whose value or error is told.
#[track_caller]
fn all(bodies: &[String]) {
    for bodies in bodies.chunks(60) {
        let mut script = AROUND.to_owned();
        let mut calls = String::new();
        for (index, body) in bodies.iter().enumerate() {
            writeln!(script, "fn f{index}(event) {{ {body} }}").expect("a String takes it");
            writeln!(
                calls,
                "try {{ told.push(`${{f{index}(event)}}`) }} catch (e) {{ told.push(`${{e}}`) }}"
            )
            .expect("a String takes it");
        }
        writeln!(script, "fn handler(event) {{ let told = []; {calls} told }}")
            .expect("a String takes it");
        let (ours, engines) = (posted(&script, EVENT, false), posted(&script, EVENT, true));
        assert_eq!(ours.len(), 2, "{ours:?}");
        let lines = |text: &str| -> Vec<String> {
            serde_json::from_str(text).unwrap_or_else(|_| vec![text.to_owned()])
        };
        for (ours, engines) in ours.iter().zip(&engines) {
            let (ours, engines) = (lines(ours), lines(engines));
            for ((ours, engines), body) in ours.iter().zip(&engines).zip(bodies) {
                assert_eq!(ours, engines, "{body}");
            }
            assert_eq!(ours.len(), engines.len());
        }
    }
}

/// A handler with this body.
#[track_caller]
fn handlers(bodies: &[&str]) {
    for body in bodies {
        same(&format!("{AROUND} fn handler(event) {{ {body} }}"), EVENT);
    }
}

#[test]
fn arithmetic_and_comparison() {
    let mut bodies = Vec::new();
    for operands in [
        "7, 2",
        "-7, 2",
        "7, 0",
        "7.0, 0",
        "0.0, 0.0",
        "7, 2.5",
        "2.5, 7",
        "1.0, 1.0000000000000002",
        "\"a\", \"b\"",
        "\"a\", \"a\"",
        "\"a\", 1",
        "1, \"a\"",
        "true, false",
        "(), ()",
        "(), 1",
        "[1], [1]",
        "#{a: 1}, #{a: 1}",
        "'a', 'b'",
        "'a', \"b\"",
        "9223372036854775807, 1",
        "-9223372036854775807 - 1, -1",
        "0.1 + 0.2, 0.3",
        "event, event",
        "event.n, event.f",
    ] {
        for operator in
            ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "**", "&", "<<", ".."]
        {
            bodies.push(format!(
                "let pair = [{operands}]; let a = pair[0]; let b = pair[1]; a {operator} b"
            ));
            bodies.push(format!("let pair = [{operands}]; pair[0] {operator} twice(pair[1])"));
            if !operator.contains(['=', '<', '>', '.']) {
                bodies.push(format!("let pair = [{operands}]; let a = pair[0]; a {operator}= pair[1]; [a, type_of(a)]"));
                bodies
                    .push(format!("let m = #{{ v: [{operands}] }}; m.v[0] {operator}= m.v[1]; m"));
            }
        }
    }
    all(&bodies);
}

#[test]
fn variables_blocks_and_shadows() {
    all(&[
        "let a = 1; let a = a + 1; { let a = 5; a += 1; } a",
        "let a = 1; { a = 2; let b = a; b } ",
        "let a; a = event.n; a",
        "let a = if event.yes { let b = 2; b * 2 } else { 0 }; let c = 9; [a, c]",
        "let a = { let x = 1; x }; let b = 2; a + b",
        "let x = 10; let y = { let x = x + 1; x }; x + y",
        "const A = 5; let b = A; b += LIMIT; b",
        "let a = LIMIT; a += 1; a + LIMIT",
        "let a = 1; a.b = 2; a",
        "let a = [1, 2]; let b = a; b.push(3); [a, b]",
        "let a = #{ x: 1 }; let b = a; b.x = 2; b.y = 3; [a, b]",
        "let x = 1; let x = \"two\"; let x = [x]; x",
        "let a = 1; let a = [a, twice(a)]; return a; 5",
        "twice({ let q = 4; q }) + twice({ let q = 5; let r = 6; q + r })",
        "[{ let q = 1; q }, { let q = 2; q }, twice({ let q = 3; q })]",
    ]
    .map(str::to_owned));
}

#[test]
fn paths_into_maps_and_arrays() {
    all(&[
        "event.map.a.b[1]",
        "event.map[\"a\"].b[-1]",
        "event.map.a.b[2]",
        "event.map.a.b[-3]",
        "event.list[event.list[0]]",
        "event.map.nothing",
        "event.map.nothing.more",
        "event.map.nothing?.more.still",
        "event.map.z?.more",
        "event.map.z.more",
        "event.n.more",
        "event.list?[0]",
        "event.nothing?[0]",
        "event.nothing[0]",
        "event.text[0]",
        "event.text[9]",
        "event.text[-1]",
        "event.n[0]",
        "event.list[\"a\"]",
        "event.map[1]",
        "event.text.len",
        "event.list.len",
        "event.map.len",
        "event.list.len() + event.text.len() + event.map.len()",
        "\"äö\".len + \"äö\".len()",
        "event.map.a.b[0] += 5; event.map.a.b",
        "event.map.a.c = 5; event.map.a",
        "event.map.q.c = 5; event.map",
        "event.map[\"k\" + \"1\"] = 5; event.map",
        "event.list[1] = \"x\"; event.list",
        "event.list[9] = 1; event.list",
        "event.list[-1] = 9; event.list",
        "event.text[0] = 'X'; event.text",
        "event.n = event; event.n.n",
        "event.list.push(event.list); event.list",
        "event.map.push(1)",
        "event.text += \"d\"; event.text += 'e'; event.text += 1; event.text",
        "let b = blob(3, 1); b[1] = 9; b[1] + b.len()",
        "let n = 0b1010; n[1] = false; n",
        "event.list.contains(2)",
        "event.map.contains(\"a\")",
        "event.text.contains(\"bc\")",
        "event.text.contains('c')",
        "\"a\" in event.map",
        "2 in event.list",
        "\"q\" !in event.text",
        "1 in event.n",
        "event.list.is_empty() || event.text.is_empty() || event.map.is_empty()",
        "event.f.floor() + event.n.abs()",
        "event.list[fails(event)]",
        "let i = 0; event.list[{ i += 1; i }]",
        "let i = 0; event.list[{ i += 1; i }] = 7; [i, event.list]",
    ]
    .map(str::to_owned));
}

#[test]
fn loops() {
    all(&[
        "let t = 0; for x in 0..5 { t += x; } t",
        "let t = 0; for x in 0..=5 { if x == 2 { continue; } if x == 5 { break; } t += x; } t",
        "let t = []; for (x, i) in event.list { t.push([i, x]); } t",
        "for x in event.list { if x == 2 { break x * 10; } }",
        "let t = 0; for x in event.list { t += x; x = 100; } [t, event.list]",
        "let t = 0; for x in event.list { event.list.push(x); t += 1; } [t, event.list.len()]",
        "let rows = [#{ v: 1 }, #{ v: 2 }]; for row in rows { row.v = 9; } rows",
        "let rows = [#{ v: 1 }, #{ v: 2 }]; let kept = []; for row in rows { kept.push(row); } [rows, kept]",
        "let rows = [[1], [2]]; for row in rows { return row; } rows",
        "let rows = [[1], [2]]; for row in rows { fails(row); } rows",
        "let t = \"\"; for c in event.text.chars() { t = c + t; } t",
        "let t = \"\"; for c in event.text { t += c; } t",
        "let t = 0; for x in range(0, 10, 3) { t += x; } t",
        "let r = 1..4; let t = 0; for x in r { t += x; } t",
        "let t = 0; for b in blob(3, 2) { t += b; } t",
        "for x in event.n { x }",
        "for x in event.map { x }",
        "for k in event.map.keys() { print(k); } 0",
        "for x in (0..event.f) { x } 1",
        "for x in event.f..3 { x } 1",
        "let i = 0; while i < 5 { i += 1; if i == 3 { continue; } } i",
        "let i = 0; loop { i += 1; if i > 4 { break i; } }",
        "let i = 0; do { i += 1; } while i < 5; i",
        "let i = 0; do { i += 1; if i == 2 { continue; } } until i >= 5; i",
        "while event.n { 1 }",
        "while 1 == 1 { return 2; }",
        "let fs = []; for x in 0..3 { fs.push(|| x); } fs.map(|f| f.call())",
        "let t = 0; for x in event.list { for y in event.list { t += x * y; } } t",
        "let a = 0; for a in 0..3 { a += 1; } a",
        "let x = [1,2]; for x in x { x += 1; } x",
    ].map(str::to_owned));
}

#[test]
fn functions_and_closures() {
    all(&[
        "twice(twice(event.n))",
        "twice(\"a\")",
        "fails(event)",
        "[1, 2].map(|x| fails(x))",
        "let l = [5]; [bump(l), l]",
        "let n = 3; event.list.map(|x| x * n)",
        "let n = 0; event.list.for_each(|i| n += this); n",
        "let n = 0; let add = |x| { n += x; n }; add.call(2); add.call(3); n",
        "let f = |x| x + 1; f.call(f.call(1))",
        "event.list.reduce(|sum, x| sum + x, 0)",
        "event.list.reduce(|sum, x| sum + twice(x))",
        "event.list.filter(|x, i| i > 0 && x > 1)",
        "event.list.filter(|x| x > 1).map(|x| x * 2)",
        "let n = 2; event.list.filter(|x| x >= n).map(|x| [x, n])",
        "let seen = 0; [event.list.map(|x| { seen += x; seen }), seen]",
        "let l = event.list; l.filter(|x| { l.push(x); true }); l",
        "event.list.filter(|x| x > 1).map(|x| fails(x))",
        "event.list.filter(|x| x.a.b)",
        "event.list.filter(|x| x)",
        "event.list.map(|x| x / (x - 2))",
        "event.list.map(|x| `${x}`.len())",
        "event.text.map(|x| x)",
        "event.map.a.b.filter(|x| x > 10).map(|x| #{ x: x, y: -x })",
        "event.nothing.filter(|x| x)",
        "event.list.map(|x| x.to_string().len() + [x].len())",
        "event.list.filter(\"odd\")",
        "let even = |x| x % 2 == 0; event.list.filter(even).map(|x| x)",
        "[[1, 2], [3]].map(|row| row.map(|x| x + 1))",
        "let m = [#{ a: [1] }]; let n = m.map(|r| r.a); n[0].push(2); [m, n]",
        "event.list.some(|x| x == 2) && event.list.all(|x| x > 0)",
        "event.list.map(|x| if x == 2 { return \"two\"; } else { x })",
        "event.list.map(|x| { let y = x; y += 1; [x, y] })",
        "event.list.sort(|a, b| b - a); event.list",
        "let f = Fn(\"twice\"); f.call(4)",
        "twice.call(4)",
        "unknown(event)",
        "twice()",
        "event.unknown()",
        "event.n.unknown(1, 2)",
        "type_of(twice(1)) + type_of(event.map.z)",
        "let a = 1; let b = is_shared(a); let f = || a; [b, is_shared(a)]",
        "throw #{ type: \"Odd\", message: `n is ${event.n}` }",
        "throw event.list",
        "let x = event.text.to_upper().sub_string(1); x.len() + `${x}`.len()",
        "event.text.split(\"b\").map(|part| part.len())",
        "max(event.n, twice(event.n)) + min(event.n, { let z = 1; z })",
        "let l = [3, 1]; l.sort(); l.push(l.pop() + l.len()); l",
        "let a = [1, 2, 3]; [a, a.pop(), a]",
        "let a = [1, 2, 3]; max(a.len(), a.pop())",
        "let a = [1]; a.push(a.pop() + 1); a",
        "-event.n + -event.f",
        "!event.yes || !(event.n > 3)",
        "!event.n",
        "event.yes && event.n",
        "event.z ?? event.map.z ?? event.n",
        "`${event.f} ${event.list} ${event.map} ${event.yes} ${'c'} ${()} ${1e300} ${LIMIT}`",
        "#{ a: event.n, b: #{ c: [event.n, twice(1)] } }",
        "return;",
        "print(event.n); debug(event.text); event.n",
        "switch event.n { 7 => \"seven\", _ => \"other\" }",
        "try { fails(event) } catch (e) { e.message }",
        "parse_json(`{\"a\": ${event.n}}`).a",
        "event.to_json().len()",
        "let a = event; let b = a.map; b.a.b.push(5); [a.map.a.b, b.a.b]",
    ]
    .map(str::to_owned));
}

#[test]
fn methods_of_scripts_and_recursion() {
    same(
        "fn double() { this * 2 } fn handler(event) { let n = event; n.double() + 1.double() }",
        "4",
    );
    same("fn add(n) { this.n += n; } fn handler(event) { event.add(3); event }", r#"{"n":1}"#);
    same("fn len(x) { 42 } fn handler(event) { [event.len(), len(event)] }", "[1]");
    same("fn push(x) { this += [x, x]; } fn handler(event) { event.push(2); event }", "[1]");
    same("fn contains(a, b) { \"mine\" } fn handler(event) { contains(event, 1) }", "[1]");
    same("fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } fn handler(event) { f(event) }", "200");
    same("fn f(n) { 1 + f(n + 1) } fn handler(event) { if event == 0 { 0 } else { f(0) } }", "1");
    same("fn a(n) { if n == 0 { this } else { a(n - 1) } } fn handler(event) { a(2) }", "1");
    same("fn f(x) { f = 1; x } fn handler(event) { f(event) }", "1");
    same("fn f(a, b, c, d, e, g, h, i, j) { a + j } fn handler(n) { f(n,2,3,4,5,6,7,8,9) }", "1");
    same(
        "fn f(event) { event + 1 } private fn g(x) { f(x) * 2 } fn handler(event) { g(event) }",
        "1",
    );
    same("fn handler(event, context) { [event, type_of(context), context.cold_start] }", "1");
}

#[test]
fn state_and_what_nothing_catches() {
    handlers(&[
        "missing",
        "this.n = (this.n ?? 0) + 1; this.n",
        "this.list = this.list ?? []; this.list.push(event.n); this.list.len()",
        "if this.seen == () { this.seen = []; } this.seen += event.n; this",
        "event.list.filter(|x| x > 1).map(|x| x * event_free(x))",
        "for x in this.list ?? [1] { this.list = [x + 1]; } this.list",
        "exit(event.n)",
        "exit()",
        "fails(event)",
        "[1, 2].map(|x| fails(x))",
        "1 / (event.n - 7)",
        "if event.n { 1 }",
        "twice(twice(unknown(event)))",
        "for x in event.n { x }",
        "while true { event.list.push(event.text.foo); }",
        "(0..3) || event",
        "if blob() { 1 }",
        "[1].map(|x| !x || time::from_ms(x) && x)",
        "let user = #{ name: 1 }; user.nme.first",
        "throw #{ type: \"Odd\", message: `n is ${event.n}` }",
        "event.list.map(|x| { if x == 2 { throw \"two\" } x })",
    ]);
}
