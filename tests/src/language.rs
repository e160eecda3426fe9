//! What Rhai itself has for values: the table behind the reference of the language, whose examples the
//! tests run.

use std::fmt::Write;

/// The functions of one kind of value.
#[derive(Debug)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// What has to be known of them all.
    pub intro: &'static str,
    /// The functions.
    pub functions: &'static [Function],
}

/// How a script calls a function, what it gives, what that is, and lines of an example; a line
/// `expression; // => value` says what comes of it.
pub type Function = (&'static str, &'static str, &'static str, &'static str);

/// The name of a function, by how it is called.
#[must_use]
pub fn name_of(call: &str) -> &str {
    let end = call.find('(').unwrap_or(call.len());
    let start = call[..end].rfind(['.', ' ']).map_or(0, |at| at + 1);
    &call[start..end]
}

/// All that there is, operators apart.
pub const SECTIONS: [Section; 9] = [
    Section {
        title: "Any value",
        intro: "Values are copied when they are assigned, passed on or returned. `()` is what is not there: \
                a property that a map does not have, the value of a loop, of `let` and of an assignment.",
        functions: &[
            (
                "type_of(value)",
                "string",
                "The type: `i64` is a whole number, `f64` a decimal, `Fn` a function. `is_number`, \
                 `is_string` and their like of [the library](library.md) say more simply what it is.",
                "type_of(1); // => \"i64\"\ntype_of(1.5); // => \"f64\"\ntype_of(\"a\"); // => \"string\"\n\
                 type_of([]); // => \"array\"\ntype_of(#{}); // => \"map\"\ntype_of(()); // => \"()\"",
            ),
            (
                "value.to_string()",
                "string",
                "The value as text, as `print` and `${value}` in back-ticks show it.",
                "12.5.to_string(); // => \"12.5\"\n[1, \"a\"].to_string(); // => \"[1, \\\"a\\\"]\"",
            ),
            (
                "value.to_debug()",
                "string",
                "The value as text for a log: texts in quotes.",
                "\"a\".to_debug(); // => \"\\\"a\\\"\"",
            ),
            (
                "print(value)",
                "()",
                "Writes the value to the log, as a record of level INFO.",
                "print(\"hello\");",
            ),
            (
                "debug(value)",
                "()",
                "Writes the value to the log, as a record of level DEBUG.",
                "debug([1, 2]);",
            ),
            (
                "take(variable)",
                "any value",
                "The value of a variable, which is `()` from then on: nothing is copied.",
                "let large = [1, 2];\ntake(large); // => [1, 2]\nlarge; // => ()",
            ),
            (
                "is_def_var(name)",
                "bool",
                "Whether there is a variable of this name here.",
                "let x = 1;\nis_def_var(\"x\"); // => true\nis_def_var(\"y\"); // => false",
            ),
            (
                "is_shared(variable)",
                "bool",
                "Whether a closure has captured the variable.",
                "let x = 1;\nlet f = || x;\nis_shared(x); // => true",
            ),
            (
                "value.tag",
                "int",
                "A number that goes along with a value, 0 at first; `value.tag = 7` and `set_tag` set it.",
                "let x = \"a\";\nx.tag = 7;\nx.tag; // => 7\nx.set_tag(8);\nx.tag(); // => 8",
            ),
            (
                "value.set_tag(number)",
                "()",
                "Sets the tag.",
                "let x = 1;\nx.set_tag(3);\nx.tag; // => 3",
            ),
            (
                "eval(text)",
                "any value",
                "Runs text as a part of the script. A script that has it is compiled and run much more slowly.",
                "",
            ),
            ("sleep(seconds)", "()", "Waits, and is billed for it.", "sleep(0);"),
            ("exit(value)", "", "Ends the handler with this response, wherever it is called.", ""),
            (
                "parse_json(text)",
                "any value",
                "The value of a JSON text, by the rules of [`json::parse`](library.md).",
                "parse_json(\"[1, null]\"); // => [1, ()]",
            ),
        ],
    },
    Section {
        title: "Numbers",
        intro: "A whole number has 64 bits, and what is beyond them is an error; a decimal is a 64-bit float. \
                `+ - * / % **` take both; between whole numbers `/` gives a whole number. Rounding, clamping, \
                formatting and reading with a default are in [the library](library.md).",
        functions: &[
            (
                "number.abs()",
                "the same",
                "The number without its sign.",
                "(-3).abs(); // => 3\n(-1.5).abs(); // => 1.5",
            ),
            ("number.sign()", "int", "-1, 0 or 1.", "(-3).sign(); // => -1\n2.5.sign(); // => 1"),
            (
                "number.is_zero",
                "bool",
                "Whether it is 0; `is_zero()` alike.",
                "0.is_zero; // => true\n0.5.is_zero(); // => false",
            ),
            (
                "int.is_odd",
                "bool",
                "Whether it is odd; `is_odd()` alike.",
                "3.is_odd; // => true\n4.is_odd(); // => false",
            ),
            (
                "int.is_even",
                "bool",
                "Whether it is even; `is_even()` alike.",
                "4.is_even; // => true",
            ),
            (
                "min(a, b)",
                "number or string",
                "The smaller one; of chars and strings, too.",
                "min(2, 1.5); // => 1.5\nmin(\"b\", \"a\"); // => \"a\"",
            ),
            ("max(a, b)", "number or string", "The larger one.", "max(2, 3); // => 3"),
            (
                "float.floor",
                "float",
                "The next whole number below; `floor()` alike.",
                "1.7.floor(); // => 1.0\n(-1.2).floor; // => -2.0",
            ),
            (
                "float.ceiling",
                "float",
                "The next whole number above; `ceiling()` alike.",
                "1.2.ceiling(); // => 2.0",
            ),
            (
                "float.round",
                "float",
                "The nearest whole number, halves away from zero; `round()` alike.",
                "2.5.round(); // => 3.0",
            ),
            (
                "float.int",
                "float",
                "What is before the point; `int()` alike.",
                "(-1.7).int(); // => -1.0",
            ),
            (
                "float.fraction",
                "float",
                "What is behind the point; `fraction()` alike.",
                "1.5.fraction(); // => 0.5",
            ),
            (
                "float.is_nan",
                "bool",
                "Whether it is no number; `is_nan()` alike.",
                "(0.0 / 0.0).is_nan(); // => true",
            ),
            (
                "float.is_finite",
                "bool",
                "Whether it is neither infinite nor NaN; `is_finite()` alike.",
                "1.5.is_finite(); // => true",
            ),
            (
                "float.is_infinite",
                "bool",
                "Whether it is infinite; `is_infinite()` alike.",
                "(1.0 / 0.0).is_infinite(); // => true",
            ),
            (
                "number.to_int()",
                "int",
                "A whole number: what is behind the point is left out. A char gives its code.",
                "7.9.to_int(); // => 7\n'a'.to_int(); // => 97",
            ),
            (
                "number.to_float()",
                "float",
                "The same number as a decimal.",
                "7.to_float() / 2; // => 3.5",
            ),
            (
                "parse_int(text[, base])",
                "int",
                "The whole number that a text is; an error where it is none.",
                "parse_int(\"42\"); // => 42\nparse_int(\"ff\", 16); // => 255",
            ),
            (
                "parse_float(text)",
                "float",
                "The number that a text is; an error where it is none.",
                "parse_float(\"1.5\"); // => 1.5",
            ),
            ("int.to_hex()", "string", "In base 16.", "255.to_hex(); // => \"ff\""),
            ("int.to_octal()", "string", "In base 8.", "8.to_octal(); // => \"10\""),
            ("int.to_binary()", "string", "In base 2.", "5.to_binary(); // => \"101\""),
            ("sqrt(float)", "float", "The square root.", "sqrt(2.25); // => 1.5"),
            ("exp(float)", "float", "e to the power of it.", "exp(0.0); // => 1.0"),
            ("ln(float)", "float", "The natural logarithm.", "ln(1.0); // => 0.0"),
            (
                "log(float[, base])",
                "float",
                "The logarithm to base 10, or to another.",
                "log(1000.0).round(); // => 3.0\nlog(8.0, 2.0).round(); // => 3.0",
            ),
            ("hypot(x, y)", "float", "The length of the hypotenuse.", "hypot(3.0, 4.0); // => 5.0"),
            ("PI()", "float", "The number π.", "PI().round(2); // => 3.14"),
            ("E()", "float", "The number e.", "E().round(2); // => 2.72"),
            ("sin(angle)", "float", "The sine of an angle in radians.", "sin(0.0); // => 0.0"),
            ("cos(angle)", "float", "The cosine.", "cos(0.0); // => 1.0"),
            ("tan(angle)", "float", "The tangent.", "tan(0.0); // => 0.0"),
            ("asin(float)", "float", "The angle of a sine.", "asin(0.0); // => 0.0"),
            ("acos(float)", "float", "The angle of a cosine.", "acos(1.0); // => 0.0"),
            (
                "atan(float[, x])",
                "float",
                "The angle of a tangent; of two, the angle of a point `y.atan(x)`.",
                "atan(0.0); // => 0.0\natan(0.0, 1.0); // => 0.0",
            ),
            ("sinh(float)", "float", "The hyperbolic sine.", "sinh(0.0); // => 0.0"),
            ("cosh(float)", "float", "The hyperbolic cosine.", "cosh(0.0); // => 1.0"),
            ("tanh(float)", "float", "The hyperbolic tangent.", "tanh(0.0); // => 0.0"),
            ("asinh(float)", "float", "What a hyperbolic sine is of.", "asinh(0.0); // => 0.0"),
            ("acosh(float)", "float", "What a hyperbolic cosine is of.", "acosh(1.0); // => 0.0"),
            ("atanh(float)", "float", "What a hyperbolic tangent is of.", "atanh(0.0); // => 0.0"),
            (
                "to_radians(float)",
                "float",
                "Degrees as radians.",
                "180.0.to_radians().round(2); // => 3.14",
            ),
            ("to_degrees(float)", "float", "Radians as degrees.", "PI().to_degrees(); // => 180.0"),
            (
                "int.get_bit(place)",
                "bool",
                "Whether a bit is set; places count from the lowest, 0.",
                "5.get_bit(2); // => true",
            ),
            (
                "int.set_bit(place, is_set)",
                "()",
                "Sets a bit, in place.",
                "let n = 1;\nn.set_bit(2, true);\nn; // => 5",
            ),
            (
                "int.get_bits(start, count)",
                "int",
                "Some bits as a number; `get_bits(start..end)` alike.",
                "0b1101.get_bits(2, 2); // => 3\n0b1101.get_bits(0..=1); // => 1",
            ),
            (
                "int.set_bits(start, count, bits)",
                "()",
                "Sets some bits, in place; `set_bits(start..end, bits)` alike.",
                "let n = 0;\nn.set_bits(1, 2, 3);\nn; // => 6",
            ),
            (
                "int.bits()",
                "to loop over",
                "Its bits from the lowest on; `bits(start, count)` and `bits(start..end)` are some.",
                "5.bits(0..3).to_array(); // => [true, false, true]",
            ),
        ],
    },
    Section {
        title: "Text",
        intro: "A string is in double quotes, or in back-ticks with `${…}` in it, where `\\n` is no line end; a \
                char is in single quotes. Lengths and places count characters, and a place below 0 counts \
                from the end. What is said to work in place gives `()`; [the library](library.md) has \
                `trimmed`, `replaced` and others that give a new text.",
        functions: &[
            ("text.len", "int", "How many characters; `len()` alike.", "\"añb\".len; // => 3"),
            (
                "text.bytes",
                "int",
                "How many bytes in UTF-8; `bytes()` alike.",
                "\"añb\".bytes; // => 4",
            ),
            (
                "text.is_empty",
                "bool",
                "Whether there is nothing; `is_empty()` alike.",
                "\"\".is_empty; // => true",
            ),
            (
                "text.contains(part)",
                "bool",
                "Whether a part is in it; `part in text` alike.",
                "\"hello\".contains(\"ell\"); // => true\n\"x\" in \"hello\"; // => false",
            ),
            (
                "text.starts_with(part)",
                "bool",
                "Whether it starts so.",
                "\"/orders/7\".starts_with(\"/orders\"); // => true",
            ),
            (
                "text.ends_with(part)",
                "bool",
                "Whether it ends so.",
                "\"a.csv\".ends_with(\".csv\"); // => true",
            ),
            (
                "text.index_of(part[, start])",
                "int",
                "Where a part begins, from a place on; -1 if it is nowhere.",
                "\"abcabc\".index_of(\"b\"); // => 1\n\"abcabc\".index_of('b', 2); // => 4\n\"a\".index_of(\"x\"); // => -1",
            ),
            (
                "text.sub_string(start[, count])",
                "string",
                "A part from a place on; `sub_string(start..end)` alike.",
                "\"hello\".sub_string(1, 3); // => \"ell\"\n\"hello\".sub_string(-2); // => \"lo\"\n\"hello\".sub_string(0..2); // => \"he\"",
            ),
            (
                "text.get(place)",
                "char",
                "The character at a place, `()` where there is none; `text[place]` is an error there.",
                "\"abc\".get(-1); // => \"c\"\n\"abc\".get(9); // => ()",
            ),
            (
                "text.to_upper()",
                "string",
                "In upper case; of chars, too.",
                "\"añ\".to_upper(); // => \"AÑ\"",
            ),
            (
                "text.to_lower()",
                "string",
                "In lower case; of chars, too.",
                "\"AÑ\".to_lower(); // => \"añ\"",
            ),
            (
                "text.split([separator[, most]])",
                "array",
                "The parts between a separator, at most so many; without one, the words. `split(place)` gives what is before and from a place on.",
                "\"a,b,c\".split(\",\"); // => [\"a\", \"b\", \"c\"]\n\"a,b,c\".split(\",\", 2); // => [\"a\", \"b,c\"]\n\" a  b \".split(); // => [\"a\", \"b\"]\n\"abc\".split(1); // => [\"a\", \"bc\"]",
            ),
            (
                "text.split_rev(separator[, most])",
                "array",
                "The same from the end on.",
                "\"a,b,c\".split_rev(\",\", 2); // => [\"c\", \"a,b\"]",
            ),
            (
                "text.chars()",
                "to loop over",
                "Its characters; `chars(start, count)` and `chars(start..end)` are some. `for c in text` goes through them all.",
                "let all = [];\nfor c in \"abc\".chars(1, 2) { all.push(c); }\nall; // => [\"b\", \"c\"]",
            ),
            (
                "text.to_chars()",
                "array",
                "Its characters.",
                "\"añ\".to_chars(); // => [\"a\", \"ñ\"]",
            ),
            ("text.to_blob()", "blob", "Its bytes in UTF-8.", "\"ab\".to_blob().len; // => 2"),
            (
                "text.trim()",
                "()",
                "Takes white space off both ends, in place.",
                "let s = \" a \";\ns.trim();\ns; // => \"a\"",
            ),
            (
                "text.replace(part, with)",
                "()",
                "Puts something in the place of a part wherever it is, in place.",
                "let s = \"a-b-c\";\ns.replace(\"-\", \"+\");\ns; // => \"a+b+c\"",
            ),
            (
                "text.remove(part)",
                "()",
                "Takes a part out wherever it is, in place.",
                "let s = \"a-b-c\";\ns.remove(\"-\");\ns; // => \"abc\"",
            ),
            (
                "text.append(value)",
                "()",
                "Adds text or another value at the end, in place; `text += value` alike.",
                "let s = \"a\";\ns.append(1);\ns += 'b';\ns; // => \"a1b\"",
            ),
            (
                "text.pad(length, with)",
                "()",
                "Fills up at the end to a length, in place.",
                "let s = \"ab\";\ns.pad(4, '-');\ns; // => \"ab--\"",
            ),
            (
                "text.truncate(length)",
                "()",
                "Cuts off what is beyond a length, in place.",
                "let s = \"hello\";\ns.truncate(2);\ns; // => \"he\"",
            ),
            (
                "text.crop(start[, count])",
                "()",
                "Keeps a part only, in place; `crop(start..end)` alike.",
                "let s = \"hello\";\ns.crop(1, 3);\ns; // => \"ell\"",
            ),
            (
                "text.set(place, char)",
                "()",
                "Puts a character in the place of another; `text[place] = char` alike.",
                "let s = \"abc\";\ns.set(0, 'x');\ns[1] = 'y';\ns; // => \"xyc\"",
            ),
            (
                "text.pop([count])",
                "char or string",
                "Takes the last character off, or so many as a string.",
                "let s = \"abcd\";\ns.pop(); // => \"d\"\ns.pop(2); // => \"bc\"\ns; // => \"a\"",
            ),
            (
                "text.clear()",
                "()",
                "Empties it, in place.",
                "let s = \"a\";\ns.clear();\ns; // => \"\"",
            ),
            (
                "text.make_upper()",
                "()",
                "Puts it into upper case, in place.",
                "let s = \"a\";\ns.make_upper();\ns; // => \"A\"",
            ),
            (
                "text.make_lower()",
                "()",
                "Puts it into lower case, in place.",
                "let s = \"A\";\ns.make_lower();\ns; // => \"a\"",
            ),
        ],
    },
    Section {
        title: "Arrays",
        intro: "`[1, 2][0]` is the first item, `[1, 2][-1]` the last; an index that is not there is an error. A \
                function is called with an item, and with its index if it takes two. `for item in array` goes \
                through the items, `for (item, index) in array` has the index, too. Functions on whole arrays \
                of records, `join`, `sorted`, `any` and many more are in [the library](library.md).",
        functions: &[
            ("array.len", "int", "How many items; `len()` alike.", "[1, 2].len; // => 2"),
            (
                "array.is_empty",
                "bool",
                "Whether there are none; `is_empty()` alike.",
                "[].is_empty(); // => true",
            ),
            (
                "array.contains(value)",
                "bool",
                "Whether an item is equal to a value; `value in array` alike.",
                "[1, 2].contains(2); // => true\n3 in [1, 2]; // => false",
            ),
            (
                "array.index_of(value[, start])",
                "int",
                "Where the first item is that is equal to a value, or for which a function gives `true`; -1 if there is none.",
                "[1, 2, 1].index_of(1, 1); // => 2\n[1, 2].index_of(|n| n > 1); // => 1",
            ),
            (
                "array.get(index)",
                "any value",
                "The item at an index, `()` where there is none.",
                "[1, 2].get(-1); // => 2\n[1, 2].get(5); // => ()",
            ),
            (
                "array.map(function)",
                "array",
                "What a function makes of each item.",
                "[1, 2, 3].map(|n| n * 2); // => [2, 4, 6]\n[\"a\", \"b\"].map(|it, i| `${i}${it}`); // => [\"0a\", \"1b\"]",
            ),
            (
                "array.filter(function)",
                "array",
                "The items for which it gives `true`.",
                "[1, 2, 3].filter(|n| n > 1); // => [2, 3]",
            ),
            (
                "array.reduce(function[, start])",
                "any value",
                "One value of all items: the function is called with what there is so far, `()` without a start, and an item.",
                "[1, 2, 3].reduce(|sum, n| sum + n, 0); // => 6",
            ),
            (
                "array.reduce_rev(function[, start])",
                "any value",
                "The same from the last item on.",
                "[\"a\", \"b\"].reduce_rev(|all, it| all + it, \"\"); // => \"ba\"",
            ),
            (
                "array.find(function[, start])",
                "any value",
                "The first item for which it gives `true`; `()` if there is none.",
                "[1, 2, 3].find(|n| n > 1); // => 2",
            ),
            (
                "array.find_map(function[, start])",
                "any value",
                "What the function gives for the first item for which that is not `()`.",
                "[#{ a: 1 }, #{ b: 2 }].find_map(|it| it.b); // => 2",
            ),
            (
                "array.some(function)",
                "bool",
                "Whether it gives `true` for some item.",
                "[1, 2].some(|n| n > 1); // => true",
            ),
            (
                "array.all(function)",
                "bool",
                "Whether it gives `true` for every item.",
                "[1, 2].all(|n| n > 1); // => false",
            ),
            (
                "array.for_each(function)",
                "()",
                "Calls a function with each item as `this`, which it may change; a parameter is the index, not the item.",
                "let all = [1, 2];\nall.for_each(|| this *= 10);\nall; // => [10, 20]",
            ),
            (
                "array.zip(other, function)",
                "array",
                "What a function makes of the items of both, as many as the shorter one has.",
                "[1, 2].zip([3, 4], |a, b| a * b); // => [3, 8]",
            ),
            (
                "array.order([function])",
                "array",
                "The items in order; `sorted` alike.",
                "[3, 1, 2].order(); // => [1, 2, 3]",
            ),
            (
                "array.order_desc()",
                "array",
                "The items in order, the largest first.",
                "[3, 1, 2].order_desc(); // => [3, 2, 1]",
            ),
            (
                "array.order_by(function)",
                "array",
                "The items in the order of a function that compares two.",
                "[3, 1, 2].order_by(|a, b| b - a); // => [3, 2, 1]",
            ),
            (
                "array.extract(start[, count])",
                "array",
                "A part from an index on; `extract(start..end)` alike.",
                "[1, 2, 3, 4].extract(1, 2); // => [2, 3]\n[1, 2, 3].extract(-2); // => [2, 3]\n[1, 2, 3].extract(0..2); // => [1, 2]",
            ),
            (
                "array.push(item)",
                "()",
                "Adds an item at the end, in place; `array += item` alike.",
                "let a = [1];\na.push(2);\na += 3;\na; // => [1, 2, 3]",
            ),
            (
                "array.append(other)",
                "()",
                "Adds the items of another, in place; `array + other` gives a new one.",
                "let a = [1];\na.append([2, 3]);\na; // => [1, 2, 3]\na + [4]; // => [1, 2, 3, 4]",
            ),
            (
                "array.insert(index, item)",
                "()",
                "Puts an item before another, in place.",
                "let a = [1, 3];\na.insert(1, 2);\na; // => [1, 2, 3]",
            ),
            (
                "array.set(index, item)",
                "()",
                "Puts an item in the place of another; nothing where there is none. `array[index] = item` is an error there.",
                "let a = [1, 2];\na.set(0, 9);\na; // => [9, 2]",
            ),
            (
                "array.pop()",
                "any value",
                "Takes the last item off; `()` of an empty array.",
                "let a = [1, 2];\na.pop(); // => 2\na; // => [1]",
            ),
            (
                "array.shift()",
                "any value",
                "Takes the first item off; `()` of an empty array.",
                "let a = [1, 2];\na.shift(); // => 1\na; // => [2]",
            ),
            (
                "array.remove(index)",
                "any value",
                "Takes the item at an index out; `()` where there is none.",
                "let a = [1, 2, 3];\na.remove(1); // => 2\na; // => [1, 3]",
            ),
            (
                "array.sort([function])",
                "()",
                "Puts the items in order, in place; a function compares two of them.",
                "let a = [3, 1, 2];\na.sort();\na; // => [1, 2, 3]\na.sort(|x, y| y - x);\na; // => [3, 2, 1]",
            ),
            (
                "array.sort_by(function)",
                "()",
                "The same; with a key instead of a function it is a function of the library and gives a new array.",
                "let a = [3, 1];\na.sort_by(|x, y| x - y);\na; // => [1, 3]",
            ),
            (
                "array.sort_desc()",
                "()",
                "Puts the items in order, the largest first, in place.",
                "let a = [1, 3, 2];\na.sort_desc();\na; // => [3, 2, 1]",
            ),
            (
                "array.reverse()",
                "()",
                "Turns the order round, in place.",
                "let a = [1, 2];\na.reverse();\na; // => [2, 1]",
            ),
            (
                "array.dedup([function])",
                "()",
                "Takes out items that are equal to the one before, in place; `unique` of the library finds all.",
                "let a = [1, 1, 2, 1];\na.dedup();\na; // => [1, 2, 1]",
            ),
            (
                "array.retain(function)",
                "array",
                "Keeps the items for which it gives `true`, in place, and gives the others; `retain(start, count)` and `retain(start..end)` alike.",
                "let a = [1, 2, 3];\na.retain(|n| n > 1); // => [1]\na; // => [2, 3]",
            ),
            (
                "array.drain(function)",
                "array",
                "Takes the items out for which it gives `true`, and gives them; `drain(start, count)` and `drain(start..end)` alike.",
                "let a = [1, 2, 3];\na.drain(|n| n > 1); // => [2, 3]\na; // => [1]",
            ),
            (
                "array.splice(start, count, others)",
                "()",
                "Puts other items in the place of some, in place; `splice(start..end, others)` alike.",
                "let a = [1, 2, 3];\na.splice(1, 1, [8, 9]);\na; // => [1, 8, 9, 3]",
            ),
            (
                "array.split(index)",
                "array",
                "Cuts the items off from an index on, and gives them.",
                "let a = [1, 2, 3];\na.split(1); // => [2, 3]\na; // => [1]",
            ),
            (
                "array.truncate(length)",
                "()",
                "Cuts off what is beyond a length, in place.",
                "let a = [1, 2, 3];\na.truncate(2);\na; // => [1, 2]",
            ),
            (
                "array.chop(length)",
                "()",
                "Keeps the last items only, so many, in place.",
                "let a = [1, 2, 3];\na.chop(2);\na; // => [2, 3]",
            ),
            (
                "array.pad(length, item)",
                "()",
                "Fills up at the end to a length, in place.",
                "let a = [1];\na.pad(3, 0);\na; // => [1, 0, 0]",
            ),
            (
                "array.clear()",
                "()",
                "Empties it, in place.",
                "let a = [1];\na.clear();\na; // => []",
            ),
        ],
    },
    Section {
        title: "Maps",
        intro: "`map.name` and `map[\"name\"]` are the same; what is not there is `()`, and is made by assigning to \
                it. Names are strings, and a map keeps them in their order. `for name in map` goes through the \
                names, `for (name, value) in map` through both. A function is called with a name, and with the \
                value if it takes two. [The library](library.md) has `entries`, `pick`, `merge`, `get` with a \
                default and more.",
        functions: &[
            ("map.len()", "int", "How many properties.", "#{ a: 1 }.len(); // => 1"),
            ("map.is_empty()", "bool", "Whether there are none.", "#{}.is_empty(); // => true"),
            (
                "map.contains(name)",
                "bool",
                "Whether there is a property of this name; `name in map` alike.",
                "#{ a: () }.contains(\"a\"); // => true\n\"b\" in #{ a: 1 }; // => false",
            ),
            (
                "map.get(name)",
                "any value",
                "The value of a name, `()` where there is none.",
                "#{ a: 1 }.get(\"a\"); // => 1",
            ),
            (
                "map.set(name, value)",
                "()",
                "Sets a value, in place.",
                "let m = #{};\nm.set(\"a\", 1);\nm; // => #{ a: 1 }",
            ),
            (
                "map.remove(name)",
                "any value",
                "Takes a property out, and gives its value.",
                "let m = #{ a: 1, b: 2 };\nm.remove(\"a\"); // => 1\nm; // => #{ b: 2 }",
            ),
            (
                "map.keys()",
                "array",
                "The names, in their order.",
                "#{ b: 1, a: 2 }.keys(); // => [\"a\", \"b\"]",
            ),
            (
                "map.values()",
                "array",
                "The values, in the order of their names.",
                "#{ b: 1, a: 2 }.values(); // => [2, 1]",
            ),
            (
                "map.map(function)",
                "map",
                "A map with what a function makes of each name and value.",
                "#{ a: 1, b: 2 }.map(|name, value| `${name}${value}`); // => #{ a: \"a1\", b: \"b2\" }",
            ),
            (
                "map.filter(function)",
                "map",
                "A map of the properties for which it gives `true`.",
                "#{ a: 1, b: 2 }.filter(|name, value| value > 1); // => #{ b: 2 }",
            ),
            (
                "map.retain(function)",
                "map",
                "Keeps the properties for which it gives `true`, in place, and gives the others.",
                "let m = #{ a: 1, b: 2 };\nm.retain(|name, value| value > 1); // => #{ a: 1 }\nm; // => #{ b: 2 }",
            ),
            (
                "map.drain(function)",
                "map",
                "Takes the properties out for which it gives `true`, and gives them.",
                "let m = #{ a: 1, b: 2 };\nm.drain(|name| name == \"a\"); // => #{ a: 1 }\nm; // => #{ b: 2 }",
            ),
            (
                "map.mixin(other)",
                "()",
                "Adds the properties of another, in place; where both have one, the other's. `map += other` alike, and `map + other` gives a new one.",
                "let m = #{ a: 1, b: 1 };\nm.mixin(#{ b: 2 });\nm; // => #{ a: 1, b: 2 }\nm + #{ c: 3 }; // => #{ a: 1, b: 2, c: 3 }",
            ),
            (
                "map.fill_with(other)",
                "()",
                "Adds the properties of another that are missing, in place.",
                "let m = #{ a: 1 };\nm.fill_with(#{ a: 9, b: 2 });\nm; // => #{ a: 1, b: 2 }",
            ),
            (
                "map.clear()",
                "()",
                "Empties it, in place.",
                "let m = #{ a: 1 };\nm.clear();\nm; // => #{}",
            ),
            (
                "map.to_json()",
                "string",
                "The map as JSON, by the rules of [`json::stringify`](library.md).",
                "#{ a: [1, ()] }.to_json(); // => \"{\\\"a\\\":[1,null]}\"",
            ),
        ],
    },
    Section {
        title: "Blobs",
        intro: "Bytes, as of a file or a hash; each is a number from 0 to 255. Of numbers within them the first byte \
                is the lowest (`le`) or the highest (`be`). In JSON a blob is base64 text.",
        functions: &[
            (
                "blob([length[, byte]])",
                "blob",
                "So many bytes.",
                "blob(2, 7).to_array(); // => [7, 7]\nblob().len; // => 0",
            ),
            ("blob.len", "int", "How many bytes; `len()` alike.", "blob(3).len; // => 3"),
            (
                "blob.is_empty",
                "bool",
                "Whether there are none; `is_empty()` alike.",
                "blob().is_empty; // => true",
            ),
            (
                "blob.contains(byte)",
                "bool",
                "Whether a byte is in it; `byte in blob` alike.",
                "blob(2, 7).contains(7); // => true",
            ),
            (
                "blob.get(index)",
                "int",
                "The byte at an index, 0 where there is none; `blob[index]` is an error there.",
                "blob(2, 7).get(-1); // => 7",
            ),
            (
                "blob.to_array()",
                "array",
                "Its bytes.",
                "\"ab\".to_blob().to_array(); // => [97, 98]",
            ),
            (
                "blob.as_string()",
                "string",
                "The text that it is in UTF-8; what is none is replaced.",
                "\"añ\".to_blob().as_string(); // => \"añ\"",
            ),
            (
                "blob.extract(start[, count])",
                "blob",
                "A part from an index on; `extract(start..end)` alike.",
                "\"abcd\".to_blob().extract(1, 2).as_string(); // => \"bc\"",
            ),
            (
                "blob.push(byte)",
                "()",
                "Adds a byte, in place.",
                "let b = blob();\nb.push(65);\nb.as_string(); // => \"A\"",
            ),
            (
                "blob.append(value)",
                "()",
                "Adds a byte, a text or another blob, in place; `blob += value` alike.",
                "let b = \"a\".to_blob();\nb.append(\"b\");\nb += blob(1, 99);\nb.as_string(); // => \"abc\"",
            ),
            (
                "blob.insert(index, byte)",
                "()",
                "Puts a byte before another, in place.",
                "let b = blob(1, 1);\nb.insert(0, 2);\nb.to_array(); // => [2, 1]",
            ),
            (
                "blob.set(index, byte)",
                "()",
                "Puts a byte in the place of another; `blob[index] = byte` alike.",
                "let b = blob(2);\nb.set(0, 9);\nb.to_array(); // => [9, 0]",
            ),
            (
                "blob.pop()",
                "int",
                "Takes the last byte off; 0 of an empty one.",
                "let b = \"ab\".to_blob();\nb.pop(); // => 98",
            ),
            (
                "blob.shift()",
                "int",
                "Takes the first byte off; 0 of an empty one.",
                "let b = \"ab\".to_blob();\nb.shift(); // => 97",
            ),
            (
                "blob.remove(index)",
                "int",
                "Takes the byte at an index out; 0 where there is none.",
                "let b = \"abc\".to_blob();\nb.remove(1); // => 98\nb.as_string(); // => \"ac\"",
            ),
            (
                "blob.reverse()",
                "()",
                "Turns the order round, in place.",
                "let b = \"ab\".to_blob();\nb.reverse();\nb.as_string(); // => \"ba\"",
            ),
            (
                "blob.retain(start, count)",
                "blob",
                "Keeps a part, in place, and gives the rest; `retain(start..end)` alike.",
                "let b = \"abc\".to_blob();\nb.retain(0, 1).as_string(); // => \"bc\"",
            ),
            (
                "blob.drain(start, count)",
                "blob",
                "Takes a part out, and gives it; `drain(start..end)` alike.",
                "let b = \"abc\".to_blob();\nb.drain(0..1).as_string(); // => \"a\"\nb.as_string(); // => \"bc\"",
            ),
            (
                "blob.splice(start, count, other)",
                "()",
                "Puts other bytes in the place of some, in place; `splice(start..end, other)` alike.",
                "let b = \"abc\".to_blob();\nb.splice(1, 1, \"xy\".to_blob());\nb.as_string(); // => \"axyc\"",
            ),
            (
                "blob.split(index)",
                "blob",
                "Cuts the bytes off from an index on, and gives them.",
                "let b = \"abc\".to_blob();\nb.split(1).as_string(); // => \"bc\"",
            ),
            (
                "blob.truncate(length)",
                "()",
                "Cuts off what is beyond a length, in place.",
                "let b = blob(3);\nb.truncate(1);\nb.len; // => 1",
            ),
            (
                "blob.chop(length)",
                "()",
                "Keeps the last bytes only, so many, in place.",
                "let b = \"abc\".to_blob();\nb.chop(1);\nb.as_string(); // => \"c\"",
            ),
            (
                "blob.pad(length, byte)",
                "()",
                "Fills up at the end to a length, in place.",
                "let b = blob();\nb.pad(2, 1);\nb.to_array(); // => [1, 1]",
            ),
            (
                "blob.clear()",
                "()",
                "Empties it, in place.",
                "let b = blob(2);\nb.clear();\nb.len; // => 0",
            ),
            (
                "blob.parse_le_int(start, count)",
                "int",
                "The whole number in some bytes; `parse_le_int(start..end)` alike.",
                "let b = blob(2, 0);\nb[0] = 1;\nb.parse_le_int(0, 2); // => 1",
            ),
            (
                "blob.parse_be_int(start, count)",
                "int",
                "The same, the highest byte first.",
                "let b = blob(8);\nb[7] = 9;\nb.parse_be_int(0..8); // => 9",
            ),
            (
                "blob.parse_le_float(start, count)",
                "float",
                "The decimal number in eight bytes.",
                "let b = blob(8);\nb.write_le(0, 8, 1.5);\nb.parse_le_float(0, 8); // => 1.5",
            ),
            (
                "blob.parse_be_float(start, count)",
                "float",
                "The same, the highest byte first.",
                "let b = blob(8);\nb.write_be(0..8, 1.5);\nb.parse_be_float(0..8); // => 1.5",
            ),
            (
                "blob.write_le(start, count, number)",
                "()",
                "Writes a number into some bytes, in place; `write_le(start..end, number)` alike.",
                "let b = blob(2);\nb.write_le(0, 2, 258);\nb.to_array(); // => [2, 1]",
            ),
            (
                "blob.write_be(start, count, number)",
                "()",
                "The same, the highest byte first.",
                "let b = blob(8);\nb.write_be(0..8, 258);\nb.to_array(); // => [0, 0, 0, 0, 0, 0, 1, 2]",
            ),
            (
                "blob.write_utf8(start, count, text)",
                "()",
                "Writes text into some bytes, in place; `write_utf8(start..end, text)` alike.",
                "let b = blob(2);\nb.write_utf8(0, 2, \"ab\");\nb.as_string(); // => \"ab\"",
            ),
            (
                "blob.write_ascii(start, count, text)",
                "()",
                "The same without what is not ASCII.",
                "let b = blob(2);\nb.write_ascii(0..2, \"añb\");\nb.as_string(); // => \"ab\"",
            ),
        ],
    },
    Section {
        title: "Ranges",
        intro: "`0..3` is 0, 1, 2, and `0..=3` has the 3, too. `0..()` has no end. They are there to loop over, as a \
                `case` of `switch`, and to say a part of a text, an array or a blob. `to_array`, `map` and `filter` of \
                ranges are in [the library](library.md).",
        functions: &[
            (
                "range(start, end[, step])",
                "to loop over",
                "The numbers from the start on, before the end; steps may be below 0, or decimals. `range(start..end, step)` alike.",
                "range(0, 10, 4).to_array(); // => [0, 4, 8]\nrange(3, 0, -1).to_array(); // => [3, 2, 1]",
            ),
            ("range.start", "int", "Where it starts; `start()` alike.", "(2..5).start; // => 2"),
            ("range.end", "int", "Where it ends; `end()` alike.", "(2..5).end; // => 5"),
            (
                "range.contains(number)",
                "bool",
                "Whether a number is in it; `number in range` alike.",
                "(0..3).contains(3); // => false\n3 in 0..=3; // => true",
            ),
            (
                "range.is_empty",
                "bool",
                "Whether nothing is in it; `is_empty()` alike.",
                "(3..3).is_empty; // => true",
            ),
            (
                "range.is_inclusive",
                "bool",
                "Whether its end is in it; `is_inclusive()` alike.",
                "(0..=3).is_inclusive; // => true",
            ),
            (
                "range.is_exclusive",
                "bool",
                "Whether its end is not in it; `is_exclusive()` alike.",
                "(0..3).is_exclusive; // => true",
            ),
        ],
    },
    Section {
        title: "Functions",
        intro: "`|x| x + 1` is a closure: it shares the variables around it. `Fn(\"name\")` is a function by its name, \
                and so is the name of a function where one is expected.",
        functions: &[
            (
                "function.call(…)",
                "any value",
                "Calls it; `call(function, …)` alike.",
                "let double = |n| n * 2;\ndouble.call(4); // => 8",
            ),
            (
                "function.curry(…)",
                "Fn",
                "The function with its first arguments given.",
                "let add = |a, b| a + b;\nadd.curry(1).call(2); // => 3",
            ),
            (
                "Fn(name)",
                "Fn",
                "A function by its name.",
                "let f = Fn(\"to_upper\");\nf.call(\"a\"); // => \"A\"",
            ),
            (
                "function.name",
                "string",
                "Its name; `name()` alike.",
                "Fn(\"abs\").name; // => \"abs\"",
            ),
            (
                "function.is_anonymous",
                "bool",
                "Whether it is a closure; `is_anonymous()` alike.",
                "(|x| x).is_anonymous; // => true",
            ),
            (
                "is_def_fn(name, count)",
                "bool",
                "Whether the script has a function of this name with so many parameters.",
                "is_def_fn(\"nobody\", 1); // => false",
            ),
        ],
    },
    Section {
        title: "Timestamps",
        intro: "Rhai's own stop watch. For dates, zones and formats there is [`time`](library.md).",
        functions: &[
            (
                "timestamp()",
                "timestamp",
                "This moment. Two of them are compared, and subtracted to seconds; `+` and `-` take seconds.",
                "let a = timestamp();\ntimestamp() >= a; // => true",
            ),
            (
                "timestamp.elapsed",
                "float",
                "The seconds since then; `elapsed()` alike.",
                "timestamp().elapsed < 60.0; // => true",
            ),
        ],
    },
];

