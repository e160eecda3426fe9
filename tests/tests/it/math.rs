//! The functions of mathematics, some of which are not the C library's in `bootstrap`.

use rhambda_tests::Function;

#[test]
fn angles_are_right_to_the_last_places() {
    // From the digits of π and of square roots; `asin` and its like at values without round angles.
    let script = r"fn handler(event) {
        let checks = [
            [sin(PI() / 6.0), 0.5], [sin(1e6), -0.3499935021712930], [cos(PI() / 3.0), 0.5],
            [cos(100.0), 0.8623188722876839], [tan(PI() / 4.0), 1.0], [tan(2.0), -2.185039863261519],
            [asin(0.3), 0.3046926540153975], [acos(0.3), 1.2661036727794992],
            [atan(3.0), 1.2490457723982544], [atan(-1.0, -1.0), -3.0 * PI() / 4.0],
            [hypot(3.0, 4.0), 5.0], [exp(1.0), E()], [ln(10.0), 2.302585092994046],
        ];
        checks.filter(|pair| (pair[0] - pair[1]).abs() > 4.0e-16 * (1.0 + pair[1].abs()))
    }";
    Function::of(script).event("{}").run().responded("[]");
}

#[test]
fn what_has_no_angle_is_an_error_that_the_environment_survives() {
    let script = "fn handler(event) { asin(event.x) }";
    let run = Function::of(script).event(r#"{"x":2.0}"#).event(r#"{"x":0.0}"#).run();
    run.failed("Runtime.MarshalError").responded("0.0");
}
