//! "Did you mean": the name nearest to one that is not there.

/// No longer name is taken for a slip of the fingers.
const LONGEST: usize = 64;

/// As many candidates are looked at: a map may have a million keys.
const MOST: usize = 10_000;

/// A word in lower case, on the stack.
struct Word {
    letters: [char; LONGEST],
    length: usize,
}

impl Word {
    /// `None` for what has more letters than a name.
    fn of(text: &str) -> Option<Self> {
        let mut word = Self { letters: ['\0'; LONGEST], length: 0 };
        for letter in text.chars().flat_map(char::to_lowercase) {
            *word.letters.get_mut(word.length)? = letter;
            word.length += 1;
        }
        Some(word)
    }

    fn letters(&self) -> &[char] {
        &self.letters[..self.length]
    }
}

/// The candidate that differs least from `name`, if it is near enough to be meant. A name of more
/// than 64 letters is near to none.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(name.chars().count().div_ceil(3).clamp(1, 3), name, candidates)
}

/// The same for names that mean something by themselves, as those of functions do: a word of four letters
/// is near to what differs by one letter.
pub fn plausible<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within((name.chars().count() / 3).clamp(1, 3), name, candidates)
}

fn nearest_within<'a>(
    allowed: usize,
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = Word::of(name)?;
    candidates
        .into_iter()
        .take(MOST)
        .filter(|candidate| *candidate != name && candidate.len() > 1)
        .filter_map(|candidate| {
            let away = distance(word.letters(), Word::of(candidate)?.letters(), allowed)?;
            Some((away, candidate))
        })
        .min_by_key(|(away, candidate)| (*away, usize::MAX - common_start(name, candidate)))
        .map(|(_, candidate)| candidate)
}

fn common_start(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count()
}

/// Edits between two words, a swap of neighbours counting as one; `None` if they are more than
/// `allowed`.
fn distance(left: &[char], right: &[char], allowed: usize) -> Option<usize> {
    if left.len().abs_diff(right.len()) > allowed {
        return None;
    }
    // The row of the letter before the last one, of the last one, and of this one.
    let mut rows = [[0; LONGEST + 1]; 3];
    for (index, cell) in rows[1].iter_mut().enumerate() {
        *cell = index;
    }
    for i in 1..=left.len() {
        let [before, last, now] = &mut rows;
        now[0] = i;
        for j in 1..=right.len() {
            let change = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (last[j] + 1).min(now[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            now[j] = best;
        }
        rows.rotate_left(1);
    }
    Some(rows[1][right.len()]).filter(|&away| away <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let names = ["total", "count", "handler", "Records"];
        assert_eq!(nearest("totl", names), Some("total"));
        assert_eq!(nearest("hnadler", names), Some("handler"));
        assert_eq!(nearest("records", names), Some("Records"));
        assert_eq!(nearest("price", names), None);
        assert_eq!(nearest("totl", ["top", "totals"]), Some("totals"));
    }

    #[test]
    fn a_function_is_offered_only_for_what_is_hardly_another_word() {
        assert_eq!(plausible("join", ["asin", "sin", "min"]), None);
        assert_eq!(plausible("pusj", ["push", "pop"]), Some("push"));
        assert_eq!(plausible("replaced", ["replace"]), Some("replace"));
    }

    #[test]
    fn a_name_of_more_than_64_letters_is_near_to_none_and_costs_nothing() {
        let name = "a".repeat(64);
        assert_eq!(nearest(&name[1..], [name.as_str()]), Some(name.as_str()));
        let longer = "a".repeat(65);
        assert_eq!(nearest(&longer, [name.as_str()]), None);
        assert_eq!(nearest(&name, [longer.as_str()]), None);
        let text = "a".repeat(50_000_000);
        let begun = std::time::Instant::now();
        assert_eq!(nearest(&text, [text.as_str(), "aa"]), None);
        assert_eq!(nearest("aaa", std::iter::repeat_n(&*text, 1_000_000)), None);
        assert!(begun.elapsed().as_secs() < 5);
    }

    #[test]
    fn swaps_count_as_one_edit_and_lengths_differ_by_no_more_than_is_allowed() {
        let away = |left: &str, right: &str| {
            let word = |text| Word::of(text).unwrap();
            distance(word(left).letters(), word(right).letters(), 3)
        };
        assert_eq!(away("abcd", "abcd"), Some(0));
        assert_eq!(away("abcd", "bacd"), Some(1));
        assert_eq!(away("abcd", "badc"), Some(2));
        assert_eq!(away("ABcd", "abc"), Some(1));
        assert_eq!(away("kitten", "sitting"), Some(3));
        assert_eq!(away("abcd", "wxyz"), None);
        assert_eq!(away("", "abcd"), None);
    }
}
