//! All codes, with a page on each: what `rhambda check --explain` prints, and `layer/docs/check.md` is.

use std::sync::LazyLock;

/// The pages, each below the code that it is about.
const PAGES: &str = include_str!("../../docs/check.md");

/// What people read who come from another language.
const PRIMER: &str = "docs/rhai-for-python-and-javascript.md";

/// A rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// Words joined by `-`.
    pub(crate) code: &'static str,
    /// Its first paragraph, which is a sentence.
    pub(crate) summary: &'static str,
    /// The whole text, in Markdown.
    pub(crate) page: &'static str,
}

static ALL: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let pages = PAGES.split("\n## `").skip(1).filter_map(|part| {
        let (code, page) = part.split_once("`\n")?;
        let page = page.trim();
        let summary = page.split("\n\n").next().unwrap_or(page);
        Some(Rule { code, summary, page })
    });
    pages.collect()
});

/// All of them, by their codes.
pub(crate) fn all() -> impl Iterator<Item = Rule> {
    ALL.iter().copied()
}

pub(crate) fn find(code: &str) -> Option<Rule> {
    all().find(|rule| rule.code == code)
}

impl Rule {
    /// Its page as a person reads it on a terminal.
    pub(crate) fn explained(&self) -> String {
        let mut text = format!("{}\n\n", self.code);
        let mut is_code = false;
        for line in self.page.lines() {
            if line.starts_with("```") {
                is_code = !is_code;
            } else if is_code && !line.is_empty() {
                text.push_str(&format!("    {line}\n"));
            } else {
                text.push_str(&format!("{line}\n"));
            }
        }
        text.push_str(&format!(
            "\nWhere it is meant as it is: `// rhambda: allow({})` at the end of the line, or on the line before.\n\
             Rhai beside Python and JavaScript: {PRIMER}\n",
            self.code
        ));
        text
    }

    /// One line of a list.
    pub(crate) fn listed(&self, width: usize) -> String {
        let summary = self.summary.replace('\n', " ");
        format!("{:width$}  {summary}\n", self.code)
    }

    /// Where its page is on the web.
    pub(crate) fn address(&self) -> String {
        format!("{}/blob/main/layer/docs/check.md#{}", env!("CARGO_PKG_REPOSITORY"), self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_page_with_a_sentence_and_is_there_once() {
        let codes: Vec<&str> = all().map(|rule| rule.code).collect();
        assert!(codes.len() > 30, "{codes:?}");
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        for rule in all() {
            assert!(rule.summary.ends_with('.'), "{}", rule.code);
            assert!(
                rule.code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            );
        }
    }
}
