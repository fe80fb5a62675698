//! The effect of a forecast.

use super::*;
use crate::model::BytesPerSecond;
use crate::model::forecast::{ForecastLevel, ForecastSummary};

/// A runaway that pauses during a sample still counts.
#[test]
fn a_forecast_shortens_grace_and_sample_interval() {
    let decided = |climb| {
        let mut world = World::new().agent(100, Bytes::mib(240)).child(100, 101, "node", Bytes::mib(100));
        world.step();
        world.engine.set_forecast(ForecastSummary { level: ForecastLevel::Runaway, climb });
        world.grow(101, Bytes::gib(40));
        // The jump itself is long over.
        world.after(Duration::from_mins(10)).events.iter().find_map(|event| match &event.kind {
            EventKind::Acted(decision) => Some(decision.grace),
            _ => None,
        })
    };
    assert_eq!(decided(BytesPerSecond::default()), Some(Duration::from_secs(10)));
    let hurried = decided(BytesPerSecond::mebi(4096)).unwrap();
    assert!(hurried < Duration::from_secs(6), "{hurried:?}");

    let mut world = World::new().agent(100, Bytes::mib(240));
    let mut due = |level| {
        world.engine.set_forecast(ForecastSummary { level, ..ForecastSummary::default() });
        world.step();
        let at = world.snapshot.at;
        let is_due = |after: &u64| {
            world.engine.poll_memory(at + Duration::from_millis(*after), &world.snapshot.guest).sample_due
        };
        (0..20_000).step_by(500).find(is_due).unwrap()
    };
    let levels = [ForecastLevel::None, ForecastLevel::Watch, ForecastLevel::Warn, ForecastLevel::Runaway];
    assert_eq!(levels.map(&mut due), [10_000, 5000, 1000, 1000]);
}
