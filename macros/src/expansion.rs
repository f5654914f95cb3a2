//! What the attribute writes.

mod client;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, ItemImpl};

use crate::actor::{Actor, Lifecycle};
use crate::errors::Errors;
use crate::method::{Argument, Method};
use crate::options::Options;

/// The attribute's output: the `impl`, what belongs to it, and what is wrong with it. Whatever is right is there even if
/// something else is wrong, so that only the mistake itself is reported.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = syn::parse2::<Options>(options).unwrap_or_else(|error| {
        errors.push(error);
        Options::default()
    });
    let expanded = match syn::parse2::<ItemImpl>(item.clone()) {
        Ok(mut item) => {
            let generated = Actor::read(options, &mut item, &mut errors).map(|actor| generate(&actor, &item));
            quote! { #item #generated }
        }
        Err(error) => {
            errors.push(syn::Error::new(error.span(), format!("{error}: the attribute stands on an `impl`")));
            item
        }
    };
    let errors = errors.finish().err().map(|errors| errors.to_compile_error());
    quote! { #expanded #errors }
}

fn generate(actor: &Actor, item: &ItemImpl) -> TokenStream {
    let message = message(actor);
    let behaviour = behaviour(actor, item);
    let client = client::client(actor);
    quote! { #message #behaviour #client }
}

/// A name that meets no name of the user's.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The comment of the method, or else this one.
fn docs(method: &Method, otherwise: &str) -> TokenStream {
    if method.docs.is_empty() {
        return quote! { #[doc = #otherwise] };
    }
    let docs = &method.docs;
    quote! { #(#docs)* }
}

/// The enum of the messages.
fn message(actor: &Actor) -> TokenStream {
    let Actor { message, generics, engine, .. } = actor;
    let bounds = &generics.where_clause;
    let variants = actor.methods.iter().map(|method| variant(actor, method, engine));
    let doc = format!(" What a `{}` understands.", actor.name);
    let allowed = allowed_bounds(actor);
    quote! {
        #[doc = #doc]
        #[allow(private_interfaces, reason = "an argument's type may be less visible than the message")]
        #allowed
        pub enum #message #generics #bounds {
            #(#variants),*
        }
    }
}

/// Lets the bounds of a generic actor be less visible than what is generated.
fn allowed_bounds(actor: &Actor) -> Option<TokenStream> {
    let has_bounds = !actor.generics.params.is_empty();
    has_bounds.then(|| quote! { #[allow(private_bounds, reason = "a bound is the actor's")] })
}

fn variant(actor: &Actor, method: &Method, engine: &syn::Path) -> TokenStream {
    let Method { variant, conditions, .. } = method;
    let docs = docs(method, &format!(" Calls `{}::{}`.", actor.name, method.name));
    let mut fields: Vec<_> = method
        .fields()
        .map(|(name, ty)| {
            let doc = format!(" The argument `{name}`.");
            quote! { #[doc = #doc] #name: #ty }
        })
        .collect();
    fields.extend(method.answer.as_ref().map(|answer| {
        let (field, ty) = (&answer.field, &answer.ty);
        quote! { #[doc = " Takes the answer."] #field: #engine::Reply<#ty> }
    }));
    let fields = if fields.is_empty() {
        quote! {}
    } else {
        quote! { { #(#fields),* } }
    };
    quote! { #(#conditions)* #docs #variant #fields }
}

/// The fields of a variant by their names, for a pattern or for making one.
fn fields(method: &Method) -> TokenStream {
    let mut names: Vec<_> = method.fields().map(|(name, _)| name).collect();
    names.extend(method.answer.as_ref().map(|answer| &answer.field));
    if names.is_empty() {
        quote! {}
    } else {
        quote! { { #(#names),* } }
    }
}

/// The implementation of `Actor`.
fn behaviour(actor: &Actor, item: &ItemImpl) -> TokenStream {
    let Actor { message, engine, methods, .. } = actor;
    let (of_impl, _, bounds) = item.generics.split_for_impl();
    let (_, of_message, _) = actor.generics.split_for_impl();
    let self_ty = &item.self_ty;
    let uses_context = methods.iter().any(Method::uses_context);
    let ctx = local(if uses_context { "ctx" } else { "_ctx" });
    let msg = local("msg");
    let arms = methods.iter().map(|method| arm(message, method, &ctx));
    let started = actor.started.as_ref().map(|started| lifecycle(actor, "started", started));
    let stopped = actor.stopped.as_ref().map(|stopped| lifecycle(actor, "stopped", stopped));
    let mut names = methods.iter().flat_map(Method::fields).map(|(name, _)| name.to_string());
    let allowed = names.any(|name| name.starts_with('_')).then(|| {
        quote! { #[allow(clippy::used_underscore_binding, reason = "a field has the name of its argument")] }
    });
    quote! {
        #allowed
        impl #of_impl #engine::Actor for #self_ty #bounds {
            type Msg = #message #of_message;

            #[inline]
            fn handle(&mut self, #msg: Self::Msg, #ctx: &mut #engine::Context<'_, Self::Msg>) {
                match #msg {
                    #(#arms)*
                }
            }

            #started
            #stopped
        }
    }
}

fn arm(message: &Ident, method: &Method, ctx: &Ident) -> TokenStream {
    let Method { name, variant, conditions, .. } = method;
    let fields = fields(method);
    let arguments = method.arguments.iter().map(|argument| match argument {
        Argument::Context => ctx,
        Argument::Field(name, _) | Argument::Reply(name, _) => name,
    });
    let call = quote! { Self::#name(self #(, #arguments)*) };
    let body = match &method.answer {
        Some(answer) if answer.is_returned => {
            let (field, value) = (&answer.field, local("answer"));
            quote! { { let #value = #call; #field.send(#ctx, #value); } }
        }
        _ => quote! { #call, },
    };
    quote! { #(#conditions)* #message::#variant #fields => #body }
}

fn lifecycle(actor: &Actor, name: &str, lifecycle: &Lifecycle) -> TokenStream {
    let engine = &actor.engine;
    let conditions = &lifecycle.conditions;
    let (trait_method, method) = (Ident::new(name, Span::call_site()), &lifecycle.name);
    let ctx = local(if lifecycle.takes_context { "ctx" } else { "_ctx" });
    let argument = lifecycle.takes_context.then(|| quote! { , #ctx });
    quote! {
        #(#conditions)*
        fn #trait_method(&mut self, #ctx: &mut #engine::Context<'_, Self::Msg>) {
            Self::#method(self #argument);
        }
    }
}
