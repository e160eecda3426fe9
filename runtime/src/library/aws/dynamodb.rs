//! The module `dynamodb`: items as plain maps, expressions whose values cannot go wrong, all pages.

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, INT, ImmutableString, Map};

use super::exchange::refused;
use super::take::Take;
use super::{call, invalid};
use crate::bounds::{Bounded, in_time};
use crate::callbacks::Callback;
use crate::effects::{Failure, world};
use crate::library::events::dynamodb::{item_to_plain, plain_to_item, to_typed};
use crate::library::native::exported;
use crate::library::{Fallible, Part, grow};
use crate::vocabulary::Vocabulary;

pub(in crate::library) const PART: Part = Part { words: &["dynamodb"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("dynamodb", engine, vocabulary);
}

const SERVICE: &str = "dynamodb";

/// The most that one request writes, and reads.
const MOST_WRITES: usize = 25;
const MOST_READS: usize = 100;

/// Items of DynamoDB as plain maps. Numbers are exact, text, bools, arrays, maps and blobs are what they
/// are, `()` is NULL, a `Time` is its text; a set is read as an array, and an array is written as a set
/// where the option `sets` names it.
///
/// Conditions and filters are expressions of DynamoDB in which `:name` stands for a value of the option
/// `values`, and `#name` for an attribute's name of the option `names`. All functions take the options of
/// `aws::call`, too.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// The item of a key, or `()`.
    ///
    /// ```rhai
    /// dynamodb::get("orders", #{ id: "7" }); // => {"id": "7", "total": 42}
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn get(table: Text, key: Map) -> Fallible<Dynamic> {
        super::get(&table, &key, &Map::new())
    }

    /// The item of a key, or `()`. Options: `consistent` for a read that sees every write before it, and
    /// `attributes`, the names of those that are wanted.
    ///
    /// ```rhai
    /// dynamodb::get("orders", #{ id: "7" }, #{ consistent: true }).total; // => 42
    /// ```
    #[rhai_fn(name = "get", volatile, return_raw)]
    pub fn get_with(table: Text, key: Map, options: Map) -> Fallible<Dynamic> {
        super::get(&table, &key, &options)
    }

    /// Writes an item, in place of the one that has its key.
    ///
    /// ```rhai
    /// dynamodb::put("orders", #{ id: "8", total: 9.5, lines: [#{ sku: "a" }] });
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn put(table: Text, item: Map) -> Fallible<()> {
        super::put(&table, &item, &Map::new()).map(|_| ())
    }

    /// Writes an item. Options: `condition` with `values` and `names`, without which nothing is written
    /// and `ConditionalCheckFailedException` is thrown; `unless_exists`, the name of the key's attribute,
    /// for a condition that there is no such item yet; `sets`, the names of arrays that are sets. Gives
    /// the item that was there before, or `()`.
    ///
    /// ```rhai
    /// dynamodb::put("orders", #{ id: "8", tags: ["new"] }, #{ unless_exists: "id", sets: ["tags"] });
    /// ```
    #[rhai_fn(name = "put", volatile, return_raw)]
    pub fn put_with(table: Text, item: Map, options: Map) -> Fallible<Dynamic> {
        super::put(&table, &item, &options)
    }

    /// Changes an item, or makes it, and gives it as it is then. `changes` has `set`, values by their
    /// names; `set_once`, those that are set only where there is none yet; `add`, numbers to add; `remove`,
    /// an array of names. A name may be a path such as `address.city`.
    ///
    /// ```rhai
    /// dynamodb::update("orders", #{ id: "7" }, #{ set: #{ state: "paid" }, add: #{ tries: 1 } }).tries; // => 1
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn update(table: Text, key: Map, changes: Map) -> Fallible<Dynamic> {
        super::update(&table, &key, &changes, &Map::new())
    }

    /// The same with the options `condition`, `values`, `names` and `sets`, as for `put`.
    ///
    /// ```rhai
    /// let options = #{ condition: "stock >= :n", values: #{ n: 1 } };
    /// dynamodb::update("orders", #{ id: "7" }, #{ add: #{ stock: -1 } }, options).id; // => "7"
    /// ```
    #[rhai_fn(name = "update", volatile, return_raw)]
    pub fn update_with(table: Text, key: Map, changes: Map, options: Map) -> Fallible<Dynamic> {
        super::update(&table, &key, &changes, &options)
    }

    /// Deletes an item, and gives it, or `()` where there is none.
    ///
    /// ```rhai
    /// dynamodb::delete("orders", #{ id: "7" }).total; // => 42
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn delete(table: Text, key: Map) -> Fallible<Dynamic> {
        super::delete(&table, &key, &Map::new())
    }

    /// The same with the options `condition`, `values` and `names`, as for `put`.
    ///
    /// ```rhai
    /// dynamodb::delete("orders", #{ id: "7" }, #{ condition: "attribute_exists(id)" }).id; // => "7"
    /// ```
    #[rhai_fn(name = "delete", volatile, return_raw)]
    pub fn delete_with(table: Text, key: Map, options: Map) -> Fallible<Dynamic> {
        super::delete(&table, &key, &options)
    }

    /// The items of a partition, from all pages.
    ///
    /// | option | |
    /// |---|---|
    /// | `key` | the partition key, and what the sort key has to be: a value, or a map of one of `begins_with`, `between` (an array of two), `"<"`, `"<="`, `">"`, `">="` |
    /// | `index` | the index to look in |
    /// | `filter`, `values`, `names` | an expression that what is found has to satisfy |
    /// | `attributes` | the names of those that are wanted |
    /// | `limit` | the most items |
    /// | `descending`, `consistent` | `true` or `false` |
    ///
    /// ```rhai
    /// let found = dynamodb::query("orders", #{ key: #{ shop: "a", day: #{ begins_with: "2026-01" } } });
    /// found.map(|order| order.total); // => [42]
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn query(table: Text, options: Map) -> Fallible<Array> {
        super::found("Query", &table, &options)
    }

    /// Calls a function with each item that `query` would give, page by page, so that any number of
    /// them fits. Where the function returns `false` nothing more is read. Gives how many it was called
    /// with.
    ///
    /// ```rhai
    /// dynamodb::query_each("orders", #{ key: #{ shop: "a" } }, |order| order.total < 100); // => 1
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn query_each(
        context: NativeCallContext,
        table: Text,
        options: Map,
        function: FnPtr,
    ) -> Fallible<INT> {
        super::each("Query", &context, &table, &options, &function)
    }

    /// All items of a table.
    ///
    /// ```rhai
    /// dynamodb::scan("orders").len(); // => 1
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn scan(table: Text) -> Fallible<Array> {
        super::found("Scan", &table, &Map::new())
    }

    /// Items of a table, from all pages. It reads all of them: what is asked for often belongs in an
    /// index. Options: those of `query` but `key` and `descending`; `segment` and `segments` to share the
    /// work.
    ///
    /// ```rhai
    /// dynamodb::scan("orders", #{ filter: "total > :most", values: #{ most: 40 } }).len(); // => 1
    /// ```
    #[rhai_fn(name = "scan", volatile, return_raw)]
    pub fn scan_with(table: Text, options: Map) -> Fallible<Array> {
        super::found("Scan", &table, &options)
    }

    /// Calls a function with each item that `scan` would give, as `query_each` does.
    ///
    /// ```rhai
    /// dynamodb::scan_each("orders", #{}, |order| true); // => 1
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn scan_each(
        context: NativeCallContext,
        table: Text,
        options: Map,
        function: FnPtr,
    ) -> Fallible<INT> {
        super::each("Scan", &context, &table, &options, &function)
    }

    /// The items of many keys, in no order; of keys that have none, nothing. What the service leaves is
    /// asked for again.
    ///
    /// ```rhai
    /// dynamodb::batch_get("orders", [#{ id: "7" }, #{ id: "8" }]).len(); // => 1
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn batch_get(table: Text, keys: Array) -> Fallible<Array> {
        super::batch_get(&table, &keys, &Map::new())
    }

    /// The same with the options `consistent` and `attributes`.
    ///
    /// ```rhai
    /// dynamodb::batch_get("orders", [#{ id: "7" }], #{ consistent: true }).len(); // => 1
    /// ```
    #[rhai_fn(name = "batch_get", volatile, return_raw)]
    pub fn batch_get_with(table: Text, keys: Array, options: Map) -> Fallible<Array> {
        super::batch_get(&table, &keys, &options)
    }

    /// Writes many items, 25 in a request; what the service leaves is sent again.
    ///
    /// ```rhai
    /// dynamodb::batch_put("orders", [#{ id: "8" }, #{ id: "9" }]);
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn batch_put(table: Text, items: Array) -> Fallible<()> {
        super::batch_write(&table, &items, "PutRequest", "Item", &Map::new())
    }

    /// The same with the option `sets`, as for `put`.
    ///
    /// ```rhai
    /// dynamodb::batch_put("orders", [#{ id: "8", tags: ["a"] }], #{ sets: ["tags"] });
    /// ```
    #[rhai_fn(name = "batch_put", volatile, return_raw)]
    pub fn batch_put_with(table: Text, items: Array, options: Map) -> Fallible<()> {
        super::batch_write(&table, &items, "PutRequest", "Item", &options)
    }

    /// Deletes the items of many keys.
    ///
    /// ```rhai
    /// dynamodb::batch_delete("orders", [#{ id: "8" }, #{ id: "9" }]);
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn batch_delete(table: Text, keys: Array) -> Fallible<()> {
        super::batch_write(&table, &keys, "DeleteRequest", "Key", &Map::new())
    }

    /// All or nothing: up to 100 acts, each a map of `put`, `update`, `delete` or `check` with the table's
    /// name and, beside it, `item`, or `key` and `changes`, and the options of `put` and `update`. Where a
    /// condition does not hold, `TransactionCanceledException` is thrown with `CancellationReasons`.
    ///
    /// ```rhai
    /// dynamodb::transact([
    ///     #{ update: "stock", key: #{ sku: "a" }, changes: #{ add: #{ left: -1 } },
    ///        condition: "#left > :none", names: #{ left: "left" }, values: #{ none: 0 } },
    ///     #{ put: "orders", item: #{ id: "9", sku: "a" }, unless_exists: "id" },
    /// ]);
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn transact(acts: Array) -> Fallible<()> {
        super::transact(&acts, &Map::new())
    }
}

