//! The names of the native functions that scripts can call, for "did you mean".
//!
//! The engine keeps only hashes of them unless it is built with metadata, which stays out of
//! `bootstrap`.

/// The names, sorted.
#[rustfmt::skip]
pub const NATIVE_FUNCTIONS: [&str; 147] = [
    "E", "PI", "abs", "acos", "acosh", "all", "append", "as_string", "asin", "asinh", "atan",
    "atanh", "bits", "blob", "bytes", "call", "ceiling", "chars", "chop", "clear", "contains",
    "cos", "cosh", "crop", "curry", "debug", "dedup", "drain", "elapsed", "end", "ends_with",
    "eval", "exit", "exp", "extract", "fill_with", "filter", "find", "find_map", "floor",
    "for_each", "fraction", "get", "get_bit", "get_bits", "get_fn_metadata_list", "hypot",
    "index_of", "insert", "int", "is_anonymous", "is_def_fn", "is_def_var", "is_empty", "is_even",
    "is_exclusive", "is_finite", "is_inclusive", "is_infinite", "is_nan", "is_odd", "is_shared",
    "is_zero", "keys", "len", "ln", "log", "make_lower", "make_upper", "map", "max", "min",
    "mixin", "name", "order", "order_by", "order_desc", "pad", "parse_be_float", "parse_be_int",
    "parse_float", "parse_int", "parse_json", "parse_le_float", "parse_le_int", "pop", "print",
    "push", "range", "reduce", "reduce_rev", "remaining_ms", "remove", "replace", "retain",
    "reverse", "round", "set", "set_bit", "set_bits", "set_tag", "shift", "sign", "sin", "sinh",
    "sleep", "some", "sort", "sort_by", "sort_desc", "splice", "split", "split_rev", "sqrt",
    "start", "starts_with", "sub_string", "tag", "take", "tan", "tanh", "timestamp", "to_array",
    "to_binary", "to_blob", "to_chars", "to_debug", "to_degrees", "to_float", "to_hex", "to_int",
    "to_json", "to_json_pretty", "to_lower", "to_octal", "to_radians", "to_string", "to_upper",
    "trim", "truncate", "type_of", "values", "write_ascii", "write_be", "write_le", "write_utf8",
    "zip",
];
