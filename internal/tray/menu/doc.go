// Package menu is the tray's menu, icon and tooltip as plain data: Build turns a
// snapshot into a Menu, Diff says what changed between two, Format writes one as
// text. It knows no screen, no clock and no commands; the tray acts on what is
// clicked and a screen draws.
//
// Everything here is pure and may be called concurrently.
package menu
