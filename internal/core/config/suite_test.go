package config

import (
	"fmt"
	"strings"
)

// A fragment is one JSON value, or something that only looks like one. Its name
// begins with y_ (valid, also with the comments and trailing commas that are
// allowed here), n_ (never valid) or i_ (either way, but no crash), as in the
// public suites of JSON parsers.
type fragment struct {
	name, text string
	alone      bool // within an object it would become something else
}

// suite returns 318 fragments: those of three tables, and some made by rule.
func suite() []fragment {
	all := append(append(append([]fragment{}, valid...), invalid...), either...)
	for c := range 0x20 { // raw control characters within a text
		all = append(all, fragment{name: fmt.Sprintf("n_string_control_%02x", c), text: "\"a" + string(rune(c)) + "b\""})
	}
	for _, c := range `acdeghijkmopqsvxy08'` + "\t " {
		all = append(all, fragment{name: fmt.Sprintf("n_string_escape_%q", c), text: `"\` + string(c) + `"`})
	}
	for _, c := range `"\/bfnrt` {
		all = append(all, fragment{name: fmt.Sprintf("y_string_escape_%q", c), text: `"\` + string(c) + `"`})
	}
	for _, c := range []string{"\u00a0", "\u2003", "\u3000", "\u2028", "\u200b", "\u2060", "\ufeff", "\v", "\f", "\x00", "\x1b", "\x7f"} {
		all = append(all, fragment{name: fmt.Sprintf("n_white_space_%q", c), text: "[" + c + "1]"})
	}
	for _, c := range []string{" ", "\t", "\n", "\r", "\r\n", " \t\r\n "} {
		all = append(all, fragment{name: fmt.Sprintf("y_white_space_%q", c), text: c + "[" + c + "1" + c + "," + c + "2" + c + "]" + c})
	}
	return all
}

var valid = []fragment{
	{name: "y_array_empty", text: `[]`}, {name: "y_array_of_empty", text: `[[],[],{}]`}, {name: "y_array_null", text: `[null]`},
	{name: "y_array_trailing_comma", text: `[1,2,]`}, {name: "y_array_mixed", text: `[1,"a",true,false,null,{},[]]`},
	{name: "y_array_of_texts", text: `["a","b"]`}, {name: "y_array_nested", text: `[[[[[[]]]]]]`}, {name: "y_array_lines", text: "[\n1\n,\n2\n]"},
	{name: "y_array_many_nulls", text: `[null,null,null,null]`}, {name: "y_array_several", text: `[1,2,3,4,5,6,7,8,9,10]`},
	{name: "y_object_empty", text: `{}`}, {name: "y_object_basic", text: `{"a":"b"}`}, {name: "y_object_two", text: `{"a":1,"b":2}`},
	{name: "y_object_trailing_comma", text: `{"a":1,}`}, {name: "y_object_empty_key", text: `{"":0}`}, {name: "y_object_key_twice", text: `{"a":1,"a":2}`},
	{name: "y_object_key_and_value_twice", text: `{"a":1,"a":1}`}, {name: "y_object_escaped_key", text: `{"\u0061\n":1}`}, {name: "y_object_NUL_in_key", text: `{"a\u0000b":1}`},
	{name: "y_object_long_key", text: `{"` + strings.Repeat("k", 4000) + `":1}`}, {name: "y_object_in_object", text: `{"a":{"b":{"c":{}}}}`},
	{name: "y_object_lines", text: "{\n\"a\"\n:\n1\n,\n\"b\":2\n}"}, {name: "y_object_unicode_key", text: `{"größe 😀":1}`}, {name: "y_object_extreme_numbers", text: `{"min":-1.0e+28,"max":1.0e+28}`},
	{name: "y_object_proto", text: `{"__proto__":{"x":1},"constructor":1}`},
	{name: "y_number_0", text: `0`}, {name: "y_number_minus_0", text: `-0`}, {name: "y_number_int", text: `123`}, {name: "y_number_negative", text: `-123`},
	{name: "y_number_fraction", text: `123.456`}, {name: "y_number_exponent", text: `1e5`}, {name: "y_number_Exponent", text: `1E5`}, {name: "y_number_plus_exponent", text: `1e+2`},
	{name: "y_number_minus_exponent", text: `1e-2`}, {name: "y_number_0e1", text: `0e1`}, {name: "y_number_0e+1", text: `0e+1`}, {name: "y_number_fraction_exponent", text: `1.5e2`},
	{name: "y_number_close_to_zero", text: `-0.000000000000000000000000000000000000000000000000000000000000000000000001`}, {name: "y_number_trailing_zeros", text: `1.500`},
	{name: "y_number_after_space", text: ` 4`}, {name: "y_number_53_bits", text: `9007199254740993`},
	{name: "y_literal_true", text: `true`}, {name: "y_literal_false", text: `false`}, {name: "y_literal_null", text: `null`},
	{name: "y_string_empty", text: `""`}, {name: "y_string_space", text: `" "`}, {name: "y_string_ascii", text: `"asd "`}, {name: "y_string_utf8_2", text: `"é"`},
	{name: "y_string_utf8_3", text: `"€"`}, {name: "y_string_utf8_4", text: `"😀"`}, {name: "y_string_escaped", text: `"\u0012"`}, {name: "y_string_escaped_NUL", text: `"\u0000"`},
	{name: "y_string_escaped_pair", text: `"\ud83d\ude00"`}, {name: "y_string_escaped_pair_upper", text: `"\uD801\uDC37"`}, {name: "y_string_escaped_backslash", text: `"\\u0000"`},
	{name: "y_string_escaped_quote", text: `"\""`}, {name: "y_string_double_backslash", text: `"\\"`}, {name: "y_string_comment_in_it", text: `"a/*b*/c//d"`},
	{name: "y_string_DEL", text: "\"a\x7fa\""}, {name: "y_string_line_separator", text: "\"\u2028\""}, {name: "y_string_paragraph_separator", text: "\"\u2029\""},
	{name: "y_string_noncharacter", text: "\"\uffff\""}, {name: "y_string_last_character", text: "\"\U0010ffff\""}, {name: "y_string_BOM_in_it", text: "\"\ufeff\""},
	{name: "y_string_combining", text: "\"e\u0301\""}, {name: "y_string_right_to_left", text: "\"\u202egpj.exe\""}, {name: "y_string_long", text: `"` + strings.Repeat("x", 100_000) + `"`},
	{name: "y_string_brackets", text: `"[{]}:,"`}, {name: "y_string_backslash_u_text", text: `"\\u00g0"`}, {name: "y_string_three_byte_escape", text: `"\u0821"`},
	{name: "y_comment_line", text: "1 // one\n"}, {name: "y_comment_block", text: `/* one */ 1`}, {name: "y_comment_in_array", text: "[/* a */ 1 /* b */, // c\n 2]"},
	{name: "y_comment_in_object", text: "{/**/\"a\"/**/:/**/1/**/,/**/}"}, {name: "y_comment_with_quotes", text: "[1, /* \" ' */ 2]"}, {name: "y_comment_with_brackets", text: "[1, // ]]}}\n 2]"},
	{name: "y_comment_stars", text: `[/***/ 1 /** a **/]`}, {name: "y_comment_slashes", text: "[1 ////// x\n]"}, {name: "y_comment_umlauts", text: "[1 /* größe 😀 */]"},
	{name: "y_comment_trailing_comma", text: "{\"a\": 1, // last\n}"}, {name: "y_comment_empty", text: "[1/**/]"},
}

var invalid = []fragment{
	{name: "n_nothing", text: ``}, {name: "n_only_space", text: ` `}, {name: "n_only_comment", text: "/* nothing */"}, {name: "n_only_line_comment", text: "// nothing\n"},
	{name: "n_array_open", text: `[`}, {name: "n_array_open_value", text: `[1`}, {name: "n_array_open_comma", text: `[1,`}, {name: "n_array_open_text", text: `["a"`},
	{name: "n_array_open_deep", text: `[[[[`}, {name: "n_array_just_comma", text: `[,]`}, {name: "n_array_double_comma", text: `[1,,2]`}, {name: "n_array_double_trailing_comma", text: `[1,,]`},
	{name: "n_array_comma_first", text: `[,1]`}, {name: "n_array_no_comma", text: `[1 2]`}, {name: "n_array_no_comma_objects", text: `[{}{}]`}, {name: "n_array_colon", text: `[1:2]`},
	{name: "n_array_pair", text: `["a":1]`}, {name: "n_array_closed_by_brace", text: `[1}`}, {name: "n_array_extra_close", text: `[1]]`}, {name: "n_array_semicolon", text: `[1;2]`},
	{name: "n_array_star", text: `[*]`}, {name: "n_array_minus", text: `[-]`}, {name: "n_array_incomplete_inner", text: `[[1]`}, {name: "n_array_a_x", text: "[a\xc3\xa5]"},
	{name: "n_array_after_close", text: `[] x`}, {name: "n_array_trailing_comma_after", text: `[1],`, alone: true}, {name: "n_array_lines_unclosed", text: "[\"a\",\n4\n,1"}, {name: "n_array_spread", text: `[...[]]`},
	{name: "n_object_open", text: `{`}, {name: "n_object_open_key", text: `{"a"`}, {name: "n_object_open_colon", text: `{"a":`}, {name: "n_object_open_value", text: `{"a":1`},
	{name: "n_object_open_comma", text: `{"a":1,`}, {name: "n_object_no_colon", text: `{"a" 1}`}, {name: "n_object_double_colon", text: `{"a"::1}`}, {name: "n_object_no_value", text: `{"a":}`},
	{name: "n_object_no_key", text: `{:1}`}, {name: "n_object_bare_key", text: `{a:1}`}, {name: "n_object_single_quotes", text: `{'a':1}`}, {name: "n_object_number_key", text: `{1:1}`},
	{name: "n_object_null_key", text: `{null:1}`}, {name: "n_object_array_key", text: `{[1]:1}`}, {name: "n_object_comma_for_colon", text: `{"a",1}`}, {name: "n_object_equals", text: `{"a"=1}`},
	{name: "n_object_arrow", text: `{"a"=>1}`}, {name: "n_object_semicolon", text: `{"a":1;"b":2}`}, {name: "n_object_no_comma", text: `{"a":1 "b":2}`}, {name: "n_object_double_comma", text: `{"a":1,,"b":2}`},
	{name: "n_object_comma_first", text: `{,"a":1}`}, {name: "n_object_just_comma", text: `{,}`}, {name: "n_object_double_trailing_comma", text: `{"a":1,,}`}, {name: "n_object_just_value", text: `{1}`},
	{name: "n_object_just_text", text: `{"a"}`}, {name: "n_object_closed_by_bracket", text: `{"a":1]`}, {name: "n_object_extra_close", text: `{"a":1}}`}, {name: "n_object_after_close", text: `{"a":1} x`},
	{name: "n_object_two", text: `{}{}`}, {name: "n_object_key_continues", text: `{"a"b:1}`}, {name: "n_object_open_text", text: `{"a":"b`}, {name: "n_object_spread", text: `{...x}`},
	{name: "n_object_hash_comment", text: "{\"a\":1 # b\n}"}, {name: "n_object_template", text: `{{name}}`}, {name: "n_object_conflict_marker", text: "{\n<<<<<<< HEAD\n\"a\":1\n}"}, {name: "n_object_lone_continuation", text: "{\"\xb9\":\"0\",}"},
	{name: "n_number_plus", text: `+1`}, {name: "n_number_double_minus", text: `--1`}, {name: "n_number_leading_zero", text: `01`}, {name: "n_number_minus_leading_zero", text: `-01`},
	{name: "n_number_leading_dot", text: `.5`}, {name: "n_number_minus_dot", text: `-.5`}, {name: "n_number_trailing_dot", text: `1.`}, {name: "n_number_double_dot", text: `1..2`},
	{name: "n_number_dot_exponent", text: `1.e5`}, {name: "n_number_open_exponent", text: `1e`}, {name: "n_number_open_plus_exponent", text: `1e+`}, {name: "n_number_double_exponent", text: `1e2e3`},
	{name: "n_number_exponent_fraction", text: `1e1.5`}, {name: "n_number_hexadecimal", text: `0x1F`}, {name: "n_number_octal", text: `0o17`}, {name: "n_number_binary", text: `0b11`},
	{name: "n_number_underscore", text: `1_000`}, {name: "n_number_comma", text: `1,000`}, {name: "n_number_letter_after", text: `12a`}, {name: "n_number_space_inside", text: `1 000`},
	{name: "n_number_just_minus", text: `-`}, {name: "n_number_minus_space", text: `- 1`}, {name: "n_number_full_width", text: "\uff11"}, {name: "n_number_arabic", text: "\u0661"},
	{name: "n_number_suffix", text: `10n`}, {name: "n_number_expression", text: `1+2`}, {name: "n_number_duration", text: `10s`}, {name: "n_number_capital_E_plus_minus", text: `0E+-1`},
	{name: "n_literal_NaN", text: `NaN`}, {name: "n_literal_Infinity", text: `Infinity`}, {name: "n_literal_minus_Infinity", text: `-Infinity`}, {name: "n_literal_True", text: `True`},
	{name: "n_literal_FALSE", text: `FALSE`}, {name: "n_literal_None", text: `None`}, {name: "n_literal_undefined", text: `undefined`}, {name: "n_literal_tru", text: `tru`},
	{name: "n_literal_nul", text: `nul`}, {name: "n_literal_truth", text: `truth`}, {name: "n_literal_yes", text: `yes`},
	{name: "n_string_open", text: `"`}, {name: "n_string_open_text", text: `"abc`}, {name: "n_string_open_escape", text: `"\`}, {name: "n_string_escaped_end", text: `"\"`},
	{name: "n_string_single_quotes", text: `'a'`}, {name: "n_string_back_quotes", text: "`a`"}, {name: "n_string_curly_quotes", text: "\u201ca\u201d"}, {name: "n_string_no_quotes", text: `abc`},
	{name: "n_string_two", text: `"a" "b"`}, {name: "n_string_short_u", text: `"\u00a"`}, {name: "n_string_bad_u", text: `"\u00zz"`}, {name: "n_string_no_u", text: `"\u"`},
	{name: "n_string_upper_U", text: `"\U0041"`}, {name: "n_string_bad_second_surrogate", text: `"\ud800\u"`}, {name: "n_string_emoji_escape", text: "\"\\\U0001f300\""},
	{name: "n_comment_open", text: `[1 /* x`, alone: true}, {name: "n_comment_hash", text: "[1 # x\n]"}, {name: "n_comment_dashes", text: "[1 -- x\n]"}, {name: "n_comment_half", text: `[1 / x]`},
}

var either = []fragment{
	{name: "i_number_huge_exponent", text: `1e9999`}, {name: "i_number_tiny_exponent", text: `1e-9999`}, {name: "i_number_negative_huge", text: `-1e9999`},
	{name: "i_number_huge_integer", text: strings.Repeat("9", 400)}, {name: "i_number_very_long", text: strings.Repeat("1", 100_000)}, {name: "i_number_long_fraction", text: "0." + strings.Repeat("3", 10_000)},
	{name: "i_number_long_exponent", text: "1e" + strings.Repeat("9", 1000)}, {name: "i_number_64_bits", text: `18446744073709551616`},
	{name: "i_string_lone_high_surrogate", text: `"\ud800"`}, {name: "i_string_lone_low_surrogate", text: `"\udc00"`}, {name: "i_string_reversed_surrogates", text: `"\ude00\ud83d"`},
	{name: "i_string_two_high_surrogates", text: `"\ud800\ud800"`}, {name: "i_string_high_surrogate_and_text", text: `"\ud800abc"`}, {name: "i_object_lone_surrogate_key", text: `{"\udead":1}`},
	{name: "i_string_not_utf8", text: "\"\xff\""}, {name: "i_string_overlong", text: "\"\xc0\xaf\""}, {name: "i_string_overlong_6", text: "\"\xfc\x83\xbf\xbf\xbf\xbf\""}, {name: "i_string_cut_utf8", text: "\"\xe2\x82\""},
	{name: "i_string_latin_1", text: "\"gr\xf6\xdfe\""}, {name: "i_string_utf8_surrogate", text: "\"\xed\xa0\x80\""}, {name: "i_string_above_10ffff", text: "\"\xf4\xbf\xbf\xbf\""}, {name: "i_string_lone_continuation", text: "\"\x81\""},
	{name: "i_key_not_utf8", text: "{\"\xff\":1}"}, {name: "i_comment_not_utf8", text: "[1 /* \xff */]"},
	{name: "i_structure_BOM", text: "\ufeff{}"}, {name: "i_structure_two_BOMs", text: "\ufeff\ufeff{}"}, {name: "i_structure_half_BOM", text: "\xef\xbb{}"}, {name: "i_structure_only_BOM", text: "\ufeff"},
	{name: "i_structure_utf16_little", text: "\xff\xfe{\x00}\x00"}, {name: "i_structure_utf16_big", text: "\xfe\xff\x00{\x00}"}, {name: "i_structure_utf16_no_mark", text: "{\x00}\x00"},
	{name: "i_structure_500_arrays", text: strings.Repeat("[", 500) + strings.Repeat("]", 500)}, {name: "i_structure_100000_open", text: strings.Repeat("[", 100_000)},
	{name: "i_structure_500_objects", text: strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)}, {name: "i_comment_line_separator", text: "[1 // a\u2028b\n]"},
}
