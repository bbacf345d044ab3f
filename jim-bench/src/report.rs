//! What was measured, as a table that says which bars were missed.

use std::fmt::Write as _;

/// What a figure must reach, and what we want it to reach.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    /// More is better.
    AtLeast { must: f64, goal: f64 },
    /// Less is better.
    AtMost { must: f64, goal: f64 },
    /// Anything else is a fault.
    Exactly(f64),
}

/// How a judged number is written.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// A part of a whole, as a percentage.
    Percent,
    /// So many times as much.
    Times,
    /// A plain number with so many digits behind the point.
    Plain(usize),
    /// A number of something.
    Of(&'static str),
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Unit::Percent => format!("{:.1}%", value * 100.0),
            Unit::Times => format!("{value:.2}×"),
            Unit::Plain(digits) => format!("{value:.digits$}"),
            Unit::Of(what) => format!("{value:.1} {what}"),
        }
    }
}

/// One line of the table.
pub(crate) struct Row {
    /// Which bar, such as `B1`.
    pub(crate) id: &'static str,
    /// What was measured, in words.
    pub(crate) what: String,
    /// The subject's figure.
    pub(crate) figure: String,
    /// The control's.
    pub(crate) control: String,
    /// What is judged.
    pub(crate) value: f64,
    pub(crate) unit: Unit,
    pub(crate) bar: Bar,
}

impl Row {
    fn verdict(&self) -> &'static str {
        let (must, goal) = match self.bar {
            Bar::AtLeast { must, goal } => (self.value >= must, self.value >= goal),
            Bar::AtMost { must, goal } => (self.value <= must, self.value <= goal),
            Bar::Exactly(wanted) => ((self.value - wanted).abs() < 0.000_5, true),
        };
        match (must, goal) {
            (true, true) => "goal",
            (true, false) => "must",
            (false, _) => "**MISSED**",
        }
    }

    fn markdown(&self) -> String {
        let show = |value| self.unit.show(value);
        let (must, goal) = match self.bar {
            Bar::AtLeast { must, goal } => (format!("≥ {}", show(must)), format!("≥ {}", show(goal))),
            Bar::AtMost { must, goal } => (format!("≤ {}", show(must)), format!("≤ {}", show(goal))),
            Bar::Exactly(wanted) => (show(wanted), show(wanted)),
        };
        let Row { id, what, figure, control, .. } = self;
        let (value, verdict) = (show(self.value), self.verdict());
        format!("| {id} | {what} | {figure} | {control} | {value} | {must} | {goal} | {verdict} |")
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    details: Vec<String>,
    notes: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    /// Adds a bar, and says it at once: a run takes minutes.
    pub(crate) fn row(&mut self, row: Row) {
        eprintln!("{}", row.markdown());
        self.rows.push(row);
    }

    /// Adds a figure that no bar judges.
    pub(crate) fn detail(&mut self, line: String) {
        eprintln!("  {line}");
        self.details.push(line);
    }

    /// Adds what one must know to read the figures.
    pub(crate) fn note(&mut self, line: String) {
        self.notes.push(line);
    }

    /// Adds what could not be measured.
    pub(crate) fn failure(&mut self, part: impl std::fmt::Debug, error: &dyn std::error::Error) {
        let line = format!("**not measured**: {part:?}: {error}");
        eprintln!("{line}");
        self.failures.push(line);
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| bar | what | figure | control | judged | must | goal | verdict |\n|---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let _ = writeln!(text, "{}", row.markdown());
        }
        for lines in [&self.failures, &self.details, &self.notes] {
            for (at, line) in lines.iter().enumerate() {
                if at == 0 {
                    text.push('\n');
                }
                let _ = writeln!(text, "- {line}");
            }
        }
        let missed = self.rows.iter().filter(|row| row.verdict().contains("MISSED")).count();
        let _ = writeln!(text, "\n{} bars measured, {missed} missed.", self.rows.len());
        text
    }
}

/// The middle one of some measurements.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of what each round says: subject and control of one round saw the same machine.
pub(crate) fn median_ratio(subject: &[f64], control: &[f64]) -> f64 {
    median(subject.iter().zip(control).map(|(subject, control)| subject / control))
}

/// The value that so great a part of them does not exceed; the values need no order.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among them")]
pub(crate) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = (crate::float(values.len() as u64) * part).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Seconds, as milliseconds.
pub(crate) fn millis(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1e3)
}

/// A rate, short.
pub(crate) fn per_second(rate: f64) -> String {
    if rate < 1_000.0 { format!("{rate:.0}/s") } else { format!("{:.1}k/s", rate / 1_000.0) }
}

/// Some bytes, short.
pub(crate) fn bytes(count: f64) -> String {
    let units = [(1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", count / size),
        None => format!("{count:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(value: f64, bar: Bar) -> &'static str {
        let (what, figure, control) = (String::new(), String::new(), String::new());
        Row { id: "B0", what, figure, control, value, unit: Unit::Times, bar }.verdict()
    }

    #[test]
    fn a_verdict_names_the_better_line_that_is_reached() {
        let least = Bar::AtLeast { must: 0.2, goal: 0.3 };
        assert_eq!([0.3, 0.2, 0.19].map(|value| verdict(value, least)), ["goal", "must", "**MISSED**"]);
        let most = Bar::AtMost { must: 1.7, goal: 1.3 };
        assert_eq!([1.3, 1.7, 1.71].map(|value| verdict(value, most)), ["goal", "must", "**MISSED**"]);
        assert_eq!(
            [1.0, 1.01, 0.99].map(|value| verdict(value, Bar::Exactly(1.0))),
            ["goal", "**MISSED**", "**MISSED**"]
        );
    }

    #[test]
    fn nothing_measured_reaches_no_bar() {
        assert_eq!(verdict(median([]), Bar::AtMost { must: 1.0, goal: 1.0 }), "**MISSED**");
        assert_eq!(verdict(median([]), Bar::Exactly(1.0)), "**MISSED**");
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let shown = [0.5, 0.99, 1.0, 0.0].map(|part| percentile(&values, part).to_string());
        assert_eq!(shown, ["100", "198", "200", "1"]);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        assert!((median_ratio(&[10.0, 30.0, 20.0], &[20.0, 30.0, 80.0]) - 0.5).abs() < 1e-9);
    }
}
