//! ClickHouse's format Native: one block of columns, made piece by piece from data that stay where they are.
//!
//! A block is the number of columns and rows, then each column whole: name, type, data. Nullable columns are a map of
//! nulls and the values, dictionaries (LowCardinality) their words and a number for each row, maps the ends of the rows
//! and all keys and all values. Numbers are little-endian, texts follow their length.

use bytes::Bytes;

use crate::dictionary::Dictionary;

/// A piece is sent as soon as it has this many bytes.
const PIECE_BYTES: usize = 256 * 1024;
/// Rows that are written between two looks at the size of the piece.
const STEP: usize = 128;

/// Writes something of those rows.
type Write<'a> = Box<dyn FnMut(&[u32], &mut Vec<u8>) + Send + 'a>;

/// A column of the rows that a block holds.
pub struct Column<'a> {
    name: &'static str,
    kind: &'static str,
    streams: Vec<Stream<'a>>,
}

/// A part of a column, row by row after its head.
struct Stream<'a> {
    head: Vec<u8>,
    write: Write<'a>,
}

impl<'a> Stream<'a> {
    fn new(write: impl FnMut(&[u32], &mut Vec<u8>) + Send + 'a) -> Self {
        Self { head: Vec::new(), write: Box::new(write) }
    }

    /// The same number of bytes for each row.
    fn fixed<const N: usize>(value: impl Fn(usize) -> [u8; N] + Send + 'a) -> Self {
        Self::new(move |rows, out| {
            let begin = out.len();
            out.resize(begin + rows.len() * N, 0);
            for (place, &row) in out[begin..].chunks_exact_mut(N).zip(rows) {
                place.copy_from_slice(&value(row as usize));
            }
        })
    }

    /// Any number of texts for each row.
    fn texts<I: Iterator<Item = &'a [u8]>>(texts: impl Fn(usize) -> I + Send + 'a) -> Self {
        Self::new(move |rows, out| {
            for text in rows.iter().flat_map(|&row| texts(row as usize)) {
                put_text(out, text);
            }
        })
    }
}

impl<'a> Column<'a> {
    /// A column of values of `N` bytes.
    pub fn fixed<const N: usize>(name: &'static str, kind: &'static str, value: impl Fn(usize) -> [u8; N] + Send + 'a) -> Self {
        Self { name, kind, streams: vec![Stream::fixed(value)] }
    }

    /// A nullable column of values of `N` bytes.
    pub fn nullable<const N: usize>(
        name: &'static str,
        kind: &'static str,
        value: impl Fn(usize) -> Option<[u8; N]> + Copy + Send + 'a,
    ) -> Self {
        let nulls = Stream::fixed(move |row| [u8::from(value(row).is_none())]);
        Self { name, kind, streams: vec![nulls, Stream::fixed(move |row| value(row).unwrap_or([0; N]))] }
    }

    /// `String`.
    pub fn text(name: &'static str, text: impl Fn(usize) -> &'a [u8] + Send + 'a) -> Self {
        Self { name, kind: "String", streams: vec![Stream::texts(move |row| std::iter::once(text(row)))] }
    }

    /// `LowCardinality(String)`: of the dictionary, the words that the rows use.
    pub fn words(name: &'static str, dictionary: &'a Dictionary, rows: &[u32], rank: impl Fn(usize) -> u32 + Send + 'a) -> Self {
        /// Version of the serialization, the only one.
        const VERSION: u64 = 1;
        /// The words stand in the block itself.
        const OWN_WORDS: u64 = 1 << 9;
        let mut numbers = vec![None; dictionary.len()];
        for &row in rows {
            numbers[rank(row as usize) as usize] = Some(0);
        }
        let mut words = Vec::new();
        let mut count = 0;
        for (ranked, number) in numbers.iter_mut().enumerate().filter(|(_, number)| number.is_some()) {
            *number = Some(count);
            count += 1;
            put_text(&mut words, dictionary.word(ranked as u32).as_bytes());
        }
        // Rows that were not counted above would be written as the first word.
        let numbers = numbers.into_iter().map(Option::unwrap_or_default).collect::<Vec<u32>>();
        let number = move |row| numbers[rank(row) as usize];
        let (width, mut stream) = match count {
            0..=0x100 => (0, Stream::fixed(move |row| (number(row) as u8).to_le_bytes())),
            0x101..=0x1_0000 => (1, Stream::fixed(move |row| (number(row) as u16).to_le_bytes())),
            _ => (2, Stream::fixed(move |row| number(row).to_le_bytes())),
        };
        for part in [VERSION, width | OWN_WORDS, u64::from(count)] {
            stream.head.extend(part.to_le_bytes());
        }
        stream.head.append(&mut words);
        stream.head.extend((rows.len() as u64).to_le_bytes());
        Self { name, kind: "LowCardinality(String)", streams: vec![stream] }
    }

    /// `Map(String, String)`: `pairs` gives positions, `key` and `value` the texts at them.
    pub fn map(
        name: &'static str,
        pairs: impl Fn(usize) -> std::ops::Range<usize> + Copy + Send + 'a,
        key: impl Fn(usize) -> &'a [u8] + Copy + Send + 'a,
        value: impl Fn(usize) -> &'a [u8] + Copy + Send + 'a,
    ) -> Self {
        let mut end = 0_u64;
        let ends = Stream::new(move |rows, out| {
            for &row in rows {
                end += pairs(row as usize).len() as u64;
                out.extend(end.to_le_bytes());
            }
        });
        let keys = Stream::texts(move |row| pairs(row).map(key));
        let values = Stream::texts(move |row| pairs(row).map(value));
        Self { name, kind: "Map(String, String)", streams: vec![ends, keys, values] }
    }

