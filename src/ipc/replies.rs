//! The replies of our methods, as the server sends and the client reads them.

use serde::{Deserialize, Serialize};

use crate::api::event_log::{EventInfo, Unread};
use crate::api::explanation::Explanation;
use crate::api::history::HistoryInfo;
use crate::api::limited::LimitInfo;
use crate::api::status::{ActionInfo, StatusInfo};

/// Reply of `Status`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct StatusReply {
    pub(super) status: StatusInfo,
}

/// Reply of `Explain`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ExplainReply {
    pub(super) explanation: Explanation,
}

/// Reply of `Events`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct EventsReply {
    /// Oldest first.
    pub events: Vec<EventInfo>,
    /// Number of events that were dropped before they could be read.
    pub missed: u64,
}

impl From<Unread> for EventsReply {
    fn from(Unread { events, missed, .. }: Unread) -> Self {
        Self { events, missed }
    }
}

/// Reply of `History`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct HistoryReply {
    pub(super) history: HistoryInfo,
}

/// Reply of `Stop`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct StopReply {
    pub(super) action: ActionInfo,
}

/// Reply of `Reload`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ReloadReply {
    pub(super) notes: Vec<String>,
}

/// Reply of `Limit`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct LimitReply {
    pub(super) limited: LimitInfo,
}