fn refuse(operation: &str) -> impl Fn(Failure) -> Box<EvalAltResult> + '_ {
    move |failure| refused(&failure, SERVICE, operation)
}

fn put_in(map: &mut Map, name: &str, value: impl Into<Dynamic>) {
    grow::put(map, name, value.into());
}

fn item_of(map: &Map, sets: &Array) -> Fallible<Dynamic> {
    Ok(plain_to_item(map, sets)?.into())
}

fn plain(answer: &Dynamic, field: &str) -> Fallible<Dynamic> {
    let answer = answer.read_lock::<Map>();
    match answer.as_ref().and_then(|answer| answer.get(field)) {
        Some(item) if item.is_map() => Ok(item_to_plain(item)?.into()),
        _ => Ok(Dynamic::UNIT),
    }
}

/// An expression, its names and its values, as they are put together.
#[derive(Default)]
struct Expressions {
    names: Map,
    values: Map,
}

impl Expressions {
    /// With the names and values that the caller gives, with or without their `#` and `:`.
    fn of(take: &mut Take) -> Fallible<Self> {
        let mut made = Self::default();
        for (name, value) in take.map("names")? {
            let name = name.trim_start_matches('#');
            if !value.is_string() {
                return Err(invalid(format!("`names` has text only, but `{name}` is none")).into());
            }
            put_in(&mut made.names, &format!("#{name}"), value);
        }
        for (name, value) in take.map("values")? {
            let name = name.trim_start_matches(':');
            put_in(&mut made.values, &format!(":{name}"), to_typed(&value, 0)?);
        }
        Ok(made)
    }