    /// Its name in the table.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its type in the table.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

/// Columns of some rows on their way to ClickHouse.
pub struct Block<'a> {
    rows: &'a [u32],
    columns: Vec<Column<'a>>,
    /// Column, stream and row that come next.
    at: (usize, usize, usize),
}

impl<'a> Block<'a> {
    /// A block of which nothing is written; the columns must be made for these rows.
    pub fn new(rows: &'a [u32], columns: Vec<Column<'a>>) -> Self {
        Self { rows, columns, at: (0, 0, 0) }
    }

    /// The statement that it follows.
    pub fn statement(&self, table: &str) -> String {
        let names = self.columns.iter().map(Column::name).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {table} ({names}) FORMAT Native")
    }

    /// Whether half of its columns are written.
    pub fn is_half_written(&self) -> bool {
        self.at.0 * 2 >= self.columns.len()
    }

    /// The next piece of it; `None` after the last.
    pub fn next_piece(&mut self) -> Option<Bytes> {
        let (mut column, mut stream, mut row) = self.at;
        if column == self.columns.len() {
            return None;
        }
        // One step of rows of 60 KiB each is rare enough to let the buffer grow for it.
        let mut out = Vec::with_capacity(PIECE_BYTES + STEP * 64);
        if self.at == (0, 0, 0) {
            put_length(&mut out, self.columns.len());
            put_length(&mut out, self.rows.len());
        }
        while column < self.columns.len() && out.len() < PIECE_BYTES {
            let Column { name, kind, streams } = &mut self.columns[column];
            if (stream, row) == (0, 0) {
                put_text(&mut out, name.as_bytes());
                put_text(&mut out, kind.as_bytes());
            }
            let Stream { head, write } = &mut streams[stream];
            if row == 0 {
                out.append(head);
            }
            let end = self.rows.len().min(row + STEP);
            write(&self.rows[row..end], &mut out);
            row = end;
            if row == self.rows.len() {
                (stream, row) = (stream + 1, 0);
            }
            if stream == streams.len() {
                (column, stream) = (column + 1, 0);
            }
        }
        self.at = (column, stream, row);
        Some(out.into())
    }
}

/// A text after its length.
fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_length(out, text.len());
    out.extend_from_slice(text);
}

/// A length, seven bits a byte, the lowest first.
fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mut block: Block<'_>) -> Vec<u8> {
        std::iter::from_fn(|| block.next_piece()).flatten().collect()
    }

    #[test]
    fn lengths_take_seven_bits_a_byte() {
        for (length, want) in [(0, vec![0]), (127, vec![127]), (128, vec![0x80, 1]), (300, vec![0xAC, 2])] {
            let mut out = Vec::new();
            put_length(&mut out, length);
            assert_eq!(out, want);
        }
    }

    #[test]
    fn a_block_is_its_columns_one_after_the_other() {
        let dictionary = Dictionary::from_iter(["x", "unused", "yy"]);
        let rows = [2, 0];
        let texts = ["a", "b", "c"];
        let columns = vec![
            Column::fixed("f", "UInt16", |row| (row as u16).to_le_bytes()),
            Column::nullable("n", "Nullable(UInt8)", |row| (row == 2).then_some([7])),
            Column::text("t", |row| texts[row].as_bytes()),
            Column::words("w", &dictionary, &rows, |row| if row == 2 { 2 } else { 1 }),
            Column::map("m", |row| 0..row, |_| b"k", |at| texts[at].as_bytes()),
        ];
        let block = Block::new(&rows, columns);
        assert_eq!(block.statement("t"), "INSERT INTO t (f, n, t, w, m) FORMAT Native");
        let want: &[&[u8]] = &[
            b"\x05\x02",
            b"\x01f\x06UInt16\x02\0\0\0",
            b"\x01n\x0fNullable(UInt8)\x00\x01\x07\x00",
            b"\x01t\x06String\x01c\x01a",
            b"\x01w\x16LowCardinality(String)\x01\0\0\0\0\0\0\0\x00\x02\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01x\x02yy",
            b"\x02\0\0\0\0\0\0\0\x01\x00",
            b"\x01m\x13Map(String, String)\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01k\x01k\x01a\x01b",
        ];
        assert_eq!(written(block), want.concat());
    }

    #[test]
    fn pieces_are_bounded_and_together_the_block() {
        let rows = (0..200_000).collect::<Vec<_>>();
        let column = || vec![Column::fixed("f", "UInt64", |row| (row as u64).to_le_bytes())];
        let mut block = Block::new(&rows, column());
        let pieces = std::iter::from_fn(|| block.next_piece()).collect::<Vec<_>>();
        assert!(pieces.len() > 5 && pieces.iter().all(|piece| piece.len() < PIECE_BYTES + STEP * 8 + 64));
        let whole = pieces.concat();
        assert_eq!(whole.len(), 1 + 3 + 2 + 7 + 1_600_000);
        assert!(whole.ends_with(&199_999_u64.to_le_bytes()));
    }
}
