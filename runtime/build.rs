//! Has `bootstrap` linked anew when the order of its functions has changed, which cargo does not see.

fn main() {
    println!("cargo::rerun-if-changed=start.order");
}
