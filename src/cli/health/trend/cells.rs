//! What stands in one cell of a chart.

use super::columns::Column;
use super::scale::Scale;
use crate::cli::terminal::Paint;

/// The characters of a chart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyphs {
    /// A cell that is filled by so many eighths.
    filled: [char; 9],
    /// Up to the mean, where lowest and highest are further apart than a row.
    mean: char,
    /// Up to the highest.
    high: char,
    /// A line in the lower, middle and upper part of a row.
    line: [char; 3],
    /// The vertical axis, plain and with a figure.
    pub(super) axis: [char; 2],
    /// The horizontal one: its corner, plain, with a time.
    pub(super) ground: [char; 3],
}

impl Glyphs {
    /// Those that the terminal shows.
    pub(super) fn of(unicode: bool) -> Self {
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

    /// Lowest, mean, highest.
    pub(super) fn shades(&self) -> [char; 3] {
        [self.filled[8], self.mean, self.high]
    }

    /// The line that stands so many eighths of a row above its lower edge.
    pub(super) fn line(&self, eighths: usize) -> char {
        let [low, middle, high] = self.line;
        match eighths {
            0..=2 => low,
            3..=5 => middle,
            _ => high,
        }
    }
}

/// Whether lowest and highest are told apart. What moves by less than a row is one height: its range would be a cell or
/// none by chance.
pub(super) fn is_range(column: &Column, scale: &Scale) -> bool {
    scale.eighths(column.max).saturating_sub(scale.eighths(column.min)) >= 8
}

/// The cell of a column in a row, counted from below; `None` where it is blank.
pub(super) fn cell(
    column: &Column,
    row: usize,
    scale: &Scale,
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
