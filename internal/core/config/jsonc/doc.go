// Package jsonc reads JSON with comments and trailing commas, says for people
// where it is broken, and changes single places of it: everything around them
// stays byte for byte, and what is new is written in the style of the rest. It
// knows no key and no file.
//
// A Document belongs to one goroutine at a time, also while it is only read.
package jsonc
