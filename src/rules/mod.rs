//! Recognises agents by built-in and user rules, and provides the command that resumes their work.

mod built_in;
mod environment;
mod facts;
mod heap;
mod interpreter;
pub mod protected;
mod trace;

mod matching;
pub mod pattern;
pub mod rule;
mod spec;
#[cfg(test)]
mod tests;

pub use environment::{VARIABLES, origin};
pub use facts::ProcessFacts;
pub use heap::{default_heap_limit, has_heap_limit, heap_limit_in, heap_limit_of};
pub use matching::{Rules, Shadowed};
