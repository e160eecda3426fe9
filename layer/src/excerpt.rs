//! A line of source with a caret under the place that matters.

/// The excerpt for a line and column counted from 1; empty if there is no such line.
pub(crate) fn excerpt(source: &str, line: usize, column: usize) -> String {
    let Some(text) = line.checked_sub(1).and_then(|index| source.lines().nth(index)) else {
        return String::new();
    };
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    // A tab stays a tab, so that the caret stands below its character in any editor.
    let before = text.chars().chain(std::iter::repeat(' ')).take(column.max(1) - 1);
    let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    format!("{gutter} |\n{number} | {text}\n{gutter} | {indent}^")
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
}
