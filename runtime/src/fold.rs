//! What the optimizer would make: it puts constants in the place of their names, where that makes nothing large.
//!
//! It does so without asking anybody: `const B = [A, A]; const C = [B, B]; …` is a program of a few lines
//! that no memory holds. Here what would come of it is estimated first.

use std::collections::HashMap;

use rhai::{AST, ASTFlags, ASTNode, Expr, Stmt};

use crate::memory;

/// About what a node takes, with the copies that are made on the way.
const NODE: usize = 256;

/// Whether more would come of it than there is room for.
#[must_use]
pub fn is_too_large(text: &str, ast: &AST) -> bool {
    let room = memory::limit().saturating_sub(memory::used());
    // Without constants nothing comes of folding that is larger than the text.
    text.contains("const") && nodes(ast).is_some_and(|nodes| nodes >= room / NODE)
}

/// How many nodes the script has at most once each constant stands in the place of its name; nothing where it
/// has no constant but the word, as in a comment.
fn nodes(ast: &AST) -> Option<usize> {
    let mut sizes: HashMap<String, usize> = HashMap::new();
    let mut all = 0usize;
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, flags, _)))
                if flags.contains(ASTFlags::CONSTANT) =>
            {
                let mut size = 0usize;
                variable.1.walk(&mut Vec::new(), &mut |path| {
                    size = size.saturating_add(path.last().map_or(1, |node| of(node, &sizes)));
                    true
                });
                let known = sizes.entry(variable.0.name.to_string()).or_default();
                *known = size.max(*known);
            }
            Some(node) => all = all.saturating_add(of(node, &sizes)),
            None => {}
        }
        true
    });
    (!sizes.is_empty()).then_some(all)
}

fn of(node: &ASTNode, sizes: &HashMap<String, usize>) -> usize {
    const LETTERS: usize = 64;
    match node {
        ASTNode::Expr(Expr::Variable(variable, ..)) => {
            sizes.get(variable.1.as_str()).copied().unwrap_or(1)
        }
        ASTNode::Expr(Expr::StringConstant(text, _)) => 1 + text.len() / LETTERS,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use rhai::{Engine, OptimizationLevel};

    use super::*;

    #[test]
    fn constants_of_constants_are_counted_as_often_as_they_stand() {
        let mut engine = Engine::new_raw();
        engine.set_optimization_level(OptimizationLevel::None);
        let count = |text: &str| nodes(&engine.compile(text).unwrap()).unwrap_or(0);
        assert!(count("const A = [1, 2]; fn f() { A }") < 20);
        let mut text = "const A0 = [1, 2, 3, 4];".to_owned();
        for index in 1..30 {
            text.push_str(&format!("const A{index} = [A{0}, A{0}, A{0}, A{0}];", index - 1));
        }
        assert!(count(&text) > 1 << 40);
    }
}
