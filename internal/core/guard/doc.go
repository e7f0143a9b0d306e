// Package guard makes sure that no process outlives the program that started
// it. It holds the guard, the start and end of children, and the sweep of what
// a crash left. It knows nothing of servers, and it is not for restarting them.
//
// On Linux the program runs twice. The outer process, the guard, starts the
// inner one, the app, and adopts whatever loses its parent. When the app ends,
// in whatever way, the guard ends everything the app started and then ends with
// the app's exit code, or starts it again after a crash. If the guard dies first
// the app gets SIGTERM, ends in order and sweeps by itself. If both die at once
// the next start sweeps.
//
// A process is ours if one of three independent signs says so: its parents lead
// to us; its environment has our mark; its limit of file locks is our mark. Linux
// has not enforced that limit since 2.4.25, it is inherited by everything a
// process starts, and neither "env -i" nor setsid nor a double fork removes it.
// Nothing else is ever signalled, and never by a number that somebody else may
// have got by now.
//
// Windows needs no guard: the app is in a job object which the system ends with
// it. On macOS and elsewhere there is neither: what a server starts is ended with
// it as long as it stays in the server's process group, and a crash of the app
// leaves those servers that ignore the end of their input.
//
// All methods of a Tree may be called concurrently. The guard itself is one loop
// that waits for its children, and one goroutine that passes signals on.
package guard