    /// What stands for an attribute, whatever it is called; a dot leads into a map.
    fn name(&mut self, path: &str) -> String {
        let parts = path.split('.').map(|part| {
            let (part, index) = match part.find('[') {
                Some(at) => part.split_at(at),
                None => (part, ""),
            };
            let known = self.names.iter().find(|(key, value)| {
                key.starts_with("#_")
                    && value.as_immutable_string_ref().is_ok_and(|known| *known == part)
            });
            let known = known.map(|(key, _)| key.to_string());
            let key = known.unwrap_or_else(|| {
                let key = format!("#_{}", self.names.len());
                put_in(&mut self.names, &key, part.to_owned());
                key
            });
            format!("{key}{index}")
        });
        parts.collect::<Vec<_>>().join(".")
    }

    fn value(&mut self, value: Dynamic) -> String {
        let key = format!(":_{}", self.values.len());
        put_in(&mut self.values, &key, value);
        key
    }

    fn finish(self, parameters: &mut Map) {
        for (field, map) in
            [("ExpressionAttributeNames", self.names), ("ExpressionAttributeValues", self.values)]
        {
            if !map.is_empty() {
                put_in(parameters, field, map);
            }
        }
    }

    /// Only the attributes that are wanted.
    fn project(&mut self, take: &mut Take, parameters: &mut Map) -> Fallible<()> {
        let mut paths = Vec::new();
        for name in take.array("attributes")? {
            let path = name
                .into_immutable_string()
                .map_err(|kind| invalid(format!("`attributes` has names as text, not {kind}")))?;
            paths.push(self.name(&path));
        }
        if !paths.is_empty() {
            put_in(parameters, "ProjectionExpression", paths.join(", "));
        }
        Ok(())
    }

