//! "Did you mean": the name nearest to one that is not there.

/// The candidate that differs least from `name`, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = name.chars().count().div_ceil(3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && candidate.len() > 1)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(away, _)| *away <= allowed)
        .min_by_key(|(away, candidate)| (*away, usize::MAX - common_start(name, candidate)))
        .map(|(_, candidate)| candidate)
}

fn common_start(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count()
}

/// Edits between two words, a swap of neighbours counting as one and letter case as none.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let mut rows = vec![vec![0usize; right.len() + 1]; left.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    for (index, cell) in rows[0].iter_mut().enumerate() {
        *cell = index;
    }
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let change = usize::from(left[i - 1] != right[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
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
}
