//! Numbers for requests: from 1 up, and from 1 again after the greatest (HC-158).

/// Gives out the numbers of one connection's requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Xids {
    next: i32,
}

impl Xids {
    /// The first number will be 1.
    pub(crate) fn new() -> Self {
        Self { next: 1 }
    }

    /// The next number: never 0 and never negative, since negative ones have meanings of their own.
    pub(crate) fn next(&mut self) -> i32 {
        let xid = self.next;
        self.next = if xid == i32::MAX { 1 } else { xid + 1 };
        xid
    }

    /// As if everything before `next` had been given out.
    #[cfg(test)]
    pub(crate) fn starting_at(next: i32) -> Self {
        Self { next }
    }
}

#[cfg(test)]
mod tests {
    use super::Xids;

    #[test]
    fn hc_158_numbers_wrap_to_one_and_never_meet_the_reserved_ones() {
        let mut xids = Xids::starting_at(i32::MAX - 1);
        assert_eq!([xids.next(), xids.next(), xids.next(), xids.next()], [i32::MAX - 1, i32::MAX, 1, 2]);
    }
}
