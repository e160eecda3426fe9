//! A table, for a terminal and for a page: figures to the right, words to the left.

/// Cells under a title; the first column names the rows.
pub struct Table {
    /// What its figures are, with the unit.
    pub title: String,
    /// The names of the columns; the first is that of the names of the rows.
    pub head: Vec<String>,
    /// As many cells each as the head has.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// In columns of one width each.
    pub fn to_text(&self) -> String {
        let columns: Vec<(usize, bool)> = (0..self.head.len())
            .map(|column| {
                let cells = self.lines().filter_map(|row| row.get(column));
                (
                    cells.map(|cell| cell.chars().count()).max().unwrap_or(0),
                    self.has_figures(column),
                )
            })
            .collect();
        let mut text = format!("\n{}\n", self.title);
        for row in self.lines() {
            let cells = row.iter().zip(&columns).map(|(cell, &(width, has_figures))| {
                if has_figures { format!("{cell:>width$}") } else { format!("{cell:width$}") }
            });
            text.push_str(cells.collect::<Vec<_>>().join("   ").trim_end());
            text.push('\n');
        }
        text
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
        let under: String = (0..self.head.len())
            .map(|column| if self.has_figures(column) { "---:|" } else { "---|" })
            .collect();
        let rows: String = self.rows.iter().map(line).collect();
        format!("**{}**\n\n{}|{under}\n{rows}\n", self.title, line(&self.head))
    }

    fn has_figures(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.any(|cell| cell.starts_with(|first: char| first.is_ascii_digit()))
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        [&self.head].into_iter().chain(&self.rows)
    }
}
