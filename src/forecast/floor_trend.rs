//! The trend of the floor over one window: eight blocks, the lowest value of each. Memory that a garbage collector
//! frees within a block does not show, whatever its cycle.

use super::bins::{BIN_WIDTH, Bin, Bins};

/// Blocks of a window: 28 pairs, so the work is the same for each.
pub(super) const BLOCKS_PER_WINDOW: usize = 8;

/// Bins per block of each window: windows of 12 min to 6.4 h.
pub(super) const BINS_PER_BLOCK: [usize; 6] = [1, 2, 4, 8, 16, 32];

const BLOCK_PAIRS: usize = BLOCKS_PER_WINDOW * (BLOCKS_PER_WINDOW - 1) / 2;

/// The floor of one window and its trend.
#[derive(Clone, Debug)]
pub(super) struct FloorTrend {
    /// Bins of the window.
    pub(super) bins: usize,
    /// Bytes a second, the median over all pairs of blocks (Theil-Sen).
    pub(super) slope: f64,
    /// The current floor.
    pub(super) level: f64,
    /// Height of the values above their floor, without the highest block.
    pub(super) swing: f64,
    /// From the first block to the last.
    growth: f64,
    /// From the lowest to the highest.
    range: f64,
    /// Pairs that rise, less those that fall (Kendall's S).
    order: i32,
    /// Blocks that are higher than the one before, of seven.
    pub(super) steps_up: usize,
    /// The largest step, as a share of the growth.
    pub(super) largest_step: f64,
    /// Growth of the second half, bytes a block.
    second: f64,
    /// The growth of the second half over that of the first.
    pub(super) acceleration: f64,
}

impl FloorTrend {
    /// The newest window with this many bins per block; `None` with too few.
    pub(super) fn from_bins(bins: &Bins, per_block: usize) -> Option<Self> {
        let count = BLOCKS_PER_WINDOW * per_block;
        if bins.len() < count {
            return None;
        }
        let (mut floor, mut peak) =
            ([f64::INFINITY; BLOCKS_PER_WINDOW], [f64::NEG_INFINITY; BLOCKS_PER_WINDOW]);
        for (at, Bin { low, high }) in bins.newest(count).enumerate() {
            let block = at / per_block;
            floor[block] = floor[block].min(low);
            peak[block] = peak[block].max(high);
        }
        Some(Self::from_blocks(&floor, &peak, per_block, bins.seconds_until_close()))
    }

    #[allow(clippy::cast_precision_loss, reason = "small numbers of blocks and bins")]
    fn from_blocks(
        floor: &[f64; BLOCKS_PER_WINDOW],
        peak: &[f64; BLOCKS_PER_WINDOW],
        per_block: usize,
        open: f64,
    ) -> Self {
        let block = BIN_WIDTH.as_secs_f64() * per_block as f64;
        let mut slopes = [0.0; BLOCK_PAIRS];
        let (mut order, mut at) = (0, 0);
        for later in 1..BLOCKS_PER_WINDOW {
            for earlier in 0..later {
                let rise = floor[later] - floor[earlier];
                slopes[at] = rise / (block * (later - earlier) as f64);
                order += i32::from(rise > 0.0) - i32::from(rise < 0.0);
                at += 1;
            }
        }
        let slope = median(&mut slopes);
        // A growing value is lowest where a block begins, and grows by a block's worth within one: that is no swing.
        let within = block * slope.max(0.0);
        let mut now = [0.0; BLOCKS_PER_WINDOW];
        let mut swings = [0.0; BLOCKS_PER_WINDOW];
        for (at, value) in now.iter_mut().enumerate() {
            let ago = block * (BLOCKS_PER_WINDOW - at) as f64 - open;
            *value = floor[at] + slope * ago;
            swings[at] = (peak[at] - floor[at] - within).max(0.0);
        }
        swings.sort_by(f64::total_cmp);
        let steps = floor.windows(2).map(|pair| pair[1] - pair[0]);
        let growth = floor[BLOCKS_PER_WINDOW - 1] - floor[0];
        let largest = steps.clone().fold(f64::NEG_INFINITY, f64::max);
        let (first, second) = ((floor[3] - floor[0]) / 3.0, (floor[7] - floor[4]) / 3.0);
        Self {
            bins: BLOCKS_PER_WINDOW * per_block,
            slope,
            level: median(&mut now).max(floor[BLOCKS_PER_WINDOW - 1]),
            swing: swings[BLOCKS_PER_WINDOW - 2],
            growth,
            range: floor.iter().copied().fold(f64::MIN, f64::max)
                - floor.iter().copied().fold(f64::MAX, f64::min),
            order,
            steps_up: steps.filter(|step| *step > 0.0).count(),
            largest_step: if growth > 0.0 { largest / growth } else { f64::INFINITY },
            second: second / block,
            acceleration: if first > 0.0 {
                second / first
            } else if second > 0.0 {
                9.0
            } else {
                0.0
            },
        }
    }

