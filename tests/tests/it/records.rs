//! Events of AWS's services, decoded by the real process.

use rhambda_tests::{Function, Run, repository};

fn with_sample(path: &str, script: &str) -> Run {
    let sample = repository().join("layer/samples").join(path);
    let event = std::fs::read(sample).expect("the sample is there");
    Function::of(script).event(event).run()
}

#[test]
fn records_are_plain_maps() {
    let run = with_sample(
        "own/s3-key-to-decode.json",
        "fn handler(event) { events::records(event).map(|file| `${file.bucket}/${file.key}`) }",
    );
    run.responded(r#"["sourcebucket/inbox/red flower+ü.jpg"]"#).kept_serving().quietly();
    let run = with_sample(
        "aws_lambda_events/cloudwatch_logs-event.json",
        "fn handler(event) { events::records(event).pluck(\"body\") }",
    );
    run.responded(r#"["[ERROR] First test message","[ERROR] Second test message"]"#);
}

#[test]
fn numbers_of_a_table_are_exact() {
    with_sample(
        "own/dynamodb-all-types.json",
        "fn handler(event) { let image = events::records(event)[0].new_image; [image.big, image.price] }",
    )
    .responded("[123456789012345678901234567890.12345678,9.5]");
}

#[test]
fn an_unknown_event_is_an_error_that_shows_no_value() {
    Function::of("fn handler(event) { events::records(event) }")
        .event(r#"{"password":"hush"}"#)
        .run()
        .failed_as("Function.ScriptError", "Events.Unknown")
        .saying("a map with `password`")
        .never_logged("hush");
}

#[test]
fn packed_logs_that_unpack_to_more_than_there_is_memory_for_stop_the_script() {
    let script = "fn handler(event) {
        let part = gzip::compress(blob(1000000, 32));
        let bomb = blob();
        for i in 0..30 { bomb += part }
        events::records(#{ awslogs: #{ data: base64::encode(bomb) } })
    }";
    Function::of(script)
        .env("RHAMBDA_MAX_MEMORY_MB", "16")
        .event("1")
        .run()
        .failed("Function.MemoryLimit")
        .kept_serving();
}
