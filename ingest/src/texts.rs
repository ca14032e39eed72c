//! Many texts in one buffer: a column of strings without an allocation for each.

/// Texts by row, one after the other.
#[derive(Debug)]
pub struct Texts {
    bytes: Vec<u8>,
    /// Where each begins; the last number is where the next will.
    starts: Vec<u32>,
}

impl Texts {
    /// Room for that many texts of that many bytes together; more of either is taken when needed.
    pub fn with_room(texts: usize, bytes: usize) -> Self {
        let mut starts = Vec::with_capacity(texts + 1);
        starts.push(0);
        Self { bytes: Vec::with_capacity(bytes), starts }
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        // A batch has 1 GiB at most.
        self.starts.push(self.bytes.len() as u32);
    }

    /// The text of that row.
    pub fn get(&self, row: usize) -> &[u8] {
        &self.bytes[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all of them, but keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.truncate(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_by_row() {
        let mut texts = Texts::with_room(0, 0);
        for _ in 0..2 {
            for text in ["Hải An", "", "x"] {
                texts.push(text);
            }
            assert_eq!((texts.len(), texts.is_empty()), (3, false));
            assert_eq!([texts.get(0), texts.get(1), texts.get(2)], ["Hải An".as_bytes(), b"", b"x"]);
            texts.clear();
            assert!(texts.is_empty());
        }
    }
}
