use crate::fixture;
use reports::{compare, terminal};
#[test]
fn show() {
    let r = compare(&fixture::two_tier(10));
    for w in [60, 80, 120] {
        println!("{}", terminal::render(&r, w, false));
    }
    println!("{}", terminal::render(&r, 80, true));
}
