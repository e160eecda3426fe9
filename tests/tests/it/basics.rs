//! The basics that people reach for, as a handler meets them: the same whichever way it is evaluated, in
//! closures and in modules. What each function gives is in its docs, whose examples are tested there.

use rhambda_tests::Function;

const EVENT: &str = r#"{"n":7,"price":29.949999999999999,"big":18446744073709551616,"query":{"page":"3"},
    "rows":[{"city":"Rome","n":3},{"city":"Oslo","n":1.5},{"city":"Rome","n":2}],"tags":["b","a","b"]}"#;

/// A handler with this body: as the runtime evaluates it, as the engine does where there is a `try`, with
/// operations counted, as a closure, and as a function of a module.
#[track_caller]
fn gives(body: &str, response: &str) {
    let own = format!("fn handler(event) {{ {body} }}");
    let engines = format!("fn handler(event) {{ try {{ }} catch {{ }} {body} }}");
    let closure = format!("fn handler(event) {{ let f = |event| {{ {body} }}; f.call(event) }}");
    for operations in ["0", "100000"] {
        for script in [&own, &engines, &closure] {
            let function = Function::of(script).env("RHAMBDA_MAX_OPERATIONS", operations);
            function.event(EVENT).run().responded(response).kept_serving();
        }
    }
    Function::of("import \"lib/m\" as m; fn handler(event) { m::of(event) }")
        .file("lib/m.rhai", format!("fn of(event) {{ {body} }}"))
        .event(EVENT)
        .run()
        .responded(response)
        .kept_serving();
}

/// What a statement throws, by its type and message.
#[track_caller]
fn throws(statement: &str, kind: &str, message: &str) {
    let body = format!(
        "try {{ {statement} }} catch (e) {{ return [e.type, e.message.contains({message:?}), e.message]; }}"
    );
    for operations in ["0", "100000"] {
        let script = format!("fn handler(event) {{ {body} }}");
        let function = Function::of(&script).env("RHAMBDA_MAX_OPERATIONS", operations);
        let told = function.event(EVENT).run().response();
        assert!(told.starts_with(&format!("[{kind:?},true,")), "{statement}: {told}");
    }
}

