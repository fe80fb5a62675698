//! Other rules, while agents run.

use super::*;

const SCRIPT: &str = "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js";

fn rules(text: &str) -> Arc<Rules> {
    let patches: std::collections::BTreeMap<String, crate::rules::rule::RulePatch> =
        toml::from_str(text).unwrap();
    Arc::new(Rules::new(&patches).unwrap())
}

fn resumes(sampler: &mut Sampler) -> Vec<Option<String>> {
    sampler.sample_now().unwrap().agents.into_iter().map(|sample| sample.agent.resume).collect()
}

#[test]
fn a_changed_rule_applies_to_running_agents() {
    let world = World::new().process(100, 1, "claude", CLAUDE, &["claude"], 200).process(
        200,
        1,
        "claude",
        "/usr/bin/node",
        &["node", SCRIPT],
        200,
    );
    let mut sampler = world.sampler();
    assert_eq!(resumes(&mut sampler), vec![Some("claude --continue".to_owned()); 2]);
    // By its title no rule would know it.
    fs::write(world.file(200, "cmdline"), "some title\0").unwrap();
    sampler.reconfigure(rules("[claude]\nresume = \"mine --again\"\n"));
    assert_eq!(resumes(&mut sampler), vec![Some("mine --again".to_owned()); 2]);
    sampler.reconfigure(Arc::new(Rules::built_in()));
    assert_eq!(resumes(&mut sampler), vec![Some("claude --continue".to_owned()); 2]);
}
