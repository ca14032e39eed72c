//! A JSON reader that hides nothing: repeated names, the spelling of numbers and broken text all stay visible.
//!
//! It works without recursion, so a message may nest as deep as its size allows (contract section 1). A document is a
//! flat list of nodes, which is also dropped without recursion.

/// Where a node stands in its [`Document`].
pub(crate) type At = usize;

/// A string, or `None` when its escapes leave a lone surrogate, which is no Unicode text.
pub(crate) type Text = Option<String>;

/// One JSON value.
#[derive(Debug)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    /// The number as it was spelled.
    Number(String),
    Text(Text),
    Array(Vec<At>),
    /// Members in the order of the document, repeated names included.
    Object(Vec<(Text, At)>),
}

/// A JSON document.
#[derive(Debug)]
pub(crate) struct Document {
    nodes: Vec<Node>,
    root: At,
}

impl Document {
    /// Reads exactly one JSON value (RFC 8259) from UTF-8 bytes; `None` when it is anything else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader { bytes: text.as_bytes(), text, next: 0 };
        let mut nodes = Vec::new();
        let root = reader.document(&mut nodes)?;
        Some(Self { nodes, root })
    }

    pub(crate) fn root(&self) -> At {
        self.root
    }

    pub(crate) fn node(&self, at: At) -> &Node {
        &self.nodes[at]
    }

    /// The members, if the node is an object.
    pub(crate) fn members(&self, at: At) -> Option<&[(Text, At)]> {
        match self.node(at) {
            Node::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The first member of that name, if the node is an object that has one.
    pub(crate) fn member(&self, at: At, name: &str) -> Option<At> {
        let same = |(text, _): &&(Text, At)| text.as_deref() == Some(name);
        self.members(at)?.iter().find(same).map(|(_, value)| *value)
    }

    /// The text, if the node is a string of Unicode text.
    pub(crate) fn text(&self, at: At) -> Option<&str> {
        match self.node(at) {
            Node::Text(text) => text.as_deref(),
            _ => None,
        }
    }

    /// Whether the node is an object in which a name stands twice.
    pub(crate) fn repeats_a_name(&self, at: At) -> bool {
        let Some(members) = self.members(at) else { return false };
        let mut names: Vec<&Text> = members.iter().map(|(name, _)| name).collect();
        names.sort();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Whether any name or string in the node, at any depth, holds a lone surrogate.
    pub(crate) fn has_broken_text(&self, at: At) -> bool {
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            match self.node(at) {
                Node::Text(None) => return true,
                Node::Array(items) => open.extend(items),
                Node::Object(members) if members.iter().any(|(name, _)| name.is_none()) => return true,
                Node::Object(members) => open.extend(members.iter().map(|(_, value)| value)),
                Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(Some(_)) => {}
            }
        }
        false
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    next: usize,
}

/// An array or object whose end has not been read yet; an object knows the name that waits for its value.
enum Open {
    Array(Vec<At>),
    Object(Vec<(Text, At)>, Text),
}

impl Reader<'_> {
    fn document(&mut self, nodes: &mut Vec<Node>) -> Option<At> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let Some(node) = self.value_begins(&mut open)? else { continue };
            let mut whole = push(nodes, node);
            // One value may end many arrays and objects at once.
            loop {
                self.space();
                let Some(outer) = open.pop() else {
                    return (self.next == self.bytes.len()).then_some(whole);
                };
                match self.value_ends(outer, whole)? {
                    Ended::More(outer) => {
                        open.push(outer);
                        break;
                    }
                    Ended::Closed(node) => whole = push(nodes, node),
                }
            }
        }
    }

    /// Reads a scalar or an empty container whole (`Some`), or opens a container and stands before its first value.
    fn value_begins(&mut self, open: &mut Vec<Open>) -> Option<Option<Node>> {
        self.space();
        Some(match self.peek()? {
            b'{' => {
                self.next += 1;
                self.space();
                if self.take(b'}') {
                    return Some(Some(Node::Object(Vec::new())));
                }
                let name = self.name()?;
                open.push(Open::Object(Vec::new(), name));
                None
            }
            b'[' => {
                self.next += 1;
                self.space();
                if self.take(b']') {
                    return Some(Some(Node::Array(Vec::new())));
                }
                open.push(Open::Array(Vec::new()));
                None
            }
            b'"' => Some(Node::Text(self.string()?)),
            b'-' | b'0'..=b'9' => Some(Node::Number(self.number()?)),
            _ => Some(self.word()?),
        })
    }

    /// Puts a value into the container around it, and reads the comma or the bracket that follows.
    fn value_ends(&mut self, outer: Open, value: At) -> Option<Ended> {
        match outer {
            Open::Array(mut items) => {
                items.push(value);
                if self.take(b',') {
                    return Some(Ended::More(Open::Array(items)));
                }
                self.take(b']').then_some(Ended::Closed(Node::Array(items)))
            }
            Open::Object(mut members, name) => {
                members.push((name, value));
                if self.take(b',') {
                    self.space();
                    let name = self.name()?;
                    return Some(Ended::More(Open::Object(members, name)));
                }
                self.take(b'}').then_some(Ended::Closed(Node::Object(members)))
            }
        }
    }

    fn name(&mut self) -> Option<Text> {
        let name = self.string()?;
        self.space();
        self.take(b':').then_some(name)
    }

    fn word(&mut self) -> Option<Node> {
        for (word, node) in [("true", Node::Bool(true)), ("false", Node::Bool(false)), ("null", Node::Null)] {
            if self.bytes[self.next..].starts_with(word.as_bytes()) {
                self.next += word.len();
                return Some(node);
            }
        }
        None
    }

    fn number(&mut self) -> Option<String> {
        let start = self.next;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Some(self.text[start..self.next].to_owned())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let start = self.next;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.next += 1;
        }
        (self.next > start).then_some(())
    }

    fn string(&mut self) -> Option<Text> {
        if !self.take(b'"') {
            return None;
        }
        let mut units: Vec<u16> = Vec::new();
        loop {
            let letter = self.text[self.next..].chars().next()?;
            self.next += letter.len_utf8();
            match letter {
                '"' => return Some(String::from_utf16(&units).ok()),
                '\\' => units.push(self.escape()?),
                '\0'..='\u{1f}' => return None,
                _ => units.extend_from_slice(letter.encode_utf16(&mut [0; 2])),
            }
        }
    }

    /// What stands after a backslash, as one UTF-16 unit.
    fn escape(&mut self) -> Option<u16> {
        let letter = self.peek()?;
        self.next += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => u16::from(letter),
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let four = self.bytes.get(self.next..self.next + 4)?;
                self.next += 4;
                let mut unit = 0;
                for digit in four {
                    unit = unit * 16 + u16::try_from(char::from(*digit).to_digit(16)?).ok()?;
                }
                unit
            }
            _ => return None,
        })
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            self.next += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.next).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.next += usize::from(there);
        there
    }
}

