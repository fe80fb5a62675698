//! Answers what comes in over the socket.

use std::sync::Arc;

use tokio::sync::watch;

use super::explain::Explainer;
use super::freshness::{self, Freshness};
use crate::ipc::{self, Fault};
use crate::model::status::StatusInfo;
use crate::model::{Explanation, Pid, Uid};

/// What the server asks, joined from those who know.
pub(super) struct Service {
    pub(super) updates: watch::Receiver<Arc<StatusInfo>>,
    pub(super) explainer: Explainer,
    pub(super) freshness: Freshness,
}

impl ipc::Service for Service {
    async fn status(&self) -> watch::Receiver<Arc<StatusInfo>> {
        self.freshness.within(freshness::STATUS).await;
        self.updates.clone()
    }

    async fn explain(&self, pid: Pid, reader: Uid) -> Result<Explanation, Fault> {
        self.freshness.within(freshness::EXPLANATION).await;
        self.explainer.explain(pid, reader).await
    }
}
