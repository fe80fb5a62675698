//! The trend as JSON.

use serde::Serialize;

use super::data::{NO_TREND, exited, guest_points, running};
use crate::api::forecast::Forecast;
use crate::api::history::{BreakInfo, HistoryInfo, PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::StatusInfo;
use crate::cli::terminal::to_json;
use crate::model::time::UnixSeconds;
use crate::model::{Bytes, Pid, Uid};

/// Version of this format; increased when a field changes its meaning.
const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct TrendReport<'a> {
    version: u32,
    now: UnixSeconds,
    since: UnixSeconds,
    guest: GuestTrend<'a>,
    agents: Vec<AgentTrend<'a>>,
    ended: Vec<ExitedAgentTrend<'a>>,
    breaks: &'a [BreakInfo],
    /// Number of series that do not fit into one reply.
    left_out: usize,
    notes: &'a [String],
}

#[derive(Serialize)]
struct GuestTrend<'a> {
    trend: &'a str,
    forecast: Option<&'a Forecast>,
    points: &'a [PointInfo],
}

#[derive(Serialize)]
struct AgentTrend<'a> {
    id: &'a str,
    rule: &'a str,
    pid: Pid,
    uid: Uid,
    charge: Bytes,
    trend: &'a str,
    forecast: Option<&'a Forecast>,
    points: &'a [PointInfo],
    parts: Vec<PartTrend<'a>>,
}

/// An agent that is not running any more.
#[derive(Serialize)]
struct ExitedAgentTrend<'a> {
    id: &'a str,
    pid: Option<Pid>,
    uid: Uid,
    points: &'a [PointInfo],
    parts: Vec<PartTrend<'a>>,
}

#[derive(Serialize)]
struct PartTrend<'a> {
    name: Option<&'a str>,
    pid: Option<Pid>,
    points: &'a [PointInfo],
}

/// JSON on one line.
///
/// # Errors
/// If serialization fails; no such value is known.
pub fn render_json(status: &StatusInfo, history: &HistoryInfo) -> serde_json::Result<String> {
    let forecast = status.guest.forecast.as_ref();
    let agents = running(status, history).into_iter().map(|(agent, series)| AgentTrend {
        id: &agent.id,
        rule: &agent.rule,
        pid: agent.pid,
        uid: agent.uid,
        charge: agent.charge,
        trend: trend(agent.forecast.as_ref()),
        forecast: agent.forecast.as_ref(),
        points: series.map_or(&[], |series| &series.points),
        parts: series.map_or_else(Vec::new, |series| parts(series, history)),
    });
    let ended = exited(status, history).map(|series| ExitedAgentTrend {
        id: &series.id,
        pid: series.pid,
        uid: series.uid,
        points: &series.points,
        parts: parts(series, history),
    });
    to_json(&TrendReport {
        version: FORMAT_VERSION,
        now: history.now,
        since: history.since,
        guest: GuestTrend { trend: trend(forecast), forecast, points: guest_points(history) },
        agents: agents.collect(),
        ended: ended.collect(),
        breaks: &history.breaks,
        left_out: history.left_out,
        notes: &status.notes,
    })
}

fn trend(forecast: Option<&Forecast>) -> &str {
    forecast.map_or(NO_TREND, |forecast| &forecast.trend)
}

fn parts<'a>(agent: &SeriesInfo, history: &'a HistoryInfo) -> Vec<PartTrend<'a>> {
    let of = |series: &&SeriesInfo| {
        series.kind == SeriesKind::Part && series.id == agent.id && series.this_boot == agent.this_boot
    };
    let parts = history.series.iter().filter(of);
    parts.map(|part| PartTrend { name: part.name.as_deref(), pid: part.pid, points: &part.points }).collect()
}
