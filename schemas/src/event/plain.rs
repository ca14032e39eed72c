//! Events as they usually come, read in one pass: nothing escaped, decimals without an exponent, nothing nested but
//! `data` and `dimensions`.
//!
//! Whatever else stands there, right or wrong, is left to `json`, which knows every rule: `None` says so. What is read
//! here is what `json` would read; a property test compares the two.

use super::attributes::Attributes;
use super::data::Fields;
use std::borrow::Cow;

/// So many ignored attributes are looked through for repeated names; an event with more is left to `json`.
const IGNORED_MAX: usize = 8;

/// Reads a structured event.
pub(super) fn read_event(text: &str) -> Option<(Attributes<'_>, Fields<'_>)> {
    let mut reader = Reader { text, at: 0 };
    let mut attributes = Attributes::default();
    let fields = event(&mut reader, &mut attributes)?;
    reader.next().is_none().then_some((attributes, fields))
}

/// Reads the data object of an event in binary mode.
pub(super) fn read_data(text: &str) -> Option<Fields<'_>> {
    let mut reader = Reader { text, at: 0 };
    let fields = data(&mut reader)?;
    reader.next().is_none().then_some(fields)
}

fn event<'a>(reader: &mut Reader<'a>, attributes: &mut Attributes<'a>) -> Option<Fields<'a>> {
    let mut fields = None;
    let mut ignored = [""; IGNORED_MAX];
    let mut count = 0;
    reader.members(|reader, name| {
        if name == "data" {
            return fields.replace(data(reader)?).is_none().then_some(());
        }
        let value = reader.scalar()?;
        if attributes.take_plain(name, value)? {
            return Some(());
        }
        if ignored[..count].contains(&name) {
            return None;
        }
        *ignored.get_mut(count)? = name;
        count += 1;
        Some(())
    })?;
    fields
}

fn data<'a>(reader: &mut Reader<'a>) -> Option<Fields<'a>> {
    let mut fields = Fields::default();
    reader.members(|reader, name| {
        if name != "dimensions" {
            return fields.take(Cow::Borrowed(name), reader.scalar()?).ok();
        }
        reader.next()?;
        let begin = reader.at;
        let mut members = Vec::new();
        reader.members(|reader, name| {
            members.push((Cow::Borrowed(name), reader.scalar()?));
            Some(())
        })?;
        fields.take_dimensions(&reader.text[begin..reader.at], members)
    })?;
    fields.are_known().then_some(fields)
}

/// A place in a JSON text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte behind white space, which is stepped over.
    fn next(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn step_over(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// Reads an object; `each` is called at every value, with its name, and reads it.
    fn members(&mut self, mut each: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.step_over(b'{')?;
        if self.next()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.step_over(b':')?;
            each(self, name)?;
            match self.next()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// What stands between quotes, if nothing of it is escaped.
    fn string(&mut self) -> Option<&'a str> {
        self.step_over(b'"')?;
        let begin = self.at;
        let end = special(self.text.as_bytes(), begin)?;
        self.at = end + 1;
        (self.text.as_bytes()[end] == b'"').then(|| &self.text[begin..end])
    }

    /// The text of a string, quotes included, of a plain decimal or of a word.
    fn scalar(&mut self) -> Option<&'a str> {
        let first = self.next()?;
        let begin = self.at;
        match first {
            b'"' => {
                self.string()?;
            }
            b'0'..=b'9' => self.decimal()?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            _ => return None,
        }
        Some(&self.text[begin..self.at])
    }

    /// Digits without zeros before them, perhaps a point and more digits.
    fn decimal(&mut self) -> Option<()> {
        let begin = self.at;
        let whole = self.digits();
        if whole > 1 && self.text.as_bytes()[begin] == b'0' {
            return None;
        }
        if self.text.as_bytes().get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        // An exponent is left to others; any other byte here ends the member or is an error.
        (!matches!(self.text.as_bytes().get(self.at), Some(b'e' | b'E'))).then_some(())
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - begin
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(word.as_bytes()).then(|| self.at += word.len())
    }
}

/// Where the first quote, backslash or control character stands, from `at` on. Eight bytes are looked at together.
fn special(text: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // The top bit of each byte that is below `limit`, which is at most 128; bytes above the first such one may be wrong.
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes & TOPS;
    while let Some(chunk) = text.get(at..at + 8).and_then(|chunk| <[u8; 8]>::try_from(chunk).ok()) {
        let bytes = u64::from_le_bytes(chunk);
        let equals = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
        let found = equals(b'"') | equals(b'\\') | below(bytes, b' ');
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = text.get(at..)?;
    rest.iter().position(|&byte| byte < b' ' || byte == b'"' || byte == b'\\').map(|place| at + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bytes_are_found_wherever_they_stand() {
        for length in 0..40 {
            for at in 0..length {
                for byte in [b'"', b'\\', 0, 0x1F, b'\n'] {
                    let mut text = "aé\u{7f}ệ!#[]^ \u{80}\u{a2}\u{dc}".bytes().cycle().take(length).collect::<Vec<_>>();
                    text[at] = byte;
                    assert_eq!(special(&text, 0), Some(at));
                    assert_eq!(special(&text, at), Some(at));
                    text.truncate(at);
                    assert_eq!(special(&text, 0), None);
                }
            }
        }
    }
}
