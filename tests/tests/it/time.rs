//! `time`, `random`, `uuid` and `sleep`: what a script gets of clocks and chance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rhambda_tests::{Event, Function};
use serde_json::{Value, json};

fn evaluated(expression: &str) -> Value {
    let script = format!(
        "fn handler(event) {{
             try {{ return {expression}; }} catch (error) {{ return [error.type, error.message]; }}
         }}"
    );
    let mut run = Function::of(&script).event("{}").run();
    let response = run.response();
    run.kept_serving();
    serde_json::from_str(&response).expect("a response is JSON")
}

#[test]
fn times_are_read_in_every_common_form() {
    for (text, moment) in [
        ("2026-11-23T15:30:00Z", "2026-11-23T15:30:00Z"),
        ("2026-11-23T15:30:00.25+01:00", "2026-11-23T15:30:00.25+01:00"),
        ("2026-11-23t15:30:00z", "2026-11-23T15:30:00Z"),
        ("2026-11-23 15:30", "2026-11-23T15:30:00Z"),
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("20261123T153000Z", "2026-11-23T15:30:00Z"),
        ("2026-07-01T12:00[Europe/Berlin]", "2026-07-01T12:00:00+02:00"),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
        ("Thu, 13 Feb 1969 23:32:54 -0330", "1969-02-13T23:32:54-03:30"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        // RFC 9110, 5.6.7: the two old forms of HTTP's dates.
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z"),
        ("Monday, 23-Nov-26 15:30:00 GMT", "2026-11-23T15:30:00Z"),
        ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z"),
        ("Mon Nov 23 15:30:00 2026", "2026-11-23T15:30:00Z"),
        // ISO 8601: dates of the week and of the year.
        ("1994-W44-7", "1994-11-06T00:00:00Z"),
        ("1994W447", "1994-11-06T00:00:00Z"),
        ("2026-W01", "2025-12-29T00:00:00Z"),
        ("2026-W53-5T15:30:00+01:00", "2027-01-01T15:30:00+01:00"),
        ("1994-310", "1994-11-06T00:00:00Z"),
        ("2024366T12", "2024-12-31T12:00:00Z"),
        (" 2026-11-23\n", "2026-11-23T00:00:00Z"),
    ] {
        assert_eq!(evaluated(&format!("time::parse({text:?})")), moment, "{text}");
    }
}

#[test]
fn what_is_no_time_is_an_error_that_shows_it() {
    for expression in [
        "time::parse(\"\")",
        "time::parse(\"yesterday\")",
        "time::parse(\"2026-02-29\")",
        "time::parse(\"2026-366\")",
        "time::parse(\"2026-000\")",
        "time::parse(\"2026-W54-1\")",
        "time::parse(\"2025-W53-1\")",
        "time::parse(\"2026-W01-8\")",
        "time::parse(\"2026-W\")",
        "time::parse(\"2026-W1ü\")",
        "time::parse(\"Monday, 06-Nov-94 08:49:37 GMT\")",
        "time::parse(\"2026-01-01T25:00:00Z\")",
        "time::parse(\"2026-07-01T12:00+05:00[Europe/Berlin]\")",
        "time::parse(\"1.2.2026\", \"%F\")",
        "time::parse(\"2026\", \"%Y\")",
        "time::parse(\"2026-01-01\", \"%F\", \"Europe/Nowhere\")",
        "time::from_ms(9223372036854775807)",
        "time::now(\"Mars\")",
        "time::now().in_zone(\"\")",
        "time::now().format(\"%\")",
        "time::now().format(\"%!\")",
        "time::now().add(\"1 fortnight\")",
        "time::now().add(#{ fortnights: 1 })",
        "time::now().add(#{ days: 1.5 })",
        "time::now().add(1)",
        "time::now().add(#{ years: 9223372036854775807 })",
        "time::now().add(\"10000 years\")",
        "time::now().start_of(\"century\")",
        "time::duration(\"1 month\")",
        "time::duration(\"1 lightyear\")",
    ] {
        let answer = evaluated(expression);
        assert_eq!(answer[0], "Time.Invalid", "{expression}: {answer}");
    }
}

#[test]
fn arithmetic_follows_the_calendar_and_the_clocks_of_the_zone() {
    let berlin = |text: &str| format!("time::parse(\"{text}[Europe/Berlin]\")");
    for (expression, answer) in [
        ("time::parse(\"2024-01-31\").add(\"1 month\")".to_owned(), "2024-02-29T00:00:00Z"),
        ("time::parse(\"2024-02-29\").add(#{ years: 1 })".to_owned(), "2025-02-28T00:00:00Z"),
        ("time::parse(\"2026-01-01\").subtract(\"PT1S\")".to_owned(), "2025-12-31T23:59:59Z"),
        // The night of 28 March 2026 has an hour less, that of 24 October one more.
        (berlin("2026-03-28T12:00") + ".add(\"1 day\")", "2026-03-29T12:00:00+02:00"),
        (berlin("2026-03-28T12:00") + ".add(\"24 hours\")", "2026-03-29T13:00:00+02:00"),
        (berlin("2026-10-25T12:00") + ".start_of(\"day\")", "2026-10-25T00:00:00+02:00"),
        (berlin("2026-10-28T12:00") + ".start_of(\"week\")", "2026-10-26T00:00:00+01:00"),
        (berlin("2026-10-28T12:34:56.7") + ".start_of(\"hour\")", "2026-10-28T12:00:00+01:00"),
        (berlin("2026-10-28T12:34:56.7") + ".start_of(\"minute\")", "2026-10-28T12:34:00+01:00"),
        (berlin("2026-10-28T12:34") + ".start_of(\"month\")", "2026-10-01T00:00:00+02:00"),
        (berlin("2026-10-28T12:34") + ".start_of(\"year\")", "2026-01-01T00:00:00+01:00"),
        (berlin("2026-07-01T12:00") + ".in_zone(\"UTC\")", "2026-07-01T10:00:00Z"),
        (berlin("2026-07-01T12:00") + ".in_zone(\"-03:30\")", "2026-07-01T06:30:00-03:30"),
    ] {
        assert_eq!(evaluated(&expression), answer, "{expression}");
    }
    let differences = "[time::parse(\"2026-03-29T12:00[Europe/Berlin]\")
                            - time::parse(\"2026-03-28T12:00[Europe/Berlin]\"),
                        time::from_ms(1) < time::from_ms(2), time::from_ms(1) >= time::from_ms(2),
                        time::parse(\"2026-01-01T01:00+01:00\") == time::parse(\"2026-01-01\"),
                        time::duration(\"1h 30m\"), time::duration(\"P1W\"),
                        time::duration(#{ hours: 1, ms: 1 }), time::describe(5400000)]";
    assert_eq!(
        evaluated(differences),
        json!([82_800_000, true, false, true, 5_400_000, 604_800_000, 3_600_001, "1h 30m"])
    );
}

#[test]
fn a_time_has_its_parts_and_its_text_by_a_pattern() {
    let parts = "let t = time::parse(\"2026-11-23T15:30:45.678+01:00\");
        return [t.year, t.month, t.day, t.hour, t.minute, t.second, t.millisecond, t.weekday,
                t.day_of_year, t.offset_seconds, t.epoch_ms, t.epoch_s, t.zone,
                t.format(\"%d.%m.%y %H:%M:%S.%3f %a %j %z\"), `${t}`, \"at \" + t]";
    let script = format!("fn handler(event) {{ {parts} }}");
    Function::of(&script)
        .event("{}")
        .run()
        .responded_json(
            r#"[2026, 11, 23, 15, 30, 45, 678, 1, 327, 3600, 1795444245678, 1795444245, "+01",
                "23.11.26 15:30:45.678 Mon 327 +0100", "2026-11-23T15:30:45.678+01:00",
                "at 2026-11-23T15:30:45.678+01:00"]"#,
        )
        .kept_serving();
    Function::of("fn handler(event) {\n    time::now().yaer\n}\n")
        .event("{}")
        .run()
        .failed("Function.PropertyNotFound")
        .saying("yaer")
        .kept_serving();
}

#[test]
fn the_clock_is_the_worlds() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let told = evaluated("[time::now_ms(), time::now().epoch_ms]");
    for told in [&told[0], &told[1]] {
        let told = told.as_i64().expect("a number");
        assert!((now..now + 60_000).contains(&told), "{now} {told}");
    }
}

#[test]
fn no_text_or_pattern_is_too_long_to_be_refused() {
    for call in [
        "time::parse(long)",
        "time::parse(long, \"%F\")",
        "time::parse(\"2026\", long)",
        "time::now().format(long)",
        "time::now(long)",
        "time::now().add(long)",
        "time::now().start_of(long)",
        "time::duration(long)",
    ] {
        let script = format!(
            "fn handler(event) {{
                 let long = \"\"; long.pad(4000000, \"%255Y\");
                 try {{ {call}; }} catch (error) {{ return [error.type, error.message.len < 500]; }}
             }}"
        );
        Function::of(&script).event("1").run().responded("[\"Time.Invalid\",true]").kept_serving();
    }
}

#[test]
fn chance_stays_within_what_was_asked_for() {
    let script = "const ONE = [7];
      fn handler(event) {
        let seen = #{};
        for n in 0..500 {
            let dots = random::int(1, 6);
            seen[`${dots}`] = true;
            let part = random::float();
            if part < 0.0 || part >= 1.0 { throw part }
            let pick = random::pick([\"a\", \"b\"]);
            seen[pick] = true;
        }
        let cards = random::shuffle([3, 1, 2]);
        cards.sort();
        let items = [1, 2, 3];
        random::shuffle(items);
        [seen.keys(), cards, items, random::bytes(16).len, random::bytes(-1).len, random::pick([]),
         random::pick(ONE), random::bytes(16) == random::bytes(16),
         random::int(-9223372036854775808, 9223372036854775807) == 0]
    }";
    Function::of(script)
        .event("{}")
        .run()
        .responded_json(
            r#"[["1", "2", "3", "4", "5", "6", "a", "b"], [1, 2, 3], [1, 2, 3], 16, 0, null, 7,
                false, false]"#,
        )
        .kept_serving();
    assert_eq!(evaluated("random::int(2, 1)")[0], "Random.Empty");
    let hostile = "fn handler(event) { if event == 1 { random::bytes(1 << 40).len } else { 0 } }";
    Function::of(hostile)
        .event("1")
        .event("2")
        .run()
        .failed("Function.MemoryLimit")
        .responded("0")
        .kept_serving();
}

#[test]
fn two_environments_draw_differently() {
    let draw = || evaluated("[random::int(0, 9223372036854775807), random::float(), uuid::v4()]");
    let (one, other) = (draw(), draw());
    for index in 0..3 {
        assert_ne!(one[index], other[index]);
    }
}

#[test]
fn identifiers_are_made_read_and_told_from_other_text() {
    let told = evaluated(
        "[uuid::is_valid(uuid::v4()), uuid::is_valid(uuid::v7()), uuid::v7() < uuid::v7(),
          uuid::parse(\"F81D4FAE7DEC11D0A76500A0C91E6BF6\"), uuid::is_valid(\"no\")]",
    );
    let plain = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    assert_eq!(told, json!([true, true, true, plain, false]));
    assert_eq!(evaluated("uuid::parse(\"no\")")[0], "Uuid.Invalid");
}

#[test]
fn sleep_ends_at_the_deadline() {
    let script = "fn handler(event) { if event == 1 { sleep(3600) } sleep(0.01); \"served\" }";
    Function::of(script)
        .sent(Event::new("1").due_in(Duration::from_millis(500)))
        .event("2")
        .run()
        .failed("Function.DeadlineExceeded")
        .responded("\"served\"")
        .kept_serving()
        .within(Duration::from_secs(10));
}
