//! Memory that is there before it is needed.
//!
//! A line belongs here if it brings the pages of a table into memory.

/// Bytes of a page of memory, at most: a smaller page is only touched more than once.
const PAGE_BYTES: usize = 4_096;

/// A vector whose pages are all in memory. The system only promises fresh memory, and the first
/// write to a page waits for the system; so every page is written here, before the first decision.
pub fn resident<T: Copy>(value: T, count: usize) -> Vec<T> {
    let mut all = vec![value; count];
    let step = (PAGE_BYTES / size_of::<T>().max(1)).max(1);
    for item in all.iter_mut().step_by(step) {
        *item = core::hint::black_box(*item);
    }
    if let Some(last) = all.last_mut() {
        *last = core::hint::black_box(*last);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resident_vector_holds_the_value_whatever_the_size() {
        for count in [0, 1, 4_095, 4_096, 10_000] {
            assert_eq!(resident(7_u8, count), vec![7; count]);
            assert_eq!(resident([3_u64; 700], count / 100), vec![[3; 700]; count / 100]);
        }
    }
}
