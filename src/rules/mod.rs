//! How each kind of agent is recognised, and how its work is taken up again. One file a kind.

mod aider;
mod amp;
mod built_in;
mod claude;
mod codex;
mod codex_app_server;
mod copilot;
mod crush;
mod cursor;
mod environment;
mod facts;
mod gemini;
mod goose;
mod heap;
mod interpreter;
mod opencode;
pub mod protected;
mod qwen;
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
