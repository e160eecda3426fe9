//! What a lowered function is made of.

use std::cell::RefCell;
use std::ops::Range;

use rhai::{Dynamic, Expr, Identifier, ImmutableString, Position, Scope};

use super::operators::Operator;

/// Where a variable is, counted from the first parameter.
pub type Slot = usize;

/// An expression or a statement; each has a value.
pub enum Node {
    /// A literal, except a function pointer, which knows where it was made.
    Constant(Dynamic),
    /// A variable's value.
    Variable(Slot),
    /// A variable's value, which nothing reads afterwards.
    Last(Slot),
    /// What is at the end of a path.
    Read(Box<Path>),
    /// `a + b`, `a < b`, ...
    Binary(Box<Binary>),
    /// `!a`; what is not a boolean is for the engine.
    Not(Box<(Node, Native)>),
    /// `a && b`, and where each begins.
    And(Vec<(Node, Position)>),
    /// `a || b`
    Or(Vec<(Node, Position)>),
    /// `a ?? b`
    Coalesce(Vec<Node>),
    /// `[a, b]`
    Array(Vec<Node>),
    /// `#{ a: b }`
    Map(Vec<(Identifier, Node)>),
    /// `` `a ${b}` ``, with what formats a value that is not simple.
    Text(Vec<Node>, Box<Native>),
    /// A closure that captures variables: what makes it, and those.
    Closure(Box<Native>, Vec<Slot>),
    /// A function of the script.
    Call(Box<Call>),
    /// A method that is done in place where the receiver's type is the usual one.
    Method(Box<Method>),
    /// `.filter(...)`, `.map(...)` or one after the other, of an array where it is.
    Query(Box<Query>),
    /// What the engine evaluates.
    Native(Box<Native>),
    /// Statements, the last of which gives the value; these variables end with it.
    Block(Vec<Node>, Range<Slot>),
    /// `let a = b;`
    Let(Slot, Box<Node>),
    /// `a = b;`
    Assign(Slot, Box<Node>),
    /// `a += b;`, `a.b = c;`, `a.b += c;`
    Change(Box<Change>),
    /// `if a { b } else { c }`
    If(Box<(Condition, Node, Node)>),
    /// `while a { b }`; without a condition, `loop`
    While(Option<Box<Condition>>, Box<Node>, Position),
    /// `do { b } while a`, which ends when the condition is this.
    Do(Box<Node>, Box<Condition>, bool, Position),
    /// `for`
    For(Box<For>),
    /// `break a`
    Break(Option<Box<Node>>),
    /// `continue`
    Continue,
    /// `return a`
    Return(Option<Box<Node>>),
    /// `throw a`
    Throw(Option<Box<Node>>, Position),
}

/// What is true or false, and where it begins.
pub struct Condition {
    pub node: Node,
    pub position: Position,
}

/// Where a path begins.
#[derive(Clone, Copy, PartialEq)]
pub enum Root {
    Variable(Slot),
    This,
}

/// `root.name[index]?.name`
pub struct Path {
    pub root: Root,
    pub steps: Vec<Part>,
    /// The same, for what is not a map or an array.
    pub native: Native,
}

/// A step of a path.
pub enum Part {
    /// `.name`; `?.name` if it may begin at nothing.
    Property { name: Identifier, is_optional: bool },
    /// `[index]`, likewise.
    Index { node: Node, is_optional: bool },
}

/// An operator, with what evaluates it where the operands are not numbers or text.
pub struct Binary {
    pub operator: Operator,
    pub left: Node,
    pub right: Node,
    pub native: Native,
}

/// A call of a function of the same file.
pub struct Call {
    pub place: usize,
    pub arguments: Vec<Node>,
    /// Whether the first argument is evaluated after the others, as the engine does where it is a
    /// variable.
    pub first_is_last: bool,
    pub position: Position,
    /// For a function that is not lowered.
    pub native: Native,
}

/// A method of an array, a map or a text.
pub struct Method {
    pub kind: MethodKind,
    pub root: Root,
    pub steps: Vec<Part>,
    pub argument: Option<Node>,
    /// The same with the argument as its first temporary value.
    pub native: Native,
}

/// A filter, a map, or one after the other.
pub struct Query {
    pub root: Root,
    pub steps: Vec<Part>,
    pub stages: Vec<Stage>,
    /// The same with the functions as its values.
    pub native: Native,
}

/// What is done to each element.
pub struct Stage {
    pub is_filter: bool,
    pub function: Node,
    pub position: Position,
}

#[derive(Clone, Copy, PartialEq)]
pub enum MethodKind {
    Len,
    IsEmpty,
    Push,
    Contains,
}

/// An assignment that is more than `a = b`.
pub struct Change {
    pub root: Root,
    pub steps: Vec<Part>,
    pub kind: ChangeKind,
    pub value: Node,
    /// The same with the value as its first temporary value.
    pub native: Native,
}

#[derive(Clone, Copy)]
pub enum ChangeKind {
    /// `=`
    Put,
    /// `+=` and its like.
    Combine(Operator),
    /// An operator that is the engine's.
    Other,
}

/// `for (item, counter) in list { body }`
pub struct For {
    pub item: Slot,
    pub counter: Option<Slot>,
    pub list: List,
    pub body: Node,
    /// Whether the body only reads the item.
    pub only_reads: bool,
    pub position: Position,
    /// Where the engine places what the list itself cannot give.
    pub end: Position,
}

/// What is gone through.
pub enum List {
    /// `a..b`, `a..=b`, and the same as a value.
    Range { start: Node, end: Node, is_inclusive: bool, native: Native },
    /// The end of a path whose root the body does not name.
    Path(Path),
    /// Anything else.
    Value(Node),
}

/// What the engine evaluates, with the variables that it names and values that were evaluated before.
pub struct Native {
    pub expression: Expr,
    pub variables: Vec<(ImmutableString, Slot)>,
    pub temporaries: Vec<Node>,
    /// How many values are given to it, which are the temporaries or come from elsewhere.
    pub values: usize,
    /// The names of the variables and the values, ready to be given what they stand for.
    pub scope: RefCell<Scope<'static>>,
}

/// What the values that are evaluated before an expression of the engine are called in it: as no
/// variable can be.
pub const VALUES: [&str; 8] = ["$0", "$1", "$2", "$3", "$4", "$5", "$6", "$7"];

impl Native {
    pub fn new(
        expression: Expr,
        variables: Vec<(ImmutableString, Slot)>,
        temporaries: Vec<Node>,
        values: usize,
    ) -> Self {
        let values = values.max(temporaries.len());
        let mut native =
            Self { expression, variables, temporaries, values, scope: RefCell::default() };
        native.scope = RefCell::new(native.new_scope());
        native
    }

    pub fn new_scope(&self) -> Scope<'static> {
        let mut scope = Scope::new();
        let names = self.variables.iter().map(|(name, _)| name.as_str());
        for name in names.chain(VALUES.into_iter().take(self.values)) {
            scope.push_dynamic(name, Dynamic::UNIT);
        }
        scope
    }
}
