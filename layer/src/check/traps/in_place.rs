//! The value of a method that changes what it is called on: `let n = s.trim();`.

use rhai::{Expr, FnCallExpr, Position};

use super::{Known, Traps, said};
use crate::check::table::{Kind, Signature, Table};

const RULE: &str = "in-place";

/// What gives a changed copy instead, by preference. Those are told that this version has, so that a
/// name may stand here before there is such a function.
const COPYING: &[(&str, &[&str])] = &[
    ("append", &["concat", "appended"]),
    ("clear", &[]),
    ("crop", &["sub_string"]),
    ("dedup", &["unique"]),
    ("fill_with", &["merge"]),
    ("make_lower", &["to_lower"]),
    ("make_upper", &["to_upper"]),
    ("mixin", &["merge"]),
    ("replace", &["replaced", "with_replaced"]),
    ("sort", &["sorted", "sorted_by", "order"]),
    ("sort_by", &["sorted_by", "order_by"]),
    ("sort_desc", &["sorted_desc", "order_desc"]),
    ("trim", &["trimmed"]),
];

/// Tells of a method whose value is used although it has none.
pub(super) fn method(
    traps: &mut Traps,
    of: &Known,
    call: &FnCallExpr,
    position: Position,
    kinds: &[Option<Kind>],
) {
    let name = call.name.as_str();
    if name == "for_each" && traps.table.gives(name, kinds) == Some(Kind::Unit) {
        let message = "`for_each` gives `()`, whatever its closure gives".to_owned();
        return traps.warn(
            RULE,
            position,
            name.len(),
            message,
            "`map` gives an array of the results".into(),
        );
    }
    if !traps.table.is_in_place(name, kinds) {
        return;
    }
    let receiver = said::path(of, "");
    let help = help(traps.table, name, receiver, &arguments(call, 0), kinds);
    let message = message(traps.table, name, kinds);
    traps.warn(RULE, position, name.chars().count(), message, help);
}

/// The same for one that is called as a function: `let n = trim(s);`.
pub(super) fn function(
    traps: &mut Traps,
    call: &FnCallExpr,
    position: Position,
    kinds: &[Option<Kind>],
) {
    let name = call.name.as_str();
    if !traps.table.is_in_place(name, kinds) {
        return;
    }
    let receiver = match call.args.first() {
        Some(Expr::Variable(variable, ..)) => variable.1.to_string(),
        _ => String::new(),
    };
    let help = help(traps.table, name, &receiver, &arguments(call, 1), kinds);
    let message = message(traps.table, name, kinds);
    traps.warn(RULE, position, name.chars().count(), message, help);
}

fn message(table: &Table, name: &str, kinds: &[Option<Kind>]) -> String {
    let signatures = table.signatures(name, kinds);
    let receiver = |of: &&Signature| of.takes.first().copied().flatten();
    let first = signatures.first().and_then(receiver);
    let first = first.filter(|_| {
        signatures.iter().all(|it| receiver(it) == first || receiver(it) == Some(Kind::Char))
    });
    let what = match first {
        Some(Kind::Text) => "the text",
        Some(Kind::Array) => "the array",
        Some(Kind::Map) => "the map",
        Some(Kind::Blob) => "the blob",
        _ => "the value it is called on",
    };
    format!("`{name}` changes {what} and gives `()`, which is used here")
}

/// Arguments of a call as they may be written again.
fn arguments(call: &FnCallExpr, skipped: usize) -> String {
    let written = call.args.iter().skip(skipped).map(|argument| match argument {
        Expr::StringConstant(text, _) if text.len() < 20 && !text.contains(['"', '\\', '\n']) => {
            format!("\"{text}\"")
        }
        Expr::IntegerConstant(number, _) => number.to_string(),
        Expr::Variable(variable, ..) if variable.1.len() < 20 => variable.1.to_string(),
        _ => "…".to_owned(),
    });
    written.collect::<Vec<_>>().join(", ")
}

fn help(
    table: &Table,
    name: &str,
    receiver: &str,
    arguments: &str,
    kinds: &[Option<Kind>],
) -> String {
    let first = match receiver {
        "" => format!(
            "keep the value in a variable first, then `x.{name}({arguments});`, then use `x`"
        ),
        _ => format!("write `{receiver}.{name}({arguments});` first, then use `{receiver}`"),
    };
    let receiver = if receiver.is_empty() { "x" } else { receiver };
    match copying(table, name, kinds) {
        Some(copying) => {
            format!("`{receiver}.{copying}({arguments})` gives a new value; or {first}")
        }
        None => first,
    }
}

/// The method that gives a changed copy.
fn copying(table: &Table, name: &str, kinds: &[Option<Kind>]) -> Option<String> {
    let listed = COPYING.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, all)| all);
    let regular = [format!("{name}ed"), format!("{name}d"), format!("with_{name}")];
    let names = listed.iter().map(|name| (*name).to_owned()).chain(regular);
    names.into_iter().find(|name| {
        let signatures = table.signatures(name, kinds);
        !signatures.is_empty() && signatures.iter().all(|it| it.gives != Some(Kind::Unit))
    })
}
