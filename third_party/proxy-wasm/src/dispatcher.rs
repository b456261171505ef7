// Copyright 2020 Google LLC
//
// Licensed under the Apache License, Version 2.0 (the "License");
// you may not use this file except in compliance with the License.
// You may obtain a copy of the License at
//
//      http://www.apache.org/licenses/LICENSE-2.0
//
// Unless required by applicable law or agreed to in writing, software
// distributed under the License is distributed on an "AS IS" BASIS,
// WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
// See the License for the specific language governing permissions and
// limitations under the License.

//! Hands the host's callbacks to the contexts. Of HTTP filters only: there are no TCP streams, queues and gRPC calls here.
//!
//! Each callback costs the host about as much as a few hundred bytes of JSON cost the filter, so the module does not export those that
//! can be done without: a stream's context begins with its first headers, and ends with its answer. What ended otherwise is
//! found on every tenth tick.

use crate::hostcalls;
use crate::traits::*;
use crate::types::*;
use hashbrown::HashMap;
use std::cell::{Cell, RefCell};

thread_local! {
static DISPATCHER: Dispatcher = Dispatcher::new();
}

pub(crate) fn set_root_context(callback: NewRootContext) {
    DISPATCHER.with(|dispatcher| dispatcher.new_root.set(Some(callback)));
}

pub(crate) fn register_callout(token_id: u32) {
    DISPATCHER.with(|dispatcher| {
        let context_id = dispatcher.active_id.get();
        dispatcher.callouts.borrow_mut().insert(token_id, context_id)
    });
}

pub(crate) fn register_callout_as(token_id: u32, context_id: u32) {
    DISPATCHER.with(|dispatcher| dispatcher.callouts.borrow_mut().insert(token_id, context_id));
}

pub(crate) fn active_id() -> u32 {
    DISPATCHER.with(|dispatcher| dispatcher.active_id.get())
}

/// Each stream that is still there costs a call of the host.
const TICKS_PER_SWEEP: u32 = 10;

/// What a plugin was configured as.
struct Root {
    context: Box<dyn RootContext>,
    /// The plugin's name, which is the same for the configurations that follow one another.
    plugin: Option<Bytes>,
}

/// A request and its answer.
struct Stream {
    context: Box<dyn HttpContext>,
    /// It was there at the last sweep.
    old: bool,
}

struct Dispatcher {
    new_root: Cell<Option<NewRootContext>>,
    roots: RefCell<HashMap<u32, Root>>,
    streams: RefCell<HashMap<u32, Stream>>,
    active_id: Cell<u32>,
    ticks: Cell<u32>,
    callouts: RefCell<HashMap<u32, u32>>,
}

impl Dispatcher {
    fn new() -> Dispatcher {
        Dispatcher {
            new_root: Cell::new(None),
            roots: RefCell::new(HashMap::new()),
            streams: RefCell::new(HashMap::new()),
            active_id: Cell::new(0),
            ticks: Cell::new(0),
            callouts: RefCell::new(HashMap::new()),
        }
    }

    fn root<T>(&self, context_id: u32, call: impl FnOnce(&mut dyn RootContext) -> T) -> Option<T> {
        self.active_id.set(context_id);
        let mut roots = self.roots.borrow_mut();
        roots.get_mut(&context_id).map(|root| call(&mut *root.context))
    }

    fn stream<T>(&self, context_id: u32, call: impl FnOnce(&mut dyn HttpContext) -> T) -> Option<T> {
        self.active_id.set(context_id);
        let mut streams = self.streams.borrow_mut();
        streams.get_mut(&context_id).map(|stream| call(&mut *stream.context))
    }

    fn on_vm_start(&self, context_id: u32, vm_configuration_size: usize) -> bool {
        self.begin_root(context_id);
        self.root(context_id, |root| root.on_vm_start(vm_configuration_size)).unwrap_or(false)
    }

