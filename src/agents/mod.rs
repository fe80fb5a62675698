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
mod facts;
mod gemini;
mod goose;
mod interpreter;
mod opencode;
mod qwen;
mod rule;
mod rules;
mod trial;

#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use rules::{Rules, Shadowed};
pub use trial::{End, Look, Outcome, Part, Trial, Tried};
