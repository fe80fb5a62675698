//! The least-squares slope, for comparison only; no decision depends on it.

use super::bins::{BIN_WIDTH, Bin, Bins};

/// Half an hour, the window of the rule that is common in the field: it warned in time in 9 of 31 real growths.
const WINDOW_BINS: usize = 20;

/// Bytes a second over the last half hour, or less history; `None` for less than three bins.
#[allow(clippy::cast_precision_loss, reason = "20 at the most")]
pub(super) fn slope(bins: &Bins) -> Option<f64> {
    let count = bins.len().min(WINDOW_BINS);
    if count < 3 {
        return None;
    }
    let middle = |bin: Bin| f64::midpoint(bin.low, bin.high);
    let values = || bins.newest(count).map(middle).enumerate().map(|(place, value)| (place as f64, value));
    let mean = |of: fn((f64, f64)) -> f64| values().map(of).sum::<f64>() / count as f64;
    let (at, value) = (mean(|(place, _)| place), mean(|(_, value)| value));
    let together: f64 = values().map(|(x, y)| (x - at) * (y - value)).sum();
    let alone: f64 = values().map(|(x, _)| (x - at).powi(2)).sum();
    Some(together / alone / BIN_WIDTH.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(value: impl Fn(u64) -> f64, bins: u64) -> Option<f64> {
        let mut all = Bins::default();
        for bin in 0..bins {
            for second in [0, 30, 60] {
                let at = bin * BIN_WIDTH.as_secs() + second;
                all.add(Duration::from_secs(at), value(at));
            }
        }
        slope(&all)
    }

    #[test]
    #[allow(clippy::cast_precision_loss, reason = "small")]
    fn the_slope_covers_the_last_half_hour() {
        assert_eq!(of(|_| 5.0, 2), None);
        assert_eq!(of(|_| 5.0, 3), Some(0.0));
        let straight = of(|at| 7.0 * at as f64, 10).unwrap();
        assert!((straight - 7.0).abs() < 1e-9, "{straight}");
        let bent = of(|at| if at < 1800 { 0.0 } else { -2.0 * at as f64 }, 40).unwrap();
        assert!((bent + 2.0).abs() < 1e-9, "{bent}");
    }
}
