//! A line of source with a caret under the place that matters.

/// So much of a line is shown, in characters: more is no help, and a line may have millions.
const WIDEST: usize = 160;
/// So much of that stands before the place.
const BEFORE: usize = 100;

/// A source whose lines are found without looking for each anew.
#[derive(Debug)]
pub(crate) struct Lines<'a>(Vec<&'a str>);

impl<'a> Lines<'a> {
    pub(crate) fn of(source: &'a str) -> Lines<'a> {
        Lines(source.lines().collect())
    }

    /// The excerpt for a line and column counted from 1, with so many carets, at least one; empty if
    /// there is no such line.
    pub(crate) fn excerpt(&self, line: usize, column: usize, length: usize) -> String {
        let text = line.checked_sub(1).and_then(|index| self.0.get(index));
        text.map_or_else(String::new, |text| marked(text, line, column, length))
    }
}

/// The excerpt for a line and column counted from 1; empty if there is no such line.
pub(crate) fn excerpt(source: &str, line: usize, column: usize) -> String {
    let text = line.checked_sub(1).and_then(|index| source.lines().nth(index));
    text.map_or_else(String::new, |text| marked(text, line, column, 1))
}

fn marked(text: &str, line: usize, column: usize, length: usize) -> String {
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let place = column.max(1) - 1;
    // Characters are counted no further than is shown.
    let is_short = text.chars().nth(WIDEST).is_none();
    let first = if is_short || place < WIDEST { 0 } else { place - BEFORE };
    let mut rest = text.chars().skip(first);
    let shown: String = rest.by_ref().take(WIDEST).collect();
    let begin = if first > 0 { "…" } else { "" };
    let end = if rest.next().is_some() { "…" } else { "" };
    // A tab stays a tab, so that the caret stands below its character in any editor.
    let before = begin.chars().chain(shown.chars()).chain(std::iter::repeat(' '));
    let before = before.take(place - first + begin.chars().count());
    let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let room = (shown.chars().count() + 1).saturating_sub(place - first).max(1);
    let carets = "^".repeat(length.clamp(1, room));
    let shown = visible(&shown);
    format!("{gutter} |\n{number} | {begin}{shown}{end}\n{gutter} | {indent}{carets}")
}

/// A text in which what moves a terminal's cursor is a sign: as wide as it was.
fn visible(text: &str) -> String {
    let sign = |c: char| match c {
        '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_its_character() {
        let source = "let a = 1;\n\tlet ü = (1;\n";
        assert_eq!(excerpt(source, 2, 12), "  |\n2 | \tlet ü = (1;\n  | \t          ^");
    }

    #[test]
    fn a_place_after_the_end_has_its_caret_there() {
        assert_eq!(excerpt("ab", 1, 4), "  |\n1 | ab\n  |    ^");
        assert_eq!(excerpt("ab", 2, 1), "");
        assert_eq!(excerpt("ab", 0, 1), "");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("{}HERE{}", "a".repeat(1_000_000), "b".repeat(1_000_000));
        let shown = Lines::of(&source).excerpt(1, 1_000_001, 4);
        let lines: Vec<&str> = shown.lines().collect();
        let (a, b) = ("a".repeat(100), "b".repeat(56));
        assert_eq!(lines[1], format!("1 | …{a}HERE{b}…"));
        assert_eq!(lines[2], format!("  | {}^^^^", " ".repeat(101)));
        let first = excerpt(&source, 1, 3);
        assert_eq!(first.lines().nth(1), Some(format!("1 | {}…", "a".repeat(160)).as_str()));
        assert!(first.ends_with("|   ^"), "{first}");
        assert!(Lines::of(&source).excerpt(1, 9, usize::MAX).len() < 700);
        // A place that is not on the line any more.
        assert!(excerpt(&source, 1, 9_000_000).len() < 700);
    }

    #[test]
    fn an_excerpt_leaves_the_terminal_as_it_is() {
        let shown = excerpt("a\u{1b}]52;c;eA==\u{7}\u{9b}2J\r\u{202e}b", 1, 2);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}
