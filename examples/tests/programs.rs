//! Runs `hello`, `ping_pong`, `routers`, `groups` and `game_world` as their users do.
//! Runs `hello`, `streams`, `ping_pong` and `game_world` as their users do.
//! Runs the small programs as their users do.

use std::process::{Command, Output};

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn ping_pong(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_ping_pong"), arguments)
}

fn game_server(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_game_server"), arguments)
}

fn game_world(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_game_world"), arguments)
}

/// What a run that went well has printed.
fn text(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr_of_failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What stands behind the name on its line.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
    line.unwrap_or_else(|| panic!("there is no {name} in:\n{text}")).trim()
}

#[test]
fn hello_prints_the_total() {
    assert_eq!(text(&run(env!("CARGO_BIN_EXE_hello"), &[])), "the counter has 5\n");
}

#[test]
fn batches_writes_many_rows_at_once() {
    let text = text(&run(env!("CARGO_BIN_EXE_batches"), &[]));
    let writes: u64 = value(&text, "200000 rows in").trim_end_matches(" writes").parse().unwrap();
    assert!(writes > 0 && writes < 200_000, "{text}");
    assert!(text.ends_with("the file has every row in its place\n"), "{text}");
}

#[test]
fn supervision_prints_its_tree_before_and_after_failures() {
    let text = text(&run(env!("CARGO_BIN_EXE_supervision"), &[]));
    assert!(text.starts_with("all are up:\naccountancy [rest-for-one] "), "{text}");
    assert_eq!(text.matches("└─ readers [one-for-one] ").count(), 3, "{text}");
    assert_eq!(text.matches("running, restarted 3x").count(), 2, "{text}");
    assert_eq!(text.matches("in quarantine after 3 panics: \"twelve\" is no number").count(), 2, "{text}");
    assert!(text.contains("the ledger has 24\n"), "{text}");
    assert_eq!(text.matches("running, restarted 1x").count(), 2, "{text}");
    assert!(text.ends_with("\n0 dead letters\n"), "{text}");
}

#[test]
fn routers_counts_the_primes_and_the_malformed_jobs() {
    let text = text(&run(env!("CARGO_BIN_EXE_routers"), &[]));
    assert_eq!(text, "2000 jobs: 17984 primes\n5 malformed jobs were reported\n");
}

#[test]
fn groups_tells_who_has_heard_how_much() {
    let text = text(&run(env!("CARGO_BIN_EXE_groups"), &[]));
    let words = "ann has heard 6 words\nbob has heard 3 words\ncid has heard 6 words\n";
    assert_eq!(text, format!("3 hear it\n2 hear it\n{words}"));
}

#[test]
fn streams_finds_what_a_loop_finds() {
    let text = text(&run(env!("CARGO_BIN_EXE_streams"), &[]));
    assert!(value(&text, "lines").starts_with("200000, "), "{text}");
    assert_eq!(value(&text, "damaged"), "200");
    assert_eq!(value(&text, "windows"), "1998, the highest average is 102.72");
    assert!(text.ends_with("The loop without a stream finds the same.\n"), "{text}");
}

#[test]
fn clients_moves_money_between_accounts() {
    let text = text(&run(env!("CARGO_BIN_EXE_clients"), &[]));
    assert!(text.contains("20 was declined: Alice has 10\n"), "{text}");
    assert!(text.ends_with("Alice has 10, Bob has 90, 1 declined\n"), "{text}");
}

#[cfg(feature = "testing")]
#[test]
fn testing_finds_its_actor_right() {
    let text = text(&run(env!("CARGO_BIN_EXE_testing"), &[]));
    assert!(text.ends_with("an hour later\nthe heating went off after 2 hours\n"), "{text}");
}

