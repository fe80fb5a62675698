//! A chart: a filled area over time, its scale, its ceiling.

use super::axis::ticks;
use super::cells::{Glyphs, cell, is_range};
use super::columns::Column;
use super::scale::Scale;
use super::window::Window;
use crate::cli::terminal::{Clock, Page, Paint, truncate};
use crate::model::Bytes;

/// Columns of the figures and the axis, left of the area.
pub(super) const GUTTER: usize = FIGURES + 2;

/// Columns of the figures: `1023M` and a little air.
const FIGURES: usize = 6;

/// What all charts of a page have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn<'a> {
    pub(super) window: &'a Window,
    pub(super) clock: &'a Clock,
    pub(super) unicode: bool,
}

/// What ends growth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) at: Bytes,
}

/// One chart.
pub(super) struct Chart<'a> {
    drawn: &'a Drawn<'a>,
    columns: Vec<Option<Column>>,
    line: Option<Line>,
    scale: Scale,
}

impl<'a> Chart<'a> {
    /// With so many figures at its scale.
    pub(super) fn of(
        drawn: &'a Drawn<'a>,
        columns: Vec<Option<Column>>,
        line: Option<Line>,
        steps: usize,
    ) -> Self {
        let highest = columns.iter().flatten().map(|column| column.max).max().unwrap_or(Bytes::ZERO);
        // Further away than that it would press what there is to see into the lower half.
        let near = line.filter(|line| line.at.get() > 0 && line.at <= highest + highest);
        let scale = Scale::holding(near.map_or(highest, |line| line.at.max(highest)), steps);
        Self { drawn, columns, line, scale }
    }

    /// Whether a column is so wide a range that it is shaded.
    pub(super) fn is_shaded(&self) -> bool {
        self.columns.iter().flatten().any(|column| is_range(column, &self.scale))
    }

    pub(super) fn write(&self, page: &mut Page) {
        let glyphs = Glyphs::of(self.drawn.unicode);
        let named = self.line_row().map(|row| self.name_place(row, &glyphs));
        if let Some(line) = self.line.filter(|line| line.at.get() > 0 && named.flatten().is_none()) {
            let above = if named.is_none() { " is above this chart" } else { "" };
            page.to(GUTTER).paint(Paint::Aside, &format!("{}{above}", name(line))).end();
        }
        for row in (0..self.scale.rows()).rev() {
            self.row(page, row, &glyphs, named.flatten());
        }
        self.ground(page, &glyphs);
    }

    /// The row in which the ceiling is.
    fn line_row(&self) -> Option<usize> {
        let line = self.line.filter(|line| line.at.get() > 0)?;
        let top = self.scale.figure(self.scale.rows().saturating_sub(1))?;
        (line.at <= top).then(|| self.scale.eighths(line.at).saturating_sub(1) / 8)
    }

    /// Where the ceiling's name fits into its line.
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
        page.right(FIGURES, &figure.as_deref().map_or(String::new(), |figure| truncate(figure, FIGURES)));
        page.to(FIGURES + 1).put(&if figure.is_some() { ticked } else { plain }.to_string());
        let line = self.line.filter(|_| self.line_row() == Some(row));
        let dash = line.map(|line| glyphs.line(self.scale.eighths(line.at).saturating_sub(row * 8)));
        let label: Vec<char> =
            line.map(|line| format!(" {} ", name(line)).chars().collect()).unwrap_or_default();
        let mut run = Run::default();
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
        let times = ticks(self.drawn.window, self.drawn.clock);
        let [corner, plain, ticked] = glyphs.ground;
        let axis = (0..self.columns.len())
            .map(|column| if times.iter().any(|(place, _)| *place == column) { ticked } else { plain });
        let axis: String = std::iter::once(corner).chain(axis).collect();
        page.right(FIGURES, "0").to(FIGURES + 1).put(&axis).end();
        for (place, text) in times {
            // Not broken at the edge: half a time is another one.
            let start = (GUTTER + place).saturating_sub(text.len() / 2);
            page.to(start.min(page.width().saturating_sub(text.len()))).put(&text);
        }
        page.end();
    }
}

/// `kill threshold 13G`.
fn name(line: Line) -> String {
    format!("{} {}", line.name, line.at)
}

/// Cells of one colour side by side: painted once.
#[derive(Default)]
struct Run {
    text: String,
    paint: Option<Paint>,
}

impl Run {
    fn add(&mut self, page: &mut Page, glyph: char, paint: Option<Paint>) {
        // A blank has no colour.
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
