//! The model's memory is taken when its rings are first used, and never more: a counting allocator
//! proves it, over orders from their first report to their last fill.

use crate::world;
use rutter_admin::ReadModel;
use rutter_core::Engine;
use rutter_core::output::Output;
use rutter_test_support::counting::allocations;

/// What the core told, over many turns of the rings.
fn outputs() -> Vec<(u64, Output)> {
    let mut world = world::World::new(5);
    (0..20_000).for_each(|_| world.step());
    let mut engine = Engine::new(&world::genesis()).expect("sound");
    let mut all = Vec::new();
    for (header, input) in &world.journal {
        let mut outputs: Vec<Output> = Vec::new();
        engine.apply(*header, input, &mut outputs);
        all.extend(outputs.into_iter().map(|output| (header.seq, output)));
    }
    all
}

#[test]
fn outputs_allocate_nothing_once_the_rings_were_used() {
    let told = outputs();
    let mut model = ReadModel::new(world::sizes());
    for definition in world::definitions() {
        model.define(&definition);
    }
    // Operators' halts are few, and are kept in sorted sets.
    let is_operators = |output: &Output| matches!(output, Output::Operator(_));
    let (mut before, mut applied) = (0, 0);
    for (place, (seq, output)) in told.iter().enumerate() {
        if place == told.len() / 2 {
            before = allocations();
            applied = 0;
        }
        if place >= told.len() / 2 && is_operators(output) {
            continue;
        }
        model.apply(*seq, *seq, output);
        applied += 1;
    }
    let allocated = allocations() - before;
    assert_eq!(allocated, 0, "over {applied} outputs");
    assert!(
        applied > 5_000 && model.newest_order().0 > 50 * 32,
        "{applied} {:?}",
        model.status().refused
    );
}
