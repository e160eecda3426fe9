//! Whole arrays of records at a time.

use rhambda_tests::Function;

#[track_caller]
fn gives(body: &str, response: &str) {
    let script = format!("fn handler(event) {{ {body} }}");
    Function::of(&script).event("[]").run().responded(response).kept_serving();
}

#[track_caller]
fn fails(body: &str, says: &str) {
    let script = format!("fn handler(event) {{ {body} }}");
    Function::of(&script).event("[]").run().failed("Function.ScriptError").saying(says);
}

#[test]
fn records_are_grouped_counted_and_indexed_by_a_key_or_a_path() {
    const ROWS: &str = "const ROWS = [
        #{ id: 1, at: #{ city: \"Rome\" } },
        #{ id: 2, at: #{ city: \"Oslo\" } },
        #{ id: 3, at: #{ city: \"Rome\" } },
    ];
    fn handler(event) {
        [
            ROWS.group_by(\"at.city\").Rome.pluck(\"id\"), ROWS.count_by(\"at.city\"),
            ROWS.index_by(\"at.city\").Rome.id, ROWS.unique_by(\"at.city\").pluck(\"id\"),
            ROWS.filter_by(\"at.city\", \"Oslo\").pluck(\"id\"), ROWS.pluck(\"at.zip\"), ROWS.len(),
        ]
    }";
    Function::of(ROWS)
        .event("{}")
        .run()
        .responded(r#"[[1,3],{"Oslo":1,"Rome":2},3,[1,2],[2],[null,null,null],3]"#);
}

#[test]
fn numbers_are_summed_and_found() {
    gives("[[1, 2].sum(), [0.5, 1].sum(), [].sum()]", "[3,1.5,0]");
    gives("[#{ n: 1 }, #{}, #{ n: 4 }].sum_by(\"n\")", "5");
    gives("[#{ n: 1 }, #{ n: 4 }].max_by(\"n\").n + [#{ n: 2.5 }, #{ n: 1 }].min_by(\"n\").n", "5");
    gives("[[].max_by(\"n\")]", "[null]");
    fails("[9223372036854775807, 1].sum()", "overflows at item 1");
    fails("[1, \"2\"].sum()", "item 1 is of type string, not a number");
    fails("[#{ n: [] }].sum_by(\"n\")", "`n` of item 0 is of type array");
    gives(
        "[#{ n: 1, g: \"a\" }, #{ n: 0.5, g: \"b\" }, #{ g: \"a\" }].sum_by(\"n\", \"g\")",
        r#"{"a":1,"b":0.5}"#,
    );
    fails("[#{ n: 1 }].sum_by(\"n\", \"g\")", "sum_by: item 0 has no `g`");
}

#[test]
fn sorting_is_stable_and_says_what_it_cannot_compare() {
    let rows = "[#{ n: 2, x: 1 }, #{ n: 1, x: 2 }, #{ n: 2, x: 3 }]";
    gives(&format!("{rows}.sort_by(\"n\").pluck(\"x\")"), "[2,1,3]");
    gives(&format!("{rows}.sort_by(\"n\", \"desc\").pluck(\"x\")"), "[1,3,2]");
    gives("[#{ n: \"b\" }, #{ n: \"B\" }].sort_by(\"n\").pluck(\"n\")", r#"["B","b"]"#);
    gives("let a = [3, 1]; a.sort_by(|x, y| x - y); a", "[1,3]");
    fails(
        "[#{ n: 1 }, #{ n: \"1\" }].sort_by(\"n\")",
        "`n` of item 1 is text, which does not compare with a number of item 0",
    );
    fails("[#{ n: 1 }].sort_by(\"n\", \"up\")", "asc or desc, not `up`");
    fails("[#{ n: 1 }, 7].sort_by(\"n\")", "item 1 has no `n`");
}

#[test]
fn arrays_are_cut_and_maps_are_put_together() {
    gives("[1, 2, 3, 4, 5].chunk(2)", "[[1,2],[3,4],[5]]");
    gives("[1, 1.0, \"1\", [1], [1], #{ a: 1 }, #{ a: 1 }].unique()", r#"[1,"1",[1],{"a":1}]"#);
    gives("#{ a: 1, b: 1 }.merge(#{ b: 2, c: 3 })", r#"{"a":1,"b":2,"c":3}"#);
    gives("#{ a: #{ b: [5, #{ c: 6 }] } }.get_path(\"a.b.1.c\")", "6");
    gives("[#{}.get_path(\"a.b\", 7), #{ a: () }.get_path(\"a\", 8)]", "[7,8]");
    gives("#{ a: 1, b: 2 }.pick([\"a\", \"z\"])", r#"{"a":1}"#);
    gives("#{ a: 1, b: 2 }.omit([\"a\"])", r#"{"b":2}"#);
    gives("[1, 2, 3].zip([\"a\", ()])", r#"[[1,"a"],[2,null]]"#);
    gives("[3, 1].zip([1, 2], |x, y| x + y)", "[4,3]");
    fails("[1].chunk(0)", "at least 1");
    fails("[1].chunk(-5)", "at least 1");
    fails("#{}.pick([1])", "a name is of type");
}

#[test]
fn maps_are_merged_to_their_depth_and_stay_as_they_are() {
    gives(
        "let a = #{ x: #{ y: 1, z: [1] }, k: 1 }; let b = #{ x: #{ z: [2] }, k: #{ n: () } };
         [a.merge_deep(b), a, b, a.merge_deep(#{}), #{}.merge_deep(a) == a]",
        r#"[{"k":{"n":null},"x":{"y":1,"z":[2]}},{"k":1,"x":{"y":1,"z":[1]}},
            {"k":{"n":null},"x":{"z":[2]}},{"k":1,"x":{"y":1,"z":[1]}},true]"#
            .replace("\n            ", "")
            .as_str(),
    );
}

#[test]
fn a_value_is_put_where_a_path_leads() {
    gives(
        "let a = #{ items: [#{ n: 1 }], gone: () };
         a.set_path(\"items.0.n\", 2); a.set_path(\"items.1\", 5); a.set_path(\"gone.x.y\", a);
         [a.get_path(\"items\"), a.gone.x.y.items.len(), a.get_path(\"gone.x.y.items.1\")]",
        r#"[[{"n":2},5],2,5]"#,
    );
    fails("let a = #{ b: 1 }; a.set_path(\"b.c\", 1)", "`b` is of type i64, which has no `c`");
    fails("let a = #{ b: [] }; a.set_path(\"b.1\", 1)", "and no `1`");
    fails("let a = #{ b: [] }; a.set_path(\"b.-1\", 1)", "and no `-1`");
    fails("let a = #{}; a.set_path(text::repeat(\"a.\", 600), 1)", "more than 512 deep");
}

#[test]
fn copies_end_where_the_memory_ends() {
    let script = "fn handler(event) {
        let row = #{ k: 1 };
        row.text = [];
        row.text.pad(20000, 1);
        let rows = [];
        for i in 0..60 { rows.push(row); }
        let all = [];
        loop { all += rows.sort_by(\"k\"); }
    }";
    let run = Function::of(script).event("1").event("2").run();
    run.failed("Function.MemoryLimit").failed("Function.MemoryLimit").kept_serving();
}
