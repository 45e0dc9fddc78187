//! What people, programs and flows say of a contact: names and values that go with it.

use std::collections::BTreeMap;

/// Names and values, in order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// What the names and values of one contact may take together, as Amazon Connect limits them.
    pub const BYTES: usize = 32 * 1024;

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These with `others` over them; `None` when that is too much.
    pub fn with(&self, others: &Attributes) -> Option<Attributes> {
        let mut all = self.0.clone();
        all.extend(others.0.clone());
        let bytes: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
        (bytes <= Self::BYTES).then_some(Attributes(all))
    }
}

impl FromIterator<(String, String)> for Attributes {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Attributes(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: String) -> Attributes {
        Attributes::from_iter([(name.to_owned(), value)])
    }

    #[test]
    fn attributes_are_replaced_by_name_and_limited_together() {
        let tier = one("tier", "gold".into());
        let both = tier.with(&one("mood", "good".into())).expect("they are small");
        assert_eq!(both.iter().collect::<Vec<_>>(), [("mood", "good"), ("tier", "gold")]);
        assert_eq!(both.with(&one("tier", "tin".into())).expect("small").get("tier"), Some("tin"));
        let room = Attributes::BYTES - "tiergold".len() - "note".len();
        assert!(tier.with(&one("note", "x".repeat(room))).is_some());
        assert!(tier.with(&one("note", "x".repeat(room + 1))).is_none());
    }
}
