//! Holds the rows of the truth table in `FORMAT.md` and their tests to the same list.

use std::collections::BTreeSet;

#[test]
fn every_row_of_the_truth_table_has_its_test_and_every_test_its_row() {
    let rows: BTreeSet<&str> = include_str!("../../FORMAT.md")
        .lines()
        .filter_map(|line| line.strip_suffix("` |")?.rsplit_once('`'))
        .map(|(_, name)| name)
        .filter(|name| name.contains('_') && !name.contains(':'))
        .collect();
    let tests: BTreeSet<&str> = [include_str!("truth_table.rs"), include_str!("truth_chain.rs")]
        .into_iter()
        .flat_map(|source| source.split("#[test]\nfn ").skip(1))
        .filter_map(|rest| Some(rest.split_once('(')?.0))
        .collect();
    assert!(rows.len() > 40, "only {} rows found", rows.len());
    assert_eq!(rows, tests);
}
