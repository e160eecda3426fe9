//! Parts of a script as messages have them.

use rhai::Expr;

use super::bindings::Part;
use super::{Known, Step};

/// The first step of a chain, as a part of what it begins with.
pub(super) fn first_step(steps: &[Step]) -> Part {
    match steps.first() {
        Some(Step::Dot(Expr::Property(property, _))) => Part::Named(property.2.to_string()),
        Some(Step::Index(Expr::StringConstant(key, _))) => Part::Named(key.to_string()),
        _ => Part::Any,
    }
}

/// A value as it is written, or a word for it where that is long.
pub(super) fn path<'k>(known: &'k Known, otherwise: &'k str) -> &'k str {
    known.path.as_deref().filter(|path| path.len() <= 40).unwrap_or(otherwise)
}
