//! Bytes that wait, first in, first out: for a socket to take them, or for a message to be whole.
//!
//! A line belongs here if it is about the queue itself. The owner limits its length.

/// Bytes that wait. Taking bytes from the front moves no memory.
#[derive(Debug, Default)]
pub struct ByteQueue {
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that have been taken already.
    start: usize,
}

impl ByteQueue {
    /// An empty queue with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), start: 0 }
    }

    /// Number of waiting bytes.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether no byte waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that wait, oldest first.
    pub fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        // The taken front is dropped only when that frees more memory than it moves.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came_and_memory_stays_bounded() {
        let mut queue = ByteQueue::default();
        let (mut pushed, mut taken) = (0_u8, 0_u8);
        for _ in 0..10_000 {
            queue.push(&[pushed, pushed.wrapping_add(1), pushed.wrapping_add(2)]);
            pushed = pushed.wrapping_add(3);
            while queue.len() > 2 {
                assert_eq!(queue.waiting().first(), Some(&taken));
                queue.consume(1);
                taken = taken.wrapping_add(1);
            }
            assert!(queue.bytes.len() <= 16, "{}", queue.bytes.len());
        }
        queue.consume(2);
        assert!(queue.is_empty() && queue.waiting().is_empty());
    }
}
