//! A closure that uses the variable that its own chain begins with: `items.map(|x| items.len())`.

use rhai::Position;

use super::Traps;

/// Tells of a method whose closure has captured what the method is called on.
pub(super) fn tell(traps: &mut Traps, name: &str, root: &str, position: Position) {
    let message = format!(
        "the closure uses `{root}`, which `{name}` holds while it runs: this ends in a data race error"
    );
    let help = format!(
        "take out before what the closure needs, or a copy: `let all = {root};`, and use `all` in it"
    );
    traps.error("own-root", position, name.chars().count(), message, help);
}
