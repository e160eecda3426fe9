//! A function's error as a person reads it.

use serde_json::{Map, Value};

use crate::emulator::FunctionError;
use crate::json_text::pretty;
use crate::terminal::{Look, Terminal};

/// The error in lines: type and message, the stack with its source excerpt, further data.
pub fn view(error: &FunctionError, terminal: &Terminal) -> String {
    let body: Map<String, Value> = match serde_json::from_slice(&error.body) {
        Ok(Value::Object(body)) => body,
        _ => Map::new(),
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let error_type = text("errorType").filter(|name| !name.is_empty());
    let shown_type = error_type.unwrap_or(error.recorded_type());
    let raw_body;
    let message = match text("errorMessage") {
        Some(message) => message,
        None => {
            raw_body = String::from_utf8_lossy(&error.body);
            &raw_body
        }
    };
    let label = terminal.paint(Look::Bad, &format!("error[{shown_type}]:"));
    let mut lines = message.lines();
    let first = terminal.paint(Look::Strong, lines.next().unwrap_or_default());
    let mut view = format!("{label} {first}");
    for line in lines {
        view.push_str(&format!("\n  {line}"));
    }
    for line in body.get("stackTrace").and_then(Value::as_array).into_iter().flatten() {
        // An element may hold several lines.
        for line in line.as_str().unwrap_or_default().lines() {
            view.push_str(&format!("\n  {}", stack_line(line, terminal)));
        }
    }
    if let Some(data) = body.get("errorData") {
        let data = pretty(&data.to_string()).replace('\n', "\n  ");
        view.push_str(&format!("\n  data: {data}"));
    }
    if error.error_type.as_deref() != Some(shown_type) {
        let note = format!("Lambda counts it as {}", error.recorded_type());
        view.push_str(&format!("\n  {}", terminal.paint(Look::Faint, &note)));
    }
    view
}

/// A line of the stack: places stay as they are, carets shine, gutters step back.
fn stack_line(line: &str, terminal: &Terminal) -> String {
    let Some((gutter, rest)) = line.split_once('|') else { return line.to_owned() };
    if !gutter.chars().all(|c| c == ' ' || c.is_ascii_digit()) {
        return line.to_owned();
    }
    let gutter = terminal.paint(Look::Faint, &format!("{gutter}|"));
    match rest.trim_start().starts_with('^') {
        true => format!("{gutter}{}", terminal.paint(Look::Bad, rest)),
        false => format!("{gutter}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(error_type: &str, body: &str) -> FunctionError {
        FunctionError {
            error_type: Some(error_type.to_owned()),
            body: body.as_bytes().to_vec(),
            xray_cause: None,
        }
    }

    #[test]
    fn an_error_is_shown_with_its_place_and_source() {
        let body = r#"{
            "errorMessage": "no order 42\nin the table",
            "errorType": "OrderNotFound",
            "stackTrace": ["at find (lib/orders.rhai:3:5)", "  |", "3 |     throw x;",
                           "  |     ^", "at handler (shop.rhai:9:12)"],
            "errorData": {"order": 42}
        }"#;
        let expected = "\
error[OrderNotFound]: no order 42
  in the table
  at find (lib/orders.rhai:3:5)
    |
  3 |     throw x;
    |     ^
  at handler (shop.rhai:9:12)
  data: {
    \"order\": 42
  }
  Lambda counts it as Function.ScriptError";
        assert_eq!(view(&error("Function.ScriptError", body), &Terminal::plain()), expected);
    }

    #[test]
    fn an_error_that_is_not_json_is_shown_as_it_came() {
        let shown = view(&error("Runtime.Odd", "boom"), &Terminal::plain());
        assert_eq!(shown, "error[Runtime.Odd]: boom");
    }
}
