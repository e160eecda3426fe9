//! What was not there: the expressions behind an error, by its place in the syntax tree.
//!
//! The engine tells the types of what it was given, not where that came from. `()` is mostly a field
//! that an event does not have, and its name is what the author of a script needs.

use rhai::{ASTFlags, ASTNode, Dynamic, EvalAltResult, Expr, ImmutableString, Map, Position, Stmt};

use crate::description::Signature;
use crate::suggest;

/// Shows the value of a variable to a function, if there is such a variable.
pub type Look<'l> = dyn Fn(&str, &mut dyn FnMut(&Dynamic)) + 'l;

/// What the source says about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The file of the error.
    pub file: ImmutableString,
    /// The place of the error.
    pub position: Position,
    /// The function was called as a method: `value.f()`.
    pub is_method: bool,
    /// It is what stands in brackets behind a value.
    pub is_index: bool,
    /// The operator as it is written, where the engine calls it otherwise.
    pub operator: Option<&'static str>,
    /// What was not there, as a clause: "`event.usr` is not there; did you mean `event.user`?".
    pub absent: Option<String>,
}

/// A variable, and what leads from it to a value.
struct Path {
    text: String,
    root: String,
    /// `None` where it takes more than looking.
    steps: Option<Vec<Step>>,
}

enum Step {
    Name(String),
    Index(i64),
}

/// A step of a chain, as it is written.
struct Part<'a> {
    expression: &'a Expr,
    is_index: bool,
    is_optional: bool,
    position: Position,
}

/// The place that is looked for.
enum Sought<'a> {
    Call { position: Position, units: &'a [usize] },
    Member(Position),
    List(Position),
    Condition { position: Position, is_absent: bool },
}

/// Finds what an error is about in the statements that it came from. Only variables of the function
/// itself are looked at, and only those whose name means one variable: both evaluators know these.
#[must_use]
pub fn asked(
    error: &EvalAltResult,
    block: &Expr,
    parameters: &[ImmutableString],
    file: &ImmutableString,
    look: &Look,
) -> Option<Asked> {
    use EvalAltResult as E;
    let mut asked = Asked {
        file: file.clone(),
        position: error.position(),
        is_method: false,
        is_index: false,
        operator: None,
        absent: None,
    };
    let position = error.position();
    if position.is_none() {
        return None;
    }
    let units: Vec<usize>;
    let sought = match error {
        E::ErrorFunctionNotFound(signature, _) => {
            let types = Signature::of(signature)?.types;
            units = (0..types.len()).filter(|index| types[*index] == "()").collect();
            Sought::Call { position, units: &units }
        }
        E::ErrorDotExpr(..) | E::ErrorIndexingType(..) => Sought::Member(position),
        E::ErrorFor(_) => Sought::List(position),
        E::ErrorMismatchDataType(_, actual, _) => {
            Sought::Condition { position, is_absent: actual == "()" }
        }
        E::ErrorRuntime(value, _) if is_about_nothing(value) => {
            // The library does not say which of its arguments it means.
            units = (0..MOST_ARGUMENTS).collect();
            Sought::Call { position, units: &units }
        }
        _ => return None,
    };
    let is_sure = !matches!(error, E::ErrorRuntime(..));
    let paths = sought.paths_in(block, &mut asked);
    let means_one = |name: &str| means_one_variable(block, parameters, name);
    asked.absent = paths.iter().find_map(|path| path.told(&means_one, look, is_sure));
    Some(asked)
}

/// As many arguments are looked at.
const MOST_ARGUMENTS: usize = 16;

/// Whether an error of the library says that it was given `()`.
fn is_about_nothing(value: &Dynamic) -> bool {
    value.read_lock::<Map>().is_some_and(|map| {
        let text =
            |name: &str| map.get(name).and_then(|text| text.clone().into_immutable_string().ok());
        text("type").is_some() && text("message").is_some_and(|said| said.contains("()"))
    })
}

