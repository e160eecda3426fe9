//! What a function reads goes into its zip, and a run on this machine sees what the zip would have.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use rhambda_tests::{Function, bootstrap, rhambda};
use serde_json::Value;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(rhambda());
    command.args(arguments).current_dir(folder).env("RHAMBDA_BOOTSTRAP", bootstrap());
    command.output().expect("rhambda starts")
}

fn all(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// The files of the zip, by their names.
fn packaged(folder: &Path, arguments: &[&str]) -> Result<(Vec<String>, String), String> {
    let output = run(folder, &[&["package", "--json", "-o", "out.zip"], arguments].concat());
    if !output.status.success() {
        return Err(all(&output));
    }
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let listed: Vec<String> =
        serde_json::from_value(said["files"].clone()).expect("names of files");
    let bytes = fs::read(folder.join("out.zip")).expect("the zip");
    let zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let inside: BTreeSet<String> = zip.file_names().map(str::to_owned).collect();
    assert_eq!(inside, listed.iter().cloned().collect(), "what is told is in the zip");
    Ok((listed, all(&output)))
}

/// Unpacks the zip as Lambda does, and answers an event from there.
fn served_from_zip(folder: &Path, event: &str) -> String {
    let bytes = fs::read(folder.join("out.zip")).expect("the zip");
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        files.push((file.name().to_owned(), text));
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut run = Function::of_files(&files).handler("site.handler").event(event).run();
    run.response()
}

const SITE: &str = r#"
    const PAGES = "pages";
    const LOGO = `${PAGES}/logo.txt`;
    fn page(name) { fs::read_text(PAGES + "/" + name + ".html") }
    fn handler(event) {
        let style = "style/site.css";
        [page(event.name), fs::read_text(LOGO), fs::read_text(style), fs::read_blob("key.pem").len(),
            fs::list("texts"), fs::exists("maybe.json")]
    }
    fn logo() { response::file("pages/logo.txt") }
"#;

fn site() -> TempDir {
    folder(&[
        ("site.rhai", SITE),
        ("pages/home.html", "<h1>Home</h1>"),
        ("pages/about.html", "<h1>About</h1>"),
        ("pages/logo.txt", "logo"),
        ("style/site.css", "css"),
        ("style/unused.css", "css"),
        ("key.pem", "key"),
        ("texts/a.txt", "a"),
        ("notes.md", "private"),
        ("pages/.draft.html", "hidden"),
    ])
}

#[test]
fn files_that_are_named_by_constants_go_along() {
    let site = site();
    let (files, _) = packaged(site.path(), &["site.rhai"]).expect("packaged");
    let expected = [
        "key.pem",
        "pages/about.html",
        "pages/home.html",
        "pages/logo.txt",
        "site.rhai",
        "style/site.css",
        "texts/a.txt",
    ];
    assert_eq!(files, expected);
    let response = served_from_zip(site.path(), r#"{"name":"home"}"#);
    assert_eq!(response, r#"["<h1>Home</h1>","logo","css",3,["a.txt"],false]"#);
    let output = run(site.path(), &["invoke", "site", "--event", r#"{"name":"home"}"#]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), response, "{}", all(&output));
}

#[test]
fn the_same_files_give_the_same_zip_whatever_the_order_and_the_day() {
    let (one, other) = (site(), site());
    for path in ["pages/home.html", "key.pem"] {
        fs::remove_file(other.path().join(path)).expect("removed");
    }
    fs::write(other.path().join("pages/home.html"), "<h1>Home</h1>").expect("written");
    fs::write(other.path().join("key.pem"), "key").expect("written");
    packaged(one.path(), &["site", "--include", "style", "--include", "*.md"]).expect("packaged");
    packaged(other.path(), &["site", "--include", "*.md", "--include", "style"]).expect("packaged");
    let bytes = |folder: &TempDir| fs::read(folder.path().join("out.zip")).expect("the zip");
    assert_eq!(bytes(&one), bytes(&other));
}

#[test]
fn patterns_include_as_in_a_shell() {
    let site = site();
    let script = site.path().join("plain.rhai");
    let names = |head: &str, arguments: &[&str]| {
        fs::write(&script, format!("{head}\nfn handler(event) {{ 1 }}")).expect("written");
        let arguments = [&["plain"], arguments].concat();
        let (files, _) = packaged(site.path(), &arguments).expect("packaged");
        files.into_iter().filter(|name| name != "plain.rhai").collect::<Vec<_>>().join(" ")
    };
    let pages = "pages/about.html pages/home.html pages/logo.txt";
    assert_eq!(names("", &[]), "");
    assert_eq!(names("//! include: pages/**", &[]), pages);
    assert_eq!(names("//! include: pages", &[]), pages);
    assert_eq!(names("//! include: pages/", &[]), pages);
    assert_eq!(
        names("// a site\n\n//! include: pages/*.html, key.pem", &[]),
        "key.pem pages/about.html pages/home.html"
    );
    assert_eq!(
        names("//! allow: nothing\n//! include: **/*.css\n//! include: notes.md", &[]),
        "notes.md style/site.css style/unused.css"
    );
    assert_eq!(names("", &["--include", "pages/.*"]), "pages/.draft.html");
    assert_eq!(
        names("", &["--include", "pages/?ome.*", "--include", "k[a-f]y.pem"]),
        "key.pem pages/home.html"
    );
    // What is in the way is the zip itself, and what is hidden.
    let everything = names("", &["--include", "**"]);
    assert!(everything.contains("notes.md") && everything.contains("site.rhai"), "{everything}");
    assert!(!everything.contains("out.zip") && !everything.contains(".draft"), "{everything}");
}

#[test]
fn a_module_takes_along_what_it_reads_and_includes() {
    let folder = folder(&[
        ("site.rhai", "import \"lib/mail\" as mail; fn handler(event) { mail::text(event.kind) }"),
        (
            "lib/mail.rhai",
            "//! include: mails/footer.txt\n
            fn text(kind) { fs::read_text(`mails/${kind}.md`) + fs::read_text(footer()) }
            fn footer() { \"mails/footer.txt\" }",
        ),
        ("mails/hello.md", "Hello. "),
        ("mails/footer.txt", "Bye."),
    ]);
    let (files, _) = packaged(folder.path(), &["site"]).expect("packaged");
    assert_eq!(files, ["lib/mail.rhai", "mails/footer.txt", "mails/hello.md", "site.rhai"]);
    assert_eq!(served_from_zip(folder.path(), r#"{"kind":"hello"}"#), r#""Hello. Bye.""#);
}

#[test]
fn nothing_outside_of_the_root_is_packaged() {
    let outside = folder(&[("secret.txt", "secret"), ("more/secret.txt", "secret")]);
    let site = site();
    symlink(outside.path().join("secret.txt"), site.path().join("pages/link.html"))
        .expect("a link");
    symlink(outside.path().join("more"), site.path().join("style/more")).expect("a link");
    symlink("../texts", site.path().join("style/texts")).expect("a link");
    symlink("..", site.path().join("texts/up")).expect("a link");
    fs::write(site.path().join("plain.rhai"), "fn handler(event) { 1 }").expect("written");
    for (include, says) in [
        ("pages/**", "is a link to"),
        ("pages/link.html", "is a link to"),
        ("style/**", "is a link to"),
        ("../**", "no `..`"),
        ("/etc/passwd", "relative to the task root"),
        ("pages/*.pdf", "no file of the root"),
        ("", "takes a path or a pattern"),
        ("pages/[", "no pattern"),
    ] {
        let said = packaged(site.path(), &["plain", "--include", include]).expect_err(include);
        assert!(said.contains(says) && said.contains("--include"), "{include}: {said}");
    }
    fs::remove_file(site.path().join("style/more")).expect("removed");
    fs::remove_file(site.path().join("pages/link.html")).expect("removed");
    // A link that stays inside is a file, and one that leads in a circle ends.
    let (files, _) =
        packaged(site.path(), &["plain", "--include", "style/texts/*"]).expect("packaged");
    assert_eq!(files, ["plain.rhai", "style/texts/a.txt"]);
    let (files, _) =
        packaged(site.path(), &["plain", "--include", "texts/**/*.txt"]).expect("packaged");
    assert!(files.contains(&"texts/a.txt".to_owned()), "{files:?}");
    symlink(outside.path().join("secret.txt"), site.path().join("pages/link.html"))
        .expect("a link");
    let said = packaged(site.path(), &["site"]).expect_err("what it reads may be the link");
    assert!(said.contains("site.rhai:4:") && said.contains("is a link to"), "{said}");
}

#[test]
fn a_file_that_is_too_large_is_told_before_it_is_read() {
    let site = site();
    fs::write(site.path().join("plain.rhai"), "fn handler(event) { 1 }").expect("written");
    let large = fs::File::create(site.path().join("film.mp4")).expect("a file");
    large.set_len(260 << 20).expect("a sparse file");
    let said = packaged(site.path(), &["plain", "--include", "*.mp4"]).expect_err("too large");
    assert!(said.contains("250 MB") && said.contains("`film.mp4` (272629760 bytes)"), "{said}");
}

#[test]
fn a_local_run_does_not_see_what_the_zip_would_not_have() {
    let script = r#"fn handler(event) {
        let read = ();
        try { read = fs::read_text(event.path); } catch (error) { read = error.type; }
        [read, fs::exists(event.path), fs::list("."), fs::list("pages")]
    }"#;
    let site = folder(&[
        ("site.rhai", script),
        ("pages/home.html", "home"),
        ("pages/more/about.html", "about"),
        ("notes.md", "private"),
    ]);
    let event = r#"{"path":"notes.md"}"#;
    let output = run(site.path(), &["invoke", "site", "--event", event]);
    let said = all(&output);
    let hidden = r#"["Fs.NotFound",false,["pages","site.rhai"],["home.html"]]"#;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), hidden, "{said}");
    assert!(said.contains("`//! include: notes.md`"), "{said}");
    // With it, it is there.
    let output = run(site.path(), &["invoke", "site", "--event", event, "--include", "*.md"]);
    let seen = r#"["private",true,["notes.md","pages","site.rhai"],["home.html"]]"#;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), seen, "{}", all(&output));
    // In a test as well, while the test itself reads what it likes.
    let test = r#"
        fn test_it() {
            assert_eq(fs::read_text("notes.md"), "private");
            assert_eq(invoke(#{ path: "notes.md" })[0], "Fs.NotFound");
            assert_eq(invoke(#{ path: "pages/home.html" })[0], "home");
        }"#;
    fs::write(site.path().join("site.test.rhai"), test).expect("written");
    let output = run(site.path(), &["test"]);
    assert!(output.status.success(), "{}", all(&output));
    let output = run(site.path(), &["test", "--include", "notes.md"]);
    assert!(
        all(&output).contains("expected \"Fs.NotFound\", found \"private\""),
        "{}",
        all(&output)
    );
}

#[test]
fn a_function_may_have_more_files_than_a_variable_names() {
    let site = folder(&[(
        "site.rhai",
        "//! include: pages/**\nfn handler(event) {
        [fs::read_text(event.path), fs::list(\"pages/deep\").len(), fs::exists(event.other)] }",
    )]);
    let deep = site.path().join("pages/deep");
    fs::create_dir_all(&deep).expect("a folder");
    for number in 0..2500 {
        let name = format!("{number:04}-a-name-that-is-long-enough-to-be-too-long-together.txt");
        fs::write(deep.join(name), number.to_string()).expect("a file");
    }
    fs::write(site.path().join("notes.md"), "private").expect("a file");
    let path = "pages/deep/2499-a-name-that-is-long-enough-to-be-too-long-together.txt";
    let event = format!("{{\"path\":\"{path}\",\"other\":\"notes.md\"}}");
    let output = run(site.path(), &["invoke", "site", "--event", &event]);
    let said = all(&output);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), r#"["2499",2500,false]"#, "{said}");
}

#[test]
fn check_tells_a_file_that_would_be_missing_and_an_include_of_nothing() {
    let site = folder(&[
        (
            "site.rhai",
            "//! include: pages/*.pdf, key.pem\n\
             const PAGE = \"pages/home.htm\";\n\
             fn handler(event) {\n\
                 if fs::exists(\"maybe.json\") { return 1 }\n\
                 fs::write(\"/tmp/x\", \"1\");\n\
                 [fs::read_text(PAGE), fs::read_text(\"/tmp/x\"), fs::read_text(event.path)]\n\
             }\n\
             //! include: key.pem\n",
        ),
        ("key.pem", "key"),
        ("pages/home.html", "home"),
    ]);
    let output = run(site.path(), &["check", "site.rhai"]);
    let said = all(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("no file is meant by `pages/*.pdf`"), "{said}");
    assert!(said.contains("`fs::read_text` reads `pages/home.htm`, which is not there"), "{said}");
    assert!(said.contains("has to stand above the first statement"), "{said}");
    for right in ["reads `maybe.json", "reads `/tmp/x", "meant by `key.pem`"] {
        assert!(!said.contains(right), "{right}: {said}");
    }
    let said = packaged(site.path(), &["site"]).expect_err("nothing is meant");
    assert!(said.contains("site.rhai:1:14: cannot include `pages/*.pdf`"), "{said}");
}
