//! What `rhambda new` writes works as it is.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rhambda_tests::{repository, rhambda};
use serde_json::Value;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let bootstrap = format!("target/bootstrap/{}/bootstrap", std::env::consts::ARCH);
    Command::new(rhambda())
        .args(arguments)
        .current_dir(folder)
        .env("RHAMBDA_BOOTSTRAP", repository().join(bootstrap))
        .output()
        .expect("rhambda starts")
}

fn succeeded(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_template_answers_its_event_as_its_response_says_and_can_be_packaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let list = succeeded(&run(folder, &["new", "--list", "--json"]));
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let list = list.as_array().expect("a list");
    assert!(list.len() > 10, "{list:?}");
    for template in list {
        let name = template["name"].as_str().expect("a name");
        succeeded(&run(folder, &["new", name, "--from", name]));
        let event = format!("{name}.event.json");
        let mut arguments = vec!["invoke", name, "--event", &event, "--json"];
        let variables = format!("{name}.env");
        if folder.join(&variables).exists() {
            arguments.extend(["--env-file", &variables]);
        }
        let said: Value = serde_json::from_str(&succeeded(&run(folder, &arguments))).expect("JSON");
        match fs::read_to_string(folder.join(format!("{name}.response.json"))) {
            Ok(expected) => {
                let expected: Value = serde_json::from_str(&expected).expect("JSON");
                assert_eq!(said["response"], expected, "{name}");
            }
            Err(_) => {
                let expected = fs::read_to_string(folder.join(format!("{name}.response.txt")));
                assert_eq!(said["response"], expected.expect("one of both"), "{name}");
            }
        }
        succeeded(&run(folder, &["package", name]));
    }
    succeeded(&run(folder, &["test"]));
    succeeded(&run(folder, &["check", "--deny-warnings"]));
}
