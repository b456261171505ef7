//! Lists in pages.

use std::num::NonZeroUsize;

use rmcp::{ErrorData, model::PaginatedRequestParams};

/// The page of `items` that `request` asks for, and the cursor of the page after it.
///
/// # Errors
///
/// -32602 when the cursor is not one that this server gave out.
pub(super) fn page<T>(
    mut items: Vec<T>,
    request: Option<PaginatedRequestParams>,
    page_size: Option<NonZeroUsize>,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let start = match request.and_then(|request| request.cursor) {
        None => 0,
        Some(cursor) => cursor
            .parse()
            .ok()
            .filter(|start| (1..=items.len()).contains(start))
            .ok_or_else(|| ErrorData::invalid_params("params.cursor: not a cursor of this list", None))?,
    };
    let mut items = items.split_off(start);
    let next = page_size.map(NonZeroUsize::get).filter(|size| *size < items.len());
    if let Some(size) = next {
        items.truncate(size);
    }
    Ok((items, next.map(|size| (start + size).to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cursor: &str) -> Option<PaginatedRequestParams> {
        Some(PaginatedRequestParams::default().with_cursor(Some(cursor.to_owned())))
    }

    #[test]
    fn pages_cover_the_list_once() {
        let size = NonZeroUsize::new(2);
        let (mut seen, mut next) = page(vec![1, 2, 3, 4, 5], None, size).unwrap();
        for _ in 0..2 {
            let (more, after) = page(vec![1, 2, 3, 4, 5], at(&next.unwrap()), size).unwrap();
            seen.extend(more);
            next = after;
        }
        assert_eq!((seen, next), (vec![1, 2, 3, 4, 5], None));
    }

    #[test]
    fn a_list_without_page_size_comes_whole() {
        assert_eq!(page(vec![1, 2, 3], None, None).unwrap(), (vec![1, 2, 3], None));
    }

    #[test]
    fn foreign_cursors_are_refused() {
        for cursor in ["", "x", "-1", "0", "4"] {
            assert!(page(vec![1, 2, 3], at(cursor), None).is_err(), "{cursor}");
        }
    }
}
