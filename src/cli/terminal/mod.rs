//! Text output: width, colours, escaping of control characters, time zone.

mod clock;
mod output;
mod page;
mod screen;
mod style;
mod text;

pub use clock::Clock;
pub(in crate::cli) use clock::{day, hour};
pub use output::{ReaderState, print, print_line, to_json};
pub(in crate::cli) use page::{Page, WIDTH};
pub use screen::TerminalInfo;
pub(in crate::cli) use style::Paint;
pub use style::Style;
pub use text::escape_for_terminal;
pub(in crate::cli) use text::{truncate, truncate_start, width, wrap_command};
