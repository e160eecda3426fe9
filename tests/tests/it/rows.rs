//! CSV and lines one by one: `csv::each`, `csv::rows` and `fs::lines`.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use rhambda_tests::{After, Function, Run, Server, answer};
use serde_json::{Value, json};

fn value(mut run: Run) -> Value {
    let response = run.response();
    run.kept_serving();
    serde_json::from_str(&response).expect("a response is JSON")
}

fn result(event: &Value, statements: &str) -> Value {
    let script = format!("fn handler(event) {{\n{statements}\n}}");
    value(Function::of(&script).event(event.to_string()).run())
}

/// The value, by each evaluator: without and with a limit of operations.
fn both(event: &Value, statements: &str) -> Value {
    let script = format!("fn handler(event) {{\n{statements}\n}}");
    let function = || Function::of(&script).event(event.to_string());
    let plain = value(function().run());
    let limited = value(function().env("RHAMBDA_MAX_OPERATIONS", "1000000").run());
    assert_eq!(plain, limited, "{statements}");
    plain
}

#[test]
fn rows_come_from_text_blobs_files_and_downloads_alike() {
    let text = "id,name\r\n1,\"a, \"\"b\"\"\"\n\n2,\"two\nlines\"\r3,ü";
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).expect("memory can be written to");
    let packed = packed.finish().expect("memory can be written to");
    let server = Server::saying(move |asked| match asked.target.as_str() {
        "/gzip" => answer(200, &[("Content-Encoding", "gzip")], &packed),
        "/away" => answer(302, &[("Location", "/plain")], ""),
        _ => answer(200, &[("Content-Type", "text/csv")], text),
    });
    let told = both(
        &json!([text, server.url()]),
        "fs::write(\"/tmp/rhambda-test-rows.csv\", event[0]);
         let all = [];
         for source in [event[0], event[0].to_blob(), #{ file: \"/tmp/rhambda-test-rows.csv\" },
                        #{ url: event[1] }, #{ url: event[1] + \"/gzip\", method: \"POST\" },
                        #{ url: event[1] + \"/away\" }] {
             let seen = [];
             let count = csv::each(source, |row, index| seen.push([index, row]));
             let looped = [];
             for row in csv::rows(source) { looped.push(row); }
             all.push([count, seen, looped == seen.map(|it| it[1])]);
         }
         all",
    );
    let rows = json!([
        [0, { "id": "1", "name": "a, \"b\"" }],
        [1, { "id": "2", "name": "two\nlines" }],
        [2, { "id": "3", "name": "ü" }],
    ]);
    assert_eq!(told, json!(vec![json!([3, rows, true]); 6]));
}

