//! Threads of a whole process, in a file of its own: no other test starts any.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use m2ib_core::Lanes;

/// Of this process, but for the one that runs the tests.
fn alive() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn any_number_of_lanes_costs_no_more_threads_than_the_widest() {
    let before = alive();
    let kinds = [(2, 6), (6, 6), (3, 5), (1, 6)];
    let lanes: Vec<Lanes> = (0..40)
        .map(|index| kinds[index % kinds.len()])
        .map(|(lanes, threads)| Lanes::new(lanes, threads).unwrap())
        .collect();
    for lanes in lanes {
        lanes.map(vec![(); 10], |()| assert!(alive() <= before + 6));
        lanes.together(|| rayon::join(alive, alive));
        assert_eq!(alive(), before + 6);
    }
}
