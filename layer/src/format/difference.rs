//! The lines that differ between a script and its layout, as a unified diff.

use crate::terminal::{Look, Terminal};

/// So many lines that are the same are shown around those that differ.
const CONTEXT: usize = 3;

/// A line of the view. The texts have their line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The view, which `patch` takes. `name` is what the script is called.
pub(crate) fn difference(name: &str, old: &str, new: &str, terminal: &Terminal) -> String {
    let lines = lines(old, new);
    let mut view = terminal.paint_out(Look::Strong, &format!("--- {name}\n+++ {name}"));
    view.push('\n');
    let (mut old_line, mut new_line) = (0, 0);
    let mut from = 0;
    while from < lines.len() {
        let (start, end) = hunk(&lines, from);
        let skipped = start - from;
        (old_line, new_line) = (old_line + skipped, new_line + skipped);
        if start == end {
            break;
        }
        let hunk = &lines[start..end];
        let old_count = hunk.iter().filter(|line| !matches!(line, Line::New(_))).count();
        let new_count = hunk.iter().filter(|line| !matches!(line, Line::Old(_))).count();
        let range = |line: usize, count: usize| match count {
            0 => format!("{line},0"),
            _ => format!("{},{count}", line + 1),
        };
        let (old_range, new_range) = (range(old_line, old_count), range(new_line, new_count));
        let head = format!("@@ -{old_range} +{new_range} @@");
        view.push_str(&terminal.paint_out(Look::Faint, &head));
        view.push('\n');
        // Of neighbours the old ones come first, as everywhere.
        for group in hunk.chunk_by(|a, b| is_same(a) == is_same(b)) {
            for line in group.iter().filter(|line| !matches!(line, Line::New(_))) {
                view.push_str(&written(line, terminal));
            }
            for line in group.iter().filter(|line| matches!(line, Line::New(_))) {
                view.push_str(&written(line, terminal));
            }
        }
        (old_line, new_line) = (old_line + old_count, new_line + new_count);
        from = end;
    }
    view
}

fn written(line: &Line, terminal: &Terminal) -> String {
    let (sign, text) = match line {
        Line::Same(text) => (' ', text),
        Line::Old(text) => ('-', text),
        Line::New(text) => ('+', text),
    };
    let (text, end) = match text.strip_suffix('\n') {
        Some(text) => (text, "\n"),
        None => (*text, "\n\\ No newline at end of file\n"),
    };
    let text = format!("{sign}{text}");
    let text = match sign {
        '-' => terminal.paint_out(Look::Bad, &text),
        '+' => terminal.paint_out(Look::Good, &text),
        _ => text,
    };
    format!("{text}{end}")
}

fn is_same(line: &Line) -> bool {
    matches!(line, Line::Same(_))
}

/// The next lines to be shown together: those that differ, with their surroundings. There are none
/// if the range is empty.
fn hunk(lines: &[Line], from: usize) -> (usize, usize) {
    let differs = |from: usize| (from..lines.len()).find(|index| !is_same(&lines[*index]));
    let Some(first) = differs(from) else { return (lines.len(), lines.len()) };
    let mut last = first;
    while let Some(next) = differs(last + 1) {
        if next - last > 2 * CONTEXT + 1 {
            break;
        }
        last = next;
    }
    (first.saturating_sub(CONTEXT).max(from), (last + CONTEXT + 1).min(lines.len()))
}

/// Lines are only dropped where they are blank, so that each finds its partner.
fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let mut new_lines = new.split_inclusive('\n').peekable();
    for line in old.split_inclusive('\n') {
        let partner = match (is_blank(line), new_lines.peek()) {
            (true, Some(partner)) if !is_blank(partner) => None,
            _ => new_lines.next(),
        };
        match partner {
            Some(partner) if partner == line => lines.push(Line::Same(line)),
            partner => {
                lines.push(Line::Old(line));
                lines.extend(partner.map(Line::New));
            }
        }
    }
    lines.extend(new_lines.map(Line::New));
    lines
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(old: &str, new: &str) -> String {
        difference("a.rhai", old, new, &Terminal::plain())
    }

    #[test]
    fn lines_that_differ_are_shown_with_their_surroundings() {
        let old = "1\n2\n3\n4\n\n\n 5\n  6\n7\n8\n9\n10\n11\n12\n13\n14\n15\nend ";
        let new = "1\n2\n3\n4\n\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\nend\n";
        let expected = "\
--- a.rhai
+++ a.rhai
@@ -3,9 +3,8 @@
 3
 4
 
-
- 5
-  6
+5
+6
 7
 8
 9
@@ -15,4 +14,4 @@
 13
 14
 15
-end 
\\ No newline at end of file
+end
";
        assert_eq!(view(old, new), expected);
    }

    #[test]
    fn all_of_a_file_may_go() {
        assert_eq!(view("\n \n", ""), "--- a.rhai\n+++ a.rhai\n@@ -1,2 +0,0 @@\n-\n- \n");
    }
}
