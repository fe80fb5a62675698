//! aider.

use super::built_in::BuiltIn;

/// Python, by its entry point (`aider = aider.main:main`) or as a module.
pub(crate) const RULE: BuiltIn = BuiltIn {
    name: "aider",
    script: &["*bin/aider", "aider/__main__.py", "aider/main.py"],
    module: &["aider", "aider.main", "aider.__main__"],
    resume: Some("aider --restore-chat-history"),
    ..BuiltIn::NOTHING
};