    fn on_configure(&self, context_id: u32, plugin_configuration_size: usize) -> bool {
        self.begin_root(context_id);
        self.root(context_id, |root| root.on_configure(plugin_configuration_size)).unwrap_or(false)
    }

    fn begin_root(&self, context_id: u32) {
        let mut roots = self.roots.borrow_mut();
        if let (false, Some(new)) = (roots.contains_key(&context_id), self.new_root.get()) {
            let plugin = plugin_name();
            roots.insert(context_id, Root { context: new(context_id), plugin });
        }
    }

    fn on_tick(&self, context_id: u32) {
        self.root(context_id, |root| root.on_tick());
        self.ticks.set(self.ticks.get().wrapping_add(1));
        if self.ticks.get() % TICKS_PER_SWEEP == 0 {
            self.sweep(context_id);
        }
    }

    /// Forgets what the host no longer has: roots that were replaced, and streams that ended before their answer did.
    fn sweep(&self, context_id: u32) {
        let there = |id: u32| hostcalls::set_effective_context(id).is_ok();
        let mut streams = self.streams.borrow_mut();
        streams.retain(|id, stream| !std::mem::replace(&mut stream.old, true) || there(*id));
        self.roots.borrow_mut().retain(|id, _| *id == context_id || there(*id));
        let _ = hostcalls::set_effective_context(context_id);
    }

    /// The context of a stream that begins: of the root that its plugin was last configured as.
    fn begin_stream(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        let roots = self.roots.borrow();
        let root = if roots.len() < 2 {
            roots.values().next()
        } else {
            let plugin = plugin_name();
            let same = roots.iter().filter(|(_, root)| root.plugin == plugin);
            same.max_by_key(|(id, _)| **id).map(|(_, root)| root)
        };
        root?.context.create_http_context(context_id)
    }

    fn on_http_request_headers(
        &self,
        context_id: u32,
        num_headers: usize,
        end_of_stream: bool,
    ) -> Action {
        if !self.streams.borrow().contains_key(&context_id) {
            let Some(context) = self.begin_stream(context_id) else { return Action::Pause };
            self.streams.borrow_mut().insert(context_id, Stream { context, old: false });
        }
        let on = |stream: &mut dyn HttpContext| stream.on_http_request_headers(num_headers, end_of_stream);
        self.stream(context_id, on).unwrap_or(Action::Pause)
    }

    fn on_http_request_body(&self, context_id: u32, body_size: usize, end_of_stream: bool) -> Action {
        let on = |stream: &mut dyn HttpContext| stream.on_http_request_body(body_size, end_of_stream);
        // After its answer a request goes nowhere.
        self.stream(context_id, on).unwrap_or(Action::Pause)
    }

    fn on_http_request_trailers(&self, context_id: u32, num_trailers: usize) -> Action {
        let on = |stream: &mut dyn HttpContext| stream.on_http_request_trailers(num_trailers);
        self.stream(context_id, on).unwrap_or(Action::Pause)
    }

    fn on_http_response_headers(
        &self,
        context_id: u32,
        num_headers: usize,
        end_of_stream: bool,
    ) -> Action {
        let on = |stream: &mut dyn HttpContext| stream.on_http_response_headers(num_headers, end_of_stream);
        self.answer(context_id, end_of_stream, on)
    }

    fn on_http_response_body(&self, context_id: u32, body_size: usize, end_of_stream: bool) -> Action {
        let on = |stream: &mut dyn HttpContext| stream.on_http_response_body(body_size, end_of_stream);
        self.answer(context_id, end_of_stream, on)
    }

    fn on_http_response_trailers(&self, context_id: u32, num_trailers: usize) -> Action {
        let on = |stream: &mut dyn HttpContext| stream.on_http_response_trailers(num_trailers);
        self.answer(context_id, true, on)
    }

