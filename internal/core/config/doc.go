// Package config reads, validates, compares, saves and watches the desired
// state: the configuration file that says which servers should run. It keeps
// nothing about what does run, and nothing the program learned by itself.
//
// The file belongs to its user. It is read with comments and trailing commas
// allowed, edited by the smallest possible splice, replaced atomically, and
// never written while it cannot be understood.
//
// A Config and a Server are plain values that nobody changes after Parse. A
// File may be used by several goroutines: its edits run one after the other.
package config