    /// The condition that has to hold.
    fn condition(&mut self, take: &mut Take, parameters: &mut Map) -> Fallible<()> {
        let mut parts = Vec::new();
        if let Some(key) = take.text("unless_exists")? {
            parts.push(format!("attribute_not_exists({})", self.name(&key)));
        }
        if let Some(condition) = take.text("condition")? {
            let is_alone = parts.is_empty();
            parts.push(if is_alone { condition.to_string() } else { format!("({condition})") });
        }
        if !parts.is_empty() {
            put_in(parameters, "ConditionExpression", parts.join(" AND "));
        }
        Ok(())
    }
}

fn about(table: &str) -> Map {
    let mut parameters = Map::new();
    put_in(&mut parameters, "TableName", table.to_owned());
    parameters
}

fn get(table: &str, key: &Map, options: &Map) -> Fallible<Dynamic> {
    let refuse = refuse("GetItem");
    let mut take =
        Take::of(options, &["consistent", "attributes", "names", "values"]).map_err(&refuse)?;
    let mut parameters = about(table);
    put_in(&mut parameters, "Key", item_of(key, &Array::new())?);
    if take.is_on("consistent").map_err(&refuse)? {
        put_in(&mut parameters, "ConsistentRead", true);
    }
    let mut expressions = Expressions::of(&mut take)?;
    expressions.project(&mut take, &mut parameters)?;
    expressions.finish(&mut parameters);
    plain(&call(SERVICE, "GetItem", &parameters, &take.rest())?, "Item")
}

/// What `put` takes.
const OF_PUT: [&str; 5] = ["condition", "values", "names", "unless_exists", "sets"];

fn put_parameters(table: &str, item: &Map, take: &mut Take) -> Fallible<Map> {
    let mut parameters = about(table);
    let sets = take.array("sets")?;
    put_in(&mut parameters, "Item", item_of(item, &sets)?);
    let mut expressions = Expressions::of(take)?;
    expressions.condition(take, &mut parameters)?;
    expressions.finish(&mut parameters);
    Ok(parameters)
}

