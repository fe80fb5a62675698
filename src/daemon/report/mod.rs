//! Reports: the published status, the journal, the history, the forecasts.

pub(crate) mod action_log;
pub(crate) mod forecasts;
pub(crate) mod history;
pub(crate) mod journal;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod publisher;
pub(crate) mod state_dir;
pub(crate) mod status;
