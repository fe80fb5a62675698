//! The page: all text passes through it, so that none is unescaped or too wide.

use super::style::{Paint, Style};
use super::text::{escape_for_terminal, truncate, width, wrap};

/// Maximum columns of a page.
pub(in crate::cli) const WIDTH: usize = 80;

/// Minimum columns of a page; a narrower terminal wraps its lines.
pub(in crate::cli) const MIN_WIDTH: usize = 40;

/// A page that is being written, line by line.
#[derive(Debug)]
pub(in crate::cli) struct Page {
    style: Style,
    /// Columns of a line.
    width: usize,
    text: String,
    /// Used columns of the current line.
    column: usize,
    /// Spaces before the next text; a line does not end with them.
    spaces: usize,
}

impl Page {
    pub(in crate::cli) fn new(style: Style) -> Self {
        Self::within(style, WIDTH)
    }

    /// A page for a terminal with `columns`, at most [`WIDTH`].
    pub(in crate::cli) fn within(style: Style, columns: usize) -> Self {
        Self { style, width: columns.clamp(MIN_WIDTH, WIDTH), text: String::new(), column: 0, spaces: 0 }
    }

    /// Columns of a line.
    pub(in crate::cli) fn width(&self) -> usize {
        self.width
    }

    /// Columns left for text.
    pub(in crate::cli) fn room(&self) -> usize {
        self.width.saturating_sub(self.column + self.spaces)
    }

    /// Starts the next text at `column`, or after one space if that is passed.
    pub(in crate::cli) fn to(&mut self, column: usize) -> &mut Self {
        let least = usize::from(self.column > 0);
        self.spaces = column.saturating_sub(self.column).max(least);
        self
    }

    /// Writes `text` without colour.
    pub(in crate::cli) fn put(&mut self, text: &str) -> &mut Self {
        self.write(None, text)
    }

    /// Writes `text` in colour.
    pub(in crate::cli) fn paint(&mut self, paint: Paint, text: &str) -> &mut Self {
        self.write(Some(paint), text)
    }

    /// Writes `text` so that it ends before column `end`.
    pub(in crate::cli) fn right(&mut self, end: usize, text: &str) -> &mut Self {
        self.to(end.saturating_sub(width(&escape_for_terminal(text)))).put(text)
    }

    /// Writes a sentence, wrapped with `indent`, and ends the line.
    pub(in crate::cli) fn wrapped(&mut self, indent: usize, text: &str) -> &mut Self {
        for line in wrap(&escape_for_terminal(text), self.room().min(self.width.saturating_sub(indent))) {
            self.to(indent).put(&line).end();
        }
        if self.column > 0 {
            self.end();
        }
        self
    }

    /// Ends the line.
    pub(in crate::cli) fn end(&mut self) -> &mut Self {
        self.text.push('\n');
        (self.column, self.spaces) = (0, 0);
        self
    }

    /// The whole page.
    pub(in crate::cli) fn finish(self) -> String {
        self.text
    }

    fn write(&mut self, paint: Option<Paint>, text: &str) -> &mut Self {
        let whole = truncate(&escape_for_terminal(text), self.room());
        let text = whole.trim_end_matches(' ');
        if !text.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', self.spaces));
            self.column += self.spaces + width(text);
            self.spaces = 0;
            match paint {
                Some(paint) => self.text.push_str(&self.style.paint(paint, text)),
                None => self.text.push_str(text),
            }
        }
        self.spaces += whole.len() - text.len();
        self
    }
}