impl Sought<'_> {
    /// The paths to the values that may not be there.
    fn paths_in(&self, block: &Expr, asked: &mut Asked) -> Vec<Path> {
        let mut found: Option<Vec<Path>> = None;
        block.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            let Some(node) = path.last() else { return true };
            let is_inner = matches!(path, [.., ASTNode::Expr(outer), ASTNode::Expr(inner)]
                if goes_on(outer).is_some_and(|rest| std::ptr::eq(rest, *inner)));
            if !is_inner {
                found = self.paths_at(node, asked);
            }
            found.is_none()
        });
        found.unwrap_or_default()
    }

    fn paths_at(&self, node: &ASTNode, asked: &mut Asked) -> Option<Vec<Path>> {
        match (self, node) {
            (
                Self::Call { position, units },
                ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at)),
            ) if at == position => {
                // `part in whole`, which is `contains(whole, part)`.
                if let ("contains", [_, part]) = (call.name.as_str(), &*call.args)
                    && is_before(part.start_position(), *at)
                {
                    asked.operator = Some("in");
                }
                let arguments = units.iter().filter_map(|index| call.args.get(*index));
                Some(arguments.filter_map(path_of).collect())
            }
            (Self::Call { position, units }, ASTNode::Stmt(Stmt::Assignment(parts)))
                if parts.0.position() == *position =>
            {
                let sides = [&parts.1.lhs, &parts.1.rhs];
                let arguments = units.iter().filter_map(|index| sides.get(*index));
                Some(arguments.filter_map(|side| path_of(side)).collect())
            }
            (Self::Call { position, units }, ASTNode::Expr(chain)) => {
                let (root, parts) = parts_of(chain);
                let (index, arguments) =
                    parts.iter().enumerate().find_map(|(index, part)| match part.expression {
                        Expr::MethodCall(call, at) if at == position => Some((index, &call.args)),
                        _ => None,
                    })?;
                asked.is_method = true;
                let given = units.iter().filter_map(|unit| match unit.checked_sub(1) {
                    None => path_along(root, &parts[..index]),
                    Some(argument) => arguments.get(argument).and_then(path_of),
                });
                Some(given.collect())
            }
            (Self::Member(position), ASTNode::Expr(chain)) => {
                let (root, parts) = parts_of(chain);
                let index = parts.iter().position(|part| match part.is_index {
                    true => part.position == *position,
                    false => {
                        matches!(part.expression, Expr::Property(_, at) if at == position)
                            || part.position == *position
                    }
                })?;
                Some(path_along(root, &parts[..index]).into_iter().collect())
            }
            (Self::List(position), ASTNode::Stmt(Stmt::For(parts, _)))
                if parts.2.expr.start_position() == *position =>
            {
                Some(path_of(&parts.2.expr).into_iter().collect())
            }
            (Self::Condition { position, is_absent }, ASTNode::Expr(chain)) => {
                let (_, parts) = parts_of(chain);
                let index = parts
                    .iter()
                    .find(|part| part.is_index && part.expression.start_position() == *position);
                asked.is_index |= index.is_some();
                let value: &Expr = match index {
                    Some(part) => part.expression,
                    None if chain.position() == *position => chain,
                    None => return None,
                };
                path_of(value).map(|path| if *is_absent { vec![path] } else { Vec::new() })
            }
            _ => None,
        }
    }
}

impl Path {
    /// Says what is not there. Nothing is said of a value that is, nor, unless it is sure to be `()`, of
    /// one that cannot be looked at.
    fn told(&self, means_one: &dyn Fn(&str) -> bool, look: &Look, is_sure: bool) -> Option<String> {
        let mut told = None;
        if let (Some(steps), true) = (&self.steps, means_one(&self.root)) {
            look(&self.root, &mut |value| {
                told = Some(self.walk(value, self.root.clone(), steps, is_sure));
            });
        }
        told.unwrap_or_else(|| is_sure.then(|| format!("`{}` is `()`", self.text)))
    }

    fn walk(
        &self,
        value: &Dynamic,
        walked: String,
        steps: &[Step],
        is_sure: bool,
    ) -> Option<String> {
        let Some((step, rest)) = steps.split_first() else {
            let is_unit = value.is_unit() || value.read_lock::<()>().is_some();
            return is_unit.then(|| format!("`{walked}` is `()`"));
        };
        let unknown = || is_sure.then(|| format!("`{}` is `()`", self.text));
        match step {
            Step::Name(name) => {
                let Some(map) = value.read_lock::<Map>() else { return unknown() };
                let is_word = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
                let next = match is_word {
                    true => format!("{walked}.{name}"),
                    false => format!("{walked}[{name:?}]"),
                };
                let Some(value) = map.get(name.as_str()) else {
                    let near = suggest::nearest(name, map.keys().map(rhai::Identifier::as_str));
                    let near = near.map(|near| format!("; did you mean `{walked}.{near}`?"));
                    return Some(format!("`{next}` is not there{}", near.unwrap_or_default()));
                };
                self.walk(value, next, rest, is_sure)
            }
            Step::Index(index) => {
                let Some(array) = value.read_lock::<rhai::Array>() else { return unknown() };
                let place = match usize::try_from(*index) {
                    Ok(place) => Some(place),
                    Err(_) => usize::try_from(index.unsigned_abs())
                        .ok()
                        .and_then(|back| array.len().checked_sub(back)),
                };
                match place.and_then(|place| array.get(place)) {
                    Some(value) => self.walk(value, format!("{walked}[{index}]"), rest, is_sure),
                    None => unknown(),
                }
            }
        }
    }
}

