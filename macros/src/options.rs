//! The options of the attribute.

use syn::parse::{Parse, ParseStream};
use syn::{Ident, Path, Token};

/// The options as they are written: `message = Name, client = Name, crate = path`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) message: Option<Ident>,
    pub(crate) client: Option<Ident>,
    pub(crate) engine: Option<Path>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        use syn::ext::IdentExt;

        let mut options = Self::default();
        while !input.is_empty() {
            // `crate` is a keyword.
            let name = input.call(Ident::parse_any)?;
            let text = name.to_string();
            if !matches!(text.as_str(), "message" | "client" | "crate") {
                let allowed = "allowed are `message = Name`, `client = Name` and `crate = path`";
                return Err(syn::Error::new(name.span(), format!("unknown option `{text}`: {allowed}")));
            }
            input.parse::<Token![=]>()?;
            let is_first = match text.as_str() {
                "message" => options.message.replace(input.parse()?).is_none(),
                "client" => options.client.replace(input.parse()?).is_none(),
                _ => options.engine.replace(input.call(Path::parse_mod_style)?).is_none(),
            };
            if !is_first {
                return Err(syn::Error::new(name.span(), format!("the option `{text}` is given twice")));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}
