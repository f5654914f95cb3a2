//! Text on its way into a page: whatever does not come from this program is escaped.

use std::fmt::{self, Write as _};

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Appends markup. Texts in it that are not from this program stand in [`escaped`].
    pub(super) fn put(&mut self, markup: fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.0.write_fmt(markup);
    }

    /// All of it.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Appends markup as `format!` makes it.
macro_rules! put {
    ($html:expr, $($markup:tt)*) => { $html.put(format_args!($($markup)*)) };
}
pub(super) use put;

/// A text as it has to be written between tags and in quoted attributes.
pub(super) fn escaped<T: fmt::Display>(text: T) -> Escaped<T> {
    Escaped(text)
}

/// See [`escaped`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Escaped<T>(T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Escaping<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for letter in text.chars() {
                    match letter {
                        '&' => self.0.write_str("&amp;")?,
                        '<' => self.0.write_str("&lt;")?,
                        '>' => self.0.write_str("&gt;")?,
                        '"' => self.0.write_str("&quot;")?,
                        '\'' => self.0.write_str("&#39;")?,
                        // Control characters, but for white space, are not allowed in HTML.
                        '\n' | '\t' => self.0.write_char(letter)?,
                        letter if letter.is_control() => self.0.write_char('\u{fffd}')?,
                        letter => self.0.write_char(letter)?,
                    }
                }
                Ok(())
            }
        }
        write!(Escaping(f), "{}", self.0)
    }
}

/// A text as the target of a link: letters and digits stay, whatever else becomes a dash.
pub(super) fn anchor(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let text = "<b class=\"x\" id='y'>&amp;</b>\u{7}\n";
        let expected = "&lt;b class=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/b&gt;\u{fffd}\n";
        assert_eq!(escaped(text).to_string(), expected);
        assert_eq!(anchor("a b\"<ü_1"), "a-b---_1");
    }

    #[test]
    fn markup_is_put_as_it_is() {
        let mut html = Html::default();
        put!(html, "<p>{}</p>", escaped("<"));
        assert_eq!(html.into_string(), "<p>&lt;</p>");
    }
}
