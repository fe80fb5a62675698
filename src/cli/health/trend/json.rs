//! The same for programs.

use serde::Serialize;

use super::entry::{NO_WORD, guest_points};
use super::{ended, running};
use crate::api::forecast::Forecast;
use crate::api::history::{BreakInfo, HistoryInfo, PointInfo, SeriesInfo, SeriesKind};
use crate::api::status::StatusInfo;
use crate::cli::terminal::to_json;
use crate::model::time::UnixSeconds;
use crate::model::{Bytes, Pid, Uid};

/// Version of this shape; grows when a field changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Trends<'a> {
    version: u32,
    now: UnixSeconds,
    since: UnixSeconds,
    guest: Guest<'a>,
    agents: Vec<Agent<'a>>,
    ended: Vec<Ended<'a>>,
    breaks: &'a [BreakInfo],
    /// So many series were recorded that are not here: they are too much for one answer.
    left_out: usize,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Guest<'a> {
    trend: &'a str,
    forecast: Option<&'a Forecast>,
    points: &'a [PointInfo],
}

#[derive(Serialize)]
struct Agent<'a> {
    id: &'a str,
    rule: &'a str,
    pid: Pid,
    uid: Uid,
    charge: Bytes,
    trend: &'a str,
    forecast: Option<&'a Forecast>,
    points: &'a [PointInfo],
    parts: Vec<Part<'a>>,
}

/// An agent that does not run any more.
#[derive(Serialize)]
struct Ended<'a> {
    id: &'a str,
    pid: Option<Pid>,
    uid: Uid,
    points: &'a [PointInfo],
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    name: Option<&'a str>,
    pid: Option<Pid>,
    points: &'a [PointInfo],
}

/// One JSON object on one line.
///
/// # Errors
/// When a value cannot be put into JSON; none is known that could not.
pub fn render_json(status: &StatusInfo, history: &HistoryInfo) -> serde_json::Result<String> {
    let forecast = status.guest.forecast.as_ref();
    let agents = running(status, history).into_iter().map(|(agent, series)| Agent {
        id: &agent.id,
        rule: &agent.rule,
        pid: agent.pid,
        uid: agent.uid,
        charge: agent.charge,
        trend: word(agent.forecast.as_ref()),
        forecast: agent.forecast.as_ref(),
        points: series.map_or(&[], |series| &series.points),
        parts: series.map_or_else(Vec::new, |series| parts(series, history)),
    });
    let ended = ended(status, history).map(|series| Ended {
        id: &series.id,
        pid: series.pid,
        uid: series.uid,
        points: &series.points,
        parts: parts(series, history),
    });
    to_json(&Trends {
        version: VERSION,
        now: history.now,
        since: history.since,
        guest: Guest { trend: word(forecast), forecast, points: guest_points(history) },
        agents: agents.collect(),
        ended: ended.collect(),
        breaks: &history.breaks,
        left_out: history.left_out,
        notes: &status.notes,
    })
}

fn word(forecast: Option<&Forecast>) -> &str {
    forecast.map_or(NO_WORD, |forecast| &forecast.trend)
}

fn parts<'a>(agent: &SeriesInfo, history: &'a HistoryInfo) -> Vec<Part<'a>> {
    let of = |series: &&SeriesInfo| {
        series.kind == SeriesKind::Part && series.id == agent.id && series.this_boot == agent.this_boot
    };
    let parts = history.series.iter().filter(of);
    parts.map(|part| Part { name: part.name.as_deref(), pid: part.pid, points: &part.points }).collect()
}
