//! The tokens written in their lines.

use super::spacing::has_space;
use super::structure::{Role, places};
use super::tokens::{Kind, Token, tokens_after};

/// What a level of brackets adds to the beginning of a line.
const INDENT: &str = "    ";

/// Writes tokens down. Lines stay as they are; blank ones are dropped where they are too many.
pub(crate) fn layout(tokens: &[Token]) -> String {
    let places = places(tokens);
    let mut page = Page::default();
    for (index, token) in tokens.iter().enumerate() {
        let place = places[index];
        let left = index.checked_sub(1).map(|left| (&tokens[left], places[left].role));
        match left {
            Some((_, role)) if token.line_ends > 0 => {
                let is_edge = matches!(role, Role::Open(_)) || matches!(place.role, Role::Close(_));
                page.end_lines(if is_edge { 1 } else { token.line_ends.min(2) });
                page.write(&INDENT.repeat(place.indent));
            }
            Some((left, role)) => {
                let joins = || would_join(&tokens[..index - 1], left, token, tokens.get(index + 1));
                if has_space(role, place.role) || joins() {
                    page.write(" ");
                }
            }
            None => {}
        }
        match token.kind {
            Kind::Comment => page.write(&comment(token.text, page.column)),
            _ if token.continued.is_empty() => page.write(token.text),
            _ => page.write(&moved(token, page.column)),
        }
    }
    if !tokens.is_empty() {
        page.end_lines(1);
    }
    page.text
}

/// Whether two tokens without a space between them would be read as others, given what is before and
/// what is behind them.
fn would_join(before: &[Token], left: &Token, right: &Token, behind: Option<&Token>) -> bool {
    // They stand so already.
    if !right.is_apart {
        return false;
    }
    let before = before.iter().rev().find(|before| before.kind != Kind::Comment);
    let mut joined = format!("{}{}", left.text, right.text);
    // Whether a point belongs to the number before it depends on the name behind it.
    if right.text == "." {
        let behind = behind.filter(|it| it.line_ends == 0 && it.kind == Kind::Word);
        joined.push_str(behind.map_or("\n", |it| it.text));
    }
    let read = tokens_after(&joined, before);
    !matches!(read.as_slice(), [a, b, ..] if a.text == left.text && b.text == right.text)
}

/// What has been written, and where its end is.
#[derive(Debug, Default)]
struct Page {
    text: String,
    /// In characters from the beginning of the line.
    column: usize,
}

impl Page {
    fn write(&mut self, text: &str) {
        self.column = match text.rfind('\n') {
            Some(last) => text[last + 1..].chars().count(),
            None => self.column + text.chars().count(),
        };
        self.text.push_str(text);
    }

    fn end_lines(&mut self, count: usize) {
        for _ in 0..count {
            self.write("\n");
        }
    }
}

/// A comment without white space at the ends of its lines. Where each line begins with an asterisk,
/// they stand below each other.
fn comment(text: &str, column: usize) -> String {
    let mut lines = text.trim_end().lines();
    let mut comment = lines.next().unwrap_or_default().trim_end().to_owned();
    let is_starred = lines.clone().all(|line| line.trim_start().starts_with('*'));
    for line in lines {
        comment.push('\n');
        if is_starred {
            comment.push_str(&" ".repeat(column + 1));
            comment.push_str(line.trim());
        } else {
            comment.push_str(line.trim_end());
        }
    }
    comment
}