    /// Seconds of the window.
    #[allow(clippy::cast_precision_loss, reason = "at most 256 bins")]
    pub(super) fn seconds(&self) -> f64 {
        BIN_WIDTH.as_secs_f64() * self.bins as f64
    }

    /// Growth that is spread over the window and continues, against a limit of this many bytes.
    pub(super) fn is_persistent(&self, limit: f64) -> bool {
        self.slope > 0.0
            // Rounding and idle drift are no trend.
            && self.growth > 0.0015 * limit
            && self.steps_up >= 5
            && self.order >= 16
            // One big step is a burst, or another process.
            && self.largest_step <= 0.5
            // Slowing to a half is a warm-up on its way to a plateau.
            && self.acceleration >= 0.5
    }

    /// Growth that is nearly over in the second half.
    pub(super) fn is_levelling_off(&self) -> bool {
        self.slope > 0.0 && self.steps_up >= 5 && self.order >= 16 && self.acceleration < 0.5
    }

    /// It exceeds the levels of the hours before: climbing back to a known level is a working day.
    pub(super) fn is_new(&self, bins: &Bins) -> bool {
        bins.highest_before(self.bins).is_none_or(|before| self.level + self.swing >= 0.97 * before)
    }

    /// This finer window is stable enough to judge by, and the growth of the coarser one has stopped in it.
    #[allow(clippy::cast_precision_loss, reason = "8 blocks")]
    pub(super) fn contradicts(&self, coarser: &Self) -> bool {
        let expected =
            coarser.slope * self.seconds() * (BLOCKS_PER_WINDOW - 1) as f64 / BLOCKS_PER_WINDOW as f64;
        self.growth < 0.4 * expected && self.range < 0.6 * expected
    }

    /// Acceleration of the growth, as a share per second, if its second half is clearly steeper. The middles of the
    /// halves are four blocks apart.
    pub(super) fn bend(&self) -> Option<f64> {
        let bends = self.acceleration > 1.2 && self.acceleration < 9.0;
        bends.then(|| self.acceleration.ln() / (self.seconds() / 2.0))
    }

    /// The slope now, with that acceleration: the middle of the second half is two and a half blocks ago.
    #[allow(clippy::cast_precision_loss, reason = "8 blocks")]
    pub(super) fn pace_now(&self, bend: f64) -> f64 {
        self.second * (bend * self.seconds() / BLOCKS_PER_WINDOW as f64 * 2.5).exp()
    }

    /// The slope to use: that of the second half if clearly steeper.
    pub(super) fn pace(&self) -> f64 {
        if self.acceleration > 1.6 { self.slope.max(self.second) } else { self.slope }
    }
}

/// The middle of a few values, the mean of the two where their number is even.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bins(values: impl IntoIterator<Item = f64>) -> Bins {
        let mut bins = Bins::default();
        for (at, value) in (0..).zip(values) {
            bins.add(BIN_WIDTH * at + Duration::from_secs(1), value);
        }
        bins
    }

    #[test]
    fn a_linear_floor_is_found_under_a_sawtooth() {
        let rising = (0..16).map(|at| 1000.0 + 10.0 * f64::from(at) + if at % 2 == 1 { 40.0 } else { 0.0 });
        let floor_trend = FloorTrend::from_bins(&bins(rising), 2).unwrap();
        assert!((floor_trend.slope * 90.0 - 10.0).abs() < 1e-9, "{floor_trend:?}");
        assert_eq!((floor_trend.steps_up, floor_trend.swing), (7, 30.0), "without the growth within a block");
        assert!(floor_trend.is_persistent(1000.0) && floor_trend.is_new(&bins([0.0])));
        assert!(FloorTrend::from_bins(&bins([1.0; 15]), 2).is_none(), "too few");
    }

    #[test]
    fn steps_plateaus_and_noise_are_no_growth() {
        let step = [1.0, 1.0, 1.0, 1.0, 90.0, 90.0, 90.0, 90.0];
        let plateau = [0.0, 40.0, 60.0, 70.0, 75.0, 77.0, 78.0, 78.5];
        let noise = [10.0, 12.0, 9.0, 14.0, 11.0, 13.0, 10.0, 15.0];
        for values in [step, plateau, noise] {
            assert!(!FloorTrend::from_bins(&bins(values), 1).unwrap().is_persistent(100.0), "{values:?}");
        }
    }

    #[test]
    fn recent_stability_contradicts_earlier_growth() {
        let values = (0..16).map(|at| if at < 8 { 100.0 * f64::from(at) } else { 800.0 });
        let bins = bins(values);
        let (fine, coarse) =
            (FloorTrend::from_bins(&bins, 1).unwrap(), FloorTrend::from_bins(&bins, 2).unwrap());
        assert!(fine.contradicts(&coarse));
        assert!(!coarse.contradicts(&fine));
    }
}
