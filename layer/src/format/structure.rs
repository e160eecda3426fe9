//! What each token is to the tokens around it, and how far a line that begins with it is indented.
//!
//! This reads the script no further than it has to: it knows brackets, statements and a few keywords,
//! and leaves the rest of the grammar to the engine.

use super::tokens::{Kind, Token};

/// What a token is to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Comment,
    /// A keyword behind which something else begins: `return`, `if`.
    Keyword,
    /// A name, a number, a string.
    Operand,
    Open(Bracket),
    Close(Bracket),
    Comma,
    Semicolon,
    /// Between a key and its value.
    Colon,
    /// `::`
    Path,
    /// `.` and `?.`
    Dot,
    /// `..` and `..=`
    Range,
    /// A sign or `!` before an operand.
    Prefix,
    /// An operator between two operands, assignments and `=>` among them.
    Binary,
    /// The `!` of `f!(x)`.
    Capture,
    /// The first `|` of a closure.
    OpenPipe,
    /// The second `|` of a closure, or its `||`.
    ClosePipe,
}

/// What is between brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bracket {
    /// `( )`
    Round,
    /// `[ ]` and `?[ ]`
    Square,
    /// `#{ }`
    Map,
    /// `{ }` with statements.
    Block,
    /// `{ }` of a `switch`.
    Cases,
}

/// What is known of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) role: Role,
    /// How far its line is indented if it is the first there.
    pub(crate) indent: usize,
}

/// The place of each token.
pub(crate) fn places(tokens: &[Token]) -> Vec<Place> {
    let mut next = vec![None; tokens.len()];
    let mut last = None;
    for (index, token) in tokens.iter().enumerate().rev() {
        next[index] = last;
        if token.kind != Kind::Comment {
            last = Some(index);
        }
    }
    let mut reader = Reader {
        tokens,
        next,
        frames: vec![Frame::new(Bracket::Block, 0)],
        before: None,
        is_first: true,
        places: Vec::with_capacity(tokens.len()),
    };
    reader.frames[0].inside = 0;
    for index in 0..tokens.len() {
        reader.read(index);
    }
    reader.places
}

/// Brackets that are open.
#[derive(Debug)]
struct Frame {
    bracket: Bracket,
    /// How far a line with its closing bracket is indented.
    outside: usize,
    /// How far a line is indented in which something begins.
    inside: usize,
    /// How far the last line that began in these brackets is indented; the one of the opening
    /// bracket until then.
    line: usize,
    /// How far the line is indented in which the present statement or element begins.
    element: usize,
    /// The first word or symbol of the present statement or element.
    head: Option<&'static str>,
    /// What waits for its block, and how far its line is indented.
    headers: Vec<(&'static str, usize)>,
    /// How far the line of the block's closing brace is indented that was closed last.
    closed: usize,
    /// It is between the pipes of a closure.
    is_in_pipes: bool,
}

impl Frame {
    fn new(bracket: Bracket, outside: usize) -> Frame {
        Frame {
            bracket,
            outside,
            inside: outside + 1,
            line: outside,
            element: outside,
            head: None,
            headers: Vec::new(),
            closed: outside,
            is_in_pipes: false,
        }
    }
}

/// What stands before a token, comments aside.
#[derive(Debug, Clone, Copy)]
struct Before {
    role: Role,
    /// A statement or element has ended with it, or brackets begun.
    ends: bool,
}

/// What a token begins, if that is a statement with blocks.
fn head(token: &Token) -> Option<&'static str> {
    STATEMENTS.iter().find(|it| token.is(it)).copied()
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    /// Which token is behind each, comments aside.
    next: Vec<Option<usize>>,
    /// The script itself is the first of them.
    frames: Vec<Frame>,
    before: Option<Before>,
    /// Nothing but comments stood in this line.
    is_first: bool,
    places: Vec<Place>,
}

/// Words that a block follows, at once or behind a condition.
const HEADERS: [&str; 11] =
    ["if", "else", "while", "until", "for", "loop", "do", "switch", "fn", "try", "catch"];

/// Statements with blocks by what they begin with. All but `do` end with their last block.
const STATEMENTS: [&str; 10] =
    ["if", "while", "for", "loop", "do", "switch", "fn", "private", "try", "{"];

/// Other words that are no names.
const KEYWORDS: [&str; 11] = [
    "return", "throw", "let", "const", "in", "import", "export", "as", "private", "break",
    "continue",
];

