//! What stays of streams: nothing after an answer, and of those that ended without one nothing after twenty ticks.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, Status};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;

const ROOT: u32 = 1;

thread_local! {
    /// Streams that the filter holds.
    static HELD: Cell<usize> = const { Cell::new(0) };
    /// Contexts that the host has no more.
    static GONE: RefCell<HashSet<u32>> = RefCell::default();
}

/// The host's side of the only calls that are made here.
#[no_mangle]
extern "C" fn proxy_set_effective_context(context_id: u32) -> Status {
    GONE.with(|gone| if gone.borrow().contains(&context_id) { Status::BadArgument } else { Status::Ok })
}

#[no_mangle]
extern "C" fn proxy_get_property(_: *const u8, _: usize, _: *mut *mut u8, _: *mut usize) -> Status {
    Status::NotFound
}

/// Calls that have to be there to be linked.
macro_rules! never_called {
    ($($name:ident),+ $(,)?) => {
        $(#[no_mangle]
        extern "C" fn $name() -> Status {
            Status::InternalFailure
        })+
    };
}

never_called!(
    proxy_add_header_map_value, proxy_call_foreign_function, proxy_close_stream, proxy_continue_stream,
    proxy_define_metric, proxy_dequeue_shared_queue, proxy_done, proxy_enqueue_shared_queue,
    proxy_get_buffer_bytes, proxy_get_current_time_nanoseconds, proxy_get_header_map_pairs,
    proxy_get_header_map_value, proxy_get_log_level, proxy_get_metric, proxy_get_shared_data,
    proxy_get_status, proxy_grpc_cancel, proxy_grpc_close, proxy_grpc_send, proxy_http_call,
    proxy_increment_metric, proxy_log, proxy_record_metric, proxy_register_shared_queue,
    proxy_remove_header_map_value, proxy_replace_header_map_value, proxy_resolve_shared_queue,
    proxy_send_local_response, proxy_set_buffer_bytes, proxy_set_header_map_pairs, proxy_set_property,
    proxy_set_shared_data, proxy_set_tick_period_milliseconds
);

extern "C" {
    fn proxy_on_configure(context_id: u32, size: usize) -> bool;
    fn proxy_on_tick(context_id: u32);
    fn proxy_on_request_headers(context_id: u32, headers: usize, end: bool) -> Action;
    fn proxy_on_response_headers(context_id: u32, headers: usize, end: bool) -> Action;
}

struct Root;
struct Stream;

impl Context for Root {}
impl RootContext for Root {
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        HELD.with(|held| held.set(held.get() + 1));
        Some(Box::new(Stream))
    }
}

impl Context for Stream {}
impl HttpContext for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        HELD.with(|held| held.set(held.get() - 1));
    }
}

fn held() -> usize {
    HELD.with(Cell::get)
}

fn begin(ids: std::ops::Range<u32>) {
    ids.for_each(|id| unsafe { assert_eq!(proxy_on_request_headers(id, 0, true), Action::Continue) });
}

fn answer(ids: std::ops::Range<u32>) {
    ids.for_each(|id| unsafe { assert_eq!(proxy_on_response_headers(id, 0, true), Action::Continue) });
}

/// As many ticks as it takes until streams are looked through.
fn ticks() {
    for _ in 0..10 {
        unsafe { proxy_on_tick(ROOT) }
    }
}

#[test]
fn streams_that_are_aborted_before_their_answer_do_not_stay() {
    proxy_wasm::set_root_context(|_| Box::new(Root));
    assert!(unsafe { proxy_on_configure(ROOT, 0) });
    for round in 0..10 {
        let first = 10 + round * 1000;
        begin(first..first + 100);
        assert_eq!(held(), 100);
        answer(first..first + 50);
        assert_eq!(held(), 50, "an answered stream ends at once");
        GONE.with(|gone| gone.borrow_mut().extend(first + 50..first + 80));
        ticks();
        assert_eq!(held(), 50, "what began since the last look is not asked for");
        ticks();
        assert_eq!(held(), 20, "what the host has no more is forgotten, and nothing else");
        answer(first + 80..first + 100);
        assert_eq!(held(), 0);
    }
}
