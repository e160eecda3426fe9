//! Options of a call, taken one by one and checked.

use rhai::{Array, Dynamic, INT, ImmutableString, Map};

use super::{COMMON, invalid};
use crate::effects::Failure;
use crate::suggest;

/// The options that are left.
pub(super) struct Take(Map);

impl Take {
    /// Options of which there are these, and those of every call.
    ///
    /// # Errors
    /// `Aws.InvalidRequest` for one that there is not.
    pub fn of(map: &Map, known: &[&'static str]) -> Result<Self, Failure> {
        let all = || known.iter().chain(&COMMON).copied();
        match map.keys().find(|name| !all().any(|known| known == name.as_str())) {
            None => Ok(Self(map.clone())),
            Some(unknown) => {
                let hint = match suggest::nearest(unknown, all()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", all().collect::<Vec<_>>().join(", ")),
                };
                Err(invalid(format!("there is no option `{unknown}`; {hint}")))
            }
        }
    }

    /// What is left: the options of every call.
    pub fn rest(self) -> Map {
        self.0
    }

    pub fn value(&mut self, name: &str) -> Option<Dynamic> {
        self.0.remove(name).filter(|value| !value.is_unit())
    }

    pub fn text(&mut self, name: &str) -> Result<Option<ImmutableString>, Failure> {
        match self.value(name).map(Dynamic::into_immutable_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(kind)) => Err(invalid(format!("`{name}` is text, not {kind}"))),
        }
    }

    pub fn is_on(&mut self, name: &str) -> Result<bool, Failure> {
        match self.value(name).map(|value| value.as_bool()) {
            None => Ok(false),
            Some(Ok(is_on)) => Ok(is_on),
            Some(Err(kind)) => Err(invalid(format!("`{name}` is true or false, not {kind}"))),
        }
    }

    pub fn number(&mut self, name: &str, least: INT, most: INT) -> Result<Option<INT>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_int() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(invalid(format!(
                "`{name}` is a whole number from {least} to {most}, not {value}"
            ))),
        }
    }

    pub fn map(&mut self, name: &str) -> Result<Map, Failure> {
        match self.value(name) {
            None => Ok(Map::new()),
            Some(value) => {
                let kind = value.type_name();
                value.try_cast().ok_or_else(|| invalid(format!("`{name}` is a map, not {kind}")))
            }
        }
    }

    pub fn array(&mut self, name: &str) -> Result<Array, Failure> {
        match self.value(name) {
            None => Ok(Array::new()),
            Some(value) => {
                let kind = value.type_name();
                value.try_cast().ok_or_else(|| invalid(format!("`{name}` is an array, not {kind}")))
            }
        }
    }
}
