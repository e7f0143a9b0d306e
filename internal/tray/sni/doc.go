// Package sni shows the menu in a desktop's tray over D-Bus: it is a
// StatusNotifierItem with a com.canonical.dbusmenu. It decides nothing: what is
// shown comes as a menu, what is clicked leaves as a slot. It is not for Windows
// and macOS, whose trays package ui reaches in another way.
//
// Draw is called by one goroutine and may wait for a bus that hangs. Run is
// another, which connects, registers and connects again when the bus comes back.
// D-Bus calls are answered by goroutines of the D-Bus library. What all of them
// share is guarded by Item.mu, which nobody holds while talking to the bus.
package sni
