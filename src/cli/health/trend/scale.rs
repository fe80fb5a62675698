//! The vertical scale of a chart: from nothing to a round figure.

use crate::model::Bytes;

/// Rows from one figure of the scale to the next.
pub(super) const BETWEEN: usize = 2;

/// Steps that read well, in tenths of a unit: four of them read well, too. 512 is half of the next unit.
const ROUND: [u128; 23] = [
    10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 1500, 2000, 2500,
    5120,
];

/// So many steps of a chart, each so high.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    step: u128,
    steps: usize,
}

impl Scale {
    /// The smallest that holds `highest`, with so many figures above nothing.
    pub(super) fn holding(highest: Bytes, steps: usize) -> Self {
        let steps = steps.max(1);
        let needed = u128::from(highest.get()).div_ceil(steps as u128).max(1);
        let units = (0..5).map(|power| 1_u128 << (10 * power));
        let rounds = units.flat_map(|unit| ROUND.map(|tenths| unit * tenths / 10));
        // Beyond 512 T there are no figures of memory, but there may be of those who lie about it.
        Self { step: rounds.into_iter().find(|step| *step >= needed).unwrap_or(needed), steps }
    }

    pub(super) fn rows(&self) -> usize {
        self.steps * BETWEEN
    }

    /// The figure at the upper edge of a row, counted from below, where one stands there.
    pub(super) fn figure(&self, row: usize) -> Option<Bytes> {
        let edge = row + 1;
        edge.is_multiple_of(BETWEEN)
            .then(|| Bytes::new(u64::try_from(self.step * (edge / BETWEEN) as u128).unwrap_or(u64::MAX)))
    }

    /// How high a figure stands, in eighths of a row.
    pub(super) fn eighths(&self, bytes: Bytes) -> usize {
        let whole = self.step * self.steps as u128;
        let eighths = (self.rows() * 8) as u128;
        let height = (u128::from(bytes.get()) * eighths + whole / 2) / whole;
        usize::try_from(height.min(eighths)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_round_and_hold_what_is_shown() {
        let of = |highest, steps| {
            let scale = Scale::holding(highest, steps);
            let figures: Vec<_> = (0..scale.rows()).filter_map(|row| scale.figure(row)).collect();
            assert!(figures.last().is_some_and(|top| *top >= highest));
            figures.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Bytes::gib(13), 4), "4G 8G 12G 16G");
        assert_eq!(of(Bytes::mib(8400), 4), "2.5G 5G 7.5G 10G");
        assert_eq!(of(Bytes::mib(240), 3), "80M 160M 240M");
        assert_eq!(of(Bytes::ZERO, 3), "1 2 3");
        assert_eq!(of(Bytes::mib(990), 1), "1G");
        assert_eq!(of(Bytes::mib(2600), 4), "1G 2G 3G 4G");
        assert_eq!(of(Bytes::mib(2000), 4), "512M 1G 1.5G 2G");
        of(Bytes::new(u64::MAX), 4);
    }

    #[test]
    fn heights_are_in_eighths_of_a_row() {
        let scale = Scale::holding(Bytes::gib(16), 4);
        assert_eq!([0, 2, 13, 16].map(|gib| scale.eighths(Bytes::gib(gib))), [0, 8, 52, 64]);
        assert_eq!(scale.eighths(Bytes::new(u64::MAX)), 64);
    }
}
