//! A chart: a filled area over time with its scale, its time axis and its ceiling.

use super::data::{ChartColumn, TimeWindow};
use crate::cli::terminal::{Clock, Page, Paint, day, hour, truncate};
use crate::model::Bytes;
use crate::model::time::UnixSeconds;

/// Columns of the figures and the axis, left of the area.
pub(super) const GUTTER_WIDTH: usize = FIGURE_WIDTH + 2;

/// Columns of the figures: `1023M` and a gap.
const FIGURE_WIDTH: usize = 6;

/// The properties that all charts of a page share.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChartContext<'a> {
    pub(super) window: &'a TimeWindow,
    pub(super) clock: &'a Clock,
    pub(super) unicode: bool,
}

/// The ceiling of growth.
#[derive(Clone, Copy, Debug)]
pub(super) struct CeilingLine {
    pub(super) name: &'static str,
    pub(super) at: Bytes,
}

/// One chart.
pub(super) struct Chart<'a> {
    context: &'a ChartContext<'a>,
    columns: Vec<Option<ChartColumn>>,
    line: Option<CeilingLine>,
    scale: ByteScale,
}

impl<'a> Chart<'a> {
    /// A chart with `steps` figures at its scale.
    pub(super) fn new(
        context: &'a ChartContext<'a>,
        columns: Vec<Option<ChartColumn>>,
        line: Option<CeilingLine>,
        steps: usize,
    ) -> Self {
        let highest = columns.iter().flatten().map(|column| column.max).max().unwrap_or(Bytes::ZERO);
        // A ceiling that is further away would press the area into the lower half.
        let near = line.filter(|line| line.at.get() > 0 && line.at <= highest + highest);
        let scale = ByteScale::up_to(near.map_or(highest, |line| line.at.max(highest)), steps);
        Self { context, columns, line, scale }
    }

    /// Whether a column is drawn as a shaded range.
    pub(super) fn is_shaded(&self) -> bool {
        self.columns.iter().flatten().any(|column| is_range(column, &self.scale))
    }

    pub(super) fn write(&self, page: &mut Page) {
        let glyphs = Glyphs::new(self.context.unicode);
        let named = self.line_row().map(|row| self.name_place(row, &glyphs));
        if let Some(line) = self.line.filter(|line| line.at.get() > 0 && named.flatten().is_none()) {
            let above = if named.is_none() { " is above this chart" } else { "" };
            page.to(GUTTER_WIDTH).paint(Paint::Aside, &format!("{}{above}", name(line))).end();
        }
        for row in (0..self.scale.rows()).rev() {
            self.row(page, row, &glyphs, named.flatten());
        }
        self.ground(page, &glyphs);
    }

    /// The row of the ceiling.
    fn line_row(&self) -> Option<usize> {
        let line = self.line.filter(|line| line.at.get() > 0)?;
        let top = self.scale.figure(self.scale.rows().saturating_sub(1))?;
        (line.at <= top).then(|| self.scale.eighths(line.at).saturating_sub(1) / 8)
    }

    /// The column where the name of the ceiling fits into its row.
    fn name_place(&self, row: usize, glyphs: &Glyphs) -> Option<usize> {
        let needed = self.line.map_or(0, |line| name(line).len() + 2);
        let mut free = 0;
        for (place, column) in self.columns.iter().enumerate() {
            let blank = column.is_none_or(|column| cell(&column, row, &self.scale, glyphs).is_none());
            free = if blank { free + 1 } else { 0 };
            if free > needed {
                return Some(place + 2 - needed);
            }
        }
        None
    }

    fn row(&self, page: &mut Page, row: usize, glyphs: &Glyphs, name_at: Option<usize>) {
        let [plain, ticked] = glyphs.axis;
        let figure = self.scale.figure(row).map(|bytes| bytes.to_string());
        page.right(
            FIGURE_WIDTH,
            &figure.as_deref().map_or(String::new(), |figure| truncate(figure, FIGURE_WIDTH)),
        );
        page.to(FIGURE_WIDTH + 1).put(&if figure.is_some() { ticked } else { plain }.to_string());
        let line = self.line.filter(|_| self.line_row() == Some(row));
        let dash = line.map(|line| glyphs.line(self.scale.eighths(line.at).saturating_sub(row * 8)));
        let label: Vec<char> =
            line.map(|line| format!(" {} ", name(line)).chars().collect()).unwrap_or_default();
        let mut run = ColouredRun::default();
        for (place, column) in self.columns.iter().enumerate() {
            let area = column.as_ref().and_then(|column| cell(column, row, &self.scale, glyphs));
            let letter = name_at.and_then(|at| label.get(place.checked_sub(at)?)).copied();
            let (glyph, paint) = match (area, letter.or(dash)) {
                (Some(area), _) => area,
                (None, Some(glyph)) => (glyph, Some(Paint::Warning)),
                (None, None) => (' ', None),
            };
            run.add(page, glyph, paint);
        }
        run.flush(page);
        page.end();
    }

