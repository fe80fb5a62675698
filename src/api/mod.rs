//! The clients' view: the types of the socket, `--json` and the journal. Values with `serde`; a change here changes a contract.

pub mod event_log;
pub mod explanation;
pub mod forecast;
pub mod history;
pub mod limited;
pub mod resume;
pub mod status;