/// A token in another column. The lines that go on a string move along, since the engine counts the
/// white space at their beginnings from the column in which the string begins.
fn moved(token: &Token, column: usize) -> String {
    let mut shifts = vec![(0, column as isize - token.column as isize)];
    let mut text = String::with_capacity(token.text.len());
    let mut from = 0;
    for line in &token.continued {
        text.push_str(&token.text[from..line.at]);
        from = line.at;
        let shift = shifts.iter().find(|(number, _)| *number == line.begins);
        let mut shift = shift.map_or(0, |(_, shift)| *shift);
        if shift > 0 {
            text.push_str(&" ".repeat(shift as usize));
        } else {
            let white =
                token.text[from..].chars().take_while(|it| it.is_whitespace() && *it != '\n');
            let dropped: Vec<char> = white.take(shift.unsigned_abs()).collect();
            from += dropped.iter().map(|it| it.len_utf8()).sum::<usize>();
            shift = -(dropped.len() as isize);
        }
        shifts.push((line.line, shift));
    }
    text.push_str(&token.text[from..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tokens::tokens;

    /// Checks a table of sources and layouts, and that layouts stay as they are.
    fn check(table: &[(&str, &str)]) {
        for (source, expected) in table {
            let result = layout(&tokens(source));
            assert_eq!(result, format!("{expected}\n"), "{source}");
            assert_eq!(layout(&tokens(&result)), result, "{source}");
        }
    }

    /// Checks that texts are laid out as they stand, and that no indentation is taken from the source.
    fn stays(texts: &[&str]) {
        for text in texts {
            check(&[(text, text)]);
            let flat: Vec<&str> = text.lines().map(str::trim_start).collect();
            check(&[(&flat.join("\n"), text)]);
        }
    }

    #[test]
    fn operators_have_a_space_on_both_sides_and_signs_have_none() {
        check(&[
            ("let x=1+2 *-3;", "let x = 1 + 2 * -3;"),
            ("a -1;a- -1;a - - b;-  x; ! y", "a - 1; a - -1; a - -b; -x; !y"),
            ("- -x; -2**2; - 2**2", "- -x; -2 ** 2; - 2 ** 2"),
            ("a=b;a+=1;a<<=2;a**=3", "a = b; a += 1; a <<= 2; a **= 3"),
            ("a==b&&c||!d", "a == b && c || !d"),
            ("a|b&c^d", "a | b & c ^ d"),
            ("a??b", "a ?? b"),
            ("b in c||b!in c", "b in c || b !in c"),
            ("return -1", "return -1"),
            ("return - x", "return -x"),
            ("x[ -1 ]", "x[-1]"),
            ("for x in 0 .. n-1 { }", "for x in 0..n - 1 {}"),
            ("x[1 ..=2]; x[ .. 2 ]; y = .. 2", "x[1..=2]; x[..2]; y = ..2"),
            ("foo ! ( x )", "foo!(x)"),
            ("1 . abs(); 1 ._a; 1 .\nabs()", "1.abs(); 1._a; 1 .\n    abs()"),
        ]);
    }

    #[test]
    fn brackets_lie_close_and_braces_have_air() {
        check(&[
            ("foo ( a ,b )[ 1 ] [2]", "foo(a, b)[1][2]"),
            ("[ 1,2 , 3, ]", "[1, 2, 3,]"),
            ("#{a:1 , \"b c\" :#{ } , }", "#{ a: 1, \"b c\": #{}, }"),
            ("#{a:[1]}[\"a\"]", "#{ a: [1] }[\"a\"]"),
            ("{let y=1;}", "{ let y = 1; }"),
            ("if(a){ }else{b}", "if (a) {} else { b }"),
            ("while(a){}", "while (a) {}"),
            ("do{a()}until(x)", "do { a() } until (x)"),
            ("for(x,i)in(y){}", "for (x, i) in (y) {}"),
            ("try{a}catch(e){b}", "try { a } catch (e) { b }"),
            ("try{a}catch{b}", "try { a } catch { b }"),
            ("fn  a ( b,c ){ }", "fn a(b, c) {}"),
            ("private  fn int . a( ){1}", "private fn int.a() { 1 }"),
            ("fn \"a.b\" . m( ) { }", "fn \"a.b\".m() {}"),
            ("x ?. y ?[ 1 ] . z", "x?.y?[1].z"),
            ("a :: b :: c ( )", "a::b::c()"),
            ("import \"x\"as y ;export const X=1;", "import \"x\" as y; export const X = 1;"),
            ("throw#{a:1}", "throw #{ a: 1 }"),
            ("a;;b", "a;; b"),
        ]);
    }

    #[test]
    fn closures_are_told_from_operators() {
        check(&[
            ("x.map( | v|v*2 )", "x.map(|v| v * 2)"),
            ("let f=||1;let g=|a,b|{a||b}", "let f = || 1; let g = |a, b| { a || b }"),
            ("let f = | | 1", "let f = | | 1"),
            ("f(|x|-x,||-1)", "f(|x| -x, || -1)"),
            ("let r=if a{1}else{2}|3;", "let r = if a { 1 } else { 2 } | 3;"),
            ("if a { }\n|x|x", "if a {}\n|x| x"),
            ("switch x{1|2=>|x|x,_=>-1}", "switch x { 1 | 2 => |x| x, _ => -1 }"),
        ]);
    }

    #[test]
    fn comments_stand_apart() {
        check(&[
            ("x;// a  \n", "x; // a"),
            ("x;     // a", "x; // a"),
            ("f( /* a */x/* b */,/* c */ y)", "f(/* a */ x /* b */, /* c */ y)"),
            ("a+/* b */-/* c */1", "a + /* b */ - /* c */ 1"),
            ("{// a\n}", "{ // a\n}"),
            ("{ /* a */ }", "{ /* a */ }"),
            ("/*a*/fn/*b*/c(){}", "/*a*/ fn /*b*/ c() {}"),
            ("// a\rb", "// a\nb"),
            ("x /* a", "x /* a"),
        ]);
    }

    #[test]
    fn blank_lines_and_line_ends_are_put_in_order() {
        check(&[
            ("\n\n a;\n\n\n \n b;\n\n", "a;\n\nb;"),
            ("{\n\n a;\n\n}", "{\n    a;\n}"),
            ("f(\r\n\ta,\r\n\r\n\tb\r\n)\r\n", "f(\n    a,\n\n    b\n)"),
            (
                "#!/usr/bin/rhai\n\n\n//! allow: env X\n\nx",
                "#!/usr/bin/rhai\n\n//! allow: env X\n\nx",
            ),
        ]);
        assert_eq!(layout(&tokens("")), "");
        assert_eq!(layout(&tokens(" \n\t\n")), "");
    }

    #[test]
    fn lines_are_indented_by_what_is_open() {
        stays(&[
            "fn a(b) {\n    if b {\n        c();\n    } else if d {\n        e\n    } else {\n        f\n    }\n}",
            "foo(#{\n    a: 1,\n    b: [\n        2,\n    ],\n}, [\n    3,\n])",
            "#{ a: [#{\n    b: 1,\n}] }",
            "foo(\n    a,\n    b(\n        c\n    ), d\n)",
            "foo(a,\n    b)",
            "fn a(\n    b,\n    c\n) {\n    d\n}",
            "let x = if a {\n    1\n} else {\n    2\n};",
            "if a {\n    b\n}\nelse {\n    c\n}",
            "fn a()\n{\n    b\n}",
            "do {\n    a\n}\nwhile b;",
            "try {\n    a\n}\n// why\ncatch (e) {\n    b\n}",
            "foo(|x| {\n    x\n}, |y| {\n    y\n});",
        ]);
    }

    #[test]
    fn lines_that_go_on_are_indented_once_more() {
        stays(&[
            "let x = a\n    + b\n    + foo(\n        c\n    )\n    + d;\ne",
            "let x = a ||\n    b ||\n    c;",
            "let x =\n    a;",
            "return a\n    .b()\n    ?.c(|x| {\n        x\n    })\n    .d();\ne",
            "if a\n    && b {\n    c\n}",
            "if foo(a,\n    b) {\n    c\n}",
            "if (a\n    && b) {\n    c\n}",
            "if a\n    && b\n{\n    c\n}",
            "foo(\n    a\n        + b,\n    c\n)",
            "#{\n    a:\n        1,\n    b: 2,\n}",
            "let f = |a,\n    b| {\n    c\n};",
            "foo(\n    a\n    , b\n)",
            "foo(#{\n    a: 1,\n})\n    .bar()",
            "if a {\n    b\n}\n-1",
        ]);
    }

    #[test]
    fn the_cases_of_a_switch_are_lines_of_their_own() {
        stays(&[
            "switch a {\n    1 => b,\n    2 | 3 if c => {\n        d\n    }\n    4 => if e {\n        f\n    } else {\n        g\n    }\n    5 => h\n        .i(),\n    // why\n    _ => #{\n        j: 1\n    },\n    // end\n}",
            "x = switch a {\n    1 if b\n        && c => {\n        d\n    }\n    2 =>\n        e,\n};\nf",
            "switch foo(|x| {\n    x\n}) {\n    1 => switch b {\n        2 => c,\n    }\n    3 => d\n}",
        ]);
    }

    #[test]
    fn comments_are_indented_with_what_follows() {
        stays(&[
            "// a\nfn b() {\n    // c\n    d\n        // e\n        .f()\n        // g\n        .h();\n    // i\n}",
            "foo(\n    // a\n    b,\n    // c\n)",
            "{\n    /* a */ b\n        + c\n}",
            "{\n    a\n        .b()\n        // c\n}",
        ]);
        check(&[
            ("{\n/* a\n* b\n     */\n}", "{\n    /* a\n     * b\n     */\n}"),
            ("{\n/* a \n  b\n     */\n}", "{\n    /* a\n  b\n     */\n}"),
        ]);
    }

    #[test]
    fn texts_stay_to_the_byte_but_for_what_the_engine_counts() {
        let same = "x = `a\r\n  ${ b+c }\n\t` + #\"\n  \r\n\"#;\ny = \"  a\"\"b\";";
        check(&[(same, same)]);
        check(&[
            // The white space of such a line counts from the column of the quote on.
            ("x=\"a \\\n   b\\\n      c\"", "x = \"a \\\n     b\\\n        c\""),
            ("        x = \"a \\\n   b\\\n              c\"", "x = \"a \\\nb\\\n      c\""),
        ]);
    }
}
