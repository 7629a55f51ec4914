//! How numbered znodes are laid out in a tree.

use crate::template::{MAX_NUMBERS, Pattern};

/// A tree of numbered nodes: leaves in directories of `width` children, `levels` deep.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    root: String,
    levels: u32,
    width: u32,
}

impl Shape {
    /// `levels` from 1 (all nodes directly under `root`) to 4.
    pub(crate) fn new(root: &str, levels: u32, width: u32) -> Self {
        let levels = levels.clamp(1, MAX_NUMBERS as u32);
        Self { root: root.trim_end_matches('/').to_owned(), levels, width: width.max(1) }
    }

    /// Nodes directly under `root`.
    pub(crate) fn flat(root: &str) -> Self {
        Self::new(root, 1, 1)
    }

    /// The paths at `level`: 0 is the root itself, the deepest level holds the leaves, between them
    /// stand directories.
    pub(crate) fn pattern(&self, level: u32) -> Pattern {
        let mut text = self.root.clone();
        for depth in 1..=level {
            text.push_str(if depth == self.levels { "/n00000000" } else { "/d000000" });
        }
        Pattern::new(if text.is_empty() { "/".to_owned() } else { text })
    }

    /// How many directories stand at `level` above `leaves` leaves.
    pub(crate) fn count(&self, level: u32, leaves: u32) -> u32 {
        leaves.div_ceil(self.per_node(level))
    }

    /// The numbers in the path of the `n`-th node of `level`: all its ancestors' and its own.
    pub(crate) fn numbers(&self, level: u32, n: u32) -> [u32; MAX_NUMBERS] {
        let mut numbers = [n; MAX_NUMBERS];
        let mut ancestor = n;
        for depth in (0..level as usize).rev() {
            numbers[depth] = ancestor;
            ancestor /= self.width;
        }
        numbers
    }

    /// The depth of the leaves.
    pub(crate) fn levels(&self) -> u32 {
        self.levels
    }

    fn per_node(&self, level: u32) -> u32 {
        self.width.saturating_pow(self.levels - level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_stands_under_the_directory_of_its_number() {
        let shape = Shape::new("/b/", 3, 10);
        assert_eq!(shape.pattern(3).text(), "/b/d000000/d000000/n00000000");
        assert_eq!(shape.numbers(3, 1234)[..3], [12, 123, 1234]);
        assert_eq!(shape.numbers(2, 123)[..2], [12, 123]);
    }

    #[test]
    fn there_are_directories_for_every_leaf() {
        let shape = Shape::new("", 2, 1000);
        assert_eq!(shape.count(1, 1_000_000), 1000);
        assert_eq!(shape.count(1, 1_000_001), 1001);
        assert_eq!(shape.count(2, 5), 5);
        assert_eq!(Shape::flat("/b").pattern(1).text(), "/b/n00000000");
    }
}