/// Functions of the engine that are for its own use, or for those who look into it.
pub const LEFT_OUT: [&str; 3] = ["get_fn_metadata_list", "back_trace", "set_tag"];

impl Section {
    /// A script whose handler tells `[example, value, what it should be]` for each line that says its
    /// value, and how many those are.
    #[must_use]
    pub fn script(&self) -> (String, usize) {
        let (mut functions, mut calls, mut count) = (String::new(), String::new(), 0);
        for (index, (call, _, _, example)) in self.functions.iter().enumerate() {
            let body = checked(call, example, &mut count);
            let _ = writeln!(functions, "fn f{index}() {{ let told = this; {body} this = told; }}");
            let _ = write!(calls, "told.f{index}(); ");
        }
        (format!("{functions}fn handler(event) {{ let told = []; {calls} told }}"), count)
    }
}

/// The lines of an example, with what tells the values of those that say them.
pub fn checked(name: &str, example: &str, count: &mut usize) -> String {
    let mut body = String::new();
    for line in example.lines() {
        let Some((expression, says)) = line.split_once("; // => ") else {
            let _ = writeln!(body, "{line}");
            continue;
        };
        *count += 1;
        let example = format!("{name}: {line}");
        let _ = match says.strip_prefix("error: ") {
            Some(part) => writeln!(
                body,
                "{{ let said = \"no error\"; try {{ {expression}; }} catch (error) {{ said = `${{error}}`; }} \
                 told.push([{example:?}, if said.contains({part:?}) {{ {part:?} }} else {{ said }}, {part:?}]); }}"
            ),
            None => writeln!(body, "told.push([{example:?}, {expression}, {says}]);"),
        };
    }
    body
}
