//! `map`, `filter` and their like: an element is lent to a closure that only reads it; nobody may
//! notice.

use rhambda_tests::Function;

#[track_caller]
fn gives(body: &str, response: &str) {
    let script = format!("fn handler(event) {{ {body} }}");
    Function::of(&script).event("[1,[2]]").run().responded(response).kept_serving();
}

const ROWS: &str = "let rows = [#{ id: 1, tags: [\"a\"] }, #{ id: 2, tags: [] }];";

#[track_caller]
fn rows_give(body: &str, response: &str) {
    gives(&format!("{ROWS} {body}"), response);
}

#[test]
fn they_give_what_they_say() {
    gives("[1, 2, 3].map(|n| n * 2)", "[2,4,6]");
    gives("[1, 2, 3].map(|n, i| n * i)", "[0,2,6]");
    gives("[1, 2, 3].filter(|n| n > 1)", "[2,3]");
    gives("[5, 6].filter(|n, i| i == 1)", "[6]");
    gives("[1, 2, 3].reduce(|sum, n| sum + n, 0)", "6");
    gives("[1, 2, 3].reduce(|sum, n| (sum ?? 0) + n)", "6");
    gives("[1, 2, 3].reduce(|sum, n, i| sum + n * i, 0)", "8");
    gives("[[1, 2].some(|n| n > 1), [1, 2].all(|n| n > 1)]", "[true,false]");
    gives("[[].some(|n| true), [].all(|n| false), [].find(|n| true)]", "[false,true,null]");
    gives("[1, 2, 3].find(|n| n > 1)", "2");
    gives("[1, 2].map(|| this + 1)", "[2,3]");
    gives("[1, 2].map(Fn(\"to_string\"))", r#"["1","2"]"#);
    gives("[3].filter(|n| 1)", "[]");
}

#[test]
fn elements_stay_as_they_were() {
    rows_give("let ids = rows.map(|r| r.id); [ids, rows.len(), rows[0].id]", "[[1,2],2,1]");
    rows_give("rows.filter(|r| r.tags.len() > 0); rows.map(|r| r.tags)", r#"[["a"],[]]"#);
    rows_give("rows.map(|r| r); rows.map(|r| r.id)", "[1,2]");
    rows_give("rows.map(|r| #{ r: r }); rows.map(|r| r.id)", "[1,2]");
    rows_give("rows.map(|r| { r }); rows.map(|r| r.id)", "[1,2]");
    rows_give("rows.map(|r| { return r; }); rows.map(|r| r.id)", "[1,2]");
    rows_give("rows.reduce(|all, r| { all.push(r); all }, []).len() + rows.len()", "4");
    rows_give("try { rows.map(|r| throw r.id) } catch { } rows.map(|r| r.id)", "[1,2]");
    rows_give("rows.map(|r| [r, r.id].len()); rows.map(|r| r.id)", "[1,2]");
}

#[test]
fn a_closure_that_changes_its_parameter_changes_a_copy() {
    for change in [
        "r.id = 9",
        "r.id += 1",
        "r = 9",
        "r.tags.push(9)",
        "r[\"id\"] = 9",
        "r.tags = [9]",
        "clear(r)",
        "r.clear()",
        "for t in r.tags { r.id = t; }",
        "let f = || r.id = 9; f.call()",
        "{ let x = 1; r.id = x; }",
        "eval(\"r.id = 9\")",
        "if true { r.remove(\"id\") }",
        "try { r.id = 9; throw 1 } catch { }",
        "switch r.id { 1 => r.id = 9, _ => () }",
        "let r = 9",
    ] {
        let body = format!("rows.map(|r| {{ {change}; 0 }}); rows");
        rows_give(&body, r#"[{"id":1,"tags":["a"]},{"id":2,"tags":[]}]"#);
    }
}

#[test]
fn a_function_of_the_script_s_own_may_change_what_it_is_called_on() {
    let script = "fn len() { this.id = 9; 1 }
        fn handler(event) {
            let rows = [#{ id: 1 }];
            rows.map(|r| r.len());
            rows.map(|r| r.id)
        }";
    Function::of(script).event("1").run().responded("[1]");
}

#[test]
fn a_callback_within_a_callback_is_its_own() {
    rows_give(
        "let all = rows; rows.map(|r| #{ id: r.id, same: all.filter(|s| s.id == r.id).map(|s| s.id) })",
        r#"[{"id":1,"same":[1]},{"id":2,"same":[2]}]"#,
    );
    gives("[[1, 2], [3]].map(|row| row.map(|n| n + 1))", "[[2,3],[4]]");
    gives("let k = 10; [1, 2].map(|n| [3].map(|m| n + m + k))", "[[14],[15]]");
}

#[test]
fn closures_of_imported_modules_are_called_in_their_own_world() {
    let script = "import \"lib/rows\" as lib;
        fn handler(event) { [lib::ids(event), event.map(|r| r.id)] }";
    Function::of(script)
        .file(
            "lib/rows.rhai",
            "const PLUS = 10; fn plus(n) { n + global::PLUS } fn ids(rows) { rows.map(|r| plus(r.id)) }",
        )
        .event(r#"[{"id":1},{"id":2}]"#)
        .run()
        .responded("[[11,12],[1,2]]");
}

#[test]
fn an_error_in_a_callback_says_where() {
    let script = "fn handler(event) {\n    event.map(|row|\n        row.price * row.count)\n}";
    Function::of(script)
        .event(r#"[{"price":1,"count":2},{"price":"x","count":[]}]"#)
        .event("[]")
        .run()
        .failed("Function.FunctionNotFound")
        .at("main.rhai:3:")
        .mentioning("a closure")
        .responded("[]");
}

#[test]
fn a_callback_that_recurses_or_never_ends_is_stopped() {
    let script = "fn deep(x) { [x].map(|n| deep(n)) } fn handler(event) { deep(event) }";
    Function::of(script).event("1").run().failed("Function.StackOverflow").kept_serving();
    let script = "fn handler(event) { event.map(|row| { loop { } }) }";
    Function::of(script)
        .env("RHAMBDA_MAX_OPERATIONS", "10000")
        .event("[{}]")
        .run()
        .failed("Function.OperationLimit")
        .kept_serving();
}
