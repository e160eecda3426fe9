//! What rows become: maps by the names of the columns, or arrays.

use std::collections::HashSet;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};

use crate::bounds::{Bounded, room_for};
use crate::effects::Failure;
use crate::library::grow::{self, MAP};

/// Where the names of the columns are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Header {
    /// In the first row.
    First,
    /// Nowhere: each row is an array.
    None,
    /// In the options, and the first row is one like the others.
    Given(Vec<ImmutableString>),
}

/// What becomes of a row that has more or fewer fields than there are names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ragged {
    Error,
    Pad,
    Skip,
}

/// What becomes of names that are there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duplicates {
    Error,
    Number,
    First,
    Last,
}

/// The words of an option.
pub(super) const RAGGED: [(&str, Ragged); 3] =
    [("error", Ragged::Error), ("pad", Ragged::Pad), ("skip", Ragged::Skip)];
pub(super) const DUPLICATES: [(&str, Duplicates); 4] = [
    ("error", Duplicates::Error),
    ("number", Duplicates::Number),
    ("first", Duplicates::First),
    ("last", Duplicates::Last),
];

/// The name of the fields for which there is none.
const REST: &str = "_rest";

/// The columns of rows that become maps.
pub(super) struct Shape {
    names: Vec<ImmutableString>,
    ragged: Ragged,
    keeps_first: bool,
}

impl Shape {
    pub(super) fn of(
        mut names: Vec<ImmutableString>,
        ragged: Ragged,
        duplicates: Duplicates,
    ) -> Bounded<Self> {
        let mut seen: HashSet<ImmutableString> = HashSet::new();
        let all: HashSet<ImmutableString> = match duplicates {
            Duplicates::Number => names.iter().cloned().collect(),
            _ => HashSet::new(),
        };
        for name in &mut names {
            if seen.insert(name.clone()) {
                continue;
            }
            match duplicates {
                Duplicates::Error => {
                    let message = format!(
                        "the header of the CSV has {name:?} twice; `duplicates: \"number\"` tells \
                         them apart, and `header: false` gives arrays"
                    );
                    let fields = [("name", name.clone().into())];
                    let failure = Failure::new("Csv.DuplicateName", message);
                    return Err(crate::library::thrown(&failure, fields));
                }
                Duplicates::Number => {
                    let numbered = (2..)
                        .map(|number| ImmutableString::from(format!("{name}_{number}")))
                        .find(|numbered| !all.contains(numbered) && !seen.contains(numbered));
                    *name = numbered.unwrap_or_default();
                    seen.insert(name.clone());
                }
                Duplicates::First | Duplicates::Last => {}
            }
        }
        Ok(Self { names, ragged, keeps_first: duplicates == Duplicates::First })
    }

    /// The row that starts in this line as a map; none where it is left out.
    pub(super) fn row(&self, line: usize, row: Array) -> Bounded<Option<Dynamic>> {
        let (has, wants) = (row.len(), self.names.len());
        if has != wants {
            match self.ragged {
                Ragged::Pad => {}
                Ragged::Skip => return Ok(None),
                Ragged::Error => return Err(ragged(line, has, wants)),
            }
        }
        room_for(self.names.len() / 6 + 1, MAP)?;
        let mut fields = row.into_iter();
        let mut map = Map::new();
        for name in &self.names {
            let field = fields.next().unwrap_or(Dynamic::UNIT);
            if !(self.keeps_first && map.contains_key(name.as_str())) {
                map.insert(name.as_str().into(), field);
            }
        }
        let rest: Array = fields.collect();
        if !rest.is_empty() {
            grow::put(&mut map, REST, rest.into());
        }
        Ok(Some(map.into()))
    }
}

fn ragged(line: usize, has: usize, wants: usize) -> Box<EvalAltResult> {
    let fields = format!("{has} field{}", if has == 1 { "" } else { "s" });
    let message = format!(
        "line {line} of the CSV has {fields}, the header has {wants}; `ragged: \"pad\"` takes such \
         rows, `\"skip\"` leaves them out, and `header: false` gives arrays of any length"
    );
    let line = rhai::INT::try_from(line).unwrap_or(rhai::INT::MAX);
    crate::library::thrown(&Failure::new("Csv.Ragged", message), [("line", line.into())])
}