#[test]
fn new_values_beside_those_that_are_changed() {
    gives(
        "let a = event.tags; [a.sorted(), a.reversed(), a.join(\"+\"), a.sort(), a]",
        r#"[["a","b","b"],["b","a","b"],"b+a+b",null,["a","b","b"]]"#,
    );
    gives(
        "let s = \" x \"; [s.trimmed(), s.trim(), s, s.replaced(\"x\", \"y\")]",
        r#"["x",null,"x","y"]"#,
    );
    gives("event.tags.sorted(); event.tags", r#"["b","a","b"]"#);
    gives("event.rows.map(|row| row.city.truncated(1).repeat(2)).unique().join()", "\"RROO\"");
}

#[test]
fn records_by_a_function_as_by_a_key() {
    gives(
        "[event.rows.group_by(|row| row.city).Rome.len(), event.rows.sum_by(|row| row.n * 2),
          event.rows.sorted_by(|row| row.n).pluck(\"n\"), event.rows.sorted_by(\"n\", \"desc\").pluck(\"n\"),
          event.rows.max_by(|row| row.n).n, event.rows.count_by(|row| row.city)]",
        r#"[2,13.0,[1.5,2,3],[3,2,1.5],3,{"Oslo":1,"Rome":2}]"#,
    );
    gives("let k = \"n\"; event.rows.sorted_by(|row| row[k])[0].city", "\"Oslo\"");
    gives("event.rows.partition(|row| row.city == \"Rome\").map(|rows| rows.len())", "[2,1]");
    gives("event.rows.flat_map(|row| [row.n, row.n]).take_while(|n| n > 2)", "[3,3]");
    gives("[event.rows.any(|row| row.n == 2), event.rows.count(|row| row.n > 1.5)]", "[true,2]");
}

#[test]
fn a_function_may_change_what_it_is_given_only_for_itself() {
    for call in
        ["sorted_by", "group_by", "min_by", "sum_by", "any", "count", "flat_map", "partition"]
    {
        gives(
            &format!("event.rows.{call}(|row| {{ row.n = 9; 1 }}); event.rows.pluck(\"n\")"),
            "[3,1.5,2]",
        );
    }
}

#[test]
fn numbers_of_any_kind() {
    gives(
        "[event.n.divide(2), event.n / 2, event.n.clamp(0, 5), max(1, event.n, 2.5)]",
        "[3.5,3,5,7]",
    );
    gives(
        "[event.price.round(1), event.price.to_fixed(2), [event.price, 1].max() > 29]",
        r#"[30.0,"29.95",true]"#,
    );
    gives("[event.big.to_int(-1), is_number(event.big), [1, event.big].min()]", "[-1,true,1]");
    gives(
        "[event.query.page.to_int(1), event.query.most.to_int(10), event.query.q.to_float(0.5)]",
        "[3,10,0.5]",
    );
    gives(
        "[1234567.891.to_grouped(2), parse_float(event.x, 0), parse_int(\"x\", 10, -1)]",
        r#"["1,234,567.89",0,-1]"#,
    );
}

#[test]
fn maps_and_their_entries() {
    gives(
        "event.query.entries().map(|entry| entry.join(\"=\")).join(\"&\") + event.query.get(\"most\", \"!\")",
        "\"page=3!\"",
    );
    gives(
        "event.rows.count_by(\"city\").entries().sorted_by(\"1\", \"desc\").to_map()",
        r#"{"Oslo":1,"Rome":2}"#,
    );
    gives("#{ a: 1, b: 2 }.map_values(|n| n + 1)", r#"{"a":2,"b":3}"#);
    gives(
        "[event.get_path(\"rows.0.city\"), event.rows.get_path(\"1.n\"), event.rows.get(9, \"none\")]",
        r#"["Rome",1.5,"none"]"#,
    );
    gives(
        "[(1..=3).map(|n| n * n), range(0, 9, 4).to_array(), (0..9).filter(|n| n > 7)]",
        "[[1,4,9],[0,4,8],[8]]",
    );
}

#[test]
fn what_cannot_be_meant_is_thrown_with_a_type_and_the_way_out() {
    throws("[1, event.x].join(\",\")", "Collections.Invalid", "`filter(|it| it != ())` first");
    throws("[[1], [2]].join(\",\")", "Collections.Invalid", "item 0 is an array");
    throws("event.n.divide(0)", "Number.Invalid", "divided by zero");
    throws("event.n.to_fixed(-1)", "Number.Invalid", "0 to 100");
    throws("\"4.2\".to_int()", "Number.Invalid", "`4.2` is no whole number");
    throws("[1, \"a\"].max()", "Number.Invalid", "does not compare");
    throws("\"a\".replaced(\"\", \"b\")", "Text.Invalid", "cannot be looked for");
    throws("[[1, 2, 3]].to_map()", "Collections.Invalid", "no pair");
    throws("event.to_array()", "Collections.Invalid", "`entries`, `keys` and `values`");
}

#[test]
fn what_a_function_throws_has_its_place() {
    for call in ["sorted_by", "group_by", "any", "count", "flat_map", "take_while", "partition"] {
        let script =
            format!("fn handler(event) {{\n  event.rows.{call}(|row|\n    throw row.city)\n}}");
        let run = Function::of(&script).event(EVENT).run();
        run.failed("Function.ScriptError")
            .at("main.rhai:3:")
            .mentioning("a closure")
            .kept_serving();
    }
}

#[test]
fn none_of_them_outlives_the_memory() {
    for call in [
        "t.repeat(9000000000)",
        "[t, t, t, t].join(t)",
        "t.replaced(\"a\", t)",
        "t.replaced(\"a\", \"a \").words()",
        "t.pad_start(9000000000)",
        "(0..9000000000).to_array()",
        "(0..9000000000).map(|n| n)",
        "range(0, 9000000000, 1).to_array()",
        "(0..()).to_array()",
        "[t].flat_map(|it| it.split(\"a\"))",
    ] {
        let script = format!(
            "fn handler(event) {{ if event != 1 {{ return 2 }} let t = \"\"; t.pad(9000000, 'a'); {call}; 0 }}"
        );
        let run =
            Function::of(&script).env("RHAMBDA_MAX_MEMORY_MB", "48").event("1").event("2").run();
        run.failed("Function.MemoryLimit").responded("2").kept_serving();
    }
}
