//! What happened, as a number to compare two runs by and as text for a person.

use crate::queue::Time;

/// Follows a run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    shown: bool,
    /// Lines before this moment are not shown.
    from: Time,
}

impl Trace {
    pub(crate) fn new(shown: bool, from: Time) -> Self {
        Self { hash: 0xCBF2_9CE4_8422_2325, shown, from }
    }

    /// Mixes something that happened into the number.
    pub(crate) fn note(&mut self, what: u64) {
        self.hash = (self.hash.rotate_left(5) ^ what).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// The number of everything so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether anybody reads along at this moment.
    pub(crate) fn is_shown(&self, now: Time) -> bool {
        self.shown && now >= self.from
    }

    /// One line: when, who, what.
    pub(crate) fn line(&self, now: Time, who: &str, what: &str) {
        println!("{:>4}.{:06} {who:<5} {what}", now / 1_000_000, now % 1_000_000);
    }
}

/// Shows a line when somebody reads along; its text is not made otherwise.
macro_rules! say {
    ($world:expr, $who:expr, $($what:tt)*) => {
        if $world.trace.is_shown($world.queue.now()) {
            let now = $world.queue.now();
            $world.trace.line(now, &$who.to_string(), &format!($($what)*));
        }
    };
}
pub(crate) use say;

/// What went wrong first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The broken promise, by its name.
    pub check: &'static str,
    /// How.
    pub what: String,
    /// When, microseconds of virtual time.
    pub at: u64,
}

/// Collects the first violation; what follows from it is of no interest.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    first: Option<Violation>,
}

impl Verdict {
    pub(crate) fn fail(&mut self, at: Time, check: &'static str, what: String) {
        self.first.get_or_insert(Violation { check, what, at });
    }

    /// Fails unless `holds`.
    pub(crate) fn require(
        &mut self,
        at: Time,
        check: &'static str,
        holds: bool,
        what: impl FnOnce() -> String,
    ) {
        if !holds {
            self.fail(at, check, what());
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn into_first(self) -> Option<Violation> {
        self.first
    }
}
