//! The trigonometric functions of the C library, in little space.
//!
//! The C library's own bring tables of 250 KB, four times over for four kinds of processor: a tenth of
//! what the layer weighs, and scripts take few sines. These stand in for them where the linker looks
//! for `sin`, and are as exact to within one unit in the last place.

macro_rules! stand_in {
    ($($name:ident($($parameter:ident),+);)+) => {$(
        // SAFETY: it does what the C library's function of this name does.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($parameter: f64),+) -> f64 {
            libm::$name($($parameter),+)
        }
    )+};
}

stand_in! {
    sin(x);
    cos(x);
    tan(x);
    asin(x);
    acos(x);
    atan(x);
    atan2(y, x);
}
