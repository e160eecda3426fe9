//! The functions of a file see their own file, what they import and the library, and a function is called
//! as a method only if it is written to be one.

use rhambda_tests::Function;

/// What a script with these modules answers, by both evaluators.
#[track_caller]
fn gives(script: &str, modules: &[(&str, &str)], response: &str) {
    for by_engine in [false, true] {
        let mut function = Function::of(script).event("1").event("2");
        for (path, text) in modules {
            function = function.file(path, text);
        }
        if by_engine {
            function = function.env("RHAMBDA_MAX_OPERATIONS", "1000000000");
        }
        function.run().responded(response).responded(response).kept_serving();
    }
}

/// What a handler's body gives where the script has functions of these names, none of which is a method, and
/// a module does the same.
#[track_caller]
fn methods_are_the_librarys(body: &str, response: &str) {
    const FUNCTIONS: &str = r#"
        fn remove(id) { "script" } fn push(x) { "script" } fn get(x) { "script" }
        fn contains(x) { "script" } fn filter(f) { "script" } fn map(f) { "script" }
        fn sum() { "script" } fn len() { "script" } fn is_empty() { "script" } fn sort() { "script" }
        fn to_string() { "script" } fn to_upper() { "script" } fn index_of(x) { "script" }
        fn unique() { "script" } fn reduce(f, x) { "script" } fn keys() { "script" }
        fn trim() { "script" } fn split(x) { "script" } fn to_json() { "script" }
    "#;
    let tried = format!("fn tried() {{ try {{ throw 1 }} catch {{ return {{ {body} }} }} }}");
    let plain = format!("fn plain() {{ {body} }}");
    let own = format!("{FUNCTIONS} {plain} {tried} fn handler(event) {{ [plain(), tried()] }}");
    gives(&own, &[], &format!("[{response},{response}]"));
    let importer =
        format!("import \"m\" as m; {FUNCTIONS} fn handler(event) {{ [m::plain(), m::tried()] }}");
    gives(
        &importer,
        &[("m.rhai", &format!("{plain} {tried}"))],
        &format!("[{response},{response}]"),
    );
}

