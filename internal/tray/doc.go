// Package tray presents the read model in the desktop's tray and turns clicks
// into commands. It draws on a Screen and knows no toolkit; what a menu says is
// decided by package menu, what deserves a notification by package notify.
//
// One goroutine, Run's, owns all state and does all drawing. Commands run beside
// it and report back; nothing ticks while nothing changes.
package tray