#[test]
fn pieces_that_end_anywhere_make_no_difference() {
    // Every piece ends within something else: a pair of bytes, of quotes, of line ends.
    let text = "a→b;\"c\"\"→\r\nd\"\r\n\"ü\r\";x→\r\"\"\"\";→\"\"\n";
    let server = Server::doing(move |asked, stream| {
        let step: usize = asked.target[1..].parse().unwrap_or(1);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for piece in text.as_bytes().chunks(step) {
            write!(stream, "{:x}\r\n", piece.len())?;
            stream.write_all(piece)?;
            stream.write_all(b"\r\n")?;
            stream.flush()?;
        }
        stream.write_all(b"0\r\n\r\n")?;
        Ok(After::Keep)
    });
    let told = result(
        &json!([text, server.url()]),
        "let options = #{ header: false, delimiter: \";\" };
         let whole = csv::parse(event[0], options);
         let same = 0;
         for step in 1..9 {
             let rows = [];
             csv::each(#{ url: `${event[1]}/${step}` }, options, |row| rows.push(row));
             if rows == whole { same += 1; }
         }
         [same, whole]",
    );
    let rows = json!([["a→b", "c\"→\r\nd"], ["ü\r", "x→"], ["\"", "→\"\""]]);
    assert_eq!(told, json!([8, rows]));
}

#[test]
fn encodings_are_told_by_the_mark_the_server_or_the_option() {
    let server = Server::saying(|asked| match asked.target.as_str() {
        "/latin" => {
            answer(200, &[("Content-Type", "text/csv; charset=ISO-8859-1")], b"n\nM\xFCller\n")
        }
        _ => answer(200, &[("Content-Type", "text/csv; charset=unknown")], "n\nMüller\n"),
    });
    let utf16 = |big: bool| -> String {
        let mark = ['\u{feff}'].iter().copied();
        let units: Vec<u16> =
            mark.chain("n\nMüller 𝄞\n".chars()).collect::<String>().encode_utf16().collect();
        let bytes: Vec<u8> = units
            .iter()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let told = result(
        &json!({ "url": server.url(), "le": utf16(false), "be": utf16(true) }),
        "let first = |source, options| { for row in csv::rows(source, options) { return row.n; } };
         let hex = |text| hex::decode(text);
         [first.call(#{ url: event.url + \"/latin\" }, #{}), first.call(#{ url: event.url }, #{}),
          first.call(#{ url: event.url }, #{ encoding: \"latin1\" }),
          first.call(hex.call(event.le), #{}), first.call(hex.call(event.be), #{ encoding: \"latin1\" }),
          first.call(hex.call(\"6e0a80fc\"), #{ encoding: \"windows-1252\" }),
          first.call(hex.call(\"6e000a00fc000a00\"), #{ encoding: \"UTF-16LE\" }),
          first.call(hex.call(\"efbbbf6e0ac3bc\"), #{})]",
    );
    assert_eq!(
        told,
        json!(["Müller", "Müller", "MÃ¼ller", "Müller 𝄞", "Müller 𝄞", "€ü", "ü", "ü"])
    );
}

#[test]
fn ragged_rows_and_names_that_are_there_twice_are_what_the_options_say() {
    let told = both(
        &Value::Null,
        "let read = |text, options| { let rows = []; csv::each(text, options, |row| rows.push(row)); rows };
         let tried = |text, options| { try { read.call(text, options) } catch (e) { return [e.type, e.row, e.line]; } };
         let ragged = \"a,b\\n1,2\\n\\n3\\n4,5,6\\n7,8\\n\";
         let twice = \"a,b,a,a_2\\n1,2,3,4\\n\";
         [tried.call(ragged, #{}), tried.call(ragged, #{ ragged: \"pad\" }),
          tried.call(ragged, #{ ragged: \"skip\" }).map(|row| row.a),
          tried.call(ragged, #{ header: false }).map(|row| row.len()),
          tried.call(\"1,2\\n3\", #{ header: [\"x\", \"y\"], ragged: \"pad\" }),
          tried.call(twice, #{}), tried.call(twice, #{ duplicates: \"number\" }),
          tried.call(twice, #{ duplicates: \"first\" }), tried.call(twice, #{ duplicates: \"last\" }),
          csv::parse(twice, #{ duplicates: \"first\" }) == read.call(twice, #{ duplicates: \"first\" }),
          csv::parse(ragged, #{ ragged: \"pad\" }) == read.call(ragged, #{ ragged: \"pad\" })]",
    );
    assert_eq!(
        told,
        json!([
            ["Csv.Ragged", 2, 4],
            [
                { "a": "1", "b": "2" },
                { "a": "3", "b": null },
                { "_rest": ["6"], "a": "4", "b": "5" },
                { "a": "7", "b": "8" },
            ],
            ["1", "7"],
            [2, 2, 1, 3, 2],
            [{ "x": "1", "y": "2" }, { "x": "3", "y": null }],
            ["Csv.DuplicateName", 1, 1],
            [{ "a": "1", "a_2": "4", "a_3": "3", "b": "2" }],
            [{ "a": "1", "a_2": "4", "b": "2" }],
            [{ "a": "3", "a_2": "4", "b": "2" }],
            true,
            true,
        ])
    );
}

#[test]
fn errors_say_the_row_and_go_through_a_loop_and_a_function_alike() {
    let broken = "a\n1\n2\n\"no end\n3\n";
    let told = both(
        &json!(broken),
        "let by_each = |source, act| { try { csv::each(source, act); \"none\" } catch (e) { return e; } };
         let by_loop = |source| { try { for row in csv::rows(source) { row.len(); } \"none\" } catch (e) { return e; } };
         let facts = |e| [e.type, e.row, e.line];
         let undecodable = hex::decode(\"610a310aff0a\");
         [facts.call(by_each.call(event, |row| ())), facts.call(by_loop.call(event)),
          facts.call(by_each.call(undecodable, |row| ())), facts.call(by_loop.call(undecodable)),
          by_each.call(\"a\\n1\\n2\\n3\", |row| if row.a == \"2\" { throw #{ type: \"Bad\", a: row.a } }),
          by_each.call(\"a\\n1\\n2\\n3\", |row| if row.a == \"2\" { throw \"plain\" }),
          by_each.call(#{ file: \"/tmp/rhambda-not-there\" }, |row| ()).type,
          by_loop.call(#{ file: \"/tmp/rhambda-not-there\" }).type]",
    );
    let not_found = json!("Fs.NotFound");
    assert_eq!(told[0][1], 3, "{told}");
    assert_eq!(told[0], told[1]);
    assert_eq!(told[2][0], "Csv.NotText");
    assert_eq!(told[2], told[3]);
    assert_eq!(told[4], json!({ "type": "Bad", "a": "2", "row": 2 }));
    assert_eq!(told[5], "plain");
    assert_eq!((&told[6], &told[7]), (&not_found, &not_found));
    // One that nobody catches tells the row in its trace.
    let script = "fn handler(event) { csv::each(\"a\\n1\\nx\", |row| parse_int(row.a)) }";
    Function::of(script)
        .event("1")
        .run()
        .failed("Function.ScriptError")
        .saying("row of the CSV 2")
        .kept_serving();
}

#[test]
fn sources_and_options_that_cannot_be_meant_are_told() {
    for (call, kind, said) in [
        ("csv::each(\"/tmp/a.csv\", |row| ())", "Csv.InvalidSource", "this text is a place"),
        ("csv::rows(\"https://example.com/a.csv\")", "Csv.InvalidSource", "this text is a place"),
        ("csv::each(7, |row| ())", "Csv.InvalidSource", "it is i64"),
        ("csv::each(#{ path: \"/tmp/a\" }, |row| ())", "Csv.InvalidSource", "`file` and `url`"),
        ("csv::each(#{ file: 7 }, |row| ())", "Csv.InvalidSource", "`file` is a path as text"),
        ("csv::each(#{ url: \"nothing\" }, |row| ())", "Http.InvalidRequest", "URL"),
        ("fs::lines(\"/tmp/a\", #{ enc: 1 })", "Fs.InvalidOption", "there is no option `enc`"),
        (
            "fs::lines(\"/tmp/a\", #{ encoding: \"ebcdic\" })",
            "Fs.InvalidOption",
            "\"utf-8\", \"latin1\"",
        ),
        ("fs::lines(\"/etc/passwd\", |line| ())", "Fs.Outside", "/etc/passwd"),
        ("fs::lines(\"/tmp\", |line| ())", "Fs.Failed", "/tmp"),
    ] {
        let statements = format!("try {{ {call}; }} catch (error) {{ return error; }} \"nothing\"");
        let error = result(&Value::Null, &statements);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(error["type"] == kind && message.contains(said), "{call}: {error}");
    }
    for (options, said) in [
        ("#{ ragged: \"ignore\" }", "\"error\", \"pad\", \"skip\""),
        ("#{ duplicates: 1 }", "\"error\", \"number\", \"first\", \"last\""),
        ("#{ encoding: \"ebcdic\" }", "\"utf-8\", \"latin1\""),
        ("#{ header: [1] }", "a bool or an array of text"),
        ("#{ headers: true }", "no option `headers`"),
    ] {
        let statements = format!(
            "try {{ csv::each(\"a\", {options}, |row| ()); }} catch (error) {{ return `${{error}}`; }}"
        );
        let error = result(&Value::Null, &statements);
        assert!(error.as_str().is_some_and(|error| error.contains(said)), "{options}: {error}");
    }
}

#[test]
fn lines_end_as_any_system_ends_them_and_a_loop_may_be_left() {
    let told = both(
        &Value::Null,
        "let path = \"/tmp/rhambda-test-lines.txt\";
         let all = [];
         for text in [\"\", \"\\n\", \"a\", \"a\\n\", \"a\\r\\nb\\rc\\n\\nd\", \"a\\r\", \"a\\r\\n\", \"ü\\n€\"] {
             fs::write(path, text);
             let lines = [];
             let count = fs::lines(path, |line| lines.push(line));
             let looped = [];
             for line in fs::lines(path) { looped.push(line); }
             all.push(if looped == lines && count == lines.len() { lines } else { [looped, lines, count] });
         }
         fs::write(path, \"one\\ntwo\\nthree\");
         let until_two = [];
         for (line, index) in fs::lines(path) { until_two.push([index, line]); if line == \"two\" { break; } }
         let failing = |path| {
             try { fs::lines(path, |line| if line == \"two\" { throw #{ type: \"Bad\" } }); }
             catch (e) { return e; }
         };
         let error = failing.call(path);
         fs::remove(path);
         [all, until_two, error]",
    );
    assert_eq!(
        told,
        json!([
            [[], [""], ["a"], ["a"], ["a", "b", "c", "", "d"], ["a"], ["a"], ["ü", "€"]],
            [[0, "one"], [1, "two"]],
            { "type": "Bad", "file_line": 2 },
        ])
    );
}

#[test]
fn a_file_of_the_task_root_is_read_too_and_what_is_undecodable_is_told() {
    let script = r#"fn handler(event) {
        let seen = [];
        for row in csv::rows(#{ file: "data/rows.csv" }) { seen.push(row.a); }
        let failing = || {
            try { for line in fs::lines("data/latin.txt") { seen.push(line); } } catch (e) { return e; }
        };
        let error = failing.call();
        [seen, error.type, error.file, error.file_line, error.message.contains("windows-1252")]
    }"#;
    let run = Function::of(script)
        .file("data/rows.csv", "a\n1\n2\n")
        .file("data/latin.txt", b"fine\nM\xFCller\n")
        .event("1")
        .run();
    assert_eq!(value(run), json!([["1", "2"], "Fs.NotText", "data/latin.txt", 1, true]));
}

/// Rows of some 64 KB each, so many MiB of them.
fn large(mib: usize) -> Server {
    Server::doing(move |asked, stream| {
        let row = [b"n,".as_slice(), &vec![b'x'; 65_529], b"\n"].concat();
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        if asked.target == "/quote" {
            stream.write_all(b"a,b\n1,\"")?;
        } else if asked.target == "/row" {
            stream.write_all(b"a,b\n1,")?;
        } else {
            stream.write_all(b"a,b\n")?;
        }
        for _ in 0..mib * 16 {
            let piece = if asked.target == "/rows" { &row[..] } else { &row[2..65_500] };
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        Ok(After::Close)
    })
}

#[test]
fn a_download_larger_than_the_memory_is_read_row_by_row() {
    let server = large(1024);
    let script = "fn handler(event) {
        let bytes = 0;
        let rows = csv::each(#{ url: event + \"/rows\" }, |row| bytes += row.b.len());
        [rows, bytes]
    }";
    let run = Function::of(script)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .sent(
            rhambda_tests::Event::new(json!(server.url()).to_string())
                .due_in(std::time::Duration::from_secs(120)),
        )
        .run();
    assert_eq!(value(run), json!([1024 * 16, 1024 * 16 * 65_529_u64]));
}

#[test]
fn a_row_or_a_line_that_never_ends_is_an_error_and_not_the_end() {
    let server = large(100);
    let script = "fn handler(event) {
        let types = [];
        for path in [\"/quote\", \"/row\"] {
            try { csv::each(#{ url: event + path }, |row| ()); } catch (e) { types.push([e.type, e.row]); }
        }
        // As large as the disk lets it be, and nothing in it.
        try { for line in fs::lines(\"data/sparse\") { line.len(); } } catch (e) { types.push([e.type, e.file_line]); }
        types
    }";
    let function = Function::of(script)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .file("data/sparse", "")
        .sent(
            rhambda_tests::Event::new(json!(server.url()).to_string())
                .due_in(std::time::Duration::from_secs(60)),
        );
    let sparse = function.task_root().join("data/sparse");
    std::fs::File::options()
        .write(true)
        .open(sparse)
        .and_then(|file| file.set_len(1 << 30))
        .expect("a sparse file");
    let told = value(function.run());
    assert_eq!(told, json!([["Csv.RowTooLong", 1], ["Csv.RowTooLong", 1], ["Fs.LineTooLong", 1]]));
}

#[test]
fn a_download_that_breaks_off_or_is_refused_fails_by_its_own_type() {
    let server = Server::doing(|asked, stream| match asked.target.as_str() {
        "/cut" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na\n1\n2\n")?;
            Ok(After::Close)
        }
        "/slow" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na\n1\n2\n")?;
            Ok(After::Hang)
        }
        _ => {
            stream.write_all(&answer(404, &[], "a\n1\n"))?;
            Ok(After::Keep)
        }
    });
    let told = result(
        &json!(server.url()),
        "let tried = |request| {
             let rows = 0;
             try { csv::each(request, |row| rows += 1); } catch (e) { return [e.type, rows]; }
         };
         [tried.call(#{ url: event + \"/cut\", retries: 0 }),
          tried.call(#{ url: event + \"/slow\", timeout_ms: 500 }),
          tried.call(#{ url: event + \"/none\" }),
          tried.call(#{ url: event, save_to: \"/tmp/a\" })]",
    );
    assert_eq!(
        told,
        json!([
            ["Http.ConnectionLost", 2],
            ["Http.Timeout", 2],
            ["Http.Status", 0],
            ["Http.InvalidRequest", 0],
        ])
    );
}

#[test]
fn an_endless_stream_of_rows_is_stopped_at_the_deadline() {
    let server = Server::doing(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na\n")?;
        while stream.write_all(b"1\n2\n3\n").is_ok() {}
        Ok(After::Close)
    });
    let script = "fn handler(event) {
        if event == () { return \"served\"; }
        csv::each(#{ url: event }, |row| ())
    }";
    let run = Function::of(script)
        .sent(
            rhambda_tests::Event::new(json!(server.url()).to_string())
                .due_in(std::time::Duration::from_secs(2)),
        )
        .event("null")
        .run();
    run.failed_as("Function.ScriptError", "Http.Timeout").responded("\"served\"").kept_serving();
}
