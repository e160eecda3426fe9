//! `rhambda check`.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::{Desk, Said};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What is wrong with one script, `a.rhai`, as `line:column rule message; help`.
fn problems(script: &str) -> Vec<String> {
    problems_of(&[("a.rhai", script)], &["a.rhai"])
}

fn problems_of(files: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let desk = Desk::with(files);
    let said = desk.run(&[&["check", "--json"], arguments].concat());
    let object: Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
    let problems = object["problems"].as_array().unwrap();
    let text = |problem: &Value, name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let lines = problems.iter().map(|problem| {
        let file = text(problem, "file");
        let file = if file == "a.rhai" { String::new() } else { format!("{file}:") };
        let help = text(problem, "help");
        let help = if help.is_empty() { help } else { format!("; {help}") };
        let (line, column) = (&problem["line"], &problem["column"]);
        format!(
            "{file}{line}:{column} {} {}{help}",
            text(problem, "rule"),
            text(problem, "message")
        )
    });
    lines.collect()
}

fn is_clean(said: &Said) {
    assert!(said.stdout.ends_with(": nothing is wrong\n"), "{}", said.stdout);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn every_script_of_the_project_is_clean() {
    let desk = Desk::with(&[("a", "")]);
    for folder in ["scripts", "layer/templates"] {
        let folder = repository().join(folder);
        is_clean(&desk.run(&["check", folder.to_str().unwrap(), "--deny-warnings"]));
    }
}

#[test]
fn every_example_of_the_reference_is_clean() {
    let reference = fs::read_to_string(repository().join("runtime/docs/library.md")).unwrap();
    let examples =
        reference.split("```rhai\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let files: Vec<(String, String)> = examples
        .enumerate()
        .map(|(index, example)| {
            // Those that are to fail are wrong on purpose.
            let lines = example.lines().filter(|line| !line.contains("=> error"));
            (format!("e{index}.rhai"), lines.map(|line| format!("{line}\n")).collect())
        })
        .collect();
    assert!(files.len() > 200, "{}", files.len());
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    is_clean(&Desk::with(&files).run(&["check", "--deny-warnings"]));
}

#[test]
fn names_that_are_not_there_are_found_with_the_nearest() {
    let script = "\
const LIMIT = 3;
fn handler(event) {
    prnt(\"ü\"); event.a.lenn();
    batch::eech(event, |r| r.x);
    mtrics::count(\"a\");
    global::LIMT + lmit(event) + evnt
}
fn limit(x) { `${x}${y}` }
";
    assert_eq!(
        problems(script),
        [
            "1:7 unused-variable the constant `LIMIT` is never used; take it away, or call it `_LIMIT` \
         if it is meant so",
            "3:5 unknown-function there is no function `prnt`; did you mean `print`?",
            "3:24 unknown-function nothing has a method `lenn`; did you mean `len`?",
            "4:12 unknown-function there is no function `eech` in `batch`; did you mean `each`?",
            "5:5 unknown-module there is no module `mtrics`; did you mean `metrics`?",
            "6:13 unknown-variable there is no constant `LIMT` in `global`; did you mean `LIMIT`?",
            "6:20 unknown-function there is no function `lmit`; did you mean `limit`?",
            "6:34 unknown-variable there is no variable `evnt`; did you mean `event`?",
            "8:22 unknown-variable there is no variable `y`",
        ]
    );
}

#[test]
fn numbers_of_arguments_are_counted() {
    let script = "\
fn handler(event, context) {
    http::get();
    event.list.filter();
    context.remaining_ms(1);
    helper(1);
    event.helper();
    helper(1, 2)
}
fn helper(a, b) { a + b }
";
    assert_eq!(
        problems(script),
        [
            "2:11 arity `http::get` takes 1 or 2 arguments, not 0",
            "3:16 arity `filter` takes 1 argument as a method, not 0",
            "4:13 arity `remaining_ms` takes 0 arguments as a method, not 1",
            "5:5 arity `helper` takes 2 arguments, not 1",
            "6:11 arity `helper` takes 2 arguments as a method, not 0",
        ]
    );
}

#[test]
fn what_functions_and_closures_do_not_see_is_told() {
    let script = "\
const RATE = 2;
let total = 0;
let start = || RATE;
start.call();
fn handler(event) {
    let double = |x| x * RATE;
    total + double(event.n) + event.items.map(|x| x * global::RATE + event.n).len()
}
";
    assert_eq!(
        problems(script),
        [
            "2:5 unused-variable the variable `total` is never used; take it away, or call it `_total` \
         if it is meant so",
            "7:5 unknown-variable there is no variable `total`; functions do not see variables of the top \
         level; make it `const total`, or keep it in `this`",
            "7:13 unknown-function `double` is a variable, not a function; if it holds a closure: \
         `double.call(…)`",
        ]
    );
}

#[test]
fn what_only_looks_wrong_is_not_told() {
    let script = "\
import \"lib/money\" as money;
const CURRENCY = \"EUR\";
router::get(\"/\", |request| money::format(request.n));
fn handler(event, context) {
    let shape = #{ area: || this.a * this.b, a: 2, b: 3 };
    let curried = Fn(\"add\").curry(1);
    let named = add;
    for (item, index) in event.items { this.seen = item + index; }
    let _ignored = switch event.kind {
        \"a\" if event.x > 1 => { let y = event.x; y }
        1..10 => type_of(event),
        _ => money::inner::deep(),
    };
    try { throw 1 } catch (error) { log::debug(`${error} ${CURRENCY}`) }
    do { this.note(1) } until this.seen == ();
    [shape.area(), curried.call(2), named.call(1, 2), call(named, 1, 2), event.items.map(add),
     is_def_fn(\"x\", 1), money::RATE, global::CURRENCY, event?.a?.b ?? context.remaining_ms(),
     event.items.sum_by(\"n\"), caller!(), 2.doubled(), [1, 2].reduce(|a, b| a + b, 0), 1.add(2), \"a\" in event.items]
}
fn note(x) { this.noted = x; }
fn add(a, b) { a + b }
fn caller() { shape.a }
fn int.doubled() { this * 2 }
";
    let money = "\
import \"lib/inner\" as inner;
export const RATE = 2;
const STEP = 1;
fn format(n) { round(n) + global::STEP }
private fn round(n) { inner::deep(); n }
";
    let files = [
        ("a.rhai", script),
        ("lib/money.rhai", money),
        ("lib/inner.rhai", "fn deep() { add(1, 2) }"),
    ];
    assert_eq!(problems_of(&files, &["a.rhai"]), [""; 0]);
    // Documentation may stand anywhere, and a script may be a program.
    assert_eq!(
        problems("#!/usr/bin/rhai\n/// a\nconst A = 1;\nfn handler(e) {\n/// b\ne + A }"),
        [""; 0]
    );
    // Names that are made at run time may be any.
    assert_eq!(problems("fn handler(event) { eval(event.code); x }"), [""; 0]);
}

#[test]
fn imports_are_followed() {
    let files = [
        (
            "a.rhai",
            "import \"lib/money\" as m;\nimport \"lib/mony\" as n;\nfn handler(e) { m::secret(e); \
                    m::fomat(e); m::all + m::RATE + n::any() + m::VAT }",
        ),
        (
            "lib/money.rhai",
            "const VAT = 1; let all = 2; all;\nexport const RATE = 2;\nprivate fn secret(x) { x }\n\
                            fn format(x) { x + VAT }",
        ),
        ("b.rhai", "import \"lib/loop\" as l;\nfn handler(e) { l::f(e) }"),
        ("lib/loop.rhai", "import \"lib/pool\" as p;\nfn f(x) { p::f(x) }"),
        ("lib/pool.rhai", "import \"lib/loop\" as l;\nfn f(x) { l::f(x) }"),
    ];
    assert_eq!(
        problems_of(&files, &["."]),
        [
            "2:8 import there is no module `lib/mony`; did you mean `lib/money`?",
            "3:20 unknown-function `secret` is private in lib/money.rhai",
            "3:34 unknown-function there is no function `fomat` in `m`; did you mean `format`?",
            "3:47 unknown-variable there is no variable `all` in `m`; lib/money.rhai does not export it: \
         `export let all = …;`",
            "lib/loop.rhai:1:1 import circular import: lib/loop.rhai -> lib/pool.rhai -> lib/loop.rhai",
        ]
    );
    let external = &["a.rhai", "--external", "lib/mony"];
    assert!(!problems_of(&files, external).iter().any(|it| it.contains("no module")));
}

#[test]
fn a_script_has_a_handler_unless_it_is_a_module() {
    let right = "a handler is `fn handler(event, context)` or `fn handler(event)`";
    assert_eq!(
        problems("let x = 1; x;"),
        [format!("1:1 handler there is no `fn handler`; {right}")]
    );
    let near = "// fn none\nfn hnadler(event) { event }";
    let expected = format!("2:4 handler there is no `fn handler`; is `hnadler` meant? {right}");
    assert_eq!(problems(near), [expected]);
    assert_eq!(
        problems("fn handler() { 1 }"),
        [format!("1:4 handler `handler` takes 0 arguments; {right}")]
    );
    assert_eq!(problems("private fn handler(e) { e }").len(), 1);
    let desk = Desk::with(&[("a.rhai", "fn main(e) { e }"), ("lib/b.rhai", "fn f() { 1 }")]);
    for path in ["a.main", "lib/b.rhai", "."] {
        is_clean(&desk.run(&["check", path]));
    }
    assert_eq!(
        problems_of(&[("a.rhai", "fn main(e) { e }")], &["a.mian"]),
        [
            "1:4 handler there is no `fn mian`; is `main` meant? a handler is `fn mian(event, context)` or \
         `fn mian(event)`"
        ]
    );
}

#[test]
fn misspelt_paths_of_the_event_are_found_where_the_trigger_is_known() {
    let script = "\
//! trigger: sqs
fn handler(event) {
    let first = event.Records[0].bodi;
    for r in event.Records { print(r.eventSourceArn + r.attributes.Whatever) }
    event.Records.map(|r| r.messageid + first);
    batch::each(event, |m| take(m));
    let many = events::records(event).filter(|m| m.recieve_count > 1);
    event?[\"Recrods\"].len() + many.len()
}
fn take(message) { message.bdy }
";
    let expected = [
        "3:34 event-path an event of sqs has no `bodi` there; did you mean `body`?",
        "4:38 event-path an event of sqs has no `eventSourceArn` there; did you mean `eventSourceARN`?",
        "5:29 event-path an event of sqs has no `messageid` there; did you mean `messageId`?",
        "7:52 event-path a record of sqs has no `recieve_count` there; did you mean `receive_count`?",
        "8:12 event-path an event of sqs has no `Recrods` there; did you mean `Records`?",
        "10:28 event-path a record of sqs has no `bdy` there; did you mean `body`?",
    ];
    assert_eq!(problems(script), expected);
    // Without the comment an event beside the script says it, and without either nothing is known.
    let plain = script.replace("//! trigger: sqs", "");
    assert_eq!(problems(&plain), [""; 0]);
    let desk = Desk::with(&[("a", "")]);
    let event = desk.run(&["event", "sqs"]).stdout;
    assert_eq!(problems_of(&[("a.rhai", &plain), ("a.event.json", &event)], &["a.rhai"]), expected);
    assert_eq!(
        problems("//! trigger: sqss\nfn handler(e) { e }"),
        ["1:14 trigger there is no trigger `sqss`; did you mean `sqs`?"]
    );
}

#[test]
fn what_an_event_may_have_is_not_told() {
    let script = "\
//! trigger: api-gateway-v2
fn handler(event) {
    event.seen = event.body;
    let http = event.requestContext.http;
    if event.requestContex == () { return event.heders ?? event.headers.x_anything }
    let context = event.requestContext;
    context = other(event.see);
    [http.method, event.queryStringParameters.chanel, event.something_new, context.htp, event.Records]
}
fn other(x) { x }
";
    assert_eq!(problems(script), [""; 0]);
}

#[test]
fn permissions_are_compared_with_what_is_reached() {
    let script = "\
//! allow: http api.example.com, env TOKEN, env UNUSED_*, fs tmp, http *.unused.com
import \"lib/rates\" as rates;
const API = \"https://api.example.com\";
fn handler(event) {
    http::get(`${API}/x/${event.id}`);
    http::request(#{ url: \"http://other.example.com:8080/\" });
    env::get(\"TOKEN\") + env::require(\"OTHER\") + rates::get();
    fs::write(\"/tmp/a/\" + event.x, \"b\");
    fs::read_text(\"data.json\")
}
";
    let rates =
        ("lib/rates.rhai", "fn get() { http::get(\"https://rates.example.com/eur\").json() }");
    assert_eq!(
        problems_of(&[("a.rhai", script), rates], &["a.rhai"]),
        [
            "1:45 unused-permission `env UNUSED_*` is allowed and never reached; take it away",
            "1:67 unused-permission `http *.unused.com` is allowed and never reached; take it away, unless a \
         redirect leads there",
            "6:27 permission the script is not allowed to reach `other.example.com:8080`; `//! allow: http \
         other.example.com:8080` at its top allows it",
            "7:38 permission the script is not allowed to reach the variable `OTHER`; `//! allow: env OTHER` \
         at its top allows it",
            "9:19 permission the script is not allowed to reach the file `data.json`; `//! allow: fs task` at \
         its top allows it",
            "lib/rates.rhai:1:22 permission the script is not allowed to reach `rates.example.com`; \
         `//! allow: http rates.example.com` at its top allows it",
        ]
    );
    // What is only known when it runs may be anything.
    let computed = "\
//! allow: http api.example.com, env TOKEN, fs tmp
fn handler(event) { http::get(event.url); env::get(event.name); fs::exists(event.path) }
";
    assert_eq!(problems(computed), [""; 0]);
    assert_eq!(problems("fn handler(e) { http::get(\"https://any.example.com\") }"), [""; 0]);
    assert!(
        problems("//! allow: htp x\nfn handler(e) { e }")[0].starts_with("1:12 permission `htp x`")
    );
}

#[test]
fn calls_to_aws_are_compared_with_the_declaration() {
    let script = "\
//! allow: aws dynamodb:GetItem table/orders, aws sqs:*, aws sns:Publish, aws sfn:StartExecution
const TABLE = \"orders\";
fn handler(event) {
    aws::call(\"dynamodb\", \"GetItem\", #{ TableName: TABLE, Key: event.key });
    aws::call(\"dynamodb\", \"GetItem\", #{ TableName: \"others\" });
    aws::call(\"dynamodb\", \"GetItem\", #{ TableName: event.table });
    aws::call(\"dynamodb\", \"DeleteItem\", #{ TableName: `${TABLE}` });
    aws::call(\"sqs\", \"SendMessage\", event, #{ endpoint: \"http://localhost:4566\" });
    aws::call(\"stepfunctions\", \"StartExecution\", event);
    aws::request(#{ service: \"lambda\", operation: \"Invoke\", method: \"POST\", path: event.path })
}
";
    assert_eq!(
        problems(script),
        [
            "1:58 unused-permission `aws sns:Publish` is allowed and never reached; take it away",
            "5:15 permission the script is not allowed to reach `dynamodb:GetItem`; `//! allow: aws \
         dynamodb:GetItem table/others` at its top allows it",
            "7:15 permission the script is not allowed to reach `dynamodb:DeleteItem`; `//! allow: aws \
         dynamodb:DeleteItem table/orders` at its top allows it",
            "8:61 permission the script is not allowed to reach `localhost:4566`; `//! allow: http \
         localhost:4566` at its top allows it",
            "10:29 permission the script is not allowed to reach `lambda:Invoke`; `//! allow: aws \
         lambda:Invoke` at its top allows it",
        ]
    );
    // What is only known when it runs may be anything.
    let computed = "\
//! allow: aws sns:Publish
fn handler(event) { aws::call(event.service, \"Publish\"); aws::request(event) }
";
    assert_eq!(problems(computed), [""; 0]);
    assert!(
        problems("//! allow: aws dynamodb\nfn handler(e) { e }")[0]
            .starts_with("1:12 permission `aws dynamodb` is not a service and an action")
    );
}

#[test]
fn what_only_looks_like_a_declaration_is_told_in_functions_and_modules() {
    let handler = "fn handler(e) { e }";
    let first = |script: &str| problems(script).first().cloned().unwrap_or_default();
    for (script, said) in [
        (
            format!("//! Allow: nothing\n{handler}"),
            "1:1 permission this looks like an `allow` line",
        ),
        (format!("{handler}\n// allow: env KEY"), "2:1 permission this looks like an `allow` line"),
        (
            format!("{handler}\n//! allow: nothing"),
            "2:1 permission an `allow` line has to stand above",
        ),
        (
            format!("/* */ //! allow: nothing\n{handler}"),
            "1:7 permission an `allow` line has its line",
        ),
        (
            format!("//! allow: nothing, fs tmp\n{handler}"),
            "1:12 permission `nothing` stands beside",
        ),
        (
            format!("//! allow: http 169.254.169.254\n{handler}"),
            "1:12 permission `http 169.254.169.254`",
        ),
        (
            format!("/*\n//! allow: nothing\n*/\n{handler}"),
            "2:1 permission this `allow` line is commented",
        ),
    ] {
        let told = first(&script);
        assert!(told.starts_with(said), "{script}: {told}");
    }
    // What stands in text is none, and one behind a block comment is one.
    assert_eq!(problems(&format!("const _T = `\n//! allow: nothing\n`;\n{handler}")), [""; 0]);
    let used = "/* a */\n//! allow: env A\nfn handler(e) { env::get(\"A\") + env::get(\"B\") }";
    assert!(first(used).starts_with("3:42 permission"), "{}", first(used));

    let main = "import \"lib/a\" as a;\nfn handler(e) { a::f() }";
    let of_module =
        |module: &str| problems_of(&[("a.rhai", main), ("lib/a.rhai", module)], &["a.rhai"]);
    for module in ["//! allow: nothing\nfn f() { 1 }", "// allow: env A\nfn f() { 1 }"] {
        let told = of_module(module);
        assert!(told[0].starts_with("lib/a.rhai:1:1 permission"), "{told:?}");
        assert!(told[0].contains("move it to the top of the main script"), "{told:?}");
    }
    assert_eq!(of_module("// allow: it\nfn f() { 1 }"), [""; 0]);
    // A function that another imports is a module there; a test may import it.
    let function = "//! allow: env A\nfn handler(e) { f() }\nfn f() { env::get(\"A\") }";
    let test = ("a.test.rhai", "import \"b\" as b;\nfn test_f() { b::f() }");
    let told = problems_of(&[("a.rhai", handler), ("b.rhai", function), test], &[]);
    assert_eq!(told, [""; 0]);
    let other = "import \"b\" as b;\nfn handler(e) { b::f() }";
    let told = problems_of(&[("a.rhai", other), ("b.rhai", function)], &[]);
    assert!(told.iter().any(|it| it.starts_with("b.rhai:1:1 permission")), "{told:?}");
}

#[test]
fn syntax_is_told_with_its_place() {
    assert_eq!(problems("fn handler(e) {\n    let x = (1;\n}")[0].split(' ').next(), Some("2:15"));
    assert_eq!(problems("fn handler(e) {").len(), 1);
    let desk = Desk::with(&[("a.rhai", "x")]);
    fs::write(desk.folder.join("a.rhai"), b"let a = 1;\n\xff").unwrap();
    let said = desk.run(&["check"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stdout.contains("the script is not UTF-8 text\n  at a.rhai:2:1\n"),
        "{}",
        said.stdout
    );
}

#[test]
fn people_see_the_line_and_carets_under_the_name() {
    let desk = Desk::with(&[("a.rhai", "fn handler(event) {\n\tprnt(event)\n}")]);
    let said = desk.run(&["check"]);
    assert_eq!(said.code, Some(1));
    let expected = "\
error[unknown-function]: there is no function `prnt`
  at a.rhai:2:2
    |
  2 | \tprnt(event)
    | \t^^^^
  did you mean `print`?

1 script checked: 1 error
";
    assert_eq!(said.stdout, expected);
}

#[test]
fn what_a_catch_ends_with_is_lost() {
    let script = "\
fn handler(event) {
    try { event.a() } catch (error) { events::deny(event) }
    try { print(1) } catch { #{ failed: true } }
    try { print(1) } catch { print(2); }
    try { print(1) } catch { return events::deny(event); }
}
fn a() { this }
";
    let lost = "lost-value the value that a `catch` ends with is lost; write `return` before it";
    assert_eq!(problems(script), [format!("2:39 {lost}"), format!("3:30 {lost}")]);
}

#[test]
fn where_one_name_stands_for_two_methods_it_is_said_which_one_is_meant() {
    let script = "\
fn push(x) { this.list += [x] }
fn remove(id) { id }
fn total() { 1 }
fn used(id) { id }
fn fill(x) { x }
fn \"array\".clear() { 1 }
fn handler(event) {
    event.push(1);
    event.push(2);
    event.remove(\"a\");
    event.total();
    event.used(1);
    event.clear();
    used(1) + fill(event).len()
}
";
    assert_eq!(
        problems(script),
        [
            "8:11 same-method `push` of this file takes the place of the library's, for values of all types; \
             give it another name, or a type: `fn \"array\".push(…)`",
            "10:11 same-method this is the library's `remove`: the function of this file has no `this`; call the \
             function as `remove(…)`, or let it work on `this`",
            "11:11 unknown-function `total` is a function without `this`, which is no method of anything; call it \
             as `total(…)`, or let it work on `this`",
            "12:11 unknown-function `used` is a function without `this`, which is no method of anything; call it \
             as `used(…)`, or let it work on `this`",
        ]
    );
    // What is called as a function, is what Lambda calls, or is for others, is meant so.
    for script in [
        "fn remove(id) { id }\nfn handler(event) { event.remove(\"a\"); remove(1) }",
        "fn remove(id) { id }\nfn handler(event) { event.remove(\"a\"); [1].map(remove) }",
        "fn push(event) { event.items.push(1); event }\nfn handler(event) { push(event) }",
    ] {
        assert_eq!(problems(script), [] as [&str; 0], "{script}");
    }
    let module = "fn remove(id) { id }\nfn f(m) { m.remove(\"a\"); m }";
    let main = "import \"lib/a\" as a;\nfn handler(e) { a::f(a::remove(e)) }";
    assert_eq!(
        problems_of(&[("a.rhai", main), ("lib/a.rhai", module)], &["a.rhai"]),
        [] as [&str; 0]
    );
}

#[test]
fn a_module_does_not_see_the_functions_of_those_who_import_it() {
    let module = "fn f() { helper() + Fn(\"helper\").call() }";
    let main = "import \"lib/a\" as a;\nfn helper() { 1 }\nfn handler(e) { a::f() + helper() }";
    assert_eq!(
        problems_of(&[("a.rhai", main), ("lib/a.rhai", module)], &["a.rhai"]),
        [
            "lib/a.rhai:1:10 unknown-function there is no function `helper`",
            "lib/a.rhai:1:24 unknown-function there is no function `helper`",
        ]
    );
}

#[test]
fn tests_are_checked_with_what_tests_can_call() {
    let test = "\
fn test_a() {
    mock::env(\"A\", \"b\");
    assert_eq(invoke(1), 1);
    assert_equal(invoke(1), 1);
    mock::htp(\"GET\", \"https://example.com\", #{ status: 200 });
    handler(1)
}
";
    let files = [("a.rhai", "fn handler(e) { assert(e) }"), ("a.test.rhai", test)];
    assert_eq!(
        problems_of(&files, &["."]),
        [
            "1:17 unknown-function there is no function `assert`; did you mean `insert`?",
            "a.test.rhai:4:5 unknown-function there is no function `assert_equal`; did you mean \
         `assert_eq`?",
            "a.test.rhai:5:11 unknown-function there is no function `htp` in `mock`; did you mean `http`?",
            "a.test.rhai:6:5 unknown-function there is no function `handler`; did you mean `header`?",
        ]
    );
}

#[test]
fn warnings_fail_on_demand_only() {
    let desk = Desk::with(&[("a.rhai", "fn handler(event) { let x = 1; event }")]);
    assert_eq!(desk.run(&["check"]).code, Some(0));
    assert_eq!(desk.run(&["check", "--deny-warnings"]).code, Some(1));
}

#[test]
fn programs_and_code_hosts_get_exact_places() {
    let desk = Desk::with(&[("app/a.rhai", "fn handler(event) { prnt(event) }")]);
    let sarif: Value =
        serde_json::from_str(&desk.run(&["check", "app", "--format", "sarif"]).stdout).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "app/a.rhai");
    assert_eq!(
        (&place["region"]["startColumn"], &place["region"]["endColumn"]),
        (&21.into(), &25.into())
    );
    assert_eq!(
        desk.run(&["check", "app", "--format", "github"]).stdout,
        "::error file=app/a.rhai,line=1,col=21,endColumn=25,title=unknown-function::there is no \
         function `prnt`; did you mean `print`?\n"
    );
}

#[test]
fn what_cannot_be_checked_is_a_usage_error() {
    let desk = Desk::with(&[("a.txt", ""), ("folder/b.txt", "")]);
    for (path, expected) in [
        ("a.txt", "is not a script"),
        ("nothing", "no script `nothing`"),
        ("folder", "there is no .rhai file in `folder`"),
    ] {
        let said = desk.run(&["check", path]);
        assert_eq!(said.code, Some(2), "{path}");
        assert!(said.stderr.contains(expected), "{}", said.stderr);
    }
}
