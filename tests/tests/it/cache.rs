//! `cache`: what an environment keeps between its invocations.

use rhambda_tests::{Event, Function};
use std::time::Duration;

#[test]
fn a_value_is_made_once_and_kept_between_invocations() {
    let script = "fn handler(event) {
        let made = 0;
        let rates = cache::get_or(\"rates\", 300, || { made += 1; #{ eur: [1, 2] } });
        rates.eur.push(3);
        [made, rates]
    }";
    Function::of(script)
        .event("{}")
        .event("{}")
        .run()
        .responded(r#"[1,{"eur":[1,2,3]}]"#)
        .responded(r#"[0,{"eur":[1,2,3]}]"#)
        .kept_serving();
}

#[test]
fn values_are_set_read_replaced_and_removed() {
    let script = "fn handler(event) {
        if event == 2 { return [cache::get(\"a\"), cache::get(\"b\"), cache::get(\"none\")]; }
        cache::set(\"a\", 1, 60);
        cache::set(\"a\", #{ x: \"y\" }, 60.5);
        cache::set(\"b\", 1, 60);
        cache::set(\"c\", 1, 60);
        cache::set(\"c\", 2, 0);
        [cache::remove(\"b\"), cache::remove(\"b\"), cache::get(\"c\"),
         cache::get_or(\"d\", -1, || 1), cache::get_or(\"d\", -1, || 2),
         cache::get_or(\"e\", 60, || ()), cache::get_or(\"e\", 60, || 3)]
    }";
    Function::of(script)
        .event("1")
        .event("2")
        .run()
        .responded(r#"[true,false,null,1,2,null,null]"#)
        .responded(r#"[{"x":"y"},null,null]"#)
        .kept_serving();
}

#[test]
fn what_is_no_longer_fresh_is_made_anew() {
    let script = "fn handler(event) {
        let first = cache::get_or(\"k\", 0.02, || 1);
        sleep(0.03);
        [first, cache::get(\"k\"), cache::get_or(\"k\", 60, || 2), cache::get(\"k\")]
    }";
    Function::of(script).event("{}").run().responded("[1,null,2,2]").kept_serving();
}

#[test]
fn an_error_is_thrown_and_nothing_is_kept() {
    let script = "fn handler(event) {
        let caught = ();
        try { cache::get_or(\"k\", 60, || { throw \"down\" }); } catch (error) { caught = error; }
        [caught, cache::get(\"k\"), cache::get_or(\"k\", 60, || \"up\")]
    }";
    Function::of(script).event("{}").run().responded(r#"["down",null,"up"]"#).kept_serving();
    Function::of("fn handler(event) {\n    cache::set(\"k\", 1, \"soon\")\n}\n")
        .event("{}")
        .run()
        .failed_as("Function.ScriptError", "Cache.Invalid")
        .saying("a number, not string")
        .at("main.rhai:2:")
        .kept_serving();
}

#[test]
fn a_maker_may_use_the_cache_itself() {
    let script = "fn handler(event) {
        cache::get_or(\"outer\", 60, || cache::get_or(\"inner\", 60, || 1) + 1)
            + cache::get(\"inner\") + cache::get(\"outer\")
    }";
    Function::of(script).event("{}").run().responded("5").kept_serving();
}

#[test]
fn a_maker_that_never_ends_is_stopped_at_the_deadline() {
    let script = "fn handler(event) {
        if event == 1 { cache::get_or(\"k\", 60, || { loop { } }) } else { \"served\" }
    }";
    Function::of(script)
        .sent(Event::new("1").due_in(Duration::from_millis(500)))
        .event("2")
        .run()
        .failed("Function.DeadlineExceeded")
        .responded("\"served\"")
        .kept_serving();
}

#[test]
fn a_full_cache_lets_go_of_what_was_used_longest_ago() {
    let script = "fn handler(event) {
        let megabyte = \"\"; megabyte.pad(1 << 20, \"x\");
        cache::set(\"used\", megabyte, 600);
        cache::set(\"idle\", megabyte, 600);
        for n in 0..40 {
            let other = \"\"; other.pad(1 << 20, \"y\");
            cache::set(`other ${n}`, other, 600);
            cache::get(\"used\");
        }
        [cache::get(\"used\") != (), cache::get(\"idle\"), cache::get(\"other 39\") != ()]
    }";
    Function::of(script).event("{}").run().responded("[true,null,true]").kept_serving();
}

#[test]
fn a_value_that_is_too_large_is_given_and_not_kept() {
    let script = "fn handler(event) {
        let large = cache::get_or(\"k\", 60, || blob(20 << 20));
        [large.len, cache::get(\"k\")]
    }";
    Function::of(script)
        .event("{}")
        .run()
        .responded("[20971520,null]")
        .logged("too large for the cache")
        .kept_serving();
}

#[test]
fn a_script_that_ran_out_of_memory_begins_with_an_empty_cache() {
    let script = "fn handler(event) {
        if event == 1 { cache::set(\"k\", 1, 600); let a = []; loop { a.push(\"x\" + a.len); } }
        cache::get(\"k\")
    }";
    Function::of(script)
        .event("1")
        .event("2")
        .run()
        .failed("Function.MemoryLimit")
        .responded("null")
        .logged("what it kept in `this` and `cache` is dropped")
        .kept_serving();
}
