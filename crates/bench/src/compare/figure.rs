//! One figure of the comparison: its three values, its targets, its row in the table.

use crate::report::{duration, mib, thousands};
use serde_json::{Value, json};
use std::time::Duration;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Operations per second.
    Rate,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Rate => format!("{}/s", thousands(value.round())),
            Self::Micros => duration(Duration::from_nanos((value * 1000.0) as u64)),
            Self::Bytes if value < 100_000.0 => format!("{} B", thousands(value.round())),
            Self::Bytes => mib(value as u64),
        }
    }
}

/// What a figure has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// This many times Java's value, or more.
    TimesJava(f64),
    /// The same; but where the floor itself does not get there, the floor's goal alone counts.
    TimesJavaIfFloorCan(f64),
    /// At most this share of Java's value.
    ShareOfJava(f64),
    /// This share of the floor's value, or more.
    ShareOfFloor(f64),
    /// At most this many times the floor's value.
    TimesFloor(f64),
    /// At most this value.
    AtMost(f64),
}

/// What was measured of one thing.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) what: String,
    pub(super) unit: Unit,
    pub(super) zabra: Option<f64>,
    pub(super) java: Option<f64>,
    pub(super) floor: Option<f64>,
    pub(super) goals: Vec<Goal>,
}

impl Figure {
    pub(super) fn new(what: impl Into<String>, unit: Unit, goals: &[Goal]) -> Self {
        Self { what: what.into(), unit, zabra: None, java: None, floor: None, goals: goals.to_vec() }
    }

    fn reached(&self, goal: Goal) -> Option<bool> {
        let zabra = self.zabra?;
        match goal {
            Goal::TimesJava(times) => Some(zabra >= times * self.java?),
            Goal::TimesJavaIfFloorCan(times) => {
                let wanted = times * self.java?;
                Some(zabra >= wanted || self.floor? < wanted)
            }
            Goal::ShareOfJava(share) => Some(zabra <= share * self.java?),
            Goal::ShareOfFloor(share) => Some(zabra >= share * self.floor?),
            Goal::TimesFloor(times) => Some(zabra <= times * self.floor?),
            Goal::AtMost(limit) => Some(zabra <= limit),
        }
    }

    fn show_goal(&self, goal: Goal) -> String {
        match goal {
            Goal::TimesJava(times) => format!("≥ {times} × Java"),
            Goal::TimesJavaIfFloorCan(times) => format!("≥ {times} × Java if the floor is"),
            Goal::ShareOfJava(share) => format!("≤ {share} × Java"),
            Goal::ShareOfFloor(share) => format!("≥ {share} × floor"),
            Goal::TimesFloor(times) => format!("≤ {times} × floor"),
            Goal::AtMost(limit) => format!("≤ {}", self.unit.show(limit)),
        }
    }

    /// Whether all goals are reached; `None` when there are none or something was not measured.
    pub(super) fn verdict(&self) -> Option<bool> {
        let verdicts: Vec<_> = self.goals.iter().map(|goal| self.reached(*goal)).collect();
        if verdicts.contains(&Some(false)) {
            return Some(false);
        }
        (!verdicts.is_empty() && !verdicts.contains(&None)).then_some(true)
    }

    fn ratio(&self, to: Option<f64>) -> Option<f64> {
        Some(self.zabra? / to.filter(|value| *value > 0.0)?)
    }

    fn row(&self) -> String {
        let value = |value: Option<f64>| value.map_or("-".into(), |value| self.unit.show(value));
        let ratio = |ratio: Option<f64>| {
            ratio.map_or("-".into(), |r| if r < 0.1 { format!("{r:.3}") } else { format!("{r:.2}") })
        };
        let goals: Vec<_> = self.goals.iter().map(|goal| self.show_goal(*goal)).collect();
        let verdict = match self.verdict() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "-",
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            self.what,
            value(self.zabra),
            value(self.java),
            value(self.floor),
            ratio(self.ratio(self.java)),
            ratio(self.ratio(self.floor)),
            if goals.is_empty() { "-".into() } else { goals.join(", ") },
            verdict
        )
    }

    /// For programs: rates per second, times in microseconds, memory in bytes.
    pub(super) fn machine(&self) -> Value {
        json!({
            "figure": self.what,
            "zabra": self.zabra,
            "java": self.java,
            "floor": self.floor,
            "reached": self.verdict(),
        })
    }
}

/// All figures as a table in Markdown.
pub(super) fn table(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| figure | Zabra | Java | floor | Zabra : Java | Zabra : floor | target | reached |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |\n",
    );
    figures.iter().for_each(|figure| text.push_str(&figure.row()));
    text
}

/// The middle value; the mean of the two middle ones when they are two.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(zabra: f64, java: f64, floor: f64, goals: &[Goal]) -> Figure {
        let mut figure = Figure::new("x", Unit::Rate, goals);
        (figure.zabra, figure.java, figure.floor) = (Some(zabra), Some(java), Some(floor));
        figure
    }

    #[test]
    fn one_goal_missed_is_the_figure_missed() {
        let goals = [Goal::TimesJava(10.0), Goal::ShareOfFloor(0.5)];
        assert_eq!(figure(100.0, 10.0, 200.0, &goals).verdict(), Some(true));
        assert_eq!(figure(99.0, 10.0, 100.0, &goals).verdict(), Some(false));
        assert_eq!(figure(100.0, 10.0, 201.0, &goals).verdict(), Some(false));
    }

    #[test]
    fn a_floor_below_the_multiple_of_java_counts_alone() {
        let goals = [Goal::TimesJavaIfFloorCan(3.0), Goal::ShareOfFloor(0.8)];
        assert_eq!(figure(20.0, 10.0, 25.0, &goals).verdict(), Some(true));
        assert_eq!(figure(20.0, 10.0, 31.0, &goals).verdict(), Some(false));
    }

    #[test]
    fn without_a_measurement_there_is_no_verdict() {
        let mut unmeasured = figure(1.0, 1.0, 1.0, &[Goal::TimesJava(0.5)]);
        unmeasured.java = None;
        assert_eq!(unmeasured.verdict(), None);
        assert_eq!(Figure::new("x", Unit::Rate, &[]).verdict(), None);
    }

    #[test]
    fn a_row_shows_values_ratios_and_verdict() {
        let row = figure(2000.0, 500.0, 4000.0, &[Goal::ShareOfFloor(0.5)]).row();
        assert_eq!(row, "| x | 2,000/s | 500/s | 4,000/s | 4.00 | 0.50 | ≥ 0.5 × floor | yes |\n");
    }

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
