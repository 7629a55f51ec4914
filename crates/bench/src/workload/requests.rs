//! The endless or counted stream of requests a connection draws from.

use super::shape::Shape;
use crate::link::Outbox;
use crate::template::Template;
use proto::OpCode;
use std::sync::Arc;

/// Tag of a request that changes nothing.
pub(crate) const READ: u32 = 0;
/// Tag of a request that changes something.
pub(crate) const WRITE: u32 = 1;

/// Which node the next request is about.
#[derive(Debug, Clone)]
pub(crate) enum Numbering {
    /// Any of the first `keys`, all equally likely.
    Random {
        /// How many there are.
        keys: u32,
        /// State of the generator, never 0.
        seed: u64,
    },
    /// `next`, `next + step`, ... below `end`.
    Counted {
        /// The next one.
        next: u32,
        /// Connections interleave: each takes every `step`-th number.
        step: u32,
        /// Where the stream ends.
        end: u32,
    },
}

impl Numbering {
    /// Draws at random from `keys`.
    pub(crate) fn random(keys: u32) -> Self {
        Self::Random { keys: keys.max(1), seed: 1 }
    }

    /// Takes `0..end` in order.
    pub(crate) fn counted(end: u32) -> Self {
        Self::Counted { next: 0, step: 1, end }
    }

    /// The part of connection `at` of `of`: its own random sequence, its share of the counted numbers.
    fn part(&self, at: usize, of: usize) -> Self {
        match *self {
            Self::Random { keys, .. } => {
                Self::Random { keys, seed: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(at as u64 + 1) }
            }
            Self::Counted { next, end, .. } => Self::Counted { next: next + at as u32, step: of as u32, end },
        }
    }

    /// All counted numbers from here on are unused.
    fn position(&self) -> u32 {
        match self {
            Self::Random { .. } => 0,
            Self::Counted { next, end, .. } => *next.min(end),
        }
    }

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Random { keys, seed } => {
                *seed ^= *seed << 13;
                *seed ^= *seed >> 7;
                *seed ^= *seed << 17;
                Some((((*seed >> 32) * u64::from(*keys)) >> 32) as u32)
            }
            Self::Counted { next, step, end } => {
                let n = *next;
                *next = n.saturating_add(*step);
                (n < *end).then_some(n)
            }
        }
    }
}

/// Which of two templates the next request uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    First,
    /// The first in this many of a hundred cases.
    Percent(u32),
    /// First, then second about the same node.
    Alternate {
        pending: Option<u32>,
    },
}

/// What one connection sends.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    first: (Arc<Template>, u32),
    second: (Arc<Template>, u32),
    choice: Choice,
    numbering: Numbering,
    shape: Shape,
    level: u32,
    turn: u32,
}

impl Requests {
    fn one(template: Template, tag: u32, shape: &Shape, level: u32, numbering: Numbering) -> Self {
        let both = (Arc::new(template), tag);
        Self {
            second: both.clone(),
            first: both,
            choice: Choice::First,
            numbering,
            shape: shape.clone(),
            level,
            turn: 0,
        }
    }

    /// Only reads (`getData`, `exists` or `getChildren2`) of the nodes at `level`, 0 being the root.
    pub(crate) fn read(op: OpCode, shape: &Shape, level: u32, numbering: Numbering) -> Self {
        Self::one(Template::read(op, &shape.pattern(level), false), READ, shape, level, numbering)
    }

    /// Only `setData`.
    pub(crate) fn set(shape: &Shape, data: &[u8], numbering: Numbering) -> Self {
        let level = shape.levels();
        Self::one(Template::set(&shape.pattern(level), data), WRITE, shape, level, numbering)
    }

    /// Only creates, of the nodes at `level`.
    pub(crate) fn create(shape: &Shape, level: u32, data: &[u8], numbering: Numbering) -> Self {
        Self::one(Template::create(&shape.pattern(level), data), WRITE, shape, level, numbering)
    }