fn put(table: &str, item: &Map, options: &Map) -> Fallible<Dynamic> {
    let mut take = Take::of(options, &OF_PUT).map_err(refuse("PutItem"))?;
    let mut parameters = put_parameters(table, item, &mut take)?;
    if !options.is_empty() {
        put_in(&mut parameters, "ReturnValues", "ALL_OLD");
    }
    plain(&call(SERVICE, "PutItem", &parameters, &take.rest())?, "Attributes")
}

fn update_parameters(table: &str, key: &Map, changes: &Map, take: &mut Take) -> Fallible<Map> {
    let mut parameters = about(table);
    put_in(&mut parameters, "Key", item_of(key, &Array::new())?);
    let sets = take.array("sets")?;
    let mut expressions = Expressions::of(take)?;
    let mut clauses = [("SET", Vec::new()), ("ADD", Vec::new()), ("REMOVE", Vec::new())];
    for (kind, value) in changes {
        let map = || {
            let map = value.read_lock::<Map>().map(|map| map.clone());
            map.ok_or_else(|| {
                invalid(format!(
                    "`{kind}` of the changes is a map of names and values, not {}",
                    value.type_name()
                ))
            })
        };
        match kind.as_str() {
            "set" | "set_once" | "add" => {
                let map = map()?;
                let used: Array = sets
                    .iter()
                    .filter(|set| map.contains_key(set.to_string().as_str()))
                    .cloned()
                    .collect();
                let Some(typed) = item_of(&map, &used)?.try_cast::<Map>() else { continue };
                for (path, value) in typed {
                    let name = expressions.name(&path);
                    let value = expressions.value(value);
                    match kind.as_str() {
                        "set" => clauses[0].1.push(format!("{name} = {value}")),
                        "set_once" => {
                            clauses[0].1.push(format!("{name} = if_not_exists({name}, {value})"));
                        }
                        _ => clauses[1].1.push(format!("{name} {value}")),
                    }
                }
            }
            "remove" => {
                let names =
                    value.read_lock::<Array>().map(|names| names.clone()).ok_or_else(|| {
                        invalid(format!("`remove` is an array of names, not {}", value.type_name()))
                    })?;
                for name in names {
                    let name = name.into_immutable_string().map_err(|kind| {
                        invalid(format!("`remove` has names as text, not {kind}"))
                    })?;
                    clauses[2].1.push(expressions.name(&name));
                }
            }
            other => {
                return Err(invalid(format!(
                    "there is no change `{other}`; there are set, set_once, add and remove"
                ))
                .into());
            }
        }
    }
    let parts: Vec<String> = clauses
        .iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
        .collect();
    if parts.is_empty() {
        return Err(invalid("the changes are empty; they have set, set_once, add or remove").into());
    }
    put_in(&mut parameters, "UpdateExpression", parts.join(" "));
    expressions.condition(take, &mut parameters)?;
    expressions.finish(&mut parameters);
    Ok(parameters)
}

fn update(table: &str, key: &Map, changes: &Map, options: &Map) -> Fallible<Dynamic> {
    let mut take = Take::of(options, &OF_PUT).map_err(refuse("UpdateItem"))?;
    let mut parameters = update_parameters(table, key, changes, &mut take)?;
    put_in(&mut parameters, "ReturnValues", "ALL_NEW");
    plain(&call(SERVICE, "UpdateItem", &parameters, &take.rest())?, "Attributes")
}

fn delete_parameters(table: &str, key: &Map, take: &mut Take) -> Fallible<Map> {
    let mut parameters = about(table);
    put_in(&mut parameters, "Key", item_of(key, &Array::new())?);
    let mut expressions = Expressions::of(take)?;
    expressions.condition(take, &mut parameters)?;
    expressions.finish(&mut parameters);
    Ok(parameters)
}

fn delete(table: &str, key: &Map, options: &Map) -> Fallible<Dynamic> {
    let mut take =
        Take::of(options, &["condition", "values", "names"]).map_err(refuse("DeleteItem"))?;
    let mut parameters = delete_parameters(table, key, &mut take)?;
    put_in(&mut parameters, "ReturnValues", "ALL_OLD");
    plain(&call(SERVICE, "DeleteItem", &parameters, &take.rest())?, "Attributes")
}

