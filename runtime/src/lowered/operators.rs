//! Operators on the types that scripts use most. All else is for the engine.
//!
//! The rules are those of the engine's own operators (`rhai/src/func/builtin.rs`): integers do not wrap,
//! and floats that differ by their last place are equal.

use rhai::{Dynamic, INT, Token};

/// An operator that is known here.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// The operator that a token stands for.
    pub fn of(token: &Token) -> Option<Self> {
        Some(match token {
            Token::Plus => Self::Add,
            Token::Minus => Self::Subtract,
            Token::Multiply => Self::Multiply,
            Token::Divide => Self::Divide,
            Token::Modulo => Self::Remainder,
            Token::EqualsTo => Self::Equal,
            Token::NotEqualsTo => Self::NotEqual,
            Token::LessThan => Self::Less,
            Token::LessThanEqualsTo => Self::LessOrEqual,
            Token::GreaterThan => Self::Greater,
            Token::GreaterThanEqualsTo => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The value, where both operands are of types known here and it has one.
    #[inline]
    pub fn apply(self, left: &Dynamic, right: &Dynamic) -> Option<Dynamic> {
        if left.is_int() && right.is_int() {
            return self.on_integers(left.as_int().ok()?, right.as_int().ok()?);
        }
        if left.is_float() && right.is_float() {
            return self.on_floats(left.as_float().ok()?, right.as_float().ok()?);
        }
        self.on_others(left, right)
    }

    #[inline]
    fn on_integers(self, left: INT, right: INT) -> Option<Dynamic> {
        Some(match self {
            Self::Add => Dynamic::from_int(left.checked_add(right)?),
            Self::Subtract => Dynamic::from_int(left.checked_sub(right)?),
            Self::Multiply => Dynamic::from_int(left.checked_mul(right)?),
            Self::Divide => Dynamic::from_int(left.checked_div(right)?),
            Self::Remainder => Dynamic::from_int(left.checked_rem(right)?),
            Self::Equal => Dynamic::from_bool(left == right),
            Self::NotEqual => Dynamic::from_bool(left != right),
            Self::Less => Dynamic::from_bool(left < right),
            Self::LessOrEqual => Dynamic::from_bool(left <= right),
            Self::Greater => Dynamic::from_bool(left > right),
            Self::GreaterOrEqual => Dynamic::from_bool(left >= right),
        })
    }

    fn on_floats(self, left: f64, right: f64) -> Option<Dynamic> {
        // How far apart they are, in parts of the larger.
        let apart = || {
            let scale = if left * right == 0.0 { 1.0 } else { left.abs().max(right.abs()) };
            (left - right) / scale
        };
        Some(match self {
            Self::Add => Dynamic::from_float(left + right),
            Self::Subtract => Dynamic::from_float(left - right),
            Self::Multiply => Dynamic::from_float(left * right),
            Self::Divide => Dynamic::from_float(left / right),
            Self::Remainder => Dynamic::from_float(left % right),
            Self::Equal => Dynamic::from_bool(apart().abs() <= f64::EPSILON),
            Self::NotEqual => Dynamic::from_bool(apart().abs() > f64::EPSILON),
            Self::Less => Dynamic::from_bool(-apart() > f64::EPSILON),
            Self::LessOrEqual => Dynamic::from_bool(-apart() > -f64::EPSILON),
            Self::Greater => Dynamic::from_bool(apart() > f64::EPSILON),
            Self::GreaterOrEqual => Dynamic::from_bool(apart() > -f64::EPSILON),
        })
    }

    fn on_others(self, left: &Dynamic, right: &Dynamic) -> Option<Dynamic> {
        if left.is_float() && right.is_int() {
            return self.on_floats(left.as_float().ok()?, right.as_int().ok()? as f64);
        }
        if left.is_int() && right.is_float() {
            return self.on_floats(left.as_int().ok()? as f64, right.as_float().ok()?);
        }
        if left.is_string() && right.is_string() {
            let left = left.as_immutable_string_ref().ok()?;
            let right = right.as_immutable_string_ref().ok()?;
            return Some(match self {
                Self::Add => joined(&left, &right),
                // One long text is itself, and has not to be read.
                Self::Equal => Dynamic::from_bool(left.ptr_eq(&right) || *left == *right),
                Self::NotEqual => Dynamic::from_bool(!left.ptr_eq(&right) && *left != *right),
                Self::Less => Dynamic::from_bool(*left < *right),
                Self::LessOrEqual => Dynamic::from_bool(*left <= *right),
                Self::Greater => Dynamic::from_bool(*left > *right),
                Self::GreaterOrEqual => Dynamic::from_bool(*left >= *right),
                _ => return None,
            });
        }
        let (is_equal, is_ordered) = match self {
            Self::Equal => (true, false),
            Self::NotEqual => (false, false),
            _ => (false, true),
        };
        if is_ordered {
            return None;
        }
        let same = match (left.is_bool() && right.is_bool(), left.is_unit(), right.is_unit()) {
            (true, ..) => left.as_bool().ok()? == right.as_bool().ok()?,
            (_, true, true) => true,
            _ => return None,
        };
        Some(Dynamic::from_bool(same == is_equal))
    }
}

fn joined(left: &str, right: &str) -> Dynamic {
    let mut text = String::with_capacity(left.len() + right.len());
    text.push_str(left);
    text.push_str(right);
    text.into()
}
