//! Whether there is a space between two tokens of a line.

use super::structure::{Bracket, Role};

/// Whether a space stands between neighbours. What would become one token without it is another's
/// concern.
pub(crate) fn has_space(left: Role, right: Role) -> bool {
    use Bracket::{Map, Round, Square};
    match (left, right) {
        // A bracket that is empty has nothing in it, not even a space.
        (Role::Open(_), Role::Close(_)) => false,
        (Role::Open(Round | Square), Role::Comment) => false,
        (Role::Comment, Role::Close(Round | Square)) => false,
        (Role::Open(Round | Square), _) | (_, Role::Close(Round | Square)) => false,
        (Role::Open(_), _) | (_, Role::Close(_)) => true,
        (_, Role::Comma | Role::Semicolon | Role::Colon) => false,
        (Role::Comment, _) | (_, Role::Comment) => true,
        (Role::Comma | Role::Semicolon | Role::Colon, _) => true,
        (Role::Prefix | Role::Capture | Role::OpenPipe, _) => false,
        (Role::Dot | Role::Path, _) | (_, Role::Dot | Role::Path | Role::Capture) => false,
        (Role::Keyword | Role::Binary, _) | (_, Role::Keyword | Role::Binary) => true,
        (Role::ClosePipe, _) => true,
        // The pipe that closes parameters, or a closure without any behind an operand: there is none.
        (_, Role::ClosePipe) => false,
        (_, Role::Open(Bracket::Block | Bracket::Cases)) => true,
        (Role::Range, _) | (_, Role::Range) => false,
        // A call or an index.
        (Role::Operand | Role::Close(Round | Square), Role::Open(Round | Square)) => false,
        (Role::Close(Map), Role::Open(Square)) => false,
        _ => true,
    }
}
