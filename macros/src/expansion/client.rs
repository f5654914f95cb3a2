//! The client: a typed address with a method for each message.

use proc_macro2::TokenStream;
use quote::quote;

use crate::actor::Actor;
use crate::expansion::{allowed_bounds, docs, fields, local};
use crate::method::{Answer, Method};

/// The client and what makes one.
pub(crate) fn client(actor: &Actor) -> TokenStream {
    let Actor { client, message, engine, generics, .. } = actor;
    let (of_impl, of_type, bounds) = generics.split_for_impl();
    let methods = actor.methods.iter().map(|method| match &method.answer {
        Some(answer) => asking(actor, method, answer),
        None => telling(actor, method),
    });
    let value = local("actor");
    let (derived, by_hand) = copied(actor);
    let allowed = allowed_bounds(actor);
    let doc = format!(" The address of a `{}`, with a method for each of its messages.", actor.name);
    quote! {
        #[doc = #doc]
        #derived
        #allowed
        pub struct #client #generics (#engine::ActorRef<#message #of_type>) #bounds;

        #by_hand

        impl #of_impl ::core::convert::From<#engine::ActorRef<#message #of_type>> for #client #of_type #bounds {
            #[inline]
            fn from(#value: #engine::ActorRef<#message #of_type>) -> Self {
                Self(#value)
            }
        }

        impl #of_impl ::core::convert::From<#client #of_type> for #engine::Address #bounds {
            #[inline]
            fn from(#value: #client #of_type) -> Self {
                #value.0.address()
            }
        }

        #[allow(dead_code, clippy::all, clippy::pedantic, reason = "nobody needs all methods of a client")]
        impl #of_impl #client #of_type #bounds {
            /// The address.
            #[inline]
            pub fn actor(self) -> #engine::ActorRef<#message #of_type> {
                self.0
            }

            #(#methods)*
        }
    }
}

/// A method that tells.
fn telling(actor: &Actor, method: &Method) -> TokenStream {
    let Actor { message, engine, .. } = actor;
    let Method { name, variant, visibility, conditions, .. } = method;
    let docs = docs(method, &format!(" Tells `{}::{name}`.", actor.name));
    let (fields, arguments, sender) = (fields(method), arguments(method), local("sender"));
    quote! {
        #(#conditions)*
        #docs
        #[inline]
        #visibility fn #name(self, mut #sender: impl #engine::Tell #arguments) {
            #engine::Tell::tell(&mut #sender, self.0, #message::#variant #fields);
        }
    }
}

/// The two methods that ask, from outside and from a handler.
fn asking(actor: &Actor, method: &Method, answer: &Answer) -> TokenStream {
    let Actor { message, engine, .. } = actor;
    let Method { name, variant, visibility, conditions, .. } = method;
    let then = method.then();
    let docs = docs(method, &format!(" Asks `{}::{name}`.", actor.name));
    let (fields, arguments) = (fields(method), arguments(method));
    let (field, ty) = (&answer.field, &answer.ty);
    let (asker, ctx, map) = (local("asker"), local("ctx"), local("map"));
    quote! {
        #(#conditions)*
        #docs
        #[inline]
        #visibility fn #name(self, mut #asker: impl #engine::Outside #arguments) -> #engine::Ask<#ty> {
            #engine::Outside::ask(&mut #asker, self.0, |#field| #message::#variant #fields)
        }

        #(#conditions)*
        #docs
        ///
        /// Asks from a handler: the answer, or why there is none, arrives as the message that `map` makes of it.
        #[inline]
        #visibility fn #then<AskerMsg: ::core::marker::Send + 'static>(
            self,
            #ctx: &mut #engine::Context<'_, AskerMsg>
            #arguments,
            #map: impl ::core::ops::FnOnce(::core::result::Result<#ty, #engine::AskError>) -> AskerMsg + 'static,
        ) {
            #ctx.ask(self.0, |#field| #message::#variant #fields, #map);
        }
    }
}

/// The arguments of a client's method, behind the sender.
fn arguments(method: &Method) -> TokenStream {
    let (names, types): (Vec<_>, Vec<_>) = method.fields().unzip();
    quote! { #(, #names: #types)* }
}

/// What makes a client `Copy` and comparable: derived, or by hand if it has parameters, which need not be either.
fn copied(actor: &Actor) -> (TokenStream, TokenStream) {
    let Actor { client, generics, .. } = actor;
    if generics.params.is_empty() {
        return (quote! { #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)] }, quote! {});
    }
    let (of_impl, of_type, bounds) = generics.split_for_impl();
    let (formatter, other) = (local("formatter"), local("other"));
    let (name, hasher) = (client.to_string(), local("state"));
    let by_hand = quote! {
        impl #of_impl ::core::clone::Clone for #client #of_type #bounds {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }

        impl #of_impl ::core::marker::Copy for #client #of_type #bounds {}

        impl #of_impl ::core::fmt::Debug for #client #of_type #bounds {
            fn fmt(&self, #formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #formatter.debug_tuple(#name).field(&self.0).finish()
            }
        }

        impl #of_impl ::core::cmp::PartialEq for #client #of_type #bounds {
            #[inline]
            fn eq(&self, #other: &Self) -> bool {
                self.0 == #other.0
            }
        }

        impl #of_impl ::core::cmp::Eq for #client #of_type #bounds {}

        impl #of_impl ::core::hash::Hash for #client #of_type #bounds {
            #[inline]
            fn hash<ClientHasher: ::core::hash::Hasher>(&self, #hasher: &mut ClientHasher) {
                ::core::hash::Hash::hash(&self.0, #hasher);
            }
        }
    };
    (quote! {}, by_hand)
}