#[test]
fn a_function_without_this_takes_no_method_s_place() {
    for (body, response) in [
        (r#"let m = #{ secret: 1, b: 2 }; m.remove("secret"); m"#, r#"{"b":2}"#),
        ("let l = [1]; l.push(2); l", "[1,2]"),
        ("let l = [[1]]; l[0].push(2); l", "[[1,2]]"),
        (r#"#{ a: 7 }.get("a")"#, "7"),
        ("[1, 2].contains(2)", "true"),
        (r#"[#{ a: 1 }.contains("a"), "abc".contains("b")]"#, "[true,true]"),
        ("2 in [1, 2]", "true"),
        ("[!(2 in [1, 2]), 3 !in [1, 2]]", "[false,true]"),
        ("[1, 2, 3].filter(|x| x > 1)", "[2,3]"),
        ("[1, 2, 3].filter(|x| x > 1).map(|x| x * 2)", "[4,6]"),
        ("[1, 2, 3].sum()", "6"),
        ("[[1, 2].len(), \"ab\".len(), #{ a: 1 }.len(), [].is_empty()]", "[2,2,1,true]"),
        ("let l = [2, 1]; l.sort(); l", "[1,2]"),
        ("[5.to_string(), `${5}`, \"\" + 5]", r#"["5","5","5"]"#),
        (r#"["ab".to_upper(), "abc".index_of("c")]"#, r#"["AB",2]"#),
        ("[1, 1].unique()", "[1]"),
        ("[1, 2].reduce(|s, x| s + x, 0)", "3"),
        ("[#{ a: 1 }.keys(), #{ a: 1 }.to_json()]", r#"[["a"],"{\"a\":1}"]"#),
        (r#"let t = " a b "; t.trim(); t.split(" ")"#, r#"["a","b"]"#),
        ("let l = [1]; for x in [2, 3] { l.push(x) } l.len()", "3"),
        ("[1, 2].map(|x| [x].contains(x))", "[true,true]"),
    ] {
        methods_are_the_librarys(body, response);
    }
}

#[test]
fn a_function_is_called_by_its_name_all_the_same() {
    gives(
        r#"fn remove(id) { "removed " + id } fn len(x) { "mine" }
           fn contains(list, x) { "mine" }
           fn handler(event) {
               [remove(7), len([1]), [1].len(), contains([1], 1), 1 in [1], [1].contains(1)]
           }"#,
        &[],
        r#"["removed 7","mine",1,"mine",true,true]"#,
    );
}

#[test]
fn a_function_with_this_is_a_method_in_its_own_file() {
    let module = "fn pushed(l) { l.push(1); l } fn emptied(m) { m.clear(); m }";
    gives(
        r#"import "m" as m;
           fn push(x) { this += [x, x]; }
           fn clear() { this.kept = 1; }
           fn seen() { for x in [1] { break this } }
           fn handler(event) {
               let l = [0]; l.push(1); let k = #{}; k.clear();
               [l, k, "x".seen(), m::pushed([0]), m::emptied(#{ a: 1 })]
           }"#,
        &[("m.rhai", module)],
        r#"[[0,1,1],{"kept":1},"x",[0,1],{}]"#,
    );
}

#[test]
fn a_function_for_a_type_is_a_method_beside_one_that_is_none() {
    for (functions, response) in [
        (r#"fn int.twice() { this * 2 } fn twice() { "function" }"#, r#"[4,"function"]"#),
        (r#"fn twice() { "function" } fn int.twice() { this * 2 }"#, r#"[4,"function"]"#),
    ] {
        gives(&format!("{functions} fn handler(event) {{ [2.twice(), twice()] }}"), &[], response);
        let script = format!("{functions} fn handler(event) {{ \"x\".twice() }}");
        for by_engine in ["0", "1000000000"] {
            Function::of(&script)
                .env("RHAMBDA_MAX_OPERATIONS", by_engine)
                .event("1")
                .run()
                .failed("Function.FunctionNotFound")
                .saying("function `twice` not found")
                .saying("is no method, which it is if it names `this`");
        }
    }
    // It is for values of its type, and the library's method for others.
    gives(
        r#"fn "array".len() { 100 } fn len() { "function" }
           fn handler(event) { [[1].len(), "ab".len(), len()] }"#,
        &[],
        r#"[100,2,"function"]"#,
    );
}

#[test]
fn a_function_without_this_is_no_method_of_anything() {
    for limit in ["0", "1000000000"] {
        Function::of("fn total() { 1 }\nfn handler(event) {\n  event.total() }")
            .env("RHAMBDA_MAX_OPERATIONS", limit)
            .event("{}")
            .run()
            .failed("Function.FunctionNotFound")
            .saying("function `total` not found")
            .at("main.rhai:3:9");
    }
}

#[test]
fn a_module_sees_nothing_of_those_that_import_it() {
    let module = r#"
        const OWN = "own";
        fn function() { helper() }
        fn constant() { MAIN }
        fn of_global() { global::MAIN }
        fn imported() { other::value() }
        fn method() { 5.doubled() }
        fn pointer() { [1].map(helper) }
        fn by_name() { [1].map(Fn("helper")) }
        fn made() { [1].map(Fn("hel" + "per")) }
        fn its_own() { [OWN, global::OWN] }
    "#;
    let others = "fn value() { 1 } fn int.doubled() { this * 2 }";
    let script = |call: &str| {
        format!(
            r#"import "other" as other; import "m" as m;
               const MAIN = "main"; fn helper(x) {{ x }} fn helper() {{ 0 }} fn int.doubled() {{ this }}
               fn handler(event) {{ m::{call}() }}"#
        )
    };
    for call in
        ["function", "constant", "of_global", "imported", "method", "pointer", "by_name", "made"]
    {
        for limit in ["0", "1000000000"] {
            let run = Function::of(&script(call))
                .file("m.rhai", module)
                .file("other.rhai", others)
                .env("RHAMBDA_MAX_OPERATIONS", limit)
                .event("1")
                .run();
            let posted: Vec<String> = run
                .calls()
                .iter()
                .filter(|call| call.method == "POST")
                .map(|it| it.text())
                .collect();
            assert!(
                posted[0].contains("Function.FunctionNotFound")
                    || posted[0].contains("Function.VariableNotFound")
                    || posted[0].contains("Function.ModuleNotFound"),
                "{call}: {posted:?}"
            );
        }
    }
    let modules = [("m.rhai", module), ("other.rhai", others)];
    gives(&script("its_own"), &modules, r#"["own","own"]"#);
}

#[test]
fn the_top_level_of_a_module_sees_nothing_of_those_that_import_it() {
    for (top, error) in [
        ("const X = helper();", "function `helper` not found"),
        ("const X = other::value();", "other"),
        ("const X = MAIN;", "MAIN"),
        ("const X = [1].map(helper);", "helper"),
    ] {
        Function::of(
            r#"const MAIN = 1; fn helper() { 1 } import "other" as other; import "m" as m;
               fn handler(event) { m::X }"#,
        )
        .file("m.rhai", top)
        .file("other.rhai", "fn value() { 1 }")
        .run()
        .init_failed(if error == "other" {
            "Runtime.ImportModuleError"
        } else {
            "Runtime.UserCodeInitError"
        })
        .saying(error);
    }
    // What it has itself it sees, also where its functions are called from it, and closures by others.
    gives(
        r#"import "m" as m; fn remove(x) { "script" } fn handler(event) { [m::A, m::B, m::C, m::D] }"#,
        &[
            (
                "m.rhai",
                r#"import "apply" as apply; import "other" as other; const RATE = 3;
                   fn rated(x) { x * RATE } fn remove(x) { "module" }
                   const A = rated(2); const B = apply::each([1], rated);
                   const C = apply::each([1], |x| other::value() + rated(x));
                   const D = apply::removed(#{ a: 1 }, "a");"#,
            ),
            ("apply.rhai", "fn each(l, f) { l.map(f) } fn removed(m, k) { m.remove(k); m }"),
            ("other.rhai", "fn value() { 10 }"),
        ],
        "[6,[3],[13],{}]",
    );
}

#[test]
fn a_function_that_is_handed_on_by_its_name_is_that_of_its_own_file() {
    let module = r#"
        fn own(x) { "module's " + x } fn own(x, y) { "module's two" }
        fn each(l, f) { l.map(f) }
        fn picked(l, f) { l.filter(f) }
        fn called(f, x) { f.call(x) }
        fn given() { own } fn given_by_name() { Fn("own") } fn made(name) { Fn(name) }
        fn apply_own(l) { l.map(own) }
    "#;
    let script = |body: &str| {
        format!(
            r#"import "m" as m;
               fn own(x) {{ "main's " + x }} fn odd(x) {{ x % 2 == 1 }} fn shown() {{ `<${{this}}>` }}
               fn handler(event) {{ {body} }}"#
        )
    };
    for (body, response) in [
        ("m::each([1], own)", r#"["main's 1"]"#),
        ("m::each([1], Fn(\"own\"))", r#"["main's 1"]"#),
        ("m::each([1], Fn(\"o\" + \"wn\"))", r#"["main's 1"]"#),
        ("m::each([1], |x| own(x))", r#"["main's 1"]"#),
        ("m::picked([1, 2, 3], odd)", "[1,3]"),
        ("m::each([1, 2], shown)", r#"["<1>","<2>"]"#),
        ("[1].map(m::given())", r#"["module's 1"]"#),
        ("[1].map(m::given_by_name())", r#"["module's 1"]"#),
        ("[1].map(m::made(\"own\"))", r#"["module's 1"]"#),
        ("m::given().call(1, 2)", r#""module's two""#),
        ("m::apply_own([1])", r#"["module's 1"]"#),
        ("let o = #{ f: own, g: m::given() }; [o.f(1), o.g(1)]", r#"["main's 1","module's 1"]"#),
        (
            "[own.name, Fn(\"own\").to_string(), `${own}`, own.is_anonymous, type_of(own)]",
            r#"["own","Fn(own)","Fn(own)",false,"Fn"]"#,
        ),
        ("[m::given().name, [own].to_string()]", r#"["own","[Fn*(\"own\")]"]"#),
        ("[\"ab\", \"c\"].map(Fn(\"len\"))", "[2,1]"),
        ("let name = \"len\"; [\"ab\", \"c\"].map(Fn(name))", "[2,1]"),
    ] {
        gives(&script(body), &[("m.rhai", module)], response);
    }
    for limit in ["0", "1000000000"] {
        Function::of(&script("own.call(1, 2)"))
            .file("m.rhai", module)
            .env("RHAMBDA_MAX_OPERATIONS", limit)
            .event("1")
            .run()
            .failed("Function.FunctionNotFound")
            .saying("function `own` not found")
            .not_saying("anon$");
    }
}

#[test]
fn what_fails_in_a_function_that_was_handed_on_is_told_by_its_name() {
    for limit in ["0", "1000000000"] {
        Function::of("import \"m\" as m;\nfn bad(x) { x.nothing.more }\nfn handler(event) { m::each([1], bad) }")
            .file("m.rhai", "fn each(l, f) { l.map(f) }")
            .env("RHAMBDA_MAX_OPERATIONS", limit)
            .event("1")
            .run()
            .failed("Function.PropertyNotFound")
            .at("bad (main.rhai:2:15)")
            .not_saying("anon$");
    }
}

#[test]
fn exports_of_a_script_are_seen_by_its_functions_and_not_by_its_modules() {
    gives(
        r#"import "m" as m; let a = 1; export a; let b = 2; export b as c; export const D = 4;
           fn handler(event) { [a, c, D, global::D] }"#,
        &[("m.rhai", "fn f() { 1 }")],
        "[1,2,4,4]",
    );
    gives(
        r#"import "m" as m; fn handler(event) { [m::both(), m::D] }"#,
        &[("m.rhai", "let a = 1; export a; export const D = 4; fn both() { [a, D] }")],
        "[[1,4],4]",
    );
}

#[test]
fn a_function_that_sees_its_callers_variables_sees_them_before_the_file_s_names() {
    gives(
        r#"const RATE = 1; fn seen() { 2 } fn look() { [RATE, seen] }
           fn handler(event) { let RATE = 10; let seen = 20; look!() }"#,
        &[],
        "[10,20]",
    );
}

#[test]
fn a_module_that_is_imported_by_a_function_sees_nothing_of_it() {
    gives(
        r#"fn push(x) { this.own = x } fn remove(x) { "script" }
           fn handler(event) { import "late" as late; [late::pushed(), late::removed()] }"#,
        &[(
            "late.rhai",
            "fn pushed() { let l = []; l.push(1); l } fn removed() { let m = #{ a: 1 }; m.remove(\"a\"); m }",
        )],
        "[[1],{}]",
    );
}
