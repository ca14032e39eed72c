//! Codes of the reference data by rank, so that whole numbers sort as ClickHouse sorts the codes.

use chiso_schemas::reference::Reference;

/// Different texts in byte order. The rank of a text is its place in that order.
#[derive(Debug)]
pub struct Dictionary {
    words: Vec<String>,
    /// By position in the list that it was made of.
    ranks: Vec<u32>,
}

/// Orders the texts of a list; the same text may stand in it several times.
impl<'a> FromIterator<&'a str> for Dictionary {
    fn from_iter<I: IntoIterator<Item = &'a str>>(list: I) -> Self {
        let list = list.into_iter().collect::<Vec<_>>();
        let mut words = list.clone();
        words.sort_unstable();
        words.dedup();
        // Every text is found, and lists of reference data are counted in u32.
        let ranks = list.iter().map(|word| words.partition_point(|known| known < word) as u32).collect();
        Self { words: words.into_iter().map(str::to_owned).collect(), ranks }
    }
}

impl Dictionary {
    /// The rank of the text at that position of the list.
    pub fn rank(&self, position: usize) -> u32 {
        self.ranks[position]
    }

    /// The text of that rank.
    pub fn word(&self, rank: u32) -> &str {
        &self.words[rank as usize]
    }

    /// How many different texts there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// The codes that rows of events hold by rank.
#[derive(Debug)]
pub struct Dictionaries {
    /// Of the indicator catalogue.
    pub indicators: Dictionary,
    /// Of all units: units that bore one code one after the other share its rank.
    pub wards: Dictionary,
    /// Of the source registry.
    pub sources: Dictionary,
}

impl Dictionaries {
    /// Those of a reference.
    pub fn new(reference: &Reference) -> Self {
        Self {
            indicators: reference.indicators.iter().map(|indicator| indicator.code.as_str()).collect(),
            wards: reference.units.iter().map(|(_, unit)| unit.code.as_str()).collect(),
            sources: reference.sources.iter().map(|source| source.source.as_str()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_sort_as_the_words_do_and_equal_words_share_one() {
        let list = ["b", "é", "a", "b", "B", ""];
        let dictionary = Dictionary::from_iter(list);
        assert_eq!(dictionary.len(), 5);
        for (position, word) in list.into_iter().enumerate() {
            assert_eq!(dictionary.word(dictionary.rank(position)), word);
            for (other, different) in list.into_iter().enumerate() {
                assert_eq!(dictionary.rank(position).cmp(&dictionary.rank(other)), word.cmp(different));
            }
        }
    }
}