impl Reader<'_> {
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the frame of the script is never closed")
    }

    fn read(&mut self, index: usize) {
        let token = &self.tokens[index];
        self.is_first |= index == 0 || token.line_ends > 0;
        if token.kind == Kind::Comment {
            let indent = self.indent_of_comment(index);
            self.places.push(Place { role: Role::Comment, indent });
            return;
        }
        let is_first = std::mem::take(&mut self.is_first);
        let begins = self.before.is_none_or(|before| before.ends);
        let role = self.role(index);
        let indent = self.indent(index, role);
        self.places.push(Place { role, indent });
        if is_first && !matches!(role, Role::Close(_)) {
            self.frame().line = indent;
        }
        if begins && !matches!(role, Role::Close(_)) {
            let frame = self.frame();
            frame.element = frame.line;
            frame.head = head(token);
            frame.headers.clear();
        }
        let ends = self.enter(index, role, is_first, indent);
        self.before = Some(Before { role, ends });
    }

    /// Takes note of what the token opens, closes or announces. Says whether something ends with it.
    fn enter(&mut self, index: usize, role: Role, is_first: bool, indent: usize) -> bool {
        let token = &self.tokens[index];
        let next = self.next[index].map(|next| &self.tokens[next]);
        let frame = self.frame();
        match role {
            Role::Open(bracket) => {
                let mut outside = frame.line;
                if matches!(bracket, Bracket::Block | Bracket::Cases) {
                    let header = frame.headers.pop().filter(|_| !is_first);
                    outside = header.map_or(outside, |(_, indent)| indent);
                }
                self.frames.push(Frame::new(bracket, outside));
                true
            }
            Role::Close(bracket) => {
                let outside = frame.outside;
                if self.frames.len() > 1 {
                    self.frames.pop();
                }
                let frame = self.frame();
                frame.closed = outside;
                if is_first {
                    frame.line = indent;
                }
                matches!(bracket, Bracket::Block | Bracket::Cases) && self.ends_with_block(index)
            }
            Role::Semicolon => true,
            Role::Comma => frame.bracket != Bracket::Block && !frame.is_in_pipes,
            Role::OpenPipe => {
                frame.is_in_pipes = true;
                let line = frame.line;
                frame.headers.push(("|", line));
                false
            }
            Role::ClosePipe => {
                frame.is_in_pipes = false;
                false
            }
            Role::Keyword => {
                if let Some(header) = HEADERS.iter().find(|it| token.is(it)) {
                    // `else if` has one block.
                    if frame.headers.last().is_some_and(|(last, _)| *last == "else") {
                        frame.headers.pop();
                    }
                    let line = frame.line;
                    frame.headers.push((header, line));
                }
                false
            }
            Role::Binary if token.text == "=>" => {
                // A statement begins that may end with its block; its lines belong to the case.
                let element = frame.element;
                frame.headers.clear();
                frame.headers.push(("=>", element));
                frame.head = next.and_then(head);
                false
            }
            _ => false,
        }
    }

    /// Whether the brace that closes a block here ends its statement.
    fn ends_with_block(&mut self, index: usize) -> bool {
        let follows = self.next[index].map(|next| self.tokens[next].text);
        let frame = self.frame();
        let is_statement = matches!(frame.bracket, Bracket::Block | Bracket::Cases);
        let goes_on = matches!(follows, Some("else" | "catch"));
        // A condition may have blocks of its own.
        let is_whole = frame.headers.iter().all(|(header, _)| *header == "=>");
        is_statement && is_whole && !goes_on && frame.head.is_some_and(|head| head != "do")
    }

    fn role(&mut self, index: usize) -> Role {
        let token = &self.tokens[index];
        let before = self.before;
        // Names of properties may be keywords elsewhere.
        let is_property = before.is_some_and(|it| matches!(it.role, Role::Dot | Role::Path));
        let wants_operand = before.is_none_or(|it| {
            it.ends || !matches!(it.role, Role::Operand | Role::Close(_) | Role::Capture)
        });
        match (token.kind, token.text) {
            (Kind::Comment, _) => Role::Comment,
            (Kind::Number | Kind::Text, _) => Role::Operand,
            (Kind::Word, _) if is_property => Role::Operand,
            (Kind::Word, word) if HEADERS.contains(&word) || KEYWORDS.contains(&word) => {
                Role::Keyword
            }
            (Kind::Word, _) => Role::Operand,
            (_, "(") => Role::Open(Bracket::Round),
            (_, "[" | "?[") => Role::Open(Bracket::Square),
            (_, "#{") => Role::Open(Bracket::Map),
            (_, "{") => match self.frame().headers.last() {
                Some(("switch", _)) => Role::Open(Bracket::Cases),
                _ => Role::Open(Bracket::Block),
            },
            (_, ")" | "]" | "}") => Role::Close(self.frame().bracket),
            (_, ",") => Role::Comma,
            (_, ";") => Role::Semicolon,
            (_, ":") => Role::Colon,
            (_, "::") => Role::Path,
            (_, "." | "?.") => Role::Dot,
            (_, ".." | "..=") => Role::Range,
            (_, "|") if self.frame().is_in_pipes => Role::ClosePipe,
            (_, "|") if wants_operand => Role::OpenPipe,
            (_, "||") if wants_operand => Role::ClosePipe,
            (_, "-" | "+" | "!") if wants_operand => Role::Prefix,
            (_, "!") => Role::Capture,
            _ => Role::Binary,
        }
    }

    /// How far a line is indented that begins with this token.
    fn indent(&mut self, index: usize, role: Role) -> usize {
        let token = &self.tokens[index];
        let before = self.before;
        let frame = self.frame();
        if let Role::Close(_) = role {
            return frame.outside;
        }
        let Some(before) = before.filter(|before| !before.ends) else { return frame.inside };
        let is_after_block = matches!(before.role, Role::Close(Bracket::Block));
        if is_after_block && (token.is("else") || token.is("catch")) {
            return frame.closed;
        }
        if is_after_block && frame.head == Some("do") && (token.is("while") || token.is("until")) {
            return frame.closed;
        }
        let is_brace = matches!(role, Role::Open(Bracket::Block | Bracket::Cases));
        match frame.headers.last() {
            // A brace that has a line for itself.
            Some((_, header)) if is_brace && before.role != Role::Binary => *header,
            _ if matches!(role, Role::Comma | Role::Semicolon) => frame.inside,
            _ => frame.element + 1,
        }
    }

    /// A comment belongs to what follows, in the same brackets.
    fn indent_of_comment(&mut self, index: usize) -> usize {
        let Some(next) = self.next[index] else { return self.frame().inside };
        let is_closed = matches!(self.tokens[next].text, ")" | "]" | "}")
            && self.tokens[next].kind == Kind::Symbol;
        if is_closed {
            // Behind the lines of a chain it may be one of them.
            let goes_on = self.before.is_some_and(|before| !before.ends);
            let frame = self.frame();
            return if goes_on { frame.line.max(frame.inside) } else { frame.inside };
        }
        let role = self.role(next);
        self.indent(next, role)
    }
}