    /// Only deletes, of the nodes at `level`.
    pub(crate) fn delete(shape: &Shape, level: u32, numbering: Numbering) -> Self {
        Self::one(Template::delete(&shape.pattern(level)), WRITE, shape, level, numbering)
    }

    /// `getData` in `read_percent` of a hundred cases, else `setData`.
    pub(crate) fn mixed(shape: &Shape, data: &[u8], read_percent: u32, numbering: Numbering) -> Self {
        let level = shape.levels();
        let mut requests = Self::read(OpCode::GetData, shape, level, numbering);
        requests.second = (Arc::new(Template::set(&shape.pattern(level), data)), WRITE);
        requests.choice = Choice::Percent(read_percent);
        requests
    }

    /// A create, then the delete of the same node.
    pub(crate) fn churn(shape: &Shape, data: &[u8], numbering: Numbering) -> Self {
        let level = shape.levels();
        let mut requests = Self::create(shape, level, data, numbering);
        requests.second = (Arc::new(Template::delete(&shape.pattern(level))), WRITE);
        requests.choice = Choice::Alternate { pending: None };
        requests
    }

    /// The stream of connection `at` of `of`.
    pub(crate) fn part(&self, at: usize, of: usize) -> Self {
        Self { numbering: self.numbering.part(at, of), turn: at as u32, ..self.clone() }
    }

    /// All counted numbers from here on are unused.
    pub(crate) fn position(&self) -> u32 {
        self.numbering.position()
    }

    /// Queues the next request; false when the stream has ended.
    pub(crate) fn send_next(&mut self, outbox: &mut Outbox, now: u64) -> bool {
        let Some((n, use_first)) = self.draw() else { return false };
        let (template, tag) = if use_first { &self.first } else { &self.second };
        outbox.send(template, &self.shape.numbers(self.level, n), *tag, now);
        true
    }

    fn draw(&mut self) -> Option<(u32, bool)> {
        match &mut self.choice {
            Choice::First => self.numbering.next().map(|n| (n, true)),
            Choice::Percent(percent) => {
                // A stride coprime to 100 spreads the writes evenly and visits every remainder.
                self.turn = (self.turn + 37) % 100;
                let first = self.turn < *percent;
                self.numbering.next().map(|n| (n, first))
            }
            Choice::Alternate { pending } => match pending.take() {
                Some(n) => Some((n, false)),
                None => {
                    let n = self.numbering.next()?;
                    *pending = Some(n);
                    Some((n, true))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(requests: &mut Requests, at_most: usize) -> Vec<(u32, bool)> {
        std::iter::from_fn(|| requests.draw()).take(at_most).collect()
    }

    #[test]
    fn connections_share_the_counted_numbers_without_overlap() {
        let shape = Shape::flat("/b");
        let mut all: Vec<u32> = (0..3)
            .flat_map(|at| {
                let mut requests = Requests::create(&shape, 1, b"", Numbering::counted(10)).part(at, 3);
                drain(&mut requests, 100).into_iter().map(|(n, _)| n)
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn random_numbers_cover_all_keys_and_no_others() {
        let mut requests =
            Requests::read(OpCode::GetData, &Shape::flat("/b"), 1, Numbering::random(7)).part(3, 4);
        let mut seen = [0u32; 7];
        for (n, _) in drain(&mut requests, 7000) {
            seen[n as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    }

    #[test]
    fn mixed_keeps_the_wanted_share_of_reads() {
        let mut requests = Requests::mixed(&Shape::flat("/b"), b"x", 90, Numbering::random(7));
        let reads = drain(&mut requests, 1000).iter().filter(|(_, first)| *first).count();
        assert_eq!(reads, 900);
    }

    #[test]
    fn churn_deletes_what_it_has_just_created() {
        let mut requests = Requests::churn(&Shape::flat("/b"), b"x", Numbering::counted(2));
        assert_eq!(drain(&mut requests, 10), [(0, true), (0, false), (1, true), (1, false)]);
    }
}
