// Package ui draws a menu in the desktop's tray: with package sni where that is
// D-Bus's, with fyne.io/systray on Windows and macOS. It decides nothing: what is
// shown comes as operations on fixed slots, what is clicked leaves as slots.
//
// Apply and Status may be called by any goroutine and do not wait for the
// desktop: one goroutine, started by Run, talks to it. Run must be called on the
// main goroutine, once in a process.
package ui