enum Ended {
    More(Open),
    Closed(Node),
}

fn push(nodes: &mut Vec<Node>, node: Node) -> At {
    nodes.push(node);
    nodes.len() - 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn valid(text: &str) -> bool {
        Document::read(text.as_bytes()).is_some()
    }

    #[test]
    fn accepts_json_and_nothing_else() {
        for text in [
            "0",
            "-0",
            "1.5e+3",
            " [ ] ",
            "{}",
            r#"{"a":[1,{"b":null}],"c":true}"#,
            "\"\u{7f}é😀\"",
            r#""\ud83d\ude00\/""#,
            "\r\n\t 1",
        ] {
            assert!(valid(text), "{text}");
        }
        for text in [
            "",
            " ",
            "01",
            "-",
            "+1",
            "1.",
            ".5",
            "1e",
            "NaN",
            "Infinity",
            "nul",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "[1 2]",
            "1 2",
            "[",
            "{",
            "{\"a\"",
            "{\"a\":",
            "[}",
            "{]",
            "\"a",
            "\"\t\"",
            r#""\x""#,
            r#""\u12g4""#,
            r#""\u12""#,
            "\u{feff}1",
            "\u{a0}1",
            "'a'",
        ] {
            assert!(!valid(text), "{text}");
        }
        assert!(Document::read(b"\"\xed\xa0\x80\"").is_none(), "a surrogate in UTF-8");
        assert!(Document::read(b"\"\xff\"").is_none());
    }

    #[test]
    fn keeps_spelling_repeats_and_broken_text_visible() {
        let doc = Document::read(br#"{"n":1.50E+01,"a":1,"\u0061":2,"x":["\ud800"],"y":"\ud83d\ude00"}"#).unwrap();
        assert!(matches!(doc.node(doc.member(doc.root(), "n").unwrap()), Node::Number(n) if n == "1.50E+01"));
        assert!(doc.repeats_a_name(doc.root()), "names are compared after unescaping");
        assert!(doc.has_broken_text(doc.root()));
        assert!(!doc.has_broken_text(doc.member(doc.root(), "a").unwrap()));
        assert_eq!(doc.text(doc.member(doc.root(), "y").unwrap()), Some("😀"));
        let names = Document::read(br#"{"\udc00":1}"#).unwrap();
        assert!(names.has_broken_text(names.root()));
    }

    #[test]
    fn nesting_has_no_limit_but_the_size() {
        let deep = "[".repeat(32768) + &"]".repeat(32768);
        assert!(valid(&deep));
        assert!(!valid(&"[".repeat(65536)));
        let objects = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
        assert!(!Document::read(objects.as_bytes()).unwrap().has_broken_text(0));
    }
}
