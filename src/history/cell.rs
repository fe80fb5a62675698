//! A span of a series: minimum, mean and maximum of its samples.

use crate::api::history::PointInfo;
use crate::model::Bytes;
use crate::model::time::UnixSeconds;

/// The values of one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) min: u64,
    pub(super) max: u64,
    /// Sum of all samples. It saturates: a month of samples of an exbibyte would not fit.
    pub(super) sum: u64,
    pub(super) samples: u32,
}

/// Its stored form.
pub(super) type StoredCell = (u64, u64, u64, u32);

impl Cell {
    pub(super) fn from_value(value: Bytes) -> Self {
        let value = value.get();
        Self { min: value, max: value, sum: value, samples: 1 }
    }

    pub(super) fn merge(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            sum: self.sum.saturating_add(other.sum),
            samples: self.samples.saturating_add(other.samples),
        }
    }

    pub(super) fn row(self) -> StoredCell {
        (self.min, self.max, self.sum, self.samples)
    }

    /// `None` for bytes that no cell can have.
    pub(super) fn from_row((min, max, sum, samples): StoredCell) -> Option<Self> {
        (min <= max && samples > 0).then_some(Self { min, max, sum, samples })
    }

    pub(super) fn point(self, time: i64, seconds: u32) -> PointInfo {
        let mean = (self.sum / u64::from(self.samples.max(1))).clamp(self.min, self.max);
        let [min, mean, max] = [self.min, mean, self.max].map(Bytes::new);
        PointInfo { time: UnixSeconds(time), seconds, min, mean, max }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn merging_keeps_extremes_and_counts_every_sample(values in prop::collection::vec(any::<u64>(), 1..50)) {
            let whole = values.iter().map(|v| Cell::from_value(Bytes::new(*v))).reduce(Cell::merge).unwrap();
            let (min, max) = (values.iter().min().unwrap(), values.iter().max().unwrap());
            prop_assert_eq!((&whole.min, &whole.max, whole.samples as usize), (min, max, values.len()));
            let point = whole.point(0, 60);
            prop_assert!(point.min <= point.mean && point.mean <= point.max);
            prop_assert_eq!(Cell::from_row(whole.row()), Some(whole));
        }
    }

    #[test]
    fn the_mean_is_weighted_by_samples() {
        let whole =
            [1, 2, 6].map(|v| Cell::from_value(Bytes::new(v))).into_iter().reduce(Cell::merge).unwrap();
        assert_eq!(whole.point(0, 60).mean, Bytes::new(3));
        assert_eq!(Cell::from_row((5, 1, 6, 2)), None);
        assert_eq!(Cell::from_row((1, 5, 6, 0)), None);
    }
}