    /// The time axis with the times below it.
    fn ground(&self, page: &mut Page, glyphs: &Glyphs) {
        let times = ticks(self.context.window, self.context.clock);
        let [corner, plain, ticked] = glyphs.ground;
        let axis = (0..self.columns.len())
            .map(|column| if times.iter().any(|(place, _)| *place == column) { ticked } else { plain });
        let axis: String = std::iter::once(corner).chain(axis).collect();
        page.right(FIGURE_WIDTH, "0").to(FIGURE_WIDTH + 1).put(&axis).end();
        for (place, text) in times {
            // Not truncated at the edge: that would be another time.
            let start = (GUTTER_WIDTH + place).saturating_sub(text.len() / 2);
            page.to(start.min(page.width().saturating_sub(text.len()))).put(&text);
        }
        page.end();
    }
}

/// `kill threshold 13G`.
fn name(line: CeilingLine) -> String {
    format!("{} {}", line.name, line.at)
}

/// Adjacent cells of one colour.
#[derive(Default)]
struct ColouredRun {
    text: String,
    paint: Option<Paint>,
}

impl ColouredRun {
    fn add(&mut self, page: &mut Page, glyph: char, paint: Option<Paint>) {
        // A blank needs no colour.
        let paint = if glyph == ' ' { self.paint } else { paint };
        if paint != self.paint {
            self.flush(page);
            self.paint = paint;
        }
        self.text.push(glyph);
    }

    fn flush(&mut self, page: &mut Page) {
        let text = std::mem::take(&mut self.text);
        match self.paint {
            Some(paint) => page.paint(paint, &text),
            None => page.put(&text),
        };
    }
}

/// The characters of a chart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyphs {
    /// Cells filled by 0 to 8 eighths.
    filled: [char; 9],
    /// Up to the mean, in a range.
    mean: char,
    /// Up to the maximum, in a range.
    high: char,
    /// A line in the lower, middle and upper part of a row.
    line: [char; 3],
    /// The vertical axis, plain and with a figure.
    axis: [char; 2],
    /// The horizontal one: its corner, plain, with a time.
    ground: [char; 3],
}

impl Glyphs {
    /// The characters that the terminal supports.
    pub(super) fn new(unicode: bool) -> Self {
        if unicode {
            return Self {
                filled: [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
                mean: '▒',
                high: '░',
                line: ['▁', '─', '▔'],
                axis: ['│', '┤'],
                ground: ['└', '─', '┬'],
            };
        }
        Self {
            filled: [' ', '_', '_', '_', '#', '#', '#', '#', '#'],
            mean: '+',
            high: '.',
            line: ['_', '-', '-'],
            axis: ['|', '+'],
            ground: ['+', '-', '+'],
        }
    }

    /// The characters of minimum, mean and maximum.
    pub(super) fn shades(&self) -> [char; 3] {
        [self.filled[8], self.mean, self.high]
    }

    /// A line at `eighths` of a row above its lower edge.
    fn line(&self, eighths: usize) -> char {
        let [low, middle, high] = self.line;
        match eighths {
            0..=2 => low,
            3..=5 => middle,
            _ => high,
        }
    }
}

/// Whether minimum and maximum are drawn separately: only if they are a row or more apart.
fn is_range(column: &ChartColumn, scale: &ByteScale) -> bool {
    scale.eighths(column.max).saturating_sub(scale.eighths(column.min)) >= 8
}

/// The cell of a column in a row, counted from below; `None`: blank.
fn cell(
    column: &ChartColumn,
    row: usize,
    scale: &ByteScale,
    glyphs: &Glyphs,
) -> Option<(char, Option<Paint>)> {
    let above = |bytes| scale.eighths(bytes).saturating_sub(row * 8);
    let (min, mean, max) = (above(column.min), above(column.mean), above(column.max));
    if !is_range(column, scale) {
        let least = usize::from(row == 0 && column.max.get() > 0);
        let glyph = glyphs.filled.get(mean.clamp(least, 8)).copied().unwrap_or(' ');
        return (glyph != ' ').then_some((glyph, None));
    }
    if min >= 4 {
        Some((glyphs.filled[8], None))
    } else if mean >= 4 {
        Some((glyphs.mean, Some(Paint::Aside)))
    } else if max >= 4 {
        Some((glyphs.high, Some(Paint::Aside)))
    } else {
        None
    }
}

/// Rows from one figure of the scale to the next.
const ROWS_PER_STEP: usize = 2;

/// Round steps in tenths of a unit; their multiples up to four are round as well. 512 is half of the next unit.
const ROUND_STEPS: [u128; 23] = [
    10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 1500, 2000, 2500,
    5120,
];

/// The vertical scale: `steps` steps of `step` bytes, from zero to a round figure.
#[derive(Clone, Copy, Debug)]
struct ByteScale {
    step: u128,
    steps: usize,
}

impl ByteScale {
    /// The smallest scale up to `highest` or more.
    fn up_to(highest: Bytes, steps: usize) -> Self {
        let steps = steps.max(1);
        let needed = u128::from(highest.get()).div_ceil(steps as u128).max(1);
        let units = (0..5).map(|power| 1_u128 << (10 * power));
        let rounds = units.flat_map(|unit| ROUND_STEPS.map(|tenths| unit * tenths / 10));
        // No machine has more than 512 T, but a process may report any number.
        Self { step: rounds.into_iter().find(|step| *step >= needed).unwrap_or(needed), steps }
    }

