//! A closure runs what its own file has, wherever it is called; also where a script and its modules were
//! made from one template, so that their closures are alike and in the same place.

use rhambda_tests::{Function, Run};

/// What all three files begin with.
const TEMPLATE: &str = r#"const RATE = 0;
fn label() { "NAME" }
fn named(l) { l.map(|v| label() + v) }
fn kept(l) { l.filter(|v| label() == "eu" || v > 1) }
fn called(v) { let f = |x| label() + x; f.call(v) }
fn give() { |x| label() + x }
fn capturing() { let a = "-"; |x| label() + a + x + global::RATE }
fn curried() { let f = |x, y| label() + x + y; f.curry("c") }
fn nested(l) { l.map(|a| [a].map(|b| label() + b)[0]) }
fn apply(f, v) { f.call(v) }
fn each(l, f) { l.map(f) }
fn picked(n) { switch n { 0 => |x| label() + "0" + x, _ => |x| label() + "_" + x } }
fn looped() { let s = ""; for i in 0..4 { s += label() } s }
fn tried() { try { throw 1 } catch { return label() } }
fn person(n) { #{ name: n, greet: || label() + this.name } }
fn by_name() { let f = Fn("label"); f.call() }
fn bare() { let f = label; f.call() }
fn first(l) { l.find(|v| label() + v == "us2") }
fn sum(l) { l.reduce(|s, v| s + v + RATES(), 0) }
fn RATES() { global::RATE }
fn ordered(l) { l.sort(|a, b| if label() == "eu" { b - a } else { a - b }); l }
export const SIGN = |x| label() + x;
"#;

fn from_template(name: &str, rate: &str) -> String {
    TEMPLATE.replace("NAME", name).replace("RATE = 0", &format!("RATE = {rate}"))
}

/// Events, one after the other, for a script and two modules of one template.
fn runs(handler: &str, events: usize, see: impl Fn(Run)) {
    let script = format!(
        "{}import \"eu\" as eu; import \"us\" as us;\n{handler}\n",
        from_template("main", "1")
    );
    for by_engine in [false, true] {
        let mut function = Function::of(&script)
            .file("eu.rhai", from_template("eu", "2"))
            .file("us.rhai", from_template("us", "3"));
        for index in 0..events {
            function = function.event(index.to_string());
        }
        if by_engine {
            function = function.env("RHAMBDA_MAX_OPERATIONS", "1000000000");
        }
        see(function.run());
    }
}

#[track_caller]
fn gives(body: &str, response: &str) {
    runs(&format!("fn handler(event) {{ {body} }}"), 2, |run| {
        run.responded(response).responded(response).kept_serving();
    });
}

#[test]
fn in_their_own_file() {
    gives("[named([1]), eu::named([1]), us::named([1])]", r#"[["main1"],["eu1"],["us1"]]"#);
    gives("[kept([1, 2]), eu::kept([1, 2]), us::kept([1, 2])]", "[[2],[1,2],[2]]");
    gives(
        "[called(1), eu::called(1), us::called(1), called(1)]",
        r#"["main1","eu1","us1","main1"]"#,
    );
    gives("[eu::nested([1]), us::nested([1]), nested([1])]", r#"[["eu1"],["us1"],["main1"]]"#);
    gives("[eu::first([1, 2]), us::first([1, 2]), first([1, 2])]", "[null,2,null]");
    gives("[eu::sum([1, 1]), us::sum([1, 1]), sum([1, 1])]", "[6,8,4]");
    gives("[eu::ordered([1, 2]), us::ordered([2, 1]), ordered([2, 1])]", "[[2,1],[1,2],[1,2]]");
}

#[test]
fn functions_of_one_name() {
    gives(
        "[looped(), eu::looped(), us::looped(), looped()]",
        r#"["mainmainmainmain","eueueueu","usususus","mainmainmainmain"]"#,
    );
    gives("[tried(), eu::tried(), us::tried(), tried()]", r#"["main","eu","us","main"]"#);
    gives("[by_name(), eu::by_name(), us::by_name()]", r#"["main","eu","us"]"#);
    gives("[bare(), eu::bare(), us::bare()]", r#"["main","eu","us"]"#);
}

#[test]
fn handed_out() {
    gives("[give().call(1), eu::give().call(1), us::give().call(1)]", r#"["main1","eu1","us1"]"#);
    gives(
        "[capturing().call(1), eu::capturing().call(1), us::capturing().call(1)]",
        r#"["main-11","eu-12","us-13"]"#,
    );
    gives(
        "[curried().call(1), eu::curried().call(1), us::curried().call(1)]",
        r#"["mainc1","euc1","usc1"]"#,
    );
    gives(
        "[picked(0).call(1), eu::picked(0).call(1), us::picked(1).call(1)]",
        r#"["main01","eu01","us_1"]"#,
    );
    gives(
        "[[1].map(give())[0], [1].map(eu::give())[0], [1].map(us::capturing())[0]]",
        r#"["main1","eu1","us-13"]"#,
    );
    gives("[call(eu::give(), 1), call(us::give(), 1)]", r#"["eu1","us1"]"#);
}

#[test]
fn handed_on() {
    gives(
        "[us::apply(eu::give(), 1), eu::apply(us::give(), 1), eu::apply(give(), 1)]",
        r#"["eu1","us1","main1"]"#,
    );
    gives(
        "[us::apply(eu::capturing(), 1), apply(us::capturing(), 1), eu::apply(capturing(), 1)]",
        r#"["eu-12","us-13","main-11"]"#,
    );
    gives(
        "[us::each([1], eu::give())[0], eu::each([1], |x| label() + x)[0]]",
        r#"["eu1","main1"]"#,
    );
    gives("[us::apply(|x| eu::apply(|y| label() + x + y, 2), 1), label()]", r#"["main12","main"]"#);
}

#[test]
fn in_constants_and_maps() {
    gives("[eu::SIGN.call(1), us::SIGN.call(1), SIGN.call(1)]", r#"["eu1","us1","main1"]"#);
    gives(
        "let a = eu::person(\"a\"); let b = us::person(\"b\"); let c = person(\"c\"); \
         [a.greet(), b.greet(), c.greet()]",
        r#"["eua","usb","mainc"]"#,
    );
}

#[test]
fn kept_for_a_later_event() {
    let handler = "fn handler(event) {
        if event == 0 { this.all = [eu::give(), us::capturing(), give()]; }
        this.all.map(|f| f.call(event))
    }";
    runs(handler, 2, |run| {
        run.responded(r#"["eu0","us-03","main0"]"#).responded(r#"["eu1","us-13","main1"]"#);
    });
    let handler = "fn handler(event) {
        if event == 0 { import \"other\" as other; this.f = other::give(); }
        this.f.call(event)
    }";
    let script = format!("fn label() {{ \"main\" }}\n{handler}");
    for limit in ["1000000000", ""] {
        let mut function =
            Function::of(&script).file("other.rhai", from_template("other", "9")).event("0");
        if !limit.is_empty() {
            function = function.env("RHAMBDA_MAX_OPERATIONS", limit);
        }
        function.event("1").run().responded(r#""other0""#).responded(r#""other1""#);
    }
}

#[test]
fn at_the_top_level() {
    runs(
        "const ALL = [eu::give().call(1), us::apply(eu::give(), 2), us::apply(|x| x + global::RATE, 5)];
         fn handler(event) { ALL }",
        1,
        |run| {
            run.responded(r#"["eu1","eu2",6]"#);
        },
    );
}
