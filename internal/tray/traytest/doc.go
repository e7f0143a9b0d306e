// Package traytest is a desktop for tests: a private D-Bus daemon, a fake panel
// that records tray items and reads and clicks their menus, and a fake
// notification daemon. It is imported by tests only, works for code in the test's
// own process and for a built binary alike, and its Reader also reads a real
// panel's bus. It is not a replacement for looking at a real panel.
//
// Nothing here touches the environment of the test's process: the bus is passed
// on by its address, or to a child by Bus.Env. All methods may be called
// concurrently. Everything that was started ends with the test.
package traytest
