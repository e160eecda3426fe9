//! `fs`: the files that a script reads and writes, and those it never reaches.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rhambda_tests::Function;

fn caught(statement: &str) -> String {
    format!(
        "fn handler(event) {{
             try {{ return {statement}; }} catch (error) {{ return [error.type, error.message]; }}
         }}"
    )
}

/// A folder below `/tmp`, where scripts may write, and its path in quotes for a script.
fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").expect("a folder in /tmp");
    let path = folder.path().to_str().expect("a path in UTF-8").to_owned();
    (folder, path)
}

#[track_caller]
fn refused(function: Function, kind: &str, said: &str) {
    let mut run = function.event("{}").run();
    let answer = run.response();
    assert!(answer.contains(kind) && answer.contains(said), "{kind}, {said}: {answer}");
    run.kept_serving();
}

#[test]
fn files_below_tmp_are_written_read_listed_and_removed() {
    let (folder, path) = folder();
    let script = format!(
        "fn handler(event) {{
             let at = {path:?};
             fs::write(at + \"/new/a.txt\", \"grüße\");
             fs::append(at + \"/new/a.txt\", \"!\");
             fs::write(at + \"/b\", blob(3, 255));
             fs::append(at + \"/b\", blob(1, 1));
             fs::append(at + \"/c\", \"\");
             fs::write(at + \"/c\", \"once\");
             fs::write(at + \"/c\", \"two\");
             fs::make_folder(at + \"/x/y\");
             [fs::read_text(at + \"/new/a.txt\"), fs::size(at + \"/new/a.txt\"),
              fs::read_blob(at + \"/b\"), fs::read_text(at + \"/c\"), fs::list(at),
              fs::exists(at + \"/x/y\"), fs::exists(at + \"/nothing/there\"),
              fs::remove(at + \"/x/y\"), fs::remove(at + \"/x/y\"), fs::exists(at + \"/x/y\"),
              fs::remove(at + \"/not/there\"), fs::exists(at + \"/not\")]
         }}"
    );
    Function::of(&script)
        .event("{}")
        .run()
        .responded_json(
            r#"["grüße!", 8, "////AQ==", "two", ["b", "c", "new", "x"], true, false, true, false,
                false, false, false]"#,
        )
        .kept_serving();
    assert_eq!(fs::read_to_string(folder.path().join("new/a.txt")).expect("it is there"), "grüße!");
}

#[test]
fn files_of_the_task_root_and_of_layers_are_read_and_never_written() {
    let read = |expression: &str| {
        Function::of(&caught(expression))
            .file("data/rates.json", "[1]")
            .file("data/more.json", "[2]")
            .layer_file("shared.txt", "from a layer")
    };
    for (expression, answer) in [
        ("fs::read_text(\"data/rates.json\")", "\"[1]\""),
        ("fs::list(\"data\")", r#"["more.json","rates.json"]"#),
        ("fs::read_text(\"/opt/shared.txt\")", "\"from a layer\""),
        ("fs::exists(\"nothing\")", "false"),
    ] {
        read(expression).event("{}").run().responded(answer).kept_serving();
    }
    for expression in [
        "fs::write(\"data/rates.json\", \"[3]\")",
        "fs::append(\"data/rates.json\", \"[3]\")",
        "fs::write(\"/opt/shared.txt\", \"x\")",
        "fs::remove(\"data/rates.json\")",
        "fs::make_folder(\"data/new\")",
    ] {
        refused(read(expression), "Fs.Outside", "it cannot be written to");
    }
}

#[test]
fn nothing_else_is_reached_by_any_spelling() {
    for path in [
        "/etc/passwd",
        "/proc/self/environ",
        "/tmp/../etc/passwd",
        "../secret.txt",
        "data/../../secret.txt",
        "/tmpx",
        "/optional",
        "/",
        "",
        "/tmp/\\0",
        "/dev/stdin",
    ] {
        for call in [
            format!("fs::read_text(\"{path}\")"),
            format!("fs::read_blob(\"{path}\")"),
            format!("fs::write(\"{path}\", \"x\")"),
            format!("fs::list(\"{path}\")"),
            format!("fs::exists(\"{path}\")"),
            format!("fs::size(\"{path}\")"),
            format!("fs::remove(\"{path}\")"),
            format!("fs::make_folder(\"{path}\")"),
        ] {
            let call = call.replace("\\0", "\\x00");
            let function = Function::of(&caught(&call)).outside_file("secret.txt", "secret");
            refused(function, "Fs.Outside", "scripts read below the task root");
        }
    }
}

#[test]
fn no_link_leads_outside() {
    let (folder, path) = folder();
    let outside = tempfile::Builder::new().tempdir_in("/var/tmp").expect("a folder in /var/tmp");
    fs::write(outside.path().join("secret"), "secret").expect("a file");
    let at = |name: &str| folder.path().join(name);
    symlink(outside.path().join("secret"), at("file")).expect("a link");
    symlink(outside.path(), at("folder")).expect("a link");
    symlink(outside.path().join("made"), at("dangling")).expect("a link");
    for call in [
        "fs::read_text(at + \"/file\")",
        "fs::write(at + \"/file\", \"x\")",
        "fs::append(at + \"/file\", \"x\")",
        "fs::remove(at + \"/file\")",
        "fs::read_text(at + \"/folder/secret\")",
        "fs::write(at + \"/folder/made\", \"x\")",
        "fs::write(at + \"/folder/a/made\", \"x\")",
        "fs::make_folder(at + \"/folder/made\")",
        "fs::list(at + \"/folder\")",
        "fs::exists(at + \"/folder/secret\")",
    ] {
        let function = Function::of(&caught(call).replace("at + ", &format!("{path:?} + ")));
        refused(function, "Fs.Outside", "a link leads outside");
    }
    let dangling = caught("fs::write(at + \"/dangling\", \"x\")");
    let dangling = dangling.replace("at + ", &format!("{path:?} + "));
    refused(Function::of(&dangling), "Fs.Failed", "dangling");
    assert_eq!(fs::read_to_string(outside.path().join("secret")).expect("it is there"), "secret");
    assert!(!outside.path().join("made").exists() && !outside.path().join("a").exists());
    let task = Function::of(&caught("fs::read_text(\"link\")"))
        .outside_file("secret.txt", "secret")
        .link("link", "../secret.txt");
    refused(task, "Fs.Outside", "a link leads outside");
}

#[test]
fn what_is_no_plain_file_neither_hangs_nor_fills_the_memory() {
    let (folder, path) = folder();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is everywhere");
    symlink("/dev/zero", folder.path().join("zero")).expect("a link");
    fs::File::create(folder.path().join("sparse"))
        .and_then(|file| file.set_len(1 << 40))
        .expect("a file with a hole");
    for (call, kind) in [
        ("fs::read_text(at + \"/pipe\")", "Fs.Failed"),
        ("fs::write(at + \"/pipe\", \"x\")", "Fs.Failed"),
        ("fs::read_blob(at + \"/zero\")", "Fs.Outside"),
        ("fs::read_blob(at + \"/sparse\")", "Fs.TooLarge"),
        ("fs::read_text(at)", "Fs.Failed"),
        ("fs::remove(at)", "Fs.Failed"),
    ] {
        let script = caught(call).replace("(at", &format!("({path:?}"));
        refused(Function::of(&script), kind, &path);
    }
}

#[test]
fn what_is_not_there_or_not_text_is_said() {
    let (folder, path) = folder();
    fs::write(folder.path().join("bytes"), [b'a', 0xFF]).expect("a file");
    let missing = caught(&format!("fs::read_text({path:?} + \"/nothing\")"));
    refused(Function::of(&missing), "Fs.NotFound", "there is no file");
    let bytes = caught(&format!("fs::read_text({path:?} + \"/bytes\")"));
    refused(Function::of(&bytes), "Fs.NotText", "byte 1 is not UTF-8; read it by");
    let bytes = caught(&format!("fs::read_blob({path:?} + \"/bytes\")"));
    Function::of(&bytes).event("{}").run().responded("\"Yf8=\"").kept_serving();
}

#[test]
fn a_declaration_allows_the_folders_it_names_and_no_other() {
    let (folder, path) = folder();
    fs::write(folder.path().join("a"), "a").expect("a file");
    let in_tmp = format!("fs::read_text({path:?} + \"/a\")");
    let in_task = "fs::read_text(\"main.rhai\").len > 0";
    let function =
        |declaration: &str, call: &str| Function::of(&format!("{declaration}\n{}", caught(call)));
    function("//! allow: fs tmp", &in_tmp).event("{}").run().responded("\"a\"").kept_serving();
    function("//! allow: fs task", in_task).event("{}").run().responded("true").kept_serving();
    refused(function("//! allow: fs task", &in_tmp), "Policy.Refused", "//! allow: fs tmp");
    refused(function("//! allow: fs tmp", in_task), "Policy.Refused", "//! allow: fs task");
    let strict = function("", in_task).env("RHAMBDA_POLICY", "strict");
    refused(strict, "Policy.Refused", "//! allow: fs task");
    assert!(Path::new(&path).join("a").exists());
}