    /// A part of the answer. With its end the context ends, unless that is held back. Without a context, which is so when
    /// the host answers before there are headers, it passes.
    fn answer(
        &self,
        context_id: u32,
        end_of_stream: bool,
        call: impl FnOnce(&mut dyn HttpContext) -> Action,
    ) -> Action {
        let action = self.stream(context_id, call).unwrap_or(Action::Continue);
        if end_of_stream && action == Action::Continue {
            let ended = self.streams.borrow_mut().remove(&context_id);
            drop(ended);
        }
        action
    }

    fn on_http_call_response(
        &self,
        token_id: u32,
        num_headers: usize,
        body_size: usize,
        num_trailers: usize,
    ) {
        let Some(context_id) = self.callouts.borrow_mut().remove(&token_id) else { return };
        if hostcalls::set_effective_context(context_id).is_err() {
            return;
        }
        let on = |stream: &mut dyn HttpContext| {
            stream.on_http_call_response(token_id, num_headers, body_size, num_trailers)
        };
        if self.stream(context_id, on).is_none() {
            self.root(context_id, |root| {
                root.on_http_call_response(token_id, num_headers, body_size, num_trailers)
            });
        }
    }
}

/// The name of the plugin that the current context belongs to.
fn plugin_name() -> Option<Bytes> {
    hostcalls::get_property(vec!["plugin_name"]).ok().flatten()
}

#[no_mangle]
pub extern "C" fn proxy_on_vm_start(context_id: u32, vm_configuration_size: usize) -> bool {
    DISPATCHER.with(|dispatcher| dispatcher.on_vm_start(context_id, vm_configuration_size))
}

#[no_mangle]
pub extern "C" fn proxy_on_configure(context_id: u32, plugin_configuration_size: usize) -> bool {
    DISPATCHER.with(|dispatcher| dispatcher.on_configure(context_id, plugin_configuration_size))
}

#[no_mangle]
pub extern "C" fn proxy_on_tick(context_id: u32) {
    DISPATCHER.with(|dispatcher| dispatcher.on_tick(context_id))
}

#[no_mangle]
pub extern "C" fn proxy_on_request_headers(
    context_id: u32,
    num_headers: usize,
    end_of_stream: bool,
) -> Action {
    DISPATCHER.with(|dispatcher| {
        dispatcher.on_http_request_headers(context_id, num_headers, end_of_stream)
    })
}

#[no_mangle]
pub extern "C" fn proxy_on_request_body(
    context_id: u32,
    body_size: usize,
    end_of_stream: bool,
) -> Action {
    DISPATCHER
        .with(|dispatcher| dispatcher.on_http_request_body(context_id, body_size, end_of_stream))
}

#[no_mangle]
pub extern "C" fn proxy_on_request_trailers(context_id: u32, num_trailers: usize) -> Action {
    DISPATCHER.with(|dispatcher| dispatcher.on_http_request_trailers(context_id, num_trailers))
}

#[no_mangle]
pub extern "C" fn proxy_on_response_headers(
    context_id: u32,
    num_headers: usize,
    end_of_stream: bool,
) -> Action {
    DISPATCHER.with(|dispatcher| {
        dispatcher.on_http_response_headers(context_id, num_headers, end_of_stream)
    })
}

#[no_mangle]
pub extern "C" fn proxy_on_response_body(
    context_id: u32,
    body_size: usize,
    end_of_stream: bool,
) -> Action {
    DISPATCHER
        .with(|dispatcher| dispatcher.on_http_response_body(context_id, body_size, end_of_stream))
}

#[no_mangle]
pub extern "C" fn proxy_on_response_trailers(context_id: u32, num_trailers: usize) -> Action {
    DISPATCHER.with(|dispatcher| dispatcher.on_http_response_trailers(context_id, num_trailers))
}

#[no_mangle]
pub extern "C" fn proxy_on_http_call_response(
    _context_id: u32,
    token_id: u32,
    num_headers: usize,
    body_size: usize,
    num_trailers: usize,
) {
    DISPATCHER.with(|dispatcher| {
        dispatcher.on_http_call_response(token_id, num_headers, body_size, num_trailers)
    })
}