/// What the sort key has to be.
fn key_condition(key: &Map, expressions: &mut Expressions) -> Fallible<String> {
    let mut parts = Vec::new();
    for (name, wanted) in key {
        let name = expressions.name(name);
        let compared = wanted.read_lock::<Map>();
        let Some((how, value)) = compared.as_ref().and_then(|map| map.iter().next()) else {
            let value = expressions.value(to_typed(wanted, 0)?);
            parts.push(format!("{name} = {value}"));
            continue;
        };
        let wrong = || {
            invalid(
                "a key is compared by one of begins_with, between, \"=\", \"<\", \"<=\", \">\" and \">=\"",
            )
        };
        let part = match how.as_str() {
            "begins_with" => {
                format!("begins_with({name}, {})", expressions.value(to_typed(value, 0)?))
            }
            "between" => {
                let ends = value.read_lock::<Array>().filter(|ends| ends.len() == 2);
                let ends = ends.ok_or_else(|| invalid("`between` is an array of two values"))?;
                let from = expressions.value(to_typed(&ends[0], 0)?);
                let to = expressions.value(to_typed(&ends[1], 0)?);
                format!("{name} BETWEEN {from} AND {to}")
            }
            "=" | "<" | "<=" | ">" | ">=" => {
                format!("{name} {how} {}", expressions.value(to_typed(value, 0)?))
            }
            _ => return Err(wrong().into()),
        };
        parts.push(part);
    }
    if parts.is_empty() || parts.len() > 2 {
        return Err(invalid("`key` has the partition key and, if wanted, the sort key").into());
    }
    Ok(parts.join(" AND "))
}

/// The pages of a query or a scan.
struct Pages {
    operation: &'static str,
    parameters: Map,
    common: Map,
    left: Option<INT>,
    is_done: bool,
}

impl Pages {
    fn of(operation: &'static str, table: &str, options: &Map) -> Fallible<Self> {
        let refuse = refuse(operation);
        let is_query = operation == "Query";
        let known: &[&str] = match is_query {
            true => &[
                "key",
                "index",
                "filter",
                "values",
                "names",
                "attributes",
                "limit",
                "descending",
                "consistent",
            ],
            false => &[
                "index",
                "filter",
                "values",
                "names",
                "attributes",
                "limit",
                "consistent",
                "segment",
                "segments",
            ],
        };
        let mut take = Take::of(options, known).map_err(&refuse)?;
        let mut parameters = about(table);
        let mut expressions = Expressions::of(&mut take)?;
        if is_query {
            let key = take.map("key").map_err(&refuse)?;
            let condition = key_condition(&key, &mut expressions)?;
            put_in(&mut parameters, "KeyConditionExpression", condition);
            if take.is_on("descending").map_err(&refuse)? {
                put_in(&mut parameters, "ScanIndexForward", false);
            }
        }
        for (option, field) in [("index", "IndexName"), ("filter", "FilterExpression")] {
            if let Some(text) = take.text(option).map_err(&refuse)? {
                put_in(&mut parameters, field, text);
            }
        }
        for (option, field) in [("segment", "Segment"), ("segments", "TotalSegments")] {
            if let Some(number) = take.number(option, 0, 1_000_000).map_err(&refuse)? {
                put_in(&mut parameters, field, number);
            }
        }
        if take.is_on("consistent").map_err(&refuse)? {
            put_in(&mut parameters, "ConsistentRead", true);
        }
        expressions.project(&mut take, &mut parameters)?;
        let has_filter = parameters.contains_key("FilterExpression");
        expressions.finish(&mut parameters);
        let left = take.number("limit", 0, INT::MAX).map_err(&refuse)?;
        // With a filter it is the items looked at that the service counts.
        if let Some(limit) = left.filter(|limit| !has_filter && (1..=10_000).contains(limit)) {
            put_in(&mut parameters, "Limit", limit);
        }
        let common = take.rest();
        Ok(Self { operation, parameters, common, left, is_done: left == Some(0) })
    }

