use proptest::prelude::*;

use super::*;

const LIMIT: Bytes = Bytes::gib(13);

type Figure = fn(f64) -> f64;

fn at(seconds: f64) -> Boottime {
    Boottime::new(Duration::from_secs_f64(seconds))
}

/// Feeds `hours` of a figure in GiB, a sample every ten seconds, until the limit. Returns each change of level with its
/// time in minutes.
fn feed(forecaster: &mut Forecaster, hours: f64, figure: impl Fn(f64) -> f64) -> Vec<(f64, ForecastLevel)> {
    let mut changes = Vec::new();
    let mut seconds = 0.0;
    while seconds < hours * 3600.0 {
        let gib = figure(seconds / 3600.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bytes = Bytes::new((gib * 1024.0 * 1024.0 * 1024.0) as u64);
        if forecaster.add(at(seconds), bytes) == ForecastChange::Changed {
            changes.push((seconds / 60.0, forecaster.level()));
        }
        if bytes >= LIMIT {
            break;
        }
        seconds += 10.0;
    }
    changes
}

fn forecaster() -> Forecaster {
    Forecaster::new(Ceiling::KillThreshold, LIMIT)
}

#[test]
fn a_steady_leak_is_forecast_within_its_interval() {
    let mut one = forecaster();
    // 2 GiB an hour from 3 GiB: at the limit after five hours.
    let changes = feed(&mut one, 4.5, |hour| 3.0 + 2.0 * hour);
    let warned: Vec<f64> =
        changes.iter().filter(|(_, level)| *level == ForecastLevel::Warn).map(|(at, _)| *at).collect();
    assert_eq!(warned.len(), 1, "{changes:?}");
    assert!((235.0..250.0).contains(&warned[0]), "an hour before its end: {changes:?}");
    let forecast = one.forecast();
    let eta = forecast.eta_seconds.unwrap();
    assert!((eta - 1800.0).abs() < 90.0, "{forecast:?}");
    assert!(forecast.eta_low_seconds.unwrap() < 1800.0 && forecast.eta_high_seconds.unwrap() > 1800.0);
    assert!((forecast.bytes_per_hour.unwrap() - (2 << 30)).abs() < 40 << 20, "{forecast:?}");
    assert_eq!(forecast.trend, format!("oom_predicted:{:.0}", eta / 60.0));
    insta::assert_snapshot!(forecast.reason);
}

#[test]
fn a_rising_floor_is_detected_under_a_garbage_collector() {
    let mut one = forecaster();
    let saw = |hour: f64| 1.5 * (hour * 12.0).fract();
    let changes = feed(&mut one, 6.0, |hour| 2.0 + 2.0 * hour + saw(hour));
    let (minute, _) = *changes.iter().find(|(_, level)| *level == ForecastLevel::Warn).unwrap();
    assert!(
        (200.0..270.0).contains(&minute),
        "the first peak is at the limit after some 285 min: {changes:?}"
    );
}

#[test]
fn growth_that_ends_below_the_limit_causes_no_alert() {
    let calm: [(&str, Figure); 5] = [
        ("still", |_| 9.0),
        ("sawtooth", |hour| 5.0 + 5.0 * (hour * 4.0).fract()),
        ("plateau", |hour| 9.5 - 6.0 * (-hour * 2.0).exp()),
        ("a known level", |hour| 3.0 + 8.0 * (1.0 - (hour % 2.0 - 1.0).abs())),
        ("builds", |hour| if (hour * 3.0).fract() < 0.2 { 9.0 } else { 2.0 }),
    ];
    for (name, figure) in calm {
        let mut one = forecaster();
        let warned = feed(&mut one, 24.0, figure).into_iter().filter(|(minute, level)| {
            // The first climb of a cycle cannot be distinguished from a leak.
            *level >= ForecastLevel::Warn && *minute > 240.0
        });
        assert_eq!(warned.collect::<Vec<_>>(), [], "{name}: {:?}", one.forecast());
        assert!(!one.forecast().reason.is_empty());
    }
}

#[test]
fn a_runaway_is_reported_at_once_minutes_ahead() {
    let mut one = forecaster();
    // An hour of calm, then all of it in ten minutes.
    let changes = feed(&mut one, 1.5, |hour| 2.0 + 66.0 * (hour - 1.0).max(0.0));
    let (minute, _) = *changes.iter().find(|(_, level)| *level == ForecastLevel::Runaway).unwrap();
    assert!((61.0..66.0).contains(&minute), "{changes:?}");
}

#[test]
fn gaps_and_clock_changes_are_no_growth() {
    let mut one = forecaster();
    feed(&mut one, 4.0, |hour| 3.0 + 2.0 * hour);
    assert!(one.forecast().eta_seconds.is_some());
    assert_eq!(one.add(at(0.0), Bytes::gib(12)), ForecastChange::Quiet, "older than the last one");
    assert!(one.forecast().eta_seconds.is_some());
    one.add(at(5.0 * 3600.0), Bytes::gib(12));
    let young = one.forecast();
    assert_eq!(
        (young.level, young.eta_seconds, young.trend.as_str()),
        (ForecastLevel::None, None, "insufficient_data")
    );
    assert_eq!(young.reason, "only 0 s of history");
}

#[test]
fn a_missing_forecast_has_a_reason() {
    let why: [(f64, Figure); 5] = [
        (0.1, |_| 1.0),
        (6.0, |_| 1.0),
        (2.0, |hour| 9.5 - 6.0 * (-hour * 2.0).exp()),
        (4.0, |hour| if hour < 2.0 { 2.0 + 3.0 * hour } else { 8.0 }),
        (5.5, |hour| 3.0 + 8.0 * (1.0 - (hour % 2.0 - 1.0).abs())),
    ];
    let conclusion: Vec<String> = why
        .into_iter()
        .map(|(hours, figure)| {
            let mut one = forecaster();
            feed(&mut one, hours, figure);
            let conclusion = one.forecast();
            format!(
                "{:8} {:20} {}",
                conclusion.eta_seconds.map_or("none".into(), |eta| format!("{eta:.0}")),
                conclusion.trend,
                conclusion.reason
            )
        })
        .collect();
    insta::assert_snapshot!(conclusion.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_samples_give_valid_forecasts(
        samples in prop::collection::vec((0_u32..2000, any::<u64>()), 0..400),
        limit in 1_u64..1 << 50,
    ) {
        let mut one = Forecaster::new(Ceiling::Guest, Bytes::new(limit));
        let mut seconds = 0.0;
        for (step, bytes) in samples {
            seconds += f64::from(step);
            one.add(at(seconds), Bytes::new(bytes >> 8));
            let conclusion = one.forecast();
            if let (Some(eta), Some(low), Some(high)) = (conclusion.eta_seconds, conclusion.eta_low_seconds, conclusion.eta_high_seconds) {
                prop_assert!(eta.is_finite() && low <= eta && eta <= high, "{conclusion:?}");
            }
            prop_assert!(serde_json::to_string(&conclusion).is_ok());
        }
    }
}

#[test]
fn a_new_ceiling_keeps_history_and_alert_until_evaluated() {
    let mut one = forecaster();
    feed(&mut one, 4.5, |hour| 3.0 + 2.0 * hour);
    assert_eq!(one.level(), ForecastLevel::Warn);
    let before = one.forecast();
    one.set_ceiling(Ceiling::KillThreshold, LIMIT);
    assert_eq!(
        (one.level(), one.forecast()),
        (ForecastLevel::Warn, before),
        "an unchanged ceiling has no effect"
    );
    one.set_ceiling(Ceiling::Cgroup, Bytes::gib(40));
    one.add(at(4.5 * 3600.0), Bytes::gib(12));
    assert_eq!(one.level(), ForecastLevel::Warn, "that may be for a moment");
    let after = one.forecast();
    assert_eq!((after.ceiling, after.ceiling_bytes), (Ceiling::Cgroup, Bytes::gib(40)));
    let hours = after.eta_seconds.unwrap() / 3600.0;
    assert!((hours - 14.0).abs() < 1.5, "28 GiB at 2 GiB an hour: {after:?}");
    let over = (1..20).find(|minute| {
        one.add(at(4.5 * 3600.0 + f64::from(*minute) * 60.0), Bytes::gib(12));
        one.level() == ForecastLevel::None
    });
    assert!(over.is_some_and(|minutes| (9..=10).contains(&minutes)), "{over:?}");
    // A slightly higher ceiling is the same to an alert.
    let mut one = forecaster();
    feed(&mut one, 4.5, |hour| 3.0 + 2.0 * hour);
    one.set_ceiling(Ceiling::Guest, Bytes::mib(13_400));
    assert_eq!((one.level(), one.ceiling()), (ForecastLevel::Warn, (Ceiling::Guest, Bytes::mib(13_400))));
    // A lower ceiling is nearer, and the alert stays as it was.
    let mut one = forecaster();
    feed(&mut one, 4.5, |hour| 3.0 + 2.0 * hour);
    one.set_ceiling(Ceiling::Guest, Bytes::mib(12_500));
    assert_eq!(one.level(), ForecastLevel::Warn);
}

#[test]
fn an_exit_clears_its_climb_and_alert() {
    let mut one = forecaster();
    // An hour of calm, then 100 MiB a second for a minute.
    let changes = feed(&mut one, 1.02, |hour| 3.0 + 0.1 * (hour - 1.0).max(0.0) * 3600.0);
    assert_eq!(changes.last().map(|(_, level)| *level), Some(ForecastLevel::Runaway));
    assert!(one.runaway_rate().unwrap() > BytesPerSecond::mebi(50), "{:?}", one.runaway_rate());
    one.interrupt();
    assert_eq!((one.level(), one.runaway_rate()), (ForecastLevel::None, None));
    one.add(at(1.03 * 3600.0), Bytes::gib(3));
    assert_eq!(one.level(), ForecastLevel::None, "{:?}", one.forecast());
}

#[test]
fn the_age_is_not_evaluated_once_a_minute() {
    let mut one = forecaster();
    for seconds in [0.0, 10.0, 30.0] {
        one.add(at(seconds), Bytes::gib(1));
    }
    assert_eq!(one.forecast().reason, "only 30 s of history");
}

#[test]
fn evaluations_count_once_a_minute_despite_exits() {
    let (mut often, mut never) = (forecaster(), forecaster());
    let mut warned = [None; 2];
    for second in 0..5 * 3600_u32 {
        let value = Bytes::gib(3) + Bytes::mib(u64::from(second) * 2048 / 3600);
        if second > 3600 {
            often.interrupt();
            // And the ceiling differs each time.
            often.set_ceiling(
                Ceiling::Guest,
                if second % 2 == 0 { LIMIT } else { LIMIT + LIMIT.share(6, 100) },
            );
        }
        for (one, warned) in [&mut often, &mut never].into_iter().zip(&mut warned) {
            one.add(at(f64::from(second)), value);
            if one.level() == ForecastLevel::Warn {
                warned.get_or_insert(second);
            }
        }
    }
    let [Some(often), Some(never)] = warned else { panic!("{warned:?}") };
    assert!(often >= never, "{often} {never}");
}
