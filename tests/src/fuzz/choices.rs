//! An input as a row of choices, from which something with a grammar is made.

/// What is left of an input. Where nothing is left each choice is the first.
pub(super) struct Choices<'a>(pub(super) &'a [u8]);

impl Choices<'_> {
    /// A number below `end`, which is at most 256.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first) % end.max(1)
    }

    /// One of these.
    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.wide(all.len())]
    }

    /// A number below `end`, which is at most 65536.
    pub(super) fn wide(&mut self, end: usize) -> usize {
        if end <= 256 {
            return self.below(end);
        }
        (self.below(256) << 8 | self.below(256)) % end
    }

    /// Whether there is nothing left.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}