    /// The items of the next page; `None` after the last.
    fn next(&mut self) -> Fallible<Option<Array>> {
        if self.is_done {
            return Ok(None);
        }
        let answer = call(SERVICE, self.operation, &self.parameters, &self.common)?;
        let mut answer: Map = answer.try_cast().unwrap_or_default();
        match answer.remove("LastEvaluatedKey").filter(Dynamic::is_map) {
            Some(last) => put_in(&mut self.parameters, "ExclusiveStartKey", last),
            None => self.is_done = true,
        }
        let items = answer.remove("Items").and_then(Dynamic::try_cast::<Array>).unwrap_or_default();
        let mut plain = Array::new();
        for item in &items {
            in_time()?;
            if self.left == Some(0) {
                break;
            }
            grow::push(&mut plain, item_to_plain(item)?.into())?;
            self.left = self.left.map(|left| left - 1);
        }
        self.is_done |= self.left == Some(0);
        Ok(Some(plain))
    }
}

fn found(operation: &'static str, table: &str, options: &Map) -> Fallible<Array> {
    let mut pages = Pages::of(operation, table, options)?;
    let mut all = Array::new();
    while let Some(items) = pages.next()? {
        for item in items {
            grow::push(&mut all, item)?;
        }
    }
    Ok(all)
}

fn each(
    operation: &'static str,
    context: &NativeCallContext,
    table: &str,
    options: &Map,
    function: &FnPtr,
) -> Fallible<INT> {
    let mut pages = Pages::of(operation, table, options)?;
    let mut callback = Callback::new("query_each", context, function, 0);
    let mut count: INT = 0;
    while let Some(items) = pages.next()? {
        for mut item in items {
            let goes_on = callback.call(&mut item, count as usize, None)?;
            count += 1;
            if goes_on.as_bool() == Ok(false) {
                return Ok(count);
            }
        }
    }
    Ok(count)
}

/// Waits before what was left is asked for again; twice as long each time.
fn wait(attempt: &mut u32) -> Bounded<()> {
    in_time()?;
    let longest = std::time::Duration::from_millis(50) * (1 << (*attempt).min(8));
    *attempt += 1;
    world().pause(longest.mul_f64(world().draw(|random| 0.5 + random.f64() / 2.0)));
    in_time()
}

/// A map in the array that has to be one.
fn map_of(value: &Dynamic, what: &str) -> Fallible<Map> {
    let map = value.read_lock::<Map>().map(|map| map.clone());
    map.ok_or_else(|| invalid(format!("{what} is a map, not {}", value.type_name())).into())
}

fn batch_get(table: &str, keys: &Array, options: &Map) -> Fallible<Array> {
    const OPERATION: &str = "BatchGetItem";
    let refuse = refuse(OPERATION);
    let mut take =
        Take::of(options, &["consistent", "attributes", "names", "values"]).map_err(&refuse)?;
    let mut about = Map::new();
    if take.is_on("consistent").map_err(&refuse)? {
        put_in(&mut about, "ConsistentRead", true);
    }
    let mut expressions = Expressions::of(&mut take)?;
    expressions.project(&mut take, &mut about)?;
    if !expressions.names.is_empty() {
        put_in(&mut about, "ExpressionAttributeNames", expressions.names);
    }
    let common = take.rest();
    let mut found = Array::new();
    for keys in keys.chunks(MOST_READS) {
        let typed = keys.iter().map(|key| item_of(&map_of(key, "a key")?, &Array::new()));
        let mut asked = about.clone();
        put_in(&mut asked, "Keys", typed.collect::<Fallible<Array>>()?);
        let mut requests: Map = [(table.into(), asked.into())].into();
        let mut attempt = 0;
        loop {
            let parameters: Map = [("RequestItems".into(), requests.into())].into();
            let answer = call(SERVICE, OPERATION, &parameters, &common)?;
            let mut answer: Map = answer.try_cast().unwrap_or_default();
            let tables = answer.remove("Responses").and_then(Dynamic::try_cast::<Map>);
            for items in tables.unwrap_or_default().into_values() {
                for item in items.read_lock::<Array>().iter().flat_map(|items| items.iter()) {
                    grow::push(&mut found, item_to_plain(item)?.into())?;
                }
            }
            let left = answer.remove("UnprocessedKeys").and_then(Dynamic::try_cast::<Map>);
            match left.filter(|left| !left.is_empty()) {
                Some(left) => requests = left,
                None => break,
            }
            wait(&mut attempt)?;
        }
    }
    Ok(found)
}