#[test]
fn ping_pong_prints_its_rate_and_a_table_of_round_trips() {
    let text = text(&ping_pong(&["--rounds", "2000"]));
    assert!(text.starts_with("ping-pong: 2,000 rounds between cores "), "{text}");
    assert!(value(&text, "msgs/s").replace(',', "").parse::<u64>().unwrap() > 0);
    assert_eq!(value(&text, "dead letters"), "0");
    let quantiles: Vec<&str> = value(&text, "round trip").split_whitespace().collect();
    assert_eq!(quantiles, ["p50", "p90", "p99", "p99.9", "max"]);
    // A number and a unit for each.
    assert_eq!(text.lines().last().map(|values| values.split_whitespace().count()), Some(10));
}

#[test]
fn ping_pong_refuses_what_it_cannot_play_on() {
    let error = stderr_of_failure(&ping_pong(&["--cores", "0,2-3"]));
    assert!(error.contains("the list names 3 cores, and 2 are needed"), "{error}");
    let error = stderr_of_failure(&ping_pong(&["--cores", "4000,4001"]));
    assert!(error.starts_with("ping_pong: worker ") && error.contains("cannot be pinned"), "{error}");
    assert!(stderr_of_failure(&ping_pong(&["--rounds", "0"])).starts_with("error: "));
}

/// The lines that do not depend on how fast the machine is.
fn fate(text: &str) -> [&str; 5] {
    ["messages", "pushes", "missed ticks", "dead letters", "state"]
        .map(|name| value(text, name).split_whitespace().next().unwrap())
}

#[test]
fn a_fast_world_follows_from_its_seed_alone() {
    let fast = |seed| text(&game_world(&["--fast", "--ticks", "60", "--entities", "2000", "--seed", seed]));
    let (one, again, other) = (fast("1"), fast("1"), fast("2"));
    assert_eq!(fate(&one), fate(&again));
    assert_ne!(fate(&one)[4], fate(&other)[4]);
    assert!(one.starts_with("game world: 2,000 entities, 60 ticks, as fast as possible\n"), "{one}");
    assert_ne!(value(&one, "pushes"), "0");
    assert_eq!(value(&one, "dead letters"), "0");
    assert!(one.ends_with("Every push has arrived, and all momentum is still there.\n"), "{one}");
}

#[test]
fn a_world_in_time_shows_its_drift() {
    let text = text(&game_world(&["--ticks", "5", "--entities", "100"]));
    assert!(text.starts_with("game world: 100 entities, 5 ticks, 60 a second\n"), "{text}");
    for name in ["ticks/s", "missed ticks", "work a tick", "drift"] {
        value(&text, name);
    }
}

#[test]
fn game_world_refuses_wrong_arguments() {
    for arguments in [["--ticks", "0"], ["--entities", "0"], ["--entities", "200001"], ["--seed", "x"]] {
        assert!(stderr_of_failure(&game_world(&arguments)).starts_with("error: "));
    }
}

#[test]
fn blocking_sums_all_files_and_misses_one() {
    let text = text(&run(env!("CARGO_BIN_EXE_blocking"), &[]));
    assert_eq!(text, "200 files add up to 19900000\nfile 200: entity not found\ndead letters 0, left in the pool 0\n");
}

#[test]
fn health_reports_who_is_unwell_and_has_one_made_anew() {
    let text = text(&run(env!("CARGO_BIN_EXE_health"), &[]));
    for line in [
        "forgetful is unresponsive, and made anew\n",
        "forgetful is healthy\n",
        "sleeper is stuck\n",
        "sleeper is healthy\n",
        "the watchdog: health::Sleeper does not return\n",
    ] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
    assert!(value(&text, "name").starts_with("actor "), "{text}");
}

#[test]
fn behaviours_connects_at_the_third_attempt_and_loses_no_order() {
    let text = text(&run(env!("CARGO_BIN_EXE_behaviours"), &[]));
    // A machine that is busy may make an attempt time out that would have been answered.
    assert!(text.starts_with("Connecting { attempt: 1 }\nConnecting { attempt: 2 }\n"), "{text}");
    assert!(text.ends_with("Connected\norders [1, 2, 3, 4, 5]\ndead letters 0\n"), "{text}");
}

