//! An action is completed and reported correctly despite requests meanwhile.

use claude_watchdog::api::status::{AgentLevel, StatusInfo};

use super::world::{World, count};

const GRACE: &str = "[act]\ngrace = \"10m\"\n";

fn acting(status: &StatusInfo) -> bool {
    status.agents.iter().any(|agent| agent.level == AgentLevel::Acting)
}

#[test]
fn an_action_continues_after_its_rule_is_removed() {
    let world = World::new().file("config.toml", GRACE);
    let daemon = world.daemon();
    daemon.status();
    let stop = daemon.stop();
    daemon.status_when(acting);
    world.write("config.toml", &format!("{GRACE}[rules.claude]\nenabled = false\n"));
    daemon.client().reload().unwrap();
    let status = daemon.status_when(|_| true);
    assert!(acting(&status) && !stop.is_finished(), "it lives: {status:?}");
    world.end_agent();
    world.give_back();
    let action = stop.join().unwrap().unwrap();
    assert!(action.outcome.contains("240M freed"), "{action:?}");
    daemon.status_when(|status| status.agents.is_empty());
    let said = daemon.end();
    assert_eq!((count(&said, "stop requested by root"), count(&said, "240M freed")), (1, 1), "{said:?}");
}

#[test]
fn an_agent_without_a_rule_is_dropped_after_its_action() {
    let world = World::new().file("config.toml", "[act]\ngrace = \"0s\"\n");
    let daemon = world.daemon();
    daemon.status();
    let stop = daemon.stop();
    daemon.status_when(acting);
    world.write("config.toml", "[rules.claude]\nenabled = false\n");
    daemon.client().reload().unwrap();
    assert_eq!(daemon.status_when(|_| true).agents.len(), 1);
    world.fill_up();
    let refused = stop.join().unwrap().unwrap_err().to_string();
    assert!(refused.contains("survived SIGKILL"), "{refused}");
    daemon.status_when(|status| status.agents.is_empty());
}

#[test]
fn an_agent_without_a_rule_is_not_reported_as_exited() {
    let world = World::new().file("config.toml", "[act]\ngrace = \"0s\"\n");
    let daemon = world.daemon();
    daemon.status();
    world.write("config.toml", "[rules.claude]\nenabled = false\n");
    daemon.client().reload().unwrap();
    daemon.status_when(|status| status.agents.is_empty());
    let said = daemon.end();
    assert_eq!((count(&said, "has exited"), count(&said, "no longer matches a rule")), (0, 1), "{said:?}");
}

#[test]
fn concurrent_stop_requests_get_the_same_result() {
    let world = World::new().file("config.toml", GRACE);
    let daemon = world.daemon();
    daemon.status();
    let first = daemon.stop();
    daemon.status_when(acting);
    world.end_agent();
    daemon.status_when(|status| status.agents.is_empty());
    let second = daemon.stop();
    world.give_back();
    assert_eq!(second.join().unwrap().unwrap(), first.join().unwrap().unwrap());
}