fn batch_write(
    table: &str,
    items: &Array,
    request: &str,
    field: &str,
    options: &Map,
) -> Fallible<()> {
    const OPERATION: &str = "BatchWriteItem";
    let refuse = refuse(OPERATION);
    let mut take = Take::of(options, &["sets"]).map_err(&refuse)?;
    let sets = take.array("sets").map_err(&refuse)?;
    let common = take.rest();
    for items in items.chunks(MOST_WRITES) {
        let mut writes = Array::new();
        for item in items {
            let item = map_of(item, if field == "Key" { "a key" } else { "an item" })?;
            let sets: Array = sets
                .iter()
                .filter(|set| item.contains_key(set.to_string().as_str()))
                .cloned()
                .collect();
            let content: Map = [(field.into(), item_of(&item, &sets)?)].into();
            let write: Map = [(request.into(), content.into())].into();
            writes.push(write.into());
        }
        let mut requests: Map = [(table.into(), writes.into())].into();
        let mut attempt = 0;
        loop {
            let parameters: Map = [("RequestItems".into(), requests.into())].into();
            let answer = call(SERVICE, OPERATION, &parameters, &common)?;
            let mut answer: Map = answer.try_cast().unwrap_or_default();
            let left = answer.remove("UnprocessedItems").and_then(Dynamic::try_cast::<Map>);
            match left.filter(|left| !left.is_empty()) {
                Some(left) => requests = left,
                None => break,
            }
            wait(&mut attempt)?;
        }
    }
    Ok(())
}

fn transact(acts: &Array, options: &Map) -> Fallible<()> {
    const OPERATION: &str = "TransactWriteItems";
    let refuse = refuse(OPERATION);
    let mut items = Array::new();
    for act in acts {
        let mut act = map_of(act, "an act")?;
        let kinds = [
            ("put", "Put"),
            ("update", "Update"),
            ("delete", "Delete"),
            ("check", "ConditionCheck"),
        ];
        let found = kinds.iter().find_map(|(name, field)| Some((*field, act.remove(*name)?)));
        let (field, table) = found.ok_or_else(|| {
            refuse(invalid(
                "an act has `put`, `update`, `delete` or `check` with the name of a table",
            ))
        })?;
        let table = table
            .into_immutable_string()
            .map_err(|kind| refuse(invalid(format!("the name of a table is text, not {kind}"))))?;
        let mut part = |name: &str| -> Fallible<Map> {
            let value = act.remove(name);
            let missing = || refuse(invalid(format!("an act of this kind has `{name}`")));
            map_of(&value.ok_or_else(missing)?, &format!("`{name}`"))
        };
        let (first, changes) = match field {
            "Put" => (part("item")?, Map::new()),
            "Update" => (part("key")?, part("changes")?),
            _ => (part("key")?, Map::new()),
        };
        let mut take = Take::of(&act, &OF_PUT).map_err(&refuse)?;
        let parameters = match field {
            "Put" => put_parameters(&table, &first, &mut take)?,
            "Update" => update_parameters(&table, &first, &changes, &mut take)?,
            _ => delete_parameters(&table, &first, &mut take)?,
        };
        let item: Map = [(field.into(), parameters.into())].into();
        items.push(item.into());
    }
    let mut token = [0; 16];
    world().random_bytes(&mut token);
    let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut parameters = Map::new();
    put_in(&mut parameters, "TransactItems", items);
    // With it, the service carries a transaction out once, however often it is sent.
    put_in(&mut parameters, "ClientRequestToken", token);
    call(SERVICE, OPERATION, &parameters, options).map(|_| ())
}