#[test]
fn middleware_opens_and_closes_its_circuit() {
    let text = text(&run(env!("CARGO_BIN_EXE_middleware"), &[]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 9);
    assert_eq!(lines[2], "second 2: Second { paid: 0, failed: 3, unavailable: 7, unanswered: 2 }, the circuit is Open");
    assert_eq!(
        lines[6],
        "second 6: Second { paid: 10, failed: 0, unavailable: 0, unanswered: 2 }, the circuit is Closed"
    );
    assert_eq!(lines[8], "refused 9, expired 7");
}

#[test]
fn latest_ends_with_the_last_quote_of_each_symbol() {
    let text = text(&run(env!("CARGO_BIN_EXE_latest"), &[]));
    assert_eq!(value(&text, "quotes"), "1,000,000");
    assert_ne!(value(&text, "conflated"), "0");
    assert!(text.ends_with("The strategy has the last quote of each of 100 symbols.\n"), "{text}");
}

const ALL_IS_WELL: &str = "  Every entity is there once, with all momentum, and each player sees what is around it.\n";

#[test]
fn a_fast_game_server_follows_from_its_seed_alone() {
    let fast = |seed, failures| {
        let size = ["--fast", "--ticks", "40", "--entities", "3000", "--players", "60"];
        text(&game_server(&[&size[..], &["--seed", seed, "--kill", failures]].concat()))
    };
    let figures = |text: &str| {
        let names = ["messages", "handed over", "updates", "in view", "restarts", "dead letters", "state"];
        names.map(|name| value(text, name).split_whitespace().next().unwrap().to_owned())
    };
    let (one, again, other, failing) = (fast("1", "0"), fast("1", "0"), fast("2", "0"), fast("1", "7"));
    assert_eq!(figures(&one), figures(&again));
    assert_ne!(figures(&one)[6], figures(&other)[6]);
    assert!(one.starts_with("game server: 3,000 entities, 60 players, 40 ticks, as fast as possible\n"), "{one}");
    for (text, restarts) in [(&one, "0"), (&other, "0"), (&failing, "7")] {
        assert_eq!((figures(text)[4].as_str(), figures(text)[5].as_str()), (restarts, "0"));
        assert_ne!(value(text, "handed over").split_whitespace().next(), Some("0"));
        assert!(text.ends_with(ALL_IS_WELL), "{text}");
    }
    assert_eq!(figures(&failing), figures(&fast("1", "7")));
}

#[test]
fn a_game_server_in_time_shows_its_jitter_and_outlives_its_failures() {
    let output = game_server(&["--ticks", "30", "--entities", "1000", "--players", "20", "--kill", "3"]);
    let text = text(&output);
    assert!(text.starts_with("game server: 1,000 entities, 20 players, 30 ticks, 60 a second\n"), "{text}");
    assert_eq!(value(&text, "restarts"), "3  of 3 failures");
    for name in ["late ticks", "jitter", "work a tick"] {
        value(&text, name);
    }
    assert!(text.ends_with(ALL_IS_WELL), "{text}");
}

#[test]
fn a_game_server_tells_programs_its_figures_in_one_object() {
    let output = game_server(&["--fast", "--ticks", "10", "--entities", "500", "--players", "5", "--format", "json"]);
    let object: serde_json::Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!((&object["entities"], &object["ticks"], &object["regions"]), (&500.into(), &10.into(), &64.into()));
    assert_eq!((&object["is_complete"], &object["right_views"]), (&true.into(), &5.into()));
    assert!(object["jitter_ns"].is_null() && object["work_ns"]["p99"].is_u64());
}

#[test]
fn game_server_refuses_wrong_arguments() {
    for arguments in [["--ticks", "0"], ["--entities", "0"], ["--players", "10001"], ["--cores", "x"], ["--kill", "-1"]]
    {
        assert!(stderr_of_failure(&game_server(&arguments)).starts_with("error: "));
    }
    let error = stderr_of_failure(&game_server(&["--entities", "10", "--players", "11"]));
    assert_eq!(error, "game_server: 11 players: they are entities, of which there are 10\n");
}