    fn rows(&self) -> usize {
        self.steps * ROWS_PER_STEP
    }

    /// The figure at the upper edge of a row, counted from below, if there is one.
    fn figure(&self, row: usize) -> Option<Bytes> {
        let edge = row + 1;
        edge.is_multiple_of(ROWS_PER_STEP).then(|| {
            Bytes::new(u64::try_from(self.step * (edge / ROWS_PER_STEP) as u128).unwrap_or(u64::MAX))
        })
    }

    /// The height of an amount in eighths of a row.
    fn eighths(&self, bytes: Bytes) -> usize {
        let whole = self.step * self.steps as u128;
        let eighths = (self.rows() * 8) as u128;
        let height = (u128::from(bytes.get()) * eighths + whole / 2) / whole;
        usize::try_from(height.min(eighths)).unwrap_or(0)
    }
}

/// Minimum columns from one time to the next: `26 Nov` and a gap.
const MIN_TICK_DISTANCE: i64 = 12;

/// Minimum columns between two times where the clock was set: they must not touch.
const MIN_TICK_DISTANCE_AT_CLOCK_CHANGE: usize = 8;

/// Steps of the time axis in seconds.
const TICK_STEPS: [i64; 16] = [
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    DAY_SECONDS,
    2 * DAY_SECONDS,
    5 * DAY_SECONDS,
    10 * DAY_SECONDS,
    30 * DAY_SECONDS,
];
const DAY_SECONDS: i64 = 86_400;

/// Round local times, each with its column.
fn ticks(window: &TimeWindow, clock: &Clock) -> Vec<(usize, String)> {
    let columns = i64::try_from(window.columns).unwrap_or(1);
    let wanted =
        (i128::from(window.seconds()) * i128::from(MIN_TICK_DISTANCE) / i128::from(columns.max(1))).max(1);
    let step = TICK_STEPS.into_iter().find(|step| i128::from(*step) >= wanted).unwrap_or(30 * DAY_SECONDS);
    let slot = |time: UnixSeconds| clock.local(UnixSeconds(time.0.saturating_sub(1))).div_euclid(step);
    let mut times: Vec<(usize, String)> = Vec::new();
    for column in 0..window.columns {
        let (before, within) = (slot(window.start_of(column)), slot(window.start_of(column + 1)));
        let is_far = times.last().is_none_or(|(last, _)| column >= last + MIN_TICK_DISTANCE_AT_CLOCK_CHANGE);
        if before != within && is_far {
            let local = within.saturating_mul(step);
            times.push((column, if local.rem_euclid(DAY_SECONDS) == 0 { day(local) } else { hour(local) }));
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::api::history::HistoryInfo;

    #[test]
    fn figures_are_round_and_cover_the_maximum() {
        let of = |highest, steps| {
            let scale = ByteScale::up_to(highest, steps);
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
        let scale = ByteScale::up_to(Bytes::gib(16), 4);
        assert_eq!([0, 2, 13, 16].map(|gib| scale.eighths(Bytes::gib(gib))), [0, 8, 52, 64]);
        assert_eq!(scale.eighths(Bytes::new(u64::MAX)), 64);
    }

    /// The times of the `hours` before `now` in Berlin, with their columns.
    fn times(now: i64, hours: i64, columns: usize) -> String {
        let (now, since) = (UnixSeconds(now), UnixSeconds(now - hours * 3600));
        let clock = Clock::new(now, TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        let window = TimeWindow::new(&HistoryInfo { now, since, ..HistoryInfo::default() }, columns);
        let all = ticks(&window, &clock);
        all.iter().map(|(column, text)| format!("{column} {text}")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn times_are_round_in_local_time() {
        // 2026-11-25 15:06, then midnight, in Berlin.
        assert_eq!(times(1_795_615_560, 3, 72), "9 12:30, 21 13:00, 33 13:30, 45 14:00, 57 14:30, 69 15:00");
        assert_eq!(times(1_795_647_600, 24, 72), "0 25 Nov, 18 06:00, 36 12:00, 54 18:00");
        assert_eq!(times(1_795_615_560, 24 * 30, 36), "8 3 Nov, 20 13 Nov, 32 23 Nov");
    }

    #[test]
    fn a_repeated_hour_is_shown_once() {
        // 2026-10-25 06:00 in Berlin; at 03:00 it was 02:00 again.
        assert_eq!(times(1_792_904_400, 6, 72), "0 01:00, 12 02:00, 36 03:00, 48 04:00, 60 05:00");
    }
}
