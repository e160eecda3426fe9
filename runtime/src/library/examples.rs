//! Runs the examples that stand in the documentation of the library's functions.

use rhai::{Engine, Scope};

use super::Part;
use crate::json;
use crate::modules::Roots;
use crate::vocabulary::Vocabulary;

/// Every line `code; // => JSON` of the blocks in a part's source has that value; the lines of one
/// block before it have run.
#[track_caller]
pub(super) fn hold(part: Part, source: &str) {
    let mut engine = Engine::new();
    (part.register)(&mut engine, &Vocabulary::of("eval", &Roots::new(Vec::new())));
    let mut scope = Scope::new();
    let (mut is_example, mut pending, mut count) = (false, String::new(), 0);
    for line in source.lines() {
        let Some(line) = line.trim_start().strip_prefix("///").map(str::trim) else { continue };
        if line == "```rhai" || line == "```" {
            assert!(pending.is_empty(), "an example ends without a value: {pending}");
            is_example = line == "```rhai";
            scope.clear();
            continue;
        }
        if !is_example {
            continue;
        }
        let (code, expected) =
            line.split_once(" // => ").map_or((line, None), |(code, value)| (code, Some(value)));
        pending.push_str(code);
        pending.push('\n');
        let Some(expected) = expected else { continue };
        let code = std::mem::take(&mut pending);
        let value = engine
            .eval_with_scope::<rhai::Dynamic>(&mut scope, code.trim_end().trim_end_matches(';'))
            .unwrap_or_else(|error| panic!("{code}: {error}"));
        let mut text = Vec::new();
        json::write(&value, &mut text).expect("an example is JSON");
        assert_eq!(String::from_utf8_lossy(&text), expected, "{code}");
        count += 1;
    }
    assert!(count > 0, "no example was found");
}