/// Whether a name can only mean one variable of a function, wherever in it.
fn means_one_variable(block: &Expr, parameters: &[ImmutableString], name: &str) -> bool {
    if name == "this" {
        return true;
    }
    let mut count = parameters.iter().filter(|parameter| *parameter == name).count();
    block.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        count += match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) if variable.0.name == name => 1,
            Some(ASTNode::Stmt(Stmt::For(head, _))) => {
                usize::from(head.0.name == name)
                    + usize::from(head.1.as_ref().is_some_and(|counter| counter.name == name))
            }
            _ => 0,
        };
        count < 2
    });
    count < 2
}

fn is_before(one: Position, other: Position) -> bool {
    (one.line(), one.position()) < (other.line(), other.position())
}

/// What a chain goes on with, if an expression is one.
fn goes_on(chain: &Expr) -> Option<&Expr> {
    match chain {
        Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _)
            if !flags.contains(ASTFlags::BREAK) =>
        {
            Some(&pair.rhs).filter(|rest| matches!(rest, Expr::Dot(..) | Expr::Index(..)))
        }
        _ => None,
    }
}

/// The root of a chain, and its steps.
fn parts_of(expression: &Expr) -> (&Expr, Vec<Part<'_>>) {
    let mut parts = Vec::new();
    let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = expression else {
        return (expression, parts);
    };
    let root = &pair.lhs;
    let mut current = expression;
    while let Expr::Dot(pair, flags, at) | Expr::Index(pair, flags, at) = current {
        let is_index = matches!(current, Expr::Index(..));
        let is_optional = flags.contains(ASTFlags::NEGATED);
        let next = goes_on(current);
        let expression = match next {
            Some(Expr::Dot(rest, ..) | Expr::Index(rest, ..)) => &rest.lhs,
            _ => &pair.rhs,
        };
        parts.push(Part { expression, is_index, is_optional, position: *at });
        match next {
            Some(next) => current = next,
            None => break,
        }
    }
    (root, parts)
}

fn path_of(expression: &Expr) -> Option<Path> {
    let (root, parts) = parts_of(expression);
    path_along(root, &parts)
}

/// The path to what is behind these steps. `None` where it is too much to be named.
fn path_along(root: &Expr, parts: &[Part]) -> Option<Path> {
    const LONGEST: usize = 80;
    let mut path = match root {
        Expr::Variable(variable, ..) if variable.2.is_empty() && !variable.1.starts_with('$') => {
            Path {
                text: variable.1.to_string(),
                root: variable.1.to_string(),
                steps: Some(Vec::new()),
            }
        }
        Expr::ThisPtr(_) => {
            Path { text: "this".into(), root: "this".into(), steps: Some(Vec::new()) }
        }
        Expr::FnCall(call, _) if call.op_token.is_none() && call.namespace.is_empty() => Path {
            text: format!("{}({})", call.name, if call.args.is_empty() { "" } else { "…" }),
            root: String::new(),
            steps: None,
        },
        _ => return None,
    };
    for part in parts {
        let step = match (part.expression, part.is_index) {
            (Expr::Property(property, _), false) => {
                path.text.push_str(if part.is_optional { "?." } else { "." });
                path.text.push_str(&property.2);
                Some(Step::Name(property.2.to_string()))
            }
            (Expr::MethodCall(call, _), false) => {
                let inside = if call.args.is_empty() { "" } else { "…" };
                path.text.push_str(&format!(".{}({inside})", call.name));
                None
            }
            (Expr::IntegerConstant(index, _), true) => {
                path.text.push_str(&format!("[{index}]"));
                Some(Step::Index(*index))
            }
            (Expr::StringConstant(name, _), true) => {
                path.text.push_str(&format!("[{name:?}]"));
                Some(Step::Name(name.to_string()))
            }
            (Expr::Variable(variable, ..), true) => {
                path.text.push_str(&format!("[{}]", variable.1));
                None
            }
            _ => return None,
        };
        match (step, &mut path.steps) {
            (Some(step), Some(steps)) => steps.push(step),
            _ => path.steps = None,
        }
    }
    (path.text.chars().count() <= LONGEST).then_some(path)
}
