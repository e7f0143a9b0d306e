// Package faults is the list of what can go wrong, as a table: what the program
// then shows and does, and the tests that prove it. docs/errors.md is written
// from it, and its own tests hold it against the sources: every code has its
// row, every sentence is the one in the code, every test exists and stands beside others
// that name the row's codes. That a test tries what its row says is for whoever
// reviews it.
//
// It is for documents and tests, not part of the program: nothing imports it.
// Its tables are never changed, so it may be used by several goroutines.
package faults
