package main

import (
	"os"
	"syscall"
)

// attachConsole gives the program the console it was typed into. A program of the GUI
// subsystem, which opens no window of its own at a double click, starts without one.
// What was redirected stays so.
func attachConsole() {
	const parent = ^uintptr(0) // ATTACH_PARENT_PROCESS
	out, _ := syscall.GetStdHandle(syscall.STD_OUTPUT_HANDLE)
	errOut, _ := syscall.GetStdHandle(syscall.STD_ERROR_HANDLE)
	if out != 0 && errOut != 0 {
		return
	}
	if ok, _, _ := syscall.NewLazyDLL("kernel32.dll").NewProc("AttachConsole").Call(parent); ok == 0 {
		return // not started from a console
	}
	console, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return
	}
	if out == 0 {
		os.Stdout = console
	}
	if errOut == 0 {
		os.Stderr = console
	}
}
