//! The expansion as text.

use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;

use crate::expansion::expand;

fn printed(options: TokenStream, item: TokenStream) -> String {
    let expanded = expand(options, item);
    match syn::parse2(expanded.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("{error}:\n{expanded}"),
    }
}

/// Compares with a file beside this one, which a reader can look at too.
#[track_caller]
fn assert_expands(name: &str, item: TokenStream) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests").join(name);
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let found = printed(TokenStream::new(), item);
    assert_eq!(found, expected, "{} is to be:\n{found}", path.display());
}

#[test]
fn a_small_actor_expands_to_what_one_would_write() {
    assert_expands(
        "counter.rs.txt",
        quote::quote! {
            impl Counter {
                /// Adds to the total.
                fn add(&mut self, n: u64) {
                    self.0 += n;
                }

                fn total(&self) -> u64 {
                    self.0
                }
            }
        },
    );
}

#[test]
fn contexts_replies_and_lifecycle_expand_to_their_calls() {
    assert_expands(
        "desk.rs.txt",
        quote::quote! {
            impl<P: Prices, T: Send + 'static> desks::Desk<P, T> {
                pub fn new() -> Self {
                    Self
                }

                #[started]
                fn open(&mut self, ctx: &mut Context<'_, DeskMsg<T>>) {}

                #[skip]
                fn price(self, of: &str) -> u64 {
                    1
                }

                #[cfg(feature = "quotes")]
                pub fn quote(&mut self, ctx: &mut Context<'_, DeskMsg<T>>, tag: T, answer: Reply<u64>) {}
            }
        },
    );
}
