//! Which types can be part of a message, and which parameters of the `impl` they name.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Ident, Lifetime, ParenthesizedGenericArguments, Path, Type, TypeFnPtr, TypeImplTrait, TypeReference};

use crate::errors::Errors;

/// Notes what in this type cannot be part of a message. Returns whether it is all right.
pub(crate) fn check(ty: &Type, errors: &mut Errors) -> bool {
    let mut check = Check { errors, is_right: true };
    check.visit_type(ty);
    check.is_right
}

struct Check<'e> {
    errors: &'e mut Errors,
    is_right: bool,
}

impl Check<'_> {
    fn wrong(&mut self, tokens: impl quote::ToTokens, why: &str) {
        self.errors.at(tokens, why);
        self.is_right = false;
    }
}

const BORROWED: &str = "a message outlives its sender: own the value here, or borrow it for `'static`";

impl<'t> Visit<'t> for Check<'_> {
    fn visit_type_reference(&mut self, reference: &'t TypeReference) {
        if reference.lifetime.is_none() {
            return self.wrong(reference, BORROWED);
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
        if lifetime.ident != "static" {
            self.wrong(lifetime, BORROWED);
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'t TypeImplTrait) {
        self.wrong(ty, "a message is of one type: name it, instead of `impl Trait`");
    }

    fn visit_path(&mut self, path: &'t Path) {
        if path.segments.first().is_some_and(|segment| segment.ident == "Self") {
            return self.wrong(path, "`Self` would be the message here: name the actor's type");
        }
        visit::visit_path(self, path);
    }

    // What a function borrows when it is called is no part of the message.
    fn visit_type_fn_ptr(&mut self, _: &'t TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments(&mut self, _: &'t ParenthesizedGenericArguments) {}
}

/// Which of some names were seen.
pub(crate) struct Named<'n> {
    among: &'n BTreeSet<Ident>,
    pub(crate) seen: BTreeSet<Ident>,
}

impl<'n> Named<'n> {
    pub(crate) fn new(among: &'n BTreeSet<Ident>) -> Self {
        Self { among, seen: BTreeSet::new() }
    }
}

impl<'t> Visit<'t> for Named<'_> {
    fn visit_path(&mut self, path: &'t Path) {
        if let Some(first) = path.segments.first()
            && self.among.contains(&first.ident)
        {
            self.seen.insert(first.ident.clone());
        }
        visit::visit_path(self, path);
    }
}
